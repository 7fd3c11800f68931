# SPDX-License-Identifier: GPL-2.0-only
"""kvm-exits top: plain blocks, and the live view in a terminal of 80x24."""
import json
import os
import pty
import re
import signal
import subprocess
import time

from common import PROGRAM, TIMES_ONLY, Pmu, Terminal, TestCase, table

FIRST = {(114, "CPUID"): [10, 1000, 1000, 100, 1, 1, 1],
         (120, "HLT"): [100, 1000, 9000, 100, 1, 1, 1]}
SECOND = {(114, "CPUID"): [20, 3000, 4000, 100, 1, 1, 1],
          (120, "HLT"): [104, 5000, 21000, 100, 1, 1, 1]}
THIRD = {(114, "CPUID"): [25, 4000, 5000, 100, 1, 1, 1],
         (120, "HLT"): [109, 12000, 99000, 100, 1, 1, 1]}
BUSY = {(114, "CPUID"): [20, 3000, 4000, 100, 1, 1, 1],
        (120, "HLT"): [9100, 500000, 900000, 100, 1, 1, 1]}


def stable(text):
    """Replace the numbers that depend on the clock."""
    text = re.sub(r"exits in \d+\.\d{3} s", "exits in T s", text)
    text = re.sub(r"\d+\.\d\d % of one CPU", "P % of one CPU", text)
    text = re.sub(r"(?m)^\d{4}-\S+ +since the", "STAMP since the", text)
    text = re.sub(r" +since start, \d+\.\d s", " since start, T s", text)
    # rates, and shares of a CPU
    return re.sub(r"(?m)^([A-Z_]+) +\d+\.\d( +\d+\.\d\d) +\d+\.\d\d ",
                  r"\1 R\2 C ", text)


class Plain(TestCase):
    def test_blocks(self):
        """in a pipe: a block for each refresh, with the counts since start"""
        self.feed(table(FIRST, exits_per_read=1),
                  table(SECOND, exits_per_read=2), table(THIRD))
        out, _ = self.run_program("top", "-I", "1ms", "-c", "2")
        self.assertEqual(stable(out), """\
kvm-exits: AMD, generation 7, time in KVM, by time
13 exits in T s, handled in 2.90us, P % of one CPU
STAMP since the last refresh since start, T s
reason                      exits/s  time%   cpu%  average       exits   time%
HLT R  68.97 C    500ns           4   68.97
CPUID R  31.03 C    100ns           9   31.03

kvm-exits: AMD, generation 7, time in KVM, by time
8 exits in T s, handled in 3.80us, P % of one CPU
STAMP since the last refresh since start, T s
reason                      exits/s  time%   cpu%  average       exits   time%
HLT R  92.11 C    700ns           9   82.09
CPUID R   7.89 C    100ns          12   17.91

""")
        self.assertLess(max(map(len, out.splitlines())), 80)

    def test_reset(self):
        """after a reset it starts over"""
        self.feed(table(THIRD), table(FIRST, generation=8),
                  table(SECOND, generation=8))
        out, _ = self.run_program("top", "-I", "1ms", "-c", "2")
        first, second, _ = out.split("\n\n")
        self.assertEqual(first.splitlines()[1], "the counts were reset")
        self.assertNotIn("HLT", first)
        self.assertRegex(second, r"\nHLT .* 500ns +4 +66\.67\nCPUID")
        self.assertTrue(second.startswith("kvm-exits: AMD, generation 8"))

    def test_filter(self):
        """-f is in the title, and one that matches nothing is an error"""
        self.feed(table(FIRST), table(SECOND))
        out, _ = self.run_program("top", "-I", "1ms", "-c", "1", "-f", "^h")
        self.assertRegex(out, r"\A.*, by time, only \^h\n")
        self.assertIn("\nHLT ", out)
        self.assertNotIn("\nCPUID ", out)
        self.write(table(FIRST))
        _, err = self.run_program("top", "-I", "1ms", "-c", "1", "-f", "typo",
                                  status=1)
        self.assertEqual(err, "kvm-exits: typo: no reason of the table "
                              "matches: see kvm-exits explain\n")

    def test_no_histogram(self):
        """-P says that there are no histograms"""
        self.feed(table(FIRST), table(SECOND))
        out, _ = self.run_program("top", "-P", "-I", "1ms", "-c", "1")
        self.assertRegex(out, r"\n.*since the last refresh +no histograms\n")
        self.write(table(FIRST))
        _, err = self.run_program("stat", "-P", "-I", "1", "-c", "1")
        self.assertEqual(err, f"kvm-exits: {self.file}_histogram: no "
                              "histograms, so no percentiles\n")

    def test_json(self):
        """--json prints the intervals of stat"""
        self.feed(table(FIRST), table(SECOND))
        out, _ = self.run_program("top", "-I", "1ms", "-c", "1", "--json")
        self.assertEqual(json.loads(out)["total"]["exits"], 14)


