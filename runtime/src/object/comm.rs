//! Communicators (MPI 5.0, chapter 7): a group, a context, and what hangs on them.
//!
//! Communicators that need messages to be made are made in `comm_make`; here is
//! what they are, and the table of their handles.

use crate::error::Result;
use crate::fail;
use crate::handle::{Kind, Raw, Table};
use crate::lock::Local;
use crate::object::attr::Attributes;
use crate::object::bulletins::Bulletins;
use crate::object::collective::{Collectives, Tags};
use crate::object::errhandler;
use crate::object::group::{self, Comparison, Group, Proc};
use crate::object::hosts::Hosts;
use crate::object::info::Info;
use crate::object::topology::{NeighborEdges, Topology};
use std::cell::{Cell, OnceCell, RefCell};
use std::sync::Arc;
use std::sync::atomic::{AtomicPtr, Ordering};
use wireup::collective;

/// `MPI_COMM_NULL`.
pub const NULL: Raw = 0x100;
/// `MPI_COMM_WORLD`.
pub const WORLD: Raw = 0x101;
/// `MPI_COMM_SELF`.
pub const SELF: Raw = 0x102;

/// A context id: separates the messages of communicators. A communicator owns
/// an even number for point-to-point and the odd one after it for collectives.
/// Unique in the job, and the same at every member.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct ContextId(pub u32);

/// Which of a communicator's two contexts a message travels in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Space {
    /// Messages of the user.
    PointToPoint = 0,
    /// Messages of collective operations.
    Collective = 1,
}

/// Context ids of the predefined communicators.
pub const WORLD_CONTEXT: ContextId = ContextId(0);
/// The context of `MPI_COMM_SELF`.
pub const SELF_CONTEXT: ContextId = ContextId(2);

/// A communicator. Shared (`Arc`) by its handle and by the operations that are
/// under way on it, so that freeing the handle lets them finish.
#[derive(Debug)]
pub struct Comm {
    /// Its context ids begin here.
    pub context: ContextId,
    /// This process's rank in `group`.
    pub rank: u32,
    /// The local group.
    pub group: Group,
    /// For an intercommunicator: the remote group, and an intracommunicator over
    /// the local group for the library's own use.
    pub inter: Option<Inter>,
    /// Its collectives so far.
    pub collectives: Collectives,
    /// Its board in the job segment (see `coll::board`).
    pub board: Board,
    /// Its members' bulletins there (see `coll::bulletin`).
    pub bulletins: Bulletins,
    /// Its handle; [`NULL`] for one of the library's own, and once freed.
    pub handle: Cell<Raw>,
    /// Its error handler.
    pub errhandler: errhandler::Slot,
    /// What `MPI_Comm_set_name` gave it; empty: none.
    pub name: RefCell<String>,
    /// What programs cached on it.
    pub attributes: Attributes,
    /// Its hints.
    pub info: RefCell<Info>,
    /// Its process topology.
    pub topology: Option<Topology>,
    /// The edges of this process in it, once a neighbourhood collective has asked for them.
    pub edges: OnceCell<NeighborEdges>,
    /// The bridge over which its processes of other jobs are reached, and from which its
    /// context comes.
    pub bridge: Option<Arc<Bridge>>,
    /// Whether it has members of several jobs, or on several nodes.
    pub is_foreign: bool,
    /// Which members are on which host, once a collective has asked for it.
    hosts: OnceCell<Option<Arc<Hosts>>>,
}

/// A bridge to processes of other jobs. It is closed some time after the last communicator
/// over it has gone.
#[derive(Debug)]
pub struct Bridge {
    /// The process that record 0 stands for; the others follow.
    pub first: Proc,
    /// The number of its records.
    pub members: u32,
    /// The record of this process.
    pub me: u32,
    /// Where its context ids lie (see `wireup::bridge`).
    pub space: u32,
    /// What it has instead of a segment, if it leads over the network.
    pub network: Option<NetworkBridge>,
}

