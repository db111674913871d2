//! The one place that turns an [`Error`] into a return code: [`raise`] calls the
//! error handler of the object that a failed call is about (MPI 5.0, section 9.3).

use crate::error::{Error, Result};
use crate::handle::{KIND, Kind, Raw};
use crate::lock::{self, Local};
use crate::object::errhandler::{FILE_DEFAULT, Handler, initial};
use crate::object::{comm, error_code, file, group, session, win};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicPtr, Ordering};
use wireup::layout::AbortKind;

/// The object that a failed call was about: its error handler is called.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Subject {
    /// A communicator's handle.
    Comm(Raw),
    /// A window's handle.
    Win(Raw),
    /// A file's handle.
    File(Raw),
    /// A session's handle.
    Session(Raw),
    /// No object: `MPI_COMM_SELF`'s handler, outside the world model the initial one.
    Nothing,
}

/// What [`under`] left for the [`raise`] that follows.
static GIVEN: Local<Option<Handler>> = Local::new(None);

/// The result of a call that brings an error handler along, since the object
/// that it makes does not exist yet (`MPI_Comm_create_from_group`,
/// `MPI_Session_init`): if it failed, `handler` is the one that [`raise`] calls.
///
/// # Errors
/// That of `result`.
pub fn under<R>(handler: Handler, result: Result<R>) -> Result<R> {
    if result.is_err() {
        GIVEN.with(|given| *given = Some(handler));
    }
    result
}

/// Aborts the job: the kind of the reason and the error class's name, exit code, and why.
pub type AbortFn = fn((AbortKind, &str), i32, &str) -> !;

static ABORT_HOOK: AtomicPtr<()> = AtomicPtr::new(std::ptr::null_mut());

/// Sets how a fatal error ends the job; `job` does so before anything can fail.
pub fn on_abort(hook: AbortFn) {
    ABORT_HOOK.store(hook as *mut (), Ordering::Relaxed);
}

static RETURN_HOOK: OnceLock<fn(&str)> = OnceLock::new();

/// Has `warn` called for errors that are returned although the program has not asked for that.
pub fn on_return(warn: fn(&str)) {
    let _ = RETURN_HOOK.set(warn); // a process joins one job
}

/// Turns `error`, met in `call` (`MPI_Send`), into the code that the call
/// returns, after the error handler of the object that it was about had its say.
/// Does not return where that handler ends the job. No [`Local`] may be borrowed.
#[cold]
pub fn raise(subject: Subject, call: &str, error: &Error) -> i32 {
    error_code::remember(error);
    dispatch(subject, call, error)
}

/// `MPI_X_call_errhandler`: as if `call` had failed with `code` on the object.
#[cold]
pub fn call(subject: Subject, call: &str, code: i32) {
    dispatch(subject, call, &error_code::of_code(code));
}

fn dispatch(subject: Subject, call: &str, error: &Error) -> i32 {
    let code = error.class().0;
    let (handler, subject) = handler_of(error.comm().map_or(subject, named));
    match handler {
        Handler::Return => {
            if let Some(warn) = RETURN_HOOK.get() {
                tell(*warn, subject, call, error);
            }
        }
        Handler::Fatal | Handler::Abort => die(subject, call, error),
        Handler::User(user) => {
            let raw = raw_of(subject);
            lock::released(|| user.call(raw, code));
        }
    }
    code
}

/// The object that a request's error is about.
fn named(raw: Raw) -> Subject {
    match raw & KIND == Kind::File as Raw {
        true => Subject::File(raw),
        false => Subject::Comm(raw),
    }
}

fn raw_of(subject: Subject) -> Raw {
    match subject {
        Subject::Comm(raw) | Subject::Win(raw) | Subject::File(raw) | Subject::Session(raw) => raw,
        Subject::Nothing => comm::NULL,
    }
}

/// The handler to call, and the object to call it with.
fn handler_of(subject: Subject) -> (Handler, Subject) {
    if let Some(given) = GIVEN.with(Option::take) {
        return (given, subject);
    }
    let own = match subject {
        Subject::Comm(raw) => comm::find(raw).map(|comm| comm.errhandler.handler()),
        Subject::File(raw) => Some(match file::find(raw) {
            Some(file) => file.errhandler.handler(),
            None => FILE_DEFAULT.with(|slot| slot.handler()),
        }),
        Subject::Session(raw) => session::errhandler(raw),
        Subject::Win(raw) => win::find(raw).map(|win| win.errhandler.handler()),
        Subject::Nothing => None,
    };
    if let Some(handler) = own {
        return (handler, subject);
    }
    of_the_world().unwrap_or_else(|| (initial(), Subject::Nothing))
}

