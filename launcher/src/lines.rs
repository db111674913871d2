//! Cuts what a rank prints into whole lines, and puts a prefix before each if that is
//! wanted. Pure.

/// Bytes of an unfinished line that are held at the most. A longer line is passed on in
/// pieces, while other streams wait (see [`crate::forward`]).
const LONGEST_HELD: usize = 64 << 10;

/// What is put before each line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinePrefix {
    /// The time, as [`clock`] writes it.
    pub time: bool,
    /// The rank, and the stream if it is to be shown. `%t` stands for the time in seconds since
    /// 1970.
    pub tag: String,
    /// The name of the XML element that each line becomes, instead of the above.
    pub element: Option<XmlElement>,
}

/// The XML element of a stream's lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct XmlElement {
    /// Its name: that of the stream.
    pub name: &'static str,
    /// The value of its attribute `rank`.
    pub rank: u32,
}

impl XmlElement {
    /// Appends a line, or a part of one, as it stands in XML.
    fn append(&self, line: &[u8], (begins, ends): (bool, bool), out: &mut Vec<u8>) {
        if begins {
            out.extend_from_slice(format!("<{} rank=\"{}\">", self.name, self.rank).as_bytes());
        }
        for byte in line.strip_suffix(b"\n").unwrap_or(line) {
            match byte {
                b'&' => out.extend_from_slice(b"&amp;"),
                b'<' => out.extend_from_slice(b"&lt;"),
                b'>' => out.extend_from_slice(b"&gt;"),
                b'\t' | b'\r' | 0x20.. => out.push(*byte),
                _ => out.extend_from_slice("\u{fffd}".as_bytes()), // XML cannot have it
            }
        }
        if ends {
            out.extend_from_slice(format!("</{}>\n", self.name).as_bytes());
        }
    }
}

impl LinePrefix {
    fn is_empty(&self) -> bool {
        !self.time && self.tag.is_empty() && self.element.is_none()
    }
}

/// The lines of one stream of one rank.
#[derive(Debug)]
pub struct LineBuffer {
    prefix: LinePrefix,
    /// Bytes are passed on as they come, not by whole lines.
    raw: bool,
    held: Vec<u8>,
    /// The last byte passed on did not end a line.
    open: bool,
}

impl LineBuffer {
    /// An empty buffer. If `raw`, bytes are passed on as they come.
    pub fn new(prefix: LinePrefix, raw: bool) -> LineBuffer {
        LineBuffer {
            prefix,
            raw,
            held: Vec::new(),
            open: false,
        }
    }

    /// Takes what was read, and appends to `out` what can be passed on now.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        let whole = match self.raw {
            true => bytes.len(),
            false => bytes
                .iter()
                .rposition(|b| *b == b'\n')
                .map_or(0, |at| at + 1),
        };
        if whole > 0 {
            let held = std::mem::take(&mut self.held);
            self.pass_on(&held, out);
            self.pass_on(&bytes[..whole], out);
        }
        self.held.extend_from_slice(&bytes[whole..]);
        if self.held.len() > LONGEST_HELD || (self.open && !self.held.is_empty()) {
            self.flush(out);
        }
    }

    /// Appends to `out` what is held, though its line is not finished.
    pub fn flush(&mut self, out: &mut Vec<u8>) {
        let held = std::mem::take(&mut self.held);
        self.pass_on(&held, out);
    }

    /// Whether a part of a line is passed on, and its end is not.
    pub fn is_open(&self) -> bool {
        self.open && !self.raw
    }

    /// Whether some bytes wait for the end of their line.
    pub fn is_holding(&self) -> bool {
        !self.held.is_empty()
    }

    fn pass_on(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        let Some(last) = bytes.last() else { return };
        if self.prefix.is_empty() {
            out.extend_from_slice(bytes);
        } else {
            for line in bytes.split_inclusive(|b| *b == b'\n') {
                let is_end = line.ends_with(b"\n");
                if let Some(element) = &self.prefix.element {
                    element.append(line, (!self.open, is_end), out);
                    self.open = !is_end;
                    continue;
                }
                if !self.open {
                    if self.prefix.time {
                        out.extend_from_slice(clock().as_bytes());
                    }
                    match self.prefix.tag.contains("%t") {
                        true => {
                            let tag = self.prefix.tag.replace("%t", &seconds().to_string());
                            out.extend_from_slice(tag.as_bytes());
                        }
                        false => out.extend_from_slice(self.prefix.tag.as_bytes()),
                    }
                }
                out.extend_from_slice(line);
                self.open = !line.ends_with(b"\n");
            }
        }
        self.open = *last != b'\n';
    }
}

