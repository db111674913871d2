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
    /// The threads of process `pid`. None if /proc does not show them.
    pub fn of(pid: u32) -> Option<Threads> {
        let tasks = fs::read_dir(format!("/proc/{pid}/task")).ok()?;
        let mut found = HashMap::new();
        for task in tasks {
            let task = task.ok()?;
            let number = task.file_name().to_str()?.parse().ok()?;
            let read = |name| fs::read_to_string(task.path().join(name)).ok();
            // The state is read before the counts: if the thread runs in between, the counts
            // have risen.
            let asleep = sleeps_on_a_futex(&read("syscall")?);
            let (waits, pauses) = switches(&read("status")?)?;
            let thread = Thread {
                waits,
                pauses,
                asleep,
            };
            found.insert(number, thread);
        }
        Some(Threads(found))
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

/// Whether a line of /proc/PID/task/TID/syscall shows an untimed wait on a futex.
fn sleeps_on_a_futex(line: &str) -> bool {
    let mut words = line.split_whitespace();
    let call = words.next().and_then(|w| w.parse::<i64>().ok());
    let mut argument = || {
        let word = words.next()?.strip_prefix("0x")?;
        u64::from_str_radix(word, 16).ok()
    };
    let (Some(_), Some(command), Some(_), Some(limit)) =
        (argument(), argument(), argument(), argument())
    else {
        return false; // the thread runs
    };
    call == Some(libc::SYS_futex) && FUTEX_WAITS.contains(&(command & 0x7f)) && limit == 0
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
        assert!(sleeps_on_a_futex(&line("0x80", "0x0")));
        assert!(sleeps_on_a_futex(&line("0x189", "0x0")));
        assert!(
            !sleeps_on_a_futex(&line("0x80", "0x7ffc12")),
            "it has a limit"
        );
        assert!(!sleeps_on_a_futex(&line("0x81", "0x0")), "it wakes others");
        assert!(!sleeps_on_a_futex("running"));
        assert!(!sleeps_on_a_futex(
            "35 0x7ffc 0x0 0x0 0x0 0x0 0x0 0x7ffc 0x7fcb"
        ));
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
