# SPDX-License-Identifier: GPL-2.0-only
"""save and diff: tables in files."""
import json
import os

from common import AFTER, BEFORE, HLT, IO, TestCase, table


class Saved(TestCase):
    def save(self, name, *args, status=0):
        path = os.path.join(self.dir, name)
        self.run_program("save", *args[:args.index("PATH")], path,
                         *args[args.index("PATH") + 1:], status=status)
        return path

    def test_round_trip(self):
        """a saved table gives the same report"""
        self.write(table(AFTER, exits_per_read=3).replace(
            "# generation", "# guest_clocksource hpet\n# generation"))
        path = self.save("a", "PATH")
        with open(path, encoding="ascii") as f:
            self.assertIn("\n# guest_clocksource hpet\n", f.read())
        reports = []
        for file in self.file, path:
            self.file = file
            r = json.loads(self.run_program("report", "--json")[0])
            del r["wall_time"]
            reports.append(r)
        self.assertEqual(*reports)

    def test_command(self):
        """save -- command: the exits of that time, and the command's status"""
        for dashes in [], ["--"]:
            self.write(table(BEFORE, exits_per_read=30))
            other = os.path.join(self.dir, "other")
            self.write(table(AFTER), other)
            path = self.save("a", "PATH", *dashes, "sh", "-c",
                             'mv "$0" "$1"; exit 6', other, self.file, status=6)
            self.file, file = path, self.file
            r = json.loads(self.run_program("report", "--json")[0])
            self.file = file
            self.assertEqual(r["total"]["exits"], 30)
            self.assertGreater(r["seconds"], 0)

    def test_mode(self):
        """save obeys the umask, and keeps the mode of an existing file"""
        self.write(table(AFTER))
        for mask, mode in (0o077, 0o600), (0o022, 0o644), (0o002, 0o664):
            path = os.path.join(self.dir, f"saved{mask:o}")
            for expect in mode, 0o640:
                self.run_program("save", path,
                                 preexec_fn=lambda m=mask: os.umask(m))
                self.assertEqual(os.stat(path).st_mode & 0o7777, expect)
                os.chmod(path, 0o640)

    def test_diff(self):
        """diff: two tables side by side, and rates where the times are known"""
        self.write(table(BEFORE))
        a = self.save("a", "PATH")
        self.write(table(AFTER, generation=8))
        b = self.save("b", "PATH")
        out, _ = self.run_program("diff", a, b, file=False)
        self.assertIn("\nHLT                                 50           60"
                      "     +20%    1.00us    1.33us\n", out)
        self.assertRegex(out, r"\nIO +7 +7 +\+0% ")
        self.assertLess(max(map(len, out.splitlines()[2:])), 82)
        for path, ns in (a, 10), (b, 5):
            with open(path, encoding="ascii") as f:
                text = f.read()
            self.write(text.replace("# generation", f"# nanoseconds {ns}000000"
                                    "000\n# generation"), path)
        out, _ = self.run_program("diff", a, b, file=False)
        self.assertRegex(out, r"\nHLT +5\.0 +12\.0 +\+140% ")

    def test_diff_new(self):
        """diff: a reason that only one of the tables has"""
        self.write(table(BEFORE))
        other = os.path.join(self.dir, "other")
        self.write(table({HLT: BEFORE[HLT], (200, "NEW"): BEFORE[IO]}), other)
        out, _ = self.run_program("diff", self.file, other, file=False)
        self.assertRegex(out, r"\nNEW +0 +7 +new +- ")
        self.assertRegex(out, r"\nCPUID +100 +0 +-100% .* -\n")

    def test_no_place(self):
        """save: the command does not run if its counts cannot be saved"""
        self.write(table(BEFORE))
        for path, message in ((self.dir + "/none/x", "No such file or "
                               "directory"), (self.dir, "not a regular file, "
                                              "so it is not replaced")):
            out, err = self.run_program("save", path, "echo", "ran",
                                        status=125)
            self.assertEqual((out, err), ("", f"kvm-exits: {path}: "
                                              f"{message}\n"))

    def test_fixed(self):
        """a saved table is one interval; what needs counts that change refuses it"""
        self.write(table(AFTER))
        boot = self.save("boot", "PATH")
        with open(boot, encoding="ascii") as f:
            text = f.read()
        self.file, saved = boot, os.path.join(self.dir, "saved")
        self.run_program("save", "-I", "10s", saved)
        self.write(text.replace("# wall", "# nanoseconds 10000000000\n# wall"), saved)
        for path, args, rate in ((boot, [], None), (saved, [], 21.7),
                                 (saved, ["-I", "1s"], 21.7),
                                 (boot, ["--duration", "7s"], 31),
                                 ("-", [], None)):
            self.file = path
            out = self.run_program("stat", "--json", *args, input=text)[0]
            s = json.loads(out)["total"]
            self.assertEqual((s["exits"], s["exits_per_second"]), (217, rate))
        self.file = saved
        out = self.run_program("stat")[0]
        self.assertRegex(out, r"reason +exits +exits/s +time% +cpu% +average +stopped\n")
        self.assertEqual(self.run_program("stat", "-I", "1s")[0], out)
        self.assertIn(" p99.9\n", self.run_program("stat", "-P")[0])
        for path in boot, saved, "-":
            self.file = path
            for status, args in ((1, ["top"]), (1, ["record", "-c", "1", "x"]),
                                 (125, ["stat", "--", "true"]),
                                 (125, ["report", "--", "true"])):
                _, err = self.run_program(*args, status=status, input=text)
                self.assertEqual(err, f"kvm-exits: {path}: the counts of a saved "
                                 "table do not change: run kvm-exits report\n")

    def test_errors(self):
        """diff: a table that cannot be read is one line"""
        self.write(table(BEFORE))
        _, err = self.run_program("diff", self.file, "/nonexistent",
                                  file=False, status=1)
        self.assertEqual(err, "kvm-exits: /nonexistent: "
                              "No such file or directory\n")
