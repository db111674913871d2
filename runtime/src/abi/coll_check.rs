//! What can be wrong with the arguments of a collective operation.

use super::arg::{self, Number, Root as RootArg};
use super::coll_alias;
use super::consts::MPI_IN_PLACE;
use super::types::{MPI_Count, MPI_Datatype, MPI_Op};
use crate::coll::{Ints, Parts, Reduction, Root, Shape};
use crate::error::{Error, Result};
use crate::fail;
use crate::object::comm::Comm;
use crate::object::datatype::Datatype;
use crate::object::op;
use crate::pml::Buffer;
use std::ffi::{c_int, c_void};
use std::sync::Arc;

pub(super) fn is_in_place(addr: *const c_void) -> bool {
    std::ptr::eq(addr, MPI_IN_PLACE)
}

pub(super) fn is_inter(comm: &Comm) -> bool {
    comm.inter.is_some()
}

/// A buffer of `count` elements, at an address that can have them.
///
/// # Safety
/// As [`arg::committed`].
#[inline]
pub(super) unsafe fn plain_buffer(
    what: &str,
    addr: *const c_void,
    count: impl Number,
    datatype: MPI_Datatype,
) -> Result<Buffer<'static>> {
    let count = arg::count(count)?;
    // SAFETY: the caller's promise.
    let datatype = unsafe { arg::committed(datatype) }?;
    check_memory(what, addr, count, datatype)?;
    Ok(Buffer {
        addr: addr.cast_mut().cast(),
        count,
        datatype: Some(datatype),
    })
}

#[inline]
pub(super) fn check_memory(
    what: &str,
    addr: *const c_void,
    count: usize,
    datatype: &Datatype,
) -> Result<()> {
    let Some(len) = datatype.bytes(count) else {
        return too_long(what, count, datatype);
    };
    if len > 0 && addr.addr() <= 1 {
        return bad_address(what, addr, count, datatype);
    }
    Ok(())
}

#[cold]
pub(super) fn too_long(what: &str, count: usize, datatype: &Datatype) -> Result<()> {
    let size = datatype.size();
    fail!(
        COUNT,
        "{what} would have {count} elements of {size} bytes, more than memory can"
    )
}

/// Null is good (`MPI_BOTTOM`) for types that hold addresses.
#[cold]
pub(super) fn bad_address(
    what: &str,
    addr: *const c_void,
    count: usize,
    datatype: &Datatype,
) -> Result<()> {
    if is_in_place(addr) {
        fail!(BUFFER, "{what} cannot be MPI_IN_PLACE here");
    }
    if datatype.true_lb() == 0 {
        fail!(BUFFER, "{what} is a null pointer, but has {count} elements");
    }
    Ok(())
}

/// As [`plain_buffer`], `None` where it is `MPI_IN_PLACE`, which an intracommunicator
/// allows.
///
/// # Safety
/// As [`arg::committed`].
#[inline]
pub(super) unsafe fn buffer_or_in_place(
    comm: &Comm,
    what: &str,
    addr: *const c_void,
    count: impl Number,
    datatype: MPI_Datatype,
) -> Result<Option<Buffer<'static>>> {
    if is_in_place(addr) {
        check_intra(comm, what)?;
        return Ok(None);
    }
    // SAFETY: the caller's promise.
    unsafe { plain_buffer(what, addr, count, datatype) }.map(Some)
}

/// The buffer that a rank of a rooted collective has for its own part: none if it is not
/// significant here, or `MPI_IN_PLACE` at the root.
///
/// # Safety
/// As [`arg::committed`].
#[inline(always)]
#[allow(clippy::inline_always, reason = "its result is long")]
pub(super) unsafe fn own_buffer(
    comm: &Comm,
    (root, here): (Root, bool),
    what: &str,
    addr: *const c_void,
    count: impl Number,
    datatype: MPI_Datatype,
) -> Result<Option<Buffer<'static>>> {
    // SAFETY: the caller's promise.
    unsafe {
        match root {
            Root::Here | Root::Beside => Ok(None),
            Root::Rank(_) if here => buffer_or_in_place(comm, what, addr, count, datatype),
            Root::Rank(_) => plain_buffer(what, addr, count, datatype).map(Some),
        }
    }
}

/// What `make` makes of a buffer; `None` where the buffer is `MPI_IN_PLACE`.
#[inline]
pub(super) fn unless_in_place<T>(
    comm: &Comm,
    what: &str,
    addr: *const c_void,
    make: impl FnOnce() -> Result<T>,
) -> Result<Option<T>> {
    if is_in_place(addr) {
        check_intra(comm, what)?;
        return Ok(None);
    }
    make().map(Some)
}

