//! The linkers of the field: a Rust program with the drop-in and one in C are linked by each, and
//! run.

use lariat_tests::outside::{Project, succeeds};
use lariat_tests::{Job, build_program, scratch, skipped, workspace};
use std::path::Path;
use std::process::Command;

const PROGRAM: &str = r#"
use mpi::collective::SystemOperation;
use mpi::traits::*;

fn main() {
    let universe = mpi::initialize().unwrap();
    let world = universe.world();
    let mut sum = 0;
    world.all_reduce_into(&world.rank(), &mut sum, SystemOperation::sum());
    println!("the sum is {sum}");
}
"#;

/// Each linker: what `-fuse-ld` calls it, the Debian package, and what it leaves in a file.
const LINKERS: [(&str, &str, Option<&str>); 4] = [
    ("bfd", "binutils", None),
    ("gold", "binutils", Some("gold")),
    ("lld", "lld", Some("LLD")),
    ("mold", "mold", Some("mold")),
];

/// Whether the C compiler finds this linker.
fn has(linker: &str) -> bool {
    let mut cc = Command::new("cc");
    let asked = cc.args([&format!("-fuse-ld={linker}"), "-Wl,--version"]);
    asked.output().is_ok_and(|output| output.status.success())
}

/// What linkers say of themselves in a file.
fn marks(file: &Path) -> String {
    let mut readelf = Command::new("readelf");
    readelf.args(["-p", ".comment", "-S", "-W"]).arg(file);
    String::from_utf8_lossy(&succeeds(readelf).stdout).into_owned()
}

fn is_linked_by(file: &Path, linker: &str) {
    let marks = marks(file);
    for (other, _, mark) in LINKERS {
        if let Some(mark) = mark {
            assert_eq!(marks.contains(mark), other == linker, "{linker}: {marks}");
        }
    }
}

#[test]
fn every_linker_links_programs_that_run() {
    let folder = scratch("linkers");
    let project = Project::with_drop_in("linkers", PROGRAM);
    for (linker, package, _) in LINKERS {
        if !has(linker) {
            skipped(&format!("no linker {linker} here (Debian: {package})"));
            continue;
        }
        let flag = format!("-fuse-ld={linker}");
        let file = folder.join(format!("reduce-{linker}"));
        let source = workspace().join("tests/programs/reduce.c");
        build_program(&source, &file, &[&flag]);
        is_linked_by(&file, linker);
        Job::running(&file).ranks(2).passes();

        let flag = format!("-Clink-arg={flag}");
        succeeds(project.cargo(&["rustc", "--quiet", "--bin", "linkers", "--", &flag]));
        let file = project.program("linkers", None);
        is_linked_by(&file, linker);
        let outcome = Job::running(&file).ranks(4).run().exits(0);
        assert_eq!(
            outcome.stdout.matches("the sum is 6\n").count(),
            4,
            "{outcome}"
        );
    }
}
