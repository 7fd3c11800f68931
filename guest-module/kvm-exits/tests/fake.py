# SPDX-License-Identifier: GPL-2.0-only
"""Another machine for the program: its files and its CPUID, see fake.c."""
import atexit
import errno
import os
import shutil
import struct
import subprocess
import tempfile

from common import HERE, TestCase, build

WRAPPED = ("fopen", "open", "access", "opendir", "kvm_exits_cpuid",
           "cpuid_enabled", "sched_getcpu", "sched_getaffinity",
           "sched_setaffinity", "getrusage")
HYPERVISOR = 1 << 31


class FakeCase(TestCase):
    """Tests of the program in a made-up machine, which is in self.dir."""

    place = None

    @classmethod
    def setUpClass(cls):
        if FakeCase.place:  # another class has built it
            return
        FakeCase.place = tempfile.mkdtemp()
        atexit.register(shutil.rmtree, cls.place)
        build(cls.place, CFLAGS="-O1 -g -fsanitize=address,undefined "
                                "-fno-sanitize-recover",
              LDFLAGS=f"-D_GNU_SOURCE -I.. -I../include {HERE}/fake.c " +
                      " ".join(f"-Wl,--wrap={f}" for f in WRAPPED))

    def setUp(self):
        super().setUp()
        self.cpuid = {}
        self.errors = {}
        self.env = {**os.environ, "FAKE": self.dir}

    def put(self, path, text=""):
        """Make a file of the machine."""
        path = self.dir + path
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(text if isinstance(text, bytes) else text.encode())

    def sign(self, leaf, eax, signature):
        self.cpuid[leaf] = (eax, *struct.unpack("<3I",
                                                signature.ljust(12, b"\0")))

    def deny(self, path, error=errno.EACCES):
        self.errors[path] = error

    def run_any(self, *args):
        """Run the program, which may fail."""
        self.put("/cpuid", "".join(
            " ".join(f"{n:x}" for n in (leaf, *regs)) + "\n"
            for leaf, regs in self.cpuid.items()))
        self.put("/errors", "".join(f"{path} {n}\n"
                                    for path, n in self.errors.items()))
        return subprocess.run([self.place + "/kvm-exits", *args], capture_output=True,
                              text=True, timeout=60, check=False, env=self.env)

    def run_fake(self, *args, status=0):
        """Check the exit status; return the standard output and error."""
        p = self.run_any(*args)
        self.assertEqual(p.returncode, status, p.stdout + p.stderr)
        return p.stdout, p.stderr
