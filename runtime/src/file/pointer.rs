//! Individual file pointers and offsets (MPI 5.0, section 14.4.3): both count etypes of the
//! view.

use super::size;
use crate::error::Result;
use crate::fail;
use crate::object::file::File;
use crate::object::file::view::View;

/// What an offset of a seek counts from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Whence {
    /// `MPI_SEEK_SET`: the beginning of the view.
    Set,
    /// `MPI_SEEK_CUR`: where the pointer is.
    Current,
    /// `MPI_SEEK_END`: the end of the file.
    End,
}

impl Whence {
    /// # Errors
    /// Class ARG.
    pub fn of(whence: i32) -> Result<Whence> {
        match whence {
            403 => Ok(Whence::Set),
            401 => Ok(Whence::Current),
            402 => Ok(Whence::End),
            _ => fail!(
                ARG,
                "whence is {whence}, but must be MPI_SEEK_SET, MPI_SEEK_CUR or MPI_SEEK_END"
            ),
        }
    }
}

/// Where a pointer goes that is at `current`.
///
/// # Errors
/// Before the beginning of the view, or behind what an offset can say (class ARG).
pub fn target(file: &File, view: &View, current: i64, offset: i64, whence: Whence) -> Result<i64> {
    let from = match whence {
        Whence::Set => 0,
        Whence::Current => current,
        Whence::End => end_of_file(file, view)?,
    };
    match from.checked_add(offset) {
        Some(target) if target >= 0 => Ok(target),
        _ => fail!(
            ARG,
            "offset {offset} from {from} is {}, but the view begins at 0 and ends at {}",
            i128::from(from) + i128::from(offset),
            i64::MAX
        ),
    }
}

/// `MPI_File_seek`.
///
/// # Errors
/// As [`target`], and for a file of `MPI_MODE_SEQUENTIAL`.
pub fn seek(file: &File, offset: i64, whence: Whence) -> Result<()> {
    file.may_choose_place()?;
    let target = target(file, &file.view(), file.position.get(), offset, whence)?;
    file.position.set(target);
    Ok(())
}

/// The first etype of the view that begins at or behind the end of the file.
///
/// # Errors
/// The kernel does not say the size.
pub fn end_of_file(file: &File, view: &View) -> Result<i64> {
    let size = size::get(file)?;
    Ok(etypes_before(view, size))
}

/// The number of the first etype that begins at or behind byte `end` of the file.
fn etypes_before(view: &View, end: u64) -> i64 {
    // Places grow with the number of the etype: between `low`, which lies before `end`, and
    // `high`, which does not.
    let is_before = |etype: i64| {
        let position = etype.cast_unsigned().checked_mul(view.etype_size());
        let place = position.and_then(|position| view.place(position));
        place.is_some_and(|place| place < end)
    };
    if !is_before(0) {
        return 0;
    }
    let (mut low, mut high) = (0, i64::MAX);
    while low + 1 < high {
        let middle = low + (high - low) / 2;
        if is_before(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

/// `MPI_File_get_byte_offset`: where etype `offset` of the view lies, in bytes from the
/// beginning of the file.
///
/// # Errors
/// A negative offset, or one behind the largest file offset.
pub fn byte_offset(file: &File, offset: i64) -> Result<i64> {
    let view = file.view();
    let position = stream_position(&view, offset)?;
    match view
        .place(position)
        .and_then(|place| i64::try_from(place).ok())
    {
        Some(place) => Ok(place),
        None => fail!(
            ARG,
            "offset {offset} of the view lies behind the largest file offset"
        ),
    }
}

/// The byte of the view's stream at which etype `offset` begins.
///
/// # Errors
/// A negative offset, or one behind the largest file offset (class ARG).
pub fn stream_position(view: &View, offset: i64) -> Result<u64> {
    let Ok(etypes) = u64::try_from(offset) else {
        fail!(ARG, "offset is {offset}, but must not be negative");
    };
    match etypes.checked_mul(view.etype_size()) {
        Some(position) => Ok(position),
        None => fail!(
            ARG,
            "offset {offset} of the view lies behind the largest file offset"
        ),
    }
}
