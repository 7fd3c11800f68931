# SPDX-License-Identifier: GPL-2.0-only
"""kvm-exits who: what an exit was about, and its command line.

The lab tests samples: see scenario who.
"""
import os
import subprocess

from common import HERE, PROGRAM, SOURCE, TestCase, table

IOPORTS = """\
0000-0cf7 : PCI Bus 0000:00
  0020-0021 : pic1
  03f8-03ff : serial
  0600-063f : 0000:00:1f.0
    0608-060b : ACPI PM_TMR
0d00-ffff : PCI Bus 0000:00
  c000-c07f : 0000:00:03.0
"""
IOMEM = """\
00001000-0009ffff : System RAM
  00002000-00003fff : Kernel code
80000000-febfffff : PCI Bus 0000:00
  febc1000-febc1fff : 0000:00:03.0
    febc1000-febc1fff : virtio-pci-modern
  febc2000-febc2fff : 0000:00:04.0
fec00000-fec003ff : IOAPIC 0
fed00000-fed003ff : HPET 0
  fed00000-fed003ff : PNP0103:00
fee00000-fee00fff : Local APIC
"""
WHAT = {
    ("IO", 0x608): "port 0x608 ACPI PM_TMR",
    ("IO_INSTRUCTION", 0x3f9): "port 0x3f9 serial",
    ("IO", 0x80): "port 0x80 POST code",
    ("IO", 0xcf8): "port 0xcf8 PCI configuration address",
    ("IO", 0xc010): "port 0xc010 virtio_net 00:03.0",
    ("IO", 0xd00): "port 0xd00 PCI Bus 0000:00",
    ("MSR", 0x6e0): "0x6e0 TSC_DEADLINE",
    ("MSR_WRITE", 0x80b): "0x80b x2APIC EOI",
    ("MSR_WRITE", 0x830): "0x830 x2APIC ICR, IPI",
    ("MSR", 0x83e): "0x83e x2APIC timer, divider",
    ("MSR_READ", 0x40000020): "0x40000020 Hyper-V time reference count",
    ("MSR", 0x4b564d03): "0x4b564d03 KVM steal time",
    ("MSR", 0x12345): "0x12345",
    ("NPF", 0x1234): "memory",
    ("NPF", 0x2345): "memory",
    ("EPT_MISCONFIG", 0xfebc1004): "0xfebc1000 virtio_net 00:03.0",
    ("EPT_VIOLATION", 0xfebc2010): "0xfebc2000 nvme 00:04.0",
    ("NPF", 0xfed000f0): "0xfed00000 HPET 0",
    ("NPF", 0xfec00010): "0xfec00000 IOAPIC 0",
    ("NPF", 0xfee000b0): "APIC 0xb0 EOI",
    ("EPT_VIOLATION", 0x100000000): "0x100000000",
    ("EXCEPTION_NMI", 14): "#PF page fault",
    ("DB_EXCP", 1): "#DB debug",
    ("AC_EXCP", 17): "#AC alignment check, split lock",
    ("CPUID", 0x40000001): "leaf 0x40000001 hypervisor's features",
    ("CPUID", 0x4fffff07): "leaf 0x4fffff07 exit statistics",
    ("CPUID", 0x99): "leaf 0x99",
    ("VMCALL", 10): "10 SEND_IPI",
    ("VMMCALL", 77): "77",
    ("CR_ACCESS", 0x004): "write CR4",
    ("CR_ACCESS", 0x313): "read CR3",
    ("DR_ACCESS", 0x017): "read DR7",
    ("APIC_WRITE", 0x300): "APIC 0x300 ICR, IPI",
    ("INTERRUPT", 0): "host",
    ("EXTERNAL_INTERRUPT", 0): "host",
    ("HLT", 0): "",
    ("WRITE_CR4", 7): "",
    ("TASK_SWITCH", 0): "",
    ("TASK_SWITCH", 0x40000018): "0x40000018",
}


class Who(TestCase):
    def driver(self, device, driver):
        path = f"{self.dir}/sys/bus/pci/devices/{device}"
        os.makedirs(path, exist_ok=True)
        os.symlink(f"../../drivers/{driver}", path + "/driver")

    def test_decode(self):
        """the detail of an exit becomes words, with the driver of a device"""
        os.makedirs(self.dir + "/proc")
        for name, text in (("ioports", IOPORTS), ("iomem", IOMEM)):
            self.write(text, f"{self.dir}/proc/{name}")
        self.driver("0000:00:03.0", "virtio-pci")
        self.driver("0000:00:03.0/virtio0", "virtio_net")
        self.driver("0000:00:04.0", "nvme")
        program = self.dir + "/decode"
        subprocess.run(
            ["cc", "-Wall", "-Wextra", "-D_GNU_SOURCE", "-fsanitize=address,undefined",
             f'-DSYSTEM_ROOT="{self.dir}"', "-I" + SOURCE, f"-I{SOURCE}/..",
             f"-I{SOURCE}/../include", "-o", program, HERE + "/decode_main.c",
             SOURCE + "/decode.c"], check=True)
        out = subprocess.run(
            [program], input="".join(f"{r} {d:x}\n" for r, d in WHAT),
            capture_output=True, text=True, check=True).stdout
        self.assertEqual(dict(zip(WHAT, out.splitlines())), WHAT)

    def wrong(self, message, *args):
        p = subprocess.run([PROGRAM, "who", *args], capture_output=True,
                           text=True, timeout=60, check=False)
        self.assertEqual(p.returncode, 125)
        self.assertEqual(p.stderr,
                         f"kvm-exits: {message}; see kvm-exits --help\n")

    def test_options(self):
        """options that contradict each other are refused"""
        self.wrong("who: either -c or -F", "-c", "9", "-F", "9")
        self.wrong("who: only one of -p, --cgroup and a command",
                   "-p", "9", "--", "true")
        self.wrong("who: only one of --by, --folded and --svg, and --json with"
                   " --by alone", "--by", "code", "--folded")
        self.wrong("x: not a number of a process", "-p", "x")
        self.wrong("who: no --vm: only a guest can sample its code", "--vm", "1")

    def test_no_module(self):
        """without the module's PMU, one line says what is left"""
        self.write(table({(114, "CPUID"): [1, 1, 1, 1, 1, 1, 1]}))
        err = self.run_program("who", "-c", "9", status=1)[1]
        self.assertEqual(
            err, "kvm-exits: there are no samples: load the module kvm_exits;"
            " see kvm-exits check\n")

    def test_by(self):
        """a grouping that does not exist is refused"""
        self.write(table({(114, "CPUID"): [1, 1, 1, 1, 1, 1, 1]}))
        err = self.run_program("who", "--by", "reason,colour", status=1)[1]
        self.assertEqual(
            err, "kvm-exits: --by reason,colour: not a list of reason, what,"
            " process, code, cgroup, cpu, pid\n")
