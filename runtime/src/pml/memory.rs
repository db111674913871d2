//! The memory of a message: contiguous bytes, or elements of a datatype.

use crate::object::datatype::{self, Datatype};
use crate::pml::{Buffer, delivery};
use btl_shm::copy;
use btl_shm::fault::Fault;
use std::ops::Range;
use std::sync::Arc;

/// Where a message's bytes come from or go to, as one stream of `len` bytes.
#[derive(Clone, Debug)]
pub(super) struct Memory {
    /// Of the first byte if contiguous, else what displacements count from.
    addr: *mut u8,
    len: usize,
    /// Elements and type, if the bytes do not lie in one run.
    scattered: Option<(usize, Arc<Datatype>)>,
}

impl Buffer<'_> {
    /// Address and length, if the bytes lie in one run.
    #[inline]
    pub(super) fn run(&self) -> Option<(*mut u8, usize)> {
        let Some(datatype) = self.datatype else {
            return Some((self.addr, self.count));
        };
        let lb = datatype.single_run(self.count)?;
        let first = self.addr.wrapping_byte_offset(lb);
        Some((first, datatype.size().saturating_mul(self.count)))
    }

    /// The bytes of the message.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.datatype.map_or(self.count, |datatype| {
            datatype.size().saturating_mul(self.count)
        })
    }
}

impl Memory {
    /// The memory of `buffer`; a scattered one keeps its type alive.
    #[inline]
    pub(super) fn of(buffer: &Buffer<'_>) -> Memory {
        match (buffer.run(), buffer.datatype) {
            (Some((addr, len)), _) => Memory {
                addr,
                len,
                scattered: None,
            },
            (None, Some(datatype)) => Memory {
                addr: buffer.addr,
                len: buffer.len(),
                scattered: Some((buffer.count, datatype.clone())),
            },
            (None, None) => Memory {
                addr: buffer.addr,
                len: 0,
                scattered: None,
            },
        }
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The address, if the bytes lie in one run.
    #[inline]
    pub(super) fn run(&self) -> Option<*mut u8> {
        self.scattered.is_none().then_some(self.addr)
    }

    /// The memory that a scattered message spans, from its first to its last byte,
    /// and the bytes in a run of it, on average. `None`: it lies in one run.
    pub(super) fn span(&self) -> Option<(*mut u8, usize, usize)> {
        let (count, datatype) = self.scattered.as_ref()?;
        let (low, len) = datatype.span(*count)?;
        let first = self.addr.wrapping_byte_offset(low);
        Some((first, len, datatype.mean_run()))
    }

    /// Copies bytes `offset..offset + n` of the stream to `to`.
    ///
    /// # Safety
    /// The range is inside the message; the message's memory is readable and
    /// `to` writable.
    #[inline]
    pub(super) unsafe fn copy_out(&self, offset: usize, to: *mut u8, n: usize) {
        debug_assert!(offset + n <= self.len);
        match &self.scattered {
            // SAFETY: inside the message, by the caller; `to` is the library's own.
            None => unsafe { delivery::copy_long(self.addr.add(offset), to, n, self.len) },
            Some((count, datatype)) => {
                // SAFETY: as above.
                unsafe { datatype.pack_range(self.addr, *count, offset, to, n) };
            }
        }
    }

    /// Copies `n` bytes at `from` into the stream at `offset`.
    ///
    /// # Safety
    /// The range is inside the message; the message's memory is writable and
    /// `from` readable.
    #[inline]
    pub(super) unsafe fn copy_in(&self, offset: usize, from: *const u8, n: usize) {
        debug_assert!(offset + n <= self.len);
        match &self.scattered {
            // SAFETY: inside the message, by the caller; `from` is the library's own.
            None => unsafe { delivery::copy_short(from, self.addr.add(offset), n, self.len) },
            Some((count, datatype)) => {
                // SAFETY: as above.
                unsafe { datatype.unpack_range(self.addr, *count, offset, from, n) };
            }
        }
    }

    /// Copies bytes `offset..offset + n` of the stream from `from`, which is memory
    /// of a peer's. `attached`: it may go away.
    ///
    /// # Safety
    /// The range is inside the message, whose memory is writable, and `from`
    /// readable but for what went away.
    ///
    /// # Errors
    /// It went away.
    pub(super) unsafe fn copy_from_peer(
        &self,
        offset: usize,
        from: *const u8,
        n: usize,
        attached: bool,
    ) -> Result<(), Fault> {
        if self.scattered.is_some() && !attached {
            // SAFETY: as the caller said.
            unsafe { self.copy_in(offset, from, n) };
            return Ok(());
        }
        let mut from = from;
        self.each_run(offset, n, |to, len| {
            // SAFETY: a run of the message, and as many bytes of the peer's.
            unsafe { copy::copy_part(from, to, len, self.len) }?;
            from = from.wrapping_add(len);
            Ok(())
        })
    }

    /// Copies bytes `offset..offset + n` of the stream to `to`, which is memory of
    /// a peer's. `attached`: it may go away.
    ///
    /// # Safety
    /// The range is inside the message, whose memory is readable, and `to`
    /// writable but for what went away.
    ///
    /// # Errors
    /// It went away.
    pub(super) unsafe fn copy_to_peer(
        &self,
        offset: usize,
        to: *mut u8,
        n: usize,
        attached: bool,
    ) -> Result<(), Fault> {
        if self.scattered.is_some() && !attached {
            // SAFETY: as the caller said.
            unsafe { self.copy_out(offset, to, n) };
            return Ok(());
        }
        let mut to = to;
        self.each_run(offset, n, |from, len| {
            // SAFETY: a run of the message, and as many bytes of the peer's.
            unsafe { copy::copy_part(from, to, len, self.len) }?;
            to = to.wrapping_add(len);
            Ok(())
        })
    }

    fn each_run(
        &self,
        offset: usize,
        n: usize,
        mut each: impl FnMut(*mut u8, usize) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        match &self.scattered {
            None => each(self.addr.wrapping_add(offset), n),
            Some((count, datatype)) => {
                let mut runs = datatype.segments(self.addr, *count, offset, n);
                runs.try_for_each(|(at, len)| each(at, len))
            }
        }
    }

    /// The runs of memory of these bytes, in the stream's order.
    pub(super) fn runs(
        &self,
        range: Range<usize>,
    ) -> Box<dyn Iterator<Item = (*mut u8, usize)> + '_> {
        let (from, n) = (range.start, range.len());
        match &self.scattered {
            None => Box::new(std::iter::once((self.addr.wrapping_add(from), n))),
            Some((count, datatype)) => Box::new(datatype.segments(self.addr, *count, from, n)),
        }
    }
}

