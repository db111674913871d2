//! The smallest MPI program: start, say how many we are, finish.

use lariat_osu::report::Report;
use lariat_osu::{Bench, Family, Program};
use std::process::ExitCode;

const PROGRAM: Program = Program {
    name: "osu_hello",
    title: "MPI Hello World Test",
    family: Family::Startup,
    many_pairs: false,
    sizeless: true,
    element: 1,
};

fn main() -> ExitCode {
    let bench = Bench::start(PROGRAM);
    let report = Report::begin(&bench, &[]);
    if bench.rank() == 0 && bench.options.json.is_none() {
        println!("# OSU-style {} (Lariat, in Rust)", PROGRAM.title);
        println!("This is a test with {} processes", bench.ranks());
    }
    bench.finish(report)
}
