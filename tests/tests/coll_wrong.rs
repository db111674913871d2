//! Collectives that are called wrongly: ranks in different calls, wrong arguments at
//! one rank, unequal lengths. Nobody hangs, and nobody gets a wrong result in silence.

use lariat_tests::Job;

#[test]
fn ranks_in_different_calls_are_told() {
    Job::of("coll_mixed").ranks(3).args(["7"]).passes();
    Job::of("coll_mixed").ranks(2).args(["23"]).passes();
}

#[test]
fn the_error_names_the_calls_of_both_sides() {
    let pairs = [
        (
            ["allreduce", "barrier"],
            ["MPI_Allreduce", "rank 3: MPI_Barrier"],
        ),
        (["barrier", "bcast"], ["MPI_Barrier", "rank 3: MPI_Bcast"]),
        (
            ["large", "ibarrier"],
            ["MPI_Allreduce", "rank 3: MPI_Ibarrier"],
        ),
        (["split", "dup"], ["MPI_Comm_split", "rank 3: MPI_Comm_dup"]),
    ];
    for (calls, names) in pairs {
        let outcome = Job::of("coll_mixed").ranks(4).args(calls).run();
        assert_ne!(outcome.code(), Some(0), "{outcome}");
        let number = "ranks differ in collective no. 4: rank";
        assert!(outcome.stderr.contains(number), "{outcome}");
        for name in names {
            assert!(outcome.stderr.contains(name), "{name}: {outcome}");
        }
    }
}

#[test]
fn what_is_wrong_at_one_rank_is_an_error_at_those_who_wait_for_it() {
    for ranks in [2, 3, 5] {
        Job::of("coll_alone").ranks(ranks).passes();
    }
}

#[test]
fn unequal_lengths_operators_and_types() {
    for ranks in [2, 3] {
        Job::of("coll_unequal").ranks(ranks).passes();
        let job = Job::of("coll_unequal")
            .ranks(ranks)
            .env("LARIAT_CHECK", "1");
        job.args(["checked"]).passes();
    }
}

#[test]
fn errors_of_requests_go_to_the_communicators_handler() {
    for ranks in [2, 3] {
        Job::of("coll_handler").ranks(ranks).passes();
    }
}

#[test]
fn communicators_leave_nothing_in_the_segment() {
    let held = |times: &str| {
        let job = Job::of("comm_churn").ranks(4).options(["--report-segment"]);
        let outcome = job.args([times]).run();
        assert_eq!(outcome.code(), Some(0), "{outcome}");
        let (_, after) = outcome.stderr.split_once(" holds ").expect("the report");
        let number = after.split(' ').next().and_then(|n| n.parse::<u64>().ok());
        number.expect("a number of bytes")
    };
    let (few, many) = (held("100"), held("4000"));
    assert!(many <= few, "{few} bytes after 100, {many} after 4000");
}

#[test]
fn a_message_that_is_too_long_is_told_of_by_its_collective() {
    for ranks in [2, 4] {
        let outcome = Job::of("coll_too_long").ranks(ranks).run().fails();
        let outcome = outcome.says(["64 bytes from rank 0", "56 bytes", "MPI_ERR_TRUNCATE"]);
        let outcome = outcome.says(["in MPI_Scatterv (collective no. 2)"]);
        assert!(!outcome.stderr.contains("with tag"), "{outcome}");
    }
}
