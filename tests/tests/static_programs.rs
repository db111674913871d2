//! Static programs: with `libmpi_abi.a` in C, and one in Rust beside it; with the drop-in in Rust.

use lariat_tests::outside::{Project, succeeds};
use lariat_tests::{Job, build_program, prefix, scratch, skipped, workspace};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Whether C programs can be linked statically here; says when not.
fn can_link() -> bool {
    let folder = scratch("static-c");
    let source = folder.join("empty.c");
    std::fs::write(&source, "int main(void) { return 0; }\n").unwrap();
    let mut cc = Command::new("cc");
    let linked = cc
        .arg("-static")
        .arg("-o")
        .arg(folder.join("empty"))
        .arg(source);
    let can = linked.output().is_ok_and(|output| output.status.success());
    if !can {
        skipped("no static C library here (Debian: libc6-dev)");
    }
    can
}

/// A rank program, linked statically. The linker has nothing to say.
fn linked(name: &str) -> PathBuf {
    let program = scratch("static").join(name.replace('/', "-"));
    let source = workspace().join(format!("tests/programs/{name}.c"));
    let flags = ["-static", "-Wl,--fatal-warnings"];
    build_program(&source, &program, &flags);
    is_static(&program);
    program
}

fn is_static(program: &Path) {
    let mut readelf = Command::new("readelf");
    let said = succeeds({
        readelf.args(["-lW"]).arg(program);
        readelf
    });
    let text = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(!text.contains("INTERP"), "it has a loader: {text}");
}

/// The names that a file defines for others.
fn names(file: &Path, options: &[&str]) -> BTreeSet<String> {
    let mut nm = Command::new("nm");
    nm.args(options).arg("--defined-only").arg(file);
    let text = String::from_utf8_lossy(&succeeds(nm).stdout).into_owned();
    let names = text.lines().filter_map(|line| line.split(' ').nth(2));
    names.map(str::to_owned).collect()
}

#[test]
fn the_archive_has_the_names_of_the_library_and_no_others() {
    let archive = names(&prefix().join("lib/libmpi_abi.a"), &["-g"]);
    let library = names(&prefix().join("lib/libmpi_abi.so.1"), &["-D"]);
    let library: BTreeSet<String> = library
        .into_iter()
        .filter(|name| name.trim_start_matches('P').starts_with("MPI_"))
        .collect();
    assert!(library.len() > 1300, "{}", library.len());
    let differ: Vec<_> = library.symmetric_difference(&archive).collect();
    assert!(differ.is_empty(), "{differ:?}");
}

#[test]
fn static_programs_in_c_run() {
    if !can_link() {
        return;
    }
    for name in [
        "modes", "truncate", "order", "coll", "reduce", "threads", "forks",
    ] {
        Job::running(linked(name)).ranks(2).passes();
    }
    let outcome = Job::running(linked("hello")).ranks(3).run().exits(0);
    for rank in 0..3 {
        assert!(
            outcome
                .stdout
                .contains(&format!("hello from rank {rank} of 3")),
            "{outcome}"
        );
    }
    for arm in ["copy", "cma"] {
        Job::running(linked("arms_sizes"))
            .ranks(2)
            .env("LARIAT_ARM", arm)
            .passes();
    }
}

#[test]
fn static_programs_in_c_are_told_what_they_cannot_have() {
    if !can_link() {
        return;
    }
    let job = Job::running(linked("hello")).ranks(2);
    let outcome = job.options(["--shared-heap"]).run().fails();
    assert!(outcome.stderr.contains("linked statically"), "{outcome}");
}

const TOOL: &str = r#"
#include <mpi.h>
#include <stdio.h>
int MPI_Send(const void *buf, int count, MPI_Datatype type, int dest, int tag, MPI_Comm comm) {
    printf("tool: send with tag %d\n", tag);
    return PMPI_Send(buf, count, type, dest, tag, comm);
}
int main(void) {
    int byte = 7;
    MPI_Init(NULL, NULL);
    MPI_Send(&byte, 1, MPI_INT, MPI_PROC_NULL, 3, MPI_COMM_WORLD);
    return MPI_Finalize();
}
"#;

#[test]
fn a_tool_takes_the_place_of_functions_in_the_archive() {
    if !can_link() {
        return;
    }
    let folder = scratch("static-tool");
    let source = folder.join("tool.c");
    std::fs::write(&source, TOOL).unwrap();
    build_program(&source, &folder.join("tool"), &["-static"]);
    let outcome = Job::running(folder.join("tool")).ranks(1).run().exits(0);
    assert_eq!(outcome.stdout, "tool: send with tag 3\n");
}

