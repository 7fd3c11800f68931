# SPDX-License-Identifier: GPL-2.0-only
"""kvm-exits prometheus: the metrics, their file, and the rules."""
import os
import re
import subprocess
import time
from fractions import Fraction

from common import (HERE, PROGRAM, TIMES_ONLY, SOURCE, TestCase, histogram,
                    table, vmm)

CPUID, HLT, IO = (114, "CPUID"), (120, "HLT"), (123, "IO")
ROWS = {CPUID: [100, 2000001, 3000000, 90000, 1024, 4096, 9000],
        HLT: [50, 10000000000001, 40000000000000, 4000, 1, 2, 3],
        IO: [0, 0, 0, 0, 0, 0, 0]}

METRICS = """\
# HELP kvm_exits_info Vendor of the exit reasons, and version of the table.
# TYPE kvm_exits_info gauge
kvm_exits_info{vendor="AMD",version="1"} 1
# HELP kvm_exits_generation Changes when the counts are reset, for example by a migration.
# TYPE kvm_exits_generation gauge
kvm_exits_generation 7
# HELP kvm_exits_per_read Exits for CPUID that one scrape takes, its histograms included.
# TYPE kvm_exits_per_read gauge
kvm_exits_per_read 5
# HELP kvm_exits_tsc_hertz Frequency of the host's TSC.
# TYPE kvm_exits_tsc_hertz gauge
kvm_exits_tsc_hertz 2000000000
# HELP kvm_exits_total VM exits of this VM, by reason.
# TYPE kvm_exits_total counter
kvm_exits_total{reason="CPUID"} 100
kvm_exits_total{reason="HLT"} 50
kvm_exits_total{reason="IO"} 0
# HELP kvm_exit_handling_seconds_total Time that KVM spent in handling exits, by reason.
# TYPE kvm_exit_handling_seconds_total counter
kvm_exit_handling_seconds_total{reason="CPUID"} 0.001000000
kvm_exit_handling_seconds_total{reason="HLT"} 5000.000000000
kvm_exit_handling_seconds_total{reason="IO"} 0.000000000
"""
STOPPED = """\
# HELP kvm_exit_stopped_seconds_total Time that vCPUs were stopped by exits, by reason.
# TYPE kvm_exit_stopped_seconds_total counter
kvm_exit_stopped_seconds_total{reason="CPUID"} 0.001500000
kvm_exit_stopped_seconds_total{reason="HLT"} 20000.000000000
kvm_exit_stopped_seconds_total{reason="IO"} 0.000000000
# HELP kvm_exit_stopped_max_seconds Longest time that an exit stopped a vCPU, by reason.
# TYPE kvm_exit_stopped_max_seconds gauge
kvm_exit_stopped_max_seconds{reason="CPUID"} 0.000045000
kvm_exit_stopped_max_seconds{reason="HLT"} 0.000002000
kvm_exit_stopped_max_seconds{reason="IO"} 0.000000000
"""