/// A connection of several jobs over the network, which no memory is common to.
#[derive(Debug)]
pub struct NetworkBridge {
    /// The number by which its members know it.
    pub number: u64,
    /// Context ids of its space that this process may still give out: the next one, and the end.
    pub contexts: Cell<(u32, u32)>,
}

/// Bridges whose last communicator has gone, by their first process.
static UNUSED: Local<Vec<Proc>> = Local::new(Vec::new());

/// Takes the list of bridges whose last communicator has gone.
#[must_use]
pub fn take_unused_bridges() -> Vec<Proc> {
    UNUSED.with(std::mem::take)
}

// SAFETY: bridges are reached under the library lock, as communicators are, which orders all
// uses of the cell inside.
unsafe impl Sync for Bridge {}

impl Drop for Bridge {
    fn drop(&mut self) {
        UNUSED.with(|unused| unused.push(self.first));
    }
}

/// Where a communicator's board is. Its members leave it when the communicator goes.
#[derive(Debug, Default)]
pub struct Board {
    /// In the job segment; 0: not asked for yet.
    pub place: Cell<u64>,
    /// Turns taken so far.
    pub turn: Cell<u64>,
    /// How this process leaves it, once it has one.
    pub leave: Cell<Option<fn(u64)>>,
}

impl Drop for Board {
    fn drop(&mut self) {
        if let Some(leave) = self.leave.get() {
            leave(self.place.get());
        }
    }
}

/// The half of an intercommunicator that an intracommunicator lacks.
#[derive(Debug)]
pub struct Inter {
    /// The other group: what ranks in sends and receives mean.
    pub remote: Group,
    /// The local group as an intracommunicator of its own context.
    pub local: Arc<Comm>,
}

// SAFETY: communicators are reached under the library lock (see `lock`), which
// orders all uses of the cells inside.
unsafe impl Send for Comm {}
// SAFETY: as above.
unsafe impl Sync for Comm {}

impl Comm {
    /// A communicator without a handle yet, nor a name, attributes or topology.
    #[must_use]
    pub fn new(context: ContextId, rank: u32, group: Group, inter: Option<Inter>) -> Comm {
        let remote = inter
            .as_ref()
            .is_some_and(|inter| inter.remote.has_foreign());
        let is_foreign = remote || group.has_foreign();
        Comm {
            context,
            rank,
            group,
            inter,
            collectives: Collectives::default(),
            board: Board::default(),
            bulletins: Bulletins::default(),
            handle: Cell::new(NULL),
            errhandler: errhandler::Slot::default(),
            name: RefCell::default(),
            attributes: Attributes::default(),
            info: RefCell::default(),
            topology: None,
            edges: OnceCell::new(),
            bridge: None,
            is_foreign,
            hosts: OnceCell::new(),
        }
    }

    /// Which ranks are on which host, in an intracommunicator of one job with members on several
    /// hosts, of which one has more than one.
    #[must_use]
    pub fn hosts(&self) -> Option<&Arc<Hosts>> {
        if !self.is_foreign || self.inter.is_some() {
            return None;
        }
        let known = self.hosts.get_or_init(|| {
            let nodes: Option<Vec<u32>> = self.group.iter().map(group::node_in_job).collect();
            let hosts = Hosts::new(&nodes?);
            (hosts.count() > 1 && hosts.count() < self.size() as usize).then(|| Arc::new(hosts))
        });
        known.as_ref()
    }

    /// Whether it has members on several hosts.
    #[must_use]
    pub fn spans_hosts(&self) -> bool {
        self.is_foreign && self.group.iter().any(group::is_on_other_node)
    }

    /// The same, over the bridge of `parent`, if that has one.
    #[must_use]
    pub fn beside(mut self, parent: &Comm) -> Comm {
        self.bridge.clone_from(&parent.bridge);
        self
    }

