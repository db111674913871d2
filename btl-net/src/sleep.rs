//! The descriptor on which a process sleeps while the network has nothing for it.
//!
//! libfabric's own is an epoll of what its connections use, which are epolls as well, and of a
//! socket by which a thread that has written a completion wakes others. Up to 1.18.0
//! `fi_trywait` does not empty that socket (libfabric's issue 8947), and the descriptor is readable
//! for ever after the first message: whoever sleeps on it never does. Here completions are
//! written inside calls of whoever reads them, who needs no such socket. So with these
//! versions the descriptor is an epoll of all the others.

use crate::library::Version;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

/// Whether this version leaves the socket full.
pub(crate) fn is_noisy(version: Version) -> bool {
    let mended = Version {
        major: 1,
        minor: 19,
    };
    version < mended
}

/// An epoll of all that the epoll `fd` watches but for sockets between threads. `None`: there is
/// nothing else, or it is no epoll.
pub(crate) fn without_signals(fd: RawFd) -> Option<OwnedFd> {
    let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{fd}")).ok()?;
    let watched = info.lines().filter_map(|line| line.strip_prefix("tfd:"));
    let watched = watched.filter_map(|rest| rest.split_whitespace().next()?.parse().ok());
    let kept: Vec<RawFd> = watched.filter(|fd| !is_signal(*fd)).collect();
    if kept.is_empty() {
        return None;
    }
    let epoll = new_epoll().ok()?;
    let all = kept.into_iter().all(|fd| watch(&epoll, fd).is_ok());
    all.then_some(epoll)
}

fn new_epoll() -> io::Result<OwnedFd> {
    // SAFETY: it has no memory for an argument.
    match unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) } {
        -1 => Err(io::Error::last_os_error()),
        // SAFETY: a new descriptor, which nobody else has.
        fd => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
    }
}

fn watch(epoll: &OwnedFd, fd: RawFd) -> io::Result<()> {
    let mut event = libc::epoll_event {
        events: (libc::EPOLLIN | libc::EPOLLERR | libc::EPOLLHUP).cast_unsigned(),
        u64: 0,
    };
    let (epoll, add) = (epoll.as_raw_fd(), libc::EPOLL_CTL_ADD);
    // SAFETY: the event is a local, which is copied.
    match unsafe { libc::epoll_ctl(epoll, add, fd, &raw mut event) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Whether it is one end of a pair of sockets within this machine.
fn is_signal(fd: RawFd) -> bool {
    let mut domain: libc::c_int = 0;
    let mut len = libc::socklen_t::try_from(size_of_val(&domain)).unwrap_or(0);
    let into = (&raw mut domain).cast();
    // SAFETY: the value and its length are locals. Of what is no socket, nothing is written.
    let code =
        unsafe { libc::getsockopt(fd, libc::SOL_SOCKET, libc::SO_DOMAIN, into, &raw mut len) };
    code == 0 && domain == libc::AF_UNIX
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::unix::net::UnixStream;

    fn is_readable(fd: &impl AsRawFd) -> bool {
        let mut fd = libc::pollfd {
            fd: fd.as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        };
        // SAFETY: one descriptor in a local.
        unsafe { libc::poll(&raw mut fd, 1, 0) == 1 }
    }

    #[test]
    fn what_threads_say_to_each_other_wakes_nobody_and_what_comes_does() {
        let (outer, inner) = (new_epoll().unwrap(), new_epoll().unwrap());
        let (pipe, mut from) = std::io::pipe().unwrap();
        let (signal, mut waker) = UnixStream::pair().unwrap();
        watch(&inner, pipe.as_raw_fd()).unwrap();
        watch(&outer, signal.as_raw_fd()).unwrap();
        assert!(without_signals(outer.as_raw_fd()).is_none());
        watch(&outer, inner.as_raw_fd()).unwrap();
        let quiet = without_signals(outer.as_raw_fd()).unwrap();
        waker.write_all(b"!").unwrap();
        assert!(is_readable(&outer) && !is_readable(&quiet));
        from.write_all(b"!").unwrap();
        assert!(is_readable(&quiet));
        assert!(without_signals(pipe.as_raw_fd()).is_none(), "no epoll");
    }

    #[test]
    fn newer_versions_empty_it_themselves() {
        let version = |major, minor| Version { major, minor };
        assert!(is_noisy(version(1, 17)) && is_noisy(version(1, 18)));
        assert!(!is_noisy(version(1, 19)) && !is_noisy(version(2, 0)));
    }
}
