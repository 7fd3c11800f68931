# SPDX-License-Identifier: GPL-2.0-only
"""For all tests: tables to read, and a way to run kvm-exits."""
import atexit
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.dirname(HERE)
PROGRAM = os.path.join(SOURCE, "kvm-exits")

# A shell in the background and nohup let the tests ignore these, and a program
# inherits that.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

COLUMNS = ["exits", "cycles", "stopped_cycles", "max_cycles",
           "p50", "p99", "p99.9"]
TIMES_ONLY = COLUMNS[:2]
KEYS = [c.replace(".", "_") for c in COLUMNS]  # in JSON and CSV

# The rows of two reads, for table().
CPUID, HLT, IO = (114, "CPUID"), (120, "HLT"), (123, "IO")
BEFORE = {CPUID: [100, 200000, 300000, 9000, 1, 1, 1],
          HLT: [50, 100000, 900000, 9000, 1, 1, 1],
          IO: [7, 7000, 7000, 1000, 1, 1, 1]}
AFTER = {CPUID: [150, 320000, 450000, 9000, 1, 1, 1],
         HLT: [60, 160000, 2900000, 9000, 1, 1, 1],
         IO: [7, 7000, 7000, 1000, 1, 1, 1]}


def table(rows, vendor="AMD", tsc_khz=2000000, generation=7,
          exits_per_read=0, columns=COLUMNS, version=1):
    """The text of a table.  ROWS: {(reason, name): [count, ...]}."""
    total = [sum(r[i] for r in rows.values()) for i in range(len(columns))
             if columns[i] in COLUMNS[:3]]
    if "max_cycles" in columns:
        most = columns.index("max_cycles")
        total += [max(r[most] for r in rows.values()), "-", "-", "-"]
    total += ["-"] * (len(columns) - len(total))
    lines = [f"# kvm_exits version {version}", f"# vendor {vendor}",
             f"# tsc_khz {tsc_khz}", f"# generation {generation}",
             f"# exits_per_read {exits_per_read}",
             "# reason name " + " ".join(columns)]
    for key, counts in {("-", "total"): total, **rows}.items():
        lines.append(" ".join(map(str, [*key, *counts[:len(columns)]])))
    return "\n".join(lines) + "\n"


BOUNDS = [1 << n for n in range(10, 33)] + ["inf"]


def histogram(rows, tsc_khz=2000000, generation=7):
    """A histogram's text.  ROWS: {(reason, name): (stopped, {bucket: n})}."""
    lines = ["# kvm_exits_histogram version 1", "# vendor AMD",
             f"# tsc_khz {tsc_khz}", f"# generation {generation}",
             "# exits_per_read 9",
             "# reason name exits stopped_cycles "
             + " ".join(map(str, BOUNDS))]
    total = {}
    for _, buckets in rows.values():
        for b, n in buckets.items():
            total[b] = total.get(b, 0) + n
    sums = (sum(r[0] for r in rows.values()), total)
    for key, (stopped, buckets) in {("-", "total"): sums, **rows}.items():
        counts = [buckets.get(b, 0) for b in range(len(BOUNDS))]
        lines.append(" ".join(map(str, [*key, sum(counts), stopped,
                                        *counts])))
    return "\n".join(lines) + "\n"


def build(directory, *targets, **variables):
    """Build the program in another directory; what the compiler printed."""
    environment = {k: v for k, v in os.environ.items()
                   if k not in ("MAKEFLAGS", "MFLAGS")}
    p = subprocess.run(["make", "-s", "-C", SOURCE, f"O={directory}", *targets],
                       env={**environment, **variables}, text=True,
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                       check=False, timeout=300)
    if p.returncode:
        raise AssertionError(p.stdout)
    return p.stdout


def vmm(*args):
    """A process with the command line of a VMM.

    Popen() can return before the process has this command line, so wait for it.
    """
    p = subprocess.Popen(["sh", "-c", "read x", "vmm", *args],
                         stdin=subprocess.PIPE)
    while True:
        with open(f"/proc/{p.pid}/cmdline", "rb") as f:
            if f.read().startswith(b"sh\0"):
                return p