/// Refuses `MPI_IN_PLACE` on an intercommunicator.
fn check_intra(comm: &Comm, what: &str) -> Result<()> {
    if is_inter(comm) {
        fail!(
            BUFFER,
            "{what} cannot be MPI_IN_PLACE: {} is an intercommunicator",
            comm.label()
        );
    }
    Ok(())
}

pub(super) fn nowhere_in_place(what: &str, addr: *const c_void) -> Result<()> {
    if is_in_place(addr) {
        fail!(BUFFER, "{what} cannot be MPI_IN_PLACE in this call");
    }
    Ok(())
}

/// A type of C's integers, an array of which counts or displaces.
pub trait Integer: Number + 'static {
    /// The array.
    fn ints(list: &[Self]) -> Ints<'_>;
}

impl Integer for c_int {
    fn ints(list: &[c_int]) -> Ints<'_> {
        Ints::Int(list)
    }
}

impl Integer for MPI_Count {
    fn ints(list: &[MPI_Count]) -> Ints<'_> {
        Ints::Count(list)
    }
}

impl Integer for isize {
    fn ints(list: &[isize]) -> Ints<'_> {
        Ints::Aint(list)
    }
}

/// An array of counts, none negative.
///
/// # Safety
/// As [`arg::slice`].
pub(super) unsafe fn counts<'a, N: Integer>(
    at: *const N,
    len: usize,
    what: &str,
) -> Result<Ints<'a>> {
    // SAFETY: the caller's promise.
    let list = unsafe { arg::slice(at, len, what) }?;
    if let Some(i) = list.iter().position(|n| n.wide() < 0) {
        let value = list[i].wide();
        fail!(COUNT, "{what}[{i}] is {value}, but counts are not negative");
    }
    Ok(N::ints(list))
}

/// # Safety
/// As [`arg::slice`].
pub(super) unsafe fn displs<'a, N: Integer>(
    at: *const N,
    len: usize,
    what: &str,
) -> Result<Ints<'a>> {
    // SAFETY: the caller's promise.
    unsafe { arg::slice(at, len, what) }.map(N::ints)
}

/// A buffer with `count` elements for each of `ranks`.
///
/// # Safety
/// As [`arg::committed`].
pub(super) unsafe fn equal(
    what: &str,
    ranks: usize,
    addr: *const c_void,
    count: impl Number,
    datatype: MPI_Datatype,
) -> Result<Parts<'static>> {
    let count = arg::count(count)?;
    // SAFETY: the caller's promise.
    let datatype = unsafe { arg::committed(datatype) }?;
    check_memory(what, addr, count.saturating_mul(ranks), datatype)?;
    Ok(Parts {
        addr: addr.cast_mut().cast(),
        shape: Shape::Equal(count, datatype),
    })
}

/// A buffer with parts of one type that counts and displacements tell.
///
/// # Safety
/// As [`arg::committed`] and [`arg::slice`].
pub(super) unsafe fn varying<'a, C: Integer, D: Integer>(
    [what, what_counts, what_displs]: [&str; 3],
    ranks: usize,
    addr: *const c_void,
    (count, displ): (*const C, *const D),
    datatype: MPI_Datatype,
) -> Result<Parts<'a>> {
    // SAFETY: the caller's promise.
    let (count, displ, datatype) = unsafe {
        (
            counts(count, ranks, what_counts)?,
            displs(displ, ranks, what_displs)?,
            arg::committed(datatype)?,
        )
    };
    for i in 0..ranks {
        check_memory(what, addr, count.count(i), datatype)?;
    }
    Ok(Parts {
        addr: addr.cast_mut().cast(),
        shape: Shape::Varying(count, displ, datatype),
    })
}

/// An array of committed types.
///
/// # Safety
/// As [`arg::committed`] and [`arg::slice`].
pub(super) unsafe fn types(
    at: *const MPI_Datatype,
    len: usize,
    what: &str,
) -> Result<Vec<&'static Arc<Datatype>>> {
    // SAFETY: the caller's promise.
    let handles = unsafe { arg::slice(at, len, what) }?;
    let one = |(i, handle): (usize, &MPI_Datatype)| {
        // SAFETY: as above.
        unsafe { arg::committed(*handle) }
            .map_err(|error| Error::new(error.class(), format!("{what}[{i}]: {error}")))
    };
    handles.iter().enumerate().map(one).collect()
}

