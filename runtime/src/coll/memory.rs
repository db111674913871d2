//! Temporaries of a plan, and copies of elements from one layout to another.
//!
//! Used by [`super::plan`] (to allocate) and by [`super::execution`] (to copy).

use super::block::{Block, Type};
use crate::error::{Class, Error, Result};
use crate::object::datatype::{self, Datatype};
use crate::pml::Buffer;
use std::alloc::Layout;
use std::ptr::NonNull;
use std::sync::Arc;

/// Temporaries of a cache line and more begin on one.
const LINE: usize = 64;
/// What the others are aligned to: enough for every type, and what `malloc` gives.
const SHORT_ALIGN: usize = 16;

/// Uninitialised bytes that stay where they are until dropped.
#[derive(Debug)]
pub(super) struct Temp {
    at: NonNull<u8>,
    layout: Layout,
}

impl Temp {
    /// `len` bytes.
    ///
    /// # Errors
    /// There is no memory.
    pub(super) fn new(len: usize) -> Result<Temp> {
        let refused = || {
            Error::new(
                Class::NO_MEM,
                format!("no memory for {len} bytes that a collective operation needs"),
            )
        };
        let align = if len < LINE { SHORT_ALIGN } else { LINE };
        let layout = Layout::from_size_align(len.max(1), align).map_err(|_| refused())?;
        // SAFETY: the layout's size is not zero.
        let at = NonNull::new(unsafe { std::alloc::alloc(layout) }).ok_or_else(refused)?;
        Ok(Temp { at, layout })
    }

    /// Where it begins.
    pub(super) fn addr(&self) -> *mut u8 {
        self.at.as_ptr()
    }
}

impl Drop for Temp {
    fn drop(&mut self) {
        // SAFETY: allocated in `new` with this layout, and freed here only.
        unsafe { std::alloc::dealloc(self.at.as_ptr(), self.layout) };
    }
}

/// Copies the elements of `from` to `to`. Both have the same signature; their layouts may
/// differ. The shorter of the two limits what is copied.
///
/// # Safety
/// `from` is readable, `to` writable, as their types lay them out, and the two
/// do not overlap.
pub(super) unsafe fn copy(from: &Block, to: &Block, types: &[Arc<Datatype>]) {
    let len = from.len().min(to.len());
    if len == 0 {
        return;
    }
    match (layout(from, types), layout(to, types)) {
        (DataLayout::Run(source), DataLayout::Run(target)) => {
            // SAFETY: the caller's promise; both are `len` bytes in a row.
            unsafe { std::ptr::copy_nonoverlapping(source, target, len) };
        }
        (DataLayout::Run(source), DataLayout::Elements(datatype)) => {
            // SAFETY: the caller's promise; `source` is `len` bytes in a row.
            unsafe { datatype.unpack_range(to.addr, to.count, 0, source, len) };
        }
        (DataLayout::Elements(datatype), DataLayout::Run(target)) => {
            // SAFETY: the caller's promise; `target` is `len` bytes in a row.
            unsafe { datatype.pack_range(from.addr, from.count, 0, target, len) };
        }
        (DataLayout::Elements(source), DataLayout::Elements(target)) => {
            // SAFETY: the caller's promise.
            unsafe {
                datatype::copy(from.addr, from.count, source, to.addr, to.count, target);
            }
        }
    }
}

/// As [`copy`], from one buffer to another; nothing, if they are the same memory.
///
/// # Safety
/// As [`copy`].
#[inline]
pub(super) unsafe fn copy_buffer(from: &Buffer<'_>, to: &Buffer<'_>) {
    if from.addr == to.addr && from.count == to.count {
        return;
    }
    if from.datatype.is_none() && to.datatype.is_none() {
        // SAFETY: the caller's promise.
        unsafe { std::ptr::copy_nonoverlapping(from.addr, to.addr, from.count.min(to.count)) };
        return;
    }
    // SAFETY: the caller's promise.
    unsafe { copy_laid_out(from, to) };
}

/// As [`copy_buffer`], where one is not a run of bytes.
///
/// # Safety
/// As [`copy`].
#[inline(never)]
unsafe fn copy_laid_out(from: &Buffer<'_>, to: &Buffer<'_>) {
    let types: Vec<Arc<Datatype>> = [from, to]
        .into_iter()
        .filter_map(|buffer| buffer.datatype.cloned())
        .collect();
    let mut index = 0;
    let mut block = |buffer: &Buffer<'_>| match buffer.datatype {
        Some(datatype) => {
            index += 1;
            Block::part(buffer.addr, Type::new(index - 1, datatype), 0, buffer.count)
        }
        None => Block::bytes(buffer.addr, buffer.count),
    };
    // SAFETY: the caller's promise.
    unsafe { copy(&block(from), &block(to), &types) };
}

enum DataLayout<'a> {
    /// Bytes in a row.
    Run(*mut u8),
    /// With holes, or in another order.
    Elements(&'a Arc<Datatype>),
}

fn layout<'a>(block: &Block, types: &'a [Arc<Datatype>]) -> DataLayout<'a> {
    match (block.dense(), block.datatype(types)) {
        (None, Some(datatype)) => DataLayout::Elements(datatype),
        (Some(addr), _) => DataLayout::Run(addr),
        (None, None) => DataLayout::Run(block.addr),
    }
}
