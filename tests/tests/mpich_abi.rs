//! `libmpi.so.12`: programs with MPICH's ABI run as they are, with the numbers of that ABI, and
//! `mpirun` gives them Lariat's library wherever their own one lies.

use lariat_tests::{Job, mpich_header, prefix, scratch, workspace};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Compiles for MPICH's ABI.
fn cc(output: &Path, source: &Path, flags: &[&str]) {
    let folder = scratch("mpich_header");
    let include = mpich_header::write(&folder);
    let mut cc = Command::new("cc");
    cc.args(["-std=gnu11", "-O1", "-w", "-I"]).arg(include);
    cc.arg("-o").arg(output).arg(source).args(flags);
    let done = cc.output().expect("there is a C compiler");
    assert!(
        done.status.success(),
        "{cc:?}: {}",
        String::from_utf8_lossy(&done.stderr)
    );
}

fn library() -> String {
    prefix()
        .join("lib/libmpi.so.12")
        .to_str()
        .unwrap()
        .to_owned()
}

/// A rank program of the other tests, built for MPICH's ABI.
fn program(name: &str) -> PathBuf {
    let out = scratch("mpich").join(name);
    let source = workspace().join("tests/programs").join(format!("{name}.c"));
    cc(&out, &source, &[&library(), "-lm", "-lpthread"]);
    out
}

#[test]
fn what_the_abi_has_of_its_own() {
    for ranks in [2, 4] {
        Job::running(program("mpich_only")).ranks(ranks).passes();
    }
}

/// Programs that know nothing of ABIs.
#[test]
fn programs_of_each_chapter_pass() {
    for name in [
        "attributes",
        "bsend",
        "coll_neighbor",
        "comms",
        "completion",
        "grequests",
        "groups",
        "handlers",
        "partitioned",
        "persistent",
        "probe",
        "sessions",
        "tool_more",
        "topologies",
        "types",
        "windows_small",
    ] {
        Job::running(program(name)).ranks(2).passes();
    }
}

#[test]
fn files() {
    Job::running(program("file_modes"))
        .ranks(2)
        .args([scratch("files")])
        .passes();
}

/// Spawned processes get the library of this ABI too.
#[test]
fn spawned_processes() {
    let spawn = Job::running(program("dyn_spawn")).ranks(2);
    spawn.args(["2", "2"]).passes();
    Job::running(program("dyn_calls")).ranks(2).passes();
}

/// A warning comes once for each line of the program, and the layer's own lines are none.
#[test]
fn warnings_are_of_the_programs_lines() {
    let job = Job::running(program("byte_types")).ranks(2);
    let outcome = job.options(["--check"]).run().exits(0);
    let warned = outcome
        .stderr
        .matches("the message from rank 1 with tag 7 was sent as 8 MPI_BYTE");
    assert_eq!(warned.count(), 2, "{outcome}");
}

/// Each function under both names at one address, and what MPICH's ABI has besides.
#[test]
fn every_name_is_exported() {
    let mut source = String::from("#include <dlfcn.h>\n#include <stdio.h>\nconst char *all[] = {");
    let functions = mpich_header::rows("tests/data/functions.tsv");
    assert!(functions.len() > 600);
    let removed = [
        "Address",
        "Errhandler_create",
        "Errhandler_get",
        "Errhandler_set",
        "Type_extent",
        "Type_hindexed",
        "Type_hvector",
        "Type_lb",
        "Type_struct",
        "Type_ub",
    ];
    let fortran = [
        "Comm",
        "Errhandler",
        "File",
        "Group",
        "Info",
        "Message",
        "Op",
        "Request",
        "Session",
        "Type",
        "Win",
        "Status",
    ];
    let names = functions
        .iter()
        .map(|row| row[0].trim_start_matches("MPI_").to_owned());
    let names = names.chain(removed.map(str::to_owned));
    let both = fortran
        .iter()
        .flat_map(|kind| ["c2f", "f2c"].map(|way| format!("{kind}_{way}")));
    for name in names.chain(both) {
        source.push_str(&format!("\"PMPI_{name}\","));
    }
    source.push_str("0}, *single[] = {");
    for name in [
        "MPI_UNWEIGHTED",
        "MPI_WEIGHTS_EMPTY",
        "MPI_T_PVAR_ALL_HANDLES",
        "MPI_F_STATUS_IGNORE",
        "MPI_F_STATUSES_IGNORE",
        "MPI_F08_STATUS_IGNORE",
        "MPI_F08_STATUSES_IGNORE",
        "MPIR_Dup_fn",
        "MPIX_Query_cuda_support",
    ] {
        source.push_str(&format!("\"{name}\","));
    }
    source.push_str(
        "0};\nint main(int c, char **v) {\n void *l = dlopen(v[1], RTLD_NOW); int bad = !l;\n \
         if (!l) puts(dlerror());\n \
         for (int i = 0; l && all[i]; i++) if (!dlsym(l, all[i]) || dlsym(l, all[i]) != dlsym(l, all[i] + 1)) \
         bad = 1, puts(all[i]);\n \
         for (int i = 0; l && single[i]; i++) if (!dlsym(l, single[i])) bad = 1, puts(single[i]);\n \
         return bad; }\n",
    );
    let dir = scratch("mpich_names");
    let (file, out) = (dir.join("names.c"), dir.join("names"));
    std::fs::write(&file, source).unwrap();
    cc(&out, &file, &["-ldl"]);
    let done = Command::new(&out).arg(library()).output().unwrap();
    assert!(
        done.status.success(),
        "missing: {}",
        String::from_utf8_lossy(&done.stdout)
    );
}

