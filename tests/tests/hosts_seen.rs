//! Jobs on several hosts, seen from outside: `lariat`, `mpirun --top`, debuggers.

use lariat_tests::hosts::Hosts;
use lariat_tests::{Job, Running, skipped, tool, workspace};
use std::process::{Command, Output};

fn lariat(args: &[&str]) -> Output {
    let output = Command::new(tool("lariat")).args(args).output();
    output.expect("lariat is in the tree")
}

/// The same, started on a host.
fn lariat_on(hosts: &Hosts, host: u32, args: &[&str]) -> Output {
    let mut command = Command::new(workspace().join("tests/hosts/hosts"));
    command.args(["in", &hosts.name, &host.to_string()]);
    let output = command.arg(tool("lariat")).args(args).output();
    output.expect("lariat is in the tree")
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn row_of<'a>(table: &'a str, pid: &str) -> Option<&'a str> {
    let mut rows = table.lines().map(str::trim_start);
    rows.find(|row| row.split(' ').next() == Some(pid))
}

fn end(job: Running) {
    job.signal(libc::SIGINT);
    let _ = job.finish().exits(130);
}

/// The process of the rank whose line in a report begins so.
fn process<'a>(text: &'a str, rank: &str) -> &'a str {
    let rest = text.split(&format!("{rank} (pid ")).nth(1);
    let pid = rest.and_then(|rest| rest.split(' ').next());
    pid.unwrap_or_else(|| panic!("{rank} has a process: {text}"))
}

#[test]
fn a_stuck_job_is_explained_where_its_mpirun_runs() {
    let Some(hosts) = Hosts::up(2) else { return };
    let [first, second] = [1, 2].map(|host| hosts.address(host));
    let mut job = hosts.job("watched", &[2, 1]).args(["hang"]).start();
    job.wait_for_error("Ctrl-C ends it");
    let pid = job.pid().to_string();
    let said = lariat(&["explain", &pid]);
    let text = out(&said);
    assert_eq!(said.status.code(), Some(35), "{text}{}", err(&said));
    for words in [
        format!("job {pid}: 3 ranks of watched hang on 2 hosts, for "),
        format!("on host {first}) waits in MPI_Recv for rank 1, tag 8, on MPI_COMM_WORLD"),
        "at watched.c:".to_owned(),
        format!("ranks 1-2 on hosts {first}, {second} wait in MPI_Barrier on MPI_COMM_WORLD"),
        "never received: at rank 0, from rank 1, tag 7".to_owned(),
        "a deadlock: each of these ranks waits for the next: 0 → 1 → 0".to_owned(),
        "\nstuck: no rank can move any more (for ".to_owned(),
    ] {
        assert!(text.contains(&words), "{words:?}: {text}");
    }
    // A rank's process stands for its job where mpirun runs; elsewhere it is said where that is.
    let rank = process(&text, "rank 0");
    let own = Command::new("hostname").output().expect("hostname");
    let own = out(&own).trim().to_owned();
    assert_eq!(lariat(&["explain", rank]).status.code(), Some(35));
    for command in ["explain", "top"] {
        let there = lariat_on(&hosts, 1, &[command, rank]);
        assert_eq!(there.status.code(), Some(1), "{}", out(&there));
        for words in [
            format!("its mpirun is process {pid} on host {own}"),
            format!("lariat {command} {pid}"),
        ] {
            assert!(err(&there).contains(&words), "{words:?}: {}", err(&there));
        }
    }

    let table = out(&lariat(&["jobs"]));
    let row = row_of(&table, &pid).unwrap_or_else(|| panic!("job {pid}: {table}"));
    assert!(row.contains(" 3 ") && row.contains("stuck"), "{row}");
    assert!(row.ends_with("watched hang (2 hosts)"), "{row}");
    let part = format!("part of job {pid} of host ");
    assert!(!table.contains(&part), "{table}");
    let json = out(&lariat(&["jobs", "--json"]));
    let hosts_of = format!("\"hosts\": [\"{first}\", \"{second}\"]}}");
    assert!(json.contains(&hosts_of), "{json}");
    let there = out(&lariat_on(&hosts, 2, &["jobs"]));
    assert_eq!(there.matches(&part).count(), 2, "{there}");
    let there = out(&lariat_on(&hosts, 2, &["jobs", "--json"]));
    let part = format!("\"part_of\": {{\"job\": {pid}, \"host\": \"{own}\"}}}}");
    assert!(there.contains(&part), "{there}");

    let shown = out(&lariat(&["top", &pid, "--count", "2", "--interval", "1.5"]));
    let last = shown.split("\n\n").nth(1).unwrap_or_default();
    assert!(last.contains("stuck: no rank can move any more"), "{shown}");
    for row in [
        format!("   0  {first}  stuck  MPI_Recv     rank 1 "),
        format!("   1  {first}  stuck  MPI_Barrier  rank 0 "),
        format!("   2  {second}  stuck  MPI_Barrier  rank 0 "),
    ] {
        assert!(last.contains(&row), "{row:?}: {shown}");
    }
    end(job);
}

