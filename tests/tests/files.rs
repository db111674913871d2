//! Files (MPI 5.0, chapter 14): in a folder on the disk, and in memory.

use lariat_tests::{Folder, Job, program};
use std::path::Path;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(600);

/// On 1 to 5 ranks: on the disk that the tests are built on, and in /dev/shm.
fn passes(program: &str) {
    for parent in [
        Path::new(env!("CARGO_TARGET_TMPDIR")),
        Path::new("/dev/shm"),
    ] {
        let folder = Folder::new(parent, program);
        for ranks in [1, 2, 3, 5] {
            let job = Job::of(program).ranks(ranks).args([folder.path()]);
            job.limit(LIMIT).passes();
            folder.is_empty();
        }
    }
}

#[test]
fn accesses_by_offset_and_by_pointer() {
    passes("file_access");
}

#[test]
fn how_files_are_opened_and_closed() {
    passes("file_modes");
}

#[test]
fn views_of_every_kind() {
    passes("file_views");
}

#[test]
fn data_representations() {
    passes("file_rep");
}

#[test]
fn atomic_mode() {
    passes("file_atomic");
}

#[test]
fn hints_and_error_handlers() {
    passes("file_hints");
}

#[test]
fn what_the_kernel_refuses() {
    passes("file_faults");
}

/// In a folder that a mount of its own makes what `mount` says; `DIR` stands for it.
fn passes_mounted(mode: &str, mount: &str) {
    let tried = std::process::Command::new("unshare")
        .args(["--mount", "mount", "-t", "tmpfs", "none", "/mnt"])
        .output();
    if !tried.is_ok_and(|tried| tried.status.success()) {
        lariat_tests::skipped("unshare --mount is not allowed here");
        return;
    }
    let folder = Folder::new(Path::new(env!("CARGO_TARGET_TMPDIR")), mode);
    std::fs::write(folder.path().join("there"), "bytes").expect("a file can be made");
    for ranks in [1, 3] {
        // All ranks in one mount namespace: that of mpirun.
        let mpirun = lariat_tests::prefix().join("bin/mpirun");
        let script = format!(
            "{mount} && exec {} -n {ranks} {} {} {mode}",
            mpirun.display(),
            program("file_faults").display(),
            folder.path().display()
        );
        let script = script.replace("DIR", &folder.path().display().to_string());
        let output = std::process::Command::new("unshare")
            .args(["--mount", "sh", "-c", &script])
            .output()
            .expect("unshare starts");
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{mode} on {ranks} ranks: {text}");
    }
}

#[test]
fn a_file_system_that_is_full() {
    passes_mounted("little", "mount -t tmpfs -o size=1000k none DIR");
}

#[test]
fn a_file_system_that_is_read_only() {
    passes_mounted(
        "readonly",
        "mount --bind DIR DIR && mount -o remount,ro,bind DIR",
    );
}

#[test]
fn on_every_arm_and_without_the_shared_heap() {
    let folder = Folder::new(Path::new("/dev/shm"), "arms");
    for program in ["file_access", "file_views", "file_rep", "file_modes"] {
        let job = Job::of(program).ranks(3).args([folder.path()]);
        job.limit(LIMIT).passes_on_every_arm();
    }
}

#[test]
fn files_of_two_jobs() {
    let folder = Folder::new(Path::new(env!("CARGO_TARGET_TMPDIR")), "jobs");
    for ranks in [[1, 1], [2, 1], [1, 3]] {
        let meeting = folder.path().join("port");
        let job = |ranks, role: &str| {
            let job = Job::of("file_jobs").ranks(ranks).args([folder.path()]);
            job.args([role, meeting.to_str().expect("the path is text")])
                .limit(LIMIT)
        };
        std::thread::scope(|scope| {
            scope.spawn(|| job(ranks[0], "serve").passes());
            job(ranks[1], "visit").passes();
        });
    }
}