    /// What to call it in a message: its name, or what it is.
    #[must_use]
    pub fn label(&self) -> String {
        match self.name.borrow().as_str() {
            "" => {}
            name if name.starts_with("MPI_COMM_") => return name.to_owned(),
            name => return format!("\"{name}\""),
        }
        let (size, context) = (self.size(), self.context.0);
        match &self.inter {
            None => format!("a communicator of {size} (context {context})"),
            Some(inter) => {
                let remote = inter.remote.size();
                format!("an intercommunicator of {size} and {remote} (context {context})")
            }
        }
    }

    /// The number of processes in the local group.
    #[inline]
    #[must_use]
    pub fn size(&self) -> u32 {
        self.group.size()
    }

    /// The group that ranks of peers count in: the remote one of an
    /// intercommunicator, else the only one.
    #[inline]
    #[must_use]
    pub fn peers(&self) -> &Group {
        self.inter
            .as_ref()
            .map_or(&self.group, |inter| &inter.remote)
    }

    /// The process that `rank` means as a destination or source.
    #[inline]
    #[must_use]
    pub fn peer(&self, rank: u32) -> Option<Proc> {
        self.peers().proc(rank)
    }

    /// Begins a collective: draws the tags of its messages. On an intercommunicator it is
    /// one of the local group, too.
    #[inline]
    pub fn begin_collective(&self, kind: collective::Kind) -> Tags {
        let inter = self.inter.as_ref();
        Tags {
            peers: self.collectives.begin(kind),
            local: inter.map(|inter| inter.local.collectives.begin(kind)),
        }
    }

    /// The context id for messages of `space`.
    #[inline]
    #[must_use]
    pub fn context_of(&self, space: Space) -> ContextId {
        ContextId(self.context.0 + space as u32)
    }
}

static WORLD_COMM: AtomicPtr<Arc<Comm>> = AtomicPtr::new(std::ptr::null_mut());
static SELF_COMM: AtomicPtr<Arc<Comm>> = AtomicPtr::new(std::ptr::null_mut());
/// Both, after their end: who looks for leaks finds that they are still known. Nobody
/// reads it, and without `used` it may be left out.
#[used]
static PAST: [AtomicPtr<Arc<Comm>>; 2] = [const { AtomicPtr::new(std::ptr::null_mut()) }; 2];
static DERIVED: Local<Table<Arc<Comm>>> = Local::new(Table::new(Kind::Comm));

/// Makes `MPI_COMM_WORLD` and `MPI_COMM_SELF`; called once, in `MPI_Init`: sessions
/// do without them.
pub fn init_world(rank: u32, size: u32) {
    let rank_in_world = group::rank_in_world(Proc(rank));
    let world = Comm::new(
        WORLD_CONTEXT,
        rank_in_world,
        group::of_the_world(size),
        None,
    );
    let myself = Comm::new(SELF_CONTEXT, 0, Group::of(vec![Proc(rank)]), None);
    for (comm, at, raw, name) in [
        (world, &WORLD_COMM, WORLD, "MPI_COMM_WORLD"),
        (myself, &SELF_COMM, SELF, "MPI_COMM_SELF"),
    ] {
        *comm.name.borrow_mut() = name.to_owned();
        comm.handle.set(raw);
        comm.errhandler.replace(errhandler::initial());
        // Never given back: a thread that reads it needs no lock, and a late
        // error report may still name the rank.
        let leaked = Box::into_raw(Box::new(Arc::new(comm)));
        at.store(leaked, Ordering::Release); // pairs with the Acquire in `predefined`
    }
}

/// Takes the predefined communicators' handles away, in `MPI_Finalize`, after
/// [`delete_attributes`].
pub fn drop_world() {
    for (comm, past) in [&WORLD_COMM, &SELF_COMM].into_iter().zip(&PAST) {
        // pairs with the Acquire in `predefined`
        let last = comm.swap(std::ptr::null_mut(), Ordering::AcqRel);
        past.store(last, Ordering::Relaxed);
    }
}

