//! `mpirun` as Cargo's runner: tests of Rust programs are listed and told once, although every
//! rank runs them, and JUnit's XML of that.

use lariat_tests::hosts::Hosts;
use lariat_tests::outside::{Project, succeeds};
use lariat_tests::{Job, scratch, skipped, tool, workspace};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

const MANIFEST: &str = r#"
[package]
name = "runner"
version = "0.1.0"
edition = "2021"

[dependencies]
mpi = { version = "=0.8.2", default-features = false }

[[test]]
name = "plain"
harness = false

[profile.dev]
debug = "line-tables-only"
incremental = false

[patch.crates-io]
"#;

/// Tests as a user writes them: one `Universe` for all.
const TESTS: &str = r#"
use mpi::collective::SystemOperation;
use mpi::traits::*;
use std::sync::OnceLock;

fn world() -> mpi::topology::SimpleCommunicator {
    static UNIVERSE: OnceLock<mpi::environment::Universe> = OnceLock::new();
    UNIVERSE.get_or_init(|| mpi::initialize().unwrap()).world()
}

#[test]
fn sums() {
    println!("some words");
    let world = world();
    let mut sum = 0;
    world.all_reduce_into(&world.rank(), &mut sum, SystemOperation::sum());
    assert_eq!(sum, world.size() * (world.size() - 1) / 2);
}

#[test]
fn waits() {
    world().barrier();
}

#[test]
#[should_panic]
fn panics() {
    panic!("as it should");
}

#[test]
#[ignore = "fails"]
fn one_fails() {
    print!("no line's end");
    assert!(world().rank() != 1, "rank one is odd");
}

#[test]
#[ignore = "fails"]
fn one_leaves() {
    let world = world();
    assert!(world.rank() != 1, "rank one leaves");
    world.barrier();
}

#[test]
#[ignore = "fails"]
fn one_unwinds() {
    let universe = mpi::initialize().unwrap();
    assert!(universe.world().rank() != 1, "rank one unwinds");
    universe.world().barrier();
}

#[test]
#[ignore = "fails"]
fn one_dies() {
    let world = world();
    if world.rank() == 1 {
        std::process::abort();
    }
    world.barrier();
}
"#;

/// A test program without libtest.
const PLAIN: &str = r#"
fn main() {
    if std::env::args().any(|word| word == "--list") {
        if !std::env::args().any(|word| word == "--ignored") {
            println!("plain: test");
        }
    } else {
        println!("a plain program");
    }
}
"#;

struct Made {
    project: Project,
    /// The test program, and the one without libtest.
    halo: PathBuf,
    plain: PathBuf,
}

/// The project, built once.
fn made() -> &'static Made {
    static MADE: OnceLock<Made> = OnceLock::new();
    MADE.get_or_init(|| {
        let runtime = workspace().join("runtime");
        let patch = format!("mpi-sys = {{ path = \"{}/mpi-sys\" }}\n", runtime.display());
        let project = Project::new("runner", &format!("{MANIFEST}{patch}"));
        project.write("tests/halo.rs", TESTS);
        project.write("tests/plain.rs", PLAIN);
        let built = succeeds(project.cargo(&["test", "--no-run", "--message-format=json"]));
        let said = String::from_utf8_lossy(&built.stdout).into_owned();
        let executables = said.split("\"executable\":\"").skip(1);
        let executables = executables.filter_map(|rest| rest.split('"').next());
        let executables: Vec<PathBuf> = executables.map(PathBuf::from).collect();
        let of = |name: &str| {
            let is_it = |path: &&PathBuf| {
                let file = path.file_name().unwrap_or_default().to_string_lossy();
                file.rsplit_once('-')
                    .is_some_and(|(plain, _)| plain == name)
            };
            let found = executables.iter().find(is_it);
            found.unwrap_or_else(|| panic!("no {name}: {said}")).clone()
        };
        Made {
            halo: of("halo"),
            plain: of("plain"),
            project,
        }
    })
}

