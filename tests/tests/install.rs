//! `make install`: the tree works, also after it was moved, and other build
//! systems find what they look for.

use lariat_tests::outside::succeeds;
use lariat_tests::{prefix, scratch, skipped, target, workspace};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Installs into a new folder by `make install`'s own script.
fn install(prefix: &Path, destdir: &Path) {
    let mut script = Command::new(workspace().join("scripts/install-tree"));
    script.env("PREFIX", prefix).env("DESTDIR", destdir);
    // As `make` says it, which is also right where this test was built elsewhere.
    script.env("TARGET", target());
    succeeds(script);
}

/// Compiles `hello.c` with the tree's `mpicc` and runs it under its `mpirun`.
fn say_hello(tree: &Path) {
    let folder = scratch("hello");
    let source = workspace().join("tests/programs/hello.c");
    let mut mpicc = Command::new(tree.join("bin/mpicc"));
    mpicc.arg("-o").arg(folder.join("hello")).arg(&source);
    succeeds(mpicc);
    greets(tree, &folder.join("hello"));
}

fn greets(tree: &Path, program: &Path) {
    let mut mpirun = Command::new(tree.join("bin/mpirun"));
    let output = succeeds({
        mpirun.args(["-n", "3"]).arg(program);
        mpirun
    });
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    for rank in 0..3 {
        assert!(
            text.contains(&format!("hello from rank {rank} of 3")),
            "{text}"
        );
    }
}

/// Whether there is such a program; says when not.
fn there_is(program: &str) -> bool {
    let there = Command::new(program).arg("--version").output().is_ok();
    if !there {
        skipped(&format!("no {program} here"));
    }
    there
}

#[test]
fn a_tree_works_and_can_be_moved() {
    let root = scratch("install");
    let destdir = root.join("staged");
    install(Path::new("/opt/somewhere"), &destdir);
    let tree = destdir.join("opt/somewhere");
    for file in [
        "bin/mpirun",
        "bin/mpiexec",
        "bin/mpicc",
        "bin/mpicxx",
        "lib/libmpi_abi.so.1",
        "lib/libmpi_abi.so",
        "lib/liblariat_heap.so",
        "include/mpi.h",
        "lib/pkgconfig/lariat.pc",
        "lib/pkgconfig/mpi_abi.pc",
        "libexec/lariat/tune",
    ] {
        assert!(tree.join(file).exists(), "{file} is not installed");
    }
    say_hello(&tree);
    let moved = root.join("moved to a name with spaces");
    std::fs::rename(&tree, &moved).expect("a tree can be moved");
    say_hello(&moved);
}

#[test]
fn a_program_runs_on_a_tree_that_was_moved_after_it_was_built() {
    let root = scratch("install");
    install(&root.join("before"), Path::new(""));
    let program = root.join("hello");
    let mut mpicc = Command::new(root.join("before/bin/mpicc"));
    let source = workspace().join("tests/programs/hello.c");
    mpicc.arg("-o").arg(&program).arg(source);
    succeeds(mpicc);
    std::fs::rename(root.join("before"), root.join("after")).expect("a tree can be moved");
    greets(&root.join("after"), &program);
}

#[test]
fn the_c_plus_plus_wrapper_works() {
    if !there_is("c++") && !there_is("g++") {
        return;
    }
    let folder = scratch("cxx");
    let source = folder.join("hello.cpp");
    let text = "#include <mpi.h>\n#include <iostream>\nint main(int argc, char **argv) {\n\
                int rank, ranks;\nMPI_Init(&argc, &argv);\n\
                MPI_Comm_rank(MPI_COMM_WORLD, &rank);\nMPI_Comm_size(MPI_COMM_WORLD, &ranks);\n\
                std::cout << \"hello from rank \" + std::to_string(rank) + \" of \" + \
                std::to_string(ranks) + \"\\n\";\nreturn MPI_Finalize();\n}\n";
    std::fs::write(&source, text).expect("the scratch folder can be written");
    let mut mpicxx = Command::new(prefix().join("bin/mpicxx"));
    mpicxx.arg("-o").arg(folder.join("hello")).arg(&source);
    succeeds(mpicxx);
    greets(&prefix(), &folder.join("hello"));
}

#[test]
fn pkg_config_finds_it() {
    if !there_is("pkg-config") {
        return;
    }
    for name in ["lariat", "mpi_abi"] {
        let folder = scratch("pkg-config");
        let mut flags = Command::new("pkg-config");
        flags.env("PKG_CONFIG_PATH", prefix().join("lib/pkgconfig"));
        let flags = succeeds({
            flags.args(["--cflags", "--libs", name]);
            flags
        });
        let flags = String::from_utf8_lossy(&flags.stdout).into_owned();
        let mut cc = Command::new("cc");
        cc.arg(workspace().join("tests/programs/hello.c"));
        cc.arg("-o").arg(folder.join("hello"));
        cc.args(flags.split_whitespace());
        succeeds(cc);
        greets(&prefix(), &folder.join("hello"));
    }
}

#[test]
fn cmake_finds_it() {
    if !there_is("cmake") {
        return;
    }
    let folder = scratch("cmake");
    let list = format!(
        "cmake_minimum_required(VERSION 3.10)\nproject(outside C)\nfind_package(MPI REQUIRED COMPONENTS C)\n\
         add_executable(hello {})\ntarget_link_libraries(hello MPI::MPI_C)\n",
        workspace().join("tests/programs/hello.c").display()
    );
    std::fs::write(folder.join("CMakeLists.txt"), list).expect("the scratch folder can be written");
    let build: PathBuf = folder.join("build");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = vec![prefix().join("bin")];
    folders.extend(std::env::split_paths(&path));
    let path = std::env::join_paths(folders).expect("no folder of PATH has a colon");
    let mut configure = Command::new("cmake");
    configure
        .env("PATH", &path)
        .arg("-S")
        .arg(&folder)
        .arg("-B")
        .arg(&build);
    let said = succeeds(configure);
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.contains("Found MPI"), "{said}");
    let mut make = Command::new("cmake");
    make.arg("--build").arg(&build);
    succeeds(make);
    greets(&prefix(), &build.join("hello"));
}
