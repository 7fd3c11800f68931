# SPDX-License-Identifier: GPL-2.0-only
"""kvm-exits check, in each state that it tells from the others."""
import errno
import json
import os

from common import table
from fake import HYPERVISOR, FakeCase

ROWS = {(114, "CPUID"): [10, 2000, 3000, 900, 512, 1024, 1024]}
RELEASE = os.uname().release
MODULE = "/sys/module/kvm_exits/refcnt"
KVM = "/sys/module/kvm/parameters/"
DEBUGFS = "/sys/kernel/debug/kvm"
PARANOID = "/proc/sys/kernel/perf_event_paranoid"
LOCKDOWN = "/sys/kernel/security/lockdown"
SECURE_BOOT = ("/sys/firmware/efi/efivars/"
               "SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c")


class Check(FakeCase):
    def check(self, readable=False):
        """The findings, and the next steps, by their names."""
        status = 0 if readable else 1
        text, err = self.run_fake("check", status=status)
        self.assertEqual(err, "")
        self.assertLess(max(map(len, text.splitlines())), 80)
        answer = json.loads(self.run_fake("check", "--json", status=status)[0])
        self.assertIs(answer["readable"], readable)
        # The text is the same.
        words = " ".join(text.split())
        for f in answer["findings"]:
            self.assertIn(f"{f['result']} {f['name']}: {f['found']}", words)
            if f["next"]:
                self.assertIn(f"-> {f['next']}", words)
        found = {f["name"]: (f["result"], f["found"])
                 for f in answer["findings"]}
        self.assertEqual(len(found), len(answer["findings"]))
        return found, {f["name"]: f["next"] for f in answer["findings"]}

    def guest(self):
        self.cpuid[1] = (0, 0, HYPERVISOR, 0)
        self.sign(0x40000000, 0x40000001, b"KVMKVMKVM")

    def leaves(self, version=9, features=0x1f, generation=77):
        self.guest()
        self.sign(0x4fffff00, 0x4fffff07, b"KVMExitStats")
        self.cpuid[0x4fffff01] = (version, features, 2, 2000000)
        self.cpuid[0x4fffff02] = (generation, 0, 1 if generation else 2, 0)

    def module(self):
        self.put(MODULE, "0\n")
        self.put("/proc/kvm_exits", table(ROWS))

    def patched(self, counts="Y", guest="Y"):
        self.put(KVM + "exit_stats", counts + "\n")
        self.put(KVM + "exit_stats_guest", guest + "\n")
        os.makedirs(self.dir + DEBUGFS, exist_ok=True)

    def vm(self, name, answer=None):
        self.put(f"{DEBUGFS}/{name}/exit_stats", table(ROWS))
        if answer:
            self.put(f"{DEBUGFS}/{name}/exit_stats_access", answer + "\n")

    def test_bare_metal(self):
        """bare metal, without KVM"""
        found, _ = self.check()
        self.assertEqual(found["virtual machine"][0], "note")
        self.assertIn("no exits of its own", found["virtual machine"][1])
        self.assertEqual(found["as a host"], (
            "note", "it runs no VMs: KVM is not loaded"))
        self.assertNotIn("CPUID leaves", found)
        self.assertEqual(found["counts"], ("missing", "cannot be read"))

    def test_hypervisors(self):
        """another hypervisor; KVM that presents itself as another first"""
        self.cpuid[1] = (0, 0, HYPERVISOR, 0)
        self.sign(0x40000000, 0x40000001, b"TCGTCGTCGT\x01\"")
        found, steps = self.check()
        self.assertEqual(found["hypervisor"],
                         ("missing", '"TCGTCGTCGT?"", not KVM'))
        self.assertIn("only KVM", steps["hypervisor"])
        self.sign(0x40000000, 0x40000006, b"Microsoft Hv")
        self.sign(0x40000100, 0x40000101, b"KVMKVMKVM")
        self.assertEqual(self.check()[0]["hypervisor"], (
            "ok", 'KVM, which presents itself as "Microsoft Hv" first'))

    def test_nothing(self):
        """no leaves: it does not guess why"""
        self.guest()
        found, steps = self.check()
        self.assertEqual(found["virtual machine"], ("ok", "yes"))
        self.assertEqual(found["hypervisor"], ("ok", "KVM"))
        self.assertEqual(found["CPUID leaves"][0], "missing")
        self.assertIn("not the patched one, or hides them",
                      found["CPUID leaves"][1])
        self.assertIn("cannot be known", found["CPUID leaves"][1])
        self.assertIn("ask its operator", steps["CPUID leaves"])
        self.assertEqual(found["module kvm_exits"], (
            "note", f"neither loaded nor installed for Linux {RELEASE}"))
        self.assertEqual(found["/proc/kvm_exits"][0], "note")

    def test_leaves(self):
        """leaves: version and features; an old version; no counting"""
        self.leaves(version=9, features=0x11)
        self.module()
        found, _ = self.check(True)
        self.assertEqual(found["CPUID leaves"],
                         ("ok", "version 9: stops, samples"))
        self.assertEqual(found["counting"], ("ok", "on, generation 77"))
        self.leaves(version=0)
        found, steps = self.check(True)
        self.assertEqual(found["CPUID leaves"][0], "missing")
        self.assertIn("version 0 of the interface", found["CPUID leaves"][1])
        self.assertIn("update the host's KVM", steps["CPUID leaves"])
        self.assertNotIn("counting", found)
        self.leaves(version=9, generation=0)
        found, steps = self.check(True)
        self.assertEqual(found["counting"], (
            "missing", "the host does not count at present"))
        self.assertIn("exit_stats", steps["counting"])

    def test_kernel_alone(self):
        """no leaves, but the module's file: they are for the kernel alone"""
        self.guest()
        self.module()
        found, _ = self.check(True)
        self.assertEqual(found["CPUID leaves"][0], "note")
        self.assertIn("for the kernel alone", found["CPUID leaves"][1])
        self.assertEqual(found["module kvm_exits"], ("ok", "loaded"))
        self.assertEqual(found["/proc/kvm_exits"], ("ok", "can be read"))
        self.assertEqual(found["counts"],
                         ("ok", "can be read, from the file"))

    def test_faulting(self):
        """CPUID is off: nothing is said about the hypervisor"""
        self.leaves()
        self.env["FAKE_NO_CPUID"] = "1"
        found, _ = self.check()
        self.assertEqual(found["CPUID"][0], "missing")
        self.assertIn("turned off", found["CPUID"][1])
        for name in "virtual machine", "hypervisor", "CPUID leaves":
            self.assertNotIn(name, found)

    def test_installed(self):
        """a module that is installed and not loaded, with Secure Boot"""
        self.put(f"/lib/modules/{RELEASE}/modules.dep",
                 "kernel/x.ko:\nupdates/dkms/kvm_exits.ko.xz:\n")
        found, steps = self.check()
        self.assertEqual(found["module kvm_exits"], (
            "note", f"installed for Linux {RELEASE}, not loaded"))
        self.assertIn("modprobe kvm_exits", steps["module kvm_exits"])
        self.put(LOCKDOWN, "[none] integrity confidentiality\n")
        self.put(SECURE_BOOT, b"\x16\0\0\0\0")
        found, _ = self.check()
        self.assertNotIn("lockdown", found)
        self.assertNotIn("Secure Boot", found)
        self.put(LOCKDOWN, "none [integrity] confidentiality\n")
        self.put(SECURE_BOOT, b"\x16\0\0\0\1")
        found, steps = self.check()
        self.assertEqual(found["lockdown"],
                         ("note", "none [integrity] confidentiality"))
        self.assertEqual(found["Secure Boot"], ("note", "on"))
        self.assertIn("signature", steps["Secure Boot"])

    def test_file(self):
        """a file that is not for this user, does not work or is too new"""
        self.guest()
        self.module()
        self.deny("/proc/kvm_exits")
        found, steps = self.check()
        self.assertEqual(found["/proc/kvm_exits"], (
            "missing", "only root and its group may read it"))
        self.assertIn("its group", steps["/proc/kvm_exits"])
        self.deny("/proc/kvm_exits", errno.ENODEV)
        found, steps = self.check()
        self.assertIn("does not count", found["/proc/kvm_exits"][1])
        self.assertIn("migration", steps["/proc/kvm_exits"])
        self.errors.clear()
        self.put("/proc/kvm_exits", table(ROWS, version=2))
        found, _ = self.check()
        self.assertEqual(found["/proc/kvm_exits"][0], "missing")
        self.assertIn("use a newer kvm-exits", found["/proc/kvm_exits"][1])

    def test_perf(self):
        """perf events and the tracepoint"""
        self.leaves()
        self.module()
        found, _ = self.check(True)
        self.assertEqual(found["perf events"][0], "missing")
        self.assertIn("no PMU", found["perf events"][1])
        self.assertEqual(found["tracepoint"][0], "note")
        self.put("/sys/kernel/tracing/events/kvm_exits/vm_exit/id", "9\n")
        self.assertEqual(self.check(True)[0]["tracepoint"],
                         ("ok", "kvm_exits:vm_exit"))
        self.deny("/sys/kernel/tracing/events/kvm_exits/vm_exit")
        found, steps = self.check(True)
        self.assertEqual(found["tracepoint"][0], "unknown")
        self.assertIn("root", steps["tracepoint"])
        # As if perf_event_open() was refused.
        self.put(PARANOID, "3\n")
        self.deny("/sys/bus/event_source/devices/kvm_exits/type")
        found, steps = self.check(True)
        self.assertEqual(found["perf events"], (
            "missing", "not permitted for this user: perf_event_paranoid is 3"))
        self.assertIn("perf_event_paranoid=1", steps["perf events"])
        del self.errors["/sys/bus/event_source/devices/kvm_exits/type"]
        pmu = "/sys/bus/event_source/devices/kvm_exits/"
        self.put(pmu + "type", "1\n")  # the kernel's software events
        self.put(pmu + "events/exits", "row=0x3\n")
        self.put(pmu + "format/row", "config:0-7\n")
        self.assertEqual(self.check(True)[0]["perf events"],
                         ("ok", "can be counted"))

    def test_host(self):
        """a host: stock, patched, not counting, and its VMs"""
        self.put(KVM + "halt_poll_ns", "0\n")
        found, steps = self.check()
        self.assertIn("without exit statistics", found["as a host"][1])
        self.assertIn("install", steps["as a host"])
        # Without debugfs vms has no VMs, and names this command.
        self.assertEqual(found["debugfs"][0], "missing")
        self.assertIn("mount", steps["debugfs"])
        os.makedirs(self.dir + DEBUGFS)
        self.assertEqual(self.check()[0]["debugfs"][0], "ok")
        self.deny(DEBUGFS)
        found, steps = self.check()
        self.assertEqual(found["debugfs"][0], "unknown")
        self.assertIn("as root", steps["debugfs"])
        self.deny(KVM + "exit_stats")
        self.assertEqual(self.check()[0]["as a host"][0], "unknown")
        self.errors.clear()

        self.patched()
        found, _ = self.check()
        self.assertEqual(found["as a host"],
                         ("ok", "the patched KVM is loaded, and counts"))
        self.assertEqual(found["new VMs"], ("note", "see their counts"))
        self.assertEqual(found["VMs"], ("note", "none runs now"))
        self.deny(DEBUGFS)
        found, steps = self.check()
        self.assertEqual(found["debugfs"][0], "unknown")
        self.assertIn("as root", steps["debugfs"])
        self.deny(DEBUGFS, errno.ENOENT)
        found, steps = self.check()
        self.assertEqual(found["debugfs"][0], "missing")
        self.assertIn("mount", steps["debugfs"])
        self.errors.clear()

        for n, answer in enumerate("YYYKKN"):
            self.vm(f"{n + 1}-11", {"K": "kernel"}.get(answer, answer))
        found, steps = self.check(True)
        self.assertEqual(found["VMs"], (
            "ok", "6: 3 see their counts, 2 in their kernels alone, 1 do not"))
        self.assertEqual(found["counts"], ("ok", "can be read, those of VMs"))
        self.assertEqual(steps["counts"], "kvm-exits vms")
        self.vm("9-11")
        self.assertEqual(self.check(True)[0]["VMs"], ("ok", "7, with counts"))

        self.patched("N", "kernel")
        found, steps = self.check(True)
        self.assertEqual(found["as a host"], (
            "missing", "the patched KVM is loaded, but does not count"))
        self.assertIn("echo Y", steps["as a host"])
        self.assertIn("in their kernels alone", found["new VMs"][1])
        self.patched("Y", "N")
        self.assertIn("do not see", self.check(True)[0]["new VMs"][1])

    def test_guest_and_host(self):
        """a guest that runs guests: its own counts, and those of its VMs"""
        self.leaves()
        self.patched()
        self.vm("7-11", "N")
        found, steps = self.check(True)
        self.assertEqual(found["counting"], ("ok", "on, generation 77"))
        self.assertEqual(found["as a host"],
                         ("ok", "the patched KVM is loaded, and counts"))
        self.assertEqual(found["VMs"], (
            "ok", "1: 0 see their counts, 0 in their kernels alone, 1 do not"))
        # The counts of its VMs can be read even if its own counts cannot.
        self.cpuid.clear()
        self.guest()
        found, steps = self.check(True)
        self.assertEqual(found["CPUID leaves"][0], "missing")
        self.assertEqual(found["counts"], ("ok", "can be read, those of VMs"))
        self.assertEqual(steps["counts"], "kvm-exits vms")

    def test_attached(self):
        """a host whose stock KVM has the module that attaches to it"""
        attached = "/sys/module/kvm_exits_host/parameters/"
        self.put(KVM + "halt_poll_ns", "0\n")
        self.put(attached + "exit_stats", "Y\n")
        self.put(attached + "exit_stats_guest", "kernel\n")
        found, _ = self.check()
        self.assertEqual(found["as a host"], (
            "ok", "a module is attached to the stock KVM, and counts"))
        self.assertIn("in their kernels alone", found["new VMs"][1])
        self.put(attached + "exit_stats", "N\n")
        found, steps = self.check()
        self.assertEqual(found["as a host"][0], "missing")
        self.assertIn("kvm_exits_host", steps["as a host"])
