//! Half a round trip while several pairs play at once, mean over their ranks.

use lariat_osu::pair::Pair;
use lariat_osu::report::{Column, Report};
use lariat_osu::{Bench, Family, Program};
use std::process::ExitCode;

const PROGRAM: Program = Program {
    name: "osu_multi_lat",
    title: "MPI Multi Latency Test",
    family: Family::Latency,
    many_pairs: true,
    sizeless: false,
    element: 1,
};

fn main() -> ExitCode {
    let bench = Bench::start(PROGRAM);
    let mut report = Report::begin(&bench, &[Column::plotted("Latency (us)", "latency_us")]);
    let mut pair = Pair::new(&bench, 1);
    // Ranks without a peer count as 0 in the mean over all ranks.
    let paired = 2 * bench.options.pairs.unwrap_or(1);
    let scale = 1e6 * bench.ranks() as f64 / paired as f64;
    for size in bench.sizes() {
        let valid = !bench.options.validate || pair.check_ping_pong(size);
        let latency = bench.spread(pair.ping_pong(size)).mean * scale;
        report.row(&bench, size, &[latency], valid);
    }
    drop(pair);
    bench.finish(report)
}
