//! Ranks whose wild writes hit the job segment. Whatever becomes of the ranks, mpirun
//! ends the job in the ordinary way, and leaves nothing behind.
//!
//! `LARIAT_STORM=1000 cargo test -p lariat-tests --test scribbles` tries so many
//! segments; a seed that fails is named, and makes the same writes again.

use lariat_tests::{Job, leftovers};
use std::os::unix::process::ExitStatusExt;

#[test]
fn mpirun_survives_what_its_ranks_write() {
    let storm = std::env::var("LARIAT_STORM").ok();
    let seeds: u32 = storm.map_or(5, |n| n.parse::<u32>().expect("a number").div_ceil(3));
    let mark = leftovers::mark();
    for seed in 1..=seeds {
        for place in ["head", "records", "arena"] {
            let arguments = [&seed.to_string(), "64", place, "200"];
            let job = Job::of("scribbles").ranks(3).args(arguments);
            let reports = ["--report-regions", "--report-segment"];
            let job = job.options(["--timeout", "4"]).options(reports);
            let outcome = job.env(leftovers::MARK, &mark).run();
            let what = format!("seed {seed}, {place}: {outcome}");
            assert!(outcome.status.signal().is_none(), "{what}");
            // what a panic of mpirun itself says
            assert!(!outcome.stderr.contains("launcher/src"), "{what}");
            assert!(outcome.stderr.contains("of 3 ranks holds"), "{what}");
            let plain = |c: char| matches!(c, '\n' | '\t') || !c.is_control();
            assert!(outcome.stderr.chars().all(plain), "{what}");
        }
    }
    leftovers::no_processes(&mark);
}
