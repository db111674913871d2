//! Collectives over several hosts: what crosses the network goes once to each host, and is
//! passed on within it. What is short goes by a *leader* of each host; what is long, by several
//! of its ranks side by side, each of which has a *lane*.
//!
//! Within a host, and among leaders, the algorithms are those that there are anyway, carried
//! out among fewer ranks ([`Plan::among`]).

use super::bcast as broadcast;
use super::block::Block;
use super::plan::Plan;
use super::{allgather, barrier, choose, gather};
use crate::error::Result;
use crate::object::hosts::Hosts;

/// A leader for each host: its first rank, and of the root's host the root.
pub(super) fn leaders(hosts: &Hosts, root: u32) -> Vec<u32> {
    let home = hosts.place(root).0;
    let leader = |(host, members): (usize, &[u32])| match host == home {
        true => root,
        false => members[0],
    };
    hosts.iter().enumerate().map(leader).collect()
}

/// A rank as one of a collective over hosts.
pub(super) struct Seat {
    /// Its host.
    pub(super) host: usize,
    /// The ranks there.
    pub(super) mates: Vec<u32>,
    /// Its place among them.
    pub(super) place: u32,
    /// The leaders of all hosts, and the place of this host's among the ranks there.
    pub(super) leaders: Vec<u32>,
    pub(super) leader_place: u32,
}

impl Seat {
    /// Of the plan's rank, with `root` as the leader of its host.
    pub(super) fn new(plan: &Plan, hosts: &Hosts, root: u32) -> Seat {
        let (host, place) = hosts.place(plan.rank);
        let leaders = leaders(hosts, root);
        Seat {
            host,
            mates: hosts.members(host).to_vec(),
            place,
            leader_place: hosts.place(leaders[host]).1,
            leaders,
        }
    }

    pub(super) fn leads(&self) -> bool {
        self.place == self.leader_place
    }

    /// Runs `f` among the ranks of this host.
    pub(super) fn within<R>(
        &self,
        plan: &mut Plan,
        f: impl FnOnce(&mut Plan) -> Result<R>,
    ) -> Result<()> {
        // Who shares processors is known within a host.
        let done = choose::on_one_host(|| plan.among(self.mates.clone(), f));
        done.map_or(Ok(()), |done| done.map(drop))
    }

    /// Runs `f` among the leaders, if this rank is one.
    pub(super) fn across<R>(
        &self,
        plan: &mut Plan,
        f: impl FnOnce(&mut Plan) -> Result<R>,
    ) -> Result<()> {
        let done = plan.among(self.leaders.clone(), f);
        done.map_or(Ok(()), |done| done.map(drop))
    }
}

/// All of a host arrive, then the hosts, and all leave.
pub(super) fn barrier(plan: &mut Plan, hosts: &Hosts) -> Result<()> {
    let seat = Seat::new(plan, hosts, 0);
    seat.within(plan, |plan| {
        barrier::arrive(plan);
        Ok(())
    })?;
    seat.across(plan, |plan| {
        barrier::dissemination(plan);
        Ok(())
    })?;
    seat.within(plan, |plan| {
        barrier::leave(plan);
        Ok(())
    })
}

/// Along a tree of leaders, and a tree in each host. What is longer than a segment goes in
/// segments, which are passed on while the next comes in.
///
/// # Errors
/// No memory to pack into.
pub(super) fn bcast(plan: &mut Plan, hosts: &Hosts, block: Block, root: u32) -> Result<()> {
    let seat = Seat::new(plan, hosts, root);
    let home = hosts.place(root).0;
    let tree = Tree::of(&seat, home);
    let data = match plan.rank == root {
        true => plan.packed(block)?,
        false => plan.room_for(block)?,
    };
    let pieces = data.count.div_ceil(choose::SEGMENT).max(1);
    let piece = |i: usize| {
        let first = i * choose::SEGMENT;
        data.slice(first, choose::SEGMENT.min(data.count - first))
    };
    if let Some(parent) = tree.parent {
        plan.receive(parent, piece(0));
        plan.wait();
    }
    for i in 0..pieces {
        if let Some(parent) = tree.parent
            && i + 1 < pieces
        {
            plan.receive(parent, piece(i + 1));
        }
        for child in &tree.children {
            plan.send(*child, piece(i));
        }
        if tree.parent.is_some() {
            plan.wait();
        }
    }
    plan.wait();
    if plan.rank != root {
        plan.unpack(data, block);
    }
    Ok(())
}

