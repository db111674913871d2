//! The bridges to other jobs that this process has open (MPI 5.0, section 11.10).
//!
//! A bridge is opened with the first communicator over it ([`super::connect`]) and closed
//! once the last has gone and nothing is under way. Processes are *connected* as long as
//! they have one in common. `MPI_Finalize` is collective over all connected processes, and
//! a connected process that ends without it ends this job as well.

use super::process;
use crate::job;
use crate::lock::Local;
use crate::object::comm;
use crate::object::group::{self, Proc};
use crate::pml::{self, ShortSleeps, WaitFor, far};
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
}

impl Open {
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

/// Notes a bridge that was just opened.
pub(super) fn note(first: Proc, members: u32, me: u32, space: u32) {
    let parent = parent_job();
    let open = Open {
        first,
        members,
        me,
        space,
        to_parent: (0..members).any(|at| Some(group::identity(Proc(first.0 + at)).job) == parent),
        begun: (0..members).map(|at| begun(Proc(first.0 + at))).collect(),
        unused: false,
    };
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
        match open.is_engaged() {
            true => all = false,
            false => close(&open),
        }
    }
    all
}

/// Waits until all bridges without a communicator are closed: what is under way over them
/// is over.
fn settle() {
    if !sweep() {
        pml::wait(|| WaitFor::NOTHING, sweep);
    }
}

/// As [`settle`], of the bridge of which record 0 stands for `first`. One that a
/// communicator is over stays open.
pub fn settle_one(first: Proc) {
    let is_settled = || {
        sweep();
        OPEN.with(|all| !all.iter().any(|open| open.first == first && open.unused))
    };
    if !is_settled() {
        pml::wait(|| WaitFor::NOTHING, is_settled);
    }
}

fn close(open: &Open) {
    leave(open, true);
}

/// Leaves a bridge. `release`: gives the space of context ids back, if this process is the
/// last of its job.
fn leave(open: &Open, release: bool) {
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

/// What a wait that stalls calls: a connected process that has ended will never send.
fn look() -> bool {
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
    for open in &all {
        far::with_bridge(open.first, |segment| {
            let record = segment.record(open.me);
            record
                .state
                .store(State::Finalizing as u32, Ordering::Release); // pairs with the Acquire in `state`
        });
    }
    let mut looked = Instant::now();
    let is_there = |open: &Open| {
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
        let done = all.iter().all(is_there);
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
