//! Finds jobs from outside: by the descriptors of running processes, in /proc. What is
//! found is mapped for reading only.

use super::watched::Watched;
use crate::guard::GUARD_NAME;
use crate::nodes::board::{LINK, Viewer};
use crate::nodes::origin::{OF_JOB, read_origin};
use crate::procfs;
use nix::time::{ClockId, clock_gettime};
use nix::unistd::{Uid, User};
use std::fs::OpenOptions;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
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
    /// Where it is looked at.
    pub watched: Watched,
    /// Of which job on several hosts this is one host's part: what the host of its mpirun calls
    /// itself, and the process there.
    pub part_of: Option<(String, i32)>,
}

impl Job {
    /// The job of process `pid`: an mpirun, or a rank of one.
    ///
    /// # Errors
    /// A sentence: there is no such process, it is none of a job, or it is somebody else's; or
    /// its job is one on several hosts whose mpirun runs elsewhere.
    pub fn open(pid: i32) -> Result<Job, String> {
        let job = Job::open_here(pid)?;
        match job.part_of {
            None => Ok(job),
            Some((host, mpirun)) if is_own_host(&host) && is_coordinator(mpirun) => {
                Job::open_here(mpirun)
            }
            Some((host, mpirun)) => Err(elsewhere(&host, mpirun)),
        }
    }