/// From whom a rank gets what the root sends, and whom it passes it on to: other hosts first.
struct Tree {
    parent: Option<u32>,
    children: Vec<u32>,
}

impl Tree {
    fn of(seat: &Seat, home: usize) -> Tree {
        let mut children = Vec::new();
        let mut parent = None;
        if seat.leads() {
            let (above, below) = binomial(seat.host, home, seat.leaders.len());
            parent = above.map(|host| seat.leaders[host]);
            children.extend(below.into_iter().map(|host| seat.leaders[host]));
        }
        let (place, first) = (seat.place as usize, seat.leader_place as usize);
        let (above, below) = binomial(place, first, seat.mates.len());
        parent = above.map(|place| seat.mates[place]).or(parent);
        children.extend(below.into_iter().map(|place| seat.mates[place]));
        Tree { parent, children }
    }
}

/// The parent and the children of `place` in a binomial tree of `size` places from `root` on.
fn binomial(place: usize, root: usize, size: usize) -> (Option<usize>, Vec<usize>) {
    let from_root = (place + size - root) % size;
    let back = |place: usize| (place + root) % size;
    let reach = match from_root {
        0 => size.next_power_of_two(),
        _ => 1 << from_root.trailing_zeros(),
    };
    let parent = (from_root != 0).then(|| back(from_root - reach));
    let mut children = Vec::new();
    let mut distance = reach / 2;
    while distance > 0 {
        if from_root + distance < size {
            children.push(back(from_root + distance));
        }
        distance /= 2;
    }
    (parent, children)
}

/// By leaders, each of which sends the root the parts of its host in one message. `all` is
/// the root's whole receive buffer, with `each` elements for a rank; `own` is `None` where a
/// part is there already.
///
/// # Errors
/// No memory for the parts of a host.
pub(super) fn gather(
    plan: &mut Plan,
    hosts: &Hosts,
    own: Option<Block>,
    root: u32,
    (all, each): (Block, usize),
) -> Result<()> {
    let seat = Seat::new(plan, hosts, root);
    let home = hosts.place(root).0;
    let part = |rank: u32| all.slice(rank as usize * each, each);
    if plan.rank == root {
        let parts = HostParts::new(plan, hosts, home, part(root).len(), part)?;
        parts.each(|host, run| plan.receive(seat.leaders[host], run));
        gather_within(plan, &seat, own, part)?;
        parts.unpack(plan, hosts, part);
        return Ok(());
    }
    let own = own.unwrap_or_else(Block::empty);
    if seat.host == home {
        return gather_within(plan, &seat, Some(own), |_| Block::empty());
    }
    let len = own.len();
    let packed = match seat.leads() {
        true => plan.temp(len * seat.mates.len())?,
        false => Block::empty(),
    };
    let place = |rank: u32| packed.slice(hosts.place(rank).1 as usize * len, len);
    gather_within(plan, &seat, Some(own), place)?;
    if seat.leads() {
        plan.send(root, packed);
        plan.wait();
    }
    Ok(())
}

