//! Fortran: the modules `mpi` and `mpi_f08` and `mpif.h`, compiled by `mpifort` with gfortran.

use lariat_tests::{Job, prefix, scratch, skipped, workspace};
use std::path::PathBuf;
use std::process::{Command, Output};

fn there_is_a_compiler() -> bool {
    let there = Command::new("gfortran").arg("--version").output().is_ok();
    if !there {
        skipped("there is no gfortran");
    }
    there
}

/// Runs a wrapper; what it caches goes to a folder of the test.
fn wrapper(name: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(prefix().join("bin").join(name));
    command.env("XDG_CACHE_HOME", scratch("fortran_cache"));
    // Modules of the programs land where the compiler runs.
    command.current_dir(scratch("fortran_modules"));
    command.args(arguments).output().expect("the wrapper runs")
}

/// A program of `tests/fortran`, built.
fn program(source: &str) -> PathBuf {
    let out = scratch("fortran").join(source.replace('.', "_"));
    let path = workspace().join("tests/fortran").join(source);
    let (out_text, path) = (out.to_str().unwrap(), path.to_str().unwrap());
    let done = wrapper("mpifort", &["-g", "-fcheck=all", "-o", out_text, path]);
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{source}: {said}");
    out
}

#[test]
fn programs_in_each_of_the_three_ways_pass() {
    if !there_is_a_compiler() {
        return;
    }
    for source in ["f08.f90", "sections.f90", "f90.f90", "f77.f"] {
        for ranks in [1, 2, 4] {
            let outcome = Job::running(program(source)).ranks(ranks).run();
            outcome.exits(0).prints("No Errors\n");
        }
    }
}

#[test]
fn a_section_that_cannot_be_passed_is_an_error() {
    if there_is_a_compiler() {
        let outcome = Job::running(program("wrong.f90")).ranks(2).run().exits(0);
        outcome.says(["MPI_Psend_init", "gaps"]);
    }
}

#[test]
fn the_stencil_conserves_heat() {
    if there_is_a_compiler() {
        let source = "../../examples/fortran/stencil.f90";
        let out = scratch("fortran").join("stencil");
        let path = workspace().join("tests/fortran").join(source);
        let done = wrapper(
            "mpif90",
            &["-o", out.to_str().unwrap(), path.to_str().unwrap()],
        );
        assert!(done.status.success(), "{done:?}");
        let outcome = Job::running(out).ranks(4).run().exits(0);
        assert!(outcome.stdout.contains("heat is conserved"));
    }
}

/// Arguments of the wrong type do not compile: the interfaces are explicit.
#[test]
fn wrong_arguments_do_not_compile() {
    if !there_is_a_compiler() {
        return;
    }
    let source = scratch("fortran_wrong").join("wrong.f90");
    let text = "program p\n use mpi_f08\n integer :: rank\n call MPI_Init()\n \
                call MPI_Comm_rank(91, rank)\nend program\n";
    std::fs::write(&source, text).unwrap();
    let done = wrapper("mpifort", &["-fsyntax-only", source.to_str().unwrap()]);
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(
        !done.status.success() && said.contains("mpi_comm_rank"),
        "{said}"
    );
}

#[test]
fn a_compiler_that_is_not_there_is_said() {
    let done = wrapper("mpifort", &["-fc=/no/such/compiler", "a.f90"]);
    let said = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(127), "{said}");
    assert!(said.contains("/no/such/compiler"), "{said}");
}

#[test]
fn cmake_finds_mpi_for_fortran() {
    let cmake = Command::new("cmake").arg("--version").output();
    if cmake.is_err() || !there_is_a_compiler() {
        return skipped("there is no cmake or no gfortran");
    }
    let folder = scratch("fortran_cmake");
    let text = "cmake_minimum_required(VERSION 3.10)\nproject(p Fortran)\n\
                find_package(MPI REQUIRED COMPONENTS Fortran)\n\
                if(NOT MPI_Fortran_HAVE_F08_MODULE OR NOT MPI_Fortran_HAVE_F90_MODULE)\n\
                message(FATAL_ERROR \"a module is missing\")\nendif()\n\
                add_executable(f08 f08.f90)\ntarget_link_libraries(f08 MPI::MPI_Fortran)\n";
    std::fs::write(folder.join("CMakeLists.txt"), text).unwrap();
    let source = workspace().join("tests/fortran/f08.f90");
    std::fs::copy(source, folder.join("f08.f90")).unwrap();
    let build = folder.join("build");
    let run = |command: &mut Command| {
        let done = command.output().expect("cmake runs");
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{command:?}: {said}");
    };
    let mut configure = Command::new("cmake");
    configure.arg("-S").arg(&folder).arg("-B").arg(&build);
    run(configure.env("MPI_HOME", prefix()).env_remove("FC"));
    run(Command::new("cmake").arg("--build").arg(&build));
    let outcome = Job::running(build.join("f08")).ranks(2).run();
    outcome.exits(0).prints("No Errors\n");
}
