//! Windows and files over several hosts. Skipped where hosts for tests, or libfabric, cannot be
//! had.

use lariat_tests::hosts::Hosts;
use lariat_tests::{Folder, Job};
use std::path::Path;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(600);

/// A program that asks whether ranks are on several hosts.
fn job(hosts: &Hosts, program: &str, slots: &[u32]) -> Job {
    let job = hosts.job(program, slots).env("SEVERAL_HOSTS", "1");
    job.limit(LIMIT)
}

/// A folder that all hosts see: they have a `/dev/shm` each.
fn folder(name: &str) -> Folder {
    Folder::new(Path::new(env!("CARGO_TARGET_TMPDIR")), name)
}

#[test]
fn windows() {
    let Some(hosts) = Hosts::up(2) else { return };
    job(&hosts, "win_hosts", &[2, 2]).args(["20"]).passes();
    job(&hosts, "win_hosts", &[2, 4]).args(["20"]).passes();
    job(&hosts, "win_access", &[2, 1]).args(["30"]).passes();
    job(&hosts, "win_flush", &[1, 2]).args(["30"]).passes();
    job(&hosts, "win_errors", &[1, 1]).passes();
    job(&hosts, "win_room", &[1, 1]).passes();
    job(&hosts, "win_random", &[2, 1]).args(["1", "4"]).passes();
}

#[test]
fn files() {
    let Some(hosts) = Hosts::up(2) else { return };
    for (program, slots) in [
        ("file_access", [1, 1]),
        ("file_shared_basic", [2, 1]),
        ("file_atomic", [1, 1]),
    ] {
        let folder = folder(&format!("hosts-{program}"));
        let job = job(&hosts, program, &slots).args([folder.path()]);
        job.passes();
        folder.is_empty();
    }
    let folder = folder("hosts-coll");
    let job = job(&hosts, "file_coll_basic", &[2, 1]).args([folder.path()]);
    job.args(["enable"]).passes();
    folder.is_empty();
}

#[test]
#[ignore = "takes minutes"]
fn windows_at_length() {
    let Some(hosts) = Hosts::up(3) else { return };
    for slots in [&[2, 2][..], &[1, 1, 1], &[3, 1], &[2, 4]] {
        job(&hosts, "win_hosts", slots).passes();
        job(&hosts, "win_access", slots).passes();
        job(&hosts, "win_room", slots).passes();
        job(&hosts, "win_flush", slots).passes();
        job(&hosts, "win_errors", slots).passes();
        job(&hosts, "win_places", slots).args(["1"]).passes();
        job(&hosts, "win_attach", slots).args(["1000"]).passes();
        job(&hosts, "win_random", slots).args(["1", "12"]).passes();
        job(&hosts, "win_random", slots)
            .args(["500", "12"])
            .env("LARIAT_HEAP", "0")
            .passes();
    }
}

#[test]
#[ignore = "takes minutes"]
fn files_at_length() {
    let Some(hosts) = Hosts::up(3) else { return };
    for slots in [&[2, 2][..], &[1, 1, 1], &[3, 1]] {
        for (program, arguments) in [
            ("file_access", &[][..]),
            ("file_modes", &[]),
            ("file_views", &[]),
            ("file_rep", &[]),
            ("file_atomic", &[]),
            ("file_hints", &[]),
            ("file_coll_basic", &[]),
            ("file_coll_basic", &["enable"]),
            ("file_coll_basic", &["disable"]),
            ("file_nb_basic", &[]),
            ("file_shared_basic", &[]),
            ("file_split_basic", &[]),
            ("file_random", &["400", "3"]),
        ] {
            let folder = folder("hosts-at-length");
            let job = job(&hosts, program, slots).args([folder.path()]);
            job.args(arguments).passes();
            folder.is_empty();
        }
    }
}