class Metrics(TestCase):
    def metrics(self, text, hist=None):
        self.write(text)
        if hist:
            self.write(hist, self.file + "_histogram")
        return self.run_program("prometheus")[0]

    def promtool(self, *args, status=0, **kwargs):
        self.need("promtool")
        p = subprocess.run(["promtool", *args], text=True, timeout=20,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                           check=False, **kwargs)
        self.assertEqual(p.returncode, status, p.stdout)
        return p.stdout

    def test_exact(self):
        """every line, with the stopped time and without"""
        self.assertEqual(self.metrics(table(ROWS, exits_per_read=5,
                                            columns=TIMES_ONLY)), METRICS)
        self.assertEqual(self.metrics(table(ROWS, exits_per_read=5)),
                         METRICS + STOPPED)

    def test_cycles(self):
        """if the frequency of the host's TSC is unknown, times are cycles"""
        out = self.metrics(table(ROWS, tsc_khz=0, columns=TIMES_ONLY))
        self.assertNotIn("seconds", out)
        self.assertNotIn("hertz", out)
        self.assertIn('kvm_exit_handling_cycles_total{reason="HLT"} '
                      '10000000000001\n', out)

    def buckets(self, khz):
        """{le: cumulative count} of CPUID."""
        out = self.metrics(table(ROWS, tsc_khz=khz), histogram(
            {CPUID: (3000000, {0: 2, 3: 90, 5: 7, 23: 1}),
             IO: (0, {})}, tsc_khz=khz))
        lines = [line.rsplit(" ", 1) for line in out.splitlines()
                 if line.startswith("kvm_exit_stop_duration_seconds_")]
        self.assertEqual(lines[-2:], [
            ['kvm_exit_stop_duration_seconds_sum{reason="CPUID"}',
             f"0.{3000000 * 10**6 // khz:09d}"],
            ['kvm_exit_stop_duration_seconds_count{reason="CPUID"}', "100"]])
        found = {}
        for name, value in lines[:-2]:
            metric, reason, le = re.match(
                r'(\w+)\{reason="(\w+)",le="([^"]+)"\}', name).groups()
            self.assertEqual((metric, reason),
                             ("kvm_exit_stop_duration_seconds_bucket", "CPUID"))
            found[le] = int(value)
        return found

    def test_histogram(self):
        """the histogram has the same bounds on every host"""
        bounds = [f"{1e-6 * 2**n:.6f}" for n in range(23)] + ["+Inf"]
        # With 1024000 a bucket ends exactly at a bound.
        for khz in (1000000, 1024000, 1100000, 2000000, 2000017, 2596115,
                    5000000):
            found = self.buckets(khz)
            self.assertEqual(list(found), bounds)
            for le, value in found.items():
                # Bucket n ends at 2^(10 + n) cycles; the last one is open.
                expect = sum(n for b, n in ((0, 2), (3, 90), (5, 7))
                             if le == "+Inf" or
                             Fraction(1 << 10 + b, khz * 1000) <= Fraction(le))
                self.assertEqual(value, expect + (le == "+Inf"), (khz, le))

    def test_histogram_cycles(self):
        """without the TSC's frequency the bounds are the host's, in cycles"""
        out = self.metrics(table(ROWS, tsc_khz=0), histogram(
            {CPUID: (3000000, {0: 2, 23: 1})}, tsc_khz=0))
        self.assertIn('kvm_exit_stop_duration_cycles_bucket{reason="CPUID",'
                      'le="1024"} 2\n', out)
        self.assertIn('kvm_exit_stop_duration_cycles_bucket{reason="CPUID",'
                      'le="+Inf"} 3\n', out)
        self.assertEqual(out.count("_bucket"), 24)

    def test_families(self):
        """no two metrics share a name by the rules of OpenMetrics"""
        out = self.metrics(table(ROWS), histogram({HLT: (9, {4: 9})}))
        suffixes = {"counter": ["_total"], "gauge": [""],
                    "histogram": ["_bucket", "_sum", "_count"]}
        names = []
        for metric, kind in re.findall(r"# TYPE (\S+) (\S+)", out):
            family = re.sub("_total$", "", metric) if kind == "counter" \
                else metric
            names += {family, *(family + s for s in suffixes[kind])}
        self.assertEqual(len(names), len(set(names)), sorted(names))

    def test_nameless(self):
        """reasons without a name have no series until they occur"""
        rows = {**ROWS, (200, "REASON_200"): [0] * 7,
                (201, "REASON_201"): [1, 2, 3, 4, 5, 6, 7]}
        out = self.metrics(table(rows))
        self.assertNotIn("REASON_200", out)
        self.assertIn('kvm_exits_total{reason="REASON_201"} 1\n', out)
        self.assertIn('kvm_exits_total{reason="IO"} 0\n', out)

    def test_occurred(self):
        """--occurred: no series of a reason that never occurred"""
        self.write(table(ROWS))
        out, _ = self.run_program("prometheus", "--occurred")
        self.assertNotIn('"IO"', out)
        self.assertIn('kvm_exits_total{reason="HLT"} 50\n', out)

    def test_generations(self):
        """a histogram of another generation is not mixed with the table"""
        out = self.metrics(table(ROWS), histogram({HLT: (9, {4: 9})},
                                                  generation=8))
        self.assertNotIn("_bucket", out)
        self.assertIn("kvm_exits_total", out)

    def test_cost(self):
        """the cost of a scrape includes the reading of the histograms"""
        out = self.metrics(table(ROWS, exits_per_read=5),
                           histogram({HLT: (9, {4: 9})}))
        self.assertIn("\nkvm_exits_per_read 14\n", out)

    def test_empty_histogram(self):
        """a file of histograms with no row is no error"""
        hist = "".join(histogram({HLT: (0, {})}).splitlines(True)[:-1])
        self.assertNotIn("_bucket", self.metrics(table(ROWS), hist))

    def test_wrong_histogram(self):
        """a file of histograms with other contents is refused"""
        self.write(table(ROWS))
        self.write(table(ROWS), self.file + "_histogram")
        _, err = self.run_program("prometheus", status=1)
        self.assertEqual(err, f"kvm-exits: {self.file}_histogram: "
                              "not a table of kvm_exits_histogram\n")

    def test_check_metrics(self):
        """promtool check metrics"""
        for khz in 2000000, 0:
            out = self.metrics(table(ROWS, tsc_khz=khz),
                               histogram({HLT: (9, {4: 9})}, tsc_khz=khz))
            self.assertEqual(self.promtool("check", "metrics", input=out), "")

    def test_check_rules(self):
        """promtool check rules"""
        out = self.promtool("check", "rules", SOURCE + "/kvm-exits.rules.yml")
        self.assertIn("SUCCESS: 9 rules found", out)

    def test_rules(self):
        """promtool test rules: steady, migration, each alert and its absence"""
        self.promtool("test", "rules", HERE + "/kvm-exits.rules.test.yml")

    def make_vm(self, name, text):
        """A process whose command line is that of QEMU, and its VM."""
        p = vmm("-name", name)
        self.addCleanup(p.wait)
        self.addCleanup(p.stdin.close)
        vm = os.path.join(self.dir, f"{p.pid}-11")
        os.mkdir(vm)
        self.write(text, os.path.join(vm, "exit_stats"))
        return p.pid

    def test_vms(self):
        """--vms: a series for each VM, in one family; what occurred alone"""
        pids = [self.make_vm('guest=we"b', table(ROWS)),
                self.make_vm("db", table({HLT: [7, 70]}, generation=9,
                                         columns=TIMES_ONLY))]
        out, _ = self.run_program("prometheus", "--vms", "--debugfs", self.dir,
                                  file=False)
        web, db = (f'vm="{n}",pid="{p}"' for n, p in zip(["we_b", "db"], pids))
        lines = out.splitlines()
        self.assertEqual(sorted(line for line in lines
                                if line.startswith("kvm_exits_total")),
                         sorted([
                             f'kvm_exits_total{{{web},reason="CPUID"}} 100',
                             f'kvm_exits_total{{{web},reason="HLT"}} 50',
                             f'kvm_exits_total{{{db},reason="HLT"}} 7']))
        self.assertIn(f"kvm_exits_generation{{{db}}} 9", lines)
        self.assertIn(f'kvm_exits_info{{{db},vendor="AMD",version="1"}} 1',
                      lines)
        # Only one of them has the second clock.
        self.assertEqual([line.split('reason="')[1] for line in lines
                          if line.startswith("kvm_exit_stopped_max_seconds{")],
                         ['CPUID"} 0.000045000', 'HLT"} 0.000002000'])
        families = re.findall(r"(?m)^# TYPE (\S+)", out)
        self.assertEqual(len(families), len(set(families)))
        self.assertEqual(self.promtool("check", "metrics", input=out), "")

    def test_vms_names(self):
        """--vms: no name adds lines or labels; VMs of one process differ"""
        name = b'x"} 1\nforged{vm="\xff\xc3\x1b\\\xc2\x9bcaf\xc3\xa9'
        pid = self.make_vm(name, table(ROWS))
        self.make_vm("", table(ROWS))
        other = os.path.join(self.dir, f"{pid}-12")
        os.mkdir(other)
        self.write(table(ROWS), os.path.join(other, "exit_stats"))
        out = self.run_program("prometheus", "--vms", "--debugfs", self.dir,
                               file=False)[0]
        self.assertEqual(self.promtool("check", "metrics", input=out), "")
        self.assertNotRegex(out, "(?m)^forged")
        for fd in 11, 12:
            self.assertIn('kvm_exits_generation{vm="x_} 1_forged{vm=______'
                          f'_caf\u00e9",pid="{pid}-{fd}"}} 7\n', out)
        series = re.findall(r"(?m)^(\w.*) \S+$", out)
        self.assertEqual(len(series), len(set(series)))

    def test_vms_interval(self):
        """-I replaces the file until a signal comes"""
        self.make_vm("web", table(ROWS))
        path = os.path.join(self.dir, "x.prom")
        p = subprocess.Popen([PROGRAM, "prometheus", "--vms", "--debugfs",
                              self.dir, "-I", "20ms", "--textfile", path])
        for _ in range(2):
            for _ in range(500):
                if os.path.exists(path):
                    break
                time.sleep(0.02)
            os.unlink(path)
        p.terminate()
        self.assertEqual(p.wait(timeout=20), 0)
        for argv in (["--vms", "--vm", "web"], ["--vms", "--file", path],
                     ["-I", "1s"]):
            _, err = self.run_program("prometheus", *argv, file=False,
                                      status=2)
            self.assertEqual(err.count("\n"), 1)

    def test_textfile(self):
        """the file is replaced in one step, and any user may read it"""
        self.write(table(ROWS))
        path = os.path.join(self.dir, "kvm_exits.prom")
        self.write("old\n", path)
        old = os.open(path, os.O_RDONLY)
        self.addCleanup(os.close, old)
        # The program must not write to its current directory.
        self.run_program("prometheus", "--textfile", path, cwd="/proc",
                         preexec_fn=lambda: os.umask(0o077))
        self.assertEqual(os.stat(path).st_mode & 0o7777, 0o644)
        with open(path, encoding="ascii") as f:
            self.assertEqual(f.read(), self.run_program("prometheus")[0])
        # A reader that has the old file open reads all of it.
        self.assertEqual(os.read(old, 100), b"old\n")
        self.assertEqual(sorted(os.listdir(self.dir)),
                         ["kvm_exits", "kvm_exits.prom"])

    def test_textfile_relative(self):
        """a file in the current directory"""
        self.write(table(ROWS))
        self.run_program("prometheus", "--textfile", "x.prom", cwd=self.dir)
        self.assertTrue(os.path.exists(os.path.join(self.dir, "x.prom")))

    def test_textfile_failure(self):
        """the old file stays if the new one cannot be made"""
        path = os.path.join(self.dir, "kvm_exits.prom")
        self.write("old\n", path)
        self.write(table(ROWS, version=9))
        self.run_program("prometheus", "--textfile", path, status=1)
        self.write(table(ROWS))
        # What is no file, such as /dev/null, is not replaced by one.
        os.mkdir(path + ".d")
        os.symlink("/dev/null", path + ".null")
        for end in ".d", ".null":
            _, err = self.run_program("prometheus", "--textfile", path + end,
                                      status=1)
            self.assertEqual(err, f"kvm-exits: {path}{end}: not a regular "
                                  "file, so it is not replaced\n")
        self.assertEqual(os.readlink(path + ".null"), "/dev/null")
        _, err = self.run_program("prometheus", "--textfile",
                                  self.dir + "/none/x.prom", status=1)
        self.assertIn(": No such file or directory\n", err)
        self.assertEqual(sorted(os.listdir(self.dir)),
                         ["kvm_exits", "kvm_exits.prom", "kvm_exits.prom.d",
                          "kvm_exits.prom.null"])
        with open(path, encoding="ascii") as f:
            self.assertEqual(f.read(), "old\n")
