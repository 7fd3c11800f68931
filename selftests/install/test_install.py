# SPDX-License-Identifier: GPL-2.0-only
"""make install, uninstall and status of host-kvm-patch: whatever happens, there is a
KVM that loads."""
import os
import shutil
import subprocess

from roots import Case, TOP, in_each_release

PATCH = "/project/host-kvm-patch"
SEES = "host-kvm: exit_stats_guest=Y: every process of a guest may read the counts of " \
    "its VM\n"
# Kills a program at its Nth step that others can see.
KILL = """
import os, runpy, sys
steps = ("ctypes.dlsym", "os.chmod", "os.mkdir", "os.remove", "os.rename", "os.rmdir",
         "shutil.rmtree", "subprocess.Popen", "tempfile.mkdtemp")
left = int(sys.argv[1])
def count(event, arguments):
    global left
    if event in steps:
        left -= 1
        if not left:
            os.kill(os.getpid(), 9)
sys.argv[:] = sys.argv[2:]
sys.addaudithook(count)
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def copy_project(system):
    files = subprocess.run(["git", "ls-files", "host-kvm-patch"], cwd=TOP,
                           check=True, stdout=subprocess.PIPE).stdout
    os.mkdir(system.path("/project"))
    subprocess.run(["cpio", "--quiet", "-pdm", system.path("/project")], cwd=TOP,
                   input=files, check=True)


class Install(Case):
    @classmethod
    def prepare(cls, system):
        """Build once, from what is installed and without a network."""
        copy_project(system)
        cls.built = system.run(f"make -s -C {PATCH} install KERNELRELEASE={cls.release}")
        cls.files_patched = system.files("/project")
        cls.uninstalled = system.run(
            f"make -s -C {PATCH} uninstall KERNELRELEASE={cls.release}")

    def make(self, target, more=""):
        return f"make -s -C {PATCH} {target} KERNELRELEASE={self.release} {more}"

    def place(self):
        return f"/lib/modules/{self.release}/updates/kvm-exits"

    def would_load(self):
        """The directories of the modules that modprobe would load.  They exist."""
        files = self.system.run("for name in kvm kvm-intel kvm-amd; do "
                                f"modinfo -k {self.release} -F filename $name; done")[1]
        for file in files.splitlines():
            self.assertTrue(os.path.exists(self.system.path(file)), file)
        self.assertEqual(len(files.splitlines()), 3, files)
        return set(map(os.path.dirname, files.splitlines()))

    def assert_patched(self):
        self.assertEqual(self.would_load(), {self.place()})

    def assert_stock(self):
        self.assertEqual(self.would_load(),
                         {f"/lib/modules/{self.release}/kernel/arch/x86/kvm"})

    def assert_nothing_left(self):
        self.assert_stock()
        self.assertFalse(os.path.exists(self.system.path(os.path.dirname(self.place()))))
        self.assertEqual([name for name in os.listdir(self.system.path("/lib/modules"))
                          if name.startswith(".")], [])

    def test_offline(self):
        """The modules are built from installed packages, without a network"""
        self.assertEqual(self.built[0], 0, self.built[1])
        self.assertEqual(self.uninstalled, (0, f"""\
host-kvm: {self.release}: the distribution's KVM is back
host-kvm: it is loaded when {self.release} is booted
"""))
        self.assert_nothing_left()

    def test_no_source(self):
        """Without a source, install says which package is missing"""
        package = f"linux-source-{self.version}"
        self.system.run(f"rm -r {PATCH}/build; dpkg --remove {package}")
        version = self.system.run(
            f"dpkg-query -Wf '${{Version}}' linux-image-{self.release}")[1]
        self.says(2, f"""\
