//! How jobs end: exit codes, who is named, what cannot be started.

mod common;

use common::{mpirun, run, script};

#[test]
fn an_ordinary_run_says_nothing_of_its_own() {
    let done = run(script(3, "echo out; echo err >&2"));
    assert_eq!(done.code(), 0);
    assert_eq!(done.out, "out\nout\nout\n");
    assert_eq!(done.err, "err\nerr\nerr\n");
}

#[test]
fn ranks_learn_who_they_are() {
    let done = run(script(
        2,
        "echo $LARIAT_RANK/$LARIAT_SIZE $PMI_RANK/$PMI_SIZE \
         $OMPI_COMM_WORLD_RANK/$OMPI_COMM_WORLD_SIZE $MPI_LOCALRANKID/$MPI_LOCALNRANKS \
         $PMIX_RANK $PMI_FD; test -e /proc/self/fd/$LARIAT_SEGMENT",
    ));
    assert_eq!(done.code(), 0);
    assert_eq!(done.sorted(), ["0/2 0/2 0/2 0/2 0", "1/2 1/2 1/2 1/2 1"]);
}

#[test]
fn the_first_offender_is_named_and_its_code_returned() {
    let done = run(script(4, "[ $PMI_RANK = 2 ] && exit 3; exec sleep 100"));
    assert_eq!(done.code(), 3);
    assert!(done.err.contains("rank 2 (pid "), "{}", done.err);
    assert!(done.err.contains("exited with code 3"), "{}", done.err);
    assert_eq!(done.err.lines().count(), 1, "{}", done.err);
}

#[test]
fn a_ranks_last_words_come_before_mpiruns() {
    let text = "[ $PMI_RANK = 1 ] && { echo last words >&2; exit 3; }; exec sleep 100";
    let done = run(script(2, text));
    assert!(
        done.err.starts_with("last words\nmpirun: rank 1"),
        "{}",
        done.err
    );
}

#[test]
fn a_rank_killed_by_a_signal() {
    let signals = [
        ("SEGV", "SIGSEGV", 139),
        ("KILL", "SIGKILL", 137),
        ("40", "signal 40", 168),
    ];
    for (signal, name, code) in signals {
        let text = format!("ulimit -c 0; [ $PMI_RANK = 1 ] && kill -{signal} $$; exec sleep 100");
        let done = run(script(2, &text));
        assert_eq!(done.code(), code);
        let said = format!("killed by {name}");
        assert!(
            done.err.contains("rank 1 (pid ") && done.err.contains(&said),
            "{}",
            done.err
        );
    }
}

#[test]
fn ranks_that_ignore_sigterm_are_killed() {
    let done = run(script(
        2,
        "[ $PMI_RANK = 0 ] && exit 5; trap '' TERM; while :; do sleep 0.1; done",
    ));
    assert_eq!(done.code(), 5);
}

#[test]
fn ranks_start_with_no_signal_blocked() {
    let done = run(mpirun(&["-n", "1", "grep", "SigBlk", "/proc/self/status"]));
    assert_eq!(done.out, "SigBlk:\t0000000000000000\n");
}

#[test]
fn what_cannot_be_started() {
    let done = run(mpirun(&["-n", "2", "no-such-program-here"]));
    assert_eq!(done.code(), 127);
    assert!(done.err.contains("no-such-program-here"), "{}", done.err);
    let done = run(mpirun(&["-n", "2", "./no/such/file"]));
    assert_eq!(done.code(), 127);
    let done = run(mpirun(&["-n", "2", "/etc/passwd"]));
    assert_eq!(done.code(), 126);
    assert!(done.err.contains("/etc/passwd"), "{}", done.err);
    let done = run(mpirun(&["-n", "2", "/usr"]));
    assert_eq!(done.code(), 126);
}

#[test]
fn a_missing_interpreter_is_said_and_nothing_stays() {
    let dir = std::env::temp_dir().join(common::marker("interpreter"));
    std::fs::create_dir_all(&dir).unwrap();
    let file = dir.join("script");
    std::fs::write(&file, "#!/no/such/interpreter\n").unwrap();
    let mut chmod = std::process::Command::new("chmod");
    assert!(chmod.arg("+x").arg(&file).status().unwrap().success());
    let done = run(mpirun(&["-n", "2", file.to_str().unwrap()]));
    std::fs::remove_dir_all(&dir).unwrap();
    assert_eq!(done.code(), 127);
    assert!(done.err.contains("interpreter"), "{}", done.err);
}

