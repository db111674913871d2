//! Small blocking collectives without a plan: straight-line code on the stack,
//! nothing allocated.
//!
//! They send the same messages as the plan of the same algorithm, to the same ranks in the
//! same order. This matters because a rank with contiguous buffers may come here, while a
//! peer with other layouts carries out a plan.

use super::args::{Call, Reduction, Root};
use super::messages::{Awaited, Messages};
use super::{board, bulletin, choose, direct_parts, direct_reductions, mapped};
use crate::error::Result;
use crate::object::collective::Tag;
use crate::object::comm::Comm;
use crate::pml::{Buffer, Request};
use std::mem::MaybeUninit;
use std::sync::Arc;
use wireup::collective::Kind;

/// The longest message that is sent here, in bytes.
pub(super) const MAX_LEN: usize = 2048;

/// A few bytes on the stack, aligned for every type.
#[repr(C, align(64))]
pub(super) struct StackBuffer(MaybeUninit<[u8; MAX_LEN]>);

impl StackBuffer {
    pub(super) const fn new() -> StackBuffer {
        StackBuffer(MaybeUninit::uninit())
    }

    pub(super) fn addr(&mut self) -> *mut u8 {
        self.0.as_mut_ptr().cast()
    }
}

/// Carries out `call`; `None` if it needs a plan.
///
/// # Safety
/// The buffers are good for what the operation does with them.
#[inline]
pub(super) unsafe fn run(comm: &Arc<Comm>, tag: Tag, call: &Call<'_>) -> Option<Result<()>> {
    if comm.inter.is_some() {
        return None;
    }
    let kind = tag.kind();
    match call {
        Call::Barrier => Some(board::barrier(comm, tag).unwrap_or_else(|| barrier(comm, tag))),
        Call::Bcast(buffer, Root::Rank(root)) => {
            // SAFETY: the caller's promise.
            let published = unsafe { bulletin::bcast(comm, tag, buffer, *root) };
            if published.is_some() {
                return published;
            }
            let (addr, len) = dense(buffer)?;
            // SAFETY: as above; the block is `len` bytes at `addr`.
            (len <= MAX_LEN).then(|| unsafe { bcast(comm, tag, addr, len, *root) })
        }
        Call::Allreduce(reduction) => {
            let len = operand(reduction)?;
            // SAFETY: the caller's promise.
            let posted = unsafe { board::allreduce(comm, tag, reduction, len) };
            let maps = || choose::maps_allreduce(comm.size(), len);
            let posted = posted.or_else(|| match maps() {
                // SAFETY: as above.
                true => unsafe { mapped::allreduce(comm, tag, reduction, len) },
                false => None,
            });
            if len > MAX_LEN {
                return posted;
            }
            // SAFETY: as above.
            posted.or_else(|| unsafe { allreduce(comm, tag, reduction, len) })
        }
        Call::Reduce(reduction, Root::Rank(root)) => {
            let len = operand(reduction)?;
            // SAFETY: the caller's promise.
            let posted = (len > MAX_LEN)
                .then(|| unsafe { mapped::reduce(comm, tag, reduction, len, *root) })
                .flatten();
            if len > MAX_LEN {
                return posted;
            }
            // SAFETY: as above.
            posted.or_else(|| unsafe { reduce(comm, tag, reduction, len, *root) })
        }
        Call::Alltoall(send, receive) => {
            // SAFETY: the caller's promise.
            let posted = (kind == Kind::ALLTOALL)
                .then(|| unsafe { board::alltoall(comm, tag, send.as_ref(), receive) })
                .flatten();
            // SAFETY: as above.
            posted.or_else(|| unsafe { direct_parts::alltoall(comm, tag, send.as_ref(), receive) })
        }
        Call::Allgather(send, receive) => {
            // SAFETY: the caller's promise.
            let posted = (kind == Kind::ALLGATHER)
                .then(|| unsafe { board::allgather(comm, tag, send.as_ref(), receive) })
                .flatten();
            // SAFETY: as above.
            posted.or_else(|| unsafe { direct_parts::allgather(comm, tag, send.as_ref(), receive) })
        }
        Call::Scan(_) | Call::Exscan(_) | Call::ReduceScatterBlock(_) | Call::ReduceScatter(..) => {
            // SAFETY: the caller's promise.
            unsafe { direct_reductions::run(comm, tag, call) }
        }
        // SAFETY: as above.
        _ => unsafe { direct_parts::run(comm, tag, call) },
    }
}

