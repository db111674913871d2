//! Starts the ranks' processes, and takes those that have ended. The launcher's only unsafe
//! code.
//!
//! Between `fork` and `exec` a rank is tied to mpirun's life, bound to its processors and
//! given the job segment. Everything is prepared before `fork`, so that the child only
//! makes system calls.

#![allow(unsafe_code)]

use nix::sys::signal::SigSet;
use nix::unistd::{ForkResult, Pid, fork};
use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus};
use wireup::lifeline::{self, LifelineScope};

/// What a rank's process is given beside its program, environment and streams.
#[derive(Debug, Clone)]
pub struct SpawnAttributes {
    /// Descriptors that it inherits under the same number.
    pub inherit: Vec<RawFd>,
    /// The read end of the lifeline, one of `inherit`.
    pub lifeline: RawFd,
    /// It leads a process group of its own. A rank that reads the terminal does not: the
    /// terminal stops background groups that read it.
    pub own_group: bool,
    /// The processors that it may run on, as the kernel's bit mask. Empty: those that mpirun
    /// may run on.
    pub mask: Vec<libc::c_ulong>,
    /// The NUMA nodes that its memory comes from, as the kernel wants them: the policy's number
    /// and a bit mask.
    pub memory: Option<(libc::c_int, Vec<libc::c_ulong>)>,
    /// The signals that were blocked when mpirun started. mpirun itself blocks more.
    pub blocked: SigSet,
    /// The soft and hard limit of descriptors to restore, if mpirun has raised its own.
    pub descriptors: Option<(u64, u64)>,
}

/// Takes the next child that has ended, and how. `None`: none has. Not by nix, which takes
/// a child that a real-time signal killed and then cannot say so.
///
/// # Errors
/// `ECHILD`: there are no children. `EINTR`: to be tried again.
pub fn take_ended() -> io::Result<Option<(i32, ExitStatus)>> {
    let mut status = 0;
    // SAFETY: writes to a local of the right type.
    match unsafe { libc::waitpid(-1, &raw mut status, libc::WNOHANG) } {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(None),
        pid => Ok(Some((pid, ExitStatus::from_raw(status)))),
    }
}

/// Starts `command` as a rank.
///
/// # Errors
/// `fork`, `exec` or a step between them has failed.
pub fn start(command: &mut Command, attributes: &SpawnAttributes) -> io::Result<Child> {
    let parent = std::process::id();
    let attributes = attributes.clone();
    let path = CString::new(format!("/proc/self/fd/{}", attributes.lifeline))?;
    if attributes.own_group {
        command.process_group(0);
    }
    // SAFETY: the closure runs between fork and exec and only makes system
    // calls on what was prepared above; it allocates nothing and takes no lock.
    unsafe {
        command.pre_exec(move || become_rank(&attributes, &path, parent));
    }
    command.spawn()
}

/// Starts another mpirun, for a job that a rank spawns. It inherits two descriptors, leads a
/// process group, and ends its job when this mpirun dies.
///
/// # Errors
/// `fork`, `exec` or a step between them has failed.
pub fn start_mpirun(
    command: &mut Command,
    blocked: SigSet,
    inherit: [RawFd; 2],
) -> io::Result<Child> {
    let parent = std::process::id();
    command.process_group(0);
    // SAFETY: the closure runs between fork and exec and only makes system calls.
    unsafe {
        command.pre_exec(move || {
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGTERM);
            if u32::try_from(libc::getppid()) != Ok(parent) {
                libc::_exit(1);
            }
            for fd in inherit {
                if libc::fcntl(fd, libc::F_SETFD, 0) < 0 {
                    return Err(io::Error::last_os_error());
                }
            }
            blocked.thread_set_mask()?;
            Ok(())
        });
    }
    command.spawn()
}

