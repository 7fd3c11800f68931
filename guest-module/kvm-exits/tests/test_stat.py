# SPDX-License-Identifier: GPL-2.0-only
"""kvm-exits stat: exact differences, the exits of reading, and resets."""
import csv
import io
import json
import os
import re
import signal
import subprocess
import time

from common import COLUMNS, PROGRAM, SOURCE, TIMES_ONLY, TestCase, table

CPUID, HLT, IO, NPF = (114, "CPUID"), (120, "HLT"), (123, "IO"), (1024, "NPF")

BEFORE = {CPUID: [100, 200000, 300000, 9000, 1, 1, 1],
          HLT: [50, 100000, 900000, 9000, 1, 1, 1],
          IO: [7, 7000, 7000, 1000, 1, 1, 1],
          NPF: [0, 0, 0, 0, 0, 0, 0]}
# 30 of these 50 exits for CPUID are those of reading.
AFTER = {CPUID: [150, 320001, 450003, 9000, 1, 1, 1],
         HLT: [60, 160000, 2900000, 9000, 1, 1, 1],
         IO: [7, 7000, 7000, 1000, 1, 1, 1],
         NPF: [5, 80000, 90000, 20000, 1, 1, 1]}
COST = 30


STAMP = r"\d+\.\d{3} s, \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d"


def stable(text):
    """Replace the numbers that depend on the clock."""
    text = re.sub(rf"(?m)^{STAMP}$", "STAMP", text)
    text = re.sub(r"in \d+\.\d{3} s", "in T s", text)
    text = re.sub(r"\d+\.\d\d % of one CPU", "P % of one CPU", text)
    text = re.sub(r"(?m)^(\S+ +\d+) +\d+\.\d ", r"\1 R ", text)
    return re.sub(r"(?m)( R +\d+\.\d\d) +\d+\.\d\d ", r"\1 C ", text)


