//! Predefined types without a name: Fortran kinds (MPI 5.0, section 19.1.9) and
//! value-index pairs (section 6.9.4). Each is made once and lives for good.

use super::definition::Datatype;
use super::element::{Element, Float, Number};
use super::envelope::{Combiner, Envelope};
use super::predefined::{DATATYPE_NULL, all_predefined};
use super::table;
use crate::error::Result;
use crate::fail;
use crate::handle::Raw;
use crate::lock::Local;
use std::sync::Arc;

/// `MPI_UNDEFINED`.
const UNDEFINED: i32 = -32766;

/// Combiner and the two arguments (numbers, or handles) of each type made.
type Key = (Combiner, i64, i64);

static MADE: Local<Vec<(Key, Raw)>> = Local::new(Vec::new());

fn made(key: Key, make: impl FnOnce() -> Datatype) -> Result<Raw> {
    let found = MADE.with(|made| made.iter().find(|(k, _)| *k == key).map(|(_, raw)| *raw));
    if let Some(raw) = found {
        return Ok(raw);
    }
    let raw = table::insert_permanent(make())?;
    MADE.with(|made| made.push((key, raw)));
    Ok(raw)
}

/// A predefined type of this kind, with or without a name.
pub fn of_element(element: Element) -> Option<Arc<Datatype>> {
    let named = all_predefined().map(|(_, datatype)| datatype.clone());
    let made: Vec<Raw> = MADE.with(|made| made.iter().map(|(_, raw)| *raw).collect());
    let made = made.into_iter().filter_map(|raw| table::share(raw).ok());
    named
        .chain(made)
        .find(|datatype| datatype.element() == Some(element))
}

fn numbered(combiner: Combiner, element: Element, arguments: &[i32]) -> Result<Raw> {
    let argument = |i: usize| arguments.get(i).copied().map_or(0, i64::from);
    made((combiner, argument(0), argument(1)), || {
        let mut datatype = Datatype::basic(element, combiner);
        datatype.envelope = Arc::new(Envelope::new(combiner).ints(arguments));
        datatype
    })
}

/// The format for `digits` decimal digits and a decimal exponent range of
/// `range`: that of gfortran's `selected_real_kind`.
fn float(digits: i32, range: i32) -> Result<Float> {
    if digits == UNDEFINED && range == UNDEFINED {
        fail!(
            ARG,
            "p and r are both MPI_UNDEFINED; one must say what is wanted"
        );
    }
    let wanted = |value: i32, name: &str| match value {
        UNDEFINED => Ok(0),
        0.. => Ok(value),
        _ => fail!(
            ARG,
            "{name} is {value}; it must be MPI_UNDEFINED or not negative"
        ),
    };
    let (p, r) = (wanted(digits, "p")?, wanted(range, "r")?);
    match (p, r) {
        (..=6, ..=37) => Ok(Float::F32),
        (..=15, ..=307) => Ok(Float::F64),
        (..=18, ..=4931) if cfg!(target_arch = "x86_64") => Ok(Float::F80),
        (..=33, ..=4931) => Ok(Float::F128),
        _ => fail!(
            ARG,
            "no real type has {p} digits and a range of {r}; the most are 33 and 4931"
        ),
    }
}

/// The type of `REAL(selected_real_kind(digits, range))`
/// (`MPI_Type_create_f90_real`).
///
/// # Errors
/// No such kind.
pub fn f90_real(digits: i32, range: i32) -> Result<Raw> {
    let element = Element::Float(float(digits, range)?);
    numbered(Combiner::F90Real, element, &[digits, range])
}

/// The type of `COMPLEX(selected_real_kind(digits, range))`
/// (`MPI_Type_create_f90_complex`).
///
/// # Errors
/// No such kind.
pub fn f90_complex(digits: i32, range: i32) -> Result<Raw> {
    let element = Element::Complex(float(digits, range)?);
    numbered(Combiner::F90Complex, element, &[digits, range])
}

