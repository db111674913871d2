"""What the user asked for, checked: sizes, benchmarks, numbers of ranks, peers."""

import argparse
import dataclasses
import os
import pathlib
import re

import catalogue
import peers

ROOT = pathlib.Path(__file__).resolve().parent.parent
UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
LARGEST = 1 << 30


class Mistake(Exception):
    """A value that cannot be used; the text names it and says what would be right."""


def size(text):
    """Bytes, from a number with K, M or G."""
    found = re.fullmatch(r"(\d{1,12})([KMG]?)", text.strip(), re.IGNORECASE)
    value = int(found[1]) * UNITS[found[2].upper()] if found else 0
    if not 1 <= value <= LARGEST:
        raise Mistake(f"SIZES: '{text}' is not a size from 1 to 1G; 8, 64K and 1M are, and 64K-1M is a range")
    return value


def sizes(text):
    """A sorted tuple of bytes, from sizes and ranges of powers of two: 8,64K-1M."""
    found = set()
    for part in text.split(","):
        low, dash, high = part.partition("-")
        if not dash:
            found.add(size(part))
            continue
        first, last = size(low), size(high)
        if first > last:
            raise Mistake(f"SIZES: '{part}': the first size is above the last")
        while first <= last:
            found.add(first)
            first *= 2
    return tuple(sorted(found))


def whole_number(name, text, least, most):
    if not re.fullmatch(r"\d{1,9}", text.strip()) or not least <= int(text) <= most:
        raise Mistake(f"{name}: '{text}' is not a whole number from {least} to {most}")
    return int(text)


def rank_counts(text):
    return tuple(sorted({whole_number("RANKS", part, 2, 1024) for part in text.split(",")}))


def benchmarks(text):
    """The named benchmarks, in the catalogue's order."""
    chosen = set()
    for name in (part.strip() for part in text.split(",")):
        of_group = [b.name for b in catalogue.BENCHMARKS.values() if b.group == name]
        if name == "all":
            chosen.update(catalogue.BENCHMARKS)
        elif of_group:
            chosen.update(of_group)
        elif name in catalogue.BENCHMARKS:
            chosen.add(name)
        else:
            raise Mistake(f"BENCH: there is no benchmark '{name}'; there are the groups "
                          f"{', '.join(catalogue.GROUPS)} and the benchmarks {', '.join(catalogue.BENCHMARKS)}")
    return [b for b in catalogue.BENCHMARKS.values() if b.name in chosen]


def selection(options):
    """The benchmarks to run, with the sizes and ranks that were asked for."""
    if options.bench:
        chosen = benchmarks(options.bench)
    else:
        chosen = [b for b in catalogue.BENCHMARKS.values() if b.short or not options.short]
    if options.short:
        chosen = [dataclasses.replace(b, sizes=catalogue.SHORT_SIZES.get(b.sizes, b.sizes)) for b in chosen]
    if options.sizes:
        wanted = sizes(options.sizes)
        chosen = [dataclasses.replace(b, sizes=wanted) if b.sizes else b for b in chosen]
    if options.ranks:
        counts = rank_counts(options.ranks)
        chosen = [_with_ranks(b, counts, bool(options.bench)) for b in chosen]
        chosen = [b for b in chosen if b.ranks]
        if not chosen:
            raise Mistake(f"RANKS: '{options.ranks}': every benchmark that BENCH names runs on two ranks only")
    return chosen


def _with_ranks(benchmark, counts, named):
    """A benchmark of pairs keeps its two ranks; the others take the numbers given."""
    if benchmark.ranks_vary:
        return dataclasses.replace(benchmark, ranks=counts)
    return benchmark if 2 in counts or named else dataclasses.replace(benchmark, ranks=())


def read(words=None):
    parser = argparse.ArgumentParser(prog="bench", description=__doc__.split(":")[0], epilog=(
        "Without --bench: all of them. make bench BENCH=… SIZES=… ROUNDS=… RANKS=… PEERS=… OUT=… SHORT=1 "
        "passes these on."))
    parser.add_argument("--lariat", type=pathlib.Path, default=ROOT / "build", metavar="PREFIX",
                        help="the tree to measure (build)")
    parser.add_argument("--peers", default="", metavar="A,B", help=peers.HELP)
    parser.add_argument("--bench", default="", metavar="A,B",
                        help=f"groups ({', '.join(catalogue.GROUPS)}) or names of benchmarks")
    parser.add_argument("--sizes", default="", metavar="8,64K-1M", help="sizes in bytes; a range doubles")
    parser.add_argument("--ranks", default="", metavar="2,8", help="for the benchmarks that take any number")
    parser.add_argument("--rounds", default="", metavar="N", help="runs of each benchmark with each MPI (as many as there is time for)")
    parser.add_argument("--minutes", default="", metavar="N", help="no run begins after that (26; short: 2)")
    parser.add_argument("--short", action="store_true", help="a choice of benchmarks, in three minutes")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "build" / "bench", metavar="FOLDER",
                        help="where report.txt, report.json and report.html go (build/bench)")
    parser.add_argument("--programs", type=pathlib.Path, metavar="FOLDER",
                        help="where the benchmarks are built (in the folder of --out)")
    parser.add_argument("--floor", type=pathlib.Path, help="the floor program; built with cargo if not given")
    parser.add_argument("--from", dest="previous", type=pathlib.Path, metavar="report.json",
                        help="measure nothing: write text and page of an earlier run anew")
    options = parser.parse_args(words)
    options.selection = selection(options)
    options.rounds = whole_number("ROUNDS", options.rounds, 1, 10000) if options.rounds else None
    options.minutes = whole_number("MINUTES", options.minutes or ("2" if options.short else "26"), 1, 100000)
    options.peers = peers.wanted(options.peers)
    options.programs = options.programs or options.out / "programs"
    options.cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "lariat" / "bench"
    return options
