# SPDX-License-Identifier: GPL-2.0-only
"""The static build, in a root directory that has nothing else."""
import os
import pty
import shutil
import subprocess

from common import SOURCE, TestCase, build, table

ROWS = {(114, "CPUID"): [10, 1000, 1000, 100, 1, 1, 1]}


class Static(TestCase):
    def inside(self, *argv):
        return ["unshare", "-r", f"--root={self.dir}", "/kvm-exits", *argv]

    def setUp(self):
        super().setUp()
        if subprocess.run(["unshare", "-r", "true"], check=False,
                          stderr=subprocess.DEVNULL).returncode:
            self.skipTest("no user namespaces")
        build(".", "static")
        shutil.copy(SOURCE + "/static/kvm-exits", self.dir)
        self.write(table(ROWS))

    def test_report(self):
        """it needs no file but the table"""
        p = subprocess.run(self.inside("report", "--file", "/kvm_exits"),
                           capture_output=True, text=True, check=False)
        self.assertEqual((p.returncode, p.stderr), (0, ""))
        self.assertIn("10 exits", p.stdout)

    def test_no_libbpf(self):
        """on a host with a stock KVM: one line, as it is built without libbpf"""
        os.makedirs(self.dir + "/kvm/7-11")
        p = subprocess.run(self.inside("vms", "--debugfs", "/kvm"),
                           capture_output=True, text=True, check=False)
        self.assertEqual((p.returncode, p.stdout, p.stderr),
                         (1, "", "kvm-exits: this host's KVM is not the patched "
                          "one, and this kvm-exits was built without libbpf, "
                          "which counts in a stock KVM\n"))

    def test_terminals(self):
        """the live view knows the usual terminals, and none by guessing"""
        for term, screen in (("linux", True), ("xterm-256color", True),
                             ("tmux", True), ("vt100", True),
                             ("nonesuch", False)):
            pid, fd = pty.fork()
            if not pid:
                os.environ["TERM"] = term
                argv = self.inside("top", "-I", "1ms", "-c", "1",
                                   "--file", "/kvm_exits")
                os.execvp(argv[0], argv)
            out = b""
            while True:
                try:
                    data = os.read(fd, 4096)
                except OSError:
                    break
                if not data:
                    break
                out += data
            os.close(fd)
            self.assertEqual(os.waitpid(pid, 0)[1], 0, out)
            self.assertIn(b"kvm-exits: ", out)
            self.assertEqual(b"\x1b[H" in out, screen, term)
