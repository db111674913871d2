//! Accesses to memory that is not mapped here: by a copy of the transport's (attached
//! memory, or a call of the kernel's), and where none reaches it by messages that the
//! target serves. Memory on another host is accessed by messages.
//!
//! An accumulation fetches elements, changes them and stores them, under the target's
//! guard, which everybody takes who accumulates there, by whatever way.

use super::ask::{Ask, absent};
use super::control;
use super::elements::Elements;
use super::mailbox;
use super::pending::{self, Access, BufferElements, Series, Subject};
use super::remote::Remote;
use super::runs::{self, Packed, Run, portions};
use super::serve;
use super::slot;
use super::update::Update;
use crate::error::Result;
use crate::fail;
use crate::object::group::Proc;
use crate::object::win::{PartReach, Win};
use crate::pml::WaitFor;
use crate::pml::remote::{self, Accesses, RemoteError};
use std::ops::Range;
use std::rc::Rc;

/// Bytes of a put or get that are looked at together.
const PORTION: usize = 1 << 20;
/// Bytes that are accumulated at once, while others wait for the guard.
const GUARDED: usize = 32 << 10;

/// An address in a target's memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct RemotePlace {
    pub(super) peer: Proc,
    pub(super) rank: u32,
    pub(super) addr: u64,
    pub(super) reach: PartReach,
}

/// What of an access the target has not answered yet.
#[derive(Default)]
pub struct Unanswered(Option<Rc<Access>>);

impl Unanswered {
    /// Whether the access is over.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.0.is_none()
    }

    /// Whether everything is answered. Does not make progress.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.0.as_ref().is_none_or(|access| access.is_done())
    }

    /// What it waits for.
    #[must_use]
    pub fn waits_for(&self) -> WaitFor {
        let access = self.0.as_ref();
        access.map_or(WaitFor::NOTHING, |access| access.waits_for())
    }

    /// Completes it, once everything is answered.
    ///
    /// # Errors
    /// What the target could not do.
    pub fn finish(&mut self, win: &Win) -> Result<()> {
        let Some(access) = self.0.take() else {
            return Ok(());
        };
        let outcome = access.finish();
        pending::forget(win, &access);
        outcome
    }
}

/// Asks the target for what is left of an access: bytes `range` of its elements. Nothing of it
/// may then be done in another way, which could overtake that.
fn ask_for(
    win: &Win,
    place: &RemotePlace,
    (what, portion): (Ask, usize),
    target: &Elements<'_>,
    range: Range<usize>,
    (operand, result): (Option<&Elements<'_>>, Option<&Elements<'_>>),
) -> Result<Unanswered> {
    let series = Series {
        at: place.addr,
        count: target.count,
        datatype: target.datatype.clone(),
        operand: operand.map(BufferElements::new),
        range,
        portion,
    };
    let (subject, result) = (Subject::Series(series), result.map(BufferElements::new));
    let access = pending::ask(win, place.rank, what, subject, result)?;
    Ok(Unanswered(Some(access)))
}

/// Stores the origin's elements.
///
/// # Safety
/// They are readable until the access is completed.
pub(super) unsafe fn put(
    win: &Win,
    place: &RemotePlace,
    origin: &Elements<'_>,
    target: &Elements<'_>,
) -> Result<Unanswered> {
    let len = origin.len().unwrap_or(0);
    for range in portions(len, PORTION) {
        let runs = runs::of(target.datatype, place.addr, target.count, &range);
        // SAFETY: the caller's elements.
        let mut bytes = unsafe { Packed::read(origin, &range) }?;
        let from = bytes.as_mut_ptr();
        // SAFETY: the caller's elements, or a copy; copied once more at once.
        let data = unsafe { std::slice::from_raw_parts(from, range.len()) };
        if serves_now(win, place, (Ask::Put, &runs), (&[data], &mut [])) {
            continue;
        }
        if may_copy(win, place) {
            // SAFETY: the bytes are as many as the runs have.
            if let Some(outcome) = unsafe { store(win, place, &runs, from) } {
                outcome?;
                continue;
            }
        }
        let (what, left) = ((Ask::Put, PORTION), range.start..len);
        return ask_for(win, place, what, target, left, (Some(origin), None));
    }
    Ok(Unanswered::default())
}

