# SPDX-License-Identifier: GPL-2.0-only
"""The tables of other tools, as these print them.

The directory foreign has what they printed in the lab, for each run of a guest, and
what the patched KVM counted at the same time.  Scenario foreign makes them, and runs
class Foreign with what it has just made.
"""
import csv
import datetime
import glob
import json
import os
import re
import unittest

from common import HERE, TestCase, table

FOREIGN = os.path.join(HERE, "foreign")
VENDORS = {"amd": "AMD", "intel": "Intel"}


def text_of(path):
    with open(path, encoding="ascii") as f:
        return f.read()


def fixture(name, vendor="amd"):
    return text_of(os.path.join(FOREIGN, vendor, name))


def fixtures(pattern, vendors=("amd", "intel")):
    """The files of each run.  Of a run that was just made, no tool may be missing."""
    made = os.environ.get("KVM_EXITS_FOREIGN")
    found = False
    for run in sorted(os.listdir(made or FOREIGN)):
        vendor = run.split("-")[0]
        if vendor not in vendors:
            continue
        paths = sorted(glob.glob(os.path.join(made or FOREIGN, run, pattern)))
        if made and not paths:
            raise AssertionError(f"{run} has no {pattern}")
        for path in paths:
            found = True
            yield VENDORS[vendor], path
    if not found and not made:
        raise unittest.SkipTest(f"no run with {pattern}")


class Tables(TestCase):
    def rows(self, path, *args):
        self.file = path
        t = json.loads(self.run_program("report", "--json", *args)[0])
        return t, {r["name"]: r for r in t["reasons"]}

    def counts(self, path):
        t, rows = self.rows(path)
        return t, {name: r["exits"] for name, r in rows.items()}

    def refuse(self, text, message):
        self.write(text)
        _, err = self.run_program("report", status=1)
        self.assertEqual(err, f"kvm-exits: {self.file}: {message}\n")


