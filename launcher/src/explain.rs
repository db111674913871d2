//! The report of who waits for whom, in plain words. Pure: from what the ranks published
//! and what was found to be certain.

use crate::snapshot::RankSnapshot;
use crate::watch::Findings;
use std::collections::BTreeMap;
use wireup::layout::{OTHER_JOB, State, WaitKind};
use wireup::report::ranges;

/// How many ranks wait for `rank`.
pub fn waiters(snapshots: &[RankSnapshot], rank: u32) -> usize {
    let waits = |s: &&RankSnapshot| s.rank != rank && peer(s) == Some(rank);
    snapshots.iter().filter(waits).count()
}

fn peer(snapshot: &RankSnapshot) -> Option<u32> {
    u32::try_from(snapshot.wait.as_ref()?.peer).ok()
}

/// The report: a line for each rank, or for several that do the same, and then the ranks
/// that can certainly never go on.
pub fn report(snapshots: &[RankSnapshot], findings: &Findings) -> String {
    let mut lines: Vec<(String, Vec<&RankSnapshot>)> = Vec::new();
    let mut line_of: BTreeMap<String, usize> = BTreeMap::new();
    for snapshot in snapshots {
        let text = activity(snapshot);
        let at = *line_of.entry(text.clone()).or_insert(lines.len());
        if at == lines.len() {
            lines.push((text, Vec::new()));
        }
        lines[at].1.push(snapshot);
    }
    let mut out = String::new();
    for (text, ranks) in lines {
        let longest = ranks
            .iter()
            .filter_map(|s| Some(s.wait.as_ref()?.time))
            .max();
        let (name, has, is) = match ranks[..] {
            [one] => (format!("rank {} (pid {})", one.rank, one.pid), "has", "is"),
            _ => (
                format!("ranks {}", ranges(ranks.iter().map(|s| s.rank))),
                "have",
                "are",
            ),
        };
        let time = longest.map_or(String::new(), |t| {
            let most = if ranks.len() > 1 { "up to " } else { "" };
            format!("{most}{:.1} s", t.as_secs_f64())
        });
        let text = text
            .replace("{has}", has)
            .replace("{is}", is)
            .replace("{time}", &time);
        out.push_str(&format!("  {name} {text}\n"));
    }
    for (left, waiters) in &findings.left {
        out.push_str(&format!("  {}\n", left_behind(snapshots, *left, waiters)));
    }
    if let Some(ring) = &findings.ring {
        let ring: Vec<String> = ring.iter().map(u32::to_string).collect();
        out.push_str(&format!(
            "  a deadlock: each of these ranks waits for the next: {}\n",
            ring.join(" → ")
        ));
    } else if findings.all && findings.left.is_empty() {
        out.push_str("  a deadlock: all ranks wait, and nothing is under way to any of them\n");
    }
    out
}

/// A sentence for a rank that is in `MPI_Finalize`, or has ended, while others wait for
/// something that it can no longer do.
pub fn left_behind(snapshots: &[RankSnapshot], left: u32, waiters: &[u32]) -> String {
    let find = |rank: u32| snapshots.iter().find(|s| s.rank == rank);
    let is = match find(left).and_then(|s| s.wait.as_ref()) {
        Some(wait) if wait.kind == WaitKind::Leaving => "is in MPI_Finalize",
        _ => "has ended",
    };
    let mut ways: Vec<(String, Vec<u32>)> = Vec::new();
    for snapshot in waiters.iter().filter_map(|rank| find(*rank)) {
        let text = missing(snapshot);
        match ways.iter().position(|(other, _)| *other == text) {
            Some(at) => ways[at].1.push(snapshot.rank),
            None if ways.len() < MAX_WAYS => ways.push((text, vec![snapshot.rank])),
            None => {}
        }
    }
    let ways = ways.iter().map(|(text, who)| {
        let (name, verb) = match who[..] {
            [one] => (format!("rank {one}"), "waits"),
            _ => (format!("ranks {}", ranges(who.iter().copied())), "wait"),
        };
        format!("{name} {verb} {text}")
    });
    let ways: Vec<String> = ways.collect();
    format!("rank {left} {is}, but {}.", ways.join("; "))
}

