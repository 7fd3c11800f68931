# SPDX-License-Identifier: GPL-2.0-only
"""Percentiles and histograms."""
import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import termios

from common import (AFTER, BEFORE, CPUID, HLT, KEYS, PROGRAM, TestCase,
                    histogram, table)


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
        # Without -P there are no percentiles, and the histogram is not read.
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
                              "reason: see kvm-exits explain\n")
        os.unlink(self.hist)
        _, err = self.run_program("hist", status=1)
        self.assertIn("_histogram: no histograms: the host has none, or copy", err)
        self.file = "-"
        _, err = self.run_program("hist", status=1, input=table(BEFORE))
        self.assertEqual(err, "kvm-exits: -: no histograms: give a table that "
                              "kvm-exits save has written\n")
