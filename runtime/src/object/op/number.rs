//! Numbers that the language has no arithmetic for: binary16, x87 extended
//! precision, binary128, and complex numbers over any of them.

use rustc_apfloat::{Float, ieee};
use std::cmp::Ordering;

/// What sums, products and comparisons need.
pub(super) trait Real: Copy {
    fn plus(self, other: Self) -> Self;
    fn minus(self, other: Self) -> Self;
    fn times(self, other: Self) -> Self;
    /// False if either is not a number.
    fn below(self, other: Self) -> bool;
    /// Whether it is not a number (NaN).
    fn is_nan(self) -> bool;

    /// Whether [`Real::settled`] and [`Real::plainly`] change anything: what the machine
    /// computes with; other formats are computed with alike wherever they stand.
    const SETTLES: bool;

    /// This sum or product of two. Where it is a NaN, the left operand if that is one, else
    /// the right, made quiet, else the one that x86 makes.
    fn settled(self, left: Self, right: Self) -> Self;

    /// This result of several operations: where it is a NaN, the one that x86 makes.
    fn plainly(self) -> Self;
}

macro_rules! real {
    ($($t:ty, $quiet:literal, $made:literal;)*) => {$(
        impl Real for $t {
            #[inline(always)]
            fn plus(self, other: $t) -> $t {
                self + other
            }
            #[inline(always)]
            fn minus(self, other: $t) -> $t {
                self - other
            }
            #[inline(always)]
            fn times(self, other: $t) -> $t {
                self * other
            }
            #[inline(always)]
            fn below(self, other: $t) -> bool {
                self < other
            }
            #[inline(always)]
            fn is_nan(self) -> bool {
                self.is_nan()
            }
            const SETTLES: bool = true;
            #[inline(always)]
            fn settled(self, left: $t, right: $t) -> $t {
                if left.is_nan() {
                    <$t>::from_bits(left.to_bits() | $quiet)
                } else if right.is_nan() {
                    <$t>::from_bits(right.to_bits() | $quiet)
                } else {
                    self.plainly()
                }
            }
            #[inline(always)]
            fn plainly(self) -> $t {
                if self.is_nan() {
                    <$t>::from_bits($made)
                } else {
                    self
                }
            }
        }
    )*};
}

real! {
    f32, 0x0040_0000, 0xffc0_0000;
    f64, 0x0008_0000_0000_0000, 0xfff8_0000_0000_0000;
}

/// IEEE binary16. Computed with as binary32, which holds every sum and product
/// of two exactly enough to round once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub(super) struct Half(pub(super) u16);

impl Half {
    pub(super) fn to_f32(self) -> f32 {
        let sign = u32::from(self.0 & 0x8000) << 16;
        let exponent = u32::from(self.0 >> 10 & 0x1f);
        let fraction = u32::from(self.0 & 0x3ff);
        let bits = match exponent {
            0 => {
                // Zero and the subnormal: a multiple of 2⁻²⁴.
                let magnitude = f32::from(self.0 & 0x3ff) * (1.0 / 16_777_216.0);
                magnitude.to_bits()
            }
            0x1f => 0x7f80_0000 | fraction << 13,
            _ => (exponent + 112) << 23 | fraction << 13,
        };
        f32::from_bits(sign | bits)
    }

    /// Rounds to nearest, ties to even.
    pub(super) fn from_f32(value: f32) -> Half {
        let bits = value.to_bits();
        let sign = bits >> 16 & 0x8000;
        let magnitude = bits & 0x7fff_ffff;
        let half = if magnitude > 0x7f80_0000 {
            0x7e00 // not a number
        } else if magnitude >= 0x4780_0000 {
            0x7c00 // 2¹⁶ and above; what rounds up to it does so below
        } else if magnitude >= 0x3880_0000 {
            // Normal: drop 13 bits; a carry may run into the exponent, which is
            // right, up to infinity.
            round(magnitude - (112 << 23), 13)
        } else if magnitude >= 0x3300_0000 {
            // Subnormal: the fraction with its leading one, shifted to 2⁻²⁴.
            let shift = 126 - (magnitude >> 23);
            round(magnitude & 0x007f_ffff | 0x0080_0000, shift)
        } else {
            0
        };
        Half(u16::try_from(sign | half).unwrap_or(0)) // both fit 16 bits
    }
}

/// `bits` without the lowest `drop`, rounded to nearest, ties to even.
fn round(bits: u32, drop: u32) -> u32 {
    let kept = bits >> drop;
    let rest = bits & ((1 << drop) - 1);
    let half = 1 << (drop - 1);
    kept + u32::from(rest > half || rest == half && kept & 1 == 1)
}

