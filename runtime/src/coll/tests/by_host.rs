//! Collectives over several hosts, which may have their ranks side by side or by turns.

use super::super::args::{Call, Ints, Reduction, Root};
use super::super::by_host_reductions as reductions;
use super::super::choose::{self, ByHost};
use super::super::operands::PlannedParts;
use super::super::plan::{Plan, Step};
use super::super::{build, by_host, intra, simulate};
use super::model::*;
use super::{carry_out, contributions, mixed, whole};
use crate::object::hosts::Hosts;
use std::sync::{Arc, Mutex, PoisonError};

/// By rank: the host.
const PLACEMENTS: [&[u32]; 9] = [
    &[0, 0, 0, 0, 1, 1, 1, 1],
    &[0, 0, 1],
    &[0, 1, 1, 1, 2, 2],
    &[0, 1, 0, 1, 0, 1],
    &[2, 0, 0, 1, 2, 1, 0],
    &[0, 0, 0, 1, 1, 2, 2, 2, 3, 3, 3, 3],
    &[0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8],
    &[0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 1],
    &[1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0],
];

/// Makes choices as for members of several jobs. Which choices are made is the library's state,
/// which its lock guards; here tests run side by side.
fn for_several_jobs<R>(f: impl FnOnce() -> R) -> R {
    static LOCK: Mutex<()> = Mutex::new(());
    let _lock = LOCK.lock().unwrap_or_else(PoisonError::into_inner);
    choose::for_several_jobs(true, f)
}

/// Plans of ranks on these hosts, by what each does with its memory.
fn plans_on(nodes: &[u32], memories: &[Memory], f: impl Fn(&mut Plan, &Memory)) -> Vec<Plan> {
    let hosts = Arc::new(Hosts::new(nodes));
    super::plans(memories, |plan, memory| {
        plan.hosts = Some(Arc::clone(&hosts));
        for_several_jobs(|| f(plan, memory));
    })
}

fn size_of(nodes: &[u32]) -> u32 {
    u32::try_from(nodes.len()).unwrap()
}

/// Messages between hosts.
fn crossings(nodes: &[u32], plans: &[Plan]) -> usize {
    let crosses = |rank: usize, step: &Step| match step {
        Step::Send { to, .. } => nodes[rank] != nodes[*to as usize],
        _ => false,
    };
    let of = |(rank, plan): (usize, &Plan)| {
        let steps = plan.steps.iter();
        steps.filter(|step| crosses(rank, step)).count()
    };
    plans.iter().enumerate().map(of).sum()
}

#[test]
fn barriers_and_broadcasts_cross_once_for_each_host() {
    for nodes in PLACEMENTS {
        let size = size_of(nodes);
        let hosts = Hosts::new(nodes);
        let memories: Vec<Memory> = (0..size).map(|r| Memory::new(&mixed(r), 0)).collect();
        let planned = plans_on(nodes, &memories, |plan, _| {
            intra::plan(plan, &Call::Barrier).unwrap();
        });
        carry_out(&planned);
        let rounds = hosts.count().next_power_of_two().trailing_zeros() as usize;
        assert_eq!(crossings(nodes, &planned), hosts.count() * rounds);
        for root in [0, size / 2, size - 1] {
            for count in [1, 7, 20_000] {
                let sent = contribution(root, count);
                let memories: Vec<Memory> = (0..size)
                    .map(|rank| match rank == root {
                        true => Memory::of(&mixed(rank), &sent),
                        false => Memory::new(&mixed(rank), count),
                    })
                    .collect();
                let planned = plans_on(nodes, &memories, |plan, memory| {
                    let block = whole(plan, memory);
                    intra::plan_bcast(plan, block, root).unwrap();
                });
                carry_out(&planned);
                for memory in &memories {
                    assert_eq!(memory.values(), sent, "{nodes:?}, root {root}");
                    assert!(memory.holes_untouched());
                }
                let segments = (16 * count).div_ceil(choose::SEGMENT);
                assert_eq!(crossings(nodes, &planned), (hosts.count() - 1) * segments);
            }
        }
    }
}

