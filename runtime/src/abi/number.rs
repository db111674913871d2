//! The integers of C that count elements or displace them. Re-exported by `arg`.

use super::consts::MPI_UNDEFINED;
use super::types::MPI_Count;
use crate::object::datatype::Width;
use std::ffi::c_int;

/// A C integer that counts or displaces.
pub trait Number: Copy {
    /// The value.
    fn wide(self) -> i64;
    /// The value as this type, if it fits.
    fn narrow(value: i64) -> Option<Self>;
    /// `MPI_UNDEFINED`.
    const UNDEFINED: Self;
    /// Whether it is a parameter of large-count calls.
    const WIDTH: Width;
}

impl Number for c_int {
    #[inline]
    fn wide(self) -> i64 {
        i64::from(self)
    }

    #[inline]
    fn narrow(value: i64) -> Option<Self> {
        c_int::try_from(value).ok()
    }

    const UNDEFINED: Self = MPI_UNDEFINED;
    const WIDTH: Width = Width::Small;
}

impl Number for MPI_Count {
    #[inline]
    fn wide(self) -> i64 {
        self
    }

    #[inline]
    fn narrow(value: i64) -> Option<Self> {
        Some(value)
    }

    const UNDEFINED: Self = MPI_UNDEFINED as MPI_Count;
    const WIDTH: Width = Width::Large;
}

impl Number for isize {
    #[inline]
    fn wide(self) -> i64 {
        self as i64
    }

    #[inline]
    fn narrow(value: i64) -> Option<Self> {
        isize::try_from(value).ok()
    }

    const UNDEFINED: Self = MPI_UNDEFINED as isize;
    const WIDTH: Width = Width::Small;
}
