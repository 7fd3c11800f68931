# SPDX-License-Identifier: GPL-2.0-only
"""kvm-exits report --html: one page with drawings."""
import os
import re
import xml.etree.ElementTree

from common import TestCase, histogram, table

CPUID, HLT, IO = (114, "CPUID"), (120, "HLT"), (123, "IO")
SVG = "{http://www.w3.org/1999/xhtml}"


def rows(n):
    """After n intervals: HLT has 10 exits in each, CPUID 30 in the second."""
    cpuid = 30 if n > 1 else 0
    return {CPUID: [cpuid, 1000 * cpuid, 2000 * cpuid, 9, 1, 1, 1],
            HLT: [10 * n, 9000 * n, 90000 * n, 9, 1, 1, 1], IO: [0] * 7}


class Html(TestCase):
    def setUp(self):
        super().setUp()
        self.path = os.path.join(self.dir, "page.html")

    def page(self, *args):
        """Read it as XML, which finds what is not closed or not escaped."""
        out, err = self.run_program("report", "--html", self.path, *args)
        self.assertEqual((out, err), ("", ""))
        with open(self.path, encoding="ascii") as f:
            self.text = f.read()
        return xml.etree.ElementTree.fromstring(self.text)

    def drawing(self, page, name):
        svg, = (e for e in page.iter(SVG + "svg") if e.get("id") == name)
        return svg

    def texts(self, svg):
        return [e.text for e in svg.iter(SVG + "text")]

    def test_report(self):
        """the text of the report is in it, and nothing is loaded"""
        self.write(table({**rows(2), (200, "A<&>B"): [1] * 7}))
        page = self.page()
        report, _ = self.run_program("report")
        pre, = page.iter(SVG + "pre")
        self.assertEqual(pre.text, report)
        self.assertNotRegex(self.text, r"(?i)<script|<link|src=|href=|url\(|"
                                       r"@import")
        self.assertEqual(re.findall(r"http\S+", self.text),
                         ['http://www.w3.org/1999/xhtml">'])

    def test_reasons(self):
        """a bar is as long as the share of the time"""
        self.write(table(rows(3)))
        svg = self.drawing(self.page(), "reasons")
        self.assertEqual([t for t in self.texts(svg) if t.isupper()],
                         ["CPUID", "HLT"])
        self.assertIn("52.63 %, 30 exits, 500ns each", self.texts(svg))
        widths = [float(e.get("width")) for e in svg.iter(SVG + "rect")]
        self.assertAlmostEqual(widths[1] / widths[0], 27 / 30, 3)
        svg = self.drawing(self.page("-f", "hlt"), "reasons")
        self.assertEqual(len(list(svg.iter(SVG + "rect"))), 1)

    def record(self, *tables):
        path = os.path.join(self.dir, "record")
        self.feed(*tables)
        self.run_program("record", "-I", "1ms", "-c", str(len(tables) - 1), path)
        with open(path, encoding="ascii") as f:
            text = f.read()
        for n in range(len(tables)):
            text = re.sub(r"# monotonic_nanoseconds \d+\n",
                          f"# monotonic {n}000000000\n", text, count=1)
        self.write(text.replace("# monotonic ", "# monotonic_nanoseconds "))

    def test_course(self):
        """the course of a record: stacked bars, exact to the last digit"""
        self.record(*(table(rows(n)) for n in range(4)))
        svg = self.drawing(self.page(), "course")
        # 40 exits a second are 200 units high; an interval is 860 / 3 wide.
        self.assertEqual([[e.get(k) for k in ("x", "y", "width", "height")]
                          for e in svg.iter(SVG + "rect")],
                         [["0.00", "150.00", "286.67", "50.00"],
                          ["286.67", "50.00", "286.67", "150.00"],
                          ["286.67", "0.00", "286.67", "50.00"],
                          ["573.33", "150.00", "286.67", "50.00"]])
        self.assertEqual(self.texts(svg)[0], "40.0/s")
        self.assertEqual(self.texts(svg)[-1], "3 s")

    def test_reset(self):
        """an interval with a migration has no bar, and is marked"""
        self.record(table(rows(0)), table(rows(1)),
                    table(rows(1), generation=8), table(rows(3), generation=8))
        page = self.page()
        svg = self.drawing(page, "course")
        marked = [e for e in svg.iter(SVG + "rect")
                  if e.get("class") == "reset"]
        self.assertEqual([e.get("x") for e in marked], ["286.67"])
        pre, = page.iter(SVG + "pre")
        self.assertIn("(incomplete: 1 reset", pre.text)

    def test_stops(self):
        """a cell for each bucket that has stops"""
        other = os.path.join(self.dir, "other")
        for n, path in (0, self.file), (3, other):
            self.write(table(rows(n)), path)
            self.write(histogram({HLT: (300000, {0: 10 * n, 5: n})}),
                       path + "_histogram")
        page = self.page("--", "sh", "-c",
                         'mv "$0_histogram" "$1_histogram"; mv "$0" "$1"',
                         other, self.file)
        svg = self.drawing(page, "stops")
        self.assertEqual([e.find(SVG + "title").text
                          for e in svg.iter(SVG + "rect")],
                         ["30 stops, 90.91 %", "3 stops, 9.09 %"])

    def test_no_place(self):
        """without a place for the page the command does not run"""
        self.write(table(rows(1)))
        self.run_program("report", "--html", self.dir + "/none/x", "--",
                         "touch", self.dir + "/ran", status=125)
        self.assertFalse(os.path.exists(self.dir + "/ran"))
