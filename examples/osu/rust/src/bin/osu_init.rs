//! How long MPI_Init takes: mean, smallest and largest over the ranks.

use lariat_osu::report::{Column, Report};
use lariat_osu::{Bench, Family, Program};
use std::process::ExitCode;

const PROGRAM: Program = Program {
    name: "osu_init",
    title: "MPI Init Test",
    family: Family::Startup,
    many_pairs: false,
    sizeless: true,
    element: 1,
};

const COLUMNS: [Column; 3] = [
    Column::value("Avg Init(ms)", "init_ms"),
    Column::value("Min Init(ms)", "min_init_ms"),
    Column::value("Max Init(ms)", "max_init_ms"),
];

fn main() -> ExitCode {
    let bench = Bench::start(PROGRAM);
    let spread = bench.spread(bench.init.as_secs_f64() * 1e3);
    let mut report = Report::begin(&bench, &COLUMNS);
    report.row(&bench, 0, &[spread.mean, spread.min, spread.max], true);
    if bench.rank() == 0 && bench.options.json.is_none() {
        println!("# OSU-style {} (Lariat, in Rust)", PROGRAM.title);
        println!(
            "nprocs: {}, min: {:.2} ms, max: {:.2} ms, avg: {:.2} ms",
            bench.ranks(),
            spread.min,
            spread.max,
            spread.mean
        );
    }
    bench.finish(report)
}
