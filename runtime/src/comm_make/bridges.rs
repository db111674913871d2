//! The bridges to other jobs that this process has open (MPI 5.0, section 11.10).
//!
//! A bridge is opened with the first communicator over it ([`super::connect`]) and closed
//! once the last has gone and nothing is under way. Processes are *connected* as long as
//! they have one in common. `MPI_Finalize` is collective over all connected processes, and
//! a connected process that ends without it ends this job as well.
//!
//! Over the network there is no segment in which each shows how far it is: each *tells* all
//! members of other jobs, once that it has no communicator over the bridge any more, or that it
//! is in `MPI_Finalize`. The bridge is closed when all have told that and what was told is out:
//! nothing that a member still needs can be lost by the end of another.

use super::network::Spaces;
use super::process;
use crate::job;
use crate::lock::Local;
use crate::object::comm;
use crate::object::group::{self, Proc};
use crate::pml::{self, ShortSleeps, WaitFor, far};
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use wireup::layout::State;
use wireup::segment::Segment;

/// A bridge that is open.
#[derive(Clone, Debug)]
struct Open {
    first: Proc,
    members: u32,
    me: u32,
    space: u32,
    /// It leads to the job that has spawned this one.
    to_parent: bool,
    /// By record: when a process of another job began (see [`process::begun`]).
    begun: Arc<[Option<u64>]>,
    /// No communicator is over it any more.
    unused: bool,
    /// It leads over the network.
    network: Option<OverNetwork>,
}

/// What a bridge over the network has beside.
#[derive(Clone, Debug)]
struct OverNetwork {
    /// Members of other jobs that share this process's processors.
    sharing: u32,
    /// What is being told, and to how many records that was done.
    telling: (State, u32),
    /// What closes when the process of this record, the other side's leader, ends.
    watched: Option<(Arc<OwnedFd>, u32)>,
}

impl Open {
    /// Tells all members of other jobs how far this process is. Whether all are told.
    fn tell(&self, state: State) -> bool {
        let here = group::job();
        let mut next = self.change(|network| match network.telling {
            (told, next) if told == state => next,
            _ => 0,
        });
        while next < self.members {
            let peer = Proc(self.first.0 + next);
            if group::identity(peer).job != here && !far::tell_state(peer, state) {
                break;
            }
            next += 1;
        }
        self.change(|network| network.telling = (state, next));
        next == self.members
    }

    /// Changes what is noted of the network, if this bridge leads over it and is open.
    fn change<R: Default>(&self, change: impl FnOnce(&mut OverNetwork) -> R) -> R {
        OPEN.with(|all| {
            let found = all.iter_mut().find(|one| one.first == self.first);
            let network = found.and_then(|one| one.network.as_mut());
            network.map_or_else(R::default, change)
        })
    }

    /// Whether all members of other jobs have told that they leave the bridge or finalize.
    fn have_all_told(&self) -> bool {
        let here = group::job();
        let mut peers = (0..self.members).map(|record| Proc(self.first.0 + record));
        peers.all(|peer| group::identity(peer).job == here || has_told(peer))
    }

    /// Whether this process and all others are through with a bridge over the network, having
    /// come to `state`.
    fn is_over(&self, state: State) -> bool {
        self.tell(state) && self.have_all_told() && !far::is_telling()
    }

    /// Whether anything is under way over it.
    fn is_engaged(&self) -> bool {
        far::is_engaged(
            self.first,
            self.members,
            wireup::bridge::contexts(self.space),
        )
    }
}

static OPEN: Local<Vec<Open>> = Local::new(Vec::new());

/// Whether a process reached by the network has told that it leaves or finalizes.
fn has_told(peer: Proc) -> bool {
    far::told_state(peer) != Some(State::Running)
}

/// The spaces of context ids that this process uses.
pub(super) fn spaces() -> Spaces {
    OPEN.with(|all| Spaces::of(all.iter().map(|open| open.space)))
}

/// Notes a bridge over the network that was just opened: its members and this one, its space, and
/// how many members of other jobs share this process's processors.
pub(super) fn note_network(first: Proc, (members, me): (u32, u32), space: u32, sharing: u32) {
    note_open(Open {
        first,
        members,
        me,
        space,
        to_parent: leads_to_parent(first, members),
        begun: Arc::default(),
        unused: false,
        network: Some(OverNetwork {
            sharing,
            telling: (State::Running, 0),
            watched: None,
        }),
    });
}

