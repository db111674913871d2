//! What is told of ranks that can never go on: since others have left for whom they wait, or
//! since they wait for one another.

use crate::explain::{self, Known};
use crate::snapshot::RankSnapshot;
use crate::watch::{Findings, History};
use std::time::Instant;

/// What mpirun exits with when it has ended a job that could not go on (`EDEADLK`).
pub const CODE: u8 = 35;

/// What becomes of the job. `ends`: it is ended.
pub fn outcome(ends: bool) -> &'static str {
    match ends {
        true => "Ending the job.",
        false => "The job is left as it is; Ctrl-C ends it.",
    }
}

/// What is told, if it is not what was told before, and what is known of the ranks beside
/// what they show. `ends`: the job is ended for it.
pub fn news(
    history: &mut History,
    (snapshots, findings): (&[RankSnapshot], &Findings),
    ends: bool,
    now: Instant,
    known: impl FnOnce() -> Known,
) -> Option<(String, Known)> {
    let mut news = Vec::new();
    for (left, waiters) in history.news(findings) {
        let mut text = explain::left_behind(snapshots, left, &waiters);
        if !explain::has_called(snapshots, left, &waiters) {
            text.push_str(&format!(
                "\n  Often an exception or an early return: see what rank {left} printed last \
                 (Python: run with -m mpi4py)."
            ));
        }
        news.push(text);
    }
    let is_left = !news.is_empty();
    let is_stuck = history.is_stuck_anew(findings, snapshots);
    if !is_left && !is_stuck {
        return None;
    }
    let known = known();
    let lines = if is_stuck {
        let time = history.standstill(findings, now);
        news.push(format!(
            "stuck: {} (for {:.1} s).",
            explain::who_is_stuck(findings),
            time.as_secs_f64()
        ));
        explain::stuck(snapshots, findings, &known)
    } else {
        explain::bereft(snapshots, findings, &known)
    };
    news[0].push(' ');
    news[0].push_str(outcome(ends));
    news.push(lines.trim_end().to_owned());
    Some((news.join("\n"), known))
}
