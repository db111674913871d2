//! What ranks are bound to without options. Jobs of other tests mark cores too. Marks are
//! seen within one network namespace, so each test has one of its own.

mod common;

use common::{Outcome, mpirun_of, run};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// Prints the processors that a rank may use.
const SHOW: [&str; 3] = ["sed", "-n", "s/^Cpus_allowed_list:[[:space:]]*//p"];
const STATUS: &str = "/proc/self/status";

/// Runs mpirun in a network namespace without other jobs. None if there cannot be one here.
fn alone(args: &[&str]) -> Option<Outcome> {
    let apart = ["--net", "--"];
    let unshare = Path::new("unshare");
    let probe = Command::new(unshare).args(apart).arg("true").output();
    if !probe.is_ok_and(|probe| probe.status.success()) {
        eprintln!("skipped: no network namespace can be made here");
        return None;
    }
    let mpirun = [env!("CARGO_BIN_EXE_mpirun")];
    let done = run(mpirun_of(unshare, &[&apart[..], &mpirun, args].concat()));
    assert_eq!(done.code(), 0, "{}", done.err);
    Some(done)
}

fn list(text: &str) -> BTreeSet<u32> {
    let ranges = text.trim().split(',').map(|part| {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        from.parse::<u32>().unwrap()..=to.parse().unwrap()
    });
    ranges.flatten().collect()
}

/// The processors that this process may use. None if a quota allows fewer at once.
fn allowed() -> Option<BTreeSet<u32>> {
    let status = std::fs::read_to_string(STATUS).unwrap();
    let line = status
        .lines()
        .find_map(|l| l.strip_prefix("Cpus_allowed_list:"));
    let all = list(line.expect("the kernel says it"));
    let quota = std::thread::available_parallelism().unwrap().get();
    (quota == all.len()).then_some(all)
}

#[test]
fn one_rank_has_the_machine() {
    let Some(done) = alone(&[&["-n", "1", "--report-bindings"], &SHOW[..], &[STATUS]].concat())
    else {
        return;
    };
    if let Some(all) = allowed() {
        assert_eq!(list(&done.out), all);
    }
    let cores = done
        .err
        .lines()
        .filter(|l| l.trim_start().starts_with("core "));
    let bare: Vec<&str> = cores.filter(|l| !l.ends_with("rank 0")).collect();
    assert!(allowed().is_none() || bare.is_empty(), "{}", done.err);
}

#[test]
fn ranks_share_without_overlap() {
    let Some(all) = allowed() else { return };
    for ranks in 2..=3 {
        let count = ranks.to_string();
        let Some(done) = alone(&[&["-n", &count], &SHOW[..], &[STATUS]].concat()) else {
            return;
        };
        let shares: Vec<BTreeSet<u32>> = done.out.lines().map(list).collect();
        assert_eq!(shares.len(), ranks);
        if shares.iter().all(|share| *share == all) {
            continue; // fewer cores than ranks: not bound
        }
        for (at, share) in shares.iter().enumerate() {
            let others = shares[..at].iter().flatten();
            assert!(!share.is_empty() && share.is_subset(&all), "{}", done.out);
            assert!(others.clone().all(|p| !share.contains(p)), "{}", done.out);
        }
    }
}

#[test]
fn a_second_job_has_a_core_to_itself() {
    // The inner job runs within the share of the outer one's only rank.
    let inner = env!("CARGO_BIN_EXE_mpirun");
    let words = [&["-n", "1", inner, "-n", "1"], &SHOW[..], &[STATUS]].concat();
    let Some(done) = alone(&words) else { return };
    let Some(all) = allowed() else { return };
    let share = list(&done.out);
    assert!(share.is_subset(&all), "{}", done.out);
    // On a machine of one core nothing is left, and the inner rank is not bound.
    assert!(share.len() < all.len() || is_one_core(), "{share:?}");
}

fn is_one_core() -> bool {
    let done = alone(&["-n", "1", "--report-bindings", "true"]);
    done.is_some_and(|done| done.err.contains(" 1 core,"))
}
