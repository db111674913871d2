//! The tool information interface (MPI 5.0, chapter 15): handles behind untyped pointers, and
//! callbacks that are told how safe they must be.

use crate::convert::{code, length};
use crate::{callee, handle, number};
use std::collections::BTreeMap;
use std::ffi::{c_char, c_int, c_void};
use std::ptr::null_mut;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What variables and events are bound to, by the standard ABI's numbers.
mod bound {
    use std::ffi::c_int;

    pub const COMM: c_int = 2;
    pub const DATATYPE: c_int = 3;
    pub const ERRHANDLER: c_int = 4;
    pub const FILE: c_int = 5;
    pub const GROUP: c_int = 6;
    pub const OP: c_int = 7;
    pub const REQUEST: c_int = 8;
    pub const WIN: c_int = 9;
    pub const MESSAGE: c_int = 10;
    pub const INFO: c_int = 11;
    pub const SESSION: c_int = 12;
}

/// The handle that a pointer of the program's leads to.
unsafe fn object(bind: c_int, at: *mut c_void) -> usize {
    if at.is_null() {
        return handle::UNSET;
    }
    if bind == bound::FILE {
        // SAFETY: the caller's file.
        return handle::file_in(unsafe { *at.cast::<usize>() });
    }
    let convert = match bind {
        bound::COMM => handle::raw::<handle::Comm>,
        bound::DATATYPE => handle::raw::<handle::Datatype>,
        bound::ERRHANDLER => handle::raw::<handle::Errhandler>,
        bound::GROUP => handle::raw::<handle::Group>,
        bound::OP => handle::raw::<handle::Op>,
        bound::REQUEST => handle::raw::<handle::Request>,
        bound::WIN => handle::raw::<handle::Win>,
        bound::MESSAGE => handle::raw::<handle::Message>,
        bound::INFO => handle::raw::<handle::Info>,
        bound::SESSION => handle::raw::<handle::Session>,
        _ => return handle::UNSET,
    };
    // SAFETY: the caller's handle.
    convert(unsafe { *at.cast::<c_int>() })
}

/// Where the call below finds the handle.
fn given(at: *mut c_void, raw: &mut usize) -> *mut c_void {
    match at.is_null() {
        true => null_mut(),
        false => std::ptr::from_mut(raw).cast(),
    }
}

fn bind_of_cvar(index: c_int) -> c_int {
    let (mut bind, none) = (0, null_mut());
    // SAFETY: null pointers ask for nothing; a place of our own.
    unsafe {
        callee::MPI_T_cvar_get_info(
            index,
            null_mut(),
            none,
            none,
            null_mut(),
            null_mut(),
            null_mut(),
            none,
            &raw mut bind,
            none,
        );
    }
    bind
}

fn bind_of_pvar(index: c_int) -> c_int {
    let (mut bind, none) = (0, null_mut());
    // SAFETY: as above.
    unsafe {
        callee::MPI_T_pvar_get_info(
            index,
            null_mut(),
            none,
            none,
            none,
            null_mut(),
            null_mut(),
            null_mut(),
            none,
            &raw mut bind,
            none,
            none,
            none,
        );
    }
    bind
}

fn bind_of_event(index: c_int) -> c_int {
    let (mut bind, none) = (0, null_mut());
    // SAFETY: as above.
    unsafe {
        callee::MPI_T_event_get_info(
            index,
            null_mut(),
            none,
            none,
            null_mut(),
            null_mut(),
            none,
            null_mut(),
            null_mut(),
            null_mut(),
            none,
            &raw mut bind,
        );
    }
    bind
}

type Event = unsafe extern "C" fn(*mut c_void, *mut c_void, c_int, *mut c_void);
type Freed = unsafe extern "C" fn(*mut c_void, c_int, *mut c_void);
type Dropped = unsafe extern "C" fn(i64, *mut c_void, c_int, c_int, *mut c_void);

/// The handlers of dropped events, by their registrations. They have no state of their own: they
/// get that of the registration's callback.
static DROPPED: Mutex<BTreeMap<usize, Dropped>> = Mutex::new(BTreeMap::new());

fn dropped() -> MutexGuard<'static, BTreeMap<usize, Dropped>> {
    DROPPED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A callback and its state. It lives as long as the process: a registration may call it until
/// another thread has freed it.
struct Callback<F> {
    function: F,
    state: *mut c_void,
}

unsafe extern "C" fn on_event(
    instance: *mut c_void,
    registration: *mut c_void,
    safety: c_int,
    state: *mut c_void,
) {
    // SAFETY: made below, and never freed.
    let own = unsafe { &*state.cast::<Callback<Event>>() };
    let safety = number::safety_out(safety);
    // SAFETY: the user's function; the arguments are the library's.
    unsafe { (own.function)(instance, registration, safety, own.state) }
}

unsafe extern "C" fn on_free(registration: *mut c_void, safety: c_int, state: *mut c_void) {
    // SAFETY: made below, and never freed.
    let own = unsafe { &*state.cast::<Callback<Freed>>() };
    // SAFETY: the user's function; the arguments are the library's.
    unsafe { (own.function)(registration, number::safety_out(safety), own.state) }
}