impl Real for Half {
    fn plus(self, other: Half) -> Half {
        Half::from_f32(self.to_f32() + other.to_f32())
    }
    fn minus(self, other: Half) -> Half {
        Half::from_f32(self.to_f32() - other.to_f32())
    }
    fn times(self, other: Half) -> Half {
        Half::from_f32(self.to_f32() * other.to_f32())
    }
    fn below(self, other: Half) -> bool {
        self.to_f32() < other.to_f32()
    }
    fn is_nan(self) -> bool {
        self.0 & 0x7fff > 0x7c00
    }
    const SETTLES: bool = true;
    fn settled(self, left: Half, right: Half) -> Half {
        if left.is_nan() {
            Half(left.0 | 0x0200)
        } else if right.is_nan() {
            Half(right.0 | 0x0200)
        } else {
            self.plainly()
        }
    }
    fn plainly(self) -> Half {
        if self.is_nan() { Half(0xfe00) } else { self }
    }
}

/// C's `long double` on x86-64: 80 bits in 16 bytes.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, align(16))]
pub(super) struct Extended(pub(super) [u8; 16]);

#[cfg(target_arch = "x86_64")]
macro_rules! x87 {
    ($name:ident, $instruction:literal) => {
        fn $name(mut self, other: Extended) -> Extended {
            // SAFETY: reads 10 bytes at each address and writes 10 at the first,
            // all inside the two values; the register stack ends as it began.
            unsafe {
                std::arch::asm!(
                    "fld tbyte ptr [{a}]",
                    "fld tbyte ptr [{b}]",
                    $instruction,
                    "fstp tbyte ptr [{a}]",
                    a = in(reg) self.0.as_mut_ptr(),
                    b = in(reg) other.0.as_ptr(),
                    out("st(0)") _, out("st(1)") _, out("st(2)") _, out("st(3)") _,
                    out("st(4)") _, out("st(5)") _, out("st(6)") _, out("st(7)") _,
                    options(nostack),
                );
            }
            self
        }
    };
}

#[cfg(target_arch = "x86_64")]
impl Real for Extended {
    x87!(plus, "faddp st(1), st");
    x87!(minus, "fsubp st(1), st");
    x87!(times, "fmulp st(1), st");

    fn below(self, other: Extended) -> bool {
        let above: u8;
        // SAFETY: reads 10 bytes at each address, inside the two values; the
        // register stack ends as it began.
        unsafe {
            std::arch::asm!(
                "fld tbyte ptr [{a}]",
                "fld tbyte ptr [{b}]",
                "fcomip st, st(1)", // other against self; unordered sets the carry
                "fstp st(0)",
                "seta {above}",
                a = in(reg) self.0.as_ptr(),
                b = in(reg) other.0.as_ptr(),
                above = out(reg_byte) above,
                out("st(0)") _, out("st(1)") _, out("st(2)") _, out("st(3)") _,
                out("st(4)") _, out("st(5)") _, out("st(6)") _, out("st(7)") _,
                options(nostack, readonly),
            );
        }
        above != 0
    }

    fn is_nan(self) -> bool {
        let word = |at: usize| u64::from(self.0[at]);
        let fraction = (0..8).map(|at| word(at) << (8 * at)).sum::<u64>();
        (word(9) << 8 | word(8)) & 0x7fff == 0x7fff && fraction << 1 != 0
    }

    const SETTLES: bool = false;

    fn settled(self, _: Extended, _: Extended) -> Extended {
        self
    }

    fn plainly(self) -> Extended {
        self
    }
}

/// IEEE binary128: Fortran's `REAL(16)`, C's `__float128`. Machines have no
/// instructions for it; the compiler's own arithmetic serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub(super) struct Quad(pub(super) u128);

impl Quad {
    fn number(self) -> ieee::Quad {
        ieee::Quad::from_bits(self.0)
    }
}

impl Real for Quad {
    fn plus(self, other: Quad) -> Quad {
        Quad((self.number() + other.number()).value.to_bits())
    }
    fn minus(self, other: Quad) -> Quad {
        Quad((self.number() - other.number()).value.to_bits())
    }
    fn times(self, other: Quad) -> Quad {
        Quad((self.number() * other.number()).value.to_bits())
    }
    fn below(self, other: Quad) -> bool {
        self.number().partial_cmp(&other.number()) == Some(Ordering::Less)
    }
    fn is_nan(self) -> bool {
        self.0 << 1 > 0x7fff << 113
    }
    const SETTLES: bool = false;
    fn settled(self, _: Quad, _: Quad) -> Quad {
        self
    }
    fn plainly(self) -> Quad {
        self
    }
}

