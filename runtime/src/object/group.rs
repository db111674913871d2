//! Groups: ordered sets of processes (MPI 5.0, section 7.3).

use crate::error::Result;
use crate::fail;
use crate::handle::{Kind, Raw, Table};
use crate::lock::Local;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// `MPI_GROUP_NULL`.
pub const NULL: Raw = 0x108;
/// `MPI_GROUP_EMPTY`.
pub const EMPTY: Raw = 0x109;
/// `MPI_PROC_NULL`.
pub const PROC_NULL: i32 = -3;
/// `MPI_UNDEFINED`.
pub const UNDEFINED: i32 = -32766;

/// A process, independent of any communicator. Those of this job on this node have their
/// ranks there, which in a job of one node are those in `MPI_COMM_WORLD`; those on other
/// nodes follow ([`Nodes`]). Numbers from the job's size on stand for processes of other jobs,
/// as they are reached by one bridge ([`register`]). One that is reached by several has
/// several numbers, and is one process all the same ([`canonical`]).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct Proc(pub u32);

/// A process, as processes of all jobs know it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct Identity {
    /// The number of its job.
    pub job: u64,
    /// Its rank in the `MPI_COMM_WORLD` there.
    pub rank: u32,
}

/// An ordered set of processes. Immutable; a clone shares its memory.
#[derive(Clone, Debug)]
pub struct Group {
    procs: Members,
    /// The session that it was made from, by its handle: communicators made of it
    /// belong to that session.
    session: Option<Raw>,
}

/// Equal groups have the same processes in the same order.
impl PartialEq for Group {
    fn eq(&self, other: &Group) -> bool {
        self.procs == other.procs
    }
}

impl Eq for Group {}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Members {
    /// Processes `0..n`, in order: `MPI_COMM_WORLD` and its copies.
    Iota(u32),
    /// Any others.
    List(Arc<MemberList>),
}

#[derive(Debug)]
struct MemberList {
    /// By rank.
    procs: Vec<Proc>,
    /// Process, by its [`canonical`] number, and rank, by process.
    ranks: Vec<(Proc, u32)>,
}

impl PartialEq for MemberList {
    fn eq(&self, other: &MemberList) -> bool {
        self.ranks == other.ranks
    }
}

impl Eq for MemberList {}

/// How two groups or communicators compare.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(i32)]
pub enum Comparison {
    /// `MPI_IDENT`: the same processes in the same order; one object.
    Ident = 201,
    /// `MPI_CONGRUENT`: communicators of identical groups.
    Congruent = 202,
    /// `MPI_SIMILAR`: the same processes in another order.
    Similar = 203,
    /// `MPI_UNEQUAL`.
    Unequal = 204,
}

impl Group {
    /// The group of processes `0..n`, in order.
    #[must_use]
    pub fn world(n: u32) -> Group {
        Group {
            procs: Members::Iota(n),
            session: None,
        }
    }

    /// The group of `procs`, which must differ from one another.
    #[must_use]
    pub fn of(procs: Vec<Proc>) -> Group {
        let iota = procs.iter().zip(0u32..).all(|(p, rank)| p.0 == rank);
        let n = u32::try_from(procs.len()).expect("a job has fewer than 2³² ranks");
        // A number past the job's size means a process by one of its bridges, and is not
        // the only one of that process.
        if iota && here().is_none_or(|here| n <= here.1) {
            return Group::world(n);
        }
        let known = procs.iter().copied().map(canonical);
        let mut ranks: Vec<(Proc, u32)> = known.zip(0..n).collect();
        ranks.sort_unstable();
        Group {
            procs: Members::List(Arc::new(MemberList { procs, ranks })),
            session: None,
        }
    }

    /// The same, made from this session (by its handle).
    #[must_use]
    pub fn within(mut self, session: Option<Raw>) -> Group {
        self.session = session;
        self
    }

    /// The session that it was made from, by its handle.
    #[must_use]
    pub fn session(&self) -> Option<Raw> {
        self.session
    }

