//! Reductions over several hosts. They give the bits that all others give: contributions are
//! combined from the first rank to the last (see [`super::reduce`]), wherever ranks are.
//!
//! What is short goes as it is to one leader, or to all, which fold it. What is long is folded
//! on the way: the ranks of the first host fold theirs, those of the next go on from there, and
//! so to the last host. That takes hosts whose ranks follow one another.

use super::block::Block;
use super::by_host::{Seat, exchange, gather_within, share, spread};
use super::choose;
use super::plan::Plan;
use crate::error::Result;
use crate::object::hosts::Hosts;

/// Where contributions lie that are collected host by host.
struct Collected {
    all: Block,
    /// By rank: how many contributions lie before that of this rank.
    places: Vec<usize>,
    starts: Vec<usize>,
    count: usize,
}

impl Collected {
    fn new(hosts: &Hosts, all: Block, count: usize) -> Collected {
        let starts = hosts.starts();
        let ranks = *starts.last().unwrap_or(&0);
        let place = |rank: usize| {
            let (host, place) = hosts.place(u32::try_from(rank).unwrap_or(u32::MAX));
            starts[host] + place as usize
        };
        Collected {
            all,
            places: (0..ranks).map(place).collect(),
            starts,
            count,
        }
    }

    fn of(&self, rank: u32) -> Block {
        let first = self.places[rank as usize] * self.count;
        self.all.slice(first, self.count)
    }

    fn of_host(&self, host: usize) -> Block {
        let (first, end) = (self.starts[host], self.starts[host + 1]);
        self.all
            .slice(first * self.count, (end - first) * self.count)
    }

    fn by_rank(&self) -> Vec<Block> {
        (0..)
            .take(self.places.len())
            .map(|rank| self.of(rank))
            .collect()
    }
}

/// The root gets everybody's contribution, in one message from each host, and folds them.
///
/// # Errors
/// No memory for the contributions.
pub(super) fn reduce_by_leaders(
    plan: &mut Plan,
    hosts: &Hosts,
    send: Block,
    into: Block,
    root: u32,
) -> Result<()> {
    let seat = Seat::new(plan, hosts, root);
    let home = hosts.place(root).0;
    let (ty, count) = (send.ty, send.count);
    if plan.rank == root {
        let all = plan.temp_like(ty, count * plan.size as usize)?;
        let all = Collected::new(hosts, all, count);
        for host in (0..hosts.count()).filter(|host| *host != home) {
            plan.receive(seat.leaders[host], all.of_host(host));
        }
        gather_within(plan, &seat, Some(send), |rank| all.of(rank))?;
        let parts = all.by_rank();
        plan.fold(&parts);
        plan.copy(parts[parts.len() - 1], into);
        return Ok(());
    }
    if seat.host == home || !seat.leads() {
        return gather_within(plan, &seat, Some(send), |_| Block::empty());
    }
    let all = plan.temp_like(ty, count * seat.mates.len())?;
    let part = |rank: u32| all.slice(hosts.place(rank).1 as usize * count, count);
    gather_within(plan, &seat, Some(send), part)?;
    plan.send(root, all);
    plan.wait();
    Ok(())
}

/// All leaders get everybody's contribution, and fold them for their hosts. The contribution
/// is in `into`.
///
/// # Errors
/// No memory for the contributions.
pub(super) fn allreduce_by_leaders(plan: &mut Plan, hosts: &Hosts, into: Block) -> Result<()> {
    let seat = Seat::new(plan, hosts, 0);
    if !seat.leads() {
        gather_within(plan, &seat, Some(into), |_| Block::empty())?;
        return spread(plan, &seat, into);
    }
    let all = plan.temp_like(into.ty, into.count * plan.size as usize)?;
    let all = Collected::new(hosts, all, into.count);
    gather_within(plan, &seat, Some(into), |rank| all.of(rank))?;
    exchange(plan, &seat, hosts, |_| into.count, all.all)?;
    let parts = all.by_rank();
    plan.fold(&parts);
    plan.copy(parts[parts.len() - 1], into);
    spread(plan, &seat, into)
}

