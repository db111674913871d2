//! What a rank makes of an environment that somebody has changed.

use lariat_tests::{Job, leftovers, program, scratch, skipped};
use std::io::Write;
use std::os::fd::FromRawFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::process::{Command, Output};

/// A job of two ranks that see this change of their environment.
fn changed(change: &str) -> Job {
    Job::running("env")
        .args(change.split(' '))
        .args([program("hello")])
        .ranks(2)
}

#[test]
fn a_variable_that_cannot_be_right_is_named_with_its_value() {
    let names = [
        "SEGMENT",
        "RANK",
        "SIZE",
        "FILES",
        "LAUNCHER_PID",
        "LIFELINE",
        "HEAP_FILE",
        "APPNUM",
    ];
    for name in names {
        for value in ["", "-7", "7x", "99999999999999999999"] {
            let said = format!("LARIAT_{name}={value:?}");
            let job = changed(&format!("LARIAT_{name}={value}"));
            let _ = job.run().fails().says(["MPI_Init", &said]);
        }
    }
    for change in ["LARIAT_RANK=2", "LARIAT_SIZE=1", "LARIAT_SIZE=3"] {
        let _ = changed(change).run().fails().says(["LARIAT_"]);
    }
}

#[test]
fn a_variable_that_is_missing_makes_no_jobs_of_one() {
    for name in ["SEGMENT", "RANK", "SIZE", "FILES", "LAUNCHER_PID"] {
        let outcome = changed(&format!("-u LARIAT_{name}")).run().fails();
        let outcome = outcome.says([&format!("LARIAT_{name}")]);
        assert!(outcome.stdout.is_empty(), "{outcome}");
    }
}

#[test]
fn files_of_another_job_are_refused() {
    for change in [
        "LARIAT_FILES=1:1,1:2,1:3",
        "LARIAT_FILES=1:1,1:2,1:3 LARIAT_LAUNCHER_PID=1",
        "LARIAT_FILES=1:1,1:2,1:3 LARIAT_LAUNCHER_PID=2147483647",
    ] {
        let _ = changed(change)
            .run()
            .fails()
            .says(["job segment", "/proc/"]);
    }
}

#[test]
fn rubbish_of_other_launchers_is_named() {
    for (name, value) in [
        ("PMI_SIZE", "many"),
        ("OMPI_COMM_WORLD_SIZE", "0"),
        ("SLURM_STEP_NUM_TASKS", "-1"),
        ("PMIX_RANK", "1e3"),
    ] {
        let done = Command::new(program("hello")).env(name, value).output();
        let done = done.unwrap();
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(!done.status.success(), "{said}");
        assert!(said.contains(&format!("{name}={value:?}")), "{said}");
    }
}

/// Runs the program as rank 0 of a job of `size` ranks whose segment is this file.
fn with_segment(bytes: &[u8], size: u32, seals: i32) -> Output {
    // SAFETY: the name is NUL-terminated.
    let raw = unsafe { libc::memfd_create(c"forged".as_ptr(), libc::MFD_ALLOW_SEALING) };
    assert!(raw > 2);
    // SAFETY: just made, and nobody else's.
    let mut file = unsafe { std::fs::File::from_raw_fd(raw) };
    file.write_all(bytes).unwrap();
    // SAFETY: fcntl with an integer argument on an owned descriptor.
    assert_eq!(unsafe { libc::fcntl(raw, libc::F_ADD_SEALS, seals) }, 0);
    let mut command = Command::new(program("hello"));
    let about = file.metadata().unwrap();

    command
        .env("LARIAT_SEGMENT", raw.to_string())
        .env(
            "LARIAT_FILES",
            format!("{}:{},1:1", about.dev(), about.ino()),
        )
        .env("LARIAT_RANK", "0")
        .env("LARIAT_SIZE", size.to_string())
        .env("LARIAT_LIFELINE", raw.to_string())
        .env("LARIAT_LAUNCHER_PID", std::process::id().to_string());
    // SAFETY: fcntl is allowed between fork and exec.
    unsafe {
        command.pre_exec(move || {
            libc::fcntl(raw, libc::F_SETFD, 0);
            Ok(())
        });
    }
    command.output().unwrap()
}

