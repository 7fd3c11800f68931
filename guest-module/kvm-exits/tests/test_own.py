# SPDX-License-Identifier: GPL-2.0-only
"""The own exits of commands, processes, CPUs and cgroups."""
import json
import os
import signal
import subprocess
import time

from common import AFTER, BEFORE, Pmu, table


class Own(Pmu):
    """The command's own exits, with software events of the kernel as the PMU."""

    def setUp(self):
        super().setUp()
        self.write(table(BEFORE), self.place + "/table")

    def busy(self):
        """A process whose thread switches, and which never ends."""
        p = subprocess.Popen(["sh", "-c", "while :; do sleep .002; done"])
        self.addCleanup(p.wait)
        self.addCleanup(p.kill)
        return p.pid

    def target(self, *args):
        s = self.stat(*args, "-I", "200ms", "-c", "1", pipe=True)
        rows = {r["name"]: r["own_exits"] for r in s["reasons"]}
        return s["total"]["own_exits"], rows

    def some(self, *args):
        """A busy machine can keep the process from running for a while."""
        self.assertTrue(any(self.target(*args)[0] > 5 for _ in range(50)))

    def need_events(self):
        self.make_pmu()
        if "are not permitted" in self.stat("--", "true", json_output=False):
            self.skipTest("perf events are not permitted here")

    def test_process(self):
        """-p: the events of processes and their threads"""
        self.need_events()
        busy, idle = self.busy(), self.busy()
        os.kill(idle, signal.SIGSTOP)
        self.some("-p", f"{busy},{idle}")
        self.assertEqual(self.target("-p", str(idle))[0], 0)
        # The most frequent reasons are counted without a filter.
        self.write(table(AFTER), self.place + "/table")
        out = subprocess.run([self.program, "stat", "-p", str(busy), "--",
                              "sleep", ".1"], stderr=subprocess.PIPE,
                             text=True, check=True).stderr
        self.assertIn(f"own: those of processes {busy})\n", out)
        ended = subprocess.Popen("true")
        ended.wait()
        p = subprocess.run([self.program, "stat", "-p", str(ended.pid)],
                           stderr=subprocess.PIPE, text=True, check=False,
                           timeout=20)
        self.assertEqual((p.returncode, p.stderr), (
            1, f"kvm-exits: -p {ended.pid}: there is no such process\n"))

    def test_cpus(self):
        """-C: the events of CPUs"""
        self.need_events()
        self.busy()
        cpus = ",".join(map(str, os.sched_getaffinity(0)))
        self.some("-C", cpus)
        for wrong in "x", "0-", "1 2":
            p = subprocess.run([self.program, "stat", "-C", wrong],
                               stderr=subprocess.PIPE, text=True, check=False,
                               timeout=20)
            self.assertEqual((p.returncode, p.stderr), (
                125, f"kvm-exits: -C {wrong}: not a list of CPUs such as "
                   "0,2-3\n"))

    def test_cgroup(self):
        """--cgroup: the events of a cgroup"""
        self.need_events()
        base = next((d for d in ("/sys/fs/cgroup/perf_event",
                                 "/sys/fs/cgroup/unified", "/sys/fs/cgroup")
                     if os.access(d + "/cgroup.procs", os.W_OK)), None)
        if not base:
            self.skipTest("cgroups cannot be made here")
        group = f"{base}/kvm-exits-test.{os.getpid()}"
        try:
            os.mkdir(group)
        except OSError:
            self.skipTest("cgroups cannot be made here")
        def remove():
            """The cgroup is busy until its last process is gone."""
            for _ in range(100):
                try:
                    return os.rmdir(group)
                except OSError:
                    time.sleep(.02)
            self.fail(f"{group} is still in use")

        p = subprocess.Popen(["sh", "-c", "read x; while :; do sleep .002; "
                              "done"], stdin=subprocess.PIPE)
        with open(group + "/cgroup.procs", "w", encoding="ascii") as f:
            f.write(str(p.pid))
        self.addCleanup(remove)
        self.addCleanup(p.wait)
        self.addCleanup(p.kill)
        name = os.path.relpath(group, "/sys/fs/cgroup")
        self.assertEqual(self.target("--cgroup", name)[0], 0)
        p.stdin.write(b"\n")
        p.stdin.close()
        self.some("--cgroup", name)

    def test_none(self):
        """--no-own: no event is opened"""
        self.make_pmu()
        err = self.stat("--no-own", "--", "sh", "-c",
                        "ls -l /proc/$PPID/fd >&2", json_output=False)
        self.assertNotIn("perf_event", err)
        self.assertNotIn("own", err)
        err = self.stat("--", "sh", "-c", "ls -l /proc/$PPID/fd >&2",
                        json_output=False)
        if "are not permitted" in err:
            self.skipTest("perf events are not permitted here")
        self.assertIn("perf_event", err)

    def stat(self, *args, json_output=True, pipe=False, **kwargs):
        p = subprocess.run([self.program, "stat",
                            *(["--json"] if json_output else []), *args],
                           capture_output=True, text=True, timeout=20,
                           check=True, **kwargs)
        out = p.stdout if pipe else p.stderr
        return json.loads(out) if json_output else out

    def test_absent(self):
        """no PMU: one clear line, and the rest works"""
        err = self.stat("--", "true", json_output=False)
        self.assertIn("the command's own are not counted:\n"
                      " there is no PMU kvm_exits: the module makes it", err)
        self.assertIn("\n0 exits in ", "\n" + err)
        self.assertIsNone(self.stat("--", "true")["total"]["own_exits"])

    def test_counted(self):
        """the events of the command and its children, encoded as in sysfs"""
        self.make_pmu()
        loop = "for i in 1 2 3 4 5 6 7 8 9 10; do sleep .001; done"
        s = self.stat("--", "true")
        if s["total"]["own_exits"] is None:
            self.skipTest("perf events are not permitted here")
        self.assertLess(s["total"]["own_exits"], 10)
        # The loop runs in a child of the command.
        long = self.stat("--", "sh", "-c", f"sh -c '{loop}'; true")
        self.assertGreaterEqual(long["total"]["own_exits"], 10)
        self.assertLess(long["total"]["own_exits"], 10000)
        # A filter chooses the reasons that are counted.
        self.write(table(AFTER), self.place + "/next")
        err = self.stat("-f", "hlt", "--", "sh", "-c",
                        f"mv {self.place}/next {self.place}/table; sleep .01",
                        json_output=False)
        self.assertRegex(err, r"\nreason +exits +own ")
        self.assertRegex(err, r"\nHLT +10 +\d+ ")
        self.assertRegex(err, r"\ntotal +60 +\d+ ")
        self.assertLess(max(map(len, err.splitlines())), 80)

    def test_repeated(self):
        """-r: the command's own exits are the mean of the runs too"""
        self.make_pmu()
        again = self.place + "/again"
        s = self.stat("-r", "2", "--", "sh", "-c",
                      f"test ! -e {again} || exit 0; >{again}; "
                      + "sleep .001; " * 60)
        if s["total"]["own_exits"] is None:
            self.skipTest("perf events are not permitted here")
        self.assertGreaterEqual(s["total"]["own_exits"], 30)
        self.assertEqual(s["runs"], 2)

    def test_too_wide(self):
        """a value that does not fit its format is refused"""
        self.make_pmu(row="config:0")
        self.write("row=0x03\n", f"{self.place}/pmu/events/exits")
        self.assertIn("does not count for tasks",
                      self.stat("--", "true", json_output=False))

    def test_forbidden(self):
        """events that are not permitted: one clear line"""
        self.make_pmu()
        with open("/proc/sys/kernel/perf_event_paranoid",
                  encoding="ascii") as f:
            if os.getuid() or int(f.read()) < 2:
                self.skipTest("root only, and with perf_event_paranoid 2")
        os.chmod(self.place, 0o755)
        err = self.stat("--", "true", json_output=False, user=65534)
        self.assertIn("perf events are not permitted", err)

    def test_processes(self):
        """top -p: exits by process, and one line where there is no PMU"""
        out = subprocess.run([self.program, "top", "-p", "0.02", "1"],
                             check=True, capture_output=True, text=True).stdout
        self.assertIn("\nno view by process: there is no PMU kvm_exits: the "
                      "module makes it: see kvm-exits check\n", out)
        self.make_pmu()
        # A process chooses its name, and root may look at it.
        busy = subprocess.Popen(["sh", "-c", "printf 'a\\033[2J\\233' "
                                 ">/proc/$$/comm; while :; do sleep .01; done"])
        self.addCleanup(busy.wait)
        self.addCleanup(busy.kill)
        out = subprocess.run([self.program, "top", "-p", "0.3", "1"],
                             check=True, capture_output=True, text=True).stdout
        if "no view by process" in out:
            self.skipTest("perf events are not permitted here")
        self.assertRegex(out, rf"\n +{busy.pid}  a\?\[2J\? +[1-9]\d*\.\d "
                              r"+[1-9]\d*\n")
