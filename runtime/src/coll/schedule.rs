//! Carries plans out: at once for a blocking collective, bit by bit from the
//! progress engine for a nonblocking one, again and again for a persistent one.
//!
//! A [`Running`] plan goes from step to step and stops at a wait until its
//! messages are done. An error (a message too long or too short, a lost peer) is kept
//! for the end, and the rest is done all the same, as far as it goes: the peers count
//! on it. A plan that cannot come to an end is broken off ([`Running::look`]).

use super::memory;
use super::plan::{Block, Plan, Step, Way};
use super::too_short;
use crate::error::{Error, Result};
use crate::handle::Raw;
use crate::lock::Local;
use crate::object::collective::Tag;
use crate::object::comm::{Comm, Space};
use crate::pml::collective::{self, Verdict, Watch};
use crate::pml::{self, Buffer, Completion, Mode, WaitFor};
use crate::request::{self, Operation};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use wireup::collective::Kind;

/// The tags of one collective operation: among the peers, and among the local
/// group of an intercommunicator, which is a communicator of its own.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tags {
    pub(super) peers: Tag,
    local: Option<Tag>,
}

impl Tags {
    /// Begins a collective.
    #[inline]
    pub(super) fn draw(comm: &Comm, kind: Kind) -> Tags {
        let inter = comm.inter.as_ref();
        Tags {
            peers: comm.collectives.begin(kind),
            local: inter.map(|inter| inter.local.collectives.begin(kind)),
        }
    }

    /// Of a collective on an intracommunicator that has begun.
    pub(super) fn only(peers: Tag) -> Tags {
        Tags { peers, local: None }
    }

    /// Tells the other members that this one failed.
    #[cold]
    pub(super) fn give_up(self, comm: &Comm, error: &Error) {
        collective::give_up(comm, self.peers, self.local, error);
    }
}

/// A plan being carried out.
#[derive(Debug)]
struct Running {
    comm: Arc<Comm>,
    tags: Tags,
    plan: Plan,
    /// The step that comes next.
    next: usize,
    /// Messages under way, each with the bytes that are to come (0: it goes out).
    pending: Vec<(pml::Request, u32, usize)>,
    error: Option<Error>,
    watch: Watch,
    state: State,
    /// A request stands for it.
    is_request: bool,
}

/// Whether a plan is being carried out to its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Whole,
    /// Nothing more is begun: it cannot come to an end.
    Broken,
    /// It is to begin anew, under the next number.
    Moving,
}

impl Running {
    fn new(comm: Arc<Comm>, tags: Tags, plan: Plan) -> Running {
        Running {
            comm,
            tags,
            plan,
            next: 0,
            pending: Vec::new(),
            error: None,
            watch: Watch::default(),
            state: State::Whole,
            is_request: false,
        }
    }

    /// Goes as far as it can now. Returns whether anything moved, and whether
    /// the end is reached.
    fn advance(&mut self) -> (bool, bool) {
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
        if self.state == State::Moving && self.is_request && self.pending.is_empty() {
            self.begin_anew();
            return (true, self.advance().1);
        }
        (moved, self.pending.is_empty())
    }

    /// The message that it waits for first, of several that must all come.
    fn waits_for(&self) -> WaitFor {
        let first = self.pending.first();
        first.map_or(WaitFor::NOTHING, |(request, ..)| request.waits_for())
    }

    #[cold]
    fn begin_anew(&mut self) {
        collective::leave(&self.comm, self.tags.peers);
        self.tags = Tags::draw(&self.comm, self.tags.peers.kind());
        collective::enter(&self.comm, self.tags.peers);
        self.rewind();
    }

