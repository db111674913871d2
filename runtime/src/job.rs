//! This process as a rank of a job: found at `MPI_Init`, left at `MPI_Finalize`.
//!
//! The world model and each session are entered and left by themselves (MPI 5.0,
//! chapter 11): the job is joined with the first of them, and calls are let in as
//! long as one of them is open, in whatever order they come and go.
//!
//! Which rank this process is, [`crate::membership`] finds out.

use crate::error::{Class, Error, Result};
use crate::membership::{self, Membership};
use crate::object::{attr, comm, group, raise, session};
use crate::pml::{self, WaitFor, bsend, progress};
use crate::{fail, lock, report, trace};
use btl_shm::peer::Peers;
use btl_shm::region::heap;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use wireup::env;
use wireup::heap::HeapFile;
use wireup::layout::{PLACE_LEVELS, State};
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

/// What stays the same from the first `MPI_Init` or `MPI_Session_init` on.
#[derive(Debug)]
pub struct Job {
    /// The job segment.
    pub segment: &'static Segment,
    /// This process's rank.
    pub rank: u32,
    /// The number of ranks.
    pub size: u32,
    /// The settings that the user gave.
    pub settings: Settings,
    /// The thread that joined.
    thread: libc::pthread_t,
}

static JOB: OnceLock<Job> = OnceLock::new();
/// Whether the world model was entered, and whether it was left: sessions have
/// nothing to do with either.
static INITIALIZED: AtomicBool = AtomicBool::new(false);
static FINALIZED: AtomicBool = AtomicBool::new(false);
/// The thread that called `MPI_Init`.
static MAIN_THREAD: OnceLock<libc::pthread_t> = OnceLock::new();
/// Whether this process is a child that a rank has forked.
static FORKED: AtomicBool = AtomicBool::new(false);
/// The level that the world model was given.
static PROVIDED: AtomicI32 = AtomicI32::new(thread::SINGLE);
/// The highest level that the world model or a session was given.
static HIGHEST: AtomicI32 = AtomicI32::new(thread::SINGLE);
/// Eight bytes that peers read to try whether they can read this process.
static COOKIE: AtomicU64 = AtomicU64::new(0);

/// The job, once joined.
#[must_use]
pub fn current() -> Option<&'static Job> {
    JOB.get()
}

/// Joins the job (MPI 5.0, section 11.2). `required` and what is returned are
/// thread levels of the ABI: what is asked for is what is provided.
///
/// # Errors
/// The job cannot be joined, or was joined already; a level that is none.
pub fn init(required: i32) -> Result<i32> {
    if is_finalized() {
        fail!(
            OTHER,
            "MPI was finalized: it cannot be initialized again, but sessions can be made"
        );
    }
    if is_initialized() {
        fail!(
            OTHER,
            "MPI is initialized already: MPI_Init may be called once"
        );
    }
    let provided = level(required)?;
    let job = join()?;
    comm::init_world(job.rank, job.size);
    let _ = MAIN_THREAD.set(this_thread());
    trace::first_call(|| wait_for_all(job));
    pml::with_peers(Peers::try_all);
    report::publish(job.segment, job.rank, &job.settings);
    PROVIDED.store(provided, Ordering::Relaxed);
    let record = job.segment.record(job.rank);
    record.state.store(State::Running as u32, Ordering::Release); // pairs with the launcher's Acquire
    // Once more: a session of another thread may have been the last meanwhile.
    trace::open(&record.call);
    // Not before: a wait gives up the lock, with which this call has not entered.
    use_threads(provided);
    INITIALIZED.store(true, Ordering::Release); // pairs with the Acquire in `is_initialized`
    Ok(provided)
}

/// How often a rank that waits for others looks whether they can still come.
const ROLL_CALL: Duration = Duration::from_millis(100);

/// Waits until all ranks have joined. Ends the job if one cannot any more.
fn wait_for_all(job: &Job) {
    let head = job.segment.head();
    let mut looked = Instant::now();
    progress::wait(
        || WaitFor::NOTHING,
        || {
            // pairs with the AcqRel in `join`: what peers tell of themselves is there
            let all = head.joined.load(Ordering::Acquire) >= job.size;
            if !all && looked.elapsed() >= ROLL_CALL {
                looked = Instant::now();
                if let Some(rank) = (0..job.size).find(|rank| never_came(job.segment, *rank)) {
                    die(&format!(
                        "rank {rank} has ended without calling MPI_Init, which all ranks must call"
                    ));
                }
            }
            all
        },
    );
}

