//! Files (MPI 5.0, chapter 14): in a folder on the disk, and in memory.

use lariat_tests::Job;
use std::path::{Path, PathBuf};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(600);

/// An empty folder, gone with the value.
struct Folder(PathBuf);

impl Folder {
    fn new(parent: &Path, name: &str) -> Folder {
        let path = parent.join(format!("lariat-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).expect("a folder can be made");
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// On 1 to 5 ranks: on the disk that the tests are built on, and in /dev/shm.
fn passes(program: &str) {
    for parent in [
        Path::new(env!("CARGO_TARGET_TMPDIR")),
        Path::new("/dev/shm"),
    ] {
        let folder = Folder::new(parent, program);
        for ranks in [1, 2, 3, 5] {
            let job = Job::of(program).ranks(ranks).args([&folder.0]);
            job.limit(LIMIT).passes();
            let left = std::fs::read_dir(&folder.0).expect("the folder").count();
            assert_eq!(left, 0, "{program} left files behind");
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
