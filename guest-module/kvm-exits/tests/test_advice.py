# SPDX-License-Identifier: GPL-2.0-only
"""kvm-exits report and explain: the right advice for known tables."""
import json
import os
import re
import subprocess

from cases import CASES
from common import COLUMNS, HERE, SOURCE, TestCase, table

KHZ = 2000000


def rows_of(case, zero=False):
    """The case's rows with counts, or without any."""
    rows = {}
    for number, (name, row) in enumerate(case["rows"].items()):
        exits, handled, stopped, *rest = row
        median, longest = [*rest, *[stopped, 4 * stopped][len(rest):]]
        counts = [exits, int(exits * handled * KHZ / 1000),
                  int(exits * stopped * KHZ / 1000),
                  *(int(t * KHZ / 1000)
                    for t in (longest, median, 2 * median, longest))]
        rows[number, name] = [0] * 7 if zero else counts
    return rows


def text_of(case, **kwargs):
    text = table(rows_of(case, **kwargs), vendor=case["vendor"], tsc_khz=KHZ,
                 columns=COLUMNS[:case.get("columns", 7)])
    facts = case.get("facts", {})
    if "seconds" in case:
        facts = {**facts, "nanoseconds": int(case["seconds"] * 1e9)}
    return text.replace("# generation", "".join(
        f"# {k} {v}\n" for k, v in facts.items()) + "# generation")


def remarks_of(text):
    """{reasons: advice} in the report's order, each on one line."""
    found = {}
    for part in text.split("\n\n"):
        m = re.match(r"([A-Z0-9_,\s]+):\n(\d+ % of the exits.*)", part,
                     re.DOTALL)
        if m:
            found[tuple(re.split(r",\s", m.group(1)))] = " ".join(m.group(2).split())
    return found


class Cases(TestCase):
    def check(self, case):
        self.write(text_of(case))
        out = self.run_program("report")[0]
        flat = " ".join(out.lower().split())
        remarks = remarks_of(out)
        if "first" in case:
            self.assertEqual(set(list(remarks)[0]), set(case["first"]), out)
        for words in case.get("has", []):
            self.assertIn(words.lower(), flat)
        for words in case.get("without", []):
            self.assertNotIn(words.lower(), flat)
        if "remarks" in case:
            self.assertEqual(len(remarks), case["remarks"], out)
        self.assertLessEqual(max(map(len, out.splitlines())), 80)
        self.check_json(case, remarks)

    def check_json(self, case, remarks):
        """JSON has the remarks of the text, and the fields that the man page has"""
        advice = json.loads(self.run_program("report", "--json")[0])["advice"]
        self.assertEqual(set(advice), FIELDS)
        self.assertEqual([tuple(r["reasons"]) for r in advice["remarks"]],
                         list(remarks))
        for r in advice["remarks"]:
            self.assertEqual(set(r), REMARK_FIELDS)
            text = remarks[tuple(r["reasons"])]
            for words in [*r["cause"], *r["remedy"], r["source"] or ""]:
                self.assertIn(words, text)
            self.assertTrue(text.startswith(f"{r['exits_percent']:.0f} %"))
            if r["cost_percent"] is not None:
                m = re.search(r" costs (at most )?([\d.]+) %", text)
                self.assertEqual(bool(m.group(1)), advice["bound"])
                # Rounded to two places, and to three.
                self.assertLessEqual(
                    abs(float(m.group(2)) - r["cost_percent"]), 0.0055)
        if "verdict" in case:
            self.assertEqual(advice["verdict"], case["verdict"])


FIELDS = {"verdict", "bound", "vcpus", "exits_per_vcpu_second",
          "cost_percent", "one_vcpu_percent", "summary", "remarks",
          "long_stops", "by_vcpu", "commands_in_guest",
          "commands_on_host"}
REMARK_FIELDS = {"reasons", "exits_percent", "time_percent",
                 "stopped_percent", "cost_percent", "one_vcpu_percent",
                 "cause", "remedy", "source"}


