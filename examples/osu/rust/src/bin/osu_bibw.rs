//! Bandwidth both ways at once, the two directions added.

use lariat_osu::{Family, Program, pair};
use std::process::ExitCode;

const PROGRAM: Program = Program {
    name: "osu_bibw",
    title: "MPI Bi-Directional Bandwidth Test",
    family: Family::Bandwidth,
    many_pairs: false,
    sizeless: false,
    element: 1,
};

fn main() -> ExitCode {
    pair::run_bandwidth(PROGRAM, true)
}