/// A complex number, the real part first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub(super) struct Complex<F>(pub(super) F, pub(super) F);

impl<F: Real> Complex<F> {
    #[inline(always)]
    pub(super) fn plus(self, other: Self) -> Self {
        Complex(self.0.plus(other.0), self.1.plus(other.1))
    }

    #[inline(always)]
    pub(super) fn times(self, other: Self) -> Self {
        let real = self.0.times(other.0).minus(self.1.times(other.1));
        let imaginary = self.0.times(other.1).plus(self.1.times(other.0));
        Complex(real, imaginary)
    }

    /// Whether a part is not a number.
    #[inline(always)]
    pub(super) fn is_nan(self) -> bool {
        self.0.is_nan() || self.1.is_nan()
    }
}

#[cfg(test)]
mod tests {
    use super::{Half, Quad, Real};

    #[test]
    fn quads_keep_113_binary_digits() {
        // Sign and exponent above a fraction of 112 bits.
        let number = |exponent: u128, fraction: u128| Quad(exponent << 112 | fraction);
        let one = number(16383, 0);
        let last = number(16383 - 112, 0);
        assert_eq!(one.plus(last), number(16383, 1));
        assert_eq!(one.plus(last).minus(one), last);
        let half = number(16383 - 113, 0);
        assert_eq!(one.plus(half), one, "ties go to even");
        assert_eq!(one.plus(last).plus(half), number(16383, 2));
        let third = Quad(0x3ffd_5555_5555_5555_5555_5555_5555_5555);
        assert_eq!(third.times(number(16384, 1 << 111)), one);
        assert!(last.below(one) && !one.below(last) && !one.below(one));
        let (largest, infinite) = (number(0x7ffe, (1 << 112) - 1), number(0x7fff, 0));
        assert_eq!(largest.plus(largest), infinite);
        assert_eq!(number(0, 1).plus(number(0, 1)), number(0, 2), "subnormal");
        let nan = infinite.minus(infinite);
        assert!(!nan.below(one) && !one.below(nan));
        assert!(!Quad(1 << 127).below(Quad(0)), "zeros are equal");
    }

    #[test]
    fn every_half_survives_the_way_to_single_precision_and_back() {
        for bits in 0..=u16::MAX {
            let single = Half(bits).to_f32();
            if single.is_nan() {
                assert!(Half::from_f32(single).to_f32().is_nan());
            } else {
                assert_eq!(Half::from_f32(single), Half(bits), "{bits:#06x}");
            }
        }
    }

    #[test]
    fn halves_round_to_the_nearest_even() {
        for (value, bits) in [
            (65504.0, 0x7bff),
            (65519.0, 0x7bff),
            (65520.0, 0x7c00),
            (1.0 + 1.0 / 2048.0, 0x3c00),
            (1.0 + 3.0 / 2048.0, 0x3c02),
            (f32::powi(2.0, -25), 0),
            (f32::powi(2.0, -25) * 1.01, 1),
            (-f32::powi(2.0, -24), 0x8001),
            (f32::INFINITY, 0x7c00),
        ] {
            assert_eq!(Half::from_f32(value).0, bits, "{value}");
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn extended_precision_adds_what_double_would_lose() {
        use super::Extended;
        // 2⁶³ and 1, as sign and exponent after a 64-bit fraction.
        let number = |fraction: u64, exponent: u16| {
            let mut bytes = [0; 16];
            bytes[..8].copy_from_slice(&fraction.to_le_bytes());
            bytes[8..10].copy_from_slice(&exponent.to_le_bytes());
            Extended(bytes)
        };
        let large = number(1 << 63, 16383 + 63);
        let one = number(1 << 63, 16383);
        let sum = large.plus(one);
        assert_eq!(sum, number(1 << 63 | 1, 16383 + 63));
        assert_eq!(sum.minus(large), one);
        assert_eq!(one.minus(sum).plus(large), number(0, 0));
        assert_eq!(large.times(large), number(1 << 63, 16383 + 126));
        assert!(one.below(large) && !large.below(one) && !one.below(one));
        let nan = number(3 << 62, 0x7fff);
        assert!(!nan.below(one) && !one.below(nan));
    }
}
