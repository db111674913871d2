//! One message, one collective, accesses to a window and one file access of more than 2³¹
//! elements and more than 4 GiB, on every arm. Up to 10 GiB of memory and several minutes:
//!
//! ```text
//! cargo test -p lariat-tests --test large_counts -- --ignored --test-threads 1
//! ```

use lariat_tests::{Folder, Job};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(1800);

/// Also where neither the shared heap nor the kernel reaches a peer's memory.
fn on_every_arm(what: &str) {
    let job = Job::of("large_counts").args([what]).ranks(2).limit(LIMIT);
    job.clone().passes_on_every_arm();
    let refused = job.before([lariat_tests::program("no_cma")]);
    refused.env("LARIAT_HEAP", "0").passes();
}

#[test]
#[ignore = "takes 9 GiB of memory"]
fn a_message() {
    on_every_arm("message");
}

#[test]
#[ignore = "takes 7 GiB of memory"]
fn a_message_of_more_than_two_billion_blocks() {
    on_every_arm("strided");
}

#[test]
#[ignore = "takes 9 GiB of memory"]
fn a_collective() {
    on_every_arm("collective");
}

#[test]
#[ignore = "takes 9 GiB of memory"]
fn parts_of_a_collective_behind_four_gigabytes() {
    on_every_arm("gather");
}

#[test]
#[ignore = "takes 9 GiB of memory"]
fn reductions() {
    on_every_arm("reduction");
}

#[test]
#[ignore = "takes 9 GiB of memory"]
fn a_window_access() {
    on_every_arm("window");
}

/// By loads and stores, by CMA and by messages.
#[test]
#[ignore = "takes 10 GiB of memory"]
fn an_access_to_memory_of_the_program() {
    on_every_arm("own window");
}

/// Bytes of files take no arm.
#[test]
#[ignore = "takes 9 GiB of memory and 4 GiB of disk"]
fn a_file_access() {
    let folder = Folder::new(&std::env::temp_dir(), "large_counts");
    let job = Job::of("large_counts").ranks(2).args(["file"]);
    job.args([folder.path()]).limit(LIMIT).passes();
    folder.is_empty();
}
