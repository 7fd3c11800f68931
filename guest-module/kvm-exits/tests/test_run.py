# SPDX-License-Identifier: GPL-2.0-only
"""kvm-exits stat and its command: no failure loses the command or its status."""
import csv
import io
import json
import os
import re
import signal
import subprocess
import time

from common import PROGRAM, Pmu, TestCase, table

CPUID, HLT = (114, "CPUID"), (120, "HLT")
BEFORE = {CPUID: [100, 200000, 300000, 9000, 1, 1, 1],
          HLT: [50, 100000, 900000, 9000, 1, 1, 1]}
AFTER = {CPUID: [150, 320000, 450000, 9000, 1, 1, 1],
         HLT: [60, 160000, 2900000, 9000, 1, 1, 1]}
BAD = "not a table\n"


class Gap(TestCase):
    """A read that fails between others."""

    def test_json(self):
        """a failed read is a gap, and the next interval includes it"""
        self.feed(table(BEFORE), BAD, table(AFTER), table(AFTER))
        out, err = self.run_program("stat", "-I", "5", "-c", "3", "--json")
        self.assertEqual(err, "")
        gap, over, after = map(json.loads, out.splitlines())
        self.assertEqual((gap["gap"], gap["reset"], gap["error"]),
                         (True, False, f"{self.file}: not a table of "
                          "kvm_exits, perf kvm stat, kvmexit, kvm_stat or "
                          "ftrace: line 1 is not a table"))
        self.assertNotIn("total", gap)
        self.assertEqual((over["gap"], over["total"]["exits"],
                          after["total"]["exits"]), (False, 60, 0))
        # The interval after the gap begins at the first read, before the gap.
        self.assertEqual(over["seconds"], over["time"])
        self.assertLess(gap["seconds"], over["seconds"])

    def test_path(self):
        """a path with any bytes is valid in JSON and harmless on a terminal"""
        path = os.fsencode(self.dir) + b"/a\x1b[2J\"\xff\xc3\xa9\xc2\x9b"
        for args, expect in (
                (["stat", "--json", "-I", "1", "-c", "1"], None),
                (["stat", "-I", "1", "-c", "1"], "?[2J\"?\u00e9"),
                (["report"], "?[2J\"?\u00e9"),
                (["save", path + b"/x"], "?[2J\"?\u00e9")):
            os.symlink(self.file, path)
            if args[0] == "stat":
                self.feed(table(BEFORE), BAD)
            else:
                self.write(BAD)
            p = subprocess.run([PROGRAM, *args, "--file", path],
                               env={**os.environ, "LC_ALL": "C.UTF-8"},
                               capture_output=True, check=False)
            os.unlink(path)
            if expect:
                self.assertIn(expect, p.stderr.decode())
                self.assertNotIn(b"\x1b", p.stderr)
            else:
                self.assertIn("/a\x1b[2J\"\ufffd\u00e9\u009b: not a table",
                              json.loads(p.stdout.decode())["error"])
                self.assertNotRegex(p.stdout.decode(), "[\x1b\u009b]")

    def test_csv(self):
        """a gap in CSV is a line with its state and no numbers"""
        self.feed(table(BEFORE), BAD, table(AFTER))
        out, err = self.run_program("stat", "-I", "5", "-c", "2", "--csv")
        self.assertEqual(err.count("\n"), 1)
        rows = list(csv.DictReader(io.StringIO(out)))
        self.assertEqual([(r["state"], r["name"], r["exits"]) for r in rows],
                         [("gap", "total", ""), ("counted", "total", "60"),
                          ("counted", "CPUID", "50"), ("counted", "HLT", "10")])

    def test_text(self):
        """a gap in text is a line"""
        self.feed(table(BEFORE), BAD, table(AFTER))
        out, _ = self.run_program("stat", "-I", "5", "-c", "2")
        self.assertIn("\ngap: the counts could not be read\n", out)
        self.assertIn("\n60 exits in ", out)

    def test_reset(self):
        """after a gap and a new generation there is no difference"""
        self.feed(table(BEFORE), BAD, table(AFTER, generation=8))
        out, _ = self.run_program("stat", "-I", "5", "-c", "2", "--json")
        self.assertEqual([json.loads(x)["reset"] for x in out.splitlines()],
                         [False, True])

    def test_top(self):
        """top has the gap in its title, and goes on"""
        self.feed(table(BEFORE), BAD, table(AFTER))
        out, _ = self.run_program("top", "-I", "5ms", "-c", "2")
        first, second, _ = out.split("\n\n")
        self.assertIn(f"\ngap: {self.file}: not a table", first)
        self.assertIn("\n60 exits in ", second)
        self.assertRegex(second, r"\nHLT .* 10 ")


