//! Which processors each rank gets, as `--map-by` and `--bind-to` say. Pure.
//!
//! Ranks are laid out over *units*: cores, or hardware threads if the options name those.
//! Then each rank is bound to the object of the wanted kind that contains its units.

use crate::cli::{BindTo, MapBy, Mapping, Object, RankBy, RankPlace};
use crate::topology::{Machine, Pu};

/// For each rank the processors that it is bound to. Empty if it is not bound.
pub type Placement = Vec<Vec<Pu>>;

/// Places `ranks` ranks, numbered as `order` says. If there are more ranks than units, the
/// layout starts over.
///
/// # Errors
/// The machine does not have what was asked for. The text says what it has.
pub fn place(
    machine: &Machine,
    ranks: u32,
    (map, numbering): (&Mapping, RankBy),
    bind: &BindTo,
) -> Result<Placement, String> {
    check_caches(machine, map, bind)?;
    let (kind, wide) = match bind {
        BindTo::Nothing => (None, 1),
        BindTo::To(object, count) => (Some(*object), *count),
        BindTo::Each => {
            let mut each: Vec<u32> = machine.pus.iter().map(|p| p.os).collect();
            each.sort_unstable();
            let sets: Vec<_> = each.into_iter().map(|os| vec![os]).collect();
            return on_sets(machine, ranks, &sets);
        }
        BindTo::Sets(sets) => return on_sets(machine, ranks, sets),
    };
    let kind = match kind {
        // A hardware thread that counts as a core is bound to alone.
        Some(Object::Core) if map.threads => Some(Object::Hwthread),
        kind => kind,
    };
    let threads = map.threads
        || map.by == MapBy::Object(Object::Hwthread)
        || (matches!(map.by, MapBy::Slot | MapBy::Node) && kind == Some(Object::Hwthread));
    let units = group(
        &machine.pus,
        if threads {
            Object::Hwthread
        } else {
            Object::Core
        },
    );
    let small = matches!(kind, Some(Object::Core | Object::Hwthread));
    let each = map.cores.max(if small { wide } else { 1 });
    let each = usize::try_from(each).unwrap_or(usize::MAX);
    let (groups, per_group) = layout(machine, &units, map, ranks)?;
    let roomiest = groups.iter().map(Vec::len).max().unwrap_or(0);
    if each > roomiest {
        return Err(format!(
            "{each} cores for each rank are asked for, but at most {roomiest} lie together"
        ));
    }
    let mut visits = vec![0_usize; units.len()];
    let mut placement = Vec::new();
    let mut places: Vec<(usize, usize)> = (0..ranks as usize)
        .map(|rank| match per_group {
            Some(n) => (rank / n, rank % n),
            None => (rank % groups.len(), rank / groups.len()),
        })
        .collect();
    match numbering {
        RankBy::Slot | RankBy::Node => {}
        RankBy::Fill => places.sort_unstable(),
        RankBy::Span => places.sort_unstable_by_key(|(at, turn)| (*turn, *at)),
    }
    for (at, turn) in places {
        let group = &groups[at];
        let places = (group.len() / each).max(1);
        let start = turn % places * each;
        let taken: Vec<usize> = group.iter().copied().skip(start).take(each).collect();
        let first = units[taken[0]][0];
        placement.push(match kind {
            None => Vec::new(),
            Some(Object::Hwthread) => taken
                .iter()
                .map(|u| {
                    visits[*u] += 1;
                    units[*u][(visits[*u] - 1) % units[*u].len()]
                })
                .collect(),
            Some(Object::Core) => {
                let cores: Vec<u32> = taken.iter().map(|u| units[*u][0].core).collect();
                all(machine, |p| cores.contains(&p.core))
            }
            Some(object) => {
                let mut numbers = order(machine, object);
                let from = numbers.iter().position(|n| *n == first.part_of(object));
                numbers.rotate_left(from.unwrap_or(0));
                numbers.truncate(wide as usize);
                all(machine, |p| numbers.contains(&p.part_of(object)))
            }
        });
    }
    Ok(placement)
}

/// Places rank i on the i-th of these sets of processors, in turn.
fn on_sets(machine: &Machine, ranks: u32, sets: &[Vec<u32>]) -> Result<Placement, String> {
    for os in sets.iter().flatten() {
        if machine.pus.iter().all(|p| p.os != *os) {
            return Err(not_allowed(machine, *os));
        }
    }
    let one = |set: &Vec<u32>| all(machine, |p| set.contains(&p.os));
    Ok(sets.iter().cycle().take(ranks as usize).map(one).collect())
}

