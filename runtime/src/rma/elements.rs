//! Elements of a datatype in memory of this process, and copies between them.

use crate::error::Result;
use crate::fail;
use crate::object::datatype::{self, Datatype};
use crate::pml::Buffer;
use std::sync::Arc;

/// Elements of a type in memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Elements<'a> {
    pub(super) addr: *mut u8,
    pub(super) count: usize,
    pub(super) datatype: &'a Arc<Datatype>,
}

impl<'a> Elements<'a> {
    pub(super) fn of(buffer: &Buffer<'a>) -> Elements<'a> {
        Elements {
            addr: buffer.addr,
            count: buffer.count,
            datatype: buffer.datatype.unwrap_or_else(|| datatype::byte()),
        }
    }

    /// Bytes of data.
    pub(super) fn len(&self) -> Option<usize> {
        self.datatype.bytes(self.count)
    }
}

/// Memory for elements of a predefined type.
pub(super) struct Scratch(Vec<u64>);

impl Scratch {
    pub(super) fn new(plain: &Datatype, count: usize) -> Result<Scratch> {
        let words = plain
            .extent()
            .unsigned_abs()
            .checked_mul(count)
            .map(|len| len.div_ceil(8));
        let mut room = Vec::new();
        let enough = words.is_some_and(|words| room.try_reserve_exact(words).is_ok());
        if !enough {
            fail!(
                NO_MEM,
                "there is no memory for {count} elements on their way"
            );
        }
        room.resize(words.unwrap_or(0), 0);
        Ok(Scratch(room))
    }

    pub(super) fn elements<'a>(&mut self, plain: &'a Arc<Datatype>, count: usize) -> Elements<'a> {
        Elements {
            addr: self.0.as_mut_ptr().cast(),
            count,
            datatype: plain,
        }
    }
}

/// Copies elements of the same signature, which may be the same.
///
/// # Safety
/// `from` is readable and `to` writable as their types lay them out.
pub(super) unsafe fn copy(from: &Elements<'_>, to: &Elements<'_>) {
    let (Some(len), Some(room)) = (from.len(), to.len()) else {
        return;
    };
    let len = len.min(room);
    if len == 0 {
        return;
    }
    let runs = (
        from.datatype.single_run(from.count),
        to.datatype.single_run(to.count),
    );
    // SAFETY: the caller's promise.
    unsafe {
        if let (Some(low), Some(high)) = runs {
            let (from, to) = (
                from.addr.wrapping_offset(low),
                to.addr.wrapping_offset(high),
            );
            return copy_run(from, to, len);
        }
        datatype::copy(
            from.addr,
            from.count,
            from.datatype,
            to.addr,
            to.count,
            to.datatype,
        );
    }
}

/// Copies bytes, which may be the same. A program that looks at an aligned word of 4 or 8
/// bytes meanwhile sees all of it or nothing.
///
/// # Safety
/// `len` bytes are readable at `from` and writable at `to`.
#[inline]
pub(super) unsafe fn copy_run(from: *const u8, to: *mut u8, len: usize) {
    // SAFETY: the caller's promise.
    unsafe {
        match len {
            8 if is_aligned(from, to, 8) => word::<u64>(from, to),
            4 if is_aligned(from, to, 4) => word::<u32>(from, to),
            _ => std::ptr::copy(from, to, len),
        }
    }
}

#[inline]
fn is_aligned(from: *const u8, to: *const u8, align: usize) -> bool {
    (from.addr() | to.addr()).is_multiple_of(align)
}

/// Copies one aligned word by one load and one store.
///
/// # Safety
/// As [`copy`]; both addresses are aligned for `T`.
#[inline]
#[allow(clippy::cast_ptr_alignment, reason = "aligned, as the caller said")]
unsafe fn word<T: Copy>(from: *const u8, to: *mut u8) {
    // SAFETY: the caller's promise.
    unsafe {
        to.cast::<T>()
            .write_volatile(from.cast::<T>().read_volatile())
    };
}