class Migration(Pmu):
    """The VM migrates while a command runs."""

    def migrate(self, *args, then=None, status=0, **kwargs):
        """The exits after the migration are twice those of BEFORE."""
        rows = {k: [2 * n for n in v] for k, v in BEFORE.items()}
        files = {"step1": table(AFTER), "step2": table(rows, generation=8,
                                                       **kwargs)}
        for name, text in files.items():
            self.write(text, os.path.join(self.dir, name))
        self.write(table(BEFORE))
        p = subprocess.run(
            [self.program, *args, "--file", self.file, "--", "sh", "-c",
             f"cd {self.dir}; mv step1 {self.file}; sleep .5; "
             + (then or f"mv step2 {self.file}; sleep .1")], text=True,
            check=False, capture_output=True, timeout=60)
        self.assertEqual(p.returncode, status, p.stderr)
        return p.stderr

    def test_sum(self):
        """the exits before and behind it are added up"""
        s = json.loads(self.migrate("stat", "--json"))
        # The last read before the migration is at 0.2 or 0.4 s, or just before the
        # migration if the command started late.
        self.assertGreater(s["missing_seconds"], 0.05)
        self.assertLess(s["missing_seconds"], s["seconds"] - 0.15)
        self.assertEqual({r["name"]: [r["exits"], r["cycles"],
                                      r["stopped_cycles"]]
                          for r in s["reasons"]},
                         {"CPUID": [250, 520000, 750000],
                          "HLT": [110, 260000, 3800000]})
        self.assertEqual(s["total"]["exits"], 360)
        self.assertEqual(s["generation"], 8)

    def test_other_clock(self):
        """cycles of another frequency are converted"""
        s = json.loads(self.migrate("stat", "--json", tsc_khz=4000000))
        self.assertEqual({r["name"]: r["cycles"] for r in s["reasons"]},
                         {"CPUID": 400000 + 2 * 120000,
                          "HLT": 200000 + 2 * 60000})
        # There is no sum with times of an unknown frequency.
        err = self.migrate("stat", tsc_khz=0, status=125)
        self.assertIn("the counts were reset within", err)

    def test_marked(self):
        """the sum is marked as incomplete: in text, in CSV and in a file"""
        mark = r"\(incomplete: 1 reset, as by a migration; exits of up to " \
               r"0\.\d{3} s are missing\)\n"
        err = self.migrate("stat")
        self.assertRegex(err, r"\A360 exits in .*\n" + mark)
        self.assertLess(max(map(len, err.splitlines())), 80)
        rows = list(csv.DictReader(io.StringIO(self.migrate("stat", "--csv"))))
        self.assertEqual({r["state"] for r in rows}, {"incomplete"})
        saved = os.path.join(self.dir, "saved")
        self.migrate("save", saved)
        out, _ = self.run_program("report", "--file", saved, file=False)
        self.assertRegex(out, r"\n360 exits, (.*\n)+" + mark)

    def test_host_without_counts(self):
        """the new host does not count: the sum of the time before"""
        err = self.migrate("stat", then=f"rm {self.file}")
        self.assertIn("No such file or directory", err)
        self.assertRegex(err, r"\n60 exits in .*\n"
                              r"\(incomplete: the last 0\.\d{3} s could not "
                              r"be read\)\n")

    def test_reads(self):
        """the exits of all reads but the last are subtracted"""
        self.write(table(BEFORE, exits_per_read=3))
        p = subprocess.run([self.program, "stat", "--file", self.file,
                            "--json", "sh", "-c", f"sleep .5; cp {self.file} "
                            f"{self.file}.1; sed -i 's/^114 CPUID 100/114 CPUID"
                            f" 200/; s/^- total 150/- total 250/' "
                            f"{self.file}.1; mv {self.file}.1 {self.file}"],
                           capture_output=True, text=True, check=True)
        s = json.loads(p.stderr)
        # Reads at 0 s, 0.2 s and 0.4 s, on a busy machine more, and the last one.
        self.assertGreaterEqual(s["read_exits"], 6)
        self.assertEqual(s["read_exits"] % 3, 0)
        self.assertEqual(s["total"]["exits"], 100 - s["read_exits"])


