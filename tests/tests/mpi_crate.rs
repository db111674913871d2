//! The `mpi` crate from crates.io, unmodified, both ways: with its own `mpi-sys`
//! built by our `mpicc`, and with our `mpi-sys` in its place and no compiler.
//! All examples that ship with it are built and run.

use lariat_tests::outside::{Project, path_without_compilers, succeeds};
use lariat_tests::report_text::{fits, masked};
use lariat_tests::{Job, skipped, tool, workspace};
use std::fmt::Write as _;
use std::time::Duration;

/// Examples that say themselves that they want some ranks, and how many.
const AT_LEAST: [(&str, u32); 2] = [("all_gather_bool", 2), ("immediate_multiple_requests", 2)];

const MANIFEST: &str = r#"
[package]
name = "outside"
version = "0.1.0"
edition = "2021"

[features]
default = ["derive", "complex", "user-operations"]
user-operations = []
derive = []
complex = []

[dependencies]
mpi = { version = "=0.8.2", features = ["derive", "complex"] }

[dev-dependencies]
num-complex = "0.4"

[profile.dev]
debug = "line-tables-only"
incremental = false

[profile.dev.package."*"]
debug = false

# Examples name a configuration that the mpi crate's own build script declares.
[lints.rust]
unexpected_cfgs = { level = "allow", check-cfg = ["cfg(msmpi)"] }
"#;

/// A program in which rank 1 fails before a barrier that the others are in.
const FAILING: &str = r#"
use mpi::traits::*;

fn main() -> Result<(), String> {
    let universe = mpi::initialize().unwrap();
    let world = universe.world();
    if world.rank() == 1 {
        match std::env::args().nth(1).as_deref() {
            Some("panic") => panic!("rank 1 has had enough"),
            Some("thread") => std::thread::spawn(|| panic!("so has this")).join().unwrap(),
            Some("caught") => drop(std::panic::catch_unwind(|| panic!("caught"))),
            _ => return Err("rank 1 gives up".to_owned()),
        }
    }
    world.barrier();
    Ok(())
}
"#;

/// Programs that are wrong, each by its own argument.
const WRONG: &str = r#"
use mpi::collective::SystemOperation;
use mpi::traits::*;

fn main() {
    let universe = mpi::initialize().unwrap();
    let world = universe.world();
    let (rank, ranks) = (world.rank(), world.size());
    let (mut one, mut four) = (0i32, [0i32; 4]);
    match std::env::args().nth(1).as_deref() {
        Some("ring") => {
            let left = world.process_at_rank((rank + ranks - 1) % ranks);
            left.receive_into(&mut one);
        }
        Some("tag") if rank == 0 => {
            world.process_at_rank(1).receive_into_with_tag(&mut four, 8);
        }
        Some("tag") => {
            world.process_at_rank(0).send_with_tag(&four, 7);
            world.barrier();
        }
        Some("calls") if rank == 1 => world.barrier(),
        Some("calls") => world.all_reduce_into(&1i32, &mut one, SystemOperation::sum()),
        Some("short") if rank == 0 => {
            world.process_at_rank(1).receive_into_with_tag(&mut one, 7);
        }
        Some("short") => world.process_at_rank(0).send_with_tag(&four, 7),
        Some("roots") => world.process_at_rank(rank).broadcast_into(&mut four[..]),
        _ => panic!("no such fault"),
    }
}
"#;

/// What is said of each: its argument, ranks, exit code, and lines.
const SAID: [(&str, u32, i32, &str); 5] = [
    (
        "ring",
        2,
        35,
        "mpirun: stuck: no rank can move any more. Ending the job.\n\
         \x20 rank 0 waits in MPI_Recv for rank 1, any tag, on MPI_COMM_WORLD, room for 1 MPI_INT* at LINE\n\
         \x20 rank 1 waits in MPI_Recv for rank 0, any tag, on MPI_COMM_WORLD, room for 1 MPI_INT* at LINE\n\
         \x20 each waits for the next: 0 → 1 → 0",
    ),
    (
        "tag",
        2,
        35,
        "mpirun: stuck: no rank can move any more. Ending the job.\n\
         \x20 rank 0 waits in MPI_Recv for rank 1, tag 8, on MPI_COMM_WORLD, room for 4 MPI_INT* at LINE\n\
         \x20 rank 1 waits in MPI_Barrier on MPI_COMM_WORLD (collective no. 1); not there yet: rank 0 at LINE\n\
         \x20 never received: at rank 0, from rank 1, tag 7, on MPI_COMM_WORLD, 16 bytes: tag 7 came, tag 8 is wanted\n\
         \x20 each waits for the next: 0 → 1 → 0",
    ),
    (
        "calls",
        3,
        16,
        "mpirun: rank * in MPI_* on MPI_COMM_WORLD: ranks differ in collective no. 1: *MPI_Allreduce*MPI_Barrier* (MPI_ERR_OTHER)\n\
         \x20 *main at LINE*",
    ),
    (
        "short",
        2,
        15,
        "mpirun: rank 0 in MPI_Recv on MPI_COMM_WORLD: the message of 16 bytes from rank 1 with tag 7 does not fit the receive buffer of 4 bytes (MPI_ERR_TRUNCATE)\n\
         \x20 *main at LINE*",
    ),
    (
        "roots",
        2,
        8,
        "mpirun: rank * in MPI_Bcast on MPI_COMM_WORLD: ranks differ in MPI_Bcast (collective no. 1): root is 0 at rank 0, 1 at rank 1 (MPI_ERR_ROOT)\n\
         \x20 *main at LINE*",
    ),
];

