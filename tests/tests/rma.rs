//! Windows (MPI 5.0, chapter 12). Longer runs by hand:
//!
//! ```text
//! mpirun -n 8 target/rank-programs/win_epochs 100000
//! mpirun -n 2 target/rank-programs/win_shared 10000
//! ```

use lariat_tests::Job;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(600);

/// The setting with which private memory of windows becomes shared in place.
const MOVE: (&str, &str) = ("LARIAT_WINDOW_MOVE", "1");

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

/// Ranks that differ agree on what all of them can do.
#[test]
fn a_window_of_ranks_with_and_without_a_shared_heap() {
    let without = r#"[ $LARIAT_RANK != 0 ] || export LARIAT_HEAP=0; exec "$0" "$@""#;
    let program = lariat_tests::program("win_shared");
    let job = Job::running("sh")
        .ranks(3)
        .args(["-c", without])
        .args([program]);
    job.args(["20", "memfd:lariat-window"])
        .limit(LIMIT)
        .passes();
}

#[test]
fn windows_of_ranks_that_fork() {
    for ranks in [1, 2, 3] {
        let job = Job::of("win_fork").ranks(ranks).limit(LIMIT);
        job.clone().args(["private"]).passes();
        job.env("LARIAT_HEAP", "0").passes();
    }
}