class TestCase(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.dir)
        self.file = os.path.join(self.dir, "kvm_exits")

    def write(self, text, path=None):
        path = path or self.file
        with open(path + ".new", "w", encoding="ascii") as f:
            f.write(text)
        os.rename(path + ".new", path)

    def feed(self, *texts):
        """Each read of the file gets the next text, without a race.

        The file is a FIFO.  A new FIFO takes its place before the reader has
        the text of the old one.
        """
        def serve():
            for text in texts:
                with open(self.file, "w", encoding="ascii") as f:
                    os.mkfifo(self.file + ".new")
                    os.rename(self.file + ".new", self.file)
                    f.write(text)

        if os.path.exists(self.file):  # an earlier one that was not read
            os.unlink(self.file)
        os.mkfifo(self.file)
        threading.Thread(target=serve, daemon=True).start()

    def run_program(self, *args, status=0, file=True, **kwargs):
        """Check the exit status; return the standard output and error."""
        argv = [PROGRAM, args[0], *(["--file", self.file] if file else []),
                *args[1:]]
        p = subprocess.run(argv, capture_output=True, text=True, timeout=60,
                           check=False, **kwargs)
        self.assertEqual(p.returncode, status, p.stderr)
        return p.stdout, p.stderr

    def report(self, text):
        self.write(text)
        return json.loads(self.run_program("report", "--json")[0])

    def need(self, program):
        if not shutil.which(program):
            self.skipTest(f"{program} is not installed")


class Terminal(TestCase):
    """For tests that run the program in a tmux, and read its screen."""

    program = PROGRAM

    def setUp(self):
        super().setUp()
        self.need("tmux")
        self.socket = os.path.join(self.dir, "tmux")
        self.addCleanup(self.tmux, "kill-server", check=False)

    def tmux(self, *args, check=True):
        return subprocess.run(["tmux", "-S", self.socket, "-f", "/dev/null",
                               *args], check=check, text=True, timeout=60,
                              capture_output=True).stdout

    def top(self, *args, env=""):
        self.run_on_screen("env", env, self.program, "top", "--file", self.file,
                           *args)

    def run_on_screen(self, *argv):
        # The shell prints the exit status to the screen.
        command = " ".join(argv)
        self.tmux("new-session", "-d", "-x", "80", "-y", "24",
                  f"timeout --foreground 30 {command}; "
                  'echo "status $?"; sleep 30')

    def keys(self, *keys):
        self.tmux("send-keys", *keys)

    def screen(self, pattern):
        """Wait until the screen shows the pattern; return the screen."""
        end = time.monotonic() + 25
        while True:
            screen = self.tmux("capture-pane", "-p")
            if re.search(pattern, screen):
                return screen
            self.assertLess(time.monotonic(), end, "\n" + screen)
            time.sleep(0.02)

    def names(self, screen):
        return re.findall(r"(?m)^([A-Z_0-9]+) +\d+\.\d ", screen)


class Pmu(TestCase):
    """The program with software events of the kernel as the PMU."""

    @classmethod
    def setUpClass(cls):
        cls.place = f"/tmp/kvm-exits-own.{os.getpid()}"
        cls.program = cls.place + ".build/kvm-exits"
        if os.path.exists(cls.program):  # for another class
            return
        atexit.register(shutil.rmtree, cls.place + ".build", True)
        build(cls.place + ".build", CFLAGS="-O1",
              CPPFLAGS=f'-DPROC_TABLE=\'"{cls.place}/table"\' '
                       f'-DPMU=\'"{cls.place}/pmu"\' '
                       "-DCHECKPOINT=200000000ull")

    def setUp(self):
        super().setUp()
        os.mkdir(self.place)
        self.addCleanup(subprocess.run, ["rm", "-r", self.place], check=True)

    def make_pmu(self, row="config:0-7"):
        # Config 3 counts the switches of a task, config 1 is its clock.
        for path, text in (("type", "1"), ("format/row", row),
                           ("format/kind", "config:8-9"),
                           ("events/exits", "row=0x03,kind=0x0"),
                           ("events/hlt", "row=0x01,kind=0x0")):
            path = f"{self.place}/pmu/{path}"
            os.makedirs(os.path.dirname(path), exist_ok=True)
            self.write(text + "\n", path)
