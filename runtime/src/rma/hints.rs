//! Info keys of windows (MPI 5.0, sections 12.2.1 to 12.2.3 and 12.2.7).

use crate::object::info::{self, Info};
use crate::object::win::{Flavor, Win};
use std::ffi::CStr;

/// The keys that are true or false, all false at first.
const SWITCHES: [&CStr; 4] = [
    c"no_locks",
    c"same_size",
    c"same_disp_unit",
    c"alloc_shared_noncontig",
];

/// Keys that keep the value with which the window was made.
const FIXED: [&CStr; 2] = [c"alloc_shared_noncontig", c"mpi_minimum_memory_alignment"];

/// Whether the members' parts need not follow one another in memory.
pub(super) fn is_noncontiguous(info: &Info) -> bool {
    info.get(c"alloc_shared_noncontig") == Some(c"true")
}

/// Whether the program has promised not to lock the window.
pub(super) fn has_no_locks(win: &Win) -> bool {
    win.info.borrow().get(c"no_locks") == Some(c"true")
}

/// Whether a window knows this key, and this value of it.
fn is_known(key: &CStr, value: &CStr) -> bool {
    if SWITCHES.contains(&key) {
        return value == c"true" || value == c"false";
    }
    let text = value.to_str().unwrap_or_default().trim();
    match key.to_bytes() {
        b"accumulate_ordering" => {
            let orders = ["rar", "raw", "war", "waw"];
            text == "none" || text.split(',').all(|order| orders.contains(&order.trim()))
        }
        b"accumulate_ops" => matches!(text, "same_op" | "same_op_no_op"),
        b"mpi_accumulate_granularity" | b"mpi_minimum_memory_alignment" => {
            text.parse::<u64>().is_ok()
        }
        _ => false,
    }
}

/// Whether windows of this flavor have this key: those of where memory lies are for
/// windows that allocate it.
fn is_of(key: &CStr, flavor: Flavor) -> bool {
    match flavor {
        Flavor::Shared => true,
        Flavor::Allocate => key != c"alloc_shared_noncontig",
        Flavor::Create | Flavor::Dynamic => !FIXED.contains(&key),
    }
}

/// Those of the hints that windows of a flavor have, of the ones that one is made with.
pub(super) fn taken(given: &Info, flavor: Flavor) -> Info {
    let mut info = Info::default();
    let has = |key: &CStr, value: &CStr| is_known(key, value) && is_of(key, flavor);
    for (key, value) in given.iter().filter(|(key, value)| has(key, value)) {
        info.set(key, value);
    }
    info
}

/// `MPI_Win_set_info`: takes those over that can be changed.
pub fn set(win: &Win, given: &Info) {
    let mut info = win.info.borrow_mut();
    for (key, value) in given.iter() {
        if is_known(key, value) && !FIXED.contains(&key) {
            info.set(key, value);
        }
    }
}

/// `MPI_Win_get_info`: every hint that windows of this flavor have, with its
/// value here.
#[must_use]
pub fn of(win: &Win) -> Info {
    let mut info = win.info.borrow().clone();
    let mut default = |key: &CStr, value: &CStr| {
        if info.get(key).is_none() {
            info.set(key, value);
        }
    };
    for key in &SWITCHES[..3] {
        default(key, c"false");
    }
    default(c"accumulate_ordering", c"rar,raw,war,waw");
    default(c"accumulate_ops", c"same_op_no_op");
    default(c"mpi_accumulate_granularity", c"0");
    if win.flavor == Flavor::Shared {
        default(c"alloc_shared_noncontig", c"false");
    }
    if is_of(c"mpi_minimum_memory_alignment", win.flavor) {
        default(c"mpi_minimum_memory_alignment", c"64");
    }
    info::tell_memory_kinds(&mut info);
    info
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_windows_know_is_taken() {
        let mut given = Info::default();
        for (key, value) in [
            (c"no_locks", c"true"),
            (c"same_size", c"perhaps"),
            (c"accumulate_ordering", c"rar, war"),
            (c"accumulate_ops", c"all"),
            (c"color", c"blue"),
        ] {
            given.set(key, value);
        }
        let taken = taken(&given, Flavor::Create);
        assert_eq!(taken.len(), 2);
        assert_eq!(taken.get(c"no_locks"), Some(c"true"));
        assert_eq!(taken.get(c"accumulate_ordering"), Some(c"rar, war"));
        assert!(is_known(c"accumulate_ordering", c"none"));
        assert!(!is_known(c"accumulate_ordering", c"rar,none"));
    }
}
