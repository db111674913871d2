//! Point-to-point communication (MPI 5.0, chapter 3), each program also with
//! every arm forced, with one-cell rings and with a tiny eager limit.

use lariat_tests::Job;

#[test]
fn every_mode_size_and_alignment() {
    Job::of("modes").ranks(2).passes_in_every_mode();
    Job::of("modes").ranks(5).passes();
}

#[test]
fn messages_that_come_before_their_receive() {
    Job::of("unexpected").ranks(2).passes_in_every_mode();
}

#[test]
fn messages_do_not_overtake() {
    for ranks in [1, 2, 3, 7] {
        Job::of("order").ranks(ranks).passes();
    }
    Job::of("order").ranks(3).passes_in_every_mode();
}

#[test]
fn windows_of_short_messages() {
    Job::of("windows_small").ranks(2).passes_in_every_mode();
    for cells in ["2", "4", "8"] {
        let job = Job::of("windows_small").ranks(2);
        job.env("LARIAT_RING_CELLS", cells).passes();
    }
    Job::of("windows_small").ranks(4).passes();
}

#[test]
fn probing() {
    Job::of("probe").ranks(2).passes_in_every_mode();
    Job::of("probe").ranks(5).passes();
}

#[test]
fn the_wait_and_test_families() {
    for ranks in [1, 3, 4] {
        Job::of("completion").ranks(ranks).passes();
    }
    Job::of("completion").ranks(2).passes_in_every_mode();
}

#[test]
fn talking_to_oneself() {
    Job::of("self").ranks(1).passes_in_every_mode();
    Job::of("self").ranks(2).passes();
}

#[test]
fn talking_to_nobody() {
    for ranks in [1, 2, 3] {
        Job::of("proc_null").ranks(ranks).passes();
    }
}

#[test]
fn truncation_is_an_error_of_the_receive_alone() {
    Job::of("truncate").ranks(2).passes_in_every_mode();
}

#[test]
fn ten_thousand_posted_or_unexpected() {
    Job::of("many").ranks(2).passes_in_every_mode();
}

#[test]
fn a_flood_is_held_back() {
    Job::of("flood").ranks(2).passes_in_every_mode();
    Job::of("flood").ranks(3).passes();
}

#[test]
fn generalized_requests() {
    Job::of("grequests").ranks(2).passes();
}

#[test]
fn cancelling() {
    for ranks in [1, 4] {
        Job::of("cancel").ranks(ranks).passes();
    }
    Job::of("cancel").ranks(2).passes_in_every_mode();
}

#[test]
fn buffered_sends() {
    Job::of("bsend").ranks(2).passes_in_every_mode();
    for ranks in [1, 2, 3] {
        Job::of("bsend_session").ranks(ranks).passes();
    }
}

#[test]
fn persistent_requests() {
    Job::of("persistent").ranks(2).passes_in_every_mode();
    Job::of("persistent").ranks(4).passes();
}

#[test]
fn sending_and_receiving_in_one_call() {
    for ranks in [1, 3, 8] {
        Job::of("sendrecv").ranks(ranks).passes();
    }
    Job::of("sendrecv").ranks(2).passes_in_every_mode();
}

#[test]
fn everybody_to_everybody() {
    for ranks in [1, 2, 5, 8] {
        Job::of("exchange").ranks(ranks).passes();
    }
    Job::of("exchange").ranks(3).passes_in_every_mode();
}

#[test]
fn communicators_keep_their_messages_apart() {
    for ranks in [1, 2, 3, 6] {
        Job::of("contexts").ranks(ranks).passes();
    }
}

#[test]
fn wrong_arguments() {
    for ranks in [1, 2, 3] {
        Job::of("pt2pt_errors").ranks(ranks).passes();
    }
}

#[test]
fn threads_talk_at_once() {
    Job::of("threads").ranks(2).passes_in_every_mode();
}

#[test]
fn threads_of_a_rank_wake_each_other() {
    for ranks in [1, 2] {
        Job::of("threads_wake").ranks(ranks).passes();
    }
}

#[test]
fn empty_messages_that_nobody_asks_for_take_bounded_memory() {
    Job::of("flood_empty").ranks(3).passes();
}

#[test]
fn a_rank_that_forks() {
    for ranks in [1, 2, 3] {
        Job::of("forks").ranks(ranks).passes();
    }
}

#[test]
fn a_cancelled_send_is_received_or_cancelled() {
    Job::of("cancel_race").ranks(2).passes_in_every_mode();
    Job::of("cancel_race").ranks(4).passes();
}

#[test]
fn polling_lets_others_run() {
    for ranks in [1, 2, 7] {
        Job::of("polling").ranks(ranks).passes();
    }
}
