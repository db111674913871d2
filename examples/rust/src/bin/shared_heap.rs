//! One line, and a program's large memory is made so that other ranks reach it
//! without a copy on the way: each rank passes an array on around a ring, and says
//! where it lies.

use mpi::traits::*;

#[global_allocator]
static HEAP: mpi::ffi::SharedHeap = mpi::ffi::SharedHeap;

fn main() {
    let universe = mpi::initialize().expect("MPI starts once");
    let world = universe.world();
    let (rank, size) = (world.rank(), world.size());
    let next = world.process_at_rank((rank + 1) % size);
    let previous = world.process_at_rank((rank + size - 1) % size);

    let mine = vec![rank; 1 << 20];
    let mut theirs = vec![-1; 1 << 20];
    mpi::point_to_point::send_receive_into(&mine, &next, &mut theirs, &previous);
    assert!(theirs.iter().all(|from| *from == (rank + size - 1) % size));

    let place = match is_shared(mine.as_ptr().addr()) {
        true => "shared memory",
        false => "ordinary memory: was it started by mpirun?",
    };
    println!(
        "rank {rank}: 4 MiB from rank {} to 4 MiB in {place}",
        theirs[0]
    );
}

/// Whether an address lies in the job's heap file.
fn is_shared(addr: usize) -> bool {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
    let mut lines = maps.lines().filter(|line| line.contains("lariat-heap"));
    lines.any(|line| {
        let range = line
            .split_once(' ')
            .and_then(|(range, _)| range.split_once('-'));
        range.is_some_and(|(from, to)| {
            let number = |text| usize::from_str_radix(text, 16).unwrap_or(0);
            (number(from)..number(to)).contains(&addr)
        })
    })
}
