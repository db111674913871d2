//! When something goes wrong: each fault is named, has its exit code, ends the
//! job at once and leaves nothing behind.

use lariat_tests::{Job, Outcome, leftovers, program, skipped};

/// Runs `faults.c` on `ranks` ranks, rank 1 misbehaving, and sees that nothing
/// is left of it.
fn fault(how: &str, others: &str, ranks: u32) -> Outcome {
    let before = leftovers::files();
    let mark = leftovers::mark();
    let job = Job::of("faults").args([how, others]).ranks(ranks);
    let outcome = job.env(leftovers::MARK, &mark).run();
    leftovers::no_processes(&mark);
    let after = leftovers::files();
    let new: Vec<&String> = after.difference(&before).collect();
    assert!(new.is_empty(), "left behind: {new:?}\n{outcome}");
    outcome
}

#[test]
fn a_rank_segfaults() {
    for others in ["wait", "send", "barrier", "spin"] {
        let outcome = fault("segv", others, 2).exits(128 + libc::SIGSEGV);
        let _ = outcome.says(["rank 1", "SIGSEGV"]);
    }
    let _ = fault("segv", "wait", 5).exits(128 + libc::SIGSEGV);
}

#[test]
fn a_rank_is_killed() {
    let outcome = fault("kill", "wait", 3).exits(128 + libc::SIGKILL);
    let _ = outcome.says(["rank 1", "SIGKILL"]);
}

#[test]
fn a_rank_aborts() {
    let outcome = fault("abort", "wait", 2).exits(128 + libc::SIGABRT);
    let _ = outcome.says(["rank 1", "SIGABRT"]);
}

#[test]
fn a_rank_leaves_early_with_success() {
    for how in ["exit0", "_exit0"] {
        for others in ["wait", "send", "barrier"] {
            let outcome = fault(how, others, 2).fails();
            let _ = outcome.says(["rank 1", "MPI_Finalize"]);
        }
    }
}

#[test]
fn a_rank_leaves_early_with_a_code() {
    let outcome = fault("exit3", "wait", 2).exits(3);
    let _ = outcome.says(["rank 1", "3"]);
    let _ = fault("exit3", "leave", 4).exits(3);
}

#[test]
fn a_rank_calls_mpi_abort() {
    for others in ["wait", "send", "barrier", "spin"] {
        let outcome = fault("mpi_abort", others, 2).exits(7);
        let _ = outcome.says(["rank 1", "7"]);
    }
    let _ = fault("mpi_abort", "wait", 1).exits(7);
}

#[test]
fn a_receive_overflows() {
    let outcome = fault("overflow_from_0", "wait", 2).fails();
    // Both sizes, source, tag and communicator; rank and call.
    let words = [
        "20000",
        "10",
        "rank 0",
        "23",
        "MPI_COMM_WORLD",
        "rank 1",
        "MPI_Recv",
    ];
    let _ = outcome.says(words);
    let _ = fault("overflow", "wait", 1).fails().says(["1000", "10"]);
}

#[test]
fn a_wrong_argument_is_fatal_by_default() {
    let outcome = fault("bad_rank", "wait", 3).fails();
    let _ = outcome.says(["4711", "MPI_Send", "MPI_COMM_WORLD", "rank 1"]);
}

#[test]
fn mpirun_is_killed() {
    for others in ["wait", "spin", "barrier"] {
        let mark = leftovers::mark();
        let job = Job::of("faults").args(["spin", others]).ranks(3);
        let mut running = job.env(leftovers::MARK, &mark).start();
        running.wait_for("up");
        assert!(
            leftovers::processes(&mark).len() >= 4,
            "mpirun and its ranks"
        );
        running.signal(libc::SIGKILL);
        let _ = running.finish();
        leftovers::no_processes(&mark);
    }
}

/// A wait is published once it has lasted longer than a moment, and how long
/// that takes depends on what else runs on the machine: asks again, with ever
/// more seconds of waiting, until the report has all `words` or time is up.
fn reports(words: &[&str], mut run: impl FnMut(u64) -> Outcome) {
    for seconds in [1, 4, 20] {
        let outcome = run(seconds);
        let missing = words.iter().find(|word| !outcome.stderr.contains(**word));
        let Some(missing) = missing else { return };
        assert!(
            seconds < 20,
            "{missing:?} was expected on stderr:\n{outcome}"
        );
    }
}

#[test]
fn an_interrupt_reports_who_waits_and_ends_the_job() {
    for (signal, code) in [(libc::SIGINT, 130), (libc::SIGTERM, 143)] {
        reports(&["rank 0", "rank 1", "MPI_Recv", "66", "67"], |seconds| {
            let mark = leftovers::mark();
            let job = Job::of("faults").args(["hang"]).ranks(2);
            let mut running = job.env(leftovers::MARK, &mark).start();
            running.wait_for("up");
            std::thread::sleep(std::time::Duration::from_secs(seconds));
            running.signal(signal);
            let outcome = running.finish().exits(code);
            leftovers::no_processes(&mark);
            outcome
        });
    }
}

#[test]
fn a_timeout_reports_who_waits() {
    reports(&["rank 0", "rank 1", "MPI_Recv", "66", "67"], |seconds| {
        let job = Job::of("faults").args(["hang"]).ranks(2);
        let job = job.options(["--timeout", &seconds.to_string()]);
        job.run().exits(124)
    });
    let job = Job::of("faults").args(["hang"]).ranks(2);
    let _ = job.env("MPIEXEC_TIMEOUT", "1").run().exits(124);
}