    /// Some of its processes, or some with others: made from the same session.
    fn derive(&self, procs: Vec<Proc>) -> Group {
        Group::of(procs).within(self.session)
    }

    /// The number of processes.
    #[inline]
    #[must_use]
    pub fn size(&self) -> u32 {
        match &self.procs {
            Members::Iota(n) => *n,
            Members::List(list) => u32::try_from(list.procs.len()).unwrap_or(u32::MAX),
        }
    }

    /// The process with this rank, if the group has one.
    #[inline]
    #[must_use]
    pub fn proc(&self, rank: u32) -> Option<Proc> {
        match &self.procs {
            Members::Iota(n) => (rank < *n).then_some(Proc(rank)),
            Members::List(list) => list.procs.get(rank as usize).copied(),
        }
    }

    /// The rank of a process in this group, if it is a member.
    #[inline]
    #[must_use]
    pub fn rank_of(&self, proc: Proc) -> Option<u32> {
        let proc = canonical(proc);
        match &self.procs {
            Members::Iota(n) => (proc.0 < *n).then_some(proc.0),
            Members::List(list) => {
                let ranks = &list.ranks;
                let at = ranks.binary_search_by_key(&proc, |entry| entry.0).ok()?;
                ranks.get(at).map(|entry| entry.1)
            }
        }
    }

    /// Whether `proc` is a member.
    #[must_use]
    pub fn has(&self, proc: Proc) -> bool {
        self.rank_of(proc).is_some()
    }

    /// Whether any member is a process of another job, or on another node: one that has
    /// no record in this job segment.
    #[must_use]
    pub fn has_foreign(&self) -> bool {
        let size = near();
        match &self.procs {
            Members::Iota(n) => *n > size,
            Members::List(list) => list.procs.iter().any(|proc| proc.0 >= size),
        }
    }

    /// The same processes, as this group reaches them. Others are left out.
    #[must_use]
    pub fn reaching(&self, group: &Group) -> Group {
        let ranks = group.iter().filter_map(|proc| self.rank_of(proc));
        let procs = ranks.filter_map(|rank| self.proc(rank)).collect();
        Group::of(procs).within(group.session)
    }

