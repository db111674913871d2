"""What can be measured: the benchmarks, their groups, and what each takes and gives."""

from dataclasses import dataclass, field

KIB, MIB = 1 << 10, 1 << 20


@dataclass(frozen=True)
class Column:
    """One figure of a benchmark, a plot of its own."""
    key: str            # in the program's JSON
    title: str
    unit: str
    more_is_better: bool = False
    limit: str = ""     # which of the machine's limits it is held against (limits.py)


@dataclass(frozen=True)
class Benchmark:
    """A program of examples/osu/c with its arguments."""
    name: str
    program: str        # without osu_
    title: str
    group: str
    columns: tuple
    sizes: tuple = ()   # empty: the program has none
    ranks: tuple = (2,)
    arguments: tuple = ()
    seconds: float = 0.004      # for one size of one sample
    samples: int = 2            # of every size in a run
    one_core: bool = False      # all ranks on the first core
    whole: bool = False         # the whole mpirun is timed, from outside
    short: bool = False         # part of the short form
    ranks_vary: bool = field(default=False)  # RANKS applies


LATENCY = (
    Column("latency_us", "left alone", "µs", limit="message"),
    Column("rewritten_us", "rewritten by the sender", "µs", limit="message_dirty"),
    Column("read_us", "rewritten and read", "µs", limit="message_read"),
)


def bandwidth(ways):
    """The columns of bw and bibw; the limit is a copy by both cores."""
    return (
        Column("mb_per_s", "left alone", "MB/s", True, f"stream{ways}"),
        Column("rewritten_mb_per_s", "rewritten by the sender", "MB/s", True, f"stream{ways}_dirty"),
        Column("read_mb_per_s", "rewritten and read", "MB/s", True),
    )


RATE = (Column("messages_per_s", "", "messages/s", True, "lines"),)
ONE = (Column("latency_us", "", "µs"),)
COLLECTIVE = (
    Column("latency_us", "a barrier between calls", "µs"),
    Column("back_to_back_us", "calls back to back", "µs"),
    Column("rewritten_us", "rewritten before each call", "µs"),
    Column("read_us", "rewritten and read", "µs"),
)
OVERLAP = (
    Column("overall_us", "with as much computing", "µs"),
    Column("pure_us", "communication alone", "µs"),
    Column("overlap_percent", "overlap", "%", True),
)

LATENCY_SIZES = (1, 8, 64, 256, KIB, 2 * KIB, 4 * KIB, 16 * KIB, 64 * KIB, 256 * KIB, MIB, 4 * MIB)
BANDWIDTH_SIZES = (8, 64, 512, 4 * KIB, 64 * KIB, MIB, 4 * MIB)
RATE_SIZES = (1, 8, 16, 32, 64, 128, 256, KIB)
COLLECTIVE_SIZES = (8, 64, 512, 4 * KIB, 16 * KIB, 64 * KIB, 256 * KIB, MIB, 4 * MIB)
OVERLAP_SIZES = (8, 4 * KIB, 64 * KIB, MIB)
CROWDED_SIZES = (8, 4 * KIB, 64 * KIB)

GROUPS = {
    "pt2pt": "Point to point, two ranks on two cores",
    "collectives": "Collectives, two ranks on two cores",
    "neighbors": "Neighbourhoods and persistent collectives",
    "overlap": "Nonblocking collectives",
    "onesided": "One-sided and partitioned",
    "crowded": "More ranks than cores",
    "start": "Starting and ending",
}

SHORT_SIZES = {
    LATENCY_SIZES: (8, 64, KIB, 4 * KIB, 16 * KIB, 64 * KIB, MIB),
    BANDWIDTH_SIZES: (8, 4 * KIB, 64 * KIB, MIB),
    RATE_SIZES: (8, 64),
    COLLECTIVE_SIZES: (8, 4 * KIB, 64 * KIB, MIB),
}


