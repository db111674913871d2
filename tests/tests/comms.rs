//! Groups, communicators, attributes, topologies, error handlers, info objects
//! and sessions (MPI 5.0, chapters 7 to 11).

use lariat_tests::Job;

fn passes_on(program: &str, ranks: impl IntoIterator<Item = u32>) {
    for ranks in ranks {
        Job::of(program).ranks(ranks).passes();
    }
}

#[test]
fn groups() {
    passes_on("groups", [1, 2, 5]);
}

#[test]
fn every_constructor_of_intracommunicators() {
    passes_on("comms", 1..=8);
    Job::of("comms").ranks(3).passes_in_every_mode();
}

#[test]
fn intercommunicators() {
    passes_on("intercomms", 1..=7);
    Job::of("intercomms").ranks(5).passes_in_every_mode();
}

#[test]
fn communicators_made_by_several_threads() {
    passes_on("comm_threads", [1, 2, 5]);
}

#[test]
fn random_constructors_do_as_the_model() {
    for (ranks, seed) in [
        (1, "1"),
        (2, "2"),
        (3, "3"),
        (4, "4"),
        (5, "5"),
        (7, "6"),
        (8, "7"),
    ] {
        Job::of("comm_random").ranks(ranks).args([seed]).passes();
    }
}

#[test]
fn attributes() {
    passes_on("attributes", [1, 2, 3]);
}

#[test]
fn topologies() {
    passes_on("topologies", [1, 2, 3, 4, 6, 7]);
}

#[test]
fn error_handlers_and_codes() {
    passes_on("errhandlers", [1, 3]);
}

#[test]
fn info_objects() {
    passes_on("infos", [1, 2]);
}

#[test]
fn sessions() {
    passes_on("sessions", [1, 2, 5]);
}

#[test]
fn a_fatal_error_names_rank_call_and_communicator() {
    for handler in [&[][..], &["abort"]] {
        let job = Job::of("fatal").ranks(2).args(handler);
        let outcome = job.run().fails();
        outcome.says(["rank 1", "MPI_Send", "the fleet", "77", "MPI_ERR_RANK"]);
    }
}
