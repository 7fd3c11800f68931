#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Run the unittests beside this file and print TAP, as kselftest does.

Arguments name modules, classes or tests; without any, all are run.
"""
import os
import sys
import unittest


class TapResult(unittest.TestResult):
    def report(self, ok, test, note=""):
        name = test.shortDescription() or test.id()
        print(f"{ok} {self.testsRun} {name}{note}", flush=True)

    def diagnose(self, test, err):
        self.report("not ok", test)
        for line in self._exc_info_to_string(err, test).splitlines():
            print("#", line, flush=True)

    def addSuccess(self, test):
        self.report("ok", test)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.report("ok", test, f" # SKIP {reason}")

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.diagnose(test, err)

    def addError(self, test, err):
        super().addError(test, err)
        if not isinstance(test, unittest.TestCase):  # setUpClass() failed
            self.testsRun += 1
        self.diagnose(test, err)


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path.insert(0, here)
    loader = unittest.TestLoader()
    if sys.argv[1:]:
        suite = loader.loadTestsFromNames(sys.argv[1:])
    else:
        suite = loader.discover(here, "test_*.py")

    print("TAP version 13")
    print(f"1..{suite.countTestCases()}", flush=True)
    result = TapResult()
    suite.run(result)
    bad = len(result.failures) + len(result.errors)
    skipped = len(result.skipped)
    print(f"# Totals: pass:{result.testsRun - bad - skipped} fail:{bad}"
          f" xfail:0 xpass:0 skip:{skipped} error:0")
    return bool(bad) or result.testsRun == skipped


if __name__ == "__main__":
    sys.exit(main())
