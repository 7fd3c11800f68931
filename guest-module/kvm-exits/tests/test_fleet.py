# SPDX-License-Identifier: GPL-2.0-only
"""A fleet of guests, with Debian's Prometheus and node_exporter.

Each guest is a file of counts, which kvm-exits turns into metrics for a
node_exporter of its own.  One Prometheus scrapes them all.  Two guests are
invented.  If there are metrics of a real guest (see test_guest.py), that guest
is the third.  All listen on loopback.
"""
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.parse
import urllib.request

from common import PROGRAM, SOURCE, histogram, table
from test_guest import FILE, METRICS, counts, header

KHZ = 2000000
SECOND = KHZ * 1000

# Seconds of handling, by reason, at three steps.  Guest "svm" migrates before the
# third, so its counts are reset: since the start NPF has 300 + 1, IO 200 + 1.
# INVLPG has 50, of which Prometheus misses 4: it cannot see that a counter fell
# if the counter has already passed its old value.
SVM = {(96, "INTERRUPT"): [1, 2, 3], (114, "CPUID"): [2, 4, 1],
       (120, "HLT"): [3, 103, 20], (121, "INVLPG"): [4, 4, 50],
       (123, "IO"): [5, 205, 1], (124, "MSR"): [6, 406, 40],
       (1024, "NPF"): [7, 307, 1]}
SVM_TOP = ["MSR", "NPF", "IO", "HLT", "INVLPG"]
SVM_INCREASE = {"MSR": 440, "NPF": 301, "IO": 201, "HLT": 120, "INVLPG": 46}
VMX = {(1, "EXTERNAL_INTERRUPT"): [9, 19, 29], (10, "CPUID"): [1, 1, 1],
       (12, "HLT"): [900, 940, 980], (28, "CR_ACCESS"): [1, 1, 2],
       (30, "IO_INSTRUCTION"): [80, 380, 680],
       (32, "MSR_WRITE"): [500, 700, 900],
       (48, "EPT_VIOLATION"): [60, 66, 69]}
VMX_TOP = ["IO_INSTRUCTION", "MSR_WRITE", "HLT", "EXTERNAL_INTERRUPT",
           "EPT_VIOLATION"]

MADE_UP = 'instance=~"svm|vmx"'

CONFIG = """\
global: {{ scrape_interval: 500ms, evaluation_interval: 500ms }}
rule_files: [ {rules} ]
scrape_configs:
  - job_name: node
    static_configs:
"""
TARGET = """\
      - targets: [ {address} ]
        labels: {{ instance: {name} }}
"""


def free_address():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{s.getsockname()[1]}"


