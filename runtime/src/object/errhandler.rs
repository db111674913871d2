//! Error handlers (MPI 5.0, section 9.3), and the one place that turns an
//! [`Error`] into a return code: [`raise`].
//!
//! A handler lives as long as an object uses it; its handle, as long as the
//! program holds references to it: one from its creation, and one from each
//! `MPI_X_get_errhandler`.

use crate::error::{Error, Result};
use crate::fail;
use crate::handle::{Kind, Raw, Table};
use crate::lock::{self, Local};
use crate::object::{comm, error_code, group, session, win};
use std::cell::{Cell, RefCell};
use std::ffi::c_int;
use std::sync::Arc;
use std::sync::atomic::{AtomicPtr, Ordering};

/// `MPI_ERRHANDLER_NULL`.
pub const NULL: Raw = 0x140;
/// `MPI_ERRORS_ARE_FATAL`.
pub const ARE_FATAL: Raw = 0x141;
/// `MPI_ERRORS_ABORT`.
pub const ABORT: Raw = 0x142;
/// `MPI_ERRORS_RETURN`.
pub const RETURN: Raw = 0x143;

/// `MPI_Comm_errhandler_function` and its like: the object's handle, the code.
pub type Function = unsafe extern "C" fn(*mut Raw, *mut c_int, ...);

/// An error handler that the program made.
#[derive(Debug)]
pub struct Errhandler {
    /// The kind of objects that it is for.
    kind: Kind,
    function: Function,
    /// Its handle while `references` is above 0.
    handle: Cell<Raw>,
    references: Cell<usize>,
}

/// What an object holds: the predefined ones take no memory.
#[derive(Clone, Debug, Default)]
pub enum Handler {
    /// `MPI_ERRORS_ARE_FATAL`.
    #[default]
    Fatal,
    /// `MPI_ERRORS_ABORT`.
    Abort,
    /// `MPI_ERRORS_RETURN`.
    Return,
    /// One that the program made.
    User(Arc<Errhandler>),
}

/// An object's error handler, to be changed in place.
#[derive(Debug, Default)]
pub struct Slot {
    handler: RefCell<Handler>,
    /// The program has set it: it is not the one that the object began with.
    is_set: Cell<bool>,
}

// SAFETY: reached under the library lock (see `lock`), which orders all uses of
// the cells inside.
unsafe impl Send for Errhandler {}
// SAFETY: as above.
unsafe impl Sync for Errhandler {}

impl Slot {
    /// A slot that holds `handler`.
    #[must_use]
    pub fn new(handler: Handler) -> Slot {
        Slot {
            handler: RefCell::new(handler),
            is_set: Cell::new(false),
        }
    }

    /// The handler, for a new object that inherits it.
    #[must_use]
    pub fn handler(&self) -> Handler {
        self.handler.borrow().clone()
    }

    /// The handler, if the program has set it on this very object.
    fn set_one(&self) -> Option<Handler> {
        self.is_set.get().then(|| self.handler())
    }

    /// Puts `handler` in, from another object.
    pub fn replace(&self, handler: Handler) {
        *self.handler.borrow_mut() = handler;
    }

    /// `MPI_X_set_errhandler` for an object of `kind`.
    ///
    /// # Errors
    /// `raw` is no error handler, or one for objects of another kind.
    pub fn set(&self, kind: Kind, raw: Raw) -> Result<()> {
        self.replace(for_kind(kind, raw)?);
        self.is_set.set(true);
        Ok(())
    }

    /// `MPI_X_get_errhandler`: a new reference, for `MPI_Errhandler_free`.
    ///
    /// # Errors
    /// No more handles.
    pub fn get(&self) -> Result<Raw> {
        match self.handler() {
            Handler::Fatal => Ok(ARE_FATAL),
            Handler::Abort => Ok(ABORT),
            Handler::Return => Ok(RETURN),
            Handler::User(handler) => refer(&handler),
        }
    }
}

static TABLE: Local<Table<Arc<Errhandler>>> = Local::new(Table::new(Kind::Errhandler));

fn refer(handler: &Arc<Errhandler>) -> Result<Raw> {
    if handler.references.get() == 0 {
        let raw = TABLE.with(|table| table.insert(handler.clone()))?;
        handler.handle.set(raw);
    }
    handler.references.set(handler.references.get() + 1);
    Ok(handler.handle.get())
}

/// `MPI_X_create_errhandler` for objects of `kind`.
///
/// # Errors
/// The function is null, or no more handles.
pub fn create(kind: Kind, function: Option<Function>) -> Result<Raw> {
    let Some(function) = function else {
        fail!(ARG, "the error handler function is a null pointer");
    };
    let handler = Arc::new(Errhandler {
        kind,
        function,
        handle: Cell::new(NULL),
        references: Cell::new(0),
    });
    refer(&handler)
}

