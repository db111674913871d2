//! Joining the job and leaving it: `MPI_Init`, `MPI_Finalize`, and sessions.
//!
//! The world model and each session are entered and left by themselves (MPI 5.0,
//! chapter 11): the job is joined with the first of them, and calls are let in as
//! long as one of them is open, in whatever order they come and go.
//!
//! Which rank this process is, [`crate::membership`] finds out.

use crate::comm_make::bridges;
use crate::dynamic::spawn;
use crate::error::{Class, Error, Result};
use crate::file::pool;
use crate::job::{self, Job, die, thread};
use crate::membership::{self, Membership};
use crate::object::group::{Nodes, Proc};
use crate::object::{attr, comm, group, raise, session};
use crate::pml::{self, Start, WaitFor, bsend};
use crate::warning::{self, Topic};
use crate::{death, fail, leaks, lock, profile, report, streams, trace};
use btl_shm::region::heap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use wireup::calls::CALL_NAMES;
use wireup::env;
use wireup::heap::HeapFile;
use wireup::layout::{AbortKind, State};
use wireup::nodes::Table;
use wireup::segment::Segment;
use wireup::settings::Settings;

/// Eight bytes that peers read to try whether they can read this process.
static COOKIE: AtomicU64 = AtomicU64::new(0);

/// Joins the job (MPI 5.0, section 11.2). `required` and what is returned are
/// thread levels of the ABI: what is asked for is what is provided.
///
/// # Errors
/// The job cannot be joined, or was joined already; a level that is none.
pub fn init(required: i32) -> Result<i32> {
    if job::is_finalized() {
        fail!(
            OTHER,
            "MPI was finalized: it cannot be initialized again, but sessions can be made"
        );
    }
    if job::is_initialized() {
        fail!(
            OTHER,
            "MPI is initialized already: MPI_Init may be called once"
        );
    }
    let provided = level(required)?;
    let job = join()?;
    comm::init_world(job.rank, job.ranks());
    trace::first_call(|| wait_for_all(job));
    pml::all_started();
    report::publish(job.segment, job.rank, &job.settings);
    let record = job.segment.record(job.rank);
    record.state.store(State::Running as u32, Ordering::Release); // pairs with the launcher's Acquire
    // Once more: a session of another thread may have been the last meanwhile.
    trace::open(&record.call);
    // Not before: a wait gives up the lock, with which this call has not entered.
    if job.segment.is_launched() {
        spawn::connect_parent()?;
    }
    profile::start();
    use_threads(provided);
    job::set_initialized(provided);
    Ok(provided)
}

/// Ends the job for an error, and notes where in the program that was.
fn abort_here(reason: (AbortKind, &str), code: i32, text: &str) -> ! {
    death::note_place();
    job::abort_for(reason, code, text)
}

/// How often a rank that waits for others looks whether they can still come.
const ROLL_CALL: Duration = Duration::from_millis(100);

/// Waits until all ranks have joined. Ends the job if one cannot any more.
fn wait_for_all(job: &Job) {
    let head = job.segment.head();
    let mut looked = Instant::now();
    pml::wait(
        || WaitFor::NOTHING,
        || {
            // pairs with the AcqRel in `join`: what peers tell of themselves is there
            let all = head.joined.load(Ordering::Acquire) >= job.size;
            let is_held = head.hold.load(Ordering::Acquire) != 0; // pairs with the launcher's Release
            if !all && looked.elapsed() >= ROLL_CALL {
                looked = Instant::now();
                find_absent(job);
            }
            all && !is_held
        },
    );
}

/// Ends the job if a rank cannot join any more.
fn find_absent(job: &Job) {
    if let Some(rank) = (0..job.size).find(|rank| never_came(job.segment, *rank)) {
        die(&format!(
            "{} has ended without calling MPI_Init, which all ranks must call",
            group::name(Proc(rank))
        ));
    }
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
    job::raise_level(level);
    if level == thread::MULTIPLE {
        if let Some(job) = job::current() {
            let multiple = &job.segment.record(job.rank).multiple;
            multiple.store(1, Ordering::Relaxed); // before another thread can wait
        }
        lock::enable_multiple();
    }
}

/// Calls that any thread may make at any time, by how their names begin (MPI 5.0, sections
/// 10.2.1, 11.3.1 and 11.6.2).
const ANYBODYS: [&str; 12] = [
    "MPI_Initialized",
    "MPI_Finalized",
    "MPI_Query_thread",
    "MPI_Is_thread_main",
    "MPI_Get_version",
    "MPI_Get_library_version",
    "MPI_Info_",
    "MPI_Session_",
    "MPI_Error_",
    "MPI_Add_error_",
    "MPI_Abi_",
    "MPI_T_",
];

