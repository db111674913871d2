//! Which algorithm a collective takes, by the number of ranks and bytes.
//!
//! All ranks must choose the same one. So a choice depends only on what all of them know:
//! the number of ranks, the bytes of the message (equal, since signatures are), the elements
//! of a reduction, and whether the job has more ranks than processors.

use crate::job;
use crate::lock::Local;

/// A line of a table: the algorithm for at least so many ranks and bytes. The last
/// line that fits counts.
struct Line<A> {
    ranks: u32,
    bytes: usize,
    algorithm: A,
}

const fn from<A>(ranks: u32, bytes: usize, algorithm: A) -> Line<A> {
    Line {
        ranks,
        bytes,
        algorithm,
    }
}

fn pick<A: Copy>(table: &[Line<A>], ranks: u32, bytes: usize) -> A {
    let fits = |line: &&Line<A>| ranks >= line.ranks && bytes >= line.bytes;
    let first = &table[0];
    table.iter().rev().find(fits).unwrap_or(first).algorithm
}

/// Whether the choices that are made now are for members of several jobs.
static SEVERAL_JOBS: Local<bool> = Local::new(false);

/// Makes choices for a communicator with members of several jobs. These do not know of each
/// other whether they have more ranks than processors.
pub(super) fn for_several_jobs<R>(several: bool, f: impl FnOnce() -> R) -> R {
    SEVERAL_JOBS.with(|is| *is = several);
    let result = f();
    SEVERAL_JOBS.with(|is| *is = false);
    result
}

/// Whether the job has more ranks than processors. Then the algorithm with the fewest waits
/// is best.
fn oversubscribed() -> bool {
    job::is_oversubscribed() && !SEVERAL_JOBS.with(|is| *is)
}

/// For barriers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Barrier {
    Dissemination,
    Central,
}

pub(super) fn barrier(ranks: u32) -> Barrier {
    if oversubscribed() && ranks <= 64 {
        Barrier::Central
    } else {
        Barrier::Dissemination
    }
}

/// For broadcasts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Bcast {
    Flat,
    Binomial,
    ScatterAllgather,
    Chain,
}

const BCAST: &[Line<Bcast>] = &[
    from(0, 0, Bcast::Binomial),
    from(3, 256 << 10, Bcast::ScatterAllgather),
    from(3, 2 << 20, Bcast::Chain),
];

/// Bytes that a chain passes on at a time.
pub(super) const SEGMENT: usize = 128 << 10;

pub(super) fn bcast(ranks: u32, bytes: usize) -> Bcast {
    if oversubscribed() && bytes <= 32 << 10 {
        return Bcast::Flat;
    }
    pick(BCAST, ranks, bytes)
}

/// For gathers and scatters of equal parts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Gather {
    Linear,
    Binomial,
}

const GATHER: &[Line<Gather>] = &[
    from(0, 0, Gather::Linear),
    from(16, 0, Gather::Binomial),
    from(16, 4 << 10, Gather::Linear),
];

/// `bytes` are those of one part.
pub(super) fn gather(ranks: u32, bytes: usize) -> Gather {
    pick(GATHER, ranks, bytes)
}

/// For allgathers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Allgather {
    Direct,
    /// Bruck's where the ranks are no power of two, or the parts not equal.
    Doubling,
    Ring,
}

const ALLGATHER: &[Line<Allgather>] = &[
    from(0, 0, Allgather::Direct),
    from(5, 0, Allgather::Doubling),
    from(5, 256 << 10, Allgather::Ring),
];

/// `bytes` are those of all parts together.
pub(super) fn allgather(ranks: u32, bytes: usize) -> Allgather {
    if oversubscribed() && ranks <= 16 && bytes <= 256 << 10 {
        return Allgather::Direct;
    }
    pick(ALLGATHER, ranks, bytes)
}

/// For all-to-alls of equal parts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Alltoall {
    Pairwise,
    Bruck,
}

const ALLTOALL: &[Line<Alltoall>] = &[
    from(0, 0, Alltoall::Pairwise),
    from(16, 0, Alltoall::Bruck),
    from(16, 512, Alltoall::Pairwise),
];

