//! The short way of small accesses: the target's memory is mapped here, and what is
//! accessed is one run of elements of one predefined type at both ends.
//!
//! The calls of chapter 12 try it first. Nothing is reported here: whatever is not so, or
//! is wrong, takes the long way ([`super::transfer`], [`super::accumulate`]), which does
//! the same in general and names errors. Both ways share the guard of accumulations.

use super::control;
use super::elements::copy_run;
use crate::handle::Raw;
use crate::lock;
use crate::object::datatype::{Datatype, Element};
use crate::object::op::{self, Kernel, Op, Predefined};
use crate::object::win::{Flavor, PartReach, Win};

/// Elements of one predefined type in a target's memory, inside of its part, in an epoch
/// that allows an access.
#[derive(Clone, Copy, Debug)]
pub struct Direct<'a> {
    win: &'a Win,
    rank: u32,
    /// Where they begin.
    at: *mut u8,
    /// Their bytes, above 0.
    len: usize,
}

impl<'a> Direct<'a> {
    /// `count` elements of `datatype`, a predefined one, at displacement `disp` of rank
    /// `target_rank`. `None`: not this way.
    #[inline]
    pub fn new(
        win: &'a Win,
        target_rank: i32,
        disp: isize,
        count: i64,
        datatype: &Datatype,
    ) -> Option<Direct<'a>> {
        let rank = u32::try_from(target_rank).ok()?;
        let part = win.parts.get(rank as usize)?;
        let len = datatype.bytes(usize::try_from(count).ok()?)?;
        let disp = usize::try_from(disp).ok()?;
        let start = disp.checked_mul(usize::try_from(part.disp_unit).ok()?)?;
        let is_inside = start < part.size && len <= part.size - start;
        let is_run = len > 0 && datatype.is_contiguous();
        let is_mapped = part.reach == PartReach::Mapped && win.flavor != Flavor::Dynamic;
        // Under --profile and --check the long way takes note of the access.
        let is_short = is_mapped && !lock::is_watched_or_checked();
        let allowed = is_inside && is_run && is_short && win.epochs.borrow().allow(rank);
        allowed.then(|| Direct {
            win,
            rank,
            at: part.base.wrapping_add(start),
            len,
        })
    }

    /// `MPI_Put`.
    ///
    /// # Safety
    /// As many bytes at `origin` are readable.
    #[inline]
    pub unsafe fn put(&self, origin: *const u8) {
        // SAFETY: the caller's bytes; the target's lie inside its part.
        unsafe { copy_run(origin, self.at, self.len) };
        self.win.stored.set(true);
    }

    /// `MPI_Get`.
    ///
    /// # Safety
    /// As many bytes at `origin` are writable.
    #[inline]
    pub unsafe fn get(&self, origin: *mut u8) {
        // SAFETY: the caller's bytes; the target's lie inside its part.
        unsafe { copy_run(self.at, origin, self.len) };
    }

    /// `MPI_Fetch_and_op` of one element.
    ///
    /// # Safety
    /// One element at `operand` is readable, if `change` has a kernel, and one at `result`
    /// writable.
    #[inline]
    pub unsafe fn fetch_and_op(&self, change: Change, operand: *const u8, result: *mut u8) {
        control::of(self.win).guarded(self.rank, || {
            // SAFETY: the caller's elements; the target's lies inside its part, and the
            // guard keeps other accumulations away.
            unsafe {
                copy_run(self.at, result, self.len);
                if let Change::By(kernel) = change {
                    kernel(operand, self.at, self.at, 1);
                }
            }
        });
        self.win.stored.set(true);
    }

    /// `MPI_Compare_and_swap` of one element, whose bytes are compared.
    ///
    /// # Safety
    /// One element each at `new` and `compare` is readable, and one at `result` writable.
    #[inline]
    pub unsafe fn compare_and_swap(&self, new: *const u8, compare: *const u8, result: *mut u8) {
        control::of(self.win).guarded(self.rank, || {
            // SAFETY: the caller's elements; the target's lies inside its part, and the
            // guard keeps other accumulations away.
            unsafe {
                if is_same_run(self.at, compare, self.len) {
                    copy_run(new, self.at, self.len);
                    copy_run(compare, result, self.len); // what was there
                } else {
                    copy_run(self.at, result, self.len);
                }
            }
        });
        self.win.stored.set(true);
    }
}

/// What becomes of an element that was fetched.
#[derive(Clone, Copy, Debug)]
pub enum Change {
    /// It stays (`MPI_NO_OP`).
    Nothing,
    /// It becomes what this makes of it and of the operand.
    By(Kernel),
}

impl Change {
    /// That of a predefined operation, if it has a loop for such elements.
    #[inline]
    pub fn new(op: Raw, element: Element) -> Option<Change> {
        match op::get(op).ok()? {
            Op::Predefined(Predefined::NoOp) => Some(Change::Nothing),
            Op::Predefined(op) => op.kernel(element).map(Change::By),
            Op::User(_) => None,
        }
    }
}

/// Whether `MPI_Compare_and_swap` takes such elements (section 12.3.4).
#[inline]
#[must_use]
pub fn is_compared(element: Element) -> bool {
    matches!(
        element,
        Element::Int { .. }
            | Element::Logical { .. }
            | Element::Char { .. }
            | Element::Bool
            | Element::Byte
    )
}

/// Whether the bytes at two addresses are the same.
///
/// # Safety
/// `len` bytes at both are readable.
#[inline]
unsafe fn is_same_run(one: *const u8, other: *const u8, len: usize) -> bool {
    // SAFETY: the caller's bytes, at any address.
    unsafe {
        match len {
            4 => one.cast::<u32>().read_unaligned() == other.cast::<u32>().read_unaligned(),
            8 => one.cast::<u64>().read_unaligned() == other.cast::<u64>().read_unaligned(),
            _ => (0..len).all(|at| *one.add(at) == *other.add(at)),
        }
    }
}
