//! Users' functions that get no state of their own: reductions and error handlers. The library
//! below calls a function of this one, with the user's as its context (`abi::over`). Generalized
//! requests have a state, in which the user's functions are put.

use crate::abi::{self, over};
use crate::convert::code;
use crate::status::{self, Status};
use crate::{callee, handle, load, number};
use std::ffi::{c_int, c_void};

type Small = unsafe extern "C" fn(*mut c_void, *mut c_void, *mut c_int, *mut c_int);
type Large = unsafe extern "C" fn(*mut c_void, *mut c_void, *mut i64, *mut c_int);

unsafe extern "C" fn reduce_small(
    user: *mut c_void,
    input: *mut c_void,
    inout: *mut c_void,
    len: i64,
    datatype: usize,
) {
    // SAFETY: the context is what `MPI_Op_create` was given, which is not null.
    let user = unsafe { std::mem::transmute::<*mut c_void, Small>(user) };
    let mut len = c_int::try_from(len).unwrap_or(c_int::MAX); // the library keeps to this
    let mut datatype = handle::int::<handle::Datatype>(datatype);
    // SAFETY: the arguments are the library's, which keeps to the function's contract.
    unsafe { user(input, inout, &raw mut len, &raw mut datatype) }
}

unsafe extern "C" fn reduce_large(
    user: *mut c_void,
    input: *mut c_void,
    inout: *mut c_void,
    mut len: i64,
    datatype: usize,
) {
    // SAFETY: the context is what `MPI_Op_create_c` was given, which is not null.
    let user = unsafe { std::mem::transmute::<*mut c_void, Large>(user) };
    let mut datatype = handle::int::<handle::Datatype>(datatype);
    // SAFETY: the arguments are the library's, which keeps to the function's contract.
    unsafe { user(input, inout, &raw mut len, &raw mut datatype) }
}

/// Makes an operation of the user's function.
unsafe fn op_create(
    function: over::Reduction,
    user: *mut c_void,
    most: i64,
    commute: c_int,
    op: *mut c_int,
) -> c_int {
    let mut raw = handle::UNSET;
    let function = (!user.is_null()).then_some(function);
    // SAFETY: the library's own function; places of our own and of the caller's.
    let result =
        unsafe { load::op_create()(function, user, most, commute, handle::place(op, &mut raw)) };
    // SAFETY: the caller's place.
    unsafe { handle::put::<handle::Op>(op, handle::UNSET, raw) };
    code(result)
}

/// The kinds of objects that have error handlers, as the library below numbers them.
const OF_COMM: c_int = 0xf01;
const OF_WIN: c_int = 0xf08;
const OF_FILE: c_int = 0xf09;
const OF_SESSION: c_int = 0xf0a;

type Handler = unsafe extern "C" fn(*mut c_int, *mut c_int, ...);
type FileHandler = unsafe extern "C" fn(*mut usize, *mut c_int, ...);

/// Calls an error handler of the user's with the number of the object and of the code.
unsafe fn handle_error<K: handle::Kind>(user: *mut c_void, raw: usize, code: c_int) {
    // SAFETY: the context is what the error handler was made of, which is not null.
    let user = unsafe { std::mem::transmute::<*mut c_void, Handler>(user) };
    let mut object = handle::int::<K>(raw);
    let mut code = number::error_out(code);
    // SAFETY: both are places of our own.
    unsafe { user(&raw mut object, &raw mut code) }
}

unsafe extern "C" fn of_comm(user: *mut c_void, raw: usize, code: c_int) {
    // SAFETY: as the library calls it.
    unsafe { handle_error::<handle::Comm>(user, raw, code) }
}

unsafe extern "C" fn of_win(user: *mut c_void, raw: usize, code: c_int) {
    // SAFETY: as the library calls it.
    unsafe { handle_error::<handle::Win>(user, raw, code) }
}

unsafe extern "C" fn of_session(user: *mut c_void, raw: usize, code: c_int) {
    // SAFETY: as the library calls it.
    unsafe { handle_error::<handle::Session>(user, raw, code) }
}

unsafe extern "C" fn of_file(user: *mut c_void, raw: usize, code: c_int) {
    // SAFETY: the context is what the error handler was made of, which is not null.
    let user = unsafe { std::mem::transmute::<*mut c_void, FileHandler>(user) };
    let mut file = handle::file_out(raw);
    let mut code = number::error_out(code);
    // SAFETY: both are places of our own.
    unsafe { user(&raw mut file, &raw mut code) }
}

/// Makes an error handler of the user's function.
pub(super) unsafe fn errhandler_create(
    kind: c_int,
    function: over::Handler,
    user: *mut c_void,
    errhandler: *mut c_int,
) -> c_int {
    let mut raw = handle::UNSET;
    let function = (!user.is_null()).then_some(function);
    // SAFETY: the library's own function; places of our own and of the caller's.
    let result = unsafe {
        load::errhandler_create()(kind, function, user, handle::place(errhandler, &mut raw))
    };
    // SAFETY: the caller's place.
    unsafe { handle::put::<handle::Errhandler>(errhandler, handle::UNSET, raw) };
    code(result)
}

