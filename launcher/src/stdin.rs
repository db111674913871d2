//! Who reads mpirun's standard input. One rank gets the descriptor itself, so
//! that files, pipes and terminals behave as without mpirun; only when all
//! ranks read it does mpirun read and copy.

use crate::cli::Stdin;
use crate::spawn::named;
use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::os::fd::AsFd;
use std::process::{Command, Stdio};

/// Hands standard input out.
#[derive(Debug)]
pub struct Input {
    who: Stdin,
    /// It is our controlling terminal: its reader stays in our process group.
    terminal: bool,
    copies: Vec<io::PipeWriter>,
}

impl Input {
    /// As `--stdin` said; rank 0 if it did not.
    pub fn new(who: Option<Stdin>) -> Input {
        let stdin = io::stdin();
        Input {
            who: who.unwrap_or(Stdin::Rank(0)),
            terminal: stdin.is_terminal() && nix::unistd::tcgetpgrp(stdin.as_fd()).is_ok(),
            copies: Vec::new(),
        }
    }

    /// Gives `command`, which starts `rank`, its standard input. Returns
    /// whether the rank reads the terminal.
    ///
    /// # Errors
    /// No more descriptors.
    pub fn connect(&mut self, command: &mut Command, rank: u32) -> io::Result<bool> {
        match self.who {
            Stdin::Rank(r) if r == rank => {
                command.stdin(Stdio::inherit());
                return Ok(self.terminal);
            }
            Stdin::All => {
                let made = io::pipe();
                let (reader, writer) = made.map_err(named("pipe2", "for what ranks read"))?;
                self.copies.push(writer);
                command.stdin(Stdio::from(reader));
            }
            _ => {
                command.stdin(nothing()?);
            }
        }
        Ok(false)
    }

    /// Starts copying, if there is anything to copy.
    ///
    /// # Errors
    /// No thread to be had.
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

/// Something that is at its end at once: `/dev/null`, and where there is none, a
/// pipe that nobody writes to.
fn nothing() -> io::Result<Stdio> {
    if let Ok(null) = File::open("/dev/null") {
        return Ok(Stdio::from(null));
    }
    let (reader, _) = io::pipe()?;
    Ok(Stdio::from(reader))
}

/// Until the input ends or nobody reads any more. A slow rank slows the others.
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
