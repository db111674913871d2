//! Handles: integers in Fortran, pointers in C (MPI 5.0, section 19.3.4).

use crate::callee;
use std::ffi::c_int;

/// What a handle is before a call sets it.
pub const UNSET: usize = usize::MAX;

macro_rules! kinds {
    ($($name:ident, $back:ident, $from:ident, $to:ident;)*) => { $(
        /// The handle of an integer.
        #[inline]
        pub fn $name(number: c_int) -> usize {
            // SAFETY: the call takes any integer.
            unsafe { callee::$from(number) }
        }

        /// The integer of a handle.
        #[inline]
        pub fn $back(handle: usize) -> c_int {
            // SAFETY: the call takes any handle.
            unsafe { callee::$to(handle) }
        }
    )* };
}

kinds! {
    comm, comm_int, PMPI_Comm_fromint, PMPI_Comm_toint;
    datatype, datatype_int, PMPI_Type_fromint, PMPI_Type_toint;
    errhandler, errhandler_int, PMPI_Errhandler_fromint, PMPI_Errhandler_toint;
    file, file_int, PMPI_File_fromint, PMPI_File_toint;
    group, group_int, PMPI_Group_fromint, PMPI_Group_toint;
    info, info_int, PMPI_Info_fromint, PMPI_Info_toint;
    message, message_int, PMPI_Message_fromint, PMPI_Message_toint;
    op, op_int, PMPI_Op_fromint, PMPI_Op_toint;
    request, request_int, PMPI_Request_fromint, PMPI_Request_toint;
    session, session_int, PMPI_Session_fromint, PMPI_Session_toint;
    win, win_int, PMPI_Win_fromint, PMPI_Win_toint;
}

/// How many handles find room without memory of the heap.
const FEW: usize = 32;

/// The handles of an array of integers.
pub struct Many {
    count: usize,
    few: [usize; FEW],
    more: Vec<usize>,
}

impl Many {
    /// Reads `count` integers.
    ///
    /// # Safety
    /// `numbers` has so many.
    pub unsafe fn new(numbers: *const c_int, count: usize, of: fn(c_int) -> usize) -> Many {
        let mut many = Many {
            count,
            few: [UNSET; FEW],
            more: Vec::new(),
        };
        if count > FEW {
            many.more = vec![UNSET; count];
        }
        for (place, handle) in many.slice().iter_mut().enumerate() {
            // SAFETY: the caller's.
            *handle = of(unsafe { *numbers.add(place) });
        }
        many
    }

    fn slice(&mut self) -> &mut [usize] {
        match self.count > FEW {
            true => &mut self.more,
            false => &mut self.few[..self.count],
        }
    }

    /// Where the C function reads and writes them.
    pub fn place(&mut self) -> *mut usize {
        self.slice().as_mut_ptr()
    }

    /// Writes the integers back.
    ///
    /// # Safety
    /// As [`Many::new`].
    pub unsafe fn put(&mut self, numbers: *mut c_int, to: fn(usize) -> c_int) {
        for (place, handle) in self.slice().iter().enumerate() {
            if *handle != UNSET {
                // SAFETY: the caller's.
                unsafe { *numbers.add(place) = to(*handle) };
            }
        }
    }
}
