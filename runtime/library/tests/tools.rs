//! A profiling tool sees the calls of a program and makes them itself through
//! the `PMPI_` names (MPI 5.0, section 15.2): as a library that is loaded first,
//! as one that is linked first, and as an object file of the program.

#[path = "../../tests/common/mod.rs"]
mod common;

use std::path::Path;
use std::process::Command;

const PROGRAM: &str = r#"
#include <mpi.h>
#include <stdio.h>
int main(void) {
    int version, major, byte = 7;
    MPI_Get_version(&version, &major);
    MPI_Init(NULL, NULL);
    MPI_Send(&byte, 1, MPI_INT, MPI_PROC_NULL, 3, MPI_COMM_WORLD);
    MPI_Finalize();
    printf("version %d\n", version);
    return 0;
}
"#;

const TOOL: &str = r#"
#include <mpi.h>
#include <stdio.h>
int MPI_Get_version(int *version, int *subversion) {
    int code = PMPI_Get_version(version, subversion);
    *version += 100;
    return code;
}
int MPI_Send(const void *buf, int count, MPI_Datatype type, int dest, int tag, MPI_Comm comm) {
    printf("tool: send with tag %d\n", tag);
    fflush(stdout);
    return PMPI_Send(buf, count, type, dest, tag, comm);
}
"#;

fn cc(dir: &Path, args: &[&str]) {
    let include = common::here().join("include");
    common::run(
        Command::new("cc")
            .current_dir(dir)
            .arg("-I")
            .arg(include)
            .args(args),
    );
}

/// A directory with the program, the tool and the library under its real name.
fn prepare(name: &str) -> std::path::PathBuf {
    let dir = common::scratch(name);
    std::fs::write(dir.join("program.c"), PROGRAM).unwrap();
    std::fs::write(dir.join("tool.c"), TOOL).unwrap();
    std::fs::copy(common::library(), dir.join("libmpi_abi.so.1")).unwrap();
    std::os::unix::fs::symlink("libmpi_abi.so.1", dir.join("libmpi_abi.so")).unwrap();
    dir
}

fn program(dir: &Path) -> Command {
    let mut command = Command::new(dir.join("program"));
    command.env("LD_LIBRARY_PATH", dir);
    command
}

const SEEN: &str = "tool: send with tag 3\nversion 105\n";

#[test]
fn without_a_tool_the_library_answers() {
    let dir = prepare("tool_none");
    cc(&dir, &["program.c", "-o", "program", "-L.", "-lmpi_abi"]);
    assert_eq!(common::run(&mut program(&dir)), "version 5\n");
    let needed = common::run(
        Command::new("readelf")
            .args(["-d"])
            .arg(dir.join("program")),
    );
    assert!(
        needed.contains("[libmpi_abi.so.1]"),
        "the program wants the soname: {needed}"
    );
}

#[test]
fn a_preloaded_tool_intercepts() {
    let dir = prepare("tool_preloaded");
    cc(&dir, &["program.c", "-o", "program", "-L.", "-lmpi_abi"]);
    cc(
        &dir,
        &[
            "-shared",
            "-fPIC",
            "tool.c",
            "-o",
            "libtool.so",
            "-L.",
            "-lmpi_abi",
        ],
    );
    let out = common::run(program(&dir).env("LD_PRELOAD", dir.join("libtool.so")));
    assert_eq!(out, SEEN);
}

#[test]
fn a_tool_linked_first_intercepts() {
    let dir = prepare("tool_linked");
    cc(
        &dir,
        &[
            "-shared",
            "-fPIC",
            "tool.c",
            "-o",
            "libtool.so",
            "-L.",
            "-lmpi_abi",
        ],
    );
    cc(
        &dir,
        &["program.c", "-o", "program", "-L.", "-ltool", "-lmpi_abi"],
    );
    assert_eq!(common::run(&mut program(&dir)), SEEN);
}

#[test]
fn a_tool_in_the_program_intercepts() {
    let dir = prepare("tool_inside");
    cc(
        &dir,
        &["program.c", "tool.c", "-o", "program", "-L.", "-lmpi_abi"],
    );
    assert_eq!(common::run(&mut program(&dir)), SEEN);
}