#[test]
fn gathers_and_scatters_over_hosts() {
    const EACH: usize = 3;
    for nodes in PLACEMENTS {
        let (size, ranks) = (size_of(nodes), nodes.len());
        let hosts = Hosts::new(nodes);
        for root in 0..size {
            for in_place in [false, true] {
                let all: Vec<Map> = (0..size).flat_map(|r| contribution(r, EACH)).collect();
                let own: Vec<Memory> = (0..size)
                    .map(|r| Memory::of(&mixed(r), &contribution(r, EACH)))
                    .collect();
                let mut full = Memory::new(&layout(size % 2 == 0), ranks * EACH);
                for (i, value) in contribution(root, EACH).into_iter().enumerate() {
                    if in_place {
                        full.set(root as usize * EACH + i, value);
                    }
                }
                let away = |rank: u32| rank != root || !in_place;
                let planned = plans_on(nodes, &own, |plan, memory| {
                    let send = away(plan.rank).then(|| memory.buffer(EACH));
                    let receive = (plan.rank == root).then(|| full.equal(EACH));
                    let call = Call::Gather(send, receive, Root::Rank(root));
                    intra::plan(plan, &call).unwrap();
                });
                carry_out(&planned);
                assert_eq!(full.values(), all, "{nodes:?}, root {root}");
                assert_eq!(crossings(nodes, &planned), hosts.count() - 1);

                let got: Vec<Memory> = (0..size).map(|r| Memory::new(&mixed(r), EACH)).collect();
                let planned = plans_on(nodes, &got, |plan, memory| {
                    let receive = away(plan.rank).then(|| memory.buffer(EACH));
                    let send = (plan.rank == root).then(|| full.equal(EACH));
                    let call = Call::Scatter(send, receive, Root::Rank(root));
                    intra::plan(plan, &call).unwrap();
                });
                carry_out(&planned);
                assert_eq!(crossings(nodes, &planned), hosts.count() - 1);
                for (memory, rank) in got.iter().zip(0..) {
                    if away(rank) {
                        assert_eq!(memory.values(), contribution(rank, EACH));
                        assert!(memory.holes_untouched());
                    }
                }
            }
        }
    }
}

#[test]
fn allgathers_over_hosts() {
    for nodes in PLACEMENTS {
        let size = size_of(nodes);
        let hosts = Hosts::new(nodes);
        for varying in [false, true] {
            let count = |r: u32| if varying { r as usize % 4 } else { 2 };
            let counts: Vec<i32> = (0..size).map(|r| count(r).try_into().unwrap()).collect();
            let start = |r: u32| (0..r).map(count).sum::<usize>();
            let displs: Vec<i32> = (0..size).map(|r| start(r).try_into().unwrap()).collect();
            let all: Vec<Map> = (0..size).flat_map(|r| contribution(r, count(r))).collect();
            for way in [ByHost::Leaders, ByHost::Lanes] {
                let memories: Vec<Memory> = (0..size)
                    .map(|r| {
                        let mut memory = Memory::new(&mixed(r), all.len());
                        for (i, value) in contribution(r, count(r)).into_iter().enumerate() {
                            memory.set(start(r) + i, value);
                        }
                        memory
                    })
                    .collect();
                let planned = plans_on(nodes, &memories, |plan, memory| {
                    let parts = match varying {
                        true => memory.varying(&counts, &displs),
                        false => memory.equal(2),
                    };
                    let parts = PlannedParts::new(plan, &parts);
                    let own = parts.of(plan.rank);
                    let part = |rank| parts.of(rank);
                    if way == ByHost::Lanes {
                        return by_host::allgather_by_lanes(plan, &hosts, own, part);
                    }
                    let run = (!varying).then(|| parts.run(all.len()));
                    by_host::allgather_by_leaders(plan, &hosts, own, part, run).unwrap();
                });
                carry_out(&planned);
                for memory in &memories {
                    assert_eq!(memory.values(), all, "{nodes:?}, {way:?}");
                    assert!(memory.holes_untouched());
                }
            }
        }
    }
}

