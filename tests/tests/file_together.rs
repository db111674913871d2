//! Files that ranks use together (MPI 5.0, section 14.4): collective, split collective and
//! nonblocking accesses, and shared pointers.

use lariat_tests::{Folder, Job};
use std::path::Path;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(600);

/// In memory on 1 to 5 ranks, on the disk, without the shared heap, and where container
/// profiles refuse CMA and io_uring.
fn passes(program: &str, arguments: &[&str]) {
    let name = format!("{program}{}", arguments.concat());
    let memory = Folder::new(Path::new("/dev/shm"), &name);
    let of = |folder: &Folder| {
        let job = Job::of(program).args([folder.path()]).args(arguments);
        job.limit(LIMIT)
    };
    for ranks in [1, 2, 3, 5] {
        of(&memory).ranks(ranks).passes();
        memory.is_empty();
    }
    of(&memory).ranks(3).env("LARIAT_HEAP", "0").passes();
    let filter = lariat_tests::program("no_cma");
    of(&memory).ranks(2).before([&filter]).passes();
    memory.is_empty();
    let disk = Folder::new(Path::new(env!("CARGO_TARGET_TMPDIR")), &name);
    of(&disk).ranks(2).passes();
    disk.is_empty();
}

#[test]
fn collective_accesses() {
    passes("file_coll_basic", &[]);
}

/// Through memory in common also where it does not pay, in small windows.
#[test]
fn collective_accesses_that_are_always_staged() {
    passes("file_coll_basic", &["enable"]);
}

#[test]
fn collective_accesses_of_each_for_itself() {
    passes("file_coll_basic", &["disable"]);
}

#[test]
fn nonblocking_accesses() {
    passes("file_nb_basic", &[]);
}

#[test]
fn shared_pointers() {
    passes("file_shared_basic", &[]);
}

#[test]
fn split_collective_accesses() {
    passes("file_split_basic", &[]);
}

#[test]
fn in_every_mode() {
    let folder = Folder::new(Path::new("/dev/shm"), "file_modes");
    for program in ["file_shared_basic", "file_split_basic", "file_nb_basic"] {
        let job = Job::of(program).ranks(2).args([folder.path()]);
        job.limit(LIMIT).passes_in_every_mode();
    }
}

/// Every form of access against a model.
#[test]
fn random_accesses() {
    let folder = Folder::new(Path::new("/dev/shm"), "file_random");
    for (seed, ranks) in (1..).zip([1, 2, 3, 5]) {
        let job = Job::of("file_random").ranks(ranks);
        let job = job.args([folder.path()]).args(["1500", &seed.to_string()]);
        job.clone().limit(LIMIT).passes();
        if ranks == 3 {
            job.env("LARIAT_HEAP", "0").limit(LIMIT).passes();
        }
    }
    folder.is_empty();
}

#[test]
#[ignore = "a million accesses, three times: many minutes"]
fn a_million_random_accesses() {
    let folder = Folder::new(Path::new("/dev/shm"), "file_million");
    let job = |seed| {
        let job = Job::of("file_random").ranks(4).args([folder.path()]);
        job.args(["250000", seed]).limit(LIMIT * 6)
    };
    job("1").passes();
    folder.is_empty();
    job("2").env("LARIAT_HEAP", "0").passes();
    folder.is_empty();
    let filter = lariat_tests::program("no_cma");
    job("3").before([filter]).passes();
    folder.is_empty();
}

/// Part of what is written gets there, and is counted.
#[test]
fn a_device_that_is_full() {
    let folder = Folder::new(Path::new("/dev/shm"), "file_full");
    let mounted = std::process::Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=1m", "none"])
        .arg(folder.path())
        .output();
    if !mounted.is_ok_and(|mounted| mounted.status.success()) {
        lariat_tests::skipped("a tmpfs cannot be mounted here");
        return;
    }
    let outcomes = [1, 2, 3].map(|ranks| {
        let job = Job::of("file_full").ranks(ranks).args([folder.path()]);
        std::panic::catch_unwind(|| job.limit(LIMIT).passes()).is_ok()
    });
    let left = std::process::Command::new("umount")
        .arg(folder.path())
        .status();
    assert!(left.is_ok_and(|left| left.success()), "cannot unmount");
    assert_eq!(outcomes, [true; 3]);
}

#[test]
#[ignore = "writes ten times four gigabytes"]
fn accesses_of_more_than_four_gigabytes() {
    let folder = Folder::new(Path::new(env!("CARGO_TARGET_TMPDIR")), "file_large");
    let job = Job::of("file_large").ranks(2).args([folder.path()]);
    let job = job.limit(LIMIT * 3);
    job.clone().passes();
    folder.is_empty();
    job.env("LARIAT_HEAP", "0").args(["staged"]).passes();
    folder.is_empty();
}
