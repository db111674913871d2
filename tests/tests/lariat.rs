//! The program `lariat`, which looks at jobs from outside, and `mpirun --top`.

use lariat_tests::terminal::OnTerminal;
use lariat_tests::{Job, Running, skipped, tool};
use std::os::unix::process::CommandExt;
use std::process::{Command, Output};

fn lariat(args: &[&str]) -> Output {
    let output = Command::new(tool("lariat")).args(args).output();
    output.expect("lariat is in the tree")
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A job of three ranks of which none can go on.
fn stuck() -> Running {
    let mut job = Job::of("watched").ranks(3).args(["hang"]).start();
    job.wait_for_error("Ctrl-C ends it");
    job
}

/// A job whose last rank is the slowest.
fn at_work(ranks: u32, steps: &str) -> Running {
    let mut job = Job::of("watched")
        .ranks(ranks)
        .args(["work", steps])
        .start();
    job.wait_for("step 1 is done");
    job
}

fn end(job: Running) {
    job.signal(libc::SIGINT);
    let _ = job.finish().exits(130);
}

#[test]
fn a_stuck_job_is_listed_explained_and_shown() {
    let job = stuck();
    let pid = job.pid().to_string();
    let table = out(&lariat(&["jobs"]));
    let row = table
        .lines()
        .find(|line| line.trim_start().starts_with(&pid));
    let row = row.unwrap_or_else(|| panic!("job {pid}: {table}"));
    assert!(
        row.contains("  stuck    watched hang") || row.contains("  stuck  watched hang"),
        "{row}"
    );
    let json = out(&lariat(&["jobs", "--json"]));
    assert!(
        json.contains(&format!("{{\"job\": {pid}, \"ranks\": 3, ")),
        "{json}"
    );
    assert!(
        json.contains("\"stuck_ranks\": [0, 1, 2], \"program\": \"watched hang\"}"),
        "{json}"
    );

    let said = lariat(&["explain", &pid]);
    let text = out(&said);
    assert_eq!(said.status.code(), Some(35), "{text}{}", err(&said));
    for words in [
        &*format!("job {pid}: 3 ranks of watched hang, for "),
        "waits in MPI_Recv for rank 1, tag 8, on MPI_COMM_WORLD, room for 3 MPI_DOUBLE (",
        "at watched.c:",
        "ranks 1-2 wait in MPI_Barrier on MPI_COMM_WORLD (collective no. 1); not there yet: rank 0",
        "never received: at rank 0, from rank 1, tag 7, on MPI_COMM_WORLD, 24 bytes: tag 7 came, tag 8 is wanted",
        "a deadlock: each of these ranks waits for the next: 0 → 1 → 0",
        "\nstuck: no rank can move any more (for ",
    ] {
        assert!(text.contains(words), "{words:?}: {text}");
    }
    // A rank's process stands for its job.
    let rank = text
        .split("rank 0 (pid ")
        .nth(1)
        .and_then(|rest| rest.split(')').next());
    let by_rank = lariat(&["explain", rank.expect("rank 0 has a process")]);
    assert_eq!(by_rank.status.code(), Some(35), "{}", err(&by_rank));

    let shown = out(&lariat(&["top", &pid, "--count", "2", "--interval", "1.5"]));
    let last = shown.split("\n\n").nth(1).unwrap_or_default();
    assert!(last.contains("3 waiting; watched for "), "{shown}");
    assert!(
        last.contains("stuck: no rank can move any more (for "),
        "{shown}"
    );
    let row = last
        .lines()
        .find(|line| line.starts_with("   0  stuck  MPI_Recv     rank 1 "));
    assert!(row.is_some_and(|row| row.ends_with("      1")), "{shown}");
    assert!(
        last.contains("   2  stuck  MPI_Barrier  rank 0 "),
        "{shown}"
    );
    end(job);
}

#[test]
fn a_job_of_many_ranks_at_work_is_not_stuck_and_the_slow_rank_is_to_blame() {
    let job = at_work(32, "100000");
    let pid = job.pid().to_string();
    let said = lariat(&["explain", &pid]);
    let text = out(&said);
    assert_eq!(said.status.code(), Some(0), "{text}{}", err(&said));
    assert!(
        !text.contains("deadlock") && !text.contains("stuck"),
        "{text}"
    );
    let listed = out(&lariat(&["jobs"]));
    let row = listed
        .lines()
        .find(|line| line.trim_start().starts_with(&pid));
    assert!(
        row.is_some_and(|row| !row.contains("stuck") && row.contains("   32  ")),
        "{listed}"
    );
    let shown = out(&lariat(&["top", &pid, "--count", "1", "--interval", "4"]));
    assert!(shown.contains("% of it for rank 31"), "{shown}");
    let rows = shown.lines().skip_while(|line| !line.starts_with("RANK"));
    assert_eq!(rows.count(), 33, "{shown}");
    end(job);
}

#[test]
fn a_job_that_ends_while_it_is_watched() {
    let job = at_work(2, "12");
    let pid = job.pid().to_string();
    let watched = Command::new(tool("lariat")).args(["top", &pid]).output();
    let watched = watched.expect("lariat is in the tree");
    let text = out(&watched);
    assert_eq!(watched.status.code(), Some(0), "{text}{}", err(&watched));
    assert!(text.ends_with(&format!("job {pid} has ended\n")), "{text}");
    assert!(
        text.contains(": 2 ranks of watched work 12, for "),
        "{text}"
    );
    let _ = job.finish().exits(0);
    let gone = lariat(&["top", &pid]);
    assert_eq!(gone.status.code(), Some(1));
    assert!(
        err(&gone).contains(&format!("lariat: there is no process {pid}")),
        "{}",
        err(&gone)
    );
}

#[test]
fn what_is_no_job_is_refused() {
    for (args, words) in [
        (
            &["explain", "1999999999"][..],
            "there is no process 1999999999; «lariat jobs» lists",
        ),
        (&["top", "none"], "none"),
        (
            &["explain", &std::process::id().to_string()],
            "is no mpirun, nor a rank of one",
        ),
        (&["watch"], "watch"),
        (&[], "wanted: jobs, explain, top or pages"),
    ] {
        let said = lariat(args);
        assert_eq!(said.status.code(), Some(1), "{args:?}");
        let text = err(&said);
        assert!(
            text.starts_with("lariat: ") && text.contains(words),
            "{args:?}: {text}"
        );
    }
    assert!(out(&lariat(&["--help"])).contains("explain"));
    assert!(out(&lariat(&["--version"])).starts_with("lariat 0."));
}

#[test]
fn the_job_of_another_user_is_refused() {
    // SAFETY: geteuid has no preconditions.
    if unsafe { libc::geteuid() } != 0 {
        return skipped("only root can become another user");
    }
    let job = at_work(2, "100000");
    let pid = job.pid().to_string();
    let mut command = Command::new(tool("lariat"));
    match command
        .args(["explain", &pid])
        .uid(65534)
        .gid(65534)
        .output()
    {
        Ok(said) => {
            let text = err(&said);
            assert_eq!(said.status.code(), Some(1), "{text}");
            let words =
                format!("lariat: process {pid} is root's: only that user and root can look at it");
            assert!(text.contains(&words), "{text}");
        }
        Err(why) => skipped(&format!("another user cannot run lariat: {why}")),
    }
    end(job);
}

#[test]
fn the_view_draws_takes_keys_and_gives_the_terminal_back() {
    let job = stuck();
    let mut command = Command::new(tool("lariat"));
    command.args(["top", &job.pid().to_string(), "--interval", "0.2"]);
    let mut top = OnTerminal::start(command, 100, 24);
    top.wait_for(0, "BLAME");
    top.wait_for(0, "MPI_Barrier");
    // Only what changes is drawn, so that words come alone.
    top.wait_for(0, "stuck:");
    assert!(!top.is_as_before(), "keys come one by one");
    let at = top.written().len();
    top.press("j\r");
    top.wait_for(at, "watched.c:");
    let at = top.written().len();
    top.press("?");
    top.wait_for(at, "chain");
    top.press("x");
    let at = top.written().len();
    top.resize(60, 12);
    top.wait_for(at, "RANK");
    assert!(!top.written().contains("\u{1b}[?1049l"));
    top.press("q");
    let status = top.finish();
    assert_eq!(status.code(), Some(0), "{:?}", top.written());
    assert!(
        top.written().contains("\u{1b}[?1049l"),
        "the other screen is left"
    );
    assert!(top.is_as_before());
    end(job);
}

#[test]
fn mpirun_shows_the_view_and_keeps_the_output() {
    let command = Job::of("watched")
        .ranks(2)
        .options(["--top=0.2"])
        .args(["work", "12"])
        .command();
    let mut run = OnTerminal::start(command, 100, 24);
    run.wait_for(0, "BLAME");
    assert!(!run.is_as_before());
    assert_eq!(run.finish().code(), Some(0), "{:?}", run.written());
    assert!(run.is_as_before());
    let written = run.written();
    let (_, after) = written
        .rsplit_once("\u{1b}[?1049l")
        .expect("the other screen is left");
    let steps: String = (0..12)
        .map(|step| format!("step {step} is done\r\n"))
        .collect();
    assert!(after.contains(&steps), "{after:?}");
    assert!(after.contains("% of it for rank 1"), "{after:?}");
}

#[test]
fn the_view_of_mpirun_can_be_left_and_interrupted() {
    let command = Job::of("watched")
        .ranks(2)
        .options(["--top"])
        .args(["work", "100000"])
        .command();
    let mut run = OnTerminal::start(command, 100, 24);
    run.wait_for(0, "BLAME");
    run.press("q");
    let at = run.wait_for(0, "\u{1b}[?1049l");
    run.wait_for(at, "is done"); // the job goes on, and prints
    assert!(run.is_as_before());
    run.press("\u{3}");
    assert_eq!(run.finish().code(), Some(130), "{:?}", run.written());

    let command = Job::of("watched")
        .ranks(2)
        .options(["--top"])
        .args(["work", "100000"])
        .command();
    let mut run = OnTerminal::start(command, 100, 24);
    run.wait_for(0, "BLAME");
    run.press("\u{3}");
    assert_eq!(run.finish().code(), Some(130), "{:?}", run.written());
    assert!(run.is_as_before());
    assert!(run.written().contains("SIGINT: ending the job"));
}

#[test]
fn without_a_terminal_mpirun_prints_tables_beside_the_output() {
    let job = Job::of("watched")
        .ranks(2)
        .options(["--top=0.5"])
        .args(["work", "8"]);
    let outcome = job.run().exits(0);
    let steps: String = (0..8)
        .map(|step| format!("step {step} is done\n"))
        .collect();
    assert_eq!(outcome.stdout, steps);
    let said = &outcome.stderr;
    assert!(
        said.contains(": 2 ranks of watched work 8, for "),
        "{outcome}"
    );
    assert!(said.matches("RANK  STATE").count() >= 3, "{outcome}");
    assert!(said.contains("   1  ended"), "{outcome}");
    let _ = Job::of("watched")
        .options(["--top=0"])
        .run()
        .exits(1)
        .says(["--top", "from 0.1"]);
}
