//! Tables of what ranks publish (`--report-regions`, `--report-arms`). The ranks run this
//! test's own program, which publishes what a rank would.

mod common;

use common::{Run, mpirun, until};
use std::path::PathBuf;
use std::process::Stdio;
use wireup::report::{self, Report, Rows};
use wireup::segment::Segment;

/// A variable with the folder through which the test and its ranks communicate. If it is set,
/// this process is a rank.
const FOLDER: &str = "REPORT_TEST_FOLDER";

fn number(name: &str) -> i32 {
    std::env::var(name).unwrap().parse().unwrap()
}

fn regions(heap: &str) -> Rows {
    let mut rows = Rows::new(&["region", "bytes", "reached by"]);
    rows.add(["heap", heap, "shared"]);
    rows.add(["stack", "132 KiB", "cma"]);
    rows
}

/// Does nothing unless the test below runs it as a rank.
#[test]
fn as_a_rank() {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else {
        return;
    };
    let segment = Segment::open(number("LARIAT_SEGMENT")).unwrap();
    let rank = u32::try_from(number("LARIAT_RANK")).unwrap();
    let tell = |report, rows: &Rows| report::publish(&segment, rank, report, rows).unwrap();
    tell(Report::Regions, &regions("4 KiB"));
    if rank == 0 {
        let mut arms = Rows::new(&["peer", "arm", "answer"]);
        arms.add(["1", "driver", "/dev/xpmem: no such file"]);
        tell(Report::Arms, &arms);
    }
    until("the test has seen the table", || {
        folder.join("seen").exists()
    });
    if rank == 1 {
        tell(Report::Regions, &regions("64 MiB"));
    }
}

#[test]
fn a_table_comes_when_all_have_told_and_again_when_something_is_new() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(common::marker("reports"));
    std::fs::create_dir_all(&folder).unwrap();
    let said = folder.join("said");
    let this = std::env::current_exe().unwrap();
    let mut command = mpirun(&["-n", "2", "--report-regions", "--report-arms"]);
    command.arg(this).args(["--exact", "as_a_rank"]);
    command.env(FOLDER, &folder).stdout(Stdio::null());
    command.stderr(std::fs::File::create(&said).unwrap());
    let running = Run::start(&mut command);
    let text = || std::fs::read_to_string(&said).unwrap();
    let first = "mpirun: memory regions:\n\
                 rank  region    bytes  reached by\n\
                 0, 1  heap      4 KiB  shared\n\
                 0, 1  stack   132 KiB  cma\n";
    let first = first.replace("0, 1", "0-1 ");
    until("the first table", || text().contains(&first));
    assert_eq!(text(), first, "nothing else, and not twice");
    std::fs::write(folder.join("seen"), "").unwrap();
    let done = running.finish();
    let text = text();
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!(done.code(), 0, "{text}");
    let last = "mpirun: memory regions at the end:\n\
                rank  region    bytes  reached by\n\
                0     heap      4 KiB  shared\n\
                0-1   stack   132 KiB  cma\n\
                1     heap     64 MiB  shared\n";
    assert!(text.contains(last), "{text}");
    let arms = "mpirun: arms between ranks:\n\
                rank  peer  arm     answer\n\
                0        1  driver  /dev/xpmem: no such file\n\
                not published by: 1\n";
    assert!(text.contains(arms), "{text}");
}
