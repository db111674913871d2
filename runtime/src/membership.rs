//! Which rank of which job this process is.
//!
//! What `mpirun` left in the environment is inherited by every process below it: by
//! wrappers, by the program that is the rank, and by what that one starts in turn. The
//! first process that comes to `MPI_Init` as rank k is rank k, however far it is below
//! what `mpirun` started. One that comes later with the same number
//!
//! * and was started by the rank itself (a worker of a pool, `system`, `subprocess`) is
//!   a job of its own, of one rank: it has nothing to do with its parent's messages;
//! * and was not (the second program of a script) is refused, since it would be one of
//!   so many silent jobs of one.
//!
//! The tasks that Slurm's srun starts are ranks as well: they meet ([`wireup::step`]).
//!
//! A program without a launcher is a job of one. One that another launcher started as
//! one of several ranks stops with an error.

use crate::error::{Class, Error, Result};
use crate::fail;
use crate::installed;
use btl_shm::region::window;
use std::os::fd::RawFd;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::time::{Duration, Instant};
use wireup::descriptor::Source;
use wireup::env;
use wireup::handover::Handover;
use wireup::layout::State;
use wireup::nodes::{NODES, Place, Table};
use wireup::segment::Segment;
use wireup::step::Task;

/// A process's place in a job.
#[derive(Debug)]
pub struct Membership {
    /// The job segment.
    pub segment: &'static Segment,
    /// This process's rank.
    pub rank: u32,
    /// The number of the program on mpirun's command line.
    pub appnum: Option<i32>,
    /// Where the job's heap file is, if it has one.
    pub heap: Option<Source>,
    /// Who is on the other nodes, in a job that has several.
    pub nodes: Option<&'static Table>,
}

/// How long a rank that has just been claimed may take to write its process id.
const PATIENCE: Duration = Duration::from_millis(500);

/// Finds this process's place, and takes it.
///
/// # Errors
/// The environment is damaged, the place is another process's, or there is no memory.
pub fn find() -> Result<Membership> {
    let other = |why: String| Error::new(Class::OTHER, why);
    match Handover::read(env::get).map_err(other)? {
        Some(handover) => inherited(&handover),
        None => {
            if let Some(task) = Task::read(env::get).map_err(other)? {
                return of_step(&task);
            }
            if let Some((name, value, who)) = env::foreign_launcher(env::get).map_err(other)? {
                fail!(
                    OTHER,
                    "{name}={value} says that {who} started this program as one of several ranks, but Lariat's ranks can only be started by Lariat's own mpirun: run `mpirun -n {value} program` from Lariat's bin directory"
                );
            }
            alone()
        }
    }
}

/// The place of a task of srun's: the tasks of its step are a job.
fn of_step(task: &Task) -> Result<Membership> {
    let other = |why: String| Error::new(Class::OTHER, why);
    let told = task.meet(installed::mpirun).map_err(|why| {
        other(format!(
            "this is task {} of {} that srun has started, and it cannot meet the others: {why}",
            task.rank, task.size
        ))
    })?;
    let get = |name: &str| {
        let found = told.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.clone())
    };
    match Handover::read(get).map_err(other)? {
        Some(handover) => inherited(&handover),
        None => alone(),
    }
}

/// A job of one.
fn alone() -> Result<Membership> {
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let processors = u32::try_from(processors).unwrap_or(u32::MAX);
    let segment =
        Segment::create(1, processors).map_err(|why| Error::new(Class::NO_MEM, why.to_string()))?;
    let record = segment.record(0);
    record.state.store(State::Claimed as u32, Relaxed);
    record.pid.store(std::process::id(), Release); // pairs with the Acquire of `owner`
    Ok(Membership {
        segment: Box::leak(Box::new(segment)),
        rank: 0,
        appnum: None,
        heap: None,
        nodes: None,
    })
}

