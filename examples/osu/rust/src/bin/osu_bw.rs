//! Bandwidth one way: windows of messages, each acknowledged.

use lariat_osu::{Family, Program, pair};
use std::process::ExitCode;

const PROGRAM: Program = Program {
    name: "osu_bw",
    title: "MPI Bandwidth Test",
    family: Family::Bandwidth,
    many_pairs: false,
    sizeless: false,
    element: 1,
};

fn main() -> ExitCode {
    pair::run_bandwidth(PROGRAM, false)
}