/// Has the end of the other side's leader noticed: `watched` closes then. `leader`: its record.
pub(super) fn watch(first: Proc, watched: OwnedFd, leader: u32) {
    let watched = Some((Arc::new(watched), leader));
    OPEN.with(|all| {
        let mut found = all.iter_mut().filter(|open| open.first == first);
        if let Some(network) = found.next().and_then(|open| open.network.as_mut()) {
            network.watched = watched;
        }
    });
}

/// Notes a bridge that was just opened.
pub(super) fn note(first: Proc, members: u32, me: u32, space: u32) {
    note_open(Open {
        first,
        members,
        me,
        space,
        to_parent: leads_to_parent(first, members),
        begun: (0..members).map(|at| begun(Proc(first.0 + at))).collect(),
        unused: false,
        network: None,
    });
}

fn leads_to_parent(first: Proc, members: u32) -> bool {
    let parent = parent_job();
    (0..members).any(|at| Some(group::identity(Proc(first.0 + at)).job) == parent)
}

fn note_open(open: Open) {
    count(&open, 1);
    OPEN.with(|all| all.push(open));
    pml::on_stall(look);
}

/// The number of the job that has spawned this one, if one has.
fn parent_job() -> Option<u64> {
    wireup::env::get(wireup::spawning::PARENT_JOB)?.parse().ok()
}

/// When a process of another job began.
fn begun(peer: Proc) -> Option<u64> {
    far::with_far_record(peer, |record| {
        process::begun(record.pid.load(Ordering::Relaxed))
    })?
}

/// Counts a bridge of this rank's, or one less.
fn count(open: &Open, change: i32) {
    let Some(job) = job::current() else { return };
    let head = job.segment.head();
    let add = |n: u32| Some(n.saturating_add_signed(change));
    for (counter, counts) in [
        (&head.connections, true),
        (&head.parent_connections, open.to_parent),
    ] {
        if counts {
            let _ = counter.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add); // never refused
        }
    }
}

/// Closes a bridge that others could not open, and over which nothing has gone. Its space of
/// context ids is given back by the process that has claimed it.
pub(super) fn abandon(first: Proc) {
    let found = OPEN.with(|open| open.iter().find(|open| open.first == first).cloned());
    if let Some(open) = found {
        leave(&open, false);
    }
}

/// Closes bridges that nobody needs any more. Whether all that have no communicator are
/// closed.
pub fn sweep() -> bool {
    let gone = comm::take_unused_bridges();
    let unused: Vec<Open> = OPEN.with(|all| {
        for open in all.iter_mut().filter(|open| gone.contains(&open.first)) {
            open.unused = true;
        }
        all.iter().filter(|open| open.unused).cloned().collect()
    });
    let mut all = true;
    for open in unused {
        let is_over = !open.is_engaged() && (open.network.is_none() || open.is_over(State::Gone));
        match is_over {
            true => close(&open),
            false => all = false,
        }
    }
    all
}

/// Waits until all bridges without a communicator are closed: what is under way over them
/// is over.
fn settle() {
    if !sweep() {
        wait_for(sweep);
    }
}

fn wait_for(done: impl FnMut() -> bool) {
    if group::has_network() {
        // Members of other jobs must come to this, too.
        let _short = ShortSleeps::begin();
        return pml::wait(WaitFor::another_job, done);
    }
    pml::wait(|| WaitFor::NOTHING, done);
}

/// As [`settle`], of the bridge of which record 0 stands for `first`. One that a
/// communicator is over stays open.
pub fn settle_one(first: Proc) {
    let is_settled = || {
        sweep();
        OPEN.with(|all| !all.iter().any(|open| open.first == first && open.unused))
    };
    if !is_settled() {
        wait_for(is_settled);
    }
}

fn close(open: &Open) {
    leave(open, true);
}

/// Leaves a bridge. `release`: gives the space of context ids back, if this process is the
/// last of its job.
fn leave(open: &Open, release: bool) {
    if let Some(network) = &open.network {
        far::close_network(open.first, open.members, network.sharing);
        count(open, -1);
        OPEN.with(|all| all.retain(|other| other.first != open.first));
        return;
    }
    let here = job::current().map_or(0, |job| job.segment.constants().job);
    let of_job = (0..open.members)
        .filter(|at| group::identity(Proc(open.first.0 + at)).job == here)
        .collect::<Vec<u32>>();
    far::with_bridge(open.first, |segment| {
        let record = segment.record(open.me);
        record.state.store(State::Gone as u32, Ordering::Release); // pairs with the Acquire in `state`
        // The last of this job to leave gives the space back. Those who have left are
        // counted in the record of the first.
        let Some(first) = of_job.first() else { return };
        let left = segment
            .record(*first)
            .waiters
            .fetch_add(1, Ordering::AcqRel)
            + 1;
        if release
            && left as usize == of_job.len()
            && let Some(job) = job::current()
        {
            wireup::bridge::release(job.segment.head(), open.space);
        }
    });
    count(open, -1);
    far::close_bridge(open.first, open.members);
    OPEN.with(|all| all.retain(|other| other.first != open.first));
}