/// Places ranks as a rankfile says, whose lines are in the order of ranks.
///
/// # Errors
/// The machine has no such core, or there is no line for a rank.
pub fn by_rankfile(
    machine: &Machine,
    ranks: u32,
    lines: &[RankPlace],
    threads: bool,
) -> Result<Placement, String> {
    let kind = if threads {
        Object::Hwthread
    } else {
        Object::Core
    };
    let packages = group(&machine.pus, Object::Package);
    let mut placement = Vec::new();
    for rank in 0..ranks {
        let line = lines.get(rank as usize).ok_or_else(|| {
            format!("there is no line for rank {rank}, and the job has {ranks} ranks")
        })?;
        let mut pus = Vec::new();
        for (package, numbers) in &line.cores {
            let there = match package {
                None => &machine.pus,
                Some(n) => packages.get(*n as usize).ok_or_else(|| {
                    format!(
                        "rank {rank}: package {n} is asked for, but there are {}",
                        packages.len()
                    )
                })?,
            };
            let cores = group(there, kind);
            match numbers {
                None => pus.extend(there.iter().copied()),
                Some(numbers) => {
                    for n in numbers {
                        let core = cores.get(*n as usize).ok_or_else(|| {
                            format!("rank {rank}: core {n} is asked for, but there are {} to be used here, which are numbered from 0", cores.len())
                        })?;
                        pus.extend(core.iter().copied());
                    }
                }
            }
        }
        pus.dedup();
        placement.push(pus);
    }
    Ok(placement)
}

fn not_allowed(machine: &Machine, os: u32) -> String {
    let mut all: Vec<u32> = machine.pus.iter().map(|p| p.os).collect();
    all.sort_unstable();
    format!(
        "processor {os} may not be used here; these may: {}",
        wireup::report::ranges(all.into_iter())
    )
}

/// How many ranks a layout is for, if it says so.
pub fn ranks_of(machine: &Machine, map: &Mapping) -> Option<u32> {
    match &map.by {
        MapBy::PerResource(n, object) => {
            // A product that does not fit is refused later, as any number that is too large.
            let all = u64::from(*n) * machine.count(*object) as u64;
            Some(u32::try_from(all).unwrap_or(u32::MAX))
        }
        MapBy::PerMachine(n) => Some(*n),
        MapBy::List(list) => u32::try_from(list.len()).ok(),
        MapBy::Unsaid | MapBy::Slot | MapBy::Node | MapBy::Object(_) | MapBy::Rankfile(_) => None,
    }
}

/// Groups of units. Ranks go to the groups in turn. With a number, so many ranks go to each
/// group before the next one.
type Groups = (Vec<Vec<usize>>, Option<usize>);

/// The groups of units that a layout stands for.
fn layout(
    machine: &Machine,
    units: &[Vec<Pu>],
    map: &Mapping,
    ranks: u32,
) -> Result<Groups, String> {
    let by = |object: Object| -> Vec<Vec<usize>> {
        let numbers = order(machine, object);
        let own = |n: &u32| {
            let here = |u: &usize| units[*u][0].part_of(object) == *n;
            (0..units.len()).filter(here).collect::<Vec<usize>>()
        };
        let groups = numbers.iter().map(own);
        groups.filter(|g| !g.is_empty()).collect()
    };
    let everything = vec![(0..units.len()).collect::<Vec<usize>>()];
    match &map.by {
        MapBy::Unsaid
        | MapBy::Slot
        | MapBy::Node
        | MapBy::Rankfile(_)
        | MapBy::Object(Object::Core | Object::Hwthread) => Ok((everything, None)),
        MapBy::Object(object) => Ok((by(*object), None)),
        MapBy::PerMachine(n) => match ranks <= *n {
            true => Ok((everything, None)),
            false => Err(format!(
                "{ranks} ranks do not fit on one machine, with {n} ranks for each machine"
            )),
        },
        MapBy::PerResource(n, object) => {
            let groups = by(*object);
            let room = *n as usize * groups.len();
            match ranks as usize <= room {
                true => Ok((groups, Some(*n as usize))),
                false => Err(format!(
                    "{ranks} ranks do not fit: with {n} for each {}, this machine has room for {room}",
                    format!("{object:?}").to_lowercase()
                )),
            }
        }
        MapBy::List(list) => {
            let find = |os: &u32| {
                let at = units.iter().position(|u| u.iter().any(|p| p.os == *os));
                at.map(|u| vec![u]).ok_or_else(|| not_allowed(machine, *os))
            };
            Ok((list.iter().map(find).collect::<Result<_, _>>()?, None))
        }
    }
}

