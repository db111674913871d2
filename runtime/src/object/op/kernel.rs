//! The loops of the predefined operations, one for each operation, type and width of
//! vectors.
//!
//! Buffers may lie at any address, so elements are read and written unaligned;
//! on the machines we know that costs nothing, and the loops vectorise.
//!
//! An element's result depends on its two operands alone, to the bit: not on where in the
//! vector they stand, nor on the machine's vectors. Where that needs care is with NaN: an
//! addition of two keeps the first that the instruction names, and compilers swap operands
//! as they like. So a group of elements with a NaN in it is computed again, by
//! [`Real::settled`].

use super::Predefined::{
    self, Band, Bor, Bxor, Land, Lor, Lxor, Max, Maxloc, Min, Minloc, NoOp, Prod, Replace, Sum,
};
#[cfg(target_arch = "x86_64")]
use super::number::Extended;
use super::number::{Complex, Half, Quad, Real};
use crate::object::datatype::{Element, Float, Number};
use std::mem::MaybeUninit;

/// `out[i] = left[i] ∘ right[i]` for `count` elements of one type. `out` may be `left` or
/// `right` itself, and lies apart from them otherwise.
pub type Kernel = unsafe fn(left: *const u8, right: *const u8, out: *mut u8, count: usize);

/// An element at any address.
#[derive(Clone, Copy)]
#[repr(C, packed)]
struct Unaligned<T>(T);

/// An operation on two elements.
trait Binary<T: Copy> {
    /// The result, to the bit, wherever in a vector the two stand.
    fn apply(left: T, right: T) -> T;

    /// As [`Binary::apply`], but the machine decides which NaN it is.
    #[inline(always)]
    fn quick(left: T, right: T) -> T {
        Self::apply(left, right)
    }

    /// Whether the result of [`Binary::quick`] may differ from that of [`Binary::apply`].
    #[inline(always)]
    fn is_unsure(_left: T, _right: T, _result: T) -> bool {
        false
    }
}

/// Elements that are computed together. They are all read before one is written, so that
/// `out` may be an operand.
const GROUP: usize = 32;

/// # Safety
/// As [`Kernel`] says: `count` elements of `T` at each address.
#[inline(always)]
unsafe fn groups<T: Copy, O: Binary<T>>(
    left: *const u8,
    right: *const u8,
    out: *mut u8,
    count: usize,
) {
    let left: *const Unaligned<T> = left.cast();
    let right: *const Unaligned<T> = right.cast();
    let out: *mut Unaligned<T> = out.cast();
    // SAFETY: the caller's promise: `i` is below `count`; the alignment of `Unaligned` is 1.
    let operands = |i: usize| unsafe { ((*left.add(i)).0, (*right.add(i)).0) };
    let whole = count / GROUP * GROUP;
    let mut first = 0;
    while first < whole {
        let mut results = [const { MaybeUninit::<Unaligned<T>>::uninit() }; GROUP];
        let mut unsure = false;
        for (i, result) in results.iter_mut().enumerate() {
            let (a, b) = operands(first + i);
            let quick = O::quick(a, b);
            unsure |= O::is_unsure(a, b, quick);
            result.write(Unaligned(quick));
        }
        if unsure {
            for (i, result) in results.iter_mut().enumerate() {
                let (a, b) = operands(first + i);
                result.write(Unaligned(O::apply(a, b)));
            }
        }
        // SAFETY: the caller's promise; all of `results` are written, and are its own.
        unsafe {
            let results = results.as_ptr().cast::<Unaligned<T>>();
            std::ptr::copy_nonoverlapping(results, out.add(first), GROUP);
        }
        first += GROUP;
    }
    for i in whole..count {
        let (a, b) = operands(i);
        // SAFETY: as above.
        unsafe { out.add(i).write(Unaligned(O::apply(a, b))) };
    }
}

/// For every machine.
///
/// # Safety
/// As [`Kernel`] says.
unsafe fn run<T: Copy, O: Binary<T>>(
    left: *const u8,
    right: *const u8,
    out: *mut u8,
    count: usize,
) {
    // SAFETY: the caller's promise.
    unsafe { groups::<T, O>(left, right, out, count) }
}

