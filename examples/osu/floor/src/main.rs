//! The raw limits of this machine between two cores, without any MPI: what the
//! benchmarks beside it can at best reach.
//!
//! Two processes, each pinned to a core, share a mapping. Measured are the
//! ping-pong of a cache line (a line per direction), and per size one transfer,
//! its signalling included, as half a round trip: copied out of the mapping by
//! the receiver, by both at once, through `process_vm_readv`, and for comparison
//! a `memcpy` of one core alone. `--primitives` adds what else bounds an MPI.

mod arena;
mod experiment;
mod memory;
mod primitives;
mod report;
mod sizes;

use clap::Parser;
use experiment::BufferUse;
use nix::sched::{CpuSet, sched_getaffinity};
use nix::unistd::Pid;
use std::process::ExitCode;

/// Measure what two cores of this machine can do without any MPI.
#[derive(Parser)]
#[command(name = "floor", version)]
struct Cli {
    /// Sizes in bytes as `[MIN:]MAX`, powers of two, or as `A,B,C`; K, M and G work.
    #[arg(short = 'm', long, value_name = "[MIN:]MAX", default_value = "1:4M")]
    message_size: sizes::Sizes,
    /// The two cores as A,B; by default the first two that this process may use.
    #[arg(long, value_name = "A,B", value_delimiter = ',', num_args = 1)]
    cores: Vec<usize>,
    /// Only the cache-line ping-pong: a quick probe of near or far cores.
    #[arg(long)]
    ping_pong: bool,
    /// Also what else bounds an MPI: lines both ways and one way, wake-ups, starts.
    #[arg(long)]
    primitives: bool,
    /// Rewrite the buffer before each transfer; the rewriting is not counted.
    #[arg(long)]
    dirty: bool,
    /// Rewrite the buffer before each transfer and read it after; all of it counts.
    #[arg(long, conflicts_with = "dirty")]
    read: bool,
    /// Write JSON instead of columns.
    #[arg(long)]
    json: bool,
}

/// The cores asked for, or the first two of this process's affinity mask.
fn choose_cores(asked: &[usize]) -> Result<[usize; 2], String> {
    let allowed = sched_getaffinity(Pid::from_raw(0)).map_err(|e| format!("affinity mask: {e}"))?;
    let is_allowed = |core: usize| allowed.is_set(core).unwrap_or(false);
    match *asked {
        [] => {
            let mut cores = (0..CpuSet::count()).filter(|&core| is_allowed(core));
            match (cores.next(), cores.next()) {
                (Some(a), Some(b)) => Ok([a, b]),
                _ => Err("this process may use only one core, two are needed".into()),
            }
        }
        [a, b] if a != b && is_allowed(a) && is_allowed(b) => Ok([a, b]),
        [a, b] => Err(format!(
            "--cores {a},{b}: two different cores that this process may use are needed"
        )),
        _ => Err("--cores takes two cores, as in --cores 0,1".into()),
    }
}

fn run(cli: &Cli) -> Result<report::Limits, String> {
    let cores = choose_cores(&cli.cores)?;
    let sizes = if cli.ping_pong {
        Vec::new()
    } else {
        cli.message_size.list().to_vec()
    };
    let plan = experiment::Plan {
        cores,
        primitives: cli.primitives,
        sizes,
        buffer_use: match (cli.dirty, cli.read) {
            (_, true) => BufferUse::RewrittenAndRead,
            (true, false) => BufferUse::Rewritten,
            (false, false) => BufferUse::LeftAlone,
        },
    };
    experiment::measure(&plan).map_err(|e| format!("cannot measure: {e}"))
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(&cli) {
        Ok(limits) if cli.json => print!("{}", limits.json()),
        Ok(limits) => print!("{}", limits.columns()),
        Err(message) => {
            eprintln!("floor: {message}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
