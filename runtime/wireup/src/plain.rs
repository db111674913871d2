//! Makes text that another process has written safe to print: it may contain anything,
//! including control sequences for a terminal.

use std::fmt::Write as _;

/// Characters that change how others are displayed without being control characters:
/// writing direction, line separators, invisible marks.
const STEERING: [(char, char); 6] = [
    ('\u{ad}', '\u{ad}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{2028}', '\u{202e}'),
    ('\u{2060}', '\u{206f}'),
    ('\u{feff}', '\u{feff}'),
];

/// `bytes` as one line: control characters and the like as `\u{1b}`, bytes that are
/// no UTF-8 as `\xff`.
#[must_use]
pub fn line(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        chunk.valid().chars().for_each(|c| put(&mut out, c));
        for byte in chunk.invalid() {
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
    out
}

/// `text` with the same escapes, except that line feeds and tabs stay: for messages of the
/// launcher, which may quote any word of its command line.
#[must_use]
pub fn text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' => out.push(c),
            c => put(&mut out, c),
        }
    }
    out
}

/// Adds a character as it is, or escaped where a terminal would obey it.
fn put(out: &mut String, c: char) {
    let steers = STEERING.iter().any(|(from, to)| (*from..=*to).contains(&c));
    if c.is_control() || steers {
        let _ = write!(out, "{}", c.escape_default());
    } else {
        out.push(c);
    }
}

/// As [`line()`], but line feeds stay. Lines after the first are indented, so that none
/// can be mistaken for one of the launcher's own.
#[must_use]
pub fn lines(bytes: &[u8]) -> String {
    let lines: Vec<String> = bytes.split(|b| *b == b'\n').map(line).collect();
    lines.join("\n  ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_escaped() {
        assert_eq!(line("größer\t1".as_bytes()), "größer\\t1");
        assert_eq!(
            line(b"\x1b[31mred\x07\r\n\0"),
            "\\u{1b}[31mred\\u{7}\\r\\n\\u{0}"
        );
        assert_eq!(line("\u{9b}2J \u{202e}".as_bytes()), "\\u{9b}2J \\u{202e}");
        assert_eq!(line(b"a\xff\xc3b"), "a\\xff\\xc3b");
        assert_eq!(text("a\tb\nc\r\u{85}"), "a\tb\nc\\r\\u{85}");
    }

    #[test]
    fn no_line_passes_for_the_launchers() {
        assert_eq!(
            lines(b"why\nmpirun: all is well"),
            "why\n  mpirun: all is well"
        );
    }
}
