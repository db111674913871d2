//! For libraries that lie over this one and offer another ABI (`runtime/mpich`). A reduction and an
//! error handler of a user's get no state in MPI. One of such a library gets a context: the
//! library keeps the user's function there, and converts the arguments. What else is called back
//! has a state in MPI itself.

use super::entry::{self, ANY_TIME, Call};
use super::prelude::*;
use super::process;
use crate::error::Result;
use crate::handle::Kind;
use crate::object::errhandler::{self, Action};
use crate::object::op;
use crate::request::{self, Stage, StageFunction};
use crate::{lock, stack};

/// Says that a library with code at this address lies over this one. Where a program is in its own
/// code is told without the frames of either.
///
/// # Safety
/// The library is not unloaded.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lariat_lies_over(code: *const c_void) {
    stack::leave_out(code.addr() as u64);
}

/// How many error codes spawning has given to this thread since the last call of this. Only the
/// root's arguments say how many processes are asked for (section 11.8.2), so that a library over
/// this one would not know how many to convert.
#[unsafe(no_mangle)]
pub extern "C" fn lariat_take_number_of_codes() -> c_int {
    c_int::try_from(process::take_number_of_codes()).unwrap_or(c_int::MAX) // as many as ranks
}

/// `MPI_Op_create` (section 6.9.5) of a function with a context, which is told of at most `most`
/// elements in one call.
///
/// # Safety
/// As `MPI_Op_create`; `function` takes `context`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lariat_op_create(
    function: Option<op::OverFunction>,
    context: *mut c_void,
    most: MPI_Count,
    commute: c_int,
    op: *mut MPI_Op,
) -> c_int {
    const CALL: Call = Call::new("MPI_Op_create", !ANY_TIME);
    entry::call(CALL, Subject::Nothing, || {
        let Some(function) = function else {
            fail!(ARG, "user_fn is a null pointer");
        };
        let most = usize::try_from(most).unwrap_or(usize::MAX >> 1).max(1);
        let function = op::Function::Over(function, context.expose_provenance(), most);
        // SAFETY: as the caller said.
        unsafe {
            arg::put(op, "op", MPI_Op(op::NULL))?;
            arg::put(op, "op", MPI_Op(op::create(function, commute != 0)?))
        }
    })
}

/// Gives the request of a nonblocking or persistent collective memory that stands in for the
/// program's buffers: `empty` copies what was received out when the collective is done, which it may
/// be already, and `fill` copies the buffers in when it is started again. `free` comes last, also
/// where the code of an error is returned.
///
/// # Safety
/// The functions may be called with `context`, and do not call MPI.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lariat_request_stage(
    request: MPI_Request,
    fill: StageFunction,
    empty: StageFunction,
    free: StageFunction,
    context: *mut c_void,
) -> c_int {
    let _inside = lock::enter();
    // SAFETY: as the caller said.
    let stage = unsafe { Stage::new(fill, empty, free, context) };
    match request::keep_stage(request.0, stage) {
        Ok(()) => 0,
        Err(error) => error.class().0,
    }
}

/// `MPI_X_create_errhandler` (section 9.3) of a function with a context, for objects of a kind,
/// which is given by the low bits of their handles.
///
/// # Safety
/// As `MPI_Comm_create_errhandler`; `function` takes `context`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lariat_errhandler_create(
    kind: c_int,
    function: Option<errhandler::OverFunction>,
    context: *mut c_void,
    errhandler: *mut MPI_Errhandler,
) -> c_int {
    const KINDS: [(Kind, Call); 4] = [
        (
            Kind::Comm,
            Call::new("MPI_Comm_create_errhandler", ANY_TIME),
        ),
        (Kind::Win, Call::new("MPI_Win_create_errhandler", ANY_TIME)),
        (
            Kind::File,
            Call::new("MPI_File_create_errhandler", ANY_TIME),
        ),
        (
            Kind::Session,
            Call::new("MPI_Session_create_errhandler", ANY_TIME),
        ),
    ];
    let found = KINDS
        .iter()
        .find(|(of, _)| usize::try_from(kind) == Ok(*of as usize));
    let call = found.unwrap_or(&KINDS[0]).1;
    let body = || -> Result<()> {
        let Some((kind, _)) = found else {
            fail!(ARG, "objects of kind {kind:#x} have no error handlers");
        };
        let Some(function) = function else {
            fail!(ARG, "the error handler function is a null pointer");
        };
        let action = Action::Over(function, context.expose_provenance());
        let new = errhandler::create_of(*kind, action)?;
        // SAFETY: as the caller said.
        unsafe { arg::put(errhandler, "errhandler", MPI_Errhandler(new)) }
    };
    entry::call(call, Subject::Nothing, body)
}
