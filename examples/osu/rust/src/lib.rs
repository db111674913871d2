//! What the benchmark programs share: options, buffers, timing loops and output.
//!
//! The same measurements under the same names as the C programs beside this
//! package, written on the `mpi` crate. A program is a [`Program`] and a loop
//! over [`Bench::sizes`]; the loops that time messages are in [`pair`] and
//! [`collective`].

pub mod buffer;
pub mod collective;
pub mod options;
pub mod pair;
pub mod plot;
pub mod report;

use clap::error::ErrorKind;
use mpi::collective::SystemOperation;
use mpi::environment::Universe;
use mpi::topology::SimpleCommunicator;
use mpi::traits::*;
use options::Options;
use std::fmt::Display;
use std::process::{ExitCode, exit};
use std::time::{Duration, Instant};

/// What is measured; it decides on options, defaults and the number of ranks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Family {
    /// Pairs that play ping-pong.
    Latency,
    /// Pairs that send windows of messages.
    Bandwidth,
    /// A collective call of any number of ranks.
    Collective,
    /// No messages measured.
    Startup,
}

/// A benchmark program's description of itself.
#[derive(Clone, Copy)]
pub struct Program {
    /// `osu_latency`
    pub name: &'static str,
    /// `MPI Latency Test`
    pub title: &'static str,
    pub family: Family,
    /// Any even number of ranks instead of exactly two.
    pub many_pairs: bool,
    /// One line, no message size.
    pub sizeless: bool,
    /// The smallest message in bytes that makes sense: one element.
    pub element: usize,
}

/// A running benchmark.
pub struct Bench {
    pub program: Program,
    pub options: Options,
    pub world: SimpleCommunicator,
    /// How long starting MPI took.
    pub init: Duration,
    universe: Universe,
}

/// From this size on fewer iterations do, in bytes.
const LARGE: usize = 8192;

/// How often a size is measured.
#[derive(Clone, Copy)]
pub struct Rounds {
    pub iterations: u64,
    pub warmup: u64,
}

/// Mean, smallest and largest of a value over the ranks; right at rank 0.
pub struct Spread {
    pub mean: f64,
    pub min: f64,
    pub max: f64,
}

impl Bench {
    /// Starts MPI, reads the options, checks the number of ranks. Ends the
    /// program after `-h` or a mistake, rank 0 having said why.
    pub fn start(program: Program) -> Bench {
        let start = Instant::now();
        let universe = mpi::initialize().expect("a benchmark starts MPI once");
        let init = start.elapsed();
        let world = universe.world();
        let options = match options::read(&program) {
            Ok(options) => options,
            Err(error) => {
                let help = error.kind() == ErrorKind::DisplayHelp;
                if world.rank() == 0 {
                    _ = error.print();
                }
                drop(universe);
                exit(i32::from(!help));
            }
        };
        let bench = Bench {
            program,
            options,
            world,
            init,
            universe,
        };
        bench.check_ranks()
    }

    fn check_ranks(mut self) -> Bench {
        let ranks = self.ranks();
        let pairs = self.options.pairs.unwrap_or(ranks / 2);
        self.options.pairs = Some(pairs);
        match self.program.family {
            Family::Latency | Family::Bandwidth if !self.program.many_pairs && ranks != 2 => self
                .refuse(format!(
                    "runs on exactly 2 ranks, not on {ranks}: start it with mpirun -n 2"
                )),
            Family::Startup => self,
            _ if ranks < 2 => self.refuse("needs at least 2 ranks: start it with mpirun -n 2"),
            _ if self.program.many_pairs && 2 * pairs > ranks => self.refuse(format!(
                "-p {pairs} pairs need {} ranks, but there are {ranks}",
                2 * pairs
            )),
            _ => self,
        }
    }

    /// Ends all ranks with status 1, rank 0 having given the reason.
    pub fn refuse(self, reason: impl Display) -> ! {
        if self.rank() == 0 {
            eprintln!("{}: {reason}", self.program.name);
        }
        drop(self);
        exit(1)
    }

    pub fn rank(&self) -> usize {
        usize::try_from(self.world.rank()).expect("ranks are not negative")
    }

    pub fn ranks(&self) -> usize {
        usize::try_from(self.world.size()).expect("a communicator's size is not negative")
    }

    /// The message sizes in bytes, from the smallest asked for by doubling.
    pub fn sizes(&self) -> impl Iterator<Item = usize> + use<> {
        let element = self.program.element;
        self.options
            .sizes
            .list()
            .filter(move |&size| size == 0 || size >= element)
    }

    /// Iterations and warm-up rounds for messages of this size.
    pub fn rounds(&self, size: usize) -> Rounds {
        let (iterations, warmup) = match (self.program.family, size > LARGE) {
            (Family::Latency, false) => (10_000, 100),
            (Family::Latency, true) => (1000, 10),
            (Family::Bandwidth, false) => (100, 10),
            (Family::Bandwidth, true) => (20, 2),
            (_, false) => (1000, 100),
            (_, true) => (100, 10),
        };
        Rounds {
            iterations: self.options.iterations.unwrap_or(iterations),
            warmup: self.options.warmup.unwrap_or(warmup),
        }
    }

    /// Collects a value over the ranks.
    pub fn spread(&self, value: f64) -> Spread {
        let over = |operation| {
            let mut result = 0.0f64;
            self.world.all_reduce_into(&value, &mut result, operation);
            result
        };
        Spread {
            mean: over(SystemOperation::sum()) / self.ranks() as f64,
            min: over(SystemOperation::min()),
            max: over(SystemOperation::max()),
        }
    }

    /// Whether every rank found its data right.
    pub fn all_valid(&self, mine: bool) -> bool {
        self.spread(if mine { 1.0 } else { 0.0 }).min == 1.0
    }

    /// Writes what is left to write, finishes MPI and gives the exit code.
    pub fn finish(self, report: report::Report) -> ExitCode {
        let good = report.end(&self);
        let good = self.all_valid(good);
        drop(self.universe);
        if good {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }
}
