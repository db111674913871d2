//! The info object (MPI 5.0, chapter 10).

use super::prelude::*;
use crate::object::info::{self, Info};
use std::ffi::{CStr, CString};

/// The value of a key.
///
/// # Safety
/// `key` is null or a string.
unsafe fn look_up(info: MPI_Info, key: *const c_char) -> Result<Option<CString>> {
    // SAFETY: as the caller said.
    let key = unsafe { arg::cstr(key, "key") }?;
    info::check_key(key)?;
    info::with(info.0, |info| info.get(key).map(CStr::to_owned))
}

fn len_of(value: &CStr) -> c_int {
    c_int::try_from(value.to_bytes().len()).unwrap_or(c_int::MAX)
}

export! {
    /// Section 10, the info object.
    fn MPI_Info_create(info: *mut MPI_Info) at ANY_TIME {
        arg::put(info, "info", MPI_Info(info::insert(Info::default())?))
    }

    /// Section 10, the info object.
    fn MPI_Info_create_env(argc: c_int, argv: *mut *mut c_char, info: *mut MPI_Info) at ANY_TIME {
        let argv = arg::slice(argv, arg::number(argc, "argc")?, "argv")?;
        let given = argv.iter().map(|at| arg::cstr(*at, "argv").map(CStr::to_owned));
        let made = info::environment(&given.collect::<Result<Vec<_>>>()?);
        arg::put(info, "info", MPI_Info(info::insert(made)?))
    }

    /// Section 10, the info object.
    fn MPI_Info_delete(info: MPI_Info, key: *const c_char) at ANY_TIME {
        info::delete(info.0, arg::cstr(key, "key")?)
    }

    /// Section 10, the info object.
    fn MPI_Info_dup(info: MPI_Info, newinfo: *mut MPI_Info) at ANY_TIME {
        let copy = info::with(info.0, Info::clone)?;
        arg::put(newinfo, "newinfo", MPI_Info(info::insert(copy)?))
    }

    /// Section 10, the info object.
    fn MPI_Info_free(info: *mut MPI_Info) at ANY_TIME {
        info::free(arg::get(info, "info")?.0)?;
        arg::put(info, "info", MPI_Info(info::NULL))
    }

    /// Section 10, the info object.
    fn MPI_Info_get(
        info: MPI_Info, key: *const c_char, valuelen: c_int, value: *mut c_char,
        flag: *mut c_int,
    ) at ANY_TIME {
        let room = arg::number(valuelen, "valuelen")?;
        let found = look_up(info, key)?;
        if let Some(found) = &found {
            arg::put_cstr(value, room.saturating_add(1), "value", found)?;
        }
        arg::put_flag(flag, "flag", found.is_some())
    }

    /// Section 10, the info object.
    fn MPI_Info_get_nkeys(info: MPI_Info, nkeys: *mut c_int) at ANY_TIME {
        let nkeys_now = info::with(info.0, Info::len)?;
        arg::put_fitting(nkeys, "nkeys", i64::try_from(nkeys_now).unwrap_or(i64::MAX))
    }

    /// Section 10, the info object.
    fn MPI_Info_get_nthkey(info: MPI_Info, n: c_int, key: *mut c_char) at ANY_TIME {
        let found = info::nth_key(info.0, n)?;
        arg::put_cstr(key, info::MAX_KEY, "key", &found)
    }

    /// Section 10, the info object.
    fn MPI_Info_get_string(
        info: MPI_Info, key: *const c_char, buflen: *mut c_int, value: *mut c_char,
        flag: *mut c_int,
    ) at ANY_TIME {
        let found = look_up(info, key)?;
        if let Some(found) = &found {
            let room = arg::number(arg::get(buflen, "buflen")?, "buflen")?;
            arg::put_cstr(value, room, "value", found)?;
            arg::put(buflen, "buflen", len_of(found).saturating_add(1))?;
        }
        arg::put_flag(flag, "flag", found.is_some())
    }

    /// Section 10, the info object.
    fn MPI_Info_get_valuelen(
        info: MPI_Info, key: *const c_char, valuelen: *mut c_int, flag: *mut c_int,
    ) at ANY_TIME {
        let found = look_up(info, key)?;
        if let Some(found) = &found {
            arg::put(valuelen, "valuelen", len_of(found))?;
        }
        arg::put_flag(flag, "flag", found.is_some())
    }

    /// Section 10, the info object.
    fn MPI_Info_set(info: MPI_Info, key: *const c_char, value: *const c_char) at ANY_TIME {
        info::set(info.0, arg::cstr(key, "key")?, arg::cstr(value, "value")?)
    }
}
