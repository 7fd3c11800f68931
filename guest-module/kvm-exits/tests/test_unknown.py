# SPDX-License-Identifier: GPL-2.0-only
"""Unknown is not zero: columns that a source does not have, in each command."""
import csv
import io
import json
import os
import re

from common import COLUMNS, TestCase, table

ROWS = {(114, "CPUID"): [40000, 80000000, 120000000, 90000, 1, 1, 1],
        (120, "HLT"): [2000, 4000000, 9000000000, 9000000, 1, 1, 1],
        (1024, "NPF"): [8000, 16000000, 20000000, 20000, 1, 1, 1]}
DOUBLE = {k: [2 * n for n in v] for k, v in ROWS.items()}

EXITS_ONLY = COLUMNS[:1]
STOPS_ONLY = ["exits", "stopped_cycles"]


def part(columns, rows=None, **kwargs):
    """A table with some of the columns."""
    places = [COLUMNS.index(c) for c in columns]
    rows = {k: [v[p] for p in places] for k, v in (rows or ROWS).items()}
    total = ["-", "total"] + [str(sum(v[i] for v in rows.values()))
                              for i in range(len(columns))]
    text = table(rows, columns=columns, **kwargs)
    return re.sub(r"(?m)^- total.*$", " ".join(total), text)


