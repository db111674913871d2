//! Every algorithm, at 1 to 17 ranks and every root, with layouts that differ
//! from rank to rank, against a naive model ([`model`]), in the simulator.

mod by_host;
mod model;

use self::model::*;
use super::args::{Call, Ints, Reduction, Root};
use super::block::Block;
use super::operands::{PlannedParts, block_of};
use super::plan::Plan;
use super::scan::ScanKind;
use super::simulate;
use super::*;
use crate::error::Result;
use crate::object::topology::{NeighborEdge, NeighborEdges};

const MOST: u32 = 17;

/// Plans of `size` ranks, by what each does with its memory.
fn plans(memories: &[Memory], f: impl Fn(&mut Plan, &Memory)) -> Vec<Plan> {
    let size = u32::try_from(memories.len()).unwrap();
    let one = |(rank, memory): (u32, &Memory)| {
        let mut plan = Plan::new(rank, size, size);
        f(&mut plan, memory);
        plan.wait();
        plan
    };
    (0..size).zip(memories).map(one).collect()
}

fn carry_out(plans: &[Plan]) {
    for seed in 0..2 {
        // Each seed runs the same plans: only the last result is looked at, so
        // that operations that change their input run once.
        if seed == 0 && plans.iter().any(|plan| plan.reducer.is_some()) {
            continue;
        }
        simulate::run(plans, plans.len(), seed);
    }
}

fn whole(plan: &mut Plan, memory: &Memory) -> Block {
    let count = memory.bytes.len() / memory.layout.stride;
    block_of(plan, &memory.buffer(count))
}

#[test]
fn broadcasts_reach_everybody() {
    type Algorithm = fn(&mut Plan, Block, u32);
    let algorithms: [Algorithm; 5] = [
        bcast::flat,
        bcast::binomial,
        |plan, block, root| bcast::chain(plan, block, root, 48).unwrap(),
        |plan, block, root| bcast::scatter_allgather(plan, block, root).unwrap(),
        |plan, block, root| intra::plan_bcast(plan, block, root).unwrap(),
    ];
    for size in 1..=MOST {
        for root in [0, size / 2, size - 1] {
            for count in [0, 1, 7, 100] {
                let sent = contribution(root, count);
                for algorithm in algorithms {
                    let memories: Vec<Memory> = (0..size)
                        .map(|rank| match rank == root {
                            true => Memory::of(&mixed(rank), &sent),
                            false => Memory::new(&mixed(rank), count),
                        })
                        .collect();
                    carry_out(&plans(&memories, |plan, memory| {
                        let block = whole(plan, memory);
                        algorithm(plan, block, root);
                    }));
                    for memory in &memories {
                        assert_eq!(memory.values(), sent, "{size} ranks, root {root}");
                        assert!(memory.holes_untouched());
                    }
                }
            }
        }
    }
}

#[test]
fn barriers_wait_for_everybody() {
    for size in 1..=MOST {
        for algorithm in [barrier::central, barrier::dissemination] {
            let memories: Vec<Memory> = (0..size).map(|_| Memory::new(&layout(false), 0)).collect();
            carry_out(&plans(&memories, |plan, _| algorithm(plan)));
        }
    }
}

