//! A line on stderr from where nothing may be allocated.

use std::fmt;
use std::io::Write;

/// Writes `lariat: process N: ` and `what` as one line to stderr, in one call. What
/// is longer than 512 bytes is cut.
pub fn say(what: fmt::Arguments<'_>) {
    let mut text = [0u8; 512];
    let mut rest = &mut text[..];
    let _ = writeln!(rest, "lariat: process {}: {what}", std::process::id());
    let len = 512 - rest.len();
    // SAFETY: the first `len` bytes of the array.
    unsafe { libc::write(2, text.as_ptr().cast(), len) };
}