class Live(Terminal):
    def test_lines(self):
        """a terminal that has lines alone gets blocks"""
        self.write(table(FIRST))
        self.top("-I", "10ms", "-c", "1", env="TERM=dumb")
        self.screen(r"(?m)^kvm-exits: AMD.*\n0 exits in (.*\n)+status 0")

    def test_screen(self):
        """the view, its keys and its end, in 80x24"""
        self.write(table(FIRST))
        self.top("-I", "50ms")
        self.screen(r"0 exits in 0\.0")
        self.write(table(SECOND))
        screen = self.screen(r"\nHLT +\d+\.\d .* 4 +66\.67\n"
                             r"CPUID +\d+\.\d .* 10 +33\.33\n")
        lines = screen.splitlines()
        self.assertEqual(len(lines), 24)
        self.assertEqual(lines[0], "kvm-exits: AMD, generation 7, "
                                   "time in KVM, by time")
        self.assertRegex(lines[3], r"^reason +exits/s  time%   cpu%  "
                                   r"average       exits   time%$")
        self.assertTrue(lines[23].startswith("q quit  h help  p pause"))
        self.assertLess(len(lines[23]), 80)

        self.keys("n")
        self.screen(r"by name\n(.*\n){3}CPUID .*\nHLT ")
        self.keys("c")
        self.screen(r"time stopped, by name\n(.*\n){4}HLT .* 80\.00\n")
        self.keys("a")
        self.screen(r"by average\n")
        self.keys("e")
        self.screen(r"by exits\n")
        self.keys("t")
        self.screen(r"by time\n")

        self.keys("/", "Z", "BSpace", "h", "L")
        self.screen(r"only names that match: hL")
        self.keys("Enter")
        screen = self.screen(r"(?m)only hL$(.|\n)*^q quit")
        self.assertEqual(self.names(screen), ["HLT"])
        self.keys("/", "Z")
        self.screen(r"only names that match: Z")
        self.keys("Escape")
        self.screen(r"\nCPUID ")

        self.keys("p")
        self.screen(r"\[paused\]")
        self.write(table(THIRD))
        time.sleep(0.2)
        self.assertNotIn(" 9 ", self.screen(r"\[paused\]"))
        self.keys("p")
        screen = self.screen(r"\nHLT +\d+\.\d .* 9 ")
        self.assertNotIn("paused", screen)

        self.write(table(FIRST, generation=8))
        self.screen("generation 8")
        self.keys("q")
        self.screen("status 0")

    def test_many(self):
        """with more reasons than lines: the first ones, and the number of others"""
        def rows(n):
            return {(i, f"REASON_{i}"): [n * 10, n * (100 + i)]
                    for i in range(60)}
        self.write(table(rows(1), columns=TIMES_ONLY))
        self.top("-I", "50ms")
        self.screen(r"0 exits in 0\.0")
        self.write(table(rows(2), columns=TIMES_ONLY))
        screen = self.screen(r"\n42 more\n")
        self.assertEqual(len(self.names(screen)), 18)
        # When nothing happens any more the order stays.
        idle = self.screen(r"\n0 exits in ")
        self.assertEqual(self.names(idle), self.names(screen))
        self.assertEqual(self.names(idle)[0], "REASON_59")
        self.tmux("resize-window", "-x", "100", "-y", "70")
        screen = self.screen(r"\nREASON_0 ")
        self.assertEqual(len(self.names(screen)), 60)
        self.assertNotIn("more", screen)

    def test_gap(self):
        """a read that fails is a gap in the title, and the view goes on"""
        self.write(table(FIRST))
        self.top("-I", "50ms")
        self.screen(r"0 exits in 0\.0")
        os.unlink(self.file)
        self.screen(r"\ngap: .*No such file or directory\n")
        self.write(table(SECOND))
        self.screen(r"\n\d+ exits in .*\n.*\n.*\nHLT +\d+\.\d .* 4 ")
        self.keys("q")
        self.screen("status 0")

    def test_interrupt(self):
        """^C ends it with status 0"""
        self.write(table(FIRST))
        self.top("-I", "50ms")
        self.screen(r"0 exits in 0\.0")
        self.keys("C-c")
        self.assertNotIn("generation", self.screen("status 0"))

    def test_keys(self):
        """help, reverse, reset, interval, and an expression as the filter"""
        self.write(table(FIRST))
        self.top("-I", "100ms")
        self.screen(r"0 exits in 0\.1")
        self.write(table(SECOND))
        self.screen(r"\nHLT .*\nCPUID ")
        self.keys("h")
        screen = self.screen(r"scroll")
        self.assertIn("reverse the order", screen)
        self.assertLess(max(map(len, screen.splitlines())), 80)
        self.keys("x")
        self.keys("R")
        self.screen(r"by time reversed\n(.*\n){3}CPUID .*\nHLT ")
        self.keys("/", "^", "(", "C", "Enter")
        # An incomplete expression shows all, and the last line says so.
        self.screen(r"only \^\(C\n(.*\n){3}CPUID .*\nHLT (.*\n)*"
                    r"all are shown: \^\(C: Unmatched")
        self.keys("/", *"(a+)", "{", "9")
        self.screen(r"only names that match: \(a\+\)\{9   it may not have a \{")
        self.keys("Escape")
        self.keys("/", "^", "C", "|", "x", "Enter")
        self.assertEqual(self.names(self.screen(r"only \^C\|x\n")), ["CPUID"])
        self.keys("/", "Escape")
        self.keys("r")
        self.screen(r"since start, [01]\.\d s\n.*\n\n")
        self.keys("+")
        self.screen(r"exits in 0\.2(.*\n)*the interval is 0\.2 s\n")
        self.keys("-")
        self.screen(r"exits in 0\.1(.*\n)*the interval is 0\.1 s\n")
        self.keys("-")
        self.screen(r"exits in 0\.1(.*\n)*the shortest interval is 0\.1 s\n")
        self.keys("R")
        self.screen(r"\nq quit")

    def bars(self, locale):
        """Let HLT have 40, 40 and 80 exits in three intervals, then show the bars."""
        self.write(table(FIRST))
        self.top("-I", "400ms", "-s", "name", env=f"LC_ALL={locale}")
        self.screen(r"0 exits in 0\.4")
        for n in 40, 80, 160:
            before = self.screen(r"generation (.*\n){4}").splitlines()[2][:25]
            self.write(table({(120, "HLT"): [100 + n, 1000, 9000, 9, 1, 1, 1],
                              (114, "CPUID"): [10, 1000, 1000, 9, 1, 1, 1]}))
            self.screen(rf"\nHLT +[1-9][0-9.]+ (.* {n} )")
            self.assertTrue(before)
        self.keys("p", "g")
        return self.screen(r"max/s  history\n(.*\n)*HLT .*\n")

    def test_history(self):
        """g: the rates of the last intervals as bars, and the largest one"""
        for locale, large, bars in (("C.UTF-8", "\u2588", "\u2581-\u2588"),
                                    ("C", "#", ".:=+*#-")):
            screen = self.bars(locale)
            row = re.search(r"(?m)^HLT .*$", screen).group()
            self.assertRegex(row, rf" \d+\.\d  [ {bars}]+$")
            # They have 40, 40 and 80 exits, so only the last has the largest bar.
            self.assertEqual(row.count(large), 1, row)
            self.assertGreater(len(re.findall(f"[{bars}]", row[70:])), 2, row)
            # HLT alone had exits in this time.
            self.assertNotRegex(screen, r"(?m)^CPUID")
            self.keys("g")
            self.screen(r"exits   time%\n")
            self.tmux("kill-server")
            self.socket += "2"

    def test_paused_reset(self):
        """r does not empty a paused view"""
        self.write(table(FIRST))
        self.top("-I", "100ms")
        self.screen(r"0 exits in 0\.1")
        # Pause while the interval with the exits is shown.
        self.keys("+", "+", "+", "+")
        self.write(table(SECOND))
        self.screen(r"\nHLT .*\nCPUID ")
        self.keys("p", "r")
        screen = self.screen(r"since start, 0\.0 s(.*\n)*q quit")
        self.assertEqual(self.names(screen), ["HLT", "CPUID"])

    def test_scroll(self):
        """more reasons than lines can be scrolled to"""
        def rows(n):
            return {(i, f"REASON_{i}"): [n * 10, n * (100 + i)]
                    for i in range(60)}
        self.write(table(rows(1), columns=TIMES_ONLY))
        self.top("-I", "50ms", "-s", "name")
        self.screen(r"0 exits in 0\.0")
        self.write(table(rows(2), columns=TIMES_ONLY))
        self.screen(r"\n42 more\n")
        self.keys("Down")
        screen = self.screen(r"\n41 more, 1 above\n")
        self.assertEqual(self.names(screen)[0], "REASON_1")
        self.keys("NPage")
        self.screen(r"\n23 more, 19 above\n")
        self.keys("End")
        names = self.names(self.screen(r"\n0 more, 42 above\n"))
        self.assertEqual((len(names), names[-1]), (18, "REASON_9"))
        self.keys("Down", "Up")
        self.screen(r"\n1 more, 41 above\n")
        self.keys("Home")
        self.screen(r"\n42 more\n")

    def colours(self, env=""):
        """The screen with its colours, as soon as a reason costs time.

        The interval is long, because a busy machine shows screens late.
        """
        self.write(table(FIRST))
        self.top("-I", "3000ms", env=env)
        self.screen(r"\n0 exits in \d")
        self.write(table(BUSY))
        end = time.monotonic() + 25
        while time.monotonic() < end:
            text = self.tmux("capture-pane", "-p", "-e")
            if re.search(r"HLT +[1-9]", text):
                return text
            time.sleep(0.02)
        self.fail("no reason costs time")

    def test_colours(self):
        """the costliest reason has a colour, unless NO_COLOR is set"""
        self.assertRegex(self.colours(), r"\x1b\[31m[^A-Z]*HLT")
        self.tmux("kill-server")
        self.socket += "2"  # the first server may not have ended yet
        self.assertNotIn("\x1b[31m", self.colours("NO_COLOR=1"))

    def test_terminal_gone(self):
        """without its terminal it ends, even if SIGHUP is ignored"""
        self.write(table(FIRST))
        master, slave = pty.openpty()
        p = subprocess.Popen([PROGRAM, "top", "--file", self.file, "0.05"],
                             stdin=slave, stdout=slave, stderr=slave,
                             env={**os.environ, "TERM": "linux"},
                             preexec_fn=lambda: signal.signal(
                                 signal.SIGHUP, signal.SIG_IGN))
        self.addCleanup(p.wait)
        self.addCleanup(p.kill)
        os.close(slave)
        os.read(master, 1)
        os.close(master)
        self.assertEqual(p.wait(25), 0)


