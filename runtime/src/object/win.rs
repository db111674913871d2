//! Windows (MPI 5.0, chapter 12): memory of each process of a group that all of
//! them reach. What they are, and the table of their handles; `rma` makes them
//! and carries out what is done with them.

use crate::error::Result;
use crate::fail;
use crate::handle::{Kind, Raw, Table};
use crate::lock::Local;
use crate::object::attr::Attributes;
use crate::object::comm::{Comm, ContextId};
use crate::object::errhandler;
use crate::object::info::Info;
use std::any::Any;
use std::cell::{Cell, RefCell};
use std::ffi::{c_int, c_void};
use std::ptr::NonNull;
use std::sync::Arc;

/// `MPI_WIN_NULL`.
pub const NULL: Raw = 0x110;

/// `MPI_WIN_UNIFIED`: the only memory model there is. Loads and stores of processes of one
/// machine reach the window itself, and for those of other hosts the target carries accesses
/// out by its own.
const UNIFIED: c_int = 321;

/// How a window was made (`MPI_WIN_CREATE_FLAVOR`), with the ABI's numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(i32)]
pub enum Flavor {
    /// By `MPI_Win_create`.
    Create = 311,
    /// By `MPI_Win_allocate`.
    Allocate = 312,
    /// By `MPI_Win_create_dynamic`.
    Dynamic = 313,
    /// By `MPI_Win_allocate_shared`.
    Shared = 314,
}

/// How this process reaches a member's memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PartReach {
    /// By loads and stores, for good: it is the process's own, or mapped.
    Mapped,
    /// By the best arm that works when it is accessed.
    Remote,
    /// As `Remote`, but not by way of the heap file: the member has mapped something
    /// else over its shared heap there.
    Replaced,
    /// By messages alone: the member must see each byte being written.
    Messages,
    /// By messages alone: the member is on another host.
    OtherHost,
}

/// What one member has in the window, as this process reaches it.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    /// Where it begins in this process's address space; null unless it is mapped.
    pub base: *mut u8,
    /// Where it begins in its owner's address space.
    pub home: u64,
    /// How it is reached.
    pub reach: PartReach,
    /// Bytes.
    pub size: usize,
    /// Bytes of a unit of displacement in it; above 0.
    pub disp_unit: i64,
}

/// How a target is locked by this process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LockKind {
    /// `MPI_LOCK_SHARED`.
    Shared,
    /// `MPI_LOCK_EXCLUSIVE`.
    Exclusive,
    /// Either of them with `MPI_MODE_NOCHECK`: nothing was acquired.
    Unchecked,
}

/// The epochs that this process has open on a window (section 12.5). Ranks are
/// those of the window's group.
#[derive(Debug, Default)]
pub struct Epochs {
    /// The last call of synchronization was a fence that another may follow.
    pub fence: bool,
    /// With [`Epochs::fence`]: there was an access since, so that an epoch is open which only
    /// another fence closes. Noted under the setting `check` alone.
    pub fence_is_used: bool,
    /// The targets of `MPI_Win_start`.
    pub access: Option<Vec<u32>>,
    /// The origins of `MPI_Win_post` whose `MPI_Win_complete` was not seen yet.
    pub exposure: Option<Vec<u32>>,
    /// The targets of `MPI_Win_lock`, few as a rule.
    pub locks: Vec<(u32, LockKind)>,
    /// What `MPI_Win_lock_all` holds everywhere.
    pub all: Option<LockKind>,
}

impl Epochs {
    /// Whether `MPI_Win_lock` has locked this rank.
    #[must_use]
    #[inline]
    pub fn has_locked(&self, rank: u32) -> bool {
        self.locks.iter().any(|lock| lock.0 == rank)
    }

    /// Whether an epoch of passive target has `rank` as a target.
    #[must_use]
    #[inline]
    pub fn allow_passive(&self, rank: u32) -> bool {
        self.all.is_some() || self.has_locked(rank)
    }

