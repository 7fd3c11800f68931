# SPDX-License-Identifier: GPL-2.0-only
"""-f: reasons by an expression."""
import json
import os
import subprocess

from common import AFTER, BEFORE, TestCase, table


class Filter(TestCase):
    def test_all(self):
        """-f: an expression, in any case; the total is still the VM's"""
        for args, expect in ((["-f", "^h"], ["HLT"]),
                             (["-f", "io|cpuid"], ["CPUID"]),
                             (["--filter", "^io$"], [])):
            self.feed(table(BEFORE), table(AFTER))
            s = json.loads(self.run_program("stat", "-I", "1", "-c", "1",
                                            "--json", *args)[0])
            self.assertEqual([r["name"] for r in s["reasons"]], expect)
            self.assertEqual(s["total"]["exits"], 60)
        self.write(table(AFTER))
        for command in ["report", "--csv"], ["prometheus"]:
            out, _ = self.run_program(*command, "-f", "^HLT$")
            self.assertIn("HLT", out)
            self.assertNotIn("CPUID,", out)
            self.assertNotIn('"CPUID"', out)
        out, _ = self.run_program("top", "-I", "1ms", "-c", "1", "-f", "^HLT$")
        self.assertNotIn("\nCPUID", out)


    def test_turkish(self):
        """the names of reasons are found in any case where the small I is not i"""
        self.need("localedef")
        if not os.path.exists("/usr/share/i18n/locales/tr_TR"):
            self.skipTest("the sources of locales are not installed")
        self.write(table(AFTER))
        for name, charset in (("tr_TR.UTF-8", "UTF-8"), ("tr_TR", "ISO-8859-9")):
            subprocess.run(["localedef", "-i", "tr_TR", "-f", charset,
                            f"{self.dir}/{name}"], check=True)
            env = {**os.environ, "LOCPATH": self.dir, "LC_ALL": name}
            out, _ = self.run_program("report", "--csv", "-f", "^cpuid$", env=env)
            self.assertIn(",CPUID,", out)
            self.assertEqual(self.run_program("explain", "cpuid", file=False, env=env),
                             self.run_program("explain", "CPUID", file=False))

    def test_none(self):
        """-f: an expression that matches no reason is an error"""
        self.write(table(AFTER))
        for status, args in ((1, ["stat", "-I", "1", "-c", "1"]),
                             (125, ["stat", "--", "true"]),
                             (1, ["report"]), (1, ["hist"]),
                             (1, ["prometheus"])):
            out, err = self.run_program(args[0], "-f", "typo", *args[1:],
                                        status=status)
            self.assertEqual((out, err), ("", "kvm-exits: typo: no reason of "
                             "the table matches: see kvm-exits explain\n"))
        _, err = self.run_program("diff", "-f", "typo", self.file, self.file,
                                  file=False, status=1)
        self.assertIn("typo: no reason of the tables matches", err)

    def test_costly(self):
        """-f: an expression that would take gigabytes is refused"""
        self.write(table(AFTER))
        for text, why in (("(((((a{9}){9}){9}){9}){9}){9}", "may not have a {"),
                          ("((((((a+)+)+)+)+)+)+", "has too many +"),
                          ("a" * 99, "is too long")):
            _, err = self.run_program("prometheus", "-f", text, status=2)
            self.assertEqual(err, f"kvm-exits: {text}: not a regular "
                             f"expression: it {why}; see kvm-exits "
                             "prometheus --help\n")
