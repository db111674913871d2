//! What `mpirun` does for ranks' memory, as users see it: who gets the shared heap,
//! and the tables of regions and arms.

use lariat_tests::outside::succeeds;
use lariat_tests::{Job, Outcome, build_program, program, scratch, skipped, workspace};
use std::path::PathBuf;
use std::process::Command;

/// The rows of a table that `mpirun` printed, as words; the title ends with a colon.
fn table(outcome: &Outcome, title: &str) -> Vec<Vec<String>> {
    let start = format!("mpirun: {title}:");
    let lines = outcome
        .stderr
        .lines()
        .skip_while(|line| *line != start)
        .skip(1);
    let rows = lines.take_while(|line| !line.starts_with("mpirun: "));
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect();
    let rows: Vec<Vec<String>> = rows.map(words).collect();
    assert!(rows.len() > 1, "no table {title}: {outcome}");
    rows
}

/// Whether a row has these words, one after the other.
fn has(rows: &[Vec<String>], words: &str) -> bool {
    let words: Vec<&str> = words.split(' ').collect();
    rows.iter()
        .any(|row| row.windows(words.len()).any(|w| w == words))
}

#[test]
fn the_regions_of_each_rank_are_shown() {
    let folder = scratch("regions");
    let (source, program) = (folder.join("program.c"), folder.join("program"));
    // Static data of a page or so stays where it is: this program has more.
    let text = "#include <mpi.h>\n#include <stdlib.h>\nchar big[1 << 20];\n\
                int main(void)\n{\nMPI_Init(NULL, NULL);\nbig[5] = 1;\n\
                volatile char *more = malloc(sizeof big);\nmore[0] = big[5];\n\
                MPI_Finalize();\nreturn more[0] != 1;\n}\n";
    std::fs::write(&source, text).expect("the scratch folder can be written");
    build_program(&source, &program, &[]);
    let job = Job::running(&program).ranks(2);
    let outcome = job.clone().options(["--report-regions"]).run();
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    let rows = table(&outcome, "memory regions");
    for region in [
        "internal buffers",
        "static data",
        "stack",
        "heap",
        "text",
        "whole",
    ] {
        assert!(has(&rows, region), "{region}: {outcome}");
    }
    let ranks = |rank: &str| rows.iter().any(|row| row[0] == rank);
    assert!(ranks("0") && ranks("1"), "{outcome}");
    assert!(has(&rows, "shared heap file"), "{outcome}");
    assert!(has(&rows, "shared program"), "{outcome}");

    let options = ["--report-regions", "--no-shared-heap"];
    let outcome = job.options(options).run();
    assert!(!outcome.stderr.contains("heap file"), "{outcome}");
    let rows = table(&outcome, "memory regions");
    assert!(!has(&rows, "shared program"), "{outcome}");
}

#[test]
fn arms_are_tried_between_all_ranks() {
    for ranks in [2, 5] {
        let job = Job::of("sendrecv").ranks(ranks).options(["--report-arms"]);
        let outcome = job.run();
        let rows = table(&outcome, "arms between ranks");
        for arm in ["shared", "driver", "cma"] {
            let tried = rows.iter().filter(|row| row.iter().any(|w| w == arm));
            assert!(tried.count() >= 1, "{arm}: {outcome}");
        }
        assert!(has(&rows, "shared arrive"), "{outcome}");
        // Those who reach all others alike have one row for that.
        assert_eq!(has(&rows, "0-4 all others shared"), ranks > 2, "{outcome}");
        assert!(!outcome.stderr.contains("not published by"), "{outcome}");
    }
}

#[test]
fn arms_are_tried_at_the_start() {
    // "hello" sends nothing: what is said comes of the start.
    let said = |arm: &str| {
        let job = Job::of("hello").ranks(3).env("LARIAT_VERBOSE", "1");
        let outcome = job.env("LARIAT_ARM", arm).run();
        assert_eq!(outcome.code(), Some(0), "{outcome}");
        outcome.stderr
    };
    let pairs = [(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)];
    let (auto, cma, copy) = (said("auto"), said("cma"), said("copy"));
    for (rank, peer) in pairs {
        for arm in ["shared", "cma"] {
            let line = format!("lariat: rank {rank}: {arm} from rank {peer}: ");
            let tries = |text: &str| text.matches(&line).count();
            assert_eq!(tries(&auto), 1, "{line}: {auto}");
            assert_eq!(tries(&cma), usize::from(arm == "cma"), "{line}: {cma}");
            assert_eq!(tries(&copy), 0, "{line}: {copy}");
        }
    }
    assert!(auto.contains("shared from rank 1: works"), "{auto}");
}

#[test]
fn a_program_without_mpirun_shows_its_own_regions() {
    let mut alone = Command::new(program("self"));
    alone
        .env("LARIAT_REPORT_REGIONS", "1")
        .env("LARIAT_REPORT_ARMS", "1");
    let output = succeeds(alone);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.starts_with("rank  region"), "{said}");
    assert!(said.contains("static data"), "{said}");
}

#[test]
fn a_script_hands_the_shared_heap_on() {
    let folder = scratch("script");
    let script = folder.join("script");
    let text = format!("#!/bin/sh\n\"{}\"\n", program("sendrecv").display());
    std::fs::write(&script, text).expect("the scratch folder can be written");
    succeeds({
        let mut chmod = Command::new("chmod");
        chmod.arg("+x").arg(&script);
        chmod
    });
    let job = Job::running(&script).ranks(2).options(["--report-arms"]);
    let outcome = job.run();
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    assert!(
        has(&table(&outcome, "arms between ranks"), "shared arrive"),
        "{outcome}"
    );
}

#[test]
fn programs_under_a_sanitizer_run_as_they_are() {
    for kind in ["address", "thread"] {
        let flag = format!("-fsanitize={kind}");
        let out: PathBuf = scratch("sanitizer").join("program");
        let mut probe = Command::new("cc");
        let nothing = out.with_extension("c");
        std::fs::write(&nothing, "int main(void) { return 0; }\n").expect("scratch is ours");
        probe.arg(&flag).arg("-o").arg(&out).arg(&nothing);
        let works = probe.output().is_ok_and(|done| done.status.success())
            && Command::new(&out)
                .output()
                .is_ok_and(|done| done.status.success());
        if !works {
            skipped(&format!("{flag} does not work here"));
            continue;
        }
        build_program(
            &workspace().join("tests/programs/sendrecv.c"),
            &out,
            &[&flag],
        );
        let outcome = Job::running(&out).ranks(2).options(["--verbose"]).run();
        assert_eq!(outcome.code(), Some(0), "{outcome}");
        assert!(outcome.stderr.contains("keeps its own heap"), "{outcome}");
        // Asking for it all the same is refused before anything is started.
        let outcome = Job::running(&out).ranks(2).options(["--shared-heap"]).run();
        assert_eq!(outcome.code(), Some(1), "{outcome}");
        assert!(outcome.stderr.contains("cannot have it"), "{outcome}");
    }
}

/// Core dumps and `mlockall` are about the program's memory: not about the job segment,
/// and not about what is mapped of peers.
#[test]
fn what_is_others_is_neither_dumped_nor_locked() {
    for when in ["never", "before", "after"] {
        Job::of("own_and_foreign").args([when]).ranks(2).passes();
    }
    let without = Job::of("own_and_foreign").args(["never"]).ranks(2);
    without.env("LARIAT_HEAP", "0").passes();
}