    /// A fence was called, or another call of synchronization: `succeeds` tells whether another
    /// fence may follow.
    pub fn set_fence(&mut self, succeeds: bool) {
        self.fence = succeeds;
        self.fence_is_used = false;
    }

    /// Whether any epoch has `rank` as a target.
    #[must_use]
    #[inline]
    pub fn allow(&self, rank: u32) -> bool {
        let started = || self.access.as_ref();
        self.allow_passive(rank)
            || self.fence
            || started().is_some_and(|targets| targets.contains(&rank))
    }
}

/// The values that the predefined attributes point to.
#[derive(Debug)]
struct AttributeValues {
    size: isize,
    disp_unit: c_int,
    flavor: c_int,
    model: c_int,
}

/// A window.
#[derive(Debug)]
pub struct Win {
    /// Its group, this process's rank, and a context for its messages: a
    /// communicator of the window's own, without a handle.
    pub comm: Comm,
    /// What each member has in it, by rank.
    pub parts: Vec<Part>,
    /// How it was made.
    pub flavor: Flavor,
    /// The words that its members on this host synchronize by.
    pub control: NonNull<u8>,
    /// What its memory lives by; dropping it lets go.
    pub memory: RefCell<Option<Box<dyn Any>>>,
    /// What `rma` keeps for memory that is not mapped here; `None`: all is mapped.
    pub remote: Option<Box<dyn Any>>,
    /// What is open on it.
    pub epochs: RefCell<Epochs>,
    /// Whether this process may have stored in mapped memory of a target since its last
    /// flush: stores that another processor may not see yet.
    pub stored: Cell<bool>,
    /// Its handle; [`NULL`] once freed.
    pub handle: Cell<Raw>,
    /// Its error handler.
    pub errhandler: errhandler::Slot,
    /// What `MPI_Win_set_name` gave it; empty: none.
    pub name: RefCell<String>,
    /// What programs cached on it.
    pub attributes: Attributes,
    /// Its hints.
    pub info: RefCell<Info>,
    values: AttributeValues,
}

// SAFETY: windows are reached under the library lock (see `lock`), which orders
// all uses of the cells inside; the pointers are to memory that any thread of the
// process may reach.
unsafe impl Send for Win {}
// SAFETY: as above.
unsafe impl Sync for Win {}

impl Win {
    /// A window without a handle yet, nor a name or attributes.
    ///
    /// # Panics
    /// If there is not a part for each member: a bug of the caller.
    #[must_use]
    pub fn new(
        comm: Comm,
        parts: Vec<Part>,
        flavor: Flavor,
        control: NonNull<u8>,
        memory: Box<dyn Any>,
        remote: Option<Box<dyn Any>>,
    ) -> Win {
        assert_eq!(parts.len(), comm.size() as usize);
        let own = parts[comm.rank as usize];
        let values = AttributeValues {
            size: isize::try_from(own.size).unwrap_or(isize::MAX),
            disp_unit: c_int::try_from(own.disp_unit).unwrap_or(c_int::MAX),
            flavor: flavor as c_int,
            model: UNIFIED,
        };
        Win {
            comm,
            parts,
            flavor,
            control,
            memory: RefCell::new(Some(memory)),
            remote,
            epochs: RefCell::default(),
            stored: Cell::new(false),
            handle: Cell::new(NULL),
            errhandler: errhandler::Slot::default(),
            name: RefCell::default(),
            attributes: Attributes::default(),
            info: RefCell::default(),
            values,
        }
    }

    /// What to call it in a message: its name, or what it is.
    #[must_use]
    pub fn label(&self) -> String {
        let name = self.name.borrow();
        if name.is_empty() {
            return format!("a window of {}", self.comm.size());
        }
        name.clone()
    }

    /// Whether `rank` is on another host.
    #[must_use]
    pub fn is_far(&self, rank: u32) -> bool {
        let part = self.parts.get(rank as usize);
        part.is_some_and(|part| part.reach == PartReach::OtherHost)
    }

