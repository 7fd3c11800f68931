# SPDX-License-Identifier: GPL-2.0-only
"""stat -r: several runs of a command."""
import json
import os

from common import HLT, TIMES_ONLY, TestCase, table


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