/// Whether any bridge is open.
#[must_use]
pub fn any() -> bool {
    OPEN.with(|open| !open.is_empty())
}

fn state(segment: &Segment, record: u32) -> Option<State> {
    State::of(segment.record(record).state.load(Ordering::Acquire)) // pairs with the Release of its owner
}

/// Whether a process that has not left the bridge has ended. `begun`: when it began.
fn is_dead(peer: Proc, begun: Option<u64>) -> bool {
    let dead = far::with_far_record(peer, |record| {
        let gone = record.state.load(Ordering::Acquire) == State::Gone as u32; // pairs with the launcher's Release
        gone || process::has_ended(record.pid.load(Ordering::Relaxed), begun)
    });
    dead.unwrap_or(false)
}

/// The first process of another job that has ended without leaving.
fn find_dead() -> Option<Proc> {
    let all = OPEN.with(|open| open.clone());
    let mut needed = all.iter().filter(|open| !open.unused || open.is_engaged());
    needed.find_map(|open| {
        if let Some(network) = &open.network {
            return network.lost(open.first);
        }
        (0..open.members).find_map(|record| {
            let peer = Proc(open.first.0 + record);
            let inside = far::with_bridge(open.first, |segment| {
                state(segment, record) == Some(State::Running)
            });
            let begun = open.begun.get(record as usize).copied().flatten();
            (inside == Some(true) && is_dead(peer, begun)).then_some(peer)
        })
    })
}

impl OverNetwork {
    /// The other side's leader, if it has ended without a word.
    fn lost(&self, first: Proc) -> Option<Proc> {
        let (watched, leader) = self.watched.as_ref()?;
        let leader = Proc(first.0 + leader);
        let mut byte = 0_u8;
        let flags = libc::MSG_DONTWAIT | libc::MSG_PEEK;
        // SAFETY: looks at one byte at most, into a local.
        let got = unsafe { libc::recv(watched.as_raw_fd(), (&raw mut byte).cast(), 1, flags) };
        let why = std::io::Error::last_os_error();
        let is_open =
            got > 0 || got < 0 && matches!(why.raw_os_error(), Some(libc::EAGAIN | libc::EINTR));
        (!is_open && !has_told(leader)).then_some(leader)
    }
}

/// What a wait that stalls calls: a connected process that has ended will never send. Others may
/// wait to be told that this one has left a bridge.
fn look() -> bool {
    if OPEN.with(|all| all.iter().any(|open| open.unused && open.network.is_some())) {
        sweep();
    }
    if let Some(dead) = find_dead() {
        job::die(&format!(
            "{}, to which this job is connected, has ended without MPI_Finalize or MPI_Comm_disconnect",
            group::name(dead)
        ));
    }
    false
}

/// How often `MPI_Finalize` looks whether connected processes can still come.
const ROLL_CALL: Duration = Duration::from_millis(50);

/// Waits until all connected processes have come to `MPI_Finalize`, or have disconnected.
pub fn finalize() {
    settle();
    let all = OPEN.with(|open| open.clone());
    if all.is_empty() {
        return;
    }
    let _short = ShortSleeps::begin();
    for open in all.iter().filter(|open| open.network.is_none()) {
        far::with_bridge(open.first, |segment| {
            let record = segment.record(open.me);
            record
                .state
                .store(State::Finalizing as u32, Ordering::Release); // pairs with the Acquire in `state`
        });
    }
    let mut looked = Instant::now();
    let is_there = |open: &Open| {
        if open.network.is_some() {
            return open.is_over(State::Finalizing);
        }
        let all = far::with_bridge(open.first, |segment| {
            (0..open.members).all(|record| {
                matches!(
                    state(segment, record),
                    Some(State::Finalizing | State::Gone)
                )
            })
        });
        all.unwrap_or(true)
    };
    pml::wait(pml::leaving, || {
        // Each, since this also tells others.
        let there: Vec<bool> = all.iter().map(is_there).collect();
        let done = there.iter().all(|there| *there);
        if !done && looked.elapsed() >= ROLL_CALL {
            looked = Instant::now();
            look();
        }
        done
    });
    // From here on nobody is blamed for what becomes of the others.
    for open in &all {
        count(open, -1);
        OPEN.with(|open_now| open_now.retain(|other| other.first != open.first));
    }
}
