//! Processes of other jobs: the bridges to them, and their jobs' segments.
//!
//! Rings lie in a bridge, a segment with a record for each process of both sides. All
//! else of a process is where its own job has it: it sleeps on its record there, its
//! slots are there, and its memory is reached as the record says. So the segments of all
//! jobs involved are mapped, each once, while any bridge leads there.

use super::cells::{arrival, envelope};
use super::nodes::Nodes;
use crate::object::group::Proc;
use crate::pml::transport::{Arrival, BridgeOpening, FewWords, Header, JobPlace, Words};
use btl_shm::endpoint::{FarBells, Incoming, Outgoing, Sent};
use btl_shm::peer::Peers;
use btl_shm::ring::Envelope;
use std::ptr::NonNull;
use std::sync::atomic::Ordering;
use wireup::descriptor::Source;
use wireup::heap::HeapFile;
use wireup::layout::{RankRecord, State};
use wireup::segment::{Segment, SegmentError};
use wireup::settings::Arm;

/// A mapped segment, unmapped when this is dropped: after all that reads it.
#[derive(Debug)]
struct Mapped(NonNull<Segment>);

impl Mapped {
    fn new(segment: Segment) -> Mapped {
        Mapped(NonNull::from(Box::leak(Box::new(segment))))
    }

    /// The segment, which lives as long as `self` does.
    fn get(&self) -> &'static Segment {
        // SAFETY: leaked in `new`, and freed in `drop` only, which the owners order
        // after the end of all uses.
        unsafe { self.0.as_ref() }
    }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        // SAFETY: leaked in `new`, freed here alone.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}

/// Another job.
#[derive(Debug)]
struct FarJob {
    number: u64,
    /// Bridges that lead there.
    uses: u32,
    peers: Peers,
    heap: Option<Source>,
    segment: Mapped,
}

/// This process's end of a bridge. Fields are dropped in this order.
#[derive(Debug)]
pub(super) struct BridgeEnd {
    pub(super) outgoing: Outgoing<FarBells>,
    /// The process that record 0 stands for; the others follow.
    first: Proc,
    /// By record: the job, as its place in [`Far::jobs`] (`None`: this one), and the rank.
    members: Vec<(Option<usize>, u32)>,
    segment: Mapped,
}

/// The rings from the processes at the other ends of a bridge.
#[derive(Debug)]
pub(super) struct BridgeInbox {
    first: Proc,
    incoming: Incoming<FarBells>,
}

impl BridgeInbox {
    pub(super) fn poll(
        &mut self,
        most: u32,
        handler: &mut impl FnMut(&Arrival<'_>) -> bool,
    ) -> bool {
        let first = self.first.0;
        self.incoming
            .poll(most, |a| handler(&arrival(a, Proc(first + a.source))))
    }

    /// Whether record 0 of the bridge stands for `first`.
    pub(super) fn is(&self, first: Proc) -> bool {
        self.first == first
    }

    pub(super) fn taken(&self, peer: Proc) -> Option<u64> {
        let record = peer.0.checked_sub(self.first.0)?;
        (record < self.incoming.ranks()).then(|| self.incoming.taken(record))
    }
}

/// In [`Far::of`]: the process is not reached any more.
const NOWHERE: (usize, u32) = (usize::MAX, 0);

/// All processes of other jobs, and those of this one on other nodes.
#[derive(Debug, Default)]
pub(super) struct Far {
    nodes: Option<Nodes>,
    bridges: Vec<Option<BridgeEnd>>,
    /// By process, from the job's size on: the bridge and the record.
    of: Vec<(usize, u32)>,
    jobs: Vec<Option<FarJob>>,
    /// The number of ranks of this job.
    ranks: u32,
}

impl Far {
    pub(super) fn new(ranks: u32, nodes: Option<Nodes>) -> Far {
        Far {
            nodes,
            ranks,
            ..Far::default()
        }
    }

    /// Whether there are no other nodes, and no bridge was ever opened, or all are closed.
    pub(super) fn is_empty(&self) -> bool {
        self.bridges.is_empty() && self.nodes.is_none()
    }

    /// Learns the addresses of all ranks on other nodes.
    pub(super) fn meet_nodes(&mut self, me: Proc) -> Result<(), String> {
        match &mut self.nodes {
            Some(nodes) => nodes.meet(me),
            None => Err("the network was not opened".to_owned()),
        }
    }

    /// Whether `peer` is reached by the network alone.
    pub(super) fn is_on_other_node(&self, peer: Proc) -> bool {
        self.nodes.as_ref().is_some_and(|nodes| nodes.has(peer))
    }

