//! Attributes (MPI 5.0, section 7.7): the user's functions, and predefined attributes of which
//! the values differ.

use crate::convert::code;
use crate::{callee, handle, number};
use std::ffi::{c_int, c_void};
use std::marker::PhantomData;
use std::ptr::null_mut;
use std::sync::atomic::AtomicI32;
use std::sync::atomic::Ordering::Relaxed;

type Copy =
    unsafe extern "C" fn(c_int, c_int, *mut c_void, *mut c_void, *mut c_void, *mut c_int) -> c_int;
type Delete = unsafe extern "C" fn(c_int, c_int, *mut c_void, *mut c_void) -> c_int;

/// The user's functions of a key and their state. It lives as long as the process: attributes
/// outlive their key.
struct Key<K> {
    copy: Option<Copy>,
    delete: Option<Delete>,
    state: *mut c_void,
    kind: PhantomData<K>,
}

unsafe extern "C" fn copy<K: handle::Kind>(
    object: usize,
    keyval: c_int,
    key: *mut c_void,
    value: *mut c_void,
    new_value: *mut c_void,
    flag: *mut c_int,
) -> c_int {
    // SAFETY: made in `create`, and never freed.
    let key = unsafe { &*key.cast::<Key<K>>() };
    let Some(copy) = key.copy else { return 0 };
    let object = handle::int::<K>(object);
    let keyval = number::keyval_out(keyval);
    // SAFETY: the user's function; the arguments are the library's.
    number::error_in(unsafe { copy(object, keyval, key.state, value, new_value, flag) })
}

unsafe extern "C" fn delete<K: handle::Kind>(
    object: usize,
    keyval: c_int,
    value: *mut c_void,
    key: *mut c_void,
) -> c_int {
    // SAFETY: made in `create`, and never freed.
    let key = unsafe { &*key.cast::<Key<K>>() };
    let Some(delete) = key.delete else { return 0 };
    let object = handle::int::<K>(object);
    let keyval = number::keyval_out(keyval);
    // SAFETY: the user's function; the arguments are the library's.
    number::error_in(unsafe { delete(object, keyval, value, key.state) })
}

/// What the library below is given for the functions of a key: two functions and a state.
unsafe fn functions<K: handle::Kind>(
    copy_fn: *mut c_void,
    delete_fn: *mut c_void,
    state: *mut c_void,
) -> [*mut c_void; 3] {
    if copy_fn.is_null() && delete_fn.is_null() {
        return [null_mut(), null_mut(), state];
    }
    let key = Box::new(Key::<K> {
        // SAFETY: null, or a function of this type, as the caller said.
        copy: unsafe { std::mem::transmute::<*mut c_void, Option<Copy>>(copy_fn) },
        // SAFETY: as above.
        delete: unsafe { std::mem::transmute::<*mut c_void, Option<Delete>>(delete_fn) },
        state,
        kind: PhantomData,
    });
    let given = |user: *mut c_void, ours: *const ()| match user.is_null() {
        true => null_mut(),
        false => ours.cast_mut().cast(),
    };
    [
        given(copy_fn, copy::<K> as *const ()),
        given(delete_fn, delete::<K> as *const ()),
        Box::into_raw(key).cast(),
    ]
}

/// Makes a key, and gives the program its number.
macro_rules! create {
    ($callee:ident $kind:ident $copy:ident $delete:ident $keyval:ident $state:ident) => {{
        let [copy, delete, state] = functions::<handle::$kind>($copy, $delete, $state);
        let result = callee::$callee(copy, delete, $keyval, state);
        if result == 0 {
            *$keyval = number::keyval_out(*$keyval);
        }
        code(result)
    }};
}

/// What `MPI_DUP_FN` is in MPICH's ABI: an attribute is copied as it is.
#[unsafe(no_mangle)]
unsafe extern "C" fn MPIR_Dup_fn(
    _object: c_int,
    _keyval: c_int,
    _state: *mut c_void,
    value: *mut c_void,
    new_value: *mut c_void,
    flag: *mut c_int,
) -> c_int {
    // SAFETY: whoever calls a copy function passes two places to write to.
    unsafe {
        new_value.cast::<*mut c_void>().write(value);
        flag.write(1);
    }
    0
}

