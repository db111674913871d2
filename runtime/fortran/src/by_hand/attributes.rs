//! Attributes (MPI 5.0, sections 7.7 and 19.3.7): integers of the size of an address, and the
//! program's functions that copy and delete them.

use crate::{callee, convert, handle};
use std::ffi::{c_int, c_void};

/// An integer that an attribute is in Fortran: of the size of an address, or a default one in what
/// MPI-1 had ([`super::old`]).
pub trait Value: Sized {
    /// From what C keeps.
    fn of(value: *mut c_void) -> Self;

    /// As C keeps it.
    fn kept(self) -> *mut c_void;
}

impl Value for isize {
    fn of(value: *mut c_void) -> isize {
        value.addr().cast_signed()
    }

    fn kept(self) -> *mut c_void {
        std::ptr::with_exposed_provenance_mut(self.cast_unsigned())
    }
}

/// A program's function that copies an attribute.
pub type Copy<N> =
    unsafe extern "C" fn(*mut c_int, *mut c_int, *mut N, *mut N, *mut N, *mut c_int, *mut c_int);
/// A program's function that deletes one.
pub type Delete<N> = unsafe extern "C" fn(*mut c_int, *mut c_int, *mut N, *mut N, *mut c_int);

/// The functions of a key and their state. They live as long as the process: attributes outlive
/// their key.
struct Key<N> {
    copy: Copy<N>,
    delete: Delete<N>,
    state: N,
    /// The integer of the handle that an attribute hangs on.
    number: fn(usize) -> c_int,
}

unsafe extern "C" fn copy<N: Value + std::marker::Copy>(
    object: usize,
    keyval: c_int,
    key: *mut c_void,
    value: *mut c_void,
    new_value: *mut c_void,
    flag: *mut c_int,
) -> c_int {
    // SAFETY: the key was made by `new_key` of the same integers; the other places are the
    // library's.
    unsafe {
        let key = &*key.cast::<Key<N>>();
        let (mut object, mut keyval, mut state) = ((key.number)(object), keyval, key.state);
        let (mut value, mut outcome) = (N::of(value), 0);
        let mut copied = N::of(std::ptr::null_mut());
        (key.copy)(
            &raw mut object,
            &raw mut keyval,
            &raw mut state,
            &raw mut value,
            &raw mut copied,
            flag,
            &raw mut outcome,
        );
        if outcome == 0 && *flag != 0 {
            *new_value.cast::<*mut c_void>() = copied.kept();
        }
        outcome
    }
}

unsafe extern "C" fn delete<N: Value + std::marker::Copy>(
    object: usize,
    keyval: c_int,
    value: *mut c_void,
    key: *mut c_void,
) -> c_int {
    // SAFETY: as in `copy`.
    unsafe {
        let key = &*key.cast::<Key<N>>();
        let (mut object, mut keyval, mut state) = ((key.number)(object), keyval, key.state);
        let (mut value, mut outcome) = (N::of(value), 0);
        (key.delete)(
            &raw mut object,
            &raw mut keyval,
            &raw mut value,
            &raw mut state,
            &raw mut outcome,
        );
        outcome
    }
}

/// The state that goes with [`copy`] and [`delete`], and their addresses.
pub fn new_key<N: Value + std::marker::Copy>(
    copy_of: Copy<N>,
    delete_of: Delete<N>,
    state: N,
    number: fn(usize) -> c_int,
) -> (*const c_void, *const c_void, *mut c_void) {
    let key = Key {
        copy: copy_of,
        delete: delete_of,
        state,
        number,
    };
    let key = Box::into_raw(Box::new(key)).cast();
    let (copy, delete) = (copy::<N> as *const c_void, delete::<N> as *const c_void);
    (copy, delete, key)
}