    /// The network, in a job that has several nodes.
    pub(super) fn network(&mut self) -> Option<&mut Nodes> {
        self.nodes.as_mut()
    }

    /// How far a process of another job has said to be that is reached by the network.
    pub(super) fn told_state(&self, peer: Proc) -> Option<State> {
        let nodes = self.nodes.as_ref().filter(|nodes| nodes.has(peer))?;
        Some(nodes.state(peer))
    }

    /// The network, if `peer` is reached by it.
    fn nodes(&mut self, peer: Proc) -> Option<&mut Nodes> {
        self.nodes.as_mut().filter(|nodes| nodes.has(peer))
    }

    /// # Safety
    /// `from` is readable for `len` bytes.
    #[cold]
    pub(super) unsafe fn send_inline(
        &mut self,
        peer: Proc,
        header: &Header,
        from: *const u8,
        len: usize,
    ) -> Result<bool, SegmentError> {
        if let Some(nodes) = self.nodes(peer) {
            let fill = |to: *mut u8| {
                // SAFETY: the caller's bytes, into room for as many.
                unsafe { to.copy_from_nonoverlapping(from, len) };
            };
            return Ok(nodes.send(peer, (header, [0; 5]), len, fill));
        }
        let (out, record, envelope) = self.out_message(peer, header)?;
        // SAFETY: the caller's bytes.
        unsafe { out.send_inline(record, &envelope, from, len) }
    }

    #[cold]
    pub(super) fn send_words(
        &mut self,
        peer: Proc,
        header: &Header,
        words: Words,
    ) -> Result<bool, SegmentError> {
        if let Some(nodes) = self.nodes(peer) {
            return Ok(nodes.send(peer, (header, words), 0, |_| {}));
        }
        let (out, record, envelope) = self.out(peer, header)?;
        out.send_words(record, &envelope, words)
    }

    #[cold]
    pub(super) fn send_whole(
        &mut self,
        peer: Proc,
        header: &Header,
        len: usize,
        words: FewWords,
        fill: impl FnOnce(*mut u8),
    ) -> Result<bool, SegmentError> {
        if let Some(nodes) = self.nodes(peer) {
            return Ok(nodes.send(peer, (header, all_words(words)), len, fill));
        }
        let (out, record, envelope) = self.out_message(peer, header)?;
        out.send_bulk(record, &envelope, len, words, fill)
    }

    #[cold]
    pub(super) fn send_piece(
        &mut self,
        peer: Proc,
        header: &Header,
        len: usize,
        words: FewWords,
        fill: impl FnOnce(*mut u8, usize),
    ) -> Result<Option<usize>, SegmentError> {
        if let Some(nodes) = self.nodes(peer) {
            return Ok(nodes.send_piece(peer, (header, all_words(words)), len, fill));
        }
        let (out, record, envelope) = self.out(peer, header)?;
        Ok(match out.send_piece(record, &envelope, len, words, fill)? {
            Sent::Bytes(n) => Some(n),
            Sent::Full => None,
        })
    }

    /// Asks peers on other nodes to announce their messages, or no more.
    pub(super) fn set_pressure(&mut self, on: bool) {
        if let Some(nodes) = &mut self.nodes {
            nodes.set_pressure(on);
        }
    }

    /// Whether `peer` asks for that.
    #[cold]
    pub(super) fn has_pressure(&self, peer: Proc) -> bool {
        if let Some(nodes) = self.nodes.as_ref().filter(|nodes| nodes.has(peer)) {
            return nodes.has_pressure(peer);
        }
        let record = self.record(peer);
        record.is_some_and(|record| record.pressure.load(Ordering::Relaxed) != 0)
    }

    fn at(&self, peer: Proc) -> Option<(&BridgeEnd, u32)> {
        let (bridge, record) = *self.of.get((peer.0 - self.ranks) as usize)?;
        Some((self.bridges.get(bridge)?.as_ref()?, record))
    }

    /// Whether the connection to `peer` is closed: here, or there, so that it takes no
    /// further message.
    pub(super) fn has_left(&self, peer: Proc) -> bool {
        if let Some(state) = self.told_state(peer) {
            return state == State::Gone; // of ranks of this job nobody says that
        }
        self.at(peer).is_none_or(|(end, record)| {
            let state = &end.segment.get().record(record).state;
            state.load(Ordering::Acquire) == State::Gone as u32 // pairs with the Release of its owner
        })
    }