/// Takes over a descriptor that this process has inherited, if it is a socket.
pub fn adopt_stream(fd: RawFd) -> Option<UnixStream> {
    let mut kind: libc::c_int = 0;
    let mut len = libc::socklen_t::try_from(size_of_val(&kind)).ok()?;
    let at = (&raw mut kind).cast();
    // SAFETY: fills a local of the right type; a number that is no socket's is an error.
    let got = unsafe { libc::getsockopt(fd, libc::SOL_SOCKET, libc::SO_TYPE, at, &raw mut len) };
    if got != 0 || kind != libc::SOCK_STREAM {
        return None;
    }
    // SAFETY: fcntl with an integer argument.
    unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) };
    // SAFETY: the descriptor was inherited for this purpose, and nobody else has it.
    Some(unsafe { UnixStream::from_raw_fd(fd) })
}

/// Whether the process at the other end of a socket belongs to this user.
pub fn is_of_this_user(stream: &UnixStream) -> bool {
    let mut who = libc::ucred {
        pid: 0,
        uid: 0,
        gid: 0,
    };
    let mut len = libc::socklen_t::try_from(size_of_val(&who)).unwrap_or(0);
    let (fd, at) = (stream.as_raw_fd(), (&raw mut who).cast());
    // SAFETY: fills a local of the right type.
    let got =
        unsafe { libc::getsockopt(fd, libc::SOL_SOCKET, libc::SO_PEERCRED, at, &raw mut len) };
    // SAFETY: geteuid has no preconditions.
    got == 0 && who.uid == unsafe { libc::geteuid() }
}

/// A descriptor of a process that is no child: it can be read when the process has ended.
///
/// # Errors
/// There is no such process, or the kernel (before 5.3) has no such descriptors.
pub fn process_descriptor(pid: i32) -> io::Result<OwnedFd> {
    // SAFETY: makes a descriptor, or is an error.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    let fd = RawFd::try_from(fd).map_err(io::Error::other)?;
    // SAFETY: the kernel has just returned it to us alone.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Goes on in a process that is no child of the one that has started this one, in a session
/// of its own. Must be called before any thread exists.
///
/// # Errors
/// There can be no more processes.
pub fn detach() -> io::Result<()> {
    // SAFETY: there is one thread, so that the child may use everything that this one has.
    match unsafe { fork() }? {
        // SAFETY: ends the process without running what the child will run at its end.
        ForkResult::Parent { .. } => unsafe { libc::_exit(0) },
        ForkResult::Child => {
            // SAFETY: setsid has no preconditions; the child leads no group yet.
            unsafe { libc::setsid() };
            Ok(())
        }
    }
}

/// The size of mpirun's terminal, if one of its streams is one.
pub fn terminal_size() -> Option<nix::pty::Winsize> {
    let mut size = nix::pty::Winsize {
        ws_row: 0,
        ws_col: 0,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    let mut is_known = |fd: &RawFd| {
        // SAFETY: fills a local of the right type; what is no terminal is an error.
        unsafe { libc::ioctl(*fd, libc::TIOCGWINSZ, &raw mut size) == 0 }
    };
    let known = [2, 1, 0].iter().any(&mut is_known);
    known.then_some(size)
}

/// Whether a system call is forbidden here. Only for calls that do nothing, and fail with
/// another error, if all their arguments are -1.
fn is_forbidden(call: libc::c_long) -> bool {
    // SAFETY: the calls that are asked about do nothing with these arguments.
    let failed = unsafe { libc::syscall(call, -1, -1, -1, -1) } < 0;
    let why = io::Error::last_os_error().raw_os_error();
    failed && matches!(why, Some(libc::ENOSYS | libc::EPERM))
}

/// Whether ranks can have process groups of their own.
pub fn can_group() -> bool {
    !is_forbidden(libc::SYS_setpgid)
}

/// Adds the system call's name, and what it is needed for, to an error that says that the
/// call does not exist or is forbidden. Other errors stay as they are.
pub fn named(call: &'static str, what_for: &'static str) -> impl Fn(io::Error) -> io::Error {
    move |why| match why.raw_os_error() {
        Some(libc::ENOSYS | libc::EPERM) => {
            io::Error::other(format!("{call}: {why} (it is needed {what_for})"))
        }
        _ => why,
    }
}

/// Runs in the child, before `exec`.
fn become_rank(attributes: &SpawnAttributes, path: &CString, parent: u32) -> io::Result<()> {
    // SAFETY: prctl with integer arguments.
    let dies_with_us = unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) } == 0;
    let why = io::Error::last_os_error();
    // SAFETY: getppid has no preconditions.
    if u32::try_from(unsafe { libc::getppid() }) != Ok(parent) {
        // SAFETY: mpirun died before the line above could take effect; _exit runs no handlers.
        unsafe { libc::_exit(1) };
    }
    let who = match attributes.own_group {
        true => LifelineScope::Group,
        false => LifelineScope::Process,
    };
    for fd in &attributes.inherit {
        // SAFETY: fcntl with an integer argument; a bad number is only EBADF.
        if unsafe { libc::fcntl(*fd, libc::F_SETFD, 0) } < 0 {
            return Err(io::Error::last_os_error());
        }
    }
    // One of the two ties is enough: the lifeline needs /proc, and prctl may be forbidden.
    let tied = lifeline::tie(path, who);
    if !dies_with_us && tied.is_err() {
        return Err(why);
    }
    if let Ok(tied) = tied {
        // SAFETY: the tie's descriptor takes the place of the inherited read
        // end, both are this child's own, and close-on-exec is off after dup2.
        unsafe {
            libc::dup2(tied, attributes.lifeline);
            libc::close(tied);
        }
    }
    if !attributes.mask.is_empty() {
        let bytes = size_of_val(attributes.mask.as_slice());
        // SAFETY: the mask is `bytes` long and only read.
        let set = unsafe { libc::sched_setaffinity(0, bytes, attributes.mask.as_ptr().cast()) };
        let why = io::Error::last_os_error();
        // Where binding is forbidden, the rank runs unbound.
        let forbidden = matches!(why.raw_os_error(), Some(libc::ENOSYS | libc::EPERM));
        if set < 0 && !forbidden {
            return Err(why);
        }
    }
    if let Some((policy, nodes)) = &attributes.memory {
        let bits = size_of_val(nodes.as_slice()) * 8 + 1;
        // SAFETY: the mask has so many bits, and is only read.
        let set = unsafe { libc::syscall(libc::SYS_set_mempolicy, *policy, nodes.as_ptr(), bits) };
        if set < 0 {
            return Err(io::Error::last_os_error());
        }
    }
    attributes.blocked.thread_set_mask()?; // the standard library does not change the mask
    if let Some((soft, hard)) = attributes.descriptors {
        let limit = libc::rlimit {
            rlim_cur: soft,
            rlim_max: hard,
        };
        // SAFETY: setrlimit only reads the structure.
        unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) };
    }
    Ok(())
}

