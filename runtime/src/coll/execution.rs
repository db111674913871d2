//! Carries out a plan, step by step.
//!
//! An error (a message too long or too short, a lost peer) is kept for the end, and the
//! rest is done all the same, as far as it goes: the peers count on it. A plan that cannot
//! come to an end is broken off ([`Execution::look`]).

use super::block::Block;
use super::check::CheckedPlan;
use super::compare::{Check, too_short};
use super::memory;
use super::plan::{Channel, Plan, Step};
use crate::error::{Error, Result};
use crate::object::collective::{Tag, Tags};
use crate::object::comm::{Comm, Space};
use crate::pml::collective::{self, Verdict, Watch};
use crate::pml::{self, Buffer, Mode, WaitFor};
use std::cell::RefCell;
use std::sync::Arc;
use wireup::collective::Kind;

/// One execution of a plan: it goes from step to step, and stops at a wait until its
/// messages are done.
#[derive(Debug)]
pub(super) struct Execution {
    comm: Arc<Comm>,
    tags: Tags,
    plan: Plan,
    /// What the ranks compare first, if they do.
    check: Option<Box<Check>>,
    /// The step that comes next.
    next: usize,
    /// Messages under way, each with the bytes that are to come (0: it goes out).
    pending: Vec<(pml::Request, u32, usize)>,
    error: Option<Error>,
    watch: Watch,
    course: Course,
    /// True for a nonblocking or persistent collective.
    is_request: bool,
}

/// Where an execution leads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Course {
    ToTheEnd,
    /// It cannot come to an end: no more steps are begun.
    BrokenOff,
    /// It begins again under the collective's next number.
    StartsAnew,
}

impl Execution {
    /// Of a plan that is carried out at once, or as a request.
    pub(super) fn new(
        comm: Arc<Comm>,
        tags: Tags,
        planned: CheckedPlan,
        is_request: bool,
    ) -> Execution {
        Execution {
            comm,
            tags,
            plan: planned.plan,
            check: planned.check,
            next: 0,
            pending: Vec::new(),
            error: None,
            watch: Watch::default(),
            course: Course::ToTheEnd,
            is_request,
        }
    }

    /// Goes as far as it can without waiting. Returns whether anything moved, and whether
    /// the end is reached.
    pub(super) fn advance(&mut self) -> (bool, bool) {
        let mut moved = self.collect();
        while let Some(step) = self.plan.steps.get(self.next) {
            if matches!(step, Step::Wait) && !self.pending.is_empty() {
                return (moved, false);
            }
            let step = *step;
            self.next += 1;
            moved = true;
            self.take(step);
        }
        if self.course == Course::StartsAnew && self.is_request && self.pending.is_empty() {
            self.begin_anew();
            return (true, self.advance().1);
        }
        (moved, self.pending.is_empty())
    }

    /// The messages that it waits for, all of which must come.
    pub(super) fn waits_for(&self) -> WaitFor {
        let open = self.pending.iter().filter(|pending| !pending.0.is_done());
        WaitFor::all_of(open.map(|pending| pending.0.waits_for()))
    }

    #[cold]
    fn begin_anew(&mut self) {
        self.leave();
        self.tags = self.comm.begin_collective(self.tags.peers.kind());
        self.enter();
        self.rewind();
    }

    /// Says that a request for it is under way.
    pub(super) fn enter(&self) {
        collective::enter(&self.comm, self.tags.peers);
    }

    fn leave(&self) {
        collective::leave(&self.comm, self.tags.peers);
    }

    /// What follows when the end is reached: the peers hear of an error, and a plan that
    /// is never started again is dropped.
    pub(super) fn end(&mut self, persistent: bool) {
        self.leave();
        if let Some(error) = &self.error {
            collective::give_up(&self.comm, self.tags.peers, self.tags.local, error);
        }
        if !persistent {
            self.plan.clear();
        }
    }

    /// Its kind and number, as peers know it.
    pub(super) fn tag(&self) -> Tag {
        self.tags.peers
    }

    pub(super) fn error(&self) -> Option<&Error> {
        self.error.as_ref()
    }

    pub(super) fn take_error(&mut self) -> Option<Error> {
        self.error.take()
    }

    /// Called when a wait has stalled: breaks the plan off if it cannot come to an end.
    /// Returns true if it did.
    #[cold]
    pub(super) fn look(&mut self) -> bool {
        if self.course != Course::ToTheEnd || self.pending.is_empty() {
            return false;
        }
        let verdict = match self.error {
            Some(_) => None,
            None => Some(self.verdict()),
        };
        self.course = match verdict {
            Some(Verdict::Fine) => return false,
            Some(Verdict::Moves) => Course::StartsAnew,
            Some(Verdict::Fails(error)) => {
                self.error = Some(error);
                Course::BrokenOff
            }
            None => Course::BrokenOff,
        };
        self.next = self.plan.steps.len();
        for (request, ..) in &self.pending {
            pml::cancel(request);
        }
        true
    }

    fn verdict(&mut self) -> Verdict {
        // A peer that has started a persistent collective again may be ahead by its whole plan.
        let first = match self.tags.peers.kind().is_persistent() {
            true => 0,
            false => self.next,
        };
        let rest = self.plan.steps.get(first..).unwrap_or(&[]);
        let expects = |source: u32, local: bool| {
            rest.iter().any(|step| {
                matches!(step, Step::Receive { from, channel, .. }
                    if *from == source && channel.local == local && !channel.check)
            })
        };
        let peers = |source| expects(source, false);
        let verdict = self.watch.look(&self.comm, self.tags.peers, &[], peers);
        match (&verdict, &self.comm.inter, self.tags.local) {
            (Verdict::Fine, Some(inter), Some(tag)) => {
                let local = |source| expects(source, true);
                self.watch.look(&inter.local, tag, &[], local)
            }
            _ => verdict,
        }
    }