/// The first eight bytes of a real one.
fn mark() -> u64 {
    let text = "head -c 8 /proc/self/fd/$LARIAT_SEGMENT | od -An -tx8";
    let outcome = Job::running("sh").args(["-c", text]).ranks(1).run();
    u64::from_str_radix(outcome.stdout.trim(), 16).expect("od prints a number")
}

#[test]
fn a_forged_segment_is_an_error_and_no_crash() {
    let mark = mark();
    let mut seed = 1_u64;
    let mut random = move || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        seed >> 33
    };
    for round in 0..60_usize {
        let len = [10, 4095, 4096, 8192, 70_000, 300_000][round % 6];
        let mut bytes: Vec<u8> = (0..len).map(|_| random().to_le_bytes()[0]).collect();
        if round % 2 == 1 && len > 64 {
            // with the right mark, and numbers that are large, small or nothing
            bytes[..8].copy_from_slice(&mark.to_le_bytes());
            for at in (8..len.min(512)).step_by(8) {
                let word = match random() % 4 {
                    0 => 0,
                    1 => u64::MAX,
                    2 => random() % 16,
                    _ => 4096 * (random() % 100),
                };
                bytes[at..at + 8].copy_from_slice(&word.to_le_bytes());
            }
        }
        let seals = [libc::F_SEAL_SHRINK, 0][usize::from(round % 5 == 0)];
        let done = with_segment(&bytes, 1 + (random() % 3) as u32, seals);
        let said = String::from_utf8_lossy(&done.stderr);
        assert_eq!(done.status.code(), Some(16), "round {round}: {said}");
        assert!(said.contains("segment"), "round {round}: {said}");
    }
}

#[test]
fn a_set_uid_program_reads_nothing() {
    // SAFETY: geteuid has no preconditions.
    if unsafe { libc::geteuid() } != 0 {
        skipped("only root can make a program set-uid");
        return;
    }
    let folder = std::env::temp_dir().join(format!("set-uid-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("hello");
    std::fs::copy(program("hello"), &path).unwrap();
    let run = |mode: u32| {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        let mut command = Command::new(&path);
        command.uid(65_534).gid(65_534).current_dir("/");
        command.env("LARIAT_ARM", "nonsense");
        command.env("LARIAT_RANK", "nonsense");
        command.output().unwrap()
    };
    let (plain, raised) = (run(0o755), run(0o4755));
    std::fs::remove_dir_all(&folder).unwrap();
    let said = String::from_utf8_lossy(&plain.stderr);
    if !said.contains("LARIAT_ARM") {
        skipped(&format!("another user cannot run the program: {said}"));
        return;
    }
    let said = String::from_utf8_lossy(&raised.stderr);
    assert!(raised.status.success(), "{said}");
    let said = String::from_utf8_lossy(&raised.stdout);
    assert_eq!(said, "hello from rank 0 of 1\n");
}

/// It has left the sessions and groups that end with mpirun, and its peer never comes.
#[test]
fn a_program_that_comes_when_mpirun_is_gone_does_not_wait() {
    let mark = leftovers::mark();
    let said = scratch("late").join("said");
    let hello = program("hello");
    // Without the job's mark in its environment the guard does not know it.
    let late = format!(
        "echo up; sleep 1; export LARIAT_FILES=$KEPT; exec '{}' 2>'{}'",
        hello.display(),
        said.display()
    );
    let script = "[ $OMPI_COMM_WORLD_RANK = 1 ] && { echo up; exec sleep 100; }; \
                  KEPT=$LARIAT_FILES env -u LARIAT_FILES setsid sh -c \"$0\" & exec sleep 100";
    let job = Job::running("sh").args(["-c", script, &late]).ranks(2);
    let mut running = job.env(leftovers::MARK, &mark).start();
    running.wait_for("up\nup");
    running.signal(libc::SIGKILL);
    let _ = running.finish();
    leftovers::no_processes(&mark);
    let said = std::fs::read_to_string(said).unwrap();
    assert!(
        said.contains("MPI_Init") && said.contains("has ended"),
        "{said:?}"
    );
}
