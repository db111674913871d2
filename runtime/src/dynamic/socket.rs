//! Stream sockets between roots: messages with their length in front, sent and received
//! while the rest of the process makes progress.

use crate::comm_make::connect::Wire;
use crate::error::{Class, Error, Result};
use crate::pml::{self, ShortSleeps, WaitFor};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use wireup::descriptor;

/// What every message begins with: who does not send it is no process of this library.
const MARK: u64 = u64::from_le_bytes(*b"lariat-c");

/// Bytes before a message: the mark and the length.
const HEAD: usize = 16;

/// The longest message that is accepted, in bytes: of some million processes.
const LONGEST: u64 = 64 << 20;

/// Whether the process at the other end of a Unix socket belongs to this user.
///
/// # Errors
/// It does not, or the kernel does not say.
pub(super) fn check_user(fd: BorrowedFd<'_>) -> Result<()> {
    let mut who = libc::ucred {
        pid: 0,
        uid: 0,
        gid: 0,
    };
    let mut len = libc::socklen_t::try_from(size_of::<libc::ucred>()).unwrap_or(0);
    // SAFETY: fills a local of the right type and says how much of it.
    let got = unsafe {
        libc::getsockopt(
            fd.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            (&raw mut who).cast(),
            &raw mut len,
        )
    };
    // SAFETY: geteuid has no preconditions.
    let own = unsafe { libc::geteuid() };
    if got != 0 || who.uid != own {
        return Err(Error::new(
            Class::PORT,
            format!(
                "the process at the other end belongs to user {}, and this one to user {own}: only processes of one user can connect",
                who.uid
            ),
        ));
    }
    Ok(())
}

/// Waits until `done` gives something, and makes progress meanwhile.
pub(super) fn wait_for<T>(mut done: impl FnMut() -> Option<T>) -> T {
    let mut found = done();
    if found.is_none() {
        let _short = ShortSleeps::begin();
        pml::wait(WaitFor::another_job, || {
            found = found.take().or_else(&mut done);
            found.is_some()
        });
    }
    match found {
        Some(found) => found,
        None => unreachable!("the wait ends with something found"),
    }
}

