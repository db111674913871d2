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

/// Two processors of different cores.
fn two_cores() -> Option<[usize; 2]> {
    let core = |processor: usize| {
        let folder = format!("/sys/devices/system/cpu/cpu{processor}/topology");
        std::fs::read_to_string(format!("{folder}/thread_siblings_list")).ok()
    };
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let mut lines = status.lines();
    let list = lines.find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
    let mut own = list.trim().split(',').flat_map(|range| {
        let (from, to) = range.split_once('-').unwrap_or((range, range));
        let number = |text: &str| text.parse().unwrap_or(usize::MAX);
        number(from)..=number(to)
    });
    let first = own.next()?;
    let second = own.find(|n| core(*n) != core(first))?;
    Some([first, second])
}

#[test]
fn topologies_with_reordered_ranks() {
    for ranks in 1..=8 {
        Job::of("reorder").ranks(ranks).passes();
    }
    let Some([first, second]) = two_cores() else {
        return lariat_tests::skipped("ranks bound to two cores in turn: there is one core");
    };
    let list = format!("pe-list={first},{second}");
    for ranks in 1..=8 {
        let turns = ["--map-by", &list, "--bind-to", "core"];
        let job = Job::of("reorder").options(turns).args(["moved"]);
        job.ranks(ranks).passes();
    }
}

#[test]
fn error_handlers_and_codes() {
    passes_on("errhandlers", [1, 3]);
}

#[test]
fn the_initial_error_handler_is_the_one_asked_for() {
    let job = || Job::of("initial_handler").ranks(2);
    for (option, role) in [
        ("mpi_errors_return", "return"),
        ("MPI_ERRORS_ABORT", "abort"),
        ("mpi_errors_are_fatal", "fatal"),
    ] {
        let job = job().options(["-initial-errhandler", option]);
        job.args([role]).passes();
    }
    job().args(["fatal"]).passes();
    let refused = job().options(["--initial-errhandler=mpi_errors_vanish"]);
    let _ = refused
        .run()
        .fails()
        .says(["mpi_errors_vanish", "mpi_errors_return"]);
}

#[test]
fn info_objects() {
    passes_on("infos", [1, 2]);
}

#[test]
fn sessions() {
    passes_on("sessions", [1, 2, 5]);
}

/// Letters are the steps of `models.c`.
#[test]
fn the_world_and_sessions_come_and_go_in_any_order() {
    let orders = [
        ["ItFAta"; 2],
        ["ItAtFta"; 2],
        ["ItAtatF"; 2],
        ["AtItFta"; 2],
        ["AtItatF"; 2],
        ["AtaItF"; 2],
        ["AtBtItatFtbAta"; 2],
        ["AtaAtItFBtatb"; 2],
        ["IFAtaAta"; 2],
        ["IAtmFtua"; 2],
        ["IAtaF", "IAtFa"],
        ["IAtF"; 2], // forgotten
        ["AtIFa", "AtIaF"],
    ];
    for ranks in [1, 2, 3] {
        for order in orders {
            Job::of("models").ranks(ranks).args(order).passes();
        }
    }
}

#[test]
fn levels_of_thread_support_of_the_world_and_of_sessions() {
    for order in ["world", "funneled", "sessions", "after", "thread", "storm"] {
        Job::of("levels").ranks(2).args([order]).passes();
    }
}

#[test]
fn what_belongs_to_no_model_that_is_open_is_refused() {
    for (order, says) in [
        ("Aw", "MPI_COMM_WORLD"),
        ("IAFw", "MPI_COMM_WORLD"),
        ("AaAacI", "without an open session"),
        ("IFc", "called after MPI_Finalize"),
        ("IAFac", "called after MPI_Finalize"),
        ("II", "initialized already"),
        ("IFI", "it cannot be initialized again"),
        ("IAFI", "it cannot be initialized again"),
        ("AF", "MPI is not initialized"),
        ("IFF", "called after MPI_Finalize"),
        ("IAFF", "finalized already"),
    ] {
        let outcome = Job::of("models").ranks(2).args([order]).run().fails();
        outcome.says([says]);
    }
}

#[test]
fn a_fatal_error_names_rank_call_and_communicator() {
    for handler in [&[][..], &["abort"]] {
        let job = Job::of("fatal").ranks(2).args(handler);
        let outcome = job.run().fails();
        outcome.says(["rank 1", "MPI_Send", "the fleet", "77", "MPI_ERR_RANK"]);
    }
}
