//! Performance variables (MPI 5.0, section 15.3.7): how many messages of each size each
//! protocol has carried, and what unexpected messages take.
//!
//! All are continuous: they run from the allocation of a handle on, and cannot be started
//! or stopped. A counter counts from there, or from its last reset, for each handle by
//! itself, so that tools do not disturb one another. It can be written, reset, and read and
//! reset in one step. The other variables can only be read.

use crate::error::Result;
use crate::fail;
use crate::pml::counters;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

/// Classes of variables, with the numbers of the standard ABI.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum VariableClass {
    /// `MPI_T_PVAR_CLASS_LEVEL`.
    Level = 2,
    /// `MPI_T_PVAR_CLASS_COUNTER`.
    Counter = 7,
    /// `MPI_T_PVAR_CLASS_GENERIC`.
    Generic = 10,
}

/// Where a variable's values come from.
#[derive(Clone, Copy, Debug)]
enum Source {
    /// The messages of the protocol of this number, by class of sizes.
    Messages(usize),
    LeastSizes,
    UnexpectedBytes,
}

/// A variable.
#[derive(Debug)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// What it means.
    pub meaning: String,
    /// Its class.
    pub class: VariableClass,
    source: Source,
}

impl Variable {
    /// Whether it can be neither written nor reset.
    #[must_use]
    pub fn is_readonly(&self) -> bool {
        self.class != VariableClass::Counter
    }

    /// Whether it can be read and reset in one step.
    #[must_use]
    pub fn is_atomic(&self) -> bool {
        !self.is_readonly()
    }

    /// What the library has by now.
    fn values(&self) -> Vec<u64> {
        match self.source {
            Source::Messages(protocol) => counters::messages(protocol),
            Source::LeastSizes => counters::least_sizes(),
            Source::UnexpectedBytes => vec![counters::unexpected_bytes()],
        }
    }
}

static VARIABLES: LazyLock<Vec<Variable>> = LazyLock::new(|| {
    let by_protocol = counters::protocols().enumerate();
    let mut all: Vec<Variable> = by_protocol
        .map(|(number, protocol)| {
            let side = if protocol == "eager" {
                "sent"
            } else {
                "received"
            };
            Variable {
                name: format!("lariat_messages_{protocol}"),
                meaning: format!(
                    "messages {side} by the protocol «{protocol}», by class of sizes \
                     (lariat_size_classes), without those that go in one cell at once"
                ),
                class: VariableClass::Counter,
                source: Source::Messages(number),
            }
        })
        .collect();
    all.push(Variable {
        name: "lariat_size_classes".to_owned(),
        meaning: "the shortest message of each class of sizes, in bytes".to_owned(),
        class: VariableClass::Generic,
        source: Source::LeastSizes,
    });
    all.push(Variable {
        name: "lariat_unexpected_bytes".to_owned(),
        meaning: "bytes that messages take which no receive has asked for yet, each with what \
                  keeping it costs"
            .to_owned(),
        class: VariableClass::Level,
        source: Source::UnexpectedBytes,
    });
    all
});

/// `MPI_T_PVAR_ALL_HANDLES`.
const ALL_HANDLES: usize = 1;

/// Use of a variable in a session.
#[derive(Debug)]
struct Handle {
    session: usize,
    variable: &'static Variable,
    /// What is taken off each value of a counter.
    start: Vec<u64>,
}

