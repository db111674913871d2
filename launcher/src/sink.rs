//! mpirun's own standard output and error, written without ever waiting for a reader. What
//! does not go out at once is held, and the caller tries again when the descriptor can take
//! more.
//!
//! The descriptors stay blocking, since other processes (a shell) may share them. A pipe or
//! socket that polls writable takes [`PIPE_PIECE`] bytes without blocking, so that is how
//! much is written at a time.

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::stat::{SFlag, fstat};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

/// Bytes that a pipe takes without blocking if it takes any (`PIPE_BUF`).
const PIPE_PIECE: usize = 4096;
/// Bytes held from which on a sink counts as full, so that its sources are not read.
const FULL: usize = 64 << 10;
/// Pieces written in a row before other sinks get their turn.
const PIECES_PER_TURN: usize = 64;

/// Standard output or standard error.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StdStream {
    /// Descriptor 1.
    Out,
    /// Descriptor 2.
    Err,
}

impl StdStream {
    /// The name that users know.
    pub fn name(self) -> &'static str {
        match self {
            StdStream::Out => "stdout",
            StdStream::Err => "stderr",
        }
    }

    /// mpirun's own stream of this kind.
    pub fn own(self) -> OwnStream {
        match self {
            StdStream::Out => OwnStream::Out(std::io::stdout()),
            StdStream::Err => OwnStream::Err(std::io::stderr()),
        }
    }
}

/// mpirun's own standard output or error.
#[derive(Debug)]
pub enum OwnStream {
    /// Descriptor 1.
    Out(std::io::Stdout),
    /// Descriptor 2.
    Err(std::io::Stderr),
}

impl AsFd for OwnStream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            OwnStream::Out(out) => out.as_fd(),
            OwnStream::Err(err) => err.as_fd(),
        }
    }
}

/// Bytes on their way to a descriptor.
#[derive(Debug)]
pub struct Sink<F> {
    fd: F,
    held: Vec<u8>,
    /// Bytes of `held` that are written.
    done: usize,
    /// Bytes to write at a time.
    piece: usize,
}

impl<F: AsFd> Sink<F> {
    /// A sink that holds nothing.
    pub fn new(fd: F) -> Sink<F> {
        Sink {
            piece: piece(fd.as_fd()),
            fd,
            held: Vec::new(),
            done: 0,
        }
    }

    /// Appends to what is to be written.
    pub fn push(&mut self, bytes: &[u8]) {
        self.held.extend_from_slice(bytes);
    }

    /// Whether everything is written.
    pub fn is_empty(&self) -> bool {
        self.done == self.held.len()
    }

    /// Whether the sink may be given more.
    pub fn has_room(&self) -> bool {
        self.held.len() - self.done < FULL
    }

    /// Writes what can be written without blocking. Returns how many bytes that was.
    ///
    /// # Errors
    /// Nothing can be written any more.
    pub fn pour(&mut self) -> Result<usize, Errno> {
        let mut written = 0;
        for _ in 0..PIECES_PER_TURN {
            if self.is_empty() {
                break;
            }
            let rest = &self.held[self.done..];
            let some = &rest[..rest.len().min(self.piece)];
            match write_now(self.fd.as_fd(), some)? {
                0 => break,
                n => {
                    self.done += n;
                    written += n;
                }
            }
        }
        if self.is_empty() || self.done > FULL {
            self.held.drain(..self.done);
            self.done = 0;
        }
        Ok(written)
    }
}

impl<F: AsFd> AsFd for Sink<F> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Bytes to write at a time to this descriptor.
fn piece(fd: BorrowedFd) -> usize {
    let kind = fstat(fd).map_or(0, |s| s.st_mode & SFlag::S_IFMT.bits());
    match SFlag::from_bits_truncate(kind) {
        SFlag::S_IFREG => usize::MAX, // a file takes any number
        _ => PIPE_PIECE,
    }
}

/// Writes some of `bytes`, or none if that would block.
fn write_now(fd: BorrowedFd, bytes: &[u8]) -> Result<usize, Errno> {
    let mut fds = [PollFd::new(fd, PollFlags::POLLOUT)];
    match poll(&mut fds, PollTimeout::ZERO) {
        Ok(0) | Err(_) => return Ok(0),
        Ok(_) => {}
    }
    match nix::unistd::write(fd, bytes) {
        Ok(n) => Ok(n),
        Err(Errno::EINTR) => Ok(0),
        Err(Errno::EAGAIN) => {
            // Another process has filled the pipe meanwhile, or has made it non-blocking.
            std::thread::sleep(Duration::from_millis(1));
            Ok(0)
        }
        Err(why) => Err(why),
    }
}

/// Writes all of `bytes`, but gives up when nothing could be written for as long as
/// `patience`. There is no error: if nobody reads, there is nobody to tell.
pub fn write_patiently(fd: impl AsFd, mut bytes: &[u8], patience: Duration) {
    let patience = PollTimeout::try_from(patience).unwrap_or(PollTimeout::MAX);
    let fd = fd.as_fd();
    while !bytes.is_empty() {
        let mut fds = [PollFd::new(fd, PollFlags::POLLOUT)];
        match poll(&mut fds, patience) {
            Ok(0) => return,
            Err(Errno::EINTR) => continue,
            Ok(_) => {}
            Err(_) => return,
        }
        match write_now(fd, &bytes[..bytes.len().min(PIPE_PIECE)]) {
            Ok(n) => bytes = &bytes[n..],
            Err(_) => return,
        }
    }
}

/// Whether mpirun's standard output and error lead to the same place.
pub fn stdout_is_stderr() -> bool {
    let stat = |fd: BorrowedFd| fstat(fd).ok();
    match (
        stat(std::io::stdout().as_fd()),
        stat(std::io::stderr().as_fd()),
    ) {
        (Some(a), Some(b)) => a.st_dev == b.st_dev && a.st_ino == b.st_ino,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn what_does_not_fit_is_held_and_goes_out_later_in_order() {
        let (mut reader, writer) = std::io::pipe().unwrap();
        let mut sink = Sink::new(writer);
        let all: Vec<u8> = (0..=255).cycle().take(300_000).collect();
        sink.push(&all);
        assert!(!sink.has_room());
        let mut got = Vec::new();
        let mut piece = vec![0; 10_000];
        while !sink.is_empty() {
            sink.pour().unwrap();
            assert_eq!(sink.pour(), Ok(0), "a full pipe takes nothing, at once");
            let n = reader.read(&mut piece).unwrap();
            got.extend_from_slice(&piece[..n]);
        }
        drop(sink);
        reader.read_to_end(&mut got).unwrap();
        assert_eq!(got, all);
    }

    #[test]
    fn a_reader_that_is_gone_is_an_error_and_one_that_sleeps_is_given_up() {
        let (reader, writer) = std::io::pipe().unwrap();
        write_patiently(&writer, &vec![b'x'; 1 << 20], Duration::from_millis(1));
        drop(reader);
        let mut sink = Sink::new(&writer);
        sink.push(b"x");
        assert_eq!(sink.pour(), Err(Errno::EPIPE));
    }
}
