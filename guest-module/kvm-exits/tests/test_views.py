# SPDX-License-Identifier: GPL-2.0-only
"""Times, percentiles, repeats, filters, histograms, saved tables and VMs."""
import datetime
import fcntl
import json
import os
import pty
import re
import shutil
import signal
import struct
import subprocess
import tempfile
import termios
import time

from common import (COLUMNS, KEYS, PROGRAM, TIMES_ONLY, Pmu, TestCase,
                    histogram, table, vmm)

CPUID, HLT, IO = (114, "CPUID"), (120, "HLT"), (123, "IO")
BEFORE = {CPUID: [100, 200000, 300000, 9000, 1, 1, 1],
          HLT: [50, 100000, 900000, 9000, 1, 1, 1],
          IO: [7, 7000, 7000, 1000, 1, 1, 1]}
AFTER = {CPUID: [150, 320000, 450000, 9000, 1, 1, 1],
         HLT: [60, 160000, 2900000, 9000, 1, 1, 1],
         IO: [7, 7000, 7000, 1000, 1, 1, 1]}


class Times(TestCase):
    def interval(self, *args):
        self.feed(table(BEFORE), table(AFTER))
        return json.loads(self.run_program("stat", "-c", "1", "--json",
                                           *args)[0])

    def test_units(self):
        """an interval with its unit; a bare number is milliseconds"""
        for given, seconds in (("30", .03), ("30ms", .03), ("0.03s", .03),
                               (".03s", .03), ("30000us", .03),
                               ("0.0005m", .03), ("0.0005min", .03)):
            s = self.interval("-I", given)["seconds"]
            self.assertGreaterEqual(s, seconds, given)
            self.assertLess(s, seconds + 9, given)

    def test_top(self):
        """top takes seconds and a count, as vmstat does"""
        self.write(table(BEFORE))
        begin = time.monotonic()
        out, _ = self.run_program("top", "0.05", "2")
        self.assertEqual(out.count("kvm-exits: AMD"), 2)
        self.assertGreaterEqual(time.monotonic() - begin, 0.1)

    def test_wall_clock(self):
        """the time of day in each form, with the offset from UTC"""
        for zone, offset in (("UTC", "+00:00"), ("EST5", "-05:00"),
                             ("IST-5:30", "+05:30")):
            env = {**os.environ, "TZ": zone}
            self.feed(table(BEFORE), table(AFTER))
            s = json.loads(self.run_program("stat", "-I", "1", "-c", "1",
                                            "--json", env=env)[0])
            self.assertTrue(s["wall_time"].endswith(offset), s["wall_time"])
            then = datetime.datetime.fromisoformat(s["wall_time"])
            now = datetime.datetime.now(datetime.timezone.utc)
            self.assertLess(abs((now - then).total_seconds()), 5)

    def keys(self, value):
        if isinstance(value, dict):
            for key, v in value.items():
                yield key
                yield from self.keys(v)
        elif isinstance(value, list):
            for v in value:
                yield from self.keys(v)

    def test_keys(self):
        """JSON has a version, and keys that jq takes without quotes"""
        s = self.interval("-I", "1")
        self.assertEqual(s["version"], 2)
        for key in self.keys(s):
            self.assertRegex(key, r"\A[a-z_][a-z0-9_]*\Z")

    def test_rounding(self):
        """a time has the unit of the rounded number"""
        for cycles, shown in ((1998, "999ns"), (1999, "1.00us"),
                              (1999980, "999.99us"), (1999992, "1.00ms"),
                              (1999980000, "999.99ms"), (1999992000, "1.00s")):
            self.feed(table({HLT: [0, 0]}, columns=TIMES_ONLY),
                      table({HLT: [1, cycles]}, columns=TIMES_ONLY))
            out, _ = self.run_program("stat", "-I", "1", "-c", "1")
            self.assertRegex(out, rf"\nHLT .* {re.escape(shown)}\n")

    def test_share(self):
        """each reason has its share of one CPU"""
        s = self.interval("-I", "10")
        rows = {r["name"]: r for r in s["reasons"]}
        for name, cycles in ("CPUID", 120000), ("HLT", 60000):
            expect = 100 * cycles / 2e9 / s["seconds"]
            self.assertAlmostEqual(rows[name]["cpu_percent"], expect, 3)


