//! Descriptors of the job in programs and scripts that have their own mind about
//! descriptors: they close what they do not know, use fixed numbers, and close
//! standard streams.

use lariat_tests::{Job, program, scratch};
use std::process::{Command, Stdio};

/// A job of `script`, run by bash with the program and its arguments behind it.
fn script(text: &str, program: &str, args: &[&str]) -> Job {
    let path = lariat_tests::program(program);
    Job::running("bash")
        .args(["-c", text, "bash"])
        .args([path.as_os_str()])
        .args(args)
}

const INHERITED: &str = "$LARIAT_SEGMENT $LARIAT_HEAP_FILE $LARIAT_LIFELINE";

#[test]
fn a_script_may_close_all_and_use_any_number() {
    let own = scratch("descriptors").join("own");
    std::fs::write(&own, "").unwrap();
    let own = own.display();
    for text in [
        // 200 is what the manual of flock(1) uses
        format!(r#"exec 200>>{own}; flock -s 200; "$@""#),
        format!(r#"for fd in {INHERITED}; do eval "exec $fd>&-"; done; exec "$@""#),
        format!(r#"for fd in {INHERITED}; do eval "exec $fd>>{own}"; done; exec "$@""#),
        format!(r#"for fd in {INHERITED}; do eval "exec $fd>>{own}"; done; "$@"; exit $?"#),
    ] {
        script(&text, "descriptors", &[]).ranks(2).passes();
        script(&text, "descriptors", &["closes"]).ranks(2).passes();
    }
    let left = std::fs::metadata(own.to_string()).unwrap().len();
    assert_eq!(left, 0, "a file of the script's own was written");
}

#[test]
fn a_program_may_close_what_it_does_not_know() {
    for ranks in [1, 3] {
        let job = Job::of("descriptors").args(["closes"]).ranks(ranks);
        job.passes();
        job.env("LARIAT_HEAP", "0").passes();
    }
    let alone = Command::new(program("descriptors")).arg("closes").output();
    let alone = alone.unwrap();
    assert!(alone.status.success(), "{alone:?}");
}

#[test]
fn closed_standard_streams_stay_closed() {
    let report = scratch("descriptors").join("report");
    let closed = |before: &str| {
        std::fs::write(&report, "").unwrap();
        let status = Command::new("bash")
            .args(["-c", before])
            .env("PROGRAM", program("descriptors"))
            .env("MPIRUN", lariat_tests::tool("mpirun"))
            .env("REPORT", &report)
            .env("XDG_CONFIG_HOME", "/no/such/folder")
            .stdin(Stdio::null())
            .status();
        assert!(status.unwrap().success(), "{before}");
        std::fs::read_to_string(&report).unwrap().len()
    };
    let alone = r#"exec "$PROGRAM" closed "$REPORT" <&- >&- 2>&-"#;
    assert_eq!(closed(alone), 1);
    let ranks = r#""$MPIRUN" -n 2 bash -c 'exec "$PROGRAM" closed "$REPORT" <&- >&- 2>&-'"#;
    assert_eq!(closed(ranks), 2);
    // mpirun itself: its ranks then have streams that lead nowhere
    let both = r#"exec "$MPIRUN" -n 2 bash -c \
                  'exec "$PROGRAM" closed "$REPORT" <&- >&- 2>&-' <&- >&- 2>&-"#;
    assert_eq!(closed(both), 2);
}

#[test]
fn what_a_rank_starts_has_none_of_its_files() {
    Job::of("descriptors").args(["children"]).ranks(2).passes();
}

#[test]
fn few_descriptors_are_enough() {
    let text = r#"ulimit -n 24; exec "$@""#;
    script(text, "descriptors", &[]).ranks(2).passes();
}
