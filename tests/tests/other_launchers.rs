//! What other launchers leave for mpirun: the variables of an allocation, and
//! programs that are built for another MPI.

use lariat_tests::{Job, scratch};
use std::path::{Path, PathBuf};
use std::process::Command;

fn ranks(list: &[(&str, &str)]) -> Job {
    let mut job = Job::running("echo").args(["rank"]);
    for (name, _) in std::env::vars().filter(|(n, _)| n.starts_with("SLURM_")) {
        job = job.unset(&name);
    }
    for (name, value) in list {
        job = job.env(name, value);
    }
    job
}

#[test]
fn an_allocation_says_how_many_ranks_there_are() {
    for (list, count) in [
        (&[("SLURM_NTASKS", "5"), ("SLURM_NNODES", "1")][..], 5),
        (&[("SLURM_STEP_NUM_TASKS", "3")], 3),
        (&[("SLURM_NPROCS", "4"), ("SLURM_JOB_NUM_NODES", "1")], 4),
    ] {
        let _ = ranks(list).run().exits(0).prints(&"rank\n".repeat(count));
        let _ = ranks(list).ranks(2).run().exits(0).prints("rank\nrank\n");
        let map = ranks(list).options(["--map-by", "ppr:1:node"]);
        let _ = map.run().exits(0).prints("rank\n");
    }
    let two = &[("SLURM_NTASKS", "8"), ("SLURM_NNODES", "2")];
    let outcome = ranks(two).run().exits(1).prints("");
    let _ = outcome.says(["2 nodes", "8 tasks", "-n RANKS"]);
    let _ = ranks(two).ranks(2).run().exits(0).prints("rank\nrank\n");
    let _ = ranks(&[("SLURM_NTASKS", "x")])
        .run()
        .exits(1)
        .says(["SLURM_NTASKS=\"x\""]);
    let step = &[("SLURM_STEP_NUM_TASKS", "4"), ("SLURM_PROCID", "1")];
    let _ = ranks(step).run().exits(1).says(["task 1", "4 times"]);
}

/// Builds with the C compiler.
fn cc(output: &Path, source: &str, args: &[&str]) {
    let file = output.with_extension("c");
    std::fs::write(&file, source).unwrap();
    let mut cc = Command::new("cc");
    cc.arg("-o").arg(output).arg(&file).args(args);
    let done = cc.output().expect("there is a C compiler");
    assert!(done.status.success(), "{cc:?}: {done:?}");
}

/// A library of another MPI's name, and a program that is linked with it: by itself,
/// or through a library.
fn built(soname: &str, needs: Option<&str>) -> (PathBuf, PathBuf) {
    let dir = scratch("other");
    let folder = dir.to_str().unwrap();
    let mpi = dir.join(soname);
    let name = format!("-Wl,-soname,{soname}");
    let abi = lariat_tests::prefix().join("lib");
    let abi = format!("-L{}", abi.display());
    let mut args = vec!["-shared", "-fPIC", &name];
    if let Some(needs) = needs {
        args.extend(["-Wl,--no-as-needed", &abi, needs]);
    }
    cc(&mpi, "int MPI_Init(int *c, char ***v) { return 0; }", &args);
    let direct = dir.join("direct");
    let main = "#include <stdio.h>\nint MPI_Init(int *, char ***);\n\
                int main(int c, char **v) { puts(\"alone\"); return MPI_Init(&c, &v); }";
    let file = mpi.to_str().unwrap();
    let path = format!("-Wl,-rpath,{folder}");
    cc(&direct, main, &[file, &path]);
    let library = dir.join("libsolver.so");
    let source = "int MPI_Init(int *, char ***); int solve(void) { return MPI_Init(0, 0); }";
    cc(&library, source, &["-shared", "-fPIC", file, &path]);
    let through = dir.join("through");
    let main = "#include <stdio.h>\nint solve(void);\n\
                int main(void) { puts(\"alone\"); return solve(); }";
    let origin = [
        "-L",
        folder,
        "-lsolver",
        "-Wl,-rpath,$ORIGIN",
        "-Wl,--allow-shlib-undefined",
    ];
    cc(&through, main, &origin);
    (direct, through)
}

#[test]
fn a_program_of_another_mpi_is_refused() {
    for (soname, whose) in [
        ("libmpi.so.40", "Open MPI"),
        ("libmpi.so.20", "Open MPI"),
        ("libmpich.so.10", "MPICH"),
    ] {
        let (direct, through) = built(soname, None);
        for (program, by) in [(&direct, "it needs"), (&through, "libsolver.so needs")] {
            let job = Job::running(program).ranks(2);
            let name = program.to_str().unwrap();
            let outcome = job.run().exits(126).prints("");
            let _ = outcome.says([name, whose, soname, by, "--allow-other-mpi"]);
            let anyway = job.options(["--allow-other-mpi"]);
            let _ = anyway.run().exits(0).prints("alone\nalone\n");
            // what a script starts cannot be seen
            let script = ["-c", "exec \"$0\"", program.to_str().unwrap()];
            let script = Job::running("sh").args(script).ranks(2);
            let _ = script.run().exits(0).prints("alone\nalone\n");
        }
    }
}

#[test]
fn a_layer_over_the_standard_abi_is_no_other_mpi() {
    let (direct, through) = built("libmpich.so.10", Some("-lmpi_abi"));
    for program in [direct, through] {
        let _ = Job::running(program)
            .ranks(2)
            .run()
            .exits(0)
            .prints("alone\nalone\n");
    }
}