/// Checks that the machine has the caches that the options name.
fn check_caches(machine: &Machine, map: &Mapping, bind: &BindTo) -> Result<(), String> {
    let mapped = match &map.by {
        MapBy::Object(o) | MapBy::PerResource(_, o) => Some(*o),
        _ => None,
    };
    let bound = match bind {
        BindTo::To(o, _) => Some(*o),
        _ => None,
    };
    let levels = [Object::L1cache, Object::L2cache, Object::L3cache];
    for (object, level) in levels.into_iter().zip(1..) {
        let is_named = [mapped, bound].contains(&Some(object));
        if is_named && !machine.caches[level - 1] {
            return Err(format!(
                "no level-{level} cache is known on this machine; use core, numa or package"
            ));
        }
    }
    Ok(())
}

/// The numbers of the objects of this kind, in the machine's order.
fn order(machine: &Machine, object: Object) -> Vec<u32> {
    let mut numbers = Vec::new();
    for pu in &machine.pus {
        if !numbers.contains(&pu.part_of(object)) {
            numbers.push(pu.part_of(object));
        }
    }
    numbers
}

/// The processors in groups: those of one object of this kind together.
pub fn group(pus: &[Pu], object: Object) -> Vec<Vec<Pu>> {
    let mut groups: Vec<Vec<Pu>> = Vec::new();
    for pu in pus {
        match groups.last_mut() {
            Some(g) if g[0].part_of(object) == pu.part_of(object) => g.push(*pu),
            _ => groups.push(vec![*pu]),
        }
    }
    groups
}

