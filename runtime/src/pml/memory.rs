//! The memory of a message: contiguous bytes, or elements of a datatype.

pub(super) use crate::memory::prefetch_to_write;

use crate::memory::copy_piece;
use crate::object::datatype::{self, Datatype};
use crate::pml::fatal::die;
use std::ops::Range;
use std::sync::Arc;

/// The memory of a message as a call names it: `count` elements of a type at an
/// address.
#[derive(Clone, Copy, Debug)]
pub struct Buffer<'a> {
    /// Where the first element is (the datatype's displacements count from it).
    pub addr: *mut u8,
    /// Elements of `datatype`, or bytes where that is `None`.
    pub count: usize,
    /// The type; `None`: bytes, contiguous.
    pub datatype: Option<&'a Arc<Datatype>>,
}

impl Buffer<'_> {
    /// `len` contiguous bytes at `addr`.
    #[must_use]
    pub fn bytes(addr: *const u8, len: usize) -> Buffer<'static> {
        Buffer {
            addr: addr.cast_mut(),
            count: len,
            datatype: None,
        }
    }

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

/// Where a message's bytes come from or go to, as one stream of `len` bytes.
#[derive(Clone, Debug)]
pub(super) struct Memory {
    /// Of the first byte if contiguous, else what displacements count from.
    addr: *mut u8,
    len: usize,
    /// Elements and type, if the bytes do not lie in one run.
    scattered: Option<(usize, Arc<Datatype>)>,
}

impl Memory {
    /// `len` contiguous bytes at `addr`.
    #[inline]
    pub(super) fn of_run(addr: *mut u8, len: usize) -> Memory {
        Memory {
            addr,
            len,
            scattered: None,
        }
    }

    /// The memory of `buffer`; a scattered one keeps its type alive.
    #[inline]
    pub(super) fn of(buffer: &Buffer<'_>) -> Memory {
        match (buffer.run(), buffer.datatype) {
            (None, Some(datatype)) => Memory {
                addr: buffer.addr,
                len: buffer.len(),
                scattered: Some((buffer.count, datatype.clone())),
            },
            (run, _) => {
                let (addr, len) = run.unwrap_or((buffer.addr, 0));
                Memory::of_run(addr, len)
            }
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
            None => unsafe { copy_long(self.addr.add(offset), to, n, self.len) },
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
            None => unsafe { copy_short(from, self.addr.add(offset), n, self.len) },
            Some((count, datatype)) => {
                // SAFETY: as above.
                unsafe { datatype.unpack_range(self.addr, *count, offset, from, n) };
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

/// Copies `n` bytes of a message of `whole`; a few of them without a call.
///
/// # Safety
/// `n` bytes are readable at `from` and writable at `to`, and do not overlap.
#[inline]
pub(super) unsafe fn copy_short(from: *const u8, to: *mut u8, n: usize, whole: usize) {
    // SAFETY: both ends of the range lie inside it; where they overlap they
    // carry the same bytes, and all is read before anything is written.
    unsafe {
        match n {
            0 => {}
            1..=3 => {
                let (first, middle, last) = (*from, *from.add(n / 2), *from.add(n - 1));
                *to = first;
                *to.add(n / 2) = middle;
                *to.add(n - 1) = last;
            }
            4..=7 => ends::<4>(from, to, n),
            8 => to.cast::<[u8; 8]>().write(from.cast::<[u8; 8]>().read()),
            9..=16 => ends::<8>(from, to, n),
            17..=32 => ends::<16>(from, to, n),
            _ => copy_long(from, to, n, whole),
        }
    }
}

/// Copies `n` bytes of a message of `whole`, between memory of the program's and the
/// library's own.
///
/// # Safety
/// As [`copy_short`].
#[inline]
pub(super) unsafe fn copy_long(from: *const u8, to: *mut u8, n: usize, whole: usize) {
    // SAFETY: the caller's promise.
    if let Err(fault) = unsafe { copy_piece(from, to, n, whole) } {
        die(&format!("a buffer of the program's: {fault}"));
    }
}

/// Copies the first and the last `W` of `n` bytes.
///
/// # Safety
/// As [`copy_short`], and `W <= n <= 2 * W`.
#[inline]
unsafe fn ends<const W: usize>(from: *const u8, to: *mut u8, n: usize) {
    // SAFETY: both pieces lie inside the `n` bytes.
    unsafe {
        let first = from.cast::<[u8; W]>().read();
        let last = from.add(n - W).cast::<[u8; W]>().read();
        to.cast::<[u8; W]>().write(first);
        to.add(n - W).cast::<[u8; W]>().write(last);
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
/// The source is readable, the destination writable.
pub(super) unsafe fn copy(from: &Memory, to: &Memory) -> usize {
    let n = from.len.min(to.len);
    match (&from.scattered, &to.scattered) {
        // A message to oneself may name the same memory twice.
        // SAFETY: both are one run of at least `n` bytes.
        (None, None) => unsafe { std::ptr::copy(from.addr, to.addr, n) },
        // SAFETY: the source is one run of at least `n` bytes.
        (None, Some(_)) => unsafe { to.copy_in(0, from.addr, n) },
        // SAFETY: the destination is one run of at least `n` bytes.
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
