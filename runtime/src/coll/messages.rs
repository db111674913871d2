//! The messages of a blocking collective that goes without a plan.

use super::compare::too_short;
use crate::error::Result;
use crate::object::collective::Tag;
use crate::object::comm::{Comm, Space};
use crate::pml::collective::{self, Verdict, Watch};
use crate::pml::{self, Buffer, Completion, Mode, Request};

/// The most messages that a rank has under way at a time.
pub(super) const MAX_IN_FLIGHT: usize = 32;

/// The messages of one collective, and what went wrong with them.
pub(super) struct Messages<'a> {
    pub(super) comm: &'a Comm,
    pub(super) tag: Tag,
    /// The tag of the messages themselves: `tag`, or the one of the second edge between two
    /// neighbours.
    pub(super) channel: Tag,
    /// The first thing that went wrong.
    pub(super) result: Result<()>,
    /// True once it is seen that the collective cannot come to an end: nothing more is sent
    /// or received.
    broken: bool,
    /// Ranks from which messages may come for which no receive is posted yet.
    pub(super) awaited: Awaited,
}

/// A set of ranks, as far as a word can hold it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Awaited {
    /// Any of all ranks.
    Anybody,
    /// Those whose bit is set.
    Of(u64),
}

impl Awaited {
    pub(super) const NOBODY: Awaited = Awaited::Of(0);

    fn has(self, rank: u32) -> bool {
        match self {
            Awaited::Anybody => true,
            Awaited::Of(ranks) => ranks.checked_shr(rank).is_some_and(|ranks| ranks & 1 == 1),
        }
    }
}

