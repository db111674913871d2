//! Which algorithm a collective takes, by the number of ranks and bytes.
//!
//! All ranks must choose the same one. So a choice depends only on what all of them know:
//! the number of ranks, the bytes of the message (equal, since signatures are), the elements
//! of a reduction, and whether the job has more ranks than processors. The setting
//! `collectives` may have other choices than the tables here, the same at every rank.

use crate::job;
use crate::lock::Local;
use crate::object::hosts::Hosts;
use crate::pml::bulletin;
use std::sync::OnceLock;
use wireup::algorithms::{OPERATIONS, Rules};
use wireup::report::Rows;
use wireup::settings::short;

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

/// An operation with several algorithms, by its place in [`OPERATIONS`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(usize)]
#[allow(missing_docs, reason = "the names are the operations'")]
pub(super) enum Operation {
    Barrier,
    Bcast,
    Gather,
    Allgather,
    Alltoall,
    Reduce,
    Allreduce,
    ReduceScatter,
    Scan,
}

/// The rules of the job's settings.
fn rules() -> &'static Rules {
    static RULES: OnceLock<Rules> = OnceLock::new();
    RULES.get_or_init(|| {
        job::current().map_or_else(Rules::default, |job| job.settings.collectives.clone())
    })
}

/// Whether the settings have rules for an operation of so many ranks. Then it always takes
/// an algorithm that is chosen here, also where there would be a shorter way.
#[inline]
pub(super) fn is_ruled(operation: Operation, ranks: u32) -> bool {
    let rules = rules();
    !rules.is_empty() && rules.is_for(operation as usize, ranks)
}

/// The algorithm that a rule says; `all` are those of the operation, in the order of their
/// names in [`OPERATIONS`].
fn ruled<A: Copy>(operation: Operation, all: &[A], ranks: u32, bytes: usize) -> Option<A> {
    let rules = rules();
    if rules.is_empty() || SEVERAL_JOBS.with(|is| *is) {
        return None;
    }
    let at = rules.pick(operation as usize, ranks, bytes as u64)?;
    all.get(at).copied()
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

/// Makes choices for the ranks of one host, which know of each other whether they have more
/// ranks than processors.
pub(super) fn on_one_host<R>(f: impl FnOnce() -> R) -> R {
    let several = SEVERAL_JOBS.with(|is| std::mem::replace(is, false));
    let result = f();
    SEVERAL_JOBS.with(|is| *is = several);
    result
}

/// Whether the job has more ranks than processors. Then the algorithm with the fewest waits
/// is best.
fn oversubscribed() -> bool {
    job::is_oversubscribed() && !SEVERAL_JOBS.with(|is| *is)
}

/// How a collective over several hosts goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ByHost {
    /// By a leader of each host.
    Leaders,
    /// By several ranks of each host side by side.
    Lanes,
    /// As if all ranks were alike.
    Not,
}

/// Bytes that a leader sends to another, or collects, up to which it does so alone.
const LEADER_MOST: usize = 32 << 10;
/// As [`LEADER_MOST`], for reductions: what else there is takes more waits.
const LEADER_MOST_REDUCED: usize = 256 << 10;
/// What a leader has room for.
const LEADER_ROOM: usize = 1 << 20;
/// The least that a rank of several side by side sends.
pub(super) const LANE_LEAST: usize = 8 << 10;
/// Ranks up to which each sends to, and gets from, many at once.
const LANES_MOST_RANKS: u32 = 64;
/// Hosts up to which a reduction goes from host to host, whatever its length.
const CHAIN_HOSTS: usize = 8;

/// Gathers and scatters of equal parts of `bytes` each.
pub(super) fn gather_by_host(hosts: &Hosts, bytes: usize) -> ByHost {
    match bytes.saturating_mul(hosts.most() as usize) <= LEADER_MOST {
        true => ByHost::Leaders,
        false => ByHost::Not,
    }
}

/// Allgathers; `bytes` are those of all parts together.
pub(super) fn allgather_by_host(ranks: u32, bytes: usize) -> ByHost {
    match bytes {
        0..=LEADER_MOST => ByHost::Leaders,
        _ if ranks <= LANES_MOST_RANKS => ByHost::Lanes,
        _ => ByHost::Not,
    }
}

