//! Rendezvous: what happens to a message that was announced, once it has met its
//! receive. The receiver decides ([`protocol`]) and drives.
//!
//! ```text
//!           RTS meets its receive
//!                    │ plan
//!     ┌──────────────┼───────────────────┬──────────────┐
//!    get        cooperative, put        runs         pipeline
//!     │              │ JOIN ▶ (or RTR)   │ CTS ▶        │ CTS ▶
//!     │ copy   copy ┄┄┄ the sender puts  │ ◀ RUNS: get  │ ◀ DATA, DATA, …
//!     ├──────────────┤                   │              │
//!     │ whole        │ failed            │ last         │ last
//!    FIN ▶          CTS ▶ (pipeline)    FIN ▶        complete
//! ```
//!
//! FIN completes the send; with DATA it is complete once its last piece is out. An arm
//! that is refused half-way (CMA under a new seccomp filter, a page that the peer
//! protects) begins the message anew as a pipeline.

mod ahead;
pub(super) mod cooperative;
mod get;
pub(super) mod pipeline;
mod put;
mod rtr;
mod runs;

use crate::object::comm::ContextId;
use crate::object::group::Proc;
use crate::pml::counters::{self, Arm};
use crate::pml::learnt::Learnt;
use crate::pml::learnt::arm::{LargeArm, Trial};
use crate::pml::matching::Pattern;
use crate::pml::memory::{Buffer, Memory};
use crate::pml::protocol::{self, FetchFacts, Protocol, Reach, as_mapped};
use crate::pml::queues::Queues;
use crate::pml::request::{Phase, RequestId, RequestRef, State};
use crate::pml::transport::{Access, Arrival, ReceiverSlot, Remote, SlotId, Transport};
use crate::pml::wire::{Control, Cts, Join, Place, Rtr};
use ahead::OwnAhead;
use cooperative::{CALL_CHUNK, Cooperative, Shares};
use get::Get;
use pipeline::{Pieces, Stream};
use put::Puts;
use rtr::Rtrs;
use runs::Spans;
use std::collections::VecDeque;
use std::ops::Range;
use std::time::Instant;

/// Bytes that are copied at once, without looking at what else has arrived.
const AT_ONCE: usize = 128 << 10;

/// The most messages that one call copies together.
const TOGETHER: usize = 16;

/// A get of a matched receive.
#[derive(Debug)]
struct Transfer<T: Transport> {
    get: Get<T>,
    receive: RequestRef,
}

/// Announced messages that this rank receives, and sends that it puts.
#[derive(Debug)]
pub(super) struct Transfers<T: Transport> {
    gets: VecDeque<Transfer<T>>,
    puts: Puts<T>,
    spans: Spans,
    rtrs: Rtrs<T>,
    ahead: OwnAhead,
    /// Bytes of the shortest chunk that is copied by loads and stores.
    chunk: usize,
    is_oversubscribed: bool,
    /// Arrivals are being looked at, after which copies go on.
    is_polling: bool,
}

/// An announced message and the receive that it has met.
#[derive(Clone, Copy, Debug)]
pub(super) struct Meeting {
    /// The sender, its number for the message, and where it says that it is.
    pub(super) peer: Proc,
    pub(super) id: RequestId,
    pub(super) place: Place,
    /// Bytes that the receive takes.
    pub(super) len: usize,
    /// The program has rewritten them since it sent them last.
    pub(super) rewritten: bool,
    /// The receive buffer, if it is one run.
    pub(super) to: Option<*mut u8>,
    /// More receives of the same context are posted.
    pub(super) more_posted: bool,
}

/// What was decided.
#[derive(Debug)]
pub(super) struct Plan<T: Transport> {
    protocol: Protocol,
    /// The message's bytes at the sender, or those that it spans there.
    from: Option<Remote>,
    span: usize,
    shared: Option<Cooperative<T>>,
    trial: Option<Trial>,
    /// It is got together with others.
    waits: bool,
}

