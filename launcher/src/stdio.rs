//! Where the ranks' standard output and error go: one or two pipes for each rank, which the
//! forwarding thread ([`crate::forward`]) reads, and files if they are asked for.

use crate::cli::JobOptions;
use crate::forward::{self, Forwarder};
use crate::lines::{LineBuffer, LinePrefix};
use crate::sink::{StdStream, stdout_is_stderr};
use crate::spawn::named;
use crate::stream::RankStream;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
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
}

impl OutputPipes {
    /// The pipes of a job of `ranks` ranks; they are made by [`OutputPipes::connect`].
    pub fn new(global: &JobOptions, ranks: u32) -> OutputPipes {
        let spec = global.output.clone().unwrap_or_default();
        let split = global.tag_output
            || spec.tag
            || spec.dir.is_some()
            || spec.file.is_some()
            || global.outfile_pattern.is_some()
            || global.errfile_pattern.is_some();
        OutputPipes {
            streams: Vec::new(),
            global: global.clone(),
            together: !split && (spec.merge || stdout_is_stderr()),
            width: ranks.saturating_sub(1).to_string().len(),
        }
    }

    /// Gives `command`, which starts `rank`, its standard output and error. `prompt`: the
    /// rank reads a terminal, and may show prompts.
    ///
    /// # Errors
    /// There are no more descriptors, or a file cannot be created.
    pub fn connect(&mut self, command: &mut Command, rank: u32, prompt: bool) -> io::Result<()> {
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
        let file = match file {
            Some(name) => Some(create(&name)?),
            None => None,
        };
        self.streams.push(RankStream {
            pipe,
            kind: if spec.merge { StdStream::Out } else { kind },
            prompt,
            lines: LineBuffer::new(LinePrefix { time, tag }, spec.raw),
            file,
            to_own: !only,
        });
        Ok(writer.into())
    }

    /// The file name that a pattern stands for.
    fn pattern(&self, pattern: &str, rank: u32) -> String {
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
        forward::start(self.streams, stdout_is_stderr())
    }
}