/// The place that mpirun left.
fn inherited(handover: &Handover) -> Result<Membership> {
    let segment = Segment::open_from(&handover.segment)
        .map_err(|why| Error::new(Class::OTHER, why.to_string()))?;
    let (rank, size) = (handover.rank, segment.ranks());
    if handover.size != size {
        fail!(
            OTHER,
            "{}={} in the environment, but the job has {size} ranks: was it changed after mpirun set it?",
            env::SIZE,
            handover.size
        );
    }
    wireup::lifeline::tie_for_life(&handover.lifeline)
        .map_err(|why| Error::new(Class::OTHER, why))?;
    let place = env::get(NODES)
        .map(|text| Place::read(&text, handover.launcher))
        .transpose()
        .map_err(|why| Error::new(Class::OTHER, why))?;
    let more = place.as_ref().map(|place| [&place.table, &place.pipe]);
    let own = [Some(&handover.segment), handover.heap.as_ref()];
    for source in own.into_iter().flatten().chain(more.into_iter().flatten()) {
        // What this process starts finds its way by mpirun's own descriptors.
        close_on_exec(source);
    }
    let record = segment.record(rank);
    let claim = record.state.compare_exchange(
        State::Fresh as u32,
        State::Claimed as u32,
        AcqRel, // pairs with the Acquire of a claim by another process
        Acquire,
    );
    if let Err(state) = claim {
        let pid = owner(&segment, rank);
        if is_below(pid) {
            return alone();
        }
        let what = State::of(state).map_or_else(|| state.to_string(), |s| format!("{s:?}"));
        let hint = match pid == std::process::id() {
            true => "this process, before it became another program",
            false => "one mpirun rank can be one MPI program only",
        };
        fail!(
            OTHER,
            "rank {rank} of this job is process {pid} ({what}) already: {hint}; start a second MPI program by an mpirun of its own"
        );
    }
    record.pid.store(std::process::id(), Release); // pairs with the launcher's Acquire
    window::forget_others(record);
    let nodes = match place {
        Some(place) => Some(Table::open(&place).map_err(|why| Error::new(Class::OTHER, why))?),
        None => None,
    };
    Ok(Membership {
        nodes: nodes.map(|table| &*Box::leak(Box::new(table))),
        segment: Box::leak(Box::new(segment)),
        rank,
        appnum: handover.appnum.and_then(|n| i32::try_from(n).ok()),
        heap: handover.heap,
    })
}

/// The process that has claimed a rank; 0: it has not said so.
fn owner(segment: &Segment, rank: u32) -> u32 {
    let began = Instant::now();
    loop {
        // pairs with the Release that follows a claim
        let pid = segment.record(rank).pid.load(Acquire);
        if pid != 0 || began.elapsed() > PATIENCE {
            return pid;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Has exec close the inherited descriptor, if it still is what it was.
fn close_on_exec(source: &Source) {
    let number: RawFd = source.number;
    if source.file.is(number) {
        // SAFETY: fcntl with integer arguments on a descriptor of ours.
        unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) };
    }
}

/// Whether this process is below that one in the tree of processes.
fn is_below(ancestor: u32) -> bool {
    let mut at = std::os::unix::process::parent_id();
    // A process's number can be given to a younger one meanwhile, so that the way up
    // might never end.
    for _ in 0..4096 {
        if at == 0 || ancestor == 0 {
            return false;
        }
        if at == ancestor {
            return true;
        }
        let Ok(stat) = std::fs::read_to_string(format!("/proc/{at}/stat")) else {
            return false;
        };
        let Some(parent) = parent_in(&stat) else {
            return false;
        };
        at = parent;
    }
    false
}

/// The parent in a line of /proc/PID/stat, whose second field is the program's name in
/// brackets and may hold anything.
fn parent_in(stat: &str) -> Option<u32> {
    let behind = &stat[stat.rfind(')')? + 1..];
    behind.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{is_below, parent_in};

    #[test]
    fn ancestors_are_found() {
        assert!(is_below(std::os::unix::process::parent_id()));
        assert!(!is_below(std::process::id()) && !is_below(0));
        assert_eq!(parent_in("12 (a b) c) S 7 12 12 0"), Some(7));
        assert_eq!(parent_in("12 (odd"), None);
    }
}
