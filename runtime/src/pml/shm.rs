//! The shared-memory transport: messages through the rings of the job segment,
//! memory of peers by mappings, by the driver, or by CMA (see `btl_shm`).

mod board;
mod cells;
mod copies;
mod far;
mod nodes;
mod slot;

use crate::object::group::Proc;
use crate::pml::memory::Memory;
use crate::pml::transport::{
    Access, ArmTrial, Arrival, BridgeOpening, CopyError, FarBell, FewWords, Flow, Header, Inbox,
    JobPlace, NetworkOpening, Opening, Remote, SlotId, Transport, Waiter, Words,
};
use board::{ShmBoard, ShmBulletin};
use btl_shm::board::{Board, board_len};
use btl_shm::bulletin::{Bulletin, bulletin_len};
use btl_shm::cooperative::{self, SenderSide, Slots};
use btl_shm::copy;
use btl_shm::endpoint::{Incoming, Outgoing, Sent};
use btl_shm::fault::Fault;
use btl_shm::fragment::FRAGMENT;
use btl_shm::peer::cma::{self, Direction};
use btl_shm::peer::shared::Shared;
use btl_shm::peer::{Lost, Peers, Reached};
use btl_shm::region::heap;
use btl_shm::ring::{INLINE, NotTaken};
use btl_shm::wait;
use cells::{arrival, envelope, header};
use copies::{by_lists, by_vectors, from_peer, peer_fault, refusal, to_peer};
use far::{BridgeInbox, Far};
use nodes::NodesInbox;
use slot::ShmSlot;
use std::cell::Cell;
use std::ops::Range;
use std::ptr::NonNull;
use std::sync::atomic::Ordering;
use wireup::descriptor::Source;
use wireup::heap::HeapFile;
use wireup::layout::{RankRecord, State};
use wireup::nodes::Table;
use wireup::segment::{Segment, SegmentError};
use wireup::settings::Arm;

/// Pieces of one peer's memory that one call copies.
const TOGETHER: usize = 16;

/// This rank's end of the job segment.
#[derive(Debug)]
pub(super) struct Shm {
    segment: &'static Segment,
    me: Proc,
    /// Ranks of the job: processes from there on are of other jobs.
    ranks: u32,
    outgoing: Outgoing,
    peers: Peers,
    slots: Slots,
    far: Far,
    /// Where the job's heap file is.
    heap: Option<Source>,
    /// What bridges are opened with: cells of a ring, and the arm.
    bridging: (u32, Arm),
    /// Whether peers may write this rank's memory: memcheck takes for undefined what it
    /// has not seen being written.
    lets_peers_write: bool,
}

/// The rings from peers.
#[derive(Debug)]
pub(super) struct ShmInbox {
    own: Incoming,
    bridges: Vec<BridgeInbox>,
    nodes: Option<NodesInbox>,
    /// Whether there is anything but the rings of this job.
    has_others: bool,
}

