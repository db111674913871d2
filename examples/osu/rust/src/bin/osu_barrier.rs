//! Mean time of a barrier.

use lariat_osu::collective::{Collective, run};
use lariat_osu::{Bench, Family, Program};
use mpi::traits::*;
use std::process::ExitCode;

struct Barrier;

impl Collective for Barrier {
    fn new(_: &Bench) -> Barrier {
        Barrier
    }

    fn call(&mut self, bench: &Bench, _: usize) {
        bench.world.barrier();
    }

    fn rewrite(&mut self, _: &Bench, _: usize, _: u64) {}

    fn check(&mut self, _: &Bench, _: usize, _: u64) -> bool {
        true
    }
}

fn main() -> ExitCode {
    run::<Barrier>(Program {
        name: "osu_barrier",
        title: "MPI Barrier Latency Test",
        family: Family::Collective,
        many_pairs: false,
        sizeless: true,
        element: 1,
    })
}
