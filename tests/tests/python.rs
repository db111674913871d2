//! Wrong programs in Python, and what is said of them. They call the library by ctypes, and
//! leave it when Python ends, as mpi4py does. Lines need py-spy, which is installed into a
//! folder below `target`, with mpi4py; where they cannot be had, the tests are skipped.

use lariat_tests::{Job, Outcome, skipped, workspace};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

const PACKAGES: [&str; 2] = ["py-spy==0.4.1", "mpi4py==4.1.2"];

/// The folder with a Python that has the packages. None: they cannot be had here.
fn folder() -> Option<&'static PathBuf> {
    static FOLDER: OnceLock<Option<PathBuf>> = OnceLock::new();
    FOLDER.get_or_init(install).as_ref()
}

fn install() -> Option<PathBuf> {
    let folder = workspace().join("target/python");
    let python = folder.join("bin/python");
    let runs = |command: &mut Command| {
        let quiet = command.stdout(Stdio::null()).stderr(Stdio::null());
        quiet.status().is_ok_and(|status| status.success())
    };
    let is_there = || {
        let spy = python.with_file_name("py-spy");
        let mut mpi4py = Command::new(&python);
        mpi4py.args(["-c", "import mpi4py"]); // without the module that loads the library
        runs(Command::new(spy).arg("--version")) && runs(&mut mpi4py)
    };
    if is_there() {
        return Some(folder);
    }
    let made = runs(Command::new("python3").args(["-m", "venv"]).arg(&folder));
    let pip = ["-m", "pip", "install", "-q", "--only-binary=:all:"];
    let made = made && runs(Command::new(&python).args(pip).args(PACKAGES));
    (made && is_there()).then_some(folder)
}

/// What the programs begin with.
const BEGIN: &str = r#"import atexit, ctypes, sys
mpi = ctypes.CDLL("libmpi_abi.so.1")
mpi.MPI_Init(None, None)
atexit.register(mpi.MPI_Finalize)
number, data = ctypes.c_int(), ctypes.c_int(5)
word = ctypes.c_void_p
WORLD, INT = word(COMM_WORLD), word(TYPE_INT)
mpi.MPI_Comm_rank(WORLD, ctypes.byref(number))
rank = number.value
def send(dest, tag):
    mpi.MPI_Send(ctypes.byref(data), 1, INT, dest, tag, WORLD)
"#;

/// A program over mpi4py in which rank 1 ends before a barrier, in the way that is put in.
const OVER_MPI4PY: &str = r#"from mpi4py import MPI
import sys
world = MPI.COMM_WORLD
if world.rank == 1:
    END
world.Barrier()
"#;

/// The lines of it: those of a program count on.
fn lines_before() -> usize {
    BEGIN.lines().count()
}

const HANGS: &str = r#"def exchange():
    if rank == 0:
        mpi.MPI_Recv(ctypes.byref(data), 1, INT, 1, 8, WORLD, None)
    else:
        send(0, 7)
        mpi.MPI_Barrier(WORLD)
exchange()
"#;

const RAISES: &str = r#"if rank == 1:
    raise ValueError("no such column")
mpi.MPI_Barrier(WORLD)
"#;

const EXITS: &str = r#"if rank == 1:
    sys.exit(3)
mpi.MPI_Barrier(WORLD)
"#;

/// Runs a program on so many ranks. None: there is no py-spy.
fn run(name: &str, text: &str, ranks: u32) -> Option<Outcome> {
    let Some(folder) = folder() else {
        skipped("py-spy and mpi4py cannot be installed");
        return None;
    };
    let text = format!("{BEGIN}{text}");
    let text = text
        .replace("COMM_WORLD)", "0x101)")
        .replace("TYPE_INT)", "0x209)");
    Some(run_in(folder, name, &text, ranks))
}

/// Runs a program with the Python of this folder.
fn run_in(folder: &Path, name: &str, text: &str, ranks: u32) -> Outcome {
    let file = folder.join(name);
    std::fs::write(&file, text).expect("the folder can be written");
    let path = std::env::var("PATH").unwrap_or_default();
    let path = format!("{}:{path}", folder.join("bin").display());
    let job = Job::running(folder.join("bin/python")).ranks(ranks);
    let job = job.args([&file]).env("PATH", path);
    job.options(["--on-deadlock=end"]).run()
}

#[test]
fn lines_of_the_program_are_named() {
    let Some(outcome) = run("hangs.py", HANGS, 2) else {
        return;
    };
    let outcome = outcome.exits(35).says([
        "mpirun: stuck: no rank can move any more",
        "waits in MPI_Recv for rank 1, tag 8, on MPI_COMM_WORLD",
        "waits in MPI_Barrier on MPI_COMM_WORLD",
        "from rank 1, tag 7, on MPI_COMM_WORLD, 4 bytes: tag 7 came, tag 8 is wanted",
    ]);
    for line in [3, 6] {
        let place = format!("    at hangs.py:{}\n", lines_before() + line);
        assert!(outcome.stderr.contains(&place), "{place}{outcome}");
    }
}

#[test]
fn exceptions_are_told_with_who_waits() {
    for (name, text, last) in [
        ("raises.py", RAISES, "ValueError: no such column"),
        ("exits.py", EXITS, ""),
    ] {
        let Some(outcome) = run(name, text, 3) else {
            return;
        };
        let outcome = outcome.fails().says([
            "mpirun: rank 1 is in MPI_Finalize, but ranks 0, 2 wait for it in MPI_Barrier on MPI_COMM_WORLD",
            "(Python: run with -m mpi4py)",
        ]);
        assert!(outcome.stderr.contains(last), "{outcome}");
        let place = format!("    at {name}:{}", lines_before() + 3);
        assert!(outcome.stderr.contains(&place), "{place}: {outcome}");
    }
}

#[test]
fn exceptions_over_mpi4py_are_told() {
    let Some(folder) = folder() else {
        skipped("mpi4py cannot be installed");
        return;
    };
    for (name, end, last) in [
        (
            "raises4.py",
            "raise ValueError('no such column')",
            "ValueError: no such column",
        ),
        ("exits4.py", "sys.exit(3)", ""),
    ] {
        let text = OVER_MPI4PY.replace("END", end);
        let outcome = run_in(folder, name, &text, 3).fails().says([
            "mpirun: rank 1 is in MPI_Finalize, but ranks 0, 2 wait for it in MPI_Barrier on MPI_COMM_WORLD",
            "(Python: run with -m mpi4py)",
        ]);
        assert!(outcome.stderr.contains(last), "{outcome}");
        let place = format!("    at {name}:6");
        assert!(outcome.stderr.contains(&place), "{place}: {outcome}");
    }
}
