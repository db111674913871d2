//! Which programs get the shared heap. The library is a stand-in: the tests only look at who
//! loads it.

mod common;

use common::{Outcome, Tree, run};
use std::process::Command;

/// What ranks print: the value of LD_PRELOAD, whether the library is loaded, and
/// the setting.
const SHOW: &str = "echo \"$LD_PRELOAD|$(grep -c liblariat_heap /proc/$$/maps)|$LARIAT_HEAP\"";

const PROGRAM: &str = "#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n\
    int main(void)\n{\n\
    const char *list = getenv(\"LD_PRELOAD\"), *heap = getenv(\"LARIAT_HEAP\");\n\
    char line[4096];\nint loaded = 0;\nFILE *maps = fopen(\"/proc/self/maps\", \"r\");\n\
    while (maps && fgets(line, sizeof line, maps))\n\
    loaded |= strstr(line, \"liblariat_heap\") != NULL;\n\
    printf(\"%s|%d|%s\\n\", list ? list : \"\", loaded, heap ? heap : \"\");\n\
    return 0;\n}\n";

/// A tree with a library in it, and its path.
fn tree(name: &str) -> (Tree, String) {
    let tree = Tree::new(name);
    let text = "int lariat_heap_stand_in = 1;\n";
    assert!(tree.compile("lib/liblariat_heap.so", text, &["-shared", "-fPIC"]));
    let library = tree.path("lib/liblariat_heap.so").display().to_string();
    (tree, library)
}

/// The one line that all ranks of a run printed.
fn common_line(done: &Outcome, ranks: usize) -> String {
    assert_eq!(done.code(), 0, "{}", done.err);
    let lines = done.sorted();
    assert_eq!(lines.len(), ranks, "{}", done.out);
    assert!(lines.iter().all(|l| *l == lines[0]), "{}", done.out);
    lines[0].to_owned()
}

#[test]
fn ranks_get_it_unless_somebody_says_no() {
    let (tree, library) = tree("plain");
    let shows = |options: &[&str], ranks: &str, variable: Option<&str>| {
        let args = [options, &["-n", ranks, "bash", "-c", SHOW]].concat();
        let mut command = tree.mpirun(&args);
        command.envs(variable.map(|v| ("LARIAT_HEAP", v)));
        let done = run(command);
        assert_eq!(done.err, "");
        let line = common_line(&done, ranks.parse().unwrap());
        let (list, rest) = line.split_once('|').unwrap();
        assert!(list.is_empty() || list == library, "{line}");
        let loaded = rest.split('|').next().unwrap().parse::<u32>().unwrap();
        assert_eq!(list.is_empty(), loaded == 0, "{line}");
        loaded > 0
    };
    assert!(shows(&[], "2", None));
    assert!(shows(&["-genvnone"], "2", None));
    assert!(!shows(&[], "1", None), "nobody to share with");
    assert!(shows(&["--shared-heap"], "1", None));
    assert!(shows(&["--shared-heap"], "2", Some("0")));
    for no in [&["--no-shared-heap"][..], &["--set", "heap=0"]] {
        assert!(!shows(no, "2", None), "{no:?}");
        assert!(!shows(no, "2", Some("1")), "{no:?}");
    }
    assert!(!shows(&[], "2", Some("0")));
    tree.write("config/lariat/settings", "heap = 0\n");
    assert!(!shows(&[], "2", None));
    assert!(shows(&["--set", "heap=1"], "2", None));
}

#[test]
fn it_comes_behind_what_the_user_preloads() {
    let (tree, library) = tree("behind");
    assert!(tree.compile("lib/own.so", "int own;\n", &["-shared", "-fPIC"]));
    let own = tree.path("lib/own.so").display().to_string();
    let both = format!("{own}:{library}");
    let mut command = tree.mpirun(&["-n", "2", "bash", "-c", SHOW]);
    command.env("LD_PRELOAD", &own);
    let line = common_line(&run(command), 2);
    assert!(line.starts_with(&format!("{both}|")), "{line}");
    let args = [
        "-x",
        &format!("LD_PRELOAD={own}"),
        "-n",
        "2",
        "bash",
        "-c",
        SHOW,
    ];
    let line = common_line(&run(tree.mpirun(&args)), 2);
    assert!(line.starts_with(&format!("{both}|")), "{line}");
    // Within another mpirun's job it is there already, and is not added a second time.
    let mut command = tree.mpirun(&["-n", "2", "bash", "-c", SHOW]);
    command.env("LD_PRELOAD", &both);
    let line = common_line(&run(command), 2);
    assert!(line.starts_with(&format!("{both}|")), "{line}");
    // There cannot be two allocators: the user's stays.
    let own = tree.path("lib/libjemalloc.so.2").display().to_string();
    std::fs::rename(tree.path("lib/own.so"), &own).unwrap();
    let mut command = tree.mpirun(&["-v", "-n", "2", "bash", "-c", SHOW]);
    command.env("LD_PRELOAD", &own);
    let done = run(command);
    let line = common_line(&done, 2);
    assert!(line.starts_with(&format!("{own}|0|")), "{line}");
    assert!(
        done.err.contains("libjemalloc.so.2 is preloaded"),
        "{}",
        done.err
    );
}

#[test]
fn scripts_pass_it_on_to_what_they_start() {
    let (tree, library) = tree("script");
    let text = format!("#!/bin/bash\n# starts another program\nbash -c '{SHOW}'\n");
    tree.write("script", &text);
    let mut chmod = Command::new("chmod");
    assert!(
        chmod
            .arg("+x")
            .arg(tree.path("script"))
            .status()
            .unwrap()
            .success()
    );
    let script = tree.path("script").display().to_string();
    let line = common_line(&run(tree.mpirun(&["-n", "2", &script])), 2);
    assert!(
        line.starts_with(&format!("{library}|")) && !line.contains("|0|"),
        "{line}"
    );
}

