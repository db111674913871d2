//! Accesses by messages, at the origin: asked for in portions, answered when the target makes
//! progress, and completed by the call that must wait for them (a flush, an unlock, a
//! fence, the completion of a request).
//!
//! A target is asked in the order of the calls. What it is asked for and what it answers
//! takes room here, so no further portion is asked for while the requests and answers of a
//! target that are under way have [`MOST_UNDER_WAY`] bytes: an access of gigabytes takes no
//! more than that besides the program's buffer. The portions that wait read that buffer
//! later, which stays as it is until the access is completed (MPI 5.0, section 12.3).

use super::ask::{Answer, Ask, REQUEST, Request};
use super::elements::Elements;
use super::remote::Remote;
use super::runs::{self, Packed, Run};
use crate::error::{Error, Result};
use crate::object::comm::Space;
use crate::object::datatype::Datatype;
use crate::object::win::Win;
use crate::pml::{self, Buffer, Mode, WaitFor};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::ops::{Bound, Range};
use std::rc::Rc;
use std::sync::Arc;

/// The tags of answers: from the first on, as many as can be open at once.
const FIRST_TAG: u32 = 16;
const TAGS: u64 = 1 << 29;

/// Bytes of a target's requests and answers under way from which on no more are begun.
const MOST_UNDER_WAY: usize = 16 << 20;

/// Elements in a buffer of the program's, for as long as an access to a window lasts.
pub(super) struct BufferElements {
    addr: *mut u8,
    count: usize,
    datatype: Arc<Datatype>,
}

impl BufferElements {
    pub(super) fn new(elements: &Elements<'_>) -> BufferElements {
        BufferElements {
            addr: elements.addr,
            count: elements.count,
            datatype: elements.datatype.clone(),
        }
    }

    fn elements(&self) -> Elements<'_> {
        Elements {
            addr: self.addr,
            count: self.count,
            datatype: &self.datatype,
        }
    }
}

/// Many elements, asked for a portion at a time.
pub(super) struct Series {
    /// Where the target's elements begin.
    pub(super) at: u64,
    /// Those elements.
    pub(super) count: usize,
    pub(super) datatype: Arc<Datatype>,
    /// What is sent along: as many bytes.
    pub(super) operand: Option<BufferElements>,
    /// Their packed bytes that are accessed, and how many of them at once.
    pub(super) range: Range<usize>,
    pub(super) portion: usize,
}

/// What an access is about.
pub(super) enum Subject {
    /// Runs of memory and the bytes to send along, asked for at once.
    Single(Vec<Run>, Vec<u8>),
    Series(Series),
}

/// A request and its answer, under way.
struct Exchange {
    sent: pml::Request,
    reply: pml::Request,
    /// What is sent, and where the answer comes; both stay as long as the requests.
    message: Vec<u8>,
    room: Vec<u8>,
    /// The packed bytes that the answer has.
    range: Range<usize>,
}

impl Exchange {
    fn is_done(&self) -> bool {
        self.reply.is_done() && self.sent.is_done()
    }

    fn bytes(&self) -> usize {
        self.message.len() + self.room.len()
    }

    /// Puts the answer's bytes, which have come, where they belong.
    fn finish(self, result: Option<&BufferElements>) -> Result<()> {
        let ends = [self.sent.finish(), self.reply.finish()];
        let len = usize::try_from(ends[1].len).unwrap_or(0);
        if let Some(error) = ends.into_iter().find_map(|end| end.error) {
            return Err(error);
        }
        let bytes = Answer::read(&self.room[..self.room.len().min(len)])?;
        if let Some(result) = result {
            // SAFETY: the buffer of the call that asked, which stays writable until the
            // access is completed, and that is not before its last exchange is over.
            unsafe { runs::unpack(&result.elements(), &self.range, bytes) };
        }
        Ok(())
    }
}

/// An access that goes by messages.
pub(super) struct Access {
    target: u32,
    what: Ask,
    subject: Subject,
    /// Where the answers' bytes belong.
    result: Option<BufferElements>,
    /// The first byte that the target was not asked for yet; `None`: it was asked for all.
    next: Cell<Option<usize>>,
    exchanges: RefCell<VecDeque<Exchange>>,
    error: RefCell<Option<Error>>,
}

impl Access {
    /// Whether the target has answered everything. Does not make progress.
    pub(super) fn is_done(&self) -> bool {
        self.next.get().is_none() && self.exchanges.borrow().is_empty()
    }

    /// What it waits for.
    pub(super) fn waits_for(&self) -> WaitFor {
        let exchanges = self.exchanges.borrow();
        let first = exchanges.front();
        first.map_or(WaitFor::NOTHING, |first| first.reply.waits_for())
    }

    /// Completes it, once everything is answered.
    ///
    /// # Errors
    /// What the target could not do; told once.
    pub(super) fn finish(&self) -> Result<()> {
        self.error.take().map_or(Ok(()), Err)
    }