/// Whether a rank's process has ended that never joined.
fn never_came(segment: &Segment, rank: u32) -> bool {
    let record = segment.record(rank);
    // pairs with the launcher's Release, which comes after what the rank has written
    record.state.load(Ordering::Acquire) == State::Gone as u32
        && record.pid.load(Ordering::Relaxed) == 0
}

/// From now on calls enter with the lock, if `level` lets threads call at once. The last
/// thing that a call does: it has entered without the lock, and must not give up what
/// it does not hold (an error handler is called so).
pub fn use_threads(level: i32) {
    HIGHEST.fetch_max(level, Ordering::Relaxed);
    if level == thread::MULTIPLE {
        if let Some(job) = JOB.get() {
            let multiple = &job.segment.record(job.rank).multiple;
            multiple.store(1, Ordering::Relaxed); // before another thread can wait
        }
        lock::enable_multiple();
    }
}

/// The level provided for a required one.
fn level(required: i32) -> Result<i32> {
    match required {
        thread::SINGLE | thread::FUNNELED | thread::SERIALIZED | thread::MULTIPLE => Ok(required),
        _ => fail!(
            ARG,
            "required is {required}, but must be MPI_THREAD_SINGLE, _FUNNELED, _SERIALIZED or _MULTIPLE"
        ),
    }
}

/// Brings the library up for this process, if it is not: for `MPI_Init` and for
/// sessions.
///
/// # Errors
/// The job cannot be joined.
fn join() -> Result<&'static Job> {
    if let Some(job) = JOB.get() {
        trace::open(&job.segment.record(job.rank).call);
        return Ok(job);
    }
    raise::on_abort(abort);
    let settings =
        Settings::read(env::get).map_err(|why| Error::new(Class::OTHER, why.to_string()))?;
    let Membership {
        segment,
        rank,
        appnum,
        heap: file,
    } = membership::find()?;
    if segment.is_launched() {
        // Without it memory is the system's, and reached by other arms.
        drop(heap::start());
    }
    let size = segment.ranks();
    let record = segment.record(rank);
    let cookie = segment.constants().job.rotate_left(17) ^ u64::from(rank) << 32 ^ 0x6c61_7269_6174;
    record.cookie.store(cookie, Ordering::Relaxed);
    let at = place_cookie(cookie);
    record.cookie_addr.store(at, Ordering::Relaxed);
    let thread = this_thread();
    let job = JOB.get_or_init(|| Job {
        segment,
        rank,
        size,
        settings,
        thread,
    });
    // SAFETY: the function stores to two atomics, which is allowed after a fork.
    // A refusal (no memory) only leaves a child without its message.
    unsafe { libc::pthread_atfork(None, None, Some(forked)) };
    if btl_shm::valgrind::is_memcheck() {
        // SAFETY: the function is called once, when the process exits.
        unsafe { libc::atexit(leave_memcheck) };
    }
    let file = file.and_then(|source| HeapFile::open_from(segment, &source));
    let reach = Peers::new(segment, rank, job.settings.arm, file, job.settings.verbose);
    progress::start(segment, rank, &job.settings, reach);
    group::set_here(rank, size);
    attr::set_job(size, appnum);
    trace::open(&record.call);
    // pairs with the Acquire in `init`
    let joined = segment.head().joined.fetch_add(1, Ordering::AcqRel) + 1;
    if joined == size {
        (0..size).for_each(progress::wake);
    }
    if job.settings.verbose {
        say(job);
    }
    Ok(job)
}

/// Puts the bytes by which peers try whether they reach this process's memory
/// where as many arms as possible reach them. Their address.
fn place_cookie(cookie: u64) -> u64 {
    let place = heap::alloc(size_of::<u64>(), 64);
    if place.is_null() {
        COOKIE.store(cookie, Ordering::Relaxed);
        return (&raw const COOKIE).expose_provenance() as u64;
    }
    // SAFETY: fresh memory of eight bytes, aligned, kept for good.
    unsafe { place.cast::<u64>().write_volatile(cookie) };
    place.expose_provenance() as u64
}