#[test]
fn gathers_and_scatters() {
    const EACH: usize = 3;
    for size in 1..=MOST {
        for root in 0..size {
            for (tree, in_place) in [(false, false), (true, false), (false, true), (true, true)] {
                let ranks = size as usize;
                let all: Vec<Map> = (0..size).flat_map(|r| contribution(r, EACH)).collect();
                let own: Vec<Memory> = (0..size)
                    .map(|r| Memory::of(&mixed(r), &contribution(r, EACH)))
                    .collect();
                let mut full = Memory::new(&layout(size % 2 == 0), ranks * EACH);
                if in_place {
                    let at = root as usize * EACH;
                    for (i, value) in contribution(root, EACH).into_iter().enumerate() {
                        full.set(at + i, value);
                    }
                }
                carry_out(&plans(&own, |plan, memory| {
                    let at_root = plan.rank == root;
                    let send = (!at_root || !in_place).then(|| whole(plan, memory));
                    let parts = at_root.then(|| PlannedParts::new(plan, &full.equal(EACH)));
                    let part = |r: u32| parts.as_ref().map_or_else(Block::empty, |p| p.of(r));
                    if tree {
                        let run = parts.as_ref().map(|p| p.run(EACH * ranks));
                        let send = send.unwrap_or_else(|| part(root));
                        let run = run.unwrap_or_else(Block::empty);
                        gather::binomial_gather(plan, send, root, run, EACH).unwrap();
                    } else {
                        gather::linear_gather(plan, send, root, part);
                    }
                }));
                assert_eq!(full.values(), all, "gather, {size} ranks, root {root}");

                let got: Vec<Memory> = (0..size).map(|r| Memory::new(&mixed(r), EACH)).collect();
                carry_out(&plans(&got, |plan, memory| {
                    let at_root = plan.rank == root;
                    let receive = (!at_root || !in_place).then(|| whole(plan, memory));
                    let parts = at_root.then(|| PlannedParts::new(plan, &full.equal(EACH)));
                    let part = |r: u32| parts.as_ref().map_or_else(Block::empty, |p| p.of(r));
                    if tree {
                        let run = parts.as_ref().map(|p| p.run(EACH * ranks));
                        let run = run.unwrap_or_else(Block::empty);
                        gather::binomial_scatter(plan, receive, root, run, EACH, 16 * EACH)
                            .unwrap();
                    } else {
                        gather::linear_scatter(plan, receive, root, part);
                    }
                }));
                for (memory, rank) in got.iter().zip(0..) {
                    if rank != root || !in_place {
                        assert_eq!(memory.values(), contribution(rank, EACH));
                        assert!(memory.holes_untouched());
                    }
                }
            }
        }
    }
}

