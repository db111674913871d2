"""The report and its page, from samples that are made up; and how runs end."""

import html.parser
import json
import pathlib
import sys
import tempfile
import time
import unittest

import html_page
import limits
import report
import runs

FLOOR = {"round": 0, "use": "", "ping_pong_ns": 60.0, "ping_pong_after_ns": 61.0,
         "primitives": {"shared_line_ns": 50.0, "stream_line_ns": 8.0, "futex_wake_us": 20.0, "yield_us": 2.0,
                        "starts_ms": {"1": 0.5, "2": 0.9, "16": 5.0}},
         "rows": [{"size": size, "mapped_one_us": 0.06 + size / 5e4, "mapped_both_us": 0.07 + size / 1e5,
                   "cma_us": None, "probe_ns": [60.0, 61.0]} for size in (8, 4096)]}


def recording():
    column = {"key": "latency_us", "title": "left <alone>", "unit": "µs", "more_is_better": False, "limit": "message"}
    job = {"name": "latency", "benchmark": "latency", "title": "Latency", "group": "pt2pt", "ranks": 2,
           "one_core": False, "columns": [column], "failures": {"b": "exit code 1: </script>"}, "commands": {}}
    samples = [["latency", mpi, number, size, [60.0, 62.0], [value * (1 + size / 4096)]]
               for number in range(4) for size in (8, 4096) for mpi, value in (("lariat", 1.0), ("a", 2.0))]
    mpis = [{"name": n, "title": n.upper(), "library": "", "prefix": "/"} for n in ("lariat", "a", "b")]
    return {"format": report.FORMAT, "date": "today", "command": "bench", "left_out": {"c": "not there"},
            "machine": {"processor": "P", "cores": 2, "virtual": True, "memory_gib": 1, "system": "S",
                        "kernel": "K"},
            "mpis": mpis, "rounds": 4, "stopped": "interrupted", "loads": [0.5], "floor": [FLOOR],
            "jobs": [job], "samples": samples}


class Elements(html.parser.HTMLParser):
    """The elements of a page, and what refers to something outside."""

    VOID = {"meta", "link"}

    def __init__(self):
        super().__init__()
        self.open, self.outside, self.scripts = [], [], []

    def handle_starttag(self, tag, attrs):
        self.outside += [value for name, value in attrs if name in ("src", "href") and
                         not value.startswith(("#", "data:"))]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, tag

    def handle_data(self, data):
        if self.open[-1:] == ["script"]:
            self.scripts.append(data)


class Reports(unittest.TestCase):
    def test_all_three_are_written(self):
        with tempfile.TemporaryDirectory() as folder:
            evaluated = report.evaluate(recording())
            paths = report.write(evaluated, pathlib.Path(folder) / "new")
            words = paths[0].read_text()
            self.assertIn("**0.50** A", words)
            for warning in ("interrupted", "was busy", "Without c: not there", "b failed"):
                self.assertIn(warning, words)
            again = report.evaluate(report.read(paths[1]))
            self.assertEqual(again, json.loads(paths[1].read_text()))

    def test_the_page_needs_nothing_else(self):
        page = html_page.page(report.evaluate(recording()))
        elements = Elements()
        elements.feed(page)
        self.assertEqual((elements.open, elements.outside), ([], []))
        self.assertIn("left &lt;alone&gt;", page)
        self.assertEqual(json.loads(elements.scripts[0])["jobs"][0]["failures"]["b"], "exit code 1: </script>")
        self.assertNotIn("<!--", page.split("<body>")[1])

    def test_nothing_measured_is_a_report_too(self):
        empty = dict(recording(), samples=[], floor=[], loads=[])
        self.assertIn("no peer was measured", html_page.page(report.evaluate(empty)))

    def test_what_is_no_report_is_refused(self):
        from arguments import Mistake
        with tempfile.TemporaryDirectory() as folder:
            for content in ("", "[]", '{"format": 0}', None):
                path = pathlib.Path(folder) / "report.json"
                if content is None:
                    path.unlink()
                else:
                    path.write_text(content)
                with self.assertRaisesRegex(Mistake, "--from: "):
                    report.read(path)

    def test_limits(self):
        of = limits.Limits([FLOOR], None)
        self.assertAlmostEqual(of.at("message", 8, "all"), 0.05)
        self.assertAlmostEqual(of.at("message", 4096, "all"), 0.07 + 4096 / 1e5)
        self.assertAlmostEqual(of.at("lines", 128, "all"), 1e9 / 16)
        self.assertAlmostEqual(of.at("start", 0, "all", 16), 5.5)
        self.assertIsNone(of.at("message_read", 4096, "all"))


class Runs(unittest.TestCase):
    def test_a_run_that_does_not_end_is_ended(self):
        start = time.monotonic()
        with self.assertRaisesRegex(RuntimeError, "not finished after"):
            runs.run_command([sys.executable, "-c", "import time; time.sleep(1000)"], seconds=0.2)
        self.assertLess(time.monotonic() - start, 500)

    def test_a_run_that_fails_says_why(self):
        with self.assertRaisesRegex(RuntimeError, "exit code 3: so it is"):
            runs.run_command([sys.executable, "-c", "import sys; print('so it is', file=sys.stderr); sys.exit(3)"])


if __name__ == "__main__":
    unittest.main()
