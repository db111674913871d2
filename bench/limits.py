"""The machine's limits at a placement, from what the floor program said in each round."""

import statistics

import figures

LINE = 64


class Limits:
    """The best quartiles of the floor program's figures."""

    def __init__(self, said, boundary):
        self.said, self.boundary = said, boundary

    def _values(self, use, place, of):
        """What `of` finds in the reports of this use of the buffers, with its probes."""
        found = [pair for report in self.said if report["use"] == use for pair in of(report)]
        return [value for value, probes in found
                if value is not None and place in (figures.ALL, figures.placement(probes, self.boundary))]

    def _best(self, values):
        return figures.quartiles(values)[0] if values else None

    def row(self, key, use, place, size):
        """A transfer of this size in µs."""
        return self._best(self._values(use, place, lambda report: [
            (row[key], row["probe_ns"]) for row in report["rows"] if row["size"] == size]))

    def primitive(self, key, place):
        return self._best(self._values("", place, lambda report: [
            (report["primitives"][key], (report["ping_pong_ns"], report["ping_pong_after_ns"]))]
            if report.get("primitives") else []))

    def ping_pong(self, place):
        """Half a round trip of a cache line in ns, a line per direction."""
        return self._best(self._values("", place, lambda report: [
            (report[key], [report[key]] * 2) for key in ("ping_pong_ns", "ping_pong_after_ns")]))

    def start_ms(self, processes):
        found = [report["primitives"]["starts_ms"].get(str(processes)) for report in self.said
                 if report.get("primitives")]
        return self._best([value for value in found if value])

    def copy(self, use, place, size):
        """The fastest transfer of this size in µs, by the receiver or by both cores."""
        ways = [self.row(key, use, place, size) for key in ("mapped_one_us", "mapped_both_us")]
        return min((way for way in ways if way), default=None)

    def at(self, limit, size, place, ranks=2):
        """The limit that a column names, in its unit; None where it was not measured."""
        name, _, use = limit.partition("_")
        if name == "message":
            lines = [ns for ns in (self.ping_pong(place), self.primitive("shared_line_ns", place)) if ns]
            return min(lines) / 1e3 if size <= 8 and lines else self.copy(use, place, size)
        if name in ("stream1", "stream2"):
            return self._stream(int(name[-1]), use, place, size)
        if name == "lines":
            rate = self._stream(1, "", place, size)
            return rate * 1e6 / size if rate else None
        if name == "yield":
            return self.primitive("yield_us", figures.ALL)
        if name == "start":
            both = (self.start_ms(1), self.start_ms(ranks))
            return sum(both) if all(both) else None
        raise ValueError(f"no limit is called {limit}")

    def _stream(self, ways, use, place, size):
        """MB/s of copies that follow each other; small ones go in lines without a copy."""
        one, both = (self.row(key, use, place, size) for key in ("mapped_one_us", "mapped_both_us"))
        line = self.primitive("stream_line_ns", place)
        rates = [ways * size / one if one else 0, size / both if both else 0,
                 ways * size / (-(-size // LINE) * line / 1e3) if line and size <= 4096 else 0]
        return max(rates) or None

    def table(self):
        """The figures that stand for themselves, by placement."""
        places = [place for place in (figures.NEAR, figures.FAR) if self.ping_pong(place)] or [figures.ALL]
        return {place: {
            "cache line, a line per direction, half round trip (ns)": self.ping_pong(place),
            "cache line, one line both ways, half round trip (ns)": self.primitive("shared_line_ns", place),
            "lines one way, each (ns)": self.primitive("stream_line_ns", place),
            "woken by a futex on the other core, half round trip (µs)": self.primitive("futex_wake_us", place),
            "one core handed over by sched_yield, half round trip (µs)": self.primitive("yield_us", place),
            "fork and exec of a process, start to end (ms)": self.start_ms(1),
            "the same of 16 at once (ms)": self.start_ms(16),
        } for place in places}

    def transfers(self, place):
        """Rows of all that was measured over size: by use, size, µs."""
        sizes = sorted({row["size"] for report in self.said for row in report["rows"]})
        uses = list(dict.fromkeys(report["use"] for report in self.said))
        return [{"use": use, "size": size, **{key: self.row(key, use, place, size)
                 for key in ("mapped_one_us", "mapped_both_us", "cma_us")}} for use in uses for size in sizes]


def median_load(loads):
    return statistics.median(loads) if loads else None