/// The value of an attribute as Fortran has it, from what C has: the predefined ones are behind
/// pointers (MPI 5.0, section 19.3.7).
///
/// # Safety
/// `value` is what the library returned for this key.
pub unsafe fn value_in_fortran(keyval: c_int, value: *mut c_void) -> isize {
    const WIN_BASE: c_int = 601;
    const WIN_SIZE: c_int = 603;
    match keyval {
        WIN_BASE => value.addr().cast_signed(),
        // SAFETY: the standard says what these are.
        WIN_SIZE => unsafe { *value.cast::<isize>() },
        // SAFETY: as above.
        501..=507 | 602..=605 => unsafe { *value.cast::<c_int>() as isize },
        _ => value.addr().cast_signed(),
    }
}

macro_rules! attributes {
    ($($create:ident $set:ident $get:ident $handle:ident $number:ident $c_create:ident $c_set:ident $c_get:ident;)*) => { $(
        define! {
            both
            /// Section 7.7.
            fn $create(
                copy: Copy<isize>, delete: Delete<isize>, keyval: *mut c_int, state: *const isize, ierror: *mut c_int,
            ) -> () {
                let (copy, delete, key) = new_key(copy, delete, *state, handle::$number);
                convert::put_code(ierror, callee::$c_create(copy, delete, keyval, key));
            }

            both
            /// Section 7.7.
            fn $set(object: *const c_int, keyval: *const c_int, value: *const isize, ierror: *mut c_int) -> () {
                let object = handle::$handle(*object);
                convert::put_code(ierror, callee::$c_set(object, *keyval, (*value).kept()));
            }

            both
            /// Section 7.7.
            fn $get(
                object: *const c_int, keyval: *const c_int, value: *mut isize, flag: *mut c_int,
                ierror: *mut c_int,
            ) -> () {
                let mut found: *mut c_void = std::ptr::null_mut();
                let object = handle::$handle(*object);
                let outcome = callee::$c_get(object, *keyval, (&raw mut found).cast(), flag);
                if outcome == 0 && *flag != 0 {
                    *value = value_in_fortran(*keyval, found);
                } else if outcome == 0 {
                    *value = 0;
                }
                convert::put_code(ierror, outcome);
            }
        }
    )* };
}

attributes! {
    mpi_comm_create_keyval mpi_comm_set_attr mpi_comm_get_attr comm comm_int
        PMPI_Comm_create_keyval PMPI_Comm_set_attr PMPI_Comm_get_attr;
    mpi_type_create_keyval mpi_type_set_attr mpi_type_get_attr datatype datatype_int
        PMPI_Type_create_keyval PMPI_Type_set_attr PMPI_Type_get_attr;
    mpi_win_create_keyval mpi_win_set_attr mpi_win_get_attr win win_int
        PMPI_Win_create_keyval PMPI_Win_set_attr PMPI_Win_get_attr;
}

macro_rules! predefined {
    ($($null:ident $dup:ident $delete:ident)*) => { define! { $(
        plain
        /// Copies nothing.
        fn $null(
            _object: *mut c_int, _keyval: *mut c_int, _state: *mut isize, _value: *mut isize,
            _copied: *mut isize, flag: *mut c_int, ierror: *mut c_int,
        ) -> () {
            *flag = 0;
            *ierror = 0;
        }

        plain
        /// Copies the value.
        fn $dup(
            _object: *mut c_int, _keyval: *mut c_int, _state: *mut isize, value: *mut isize,
            copied: *mut isize, flag: *mut c_int, ierror: *mut c_int,
        ) -> () {
            *copied = *value;
            *flag = 1;
            *ierror = 0;
        }

        plain
        /// Deletes nothing more.
        fn $delete(
            _object: *mut c_int, _keyval: *mut c_int, _value: *mut isize, _state: *mut isize,
            ierror: *mut c_int,
        ) -> () {
            *ierror = 0;
        }
    )* } };
}

predefined! {
    mpi_comm_null_copy_fn mpi_comm_dup_fn mpi_comm_null_delete_fn
    mpi_type_null_copy_fn mpi_type_dup_fn mpi_type_null_delete_fn
    mpi_win_null_copy_fn mpi_win_dup_fn mpi_win_null_delete_fn
}
