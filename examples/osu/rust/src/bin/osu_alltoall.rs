//! Mean time of an exchange of every rank with every rank.

use lariat_osu::buffer::{Memory, value};
use lariat_osu::collective::{Collective, run};
use lariat_osu::{Bench, Family, Program};
use mpi::traits::*;
use std::process::ExitCode;

struct AllToAll {
    send: Memory,
    receive: Memory,
}

impl Collective for AllToAll {
    fn new(bench: &Bench) -> AllToAll {
        let bytes = bench.options.sizes.max() * bench.ranks();
        AllToAll {
            send: Memory::new(bytes),
            receive: Memory::new(bytes),
        }
    }

    fn call(&mut self, bench: &Bench, size: usize) {
        let bytes = size * bench.ranks();
        let outgoing = self.send.message(0, bytes);
        let mut incoming = self.receive.message(0, bytes);
        bench.world.all_to_all_into(&outgoing, &mut incoming);
    }

    fn rewrite(&mut self, bench: &Bench, size: usize, round: u64) {
        self.send.rewrite(size * bench.ranks(), round);
    }

    fn check(&mut self, bench: &Bench, size: usize, round: u64) -> bool {
        let bytes = size * bench.ranks();
        let offset = bench.rank() * size;
        self.send.fill(bytes, round, bench.rank());
        self.receive.fill(bytes, round + 1, bench.rank());
        self.call(bench, size);
        self.receive.check(bytes, |index| {
            value(round, index / size, offset + index % size)
        })
    }
}

fn main() -> ExitCode {
    run::<AllToAll>(Program {
        name: "osu_alltoall",
        title: "MPI All-to-All Latency Test",
        family: Family::Collective,
        many_pairs: false,
        sizeless: false,
        element: 1,
    })
}
