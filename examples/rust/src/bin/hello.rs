//! Every rank says who it is.

use mpi::traits::*;

fn main() {
    let universe = mpi::initialize().expect("MPI starts once");
    let world = universe.world();
    let host = mpi::environment::processor_name().unwrap_or_default();
    println!(
        "Hello from rank {} of {} on {host}",
        world.rank(),
        world.size()
    );
}
