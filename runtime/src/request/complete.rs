//! Completing requests: one, any, all, some (MPI 5.0, section 3.7.5).
//!
//! Each comes in two forms: `wait`, which makes progress until it can answer,
//! and `test`, which makes progress once. Handles are changed in place.

use super::{Finished, Look, count_done, finish, finish_plain, look, waits_for};
use crate::error::Result;
use crate::handle::Raw;
use crate::pml::{self, Completion, WaitFor};
use std::cell::Cell;

/// Waits for one request.
///
/// # Errors
/// The handle names no request. An error of the operation is in its completion.
#[inline]
pub fn wait(raw: Raw) -> Result<Finished> {
    if look(raw)? == Look::Active {
        let mut broken = None;
        pml::wait(
            || waits_for(raw),
            || match look(raw) {
                Ok(found) => found != Look::Active,
                Err(error) => {
                    broken = Some(error);
                    true
                }
            },
        );
        if let Some(error) = broken {
            return Err(error);
        }
    }
    finish(raw)
}

/// Finishes one request if it is complete, after progress.
///
/// # Errors
/// The handle names no request.
#[inline]
pub fn test(raw: Raw) -> Result<Option<Finished>> {
    if look(raw)? == Look::Active {
        pml::poll();
        if look(raw)? == Look::Active {
            return Ok(None);
        }
    }
    finish(raw).map(Some)
}

/// What a look at several requests found.
enum Several {
    /// None of them is active.
    Nothing,
    /// At least one is active and none is done.
    NotYet,
    /// This one is done; the first from the start given, going round.
    Done(usize),
}

fn scan(raws: &[Raw]) -> Result<Several> {
    let mut active = false;
    for (i, raw) in raws.iter().enumerate() {
        match look(*raw)? {
            Look::Done => return Ok(Several::Done(i)),
            Look::Active => active = true,
            Look::Inactive => {}
        }
    }
    Ok(if active {
        Several::NotYet
    } else {
        Several::Nothing
    })
}

/// What completing any one of several requests gives.
#[derive(Debug)]
pub enum Any {
    /// No request is active.
    Nothing,
    /// This one is complete, and ended so.
    One(usize, Completion),
}

/// Finishes one of several requests if one is complete. `None`: not yet.
///
/// # Errors
/// A handle names no request.
pub fn test_any(raws: &mut [Raw]) -> Result<Option<Any>> {
    let mut found = scan(raws)?;
    if matches!(found, Several::NotYet) {
        pml::poll();
        found = scan(raws)?;
    }
    take_any(raws, &found)
}

/// Waits until one of several requests is complete, and finishes it.
///
/// # Errors
/// A handle names no request.
pub fn wait_any(raws: &mut [Raw]) -> Result<Any> {
    let mut found = scan(raws);
    if matches!(found, Ok(Several::NotYet)) {
        pml::wait(
            || what(raws),
            || {
                found = scan(raws);
                !matches!(found, Ok(Several::NotYet))
            },
        );
    }
    Ok(take_any(raws, &found?)?.unwrap_or(Any::Nothing))
}

fn take_any(raws: &mut [Raw], found: &Several) -> Result<Option<Any>> {
    match *found {
        Several::Nothing => Ok(Some(Any::Nothing)),
        Several::NotYet => Ok(None),
        Several::Done(i) => {
            let Finished { completion, handle } = finish(raws[i])?;
            raws[i] = handle;
            Ok(Some(Any::One(i, completion)))
        }
    }
}

/// Whether none of the requests is active and unfinished.
#[inline]
fn all_done(raws: &[Raw], from: &Cell<usize>) -> Result<bool> {
    let rest = raws.get(from.get()..).unwrap_or_default();
    from.set(from.get() + count_done(rest)?);
    Ok(from.get() == raws.len())
}

