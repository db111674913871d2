//! The loops of the predefined operations, one for each operation and type.
//!
//! Buffers may lie at any address, so elements are read and written unaligned;
//! on the machines we know that costs nothing, and the loops vectorise.

use super::Predefined::{
    self, Band, Bor, Bxor, Land, Lor, Lxor, Max, Maxloc, Min, Minloc, NoOp, Prod, Replace, Sum,
};
#[cfg(target_arch = "x86_64")]
use super::number::Extended;
use super::number::{Complex, Half, Quad, Real};
use crate::object::datatype::{Element, Float, Number};

/// `inout[i] = input[i] ∘ inout[i]` for `count` elements of one type.
pub type Kernel = unsafe fn(input: *const u8, inout: *mut u8, count: usize);

/// An element at any address.
#[derive(Clone, Copy)]
#[repr(C, packed)]
struct Unaligned<T>(T);

/// An operation on two elements.
trait Binary<T> {
    fn apply(left: T, right: T) -> T;
}

/// # Safety
/// As [`Kernel`] says: `count` elements of `T` at both addresses, apart.
unsafe fn run<T: Copy, O: Binary<T>>(input: *const u8, inout: *mut u8, count: usize) {
    if count == 0 {
        return;
    }
    let input: *const Unaligned<T> = input.cast();
    let inout: *mut Unaligned<T> = inout.cast();
    // SAFETY: the caller's promise; the alignment of `Unaligned` is 1.
    let left = unsafe { std::slice::from_raw_parts(input, count) };
    // SAFETY: as above.
    let right = unsafe { std::slice::from_raw_parts_mut(inout, count) };
    for (right, left) in right.iter_mut().zip(left) {
        right.0 = O::apply(left.0, right.0);
    }
}

macro_rules! operations {
    ($($name:ident)*) => {$(
        struct $name;
    )*};
}
operations!(Add Multiply Least Most And Or Xor BothTrue EitherTrue OneTrue Take Keep);

macro_rules! integers {
    ($($t:ty)*) => {$(
        integers!(@ $t, Add, |a, b| a.wrapping_add(b));
        integers!(@ $t, Multiply, |a, b| a.wrapping_mul(b));
        integers!(@ $t, Least, |a, b| a.min(b));
        integers!(@ $t, Most, |a, b| a.max(b));
        integers!(@ $t, And, |a, b| a & b);
        integers!(@ $t, Or, |a, b| a | b);
        integers!(@ $t, Xor, |a, b| a ^ b);
        integers!(@ $t, BothTrue, |a, b| <$t>::from(a != 0 && b != 0));
        integers!(@ $t, EitherTrue, |a, b| <$t>::from(a != 0 || b != 0));
        integers!(@ $t, OneTrue, |a, b| <$t>::from((a != 0) != (b != 0)));
    )*};
    (@ $t:ty, $op:ident, |$a:ident, $b:ident| $e:expr) => {
        impl Binary<$t> for $op {
            #[inline(always)]
            fn apply($a: $t, $b: $t) -> $t {
                $e
            }
        }
    };
}
integers!(i8 u8 i16 u16 i32 u32 i64 u64 i128 u128);

macro_rules! reals {
    ($($t:ty)*) => {$(
        impl Binary<$t> for Add {
            #[inline(always)]
            fn apply(a: $t, b: $t) -> $t {
                a.plus(b)
            }
        }
        impl Binary<$t> for Multiply {
            #[inline(always)]
            fn apply(a: $t, b: $t) -> $t {
                a.times(b)
            }
        }
        impl Binary<$t> for Least {
            #[inline(always)]
            fn apply(a: $t, b: $t) -> $t {
                if a.below(b) { a } else { b }
            }
        }
        impl Binary<$t> for Most {
            #[inline(always)]
            fn apply(a: $t, b: $t) -> $t {
                if b.below(a) { a } else { b }
            }
        }
        impl Binary<Complex<$t>> for Add {
            #[inline(always)]
            fn apply(a: Complex<$t>, b: Complex<$t>) -> Complex<$t> {
                a.plus(b)
            }
        }
        impl Binary<Complex<$t>> for Multiply {
            #[inline(always)]
            fn apply(a: Complex<$t>, b: Complex<$t>) -> Complex<$t> {
                a.times(b)
            }
        }
    )*};
}
reals!(Half f32 f64 Quad);
#[cfg(target_arch = "x86_64")]
reals!(Extended);

impl<T> Binary<T> for Take {
    fn apply(left: T, _: T) -> T {
        left
    }
}

impl<T> Binary<T> for Keep {
    fn apply(_: T, right: T) -> T {
        right
    }
}

