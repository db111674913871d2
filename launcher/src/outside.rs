//! What a rank does that is not in an MPI call, as the kernel shows it: at work, stopped, or
//! in a system call on some file.

use crate::procfs;
use crate::snapshot::RankSnapshot;
use std::collections::HashMap;
use wireup::plain;

/// What ranks do outside of MPI, by rank.
#[derive(Clone, Debug, Default)]
pub struct Outside(HashMap<u32, String>);

impl Outside {
    /// Looks at the ranks that run a program of this job and are in no MPI call.
    pub fn find(snapshots: &[RankSnapshot]) -> Outside {
        let idle = |s: &&RankSnapshot| s.waits.is_empty() && s.call.is_none() && s.pid != 0;
        let found = snapshots.iter().filter(idle);
        let found = found.filter_map(|s| Some((s.rank, does(i32::try_from(s.pid).ok()?)?)));
        Outside(found.collect())
    }

    /// What all of them do, by rank.
    pub fn all(&self) -> impl Iterator<Item = (u32, &str)> {
        self.0.iter().map(|(rank, does)| (*rank, does.as_str()))
    }

    /// Adds what a rank does.
    pub fn add(&mut self, rank: u32, does: String) {
        self.0.insert(rank, does);
    }

    /// What this rank does.
    pub fn of(&self, rank: u32) -> Option<&str> {
        self.0.get(&rank).map(String::as_str)
    }
}

/// What a process's main thread does. None: it has ended, or may not be looked at.
fn does(pid: i32) -> Option<String> {
    let status = procfs::file(pid, "status")?;
    let status = String::from_utf8_lossy(&status);
    match procfs::field(&status, "State")?.chars().next()? {
        'T' => return Some("stopped by a signal (SIGCONT lets it go on)".to_owned()),
        't' => return Some("stopped by a debugger".to_owned()),
        'Z' | 'X' => return None,
        _ => {}
    }
    let line = procfs::file(pid, "syscall")?;
    let line = String::from_utf8_lossy(&line);
    let mut words = line.split_whitespace();
    let Ok(number) = words.next()?.parse::<i64>() else {
        return Some("at work".to_owned()); // the kernel says «running»
    };
    let argument = words.next().and_then(|hex| {
        let hex = hex.strip_prefix("0x").unwrap_or(hex);
        u64::from_str_radix(hex, 16).ok()
    });
    Some(call(pid, number, argument.unwrap_or(0)))
}

/// What the first argument of a system call is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Argument {
    File,
    Child,
    Other,
}

/// System calls in which programs wait.
const CALLS: &[(i64, &str, Argument)] = &[
    (libc::SYS_read, "read", Argument::File),
    (libc::SYS_write, "write", Argument::File),
    (libc::SYS_readv, "readv", Argument::File),
    (libc::SYS_writev, "writev", Argument::File),
    (libc::SYS_pread64, "pread", Argument::File),
    (libc::SYS_pwrite64, "pwrite", Argument::File),
    (libc::SYS_flock, "flock", Argument::File),
    (libc::SYS_fcntl, "fcntl", Argument::File),
    (libc::SYS_ioctl, "ioctl", Argument::File),
    (libc::SYS_fsync, "fsync", Argument::File),
    (libc::SYS_fdatasync, "fdatasync", Argument::File),
    (libc::SYS_connect, "connect", Argument::File),
    (libc::SYS_accept, "accept", Argument::File),
    (libc::SYS_accept4, "accept", Argument::File),
    (libc::SYS_recvfrom, "recv", Argument::File),
    (libc::SYS_recvmsg, "recvmsg", Argument::File),
    (libc::SYS_sendto, "send", Argument::File),
    (libc::SYS_sendmsg, "sendmsg", Argument::File),
    (libc::SYS_wait4, "wait4", Argument::Child),
    (libc::SYS_waitid, "waitid", Argument::Other),
    (
        libc::SYS_futex,
        "a wait for another thread (futex)",
        Argument::Other,
    ),
    (libc::SYS_nanosleep, "a sleep", Argument::Other),
    (libc::SYS_clock_nanosleep, "a sleep", Argument::Other),
    (libc::SYS_ppoll, "poll", Argument::Other),
    (libc::SYS_pselect6, "select", Argument::Other),
    (libc::SYS_epoll_pwait, "epoll_wait", Argument::Other),
    (libc::SYS_openat, "open", Argument::Other),
    (
        libc::SYS_rt_sigsuspend,
        "a wait for a signal",
        Argument::Other,
    ),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_poll, "poll", Argument::Other),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_select, "select", Argument::Other),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_epoll_wait, "epoll_wait", Argument::Other),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_pause, "a wait for a signal", Argument::Other),
];

