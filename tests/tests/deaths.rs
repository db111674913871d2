//! What mpirun says of a rank that a signal has killed: the signal and the address, where
//! in the program that was, its last MPI call, and who was waiting for it.

use lariat_tests::{Job, Outcome, scratch, skipped};

/// Rank 1 of three dies in this way.
fn dies(how: &str) -> Outcome {
    Job::of("dies").ranks(3).args([how]).run()
}

const WAITING: &str = "ranks 0, 2 were waiting for it in MPI_Barrier on MPI_COMM_WORLD";

#[test]
fn an_access_is_told_with_its_address_and_its_line() {
    let _ = dies("null").exits(139).says([
        "mpirun: rank 1 (pid ",
        "killed by SIGSEGV at address 0x0",
        "not in MPI (last call MPI_Comm_rank)\n  store at dies.c:",
        ", die at dies.c:",
        ", main at dies.c:",
        WAITING,
    ]);
    let _ = dies("inside").exits(139).says([
        "killed by SIGSEGV at address 0x10",
        " in MPI_Recv\n  die at dies.c:",
        WAITING,
    ]);
}

#[test]
fn a_full_stack_has_last_words_too() {
    let _ = dies("overflow").exits(139).says([
        "killed by SIGSEGV at address 0x7",
        "\n  deeper at dies.c:",
        " times)",
        WAITING,
    ]);
}

#[test]
fn other_signals_name_their_line() {
    for (how, code, name) in [
        ("assert", 134, "SIGABRT"),
        ("divide", 136, "SIGFPE"),
        ("sent", 139, "SIGSEGV"),
    ] {
        let outcome = dies(how).exits(code).says([
            &format!("killed by {name}"),
            "not in MPI (last call MPI_Comm_rank)",
            "die at dies.c:",
            WAITING,
        ]);
        assert!(!outcome.stderr.contains("at address"), "{outcome}");
    }
    let outcome = dies("kill").exits(137).says(["killed by SIGKILL", WAITING]);
    assert!(!outcome.stderr.contains("dies.c"), "{outcome}");
}

#[test]
fn handlers_of_the_program_keep_working() {
    let outcome = dies("handled").exits(9);
    assert!(!outcome.stderr.contains("SIGSEGV"), "{outcome}");
}

#[test]
fn the_death_of_a_forked_child_is_not_the_ranks() {
    let outcome = dies("child")
        .exits(134)
        .says(["killed by SIGABRT", "die at dies.c:"]);
    assert!(!outcome.stderr.contains("store at"), "{outcome}");
}

/// Bytes of a core dump of a program that has next to nothing.
const CORE_MOST: u64 = 4 << 20;

#[test]
fn a_core_dump_of_a_small_program_is_small() {
    let pattern = std::fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap_or_default();
    if pattern.starts_with(['|', '/']) {
        skipped("core dumps go elsewhere here");
        return;
    }
    let folder = scratch("core");
    let words = ["sh", "-c", "ulimit -c $(ulimit -Hc); exec \"$@\"", "sh"];
    let folder_name = folder.as_os_str();
    let job = Job::of("dies").ranks(3).args(["assert"]);
    let job = job.before(words).options(["--wdir".as_ref(), folder_name]);
    let outcome = job.run().exits(134);
    let files = std::fs::read_dir(&folder).expect("the folder is there");
    let lens = files.map(|file| {
        file.and_then(|file| file.metadata())
            .map_or(0, |of| of.len())
    });
    let lens: Vec<u64> = lens.collect();
    if outcome.stderr.contains("no core file") {
        skipped("core dumps are forbidden here");
        return;
    }
    assert!(matches!(lens[..], [1..CORE_MOST]), "{lens:?}: {outcome}");
}