host-kvm-patch: unpacking the source of {self.release}
debian-kernel: {package} is not installed in version {version}, and apt does not have \
it: run apt-get update, or update the kernel
host-kvm: {self.release}: the modules were not built: see above
""", self.make("install"))
        self.assert_nothing_left()

    def test_own_sources(self):
        """A source that is not installed is fetched from the host's own sources"""
        package = f"linux-source-{self.version}"
        version = self.system.run(
            f"dpkg-query -Wf '${{Version}}' linux-image-{self.release}")[1]
        self.system.write("/deb/DEBIAN/control",
                          f"Package: {package}\nVersion: {version}\nArchitecture: all\n"
                          "Maintainer: nobody <nobody@localhost>\n"
                          "Description: for a test\n")
        status, said = self.system.run(f"""set -e
            mkdir -p /deb/usr/src /repo
            cp /usr/src/{package}.tar.xz /deb/usr/src
            dpkg-deb -Znone --build /deb /repo/source.deb
            cd /repo
            {{ cat /deb/DEBIAN/control
              echo "Filename: ./source.deb"
              echo "Size: $(stat -c %s source.deb)"
              echo "SHA256: $(sha256sum source.deb | cut -d' ' -f1)"; }} >Packages
            rm -rf {PATCH}/build /etc/apt/sources.list.d/* /var/lib/apt/lists/*
            echo 'deb [trusted=yes] file:/repo ./' >/etc/apt/sources.list
            dpkg --remove {package}
            apt-get -q update""")
        self.assertEqual(status, 0, said)
        status, said = self.system.run(self.make("install"))
        self.assertEqual(status, 0, said)
        self.assert_patched()

    def test_no_sbin(self):
        """install and uninstall without sbin in PATH"""
        self.says(0, f"""\
host-kvm: {self.release}: the patched KVM is installed
{SEES}host-kvm: it is loaded when {self.release} is booted
""", self.make("install"), path="/usr/bin:/bin")
        self.assert_patched()
        self.assertEqual(self.system.run(self.make("uninstall"), path="/usr/bin:/bin")[0], 0)
        self.assert_nothing_left()

    def kill_at_each_step(self, command, before, after):
        """Kill host-kvm at each step.  Each time there must be a KVM that loads, and
        still after another package has run depmod."""
        program = f"{PATCH}/scripts/host-kvm"
        self.system.write("/kill", KILL)
        for step in range(1, 200):
            self.system.run(f"{program} {before} {self.release}")
            status, said = self.system.run(
                f"python3 /kill {step} {program} {command} {self.release}")
            loads = self.would_load()
            self.assertEqual(len(loads), 1, said)
            if not status:
                break
            self.assertEqual(status, 137, said)
            self.system.run(f"depmod {self.release}")
            self.assertEqual(len(self.would_load()), 1, said)
            self.says(0, f"{self.release}: patched KVM installed\n"
                      if self.would_load() == {self.place()} else
                      f"{self.release}: stock KVM; the patched one is built, not installed\n",
                      f"{program} status | grep ^{self.release}")
        self.assertGreater(step, 10)
        after()

    def test_kill_install(self):
        """install, killed at each step"""
        self.kill_at_each_step("install", "uninstall", self.assert_patched)

    def test_kill_install_again(self):
        """install over an older installation, killed at each step"""
        self.kill_at_each_step("install", "install", self.assert_patched)

    def test_kill_uninstall(self):
        """uninstall, killed at each step"""
        self.kill_at_each_step("uninstall", "install", self.assert_nothing_left)

    def test_repair(self):
        """status and uninstall see modules that are named, and missing"""
        self.system.run(self.make("install"))
        shutil.rmtree(self.system.path(self.place()))
        self.says(0, f"{self.release}: no KVM that loads: run make -C {PATCH} uninstall "
                  f"KERNELRELEASE={self.release}\n",
                  f"make -s -C {PATCH} status | grep ^{self.release}")
        self.assertEqual(self.system.run(self.make("uninstall"))[0], 0)
        self.assert_nothing_left()

    def test_usage(self):
        """Without a command, and with a wrong one, the usage is printed"""
        for arguments in "", "stauts", "install", "reload now":
            status, text = self.system.run(f"{PATCH}/scripts/host-kvm {arguments}")
            self.assertEqual((status, text.split(":")[0]), (2, "usage"))

    def test_umask(self):
        """With umask 077, everybody can still read what is installed"""
        self.system.run(self.make("install"), umask=0o077)
        for path in self.place(), self.place() + "/kvm.ko", \
                f"/lib/modules/{self.release}/modules.dep":
            self.assertEqual(os.stat(self.system.path(path)).st_mode & 0o444, 0o444, path)

    def pretend_to_run(self):
        """Give the modules of the system's kernel to the kernel that runs the tests."""
        running = os.uname().release
        self.system.move(f"/lib/modules/{self.release}", f"/lib/modules/{running}")
        self.system.run(f"cd {PATCH}/build && cp -a {self.release} {running}")
        self.release = running
        self.system.run(f"depmod {running}")

    def test_no_vmx(self):
        """On a CPU without VMX and SVM, as where images are made"""
        self.pretend_to_run()
        self.system.write("/cpuinfo", "flags\t\t: fpu vme\n")
        self.system.mount("--bind", self.system.path("/cpuinfo"),
                          self.system.path("/proc/cpuinfo"))
        cannot = "host-kvm: this machine cannot load it: the CPU has neither VMX nor " \
            "SVM, or the firmware has turned it off\n"
        self.says(0, f"host-kvm: {self.release}: the patched KVM is installed\n{SEES}" + cannot,
                  self.make("install"))
        self.says(0, f"host-kvm: {self.release}: the distribution's KVM is back\n" + cannot,
                  self.make("uninstall"))

    def test_next(self):
        """What to run next, on the kernel that runs"""
        self.pretend_to_run()
        self.system.write("/cpuinfo", "flags\t\t: fpu svm\n")
        self.system.mount("--bind", self.system.path("/cpuinfo"),
                          self.system.path("/proc/cpuinfo"))
        self.says(0, f"""\
host-kvm: {self.release}: the patched KVM is installed
{SEES}host-kvm: to load it: make -C {PATCH} reload
""", self.make("install"))
        self.says(0, f"loaded: no KVM\n{self.release} (running): patched KVM installed\n",
                  f"make -s -C {PATCH} status")

    def test_newer(self):
        """status marks kernels that are newer than the running one, and no others"""
        self.pretend_to_run()
        modules = self.system.path("/lib/modules")
        stock = "stock KVM; the patch is not built for it"
        for name in self.release + "-amd64", "1.0-amd64", "99.0-amd64":
            shutil.copytree(f"{modules}/{self.release}", f"{modules}/{name}", symlinks=True)
            self.system.run(f"depmod {name}")
        self.says(0, f"""\
loaded: no KVM
1.0-amd64: {stock}
{self.release} (running): stock KVM; the patched one is built, not installed
{self.release}-amd64: {stock}
99.0-amd64 (newer): {stock}
""", f"make -s -C {PATCH} status")

    def test_other_users(self):
        """Without sbin in PATH, a module that fits is not taken for one that does not"""
        own = self.system.path(f"/lib/modules/{self.release}/kernel")
        shutil.copy(self.system.path(f"{PATCH}/build/{self.release}/kvm-intel.ko"),
                    own + "/fits.ko")
        self.system.run(f"depmod {self.release}")
        self.says(0, f"""\
host-kvm: {self.release}: the patched KVM is installed
{SEES}host-kvm: it is loaded when {self.release} is booted
""", self.make("install"), path="/usr/bin:/bin")

    def test_secure_boot(self):
        """A kernel that checks signatures: no key, no mokutil, not enrolled, enrolled"""
        why = "host-kvm: this kernel loads signed modules only, as with Secure Boot"
        key = f"/var/lib/dkms/{self.release}/mok"
        self.system.write("/sys/module/module/parameters/sig_enforce", "Y\n")
        self.system.write("/etc/dkms/framework.conf",
                          "mok_signing_key=/var/lib/dkms/$kernelver/mok.key\n"
                          "mok_certificate=/var/lib/dkms/$kernelver/mok.pub\n")
        make_key = "openssl req -new -x509 -nodes -days 36500 " \
            f"-subj '/CN=DKMS module signing key/' -newkey rsa:2048 -keyout {key}.key " \
            f"-outform DER -out {key}.pub"
        self.says(2, f"{why}, and DKMS has no key to sign with: run {make_key}, "
                  f"then mokutil --import {key}.pub, and reboot\n", self.make("install"))
        os.makedirs(self.system.path(os.path.dirname(key)))
        self.assertEqual(self.system.run(make_key)[0], 0)
        self.says(2, f"{why}, and without mokutil it is not known whether DKMS's key is "
                  "enrolled: run apt-get install mokutil\n", self.make("install"))
        self.system.write("/usr/bin/mokutil", "#!/bin/sh\necho $2 is not enrolled\n", 0o755)
        self.says(2, f"{why}, and DKMS's key is not enrolled: run mokutil "
                  f"--import {key}.pub, and reboot\n", self.make("install"))
        self.assert_nothing_left()
        self.system.write("/usr/bin/mokutil",
                          "#!/bin/sh\necho $2 is already enrolled\n", 0o755)
        self.says(0, f"""\
host-kvm: {self.release}: the patched KVM is installed
{SEES}host-kvm: it is loaded when {self.release} is booted
""", self.make("install"))
        for name in "kvm", "kvm-intel", "kvm-amd":
            self.says(0, "DKMS module signing key\n",
                      f"modinfo -k {self.release} -F signer {name}")

    def in_initramfs(self):
        return self.system.run(f"lsinitramfs /boot/initrd.img-{self.release} | "
                               "grep -o 'updates/kvm-exits/kvm-amd.ko'")[1].strip()

    def test_initramfs(self):
        """A KVM in the initramfs is the one that is installed"""
        self.system.write("/etc/initramfs-tools/modules", "kvm_amd\n")
        self.system.run(f"update-initramfs -u -k {self.release}")
        self.assertEqual(self.in_initramfs(), "")
        said = self.system.run(self.make("install"))[1]
        self.assertIn(f"host-kvm: /boot/initrd.img-{self.release} has a KVM, too, and is "
                      "built anew\n", said)
        self.assertEqual(self.in_initramfs(), "updates/kvm-exits/kvm-amd.ko")
        self.system.write("/usr/local/sbin/update-initramfs", "#!/bin/sh\nexit 1\n", 0o755)
        status, said = self.system.run(self.make("uninstall"))
        self.assertNotEqual(status, 0)
        self.assertIn(f"host-kvm: /boot/initrd.img-{self.release} keeps the KVM from before",
                      said)
        os.remove(self.system.path("/usr/local/sbin/update-initramfs"))
        self.system.run(self.make("install"))
        self.system.run(self.make("uninstall"))
        self.assertEqual(self.in_initramfs(), "")

    def test_full_disk(self):
        """A full disk: where it builds, and where it installs"""
        build = self.system.path(PATCH + "/build")
        shutil.rmtree(build)
        os.mkdir(build)
        self.system.mount("-t", "tmpfs", "-o", "size=40m", "small", build)
        self.says(2, f"host-kvm: building takes 300 MB in {PATCH}/build, and 40 MB are "
                  "free: make room there\n", self.make("install"))
        self.says(2, f"""\
host-kvm-patch: unpacking the source of {self.release}
tar: No space left on device
""", f"make -s -C {PATCH} KERNELRELEASE={self.release} 2>&1 | "
                  "sed '/^make/d; s/: .*: /: /'; exit 2")

    def test_full_modules(self):
        """A disk without room for the modules"""
        self.system.move("/lib/modules", "/modules")
        modules = self.system.path("/lib/modules")
        os.mkdir(modules)
        self.system.mount("-t", "tmpfs", "-o", "size=1m", "small", modules)
        os.mkdir(f"{modules}/{self.release}")
        self.system.mount("--bind", self.system.path(f"/modules/{self.release}"),
                          f"{modules}/{self.release}")
        status, said = self.system.run(self.make("install"))
        self.assertEqual(status, 2)
        self.assertIn("No space left on device", said)
        self.assertIn("host-kvm: the modules cannot be written to /lib/modules: strip "
                      "failed, see above\n", said)
        self.assert_nothing_left()

    def test_linux(self):
        """LINUX is what is installed, and an empty one is refused"""
        self.says(2, "Makefile:28: *** LINUX is empty: give the directory of a source "
                  "tree, LINUX=PATH.  Stop.\n", self.make("install", "LINUX="))
        self.system.write("/linux/arch/x86/kvm/x86.c", "")
        self.system.write("/linux/Makefile", "VERSION = 6\nPATCHLEVEL = 1\n")
        self.system.write("/output/.config", 'CONFIG_CC_VERSION_TEXT="gcc"\n')
        for tool in "gcc", "bc", "bison", "flex", "pahole":
            self.system.write("/usr/local/bin/" + tool, "#!/bin/sh\n", 0o755)
        status, said = self.system.run(
            self.make("install", "LINUX=/linux KERNELDIR=/output"))
        self.assertEqual(status, 2)
        self.assertIn("hooks: no hooks fit Linux 6.1 in /linux: ", said)

    def test_space_in_path(self):
        """A path with a space is refused in one line"""
        self.system.move("/project", "/my project")
        status, said = self.system.run(
            f"make -s -C '/my project/host-kvm-patch' install KERNELRELEASE={self.release}")
        self.assertEqual(status, 2)
        self.assertRegex(said, r"^Makefile:\d+: \*\*\* the path .* has a space, which "
                         r"Linux's makefiles do not support: move it\.  Stop\.\n$")

    def test_rt(self):
        """A kernel with the patches for real time, which its linux-source has not"""
        release = "6.12.0-rt-amd64"
        os.mkdir(self.system.path(f"/lib/modules/{release}"))
        self.says(1, f"host-kvm: {release} has patches that its linux-source has not: use a "
                  "kernel without rt, or 7.2 or newer\n",
                  f"{PATCH}/scripts/host-kvm install {release}")

    def test_dkms(self):
        """dkms add finds the module in its package alone, with the package's version"""
        self.assertFalse(os.path.exists(TOP + "/guest-module/dkms.conf"))

    def test_lintian(self):
        """make lintian fails for each thing that lintian says"""
        for directory in "host-kvm-patch", "guest-module":
            plan = subprocess.run(["make", "-n", "-C", f"{TOP}/{directory}", "lintian"],
                                  check=True, text=True, stdout=subprocess.PIPE).stdout
            self.assertIn(" --fail-on=error,warning,info,pedantic ", plan)


bookworm, trixie = in_each_release(Install)
del Case, Install