/// Each in a process namespace of its own: they cannot open one another's files.
#[test]
fn windows_of_ranks_that_do_not_see_one_another() {
    let apart = ["--pid", "--fork", "--mount-proc"];
    let tried = std::process::Command::new("unshare")
        .args(apart)
        .arg("true")
        .output();
    if !tried.is_ok_and(|tried| tried.status.success()) {
        lariat_tests::skipped("unshare --pid is not allowed here");
        return;
    }
    for (name, arguments) in [
        ("win_shared", &["60", "memfd:lariat-job"][..]),
        ("win_epochs", &["100"]),
    ] {
        let program = lariat_tests::program(name);
        let job = Job::running("unshare").ranks(2).args(apart).args([program]);
        job.args(arguments)
            .env("LARIAT_HEAP", "0")
            .limit(LIMIT)
            .passes();
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

/// Also of more ranks than processors, where those that wait by flushes let others run.
#[test]
fn flushes_order_accesses_and_wait() {
    for ranks in [1, 2, 3, 8] {
        for heap in ["1", "0"] {
            let job = Job::of("win_flush").ranks(ranks).env("LARIAT_HEAP", heap);
            job.limit(LIMIT).passes();
        }
    }
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

/// Memory of every kind, that peers map, copy or ask for.
#[test]
fn windows_over_memory_of_the_program() {
    for ranks in [1, 2, 5] {
        let job = Job::of("win_places").ranks(ranks).args(["1"]);
        job.clone().limit(LIMIT).passes();
        job.env(MOVE.0, MOVE.1).limit(LIMIT).passes();
    }
    let job = Job::of("win_places").ranks(3).args(["1"]).limit(LIMIT);
    job.passes_on_every_arm();
}

/// From some moment on the kernel copies for some ranks alone: they and those that ask the
/// target accumulate at the same words.
#[test]
fn windows_of_ranks_that_the_kernel_refuses() {
    for ranks in [2, 4] {
        let job = Job::of("win_places").ranks(ranks).args(["1", "refused"]);
        job.clone().limit(LIMIT).passes();
        job.clone().env(MOVE.0, MOVE.1).limit(LIMIT).passes();
        job.env("LARIAT_HEAP", "0").limit(LIMIT).passes();
    }
}

/// Small accesses that a target serves while it is in MPI, and that go past it while it is not.
#[test]
fn small_accesses_at_targets_that_come_and_go() {
    for ranks in [1, 2, 5] {
        let job = Job::of("win_attentive").ranks(ranks).limit(LIMIT);
        job.clone().args(["away"]).passes();
        job.env("LARIAT_HEAP", "0").args(["away"]).passes();
    }
    let job = Job::of("win_attentive").ranks(3).limit(LIMIT);
    job.passes_on_every_arm();
}

/// Also an origin that does not look at its answers does not hold up another one.
#[test]
fn much_from_several_origins() {
    let job = Job::of("win_much").ranks(3).limit(LIMIT);
    job.clone().passes();
    let without = job.env("LARIAT_HEAP", "0");
    without.clone().passes();
    let no_cma = lariat_tests::program("no_cma");
    without.before([no_cma]).passes();
}

/// The portions of a long access wait at the origin, which copies few of them at a time.
#[test]
fn long_accesses_take_little_room_at_their_origin() {
    let job = Job::of("win_room").ranks(2).limit(LIMIT);
    job.clone().passes();
    let without = job.env("LARIAT_HEAP", "0");
    without.clone().passes();
    let no_cma = lariat_tests::program("no_cma");
    without.ranks(3).before([no_cma]).passes();
}

#[test]
fn memory_that_comes_and_goes_in_a_window() {
    for ranks in [1, 2, 5] {
        let job = Job::of("win_attach").ranks(ranks).args(["10000"]);
        job.clone().limit(LIMIT).passes();
        job.env(MOVE.0, MOVE.1).limit(LIMIT).passes();
    }
    let job = Job::of("win_attach").ranks(3).args(["1000"]).limit(LIMIT);
    job.passes_on_every_arm();
    let job = job.args(["gone"]).env("LARIAT_HEAP", "0");
    job.env("LARIAT_ARM", "cma").passes();
}

/// Random accesses to windows of every flavor, against a model.
#[test]
fn random_accesses_do_as_the_model() {
    for ranks in [1, 2, 5] {
        let job = Job::of("win_random").ranks(ranks).args(["1", "12"]);
        job.clone().limit(LIMIT).passes();
        job.env(MOVE.0, MOVE.1).limit(LIMIT).passes();
    }
    let job = Job::of("win_random").ranks(3).args(["500", "12"]);
    job.limit(LIMIT).passes_on_every_arm();
}

/// On each arm, in memory that moves, and by messages where the kernel refuses its copies.
#[test]
#[ignore = "a million accesses, nine times, up to half a minute each"]
fn a_million_random_accesses() {
    let job = |seed| Job::of("win_random").ranks(4).args([seed, "420"]);
    let job = |seed| job(seed).limit(LIMIT * 6);
    job("10000").passes_on_every_arm();
    job("20000").env(MOVE.0, MOVE.1).passes();
    let refused = job("30000").before([lariat_tests::program("no_cma")]);
    refused.env("LARIAT_HEAP", "0").passes();
}

#[test]
fn memory_of_windows_moves_and_comes_back() {
    for ranks in [1, 2, 3] {
        let job = Job::of("win_moved").ranks(ranks).args(["moved"]);
        job.env(MOVE.0, MOVE.1).limit(LIMIT).passes();
    }
    Job::of("win_moved")
        .ranks(2)
        .env(MOVE.0, MOVE.1)
        .limit(LIMIT)
        .passes_on_every_arm();
}

/// Unless a setting asks for it.
#[test]
fn memory_of_windows_stays_private() {
    for ranks in [1, 2, 3] {
        let job = Job::of("win_moved").ranks(ranks).args(["stays"]);
        job.limit(LIMIT).passes();
        let job = Job::of("win_private").ranks(ranks);
        job.limit(LIMIT).passes();
    }
}

#[test]
fn windows_of_processes_of_several_jobs() {
    let folder = std::env::temp_dir().join(format!("lariat-windows-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("the temporary folder takes a folder");
    let meeting = folder.join("port");
    let meeting = meeting.to_str().expect("the path is text");
    for (ranks, heap) in [([1, 1], "1"), ([2, 1], "1"), ([1, 3], "1"), ([2, 2], "0")] {
        let job = |ranks, role: &str| {
            let job = Job::of("win_jobs").ranks(ranks).args([role, meeting]);
            job.env("LARIAT_HEAP", heap).limit(LIMIT)
        };
        std::thread::scope(|scope| {
            scope.spawn(|| job(ranks[0], "serve").passes());
            job(ranks[1], "visit").passes();
        });
    }
    let _ = std::fs::remove_dir_all(&folder); // what is left there is small
}

/// One call of the kernel for many runs, where its copies are the only access.
#[test]
fn accesses_to_many_runs_take_few_calls() {
    for heap in ["0", "1"] {
        let job = Job::of("win_strided").ranks(2).limit(LIMIT);
        job.env("LARIAT_HEAP", heap).passes();
    }
}
