# SPDX-License-Identifier: GPL-2.0-only
"""kvm-exits who: what an exit was about, and its command line.

The samples here are of page faults.  The lab tests samples of exits, in its scenario
"who".
"""
import json
import os
import resource
import struct
import subprocess
import threading
import time
import xml.dom.minidom

from common import HERE, PROGRAM, SOURCE, Pmu, TestCase, table
from test_json import SCHEMA, errors

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
    ("IO", 0xe9): "port 0xe9 debug console",
    ("IO", 0xa04): "port 0xa04 memory hotplug",
    ("IO", 0xcc0): "port 0xcc0 PCI hotplug, ICH9",
    ("IO", 0xcf8): "port 0xcf8 PCI configuration address",
    ("IO", 0xc010): "port 0xc010 virtio_net 00:03.0",
    ("IO", 0xd00): "port 0xd00 PCI Bus 0000:00",
    ("MSR", 0x6e0): "0x6e0 TSC_DEADLINE",
    ("MSR_READ", 0x611): "0x611 PKG_ENERGY_STATUS",
    ("MSR_READ", 0x619): "0x619 RAPL, residency",
    ("MSR_WRITE", 0x6a4): "0x6a4 shadow stack",
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
    ("HYPERCALL", 10): "10 SEND_IPI",
    ("HYPERCALL", 77): "77",
    ("CR_ACCESS", 0x004): "write CR4",
    ("CR_ACCESS", 0x313): "read CR3",
    ("DR_ACCESS", 0x017): "read DR7",
    ("APIC_WRITE", 0x300): "APIC 0x300 ICR, IPI",
    ("AVIC_UNACCELERATED_ACCESS", 0x1000000b0): "APIC 0xb0 EOI",
    ("AVIC_INCOMPLETE_IPI", 0x1000004fd): "IPI, vector 253 rescheduling",
    ("AVIC_INCOMPLETE_IPI", 0x100000422): "IPI, vector 34",
    ("EOI_INDUCED", 33): "vector 33",
    ("EOI_INDUCED", 0xec): "vector 236 local timer",
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
                         f"kvm-exits: {message}; see kvm-exits who --help\n")

    def test_options(self):
        """options that contradict each other are refused"""
        self.wrong("who: either -c or -F, not both", "-c", "9", "-F", "9")
        self.wrong("who: give only one of -p, --cgroup and a command",
                   "-p", "9", "--", "true")
        self.wrong("who: give only one of --by, --folded and --svg, and --json"
                   " with --by alone", "--by", "code", "--folded")
        self.wrong("x: not a number of a process", "-p", "x")
        self.wrong("who: --vm is not for this command: only a guest can sample its"
                   " code", "--vm", "1")

    def test_no_module(self):
        """without the module's PMU, one line says what is left"""
        self.write(table({(114, "CPUID"): [1, 1, 1, 1, 1, 1, 1]}))
        for command, status in ([], 1), (["--", "true"], 125):
            err = self.run_program("who", "-c", "9", *command, status=status)[1]
            self.assertEqual(
                err, "kvm-exits: there are no samples: load the module "
                "kvm_exits; see kvm-exits check\n")

    def test_by(self):
        """a grouping that does not exist is refused"""
        self.write(table({(114, "CPUID"): [1, 1, 1, 1, 1, 1, 1]}))
        err = self.run_program("who", "--by", "reason,colour", status=125)[1]
        self.assertEqual(
            err, "kvm-exits: --by reason,colour: not a list of reason, what,"
            " process, code, cgroup, cpu, pid\n")


# outer() calls inner() ten times.  Each call touches 100 new pages.
CULPRIT = """
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

__attribute__((noipa)) void inner(char *p)
{
	int i;

	asm volatile("" :: "r" (__builtin_frame_address(0)));
	for (i = 0; i < 100; i++)
		p[i * 4096] = 1;
}

__attribute__((noipa)) void outer(int pause)
{
	char *p;
	int i;

	for (i = 0; i < 10; i++) {
		p = mmap(0, 100 * 4096, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		madvise(p, 100 * 4096, MADV_NOHUGEPAGE);
		inner(p);
		munmap(p, 100 * 4096);
		usleep(pause);
	}
}

int main(int argc, char **argv)
{
	usleep(argc > 2 ? atoi(argv[2]) : 0);
	outer(argc > 1 ? atoi(argv[1]) : 0);
	return 0;
}
"""