    /// The same, where a part of a job on several hosts counts as a job.
    fn open_here(pid: i32) -> Result<Job, String> {
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
        let opened = match shown_by(launcher) {
            Ok(Some((Shown::Segment, path))) => open_segment(&path).map(Watched::Here),
            Ok(Some((Shown::Board, path))) => Viewer::open(&path)
                .map(Watched::Hosts)
                .map_err(|why| why.to_string()),
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
        let watched =
            opened.map_err(|why| format!("the job of process {launcher} cannot be read: {why}"))?;
        Ok(Job {
            pid: launcher,
            began,
            watched,
            part_of: part_of(launcher),
        })
    }

    /// All jobs that run now, from the one that was started first. `everybody`: those of all
    /// users, as far as they may be looked at.
    pub fn all(everybody: bool) -> Vec<Job> {
        let own = Uid::effective().as_raw();
        let mine = |pid: &i32| everybody || owner(*pid) == Some(own);
        let launchers = procfs::pids().filter(mine).filter(|pid| is_launcher(*pid));
        // One that ends in this moment is left out.
        let mut jobs: Vec<Job> = launchers
            .filter_map(|pid| Job::open_here(pid).ok())
            .collect();
        // This host's part of a job whose mpirun runs here is told with the others.
        let is_told = |job: &Job| match &job.part_of {
            Some((host, mpirun)) => is_own_host(host) && is_coordinator(*mpirun),
            None => false,
        };
        jobs.retain(|job| !is_told(job));
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
            1 => match jobs.remove(0) {
                Job {
                    part_of: Some((host, mpirun)),
                    ..
                } => Err(elsewhere(&host, mpirun)),
                job => Ok(job),
            },
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

    /// The segment of a job on this host alone.
    pub fn segment(&self) -> Option<&Segment> {
        match &self.watched {
            Watched::Here(segment) => Some(segment),
            Watched::Hosts(_) => None,
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
        self.watched.program()
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
    shortened(&lines.join(" : "))
}

/// A command line as far as it is shown.
pub fn shortened(line: &str) -> String {
    match line.chars().count() > PROGRAM_LEN {
        true => line.chars().take(PROGRAM_LEN - 1).chain(['…']).collect(),
        false => line.to_owned(),
    }
}

/// That a job must be asked about on another host.
fn elsewhere(host: &str, mpirun: i32) -> String {
    format!(
        "only a part of its job runs on this host: its mpirun is process {mpirun} on host {host}; \
         ask there: lariat explain {mpirun}, lariat top {mpirun}"
    )
}

fn is_own_host(host: &str) -> bool {
    nix::unistd::gethostname().is_ok_and(|own| own == host)
}

/// The job on several hosts of which a process runs one host's part.
fn part_of(launcher: i32) -> Option<(String, i32)> {
    read_origin(&variable(launcher, OF_JOB)?)
}

/// A variable of the environment that a process was started with.
fn variable(pid: i32, name: &str) -> Option<String> {
    let environ = procfs::file(pid, "environ")?;
    let mut entries = environ.split(|byte| *byte == 0);
    let mark = format!("{name}=");
    let value = entries.find_map(|entry| entry.strip_prefix(mark.as_bytes()))?;
    Some(plain::line(value))
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
    let launcher = variable(pid, LAUNCHER)?.parse().ok()?;
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
        && matches!(shown_by(pid), Ok(Some(_)))
}

/// Whether a process is the mpirun of a job on several hosts.
fn is_coordinator(pid: i32) -> bool {
    is_launcher(pid) && matches!(shown_by(pid), Ok(Some((Shown::Board, _))))
}

/// What an mpirun shows of its job.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Shown {
    /// The segment of a job on one host.
    Segment,
    /// What is known of a job on several.
    Board,
}

fn open_segment(path: &Path) -> Result<Segment, String> {
    // Whatever it is by now, opening it does not wait.
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(libc::O_NONBLOCK);
    let file = options.open(path).map_err(|why| why.to_string())?;
    Segment::open_to_read(file.into()).map_err(|why| why.to_string())
}

/// Finds what a process has open for reading and writing, as the job's mpirun has; who looks at
/// it from outside has not.
fn shown_by(pid: i32) -> std::io::Result<Option<(Shown, PathBuf)>> {
    for entry in std::fs::read_dir(format!("/proc/{pid}/fd"))? {
        let Ok(entry) = entry else { continue };
        let Ok(link) = std::fs::read_link(entry.path()) else {
            continue;
        };
        let link = link.as_os_str().as_encoded_bytes();
        let shown = match (link.starts_with(SEGMENT_LINK), link.starts_with(LINK)) {
            (true, _) => Shown::Segment,
            (_, true) => Shown::Board,
            _ => continue,
        };
        let info = PathBuf::from(format!("/proc/{pid}/fdinfo")).join(entry.file_name());
        let info = std::fs::read_to_string(info).unwrap_or_default();
        let flags = procfs::field(&info, "flags");
        let flags = flags.and_then(|octal| i32::from_str_radix(octal, 8).ok());
        if flags.is_none_or(|flags| flags & libc::O_ACCMODE != libc::O_RDWR) {
            continue;
        }
        return Ok(Some((shown, entry.path())));
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn what_is_no_job_is_said() {
        let said = Job::open(0).unwrap_err();
        assert!(said.starts_with("there is no process 0;"), "{said}");
        // This process itself may have a segment, of another test.
        let mut other = Command::new("sleep").arg("60").spawn().unwrap();
        let said = Job::open(i32::try_from(other.id()).unwrap());
        other.kill().unwrap();
        other.wait().unwrap();
        let said = said.unwrap_err();
        assert!(said.contains("is no mpirun, nor a rank of one"), "{said}");
        assert_eq!(user(u32::MAX - 7), format!("user {}", u32::MAX - 7));
    }

    #[test]
    fn a_segment_is_found_by_its_descriptor() {
        let own = i32::try_from(std::process::id()).unwrap();
        let segment = Segment::create(3, 2).unwrap();
        let (shown, path) = shown_by(own).unwrap().unwrap();
        assert_eq!(shown, Shown::Segment);
        let seen = open_segment(&path).unwrap();
        assert_eq!(seen.ranks(), segment.ranks());
        let line = command_line(own).unwrap();
        assert!(!line.contains('/') || line.contains(' '), "{line}");
        assert!(began(own).unwrap() > 0);
    }
}
