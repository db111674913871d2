//! The check of partitions that are ready (`LARIAT_CHECK=1`): from `MPI_Pready` on the program
//! must leave them as they are, until the send is complete (MPI 5.0, section 4.2.2).

use crate::pml::buffer_check::OperationCheck;
use crate::pml::memory::Buffer;
use std::sync::{Mutex, PoisonError};

/// The partitions of one send that are ready.
#[derive(Debug)]
pub(super) struct ReadyCheck {
    /// The send in words.
    send: String,
    ready: Mutex<Vec<OperationCheck>>,
}

impl ReadyCheck {
    /// None of the partitions of `send`, which is told so.
    pub(super) fn new(send: String) -> ReadyCheck {
        ReadyCheck {
            send,
            ready: Mutex::new(Vec::new()),
        }
    }

    /// This partition is ready.
    ///
    /// # Safety
    /// It is readable until the send is complete.
    pub(super) unsafe fn ready(&self, partition: u32, buffer: Buffer<'_>) {
        let words = format!("partition {partition} of {}", self.send);
        let changed = "changed after MPI_Pready, before the send was complete";
        let Some(mut check) = OperationCheck::new(("send", words, changed), &[buffer], &[]) else {
            return;
        };
        // SAFETY: the caller's promise.
        unsafe { check.begin() };
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        ready.push(check);
    }

    /// The send is complete.
    pub(super) fn end(&self) {
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        ready.drain(..).for_each(|mut check| check.end());
    }
}
