//! `mpirun`: starts the ranks of a job, and tells how they ended.

mod spawn;

use clap::Parser;
use std::ffi::OsString;
use std::os::fd::AsRawFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitCode};
use std::sync::atomic::Ordering::Relaxed;
use wireup::env;
use wireup::segment::Segment;

/// Starts a job of several ranks on this machine.
#[derive(Parser, Debug)]
struct Options {
    /// Number of ranks.
    #[arg(short = 'n', long = "np", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    ranks: u32,
    /// The program and its arguments.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
    program: Vec<OsString>,
}

fn main() -> ExitCode {
    let options = Options::parse();
    match run(&options) {
        Ok(code) => ExitCode::from(code),
        Err(why) => {
            eprintln!("mpirun: {why}");
            ExitCode::from(1)
        }
    }
}

fn run(options: &Options) -> Result<u8, Box<dyn std::error::Error>> {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let segment = Segment::create(options.ranks, u32::try_from(processors)?)?;
    let fd = nix::fcntl::fcntl(segment.fd(), nix::fcntl::FcntlArg::F_DUPFD_CLOEXEC(200))
        .unwrap_or(segment.fd().as_raw_fd());
    let mut children = Vec::new();
    for rank in 0..options.ranks {
        let mut command = Command::new(&options.program[0]);
        command
            .args(&options.program[1..])
            .env(env::RANK, rank.to_string())
            .env(env::SIZE, options.ranks.to_string())
            .env(env::SEGMENT, fd.to_string())
            .env(env::APPNUM, "0")
            .env(env::LAUNCHER, std::process::id().to_string());
        let child = spawn::start(&mut command, fd)?;
        segment.record(rank).child.store(child.id(), Relaxed);
        segment.record(rank).processor.store(u32::MAX, Relaxed);
        children.push(child);
    }
    let mut code = 0;
    for (rank, child) in children.iter_mut().enumerate() {
        let status = child.wait()?;
        let its = status
            .code()
            .or_else(|| status.signal().map(|s| s + 128))
            .unwrap_or(1);
        if its != 0 {
            eprintln!("mpirun: rank {rank}: {status}");
            if code == 0 {
                code = u8::try_from(its).unwrap_or(1);
            }
        }
    }
    Ok(code)
}
