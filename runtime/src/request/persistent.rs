//! Persistent sends and receives (MPI 5.0, section 3.9), the combined send and
//! receive as one request (section 3.10), and buffers that are being flushed.

use super::Operation;
use crate::error::{Error, Result};
use crate::fail;
use crate::object::comm::{self, Comm, Space};
use crate::object::datatype::Datatype;
use crate::pml::{self, Buffer, Completion, Mode, Request, WaitFor, bsend};
use std::sync::Arc;

/// The memory of an operation that outlives the call that names it.
#[derive(Debug)]
pub struct Kept {
    addr: *mut u8,
    count: usize,
    datatype: Option<Arc<Datatype>>,
}

impl Kept {
    /// Keeps what `buffer` names, and its type alive.
    #[must_use]
    pub fn of(buffer: &Buffer<'_>) -> Kept {
        Kept {
            addr: buffer.addr,
            count: buffer.count,
            datatype: buffer.datatype.cloned(),
        }
    }

    fn buffer(&self) -> Buffer<'_> {
        Buffer {
            addr: self.addr,
            count: self.count,
            datatype: self.datatype.as_ref(),
        }
    }
}

/// An error of a started operation, which is about its communicator unless that was freed.
#[cold]
fn about(error: Error, comm: &Comm) -> Error {
    match comm.handle.get() {
        comm::NULL => error,
        raw => error.about(Some(raw)),
    }
}

/// A persistent send or receive.
#[derive(Debug)]
pub enum Persistent {
    /// A send.
    Send(Send),
    /// A receive.
    Receive(Receive),
}

impl Persistent {
    /// Whether it is a buffered send, whose start may wait for room.
    #[inline]
    pub(super) fn is_buffered(&self) -> bool {
        matches!(self, Persistent::Send(send) if send.mode == Mode::Buffered)
    }

    #[inline]
    fn running(&self) -> Option<&Request> {
        match self {
            Persistent::Send(send) => send.running.as_ref(),
            Persistent::Receive(receive) => receive.running.as_ref(),
        }
    }
}

impl Operation for Persistent {
    #[inline]
    fn is_done(&self) -> bool {
        self.running().is_none_or(Request::is_done)
    }

    fn waits_for(&self) -> WaitFor {
        self.running().map_or(WaitFor::NOTHING, Request::waits_for)
    }

    #[inline]
    fn finish(&mut self) -> Completion {
        match self {
            Persistent::Send(send) => send.finish(),
            Persistent::Receive(receive) => receive.finish(),
        }
    }

    #[inline]
    fn start(&mut self) -> Result<()> {
        match self {
            Persistent::Send(send) => send.start(),
            Persistent::Receive(receive) => receive.start(),
        }
    }

    fn cancel(&mut self) -> Result<()> {
        if let Some(running) = self.running() {
            pml::cancel(running);
        }
        Ok(())
    }

    fn peek(&mut self) -> Completion {
        let none = match self {
            Persistent::Send(_) => Completion::empty,
            Persistent::Receive(_) => Completion::proc_null,
        };
        self.running().map_or_else(none, Request::peek)
    }
}

/// A persistent send. `dest` is `None` for `MPI_PROC_NULL`.
#[derive(Debug)]
pub struct Send {
    /// Where to.
    pub comm: Arc<Comm>,
    /// The destination.
    pub dest: Option<u32>,
    /// The tag.
    pub tag: i32,
    /// The message.
    pub memory: Kept,
    /// The mode.
    pub mode: Mode,
    /// The send of the last start.
    pub running: Option<Request>,
}

impl Send {
    #[inline]
    fn finish(&mut self) -> Completion {
        self.running
            .take()
            .map_or_else(Completion::empty, Request::finish)
    }

    #[inline]
    fn start(&mut self) -> Result<()> {
        let Some(dest) = self.dest else {
            return Ok(());
        };
        let buffer = self.memory.buffer();
        // SAFETY: who starts a persistent send leaves its memory alone until it
        // is complete (section 3.9).
        let started = unsafe {
            pml::isend(
                &self.comm,
                Space::PointToPoint,
                dest,
                self.tag,
                &buffer,
                self.mode,
            )
        };
        self.running = Some(started.map_err(|error| about(error, &self.comm))?);
        Ok(())
    }
}

/// Where a persistent receive takes from.
#[derive(Clone, Copy, Debug)]
pub enum From {
    /// `MPI_PROC_NULL`.
    Null,
    /// A rank, or `None` for any.
    Peer(Option<u32>),
}

/// A persistent receive.
#[derive(Debug)]
pub struct Receive {
    /// Where from.
    pub comm: Arc<Comm>,
    /// The source.
    pub source: From,
    /// The tag, or any.
    pub tag: Option<i32>,
    /// The message.
    pub memory: Kept,
    /// The receive of the last start.
    pub running: Option<Request>,
}

impl Receive {
    #[inline]
    fn finish(&mut self) -> Completion {
        self.running
            .take()
            .map_or_else(Completion::proc_null, Request::finish)
    }