/// Everybody's `own`, at every rank, by rank.
///
/// # Errors
/// No memory for them.
pub(super) fn contributions(plan: &mut Plan, hosts: &Hosts, own: Block) -> Result<Vec<Block>> {
    let seat = Seat::new(plan, hosts, 0);
    let all = plan.temp_like(own.ty, own.count * plan.size as usize)?;
    let all = Collected::new(hosts, all, own.count);
    gather_within(plan, &seat, Some(own), |rank| all.of(rank))?;
    share(plan, &seat, hosts, |_| own.count, all.all)?;
    Ok(all.by_rank())
}

/// Elements: the first, and how many.
type Run = (usize, usize);

/// What the ranks of a host fold, each on its lane: runs of elements, by lane.
pub(super) struct Lanes {
    runs: Vec<Vec<Run>>,
}

impl Lanes {
    /// All elements, in nearly equal runs.
    pub(super) fn equal(hosts: &Hosts, block: Block) -> Lanes {
        let most = (block.len() / choose::LANE_LEAST).min(block.count);
        let lanes = most.clamp(1, hosts.fewest() as usize);
        let each = (choose::SEGMENT / block.ty.size.max(1)).max(1);
        let start = |lane: usize| block.count / lanes * lane + lane.min(block.count % lanes);
        let runs = |lane: usize| {
            let (first, end) = (start(lane), start(lane + 1));
            let cuts = (first..end).step_by(each);
            cuts.map(|at| (at, each.min(end - at))).collect()
        };
        Lanes {
            runs: (0..lanes).map(runs).collect(),
        }
    }

    /// The parts of ranks, each on the lane of its place.
    fn of_parts(hosts: &Hosts, part: impl Fn(u32) -> Run) -> Lanes {
        let lanes = hosts.fewest();
        let mut runs = vec![Vec::new(); lanes as usize];
        for rank in hosts.iter().flatten() {
            let lane = hosts.place(*rank).1 % lanes;
            runs[lane as usize].push(part(*rank));
        }
        Lanes { runs }
    }
}

/// A result that has come to the last host: the elements there, on one lane.
struct Folded {
    /// This rank's lane, if it has one.
    lane: Option<usize>,
    /// On the last host: the result of each run of the lane.
    results: Vec<Block>,
}

/// Folds `send` of all ranks on the way from host to host. With `into`, the result goes the
/// same way back, and each lane has its runs there; `into` may be `send`.
///
/// # Errors
/// No memory for contributions.
fn fold(
    plan: &mut Plan,
    hosts: &Hosts,
    lanes: &Lanes,
    send: Block,
    into: Option<Block>,
) -> Result<Folded> {
    let (host, place) = hosts.place(plan.rank);
    let (mates, last) = (hosts.members(host), hosts.count() - 1);
    let others = hosts.others_here(plan.rank);
    let lane = Some(place as usize).filter(|lane| *lane < lanes.runs.len());
    let runs: &[Run] = lane.map_or(&[], |lane| &lanes.runs[lane]);
    let total: usize = runs.iter().map(|run| run.1).sum();
    let slice = |block: Block, run: Run| block.slice(run.0, run.1);

    // By mate, and with what comes from the host before: contributions to this lane.
    let before = match host > 0 {
        true => plan.temp_like(send.ty, total)?,
        false => Block::empty(),
    };
    let mut parts = Vec::with_capacity(mates.len());
    for mate in mates {
        let room = plan.temp_like(send.ty, total)?;
        let mut first = 0;
        for run in runs {
            let at = room.slice(first, run.1);
            match *mate == plan.rank {
                true => plan.copy(slice(send, *run), at),
                false => plan.receive(*mate, at),
            }
            first += run.1;
        }
        parts.push(room);
    }
    for (mate, place) in others {
        for run in lanes.runs.get(place).into_iter().flatten() {
            plan.send(mate, slice(send, *run));
        }
    }
    plan.wait();
    let Some(at) = lane else {
        return Ok(Folded {
            lane,
            results: Vec::new(),
        });
    };

    // A run's result comes back as many turns later as it takes to the last host and back.
    let behind = 2 * (last - host);
    let turns = match into {
        Some(_) => runs.len() + behind,
        None => runs.len(),
    };
    let mut results = Vec::with_capacity(runs.len());
    let mut first = 0;
    for turn in 0..turns {
        let now = runs.get(turn);
        let back = into.and_then(|into| {
            let run = runs.get(turn.checked_sub(behind)?)?;
            Some(slice(into, *run))
        });
        if let Some(run) = now
            && host > 0
        {
            plan.receive(hosts.members(host - 1)[at], before.slice(first, run.1));
        }
        if let Some(back) = back
            && host < last
        {
            plan.receive(hosts.members(host + 1)[at], back);
        }
        if host > 0 || back.is_some() {
            plan.wait();
        }
        if let Some(run) = now {
            let mine = parts.iter().map(|part| part.slice(first, run.1));
            let before = (host > 0).then(|| before.slice(first, run.1));
            let all: Vec<Block> = before.into_iter().chain(mine).collect();
            plan.fold(&all);
            let result = all[all.len() - 1];
            match host < last {
                true => plan.send(hosts.members(host + 1)[at], result),
                false => results.push(result),
            }
            if let Some(back) = back.filter(|_| host == last) {
                plan.copy(result, back);
            }
            first += run.1;
        }
        if let Some(back) = back
            && host > 0
        {
            plan.send(hosts.members(host - 1)[at], back);
        }
    }
    plan.wait();
    Ok(Folded { lane, results })
}

