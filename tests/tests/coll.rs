//! Collective operations (MPI 5.0, chapter 6 and section 8.6), against naive
//! computation in each program.

use lariat_tests::Job;

#[test]
fn collectives_that_move_data() {
    for ranks in [1, 2, 3, 4] {
        Job::of("coll").ranks(ranks).passes();
    }
    for ranks in [5, 7, 8] {
        Job::of("coll").args(["100"]).ranks(ranks).passes();
    }
    Job::of("coll")
        .args(["1000"])
        .ranks(3)
        .passes_in_every_mode();
}

#[test]
fn broadcasts_one_after_the_other() {
    for ranks in [2, 3, 4, 5, 8] {
        Job::of("coll_bcasts").args(["1500"]).ranks(ranks).passes();
    }
    // More than a processor has, for which longer ones are published, too.
    Job::of("coll_bcasts").args(["300"]).ranks(12).passes();
    Job::of("coll_bcasts")
        .args(["500"])
        .ranks(3)
        .passes_in_every_mode();
}

#[test]
fn reductions() {
    for ranks in [1, 2, 3, 4, 5, 7, 8] {
        Job::of("reduce").ranks(ranks).passes();
    }
    Job::of("reduce").ranks(3).passes_in_every_mode();
}

#[test]
fn reductions_give_the_same_bits_everywhere() {
    for ranks in [2, 3, 4, 8] {
        Job::of("same_bits").ranks(ranks).passes();
    }
    for ranks in [5, 6, 7, 9] {
        Job::of("same_bits").args(["10007"]).ranks(ranks).passes();
    }
    Job::of("same_bits")
        .args(["5000"])
        .ranks(3)
        .passes_in_every_mode();
}

#[test]
fn every_algorithm_that_rules_ask_for() {
    // All of docs/tuning.md: those that come first, second, … in the rows.
    let rules = [
        "barrier:0:0=dissemination,bcast:0:0=flat,gather:0:0=linear,allgather:0:0=direct,\
         alltoall:0:0=pairwise,reduce:0:0=flat,allreduce:0:0=central,reduce_scatter:0:0=allreduce,\
         scan:0:0=chain",
        "barrier:0:0=central,bcast:0:0=binomial,gather:0:0=binomial,allgather:0:0=doubling,\
         alltoall:0:0=bruck,reduce:0:0=gathered,allreduce:0:0=gathered,reduce_scatter:0:0=pairwise,\
         scan:0:0=gathered",
        "bcast:0:0=scatter_allgather,allgather:0:0=ring,reduce:0:0=pieces,allreduce:0:0=pieces",
        "bcast:0:0=chain,reduce:0:0=chain,allreduce:0:0=chain",
    ];
    for rules in rules {
        for ranks in [2, 3, 5] {
            for program in ["coll", "reduce"] {
                let job = Job::of(program).args(["100"]).ranks(ranks);
                job.env("LARIAT_COLLECTIVES", rules).passes();
            }
        }
        let job = Job::of("same_bits").args(["1007"]).ranks(4);
        job.env("LARIAT_COLLECTIVES", rules).passes();
    }
}

#[test]
fn operations_on_types_of_every_kind() {
    for ranks in [1, 2, 3] {
        Job::of("kinds").ranks(ranks).passes();
    }
}

#[test]
fn operations_on_every_type() {
    for ranks in [1, 2, 5] {
        Job::of("ops").ranks(ranks).passes();
    }
}

#[test]
fn between_groups() {
    for ranks in [2, 3, 5, 8] {
        Job::of("coll_inter").ranks(ranks).passes();
    }
}

#[test]
fn among_neighbors() {
    for ranks in [1, 2, 3, 4, 6] {
        Job::of("coll_neighbor").ranks(ranks).passes();
    }
}

#[test]
fn persistent_ones_of_which_some_ranks_are_a_round_ahead() {
    for ranks in [2, 3, 4, 7] {
        Job::of("coll_ahead").ranks(ranks).passes();
    }
}

#[test]
fn many_at_a_time() {
    for ranks in [1, 2, 3, 5] {
        Job::of("coll_many").ranks(ranks).passes();
    }
    Job::of("coll_many").ranks(3).passes_in_every_mode();
}

#[test]
fn by_several_threads() {
    for ranks in [1, 2, 3] {
        Job::of("coll_threads").ranks(ranks).passes();
    }
}

#[test]
fn wrong_arguments() {
    for ranks in [1, 2, 3] {
        Job::of("coll_errors").ranks(ranks).passes();
    }
}