class Failure(TestCase):
    """The program fails, and its command does not."""

    def setUp(self):
        super().setUp()
        self.write(table(BEFORE))
        self.done = os.path.join(self.dir, "done")

    def test_lost_file(self):
        """without counts the status is the command's, or 125 if that is 0"""
        for own, status in (7, 7), (0, 125):
            self.write(table(BEFORE))
            _, err = self.run_program("stat", "--", "sh", "-c",
                                      'rm "$0"; exit $1', self.file, str(own),
                                      status=status)
            self.assertIn("No such file or directory", err)

    def test_lost_file_intervals(self):
        """with intervals the command runs on to its end"""
        _, err = self.run_program("stat", "-I", "10", "--json", "--", "sh",
                                  "-c", 'rm "$0"; sleep .1; touch "$1"; exit 5',
                                  self.file, self.done, status=5)
        self.assertTrue(os.path.exists(self.done))
        lines = [json.loads(line) for line in err.splitlines()]
        self.assertTrue(lines[-1]["gap"])
        self.assertGreater(len(lines), 3)

    def test_both(self):
        """if the command and the output fail, the status is the command's"""
        saved = os.path.join(self.dir, "saved")
        for own, status in (3, 3), (0, 125):
            command = ["--", "sh", "-c", f"exit {own}"]
            _, err = self.run_program("stat", "-o", "/dev/full", *command,
                                      status=status)
            self.assertIn("No space left on device", err)
            self.run_program("stat", "-r", "2", "-o", "/dev/full", "--", "sh",
                             "-c", f"test -e {saved} || {{ touch {saved}; "
                             f"exit {own}; }}", status=status)
            os.unlink(saved)
            with open("/dev/full", "w", encoding="ascii") as full:
                p = subprocess.run([PROGRAM, "report", "--file", self.file,
                                    *command], stdout=full, check=False,
                                   stderr=subprocess.DEVNULL)
                self.assertEqual(p.returncode, status)
            os.mkdir(self.dir + "/there")
            self.run_program("save", self.dir + "/there/saved", "--", "sh",
                             "-c", f"rmdir {self.dir}/there; exit {own}",
                             status=status)

    def closed_pipe(self, own):
        read, write = os.pipe()
        p = subprocess.Popen(
            [PROGRAM, "stat", "--file", self.file, "-I", "10", "--json", "--",
             "sh", "-c", 'sleep .3; touch "$0"; exit $1', self.done, str(own)],
            stderr=write)
        os.close(read)
        os.close(write)
        p.wait(60)
        self.assertTrue(os.path.exists(self.done))
        return p.returncode

    def test_closed_pipe(self):
        """the output is a closed pipe: the command goes on to its end"""
        self.assertEqual(self.closed_pipe(5), 5)
        os.unlink(self.done)
        self.assertEqual(self.closed_pipe(0), 125)

    def test_not_begun(self):
        """without counts the command is not run, and the status is 125"""
        os.unlink(self.file)
        self.run_program("stat", "--", "touch", self.done, status=125)
        self.write(table(BEFORE))
        self.run_program("stat", "-o", self.dir + "/none/x", "--", "touch",
                         self.done, status=125)
        self.run_program("stat", "-s", "size", "--", "touch", self.done,
                         status=125)
        self.assertFalse(os.path.exists(self.done))

    def test_output_kept(self):
        """-o empties its file only when there is something to write"""
        path = os.path.join(self.dir, "out")
        old = "old\n" * 1000
        self.write(old, path)
        self.run_program("stat", "-o", path, "--", "nonesuch-command",
                         status=127)
        with open(path, encoding="ascii") as f:
            self.assertEqual(f.read(), old)
        self.run_program("stat", "-o", path, "--", "sh", "-c",
                         'test "$(head -n 1 $0)" = old', path)
        with open(path, encoding="ascii") as f:
            text = f.read()
        self.assertRegex(text, r"\A0 exits in ")
        self.assertNotIn("old", text)