    /// The bridge's end towards `peer`, its record there, and the header as the ring takes
    /// it.
    fn out(
        &mut self,
        peer: Proc,
        header: &Header,
    ) -> Result<(&mut Outgoing<FarBells>, u32, Envelope), SegmentError> {
        let of = self.of.get((peer.0 - self.ranks) as usize).copied();
        let (bridge, record) = of.unwrap_or(NOWHERE);
        let end = self.bridges.get_mut(bridge).and_then(Option::as_mut);
        let end = end.ok_or(SegmentError::Closed)?;
        Ok((&mut end.outgoing, record, envelope(header)))
    }

    /// As [`Far::out`], for a message of the program's. An answer may be late, and goes out
    /// though nobody reads it; such a message would be lost.
    fn out_message(
        &mut self,
        peer: Proc,
        header: &Header,
    ) -> Result<(&mut Outgoing<FarBells>, u32, Envelope), SegmentError> {
        match self.has_left(peer) {
            true => Err(SegmentError::Closed),
            false => self.out(peer, header),
        }
    }

    pub(super) fn sent(&self, peer: Proc) -> u64 {
        if let Some(nodes) = self.nodes.as_ref().filter(|nodes| nodes.has(peer)) {
            return nodes.sent(peer);
        }
        self.at(peer)
            .map_or(0, |(end, record)| end.outgoing.sent(record))
    }

    /// The record of a process in its own job.
    pub(super) fn record(&self, peer: Proc) -> Option<&RankRecord> {
        let (segment, rank) = self.place(peer)?;
        Some(segment.record(rank))
    }

    /// The segment of a process's own job, and its rank there.
    pub(super) fn place(&self, peer: Proc) -> Option<(&'static Segment, u32)> {
        let (end, record) = self.at(peer)?;
        let (job, rank) = *end.members.get(record as usize)?;
        Some((self.jobs.get(job?)?.as_ref()?.segment.get(), rank))
    }

    /// The memory of the ranks of a process's own job, and its rank there.
    pub(super) fn memory(&mut self, peer: Proc) -> Option<(&mut Peers, u32)> {
        let (end, record) = self.at(peer)?;
        let (job, rank) = *end.members.get(record as usize)?;
        let job = self.jobs.get_mut(job?)?.as_mut()?;
        Some((&mut job.peers, rank))
    }

    pub(super) fn bridge(&self, first: Proc) -> Option<&Segment> {
        Some(self.at(first)?.0.segment.get())
    }

    /// Where the other jobs that a bridge leads to are to be found.
    pub(super) fn places(&self, first: Proc) -> Vec<JobPlace> {
        let Some((end, _)) = self.at(first) else {
            return Vec::new();
        };
        let used = |at: &usize| end.members.iter().any(|member| member.0 == Some(*at));
        let place = |at: usize| {
            let job = self.jobs.get(at)?.as_ref()?;
            Some(JobPlace {
                number: job.number,
                segment: job.segment.get().place().ok()?,
                heap: job.heap,
            })
        };
        (0..self.jobs.len())
            .filter(used)
            .filter_map(place)
            .collect()
    }

    fn job(&mut self, place: &JobPlace, arm: Arm) -> Result<usize, String> {
        let known = |job: &Option<FarJob>| job.as_ref().is_some_and(|j| j.number == place.number);
        if let Some(at) = self.jobs.iter().position(known) {
            return Ok(at);
        }
        let segment = Segment::open_far(&place.segment).map_err(|why| why.to_string())?;
        if segment.constants().job != place.number {
            return Err("the segment of the other job is another one".to_owned());
        }
        let segment = Mapped::new(segment);
        let file = place
            .heap
            .and_then(|source| HeapFile::open_far(segment.get(), &source));
        let job = FarJob {
            number: place.number,
            uses: 0,
            heap: file.as_ref().and_then(HeapFile::place),
            peers: Peers::far(segment.get(), arm, file),
            segment,
        };
        let free = self.jobs.iter().position(Option::is_none);
        let at = free.unwrap_or(self.jobs.len());
        match free {
            Some(at) => self.jobs[at] = Some(job),
            None => self.jobs.push(Some(job)),
        }
        Ok(at)
    }

