//! Each rank's share of the cores, where the options do not say how ranks are bound. Pure.
//!
//! The cores are shared out from the top of the machine down: ranks go to packages, in each
//! package to its NUMA nodes, in each node to its level-3 caches, and under one cache each
//! rank gets neighbouring cores. So a share crosses the border of an object only if it is
//! larger than the object.
//!
//! * If there are more ranks than objects, each object gets as many ranks as suit its number
//!   of cores. The smallest share is then as large as possible.
//! * If there are fewer, each rank gets the same number of whole objects. The remaining
//!   objects stay unused: for any rank they would lie behind a border.

use crate::cli::Object;
use crate::placement::{self, Placement};
use crate::topology::{Machine, Pu};

/// A core, with its hardware threads.
type Core = Vec<Pu>;

/// The kinds of objects that may hold several cores, the largest first.
const BORDERS: [Object; 3] = [Object::Package, Object::Numa, Object::L3cache];

/// Shares out the cores of `machine` among `ranks` ranks. Returns each rank's processors, or
/// None if there are fewer cores than ranks.
pub fn out(machine: &Machine, ranks: u32) -> Option<Placement> {
    let cores = placement::group(&machine.pus, Object::Core);
    let ranks = ranks as usize;
    if ranks > cores.len() {
        return None;
    }
    let mut shares = Vec::with_capacity(ranks);
    divide(&cores, ranks, &BORDERS, &mut shares);
    Some(shares.iter().map(|cores| cores.concat()).collect())
}

/// Leaves only the first cores in `machine`: as many as have `processors` processors together,
/// but at least one for each rank.
pub fn limit(machine: &mut Machine, processors: u32, ranks: u32) {
    let cores = placement::group(&machine.pus, Object::Core);
    let mut pus = 0;
    let fit = cores.iter().take_while(|core| {
        pus += core.len();
        pus <= processors as usize
    });
    let fit = fit.count().max(ranks as usize).min(cores.len());
    machine
        .pus
        .truncate(cores[..fit].iter().map(Vec::len).sum());
}

/// Adds the shares of `ranks` ranks, of which there are 1 up to the number of cores.
fn divide(cores: &[Core], ranks: usize, borders: &[Object], shares: &mut Vec<Vec<Core>>) {
    if ranks == 1 {
        shares.push(cores.to_vec());
        return;
    }
    let Some((border, inner)) = borders.split_first() else {
        let from = |rank: usize| rank * cores.len() / ranks;
        shares.extend((0..ranks).map(|rank| cores[from(rank)..from(rank + 1)].to_vec()));
        return;
    };
    let objects: Vec<&[Core]> = cores
        .chunk_by(|a, b| a[0].part_of(*border) == b[0].part_of(*border))
        .collect();
    if ranks < objects.len() {
        let each = objects.len() / ranks;
        let whole = largest(&objects, each * ranks);
        shares.extend(whole.chunks(each).map(<[&[Core]]>::concat));
        return;
    }
    let sizes: Vec<usize> = objects.iter().map(|object| object.len()).collect();
    for (object, ranks) in objects.iter().zip(seats(&sizes, ranks)) {
        if ranks > 0 {
            divide(object, ranks, inner, shares);
        }
    }
}

/// The `count` objects with the most cores, in the machine's order.
fn largest<'a>(objects: &[&'a [Core]], count: usize) -> Vec<&'a [Core]> {
    let mut order: Vec<usize> = (0..objects.len()).collect();
    order.sort_by_key(|at| std::cmp::Reverse(objects[*at].len())); // stable: the first of equals stays first
    order.truncate(count);
    order.sort_unstable();
    order.into_iter().map(|at| objects[at]).collect()
}