pub(super) fn dense(buffer: &Buffer<'_>) -> Option<(*mut u8, usize)> {
    match buffer.datatype {
        None => Some((buffer.addr, buffer.count)),
        Some(datatype) => datatype.is_contiguous().then(|| {
            let addr = buffer.addr.wrapping_offset(datatype.true_lb());
            (addr, datatype.size().saturating_mul(buffer.count))
        }),
    }
}

/// The bytes of each operand, if they are contiguous from the operand's address.
pub(super) fn operand(reduction: &Reduction<'_>) -> Option<usize> {
    let datatype = reduction.datatype;
    let len = datatype.size().checked_mul(reduction.count)?;
    (datatype.is_contiguous() && datatype.true_lb() == 0).then_some(len)
}

fn barrier(comm: &Comm, tag: Tag) -> Result<()> {
    let (rank, size) = (comm.rank, comm.size());
    if size == 1 {
        return Ok(());
    }
    let mut messages = Messages::new(comm, tag);
    let nothing = std::ptr::dangling_mut::<u8>();
    match choose::barrier(size) {
        choose::Barrier::Dissemination => {
            let mut distance = 1;
            while distance < size {
                let to = (rank + distance) % size;
                let from = (rank + size - distance) % size;
                // SAFETY: no bytes are sent or received.
                unsafe { messages.exchange((to, nothing), (from, nothing), 0) };
                distance *= 2;
            }
        }
        choose::Barrier::Central if rank == 0 => {
            for peer in 1..size {
                // SAFETY: no bytes are received.
                unsafe { messages.take(peer, nothing, 0) };
            }
            // SAFETY: no bytes are sent.
            unsafe { messages.send_all(0, nothing, 0) };
        }
        // SAFETY: no bytes are sent or received.
        choose::Barrier::Central => unsafe { messages.exchange((0, nothing), (0, nothing), 0) },
    }
    messages.result
}

/// # Safety
/// `len` bytes at `addr` are readable at the root and writable elsewhere.
unsafe fn bcast(comm: &Comm, tag: Tag, addr: *mut u8, len: usize, root: u32) -> Result<()> {
    let (rank, size) = (comm.rank, comm.size());
    let mut messages = Messages::new(comm, tag);
    if size == 1 || len == 0 {
        return Ok(());
    }
    messages.awaited = Awaited::NOBODY;
    // SAFETY: the caller's promise, here and below: each message is waited for
    // before this returns, and the receive before any send begins.
    unsafe {
        if size == 2 {
            let peer = 1 - rank;
            if rank == root {
                let sending = messages.send(peer, addr, len);
                messages.wait(sending, peer, 0);
            } else {
                messages.take(peer, addr, len);
            }
            return messages.result;
        }
        if choose::bcast(size, len) == choose::Bcast::Flat {
            if rank == root {
                messages.send_all(root, addr, len);
            } else {
                messages.take(root, addr, len);
            }
            return messages.result;
        }
        let place = (rank + size - root) % size;
        let mut distance = 1;
        while distance < size {
            if place & distance != 0 {
                let parent = (place - distance + root) % size;
                messages.take(parent, addr, len);
                break;
            }
            distance *= 2;
        }
        let mut children: [Option<Request>; 32] = [const { None }; 32];
        let mut n = 0;
        while distance > 1 {
            distance /= 2;
            if place + distance < size {
                children[n] = messages.send((place + distance + root) % size, addr, len);
                n += 1;
            }
        }
        for child in children.into_iter().take(n) {
            messages.wait(child, rank, 0);
        }
    }
    messages.result
}