/// A buffer with parts of several types; displacements are bytes.
///
/// # Safety
/// As [`arg::slice`].
pub(super) unsafe fn typed<'a, C: Integer, D: Integer>(
    [what, what_counts, what_displs]: [&str; 3],
    addr: *const c_void,
    (count, displ): (*const C, *const D),
    types: &'a [&'static Arc<Datatype>],
) -> Result<Parts<'a>> {
    let ranks = types.len();
    // SAFETY: the caller's promise.
    let (count, displ) = unsafe {
        (
            counts(count, ranks, what_counts)?,
            displs(displ, ranks, what_displs)?,
        )
    };
    for (i, datatype) in types.iter().enumerate() {
        // A displacement may be an address, with MPI_BOTTOM.
        let at = addr.wrapping_byte_offset(displ.get(i));
        let at = if is_in_place(addr) { addr } else { at };
        check_memory(what, at, count.count(i), datatype)?;
    }
    Ok(Parts {
        addr: addr.cast_mut().cast(),
        shape: Shape::Typed(count, displ, types),
    })
}

pub(super) const SEND: [&str; 3] = ["sendbuf", "sendcounts", "sdispls"];
pub(super) const RECEIVE: [&str; 3] = ["recvbuf", "recvcounts", "rdispls"];

/// What a rooted operation's root is, and whether it is this process.
pub(super) fn rooted(comm: &Comm, root: c_int) -> Result<(Root, bool)> {
    Ok(match arg::root(comm, root)? {
        RootArg::Rank(rank) => (Root::Rank(rank), !is_inter(comm) && rank == comm.rank),
        RootArg::Root => (Root::Here, true),
        RootArg::Null => (Root::Beside, false),
    })
}

/// The number of ranks that have a part in a buffer.
pub(super) fn peers(comm: &Comm) -> usize {
    comm.peers().size() as usize
}

/// What a rank does in a reduction, which says which of its buffers are significant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Role {
    /// It gives an operand.
    Sender,
    /// It gets the result.
    Receiver,
    /// It gives an operand and gets the result.
    Both,
    /// It gives an operand and gets this many elements of the result.
    Scattered(usize),
}

/// The arguments of a reduction. `count` elements are significant in each buffer, but for
/// the result that is scattered.
///
/// # Safety
/// As [`arg::committed`].
#[inline]
pub(super) unsafe fn reduction(
    comm: &Comm,
    role: Role,
    sendbuf: *const c_void,
    recvbuf: *mut c_void,
    count: usize,
    datatype: MPI_Datatype,
    op: MPI_Op,
) -> Result<Reduction<'static>> {
    let handle = datatype.0;
    // SAFETY: the caller's promise.
    let datatype = unsafe { arg::committed(datatype) }?;
    let reducer = op::get(op.0)?.reducer(datatype, handle)?;
    let in_place = role != Role::Receiver && is_in_place(sendbuf);
    if in_place {
        check_intra(comm, "sendbuf")?;
        if role == Role::Sender {
            fail!(BUFFER, "sendbuf can be MPI_IN_PLACE only at the root");
        }
    } else if role != Role::Receiver {
        check_memory("sendbuf", sendbuf, count, datatype)?;
    }
    if role != Role::Sender {
        let room = match role {
            Role::Scattered(part) if !in_place => part,
            _ => count,
        };
        check_memory("recvbuf", recvbuf, room, datatype)?;
        if !in_place && role != Role::Receiver {
            let send = (sendbuf.cast_mut().cast(), count);
            coll_alias::operands(datatype, send, (recvbuf.cast(), room))?;
        }
    }
    Ok(Reduction {
        send: (!in_place).then(|| sendbuf.cast_mut().cast()),
        receive: recvbuf.cast(),
        count,
        datatype,
        reducer,
    })
}

pub(super) fn no_groups(comm: &Comm) -> Result<()> {
    if is_inter(comm) {
        fail!(
            COMM,
            "a prefix reduction needs an intracommunicator, but {} is none",
            comm.label()
        );
    }
    Ok(())
}

/// What a process-local reduction works on.
pub(super) struct Local {
    pub(super) count: usize,
    pub(super) datatype: &'static Arc<Datatype>,
}

/// The arguments of `MPI_Reduce_local`.
///
/// # Safety
/// As [`arg::committed`].
pub(super) unsafe fn local(
    inbuf: *const c_void,
    inoutbuf: *mut c_void,
    count: impl Number,
    datatype: MPI_Datatype,
) -> Result<Local> {
    let count = arg::count(count)?;
    // SAFETY: the caller's promise.
    let datatype = unsafe { arg::committed(datatype) }?;
    check_memory("inbuf", inbuf, count, datatype)?;
    check_memory("inoutbuf", inoutbuf, count, datatype)?;
    let (input, inout) = (inbuf.cast_mut().cast(), inoutbuf.cast());
    if coll_alias::operands(datatype, (input, count), (inout, count)).is_err() {
        fail!(BUFFER, "inbuf and inoutbuf share memory");
    }
    Ok(Local { count, datatype })
}