/// As [`gather()`], the other way round; `len` is the bytes of a part.
///
/// # Errors
/// No memory for the parts of a host.
pub(super) fn scatter(
    plan: &mut Plan,
    hosts: &Hosts,
    own: Option<Block>,
    root: u32,
    (all, each, len): (Block, usize, usize),
) -> Result<()> {
    let seat = Seat::new(plan, hosts, root);
    let home = hosts.place(root).0;
    let part = |rank: u32| all.slice(rank as usize * each, each);
    if plan.rank == root {
        let parts = HostParts::new(plan, hosts, home, len, part)?;
        parts.pack(plan, hosts, part);
        parts.each(|host, run| plan.send(seat.leaders[host], run));
        return scatter_within(plan, &seat, own, part);
    }
    if seat.host == home || !seat.leads() {
        return scatter_within(plan, &seat, own, |_| Block::empty());
    }
    let packed = plan.temp(len * seat.mates.len())?;
    plan.receive(root, packed);
    plan.wait();
    let place = |rank: u32| packed.slice(hosts.place(rank).1 as usize * len, len);
    scatter_within(plan, &seat, own, place)
}

/// The leader of a host gets its ranks' parts; `part` is by rank.
pub(super) fn gather_within(
    plan: &mut Plan,
    seat: &Seat,
    own: Option<Block>,
    part: impl Fn(u32) -> Block,
) -> Result<()> {
    let at = |place: u32| part(seat.mates[place as usize]);
    seat.within(plan, |plan| {
        gather::linear_gather(plan, own, seat.leader_place, at);
        Ok(())
    })
}

/// The leader of a host gives its ranks their parts; `part` is by rank.
fn scatter_within(
    plan: &mut Plan,
    seat: &Seat,
    own: Option<Block>,
    part: impl Fn(u32) -> Block,
) -> Result<()> {
    let at = |place: u32| part(seat.mates[place as usize]);
    seat.within(plan, |plan| {
        gather::linear_scatter(plan, own, seat.leader_place, at);
        Ok(())
    })
}

/// The parts of all hosts but the root's, in a run for each: where they are, or in temporaries.
struct HostParts {
    /// By host: `None` for the root's own, and whether the run is a temporary.
    runs: Vec<Option<(Block, bool)>>,
}

impl HostParts {
    fn new(
        plan: &mut Plan,
        hosts: &Hosts,
        home: usize,
        len: usize,
        part: impl Fn(u32) -> Block,
    ) -> Result<HostParts> {
        let mut runs = Vec::with_capacity(hosts.count());
        for (host, members) in hosts.iter().enumerate() {
            let count = u32::try_from(members.len()).unwrap_or(u32::MAX);
            let follow = members[members.len() - 1] - members[0] + 1 == count;
            let first = part(members[0]);
            runs.push(match (host == home, follow) {
                (true, _) => None,
                (_, true) => Some((first.slice(0, first.count * members.len()), false)),
                _ => Some((plan.temp(len * members.len())?, true)),
            });
        }
        Ok(HostParts { runs })
    }

    fn each(&self, mut f: impl FnMut(usize, Block)) {
        for (host, run) in self.runs.iter().enumerate() {
            if let Some((run, _)) = run {
                f(host, *run);
            }
        }
    }

    /// Between temporaries and parts.
    fn moves(&self, hosts: &Hosts, part: impl Fn(u32) -> Block, mut f: impl FnMut(Block, Block)) {
        for (run, members) in self.runs.iter().zip(hosts.iter()) {
            let Some((run, true)) = run else { continue };
            for (i, rank) in members.iter().enumerate() {
                let part = part(*rank);
                f(run.slice(i * part.len(), part.len()), part);
            }
        }
    }

    fn unpack(&self, plan: &mut Plan, hosts: &Hosts, part: impl Fn(u32) -> Block) {
        self.moves(hosts, part, |run, part| plan.copy(run, part));
    }

    fn pack(&self, plan: &mut Plan, hosts: &Hosts, part: impl Fn(u32) -> Block) {
        self.moves(hosts, part, |run, part| plan.copy(part, run));
    }
}

