# SPDX-License-Identifier: GPL-2.0-only
"""The installed files, and the build of the program."""
import os
import random
import re
import shutil
import subprocess
import tempfile

from common import PROGRAM, SOURCE, TestCase, build, histogram, table

ROWS = {(114, "CPUID"): [100, 2000001, 3000000, 90000, 1024, 4096, 9000],
        (120, "HLT"): [50, 1000000, 4000000, 4000, 1, 2, 3]}

COMPLETE = r"""
. /usr/share/bash-completion/bash_completion
. "$1"
shift
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE="$*" COMP_POINT=${#COMP_LINE}
_kvm_exits
printf '%s\n' "${COMPREPLY[@]}"
"""


class Package(TestCase):
    def command(self, *argv, status=0, **kwargs):
        self.need(argv[0])
        p = subprocess.run(argv, stdout=subprocess.PIPE, text=True,
                           stderr=subprocess.STDOUT, check=False, timeout=300,
                           **kwargs)
        self.assertEqual(p.returncode, status, p.stdout)
        return p.stdout

    def test_compilers(self):
        """gcc and clang have no warning"""
        for cc in "gcc", "clang":
            self.need(cc)
            self.assertEqual(build(os.path.join(self.dir, cc), CC=cc), "")

    def test_valgrind(self):
        """valgrind reports no error for any command, nor for a failure"""
        self.write(table(ROWS))
        self.write(histogram({(114, "CPUID"): (5, {0: 5})}),
                   self.file + "_histogram")
        bad = os.path.join(self.dir, "bad")
        self.write(table(ROWS, version=2), bad)
        for status, args in ((0, ["report"]), (0, ["report", "--json"]),
                             (0, ["report", "--csv"]), (0, ["prometheus"]),
                             (0, ["prometheus", "--textfile",
                                  self.dir + "/x.prom"]),
                             (0, ["stat", "-I", "1", "-c", "3", "-P"]),
                             (3, ["stat", "sh", "-c", "exit 3"]),
                             (0, ["stat", "-r", "2", "true"]),
                             (0, ["top", "-I", "1ms", "-c", "3"]),
                             (0, ["hist", "CPUID"]),
                             (0, ["save", self.dir + "/saved"]),
                             (1, ["report", "--file", bad])):
            args[1:1] = ["--file", self.file]
            self.command("valgrind", "-q", "--leak-check=full",
                         "--error-exitcode=99", PROGRAM, *args, status=status)

    def test_man(self):
        """the manual page has no warning, and names every option"""
        page = SOURCE + "/kvm-exits.1"
        out = self.command("man", "--warnings", "-l", page,
                           env={**os.environ, "MANPAGER": "cat",
                                "LC_ALL": "C.UTF-8", "MANWIDTH": "80"})
        self.assertNotIn("warning", out)
        usage = self.command(PROGRAM, "--help")
        for word in usage.replace(",", " ").replace("|", " ").split():
            word = word.strip("[]")
            if word.startswith("-"):
                self.assertIn(word, out)

    def test_completion(self):
        """bash completes commands, options, keys and stat's command"""
        if not os.path.exists("/usr/share/bash-completion/bash_completion"):
            self.skipTest("bash-completion is not installed")
        script = SOURCE + "/kvm-exits.bash"
        for words, expect in (
                (["st"], ["stat"]),
                ([""], ["stat", "top", "who", "report", "hist", "explain", "save",
                        "record", "diff", "vms", "prometheus", "check",
                        "help",
                        "--help", "--version"]),
                (["report", "--c"], ["--csv"]),
                (["prometheus", "--t"], ["--textfile"]),
                (["top", "-s", "a"], ["average"]),
                (["top", "--per"], ["--percentiles", "--per-cpu"]),
                (["help", "di"], ["diff"]), (["check", "--j"], ["--json"]),
                (["vms", "--so"], ["--source"]),
                (["report", "--duration", ""], []),
                (["--vm", "web", "st"], ["stat"]),
                (["--vm=web", "--source", "debugfs", "top", "--cs"], ["--csv"]),
                (["--source", "d"], ["debugfs"]),
                (["--vm", "web", "stat", "--json", "--", "sort", "--zero"],
                 ["--zero-terminated"]),
                (["explain", "EPT_V"], ["EPT_VIOLATION"]),
                (["stat", "-I", "9", "--sort", "t"], ["time"]),
                (["stat", "-I", "9", "-P", "--sort", "t"], ["time"]),
                (["who", "--by", "rea"], ["reason"]),
                (["who", "-n", "9", "--", "sort", "--zero"],
                 ["--zero-terminated"]),
                (["report", "--", "sort", "--zero"], ["--zero-terminated"]),
                (["stat", "--json", "--", "sort", "--zero"],
                 ["--zero-terminated"])):
            out = self.command("bash", "-c", COMPLETE, "bash", script,
                               "kvm-exits", *words, env={
                                   **os.environ,
                                   "PATH": f"{SOURCE}:{os.environ['PATH']}"})
            self.assertEqual(out.split(), expect, words)

    def test_install(self):
        """make install puts everything in its place, and systemd accepts it; make
        uninstall takes it away"""
        with tempfile.TemporaryDirectory() as root:
            # As on Debian.
            os.makedirs(root + "/usr/lib")
            os.symlink("usr/lib", root + "/lib")
            self.command("make", "-s", "-C", SOURCE, "install",
                         f"DESTDIR={root}")
            files = {os.path.relpath(os.path.join(d, f), root):
                     os.stat(os.path.join(d, f)).st_mode & 0o7777
                     for d, _, names in os.walk(root) for f in names}
            self.assertEqual(files, {
                "usr/bin/kvm-exits": 0o755,
                "usr/share/man/man1/kvm-exits.1": 0o644,
                "usr/share/man/man4/kvm_exits.4": 0o644,
                "usr/share/bash-completion/completions/kvm-exits": 0o644,
                "usr/share/kvm-exits/kvm-exits.rules.yml": 0o644,
                "usr/share/kvm-exits/kvm-exits.schema.json": 0o644,
                "usr/share/kvm-exits/kvm-exits.dashboard.json": 0o644,
                "usr/lib/systemd/system/kvm-exits-prometheus.service": 0o644,
                "usr/lib/systemd/system/kvm-exits-prometheus.timer": 0o644})
            with open(root + "/usr/lib/systemd/system/"
                      "kvm-exits-prometheus.service", encoding="ascii") as f:
                unit = f.read()
            self.assertIn("\nTimeoutStartSec=", unit)
            # It works in a guest without the module.
            self.assertNotIn("ConditionPathExists", unit)
            self.assertRegex(unit, r"SystemCallFilter=~[^\n]*@resources\n"
                                   r"(#.*\n)*SystemCallFilter=sched_setaff")
            self.assertEqual(unit.count("/var/lib/prometheus/node-exporter"), 3)
            # With the directory of another node_exporter.
            self.command("make", "-s", "-C", SOURCE, "install",
                         f"DESTDIR={root}/other", "TEXTFILES=/srv/metrics")
            with open(root + "/other/lib/systemd/system/"
                      "kvm-exits-prometheus.service", encoding="ascii") as f:
                self.assertEqual(f.read(), unit.replace(
                    "/var/lib/prometheus/node-exporter", "/srv/metrics"))
            self.command("make", "-s", "-C", SOURCE, "uninstall",
                         f"DESTDIR={root}/other")
            self.assertEqual([names for _, _, names in os.walk(root + "/other")
                              if names], [])
            self.need("systemd-analyze")
            # The units depend on systemd's own units.
            shutil.copytree("/lib/systemd/system", root + "/lib/systemd/system",
                            symlinks=True, dirs_exist_ok=True)
            out = self.command("systemd-analyze", "verify", "--man=no",
                               f"--root={root}", "kvm-exits-prometheus.timer",
                               "kvm-exits-prometheus.service")
            self.assertNotIn("kvm-exits", out)
            # Only another user, or a root directory of its own, would make the unit's
            # exposure smaller.
            out = self.command("systemd-analyze", "security", "--offline=true",
                               f"--root={root}", "--threshold=8",
                               "kvm-exits-prometheus.service")
            self.assertIn("SAFE", out)

    def test_version(self):
        """--version has the version of the package"""
        with open(SOURCE + "/../debian/changelog", encoding="ascii") as f:
            version = re.match(r"\S+ \((.*?)\)", f.readline()).group(1)
        self.assertEqual(self.run_program("--version", file=False)[0],
                         f"kvm-exits {version}, table version 1\n")

    def test_hostile(self):
        """tables with random damage cause no memory error"""
        program = os.path.join(self.dir, "kvm-exits")
        build(self.dir, CFLAGS="-g -O0 -fsanitize=address,undefined "
                               "-fno-sanitize-recover")
        rng = random.Random(7)
        whole = table(ROWS).encode()
        marks = [b"-", b" ", b"\n", b"#", b"\0", b"9" * 30, b"x" * 300, b"\xff",
                 b"# reason name exits cycles " + b"1 " * 90 + b"\n"]
        commands = [["report"], ["report", "--json"], ["hist"], ["prometheus"],
                    ["stat", "-I", "1ms", "-c", "1", "-P"], ["diff", self.file]]
        for i in range(300):
            data = bytearray(whole)
            for _ in range(rng.randrange(1, 6)):
                at = rng.randrange(len(data) + 1)
                if rng.random() < 0.5:
                    data[at:at + rng.randrange(40)] = b""
                data[at:at] = rng.choice(marks)
            with open(self.file, "wb") as f:
                f.write(data)
            command, *args = commands[i % len(commands)]
            if command != "diff":
                args += ["--file"]
            p = subprocess.run([program, command, *args, self.file],
                               capture_output=True, check=False, timeout=20)
            self.assertIn(p.returncode, (0, 1), p.stderr)
            self.assertLessEqual(p.stderr.count(b"\n"), 1, p.stderr)
        # Before the first refresh top has no row.
        self.feed(table(ROWS), "no table\n")
        p = subprocess.run([program, "top", "--file", self.file, "-I", "1ms",
                            "-c", "1"], capture_output=True, check=False)
        self.assertEqual((p.returncode, p.stderr), (0, b""))
        self.assertIn(b"\ngap: ", p.stdout)

    def test_metrics_in_manual(self):
        """the manual page names every metric"""
        self.write(table(ROWS))
        self.write(histogram({(114, "CPUID"): (5, {0: 5})}),
                   self.file + "_histogram")
        out, _ = self.run_program("prometheus")
        with open(SOURCE + "/kvm-exits.1", encoding="ascii") as f:
            page = f.read()
        for line in out.splitlines():
            if line.startswith("# TYPE"):
                self.assertIn(f".It Va {line.split()[2]}", page)