/// What a pair type's value or index can do.
pub(super) trait Ordered: Copy {
    fn less(self, other: Self) -> bool;
}

macro_rules! ordered {
    ($($t:ty)*) => {$(
        impl Ordered for $t {
            #[inline(always)]
            fn less(self, other: $t) -> bool {
                self < other
            }
        }
    )*};
}
ordered!(i8 u8 i16 u16 i32 u32 i64 u64 i128 u128 f32 f64);

macro_rules! ordered_reals {
    ($($t:ty)*) => {$(
        impl Ordered for $t {
            fn less(self, other: $t) -> bool {
                self.below(other)
            }
        }
    )*};
}
ordered_reals!(Half Quad);
#[cfg(target_arch = "x86_64")]
ordered_reals!(Extended);

/// A pair type as C lays it out.
#[repr(C)]
struct Pair<V, I> {
    value: V,
    index: I,
}

/// `MPI_MINLOC`, and with `MOST` `MPI_MAXLOC`: of equal values the lower index.
/// Only the members are written, not the holes between them.
///
/// # Safety
/// As [`Kernel`] says.
unsafe fn locate<V: Ordered, I: Ordered, const MOST: bool>(
    input: *const u8,
    inout: *mut u8,
    count: usize,
) {
    let input: *const Pair<V, I> = input.cast();
    let inout: *mut Pair<V, I> = inout.cast();
    for i in 0..count {
        let (a, b) = (input.wrapping_add(i), inout.wrapping_add(i));
        // SAFETY: element i of each, by the caller's promise.
        let (value, other) = unsafe {
            (
                (&raw const (*a).value).read_unaligned(),
                (&raw const (*b).value).read_unaligned(),
            )
        };
        let (wins, loses) = if MOST {
            (other.less(value), value.less(other))
        } else {
            (value.less(other), other.less(value))
        };
        if loses {
            continue;
        }
        // SAFETY: as above.
        let (index, there) = unsafe {
            (
                (&raw const (*a).index).read_unaligned(),
                (&raw const (*b).index).read_unaligned(),
            )
        };
        if wins {
            // SAFETY: as above; `inout` is writable.
            unsafe {
                (&raw mut (*b).value).write_unaligned(value);
                (&raw mut (*b).index).write_unaligned(index);
            }
        } else if index.less(there) {
            // SAFETY: as above.
            unsafe { (&raw mut (*b).index).write_unaligned(index) };
        }
    }
}

/// The loop for an operation on a type, if the standard defines it. Characters
/// of one byte count as integers, as other implementations have it, though the
/// standard does not ask for it; wide ones do nowhere. Of pairs, those with a name
/// are here; `locate` has the others.
pub(super) fn find(op: Predefined, element: Element) -> Option<Kernel> {
    match element {
        Element::Int { bits, signed } => integer(op, bits, signed),
        Element::Char { bits: 8 } => integer(op, 8, true),
        Element::Char { .. } => moved::<u32>(op),
        Element::Float(Float::F16) => real::<Half>(op),
        Element::Float(Float::F32) => real::<f32>(op),
        Element::Float(Float::F64) => real::<f64>(op),
        Element::Complex(Float::F16) => complex::<Half>(op),
        Element::Complex(Float::F32) => complex::<f32>(op),
        Element::Complex(Float::F64) => complex::<f64>(op),
        Element::Float(Float::F128) => real::<Quad>(op),
        Element::Complex(Float::F128) => complex::<Quad>(op),
        #[cfg(target_arch = "x86_64")]
        Element::Float(Float::F80) => real::<Extended>(op),
        #[cfg(target_arch = "x86_64")]
        Element::Complex(Float::F80) => complex::<Extended>(op),
        // no type of other machines is made of it
        #[cfg(not(target_arch = "x86_64"))]
        Element::Float(Float::F80) | Element::Complex(Float::F80) => None,
        Element::Logical { bits } => logical(op, bits),
        Element::Bool => logical(op, 8),
        Element::Byte => bitwise::<u8>(op).or_else(|| moved::<u8>(op)),
        Element::Packed => moved::<u8>(op),
        Element::Pair { value, index } => pair(op, value, index),
    }
}

fn moved<T: Copy>(op: Predefined) -> Option<Kernel> {
    match op {
        Replace => Some(run::<T, Take>),
        NoOp => Some(run::<T, Keep>),
        _ => None,
    }
}

fn bitwise<T: Copy>(op: Predefined) -> Option<Kernel>
where
    And: Binary<T>,
    Or: Binary<T>,
    Xor: Binary<T>,
{
    match op {
        Band => Some(run::<T, And>),
        Bor => Some(run::<T, Or>),
        Bxor => Some(run::<T, Xor>),
        _ => None,
    }
}

