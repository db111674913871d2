//! Error handlers (MPI 5.0, section 9.3). `raise` calls them.
//!
//! A handler lives as long as an object uses it; its handle, as long as the
//! program holds references to it: one from its creation, and one from each
//! `MPI_X_get_errhandler`.

use crate::error::Result;
use crate::fail;
use crate::handle::{Kind, Raw, Table};
use crate::lock::Local;
use std::cell::{Cell, RefCell};
use std::ffi::{c_int, c_void};
use std::sync::Arc;

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

/// The function of a library over this one (`abi::over`): its context, the object's handle,
/// the code.
pub type OverFunction = unsafe extern "C" fn(*mut c_void, Raw, c_int);

/// What an error handler of the program does.
#[derive(Clone, Copy, Debug)]
pub enum Action {
    /// Calls the user's function.
    User(Function),
    /// Calls that of a library over this one, with the address that is its context.
    Over(OverFunction, usize),
}

/// An error handler that the program made.
#[derive(Debug)]
pub struct Errhandler {
    /// The kind of objects that it is for.
    kind: Kind,
    action: Action,
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
    pub const fn new(handler: Handler) -> Slot {
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
    pub(super) fn set_by_program(&self) -> Option<Handler> {
        self.is_set.get().then(|| self.handler())
    }

    /// Whether the program has set it on this very object.
    pub(super) fn is_set(&self) -> bool {
        self.is_set.get()
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

/// The handler of files that are not open (`MPI_FILE_NULL`), and the first one
/// of each file (MPI 5.0, section 14.7).
pub static FILE_DEFAULT: Local<Slot> = Local::new(Slot::new(Handler::Return));
/// The handler before `MPI_Init`, after `MPI_Finalize` and in a program of sessions
/// alone (`mpi_initial_errhandler`; MPI 5.0, section 9.3).
static INITIAL: Local<Option<Handler>> = Local::new(None);

/// The initial error handler, which the launcher was told, or the process that has spawned
/// this job.
pub fn initial() -> Handler {
    INITIAL.with(|initial| initial.get_or_insert_with(told).clone())
}

fn told() -> Handler {
    let name = wireup::env::get(wireup::env::INITIAL_ERRHANDLER).unwrap_or_default();
    match wireup::env::errhandler(&name) {
        Ok("mpi_errors_return") => Handler::Return,
        Ok("mpi_errors_abort") => Handler::Abort,
        _ => Handler::Fatal,
    }
}

/// Puts another initial error handler in.
#[cfg(test)]
pub(super) fn replace_initial(handler: Handler) -> Handler {
    let before = initial();
    INITIAL.with(|initial| *initial = Some(handler));
    before
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
    create_of(kind, Action::User(function))
}

/// An error handler for objects of `kind` that does `action`.
///
/// # Errors
/// No more handles.
pub fn create_of(kind: Kind, action: Action) -> Result<Raw> {
    let handler = Arc::new(Errhandler {
        kind,
        action,
        handle: Cell::new(NULL),
        references: Cell::new(0),
    });
    refer(&handler)
}

impl Errhandler {
    /// Does what the handler is for, with the handle of an object and an error code. The
    /// library lock is not held.
    pub(super) fn call(&self, mut raw: Raw, mut code: c_int) {
        match self.action {
            // SAFETY: the program gave this function for handles of this kind; both pointers
            // are to live variables of ours.
            Action::User(function) => unsafe { function(&raw mut raw, &raw mut code) },
            Action::Over(function, context) => {
                let context = std::ptr::with_exposed_provenance_mut(context);
                // SAFETY: as above; the context belongs to the function.
                unsafe { function(context, raw, code) }
            }
        }
    }
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

/// How many there are that the program has a handle of.
#[must_use]
pub fn count() -> usize {
    TABLE.with(|table| table.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lock;

    unsafe extern "C" fn nothing(_object: *mut Raw, _code: *mut c_int) {}

    fn function() -> Function {
        // SAFETY: on the platforms we run on, a call through the variadic type
        // passes its named arguments as a call of the plain one; nobody calls it.
        unsafe {
            std::mem::transmute::<unsafe extern "C" fn(*mut Raw, *mut c_int), Function>(nothing)
        }
    }

    #[test]
    fn a_handle_lives_by_its_references() {
        let _inside = lock::inside();
        let raw = create(Kind::Comm, Some(function())).unwrap();
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
}
