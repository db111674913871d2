//! File views (MPI 5.0, section 14.3): which bytes of a file a process sees, as a stream.
//!
//! The filetype lies in the file again and again from the displacement on. Its data, in
//! type-map order and without its holes, is the stream; file pointers and offsets count
//! its etypes. [`View::extents`] says where a part of the stream lies in the file.
//!
//! Etype and filetype are kept as the program gave them, and as they lie in the file:
//! in a data representation other than "native" elements may have other sizes there.

mod movement;

use super::datarep::Datarep;
use crate::error::Result;
use crate::fail;
use crate::object::datatype::{self, Datatype, Order, Segments};
use std::sync::Arc;

/// Bytes of a file that lie together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Extent {
    /// The first byte, from the beginning of the file.
    pub at: u64,
    /// Bytes; above 0.
    pub len: u64,
}

/// What a process sees of a file. Does not change once it is made.
#[derive(Clone, Debug)]
pub struct View {
    /// Where the first filetype begins, in bytes from the beginning of the file.
    pub disp: u64,
    /// As given to `MPI_File_set_view`.
    pub etype: Arc<Datatype>,
    /// As given to `MPI_File_set_view`.
    pub filetype: Arc<Datatype>,
    /// How data lies in the file.
    pub datarep: Datarep,
    /// The filetype as it lies in the file.
    in_file: Arc<Datatype>,
    /// Bytes of an etype in the file; above 0.
    etype_size: u64,
    /// Extents come in the order of the file, whatever part of the stream is asked for.
    is_ordered: bool,
}

impl View {
    /// The view of a file that was just opened: a stream of all its bytes.
    #[must_use]
    pub fn of_bytes() -> View {
        let byte = datatype::byte();
        View {
            disp: 0,
            etype: byte.clone(),
            filetype: byte.clone(),
            datarep: Datarep::Native { internal: false },
            in_file: byte.clone(),
            etype_size: 1,
            is_ordered: true,
        }
    }

    /// A view for a file that the program writes to, or does not (`is_written`).
    ///
    /// # Errors
    /// Class TYPE: an etype without data, a filetype that is not made of etypes, or one whose
    /// displacements are negative, go backward, or overlap where the file is written. Or as
    /// [`Datarep::in_file`].
    pub fn new(
        disp: u64,
        etype: Arc<Datatype>,
        filetype: Arc<Datatype>,
        datarep: Datarep,
        is_written: bool,
    ) -> Result<View> {
        let in_file = datarep.in_file(&filetype)?;
        let etype_size = datarep.in_file(&etype)?.size() as u64;
        if etype_size == 0 {
            fail!(TYPE, "etype has no data");
        }
        let size = in_file.size() as u64;
        if !size.is_multiple_of(etype_size) {
            fail!(
                TYPE,
                "filetype has {size} bytes of data, which are not whole etypes of {etype_size}"
            );
        }
        if let Some(order) = in_file.order() {
            check_order(order, is_written)?;
        }
        let many = in_file.order_of_many();
        Ok(View {
            disp,
            etype,
            filetype,
            datarep,
            in_file,
            etype_size,
            is_ordered: many.is_none_or(|many| many.is_monotone && many.is_disjoint),
        })
    }

    /// Bytes of an etype in the file: of one step of a file pointer in the stream.
    #[must_use]
    pub fn etype_size(&self) -> u64 {
        self.etype_size
    }

    /// Whether the extents of any part of the stream come in the order of the file and do
    /// not overlap, so that data may be gathered between its first and last byte.
    #[must_use]
    pub fn is_ordered(&self) -> bool {
        self.is_ordered
    }

    /// Whether any part of the stream is one extent.
    #[must_use]
    pub fn is_contiguous(&self) -> bool {
        self.in_file.is_contiguous()
    }

    /// Where byte `position` of the stream lies, in bytes from the beginning of the file;
    /// `None`: behind what an offset can say, or the filetype has no data.
    #[must_use]
    pub fn place(&self, position: u64) -> Option<u64> {
        let size = self.in_file.size() as u64;
        let (tile, rest) = (position.checked_div(size)?, position.checked_rem(size)?);
        let far = i128::from(tile) * self.in_file.extent() as i128 + i128::from(self.disp);
        let rest = usize::try_from(rest).ok()?;
        let base = std::ptr::without_provenance(0);
        let (first, _) = self.in_file.segments(base, 1, rest, 1).next()?;
        let place = far + first.addr().cast_signed() as i128;
        i64::try_from(place)
            .ok()
            .and_then(|place| u64::try_from(place).ok())
    }

    /// Where `len` bytes of the stream from byte `position` on lie in the file, in the
    /// order of the stream, with neighbours merged. Begins anywhere without a walk from
    /// the beginning.
    ///
    /// The caller has seen that [`View::check`] agrees.
    #[must_use]
    pub fn extents(&self, position: u64, len: u64) -> Extents<'_> {
        let at = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
        let base = std::ptr::without_provenance(at(self.disp));
        let segments = self
            .in_file
            .segments(base, usize::MAX, at(position), at(len));
        Extents {
            segments,
            next: None,
        }
    }

    /// Whether `len` bytes of the stream from byte `position` on lie where file offsets
    /// reach.
    ///
    /// # Errors
    /// Class ARG: they do not. Class IO: the filetype has no data.
    pub fn check(&self, position: u64, len: u64) -> Result<()> {
        if len == 0 {
            return Ok(());
        }
        let size = self.in_file.size() as u64;
        if size == 0 {
            fail!(
                IO,
                "the filetype of the view has no data, but {len} bytes are accessed"
            );
        }
        let last = position.checked_add(len - 1);
        let end = last.map(|last| {
            let tiles = i128::from(last / size) * self.in_file.extent() as i128;
            let end = self.in_file.true_lb() as i128 + self.in_file.true_extent() as i128;
            i128::from(self.disp) + tiles + end
        });
        match end {
            Some(end) if i64::try_from(end).is_ok() => Ok(()),
            _ => fail!(
                ARG,
                "{len} bytes from byte {position} of the view on lie behind the largest file offset"
            ),
        }
    }
}

fn check_order(order: Order, is_written: bool) -> Result<()> {
    if order.least < 0 {
        fail!(
            TYPE,
            "filetype has data at displacement {}, but none may be negative",
            order.least
        );
    }
    if !order.is_monotone {
        fail!(
            TYPE,
            "the displacements of filetype go backward, but must not decrease in type-map order"
        );
    }
    if is_written && !order.is_disjoint {
        fail!(
            TYPE,
            "filetype has data that overlaps, which is for files of MPI_MODE_RDONLY only"
        );
    }
    Ok(())
}

/// Made by [`View::extents`].
#[derive(Debug)]
pub struct Extents<'a> {
    segments: Segments<'a>,
    next: Option<Extent>,
}

impl Extents<'_> {
    fn piece(&mut self) -> Option<Extent> {
        let (at, len) = self.segments.next()?;
        Some(Extent {
            at: at.addr() as u64,
            len: len as u64,
        })
    }
}

impl Iterator for Extents<'_> {
    type Item = Extent;

    #[inline]
    fn next(&mut self) -> Option<Extent> {
        let mut extent = match self.next.take() {
            Some(extent) => extent,
            None => self.piece()?,
        };
        while let Some(piece) = self.piece() {
            if piece.at != extent.at + extent.len {
                self.next = Some(piece);
                break;
            }
            extent.len += piece.len;
        }
        Some(extent)
    }
}

#[cfg(test)]
mod tests;