/// Leaders collect the parts of their hosts, exchange them, and give all of them to all.
/// `run`: all parts as one block, where they are equal and side by side.
///
/// # Errors
/// No memory for the parts.
pub(super) fn allgather_by_leaders(
    plan: &mut Plan,
    hosts: &Hosts,
    own: Block,
    block: impl Fn(u32) -> Block,
    run: Option<Block>,
) -> Result<()> {
    let seat = Seat::new(plan, hosts, 0);
    if let Some(run) = run.filter(|_| hosts.is_in_order()) {
        gather_within(plan, &seat, Some(own), &block)?;
        return share(plan, &seat, hosts, |rank| block(rank).count, run);
    }
    let all: usize = (0..plan.size).map(|rank| block(rank).len()).sum();
    let packed = plan.temp(all)?;
    let mut places = vec![Block::empty(); plan.size as usize];
    let mut first = 0;
    for rank in hosts.iter().flatten() {
        let len = block(*rank).len();
        places[*rank as usize] = packed.slice(first, len);
        first += len;
    }
    let place = |rank: u32| places[rank as usize];
    gather_within(plan, &seat, Some(own), place)?;
    share(plan, &seat, hosts, |rank| block(rank).len(), packed)?;
    let me = plan.rank;
    for rank in (0..plan.size).filter(|rank| *rank != me) {
        plan.copy(place(rank), block(rank));
    }
    Ok(())
}

/// Each leader has the elements of its host in `all`, where those of hosts, and of their
/// ranks, follow one another. Everybody gets all.
///
/// # Errors
/// No memory to exchange them in.
pub(super) fn share(
    plan: &mut Plan,
    seat: &Seat,
    hosts: &Hosts,
    count: impl Fn(u32) -> usize,
    all: Block,
) -> Result<()> {
    exchange(plan, seat, hosts, count, all)?;
    spread(plan, seat, all)
}

/// As [`share`], but leaders alone get all.
///
/// # Errors
/// No memory to exchange them in.
pub(super) fn exchange(
    plan: &mut Plan,
    seat: &Seat,
    hosts: &Hosts,
    count: impl Fn(u32) -> usize,
    all: Block,
) -> Result<()> {
    let mut runs = Vec::with_capacity(hosts.count());
    let mut first = 0;
    for members in hosts.iter() {
        let count = members.iter().map(|rank| count(*rank)).sum();
        runs.push(all.slice(first, count));
        first += count;
    }
    let run = |host: u32| runs[host as usize];
    seat.across(plan, |plan| match plan.size {
        2..=8 => {
            allgather::direct(plan, run(plan.rank), run);
            Ok(())
        }
        _ => allgather::bruck(plan, run),
    })
}

/// Each leader gives its host what it has.
///
/// # Errors
/// No memory to pack into.
pub(super) fn spread(plan: &mut Plan, seat: &Seat, block: Block) -> Result<()> {
    seat.within(plan, |plan| {
        broadcast::chosen(plan, block, seat.leader_place)
    })
}

/// Each rank sends its part to one rank of each other host, all lanes side by side; then those
/// of a host exchange what has come.
pub(super) fn allgather_by_lanes(
    plan: &mut Plan,
    hosts: &Hosts,
    own: Block,
    block: impl Fn(u32) -> Block,
) {
    let (host, place) = hosts.place(plan.rank);
    let mates = hosts.members(host);
    let lane = |host: usize, place: u32| {
        let members = hosts.members(host);
        members[place as usize % members.len()]
    };
    // The parts of other hosts that come to the rank at `place` of this host.
    let come = |place: u32| {
        let elsewhere = hosts.iter().enumerate().filter(move |(at, _)| *at != host);
        let ranks = elsewhere.flat_map(|(_, members)| members.iter().copied());
        ranks.filter(move |rank| hosts.place(*rank).1 as usize % mates.len() == place as usize)
    };
    for rank in come(place) {
        plan.receive(rank, block(rank));
    }
    for step in 1..hosts.count() {
        plan.send(lane((host + step) % hosts.count(), place), own);
    }
    let others = |upwards: bool| {
        let size = mates.len();
        let at = place as usize;
        (1..size).map(move |step| match upwards {
            true => (at + step) % size,
            false => (at + size - step) % size,
        })
    };
    for mate in others(false) {
        plan.receive(mates[mate], block(mates[mate]));
    }
    for mate in others(true) {
        plan.send(mates[mate], own);
    }
    plan.wait();
    for mate in others(false) {
        for rank in come(u32::try_from(mate).unwrap_or(u32::MAX)) {
            plan.receive(mates[mate], block(rank));
        }
    }
    for mate in others(true) {
        for rank in come(place) {
            plan.send(mates[mate], block(rank));
        }
    }
    plan.wait();
}

