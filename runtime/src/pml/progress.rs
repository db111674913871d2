//! Progress and waiting.

use crate::job;
use crate::lock;
use crate::pml::engine::Engine;
use crate::pml::{Completion, ENGINE, Request, with_engine};
use btl_shm::wait::{Stage, Waiter};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use wireup::segment::Segment;
use wireup::settings::Settings;

static WAITER: OnceLock<Waiter> = OnceLock::new();
static HOOKS: lock::Local<Vec<fn() -> bool>> = lock::Local::new(Vec::new());
/// The number of hooks, to be looked at without borrowing them.
static HOOK_COUNT: AtomicUsize = AtomicUsize::new(0);

/// Starts the engine of rank `me`. Called once, inside `MPI_Init`.
pub fn start(segment: &'static Segment, me: u32, settings: &Settings) {
    let waiter = WAITER.get_or_init(|| Waiter::new(segment, me));
    let engine = Engine::new(segment, me, settings, waiter.is_crowded());
    ENGINE.with(|slot| *slot = Some(Box::new(engine)));
}

/// Moves everything that still has to go out by itself (sends whose requests
/// were freed, buffered sends), until nothing is left. Inside `MPI_Finalize`.
pub fn stop() {
    wait(WaitFor::NOTHING, || {
        !with_engine(|engine| engine.core.is_sending())
    });
}

/// Moves everything that can move now, collective schedules included. Returns
/// whether anything did.
#[inline]
pub fn progress() -> bool {
    let mut any = with_engine(Engine::progress);
    if has_hooks() {
        any |= run_hooks();
    }
    if any && lock::is_multiple() {
        // another thread of this rank may sleep for what has just come
        waiter().ring_own_bell();
    }
    any
}

/// Registers a function that [`progress`] calls each time, and that returns
/// whether it moved anything: how schedules of nonblocking collectives go on.
/// It should return at once when it has nothing under way.
pub fn on_progress(hook: fn() -> bool) {
    HOOKS.with(|hooks| {
        if !hooks.iter().any(|known| std::ptr::fn_addr_eq(*known, hook)) {
            hooks.push(hook);
            HOOK_COUNT.store(hooks.len(), Ordering::Relaxed);
        }
    });
}

/// Whether anything but the engine has to be moved by [`progress`].
#[inline]
pub(super) fn has_hooks() -> bool {
    HOOK_COUNT.load(Ordering::Relaxed) != 0
}

#[cold]
fn run_hooks() -> bool {
    let mut any = false;
    for at in 0..HOOK_COUNT.load(Ordering::Relaxed) {
        let hook = HOOKS.with(|hooks| hooks[at]);
        any |= hook();
    }
    any
}

/// What a wait is for, for the report of who waits for whom.
#[derive(Clone, Copy, Debug)]
pub struct WaitFor {
    /// The peer's process, -1 any, -2 none in particular.
    pub peer: i32,
    /// The tag, -1 any, -2 none in particular.
    pub tag: i32,
    /// The context id.
    pub context: u32,
}

impl WaitFor {
    /// Nothing in particular.
    pub const NOTHING: WaitFor = WaitFor {
        peer: -2,
        tag: -2,
        context: 0,
    };
}

/// Wakes `peer` if it sleeps, after something it waits for was stored.
pub fn wake(peer: u32) {
    waiter().ring_bell(peer);
}

fn waiter() -> &'static Waiter {
    WAITER
        .get()
        .expect("the engine runs while MPI is initialized")
}

/// Makes progress until `done` returns true. The library lock is given up
/// between two rounds.
#[inline]
pub fn wait(what: WaitFor, mut done: impl FnMut() -> bool) {
    let mut stage = Stage::default();
    let mut published = false;
    loop {
        if done() {
            break;
        }
        if progress() {
            stage.reset();
            continue;
        }
        if stage.is_long() && !published {
            published = true;
            job::publish_wait(Some(what));
        }
        lock::released(|| waiter().step(&mut stage, has_news));
    }
    if published {
        job::publish_wait(None);
    }
}

/// Waits for one request and says how it ended.
#[inline]
pub fn complete(request: Request) -> Completion {
    if !request.is_done() {
        wait(request.waits_for(), || request.is_done());
    }
    request.finish()
}

/// One more round, between announcing a sleep and sleeping.
fn has_news() -> bool {
    let _inside = lock::enter();
    progress()
}