impl Inbox for ShmInbox {
    #[inline]
    fn poll(&mut self, most: u32, mut handler: impl FnMut(&Arrival<'_>) -> bool) -> bool {
        if self.has_others {
            return self.poll_all(most, handler);
        }
        self.own
            .poll(most, |a| handler(&arrival(a, Proc(a.source))))
    }

    #[inline]
    fn taken(&self, peer: Proc) -> u64 {
        if peer.0 >= self.own.ranks() {
            let nodes = self.nodes.as_ref().and_then(|nodes| nodes.taken(peer));
            let of = nodes.or_else(|| self.bridges.iter().find_map(|bridge| bridge.taken(peer)));
            return of.unwrap_or(0);
        }
        self.own.taken(peer.0)
    }

    #[inline]
    fn take_if(&mut self, peer: Proc, handler: impl FnOnce(&Arrival<'_>) -> bool) {
        self.own
            .take_if(peer.0, |a| handler(&arrival(a, Proc(a.source))));
    }

    fn look_afar(&mut self) {
        if let Some(nodes) = &mut self.nodes {
            nodes.look();
        }
    }

    fn quiet_afar(&mut self) -> Option<i32> {
        self.nodes.as_ref()?.quiet()
    }

    #[inline(always)]
    #[allow(clippy::inline_always, reason = "as in `Incoming::take_word`")]
    fn take_word(
        &mut self,
        peer: Proc,
        is_it: impl FnOnce(&Header, usize) -> bool,
    ) -> Result<(Header, u64, usize), bool> {
        let taken = self
            .own
            .take_word(peer.0, |envelope, len| is_it(&header(envelope), len));
        match taken {
            Ok((envelope, word, len)) => Ok((header(&envelope), word, len)),
            Err(why) => Err(why == NotTaken::Longer),
        }
    }

    #[inline]
    fn take_words(
        &mut self,
        most: u32,
        mut take: impl FnMut(Proc, &Header, u64, usize) -> bool,
    ) -> (bool, bool) {
        let (any, is_more) = self.own.take_words(most, |source, envelope, word, len| {
            take(Proc(source), &header(envelope), word, len)
        });
        (any, is_more || self.has_others)
    }
}

impl ShmInbox {
    /// As `poll`, from other nodes and from bridges as well.
    #[cold]
    fn poll_all(&mut self, most: u32, mut handler: impl FnMut(&Arrival<'_>) -> bool) -> bool {
        let goes_on = Cell::new(true);
        let mut handler = |a: &Arrival<'_>| {
            goes_on.set(handler(a));
            goes_on.get()
        };
        let mut any = self
            .own
            .poll(most, |a| handler(&arrival(a, Proc(a.source))));
        if let Some(nodes) = &mut self.nodes
            && goes_on.get()
        {
            any |= nodes.poll(any, most, &mut handler);
        }
        for bridge in &mut self.bridges {
            if !goes_on.get() {
                break;
            }
            any |= bridge.poll(most, &mut handler);
        }
        any
    }
}

/// This rank's futex.
#[derive(Debug)]
pub(super) struct ShmWaiter(wait::Waiter);

impl Waiter for ShmWaiter {
    #[inline]
    fn is_oversubscribed(&self) -> bool {
        self.0.is_oversubscribed()
    }

    fn sleep(&self, threads: bool, look: impl FnOnce() -> bool) {
        nodes::before_sleep();
        self.0.sleep(threads, look);
    }

    #[inline]
    fn wake(&self, peer: Proc) {
        if peer.0 < self.0.ranks() {
            self.0.ring_bell(peer.0);
        }
    }

    fn add_processes(&self, change: i32) {
        self.0.add_processes(change);
    }

    fn set_unheard(&self, on: bool) {
        self.0.set_unheard(on);
    }

    fn wake_threads(&self) {
        self.0.ring_own_bell();
    }
}

/// The record of a process in the segment of its own job.
#[derive(Debug)]
struct ShmFarBell(&'static Segment, u32);

impl FarBell for ShmFarBell {
    fn ring(&self) {
        wait::ring_bell(self.0, self.0.record(self.1));
    }
}

impl Transport for Shm {
    type Inbox = ShmInbox;
    type Waiter = ShmWaiter;
    type Board = ShmBoard;
    type Bulletin = ShmBulletin;
    type ReceiverSlot = ShmSlot;
    type SenderSlot = SenderSide;
    type Mapping = Shared;
    type Error = SegmentError;

    const INLINE: usize = INLINE;
    const PIECE: usize = FRAGMENT;

    fn open(opening: Opening<'_>) -> Result<(Shm, ShmInbox, ShmWaiter), SegmentError> {
        let nodes = nodes::open(&opening);
        let crowd = opening.nodes.map_or(0, Table::crowd);
        let Opening {
            segment,
            me,
            settings,
            heap,
            ..
        } = opening;
        let kernels = copy::set_nt_min(settings.nt_min);
        if settings.verbose {
            eprintln!("lariat: rank {}: copies by {kernels}", me.0);
        }
        let (nodes, nodes_inbox) = nodes.unzip();
        let shm = Shm {
            segment,
            me,
            ranks: segment.ranks(),
            far: Far::new(segment.ranks(), nodes),
            heap: heap.as_ref().and_then(HeapFile::place),
            bridging: (settings.ring_cells, settings.arm),
            outgoing: Outgoing::new(segment, me.0, settings.ring_cells),
            peers: Peers::new(segment, me.0, settings.arm, heap, settings.verbose),
            slots: Slots::default(),
            lets_peers_write: !btl_shm::valgrind::is_memcheck(),
        };
        let inbox = ShmInbox {
            own: Incoming::new(segment, me.0),
            bridges: Vec::new(),
            has_others: nodes_inbox.is_some(),
            nodes: nodes_inbox,
        };
        let waiter = ShmWaiter(wait::Waiter::new(segment, me.0));
        waiter.0.add_processes(crowd.cast_signed());
        Ok((shm, inbox, waiter))
    }

    fn meet_nodes(&mut self) -> Result<(), String> {
        self.far.meet_nodes(self.me)
    }

    fn all_open(&mut self) {
        self.peers.try_all();
    }

    fn detach(&mut self) {
        self.peers.detach();
    }

    #[inline]
    fn inline_max(&self) -> usize {
        self.outgoing.inline_most()
    }

    #[inline]
    unsafe fn send_inline(
        &mut self,
        peer: Proc,
        header: &Header,
        from: *const u8,
        len: usize,
    ) -> Result<bool, SegmentError> {
        if peer.0 >= self.ranks {
            // SAFETY: the caller's bytes.
            return unsafe { self.far.send_inline(peer, header, from, len) };
        }
        // SAFETY: the caller's bytes.
        unsafe {
            self.outgoing
                .send_inline(peer.0, &envelope(header), from, len)
        }
    }

    #[inline(always)]
    #[allow(clippy::inline_always, reason = "as in `Outgoing::send_short`")]
    unsafe fn send_short(
        &mut self,
        peer: Proc,
        header: &Header,
        from: *const u8,
        len: usize,
    ) -> bool {
        // Processes of other jobs have no ring there.
        // SAFETY: the caller's bytes.
        unsafe {
            self.outgoing
                .send_short(peer.0, &envelope(header), from, len)
        }
    }

    fn send_words(
        &mut self,
        peer: Proc,
        header: &Header,
        words: Words,
    ) -> Result<bool, SegmentError> {
        if peer.0 >= self.ranks {
            return self.far.send_words(peer, header, words);
        }
        self.outgoing.send_words(peer.0, &envelope(header), words)
    }

    fn whole_max(&self) -> usize {
        self.outgoing.one_cell_most()
    }

    #[inline]
    fn send_whole(
        &mut self,
        peer: Proc,
        header: &Header,
        len: usize,
        words: FewWords,
        fill: impl FnOnce(*mut u8),
    ) -> Result<bool, SegmentError> {
        if peer.0 >= self.ranks {
            return self.far.send_whole(peer, header, len, words, fill);
        }
        self.outgoing
            .send_bulk(peer.0, &envelope(header), len, words, fill)
    }

    fn send_piece(
        &mut self,
        peer: Proc,
        header: &Header,
        len: usize,
        words: FewWords,
        fill: impl FnOnce(*mut u8, usize),
    ) -> Result<Option<usize>, SegmentError> {
        if peer.0 >= self.ranks {
            return self.far.send_piece(peer, header, len, words, fill);
        }
        let sent = self
            .outgoing
            .send_piece(peer.0, &envelope(header), len, words, fill)?;
        Ok(match sent {
            Sent::Bytes(n) => Some(n),
            Sent::Full => None,
        })
    }

    #[inline]
    fn sent(&self, peer: Proc) -> u64 {
        if peer.0 >= self.ranks {
            return self.far.sent(peer);
        }
        self.outgoing.sent(peer.0)
    }

    #[inline]
    fn idle(&mut self) {
        self.outgoing.prepare();
        if !self.far.is_empty() {
            self.far.prepare();
        }
    }

    fn set_pressure(&mut self, on: bool) {
        let pressure = &self.segment.record(self.me.0).pressure;
        if (pressure.load(Ordering::Relaxed) != 0) != on {
            pressure.store(u32::from(on), Ordering::Relaxed);
        }
        self.far.set_pressure(on);
    }

    #[inline]
    fn has_pressure(&self, peer: Proc) -> bool {
        if peer.0 >= self.ranks {
            return self.far.has_pressure(peer);
        }
        self.segment.record(peer.0).pressure.load(Ordering::Relaxed) != 0
    }

    fn is_asleep(&self, peer: Proc) -> bool {
        if peer.0 >= self.ranks {
            let record = self.far.record(peer);
            return record.is_some_and(|record| record.asleep.load(Ordering::Relaxed) != 0);
        }
        self.segment.record(peer.0).asleep.load(Ordering::Relaxed) != 0
    }

    #[inline]
    fn shares_memory(&self, peer: Proc) -> bool {
        peer.0 < self.ranks || !self.far.is_on_other_node(peer)
    }

    #[inline]
    fn reach(&mut self, peer: Proc, addr: u64, len: usize) -> Option<Remote> {
        let reached = match peer.0 < self.ranks {
            true => self.peers.reach(peer.0, addr, len),
            false => {
                let (peers, rank) = self.far.memory(peer)?;
                peers.reach(rank, addr, len)
            }
        };
        let access = match reached {
            Some(Reached::Mapped(at)) => Access::Mapped(at),
            Some(Reached::Attached(_)) => Access::Attached,
            None => return self.reach_by_call(peer, addr),
        };
        Some(Remote { peer, addr, access })
    }

    fn reach_by_call(&mut self, peer: Proc, addr: u64) -> Option<Remote> {
        let pid = match peer.0 < self.ranks {
            true => self.peers.cma(peer.0)?,
            false => {
                let (peers, rank) = self.far.memory(peer)?;
                peers.cma(rank)?
            }
        };
        let access = Access::ByCall(pid);
        Some(Remote { peer, addr, access })
    }

    #[inline]
    fn is_exported(&mut self, addr: u64, len: usize) -> bool {
        self.peers.is_exported(addr, len)
    }

    #[inline]
    fn is_mappable(&mut self, addr: u64, len: usize) -> bool {
        self.peers.is_in_file(addr, len)
    }

    #[inline]
    fn is_replaced(&mut self, addr: u64, len: usize) -> bool {
        self.peers.is_replaced(addr, len)
    }

    #[inline]
    fn lets_peers_write(&self) -> bool {
        self.lets_peers_write
    }

    fn leaves_choice(&self) -> bool {
        self.peers.may_choose()
    }

    fn give_up(&mut self, remote: &Remote) {
        let peers = match remote.peer.0 < self.ranks {
            true => Some((&mut self.peers, remote.peer.0)),
            false => self.far.memory(remote.peer),
        };
        let Some((peers, rank)) = peers else { return };
        match remote.access {
            Access::ByCall(_) => peers.forget_cma(rank),
            _ => peers.forget_driver(rank),
        }
    }

    #[inline]
    unsafe fn get(
        &mut self,
        from: &Remote,
        offset: usize,
        to: &Memory,
        range: Range<usize>,
    ) -> Result<(), CopyError> {
        match from.access {
            Access::Mapped(at) => {
                let at = at.as_ptr().wrapping_add(offset);
                // SAFETY: the peer leaves these bytes as they are until it gets its
                // answer; the caller vouches for the range.
                unsafe { from_peer(at, to, range, false) }.map_err(peer_fault)
            }
            Access::Attached => self.by_windows(from, offset, range, |at, range| {
                // SAFETY: as above, but for what the peer may have unmapped.
                unsafe { from_peer(at, to, range, true) }
            }),
            Access::ByCall(pid) => {
                let addr = from.addr + offset as u64;
                let copied = match to.run() {
                    // SAFETY: the caller vouches for the range.
                    Some(to) => unsafe { cma::read(pid, addr, to.add(range.start), range.len()) },
                    // SAFETY: as above.
                    None => by_vectors(addr, to, range, |at, pieces| unsafe {
                        cma::read_pieces(pid, at, pieces)
                    }),
                };
                copied.map_err(|error| refusal(pid, &error))
            }
        }
    }

    unsafe fn get_together(&mut self, pieces: &[(Remote, *mut u8, usize)]) -> usize {
        let pieces = &pieces[..pieces.len().min(TOGETHER)];
        let Some(Access::ByCall(pid)) = pieces.first().map(|first| first.0.access) else {
            return 0;
        };
        let mut from: Vec<_> = pieces
            .iter()
            .map(|(from, _, n)| cma::peer_piece(from.addr, *n))
            .collect();
        let mut to: Vec<_> = pieces
            .iter()
            .map(|(_, to, n)| cma::local_piece(*to, *n))
            .collect();
        // SAFETY: the caller vouches for each destination.
        let done = unsafe {
            cma::transfer(
                Direction::Read,
                pid,
                &mut to.as_mut_slice(),
                &mut from.as_mut_slice(),
            )
        };
        let mut copied = done.unwrap_or_else(|error| error.copied);
        let whole = pieces.iter().take_while(|(.., n)| {
            let left = copied.checked_sub(*n);
            copied = left.unwrap_or(0);
            left.is_some()
        });
        whole.count()
    }

    unsafe fn copy_runs(
        &mut self,
        flow: Flow,
        first: &Remote,
        runs: &[(u64, usize)],
        here: *mut u8,
    ) -> Result<(), (usize, CopyError)> {
        let Access::ByCall(pid) = first.access else {
            return Err((0, CopyError::Access));
        };
        // SAFETY: the caller's bytes.
        unsafe { by_lists(flow, pid, runs, here) }
    }

    unsafe fn put(
        &mut self,
        to: &Remote,
        from: &Memory,
        range: Range<usize>,
    ) -> Result<(), CopyError> {
        let offset = range.start;
        match to.access {
            Access::Mapped(at) => {
                let at = at.as_ptr().wrapping_add(offset);
                // SAFETY: the peer told of a buffer of the message's length there, and
                // waits for what was claimed; the caller vouches for the range.
                unsafe { to_peer(from, range, at, false) }.map_err(peer_fault)
            }
            Access::Attached => self.by_windows(to, offset, range, |at, range| {
                // SAFETY: as above, but for what the peer may have unmapped.
                unsafe { to_peer(from, range, at, true) }
            }),
            Access::ByCall(pid) => {
                let addr = to.addr + offset as u64;
                // SAFETY: the caller vouches for the range.
                let copied = by_vectors(addr, from, range, |at, pieces| unsafe {
                    cma::write_pieces(pid, at, pieces)
                });
                copied.map_err(|error| refusal(pid, &error))
            }
        }
    }

    fn map(&mut self, peer: Proc, addr: u64, len: usize) -> Option<(NonNull<u8>, Shared)> {
        if peer.0 >= self.ranks {
            return None;
        }
        let shared = self.peers.share(peer.0, addr, len)?;
        Some((shared.at(), shared))
    }

    fn adopt(&mut self, addr: u64, len: usize) -> Option<u64> {
        self.peers.adopt(addr, len)
    }

    fn release(&mut self, addr: u64) {
        heap::release(usize::try_from(addr).unwrap_or(0));
    }

    fn take_slot(&mut self) -> Option<ShmSlot> {
        let mut place = self.slots.take(self.segment).ok()??;
        let turn = place.open(self.segment);
        Some(ShmSlot::new(self.segment, place, turn))
    }

    fn give_slot(&mut self, slot: ShmSlot) {
        self.slots.give(slot.into_place());
    }

    fn join_slot(&mut self, peer: Proc, id: SlotId, total: u64, front: u64) -> SenderSide {
        let far = (peer.0 >= self.ranks)
            .then(|| self.far.place(peer))
            .flatten();
        let segment = far.map_or(self.segment, |far| far.0);
        let slot = segment.at(id.at).cast::<cooperative::Slot>();
        // SAFETY: a slot of a peer's; the segment is not unmapped before the copy is over.
        unsafe { SenderSide::join(slot, id.turn, total, front) }
    }

    #[inline]
    fn wake(&self, peer: Proc) {
        if peer.0 >= self.ranks {
            if let Some((segment, rank)) = self.far.place(peer) {
                wait::ring_bell(segment, segment.record(rank));
            }
            return;
        }
        wait::ring_bell(self.segment, self.segment.record(peer.0));
    }

    fn make_board(&mut self, members: u32) -> Option<u64> {
        self.allocate(board_len(members))
    }

    #[inline]
    fn board(&self, place: u64, members: u32) -> ShmBoard {
        // SAFETY: `make_board` allocated it there, for so many members or more; it is
        // used as a board only, and the segment is never unmapped.
        ShmBoard(unsafe { Board::new(self.segment.at(place), members) })
    }

    fn make_bulletin(&mut self, members: u32) -> Option<u64> {
        self.allocate(bulletin_len(members))
    }

    #[inline]
    fn bulletin(&self, place: u64, members: u32) -> ShmBulletin {
        // SAFETY: as in `board`.
        ShmBulletin(unsafe { Bulletin::new(self.segment.at(place), members) })
    }

    fn make_room(&mut self, len: usize) -> Option<u64> {
        self.allocate(len as u64)
    }

    #[inline]
    fn room(&self, place: u64, len: usize) -> *mut u8 {
        let last = len.saturating_sub(1);
        let end = self.segment.at(place + last as u64); // it is mapped as far as that
        end.as_ptr().wrapping_sub(last)
    }

    fn open_bridge(&mut self, inbox: &mut ShmInbox, opening: BridgeOpening) -> Result<(), String> {
        let bridge = self.far.open(opening, self.segment, self.bridging)?;
        inbox.bridges.push(bridge);
        inbox.has_others = true;
        Ok(())
    }

    fn bridge(&self, first: Proc) -> Option<&Segment> {
        self.far.bridge(first)
    }

    fn far_record(&self, peer: Proc) -> Option<&RankRecord> {
        self.far.record(peer)
    }

    fn has_left(&self, peer: Proc) -> bool {
        peer.0 >= self.ranks && self.far.has_left(peer)
    }

    fn far_bell(&self, peer: Proc) -> Option<Box<dyn FarBell>> {
        if peer.0 < self.ranks {
            return None;
        }
        let (segment, rank) = self.far.place(peer)?;
        Some(Box::new(ShmFarBell(segment, rank)))
    }

    fn own_job(&self) -> Result<JobPlace, String> {
        let segment = self.segment.place().map_err(|why| why.to_string())?;
        Ok(JobPlace {
            number: self.segment.constants().job,
            segment,
            heap: self.heap,
        })
    }

    fn far_jobs(&self, first: Proc) -> Vec<JobPlace> {
        self.far.places(first)
    }

    fn close_bridge(&mut self, inbox: &mut ShmInbox, first: Proc) {
        inbox.bridges.retain(|bridge| !bridge.is(first));
        inbox.has_others = !inbox.bridges.is_empty() || inbox.nodes.is_some();
        self.far.close(first);
    }

    fn open_network(&mut self, opening: &NetworkOpening) -> Result<(), String> {
        match self.far.network() {
            Some(nodes) => nodes.join(opening),
            None => Err("this job has no network open".to_owned()),
        }
    }

    fn close_network(&mut self, first: Proc, count: u32) {
        if let Some(nodes) = self.far.network() {
            nodes.part(first, count);
        }
    }

    fn tell_state(&mut self, peer: Proc, state: State) -> bool {
        self.far
            .network()
            .is_none_or(|nodes| nodes.tell(peer, state))
    }

    fn told_state(&self, peer: Proc) -> Option<State> {
        self.far.told_state(peer)
    }

    fn is_telling(&mut self) -> bool {
        self.far.network().is_some_and(|nodes| nodes.is_sending())
    }

    fn try_arms(&mut self, peer: Proc) -> Vec<ArmTrial> {
        vec![
            ("shared", self.peers.try_shared(peer.0)),
            ("driver", self.peers.try_driver(peer.0)),
            ("cma", self.peers.try_cma(peer.0)),
        ]
    }

    fn attachments(&self) -> usize {
        self.peers.attachments()
    }

    fn has_driver(&self) -> bool {
        self.peers.has_driver()
    }
}

impl Shm {
    /// Bytes of the segment for what a job can do without. Half of it is left to the rings.
    fn allocate(&self, len: u64) -> Option<u64> {
        let taken = self.segment.head().arena_next.load(Ordering::Relaxed);
        if taken > self.segment.constants().arena_limit / 2 {
            return None;
        }
        self.segment.allocate(len).ok()
    }

    /// Copies `range`, which lies at `offset` of a peer's attached bytes, window by
    /// window: calls `copy` with where each is here.
    fn by_windows(
        &mut self,
        remote: &Remote,
        offset: usize,
        range: Range<usize>,
        mut copy: impl FnMut(*mut u8, Range<usize>) -> Result<(), Fault>,
    ) -> Result<(), CopyError> {
        let addr = remote.addr + offset as u64;
        let mut done = 0;
        while done < range.len() {
            let left = range.len() - done;
            let window = self.peers.window(remote.peer.0, addr + done as u64, left);
            let (at, n) = window.map_err(|lost| match lost {
                Lost::Way(_) => CopyError::Access,
                Lost::Memory(why) => CopyError::PeerMemory(why),
            })?;
            let start = range.start + done;
            copy(at, start..start + n).map_err(peer_fault)?;
            done += n;
        }
        Ok(())
    }
}