/// Fetches elements into the origin's.
///
/// # Safety
/// They are writable until the access is completed.
pub(super) unsafe fn get(
    win: &Win,
    place: &RemotePlace,
    origin: &Elements<'_>,
    target: &Elements<'_>,
) -> Result<Unanswered> {
    let len = origin.len().unwrap_or(0);
    for range in portions(len, PORTION) {
        let runs = runs::of(target.datatype, place.addr, target.count, &range);
        let mut answer = [0; slot::MOST];
        let answer = answer.get_mut(..range.len()).unwrap_or_default();
        if !answer.is_empty() && serves_now(win, place, (Ask::Get, &runs), (&[], answer)) {
            // SAFETY: the caller's elements.
            unsafe { runs::unpack(origin, &range, answer) };
            continue;
        }
        if may_copy(win, place) {
            let mut room = Packed::room(origin, &range)?;
            // SAFETY: the room is as long as the runs.
            if let Some(outcome) = unsafe { load(win, place, &runs, room.as_mut_ptr()) } {
                outcome?;
                // SAFETY: the caller's elements.
                unsafe { room.store(origin, &range) };
                continue;
            }
        }
        let (what, left) = ((Ask::Get, PORTION), range.start..len);
        return ask_for(win, place, what, target, left, (None, Some(origin)));
    }
    Ok(Unanswered::default())
}

/// What is accumulated.
pub(super) struct Accumulation<'a> {
    pub(super) update: Update,
    /// What the target is asked for, where it must be: the same update.
    pub(super) ask: Ask,
    /// Bytes of an element.
    pub(super) size: usize,
    pub(super) operand: Option<Elements<'a>>,
    pub(super) result: Option<Elements<'a>>,
}

/// Accumulates.
///
/// # Safety
/// The operand is readable and the result writable until the access is completed.
pub(super) unsafe fn accumulate(
    win: &Win,
    place: &RemotePlace,
    what: &Accumulation<'_>,
    target: &Elements<'_>,
) -> Result<Unanswered> {
    let (len, most) = (target.len().unwrap_or(0), GUARDED / what.size * what.size);
    for range in portions(len, most) {
        let runs = runs::of(target.datatype, place.addr, target.count, &range);
        let mut operand = match &what.operand {
            // SAFETY: the caller's elements.
            Some(operand) => Some(unsafe { Packed::read(operand, &range) }?),
            None => None,
        };
        let operand: &[u8] = match &mut operand {
            // SAFETY: the packed operand is as long as the range.
            Some(bytes) => unsafe { std::slice::from_raw_parts(bytes.as_mut_ptr(), range.len()) },
            None => &[],
        };
        let mut before = [0; slot::MOST];
        let before = match &what.result {
            Some(_) => before.get_mut(..range.len()),
            None => Some(&mut [][..]),
        };
        if let Some(before) = before
            && serves_now(win, place, (what.ask, &runs), (&[operand], before))
        {
            if let Some(result) = &what.result {
                // SAFETY: the caller's elements.
                unsafe { runs::unpack(result, &range, before) };
            }
            continue;
        }
        if may_copy(win, place) {
            let before = change(win, place, &runs, &what.update, (operand, range.len()))?;
            if let Some(before) = before {
                if let Some(result) = &what.result {
                    // SAFETY: the caller's elements.
                    unsafe { runs::unpack(result, &range, &before) };
                }
                continue;
            }
        }
        let (left, buffers) = (
            range.start..len,
            (what.operand.as_ref(), what.result.as_ref()),
        );
        return ask_for(win, place, (what.ask, most), target, left, buffers);
    }
    Ok(Unanswered::default())
}

/// Compares and swaps one element: the new one, what to compare with, and where the old
/// one goes.
pub(super) fn compare_and_swap(
    win: &Win,
    place: &RemotePlace,
    (new, compare): (&[u8], &[u8]),
    result: &Elements<'_>,
) -> Result<Unanswered> {
    let len = new.len();
    let run = [(place.addr, len)];
    let mut before = [0; slot::MOST];
    let what = (Ask::CompareAndSwap(len), &run[..]);
    if let Some(before) = before.get_mut(..len)
        && serves_now(win, place, what, (&[new, compare], before))
    {
        // SAFETY: the caller's element, of as many bytes.
        unsafe { runs::unpack(result, &(0..len), before) };
        return Ok(Unanswered::default());
    }
    if may_copy(win, place) {
        let operand = [new, compare].concat();
        let before = change(win, place, &run, &Update::CompareAndSwap, (&operand, len))?;
        if let Some(before) = before {
            // SAFETY: the caller's element, of as many bytes.
            unsafe { runs::unpack(result, &(0..len), &before) };
            return Ok(Unanswered::default());
        }
    }
    let subject = Subject::Single(run.to_vec(), [new, compare].concat());
    let (what, result) = (Ask::CompareAndSwap(len), BufferElements::new(result));
    let access = pending::ask(win, place.rank, what, subject, Some(result))?;
    Ok(Unanswered(Some(access)))
}