class Json(TestCase):
    def advice(self, name, *args):
        case = next(c for c in CASES if c["name"] == name)
        self.write(text_of(case))
        return json.loads(self.run_program("report", "--json",
                                           *args)[0])["advice"]

    def test_stops(self):
        """JSON: the longest stops, in seconds"""
        stops = self.advice("huge pages are split again and again")["long_stops"]
        self.assertEqual(set(stops), {"reasons", "cause", "remedy", "source"})
        self.assertEqual(stops["reasons"], [
            {"name": "EPT_VIOLATION", "longest_seconds": 320e-6,
             "average_seconds": 80e-6, "exits_per_second": 15}])

    def test_unknown(self):
        """JSON: what the table does not have is null"""
        advice = self.advice("counts without times")
        self.assertEqual(
            [advice[k] for k in ("vcpus", "exits_per_vcpu_second",
                                 "cost_percent", "one_vcpu_percent")],
            [None] * 4)
        for remark in advice["remarks"]:
            self.assertEqual([remark[k] for k in (
                "time_percent", "stopped_percent", "cost_percent",
                "one_vcpu_percent")], [None] * 4)

    def test_filter(self):
        """JSON: report -f has fewer remarks, with the costs of the whole VM"""
        name = "a library runs CPUID in a loop"
        whole = self.advice(name)
        part = self.advice(name, "-f", "cpuid")
        self.assertGreater(len(whole.pop("remarks")), 1)
        self.assertEqual([r["reasons"] for r in part.pop("remarks")],
                         [["CPUID"]])
        self.assertEqual(part.pop("commands_in_guest"), ["kvm-exits who"])
        whole.pop("commands_in_guest")
        self.assertEqual(part.pop("commands_on_host"), [])
        whole.pop("commands_on_host")
        self.assertEqual(part, whole)

    def test_nothing(self):
        """JSON: there is no advice about a table without exits"""
        self.write(table({(0, "READ_CR0"): [0] * 7}))
        out, _ = self.run_program("report", "--json")
        self.assertIsNone(json.loads(out)["advice"])


class Vm(TestCase):
    def test_vcpus(self):
        """--vm: the directories of the VM's vCPUs are counted"""
        case = next(c for c in CASES
                    if c["name"] == "one vCPU of 96 reads the HPET")
        vm = os.path.join(self.dir, f"{os.getpid()}-11")
        for vcpu in range(3):
            os.makedirs(f"{vm}/vcpu{vcpu}")
        os.makedirs(f"{vm}/other0")
        self.write(text_of(case), f"{vm}/exit_stats")
        out, _ = self.run_program("report", "--debugfs", self.dir, "--vm",
                                  str(os.getpid()), "--json", file=False)
        self.assertEqual(json.loads(out)["advice"]["vcpus"], 3)


class Texts(TestCase):
    def test_used(self):
        """advice.txt has no text that nothing uses"""
        code = ""
        for name in "advice.c", "remarks.c", "report.c":
            with open(os.path.join(SOURCE, name), encoding="ascii") as f:
                code += f.read()
        with open(os.path.join(SOURCE, "advice.txt"), encoding="ascii") as f:
            keys = re.findall(r"(?m)^(\w+): ", f.read())
        self.assertGreater(len(keys), 100)
        self.assertEqual([k for k in keys
                          if not re.search(rf"\b{k}\b", code)], [])


def add_case(number, case):
    def test(self):
        self.check(case)

    test.__doc__ = f"advice: {case['name']}"
    setattr(Cases, f"test_{number:02}", test)


for number, case in enumerate(CASES):
    add_case(number, case)


def kernel_names():
    """The names in the kernel's tables, including those of newer kernels."""
    names = []
    for f in "vmx", "svm":
        out = subprocess.run(
            ["cc", "-E", "-P", "-x", "c", "-"], text=True, check=True,
            stdout=subprocess.PIPE,
            input=f"#include <asm/{f}.h>\nnames: {f.upper()}_EXIT_REASONS\n"
        ).stdout
        names += re.findall(r'"([^"]+)"', out[out.index("names:"):])
    with open(os.path.join(HERE, "newer_names"), encoding="ascii") as f:
        names += [line.strip() for line in f if line[0] != "#"]
    return names


