//! A token goes once around all ranks; each adds its rank to it.

use mpi::traits::*;

fn main() {
    let universe = mpi::initialize().expect("MPI starts once");
    let world = universe.world();
    let (rank, size) = (world.rank(), world.size());
    let next = world.process_at_rank((rank + 1) % size);
    let previous = world.process_at_rank((rank + size - 1) % size);

    if size == 1 {
        println!("A ring of one has nobody to pass the token to");
        return;
    }
    if rank == 0 {
        next.send(&0i64);
    }
    let (token, status) = previous.receive::<i64>();
    println!(
        "rank {rank}: token {token} from rank {}",
        status.source_rank()
    );
    if rank == 0 {
        let expected = i64::from(size) * i64::from(size - 1) / 2;
        assert_eq!(token, expected, "every rank has added itself once");
        println!("The sum of all ranks is {token}");
    } else {
        next.send(&(token + i64::from(rank)));
    }
}