/// Compiles the program with these flags and runs it. It must keep its heap for a reason with
/// this word in it. Returns the value of LARIAT_HEAP that a rank has printed.
fn keeps_its_heap(name: &str, flags: &[&str], word: &str) -> Option<String> {
    let (tree, _) = tree(name);
    if !tree.compile("program", PROGRAM, flags) {
        eprintln!("skipped: cc {flags:?} does not work here");
        return None;
    }
    let program = tree.path("program").display().to_string();
    let done = run(tree.mpirun(&["-n", "2", "--verbose", &program]));
    let line = common_line(&done, 2);
    let (start, heap) = line.rsplit_once('|').unwrap();
    assert_eq!(start, "|0", "{line}");
    assert!(done.err.contains("keeps its own heap"), "{}", done.err);
    assert!(done.err.contains(word), "{}", done.err);
    let done = run(tree.mpirun(&["-n", "2", "--shared-heap", &program]));
    assert_eq!(done.code(), 1);
    assert!(
        done.err.contains("--shared-heap") && done.err.contains(word),
        "{}",
        done.err
    );
    Some(heap.to_owned())
}

#[test]
fn programs_that_are_watched_are_left_alone() {
    for (flag, library) in [
        ("address", "libasan"),
        ("thread", "libtsan"),
        ("leak", "liblsan"),
    ] {
        let flag = format!("-fsanitize={flag}");
        let heap = keeps_its_heap(library, &[&flag], library);
        assert!(heap.is_none_or(|h| h == "0"), "{flag}");
    }
}

#[test]
fn programs_that_cannot_load_it_are_left_alone() {
    keeps_its_heap("static", &["-static"], "statically");
    keeps_its_heap("other-machine", &["-m32"], "another machine");
    let malloc = "void *malloc(unsigned long n)\n{\n static char room[1 << 16]; static unsigned long at;\n\
                  return room + (at += (n + 15) & ~15UL) - ((n + 15) & ~15UL);\n}\nvoid free(void *p) { (void)p; }\n";
    let (tree, _) = tree("own-malloc");
    assert!(tree.compile("program", &format!("{PROGRAM}{malloc}"), &["-fno-builtin"]));
    let program = tree.path("program").display().to_string();
    let done = run(tree.mpirun(&["-n", "2", "-v", &program]));
    assert!(common_line(&done, 2).starts_with("|0|"), "{}", done.out);
    assert!(done.err.contains("malloc of its own"), "{}", done.err);
}

#[test]
fn a_tree_may_have_a_path_that_the_loader_would_cut() {
    for name in [
        "moved to a name with spaces",
        "with:colon",
        "with;semicolon, comma",
        "a $LIB 'b\"",
    ] {
        let (tree, library) = tree(name);
        let named = ["-shared", "-fPIC", "-Wl,-soname,libmpi_abi.so.1"];
        assert!(tree.compile("lib/libmpi_abi.so.1", "int stand_in = 1;\n", &named));
        let text = "extern int stand_in;\nint main(void) { return stand_in != 1; }\n";
        let stand_in = tree.path("lib/libmpi_abi.so.1").display().to_string();
        assert!(tree.compile("a program: 1", text, &[&stand_in]));
        let show = format!("./'a program: 1' || exit 9; {SHOW}");
        let mut command = tree.mpirun(&["-v", "-n", "2", "bash", "-c", &show]);
        command.current_dir(tree.path("."));
        let done = run(command);
        assert!(!common_line(&done, 2).contains("|0|"), "{}", done.out);
        assert!(done.err.contains(&library), "{}", done.err);
        assert!(!done.err.contains("ld.so"), "{}", done.err);
    }
}

#[test]
fn a_tree_without_the_library_and_a_job_without_a_heap_file() {
    let tree = Tree::new("without");
    let done = run(tree.mpirun(&["-v", "-n", "2", "bash", "-c", SHOW]));
    assert!(common_line(&done, 2).starts_with("|0|"), "{}", done.out);
    assert!(done.err.contains("there is no "), "{}", done.err);
    let done = run(tree.mpirun(&["--shared-heap", "-n", "2", "true"]));
    assert_eq!(done.code(), 1);
    assert!(done.err.contains("liblariat_heap.so"), "{}", done.err);

    let (tree, _) = self::tree("small-files");
    let mpirun = tree.path("bin/mpirun").display().to_string();
    let limited = format!("ulimit -f 1000000; exec {mpirun} -v -n 2 bash -c '{SHOW}'");
    let mut command = common::mpirun_of("bash".as_ref(), &["-c", &limited]);
    command.env("XDG_CONFIG_HOME", tree.path("config"));
    let done = run(command);
    assert!(common_line(&done, 2).starts_with("|0|"), "{}", done.out);
    assert!(done.err.contains("no heap file"), "{}", done.err);
}

#[test]
fn each_program_of_a_job_is_looked_at() {
    let (tree, library) = tree("several");
    assert!(tree.compile("program", PROGRAM, &[]));
    if !tree.compile("static", PROGRAM, &["-static"]) {
        eprintln!("skipped: cc -static does not work here");
        return;
    }
    let path = |name: &str| tree.path(name).display().to_string();
    let (one, two) = (path("program"), path("static"));
    let done = run(tree.mpirun(&["-n", "1", &one, ":", "-n", "1", &two]));
    assert_eq!(
        done.sorted(),
        [format!("{library}|1|"), "|0|".to_owned()].as_slice(),
        "{}",
        done.err
    );
}