/// Has the target carry out a small access now, if it is there to do so; whether it did. The
/// access is over then, and its answer has come.
fn serves_now(
    win: &Win,
    place: &RemotePlace,
    what: (Ask, &[Run]),
    data_and_answer: (&[&[u8]], &mut [u8]),
) -> bool {
    // Nothing that was asked of it before may be overtaken.
    let Some(remote) = Remote::of(win).filter(|remote| !remote.is_pending(place.rank)) else {
        return false;
    };
    if place.reach == PartReach::OtherHost {
        return false; // its slot is not in memory of this host
    }
    let (target, how) = (
        (place.peer, place.rank),
        (&remote.patience, serve::carry_out as _),
    );
    mailbox::ask(win, target, what, data_and_answer, how)
}

/// Whether memory there may be copied without its owner: nothing that was asked of the
/// owner may be overtaken.
fn may_copy(win: &Win, place: &RemotePlace) -> bool {
    !matches!(place.reach, PartReach::Messages | PartReach::OtherHost)
        && Remote::of(win).is_none_or(|remote| !remote.is_pending(place.rank))
}

fn accesses(place: &RemotePlace) -> Accesses {
    match place.reach {
        PartReach::Replaced => Accesses::Calls,
        _ => Accesses::All,
    }
}

/// Changes elements under the guard; what was there before. `None`: they are not reached,
/// and nothing has changed.
fn change(
    win: &Win,
    place: &RemotePlace,
    runs: &[Run],
    update: &Update,
    (operand, len): (&[u8], usize),
) -> Result<Option<Vec<u8>>> {
    let mut there = runs::room(len)?;
    control::of(win).guarded(place.rank, || {
        // SAFETY: the room is as long as the runs.
        match unsafe { load(win, place, runs, there.as_mut_ptr()) } {
            Some(loaded) => loaded?,
            None => return Ok(None),
        }
        let before = there.clone();
        if update.apply(&mut there, operand)? {
            // SAFETY: as above.
            match unsafe { store(win, place, runs, there.as_mut_ptr()) } {
                Some(stored) => stored?,
                None => return Ok(None),
            }
        }
        Ok(Some(before))
    })
}

/// Copies from runs to `to`. `None`: they are not reached.
///
/// # Safety
/// `to` is writable for as many bytes as the runs have.
unsafe fn load(win: &Win, place: &RemotePlace, runs: &[Run], to: *mut u8) -> Option<Result<()>> {
    // SAFETY: the caller's bytes.
    let copied = unsafe { remote::read(place.peer, runs, to, accesses(place)) };
    outcome_of(win, place, runs, copied)
}

/// Copies from `from` to runs. `None`: they are not reached.
///
/// # Safety
/// `from` is readable for as many bytes as the runs have.
unsafe fn store(win: &Win, place: &RemotePlace, runs: &[Run], from: *mut u8) -> Option<Result<()>> {
    // SAFETY: the caller's bytes.
    let copied = unsafe { remote::write(place.peer, runs, from, accesses(place)) };
    outcome_of(win, place, runs, copied)
}

/// What copying came to. `None`: the runs are not reached.
fn outcome_of(
    win: &Win,
    place: &RemotePlace,
    runs: &[Run],
    copied: std::result::Result<(), (usize, RemoteError)>,
) -> Option<Result<()>> {
    match copied {
        Ok(()) => Some(Ok(())),
        Err((_, RemoteError::Unreached)) => None,
        Err((at, RemoteError::Absent(why))) => {
            let run = runs.get(at).copied().unwrap_or_default();
            Some(Err(absent(win, place.rank, run, &why)))
        }
        Err((_, RemoteError::OwnMemory(at))) => Some(own_memory(at)),
    }
}

#[cold]
fn own_memory(at: u64) -> Result<()> {
    fail!(
        BUFFER,
        "the buffer's byte at {at:#x} is not there, or may not be touched"
    )
}