/// Leaders collect all that their hosts send, exchange it host by host, and give each rank
/// what is for it. `out` and `into` span the equal parts of all ranks; they may be one.
///
/// # Errors
/// No memory for the parts of a host.
pub(super) fn alltoall(plan: &mut Plan, hosts: &Hosts, out: Block, into: Block) -> Result<()> {
    let seat = Seat::new(plan, hosts, 0);
    let size = plan.size as usize;
    let len = into.len() / size;
    let row = len * size;
    let near = seat.mates.len();
    if !seat.leads() {
        seat.within(plan, |plan| {
            plan.send(seat.leader_place, out);
            plan.wait();
            plan.receive(seat.leader_place, into);
            plan.wait();
            Ok(())
        })?;
        return Ok(());
    }
    let (rows, results) = (plan.temp(row * near)?, plan.temp(row * near)?);
    let at =
        |rows: Block, place: usize, rank: u32| rows.slice(place * row + rank as usize * len, len);
    let whole = |rows: Block, place: usize| rows.slice(place * row, row);
    let all = |place: u32| whole(rows, place as usize);
    seat.within(plan, |plan| {
        gather::linear_gather(plan, Some(out), seat.leader_place, all);
        Ok(())
    })?;
    // For each host: what goes there and what comes from there, in the order of the ranks that
    // send it, and for each in the order of those that get it.
    let mut blocks = Vec::with_capacity(hosts.count());
    for members in hosts.iter() {
        let bytes = near * members.len() * len;
        let goes = plan.temp(bytes)?;
        let comes = match members == seat.mates {
            true => goes,
            false => plan.temp(bytes)?,
        };
        blocks.push((goes, comes));
    }
    for (host, members) in hosts.iter().enumerate() {
        let mut first = 0;
        for place in 0..near {
            for run in runs(members) {
                let to = blocks[host].0.slice(first, run.1 * len);
                plan.copy(at(rows, place, run.0).slice(0, run.1 * len), to);
                first += run.1 * len;
            }
        }
    }
    seat.across(plan, |plan| {
        let block = |host: u32| blocks[host as usize];
        let own = plan.rank;
        for step in 1..plan.size {
            let from = (own + plan.size - step) % plan.size;
            plan.receive(from, block(from).1);
        }
        for step in 1..plan.size {
            let to = (own + step) % plan.size;
            plan.send(to, block(to).0);
        }
        plan.wait();
        Ok(())
    })?;
    for (host, members) in hosts.iter().enumerate() {
        for (i, rank) in members.iter().enumerate() {
            for place in 0..near {
                let from = blocks[host].1.slice((i * near + place) * len, len);
                plan.copy(from, at(results, place, *rank));
            }
        }
    }
    let all = |place: u32| whole(results, place as usize);
    seat.within(plan, |plan| {
        gather::linear_scatter(plan, Some(into), seat.leader_place, all);
        Ok(())
    })
}

/// Rising ranks as runs of those that follow one another: the first, and how many.
fn runs(members: &[u32]) -> Vec<(u32, usize)> {
    let chunks = members.chunk_by(|rank, next| rank + 1 == *next);
    chunks.map(|chunk| (chunk[0], chunk.len())).collect()
}
