//! Reading a settings file, whatever lies at its path: what cannot be read counts as
//! none, what is no ordinary file is refused without waiting for it, and a line that
//! is no text is named.

use super::{Given, Source, known};
use libc::{O_NOCTTY, O_NONBLOCK};
use std::fs::{FileType, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;
use wireup::settings::Settings;

/// Bytes of a settings file at the most, and of a line of it.
const LARGEST: u64 = 1 << 20;
const LONGEST: usize = 4096;

/// What was found at the path of a settings file.
#[derive(Debug, PartialEq, Eq, Clone)]
pub enum Found {
    /// Its bytes.
    Text(Vec<u8>),
    /// There is none.
    Absent,
    /// It cannot be read; why.
    Unreadable(String),
}

/// Reads what is at `path`.
///
/// # Errors
/// It is no ordinary file, or larger than a settings file can be.
pub fn find(path: &Path) -> Result<Found, String> {
    let failed = |why: std::io::Error| match why.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => Found::Absent,
        _ => Found::Unreadable(why.to_string()),
    };
    let refused = |kind: FileType| {
        let shown = path.display();
        format!(
            "{shown} is {}: a settings file is an ordinary file",
            name(kind)
        )
    };
    match std::fs::metadata(path) {
        Ok(meta) if !meta.is_file() => return Err(refused(meta.file_type())),
        Ok(_) => {}
        Err(why) => return Ok(failed(why)),
    }
    // Should it be something else by now, then without waiting for it.
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(O_NONBLOCK | O_NOCTTY);
    let file = match options.open(path) {
        Ok(file) => file,
        Err(why) => return Ok(failed(why)),
    };
    match file.metadata() {
        Ok(meta) if !meta.is_file() => return Err(refused(meta.file_type())),
        Ok(_) => {}
        Err(why) => return Ok(failed(why)),
    }
    let mut bytes = Vec::new();
    if let Err(why) = file.take(LARGEST + 1).read_to_end(&mut bytes) {
        return Ok(failed(why));
    }
    if bytes.len() as u64 > LARGEST {
        return Err(format!(
            "{}: this is more than a settings file can have: {LARGEST} bytes",
            path.display()
        ));
    }
    Ok(Found::Text(bytes))
}

fn name(kind: FileType) -> &'static str {
    if kind.is_dir() {
        "a directory"
    } else if kind.is_fifo() {
        "a FIFO"
    } else if kind.is_socket() {
        "a socket"
    } else if kind.is_char_device() || kind.is_block_device() {
        "a device"
    } else {
        "something else"
    }
}

/// The settings in the bytes of a file: lines `NAME = VALUE`; what follows a `#`
/// is a comment. Of two lines with one name the last one counts.
///
/// # Errors
/// The first line that cannot be used.
pub fn read(path: &Path, bytes: &[u8]) -> Result<Vec<Given>, String> {
    let mut given = Vec::new();
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes); // a mark of some editors
    for (line, number) in bytes.split(|b| *b == b'\n').zip(1..) {
        let place = format!("{}, line {number}", path.display());
        let line = text(line).map_err(|why| format!("{place}: {why}"))?;
        let line = line.split('#').next().unwrap_or_default().trim();
        if line.is_empty() {
            continue;
        }
        let Some((name, value)) = line.split_once('=') else {
            return Err(format!("{place}: {}: wanted NAME = VALUE", quoted(line)));
        };
        let (name, value) = (name.trim(), value.trim());
        let Some(known) = known(name) else {
            return Err(format!(
                "{place}: there is no setting {}: wanted one that mpirun --help lists",
                quoted(name)
            ));
        };
        Settings::default()
            .set(known, value)
            .map_err(|wanted| format!("{place}: {known} = {}: wanted {wanted}", quoted(value)))?;
        given.push(Given {
            name: known,
            value: value.to_owned(),
            source: Source::File(path.to_owned(), number),
        });
    }
    Ok(given)
}

/// A line as text.
fn text(line: &[u8]) -> Result<&str, String> {
    if line.len() > LONGEST {
        return Err(format!(
            "it has {} bytes: a line of a settings file has {LONGEST} at the most",
            line.len()
        ));
    }
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let text = std::str::from_utf8(line).map_err(|why| {
        let at = why.valid_up_to();
        format!(
            "byte {} ({:#04x}) is no text (UTF-8 is wanted)",
            at + 1,
            line[at]
        )
    })?;
    let odd = line
        .iter()
        .position(|b| b.is_ascii_control() && *b != b'\t');
    match odd {
        Some(at) => Err(format!("byte {} ({:#04x}) is no text", at + 1, line[at])),
        None => Ok(text),
    }
}

/// What stands in a file, for a message: not too much of it.
fn quoted(text: &str) -> String {
    const MOST: usize = 60;
    match text.char_indices().nth(MOST) {
        Some((at, _)) => format!("{:?}…", &text[..at]),
        None => format!("{text:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(bytes: &[u8]) -> Result<Vec<Given>, String> {
        read(Path::new("/etc/s"), bytes)
    }

    #[test]
    fn lines_and_comments() {
        let text = b"\xef\xbb\xbf# mine\r\n\n arm = cma # for now\nEAGER_LIMIT=4k\r\narm=copy\nheap_min\t=  8k ";
        let given = lines(text).unwrap();
        let short: Vec<_> = given.iter().map(|g| (g.name, g.value.as_str())).collect();
        let last = ("heap_min", "8k");
        assert_eq!(
            short,
            [("arm", "cma"), ("eager_limit", "4k"), ("arm", "copy"), last]
        );
        assert_eq!(given[1].source, Source::File("/etc/s".into(), 4));
    }

    #[test]
    fn a_bad_line_is_named_with_what_would_be_right() {
        let long = format!("\n# {}", "x".repeat(LONGEST));
        let name = format!("{} = 1", "leg".repeat(400));
        for (text, words) in [
            (&b"\narm = wing"[..], ["/etc/s, line 2", "\"wing\"", "cma"]),
            (b"leg = 1", ["line 1", "\"leg\"", "--help"]),
            (
                b"# x\n#\neager_limit 4k",
                ["line 3", "eager_limit 4k", "NAME = VALUE"],
            ),
            (b"ring_cells =", ["line 1", "\"\"", "power of two"]),
            (b"check = 1\n# \xe9\n", ["line 2", "byte 3 (0xe9)", "UTF-8"]),
            (b"\n\ncheck = 1\0", ["line 3", "byte 10 (0x00)", "no text"]),
            (b"\x1b[1mcheck = 1", ["line 1", "byte 1 (0x1b)", "no text"]),
            (long.as_bytes(), ["line 2", "4098 bytes", "4096"]),
            (name.as_bytes(), ["line 1", "leglegleg", "\u{2026}"]),
        ] {
            let said = lines(text).unwrap_err();
            assert!(words.iter().all(|w| said.contains(w)), "{text:?}: {said}");
            assert!(said.len() < 300, "{said}");
        }
    }
}
