//! Files (MPI 5.0, chapter 14): what an open file consists of, and the table of
//! handles. `crate::file` opens them and moves their data.

pub mod datarep;
pub mod view;

use crate::error::Result;
use crate::fail;
use crate::handle::{Kind, Raw, Table};
use crate::lock::Local;
use crate::object::comm::{Comm, ContextId};
use crate::object::errhandler;
use crate::object::info::Info;
use std::any::Any;
use std::cell::{Cell, OnceCell, RefCell};
use std::ffi::CString;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex};
use view::View;

/// `MPI_FILE_NULL`.
pub const NULL: Raw = 0x118;

/// The access mode of a file: a sum of `MPI_MODE_` constants (section 14.2.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Amode(pub i32);

#[allow(missing_docs, reason = "the names are the standard's, less MPI_MODE_")]
impl Amode {
    pub const APPEND: i32 = 1;
    pub const CREATE: i32 = 2;
    pub const DELETE_ON_CLOSE: i32 = 4;
    pub const EXCL: i32 = 8;
    pub const RDONLY: i32 = 16;
    pub const RDWR: i32 = 32;
    pub const SEQUENTIAL: i32 = 64;
    pub const UNIQUE_OPEN: i32 = 128;
    pub const WRONLY: i32 = 256;

    /// Whether it has this constant.
    #[must_use]
    pub fn has(self, mode: i32) -> bool {
        self.0 & mode != 0
    }
}

/// An open file. Shared (`Arc`) by its handle and by the accesses under way.
#[derive(Debug)]
pub struct File {
    /// The group that opened it, this process's rank, and a context for its messages:
    /// a communicator of the file's own, without a handle.
    pub comm: Arc<Comm>,
    /// The path as the kernel gets it.
    pub path: CString,
    /// As given to `MPI_File_open`.
    pub amode: Amode,
    /// The open file description: one for each rank. Accesses that outlive their call hold
    /// a share of it.
    pub fd: Arc<OwnedFd>,
    /// Whether `fd` can be read: also true of most files that the program opened with
    /// `MPI_MODE_WRONLY`, for the sake of data sieving.
    pub is_readable: bool,
    /// What this process sees of the file.
    pub view: RefCell<Arc<View>>,
    /// The individual file pointer, in etypes of the view.
    pub position: Cell<i64>,
    /// Whether accesses are atomic (section 14.6.1).
    pub is_atomic: Cell<bool>,
    /// Memory that all members have mapped: the shared file pointer, and room for collective
    /// accesses. Filled when the file is opened.
    pub common: OnceCell<Box<dyn Any>>,
    /// Whose turn it is, of the threads of this process that access it atomically.
    pub turn: Mutex<()>,
    /// The split collective access that is under way: what its `_end` call needs.
    pub split: RefCell<Option<Box<dyn Any>>>,
    /// Its handle; [`NULL`] once closed.
    pub handle: Cell<Raw>,
    /// Its error handler.
    pub errhandler: errhandler::Slot,
    /// Its hints.
    pub info: RefCell<Info>,
}

// SAFETY: files are reached under the library lock (see `lock`), which orders all uses of
// the cells inside.
unsafe impl Send for File {}
// SAFETY: as above.
unsafe impl Sync for File {}

impl File {
    /// What to call it in a message.
    #[must_use]
    pub fn label(&self) -> String {
        format!("file {:?}", self.path.to_string_lossy())
    }

    /// The view, to be used across a wait.
    #[must_use]
    pub fn view(&self) -> Arc<View> {
        self.view.borrow().clone()
    }
}

static TABLE: Local<Table<Arc<File>>> = Local::new(Table::new(Kind::File));

/// The file that `raw` names.
///
/// # Errors
/// `raw` is null, stale, or no file.
pub fn get(raw: Raw) -> Result<Arc<File>> {
    match find(raw) {
        Some(file) => Ok(file),
        None => unknown(raw),
    }
}

/// As [`get`], without an error to make.
#[must_use]
pub fn find(raw: Raw) -> Option<Arc<File>> {
    TABLE.with(|table| table.find(raw).cloned())
}

#[cold]
fn unknown<T>(raw: Raw) -> Result<T> {
    match raw {
        NULL => fail!(FILE, "fh is MPI_FILE_NULL"),
        _ => fail!(
            FILE,
            "fh {raw:#x} is not a handle of an open file, or was closed"
        ),
    }
}

/// Names a file.
///
/// # Errors
/// No more handles.
pub fn insert(file: File) -> Result<Raw> {
    let file = Arc::new(file);
    let raw = TABLE.with(|table| table.insert(file.clone()))?;
    file.handle.set(raw);
    Ok(raw)
}

/// Takes the handle of a file away.
///
/// # Errors
/// `raw` is null, stale, or no file.
pub fn remove(raw: Raw) -> Result<Arc<File>> {
    match TABLE.with(|table| table.remove(raw)) {
        Some(file) => {
            file.handle.set(NULL);
            Ok(file)
        }
        None => unknown(raw),
    }
}

/// The whole handle that the low 32 bits of one name.
#[must_use]
pub fn from_low(low: u32) -> Option<Raw> {
    TABLE.with(|table| table.from_low(low))
}

/// The file whose members talk in this context.
#[must_use]
pub fn with_context(context: ContextId) -> Option<Arc<File>> {
    let is = |file: &&Arc<File>| file.comm.context == context;
    TABLE.with(|table| table.iter().map(|(_, file)| file).find(is).cloned())
}

/// How many there are that the program has a handle of.
#[must_use]
pub fn count() -> usize {
    TABLE.with(|table| table.len())
}
