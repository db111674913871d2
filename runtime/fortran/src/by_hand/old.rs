//! What MPI-1 had with default integers: attributes (MPI 5.0, section 16.1, deprecated), addresses
//! and datatypes (removed in MPI 3.0; old programs call them).

use super::attributes::{Copy, Delete, Value, new_key, value_in_fortran};
use crate::{callee, convert, handle};
use std::ffi::{c_int, c_void};

impl Value for c_int {
    #[allow(
        clippy::cast_possible_truncation,
        reason = "it was made from an integer of 32 bits"
    )]
    fn of(value: *mut c_void) -> c_int {
        value.addr() as c_int
    }

    fn kept(self) -> *mut c_void {
        std::ptr::without_provenance_mut((self as isize).cast_unsigned())
    }
}

define! {
    both
    /// Section 16.1.
    fn mpi_keyval_create(
        copy: Copy<c_int>, delete: Delete<c_int>, keyval: *mut c_int, state: *const c_int,
        ierror: *mut c_int,
    ) -> () {
        let (copy, delete, key) = new_key(copy, delete, *state, handle::comm_int);
        convert::put_code(ierror, callee::PMPI_Comm_create_keyval(copy, delete, keyval, key));
    }

    both
    /// Section 16.1.
    fn mpi_attr_put(comm: *const c_int, keyval: *const c_int, value: *const c_int, ierror: *mut c_int) -> () {
        let comm = handle::comm(*comm);
        convert::put_code(ierror, callee::PMPI_Comm_set_attr(comm, *keyval, (*value).kept()));
    }

    both
    /// Section 16.1.
    fn mpi_attr_get(
        comm: *const c_int, keyval: *const c_int, value: *mut c_int, flag: *mut c_int,
        ierror: *mut c_int,
    ) -> () {
        let mut found: *mut c_void = std::ptr::null_mut();
        let comm = handle::comm(*comm);
        let outcome = callee::PMPI_Comm_get_attr(comm, *keyval, (&raw mut found).cast(), flag);
        if outcome == 0 && *flag != 0 {
            *value = c_int::of(value_in_fortran(*keyval, found).kept());
        }
        convert::put_code(ierror, outcome);
    }

    plain
    /// Copies nothing.
    fn mpi_null_copy_fn(
        _comm: *mut c_int, _keyval: *mut c_int, _state: *mut c_int, _value: *mut c_int,
        _copied: *mut c_int, flag: *mut c_int, ierror: *mut c_int,
    ) -> () {
        *flag = 0;
        *ierror = 0;
    }

    plain
    /// Copies the value.
    fn mpi_dup_fn(
        _comm: *mut c_int, _keyval: *mut c_int, _state: *mut c_int, value: *mut c_int,
        copied: *mut c_int, flag: *mut c_int, ierror: *mut c_int,
    ) -> () {
        *copied = *value;
        *flag = 1;
        *ierror = 0;
    }

    plain
    /// Deletes nothing more.
    fn mpi_null_delete_fn(
        _comm: *mut c_int, _keyval: *mut c_int, _value: *mut c_int, _state: *mut c_int,
        ierror: *mut c_int,
    ) -> () {
        *ierror = 0;
    }
}

/// Displacements as the successors of these procedures take them.
unsafe fn addresses(count: c_int, displacements: *const c_int) -> Vec<isize> {
    let one = |place| {
        // SAFETY: the caller's array has `count` of them.
        unsafe { *displacements.add(place) as isize }
    };
    (0..convert::length(count)).map(one).collect()
}

/// An address as a default integer; one that does not fit becomes -1.
fn short(address: isize) -> c_int {
    c_int::try_from(address).unwrap_or(-1)
}

