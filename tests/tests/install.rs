//! `make install`: the tree works, also after it was moved, and other build
//! systems find what they look for.

use lariat_tests::outside::succeeds;
use lariat_tests::{Job, prefix, scratch, skipped, target, workspace};
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
        "lib/libmpi_abi.a",
        "lib/liblariat_heap.so",
        "include/mpi.h",
        "lib/pkgconfig/lariat.pc",
        "lib/pkgconfig/mpi_abi.pc",
        "lib/pkgconfig/mpi-c.pc",
        "lib/pkgconfig/mpi-cxx.pc",
        "libexec/lariat/tune",
        "share/man/man1/mpirun.1",
        "share/bash-completion/completions/mpirun",
        "share/zsh/site-functions/_mpirun",
        "share/fish/vendor_completions.d/mpirun.fish",
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

/// Folders that something on the way from `mpicc` to the loader might cut or
/// replace, and whether a run path can name them.
const ODD: [(&str, bool); 7] = [
    ("with spaces, and commas", true),
    ("it's", true),
    ("a \"quote\" and \\", true),
    ("a;b", true),
    ("$HOME & more", true),
    ("colon:s", false),
    ("$LIB", false),
];

#[test]
fn trees_and_programs_may_lie_anywhere() {
    for (name, has_run_path) in ODD {
        let root = scratch("odd");
        let tree = root.join(name).join("tree");
        install(&tree, Path::new(""));
        // a program whose own path is as odd, built in a folder that is
        let program = root.join(name).join("hello, world: 1");
        let source = workspace().join("tests/programs/hello.c");
        let mut mpicc = Command::new(tree.join("bin/mpicc"));
        mpicc.current_dir(root.join(name)).arg(&source);
        let said = succeeds({
            mpicc.args(["-o", "hello, world: 1"]);
            mpicc
        });
        let said = String::from_utf8_lossy(&said.stderr).into_owned();
        assert_eq!(said.contains("no run path"), !has_run_path, "{said}");
        greets(&tree, &program);
        if has_run_path {
            succeeds(Command::new(&program));
        }
        // what is shown is for a shell
        let mut shell = Command::new("sh");
        shell
            .arg("-c")
            .arg("eval \"$(\"$0\" -show \"$1\" -o \"$2\")\"");
        shell.arg(tree.join("bin/mpicc")).arg(&source);
        succeeds({
            shell.arg(root.join("shown"));
            shell
        });
        greets(&tree, &root.join("shown"));
        heap_is_shared(&tree);
    }
}

/// The shared heap is loaded from the tree, and what a rank starts has it too.
fn heap_is_shared(tree: &Path) {
    let look = "grep -q liblariat_heap /proc/self/maps && echo loaded";
    let mut mpirun = Command::new(tree.join("bin/mpirun"));
    mpirun.args(["--shared-heap", "-n", "2", "sh", "-c", look]);
    let done = succeeds(mpirun);
    assert_eq!(String::from_utf8_lossy(&done.stdout), "loaded\nloaded\n");
    assert_eq!(String::from_utf8_lossy(&done.stderr), "");
}

#[test]
fn make_install_takes_any_prefix() {
    for name in ["a b, c", "it's", "a;b"] {
        let prefix = scratch("make").join(name);
        let mut make = Command::new("make");
        make.current_dir(workspace())
            .args(["-s", "tree", "DESTDIR="]);
        let mut word = std::ffi::OsString::from("PREFIX=");
        word.push(&prefix);
        make.arg(word).env("CARGO_TARGET_DIR", target());
        succeeds(make);
        assert!(prefix.join("bin/mpirun").exists(), "{}", prefix.display());
    }
}

#[test]
fn mpicc_alone_says_how_it_is_used() {
    let mut mpicc = Command::new(prefix().join("bin/mpicc"));
    let done = mpicc.output().expect("mpicc can be run");
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert_eq!(done.status.code(), Some(1), "{said}");
    assert!(said.starts_with("mpicc: no input files\n"), "{said}");
    assert!(said.contains("Lariat") && said.contains("-show"), "{said}");
    // Questions to the compiler are the compiler's to answer.
    for question in ["--version", "-v", "-dumpmachine", "-print-search-dirs"] {
        let mut mpicc = Command::new(prefix().join("bin/mpicc"));
        mpicc.arg(question);
        let said = succeeds(mpicc);
        assert!(
            !said.stdout.is_empty() || !said.stderr.is_empty(),
            "{question}"
        );
    }
    let mut mpicxx = Command::new(prefix().join("bin/mpicxx"));
    mpicxx.arg("--help");
    let said = String::from_utf8_lossy(&succeeds(mpicxx).stdout).into_owned();
    assert!(
        said.starts_with("mpicxx: Lariat") && said.contains("LARIAT_CXX"),
        "{said}"
    );
}

