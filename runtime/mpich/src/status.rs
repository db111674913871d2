//! Statuses: five words for the program, eight below.

use crate::abi;
use crate::handle::{Few, Room};
use crate::number;
use std::ffi::c_int;
use std::ptr::null_mut;

/// A status of MPICH's ABI.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Status {
    /// The low half of the bytes received.
    count_lo: c_int,
    /// The high half, shifted by one, and 1 if the operation was cancelled.
    count_hi_and_cancelled: c_int,
    source: c_int,
    tag: c_int,
    error: c_int,
}

/// `MPI_STATUS_IGNORE` and `MPI_STATUSES_IGNORE` of MPICH's ABI.
const IGNORE: usize = 1;

/// In a field that the call below has not written.
const UNSET: c_int = c_int::MIN;

/// A status that no call has written.
#[inline]
pub fn unset() -> abi::Status {
    abi::Status {
        source: UNSET,
        tag: UNSET,
        error: UNSET,
        internal: [0; 5],
    }
}

/// The program's status, for a call that reads it.
///
/// # Safety
/// `program` is null, `MPI_STATUS_IGNORE` or a status.
#[inline]
pub unsafe fn read(program: *const Status) -> abi::Status {
    if program.is_null() || program.addr() == IGNORE {
        return unset();
    }
    // SAFETY: as the caller said.
    let status = unsafe { &*program };
    let (low, high) = (
        status.count_lo.cast_unsigned(),
        status.count_hi_and_cancelled.cast_unsigned(),
    );
    abi::Status {
        source: number::rank_in(status.source),
        tag: number::tag_in(status.tag),
        error: number::error_in(status.error),
        internal: [
            low.cast_signed(),
            (high >> 1).cast_signed(),
            (high & 1).cast_signed(),
            0,
            0,
        ],
    }
}

/// Where the call below has its status. Null, which is the standard ABI's
/// `MPI_STATUS_IGNORE`, if the program wants none.
#[inline]
pub fn place(program: *const Status, local: &mut abi::Status) -> *mut abi::Status {
    match program.addr() {
        0 | IGNORE => null_mut(),
        _ => local,
    }
}

/// Gives the program what the call has written. `MPI_ERROR` is written by the calls that
/// complete several requests only (MPI 5.0, section 3.2.5).
///
/// # Safety
/// `program` is null, `MPI_STATUS_IGNORE` or may be written.
#[inline]
pub unsafe fn put(program: *mut Status, local: &abi::Status) {
    if program.is_null() || program.addr() == IGNORE {
        return;
    }
    // SAFETY: as the caller said.
    let status = unsafe { &mut *program };
    if local.error != UNSET {
        status.error = number::error_out(local.error);
    }
    if local.source == UNSET && local.tag == UNSET {
        return;
    }
    status.source = number::rank_out(local.source);
    status.tag = number::tag_out(local.tag);
    let [low, high, cancelled, ..] = local.internal;
    status.count_lo = low;
    status.count_hi_and_cancelled = high << 1 | cancelled & 1;
}

/// The part of a status that a call of `MPI_Status_set_…` sets. The rest is the program's.
#[derive(Clone, Copy, Debug)]
pub enum Part {
    /// The bytes received.
    Elements,
    /// Whether the operation was cancelled.
    Cancelled,
    /// `MPI_SOURCE`.
    Source,
    /// `MPI_TAG`.
    Tag,
    /// `MPI_ERROR`.
    Error,
}

/// Gives the program the part that the call has set.
///
/// # Safety
/// `program` is null, `MPI_STATUS_IGNORE` or may be written.
pub unsafe fn put_part(program: *mut Status, local: &abi::Status, part: Part) {
    if program.is_null() || program.addr() == IGNORE {
        return;
    }
    // SAFETY: as the caller said.
    let status = unsafe { &mut *program };
    let [low, high, cancelled, ..] = local.internal;
    match part {
        Part::Elements => {
            status.count_lo = low;
            status.count_hi_and_cancelled = high << 1 | status.count_hi_and_cancelled & 1;
        }
        Part::Cancelled => {
            status.count_hi_and_cancelled = status.count_hi_and_cancelled & !1 | cancelled & 1;
        }
        Part::Source => status.source = number::rank_out(local.source),
        Part::Tag => status.tag = number::tag_out(local.tag),
        Part::Error => status.error = number::error_out(local.error),
    }
}

/// The statuses of an array.
#[derive(Debug)]
pub struct Many<'a> {
    program: *mut Status,
    local: Few<'a, abi::Status>,
}

impl<'a> Many<'a> {
    /// Statuses of which none is written, for the program's.
    #[inline]
    pub fn new(room: &'a mut Room<abi::Status>, program: *mut Status, count: usize) -> Many<'a> {
        let len = match program.addr() {
            0 | IGNORE => 0,
            _ => count,
        };
        Many {
            program,
            local: Few::new(room, len, |_| unset()),
        }
    }

    /// Where the call below has them.
    #[inline]
    pub fn place(&mut self) -> *mut abi::Status {
        match self.program.addr() {
            0 | IGNORE => null_mut(),
            _ => self.local.all().as_mut_ptr(),
        }
    }

    /// Gives the program those that the call has written.
    ///
    /// # Safety
    /// The program's array may be written.
    #[inline]
    pub unsafe fn put(&mut self) {
        for (index, local) in self.local.all().iter().enumerate() {
            // SAFETY: as the caller said.
            unsafe { put(self.program.add(index), local) };
        }
    }
}

const _: () = assert!(size_of::<Status>() == 20 && size_of::<abi::Status>() == 32);

impl Status {
    /// A status of the library's, for a function of the user's that fills it.
    pub fn from_standard(below: &abi::Status) -> Status {
        let mut status = Status {
            count_lo: 0,
            count_hi_and_cancelled: 0,
            source: 0,
            tag: 0,
            error: 0,
        };
        // SAFETY: a place of our own.
        unsafe { put(&raw mut status, below) };
        status
    }
}
