//! Starting and stopping messaging, and what the rest of the library asks of the
//! transport.

use crate::object::group::Proc;
use crate::pml::active::Active;
use crate::pml::buffer_check;
use crate::pml::counters;
use crate::pml::engine::{self, Engine, with_engine};
use crate::pml::fatal::{Die, on_death};
use crate::pml::publish;
use crate::pml::transport::{Opening, Transport};
use crate::pml::waiter;
use std::fmt::Debug;
use std::ptr::NonNull;
use wireup::heap::HeapFile;
use wireup::nodes::Table;
use wireup::protocols;
use wireup::report::Rows;
use wireup::segment::Segment;
use wireup::settings::Settings;

/// What messaging is started with.
#[derive(Debug)]
pub struct Start<'a> {
    /// The job's segment.
    pub segment: &'static Segment,
    /// This process.
    pub me: Proc,
    /// The settings that the user gave.
    pub settings: &'a Settings,
    /// The job's heap file, if this rank could open it.
    pub heap: Option<HeapFile>,
    /// Who is on the other nodes, in a job that has several.
    pub nodes: Option<&'static Table>,
    /// How to end the job where messaging cannot go on.
    pub die: Die,
    /// Whether memcheck runs this process.
    pub under_memcheck: bool,
}

/// Starts messaging. Called once, inside `MPI_Init`.
pub fn start(start: Start<'_>) {
    let Start {
        segment,
        me,
        settings,
        heap,
        nodes,
        die,
        under_memcheck,
    } = start;
    on_death(die);
    buffer_check::start(engine::is_busy, under_memcheck, me);
    publish::start(segment, me);
    counters::start(segment.ranks());
    let opening = Opening {
        segment,
        me,
        settings,
        heap,
        nodes,
    };
    let (engine, waiter) = Engine::<Active>::open(opening)
        .unwrap_or_else(|why| die(&format!("messaging cannot start: {why}")));
    waiter::start(waiter);
    engine::set(engine);
}

fn with_transport<R>(f: impl FnOnce(&mut Active) -> R) -> R {
    with_engine(|engine| f(engine.core.queues.transport()))
}

/// Learns how the ranks of other nodes are reached, once their addresses are known.
///
/// # Errors
/// A sentence: they are not reached.
pub fn meet_nodes(table: &Table) -> Result<(), String> {
    with_engine(|engine| {
        engine.core.grow(table.ranks());
        engine.core.queues.transport().meet_nodes()
    })
}

/// Says that all ranks have started messaging.
pub fn all_started() {
    with_transport(Transport::all_open);
}

/// Lets go of what peers own, while nobody copies.
pub fn detach() {
    with_transport(Transport::detach);
}

/// Memory of a peer's that the program shares. Dropping it lets go.
#[derive(Debug)]
pub struct Mapping(#[allow(dead_code, reason = "what it holds lets go")] Box<dyn Debug>);

/// Maps `len` bytes at `addr` of `peer`, for the program, and says where; `None` if they
/// are not in memory that others can map.
#[must_use]
pub fn map(peer: Proc, addr: u64, len: usize) -> Option<(NonNull<u8>, Mapping)> {
    let (at, mapping) = with_transport(|transport| transport.map(peer, addr, len))?;
    Some((at, Mapping(Box::new(mapping))))
}

/// Whether attachments by a driver work here, and whether calls reach any of `peers`.
pub fn arms(mut peers: impl Iterator<Item = Proc>) -> (bool, bool) {
    with_transport(|transport| {
        let by_call = peers.any(|peer| transport.reach_by_call(peer, 0).is_some());
        (transport.has_driver(), by_call)
    })
}

/// What came of trying every arm towards `peer`: each by its name.
pub fn try_arms(peer: Proc) -> Vec<(&'static str, Result<(), String>)> {
    with_transport(|transport| transport.try_arms(peer))
}

/// How the messages of each size went so far, and what was learnt of them: for
/// [`wireup::protocols`].
#[must_use]
pub fn protocols() -> Rows {
    let names: Vec<_> = counters::protocols().collect();
    let mut rows = protocols::rows(&names);
    let counted = Active::INLINE as u64 + 1;
    protocols::add_uncounted(&mut rows, counted, "not counted: inline, at once");
    for row in with_engine(|engine| engine.core.learnt.report()) {
        let (class, sizes) = (row.class.index(), counters::least_sizes());
        let from = match class {
            0 => counted,
            _ => sizes[class],
        };
        protocols::add(
            &mut rows,
            from,
            sizes.get(class + 1).copied(),
            &row.counts,
            &row.reasons,
        );
    }
    rows
}