    /// Whether any member is on another host.
    #[must_use]
    pub fn spans_hosts(&self) -> bool {
        self.remote.is_some() && self.comm.is_foreign && self.comm.spans_hosts()
    }

    /// The part of `rank`.
    ///
    /// # Errors
    /// There is no such rank.
    pub fn part(&self, rank: u32, what: &str) -> Result<&Part> {
        match self.parts.get(rank as usize) {
            Some(part) => Ok(part),
            None => fail!(
                RANK,
                "{what} is {rank}, but {} has ranks 0 to {}",
                self.label(),
                self.parts.len() - 1
            ),
        }
    }

    /// The predefined attribute with this key (section 12.2.6): a pointer to the
    /// value, but for `MPI_WIN_BASE`, which is itself one. `None`: it is no
    /// predefined key.
    #[must_use]
    pub fn predefined(&self, number: i32) -> Option<*mut c_void> {
        let at: *const c_void = match number {
            601 => self.parts[self.comm.rank as usize].base.cast(),
            602 => (&raw const self.values.disp_unit).cast(),
            603 => (&raw const self.values.size).cast(),
            604 => (&raw const self.values.flavor).cast(),
            605 => (&raw const self.values.model).cast(),
            _ => return None,
        };
        Some(at.cast_mut())
    }
}

static TABLE: Local<Table<Arc<Win>>> = Local::new(Table::new(Kind::Win));

/// The window that `raw` names.
///
/// # Errors
/// `raw` is null, stale, or no window.
pub fn get(raw: Raw) -> Result<Arc<Win>> {
    match find(raw) {
        Some(win) => Ok(win),
        None => unknown(raw),
    }
}

/// As [`get`], for a call that does not wait: until the handle is freed, which a right
/// program does not do while it uses it.
#[inline]
#[must_use]
pub fn find_ref(raw: Raw) -> Option<&'static Win> {
    let win = TABLE.with(|table| table.find(raw).map(Arc::as_ptr));
    // SAFETY: the table shares the window until its handle is freed.
    win.map(|win| unsafe { &*win })
}

/// As [`get`], without an error to make.
#[must_use]
pub fn find(raw: Raw) -> Option<Arc<Win>> {
    TABLE.with(|table| table.find(raw).cloned())
}

#[cold]
fn unknown<T>(raw: Raw) -> Result<T> {
    match raw {
        NULL => fail!(WIN, "win is MPI_WIN_NULL"),
        _ => fail!(
            WIN,
            "win {raw:#x} is not a handle of a window, or was freed"
        ),
    }
}

/// The window whose members synchronize in this context.
#[must_use]
pub fn with_context(context: ContextId) -> Option<Arc<Win>> {
    let is = |win: &&Arc<Win>| win.comm.context == context;
    TABLE.with(|table| table.iter().map(|(_, win)| win).find(is).cloned())
}

/// The name of a window, or of the null handle (`MPI_Win_get_name`).
///
/// # Errors
/// `raw` is stale, or no window.
pub fn name_of(raw: Raw) -> Result<String> {
    match raw {
        NULL => Ok("MPI_WIN_NULL".to_owned()),
        _ => Ok(get(raw)?.name.borrow().clone()),
    }
}

/// Names a window.
///
/// # Errors
/// No more handles.
pub fn insert(win: Win) -> Result<Raw> {
    let win = Arc::new(win);
    let raw = TABLE.with(|table| table.insert(win.clone()))?;
    win.handle.set(raw);
    Ok(raw)
}

/// Takes the handle of a window away. Attributes must be deleted already.
///
/// # Errors
/// `raw` is null, stale, or no window.
pub fn remove(raw: Raw) -> Result<Arc<Win>> {
    match TABLE.with(|table| table.remove(raw)) {
        Some(win) => {
            win.handle.set(NULL);
            Ok(win)
        }
        None => unknown(raw),
    }
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
