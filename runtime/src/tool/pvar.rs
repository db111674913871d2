//! Performance variables in use (MPI 5.0, section 15.3.7): sessions and handles.
//!
//! Counters, aggregates and timers count for each handle by itself, so that tools do not
//! disturb one another: from the allocation of the handle on, or while they are started. So
//! do watermarks. Those can be written, reset, and read and reset in one step. The other
//! variables can only be read.

use super::variables::VARIABLES;
pub use super::variables::{Variable, VariableClass};
use crate::error::Result;
use crate::fail;
use crate::object::comm::ContextId;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// `MPI_T_PVAR_ALL_HANDLES`.
const ALL_HANDLES: usize = 1;

/// Use of a variable in a session.
#[derive(Debug)]
struct Handle {
    session: usize,
    variable: &'static Variable,
    /// Of a variable of a communicator.
    context: Option<ContextId>,
    /// Of what is cumulative: what it had come to at the last start, stop, reset or write,
    /// what the library had counted then, and whether it runs. Of a watermark: the mark.
    value: Vec<u64>,
    start: Vec<u64>,
    is_running: bool,
}

impl Handle {
    fn now(&self) -> Vec<u64> {
        self.variable.values(self.context)
    }

    /// Takes in what has come together since.
    fn settle(&mut self) {
        let now = self.now();
        if self.variable.is_cumulative() {
            if self.is_running {
                let more = now.iter().zip(&self.start);
                let sum = |(value, (now, start)): (&u64, (&u64, &u64))| {
                    value.wrapping_add(now.wrapping_sub(*start))
                };
                self.value = self.value.iter().zip(more).map(sum).collect();
            }
            self.start = now;
        }
    }

    fn read(&mut self) -> Vec<u64> {
        match self.variable.class {
            VariableClass::HighWatermark => self.value.clone(),
            _ if self.variable.is_cumulative() => {
                self.settle();
                self.value.clone()
            }
            _ => self.now(),
        }
    }

    /// The value to start from: 0, or for a watermark what there is now.
    fn reset(&mut self) {
        let now = self.now();
        match self.variable.class {
            VariableClass::HighWatermark => self.value = now,
            _ => {
                self.value = vec![0; now.len()];
                self.start = now;
            }
        }
    }
}

/// The sessions and handles of all tools, by their numbers, which are not given twice.
#[derive(Debug)]
struct Sessions {
    next: usize,
    sessions: BTreeSet<usize>,
    handles: BTreeMap<usize, Handle>,
}

static SESSIONS: Mutex<Sessions> = Mutex::new(Sessions {
    next: ALL_HANDLES + 1,
    sessions: BTreeSet::new(),
    handles: BTreeMap::new(),
});

impl Sessions {
    fn number(&mut self) -> usize {
        let number = self.next;
        self.next += 1;
        number
    }

    fn check(&self, session: usize) -> Result<()> {
        if !self.sessions.contains(&session) {
            fail!(
                T_INVALID_SESSION,
                "{session:#x} is no session, or was freed"
            );
        }
        Ok(())
    }

    /// Takes the library's mark into those of all handles: it begins anew.
    fn merge_marks(&mut self) {
        let is_mark = |one: &Variable| one.class == VariableClass::HighWatermark;
        for mark in VARIABLES.iter().filter(|one| is_mark(one)) {
            let now = mark.values(None);
            for handle in self.handles.values_mut() {
                if std::ptr::eq(handle.variable, mark) {
                    let both = handle.value.iter().zip(&now);
                    handle.value = both.map(|(mark, now)| *mark.max(now)).collect();
                }
            }
        }
    }

    /// A handle of a session.
    fn handle(&mut self, session: usize, raw: usize) -> Result<&mut Handle> {
        self.check(session)?;
        match self.handles.get_mut(&raw) {
            Some(handle) if handle.session == session => Ok(handle),
            Some(_) => fail!(
                T_INVALID_HANDLE,
                "the performance variable {raw:#x} belongs to another session"
            ),
            None => fail!(
                T_INVALID_HANDLE,
                "{raw:#x} is no handle of a performance variable, or was freed"
            ),
        }
    }
}

/// The table of sessions, if the interface may be used.
fn sessions() -> Result<MutexGuard<'static, Sessions>> {
    super::access::check()?;
    Ok(SESSIONS.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Frees all sessions, at the end of the interface's use.
pub(super) fn end() {
    let mut all = SESSIONS.lock().unwrap_or_else(PoisonError::into_inner);
    all.sessions.clear();
    all.handles.clear();
}

/// The number of variables.
#[must_use]
pub fn number() -> usize {
    VARIABLES.len()
}

/// The variable of this index.
///
/// # Errors
/// `MPI_T_ERR_INVALID_INDEX`.
pub fn describe(index: i32) -> Result<&'static Variable> {
    super::access::check()?;
    let found = usize::try_from(index).ok().and_then(|i| VARIABLES.get(i));
    match found {
        Some(variable) => Ok(variable),
        None => fail!(
            T_INVALID_INDEX,
            "there is no performance variable {index}: they go from 0 to {}",
            VARIABLES.len() - 1
        ),
    }
}

