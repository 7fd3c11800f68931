# SPDX-License-Identifier: GPL-2.0-only
"""The JSON of each command, and its schema."""
import json
import os
import re
import subprocess

from common import PROGRAM, SOURCE, TestCase, histogram, table, vmm

CPUID, HLT, IO = (114, "CPUID"), (120, "HLT"), (123, "IO")
BEFORE = {CPUID: [100, 200000, 300000, 9000, 1, 1, 1],
          HLT: [50, 100000, 900000, 9000, 1, 1, 1]}
AFTER = {CPUID: [90000, 920000000, 3750000000, 9000, 1, 1, 1],
         HLT: [60, 160000, 2900000, 9000, 1, 1, 1]}

with open(SOURCE + "/kvm-exits.schema.json", encoding="ascii") as schema:
    SCHEMA = json.load(schema)

TYPES = {"object": dict, "array": list, "string": str, "null": type(None),
         "boolean": bool, "integer": int, "number": (int, float)}


def is_type(value, name):
    return isinstance(value, TYPES[name]) and \
        (name == "boolean" or not isinstance(value, bool))


def errors(value, rule, path="$"):
    """What is wrong with a value; for the keywords that the schema uses."""
    if "$ref" in rule:
        rule = SCHEMA["$defs"][rule["$ref"].removeprefix("#/$defs/")]
    if "anyOf" in rule:
        found = [list(errors(value, r, path)) for r in rule["anyOf"]]
        yield from min(found, key=len)
        return
    types = rule.get("type", [])
    types = [types] if isinstance(types, str) else types
    if types and not any(is_type(value, t) for t in types):
        yield f"{path}: {value!r} is no {types}"
        return
    if "const" in rule and value != rule["const"] or \
            "enum" in rule and value not in rule["enum"] or \
            "pattern" in rule and not re.search(rule["pattern"], value):
        yield f"{path}: {value!r}"
    if isinstance(value, dict):
        known = rule.get("properties", {})
        yield from (f"{path}: no {k}" for k in rule.get("required", [])
                    if k not in value)
        for key, v in value.items():
            if key in known:
                yield from errors(v, known[key], f"{path}.{key}")
            elif not rule.get("additionalProperties", True):
                yield f"{path}: {key} is not in the schema"
    if isinstance(value, list):
        for i, v in enumerate(value):
            yield from errors(v, rule["items"], f"{path}[{i}]")


class Json(TestCase):
    def check(self, kind, text):
        self.assertTrue(text)
        for line in text.splitlines():
            found = list(errors(json.loads(line), SCHEMA["$defs"][kind]))
            self.assertEqual(found, [])
        return [json.loads(line) for line in text.splitlines()]

    def test_schema(self):
        """the schema is listed whole, and its test finds what is wrong"""
        listed = [r["$ref"].split("/")[-1] for r in SCHEMA["anyOf"]]
        self.assertEqual(sorted(listed), sorted(
            k for k, v in SCHEMA["$defs"].items() if "title" in v))
        good = {"version": 2, "vendor": "AMD", "histograms": []}
        self.assertEqual(list(errors(good, SCHEMA["$defs"]["hist"])), [])
        for bad in ({**good, "version": 1}, {**good, "new": 1},
                    {**good, "histograms": [{}]}, {**good, "vendor": True},
                    {k: v for k, v in good.items() if k != "vendor"}, []):
            self.assertNotEqual(list(errors(bad, SCHEMA["$defs"]["hist"])), [])

    def test_intervals(self):
        """stat and top: counted, reset and gap"""
        for command in "stat", "top":
            self.feed(table(BEFORE), table(AFTER), "no table\n",
                      table(AFTER, generation=8))
            out, _ = self.run_program(command, "-I", "1ms", "-c", "3",
                                      "--json")
            counted, gap, reset = self.check("stat", out)
            self.assertEqual((counted["gap"], gap["gap"], reset["reset"]),
                             (False, True, True))
        self.write(table(AFTER))
        _, err = self.run_program("stat", "-r", "2", "--json", "true")
        self.check("stat", err)

    def test_report(self):
        """report: with much to say, and with nothing"""
        for rows in AFTER, {HLT: [0] * 7}:
            self.write(table(rows))
            out, _ = self.run_program("report", "--json")
            report, = self.check("stat", out)
            self.assertEqual(report["advice"] is None, rows is not AFTER)

    def test_hist(self):
        """hist: all buckets, in cycles and in seconds"""
        self.write(table(BEFORE))
        self.write(histogram({CPUID: (300000, {0: 100, 23: 2})}),
                   self.file + "_histogram")
        out, _ = self.run_program("hist", "cpuid", "--json")
        found, = self.check("hist", out)
        one, = found["histograms"]
        self.assertEqual(one["name"], "CPUID")
        self.assertEqual(one["buckets"][0], {
            "stops": 100, "up_to_cycles": 1024, "up_to_seconds": 5.12e-07})
        self.assertEqual(one["buckets"][23], {
            "stops": 2, "up_to_cycles": None, "up_to_seconds": None})
        out, _ = self.run_program("hist", "-f", "CPUID|HLT", "--json")
        found, = self.check("hist", out)
        self.assertEqual([h["name"] for h in found["histograms"]],
                         ["CPUID", "HLT"])

    def test_diff(self):
        """diff: saved tables, a reason that one of them does not have"""
        other = os.path.join(self.dir, "other")
        self.write(table(BEFORE))
        self.write(table({**AFTER, IO: [1, 2, 3, 4, 5, 6, 7]}), other)
        out, _ = self.run_program("diff", self.file, other, "--json",
                                  file=False)
        found, = self.check("diff", out)
        self.assertEqual((found["total"]["a"]["exits"],
                          found["total"]["b"]["exits"]), (150, 90061))
        io, = (r for r in found["reasons"] if r["name"] == "IO")
        self.assertEqual((io["a"], io["b"]["exits"], io["within_noise"]),
                         (None, 1, None))

    def test_explain(self):
        """explain: one reason, and all of them"""
        out, _ = self.run_program("explain", "hlt", "--json", file=False)
        found, = self.check("explain", out)
        self.assertEqual(len(found["reasons"]), 1)
        self.assertIn("HLT", found["reasons"][0]["names"])
        out, _ = self.run_program("explain", "--json", file=False)
        found, = self.check("explain", out)
        names, _ = self.run_program("explain", file=False)
        self.assertLessEqual(set(names.split()), {
            name for r in found["reasons"] for name in r["names"]})

    def test_vms(self):
        """vms: an object for each interval"""
        vm = vmm("-name", 'a"b')
        self.addCleanup(vm.wait)
        self.addCleanup(vm.stdin.close)
        os.mkdir(f"{self.dir}/{vm.pid}-11")
        self.write(table(BEFORE), f"{self.dir}/{vm.pid}-11/exit_stats")
        out, _ = self.run_program("vms", "-I", "1ms", "-c", "2", "--json",
                                  "--debugfs", self.dir, file=False)
        first, _ = self.check("vms", out)
        self.assertEqual([(v["pid"], v["name"], v["exits"], v["most_time"])
                          for v in first["vms"]], [(vm.pid, 'a"b', 0, None)])

    def test_check(self):
        """check: what it finds here"""
        p = subprocess.run([PROGRAM, "check", "--json"], capture_output=True,
                           text=True, check=False)
        self.check("check", p.stdout)