class Percentiles(TestCase):
    def setUp(self):
        super().setUp()
        self.hist = self.file + "_histogram"
        self.write(table(BEFORE))
        self.write(histogram({CPUID: (300000, {0: 100}),
                              HLT: (900000, {3: 50})}), self.hist)
        self.later = os.path.join(self.dir, "later")
        self.write(table(AFTER), self.later)
        self.write(histogram({CPUID: (450000, {0: 140, 5: 10}),
                              HLT: (2900000, {3: 50, 23: 10})}),
                   self.later + "_histogram")

    def test_interval(self):
        """the percentiles are those of the interval, not of all time"""
        _, err = self.run_program(
            "stat", "-P", "--json", "--", "sh", "-c",
            'mv "$0" "$1"; mv "$0_histogram" "$1_histogram"', self.later,
            self.file)
        rows = {r["name"]: r for r in json.loads(err)["reasons"]}
        # 40 stops of at most 2^10 cycles and 10 of 2^15; those of HLT are long.
        self.assertEqual([rows["CPUID"][k] for k in KEYS[4:]],
                         [1 << 10, 1 << 15, 1 << 15])
        self.assertEqual([rows["HLT"][k] for k in KEYS[4:]], [None] * 3)
        # Without -P there are none, and the histogram is not read.
        os.unlink(self.hist)
        self.write("no histogram", self.hist)
        self.feed(table(BEFORE), table(AFTER))
        s = json.loads(self.run_program("stat", "-I", "1", "-c", "1",
                                        "--json")[0])
        self.assertEqual(s["total"]["p50"], None)

    def test_width(self):
        """stat -P fits into 80 columns, and a wide terminal has all columns"""
        name = (1026, "AVIC_UNACCELERATED_ACCESS")
        self.write(table({name: BEFORE[HLT]}))
        self.write(histogram({name: (900000, {3: 50})}), self.hist)
        self.write(table({name: [12345678, *AFTER[HLT][1:]]}), self.later)
        self.write(histogram({name: (2900000, {3: 50, 20: 10})}),
                   self.later + "_histogram")
        _, err = self.run_program(
            "stat", "-P", "--", "sh", "-c",
            'mv "$0" "$1"; mv "$0_histogram" "$1_histogram"', self.later,
            self.file)
        self.assertRegex(err, r"\nreason +exits  time%  average    p50    p99"
                              r"  p99.9\n")
        self.assertRegex(err, r"\nAVIC_UNACCELERATED_ACCESS +12345628 .*"
                              r" 537ms  537ms  537ms\n")
        self.assertLess(max(map(len, err.splitlines())), 80)
        self.write(table({name: BEFORE[HLT]}))
        master, slave = pty.openpty()
        self.addCleanup(os.close, master)
        fcntl.ioctl(slave, termios.TIOCSWINSZ,
                    struct.pack("4H", 24, 120, 0, 0))
        subprocess.run([PROGRAM, "stat", "--file", self.file, "-P", "--",
                        "true"], stderr=slave, check=True)
        os.close(slave)
        self.assertIn(b"exits/s  time%   cpu%  average  stopped    p50",
                      os.read(master, 9999))

    def test_cost(self):
        """the exits of reading the histograms are subtracted too"""
        self.write(table(BEFORE, exits_per_read=3))
        _, err = self.run_program("stat", "-P", "--json", "--", "sh", "-c",
                                  'mv "$0" "$1"', self.later, self.file)
        self.assertEqual(json.loads(err)["read_exits"], 12)

    def test_top(self):
        """top -P shows percentiles in 80 columns"""
        out, _ = self.run_program("top", "-P", "-I", "5ms", "-c", "1")
        self.assertRegex(out, r"\nreason .* p50 +p99 +p99\.9\n")
        self.assertLess(max(map(len, out.splitlines())), 80)

    def test_hist(self):
        """hist draws the stops of a reason, or of all"""
        out, _ = self.run_program("hist", "cpuid")
        self.assertEqual(out, """\
CPUID: 100 stops
       up to        stops       %
       512ns          100  100.00 ########################################
""")
        out, _ = self.run_program("hist")
        self.assertEqual(out, """\
total: 150 stops
       up to        stops       %
       512ns          100   66.67 ########################################
      1.02us            0    0.00
      2.05us            0    0.00
      4.10us           50   33.33 ####################
""")
        out, _ = self.run_program("hist", "-f", "^(CPUID|HLT)$")
        self.assertEqual(re.findall(r"(?m)^(\w+): ", out), ["CPUID", "HLT"])
        _, err = self.run_program("hist", "nonesuch", status=1)
        self.assertEqual(err, "kvm-exits: nonesuch: the table has no such "
                              "reason\n")
        os.unlink(self.hist)
        _, err = self.run_program("hist", status=1)
        self.assertIn("_histogram: no histograms: not measured, or", err)