/// The root gets the result from the lanes of the last host.
///
/// # Errors
/// No memory for contributions.
pub(super) fn reduce_by_lanes(
    plan: &mut Plan,
    hosts: &Hosts,
    send: Block,
    into: Block,
    root: u32,
) -> Result<()> {
    let lanes = Lanes::equal(hosts, send);
    let folded = fold(plan, hosts, &lanes, send, None)?;
    let last = hosts.members(hosts.count() - 1);
    if plan.rank == root {
        for (rank, runs) in last.iter().zip(&lanes.runs) {
            for run in runs.iter().filter(|_| *rank != root) {
                plan.receive(*rank, into.slice(run.0, run.1));
            }
        }
    }
    let own = folded.lane.map_or(&[][..], |lane| &lanes.runs[lane]);
    for (run, result) in own.iter().zip(&folded.results) {
        match plan.rank == root {
            true => plan.copy(*result, into.slice(run.0, run.1)),
            false => plan.send(root, *result),
        }
    }
    plan.wait();
    Ok(())
}

/// The lanes of each host get the result, and give it to its ranks. The contribution is in
/// `into`.
///
/// # Errors
/// No memory for contributions.
pub(super) fn allreduce_by_lanes(plan: &mut Plan, hosts: &Hosts, into: Block) -> Result<()> {
    let lanes = Lanes::equal(hosts, into);
    let folded = fold(plan, hosts, &lanes, into, Some(into))?;
    let slice = |run: &Run| into.slice(run.0, run.1);
    let own = folded.lane.map_or(&[][..], |lane| &lanes.runs[lane]);
    for (mate, place) in hosts.others_here(plan.rank) {
        for run in lanes.runs.get(place).into_iter().flatten() {
            plan.receive(mate, slice(run));
        }
        for run in own {
            plan.send(mate, slice(run));
        }
    }
    plan.wait();
    Ok(())
}

/// Each rank gets its part of the result, in `into`, from a lane of the last host. `part`: the
/// elements of a rank's part.
///
/// # Errors
/// No memory for contributions.
pub(super) fn reduce_scatter_by_lanes(
    plan: &mut Plan,
    hosts: &Hosts,
    send: Block,
    into: Block,
    part: impl Fn(u32) -> Run,
) -> Result<()> {
    let lanes = Lanes::of_parts(hosts, &part);
    let folded = fold(plan, hosts, &lanes, send, None)?;
    let last = hosts.members(hosts.count() - 1);
    let lane_of = |rank: u32| hosts.place(rank).1 as usize % lanes.runs.len();
    let from = last[lane_of(plan.rank)];
    if from != plan.rank {
        plan.receive(from, into);
    }
    if let Some(lane) = folded.lane {
        let ranks = hosts.iter().flatten().copied();
        let ranks = ranks.filter(|rank| lane_of(*rank) == lane);
        for (rank, result) in ranks.zip(&folded.results) {
            match rank == plan.rank {
                true => plan.copy(*result, into),
                false => plan.send(rank, *result),
            }
        }
    }
    plan.wait();
    Ok(())
}