/// Counts a message that is fetched in this way.
#[inline]
fn note(protocol: Protocol, from: Option<&Remote>, meeting: &Meeting) {
    let arm = match (protocol, from.map(|from| from.access)) {
        (Protocol::Pipeline | Protocol::Eager, _) => Arm::Copy,
        (_, Some(Access::ByCall(_))) => Arm::Cma,
        (_, Some(Access::Attached)) => Arm::Driver,
        (_, Some(Access::Mapped(_)) | None) => Arm::Shared,
    };
    counters::fetched(protocol, arm, meeting.peer, meeting.len);
}

impl<T: Transport> Transfers<T> {
    /// Copies in chunks of `chunk` bytes at least.
    pub(super) fn new(ranks: u32, chunk: usize, is_oversubscribed: bool) -> Transfers<T> {
        Transfers {
            gets: VecDeque::new(),
            puts: Puts::new(is_oversubscribed),
            spans: Spans::default(),
            rtrs: Rtrs::new(ranks),
            ahead: OwnAhead::default(),
            chunk,
            is_oversubscribed,
            is_polling: false,
        }
    }

    /// There are processes up to this number.
    pub(super) fn grow(&mut self, procs: u32) {
        self.rtrs.grow(procs);
    }

    /// Whether any copies are under way.
    #[inline]
    pub(super) fn is_idle(&self) -> bool {
        self.gets.is_empty() && self.puts.is_empty()
    }

    /// Whether any copies from or to these processes are under way.
    pub(super) fn is_engaged(&self, range: &Range<u32>) -> bool {
        let mut gets = self.gets.iter().map(|get| get.receive.peer.get());
        gets.any(|peer| range.contains(&peer.0)) || self.puts.any_to(range)
    }

    /// Called when there is nothing else to do.
    #[inline]
    pub(super) fn idle(&mut self) {
        self.ahead.step();
    }

    /// Whether there are more ranks than processors.
    pub(super) fn is_oversubscribed(&self) -> bool {
        self.is_oversubscribed
    }

    /// Says that arrivals are being looked at, or no more.
    #[inline]
    pub(super) fn set_polling(&mut self, is_polling: bool) {
        self.is_polling = is_polling;
    }

    // The receiver.

    /// Fetches a message for its receive, which was matched.
    pub(super) fn fetch(
        &mut self,
        queues: &mut Queues<T>,
        learnt: &mut Learnt,
        receive: &RequestRef,
        (id, place, more_posted): (RequestId, Place, bool),
    ) {
        let (peer, len) = (receive.peer.get(), receive.total.get());
        if len == 0 {
            receive.complete();
            queues.tell(peer, &Control::Fin(id));
            return;
        }
        let meeting = Meeting {
            peer,
            id,
            place,
            len,
            rewritten: false,
            to: receive.memory.run(),
            more_posted,
        };
        let plan = self.plan(queues, learnt, &meeting);
        self.carry_out(queues, learnt, plan, &meeting, receive);
    }

