//! Control variables (MPI 5.0, section 15.3.6): the settings, as they were given
//! at start. They can be read, and not be set any more.

use crate::error::Result;
use crate::{fail, job};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use wireup::settings::{NAMES, Settings};

/// The room for a variable that is text.
pub const TEXT: usize = 32;

/// The value of a variable.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Value {
    /// Text of up to [`TEXT`] characters, a NUL included (`MPI_CHAR`).
    Text(String),
    /// A number (`MPI_UINT64_T`).
    Number(u64),
    /// A choice of 0 or 1 (`MPI_INT`).
    Flag(bool),
}

impl Value {
    /// The number of elements that it is read as.
    #[must_use]
    pub fn count(&self) -> usize {
        if matches!(self, Value::Text(_)) {
            TEXT
        } else {
            1
        }
    }
}

/// The number of variables.
#[must_use]
pub fn number() -> usize {
    NAMES.len()
}

/// Name and meaning of a variable.
///
/// # Errors
/// `MPI_T_ERR_INVALID_INDEX`.
pub fn describe(index: i32) -> Result<(&'static str, &'static str)> {
    super::access::check()?;
    let found = usize::try_from(index)
        .ok()
        .and_then(|index| NAMES.get(index));
    let Some(found) = found else {
        let last = NAMES.len() - 1;
        fail!(
            T_INVALID_INDEX,
            "there is no control variable {index}: they go from 0 to {last}"
        );
    };
    Ok(*found)
}

/// The index of a variable.
///
/// # Errors
/// `MPI_T_ERR_INVALID_NAME`.
pub fn find(name: &str) -> Result<i32> {
    super::access::check()?;
    match NAMES.iter().zip(0..).find(|(known, _)| known.0 == name) {
        Some((_, index)) => Ok(index),
        None => fail!(T_INVALID_NAME, "there is no control variable {name:?}"),
    }
}

/// Handles in use, by their numbers, which are not given twice, and the last number.
static HANDLES: Mutex<(BTreeMap<usize, i32>, usize)> = Mutex::new((BTreeMap::new(), 0));

fn handles() -> MutexGuard<'static, (BTreeMap<usize, i32>, usize)> {
    HANDLES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A handle of a variable: it is bound to no object.
///
/// # Errors
/// `MPI_T_ERR_INVALID_INDEX`.
pub fn handle(index: i32) -> Result<usize> {
    describe(index)?;
    let mut handles = handles();
    handles.1 += 1;
    let raw = handles.1;
    handles.0.insert(raw, index);
    Ok(raw)
}

/// Frees a handle.
///
/// # Errors
/// `MPI_T_ERR_INVALID_HANDLE`.
pub fn free(raw: usize) -> Result<()> {
    of_handle(raw)?;
    handles().0.remove(&raw);
    Ok(())
}

/// Frees all handles, at the end of the interface's use.
pub(super) fn end() {
    handles().0.clear();
}

/// The index of the variable that a handle names.
///
/// # Errors
/// `MPI_T_ERR_INVALID_HANDLE`.
pub fn of_handle(raw: usize) -> Result<i32> {
    super::access::check()?;
    match handles().0.get(&raw) {
        Some(index) => Ok(*index),
        None => fail!(
            T_INVALID_HANDLE,
            "{raw:#x} is no handle of a control variable, or was freed"
        ),
    }
}

/// The value of a variable now: of the job that was joined, or else the one that
/// the environment asks for.
///
/// # Errors
/// `MPI_T_ERR_INVALID_INDEX`, or the environment asks for something impossible.
pub fn value(index: i32) -> Result<Value> {
    let (name, _) = describe(index)?;
    let settings = match job::current() {
        Some(job) => job.settings.clone(),
        None => match Settings::read(wireup::env::get) {
            Ok(settings) => settings,
            Err(why) => fail!(T_INVALID, "{why}"),
        },
    };
    Ok(match name {
        "arm" => Value::Text(settings.arm.to_string()),
        "learn" => Value::Text(settings.learn.to_string()),
        "collectives" => Value::Text(settings.collectives.to_string()),
        "heap" => Value::Flag(settings.heap),
        "heap_min" => Value::Number(settings.heap_min),
        "window_move" => Value::Flag(settings.window_move),
        "direct_min" => Value::Number(settings.direct_min),
        "coop_min" => Value::Number(settings.coop_min),
        "coop_chunk" => Value::Number(settings.coop_chunk),
        "nt_min" => Value::Number(settings.nt_min),
        "eager_limit" => Value::Number(settings.eager_limit),
        "ring_cells" => Value::Number(u64::from(settings.ring_cells)),
        "unexpected_limit" => Value::Number(settings.unexpected_limit),
        "verbose" => Value::Flag(settings.verbose),
        "profile" => Value::Flag(settings.profile),
        "trace_events" => Value::Number(settings.trace_events),
        "check" => Value::Flag(settings.check),
        "report_regions" => Value::Flag(settings.report_regions),
        "report_arms" => Value::Flag(settings.report_arms),
        "report_protocols" => Value::Flag(settings.report_protocols),
        _ => fail!(T_INVALID, "the setting {name} is not known here"),
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_setting_has_a_value() {
        let _turn = super::super::TURN.lock();
        super::super::init();
        for index in 0..i32::try_from(super::number()).unwrap() {
            let (name, _) = super::describe(index).unwrap();
            let value = super::value(index).unwrap();
            if let super::Value::Text(text) = value {
                assert!(text.len() < super::TEXT, "{text}");
            }
            assert_eq!(super::find(name).unwrap(), index);
            assert_eq!(
                super::of_handle(super::handle(index).unwrap()).unwrap(),
                index
            );
        }
        assert!(super::describe(-1).is_err() && super::find("none").is_err());
        super::super::finalize().unwrap();
    }
}