class Events(Pmu, Terminal):
    """The view by process, which opens an event for each task."""

    def events(self):
        """The number of perf events that the program has open."""
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                if os.readlink(f"/proc/{pid}/exe") != self.program:
                    continue
                links = [os.readlink(f"/proc/{pid}/fd/{fd}")
                         for fd in os.listdir(f"/proc/{pid}/fd")]
            except OSError:  # it has ended
                continue
            return sum("perf_event" in link for link in links)
        return None

    def test_closed(self):
        """P opens events, and P again closes them"""
        self.make_pmu()
        self.write(table(FIRST))
        self.top("-I", "100ms")
        self.screen(r"0 exits in 0\.1")
        self.assertEqual(self.events(), 0)
        self.keys("P")
        screen = self.screen(r"\n +pid  process (.*\n){2}")
        if "no view by process" in screen:
            self.skipTest("perf events are not permitted here")
        self.assertGreater(self.events(), 0)
        self.keys("P")
        self.screen(r"\nreason ")
        self.assertEqual(self.events(), 0)

    def test_cpus(self):
        """C: an event for each CPU, which are listed by their number or exits"""
        self.make_pmu()
        self.write(table(FIRST))
        self.top("-I", "100ms")
        self.screen(r"0 exits in 0\.1")
        self.keys("C")
        screen = self.screen(r"\n +CPU  .*(.*\n)+ +CPU \d+ +\d+\.\d +\d+\n|"
                             r"no view by CPU")
        if "no view by CPU" in screen:
            self.skipTest("perf events are not permitted here")
        self.assertEqual(self.events(), os.cpu_count())
        self.keys("n")
        screen = self.screen(r"by name\n(.*\n)*q quit")
        found = [int(n) for n in re.findall(r"(?m)^ +CPU (\d+) ", screen)]
        self.assertEqual(found, sorted(found))
        self.assertIn(0, found)
        self.keys("P")
        self.screen(r"\n +pid  process ")
        self.keys("C", "C")
        self.screen(r"\nreason ")
        self.assertEqual(self.events(), 0)

    def test_cpu_lines(self):
        """--per-cpu: what a CPU switched is on its line"""
        self.make_pmu()
        self.write(table(FIRST))
        cpu = max(os.sched_getaffinity(0))
        shell = subprocess.Popen(["taskset", "-c", str(cpu), "sh", "-c",
                                  "while :; do sleep .001; done"])
        self.addCleanup(shell.wait)
        self.addCleanup(shell.kill)
        out = subprocess.run([self.program, "top", "--file", self.file,
                              "--per-cpu", "-f", f"^CPU {cpu}$", "0.5", "1"],
                             check=True, capture_output=True, text=True).stdout
        if "no view by CPU" in out:
            self.skipTest("perf events are not permitted here")
        lines = re.findall(r"(?m)^ +CPU (\d+) +([\d.]+) +\d+$", out)
        self.assertEqual([int(n) for n, _ in lines], [cpu])
        self.assertGreater(float(lines[0][1]), 20)

    def test_who(self):
        """Enter leaves the screen to who, and comes back; not for a file"""
        self.file = self.place + "/table"
        self.write(table(FIRST))
        self.top("-I", "100ms")
        self.screen(r"0 exits in 0\.1")
        self.keys("Enter")
        self.screen(r"kvm-exits who, for 5 s(.*\n)*kvm-exits: there are no "
                    r"samples(.*\n)*Enter: back to the live view\n")
        self.keys("Enter")
        self.screen(r"0 exits in 0\.1(.*\n)*q quit")
        self.keys("P", "Enter")
        self.screen(r"Enter: who causes the exits of this guest's reasons")

    def test_sort(self):
        """the sort keys order processes by exits or name, or say that they cannot"""
        self.make_pmu()
        self.write(table(FIRST))
        self.top("-I", "100ms", "-p")
        screen = self.screen(r"by exits\n(.*\n)+ +pid  process (.*\n){4}")
        if "no view by process" in screen:
            self.skipTest("perf events are not permitted here")
        self.keys("n")
        screen = self.screen(r"by name\n(.*\n)+ +pid  process (.*\n){4}")
        names = re.findall(r"(?m)^ *\d+  (\S+) .*\d$", screen)
        self.assertEqual(names, sorted(names))
        self.keys("t")
        self.screen(r"by name\n(.*\n)*the time by process is unknown: ")
        self.keys("e")
        screen = self.screen(r"by exits\n(.*\n)*q quit")
        rates = re.findall(r"(?m)^ *\d+  \S+ +(\d+\.\d) ", screen)
        self.assertEqual(rates, sorted(rates, key=float, reverse=True))

    def test_filter(self):
        """-p -f: the expression is for the names of processes"""
        self.make_pmu()
        self.write(table(FIRST))
        shell = subprocess.Popen(["sh", "-c", "while :; do sleep .01; done"])
        self.addCleanup(shell.wait)
        self.addCleanup(shell.kill)
        for name, found in ("^sh$", True), ("^nonesuch$", False):
            out = subprocess.run([self.program, "top", "--file", self.file,
                                  "-p", "-f", name, "0.3", "1"], check=True,
                                 capture_output=True, text=True).stdout
            if "no view by process" in out:
                self.skipTest("perf events are not permitted here")
            self.assertEqual(f" {shell.pid}  sh " in out, found)
            self.assertEqual("(nothing that occurred matches)\n" in out,
                             not found)
            self.assertIn(f", only {name}\n", out)