    /// Decides how a message is fetched, and tells the sender where it has a part in it.
    #[inline]
    pub(super) fn plan(
        &mut self,
        queues: &mut Queues<T>,
        learnt: &mut Learnt,
        meeting: &Meeting,
    ) -> Plan<T> {
        let Meeting { peer, len, to, .. } = *meeting;
        let mut plan = Plan {
            protocol: Protocol::Get,
            from: None,
            span: 0,
            shared: None,
            trial: None,
            waits: false,
        };
        if let Place::Run(addr) = meeting.place {
            plan.from = queues.transport().reach(peer, addr, len);
        }
        if let Some(to) = to
            && let Some(shared) = self.rtrs.take(peer, to, len)
        {
            plan.protocol = Protocol::Cooperative;
            plan.shared = Some(shared);
            // The RTR has said that calls copy it; that is so if they are due.
            if plan.from.is_some_and(|from| from.is_by_call())
                && queues.transport().leaves_choice()
                && learnt.is_for_calls(len)
            {
                plan.trial = learnt.begin(len);
            }
            return plan;
        }
        let by_call = plan.from.is_some_and(|from| from.is_by_call());
        let may_choose = by_call && queues.transport().leaves_choice();
        if may_choose {
            plan.trial = learnt.begin(len);
        }
        let reach = match &plan.from {
            Some(_) if by_call => Reach::Calls,
            Some(_) => Reach::Loads,
            None => Reach::Nowhere,
        };
        let is_long = as_mapped(len) >= queues.limits().coop_min;
        let sender_is_near = is_long && self.is_near(queues, peer);
        // Asked only where it matters.
        let may_put = match reach {
            Reach::Nowhere => {
                let transport = queues.transport();
                transport.lets_peers_write() && transport.shares_memory(peer)
            }
            Reach::Loads => sender_is_near,
            Reach::Calls => false,
        };
        let is_exported = may_put
            && to.is_some_and(|to| {
                let addr = to.expose_provenance() as u64;
                queues.transport().is_exported(addr, len)
            });
        if reach == Reach::Nowhere
            && !is_exported
            && let Some((span, len)) = Spans::reach(queues.transport(), peer, meeting.place)
        {
            (plan.from, plan.span) = (Some(span), len);
        }
        let facts = FetchFacts {
            len,
            reach,
            pieces_are_faster: may_choose
                && plan.trial.is_none_or(|trial| trial.arm == LargeArm::Pieces),
            is_run: to.is_some(),
            is_exported,
            reaches_span: plan.span > 0,
            sender_is_near,
            has_company: by_call && self.has_company(meeting),
        };
        plan.protocol = protocol::fetch(&facts, queues.limits());
        plan.waits = facts.has_company;
        if let (Protocol::Cooperative | Protocol::Put, Some(to)) = (plan.protocol, to) {
            plan.shared = self.ask_sender(queues, learnt, meeting, (to, by_call, plan.protocol));
            if plan.shared.is_none() {
                plan.protocol = match plan.from {
                    Some(_) => Protocol::Get,
                    None => Protocol::Pipeline,
                };
            }
        }
        plan
    }

    /// Whether `peer` is likely to look soon for what it is asked, and may write here.
    fn is_near(&self, queues: &mut Queues<T>, peer: Proc) -> bool {
        !self.is_oversubscribed
            && queues.is_clear(peer)
            && queues.transport().lets_peers_write()
            && !queues.transport().is_asleep(peer)
    }

    /// Whether calls may soon have more to copy than this message: then one does all.
    fn has_company(&self, meeting: &Meeting) -> bool {
        let is_whole = |last: &Transfer<T>| last.get.whole_piece().is_some();
        self.is_polling
            && meeting.len <= get::TOGETHER_MOST
            && (self.gets.back().is_some_and(is_whole) || meeting.more_posted)
    }

    /// Asks the sender to put its part of a message, or all of it, to `to`. `None`: there
    /// is no slot, or no room to tell.
    fn ask_sender(
        &mut self,
        queues: &mut Queues<T>,
        learnt: &mut Learnt,
        meeting: &Meeting,
        (to, by_call, protocol): (*mut u8, bool, Protocol),
    ) -> Option<Cooperative<T>> {
        let Meeting { peer, id, len, .. } = *meeting;
        let least = if by_call { CALL_CHUNK } else { self.chunk };
        let all = protocol == Protocol::Put;
        let shares = match all {
            true => Shares::of_sender(len, least),
            false => Shares::new(len, least, learnt.head_start(peer, len, by_call))?,
        };
        let comes = all || learnt.sender_comes(peer, len, by_call);
        let slot = queues.transport().take_slot()?;
        let shared = Cooperative::<T>::begin(slot, shares, comes, false);
        let join = Control::Join(Join {
            send: id,
            slot: shared.slot.id(),
            addr: to.expose_provenance() as u64,
            len: len as u64,
            chunk: shares.chunk as u64,
            front: shares.front,
            by_call,
            all,
        });
        if all {
            queues.tell(peer, &join);
        } else if !queues.try_tell(peer, &join) {
            shared.slot.close();
            queues.transport().give_slot(shared.slot);
            return None;
        }
        Some(shared)
    }

