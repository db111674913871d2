//! Mean time of a broadcast from rank 0.

use lariat_osu::buffer::{Memory, value};
use lariat_osu::collective::{Collective, run};
use lariat_osu::{Bench, Family, Program};
use mpi::traits::*;
use std::process::ExitCode;

struct Broadcast(Memory);

impl Collective for Broadcast {
    fn new(bench: &Bench) -> Broadcast {
        Broadcast(Memory::new(bench.options.sizes.max()))
    }

    fn call(&mut self, bench: &Bench, size: usize) {
        let root = bench.world.process_at_rank(0);
        root.broadcast_into(&mut self.0.message(0, size));
    }

    fn rewrite(&mut self, bench: &Bench, size: usize, round: u64) {
        if bench.rank() == 0 {
            self.0.rewrite(size, round);
        }
    }

    fn check(&mut self, bench: &Bench, size: usize, round: u64) -> bool {
        self.0.fill(size, round, bench.rank());
        self.call(bench, size);
        self.0.check(size, |index| value(round, 0, index))
    }
}

fn main() -> ExitCode {
    run::<Broadcast>(Program {
        name: "osu_bcast",
        title: "MPI Broadcast Latency Test",
        family: Family::Collective,
        many_pairs: false,
        sizeless: false,
        element: 1,
    })
}