/// # Safety
/// The buffers of the reduction are good, `len` bytes each from their address.
unsafe fn allreduce(
    comm: &Comm,
    tag: Tag,
    reduction: &Reduction<'_>,
    len: usize,
) -> Option<Result<()>> {
    let (rank, size) = (comm.rank, comm.size());
    let into = reduction.receive;
    let algorithm = choose::allreduce(size, len, reduction.count);
    if size > 2 && algorithm != choose::Allreduce::Central {
        return None;
    }
    let send = reduction.send.unwrap_or(into).cast_const();
    let copy_own = || {
        if reduction.send.is_some() {
            // SAFETY: the caller's promise; the two do not overlap.
            unsafe { std::ptr::copy_nonoverlapping(send, into, len) };
        }
    };
    let mut messages = Messages::new(comm, tag);
    if size == 1 || len == 0 {
        copy_own();
        return Some(Ok(()));
    }
    let (reducer, count) = (&reduction.reducer, reduction.count);
    let mut incoming = StackBuffer::new();
    let other = incoming.addr();
    // SAFETY: the caller's promise; `other` has room for `len` bytes, which are elements of
    // the type once received.
    unsafe {
        if algorithm == choose::Allreduce::Central {
            fold(&mut messages, reduction, send, into, len, 0);
            if rank == 0 {
                messages.send_all(0, into, len);
            } else {
                messages.take(0, into, len);
            }
            return Some(messages.result);
        }
        // Two ranks, each of which gets the other's contribution.
        let peer = 1 - rank;
        messages.exchange((peer, send), (peer, other), len);
        if messages.result.is_err() {
            // What came is not what was to be reduced.
        } else if reducer.is_own() {
            let operands = [send, other.cast_const()];
            let (left, right) = (operands[rank as usize], operands[peer as usize]);
            reducer.combine(left, right, into, count);
        } else if rank == 0 {
            reducer.apply(send, other, count);
            std::ptr::copy_nonoverlapping(other, into, len);
        } else {
            copy_own();
            reducer.apply(other, into, count);
        }
    }
    Some(messages.result)
}

/// # Safety
/// As [`allreduce`].
unsafe fn reduce(
    comm: &Comm,
    tag: Tag,
    reduction: &Reduction<'_>,
    len: usize,
    root: u32,
) -> Option<Result<()>> {
    let size = comm.size();
    let send = reduction.send.unwrap_or(reduction.receive);
    if size == 1 || choose::reduce(size, len, reduction.count) != choose::Reduce::Flat {
        return None;
    }
    let mut messages = Messages::new(comm, tag);
    if len > 0 {
        if comm.rank != root {
            messages.awaited = Awaited::NOBODY;
        }
        // SAFETY: the caller's promise.
        unsafe { fold(&mut messages, reduction, send, reduction.receive, len, root) };
    }
    Some(messages.result)
}

/// All send to the root, which reduces the operands from the first rank on.
///
/// # Safety
/// As [`allreduce`]; `into` is written at the root only, and may be `send`.
unsafe fn fold(
    messages: &mut Messages<'_>,
    reduction: &Reduction<'_>,
    send: *const u8,
    into: *mut u8,
    len: usize,
    root: u32,
) {
    let (rank, size) = (messages.comm.rank, messages.comm.size());
    // SAFETY: the caller's promise; the rooms have `len` bytes, and hold elements
    // of the type once received.
    unsafe {
        if rank != root {
            let sending = messages.send(root, send, len);
            messages.wait(sending, root, 0);
            return;
        }
        let (mut one, mut two) = (StackBuffer::new(), StackBuffer::new());
        // Each result comes to be where its right operand is.
        let (mut acc, mut room) = (one.addr(), two.addr());
        for peer in 0..size {
            if peer == rank {
                std::ptr::copy_nonoverlapping(send, room, len);
            } else {
                messages.take(peer, room, len);
            }
            if peer > 0 && messages.result.is_ok() {
                reduction.reducer.apply(acc, room, reduction.count);
            }
            std::mem::swap(&mut acc, &mut room);
        }
        if messages.result.is_ok() {
            std::ptr::copy_nonoverlapping(acc, into, len);
        }
    }
}
