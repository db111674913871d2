//! The user's memory of an access.

use crate::object::datatype::{self, Datatype, Segments};
use std::sync::Arc;

/// `count` elements of `datatype` at `addr`: where data is read to or written from. A
/// read writes there, a write only reads.
///
/// It does not own the memory: whoever makes one says that the memory is there as long as
/// it is used.
#[derive(Clone, Debug)]
pub struct Memory {
    /// As passed to the call.
    pub addr: *mut u8,
    /// As passed to the call.
    pub count: usize,
    /// As passed to the call.
    pub datatype: Arc<Datatype>,
}

// SAFETY: the pointer is to memory that any thread of the process may reach; the datatype
// does not change, and its cells are not reached through a `Memory`.
unsafe impl Send for Memory {}

impl Memory {
    /// `len` bytes at `addr`.
    #[must_use]
    pub fn bytes(addr: *mut u8, len: usize) -> Memory {
        Memory {
            addr,
            count: len,
            datatype: datatype::byte().clone(),
        }
    }

    /// Bytes of data.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.datatype.size() as u64 * self.count as u64
    }

    /// Whether there is no data.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The runs of memory of `len` bytes of the data from byte `offset` on, as address and
    /// length. Runs that touch may come separately.
    #[must_use]
    pub fn runs(&self, offset: u64, len: u64) -> Segments<'_> {
        let bytes = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
        self.datatype
            .segments(self.addr, self.count, bytes(offset), bytes(len))
    }

    /// The address of the data where all of it is one run.
    #[must_use]
    pub fn single_run(&self) -> Option<*mut u8> {
        let disp = self.datatype.single_run(self.count)?;
        Some(self.addr.wrapping_offset(disp))
    }
}