/// The index of the variable of this name and class.
///
/// # Errors
/// `MPI_T_ERR_INVALID_NAME`.
pub fn find(name: &str, class: i32) -> Result<i32> {
    super::access::check()?;
    let is_it = |one: &Variable| one.name == name && one.class as i32 == class;
    match VARIABLES.iter().zip(0..).find(|(one, _)| is_it(one)) {
        Some((_, index)) => Ok(index),
        None => fail!(
            T_INVALID_NAME,
            "there is no performance variable {name:?} of class {class}"
        ),
    }
}

/// A new session.
///
/// # Errors
/// `MPI_T_ERR_NOT_INITIALIZED`.
pub fn open_session() -> Result<usize> {
    let mut all = sessions()?;
    let session = all.number();
    all.sessions.insert(session);
    Ok(session)
}

/// Frees a session with its handles.
///
/// # Errors
/// `MPI_T_ERR_INVALID_SESSION`.
pub fn close_session(session: usize) -> Result<()> {
    let mut all = sessions()?;
    all.check(session)?;
    all.sessions.remove(&session);
    all.handles.retain(|_, handle| handle.session != session);
    Ok(())
}

/// A new handle of the variable of this index, and the number of its values. `comm`: asked
/// for the context of a communicator, where the variable is of one.
///
/// # Errors
/// `MPI_T_ERR_INVALID_SESSION`, `MPI_T_ERR_INVALID_INDEX`, `MPI_T_ERR_NOT_ACCESSIBLE`, or
/// that of `comm`.
pub fn open(
    session: usize,
    index: i32,
    comm: impl FnOnce() -> Result<ContextId>,
) -> Result<(usize, usize)> {
    let mut all = sessions()?;
    all.check(session)?;
    let variable = describe(index)?;
    if variable.looks_inside() {
        super::access::check_thread()?;
    }
    let context = variable.is_of_comm().then(comm).transpose()?;
    all.merge_marks();
    let start = variable.values(context);
    if start.is_empty() {
        fail!(
            T_NOT_ACCESSIBLE,
            "{} is there once MPI is initialized: it has a value for each process of the job",
            variable.name
        );
    }
    let (raw, count) = (all.number(), start.len());
    let mut handle = Handle {
        session,
        variable,
        context,
        value: Vec::new(),
        start,
        is_running: variable.is_continuous(),
    };
    handle.reset();
    all.handles.insert(raw, handle);
    Ok((raw, count))
}

/// Frees a handle.
///
/// # Errors
/// `MPI_T_ERR_INVALID_SESSION`, `MPI_T_ERR_INVALID_HANDLE`.
pub fn close(session: usize, raw: usize) -> Result<()> {
    let mut all = sessions()?;
    all.handle(session, raw)?;
    all.handles.remove(&raw);
    Ok(())
}

/// Starts or stops a variable; of all in a session, those that can be.
///
/// # Errors
/// `MPI_T_ERR_INVALID_SESSION`, `MPI_T_ERR_INVALID_HANDLE`,
/// `MPI_T_ERR_PVAR_NO_STARTSTOP`.
pub fn start_or_stop(session: usize, raw: usize, start: bool) -> Result<()> {
    let mut all = sessions()?;
    let change = |handle: &mut Handle| {
        handle.settle();
        handle.is_running = start;
    };
    if raw == ALL_HANDLES {
        all.check(session)?;
        let can_be = |one: &&mut Handle| one.session == session && !one.variable.is_continuous();
        all.handles.values_mut().filter(can_be).for_each(change);
        return Ok(());
    }
    let handle = all.handle(session, raw)?;
    if handle.variable.is_continuous() {
        let name = &handle.variable.name;
        fail!(
            T_PVAR_NO_STARTSTOP,
            "{name} runs all the time: it cannot be started or stopped"
        );
    }
    change(handle);
    Ok(())
}

/// The variable of a handle and the number of its values.
///
/// # Errors
/// `MPI_T_ERR_INVALID_SESSION`, `MPI_T_ERR_INVALID_HANDLE`.
pub fn count(session: usize, raw: usize) -> Result<(&'static Variable, usize)> {
    let mut all = sessions()?;
    let handle = all.handle(session, raw)?;
    Ok((handle.variable, handle.value.len()))
}

/// Runs `f` on a handle that may be looked at now.
fn look<R>((session, raw): (usize, usize), f: impl FnOnce(&mut Handle) -> Result<R>) -> Result<R> {
    let mut all = sessions()?;
    if all.handle(session, raw)?.variable.looks_inside() {
        super::access::check_thread()?;
    }
    all.merge_marks();
    f(all.handle(session, raw)?)
}

/// The values of a variable.
///
/// # Errors
/// `MPI_T_ERR_INVALID_SESSION`, `MPI_T_ERR_INVALID_HANDLE`, `MPI_T_ERR_NOT_ACCESSIBLE`.
pub fn read(session: usize, raw: usize) -> Result<Vec<u64>> {
    look((session, raw), |handle| Ok(handle.read()))
}

