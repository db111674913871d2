//! Progress and waiting.

use crate::lock;
use crate::object::comm::ContextId;
use crate::pml::active::Active;
use crate::pml::arrival::arrived;
use crate::pml::engine::{Engine, with_engine};
use crate::pml::outgoing;
use crate::pml::publish::{self, Arrived, Publication, WaitFor};
use crate::pml::request::{Completion, Request};
use crate::pml::short;
use crate::pml::transport::{Inbox, Transport};
use crate::pml::waiter::{Stage, should_give_way, tell_threads};
use std::sync::atomic::{AtomicUsize, Ordering};
use wireup::collective;
use wireup::layout::WaitKind;

/// Messages taken from one peer before the next is looked at.
const BURST: u32 = 64;

/// Calls of [`poll`] in a row that moved nothing.
static FRUITLESS: lock::Local<u32> = lock::Local::new(0);
/// Calls of [`poll_at_times`] of which one polls: a microsecond or two of them.
const POLL_INTERVAL: u32 = 64;
/// Calls of [`poll_at_times`] since it polled.
static UNPOLLED: lock::Local<u32> = lock::Local::new(0);
/// A hook, and whether it is on.
type Hook = (fn() -> bool, bool);

/// Every hook there ever was. Each keeps its place, so that none is left out of
/// a round in which another comes or goes.
static HOOKS: lock::Local<Vec<Hook>> = lock::Local::new(Vec::new());
/// The number of hooks that are on, to be looked at without borrowing them.
static HOOK_COUNT: AtomicUsize = AtomicUsize::new(0);

/// Moves everything of the engine that can move now.
#[inline]
pub(super) fn round<T: Transport>(engine: &mut Engine<T>) -> bool {
    let Engine { inbox, core } = engine;
    core.transfers.set_polling(true);
    let (mut any, is_more) = match core.takes_words() {
        true => inbox.take_words(BURST, |from, header, word, len| {
            short::deliver(core, (from, header), word, len)
        }),
        false => (false, true),
    };
    if is_more && !(any && core.is_served()) {
        any |= inbox.poll(BURST, |a| {
            arrived(core, a);
            !core.is_served()
        });
    }
    core.transfers.set_polling(false);
    let (queues, learnt, transfers) = (&mut core.queues, &mut core.learnt, &mut core.transfers);
    if queues.has_pending() {
        any |= queues.move_pending(|queues, send| outgoing::start(queues, learnt, transfers, send));
    }
    if queues.has_streams() {
        any |= queues.move_streams();
    }
    if !transfers.is_idle() {
        any |= transfers.move_on(queues, learnt);
    }
    if !any {
        queues.transport().idle();
        transfers.idle();
    }
    any
}

/// Moves everything that still has to go out by itself (sends whose requests
/// were freed, buffered sends), until nothing is left. Inside `MPI_Finalize`, with
/// [`leaving`], or when the last session ends.
pub fn stop(what: impl Fn() -> WaitFor) {
    wait(what, || {
        !with_engine(|engine| engine.core.queues.is_sending())
    });
}

/// Moves everything that can move now, collective schedules included. Returns
/// whether anything did.
#[inline]
pub fn progress() -> bool {
    let mut any = with_engine(round::<Active>);
    if has_hooks() {
        any |= run_hooks();
    }
    if any {
        tell_threads();
    }
    any
}

/// As [`progress`], for a call that looks without waiting (`MPI_Test`,
/// `MPI_Iprobe`) and has found nothing yet. Programs loop around such calls: where
/// ranks share processors, several of them in a row that move nothing let others
/// run first, who may be the ones that the program waits for.
#[inline]
pub fn poll() {
    if progress() {
        FRUITLESS.with(|looks| *looks = 0);
        return;
    }
    let looks = FRUITLESS.with(|looks| {
        *looks = looks.saturating_add(1);
        *looks
    });
    if should_give_way(looks) {
        lock::released(std::thread::yield_now);
        progress();
    }
}

/// As [`poll`], for a call that programs make after each of many short operations, and that
/// waits for nobody (`MPI_Win_flush`): one in [`POLL_INTERVAL`] looks. So a program that
/// loops around such calls alone still makes progress, and lets others run.
#[inline]
pub fn poll_at_times() {
    let calls = UNPOLLED.with(|calls| {
        *calls += 1;
        *calls
    });
    if calls >= POLL_INTERVAL {
        UNPOLLED.with(|calls| *calls = 0);
        poll();
    }
}

/// Has [`progress`] call this function each time, until [`off_progress`]: how
/// schedules of nonblocking collectives go on. It returns whether it moved
/// anything. While one is on, every wait pays for it.
pub fn on_progress(hook: fn() -> bool) {
    switch(hook, true);
}

/// Ends what [`on_progress`] began: for a hook that has nothing under way.
pub fn off_progress(hook: fn() -> bool) {
    switch(hook, false);
}