/// What a forked child does first: it has the rank's memory and its mapping of
/// the segment, but it is not the rank, and calls of it are refused.
extern "C" fn forked() {
    FORKED.store(true, Ordering::Relaxed);
    trace::close();
}

/// At the end of a process that memcheck runs: leaves it little to look through for
/// leaks, and none of the hash tables that it takes for possible ones, since nothing
/// points to their beginnings.
extern "C" fn leave_memcheck() {
    if is_finalized() && session::count() == 0 {
        pml::discard();
    }
    if let Some(job) = JOB.get() {
        // SAFETY: a process that ends allocates nothing in the segment any more.
        unsafe { job.segment.close_rest() };
    }
}

/// Whether this process is a child that a rank has forked.
#[must_use]
pub fn is_forked() -> bool {
    FORKED.load(Ordering::Relaxed)
}

/// Leaves the world model (MPI 5.0, section 11.2.2), and the job where no session is
/// open. Waits for every rank to come here, so that nobody's memory goes away while
/// a peer reads it.
///
/// # Errors
/// It was not entered, or was left already; an attribute's delete function failed.
pub fn finalize() -> Result<()> {
    let Some(job) = JOB.get().filter(|_| is_in_world()) else {
        fail!(OTHER, "MPI is not initialized, or was finalized already");
    };
    comm::delete_attributes()?;
    // A session's messages may wait for receives that come after this call. Those of
    // the world model arrive while this rank waits for the others.
    if session::count() == 0 {
        send_the_rest(job, WaitFor::leaving);
    }
    let head = job.segment.head();
    let record = job.segment.record(job.rank);
    record
        .state
        .store(State::Finalizing as u32, Ordering::Release); // pairs with the launcher's Acquire
    // pairs with the Acquire below
    let arrived = head.finalizing.fetch_add(1, Ordering::AcqRel) + 1;
    if arrived == job.size {
        (0..job.size).for_each(progress::wake);
    }
    // pairs with the AcqRel above
    progress::wait(WaitFor::leaving, || {
        head.finalizing.load(Ordering::Acquire) >= job.size
    });
    FINALIZED.store(true, Ordering::Release); // pairs with the Acquire in `is_finalized`
    comm::drop_world();
    if session::count() == 0 {
        leave();
    }
    // Also with a session open: a program that forgets one has done what it owes to
    // the others.
    end_well(job);
    Ok(())
}

/// Sends what has to go out by itself (buffered messages, those whose requests were
/// freed), and tells the launcher what this rank was asked for.
/// `what`: how that wait is told of.
fn send_the_rest(job: &Job, what: impl Fn() -> WaitFor) {
    bsend::flush_all();
    pml::stop(what);
    report::publish_last(job.segment, job.rank, &job.settings);
}

/// Lets go of the peers' memory and refuses calls from now on.
fn leave() {
    pml::with_peers(|peers| peers.detach());
    trace::close();
}

/// From now on the program may end without blame.
fn end_well(job: &Job) {
    let state = &job.segment.record(job.rank).state;
    state.store(State::Finalized as u32, Ordering::Release); // pairs with the launcher's Acquire
}

/// Brings the library up for a session, if it is not up. `wanted` is a level of
/// thread support; without one the session gets that of the process. The level,
/// which [`use_threads`] is to be told at the end of the call.
///
/// # Errors
/// The job cannot be joined.
pub fn enter_session(wanted: Option<i32>) -> Result<i32> {
    let provided = level(wanted.unwrap_or_else(|| HIGHEST.load(Ordering::Relaxed)))?;
    let job = join()?;
    if !is_in_world() {
        let state = &job.segment.record(job.rank).state;
        state.store(State::Running as u32, Ordering::Release); // pairs with the launcher's Acquire
    }
    Ok(provided)
}