/// Deletes the attributes of `MPI_COMM_SELF`, the last set first: the first thing
/// that `MPI_Finalize` does, while all of MPI still works (MPI 5.0, section
/// 11.2.4); then those of `MPI_COMM_WORLD`.
///
/// # Errors
/// The first delete function that failed; all were called.
pub fn delete_attributes() -> Result<()> {
    let mut result = Ok(());
    for raw in [SELF, WORLD] {
        if let Some(comm) = find(raw).cloned() {
            result = result.and(comm.attributes.clear_all(raw));
        }
    }
    result
}

#[inline]
fn predefined(at: &'static AtomicPtr<Arc<Comm>>) -> Option<&'static Arc<Comm>> {
    // SAFETY: null, or what `init_world` leaked; pairs with the Release there.
    unsafe { at.load(Ordering::Acquire).as_ref() }
}

/// The communicator whose messages have this context, if the program has a handle of it.
#[must_use]
pub fn with_context(context: ContextId) -> Option<Arc<Comm>> {
    let is = |comm: &&Arc<Comm>| comm.context == context;
    let predefined = [WORLD, SELF].into_iter().filter_map(find);
    let known = predefined.into_iter().find(is).cloned();
    known.or_else(|| DERIVED.with(|table| table.iter().map(|(_, comm)| comm).find(is).cloned()))
}

/// The intercommunicator whose own group talks in this context.
#[must_use]
pub fn with_local_context(context: ContextId) -> Option<Arc<Comm>> {
    let is = |comm: &&Arc<Comm>| {
        let inter = comm.inter.as_ref();
        inter.is_some_and(|inter| inter.local.context == context)
    };
    DERIVED.with(|table| table.iter().map(|(_, comm)| comm).find(is).cloned())
}

/// The communicator that `raw` names. No lock, no reference counted.
///
/// The reference is good for the call that asked: until the handle is freed,
/// which a right program does not do while it uses it. A call that lets other
/// threads in (`lock::released`, a wait) and needs the communicator afterwards,
/// and an operation that outlives its call, clone the `Arc`.
///
/// # Errors
/// `raw` is null, stale, or no communicator; or MPI is not initialized.
#[inline]
pub fn get(raw: Raw) -> Result<&'static Arc<Comm>> {
    match find(raw) {
        Some(comm) => Ok(comm),
        None => unknown(raw),
    }
}

/// As [`get`], without an error to make.
#[inline]
#[must_use]
pub fn find(raw: Raw) -> Option<&'static Arc<Comm>> {
    if raw == WORLD {
        return predefined(&WORLD_COMM);
    }
    if raw == SELF {
        return predefined(&SELF_COMM);
    }
    derived(raw)
}

#[inline(never)]
fn derived(raw: Raw) -> Option<&'static Arc<Comm>> {
    let comm = DERIVED.with(|table| table.find(raw).map(std::ptr::from_ref));
    // SAFETY: table entries do not move; how long they live is said at `get`.
    comm.map(|comm| unsafe { &*comm })
}

/// The name of a communicator, or of the null handle (`MPI_Comm_get_name`).
///
/// # Errors
/// `raw` is stale, or no communicator; or MPI is not initialized.
pub fn name_of(raw: Raw) -> Result<String> {
    match raw {
        NULL => Ok("MPI_COMM_NULL".to_owned()),
        _ => Ok(get(raw)?.name.borrow().clone()),
    }
}

#[cold]
fn unknown(raw: Raw) -> Result<&'static Arc<Comm>> {
    match raw {
        NULL => fail!(COMM, "comm is MPI_COMM_NULL"),
        WORLD | SELF => fail!(
            COMM,
            "comm is {}, which is there from MPI_Init to MPI_Finalize only",
            if raw == WORLD {
                "MPI_COMM_WORLD"
            } else {
                "MPI_COMM_SELF"
            }
        ),
        _ => fail!(
            COMM,
            "comm {raw:#x} is not a handle of a communicator, or was freed"
        ),
    }
}

/// Names a communicator.
///
/// # Errors
/// No more handles.
pub fn insert(comm: Comm) -> Result<Raw> {
    let comm = Arc::new(comm);
    let raw = DERIVED.with(|table| table.insert(comm.clone()))?;
    comm.handle.set(raw);
    Ok(raw)
}

