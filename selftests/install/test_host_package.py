# SPDX-License-Identifier: GPL-2.0-only
"""The package kvm-exits-host: kernels stay patched through updates, and apt never
fails because of it."""
import itertools
import os
import shutil
import subprocess

from roots import Case, TOP, in_each_release

DEB = "/kvm-exits-host.deb"
APT = "apt-get --yes --no-install-recommends "
# This program takes the place of make.  It needs what a build needs, and copies the
# modules that have been built for the first kernel.
MAKE = """#!/bin/sh
for release; do case $release in KERNELRELEASE=*) release=${release#*=}; break ;; esac; done
case $* in *' -q '*) exit 1 ;; esac
d=/usr/share/kvm-exits-host/host-kvm-patch/scripts/debian-kernel
$d headers "$release" >/dev/null && $d source "$release" >/dev/null || exit
[ ! -e /broken ] || { echo "host-kvm-patch: broken, as the test wants it" >&2; exit 1; }
mkdir -p "$KVM_BUILD" && cp -r /built "$KVM_BUILD/$release"
"""
POSTINST = """#!/bin/sh
set -e
[ "$1" != configure ] || run-parts --exit-on-error --arg={0} --arg=/boot/vmlinuz-{0} {1}
"""
INITRAMFS = """#!/bin/sh
basename $(dirname $(modinfo -k $1 -F filename kvm)) >/initramfs-has
"""


