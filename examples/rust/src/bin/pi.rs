//! Pi as the area under 4 / (1 + x²): each rank adds up its share of the strips,
//! a reduction adds up the ranks.

use mpi::collective::SystemOperation;
use mpi::traits::*;

const STRIPS: u64 = 10_000_000;

fn main() {
    let universe = mpi::initialize().expect("MPI starts once");
    let world = universe.world();
    let (rank, size) = (world.rank() as u64, world.size() as usize);

    let width = 1.0 / STRIPS as f64;
    let mine: f64 = (rank..STRIPS)
        .step_by(size)
        .map(|strip| (strip as f64 + 0.5) * width)
        .map(|x| 4.0 / (1.0 + x * x))
        .sum::<f64>()
        * width;

    let root = world.process_at_rank(0);
    if rank != 0 {
        root.reduce_into(&mine, SystemOperation::sum());
        return;
    }
    let mut pi = 0.0f64;
    root.reduce_into_root(&mine, &mut pi, SystemOperation::sum());
    let error = (pi - std::f64::consts::PI).abs();
    println!("pi is {pi:.12} by {size} ranks, off by {error:.1e}");
    assert!(error < 1e-9, "the sum of the strips is wrong");
}
