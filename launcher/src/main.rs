//! `mpirun`: starts the ranks of a job, each bound to its processors, forwards
//! what they print, and tells how they ended.
//!
//! ```text
//! cli        the command line, in the spellings of both common launchers
//! plan       one program, environment and directory for each rank
//! topology → placement → binding    which processors each rank gets
//! start      the job's segment, pipes and processes
//! spawn      fork and exec (all unsafe code)
//! stdio, lines, stdin               what goes in and out
//! control    the loop: signals, ended children, timeout
//! verdict    how an end is judged     explain  who waits for whom
//! reap       the process tree, and what is left of it
//! ```

#![deny(unsafe_code)]

mod binding;
mod cli;
mod control;
mod explain;
mod hosts;
mod lines;
mod placement;
mod plan;
mod program;
mod reap;
mod spawn;
mod start;
mod stdin;
mod stdio;
mod topology;
mod verdict;

use cli::{Asked, Global, Local};
use start::Start;
use std::fmt::Display;
use std::io::Write;
use std::process::ExitCode;

/// Why mpirun ends before its job began: what it says and exits with.
struct Stop {
    code: u8,
    text: String,
}

fn stop(text: impl Display) -> Stop {
    Stop {
        code: 1,
        text: text.to_string(),
    }
}

/// Says something on standard error, in one write, so that nothing tears it.
pub fn say(text: &str) {
    let line = format!("mpirun: {text}\n");
    let _ = std::io::stderr().write_all(line.as_bytes()); // nobody to tell if it fails
}

fn main() -> ExitCode {
    let args: Vec<std::ffi::OsString> = std::env::args_os().skip(1).collect();
    let ended = match cli::parse(&args) {
        Ok(Asked::Text(text)) => match std::io::stdout().write_all(text.as_bytes()) {
            Ok(()) => Ok(0),
            Err(why) => Err(stop(why)),
        },
        Ok(Asked::Run(global, locals)) => run(&global, &locals),
        Err(why) => Err(stop(why)),
    };
    match ended {
        Ok(code) => ExitCode::from(code),
        Err(Stop { code, text }) => {
            say(&text);
            ExitCode::from(code)
        }
    }
}

fn run(global: &Global, locals: &[Local]) -> Result<u8, Stop> {
    let get = |name: &str| std::env::var_os(name).map(|v| v.to_string_lossy().into_owned());
    wireup::settings::Settings::read(get).map_err(stop)?;
    let timeout = timeout(global)?;
    let hosts = hosts::ranks(global).map_err(stop)?;
    let quiet = spawn::quiet_hwloc();
    let mut resources = binding::Resources::read();
    let processors = resources.processors;
    let mut apps = Vec::with_capacity(locals.len());
    for local in locals {
        let ranks = match local.ranks {
            Some(n) => n,
            None if locals.len() > 1 => 1,
            None => global
                .perhost
                .or(hosts)
                .unwrap_or_else(|| resources.ranks(global.map_by.as_ref())),
        };
        let app = plan::app(global, local, ranks).map_err(|why| Stop {
            code: why.code(),
            text: why.to_string(),
        })?;
        apps.push(app);
    }
    let size = apps
        .iter()
        .try_fold(0_u32, |sum, a| sum.checked_add(a.ranks));
    let size = size.ok_or_else(|| stop("more ranks than can be counted"))?;
    if let Some(cli::Stdin::Rank(r)) = global.stdin
        && r >= size
    {
        return Err(stop(format!(
            "--stdin {r}: the job has ranks 0 to {}",
            size - 1
        )));
    }
    let binding = resources.bind(global, size).map_err(stop)?;
    if binding::reports(global) {
        say(binding.picture().trim_end());
    }
    let mut start = Start::new(global, size, processors, quiet)?;
    start.publish(&binding.placement);
    for (index, app) in apps.iter().enumerate() {
        for _ in 0..app.ranks {
            start.rank(global, app, index, &binding.placement)?;
        }
    }
    start.run(global, timeout)
}

/// `--timeout`, else `MPIEXEC_TIMEOUT`, in seconds.
fn timeout(global: &Global) -> Result<Option<f64>, Stop> {
    if let Some(seconds) = global.timeout {
        return Ok(Some(seconds));
    }
    match std::env::var("MPIEXEC_TIMEOUT") {
        Ok(text) if !text.is_empty() => match text.trim().parse::<f64>() {
            Ok(s) if s.is_finite() && s > 0.0 => Ok(Some(s)),
            Ok(s) if s <= 0.0 => Ok(None),
            _ => Err(stop(format!(
                "MPIEXEC_TIMEOUT={text:?}: wanted a number of seconds"
            ))),
        },
        _ => Ok(None),
    }
}
