# SPDX-License-Identifier: GPL-2.0-only
"""kvm-exits vms --allow: who may read the counts of one VM in its guest."""
import os
import shutil
import subprocess
import tempfile
import unittest

from common import PROGRAM, vmm


class Allow(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.dir)
        self.pids = [self.start_vm(name) for name in ("web", "a=b", "c,d", "twin", "twin")]

    def start_vm(self, name):
        """A process that looks like libvirt's, and its directory."""
        p = vmm("-name", f"guest={name.replace(',', ',,')},debug-threads=on")
        self.addCleanup(p.wait)
        self.addCleanup(p.stdin.close)
        os.mkdir(f"{self.dir}/{p.pid}-11")
        with open(self.access(p.pid), "w"):
            pass
        return p.pid

    def access(self, pid):
        return f"{self.dir}/{pid}-11/exit_stats_access"

    def written(self):
        found = []
        for pid in self.pids:
            with open(self.access(pid)) as file:
                found.append(file.read())
        return found

    def allow(self, *arguments):
        p = subprocess.run([PROGRAM, "vms", "--debugfs", self.dir, "--allow",
                            *arguments], text=True, capture_output=True, check=False)
        return p.returncode, p.stdout + p.stderr

    def test_values(self):
        """vms --allow: one VM, by name or PID, and no other"""
        web, equals, comma = self.pids[:3]
        for which, value, name, who in (
                ("web", "Y", f"web, PID {web}", "all processes of its guest"),
                ("web=kernel", "kernel", f"web, PID {web}",
                 "the kernel of its guest alone"),
                (f"{web}=N", "N", f"web, PID {web}", "nobody in its guest")):
            with open(self.access(web), "w"):
                pass
            self.assertEqual(self.allow(which),
                             (0, f"{name}: {who} may read its counts\n"))
            self.assertEqual(self.written(), [value, "", "", "", ""])
        self.assertEqual(self.allow("a=b=kernel")[0], 0)
        self.assertEqual(self.written()[1], "kernel")
        self.assertEqual(self.allow("a=b"),
                         (0, f"a=b, PID {equals}: all processes of its guest may read its "
                          "counts\n"))
        self.assertEqual(self.allow("c,d"),
                         (0, f"c,d, PID {comma}: all processes of its guest may read its "
                          "counts\n"))

    def test_refused(self):
        """vms --allow: no such VM, two of one name, a KVM without the file"""
        self.assertEqual(self.allow("nonesuch"), (
            1, "kvm-exits: nonesuch: no such VM: see kvm-exits vms\n"))
        self.assertEqual(self.allow("twin=N"), (
            1, "kvm-exits: twin: more than one VM has this name: use the PID\n"))
        self.assertEqual(self.written(), [""] * 5)
        os.remove(self.access(self.pids[0]))
        self.assertEqual(self.allow("web"), (
            1, f"kvm-exits: {self.access(self.pids[0])}: no such file: the loaded KVM is "
            "too old: load a newer one\n"))
        self.assertEqual(self.allow("web", "-c", "2"), (
            2, "kvm-exits: vms: --allow goes without -I, -c and -f; see kvm-exits vms --help\n"))
