//! The lines of `/proc/self/maps`, one by one and without allocation, so that a
//! handler around fork can read them.

use nix::fcntl::{self, OFlag};
use nix::sys::stat::Mode;
use std::ffi::CStr;
use std::fs::File;
use std::io::{self, Read};

/// Bytes that are read at a time: the kernel gives about a page.
const BUFFER: usize = 4096;

/// One mapping.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Line<'a> {
    /// First address.
    pub start: usize,
    /// The address past the last byte.
    pub end: usize,
    /// `PROT_READ`, `PROT_WRITE`, `PROT_EXEC`.
    pub protection: i32,
    /// Whether it is `MAP_SHARED`.
    pub shared: bool,
    /// Offset in the file of the byte at `start`.
    pub offset: u64,
    /// Device and inode of the file, as `stat` has them; inode 0: anonymous.
    pub file: (u64, u64),
    /// The file's path or the kernel's name for it; may be empty.
    pub path: &'a [u8],
}

impl<'a> Line<'a> {
    /// Parses a line, given without its line feed. `None`: it is something else.
    pub fn parse(line: &'a [u8]) -> Option<Line<'a>> {
        let mut rest = line;
        let start = number(until(&mut rest, b'-')?, 16)?;
        let end = number(until(&mut rest, b' ')?, 16)?;
        let flags = until(&mut rest, b' ')?;
        let offset = number(until(&mut rest, b' ')?, 16)?;
        let major = number(until(&mut rest, b':')?, 16)?;
        let minor = number(until(&mut rest, b' ')?, 16)?;
        let (inode, name) =
            rest.split_at(rest.iter().position(|c| *c == b' ').unwrap_or(rest.len()));
        let inode = number(inode, 10)?;
        let bit = |at: usize, letter, bit| match flags.get(at) == Some(&letter) {
            true => bit,
            false => 0,
        };
        let device = libc::makedev(u32::try_from(major).ok()?, u32::try_from(minor).ok()?);
        Some(Line {
            start: usize::try_from(start).ok()?,
            end: usize::try_from(end).ok()?,
            protection: bit(0, b'r', libc::PROT_READ)
                | bit(1, b'w', libc::PROT_WRITE)
                | bit(2, b'x', libc::PROT_EXEC),
            shared: flags.get(3) == Some(&b's'),
            offset,
            file: (device, inode),
            path: name.trim_ascii_start(),
        })
    }

    /// Bytes.
    #[expect(clippy::len_without_is_empty, reason = "it never is")]
    pub fn len(&self) -> usize {
        self.end - self.start
    }
}

/// Calls `each` with every line of `file` that is a mapping, in order. `each` may
/// change mappings that it has been told of.
pub fn each(file: &CStr, each: &mut dyn FnMut(&Line<'_>)) -> io::Result<()> {
    let file = fcntl::open(file, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty())?;
    let mut file = File::from(file);
    let mut buffer = [0u8; BUFFER];
    // `kept`: bytes of a line whose end has not been read yet; `skip`: the line was
    // longer than the buffer, `each` has had it, and its rest is of no use.
    let (mut kept, mut skip) = (0, false);
    loop {
        let n = match file.read(&mut buffer[kept..]) {
            Ok(0) => return Ok(()),
            Ok(n) => n,
            Err(why) if why.kind() == io::ErrorKind::Interrupted => continue,
            Err(why) => return Err(why),
        };
        let have = kept + n;
        let mut begin = 0;
        while let Some(len) = buffer[begin..have].iter().position(|c| *c == b'\n') {
            if let Some(line) = Line::parse(&buffer[begin..begin + len]).filter(|_| !skip) {
                each(&line);
            }
            skip = false;
            begin += len + 1;
        }
        kept = have - begin;
        if kept == BUFFER {
            if let Some(line) = Line::parse(&buffer).filter(|_| !skip) {
                each(&line);
            }
            (skip, kept) = (true, 0);
        } else {
            buffer.copy_within(begin..have, 0);
        }
    }
}

/// The bytes before the first `stop`, which are taken off with it.
fn until<'a>(rest: &mut &'a [u8], stop: u8) -> Option<&'a [u8]> {
    let at = rest.iter().position(|c| *c == stop)?;
    let (before, behind) = rest.split_at(at);
    *rest = &behind[1..];
    Some(before)
}

fn number(digits: &[u8], base: u32) -> Option<u64> {
    let text = std::str::from_utf8(digits).ok()?;
    u64::from_str_radix(text, base).ok()
}

#[cfg(test)]
mod tests {
    use super::{Line, each};

    #[test]
    fn lines_are_understood() {
        let text = b"7f0e28000000-7f0e28021000 rw-s 00042000 00:01 1234    /memfd:a b (deleted)";
        let line = Line::parse(text).unwrap();
        assert_eq!((line.start, line.len()), (0x7f0e_2800_0000, 0x21000));
        assert_eq!(line.protection, libc::PROT_READ | libc::PROT_WRITE);
        assert_eq!((line.shared, line.offset), (true, 0x42000));
        assert_eq!(line.file, (libc::makedev(0, 1), 1234));
        assert_eq!(line.path, b"/memfd:a b (deleted)");
        let text = b"00400000-00401000 ---p 00000000 fd:1f 0 ";
        let line = Line::parse(text).unwrap();
        assert_eq!((line.protection, line.shared), (0, false));
        assert_eq!(line.file, (libc::makedev(0xfd, 0x1f), 0));
        assert!(line.path.is_empty());
        for other in [
            "",
            "Rss:                  4 kB",
            "VmFlags: rd ex mr mw me sd ",
            "12-zz r",
        ] {
            assert_eq!(Line::parse(other.as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn reading_in_pieces_gives_what_reading_at_once_gives() {
        // Longer than the buffer: lines that cross its end, one that fills it and more.
        let mut text = String::new();
        for i in 1..400 {
            let name = "x".repeat(match i {
                200 => 9000,
                300 => 4096 - 50,
                _ => i % 97,
            });
            text += &format!("{i}000-{i}800 rw-p 00000000 00:00 {i}        /{name}\n");
        }
        let path = std::env::temp_dir().join(format!("lariat-lines-{}", std::process::id()));
        std::fs::write(&path, &text).unwrap();
        let name = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
        let mut seen = Vec::new();
        each(&name, &mut |line| {
            seen.push((line.start, line.file.1, line.path.len()))
        })
        .unwrap();
        std::fs::remove_file(&path).unwrap();
        let whole = text
            .lines()
            .map(|line| Line::parse(line.as_bytes()).unwrap());
        let expected: Vec<_> = whole.map(|l| (l.start, l.file.1, l.path.len())).collect();
        assert_eq!(seen.len(), expected.len());
        for (got, want) in seen.iter().zip(&expected) {
            // A path longer than the buffer is cut; nothing else is.
            assert!(got == want || (want.2 > 4000 && (got.0, got.1) == (want.0, want.1)));
        }
    }

    #[test]
    fn this_process_has_mappings_in_order() {
        let (mut last, mut lines) = (0, 0);
        each(c"/proc/self/maps", &mut |line| {
            assert!(line.start >= last && line.start < line.end);
            (last, lines) = (line.end, lines + 1);
        })
        .unwrap();
        assert!(lines > 5);
        let why = each(c"/nowhere", &mut |_| ()).unwrap_err();
        assert_eq!(why.raw_os_error(), Some(libc::ENOENT));
    }
}