/// Runs the wrong programs, and compares what is said of them.
fn wrong_programs(project: &Project) {
    for (fault, ranks, code, wanted) in SAID {
        let job = Job::running(project.example("wrong")).args([fault]);
        let job = job.options(["--on-deadlock=end", "--check"]).ranks(ranks);
        let outcome = job.run().exits(code);
        let lines = outcome.stderr.lines();
        let said: Result<Vec<_>, _> = lines.map(|line| masked(line, &[])).collect();
        let said = said.expect("no line is compared").join("\n");
        assert!(
            fits(&said, wanted),
            "{fault}: it was to say\n{wanted}\nand said\n{said}"
        );
        let place = "wrong.rs:";
        assert!(outcome.stderr.contains(place), "{outcome}");
    }
}

/// Runs every example on 1, 2, 3, 4 and 7 ranks and tells of all that fail.
fn run_examples(project: &Project, names: &[String]) {
    assert_eq!(names.len(), 58, "the examples of mpi 0.8.2");
    let mut failures = String::new();
    let mut runs = 0;
    for name in names {
        let least = AT_LEAST.iter().find(|(other, _)| other == name);
        let least = least.map_or(1, |(_, n)| *n);
        for ranks in [1, 2, 3, 4, 7].into_iter().filter(|n| *n >= least) {
            runs += 1;
            let job = Job::running(project.example(name)).ranks(ranks);
            let job = job.limit(Duration::from_secs(60));
            let outcome = std::panic::catch_unwind(|| job.run());
            match outcome {
                Ok(outcome) if outcome.code() == Some(0) => {}
                Ok(outcome) => {
                    let _ = writeln!(failures, "{name} on {ranks} ranks:\n{outcome}");
                }
                Err(_) => {
                    let _ = writeln!(failures, "{name} on {ranks} ranks hangs");
                }
            }
        }
    }
    let failed = failures.matches(" ranks:\n").count() + failures.matches(" hangs\n").count();
    assert!(failed == 0, "{failed} of {runs} runs failed:\n{failures}");
}

#[test]
fn with_the_unmodified_mpi_sys() {
    let project = Project::new("mpicc", MANIFEST);
    let names = project.take_examples_of_mpi();
    let mut build = project.cargo(&["build", "--quiet", "--examples"]);
    build.env("MPICC", tool("mpicc"));
    succeeds(build);
    run_examples(&project, &names);
}

#[test]
fn with_our_mpi_sys_and_no_compiler() {
    let runtime = workspace().join("runtime");
    let manifest = format!(
        "{MANIFEST}\n[patch.crates-io]\nmpi-sys = {{ path = \"{0}/mpi-sys\" }}\nlibffi = {{ path = \"{0}/libffi\" }}\n",
        runtime.display()
    );
    let project = Project::new("drop-in", &manifest);
    let names = project.take_examples_of_mpi();
    let tree = succeeds(project.cargo(&["tree", "--quiet", "--prefix=none"]));
    let tree = String::from_utf8_lossy(&tree.stdout).into_owned();
    for builds_c in ["bindgen ", "clang-sys ", "libffi-sys ", "cc ", "cmake "] {
        let there = tree.lines().any(|line| line.starts_with(builds_c));
        assert!(!there, "{builds_c}is built:\n{tree}");
    }
    project.write("examples/failing.rs", FAILING);
    project.write("examples/wrong.rs", WRONG);
    let mut build = project.cargo(&["build", "--quiet", "--examples"]);
    build.env("PATH", path_without_compilers());
    for compiler in ["CC", "CXX", "MPICC", "LIBCLANG_PATH", "MPI_PKG_CONFIG"] {
        build.env_remove(compiler);
    }
    succeeds(build);
    run_examples(&project, &names);
    wrong_programs(&project);
    let failing = |how: &str| Job::running(project.example("failing")).args([how]);
    for how in ["panic", "thread"] {
        let text = "panicked: MPI_Finalize was called while unwinding";
        let outcome = failing(how).ranks(3).run().exits(101);
        let _ = outcome.says(["rank 1 (pid ", text]);
    }
    let _ = failing("caught").ranks(3).run().exits(0);
    // The shared library is no part of it, and any linker will do.
    let metadata = succeeds(project.cargo(&["metadata", "--format-version=1", "--quiet"]));
    let metadata = String::from_utf8_lossy(&metadata.stdout).into_owned();
    let targets = metadata.split("\"crate_types\":").skip(1);
    let source = format!("\"src_path\":\"{}/", runtime.display());
    let ours = targets.filter_map(|target| Some(target.split_once(&source)?.0));
    // what lies between a target's types and its source is its name
    let ours: Vec<&str> = ours.filter(|text| !text.contains("src_path")).collect();
    assert!(
        ours.iter().any(|text| text.contains("\"lariat\"")),
        "{ours:?}"
    );
    assert!(!ours.iter().any(|text| text.contains("cdylib")), "{ours:?}");
    if std::process::Command::new("ld.bfd")
        .arg("--version")
        .output()
        .is_ok()
    {
        let bfd = ["--", "-Clink-arg=-fuse-ld=bfd"];
        let again = ["rustc", "--quiet", "--example", "simple"];
        succeeds(project.cargo(&[&again[..], &bfd].concat()));
        Job::running(project.example("simple"))
            .ranks(2)
            .run()
            .exits(0);
    } else {
        skipped("no ld.bfd here");
    }
    // Nothing of the installed tree is needed to start such a program alone.
    let alone = succeeds(std::process::Command::new(project.example("simple")));
    assert!(!alone.stdout.is_empty(), "{alone:?}");
}
