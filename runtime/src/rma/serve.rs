//! Accesses by messages, at the target: served when it makes progress, in the order in
//! which each origin has asked. For origins on other hosts it takes tickets of its lock, too,
//! and answers when it is their turn.
//!
//! A put or get of gigabytes comes as many requests. The target does not make room for all
//! of them at once: while the requests and answers of an origin that are under way have
//! [`MOST_UNDER_WAY`] bytes, its further requests stay where they have arrived. The limit
//! is each origin's own, since one that makes no progress must not hold up the others.

use super::ask::{Answer, Ask, REQUEST, Request, absent, malformed};
use super::control;
use super::mailbox;
use super::pending;
use super::remote::Remote;
use super::runs::{self, Run};
use super::table;
use super::update::Update;
use super::wake;
use crate::error::Result;
use crate::lock::Local;
use crate::memory::copy_piece;
use crate::object::comm::Space;
use crate::object::datatype;
use crate::object::op::{self, Op, Predefined};
use crate::object::win::{Flavor, Win};
use crate::pml::{self, Buffer, Mode, attend, probe};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// Bytes of an origin's requests and answers under way from which on no more are begun.
const MOST_UNDER_WAY: usize = 16 << 20;

/// A message under way, with its bytes.
struct Message {
    request: pml::Request,
    bytes: Vec<u8>,
}

/// Messages under way from or to a member, in order.
#[derive(Default)]
struct Queue {
    messages: VecDeque<Message>,
    /// Of all messages.
    bytes: usize,
}

impl Queue {
    fn push(&mut self, message: Message) {
        self.bytes += message.bytes.len();
        self.messages.push_back(message);
    }

    /// The first message, once it has come or gone.
    fn pop_done(&mut self) -> Option<Message> {
        if !self.messages.front()?.request.is_done() {
            return None;
        }
        let first = self.messages.pop_front()?;
        self.bytes -= first.bytes.len();
        Some(first)
    }

    fn is_full(&self) -> bool {
        self.bytes >= MOST_UNDER_WAY
    }
}

/// Those of each member. None is empty.
type Queues = BTreeMap<u32, Queue>;

/// What a process has been asked for, and has answered.
#[derive(Default)]
pub(super) struct Service {
    incoming: Queues,
    outgoing: Queues,
    /// Origins on other hosts that wait for the lock of this process, by ticket.
    waiting: Vec<LockRequest>,
}

/// An origin that waits for a lock.
struct LockRequest {
    ticket: u32,
    exclusive: bool,
    source: u32,
    /// Of the answer.
    tag: i32,
}

/// The windows that may be asked.
static SERVED: Local<Vec<Arc<Win>>> = Local::new(Vec::new());

/// Has requests about a window served from now on.
pub(super) fn begin(win: &Arc<Win>) {
    SERVED.with(|served| served.push(win.clone()));
    pml::on_progress(serve);
}

/// Ends that, once no member asks any more and all answers are on their way.
pub(super) fn end(win: &Arc<Win>) {
    let Some(remote) = Remote::of(win) else {
        return;
    };
    let answered = || {
        let mut service = remote.service.borrow_mut();
        forget_sent(&mut service.outgoing);
        service.outgoing.is_empty()
    };
    pml::wait(|| super::waits_for(win), answered);
    SERVED.with(|served| served.retain(|one| !Arc::ptr_eq(one, win)));
    if SERVED.with(|served| served.is_empty()) {
        pml::off_progress(serve);
    }
    if !has_far() {
        attend::end();
    }
}

/// Whether members on other hosts may ask.
fn has_far() -> bool {
    SERVED.with(|served| served.iter().any(|win| win.spans_hosts()))
}

/// Has members on other hosts served while the program is not in MPI. The last thing that a
/// call does that has made a window.
pub fn attend() {
    if has_far() {
        attend::begin(serve);
    }
}

/// Serves all that has come. Whether there was anything.
fn serve() -> bool {
    let (mut any, mut at) = (false, 0);
    while let Some(win) = SERVED.with(|served| served.get(at).cloned()) {
        any |= serve_one(&win);
        at += 1;
    }
    any
}

