//! Building rank programs.

use crate::tree;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::SystemTime;

/// The executable of `tests/programs/NAME.c`, built if the one that is there is
/// older than what it is made of.
///
/// # Panics
/// If it does not compile; the compiler's words are in the message.
#[must_use]
pub fn program(name: &str) -> PathBuf {
    // One lock per program, so that two tests do not build the same one at once.
    static BUILT: Mutex<Option<HashMap<String, Arc<OnceLock<PathBuf>>>>> = Mutex::new(None);
    let slot = {
        let mut built = BUILT.lock().unwrap_or_else(|broken| broken.into_inner());
        let map = built.get_or_insert_default();
        Arc::clone(map.entry(name.to_owned()).or_default())
    };
    slot.get_or_init(|| build(name)).clone()
}

/// Where the rank programs are: each is linked to the library of the tree under test.
fn programs() -> PathBuf {
    let (all, tree) = (tree::target().join("rank-programs"), tree::prefix());
    match tree == tree::workspace().join("build") {
        true => all,
        false => all.join(tree.strip_prefix("/").unwrap_or(&tree)),
    }
}

fn build(name: &str) -> PathBuf {
    let folder = tree::workspace().join("tests/programs");
    let source = folder.join(format!("{name}.c"));
    let out = programs().join(name);
    let headers = std::fs::read_dir(&folder).expect("the folder of rank programs is there");
    let headers = headers.map(|entry| entry.expect("the folder can be read").path());
    let mut made_of: Vec<_> = headers
        .filter(|path| path.extension().is_some_and(|end| end == "h"))
        .collect();
    made_of.extend([
        source.clone(),
        tree::prefix().join("include/mpi.h"),
        tree::tool("mpicc"),
    ]);
    let newest = made_of.iter().map(|path| changed(path)).max();
    if !out.exists() || newest > Some(changed(&out)) {
        build_program(&source, &out, &[]);
    }
    out
}

/// Compiles one C file with the installed `mpicc`, warnings being errors.
///
/// # Panics
/// If it does not compile; the compiler's words are in the message.
pub fn build_program(source: &Path, out: &Path, flags: &[&str]) {
    let parent = out.parent().expect("an executable lies in a folder");
    std::fs::create_dir_all(parent).expect("the target folder can be written");
    // Built beside and renamed, so that a half-written file is never run.
    let fresh = out.with_extension(format!("new{}", std::process::id()));
    let mut mpicc = Command::new(tree::tool("mpicc"));
    mpicc.args([
        "-std=gnu11",
        "-O1",
        "-g",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-Wno-format-zero-length",
    ]);
    mpicc.args(flags).arg("-o").arg(&fresh).arg(source);
    let output = mpicc.output().expect("mpicc can be run");
    assert!(
        output.status.success(),
        "{} does not compile:\n{}",
        source.display(),
        String::from_utf8_lossy(&output.stderr)
    );
    std::fs::rename(&fresh, out).expect("the target folder can be written");
}

fn changed(path: &Path) -> SystemTime {
    let meta = std::fs::metadata(path);
    let meta = meta.unwrap_or_else(|why| panic!("{}: {why}", path.display()));
    meta.modified()
        .expect("this system keeps modification times")
}
