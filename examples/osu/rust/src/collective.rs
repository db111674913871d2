//! The timing of blocking collective calls.
//!
//! Every rank takes the time of each call alone; between calls stands a barrier
//! that is not timed. A rank's mean over the iterations is averaged over the
//! ranks; `-f` adds the smallest and the largest of those means.

use crate::report::{Column, Report};
use crate::{Bench, Program};
use mpi::traits::*;
use std::process::ExitCode;
use std::time::{Duration, Instant};

const COLUMNS: [Column; 4] = [
    Column::plotted("Avg Latency(us)", "latency_us"),
    Column::plotted("Min Latency(us)", "min_latency_us"),
    Column::plotted("Max Latency(us)", "max_latency_us"),
    Column::count("Iterations", "iterations"),
];

/// A collective call with its buffers.
pub trait Collective {
    /// Buffers for messages up to the largest size.
    fn new(bench: &Bench) -> Self;
    /// The call, on messages of `size` bytes; nothing else in it.
    fn call(&mut self, bench: &Bench, size: usize);
    /// Rewrites what this rank sends.
    fn rewrite(&mut self, bench: &Bench, size: usize, round: u64);
    /// Whether one call brings this rank the right data.
    fn check(&mut self, bench: &Bench, size: usize, round: u64) -> bool;
}

/// The whole body of a collective benchmark.
pub fn run<C: Collective>(program: Program) -> ExitCode {
    let bench = Bench::start(program);
    let mut collective = C::new(&bench);
    let columns = if bench.options.full {
        &COLUMNS[..]
    } else {
        &COLUMNS[..1]
    };
    let mut report = Report::begin(&bench, columns);
    let sizes = if program.sizeless {
        vec![0]
    } else {
        bench.sizes().collect()
    };
    for size in sizes {
        let valid = !bench.options.validate || {
            // Every rank makes every call, whatever it has found before.
            let mut mine = true;
            for round in 0..bench.options.checked_rounds {
                mine &= collective.check(&bench, size, round);
            }
            bench.all_valid(mine)
        };
        let rounds = bench.rounds(size);
        let mut timed = Duration::ZERO;
        bench.world.barrier();
        for round in 0..rounds.warmup + rounds.iterations {
            let start = Instant::now();
            collective.call(&bench, size);
            let took = start.elapsed();
            if round >= rounds.warmup {
                timed += took;
            }
            if bench.options.dirty {
                collective.rewrite(&bench, size, round);
            }
            if !program.sizeless {
                bench.world.barrier();
            }
        }
        let spread = bench.spread(timed.as_secs_f64() * 1e6 / rounds.iterations as f64);
        let values = [
            spread.mean,
            spread.min,
            spread.max,
            rounds.iterations as f64,
        ];
        report.row(&bench, size, &values[..columns.len()], valid);
    }
    bench.finish(report)
}