#[test]
fn allgathers_with_equal_and_varying_parts() {
    type Part<'a> = &'a dyn Fn(u32) -> Block;
    type Algorithm = fn(&mut Plan, Part<'_>);
    let algorithms: [Algorithm; 3] = [
        |plan, part| allgather::ring(plan, part(plan.rank), part),
        |plan, part| allgather::direct(plan, part(plan.rank), part),
        |plan, part| allgather::bruck(plan, part).unwrap(),
    ];
    for size in 1..=MOST {
        for varying in [false, true] {
            let count = |r: u32| if varying { r as usize % 4 } else { 2 };
            let counts: Vec<i32> = (0..size)
                .map(|r| i32::try_from(count(r)).unwrap())
                .collect();
            let mut displs = vec![0; size as usize];
            for i in 1..size as usize {
                displs[i] = displs[i - 1] + counts[i - 1];
            }
            let all: Vec<Map> = (0..size).flat_map(|r| contribution(r, count(r))).collect();
            for algorithm in 0..=algorithms.len() {
                if algorithm == algorithms.len() && (varying || !size.is_power_of_two()) {
                    continue;
                }
                let memories: Vec<Memory> = (0..size)
                    .map(|r| {
                        let mut memory = Memory::new(&mixed(r), all.len());
                        let at = usize::try_from(displs[r as usize]).unwrap();
                        for (i, value) in contribution(r, count(r)).into_iter().enumerate() {
                            memory.set(at + i, value);
                        }
                        memory
                    })
                    .collect();
                carry_out(&plans(&memories, |plan, memory| {
                    let parts = PlannedParts::new(plan, &memory.varying(&counts, &displs));
                    match algorithms.get(algorithm) {
                        Some(algorithm) => algorithm(plan, &|r| parts.of(r)),
                        None => allgather::recursive_doubling(plan, parts.run(all.len()), 2),
                    }
                }));
                for memory in &memories {
                    assert_eq!(memory.values(), all, "{size} ranks, algorithm {algorithm}");
                    assert!(memory.holes_untouched());
                }
            }
        }
    }
}

#[test]
fn alltoalls_in_and_out_of_place() {
    const EACH: usize = 2;
    let value = |from: u32, to: u32| contribution(from * 100 + to, EACH);
    for size in 1..=MOST {
        let total = EACH * size as usize;
        let sent = |r: u32| (0..size).flat_map(|to| value(r, to)).collect::<Vec<_>>();
        let wanted = |r: u32| {
            (0..size)
                .flat_map(|from| value(from, r))
                .collect::<Vec<_>>()
        };
        for algorithm in 0..3 {
            let out: Vec<Memory> = (0..size).map(|r| Memory::of(&mixed(r), &sent(r))).collect();
            let into: Vec<Memory> = (0..size)
                .map(|r| match algorithm {
                    2 => Memory::of(&mixed(r + 1), &sent(r)),
                    _ => Memory::new(&mixed(r + 1), total),
                })
                .collect();
            let planned = plans(&into, |plan, memory| {
                let out = PlannedParts::new(plan, &out[plan.rank as usize].equal(EACH));
                let into = PlannedParts::new(plan, &memory.equal(EACH));
                match algorithm {
                    0 => alltoall::pairwise_within(plan, |r| out.of(r), |r| into.of(r)),
                    1 => alltoall::bruck(plan, out.run(total), into.run(total)).unwrap(),
                    _ => alltoall::in_place(plan, |r| into.of(r)).unwrap(),
                }
            });
            simulate::run(&planned, planned.len(), u64::from(size));
            for (memory, rank) in into.iter().zip(0..) {
                assert_eq!(memory.values(), wanted(rank), "{size} ranks, {algorithm}");
                assert!(memory.holes_untouched());
            }
        }
    }
}

/// Runs a reduction over `size` ranks: `f` plans from contribution and result
/// (the same block where it is in place).
fn reduction(
    size: u32,
    count: usize,
    operation: Operation,
    in_place: impl Fn(u32) -> bool,
    f: impl Fn(&mut Plan, Block, Block),
) -> Vec<Memory> {
    let [combined, reduced] = [true, false]
        .map(|combines| reduction_of(size, count, (operation, combines), &in_place, &f));
    let values = |all: &[Memory]| all.iter().map(Memory::values).collect::<Vec<_>>();
    assert_eq!(
        values(&combined),
        values(&reduced),
        "{size} ranks, {operation:?}"
    );
    combined
}

/// As [`reduction`], with an operation that writes its result elsewhere, or over an operand.
fn reduction_of(
    size: u32,
    count: usize,
    (operation, combines): (Operation, bool),
    in_place: &impl Fn(u32) -> bool,
    f: &impl Fn(&mut Plan, Block, Block),
) -> Vec<Memory> {
    let send: Vec<Memory> = (0..size)
        .map(|r| Memory::of(&mixed(r), &contribution(r, count)))
        .collect();
    let receive: Vec<Memory> = (0..size)
        .map(|r| match in_place(r) {
            true => Memory::of(&mixed(r), &contribution(r, count)),
            false => Memory::new(&mixed(r), count),
        })
        .collect();
    let planned = plans(&receive, |plan, memory| {
        let rank = plan.rank;
        plan.reducer = Some(operation.reducer(&memory.layout));
        plan.combines = combines;
        let into = whole(plan, memory);
        let from = match in_place(rank) {
            true => into,
            false => whole(plan, &send[rank as usize]).of(into.ty),
        };
        f(plan, from, into);
    });
    simulate::run(&planned, planned.len(), u64::from(size) + count as u64);
    for (memory, rank) in send.iter().zip(0..) {
        assert_eq!(
            memory.values(),
            contribution(rank, count),
            "send buffers stay"
        );
    }
    assert!(receive.iter().all(Memory::holes_untouched));
    receive
}

fn contributions(size: u32, count: usize) -> Vec<Vec<Map>> {
    (0..size).map(|r| contribution(r, count)).collect()
}

#[test]
fn reductions_to_one_rank() {
    type Algorithm = fn(&mut Plan, Block, Block, u32) -> Result<()>;
    let algorithms: [Algorithm; 5] = [
        reduce::gathered,
        reduce::flat,
        reduce::pieces,
        reduce::chain,
        intra::plan_reduce,
    ];
    for size in 2..=MOST {
        for root in [0, size / 2, size - 1] {
            for count in [1, 5, 40] {
                for algorithm in algorithms {
                    for operation in OPERATIONS {
                        for in_place in [false, true] {
                            let at_root = |r| in_place && r == root;
                            let got = reduction(size, count, operation, at_root, |plan, s, r| {
                                algorithm(plan, s, r, root).unwrap();
                            });
                            let wanted = operation.fold(&contributions(size, count));
                            let what = format!("{size} ranks, root {root}, {operation:?}");
                            assert_eq!(got[root as usize].values(), wanted, "{what}");
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn reductions_to_all_ranks() {
    type Algorithm = fn(&mut Plan, Block, Block) -> Result<()>;
    let algorithms: [Algorithm; 4] = [
        allreduce::gathered,
        allreduce::pieces,
        allreduce::central,
        allreduce::chain,
    ];
    for size in 2..=MOST {
        for count in [1, 5, 40] {
            for algorithm in algorithms {
                for operation in OPERATIONS {
                    for in_place in [false, true] {
                        let got = reduction(
                            size,
                            count,
                            operation,
                            |_| in_place,
                            |plan, s, r| algorithm(plan, s, r).unwrap(),
                        );
                        let wanted = operation.fold(&contributions(size, count));
                        for memory in got {
                            let what = format!("{size} ranks, {operation:?}, {in_place}");
                            assert_eq!(memory.values(), wanted, "{what}");
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn prefix_reductions() {
    type Algorithm = fn(&mut Plan, Block, Block, ScanKind) -> Result<()>;
    let algorithms: [Algorithm; 2] = [scan::gathered, scan::chain];
    for size in 1..=MOST {
        for algorithm in algorithms {
            for operation in OPERATIONS {
                for kind in [ScanKind::Inclusive, ScanKind::Exclusive] {
                    for in_place in [false, true] {
                        let got = reduction(
                            size,
                            3,
                            operation,
                            |_| in_place,
                            |plan, s, r| {
                                algorithm(plan, s, r, kind).unwrap();
                            },
                        );
                        for (memory, rank) in got.iter().zip(0..) {
                            let upto = if kind == ScanKind::Inclusive {
                                rank + 1
                            } else {
                                rank
                            };
                            if upto > 0 {
                                let wanted = operation.fold(&contributions(upto, 3));
                                assert_eq!(memory.values(), wanted, "rank {rank} of {size}");
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Runs `call(rank)` at every rank through the choice of algorithms.
fn planned<'a>(size: u32, call: impl Fn(u32) -> Call<'a>) {
    let plan = |rank| build::plan(rank, size, None, None, &call(rank)).unwrap();
    let plans: Vec<Plan> = (0..size).map(plan).collect();
    simulate::run(&plans, plans.len(), u64::from(size));
}

#[test]
fn reduce_scatters_with_equal_and_varying_parts() {
    for size in 1..=MOST {
        for (operation, scale, block, in_place) in [
            (Operation::Compose, 1, true, false),
            (Operation::Add, 1, false, true),
            (Operation::Compose, 40, false, false),
            (Operation::Add, 40, true, true),
            (Operation::Compose, 40, false, true),
            (Operation::Add, 40, false, false),
            (Operation::Round, 40, true, false),
            (Operation::Round, 1, false, true),
        ] {
            let count = |r: u32| if block { scale } else { r as usize % 3 * scale };
            let counts: Vec<i64> = (0..size)
                .map(|r| i64::try_from(count(r)).unwrap())
                .collect();
            let total: usize = (0..size).map(count).sum();
            if total == 0 {
                continue;
            }
            let send: Vec<Memory> = (0..size)
                .map(|r| Memory::of(&mixed(r), &contribution(r, total)))
                .collect();
            let receive: Vec<Memory> = (0..size)
                .map(|r| Memory::new(&mixed(r), count(r)))
                .collect();
            planned(size, |rank| {
                let (send, receive) = (&send[rank as usize], &receive[rank as usize]);
                let reduction = Reduction {
                    send: (!in_place).then(|| send.addr()),
                    receive: if in_place {
                        send.addr()
                    } else {
                        receive.addr()
                    },
                    count: if block { scale } else { total },
                    datatype: &send.layout.datatype,
                    reducer: operation.reducer(&send.layout),
                };
                match block {
                    true => Call::ReduceScatterBlock(reduction),
                    false => Call::ReduceScatter(reduction, Ints::Count(&counts)),
                }
            });
            let wanted = operation.fold(&contributions(size, total));
            let mut first = 0;
            for rank in 0..size {
                let results = if in_place { &send } else { &receive };
                let values = results[rank as usize].values();
                let n = count(rank);
                assert_eq!(
                    values[..n],
                    wanted[first..first + n],
                    "rank {rank} of {size}"
                );
                first += n;
            }
        }
    }
}

#[test]
fn between_two_groups() {
    for (ours, theirs) in [(1, 1), (1, 4), (3, 2), (5, 5), (7, 3)] {
        let all = ours + theirs;
        let group = |i: u32| {
            if i < ours {
                (i, ours, theirs)
            } else {
                (i - ours, theirs, ours)
            }
        };
        let go = |call: &dyn Fn(u32) -> Call<'static>| {
            let plan = |i| {
                let (rank, size, remote) = group(i);
                build::plan(rank, size, Some(remote), None, &call(i)).unwrap()
            };
            let plans: Vec<Plan> = (0..all).map(plan).collect();
            simulate::run(&plans, ours as usize, u64::from(all));
        };
        // The buffers of all that follows, kept for the whole test.
        let keep = |memories: Vec<Memory>| -> &'static [Memory] { Box::leak(memories.into()) };
        let make = |count: usize| {
            keep(
                (0..all)
                    .map(|i| Memory::of(&mixed(i), &contribution(i, count)))
                    .collect(),
            )
        };
        let room = |count: usize| keep((0..all).map(|i| Memory::new(&mixed(i), count)).collect());
        let root = |i: u32, root: u32| match i {
            i if i == root => Root::Here,
            i if i < ours => Root::Beside,
            _ => Root::Rank(root),
        };
        go(&|_| Call::Barrier);

        let memories = make(4);
        go(&|i| Call::Bcast(memories[i as usize].buffer(4), root(i, ours - 1)));
        for i in ours..all {
            assert_eq!(memories[i as usize].values(), contribution(ours - 1, 4));
        }

        let (own, full) = (make(2), room(2 * theirs.max(ours) as usize));
        go(&|i| {
            let memory = &full[i as usize];
            Call::Gather(
                Some(own[i as usize].buffer(2)),
                Some(memory.equal(2)),
                root(i, 0),
            )
        });
        let theirs_all: Vec<Map> = (ours..all).flat_map(|i| contribution(i, 2)).collect();
        assert_eq!(full[0].values()[..theirs_all.len()], theirs_all);

        go(&|i| Call::Allgather(Some(own[i as usize].buffer(2)), full[i as usize].equal(2)));
        let ours_all: Vec<Map> = (0..ours).flat_map(|i| contribution(i, 2)).collect();
        for i in 0..all {
            let wanted = if i < ours { &theirs_all } else { &ours_all };
            assert_eq!(&full[i as usize].values()[..wanted.len()], &wanted[..]);
        }

        let count = (ours * theirs) as usize;
        let (send, receive) = (make(count), room(count));
        for operation in OPERATIONS {
            let reduction = |i: u32, count: usize| Reduction {
                send: Some(send[i as usize].addr()),
                receive: receive[i as usize].addr(),
                count,
                datatype: &send[i as usize].layout.datatype,
                reducer: operation.reducer(&send[i as usize].layout),
            };
            let sum = |first: u32, until: u32| {
                let parts: Vec<_> = (first..until).map(|i| contribution(i, count)).collect();
                operation.fold(&parts)
            };
            go(&|i| Call::Allreduce(reduction(i, count)));
            for i in 0..all {
                let wanted = if i < ours {
                    sum(ours, all)
                } else {
                    sum(0, ours)
                };
                assert_eq!(receive[i as usize].values(), wanted);
            }
            go(&|i| Call::Reduce(reduction(i, count), root(i, 0)));
            assert_eq!(receive[0].values(), sum(ours, all));
            go(&|i| {
                let (_, _, remote) = group(i);
                Call::ReduceScatterBlock(reduction(i, remote as usize))
            });
            for i in 0..all {
                let (rank, _, remote) = group(i);
                let wanted = if i < ours {
                    sum(ours, all)
                } else {
                    sum(0, ours)
                };
                let each = remote as usize;
                let first = rank as usize * each;
                let got = &receive[i as usize].values()[..each];
                assert_eq!(got, &wanted[first..first + each]);
            }
        }
    }
}

#[test]
fn both_ways_around_a_ring_of_two_stay_apart() {
    // A periodic grid of 2: both neighbours are the other process.
    let values: Vec<Vec<Map>> = (0..2).map(|r| contribution(r, 2)).collect();
    let send: Vec<Memory> = values
        .iter()
        .map(|v| Memory::of(&layout(false), v))
        .collect();
    let receive: Vec<Memory> = (0..2).map(|_| Memory::new(&layout(true), 2)).collect();
    let edge = |peer, upward| NeighborEdge {
        peer: Some(peer),
        upward,
    };
    let plan = |rank: u32| {
        let edges = NeighborEdges {
            sources: vec![edge(1 - rank, true), edge(1 - rank, false)],
            destinations: vec![edge(1 - rank, false), edge(1 - rank, true)],
        };
        let (send, receive) = (&send[rank as usize], &receive[rank as usize]);
        let call = Call::NeighborAlltoall(send.equal(1), receive.equal(1));
        build::plan(rank, 2, None, Some(&edges), &call).unwrap()
    };
    simulate::run(&[plan(0), plan(1)], 2, 1);
    for rank in 0..2 {
        let other = &values[1 - rank];
        assert_eq!(receive[rank].values(), [other[1], other[0]]);
    }
}
