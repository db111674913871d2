//! Mean time of a sum over all ranks, in 32-bit floats.

use lariat_osu::collective::{Collective, run};
use lariat_osu::{Bench, Family, Program};
use mpi::collective::SystemOperation;
use mpi::traits::*;
use std::process::ExitCode;

struct AllReduce {
    send: Vec<f32>,
    receive: Vec<f32>,
}

/// Floats in a message of `size` bytes; sizes below one float count as one.
fn floats(size: usize) -> usize {
    (size / size_of::<f32>()).max(1)
}

/// Small whole numbers, so that the order of summing makes no difference.
fn number(round: u64, sender: usize, index: usize) -> f32 {
    let mixed = index.wrapping_mul(31).wrapping_add(sender * 7);
    (mixed as u64).wrapping_add(round) as u8 as f32
}

impl Collective for AllReduce {
    fn new(bench: &Bench) -> AllReduce {
        let count = floats(bench.options.sizes.max());
        AllReduce {
            send: vec![1.0; count],
            receive: vec![1.0; count],
        }
    }

    fn call(&mut self, bench: &Bench, size: usize) {
        let count = floats(size);
        let (outgoing, incoming) = (&self.send[..count], &mut self.receive[..count]);
        bench
            .world
            .all_reduce_into(outgoing, incoming, SystemOperation::sum());
    }

    fn rewrite(&mut self, _: &Bench, size: usize, round: u64) {
        let value = (round % 16) as f32;
        self.send[..floats(size)].fill(value);
    }

    fn check(&mut self, bench: &Bench, size: usize, round: u64) -> bool {
        let count = floats(size);
        for (index, float) in self.send[..count].iter_mut().enumerate() {
            *float = number(round, bench.rank(), index);
        }
        self.receive[..count].fill(-1.0);
        self.call(bench, size);
        let expected = |index| {
            (0..bench.ranks())
                .map(|r| number(round, r, index))
                .sum::<f32>()
        };
        (0..count).all(|index| self.receive[index] == expected(index))
    }
}

fn main() -> ExitCode {
    run::<AllReduce>(Program {
        name: "osu_allreduce",
        title: "MPI Allreduce Latency Test",
        family: Family::Collective,
        many_pairs: false,
        sizeless: false,
        element: 4,
    })
}