class Package(Case):
    @classmethod
    def prepare(cls, system):
        # The scenario "install" makes the package, too, maybe at the same time.
        subprocess.run(["flock", "debian", "sh", "-c",
                        f"make -s deb >&2 && cp build/deb/*.deb {system.path(DEB)}"],
                       check=True, cwd=TOP + "/host-kvm-patch", stderr=subprocess.DEVNULL)
        cls.before = system.files()
        cls.apt = system.run(APT + f"install {DEB}")
        cls.left = os.listdir(system.path("/var/cache"))
        cls.version_of_kernel = system.run(
            f"dpkg-query -Wf '${{Version}}' linux-image-{cls.release}")[1]
        cls.source = "linux-source-" + cls.version
        cls.make_packages(system)

    @classmethod
    def make_packages(cls, system):
        """Packages of a newer kernel, with the contents of the present one."""
        cls.next = cls.release.replace(cls.version + ".", cls.version + ".9", 1)
        cls.next_version = "99"
        old, new = cls.release, cls.next
        system.run(f"""set -e
            mkdir -p /built /next/image/lib/modules/{new} /next/headers/usr/src \
                /next/source/usr/src
            cp /lib/modules/{old}/updates/kvm-exits/*.ko /built
            cp -r /lib/modules/{old}/kernel /next/image/lib/modules/{new}
            cp -r /usr/src/linux-headers-{old} /next/headers/usr/src/linux-headers-{new}
            cp /usr/src/{cls.source}.tar.xz /next/source/usr/src""")
        for name, package in (("image", f"linux-image-{new}"),
                              ("headers", f"linux-headers-{new}"),
                              ("source", cls.source)):
            system.write(f"/next/{name}/DEBIAN/control",
                         f"Package: {package}\nVersion: {cls.next_version}\n"
                         "Architecture: amd64\nMaintainer: nobody <nobody@localhost>\n"
                         "Description: for a test\n")
        for name, hooks in ("image", ""), ("headers", "header_"):
            system.write(f"/next/{name}/DEBIAN/postinst",
                         POSTINST.format(new, f"/etc/kernel/{hooks}postinst.d"), 0o755)
        system.write("/next/image/DEBIAN/prerm",
                     f"#!/bin/sh\nrun-parts --arg={new} /etc/kernel/prerm.d\n", 0o755)
        system.write("/next/image/DEBIAN/postinst",
                     POSTINST.format(new, "/etc/kernel/postinst.d")
                     .replace("set -e\n", f"set -e\ndepmod {new}\n"), 0o755)
        system.write("/next/image/DEBIAN/postrm",
                     f"#!/bin/sh\n[ $1 = upgrade ] || rm -f /lib/modules/{new}/modules.*\n",
                     0o755)
        for name in "image", "headers", "source":
            status, said = system.run(f"dpkg-deb -Znone --build /next/{name} /{name}.deb")
            assert not status, said
        shutil.rmtree(system.path("/next"))

    def setUp(self):
        super().setUp()
        self.system.write("/usr/local/bin/make", MAKE, 0o755)
        self.system.write("/etc/kernel/postinst.d/initramfs-tools", INITRAMFS, 0o755)

    def install(self, *names):
        """Install packages.  Returns what kvm-exits-host adds to apt's output."""
        status, said = self.system.run(
            APT + "install " + " ".join(f"/{name}.deb" for name in names))
        self.assertEqual(status, 0, said)
        return [line for line in said.splitlines() if "host-kvm:" in line]

    def has(self, release):
        """Returns "patched" or "stock", which all three modules must be."""
        found = {os.path.dirname(self.system.run(
            f"modinfo -k {release} -F filename {name}")[1]).split("/", 4)[4]
            for name in ("kvm", "kvm-intel", "kvm-amd")}
        return {"updates/kvm-exits": "patched",
                "kernel/arch/x86/kvm": "stock"}[found.pop() if len(found) == 1 else found]

    def test_install(self):
        """Installing the package builds for the kernel, and leaves nothing else"""
        self.assertEqual(self.apt[0], 0, self.apt[1])
        self.assertIn(f"\nhost-kvm: {self.release}: the patched KVM is installed\n",
                      self.apt[1])
        self.assertIn("\nhost-kvm: exit_stats_guest=Y: every process of a guest may read "
                      "the counts of its VM\n", self.apt[1])
        self.assertEqual(self.has(self.release), "patched")
        self.assertNotIn("kvm-exits-host", self.left)
        self.assertFalse(os.path.exists(self.system.path("/var/lib/kvm-exits-host")))

    def test_purge(self):
        """Purging the package leaves each file as it was"""
        self.assertEqual(self.system.run(APT + "purge kvm-exits-host")[0], 0)
        self.system.run("rm -r /built /*.deb /usr/local/bin/make; "
                        "dpkg-query -L initramfs-tools >/dev/null")
        base = {line for line in self.before
                if "/kvm-exits-host.deb" not in line and "postinst.d/initramfs" not in line}
        now = {line for line in self.system.files()
               if "postinst.d/initramfs" not in line}
        self.assertEqual(base ^ now, set())

    def test_orders(self):
        """A new kernel: image, headers and source come one by one, in each order"""
        for order in itertools.permutations(("image", "headers", "source")):
            for name in order[:2]:
                self.install(name)
                if "image" in order[:order.index(name) + 1]:
                    self.assertEqual(self.has(self.next), "stock", order)
            said = self.install(order[2])
            self.assertEqual(said, [
                f"host-kvm: {self.next}: the patched KVM is installed"], order)
            self.assertEqual(self.has(self.next), "patched", order)
            # The first kernel's modules are from the older source, which is gone.
            self.assertEqual(self.has(self.release), "patched", order)
            self.doCleanups()
            self.setUp()

    def test_together(self):
        """A new kernel: image, headers and source come together"""
        self.install("image", "headers", "source")
        self.assertEqual(self.has(self.next), "patched")
        self.assertEqual(self.system.read("/initramfs-has"), "kvm-exits\n")

    def test_initramfs_fails(self):
        """An initramfs that cannot be built: the kernel is patched, and apt succeeds"""
        self.system.write("/usr/local/bin/lsinitramfs", "#!/bin/sh\necho /kvm.ko\n", 0o755)
        self.system.write("/usr/local/sbin/update-initramfs", "#!/bin/sh\nexit 1\n", 0o755)
        initrd = "/boot/initrd.img-" + self.next
        # The source comes after the kernel's own hook has built the initramfs.
        self.install("image", "headers")
        self.assertEqual(self.install("source"), [
            f"host-kvm: {self.next}: the patched KVM is installed",
            f"host-kvm: {initrd} has a KVM, too, and is built anew",
            f"host-kvm: {initrd} keeps the KVM from before, which is loaded at boot: mend "
            f"what update-initramfs says, and run update-initramfs -u -k {self.next}"])
        self.assertEqual(self.has(self.next), "patched")

    def test_no_source(self):
        """A kernel without its source boots stock KVM, loudly, and apt succeeds"""
        why = f"{self.source} is not installed in version {self.next_version}, and apt " \
            "does not have it: run apt-get update, or update the kernel"
        self.assertEqual(self.install("image", "headers"),
                         [f"host-kvm: {self.next} has stock KVM: {why}"])
        self.assertEqual(self.has(self.next), "stock")
        self.assertEqual(self.has(self.release), "patched")
        self.says(0, f"{self.next}: stock KVM: {why}\n",
                  f"host-kvm status | grep ^{self.next} | sed 's/ (newer)//'")
        running = os.uname().release
        self.system.move(f"/lib/modules/{self.next}", f"/lib/modules/{running}")
        self.system.run(f"depmod {running}; cd /var/lib/kvm-exits-host && "
                        f"mv {self.next} {running}")
        self.says(0, f"<3>this boot has stock KVM, because {why}\n", "host-kvm boot")
        unit = self.system.run("cat /lib/systemd/system/kvm-exits-host.service")[1]
        self.assertIn("\nExecStart=/usr/sbin/host-kvm boot\n", unit)

    def test_failed_build(self):
        """A build that fails leaves stock KVM, and apt succeeds"""
        self.system.write("/broken", "")
        self.assertEqual(self.install("image", "headers", "source"), [
            f"host-kvm: {self.next} has stock KVM: broken, as the test wants it"])
        self.assertEqual(self.has(self.next), "stock")
        os.remove(self.system.path("/broken"))
        self.assertEqual(self.system.run("host-kvm update")[0], 0)
        self.assertEqual(self.has(self.next), "patched")

    def test_system_errors(self):
        """A missing program and a full disk leave stock KVM, and apt succeeds"""
        for name in "key", "pub":
            self.system.write(f"/var/lib/dkms/mok.{name}", "")
        said = self.install("image", "headers", "source")
        self.assertEqual(len(said), 1)
        self.assertIn("has stock KVM: [Errno 2] No such file or directory: ", said[0])
        self.assertIn("/linux/scripts/sign-file", said[0])
        self.assertEqual(self.has(self.next), "stock")

        os.makedirs(self.system.path("/var/lib/kvm-exits-host"), exist_ok=True)
        self.system.mount("-t", "tmpfs", "-o", "ro", "full",
                          self.system.path("/var/lib/kvm-exits-host"))
        status, said = self.system.run("dpkg-reconfigure kvm-exits-host")
        self.assertEqual(status, 0, said)
        self.assertIn(f"host-kvm: {self.next} has stock KVM: ", said)

    def test_secure_boot(self):
        """Without an enrolled key, a kernel that checks signatures has stock KVM"""
        self.system.write("/sys/module/module/parameters/sig_enforce", "Y\n")
        said = self.install("image", "headers", "source")
        self.assertEqual(len(said), 1)
        self.assertIn("has stock KVM: this kernel loads signed modules only", said[0])
        self.assertEqual(self.has(self.next), "stock")

    def test_removed_kernel(self):
        """When a kernel is removed, nothing of it is left"""
        self.install("image", "headers", "source")
        status, said = self.system.run(APT + f"purge linux-image-{self.next}")
        self.assertEqual(status, 0, said)
        self.assertFalse(os.path.exists(self.system.path("/lib/modules/" + self.next)))

    def test_libvirt(self):
        """The hook of libvirt: the first line of the list that fits, when a VM starts"""
        self.system.write("/usr/bin/kvm-exits", "#!/bin/sh\necho $* >>/ran\nexit 1\n", 0o755)
        hook = "/etc/libvirt/hooks/qemu.d/kvm-exits"
        self.says(0, "", f"{hook} web1 started begin - </dev/null")
        self.system.write("/etc/kvm-exits-host/guests",
                          "# web1 N\nweb1 Y\ndb* kernel\n\nweb* N\nlast")
        for name in "web1", "db-7", "web2", "other", "last":
            self.says(0, "", f"{hook} {name} prepare begin - </dev/null")
            self.says(0, "", f"{hook} {name} started begin - </dev/null")
        self.assertEqual(self.system.read("/ran").splitlines(),
                         [f"vms --allow {vm}" for vm in
                          ("web1=Y", "db-7=kernel", "web2=N", "last=Y")])

    def test_twice(self):
        """An update that changes nothing builds nothing, and says nothing"""
        self.says(0, "", "host-kvm update")


bookworm, trixie = in_each_release(Package)
del Case, Package
