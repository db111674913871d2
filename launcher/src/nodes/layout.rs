//! Which rank runs on which host.

use crate::cli::{JobOptions, MapBy, ProgramOptions, RankBy};
use crate::hosts::Host;

/// By rank: its host, its rank there, and its program.
pub type Ranks = Vec<(u32, u32, u32)>;

/// Lays the ranks of all programs out over the hosts. `cores`: by host, as its agent has
/// said.
///
/// # Errors
/// There are more ranks than the options leave room for.
pub fn ranks(
    global: &JobOptions,
    locals: &[ProgramOptions],
    hosts: &[Host],
    cores: &[u32],
) -> Result<Ranks, String> {
    if let Some(MapBy::Rankfile(file)) = global.map_by.as_ref().map(|map| &map.by) {
        return Err(format!(
            "rankfile {}: a rankfile is for jobs on one host; --host a:2,b:2 says how many ranks each host gets",
            file.display()
        ));
    }
    let each = each(global);
    let slots = slots(global, hosts, cores);
    if let Some(MapBy::PerResource(n, _)) = global.map_by.as_ref().map(|map| &map.by)
        && locals.iter().any(|local| local.ranks.is_none())
    {
        return Err(format!(
            "--map-by ppr:{n}: what hosts have is not known before their agents run: over several \
             hosts, -n says how many ranks there are; ppr:{n}:node puts {n} on each host"
        ));
    }
    let room: u64 = slots.iter().map(|n| u64::from(*n)).sum();
    let mut programs = Vec::new();
    for (program, local) in (0..).zip(locals) {
        let count = match local.ranks {
            Some(n) => n,
            None if locals.len() > 1 => 1,
            None => u32::try_from(room).unwrap_or(u32::MAX),
        };
        programs.extend((0..count).map(|_| program));
    }
    if let Some(each) = each
        && programs.len() as u64 > room
    {
        return Err(format!(
            "{} ranks do not fit on {} hosts with {each} on each",
            programs.len(),
            hosts.len()
        ));
    }
    let by = global.map_by.as_ref().map(|map| &map.by);
    let in_turn = matches!(by, Some(MapBy::Node)) || global.rank_by == Some(RankBy::Node);
    let order = match in_turn {
        true => in_turns(&slots, programs.len()),
        false => one_after_the_other(&slots, programs.len()),
    };
    let mut next = vec![0; hosts.len()];
    let placed = order.iter().zip(programs).map(|(host, program)| {
        let local = next[*host];
        next[*host] += 1;
        (u32::try_from(*host).unwrap_or(0), local, program)
    });
    Ok(placed.collect())
}

/// How many ranks each host gets, if the options say so.
fn each(global: &JobOptions) -> Option<u32> {
    match global.map_by.as_ref().map(|map| &map.by) {
        Some(MapBy::PerMachine(n)) => Some(*n),
        _ => global.perhost,
    }
}

/// How many ranks each host offers. Without a number: in a list one for each time a host is
/// named, in a file as many as it has cores.
pub fn slots(global: &JobOptions, hosts: &[Host], cores: &[u32]) -> Vec<u32> {
    let each = each(global);
    let all = hosts.iter().zip(cores);
    all.map(|(host, cores)| match (each, host.slots) {
        (Some(each), _) => each,
        (None, Some(slots)) => slots,
        (None, None) => (*cores).max(1),
    })
    .collect()
}

/// The ranks of hosts that are one machine with host `at` and share processors with it: those
/// of hosts before it, and all; and whether they all have the same processors. `machines`: of
/// each host, the machine that it is (empty: not known) and its processors; `ranks`: how many
/// it has.
pub fn crowd(machines: &[(String, Vec<u32>)], ranks: &[u32], at: usize) -> ((u32, u32), bool) {
    let (machine, processors) = &machines[at];
    let shares = |other: &usize| {
        let (name, theirs) = &machines[*other];
        let is_one = name == machine && !machine.is_empty();
        *other == at || is_one && theirs.iter().any(|number| processors.contains(number))
    };
    let with_ranks = |other: &usize| ranks[*other] > 0;
    let all: Vec<usize> = (0..machines.len())
        .filter(shares)
        .filter(with_ranks)
        .collect();
    let sum = |hosts: &mut dyn Iterator<Item = &usize>| {
        hosts.fold(0_u32, |sum, host| sum.saturating_add(ranks[*host]))
    };
    let before = sum(&mut all.iter().filter(|host| **host < at));
    let same = all.iter().all(|host| machines[*host].1 == *processors);
    ((before, sum(&mut all.iter())), same)
}

