use mpi::traits::*;

fn main() {
    let universe = mpi::initialize().expect("MPI was not initialized before");
    let world = universe.world();
    let mut sum = 0;
    let rank = world.rank();
    world.all_reduce_into(&rank, &mut sum, mpi::collective::SystemOperation::sum());
    println!("rank {} of {}, sum {}", world.rank(), world.size(), sum);
}
