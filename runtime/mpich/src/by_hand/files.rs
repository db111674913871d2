//! Data representations of the user's (MPI 5.0, section 14.5.3).

use crate::convert::code;
use crate::{callee, handle, number};
use std::ffi::{c_char, c_int, c_void};
use std::ptr::null_mut;

type Convert<N> =
    unsafe extern "C" fn(*mut c_void, c_int, N, *mut c_void, i64, *mut c_void) -> c_int;
type Extent = unsafe extern "C" fn(c_int, *mut isize, *mut c_void) -> c_int;

/// The functions of a representation and their state. It lives as long as the process, as the
/// representation does.
struct Representation<N> {
    read: Option<Convert<N>>,
    write: Option<Convert<N>>,
    extent: Option<Extent>,
    state: *mut c_void,
}

unsafe extern "C" fn read<N>(
    user: *mut c_void,
    datatype: usize,
    count: N,
    file: *mut c_void,
    position: i64,
    state: *mut c_void,
) -> c_int {
    // SAFETY: made in `functions`, and never freed.
    let own = unsafe { &*state.cast::<Representation<N>>() };
    let datatype = handle::int::<handle::Datatype>(datatype);
    let Some(read) = own.read else { return 0 };
    // SAFETY: the user's function; the arguments are the library's.
    number::error_in(unsafe { read(user, datatype, count, file, position, own.state) })
}

unsafe extern "C" fn write<N>(
    user: *mut c_void,
    datatype: usize,
    count: N,
    file: *mut c_void,
    position: i64,
    state: *mut c_void,
) -> c_int {
    // SAFETY: made in `functions`, and never freed.
    let own = unsafe { &*state.cast::<Representation<N>>() };
    let datatype = handle::int::<handle::Datatype>(datatype);
    let Some(write) = own.write else { return 0 };
    // SAFETY: the user's function; the arguments are the library's.
    number::error_in(unsafe { write(user, datatype, count, file, position, own.state) })
}

unsafe extern "C" fn extent<N>(datatype: usize, at: *mut isize, state: *mut c_void) -> c_int {
    // SAFETY: made in `functions`, and never freed.
    let own = unsafe { &*state.cast::<Representation<N>>() };
    let datatype = handle::int::<handle::Datatype>(datatype);
    let Some(extent) = own.extent else { return 0 };
    // SAFETY: the user's function; the arguments are the library's.
    number::error_in(unsafe { extent(datatype, at, own.state) })
}

/// What the library below is given: the functions to read, to write and for the extent, and
/// their state.
unsafe fn functions<N>(user: [*mut c_void; 3], state: *mut c_void) -> [*mut c_void; 4] {
    let own = Box::new(Representation::<N> {
        // SAFETY: null, or functions of these types, as the caller said.
        read: unsafe { std::mem::transmute::<*mut c_void, Option<Convert<N>>>(user[0]) },
        // SAFETY: as above.
        write: unsafe { std::mem::transmute::<*mut c_void, Option<Convert<N>>>(user[1]) },
        // SAFETY: as above.
        extent: unsafe { std::mem::transmute::<*mut c_void, Option<Extent>>(user[2]) },
        state,
    });
    let given = |user: *mut c_void, ours: *const ()| match user.is_null() {
        true => null_mut(),
        false => ours.cast_mut().cast(),
    };
    [
        given(user[0], read::<N> as *const ()),
        given(user[1], write::<N> as *const ()),
        given(user[2], extent::<N> as *const ()),
        Box::into_raw(own).cast(),
    ]
}

define! {
    /// Section 14.5.3, user-defined data representations.
    fn MPI_Register_datarep(
        datarep: *const c_char, read_fn: *mut c_void, write_fn: *mut c_void,
        extent_fn: *mut c_void, state: *mut c_void,
    ) -> c_int {
        let [read, write, extent, state] = functions::<c_int>([read_fn, write_fn, extent_fn], state);
        code(callee::MPI_Register_datarep(datarep, read, write, extent, state))
    }

    /// Section 14.5.3, user-defined data representations.
    fn MPI_Register_datarep_c(
        datarep: *const c_char, read_fn: *mut c_void, write_fn: *mut c_void,
        extent_fn: *mut c_void, state: *mut c_void,
    ) -> c_int {
        let [read, write, extent, state] = functions::<i64>([read_fn, write_fn, extent_fn], state);
        code(callee::MPI_Register_datarep_c(datarep, read, write, extent, state))
    }
}
