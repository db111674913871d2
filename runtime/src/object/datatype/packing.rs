//! `MPI_Pack`, `MPI_Unpack` and their external32 forms (MPI 5.0, sections 5.2
//! and 5.3): buffers with a position.

use super::definition::Datatype;
use crate::error::Result;
use crate::fail;

/// What a packed buffer holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Representation {
    /// The bytes as they are in memory.
    Native,
    /// "external32".
    External,
}

impl Representation {
    /// The one that `datarep` names for `MPI_Pack_external` and its like.
    ///
    /// # Errors
    /// It is not "external32" (`MPI_ERR_UNSUPPORTED_DATAREP`).
    pub fn named(datarep: &str) -> Result<Representation> {
        match datarep {
            "external32" => Ok(Representation::External),
            _ => fail!(
                UNSUPPORTED_DATAREP,
                "datarep is \"{datarep}\"; the only one is \"external32\""
            ),
        }
    }

    /// Bytes that `count` elements take; `None` if they do not fit an address.
    #[must_use]
    pub fn size(self, datatype: &Datatype, count: usize) -> Option<usize> {
        match self {
            Representation::Native => datatype.bytes(count),
            Representation::External => {
                let bytes = datatype.external_size()?.checked_mul(count)?;
                isize::try_from(bytes).is_ok().then_some(bytes)
            }
        }
    }

    /// Where the data ends that begins at `position` of a buffer of `room`
    /// bytes, which `buffer` names.
    fn end(
        self,
        datatype: &Datatype,
        count: usize,
        position: i64,
        room: i64,
        buffer: &str,
    ) -> Result<(usize, usize)> {
        let (Ok(start), Ok(room)) = (usize::try_from(position), usize::try_from(room)) else {
            fail!(
                ARG,
                "position is {position} and {buffer} is {room}; neither may be negative"
            );
        };
        let end = self
            .size(datatype, count)
            .and_then(|size| start.checked_add(size));
        match end {
            Some(end) if end <= room => Ok((start, end)),
            _ => {
                let size = self.size(datatype, count).unwrap_or(usize::MAX);
                fail!(
                    TRUNCATE,
                    "{count} elements take {size} bytes, but from position {start} {buffer} \
                     leaves {} of {room}",
                    room.saturating_sub(start)
                )
            }
        }
    }

    /// Packs `count` elements at `addr` into `out`, `room` bytes long, from
    /// `position` on. Returns the position after them.
    ///
    /// # Safety
    /// The elements are readable, and `room` bytes at `out` writable.
    ///
    /// # Errors
    /// They do not fit (`MPI_ERR_TRUNCATE`), or a negative position or size.
    pub unsafe fn pack(
        self,
        addr: *const u8,
        count: usize,
        datatype: &Datatype,
        out: *mut u8,
        room: i64,
        position: i64,
    ) -> Result<usize> {
        let (start, end) = self.end(datatype, count, position, room, "outsize")?;
        let out = out.wrapping_add(start);
        // SAFETY: `end` is within `room`, the rest as the caller said.
        unsafe {
            match self {
                Representation::Native => {
                    datatype.pack_range(addr, count, 0, out, end - start);
                }
                Representation::External => datatype.to_external(addr, count, out),
            }
        }
        Ok(end)
    }

    /// Unpacks `count` elements to `addr` from `from`, `room` bytes long, from
    /// `position` on. Returns the position after them.
    ///
    /// # Safety
    /// The elements are writable, and `room` bytes at `from` readable.
    ///
    /// # Errors
    /// There are not so many (`MPI_ERR_TRUNCATE`), or a negative position or
    /// size.
    pub unsafe fn unpack(
        self,
        from: *const u8,
        room: i64,
        position: i64,
        addr: *mut u8,
        count: usize,
        datatype: &Datatype,
    ) -> Result<usize> {
        let (start, end) = self.end(datatype, count, position, room, "insize")?;
        let from = from.wrapping_add(start);
        // SAFETY: `end` is within `room`, the rest as the caller said.
        unsafe {
            match self {
                Representation::Native => {
                    datatype.unpack_range(addr, count, 0, from, end - start);
                }
                Representation::External => datatype.from_external(addr, count, from),
            }
        }
        Ok(end)
    }
}
