//! Datatypes (MPI 5.0, chapter 5), by themselves and in messages.

use lariat_tests::Job;

#[test]
fn constructors_decoding_and_packing() {
    Job::of("types").ranks(1).passes();
}

#[test]
fn names_of_mpi_1_that_mpi_3_removed() {
    for ranks in [1, 2, 3] {
        Job::of("removed").ranks(ranks).passes();
    }
}

#[test]
fn messages_between_unlike_layouts() {
    Job::of("typed_messages").ranks(2).passes_in_every_mode();
    Job::of("typed_messages").ranks(5).passes();
}
