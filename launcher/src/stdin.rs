//! Who reads mpirun's standard input. One rank gets the descriptor itself, so that files,
//! pipes and terminals behave as they do without mpirun. Only if all ranks are to read it,
//! mpirun reads and copies.

use crate::cli::StdinReader;
use crate::spawn::named;
use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::os::fd::AsFd;
use std::process::{Command, Stdio};

/// Hands out mpirun's standard input.
#[derive(Debug)]
pub struct StandardInput {
    reader: StdinReader,
    /// It is mpirun's controlling terminal: the rank that reads it stays in mpirun's process
    /// group.
    terminal: bool,
    /// The pipes that copies are written to.
    copies: Vec<io::PipeWriter>,
}

impl StandardInput {
    /// `reader` is what `--stdin` says. Without it rank 0 reads.
    pub fn new(reader: Option<StdinReader>) -> StandardInput {
        let stdin = io::stdin();
        StandardInput {
            reader: reader.unwrap_or(StdinReader::Rank(0)),
            terminal: stdin.is_terminal() && nix::unistd::tcgetpgrp(stdin.as_fd()).is_ok(),
            copies: Vec::new(),
        }
    }

    /// Gives `command`, which starts `rank`, its standard input. Returns
    /// whether the rank reads the terminal.
    ///
    /// # Errors
    /// There are no more descriptors.
    pub fn connect(&mut self, command: &mut Command, rank: u32) -> io::Result<bool> {
        match self.reader {
            StdinReader::Rank(r) if r == rank => {
                command.stdin(Stdio::inherit());
                return Ok(self.terminal);
            }
            StdinReader::All => {
                let made = io::pipe();
                let (reader, writer) = made.map_err(named("pipe2", "for what ranks read"))?;
                self.copies.push(writer);
                command.stdin(Stdio::from(reader));
            }
            _ => {
                command.stdin(empty()?);
            }
        }
        Ok(false)
    }

    /// Starts the thread that copies, if any rank reads a copy.
    ///
    /// # Errors
    /// There are no more threads.
    pub fn start(self) -> io::Result<()> {
        if self.copies.is_empty() {
            return Ok(());
        }
        let source = File::from(io::stdin().as_fd().try_clone_to_owned()?);
        let copy = move || copy(source, self.copies);
        std::thread::Builder::new()
            .name("input".to_owned())
            .spawn(copy)?;
        Ok(())
    }
}

/// An empty input: `/dev/null`, or if there is none, a pipe that nobody writes to.
fn empty() -> io::Result<Stdio> {
    if let Ok(null) = File::open("/dev/null") {
        return Ok(Stdio::from(null));
    }
    let (reader, _) = io::pipe()?;
    Ok(Stdio::from(reader))
}

/// Copies until the input ends or no rank reads any more. A slow rank slows the others.
fn copy(mut source: File, mut copies: Vec<io::PipeWriter>) {
    let mut buffer = vec![0; 64 << 10];
    while !copies.is_empty() {
        match source.read(&mut buffer) {
            Ok(0) => return,
            Ok(n) => copies.retain_mut(|copy| copy.write_all(&buffer[..n]).is_ok()),
            Err(why) if why.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}
