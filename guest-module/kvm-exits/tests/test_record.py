# SPDX-License-Identifier: GPL-2.0-only
"""kvm-exits record, and the commands that replay a record."""
import json
import os
import re

from common import Terminal, TestCase, histogram, table

CPUID, HLT, IO = (114, "CPUID"), (120, "HLT"), (123, "IO")


def rows(n):
    """After n intervals: HLT has n * n exits, and IO does not occur."""
    return {CPUID: [100 + 30 * n, 200000 + 60000 * n, 300000, 9000, 1, 1, 1],
            HLT: [n * n, 100 * n * n, 1000 * n * n, 9000, 1, 1, 1],
            IO: [0] * 7}


class Record(TestCase):
    def setUp(self):
        super().setUp()
        self.path = os.path.join(self.dir, "record")

    def record(self, *tables, interval="1ms", **kwargs):
        self.feed(*tables)
        self.run_program("record", "-I", interval, "-c",
                         str(len(tables) - 1), self.path, **kwargs)
        return self.path

    def replay(self, *args, **kwargs):
        argv = [args[0], "--file", self.path, *args[1:]]
        return self.run_program(*argv, file=False, **kwargs)

    def intervals(self, *args):
        out, _ = self.replay("stat", "-I", *args, "--json")
        return [json.loads(line) for line in out.splitlines()]

    def test_stat(self):
        """stat: the recorded intervals, with the exits of reading subtracted"""
        self.record(*(table(rows(n), exits_per_read=3) for n in range(4)))
        found = self.intervals("1ms")
        self.assertEqual([s["read_exits"] for s in found], [3, 3, 3])
        self.assertEqual([[{r["name"]: r["exits"] for r in s["reasons"]}[k]
                           for k in ("CPUID", "HLT")] for s in found],
                         [[27, 1], [27, 3], [27, 5]])
        ends = [s["time"] for s in found]
        self.assertEqual(ends, sorted(ends))
        self.assertGreaterEqual(ends[0], 0.001)
        # The whole, and intervals that are longer than the recorded ones.
        whole = json.loads(self.replay("stat", "--json")[0])
        self.assertEqual((whole["total"]["exits"], whole["read_exits"]),
                         (90 - 9 + 9, 9))
        self.assertEqual(len(self.intervals("100s")), 1)

    def test_source(self):
        """a record of a host without the patch is replayed, too"""
        self.record(*(table(rows(n)) for n in range(4)))
        with open(self.path, encoding="ascii") as f:
            text = f.read()
        self.write(text.replace("# generation", "# source tracepoints\n"
                                "# generation"), self.path)
        whole = json.loads(self.replay("stat", "--json")[0])
        self.assertEqual((whole["source"], whole["total"]["exits"]),
                         ("tracepoints", 99))
        self.assertEqual([s["total"]["exits"] for s in self.intervals("1ms")],
                         [31, 33, 35])

    def test_time(self):
        """the times are those of the recording, and replaying does not wait"""
        self.write(table(rows(1)))
        self.run_program("record", "-I", "50ms", self.path, "sleep", "0.3")
        found = self.intervals("1ms")
        self.assertGreaterEqual(len(found), 4)
        self.assertGreaterEqual(found[-1]["time"], 0.3)
        for s in found[:-1]:
            self.assertGreater(s["seconds"], 0.01)
        first = found[0]["wall_time"]
        self.assertEqual(self.intervals("1ms")[0]["wall_time"], first)

    def test_status(self):
        """with a command, its status is returned"""
        self.write(table(rows(1)))
        for status in 0, 7:
            self.run_program("record", self.path, "--", "sh", "-c",
                             f"exit {status}", status=status)
            self.assertEqual(len(self.intervals("1ms")), 1)
        self.run_program("record", self.dir + "/none/x", "true", status=125)

    def test_report(self):
        """report and hist: the whole record, with its histograms"""
        other = os.path.join(self.dir, "other")
        for n, path in (0, self.file), (3, other):
            self.write(table(rows(n)), path)
            self.write(histogram({CPUID: (300000, {0: 10 * n, 5: n})}),
                       path + "_histogram")
        self.run_program("record", self.path, "--", "sh", "-c",
                         'mv "$0_histogram" "$1_histogram"; mv "$0" "$1"',
                         other, self.file)
        out, _ = self.replay("report")
        self.assertIn("\n90 exits, ", out)
        report = json.loads(self.replay("report", "--json")[0])
        cpuid, = (r for r in report["reasons"] if r["name"] == "CPUID")
        self.assertEqual((cpuid["exits"], cpuid["p50"], cpuid["p99"]),
                         (81, 1024, 32768))
        out, _ = self.replay("hist", "CPUID")
        self.assertTrue(out.startswith("CPUID: 33 stops\n"), out)

    def test_reset(self):
        """a migration: an interval without numbers, and a sum"""
        self.record(table(rows(0)), table(rows(1)),
                    table(rows(1), generation=8), table(rows(2), generation=8))
        self.assertEqual([s["reset"] for s in self.intervals("1ms")],
                         [False, True, False])
        whole = json.loads(self.replay("stat", "--json")[0])
        self.assertEqual(whole["total"]["exits"], 31 + 160 + 4)
        self.assertGreater(whole["missing_seconds"], 0)

    def test_gap(self):
        """a read that fails is left out, and said"""
        self.feed(table(rows(0)), "no table\n", table(rows(2)))
        _, err = self.run_program("record", "-I", "1ms", "-c", "2", self.path)
        self.assertRegex(err, f"^kvm-exits: {self.file}: not a table of "
                              "kvm_exits, .*: line 1 is no table\n$")
        found, = self.intervals("1ms")
        self.assertEqual(found["total"]["exits"], 64)

    def test_top(self):
        """top: a block for each recorded interval, in a pipe"""
        self.record(*(table(rows(n)) for n in range(4)))
        out, _ = self.replay("top")
        self.assertEqual(out.count("kvm-exits: AMD"), 3)
        self.assertIn("\n35 exits in ", out)

    def test_prometheus(self):
        """metrics are those of now, so a record is refused"""
        self.record(*(table(rows(n)) for n in range(3)))
        _, err = self.replay("prometheus", status=1)
        self.assertIn("metrics are of one read, and this is a record", err)

    def test_small(self):
        """reasons that never occurred are in the first table alone"""
        self.record(*(table(rows(n)) for n in range(1, 4)))
        with open(self.path, encoding="ascii") as f:
            text = f.read()
        self.assertEqual((text.count("123 IO 0"), text.count("120 HLT")),
                         (1, 3))

    def noisy(self, name, *counts):
        """A record with these exits for HLT in its intervals."""
        total, tables = 0, [table({HLT: [0] * 7, CPUID: [0] * 7})]
        for n, exits in enumerate(counts, 1):
            total += exits
            tables.append(table({
                HLT: [total, total * 2000, total * (4000 if name == "a" else
                                                    8000), 9, 1, 1, 1],
                CPUID: [n, n, n, 1, 1, 1, 1]}))
        self.path = os.path.join(self.dir, name)
        self.record(*tables)
        # The same length of each interval, so that only the counts decide.
        with open(self.path, encoding="ascii") as f:
            text = f.read()
        for n in range(len(tables)):
            text = re.sub(r"# monotonic_nanoseconds \d+\n",
                          f"# monotonic {n}000000000\n", text, count=1)
        self.write(text.replace("# monotonic ", "# monotonic_nanoseconds "),
                   self.path)
        return self.path

    def test_diff(self):
        """diff: whether a change is more than the noise of the intervals"""
        a = self.noisy("a", 90, 110, 100, 95, 105)
        small = self.noisy("b", 100, 120, 95, 110, 90)
        large = self.noisy("c", 140, 160, 150, 145, 155)
        out, _ = self.run_program("diff", a, small, file=False)
        self.assertIn(", 5.000 s, 5 intervals)\n", out)
        self.assertRegex(out, r"\nHLT +100\.0 +103\.0 +\(\+3%\) ")
        self.assertRegex(out, r"\nCPUID +1\.0 +1\.0 +\(\+0%\) ")
        self.assertRegex(out, r"\nHLT +2\.00us +4\.00us|\nHLT +2us +4us")
        self.assertLess(max(map(len, out.splitlines()[2:])), 81)
        out, _ = self.run_program("diff", a, large, file=False)
        self.assertRegex(out, r"\nHLT +100\.0 +150\.0 +\+50% ")
        # Welch's test by hand: s^2 = 62.5 in both, 5 intervals each.
        out, _ = self.run_program("diff", a, large, "--json", file=False)
        hlt, = (r for r in json.loads(out)["reasons"] if r["name"] == "HLT")
        self.assertAlmostEqual(hlt["noise_percent"],
                               2.78 * (2 * 62.5 / 5) ** .5, 2)
        self.assertIs(hlt["within_noise"], False)
        self.assertEqual(hlt["change_percent"], 50)

    def test_damaged(self):
        """a record that is cut, empty or of another version is one line"""
        self.record(*(table(rows(n)) for n in range(3)))
        with open(self.path, encoding="ascii") as f:
            text = f.read()
        first = text.index("# kvm_exits version")
        second = text.index("# kvm_exits version", first + 1)
        for damaged, message in (
                (text[:first], "the record is empty: record again"),
                (text[:second], "the record has only one read, and an interval needs "
                 "two"),
                (text.replace("record version 1", "record version 9"),
                 "version 9 of the record, but this program reads version 1: "
                 "use a newer kvm-exits")):
            self.write(damaged, self.path)
            _, err = self.replay("stat", status=1)
            self.assertEqual(err, f"kvm-exits: {self.path}: {message}\n")
        self.write(table(rows(0)), self.path)
        _, err = self.replay("stat", "--source", "record", status=1)
        self.assertEqual(err, f"kvm-exits: {self.path}: not a record: "
                              "kvm-exits record makes one\n")
        # A table that was not written to its end is a gap.
        self.write(text[:-20], self.path)
        out, err = self.replay("stat", "-I", "1ms", "--json")
        self.assertEqual([json.loads(s)["gap"] for s in out.splitlines()],
                         [False, True])


class Screen(Terminal):
    def test_top(self):
        """top on a terminal replays, and stops at the end"""
        path = os.path.join(self.dir, "record")
        self.feed(*(table(rows(n)) for n in range(3)))
        self.run_program("record", "-I", "1ms", "-c", "2", path)
        self.file = path
        self.top("-I", "100ms")
        screen = self.screen(r"the record ends here")
        self.assertRegex(screen, r"\[paused\]\n33 exits in (.*\n)+HLT ")
        self.keys("q")
        self.screen("status 0")
