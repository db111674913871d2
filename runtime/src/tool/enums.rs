//! Enumerations (MPI 5.0, section 15.3.5): names for numbers.

use super::event;
use crate::error::Result;
use crate::fail;
use crate::pml::counters::{self, Arm};

/// An enumeration: its name, and its values with their names.
#[derive(Debug)]
pub struct Enumeration {
    /// Its name.
    pub name: &'static str,
    /// Its items, in order.
    pub items: Vec<(i32, String)>,
}

/// Handles of enumerations.
pub const SWITCH: usize = 1;
/// How announced messages are fetched.
pub const PROTOCOL: usize = 2;
/// Ways to a peer's memory.
pub const ARM: usize = 3;
/// The elements of the event type of index 0; those of the others follow.
const ELEMENTS: usize = 16;

/// The handle of the enumeration of an event type's elements.
#[must_use]
pub fn of_elements(index: usize) -> usize {
    ELEMENTS + index
}

fn numbered(names: impl Iterator<Item = impl Into<String>>) -> Vec<(i32, String)> {
    (0..).zip(names.map(Into::into)).collect()
}

/// The enumeration of this handle.
///
/// # Errors
/// `MPI_T_ERR_INVALID_HANDLE`.
pub fn get(raw: usize) -> Result<Enumeration> {
    super::access::check()?;
    let (name, items) = match raw {
        SWITCH => ("switch", numbered(["off", "on"].into_iter())),
        PROTOCOL => ("protocol", numbered(counters::protocols())),
        ARM => ("arm", numbered(Arm::ALL.into_iter().map(Arm::name))),
        _ => {
            let event = raw
                .checked_sub(ELEMENTS)
                .and_then(|at| event::TYPES.get(at));
            let Some(event) = event else {
                fail!(T_INVALID_HANDLE, "{raw:#x} is no handle of an enumeration");
            };
            let names = event.elements.iter().map(|element| element.name);
            ("elements", numbered(names))
        }
    };
    Ok(Enumeration { name, items })
}

/// Value and name of an item.
///
/// # Errors
/// `MPI_T_ERR_INVALID_HANDLE`, `MPI_T_ERR_INVALID_ITEM`.
pub fn item(raw: usize, index: i32) -> Result<(i32, String)> {
    let found = get(raw)?;
    let count = found.items.len();
    let at = usize::try_from(index).unwrap_or(usize::MAX);
    match found.items.into_iter().nth(at) {
        Some(item) => Ok(item),
        None => fail!(
            T_INVALID_ITEM,
            "there is no item {index}: the enumeration has {count}"
        ),
    }
}