#[test]
fn input_reaches_rank_0() {
    let file = lariat_tests::scratch("input").join("file");
    std::fs::write(&file, vec![b'x'; 300_000]).expect("the scratch folder can be written");
    let told = "300000 of 300000 bytes came to rank 0";
    let jobs = [
        Job::of("input").stdin_file(&file),
        Job::of("input").stdin(vec![b'x'; 300_000]),
    ];
    for job in jobs {
        let outcome = job.ranks(3).run().exits(0);
        assert!(outcome.stdout.contains(told), "{outcome}");
    }
    let closed = Job::of("input").before(["sh", "-c", "exec \"$@\" <&-", "sh"]);
    closed.ranks(2).passes();
    let terminal = Job::of("input").stdin("hello\nworld\n").ranks(2);
    let outcome = terminal.before(["sh", "-c", "exec script -qec \"$*\" /dev/null", "sh"]);
    let outcome = outcome.run().exits(0);
    assert!(
        outcome.stdout.contains("12 of 12 bytes came to rank 0"),
        "{outcome}"
    );
}

/// A command that gives what follows it a mount namespace of its own, prepared
/// by a shell line; or nothing, with a word on why, where that is not permitted.
fn in_namespace(prepare: &str) -> Option<[String; 6]> {
    let tried = std::process::Command::new("unshare")
        .args(["-m", "sh", "-c", prepare])
        .output();
    match tried {
        Ok(output) if output.status.success() => {
            let script = format!("{prepare} && exec \"$@\"");
            Some(["unshare", "-m", "sh", "-c", &script, "sh"].map(str::to_owned))
        }
        Ok(output) => {
            let why = String::from_utf8_lossy(&output.stderr).into_owned();
            skipped(&format!("no mount namespace here: {why}"));
            None
        }
        Err(why) => {
            skipped(&format!("unshare cannot be run: {why}"));
            None
        }
    }
}

#[test]
fn a_small_dev_shm_makes_no_difference() {
    let Some(before) = in_namespace("mount -t tmpfs -o size=1m tmpfs /dev/shm") else {
        return;
    };
    Job::of("exchange").before(&before).ranks(3).passes();
    Job::of("many").before(&before).ranks(2).passes();
}

#[test]
fn a_read_only_tmp_makes_no_difference() {
    if lariat_tests::target().starts_with("/tmp") || lariat_tests::prefix().starts_with("/tmp") {
        skipped("what is tested lies in /tmp itself");
        return;
    }
    let Some(before) = in_namespace("mount -t tmpfs -o ro tmpfs /tmp") else {
        return;
    };
    Job::of("exchange").before(&before).ranks(3).passes();
}

#[test]
fn a_job_leaves_no_file_in_tmp_or_dev_shm() {
    if lariat_tests::target().starts_with("/tmp") || lariat_tests::prefix().starts_with("/tmp") {
        skipped("what is tested lies in /tmp itself");
        return;
    }
    // Empty folders of its own, so that any name at all is noticed.
    let empty = "mount -t tmpfs tmpfs /tmp && mount -t tmpfs tmpfs /dev/shm";
    if in_namespace(empty).is_none() {
        return;
    }
    let script = format!("{empty} && \"$@\"; find /tmp /dev/shm -mindepth 1 1>&2");
    let before = ["unshare", "-m", "sh", "-c", &script, "sh"];
    for how in ["segv", "mpi_abort", "exit0", "kill"] {
        let job = Job::of("faults").args([how]).before(before).ranks(3);
        let outcome = job.run();
        let left: Vec<&str> = outcome
            .stderr
            .lines()
            .filter(|line| line.starts_with("/tmp/") || line.starts_with("/dev/shm/"))
            .collect();
        assert!(left.is_empty(), "left behind: {left:?}\n{outcome}");
    }
}

#[test]
fn a_forbidden_process_vm_readv_is_survived() {
    let no_cma = program("no_cma");
    for name in ["modes", "truncate", "exchange"] {
        Job::of(name).before([&no_cma]).ranks(2).passes();
    }
    // Also where that arm is asked for; and on request it is said why it is not taken.
    let job = Job::of("exchange").before([&no_cma]).ranks(2);
    let job = job.env("LARIAT_ARM", "cma");
    job.passes();
    let outcome = job.env("LARIAT_VERBOSE", "1").run().exits(0);
    let _ = outcome.says(["process_vm_readv", "not permitted"]);
}

#[test]
fn without_mpirun_a_program_is_a_job_of_one() {
    for name in ["order", "self", "sendrecv"] {
        let alone = std::process::Command::new(program(name))
            .env("LD_LIBRARY_PATH", lariat_tests::prefix().join("lib"))
            .output()
            .expect("a program can be run");
        assert!(alone.status.success(), "{name} alone: {alone:?}");
    }
}

#[test]
fn a_foreign_launcher_is_an_error_and_not_silent_singletons() {
    let alone = std::process::Command::new(program("hello"))
        .env("LD_LIBRARY_PATH", lariat_tests::prefix().join("lib"))
        .env("PMI_SIZE", "4")
        .env("PMI_RANK", "0")
        .output()
        .expect("a program can be run");
    let said = String::from_utf8_lossy(&alone.stderr).into_owned();
    assert!(!alone.status.success(), "{alone:?}");
    assert!(
        said.contains("PMI_SIZE") && said.contains("mpirun"),
        "{said}"
    );
}

#[test]
fn a_bad_setting_is_named() {
    let job = Job::of("hello").ranks(2).env("LARIAT_RING_CELLS", "48");
    let _ = job
        .run()
        .fails()
        .says(["LARIAT_RING_CELLS", "48", "power of two"]);
}