class Foreign(Tables):
    def ours(self, path):
        t, counts = self.counts(os.path.join(os.path.dirname(path),
                                             "exit_stats"))
        self.assertIsNone(t["source"])
        return t, counts

    def test_hist(self):
        """the tracepoint's histogram: each reason has our name and count"""
        for vendor, path in fixtures("hist"):
            t, counts = self.counts(path)
            self.assertEqual(counts, self.ours(path)[1])
            self.assertEqual((t["vendor"], t["source"], t["total"]["exits"]),
                             (vendor, "ftrace", sum(counts.values())))

    def test_perf(self):
        """perf kvm stat: counts, and the times of the stops"""
        for vendor, path in fixtures("perf-[0-9]*"):
            text = text_of(path)
            t, rows = self.rows(path)
            counts = {name: r["exits"] for name, r in rows.items()}
            ours = self.ours(path)[1]
            # The last exit of the only vCPU has no entry, so perf has no time.
            less = {n: ours[n] - counts.get(n, 0) for n in ours}
            self.assertEqual(sorted(less.values())[-2:], [0, 1], path)
            self.assertEqual((t["vendor"], t["source"]), (vendor, "perf"))
            total, time = re.search(r"Samples:(\d+), .* time:([\d.]+)us",
                                    text).groups()
            self.assertEqual(t["total"]["exits"], int(total))
            self.assertAlmostEqual(t["total"]["stopped_seconds"],
                                   float(time) / 1e6, 3)
            for line in text.splitlines():
                words = line.replace("us", "").split()
                if len(words) < 10 or not words[1].isdigit():
                    continue
                r = rows[re.sub(r"\W", "_", words[0].upper())]
                self.assertEqual(r["exits"], int(words[1]))
                self.assertAlmostEqual(r["stopped_seconds"],
                                       float(words[6]) * r["exits"] / 1e6, 8)
            for r in rows.values():
                self.assertIsNone(r["cycles"])
                self.assertIsNone(r["exits_per_second"])

    def test_bcc(self):
        """bcc's kvmexit: each reason has our name and count, until its time is over"""
        for vendor, path in fixtures("kvmexit*", ["intel"]):
            t, counts = self.counts(path)
            ours = self.ours(path)[1]
            self.assertEqual((t["vendor"], t["source"]), (vendor, "bcc"))
            if path.endswith("seconds"):
                self.assertLess(t["total"]["exits"], sum(ours.values()))
                self.assertEqual({n: c for n, c in counts.items()
                                  if c > ours[n]}, {})
            else:
                self.assertEqual(counts, ours, path)

    def test_live(self):
        """perf kvm stat live: the sum of what it printed in each second"""
        for vendor, path in fixtures("perf-live"):
            t, counts = self.counts(path)
            ours = self.ours(path)[1]
            totals = re.findall(r"Total Samples:(\d+)", text_of(path))
            self.assertGreater(len(totals), 1)
            self.assertEqual((t["vendor"], t["source"], t["total"]["exits"]),
                             (vendor, "perf", sum(map(int, totals))))
            clocks = [datetime.datetime.fromisoformat("2026-01-01T" + clock)
                      for clock in re.findall(r"(?m)^\d\d:\d\d:\d\d\.\d+$",
                                              text_of(path))]
            self.assertAlmostEqual(
                t["seconds"], (clocks[-1] - clocks[0]).total_seconds()
                * len(totals) / (len(totals) - 1), 3)
            self.assertEqual({n: c for n, c in counts.items()
                              if c > ours[n]}, {})

    def test_once(self):
        """kvm_stat -1: the exits of its second"""
        for vendor, path in fixtures("kvm_stat-1"):
            t, counts = self.counts(path)
            total, = re.findall(r"(?m)^kvm_exit +\d+ +(\d+)$", text_of(path))
            self.assertEqual((t["vendor"], t["source"], t["seconds"],
                              t["total"]["exits"], sum(counts.values())),
                             (vendor, "kvm_stat", 1, int(total), int(total)))
            self.assertLessEqual(set(counts), set(self.ours(path)[1]))

    def test_csv(self):
        """kvm_stat -c: the sum of its intervals is our count"""
        for vendor, path in fixtures("kvm_stat.csv"):
            t, counts = self.counts(path)
            with open(path, encoding="ascii") as f:
                lines = list(csv.DictReader(f))
            self.assertEqual(counts, self.ours(path)[1])
            self.assertEqual((t["vendor"], t["source"]), (vendor, "kvm_stat"))
            clocks = [datetime.datetime.fromisoformat(line["timestamp"])
                      for line in lines]
            self.assertAlmostEqual(t["seconds"], (clocks[-1] - clocks[0]).seconds
                                   * len(lines) / (len(lines) - 1))

    def advice(self):
        out = self.run_program("report")[0]
        return out[out.index("\nIs that much?"):]

    def with_columns(self, path, columns, seconds, source):
        """Our table of the same run, with no more than the tool has."""
        self.file = os.path.join(os.path.dirname(path), "exit_stats")
        ours = json.loads(self.run_program("report", "--json")[0])
        text = table({(r["reason"], r["name"]): [r[c] for c in columns]
                      for r in ours["reasons"]}, vendor=ours["vendor"],
                     tsc_khz=ours["tsc_khz"], columns=columns)
        more = f"# source {source}\n"
        if seconds:
            more += f"# nanoseconds {seconds * 10 ** 9:.0f}\n"
        self.file = os.path.join(self.dir, "same")
        self.write(text.replace("# generation", more + "# generation"))

    def same_advice(self, pattern, vendors=("amd", "intel")):
        for _, path in fixtures(pattern, vendors):
            self.file = path
            t = json.loads(self.run_program("report", "--json")[0])
            advice = self.advice()
            self.with_columns(path, ["exits"], t.get("seconds"), t["source"])
            self.assertEqual(advice, self.advice(), path)

    def test_advice(self):
        """the advice is that of our table with the same columns"""
        self.same_advice("hist")
        self.same_advice("kvm_stat.csv")

    def test_advice_bcc(self):
        """the same for bcc's kvmexit"""
        self.same_advice("kvmexit", ["intel"])

    def test_advice_of_stops(self):
        """with perf's times, the advice about what costs much is the same"""
        def remarks(least):
            advice = json.loads(self.run_program(
                "report", "--json", "--duration", "60s")[0])["advice"]
            return advice["verdict"], {
                tuple(r["cause"]) for r in advice["remarks"]
                if r["stopped_percent"] >= least}

        # The tools take time in each exit, which is in our stops and not in perf's.
        # So a reason can be in a remark by one of them alone.
        for _, path in fixtures("perf-[0-9]*"):
            self.file = path
            verdict, much = remarks(20)
            some = remarks(0)[1]
            self.with_columns(path, ["exits", "stopped_cycles", "max_cycles"],
                              60, "perf")
            self.assertTrue(much)
            self.assertEqual(remarks(20)[0], verdict, path)
            self.assertLessEqual(much, remarks(0)[1], path)
            self.assertLessEqual(remarks(20)[1], some, path)

    def test_save(self):
        """save converts, and the report stays the same"""
        saved = os.path.join(self.dir, "saved")
        for _, path in fixtures("[!e]*"):
            self.file = path
            before = self.run_program("report")[0]
            self.run_program("save", saved)
            self.assertTrue(text_of(saved).startswith("# kvm_exits version"))
            self.file = saved
            self.assertEqual(self.run_program("report")[0], before, path)
            out, _ = self.run_program("diff", path, saved, file=False)
            for line in out.splitlines()[3:]:
                self.assertNotRegex(line, r"\+[1-9]|-[1-9]| new ")