/// The handler for errors that are about no object (MPI 5.0, section 9.3): that of
/// `MPI_COMM_SELF`. Up to MPI 3.1 it was that of `MPI_COMM_WORLD`, and programs of
/// that time set no other: theirs decides while the program has left
/// `MPI_COMM_SELF`'s alone.
fn of_the_world() -> Option<(Handler, Subject)> {
    let own = comm::find(comm::SELF)?;
    let world = comm::find(comm::WORLD).and_then(|world| world.errhandler.set_by_program());
    match (own.errhandler.set_by_program(), world) {
        (None, Some(world)) => Some((world, Subject::Comm(comm::WORLD))),
        (_, _) => Some((own.errhandler.handler(), Subject::Comm(comm::SELF))),
    }
}

/// Tells of an error of a file, which the call returns although the program has set no handler
/// for it: many a program does not look at what such calls return.
fn tell(warn: fn(&str), subject: Subject, call: &str, error: &Error) {
    let Subject::File(raw) = subject else { return };
    let is_set = file::find(raw).is_some_and(|file| file.errhandler.is_set());
    if is_set || FILE_DEFAULT.with(|slot| slot.is_set()) {
        return;
    }
    let class = error_code::name(error.class().0).unwrap_or("an error code of the program's");
    let text = format!(
        "rank {}: {call}{} returns an error, and the job goes on: {} ({class})",
        group::own_rank(),
        place_of(subject),
        error.text()
    );
    warn(&text);
}

/// The object, as errors name it.
fn place_of(subject: Subject) -> String {
    match subject {
        Subject::Comm(raw) => match comm::find(raw) {
            Some(comm) => {
                let own = comm.rank;
                let there = match own == group::own_rank() {
                    true => String::new(),
                    false => format!(" (rank {own} there)"),
                };
                format!(" on {}{there}", comm.label())
            }
            None => String::new(),
        },
        Subject::Win(raw) => match win::find(raw) {
            Some(win) => format!(" on {}", win.label()),
            None => String::new(),
        },
        Subject::File(raw) => match file::find(raw) {
            Some(file) => format!(" on {}", file.label()),
            None => String::new(),
        },
        Subject::Session(_) => " on a session".to_owned(),
        Subject::Nothing => String::new(),
    }
}

fn die(subject: Subject, call: &str, error: &Error) -> ! {
    let rank = group::here().map_or(String::new(), |_| format!("rank {} ", group::own_rank()));
    let place = place_of(subject);
    let known = error_code::name(error.class().0);
    let class = known.map_or_else(|| format!("error code {}", error.class().0), str::to_owned);
    let text = format!("{rank}in {call}{place}: {} ({class})", error.text());
    let kind = match error.is_mismatch() {
        true => AbortKind::Mismatch,
        false => AbortKind::Error,
    };
    end((kind, known.unwrap_or_default()), error.class().0, &text)
}

fn end(reason: (AbortKind, &str), code: i32, text: &str) -> ! {
    let hook = ABORT_HOOK.load(Ordering::Relaxed);
    if hook.is_null() {
        eprintln!("lariat: {text}");
        std::process::exit(if code & 0xff == 0 { 1 } else { code });
    }
    // SAFETY: only `on_abort` stores here, and what it stores is an AbortFn.
    let hook = unsafe { std::mem::transmute::<*mut (), AbortFn>(hook) };
    hook(reason, code, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Class;
    use crate::handle::Kind;
    use crate::object::errhandler::{Function, create, find, free, replace_initial};
    use std::ffi::c_int;
    use std::sync::atomic::AtomicI32;

    static SEEN: AtomicI32 = AtomicI32::new(0);

    // A C-variadic function cannot be defined in stable Rust, but one that
    // takes only the named arguments is called the same way.
    unsafe extern "C" fn note(_comm: *mut Raw, code: *mut c_int) {
        // SAFETY: `raise` passes pointers to live variables.
        SEEN.store(unsafe { *code }, Ordering::Relaxed);
    }

    fn noting() -> Function {
        // SAFETY: on the platforms we run on, a call through the variadic type
        // passes its named arguments as a call of the plain one.
        unsafe { std::mem::transmute::<unsafe extern "C" fn(*mut Raw, *mut c_int), Function>(note) }
    }

    #[test]
    fn the_handler_is_called_and_the_class_returned() {
        let _inside = lock::inside();
        let raw = create(Kind::Comm, Some(noting())).unwrap();
        let before = replace_initial(find(raw).unwrap());
        let error = Error::new(Class::TAG, "tag -5");
        assert_eq!(
            raise(Subject::Comm(0x999), "MPI_Send", &error),
            Class::TAG.0
        );
        assert_eq!(SEEN.load(Ordering::Relaxed), Class::TAG.0);
        assert!(error_code::text(Class::TAG.0).unwrap().ends_with("tag -5"));
        replace_initial(before);
        free(raw).unwrap();
    }
}
