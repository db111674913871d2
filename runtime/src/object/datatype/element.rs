//! What a predefined datatype holds: the kind of number, for reductions, for
//! external32 and for type matching.

/// A binary floating point format.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Float {
    /// IEEE binary16.
    F16,
    /// IEEE binary32.
    F32,
    /// IEEE binary64.
    F64,
    /// C's `long double` on x86-64: x87 extended precision, 10 of its 16 bytes in use.
    F80,
    /// IEEE binary128.
    F128,
}

impl Float {
    /// C's `long double` on this machine.
    pub const LONG_DOUBLE: Float = if cfg!(target_arch = "x86_64") {
        Float::F80
    } else {
        Float::F128
    };

    /// Bytes in memory.
    #[must_use]
    pub const fn size(self) -> usize {
        match self {
            Float::F16 => 2,
            Float::F32 => 4,
            Float::F64 => 8,
            Float::F80 | Float::F128 => 16,
        }
    }
}

/// A number that can be compared: half of a pair type.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Number {
    /// A two's complement or unsigned integer.
    Int {
        /// 8 to 128.
        bits: u8,
        /// Whether it has a sign.
        signed: bool,
    },
    /// A floating point number.
    Float(Float),
}

impl Number {
    /// Bytes in memory; also the alignment.
    #[must_use]
    pub const fn size(self) -> usize {
        match self {
            Number::Int { bits, .. } => bits as usize / 8,
            Number::Float(float) => float.size(),
        }
    }
}

/// The kind of a predefined datatype's value.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Element {
    /// An integer of C or Fortran, and `MPI_AINT`, `MPI_COUNT`, `MPI_OFFSET`.
    Int {
        /// 8 to 128.
        bits: u8,
        /// Whether it has a sign.
        signed: bool,
    },
    /// A floating point number.
    Float(Float),
    /// Two floating point numbers, the real part first.
    Complex(Float),
    /// A Fortran LOGICAL of so many bits: nonzero is true, 1 is stored.
    Logical {
        /// 8 to 128.
        bits: u8,
    },
    /// C's or C++'s `bool`: one byte, 0 or 1.
    Bool,
    /// A character of C or Fortran: not an operand of reductions.
    Char {
        /// 8 or 32.
        bits: u8,
    },
    /// `MPI_BYTE`.
    Byte,
    /// `MPI_PACKED`.
    Packed,
    /// A value and an index, for `MPI_MINLOC` and `MPI_MAXLOC`; laid out as a C
    /// structure of the two, packed without holes.
    Pair {
        /// What is compared.
        value: Number,
        /// What goes with it.
        index: Number,
    },
}

impl Element {
    /// Bytes of data: holes do not count.
    #[must_use]
    pub const fn size(self) -> usize {
        match self {
            Element::Int { bits, .. } | Element::Logical { bits } | Element::Char { bits } => {
                bits as usize / 8
            }
            Element::Float(float) => float.size(),
            Element::Complex(float) => 2 * float.size(),
            Element::Bool | Element::Byte | Element::Packed => 1,
            Element::Pair { value, index } => value.size() + index.size(),
        }
    }

    /// Which class of elements it belongs to, whatever its size; below 16.
    #[inline]
    #[must_use]
    pub const fn class(self) -> u8 {
        match self {
            Element::Int { signed, .. } => 1 + signed as u8,
            Element::Float(_) => 3,
            Element::Complex(_) => 4,
            Element::Logical { .. } => 5,
            Element::Bool => 6,
            Element::Char { .. } => 7,
            Element::Byte => 8,
            Element::Packed => 9,
            Element::Pair { .. } => 10,
        }
    }

    /// The alignment in memory, in bytes.
    #[must_use]
    pub const fn align(self) -> usize {
        match self {
            Element::Complex(float) => float.size(),
            Element::Pair { value, index } => {
                if value.size() > index.size() {
                    value.size()
                } else {
                    index.size()
                }
            }
            simple => simple.size(),
        }
    }

    /// Where a pair's index lies, in bytes from its value.
    #[must_use]
    pub const fn index_offset(value: Number, index: Number) -> usize {
        value.size().next_multiple_of(index.size())
    }

    /// The numbers that `MPI_Get_elements` counts in one: two in a pair.
    #[must_use]
    pub const fn parts(self) -> usize {
        match self {
            Element::Pair { .. } => 2,
            _ => 1,
        }
    }
}
