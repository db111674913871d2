//! The arguments of one-sided communication, made into what `rma` takes.

use super::arg::{self, Number};
use super::consts::*;
use super::message;
use super::types::*;
use crate::error::Result;
use crate::fail;
use crate::object::datatype::{self, Element};
use crate::object::op::{self, Op, Predefined};
use crate::object::win::{self, Flavor, LockKind, Part, PartReach, Win};
use crate::pml::{Buffer, Completion, WaitFor};
use crate::request::{self, Operation};
use crate::rma::access::{AllowedEpochs, Target};
use crate::rma::accumulate as rma_accumulate;
use crate::rma::create::WindowSpec;
use crate::rma::direct::{Change, Direct};
use crate::rma::far::Unanswered;
use std::ffi::{c_int, c_void};
use std::sync::Arc;

/// The request of an operation, of which `left` is not over.
///
/// # Errors
/// No more handles.
pub fn request(win: MPI_Win, left: Unanswered) -> Result<MPI_Request> {
    if left.is_over() {
        return Ok(MPI_Request(request::SENT));
    }
    let win = win::get(win.0)?;
    request::insert(Box::new(Access { win, left }), false).map(MPI_Request)
}

/// An access that a request stands for.
struct Access {
    win: Arc<Win>,
    left: Unanswered,
}

impl Operation for Access {
    fn is_done(&self) -> bool {
        self.left.is_done()
    }

    fn waits_for(&self) -> WaitFor {
        self.left.waits_for()
    }

    fn finish(&mut self) -> Completion {
        Completion {
            error: self.left.finish(&self.win).err(),
            ..Completion::empty()
        }
    }

    fn start(&mut self) -> Result<()> {
        fail!(REQUEST, "an access to a window is not persistent")
    }

    fn cancel(&mut self) -> Result<()> {
        fail!(REQUEST, "an access to a window cannot be cancelled")
    }
}

/// The assertions that `MPI_Win_fence` knows.
pub const FENCE: c_int =
    MPI_MODE_NOSTORE | MPI_MODE_NOPUT | MPI_MODE_NOPRECEDE | MPI_MODE_NOSUCCEED;
/// The assertions that `MPI_Win_post` knows.
pub const POST: c_int = MPI_MODE_NOCHECK | MPI_MODE_NOSTORE | MPI_MODE_NOPUT;

/// What a call that makes a window asks for.
///
/// # Errors
/// `MPI_ERR_SIZE`, `MPI_ERR_DISP`, `MPI_ERR_INFO`.
pub fn wanted(
    size: MPI_Aint,
    disp_unit: impl Number,
    info: MPI_Info,
    flavor: Flavor,
) -> Result<WindowSpec> {
    let size = self::size(size)?;
    let disp_unit = disp_unit.wide();
    if disp_unit <= 0 {
        fail!(DISP, "disp_unit is {disp_unit}, but must be above 0");
    }
    Ok(WindowSpec {
        size,
        disp_unit,
        flavor,
        info: arg::hints(info)?,
    })
}

/// Bytes of memory.
///
/// # Errors
/// `MPI_ERR_SIZE`: below 0.
pub fn size(size: MPI_Aint) -> Result<usize> {
    match usize::try_from(size) {
        Ok(size) => Ok(size),
        Err(_) => fail!(SIZE, "size is {size}, but must not be negative"),
    }
}

/// Memory of the program, `size` bytes at `base`.
///
/// # Errors
/// `MPI_ERR_BUFFER`: a null pointer; `MPI_ERR_SIZE`: it would end behind the last address.
pub fn memory(base: *mut c_void, size: usize) -> Result<*mut u8> {
    if base.is_null() && size > 0 {
        fail!(
            BUFFER,
            "base is a null pointer, but size is {size}: it may be null for no bytes only"
        );
    }
    if base.addr().checked_add(size).is_none() || isize::try_from(size).is_err() {
        fail!(
            SIZE,
            "{size} bytes from base {base:p} on are more than an address space holds"
        );
    }
    Ok(base.cast())
}