/// The processors that `which` selects.
fn all(machine: &Machine, which: impl Fn(&Pu) -> bool) -> Vec<Pu> {
    machine.pus.iter().copied().filter(|p| which(p)).collect()
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A machine of so many packages, NUMA nodes in each, cores in each node and threads in
    /// each core. The kernel numbers the first threads of all cores before the second ones.
    pub fn machine(packages: u32, nodes: u32, cores: u32, threads: u32) -> Machine {
        let mut pus = Vec::new();
        for core in 0..packages * nodes * cores {
            for thread in 0..threads {
                pus.push(Pu {
                    os: core + thread * packages * nodes * cores,
                    core,
                    l1: core,
                    l2: core / 2,
                    l3: core / cores,
                    numa: core / cores,
                    package: core / cores / nodes,
                });
            }
        }
        Machine {
            pus,
            caches: [true; 3],
        }
    }

    fn placed(m: &Machine, ranks: u32, map: &str, bind: &str) -> Vec<Vec<u32>> {
        numbered(m, ranks, (map, RankBy::Slot), bind)
    }

    fn numbered(m: &Machine, ranks: u32, by: (&str, RankBy), bind: &str) -> Vec<Vec<u32>> {
        let map = crate::cli::map(by.0).unwrap();
        let bind = crate::cli::bind(bind).unwrap();
        let placement = place(m, ranks, (&map, by.1), &bind).unwrap();
        placement
            .iter()
            .map(|pus| pus.iter().map(|p| p.os).collect())
            .collect()
    }

    #[test]
    fn cores_in_order_with_all_their_threads() {
        let m = machine(2, 1, 2, 2);
        assert_eq!(placed(&m, 3, "slot", "core"), [[0, 4], [1, 5], [2, 6]]);
        let wrapped = placed(&m, 5, "slot", "core");
        assert_eq!(wrapped[4], [0, 4], "more ranks than cores wrap around");
    }

    #[test]
    fn in_turn_over_objects() {
        let m = machine(2, 2, 2, 1);
        assert_eq!(placed(&m, 3, "package", "core"), [[0], [4], [1]]);
        assert_eq!(placed(&m, 5, "numa", "core"), [[0], [2], [4], [6], [1]]);
        assert_eq!(placed(&m, 2, "numa", "numa"), [[0, 1], [2, 3]]);
        assert_eq!(
            placed(&m, 2, "package", "package"),
            [[0, 1, 2, 3], [4, 5, 6, 7]]
        );
    }

    #[test]
    fn several_cores_for_each() {
        let m = machine(2, 1, 4, 1);
        assert_eq!(placed(&m, 2, "slot:PE=2", "core"), [[0, 1], [2, 3]]);
        assert_eq!(placed(&m, 2, "package:PE=2", "core"), [[0, 1], [4, 5]]);
        assert_eq!(placed(&m, 2, "slot", "core:2"), [[0, 1], [2, 3]]);
        let map = crate::cli::map("package:PE=5").unwrap();
        assert!(place(&m, 1, (&map, RankBy::Slot), &BindTo::To(Object::Core, 1)).is_err());
    }

    #[test]
    fn so_many_for_each_object() {
        let m = machine(2, 1, 4, 1);
        let four = placed(&m, 4, "ppr:2:package", "core");
        assert_eq!(four, [[0], [1], [4], [5]]);
        let map = crate::cli::map("ppr:2:package").unwrap();
        assert_eq!(ranks_of(&m, &map), Some(4));
        let said = place(&m, 5, (&map, RankBy::Slot), &BindTo::Nothing).unwrap_err();
        assert!(said.contains('5') && said.contains('4'), "{said}");
    }

    #[test]
    fn threads_are_used_one_after_the_other() {
        let m = machine(1, 1, 2, 2);
        assert_eq!(placed(&m, 4, "core", "hwthread"), [[0], [1], [2], [3]]);
        assert_eq!(placed(&m, 2, "hwthread", "hwthread"), [[0], [2]]);
    }

    #[test]
    fn ranks_are_numbered_in_another_order() {
        let m = machine(2, 1, 4, 1);
        let by = |order| numbered(&m, 4, ("package", order), "core");
        assert_eq!(by(RankBy::Slot), [[0], [4], [1], [5]]);
        assert_eq!(by(RankBy::Span), [[0], [4], [1], [5]]);
        assert_eq!(by(RankBy::Fill), [[0], [1], [4], [5]]);
        let pairs = numbered(&m, 4, ("ppr:2:package", RankBy::Span), "core");
        assert_eq!(pairs, [[0], [4], [1], [5]]);
    }

    #[test]
    fn threads_caches_and_sets() {
        let m = machine(1, 1, 4, 2);
        assert_eq!(placed(&m, 3, "slot:HWTCPUS", "core"), [[0], [4], [1]]);
        assert_eq!(placed(&m, 2, "l2cache", "l2"), [[0, 4, 1, 5], [2, 6, 3, 7]]);
        assert_eq!(placed(&m, 2, "core", "l1dcache"), [[0, 4], [1, 5]]);
        assert_eq!(placed(&m, 3, "slot", "rr"), [[0], [1], [2]]);
        let sets = placed(&m, 3, "slot", "user:1+0,7");
        assert_eq!(sets, [vec![0, 1], vec![7], vec![0, 1]]);
        let map = crate::cli::map("slot").unwrap();
        let said = place(&m, 1, (&map, RankBy::Slot), &BindTo::Sets(vec![vec![8]])).unwrap_err();
        assert!(said.contains('8') && said.contains("0-7"), "{said}");
    }

    #[test]
    fn a_rankfile_names_cores() {
        let m = machine(2, 1, 2, 2);
        let lines = "rank 0=a slot=1:0\nrank 1=a slot=0,2-3\nrank 2=a slot=0:*\n";
        let lines = crate::cli::rankfile(lines).unwrap();
        let placement = by_rankfile(&m, 3, &lines, false).unwrap();
        let os: Vec<Vec<u32>> = placement
            .iter()
            .map(|pus| pus.iter().map(|p| p.os).collect())
            .collect();
        assert_eq!(os, [vec![2, 6], vec![0, 4, 2, 6, 3, 7], vec![0, 4, 1, 5]]);
        for (text, word) in [
            ("rank 0=a slot=2:0", "package 2"),
            ("rank 0=a slot=4", "core 4"),
            ("rank 0=a slot=0", "rank 1"),
        ] {
            let lines = crate::cli::rankfile(text).unwrap();
            let said = by_rankfile(&m, 2, &lines, false).unwrap_err();
            assert!(said.contains(word), "{said}");
        }
    }

    #[test]
    fn a_list_says_it_all() {
        let m = machine(1, 1, 4, 1);
        assert_eq!(placed(&m, 3, "pe-list=3,0", "core"), [[3], [0], [3]]);
        let map = crate::cli::map("pe-list=9").unwrap();
        let said = place(&m, 1, (&map, RankBy::Slot), &BindTo::Nothing).unwrap_err();
        assert!(said.contains('9') && said.contains("0-3"), "{said}");
    }

    #[test]
    fn what_is_not_there_is_said() {
        let mut m = machine(1, 1, 2, 1);
        m.caches[2] = false;
        let map = crate::cli::map("slot").unwrap();
        assert!(place(&m, 1, (&map, RankBy::Slot), &BindTo::To(Object::L3cache, 1)).is_err());
        assert!(placed(&m, 2, "slot", "none").iter().all(Vec::is_empty));
    }
}