/// # Safety
/// As [`Kernel`] says; the processor has AVX2.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
unsafe fn run_avx2<T: Copy, O: Binary<T>>(
    left: *const u8,
    right: *const u8,
    out: *mut u8,
    count: usize,
) {
    // SAFETY: the caller's promise.
    unsafe { groups::<T, O>(left, right, out, count) }
}

/// # Safety
/// As [`Kernel`] says; the processor has these parts of AVX-512.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,avx512f,avx512bw,avx512dq,avx512vl")]
unsafe fn run_avx512<T: Copy, O: Binary<T>>(
    left: *const u8,
    right: *const u8,
    out: *mut u8,
    count: usize,
) {
    // SAFETY: the caller's promise.
    unsafe { groups::<T, O>(left, right, out, count) }
}

/// Vectors that loops are made for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Vectors {
    /// What every machine of this architecture has.
    Common,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Vectors {
    /// The widest that this machine has.
    pub(super) fn here() -> Vectors {
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512vl")
            {
                return Vectors::Avx512;
            }
            if is_x86_feature_detected!("avx2") {
                return Vectors::Avx2;
            }
        }
        Vectors::Common
    }

    /// The loop of an operation on numbers that vectors compute with.
    fn loop_of<T: Copy, O: Binary<T>>(self) -> Kernel {
        match self {
            Vectors::Common => run::<T, O>,
            #[cfg(target_arch = "x86_64")]
            Vectors::Avx2 => run_avx2::<T, O>,
            #[cfg(target_arch = "x86_64")]
            Vectors::Avx512 => run_avx512::<T, O>,
        }
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
                a.plus(b).settled(a, b)
            }
            #[inline(always)]
            fn quick(a: $t, b: $t) -> $t {
                a.plus(b)
            }
            #[inline(always)]
            fn is_unsure(_: $t, _: $t, result: $t) -> bool {
                <$t>::SETTLES && result.is_nan()
            }
        }
        impl Binary<$t> for Multiply {
            #[inline(always)]
            fn apply(a: $t, b: $t) -> $t {
                a.times(b).settled(a, b)
            }
            #[inline(always)]
            fn quick(a: $t, b: $t) -> $t {
                a.times(b)
            }
            #[inline(always)]
            fn is_unsure(_: $t, _: $t, result: $t) -> bool {
                <$t>::SETTLES && result.is_nan()
            }
        }
        impl Binary<$t> for Least {
            #[inline(always)]
            fn apply(a: $t, b: $t) -> $t {
                if a.below(b) || a.is_nan() { a } else { b }
            }
            #[inline(always)]
            fn quick(a: $t, b: $t) -> $t {
                if a.below(b) { a } else { b }
            }
            #[inline(always)]
            fn is_unsure(a: $t, _: $t, _: $t) -> bool {
                a.is_nan()
            }
        }
        impl Binary<$t> for Most {
            #[inline(always)]
            fn apply(a: $t, b: $t) -> $t {
                if b.below(a) || a.is_nan() { a } else { b }
            }
            #[inline(always)]
            fn quick(a: $t, b: $t) -> $t {
                if b.below(a) { a } else { b }
            }
            #[inline(always)]
            fn is_unsure(a: $t, _: $t, _: $t) -> bool {
                a.is_nan()
            }
        }
        impl Binary<Complex<$t>> for Add {
            #[inline(always)]
            fn apply(a: Complex<$t>, b: Complex<$t>) -> Complex<$t> {
                let sum = a.plus(b);
                Complex(sum.0.settled(a.0, b.0), sum.1.settled(a.1, b.1))
            }
            #[inline(always)]
            fn quick(a: Complex<$t>, b: Complex<$t>) -> Complex<$t> {
                a.plus(b)
            }
            #[inline(always)]
            fn is_unsure(_: Complex<$t>, _: Complex<$t>, result: Complex<$t>) -> bool {
                <$t>::SETTLES && result.is_nan()
            }
        }
        impl Binary<Complex<$t>> for Multiply {
            #[inline(always)]
            fn apply(a: Complex<$t>, b: Complex<$t>) -> Complex<$t> {
                let product = a.times(b);
                Complex(product.0.plainly(), product.1.plainly())
            }
            #[inline(always)]
            fn quick(a: Complex<$t>, b: Complex<$t>) -> Complex<$t> {
                a.times(b)
            }
            #[inline(always)]
            fn is_unsure(_: Complex<$t>, _: Complex<$t>, result: Complex<$t>) -> bool {
                <$t>::SETTLES && result.is_nan()
            }
        }
    )*};
}
reals!(Half f32 f64 Quad);
#[cfg(target_arch = "x86_64")]
reals!(Extended);

