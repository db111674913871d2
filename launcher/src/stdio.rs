//! Where the ranks' standard output and error go: one or two pipes for each rank, which the
//! forwarding thread ([`crate::forward`]) reads, and files if they are asked for.

use crate::cli::JobOptions;
use crate::forward::{self, Forwarder};
use crate::libtest::Tests;
use crate::lines::{LineBuffer, LinePrefix, XmlElement};
use crate::sink::{StdStream, stdout_is_stderr};
use crate::spawn::{self, named};
use crate::stream::RankStream;
use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};
use nix::pty::openpty;
use nix::sys::termios::{SetArg, cfmakeraw, tcgetattr, tcsetattr};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::process::{Command, Stdio};
use std::sync::Arc;

/// Creates or empties a file for output. Does not wait for a reader if it is a FIFO.
fn create(name: &str) -> io::Result<File> {
    let mut options = File::options();
    options.write(true).create(true).truncate(true);
    let opened = options.custom_flags(libc::O_NONBLOCK).open(name);
    let file = opened.map_err(|why| {
        let hint = match why.raw_os_error() {
            Some(libc::ENXIO) => " (nobody reads it)",
            _ => "",
        };
        io::Error::new(why.kind(), format!("{name}: {why}{hint}"))
    })?;
    fcntl(&file, FcntlArg::F_SETFL(OFlag::empty()))?; // later writes may wait
    Ok(file)
}

/// A terminal for a rank: its end for mpirun, and its end for the rank. What the rank prints
/// arrives as it is, and its size is that of mpirun's own terminal, if it has one.
fn terminal() -> io::Result<(OwnedFd, OwnedFd)> {
    let size = spawn::terminal_size();
    let made = openpty(size.as_ref(), None).map_err(io::Error::from);
    let ends = made.map_err(named("openpty", "for --pty"))?;
    let mut modes = tcgetattr(&ends.slave)?;
    cfmakeraw(&mut modes);
    tcsetattr(&ends.slave, SetArg::TCSANOW, &modes)?;
    fcntl(&ends.master, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
    fcntl(&ends.slave, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
    Ok((ends.master, ends.slave))
}

/// The output pipes of all ranks, before the forwarding thread starts.
#[derive(Debug)]
pub struct OutputPipes {
    streams: Vec<RankStream>,
    global: JobOptions,
    /// Each rank has one pipe for both streams, since they lead to the same place: that
    /// keeps their order.
    together: bool,
    /// Digits of a rank's number in file names.
    width: usize,
    /// The tests of which ranks tell on their standard output.
    tests: Option<Arc<Tests>>,
}

impl OutputPipes {
    /// The pipes of a job of `ranks` ranks; they are made by [`OutputPipes::connect`].
    pub fn new(global: &JobOptions, ranks: u32) -> OutputPipes {
        let spec = global.output();
        let split = global.tag_output
            || spec.tag
            || spec.xml
            || spec.dir.is_some()
            || spec.file.is_some()
            || global.outfile_pattern.is_some()
            || global.errfile_pattern.is_some();
        OutputPipes {
            streams: Vec::new(),
            global: global.clone(),
            together: !split && (spec.merge || stdout_is_stderr()),
            width: ranks.saturating_sub(1).to_string().len(),
            tests: None,
        }
    }

    /// Takes what ranks tell of tests out of what they print.
    pub fn tell_tests(&mut self, tests: Arc<Tests>) {
        self.tests = Some(tests);
        self.together = false;
    }

    /// Gives `command`, which starts `rank`, its standard output and error. `prompt`: the
    /// rank reads a terminal, and may show prompts.
    ///
    /// # Errors
    /// There are no more descriptors, or a file cannot be created.
    pub fn connect(&mut self, command: &mut Command, rank: u32, prompt: bool) -> io::Result<()> {
        if let Some(how) = self.global.stream_buffering {
            command.env(wireup::env::STREAM_BUFFERING, how.to_string());
        }
        let out = self.stream(rank, StdStream::Out, prompt)?;
        if self.together {
            command.stderr(Stdio::from(out.try_clone()?));
        } else {
            command.stderr(Stdio::from(self.stream(rank, StdStream::Err, prompt)?));
        }
        command.stdout(Stdio::from(out));
        Ok(())
    }

    fn stream(&mut self, rank: u32, kind: StdStream, prompt: bool) -> io::Result<OwnedFd> {
        let spec = self.global.output();
        let (pipe, writer) = match self.global.pty {
            true => terminal()?,
            false => {
                let made = io::pipe().map_err(named("pipe2", "for what ranks print"))?;
                (OwnedFd::from(made.0), OwnedFd::from(made.1))
            }
        };
        fcntl(&pipe, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        let mut tag = String::new();
        if self.global.tag_output || spec.tag {
            tag = format!("[1,{rank}]<{}>: ", kind.name());
        } else if let Some(pattern) = &self.global.prepend_pattern {
            tag = self.named(pattern, rank);
        } else if self.global.prepend_rank {
            tag = format!("[{rank}] ");
        }
        let element = spec.xml.then(|| XmlElement {
            name: kind.name(),
            rank,
        });
        let time = self.global.timestamp_output || spec.timestamp;
        let to = match kind {
            StdStream::Out => &self.global.outfile_pattern,
            StdStream::Err => &self.global.errfile_pattern,
        };
        let (file, only) = match (to, &spec.dir, &spec.file) {
            (Some(pattern), ..) => (Some(self.pattern(pattern, rank)), true),
            (None, Some(dir), _) => {
                let dir = format!("{dir}/rank.{rank:0width$}", width = self.width);
                std::fs::create_dir_all(&dir)?;
                (Some(format!("{dir}/{}", kind.name())), spec.nocopy)
            }
            (None, None, Some(file)) => {
                let end = &kind.name()[3..];
                let name = format!("{file}.{rank:0width$}.{end}", width = self.width);
                (Some(name), spec.nocopy)
            }
            (None, None, None) => (None, false),
        };
        let tests = self.tests.as_ref().filter(|_| kind == StdStream::Out);
        let file = match file {
            Some(name) => Some(create(&name)?),
            None => None,
        };
        self.streams.push(RankStream {
            pipe,
            kind: if spec.merge { StdStream::Out } else { kind },
            prompt,
            tests: tests.map(|tests| tests.lines(rank)),
            lines: LineBuffer::new(LinePrefix { time, tag, element }, spec.raw),
            file,
            to_own: !only,
        });
        Ok(writer)
    }

    /// The file name that a pattern stands for.
    fn pattern(&self, pattern: &str, rank: u32) -> String {
        let seconds = crate::lines::seconds().to_string();
        self.named(pattern, rank).replace("%t", &seconds)
    }

    /// A pattern with the names of a rank in it, but not the time.
    fn named(&self, pattern: &str, rank: u32) -> String {
        let host = nix::unistd::gethostname().unwrap_or_default();
        pattern
            .replace("%r", &rank.to_string())
            .replace("%h", &host.to_string_lossy())
            .replace("%g", "0")
            .replace("%p", "0")
    }

    /// Starts the forwarding thread.
    ///
    /// # Errors
    /// There are no more threads or descriptors.
    pub fn start(self) -> io::Result<Arc<Forwarder>> {
        forward::start(self.streams, stdout_is_stderr(), self.tests)
    }
}
