//! The environment and the tool information interface (MPI 5.0, chapters 9, 11,
//! 15 and 20).

use lariat_tests::Job;

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
fn the_settings_are_control_variables() {
    for ranks in [1, 2] {
        Job::of("tool_information").ranks(ranks).passes();
    }
}