impl<T: Copy> Binary<T> for Take {
    fn apply(left: T, _: T) -> T {
        left
    }
}

impl<T: Copy> Binary<T> for Keep {
    fn apply(_: T, right: T) -> T {
        right
    }
}

/// What a pair type's value or index can do.
pub(super) trait Ordered: Copy {
    fn less(self, other: Self) -> bool;
    /// Whether it is not a number (NaN).
    #[inline(always)]
    fn is_unordered(self) -> bool {
        false
    }
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
ordered!(i8 u8 i16 u16 i32 u32 i64 u64 i128 u128);

macro_rules! ordered_reals {
    ($($t:ty)*) => {$(
        impl Ordered for $t {
            #[inline(always)]
            fn less(self, other: $t) -> bool {
                self.below(other)
            }
            #[inline(always)]
            fn is_unordered(self) -> bool {
                Real::is_nan(self)
            }
        }
    )*};
}
ordered_reals!(f32 f64 Half Quad);
#[cfg(target_arch = "x86_64")]
ordered_reals!(Extended);

/// Which of two values `MPI_MINLOC` (`most`: `MPI_MAXLOC`) takes: whether the left one
/// wins, and whether it loses. What is no number wins over numbers.
#[inline(always)]
pub(super) fn wins_loses<V: Ordered>(left: V, right: V, most: bool) -> (bool, bool) {
    let (mut wins, mut loses) = (left.less(right), right.less(left));
    if most {
        (wins, loses) = (loses, wins);
    }
    match (left.is_unordered(), right.is_unordered()) {
        (true, false) => (true, false),
        (false, true) => (false, true),
        _ => (wins, loses),
    }
}

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
    left: *const u8,
    right: *const u8,
    out: *mut u8,
    count: usize,
) {
    let left: *const Pair<V, I> = left.cast();
    let right: *const Pair<V, I> = right.cast();
    let out: *mut Pair<V, I> = out.cast();
    for i in 0..count {
        let (a, b, to) = (
            left.wrapping_add(i),
            right.wrapping_add(i),
            out.wrapping_add(i),
        );
        // SAFETY: element i of each, by the caller's promise.
        let (value, index, other, there) = unsafe {
            (
                (&raw const (*a).value).read_unaligned(),
                (&raw const (*a).index).read_unaligned(),
                (&raw const (*b).value).read_unaligned(),
                (&raw const (*b).index).read_unaligned(),
            )
        };
        let (wins, loses) = wins_loses(value, other, MOST);
        let first = wins || !loses && index.less(there);
        let value = if wins { value } else { other };
        let index = if first { index } else { there };
        // SAFETY: as above; `out` is writable.
        unsafe {
            (&raw mut (*to).value).write_unaligned(value);
            (&raw mut (*to).index).write_unaligned(index);
        }
    }
}

/// The loop for an operation on a type, if the standard defines it. Characters
/// of one byte count as integers, as other implementations have it, though the
/// standard does not ask for it; wide ones do nowhere. Of pairs, those with a name
/// are here; `locate` has the others.
pub(super) fn find(op: Predefined, element: Element) -> Option<Kernel> {
    find_for(Vectors::here(), op, element)
}

