//! What the threads of a rank do, from /proc. Where several threads may call MPI, a thread
//! that works outside of MPI may help those that wait in it.

use crate::procfs;
use std::collections::HashMap;
use std::fs;

/// The commands of `futex` that wait: `FUTEX_WAIT`, `_LOCK_PI`, `_WAIT_BITSET`, `_LOCK_PI2`.
const FUTEX_WAITS: [u64; 4] = [0, 6, 9, 13];

/// A thread at one moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Thread {
    /// Voluntary context switches: how often it has gone to wait for something.
    waits: u64,
    /// Involuntary context switches: how often its processor was taken away.
    pauses: u64,
    /// It sleeps until another thread wakes it: its wait has no timeout.
    asleep: bool,
}

/// All threads of a process at one moment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Threads(HashMap<i32, Thread>);

impl Threads {
    /// The threads of process `pid`. None if /proc does not show them, or if what wakes them
    /// cannot be known.
    pub fn of(pid: u32) -> Option<Threads> {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        if may_wake_by_a_signal(&status)? {
            return None;
        }
        let tasks = fs::read_dir(format!("/proc/{pid}/task")).ok()?;
        let tasks: Vec<_> = tasks.collect::<Result<_, _>>().ok()?;
        let number = |task: &fs::DirEntry| task.file_name().to_str()?.parse().ok();
        let numbers: Vec<i32> = tasks.iter().map(number).collect::<Option<_>>()?;
        let mut found = HashMap::new();
        for (task, number) in tasks.iter().zip(&numbers) {
            let read = |name| fs::read_to_string(task.path().join(name)).ok();
            if is_of_the_library(&read("comm")?) {
                continue;
            }
            // The state is read before the counts: if the thread runs in between, the counts
            // have risen.
            let asleep = sleeps_on_a_futex(&read("syscall")?, &numbers);
            let (waits, pauses) = switches(&read("status")?)?;
            let thread = Thread {
                waits,
                pauses,
                asleep,
            };
            found.insert(*number, thread);
        }
        Some(Threads(found))
    }

    /// Each thread's number, how often it has gone to wait and was interrupted, and whether it
    /// sleeps until another wakes it.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = (i32, u64, u64, bool)> {
        let entry = |(number, thread): (&i32, &Thread)| {
            (*number, thread.waits, thread.pauses, thread.asleep)
        };
        self.0.iter().map(entry)
    }

    /// What [`Threads::entries`] has told.
    pub fn from_entries(entries: impl IntoIterator<Item = (i32, u64, u64, bool)>) -> Threads {
        let threads = entries.into_iter().map(|(number, waits, pauses, asleep)| {
            let thread = Thread {
                waits,
                pauses,
                asleep,
            };
            (number, thread)
        });
        Threads(threads.collect())
    }

    /// Whether, since `before`, exactly `waiters` threads have woken up several times and
    /// gone back to sleep, as threads that wait in MPI do, and all others have slept on.
    pub fn only_wait(&self, waiters: u32, before: &Threads) -> bool {
        let mut awake = 0;
        for (number, now) in &self.0 {
            let Some(then) = before.0.get(number) else {
                return false;
            };
            if then == now && now.asleep {
                continue;
            }
            if now.waits < then.waits + 3 {
                return false;
            }
            awake += 1;
        }
        awake == waiters && self.0.len() == before.0.len()
    }
}

/// The threads of a process but for those of MPI's library.
pub fn of_the_program(pid: u32) -> Option<usize> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).ok()?;
    let names = tasks.map(|task| fs::read_to_string(task.ok()?.path().join("comm")).ok());
    Some(
        names
            .flatten()
            .filter(|name| !is_of_the_library(name))
            .count(),
    )
}

/// Whether a thread of this name is the one that hears of messages from other hosts, and ends
/// no wait of the program's.
fn is_of_the_library(name: &str) -> bool {
    name.trim_end() == wireup::nodes::THREAD
}

/// Signals whose handlers may wake a thread at any time: SIGUSR1, SIGUSR2, SIGALRM, SIGCHLD,
/// SIGURG, SIGVTALRM, SIGPROF, SIGIO, and all real-time signals but the C library's two.
const WAKING: u64 =
    1 << 9 | 1 << 11 | 1 << 13 | 1 << 16 | 1 << 22 | 1 << 25 | 1 << 26 | 1 << 28 | u64::MAX << 33;

/// Whether the process of this /proc/PID/status has a handler for such a signal.
fn may_wake_by_a_signal(status: &str) -> Option<bool> {
    let caught = u64::from_str_radix(procfs::field(status, "SigCgt")?, 16).ok()?;
    Some(caught & WAKING != 0)
}

