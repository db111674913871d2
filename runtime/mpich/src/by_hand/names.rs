//! Strings for which MPICH's ABI has less room than the standard's.

use crate::convert::code;
use crate::{abi, callee, handle};
use std::ffi::{CStr, c_char, c_int};

/// `MPI_MAX_PROCESSOR_NAME` of MPICH's ABI, with the NUL at the end.
const PROCESSOR_NAME: usize = 128;
/// `MPI_MAX_PORT_NAME`.
const PORT_NAME: usize = 256;
/// `MPI_MAX_INFO_KEY`.
const INFO_KEY: usize = 255;
/// The largest room that the library below needs for any of them.
const ROOM: usize = 1024;

/// Copies a string of the library's to the program if it fits, and returns its length. What
/// does not fit is cut off, or refused if `whole`.
unsafe fn copy(
    from: &[c_char; ROOM],
    to: *mut c_char,
    room: usize,
    whole: bool,
) -> Result<usize, ()> {
    // SAFETY: the library has ended the string, which fits.
    let text = unsafe { CStr::from_ptr(from.as_ptr()) }.to_bytes();
    if whole && text.len() >= room {
        return Err(());
    }
    let len = text.len().min(room - 1);
    // SAFETY: the program's place has the room of its ABI.
    unsafe {
        std::ptr::copy_nonoverlapping(text.as_ptr().cast(), to, len);
        *to.add(len) = 0;
    }
    Ok(len)
}

define! {
    /// Section 9.1.2, environmental inquiries.
    fn MPI_Get_processor_name(name: *mut c_char, resultlen: *mut c_int) -> c_int {
        if name.is_null() {
            return code(callee::MPI_Get_processor_name(name, resultlen));
        }
        let mut local = [0; ROOM];
        let result = callee::MPI_Get_processor_name(local.as_mut_ptr(), resultlen);
        if result == 0 && let Ok(len) = copy(&local, name, PROCESSOR_NAME, false) {
            *resultlen = c_int::try_from(len).unwrap_or(0);
        }
        code(result)
    }

    /// Section 11.9.2, server routines.
    fn MPI_Open_port(info: c_int, port_name: *mut c_char) -> c_int {
        let info = handle::raw::<handle::Info>(info);
        if port_name.is_null() {
            return code(callee::MPI_Open_port(info, port_name));
        }
        let mut local = [0; ROOM];
        let result = callee::MPI_Open_port(info, local.as_mut_ptr());
        if result == 0 && copy(&local, port_name, PORT_NAME, true).is_err() {
            callee::MPI_Close_port(local.as_ptr());
            return code(abi::ERR_OTHER);
        }
        code(result)
    }

    /// Section 11.9.4, name publishing.
    fn MPI_Lookup_name(service_name: *const c_char, info: c_int, port_name: *mut c_char) -> c_int {
        let info = handle::raw::<handle::Info>(info);
        if port_name.is_null() {
            return code(callee::MPI_Lookup_name(service_name, info, port_name));
        }
        let mut local = [0; ROOM];
        let result = callee::MPI_Lookup_name(service_name, info, local.as_mut_ptr());
        if result == 0 && copy(&local, port_name, PORT_NAME, true).is_err() {
            return code(abi::ERR_OTHER);
        }
        code(result)
    }

    /// Chapter 10, the info object.
    fn MPI_Info_get_nthkey(info: c_int, n: c_int, key: *mut c_char) -> c_int {
        let info = handle::raw::<handle::Info>(info);
        if key.is_null() {
            return code(callee::MPI_Info_get_nthkey(info, n, key));
        }
        let mut local = [0; ROOM];
        let result = callee::MPI_Info_get_nthkey(info, n, local.as_mut_ptr());
        if result == 0 && copy(&local, key, INFO_KEY, true).is_err() {
            return code(abi::ERR_OTHER);
        }
        code(result)
    }
}
