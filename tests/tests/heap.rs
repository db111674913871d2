//! The preloaded malloc family in whole programs: of a job, of none, and of others'.

use lariat_tests::outside::succeeds;
use lariat_tests::{Job, prefix, program, scratch, skipped, target, workspace};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn library() -> PathBuf {
    prefix().join("lib/liblariat_heap.so")
}

/// A command with the library loaded and active, though it is no rank.
fn alone(program: impl AsRef<Path>) -> Command {
    let mut command = Command::new(program.as_ref());
    command
        .env("LD_PRELOAD", library())
        .env("LARIAT_HEAP_ALONE", "1");
    command
}

fn run(mut command: Command) -> Output {
    let done = command.stdin(Stdio::null()).output();
    done.unwrap_or_else(|why| panic!("cannot run {command:?}: {why}"))
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn the_family_and_the_mappings_behave() {
    let output = run(alone(program("heap_family")));
    assert!(output.status.success(), "{output:?}");
    assert_eq!(stdout(&output), "shared\n");
}

#[test]
fn what_is_no_rank_has_ordinary_memory() {
    let mut command = Command::new(program("heap_family"));
    command.env("LD_PRELOAD", library());
    let output = run(command);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(stdout(&output), "private\n");
    let mut off = alone(program("heap_family"));
    off.env("LARIAT_HEAP", "0");
    assert_eq!(stdout(&run(off)), "private\n");
}

#[test]
fn ranks_have_shared_memory() {
    let job = Job::of("heap_rank").ranks(3);
    job.env("LD_PRELOAD", library()).passes();
}

#[test]
fn shells_in_between_do_not_take_the_window() {
    let rank = program("heap_rank");
    let line = format!("echo begun >&2; {}", rank.display());
    let job = Job::running("/bin/sh").args(["-c", &line]).ranks(2);
    job.env("LD_PRELOAD", library()).passes();
}

#[test]
fn memory_under_limits_is_ordinary() {
    let line = format!(
        "ulimit -v 8000000; exec {}",
        program("heap_family").display()
    );
    let mut command = alone("/bin/sh");
    // The shell itself is under no limit, and has the heap until it execs.
    command.args(["-c", &line]);
    let output = run(command);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(stdout(&output), "private\n");
}

#[test]
fn a_rank_is_as_large_as_what_it_uses() {
    for heap in ["0", "1"] {
        let job = Job::of("address_space").args(["64"]).ranks(3);
        job.env("LARIAT_HEAP", heap).passes();
    }
}

#[test]
fn what_is_freed_twice_is_named() {
    let mut command = alone(program("heap_family"));
    command.arg("twice");
    let output = run(command);
    assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        said.contains("free(0x") && said.contains("freed twice"),
        "{said}"
    );
}

/// Bytes for programs to work on: this repository's sources, several times.
fn text() -> PathBuf {
    let file = scratch("heap-text").join("text");
    let mut all = Vec::new();
    for name in [
        "runtime/include/mpi.h",
        "docs/calls.md",
        "runtime/wireup/src/calls.rs",
    ] {
        let one = std::fs::read(workspace().join(name)).expect("the repository can be read");
        for _ in 0..20 {
            all.extend_from_slice(&one);
        }
    }
    std::fs::write(&file, all).expect("the scratch folder can be written");
    file
}

const PYTHON: &str = "
import hashlib, os, subprocess, threading, zlib
blocks = [bytes([i % 251]) * (i * 997) for i in range(400)]
words = {str(i) * 50: [i] * 2000 for i in range(2000)}
def work(out, n):
    data = b''.join(blocks[n::7])
    out.append(hashlib.sha256(zlib.compress(data, 1)).hexdigest())
outs = [[] for _ in range(4)]
threads = [threading.Thread(target=work, args=(o, n)) for n, o in enumerate(outs)]
[t.start() for t in threads]; [t.join() for t in threads]
child = os.fork()
if child == 0:
    blocks = [bytes(len(b)) for b in blocks]
    os._exit(sum(map(len, blocks)) % 100)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
