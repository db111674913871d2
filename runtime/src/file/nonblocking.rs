//! Nonblocking accesses (MPI 5.0, section 14.4): requests that the threads of
//! [`super::pool`] complete.
//!
//! The nonblocking collective forms wait for no other member, as the standard demands, and
//! so are accesses of each member alone.

use super::access::{Access, Direction, Start, prepare};
use super::memory::Memory;
use super::pool::{self, Job};
use super::shared;
use crate::error::{Error, Result};
use crate::fail;
use crate::handle::Raw;
use crate::object::file::File;
use crate::pml::{Completion, WaitFor};
use crate::request::{self, Operation};
use std::sync::Arc;

/// An access that is a request.
struct FileRequest(Arc<Job>);

impl Operation for FileRequest {
    fn is_done(&self) -> bool {
        self.0.is_done()
    }

    fn waits_for(&self) -> WaitFor {
        WaitFor::outside() // for the kernel, and the thread that is in it
    }

    fn finish(&mut self) -> Completion {
        match self.0.take() {
            Some(outcome) => Completion {
                error: outcome.failed,
                len: outcome.memory_len,
                ..Completion::empty()
            },
            None => Completion::empty(),
        }
    }

    fn peek(&mut self) -> Completion {
        self.0.with(|outcome| {
            let Some(outcome) = outcome else {
                return Completion::empty();
            };
            let failed = outcome.failed.as_ref();
            Completion {
                error: failed.map(|error| Error::new(error.class(), error.text())),
                ..outcome.completion()
            }
        })
    }

    fn start(&mut self) -> Result<()> {
        Ok(())
    }

    fn cancel(&mut self) -> Result<()> {
        fail!(REQUEST, "an access to a file cannot be cancelled")
    }
}

/// Starts an access at an offset or at the individual pointer, which moves at once by all
/// that is asked for. Returns the request's handle.
///
/// # Safety
/// The memory is good for the access until the request completes.
///
/// # Errors
/// As [`prepare`], or no more handles.
pub unsafe fn start(
    file: &Arc<File>,
    direction: Direction,
    start: Start,
    memory: Memory,
) -> Result<Raw> {
    file.may_choose_place()?;
    let offset = match start {
        Start::Offset(offset) => offset,
        Start::Individual => file.position.get(),
    };
    // SAFETY: as the caller said.
    let access = unsafe { prepare(file, direction, offset, memory) }?;
    if start == Start::Individual {
        let behind = offset.saturating_add(access.etypes());
        file.position.set(behind);
    }
    // SAFETY: as the caller said.
    unsafe { submit(access) }
}

/// Starts an access at the shared pointer. Returns the request's handle.
///
/// # Safety
/// As [`start`].
///
/// # Errors
/// As [`start`].
pub unsafe fn start_shared(file: &Arc<File>, direction: Direction, memory: Memory) -> Result<Raw> {
    // SAFETY: as the caller said.
    let access = unsafe { shared::take(file, direction, memory) }?;
    // SAFETY: as the caller said.
    unsafe { submit(access) }
}

/// # Safety
/// As [`start`].
unsafe fn submit(access: Access) -> Result<Raw> {
    let file = access.file.handle.get();
    // SAFETY: as the caller said.
    let job = unsafe { pool::submit(access) };
    request::insert_on(Box::new(FileRequest(job)), false, Some(file))
}
