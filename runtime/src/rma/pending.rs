//! Accesses by messages, at the origin: asked for at once, answered when the target makes
//! progress, and completed by the call that must wait for them (a flush, an unlock, a
//! fence, the completion of a request).

use super::ask::{Answer, Ask, REQUEST, Request};
use super::elements::Elements;
use super::remote::Remote;
use super::runs::{self, Run};
use crate::error::{Error, Result};
use crate::object::comm::Space;
use crate::object::datatype::Datatype;
use crate::object::win::Win;
use crate::pml::{self, Buffer, Mode, WaitFor};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

/// The tags of answers: from the first on, as many as can be open at once.
const FIRST_TAG: u32 = 16;
const TAGS: u64 = 1 << 29;

/// Where an answer's bytes belong.
pub(super) struct Destination {
    addr: *mut u8,
    count: usize,
    datatype: Arc<Datatype>,
    range: Range<usize>,
}

impl Destination {
    /// Bytes `range` of `elements`.
    pub(super) fn new(elements: &Elements<'_>, range: Range<usize>) -> Destination {
        Destination {
            addr: elements.addr,
            count: elements.count,
            datatype: elements.datatype.clone(),
            range,
        }
    }
}

/// An access that its target has not answered, or whose answer was not looked at.
pub(super) struct Pending {
    key: Key,
    sent: RefCell<Option<pml::Request>>,
    reply: RefCell<Option<pml::Request>>,
    /// What is sent, and where the answer comes; both stay as long as the requests.
    _message: Vec<u8>,
    room: RefCell<Vec<u8>>,
    destination: Option<Destination>,
    /// Whether the answer was looked at.
    looked_at: Cell<bool>,
    error: RefCell<Option<Error>>,
}

impl Pending {
    /// Whether the target has answered. Does not make progress.
    pub(super) fn is_done(&self) -> bool {
        let done = |request: &RefCell<Option<pml::Request>>| {
            request.borrow().as_ref().is_none_or(pml::Request::is_done)
        };
        done(&self.reply) && done(&self.sent)
    }

    /// What it waits for.
    pub(super) fn waits_for(&self) -> WaitFor {
        let reply = self.reply.borrow();
        reply
            .as_ref()
            .map_or(WaitFor::NOTHING, pml::Request::waits_for)
    }

    /// Takes the answer, which is there, and puts its bytes where they belong.
    fn look(&self) {
        if self.looked_at.replace(true) {
            return;
        }
        let sent = self.sent.take().map(pml::Request::finish);
        let replied = self.reply.take().map(pml::Request::finish);
        let room = self.room.take();
        let len = replied.as_ref().map_or(0, |replied| replied.len);
        let failed = sent.into_iter().chain(replied).find_map(|end| end.error);
        let answer = match failed {
            Some(error) => Err(error),
            None => Answer::read(&room[..room.len().min(usize::try_from(len).unwrap_or(0))]),
        };
        match (answer, &self.destination) {
            (Err(error), _) => *self.error.borrow_mut() = Some(error),
            (Ok(bytes), Some(to)) => {
                let elements = Elements {
                    addr: to.addr,
                    count: to.count,
                    datatype: &to.datatype,
                };
                // SAFETY: the buffer of the call that asked, which stays writable until
                // the access is completed, which is now.
                unsafe { runs::unpack(&elements, &to.range, bytes) };
            }
            (Ok(_), None) => {}
        }
    }

    /// Completes it, once the target has answered.
    ///
    /// # Errors
    /// What the target could not do; told once.
    pub(super) fn finish(&self) -> Result<()> {
        self.look();
        self.error.take().map_or(Ok(()), Err)
    }
}

/// The target of an access, and how many the process had made before it.
type Key = (u32, u64);

/// The accesses that were not completed, by target and in the order in which they were
/// made.
#[derive(Default)]
pub(super) struct Outstanding {
    made: u64,
    open: BTreeMap<Key, Rc<Pending>>,
}

impl Outstanding {
    /// Whether `target` was asked for something that was not completed.
    pub(super) fn has(&self, target: u32) -> bool {
        !self.open.is_empty() && self.of(Some(target)).next().is_some()
    }

    /// Those of `target` (`None`: of anybody).
    fn of(&self, target: Option<u32>) -> impl Iterator<Item = &Rc<Pending>> {
        let (first, last) = target.map_or((0, u32::MAX), |target| (target, target));
        let range = self.open.range((first, 0)..=(last, u64::MAX));
        range.map(|(_, pending)| pending)
    }
}

/// Asks `target` for something. The answer's bytes, `len` of them, go to `destination`.
///
/// # Errors
/// There is no memory.
pub(super) fn ask(
    win: &Win,
    target: u32,
    what: Ask,
    (runs, data): (&[Run], &[&[u8]]),
    (len, destination): (usize, Option<Destination>),
) -> Result<Rc<Pending>> {
    let Some(remote) = Remote::of(win) else {
        crate::fail!(INTERN, "{} has no state for messages", win.label());
    };
    let made = {
        let mut outstanding = remote.outstanding.borrow_mut();
        outstanding.made += 1;
        outstanding.made
    };
    let tag = FIRST_TAG + u32::try_from(made % TAGS).unwrap_or(0);
    let tag = tag.cast_signed();
    let message = Request::write(what, tag, runs, data)?;
    let mut room = runs::room(Answer::room(len))?;
    let space = Space::PointToPoint;
    let buffer = Buffer::bytes(room.as_mut_ptr(), room.len());
    // SAFETY: the room stays until the request is done: `pending` holds it until then.
    let reply = unsafe { pml::irecv(&win.comm, space, Some(target), Some(tag), &buffer) }?;
    let buffer = Buffer::bytes(message.as_ptr(), message.len());
    // SAFETY: as above, of the message.
    let sent = unsafe { pml::isend(&win.comm, space, target, REQUEST, &buffer, Mode::Standard) }?;
    let pending = Rc::new(Pending {
        key: (target, made),
        sent: RefCell::new(Some(sent)),
        reply: RefCell::new(Some(reply)),
        _message: message,
        room: RefCell::new(room),
        destination,
        looked_at: Cell::new(false),
        error: RefCell::new(None),
    });
    let mut outstanding = remote.outstanding.borrow_mut();
    outstanding.open.insert(pending.key, pending.clone());
    Ok(pending)
}

/// Waits for all that `target` (`None`: anybody) was asked for.
///
/// # Errors
/// The first thing that a target could not do, in the order of targets.
pub(super) fn settle(win: &Win, target: Option<u32>) -> Result<()> {
    let Some(remote) = Remote::of(win) else {
        return Ok(());
    };
    let asked: Vec<_> = remote.outstanding.borrow().of(target).cloned().collect();
    let mut outcome = Ok(());
    for pending in &asked {
        pml::wait(|| pending.waits_for(), || pending.is_done());
        outcome = outcome.and(pending.finish());
    }
    let mut outstanding = remote.outstanding.borrow_mut();
    for pending in &asked {
        outstanding.open.remove(&pending.key);
    }
    outcome
}

/// Lets go of what was answered and is not looked at by anybody else.
pub(super) fn forget(win: &Win, pending: &Rc<Pending>) {
    if let Some(remote) = Remote::of(win) {
        remote.outstanding.borrow_mut().open.remove(&pending.key);
    }
}
