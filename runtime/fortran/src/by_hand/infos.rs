//! Values of info keys and names of process sets (MPI 5.0, sections 10 and 11.3): lengths without a zero byte.

use crate::{callee, convert, handle, text};
use std::ffi::{c_char, c_int};

define! {
    both
    /// Section 10; deprecated.
    fn mpi_info_get(
        info: *const c_int, key: *const c_char, valuelen: *const c_int, value: *mut c_char,
        flag: *mut c_int, ierror: *mut c_int, key_len: usize, value_len: usize,
    ) -> () {
        let key = text::input(key, key_len, true);
        let mut found = text::Output::with_room(convert::length(*valuelen));
        let outcome = callee::PMPI_Info_get(
            handle::info(*info), key.as_ptr().cast_mut(), *valuelen, found.place(), flag,
        );
        if outcome == 0 && *flag != 0 {
            found.put(value, value_len);
        }
        convert::put_code(ierror, outcome);
    }

    both
    /// Section 10.
    fn mpi_info_get_string(
        info: *const c_int, key: *const c_char, buflen: *mut c_int, value: *mut c_char,
        flag: *mut c_int, ierror: *mut c_int, key_len: usize, value_len: usize,
    ) -> () {
        let key = text::input(key, key_len, true);
        let mut found = text::Output::with_room(convert::length(*buflen));
        // The C function counts the zero byte. With no room at all it only tells the length.
        let room = *buflen;
        let mut len = if room > 0 { room.saturating_add(1) } else { room };
        let outcome = callee::PMPI_Info_get_string(
            handle::info(*info), key.as_ptr().cast_mut(), &raw mut len, found.place(), flag,
        );
        if outcome == 0 && *flag != 0 {
            *buflen = (len - 1).max(0);
            if room > 0 {
                found.put(value, value_len);
            }
        }
        convert::put_code(ierror, outcome);
    }

    both
    /// Section 11.3.2.
    fn mpi_session_get_nth_pset(
        session: *const c_int, info: *const c_int, n: *const c_int, pset_len: *mut c_int,
        pset_name: *mut c_char, ierror: *mut c_int, pset_name_len: usize,
    ) -> () {
        let room = *pset_len;
        let mut found = text::Output::with_room(convert::length(room));
        let mut len = if room > 0 { room.saturating_add(1) } else { room };
        let outcome = callee::PMPI_Session_get_nth_pset(
            handle::session(*session), handle::info(*info), *n, &raw mut len, found.place(),
        );
        if outcome == 0 {
            *pset_len = (len - 1).max(0);
            if room > 0 {
                found.put(pset_name, pset_name_len);
            }
        }
        convert::put_code(ierror, outcome);
    }
}
