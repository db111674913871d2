//! Buffered mode (MPI 5.0, section 3.6): attached buffers, and sends that go
//! through them.
//!
//! A message takes a piece of the attached buffer, is sent from there in
//! standard mode, and gives the piece back when it is out. Where a message is
//! out at once, nothing is taken. An automatic buffer (`MPI_BUFFER_AUTOMATIC`)
//! takes memory from the heap for each message.

use crate::error::Result;
use crate::fail;
use crate::lock::Local;
use crate::object::comm::Comm;
use crate::pml::memory::{Buffer, Memory};
use crate::pml::progress;
use crate::pml::publish::WaitFor;
use crate::pml::request::Request;
use std::collections::HashMap;

/// `MPI_BSEND_OVERHEAD`: bytes that the standard lets a message take on top of
/// its own.
pub const OVERHEAD: usize = 512;

/// What a buffer is attached to: the process, or a communicator (by its context).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Scope {
    /// `MPI_Buffer_attach`.
    Process,
    /// `MPI_Comm_attach_buffer`.
    Comm(u32),
    /// `MPI_Session_attach_buffer`, by the session's handle.
    Session(usize),
}

#[derive(Debug)]
struct AttachedBuffer {
    addr: *mut u8,
    len: usize,
    automatic: bool,
    /// Messages under way, by their place, in rising order.
    taken: Vec<BufferPiece>,
}

#[derive(Debug)]
struct BufferPiece {
    at: usize,
    len: usize,
    request: Request,
    /// The bytes of an automatic buffer.
    _own: Option<Box<[u8]>>,
}

// SAFETY: reached under the library lock only.
unsafe impl Send for AttachedBuffer {}

static BUFFERS: Local<Option<HashMap<Scope, AttachedBuffer>>> = Local::new(None);

fn with_buffers<R>(f: impl FnOnce(&mut HashMap<Scope, AttachedBuffer>) -> R) -> R {
    BUFFERS.with(|buffers| f(buffers.get_or_insert_default()))
}

/// Attaches `len` bytes at `addr`, or an automatic buffer, to `scope`.
///
/// # Errors
/// One is attached already.
pub fn attach(scope: Scope, addr: *mut u8, len: usize, automatic: bool) -> Result<()> {
    let attached = with_buffers(|buffers| {
        let free = !buffers.contains_key(&scope);
        if free {
            let buffer = AttachedBuffer {
                addr,
                len,
                automatic,
                taken: Vec::new(),
            };
            buffers.insert(scope, buffer);
        }
        free
    });
    if !attached {
        fail!(
            BUFFER,
            "a buffer is attached already: detach it before attaching {len} bytes"
        );
    }
    Ok(())
}

/// Waits until all messages in the buffer of `scope` are out.
pub fn flush(scope: Scope) {
    progress::wait(|| WaitFor::NOTHING, || collect(scope) == 0);
}

/// Starts nothing, waits for nothing: whether the buffer of `scope` is empty now.
pub fn is_flushed(scope: Scope) -> bool {
    collect(scope) == 0
}

/// Waits as [`flush`] does and detaches: the address, the length, and whether it
/// was automatic. `None`: nothing was attached.
pub fn detach(scope: Scope) -> Option<(*mut u8, usize, bool)> {
    flush(scope);
    let buffer = with_buffers(|buffers| buffers.remove(&scope))?;
    Some((buffer.addr, buffer.len, buffer.automatic))
}

/// Drops what is done and says how many are left.
fn collect(scope: Scope) -> usize {
    with_buffers(|buffers| {
        buffers.get_mut(&scope).map_or(0, |buffer| {
            buffer.taken.retain(|taken| !taken.request.is_done());
            buffer.taken.len()
        })
    })
}

/// A message that was copied into an attached buffer, to be sent from there.
pub(super) struct PackedMessage {
    scope: Scope,
    at: usize,
    bytes: Buffer<'static>,
    own: Option<Box<[u8]>>,
}