#[test]
fn pkg_config_finds_it() {
    if !there_is("pkg-config") {
        return;
    }
    let root = scratch("pkg-config");
    let odd = root.join("a tree, with spaces");
    install(&odd, Path::new(""));
    let names = ["lariat", "mpi_abi", "mpi-c", "mpi-cxx"];
    let places = names.map(|name| (prefix(), name));
    for (tree, name) in places.into_iter().chain([(odd, "mpi-c")]) {
        let mut shell = Command::new("sh");
        shell.env("PKG_CONFIG_PATH", tree.join("lib/pkgconfig"));
        let build = "eval \"cc \\\"$1\\\" -o \\\"$2\\\" $(pkg-config --cflags --libs \"$0\")\"";
        shell.args(["-c", build, name]);
        shell.arg(workspace().join("tests/programs/hello.c"));
        succeeds({
            shell.arg(root.join("hello"));
            shell
        });
        greets(&tree, &root.join("hello"));
    }
}

#[test]
fn cmake_finds_it() {
    if !there_is("cmake") {
        return;
    }
    let root = scratch("cmake");
    let odd = root.join("a tree with spaces");
    install(&odd, Path::new(""));
    for tree in [prefix(), odd] {
        // the project's own path has spaces as well
        let folder = root
            .join("a project")
            .join(tree.file_name().unwrap_or_default());
        std::fs::create_dir_all(&folder).expect("the scratch folder can be written");
        cmake(&tree, &folder);
    }
}

/// Builds a project by CMake's FindMPI and runs what comes out.
fn cmake(tree: &Path, folder: &Path) {
    let list = format!(
        "cmake_minimum_required(VERSION 3.10)\nproject(outside C)\nfind_package(MPI REQUIRED COMPONENTS C)\n\
         add_executable(hello \"{}\")\ntarget_link_libraries(hello MPI::MPI_C)\n",
        workspace().join("tests/programs/hello.c").display()
    );
    std::fs::write(folder.join("CMakeLists.txt"), list).expect("the scratch folder can be written");
    let build: PathBuf = folder.join("build");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = vec![tree.join("bin")];
    folders.extend(std::env::split_paths(&path));
    let path = std::env::join_paths(folders).expect("no folder of PATH has a colon");
    let mut configure = Command::new("cmake");
    configure.env("PATH", &path).arg("-S").arg(folder);
    let said = succeeds({
        configure.arg("-B").arg(&build);
        configure
    });
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.contains("Found MPI"), "{said}");
    assert!(
        said.contains(&tree.join("lib").display().to_string()),
        "{said}"
    );
    let mut make = Command::new("cmake");
    make.arg("--build").arg(&build);
    succeeds(make);
    greets(tree, &build.join("hello"));
    succeeds(Command::new(build.join("hello")));
}

#[test]
fn the_library_may_be_closed_before_a_thread_ends() {
    let program = scratch("unloaded").join("unloaded");
    let mut cc = Command::new("cc");
    cc.args(["-Wall", "-Werror", "-O1", "-pthread", "-o"])
        .arg(&program);
    cc.arg(workspace().join("tests/programs/unloaded.c"))
        .arg("-ldl");
    succeeds(cc);
    let library = prefix().join("lib/libmpi_abi.so.1");
    for steps in [
        ["@oibfc", "@ov"],
        ["@oi", "@bfc"],
        ["oibf", "@c"],
        ["@ovc", "@ovc"],
        ["@oc", "oibfc"],
    ] {
        let job = Job::running(&program).args([&library]).args(steps);
        job.ranks(2).run().exits(0).prints("the end\nthe end\n");
        let mut alone = Command::new(&program);
        succeeds({
            alone.arg(&library).args(steps);
            alone
        });
    }
    let mut heap = Command::new(&program);
    heap.arg(prefix().join("lib/liblariat_heap.so"))
        .args(["@oc", "@oc"]);
    succeeds(heap);
}
