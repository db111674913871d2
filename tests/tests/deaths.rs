//! What mpirun says of a rank that a signal has killed: the signal and the address, where
//! in the program that was, its last MPI call, and who was waiting for it.

use lariat_tests::outside::succeeds;
use lariat_tests::{Job, Outcome, scratch, skipped, tool};
use std::process::Command;

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

/// A program in C++ in which an exception leaves rank 1, while the others wait: past `main`, or
/// past an object that ends MPI («caught»).
const THROWS: &str = r#"#include <mpi.h>
#include <stdexcept>
#include <unistd.h>
struct World {
    World() { MPI_Init(nullptr, nullptr); }
    ~World() { MPI_Finalize(); }
};
namespace grid {
void solve(int rank) {
    if (rank == 1) usleep(500 * 1000), throw std::runtime_error("no such column");
    MPI_Barrier(MPI_COMM_WORLD);
}
}
int main(int, char **argv) {
    int rank;
    if (argv[1][0] == 'c') {
        try {
            World world;
            MPI_Comm_rank(MPI_COMM_WORLD, &rank);
            grid::solve(rank);
            return 0;
        } catch (std::exception &) {
            return 4;
        }
    }
    World world;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    grid::solve(rank);
}
"#;

#[test]
fn exceptions_of_cpp_are_told() {
    if !Command::new("c++")
        .arg("--version")
        .output()
        .is_ok_and(|out| out.status.success())
    {
        skipped("there is no C++ compiler");
        return;
    }
    let folder = scratch("throws");
    let (source, program) = (folder.join("throws.cpp"), folder.join("throws"));
    std::fs::write(&source, THROWS).expect("the folder can be written");
    let mut compile = Command::new(tool("mpicxx"));
    compile.args(["-g", "-O0", "-o"]).arg(&program).arg(&source);
    succeeds(compile);
    let run = |how: &str| {
        let job = Job::running(&program).ranks(3).args([how]);
        job.options(["--on-deadlock=end"]).run()
    };
    let outcome = run("uncaught").exits(134).says([
        "what():  no such column",
        "killed by SIGABRT, not in MPI (last call MPI_Comm_rank)\n  grid::solve at throws.cpp:10, main at throws.cpp:",
        WAITING,
    ]);
    assert!(!outcome.stderr.contains("_Z"), "{outcome}");
    let _ = run("caught").exits(35).says([
        "mpirun: rank 1 is in MPI_Finalize, but ranks 0, 2 wait for it in MPI_Barrier on MPI_COMM_WORLD",
        "at throws.cpp:11",
    ]);
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
