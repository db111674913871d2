//! Limits of the machine, of control groups and of the user: a job that cannot fit
//! is refused before anything is made, one that fits runs, and what a limit ends is
//! named.

use lariat_tests::cgroup::Cgroup;
use lariat_tests::{Job, leftovers, skipped};

/// A job that leaves a file for every rank that ran.
fn touching(name: &str) -> (Job, std::path::PathBuf) {
    let folder = lariat_tests::scratch(name);
    let script = format!("echo >{}/$LARIAT_RANK", folder.display());
    (Job::running("sh").args(["-c", &script]), folder)
}

fn ran(folder: &std::path::Path) -> usize {
    std::fs::read_dir(folder).unwrap().count()
}

#[test]
fn more_ranks_than_can_be_are_refused_before_any_is_made() {
    for ranks in [2_147_483_647, 10_000_000] {
        let (job, folder) = touching("ranks");
        let number = ranks.to_string();
        let _ = job.ranks(ranks).run().fails().says([&number, "allows"]);
        assert_eq!(ran(&folder), 0);
    }
    let twice = ["-n", "2147483647", "true", ":", "-n", "2147483647"];
    let job = Job::running("true").options(twice);
    let sum = "4294967294 ranks (2147483647 + 2147483647)";
    let _ = job.run().fails().says([sum, "allows"]);
    for number in ["2147483648", "99999999999999999999", "0"] {
        let job = Job::running("true").options(["-n", number]);
        let _ = job.run().fails().says([number, "from 1 to 2147483647"]);
    }
    let job = Job::running("true").options(["--map-by", "ppr:4294967295:core"]);
    let _ = job.run().fails().says(["ranks cannot run here", "allows"]);
}

#[test]
fn hundreds_of_ranks_run() {
    let (job, folder) = touching("hundreds");
    let _ = job.ranks(500).run().exits(0).prints("");
    assert_eq!(ran(&folder), 500);
}

#[test]
fn descriptors_are_counted_beforehand() {
    let before = ["sh", "-c", "ulimit -n 80; exec \"$@\"", "sh"];
    let (job, folder) = touching("descriptors");
    let job = job.before(before);
    let _ = job
        .clone()
        .ranks(40)
        .run()
        .fails()
        .says(["40 ranks", "allows 80", "RLIMIT_NOFILE"]);
    assert_eq!(ran(&folder), 0);
    let _ = job.ranks(15).run().exits(0);
    assert_eq!(ran(&folder), 15);
}

/// To the last process: who has the right to more is not held to it, so the job runs
/// as a user who has none.
#[test]
fn a_users_processes_are_counted_beforehand() {
    let user = [
        "setpriv",
        "--reuid=54323",
        "--regid=54323",
        "--clear-groups",
    ];
    let before = ["prlimit", "--nproc=8"].into_iter().chain(user);
    let job = Job::running("true").before(before);
    let one = job.clone().ranks(1).run();
    if one.code() != Some(0) {
        skipped(&format!("no other user can run mpirun here: {one}"));
        return;
    }
    // mpirun, its thread that writes output, its guard, and the ranks
    let _ = job.clone().ranks(5).run().exits(0);
    let _ = job
        .ranks(6)
        .run()
        .fails()
        .says(["6 ranks", "RLIMIT_NPROC", "allows 8"]);
}

/// A machine without much: the job runs, and what ranks leave behind is ended.
#[test]
fn without_dev_proc_sys_or_a_writable_file_system() {
    let tried = std::process::Command::new("unshare")
        .args(["-m", "true"])
        .output();
    if !tried.is_ok_and(|t| t.status.success()) {
        skipped("no mount namespace can be made here");
        return;
    }
    let hello = lariat_tests::program("hello");
    let hello = hello.to_str().unwrap();
    // The tree under test may lie anywhere, so that no folder is hidden but these.
    for bare in [
        "mount -t tmpfs none /dev",
        "umount -l /proc && mount -t tmpfs none /proc",
        "mount -t tmpfs none /sys",
        "mount --rbind -o ro / / && mount -o remount,bind,ro / && mount --bind /tmp /tmp && mount -o remount,bind,ro /tmp",
    ] {
        let script = format!("{bare} && exec \"$@\"");
        let before = ["unshare", "-m", "sh", "-c", &script, "sh"];
        let mark = leftovers::mark();
        // rank 1 leaves something in a session of its own
        let ranks = "[ $LARIAT_RANK = 0 ] || setsid -f sleep 1000; exec \"$0\"";
        let job = Job::running("sh").args(["-c", ranks, hello]).ranks(3);
        let outcome = job
            .before(before)
            .env(leftovers::MARK, &mark)
            .run()
            .exits(0);
        let lines = outcome
            .stdout
            .lines()
            .filter(|l| l.starts_with("hello from rank"));
        assert_eq!(lines.count(), 3, "{bare}: {outcome}");
        assert!(outcome.stderr.is_empty(), "{bare}: {outcome}");
        leftovers::no_processes(&mark);
    }
}

#[test]
fn processes_of_a_control_group_are_counted_beforehand() {
    let Some(group) = Cgroup::new("pids") else {
        skipped("no control group for pids can be made here");
        return;
    };
    // mpirun, its thread that writes output, its guard, and the ranks
    let group = group.limit(8);
    let (job, folder) = touching("pids");
    let job = job.before(group.before());
    let source = group.dir().join("pids.max");
    let source = source.to_str().unwrap();
    let mark = leftovers::mark();
    let job = job.env(leftovers::MARK, &mark);
    let _ = job
        .clone()
        .ranks(6)
        .run()
        .fails()
        .says(["6 ranks", source, "allows 8"]);
    assert_eq!(ran(&folder), 0);
    let _ = job.ranks(5).run().exits(0);
    assert_eq!(ran(&folder), 5);
    leftovers::no_processes(&mark);
}

#[test]
fn memory_of_a_control_group_is_looked_at_beforehand() {
    let Some(group) = Cgroup::new("memory") else {
        skipped("no control group for memory can be made here");
        return;
    };
    let group = group.limit(24 << 20);
    let (job, folder) = touching("memory");
    let source = group.dir().to_str().unwrap().to_owned();
    let outcome = job.before(group.before()).ranks(2000).run();
    let _ = outcome.fails().says(["2000 ranks", "of memory", &source]);
    assert_eq!(ran(&folder), 0);
}

#[test]
fn a_rank_that_is_killed_for_want_of_memory_is_known_as_such() {
    let Some(group) = Cgroup::new("memory") else {
        skipped("no control group for memory can be made here");
        return;
    };
    let group = group.limit(150 << 20);
    let dir = group.dir().to_str().unwrap().to_owned();
    let mark = leftovers::mark();
    for heap in ["0", "1"] {
        let job = Job::of("eats").args(["600"]).ranks(2);
        let job = job.env("LARIAT_HEAP", heap).before(group.before());
        let outcome = job.env(leftovers::MARK, &mark).run();
        let killed = outcome.stderr.contains("SIGKILL");
        let outcome = outcome.fails();
        if killed {
            let _ = outcome.says(["rank 1", "SIGKILL", "want of memory", &dir]);
        }
        leftovers::no_processes(&mark);
    }
    // A SIGKILL of another origin is nothing of the kind.
    let script = "[ $LARIAT_RANK = 0 ] || kill -KILL $$";
    let job = Job::running("sh").args(["-c", script]).ranks(2);
    let outcome = job.run().exits(128 + libc::SIGKILL);
    assert!(!outcome.stderr.contains("memory"), "{outcome}");
}