/// Somewhere to put two results, before they are made.
///
/// # Errors
/// `MPI_ERR_ARG`: a null pointer.
pub fn present<A, B>(first: *mut A, second: *mut B) -> Result<()> {
    if first.is_null() || second.is_null() {
        fail!(ARG, "a pointer to a result is a null pointer");
    }
    Ok(())
}

/// Where this process's part of a new window begins.
///
/// # Errors
/// `MPI_ERR_WIN`.
pub fn base(new: usize) -> Result<*mut u8> {
    let win = win::get(new)?;
    Ok(win.parts[win.comm.rank as usize].base)
}

/// The part that `MPI_Win_shared_query` asks for: for `MPI_PROC_NULL` that of the
/// lowest rank that has any. Memory that this process does not reach by loads and stores
/// is told to be of no bytes, at no address.
///
/// # Errors
/// `MPI_ERR_RANK`; `MPI_ERR_RMA_FLAVOR` for a dynamic window.
pub fn shared_part(win: &Win, asked: c_int) -> Result<Part> {
    if win.flavor == Flavor::Dynamic {
        fail!(
            RMA_FLAVOR,
            "{} was made by MPI_Win_create_dynamic: what is attached to it is not queried",
            win.label()
        );
    }
    if asked == MPI_PROC_NULL {
        let is_shared = |part: &&Part| part.size > 0 && part.reach == PartReach::Mapped;
        let first = win.parts.iter().find(is_shared);
        return Ok(first.map_or_else(|| hidden(&win.parts[0]), |part| *part));
    }
    match u32::try_from(asked) {
        Ok(asked) => {
            let part = win.part(asked, "rank")?;
            Ok(match part.reach {
                PartReach::Mapped => *part,
                _ => hidden(part),
            })
        }
        Err(_) => negative(asked, "rank"),
    }
}

/// A part of no bytes that this process can reach.
fn hidden(part: &Part) -> Part {
    let base = match part.reach {
        PartReach::Mapped => part.base,
        _ => std::ptr::null_mut(),
    };
    Part {
        base,
        size: 0,
        ..*part
    }
}

/// A rank of the window's group, or `None` for `MPI_PROC_NULL`.
///
/// # Errors
/// `MPI_ERR_RANK` for a negative one; [`Win::part`] finds those that are too high.
pub fn rank(rank: c_int, what: &str) -> Result<Option<u32>> {
    match u32::try_from(rank) {
        Ok(rank) => Ok(Some(rank)),
        Err(_) if rank == MPI_PROC_NULL => Ok(None),
        Err(_) => negative(rank, what),
    }
}

fn negative<T>(rank: c_int, what: &str) -> Result<T> {
    fail!(
        RANK,
        "{what} is {rank}, but must be a rank of the window's group or MPI_PROC_NULL"
    )
}

/// The target of an access; `None` for `MPI_PROC_NULL`.
///
/// # Safety
/// As [`message::message`], for the datatype.
///
/// # Errors
/// `MPI_ERR_RANK`, `MPI_ERR_COUNT`, `MPI_ERR_TYPE`.
pub unsafe fn target(
    target_rank: c_int,
    disp: MPI_Aint,
    count: impl Number,
    datatype: MPI_Datatype,
) -> Result<Option<Target<'static>>> {
    let count = arg::count(count)?;
    // SAFETY: as the caller said.
    let datatype = unsafe { arg::committed(datatype) }?;
    let target = rank(target_rank, "target_rank")?.map(|rank| Target {
        rank,
        disp,
        count,
        datatype,
    });
    Ok(target)
}

