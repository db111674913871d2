//! Copies between this process's memory and a peer's, by loads and stores or by calls, and
//! what their errors mean.

use crate::pml::memory::Memory;
use crate::pml::transport::{CopyError, Flow};
use btl_shm::copy;
use btl_shm::fault::Fault;
use btl_shm::peer::cma::{self, CmaError, CmaWhy, Direction};
use std::ops::Range;

#[cold]
pub(super) fn peer_fault(fault: Fault) -> CopyError {
    CopyError::PeerMemory(fault.to_string())
}

#[cold]
pub(super) fn refusal(pid: u32, error: &CmaError) -> CopyError {
    match error.why {
        CmaWhy::Absent if cma::is_mapped(pid, error.peer_addr) => CopyError::Protected,
        CmaWhy::Absent => CopyError::PeerMemory("its memory is not there".to_owned()),
        CmaWhy::OwnAbsent(at) => CopyError::OwnMemory(at),
        CmaWhy::Gone => CopyError::PeerMemory(format!("its process {pid} has ended")),
        CmaWhy::Refused(_) | CmaWhy::Other(_) => CopyError::Access,
    }
}

/// Copies a peer's bytes at `from` into `range` of `to`. `attached`: they may go away.
///
/// # Safety
/// `range` is inside `to`, whose memory is writable, and `from` readable but for what
/// went away.
#[inline]
pub(super) unsafe fn from_peer(
    from: *const u8,
    to: &Memory,
    range: Range<usize>,
    attached: bool,
) -> Result<(), Fault> {
    if let Some(to_run) = to.run() {
        // SAFETY: as the caller said.
        return unsafe { copy::copy_part(from, to_run.add(range.start), range.len(), to.len()) };
    }
    if !attached {
        // SAFETY: as the caller said.
        unsafe { to.copy_in(range.start, from, range.len()) };
        return Ok(());
    }
    let mut from = from;
    to.runs(range).try_for_each(|(at, len)| {
        // SAFETY: a run of the message, and as many bytes of the peer's.
        unsafe { copy::copy_part(from, at, len, to.len()) }?;
        from = from.wrapping_add(len);
        Ok(())
    })
}

/// Copies `range` of `from` to a peer's bytes at `to`. `attached`: they may go away.
///
/// # Safety
/// `range` is inside `from`, whose memory is readable, and `to` writable but for what
/// went away.
pub(super) unsafe fn to_peer(
    from: &Memory,
    range: Range<usize>,
    to: *mut u8,
    attached: bool,
) -> Result<(), Fault> {
    if from.run().is_none() && !attached {
        // SAFETY: as the caller said.
        unsafe { from.copy_out(range.start, to, range.len()) };
        return Ok(());
    }
    let mut to = to;
    from.runs(range).try_for_each(|(at, len)| {
        // SAFETY: a run of the message, and as many bytes of the peer's.
        unsafe { copy::copy_part(at, to, len, from.len()) }?;
        to = to.wrapping_add(len);
        Ok(())
    })
}

/// Calls `each` with the runs of `range` of `memory`, as many as one system call takes
/// at a time, and the peer's address of the first, which is `addr` at first.
pub(super) fn by_vectors(
    addr: u64,
    memory: &Memory,
    range: Range<usize>,
    mut each: impl FnMut(u64, &mut [libc::iovec]) -> Result<(), CmaError>,
) -> Result<(), CmaError> {
    let mut at = addr;
    let mut runs = memory.runs(range).peekable();
    while runs.peek().is_some() {
        let mut pieces: Vec<libc::iovec> = runs
            .by_ref()
            .take(cma::PIECES)
            .map(|(start, len)| cma::local_piece(start, len))
            .collect();
        let len: usize = pieces.iter().map(|piece| piece.iov_len).sum();
        each(at, &mut pieces)?;
        at += len as u64;
    }
    Ok(())
}

/// Copies between runs of the memory of process `pid` and the bytes at `here`, many runs
/// in one system call. The error names the run.
///
/// # Safety
/// `here` is readable, or writable for [`Flow::In`], for as many bytes as the runs have.
pub(super) unsafe fn by_lists(
    flow: Flow,
    pid: u32,
    runs: &[(u64, usize)],
    here: *mut u8,
) -> Result<(), (usize, CopyError)> {
    let direction = match flow {
        Flow::In => Direction::Read,
        Flow::Out => Direction::Write,
    };
    let mut there: Vec<_> = runs
        .iter()
        .map(|(addr, len)| cma::peer_piece(*addr, *len))
        .collect();
    let len = runs.iter().map(|(_, len)| len).sum();
    let mut own = [cma::local_piece(here, len)];
    // SAFETY: the caller's bytes.
    let copied = unsafe {
        cma::transfer(
            direction,
            pid,
            &mut own.as_mut_slice(),
            &mut there.as_mut_slice(),
        )
    };
    copied.map(drop).map_err(|error| {
        let mut left = error.copied;
        let copied = runs.iter().take_while(|(_, len)| {
            let rest = left.checked_sub(*len);
            left = rest.unwrap_or(0);
            rest.is_some()
        });
        (copied.count(), refusal(pid, &error))
    })
}
