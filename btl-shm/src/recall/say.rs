//! A line on stderr from where nothing may be allocated.

use std::fmt::{self, Write};

/// Text of up to 512 bytes; what is longer is cut.
struct Text {
    bytes: [u8; 512],
    len: usize,
}

impl Write for Text {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        let room = &mut self.bytes[self.len..];
        let n = part.len().min(room.len());
        room[..n].copy_from_slice(&part.as_bytes()[..n]);
        self.len += n;
        Ok(())
    }
}

/// Writes `lariat: ` and `what` as one line to stderr, in one call.
pub fn say(what: fmt::Arguments<'_>) {
    let mut text = Text {
        bytes: [0; 512],
        len: 0,
    };
    // `Text` never refuses; only a Display of the caller's could, and then the
    // line is what came before.
    let _ = writeln!(text, "lariat: process {}: {what}", std::process::id());
    // SAFETY: the first `len` bytes of the array.
    unsafe { libc::write(2, text.bytes.as_ptr().cast(), text.len) };
}
