//! Runs of elements that the steps of a plan send, receive, copy and reduce.

use crate::object::datatype::Datatype;
use std::sync::Arc;

/// A datatype as steps use it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Type {
    /// Into the types of the plan; [`BYTES`] for plain bytes.
    index: u32,
    /// Bytes of data in an element.
    pub(super) size: usize,
    /// Bytes from an element to the next.
    pub(super) extent: isize,
    /// Elements follow one another without holes, in order.
    dense: bool,
    /// Where an element's data begin and end, from its address.
    pub(super) true_lb: isize,
    pub(super) true_extent: isize,
}

const BYTES: u32 = u32::MAX;

impl Type {
    /// The type at `index` of [`Plan::types`](super::plan::Plan::types).
    pub(super) fn new(index: usize, datatype: &Datatype) -> Type {
        Type {
            index: u32::try_from(index).unwrap_or(BYTES),
            size: datatype.size(),
            extent: datatype.extent(),
            dense: datatype.is_contiguous(),
            true_lb: datatype.true_lb(),
            true_extent: datatype.true_extent(),
        }
    }

    /// Plain bytes.
    pub(super) const BYTE: Type = Type {
        index: BYTES,
        size: 1,
        extent: 1,
        dense: true,
        true_lb: 0,
        true_extent: 1,
    };
}

/// Elements of one type, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Block {
    /// Where the first element is.
    pub(super) addr: *mut u8,
    /// How many there are.
    pub(super) count: usize,
    /// What they are.
    pub(super) ty: Type,
}

impl Block {
    /// Plain bytes.
    pub(super) fn bytes(addr: *mut u8, len: usize) -> Block {
        Block {
            addr,
            count: len,
            ty: Type::BYTE,
        }
    }

    /// No elements.
    pub(super) fn empty() -> Block {
        Block::bytes(std::ptr::null_mut(), 0)
    }

    /// `count` elements of `ty`, `displ` elements from `addr` on.
    pub(super) fn part(addr: *mut u8, ty: Type, displ: isize, count: usize) -> Block {
        let addr = addr.wrapping_offset(ty.extent.wrapping_mul(displ));
        Block { addr, count, ty }
    }

    /// Bytes of data, holes not counted.
    pub(super) fn len(&self) -> usize {
        self.count.saturating_mul(self.ty.size)
    }

    /// Whether there are no data.
    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The same address and count, of another type.
    pub(super) fn of(self, ty: Type) -> Block {
        Block { ty, ..self }
    }

    /// `count` elements from element `first` on.
    pub(super) fn slice(&self, first: usize, count: usize) -> Block {
        Block::part(self.addr, self.ty, first.cast_signed(), count)
    }

    /// Where the data begin, if they are `len()` bytes in a row.
    pub(super) fn dense(&self) -> Option<*mut u8> {
        (self.ty.dense || self.is_empty()).then(|| self.addr.wrapping_offset(self.ty.true_lb))
    }

    /// The datatype; `None` for bytes.
    pub(super) fn datatype<'a>(&self, types: &'a [Arc<Datatype>]) -> Option<&'a Arc<Datatype>> {
        types.get(self.ty.index as usize)
    }
}
