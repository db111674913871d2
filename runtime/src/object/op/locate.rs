//! `MPI_MINLOC` and `MPI_MAXLOC` on pairs of any value and any index
//! (`MPI_Type_get_value_index`; MPI 5.0, section 6.9.4). The pairs that have a name
//! have loops of their own, in `kernel`.

use super::Predefined;
use super::kernel::Ordered;
#[cfg(target_arch = "x86_64")]
use super::number::Extended;
use super::number::{Half, Quad};
use crate::object::datatype::{Element, Float, Number};

/// Whether one number is below another: of a kind, at any addresses.
type Less = unsafe fn(*const u8, *const u8) -> bool;

/// What there is to know of a pair.
#[derive(Clone, Copy, Debug)]
pub(super) struct Locate {
    most: bool,
    less_value: Less,
    less_index: Less,
    value_len: usize,
    index_len: usize,
    /// From the value to the index, and from one pair to the next, in bytes.
    index_at: usize,
    extent: usize,
}

/// # Safety
/// There is a `T` at both addresses.
unsafe fn less<T: Ordered>(a: *const u8, b: *const u8) -> bool {
    // SAFETY: the caller's promise.
    let (a, b) = unsafe {
        (
            a.cast::<T>().read_unaligned(),
            b.cast::<T>().read_unaligned(),
        )
    };
    a.less(b)
}

fn less_of(number: Number) -> Option<Less> {
    Some(match number {
        Number::Int { bits, signed } => match (bits, signed) {
            (8, true) => less::<i8>,
            (8, false) => less::<u8>,
            (16, true) => less::<i16>,
            (16, false) => less::<u16>,
            (32, true) => less::<i32>,
            (32, false) => less::<u32>,
            (64, true) => less::<i64>,
            (64, false) => less::<u64>,
            (128, true) => less::<i128>,
            (128, false) => less::<u128>,
            _ => return None,
        },
        Number::Float(Float::F16) => less::<Half>,
        Number::Float(Float::F32) => less::<f32>,
        Number::Float(Float::F64) => less::<f64>,
        Number::Float(Float::F128) => less::<Quad>,
        #[cfg(target_arch = "x86_64")]
        Number::Float(Float::F80) => less::<Extended>,
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
        less_value: less_of(value)?,
        less_index: less_of(index)?,
        value_len: value.size(),
        index_len: index.size(),
        index_at: Element::index_offset(value, index),
        extent: usize::try_from(extent).ok()?,
    })
}

impl Locate {
    /// `inout[i] = input[i] ∘ inout[i]`: of equal values the lower index. Only the
    /// members are written, not the holes between them.
    ///
    /// # Safety
    /// `count` pairs of the kind at both addresses, apart; those of `inout` writable.
    pub(super) unsafe fn apply(&self, input: *const u8, inout: *mut u8, count: usize) {
        for i in 0..count {
            let a = input.wrapping_add(i * self.extent);
            let b = inout.wrapping_add(i * self.extent);
            let index = a.wrapping_add(self.index_at);
            let there = b.wrapping_add(self.index_at);
            // SAFETY: pair i of each, by the caller's promise; the lengths are those
            // of its members.
            unsafe {
                let below = (self.less_value)(a, b);
                let above = (self.less_value)(b, a);
                let (wins, loses) = if self.most {
                    (above, below)
                } else {
                    (below, above)
                };
                if wins {
                    b.copy_from_nonoverlapping(a, self.value_len);
                }
                if wins || !loses && (self.less_index)(index, there) {
                    there.copy_from_nonoverlapping(index, self.index_len);
                }
            }
        }
    }
}
