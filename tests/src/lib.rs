//! How tests run rank programs: C files in `tests/programs`, built once with the
//! installed `mpicc`, run under the installed `mpirun` with a watchdog.
//!
//! A test of several ranks takes a C file and these lines:
//!
//! ```no_run
//! # use lariat_tests::Job;
//! #[test]
//! fn messages_keep_their_order() {
//!     Job::of("order").ranks(3).passes();
//! }
//! ```
//!
//! A rank program includes `check.h`, checks with `CHECK`, `EQ`, `MPI`, and ends
//! with `PASSED()`; [`Job::passes`] wants every rank to exit with 0 and to have
//! reached that line. [`Job::passes_in_every_mode`] runs it again with each arm
//! forced, with one-cell rings and with a tiny eager limit;
//! [`Job::passes_on_every_arm`] with the settings that matter to large messages.
//!
//! What is tested is the tree that `make` puts into `build/`, or the one that
//! the variable `LARIAT_PREFIX` names.

pub mod cgroup;
mod folder;
pub mod guest;
pub mod hosts;
mod job;
pub mod leftovers;
pub mod mpich_header;
pub mod outside;
mod program;
pub mod report_text;
pub mod slow;
pub mod storm;
pub mod strace;
pub mod terminal;
mod tree;

pub use folder::Folder;
pub use job::{Job, MODES, Outcome, Running, arms};
pub use program::{build_program, program};
pub use tree::{prefix, scratch, target, tool, workspace};

/// Whether jobs on several hosts can be run here.
pub fn has_libfabric() -> bool {
    // SAFETY: a string and a flag; nothing is kept of it but that the library is loaded.
    let found = unsafe { libc::dlopen(c"libfabric.so.1".as_ptr(), libc::RTLD_LAZY) };
    !found.is_null()
}

/// Says why a test, or a part of it, cannot be run here. It is seen also when
/// the test passes, which what `println!` prints is not.
pub fn skipped(why: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "skipped: {why}");
}
