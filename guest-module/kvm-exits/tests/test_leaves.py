# SPDX-License-Identifier: GPL-2.0-only
"""The CPUID leaves as a source, with a made-up CPUID: see fake.c."""
import json
import random
import re

from common import COLUMNS, table
from fake import HYPERVISOR, FakeCase

CYCLES, STOPPED = 0x20, 0x01
SVM, VMX = 2, 1
CPUID = {SVM: 0x72, VMX: 10}
BUCKETS = 24

# reason: exits, cycles, stopped, max, percentiles, histogram
ROWS = {0x72: [100, 20000, 30000, 900, (0, 0, 0), {0: 100}],
        0x78: [40, 4000, 2**50, 2**47, (3, 21, 23), {2: 1, 23: 39}],
        0x400: [2**48 - 1, 2**64 - 10**6, 5000, 2**48 - 1, (1, 2, 3), None]}


class Leaves(FakeCase):
    def setUp(self):
        super().setUp()
        self.cpuid[1] = (0, 0, HYPERVISOR, 0)
        self.sign(0x40000000, 0x40000001, b"KVMKVMKVM")

    def host(self, rows, isa=SVM, features=CYCLES | STOPPED, events=()):
        lines = [f"{isa} {features} 2000000 77"]
        for reason, row in rows.items():
            *counts, percentiles, histogram = row
            buckets = [(histogram or {}).get(i, 0) for i in range(BUCKETS)]
            lines.append(" ".join(map(str, [
                reason, *counts, *percentiles, int(histogram is not None),
                *buckets])))
        self.put("/host", "\n".join(lines) + "\n")
        self.put("/events", "".join(f"{n} {every} {what}\n"
                                    for n, every, what in events))

    def report(self, *args, status=0):
        return json.loads(self.run_fake("report", "--json", *args,
                                        status=status)[0])

    def affinity(self):
        with open(self.dir + "/affinity", encoding="ascii") as f:
            return f.read().split()

    def test_rows(self):
        """every number of every leaf arrives"""
        self.host(ROWS)
        t = self.report()
        self.assertEqual((t["vendor"], t["tsc_khz"], t["generation"]),
                         ("AMD", 2000000, 77))
        found = {r["reason"]: r for r in t["reasons"]}
        self.assertEqual(set(found), set(ROWS))
        for reason, row in ROWS.items():
            counts = [found[reason][c] for c in COLUMNS[:4]]
            if reason == 0x72:  # the program adds exits before the snapshot
                self.assertGreater(counts[0], row[0])
                counts[0] = row[0]
            self.assertEqual(counts, row[:4])
        # No stop is longer than the bound.
        self.assertEqual([found[0x78][k] for k in ("p50", "p99", "p99_9")],
                         [1 << 13, 1 << 31, 2**47])
        self.assertIsNone(found[0x400]["p50"])

    def test_histograms(self):
        """the histograms are those of the same snapshot"""
        self.host(ROWS)
        out, _ = self.run_fake("hist", "HLT")
        self.assertIn("HLT: 40 stops", out)
        self.assertEqual(re.findall(r"(?m)^ +\S+ +([1-9]\d*) +\d+\.\d\d", out),
                         ["1", "39"])

    def test_vendors(self):
        """reasons of both vendors; negative ones, and unknown ones"""
        self.host({10: ROWS[0x72], 48: ROWS[0x78], 1000: ROWS[0x78]}, VMX)
        t = self.report()
        self.assertEqual(t["vendor"], "Intel")
        self.assertEqual({r["name"]: r["reason"] for r in t["reasons"]},
                         {"CPUID": 10, "EPT_VIOLATION": 48,
                          "REASON_1000": 1000})
        self.host({0x72: ROWS[0x72], 2**32 - 1: ROWS[0x78]})
        self.assertEqual({r["name"]: r["reason"]
                          for r in self.report()["reasons"]},
                         {"CPUID": 0x72, "INVALID_GUEST_STATE": 2**32 - 1})

    def test_features(self):
        """what the host does not measure is unknown"""
        self.host(ROWS, features=0)
        self.assertIsNone(self.report()["total"]["cycles"])
        self.host(ROWS, features=CYCLES)
        self.assertIsNone(self.report()["total"]["stopped_cycles"])
        self.assertEqual(self.run_fake("hist", status=1)[1],
                         "kvm-exits: no histograms: the host does not measure stops\n")
        self.assertEqual(self.run_fake("stat", "-P", "-I", "1", "-c", "1")[1],
                         "kvm-exits: the host: no histograms, so no percentiles\n")

    def delta(self, *args):
        return json.loads(self.run_fake("stat", "--json", "-I", "1", "-c", "1",
                                        *args)[0])

    def test_own_reading(self):
        """the program's own exits are left out, also those of failed attempts"""
        # The second read begins with the 11th CPUID.
        for events in [], [(13, 0, "snapshot"), (26, 0, "snapshot")]:
            self.host(ROWS, events=events)
            d = self.delta()
            found = {r["name"]: r["exits"] for r in d["reasons"]}
            # The snapshots of others are exits that others cause.
            self.assertEqual(found, {"CPUID": 2} if events else {})
            self.assertEqual(d["read_exits"], 31 if events else 9)
        self.host(ROWS)
        self.assertEqual(self.delta("-P")["reasons"], [])

    def test_other_reader(self):
        """another reader at any point: the table is of one snapshot"""
        rows = {0x72: [100, 1, 1, 1, (0, 0, 0), {0: 1}],
                0x78: [40, 2, 2, 2, (0, 0, 0), {0: 2}],
                0x7b: [7, 3, 3, 3, (0, 0, 0), {0: 3}]}
        for n in range(1, 30):
            self.host(rows, events=[(n, 0, "work"), (n, 0, "snapshot")])
            found = {r["name"]: (r["exits"], r["cycles"])
                     for r in self.report()["reasons"]}
            # The row of IO is as old as that of CPUID.
            if found["IO"] == (12, 503):
                continue
            self.assertEqual(found["IO"], (7, 3))
            self.assertLess(found["CPUID"][0], 100 + n)

    def test_same_exits(self):
        """a snapshot of another reader, of the same exits: nothing is mixed"""
        rows = {0x72: [100, 1, 1, 1, (0, 0, 0), None],
                0x78: [40, 2, 2, 2, (0, 0, 0), None]}
        self.host(rows)
        quiet = self.report()["reasons"]
        retried = 0
        for n in range(1, 20):
            self.host(rows, events=[(n, 0, "snapshot")])
            now = self.report()["reasons"]
            self.assertEqual(now[1]["exits"], 40)
            retried += now[0]["exits"] > quiet[0]["exits"] + 1
        # The attempt has six CPUIDs after its own snapshot.  Another snapshot before
        # any of them spoils it.
        self.assertEqual(retried, 6)

    def test_too_many_readers(self):
        """readers that never let one read end: one line, and affinity restored"""
        self.host(ROWS, events=[(1, 3, "snapshot")])
        _, err = self.run_fake("report", status=1)
        self.assertEqual(err, "kvm-exits: other programs read the counts on "
                         "the same CPUs at the same time: try again: see "
                         "kvm-exits check\n")
        calls = self.affinity()
        self.assertEqual(calls[1::2], ["23"] * 50)
        # It tries both CPUs.
        self.assertEqual(calls[0::2], ["2", "3"] * 25)

    def test_affinity(self):
        """the program stays on its CPU, and gets its affinity back"""
        self.host(ROWS)
        self.report()
        self.assertEqual(self.affinity(), ["2", "23"])
        # Once the kernel moves it to another CPU, it reads again.
        self.host(ROWS, events=[(6, 0, "move")])
        self.put("/affinity")
        self.report()
        self.assertEqual(self.affinity(), ["2", "23", "2", "23"])

    def test_no_affinity(self):
        """it must not choose its CPU: any switch of threads spoils a read"""
        self.env["FAKE_NO_AFFINITY"] = "1"
        self.host(ROWS)
        first = self.report()["reasons"]
        self.host(ROWS, events=[(6, 0, "switch")])
        again = self.report()["reasons"]
        self.assertGreater(again[0]["exits"], first[0]["exits"])
        self.host(ROWS, events=[(1, 2, "switch")])
        self.assertIn("other programs", self.run_fake("report", status=1)[1])

    def test_migration(self):
        """a migration at any point: the table is of the new host alone"""
        for n in range(1, 30):
            self.host(ROWS, events=[(n, 0, "migrate")])
            t = self.report()
            exits = {r["name"]: r["exits"] for r in t["reasons"]}
            if t["generation"] == 77:
                self.assertEqual(exits["HLT"], 40)
            else:
                self.assertEqual((t["generation"], exits["HLT"]), (78, 21))
        self.host(ROWS, events=[(14, 0, "migrate")])
        self.assertTrue(self.delta()["reset"])

    def test_gone(self):
        """a host without counts, or that stops to count: a gap, and one line"""
        for what, why in (("gone", "CPUID has no counts"),
                          ("off", "the host does not count at present")):
            self.host(ROWS, events=[(14, 0, what)])
            d = self.delta()
            self.assertTrue(d["gap"])
            self.assertEqual(d["error"], why + ": see kvm-exits check")
            for n in range(2, 9):
                self.host(ROWS, events=[(n, 0, what)])
                _, err = self.run_fake("report", status=1)
                self.assertEqual(err, f"kvm-exits: {why}: see kvm-exits "
                                      "check\n")

    def test_choice(self):
        """the file is read if there is one, and --source decides"""
        self.host(ROWS)
        self.assertEqual(self.report()["generation"], 77)
        self.put("/proc/kvm_exits", table({(114, "CPUID"): [1] * 7}))
        self.assertEqual(self.report()["generation"], 7)
        self.assertEqual(self.report("--source", "leaves")["generation"], 77)
        self.assertEqual(self.report("--source", "file")["generation"], 7)
        self.deny("/proc/kvm_exits")
        self.assertEqual(self.report()["generation"], 77)
        self.assertIn("Permission denied", self.run_fake(
            "report", "--source", "file", status=1)[1])

    def test_none(self):
        """neither: one line"""
        _, err = self.run_fake("report", status=1)
        self.assertEqual(err, "kvm-exits: neither CPUID nor /proc/kvm_exits "
                         "has counts of the exits of this machine: see "
                         "kvm-exits check\n")
        self.host(ROWS)
        self.env["FAKE_NO_CPUID"] = "1"
        _, err = self.run_fake("report", "--source", "leaves", status=1)
        self.assertEqual(err, "kvm-exits: CPUID is turned off for this "
                         "process: see kvm-exits check\n")

    def test_commands(self):
        """every command reads the leaves"""
        self.host(ROWS)
        by_cpuid = "AMD, generation 77, by CPUID"
        for args, expect in ((["stat", "--", "true"], "(read by CPUID"),
                             (["report"], by_cpuid),
                             (["top", "-c", "1"], by_cpuid),
                             (["prometheus"], "kvm_exits_total"),
                             (["save", self.dir + "/saved"], ""),
                             ([], "Most frequent")):
            out, err = self.run_fake(*args, status=0 if args else 2)
            self.assertIn(expect, out + err)
        out, _ = self.run_fake("report", "--file", self.dir + "/saved")
        self.assertIn("HLT", out)
        answer = json.loads(self.run_fake("check", "--json")[0])
        self.assertIn({"name": "counts", "result": "ok", "next": None,
                       "found": "can be read, from the leaves"},
                      answer["findings"])

    def test_hostile(self):
        """answers with random damage: a table that adds up, or one line"""
        rng = random.Random(3)
        whole = 0
        self.host(ROWS)
        for command in (["report", "--json"], ["hist"], ["check"]):
            for _ in range(100):
                self.env["FAKE_RANDOM"] = str(rng.randrange(1 << 30))
                p = self.run_any(*command)
                self.assertIn(p.returncode, (0, 1), p.stderr)
                self.assertLessEqual(p.stderr.count("\n"), 1, p.stderr)
                if command[0] == "report" and not p.returncode:
                    t = json.loads(p.stdout)
                    self.assertEqual(sum(r["exits"] for r in t["reasons"]),
                                     t["total"]["exits"])
                    whole += 1
        self.assertGreater(whole, 3)