class Unknown(TestCase):
    def stat(self, columns, *args):
        self.feed(part(columns), part(columns, DOUBLE))
        return self.run_program("stat", "-I", "1", "-c", "1", *args)[0]

    def test_stat_text(self):
        """stat: a dash, and the shares of the time that is known"""
        out = self.stat(EXITS_ONLY)
        self.assertIn("50000 exits in ", out)
        self.assertIn(", handling time unknown", out)
        self.assertRegex(out, r"\n(reason) +exits +exits/s +time% +cpu% +"
                              r"average\n")
        for name, exits in ("CPUID", 40000), ("HLT", 2000), ("total", 50000):
            self.assertRegex(out, rf"\n{name} +{exits} +[\d.]+ +- +- +-\n")
        out = self.stat(STOPS_ONLY)
        self.assertRegex(out, r"\nreason +exits +exits/s +stop% +cpu% +"
                              r"average +stopped\n")
        self.assertRegex(out, r"\nHLT +2000 +[\d.]+ +98\.47 +- +- +2\.25ms\n")
        self.assertRegex(out, r"\ntotal +50000 +[\d.]+ +100\.00 +- +- +91")
        self.assertLess(max(map(len, out.splitlines())), 81)

    def test_stat_order(self):
        """stat: the order is that of the time that is known, or of exits"""
        for columns, names in ((EXITS_ONLY, ["CPUID", "NPF", "HLT"]),
                               (STOPS_ONLY, ["HLT", "CPUID", "NPF"])):
            for key in ([], ["-s", "average"]):
                s = json.loads(self.stat(columns, "--json", *key))
                if columns == EXITS_ONLY or not key:
                    self.assertEqual([r["name"] for r in s["reasons"]], names)

    def test_stat_json(self):
        """stat: null in JSON"""
        s = json.loads(self.stat(EXITS_ONLY, "--json"))
        for row in s["total"], *s["reasons"]:
            for key, value in row.items():
                if key not in ("reason", "name", "exits", "exits_per_second"):
                    self.assertIsNone(value, key)
        s = json.loads(self.stat(STOPS_ONLY, "--json"))
        self.assertEqual(s["total"]["stopped_cycles"], 9140000000)
        self.assertEqual(s["total"]["stopped_seconds"], 4.57)
        for key in ("cycles", "time_percent", "handling_seconds",
                    "average_cycles", "cpu_percent"):
            self.assertIsNone(s["total"][key], key)

    def test_stat_csv(self):
        """stat: an empty field in CSV"""
        for row in csv.DictReader(io.StringIO(self.stat(EXITS_ONLY, "--csv"))):
            for key, value in row.items():
                if key in ("exits", "exits_per_second"):
                    self.assertNotEqual(value, "")
                elif key not in ("wall_time", "time", "seconds", "state",
                                 "reason", "name", "vendor", "tsc_khz",
                                 "generation"):
                    self.assertEqual(value, "", key)

    def test_repeat(self):
        """stat -r: an unknown time has no mean and no deviation"""
        self.write(part(EXITS_ONLY))
        _, err = self.run_program("stat", "-r", "2", "--", "true")
        self.assertRegex(err, r"\ntotal +0 \+-  0\.0% +- +- +- +-\n")

    def test_nanoseconds(self):
        """times in ns are no cycles of the TSC, and still seconds"""
        text = part(STOPS_ONLY, tsc_khz=1000000)
        t = self.report(text.replace("# generation", "# unit ns\n# generation"))
        self.assertEqual((t["tsc_khz"], t["total"]["stopped_cycles"],
                          t["total"]["average_stopped_cycles"],
                          t["total"]["stopped_seconds"]), (0, None, None, 9.14))

    def test_top(self):
        """top: a dash"""
        for columns, cells, clock in (
                (EXITS_ONLY, r"- +- +- +40000 +-", "unknown"),
                (STOPS_ONLY, r"1\.31 *[\d.]+ +1\.50us +40000 +1\.31",
                 "stopped")):
            self.feed(part(columns), part(columns, DOUBLE))
            out, _ = self.run_program("top", "-I", "1ms", "-c", "1")
            self.assertIn(f", time {clock}, by time\n", out)
            self.assertRegex(out, rf"\nCPUID +[\d.]+ +{cells}\n")

    def test_report(self):
        """report: what is unknown is not shown, and earns no advice"""
        self.write(part(EXITS_ONLY))
        out, _ = self.run_program("report")
        self.assertIn("50000 exits, handled by KVM in an unknown time.\n", out)
        for words in ("Where KVM's time went", "How long exits stopped",
                      "KVM's time,", "of the stopped time", "nan"):
            self.assertNotIn(words, out)
        self.assertRegex(out, r"\nCPUID:\n80 % of the exits\n")
        # HLT has 4 % of the exits, and most of the time that is not known.
        self.assertNotIn("HLT:", out)
        self.write(part(STOPS_ONLY))
        out, _ = self.run_program("report")
        self.assertIn("How long exits stopped a vCPU", out)
        self.assertNotIn("Where KVM's time went", out)
        self.assertRegex(out, r"\nCPUID:\n80 % of the exits, 86 % of the "
                              r"stopped time without sleep\n")

    def test_report_rate(self):
        """report: a low rate alone does not show that exits are harmless"""
        for rows, words in (({(114, "CPUID"): [300, 1, 1, 1, 1, 1, 1]},
                             "only if each takes long"),
                            ({(114, "CPUID"): [900, 1, 1, 1, 1, 1, 1]},
                             "CPUID: 100 % of the exits")):
            text = part(EXITS_ONLY, rows)
            self.write(text.replace("# generation",
                                    "# nanoseconds 1000000000\n# generation"))
            out, _ = self.run_program("report")
            out = " ".join(out.split())
            self.assertIn(words, out)
            self.assertIn("How long they take is unknown", out)
            self.assertNotIn("Exits are not the cause", out)
            self.assertNotIn(" of its time", out)

    def test_advice_vmm(self):
        """report: who did the work is not concluded from one clock"""
        rows = {(123, "IO"): [40000, 1, 9000000000, 1, 1, 1, 1]}
        for columns in EXITS_ONLY, STOPS_ONLY:
            self.write(part(columns, rows))
            out = " ".join(self.run_program("report")[0].split())
            self.assertNotIn("KVM handles most of these", out)
            self.assertNotIn("The VMM does most", out)

    def test_advice_source(self):
        """report: no claim about KVM's time, and no command that needs the patch"""
        rows = {(1024, "NPF"): [40000, 1, 9000000000, 1, 1, 1, 1]}
        text = part(STOPS_ONLY, rows)
        for source, who in ("", True), ("# source perf\n", False):
            self.write(text.replace("# generation", source + "# generation"))
            out = " ".join(self.run_program("report")[0].split())
            self.assertIn("stopped far longer than KVM needs)", out)
            self.assertNotIn("KVM handles it", out)
            self.assertEqual("kvm-exits who" in out, who)

    def test_save(self):
        """save: the column is left out, and reading it gives the same"""
        for columns in EXITS_ONLY, STOPS_ONLY:
            self.write(part(columns))
            before = self.run_program("report")[0]
            saved = os.path.join(self.dir, "saved")
            self.run_program("save", saved)
            with open(saved, encoding="ascii") as f:
                self.assertIn("\n# reason name " + " ".join(columns) + "\n",
                              f.read())
            self.assertEqual(self.run_program("report", "--file", saved)[0],
                             before)

    def test_record(self):
        """record: the column is left out, and its replay and its page have no zero"""
        path = os.path.join(self.dir, "record")
        page = os.path.join(self.dir, "page")
        for columns in EXITS_ONLY, STOPS_ONLY:
            self.feed(part(columns), part(columns, DOUBLE))
            self.run_program("record", "-I", "1ms", "-c", "1", path)
            with open(path, encoding="ascii") as f:
                self.assertEqual(f.read().count("\n# reason name " +
                                                " ".join(columns) + "\n"), 2)
            out, _ = self.run_program("stat", "--file", path, "--json",
                                      file=False)
            total = json.loads(out)["total"]
            self.assertEqual((total["exits"], total["cycles"],
                              total["stopped_cycles"]),
                             (50000, None, None if columns == EXITS_ONLY
                              else 9140000000))
            self.run_program("report", "--file", path, "--html", page,
                             file=False)
            with open(page, encoding="utf-8") as f:
                text = f.read()
            self.assertIn("50000 exits, handled by KVM in an unknown time.",
                          text)
            self.assertNotIn("nan", text)
            self.assertEqual("How long exits stopped" in text,
                             columns == STOPS_ONLY)

    def test_limit(self):
        """stat --fail-if: an unknown value exceeds no limit and keeps none"""
        for sign in "<>":
            self.feed(part(EXITS_ONLY), part(EXITS_ONLY, DOUBLE))
            out, _ = self.run_program("stat", "-I", "1", "-c", "1", "--fail-if",
                                      f"CPUID{sign}5%", status=3)
            self.assertIn(f"UNKNOWN: CPUID{sign}5%: cpu_percent is -\n", out)

    def test_diff(self):
        """diff: the average of the time that both have, or a dash"""
        other = os.path.join(self.dir, "other")
        for a, b, cells, column in (
                (EXITS_ONLY, COLUMNS, r"- +-", "A average"),
                (STOPS_ONLY, COLUMNS, r"1\.50us +1\.50us", "A stopped"),
                (COLUMNS, COLUMNS, r"1\.00us +1\.00us", "A average")):
            self.write(part(a))
            self.write(part(b), other)
            out, _ = self.run_program("diff", self.file, other, file=False)
            self.assertRegex(out, rf"\nCPUID +40000 +40000 +\+0% +{cells}\n")
            self.assertIn(column, out)

    def test_prometheus(self):
        """prometheus: no metric of a time that is not known"""
        for columns, present in ((EXITS_ONLY, False), (STOPS_ONLY, True)):
            self.write(part(columns))
            out, _ = self.run_program("prometheus")
            self.assertIn('kvm_exits_total{reason="CPUID"} 40000\n', out)
            self.assertNotIn("handling", out)
            self.assertEqual("kvm_exit_stopped_seconds_total" in out, present)

    def test_hist(self):
        """hist: no histogram is an error of one line"""
        self.write(part(EXITS_ONLY))
        _, err = self.run_program("hist", status=1)
        self.assertEqual(err.count("\n"), 1)

    def test_vms(self):
        """vms: a dash, and the sleep of HLT is not the most time"""
        vm = os.path.join(self.dir, f"{os.getpid()}-11")
        os.mkdir(vm)
        self.file = os.path.join(vm, "exit_stats")
        for columns, most in (EXITS_ONLY, "-"), (STOPS_ONLY, "CPUID"):
            self.feed(part(columns), part(columns, DOUBLE))
            out, _ = self.run_program("vms", "-I", "1ms", "-c", "1",
                                      "--debugfs", self.dir, file=False)
            self.assertRegex(out, rf" +[\d.]+ +-  {most}\n")

    def test_source(self):
        """--source: a source that is not there is refused in one line"""
        self.write(part(COLUMNS))
        self.run_program("report", "--source", "file")
        for name in "nonesuch", "debugfs":
            _, err = self.run_program("report", "--source", name, status=1)
            self.assertEqual(err, f"kvm-exits: {name}: no such source of a "
                                  "file\n")
            _, err = self.run_program("report", "--source", name, status=1,
                                      file=False)
            self.assertEqual(err, f"kvm-exits: {name}: no such source: file "
                                  "or leaves\n")
        _, err = self.run_program("vms", "--source", "file", status=1,
                                  file=False)
        self.assertEqual(err, "kvm-exits: file: no such source of a VM: "
                              "debugfs or tracepoints\n")
        _, err = self.run_program("check", "--source", "file", status=2,
                                  file=False)
        self.assertEqual(err, "kvm-exits: --source: no such option of check; "
                              "see kvm-exits check --help\n")