fn serve_one(win: &Win) -> bool {
    let Some(remote) = Remote::of(win) else {
        return false;
    };
    let is_served = mailbox::serve(win, carry_out) | pending::advance(win, remote);
    let Ok(mut service) = remote.service.try_borrow_mut() else {
        return is_served;
    };
    let Service {
        incoming,
        outgoing,
        waiting,
    } = &mut *service;
    let mut any = is_served;
    loop {
        forget_sent(outgoing);
        let mut again = take_in(win, incoming, outgoing);
        incoming.retain(|source, queue| {
            while !outgoing.get(source).is_some_and(Queue::is_full)
                && let Some(next) = queue.pop_done()
            {
                answer(win, outgoing, waiting, (*source, &next.bytes));
                again = true;
            }
            !queue.messages.is_empty()
        });
        if !waiting.is_empty() {
            again |= grant(win, outgoing, waiting);
        }
        if !again {
            return any;
        }
        any = true;
    }
}

/// Answers those whose turn it is to have the lock. Whether there was anybody.
fn grant(win: &Win, outgoing: &mut Queues, waiting: &mut Vec<LockRequest>) -> bool {
    let (control, me) = (control::of(win), win.comm.rank);
    let before = waiting.len();
    // A reader lets the next one in, which has a later ticket.
    waiting.retain(|request| {
        if !control.is_turn(me, request.ticket, request.exclusive) {
            return true;
        }
        if request.exclusive {
            control.set_holder(me, Some(request.source));
        } else if control.let_readers_in(me) {
            wake(win);
        }
        let done = Answer::write(Ok(Vec::new()));
        send(win, outgoing, (request.source, request.tag), done);
        false
    });
    waiting.len() < before
}

fn forget_sent(outgoing: &mut Queues) {
    outgoing.retain(|_, queue| {
        while queue.pop_done().is_some() {}
        !queue.messages.is_empty()
    });
}

/// Starts to receive the requests that have come, but for those of origins that have too much
/// under way.
fn take_in(win: &Win, incoming: &mut Queues, outgoing: &Queues) -> bool {
    let mut any = false;
    let full = |(source, queue): (&u32, &Queue)| queue.is_full().then_some(*source);
    let mut left_out: BTreeSet<u32> = incoming.iter().chain(outgoing).filter_map(full).collect();
    let take = |source| probe::take_arrived(&win.comm, Space::PointToPoint, source, Some(REQUEST));
    loop {
        let matched = if left_out.is_empty() {
            take(None)
        } else {
            let others = (0..win.comm.size()).filter(|source| !left_out.contains(source));
            others.map(Some).find_map(take)
        };
        let Some(matched) = matched else {
            return any;
        };
        let (source, len) = (matched.seen.source, matched.seen.len);
        let mut bytes = vec![0u8; usize::try_from(len).unwrap_or(0)];
        let buffer = Buffer::bytes(bytes.as_mut_ptr(), bytes.len());
        // SAFETY: the bytes stay in `incoming` until the request is done.
        let request = unsafe { probe::imrecv(matched, &buffer) };
        let queue = incoming.entry(source).or_default();
        queue.push(Message { request, bytes });
        if queue.is_full() {
            left_out.insert(source);
        }
        any = true;
    }
}

fn answer(
    win: &Win,
    outgoing: &mut Queues,
    waiting: &mut Vec<LockRequest>,
    (source, message): (u32, &[u8]),
) {
    let Some(request) = Request::read(message) else {
        return; // from no origin of ours
    };
    let (control, me) = (control::of(win), win.comm.rank);
    let outcome = match request.what {
        Ask::Lock(exclusive) => {
            return waiting.push(LockRequest {
                ticket: control.queue(me),
                exclusive,
                source,
                tag: request.tag,
            });
        }
        Ask::Unlock(exclusive) => {
            if exclusive {
                control.set_holder(me, None);
            }
            if control.unlock(me, exclusive) {
                wake(win);
            }
            Ok(Vec::new())
        }
        _ => may_access(win, source, &request.runs).and_then(|()| carry_out(win, &request)),
    };
    send(win, outgoing, (source, request.tag), Answer::write(outcome));
}