/// Warns, once, if this thread makes the call of this number but only the main thread may.
#[cold]
fn check_thread(number: u32) {
    static WARNED: AtomicBool = AtomicBool::new(false);
    if !job::is_initialized() || lock::is_multiple() || job::is_main_thread() {
        return;
    }
    let level = match job::thread_level() {
        thread::SINGLE => "MPI_THREAD_SINGLE",
        thread::FUNNELED => "MPI_THREAD_FUNNELED",
        _ => return,
    };
    let name = number.checked_sub(1);
    let name = name.and_then(|at| CALL_NAMES.get(at as usize));
    let is_anybodys = |name: &&&str| ANYBODYS.iter().any(|start| name.starts_with(start));
    let Some(name) = name.filter(|name| !is_anybodys(name)) else {
        return;
    };
    if !WARNED.swap(true, Ordering::Relaxed) {
        let rank = group::own_rank();
        let text = format!(
            "rank {rank}: {name} is called by another thread than MPI_Init was, but the thread level is {level}: ask for MPI_THREAD_SERIALIZED or MPI_THREAD_MULTIPLE in MPI_Init_thread"
        );
        warning::say(Topic::Thread, &text);
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
    if let Some(job) = job::current() {
        trace::open(&job.segment.record(job.rank).call);
        return Ok(job);
    }
    raise::on_abort(abort_here);
    let settings =
        Settings::read(env::get).map_err(|why| Error::new(Class::OTHER, why.to_string()))?;
    let Membership {
        segment,
        rank,
        appnum,
        heap: file,
        nodes,
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
    let job = job::set(segment, rank, settings, nodes);
    if let Some(table) = nodes {
        set_nodes(table);
    }
    // SAFETY: the function stores to two atomics, which is allowed after a fork.
    // A refusal (no memory) only leaves a child without its message.
    unsafe { libc::pthread_atfork(None, None, Some(forked)) };
    if btl_shm::valgrind::is_memcheck() {
        // SAFETY: the function is called once, when the process exits.
        unsafe { libc::atexit(leave_memcheck) };
    }
    let file = file.and_then(|source| HeapFile::open_from(segment, &source));
    pml::start(Start {
        segment,
        me: Proc(rank),
        settings: &job.settings,
        heap: file,
        nodes,
        die,
        under_memcheck: btl_shm::valgrind::is_memcheck(),
    });
    if segment.is_launched() {
        death::start(segment, rank);
        warning::start(segment, rank);
        if job.settings.check {
            heap::watch(given_back); // without the preloaded heap nothing is told
            lock::check_entries(check_thread);
            raise::on_return(|text| warning::say(Topic::Error, text));
        }
    }
    group::set_here(rank, job.ranks());
    group::set_job(nodes.map_or(segment.constants().job, Table::secret));
    let universe = wireup::env::get(wireup::env::UNIVERSE_SIZE).and_then(|n| n.parse().ok());
    let universe = universe.unwrap_or(job.ranks().max(segment.constants().processors));
    attr::set_job(universe, appnum);
    streams::buffer();
    if job.settings.profile || job.settings.trace_events > 0 {
        profile::prepare(segment, rank, job.ranks(), job.settings.trace_events);
    }
    trace::open(&record.call);
    if let Some(table) = nodes {
        meet_nodes(job, table)?;
    }
    // pairs with the Acquire in `init`
    let joined = segment.head().joined.fetch_add(1, Ordering::AcqRel) + 1;
    if joined == size {
        wake_all(size);
    }
    if job.settings.verbose {
        say(job);
    }
    Ok(job)
}

/// Says who is on which node.
fn set_nodes(table: &Table) {
    let ranks: Vec<(u32, u32)> = (0..table.ranks())
        .map(|rank| table.where_is(rank))
        .collect();
    let hosts = (0..table.nodes()).map(|node| table.host(node)).collect();
    group::set_nodes(Nodes::new(&ranks, table.node(), hosts));
}

/// How often a rank looks whether the addresses of all others are there.
const NAP: Duration = Duration::from_millis(1);

/// Waits for the addresses of all ranks, and learns them.
fn meet_nodes(job: &Job, table: &Table) -> Result<()> {
    let mut looked = Instant::now();
    while !table.is_ready() {
        std::thread::sleep(NAP);
        if looked.elapsed() >= ROLL_CALL {
            looked = Instant::now();
            find_absent(job);
        }
    }
    pml::meet_nodes(table).map_err(|why| Error::new(Class::OTHER, why))
}

/// Wakes all ranks, whatever they wait for.
fn wake_all(size: u32) {
    (0..size).for_each(|rank| pml::wake(Proc(rank)));
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

/// The program gives memory back (`mpirun --check`).
extern "C" fn given_back(call: usize, addr: usize, len: usize) {
    // None in a forked child, and when the library is down.
    if trace::slot().is_some() {
        let call = heap::GIVING_BACK.get(call).copied();
        pml::given_back(call.unwrap_or("the program"), addr, len);
    }
}

/// What a forked child does first: it has the rank's memory and its mapping of
/// the segment, but it is not the rank, and calls of it are refused.
extern "C" fn forked() {
    job::set_forked();
    profile::stop();
    pml::board::set_forked();
    trace::close();
}

/// At the end of a process that memcheck runs: leaves it little to look through for
/// leaks, and none of the hash tables that it takes for possible ones, since nothing
/// points to their beginnings.
extern "C" fn leave_memcheck() {
    if job::is_finalized() && session::count() == 0 {
        pml::discard();
    }
    if let Some(job) = job::current() {
        // SAFETY: a process that ends allocates nothing in the segment any more.
        unsafe { job.segment.close_rest() };
    }
}

/// Leaves the world model (MPI 5.0, section 11.2.2), and the job where no session is
/// open. Waits for every rank to come here, so that nobody's memory goes away while
/// a peer reads it.
///
/// # Errors
/// It was not entered, or was left already; an attribute's delete function failed.
pub fn finalize() -> Result<()> {
    let Some(job) = job::current().filter(|_| job::is_in_world()) else {
        fail!(OTHER, "MPI is not initialized, or was finalized already");
    };
    comm::delete_attributes()?;
    // With a session open, objects may still be in use.
    let leaks = (job.settings.check && session::count() == 0)
        .then(|| leaks::find(spawn::parent() != comm::NULL));
    // A session's messages may wait for receives that come after this call. Those of
    // the world model arrive while this rank waits for the others.
    if session::count() == 0 {
        send_the_rest(job, pml::leaving);
    }
    let head = job.segment.head();
    let record = job.segment.record(job.rank);
    record
        .state
        .store(State::Finalizing as u32, Ordering::Release); // pairs with the launcher's Acquire
    // pairs with the Acquire below
    let arrived = head.finalizing.fetch_add(1, Ordering::AcqRel) + 1;
    if arrived == job.size {
        wake_all(job.size);
    }
    // pairs with the AcqRel above
    pml::wait(pml::leaving, || {
        head.finalizing.load(Ordering::Acquire) >= job.size
    });
    if let Some(table) = job.nodes {
        table.finalize().map_err(|why| {
            let text = format!("mpirun cannot be told that this rank finalizes: {why}");
            Error::new(Class::OTHER, text)
        })?;
        pml::wait(pml::leaving, || table.is_released());
    }
    if let Some(leaks) = leaks {
        pml::progress();
        leaks.tell(job.rank_in_world());
    }
    bridges::finalize();
    job::set_finalized();
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
    pool::drain_all();
    bsend::flush_all();
    pml::stop(what);
    report::publish_last(job.segment, job.rank, &job.settings);
}

/// Lets go of the peers' memory and refuses calls from now on.
fn leave() {
    pml::detach();
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
    let provided = level(wanted.unwrap_or_else(job::highest_level))?;
    let job = join()?;
    if !job::is_in_world() {
        let state = &job.segment.record(job.rank).state;
        state.store(State::Running as u32, Ordering::Release); // pairs with the launcher's Acquire
    }
    profile::start();
    Ok(provided)
}

/// After a session was finalized: leaves the job when that was the last thing that
/// this program had of MPI. Of others, connected processes of other jobs are waited for.
pub fn leave_session() {
    let is_last = || !job::is_in_world() && session::count() == 0;
    let Some(job) = job::current().filter(|_| is_last()) else {
        return;
    };
    send_the_rest(job, || WaitFor::NOTHING);
    bridges::finalize();
    // another thread may have made a session, or called MPI_Init, meanwhile
    if is_last() {
        leave();
        end_well(job);
    }
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
