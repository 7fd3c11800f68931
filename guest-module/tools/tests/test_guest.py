# SPDX-License-Identifier: GPL-2.0-only
"""Counts of a real guest: this machine's, or those saved in another one.

KVM_EXITS_FILE names a copy of a guest's /proc/kvm_exits; a copy of its
histograms may be beside it, with _histogram behind the name.
"""
import json
import os
import subprocess
import unittest

from common import TestCase

FILE = os.environ.get("KVM_EXITS_FILE", "/proc/kvm_exits")


@unittest.skipUnless(os.path.exists(FILE), f"there is no {FILE}")
class Guest(TestCase):
    def setUp(self):
        self.file = FILE

    def test_sum(self):
        """a real guest: the rows add up to the total"""
        t = json.loads(self.run_program("report", "--json")[0])
        self.assertGreater(t["total"]["exits"], 0)
        for count in "exits", "cycles":
            self.assertEqual(sum(r[count] for r in t["reasons"]),
                             t["total"][count])

    def test_metrics(self):
        """a real guest: promtool check metrics"""
        self.need("promtool")
        out, _ = self.run_program("prometheus")
        p = subprocess.run(["promtool", "check", "metrics"], input=out,
                           capture_output=True, text=True, check=False)
        self.assertEqual((p.returncode, p.stdout + p.stderr), (0, ""))

    @unittest.skipUnless(FILE == "/proc/kvm_exits", "these counts stand still")
    def test_reading(self):
        """a real guest: once reading is left out, no CPUID need be there"""
        out, _ = self.run_program("stat", "-I", "20", "-c", "20", "--json")
        lines = [json.loads(line) for line in out.splitlines()]
        self.assertGreater(min(i["read_exits"] for i in lines), 1)
        self.assertIn(0, [sum(r["exits"] for r in i["reasons"]
                              if r["name"] == "CPUID") for i in lines])