#[test]
fn a_job_at_work_is_shown_until_it_ends() {
    let Some(hosts) = Hosts::up(2) else { return };
    let mut job = hosts.job("watched", &[1, 2]).args(["work", "30"]).start();
    job.wait_for("step 1 is done");
    let pid = job.pid().to_string();
    let said = lariat(&["explain", &pid]);
    let text = out(&said);
    assert_eq!(said.status.code(), Some(0), "{text}{}", err(&said));
    assert!(!text.contains("stuck"), "{text}");
    let watched = lariat(&["top", &pid]);
    let text = out(&watched);
    assert_eq!(watched.status.code(), Some(0), "{text}{}", err(&watched));
    assert!(text.ends_with(&format!("job {pid} has ended\n")), "{text}");
    assert!(text.contains("% of it for rank 2"), "{text}");
    let second = hosts.address(2);
    let row = text
        .lines()
        .find(|line| line.starts_with(&format!("   2  {second}  ")));
    assert!(row.is_some(), "{text}");
    let _ = job.finish().exits(0);
    let gone = lariat(&["top", &pid]);
    assert!(err(&gone).contains("there is no process"), "{}", err(&gone));
}

#[test]
fn mpirun_shows_its_own_job() {
    let Some(hosts) = Hosts::up(2) else { return };
    let job = hosts.job("watched", &[1, 1]).args(["work", "12"]);
    let outcome = job.options(["--top=0.5"]).run().exits(0);
    let outcome = outcome.says([
        "2 ranks of watched work 12 on 2 hosts, for ",
        "RANK  HOST ",
        "% of it for rank 1",
    ]);
    let second = format!("   1  {}  ended", hosts.address(2));
    assert!(outcome.stderr.contains(&second), "{outcome}");
    assert!(outcome.stdout.contains("step 11 is done"), "{outcome}");
}

/// A tool in front of the program: by the rank's number in the whole job.
#[test]
fn ranks_run_in_tools_on_their_hosts() {
    let Some(hosts) = Hosts::up(2) else { return };
    let file = std::env::temp_dir().join(format!("tool-{}", hosts.name));
    let text = "#!/bin/sh\necho \"tool of $1 at $(hostname)\"\nshift\nexec \"$@\"\n";
    std::fs::write(&file, text).unwrap();
    let tool = format!("sh {} {{rank}}", file.display());
    let job = hosts.job("hello", &[1, 2]);
    let outcome = job.options(["--debugger", &tool]).run().exits(0);
    std::fs::remove_file(&file).unwrap();
    for (rank, host) in [(0, 1), (1, 2), (2, 2)] {
        let line = format!("tool of {rank} at {}-{host}", hosts.name);
        assert!(outcome.stdout.contains(&line), "{line}: {outcome}");
    }
    if Command::new("gdb").arg("--version").output().is_err() {
        return skipped("there is no gdb");
    }
    let shell =
        Job::running("/bin/sh").args(["-c", "test $OMPI_COMM_WORLD_RANK != 2 || kill -SEGV $$"]);
    let outcome = hosts.with(shell, &[1, 2]).options(["--gdb=2"]).run();
    assert!(outcome.stdout.contains("SIGSEGV"), "{outcome}");
    let missing = hosts.job("hello", &[1, 1]).options(["--gdb=2"]).run();
    let _ = missing.exits(1).says(["--gdb 2: the job has 2 ranks"]);
}
