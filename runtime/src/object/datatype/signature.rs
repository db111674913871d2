//! Type signatures (MPI 5.0, section 5.1) as a hash: equal signatures have
//! equal hashes however the types were built, so that two ranks can compare
//! what one sends with what the other expects.

use super::element::{Element, Number};

const PRIME: u64 = (1 << 61) - 1;
const BASE: u64 = 0x0123_4567_89ab_cdef % PRIME;

/// The hash of a sequence of basic types, and how many there are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Signature {
    /// A polynomial over the kinds of the elements, modulo 2⁶¹ − 1.
    pub hash: u64,
    /// Basic elements; a pair counts as two.
    pub elements: usize,
}

fn times(a: u64, b: u64) -> u64 {
    let wide = u128::from(a) * u128::from(b) % u128::from(PRIME);
    u64::try_from(wide).unwrap_or(0) // below PRIME
}

fn power(mut base: u64, mut exponent: usize) -> u64 {
    let mut result = 1;
    while exponent > 0 {
        if exponent & 1 == 1 {
            result = times(result, base);
        }
        base = times(base, base);
        exponent >>= 1;
    }
    result
}

impl Signature {
    /// Of nothing.
    pub const EMPTY: Signature = Signature {
        hash: 0,
        elements: 0,
    };

    /// Of one predefined type. Types of one size and kind match whatever their
    /// language, as the implementation may allow.
    #[must_use]
    pub fn of(element: Element) -> Signature {
        match element {
            Element::Pair { value, index } => Signature::of(number(value)).then(number(index)),
            simple => Signature {
                hash: code(simple),
                elements: 1,
            },
        }
    }

    fn then(self, element: Element) -> Signature {
        self.concat(Signature::of(element))
    }

    /// Of this sequence followed by `next`.
    #[must_use]
    pub fn concat(self, next: Signature) -> Signature {
        let hash = times(self.hash, power(BASE, next.elements)) + next.hash;
        Signature {
            hash: hash % PRIME,
            elements: self.elements.wrapping_add(next.elements),
        }
    }

    /// Of this sequence `count` times.
    #[must_use]
    pub fn repeat(self, mut count: usize) -> Signature {
        let mut result = Signature::EMPTY;
        let mut doubled = self;
        while count > 0 {
            if count & 1 == 1 {
                result = result.concat(doubled);
            }
            count >>= 1;
            if count > 0 {
                doubled = doubled.concat(doubled);
            }
        }
        result
    }
}

fn number(number: Number) -> Element {
    match number {
        Number::Int { bits, signed } => Element::Int { bits, signed },
        Number::Float(float) => Element::Float(float),
    }
}

/// A number for the kind, never 0, so that sequences of other lengths differ.
fn code(element: Element) -> u64 {
    let kind: u64 = match element {
        Element::Int { signed: true, .. } => 1,
        Element::Int { signed: false, .. } => 2,
        Element::Float(super::Float::F80) => 3,
        Element::Float(_) => 4,
        Element::Complex(super::Float::F80) => 5,
        Element::Complex(_) => 6,
        Element::Logical { .. } => 7,
        Element::Bool => 8,
        Element::Char { .. } => 9,
        Element::Byte => 10,
        Element::Packed => 11,
        Element::Pair { .. } => 12,
    };
    kind << 8 | element.size() as u64
}

#[cfg(test)]
mod tests {
    use super::{Element, Signature};

    #[test]
    fn equal_sequences_hash_alike_however_they_are_built() {
        let a = Signature::of(Element::Byte);
        let b = Signature::of(Element::Bool);
        let ab = a.concat(b);
        assert_eq!(ab.concat(ab).concat(ab), ab.repeat(3));
        assert_eq!(ab.repeat(6), ab.repeat(2).repeat(3));
        assert_ne!(a.concat(b), b.concat(a));
        assert_ne!(a.repeat(3), a.repeat(4));
        assert_eq!(ab.repeat(0), Signature::EMPTY);
        assert_eq!(ab.repeat(1000).elements, 2000);
    }
}