/// The type of `INTEGER(selected_int_kind(range))`
/// (`MPI_Type_create_f90_integer`).
///
/// # Errors
/// No such kind.
pub fn f90_integer(range: i32) -> Result<Raw> {
    let bits = match range {
        0..=2 => 8,
        3..=4 => 16,
        5..=9 => 32,
        10..=18 => 64,
        19..=38 => 128,
        _ => fail!(ARG, "r is {range}; integer kinds have 0 to 38 digits"),
    };
    let element = Element::Int { bits, signed: true };
    numbered(Combiner::F90Integer, element, &[range])
}

/// The predefined type of a class (`MPI_TYPECLASS_…`) and a size in bytes
/// (`MPI_Type_match_size`).
///
/// # Errors
/// No such class or size.
pub fn match_size(class: i32, size: i32) -> Result<Raw> {
    const INTEGER: i32 = 192;
    const REAL: i32 = 193;
    const COMPLEX: i32 = 194;
    Ok(match (class, size) {
        (INTEGER, 1) => 0x2c1,
        (INTEGER, 2) => 0x2c9,
        (INTEGER, 4) => 0x2d1,
        (INTEGER, 8) => 0x2d9,
        (INTEGER, 16) => 0x2e1,
        (REAL, 2) => 0x2ca,
        (REAL, 4) => 0x2d2,
        (REAL, 8) => 0x2da,
        (REAL, 16) => 0x2e2,
        (COMPLEX, 4) => 0x2d3,
        (COMPLEX, 8) => 0x2db,
        (COMPLEX, 16) => 0x2e3,
        (COMPLEX, 32) => 0x2eb,
        (INTEGER, _) => fail!(
            ARG,
            "no integer type is {size} bytes long; 1, 2, 4, 8, 16 are"
        ),
        (REAL, _) => fail!(ARG, "no real type is {size} bytes long; 2, 4, 8, 16 are"),
        (COMPLEX, _) => fail!(
            ARG,
            "no complex type is {size} bytes long; 4, 8, 16, 32 are"
        ),
        _ => fail!(
            ARG,
            "typeclass is {class}; it must be MPI_TYPECLASS_INTEGER, _REAL or _COMPLEX"
        ),
    })
}

/// The named pair types by the handles of their halves.
const NAMED: &[(Raw, Raw, Raw)] = &[
    (0x210, 0x209, 0x228),
    (0x214, 0x209, 0x229),
    (0x20a, 0x209, 0x22a),
    (0x209, 0x209, 0x22b),
    (0x208, 0x209, 0x22c),
    (0x220, 0x209, 0x22d),
    (0x21a, 0x21a, 0x230),
    (0x21c, 0x21c, 0x231),
    (0x219, 0x219, 0x232),
];

/// The pair type of a value and an index type (`MPI_Type_get_value_index`);
/// `MPI_DATATYPE_NULL` if there is none.
///
/// # Errors
/// No more handles.
pub fn value_index(value: &Arc<Datatype>, index: &Arc<Datatype>) -> Result<Raw> {
    let (Some(value_raw), Some(index_raw)) = (value.handle, index.handle) else {
        return Ok(DATATYPE_NULL);
    };
    let named = NAMED
        .iter()
        .find(|(v, i, _)| (*v, *i) == (value_raw, index_raw));
    if let Some(&(_, _, pair)) = named {
        return Ok(pair);
    }
    let number = |datatype: &Datatype| match datatype.element() {
        Some(Element::Int { bits, signed }) => Some(Number::Int { bits, signed }),
        Some(Element::Float(float)) => Some(Number::Float(float)),
        _ => None,
    };
    // only named pairs may have an index that is no integer (MPI_2REAL)
    let (Some(a), Some(b @ Number::Int { .. })) = (number(value), number(index)) else {
        return Ok(DATATYPE_NULL);
    };
    let key = (
        Combiner::ValueIndex,
        value_raw.cast_signed() as i64,
        index_raw.cast_signed() as i64,
    );
    made(key, || {
        let element = Element::Pair { value: a, index: b };
        let mut datatype = Datatype::basic(element, Combiner::ValueIndex);
        datatype.envelope = Arc::new(Envelope::of(Combiner::ValueIndex, &[value, index]));
        datatype
    })
}

/// How many types of this kind have handles.
pub(super) fn count() -> usize {
    MADE.with(|made| made.len())
}