/// As [`find`], with vectors of a given kind.
pub(super) fn find_for(vectors: Vectors, op: Predefined, element: Element) -> Option<Kernel> {
    match element {
        Element::Int { bits, signed } => integer(vectors, op, bits, signed),
        Element::Char { bits: 8 } => integer(vectors, op, 8, true),
        Element::Char { .. } => moved::<u32>(op),
        Element::Float(Float::F16) => real::<Half>(Vectors::Common, op),
        Element::Float(Float::F32) => real::<f32>(vectors, op),
        Element::Float(Float::F64) => real::<f64>(vectors, op),
        Element::Complex(Float::F16) => complex::<Half>(Vectors::Common, op),
        Element::Complex(Float::F32) => complex::<f32>(vectors, op),
        Element::Complex(Float::F64) => complex::<f64>(vectors, op),
        Element::Float(Float::F128) => real::<Quad>(Vectors::Common, op),
        Element::Complex(Float::F128) => complex::<Quad>(Vectors::Common, op),
        #[cfg(target_arch = "x86_64")]
        Element::Float(Float::F80) => real::<Extended>(Vectors::Common, op),
        #[cfg(target_arch = "x86_64")]
        Element::Complex(Float::F80) => complex::<Extended>(Vectors::Common, op),
        // no type of other machines is made of it
        #[cfg(not(target_arch = "x86_64"))]
        Element::Float(Float::F80) | Element::Complex(Float::F80) => None,
        Element::Logical { bits } => logical(vectors, op, bits),
        Element::Bool => logical(vectors, op, 8),
        Element::Byte => bitwise::<u8>(vectors, op).or_else(|| moved::<u8>(op)),
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

fn bitwise<T: Copy>(vectors: Vectors, op: Predefined) -> Option<Kernel>
where
    And: Binary<T>,
    Or: Binary<T>,
    Xor: Binary<T>,
{
    match op {
        Band => Some(vectors.loop_of::<T, And>()),
        Bor => Some(vectors.loop_of::<T, Or>()),
        Bxor => Some(vectors.loop_of::<T, Xor>()),
        _ => None,
    }
}

fn logic<T: Copy>(vectors: Vectors, op: Predefined) -> Option<Kernel>
where
    BothTrue: Binary<T>,
    EitherTrue: Binary<T>,
    OneTrue: Binary<T>,
{
    match op {
        Land => Some(vectors.loop_of::<T, BothTrue>()),
        Lor => Some(vectors.loop_of::<T, EitherTrue>()),
        Lxor => Some(vectors.loop_of::<T, OneTrue>()),
        _ => moved::<T>(op),
    }
}

fn arithmetic<T: Copy>(vectors: Vectors, op: Predefined) -> Option<Kernel>
where
    Add: Binary<T>,
    Multiply: Binary<T>,
    Least: Binary<T>,
    Most: Binary<T>,
{
    match op {
        Sum => Some(vectors.loop_of::<T, Add>()),
        Prod => Some(vectors.loop_of::<T, Multiply>()),
        Min => Some(vectors.loop_of::<T, Least>()),
        Max => Some(vectors.loop_of::<T, Most>()),
        _ => None,
    }
}

fn real<T: Real>(vectors: Vectors, op: Predefined) -> Option<Kernel>
where
    Add: Binary<T>,
    Multiply: Binary<T>,
    Least: Binary<T>,
    Most: Binary<T>,
{
    arithmetic::<T>(vectors, op).or_else(|| moved::<T>(op))
}

fn complex<F: Real>(vectors: Vectors, op: Predefined) -> Option<Kernel>
where
    Add: Binary<Complex<F>>,
    Multiply: Binary<Complex<F>>,
{
    match op {
        Sum => Some(vectors.loop_of::<Complex<F>, Add>()),
        Prod => Some(vectors.loop_of::<Complex<F>, Multiply>()),
        _ => moved::<Complex<F>>(op),
    }
}

fn integer(vectors: Vectors, op: Predefined, bits: u8, signed: bool) -> Option<Kernel> {
    macro_rules! all {
        ($t:ty) => {
            arithmetic::<$t>(vectors, op)
                .or_else(|| bitwise::<$t>(vectors, op))
                .or_else(|| logic::<$t>(vectors, op))
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

fn logical(vectors: Vectors, op: Predefined, bits: u8) -> Option<Kernel> {
    match bits {
        8 => logic::<u8>(vectors, op),
        16 => logic::<u16>(vectors, op),
        32 => logic::<u32>(vectors, op),
        64 => logic::<u64>(vectors, op),
        128 => logic::<u128>(vectors, op),
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
unsafe fn place<V: Copy, I: Copy>(left: *const u8, _: *const u8, out: *mut u8, count: usize) {
    let left: *const Pair<V, I> = left.cast();
    let out: *mut Pair<V, I> = out.cast();
    for i in 0..count {
        let (a, b) = (left.wrapping_add(i), out.wrapping_add(i));
        // SAFETY: element i of each, by the caller's promise.
        unsafe {
            (&raw mut (*b).value).write_unaligned((&raw const (*a).value).read_unaligned());
            (&raw mut (*b).index).write_unaligned((&raw const (*a).index).read_unaligned());
        }
    }
}
