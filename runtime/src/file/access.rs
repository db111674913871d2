//! One access of one process: from its arguments to its outcome.

use super::atomic::RangeLock;
use super::conversion::FileBytes;
use super::engine::{self, Part, Transfer};
use super::errno::Errno;
use super::memory::Memory;
use super::pointer::stream_position;
use crate::error::{Error, Result};
use crate::object::file::File;
use crate::object::file::view::View;
use crate::pml::Completion;
use crate::{fail, lock};
use std::os::fd::AsFd;
use std::sync::Arc;

/// Which way data goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// From the file.
    Read,
    /// To the file.
    Write,
}

/// Where an access begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Start {
    /// At this etype of the view.
    Offset(i64),
    /// At the individual file pointer, which it moves.
    Individual,
}

/// An access that was checked: what is left is to move its bytes.
#[derive(Clone, Debug)]
pub struct Access {
    /// The file.
    pub file: Arc<File>,
    /// Its view when the access began.
    pub view: Arc<View>,
    /// Which way data goes.
    pub direction: Direction,
    /// The byte of the view's stream at which it begins.
    pub position: u64,
    /// Bytes in the file.
    pub len: u64,
    /// The memory that the bytes go to or come from: the user's, unless there is `file_bytes`.
    pub memory: Memory,
    /// Whether other processes see all of it or nothing.
    pub is_atomic: bool,
    /// Between that and the user's memory, where the view's representation is not native.
    pub file_bytes: Option<Arc<FileBytes>>,
}

/// How an access ended.
#[derive(Debug)]
#[must_use]
pub struct Outcome {
    /// Bytes of the file that were moved, from the beginning of the access on.
    pub file_len: u64,
    /// Bytes of memory: what a status counts.
    pub memory_len: u64,
    /// Why it ended early, unless the end of the file was met.
    pub failed: Option<Error>,
}

impl Outcome {
    /// So many bytes, which have the same size in memory.
    pub(super) fn of(len: u64, failed: Option<Error>) -> Outcome {
        Outcome {
            file_len: len,
            memory_len: len,
            failed,
        }
    }

    /// Etypes by which a file pointer moves after `access`: those that were moved. Where the
    /// end of the file cut an etype, that one counts: the pointer is at the end of the file,
    /// as `MPI_SEEK_END` and shared pointers count it.
    pub(super) fn etypes(&self, access: &Access) -> i64 {
        let size = access.view.etype_size();
        let met_end = access.direction == Direction::Read && self.failed.is_none();
        let etypes = match met_end {
            true => self.file_len.div_ceil(size),
            false => self.file_len / size,
        };
        etypes.cast_signed()
    }

    /// For the status.
    #[must_use]
    pub fn completion(&self) -> Completion {
        Completion {
            len: self.memory_len,
            ..Completion::empty()
        }
    }
}

/// Checks an access that begins at etype `offset`. Data to write in a representation that is
/// not native is converted here.
///
/// # Safety
/// The memory is readable where it is written to the file.
///
/// # Errors
/// The access mode forbids it, the offset is negative, the data is not whole etypes or lies
/// behind the largest file offset, or it cannot be converted.
pub unsafe fn prepare(
    file: &Arc<File>,
    direction: Direction,
    offset: i64,
    memory: Memory,
) -> Result<Access> {
    match direction {
        Direction::Read => file.may_read()?,
        Direction::Write => file.may_write()?,
    }
    let view = file.view();
    let position = stream_position(&view, offset)?;
    let mut memory = memory;
    let mut file_bytes = None;
    if !view.datarep.is_native() {
        let between = FileBytes::new(&view, direction, memory)?;
        memory = between.bytes();
        file_bytes = Some(Arc::new(between));
    }
    let Some(len) = memory.datatype.bytes(memory.count) else {
        fail!(
            COUNT,
            "{} elements of {} bytes are more than an address space holds",
            memory.count,
            memory.datatype.size()
        );
    };
    let len = len as u64;
    if !len.is_multiple_of(view.etype_size()) {
        fail!(
            IO,
            "{len} bytes are accessed, but the view's etype has {}: only whole etypes can be",
            view.etype_size()
        );
    }
    view.check(position, len)?;
    if let (Some(file_bytes), Direction::Write) = (&file_bytes, direction) {
        // SAFETY: as the caller said.
        unsafe { file_bytes.encode() }?;
    }
    Ok(Access {
        file: file.clone(),
        view,
        direction,
        position,
        len,
        memory,
        is_atomic: file.is_atomic.get(),
        file_bytes,
    })
}

impl Access {
    /// Etypes that the access is of.
    #[must_use]
    pub fn etypes(&self) -> i64 {
        (self.len / self.view.etype_size()).cast_signed()
    }

    /// Moves the bytes. Any thread may do so, without the library lock.
    ///
    /// # Safety
    /// The memory is readable or writable as the direction says, and nobody else uses it.
    pub unsafe fn carry_out(&self) -> Outcome {
        let locked = match self.range_lock() {
            Ok(locked) => locked,
            Err(errno) => {
                return Outcome {
                    file_len: 0,
                    memory_len: 0,
                    failed: Some(errno.error("lock bytes of", &self.file.path)),
                };
            }
        };
        // SAFETY: as the caller said.
        let Transfer { len, failed } =
            unsafe { self.carry_out_part(self.position, self.position + self.len) };
        drop(locked);
        let what = match self.direction {
            Direction::Read => "read",
            Direction::Write => "write",
        };
        Outcome {
            file_len: len,
            memory_len: len,
            failed: failed.map(|errno| errno.error(what, &self.file.path)),
        }
    }

