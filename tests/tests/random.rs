//! Random programs against a naive model of matching, with seeds that can be
//! replayed: `mpirun -n RANKS target/rank-programs/random SEED ROUNDS`, with the
//! variables that the failure names.

use lariat_tests::{Job, MODES};

/// Seeds to try: `LARIAT_SEEDS=from..to`, or a few.
fn seeds() -> std::ops::Range<u64> {
    let Ok(given) = std::env::var("LARIAT_SEEDS") else {
        return 0..24;
    };
    let (from, to) = given
        .split_once("..")
        .expect("LARIAT_SEEDS is from..to, such as 100..2000");
    let number = |text: &str| text.parse().expect("LARIAT_SEEDS holds two numbers");
    number(from)..number(to)
}

#[test]
fn random_messages_match_as_the_model_says() {
    let ranks = [2, 3, 1, 5, 7, 2, 4];
    for (seed, ranks) in seeds().zip(ranks.into_iter().cycle()) {
        let (_, variables) = MODES[usize::try_from(seed).unwrap_or(0) % MODES.len()];
        let mut job = Job::of("random").ranks(ranks);
        job = job.args([seed.to_string(), "8".to_owned()]);
        for (name, value) in variables {
            job = job.env(name, value);
        }
        job.passes();
    }
}
