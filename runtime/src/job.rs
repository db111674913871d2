//! This process as a rank of a job: which, how far it has come, and how it ends the job.
//!
//! [`crate::lifecycle`] joins and leaves. Everything may import this file, which imports
//! nothing that messages go through.

use crate::trace;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};
use wireup::layout::{AbortKind, PLACE_LEVELS};
use wireup::nodes::Table;
use wireup::segment::Segment;
use wireup::settings::Settings;

/// Thread levels of the standard ABI (MPI 5.0, section 11.6.2).
pub mod thread {
    /// `MPI_THREAD_SINGLE`.
    pub const SINGLE: i32 = 0;
    /// `MPI_THREAD_FUNNELED`.
    pub const FUNNELED: i32 = 1024;
    /// `MPI_THREAD_SERIALIZED`.
    pub const SERIALIZED: i32 = 2048;
    /// `MPI_THREAD_MULTIPLE`.
    pub const MULTIPLE: i32 = 4096;
}

/// The name of a thread. POSIX leaves open whether it is a number or a pointer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Thread(libc::pthread_t);

// SAFETY: it is compared, and never followed.
unsafe impl Send for Thread {}
// SAFETY: as above.
unsafe impl Sync for Thread {}

/// What stays the same from the first `MPI_Init` or `MPI_Session_init` on.
#[derive(Debug)]
pub struct Job {
    /// The job segment.
    pub segment: &'static Segment,
    /// This process's rank in the segment: in a job of one node, that in `MPI_COMM_WORLD`.
    pub rank: u32,
    /// The number of ranks there.
    pub size: u32,
    /// The settings that the user gave.
    pub settings: Settings,
    /// Who is on the other nodes, if the job has several.
    pub nodes: Option<&'static Table>,
    /// The thread that joined.
    thread: Thread,
}

static JOB: OnceLock<Job> = OnceLock::new();
/// Whether the world model was entered, and whether it was left: sessions have
/// nothing to do with either.
static INITIALIZED: AtomicBool = AtomicBool::new(false);
static FINALIZED: AtomicBool = AtomicBool::new(false);
/// The thread that called `MPI_Init`.
static MAIN_THREAD: OnceLock<Thread> = OnceLock::new();
/// Whether this process is a child that a rank has forked.
static FORKED: AtomicBool = AtomicBool::new(false);
/// The level that the world model was given.
static PROVIDED: AtomicI32 = AtomicI32::new(thread::SINGLE);
/// The highest level that the world model or a session was given.
static HIGHEST: AtomicI32 = AtomicI32::new(thread::SINGLE);

/// The job, once joined.
#[must_use]
pub fn current() -> Option<&'static Job> {
    JOB.get()
}

/// Sets the job of this process, which its first call joins.
pub fn set(
    segment: &'static Segment,
    rank: u32,
    settings: Settings,
    nodes: Option<&'static Table>,
) -> &'static Job {
    JOB.get_or_init(|| Job {
        segment,
        rank,
        size: segment.ranks(),
        settings,
        nodes,
        thread: this_thread(),
    })
}

/// Says that `MPI_Init` has completed, in this thread, and provides this thread level.
pub fn set_initialized(provided: i32) {
    let _ = MAIN_THREAD.set(this_thread());
    PROVIDED.store(provided, Ordering::Relaxed);
    INITIALIZED.store(true, Ordering::Release); // pairs with the Acquire in `is_initialized`
}

/// Says that `MPI_Finalize` has completed.
pub fn set_finalized() {
    FINALIZED.store(true, Ordering::Release); // pairs with the Acquire in `is_finalized`
}

/// Notes the thread level that the world model or a session was given.
pub fn raise_level(level: i32) {
    HIGHEST.fetch_max(level, Ordering::Relaxed);
}

/// The highest level that any of them was given.
#[must_use]
pub fn highest_level() -> i32 {
    HIGHEST.load(Ordering::Relaxed)
}

/// Says that this process is a child that a rank has forked.
pub fn set_forked() {
    FORKED.store(true, Ordering::Relaxed);
}

/// Whether this process is a child that a rank has forked.
#[must_use]
pub fn is_forked() -> bool {
    FORKED.load(Ordering::Relaxed)
}

/// Ends the whole job with this exit code; `text` says why. The launcher reads
/// both from the segment and ends the other ranks.
pub fn abort(code: i32, text: &str) -> ! {
    abort_for((AbortKind::Abort, ""), code, text)
}

/// As [`abort`], for a reason of this kind, with the name of the error class if there is one.
pub fn abort_for(reason: (AbortKind, &str), code: i32, text: &str) -> ! {
    match JOB.get() {
        // mpirun says it
        Some(job) if job.segment.is_launched() && !is_forked() => {
            note_abort(job, code, text, reason);
        }
        _ => eprintln!("lariat: {text}"),
    }
    // What the program printed before should not be lost.
    // SAFETY: fflush(NULL) flushes C's own streams; a stream that another thread
    // holds for ever would stop us here, and the launcher ends us then.
    unsafe { libc::fflush(std::ptr::null_mut()) };
    let status = if code != 0 && code & 0xff == 0 {
        1
    } else {
        code
    };
    // SAFETY: ends the process; nothing of it is used any more. Exit handlers
    // are left out: they may call MPI.
    unsafe { libc::_exit(status) }
}