/// As [`errhandler_create`], for communicators.
pub(super) unsafe fn comm_errhandler(user: *mut c_void, errhandler: *mut c_int) -> c_int {
    // SAFETY: as the caller said.
    unsafe { errhandler_create(OF_COMM, of_comm, user, errhandler) }
}

type Query = unsafe extern "C" fn(*mut c_void, *mut Status) -> c_int;
type Free = unsafe extern "C" fn(*mut c_void) -> c_int;
type Cancel = unsafe extern "C" fn(*mut c_void, c_int) -> c_int;

/// The functions and the state of a generalized request.
struct Request {
    query: Option<Query>,
    free: Option<Free>,
    cancel: Option<Cancel>,
    state: *mut c_void,
}

unsafe extern "C" fn query(request: *mut c_void, below: *mut abi::Status) -> c_int {
    // SAFETY: made in `MPI_Grequest_start`, and not freed before `free` is called.
    let request = unsafe { &*request.cast::<Request>() };
    let Some(query) = request.query else { return 0 };
    // SAFETY: the library's status.
    let below = unsafe { &mut *below };
    let mut status = Status::from_standard(below);
    // SAFETY: the user's function with the user's state.
    let result = unsafe { query(request.state, &raw mut status) };
    // SAFETY: a place of our own.
    *below = unsafe { status::read(&raw const status) };
    number::error_in(result)
}

unsafe extern "C" fn free(request: *mut c_void) -> c_int {
    // SAFETY: made in `MPI_Grequest_start`; this is its last use.
    let request = unsafe { Box::from_raw(request.cast::<Request>()) };
    // SAFETY: the user's function with the user's state.
    request
        .free
        .map_or(0, |free| number::error_in(unsafe { free(request.state) }))
}

unsafe extern "C" fn cancel(request: *mut c_void, complete: c_int) -> c_int {
    // SAFETY: made in `MPI_Grequest_start`, and not freed before `free` is called.
    let request = unsafe { &*request.cast::<Request>() };
    // SAFETY: the user's function with the user's state.
    let result = request
        .cancel
        .map(|cancel| unsafe { cancel(request.state, complete) });
    result.map_or(0, number::error_in)
}

/// The address of a function, or null.
fn address(function: *const ()) -> *mut c_void {
    function.cast_mut().cast()
}

define! {
    /// Section 6.9.5, user-defined reductions.
    fn MPI_Op_create(user_fn: *mut c_void, commute: c_int, op: *mut c_int) -> c_int {
        op_create(reduce_small, user_fn, i64::from(c_int::MAX), commute, op)
    }

    /// Section 6.9.5, user-defined reductions.
    fn MPI_Op_create_c(user_fn: *mut c_void, commute: c_int, op: *mut c_int) -> c_int {
        op_create(reduce_large, user_fn, i64::MAX, commute, op)
    }

    /// Section 9.3.1, error handlers for communicators.
    fn MPI_Comm_create_errhandler(user_fn: *mut c_void, errhandler: *mut c_int) -> c_int {
        errhandler_create(OF_COMM, of_comm, user_fn, errhandler)
    }

    /// Section 9.3.2, error handlers for windows.
    fn MPI_Win_create_errhandler(user_fn: *mut c_void, errhandler: *mut c_int) -> c_int {
        errhandler_create(OF_WIN, of_win, user_fn, errhandler)
    }

    /// Section 9.3.3, error handlers for files.
    fn MPI_File_create_errhandler(user_fn: *mut c_void, errhandler: *mut c_int) -> c_int {
        errhandler_create(OF_FILE, of_file, user_fn, errhandler)
    }

    /// Section 9.3.4, error handlers for sessions.
    fn MPI_Session_create_errhandler(user_fn: *mut c_void, errhandler: *mut c_int) -> c_int {
        errhandler_create(OF_SESSION, of_session, user_fn, errhandler)
    }

    /// Section 13.2, generalized requests.
    fn MPI_Grequest_start(
        query_fn: *mut c_void, free_fn: *mut c_void, cancel_fn: *mut c_void, extra_state: *mut c_void,
        request: *mut c_int,
    ) -> c_int {
        let user = Box::into_raw(Box::new(Request {
            query: std::mem::transmute::<*mut c_void, Option<Query>>(query_fn),
            free: std::mem::transmute::<*mut c_void, Option<Free>>(free_fn),
            cancel: std::mem::transmute::<*mut c_void, Option<Cancel>>(cancel_fn),
            state: extra_state,
        }));
        let given = |user: *mut c_void, ours| if user.is_null() { user } else { ours };
        let mut raw = handle::UNSET;
        let result = callee::MPI_Grequest_start(
            given(query_fn, address(query as *const ())),
            address(free as *const ()),
            given(cancel_fn, address(cancel as *const ())),
            user.cast(),
            handle::place(request, &mut raw),
        );
        if result != 0 {
            drop(Box::from_raw(user));
        }
        handle::put::<handle::Request>(request, handle::UNSET, raw);
        code(result)
    }
}
