//! Finds jobs from outside: by the descriptors of running processes, in /proc. What is
//! found is mapped for reading only.

use crate::guard::GUARD_NAME;
use crate::procfs;
use nix::time::{ClockId, clock_gettime};
use nix::unistd::{Uid, User};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::PathBuf;
use std::time::Duration;
use wireup::env::LAUNCHER;
use wireup::plain;
use wireup::segment::Segment;

/// What the kernel shows of a descriptor that leads to a job's segment.
const SEGMENT_LINK: &[u8] = b"/memfd:lariat-job";

/// Characters of a command line that are shown.
const PROGRAM_LEN: usize = 40;

/// A job that runs on this machine.
#[derive(Debug)]
pub struct Job {
    /// Its mpirun.
    pub pid: i32,
    /// When that began, in clock ticks since the machine did.
    began: u64,
    /// What its ranks publish.
    pub segment: Segment,
}

impl Job {
    /// The job of process `pid`: an mpirun, or a rank of one.
    ///
    /// # Errors
    /// A sentence: there is no such process, it is none of a job, or it is somebody else's.
    pub fn open(pid: i32) -> Result<Job, String> {
        let launcher = launcher_of(pid).unwrap_or(pid);
        let Ok(process) = std::fs::metadata(format!("/proc/{pid}")) else {
            return Err(format!(
                "there is no process {pid}; «lariat jobs» lists the jobs"
            ));
        };
        let own = Uid::effective();
        let owner = owner(pid).unwrap_or(process.uid());
        if !own.is_root() && owner != own.as_raw() {
            return Err(format!(
                "process {pid} is {}'s: only that user and root can look at it",
                user(owner)
            ));
        }
        let Some(began) = began(launcher) else {
            return Err(format!("process {launcher} has ended"));
        };
        let file = match segment_file(launcher) {
            Ok(Some(file)) => file,
            Ok(None) => {
                return Err(format!(
                    "process {pid} ({}) is no mpirun, nor a rank of one; «lariat jobs» lists the \
                     jobs",
                    name(pid)
                ));
            }
            Err(why) => {
                return Err(format!(
                    "the descriptors of process {pid} cannot be seen: {why}"
                ));
            }
        };
        let segment = Segment::open_to_read(file.into())
            .map_err(|why| format!("the job of process {launcher} cannot be read: {why}"))?;
        Ok(Job {
            pid: launcher,
            began,
            segment,
        })
    }

    /// All jobs that run now, from the one that was started first. `everybody`: those of all
    /// users, as far as they may be looked at.
    pub fn all(everybody: bool) -> Vec<Job> {
        let own = Uid::effective().as_raw();
        let mine = |pid: &i32| everybody || owner(*pid) == Some(own);
        let launchers = procfs::pids().filter(mine).filter(|pid| is_launcher(*pid));
        // One that ends in this moment is left out.
        let mut jobs: Vec<Job> = launchers.filter_map(|pid| Job::open(pid).ok()).collect();
        jobs.sort_by_key(|job| (job.began, job.pid));
        jobs
    }

    /// The job that is meant where none is named.
    ///
    /// # Errors
    /// There is none, or there are several: a sentence.
    pub fn only() -> Result<Job, String> {
        let mut jobs = Job::all(false);
        match jobs.len() {
            1 => Ok(jobs.remove(0)),
            0 => Err("no job of yours runs on this machine".to_owned()),
            _ => {
                let pids: Vec<String> = jobs.iter().map(|job| job.pid.to_string()).collect();
                Err(format!(
                    "several jobs run: {}; name one (lariat jobs tells more of them)",
                    pids.join(", ")
                ))
            }
        }
    }

    /// What sorts jobs: who was started first comes first.
    pub fn order(&self) -> (u64, i32) {
        (self.began, self.pid)
    }

    /// Whether its mpirun still runs.
    pub fn runs(&self) -> bool {
        began(self.pid) == Some(self.began)
    }

    /// How long its mpirun has run.
    pub fn age(&self) -> Duration {
        let ticks = u64::from(procfs::ticks_per_second());
        let now = clock_gettime(ClockId::CLOCK_BOOTTIME).map_or(Duration::ZERO, Duration::from);
        let began = Duration::from_millis(self.began.saturating_mul(1000) / ticks);
        now.saturating_sub(began)
    }

    /// What it runs: the command lines of its ranks, each once.
    pub fn program(&self) -> String {
        programs(&self.segment)
    }
}

/// The [`Job::order`] of the job of this mpirun.
pub fn own_order() -> Option<(u64, i32)> {
    let own = nix::unistd::Pid::this().as_raw();
    Some((began(own)?, own))
}

/// The command lines of a job's ranks, each once, shortened.
pub fn programs(segment: &Segment) -> String {
    use std::sync::atomic::Ordering::Relaxed;
    let mut lines: Vec<String> = Vec::new();
    for rank in 0..segment.ranks() {
        let record = segment.record(rank);
        let pid = match record.pid.load(Relaxed) {
            0 => record.child.load(Relaxed),
            pid => pid,
        };
        let line = command_line(i32::try_from(pid).unwrap_or(0));
        if let Some(line) = line.filter(|line| !lines.contains(line)) {
            lines.push(line);
        }
    }
    let mut all = lines.join(" : ");
    if all.chars().count() > PROGRAM_LEN {
        all = all.chars().take(PROGRAM_LEN - 1).chain(['…']).collect();
    }
    all
}