class Forms(Tables):
    def test_bcc_forms(self):
        """bcc's kvmexit: with each of its options, in the form that it prints"""
        counts = {"MSR_WRITE": 6, "EXTERNAL_INTERRUPT": 1, "HLT": 12}
        head = "Display kvm exit reasons and statistics for {}\n"
        for title, columns, start, seconds in (
                ("all threads... Hit Ctrl-C to end.\n^C", "PID      TID      ",
                 f"{1273551:<8} {1273568:<8} ", None),
                ("all threads after sleeping 6 secs.", "PID      TID      ",
                 f"{1273551:<8} {1273568:<8} ", 6),
                ("PID 7 after sleeping 20 secs.", "", "", 20),
                ("PID 7 VCPU 0... Hit Ctrl-C to end.\n", "", "", None),
                ("TIDS ['8', '9'] after sleeping 1 secs.", "TIDS     ",
                 f"{8:<8} ", 1),
                ("PID 7 and its all threads after sleeping 1 secs.",
                 "TID      ", f"{8:<8} ", 1)):
            text = head.format(title) + f"{columns}{'KVM_EXIT_REASON':<35} COUNT\n"
            for prefix in "", "EXIT_REASON_":
                self.write(text + "".join(f"{start}{prefix + n:<35} {c:<8}\n"
                                          for n, c in counts.items()))
                t, found = self.counts(self.file)
                self.assertEqual(found, counts, title)
                self.assertEqual((t["vendor"], t["source"], t.get("seconds")),
                                 ("Intel", "bcc", seconds))
        # Two threads, and a reason that bcc has no name for.
        self.write(text + "8        HLT   3\n9        HLT   4\n"
                   "9        N/A   1\n")
        out, err = self.run_program("report", "--json")
        self.assertEqual({r["name"]: r["exits"]
                          for r in json.loads(out)["reasons"]},
                         {"HLT": 7, "N_A": 1})
        self.assertIn("no reason of Intel is called N_A", err)
        self.refuse(text + "8        HLT   3 4\n",
                    f"line {text.count(chr(10)) + 1} does not belong to "
                    "kvmexit: 8        HLT   3 4")
        self.refuse(text + "8        HLT   3.5\n",
                    f"line {text.count(chr(10)) + 1} does not belong to "
                    "kvmexit: 8        HLT   3.5")

    def test_stdin(self):
        """- is the standard input"""
        path = os.path.join(FOREIGN, "amd/perf-6.1")
        self.file = path
        expected = self.run_program("report", "--csv")[0]
        self.file = "-"
        out = self.run_program("report", "--csv", input=text_of(path))[0]
        self.assertEqual(out.count("\n"), expected.count("\n"))
        self.assertIn(",NPF,", out)

    def test_stat(self):
        """stat prints the counts as one interval, whose time can be given"""
        self.file = os.path.join(FOREIGN, "amd/perf-6.1")
        out, err = self.run_program("stat", "--duration", "10s")
        self.assertRegex(err + out, r"(?m)^9888 exits in 10\.000 s")
        self.assertRegex(out, r"(?m)^MSR +3014 +301\.4 ")
        s = json.loads(self.run_program("stat", "--json")[0])
        self.assertEqual((s["total"]["exits"],
                          s["total"]["exits_per_second"]), (9888, None))
        for args in ("-I", "10s"), ("-I", "1s", "--duration", "10s"):
            self.assertEqual(self.run_program("stat", *args)[0], out)
        _, err = self.run_program("stat", "--duration", "1s", "--vm", "x",
                                  file=False, status=125)
        self.assertIn("--duration needs --file", err)

    def test_interval(self):
        """-I is the time of what does not tell it; what needs changes is refused"""
        self.file = os.path.join(FOREIGN, "amd/perf-6.1")
        saved = os.path.join(self.dir, "saved")
        self.run_program("save", "-I", "10s", saved)
        for path, args in (self.file, ["-I", "10s"]), (saved, ["-I", "5s"]):
            self.assertEqual(self.rows(path, *args)[0]["seconds"], 10)
        for path in self.file, saved:
            self.file = path
            for status, args in ((1, ["top"]), (1, ["record", "-c", "1", "x"]),
                                 (125, ["stat", "--", "true"]),
                                 (125, ["report", "--", "true"])):
                _, err = self.run_program(*args, status=status)
                self.assertEqual(err, f"kvm-exits: {path}: the counts of perf "
                                 "kvm stat do not change: run kvm-exits "
                                 "report\n")
            _, err = self.run_program("hist", status=1)
            self.assertEqual(err, f"kvm-exits: {path}: perf kvm stat has no "
                             "histogram of the times\n")

    def test_mmio(self):
        """perf kvm stat report --event=mmio has other rows: its column is named"""
        self.refuse(fixture("perf-6.1").replace("    VM-EXIT", "MMIO Access"),
                    "line 5 does not belong to perf kvm stat: MMIO Access    "
                    "Samples  Samples%     Ti")

    def test_live(self):
        """perf kvm stat live: its tables are added up, its clock is the time"""
        block = fixture("perf-6.1").strip("\n")
        text = "".join(f"\x1b[H\x1b[2J\n{clock}\n\n{block}\n\n" for clock in
                       ("23:59:58.000000", "23:59:59.500000",
                        "00:00:01.000000"))
        self.write(text)
        t = self.report(text)
        self.assertEqual((t["total"]["exits"], t["seconds"]),
                         (3 * 9888, 4.5))

    def test_broken(self):
        """a line that does not fit is named"""
        perf = fixture("perf-6.1")
        self.refuse(perf.replace("3014", "3.014"),
                    "line 7 does not belong to perf kvm stat: msr       "
                    "3.014    30.48%     9.72%")
        self.refuse(perf.replace("634.08us", "634,08us"),
                    "line 7 does not belong to perf kvm stat: msr       "
                    "3014    30.48%     9.72%")
        self.refuse(perf + fixture("hist"),
                    f"line {perf.count(chr(10)) + 1} does not belong to perf "
                    "kvm stat: # event histogram")
        self.refuse(perf + perf.lstrip("\n"),
                    f"line {perf.count(chr(10)) + 3} does not belong to perf "
                    "kvm stat: VM-EXIT    Samples  Samples%     Time%")
        self.refuse(fixture("hist") + "x\x1by\n",
                    f"line {fixture('hist').count(chr(10)) + 1} does not "
                    "belong to a histogram of kvm_exit: x?y")
        once = fixture("kvm_stat-1")
        self.refuse("".join(once.splitlines(True)[:3]), "not the whole output "
                    "of kvm_stat -1: it has no line kvm_exit")
        self.refuse(once.replace("kvm_entry ", "kvm_entry - "),
                    "line 23 does not belong to kvm_stat -1: kvm_entry -")

    def test_cut(self):
        """a table that was cut is refused"""
        perf = fixture("perf-6.1").splitlines(True)
        for n in range(8, 18):
            self.refuse("".join(perf[:n]), "not the whole output of perf kvm "
                        "stat: it has no line of totals")
        del perf[7]
        self.refuse("".join(perf), "not the whole output of perf kvm stat: "
                    "the rows do not add up to the total")
        hist = fixture("hist").splitlines(True)
        self.refuse("".join(hist[:-5]), "not the whole output of a histogram "
                    "of kvm_exit: it has no line of totals")
        del hist[6]
        self.refuse("".join(hist), "not the whole output of a histogram of "
                    "kvm_exit: the rows do not add up to the total")
        self.refuse("KVM_EXIT_REASON COUNT\n",
                    "not the whole output of kvmexit: it has no exits")
        self.refuse("timestamp,kvm_exit(HLT)\n", "not the whole output of "
                    "kvm_stat -c: it has no column kvm_exit")

    def test_lines(self):
        """the ends of lines of another system, and blanks, do not matter"""
        text = fixture("perf-6.1")
        expected = self.report(text)
        other = self.report(text.replace("\n", "  \r\n"))
        for t in expected, other:
            del t["wall_time"]
        self.assertEqual(other, expected)

    def test_unknown_code(self):
        """perf prints the number of a reason that it has no name for"""
        lines = fixture("perf-6.1", "intel").splitlines(True)
        row, = (n for n, line in enumerate(lines) if " XSETBV " in line)
        for code, name in (74, "BUS_LOCK"), (75, "NOTIFY"), (999, "REASON_999"):
            text = f"unknown kvm exit code:{code} on VMX\n"
            new = [*lines[:row], text, lines[row].replace(" XSETBV", "UNKNOWN"),
                   *lines[row + 1:]]
            self.write(text + "".join(new))
            out, err = self.run_program("report", "--json")
            names = {r["name"]: r["exits"] for r in json.loads(out)["reasons"]}
            self.assertEqual((names[name], "UNKNOWN" in names), (2, False))
            self.assertEqual("is called REASON_999:" in err, code == 999)
        self.write("".join(lines).replace(" XSETBV", "UNKNOWN"))
        self.assertIn("UNKNOWN", self.counts(self.file)[1])

    def test_unknown_name(self):
        """a name that is unknown is kept, and reported once"""
        text = fixture("perf-6.1").replace(" write_cr0 ", " new_exit ")
        self.write(text.replace(" read_cr0 ", " newer-exit "))
        out, err = self.run_program("report", "--json")
        names = {r["name"]: r["exits"] for r in json.loads(out)["reasons"]}
        self.assertEqual((names["new_exit"], names["newer_exit"]), (3, 9))
        self.assertEqual(err, f"kvm-exits: {self.file}: no reason of AMD is "
                              "called newer_exit: it stays as it is\n")

    def test_unnamed(self):
        """exits that kvm_stat has no name for are in a row of their own"""
        text = re.sub(r"(?m)^(kvm_exit +\d+ +)426$", r"\g<1>430",
                      fixture("kvm_stat-1"))
        self.write(text)
        out, _ = self.run_program("report", "--json")
        names = {r["name"]: r["exits"] for r in json.loads(out)["reasons"]}
        self.assertEqual((names["UNNAMED"], sum(names.values())), (4, 430))

    def test_csv_pages(self):
        """kvm_stat -l -c repeats its column names on each page"""
        lines = fixture("kvm_stat.csv", "amd-6.12").splitlines(True)
        expected = self.report("".join(lines))
        paged = self.report("".join(lines[:3] + lines[:1] + lines[3:]))
        for t in expected, paged:
            del t["wall_time"]
        self.assertEqual(paged, expected)

    def test_hist_keys(self):
        """histograms with more keys, in hexadecimal, and of failed entries"""
        head = "# trigger info: hist:keys=exit_reason{},vcpu_id [active]\n"
        totals = "\nTotals:\n    Hits: {}\n    Entries: 2\n    Dropped: {}\n"
        self.write(head.format("") +
                   "{ exit_reason: 12, vcpu_id: 0 } hitcount: 3\n"
                   "{ exit_reason: 12, vcpu_id: 1 } hitcount: 4\n"
                   "{ exit_reason: 2147483681, vcpu_id: 1 } hitcount: 1\n" +
                   totals.format(8, 5))
        out, err = self.run_program("report", "--json")
        names = {r["name"]: r["exits"] for r in json.loads(out)["reasons"]}
        self.assertEqual(names, {"HLT": 7, "INVALID_STATE": 1})
        self.assertIn("histogram full, 5 exits missing: use a larger size=", err)
        t = self.report(head.format(".hex") +
                        "{ exit_reason: 78, vcpu_id: 0 } hitcount: 3\n" +
                        "{ exit_reason: 400, vcpu_id: 0 } hitcount: 1\n" +
                        totals.format(4, 0))
        self.assertEqual([r["name"] for r in t["reasons"]], ["HLT", "NPF"])
