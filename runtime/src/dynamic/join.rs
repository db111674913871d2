//! `MPI_Comm_join`: two processes whose programs have a socket between them (MPI 5.0,
//! section 11.10.5).

use super::socket::Talk;
use crate::comm_make::connect::{self, Wire};
use crate::error::{Class, Result};
use crate::fail;
use crate::handle::Raw;
use crate::object::{comm, group};
use std::io;
use std::os::fd::RawFd;
use wireup::collective::Kind;

/// Checks that `fd` is a stream socket.
fn check(fd: RawFd) -> Result<()> {
    let mut kind = 0;
    let mut len = libc::socklen_t::try_from(size_of_val(&kind)).unwrap_or(0);
    // SAFETY: fills a local of the right type and says how much of it.
    let got = unsafe {
        libc::getsockopt(
            fd,
            libc::SOL_SOCKET,
            libc::SO_TYPE,
            (&raw mut kind).cast(),
            &raw mut len,
        )
    };
    if got != 0 {
        let why = io::Error::last_os_error();
        fail!(ARG, "fd is {fd}, which is no socket: {why}");
    }
    if kind != libc::SOCK_STREAM {
        fail!(ARG, "fd is {fd}, which is no stream socket");
    }
    Ok(())
}

/// What tells machines apart, and restarts of one.
fn machine() -> Vec<u8> {
    std::fs::read("/proc/sys/kernel/random/boot_id").unwrap_or_default()
}

/// `MPI_Comm_join`: [`comm::NULL`] where the other process runs on another machine, unless both
/// jobs have a network open.
///
/// # Errors
/// `fd` is no connected stream socket, the other side breaks off, or the two processes
/// cannot be connected.
pub fn join(fd: RawFd) -> Result<Raw> {
    check(fd)?;
    let mut talk = Talk::new(fd, Class::ARG);
    let own = match group::has_network() {
        true => b"network".to_vec(),
        false => machine(),
    };
    if talk.exchange(&own)? != own {
        return Ok(comm::NULL);
    }
    let alone = comm::get(comm::SELF)?.clone();
    connect::meet_at(&alone, Kind::COMM_CONNECT, 0, || {
        Ok(Box::new(talk) as Box<dyn Wire>)
    })
}
