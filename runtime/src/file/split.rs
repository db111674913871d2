//! Split collective accesses (MPI 5.0, section 14.4.5): the access is carried out when it
//! begins, as the standard allows, and its outcome kept until it ends.

use super::access::{Direction, Outcome, Start};
use super::memory::Memory;
use super::{collective, shared};
use crate::error::Result;
use crate::fail;
use crate::object::file::File;
use std::sync::Arc;

/// Which pair of calls.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// `…_all_begin`.
    Individual,
    /// `…_at_all_begin`.
    AtOffset,
    /// `…_ordered_begin`.
    Ordered,
}

/// The name of a pair of calls, without `_begin` or `_end`.
fn name(form: Form, direction: Direction) -> &'static str {
    match (direction, form) {
        (Direction::Read, Form::Individual) => "MPI_File_read_all",
        (Direction::Read, Form::AtOffset) => "MPI_File_read_at_all",
        (Direction::Read, Form::Ordered) => "MPI_File_read_ordered",
        (Direction::Write, Form::Individual) => "MPI_File_write_all",
        (Direction::Write, Form::AtOffset) => "MPI_File_write_at_all",
        (Direction::Write, Form::Ordered) => "MPI_File_write_ordered",
    }
}

/// What was begun.
#[derive(Debug)]
struct Begun {
    form: Form,
    direction: Direction,
    /// The buffer's address.
    buf: usize,
    outcome: Outcome,
}

/// Begins an access: at `offset` for [`Form::AtOffset`]. `memory` is an error where this
/// rank's arguments are wrong.
///
/// # Safety
/// The memory is good for the access until it ends.
///
/// # Errors
/// As [`collective::blocking`]; then nothing has begun.
pub unsafe fn begin(
    file: &Arc<File>,
    direction: Direction,
    form: Form,
    offset: i64,
    memory: Result<Memory>,
) -> Result<()> {
    let buf = memory.as_ref().map_or(0, |memory| memory.addr.addr());
    // SAFETY: as the caller said.
    let outcome = unsafe {
        match form {
            Form::Individual => collective::blocking(file, direction, Start::Individual, memory)?,
            Form::AtOffset => collective::blocking(file, direction, Start::Offset(offset), memory)?,
            Form::Ordered => shared::ordered(file, direction, memory)?,
        }
    };
    *file.split.borrow_mut() = Some(Box::new(Begun {
        form,
        direction,
        buf,
        outcome,
    }));
    Ok(())
}

/// Ends an access that the same pair of calls has begun, with the same buffer.
///
/// # Errors
/// Class IO: there is none. Class BUFFER: it has another buffer. What the file system
/// refused is in the outcome.
pub fn end(file: &File, direction: Direction, form: Form, buf: usize) -> Result<Outcome> {
    let mut split = file.split.borrow_mut();
    let wanted = name(form, direction);
    let Some(begun) = split
        .as_ref()
        .and_then(|split| split.downcast_ref::<Begun>())
    else {
        fail!(
            IO,
            "no split collective access to {} has begun",
            file.label()
        );
    };
    if (begun.form, begun.direction) != (form, direction) {
        let other = name(begun.form, begun.direction);
        fail!(
            IO,
            "the access that has begun is {other}_begin's: {wanted}_end cannot end it"
        );
    }
    if begun.buf != buf {
        fail!(
            BUFFER,
            "buf is {buf:#x}, but {wanted}_begin was given {:#x}",
            begun.buf
        );
    }
    match split.take().map(|begun| begun.downcast::<Begun>()) {
        Some(Ok(begun)) => Ok(begun.outcome),
        _ => fail!(INTERN, "the split collective access is lost"),
    }
}