class Repeat(TestCase):
    def runs(self, *exits):
        texts = []
        for n in exits:
            texts += [table({HLT: [0, 0]}, columns=TIMES_ONLY),
                      table({HLT: [n, 1000 * n]}, columns=TIMES_ONLY)]
        self.feed(*texts)
        return str(len(exits))

    def test_exact(self):
        """-r: the mean and the standard deviation of the runs"""
        _, err = self.run_program("stat", "-r", self.runs(10, 20, 60), "--json",
                                  "--", "true")
        s = json.loads(err)
        row, = s["reasons"]
        self.assertEqual((s["runs"], row["exits"], row["cycles"],
                          row["exits_deviation"], row["cycles_deviation"]),
                         (3, 30, 30000, 26.5, 26457.5))
        self.assertEqual(s["total"]["exits"], 30)

    def test_text(self):
        """-r: in text, the deviation in percent of the mean"""
        _, err = self.run_program("stat", "-r", self.runs(10, 20, 60), "--",
                                  "true")
        self.assertIn("(mean of 3 runs; +-: standard deviation of the runs, "
                      "in percent)\n", err)
        self.assertRegex(err, r"\nHLT +30 \+- 88\.2% .* \+-  0\.0%\n")

    def test_average(self):
        """-r: the deviation of the average is that of the runs' averages"""
        texts = []
        for cycles in 1000, 2000, 3000:
            texts += [table({HLT: [0, 0]}, columns=TIMES_ONLY),
                      table({HLT: [10, 10 * cycles]}, columns=TIMES_ONLY)]
        for args in [], ["--json"]:
            self.feed(*texts)
            _, err = self.run_program("stat", "-r", "3", *args, "--", "true")
            if args:
                row, = json.loads(err)["reasons"]
                self.assertEqual(row["average_cycles_deviation"], 1000)
            else:
                self.assertRegex(err, r"\nHLT +10 \+-  0\.0% "
                                      r".* 1\.00us \+- 50\.0%\n")

    def test_status(self):
        """-r: all runs are made, and a status that is not 0 is returned"""
        path = os.path.join(self.dir, "runs")
        self.run_program("stat", "-r", self.runs(1, 2, 3), "--", "sh", "-c",
                         f'echo >>{path}; test $(wc -l <{path}) != 2',
                         status=1)
        with open(path, encoding="ascii") as f:
            self.assertEqual(f.read(), "\n\n\n")