    /// Every process, by rank.
    pub fn iter(&self) -> impl Iterator<Item = Proc> + '_ {
        (0..self.size()).filter_map(|rank| self.proc(rank))
    }

    /// `MPI_Group_compare`.
    #[must_use]
    pub fn compare(&self, other: &Group) -> Comparison {
        if self == other {
            return Comparison::Ident;
        }
        if self.size() == other.size() && self.iter().all(|proc| other.has(proc)) {
            return Comparison::Similar;
        }
        Comparison::Unequal
    }

    /// `MPI_Group_union`: this group, then those of `other` that it lacks.
    #[must_use]
    pub fn union(&self, other: &Group) -> Group {
        let lacking = other.iter().filter(|proc| !self.has(*proc));
        self.derive(self.iter().chain(lacking).collect())
    }

    /// `MPI_Group_intersection`: those of this group that `other` has too.
    #[must_use]
    pub fn intersection(&self, other: &Group) -> Group {
        self.derive(self.iter().filter(|proc| other.has(*proc)).collect())
    }

    /// `MPI_Group_difference`: those of this group that `other` lacks.
    #[must_use]
    pub fn difference(&self, other: &Group) -> Group {
        self.derive(self.iter().filter(|proc| !other.has(*proc)).collect())
    }

    /// `MPI_Group_incl`: the processes with these ranks, in this order.
    ///
    /// # Errors
    /// A rank is not in the group, or comes twice.
    pub fn incl(&self, ranks: &[i32]) -> Result<Group> {
        self.marked(ranks)?;
        let ranks = ranks.iter().filter_map(|rank| u32::try_from(*rank).ok());
        Ok(self.derive(ranks.filter_map(|rank| self.proc(rank)).collect()))
    }

    /// `MPI_Group_excl`: the processes but for those with these ranks.
    ///
    /// # Errors
    /// A rank is not in the group, or comes twice.
    pub fn excl(&self, ranks: &[i32]) -> Result<Group> {
        let marked = self.marked(ranks)?;
        let kept = self.iter().zip(marked).filter(|entry| !entry.1);
        Ok(self.derive(kept.map(|entry| entry.0).collect()))
    }

    /// `MPI_Group_range_incl`: as [`Group::incl`] of the ranks that the triplets
    /// `first, last, stride` make.
    ///
    /// # Errors
    /// A stride is 0 or leads away from `last`, a rank is not in the group or
    /// comes twice.
    pub fn range_incl(&self, ranges: &[[i32; 3]]) -> Result<Group> {
        self.incl(&self.expand(ranges)?)
    }

    /// `MPI_Group_range_excl`: as [`Group::excl`] of the ranks that the triplets
    /// `first, last, stride` make.
    ///
    /// # Errors
    /// As [`Group::range_incl`].
    pub fn range_excl(&self, ranges: &[[i32; 3]]) -> Result<Group> {
        self.excl(&self.expand(ranges)?)
    }

    /// `MPI_Group_translate_ranks`: what the process with `rank` here has as its
    /// rank in `other`.
    ///
    /// # Errors
    /// This group has no such rank.
    pub fn translate(&self, rank: i32, other: &Group) -> Result<i32> {
        if rank == PROC_NULL {
            return Ok(PROC_NULL);
        }
        let Some(proc) = u32::try_from(rank).ok().and_then(|rank| self.proc(rank)) else {
            let size = self.size();
            fail!(RANK, "rank {rank} in a group of {size}");
        };
        let found = other
            .rank_of(proc)
            .and_then(|rank| i32::try_from(rank).ok());
        Ok(found.unwrap_or(UNDEFINED))
    }

    /// Which ranks of the group `ranks` names.
    fn marked(&self, ranks: &[i32]) -> Result<Vec<bool>> {
        let size = self.size();
        let mut marked = vec![false; size as usize];
        for (i, rank) in ranks.iter().enumerate() {
            let at = usize::try_from(*rank).ok();
            match at.and_then(|at| marked.get_mut(at)) {
                None => fail!(RANK, "ranks[{i}] is {rank} in a group of {size}"),
                Some(true) => fail!(RANK, "ranks[{i}] is {rank}, which came before"),
                Some(mark) => *mark = true,
            }
        }
        Ok(marked)
    }

    fn expand(&self, ranges: &[[i32; 3]]) -> Result<Vec<i32>> {
        let size = i64::from(self.size());
        let mut ranks = Vec::new();
        for (i, range) in ranges.iter().enumerate() {
            let [first, last, stride] = range.map(i64::from);
            if stride == 0 {
                fail!(ARG, "ranges[{i}] has stride 0");
            }
            if (last - first).signum() * stride.signum() < 0 {
                fail!(
                    ARG,
                    "ranges[{i}] goes from {first} to {last} with stride {stride}, \
                     which leads away from there"
                );
            }
            let end = first + (last - first) / stride * stride;
            for rank in [first, end] {
                if rank < 0 || rank >= size {
                    fail!(RANK, "ranges[{i}] has rank {rank} in a group of {size}");
                }
            }
            let steps = 0..=(last - first) / stride;
            ranks.extend(steps.filter_map(|n| i32::try_from(first + n * stride).ok()));
        }
        Ok(ranks)
    }
}

/// `rank + 1` in the high half and the job's size in the low one; 0: no job.
static HERE: AtomicU64 = AtomicU64::new(0);

/// Says which process this is, and of how many; called by `job` before a
/// communicator or session is made.
pub fn set_here(rank: u32, size: u32) {
    HERE.store(
        (u64::from(rank) + 1) << 32 | u64::from(size),
        Ordering::Relaxed,
    );
}

