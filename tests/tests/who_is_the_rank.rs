//! Which of the processes below mpirun is a rank: behind wrappers, in the background of
//! a script that has ended, started by a rank, and the second of two.

use lariat_tests::{Job, program};

/// A job of two ranks, each a script with the program as `$0`.
fn script(text: &str, name: &str) -> Job {
    Job::running("bash")
        .args(["-c", text])
        .args([program(name)])
        .ranks(2)
}

fn lines(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    lines
}

const BOTH: [&str; 2] = ["hello from rank 0 of 2", "hello from rank 1 of 2"];

#[test]
fn a_program_in_the_background_of_a_script_that_ends_is_the_rank() {
    for text in [
        r#""$0" &"#,
        r#"(setsid "$0" &); exit 0"#,
        r#"(sleep 0.3; exec "$0") & exit 0"#,
        r#"[ $LARIAT_RANK = 0 ] || exec "$0"; (setsid bash -c '"$0"; true' "$0" &) "#,
    ] {
        let outcome = script(text, "hello").run().exits(0);
        assert_eq!(lines(&outcome.stdout), BOTH, "{text}: {outcome}");
    }
}

#[test]
fn how_a_program_in_the_background_ends_is_how_the_rank_ends() {
    let outcome = script(r#""$0" segv wait &"#, "faults").run();
    let _ = outcome
        .exits(128 + libc::SIGSEGV)
        .says(["rank 1", "SIGSEGV"]);
    let outcome = script(r#"(setsid "$0" exit3 wait &)"#, "faults").run();
    let _ = outcome.exits(3).says(["rank 1"]);
    // one that never comes, while the other waits for it
    let text = r#"[ $LARIAT_RANK = 0 ] && exec "$0"; sleep 1000 & exit 0"#;
    let _ = script(text, "hello")
        .run()
        .exits(1)
        .says(["rank 1", "MPI_Init"]);
}

#[test]
fn a_program_that_a_rank_starts_is_a_job_of_one() {
    for ranks in [1, 2] {
        Job::of("children").ranks(ranks).passes();
    }
}

#[test]
fn a_second_program_of_a_script_is_refused() {
    for text in [r#""$0"; "$0""#, r#""$0"; exec "$0""#] {
        let outcome = script(text, "hello").run().fails();
        let outcome = outcome.says(["rank 0 of this job", "Finalized", "an mpirun of its own"]);
        assert_eq!(lines(&outcome.stdout), BOTH, "{outcome}");
    }
}

#[test]
fn a_wrapper_may_be_the_parent_of_the_rank() {
    for text in [
        r#""$0"; exit $?"#,
        r#"env A=1 "$0"; true"#,
        r#"timeout 100 "$0""#,
        r#"nice "$0""#,
        r#"true | "$0" | cat"#,
    ] {
        let outcome = script(text, "hello").run().exits(0);
        assert_eq!(lines(&outcome.stdout), BOTH, "{text}: {outcome}");
    }
}