/// All-to-alls of equal parts of `bytes` each.
pub(super) fn alltoall_by_host(hosts: &Hosts, ranks: u32, bytes: usize) -> ByHost {
    let rows = hosts.most() as usize * ranks as usize;
    match bytes.saturating_mul(rows) <= LEADER_MOST {
        true => ByHost::Leaders,
        false => ByHost::Not,
    }
}

/// Reductions of `count` elements of `bytes` together.
pub(super) fn reduction_by_host(hosts: &Hosts, ranks: u32, bytes: usize, count: usize) -> ByHost {
    let all = |ranks: u32| bytes.saturating_mul(ranks as usize);
    let is_chain = hosts.count() <= CHAIN_HOSTS || count > 1 && bytes >= hosts.count() * SEGMENT;
    if all(hosts.most()) <= LEADER_MOST_REDUCED && all(ranks) <= LEADER_ROOM {
        ByHost::Leaders
    } else if hosts.is_in_order() && is_chain {
        ByHost::Lanes
    } else {
        ByHost::Not
    }
}

/// For barriers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Barrier {
    Dissemination,
    Central,
}

impl Barrier {
    /// In the order of their names in [`OPERATIONS`].
    const ALL: [Barrier; 2] = [Barrier::Dissemination, Barrier::Central];
}

pub(super) fn barrier(ranks: u32) -> Barrier {
    if let Some(algorithm) = ruled(Operation::Barrier, &Barrier::ALL, ranks, 0) {
        return algorithm;
    }
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

impl Bcast {
    /// In the order of their names in [`OPERATIONS`].
    const ALL: [Bcast; 4] = [
        Bcast::Flat,
        Bcast::Binomial,
        Bcast::ScatterAllgather,
        Bcast::Chain,
    ];
}

const BCAST: &[Line<Bcast>] = &[
    from(0, 0, Bcast::Binomial),
    from(3, 256 << 10, Bcast::ScatterAllgather),
    from(3, 2 << 20, Bcast::Chain),
];

/// Bytes that a chain passes on at a time.
pub(super) const SEGMENT: usize = 128 << 10;

pub(super) fn bcast(ranks: u32, bytes: usize) -> Bcast {
    if let Some(algorithm) = ruled(Operation::Bcast, &Bcast::ALL, ranks, bytes) {
        return algorithm;
    }
    if oversubscribed() && bytes <= 32 << 10 {
        return Bcast::Flat;
    }
    pick(BCAST, ranks, bytes)
}

/// The most bytes of a broadcast by a bulletin. Longer ones are copied straight from the
/// buffer of whoever has them, where memory is mapped.
const PUBLISHED_MOST: usize = 4 << 10;
/// Ranks that share processors from which on a copy for each of them, and a hand-over for each
/// copy, costs more than one copy that all of them read.
const PUBLISHED_LONG_RANKS: u32 = 9;

/// Whether a broadcast goes by a bulletin. Two ranks have a message.
pub(super) fn publishes_bcast(ranks: u32, bytes: usize) -> bool {
    let most = match oversubscribed() && ranks >= PUBLISHED_LONG_RANKS {
        true => bulletin::MOST,
        false => PUBLISHED_MOST,
    };
    ranks > 2 && bytes <= most
}

/// Bytes of a post that lie in its first cache line, beside its stamp.
const POST_LINE: usize = 56;

/// Whether an all-to-all is posted on boards, where each rank posts `bytes` for all ranks
/// together: one wait, but all read what is for one. In a single line that costs nothing.
pub(super) fn posts_alltoall(bytes: usize) -> bool {
    bytes <= POST_LINE || oversubscribed()
}

/// Whether an allreduce of `bytes` is posted on boards. Two ranks have a message each for what
/// takes more lines than one.
pub(super) fn posts_allreduce(ranks: u32, bytes: usize) -> bool {
    bytes <= POST_LINE || ranks > 2 || oversubscribed()
}

/// Whether an allreduce of `bytes` that is not posted is folded out of the buffers of all ranks,
/// where these can be mapped. Two ranks have a message each for what is shorter.
pub(super) fn maps_allreduce(ranks: u32, bytes: usize) -> bool {
    bytes > 1 << 10 || ranks > 2 || oversubscribed()
}

/// Whether an allgather is posted on boards, where each rank posts `bytes`. The lines of a post
/// come one after the other, those of a message together; two ranks have a message each.
pub(super) fn posts_allgather(ranks: u32, bytes: usize) -> bool {
    let lines = if ranks > 2 { 2 } else { 1 };
    bytes <= lines * POST_LINE || oversubscribed()
}

/// For gathers and scatters of equal parts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Gather {
    Linear,
    Binomial,
}