/// Whole seconds since 1970.
pub fn seconds() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.unwrap_or_default().as_secs()
}

/// The time now in UTC, to the millisecond, with a space behind it.
fn clock() -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = now.unwrap_or_default();
    stamp(now.as_secs(), now.subsec_millis())
}

/// Seconds since 1970 as `2026-11-23T17:02:28.001Z `.
fn stamp(seconds: u64, millis: u32) -> String {
    let (day, time) = (seconds / 86400, seconds % 86400);
    // Days are counted from 0000-03-01, so that a leap day is the last day of its year.
    let day = day + 719_468;
    let (era, day) = (day / 146_097, day % 146_097);
    let year = (day - day / 1460 + day / 36524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    let year = era * 400 + year + carry;
    let (hour, minute, second) = (time / 3600, time / 60 % 60, time % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tagged() -> LineBuffer {
        let tag = "[1] ".to_owned();
        let prefix = LinePrefix {
            tag,
            ..LinePrefix::default()
        };
        LineBuffer::new(prefix, false)
    }

    fn push(lines: &mut LineBuffer, bytes: &[u8]) -> String {
        let mut out = Vec::new();
        lines.push(bytes, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn only_whole_lines_come_out() {
        let mut lines = LineBuffer::new(LinePrefix::default(), false);
        assert_eq!(push(&mut lines, b"ab"), "");
        assert_eq!(push(&mut lines, b"c\nd"), "abc\n");
        assert_eq!(push(&mut lines, b"\n\n"), "d\n\n");
        assert_eq!(push(&mut lines, b"end"), "");
        let mut out = Vec::new();
        lines.flush(&mut out);
        assert_eq!(out, b"end");
    }

    #[test]
    fn each_line_gets_its_prefix_once() {
        let mut lines = tagged();
        assert_eq!(push(&mut lines, b"a\nb"), "[1] a\n");
        assert_eq!(push(&mut lines, b"c\n\n"), "[1] bc\n[1] \n");
    }

    #[test]
    fn lines_become_elements() {
        let element = XmlElement {
            name: "stdout",
            rank: 3,
        };
        let prefix = LinePrefix {
            element: Some(element),
            ..LinePrefix::default()
        };
        let mut lines = LineBuffer::new(prefix, true);
        assert_eq!(push(&mut lines, b"a<b"), "<stdout rank=\"3\">a&lt;b");
        let out = push(&mut lines, b"&\x01\n\n");
        assert_eq!(
            out,
            "&amp;\u{fffd}</stdout>\n<stdout rank=\"3\"></stdout>\n"
        );
    }

    #[test]
    fn a_huge_line_goes_out_in_pieces_with_one_prefix() {
        let mut lines = tagged();
        let piece = vec![b'x'; LONGEST_HELD + 1];
        let out = push(&mut lines, &piece);
        assert_eq!(out.len(), piece.len() + 4);
        assert!(lines.is_open());
        assert_eq!(push(&mut lines, b"yy"), "yy");
        assert_eq!(push(&mut lines, b"z\nnext"), "z\n");
        assert!(!lines.is_open() && lines.is_holding());
    }

    #[test]
    fn bytes_come_out_as_they_went_in() {
        let mut lines = LineBuffer::new(LinePrefix::default(), false);
        let all: Vec<u8> = (0..=255).cycle().take(100_000).collect();
        let mut out = Vec::new();
        for piece in all.chunks(777) {
            lines.push(piece, &mut out);
        }
        lines.flush(&mut out);
        assert_eq!(out, all);
    }

    #[test]
    fn dates() {
        assert_eq!(stamp(0, 0), "1970-01-01T00:00:00.000Z ");
        assert_eq!(stamp(951_782_400, 5), "2000-02-29T00:00:00.005Z ");
        assert_eq!(stamp(1_795_453_348, 1), "2026-11-23T17:02:28.001Z ");
    }
}