/// How many of `ranks` ranks go to each object, given the objects' numbers of cores. Each rank
/// goes to the object in which it has most room, as seats are allotted to parties by the
/// D'Hondt method. No other method makes the smallest share larger.
fn seats(sizes: &[usize], ranks: usize) -> Vec<usize> {
    let mut seats = vec![0; sizes.len()];
    for _ in 0..ranks {
        // a/b < c/d without fractions; the first of equals
        let less = |a: usize, b: usize| sizes[a] * (seats[b] + 1) < sizes[b] * (seats[a] + 1);
        let best = (1..sizes.len()).fold(0, |best, at| if less(best, at) { at } else { best });
        seats[best] += 1;
    }
    seats
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::placement::tests::machine;
    use std::collections::BTreeSet;

    /// The cores of each rank's share.
    fn shares(machine: &Machine, ranks: u32) -> Vec<Vec<u32>> {
        let shares = out(machine, ranks).expect("there are enough cores");
        let cores = |pus: &Vec<Pu>| {
            let mut cores: Vec<u32> = pus.iter().map(|p| p.core).collect();
            cores.dedup();
            cores
        };
        shares.iter().map(cores).collect()
    }

    fn without(mut machine: Machine, gone: &[u32]) -> Machine {
        machine.pus.retain(|p| !gone.contains(&p.os));
        machine
    }

    #[test]
    fn one_rank_gets_everything() {
        for m in [
            machine(1, 1, 2, 1),
            machine(2, 2, 4, 2),
            machine(1, 1, 1, 1),
        ] {
            assert_eq!(out(&m, 1), Some(vec![m.pus.clone()]));
        }
    }

    #[test]
    fn ranks_that_fill_the_cores_get_one_each() {
        let m = machine(2, 2, 2, 2);
        let each: Vec<Vec<u32>> = (0..8).map(|core| vec![core]).collect();
        assert_eq!(shares(&m, 8), each);
        // with all its hardware threads
        assert_eq!(
            out(&m, 8).unwrap()[3]
                .iter()
                .map(|p| p.os)
                .collect::<Vec<_>>(),
            [3, 11]
        );
        assert_eq!(out(&m, 9), None);
    }

    #[test]
    fn odd_numbers_under_one_cache() {
        let m = machine(1, 1, 8, 1);
        assert_eq!(shares(&m, 3), [vec![0, 1], vec![2, 3, 4], vec![5, 6, 7]]);
        let m = machine(1, 1, 5, 1);
        assert_eq!(shares(&m, 4), [vec![0], vec![1], vec![2], vec![3, 4]]);
    }

    #[test]
    fn packages_and_nodes_are_not_crossed() {
        let m = machine(2, 2, 4, 1);
        assert_eq!(
            shares(&m, 2),
            [(0..8).collect::<Vec<_>>(), (8..16).collect()]
        );
        // two ranks to the first package, a node each
        assert_eq!(
            shares(&m, 3),
            [vec![0, 1, 2, 3], vec![4, 5, 6, 7], (8..16).collect()]
        );
        let five = shares(&m, 5);
        assert_eq!(five[..3], [vec![0, 1], vec![2, 3], vec![4, 5, 6, 7]]);
        assert_eq!(five[3..], [vec![8, 9, 10, 11], vec![12, 13, 14, 15]]);
    }

    #[test]
    fn whole_objects_where_ranks_are_fewer() {
        // one package of five nodes
        let m = machine(1, 5, 2, 1);
        assert_eq!(shares(&m, 2), [vec![0, 1, 2, 3], vec![4, 5, 6, 7]]);
        // the smallest stays free
        let m = without(m, &[0]);
        assert_eq!(shares(&m, 2), [vec![2, 3, 4, 5], vec![6, 7, 8, 9]]);
    }

    #[test]
    fn a_mask_that_leaves_little_of_a_package() {
        let m = without(machine(2, 1, 4, 1), &[5, 6, 7]);
        assert_eq!(shares(&m, 2), [vec![0, 1], vec![2, 3]]);
        assert_eq!(shares(&m, 5), [[0], [1], [2], [3], [4]]);
        // one thread of a core is a core
        let m = without(machine(1, 1, 2, 2), &[2]);
        assert_eq!(shares(&m, 2), [[0], [1]]);
        assert_eq!(out(&m, 2).unwrap()[0].len(), 1);
    }

    #[test]
    fn a_quota_is_not_exceeded() {
        let left = |processors, ranks| {
            let mut m = machine(1, 1, 8, 2);
            limit(&mut m, processors, ranks);
            m.count(Object::Core)
        };
        assert_eq!(
            [left(16, 1), left(4, 1), left(5, 1), left(1, 1)],
            [8, 2, 2, 1]
        );
        assert_eq!([left(4, 3), left(4, 9)], [3, 8]);
    }

    #[test]
    fn every_machine_is_shared_well() {
        for (packages, nodes, cores, threads) in [
            (1, 1, 7, 1),
            (2, 1, 6, 2),
            (2, 4, 3, 1),
            (3, 1, 5, 2),
            (1, 8, 8, 1),
            (4, 2, 1, 2),
        ] {
            let whole = machine(packages, nodes, cores, threads);
            let count = packages * nodes * cores;
            let spotty: Vec<u32> = (0..count).filter(|core| core * core % 7 == 2).collect();
            for m in [whole.clone(), without(whole, &spotty)] {
                let all = u32::try_from(m.count(Object::Core)).unwrap();
                for ranks in 1..=all {
                    well_shared(&m, all, ranks);
                }
            }
        }
    }

    fn well_shared(m: &Machine, all: u32, ranks: u32) {
        let shares = out(m, ranks).unwrap();
        let said = format!("{ranks} ranks on {m:?}: {shares:?}");
        assert_eq!(shares.len(), ranks as usize, "{said}");
        // nobody has what another has, nor goes without; cores are not cut
        let mut taken = BTreeSet::new();
        for share in &shares {
            assert!(!share.is_empty(), "{said}");
            assert!(share.iter().all(|p| taken.insert(p.os)), "{said}");
            let own = |p: &&Pu| share.iter().any(|q| q.core == p.core);
            assert_eq!(m.pus.iter().filter(own).count(), share.len(), "{said}");
        }
        if ranks == all {
            assert_eq!(taken.len(), m.pus.len(), "{said}");
        }
        // in the machine's order, each in one piece of what the ranks have
        let used: Vec<u32> = m
            .pus
            .iter()
            .map(|p| p.os)
            .filter(|os| taken.contains(os))
            .collect();
        let given: Vec<u32> = shares.concat().iter().map(|p| p.os).collect();
        assert_eq!(used, given, "{said}");
        // a border is crossed only by who has more than lies on one side of it
        for border in BORDERS {
            for share in &shares {
                let mine: BTreeSet<u32> = share.iter().map(|p| p.part_of(border)).collect();
                let alone = |n: &u32| {
                    let inside = |p: &Pu| p.part_of(border) == *n && taken.contains(&p.os);
                    let there = m.pus.iter().filter(|p| inside(p)).count();
                    there == share.iter().filter(|p| p.part_of(border) == *n).count()
                };
                assert!(mine.len() == 1 || mine.iter().all(alone), "{said}");
            }
        }
    }
}
