//! Random programs against naive models: of all that a program may do
//! (`tests/programs/random_programs.c`), and of matching alone (`random.c`).
//!
//! The seeds that are run, in the numbers of ranks and modes below, are few
//! enough for every run of the tests. More of them:
//!
//! ```text
//! LARIAT_TEST_SEEDS=1000 cargo test --release -p lariat-tests --test random
//! LARIAT_TEST_SEED=123 cargo test -p lariat-tests --test random     one alone
//! ```
//! A failure prints its seed, the ranks and the mode: all that is needed to see
//! it again.

use lariat_tests::{Job, MODES};
use std::time::Duration;

/// What the first seed is, and how many there are for each number of ranks.
fn seeds(usual: u64) -> (u64, u64) {
    let number = |name: &str| {
        let text = std::env::var(name).ok()?;
        let n = text.parse();
        Some(n.unwrap_or_else(|_| panic!("{name} is {text:?}, but a number is wanted")))
    };
    match number("LARIAT_TEST_SEED") {
        Some(seed) => (seed, 1),
        None => (1, number("LARIAT_TEST_SEEDS").unwrap_or(usual)),
    }
}

fn job(ranks: u32, first: u64, n: u64) -> Job {
    let limit = Duration::from_secs(120 + 5 * n);
    Job::of("random_programs")
        .ranks(ranks)
        .args([first.to_string(), n.to_string()])
        .limit(limit)
}

#[test]
fn random_programs_do_as_the_model() {
    let (first, n) = seeds(6);
    for ranks in 1..=8 {
        job(ranks, first, n).passes();
    }
}

#[test]
fn random_programs_in_every_mode() {
    let (first, n) = seeds(3);
    for ranks in [2, 3, 5] {
        // other seeds than those above, unless one was named
        let first = if n == 1 { first } else { first + 1000 };
        job(ranks, first, n).passes_in_every_mode();
    }
}

#[test]
fn random_programs_with_little_room_for_unexpected_messages() {
    let (first, n) = seeds(3);
    for ranks in [2, 4, 7] {
        job(ranks, first, n)
            .env("LARIAT_UNEXPECTED_LIMIT", "1000")
            .passes();
        job(ranks, first, n)
            .env("LARIAT_UNEXPECTED_LIMIT", "1000")
            .env("LARIAT_EAGER_LIMIT", "64")
            .env("LARIAT_RING_CELLS", "1")
            .passes();
    }
}

#[test]
fn random_programs_that_the_library_checks() {
    let (first, n) = seeds(3);
    for ranks in [1, 3, 4] {
        job(ranks, first, n).env("LARIAT_CHECK", "1").passes();
    }
}

#[test]
fn random_messages_match_as_the_model_says() {
    let ranks = [2, 3, 1, 5, 7, 2, 4];
    let (first, n) = seeds(24);
    for (seed, ranks) in (first..first + n).zip(ranks.into_iter().cycle()) {
        let (_, variables) = MODES[usize::try_from(seed).unwrap_or(0) % MODES.len()];
        let mut job = Job::of("random").ranks(ranks);
        job = job.args([seed.to_string(), "8".to_owned()]);
        for (name, value) in variables {
            job = job.env(name, value);
        }
        job.passes();
    }
}

/// What seeds have found, kept.
#[test]
fn seeds_that_failed_once() {
    // an empty message in buffered mode made room be given out twice
    for (mode, ranks, seed) in [("one-cell rings", 4, 1), ("one-cell rings", 5, 3)] {
        let (_, variables) = MODES[MODES
            .iter()
            .position(|(name, _)| *name == mode)
            .expect("a mode")];
        let mut job = job(ranks, seed, 1);
        for (name, value) in variables {
            job = job.env(name, value);
        }
        job.passes();
    }
}
