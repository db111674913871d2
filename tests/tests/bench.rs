//! `make bench`: its own unit tests, and a small run with Lariat alone. What it measures
//! is not looked at, only that there are samples, a report and a page.

use lariat_tests::outside::succeeds;
use lariat_tests::{prefix, scratch, target, workspace};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The floor program, as a program that is tested and not measured.
fn floor() -> PathBuf {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(workspace());
    cargo.args(["build", "--quiet", "-p", "lariat-floor"]);
    succeeds(cargo);
    target().join("debug/floor")
}

/// The comparison without peers, its files below `folder`.
fn bench(folder: &Path) -> Command {
    let mut command = Command::new("python3");
    command.args(["bench", "--peers", "none"]);
    command.arg("--lariat").arg(prefix());
    command.arg("--out").arg(folder.join("out"));
    command.current_dir(workspace());
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

#[test]
fn its_parts_do_what_they_say() {
    let mut python = Command::new("python3");
    python.args(["-m", "unittest", "discover", "-s", "tests"]);
    python.env("PYTHONDONTWRITEBYTECODE", "1");
    python.current_dir(workspace().join("bench"));
    let said = String::from_utf8_lossy(&succeeds(python).stderr).into_owned();
    assert!(said.contains("OK") && !said.contains("Ran 0"), "{said}");
}

#[test]
fn a_small_run_gives_a_report_in_three_forms() {
    let folder = scratch("bench");
    let mut command = bench(&folder);
    command.arg("--floor").arg(floor());
    command.args(["--bench", "latency,rate,vector,bcast,ibcast,put,hello"]);
    command.args(["--sizes", "8,4K", "--rounds", "2"]);
    let output = succeeds(command);
    let read = |name: &str| {
        let path = folder.join("out").join(name);
        std::fs::read_to_string(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()))
    };
    let text = read("report.txt");
    for part in [
        "### Latency: rewritten and read (µs",
        "### Bcast: calls back to back (µs",
        "| 4K |",
        "messages/s",
        "fork and exec",
        "2 whole rounds",
    ] {
        assert!(text.contains(part), "no {part} in:\n{text}\n{output:?}");
    }
    assert!(!text.contains("failed"), "{text}");
    assert!(read("report.json").contains("\"samples\":[[\"latency\",\"lariat\",0,8,"));
    let page = read("report.html");
    assert!(page.contains("<title>") && page.trim_end().ends_with("</html>"));
}

#[test]
fn an_interrupted_run_writes_what_it_has() {
    let folder = scratch("bench");
    let mut command = bench(&folder);
    command.arg("--floor").arg(floor());
    command.args(["--bench", "barrier", "--rounds", "10000"]);
    let mut child = command
        .stderr(Stdio::piped())
        .spawn()
        .expect("python3 runs");
    let stderr = child.stderr.take().expect("it is a pipe");
    let mut lines = BufReader::new(stderr).lines().map_while(Result::ok);
    let began = lines.any(|l| l.contains("left, round ") && !l.contains("round 1 of"));
    let mut kill = Command::new("kill");
    kill.arg(child.id().to_string());
    succeeds(kill);
    lines.for_each(drop);
    let status = child.wait().expect("it was started");
    assert!(began, "no second round");
    assert_eq!(status.code(), Some(130));
    let text = std::fs::read_to_string(folder.join("out/report.txt")).expect("a report");
    assert!(
        text.contains("interrupted") && text.contains("Barrier"),
        "{text}"
    );
}

#[test]
fn what_cannot_be_used_is_named() {
    let folder = scratch("bench");
    for (option, value, said) in [
        (
            "--bench",
            "latency,foo",
            "BENCH: there is no benchmark 'foo'",
        ),
        ("--sizes", "8,x", "SIZES: 'x' is not a size"),
        ("--ranks", "1", "RANKS: '1' is not a whole number from 2"),
        ("--rounds", "0", "ROUNDS: '0' is not a whole number from 1"),
        ("--peers", "bla", "PEERS: 'bla'"),
        ("--lariat", "/nowhere", "/nowhere/bin/mpicc does not exist"),
    ] {
        let output = bench(&folder).args([option, value]).output();
        let output = output.expect("python3 runs");
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(words.contains(said), "{option} {value}: {words}");
        assert_eq!(output.status.code(), Some(2), "{option} {value}");
    }
    assert!(!folder.join("out/report.txt").exists());
}
