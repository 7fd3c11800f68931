# SPDX-License-Identifier: GPL-2.0-only
"""Counts of a real guest: of this machine, or saved in another one.

KVM_EXITS_FILE names a copy of a guest's /proc/kvm_exits.  Optional files have the
same name with a suffix: _histogram is a copy of its histograms, and .prom has the
metrics that kvm-exits made of both there.
"""
import json
import os
import subprocess
import unittest

from common import TestCase

FILE = os.environ.get("KVM_EXITS_FILE", "/proc/kvm_exits")
METRICS = FILE + ".prom"


def counts(column):
    """A column of the real table, parsed independently of the program."""
    with open(FILE, encoding="ascii") as f:
        rows = [line.split() for line in f]
    names = next(r for r in rows if r[:2] == ["#", "reason"])
    place = names.index(column) - 1
    return {r[1]: int(r[place]) for r in rows if r[0].isdigit()}


def header(word):
    """A number from the header of the real table."""
    with open(FILE, encoding="ascii") as f:
        return next(int(line.split()[2]) for line in f
                    if line.startswith(f"# {word} "))


@unittest.skipUnless(os.path.exists(FILE), f"there is no {FILE}")
class Guest(TestCase):
    def setUp(self):
        self.file = FILE

    def test_report(self):
        """a real guest: the rows are those of the file, and add up"""
        t = json.loads(self.run_program("report", "--json")[0])
        self.assertGreater(t["total"]["exits"], 0)
        for column in "exits", "cycles":
            rows = {r["name"]: r[column] for r in t["reasons"]}
            self.assertEqual(sum(rows.values()), t["total"][column])
            if FILE != "/proc/kvm_exits":  # which changes with each read
                self.assertEqual(rows, {k: v for k, v in counts(column).items()
                                        if v})

    def test_metrics(self):
        """a real guest: promtool check metrics"""
        self.need("promtool")
        out, _ = self.run_program("prometheus")
        if os.path.exists(METRICS):
            with open(METRICS, encoding="ascii") as f:
                self.assertEqual(f.read(), out)
        p = subprocess.run(["promtool", "check", "metrics"], input=out,
                           capture_output=True, text=True, check=False)
        self.assertEqual((p.returncode, p.stdout + p.stderr), (0, ""))