class Filter(TestCase):
    def test_all(self):
        """-f: an expression, in any case; the total is still the VM's"""
        for args, expect in ((["-f", "^h"], ["HLT"]),
                             (["-f", "io|cpuid"], ["CPUID"]),
                             (["--filter", "^io$"], [])):
            self.feed(table(BEFORE), table(AFTER))
            s = json.loads(self.run_program("stat", "-I", "1", "-c", "1",
                                            "--json", *args)[0])
            self.assertEqual([r["name"] for r in s["reasons"]], expect)
            self.assertEqual(s["total"]["exits"], 60)
        self.write(table(AFTER))
        for command in ["report", "--csv"], ["prometheus"]:
            out, _ = self.run_program(*command, "-f", "^HLT$")
            self.assertIn("HLT", out)
            self.assertNotIn("CPUID,", out)
            self.assertNotIn('"CPUID"', out)
        out, _ = self.run_program("top", "-I", "1ms", "-c", "1", "-f", "^HLT$")
        self.assertNotIn("\nCPUID", out)


    def test_none(self):
        """-f: an expression that matches no reason is an error"""
        self.write(table(AFTER))
        for status, args in ((1, ["stat", "-I", "1", "-c", "1"]),
                             (125, ["stat", "--", "true"]),
                             (1, ["report"]), (1, ["hist"]),
                             (1, ["prometheus"])):
            out, err = self.run_program(args[0], "-f", "typo", *args[1:],
                                        status=status)
            self.assertEqual((out, err), ("", "kvm-exits: typo: no reason of "
                             "the table matches: see kvm-exits explain\n"))
        _, err = self.run_program("diff", "-f", "typo", self.file, self.file,
                                  file=False, status=1)
        self.assertIn("typo: no reason of the tables matches", err)

    def test_costly(self):
        """-f: an expression that would take gigabytes is refused"""
        self.write(table(AFTER))
        for text, why in (("(((((a{9}){9}){9}){9}){9}){9}", "may not have a {"),
                          ("((((((a+)+)+)+)+)+)+", "has too many +"),
                          ("a" * 99, "is too long")):
            _, err = self.run_program("prometheus", "-f", text, status=2)
            self.assertEqual(err, f"kvm-exits: {text}: not a regular "
                             f"expression: it {why}; see kvm-exits "
                             "prometheus --help\n")


class Saved(TestCase):
    def save(self, name, *args, status=0):
        path = os.path.join(self.dir, name)
        self.run_program("save", *args[:args.index("PATH")], path,
                         *args[args.index("PATH") + 1:], status=status)
        return path

    def test_round_trip(self):
        """a saved table gives the same report"""
        self.write(table(AFTER, exits_per_read=3).replace(
            "# generation", "# guest_clocksource hpet\n# generation"))
        path = self.save("a", "PATH")
        with open(path, encoding="ascii") as f:
            self.assertIn("\n# guest_clocksource hpet\n", f.read())
        reports = []
        for file in self.file, path:
            self.file = file
            r = json.loads(self.run_program("report", "--json")[0])
            del r["wall_time"]
            reports.append(r)
        self.assertEqual(*reports)

    def test_command(self):
        """save -- command: the exits of that time, and the command's status"""
        for dashes in [], ["--"]:
            self.write(table(BEFORE, exits_per_read=30))
            other = os.path.join(self.dir, "other")
            self.write(table(AFTER), other)
            path = self.save("a", "PATH", *dashes, "sh", "-c",
                             'mv "$0" "$1"; exit 6', other, self.file, status=6)
            self.file, file = path, self.file
            r = json.loads(self.run_program("report", "--json")[0])
            self.file = file
            self.assertEqual(r["total"]["exits"], 30)
            self.assertGreater(r["seconds"], 0)

    def test_mode(self):
        """save obeys the umask, and keeps the mode of an existing file"""
        self.write(table(AFTER))
        for mask, mode in (0o077, 0o600), (0o022, 0o644), (0o002, 0o664):
            path = os.path.join(self.dir, f"saved{mask:o}")
            for expect in mode, 0o640:
                self.run_program("save", path,
                                 preexec_fn=lambda m=mask: os.umask(m))
                self.assertEqual(os.stat(path).st_mode & 0o7777, expect)
                os.chmod(path, 0o640)

    def test_diff(self):
        """diff: two tables side by side, and rates where the times are known"""
        self.write(table(BEFORE))
        a = self.save("a", "PATH")
        self.write(table(AFTER, generation=8))
        b = self.save("b", "PATH")
        out, _ = self.run_program("diff", a, b, file=False)
        self.assertIn("\nHLT                                 50           60"
                      "     +20%    1.00us    1.33us\n", out)
        self.assertRegex(out, r"\nIO +7 +7 +\+0% ")
        self.assertLess(max(map(len, out.splitlines()[2:])), 82)
        for path, ns in (a, 10), (b, 5):
            with open(path, encoding="ascii") as f:
                text = f.read()
            self.write(text.replace("# generation", f"# nanoseconds {ns}000000"
                                    "000\n# generation"), path)
        out, _ = self.run_program("diff", a, b, file=False)
        self.assertRegex(out, r"\nHLT +5\.0 +12\.0 +\+140% ")

    def test_diff_new(self):
        """diff: a reason that only one of the tables has"""
        self.write(table(BEFORE))
        other = os.path.join(self.dir, "other")
        self.write(table({HLT: BEFORE[HLT], (200, "NEW"): BEFORE[IO]}), other)
        out, _ = self.run_program("diff", self.file, other, file=False)
        self.assertRegex(out, r"\nNEW +0 +7 +new +- ")
        self.assertRegex(out, r"\nCPUID +100 +0 +-100% .* -\n")

    def test_no_place(self):
        """save: the command does not run if its counts cannot be saved"""
        self.write(table(BEFORE))
        for path, message in ((self.dir + "/none/x", "No such file or "
                               "directory"), (self.dir, "not a regular file, "
                                              "so it is not replaced")):
            out, err = self.run_program("save", path, "echo", "ran",
                                        status=125)
            self.assertEqual((out, err), ("", f"kvm-exits: {path}: "
                                              f"{message}\n"))

    def test_errors(self):
        """diff: a table that cannot be read is one line"""
        self.write(table(BEFORE))
        _, err = self.run_program("diff", self.file, "/nonexistent",
                                  file=False, status=1)
        self.assertEqual(err, "kvm-exits: /nonexistent: "
                              "No such file or directory\n")