/// After a session was finalized: leaves the job when that was the last thing that
/// this program had of MPI. Nobody is waited for.
pub fn leave_session() {
    let is_last = || !is_in_world() && session::count() == 0;
    let Some(job) = JOB.get().filter(|_| is_last()) else {
        return;
    };
    send_the_rest(job, || WaitFor::NOTHING);
    // another thread may have made a session, or called MPI_Init, meanwhile
    if is_last() {
        leave();
        end_well(job);
    }
}

/// Ends the whole job with this exit code; `text` says why. The launcher reads
/// both from the segment and ends the other ranks.
pub fn abort(code: i32, text: &str) -> ! {
    match JOB.get() {
        // mpirun says it
        Some(job) if job.segment.is_launched() && !is_forked() => note_abort(job, code, text),
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

/// Writes who aborted and why into the segment; the first one is kept.
fn note_abort(job: &Job, code: i32, text: &str) {
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
    for (word, bytes) in head.abort_text.iter().zip(text.as_bytes()[..len].chunks(8)) {
        let mut eight = [0u8; 8];
        eight[..bytes.len()].copy_from_slice(bytes);
        word.store(u64::from_le_bytes(eight), Ordering::Relaxed);
    }
    // pairs with the launcher's Acquire
    head.abort_len
        .store(u32::try_from(len).unwrap_or(0), Ordering::Release);
}

/// Ends the job because this rank has panicked and others may wait for it. A job of one
/// goes on unwinding: nobody waits for it, and it may know what to do.
#[cold]
pub fn unwinding() {
    let others = JOB.get().filter(|job| job.size > 1);
    if let Some(job) = others.filter(|_| is_initialized() && !is_finalized()) {
        let text = "panicked: MPI_Finalize was called while unwinding";
        abort(PANICKED, &format!("rank {} {text}", job.rank));
    }
}

/// What a Rust program exits with when `main` panics.
const PANICKED: i32 = 101;

/// Ends the job because the library cannot go on; says why.
#[cold]
pub fn die(text: &str) -> ! {
    let rank = JOB.get().map_or(0, |job| job.rank);
    let call = trace::current().unwrap_or("MPI");
    abort(1, &format!("rank {rank} in {call}: {text}"))
}

/// Whether `MPI_Init` has completed (and stays so after `MPI_Finalize`).
#[must_use]
pub fn is_initialized() -> bool {
    INITIALIZED.load(Ordering::Acquire) // pairs with the Release in `init`
}

/// Whether this process is in the world model now.
fn is_in_world() -> bool {
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
fn this_thread() -> libc::pthread_t {
    // SAFETY: has no preconditions.
    unsafe { libc::pthread_self() }
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
pub fn is_crowded() -> bool {
    JOB.get().is_some_and(|job| {
        let constants = job.segment.constants();
        constants.ranks > constants.processors
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

/// Takes `count` context ids that nobody in the job has, each even and two
/// apart; the first.
///
/// # Panics
/// If MPI is not up: a bug of the caller.
pub fn take_contexts(count: u32) -> u32 {
    let job = JOB
        .get()
        .expect("communicators are made while MPI is initialized");
    job.segment
        .head()
        .next_context
        .fetch_add(2 * count, Ordering::Relaxed)
}

/// The context and the tag of the collective that process `peer` has published to wait
/// in, if it waits in one.
#[must_use]
pub fn waits_in(peer: u32) -> Option<(u32, i32)> {
    let job = JOB.get().filter(|job| peer < job.size)?;
    let waiting = job.segment.record(peer).collective.load(Ordering::Relaxed);
    let [context, tag] = [waiting >> 32, waiting & 0xffff_ffff].map(u32::try_from);
    let tag = tag.ok()?.cast_signed();
    (waiting != 0).then_some((context.ok()?, tag))
}

/// Says at start what was found and chosen.
#[cold]
fn say(job: &Job) {
    eprintln!(
        "lariat: rank {} of {}, process {}, {} processors, segment of {} bytes, {:?}",
        job.rank,
        job.size,
        std::process::id(),
        job.segment.constants().processors,
        job.segment.allocated(),
        job.settings
    );
    if job.segment.is_launched() {
        let heap = heap::start().map_or_else(|why| format!("none ({why})"), |()| "yes".to_owned());
        eprintln!("lariat: rank {}: shared heap: {heap}", job.rank);
    }
}