/// Limits hwloc to what placement needs: what Linux says about the machine.
///
/// hwloc's `x86` component would run on each processor in turn, which changes mpirun's
/// affinity for a moment and waits for busy processors. Its plug-ins (graphics, PCI, XML)
/// take longer to load than the rest of mpirun's work. What the user has set stays.
///
/// Must be called before any thread exists. Returns the variables that were set.
pub fn limit_hwloc() -> Vec<&'static str> {
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

/// Restores the default action of SIGCHLD. If mpirun was started with SIGCHLD ignored, the
/// kernel would discard how its children ended.
pub fn notice_children() {
    // SAFETY: the default action is installed, no handler of ours runs.
    unsafe { libc::signal(libc::SIGCHLD, libc::SIG_DFL) };
}

/// Makes mpirun the parent of processes that its job's processes leave behind.
pub fn adopt_orphans() {
    // SAFETY: prctl with integer arguments; kernels that do not know it return an error.
    unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1) };
}

/// Starts a process beside mpirun that waits until the write end of the pipe `lifeline` is
/// closed, then runs `then`, and ends. It keeps no other descriptor, takes no signal but
/// SIGKILL, and leads a process group. Returns None if no process can be started. mpirun
/// must have no other thread.
pub fn beside(name: &str, lifeline: RawFd, then: impl FnOnce()) -> Option<Pid> {
    let name = CString::new(name).ok()?;
    // SAFETY: mpirun has no other thread, so the child may use everything that it has.
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
    // SAFETY: as the caller said. Called by its number, since not every C library has it.
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
