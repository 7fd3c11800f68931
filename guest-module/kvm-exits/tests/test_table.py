# SPDX-License-Identifier: GPL-2.0-only
"""Reading the file: what is accepted, and what is refused in one line."""
import os
import random
import re
import resource
import subprocess

from common import COLUMNS, HERE, KEYS, TIMES_ONLY, TestCase, table

ROWS = {(0, "READ_CR0"): [0] * 7,
        (114, "CPUID"): [10, 2000, 3000, 900, 512, 1024, 1024],
        (1024, "NPF"): [4, 8000, 9000, 4000, 2048, 4000, 4000]}


class Table(TestCase):
    def counts(self, text):
        """The report as JSON, without the time of the report."""
        report = self.report(text)
        del report["wall_time"]
        return report

    def test_header(self):
        """the values of the header are printed unchanged"""
        t = self.report(table(ROWS, vendor="Intel", tsc_khz=2112003,
                              generation=4294967295))
        self.assertEqual((t["vendor"], t["tsc_khz"], t["generation"]),
                         ("Intel", 2112003, 4294967295))

    def test_kernel(self):
        """every number of a table that the kernel prints is read"""
        rng = random.Random(1)
        for isa, reasons in ((1, [0, 1, 10, 12, 34, 48, 85]),
                             (2, [0, 0x72, 0xa6, 0x400, 0xffffffff,
                                  0xfffffffc])):
            rows = {r: [rng.getrandbits(40), rng.getrandbits(60),
                        rng.getrandbits(60), rng.getrandbits(48)]
                    for r in reasons}
            words = [isa, 1, 2500000, 99, 31]
            for reason, counts in sorted(rows.items()):
                words += [reason, *counts, 3, 5, 23, reason % 2]
            text = subprocess.run([os.path.join(HERE, "mktable")],
                                  input=" ".join(map(str, words)), text=True,
                                  stdout=subprocess.PIPE, check=True).stdout
            t = self.report(text)
            self.assertEqual([r["reason"] for r in t["reasons"]],
                             sorted(reasons))
            for r in t["reasons"]:
                counts = rows[r["reason"]]
                self.assertEqual([r[c] for c in COLUMNS[:4]], counts)
                bounds = [min(1 << 13, counts[3]), min(1 << 15, counts[3]),
                          counts[3]]
                self.assertEqual([r[c] for c in KEYS[4:]],
                                 bounds if r["reason"] % 2 else [None] * 3)
            for i in range(3):
                self.assertEqual(t["total"][COLUMNS[i]],
                                 sum(c[i] for c in rows.values()))

    def test_large(self):
        """reasons of 32 bits and counts of 64 are exact"""
        row = [2**63 + 1, 2**64 - 2, 2**64 - 3, 2**48 - 1, 1, 2, 3]
        t = self.report(table({(4294967295, "INVALID_GUEST_STATE"): row}))
        self.assertEqual(t["reasons"][0]["reason"], 4294967295)
        self.assertEqual([t["reasons"][0][c] for c in KEYS], row)

    def test_columns(self):
        """columns are found by name, and unknown ones are ignored"""
        text = table(ROWS, columns=TIMES_ONLY)
        out = []
        for line in text.splitlines():
            words = line.split()
            if words[:2] == ["#", "reason"]:
                words = ["#", "reason", "later", "cycles", "name", "exits"]
            elif words[0] != "#":
                words = [words[0], "?", words[3], words[1], words[2]]
            out.append(" ".join(words))
        self.assertEqual(self.counts("\n".join(out)), self.counts(text))

    def test_header_line(self):
        """unknown lines of the header are ignored"""
        text = table(ROWS)
        self.assertEqual(self.counts(text.replace("# vendor",
                                                  "# later 5 x\n# vendor")),
                         self.counts(text))

    DIFFERENT = "not a whole table, the rows do not add up to the total: " \
        "copy it again"

    def refuse(self, text, message):
        self.write(text)
        for status, *command in ((1, "report"), (1, "prometheus"), (1, "top"),
                                 (1, "stat", "-I", "1"),
                                 (125, "stat", "--", "true")):
            _, err = self.run_program(*command, status=status)
            self.assertEqual(err, f"kvm-exits: {self.file}: {message}\n")

    def test_version(self):
        """an unknown version is refused"""
        self.refuse(table(ROWS, version=2),
                    "version 2 of the table, but this program reads version 1: "
                    "use a newer kvm-exits")

    def test_other_file(self):
        """another file is refused"""
        for text in ("root:x:0:0:root:/root:/bin/sh\n", "# kvm_exits\n",
                     table(ROWS).replace("kvm_exits", "kvm_exits_histogram")):
            for blank in "", "\r\n \n":
                line = text.splitlines()[0]
                self.refuse(blank + text, "not a table of kvm_exits, perf kvm "
                            "stat, kvmexit, kvm_stat or ftrace: line "
                            f"{3 if blank else 1} is {line}")
        self.refuse("", "is empty: make the table again")
        self.refuse(" \n", "not a table of kvm_exits")
        self.refuse("PERFILE2\0", "is a file of perf record: give what perf kvm stat "
                    "report prints")

    def test_damaged(self):
        """a damaged table is refused, with the line"""
        text = table(ROWS)
        for old, new, line in (("114 CPUID 10", "114 CPUID -10", 9),
                               ("114 CPUID 10", "114 CPUID 0x10", 9),
                               ("114 CPUID 10", "114 CPUID 10 10", 9),
                               ("114 CPUID 10", "114 CPUID", 9),
                               ("114 CPUID 10", "114 CPUID -", 9),
                               ("114 CPUID", "4294967296 CPUID", 9),
                               ("10 2000", "10 18446744073709551616", 9),
                               ("10 2000", "10 18446744073709551615", 9),
                               (" exits ", " visits ", 6),
                               ("tsc_khz 2", "tsc_khz x", 3)):
            self.assertIn(old, text)
            self.refuse(text.replace(old, new),
                        f"line {line} is not understood")

    def test_twice(self):
        """a reason or a total that comes twice is refused, with the line"""
        text = table(ROWS)
        twice = text.replace("- total 14 10000 12000", "- total 24 12000 15000")
        self.assertNotEqual(twice, text)
        cpuid = text.splitlines(True)[8]
        self.refuse(twice + cpuid, "line 11 is not understood")
        self.refuse(text + text.splitlines(True)[6],
                    "line 11 is not understood")

    def test_many(self):
        """more reasons than any kernel has are refused"""
        rows = {(n, "X"): [1] * 7 for n in range(1025)}
        self.refuse(table(rows), "line 1032 is not understood")
        del rows[1024, "X"]
        self.assertEqual(len(self.report(table(rows))["reasons"]), 1024)

    def test_no_vendor(self):
        """a table without its vendor is refused"""
        self.refuse(table(ROWS).replace("# vendor AMD\n", ""),
                    "not a whole table of kvm_exits: copy it again")

    def test_cut(self):
        """a table without rows or without a total is refused"""
        lines = table(ROWS).splitlines(True)
        for part in lines[:7], lines[:6] + lines[7:]:
            self.refuse("".join(part), "not a whole table of kvm_exits: copy it again")
        # A table that is cut after a later line looks whole, but the total shows the
        # cut.
        for n in 8, 9:
            self.refuse("".join(lines[:n]), self.DIFFERENT)
        # The total also shows a wrong number, in each column that has a sum.
        for new in "11 2000 3000", "10 2001 3000", "10 2000 2999":
            self.refuse(table(ROWS).replace("10 2000 3000", new),
                        self.DIFFERENT)

    def test_names(self):
        """a name with any character, or a long one, is accepted"""
        text = table(ROWS)
        for name, shown in (("IDLE-HALT", "IDLE_HALT"), ('CP"ID', "CP_ID"),
                            ("A,B", "A_B"), ("\\", "_"), ('{x="1"}', "_x__1__"),
                            ("C" * 40, "C" * 31)):
            t = self.report(text.replace("114 CPUID", f"114 {name}"))
            self.assertEqual([r["name"] for r in t["reasons"]],
                             [shown, "NPF"])

    def test_endless(self):
        """a file that does not end is refused soon"""
        self.file = "/dev/zero"
        _, err = self.run_program("report", status=1, preexec_fn=lambda:
                                  resource.setrlimit(resource.RLIMIT_AS,
                                                     (1 << 28, 1 << 28)))
        self.assertEqual(err, "kvm-exits: /dev/zero: not a table of "
                              "kvm_exits\n")

    def test_missing(self):
        """a missing module is one line with what to do"""
        _, err = self.run_program("report", status=1)
        self.assertEqual(err, f"kvm-exits: {self.file}: "
                              "No such file or directory\n")
        if not os.path.exists("/proc/kvm_exits"):
            _, err = self.run_program("report", "--source", "file",
                                      file=False, status=1)
            self.assertEqual(err, "kvm-exits: /proc/kvm_exits: No such file "
                             "or directory: the module kvm_exits is not "
                             "loaded: see kvm-exits check\n")

    def test_read_error(self):
        """a read that fails is reported with its errno"""
        self.file = "/proc/self/mem"
        _, err = self.run_program("report", status=1)
        self.assertEqual(err, "kvm-exits: /proc/self/mem: "
                              "Input/output error\n")

    def test_usage(self):
        """a wrong command line is status 2 and one line"""
        self.write(table(ROWS))
        for argv in (["nonesuch"], ["help", "nonesuch"], ["help", "top", "x"], ["stat", "-c", "9"],
                     ["stat", "-I", "0"], ["stat", "-I", "x"],
                     ["stat", "-I", "-5"], ["stat", "-I", "1e3"],
                     ["stat", "-I", "5 s"], ["stat", "-I", "0x5"],
                     ["stat", "-I", "nan"], ["stat", "-I", "inf"],
                     ["stat", "-I", "99999999999"], ["stat", "-I"],
                     ["stat", "-r", "2"], ["stat", "-f", "(", "-I", "9"],
                     ["stat", "-r", "2", "-I", "9", "true"],
                     ["top", "x"], ["top", "1", "0"], ["top", "1", "2", "3"],
                     ["stat", "-I", "9", "-c", "0"],
                     ["stat", "-c", "2", "--", "true"],
                     ["report", "--json", "--csv"],
                     ["stat", "-s", "size", "-I", "9"],
                     ["prometheus", "--json"], ["stat", "--nonesuch"],
                     ["stat", "-r", "2", "-P", "true"],
                     ["--file", "x", "report"], ["--json", "top"],
                     ["report", "-I", "9", "true"],
                     ["save", "-I", "9", "x", "true"],
                     ["top", "-p", "--json"], ["top", "--debugfs", "/"],
                     ["stat", "--vm", "1", "--file", "x"],
                     ["--vm", "1", "vms"], ["--source", "file", "diff", "x", "y"], ["--vm", "1", "explain"]):
            p = subprocess.run([os.path.join(HERE, "../kvm-exits"), *argv],
                               capture_output=True, text=True, timeout=60,
                               check=False)
            # As env and timeout do, those that can run a COMMAND exit with 125.
            status = 125 if argv[:1] in (["stat"], ["report"], ["save"]) else 2
            self.assertEqual((p.returncode, p.stdout), (status, ""), argv)
            command = argv[0] if argv[0] not in ("nonesuch", "help") else ""
            if argv[0].startswith("--"):
                command = "(explain |vms |diff )?"
            elif command:
                command += " "
            self.assertRegex(p.stderr, r"\Akvm-exits: .*; see kvm-exits "
                                       rf"{command}--help\n\Z")

    def test_order(self):
        """options may follow arguments, but not those of a command to run"""
        self.write(table(ROWS))
        saved = os.path.join(self.dir, "saved")
        for argv, expect in (
                (["diff", self.file, self.file, "-s", "exits"], "CPUID"),
                (["explain", "CPUID", "--help"], "usage: kvm-exits explain"),
                (["top", "0.01", "1", "--file", self.file], "kvm-exits: AMD"),
                (["save", saved, "--file", self.file], ""),
                (["save", saved, "--file", self.file, "-I", "1"], ""),
                (["save", saved, "--file", self.file, "--", "echo", "-I"],
                 "-I"),
                (["save", saved, "--file", self.file, "echo", "-I"], "-I")):
            out, _ = self.run_program(*argv, file=False)
            self.assertIn(expect, out, argv)
        for argv, message in (
                (["hist", "CPUID", "--file", "x", "--bad"], "--bad: no such"),
                (["hist", "CPUID", "-I"], "-I needs an argument"),
                (["diff", "x", "-", "-I", "1", "y"], "-I: no such"),
                (["diff", "x", "-sexits", "-Pq", "y"], "-Pq: no such")):
            _, err = self.run_program(*argv, file=False, status=2)
            self.assertTrue(err.startswith(f"kvm-exits: {message}"), err)

    def test_unit(self):
        """with top and vms a bare number after -I is refused"""
        for command in "top", "vms":
            _, err = self.run_program(command, "-I", "1", file=False, status=2)
            self.assertEqual(err, "kvm-exits: -I 1: the unit is missing: 1s or "
                                  f"1ms; see kvm-exits {command} --help\n")

    COMMANDS = {"stat": "IcrPsfpCo", "top": "IcPpsf", "report": "If",
                "hist": "If", "explain": "", "save": "I",
                "record": "Ic", "diff": "sf",
                "vms": "Icf", "prometheus": "If", "check": "", "help": ""}

    def test_help(self):
        """help fits the terminal; that of a command has its options alone"""
        for command, letters in self.COMMANDS.items():
            out, _ = self.run_program("help", command, file=False)
            self.assertEqual(self.run_program(command, "-h", file=False)[0], out)
            self.assertEqual(
                "".join(re.findall(r"(?m)^  -(\w),", out)), letters + "hV")
            self.assertEqual("--vm" in out,
                             command not in ("explain", "diff", "vms",
                                             "check", "help"))
            self.assertTrue(out.startswith(f"usage: kvm-exits {command} "))
            self.assertLess(max(map(len, out.splitlines())), 80)
        out, _ = self.run_program("help", file=False)
        self.assertEqual(self.run_program("--help", file=False)[0], out)
        self.assertLess(max(map(len, out.splitlines())), 80)
        for command in self.COMMANDS:
            self.assertIn(f" kvm-exits {command} ", out)
            self.assertIn(f"\n{command} ", out)

    def first_contact(self):
        p = subprocess.run([os.path.join(HERE, "../kvm-exits"),
                            "--vm", "1", "--debugfs", self.dir],
                           capture_output=True, text=True, timeout=60,
                           check=False)
        self.assertEqual((p.returncode, p.stderr), (2, ""))
        for command in self.COMMANDS:
            self.assertIn(f"\n{command} ", p.stdout)
        return p.stdout.splitlines()

    def test_first_contact(self):
        """without a command: the commands, and the counts or why there are none"""
        os.mkdir(self.dir + "/1-11")
        self.assertRegex(self.first_contact()[-1], "not the patched one")
        self.write(table(ROWS), self.dir + "/1-11/exit_stats")
        out = self.first_contact()
        begin = out.index("$ kvm-exits report") + 1
        self.write(table(ROWS))
        report, _ = self.run_program("report")
        end = out.index("...")
        self.assertEqual(out[begin:end], report.splitlines()[:end - begin])
        self.assertIn("CPUID", out[end - 2])

    def test_full(self):
        """output that cannot be written is an error"""
        self.write(table(ROWS))
        for command in ("report",), ("report", "--csv"), ("prometheus",), \
                       ("stat", "-I", "1"), ("top", "-I", "1ms"):
            with open("/dev/full", "w", encoding="ascii") as full:
                p = subprocess.run([os.path.join(HERE, "../kvm-exits"),
                                    *command, "--file", self.file],
                                   stdout=full, stderr=subprocess.PIPE,
                                   text=True, timeout=60, check=False)
            self.assertEqual((p.returncode, p.stderr),
                             (1, "kvm-exits: cannot write the output: "
                                 "No space left on device\n"))