    /// Looks whether the plan can still come to an end, after a wait that has stalled,
    /// and breaks it off if not. Returns whether it did.
    #[cold]
    fn look(&mut self) -> bool {
        if self.state != State::Whole || self.pending.is_empty() {
            return false;
        }
        let verdict = match self.error {
            Some(_) => None,
            None => Some(self.verdict()),
        };
        self.state = match verdict {
            Some(Verdict::Fine) => return false,
            Some(Verdict::Moves) => State::Moving,
            Some(Verdict::Fails(error)) => {
                self.error = Some(error);
                State::Broken
            }
            None => State::Broken,
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
                matches!(step, Step::Receive { from, way, .. }
                    if *from == source && way.local == local && !way.check)
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
            Step::Send { to, block, way } => {
                let (comm, tag) = self.route(way);
                let buffer = self.buffer(&block);
                // SAFETY: whoever had the plan made promised that its buffers
                // are good until the operation completes; temporaries are the
                // plan's own. No step before the next wait writes them.
                let started = unsafe {
                    pml::isend(comm, Space::Collective, to, tag, &buffer, Mode::Standard)
                };
                self.started(started, to, 0);
            }
            Step::Receive { from, block, way } => {
                let (comm, tag) = self.route(way);
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
        }
    }

    /// Goes on only if all ranks do the same.
    #[cold]
    fn compare(&mut self) {
        let verdict = self.plan.check.as_ref().map(|check| check.verdict());
        if let Some(Err(error)) = verdict {
            self.error.get_or_insert(error);
            self.state = State::Broken;
            self.next = self.plan.steps.len();
        }
    }

    fn route(&self, way: Way) -> (&Comm, i32) {
        let (comm, tag) = match (&self.comm.inter, self.tags.local) {
            (Some(inter), Some(tag)) if way.local => (&*inter.local, tag),
            _ => (&*self.comm, self.tags.peers),
        };
        let tag = match (way.check, way.second) {
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
    fn rewind(&mut self) {
        self.next = 0;
        self.error = None;
        self.watch = Watch::default();
        self.state = State::Whole;
    }
}

/// Carries `plan` out and returns when it is done.
///
/// # Safety
/// The buffers that the plan names are good until this returns.
///
/// # Errors
/// A message failed.
pub(super) unsafe fn run(comm: &Arc<Comm>, tags: Tags, plan: Plan) -> Result<()> {
    let mut running = Running::new(Arc::clone(comm), tags, plan);
    if !running.advance().1 {
        let mut stalled = false;
        let running = std::cell::RefCell::new(&mut running);
        let what = || running.borrow().waits_for();
        let end = || running.borrow_mut().advance().1;
        let stall = || {
            stalled = true;
            running.borrow_mut().look();
            false
        };
        pml::wait_or(what, end, stall);
        let running = running.into_inner();
        if stalled && running.error.is_none() {
            running.error = comm.collectives.take_late();
        }
    }
    match running.error {
        Some(error) => Err(error),
        None if running.state == State::Moving => Err(collective::moved()),
        None => Ok(()),
    }
}

/// A plan that a request stands for.
struct Shared {
    running: RefCell<Running>,
    done: Cell<bool>,
    persistent: bool,
}

/// Those under way, in the order in which they were started.
static ACTIVE: Local<Vec<Rc<Shared>>> = Local::new(Vec::new());

impl Shared {
    /// Goes on, unless another thread is at it (in a user's function, with the
    /// lock given up). Returns whether anything moved.
    fn advance(&self) -> bool {
        let Ok(mut running) = self.running.try_borrow_mut() else {
            return false;
        };
        let (moved, end) = running.advance();
        if end {
            self.done.set(true);
            collective::leave(&running.comm, running.tags.peers);
            if let Some(error) = &running.error {
                running.tags.give_up(&running.comm, error);
            }
            if !self.persistent {
                running.plan.clear();
            }
        }
        moved
    }
}

/// What [`pml::progress()`] calls.
fn drive() -> bool {
    let mut moved = false;
    let mut ended = false;
    let mut i = 0;
    // One at a time, since a user's function may start collectives.
    while let Some(shared) = ACTIVE.with(|active| active.get(i).cloned()) {
        moved |= shared.advance();
        ended |= shared.done.get();
        i += 1;
    }
    if ended {
        ACTIVE.with(|active| {
            active.retain(|shared| !shared.done.get());
            if active.is_empty() {
                pml::off_progress(drive);
            }
        });
    }
    moved
}

/// What a wait that stalls calls.
fn look() -> bool {
    let active = ACTIVE.with(|active| active.clone());
    let mut any = false;
    for shared in active {
        if let Ok(mut running) = shared.running.try_borrow_mut() {
            any |= running.look();
        }
    }
    any | collective::sweep()
}

/// Has waits that stall look at collectives.
pub fn start_looking() {
    pml::on_stall(look);
}

fn activate(shared: &Rc<Shared>) {
    shared.done.set(false);
    {
        let running = shared.running.borrow();
        collective::enter(&running.comm, running.tags.peers);
    }
    shared.advance();
    if !shared.done.get() {
        ACTIVE.with(|active| active.push(Rc::clone(shared)));
        pml::on_progress(drive);
    }
}

/// The request's side of a plan.
struct Collective(Rc<Shared>);

impl Operation for Collective {
    fn waits_for(&self) -> WaitFor {
        let running = self.0.running.try_borrow();
        running.map_or(WaitFor::NOTHING, |running| running.waits_for())
    }

    fn is_done(&self) -> bool {
        self.0.done.get()
    }

    fn finish(&mut self) -> Completion {
        Completion {
            source: ANY_SOURCE,
            tag: ANY_TAG,
            len: 0,
            cancelled: false,
            error: self.0.running.borrow_mut().error.take(),
        }
    }

    fn start(&mut self) -> Result<()> {
        self.0.running.borrow_mut().rewind();
        activate(&self.0);
        Ok(())
    }

    fn peek(&mut self) -> Completion {
        let mut completion = Completion::empty();
        if let Some(error) = &self.0.running.borrow().error {
            completion.error = Some(Error::new(error.class(), error.text()));
        }
        completion
    }

    fn cancel(&mut self) -> Result<()> {
        crate::fail!(REQUEST, "a collective operation cannot be cancelled")
    }
}

/// What an empty status says.
const ANY_SOURCE: i32 = -1;
const ANY_TAG: i32 = -2;

/// Starts `plan` and names it.
///
/// # Safety
/// The buffers that the plan names are good until the request completes.
///
/// # Errors
/// No more handles.
pub(super) unsafe fn start(comm: &Arc<Comm>, tags: Tags, plan: Plan) -> Result<Raw> {
    let shared = share(comm, tags, plan, false);
    activate(&shared);
    insert(comm, shared, false)
}

/// Names `plan`, to be started as often as the user wants.
///
/// # Safety
/// The buffers that the plan names are good whenever it is active.
///
/// # Errors
/// No more handles.
pub(super) unsafe fn prepare(comm: &Arc<Comm>, tags: Tags, plan: Plan) -> Result<Raw> {
    insert(comm, share(comm, tags, plan, true), true)
}

/// Errors of the request are about the collective's communicator.
fn insert(comm: &Comm, shared: Rc<Shared>, persistent: bool) -> Result<Raw> {
    let handle = Some(comm.handle.get());
    request::insert_on(Box::new(Collective(shared)), persistent, handle)
}

fn share(comm: &Arc<Comm>, tags: Tags, plan: Plan, persistent: bool) -> Rc<Shared> {
    let mut running = Running::new(Arc::clone(comm), tags, plan);
    running.is_request = true;
    Rc::new(Shared {
        running: RefCell::new(running),
        done: Cell::new(false),
        persistent,
    })
}