    /// Keeps the first thing that went wrong.
    fn note(&self, outcome: Result<()>) {
        if let Err(error) = outcome {
            self.error.borrow_mut().get_or_insert(error);
        }
    }

    /// Takes in the answers that have come, in order; the bytes that were under way.
    fn take_answers(&self) -> usize {
        let mut bytes = 0;
        loop {
            let first = {
                let mut exchanges = self.exchanges.borrow_mut();
                if !exchanges.front().is_some_and(Exchange::is_done) {
                    return bytes;
                }
                exchanges.pop_front()
            };
            let Some(first) = first else { return bytes };
            bytes += first.bytes();
            self.note(first.finish(self.result.as_ref()));
        }
    }

    /// Asks for the next portion; the bytes that are under way for it. After an error it asks
    /// for nothing more.
    fn ask_next(&self, win: &Win, tag: i32) -> usize {
        let Some(start) = self.next.get() else {
            return 0;
        };
        match self.exchange(win, tag, start) {
            Ok((exchange, next)) => {
                let bytes = exchange.bytes();
                self.exchanges.borrow_mut().push_back(exchange);
                self.next.set(next);
                bytes
            }
            Err(error) => {
                self.note(Err(error));
                self.next.set(None);
                0
            }
        }
    }

    /// Sends the request for the portion from `start` on; where the next one begins.
    fn exchange(&self, win: &Win, tag: i32, start: usize) -> Result<(Exchange, Option<usize>)> {
        let series = match &self.subject {
            Subject::Single(runs, data) => {
                let len = self.result.as_ref().map(|result| result.elements().len());
                let range = 0..len.flatten().unwrap_or(0);
                return Ok((self.send(win, tag, (runs, data), range)?, None));
            }
            Subject::Series(series) => series,
        };
        let end = series.range.end.min(start.saturating_add(series.portion));
        let range = start..end;
        let runs = runs::of(&series.datatype, series.at, series.count, &range);
        let mut operand = match &series.operand {
            // SAFETY: the buffer of the call that asked, which stays as it is until the
            // access is completed.
            Some(operand) => Some(unsafe { Packed::read(&operand.elements(), &range) }?),
            None => None,
        };
        let data: &[u8] = match &mut operand {
            // SAFETY: packed bytes are as many as the range has; they are copied below.
            Some(bytes) => unsafe { std::slice::from_raw_parts(bytes.as_mut_ptr(), range.len()) },
            None => &[],
        };
        let exchange = self.send(win, tag, (&runs, data), range)?;
        Ok((exchange, Some(end).filter(|end| *end < series.range.end)))
    }

    fn send(
        &self,
        win: &Win,
        tag: i32,
        (runs, data): (&[Run], &[u8]),
        range: Range<usize>,
    ) -> Result<Exchange> {
        let message = Request::write(self.what, tag, runs, &[data])?;
        let len = self.result.as_ref().map_or(0, |_| range.len());
        let mut room = runs::room(Answer::room(len))?;
        let space = Space::PointToPoint;
        let (target, answer) = (self.target, Some(tag));
        let buffer = Buffer::bytes(room.as_mut_ptr(), room.len());
        // SAFETY: the room stays until the request is done: the exchange holds it until then.
        let reply = unsafe { pml::irecv(&win.comm, space, Some(target), answer, &buffer) }?;
        let buffer = Buffer::bytes(message.as_ptr(), message.len());
        // SAFETY: as above, of the message.
        let sent =
            unsafe { pml::isend(&win.comm, space, target, REQUEST, &buffer, Mode::Standard) };
        match sent {
            Ok(sent) => Ok(Exchange {
                sent,
                reply,
                message,
                room,
                range,
            }),
            Err(error) => {
                std::mem::forget(room); // the receive stays posted
                Err(error)
            }
        }
    }
}

/// The accesses to one target that are not over, in the order in which they were made.
#[derive(Default)]
struct Queue {
    accesses: RefCell<VecDeque<Rc<Access>>>,
    /// How many of the first of them have asked for everything.
    asked: Cell<usize>,
    /// Bytes under way.
    bytes: Cell<usize>,
}

impl Queue {
    /// Takes in what was answered, and asks for more where there is room. `tag` makes tags
    /// of answers. The accesses that have failed; whether anything has happened.
    fn advance(&self, win: &Win, tag: impl Fn() -> i32, failed: &mut Vec<Rc<Access>>) -> bool {
        let mut any = false;
        let access = |at: usize| self.accesses.borrow().get(at).cloned();
        while let Some(first) = access(0) {
            let bytes = first.take_answers();
            self.bytes.set(self.bytes.get() - bytes);
            any |= bytes > 0;
            if !first.is_done() {
                break;
            }
            self.accesses.borrow_mut().pop_front();
            self.asked.set(self.asked.get().saturating_sub(1));
            if first.error.borrow().is_some() {
                failed.push(first);
            }
        }
        while self.bytes.get() < MOST_UNDER_WAY
            && let Some(next) = access(self.asked.get())
        {
            self.bytes.set(self.bytes.get() + next.ask_next(win, tag()));
            if next.next.get().is_none() {
                self.asked.set(self.asked.get() + 1);
            }
            any = true;
        }
        any
    }
}