/// How many ranks each host gets: all slots are filled, then all of them again, until there
/// are no more ranks.
fn counts(slots: &[u32], ranks: usize) -> Vec<usize> {
    let mut counts = vec![0; slots.len()];
    let mut left = ranks;
    while left > 0 {
        for (count, slots) in counts.iter_mut().zip(slots) {
            let n = left.min(*slots as usize);
            *count += n;
            left -= n;
        }
    }
    counts
}

/// Hosts by rank: the first host's ranks come first.
pub(super) fn one_after_the_other(slots: &[u32], ranks: usize) -> Vec<usize> {
    let counts = counts(slots, ranks);
    let of = |(host, count)| std::iter::repeat_n(host, count);
    counts.into_iter().enumerate().flat_map(of).collect()
}

/// Hosts by rank: each host gets one in turn, while it has room.
pub(super) fn in_turns(slots: &[u32], ranks: usize) -> Vec<usize> {
    let mut left = counts(slots, ranks);
    let mut order = Vec::with_capacity(ranks);
    while order.len() < ranks {
        for (host, left) in left.iter_mut().enumerate().filter(|(_, left)| **left > 0) {
            *left -= 1;
            order.push(host);
        }
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::map;

    fn program(ranks: Option<u32>) -> ProgramOptions {
        ProgramOptions {
            ranks,
            program: vec!["a".into()],
            ..ProgramOptions::default()
        }
    }

    fn hosts(list: &str) -> Vec<Host> {
        crate::hosts::of_list(list).unwrap()
    }

    fn placed(options: &JobOptions, list: &str, programs: &[Option<u32>]) -> Vec<(u32, u32)> {
        let locals: Vec<_> = programs.iter().map(|n| program(*n)).collect();
        let hosts = hosts(list);
        let cores = vec![2; hosts.len()];
        let ranks = ranks(options, &locals, &hosts, &cores).unwrap();
        ranks
            .iter()
            .map(|(host, local, _)| (*host, *local))
            .collect()
    }

    #[test]
    fn hosts_that_are_one_machine_share_its_processors() {
        let on = |name: &str, processors: &[u32]| (name.to_owned(), processors.to_vec());
        let machines = [
            on("m", &[0, 1]),
            on("n", &[0, 1]),
            on("m", &[0, 1]),
            on("m", &[2]),
            on("", &[0, 1]),
            on("", &[0, 1]),
        ];
        let ranks = [2, 4, 3, 5, 1, 1];
        assert_eq!(crowd(&machines, &ranks, 0), ((0, 5), true));
        assert_eq!(crowd(&machines, &ranks, 2), ((2, 5), true));
        assert_eq!(crowd(&machines, &ranks, 1), ((0, 4), true));
        assert_eq!(crowd(&machines, &ranks, 3), ((0, 5), true));
        assert_eq!(crowd(&machines, &ranks, 5), ((0, 1), true));
        let overlapping = [on("m", &[0, 1]), on("m", &[1, 2])];
        assert_eq!(crowd(&overlapping, &[1, 1], 1), ((1, 2), false));
    }

    #[test]
    fn slots_are_filled_one_host_after_the_other() {
        let plain = JobOptions::default();
        let two = [(0, 0), (0, 1), (1, 0), (1, 1)];
        assert_eq!(placed(&plain, "a:2,b:2", &[None]), two);
        assert_eq!(placed(&plain, "a,b", &[Some(4)]), two);
        assert_eq!(placed(&plain, "a,b,a,b", &[None]), two);
        assert_eq!(placed(&plain, "a:3,b:1", &[Some(2)]), two[..2]);
        assert_eq!(
            placed(&plain, "a:1,b:2", &[Some(1), Some(2)]),
            [(0, 0), (1, 0), (1, 1)]
        );
    }

    #[test]
    fn hosts_take_turns_or_get_so_many() {
        let by_node = JobOptions {
            map_by: Some(map("node").unwrap()),
            ..JobOptions::default()
        };
        let turns = [(0, 0), (1, 0), (0, 1), (1, 1), (1, 2)];
        assert_eq!(placed(&by_node, "a:2,b:3", &[None]), turns);
        for options in [
            JobOptions {
                perhost: Some(2),
                ..JobOptions::default()
            },
            JobOptions {
                map_by: Some(map("ppr:2:node").unwrap()),
                ..JobOptions::default()
            },
        ] {
            let two = [(0, 0), (0, 1), (1, 0), (1, 1)];
            assert_eq!(placed(&options, "a,b:9", &[None]), two);
            let hosts = hosts("a,b");
            let said = ranks(&options, &[program(Some(5))], &hosts, &[1, 1]).unwrap_err();
            assert!(
                said.contains("5 ranks") && said.contains("2 hosts"),
                "{said}"
            );
        }
    }
}