/// A process's command line, the program without its folder. None if it has ended.
fn command_line(pid: i32) -> Option<String> {
    let bytes = procfs::file(pid, "cmdline")?;
    let words = bytes.split(|byte| *byte == 0);
    let mut words = words.map(plain::line).collect::<Vec<String>>();
    words.pop(); // behind the last NUL
    let first = words.first_mut()?;
    if let Some((_, file)) = first.rsplit_once('/') {
        *first = file.to_owned();
    }
    Some(words.join(" "))
}

/// The user that a process runs as.
fn owner(pid: i32) -> Option<u32> {
    let status = procfs::file(pid, "status")?;
    let status = String::from_utf8_lossy(&status);
    // real, effective, saved, file system
    procfs::field(&status, "Uid")?
        .split_whitespace()
        .nth(1)?
        .parse()
        .ok()
}

fn user(uid: u32) -> String {
    match User::from_uid(Uid::from_raw(uid)) {
        Ok(Some(user)) => plain::line(user.name.as_bytes()),
        _ => format!("user {uid}"),
    }
}

fn name(pid: i32) -> String {
    let name = procfs::file(pid, "comm").unwrap_or_default();
    plain::line(name.trim_ascii_end())
}

/// When a process began, in clock ticks since the machine did. None if it has ended.
fn began(pid: i32) -> Option<u64> {
    procfs::Stat::of(pid)
        .filter(|stat| !matches!(stat.state, 'Z' | 'X'))
        .map(|stat| stat.began)
}

/// The mpirun of a rank's process, as the environment says.
fn launcher_of(pid: i32) -> Option<i32> {
    if is_launcher(pid) {
        return None;
    }
    let environ = procfs::file(pid, "environ")?;
    let mut entries = environ.split(|byte| *byte == 0);
    let mark = format!("{LAUNCHER}=");
    let value = entries.find_map(|entry| entry.strip_prefix(mark.as_bytes()))?;
    let launcher = std::str::from_utf8(value).ok()?.parse().ok()?;
    is_launcher(launcher).then_some(launcher)
}

/// Whether a process is an mpirun with a job.
fn is_launcher(pid: i32) -> bool {
    let Ok(program) = std::fs::read_link(format!("/proc/{pid}/exe")) else {
        return false;
    };
    let file = program.file_name().unwrap_or_default().as_encoded_bytes();
    let own = std::env::current_exe().ok();
    let own = own.as_deref().and_then(|own| own.file_name());
    let is_ours = own.is_some_and(|own| file.starts_with(own.as_encoded_bytes()));
    (is_ours || file.starts_with(b"mpirun"))
        && name(pid) != GUARD_NAME
        && matches!(segment_file(pid), Ok(Some(_)))
}

/// Opens a job segment that a process has open for writing, as its mpirun has; who looks at
/// it from outside has not.
fn segment_file(pid: i32) -> std::io::Result<Option<File>> {
    for entry in std::fs::read_dir(format!("/proc/{pid}/fd"))? {
        let Ok(entry) = entry else { continue };
        let Ok(link) = std::fs::read_link(entry.path()) else {
            continue;
        };
        if !link
            .as_os_str()
            .as_encoded_bytes()
            .starts_with(SEGMENT_LINK)
        {
            continue;
        }
        let info = PathBuf::from(format!("/proc/{pid}/fdinfo")).join(entry.file_name());
        let info = std::fs::read_to_string(info).unwrap_or_default();
        let flags = procfs::field(&info, "flags");
        let flags = flags.and_then(|octal| i32::from_str_radix(octal, 8).ok());
        if flags.is_none_or(|flags| flags & libc::O_ACCMODE != libc::O_RDWR) {
            continue;
        }
        // Whatever it is by now, opening it does not wait.
        let mut options = OpenOptions::new();
        options.read(true).custom_flags(libc::O_NONBLOCK);
        return options.open(entry.path()).map(Some);
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_job_is_said() {
        let said = Job::open(0).unwrap_err();
        assert!(said.starts_with("there is no process 0;"), "{said}");
        let own = i32::try_from(std::process::id()).unwrap();
        let said = Job::open(own).unwrap_err();
        assert!(said.contains("is no mpirun, nor a rank of one"), "{said}");
        assert_eq!(user(u32::MAX - 7), format!("user {}", u32::MAX - 7));
    }

    #[test]
    fn a_segment_is_found_by_its_descriptor() {
        let own = i32::try_from(std::process::id()).unwrap();
        let segment = Segment::create(3, 2).unwrap();
        let file = segment_file(own).unwrap().unwrap();
        let seen = Segment::open_to_read(file.into()).unwrap();
        assert_eq!(seen.ranks(), segment.ranks());
        let line = command_line(own).unwrap();
        assert!(!line.contains('/') || line.contains(' '), "{line}");
        assert!(began(own).unwrap() > 0);
    }
}
