//! Programs that are right and slow: nobody may call them stuck (`tests/programs/slow.c`).

use lariat_tests::{Job, workspace};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Jobs that run at a time.
const AT_ONCE: usize = 12;

/// The modes of the program, as its table lists them.
fn modes() -> Vec<String> {
    let path = workspace().join("tests/programs/slow.c");
    let source = std::fs::read_to_string(path).expect("the source can be read");
    let table = source
        .split("} modes[] = {")
        .nth(1)
        .expect("it has a table");
    let entries = table.split("ONE(").flat_map(|part| part.split("MULTIPLE("));
    let names = entries.skip(1).filter_map(|entry| entry.split_once("),"));
    let names: Vec<String> = names.map(|(name, _)| name.to_owned()).collect();
    let names: Vec<String> = names.into_iter().filter(|name| name != "name").collect();
    assert!(names.len() >= 25, "{names:?}");
    names
}

/// How many ranks a mode is for. What keeps few processors busy has many.
fn ranks(mode: &str) -> u32 {
    match mode {
        "ring" | "token" | "barriers" => 32,
        "uneven_work" | "beside_hogs" => 6,
        "pipeline" => 4,
        _ => 3,
    }
}

/// Runs all modes `times` times, so many at once. None may say anything on stderr.
fn nobody_is_accused(times: usize, at_once: usize) {
    let modes = modes();
    let next = AtomicUsize::new(0);
    let work = || {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            if at >= modes.len() * times {
                break;
            }
            let mode = &modes[at % modes.len()];
            let job = Job::of("slow").ranks(ranks(mode)).args([mode]);
            let outcome = job.limit(Duration::from_secs(600)).run().exits(0);
            assert!(outcome.stderr.is_empty(), "{mode}: {outcome}");
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(work);
        }
    });
    println!("{} runs, no alarm", modes.len() * times);
}

#[test]
fn slow_programs_are_not_called_stuck() {
    nobody_is_accused(1, AT_ONCE);
}

/// The long form: `SLOW_TIMES=100 cargo test … --test slow -- --ignored --nocapture`.
/// All that runs at once is the load.
#[test]
#[ignore = "takes minutes"]
fn slow_programs_are_not_called_stuck_under_load() {
    let times = std::env::var("SLOW_TIMES").ok();
    let times = times.and_then(|times| times.parse().ok()).unwrap_or(10);
    nobody_is_accused(times, 3 * AT_ONCE);
}