/// The keys of the standard's predefined attributes that are numbers of a family.
const HOST: c_int = 503;
const IO: c_int = 502;
const LAST_USED_CODE: c_int = 506;
const CREATE_FLAVOR: c_int = 604;
const MODEL: c_int = 605;

/// The largest error code in use, which a program may look at later.
static LAST_USED: AtomicI32 = AtomicI32::new(0);
/// Numbers that attributes point to.
static NUMBERS: [c_int; 16] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
static NEGATIVE: [c_int; 5] = [0, -1, -2, -3, -4];

/// Replaces the value of a predefined attribute by that of MPICH's ABI, if they differ.
unsafe fn replace(keyval: c_int, value: *mut c_void, flag: *const c_int) {
    let convert = match keyval {
        HOST | IO => number::rank_out,
        CREATE_FLAVOR => number::flavor_out,
        MODEL => number::model_out,
        LAST_USED_CODE => number::error_out,
        _ => return,
    };
    let at = value.cast::<*const c_int>();
    // SAFETY: the call has succeeded, so both may be read.
    let old = unsafe { if *flag == 0 { return } else { **at } };
    let new = convert(old);
    if keyval == LAST_USED_CODE {
        LAST_USED.store(new, Relaxed);
        // SAFETY: as above.
        unsafe { *at = LAST_USED.as_ptr() };
        return;
    }
    let place = match usize::try_from(new) {
        Ok(new) => NUMBERS.get(new),
        Err(_) => NEGATIVE.get(new.unsigned_abs() as usize),
    };
    if new != old
        && let Some(place) = place
    {
        // SAFETY: as above.
        unsafe { *at = place };
    }
}

/// Gets an attribute.
macro_rules! get {
    ($callee:ident $kind:ident $object:ident $keyval:ident $value:ident $flag:ident) => {{
        let keyval = number::keyval_in($keyval);
        let result = callee::$callee(handle::raw::<handle::$kind>($object), keyval, $value, $flag);
        if result == 0 {
            replace(keyval, $value, $flag);
        }
        code(result)
    }};
}

define! {
    /// Section 7.7.2, caching on communicators.
    fn MPI_Comm_create_keyval(
        copy_fn: *mut c_void, delete_fn: *mut c_void, keyval: *mut c_int, state: *mut c_void,
    ) -> c_int {
        create!(MPI_Comm_create_keyval Comm copy_fn delete_fn keyval state)
    }

    /// Section 7.7.3, caching on windows.
    fn MPI_Win_create_keyval(
        copy_fn: *mut c_void, delete_fn: *mut c_void, keyval: *mut c_int, state: *mut c_void,
    ) -> c_int {
        create!(MPI_Win_create_keyval Win copy_fn delete_fn keyval state)
    }

    /// Section 7.7.4, caching on datatypes.
    fn MPI_Type_create_keyval(
        copy_fn: *mut c_void, delete_fn: *mut c_void, keyval: *mut c_int, state: *mut c_void,
    ) -> c_int {
        create!(MPI_Type_create_keyval Datatype copy_fn delete_fn keyval state)
    }

    /// Section 16.1, deprecated since MPI 2.0.
    fn MPI_Keyval_create(
        copy_fn: *mut c_void, delete_fn: *mut c_void, keyval: *mut c_int, state: *mut c_void,
    ) -> c_int {
        create!(MPI_Keyval_create Comm copy_fn delete_fn keyval state)
    }

    /// Section 7.7.2, caching on communicators.
    fn MPI_Comm_get_attr(
        comm: c_int, comm_keyval: c_int, value: *mut c_void, flag: *mut c_int,
    ) -> c_int {
        get!(MPI_Comm_get_attr Comm comm comm_keyval value flag)
    }

    /// Section 16.1, deprecated since MPI 2.0.
    fn MPI_Attr_get(comm: c_int, keyval: c_int, value: *mut c_void, flag: *mut c_int) -> c_int {
        get!(MPI_Attr_get Comm comm keyval value flag)
    }

    /// Section 7.7.3, caching on windows.
    fn MPI_Win_get_attr(
        win: c_int, win_keyval: c_int, value: *mut c_void, flag: *mut c_int,
    ) -> c_int {
        get!(MPI_Win_get_attr Win win win_keyval value flag)
    }
}