const SIZE: &str = "#include <mpi.h>\n#include <stdio.h>\n\
    int main(int c, char **v) { int n = -1; MPI_Init(&c, &v);\n\
    MPI_Comm_size(MPI_COMM_WORLD, &n); printf(\"%d\\n\", n); return MPI_Finalize(); }";

/// A program that is linked with a library of this name which is not Lariat's, and finds it by
/// itself with these flags to the linker.
fn linked_with(soname: &str, path: &str) -> PathBuf {
    let dir = scratch("mpich_elf");
    let folder = dir.to_str().unwrap();
    let (other, file) = (dir.join("other.c"), dir.join("size.c"));
    let calls = ["Init", "Finalize", "Comm_size"];
    let empty = calls.map(|name| format!("int MPI_{name}() {{ return 0; }}\n"));
    std::fs::write(&other, empty.concat()).unwrap();
    std::fs::write(&file, SIZE).unwrap();
    let library = dir.join(soname);
    cc(
        &library,
        &other,
        &["-shared", "-fPIC", &format!("-Wl,-soname,{soname}")],
    );
    let program = dir.join("size");
    let path = path.replace("HERE", folder);
    let flags: Vec<&str> = path.split(' ').filter(|f| !f.is_empty()).collect();
    cc(
        &program,
        &file,
        &[&[library.to_str().unwrap()], &flags[..]].concat(),
    );
    program
}

#[test]
fn mpirun_gives_a_program_the_library_that_it_needs() {
    for soname in ["libmpi.so.12", "libmpich.so.12"] {
        for path in [
            "",
            "-Wl,--enable-new-dtags,-rpath,HERE",
            "-Wl,--disable-new-dtags,-rpath,HERE",
        ] {
            let program = linked_with(soname, path);
            let job = Job::running(&program).ranks(2);
            let _ = job.run().exits(0).prints("2\n2\n");
            let said = job.options(["--verbose"]).run().exits(0);
            let _ = said.says(["built for MPICH's ABI", "libmpi.so.12"]);
        }
    }
}

#[test]
fn a_program_of_open_mpi_an_older_mpich_or_the_binding_for_cxx_is_refused() {
    for (soname, whose) in [
        ("libmpi.so.40", "Open MPI"),
        ("libmpich.so.10", "MPICH"),
        ("libmpicxx.so.12", "MPICH"),
    ] {
        let program = linked_with(soname, "-Wl,-rpath,HERE");
        let outcome = Job::running(&program).ranks(2).run().exits(126).prints("");
        let _ = outcome.says([whose, soname, "the mpirun of its own MPI"]);
    }
}

/// A library of that name which has `mpi_init_`, and programs that call it from Fortran: by
/// themselves or by a library of theirs.
#[test]
fn programs_in_fortran_are_refused_and_those_in_c_that_need_its_library_run() {
    let dir = scratch("mpich_fortran");
    let write = |name: &str, text: &str| {
        let file = dir.join(name);
        std::fs::write(&file, text).unwrap();
        file
    };
    let at = |name: &str| dir.join(name).to_str().unwrap().to_owned();
    let shared = ["-shared", "-fPIC"];
    let (mpi, soname) = (at("libmpifort.so.12"), "-Wl,-soname,libmpifort.so.12");
    let calls = ["MPI_Init", "MPI_Finalize", "MPI_Comm_size", "mpi_init_"];
    let text = calls.map(|name| format!("int {name}() {{ return 0; }}\n"));
    cc(
        mpi.as_ref(),
        &write("mpifort.c", &text.concat()),
        &[&shared[..], &[soname]].concat(),
    );
    let solver = at("libsolver.so");
    let calls = "void mpi_init_(int *); void solve(void) { int e; mpi_init_(&e); }";
    cc(
        solver.as_ref(),
        &write("solver.c", calls),
        &[&shared[..], &["-Wl,-soname,libsolver.so"]].concat(),
    );
    let link = |name: &str, text: &str, more: &[&str]| {
        let run_path = format!("-Wl,-rpath,{}", dir.display());
        let flags = [&["-Wl,--no-as-needed", &run_path], more, &[&mpi]].concat();
        let program = dir.join(name);
        cc(&program, &write(&format!("{name}.c"), text), &flags);
        Job::running(program).ranks(2)
    };
    let direct = "void mpi_init_(int *); int main(void) { int e; mpi_init_(&e); return e; }";
    let by_library = "void solve(void); int main(void) { solve(); return 0; }";
    let words = ["from Fortran", "needs mpi_init_", "mpirun of its own MPI"];
    let refused = link("direct", direct, &[]).run().exits(126).prints("");
    let _ = refused.says(words).says(["Fortran: it needs"]);
    let refused = link("by_library", by_library, &[&solver]).run().exits(126);
    let _ = refused.says(words).says(["libsolver.so needs"]);
    let _ = link("c", SIZE, &[]).run().exits(0).prints("2\n2\n");
    // The program has the function itself.
    let own = "void mpi_init_(int *error) { *error = 0; }\n";
    let own = format!("{own}{SIZE}");
    let flags = ["-rdynamic", solver.as_str()];
    let _ = link("own", &own, &flags).run().exits(0).prints("2\n2\n");
}

/// The wheel of mpi4py asks a variable which library to load.
#[test]
fn mpi4py_is_told_which_library_to_load() {
    let show = ["-c", "echo $MPI4PY_LIBMPI"];
    let job = || Job::running("sh").ranks(1).args(show);
    let told = job().unset("MPI4PY_LIBMPI").unset("MPI4PY_MPIABI").run();
    let _ = told.exits(0).prints(&format!("{}\n", library()));
    let own = job().env("MPI4PY_LIBMPI", "/own.so").run();
    let _ = own.exits(0).prints("/own.so\n");
}