/// `bytes` are those of one part.
pub(super) fn alltoall(ranks: u32, bytes: usize) -> Alltoall {
    pick(ALLTOALL, ranks, bytes)
}

/// For reductions to one rank.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Reduce {
    Flat,
    Gathered,
    Pieces,
    Chain,
}

const REDUCE: &[Line<Reduce>] = &[
    from(0, 0, Reduce::Gathered),
    from(2, 64 << 10, Reduce::Pieces),
    from(3, 8 << 10, Reduce::Pieces),
];

/// What a rank that gathers all contributions has room for, in bytes.
const GATHERED_MOST: usize = 1 << 20;

/// Whether `count` elements of `bytes` together are too few to be cut into pieces, and too
/// long to be gathered.
fn passes_on(ranks: u32, bytes: usize, count: usize) -> bool {
    count < ranks as usize && bytes.saturating_mul(ranks as usize) > GATHERED_MOST
}

/// Bytes for each rank up to which ranks that share processors let one of them reduce.
const ONE_REDUCES: usize = 16 << 10;

/// Whether one rank best reduces alone, since ranks wait least then.
fn one_reduces(ranks: u32, bytes: usize) -> bool {
    oversubscribed() && ranks > 2 && bytes < ranks as usize * ONE_REDUCES
}

/// Pieces go between every two ranks, so each pair opens a ring. With more than so many ranks,
/// a piece has at least so many bytes.
const MANY: u32 = 16;
const PIECE_LEAST: usize = 256;

fn is_cut_small(ranks: u32, bytes: usize) -> bool {
    ranks > MANY && bytes < ranks as usize * PIECE_LEAST
}

pub(super) fn reduce(ranks: u32, bytes: usize, count: usize) -> Reduce {
    if bytes <= 2048 && ranks <= 2 || one_reduces(ranks, bytes) {
        return Reduce::Flat;
    }
    match pick(REDUCE, ranks, bytes) {
        _ if passes_on(ranks, bytes, count) => Reduce::Chain,
        Reduce::Pieces if count < ranks as usize => Reduce::Gathered,
        Reduce::Pieces if is_cut_small(ranks, bytes) => Reduce::Flat,
        other => other,
    }
}

/// For reductions to all ranks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Allreduce {
    Central,
    Gathered,
    Pieces,
    Chain,
}

const ALLREDUCE: &[Line<Allreduce>] = &[
    from(0, 0, Allreduce::Gathered),
    from(2, 16 << 10, Allreduce::Pieces),
    from(3, 8 << 10, Allreduce::Pieces),
    from(16, 1 << 10, Allreduce::Pieces),
];

pub(super) fn allreduce(ranks: u32, bytes: usize, count: usize) -> Allreduce {
    if one_reduces(ranks, bytes) {
        return Allreduce::Central;
    }
    match pick(ALLREDUCE, ranks, bytes) {
        _ if passes_on(ranks, bytes, count) => Allreduce::Chain,
        Allreduce::Pieces if count < ranks as usize => Allreduce::Gathered,
        Allreduce::Pieces if is_cut_small(ranks, bytes) => Allreduce::Central,
        other => other,
    }
}

/// For reduce-scatters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ReduceScatter {
    /// An allreduce of everything, of which each rank keeps its part.
    Allreduce,
    Pairwise,
}

const REDUCE_SCATTER: &[Line<ReduceScatter>] = &[
    from(0, 0, ReduceScatter::Pairwise),
    from(5, 0, ReduceScatter::Allreduce),
    from(5, 2 << 10, ReduceScatter::Pairwise),
];

/// `bytes` are those of all parts together.
pub(super) fn reduce_scatter(ranks: u32, bytes: usize) -> ReduceScatter {
    pick(REDUCE_SCATTER, ranks, bytes)
}

/// For prefix reductions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Scan {
    Chain,
    Gathered,
}

const SCAN: &[Line<Scan>] = &[
    from(0, 0, Scan::Chain),
    from(4, 0, Scan::Gathered),
    from(4, 2 << 10, Scan::Chain),
];

pub(super) fn scan(ranks: u32, bytes: usize) -> Scan {
    if oversubscribed() && ranks <= 64 {
        return Scan::Chain;
    }
    pick(SCAN, ranks, bytes)
}