# A function that was made at run time touches 1000 new pages.
JIT = """
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int main(void)
{
	/* 1: movb $1, (%rdi); add $4096, %rdi; dec %esi; jnz 1b; ret */
	static const unsigned char code[] = { 0xc6, 0x07, 1, 0x48, 0x81, 0xc7, 0,
		0x10, 0, 0, 0xff, 0xce, 0x75, 0xf2, 0xc3 };
	char name[64], *p = mmap(0, 1000 * 4096, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void *f = mmap(0, 4096, 7, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	FILE *map;

	madvise(p, 1000 * 4096, MADV_NOHUGEPAGE);
	memcpy(f, code, sizeof(code));
	snprintf(name, sizeof(name), "/tmp/perf-%d.map", getpid());
	map = fopen(name, "w");
	fprintf(map, "%lx %lx made by a compiler\\n", (long)f, sizeof(code));
	fclose(map);
	((void (*)(char *, int))f)(p, 1000);
	usleep(500000);
	unlink(name);
	return 0;
}
"""


class Samples(Pmu):
    """The event for exits is here the kernel's event for page faults."""

    env = None

    def setUp(self):
        super().setUp()
        self.make_pmu()
        self.write("row=0x02,kind=0x0\n", self.place + "/pmu/events/exits")
        self.file = self.place + "/table"
        self.write(table({(0, "FAULT"): [100, 1000, 1000, 100, 1, 1, 1]}))
        self.culprit = self.compile("culprit", CULPRIT)

    def compile(self, name, source, *options):
        path = f"{self.dir}/{name}"
        subprocess.run(["cc", "-O2", "-fno-omit-frame-pointer", "-x", "c", "-",
                        "-o", path, *options], input=source, text=True,
                       check=True)
        return path

    def who(self, *args):
        p = subprocess.run([self.program, "who", "--file", self.file, *args],
                           capture_output=True, text=True, timeout=60,
                           check=False, env=self.env)
        if "needs CAP_PERFMON" in p.stderr:
            self.skipTest("perf events are not permitted here")
        self.assertEqual(p.returncode, 0, p.stderr)
        return p.stdout + p.stderr

    def rows(self, *args, period="1", prepare=lambda: []):
        """The rows.  Try again if the rest of the machine has filled the buffers."""
        for _ in range(5):
            out = json.loads(self.who("-c", period, "--json", *prepare(), *args))
            self.assertEqual(list(errors(out, SCHEMA["$defs"]["who"])), [])
            if not out["lost_records"]:
                return out["rows"]
        return self.skipTest("this machine is too busy")

    def exits(self, rows, process, *code):
        return sum(r["exits"] for r in rows if r["process"] == process and
                   r["code"][:len(code)] == list(code))

    def test_chain(self):
        """the process, and the functions from the innermost outwards"""
        rows = self.rows("--", self.culprit)
        self.assertEqual(self.exits(rows, "culprit", "inner", "outer", "main"),
                         1000)

    def test_period(self):
        """a sample of every tenth stands for ten"""
        rows = self.rows("--", self.culprit, period="10")
        n = self.exits(rows, "culprit", "inner", "outer", "main")
        self.assertAlmostEqual(n, 1000, delta=10)

    def test_no_symbols(self):
        """code without symbols is a place in its file"""
        bare = self.compile("bare", CULPRIT, "-static", "-s")
        rows = self.rows("--", bare)
        most = max(rows, key=lambda r: r["exits"])
        self.assertEqual((most["process"], most["exits"]), ("bare", 1000))
        self.assertRegex(most["code"][0], "^bare[+]0x[0-9a-f]+$")

    def test_short(self):
        """processes that have ended before anybody looked at them"""
        rows = self.rows("--", "sh", "-c", f"for i in 1 2 3 4 5; do {self.culprit}; done")
        self.assertEqual(self.exits(rows, "culprit", "inner", "outer", "main"),
                         5000)

    def test_jit(self):
        """code that was made at run time, by /tmp/perf-PID.map"""
        rows = self.rows("--", self.compile("jit", JIT))
        self.assertEqual(self.exits(rows, "jit", "made by a compiler"), 1000)

    def test_hostile_files(self):
        """a process cannot hold it with a FIFO or a device in place of a file"""
        write = JIT[JIT.index("\tmap = fopen"):JIT.index("\t((void")]
        for text in ("mkfifo(name, 0666);", 'symlink("/dev/zero", name);',
                     'map = fopen(name, "w"); fputs("\\n1 1\\nx y z\\n", map);'
                     " fchown(fileno(map), 12345, 12345); fclose(map);"):
            if "fchown" in text and os.getuid():
                continue
            source = ("#include <sys/stat.h>\n" +
                      JIT.replace(write, "\tmap = NULL;\n" + text + "\n"))
            rows = self.rows("--", self.compile("jit", source, "-w"))
            self.assertEqual(self.exits(rows, "jit", "[made at run time]"),
                             1000)
        program = self.compile("gone", "#include <sys/stat.h>\n" +
                               CULPRIT.replace("{\n\tusleep(argc", """{
	unlink(argv[0]);
	mkfifo(argv[0], 0666);
	usleep(argc"""))
        rows = self.rows("--", program)
        self.assertTrue(any(row["process"] == "gone" for row in rows))
        bare = self.compile("bare", CULPRIT, "-static", "-s")
        os.mkfifo(bare + ".debug")
        rows = self.rows("--", bare)
        self.assertTrue(any(row["process"] == "bare" for row in rows))

    def test_huge_symbols(self):
        """a small file whose symbols are 6 GB of holes costs neither time nor memory"""
        # Move the symbols: in an ELF file, the section of type 2.
        with open(self.culprit, "r+b") as f:
            elf = f.read()
            sections, = struct.unpack_from("<Q", elf, 0x28)
            size, number = struct.unpack_from("<HH", elf, 0x3a)
            for at in range(sections, sections + number * size, size):
                if elf[at + 4] == 2:
                    f.seek(at + 0x18)
                    f.write(struct.pack("<QQ", 1 << 20, 24 << 28))
            f.truncate((1 << 20) + (24 << 28))
        rows = self.rows("--", self.culprit)
        self.assertTrue(any(row["code"][0].startswith("culprit+0x")
                            for row in rows))

    def test_replaced(self):
        """a program whose file has been replaced has no names of the new one"""
        program = self.dir + "/replaced"
        other = self.compile("other", CULPRIT.replace("inner", "other_inner"))
        # The names of the old file are right, if somebody has opened it before.
        rows = self.rows("--", "sh", "-c", f"cp {self.culprit} {program}; {program}"
                         f" 1 200000 & until [ /proc/$!/exe -ef {program} ]; do :; done;"
                         f" mv {other} {program}; wait")
        names = {name for r in rows for name in r["code"]
                 if r["process"] == "replaced"}
        self.assertTrue(any(n.startswith("replaced+0x") for n in names) or
                        "inner" in names)
        self.assertNotIn("other_inner", names)

    def test_huge_jit(self):
        """very many names for code that was made at run time take little memory"""
        source = JIT.replace('\tmap = fopen(name, "w");', """
	map = fopen(name, "w");
	for (int i = 0; i < 5000000; i++)
		fputs("0 1 x\\n", map);""").replace("usleep(500000)", "sleep(3)")
        # pylint: disable=consider-using-with # os.wait4() waits for it
        p = subprocess.Popen(
            [self.program, "who", "--file", self.file, "-c", "1", "--json", "--",
             self.compile("jit", source)], stderr=subprocess.PIPE, env=self.env)
        self.assertIn('"jit"', p.stderr.read().decode())
        status, used = os.wait4(p.pid, 0)[1:]
        p.stderr.close()
        p.returncode = os.waitstatus_to_exitcode(status)
        self.assertEqual(p.returncode, 0)
        self.assertLess(used.ru_maxrss, 200 << 10)

    def test_namespace(self):
        """a program whose file is in another mount namespace alone"""
        os.mkdir(self.dir + "/mnt")
        inside = self.dir + "/mnt/inside"
        prepare = (f"mount -t tmpfs none {self.dir}/mnt && "
                   f"cp {self.culprit} {inside}")
        if subprocess.run(["unshare", "-m", "true"], check=False).returncode:
            self.skipTest("there are no mount namespaces here")
        # The second one ends before anybody looks at it, but its parent goes on.
        for command in f"exec {inside} 100000", f"({inside}; true); sleep 1":
            rows = self.rows("--", "unshare", "-m", "sh", "-c",
                             f"{prepare} && {command}")
            self.assertEqual(self.exits(rows, "inside", "inner", "outer", "main"),
                             1000)
        # Here the parent is in another namespace, but a later process finds the file.
        with subprocess.Popen(
                ["unshare", "-m", "sh", "-c", f"{prepare} && echo && read x"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
            holder.stdout.readline()
            enter = f"nsenter -m -t {holder.pid} {inside}"
            rows = self.rows("--", "sh", "-c", f"{enter}; {enter} 100000")
            self.assertEqual(self.exits(rows, "inside", "inner", "outer", "main"),
                             2000)

    def test_pid(self):
        """-p: a process that runs already, and no other"""
        def start():
            # pylint: disable=consider-using-with # it ends by itself
            p = subprocess.Popen([self.culprit, "1000", "1500000"])
            self.addCleanup(p.wait)
            return ["-p", str(p.pid)]

        rows = self.rows("-I", "3s", prepare=start)
        self.assertEqual(self.exits(rows, "culprit", "inner", "outer", "main"),
                         1000)
        self.assertEqual({r["process"] for r in rows}, {"culprit"})

    def test_no_process(self):
        """-p: one line for a process that does not exist or is not one's own"""
        p = subprocess.Popen(["true"])
        p.wait()
        self.refused(f"-p {p.pid}: there is no such process", "-p", str(p.pid))
        with open("/proc/sys/kernel/perf_event_paranoid",
                  encoding="ascii") as f:
            if os.getuid() or int(f.read()) < 2:
                self.skipTest("root only, and with perf_event_paranoid 2")
        self.refused("sampling it needs CAP_PERFMON, or it is yours and"
                     " kernel.perf_event_paranoid is at most 2",
                     "-p", str(os.getpid()), user="nobody")

    def refused(self, message, *args, **kwargs):
        p = subprocess.run([self.program, "who", "--file", self.file, "-c", "1",
                            *args], capture_output=True, text=True, timeout=60,
                           check=False, **kwargs)
        self.assertEqual((p.returncode, p.stderr), (1, f"kvm-exits: {message}\n"))

    def test_many_files(self):
        """the soft limit of open files does not count"""
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        # pylint: disable=subprocess-popen-preexec-fn # there is one thread
        p = subprocess.run([self.program, "who", "--file", self.file, "-c", "1",
                            "-I", "100ms"], capture_output=True, text=True,
                           timeout=60, check=False, preexec_fn=lambda:
                           resource.setrlimit(resource.RLIMIT_NOFILE, (4, hard)))
        self.assertEqual(p.returncode, 0, p.stderr)

    def test_reused(self):
        """-p: not another process that gets its number later"""
        def start():
            # pylint: disable=consider-using-with # they end by themselves
            first = subprocess.Popen(["sleep", "1"])

            def reuse():
                first.wait()
                with open("/proc/sys/kernel/ns_last_pid", "w",
                          encoding="ascii") as f:
                    f.write(str(first.pid - 1))
                second = subprocess.Popen([self.culprit, "1000"])
                second.wait()
                reused.append(second.pid == first.pid)

            thread = threading.Thread(target=reuse)
            thread.start()
            self.addCleanup(thread.join)
            return ["-p", str(first.pid)]

        reused = []
        for _ in range(10):
            rows = self.rows("-I", "3s", prepare=start)
            if reused[-1]:
                break
        else:
            self.skipTest("other processes took the number")
        self.assertEqual(self.exits(rows, "culprit"), 0)

    def test_cost(self):
        """the samples of other processes cost, too"""
        self.write(table({(0, "FAULT"): [100, 1000, 1000, 100, 1, 1, 1],
                          (124, "MSR"): [100, 1000, 100000, 100, 1, 1, 1]}))
        # pylint: disable=consider-using-with # they end by themselves
        idle = subprocess.Popen(["sleep", "5"])
        busy = subprocess.Popen([self.culprit, "300000"])
        out = json.loads(self.who("-c", "1", "-I", "2s", "--json", "-p",
                                  str(idle.pid)))
        idle.kill()
        idle.wait()
        busy.wait()
        self.assertEqual(out["samples"], 0)
        self.assertGreater(out["cost_percent"], 0)

    def test_adapt(self):
        """a load that comes later is sampled less often, and soon"""
        self.write(table({(0, "FAULT"): [100, 1000, 1000, 100, 1, 1, 1],
                          (124, "MSR"): [100, 1000, 100000, 100, 1, 1, 1]}))
        # pylint: disable=consider-using-with # it ends by itself
        busy = subprocess.Popen([self.culprit, "0", "800000"])
        # Less than a second, so that a check once a second would come too late.
        out = json.loads(self.who("-I", "950ms", "--json"))
        busy.kill()
        busy.wait()
        self.assertGreater(out["period"], 1)

    def test_by(self):
        """--by: other groups"""
        rows = self.rows("--by", "process,pid", "--", self.culprit)
        self.assertEqual({r["process"] for r in rows}, {"culprit", "kvm-exits"})
        self.assertEqual(len(rows), 2)
        self.assertFalse(any("code" in r for r in rows))

    def test_text(self):
        """the text has a line for each row, and says how it came about"""
        out = self.who("-c", "1", "-n", "1", "--", self.culprit).splitlines()
        self.assertRegex(out[0], r"^\d+ exits/s, [\d.]+ % of one CPU in exits; "
                         r"\d+ samples in [\d.]+ s, (none )?lost")
        self.assertEqual(out[1], "(every exit is sampled)")
        self.assertRegex(out[3], "^  share  exits/s    time reason what process code$")
        self.assertRegex(out[4], r"^ *[\d.]+ % +\d+ +[\d.]+ % FAULT +culprit inner"
                                 " < outer < main < __libc_start_call_main$")
        self.assertRegex(out[5], r"^\(\d+ more rows, [\d.]+ % of the exits: ")

    def test_folded(self):
        """--folded: a line for each stack, for other tools"""
        out = self.who("-c", "1", "--folded", "--", self.culprit)
        self.assertRegex(out, "(?m)^culprit;.*;main;outer;inner;FAULT 1000$")

    def test_svg(self):
        """--svg: a picture, in which each frame has its title"""
        path = self.dir + "/picture.svg"
        self.assertEqual(self.who("-c", "1", "--svg", path, "--", self.culprit), "")
        titles = [t.firstChild.data for t in
                  xml.dom.minidom.parse(path).getElementsByTagName("title")]
        self.assertTrue(any(t.startswith("inner: ") for t in titles))
        self.assertTrue(any(t.startswith("FAULT: ") for t in titles))
        # A name that does not fit is cut between two characters.
        long = "\u00e9" * 200
        culprit = self.compile("long", CULPRIT.replace("inner", "x" + long)
                               .replace("outer", long))
        self.env = {**os.environ, "LC_ALL": "C.UTF-8"}
        self.who("-c", "1", "--svg", path, "--", culprit)
        texts = [t.firstChild.data for t in
                 xml.dom.minidom.parse(path).getElementsByTagName("text")]
        for name in "x\u00e9", "\u00e9":
            self.assertTrue(any(t.startswith(name) and t.endswith("\u00e9..")
                                for t in texts), texts)

    def test_status(self):
        """the exit status is the command's"""
        p = subprocess.run([self.program, "who", "--file", self.file, "-c", "1",
                            "--", "sh", "-c", "exit 7"], capture_output=True,
                           text=True, timeout=60, check=False)
        self.assertIn(p.returncode, (7, 125), p.stderr)
        if p.returncode == 125:
            self.assertIn("needs CAP_PERFMON", p.stderr)

    def test_time(self):
        """without a command: -I is the length"""
        start = time.monotonic()
        self.who("-c", "100", "-I", "300ms")
        self.assertGreater(time.monotonic() - start, 0.3)
