//! How a rank's end is judged: as a success, or as the cause for which the whole job ends,
//! with an exit code and a sentence. Pure.

use crate::reap::ExitStatus;
use crate::say::rank_in_job;
use crate::snapshot::{Abort, RankSnapshot};
use wireup::death::Death;

/// A rank's end, and what was known of the rank then.
#[derive(Clone, Debug)]
pub struct RankEnd {
    /// The process that has ended.
    pub pid: i32,
    /// How it ended.
    pub status: ExitStatus,
    /// What the rank had published.
    pub snapshot: RankSnapshot,
    /// Ranks that were waiting for it, and for what: empty if there were none.
    pub waiters: String,
    /// What it has noted of its death.
    pub death: Option<Death>,
    /// Where in the program that was: functions and lines, from the innermost.
    pub place: String,
}

/// Why the whole job ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// Of several causes that are noticed together, the one with the greatest weight is
    /// reported: 3 an abort, 2 a signal, 1 a rank that has not called `MPI_Finalize`, 0 an
    /// exit code.
    pub weight: u8,
    /// What mpirun exits with.
    pub code: u8,
    /// What mpirun says.
    pub text: String,
    /// When the rank died, by its own note: `CLOCK_MONOTONIC` nanoseconds.
    pub time: Option<u64>,
    /// The rank was not between `MPI_Init` and `MPI_Finalize`. The others may be about to
    /// end by themselves, and get a moment to do so.
    pub orderly: bool,
}

impl Cause {
    /// A job that a rank has spawned has failed while it was connected to this one. Its
    /// mpirun has said how.
    pub fn of_spawned_job(program: &str, code: u8) -> Cause {
        Cause {
            weight: 1,
            code,
            text: format!(
                "the spawned job of {program} has failed (exit code {code}) while it was connected to this one: ending the job"
            ),
            time: None,
            orderly: false,
        }
    }
}

/// The exit code of mpirun for a failure: never 0.
fn code(raw: i32) -> u8 {
    match raw & 0xff {
        0 => 1,
        n => u8::try_from(n).unwrap_or(1),
    }
}

/// The name of a signal, or its number.
pub fn signal_name(signal: i32) -> String {
    nix::sys::signal::Signal::try_from(signal)
        .map_or_else(|_| format!("signal {signal}"), |s| s.as_str().to_owned())
}

/// How each rank ended, in a line: `exit codes: 0 (ranks 0-2), 7 (rank 3)`.
pub fn exit_codes(mut exits: Vec<(u32, ExitStatus)>) -> String {
    exits.sort_by_key(|(rank, _)| *rank);
    let mut groups: Vec<(String, Vec<u32>)> = Vec::new();
    for (rank, status) in exits {
        let how = match status {
            ExitStatus::Exit(code) => code.to_string(),
            ExitStatus::Signal(signal, _) => signal_name(signal),
        };
        let rank = rank_in_job(rank);
        match groups.iter_mut().find(|group| group.0 == how) {
            Some(group) => group.1.push(rank),
            None => groups.push((how, vec![rank])),
        }
    }
    let groups: Vec<String> = groups
        .into_iter()
        .map(|(how, ranks)| {
            let s = if ranks.len() == 1 { "" } else { "s" };
            format!(
                "{how} (rank{s} {})",
                wireup::report::ranges(ranks.into_iter())
            )
        })
        .collect();
    format!("exit codes: {}", groups.join(", "))
}