impl<'a> Messages<'a> {
    pub(super) fn new(comm: &'a Comm, tag: Tag) -> Messages<'a> {
        Messages {
            comm,
            tag,
            channel: tag,
            result: Ok(()),
            broken: false,
            awaited: Awaited::Anybody,
        }
    }

    /// # Safety
    /// `len` bytes at `addr` are readable until the request is done.
    #[inline]
    pub(super) unsafe fn send(&mut self, to: u32, addr: *const u8, len: usize) -> Option<Request> {
        // SAFETY: the caller's promise.
        unsafe { self.send_from(to, &Buffer::bytes(addr, len)) }
    }

    /// # Safety
    /// The buffer is readable until the request is done.
    #[inline]
    pub(super) unsafe fn send_from(&mut self, to: u32, buffer: &Buffer<'_>) -> Option<Request> {
        if self.broken {
            return None;
        }
        let (comm, tag) = (self.comm, self.channel.0);
        // SAFETY: the caller's promise.
        let started =
            unsafe { pml::isend(comm, Space::Collective, to, tag, buffer, Mode::Standard) };
        self.started(started)
    }

    /// # Safety
    /// The buffer is writable, and nobody's, until the request is done.
    #[inline]
    pub(super) unsafe fn receive_into(
        &mut self,
        from: u32,
        buffer: &Buffer<'_>,
    ) -> Option<Request> {
        if self.broken {
            return None;
        }
        let (comm, tag) = (self.comm, self.channel.0);
        // SAFETY: the caller's promise.
        let started = unsafe { pml::irecv(comm, Space::Collective, Some(from), Some(tag), buffer) };
        self.started(started)
    }

    /// Receives `len` bytes, and returns when they are there.
    ///
    /// # Safety
    /// `len` bytes at `addr` are writable, and nobody's, until this returns.
    #[inline]
    pub(super) unsafe fn take(&mut self, from: u32, addr: *mut u8, len: usize) {
        // SAFETY: the caller's promise.
        unsafe { self.take_into(from, &Buffer::bytes(addr, len), len) }
    }

    /// As [`Messages::take`], into a buffer of `len` bytes.
    ///
    /// # Safety
    /// The buffer is writable, and nobody's, until this returns.
    #[inline]
    pub(super) unsafe fn take_into(&mut self, from: u32, buffer: &Buffer<'_>, len: usize) {
        // SAFETY: the caller's promise.
        unsafe {
            if !self.take_at_once(from, buffer, len) {
                self.await_from(from, buffer, len);
            }
        }
    }

    /// Receives `len` bytes if they are there, or come soon. `false`: they did not.
    ///
    /// # Safety
    /// As [`Messages::take_into`].
    #[inline]
    pub(super) unsafe fn take_at_once(
        &mut self,
        from: u32,
        buffer: &Buffer<'_>,
        len: usize,
    ) -> bool {
        if self.broken {
            return true; // nothing more comes
        }
        let pattern = (Some(from), Some(self.channel.0));
        // SAFETY: the caller's promise.
        let Some((.., came)) =
            (unsafe { pml::take_soon(self.comm, Space::Collective, pattern, buffer) })
        else {
            return false;
        };
        if came as usize != len {
            self.failed(too_short(self.tag, from, came as u64, len));
        }
        true
    }

    /// Receives `len` bytes that are not there yet.
    ///
    /// # Safety
    /// As [`Messages::take_into`].
    #[inline(never)]
    pub(super) unsafe fn await_from(&mut self, from: u32, buffer: &Buffer<'_>, len: usize) {
        // SAFETY: the caller's promise; it is waited for here.
        let receiving = unsafe { self.receive_into(from, buffer) };
        self.wait(receiving, from, len);
    }

    #[inline]
    fn started(&mut self, started: Result<Request>) -> Option<Request> {
        match started {
            Ok(request) => Some(request),
            Err(error) => {
                self.failed(error);
                None
            }
        }
    }

    #[cold]
    fn failed(&mut self, error: crate::error::Error) {
        if self.result.is_ok() {
            self.result = Err(error);
        }
    }

    /// Waits for one message of `peer`: one that is sent (`len` is 0), or one of
    /// `len` bytes that is received.
    #[inline]
    pub(super) fn wait(&mut self, request: Option<Request>, peer: u32, len: usize) {
        let Some(request) = request else { return };
        if !request.is_done() {
            self.await_one(&request);
        }
        let completion = request.finish();
        if completion.error.is_some() || completion.len != len as u64 {
            self.ended(completion, peer, len);
        }
    }

    fn await_one(&mut self, request: &Request) {
        if self.broken {
            pml::cancel(request);
        }
        let mut watch = Watch::default();
        let mut stalled = false;
        let stall = || {
            stalled = true;
            self.look(&mut watch, request);
            false
        };
        pml::wait_or(|| request.waits_for(), || request.is_done(), stall);
        if stalled && let Some(error) = self.comm.collectives.take_late() {
            self.failed(error);
        }
    }

    /// Breaks the collective off if it cannot come to an end.
    #[cold]
    fn look(&mut self, watch: &mut Watch, request: &Request) {
        if self.broken {
            return;
        }
        if self.result.is_ok() {
            let awaited = self.awaited;
            let verdict = watch.look(self.comm, self.tag, &[], |source| awaited.has(source));
            match verdict {
                Verdict::Fine => return,
                Verdict::Moves => self.failed(collective::moved()),
                Verdict::Fails(error) => self.failed(error),
            }
        }
        self.broken = true;
        pml::cancel(request);
    }

    /// Records what was wrong with a message.
    #[cold]
    fn ended(&mut self, completion: Completion, peer: u32, len: usize) {
        if let Some(error) = completion.error {
            self.failed(error);
        } else if !completion.cancelled {
            self.failed(too_short(self.tag, peer, completion.len, len));
        }
    }

    /// Sends to one and receives from another, and waits for both.
    ///
    /// # Safety
    /// As [`Messages::send`] and [`Messages::take`], until this returns.
    #[inline]
    pub(super) unsafe fn exchange(
        &mut self,
        (to, out): (u32, *const u8),
        (from, into): (u32, *mut u8),
        len: usize,
    ) {
        // SAFETY: the caller's promise; both are waited for here.
        unsafe {
            let sending = self.send(to, out, len);
            self.take(from, into, len);
            self.wait(sending, to, 0);
        }
    }

    /// Sends to everybody else and waits.
    ///
    /// # Safety
    /// As [`Messages::send`], until this returns.
    pub(super) unsafe fn send_all(&mut self, first: u32, addr: *const u8, len: usize) {
        let size = self.comm.size();
        let mut slots: [Option<Request>; MAX_IN_FLIGHT] = [const { None }; MAX_IN_FLIGHT];
        for i in 1..size {
            // SAFETY: the caller's promise.
            let sending = unsafe { self.send((first + i) % size, addr, len) };
            let slot = i as usize % MAX_IN_FLIGHT;
            let before = slots[slot].take();
            self.wait(before, (first + i) % size, 0);
            slots[slot] = sending;
        }
        for slot in slots {
            self.wait(slot, first, 0);
        }
    }
}