/// Sets a variable to values, of which there must be as many as [`count`] says.
///
/// # Errors
/// As [`read`], and `MPI_T_ERR_PVAR_NO_WRITE`.
pub fn write(session: usize, raw: usize, values: &[u64]) -> Result<()> {
    look((session, raw), |handle| {
        check_writable(handle)?;
        handle.reset();
        handle.value = values.to_vec();
        Ok(())
    })
}

/// Sets a variable to its starting value; of all in a session, those that can be.
///
/// # Errors
/// As [`write()`].
pub fn reset(session: usize, raw: usize) -> Result<()> {
    if raw != ALL_HANDLES {
        return look((session, raw), |handle| {
            check_writable(handle)?;
            handle.reset();
            Ok(())
        });
    }
    let mut all = sessions()?;
    all.check(session)?;
    all.merge_marks();
    let may_look = super::access::check_thread().is_ok();
    let can_be = |one: &&mut Handle| {
        let (of_session, variable) = (one.session == session, one.variable);
        of_session && !variable.is_readonly() && (may_look || !variable.looks_inside())
    };
    all.handles
        .values_mut()
        .filter(can_be)
        .for_each(Handle::reset);
    Ok(())
}

/// Reads a variable and sets it to its starting value, without losing what is counted
/// meanwhile.
///
/// # Errors
/// As [`read`], and `MPI_T_ERR_PVAR_NO_ATOMIC`.
pub fn read_and_reset(session: usize, raw: usize) -> Result<Vec<u64>> {
    look((session, raw), |handle| {
        if !handle.variable.is_atomic() {
            fail!(
                T_PVAR_NO_ATOMIC,
                "{} cannot be read and reset in one step",
                handle.variable.name
            );
        }
        let values = handle.read();
        match handle.variable.is_cumulative() {
            true => handle.value = vec![0; values.len()],
            false => handle.reset(),
        }
        Ok(values)
    })
}

fn check_writable(handle: &Handle) -> Result<()> {
    if handle.variable.is_readonly() {
        fail!(T_PVAR_NO_WRITE, "{} can only be read", handle.variable.name);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::{TURN, finalize, init};
    use super::*;
    use crate::error::Class;

    #[test]
    fn sessions_need_an_initialized_interface() {
        let _turn = TURN.lock();
        assert_eq!(finalize().unwrap_err().class(), Class::T_NOT_INITIALIZED);
        assert!(open_session().is_err());
        init();
        init();
        finalize().unwrap();
        let (a, b) = (open_session().unwrap(), open_session().unwrap());
        assert_ne!(a, b);
        start_or_stop(a, ALL_HANDLES, true).unwrap();
        assert_eq!(
            start_or_stop(a, b, true).unwrap_err().class(),
            Class::T_INVALID_HANDLE
        );
        close_session(a).unwrap();
        assert_eq!(
            start_or_stop(a, ALL_HANDLES, true).unwrap_err().class(),
            Class::T_INVALID_SESSION
        );
        finalize().unwrap();
        assert!(super::super::check().is_err());
        init();
        assert!(close_session(b).is_err(), "freed at the end");
        finalize().unwrap();
    }

    #[test]
    fn each_handle_counts_for_itself() {
        let _turn = TURN.lock();
        init();
        let session = open_session().unwrap();
        let none = || unreachable!("not of a communicator");
        let index = find("lariat_messages_put", VariableClass::Counter as i32).unwrap();
        let (a, count) = open(session, index, none).unwrap();
        let (b, _) = open(session, index, none).unwrap();
        write(session, a, &vec![7; count]).unwrap();
        assert!(read(session, a).unwrap().iter().all(|n| *n >= 7));
        assert!(read_and_reset(session, a).unwrap().iter().all(|n| *n >= 7));
        assert!(read(session, a).unwrap()[count - 1] < 7);
        assert!(read(session, b).unwrap()[count - 1] < 7);
        let other = open_session().unwrap();
        let sizes = find("lariat_size_classes", VariableClass::Generic as i32).unwrap();
        assert!(read(other, a).is_err());
        let (sizes, _) = open(session, sizes, none).unwrap();
        let class = |result: Result<()>| result.unwrap_err().class();
        assert_eq!(class(write(session, sizes, &[])), Class::T_PVAR_NO_WRITE);
        assert_eq!(class(reset(session, sizes)), Class::T_PVAR_NO_WRITE);
        let both = read_and_reset(session, sizes).map(drop);
        assert_eq!(class(both), Class::T_PVAR_NO_ATOMIC);
        assert_eq!(
            class(start_or_stop(session, a, true)),
            Class::T_PVAR_NO_STARTSTOP
        );
        close(session, a).unwrap();
        assert_eq!(class(close(session, a)), Class::T_INVALID_HANDLE);
        finalize().unwrap();
    }
}