class Stat(TestCase):
    def interval(self, before, after, *args):
        self.feed(before, after)
        return json.loads(self.run_program("stat", "-I", "1", "-c", "1",
                                           "--json", *args)[0])

    def test_exact(self):
        """the difference is exact, and reading is subtracted from it"""
        s = self.interval(table(BEFORE, exits_per_read=COST),
                          table(AFTER, exits_per_read=COST + 2))
        self.assertEqual((s["reset"], s["read_exits"]), (False, COST))
        rows = {r["name"]: r for r in s["reasons"]}
        self.assertEqual(list(rows), ["NPF", "HLT", "CPUID"])
        # 20 of 50 exits remain, and so two fifths of the time, rounded up
        for name, counts in (("CPUID", [20, 48001, 60002]),
                             ("HLT", [10, 60000, 2000000]),
                             ("NPF", [5, 80000, 90000])):
            self.assertEqual([rows[name][c] for c in
                              ("exits", "cycles", "stopped_cycles")], counts)
        total = s["total"]
        self.assertEqual([total["exits"], total["cycles"],
                          total["stopped_cycles"]], [35, 188001, 2150002])
        self.assertEqual(rows["HLT"]["handling_seconds"], 0.00003)
        self.assertEqual(rows["HLT"]["stopped_seconds"], 0.001)
        self.assertEqual(rows["HLT"]["average_cycles"], 6000)
        self.assertEqual(rows["NPF"]["time_percent"], 42.553)
        self.assertEqual(rows["NPF"]["exits_per_second"],
                         float(f"{5 / s['seconds']:.3f}"))
        # These are unknown for an interval.
        self.assertEqual([rows["HLT"][c] for c in
                          ("max_cycles", "p50", "p99", "p99_9")], [None] * 4)

    def test_only_reading(self):
        """if reading caused all exits, no exits are shown"""
        after = {**BEFORE, CPUID: [100 + COST, 260001, 390001, 9000, 1, 1, 1]}
        s = self.interval(table(BEFORE, exits_per_read=COST),
                          table(after, exits_per_read=COST))
        self.assertEqual([s["total"][c] for c in
                          ("exits", "cycles", "stopped_cycles")], [0, 0, 0])
        self.assertEqual(s["reasons"], [])

    def test_host(self):
        """on a host reading causes no exits, and none are subtracted"""
        s = self.interval(table(BEFORE), table(AFTER))
        self.assertEqual((s["read_exits"], s["total"]["exits"]), (0, 65))

    def test_too_much(self):
        """no more exits are subtracted than there are"""
        s = self.interval(table(BEFORE, exits_per_read=51), table(AFTER))
        self.assertEqual((s["read_exits"], s["total"]["exits"],
                          s["total"]["cycles"]), (50, 15, 140000))

    def test_late_stop(self):
        """a stop that began in an earlier interval: the rows add up"""
        after = {**AFTER, IO: [7, 7000, 5000007000, 5000000000, 1, 1, 1]}
        s = self.interval(table(BEFORE), table(after))
        rows = {r["name"]: r for r in s["reasons"]}
        self.assertEqual((rows["IO"]["exits"], rows["IO"]["stopped_cycles"],
                          rows["IO"]["average_stopped_cycles"]),
                         (0, 5000000000, None))
        for count in "exits", "cycles", "stopped_cycles":
            self.assertEqual(sum(r[count] for r in s["reasons"]),
                             s["total"][count])
        self.feed(table(BEFORE), table(after))
        out, _ = self.run_program("stat", "-I", "1", "-c", "1", "--csv")
        self.assertIn(",counted,123,IO,0,", out)

    def test_second_clock(self):
        """stopped time that only one of the reads has is unknown"""
        for before, after in (TIMES_ONLY, COLUMNS), (COLUMNS, TIMES_ONLY):
            s = self.interval(table(BEFORE, columns=before),
                              table(AFTER, columns=after))
            self.assertEqual((s["reset"], s["total"]["exits"],
                              s["total"]["stopped_cycles"]), (False, 65, None))

    def test_new_row(self):
        """a reason that was not in the table before counts from 0"""
        after = {**AFTER, (4242, "REASON_4242"): [3, 30, 30, 10, 1, 1, 1]}
        s = self.interval(table(BEFORE), table(after))
        self.assertIn(("REASON_4242", 3), [(r["name"], r["exits"])
                                           for r in s["reasons"]])

    def test_text(self):
        """text, with the exits of reading, sorted by time"""
        self.feed(table(BEFORE, exits_per_read=COST), table(AFTER))
        out, err = self.run_program("stat", "-I", "1", "-c", "1")
        self.assertEqual(err, "")
        self.assertEqual(stable(out), """\
STAMP
35 exits in T s, handled in 94.00us, P % of one CPU
(30 exits for CPUID by reading are left out, and their time as estimated)
reason                         exits    exits/s  time%   cpu%  average  stopped
NPF                                5 R  42.55 C   8.00us   9.00us
HLT                               10 R  31.91 C   3.00us 100.00us
CPUID                             20 R  25.53 C   1.20us   1.50us
total                             35 R 100.00 C   2.69us  30.71us
""")
        self.assertLess(max(map(len, out.splitlines())), 80)

    def test_blocks(self):
        """intervals in text are blocks, separated by an empty line"""
        self.feed(table(BEFORE), table(AFTER), table(AFTER))
        out, _ = self.run_program("stat", "-I", "1", "-c", "2")
        first, second = out.split("\n\n")
        self.assertRegex(first, rf"\A{STAMP}\n65 exits in ")
        self.assertRegex(second, rf"\A{STAMP}\n0 exits in ")

    def test_no_frequency(self):
        """if the frequency of the host's TSC is unknown, times are cycles"""
        for fmt in ["--json"], []:
            self.feed(table(BEFORE, tsc_khz=0, columns=TIMES_ONLY),
                      table(AFTER, tsc_khz=0, columns=TIMES_ONLY))
            out, _ = self.run_program("stat", "-I", "1", "-c", "1", *fmt)
            if fmt:
                total = json.loads(out)["total"]
                self.assertEqual((total["cycles"], total["handling_seconds"],
                                  total["stopped_cycles"]),
                                 (260001, None, None))
            else:
                self.assertEqual(stable(out).split("\n", 1)[1], """\
65 exits in T s
reason                         exits    exits/s  time%   cycles
CPUID                             50 R  46.15     2400
NPF                                5 R  30.77    16000
HLT                               10 R  23.08     6000
total                             65 R 100.00     4000
""")

    def test_sort(self):
        """each sort key gives its order"""
        after = {CPUID: [1, 100], HLT: [9, 90], NPF: [7, 350]}
        before = {name: [0, 0] for name in after}
        for key, names in (("time", ["NPF", "CPUID", "HLT"]),
                           ("exits", ["HLT", "NPF", "CPUID"]),
                           ("average", ["CPUID", "NPF", "HLT"]),
                           ("name", ["CPUID", "HLT", "NPF"])):
            s = self.interval(table(before, columns=TIMES_ONLY),
                              table(after, columns=TIMES_ONLY), "-s", key)
            self.assertEqual([r["name"] for r in s["reasons"]], names, key)

    def resets(self):
        yield table(AFTER), table(BEFORE)                # counts went down
        yield table(BEFORE), table(AFTER, generation=8)
        yield table(BEFORE), table(AFTER, vendor="Intel")
        fewer = {k: v for k, v in AFTER.items() if k != IO}
        yield table(BEFORE), table(fewer)                # counted, and gone
        less = {**AFTER, HLT: [60, 99999, 900000, 9000, 1, 1, 1]}
        yield table(BEFORE), table(less)                 # cycles went down

    def test_reset(self):
        """counts that are reset are reported, without numbers"""
        message = r"\Akvm-exits: the counts were reset within these " \
                  r"\d+\.\d{3} s\n\Z"
        for before, after in self.resets():
            s = self.interval(before, after)
            self.assertTrue(s["reset"])
            self.assertNotIn("reasons", s)
            self.feed(before, after)
            out, err = self.run_program("stat", "-I", "1", "-c", "1")
            self.assertRegex(out, rf"\A{STAMP}\nthe counts were reset\n\Z")
            self.assertRegex(err, message)
            self.feed(before, after)
            out, err = self.run_program("stat", "-I", "1", "-c", "1", "--csv")
            row, = csv.DictReader(io.StringIO(out))
            self.assertEqual((row["state"], row["name"], row["exits"]),
                             ("reset", "total", ""))
            self.assertRegex(err, message)

    def test_after_reset(self):
        """after a reset the intervals go on"""
        self.feed(table(AFTER), table(BEFORE, generation=8),
                  table(AFTER, generation=8))
        out, _ = self.run_program("stat", "-I", "1", "-c", "2", "--json")
        first, second = map(json.loads, out.splitlines())
        self.assertTrue(first["reset"])
        self.assertFalse(second["reset"])
        self.assertEqual(second["total"]["exits"], 65)

    def test_intervals(self):
        """each interval has its own difference and its own exits of reading"""
        tables = []
        for n in range(4):
            rows = {CPUID: [10 * n, 1000 * n], HLT: [n * n, n * n * 100]}
            tables.append(table(rows, exits_per_read=n, columns=TIMES_ONLY))
        self.feed(*tables)
        out, _ = self.run_program("stat", "-I", "5", "-c", "3", "--json")
        lines = [json.loads(line) for line in out.splitlines()]
        self.assertEqual([i["read_exits"] for i in lines], [0, 1, 2])
        self.assertEqual([i["total"]["exits"] for i in lines],
                         [11, 12, 13])
        ends = [i["time"] for i in lines]
        self.assertEqual(ends, sorted(ends))
        for n, end in enumerate(ends):
            self.assertGreaterEqual(end, 0.005 * (n + 1))
        self.assertAlmostEqual(sum(i["seconds"] for i in lines), ends[-1], 8)

    def test_csv(self):
        """CSV has its column names once, and whole lines"""
        self.feed(table(BEFORE), table(AFTER), table(AFTER))
        out, _ = self.run_program("stat", "-I", "1", "-c", "2", "--csv")
        rows = list(csv.DictReader(io.StringIO(out)))
        self.assertEqual([(r["reason"], r["name"], r["exits"], r["cycles"])
                          for r in rows],
                         [("-", "total", "65", "260001"),
                          ("114", "CPUID", "50", "120001"),
                          ("1024", "NPF", "5", "80000"),
                          ("120", "HLT", "10", "60000"),
                          ("-", "total", "0", "0")])
        for r in rows:
            self.assertNotIn(None, r)
            self.assertNotIn(None, r.values())
            self.assertEqual((r["vendor"], r["tsc_khz"], r["generation"]),
                             ("AMD", "2000000", "7"))

    def test_documented(self):
        """the manual page names every field of JSON and CSV"""
        with open(SOURCE + "/kvm-exits.1", encoding="ascii") as f:
            page = f.read()
        begin = page.index(".Ss JSON and CSV")
        words = re.findall(r"\w+", page[begin:page.index(".Ss", begin + 1)])
        self.feed(table(BEFORE), table(AFTER))
        out, _ = self.run_program("stat", "-I", "1", "-c", "1", "--csv")
        fields = out.splitlines()[0].split(",")
        s = self.interval(table(BEFORE), table(AFTER))
        fields += [*s, *s["total"], *s["reasons"][0], "error"]
        self.assertEqual(sorted(set(fields) - set(words)), [])

    def test_command(self):
        """the exits with a command are those between its start and end"""
        other = os.path.join(self.dir, "after")
        self.write(table(BEFORE, exits_per_read=COST))
        self.write(table(AFTER, exits_per_read=COST), other)
        out, err = self.run_program("stat", "--", "sh", "-c",
                                    'echo hello; mv "$0" "$1"', other,
                                    self.file)
        self.assertEqual(out, "hello\n")
        self.assertRegex(err, r"\A35 exits in ")
        self.assertIn("\n(30 exits for CPUID by reading", err)

    def test_command_intervals(self):
        """with a command there are intervals until it ends"""
        self.write(table(BEFORE))
        out, err = self.run_program("stat", "-I", "20", "--json", "sleep",
                                    ".1")
        self.assertEqual(out, "")
        lines = [json.loads(line) for line in err.splitlines()]
        self.assertGreaterEqual(len(lines), 2)
        for n, line in enumerate(lines[:-1]):
            self.assertGreaterEqual(line["time"], 0.02 * (n + 1))
        self.assertGreaterEqual(lines[-1]["time"], 0.1)

    def test_late(self):
        """intervals that pass while it is stopped are skipped"""
        self.write(table(BEFORE))
        p = subprocess.Popen([PROGRAM, "stat", "--file", self.file, "--json",
                              "-I", "100", "-c", "9"],
                             stdout=subprocess.PIPE, text=True)
        lines = [p.stdout.readline()]
        p.send_signal(signal.SIGSTOP)
        time.sleep(1)
        p.send_signal(signal.SIGCONT)
        lines += p.communicate(timeout=60)[0].splitlines()
        seconds = [json.loads(line)["seconds"] for line in lines]
        self.assertEqual(len(seconds), 9)
        self.assertGreater(max(seconds), 0.9)
        # Only the interval after the stop may be short: it ends on schedule.
        self.assertLessEqual(sum(s < 0.01 for s in seconds), 1)

    def test_output(self):
        """-o writes to a file instead of to the terminal"""
        self.write(table(BEFORE))
        path = os.path.join(self.dir, "out")
        out, err = self.run_program("stat", "--json", "-o", path, "--",
                                    "echo", "hello")
        self.assertEqual((out, err), ("hello\n", ""))
        with open(path, encoding="ascii") as f:
            self.assertEqual(json.load(f)["total"]["exits"], 0)

    def test_status(self):
        """the status is the command's"""
        self.write(table(BEFORE))
        for status, command in ((0, "true"), (7, "exit 7"),
                                (137, "kill -9 $$"), (255, "exit 255")):
            self.run_program("stat", "--", "sh", "-c", command, status=status)
        _, err = self.run_program("stat", "--", "nonesuch-command",
                                  status=127)
        self.assertEqual(err, "kvm-exits: nonesuch-command: "
                              "No such file or directory\n")
        _, err = self.run_program("stat", "--", "/dev/null", status=126)
        self.assertEqual(err, "kvm-exits: /dev/null: Permission denied\n")

    def test_signals(self):
        """the command gets the signals as they were"""
        self.write(table(BEFORE))
        # Leave out glibc's own two signals, which posix_spawn() ignores.
        show = ["sh", "-c", """while read name mask; do case $name in
            Sig[BI]*) echo $name $((0x$mask & 0x7fffffff));; esac;
            done </proc/$$/status"""]
        self.assertEqual(self.run_program("stat", "--", *show)[0],
                         "SigBlk: 0\nSigIgn: 0\n")
        self.assertEqual(self.run_program(
            "stat", "--", *show, preexec_fn=lambda: signal.signal(
                signal.SIGINT, signal.SIG_IGN))[0],
            "SigBlk: 0\nSigIgn: 2\n")
        self.assertEqual(self.run_program(
            "stat", "--", *show, preexec_fn=lambda: signal.pthread_sigmask(
                signal.SIG_BLOCK, [signal.SIGUSR1]))[0],
            "SigBlk: 512\nSigIgn: 0\n")

    def test_interrupt(self):
        """^C ends the command, and its exits are printed"""
        self.write(table(BEFORE))
        p = subprocess.Popen([PROGRAM, "stat", "--file", self.file, "--",
                              "sh", "-c", "echo up; exec sleep 20"],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             text=True, start_new_session=True)
        self.assertEqual(p.stdout.readline(), "up\n")
        os.killpg(p.pid, signal.SIGINT)
        _, err = p.communicate(timeout=60)
        self.assertEqual(p.returncode, 128 + signal.SIGINT)
        self.assertRegex(err, r"\A0 exits in ")
