//! The process tree below mpirun: which processes have ended, and which are left when the
//! ranks have ended. mpirun is the subreaper of its job: a process that a rank leaves
//! behind becomes mpirun's own child, so that it can be found and ended.

use crate::procfs;
use crate::spawn::take_ended;
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;
use std::collections::{HashMap, HashSet};
use std::os::unix::process::ExitStatusExt;
use std::time::{Duration, Instant};

/// How long processes that ranks left behind may take to end on SIGTERM.
const LEFTOVER_GRACE: Duration = Duration::from_millis(300);

/// How a process ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ExitStatus {
    /// It exited with this code.
    Exit(i32),
    /// This signal killed it; whether a core was dumped.
    Signal(i32, bool),
}

/// What mpirun learns about its children.
#[derive(Debug, PartialEq, Eq)]
pub enum WaitOutcome {
    /// This child has ended, with this status.
    Ended(i32, ExitStatus),
    /// There are children, and none has ended since the last call.
    StillRunning,
    /// There are no children.
    NoChildren,
}

/// Takes the next child that has ended.
pub fn next() -> WaitOutcome {
    loop {
        return match take_ended() {
            Ok(Some((pid, status))) => match (status.code(), status.signal()) {
                (Some(code), _) => WaitOutcome::Ended(pid, ExitStatus::Exit(code)),
                (_, Some(signal)) => {
                    let core = status.core_dumped();
                    WaitOutcome::Ended(pid, ExitStatus::Signal(signal, core))
                }
                _ => continue, // no end
            },
            Ok(None) => WaitOutcome::StillRunning,
            Err(why) if why.raw_os_error() == Some(libc::ECHILD) => WaitOutcome::NoChildren,
            Err(_) => continue, // interrupted
        };
    }
}

/// The children that mpirun has before it starts any. A shell has them if it started
/// something and then became mpirun by `exec`. They are not the job's.
pub fn strangers() -> HashSet<i32> {
    match next() {
        WaitOutcome::NoChildren => HashSet::new(),
        _ => {
            let own = own_pid();
            let parents = parents();
            let ours = parents.iter().filter(|(_, parent)| **parent == own);
            ours.map(|(pid, _)| *pid).collect()
        }
    }
}

/// Ends whatever ranks have left behind: SIGTERM, a moment, SIGKILL, until nothing is left.
pub fn end_leftovers(strangers: &HashSet<i32>) {
    let began = Instant::now();
    let mut last = None;
    loop {
        match next() {
            WaitOutcome::NoChildren => return,
            WaitOutcome::Ended(..) => continue,
            WaitOutcome::StillRunning => {}
        }
        let left = descendants(strangers);
        if left.is_empty() {
            return;
        }
        let signal = match began.elapsed() < LEFTOVER_GRACE {
            true => Signal::SIGTERM,
            false => Signal::SIGKILL,
        };
        if last != Some(signal) || signal == Signal::SIGKILL {
            send(&left, signal);
        }
        last = Some(signal);
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Sends SIGKILL to everything below mpirun that is the job's.
pub fn kill_all(strangers: &HashSet<i32>) {
    send(&descendants(strangers), Signal::SIGKILL);
}

/// Whether a process lives below mpirun and is the job's.
pub fn is_below(pid: i32, strangers: &HashSet<i32>) -> bool {
    descendants(strangers).contains(&pid)
}

/// Whether something that `rank` has left behind may still join the job as that rank. That
/// is a process with MPI's library. If `early`, it is any process, since it may be about to
/// load the library.
pub fn may_join(rank: u32, strangers: &HashSet<i32>, early: bool) -> bool {
    let mark = format!("{}={rank}", wireup::env::RANK).into_bytes();
    descendants(strangers).into_iter().any(|pid| {
        let file = |name: &str| procfs::file(pid, name).unwrap_or_default();
        let stat = file("stat");
        let behind = stat.iter().rposition(|b| *b == b')').unwrap_or(0);
        let ended = stat
            .get(behind + 2)
            .is_none_or(|state| b"ZX".contains(state));
        let environ = file("environ");
        // It is empty during an exec.
        let its = environ.is_empty() || procfs::has_entry(&environ, &mark);
        !ended && its && (early || contains(&file("maps"), b"/libmpi_abi.so"))
    })
}

fn contains(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len()).any(|piece| piece == word)
}

fn send(pids: &[i32], signal: Signal) {
    for pid in pids {
        let _ = kill(Pid::from_raw(*pid), signal); // it may have ended meanwhile
        if signal == Signal::SIGTERM {
            let _ = kill(Pid::from_raw(*pid), Signal::SIGCONT); // a stopped one must see it
        }
    }
}

fn own_pid() -> i32 {
    Pid::this().as_raw()
}

/// All processes below mpirun, but not strangers and what is below those.
fn descendants(strangers: &HashSet<i32>) -> Vec<i32> {
    let parents = parents();
    let mut children: HashMap<i32, Vec<i32>> = HashMap::new();
    for (pid, parent) in &parents {
        children.entry(*parent).or_default().push(*pid);
    }
    let mut found = Vec::new();
    let mut ahead = vec![own_pid()];
    while let Some(pid) = ahead.pop() {
        for child in children.get(&pid).into_iter().flatten() {
            if !strangers.contains(child) {
                found.push(*child);
                ahead.push(*child);
            }
        }
    }
    found
}

/// The parent of each process that /proc shows. If /proc does not show mpirun itself, only
/// mpirun's children are found.
fn parents() -> HashMap<i32, i32> {
    let own = own_pid();
    // /proc may belong to another process namespace, in which processes have other numbers.
    let shown = std::fs::read_link("/proc/self");
    if !shown.is_ok_and(|s| s.to_str() == Some(&own.to_string())) {
        return children_by_asking().map(|pid| (pid, own)).collect();
    }
    let parent = |pid| {
        let stat = procfs::file(pid, "stat")?;
        Some((pid, parent_in(&String::from_utf8_lossy(&stat))?))
    };
    procfs::pids().filter_map(parent).collect()
}

/// mpirun's children, found without /proc: every possible number is tried, which takes
/// about a second. Grandchildren are found later: they become children of mpirun's when
/// their parent ends.
fn children_by_asking() -> impl Iterator<Item = i32> {
    const LARGEST_PID: i32 = 1 << 22;
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    let is_child =
        move |pid: &i32| waitid(Id::Pid(Pid::from_raw(*pid)), flags) != Err(Errno::ECHILD);
    (1..=LARGEST_PID).filter(is_child)
}

/// The parent in a line of /proc/PID/stat. The second field is the program's name in
/// parentheses, which may hold any characters.
fn parent_in(stat: &str) -> Option<i32> {
    let behind = &stat[stat.rfind(')')? + 1..];
    behind.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{children_by_asking, own_pid, parent_in, parents};

    #[test]
    fn parents_are_read() {
        assert_eq!(parent_in("12 (a b) c) S 7 12 12 0"), Some(7));
        assert_eq!(parent_in("12 (odd"), None);
        let parent = i32::try_from(std::os::unix::process::parent_id()).unwrap();
        assert_eq!(parents().get(&own_pid()), Some(&parent));
    }

    #[test]
    fn children_are_found_without_proc() {
        let mut child = std::process::Command::new("sleep")
            .arg("100")
            .spawn()
            .unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        let found = children_by_asking().any(|other| other == pid);
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(found);
    }
}
