//! Programs that are right and slow: nobody may call them stuck (`tests/programs/slow.c`).

use lariat_tests::slow;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Jobs that run at a time.
const AT_ONCE: usize = 12;

/// Runs all modes `times` times, so many at once. None may say anything on stderr.
fn nobody_is_accused(times: usize, at_once: usize) {
    let modes = slow::modes();
    let next = AtomicUsize::new(0);
    let work = || {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            if at >= modes.len() * times {
                break;
            }
            let mode = &modes[at % modes.len()];
            let outcome = slow::job(mode).run().exits(0);
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
/// All that runs at once is the load. `make alarms` runs these programs by chance, as often
/// as is wanted.
#[test]
#[ignore = "takes minutes"]
fn slow_programs_are_not_called_stuck_under_load() {
    let times = std::env::var("SLOW_TIMES").ok();
    let times = times.and_then(|times| times.parse().ok()).unwrap_or(10);
    nobody_is_accused(times, 3 * AT_ONCE);
}