    /// Finishes messages that are done.
    fn collect(&mut self) -> bool {
        let mut moved = false;
        let mut i = 0;
        while i < self.pending.len() {
            if self.pending[i].0.is_done() {
                let (request, peer, len) = self.pending.swap_remove(i);
                self.finish(request, peer, len);
                moved = true;
            } else {
                i += 1;
            }
        }
        moved
    }

    fn finish(&mut self, request: pml::Request, peer: u32, len: usize) {
        let completion = request.finish();
        if let Some(error) = completion.error {
            self.error.get_or_insert(error);
        } else if completion.len != len as u64 && !completion.cancelled {
            let error = too_short(self.tags.peers, peer, completion.len, len);
            self.error.get_or_insert(error);
        }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Wait => {}
            Step::Compare => self.compare(),
            Step::Send { to, block, channel } => {
                let (comm, tag) = self.route(channel);
                let buffer = self.buffer(&block);
                // SAFETY: whoever had the plan made promised that its buffers
                // are good until the operation completes; temporaries are the
                // plan's own. No step before the next wait writes them.
                let started = unsafe {
                    pml::isend(comm, Space::Collective, to, tag, &buffer, Mode::Standard)
                };
                self.started(started, to, 0);
            }
            Step::Receive {
                from,
                block,
                channel,
            } => {
                let (comm, tag) = self.route(channel);
                let buffer = self.buffer(&block);
                // SAFETY: as above; no step before the next wait touches them.
                let started =
                    unsafe { pml::irecv(comm, Space::Collective, Some(from), Some(tag), &buffer) };
                self.started(started, from, block.len());
            }
            // SAFETY: as above; the plan copies between memory that is apart.
            Step::Copy { from, to } => unsafe { memory::copy(&from, &to, &self.plan.types) },
            Step::Reduce { input, inout } => {
                if let Some(reducer) = &self.plan.reducer
                    && self.error.is_none()
                {
                    // SAFETY: as above; both hold elements of the reducer's type.
                    unsafe { reducer.apply(input.addr, inout.addr, inout.count) };
                }
            }
            Step::Combine { left, right, out } => {
                if let Some(reducer) = &self.plan.reducer
                    && self.error.is_none()
                {
                    // SAFETY: as above; all three hold elements of the reducer's type.
                    unsafe { reducer.combine(left, right, out.addr, out.count) };
                }
            }
        }
    }

    /// Goes on only if all ranks do the same.
    #[cold]
    fn compare(&mut self) {
        let verdict = self.check.as_ref().map(|check| check.verdict());
        if let Some(Err(error)) = verdict {
            self.error.get_or_insert(error);
            self.course = Course::BrokenOff;
            self.next = self.plan.steps.len();
        }
    }

    fn route(&self, channel: Channel) -> (&Comm, i32) {
        let (comm, tag) = match (&self.comm.inter, self.tags.local) {
            (Some(inter), Some(tag)) if channel.local => (&*inter.local, tag),
            _ => (&*self.comm, self.tags.peers),
        };
        let tag = match (channel.check, channel.second) {
            (true, _) => tag.of_kind(Kind::CHECK),
            (_, true) => tag.of_kind(tag.kind().second()),
            _ => tag,
        };
        (comm, tag.0)
    }

    fn buffer(&self, block: &Block) -> Buffer<'_> {
        match block.dense() {
            Some(addr) => Buffer::bytes(addr, block.len()),
            None => Buffer {
                addr: block.addr,
                count: block.count,
                datatype: block.datatype(&self.plan.types),
            },
        }
    }

    fn started(&mut self, started: Result<pml::Request>, peer: u32, len: usize) {
        match started {
            Ok(request) if request.is_done() => self.finish(request, peer, len),
            Ok(request) => self.pending.push((request, peer, len)),
            Err(error) => {
                self.error.get_or_insert(error);
            }
        }
    }

    /// Back to the first step.
    pub(super) fn rewind(&mut self) {
        self.next = 0;
        self.error = None;
        self.watch = Watch::default();
        self.course = Course::ToTheEnd;
    }
}

/// Carries `plan` out and returns when it is done.
///
/// # Safety
/// The buffers that the plan names are good until this returns.
///
/// # Errors
/// A message failed.
pub(super) unsafe fn run(comm: &Arc<Comm>, tags: Tags, planned: CheckedPlan) -> Result<()> {
    let mut execution = Execution::new(Arc::clone(comm), tags, planned, false);
    if !execution.advance().1 {
        let mut stalled = false;
        let execution = RefCell::new(&mut execution);
        let what = || execution.borrow().waits_for();
        let end = || execution.borrow_mut().advance().1;
        let stall = || {
            stalled = true;
            execution.borrow_mut().look();
            false
        };
        pml::wait_or(what, end, stall);
        let execution = execution.into_inner();
        if stalled && execution.error.is_none() {
            execution.error = comm.collectives.take_late();
        }
    }
    match execution.error {
        Some(error) => Err(error),
        None if execution.course == Course::StartsAnew => Err(collective::moved()),
        None => Ok(()),
    }
}