/// Changes a communicator that was named before it was complete, and that nobody
/// uses yet; does nothing if it was freed.
pub fn complete(raw: Raw, change: impl FnOnce(&mut Comm)) {
    DERIVED.with(|table| {
        if let Some(comm) = table.find_mut(raw).and_then(Arc::get_mut) {
            change(comm);
        }
    });
}

/// `MPI_Comm_free` and `MPI_Comm_disconnect`: deletes the attributes, then takes
/// the handle away.
///
/// # Errors
/// A delete function failed (the communicator stays), or `raw` cannot be freed.
pub fn free(raw: Raw) -> Result<()> {
    let comm = get(raw)?.clone();
    if !matches!(raw, WORLD | SELF) {
        comm.attributes.clear(raw)?;
    }
    remove(raw).map(drop)
}

/// `MPI_Comm_compare`.
#[must_use]
pub fn compare(a: &Arc<Comm>, b: &Arc<Comm>) -> Comparison {
    if Arc::ptr_eq(a, b) {
        return Comparison::Ident;
    }
    let local = a.group.compare(&b.group);
    let both = match (&a.inter, &b.inter) {
        (None, None) => local,
        (Some(a), Some(b)) => worse(local, a.remote.compare(&b.remote)),
        _ => Comparison::Unequal,
    };
    worse(both, Comparison::Congruent)
}

fn worse(a: Comparison, b: Comparison) -> Comparison {
    if (a as i32) < b as i32 { b } else { a }
}

/// Takes the handle of a communicator away. Operations under way on it keep it.
/// Attributes must be deleted already.
///
/// # Errors
/// `raw` is predefined, null, stale, or no communicator.
pub fn remove(raw: Raw) -> Result<Arc<Comm>> {
    if matches!(raw, WORLD | SELF) {
        let label = get(raw)?.label();
        fail!(COMM, "{label} cannot be freed");
    }
    match DERIVED.with(|table| table.remove(raw)) {
        Some(comm) => {
            comm.handle.set(NULL);
            Ok(comm)
        }
        None => unknown(raw).cloned(),
    }
}

/// The communicator whose collectives' messages travel in `context`, if a handle
/// names it; of an intercommunicator, also the one over its local group.
#[must_use]
pub fn of_collectives(context: u32) -> Option<Arc<Comm>> {
    let is = |comm: &Arc<Comm>| comm.context_of(Space::Collective).0 == context;
    let of = |comm: &Arc<Comm>| {
        let local = comm.inter.as_ref().map(|inter| &inter.local);
        [Some(comm), local]
            .into_iter()
            .flatten()
            .find(|c| is(c))
            .cloned()
    };
    let world = [WORLD, SELF].into_iter().filter_map(find).find_map(of);
    world.or_else(|| DERIVED.with(|table| table.iter().find_map(|(_, comm)| of(comm))))
}

/// Calls `each` with every intracommunicator that a handle names.
pub fn for_each(mut each: impl FnMut(&Arc<Comm>)) {
    [WORLD, SELF]
        .into_iter()
        .filter_map(find)
        .for_each(&mut each);
    let derived: Vec<Arc<Comm>> =
        DERIVED.with(|table| table.iter().map(|(_, comm)| comm.clone()).collect());
    derived
        .iter()
        .filter(|comm| comm.inter.is_none())
        .for_each(each);
}

/// The whole handle that the low 32 bits of one name.
#[must_use]
pub fn from_low(low: u32) -> Option<Raw> {
    DERIVED.with(|table| table.from_low(low))
}

/// How many there are that the program has a handle of.
#[must_use]
pub fn count() -> usize {
    DERIVED.with(|table| table.len())
}

/// The names that the program has given to some of these, at the most `most`.
#[must_use]
pub fn names(most: usize) -> Vec<String> {
    DERIVED.with(|table| {
        let labels = table.iter().map(|(_, comm)| comm.label());
        let named = labels.filter(|label| label.starts_with('"'));
        named.take(most).collect()
    })
}
