//! The hosts of a job, as it has further jobs started there: how many ranks each offers and has,
//! and where the ranks of a new job are to run. Pure.

use super::layout::{in_turns, one_after_the_other};
use crate::hosts::{self, Host};

/// A host of the job.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Site {
    /// Its name, as the user gave it.
    pub name: String,
    /// What it calls itself.
    pub own: String,
    /// How many ranks it offers.
    pub slots: u32,
    /// How many it has.
    pub used: u32,
}

impl Site {
    /// Whether it is called so: with or without the user in front, or the domain behind.
    fn is(&self, name: &str) -> bool {
        let bare = |name: &str| name.rsplit('@').next().unwrap_or_default().to_lowercase();
        let name = bare(name);
        let is_one = |own: &str| {
            let own = bare(own);
            let is_number = own.starts_with(|c: char| c.is_ascii_digit() || c == '[');
            own == name || !is_number && own.split('.').next() == Some(name.as_str())
        };
        is_one(&self.name) || is_one(&self.own)
    }

    fn free(&self) -> u32 {
        self.slots.saturating_sub(self.used)
    }
}

/// Lays out the ranks of programs: by rank, the site and the program. `wanted`: for each program,
/// the hosts that it names, or nothing, and how many ranks run it. They go where there is room
/// for all of a program; else all hosts are filled as if they were empty. `by_turns`: each host
/// gets one in turn. `here`: the site that is called `localhost`.
///
/// # Errors
/// The number of a program, and what is wrong with the hosts that it names.
pub(super) fn place(
    sites: &[Site],
    wanted: &[(String, u32)],
    by_turns: bool,
    here: usize,
) -> Result<Vec<(usize, u32)>, (usize, String)> {
    let mut sites = sites.to_vec();
    let mut placed = Vec::new();
    for (program, (names, ranks)) in wanted.iter().enumerate() {
        let fail = |why: String| (program, why);
        let allowed = allowed(&sites, names, here).map_err(fail)?;
        let of = |each: &dyn Fn(&Site) -> u32| -> Vec<u32> {
            let all = allowed.iter();
            all.map(|(site, slots)| slots.unwrap_or_else(|| each(&sites[*site])))
                .collect()
        };
        let free = of(&Site::free);
        let room: u64 = free.iter().map(|n| u64::from(*n)).sum();
        let slots = match room >= u64::from(*ranks) {
            true => free,
            false => of(&|site| site.slots.max(1)),
        };
        let order = match by_turns {
            true => in_turns(&slots, *ranks as usize),
            false => one_after_the_other(&slots, *ranks as usize),
        };
        for at in order {
            let (site, _) = allowed[at];
            sites[site].used += 1;
            placed.push((site, u32::try_from(program).unwrap_or(u32::MAX)));
        }
    }
    Ok(placed)
}

/// The sites that a list of names allows, each with the number of ranks that it gives.
fn allowed(sites: &[Site], names: &str, here: usize) -> Result<Vec<(usize, Option<u32>)>, String> {
    if names.trim().is_empty() {
        return Ok((0..sites.len()).map(|site| (site, None)).collect());
    }
    let named = hosts::as_named(names).map_err(|why| format!("info key host: {why}"))?;
    let mut allowed: Vec<(usize, Option<u32>)> = Vec::new();
    for Host { name, slots } in named {
        let known = match name.as_str() {
            "localhost" => Some(here),
            name => sites.iter().position(|site| site.is(name)),
        };
        let Some(site) = known else {
            let all: Vec<&str> = sites.iter().map(|site| site.name.as_str()).collect();
            return Err(format!(
                "info key host is {names:?}, but {name} is no host of this job, whose hosts are {}",
                all.join(", ")
            ));
        };
        match allowed.iter_mut().find(|(known, _)| *known == site) {
            Some((_, known)) => *known = known.zip(slots).map(|(a, b)| a.saturating_add(b)),
            None => allowed.push((site, slots)),
        }
    }
    Ok(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sites(of: &[(&str, u32, u32)]) -> Vec<Site> {
        let site = |(name, slots, used): &(&str, u32, u32)| Site {
            name: (*name).to_owned(),
            own: format!("own-{name}"),
            slots: *slots,
            used: *used,
        };
        of.iter().map(site).collect()
    }

    fn hosts(sites: &[Site], wanted: &[(&str, u32)], by_turns: bool) -> Vec<usize> {
        let wanted: Vec<_> = wanted
            .iter()
            .map(|(names, n)| ((*names).to_owned(), *n))
            .collect();
        let placed = place(sites, &wanted, by_turns, 1).unwrap();
        placed.iter().map(|(site, _)| *site).collect()
    }

    #[test]
    fn free_slots_are_filled_first() {
        let some = sites(&[("a", 4, 2), ("b", 4, 1)]);
        assert_eq!(hosts(&some, &[("", 4)], false), [0, 0, 1, 1]);
        assert_eq!(hosts(&some, &[("", 4)], true), [0, 1, 0, 1]);
        assert_eq!(hosts(&some, &[("", 2), ("", 3)], false), [0, 0, 1, 1, 1]);
    }

    #[test]
    fn without_room_they_are_spread_as_the_job_is() {
        let full = sites(&[("a", 2, 2), ("b", 1, 1)]);
        assert_eq!(hosts(&full, &[("", 4)], false), [0, 0, 0, 1]);
        assert_eq!(hosts(&full, &[("", 4)], true), [0, 1, 0, 0]);
        assert_eq!(hosts(&sites(&[("a", 0, 0)]), &[("", 2)], false), [0, 0]);
    }

    #[test]
    fn named_hosts_are_taken_alone() {
        let some = sites(&[("u@a.x", 2, 2), ("10.0.0.2", 2, 0), ("c", 1, 0)]);
        assert_eq!(hosts(&some, &[("a", 3)], false), [0, 0, 0]);
        assert_eq!(hosts(&some, &[("C,10.0.0.2", 3)], false), [2, 1, 1]);
        assert_eq!(hosts(&some, &[("c:2,a.x:1", 3)], false), [2, 2, 0]);
        assert_eq!(
            hosts(&some, &[("own-c", 1), ("10.0.0.2", 1)], false),
            [2, 1]
        );
        assert_eq!(hosts(&some, &[("localhost", 2)], false), [1, 1]);
        let wanted = [(String::new(), 1), ("c,10".to_owned(), 1)];
        let (program, why) = place(&some, &wanted, false, 0).unwrap_err();
        assert_eq!(program, 1);
        for word in ["c,10", "but 10 is", "u@a.x, 10.0.0.2, c"] {
            assert!(why.contains(word), "{why}");
        }
        let (_, why) = place(&some, &[("c:x".to_owned(), 1)], false, 0).unwrap_err();
        assert!(why.contains("c:x"), "{why}");
    }
}
