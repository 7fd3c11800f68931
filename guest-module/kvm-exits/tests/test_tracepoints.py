# SPDX-License-Identifier: GPL-2.0-only
"""The BPF program of the source tracepoints, which here runs in user space.

That it loads, and counts what the tracepoints see, is tested by the lab's scenario
tracepoints.
"""
import os
import random
import subprocess
import tempfile
import unittest

from common import HERE, TestCase

VMX, SVM = 1, 2
LOW, OTHER = 176, 200
SHARED = (0, 0)


class Tracepoints(TestCase):
    @classmethod
    def setUpClass(cls):
        if not os.path.exists("/usr/include/linux/bpf.h"):
            raise unittest.SkipTest("no linux/bpf.h")
        directory = tempfile.TemporaryDirectory()
        cls.addClassCleanup(directory.cleanup)
        cls.program = os.path.join(directory.name, "bpf_events")
        subprocess.run(["cc", "-O1", "-Wall", "-Wno-unknown-pragmas",
                        f"-I{HERE}/fake", "-o", cls.program,
                        f"{HERE}/bpf_events.c"], check=True)

    def run_events(self, events, slots=8, threads=32):
        """{(process, thread): {row: (exits, stopped, max, buckets)}}"""
        text = "".join(" ".join(map(str, e)) + "\n" for e in events)
        out = subprocess.run([self.program, str(slots), str(threads)],
                             input=text, capture_output=True, text=True,
                             check=True).stdout
        result = {}
        for line in out.splitlines():
            process, thread, row, exits, stopped, most, *buckets = map(
                int, line.split())
            filled = {i: n for i, n in enumerate(buckets) if n}
            result.setdefault((process, thread), {})[row] = (
                exits, stopped, most, filled)
        return result

    def test_stops(self):
        """the stop of an exit ends at the thread's next entry"""
        found = self.run_events([("exit", 1, 2, 1000, VMX, 12),
                                 ("exit", 1, 3, 1500, VMX, 48),
                                 ("entry", 1, 2, 5000),
                                 ("entry", 1, 3, 1600),
                                 ("entry", 1, 3, 9000),   # of an unseen exit
                                 ("exit", 1, 2, 6000, VMX, 12),
                                 ("entry", 1, 2, 6100),
                                 ("exit", 1, 2, 7000, VMX, 10)])
        self.assertEqual(found, {
            (1, 2): {12: (2, 4100, 4000, {0: 1, 2: 1}), 10: (1, 0, 0, {})},
            (1, 3): {48: (1, 100, 100, {0: 1})}})

    def test_buckets(self):
        """each bucket ends at a power of two, as those of the patch"""
        for ns, bucket in ((0, 0), (1, 0), (1023, 0), (1024, 1), (2047, 1),
                           (2048, 2), (2 ** 31, 22), (2 ** 32 - 1, 22),
                           (2 ** 32, 23), (2 ** 40, 23), (2 ** 63, 23)):
            found = self.run_events([("exit", 1, 2, 7, VMX, 1),
                                     ("entry", 1, 2, 7 + ns)])
            self.assertEqual(found[1, 2][1], (1, ns, ns, {bucket: 1}))

    def test_reasons(self):
        """each reason of either vendor has its row"""
        for isa, reason, row in (
                (VMX, 0, 0), (VMX, 85, 85), (VMX, 0x80000021, 33),
                (VMX, 0x400, OTHER), (SVM, 0, 0), (SVM, 0xa6, 0xa6),
                (SVM, 0x400, LOW), (SVM, 0x403, LOW + 3),
                (SVM, 0xffffffff, OTHER - 1), (SVM, 0xfffffffc, OTHER - 4),
                (SVM, 0x500, OTHER), (SVM, 0xc0, OTHER)):
            found = self.run_events([("exit", 1, 2, 9, isa, reason)])
            self.assertEqual(found, {(1, 2): {row: (1, 0, 0, {})}})

    def test_no_slot(self):
        """vCPUs for which there is no slot are counted together"""
        events = []
        for thread in range(10, 16):
            events += [("exit", 1, thread, 100, VMX, 12),
                       ("entry", 1, thread, 100 + thread)]
        found = self.run_events(events, slots=4)
        self.assertEqual(sorted(found), [SHARED, (1, 10), (1, 11), (1, 12)])
        self.assertEqual(found[SHARED][12], (3, 13 + 14 + 15, 15, {0: 3}))
        # Without room for the thread, its exits still count, without a stop.
        found = self.run_events(events, slots=4, threads=4)
        self.assertEqual(found[SHARED][12], (3, 13, 13, {0: 1}))

    def test_thread_again(self):
        """the number of a thread can come again in another process"""
        found = self.run_events([("exit", 1, 2, 100, VMX, 12),
                                 ("exit", 5, 2, 900, VMX, 12),
                                 ("entry", 5, 2, 1000)])
        self.assertEqual(found, {(1, 2): {12: (1, 0, 0, {})},
                                 (5, 2): {12: (1, 100, 100, {0: 1})}})

    def test_random(self):
        """many vCPUs: every exit and every stop is in its row"""
        rng = random.Random(1)
        events, expected, pending, now = [], {}, {}, 1
        for _ in range(5000):
            now += rng.getrandbits(rng.randrange(1, 34))
            thread = (rng.randrange(1, 3), rng.randrange(100, 103))
            thread = thread[0], thread[1] + 10 * thread[0]
            if thread in pending:
                row, start = pending.pop(thread)
                events.append(("entry", *thread, now))
                counts = expected[thread][row]
                counts[1] += now - start
                counts[2] = max(counts[2], now - start)
                bucket = min(max((now - start).bit_length() - 10, 0), 23)
                counts[3][bucket] = counts[3].get(bucket, 0) + 1
            else:
                row = rng.randrange(0, 70)
                events.append(("exit", *thread, now, VMX, row))
                pending[thread] = row, now
                counts = expected.setdefault(thread, {}).setdefault(
                    row, [0, 0, 0, {}])
                counts[0] += 1
        found = self.run_events(events)
        self.assertEqual(found, {t: {r: tuple(c) for r, c in rows.items()}
                                 for t, rows in expected.items()})