    /// For an atomic access, a lock on all bytes from its first to its last.
    fn range_lock(&self) -> std::result::Result<Option<RangeLock<'_>>, Errno> {
        if !self.is_atomic || self.len == 0 {
            return Ok(None);
        }
        let last = self.position + self.len - 1;
        let ends = match self.view.is_ordered() {
            true => self.view.place(self.position).zip(self.view.place(last)),
            false => None,
        };
        let (first, last) = ends.unwrap_or((0, i64::MAX.cast_unsigned() - 1));
        let is_write = self.direction == Direction::Write;
        let (fd, turn) = (self.file.fd.as_fd(), &self.file.turn);
        RangeLock::new(fd, turn, first, last + 1, is_write).map(Some)
    }

    /// Ends an access: converts what was read, and counts in memory what was moved. Called
    /// in the library, once, with what [`Access::carry_out`] has returned.
    ///
    /// # Safety
    /// As [`Access::carry_out`].
    pub unsafe fn end(&self, outcome: Outcome) -> Outcome {
        let Some(file_bytes) = &self.file_bytes else {
            return outcome;
        };
        let len = usize::try_from(outcome.file_len).unwrap_or(usize::MAX);
        let converted = match self.direction {
            // SAFETY: as the caller said.
            Direction::Read => unsafe { file_bytes.decode(len) },
            Direction::Write => Ok(file_bytes.memory_len(len)),
        };
        let (memory_len, failed) = match converted {
            Ok(memory_len) => (memory_len as u64, outcome.failed),
            Err(error) => (0, outcome.failed.or(Some(error))),
        };
        Outcome {
            memory_len,
            failed,
            ..outcome
        }
    }
}

impl Access {
    /// Moves an access that was checked at etype 0 to etype `position`, and makes it one of
    /// `etypes` etypes, no more than it has.
    ///
    /// # Errors
    /// Class ARG: it lies behind the largest file offset.
    pub(super) fn place_at(&mut self, position: i64, etypes: i64) -> Result<()> {
        let begin = stream_position(&self.view, position)?;
        let len = etypes.unsigned_abs() * self.view.etype_size();
        self.view.check(begin, len)?;
        self.position = begin;
        self.len = len;
        Ok(())
    }

    /// Moves the bytes `from..to` of the view's stream, which are in the access.
    ///
    /// # Safety
    /// As [`Access::carry_out`].
    pub(super) unsafe fn carry_out_part(&self, from: u64, to: u64) -> Transfer {
        let fd = self.file.fd.as_fd();
        let part = Part {
            view: &self.view,
            position: from,
            memory: &self.memory,
            offset: from - self.position,
            len: to - from,
        };
        // SAFETY: as the caller said.
        unsafe {
            match self.direction {
                Direction::Read => engine::read(fd, &part),
                Direction::Write => engine::write(fd, &part),
            }
        }
    }

    /// Copies the bytes `from..to` of the view's stream from the memory of the access to
    /// where they would lie if byte 0 of the file were at `base`.
    ///
    /// # Safety
    /// The memory is readable; those places are writable.
    pub(super) unsafe fn put_into(&self, base: *mut u8, from: u64, to: u64) {
        // SAFETY: as the caller said.
        unsafe { engine::put_into(&self.view, self.position, &self.memory, base, from, to) };
    }

    /// As [`Access::put_into`], the other way round.
    ///
    /// # Safety
    /// The memory is writable; those places are readable.
    pub(super) unsafe fn get_from(&self, base: *const u8, from: u64, to: u64) {
        // SAFETY: as the caller said.
        unsafe { engine::get_from(&self.view, self.position, &self.memory, base, from, to) };
    }
}

/// A blocking access of this process alone. The individual pointer moves by
/// [`Outcome::etypes`].
///
/// # Safety
/// As [`Access::carry_out`].
///
/// # Errors
/// As [`prepare`]; what the file system refused is in the outcome.
pub unsafe fn blocking(
    file: &Arc<File>,
    direction: Direction,
    start: Start,
    memory: Memory,
) -> Result<Outcome> {
    file.may_choose_place()?;
    let offset = match start {
        Start::Offset(offset) => offset,
        Start::Individual => file.position.get(),
    };
    // SAFETY: as the caller said.
    let access = unsafe { prepare(file, direction, offset, memory) }?;
    // Another thread's access begins behind this one.
    let behind = offset.saturating_add(access.etypes());
    if start == Start::Individual {
        file.position.set(behind);
    }
    // SAFETY: as the caller said.
    let outcome = unsafe { access.end(lock::released(|| access.carry_out())) };
    if start == Start::Individual && file.position.get() == behind {
        file.position.set(offset + outcome.etypes(&access));
    }
    Ok(outcome)
}