    /// Does for a matched receive what was decided.
    pub(super) fn carry_out(
        &mut self,
        queues: &mut Queues<T>,
        learnt: &mut Learnt,
        plan: Plan<T>,
        meeting: &Meeting,
        receive: &RequestRef,
    ) {
        receive.trial.set(plan.trial);
        note(plan.protocol, plan.from.as_ref(), meeting);
        let sender = (meeting.peer, meeting.id);
        match (plan.protocol, plan.from) {
            (Protocol::Pipeline | Protocol::Eager, _) => {
                self.ask_for_pieces(queues, learnt, receive, sender, false);
            }
            (Protocol::Runs, Some(from)) => {
                let own = self.ask_for_pieces(queues, learnt, receive, sender, true);
                self.spans.insert(own, (from, plan.span));
            }
            _ => {
                let waits = plan.waits;
                let mut get = self.get_of(plan, meeting, receive.memory.clone());
                if !waits {
                    self.start(queues, &mut get);
                }
                self.go_on(queues, learnt, get, receive.clone());
            }
        }
    }

    fn get_of(&self, plan: Plan<T>, meeting: &Meeting, memory: Memory) -> Get<T> {
        let sender = (meeting.peer, meeting.id);
        Get::new(sender, plan.from, memory, meeting.len, plan.shared)
    }

    /// Asks for a message in pieces, or for where its runs are. The number here of its
    /// receive.
    fn ask_for_pieces(
        &mut self,
        queues: &mut Queues<T>,
        learnt: &mut Learnt,
        receive: &RequestRef,
        (peer, send): (Proc, RequestId),
        runs: bool,
    ) -> RequestId {
        let wanted = receive.total.get();
        receive.moved.set(0);
        let own = queues.name(receive);
        let eagerly =
            learnt.is_for_pieces(wanted) || queues.transport().reach_by_call(peer, 0).is_none();
        let cts = Cts {
            send,
            receive: own,
            wanted,
            runs,
            eagerly,
        };
        queues.tell(peer, &Control::Cts(cts));
        own
    }

    /// Gets a short message of an expected receive at once, if loads reach it. Whether it
    /// was.
    ///
    /// # Safety
    /// `meeting.to` is the receive buffer, which has room for the message.
    #[inline]
    pub(super) unsafe fn get_now(
        &mut self,
        queues: &mut Queues<T>,
        learnt: &mut Learnt,
        meeting: &Meeting,
    ) -> bool {
        let Meeting { peer, len, .. } = *meeting;
        if let (Place::Run(addr), Some(to)) = (meeting.place, meeting.to)
            && protocol::is_short(len, queues.limits())
            && !self.rtrs.is_sent()
            && let Some(from) = queues.transport().reach(peer, addr, len)
            && !from.is_by_call()
        {
            let memory = Memory::of(&Buffer::bytes(to, len));
            let is_due = meeting.rewritten && learnt.is_due(peer, len);
            let began = is_due.then(Instant::now);
            // SAFETY: the caller's buffer.
            if unsafe { queues.transport().get(&from, 0, &memory, 0..len) }.is_ok() {
                let took = began.map(|began| began.elapsed());
                queues.tell(peer, &Control::Fin(meeting.id));
                note(Protocol::Get, Some(&from), meeting);
                if let Some(took) = took {
                    learnt.note_copy(peer, len, took);
                }
                return true;
            }
        }
        false
    }