class Signals(TestCase):
    def setUp(self):
        super().setUp()
        self.write(table(BEFORE))

    def start(self, *args, **kwargs):
        return subprocess.Popen([PROGRAM, "stat", "--file", self.file, *args],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                text=True, **kwargs)

    def counting(self, p):
        """It catches signals once it has read the counts for the first time."""
        caught = 0
        while not caught >> signal.SIGTERM - 1 & 1:
            with open(f"/proc/{p.pid}/status", encoding="ascii") as f:
                caught = int(re.search(r"SigCgt:\s*(\S+)", f.read())[1], 16)

    def test_passed_on(self):
        """signals are passed on to the command"""
        for name in "TERM", "HUP", "USR1", "USR2", "INT", "QUIT":
            p = self.start("--", "sh", "-c",
                           f"trap 'exit 9' {name}; echo up; "
                           "while :; do sleep .02; done")
            self.assertEqual(p.stdout.readline(), "up\n")
            p.send_signal(getattr(signal, "SIG" + name))
            _, err = p.communicate(timeout=60)
            self.assertEqual(p.returncode, 9, name)
            self.assertRegex(err, r"\A0 exits in ")

    def test_ends_the_command(self):
        """SIGTERM ends a command that does not catch it"""
        p = self.start("--", "sh", "-c", "echo up; exec sleep 20")
        self.assertEqual(p.stdout.readline(), "up\n")
        p.terminate()
        p.communicate(timeout=60)
        self.assertEqual(p.returncode, 128 + signal.SIGTERM)

    def test_pipe(self):
        """the command gets SIGPIPE as it was"""
        out, _ = self.run_program("stat", "--", "sh", "-c",
                                  "yes | head -n 1; exit 4", status=4)
        self.assertEqual(out, "y\n")

    def test_until_interrupt(self):
        """without a command it counts until ^C, and prints the total"""
        for sig in signal.SIGINT, signal.SIGTERM:
            self.write(table(BEFORE))
            p = self.start()
            self.counting(p)
            self.write(table(AFTER))
            p.send_signal(sig)
            out, err = p.communicate(timeout=60)
            self.assertEqual((p.returncode, err), (0, ""))
            self.assertRegex(out, r"\A60 exits in \d+\.\d{3} s")

    def test_intervals_until_interrupt(self):
        """^C ends the last interval, which is printed"""
        p = self.start("-I", "10s", "--json")
        self.counting(p)
        self.write(table(AFTER))
        p.send_signal(signal.SIGINT)
        out, err = p.communicate(timeout=60)
        self.assertEqual((p.returncode, err), (0, ""))
        self.assertEqual(json.loads(out)["total"]["exits"], 60)

    def test_reader_ends(self):
        """without a command it ends silently when its reader ends"""
        self.assertEqual(self.run_shell("stat -I 5"), "")
        self.assertEqual(self.run_shell("top -I 5ms"), "")

    def run_shell(self, args):
        command = args.split()
        p = subprocess.run(["sh", "-c", '"$@" | head -n 1 >/dev/null', "sh",
                            PROGRAM, *command, "--file", self.file],
                           stderr=subprocess.PIPE, text=True, timeout=60,
                           check=True)
        return p.stderr

    def test_blocked_read(self):
        """^C ends it while it waits for the writer of a FIFO"""
        for args in (["-I", "10"], ["--", "true"],
                     ["-I", "10", "--", "sleep", "0.05"]):
            self.feed(table(BEFORE))
            p = self.start(*args)
            # Its next open() waits: there is no other writer.
            time.sleep(0.4)
            self.assertIsNone(p.poll(), args)
            p.send_signal(signal.SIGINT)
            _, err = p.communicate(timeout=5)
            self.assertIn("Interrupted system call", err)
            self.assertEqual(p.returncode, 125 if args[0] == "--" else 0, args)

    def test_blocked_top(self):
        """^C ends top while it waits for the writer of a FIFO"""
        self.feed(table(BEFORE))
        p = subprocess.Popen([PROGRAM, "top", "--file", self.file, "0.01"],
                             stdout=subprocess.PIPE, text=True)
        time.sleep(0.4)
        self.assertIsNone(p.poll())
        p.send_signal(signal.SIGINT)
        p.communicate(timeout=5)
        self.assertEqual(p.returncode, 0)

    def test_lost_end(self):
        """without a command and without the last read the status is 1"""
        p = self.start()
        self.counting(p)
        os.unlink(self.file)
        p.send_signal(signal.SIGINT)
        p.communicate(timeout=60)
        self.assertEqual(p.returncode, 1)

    def test_nohup(self):
        """a signal that was ignored stays ignored"""
        p = self.start("-I", "20", "-c", "20", preexec_fn=lambda: signal.signal(
            signal.SIGHUP, signal.SIG_IGN))
        time.sleep(0.1)
        p.send_signal(signal.SIGHUP)
        out, _ = p.communicate(timeout=60)
        self.assertEqual(out.count(" exits in "), 20)
