//! The predefined datatypes (MPI 5.0, section 3.2.2 and annex A.1), found by
//! the standard ABI's handle values without a search.

use super::definition::Datatype;
use super::element::{Element, Float, Number};
use super::envelope::Combiner;
use crate::handle::Raw;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, LazyLock};

/// The value of `MPI_DATATYPE_NULL`.
pub const DATATYPE_NULL: Raw = 0x200;
const FIRST: Raw = DATATYPE_NULL;
const SLOTS: usize = 256;

const fn int(bits: u8) -> Element {
    Element::Int { bits, signed: true }
}

const fn unsigned(bits: u8) -> Element {
    Element::Int {
        bits,
        signed: false,
    }
}

const fn pair(value: Number, index: Number) -> Element {
    Element::Pair { value, index }
}

const INT: Number = Number::Int {
    bits: 32,
    signed: true,
};

const fn wide(bits: u8) -> Number {
    Number::Int { bits, signed: true }
}

use Element::{Bool, Byte, Char, Complex, Logical, Packed};
use Float::{F16, F32, F64, F128};

const LONG_DOUBLE: Float = Float::LONG_DOUBLE;

/// Handle, name and kind of each.
#[rustfmt::skip]
const LIST: &[(Raw, &str, Element)] = &[
    (0x201, "MPI_AINT", int(64)),
    (0x202, "MPI_COUNT", int(64)),
    (0x203, "MPI_OFFSET", int(64)),
    (0x207, "MPI_PACKED", Packed),
    (0x208, "MPI_SHORT", int(16)),
    (0x209, "MPI_INT", int(32)),
    (0x20a, "MPI_LONG", int(64)),
    (0x20b, "MPI_LONG_LONG", int(64)),
    (0x20c, "MPI_UNSIGNED_SHORT", unsigned(16)),
    (0x20d, "MPI_UNSIGNED", unsigned(32)),
    (0x20e, "MPI_UNSIGNED_LONG", unsigned(64)),
    (0x20f, "MPI_UNSIGNED_LONG_LONG", unsigned(64)),
    (0x210, "MPI_FLOAT", Element::Float(F32)),
    (0x212, "MPI_C_FLOAT_COMPLEX", Complex(F32)),
    (0x213, "MPI_CXX_FLOAT_COMPLEX", Complex(F32)),
    (0x214, "MPI_DOUBLE", Element::Float(F64)),
    (0x216, "MPI_C_DOUBLE_COMPLEX", Complex(F64)),
    (0x217, "MPI_CXX_DOUBLE_COMPLEX", Complex(F64)),
    (0x218, "MPI_LOGICAL", Logical { bits: 32 }),
    (0x219, "MPI_INTEGER", int(32)),
    (0x21a, "MPI_REAL", Element::Float(F32)),
    (0x21b, "MPI_COMPLEX", Complex(F32)),
    (0x21c, "MPI_DOUBLE_PRECISION", Element::Float(F64)),
    (0x21d, "MPI_DOUBLE_COMPLEX", Complex(F64)),
    (0x21e, "MPI_CHARACTER", Char { bits: 8 }),
    (0x220, "MPI_LONG_DOUBLE", Element::Float(LONG_DOUBLE)),
    (0x224, "MPI_C_LONG_DOUBLE_COMPLEX", Complex(LONG_DOUBLE)),
    (0x225, "MPI_CXX_LONG_DOUBLE_COMPLEX", Complex(LONG_DOUBLE)),
    (0x228, "MPI_FLOAT_INT", pair(Number::Float(F32), INT)),
    (0x229, "MPI_DOUBLE_INT", pair(Number::Float(F64), INT)),
    (0x22a, "MPI_LONG_INT", pair(wide(64), INT)),
    (0x22b, "MPI_2INT", pair(INT, INT)),
    (0x22c, "MPI_SHORT_INT", pair(wide(16), INT)),
    (0x22d, "MPI_LONG_DOUBLE_INT", pair(Number::Float(LONG_DOUBLE), INT)),
    (0x230, "MPI_2REAL", pair(Number::Float(F32), Number::Float(F32))),
    (0x231, "MPI_2DOUBLE_PRECISION", pair(Number::Float(F64), Number::Float(F64))),
    (0x232, "MPI_2INTEGER", pair(INT, INT)),
    (0x238, "MPI_C_BOOL", Bool),
    (0x239, "MPI_CXX_BOOL", Bool),
    (0x23c, "MPI_WCHAR", Char { bits: 32 }),
    (0x240, "MPI_INT8_T", int(8)),
    (0x241, "MPI_UINT8_T", unsigned(8)),
    (0x243, "MPI_CHAR", Char { bits: 8 }),
    (0x244, "MPI_SIGNED_CHAR", int(8)),
    (0x245, "MPI_UNSIGNED_CHAR", unsigned(8)),
    (0x247, "MPI_BYTE", Byte),
    (0x248, "MPI_INT16_T", int(16)),
    (0x249, "MPI_UINT16_T", unsigned(16)),
    (0x250, "MPI_INT32_T", int(32)),
    (0x251, "MPI_UINT32_T", unsigned(32)),
    (0x258, "MPI_INT64_T", int(64)),
    (0x259, "MPI_UINT64_T", unsigned(64)),
    (0x2c0, "MPI_LOGICAL1", Logical { bits: 8 }),
    (0x2c1, "MPI_INTEGER1", int(8)),
    (0x2c8, "MPI_LOGICAL2", Logical { bits: 16 }),
    (0x2c9, "MPI_INTEGER2", int(16)),
    (0x2ca, "MPI_REAL2", Element::Float(F16)),
    (0x2d0, "MPI_LOGICAL4", Logical { bits: 32 }),
    (0x2d1, "MPI_INTEGER4", int(32)),
    (0x2d2, "MPI_REAL4", Element::Float(F32)),
    (0x2d3, "MPI_COMPLEX4", Complex(F16)),
    (0x2d8, "MPI_LOGICAL8", Logical { bits: 64 }),
    (0x2d9, "MPI_INTEGER8", int(64)),
    (0x2da, "MPI_REAL8", Element::Float(F64)),
    (0x2db, "MPI_COMPLEX8", Complex(F32)),
    (0x2e0, "MPI_LOGICAL16", Logical { bits: 128 }),
    (0x2e1, "MPI_INTEGER16", int(128)),
    (0x2e2, "MPI_REAL16", Element::Float(F128)),
    (0x2e3, "MPI_COMPLEX16", Complex(F64)),
    (0x2eb, "MPI_COMPLEX32", Complex(F128)),
];