/// The accesses that were not completed.
#[derive(Default)]
pub(super) struct Outstanding {
    /// By target. None is empty.
    queues: RefCell<BTreeMap<u32, Rc<Queue>>>,
    /// Those that are over, and whose errors nobody was told.
    failed: RefCell<Vec<Rc<Access>>>,
    /// Requests that were sent.
    sent: Cell<u64>,
    /// Whether [`advance`] is at work.
    is_advancing: Cell<bool>,
}

impl Outstanding {
    /// Whether `target` was asked for something that it has not answered.
    pub(super) fn has(&self, target: u32) -> bool {
        self.queues.borrow().contains_key(&target)
    }

    /// The next tag of an answer.
    fn tag(&self) -> i32 {
        self.sent.set(self.sent.get() + 1);
        let tag = FIRST_TAG + u32::try_from(self.sent.get() % TAGS).unwrap_or(0);
        tag.cast_signed()
    }
}

/// Takes in what targets have answered and asks them for more where there is room. Whether
/// anything has happened. Part of progress.
pub(super) fn advance(win: &Win, remote: &Remote) -> bool {
    let outstanding = &remote.outstanding;
    if outstanding.queues.borrow().is_empty() || outstanding.is_advancing.replace(true) {
        return false;
    }
    let mut any = false;
    let mut from = Bound::Unbounded;
    loop {
        let next = {
            let queues = outstanding.queues.borrow();
            let next = queues.range((from, Bound::Unbounded)).next();
            next.map(|(target, queue)| (*target, queue.clone()))
        };
        let Some((target, queue)) = next else { break };
        from = Bound::Excluded(target);
        let mut failed = Vec::new();
        any |= queue.advance(win, || outstanding.tag(), &mut failed);
        outstanding.failed.borrow_mut().append(&mut failed);
        if queue.accesses.borrow().is_empty() {
            outstanding.queues.borrow_mut().remove(&target);
        }
    }
    outstanding.is_advancing.set(false);
    any
}

/// Asks `target` for something. The answers' bytes go to `result`.
///
/// # Errors
/// Nothing could be asked for: there is no memory.
pub(super) fn ask(
    win: &Win,
    target: u32,
    what: Ask,
    subject: Subject,
    result: Option<BufferElements>,
) -> Result<Rc<Access>> {
    let Some(remote) = Remote::of(win) else {
        crate::fail!(INTERN, "{} has no state for messages", win.label());
    };
    let start = match &subject {
        Subject::Single(..) => 0,
        Subject::Series(series) => series.range.start,
    };
    let access = Rc::new(Access {
        target,
        what,
        subject,
        result,
        next: Cell::new(Some(start)),
        exchanges: RefCell::default(),
        error: RefCell::default(),
    });
    {
        let mut queues = remote.outstanding.queues.borrow_mut();
        let queue = queues.entry(target).or_default();
        queue.accesses.borrow_mut().push_back(access.clone());
    }
    advance(win, remote);
    if access.is_done() && access.error.borrow().is_some() {
        let outcome = access.finish();
        forget(win, &access);
        outcome?;
    }
    Ok(access)
}

/// Waits for all that `target` (`None`: anybody) was asked for.
///
/// # Errors
/// The first thing that a target could not do.
pub(super) fn settle(win: &Win, target: Option<u32>) -> Result<()> {
    let Some(remote) = Remote::of(win) else {
        return Ok(());
    };
    let is_meant = |of: u32| target.is_none_or(|target| target == of);
    let asked: Vec<_> = {
        let queues = remote.outstanding.queues.borrow();
        let meant = queues.iter().filter(|(target, _)| is_meant(**target));
        meant
            .flat_map(|(_, queue)| queue.accesses.borrow().iter().cloned().collect::<Vec<_>>())
            .collect()
    };
    for access in &asked {
        pml::wait(|| access.waits_for(), || access.is_done());
    }
    let mut failed = remote.outstanding.failed.borrow_mut();
    let mut outcome = Ok(());
    for access in failed.extract_if(.., |access| is_meant(access.target)) {
        outcome = outcome.and(access.finish());
    }
    outcome
}

/// Lets go of an access whose error was told.
pub(super) fn forget(win: &Win, access: &Rc<Access>) {
    if let Some(remote) = Remote::of(win) {
        let mut failed = remote.outstanding.failed.borrow_mut();
        failed.retain(|one| !Rc::ptr_eq(one, access));
    }
}