/// Ways of waiting for one rank that the sentence lists at the most.
const MAX_WAYS: usize = 8;

/// What a rank waits for from one that has left. The text calls that one «it».
fn missing(snapshot: &RankSnapshot) -> String {
    let call = snapshot.call.map_or(String::new(), |c| format!(" in {c}"));
    let Some(wait) = &snapshot.wait else {
        return format!("for it{call}");
    };
    let place = match wait.context & !1 {
        0 => "MPI_COMM_WORLD".to_owned(),
        2 => "MPI_COMM_SELF".to_owned(),
        id => format!("the communicator with context {id}"),
    };
    let message = match wait.tag {
        tag if tag >= 0 && !on_window(snapshot) => format!("a message with tag {tag}"),
        _ => "a message".to_owned(),
    };
    match wait.kind {
        WaitKind::Receive => {
            format!("for {message} from it{call} on {place}, which it can no longer send")
        }
        WaitKind::Send => {
            format!("for it to receive {message}{call} on {place}, which it can no longer do")
        }
        _ => format!("for it{call} on {place}, which it can no longer call"),
    }
}

fn on_window(snapshot: &RankSnapshot) -> bool {
    snapshot
        .call
        .is_some_and(|c| c.starts_with("MPI_Win_") && !c.starts_with("MPI_Win_allocate"))
}

