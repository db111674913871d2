//! Heat spreading along a rod: a one-dimensional stencil with halo exchange.
//!
//! Each rank holds a stretch of the rod and one cell more on either side, the
//! halo, which it gets from its neighbours in every step. At the end rank 0
//! collects the rod and compares it with a run that it does alone: the same
//! arithmetic in the same order, so the same bits.
//!
//! usage: heat [CELLS [STEPS]]

use mpi::collective::SystemOperation;
use mpi::datatype::PartitionMut;
use mpi::topology::SimpleCommunicator;
use mpi::traits::*;
use mpi::{Count, Rank};

/// How much of the difference to its neighbours a cell takes over in a step.
const CONDUCTIVITY: f64 = 0.25;

/// The stretch of one rank: cells `first..first + len` of the rod.
#[derive(Clone, Copy)]
struct Stretch {
    first: usize,
    len: usize,
}

/// Divides the rod; the first ranks take one cell more if it does not come out even.
fn stretch(cells: usize, rank: usize, ranks: usize) -> Stretch {
    let (share, rest) = (cells / ranks, cells % ranks);
    Stretch {
        first: rank * share + rank.min(rest),
        len: share + usize::from(rank < rest),
    }
}

/// The temperature at the start: a hot block in a cold rod.
fn initial(cell: usize, cells: usize) -> f64 {
    if (cells / 3..cells / 2).contains(&cell) {
        100.0
    } else {
        cell as f64 % 7.0
    }
}

/// Cells of a stretch with a halo cell on either side, at the start.
fn with_halo(stretch: Stretch, cells: usize) -> Vec<f64> {
    let mut rod = vec![0.0; stretch.len + 2];
    for (offset, cell) in rod[1..=stretch.len].iter_mut().enumerate() {
        *cell = initial(stretch.first + offset, cells);
    }
    rod
}

/// One step on all cells but the halo.
fn step(old: &[f64], new: &mut [f64]) {
    for i in 1..old.len() - 1 {
        new[i] = old[i] + CONDUCTIVITY * (old[i - 1] - 2.0 * old[i] + old[i + 1]);
    }
}

/// Swaps the edge cells with the neighbours. The ends of the rod are kept at 0.
fn exchange_halo(
    world: &SimpleCommunicator,
    rod: &mut [f64],
    left: Option<Rank>,
    right: Option<Rank>,
) {
    let last = rod.len() - 1;
    let (left_edge, right_edge) = (rod[1], rod[last - 1]);
    let (mut from_left, mut from_right) = (0.0, 0.0);
    mpi::request::scope(|scope| {
        let mut requests = Vec::with_capacity(4);
        if let Some(rank) = left {
            let neighbour = world.process_at_rank(rank);
            requests.push(neighbour.immediate_receive_into(scope, &mut from_left));
            requests.push(neighbour.immediate_send(scope, &left_edge));
        }
        if let Some(rank) = right {
            let neighbour = world.process_at_rank(rank);
            requests.push(neighbour.immediate_receive_into(scope, &mut from_right));
            requests.push(neighbour.immediate_send(scope, &right_edge));
        }
        requests.into_iter().for_each(|request| _ = request.wait());
    });
    rod[0] = from_left;
    rod[last] = from_right;
}

/// The whole rod by one rank alone.
fn serial(cells: usize, steps: usize) -> Vec<f64> {
    let mut rod = with_halo(
        Stretch {
            first: 0,
            len: cells,
        },
        cells,
    );
    let mut next = rod.clone();
    for _ in 0..steps {
        step(&rod, &mut next);
        std::mem::swap(&mut rod, &mut next);
    }
    rod[1..=cells].to_vec()
}

/// Collects the rod at rank 0.
fn collect(world: &SimpleCommunicator, mine: &[f64], cells: usize) -> Option<Vec<f64>> {
    let root = world.process_at_rank(0);
    if world.rank() != 0 {
        root.gather_varcount_into(mine);
        return None;
    }
    let ranks = world.size() as usize;
    let stretches: Vec<Stretch> = (0..ranks).map(|rank| stretch(cells, rank, ranks)).collect();
    let counts: Vec<Count> = stretches.iter().map(|s| s.len as Count).collect();
    let offsets: Vec<Count> = stretches.iter().map(|s| s.first as Count).collect();
    let mut rod = vec![0.0; cells];
    root.gather_varcount_into_root(mine, &mut PartitionMut::new(&mut rod[..], counts, offsets));
    Some(rod)
}

/// The number at `index` of the command line, or the default.
fn argument(index: usize, default: usize) -> usize {
    match std::env::args().nth(index) {
        None => default,
        Some(text) => text.parse().unwrap_or_else(|_| {
            eprintln!("heat: '{text}' is not a whole number; usage: heat [CELLS [STEPS]]");
            std::process::exit(2);
        }),
    }
}

fn main() {
    let (cells, steps) = (argument(1, 100_000), argument(2, 500));
    let universe = mpi::initialize().expect("MPI starts once");
    let world = universe.world();
    let (rank, ranks) = (world.rank() as usize, world.size() as usize);
    if cells < ranks {
        if rank == 0 {
            eprintln!("heat: {cells} cells are fewer than {ranks} ranks");
        }
        return;
    }

    let start = mpi::time();
    let mine = stretch(cells, rank, ranks);
    let left = rank.checked_sub(1).map(|r| r as Rank);
    let right = (rank + 1 < ranks).then_some(rank as Rank + 1);
    let mut rod = with_halo(mine, cells);
    let mut next = rod.clone();
    for _ in 0..steps {
        exchange_halo(&world, &mut rod, left, right);
        step(&rod, &mut next);
        std::mem::swap(&mut rod, &mut next);
    }
    let seconds = mpi::time() - start;

    let (heat, mut total) = (rod[1..=mine.len].iter().sum::<f64>(), 0.0);
    world.all_reduce_into(&heat, &mut total, SystemOperation::sum());
    if let Some(whole) = collect(&world, &rod[1..=mine.len], cells) {
        assert!(
            whole == serial(cells, steps),
            "the ranks' rod differs from the serial one"
        );
        println!(
            "{cells} cells, {steps} steps on {ranks} ranks in {:.1} ms; heat {total:.3}; \
             the same as the serial run, bit by bit",
            seconds * 1e3
        );
    }
}
