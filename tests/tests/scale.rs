//! Many ranks on few cores: everything finishes, and memory grows with the
//! pairs that talk, not with the square of the ranks.

use lariat_tests::Job;
use std::time::Duration;

#[test]
fn sixty_four_ranks_meet() {
    let hello = Job::of("hello").ranks(64).run().exits(0);
    let mut lines: Vec<&str> = hello.stdout.lines().collect();
    lines.sort_unstable();
    lines.dedup();
    assert_eq!(lines.len(), 64, "{hello}");
    assert!(lines.iter().all(|line| line.ends_with(" of 64")), "{hello}");
    let scale = Job::of("scale").ranks(64);
    scale.limit(Duration::from_secs(300)).passes();
}

#[test]
fn odd_numbers_of_ranks_meet() {
    for ranks in [1, 2, 3, 7, 13] {
        Job::of("scale").ranks(ranks).passes();
    }
}

#[test]
fn the_segment_does_not_grow_with_the_square_of_the_ranks() {
    let small = [16, 32, 64].map(|n| (n, segment_bytes(n, &["small"])));
    // Messages above a ring's bulk area make each rank open its pool of fragments.
    let large = [32, 64].map(|n| (n, segment_bytes(n, &[])));
    for sizes in [&small[..], &large[..]] {
        for pair in sizes.windows(2) {
            let [(few, less), (many, more)] = pair else {
                unreachable!("windows(2) gives pairs")
            };
            // Twice the ranks: four times the bytes would be the square.
            assert!(
                *more < 3 * less,
                "{less} bytes with {few} ranks, {more} with {many}: {sizes:?}"
            );
        }
    }
}

/// The bytes that `mpirun --report-segment` says the segment held at the end.
fn segment_bytes(ranks: u32, args: &[&str]) -> u64 {
    let job = Job::of("scale").ranks(ranks).args(args);
    let job = job.options(["--report-segment"]);
    let said = job.limit(Duration::from_secs(300)).run().exits(0);
    let line = said
        .stderr
        .lines()
        .find(|line| line.contains("segment"))
        .unwrap_or_else(|| panic!("no line about the segment:\n{said}"));
    let words = line.split(|c: char| !c.is_ascii_digit());
    let numbers = words.filter_map(|word| word.parse::<u64>().ok());
    numbers
        .max()
        .unwrap_or_else(|| panic!("no size in {line:?}"))
}