define! {
    plain
    /// Removed in MPI 3.0. An address that does not fit is an error.
    fn mpi_address(location: *mut c_void, address: *mut c_int, ierror: *mut c_int) -> () {
        const ERR_ARG: c_int = 13;
        let mut found = 0;
        let mut outcome = callee::PMPI_Get_address(convert::buffer(location), &raw mut found);
        *address = short(found);
        if outcome == 0 && c_int::try_from(found).is_err() {
            eprintln!("MPI_ADDRESS: {found:#x} does not fit a default integer; use MPI_GET_ADDRESS");
            callee::PMPI_Comm_call_errhandler(0x102, ERR_ARG);
            outcome = ERR_ARG;
        }
        convert::put_code(ierror, outcome);
    }

    plain
    /// Removed in MPI 3.0.
    fn mpi_type_extent(datatype: *const c_int, extent: *mut c_int, ierror: *mut c_int) -> () {
        let (mut lower, mut found) = (0, 0);
        let datatype = handle::datatype(*datatype);
        let outcome = callee::PMPI_Type_get_extent(datatype, &raw mut lower, &raw mut found);
        *extent = short(found);
        convert::put_code(ierror, outcome);
    }

    plain
    /// Removed in MPI 3.0.
    fn mpi_type_lb(datatype: *const c_int, lower: *mut c_int, ierror: *mut c_int) -> () {
        let (mut found, mut extent) = (0, 0);
        let datatype = handle::datatype(*datatype);
        let outcome = callee::PMPI_Type_get_extent(datatype, &raw mut found, &raw mut extent);
        *lower = short(found);
        convert::put_code(ierror, outcome);
    }

    plain
    /// Removed in MPI 3.0.
    fn mpi_type_ub(datatype: *const c_int, upper: *mut c_int, ierror: *mut c_int) -> () {
        let (mut found, mut extent) = (0, 0);
        let datatype = handle::datatype(*datatype);
        let outcome = callee::PMPI_Type_get_extent(datatype, &raw mut found, &raw mut extent);
        *upper = short(found + extent);
        convert::put_code(ierror, outcome);
    }

    plain
    /// Removed in MPI 3.0.
    fn mpi_type_hvector(
        count: *const c_int, blocklength: *const c_int, stride: *const c_int, of: *const c_int,
        newtype: *mut c_int, ierror: *mut c_int,
    ) -> () {
        let mut made = handle::UNSET;
        let (of, stride) = (handle::datatype(*of), *stride as isize);
        let outcome =
            callee::PMPI_Type_create_hvector(*count, *blocklength, stride, of, &raw mut made);
        if outcome == 0 {
            *newtype = handle::datatype_int(made);
        }
        convert::put_code(ierror, outcome);
    }

    plain
    /// Removed in MPI 3.0.
    fn mpi_type_hindexed(
        count: *const c_int, lengths: *mut c_int, displacements: *const c_int, of: *const c_int,
        newtype: *mut c_int, ierror: *mut c_int,
    ) -> () {
        let mut made = handle::UNSET;
        let mut at = addresses(*count, displacements);
        let of = handle::datatype(*of);
        let outcome =
            callee::PMPI_Type_create_hindexed(*count, lengths, at.as_mut_ptr(), of, &raw mut made);
        if outcome == 0 {
            *newtype = handle::datatype_int(made);
        }
        convert::put_code(ierror, outcome);
    }

    plain
    /// Removed in MPI 3.0.
    fn mpi_type_struct(
        count: *const c_int, lengths: *mut c_int, displacements: *const c_int,
        types: *const c_int, newtype: *mut c_int, ierror: *mut c_int,
    ) -> () {
        let mut made = handle::UNSET;
        let mut at = addresses(*count, displacements);
        let mut types = handle::Many::new(types, convert::length(*count), handle::datatype);
        let outcome = callee::PMPI_Type_create_struct(
            *count, lengths, at.as_mut_ptr(), types.place(), &raw mut made,
        );
        if outcome == 0 {
            *newtype = handle::datatype_int(made);
        }
        convert::put_code(ierror, outcome);
    }

    plain
    /// Removed in MPI 3.0.
    fn mpi_errhandler_create(function: *const c_void, made: *mut c_int, ierror: *mut c_int) -> () {
        let mut raw = handle::UNSET;
        let outcome = callee::PMPI_Comm_create_errhandler(function, &raw mut raw);
        if outcome == 0 {
            *made = handle::errhandler_int(raw);
        }
        convert::put_code(ierror, outcome);
    }

    plain
    /// Removed in MPI 3.0.
    fn mpi_errhandler_set(comm: *const c_int, errhandler: *const c_int, ierror: *mut c_int) -> () {
        let errhandler = handle::errhandler(*errhandler);
        let outcome = callee::PMPI_Comm_set_errhandler(handle::comm(*comm), errhandler);
        convert::put_code(ierror, outcome);
    }

    plain
    /// Removed in MPI 3.0.
    fn mpi_errhandler_get(comm: *const c_int, errhandler: *mut c_int, ierror: *mut c_int) -> () {
        let mut raw = handle::UNSET;
        let outcome = callee::PMPI_Comm_get_errhandler(handle::comm(*comm), &raw mut raw);
        if outcome == 0 {
            *errhandler = handle::errhandler_int(raw);
        }
        convert::put_code(ierror, outcome);
    }
}