/// Judges a rank's end. None if it is a success.
pub fn judge(end: &RankEnd) -> Option<Cause> {
    let snapshot = &end.snapshot;
    let who = format!("rank {} (pid {})", rank_in_job(snapshot.rank), end.pid);
    let place = match (snapshot.call, snapshot.last_call) {
        (Some(call), _) => format!(" in {call}"),
        (None, Some(call)) => format!(", not in MPI (last call {call})"),
        (None, None) => String::new(),
    };
    let more: Vec<&str> = [&end.place, &end.waiters]
        .into_iter()
        .map(String::as_str)
        .filter(|text| !text.is_empty())
        .collect();
    let peers = match more.as_slice() {
        [] => String::new(),
        more => format!("\n  {}", more.join("; ")),
    };
    let inside = snapshot.is_inside_mpi();
    match end.status {
        ExitStatus::Signal(signal, core) => {
            let core = if core { " (core dumped)" } else { "" };
            let name = signal_name(signal);
            let noted = end.death.as_ref().filter(|death| death.signal == signal);
            let address = noted
                .and_then(|death| death.address)
                .map_or(String::new(), |at| match signal {
                    libc::SIGSEGV | libc::SIGBUS => format!(" at address {at:#x}"),
                    _ => String::new(),
                });
            Some(Cause {
                weight: 2,
                code: code(128 + signal),
                text: format!("{who} killed by {name}{address}{core}{place}{peers}"),
                time: noted.map(|death| death.time),
                orderly: false,
            })
        }
        ExitStatus::Exit(0) if inside => Some(Cause {
            weight: 1,
            code: 1,
            text: format!("{who} exited with code 0 without calling MPI_Finalize{place}{peers}"),
            time: None,
            orderly: false,
        }),
        ExitStatus::Exit(0) => None,
        ExitStatus::Exit(raw) => {
            let without = match inside {
                true => " without calling MPI_Finalize",
                false => "",
            };
            Some(Cause {
                weight: u8::from(inside),
                code: code(raw),
                text: format!("{who} exited with code {raw}{without}{place}{peers}"),
                time: None,
                orderly: !inside,
            })
        }
    }
}

/// Judges an abort.
pub fn judge_abort(abort: &Abort) -> Cause {
    let rank = rank_in_job(abort.rank);
    let who = format!("rank {rank} (pid {})", abort.pid);
    // The library's sentence says which rank, where and why. mpirun adds the process.
    let own = abort.text.trim();
    let own = own.strip_prefix(&format!("rank {rank} "));
    let text = match (own, abort.text.trim()) {
        (Some(rest), _) => format!("{who} {rest}"),
        (None, "") => format!("{who} aborted the job with code {}", abort.code),
        (None, text) => format!("{who} aborted the job with code {}: {text}", abort.code),
    };
    Cause {
        weight: 3,
        code: code(abort.code),
        text,
        time: None,
        orderly: false,
    }
}

/// Two deaths within so many nanoseconds are told both: which one caused the other cannot
/// be known.
const AT_ONCE: u64 = 1_000_000;

