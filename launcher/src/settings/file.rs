//! Reads a settings file, whatever lies at its path. A file that cannot be read is
//! ignored. Something else than an ordinary file is refused, without waiting for it. A line
//! that is no text is an error that names the line.

use super::source::{Setting, SettingSource, canonical_name};
use libc::{O_NOCTTY, O_NONBLOCK};
use std::fs::{FileType, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;
use wireup::settings::Settings;

/// Bytes of a settings file at the most.
const MAX_FILE: u64 = 1 << 20;
/// Bytes of a line at the most.
const MAX_LINE: usize = 4096;

/// What lies at the path of a settings file.
#[derive(Debug, PartialEq, Eq, Clone)]
pub enum FileContent {
    /// A file with these bytes.
    Text(Vec<u8>),
    /// Nothing.
    Absent,
    /// A file that cannot be read, for this reason.
    Unreadable(String),
}

/// Reads what is at `path`.
///
/// # Errors
/// It is no ordinary file, or larger than a settings file can be.
pub fn find(path: &Path) -> Result<FileContent, String> {
    let failed = |why: std::io::Error| match why.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => FileContent::Absent,
        _ => FileContent::Unreadable(why.to_string()),
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
    // It may be something else by now: opening must not wait for a FIFO.
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
    if let Err(why) = file.take(MAX_FILE + 1).read_to_end(&mut bytes) {
        return Ok(failed(why));
    }
    if bytes.len() as u64 > MAX_FILE {
        return Err(format!(
            "{}: it has more than {MAX_FILE} bytes, the most that a settings file may have",
            path.display()
        ));
    }
    Ok(FileContent::Text(bytes))
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

/// The settings in the bytes of a file, line by line: `NAME = VALUE`, where a `#` begins a
/// comment.
///
/// # Errors
/// The first line that cannot be used.
pub fn read(path: &Path, bytes: &[u8]) -> Result<Vec<Setting>, String> {
    let mut given = Vec::new();
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes); // a byte order mark
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
        let Some(name) = canonical_name(name) else {
            return Err(format!(
                "{place}: there is no setting {}: wanted one that mpirun --help lists",
                quoted(name)
            ));
        };
        Settings::default()
            .set(name, value)
            .map_err(|wanted| format!("{place}: {name} = {}: wanted {wanted}", quoted(value)))?;
        given.push(Setting {
            name,
            value: value.to_owned(),
            source: SettingSource::File(path.to_owned(), number),
        });
    }
    Ok(given)
}

/// A line as text.
fn text(line: &[u8]) -> Result<&str, String> {
    if line.len() > MAX_LINE {
        return Err(format!(
            "it has {} bytes: a line of a settings file may have {MAX_LINE}",
            line.len()
        ));
    }
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let text = std::str::from_utf8(line).map_err(|why| {
        let at = why.valid_up_to();
        format!(
            "byte {} ({:#04x}) is not text (UTF-8 is wanted)",
            at + 1,
            line[at]
        )
    })?;
    let odd = line
        .iter()
        .position(|b| b.is_ascii_control() && *b != b'\t');
    match odd {
        Some(at) => Err(format!("byte {} ({:#04x}) is not text", at + 1, line[at])),
        None => Ok(text),
    }
}

/// Text of a file for a message, cut if it is long.
fn quoted(text: &str) -> String {
    const MAX_CHARS: usize = 60;
    match text.char_indices().nth(MAX_CHARS) {
        Some((at, _)) => format!("{:?}…", &text[..at]),
        None => format!("{text:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(bytes: &[u8]) -> Result<Vec<Setting>, String> {
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
        assert_eq!(given[1].source, SettingSource::File("/etc/s".into(), 4));
    }

    #[test]
    fn a_bad_line_is_named_with_what_would_be_right() {
        let long = format!("\n# {}", "x".repeat(MAX_LINE));
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
            (b"\n\ncheck = 1\0", ["line 3", "byte 10 (0x00)", "not text"]),
            (b"\x1b[1mcheck = 1", ["line 1", "byte 1 (0x1b)", "not text"]),
            (long.as_bytes(), ["line 2", "4098 bytes", "4096"]),
            (name.as_bytes(), ["line 1", "leglegleg", "\u{2026}"]),
        ] {
            let said = lines(text).unwrap_err();
            assert!(words.iter().all(|w| said.contains(w)), "{text:?}: {said}");
            assert!(said.len() < 300, "{said}");
        }
    }
}