fn switch(hook: fn() -> bool, on: bool) {
    HOOKS.with(|hooks| {
        match hooks
            .iter_mut()
            .find(|known| std::ptr::fn_addr_eq(known.0, hook))
        {
            Some(known) => known.1 = on,
            None => hooks.push((hook, on)),
        }
        let count = hooks.iter().filter(|known| known.1).count();
        HOOK_COUNT.store(count, Ordering::Relaxed);
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
    let mut at = 0;
    while let Some((hook, on)) = HOOKS.with(|hooks| hooks.get(at).copied()) {
        any |= on && hook();
        at += 1;
    }
    any
}

/// What `MPI_Finalize` waits for. While nonblocking collectives are under way that
/// the program has not completed, this rank may still send messages of theirs.
#[must_use]
pub fn leaving() -> WaitFor {
    let kind = match has_hooks() {
        true => WaitKind::Other,
        false => WaitKind::Leaving,
    };
    WaitFor {
        kind,
        ..WaitFor::NOTHING
    }
}

/// Makes progress until `done` returns true, and does not call it again then.
/// The library lock is given up between two rounds. `what` is asked once the wait has
/// lasted for a moment, and again from time to time: it may change.
#[inline]
pub fn wait(what: impl Fn() -> WaitFor, done: impl FnMut() -> bool) {
    wait_or(what, done, || false);
}

/// As [`wait`], and also calls `stalled` now and then once nothing has moved for a
/// while; if that returns true the wait is given up. Returns whether `done` did.
#[inline]
pub fn wait_or(
    what: impl Fn() -> WaitFor,
    mut done: impl FnMut() -> bool,
    mut stalled: impl FnMut() -> bool,
) -> bool {
    let mut stage = Stage::default();
    let mut publication = Publication::default();
    let mut over = false;
    loop {
        if over || done() {
            over = true;
            break;
        }
        if progress() {
            stage.reset();
            publication.moved();
            continue;
        }
        publication.nothing_moves(&what);
        if stage.is_long() {
            publication.tell(what(), unasked);
        }
        if stage.is_stalled() {
            if stalled() {
                break;
            }
            if look_around() {
                stage.reset();
                continue;
            }
        }
        let mut has_moved = false;
        lock::released(|| {
            let look = || {
                has_moved = last_look(&mut over, &mut done);
                has_moved
            };
            stage.step(look);
        });
        publication.paused();
        if has_moved {
            publication.moved(); // what has come may be what nobody asks for
        }
    }
    publication.end();
    over
}

/// The messages of the program that have come and that no receive has asked for: the first
/// few, and how many there are. Partitioned ones come last.
fn unasked(most: usize) -> (Vec<Arrived>, usize) {
    with_engine(|engine| {
        let (mut shown, mut all) = (Vec::new(), 0);
        for (context, queues) in engine.core.matching.all() {
            let own = ContextId(context.0 & !1);
            let is_own = own == context; // odd contexts are the collectives'
            let told = move |tag: i32| is_own || collective::parse_agreement(tag).is_some();
            let messages = || queues.unexpected.messages().filter(move |m| told(m.1));
            all += match is_own {
                true => queues.unexpected.len(),
                false => messages().count(),
            };
            let room = most - shown.len();
            shown.extend(messages().take(room).map(|(source, tag, message)| Arrived {
                context: own,
                source,
                tag,
                bytes: message.len as u64,
                is_partitioned: false,
            }));
        }
        for (envelope, bytes) in engine.core.channels.unexpected() {
            all += 1;
            if shown.len() < most {
                shown.push(Arrived {
                    context: envelope.context,
                    source: envelope.source,
                    tag: envelope.tag,
                    bytes: bytes as u64,
                    is_partitioned: true,
                });
            }
        }
        (shown, all)
    })
}

/// The program's messages that have come to this process and that no receive has asked for:
/// the sender's rank, the tag, and the communicator in words.
#[must_use]
pub fn unreceived() -> Vec<(u32, i32, String)> {
    publish::of_the_program(unasked(usize::MAX).0)
}

/// Has every wait that stalls call this function, which looks whether what is under
/// way can still come to an end, and returns whether it has changed anything.
pub fn on_stall(hook: fn() -> bool) {
    STALL_HOOKS.with(|hooks| {
        if !hooks.iter().any(|known| std::ptr::fn_addr_eq(*known, hook)) {
            hooks.push(hook);
        }
    });
}

static STALL_HOOKS: lock::Local<Vec<fn() -> bool>> = lock::Local::new(Vec::new());

#[cold]
fn look_around() -> bool {
    let hooks = STALL_HOOKS.with(|hooks| hooks.clone());
    hooks.iter().fold(false, |any, hook| hook() | any)
}

/// Waits for one request and says how it ended.
#[inline]
pub fn complete(request: Request) -> Completion {
    if !request.is_done() {
        set_awaited(&request, true);
        wait(|| request.waits_for(), || request.is_done());
        set_awaited(&request, false);
    }
    request.finish()
}

/// Says that this thread waits for `request` alone, or no more: nothing that comes after
/// what completes it is looked at then.
fn set_awaited(request: &Request, awaited: bool) {
    if let Some(state) = request.state()
        && !lock::is_multiple()
    {
        with_engine(|engine| engine.core.awaited = awaited.then(|| state.clone()));
    }
}

/// One more round, between announcing a sleep and sleeping. What is waited for
/// is looked at as well as what moves: it may be a word that a peer writes, or
/// something that another thread has completed, and then nothing moves here.
#[cold]
fn last_look(over: &mut bool, done: &mut dyn FnMut() -> bool) -> bool {
    let _inside = lock::enter();
    *over = done();
    *over || progress()
}
