//! Strings: padded with blanks in Fortran, ended by a zero byte in C (MPI 5.0, section 2.5.6).

use std::ffi::{CString, c_char};

/// A string of Fortran without the blanks at its end; without those at its beginning too, if
/// `both` (MPI 5.0, section 10, of keys and values). What lies behind a zero byte is left out.
///
/// # Safety
/// `text` has `len` bytes.
pub unsafe fn input(text: *const c_char, len: usize, both: bool) -> CString {
    let all = match len {
        0 => &[],
        // SAFETY: the caller's.
        _ => unsafe { std::slice::from_raw_parts(text.cast::<u8>(), len) },
    };
    from_bytes(all, both)
}

fn from_bytes(all: &[u8], both: bool) -> CString {
    let all = all.split(|byte| *byte == 0).next().unwrap_or_default();
    let end = all.iter().rposition(|b| *b != b' ').map_or(0, |at| at + 1);
    let start = match both {
        true => all[..end].iter().position(|b| *b != b' ').unwrap_or(0),
        false => 0,
    };
    CString::new(&all[start..end]).expect("the zero byte was cut off")
}

/// Room for the longest string that a call returns: `MPI_MAX_LIBRARY_VERSION_STRING`.
const ROOM: usize = 8192;

/// A string that a C function writes.
pub struct Output(Vec<u8>);

impl Output {
    /// An empty one.
    pub fn new() -> Output {
        Output(vec![0; ROOM])
    }

    /// An empty one with room for `len` bytes and the zero byte.
    pub fn with_room(len: usize) -> Output {
        Output(vec![0; len + 1])
    }

    /// Where the function writes it.
    pub fn place(&mut self) -> *mut c_char {
        self.0.as_mut_ptr().cast()
    }

    /// Copies it to the program's string: cut off or padded with blanks.
    ///
    /// # Safety
    /// `text` has `len` bytes.
    pub unsafe fn put(&self, text: *mut c_char, len: usize) {
        let end = self.0.iter().position(|b| *b == 0).unwrap_or(self.0.len());
        let end = end.min(len);
        // SAFETY: the caller's.
        unsafe {
            std::ptr::copy_nonoverlapping(self.0.as_ptr(), text.cast(), end);
            std::ptr::write_bytes(text.add(end), b' ', len - end);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_at_the_end_do_not_count() {
        assert_eq!(from_bytes(b" key  ", false).to_bytes(), b" key");
        assert_eq!(from_bytes(b" key  ", true).to_bytes(), b"key");
        assert_eq!(from_bytes(b"    ", true).to_bytes(), b"");
        assert_eq!(from_bytes(b"a\0b", false).to_bytes(), b"a");
    }

    #[test]
    fn what_is_returned_is_padded_or_cut() {
        let mut output = Output::with_room(5);
        output.0[..4].copy_from_slice(b"word");
        let mut place = [b'?'; 8];
        // SAFETY: the lengths are those of the array.
        unsafe { output.put(place.as_mut_ptr().cast(), 6) };
        assert_eq!(&place, b"word  ??");
        // SAFETY: as above.
        unsafe { output.put(place.as_mut_ptr().cast(), 2) };
        assert_eq!(&place, b"word  ??");
    }
}
