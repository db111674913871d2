//! Answers of this library beside those of another MPI, MPICH say, whose prefix is given
//! (`tests/oracle/compare` says how to get one). Many programs in an hour:
//!
//! ```text
//! LARIAT_ORACLE=PREFIX cargo test -p lariat-tests --test oracle -- --ignored --nocapture
//! ```
//!
//! `ORACLE_PROGRAMS` and `ORACLE_FIRST` choose the random programs on windows, `RANKS` the
//! numbers of ranks.

use std::path::Path;
use std::process::Command;

#[test]
#[ignore = "needs another MPI, and takes minutes"]
fn windows_are_as_in_another_mpi() {
    let other = std::env::var_os("LARIAT_ORACLE").expect("LARIAT_ORACLE is the prefix of an MPI");
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut compare = Command::new(tests.join("oracle/compare"));
    let compare = compare.arg(lariat_tests::prefix()).arg(other);
    if std::env::var_os("RANKS").is_none() {
        compare.env("RANKS", "1 2 3 4 5");
    }
    if std::env::var_os("ORACLE_PROGRAMS").is_none() {
        compare.env("ORACLE_PROGRAMS", "600");
    }
    let status = compare.arg("windows").status().expect("bash runs");
    assert!(status.success(), "see above");
}