fn logic<T: Copy>(op: Predefined) -> Option<Kernel>
where
    BothTrue: Binary<T>,
    EitherTrue: Binary<T>,
    OneTrue: Binary<T>,
{
    match op {
        Land => Some(run::<T, BothTrue>),
        Lor => Some(run::<T, EitherTrue>),
        Lxor => Some(run::<T, OneTrue>),
        _ => moved::<T>(op),
    }
}

fn arithmetic<T: Copy>(op: Predefined) -> Option<Kernel>
where
    Add: Binary<T>,
    Multiply: Binary<T>,
    Least: Binary<T>,
    Most: Binary<T>,
{
    match op {
        Sum => Some(run::<T, Add>),
        Prod => Some(run::<T, Multiply>),
        Min => Some(run::<T, Least>),
        Max => Some(run::<T, Most>),
        _ => None,
    }
}

fn real<T: Real>(op: Predefined) -> Option<Kernel>
where
    Add: Binary<T>,
    Multiply: Binary<T>,
    Least: Binary<T>,
    Most: Binary<T>,
{
    arithmetic::<T>(op).or_else(|| moved::<T>(op))
}

fn complex<F: Real>(op: Predefined) -> Option<Kernel>
where
    Add: Binary<Complex<F>>,
    Multiply: Binary<Complex<F>>,
{
    match op {
        Sum => Some(run::<Complex<F>, Add>),
        Prod => Some(run::<Complex<F>, Multiply>),
        _ => moved::<Complex<F>>(op),
    }
}

fn integer(op: Predefined, bits: u8, signed: bool) -> Option<Kernel> {
    macro_rules! all {
        ($t:ty) => {
            arithmetic::<$t>(op)
                .or_else(|| bitwise::<$t>(op))
                .or_else(|| logic::<$t>(op))
        };
    }
    match (bits, signed) {
        (8, true) => all!(i8),
        (8, false) => all!(u8),
        (16, true) => all!(i16),
        (16, false) => all!(u16),
        (32, true) => all!(i32),
        (32, false) => all!(u32),
        (64, true) => all!(i64),
        (64, false) => all!(u64),
        (128, true) => all!(i128),
        (128, false) => all!(u128),
        _ => None,
    }
}

fn logical(op: Predefined, bits: u8) -> Option<Kernel> {
    match bits {
        8 => logic::<u8>(op),
        16 => logic::<u16>(op),
        32 => logic::<u32>(op),
        64 => logic::<u64>(op),
        128 => logic::<u128>(op),
        _ => None,
    }
}

fn pair(op: Predefined, value: Number, index: Number) -> Option<Kernel> {
    let int =
        |number, wanted| matches!(number, Number::Int { bits, signed: true } if bits == wanted);
    macro_rules! loc {
        ($v:ty, $i:ty) => {
            match op {
                Minloc => Some(locate::<$v, $i, false>),
                Maxloc => Some(locate::<$v, $i, true>),
                Replace => Some(place::<$v, $i>),
                NoOp => Some(run::<u8, Keep>),
                _ => None,
            }
        };
    }
    match (value, index) {
        (Number::Float(Float::F32), i) if int(i, 32) => loc!(f32, i32),
        (Number::Float(Float::F64), i) if int(i, 32) => loc!(f64, i32),
        #[cfg(target_arch = "x86_64")]
        (Number::Float(Float::F80), i) if int(i, 32) => loc!(Extended, i32),
        (v, i) if int(v, 64) && int(i, 32) => loc!(i64, i32),
        (v, i) if int(v, 32) && int(i, 32) => loc!(i32, i32),
        (v, i) if int(v, 16) && int(i, 32) => loc!(i16, i32),
        (Number::Float(Float::F32), Number::Float(Float::F32)) => loc!(f32, f32),
        (Number::Float(Float::F64), Number::Float(Float::F64)) => loc!(f64, f64),
        _ => None,
    }
}

/// `MPI_REPLACE` for a pair: its members, not the holes.
///
/// # Safety
/// As [`Kernel`] says.
unsafe fn place<V: Copy, I: Copy>(input: *const u8, inout: *mut u8, count: usize) {
    let input: *const Pair<V, I> = input.cast();
    let inout: *mut Pair<V, I> = inout.cast();
    for i in 0..count {
        let (a, b) = (input.wrapping_add(i), inout.wrapping_add(i));
        // SAFETY: element i of each, by the caller's promise.
        unsafe {
            (&raw mut (*b).value).write_unaligned((&raw const (*a).value).read_unaligned());
            (&raw mut (*b).index).write_unaligned((&raw const (*a).index).read_unaligned());
        }
    }
}