fn call(pid: i32, number: i64, argument: u64) -> String {
    let Some((_, name, kind)) = CALLS.iter().find(|call| call.0 == number) else {
        return format!("in system call {number}");
    };
    match kind {
        Argument::File => format!("in {name} on {}", file(pid, argument)),
        Argument::Child => format!("in {name} for {}", child(argument)),
        Argument::Other => format!("in {name}"),
    }
}

/// The file behind a descriptor of a process.
fn file(pid: i32, fd: u64) -> String {
    let link = std::fs::read_link(format!("/proc/{pid}/fd/{fd}"));
    match link {
        Ok(path) => {
            let path = plain::line(path.as_os_str().as_encoded_bytes());
            match path.split_once(':') {
                Some(("pipe", _)) => "a pipe".to_owned(),
                Some(("socket", _)) => "a socket".to_owned(),
                _ => path,
            }
        }
        Err(_) => format!("descriptor {fd}"),
    }
}

/// The child that a process waits for.
fn child(argument: u64) -> String {
    let number = i32::try_from(argument).unwrap_or(-1);
    if number <= 0 {
        return "a child".to_owned();
    }
    let line = procfs::file(number, "cmdline").unwrap_or_default();
    let words: Vec<u8> = line
        .strip_suffix(b"\0")
        .unwrap_or(&line)
        .iter()
        .map(|byte| if *byte == 0 { b' ' } else { *byte })
        .take(60)
        .collect();
    match words.is_empty() {
        true => format!("child {number}"),
        false => format!("child {number} ({})", plain::line(&words)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    /// What a process does once it has settled.
    fn settled(pid: u32, wanted: &str) -> String {
        let pid = i32::try_from(pid).unwrap();
        let mut said = String::new();
        for _ in 0..500 {
            said = does(pid).unwrap_or_default();
            if said.contains(wanted) {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        said
    }

    #[test]
    fn waits_outside_of_mpi_are_named() {
        let mut cat = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        assert_eq!(settled(cat.id(), "a pipe"), "in read on a pipe");
        let pid = nix::unistd::Pid::from_raw(i32::try_from(cat.id()).unwrap());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGSTOP).unwrap();
        assert!(settled(cat.id(), "stopped").starts_with("stopped by a signal"));
        cat.kill().unwrap();
        cat.wait().unwrap();
        assert_eq!(does(pid.as_raw()), None);
        let mut shell = Command::new("sh")
            .args(["-c", "sleep 60; exit"])
            .spawn()
            .unwrap();
        let said = settled(shell.id(), "wait4");
        assert!(said.starts_with("in wait4 for "), "{said}");
        // The sleep is the shell's only child.
        let children = format!("/proc/{0}/task/{0}/children", shell.id());
        let child: i32 = std::fs::read_to_string(children)
            .unwrap()
            .trim()
            .parse()
            .unwrap();
        let child = nix::unistd::Pid::from_raw(child);
        nix::sys::signal::kill(child, nix::sys::signal::Signal::SIGKILL).unwrap();
        shell.wait().unwrap();
    }

    #[test]
    fn unknown_calls_and_descriptors_have_numbers() {
        assert_eq!(call(1, 99_999, 0), "in system call 99999");
        let own = i32::try_from(std::process::id()).unwrap();
        assert_eq!(
            call(own, libc::SYS_read, 999_999),
            "in read on descriptor 999999"
        );
    }
}
