//! Windows of shared memory (MPI 5.0, chapter 12). Longer runs by hand:
//!
//! ```text
//! mpirun -n 8 target/rank-programs/win_epochs 100000
//! mpirun -n 2 target/rank-programs/win_shared 10000
//! ```

use lariat_tests::Job;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(600);

/// With the shared heap and without, on few ranks and on more than processors.
fn passes(program: &str) {
    for ranks in [1, 2, 3, 8] {
        for heap in ["1", "0"] {
            let job = Job::of(program).ranks(ranks).env("LARIAT_HEAP", heap);
            job.limit(LIMIT).passes();
        }
    }
    let job = Job::of(program).ranks(3).env("LARIAT_CHECK", "1");
    job.limit(LIMIT).passes_in_every_mode();
}

#[test]
fn parts_of_shared_windows_and_what_is_told_of_them() {
    passes("win_shared");
}

#[test]
fn memory_of_windows_is_the_shared_heaps_if_there_is_one() {
    for ranks in [2, 3] {
        let job = Job::of("win_shared").ranks(ranks).limit(LIMIT);
        job.clone()
            .args(["20", "memfd:lariat-heap", "all"])
            .passes();
        let without = job.args(["20", "memfd:lariat-window"]);
        without.env("LARIAT_HEAP", "0").passes();
    }
}

#[test]
fn epochs_of_shared_windows() {
    passes("win_epochs");
}

#[test]
fn accesses_to_shared_windows() {
    passes("win_access");
}

#[test]
fn what_is_wrong_about_windows_is_said() {
    passes("win_errors");
}

#[test]
fn windows_of_several_threads() {
    for ranks in [1, 2, 5] {
        Job::of("win_threads").ranks(ranks).limit(LIMIT).passes();
    }
}