/// A buffer at the origin.
///
/// # Safety
/// As [`message::message`].
///
/// # Errors
/// As [`message::message`].
pub unsafe fn buffer(
    addr: *const c_void,
    count: impl Number,
    datatype: MPI_Datatype,
) -> Result<Buffer<'static>> {
    // SAFETY: as the caller said.
    unsafe { message::message(addr, count, datatype) }
}

/// A buffer of one element of a predefined type.
///
/// # Safety
/// As [`message::message`].
///
/// # Errors
/// As [`message::message`], and `MPI_ERR_TYPE` for a derived type.
pub unsafe fn one(addr: *const c_void, datatype: MPI_Datatype) -> Result<Buffer<'static>> {
    // SAFETY: as the caller said.
    let buffer = unsafe { message::message(addr, 1, datatype) }?;
    if buffer
        .datatype
        .is_some_and(|known| known.element().is_none())
    {
        fail!(TYPE, "datatype is a derived one, but must be predefined");
    }
    Ok(buffer)
}

/// What is accumulated; `None` with `MPI_NO_OP`, which does not look at it.
///
/// # Safety
/// As [`message::message`].
///
/// # Errors
/// As [`message::message`], and `MPI_ERR_OP`.
pub unsafe fn origin(
    addr: *const c_void,
    count: impl Number,
    datatype: MPI_Datatype,
    op: MPI_Op,
) -> Result<Option<Buffer<'static>>> {
    if matches!(op::get(op.0)?, Op::Predefined(Predefined::NoOp)) {
        return Ok(None);
    }
    // SAFETY: as the caller said.
    unsafe { message::message(addr, count, datatype) }.map(Some)
}

/// What `MPI_Accumulate` accumulates: without a result `MPI_NO_OP` has no meaning,
/// and is for those calls only that fetch one (section 12.3.4).
///
/// # Safety
/// As [`message::message`].
///
/// # Errors
/// As [`origin`].
pub unsafe fn operand(
    addr: *const c_void,
    count: impl Number,
    datatype: MPI_Datatype,
    op: MPI_Op,
) -> Result<Option<Buffer<'static>>> {
    // SAFETY: as the caller said.
    let Some(operand) = unsafe { origin(addr, count, datatype, op) }? else {
        fail!(
            OP,
            "op is MPI_NO_OP, which is for MPI_Get_accumulate, MPI_Rget_accumulate and \
             MPI_Fetch_and_op only"
        );
    };
    Ok(Some(operand))
}

/// The arguments of an access at one end, the origin's or the target's: where, how many
/// elements, of which type.
pub type End<A, N> = (A, N, MPI_Datatype);