/// The number of this job; 0 before it is joined.
#[must_use]
pub fn job() -> u64 {
    JOB.load(Ordering::Relaxed)
}

/// Which process this is, and of how many; `None` before the job is joined.
#[must_use]
#[allow(clippy::cast_possible_truncation, reason = "two halves of one word")]
pub fn here() -> Option<(Proc, u32)> {
    let packed = HERE.load(Ordering::Relaxed);
    let rank = ((packed >> 32) as u32).checked_sub(1)?;
    Some((Proc(rank), packed as u32))
}

/// A process of another job.
#[derive(Clone, Copy, Debug)]
struct Foreign {
    identity: Identity,
    canonical: Proc,
    /// Its node in its job; `None`: its job has one host, this one.
    node: Option<u32>,
}

/// Processes of other jobs, by number from the job's size on.
static FOREIGN: Local<Vec<Foreign>> = Local::new(Vec::new());
/// The first number of each.
static KNOWN: Local<BTreeMap<Identity, Proc>> = Local::new(BTreeMap::new());
/// The number of this job.
static JOB: AtomicU64 = AtomicU64::new(0);

/// Sets the number of this job.
pub fn set_job(number: u64) {
    JOB.store(number, Ordering::Relaxed);
}

/// The number that the next process of another job gets.
#[must_use]
pub fn next_foreign() -> Proc {
    let size = here().map_or(0, |here| here.1);
    let known = FOREIGN.with(|known| u32::try_from(known.len()).unwrap_or(u32::MAX));
    Proc(size.saturating_add(known))
}

/// Numbers these processes, from [`next_foreign`] on, each with its node in its job if that has
/// several.
pub fn register(identities: impl IntoIterator<Item = (Identity, Option<u32>)>) {
    for (identity, node) in identities {
        let next = next_foreign();
        let canonical = match identity.job == JOB.load(Ordering::Relaxed) {
            true => proc_in_world(identity.rank),
            false => KNOWN.with(|known| *known.entry(identity).or_insert(next)),
        };
        FOREIGN.with(|all| {
            all.push(Foreign {
                identity,
                canonical,
                node,
            });
        });
    }
}

fn foreign(proc: Proc) -> Option<Foreign> {
    let at = proc.0.checked_sub(here()?.1)?;
    FOREIGN.with(|known| known.get(at as usize).copied())
}

/// The number by which processes are compared.
#[inline]
#[must_use]
pub fn canonical(proc: Proc) -> Proc {
    if here().is_none_or(|here| proc.0 < here.1) {
        return proc;
    }
    foreign(proc).map_or(proc, |foreign| foreign.canonical)
}

/// How processes of all jobs know this one.
#[must_use]
pub fn identity(proc: Proc) -> Identity {
    foreign(proc).map_or_else(
        || Identity {
            job: JOB.load(Ordering::Relaxed),
            rank: rank_in_world(proc),
        },
        |foreign| foreign.identity,
    )
}

/// A job of several nodes, as this process sees it.
#[derive(Debug)]
pub struct Nodes {
    /// By rank in `MPI_COMM_WORLD`.
    procs: Vec<Proc>,
    /// By process: its rank in `MPI_COMM_WORLD`, and its node.
    ranks: Vec<(u32, u32)>,
    /// The nodes' names.
    hosts: Vec<String>,
    /// How many processes are on this node.
    near: u32,
    /// Which node this is.
    node: u32,
}

impl Nodes {
    /// `ranks`: by rank in `MPI_COMM_WORLD`, the node and the rank there, which counts from
    /// 0 without gaps. `node`: which node this is.
    #[must_use]
    pub fn new(ranks: &[(u32, u32)], node: u32, hosts: Vec<String>) -> Nodes {
        let near = ranks.iter().filter(|rank| rank.0 == node).count();
        let near = u32::try_from(near).unwrap_or(u32::MAX);
        let mut next = near;
        let procs: Vec<Proc> = ranks
            .iter()
            .map(|(at, local)| match *at == node {
                true => Proc(*local),
                false => {
                    next += 1;
                    Proc(next - 1)
                }
            })
            .collect();
        let mut by_proc = vec![(0, 0); procs.len()];
        for ((proc, (node, _)), rank) in procs.iter().zip(ranks).zip(0..) {
            by_proc[proc.0 as usize] = (rank, *node);
        }
        Nodes {
            procs,
            ranks: by_proc,
            hosts,
            near,
            node,
        }
    }
}