    /// Does at once what was decided for an expected receive of one run, if it can be
    /// done at once. Whether it was; else the plan, to be carried out.
    ///
    /// # Safety
    /// `meeting.to` is the receive buffer, which has room for the message.
    #[inline]
    pub(super) unsafe fn carry_out_now(
        &mut self,
        queues: &mut Queues<T>,
        learnt: &mut Learnt,
        plan: Plan<T>,
        meeting: &Meeting,
        become_posted: impl FnOnce() -> RequestRef,
    ) -> bool {
        let Meeting { peer, len, .. } = *meeting;
        let to = meeting.to.unwrap_or(std::ptr::null_mut());
        let memory = Memory::of(&Buffer::bytes(to, len));
        if plan.protocol == Protocol::Get
            && len <= AT_ONCE
            && let Some(from) = &plan.from
        {
            // SAFETY: the caller's buffer.
            if unsafe { queues.transport().get(from, 0, &memory, 0..len) }.is_ok() {
                learnt.end(plan.trial, len, Instant::now);
                note(plan.protocol, plan.from.as_ref(), meeting);
                queues.tell(peer, &Control::Fin(meeting.id));
                return true;
            }
        } else if plan.from.is_some() && plan.protocol != Protocol::Pipeline {
            note(plan.protocol, plan.from.as_ref(), meeting);
            let trial = plan.trial;
            let mut get = self.get_of(plan, meeting, memory);
            self.start(queues, &mut get);
            if get.is_whole() {
                self.settle(queues, learnt, &mut get);
                learnt.end(trial, len, Instant::now);
                return true;
            }
            let receive = become_posted();
            receive.trial.set(trial);
            self.go_on(queues, learnt, get, receive);
            return false;
        }
        let receive = become_posted();
        self.carry_out(queues, learnt, plan, meeting, &receive);
        false
    }

    /// Copies a first turn's worth, if it is this message's turn: the sender hears of it
    /// meanwhile.
    fn start(&mut self, queues: &mut Queues<T>, get: &mut Get<T>) {
        let is_first = self.gets.is_empty();
        if get.has_own() && (is_first || get.is_short()) {
            get.copy_on(queues.transport(), is_first && self.puts.is_empty());
        }
    }

    /// Goes on with what was begun.
    fn go_on(
        &mut self,
        queues: &mut Queues<T>,
        learnt: &mut Learnt,
        get: Get<T>,
        receive: RequestRef,
    ) {
        let transfer = Transfer { get, receive };
        if transfer.get.is_over() {
            self.end(queues, learnt, transfer);
        } else {
            self.gets.push_back(transfer);
        }
    }

    /// Copies on. Returns whether anything was copied.
    pub(super) fn move_on(&mut self, queues: &mut Queues<T>, learnt: &mut Learnt) -> bool {
        let mut any = self.puts.move_on(queues.transport());
        while self.gets.front().is_some_and(|first| first.get.is_over())
            && let Some(first) = self.gets.pop_front()
        {
            any = true;
            self.end(queues, learnt, first);
        }
        any |= self.get_together(queues, learnt);
        // The oldest of which a part is this rank's own; else what a sender has not come
        // to, of the newest, since it begins with the oldest.
        let own = self.gets.iter().position(|one| one.get.has_own());
        let next = own.or_else(|| self.gets.iter_mut().rposition(|one| one.get.take_over()));
        if let Some(at) = next {
            let is_alone = self.gets.len() == 1 && self.puts.is_empty();
            self.gets[at].get.copy_on(queues.transport(), is_alone);
            return true;
        }
        // One that waits for its sender keeps nobody else waiting.
        let over = self.gets.iter().position(|one| one.get.is_over());
        if let Some(other) = over.and_then(|at| self.gets.remove(at)) {
            self.end(queues, learnt, other);
            any = true;
        }
        any
    }