class Fleet(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        for program in "prometheus", "prometheus-node-exporter":
            if not shutil.which(program):
                raise unittest.SkipTest(f"{program} is not installed")
        cls.end = time.monotonic() + 50
        cls.dir = tempfile.mkdtemp()
        cls.addClassCleanup(shutil.rmtree, cls.dir)
        cls.server = free_address()
        cls.guests = {name: free_address() for name in ("svm", "vmx", "real")
                      if name != "real" or os.path.exists(METRICS)}
        for name in cls.guests:
            os.mkdir(f"{cls.dir}/{name}")

        # The steps that the queries see: before, after work, after a migration.
        cls.feed_all(0, 7)
        if "real" in cls.guests:
            shutil.copy(METRICS, f"{cls.dir}/real/kvm_exits.prom")
        for name, address in cls.guests.items():
            cls.start("prometheus-node-exporter",
                      "--collector.disable-defaults", "--collector.textfile",
                      f"--collector.textfile.directory={cls.dir}/{name}",
                      f"--web.listen-address={address}")
        with open(f"{cls.dir}/config", "w", encoding="ascii") as f:
            f.write(CONFIG.format(rules=f"{SOURCE}/kvm-exits.rules.yml"))
            for name, address in cls.guests.items():
                f.write(TARGET.format(name=name, address=address))
        cls.start("prometheus", f"--config.file={cls.dir}/config",
                  f"--storage.tsdb.path={cls.dir}/data",
                  f"--web.listen-address={cls.server}")
        hlt = f'sum(kvm_exits_total{{{MADE_UP}, reason="HLT"}})'
        cls.wait_for("count(kvm_exits_info)", str(len(cls.guests)))
        cls.feed_all(1, 7)
        cls.wait_for(hlt, "1043")
        cls.feed_all(2, 8)
        if "real" in cls.guests:
            cls.migrate_real()
        cls.wait_for("kvm_exits_generation{instance='svm'}", "8")
        cls.wait_for(hlt, "1000")

    @classmethod
    def start(cls, *argv):
        """A time limit ends the program even if the test was killed."""
        log = open(f"{cls.dir}/log", "a", encoding="utf-8")
        p = subprocess.Popen(["timeout", "60", *argv], stdout=log, stderr=log)
        log.close()
        cls.addClassCleanup(p.wait)
        cls.addClassCleanup(p.send_signal, signal.SIGTERM)

    @classmethod
    def migrate_real(cls):
        """Half of the counts again, in another generation."""
        generation = str(header("generation") ^ 1)
        path = f"{cls.dir}/real.table"
        with open(FILE, encoding="ascii") as table_file:
            lines = [line.split() for line in table_file]
        for words in lines:
            if words[:2] == ["#", "generation"]:
                words[2] = generation
            elif words[0].isdigit():
                words[2:] = [str(int(w) // 2) if w.isdigit() else w
                             for w in words[2:]]
        # The total is still the sum of the rows: exits, handling and stopped time.
        total = next(words for words in lines if words[0] == "-")
        for column in range(2, min(5, len(total))):
            total[column] = str(sum(int(words[column]) for words in lines
                                    if words[0].isdigit()))
        with open(path, "w", encoding="ascii") as f:
            for words in lines:
                print(*words, file=f)
        cls.write_metrics("real", path)
        cls.wait_for("kvm_exits_generation{instance='real'}", generation)

    @classmethod
    def feed_all(cls, step, svm_generation):
        cls.feed("svm", "AMD", SVM, step, svm_generation)
        cls.feed("vmx", "Intel", VMX, step, 7)

    @classmethod
    def feed(cls, name, vendor, rows, step, generation):
        counts = {k: [v[step], v[step] * SECOND, v[step] * SECOND,
                      v[step] * SECOND, 1, 1, 1] for k, v in rows.items()}
        stops = {k: (v[step] * SECOND, {0: 1, 20: v[step] - 1})
                 for k, v in rows.items()}
        path = f"{cls.dir}/{name}.table"
        with open(path, "w", encoding="ascii") as f:
            f.write(table(counts, vendor=vendor, generation=generation))
        with open(path + "_histogram", "w", encoding="ascii") as f:
            f.write(histogram(stops, generation=generation))
        cls.write_metrics(name, path)

    @classmethod
    def write_metrics(cls, name, path):
        subprocess.run([PROGRAM, "prometheus", "--file", path, "--textfile",
                        f"{cls.dir}/{name}/kvm_exits.prom"], check=True)

    @classmethod
    def ask(cls, query):
        url = f"http://{cls.server}/api/v1/query?" + \
            urllib.parse.urlencode({"query": query})
        with urllib.request.urlopen(url, timeout=5) as r:
            return json.load(r)["data"]["result"]

    @classmethod
    def wait_for(cls, query, value):
        while True:
            try:
                result = cls.ask(query)
            except OSError:  # Prometheus is still starting
                result = []
            if [r["value"][1] for r in result] == [value]:
                return
            if time.monotonic() > cls.end:
                with open(f"{cls.dir}/log", encoding="utf-8") as f:
                    raise TimeoutError(f"{query}: {result}\n" + f.read())
            time.sleep(0.1)

    def reasons(self, query):
        return [r["metric"]["reason"] for r in self.ask(query)]

    def test_scraped(self):
        """Prometheus has the values of the file"""
        for name, rows in ("svm", SVM), ("vmx", VMX):
            for metric in ("kvm_exits_total",
                           "kvm_exit_handling_seconds_total",
                           "kvm_exit_stopped_seconds_total",
                           "kvm_exit_stopped_max_seconds",
                           "kvm_exit_stop_duration_seconds_sum",
                           "kvm_exit_stop_duration_seconds_count"):
                result = self.ask(f'{metric}{{instance="{name}"}}')
                self.assertEqual({r["metric"]["reason"]: r["value"][1]
                                  for r in result},
                                 {k[1]: str(v[2]) for k, v in rows.items()},
                                 metric)

    def test_no_error(self):
        """node_exporter reports no error in the file"""
        self.assertEqual({r["metric"]["instance"]: r["value"][1] for r in
                          self.ask("node_textfile_scrape_error")},
                         dict.fromkeys(self.guests, "0"))

    def test_top_five(self):
        """topk() finds the five reasons that cost a guest most"""
        self.assertEqual(self.reasons(
            'topk(5, kvm_exit_handling_seconds_total{instance="vmx"})'),
            ["HLT", "MSR_WRITE", "IO_INSTRUCTION", "EPT_VIOLATION",
             "EXTERNAL_INTERRUPT"])
        self.assertEqual(self.reasons(
            'topk(5, increase(kvm_exit_handling_seconds_total'
            '{instance="vmx"}[1m]))'), VMX_TOP)

    def test_real(self):
        """a real guest's counts, a reset, and the reasons that cost it most"""
        if "real" not in self.guests:
            self.skipTest(f"there is no {METRICS}")
        exits, cycles = counts("exits"), counts("cycles")
        # A reason without a name has no series before it occurs.
        shown = [k for k in exits if exits[k] or not k.startswith("REASON_")]
        exits = {k: exits[k] for k in shown}
        cycles = {k: cycles[k] for k in shown}
        hertz = header("tsc_khz") * 1000
        result = self.ask('kvm_exits_total{instance="real"}[1m]')
        for end, factor in (0, 1), (-1, 2):
            self.assertEqual({r["metric"]["reason"]: int(r["values"][end][1])
                              for r in result},
                             {k: v // factor for k, v in exits.items()})
        metric = 'kvm_exit_handling_seconds_total{instance="real"}'
        self.assertEqual({r["metric"]["reason"]: round(
                          float(r["values"][0][1]) * 1e9)
                          for r in self.ask(f"{metric}[1m]")},
                         {k: v * 10**9 // hertz for k, v in cycles.items()})
        top = sorted(cycles, key=cycles.get, reverse=True)[:5]
        self.assertEqual(self.reasons(f"topk(5, {metric})"), top)
        # The increase is what the other host has counted.
        self.assertEqual(self.reasons(f"topk(5, increase({metric}[1m]))"), top)
        self.assertEqual({r["metric"]["reason"]: r["value"][1] for r in
                          self.ask(f"resets({metric}[1m])")},
                         {k: str(int(v > 0)) for k, v in cycles.items()})

    def test_reset(self):
        """after a migration the five are still right, and nothing is negative"""
        query = 'kvm_exit_handling_seconds_total{instance="svm"}[1m]'
        self.assertEqual(self.reasons(f"topk(5, increase({query}))"), SVM_TOP)
        self.assertEqual(self.reasons(f"topk(5, rate({query}))"), SVM_TOP)
        self.assertEqual(self.ask(f"increase({query}) < 0"), [])
        resets = {r["metric"]["reason"]: r["value"][1]
                  for r in self.ask(f"resets({query})")}
        self.assertEqual(resets, {k[1]: str(int(v[2] < v[1]))
                                  for k, v in SVM.items()})

    def test_reset_exact(self):
        """the increase over a migration is exact, except at the edges of the window"""
        query = 'kvm_exit_handling_seconds_total{instance="svm"}[1m]'
        for r in self.ask(query):
            reason = r["metric"]["reason"]
            if reason not in SVM_INCREASE:
                continue
            values = [float(v) for _, v in r["values"]]
            increase = sum(b - a if b >= a else b
                           for a, b in zip(values, values[1:]))
            self.assertEqual(increase, SVM_INCREASE[reason], reason)

    def test_rules(self):
        """the rules are evaluated, and the migration fires its alert"""
        for record, number in (
                ("instance_reason:kvm_exits:rate5m", "14"),
                ("instance:kvm_exit_handling_seconds:rate5m", "2"),
                ("instance:kvm_exit_stop_duration_seconds:p999_5m", "2")):
            self.wait_for(f"count({record}{{{MADE_UP}}})", number)
        self.wait_for('count(ALERTS{alertname="KvmExitsReset",'
                      'instance="svm",alertstate="firing"})', "1")
        self.assertEqual(self.ask('ALERTS{alertname="KvmExitsReset",'
                                  'instance="vmx"}'), [])
        # The metric in the alert about a stale file.
        self.wait_for("count(node_textfile_mtime_seconds"
                      "{file=~'.*kvm_exits[.]prom'})", str(len(self.guests)))

    # What the dashboard's variables stand for.
    VARIABLES = {"$__rate_interval": "1m", "$__range": "1m",
                 "$instance": "svm|vmx", "$reason": ".*"}

    @classmethod
    def dashboard(cls):
        """{title: [query, ...]}, with the variables replaced."""
        with open(f"{SOURCE}/kvm-exits.dashboard.json", encoding="ascii") as f:
            board = json.load(f)
        queries = {p["title"]: [t["expr"] for t in p["targets"]]
                   for p in board["panels"]}
        queries |= {a["name"]: [a["expr"]]
                    for a in board["annotations"]["list"]}
        for title, exprs in queries.items():
            for name, value in cls.VARIABLES.items():
                exprs = [e.replace(name, value) for e in exprs]
            queries[title] = exprs
        return board, queries

    def test_dashboard(self):
        """each query of the dashboard has values, and they are numbers"""
        board, queries = self.dashboard()
        self.assertEqual(len(queries), len(board["panels"]) + 1)
        for title, exprs in queries.items():
            for expr in exprs:
                self.assertNotIn("$", expr)
                result = self.ask(expr)
                self.assertTrue(result, f"{title}: {expr}")
                for r in result:
                    self.assertTrue(float(r["value"][1]) >= 0, title)

    def test_dashboard_values(self):
        """the dashboard's panels have the reasons and VMs that are right"""
        _, queries = self.dashboard()
        # The panel sums up both VMs, so the largest sum is first.
        found = self.reasons(queries["Time in KVM by reason"][0])
        self.assertEqual(found[0], "IO_INSTRUCTION")
        # Prometheus extrapolates the others, which are close to each other.
        self.assertEqual(set(found[:4]), {"IO_INSTRUCTION", "MSR", "MSR_WRITE",
                                          "NPF"})
        self.assertEqual(len(found), 8)
        for title in ("Stopped vCPUs by reason", "The longest of 1000 stops",
                      "Longest stop since the counts began"):
            found = self.reasons(queries[title][0])
            self.assertNotIn("HLT", found, title)
        self.assertIn("MSR", self.reasons(
            queries["Stopped vCPUs by reason"][0]))
        # Each exit takes a second.
        for r in self.ask(queries["Average time of an exit"][0]):
            self.assertAlmostEqual(float(r["value"][1]), 1, 6)
        found = {r["metric"]["instance"]: r["value"][1]
                 for r in self.ask(queries["Migrations and resets"][0])}
        self.assertEqual(found, {"svm": "1", "vmx": "0"})
        self.assertEqual([r["metric"]["instance"]
                          for r in self.ask(queries["Migrations"][0])],
                         ["svm"])

    def test_dashboard_variables(self):
        """the dashboard's variables list the VMs and the reasons"""
        board, _ = self.dashboard()
        for variable in board["templating"]["list"]:
            if variable["type"] != "query":
                continue
            selector, label = re.fullmatch(r"label_values\((.*), (\w+)\)",
                                           variable["query"]).groups()
            query = urllib.parse.urlencode({"match[]": selector.replace(
                "$instance", "svm|vmx")})
            url = f"http://{self.server}/api/v1/label/{label}/values?{query}"
            with urllib.request.urlopen(url, timeout=5) as r:
                values = json.load(r)["data"]
            self.assertTrue({"svm", "vmx"} <= set(values) or
                            {"MSR", "MSR_WRITE"} <= set(values), values)
