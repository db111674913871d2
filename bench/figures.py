"""From samples to figures: placements, quartiles, ratios, limits.

A virtual machine's cores move: a cache line takes one time between them for some
seconds, and a multiple of it for the next. Every sample lies between two probes of
that time. If the probes of the whole report fall into two groups, samples are compared
within a group, a placement; those between which the cores moved belong to neither.

Others who use the machine make a sample slower and never faster. So the figure of an
MPI at a placement is the best quartile of its samples: the lower one of times, the upper
one of rates. The quartiles on both sides of the median are shown as its noise.
"""

import math
import statistics
from dataclasses import dataclass

# Two placements are told apart if their times differ by this factor and either has this
# share of the probes.
APART = 1.6
SHARE = 0.02
# The fewest samples of an MPI at a size that make a figure.
LEAST = 3
NEAR, FAR, MOVED, ALL = "near", "far", "moved", "all"


def quartiles(values):
    """Lower quartile, median, upper quartile."""
    if len(values) == 1:
        return (values[0],) * 3
    return tuple(statistics.quantiles(values, n=4, method="inclusive"))


def boundary(probes):
    """The probe in ns that separates near from far, or None where there is one group:
    the split of the logarithms with the least variance within its parts."""
    logs = sorted(math.log(probe) for probe in probes if probe and probe > 0)
    count, total = len(logs), sum(logs)
    best, where, below = 0.0, None, 0.0
    for i in range(1, count):
        below += logs[i - 1]
        if logs[i] == logs[i - 1] or min(i, count - i) < max(1, SHARE * count):
            continue
        apart = (total - below) / (count - i) - below / i
        between = i * (count - i) * apart * apart
        if between > best and apart >= math.log(APART):
            best, where = between, math.exp((logs[i] + logs[i - 1]) / 2)
    return where


def placement(probes, limit):
    """Of a sample with these probes before and after it."""
    if limit is None or not probes or not all(probes):
        return ALL
    sides = {NEAR if probe <= limit else FAR for probe in probes}
    return sides.pop() if len(sides) == 1 else MOVED


@dataclass
class Figure:
    """What is said of one MPI at one size: its best quartile, and its noise."""
    value: float
    quartiles: tuple
    count: int

    def json(self):
        return [self.value, *self.quartiles, self.count]


def figure(values, more_is_better):
    low, middle, high = quartiles(values)
    return Figure(high if more_is_better else low, (low, middle, high), len(values))


def time_ratio(ours, theirs, more_is_better):
    """How many times as long we take: below 1 we are faster."""
    if not ours or not theirs:
        return None
    return theirs / ours if more_is_better else ours / theirs


def best_of(figures, more_is_better):
    """The name of the best."""
    return (max if more_is_better else min)(figures, key=lambda name: figures[name].value)


def geometric_mean(values):
    return math.exp(sum(map(math.log, values)) / len(values)) if values else None


class Samples:
    """The samples of one job, by size, placement and MPI."""

    def __init__(self, samples, limit):
        self.samples = [dict(s, placement=placement(s["probes"], limit)) for s in samples]
        self.sizes = sorted({s["size"] for s in samples})
        self.mpis = list(dict.fromkeys(s["mpi"] for s in samples))

    def values(self, key, size, place, mpi):
        return [s["values"][key] for s in self.samples
                if s["mpi"] == mpi and s["size"] == size and key in s["values"]
                and (place == ALL or s["placement"] == place)]

    def count(self, place):
        """Samples of whoever has fewest, at the size where there are fewest."""
        counts = {}
        for s in self.samples:
            if place in (ALL, s["placement"]):
                at = (s["mpi"], s["size"])
                counts[at] = counts.get(at, 0) + 1
        return min((counts.get((mpi, size), 0) for mpi in self.mpis for size in self.sizes), default=0)

    def placements(self):
        """Those with enough samples of every MPI, the one that is compared first, and all
        together. Near goes before far, so that reports of different runs tell of the same."""
        return [place for place in (NEAR, FAR) if self.count(place) >= LEAST] + [ALL]

    def round_ratios(self, key, size, place, ours, theirs, more_is_better):
        """Our ratio to a peer in each round that has both."""
        rounds = {}
        for s in self.samples:
            if s["size"] == size and key in s["values"] and place in (ALL, s["placement"]):
                rounds.setdefault(s["round"], {}).setdefault(s["mpi"], []).append(s["values"][key])
        pairs = [(r[ours], r[theirs]) for r in rounds.values() if ours in r and theirs in r]
        ratios = [time_ratio(statistics.median(a), statistics.median(b), more_is_better) for a, b in pairs]
        return [ratio for ratio in ratios if ratio]


def rows_of(samples, column, place, limit_at, subject="lariat"):
    """A row for each size: figures by MPI, and our ratio to the best peer."""
    rows = []
    for size in samples.sizes:
        figures = {mpi: figure(values, column["more_is_better"]) for mpi in samples.mpis
                   if (values := samples.values(column["key"], size, place, mpi))}
        row = {"size": size, "figures": {mpi: f.json() for mpi, f in figures.items()},
               "limit": limit_at(column["limit"], size, place) if column["limit"] else None}
        peers = {mpi: f for mpi, f in figures.items() if mpi != subject}
        if subject in figures and peers and column["unit"] != "%":
            best = best_of(peers, column["more_is_better"])
            ours = figures[subject].value
            row["best_peer"] = best
            row["ratio"] = time_ratio(ours, peers[best].value, column["more_is_better"])
            spread = samples.round_ratios(column["key"], size, place, subject, best, column["more_is_better"])
            row["ratio_quartiles"] = list(quartiles(spread)) if len(spread) >= LEAST else None
        rows.append(row)
    return rows


def summary_of(rows):
    """The geometric mean of the ratios and the worst size."""
    ratios = [(row["ratio"], row["size"], row["best_peer"]) for row in rows if row.get("ratio")]
    if not ratios:
        return None
    worst = max(ratios)
    return {"geometric_mean": geometric_mean([ratio for ratio, _, _ in ratios]), "worst": worst[0],
            "worst_size": worst[1], "worst_peer": worst[2], "sizes": len(ratios)}
