//! What MPI 3.0 removed (MPI 5.0, section 17.1), for programs that were built before. Two markers
//! went with it: `MPI_LB` and `MPI_UB`, which set the bounds of a structure. MPICH's
//! `MPI_Type_create_struct` still takes them.

use super::callbacks::comm_errhandler;
use crate::convert::{code, length};
use crate::{callee, handle};
use std::ffi::{c_int, c_void};

/// `MPI_LB` of MPICH's ABI.
const LB: c_int = 0x4c00_0010;
/// `MPI_UB` of MPICH's ABI.
const UB: c_int = 0x4c00_0011;

/// The lower bound and the extent of a datatype.
unsafe fn extent(datatype: c_int) -> Result<(isize, isize), c_int> {
    let (mut lb, mut extent) = (0, 0);
    let raw = handle::raw::<handle::Datatype>(datatype);
    // SAFETY: places of our own.
    match unsafe { callee::MPI_Type_get_extent(raw, &raw mut lb, &raw mut extent) } {
        0 => Ok((lb, extent)),
        error => Err(code(error)),
    }
}

/// Writes a number for the program.
unsafe fn put(at: *mut isize, value: Result<isize, c_int>) -> c_int {
    match (value, at.is_null()) {
        (Ok(_), true) => code(crate::abi::ERR_ARG),
        (Ok(value), false) => {
            // SAFETY: the caller's place.
            unsafe { *at = value };
            0
        }
        (Err(code), _) => code,
    }
}

/// A structure, of which markers set the bounds.
unsafe fn structure(
    count: c_int,
    lengths: *const c_int,
    displacements: *const isize,
    types: *const c_int,
    new: *mut c_int,
) -> c_int {
    let (mut lower, mut upper) = (None, None);
    let (mut own_lengths, mut own_displacements, mut own_types) = (vec![], vec![], vec![]);
    let given = !lengths.is_null() && !displacements.is_null() && !types.is_null();
    for index in 0..if given { length(count) } else { 0 } {
        // SAFETY: the caller's arrays have `count` elements.
        let (len, at, ty) = unsafe {
            (
                *lengths.add(index),
                *displacements.add(index),
                *types.add(index),
            )
        };
        match ty {
            LB if len > 0 => lower = Some(lower.unwrap_or(at).min(at)),
            UB if len > 0 => upper = Some(upper.unwrap_or(at).max(at)),
            LB | UB if len == 0 => {}
            // With a marker of negative length, which is an error.
            ty => {
                own_lengths.push(len);
                own_displacements.push(at);
                own_types.push(handle::raw::<handle::Datatype>(ty));
            }
        }
    }
    let (mut whole, mut raw) = (handle::UNSET, handle::UNSET);
    // SAFETY: arrays and places of our own; null where the program gave null.
    let result = unsafe {
        let made = match given && count >= 0 {
            true => callee::MPI_Type_create_struct(
                c_int::try_from(own_types.len()).unwrap_or(c_int::MAX), // at most `count`
                own_lengths.as_ptr(),
                own_displacements.as_ptr(),
                own_types.as_mut_ptr(),
                handle::place(new, &mut whole),
            ),
            false => callee::MPI_Type_create_struct(
                count,
                lengths,
                displacements,
                std::ptr::null_mut(),
                handle::place(new, &mut whole),
            ),
        };
        if made != 0 || lower.is_none() && upper.is_none() {
            raw = whole;
            made
        } else {
            let (mut lb, mut extent) = (0, 0);
            callee::MPI_Type_get_extent(whole, &raw mut lb, &raw mut extent);
            let (from, to) = (lower.unwrap_or(lb), upper.unwrap_or(lb + extent));
            let resized = callee::MPI_Type_create_resized(whole, from, to - from, &raw mut raw);
            callee::MPI_Type_free(&raw mut whole);
            resized
        }
    };
    // SAFETY: the caller's place.
    unsafe { handle::put::<handle::Datatype>(new, handle::UNSET, raw) };
    code(result)
}

define! {
    /// Today `MPI_Get_address`.
    fn MPI_Address(location: *const c_void, address: *mut isize) -> c_int {
        code(callee::MPI_Get_address(location, address))
    }

    /// Today `MPI_Comm_create_errhandler`.
    fn MPI_Errhandler_create(function: *mut c_void, errhandler: *mut c_int) -> c_int {
        comm_errhandler(function, errhandler)
    }

    /// Today `MPI_Comm_get_errhandler`.
    fn MPI_Errhandler_get(comm: c_int, errhandler: *mut c_int) -> c_int {
        let mut raw = handle::UNSET;
        let result = callee::MPI_Comm_get_errhandler(
            handle::raw::<handle::Comm>(comm), handle::place(errhandler, &mut raw),
        );
        handle::put::<handle::Errhandler>(errhandler, handle::UNSET, raw);
        code(result)
    }

    /// Today `MPI_Comm_set_errhandler`.
    fn MPI_Errhandler_set(comm: c_int, errhandler: c_int) -> c_int {
        code(callee::MPI_Comm_set_errhandler(
            handle::raw::<handle::Comm>(comm), handle::raw::<handle::Errhandler>(errhandler),
        ))
    }

    /// Today `MPI_Type_get_extent`.
    fn MPI_Type_extent(datatype: c_int, at: *mut isize) -> c_int {
        put(at, extent(datatype).map(|(_, extent)| extent))
    }

    /// Today `MPI_Type_get_extent`.
    fn MPI_Type_lb(datatype: c_int, at: *mut isize) -> c_int {
        put(at, extent(datatype).map(|(lb, _)| lb))
    }

    /// Today `MPI_Type_get_extent`.
    fn MPI_Type_ub(datatype: c_int, at: *mut isize) -> c_int {
        put(at, extent(datatype).map(|(lb, extent)| lb + extent))
    }

    /// Today `MPI_Type_create_hindexed`.
    fn MPI_Type_hindexed(
        count: c_int, lengths: *const c_int, displacements: *const isize, oldtype: c_int,
        newtype: *mut c_int,
    ) -> c_int {
        let mut raw = handle::UNSET;
        let old = handle::raw::<handle::Datatype>(oldtype);
        let result = callee::MPI_Type_create_hindexed(
            count, lengths, displacements, old, handle::place(newtype, &mut raw),
        );
        handle::put::<handle::Datatype>(newtype, handle::UNSET, raw);
        code(result)
    }

    /// Today `MPI_Type_create_hvector`.
    fn MPI_Type_hvector(
        count: c_int, len: c_int, stride: isize, oldtype: c_int, newtype: *mut c_int,
    ) -> c_int {
        let mut raw = handle::UNSET;
        let old = handle::raw::<handle::Datatype>(oldtype);
        let result =
            callee::MPI_Type_create_hvector(count, len, stride, old, handle::place(newtype, &mut raw));
        handle::put::<handle::Datatype>(newtype, handle::UNSET, raw);
        code(result)
    }

    /// Section 5.1.2, structures.
    fn MPI_Type_create_struct(
        count: c_int, lengths: *const c_int, displacements: *const isize, types: *const c_int,
        newtype: *mut c_int,
    ) -> c_int {
        structure(count, lengths, displacements, types, newtype)
    }

    /// Today `MPI_Type_create_struct`.
    fn MPI_Type_struct(
        count: c_int, lengths: *const c_int, displacements: *const isize, types: *const c_int,
        newtype: *mut c_int,
    ) -> c_int {
        structure(count, lengths, displacements, types, newtype)
    }
}
