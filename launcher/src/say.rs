//! What mpirun itself says, on standard error, and the error that ends it before its
//! job has begun.
//!
//! While a job runs, messages go through the [`Outbox`] to the forwarding thread: they
//! come in order with what ranks print, and nobody waits for a reader. Before and after
//! that, [`say`] writes them itself.

use crate::sink::write_patiently;
use nix::sys::eventfd::EventFd;
use std::fmt::Display;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

/// How long mpirun waits for a reader of its output that takes nothing, when the job is
/// over for another reason than its own end.
pub const READER_PATIENCE: Duration = Duration::from_secs(3);

/// Why mpirun ends before its job has begun.
#[derive(Debug)]
pub struct Failure {
    /// What mpirun exits with.
    pub code: u8,
    /// What it says.
    pub text: String,
}

/// A failure with exit code 1.
pub fn failure(text: impl Display) -> Failure {
    Failure {
        code: 1,
        text: text.to_string(),
    }
}

/// Says something on standard error, in one piece. The text may quote what users wrote:
/// control characters in it are escaped, so that a terminal obeys none of them.
pub fn say(text: &str) {
    say_within(text, READER_PATIENCE);
}

/// As [`say`], with another limit for a reader that takes nothing.
pub fn say_within(text: &str, patience: Duration) {
    if HUSHED.load(Ordering::Relaxed) {
        return;
    }
    let job = JOB.get().map_or("", String::as_str);
    let name = NAME.get().copied().unwrap_or("mpirun");
    let line = format!("{name}: {job}{}\n", wireup::plain::text(text));
    let outbox = OUTBOX.get();
    if !outbox.is_some_and(|outbox| outbox.put(line.as_bytes())) {
        write_patiently(std::io::stderr(), line.as_bytes(), patience);
    }
}

/// The program's name, if it is not mpirun.
static NAME: OnceLock<&str> = OnceLock::new();

/// Has all messages come from a program of this name.
pub fn name_program(name: &'static str) {
    let _ = NAME.set(name); // a process is one program
}

/// What messages begin with in the mpirun of a spawned job, beside others.
static JOB: OnceLock<String> = OnceLock::new();

/// Has all messages say that they are about the spawned job of this program.
pub fn name_spawned_job(program: &str) {
    let program = wireup::plain::text(program);
    let _ = JOB.set(format!("spawned job of {program}: ")); // an mpirun runs one job
}

/// Has all messages name this host.
pub fn name_host(host: &str) {
    let host = wireup::plain::text(host);
    let _ = JOB.set(format!("host {host}: ")); // an mpirun runs one job
    let _ = HOST.set(host);
}

/// Has all messages name this host, and the program of the spawned job of which it has a part.
pub fn name_spawned_node(program: &str, host: &str) {
    let [program, host] = [program, host].map(wireup::plain::text);
    let _ = JOB.set(format!("spawned job of {program}: host {host}: ")); // as above
    let _ = HOST.set(host);
}

/// The host of this mpirun's ranks, by the name that the user gave it.
static HOST: OnceLock<String> = OnceLock::new();

/// The name of this host, where it has a part of a job on several.
pub fn host() -> Option<&'static str> {
    HOST.get().map(String::as_str)
}

/// The ranks of this host in the whole job, where that is on several hosts.
static RANKS: OnceLock<Vec<u32>> = OnceLock::new();

/// Sets them, by rank on this host.
pub fn set_ranks(ranks: Vec<u32>) {
    let _ = RANKS.set(ranks); // an mpirun runs one job
}

/// Whether this is one host's part of a job on several.
pub fn is_node() -> bool {
    RANKS.get().is_some()
}

/// The number by which users know a rank of this host.
pub fn rank_in_job(rank: u32) -> u32 {
    let ranks = RANKS.get();
    let known = ranks.and_then(|ranks| ranks.get(rank as usize));
    known.copied().unwrap_or(rank)
}

/// Whether nothing more is to be said.
static HUSHED: AtomicBool = AtomicBool::new(false);

/// Says nothing more: the reason why this job ends was said elsewhere.
pub fn hush() {
    HUSHED.store(true, Ordering::Relaxed);
}

/// Whether nothing more is said.
pub fn is_hushed() -> bool {
    HUSHED.load(Ordering::Relaxed)
}

/// The outbox of this process's job.
static OUTBOX: OnceLock<Arc<Outbox>> = OnceLock::new();

/// Messages on their way to the thread that writes them.
#[derive(Debug)]
pub struct Outbox {
    /// Text that the thread has not taken yet. None once the outbox is closed.
    pending: Mutex<Option<Vec<u8>>>,
    /// Wakes the thread.
    wake: Arc<EventFd>,
}

impl Outbox {
    /// An open outbox, whose thread is woken by `wake`.
    pub fn new(wake: Arc<EventFd>) -> Outbox {
        Outbox {
            pending: Mutex::new(Some(Vec::new())),
            wake,
        }
    }

    /// Sends what is said from now on through this outbox. Once per process.
    pub fn install(self: &Arc<Outbox>) {
        let _ = OUTBOX.set(Arc::clone(self)); // there is one job
    }

    /// Appends text. Returns false if the outbox is closed.
    fn put(&self, text: &[u8]) -> bool {
        let open = match self.pending().as_mut() {
            Some(pending) => {
                pending.extend_from_slice(text);
                true
            }
            None => false,
        };
        if open {
            let _ = self.wake.write(1);
        }
        open
    }

    /// Takes what is there.
    pub fn take(&self) -> Vec<u8> {
        let taken = self.pending().as_mut().map(std::mem::take);
        taken.unwrap_or_default()
    }

    /// Closes the outbox unless it holds text. Returns whether it is closed.
    pub fn close_if_empty(&self) -> bool {
        let mut pending = self.pending();
        if pending.as_ref().is_none_or(Vec::is_empty) {
            *pending = None;
        }
        pending.is_none()
    }

    /// Closes the outbox and drops what it holds.
    pub fn close(&self) {
        self.pending().take();
    }

    fn pending(&self) -> MutexGuard<'_, Option<Vec<u8>>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