class Host(TestCase):
    """VMs in a directory like that of KVM in debugfs."""

    def setUp(self):
        super().setUp()
        self.sleepers = []
        for n, name in enumerate((["-name", "guest=web,debug-threads=on"],
                                  ["-name", "db"], [])):
            p = vmm(*name)
            self.addCleanup(p.wait)
            self.addCleanup(p.stdin.close)
            self.sleepers.append(p.pid)
            os.mkdir(f"{self.dir}/{p.pid}-1{n}")
            self.write(table(BEFORE), self.stats(n))
        os.mkdir(self.dir + "/unrelated")

    def stats(self, n):
        return f"{self.dir}/{self.sleepers[n]}-1{n}/exit_stats"

    def test_vms(self):
        """vms: all VMs, by the rate of their exits"""
        p = subprocess.Popen([PROGRAM, "vms", "--debugfs", self.dir, "-I",
                              "1s"], stdout=subprocess.PIPE, text=True)
        time.sleep(0.3)
        self.write(table(AFTER), self.stats(1))
        os.unlink(self.stats(2))
        os.rmdir(os.path.dirname(self.stats(2)))
        out, _ = p.communicate(timeout=60)
        self.assertEqual(p.returncode, 0)
        lines = out.splitlines()[2:]
        self.assertRegex(lines[0], rf"\A +{self.sleepers[1]}  db +[1-9]\d*\.\d"
                                   r" +0\.0\d  CPUID\Z")
        self.assertRegex(lines[1], rf"\A +{self.sleepers[0]}  web +0\.0 +0\.00"
                                   r"  -\Z")
        self.assertEqual(len(lines), 2)

    def vm(self, which, status=0):
        p = subprocess.run([PROGRAM, "--debugfs", self.dir, "--vm", which,
                            "report", "--json"], text=True, timeout=60,
                           capture_output=True, check=False)
        self.assertEqual(p.returncode, status, p.stderr)
        return p

    def test_one(self):
        """--vm: a PID or a name, before or after the command"""
        self.write(table(AFTER), self.stats(0))
        for which, exits in (("web", 217), (str(self.sleepers[0]), 217),
                             ("db", 157), (str(self.sleepers[2]), 157)):
            self.assertEqual(json.loads(self.vm(which).stdout)["total"]
                             ["exits"], exits)
        out = subprocess.run([PROGRAM, "report", "--vm", "web", "--debugfs",
                              self.dir], check=True, capture_output=True,
                             text=True).stdout
        self.assertIn("217 exits", out)

    def test_names(self):
        """vms: a name cannot disturb the terminal, and stays in its column"""
        for given, shown in (("caf\u00e9", "caf\u00e9"),
                             ("\u6771\u4eac" * 9, "\u6771\u4eac" * 6),
                             ("a\u202eb\u009bc\x1b[2Jd", "a?b?c?[2Jd"),
                             (b"x\xff\xc3".decode(errors="surrogateescape"),
                              "x??")):
            p = vmm("-name", given)
            self.addCleanup(p.wait)
            self.addCleanup(p.stdin.close)
            directory = tempfile.mkdtemp()
            self.addCleanup(shutil.rmtree, directory)
            os.mkdir(f"{directory}/{p.pid}-11")
            self.write(table(BEFORE), f"{directory}/{p.pid}-11/exit_stats")
            for locale in "C.UTF-8", "C":
                out = subprocess.run(
                    [PROGRAM, "vms", "--debugfs", directory, "-I", "1ms"],
                    env={**os.environ, "LC_ALL": locale}, check=True,
                    capture_output=True).stdout.decode()
                line = out.splitlines()[2]
                name = line[10:].rsplit(maxsplit=3)[0]
                if locale == "C":
                    self.assertTrue(name.isascii(), name)
                else:
                    self.assertEqual(name, shown)
                    wide = sum(ord(c) > 0x2000 for c in name)
                    self.assertEqual(line.index("0.0") + wide, 43)

    def test_no_vm(self):
        """--vm: no VM, or more than one, is one line"""
        self.assertEqual(self.vm("nonesuch", status=1).stderr,
                         "kvm-exits: nonesuch: no such VM: see kvm-exits vms\n")
        os.mkdir(f"{self.dir}/{self.sleepers[0]}-99")
        self.assertIn("more than one", self.vm("web", status=1).stderr)

    def test_no_debugfs(self):
        """vms: without KVM it is one line"""
        _, err = self.run_program("vms", "--debugfs", "/nonexistent",
                                  file=False, status=1)
        self.assertEqual(err, "kvm-exits: /nonexistent: No such file or directory: "
                              "see kvm-exits check\n")

    def test_stock_host(self):
        """vms: one line on a host whose KVM is not patched"""
        for n in range(3):
            os.unlink(self.stats(n))
        # Here no VM runs, so its tracepoints cannot be counted either.
        _, err = self.run_program("vms", "--debugfs", self.dir, file=False,
                                  status=1)
        self.assertRegex(err, r"\Akvm-exits: .*(tracepoints|libbpf).*\n\Z")
        _, err = self.run_program("vms", "--debugfs", self.dir, "--source",
                                  "debugfs", file=False, status=1)
        self.assertRegex(err, r"\Akvm-exits: \S+/exit_stats: No such file or "
                              r"directory: this host's KVM is not the patched "
                              r"one: see kvm-exits check\n\Z")

    def test_filter(self):
        """vms: an expression that matches no reason is an error"""
        _, err = self.run_program("vms", "-I", "20ms", "-f", "typo",
                                  "--debugfs", self.dir, file=False, status=1)
        self.assertEqual(err, "kvm-exits: typo: no reason of a VM matches: "
                              "see kvm-exits explain\n")

    def test_damaged(self):
        """vms: a VM whose table is damaged does not hide the others"""
        self.write("no table\n", self.stats(0))
        out, err = self.run_program("vms", "-I", "20ms", "--debugfs", self.dir,
                                    file=False)
        self.assertEqual(len(out.splitlines()), 4)
        self.assertRegex(err, r"\A(kvm-exits: \S+/exit_stats: not a table of "
                              r"kvm_exits, .*: line 1 is no table\n){2}\Z")


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
                1, f"kvm-exits: -C {wrong}: not a list of CPUs such as "
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
            """It is busy until its last process is gone."""
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
