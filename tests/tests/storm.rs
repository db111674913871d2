//! The storms, a few cases of each; `make storm` runs them all. What a case is
//! follows from its seed, so that these are always the same ones.

use lariat_tests::storm::STORMS;

fn some_of(name: &str, cases: u64) {
    let storm = STORMS.iter().find(|storm| storm.name == name);
    let storm = storm.expect("it is one of the storms");
    let tally = storm.rage(1, cases, 1, |_| ());
    assert!(
        tally.failures.is_empty(),
        "{} of {cases} cases failed:\n{}",
        tally.failures.len(),
        tally.failures.join("\n")
    );
}

#[test]
fn kills() {
    some_of("kills", 24);
}

#[test]
fn commands() {
    some_of("commands", 300);
}

#[test]
fn scribbled_segments() {
    some_of("scribble", 15);
}

#[test]
fn forged_environments() {
    some_of("environments", 120);
}