    /// Has one call copy the first messages, if there are several of one peer: a call takes
    /// as long as to copy some of them. Returns whether any came whole; one that did not
    /// is tried again by itself.
    fn get_together(&mut self, queues: &mut Queues<T>, learnt: &mut Learnt) -> bool {
        let pieces = self.gets.iter().map_while(|one| one.get.whole_piece());
        let pieces: Vec<_> = match self.gets.front().map(|first| first.get.peer) {
            Some(peer) => pieces
                .take_while(|(from, ..)| from.peer == peer)
                .take(TOGETHER)
                .collect(),
            None => return false,
        };
        if pieces.len() < 2 {
            return false;
        }
        let began = Instant::now();
        // SAFETY: each is the run of a receive that is not done, which is as long as its
        // message at least.
        let whole = unsafe { queues.transport().get_together(&pieces) };
        let each = began.elapsed() / u32::try_from(whole.max(1)).unwrap_or(1);
        for i in (1..).take(whole) {
            let Some(mut one) = self.gets.pop_front() else {
                break;
            };
            // As if one had been copied after the other.
            let ended = || began + each * i;
            learnt.end(one.receive.trial.take(), one.get.total, ended);
            one.get.was_copied();
            self.end(queues, learnt, one);
        }
        whole > 0
    }

    /// Ends a message that this rank got: whole, or to begin anew.
    fn end(&mut self, queues: &mut Queues<T>, learnt: &mut Learnt, transfer: Transfer<T>) {
        let Transfer { mut get, receive } = transfer;
        if let Some(error) = get.lost.take() {
            receive.fail(error);
        }
        let trial = receive.trial.take();
        if self.settle(queues, learnt, &mut get) {
            let total = receive.total.get();
            receive.moved.set(total);
            learnt.end(trial, total, Instant::now);
            receive.complete();
        } else {
            learnt.forget(trial);
            self.ask_for_pieces(queues, learnt, &receive, (get.peer, get.id), false);
        }
    }

    /// Tells the sender, if the message is whole, and learns from how it went. Returns
    /// whether it is whole.
    fn settle(&mut self, queues: &mut Queues<T>, learnt: &mut Learnt, get: &mut Get<T>) -> bool {
        let is_whole = !get.begins_anew();
        if is_whole {
            queues.tell(get.peer, &Control::Fin(get.id)); // it waits for nothing else
        }
        if let Some(shared) = get.shared.take() {
            if let Some(ending) = shared.ending() {
                let copy = (get.total, shared.shares.chunk, get.is_by_call());
                learnt.note_ending(get.peer, copy, ending, shared.after_rtr);
            }
            queues.transport().give_slot(shared.slot);
        }
        is_whole
    }

    /// Takes a piece that was asked for.
    pub(super) fn take_piece(
        &mut self,
        queues: &mut Queues<T>,
        learnt: &mut Learnt,
        own: RequestId,
        a: &Arrival<'_>,
    ) {
        let Some(receive) = queues.named(own) else {
            return;
        };
        // SAFETY: the arrival's bytes.
        unsafe { receive.deliver(receive.moved.get(), a.data, a.len) };
        let total = receive.total.get();
        if receive.moved.get() >= total {
            queues.unname(own);
            learnt.end(receive.trial.take(), total, Instant::now);
            receive.complete();
        }
    }

    /// Gets the runs that a sender tells of.
    pub(super) fn take_runs(
        &mut self,
        queues: &mut Queues<T>,
        (own, send): (RequestId, RequestId),
        a: &Arrival<'_>,
    ) {
        if let Some(receive) = queues.named(own)
            && self.spans.get(queues.transport(), own, &receive, a)
        {
            queues.unname(own);
            receive.complete();
            queues.tell(a.from, &Control::Fin(send));
        }
    }

    // RTRs.

