# SPDX-License-Identifier: GPL-2.0-only
"""kvm-exits vms on a terminal."""
import os
import re

from common import PROGRAM, Terminal, table, vmm

CPUID, HLT = (114, "CPUID"), (120, "HLT")


def rows(n):
    return {CPUID: [n, 2000 * n, 2000 * n, 9, 1, 1, 1], HLT: [0] * 7}


class Screen(Terminal):
    def setUp(self):
        super().setUp()
        self.kvm = os.path.join(self.dir, "kvm")
        os.mkdir(self.kvm)
        self.vms = {}
        for name in "web", "db", "mail":
            p = vmm("-name", name)
            self.addCleanup(p.wait)
            self.addCleanup(p.stdin.close)
            self.vms[name] = p.pid
            os.mkdir(f"{self.kvm}/{p.pid}-11")
            self.count(name, 0)
        self.run_on_screen("env", "LC_ALL=C", PROGRAM, "vms", "--debugfs",
                           self.kvm, "-I", "100ms")
        self.screen(r"3 VMs, (.*\n)+ +\d+  web ")

    def count(self, name, n):
        self.write(table(rows(n)),
                   f"{self.kvm}/{self.vms[name]}-11/exit_stats")

    def order(self, pattern):
        return re.findall(r"(?m)^ *\d+  (\w+) ", self.screen(pattern))

    def test_live(self):
        """it goes on, and follows VMs that come and go"""
        for n in 1, 2:
            self.count("db", 1000 * n)
            screen = self.screen(r"  db +[1-9]\d+\.\d .* CPUID\n")
            self.assertEqual(len(screen.splitlines()), 24)
            self.screen(r"  db +0\.0 ")
        os.unlink(f"{self.kvm}/{self.vms['mail']}-11/exit_stats")
        os.rmdir(f"{self.kvm}/{self.vms['mail']}-11")
        self.screen(r"2 VMs, ")
        self.keys("q")
        self.screen("status 0")

    def test_keys(self):
        """the sort keys, and their reverse"""
        self.keys("n")
        self.assertEqual(self.order(r"  db (.*\n)+.*  web "),
                         ["db", "mail", "web"])
        self.keys("R")
        self.assertEqual(self.order(r"  web (.*\n)+.*  db "),
                         ["web", "mail", "db"])
        self.keys("R", "p")
        self.screen(r"  web (.*\n)+.*  db (.*\n)+.*  mail ")
        self.keys("C-c")
        self.screen("status 0")

    def test_enter(self):
        """Enter shows the VM of the cursor, and q comes back"""
        self.keys("n", "Up")
        # The cursor stays on its VM in another order.
        self.keys("R", "Enter")
        self.screen(r"kvm-exits: AMD, generation 7")
        self.count("mail", 4321)
        self.screen(r"\nCPUID .* 4321 ")
        self.keys("q")
        screen = self.screen(r"3 VMs, ")
        self.assertIn("  mail ", screen)
        self.keys("q")
        self.screen("status 0")
