//! `MPI_MINLOC` and `MPI_MAXLOC` on pairs of any value and any index
//! (`MPI_Type_get_value_index`; MPI 5.0, section 6.9.4). The pairs that have a name
//! have loops of their own, in `kernel`.

use super::Predefined;
use super::kernel::{Ordered, wins_loses};
#[cfg(target_arch = "x86_64")]
use super::number::Extended;
use super::number::{Half, Quad};
use crate::object::datatype::{Element, Float, Number};

/// Compares two values of a kind, at any addresses: [`wins_loses`].
type Compare = unsafe fn(*const u8, *const u8, bool) -> (bool, bool);

/// What there is to know of a pair.
#[derive(Clone, Copy, Debug)]
pub(super) struct Locate {
    most: bool,
    value: Compare,
    index: Compare,
    value_len: usize,
    index_len: usize,
    /// From the value to the index, and from one pair to the next, in bytes.
    index_at: usize,
    extent: usize,
}

/// # Safety
/// There is a `T` at both addresses.
unsafe fn compare<T: Ordered>(a: *const u8, b: *const u8, most: bool) -> (bool, bool) {
    // SAFETY: the caller's promise.
    let (a, b) = unsafe {
        (
            a.cast::<T>().read_unaligned(),
            b.cast::<T>().read_unaligned(),
        )
    };
    wins_loses(a, b, most)
}

fn compare_of(number: Number) -> Option<Compare> {
    Some(match number {
        Number::Int { bits, signed } => match (bits, signed) {
            (8, true) => compare::<i8>,
            (8, false) => compare::<u8>,
            (16, true) => compare::<i16>,
            (16, false) => compare::<u16>,
            (32, true) => compare::<i32>,
            (32, false) => compare::<u32>,
            (64, true) => compare::<i64>,
            (64, false) => compare::<u64>,
            (128, true) => compare::<i128>,
            (128, false) => compare::<u128>,
            _ => return None,
        },
        Number::Float(Float::F16) => compare::<Half>,
        Number::Float(Float::F32) => compare::<f32>,
        Number::Float(Float::F64) => compare::<f64>,
        Number::Float(Float::F128) => compare::<Quad>,
        #[cfg(target_arch = "x86_64")]
        Number::Float(Float::F80) => compare::<Extended>,
        #[cfg(not(target_arch = "x86_64"))]
        Number::Float(Float::F80) => return None,
    })
}

/// How `op` is done on pairs of this kind, `extent` bytes apart, if it is one of the
/// two.
pub(super) fn find(op: Predefined, element: Element, extent: isize) -> Option<Locate> {
    let most = match op {
        Predefined::Maxloc => true,
        Predefined::Minloc => false,
        _ => return None,
    };
    let Element::Pair { value, index } = element else {
        return None;
    };
    Some(Locate {
        most,
        value: compare_of(value)?,
        index: compare_of(index)?,
        value_len: value.size(),
        index_len: index.size(),
        index_at: Element::index_offset(value, index),
        extent: usize::try_from(extent).ok()?,
    })
}

impl Locate {
    /// `out[i] = left[i] ∘ right[i]`: of equal values the lower index. Only the members
    /// are written, not the holes between them.
    ///
    /// # Safety
    /// `count` pairs of the kind at each address, those of `out` writable; it may be an
    /// operand, and lies apart from them otherwise.
    pub(super) unsafe fn apply(
        &self,
        left: *const u8,
        right: *const u8,
        out: *mut u8,
        count: usize,
    ) {
        for i in 0..count {
            let a = left.wrapping_add(i * self.extent);
            let b = right.wrapping_add(i * self.extent);
            let to = out.wrapping_add(i * self.extent);
            let (index, there) = (a.wrapping_add(self.index_at), b.wrapping_add(self.index_at));
            // SAFETY: pair i of each, by the caller's promise; the lengths are those
            // of its members. A copy of a member to itself is none.
            unsafe {
                let (wins, loses) = (self.value)(a, b, self.most);
                let first = wins || !loses && (self.index)(index, there, false).0;
                to.copy_from(if wins { a } else { b }, self.value_len);
                let index = if first { index } else { there };
                to.wrapping_add(self.index_at)
                    .copy_from(index, self.index_len);
            }
        }
    }
}