class Explain(TestCase):
    def explain(self, *args, status=0):
        return self.run_program("explain", *args, file=False, status=status)

    def test_kernel(self):
        """every reason of the kernel's tables has an entry with four parts"""
        names = kernel_names()
        self.assertGreater(len(names), 150)
        for name in names:
            out, _ = self.explain(name)
            parts = re.findall(r"(?m)^  (what|normal|if many|source) +\S", out)
            self.assertEqual(parts, ["what", "normal", "if many", "source"],
                             name)

    def test_case(self):
        """names of both vendors are found in any case, with any separator"""
        for names in (["HLT", "hlt"], ["IDLE-HALT", "idle_halt"],
                      ["EPT_VIOLATION", "ept-violation"],
                      ["AC excp", "ac_EXCP"]):
            outs = {self.explain(n)[0] for n in names}
            self.assertEqual(len(outs), 1)

    def test_unknown(self):
        """an unknown name is one line, with a similar name if there is one"""
        for name, near in (("MSRWRITE", "MSR_WRITE"), ("violation",
                           "EPT_VIOLATION"), ("npff", "NPF"), ("N\nMI", "NMI"),
                           ("foo", None), ("x" * 300, None), ("", None)):
            _, err = self.explain(name, status=1)
            self.assertRegex(err, r"\Akvm-exits: .*no such reason; .*\n\Z")
            self.assertTrue(err.endswith(
                f"did you mean {near}?\n" if near else
                "kvm-exits explain lists all\n"), err)

    def test_number(self):
        """a number is a reason with each vendor that has it"""
        for number, titles in (
                ("48", ["EPT_VIOLATION (Intel: 48, 0x30)",
                        "WRITE_DR0 (AMD: 48, 0x30)"]),
                ("0x400", ["NPF (AMD: 1024, 0x400)"]),
                ("84", ["MSR_READ_IMM (Intel: 84, 0x54)"]),
                ("4294967295", ["INVALID_GUEST_STATE (AMD: -1, 0xffffffff)"])):
            out, _ = self.explain(number)
            self.assertEqual([line for line in out.splitlines()
                              if line[:1] not in ("", " ")], titles)
        for number in "174", "9999", "99999999999", "4294967296":
            _, err = self.explain(number, status=1)
            self.assertEqual(err, f"kvm-exits: {number}: neither vendor has "
                             "such a number; see kvm-exits explain\n")


class Measured(TestCase):
    """report of an interval or of a command."""

    def setUp(self):
        super().setUp()
        case = {"vendor": "Intel", "rows": {"CPUID": (90000, 30, 31),
                                            "HLT": (100, 2, 4)}}
        self.before = text_of(case, zero=True)
        self.after = text_of(case)

    def test_interval(self):
        """report -I: advice about the exits of that interval"""
        self.feed(self.before, self.after)
        out, _ = self.run_program("report", "-I", "20ms")
        self.assertRegex(out, r"\AVM exits in 0\.0\d\d s \(Intel")
        self.assertIn("find the caller", " ".join(out.lower().split()))
        self.assertNotIn("At most", out)

    def test_command(self):
        """report -- command: the status is the command's"""
        self.write(self.before)
        other = os.path.join(self.dir, "after")
        self.write(self.after, other)
        out, _ = self.run_program("report", "--", "sh", "-c",
                                  'mv "$0" "$1"; exit 7', other, self.file,
                                  status=7)
        self.assertRegex(out, r"\AVM exits in \d+\.\d{3} s \(Intel")
        self.assertIn("90100 exits", out)

    def test_reset(self):
        """a reset makes the report incomplete; another vendor is an error"""
        self.feed(self.after, self.before)
        out, _ = self.run_program("report", "-I", "1")
        self.assertIn("\n(incomplete: 1 reset, ", out)
        self.feed(self.after, self.before.replace("Intel", "AMD"))
        _, err = self.run_program("report", "-I", "1", status=1)
        self.assertEqual(err, "kvm-exits: the counts were reset meanwhile: "
                              "repeat the command\n")

    def test_filter(self):
        """report -f: fewer remarks, with the shares of the whole VM"""
        case = next(c for c in CASES if c["name"].startswith("a library"))
        self.write(text_of(case))
        whole = remarks_of(self.run_program("report")[0])
        out, _ = self.run_program("report", "-f", "cpuid")
        self.assertEqual(remarks_of(out), {("CPUID",): whole["CPUID",]})
        self.assertGreater(len(whole), 1)
        self.assertIn("At most 1538 exits a second", out)
        self.assertNotIn("MSR_WRITE", out)

    def test_who(self):
        """the report names the command that shows the cause of the exits"""
        self.write(self.after)
        out, _ = self.run_program("report")
        self.assertIn("\n  kvm-exits who\n", out)
