# SPDX-License-Identifier: GPL-2.0-only
"""Times: units, rounding, shares, the wall clock."""
import datetime
import json
import os
import re
import time

from common import AFTER, BEFORE, HLT, TIMES_ONLY, TestCase, table


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