/// An access that can go the short way, and its kind of elements.
pub type ShortWay = (Direct<'static>, Element);

/// The short way of an access with these arguments. `None`: it takes the long way, or
/// something is wrong, which the long way says.
#[inline]
pub fn short_way<N: Number + PartialEq>(
    win: MPI_Win,
    origin: End<*const c_void, N>,
    target_rank: c_int,
    target: End<MPI_Aint, N>,
) -> Option<ShortWay> {
    let (addr, count, datatype) = origin;
    if addr.is_null() || count != target.1 || datatype.0 != target.2.0 {
        return None;
    }
    let datatype = datatype::predefined(datatype.0)?;
    let element = datatype.element()?;
    let win = win::find_ref(win.0)?;
    let direct = Direct::new(win, target_rank, target.0, count.wide(), datatype)?;
    Some((direct, element))
}

/// `MPI_Fetch_and_op` the short way. Whether it was.
///
/// # Safety
/// The buffers are good for what the standard says of the call.
#[inline]
pub unsafe fn fetch_and_op(
    way: Option<ShortWay>,
    op: MPI_Op,
    operand: *const c_void,
    result: *mut c_void,
) -> bool {
    let Some((direct, element)) = way else {
        return false;
    };
    match Change::new(op.0, element) {
        Some(Change::By(_)) if operand.is_null() => false,
        // SAFETY: the caller's buffers; the operand is there.
        Some(change) => unsafe {
            direct.fetch_and_op(change, operand.cast(), result.cast());
            true
        },
        None => false,
    }
}

/// Accumulates at `target`, if there is one.
///
/// # Safety
/// The buffers are good for what the standard says of the call.
///
/// # Errors
/// A handle is wrong, or as [`rma_accumulate::accumulate`].
pub unsafe fn accumulate(
    win: MPI_Win,
    origin: Option<Buffer<'static>>,
    result: Option<Buffer<'static>>,
    target: Option<Target<'static>>,
    op: MPI_Op,
    within: AllowedEpochs,
) -> Result<Unanswered> {
    let (win, op) = (win::get(win.0)?, op::get(op.0)?);
    let Some(target) = target else {
        return Ok(Unanswered::default());
    };
    let (origin, result) = (origin.as_ref(), result.as_ref());
    // SAFETY: the caller's buffers.
    unsafe { rma_accumulate::accumulate(&win, origin, result, &target, &op, within) }
}

/// Compares and swaps at `target`, if there is one; the buffers are the origin's,
/// the one to compare with, and the result's.
///
/// # Safety
/// The buffers are good for what the standard says of the call.
///
/// # Errors
/// A handle is wrong, a buffer is null, or as [`rma_accumulate::compare_and_swap`].
pub unsafe fn compare_and_swap(
    win: MPI_Win,
    buffers: [*const c_void; 3],
    datatype: MPI_Datatype,
    target: Option<Target<'static>>,
) -> Result<()> {
    let win = win::get(win.0)?;
    for buffer in buffers {
        // SAFETY: as the caller said.
        unsafe { one(buffer, datatype) }?;
    }
    let Some(target) = target else { return Ok(()) };
    let [origin, compare, result] = buffers.map(<*const c_void>::cast::<u8>);
    // SAFETY: the caller's buffers.
    unsafe { rma_accumulate::compare_and_swap(&win, origin, compare, result.cast_mut(), &target) }
}

/// Checks an assertion against those that the call knows.
///
/// # Errors
/// `MPI_ERR_ASSERT`.
pub fn assertion(assert: c_int, known: c_int, call: &str) -> Result<()> {
    let strange = assert & !known;
    if strange != 0 {
        let names = [
            (MPI_MODE_NOCHECK, "MPI_MODE_NOCHECK"),
            (MPI_MODE_NOPRECEDE, "MPI_MODE_NOPRECEDE"),
            (MPI_MODE_NOPUT, "MPI_MODE_NOPUT"),
            (MPI_MODE_NOSTORE, "MPI_MODE_NOSTORE"),
            (MPI_MODE_NOSUCCEED, "MPI_MODE_NOSUCCEED"),
        ];
        let right = names.iter().filter(|name| known & name.0 != 0);
        let right: Vec<&str> = right.map(|name| name.1).collect();
        fail!(
            ASSERT,
            "assert is {assert}, of which {call} does not know {strange:#x}: it knows {}",
            right.join(", ")
        );
    }
    Ok(())
}

/// How a target is to be locked.
///
/// # Errors
/// `MPI_ERR_LOCKTYPE`, `MPI_ERR_ASSERT`.
pub fn hold(lock_type: c_int, assert: c_int, call: &str) -> Result<LockKind> {
    assertion(assert, MPI_MODE_NOCHECK, call)?;
    match lock_type {
        MPI_LOCK_SHARED | MPI_LOCK_EXCLUSIVE if assert != 0 => Ok(LockKind::Unchecked),
        MPI_LOCK_SHARED => Ok(LockKind::Shared),
        MPI_LOCK_EXCLUSIVE => Ok(LockKind::Exclusive),
        _ => fail!(
            LOCKTYPE,
            "lock_type is {lock_type}, but must be MPI_LOCK_SHARED or MPI_LOCK_EXCLUSIVE"
        ),
    }
}
