//! The memory of one side's partitions, and of parts of it.

use crate::error::Result;
use crate::fail;
use crate::object::datatype::Datatype;
use crate::pml::memory::{Buffer, Memory};
use std::ops::Range;
use std::sync::Arc;

/// The memory of one side: `partitions` times `count` elements of `datatype`, one behind
/// the other from `addr` on.
#[derive(Debug)]
pub struct Side<'a> {
    /// Where the first element is.
    pub addr: *mut u8,
    /// How many partitions.
    pub partitions: u32,
    /// Elements of one partition.
    pub count: usize,
    /// Their type.
    pub datatype: &'a Arc<Datatype>,
}

/// `partitions` times `count` elements of a type.
#[derive(Debug)]
pub(super) struct Partitions {
    addr: *mut u8,
    pub(super) partitions: u32,
    count: usize,
    datatype: Arc<Datatype>,
    /// Bytes of data in one partition, and in all.
    pub(super) len: usize,
    pub(super) total: usize,
}

// SAFETY: the memory is the program's, which has each partition touched by one thread at a
// time (MPI 5.0, section 4.2); the type does not change.
unsafe impl Send for Partitions {}
// SAFETY: as above.
unsafe impl Sync for Partitions {}

/// Memory of a range of bytes: its own, or bytes that are unpacked into it later.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) buffer: PartBuffer,
    /// What is unpacked, and where in the stream it belongs.
    pub(super) bounce: Option<(Box<[u8]>, usize)>,
}

/// As a [`Buffer`], with its type kept.
#[derive(Debug)]
pub(super) struct PartBuffer {
    addr: *mut u8,
    count: usize,
    datatype: Option<Arc<Datatype>>,
}

impl PartBuffer {
    pub(super) fn buffer(&self) -> Buffer<'_> {
        Buffer {
            addr: self.addr,
            count: self.count,
            datatype: self.datatype.as_ref(),
        }
    }
}

impl Partitions {
    /// # Errors
    /// Class COUNT: there are more bytes than an address space holds.
    pub(super) fn of(side: &Side<'_>) -> Result<Partitions> {
        let elements = side.count.checked_mul(side.partitions as usize);
        let total = elements.and_then(|elements| side.datatype.bytes(elements));
        let Some(total) = total else {
            fail!(
                COUNT,
                "{} partitions of {} elements of {} bytes are more than an address space holds",
                side.partitions,
                side.count,
                side.datatype.size()
            );
        };
        Ok(Partitions {
            addr: side.addr,
            partitions: side.partitions,
            count: side.count,
            datatype: side.datatype.clone(),
            len: side.datatype.size() * side.count,
            total,
        })
    }

    /// All of it: the address of its first byte, if the bytes lie in one run.
    pub(super) fn run(&self) -> Option<*mut u8> {
        let elements = self.count * self.partitions as usize;
        let run = whole(self.addr, elements, &self.datatype).run();
        run.map(|(addr, _)| addr)
    }

    fn memory(&self) -> Memory {
        let elements = self.count * self.partitions as usize;
        Memory::of(&whole(self.addr, elements, &self.datatype))
    }

    /// The buffer of one partition.
    #[inline]
    pub(super) fn buffer(&self, partition: u32) -> Buffer<'_> {
        let before = partition as isize * self.count.cast_signed();
        let addr = self
            .addr
            .wrapping_byte_offset(before * self.datatype.extent());
        whole(addr, self.count, &self.datatype)
    }

    /// The memory of one partition.
    #[inline]
    pub(super) fn partition(&self, partition: u32) -> Memory {
        Memory::of(&self.buffer(partition))
    }

    /// The memory of the bytes of `range`, inside of it.
    pub(super) fn part(&self, range: Range<usize>) -> Part {
        let (addr, len, size) = (range.start, range.len(), self.datatype.size());
        if let Some(run) = self.run() {
            return Part {
                buffer: PartBuffer {
                    addr: run.wrapping_add(addr),
                    count: len,
                    datatype: None,
                },
                bounce: None,
            };
        }
        if size > 0 && addr.is_multiple_of(size) && len.is_multiple_of(size) {
            let before = (addr / size).cast_signed() * self.datatype.extent();
            return Part {
                buffer: PartBuffer {
                    addr: self.addr.wrapping_byte_offset(before),
                    count: len / size,
                    datatype: Some(self.datatype.clone()),
                },
                bounce: None,
            };
        }
        let mut bytes = vec![0u8; len].into_boxed_slice();
        Part {
            buffer: PartBuffer {
                addr: bytes.as_mut_ptr(),
                count: len,
                datatype: None,
            },
            bounce: Some((bytes, addr)),
        }
    }

    /// Copies `bytes` into the stream at `offset`.
    ///
    /// # Safety
    /// They lie inside of it, and the memory is writable.
    pub(super) unsafe fn copy_in(&self, offset: usize, bytes: &[u8]) {
        // SAFETY: as the caller said.
        unsafe { self.memory().copy_in(offset, bytes.as_ptr(), bytes.len()) };
    }
}

/// The whole memory of a side, as one buffer.
fn whole<'a>(addr: *mut u8, count: usize, datatype: &'a Arc<Datatype>) -> Buffer<'a> {
    Buffer {
        addr,
        count,
        datatype: Some(datatype),
    }
}
