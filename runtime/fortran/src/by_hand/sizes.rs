//! `MPI_SIZEOF` (MPI 5.0, section 19.1.9): one procedure for each kind, which the compiler chooses.

use crate::convert;
use std::ffi::{c_int, c_void};

macro_rules! sizes {
    ($($name:ident $size:literal)*) => { define! { $(
        plain
        /// Section 19.1.9; deprecated.
        fn $name(_x: *const c_void, size: *mut c_int, ierror: *mut c_int) -> () {
            *size = $size;
            convert::put_code(ierror, 0);
        }
    )* } };
}

sizes! {
    lariat_sizeof_integer_1 1
    lariat_sizeof_integer_2 2
    lariat_sizeof_integer_4 4
    lariat_sizeof_integer_8 8
    lariat_sizeof_integer_16 16
    lariat_sizeof_logical_1 1
    lariat_sizeof_logical_2 2
    lariat_sizeof_logical_4 4
    lariat_sizeof_logical_8 8
    lariat_sizeof_logical_16 16
    lariat_sizeof_real_4 4
    lariat_sizeof_real_8 8
    lariat_sizeof_real_10 16
    lariat_sizeof_real_16 16
    lariat_sizeof_complex_4 8
    lariat_sizeof_complex_8 16
    lariat_sizeof_complex_10 32
    lariat_sizeof_complex_16 32
}

define! {
    plain
    /// Section 19.1.9; deprecated.
    fn lariat_sizeof_character(
        _x: *const c_void, size: *mut c_int, ierror: *mut c_int, len: usize,
    ) -> () {
        *size = c_int::try_from(len).unwrap_or(c_int::MAX);
        convert::put_code(ierror, 0);
    }
}
