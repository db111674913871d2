//! `mpirun`: starts the ranks of a job, each bound to its processors, forwards
//! what they print, and tells how they ended.
//!
//! ```text
//! cli        the command line, in the spellings of both common launchers
//! settings   what is set where, and which of it counts
//! plan       one program, environment and directory for each rank
//! elf, loader, foreign    what a program's file needs, and whether it is another MPI's
//! slurm      how many ranks an allocation is for
//! preload    which of them get the shared heap
//! capacity   whether so many ranks can run here     cgroup  what groups allow
//! topology → placement, share → binding    which processors each rank gets
//! start      the job's segment, pipes and processes
//! spawn      fork and exec (all unsafe code)
//! stdio, forward, sink, lines, stdin    what goes in and out
//! control    the loop: signals, ended children, timeout
//! verdict    how an end is judged     want  killed for want of memory     explain  who waits for whom
//! watch      who can never go on: stuck (pure), threads (/proc)
//! reap       the process tree, and what is left of it
//! guard      ends what is left when mpirun is killed
//! report     what ranks tell about their memory     tune  measuring the machine
//! ```

#![deny(unsafe_code)]

mod binding;
mod capacity;
mod cgroup;
mod cli;
mod control;
mod elf;
mod explain;
mod foreign;
mod forward;
mod guard;
mod hosts;
mod lines;
mod loader;
mod placement;
mod plan;
mod preload;
mod program;
mod reap;
mod report;
mod settings;
mod share;
mod sink;
mod slurm;
mod spawn;
mod start;
mod stdin;
mod stdio;
mod stuck;
mod threads;
mod topology;
mod tree;
mod tune;
mod verdict;
mod want;
mod watch;

use cli::{Asked, Global, Local};
use start::Start;
use std::fmt::Display;
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

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

/// How long somebody who may read what mpirun prints is waited for where the job
/// is over for another reason than its own end.
pub const PATIENCE: Duration = Duration::from_secs(3);

/// Says something on standard error, in one piece, so that nothing tears it. While
/// a job runs, it does not wait for anybody to read it. It may quote what users wrote,
/// so nothing in it that a terminal would obey is passed on.
pub fn say(text: &str) {
    let line = format!("mpirun: {}\n", wireup::plain::text(text));
    if !forward::hand_over(line.as_bytes()) {
        sink::write_patiently(std::io::stderr(), line.as_bytes(), PATIENCE);
    }
}

fn main() -> ExitCode {
    let args: Vec<std::ffi::OsString> = std::env::args_os().skip(1).collect();
    let ended = match cli::parse(&args) {
        Ok(Asked::Text(text)) => print(&text),
        Ok(Asked::Settings(global)) => settings::gather(&global)
            .map_err(stop)
            .and_then(|gathered| print(&gathered.table())),
        Ok(Asked::Tune(global)) => tune::run(&global).map(|()| 0).map_err(stop),
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

/// Prints to standard output.
fn print(text: &str) -> Result<u8, Stop> {
    std::io::stdout().write_all(text.as_bytes()).map_err(stop)?;
    Ok(0)
}

fn run(global: &Global, locals: &[Local]) -> Result<u8, Stop> {
    let settings = settings::gather(global).map_err(stop)?;
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
            None => unsaid(global, hosts, &mut resources).map_err(stop)?,
        };
        let app = plan::app(global, &settings, local, ranks).map_err(|why| Stop {
            code: why.code(),
            text: why.to_string(),
        })?;
        if !global.allow_other_mpi {
            foreign::check(&app, !global.genvnone).map_err(|why| Stop {
                code: why.code(),
                text: why.to_string(),
            })?;
        }
        apps.push(app);
    }
    let cgroups = cgroup::Cgroups::own();
    let ranks: Vec<u32> = apps.iter().map(|a| a.ranks).collect();
    let size = capacity::check(global, &ranks, &cgroups).map_err(stop)?;
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
    let mut start = Start::new(global, size, processors, quiet, cgroups)?;
    start.publish(&binding.placement);
    let wish = |app: &plan::App| heap_wish(global, app);
    let inherit = !global.genvnone;
    let said = preload::apply(&mut apps, wish, size, start.no_heap(), inherit).map_err(stop)?;
    if is_set(&apps[0], "verbose") {
        let passed_over = settings.passed_over.iter();
        passed_over.chain(&said).for_each(|line| say(line));
    }
    for (index, app) in apps.iter().enumerate() {
        for _ in 0..app.ranks {
            start.rank(global, app, index, &binding.placement)?;
        }
    }
    let told = |name: &str| apps.iter().any(|app| is_set(app, name));
    let reports = report::Reports::new(told("report_regions"), told("report_arms"));
    start.run(global, timeout, reports)
}

/// How many ranks a job has that does not say: what its hosts or its layout offer,
/// what a batch system's allocation is for, else one for each core.
fn unsaid(
    global: &Global,
    hosts: Option<u32>,
    resources: &mut binding::Resources,
) -> Result<u32, String> {
    let offered = global.perhost.or(hosts);
    if let Some(n) = offered.or_else(|| resources.laid_out(global.map_by.as_ref())) {
        return Ok(n);
    }
    let asked = slurm::ranks(|name| std::env::var(name).ok())?;
    Ok(asked.unwrap_or_else(|| resources.cores()))
}

/// Whether this setting, one of 0 or 1, is 1 for a program.
fn is_set(app: &plan::App, name: &str) -> bool {
    let value = app
        .vars
        .get(std::ffi::OsStr::new(&wireup::settings::variable(name)));
    value.is_some_and(|v| v == "1")
}

/// Whether a program is to have the shared heap.
fn heap_wish(global: &Global, app: &plan::App) -> preload::Wish {
    let variable = wireup::settings::variable("heap");
    if app
        .vars
        .get(std::ffi::OsStr::new(&variable))
        .is_some_and(|v| v == "0")
    {
        preload::Wish::Off
    } else if global.shared_heap {
        preload::Wish::Forced
    } else {
        preload::Wish::Auto
    }
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