    #[inline]
    fn start(&mut self) -> Result<()> {
        let From::Peer(source) = self.source else {
            return Ok(());
        };
        let buffer = self.memory.buffer();
        // SAFETY: who starts a persistent receive leaves its memory alone until
        // it is complete (section 3.9).
        let started =
            unsafe { pml::irecv(&self.comm, Space::PointToPoint, source, self.tag, &buffer) };
        self.running = Some(started.map_err(|error| about(error, &self.comm))?);
        Ok(())
    }
}

/// A receive from `MPI_PROC_NULL`: complete from the start.
#[derive(Debug)]
pub struct FromNull;

impl Operation for FromNull {
    fn is_done(&self) -> bool {
        true
    }

    fn finish(&mut self) -> Completion {
        Completion::proc_null()
    }

    fn start(&mut self) -> Result<()> {
        Ok(())
    }

    fn cancel(&mut self) -> Result<()> {
        Ok(())
    }

    fn peek(&mut self) -> Completion {
        Completion::proc_null()
    }
}

/// A send and a receive that complete together.
#[derive(Debug)]
pub struct Pair {
    /// The send, unless it is to `MPI_PROC_NULL`.
    pub send: Option<Request>,
    /// The receive, unless it is from `MPI_PROC_NULL`.
    pub receive: Option<Request>,
    /// What is sent, where it had to be set aside (`MPI_Isendrecv_replace`).
    pub copy: Option<Box<[u8]>>,
}

impl Pair {
    /// Starts both; a partner of `None` is `MPI_PROC_NULL`.
    ///
    /// # Safety
    /// Both buffers stay until the pair is complete.
    ///
    /// # Errors
    /// Either cannot be started.
    pub unsafe fn start(
        comm: &Comm,
        dest: Option<u32>,
        tag: i32,
        outgoing: &Buffer<'_>,
        source: Option<Option<u32>>,
        recv_tag: Option<i32>,
        incoming: &Buffer<'_>,
    ) -> Result<Pair> {
        let space = Space::PointToPoint;
        let start = |source| {
            // SAFETY: the caller's buffer.
            unsafe { pml::irecv(comm, space, source, recv_tag, incoming) }
        };
        let receive = source.map(start).transpose()?;
        let start = |dest| {
            // SAFETY: the caller's buffer.
            unsafe { pml::isend(comm, space, dest, tag, outgoing, Mode::Standard) }
        };
        let send = dest.map(start).transpose()?;
        Ok(Pair {
            send,
            receive,
            copy: None,
        })
    }

    /// As [`Pair::start`] with one buffer for both: what is sent is set aside.
    ///
    /// # Safety
    /// The buffer stays until the pair is complete.
    ///
    /// # Errors
    /// Either cannot be started.
    pub unsafe fn replace(
        comm: &Comm,
        dest: Option<u32>,
        tag: i32,
        source: Option<Option<u32>>,
        recv_tag: Option<i32>,
        buffer: &Buffer<'_>,
    ) -> Result<Pair> {
        // SAFETY: the caller's buffer, readable now.
        let copy = unsafe { pml::pack(buffer) };
        let outgoing = Buffer::bytes(copy.as_ptr(), copy.len());
        // SAFETY: the copy moves into the pair, its bytes stay where they are.
        let mut pair =
            unsafe { Pair::start(comm, dest, tag, &outgoing, source, recv_tag, buffer) }?;
        pair.copy = Some(copy);
        Ok(pair)
    }

    /// Waits for both.
    pub fn wait(&mut self) -> Completion {
        let sent = self.send.take().map(pml::complete);
        let received = self.receive.take().map(pml::complete);
        Pair::join(sent, received)
    }

    fn join(sent: Option<Completion>, received: Option<Completion>) -> Completion {
        let mut received = received.unwrap_or_else(Completion::proc_null);
        if received.error.is_none() {
            received.error = sent.and_then(|sent| sent.error);
        }
        received
    }
}

impl Operation for Pair {
    fn waits_for(&self) -> WaitFor {
        let open = |request: &&Request| !request.is_done();
        let all = self.receive.iter().chain(&self.send);
        WaitFor::all_of(all.filter(open).map(Request::waits_for))
    }

    fn is_done(&self) -> bool {
        let done = |request: &Option<Request>| request.as_ref().is_none_or(Request::is_done);
        done(&self.send) && done(&self.receive)
    }

    fn finish(&mut self) -> Completion {
        let sent = self.send.take().map(Request::finish);
        Pair::join(sent, self.receive.take().map(Request::finish))
    }

    fn start(&mut self) -> Result<()> {
        Ok(())
    }

    fn cancel(&mut self) -> Result<()> {
        fail!(REQUEST, "a combined send and receive cannot be cancelled")
    }

    fn peek(&mut self) -> Completion {
        self.receive
            .as_ref()
            .map_or_else(Completion::proc_null, Request::peek)
    }
}

/// An attached buffer that is being flushed.
#[derive(Debug)]
pub struct Flush(pub bsend::Scope);

impl Operation for Flush {
    fn is_done(&self) -> bool {
        bsend::is_flushed(self.0)
    }

    fn finish(&mut self) -> Completion {
        Completion::empty()
    }

    fn start(&mut self) -> Result<()> {
        Ok(())
    }

    fn cancel(&mut self) -> Result<()> {
        fail!(REQUEST, "flushing a buffer cannot be cancelled")
    }
}