/// What a rank does, with the placeholders `{time}`, `{has}` and `{is}` for the caller.
fn activity(snapshot: &RankSnapshot) -> String {
    let inside = snapshot.call.map_or(String::new(), |c| format!(" in {c}"));
    let Some(wait) = &snapshot.wait else {
        return match (snapshot.state, snapshot.call) {
            (Some(State::Gone), _) => "{has} ended".to_owned(),
            (Some(State::Fresh), _) => "{has} not called MPI_Init".to_owned(),
            (Some(State::Finalized), _) => "{is} past MPI_Finalize".to_owned(),
            (_, Some(call)) => format!("{{is}} in {call}"),
            (Some(State::Claimed), None) => "{is} in MPI_Init".to_owned(),
            (Some(State::Finalizing), None) => "{is} in MPI_Finalize".to_owned(),
            (_, None) => "{is} not in an MPI call".to_owned(),
        };
    };
    if snapshot.state == Some(State::Gone) {
        return "{has} ended".to_owned();
    }
    let sends = wait.kind == WaitKind::Send;
    let message = match wait.tag {
        _ if on_window(snapshot) => String::new(), // the library's own tag
        -2 => String::new(),
        -1 => "a message with any tag".to_owned(),
        tag => format!("a message with tag {tag}"),
    };
    let what = match (wait.peer, message.as_str()) {
        (OTHER_JOB, "") => " for a process of another job".to_owned(),
        (OTHER_JOB, _) if sends => format!(" for a process of another job to receive {message}"),
        (OTHER_JOB, _) => format!(" for {message} from a process of another job"),
        (-2, "") => String::new(),
        (-2, _) => format!(" for {message}"),
        (-1, "") => " for any rank".to_owned(),
        (-1, _) => format!(" for {message} from any rank"),
        (p, "") => format!(" for rank {p}"),
        (p, _) if sends => format!(" for rank {p} to receive {message}"),
        (p, _) => format!(" for {message} from rank {p}"),
    };
    // Context ids are even for point-to-point; the odd one is the collectives'.
    let place = match wait.context & !1 {
        0 => String::new(),
        2 => " in MPI_COMM_SELF".to_owned(),
        id if on_window(snapshot) => format!(" on the window with context {id}"),
        id => format!(" in the communicator with context {id}"),
    };
    format!("{{has}} been waiting for {{time}}{inside}{what}{place}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::{Counters, Wait};
    use std::time::Duration;

    fn waiting(rank: u32, call: &'static str, peer: i32, tag: i32) -> RankSnapshot {
        RankSnapshot {
            rank,
            pid: 12 + rank,
            state: Some(State::Running),
            call: Some(call),
            wait: Some(Wait {
                time: Duration::from_millis(3200),
                peer,
                tag,
                context: 0,
                kind: match (peer, call) {
                    (-2, _) => WaitKind::Other,
                    (_, "MPI_Ssend") => WaitKind::Send,
                    (_, "MPI_Barrier") => WaitKind::Collective,
                    _ => WaitKind::Receive,
                },
            }),
            counters: Counters::default(),
        }
    }

    fn report(snapshots: &[RankSnapshot]) -> String {
        super::report(snapshots, &Findings::default())
    }

    #[test]
    fn one_line_says_who_waits_for_what() {
        let text = report(&[waiting(0, "MPI_Recv", 1, 7)]);
        assert_eq!(
            text,
            "  rank 0 (pid 12) has been waiting for 3.2 s in MPI_Recv for a message with tag 7 from rank 1\n"
        );
        let text = report(&[waiting(0, "MPI_Ssend", 1, 7)]);
        assert!(text.contains("for rank 1 to receive a message with tag 7"));
        let text = report(&[waiting(0, "MPI_Recv", -1, -1)]);
        assert!(text.contains("with any tag from any rank"));
        let text = report(&[waiting(0, "MPI_Barrier", -2, -2)]);
        assert!(text.ends_with("3.2 s in MPI_Barrier\n"));
        let mut on_window = waiting(0, "MPI_Win_lock", -2, -2);
        on_window.wait.as_mut().expect("it waits").context = 8;
        let text = report(&[on_window]);
        assert!(text.ends_with("in MPI_Win_lock on the window with context 8\n"));
    }

    #[test]
    fn ranks_that_do_the_same_share_a_line() {
        let snapshots: Vec<RankSnapshot> = (1..6).map(|r| waiting(r, "MPI_Recv", 0, 7)).collect();
        let text = report(&snapshots);
        assert_eq!(text.lines().count(), 1);
        assert!(text.contains("ranks 1-5 have been waiting for up to 3.2 s"));
    }

    #[test]
    fn what_is_certain_is_said() {
        let snapshots: Vec<RankSnapshot> = (0..3)
            .map(|r| waiting(r, "MPI_Recv", [1, 2, 1][r as usize], 7))
            .collect();
        assert_eq!(waiters(&snapshots, 1), 2);
        assert!(
            !report(&snapshots).contains("deadlock"),
            "one look is no proof"
        );
        let mut findings = Findings {
            stuck: vec![0, 1, 2],
            ring: Some(vec![1, 2, 1]),
            all: true,
            left: Vec::new(),
        };
        let text = super::report(&snapshots, &findings);
        assert!(text.ends_with("a deadlock: each of these ranks waits for the next: 1 → 2 → 1\n"));
        findings.ring = None;
        let text = super::report(&snapshots, &findings);
        assert!(
            text.ends_with("a deadlock: all ranks wait, and nothing is under way to any of them\n")
        );
    }

    #[test]
    fn who_has_left_and_who_waits_for_it() {
        let mut snapshots = vec![
            waiting(0, "MPI_Barrier", 1, -2),
            waiting(1, "MPI_Finalize", -2, -2),
            waiting(2, "MPI_Barrier", 1, -2),
            waiting(3, "MPI_Recv", 1, 7),
            waiting(4, "MPI_Ssend", 1, 8),
        ];
        snapshots[1].wait.as_mut().unwrap().kind = WaitKind::Leaving;
        assert_eq!(
            left_behind(&snapshots, 1, &[0, 2]),
            "rank 1 is in MPI_Finalize, but ranks 0, 2 wait for it in MPI_Barrier on MPI_COMM_WORLD, which it can no longer call."
        );
        snapshots[1].wait = None;
        assert_eq!(
            left_behind(&snapshots, 1, &[3, 4]),
            "rank 1 has ended, but rank 3 waits for a message with tag 7 from it in MPI_Recv on MPI_COMM_WORLD, which it can no longer send; \
             rank 4 waits for it to receive a message with tag 8 in MPI_Ssend on MPI_COMM_WORLD, which it can no longer do."
        );
    }
}
