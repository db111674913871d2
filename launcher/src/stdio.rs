//! Where the ranks' standard output and error go: a pipe or two for each rank,
//! which the forwarding thread ([`crate::forward`]) reads, and files if wanted.

use crate::cli::Global;
use crate::forward::{self, Shared, same_place};
use crate::lines::{Lines, Prefix};
use crate::sink::Kind;
use crate::spawn::named;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::process::{Command, Stdio};
use std::sync::Arc;

/// One of a rank's two.
#[derive(Debug)]
pub struct Stream {
    /// The read end.
    pub pipe: OwnedFd,
    /// Which of mpirun's own it goes to.
    pub kind: Kind,
    /// It may show a prompt: what it holds is given out after a pause.
    pub prompt: bool,
    /// What is read and not given out.
    pub lines: Lines,
    /// Also, or only, written here.
    pub file: Option<File>,
    /// Written to mpirun's own.
    pub to_own: bool,
}

/// Makes or empties a file for output; does not wait where it is a FIFO.
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
    fcntl(&file, FcntlArg::F_SETFL(OFlag::empty()))?; // it is written as a whole
    Ok(file)
}

/// The pipes of all ranks, before the thread starts.
#[derive(Debug)]
pub struct Outputs {
    streams: Vec<Stream>,
    global: Global,
    /// Both streams end in one place: one pipe keeps their order.
    together: bool,
    width: usize,
}

impl Outputs {
    /// For a job of `ranks` ranks.
    pub fn new(global: &Global, ranks: u32) -> Outputs {
        let spec = global.output.clone().unwrap_or_default();
        let split = global.tag_output
            || spec.tag
            || spec.dir.is_some()
            || spec.file.is_some()
            || global.outfile_pattern.is_some()
            || global.errfile_pattern.is_some();
        Outputs {
            streams: Vec::new(),
            global: global.clone(),
            together: !split && (spec.merge || same_place()),
            width: ranks.saturating_sub(1).to_string().len(),
        }
    }

    /// Gives `command`, which starts `rank`, its standard output and error.
    /// `prompt`: it reads a terminal.
    ///
    /// # Errors
    /// No more descriptors, or a file that cannot be made.
    pub fn connect(&mut self, command: &mut Command, rank: u32, prompt: bool) -> io::Result<()> {
        let out = self.stream(rank, Kind::Out, prompt)?;
        if self.together {
            command.stderr(Stdio::from(out.try_clone()?));
        } else {
            command.stderr(Stdio::from(self.stream(rank, Kind::Err, prompt)?));
        }
        command.stdout(Stdio::from(out));
        Ok(())
    }

    fn stream(&mut self, rank: u32, kind: Kind, prompt: bool) -> io::Result<OwnedFd> {
        let spec = self.global.output.clone().unwrap_or_default();
        let (pipe, writer) = io::pipe().map_err(named("pipe2", "for what ranks print"))?;
        let pipe = OwnedFd::from(pipe);
        fcntl(&pipe, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        let mut tag = String::new();
        if self.global.tag_output || spec.tag {
            tag = format!("[1,{rank}]<{}>: ", kind.name());
        } else if self.global.prepend_rank {
            tag = format!("[{rank}] ");
        }
        let time = self.global.timestamp_output || spec.timestamp;
        let to = match kind {
            Kind::Out => &self.global.outfile_pattern,
            Kind::Err => &self.global.errfile_pattern,
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
        let file = match file {
            Some(name) => Some(create(&name)?),
            None => None,
        };
        self.streams.push(Stream {
            pipe,
            kind: if spec.merge { Kind::Out } else { kind },
            prompt,
            lines: Lines::new(Prefix { time, tag }, spec.raw),
            file,
            to_own: !only,
        });
        Ok(writer.into())
    }

    fn pattern(&self, pattern: &str, rank: u32) -> String {
        let host = nix::unistd::gethostname().unwrap_or_default();
        pattern
            .replace("%r", &rank.to_string())
            .replace("%h", &host.to_string_lossy())
            .replace("%g", "0")
            .replace("%p", "0")
    }

    /// Starts the thread.
    ///
    /// # Errors
    /// No thread or descriptor to be had.
    pub fn start(self) -> io::Result<Arc<Shared>> {
        forward::start(self.streams, same_place())
    }
}