impl Gather {
    /// In the order of their names in [`OPERATIONS`].
    const ALL: [Gather; 2] = [Gather::Linear, Gather::Binomial];
}

const GATHER: &[Line<Gather>] = &[
    from(0, 0, Gather::Linear),
    from(16, 0, Gather::Binomial),
    from(16, 4 << 10, Gather::Linear),
];

/// `bytes` are those of one part.
pub(super) fn gather(ranks: u32, bytes: usize) -> Gather {
    if let Some(algorithm) = ruled(Operation::Gather, &Gather::ALL, ranks, bytes) {
        return algorithm;
    }
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

impl Allgather {
    /// In the order of their names in [`OPERATIONS`].
    const ALL: [Allgather; 3] = [Allgather::Direct, Allgather::Doubling, Allgather::Ring];
}

const ALLGATHER: &[Line<Allgather>] = &[
    from(0, 0, Allgather::Direct),
    from(5, 0, Allgather::Doubling),
    from(5, 256 << 10, Allgather::Ring),
];

/// `bytes` are those of all parts together.
pub(super) fn allgather(ranks: u32, bytes: usize) -> Allgather {
    if let Some(algorithm) = ruled(Operation::Allgather, &Allgather::ALL, ranks, bytes) {
        return algorithm;
    }
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

impl Alltoall {
    /// In the order of their names in [`OPERATIONS`].
    const ALL: [Alltoall; 2] = [Alltoall::Pairwise, Alltoall::Bruck];
}

const ALLTOALL: &[Line<Alltoall>] = &[
    from(0, 0, Alltoall::Pairwise),
    from(16, 0, Alltoall::Bruck),
    from(16, 512, Alltoall::Pairwise),
];

/// `bytes` are those of one part.
pub(super) fn alltoall(ranks: u32, bytes: usize) -> Alltoall {
    if let Some(algorithm) = ruled(Operation::Alltoall, &Alltoall::ALL, ranks, bytes) {
        return algorithm;
    }
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

impl Reduce {
    /// In the order of their names in [`OPERATIONS`].
    const ALL: [Reduce; 4] = [
        Reduce::Flat,
        Reduce::Gathered,
        Reduce::Pieces,
        Reduce::Chain,
    ];
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
    // Pieces are of one element at least.
    let ruled = ruled(Operation::Reduce, &Reduce::ALL, ranks, bytes);
    if let Some(algorithm) = ruled.filter(|a| *a != Reduce::Pieces || count >= ranks as usize) {
        return algorithm;
    }
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

impl Allreduce {
    /// In the order of their names in [`OPERATIONS`].
    const ALL: [Allreduce; 4] = [
        Allreduce::Central,
        Allreduce::Gathered,
        Allreduce::Pieces,
        Allreduce::Chain,
    ];
}

const ALLREDUCE: &[Line<Allreduce>] = &[
    from(0, 0, Allreduce::Gathered),
    from(2, 16 << 10, Allreduce::Pieces),
    from(3, 8 << 10, Allreduce::Pieces),
    from(16, 1 << 10, Allreduce::Pieces),
];

pub(super) fn allreduce(ranks: u32, bytes: usize, count: usize) -> Allreduce {
    // Pieces are of one element at least.
    let ruled = ruled(Operation::Allreduce, &Allreduce::ALL, ranks, bytes);
    if let Some(algorithm) = ruled.filter(|a| *a != Allreduce::Pieces || count >= ranks as usize) {
        return algorithm;
    }
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

impl ReduceScatter {
    /// In the order of their names in [`OPERATIONS`].
    const ALL: [ReduceScatter; 2] = [ReduceScatter::Allreduce, ReduceScatter::Pairwise];
}

const REDUCE_SCATTER: &[Line<ReduceScatter>] = &[
    from(0, 0, ReduceScatter::Pairwise),
    from(5, 0, ReduceScatter::Allreduce),
    from(5, 2 << 10, ReduceScatter::Pairwise),
];

/// `bytes` are those of all parts together.
pub(super) fn reduce_scatter(ranks: u32, bytes: usize) -> ReduceScatter {
    if let Some(algorithm) = ruled(Operation::ReduceScatter, &ReduceScatter::ALL, ranks, bytes) {
        return algorithm;
    }
    pick(REDUCE_SCATTER, ranks, bytes)
}

/// For prefix reductions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Scan {
    Chain,
    Gathered,
}

impl Scan {
    /// In the order of their names in [`OPERATIONS`].
    const ALL: [Scan; 2] = [Scan::Chain, Scan::Gathered];
}

const SCAN: &[Line<Scan>] = &[
    from(0, 0, Scan::Chain),
    from(4, 0, Scan::Gathered),
    from(4, 2 << 10, Scan::Chain),
];

pub(super) fn scan(ranks: u32, bytes: usize) -> Scan {
    if let Some(algorithm) = ruled(Operation::Scan, &Scan::ALL, ranks, bytes) {
        return algorithm;
    }
    if oversubscribed() && ranks <= 64 {
        return Scan::Chain;
    }
    pick(SCAN, ranks, bytes)
}

/// The algorithm of an operation by its name, of reductions for elements of 8 bytes.
fn name_of(operation: Operation, ranks: u32, bytes: usize) -> &'static str {
    fn place<A: PartialEq>(all: &[A], chosen: &A) -> usize {
        all.iter().position(|a| a == chosen).unwrap_or(0)
    }
    let count = bytes / 8;
    let at = match operation {
        Operation::Barrier => place(&Barrier::ALL, &barrier(ranks)),
        Operation::Bcast => place(&Bcast::ALL, &bcast(ranks, bytes)),
        Operation::Gather => place(&Gather::ALL, &gather(ranks, bytes)),
        Operation::Allgather => place(&Allgather::ALL, &allgather(ranks, bytes)),
        Operation::Alltoall => place(&Alltoall::ALL, &alltoall(ranks, bytes)),
        Operation::Reduce => place(&Reduce::ALL, &reduce(ranks, bytes, count)),
        Operation::Allreduce => place(&Allreduce::ALL, &allreduce(ranks, bytes, count)),
        Operation::ReduceScatter => place(&ReduceScatter::ALL, &reduce_scatter(ranks, bytes)),
        Operation::Scan => place(&Scan::ALL, &scan(ranks, bytes)),
    };
    OPERATIONS[operation as usize].1[at]
}

/// Every operation.
const ALL_OPERATIONS: [Operation; OPERATIONS.len()] = [
    Operation::Barrier,
    Operation::Bcast,
    Operation::Gather,
    Operation::Allgather,
    Operation::Alltoall,
    Operation::Reduce,
    Operation::Allreduce,
    Operation::ReduceScatter,
    Operation::Scan,
];

/// A table of what is chosen for so many ranks: a row for each operation and number of bytes
/// at which another algorithm begins.
pub(super) fn table(ranks: u32) -> Rows {
    let mut rows = Rows::new(&["collective", "from", "algorithm", "why"]);
    for operation in ALL_OPERATIONS {
        let name = OPERATIONS[operation as usize].0;
        let ruled = rules().borders(operation as usize);
        let borders = ruled.filter_map(|bytes| usize::try_from(bytes).ok());
        let powers = (3..31).map(|shift| 1 << shift);
        let mut sizes: Vec<usize> = borders.chain(powers).chain([0]).collect();
        sizes.sort_unstable();
        let mut last = None;
        for bytes in sizes {
            let why = match rules().pick(operation as usize, ranks, bytes as u64) {
                Some(_) => "setting",
                None => "built in",
            };
            let now = (name_of(operation, ranks, bytes), why);
            if last != Some(now) {
                let from = match operation {
                    Operation::Barrier => String::new(),
                    _ => short(bytes as u64),
                };
                rows.add([name, &from, now.0, now.1]);
                last = Some(now);
            }
            if operation == Operation::Barrier {
                break;
            }
        }
    }
    rows
}