    /// Opens a bridge; its processes are numbered from `opening.first` on.
    pub(super) fn open(
        &mut self,
        opening: BridgeOpening,
        own: &'static Segment,
        (cells, arm): (u32, Arm),
    ) -> Result<BridgeInbox, String> {
        let mut jobs = Vec::new();
        let result = self.open_jobs(&opening, own, arm, &mut jobs);
        let members = match result {
            Ok(members) => members,
            Err(why) => {
                self.close_jobs(&jobs);
                return Err(why);
            }
        };
        let bells = members.iter().map(|(job, rank)| {
            let segment = job.and_then(|at| Some(self.jobs.get(at)?.as_ref()?.segment.get()));
            (segment.unwrap_or(own), *rank)
        });
        let bells = FarBells(bells.collect());
        let segment = Mapped::new(opening.segment);
        let (first, me) = (opening.first, opening.me);
        let place = self.bridges.len();
        let count = u32::try_from(members.len()).unwrap_or(0);
        self.of.resize((first.0 - self.ranks) as usize, NOWHERE);
        self.of.extend((0..count).map(|record| (place, record)));
        let incoming = Incoming::with_bells(segment.get(), me, bells.clone());
        self.bridges.push(Some(BridgeEnd {
            outgoing: Outgoing::with_bells(segment.get(), me, cells, bells),
            first,
            members,
            segment,
        }));
        Ok(BridgeInbox { first, incoming })
    }

    /// Opens the jobs of all members; by record, where each is. Those that are used are
    /// added to `jobs`.
    fn open_jobs(
        &mut self,
        opening: &BridgeOpening,
        own: &Segment,
        arm: Arm,
        jobs: &mut Vec<usize>,
    ) -> Result<Vec<(Option<usize>, u32)>, String> {
        let mut members = Vec::new();
        for member in &opening.members {
            if member.job == own.constants().job {
                members.push((None, member.rank));
                continue;
            }
            let place = opening.jobs.iter().find(|job| job.number == member.job);
            let place = place.ok_or("nobody said where a job of the bridge is")?;
            let at = self.job(place, arm)?;
            let job = self.jobs[at].as_mut().ok_or("the job was closed")?;
            if member.rank >= job.segment.get().ranks() {
                return Err(format!("a job of the bridge has no rank {}", member.rank));
            }
            if !jobs.contains(&at) {
                jobs.push(at);
                job.uses += 1;
                share_fences(own, job.segment.get());
            }
            members.push((Some(at), member.rank));
        }
        Ok(members)
    }

    fn close_jobs(&mut self, jobs: &[usize]) {
        for at in jobs {
            let Some(job) = self.jobs.get_mut(*at).and_then(Option::as_mut) else {
                continue;
            };
            job.uses -= 1;
            if job.uses == 0 {
                // SAFETY: no bridge leads there, so that no message is under way.
                unsafe { job.peers.unmap() };
                self.jobs[*at] = None;
            }
        }
    }

    /// Closes a bridge, over which nothing is under way.
    pub(super) fn close(&mut self, first: Proc) {
        let Some((place, _)) = self.of.get((first.0 - self.ranks) as usize).copied() else {
            return;
        };
        let Some(end) = self.bridges.get_mut(place).and_then(Option::take) else {
            return;
        };
        debug_assert_eq!(end.first, first);
        let mut jobs: Vec<usize> = end.members.iter().filter_map(|member| member.0).collect();
        jobs.sort_unstable();
        jobs.dedup();
        // The place is used again, but the numbers of its processes are not.
        let at = (first.0 - self.ranks) as usize;
        let closed = self.of.iter_mut().skip(at).take(end.members.len());
        closed.for_each(|of| *of = NOWHERE);
        drop(end);
        self.close_jobs(&jobs);
        while self.bridges.last().is_some_and(Option::is_none) {
            self.bridges.pop();
        }
    }

    /// Prepares for the next bytes to peers that were sent to.
    pub(super) fn prepare(&mut self) {
        if let Some(nodes) = &mut self.nodes {
            nodes.idle();
        }
        for end in self.bridges.iter_mut().flatten() {
            end.outgoing.prepare();
        }
    }
}

/// The numbers of a message with bytes, as they travel.
fn all_words([a, b, c]: FewWords) -> Words {
    [0, 0, a, b, c]
}

/// If a sender of either job cannot do without fences, those of both must use them.
fn share_fences(own: &Segment, other: &Segment) {
    use std::sync::atomic::Ordering::{Acquire, Release};
    for (from, to) in [(own, other), (other, own)] {
        if from.head().fence_needed.load(Acquire) != 0 {
            to.head().fence_needed.store(1, Release); // pairs with the Acquire in `ring_bell`
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::comm::ContextId;

    #[test]
    fn nothing_goes_where_no_bridge_is_open() {
        let mut far = Far::new(2, None);
        let header = Header {
            kind: 0,
            flags: 0,
            context: ContextId(0),
            tag: 0,
            source: 0,
            aux: 0,
        };
        let peer = Proc(2);
        assert!(far.has_left(peer));
        for out in [Far::out, Far::out_message] {
            let refused = out(&mut far, peer, &header).err();
            assert!(matches!(refused, Some(SegmentError::Closed)), "{refused:?}");
        }
    }
}