/// Whether a line of /proc/PID/task/TID/syscall shows an untimed wait on a futex that only a
/// thread of the same process can end. `threads`: the threads of that process. Futexes that
/// are shared between processes may be woken by any of them, but for the one by which
/// `pthread_join` waits for the end of a thread, whose number it expects there.
fn sleeps_on_a_futex(line: &str, threads: &[i32]) -> bool {
    const PRIVATE: u64 = 0x80;

    let mut words = line.split_whitespace();
    let call = words.next().and_then(|w| w.parse::<i64>().ok());
    let mut argument = || {
        let word = words.next()?.strip_prefix("0x")?;
        u64::from_str_radix(word, 16).ok()
    };
    let (Some(_), Some(command), Some(value), Some(limit)) =
        (argument(), argument(), argument(), argument())
    else {
        return false; // the thread runs
    };
    let is_join = threads
        .iter()
        .any(|thread| u64::try_from(*thread) == Ok(value));
    call == Some(libc::SYS_futex)
        && FUTEX_WAITS.contains(&(command & 0x7f))
        && (command & PRIVATE != 0 || is_join)
        && limit == 0
}

/// The voluntary and involuntary context switches in /proc/PID/task/TID/status.
fn switches(status: &str) -> Option<(u64, u64)> {
    let count = |name: &str| procfs::field(status, name)?.parse().ok();
    Some((
        count("voluntary_ctxt_switches")?,
        count("nonvoluntary_ctxt_switches")?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::time::{Duration, Instant};

    #[test]
    fn lines_of_proc() {
        let futex = libc::SYS_futex;
        let line = |command: &str, limit: &str| {
            format!("{futex} 0x7f00 {command} 0x2 {limit} 0x0 0xffffffff 0x7ffc 0x7fcb")
        };
        let sleeps = |line: &str| sleeps_on_a_futex(line, &[1, 3]);
        assert!(sleeps(&line("0x80", "0x0")));
        assert!(sleeps(&line("0x189", "0x0")));
        assert!(!sleeps(&line("0x80", "0x7ffc12")), "it has a limit");
        assert!(!sleeps(&line("0x81", "0x0")), "it wakes others");
        assert!(
            !sleeps(&line("0x109", "0x0")),
            "other processes may wake it"
        );
        assert!(
            sleeps_on_a_futex(&line("0x109", "0x0"), &[1, 2]),
            "pthread_join"
        );
        assert!(!sleeps("running"));
        assert!(!sleeps("35 0x7ffc 0x0 0x0 0x0 0x0 0x0 0x7ffc 0x7fcb"));
        let handles = |caught: &str| may_wake_by_a_signal(&format!("SigCgt:\t{caught}\n"));
        assert_eq!(
            handles("0000000100000440"),
            Some(false),
            "SIGSEGV, and one of the C library's"
        );
        assert_eq!(handles("0000000000002000"), Some(true), "SIGALRM");
        assert_eq!(handles("0000000400000000"), Some(true));
        assert_eq!(handles("x"), None);
        let status = "State:\tS\nvoluntary_ctxt_switches:\t12\nnonvoluntary_ctxt_switches:\t3\n";
        assert_eq!(switches(status), Some((12, 3)));
        assert_eq!(switches("State:\tS\n"), None);
    }

    #[test]
    fn one_that_works_is_told_from_those_that_wait() {
        let thread = |waits, asleep| Thread {
            waits,
            pauses: 0,
            asleep,
        };
        let at = |all: &[(i32, Thread)]| Threads(all.iter().copied().collect());
        let before = at(&[(1, thread(5, false)), (2, thread(7, true))]);
        let after = at(&[(1, thread(15, false)), (2, thread(7, true))]);
        assert!(after.only_wait(1, &before));
        assert!(
            !after.only_wait(2, &before),
            "one of two does something else"
        );
        let woken = at(&[(1, thread(15, false)), (2, thread(8, true))]);
        assert!(!woken.only_wait(1, &before));
        let busy = at(&[(1, thread(5, false)), (2, thread(7, true))]);
        assert!(!busy.only_wait(1, &before), "it has not looked");
        let more = at(&[
            (1, thread(15, false)),
            (2, thread(7, true)),
            (3, thread(0, true)),
        ]);
        assert!(!more.only_wait(1, &before));
    }

    #[test]
    fn a_thread_that_sleeps_is_seen() {
        let (end, stay) = mpsc::channel::<()>();
        let thread = std::thread::spawn(move || stay.recv());
        let began = Instant::now();
        let sleeps = || {
            let all = Threads::of(std::process::id());
            all.is_none_or(|all| all.0.values().any(|thread| thread.asleep))
        };
        while !sleeps() {
            assert!(began.elapsed() < Duration::from_secs(60));
            std::thread::sleep(Duration::from_millis(1));
        }
        drop(end);
        let _ = thread.join().unwrap();
    }
}
