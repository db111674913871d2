//! Starting the ranks' processes: the launcher's only unsafe code.
//!
//! Between `fork` and `exec` a rank is tied to mpirun's life, bound to its
//! processors and given the job segment; all of it is prepared before `fork`,
//! so that the child only makes system calls.

#![allow(unsafe_code)]

use nix::sys::signal::SigSet;
use nix::unistd::{ForkResult, Pid, fork};
use std::ffi::CString;
use std::io;
use std::os::fd::RawFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use wireup::lifeline::{self, Who};

/// What a rank's process gets beside its program, environment and streams.
#[derive(Debug, Clone)]
pub struct Birth {
    /// Descriptors that it inherits under the same number.
    pub inherit: Vec<RawFd>,
    /// The read end of the lifeline; one of `inherit`.
    pub lifeline: RawFd,
    /// It leads a process group of its own. Not so for a rank that reads the
    /// terminal: a background group would be stopped for it.
    pub own_group: bool,
    /// The processors it may run on, as the kernel's bit mask; empty: mpirun's.
    pub mask: Vec<libc::c_ulong>,
    /// The signals that were blocked when mpirun started; it blocks more since.
    pub blocked: SigSet,
    /// The soft and hard limit of descriptors to set, where mpirun raised its own.
    pub descriptors: Option<(u64, u64)>,
}

/// Starts `command` as a rank.
///
/// # Errors
/// What `fork`, `exec` or a step between them said.
pub fn start(command: &mut Command, birth: &Birth) -> io::Result<Child> {
    let parent = std::process::id();
    let birth = birth.clone();
    let path = CString::new(format!("/proc/self/fd/{}", birth.lifeline))?;
    if birth.own_group {
        command.process_group(0);
    }
    // SAFETY: the closure runs between fork and exec and only makes system
    // calls on what was prepared above; it allocates nothing and takes no lock.
    unsafe {
        command.pre_exec(move || become_rank(&birth, &path, parent));
    }
    command.spawn()
}

/// Whether a system call is forbidden here, which fails otherwise when it is called with
/// arguments that make no sense: such as those.
fn is_forbidden(call: libc::c_long) -> bool {
    // SAFETY: no call that is asked about does anything with these.
    let failed = unsafe { libc::syscall(call, -1, -1, -1, -1) } < 0;
    let why = io::Error::last_os_error().raw_os_error();
    failed && matches!(why, Some(libc::ENOSYS | libc::EPERM))
}

/// Whether ranks can have process groups of their own.
pub fn can_group() -> bool {
    !is_forbidden(libc::SYS_setpgid)
}

/// An error that names its system call, if that is what it says: that it is not there, or
/// is forbidden. Others speak for themselves.
pub fn named(call: &'static str, what_for: &'static str) -> impl Fn(io::Error) -> io::Error {
    move |why| match why.raw_os_error() {
        Some(libc::ENOSYS | libc::EPERM) => {
            io::Error::other(format!("{call}: {why} (it is needed {what_for})"))
        }
        _ => why,
    }
}

/// Runs in the child, before `exec`.
fn become_rank(birth: &Birth, path: &CString, parent: u32) -> io::Result<()> {
    // SAFETY: prctl with integer arguments.
    let dies_with_us = unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) } == 0;
    let why = io::Error::last_os_error();
    // SAFETY: getppid has no preconditions.
    if u32::try_from(unsafe { libc::getppid() }) != Ok(parent) {
        // SAFETY: mpirun died before the line above could take effect; _exit runs no handlers.
        unsafe { libc::_exit(1) };
    }
    let who = match birth.own_group {
        true => Who::Group,
        false => Who::Process,
    };
    for fd in &birth.inherit {
        // SAFETY: fcntl with an integer argument; a bad number is only EBADF.
        if unsafe { libc::fcntl(*fd, libc::F_SETFD, 0) } < 0 {
            return Err(io::Error::last_os_error());
        }
    }
    // Without /proc only PDEATHSIG is left; that is no reason not to start. Nor is it
    // that prctl is forbidden, as long as the lifeline holds.
    let tied = lifeline::tie(path, who);
    if !dies_with_us && tied.is_err() {
        return Err(why);
    }
    if let Ok(tied) = tied {
        // SAFETY: the tie's descriptor takes the place of the inherited read
        // end, both are this child's own, and close-on-exec is off after dup2.
        unsafe {
            libc::dup2(tied, birth.lifeline);
            libc::close(tied);
        }
    }
    if !birth.mask.is_empty() {
        let bytes = size_of_val(birth.mask.as_slice());
        // SAFETY: the mask is `bytes` long and only read.
        let set = unsafe { libc::sched_setaffinity(0, bytes, birth.mask.as_ptr().cast()) };
        let why = io::Error::last_os_error();
        // A rank that may not be bound runs all the same.
        let forbidden = matches!(why.raw_os_error(), Some(libc::ENOSYS | libc::EPERM));
        if set < 0 && !forbidden {
            return Err(why);
        }
    }
    birth.blocked.thread_set_mask()?; // the standard library leaves the mask as it is
    if let Some((soft, hard)) = birth.descriptors {
        let limit = libc::rlimit {
            rlim_cur: soft,
            rlim_max: hard,
        };
        // SAFETY: setrlimit only reads the structure.
        unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) };
    }
    Ok(())
}