/// A Rust program that has the archive in it, beside its own standard library.
const RUST: &str = r#"
use std::ffi::{c_char, c_int, c_void};
#[link(name = "mpi_abi", kind = "static")]
unsafe extern "C" {
    fn MPI_Init(argc: *mut c_int, argv: *mut *mut *mut c_char) -> c_int;
    fn MPI_Comm_rank(comm: *mut c_void, rank: *mut c_int) -> c_int;
    fn MPI_Finalize() -> c_int;
}
fn main() {
    let mut rank = -1;
    let world = 0x101usize as *mut c_void; // MPI_COMM_WORLD
    unsafe { MPI_Init(std::ptr::null_mut(), std::ptr::null_mut()) };
    unsafe { MPI_Comm_rank(world, &mut rank) };
    let told = std::thread::spawn(move || std::panic::catch_unwind(|| panic!("own")).is_err());
    println!("rank {rank}: own panics are caught: {}", told.join().unwrap());
    unsafe { MPI_Finalize() };
}
"#;

#[test]
fn a_rust_program_can_have_the_archive_beside_its_own_standard_library() {
    let folder = scratch("static-rust");
    std::fs::write(folder.join("main.rs"), RUST).unwrap();
    let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    rustc
        .args(["--edition=2024", "-L"])
        .arg(prefix().join("lib"));
    rustc
        .arg("-o")
        .arg(folder.join("main"))
        .arg(folder.join("main.rs"));
    succeeds(rustc);
    let outcome = Job::running(folder.join("main")).ranks(2).run().exits(0);
    for rank in 0..2 {
        let line = format!("rank {rank}: own panics are caught: true");
        assert!(outcome.stdout.contains(&line), "{outcome}");
    }
}

/// A Rust program on the drop-in. Its large messages take the way that the arm says.
const DROP_IN: &str = r#"
use mpi::collective::SystemOperation;
use mpi::traits::*;

#[global_allocator]
static HEAP: mpi::ffi::SharedHeap = mpi::ffi::SharedHeap;

fn main() {
    let universe = mpi::initialize().unwrap();
    let world = universe.world();
    let (rank, size) = (world.rank(), world.size());
    for len in [1, 1000, 100_000, 2_000_000] {
        let value = |rank: i32, at: usize| rank as u64 * 1_000_003 + at as u64;
        let all: Vec<u64> = (0..len).map(|at| value(rank, at)).collect();
        let before = (rank + size - 1) % size;
        let next = world.process_at_rank((rank + 1) % size);
        let mut got = vec![0u64; len];
        mpi::request::scope(|scope| {
            let request = world.process_at_rank(before).immediate_receive_into(scope, &mut got[..]);
            next.send(&all[..]);
            request.wait();
        });
        let is_right = |(at, got): (usize, &u64)| *got == value(before, at);
        assert!(got.iter().enumerate().all(is_right), "{len} from {before}");
    }
    let mut sum = 0;
    world.all_reduce_into(&rank, &mut sum, SystemOperation::sum());
    assert_eq!(sum, size * (size - 1) / 2);
    println!("{size} ranks");
}
"#;

/// Builds the program for this target, with these flags to rustc, and runs it on every arm that there is.
fn runs_static(name: &str, target: &str, flags: &str) {
    let project = Project::with_drop_in(name, DROP_IN);
    let mut build = project.cargo(&["build", "--quiet", "--target", target]);
    let variable = target.to_uppercase().replace('-', "_");
    build.env(format!("CARGO_TARGET_{variable}_RUSTFLAGS"), flags);
    succeeds(build);
    let program = project.program(name, Some(target));
    is_static(&program);
    for ranks in [2, 4] {
        for arm in ["auto", "shared", "cma", "copy"] {
            let job = Job::running(&program).ranks(ranks).env("LARIAT_ARM", arm);
            let outcome = job.run().exits(0);
            let line = format!("{ranks} ranks\n");
            let count = outcome.stdout.matches(&line).count();
            assert_eq!(count, ranks as usize, "{arm}: {outcome}");
            assert!(outcome.stderr.is_empty(), "{arm}: {outcome}");
        }
    }
}

#[test]
fn rust_programs_are_static_with_glibc() {
    if can_link() {
        let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
        runs_static("static-glibc", &target, "-Ctarget-feature=+crt-static");
    }
}

#[test]
fn rust_programs_are_static_with_musl() {
    let target = format!("{}-unknown-linux-musl", std::env::consts::ARCH);
    let need = Command::new(workspace().join("scripts/need-target"))
        .arg(&target)
        .output();
    match need {
        Ok(output) if output.status.success() => runs_static("static-musl", &target, ""),
        _ => skipped(&format!(
            "no Rust library for {target} here (rustup target add {target})"
        )),
    }
}
