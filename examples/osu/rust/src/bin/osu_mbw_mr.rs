//! Bandwidth and message rate of several pairs at once; the slowest pair's time
//! counts.

use lariat_osu::pair::Pair;
use lariat_osu::report::{Column, Report};
use lariat_osu::{Bench, Family, Program};
use std::process::ExitCode;

const PROGRAM: Program = Program {
    name: "osu_mbw_mr",
    title: "MPI Multiple Bandwidth / Message Rate Test",
    family: Family::Bandwidth,
    many_pairs: true,
    sizeless: false,
    element: 1,
};

const COLUMNS: [Column; 2] = [
    Column::plotted("MB/s", "mb_per_s"),
    Column::value("Messages/s", "messages_per_s"),
];

fn main() -> ExitCode {
    let bench = Bench::start(PROGRAM);
    let window = bench.options.window();
    let mut report = Report::begin(&bench, &COLUMNS);
    let mut pair = Pair::new(&bench, window);
    for size in bench.sizes() {
        let valid = !bench.options.validate || pair.check_windows(size, false);
        let seconds = pair.windows(size, false);
        let slowest = bench.spread(if pair.first { seconds } else { 0.0 }).max;
        let per_pair = bench.rounds(size).iterations as f64 * window as f64;
        let messages = per_pair * bench.options.pairs.unwrap_or(1) as f64;
        let megabytes = size as f64 / 1e6 * messages;
        report.row(
            &bench,
            size,
            &[megabytes / slowest, messages / slowest],
            valid,
        );
    }
    drop(pair);
    bench.finish(report)
}
