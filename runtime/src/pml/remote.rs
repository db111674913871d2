//! Copies between this process and memory of a peer's that no message tells of: what
//! one-sided communication does. Each goes by the best access that works, and another is
//! tried where one is refused on the way.

use crate::object::group::Proc;
use crate::pml::active::Active;
use crate::pml::engine::with_engine;
use crate::pml::memory::{Buffer, Memory};
use crate::pml::transport::{Access, CopyError, Flow, Remote, Transport};
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

/// Whether peers map `len` bytes at `addr` of this process for good and may write them.
#[must_use]
pub fn is_mappable(addr: u64, len: usize) -> bool {
    with_transport(|transport| transport.lets_peers_write() && transport.is_mappable(addr, len))
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

/// A run of a peer's memory: its address there, and bytes.
pub type Run = (u64, usize);

/// Runs that are copied together, where each copy takes a call: as many as one takes.
const TOGETHER: usize = 1024;

/// Copies `runs` of `peer`, one after the other, to `to`.
///
/// # Safety
/// `to` is writable for as many bytes as the runs have.
///
/// # Errors
/// Which run could not be copied, and why; others may have been copied.
pub unsafe fn read(
    peer: Proc,
    runs: &[Run],
    to: *mut u8,
    accesses: Accesses,
) -> Result<(), (usize, RemoteError)> {
    // SAFETY: the caller's bytes.
    with_transport(|transport| unsafe {
        RunCopy {
            transport,
            peer,
            accesses,
            flow: Flow::In,
        }
        .all(runs, to)
    })
}

/// Copies the bytes at `from` to `runs` of `peer`, one after the other.
///
/// # Safety
/// `from` is readable for as many bytes as the runs have.
///
/// # Errors
/// As [`read`].
pub unsafe fn write(
    peer: Proc,
    runs: &[Run],
    from: *const u8,
    accesses: Accesses,
) -> Result<(), (usize, RemoteError)> {
    // SAFETY: the caller's bytes, which are only read.
    with_transport(|transport| unsafe {
        RunCopy {
            transport,
            peer,
            accesses,
            flow: Flow::Out,
        }
        .all(runs, from.cast_mut())
    })
}

/// A copy between runs of a peer's memory and memory of this process.
struct RunCopy<'a> {
    transport: &'a mut Active,
    peer: Proc,
    accesses: Accesses,
    flow: Flow,
}

impl RunCopy<'_> {
    fn reach(&mut self, (addr, len): Run) -> Option<Remote> {
        match self.accesses {
            Accesses::All => self.transport.reach(self.peer, addr, len),
            Accesses::Calls => self.transport.reach_by_call(self.peer, addr),
        }
    }

    /// How many of `runs`, of which the first is reached by calls, are all reached so.
    fn by_calls(&mut self, runs: &[Run]) -> usize {
        let most = runs.len().min(TOGETHER);
        let by_call = |run: &&Run| self.reach(**run).is_some_and(|next| next.is_by_call());
        1 + runs[1..most].iter().take_while(by_call).count()
    }

    /// # Safety
    /// As for [`read()`] and [`write()`].
    unsafe fn all(mut self, runs: &[Run], mut here: *mut u8) -> Result<(), (usize, RemoteError)> {
        let mut at = 0;
        // An access that was given up is not found again, so that this ends.
        while let Some(run) = runs.get(at) {
            let Some(remote) = self.reach(*run) else {
                return Err((at, RemoteError::Unreached));
            };
            let count = match remote.is_by_call() {
                true => self.by_calls(&runs[at..]),
                false => 1,
            };
            // SAFETY: the caller's bytes.
            let copied = unsafe { self.some(&remote, &runs[at..at + count], here) };
            let (failed, error) = match copied {
                Ok(()) => {
                    let bytes: usize = runs[at..at + count].iter().map(|(_, len)| len).sum();
                    here = here.wrapping_add(bytes);
                    at += count;
                    continue;
                }
                Err((n, error)) => (at + n, error),
            };
            let why = match error {
                CopyError::Access => {
                    self.transport.give_up(&remote);
                    continue;
                }
                CopyError::Protected => RemoteError::Unreached,
                CopyError::PeerMemory(why) => RemoteError::Absent(why),
                CopyError::OwnMemory(at) => RemoteError::OwnMemory(at),
            };
            return Err((failed, why));
        }
        Ok(())
    }

    /// Copies one run, or several that are reached by calls.
    ///
    /// # Safety
    /// As for [`read()`] and [`write()`].
    unsafe fn some(
        &mut self,
        first: &Remote,
        runs: &[Run],
        here: *mut u8,
    ) -> Result<(), (usize, CopyError)> {
        let [(_, len)] = *runs else {
            // SAFETY: the caller's bytes.
            return unsafe { self.transport.copy_runs(self.flow, first, runs, here) };
        };
        let memory = Memory::of(&Buffer::bytes(here, len));
        let copied = match self.flow {
            // SAFETY: the caller's bytes.
            Flow::In => unsafe { self.transport.get(first, 0, &memory, 0..len) },
            // SAFETY: as above.
            Flow::Out => unsafe { self.transport.put(first, &memory, 0..len) },
        };
        copied.map_err(|error| (0, error))
    }
}
