//! The suites of point-to-point and partitioned communication, collectives and communicators
//! over sockets (`tests/transport/socket.rs`) instead of shared memory: what the contract
//! of transports says is enough to carry them.
//!
//! This builds a second tree and has the suites run there. Arguments are theirs:
//! `cargo test -p lariat-tests --test second_transport probing`.

use lariat_tests::{Job, prefix, target, workspace};
use std::path::Path;
use std::process::{Command, ExitCode};

const SUITES: [&str; 4] = ["pt2pt", "partitioned", "coll", "comms"];

fn main() -> ExitCode {
    let tree = target().join("socket-tree");
    make(&tree);
    // SAFETY: there is no other thread yet.
    unsafe { std::env::set_var("LARIAT_PREFIX", &tree) };
    says_that_it_uses_sockets();
    let mut suites = Command::new(env!("CARGO"));
    suites.current_dir(workspace());
    // As the workspace is built for all tests, so that nothing is built anew.
    suites.args(["test", "--workspace", "--no-fail-fast"]);
    for suite in SUITES {
        suites.args(["--test", suite]);
    }
    suites.arg("--").args(std::env::args_os().skip(1));
    match suites.status().expect("cargo can be run").success() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

/// Makes the tree out of the one under test.
fn make(tree: &Path) {
    let mut script = Command::new(workspace().join("scripts/socket-tree"));
    script.arg(prefix()).arg(tree).env("CARGO", env!("CARGO"));
    let made = script.status().expect("scripts/socket-tree can be run");
    assert!(made.success(), "scripts/socket-tree fails");
}

/// The library of the second tree is in use, and its messages need no shared memory.
fn says_that_it_uses_sockets() {
    let job = Job::of("hello").ranks(2).env("LARIAT_VERBOSE", "1");
    let outcome = job.run().exits(0);
    let _ = outcome.says([
        "rank 0: messages go through sockets",
        "rank 1: messages go through sockets",
    ]);
}