#[test]
fn bad_options_are_named() {
    for (args, word) in [
        (&["-n", "0", "true"][..], "'0'"),
        (&["-n", "-1", "true"], "'-1'"),
        (&["-n", "two", "true"], "'two'"),
        (&["-rankmap", "(vector,1)", "true"], "-rankmap"),
        (&["--frobnicate", "true"], "--frobnicate"),
        (&["--set", "arm=wing", "true"], "arm=wing"),
        (&["-H", "elsewhere:x", "true"], "elsewhere:x"),
        (&["-wdir", "/no/such/dir", "true"], "/no/such/dir"),
        (&["-n", "2", "--stdin", "7", "true"], "7"),
        (&["--map-by", "pe-list=99999", "true"], "99999"),
        (&[], "no program"),
    ] {
        let done = run(mpirun(args));
        assert_ne!(done.code(), 0, "{args:?}");
        assert!(done.err.contains(word), "{args:?}: {}", done.err);
        assert!(done.err.starts_with("mpirun: "), "{}", done.err);
    }
    let mut command = mpirun(&["true"]);
    command.env("LARIAT_ARM", "wing");
    let done = run(command);
    assert_ne!(done.code(), 0);
    assert!(done.err.contains("LARIAT_ARM"), "{}", done.err);
}

#[test]
fn questions_about_mpirun_itself() {
    let done = run(mpirun(&["--version"]));
    assert_eq!(done.code(), 0);
    assert!(done.out.contains("Lariat"));
    let done = run(mpirun(&["--help"]));
    assert_eq!(done.code(), 0);
    assert!(done.out.contains("--bind-to") && done.out.contains("eager_limit"));
}

#[test]
fn several_programs() {
    let done = run(mpirun(&[
        "-n",
        "1",
        "sh",
        "-c",
        "echo a $PMI_RANK $PMI_SIZE $LARIAT_APPNUM",
        ":",
        "-np",
        "2",
        "-x",
        "V=1",
        "sh",
        "-c",
        "echo b $PMI_RANK $PMI_SIZE $LARIAT_APPNUM $V",
    ]));
    assert_eq!(done.code(), 0);
    assert_eq!(done.sorted(), ["a 0 3 0", "b 1 3 1 1", "b 2 3 1 1"]);
}

#[test]
fn programs_from_a_file() {
    let file = std::env::temp_dir().join(common::marker("app"));
    std::fs::write(&file, "# two\n-n 1 echo a\n-n 2 echo 'b  c'\n").unwrap();
    let done = run(mpirun(&["--app", file.to_str().unwrap()]));
    std::fs::remove_file(&file).unwrap();
    assert_eq!(done.sorted(), ["a", "b  c", "b  c"]);
}

#[test]
fn environment_and_directory() {
    let mut command = mpirun(&[
        "-n",
        "1",
        "-genv",
        "A",
        "1",
        "-x",
        "B=2",
        "-env",
        "C",
        "-3",
        "--wdir",
        "/usr",
        "--set",
        "eager_limit=4k",
        "sh",
        "-c",
        "echo $A $B $C $D $LARIAT_EAGER_LIMIT; pwd",
    ]);
    let done = run_with(&mut command, "D", "4");
    assert_eq!(done.out, "1 2 -3 4 4k\n/usr\n", "{}", done.err);
    let mut command = mpirun(&[
        "-n",
        "1",
        "-genvnone",
        "-genvlist",
        "D",
        "sh",
        "-c",
        "echo $D/$HOME/$PMI_RANK",
    ]);
    assert_eq!(run_with(&mut command, "D", "4").out, "4//0\n");
    let mut command = mpirun(&["-n", "1", "env"]);
    let done = run_with(&mut command, "PMI_FD", "9");
    assert!(!done.out.contains("PMI_FD="), "{}", done.out);
    assert!(!done.out.contains("HWLOC_"), "{}", done.out);
}

fn run_with(command: &mut std::process::Command, name: &str, value: &str) -> common::Outcome {
    command.env(name, value);
    common::Run::start(command).finish()
}

#[test]
fn bindings_are_shown_and_hold() {
    let show = "grep Cpus_allowed_list /proc/self/status";
    let done = run(mpirun(&[
        "-n",
        "1",
        "--bind-to",
        "core",
        "--report-bindings",
        "sh",
        "-c",
        show,
    ]));
    assert_eq!(done.code(), 0, "{}", done.err);
    assert!(done.err.contains("rank 0"), "{}", done.err);
    assert!(done.out.contains("Cpus_allowed_list:"), "{}", done.out);
    let done = run(mpirun(&["-n", "40", "--report-bindings", "true"]));
    assert!(done.err.contains("not bound"), "{}", done.err);
}

#[test]
fn more_ranks_than_cores_and_the_flags_for_it() {
    let done = run(mpirun(&[
        "--oversubscribe",
        "--allow-run-as-root",
        "-np",
        "24",
        "--report-segment",
        "true",
    ]));
    assert_eq!(done.code(), 0);
    assert!(
        done.err.contains("24 ranks") && done.err.contains("bytes"),
        "{}",
        done.err
    );
}