impl Handle {
    fn read(&self) -> Vec<u64> {
        let values = self.variable.values().into_iter();
        match self.variable.class {
            VariableClass::Counter => values
                .zip(&self.start)
                .map(|(value, start)| value.wrapping_sub(*start))
                .collect(),
            VariableClass::Level | VariableClass::Generic => values.collect(),
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
    super::check()?;
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
    super::check()?;
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
    super::check()?;
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

/// A new handle of the variable of this index, and the number of its values.
///
/// # Errors
/// `MPI_T_ERR_INVALID_SESSION`, `MPI_T_ERR_INVALID_INDEX`.
pub fn open(session: usize, index: i32) -> Result<(usize, usize)> {
    let mut all = sessions()?;
    all.check(session)?;
    let variable = describe(index)?;
    let start = variable.values();
    let (raw, count) = (all.number(), start.len());
    let handle = Handle {
        session,
        variable,
        start,
    };
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

/// What starting and stopping a variable gives: nothing happens to all of a session, since
/// those that are continuous are passed over.
///
/// # Errors
/// `MPI_T_ERR_INVALID_SESSION`, `MPI_T_ERR_INVALID_HANDLE`,
/// `MPI_T_ERR_PVAR_NO_STARTSTOP`.
pub fn start_or_stop(session: usize, raw: usize) -> Result<()> {
    let mut all = sessions()?;
    if raw == ALL_HANDLES {
        return all.check(session);
    }
    let name = &all.handle(session, raw)?.variable.name;
    fail!(
        T_PVAR_NO_STARTSTOP,
        "{name} runs all the time: it cannot be started or stopped"
    )
}

/// The number of values of a variable.
///
/// # Errors
/// `MPI_T_ERR_INVALID_SESSION`, `MPI_T_ERR_INVALID_HANDLE`.
pub fn count(session: usize, raw: usize) -> Result<usize> {
    Ok(sessions()?.handle(session, raw)?.start.len())
}

/// The values of a variable.
///
/// # Errors
/// `MPI_T_ERR_INVALID_SESSION`, `MPI_T_ERR_INVALID_HANDLE`.
pub fn read(session: usize, raw: usize) -> Result<Vec<u64>> {
    Ok(sessions()?.handle(session, raw)?.read())
}

/// Sets a variable to values, of which there must be as many as [`count`] says.
///
/// # Errors
/// `MPI_T_ERR_INVALID_SESSION`, `MPI_T_ERR_INVALID_HANDLE`, `MPI_T_ERR_PVAR_NO_WRITE`.
pub fn write(session: usize, raw: usize, values: &[u64]) -> Result<()> {
    let mut all = sessions()?;
    let handle = all.handle(session, raw)?;
    check_writable(handle)?;
    let now = handle.variable.values().into_iter();
    let start = now.zip(values).map(|(now, value)| now.wrapping_sub(*value));
    handle.start = start.collect();
    Ok(())
}

/// Sets a variable to its starting value; of all in a session, those that can be.
///
/// # Errors
/// `MPI_T_ERR_INVALID_SESSION`, `MPI_T_ERR_INVALID_HANDLE`, `MPI_T_ERR_PVAR_NO_WRITE`.
pub fn reset(session: usize, raw: usize) -> Result<()> {
    let mut all = sessions()?;
    if raw == ALL_HANDLES {
        all.check(session)?;
        let of_session = |handle: &&mut Handle| handle.session == session;
        for handle in all.handles.values_mut().filter(of_session) {
            handle.start = handle.variable.values();
        }
        return Ok(());
    }
    let handle = all.handle(session, raw)?;
    check_writable(handle)?;
    handle.start = handle.variable.values();
    Ok(())
}

/// Reads a variable and sets it to its starting value, without losing what is counted
/// meanwhile.
///
/// # Errors
/// `MPI_T_ERR_INVALID_SESSION`, `MPI_T_ERR_INVALID_HANDLE`, `MPI_T_ERR_PVAR_NO_ATOMIC`.
pub fn read_and_reset(session: usize, raw: usize) -> Result<Vec<u64>> {
    let mut all = sessions()?;
    let handle = all.handle(session, raw)?;
    if !handle.variable.is_atomic() {
        fail!(
            T_PVAR_NO_ATOMIC,
            "{} cannot be read and reset in one step",
            handle.variable.name
        );
    }
    let now = handle.variable.values();
    let before = std::mem::replace(&mut handle.start, now);
    let pairs = handle.start.iter().zip(before);
    Ok(pairs.map(|(now, start)| now.wrapping_sub(start)).collect())
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
        start_or_stop(a, ALL_HANDLES).unwrap();
        assert_eq!(
            start_or_stop(a, b).unwrap_err().class(),
            Class::T_INVALID_HANDLE
        );
        close_session(a).unwrap();
        assert_eq!(
            start_or_stop(a, ALL_HANDLES).unwrap_err().class(),
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
        let index = find("lariat_messages_put", VariableClass::Counter as i32).unwrap();
        let (a, count) = open(session, index).unwrap();
        let (b, _) = open(session, index).unwrap();
        write(session, a, &vec![7; count]).unwrap();
        assert!(read(session, a).unwrap().iter().all(|n| *n >= 7));
        assert!(read_and_reset(session, a).unwrap().iter().all(|n| *n >= 7));
        assert!(read(session, a).unwrap()[count - 1] < 7);
        assert!(read(session, b).unwrap()[count - 1] < 7);
        let (other, sizes) = (open_session().unwrap(), number() - 2);
        assert!(read(other, a).is_err());
        let (sizes, _) = open(session, i32::try_from(sizes).unwrap()).unwrap();
        let class = |result: Result<()>| result.unwrap_err().class();
        assert_eq!(class(write(session, sizes, &[])), Class::T_PVAR_NO_WRITE);
        assert_eq!(class(reset(session, sizes)), Class::T_PVAR_NO_WRITE);
        let both = read_and_reset(session, sizes).map(drop);
        assert_eq!(class(both), Class::T_PVAR_NO_ATOMIC);
        assert_eq!(class(start_or_stop(session, a)), Class::T_PVAR_NO_STARTSTOP);
        close(session, a).unwrap();
        assert_eq!(class(close(session, a)), Class::T_INVALID_HANDLE);
        finalize().unwrap();
    }
}
