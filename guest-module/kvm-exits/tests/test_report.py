# SPDX-License-Identifier: GPL-2.0-only
"""kvm-exits report: its output for known counts."""
import csv
import io

from common import TIMES_ONLY, TestCase, table

ROWS = {(0, "READ_CR0"): [0, 0, 0, 0, 0, 0, 0],
        (16, "WRITE_CR0"): [3, 30000, 60000, 20000, 16384, 20000, 20000],
        (96, "INTERRUPT"): [40, 40000, 50000, 3000, 1024, 2048, 3000],
        (114, "CPUID"): [70, 140000, 200000, 9000, 2048, 4096, 9000],
        (120, "HLT"): [500, 1000000, 8000000000, 90000000, 16777216,
                       67108864, 90000000],
        (123, "IO"): [7, 600000, 9000000, 4000000, 1048576, 4000000,
                      4000000],
        (124, "MSR"): [380, 190000, 400000, 2000, 1024, 2000, 2000]}

REPORT = """\
VM exits since the counts began (AMD, generation 7)

1000 exits, handled by KVM in 1.00ms, 1.00us on average.
Each reading of the counts is 12 of the exits for CPUID.

Most frequent
  HLT                                  500  50.00 %
  MSR                                  380  38.00 %
  CPUID                                 70   7.00 %
  INTERRUPT                             40   4.00 %
  IO                                     7   0.70 %

Least frequent of those that occurred
  WRITE_CR0                              3   0.30 %

6 of 7 reasons occurred.

Where KVM's time went
                                 time    share   average
  HLT                        500.00us  50.00 %    1.00us
  IO                         300.00us  30.00 %   42.86us
  MSR                         95.00us   9.50 %     250ns
  CPUID                       70.00us   7.00 %    1.00us
  INTERRUPT                   20.00us   2.00 %     500ns

How long exits stopped a vCPU, until its next entry (HLT: asleep)
                                 time median <=   99 % <= 99.9 % <=   longest
  HLT                           4.00s    8.39ms   33.55ms   45.00ms   45.00ms
  IO                           4.50ms  524.29us    2.00ms    2.00ms    2.00ms
  MSR                        200.00us     512ns    1.00us    1.00us    1.00us
  CPUID                      100.00us    1.02us    2.05us    4.50us    4.50us
  WRITE_CR0                   30.00us    8.19us   10.00us   10.00us   10.00us
"""


class Report(TestCase):
    def text(self, *args, **kwargs):
        self.write(table(*args, **kwargs))
        return self.run_program("report")[0]

    def test_text(self):
        """every figure of the report"""
        out = self.text(ROWS, exits_per_read=12)
        self.assertEqual(out[:len(REPORT)], REPORT)
        self.assertLessEqual(max(map(len, out.splitlines())), 80)

    def test_long(self):
        """a time of hours or days leaves the columns as they are"""
        for seconds, shown in ((9999, "9999.00s"), (10000, "2h47m"),
                               (172799, "2d00h"), (1000000, "11d13h"),
                               (900000000, "10416d16h")):
            rows = {k: v[:] for k, v in ROWS.items()}
            rows[(120, "HLT")][1:3] = [seconds * 1000000000,
                                       seconds * 2000000000]
            out = self.text(rows)
            self.assertIn(f"\n  HLT {shown:>31}    8.39ms   33.55ms"
                          "   45.00ms   45.00ms\n", out)
            self.assertLessEqual(max(map(len, out.splitlines())), 80)

    def test_long_cycles(self):
        """many cycles whose length is unknown leave the columns as they are"""
        for cycles, shown in ((999999999, "999999999"), (10 ** 9, "1.00G"),
                              (999994 * 10 ** 6, "999.99G"),
                              (999996 * 10 ** 6, "1.00T"),
                              (18 * 10 ** 18, "18.00E")):
            rows = {k: v[:] for k, v in ROWS.items()}
            rows[(120, "HLT")][2] = cycles
            out = self.text(rows, tsc_khz=0)
            self.assertIn(f"\n  HLT {shown:>31}  16777216  67108864"
                          "  90000000  90000000\n", out)
            self.assertLessEqual(max(map(len, out.splitlines())), 80)

    def test_sources(self):
        """each remark, for both vendors, names its source"""
        for names in (["PAUSE", "MSR", "IO", "NPF", "RDTSC"],
                      ["PAUSE_INSTRUCTION", "MSR_WRITE", "IO_INSTRUCTION",
                       "EPT_VIOLATION", "EPT_MISCONFIG"]):
            out = self.text({(i, n): [9, 90] for i, n in enumerate(names)},
                            columns=TIMES_ONLY)
            parts = [p for p in out.split("\n\n") if "% of the exits" in p]
            self.assertEqual(sorted(p.split(":")[0] for p in parts),
                             sorted(names))
            for part in parts:
                self.assertRegex(part, r"(?s)\n  source  \S.*\.\n*\Z")

    def test_old_host(self):
        """without the stopped time nothing is printed about it"""
        out = self.text(ROWS, columns=TIMES_ONLY)
        self.assertIn("Where KVM's time went\n", out)
        self.assertNotIn("How long exits stopped", out)
        self.assertNotIn("of the stopped time", out)

    def test_no_histogram(self):
        """an unknown percentile is a dash"""
        rows = {k: [*v[:4], "-", "-", "-"] for k, v in ROWS.items()}
        self.assertIn("  HLT                           4.00s         -    "
                      "     -         -   45.00ms\n", self.text(rows))

    def test_no_frequency(self):
        """if the frequency of the host's TSC is unknown, times are cycles"""
        out = self.text(ROWS, tsc_khz=0, columns=TIMES_ONLY)
        self.assertIn("handled by KVM in 2000000 cycles, 2000 on average.\n",
                      out)
        self.assertIn("  HLT                         1000000  50.00 %   "
                      "   2000\n", out)

    def test_nothing(self):
        """a table without exits is no division by zero"""
        out = self.text({(0, "READ_CR0"): [0] * 7})
        self.assertIn("\n0 exits, handled by KVM in 0ns, 0ns on average.\n",
                      out)

    def test_csv(self):
        """CSV has the file's own columns, and no interval"""
        self.write(table(ROWS))
        out, _ = self.run_program("report", "--csv")
        rows = {r["name"]: r for r in csv.DictReader(io.StringIO(out))}
        self.assertEqual(len(rows), 7)
        for (_, name), counts in ROWS.items():
            if counts[0]:
                self.assertEqual([rows[name][c] for c in
                                  ("exits", "cycles", "stopped_cycles",
                                   "max_cycles", "p50", "p99", "p99_9")],
                                 list(map(str, counts)))
                self.assertEqual([rows[name][c + "_seconds"] for c in
                                  ("max", "p50", "p99", "p99_9")],
                                 [f"{x / 2e9:.9f}" for x in counts[3:]])
                self.assertEqual(rows[name]["average_stopped_seconds"],
                                 f"{counts[2] / counts[0] / 2e9:.9f}")
                self.assertEqual((rows[name]["seconds"],
                                  rows[name]["exits_per_second"]), ("", ""))