/// The nodes, in a job that has several.
static NODES: OnceLock<Nodes> = OnceLock::new();

/// Says that the job has several nodes: once, before [`set_here`].
pub fn set_nodes(nodes: Nodes) {
    let _ = NODES.set(nodes); // a process is in one job
}

/// How many processes have a record in this job segment. All, before the job is joined.
fn near() -> u32 {
    match NODES.get() {
        Some(nodes) => nodes.near,
        None => here().map_or(u32::MAX, |here| here.1),
    }
}

/// The nodes of the job, and which of them this is.
#[must_use]
pub fn nodes() -> (u32, u32) {
    NODES.get().map_or((1, 0), |nodes| {
        (u32::try_from(nodes.hosts.len()).unwrap_or(1), nodes.node)
    })
}

/// The rank of a process of this job in `MPI_COMM_WORLD`.
#[must_use]
pub fn rank_in_world(proc: Proc) -> u32 {
    let nodes = NODES.get();
    let rank = nodes.and_then(|nodes| nodes.ranks.get(proc.0 as usize));
    rank.map_or(proc.0, |rank| rank.0)
}

/// The rank in `MPI_COMM_WORLD` of a process of this job that runs on another node.
#[must_use]
pub fn rank_on_another_node(proc: Proc) -> Option<u32> {
    let nodes = NODES.get()?;
    let (rank, node) = nodes.ranks.get(proc.0 as usize)?;
    (*node != nodes.node).then_some(*rank)
}

/// The process of this job with this rank in `MPI_COMM_WORLD`.
#[must_use]
pub fn proc_in_world(rank: u32) -> Proc {
    let nodes = NODES.get();
    let proc = nodes.and_then(|nodes| nodes.procs.get(rank as usize));
    proc.copied().unwrap_or(Proc(rank))
}

/// The job of a process, and its node there: those for which it is the same map a segment in
/// common.
#[must_use]
pub fn place_of(proc: Proc) -> (u64, u32) {
    let proc = canonical(proc);
    if let Some(foreign) = foreign(proc) {
        return (foreign.identity.job, foreign.node.unwrap_or(0));
    }
    let nodes = NODES.get();
    let rank = nodes.and_then(|nodes| nodes.ranks.get(proc.0 as usize));
    (job(), rank.map_or(0, |rank| rank.1))
}

/// The node of a process; `None` if it is of another job.
#[must_use]
pub fn node_in_job(proc: Proc) -> Option<u32> {
    let nodes = NODES.get()?;
    let rank = nodes.ranks.get(canonical(proc).0 as usize)?;
    Some(rank.1)
}

/// Whether a process is reached by the network alone: it is on another node of this job, or of a
/// job that has met this one over the network.
#[must_use]
pub fn is_on_other_node(proc: Proc) -> bool {
    let proc = canonical(proc);
    let is_far = || foreign(proc).is_some_and(|foreign| foreign.node.is_some());
    rank_on_another_node(proc).is_some() || is_far()
}

/// Whether this job has a network open, over which it meets other jobs: it was started for
/// several hosts.
#[must_use]
pub fn has_network() -> bool {
    NODES.get().is_some()
}

/// The rank of this process in `MPI_COMM_WORLD`; 0 before the job is joined.
#[must_use]
pub fn own_rank() -> u32 {
    here().map_or(0, |here| rank_in_world(here.0))
}