/// `cargo WORDS` with mpirun as the runner of programs.
fn cargo(words: &[&str], options: &str) -> Output {
    let mut command = made().project.cargo(words);
    let machine = format!(
        "{}_UNKNOWN_LINUX_GNU",
        std::env::consts::ARCH.to_uppercase()
    );
    let runner = format!("{} -n 2 {options}", tool("mpirun").display());
    command.env(format!("CARGO_TARGET_{machine}_RUNNER"), runner);
    command.env_remove("RUST_TEST_THREADS");
    command.output().expect("cargo runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn halo(args: &[&str]) -> Job {
    let job = Job::running(&made().halo).ranks(2).args(args);
    job.unset("RUST_TEST_THREADS")
}

#[test]
fn tests_are_listed_once() {
    let listed = cargo(&["test", "--", "--list"], "");
    let (out, err) = (text(&listed.stdout), text(&listed.stderr));
    assert!(listed.status.success(), "{out}{err}");
    for name in ["sums", "waits", "one_dies", "plain"] {
        assert_eq!(out.matches(&format!("{name}: test\n")).count(), 1, "{out}");
    }
    assert_eq!(out.matches("7 tests, 0 benchmarks").count(), 1, "{out}");
    for form in ["terse", "pretty"] {
        let outcome = halo(&["--list", "--format", form]).run().exits(0);
        assert_eq!(
            outcome.stdout.matches("sums: test\n").count(),
            1,
            "{outcome}"
        );
    }
}

#[test]
fn tests_are_told_once() {
    let ran = cargo(&["test", "--", "--test-threads=1"], "");
    let (out, err) = (text(&ran.stdout), text(&ran.stderr));
    assert!(ran.status.success(), "{out}{err}");
    for line in [
        "running 7 tests\n",
        "test sums ... ok\n",
        "test waits ... ok\n",
        "test panics ... ok\n",
        "test one_dies ... ignored, fails\n",
        "test result: ok. 3 passed; 0 failed; 4 ignored; 0 measured; 0 filtered out;",
    ] {
        assert_eq!(out.matches(line).count(), 1, "{line}: {out}");
    }
    // A program that is not libtest's prints what it prints.
    assert_eq!(out.matches("a plain program\n").count(), 2, "{out}");
    assert!(!out.contains("some words"), "{out}");
}

#[test]
fn the_forms_of_libtest_are_there() {
    let outcome = halo(&["-q"]).run().exits(0);
    assert!(outcome.stdout.contains("\nrunning 7 tests\n"), "{outcome}");
    let marks = outcome.stdout.lines().nth(2).unwrap_or_default();
    let mut marks: Vec<char> = marks.chars().collect();
    marks.sort_unstable();
    assert_eq!(marks, ['.', '.', '.', 'i', 'i', 'i', 'i'], "{outcome}");

    let outcome = halo(&["-Zunstable-options", "--format", "json"])
        .run()
        .exits(0);
    let events = "import json,sys\nfor line in sys.stdin:\n  e=json.loads(line); print(e['type'],e['event'],e.get('name'),e.get('passed'))";
    let told = python(events, &[], &outcome.stdout);
    assert_eq!(
        told.iter()
            .filter(|line| line.starts_with("test started"))
            .count(),
        7
    );
    assert!(told.contains(&"test ok sums None".to_owned()), "{told:?}");
    assert!(told.contains(&"suite ok None 3".to_owned()), "{told:?}");

    let outcome = halo(&["sums", "--nocapture"]).run().exits(0);
    assert_eq!(
        outcome.stdout.matches("some words\n").count(),
        2,
        "{outcome}"
    );
    assert_eq!(
        outcome.stdout.matches("test sums ... ok\n").count(),
        1,
        "{outcome}"
    );
    let outcome = halo(&["sums", "--show-output"]).run().exits(0);
    let shown = "---- sums stdout ----\nrank 0 of 2:\nsome words\nrank 1 of 2:\nsome words\n";
    assert!(outcome.stdout.contains(shown), "{outcome}");

    let outcome = halo(&["sums"]).options(["--rust-tests=each"]).run();
    assert_eq!(
        outcome.stdout.matches("running 1 test\n").count(),
        2,
        "{outcome}"
    );
    let _ = halo(&["--format=junit"])
        .run()
        .exits(1)
        .says(["--report=junit:FILE"]);
}

#[test]
fn a_failure_says_on_which_ranks() {
    let outcome = halo(&["--ignored", "one_fails"]).run().exits(101);
    let out = &outcome.stdout;
    assert!(out.contains("test one_fails ... FAILED\n"), "{outcome}");
    let head = "---- one_fails stdout ----\nfailed on rank 1 of 2\nrank 1 of 2:\nno line's end";
    assert!(
        out.contains(head) && out.contains("rank one is odd"),
        "{outcome}"
    );
    assert!(!out.contains("rank 0 of 2"), "{outcome}");
    assert!(
        out.contains("test result: FAILED. 0 passed; 1 failed;"),
        "{outcome}"
    );
    assert!(outcome.stderr.is_empty(), "{outcome}");
    // What it prints before an event on the same line is kept.
    let outcome = halo(&["--ignored", "one_fails", "--nocapture"])
        .run()
        .exits(101);
    assert_eq!(
        outcome.stdout.matches("no line's end").count(),
        2,
        "{outcome}"
    );
    assert!(
        outcome.stdout.contains("test one_fails ... FAILED\n"),
        "{outcome}"
    );
}

#[test]
fn a_test_in_which_ranks_wait_for_one_that_failed_ends() {
    for name in ["one_leaves", "one_unwinds"] {
        let outcome = halo(&["--ignored", "--exact", name]).run().exits(35);
        let out = &outcome.stdout;
        assert!(out.contains("failed on ranks 0-1 of 2\n"), "{outcome}");
        assert!(
            out.contains("rank 0 of 2:\nit did not end here\n"),
            "{outcome}"
        );
        assert!(
            out.contains(&name.replace('_', " ").replace("one", "rank one")),
            "{outcome}"
        );
    }
    let outcome = halo(&["--ignored", "one_dies"]).run().exits(134);
    assert!(
        outcome.stdout.contains("test one_dies ... FAILED\n"),
        "{outcome}"
    );
    let _ = outcome.says(["rank 1 (pid ", "killed by SIGABRT"]);
}

#[test]
fn ranks_with_different_tests_are_an_error() {
    let program = made().halo.to_str().unwrap().to_owned();
    let job = halo(&["panics"]).ranks(1);
    let outcome = job
        .args([":", "-n", "1", &program, "none"])
        .run()
        .exits(101);
    assert!(
        outcome.stdout.contains("there is no such test here"),
        "{outcome}"
    );
    let _ = outcome.says(["ranks have different tests: panics is not on rank 1"]);
    let job = halo(&["--list", "waits"]).ranks(1);
    let job = job.args([":", "-n", "1", &program, "--list", "panics"]);
    let _ = job
        .run()
        .exits(101)
        .says(["ranks 0 and 1 list different tests", "waits: test"]);
}

fn python(script: &str, args: &[&Path], input: &str) -> Vec<String> {
    use std::io::Write;
    let mut python = Command::new("python3");
    python.arg("-c").arg(script).args(args);
    python.stdin(std::process::Stdio::piped());
    python.stdout(std::process::Stdio::piped());
    let mut child = python.spawn().expect("python3 runs");
    let mut to = child.stdin.take().unwrap();
    to.write_all(input.as_bytes()).unwrap();
    drop(to);
    let out = child.wait_with_output().unwrap();
    assert!(out.status.success(), "{input}");
    text(&out.stdout).lines().map(str::to_owned).collect()
}

/// What a JUnit file says: a line for each case.
fn cases(path: &Path) -> Vec<String> {
    let script = "import sys,xml.etree.ElementTree as E
for s in E.parse(sys.argv[1]).getroot().iter('testsuite'):
  print(s.get('name'),s.get('tests'),s.get('failures'),s.get('errors'))
  for c in s.iter('testcase'):
    assert float(c.get('time'))>=0
    print(c.get('name'),*[' '.join([x.tag,str(x.get('type')),str(x.get('message')),(x.text or '').replace('\\n','|')]) for x in c])";
    python(script, &[path], "")
}

#[test]
fn junit_has_a_case_for_each_test() {
    let folder = scratch("junit");
    let file = folder.join("tests.xml");
    let option = format!("--report=junit:{}", file.display());
    let job = halo(&[
        "--include-ignored",
        "--skip=one_d",
        "--skip=one_leaves",
        "--skip=one_un",
    ]);
    let _ = job.options([&option]).run().exits(101);
    let all = cases(&file);
    assert_eq!(all[0], "halo 4 1 0", "{all:?}");
    for name in ["sums", "waits", "panics"] {
        assert!(all.contains(&name.to_owned()), "{all:?}");
    }
    let failed = all.iter().find(|line| line.starts_with("one_fails"));
    let head = "one_fails failure test failure failed on rank 1 of 2 rank 1 of 2:|no line's end";
    assert!(failed.is_some_and(|line| line.starts_with(head)), "{all:?}");

    // Both forms, and a folder, which each program has a file of its own in.
    let json = format!("--report=json:{}", folder.join("job.json").display());
    let into = format!("--report=junit:{}/", folder.join("all").display());
    let _ = halo(&["sums"]).options([&json, &into]).run().exits(0);
    let name = made().halo.file_name().unwrap().to_str().unwrap();
    let all = cases(&folder.join("all").join(format!("{name}.xml")));
    assert_eq!(all, ["halo 1 0 0", "sums"]);
    assert!(folder.join("job.json").exists());
    let _ = halo(&["--list"]).options([&into]).run().exits(0);
    assert_eq!(cases(&folder.join("all").join(format!("{name}.xml"))), all);

    let dies = halo(&["--ignored", "one_dies"]).options([&option]);
    let _ = dies.run().exits(134);
    let all = cases(&file);
    assert_eq!(all[0], "halo 1 1 0", "{all:?}");
    assert!(all[1].contains("it did not end here"), "{all:?}");
}

#[test]
fn junit_has_one_case_for_other_programs() {
    let folder = scratch("junit-others");
    let file = folder.join("job.xml");
    let option = format!("--report=junit:{}", file.display());
    let run = |job: Job, code: i32| {
        let _ = job.options([&option]).run().exits(code);
        cases(&file)
    };
    let plain = Job::running(&made().plain).ranks(2);
    assert_eq!(run(plain, 0), ["plain 1 0 0", "plain"]);
    let all = run(Job::of("dies").ranks(3).args(["null"]), 139);
    assert_eq!(all[0], "dies 1 1 0");
    assert!(
        all[1].starts_with("dies failure failure rank 1 (pid "),
        "{all:?}"
    );
    assert!(all[1].contains("killed by SIGSEGV"), "{all:?}");
    let stuck = Job::of("wrong/pt2pt").ranks(2).args(["wrong_tag"]);
    let all = run(stuck.options(["--on-deadlock=end"]), 35);
    assert!(all[1].starts_with("pt2pt failure deadlock "), "{all:?}");
    assert!(
        all[1].contains("each waits for the next: 0 → 1 → 0"),
        "{all:?}"
    );
    let all = run(Job::running("/nowhere/program").ranks(2), 127);
    assert_eq!(all[0], "program 1 0 1");
    assert!(all[1].contains("/nowhere/program is not found"), "{all:?}");
}

#[test]
fn nextest_runs_each_test_as_a_job_of_its_own() {
    let version = made().project.cargo(&["nextest", "--version"]).output();
    if !version.is_ok_and(|out| out.status.success()) {
        skipped("no cargo-nextest here (cargo install --locked cargo-nextest)");
        return;
    }
    let ran = cargo(
        &[
            "nextest",
            "run",
            "--no-fail-fast",
            "--color=never",
            "--test-threads=1",
        ],
        "",
    );
    let (out, err) = (text(&ran.stdout), text(&ran.stderr));
    assert!(ran.status.success(), "{out}{err}");
    assert!(
        err.contains("4 tests run: 4 passed, 4 skipped"),
        "{out}{err}"
    );
    let words = ["--run-ignored=only", "--no-fail-fast", "--color=never"];
    let ran = cargo(&[&["nextest", "run"][..], &words].concat(), "");
    let (out, err) = (text(&ran.stdout), text(&ran.stderr));
    assert!(!ran.status.success(), "{out}{err}");
    assert!(
        err.contains("4 tests run: 0 passed, 4 failed"),
        "{out}{err}"
    );
    for words in [
        "rank one is odd",
        "rank one leaves",
        "rank one unwinds",
        "SIGABRT",
    ] {
        assert!(
            err.contains(words) || out.contains(words),
            "{words}: {out}{err}"
        );
    }
}

#[test]
fn tests_are_told_once_over_hosts() {
    let Some(hosts) = Hosts::up(2) else { return };
    let of = |args: &[&str]| {
        let job = Job::running(&made().halo).args(args);
        hosts.with(job.unset("RUST_TEST_THREADS"), &[2, 1])
    };
    let outcome = of(&[]).run().exits(0);
    assert_eq!(
        outcome.stdout.matches("test sums ... ok\n").count(),
        1,
        "{outcome}"
    );
    assert!(
        outcome
            .stdout
            .contains("test result: ok. 3 passed; 0 failed; 4"),
        "{outcome}"
    );
    let outcome = of(&["--list"]).run().exits(0);
    assert_eq!(
        outcome.stdout.matches("sums: test\n").count(),
        1,
        "{outcome}"
    );
    let file = scratch("junit-hosts").join("tests.xml");
    let option = format!("--report=junit:{}", file.display());
    let outcome = of(&["--ignored", "one_fails"])
        .options([&option])
        .run()
        .exits(101);
    assert!(
        outcome.stdout.contains("failed on rank 1 of 3\n"),
        "{outcome}"
    );
    assert_eq!(cases(&file)[0], "halo 1 1 0");
    let outcome = of(&["--ignored", "one_leaves"]).run().exits(35);
    assert!(
        outcome.stdout.contains("failed on ranks 0-2 of 3\n"),
        "{outcome}"
    );
    assert!(outcome.stdout.contains("rank one leaves"), "{outcome}");
}