#[test]
fn alltoalls_over_hosts() {
    const EACH: usize = 2;
    let value = |from: u32, to: u32| contribution(from * 100 + to, EACH);
    for nodes in PLACEMENTS {
        let size = size_of(nodes);
        let hosts = Hosts::new(nodes);
        let total = EACH * nodes.len();
        let sent = |r: u32| (0..size).flat_map(|to| value(r, to)).collect::<Vec<_>>();
        let wanted = |r: u32| {
            (0..size)
                .flat_map(|from| value(from, r))
                .collect::<Vec<_>>()
        };
        for in_place in [false, true] {
            let out: Vec<Memory> = (0..size).map(|r| Memory::of(&mixed(r), &sent(r))).collect();
            let into: Vec<Memory> = (0..size)
                .map(|r| match in_place {
                    true => Memory::of(&mixed(r + 1), &sent(r)),
                    false => Memory::new(&mixed(r + 1), total),
                })
                .collect();
            let planned = plans_on(nodes, &into, |plan, memory| {
                let from = match in_place {
                    true => memory,
                    false => &out[plan.rank as usize],
                };
                let out = PlannedParts::new(plan, &from.equal(EACH)).run(total);
                let into = PlannedParts::new(plan, &memory.equal(EACH)).run(total);
                by_host::alltoall(plan, &hosts, out, into).unwrap();
            });
            simulate::run(&planned, planned.len(), u64::from(size));
            for (memory, rank) in into.iter().zip(0..) {
                assert_eq!(memory.values(), wanted(rank), "{nodes:?}");
                assert!(memory.holes_untouched());
            }
            let pairs = hosts.count() * (hosts.count() - 1);
            assert_eq!(crossings(nodes, &planned), pairs);
        }
    }
}

#[test]
fn reductions_over_hosts_go_from_rank_to_rank() {
    for nodes in PLACEMENTS {
        let size = size_of(nodes);
        for count in [1, 40, 3000] {
            for way in [ByHost::Leaders, ByHost::Lanes] {
                let is_in_order = Hosts::new(nodes).is_in_order();
                if way == ByHost::Lanes && !is_in_order || way == ByHost::Leaders && count > 40 {
                    continue;
                }
                for operation in [Operation::Compose, Operation::Round] {
                    reduces_over_hosts(nodes, (size, count), way, operation);
                }
            }
        }
    }
}

fn reduces_over_hosts(
    nodes: &[u32],
    (size, count): (u32, usize),
    way: ByHost,
    operation: Operation,
) {
    let hosts = Hosts::new(nodes);
    let wanted = operation.fold(&contributions(size, count));
    let what = format!("{nodes:?}, {count}, {way:?}, {operation:?}");
    let filled = || -> Vec<Memory> {
        let filled = |r| Memory::of(&mixed(r), &contribution(r, count));
        (0..size).map(filled).collect()
    };
    for root in [0, size / 2, size - 1] {
        let (send, into) = (filled(), filled());
        let planned = plans_on(nodes, &into, |plan, memory| {
            plan.reducer = Some(operation.reducer(&memory.layout));
            let into = whole(plan, memory);
            let from = whole(plan, &send[plan.rank as usize]).of(into.ty);
            let from = if root == size / 2 { into } else { from };
            match way {
                ByHost::Lanes => reductions::reduce_by_lanes(plan, &hosts, from, into, root),
                _ => reductions::reduce_by_leaders(plan, &hosts, from, into, root),
            }
            .unwrap();
        });
        simulate::run(&planned, planned.len(), u64::from(root));
        assert_eq!(into[root as usize].values(), wanted, "{what}, root {root}");
        for (memory, rank) in send.iter().chain(&into).zip((0..size).chain(0..size)) {
            if rank != root {
                assert_eq!(memory.values(), contribution(rank, count), "{what}");
            }
        }
    }
    let into = filled();
    let planned = plans_on(nodes, &into, |plan, memory| {
        plan.reducer = Some(operation.reducer(&memory.layout));
        let into = whole(plan, memory);
        match way {
            ByHost::Lanes => reductions::allreduce_by_lanes(plan, &hosts, into),
            _ => reductions::allreduce_by_leaders(plan, &hosts, into),
        }
        .unwrap();
    });
    simulate::run(&planned, planned.len(), count as u64);
    for memory in &into {
        assert_eq!(memory.values(), wanted, "{what}");
        assert!(memory.holes_untouched());
    }
}