/// Copies the message of a buffered send into the buffer that is attached for it.
///
/// # Safety
/// The buffer's memory is readable.
///
/// # Errors
/// No buffer is attached, or it has not enough room.
pub(super) unsafe fn pack(comm: &Comm, buffer: &Buffer<'_>) -> Result<PackedMessage> {
    let session = comm.group.session().map(Scope::Session);
    let scopes = [
        Some(Scope::Comm(comm.context.0)),
        session,
        Some(Scope::Process),
    ];
    let scope = with_buffers(|buffers| {
        let mut scopes = scopes.into_iter().flatten();
        scopes.find(|scope| buffers.contains_key(scope))
    });
    let len = buffer.len();
    let Some(scope) = scope else {
        fail!(
            BUFFER,
            "no buffer is attached for a message of {len} bytes in buffered mode: call MPI_Buffer_attach first"
        );
    };
    progress::progress();
    collect(scope);
    let place = with_buffers(|buffers| buffers.get(&scope).and_then(|b| b.place(len)));
    let Some((at, to, own)) = place else {
        let room = with_buffers(|buffers| buffers.get(&scope).map_or(0, |b| b.len));
        fail!(
            BUFFER,
            "the message of {len} bytes (and up to {OVERHEAD} bytes of overhead) does not fit what is free of the attached buffer of {room} bytes"
        );
    };
    // SAFETY: `to` has room for the message, which the caller lets us read.
    unsafe { Memory::of(buffer).copy_out(0, to, len) };
    Ok(PackedMessage {
        scope,
        at,
        bytes: Buffer::bytes(to, len),
        own,
    })
}

impl PackedMessage {
    /// The message.
    pub(super) fn bytes(&self) -> &Buffer<'static> {
        &self.bytes
    }

    /// Keeps the place for it until `request`, which sends it, is done.
    pub(super) fn keep(self, request: Request) {
        if request.is_done() {
            return;
        }
        let taken = BufferPiece {
            at: self.at,
            len: self.bytes.count,
            request,
            _own: self.own,
        };
        with_buffers(|buffers| {
            if let Some(buffer) = buffers.get_mut(&self.scope) {
                let after = buffer.taken.partition_point(|t| t.at < taken.at);
                buffer.taken.insert(after, taken);
            }
        });
    }
}

/// Where in the buffer, its address, and the bytes of an automatic buffer.
type Gap = (usize, *mut u8, Option<Box<[u8]>>);

impl AttachedBuffer {
    /// The first gap that `len` bytes fit into.
    fn place(&self, len: usize) -> Option<Gap> {
        if self.automatic {
            let mut own = vec![0u8; len].into_boxed_slice();
            return Some((0, own.as_mut_ptr(), Some(own)));
        }
        let mut at = 0;
        for taken in &self.taken {
            if taken.at.saturating_sub(at) >= len {
                break;
            }
            // an empty message may lie where a longer one begins
            at = at.max(taken.at + taken.len);
        }
        (self.len.checked_sub(at)? >= len).then(|| (at, self.addr.wrapping_add(at), None))
    }
}

/// Waits until the messages of every attached buffer are out.
pub fn flush_all() {
    let scopes: Vec<Scope> = with_buffers(|buffers| buffers.keys().copied().collect());
    scopes.into_iter().for_each(flush);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(at: usize, len: usize) -> BufferPiece {
        BufferPiece {
            at,
            len,
            request: Request::sent(),
            _own: None,
        }
    }

    #[test]
    fn a_piece_is_given_out_once_whatever_lies_at_its_beginning() {
        let mut buffer = AttachedBuffer {
            addr: std::ptr::null_mut(),
            len: 100,
            automatic: false,
            taken: vec![taken(0, 10), taken(10, 30), taken(10, 0)],
        };
        let place = |buffer: &AttachedBuffer, len| buffer.place(len).map(|(at, ..)| at);
        assert_eq!(place(&buffer, 5), Some(40));
        assert_eq!(place(&buffer, 61), None);
        buffer.taken.remove(0);
        assert_eq!(place(&buffer, 10), Some(0));
        assert_eq!(place(&buffer, 11), Some(40));
    }
}
