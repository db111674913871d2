//! One message, one collective, accesses to a window and one file access of more than 2³¹
//! elements and more than 4 GiB, on every arm. Up to 13 GiB of memory and several minutes:
//!
//! ```text
//! cargo test -p lariat-tests --test large_counts -- --ignored --test-threads 1
//! ```

use lariat_tests::Job;
use std::time::Duration;

fn on_every_arm(what: &str) {
    let job = Job::of("large_counts").args([what]).ranks(2);
    job.limit(Duration::from_secs(1800)).passes_on_every_arm();
}

#[test]
#[ignore = "takes 9 GiB of memory"]
fn a_message() {
    on_every_arm("message");
}

#[test]
#[ignore = "takes 9 GiB of memory"]
fn a_collective() {
    on_every_arm("collective");
}

#[test]
#[ignore = "takes 9 GiB of memory"]
fn a_window_access() {
    on_every_arm("window");
}

/// By loads and stores, by CMA and by messages, whose bytes the origin has twice meanwhile.
#[test]
#[ignore = "takes 13 GiB of memory"]
fn an_access_to_memory_of_the_program() {
    on_every_arm("own window");
}

/// Bytes of files take no arm. The file is on the temporary folder's file system.
#[test]
#[ignore = "takes 9 GiB of memory and 4 GiB of disk"]
fn a_file_access() {
    let folder = std::env::temp_dir();
    let job = Job::of("large_counts").ranks(2).args(["file"]);
    let job = job.args([folder]).limit(Duration::from_secs(1800));
    job.passes();
}
