//! Half a round trip of blocking send and receive between two ranks.

use lariat_osu::pair::Pair;
use lariat_osu::report::{Column, Report};
use lariat_osu::{Bench, Family, Program};
use std::process::ExitCode;

const PROGRAM: Program = Program {
    name: "osu_latency",
    title: "MPI Latency Test",
    family: Family::Latency,
    many_pairs: false,
    sizeless: false,
    element: 1,
};

fn main() -> ExitCode {
    let bench = Bench::start(PROGRAM);
    let mut report = Report::begin(&bench, &[Column::plotted("Latency (us)", "latency_us")]);
    let mut pair = Pair::new(&bench, 1);
    for size in bench.sizes() {
        let valid = !bench.options.validate || pair.check_ping_pong(size);
        let latency = pair.ping_pong(size) * 1e6;
        report.row(&bench, size, &[latency], valid);
    }
    drop(pair);
    bench.finish(report)
}