/// The bytes of a message, packed.
///
/// # Safety
/// The message's memory is readable.
#[must_use]
pub unsafe fn pack(buffer: &Buffer<'_>) -> Box<[u8]> {
    let memory = Memory::of(buffer);
    let mut bytes = vec![0u8; memory.len()];
    // SAFETY: the whole message, into as many bytes.
    unsafe { memory.copy_out(0, bytes.as_mut_ptr(), bytes.len()) };
    bytes.into_boxed_slice()
}

/// Copies a message within this process, straight from layout to layout.
/// Returns the bytes copied: the smaller of both.
///
/// # Safety
/// The source is readable, the target writable.
pub(super) unsafe fn copy(from: &Memory, to: &Memory) -> usize {
    let n = from.len.min(to.len);
    match (&from.scattered, &to.scattered) {
        // A message to oneself may name the same memory twice.
        // SAFETY: both are one run of at least `n` bytes.
        (None, None) => unsafe { std::ptr::copy(from.addr, to.addr, n) },
        // SAFETY: the source is one run of at least `n` bytes.
        (None, Some(_)) => unsafe { to.copy_in(0, from.addr, n) },
        // SAFETY: the target is one run of at least `n` bytes.
        (Some(_), None) => unsafe { from.copy_out(0, to.addr, n) },
        (Some((from_count, from_type)), Some((to_count, to_type))) => {
            // SAFETY: both are the caller's messages.
            unsafe {
                datatype::copy(
                    from.addr,
                    *from_count,
                    from_type,
                    to.addr,
                    *to_count,
                    to_type,
                );
            }
        }
    }
    n
}