unsafe extern "C" fn on_dropped(
    count: i64,
    registration: *mut c_void,
    source: c_int,
    safety: c_int,
    state: *mut c_void,
) {
    // The user's handler may set another one: the lock is not held while it runs.
    let handler = dropped().get(&registration.addr()).copied();
    let Some(handler) = handler else { return };
    // SAFETY: the state of the registration's callback: made below, and never freed.
    let own = unsafe { state.cast::<Callback<Event>>().as_ref() };
    let state = own.map_or(null_mut(), |own| own.state);
    // SAFETY: the user's function; the arguments are the library's.
    unsafe {
        handler(
            count,
            registration,
            source,
            number::safety_out(safety),
            state,
        )
    }
}

/// A callback of the user's and its state, as the state of ours.
unsafe fn keep<F>(function: *mut c_void, state: *mut c_void) -> *mut c_void {
    // SAFETY: a function of this type, as the caller said.
    let function = unsafe { std::mem::transmute_copy::<*mut c_void, F>(&function) };
    Box::into_raw(Box::new(Callback { function, state })).cast()
}

define! {
    /// Section 15.3.6, control variables.
    fn MPI_T_cvar_handle_alloc(
        cvar_index: c_int, obj_handle: *mut c_void, handle: *mut *mut c_void, count: *mut c_int,
    ) -> c_int {
        let mut raw = object(bind_of_cvar(cvar_index), obj_handle);
        let at = given(obj_handle, &mut raw);
        code(callee::MPI_T_cvar_handle_alloc(cvar_index, at, handle, count))
    }

    /// Section 15.3.7, performance variables.
    fn MPI_T_pvar_handle_alloc(
        session: *mut c_void, pvar_index: c_int, obj_handle: *mut c_void,
        handle: *mut *mut c_void, count: *mut c_int,
    ) -> c_int {
        let mut raw = object(bind_of_pvar(pvar_index), obj_handle);
        let at = given(obj_handle, &mut raw);
        code(callee::MPI_T_pvar_handle_alloc(session, pvar_index, at, handle, count))
    }

    /// Section 15.3.8, events.
    fn MPI_T_event_handle_alloc(
        event_index: c_int, obj_handle: *mut c_void, info: c_int, registration: *mut *mut c_void,
    ) -> c_int {
        let mut raw = object(bind_of_event(event_index), obj_handle);
        let at = given(obj_handle, &mut raw);
        let info = handle::raw::<handle::Info>(info);
        code(callee::MPI_T_event_handle_alloc(event_index, at, info, registration))
    }

    /// Section 15.3.8, events.
    fn MPI_T_event_get_info(
        event_index: c_int, name: *mut c_char, name_len: *mut c_int, verbosity: *mut c_int,
        datatypes: *mut c_int, displacements: *mut isize, num_elements: *mut c_int,
        enumtype: *mut *mut c_void, info: *mut c_int, desc: *mut c_char, desc_len: *mut c_int,
        bind: *mut c_int,
    ) -> c_int {
        let len = match num_elements.as_ref() {
            Some(len) if !datatypes.is_null() => length(*len),
            _ => 0,
        };
        let mut types = vec![handle::UNSET; len];
        let mut raw = handle::UNSET;
        let place = if datatypes.is_null() { null_mut() } else { types.as_mut_ptr() };
        let result = callee::MPI_T_event_get_info(
            event_index, name, name_len, verbosity, place, displacements, num_elements, enumtype,
            handle::place(info, &mut raw), desc, desc_len, bind,
        );
        if result == 0 {
            crate::convert::change(verbosity, number::verbosity_out);
            crate::convert::change(bind, number::bind_out);
        }
        for (index, one) in types.iter().enumerate() {
            handle::put::<handle::Datatype>(datatypes.wrapping_add(index), handle::UNSET, *one);
        }
        handle::put::<handle::Info>(info, handle::UNSET, raw);
        code(result)
    }

    /// Section 15.3.8, events.
    fn MPI_T_event_register_callback(
        registration: *mut c_void, safety: c_int, info: c_int, user_data: *mut c_void,
        function: *mut c_void,
    ) -> c_int {
        let (info, safety) = (handle::raw::<handle::Info>(info), number::safety_in(safety));
        let (ours, state) = match function.is_null() {
            true => (null_mut(), user_data),
            false => (on_event as *mut c_void, keep::<Event>(function, user_data)),
        };
        code(callee::MPI_T_event_register_callback(registration, safety, info, state, ours))
    }

    /// Section 15.3.8, events.
    fn MPI_T_event_handle_free(
        registration: *mut c_void, user_data: *mut c_void, function: *mut c_void,
    ) -> c_int {
        let (ours, state) = match function.is_null() {
            true => (null_mut(), user_data),
            false => (on_free as *mut c_void, keep::<Freed>(function, user_data)),
        };
        let result = callee::MPI_T_event_handle_free(registration, state, ours);
        if result == 0 {
            dropped().remove(&registration.addr());
        }
        code(result)
    }

    /// Section 15.3.8, events.
    fn MPI_T_event_set_dropped_handler(
        registration: *mut c_void, function: *mut c_void,
    ) -> c_int {
        let at = registration.addr();
        let ours = if function.is_null() { null_mut() } else { on_dropped as *mut c_void };
        // SAFETY: null, or a function of this type, as the caller said.
        let function = std::mem::transmute::<*mut c_void, Option<Dropped>>(function);
        let before = match function {
            Some(function) => dropped().insert(at, function), // it may be called at once
            None => None,
        };
        let result = callee::MPI_T_event_set_dropped_handler(registration, ours);
        match before {
            _ if result == 0 => {}
            Some(before) => drop(dropped().insert(at, before)),
            None => drop(dropped().remove(&at)),
        }
        code(result)
    }
}