static TABLE: LazyLock<[Option<Arc<Datatype>>; SLOTS]> = LazyLock::new(|| {
    let mut table = [const { None }; SLOTS];
    for &(raw, name, element) in LIST {
        let mut datatype = Datatype::basic(element, Combiner::Named);
        datatype.handle = Some(raw);
        datatype.set_name(name.as_bytes());
        if datatype.is_contiguous() && datatype.true_lb() == 0 {
            let size = u8::try_from(datatype.size()).unwrap_or(0);
            DENSE[raw - FIRST].store(size, Ordering::Relaxed);
        }
        table[raw - FIRST] = Some(Arc::new(datatype));
    }
    table
});

/// Bytes in an element of each predefined type of which any number lie in one run, from the
/// address on; of others, and before the table was made, 0.
static DENSE: [AtomicU8; SLOTS] = [const { AtomicU8::new(0) }; SLOTS];

/// Bytes in an element of the predefined datatype that `raw` names, if any number of them lie
/// in one run that begins at the buffer's address. It may be that it does and is not found.
#[inline]
#[must_use]
pub fn dense_size(raw: Raw) -> Option<usize> {
    let size = DENSE.get(raw.wrapping_sub(FIRST))?.load(Ordering::Relaxed);
    (size != 0).then_some(usize::from(size))
}

/// The predefined datatype that `raw` names: an array index.
#[inline]
#[must_use]
pub fn predefined(raw: Raw) -> Option<&'static Arc<Datatype>> {
    TABLE.get(raw.wrapping_sub(FIRST))?.as_ref()
}

/// All predefined datatypes by handle.
pub fn all_predefined() -> impl Iterator<Item = (Raw, &'static Arc<Datatype>)> {
    LIST.iter()
        .filter_map(|&(raw, ..)| Some((raw, predefined(raw)?)))
}

/// A predefined datatype that is known to exist.
///
/// # Panics
/// If there is none of that handle: a bug of the caller.
#[must_use]
pub fn known(raw: Raw) -> &'static Arc<Datatype> {
    predefined(raw).expect("the caller names a handle of the list")
}

/// `MPI_BYTE`.
#[must_use]
pub fn byte() -> &'static Arc<Datatype> {
    known(0x247)
}
