# SPDX-License-Identifier: GPL-2.0-only
"""kvm-exits stat --warn-if and --fail-if: limits for tests and monitoring."""
import json
import os

from common import TestCase, table

CPUID, HLT, MSR = (114, "CPUID"), (120, "HLT"), (124, "MSR")
BEFORE = {CPUID: [0] * 7, HLT: [0] * 7, MSR: [0] * 7}
AFTER = {CPUID: [30, 60000, 90000, 9000, 1, 1, 1],
         HLT: [60, 160000, 2900000, 9000, 1, 1, 1],
         MSR: [0] * 7}


class Limits(TestCase):
    def stat(self, *args, status=0, then=AFTER):
        self.feed(table(BEFORE), table(then))
        return self.run_program("stat", "-I", "100ms", "-c", "1", *args,
                                status=status)

    def test_status(self):
        """the status is 0, 1 or 2, and the first line says why"""
        for args, status, line in (
                (["--fail-if", "HLT>60"], 0, "OK: no limit is exceeded"),
                (["--fail-if", "HLT>59"], 2,
                 "CRITICAL: HLT>59: exits is 60.000"),
                (["--fail-if", "hlt<61"], 2,
                 "CRITICAL: hlt<61: exits is 60.000"),
                (["--warn-if", "total>89", "--fail-if", "total>90"], 1,
                 "WARNING: total>89: exits is 90.000"),
                (["--warn-if", "total>80", "--fail-if", "total>89"], 2,
                 "WARNING: total>80: exits is 90.000"),
                (["--fail-if", "HLT.average_cycles>2000"], 2,
                 "CRITICAL: HLT.average_cycles>2000: average_cycles is "
                 "2666.700"),
                (["--fail-if", "MSR.cycles>0"], 0,
                 "OK: no limit is exceeded")):
            out, _ = self.stat(*args, status=status)
            self.assertEqual(out.splitlines()[0], line)
            self.assertIn("\nHLT ", out)

    def test_units(self):
        """a rate, and a share of a CPU"""
        for limit, status in (("HLT>1/s", 2), ("HLT>600/s", 0),
                              ("total>0.000001%", 2), ("total>0.2%", 0)):
            self.stat("--fail-if", limit, status=status)

    def test_unknown(self):
        """a value that is unknown is status 3, but critical is worse"""
        out, _ = self.stat("--fail-if", "HLT.p99_seconds>1", status=3)
        self.assertEqual(out.splitlines()[0],
                         "UNKNOWN: HLT.p99_seconds>1: p99_seconds is -")
        self.stat("--fail-if", "HLT.p99_seconds>1", "--fail-if", "HLT>1",
                  status=2)
        self.stat("--fail-if", "HLT.p99_seconds>1", "--warn-if", "HLT>1",
                  status=3)
        self.feed(table(BEFORE), "no table\n")
        self.run_program("stat", "-I", "1", "-c", "1", "--fail-if", "HLT>1",
                         status=3)
        self.run_program("stat", "--fail-if", "HLT>1", "--file",
                         "/nonexistent", file=False, status=3)

    def test_worst(self):
        """of several intervals the worst one counts"""
        self.feed(table(BEFORE), table(AFTER), table(AFTER))
        out, _ = self.run_program("stat", "-I", "1", "-c", "2", "--json",
                                  "--fail-if", "HLT>1", status=2)
        self.assertEqual([json.loads(s)["total"]["exits"]
                          for s in out.splitlines()], [90, 0])

    def test_command(self):
        """with a command its own failure comes first"""
        for own, status in (0, 2), (7, 7):
            self.write(table(BEFORE))
            other = os.path.join(self.dir, "other")
            self.write(table(AFTER), other)
            _, err = self.run_program("stat", "--fail-if", "HLT>1", "--", "sh",
                                      "-c", f'mv "$0" "$1"; exit {own}', other,
                                      self.file, status=status)
            self.assertTrue(err.startswith("CRITICAL: HLT>1: "), err)

    def test_example(self):
        """the limits of the message are limits"""
        self.write(table(BEFORE))
        out, _ = self.run_program(
            "stat", "--fail-if", "CPUID>5000/s", "--fail-if", "total>5%",
            "--fail-if", "HLT.p99_seconds>1", "-I", "1ms", "-c", "1",
            status=3)
        # This table has no histogram.
        self.assertEqual(out.splitlines()[0][:27], "UNKNOWN: HLT.p99_seconds>1:")

    def test_wrong(self):
        """what is no limit, or no reason, is refused before the run"""
        self.write(table(BEFORE))
        for limit in ("HLT", "HLT>", ">5", "HLT>x", "HLT=5", "HLT>5/m",
                      "HLT.nonesuch>5", "HLT.>5", "HLT.cycles>5/s",
                      "HLT>inf", "HLT>nan"):
            _, err = self.run_program("stat", "--fail-if", limit, "--", "touch",
                                      self.dir + "/ran", status=125)
            self.assertEqual(err, f"kvm-exits: {limit}: not a limit such as "
                                  "MSR>5000/s, total>5% or HLT.p99_seconds>1; "
                                  "see kvm-exits stat --help\n")
        _, err = self.run_program("stat", "--fail-if", "HTL>5", "--", "touch",
                                  self.dir + "/ran", status=125)
        self.assertEqual(err, "kvm-exits: HTL>5: the table has no such "
                              "reason: see kvm-exits explain\n")
        self.assertFalse(os.path.exists(self.dir + "/ran"))