/// The group of `MPI_COMM_WORLD` in a job of `size` ranks.
#[must_use]
pub fn of_the_world(size: u32) -> Group {
    match NODES.get() {
        Some(nodes) => Group::of(nodes.procs.clone()),
        None => Group::world(size),
    }
}

/// What to call a process in a message.
#[must_use]
pub fn name(proc: Proc) -> String {
    if let Some(nodes) = NODES.get()
        && let Some((rank, node)) = nodes.ranks.get(proc.0 as usize)
    {
        return match (*node == nodes.node, nodes.hosts.get(*node as usize)) {
            (false, Some(host)) => format!("rank {rank} on host {host}"),
            _ => format!("rank {rank}"),
        };
    }
    match foreign(proc) {
        None => format!("rank {}", proc.0),
        Some(foreign) => format!("rank {} of another job", foreign.identity.rank),
    }
}

static TABLE: Local<Table<Group>> = Local::new(Table::new(Kind::Group));

/// Names a group; an empty one is `MPI_GROUP_EMPTY`.
///
/// # Errors
/// No more handles.
pub fn insert(group: Group) -> Result<Raw> {
    if group.size() == 0 {
        return Ok(EMPTY);
    }
    TABLE.with(|table| table.insert(group))
}

/// The group that `raw` names.
///
/// # Errors
/// `raw` is null, stale, or no group.
pub fn get(raw: Raw) -> Result<Group> {
    if raw == EMPTY {
        return Ok(Group::world(0));
    }
    match TABLE.with(|table| table.find(raw).cloned()) {
        Some(group) => Ok(group),
        None => unknown(raw),
    }
}

/// `MPI_Group_free`. Freeing `MPI_GROUP_EMPTY` has no effect, since calls that
/// make groups may return it.
///
/// # Errors
/// `raw` is null, stale, or no group.
pub fn free(raw: Raw) -> Result<()> {
    if raw == EMPTY {
        return Ok(());
    }
    match TABLE.with(|table| table.remove(raw)) {
        Some(_) => Ok(()),
        None => unknown(raw),
    }
}

#[cold]
fn unknown<R>(raw: Raw) -> Result<R> {
    match raw {
        NULL => fail!(GROUP, "group is MPI_GROUP_NULL"),
        _ => fail!(
            GROUP,
            "group {raw:#x} is not a handle of a group, or was freed"
        ),
    }
}

/// The whole handle that the low 32 bits of one name.
#[must_use]
pub fn from_low(low: u32) -> Option<Raw> {
    TABLE.with(|table| table.from_low(low))
}

