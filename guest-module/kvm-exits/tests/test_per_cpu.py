# SPDX-License-Identifier: GPL-2.0-only
"""kvm-exits report --per-cpu, with software events of the kernel as the PMU."""
import json
import os
import re
import subprocess

from common import Pmu, TestCase, table
from test_json import SCHEMA, errors

TSC_KHZ = 2000000
COST = 2000  # cycles of a stop, 1 us
SWITCHES = 400


def rows(exits):
    return {(124, "MSR"): [exits, exits * COST // 4, exits * COST, COST, COST,
                           COST, COST],
            (120, "HLT"): [100 + exits // 10, 100, 10 ** 9 + exits * 10 ** 6,
                           1, 1, 1, 1]}


class PerCpu(Pmu):
    def setUp(self):
        super().setUp()
        self.table = self.place + "/table"
        self.write(table(rows(1)), self.table)
        self.after = self.place + "/after"
        self.cpu = max(os.sched_getaffinity(0))
        # The script sleeps, so that this CPU switches between tasks.
        self.script = (f"i=0; while [ $i -lt {SWITCHES} ]; do sleep .001; "
                       "i=$((i + 1)); done")

    def events(self, config=3):
        """Config 3 counts the switches of tasks, 4 their migrations."""
        self.make_pmu()
        for event in "exits", "msr":
            self.write(f"row={config},kind=0x0\n",
                       f"{self.place}/pmu/events/{event}")

    def start(self, *args):
        return subprocess.run(
            [self.program, "report", "--per-cpu", *args, "--", "taskset",
             "-c", str(self.cpu), "sh", "-c", self.script + '; mv "$0" "$1"',
             self.after, self.table],
            capture_output=True, text=True, timeout=60, check=False)

    def run_report(self, *args, exits=100000):
        self.write(table(rows(exits)), self.after)
        p = self.start(*args)
        if "perf events are not permitted" in p.stderr:
            self.skipTest("perf events of a CPU are not permitted here")
        self.assertEqual(p.returncode, 0, p.stderr)
        return p.stdout

    def test_json(self):
        """each CPU has its exits, and loses the VM's average for each"""
        self.events()
        out = json.loads(self.run_report("--json"))
        self.assertEqual(list(errors(out, SCHEMA["$defs"]["stat"])), [])
        found = {v["name"]: v for v in out["advice"]["by_vcpu"]}
        online = {f"CPU {n}" for n in range(os.cpu_count())}
        self.assertLessEqual(set(found), online)
        mine = found[f"CPU {self.cpu}"]
        self.assertGreaterEqual(mine["exits"], SWITCHES)
        for v in found.values():
            self.assertAlmostEqual(v["exits_per_second"],
                                   v["exits"] / out["seconds"], places=2)
            self.assertEqual(v["most"], "MSR")
            # The events of a CPU are read one after the other, so they differ a bit.
            least = v["exits"] * COST / TSC_KHZ / 10 / out["seconds"]
            self.assertGreaterEqual(v["cost_percent"], round(least, 3) - 0.001)
            self.assertLess(v["cost_percent"], 1.05 * least + 0.01)
        costs = [v["cost_percent"] for v in out["advice"]["by_vcpu"]]
        self.assertEqual(costs, sorted(costs, reverse=True))

    def test_text(self):
        """the report has a list of the CPUs, and names the first"""
        self.events()
        out = self.run_report()
        lines = re.search(r"\nExits by vCPU, .*\n +exits +exits/s +lost +most\n"
                          r"((?:  CPU \d+ +\d+ +[\d.]+ +[\d.]+ %  MSR 1?\d\d %"
                          r"\n)+)", out).group(1).splitlines()
        flat = " ".join(out.split())
        self.assertRegex(flat, re.escape(" ".join(lines[0].split()[:2])) +
                         r" takes \d+ % of the exits and loses about [\d.]+ %")
        self.assertNotIn("If one vCPU takes all exits", flat)
        self.assertLessEqual(max(map(len, out.splitlines())), 80)

    def test_few(self):
        """what the vCPUs show decides, and not the bound"""
        if os.cpu_count() < 2:
            self.skipTest("there is one CPU")
        self.events(config=4)
        self.script = ("for i in 1 2 3 4 5; do for n in 0 1; do "
                       "taskset -c $n true; done; done; sleep 1")
        # About 9000 exits a second, if one CPU took them all.
        out = json.loads(self.run_report("--json", exits=9000))
        self.assertEqual(out["advice"]["verdict"], "not_the_cause")
        self.assertEqual(out["advice"]["remarks"], [])

    def test_none(self):
        """no PMU: one line, and the command does not run"""
        self.write(table(rows(9)), self.after)
        p = self.start()
        self.assertEqual(p.returncode, 125)
        self.assertRegex(p.stderr, r"\Akvm-exits: --per-cpu: there is no PMU "
                                   r"kvm_exits: .*\n\Z")
        self.assertTrue(os.path.exists(self.after))


class Usage(TestCase):
    def test_usage(self):
        """--per-cpu needs a time, and a live table"""
        for args, words in ((["--per-cpu"], "needs -I or a command"),
                            (["--per-cpu", "-I", "1", "--csv"], "with --csv"),
                            (["--per-cpu", "-I", "1", "--file", "/dev/null"],
                             "neither with --file")):
            _, err = self.run_program("report", *args, file=False, status=125)
            self.assertIn(words, err)
            self.assertEqual(err.count("\n"), 1)
