# SPDX-License-Identifier: GPL-2.0-only
"""Debian systems in directories, in which tests install and remove KVM.

No module is loaded, so any processor and any kernel will do.  A system is made once, with a
kernel, its headers and its source.  Each test works on an overlay of its own.
"""
import glob
import os
import re
import shutil
import subprocess
import tempfile
import unittest

TOP = os.path.realpath(os.path.dirname(__file__) + "/../..")
BUILD = TOP + "/selftests/build/install"
SOURCES = {"bookworm": "6.1", "trixie": "6.12"}
PACKAGES = ("initramfs-tools", "kmod", "make", "openssl", "patch", "python3",
            "xz-utils", "linux-headers-cloud-amd64", "linux-image-cloud-amd64")
SBIN = "/usr/sbin:/usr/bin:/sbin:/bin"


def make_system(suite):
    """Returns the directory of a fresh Debian."""
    directory = f"{BUILD}/{suite}"
    if os.path.isdir(directory):
        return directory
    os.makedirs(BUILD, exist_ok=True)
    new = directory + ".new"
    shutil.rmtree(new, ignore_errors=True)
    sources = subprocess.run([TOP + "/host-kvm-patch/scripts/debian-kernel", "sources", suite],
                             check=True, stdout=subprocess.PIPE).stdout
    packages = PACKAGES + ("linux-source-" + SOURCES[suite],)
    subprocess.run(["mmdebstrap", "--quiet", "--variant=minbase",
                    "--include=" + ",".join(packages),
                    "--dpkgopt=path-exclude=/usr/share/doc/*",
                    "--dpkgopt=path-exclude=/usr/share/locale/*",
                    suite, new, "-"], input=sources, check=True)
    os.rename(new, directory)
    return directory


class System:
    """An overlay of other systems' directories, the topmost one first."""

    def __init__(self, *lower):
        self.lower = lower
        self.directory = tempfile.mkdtemp(dir=BUILD)
        self.upper = self.directory + "/upper"
        self.root = self.directory + "/root"
        for name in "upper", "work", "root":
            os.mkdir(f"{self.directory}/{name}")
        os.chmod(self.upper, 0o755)
        self.mount("-t", "overlay", "overlay", self.root, "-o",
                   f"lowerdir={':'.join(lower)},upperdir={self.upper},"
                   f"workdir={self.directory}/work,redirect_dir=on")
        self.mount("--rbind", "/dev", self.root + "/dev")
        self.mount("-t", "proc", "proc", self.root + "/proc")
        # An empty /sys shows a machine without modules and VMs.  A test can add files.
        self.mount("-t", "tmpfs", "sys", self.root + "/sys")

    @staticmethod
    def mount(*arguments):
        subprocess.run(["mount", *arguments], check=True)

    def unmount(self):
        subprocess.run(["umount", "--recursive", "--lazy", self.root], check=True)

    def close(self):
        self.unmount()
        shutil.rmtree(self.directory)

    def path(self, path):
        return self.root + path

    def write(self, path, text, mode=0o644):
        os.makedirs(os.path.dirname(self.path(path)), exist_ok=True)
        with open(self.path(path), "w") as file:
            file.write(text)
        os.chmod(self.path(path), mode)

    def read(self, path):
        with open(self.path(path)) as file:
            return file.read()

    def run(self, command, path=SBIN, umask=0o022, network=False):
        """Run a command of the shell.  Returns its status and what it prints."""
        done = subprocess.run(
            ([] if network else ["unshare", "--net"]) +
            ["chroot", self.root, "env", "-i", "PATH=" + path, "HOME=/root",
             "LC_ALL=C", "DEBIAN_FRONTEND=noninteractive", "sh", "-c", command],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
            stderr=subprocess.STDOUT, preexec_fn=lambda: os.umask(umask))
        return done.returncode, done.stdout

    def move(self, old, new):
        os.rename(self.path(old), self.path(new))

    def files(self, *but):
        """All files, with what they contain."""
        but = ("/proc", "/sys", "/dev", "/tmp", "/var/lib/apt", "/var/lib/dpkg",
               "/var/log", "/var/cache", "/root") + but
        prune = " -o ".join("-path " + path for path in but)
        return self.run(f"find / '(' {prune} ')' -prune -o '(' -type f -exec md5sum '{{}}' + "
                        "-o -printf '%p %l %m\\n' ')' | sort")[1].splitlines()


class Case(unittest.TestCase):
    """Tests in one release of Debian."""
    suite = None
    layers = ()

    @classmethod
    def setUpClass(cls):
        base = make_system(cls.suite)
        cls.release = os.path.basename(glob.glob(base + "/lib/modules/*-amd64")[0])
        cls.version = SOURCES[cls.suite]
        system = System(base)
        cls.addClassCleanup(shutil.rmtree, system.directory)
        try:
            cls.prepare(system)
        finally:
            system.unmount()
        cls.layers = (system.upper, base)

    @classmethod
    def prepare(cls, system):
        """Prepare what all tests of the class find."""

    def shortDescription(self):
        return f"{self.suite}: {super().shortDescription()}"

    def setUp(self):
        self.system = System(*self.layers)
        self.addCleanup(self.system.close)

    def says(self, status, text, command, **options):
        got, said = self.system.run(command, **options)
        said = "".join(line for line in said.splitlines(True)
                       if not re.match(r"make(\[\d+\])?: \*\*\* ", line))
        self.assertEqual((got, said), (status, text))


def in_each_release(case):
    """Make a class of tests for each release of Debian."""
    for suite in SOURCES:
        yield type(f"{case.__name__}_{suite}", (case,), {"suite": suite})
