//! The environment and the tool information interface (MPI 5.0, chapters 9, 11,
//! 15 and 20).

use lariat_tests::{Job, program};

#[test]
fn start_versions_memory_time_and_the_abi() {
    for ranks in [1, 2, 3] {
        Job::of("environment").ranks(ranks).passes();
    }
}

#[test]
fn ranks_start_one_after_the_other() {
    for level in ["0", "1", "2", "3"] {
        Job::of("init_late").args([level]).ranks(4).passes();
    }
}

#[test]
fn a_rank_that_ends_without_mpi_init_is_named_to_those_who_wait_for_it() {
    let hello = program("hello");
    let script = format!("[ $LARIAT_RANK = 1 ] || exec {}", hello.display());
    let outcome = Job::running("sh").args(["-c", &script]).ranks(3).run();
    assert_eq!(outcome.code(), Some(1), "{outcome}");
    let said = "in MPI_Init: rank 1 has ended without calling MPI_Init, which all ranks must call";
    assert!(outcome.stderr.contains(said), "{outcome}");
}

#[test]
fn the_settings_are_control_variables() {
    for ranks in [1, 2] {
        Job::of("tool_information").ranks(ranks).passes();
    }
}

#[test]
fn categories_events_and_what_runs_while_it_is_started() {
    for ranks in [1, 3] {
        Job::of("tool_more").ranks(ranks).passes();
    }
    Job::of("tool_more").ranks(2).passes_on_every_arm();
}
