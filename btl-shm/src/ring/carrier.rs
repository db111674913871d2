//! Where the bytes of a cell are: the upper 16 bits of its first word.

/// Lengths up to [`super::INLINE`]: in the cell, and in lines behind it. Of a line
/// behind a cell, 0.
pub const WORDS: u16 = 0xfffd;
/// With the number of messages in the bits below, and their length in the lowest 8:
/// messages that share the cell.
pub const SHARED: u16 = 0x4000;
/// The bits that tell [`SHARED`] from others.
pub const KIND: u16 = 0xc000;
/// In a fragment; words 0 and 1 are its offset in the segment and the length.
pub const FRAGMENT: u16 = 0xfffe;
/// In the bulk area; words 0 and 1 are the position and the length.
pub const BULK: u16 = 0xffff;
