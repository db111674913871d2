//! Nonblocking and persistent collectives: plans that requests stand for. The progress
//! engine carries them out bit by bit, a persistent one again and again.

use super::check::CheckedPlan;
use super::execution::Execution;
use crate::error::Result;
use crate::handle::Raw;
use crate::lock::Local;
use crate::object::collective::{Tag, Tags};
use crate::object::comm::Comm;
use crate::pml::collective;
use crate::pml::{self, Completion, OperationCheck, WaitFor};
use crate::request::{self, Operation, Stage};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

/// A plan that a request stands for.
struct RequestPlan {
    execution: RefCell<Execution>,
    done: Cell<bool>,
    persistent: bool,
    /// What stands in for the program's buffers, if something does.
    stage: RefCell<Option<Stage>>,
}

/// Those under way, in the order in which they were started.
static ACTIVE: Local<Vec<Rc<RequestPlan>>> = Local::new(Vec::new());

impl RequestPlan {
    /// Goes as far as it can, unless another thread is carrying the plan out (and has given
    /// up the lock for a user's function). Returns whether anything moved.
    fn advance(&self) -> bool {
        let Ok(mut execution) = self.execution.try_borrow_mut() else {
            return false;
        };
        let (moved, end) = execution.advance();
        if end {
            self.done.set(true);
            execution.end(self.persistent);
            if let Some(stage) = &*self.stage.borrow() {
                stage.empty();
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
    while let Some(plan) = ACTIVE.with(|active| active.get(i).cloned()) {
        moved |= plan.advance();
        ended |= plan.done.get();
        i += 1;
    }
    if ended {
        ACTIVE.with(|active| {
            active.retain(|plan| !plan.done.get());
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
    for plan in active {
        if let Ok(mut execution) = plan.execution.try_borrow_mut() {
            any |= execution.look();
        }
    }
    any | collective::sweep()
}

/// Makes every wait that stalls check whether the collectives under way can come to an
/// end. Called when MPI is initialized.
pub fn start_looking() {
    pml::on_stall(look);
}

fn activate(plan: &Rc<RequestPlan>) {
    plan.done.set(false);
    plan.execution.borrow().enter();
    plan.advance();
    if !plan.done.get() {
        ACTIVE.with(|active| active.push(Rc::clone(plan)));
        pml::on_progress(drive);
    }
}

/// The request's side of a plan.
struct Collective {
    plan: Rc<RequestPlan>,
    buffers: Option<Box<OperationCheck>>,
}

impl Collective {
    /// Begins to carry the plan out.
    ///
    /// # Safety
    /// The buffers that it names are good until it is complete.
    unsafe fn begin(&mut self) {
        if let Some(buffers) = &mut self.buffers {
            // SAFETY: the caller's promise.
            unsafe { buffers.begin() };
        }
        activate(&self.plan);
    }
}

impl Operation for Collective {
    fn waits_for(&self) -> WaitFor {
        let execution = self.plan.execution.try_borrow();
        execution.map_or(WaitFor::NOTHING, |execution| execution.waits_for())
    }

    fn is_done(&self) -> bool {
        self.plan.done.get()
    }

    fn collective(&self) -> Option<Tag> {
        let execution = self.plan.execution.try_borrow();
        execution.ok().map(|execution| execution.tag())
    }

    fn finish(&mut self) -> Completion {
        if let Some(buffers) = &mut self.buffers {
            buffers.end();
        }
        Completion {
            error: self.plan.execution.borrow_mut().take_error(),
            ..Completion::empty()
        }
    }

    fn keep_stage(&mut self, stage: Stage) -> Result<()> {
        // One that is not started is not done, nor has it received anything.
        if self.plan.done.get() {
            stage.empty();
        }
        *self.plan.stage.borrow_mut() = Some(stage);
        Ok(())
    }

    fn start(&mut self) -> Result<()> {
        if let Some(stage) = &*self.plan.stage.borrow() {
            stage.fill();
        }
        self.plan.execution.borrow_mut().rewind();
        // SAFETY: who made the request promised it for whenever it is active.
        unsafe { self.begin() };
        Ok(())
    }

    fn free(&mut self) -> bool {
        if let Some(buffers) = &mut self.buffers {
            buffers.forget();
        }
        false
    }

    fn peek(&mut self) -> Completion {
        if let Some(buffers) = &mut self.buffers {
            buffers.end();
        }
        let mut completion = Completion::empty();
        if let Some(error) = self.plan.execution.borrow().error() {
            completion.error = Some(error.copy());
        }
        completion
    }

    fn cancel(&mut self) -> Result<()> {
        crate::fail!(REQUEST, "a collective operation cannot be cancelled")
    }
}

/// Starts `plan`. Returns the request's handle.
///
/// # Safety
/// The buffers that the plan names are good until the request completes.
///
/// # Errors
/// No more handles.
pub(super) unsafe fn start(comm: &Arc<Comm>, tags: Tags, plan: CheckedPlan) -> Result<Raw> {
    let mut collective = share(comm, tags, plan, false);
    // SAFETY: the caller's promise.
    unsafe { collective.begin() };
    insert(comm, collective, false)
}

/// Makes a persistent request of `plan`. Returns its handle.
///
/// # Safety
/// The buffers that the plan names are good whenever it is active.
///
/// # Errors
/// No more handles.
pub(super) unsafe fn prepare(comm: &Arc<Comm>, tags: Tags, plan: CheckedPlan) -> Result<Raw> {
    insert(comm, share(comm, tags, plan, true), true)
}

/// Errors of the request are about the collective's communicator.
fn insert(comm: &Comm, collective: Collective, persistent: bool) -> Result<Raw> {
    let handle = Some(comm.handle.get());
    request::insert_on(Box::new(collective), persistent, handle)
}

fn share(comm: &Arc<Comm>, tags: Tags, mut plan: CheckedPlan, persistent: bool) -> Collective {
    let buffers = plan.buffers.take();
    let plan = Rc::new(RequestPlan {
        execution: RefCell::new(Execution::new(Arc::clone(comm), tags, plan, true)),
        done: Cell::new(false),
        persistent,
        stage: RefCell::new(None),
    });
    Collective { plan, buffers }
}
