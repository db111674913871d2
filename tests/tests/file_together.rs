//! Files that ranks use together (MPI 5.0, section 14.4): collective, split collective and
//! nonblocking accesses, and shared pointers.

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

    /// Fails if there is anything left in it.
    fn is_empty(&self) {
        let left = std::fs::read_dir(&self.0).expect("the folder").count();
        assert_eq!(left, 0, "{} has files left in it", self.0.display());
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// In memory on 1 to 5 ranks, on the disk, without the shared heap, and where container
/// profiles refuse CMA and io_uring.
fn passes(program: &str, arguments: &[&str]) {
    let name = format!("{program}{}", arguments.concat());
    let memory = Folder::new(Path::new("/dev/shm"), &name);
    let of = |folder: &Folder| {
        let job = Job::of(program).args([&folder.0]).args(arguments);
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
        let job = Job::of(program).ranks(2).args([&folder.0]);
        job.limit(LIMIT).passes_in_every_mode();
    }
}
