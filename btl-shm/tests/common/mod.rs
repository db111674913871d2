//! Compiling the C programs beside this and running them with a library loaded.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// A test that takes longer hangs.
const LIMIT: Duration = Duration::from_secs(1200);

/// The library that is loaded into a program.
#[derive(Clone, Copy, PartialEq)]
pub enum Library {
    /// The one of `preload/`, whose functions the program calls.
    SharedMemory,
    /// The one that `mpirun` loads, which the program knows nothing of.
    #[allow(dead_code, reason = "not every test that includes this module uses it")]
    Heap,
}

/// Compiles `programs/<name>.c` with `flags`; the path of the program.
fn compile(name: &str, flags: &[&str], library: Library) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/programs/{name}.c"));
    let mode = flags.concat().replace(|c: char| !c.is_alphanumeric(), "_");
    let thread = format!("{:?}", std::thread::current().id());
    let thread = thread.replace(|c: char| !c.is_alphanumeric(), "");
    let program = format!("{name}{mode}-{}-{thread}", std::process::id());
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(program);
    let cc = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    let mut command = Command::new(&cc);
    command
        .args(["-O1", "-g", "-Wall", "-Wextra", "-Werror", "-pthread"])
        .args(flags)
        .arg(&source)
        .arg("-o")
        .arg(&program);
    if library == Library::SharedMemory {
        command.arg(built(library));
    }
    let compiled = command.output();
    let compiled = compiled.unwrap_or_else(|why| panic!("{cc} cannot be run: {why}"));
    let said = String::from_utf8_lossy(&compiled.stderr);
    assert!(
        compiled.status.success(),
        "{cc} {}: {said}",
        source.display()
    );
    program
}

/// A library, built if it is not there yet: `cargo test` builds both with the tests
/// of the workspace, but not when it is asked for less.
fn built(library: Library) -> PathBuf {
    static BUILDING: Mutex<()> = Mutex::new(());
    let test = std::env::current_exe().expect("a test knows its program");
    let profile = test
        .ancestors()
        .nth(2)
        .expect("target/<profile>/deps/<test>");
    let (what, file): (&[&str], _) = match library {
        Library::SharedMemory => (
            &["-p", "lariat-btl-shm", "--example", "shared_memory"],
            "examples/libshared_memory.so",
        ),
        Library::Heap => (&["-p", "lariat-heap"], "liblariat_heap.so"),
    };
    let _one_at_a_time = BUILDING.lock();
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let mut build = Command::new(&cargo);
    build.args(["build", "--quiet"]).args(what);
    build
        .arg("--target-dir")
        .arg(profile.parent().expect("target"));
    if profile.ends_with("release") {
        build.arg("--release");
    }
    let status = build
        .status()
        .unwrap_or_else(|why| panic!("{cargo} cannot be run: {why}"));
    assert!(status.success(), "{build:?}: {status}");
    profile.join(file)
}

/// Compiles a program with flags for the compiler, and runs it with a library loaded
/// and variables in its environment. It has to end well, within the limit; what it
/// wrote to stderr.
pub fn run_with(
    library: Library,
    name: &str,
    flags: &[&str],
    arguments: &[&str],
    env: &[(&str, &str)],
) -> String {
    let program = compile(name, flags, library);
    let stderr = program.with_extension("stderr");
    let errors = std::fs::File::create(&stderr).expect("the target directory is writable");
    let mut child = Command::new(&program)
        .args(arguments)
        .env("LD_PRELOAD", built(library))
        .envs(env.iter().copied())
        .stdout(Stdio::null())
        .stderr(errors)
        .spawn()
        .unwrap_or_else(|why| panic!("{}: {why}", program.display()));
    let begin = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().expect("the child is ours") {
            break status;
        }
        if begin.elapsed() > LIMIT {
            child.kill().expect("the child is ours");
            child.wait().expect("the child is ours");
            panic!(
                "{name} {arguments:?}: no end after {LIMIT:?}; it said: {}",
                said(&stderr)
            );
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let errors = said(&stderr);
    assert!(
        status.success(),
        "{name} {arguments:?}: {status}; it said: {errors}"
    );
    std::fs::remove_file(&program).expect("made above");
    std::fs::remove_file(&stderr).expect("made above");
    errors
}

fn said(path: &Path) -> String {
    let text = std::fs::read(path).unwrap_or_default();
    String::from_utf8_lossy(&text).into_owned()
}