/// Keeps hwloc to what placement needs: Linux's own account of the machine.
///
/// Its `x86` component would run on each processor in turn, which changes our
/// affinity for a moment and waits for busy processors; its plug-ins (graphics,
/// PCI, XML) take longer to load than all the rest of mpirun's work. A user's
/// own choices are left alone.
///
/// Call it before any thread exists. Returns the variables that were set.
pub fn quiet_hwloc() -> Vec<&'static str> {
    let wanted = [
        ("HWLOC_COMPONENTS", "-x86"),
        ("HWLOC_PLUGINS_PATH", "/dev/null"),
    ];
    let mut set = Vec::new();
    for (name, value) in wanted {
        if std::env::var_os(name).is_none() {
            // SAFETY: mpirun has one thread so far, so nobody reads the environment meanwhile.
            unsafe { std::env::set_var(name, value) };
            set.push(name);
        }
    }
    set
}

/// Whether mpirun was started with this signal ignored.
pub fn is_ignored(signal: i32) -> bool {
    let mut old = std::mem::MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: with no new action sigaction only fills `old`.
    let got = unsafe { libc::sigaction(signal, std::ptr::null(), old.as_mut_ptr()) };
    // SAFETY: sigaction returned 0 and filled it.
    got == 0 && unsafe { old.assume_init() }.sa_sigaction == libc::SIG_IGN
}

/// Undoes an inherited «ignore» of SIGCHLD, under which the kernel would take
/// ended children away before mpirun could ask how they ended.
pub fn notice_children() {
    // SAFETY: the default action is installed, no handler of ours runs.
    unsafe { libc::signal(libc::SIGCHLD, libc::SIG_DFL) };
}

/// Makes mpirun the parent of what its job's processes leave behind.
pub fn adopt_orphans() {
    // SAFETY: prctl with integer arguments; kernels without it say no.
    unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1) };
}

/// Starts a process beside mpirun that waits until the pipe behind `lifeline` ends, then
/// runs `then`, and ends. It keeps no other descriptor, takes no signal but SIGKILL, and
/// leads a process group. `None`: there is no process to be had. For an mpirun with one
/// thread.
pub fn beside(name: &str, lifeline: RawFd, then: impl FnOnce()) -> Option<Pid> {
    let name = CString::new(name).ok()?;
    // SAFETY: mpirun has one thread so far, so that the child may do what it likes.
    match unsafe { fork() } {
        Ok(ForkResult::Parent { child }) => return Some(child),
        Err(_) => return None,
        Ok(ForkResult::Child) => {}
    }
    let _ = SigSet::all().thread_block();
    // SAFETY: plain system calls on this process and its own descriptors; the child
    // uses none of those that are closed.
    unsafe {
        libc::setpgid(0, 0);
        libc::prctl(libc::PR_SET_NAME, name.as_ptr());
        let null = libc::open(c"/dev/null".as_ptr(), libc::O_RDWR);
        for stream in 0..3 {
            libc::dup2(null, stream);
        }
        close_between(3, lifeline);
        close_between(lifeline + 1, RawFd::MAX);
    }
    let mut byte = 0_u8;
    // SAFETY: reads at most one byte into a local; nothing is ever written to the pipe.
    while unsafe { libc::read(lifeline, (&raw mut byte).cast(), 1) } < 0
        && io::Error::last_os_error().kind() == io::ErrorKind::Interrupted
    {}
    then();
    // SAFETY: ends the process without running what mpirun would at its end.
    unsafe { libc::_exit(0) }
}

/// Closes the descriptors from `first` to the one before `end`.
///
/// # Safety
/// Nothing in this process uses them any more.
unsafe fn close_between(first: RawFd, end: RawFd) {
    if first >= end {
        return;
    }
    let (from, to) = (first.unsigned_abs(), end.unsigned_abs() - 1);
    // SAFETY: as the caller said. By number, since not every C library has a function.
    if unsafe { libc::syscall(libc::SYS_close_range, from, to, 0) } == 0 {
        return;
    }
    // SAFETY: sysconf has no preconditions.
    let most = RawFd::try_from(unsafe { libc::sysconf(libc::_SC_OPEN_MAX) }).unwrap_or(4096);
    for fd in first..end.min(most) {
        // SAFETY: as the caller said.
        unsafe { libc::close(fd) };
    }
}