/// Runs `call(rank)` at every rank through the choice of algorithms.
fn planned<'a>(nodes: &[u32], call: impl Fn(u32) -> Call<'a>) {
    let size = size_of(nodes);
    let hosts = Arc::new(Hosts::new(nodes));
    let plan = |rank| {
        let mut plan = Plan::new(rank, size, size);
        plan.hosts = Some(Arc::clone(&hosts));
        for_several_jobs(|| build::fill(&mut plan, false, None, &call(rank))).unwrap();
        plan
    };
    let plans: Vec<Plan> = (0..size).map(plan).collect();
    simulate::run(&plans, plans.len(), u64::from(size));
}

#[test]
fn reduce_scatters_and_scans_over_hosts() {
    for nodes in PLACEMENTS {
        let size = size_of(nodes);
        for (scale, in_place) in [(1, false), (2, true), (400, false), (400, true)] {
            let count = |r: u32| r as usize % 3 * scale;
            let counts: Vec<i64> = (0..size).map(|r| count(r).try_into().unwrap()).collect();
            let total: usize = (0..size).map(count).sum();
            for operation in OPERATIONS {
                let send: Vec<Memory> = (0..size)
                    .map(|r| Memory::of(&mixed(r), &contribution(r, total)))
                    .collect();
                let receive: Vec<Memory> =
                    (0..size).map(|r| Memory::new(&mixed(r), total)).collect();
                let results = if in_place { &send } else { &receive };
                let reduction = |rank: u32| Reduction {
                    send: (!in_place).then(|| send[rank as usize].addr()),
                    receive: results[rank as usize].addr(),
                    count: total,
                    datatype: &send[rank as usize].layout.datatype,
                    reducer: operation.reducer(&send[rank as usize].layout),
                };
                planned(nodes, |rank| {
                    Call::ReduceScatter(reduction(rank), Ints::Count(&counts))
                });
                let wanted = operation.fold(&contributions(size, total));
                let mut first = 0;
                for (rank, memory) in (0..size).zip(results) {
                    let n = count(rank);
                    let what = format!("{nodes:?}, {scale}, rank {rank}");
                    assert_eq!(memory.values()[..n], wanted[first..first + n], "{what}");
                    first += n;
                }
            }
            let operation = Operation::Round;
            let receive: Vec<Memory> = (0..size)
                .map(|r| Memory::of(&mixed(r), &contribution(r, scale)))
                .collect();
            planned(nodes, |rank| {
                let memory = &receive[rank as usize];
                Call::Scan(Reduction {
                    send: None,
                    receive: memory.addr(),
                    count: scale,
                    datatype: &memory.layout.datatype,
                    reducer: operation.reducer(&memory.layout),
                })
            });
            for (memory, rank) in receive.iter().zip(1..) {
                let wanted = operation.fold(&contributions(rank, scale));
                assert_eq!(memory.values(), wanted, "{nodes:?}, rank {rank}");
            }
        }
    }
}