/// `MPI_Errhandler_free`: gives one reference back. Predefined handlers may be
/// freed (a program may have got one from an object), without effect.
///
/// # Errors
/// `raw` is no error handler.
pub fn free(raw: Raw) -> Result<()> {
    if matches!(raw, ARE_FATAL | ABORT | RETURN) {
        return Ok(());
    }
    let Handler::User(handler) = find(raw)? else {
        return Ok(());
    };
    handler.references.set(handler.references.get() - 1);
    if handler.references.get() == 0 {
        TABLE.with(|table| table.remove(raw));
    }
    Ok(())
}

/// What the handle `raw` names.
///
/// # Errors
/// `raw` is no error handler.
pub fn find(raw: Raw) -> Result<Handler> {
    match raw {
        ARE_FATAL => Ok(Handler::Fatal),
        ABORT => Ok(Handler::Abort),
        RETURN => Ok(Handler::Return),
        NULL => fail!(ERRHANDLER, "errhandler is MPI_ERRHANDLER_NULL"),
        _ => match TABLE.with(|table| table.find(raw).cloned()) {
            Some(handler) => Ok(Handler::User(handler)),
            None => fail!(
                ERRHANDLER,
                "errhandler {raw:#x} is not a handle of an error handler, or was freed"
            ),
        },
    }
}

/// What the handle `raw` names, to be used for an object of `kind`.
///
/// # Errors
/// `raw` is no error handler, or one for objects of another kind.
pub fn for_kind(kind: Kind, raw: Raw) -> Result<Handler> {
    let handler = find(raw)?;
    if let Handler::User(user) = &handler
        && user.kind != kind
    {
        let made_for = user.kind;
        fail!(
            ERRHANDLER,
            "errhandler was created for objects of kind {made_for:?}, not {kind:?}"
        );
    }
    Ok(handler)
}

/// The whole handle that the low 32 bits of one name.
#[must_use]
pub fn from_low(low: u32) -> Option<Raw> {
    TABLE.with(|table| table.from_low(low))
}

/// The object that a failed call was about: its error handler is called.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum On {
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

/// The handler of files that are not open (`MPI_FILE_NULL`), and the first one
/// of each file (MPI 5.0, section 14.7).
pub static FILE_DEFAULT: Local<Handler> = Local::new(Handler::Return);
/// The handler before `MPI_Init`, after `MPI_Finalize` and in a program of sessions
/// alone (`mpi_initial_errhandler`; MPI 5.0, section 9.3).
pub static INITIAL: Local<Handler> = Local::new(Handler::Fatal);

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

/// Aborts the job: exit code, and why.
pub type AbortFn = fn(i32, &str) -> !;

static ABORT_HOOK: AtomicPtr<()> = AtomicPtr::new(std::ptr::null_mut());

/// Sets how a fatal error ends the job; `job` does so before anything can fail.
pub fn on_abort(hook: AbortFn) {
    ABORT_HOOK.store(hook as *mut (), Ordering::Relaxed);
}

/// Turns `error`, met in `call` (`MPI_Send`), into the code that the call
/// returns, after the error handler of the object that it was about had its say.
/// Does not return where that handler ends the job. No [`Local`] may be borrowed.
#[cold]
pub fn raise(on: On, call: &str, error: &Error) -> i32 {
    error_code::remember(error);
    dispatch(on, call, error)
}

/// `MPI_X_call_errhandler`: as if `call` had failed with `code` on the object.
#[cold]
pub fn call(on: On, call: &str, code: i32) {
    dispatch(on, call, &error_code::of_code(code));
}

/// Whether `raw` may stand for a file here: as long as there are none,
/// `MPI_FILE_NULL`, which stands for the handler that files get first.
///
/// # Errors
/// It may not.
pub fn check_file(raw: Raw) -> Result<()> {
    if raw != 0x118 {
        fail!(FILE, "file {raw:#x} is not a handle of an open file");
    }
    Ok(())
}

fn dispatch(on: On, call: &str, error: &Error) -> i32 {
    let code = error.class().0;
    let (handler, on) = handler_of(error.comm().map_or(on, On::Comm));
    match handler {
        Handler::Return => {}
        Handler::Fatal | Handler::Abort => die(on, call, error),
        Handler::User(user) => {
            let mut raw = raw_of(on);
            let mut passed = code;
            let function = user.function;
            // SAFETY: the program gave this function for handles of this kind;
            // both pointers are to live variables of ours.
            lock::released(|| unsafe { function(&raw mut raw, &raw mut passed) });
        }
    }
    code
}

