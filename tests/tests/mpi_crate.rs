//! The `mpi` crate from crates.io, unmodified, both ways: with its own `mpi-sys`
//! built by our `mpicc`, and with our `mpi-sys` in its place and no compiler.
//! All examples that ship with it are built and run.

use lariat_tests::outside::{Project, path_without_compilers, succeeds};
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
debug = false
incremental = false

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
    let mut build = project.cargo(&["build", "--quiet", "--examples"]);
    build.env("PATH", path_without_compilers());
    for compiler in ["CC", "CXX", "MPICC", "LIBCLANG_PATH", "MPI_PKG_CONFIG"] {
        build.env_remove(compiler);
    }
    succeeds(build);
    run_examples(&project, &names);
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
