# SPDX-License-Identifier: GPL-2.0-only
"""The VMs of a host: vms and --vm."""
import json
import os
import shutil
import subprocess
import tempfile
import time

from common import AFTER, BEFORE, PROGRAM, TestCase, table, vmm


class Host(TestCase):
    """VMs in a directory like that of KVM in debugfs."""

    def setUp(self):
        super().setUp()
        self.sleepers = []
        for n, name in enumerate((["-name", "guest=web,debug-threads=on"],
                                  ["-name", "db"], [])):
            p = vmm(*name)
            self.addCleanup(p.wait)
            self.addCleanup(p.stdin.close)
            self.sleepers.append(p.pid)
            os.mkdir(f"{self.dir}/{p.pid}-1{n}")
            self.write(table(BEFORE), self.stats(n))
        os.mkdir(self.dir + "/unrelated")

    def stats(self, n):
        return f"{self.dir}/{self.sleepers[n]}-1{n}/exit_stats"

    def test_vms(self):
        """vms: all VMs, by the rate of their exits"""
        p = subprocess.Popen([PROGRAM, "vms", "--debugfs", self.dir, "-I",
                              "1s"], stdout=subprocess.PIPE, text=True)
        time.sleep(0.3)
        self.write(table(AFTER), self.stats(1))
        os.unlink(self.stats(2))
        os.rmdir(os.path.dirname(self.stats(2)))
        out, _ = p.communicate(timeout=60)
        self.assertEqual(p.returncode, 0)
        lines = out.splitlines()[2:]
        self.assertRegex(lines[0], rf"\A +{self.sleepers[1]}  db +[1-9]\d*\.\d"
                                   r" +0\.0\d  CPUID\Z")
        self.assertRegex(lines[1], rf"\A +{self.sleepers[0]}  web +0\.0 +0\.00"
                                   r"  -\Z")
        self.assertEqual(len(lines), 2)

    def vm(self, which, status=0):
        p = subprocess.run([PROGRAM, "--debugfs", self.dir, "--vm", which,
                            "report", "--json"], text=True, timeout=60,
                           capture_output=True, check=False)
        self.assertEqual(p.returncode, status, p.stderr)
        return p

    def test_one(self):
        """--vm: a PID or a name, before or after the command"""
        self.write(table(AFTER), self.stats(0))
        for which, exits in (("web", 217), (str(self.sleepers[0]), 217),
                             ("db", 157), (str(self.sleepers[2]), 157)):
            self.assertEqual(json.loads(self.vm(which).stdout)["total"]
                             ["exits"], exits)
        out = subprocess.run([PROGRAM, "report", "--vm", "web", "--debugfs",
                              self.dir], check=True, capture_output=True,
                             text=True).stdout
        self.assertIn("217 exits", out)

    def test_names(self):
        """vms: a name cannot disturb the terminal, and stays in its column"""
        for given, shown in (("caf\u00e9", "caf\u00e9"),
                             ("\u6771\u4eac" * 9, "\u6771\u4eac" * 6),
                             ("a\u202eb\u009bc\x1b[2Jd", "a?b?c?[2Jd"),
                             (b"x\xff\xc3".decode(errors="surrogateescape"),
                              "x??")):
            p = vmm("-name", given)
            self.addCleanup(p.wait)
            self.addCleanup(p.stdin.close)
            directory = tempfile.mkdtemp()
            self.addCleanup(shutil.rmtree, directory)
            os.mkdir(f"{directory}/{p.pid}-11")
            self.write(table(BEFORE), f"{directory}/{p.pid}-11/exit_stats")
            for locale in "C.UTF-8", "C":
                out = subprocess.run(
                    [PROGRAM, "vms", "--debugfs", directory, "-I", "1ms"],
                    env={**os.environ, "LC_ALL": locale}, check=True,
                    capture_output=True).stdout.decode()
                line = out.splitlines()[2]
                name = line[10:].rsplit(maxsplit=3)[0]
                if locale == "C":
                    self.assertTrue(name.isascii(), name)
                else:
                    self.assertEqual(name, shown)
                    wide = sum(ord(c) > 0x2000 for c in name)
                    self.assertEqual(line.index("0.0") + wide, 43)

    def test_no_vm(self):
        """--vm: no VM, or more than one, is one line"""
        self.assertEqual(self.vm("nonesuch", status=1).stderr,
                         "kvm-exits: nonesuch: no such VM: see kvm-exits vms\n")
        os.mkdir(f"{self.dir}/{self.sleepers[0]}-99")
        for which in "web", str(self.sleepers[0]):
            self.assertRegex(self.vm(which, status=1).stderr,
                             rf"its process has more than one VM: .* such as "
                             rf"{self.sleepers[0]}-(10|99)\n")
        self.write(table(AFTER), self.stats(0))
        self.assertEqual(json.loads(self.vm(f"{self.sleepers[0]}-10").stdout)
                         ["total"]["exits"], 217)

    def test_hostile_names(self):
        """--vm: whatever names others give to their VMs, one can be chosen"""
        first = f"{self.sleepers[0]}-10"
        self.write(table(AFTER), self.stats(0))
        for name in str(self.sleepers[0]), first, first:
            p = vmm("-name", name)
            self.addCleanup(p.wait)
            self.addCleanup(p.stdin.close)
            os.mkdir(f"{self.dir}/{p.pid}-11")
            self.write(table(BEFORE), f"{self.dir}/{p.pid}-11/exit_stats")
        self.assertEqual(self.vm(str(self.sleepers[0]), status=1).stderr,
                         f"kvm-exits: {self.sleepers[0]}: one VM's PID and another's "
                         f"name: use a name such as {first}\n")
        self.assertEqual(json.loads(self.vm(first).stdout)["total"]["exits"], 217)

    def test_no_debugfs(self):
        """vms: without KVM it is one line"""
        _, err = self.run_program("vms", "--debugfs", "/nonexistent",
                                  file=False, status=1)
        self.assertEqual(err, "kvm-exits: /nonexistent: No such file or directory: "
                              "see kvm-exits check\n")

    def test_stock_host(self):
        """vms: one line on a host whose KVM is not patched"""
        for n in range(3):
            os.unlink(self.stats(n))
        # Where the tests run, it cannot count in KVM's tracepoints either.
        _, err = self.run_program("vms", "--debugfs", self.dir, file=False,
                                  status=1)
        self.assertRegex(err, r"\Akvm-exits: .*(tracepoints|libbpf).*\n\Z")
        _, err = self.run_program("vms", "--debugfs", self.dir, "--source",
                                  "debugfs", file=False, status=1)
        self.assertRegex(err, r"\Akvm-exits: \S+/exit_stats: No such file or "
                              r"directory: this host's KVM is not the patched "
                              r"one: see kvm-exits check\n\Z")

    def test_filter(self):
        """vms: an expression that matches no reason is an error"""
        _, err = self.run_program("vms", "-I", "20ms", "-f", "typo",
                                  "--debugfs", self.dir, file=False, status=1)
        self.assertEqual(err, "kvm-exits: typo: no reason of a VM matches: "
                              "see kvm-exits explain\n")

    def test_damaged(self):
        """vms: a VM whose table is damaged does not hide the others"""
        self.write("no table\n", self.stats(0))
        out, err = self.run_program("vms", "-I", "20ms", "--debugfs", self.dir,
                                    file=False)
        self.assertEqual(len(out.splitlines()), 4)
        self.assertRegex(err, r"\A(kvm-exits: \S+/exit_stats: not a table of "
                              r"kvm_exits, .*: line 1 is no table\n){2}\Z")
