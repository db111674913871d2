//! Carries plans out: at once for a blocking collective, bit by bit from the
//! progress engine for a nonblocking one, again and again for a persistent one.
//!
//! A [`Running`] plan goes from step to step and stops at a wait until its
//! messages are done. An error (a message too long, a lost peer) is kept for the
//! end, and the rest is done all the same: the peers count on it.

use super::memory;
use super::plan::{Block, Plan, Step, Way};
use crate::error::{Error, Result};
use crate::handle::Raw;
use crate::lock::Local;
use crate::object::comm::{Comm, Space};
use crate::pml::{self, Buffer, Completion, Mode, WaitFor};
use crate::request::{self, Operation};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

/// Tags: the number of the collective, and two bits that keep messages apart.
pub(super) const NUMBER: i32 = (1 << 29) - 1;
/// A persistent collective's, whose number was drawn long ago.
const PERSISTENT: i32 = 1 << 29;
/// The second way between two ranks.
const SECOND: i32 = 1 << 30;

/// The tags of one collective operation: among the peers, and among the local
/// group of an intercommunicator, which is a communicator of its own.
#[derive(Clone, Copy, Debug)]
struct Tags {
    peers: i32,
    local: i32,
}

impl Tags {
    fn draw(comm: &Comm, persistent: bool) -> Tags {
        let bit = if persistent { PERSISTENT } else { 0 };
        let of = |comm: &Comm| comm.next_collective() & NUMBER | bit;
        Tags {
            peers: of(comm),
            local: comm.inter.as_ref().map_or(0, |inter| of(&inter.local)),
        }
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
    /// Messages under way.
    pending: Vec<pml::Request>,
    error: Option<Error>,
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
        (moved, self.pending.is_empty())
    }

    /// The message that it waits for first, of several that must all come.
    fn waits_for(&self) -> WaitFor {
        let first = self.pending.first();
        first.map_or(WaitFor::NOTHING, pml::Request::waits_for)
    }

    /// Finishes messages that are done.
    fn collect(&mut self) -> bool {
        let mut moved = false;
        let mut i = 0;
        while i < self.pending.len() {
            if self.pending[i].is_done() {
                let request = self.pending.swap_remove(i);
                self.finish(request);
                moved = true;
            } else {
                i += 1;
            }
        }
        moved
    }

    fn finish(&mut self, request: pml::Request) {
        if let Some(error) = request.finish().error {
            self.error.get_or_insert(error);
        }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Wait => {}
            Step::Send { to, block, way } => {
                let (comm, tag) = self.route(way);
                let buffer = self.buffer(&block);
                // SAFETY: whoever had the plan made promised that its buffers
                // are good until the operation completes; temporaries are the
                // plan's own. No step before the next wait writes them.
                let started = unsafe {
                    pml::isend(comm, Space::Collective, to, tag, &buffer, Mode::Standard)
                };
                self.started(started);
            }
            Step::Receive { from, block, way } => {
                let (comm, tag) = self.route(way);
                let buffer = self.buffer(&block);
                // SAFETY: as above; no step before the next wait touches them.
                let started =
                    unsafe { pml::irecv(comm, Space::Collective, Some(from), Some(tag), &buffer) };
                self.started(started);
            }
            // SAFETY: as above; the plan copies between memory that is apart.
            Step::Copy { from, to } => unsafe { memory::copy(&from, &to, &self.plan.types) },
            Step::Reduce { input, inout } => {
                if let Some(reducer) = &self.plan.reducer {
                    // SAFETY: as above; both hold elements of the reducer's type.
                    unsafe { reducer.apply(input.addr, inout.addr, inout.count) };
                }
            }
        }
    }

    fn route(&self, way: Way) -> (&Comm, i32) {
        let second = if way.second { SECOND } else { 0 };
        match &self.comm.inter {
            Some(inter) if way.local => (&inter.local, self.tags.local | second),
            _ => (&self.comm, self.tags.peers | second),
        }
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

    fn started(&mut self, started: Result<pml::Request>) {
        match started {
            Ok(request) if request.is_done() => self.finish(request),
            Ok(request) => self.pending.push(request),
            Err(error) => {
                self.error.get_or_insert(error);
            }
        }
    }

    /// Back to the first step.
    fn rewind(&mut self) {
        self.next = 0;
        self.error = None;
    }
}

/// Carries `plan` out and returns when it is done.
///
/// # Safety
/// The buffers that the plan names are good until this returns.
///
/// # Errors
/// A message failed.
pub(super) unsafe fn run(comm: &Arc<Comm>, plan: Plan) -> Result<()> {
    let tags = Tags::draw(comm, false);
    let mut running = Running::new(Arc::clone(comm), tags, plan);
    if !running.advance().1 {
        let running = RefCell::new(&mut running);
        pml::wait(
            || running.borrow().waits_for(),
            || running.borrow_mut().advance().1,
        );
    }
    match running.error {
        Some(error) => Err(error),
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
            if !self.persistent {
                running.plan.clear();
            }
        }
        moved
    }
}

/// What [`pml::progress`] calls.
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

fn activate(shared: &Rc<Shared>) {
    shared.done.set(false);
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
pub(super) unsafe fn start(comm: &Arc<Comm>, plan: Plan) -> Result<Raw> {
    let tags = Tags::draw(comm, false);
    let shared = share(comm, tags, plan, false);
    activate(&shared);
    request::insert(Box::new(Collective(shared)), false)
}

/// Names `plan`, to be started as often as the user wants.
///
/// # Safety
/// The buffers that the plan names are good whenever it is active.
///
/// # Errors
/// No more handles.
pub(super) unsafe fn prepare(comm: &Arc<Comm>, plan: Plan) -> Result<Raw> {
    let tags = Tags::draw(comm, true);
    request::insert(Box::new(Collective(share(comm, tags, plan, true))), true)
}

fn share(comm: &Arc<Comm>, tags: Tags, plan: Plan, persistent: bool) -> Rc<Shared> {
    Rc::new(Shared {
        running: RefCell::new(Running::new(Arc::clone(comm), tags, plan)),
        done: Cell::new(false),
        persistent,
    })
}