/// Checks what an origin could not: whether memory of a dynamic window is attached.
fn may_access(win: &Win, source: u32, runs: &[Run]) -> Result<()> {
    match Remote::of(win) {
        Some(remote) if win.flavor == Flavor::Dynamic && win.is_far(source) => {
            let own = remote.own.borrow();
            table::covered(win, win.comm.rank, own.pieces(), runs).map(drop)
        }
        _ => Ok(()),
    }
}

fn send(win: &Win, outgoing: &mut Queues, (source, tag): (u32, i32), bytes: Vec<u8>) {
    let buffer = Buffer::bytes(bytes.as_ptr(), bytes.len());
    let space = Space::PointToPoint;
    // SAFETY: the bytes stay in `outgoing` until the request is done.
    let sent = unsafe { pml::isend(&win.comm, space, source, tag, &buffer, Mode::Standard) };
    if let Ok(request) = sent
        && !request.is_done()
    {
        let queue = outgoing.entry(source).or_default();
        queue.push(Message { request, bytes });
    }
}

/// Does what was asked for; the bytes to answer with.
pub(super) fn carry_out(win: &Win, request: &Request<'_>) -> Result<Vec<u8>> {
    let runs = &request.runs;
    let len = runs.iter().map(|run| run.1).sum();
    let update = match request.what {
        Ask::Put if request.data.len() == len => {
            store(win, runs, request.data)?;
            return Ok(Vec::new());
        }
        Ask::Get => return load(win, runs, len),
        Ask::Accumulate { op, datatype, .. } => {
            match (op::get(op)?, datatype::predefined(datatype)) {
                (Op::Predefined(op), Some(plain)) => Update::new(op, plain)?,
                (Op::Predefined(op @ (Predefined::Replace | Predefined::NoOp)), None) => {
                    Update::new(op, datatype::byte())?
                }
                _ => crate::fail!(
                    UNSUPPORTED_OPERATION,
                    "memory that messages alone reach takes accumulations of the standard's named datatypes"
                ),
            }
        }
        Ask::CompareAndSwap(size) if len == size && request.data.len() == 2 * size => {
            Update::CompareAndSwap
        }
        _ => return Err(malformed("a request")),
    };
    if matches!(update, Update::Replace | Update::Reduce { .. }) && request.data.len() != len {
        return Err(malformed("an accumulation"));
    }
    let me = win.comm.rank;
    control::of(win).guarded(me, || {
        let mut there = load(win, runs, len)?;
        let before = match request.what {
            Ask::Accumulate { fetch: false, .. } => Vec::new(),
            _ => there.clone(),
        };
        if update.apply(&mut there, request.data)? {
            store(win, runs, &there)?;
        }
        Ok(before)
    })
}

fn load(win: &Win, runs: &[Run], len: usize) -> Result<Vec<u8>> {
    let mut bytes = runs::room(len)?;
    let mut at = 0;
    for run in runs {
        let here = std::ptr::with_exposed_provenance(usize::try_from(run.0).unwrap_or(0));
        // SAFETY: memory of the window, as the origin has checked; the room is as long
        // as all runs.
        let copied = unsafe { copy_piece(here, bytes[at..].as_mut_ptr(), run.1, len) };
        copied.map_err(|why| absent(win, win.comm.rank, *run, &why.to_string()))?;
        at += run.1;
    }
    Ok(bytes)
}

fn store(win: &Win, runs: &[Run], bytes: &[u8]) -> Result<()> {
    let mut at = 0;
    for run in runs {
        let here = std::ptr::with_exposed_provenance_mut(usize::try_from(run.0).unwrap_or(0));
        // SAFETY: memory of the window, as the origin has checked; the bytes are as
        // many as all runs have.
        let copied = unsafe { copy_piece(bytes[at..].as_ptr(), here, run.1, bytes.len()) };
        copied.map_err(|why| absent(win, win.comm.rank, *run, &why.to_string()))?;
        at += run.1;
    }
    Ok(())
}
