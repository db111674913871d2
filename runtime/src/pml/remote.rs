//! Copies between this process and memory of a peer's that no message tells of: what
//! one-sided communication does. Each goes by the best access that works, and another is
//! tried where one is refused on the way.

use crate::object::group::Proc;
use crate::pml::active::Active;
use crate::pml::engine::with_engine;
use crate::pml::memory::{Buffer, Memory};
use crate::pml::transport::{Access, CopyError, Transport};
use std::ptr::NonNull;

/// Which accesses to a peer's memory may be taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Accesses {
    /// All.
    All,
    /// Calls alone: what others find in the heap file is not what the peer has there.
    Calls,
}

/// Why bytes of a peer's were not copied.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RemoteError {
    /// No access reaches them. The peer itself may.
    Unreached,
    /// They are not there, in words.
    Absent(String),
    /// There is no memory of this process at this address, or it may not be touched.
    OwnMemory(u64),
}

fn with_transport<R>(f: impl FnOnce(&mut Active) -> R) -> R {
    with_engine(|engine| f(engine.core.queues.transport()))
}

/// Where `len` bytes at `addr` of `peer` are in this process, if they are mapped here for
/// good.
#[must_use]
pub fn mapped(peer: Proc, addr: u64, len: usize) -> Option<NonNull<u8>> {
    with_transport(|transport| match transport.reach(peer, addr, len)?.access {
        Access::Mapped(at) => Some(at),
        _ => None,
    })
}

/// Whether peers that look for these bytes of this process in the heap file would find
/// something else.
#[must_use]
pub fn is_replaced(addr: u64, len: usize) -> bool {
    with_transport(|transport| transport.is_replaced(addr, len))
}

/// Whether peers reach `len` bytes at `addr` of this process by loads and stores.
#[must_use]
pub fn is_exported(addr: u64, len: usize) -> bool {
    with_transport(|transport| transport.is_exported(addr, len))
}

/// Moves `len` bytes at `addr` of this process, which stay there for the program, to where
/// peers map them, for [`release`]; the address by which peers reach them. `None`: they
/// cannot be moved, or not now, since messages may be on their way into them.
#[must_use]
pub fn adopt(addr: u64, len: usize) -> Option<u64> {
    let is_idle = with_engine(|engine| engine.core.transfers.is_idle());
    is_idle
        .then(|| with_transport(|transport| transport.adopt(addr, len)))
        .flatten()
}

/// Ends a use of what [`adopt`] has moved, at `addr`.
pub fn release(addr: u64) {
    with_transport(|transport| transport.release(addr));
}

/// Whether peers may write into this process's memory.
#[must_use]
pub fn lets_peers_write() -> bool {
    with_transport(|transport| transport.lets_peers_write())
}

/// Copies `len` bytes at `addr` of `peer` to `to`.
///
/// # Safety
/// `to` is writable for `len` bytes.
///
/// # Errors
/// Why not; some bytes may have been copied.
pub unsafe fn read(
    peer: Proc,
    addr: u64,
    to: *mut u8,
    len: usize,
    accesses: Accesses,
) -> Result<(), RemoteError> {
    let memory = Memory::of(&Buffer::bytes(to, len));
    try_each(peer, addr, len, accesses, |transport, remote| {
        // SAFETY: the caller's bytes.
        unsafe { transport.get(remote, 0, &memory, 0..len) }
    })
}

/// Copies `len` bytes at `from` to `addr` of `peer`.
///
/// # Safety
/// `from` is readable for `len` bytes.
///
/// # Errors
/// Why not; some bytes may have been copied.
pub unsafe fn write(
    peer: Proc,
    addr: u64,
    from: *const u8,
    len: usize,
    accesses: Accesses,
) -> Result<(), RemoteError> {
    let memory = Memory::of(&Buffer::bytes(from, len));
    try_each(peer, addr, len, accesses, |transport, remote| {
        // SAFETY: the caller's bytes.
        unsafe { transport.put(remote, &memory, 0..len) }
    })
}

/// Has `copy` try one access after the other until one does not refuse.
fn try_each(
    peer: Proc,
    addr: u64,
    len: usize,
    accesses: Accesses,
    copy: impl Fn(&mut Active, &crate::pml::transport::Remote) -> Result<(), CopyError>,
) -> Result<(), RemoteError> {
    with_transport(|transport| {
        // An access that was given up is not found again, so that this ends.
        loop {
            let found = match accesses {
                Accesses::All => transport.reach(peer, addr, len),
                Accesses::Calls => transport.reach_by_call(peer, addr),
            };
            let Some(remote) = found else {
                return Err(RemoteError::Unreached);
            };
            return match copy(transport, &remote) {
                Ok(()) => Ok(()),
                Err(CopyError::Access) => {
                    transport.give_up(&remote);
                    continue;
                }
                Err(CopyError::Protected) => Err(RemoteError::Unreached),
                Err(CopyError::PeerMemory(why)) => Err(RemoteError::Absent(why)),
                Err(CopyError::OwnMemory(at)) => Err(RemoteError::OwnMemory(at)),
            };
        }
    })
}
