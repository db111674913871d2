//! Where things are: the workspace, the installed tree, room for what tests make.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// The workspace's top folder.
#[must_use]
pub fn workspace() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().expect("tests/ lies in the workspace").into()
}

/// The installed tree under test: `LARIAT_PREFIX`, or `build/` of the workspace.
///
/// # Panics
/// If there is no `bin/mpirun` in it.
#[must_use]
pub fn prefix() -> PathBuf {
    let named = std::env::var_os("LARIAT_PREFIX").map(PathBuf::from);
    let prefix = named.unwrap_or_else(|| workspace().join("build"));
    assert!(
        prefix.join("bin/mpirun").exists(),
        "no bin/mpirun in {}: run `make` first, since tests use an installed tree",
        prefix.display()
    );
    prefix
}

/// A program of the installed tree, such as `mpirun` or `mpicc`.
#[must_use]
pub fn tool(name: &str) -> PathBuf {
    prefix().join("bin").join(name)
}

/// Cargo's target folder.
#[must_use]
pub fn target() -> PathBuf {
    let named = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let target = named.unwrap_or_else(|| "target".into());
    workspace().join(target)
}

/// A new empty folder for one test, below the target folder: nothing that tests
/// make lies in /tmp, which some of them watch.
///
/// # Panics
/// If it cannot be made.
#[must_use]
pub fn scratch(name: &str) -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let n = NEXT.fetch_add(1, Ordering::Relaxed);
    let id = std::process::id();
    let folder = target()
        .join("tests-scratch")
        .join(format!("{name}-{id}-{n}"));
    std::fs::create_dir_all(&folder)
        .unwrap_or_else(|why| panic!("cannot make {}: {why}", folder.display()));
    folder
}
