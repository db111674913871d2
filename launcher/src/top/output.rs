//! What a job prints while the view is on the terminal. It goes to a file without a name,
//! in the place of mpirun's standard streams, and to the terminal afterwards.

use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::unistd::{dup2_stderr, dup2_stdout};
use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use wireup::plain;

/// Bytes of the output that the view shows at the most.
const SHOWN: u64 = 8 << 10;

/// Standard output and error of this process, as far as they were the terminal: they lead
/// to a file. Dropping it makes them the terminal again, and prints what is in the file.
#[derive(Debug)]
pub struct KeptOutput {
    file: File,
    /// The terminal.
    terminal: File,
    /// What the streams were.
    streams: [Option<OwnedFd>; 2],
    /// Bytes of the file that are on the terminal.
    printed: u64,
}

impl KeptOutput {
    /// Begins. None: neither stream is a terminal.
    ///
    /// # Errors
    /// There is no place for a file, or no descriptor.
    pub fn begin() -> io::Result<Option<KeptOutput>> {
        let (out, err) = (io::stdout(), io::stderr());
        let out = out.is_terminal().then(|| out.as_fd().try_clone_to_owned());
        let err = err.is_terminal().then(|| err.as_fd().try_clone_to_owned());
        let streams = [out.transpose()?, err.transpose()?];
        let Some(terminal) = streams.iter().flatten().next() else {
            return Ok(None);
        };
        let terminal = File::from(terminal.try_clone()?);
        let file = file()?;
        if streams[0].is_some() {
            dup2_stdout(&file)?;
        }
        if streams[1].is_some() {
            dup2_stderr(&file)?;
        }
        Ok(Some(KeptOutput {
            file,
            terminal,
            streams,
            printed: 0,
        }))
    }

    /// The terminal.
    pub fn terminal(&self) -> &File {
        &self.terminal
    }

    /// The last that was printed, safe to show.
    pub fn tail(&self) -> String {
        let len = self.file.metadata().map_or(0, |data| data.len());
        let from = len.saturating_sub(SHOWN);
        let mut bytes = vec![0; usize::try_from(len - from).unwrap_or(0)];
        let read = self.file.read_at(&mut bytes, from).unwrap_or(0);
        bytes.truncate(read);
        let text = String::from_utf8_lossy(&bytes);
        let text = match from {
            0 => &text,
            _ => text.split_once('\n').map_or(&*text, |(_, rest)| rest),
        };
        plain::text(text).replace('\t', "    ")
    }

    /// Prints what is new. There is no error: if the terminal is gone, there is nobody to tell.
    pub fn pump(&mut self) {
        let mut bytes = vec![0; 64 << 10];
        while let Ok(read @ 1..) = self.file.read_at(&mut bytes, self.printed) {
            if self.terminal.write_all(&bytes[..read]).is_err() {
                break;
            }
            self.printed += read as u64;
        }
    }
}

impl Drop for KeptOutput {
    fn drop(&mut self) {
        self.pump();
        // These descriptors are open; if it fails all the same, the rest is not seen.
        if let Some(out) = &self.streams[0] {
            let _ = dup2_stdout(out);
        }
        if let Some(err) = &self.streams[1] {
            let _ = dup2_stderr(err);
        }
        self.pump();
    }
}

/// A file without a name, which ends with its last descriptor.
fn file() -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(0o600);
    let opened = options
        .custom_flags(libc::O_TMPFILE)
        .open(std::env::temp_dir());
    match opened {
        Ok(file) => Ok(file),
        Err(_) => Ok(memfd_create(c"lariat-output", MFdFlags::MFD_CLOEXEC)?.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept() -> (KeptOutput, io::PipeReader) {
        let (reader, writer) = io::pipe().unwrap();
        let kept = KeptOutput {
            file: file().unwrap(),
            terminal: File::from(OwnedFd::from(writer)),
            streams: [None, None],
            printed: 0,
        };
        (kept, reader)
    }

    #[test]
    fn all_is_printed_once_and_in_order() {
        let (mut kept, reader) = kept();
        (&kept.file).write_all(b"one\n").unwrap();
        kept.pump();
        (&kept.file).write_all(b"two\n").unwrap();
        drop(kept);
        assert_eq!(io::read_to_string(reader).unwrap(), "one\ntwo\n");
    }

    #[test]
    fn the_tail_is_whole_lines_and_harmless() {
        let (kept, _reader) = kept();
        (&kept.file).write_all(b"a\tb\x1b[2J\n").unwrap();
        assert_eq!(kept.tail(), "a    b\\u{1b}[2J\n");
        (&kept.file)
            .write_all("0123456789\n".repeat(1000).as_bytes())
            .unwrap();
        let tail = kept.tail();
        assert!(tail.starts_with("0123456789\n") && tail.len() > 8000);
    }
}