print(outs, sum(len(v) for v in words.values()), hashlib.md5(b''.join(blocks)).hexdigest())
print(subprocess.run(['sh', '-c', 'echo $((6 * 7))'], capture_output=True).stdout)
";

#[test]
fn other_programs_do_what_they_did() {
    let text = text();
    let text = text.to_str().expect("paths here are text");
    let source = workspace().join("tests/programs/heap_family.c");
    let source = source.to_str().expect("paths here are text");
    let shell = format!("for i in 1 2 3; do wc -c < '{text}' | (read n; echo $((n + i))); done");
    let programs: [(&str, &[&str]); 9] = [
        ("python3", &["-c", PYTHON]),
        ("sort", &["--parallel=4", text]),
        ("xz", &["-2", "-T2", "-c", text]),
        ("gzip", &["-c", text]),
        ("gcc", &["-std=gnu11", "-O2", "-S", "-o", "-", source]),
        ("bash", &["-c", &shell]),
        (
            "awk",
            &[
                "{ n[$1]++ } END { for (w in n) s += n[w] * length(w); print s }",
                text,
            ],
        ),
        ("git", &["--no-pager", "log", "--stat", "-50"]),
        ("tar", &["-c", "--mtime=@0", "-z", text]),
    ];
    let mut ran = 0;
    for (name, arguments) in programs {
        let make = |mut command: Command| {
            command.args(arguments).current_dir(workspace());
            command
        };
        let plain = make(Command::new(name)).stdin(Stdio::null()).output();
        let Ok(plain) = plain.map_err(|why| skipped(&format!("{name}: {why}"))) else {
            continue;
        };
        if !plain.status.success() {
            skipped(&format!("{name} does not work here: {plain:?}"));
            continue;
        }
        let shared = run(make(alone(name)));
        assert!(
            shared.status == plain.status && shared.stdout == plain.stdout,
            "{name}: {} and {} bytes, with the heap {} and {} bytes: {}",
            plain.status,
            plain.stdout.len(),
            shared.status,
            shared.stdout.len(),
            String::from_utf8_lossy(&shared.stderr)
        );
        ran += 1;
    }
    assert!(ran >= 4, "only {ran} programs are there to try");
}

/// The numbers in a line that [`heap_churn`] prints.
fn memory(mut command: Command) -> [f64; 3] {
    let output = command.output().expect("the program can be run");
    assert!(output.status.success(), "{output:?}");
    let text = stdout(&output);
    let numbers: Vec<f64> = text
        .split_whitespace()
        .filter_map(|w| w.parse().ok())
        .collect();
    numbers
        .try_into()
        .unwrap_or_else(|_| panic!("three numbers were expected: {text}"))
}

#[test]
fn a_churning_program_needs_no_more_memory() {
    let churn = program("heap_churn");
    let plain = memory(Command::new(&churn));
    let shared = memory(alone(&churn));
    println!("KiB: mean, highest, low: {plain:?}; with the shared heap {shared:?}");
    for (what, at) in [("mean", 0), ("highest", 1)] {
        let ratio = shared[at] / plain[at];
        assert!(ratio <= 1.10, "{what}: {ratio:.2} of what it is without");
    }
}

#[test]
fn a_rust_program_has_one_line_for_it() {
    let manifest = workspace().join("examples/Cargo.toml");
    let mut build = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    build.args([
        "build",
        "--quiet",
        "-p",
        "lariat-examples",
        "--bin",
        "shared_heap",
    ]);
    build.arg("--manifest-path").arg(&manifest);
    build
        .arg("--target-dir")
        .arg(lariat_tests::target().join("examples"));
    succeeds(build);
    let built = target().join("examples/debug/shared_heap");
    let outcome = Job::running(built).ranks(2).run().exits(0);
    assert_eq!(
        outcome.stdout.matches("in shared memory").count(),
        2,
        "{outcome}"
    );
}
