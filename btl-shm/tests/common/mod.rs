//! Compiling the C programs beside this and running them with the library of
//! `preload/` loaded.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// A test that takes longer hangs.
const LIMIT: Duration = Duration::from_secs(1200);

/// Compiles `programs/<name>.c` with `flags`; the path of the program.
pub fn compile(name: &str, flags: &[&str]) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/programs/{name}.c"));
    let mode = flags.concat().replace(|c: char| !c.is_alphanumeric(), "_");
    let thread = format!("{:?}", std::thread::current().id());
    let thread = thread.replace(|c: char| !c.is_alphanumeric(), "");
    let program = format!("{name}{mode}-{}-{thread}", std::process::id());
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(program);
    let cc = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    let compiled = Command::new(&cc)
        .args(["-O1", "-g", "-Wall", "-Wextra", "-Werror", "-pthread"])
        .args(flags)
        .arg(&source)
        .arg("-o")
        .arg(&program)
        .arg(library())
        .output()
        .unwrap_or_else(|why| panic!("{cc} cannot be run: {why}"));
    let said = String::from_utf8_lossy(&compiled.stderr);
    assert!(
        compiled.status.success(),
        "{cc} {}: {said}",
        source.display()
    );
    program
}

/// The library that is loaded into the programs, built if it is not there yet:
/// `cargo test` builds it with the tests, `cargo test --test NAME` does not.
pub fn library() -> PathBuf {
    static BUILT: OnceLock<()> = OnceLock::new();
    let test = std::env::current_exe().expect("a test knows its program");
    let profile = test
        .ancestors()
        .nth(2)
        .expect("target/<profile>/deps/<test>");
    BUILT.get_or_init(|| {
        let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
        let mut build = Command::new(&cargo);
        build.args([
            "build",
            "--quiet",
            "-p",
            "lariat-btl-shm",
            "--example",
            "shared_memory",
        ]);
        build
            .arg("--target-dir")
            .arg(profile.parent().expect("target"));
        if profile.ends_with("release") {
            build.arg("--release");
        }
        let built = build
            .status()
            .unwrap_or_else(|why| panic!("{cargo} cannot be run: {why}"));
        assert!(built.success(), "{build:?}: {built}");
    });
    profile.join("examples/libshared_memory.so")
}

/// Compiles a program with flags for the compiler, and runs it with variables for
/// its environment. It has to end well, within the limit; what it wrote to stderr.
pub fn run_with(name: &str, flags: &[&str], arguments: &[&str], env: &[(&str, &str)]) -> String {
    let program = compile(name, flags);
    let stderr = program.with_extension("stderr");
    let errors = std::fs::File::create(&stderr).expect("the target directory is writable");
    let mut child = Command::new(&program)
        .args(arguments)
        .env("LD_PRELOAD", library())
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