fn raw_of(on: On) -> Raw {
    match on {
        On::Comm(raw) | On::Win(raw) | On::File(raw) | On::Session(raw) => raw,
        On::Nothing => comm::NULL,
    }
}

/// The handler to call, and the object to call it with.
fn handler_of(on: On) -> (Handler, On) {
    if let Some(given) = GIVEN.with(Option::take) {
        return (given, on);
    }
    let own = match on {
        On::Comm(raw) => comm::find(raw).map(|comm| comm.errhandler.handler()),
        On::File(_) => Some(FILE_DEFAULT.with(|handler| handler.clone())),
        On::Session(raw) => session::errhandler(raw),
        On::Win(raw) => win::find(raw).map(|win| win.errhandler.handler()),
        On::Nothing => None,
    };
    if let Some(handler) = own {
        return (handler, on);
    }
    of_the_world().unwrap_or_else(|| (INITIAL.with(|handler| handler.clone()), On::Nothing))
}

/// The handler for errors that are about no object (MPI 5.0, section 9.3): that of
/// `MPI_COMM_SELF`. Up to MPI 3.1 it was that of `MPI_COMM_WORLD`, and programs of
/// that time set no other: theirs decides while the program has left
/// `MPI_COMM_SELF`'s alone.
fn of_the_world() -> Option<(Handler, On)> {
    let own = comm::find(comm::SELF)?;
    let world = comm::find(comm::WORLD).and_then(|world| world.errhandler.set_one());
    match (own.errhandler.set_one(), world) {
        (None, Some(world)) => Some((world, On::Comm(comm::WORLD))),
        (_, _) => Some((own.errhandler.handler(), On::Comm(comm::SELF))),
    }
}

fn die(on: On, call: &str, error: &Error) -> ! {
    let rank = group::here().map_or(String::new(), |here| format!("rank {} ", here.0.0));
    let place = match on {
        On::Comm(raw) => match comm::find(raw) {
            Some(comm) => format!(" on {}", comm.label()),
            None => String::new(),
        },
        On::Win(raw) => match win::find(raw) {
            Some(win) => format!(" on {}", win.label()),
            None => String::new(),
        },
        On::File(_) => " on a file".to_owned(),
        On::Session(_) => " on a session".to_owned(),
        On::Nothing => String::new(),
    };
    let class = error_code::name(error.class().0)
        .map_or_else(|| format!("error code {}", error.class().0), str::to_owned);
    let text = format!("{rank}in {call}{place}: {} ({class})", error.text());
    end(error.class().0, &text)
}

fn end(code: i32, text: &str) -> ! {
    let hook = ABORT_HOOK.load(Ordering::Relaxed);
    if hook.is_null() {
        eprintln!("lariat: {text}");
        std::process::exit(if code & 0xff == 0 { 1 } else { code });
    }
    // SAFETY: only `on_abort` stores here, and what it stores is an AbortFn.
    let hook = unsafe { std::mem::transmute::<*mut (), AbortFn>(hook) };
    hook(code, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Class;
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
    fn a_handle_lives_by_its_references() {
        let _inside = lock::inside();
        let raw = create(Kind::Comm, Some(noting())).unwrap();
        let slot = Slot::default();
        assert_eq!(slot.get().unwrap(), ARE_FATAL);
        slot.set(Kind::Comm, raw).unwrap();
        assert!(Slot::default().set(Kind::Win, raw).is_err());
        let again = slot.get().unwrap();
        assert_eq!(again, raw, "one handler, one handle");
        free(raw).unwrap();
        assert!(find(raw).is_ok(), "a reference is left");
        free(raw).unwrap();
        assert!(find(raw).is_err() && free(raw).is_err());
        let anew = slot.get().unwrap();
        assert_ne!(anew, raw, "the old handle stays stale");
        free(anew).unwrap();
        assert!(create(Kind::Comm, None).is_err());
    }

    #[test]
    fn the_handler_is_called_and_the_class_returned() {
        let _inside = lock::inside();
        let raw = create(Kind::Comm, Some(noting())).unwrap();
        let before = INITIAL.with(|handler| std::mem::replace(handler, find(raw).unwrap()));
        let error = Error::new(Class::TAG, "tag -5");
        assert_eq!(raise(On::Comm(0x999), "MPI_Send", &error), Class::TAG.0);
        assert_eq!(SEEN.load(Ordering::Relaxed), Class::TAG.0);
        assert!(error_code::text(Class::TAG.0).unwrap().ends_with("tag -5"));
        INITIAL.with(|handler| *handler = before);
        free(raw).unwrap();
    }
}
