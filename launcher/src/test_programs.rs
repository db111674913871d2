//! Finds out whether a job's programs are Rust test programs, and has them tell of their tests
//! ([`crate::libtest`]).

use crate::cli::{JobOptions, RustTests};
use crate::elf;
use crate::libtest::args::{Replaced, Words, lists};
use crate::libtest::{Recipient, Tests, Work};
use crate::plan::App;
use wireup::env;

/// Names of variables that libtest reads, backwards: they stand in every program that has it.
/// mpirun is none, and may be the program of a job.
const MARKS: [&[u8]; 2] = [b"SDAERHT_TSET_TSUR", b"ERUTPACON_TSET_TSUR"];
/// How many tests run at once.
const THREADS: &str = "RUST_TEST_THREADS";
/// libtest tells in JSON only where this is set. No value other than 1, or the name of a crate,
/// changes anything for compilers that tests may run.
const BOOTSTRAP: (&str, &str) = ("RUSTC_BOOTSTRAP", "0");

/// Prepares the programs of a job, if the tests in them are to be told once.
///
/// # Errors
/// They cannot be told in the form that is wanted.
pub fn prepare(
    global: &JobOptions,
    apps: &mut [App],
    ranks: u32,
    up: Option<Recipient>,
) -> Result<Option<Tests>, String> {
    let by_tool = global.gdb.is_some() || global.xterm.is_some() || global.debugger.is_some();
    if global.rust_tests == Some(RustTests::Each) || by_tool {
        return Ok(None);
    }
    let is_forced = global.rust_tests == Some(RustTests::Once);
    let are_tests = is_forced
        || apps
            .iter()
            .all(|app| elf::has_all_backwards(&app.file, &MARKS));
    let is_list = apps.iter().all(|app| lists(&app.args));
    let by_runner = |name| apps.iter().all(|app| app.variable(name).is_some());
    let is_runner = by_runner("CARGO_MANIFEST_DIR") || by_runner("NEXTEST");
    if is_list && (are_tests || is_runner) {
        return Ok(Some(Tests::new(Work::List, Words::default(), ranks, up)));
    }
    if !are_tests {
        return Ok(None);
    }
    let mut words = Words::default();
    for app in apps {
        let own = Replaced::of(&app.args)?;
        if app.variable(BOOTSTRAP.0).is_none() {
            app.vars.insert(BOOTSTRAP.0.into(), BOOTSTRAP.1.into());
        }
        // Ranks meet in a test only if they run their tests in the same order.
        let is_said = own.says_threads || app.variable(THREADS).is_some();
        if ranks > 1 && !is_said {
            app.vars.insert(THREADS.into(), "1".into());
        }
        app.vars.insert(env::TESTS.into(), "1".into());
        app.args = own.args;
        words = own.words;
    }
    Ok(Some(Tests::new(Work::Run, words, ranks, up)))
}