/// The likeliest of the causes that were noticed together: of equals the one that was
/// first by its own note, else the first in the list. Another death at the same moment is
/// added to its text.
pub fn likeliest(causes: impl IntoIterator<Item = Cause>) -> Option<Cause> {
    let all: Vec<Cause> = causes.into_iter().collect();
    let earlier = |a: &Cause, b: &Cause| match (a.time, b.time) {
        (Some(a), Some(b)) => b < a,
        _ => false,
    };
    let mut first = all.first()?;
    for cause in &all[1..] {
        let is_better = cause.weight > first.weight;
        if is_better || cause.weight == first.weight && earlier(first, cause) {
            first = cause;
        }
    }
    let mut found = first.clone();
    let others = all.iter().filter(|cause| !std::ptr::eq(*cause, first));
    for other in others {
        let apart = other.time.zip(first.time).map(|(a, b)| a.abs_diff(b));
        if apart.is_some_and(|apart| apart <= AT_ONCE) {
            found.text = format!("{}\nat the same moment: {}", found.text, other.text);
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::Counters;
    use wireup::layout::{AbortKind, State};

    fn end(status: ExitStatus, state: State, call: Option<&'static str>, waiters: &str) -> RankEnd {
        RankEnd {
            pid: 77,
            status,
            snapshot: RankSnapshot {
                rank: 1,
                pid: 77,
                state: Some(state),
                call,
                last_call: None,
                waits: Vec::new(),
                unreceived: Vec::new(),
                unreceived_count: 0,
                counters: Counters::default(),
                node: None,
            },
            waiters: waiters.to_owned(),
            death: None,
            place: String::new(),
        }
    }

    #[test]
    fn a_crash_is_named_with_its_call_and_who_waited() {
        let end = end(
            ExitStatus::Signal(11, false),
            State::Running,
            Some("MPI_Recv"),
            "ranks 0, 2 were waiting for it in MPI_Barrier on MPI_COMM_WORLD",
        );
        let cause = judge(&end).unwrap();
        assert_eq!(cause.code, 139);
        assert_eq!(
            cause.text,
            "rank 1 (pid 77) killed by SIGSEGV in MPI_Recv\n  \
             ranks 0, 2 were waiting for it in MPI_Barrier on MPI_COMM_WORLD"
        );
        let mut noted = end.clone();
        noted.death = Some(Death {
            signal: 11,
            address: Some(0x10),
            time: 5,
            frames: Vec::new(),
        });
        noted.place = "solve at crash.c:4, main at crash.c:9".to_owned();
        noted.snapshot.call = None;
        noted.snapshot.last_call = Some("MPI_Comm_rank");
        let text = judge(&noted).unwrap().text;
        assert!(text.starts_with(
            "rank 1 (pid 77) killed by SIGSEGV at address 0x10, not in MPI (last call MPI_Comm_rank)\n  \
             solve at crash.c:4, main at crash.c:9; ranks 0, 2 were"
        ), "{text}");
    }

    #[test]
    fn exit_codes() {
        let judged = |status, state| judge(&end(status, state, None, ""));
        assert_eq!(judged(ExitStatus::Exit(0), State::Fresh), None);
        assert_eq!(judged(ExitStatus::Exit(0), State::Finalized), None);
        let early = judged(ExitStatus::Exit(0), State::Running).unwrap();
        assert!(early.code == 1 && early.text.contains("without calling MPI_Finalize"));
        let three = judged(ExitStatus::Exit(3), State::Finalized).unwrap();
        assert!(three.code == 3 && three.orderly);
        assert!(!judged(ExitStatus::Exit(3), State::Running).unwrap().orderly);
    }

    #[test]
    fn the_cause_wins_over_its_consequences() {
        let crash = judge(&end(
            ExitStatus::Signal(11, false),
            State::Running,
            None,
            "",
        ));
        let exit = judge(&end(ExitStatus::Exit(1), State::Running, None, ""));
        let found = likeliest([exit, crash.clone()].into_iter().flatten());
        assert_eq!(found, crash);
    }

    #[test]
    fn who_died_first_is_named_first() {
        let death = |text: &str, time| Cause {
            weight: 2,
            code: 139,
            text: text.to_owned(),
            time: Some(time),
            orderly: false,
        };
        let found = likeliest([death("b", 9_000_000), death("a", 5_000_000)]).unwrap();
        assert_eq!(found.text, "a");
        let found = likeliest([death("b", 5_900_000), death("a", 5_000_000)]).unwrap();
        assert_eq!(found.text, "a\nat the same moment: b");
    }

    #[test]
    fn an_abort_says_why() {
        let abort = Abort {
            rank: 2,
            pid: 9,
            code: 7,
            text: "rank 2 called MPI_Abort on MPI_COMM_WORLD with error code 7".to_owned(),
            kind: AbortKind::Abort,
            class: None,
        };
        let cause = judge_abort(&abort);
        assert_eq!(cause.code, 7);
        assert_eq!(
            cause.text,
            "rank 2 (pid 9) called MPI_Abort on MPI_COMM_WORLD with error code 7"
        );
        let abort = Abort {
            code: 0,
            text: "message truncated".to_owned(),
            ..abort
        };
        let cause = judge_abort(&abort);
        assert_eq!(cause.code, 1, "an abort is never a success");
        assert!(cause.text.ends_with("code 0: message truncated"));
    }
}