/// Waits for all requests. `each` gets every completion in order.
///
/// # Errors
/// A handle names no request; then nothing was finished.
pub fn wait_all(raws: &mut [Raw], each: impl FnMut(usize, Completion)) -> Result<()> {
    let from = Cell::new(0);
    let mut done = all_done(raws, &from);
    if matches!(done, Ok(false)) {
        pml::wait(
            || what_all(raws, from.get()),
            || {
                done = all_done(raws, &from);
                !matches!(done, Ok(false))
            },
        );
    }
    done?;
    finish_all(raws, each)
}

/// Finishes all requests if all are complete, after progress. Returns whether.
///
/// # Errors
/// A handle names no request; then nothing was finished.
pub fn test_all(raws: &mut [Raw], each: impl FnMut(usize, Completion)) -> Result<bool> {
    let from = Cell::new(0);
    if !all_done(raws, &from)? {
        pml::poll();
        if !all_done(raws, &from)? {
            return Ok(false);
        }
    }
    finish_all(raws, each)?;
    Ok(true)
}

#[inline]
fn finish_all(raws: &mut [Raw], mut each: impl FnMut(usize, Completion)) -> Result<()> {
    let mut at = 0;
    loop {
        at = finish_plain(raws, at, &mut each);
        let Some(raw) = raws.get_mut(at) else {
            return Ok(());
        };
        let Finished { completion, handle } = finish(*raw)?;
        *raw = handle;
        each(at, completion);
        at += 1;
    }
}

/// Waits until at least one request is complete, and finishes all that are.
/// `each` gets every completion with its index. `false`: none is active.
///
/// # Errors
/// A handle names no request.
pub fn wait_some(raws: &mut [Raw], each: impl FnMut(usize, Completion)) -> Result<bool> {
    let mut found = scan(raws);
    if matches!(found, Ok(Several::NotYet)) {
        pml::wait(
            || what(raws),
            || {
                found = scan(raws);
                !matches!(found, Ok(Several::NotYet))
            },
        );
    }
    take_some(raws, &found?, each)
}

/// Finishes all requests that are complete, after progress. `false`: none is
/// active.
///
/// # Errors
/// A handle names no request.
pub fn test_some(raws: &mut [Raw], each: impl FnMut(usize, Completion)) -> Result<bool> {
    match scan(raws)? {
        Several::NotYet => pml::poll(),
        _ => drop(pml::progress()),
    }
    let found = scan(raws)?;
    take_some(raws, &found, each)
}

fn take_some(
    raws: &mut [Raw],
    found: &Several,
    mut each: impl FnMut(usize, Completion),
) -> Result<bool> {
    let first = match *found {
        Several::Nothing => return Ok(false),
        Several::NotYet => return Ok(true),
        Several::Done(first) => first,
    };
    for (i, raw) in raws.iter_mut().enumerate().skip(first) {
        if look(*raw)? == Look::Done {
            let Finished { completion, handle } = finish(*raw)?;
            *raw = handle;
            each(i, completion);
        }
    }
    Ok(true)
}

/// The requests that are active and not complete.
fn open(raws: &[Raw]) -> impl Iterator<Item = Raw> + Clone {
    let is_open = |raw: &Raw| matches!(look(*raw), Ok(Look::Active));
    raws.iter().copied().filter(is_open)
}

/// Requests that are looked at for a report. More would make a long wait slow.
const TOLD: usize = 4096;

/// What a wait for all of these requests is for, of which those before `from` are complete.
fn what_all(raws: &[Raw], from: usize) -> WaitFor {
    let rest = raws.get(from..).unwrap_or_default();
    let told = &rest[..rest.len().min(TOLD)];
    let open = open(told);
    let count = open.clone().count() + (rest.len() - told.len());
    WaitFor::all_of(open.map(waits_for)).of_requests(count, raws.len())
}

/// What a wait for one of several requests is for.
fn what(raws: &[Raw]) -> WaitFor {
    let open = open(raws);
    if raws.len() > TOLD {
        return WaitFor::NOTHING.of_requests(raws.len(), raws.len());
    }
    WaitFor::one_of(open.clone().map(waits_for)).of_requests(open.count(), raws.len())
}
