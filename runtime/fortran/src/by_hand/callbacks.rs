//! Functions of the program's with a state: generalized requests (MPI 5.0, section 13.2) and data
//! representations (section 14.5). Operations and error handlers need nothing of this: they are
//! called with pointers to handles, whose low half is their number in Fortran.

use crate::convert::{self, Status};
use crate::{callee, handle, text};
use std::ffi::{c_char, c_int, c_void};

type Query = unsafe extern "C" fn(*mut isize, *mut Status, *mut c_int);
type Free = unsafe extern "C" fn(*mut isize, *mut c_int);
type Cancel = unsafe extern "C" fn(*mut isize, *mut c_int, *mut c_int);

/// A generalized request.
struct Request {
    query: Query,
    free: Free,
    cancel: Cancel,
    state: isize,
}

unsafe extern "C" fn query(request: *mut c_void, status: *mut Status) -> c_int {
    let mut outcome = 0;
    // SAFETY: the state is the one that `mpi_grequest_start` gave, also below.
    unsafe {
        let request = &mut *request.cast::<Request>();
        (request.query)(&raw mut request.state, status, &raw mut outcome);
    }
    outcome
}

unsafe extern "C" fn free(request: *mut c_void) -> c_int {
    let mut outcome = 0;
    // SAFETY: as above; this is the last call for this request.
    unsafe {
        let mut request = Box::from_raw(request.cast::<Request>());
        (request.free)(&raw mut request.state, &raw mut outcome);
    }
    outcome
}

unsafe extern "C" fn cancel(request: *mut c_void, complete: c_int) -> c_int {
    let (mut outcome, mut complete) = (0, complete);
    // SAFETY: as above.
    unsafe {
        let request = &mut *request.cast::<Request>();
        (request.cancel)(&raw mut request.state, &raw mut complete, &raw mut outcome);
    }
    outcome
}

type Extent = unsafe extern "C" fn(*mut c_int, *mut isize, *mut isize, *mut c_int);
type Conversion<N> = unsafe extern "C" fn(
    *mut c_void,
    *mut c_int,
    *mut N,
    *mut c_void,
    *mut i64,
    *mut isize,
    *mut c_int,
);

/// A data representation. It lives as long as the process, as the standard has it.
struct Representation<N> {
    read: Conversion<N>,
    write: Conversion<N>,
    extent: Extent,
    state: isize,
}

unsafe extern "C" fn extent<N>(datatype: usize, extent: *mut isize, state: *mut c_void) -> c_int {
    let (mut datatype, mut outcome) = (handle::datatype_int(datatype), 0);
    // SAFETY: the state is the one that was registered, also below.
    unsafe {
        let all = &mut *state.cast::<Representation<N>>();
        (all.extent)(
            &raw mut datatype,
            extent,
            &raw mut all.state,
            &raw mut outcome,
        );
    }
    outcome
}

macro_rules! conversion {
    ($name:ident $field:ident) => {
        unsafe extern "C" fn $name<N>(
            userbuf: *mut c_void,
            datatype: usize,
            count: N,
            filebuf: *mut c_void,
            position: i64,
            state: *mut c_void,
        ) -> c_int {
            let (mut datatype, mut count) = (handle::datatype_int(datatype), count);
            let (mut position, mut outcome) = (position, 0);
            // SAFETY: as above.
            unsafe {
                let all = &mut *state.cast::<Representation<N>>();
                (all.$field)(
                    userbuf,
                    &raw mut datatype,
                    &raw mut count,
                    filebuf,
                    &raw mut position,
                    &raw mut all.state,
                    &raw mut outcome,
                );
            }
            outcome
        }
    };
}

conversion!(read read);
conversion!(write write);

unsafe extern "C" {
    /// `MPI_CONVERSION_FN_NULL`, and that of large counts: who passes it wants no conversion. By
    /// the names that programs use, which may stand for a tool's; those of the definitions would
    /// be given others by link-time optimisation.
    safe static mpi_conversion_fn_null_: u8;
    safe static mpi_conversion_fn_null_c_: u8;
}

/// The function for the library, null where there is none.
fn or_null<N>(given: Conversion<N>, ours: *const c_void) -> *const c_void {
    let given = given as *const u8;
    let none = [
        &raw const mpi_conversion_fn_null_,
        &raw const mpi_conversion_fn_null_c_,
    ];
    match none.contains(&given) {
        true => std::ptr::null(),
        false => ours,
    }
}

macro_rules! register {
    ($($kind:ident $name:ident $count:ty, $callee:ident;)*) => { define! { $(
        $kind
        /// Section 14.5.3.
        fn $name(
            datarep: *const c_char, read_of: Conversion<$count>, write_of: Conversion<$count>,
            extent_of: Extent, state: *const isize, ierror: *mut c_int, datarep_len: usize,
        ) -> () {
            let name = text::input(datarep, datarep_len, false);
            let all = Representation { read: read_of, write: write_of, extent: extent_of, state: *state };
            let all: *mut Representation<$count> = Box::into_raw(Box::new(all));
            let read = or_null(read_of, read::<$count> as *const c_void);
            let write = or_null(write_of, write::<$count> as *const c_void);
            let extent = extent::<$count> as *const c_void;
            let outcome = callee::$callee(name.as_ptr().cast_mut(), read, write, extent, all.cast());
            convert::put_code(ierror, outcome);
        }
    )* } };
}

register! {
    both mpi_register_datarep c_int, PMPI_Register_datarep;
    both mpi_register_datarep_c i64, PMPI_Register_datarep_c;
}

define! {
    both
    /// Section 13.2.
    fn mpi_grequest_start(
        query_of: Query, free_of: Free, cancel_of: Cancel, state: *const isize, request: *mut c_int,
        ierror: *mut c_int,
    ) -> () {
        let all = Request { query: query_of, free: free_of, cancel: cancel_of, state: *state };
        let all: *mut Request = Box::into_raw(Box::new(all));
        let mut made = handle::UNSET;
        let outcome = callee::PMPI_Grequest_start(
            query as *const c_void, free as *const c_void, cancel as *const c_void, all.cast(),
            &raw mut made,
        );
        match outcome {
            0 => *request = handle::request_int(made),
            _ => drop(Box::from_raw(all)),
        }
        convert::put_code(ierror, outcome);
    }

    plain
    /// Stands for no conversion; it is not called.
    fn mpi_conversion_fn_null(
        _userbuf: *mut c_void, _datatype: *mut c_int, _count: *mut c_int, _filebuf: *mut c_void,
        _position: *mut i64, _state: *mut isize, ierror: *mut c_int,
    ) -> () {
        *ierror = 0;
    }

    plain
    /// Stands for no conversion; it is not called.
    fn mpi_conversion_fn_null_c(
        _userbuf: *mut c_void, _datatype: *mut c_int, _count: *mut i64, _filebuf: *mut c_void,
        _position: *mut i64, _state: *mut isize, ierror: *mut c_int,
    ) -> () {
        *ierror = 0;
    }
}
