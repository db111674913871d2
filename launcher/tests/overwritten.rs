//! A rank overwrites the job segment. mpirun must neither die nor hang of what it finds
//! there, must believe nothing that cannot be true, and must print nothing that a terminal
//! would obey. The ranks run this test's own program.

mod common;

use common::{Outcome, mpirun, run, until};
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};
use wireup::layout::{RECORDS, RankRecord, State};
use wireup::report::{self, Report, Rows};
use wireup::segment::Segment;

/// A variable that says what a rank does. If it is set, this process is a rank.
const DEED: &str = "OVERWRITTEN_TEST_DEED";

/// Does nothing unless a test below runs it as a rank.
#[test]
fn as_a_rank() {
    let Ok(deed) = std::env::var(DEED) else {
        return;
    };
    let number = |name: &str| std::env::var(name).unwrap().parse().unwrap();
    let segment = Segment::open(number("LARIAT_SEGMENT")).unwrap();
    let rank = u32::try_from(number("LARIAT_RANK")).unwrap();
    let record = segment.record(rank);
    match deed.split_once(' ').unwrap_or((&deed, "")) {
        ("fill", byte) => {
            segment.head().joined.fetch_add(1, Relaxed);
            until("both have come", || {
                segment.head().joined.load(Relaxed) > 1 || rank == 0
            });
            let end = RECORDS + u64::from(segment.ranks()) * size_of::<RankRecord>() as u64;
            for at in (0..end).filter(|_| rank == 1) {
                // SAFETY: inside of the mapping; a byte is aligned anywhere, and written
                // as an atomic.
                let place = unsafe { segment.at(at).cast::<AtomicU8>().as_ref() };
                place.store(byte.parse().unwrap(), Relaxed);
            }
            std::thread::sleep(std::time::Duration::from_secs(600));
        }
        ("table", _) => {
            let mut rows = Rows::new(&["region", "\u{1b}]0;title\u{7}"]);
            rows.add(["\u{1b}[2J\r", "\u{9b}31m"]);
            report::publish(&segment, rank, Report::Regions, &rows).unwrap();
        }
        ("abort", _) => {
            let text = b"why\x1b[2J\nmpirun: all is well\xff";
            let head = segment.head();
            for (word, bytes) in head.abort_text.iter().zip(text.chunks(8)) {
                let mut eight = [0; 8];
                eight[..bytes.len()].copy_from_slice(bytes);
                word.store(u64::from_le_bytes(eight), Relaxed);
            }
            head.abort_len
                .store(u32::try_from(text.len()).unwrap(), Relaxed);
            head.abort_rank.store(rank + 1, Relaxed);
            std::process::exit(7);
        }
        ("process", pid) => {
            record.pid.store(pid.parse().unwrap(), Relaxed);
            record.state.store(State::Running as u32, Relaxed);
        }
        ("neighbour", _) => {
            let other = segment.record(1 - rank);
            record.pid.store(other.child.load(Relaxed), Relaxed);
            record.state.store(State::Running as u32, Relaxed);
        }
        (other, _) => panic!("{other}"),
    }
}

fn job(deed: &str, options: &[&str]) -> Outcome {
    // They are no tests that mpirun has to tell of.
    let mut command = mpirun(&[options, &["--rust-tests=each"]].concat());
    command.arg(std::env::current_exe().unwrap());
    command.args(["--exact", "as_a_rank"]).env(DEED, deed);
    run(command)
}

#[test]
fn a_head_and_records_full_of_anything() {
    for byte in [0, 1, 2, 4, 0x7f, 0x80, 0xff] {
        let all = [
            "--report-regions",
            "--report-arms",
            "--report-protocols",
            "--report-segment",
        ];
        let options = [&["-n", "2", "--timeout", "1"], &all[..]].concat();
        let done = job(&format!("fill {byte}"), &options);
        assert_eq!(done.code(), 124, "{byte}: {}", done.err);
        assert!(done.err.contains("did not end within 1 s"), "{}", done.err);
        assert!(done.err.contains("of 2 ranks holds "), "{}", done.err);
        assert!(done.err.len() < 10_000, "{}", done.err);
    }
}

#[test]
fn nothing_that_a_terminal_obeys_is_printed() {
    let done = job("table", &["-n", "2", "--report-regions"]);
    assert_eq!(done.code(), 0, "{}", done.err);
    assert!(done.err.contains("\\u{1b}]0;title\\u{7}"), "{}", done.err);
    assert!(done.err.contains("\\u{1b}[2J\\r"), "{}", done.err);
    let plain = |done: &Outcome| done.err.chars().all(|c| c == '\n' || !c.is_control());
    assert!(plain(&done), "{:?}", done.err);
    let done = job("abort", &["-n", "2"]);
    assert_ne!(done.code(), 0);
    assert!(done.err.contains("why\\u{1b}[2J\n"), "{}", done.err);
    assert!(done.err.contains("all is well\\xff"), "{}", done.err);
    assert!(plain(&done), "{:?}", done.err);
    let forged = done.err.lines().any(|l| l.starts_with("mpirun: all"));
    assert!(!forged, "{}", done.err);
}

#[test]
fn a_process_that_is_not_the_ranks_is_neither_waited_for_nor_ended() {
    let mut stranger = std::process::Command::new("sleep")
        .arg("600")
        .spawn()
        .unwrap();
    let done = job(&format!("process {}", stranger.id()), &["-n", "2"]);
    let lives = stranger.try_wait().unwrap().is_none();
    stranger.kill().unwrap();
    stranger.wait().unwrap();
    assert!(lives, "mpirun ended a stranger");
    assert_eq!(done.code(), 1);
    assert!(
        done.err.contains("without calling MPI_Finalize"),
        "{}",
        done.err
    );
    let done = job("neighbour", &["-n", "2"]);
    assert_eq!(done.code(), 1, "{}", done.err);
}

/// A process keeps the constants that the head held when it opened the segment.
#[test]
fn constants_are_copied() {
    let segment = Segment::create(3, 2).unwrap();
    let other = Segment::open(segment.fd().as_raw_fd()).unwrap();
    segment.head().ranks.store(1 << 30, Relaxed);
    assert_eq!((segment.ranks(), other.ranks()), (3, 3));
    assert!(Segment::open(segment.fd().as_raw_fd()).is_err());
}