/// Connects to the Unix socket of this abstract name, and makes progress while its process
/// has more connections to accept than the kernel keeps.
pub(super) fn connect(name: &[u8]) -> io::Result<UnixStream> {
    // SAFETY: all zero is an address, without a name.
    let mut address: libc::sockaddr_un = unsafe { std::mem::zeroed() };
    address.sun_family = libc::sa_family_t::try_from(libc::AF_UNIX).map_err(io::Error::other)?;
    let room = address
        .sun_path
        .get_mut(1..=name.len())
        .ok_or(io::ErrorKind::InvalidInput)?;
    for (to, byte) in room.iter_mut().zip(name) {
        *to = std::ffi::c_char::from_ne_bytes([*byte]);
    }
    let len = std::mem::offset_of!(libc::sockaddr_un, sun_path) + 1 + name.len();
    let len = libc::socklen_t::try_from(len).map_err(io::Error::other)?;
    let kind = libc::SOCK_STREAM | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    // SAFETY: makes a descriptor only.
    let fd = unsafe { libc::socket(libc::AF_UNIX, kind, 0) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: socket just returned this descriptor to us alone.
    let socket = raise(unsafe { OwnedFd::from_raw_fd(fd) })?;
    wait_for(|| {
        // SAFETY: reads the address, a local of this type.
        let got = unsafe { libc::connect(socket.as_raw_fd(), (&raw const address).cast(), len) };
        match io::Error::last_os_error() {
            _ if got == 0 => Some(Ok(())),
            why if is_pause(&why) => None,
            why => Some(Err(why)),
        }
    })?;
    Ok(UnixStream::from(socket))
}

/// Moves a socket of ours to a number that programs do not use.
pub(super) fn raise<S: From<OwnedFd> + Into<OwnedFd>>(socket: S) -> io::Result<S> {
    descriptor::raise(socket.into()).map(S::from)
}

/// One end of a connected stream socket, as the roots use it.
#[derive(Debug)]
pub(super) struct Talk<S> {
    socket: S,
    fd: RawFd,
    /// The class of an error where the other side has gone.
    class: Class,
    /// Whether the end of the process at the other end is noticed by this socket.
    is_watched: bool,
}

impl<S: AsRawFd> Talk<S> {
    pub(super) fn new(socket: S, class: Class) -> Talk<S> {
        let fd = socket.as_raw_fd();
        Talk {
            socket,
            fd,
            class,
            is_watched: false,
        }
    }

    /// The same, of a socket by which the end of the process at the other end is noticed.
    pub(super) fn watched(self) -> Talk<S> {
        Talk {
            is_watched: true,
            ..self
        }
    }

    /// The socket.
    pub(super) fn into_socket(self) -> S {
        self.socket
    }

    fn ended(&self, why: Option<&io::Error>) -> Error {
        let why = why.map_or_else(|| "it was closed".to_owned(), io::Error::to_string);
        Error::new(
            self.class,
            format!("the connection to the other side has broken: {why}"),
        )
    }

    /// Sends all of `bytes`.
    pub(super) fn send(&self, bytes: &[u8]) -> Result<()> {
        let mut left = bytes;
        wait_for(|| {
            while !left.is_empty() {
                let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
                // SAFETY: reads as many bytes as the slice has.
                let n = unsafe { libc::send(self.fd, left.as_ptr().cast(), left.len(), flags) };
                match usize::try_from(n) {
                    Ok(n) => left = &left[n.min(left.len())..],
                    Err(_) => match io::Error::last_os_error() {
                        why if is_pause(&why) => return None,
                        why => return Some(Err(self.ended(Some(&why)))),
                    },
                }
            }
            Some(Ok(()))
        })
    }

    fn receive(&self, bytes: &mut [u8]) -> Result<()> {
        let mut done = 0;
        wait_for(|| {
            while done < bytes.len() {
                let left = &mut bytes[done..];
                // SAFETY: writes at most as many bytes as the slice has.
                let n = unsafe {
                    let at = left.as_mut_ptr().cast();
                    libc::recv(self.fd, at, left.len(), libc::MSG_DONTWAIT)
                };
                match usize::try_from(n) {
                    Ok(0) => return Some(Err(self.ended(None))),
                    Ok(n) => done += n,
                    Err(_) => match io::Error::last_os_error() {
                        why if is_pause(&why) => return None,
                        why => return Some(Err(self.ended(Some(&why)))),
                    },
                }
            }
            Some(Ok(()))
        })
    }
}

fn is_pause(why: &io::Error) -> bool {
    matches!(
        why.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}

impl<S: AsRawFd> Wire for Talk<S> {
    fn watched(&self) -> Option<OwnedFd> {
        // SAFETY: open as long as `self` is.
        let fd = unsafe { BorrowedFd::borrow_raw(self.fd) };
        let copy = || raise(fd.try_clone_to_owned()?);
        self.is_watched.then(copy)?.ok()
    }

    fn exchange(&mut self, bytes: &[u8]) -> Result<Vec<u8>> {
        let mut message = MARK.to_le_bytes().to_vec();
        message.extend((bytes.len() as u64).to_le_bytes());
        message.extend(bytes);
        self.send(&message)?;
        let mut head = [0; HEAD];
        self.receive(&mut head)?;
        let (words, _) = head.as_chunks::<8>();
        let [mark, len] = [words[0], words[1]].map(u64::from_le_bytes);
        if mark != MARK || len > LONGEST {
            return Err(Error::new(
                self.class,
                "the other side does not speak as a process of this library does",
            ));
        }
        let mut theirs = vec![0; usize::try_from(len).unwrap_or(0)];
        self.receive(&mut theirs)?;
        Ok(theirs)
    }
}

impl<S: AsRawFd> Wire for &mut Talk<S> {
    fn exchange(&mut self, bytes: &[u8]) -> Result<Vec<u8>> {
        Talk::exchange(self, bytes)
    }
}