def _pt2pt():
    group = "pt2pt"
    patterns = ("--patterns",)
    yield Benchmark("latency", "latency", "Latency", group, LATENCY, LATENCY_SIZES, arguments=patterns,
                    seconds=0.008, short=True)
    yield Benchmark("bw", "bw", "Bandwidth, window of 64", group, bandwidth(1), BANDWIDTH_SIZES,
                    arguments=patterns, seconds=0.01, short=True)
    yield Benchmark("bibw", "bibw", "Bandwidth both ways, window of 64", group, bandwidth(2), BANDWIDTH_SIZES,
                    arguments=patterns, seconds=0.01)
    yield Benchmark("rate", "mbw_mr", "Message rate, window of 64", group, RATE, RATE_SIZES, short=True)
    yield Benchmark("mt_rate", "mbw_mr_mt", "Message rate of two threads per rank, on two communicators",
                    group, (Column("messages_per_s", "", "messages/s", True),), RATE_SIZES, seconds=0.01)
    yield Benchmark("mt_latency", "latency_mt", "Latency of one thread to two", group, ONE,
                    (8, 4 * KIB, 64 * KIB), seconds=0.01)
    yield Benchmark("vector", "latency_vector", "Latency of a vector of 8-byte blocks", group, ONE,
                    (8, 512, 4 * KIB, 64 * KIB, MIB))


COLLECTIVES = ("bcast", "reduce", "allreduce", "alltoall", "allgather", "gather", "scatter", "gatherv",
               "scatterv", "allgatherv", "alltoallv", "alltoallw", "reduce_scatter",
               "reduce_scatter_block", "scan", "exscan")


def _collectives():
    group = "collectives"
    yield Benchmark("barrier", "barrier", "Barrier", group, (Column("latency_us", "", "µs"),), samples=6,
                    short=True, ranks_vary=True)
    for name in COLLECTIVES:
        yield Benchmark(name, name, name.capitalize(), group, COLLECTIVE, COLLECTIVE_SIZES,
                        arguments=("--patterns",), seconds=0.008, ranks_vary=True,
                        short=name in ("allreduce", "bcast", "alltoall"))
    for name in ("neighbor_alltoall", "neighbor_allgather", "bcast_persistent", "allreduce_persistent"):
        yield Benchmark(name, name, name.capitalize().replace("_", ", "), "neighbors", COLLECTIVE,
                        OVERLAP_SIZES, arguments=("--patterns",), seconds=0.008, ranks_vary=True)
    for name in ("ibcast", "iallreduce", "iallgather", "ialltoall"):
        yield Benchmark(name, name, name.capitalize(), "overlap", OVERLAP, OVERLAP_SIZES, seconds=0.006,
                        ranks_vary=True)


def _one_sided():
    group = "onesided"
    sizes = (8, 4 * KIB, 64 * KIB, MIB)
    yield Benchmark("put", "put_latency", "Put and flush", group, ONE, sizes)
    yield Benchmark("get", "get_latency", "Get and flush", group, ONE, sizes)
    yield Benchmark("fop", "fop_latency", "Fetch_and_op and flush", group, ONE, samples=6)
    yield Benchmark("partitioned", "partitioned_latency", "Partitioned, 16 partitions", group, ONE,
                    (512, 4 * KIB, 64 * KIB, MIB))


def _crowded():
    group = "crowded"
    plain = (Column("latency_us", "", "µs"),)
    many = (8, 16)
    yield Benchmark("crowded_barrier", "barrier", "Barrier", group, plain, ranks=many, seconds=0.05,
                    samples=3, ranks_vary=True)
    for name in ("allreduce", "bcast", "alltoall"):
        yield Benchmark(f"crowded_{name}", name, name.capitalize(), group, plain, CROWDED_SIZES, ranks=many,
                        seconds=0.05, samples=1, ranks_vary=True)
    yield Benchmark("crowded_latency", "multi_lat", "Latency of pairs", group, plain, CROWDED_SIZES,
                    ranks=many, seconds=0.05, samples=1, ranks_vary=True)
    yield Benchmark("one_core", "latency", "Latency of two ranks on one core", group,
                    (Column("latency_us", "", "µs", limit="yield"),), (8, 4 * KIB, 64 * KIB), seconds=0.05,
                    samples=2, one_core=True)


def _start():
    yield Benchmark("hello", "hello", "From start to end of a program that says nothing", "start",
                    (Column("whole_ms", "", "ms", limit="start"),), ranks=(2, 16), whole=True, short=True,
                    ranks_vary=True)


BENCHMARKS = {b.name: b for part in (_pt2pt, _collectives, _one_sided, _crowded, _start) for b in part()}