impl Job {
    /// The number of ranks of the job, on all its nodes.
    #[must_use]
    pub fn ranks(&self) -> u32 {
        self.nodes.map_or(self.size, Table::ranks)
    }

    /// The rank in `MPI_COMM_WORLD`.
    #[must_use]
    pub fn rank_in_world(&self) -> u32 {
        let Some(table) = self.nodes else {
            return self.rank;
        };
        let here = (table.node(), self.rank);
        let mut ranks = 0..table.ranks();
        ranks
            .find(|rank| table.where_is(*rank) == here)
            .unwrap_or(self.rank)
    }
}

/// Writes who aborted and why into the segment; the first one is kept.
fn note_abort(job: &Job, code: i32, text: &str, (kind, class): (AbortKind, &str)) {
    let head = job.segment.head();
    let first =
        head.abort_rank
            .compare_exchange(0, job.rank + 1, Ordering::AcqRel, Ordering::Relaxed); // pairs with the launcher's Acquire
    if first.is_err() {
        return;
    }
    head.abort_code.store(code, Ordering::Relaxed);
    let mut len = text.len().min(head.abort_text.len() * 8);
    while !text.is_char_boundary(len) {
        len -= 1;
    }
    let write = |words: &[AtomicU64], text: &[u8]| {
        for (word, bytes) in words.iter().zip(text.chunks(8)) {
            let mut eight = [0u8; 8];
            eight[..bytes.len()].copy_from_slice(bytes);
            word.store(u64::from_le_bytes(eight), Ordering::Relaxed);
        }
    };
    write(&head.abort_text, &text.as_bytes()[..len]);
    write(&head.abort_class, class.as_bytes());
    head.abort_kind.store(kind as u32, Ordering::Relaxed);
    // pairs with the launcher's Acquire
    head.abort_len
        .store(u32::try_from(len).unwrap_or(0), Ordering::Release);
}

/// Ends the job because this rank has panicked and others may wait for it. A job of one
/// goes on unwinding: nobody waits for it, and it may know what to do. So does a rank that runs
/// tests: its harness catches the panic, and tells which test has failed. Returns whether
/// `MPI_Finalize` is then to be left out, which would wait for the others.
#[cold]
pub fn unwinding() -> bool {
    if wireup::env::get(wireup::env::TESTS).is_some() {
        return JOB.get().is_some_and(|job| job.ranks() > 1);
    }
    let others = JOB.get().filter(|job| job.ranks() > 1);
    if let Some(job) = others.filter(|_| is_initialized() && !is_finalized()) {
        let text = "panicked: MPI_Finalize was called while unwinding";
        abort(PANICKED, &format!("rank {} {text}", job.rank_in_world()));
    }
    false
}

/// What a Rust program exits with when `main` panics.
const PANICKED: i32 = 101;

/// Ends the job because the library cannot go on; says why.
#[cold]
pub fn die(text: &str) -> ! {
    let rank = JOB.get().map_or(0, Job::rank_in_world);
    let call = trace::current().unwrap_or("MPI");
    abort(1, &format!("rank {rank} in {call}: {text}"))
}

/// Whether `MPI_Init` has completed (and stays so after `MPI_Finalize`).
#[must_use]
pub fn is_initialized() -> bool {
    INITIALIZED.load(Ordering::Acquire) // pairs with the Release in `init`
}

/// Whether this process is in the world model now.
#[must_use]
pub fn is_in_world() -> bool {
    is_initialized() && !is_finalized()
}

/// Whether `MPI_Finalize` has completed.
#[must_use]
pub fn is_finalized() -> bool {
    FINALIZED.load(Ordering::Acquire) // pairs with the Release in `finalize`
}

/// The thread level that is provided (`MPI_Query_thread`): the world model's, in a
/// program without it that of its sessions.
#[must_use]
pub fn thread_level() -> i32 {
    let level = if is_initialized() {
        &PROVIDED
    } else {
        &HIGHEST
    };
    level.load(Ordering::Relaxed)
}

/// This thread. Not Rust's own number of it, for which it would keep a record that
/// checkers of leaks take for lost.
fn this_thread() -> Thread {
    // SAFETY: has no preconditions.
    Thread(unsafe { libc::pthread_self() })
}

/// Whether this is the thread that called `MPI_Init`; in a program of sessions alone,
/// the one that made the first.
#[must_use]
pub fn is_main_thread() -> bool {
    let main = MAIN_THREAD.get().or(JOB.get().map(|job| &job.thread));
    main.is_some_and(|main| *main == this_thread())
}

/// Whether ranks share processors: waiting by spinning keeps others from running.
#[must_use]
pub fn is_oversubscribed() -> bool {
    JOB.get().is_some_and(|job| {
        let constants = job.segment.constants();
        let crowd = job.nodes.map_or(0, Table::crowd);
        constants.ranks.saturating_add(crowd) > constants.processors
    })
}

/// Where the launcher bound a rank: the numbers of its package, NUMA node,
/// level-3 cache and core, each `u32::MAX` where it may roam over several. Every
/// rank gets the same answer at any time.
#[must_use]
pub fn place(rank: u32) -> [u32; PLACE_LEVELS] {
    let mut place = [u32::MAX; PLACE_LEVELS];
    if let Some(job) = JOB.get() {
        let said = &job.segment.record(rank).place;
        for (number, at) in place.iter_mut().zip(said) {
            *number = at.load(Ordering::Relaxed);
        }
    }
    place
}
