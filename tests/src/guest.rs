//! Programs in a virtual machine with the kernel module: what `tests/guest/run`
//! does, as a value to be described and run.

use crate::{skipped, tree};
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

/// A guest, being described.
#[derive(Clone, Debug)]
#[must_use]
pub struct Guest {
    script: &'static str,
    options: Vec<OsString>,
    files: Vec<OsString>,
}

impl Guest {
    /// A guest that boots one of the kernels that `tests/guest/fetch-kernel`
    /// knows, such as `6.1`, and loads the module.
    pub fn with_kernel(name: &str) -> Guest {
        Guest {
            script: "run",
            options: vec!["--kernel".into(), name.into()],
            files: Vec::new(),
        }
    }

    /// Options of `tests/guest/run`.
    pub fn options<I: IntoIterator<Item = S>, S: Into<OsString>>(mut self, options: I) -> Guest {
        self.options.extend(options.into_iter().map(Into::into));
        self
    }

    /// A file or folder that the command finds in its working folder, with the
    /// shared libraries that it needs.
    pub fn file(mut self, path: impl Into<OsString>) -> Guest {
        self.files.push(path.into());
        self
    }

    /// The installed tree under test is in the guest, and `mpirun` in its `PATH`.
    pub fn with_tree(mut self) -> Guest {
        self.script = "mpi";
        self
    }

    /// Runs a line of shell and returns what it wrote, on either stream; `None`,
    /// with the reason said, where this machine can have no such guest.
    ///
    /// # Panics
    /// If the command fails, the guest hangs or dies, or the module leaves
    /// something behind.
    #[must_use]
    pub fn run(self, command: &str) -> Option<String> {
        let mut script = script(self.script);
        // Made by tests for tests: the guest must see the tree that they see.
        if self.script == "mpi" {
            script.env("LARIAT_PREFIX", tree::prefix());
        }
        script.args(self.options).arg("--").args(self.files);
        answer(script.args(["--", command]))
    }
}

/// Builds the module for a kernel; `None`, with the reason said, where this
/// machine cannot.
///
/// # Panics
/// If it does not build.
#[must_use]
pub fn build_module(kernel: &str) -> Option<PathBuf> {
    let said = answer(script("build-module").arg(kernel))?;
    Some(PathBuf::from(said.trim_end()))
}

/// A program of `tests/guest/module`, built of the named sources without shared
/// libraries.
///
/// # Panics
/// If it does not compile; the compiler's words are in the message.
#[must_use]
pub fn module_program(name: &str, sources: &[&str]) -> PathBuf {
    let folder = tree::workspace().join("tests/guest/module");
    let out = tree::scratch("guest-programs").join(name);
    let mut cc = Command::new("cc");
    cc.args(["-std=gnu11", "-O1", "-g", "-Wall", "-Wextra", "-Werror"]);
    cc.args(["-static", "-pthread", "-I"]);
    cc.arg(tree::workspace().join("btl-shm/driver"));
    cc.arg("-o").arg(&out);
    cc.args(sources.iter().map(|source| folder.join(source)));
    crate::outside::succeeds(cc);
    out
}

fn script(name: &str) -> Command {
    let mut script = Command::new(tree::workspace().join("tests/guest").join(name));
    script.env("CARGO_TARGET_DIR", tree::target());
    script
}

/// What the scripts of `tests/guest` answer: exit code 77 is "not here".
fn answer(script: &mut Command) -> Option<String> {
    const NOT_HERE: i32 = 77;
    let output = script
        .output()
        .unwrap_or_else(|why| panic!("cannot run {script:?}: {why}"));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    if output.status.code() == Some(NOT_HERE) {
        skipped(errors.trim_end());
        return None;
    }
    assert!(
        output.status.success(),
        "{script:?} failed with {}:\n{said}\n{errors}",
        output.status
    );
    Some(said)
}