/// How many there are that the program has a handle of.
#[must_use]
pub fn count() -> usize {
    TABLE.with(|table| table.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Class;

    /// The model: a group is a list.
    fn list(group: &Group) -> Vec<u32> {
        group.iter().map(|proc| proc.0).collect()
    }

    fn group(procs: &[u32]) -> Group {
        Group::of(procs.iter().copied().map(Proc).collect())
    }

    /// A small generator, so that failures repeat.
    struct Random(u64);

    impl Random {
        fn below(&mut self, n: u32) -> u32 {
            self.0 = self
                .0
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            u32::try_from((self.0 >> 33) % u64::from(n)).unwrap()
        }

        /// Some of 0..n in random order.
        fn some(&mut self, n: u32) -> Vec<u32> {
            let mut all: Vec<u32> = (0..n).collect();
            for i in (1..all.len()).rev() {
                all.swap(i, self.below(u32::try_from(i + 1).unwrap()) as usize);
            }
            all.truncate(self.below(n + 1) as usize);
            all
        }
    }

    #[test]
    fn like_lists_on_random_input() {
        let mut random = Random(7);
        for _ in 0..500 {
            let n = 1 + random.below(12);
            let (a, b) = (random.some(n), random.some(n));
            let (ga, gb) = (group(&a), group(&b));
            assert_eq!(list(&ga), a);
            let mut union = a.clone();
            union.extend(b.iter().filter(|p| !a.contains(p)));
            assert_eq!(list(&ga.union(&gb)), union);
            let both: Vec<u32> = a.iter().copied().filter(|p| b.contains(p)).collect();
            assert_eq!(list(&ga.intersection(&gb)), both);
            let only: Vec<u32> = a.iter().copied().filter(|p| !b.contains(p)).collect();
            assert_eq!(list(&ga.difference(&gb)), only);
            for (rank, proc) in a.iter().enumerate() {
                let want = b.iter().position(|p| p == proc);
                let want = want.map_or(UNDEFINED, |at| i32::try_from(at).unwrap());
                let rank = i32::try_from(rank).unwrap();
                assert_eq!(ga.translate(rank, &gb).unwrap(), want);
            }
            let (mut sa, mut sb) = (a.clone(), b.clone());
            sa.sort_unstable();
            sb.sort_unstable();
            let want = match (a == b, sa == sb) {
                (true, _) => Comparison::Ident,
                (_, true) => Comparison::Similar,
                _ => Comparison::Unequal,
            };
            assert_eq!(ga.compare(&gb), want);
            let ranks = random.some(ga.size().max(1));
            if ga.size() > 0 {
                let picked: Vec<u32> = ranks.iter().map(|r| a[*r as usize]).collect();
                let ranks: Vec<i32> = ranks.iter().map(|r| i32::try_from(*r).unwrap()).collect();
                assert_eq!(list(&ga.incl(&ranks).unwrap()), picked);
                let rest: Vec<u32> = a.into_iter().filter(|p| !picked.contains(p)).collect();
                assert_eq!(list(&ga.excl(&ranks).unwrap()), rest);
            }
        }
    }

    #[test]
    fn ranges_expand() {
        let ten = Group::world(10);
        let got = ten.range_incl(&[[6, 7, 1], [1, 6, 2], [9, 4, -5]]);
        assert_eq!(list(&got.unwrap()), [6, 7, 1, 3, 5, 9, 4]);
        let got = ten.range_excl(&[[6, 7, 1], [1, 6, 2], [9, 4, -5]]);
        assert_eq!(list(&got.unwrap()), [0, 2, 8]);
        assert_eq!(list(&ten.range_incl(&[[8, 10, 3]]).unwrap()), [8]);
        assert_eq!(list(&ten.range_incl(&[[3, 3, -7]]).unwrap()), [3]);
    }

    #[test]
    fn bad_ranks_are_named() {
        let four = Group::world(4);
        for (result, class, said) in [
            (four.incl(&[0, 4]), Class::RANK, "ranks[1] is 4"),
            (four.excl(&[1, 1]), Class::RANK, "came before"),
            (four.incl(&[-1]), Class::RANK, "ranks[0] is -1"),
            (four.range_incl(&[[0, 3, 0]]), Class::ARG, "stride 0"),
            (four.range_incl(&[[0, 3, -1]]), Class::ARG, "leads away"),
            (four.range_incl(&[[0, 5, 1]]), Class::RANK, "rank 5"),
            (
                four.range_incl(&[[0, 2, 1], [2, 3, 1]]),
                Class::RANK,
                "before",
            ),
        ] {
            let error = result.unwrap_err();
            assert_eq!(error.class(), class);
            assert!(error.text().contains(said), "{error}");
        }
        assert!(four.translate(4, &four).is_err());
        assert_eq!(four.translate(PROC_NULL, &four).unwrap(), PROC_NULL);
    }

    #[test]
    fn empty_groups_are_predefined() {
        let _inside = crate::lock::inside();
        assert_eq!(insert(Group::of(Vec::new())).unwrap(), EMPTY);
        assert_eq!(get(EMPTY).unwrap().size(), 0);
        assert!(get(NULL).is_err());
        let raw = insert(group(&[3, 1])).unwrap();
        assert_eq!(list(&get(raw).unwrap()), [3, 1]);
        free(raw).unwrap();
        assert!(free(raw).is_err() && free(EMPTY).is_ok());
    }
}