    /// Sends an RTR for an expected receive of `room` bytes at `addr`, if that is likely
    /// to be of use. `taken`: messages of `peer` that were taken.
    pub(super) fn send_rtr(
        &mut self,
        queues: &mut Queues<T>,
        learnt: &mut Learnt,
        (peer, taken): (Proc, u64),
        (context, pattern): (ContextId, Pattern),
        (addr, room): (*mut u8, usize),
    ) {
        let Some((likely, by_call)) = learnt.next_rtr(peer, room) else {
            return;
        };
        let is_worth = match by_call {
            true => {
                let is_for_calls =
                    !queues.transport().leaves_choice() || learnt.is_for_calls(likely);
                is_for_calls && as_mapped(likely) >= queues.limits().coop_min
            }
            false => true,
        };
        if is_worth && self.is_near(queues, peer) {
            let rtr = Rtr {
                slot: SlotId { at: 0, turn: 0 },
                context,
                tag: pattern.tag,
                addr: addr.expose_provenance() as u64,
                room,
                least: 0,
                by_call,
                cell: taken,
                chunk: self.chunk,
                head_start: 0,
            };
            self.rtrs.send(queues, learnt, (peer, likely), rtr);
        }
    }

    /// Whether an RTR was sent that no message has gone by.
    #[inline]
    pub(super) fn has_rtr(&self) -> bool {
        self.rtrs.is_sent()
    }

    /// Takes back the RTR that was sent. `false`: its sender has taken it up, and the RTS is
    /// there.
    #[cold]
    pub(super) fn withdraw_rtr(&mut self, queues: &mut Queues<T>, learnt: &mut Learnt) -> bool {
        self.rtrs.withdraw(queues, learnt)
    }

    // The sender.

    /// What an RTS says of where a scattered send is.
    pub(super) fn scattered_place(queues: &mut Queues<T>, send: &State) -> Place {
        runs::place_of(queues.transport(), send)
    }

    /// The receiver asks for this rank's part of a message.
    pub(super) fn take_join(&mut self, queues: &mut Queues<T>, peer: Proc, told: &Join) {
        self.puts.join(queues, peer, told);
    }

    /// A message in one run was announced just now.
    pub(super) fn was_announced(
        &mut self,
        queues: &mut Queues<T>,
        send: &RequestRef,
        id: RequestId,
    ) {
        let peer = send.peer.get();
        let cell = queues.transport().sent(peer).wrapping_sub(1);
        if let Some(rtr) = self.rtrs.announced(peer, cell, id) {
            self.puts.take_up(queues, send, &rtr);
        }
    }

    /// A receiver tells where the next message goes.
    pub(super) fn take_rtr(&mut self, queues: &mut Queues<T>, peer: Proc, rtr: Rtr) {
        let announced = self.rtrs.received(peer, rtr);
        if let Some(send) = announced.and_then(|id| queues.named(id)) {
            self.puts.take_up(queues, &send, &rtr);
        }
    }

    /// The receiver has a send, or has matched it.
    pub(super) fn take_fin(&mut self, queues: &mut Queues<T>, id: RequestId) {
        if let Some(send) = queues.unname(id) {
            self.puts.leave(&send);
            if send.rewritten.get() && !self.is_oversubscribed {
                self.ahead.begin(&send.memory);
            }
            send.complete();
        }
    }

    /// The receiver wants a send in pieces, or to know where its runs are.
    pub(super) fn take_cts(&mut self, queues: &mut Queues<T>, learnt: &mut Learnt, cts: &Cts) {
        let Some(send) = queues.named(cts.send) else {
            return;
        };
        self.puts.leave(&send);
        if cts.eagerly {
            learnt.prefer_eager(send.peer.get(), send.memory.len());
        }
        send.total.set(send.total.get().min(cts.wanted));
        send.moved.set(0);
        send.phase.set(Phase::Streaming);
        let pieces = match cts.runs {
            true => Pieces::Runs(cts.receive),
            false => Pieces::Asked(cts.receive),
        };
        queues.stream(Stream::new(send, pieces));
    }
}
