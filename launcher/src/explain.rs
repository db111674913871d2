//! Who waits for whom, in plain words, from what the ranks publish in the job
//! segment. [`look`] copies it once; the rest is pure.

use crate::watch::Findings;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering::{Acquire, Relaxed};
use std::time::Duration;
use wireup::calls::CALL_NAMES;
use wireup::layout::{State, WaitKind};
use wireup::report::ranges;
use wireup::segment::Segment;

/// What one rank does, as it last said itself.
#[derive(Clone, Debug, PartialEq)]
pub struct View {
    /// Its number in `MPI_COMM_WORLD`.
    pub rank: u32,
    /// The process: the one that called `MPI_Init`, else the one started.
    pub pid: u32,
    /// How far it is; `None` if the record makes no sense.
    pub state: Option<State>,
    /// The MPI call that it is in.
    pub call: Option<&'static str>,
    /// What it waits for in that call.
    pub wait: Option<Wait>,
    /// By what it is seen to stand still.
    pub pulse: Pulse,
}

/// What changes at a rank where anything does; see
/// [`wireup::layout::RankRecord`] for each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pulse {
    /// Changes so far.
    pub changes: u32,
    /// Threads in a long wait.
    pub waiters: u32,
    /// Several threads may call MPI.
    pub multiple: bool,
    /// The number of its sleep, or 0.
    pub asleep: u32,
}

/// What a rank waits for.
#[derive(Clone, Debug, PartialEq)]
pub struct Wait {
    /// For so long.
    pub time: Duration,
    /// The peer's rank in `MPI_COMM_WORLD`; -1 any, -2 several or none in particular.
    pub peer: i32,
    /// The tag; -1 any, -2 none in particular.
    pub tag: i32,
    /// The context id of the communicator.
    pub context: u32,
    /// In what way.
    pub kind: WaitKind,
}

/// The name of the call that a record holds, if it is one.
pub fn call_name(raw: u32) -> Option<&'static str> {
    let index = usize::try_from(raw.checked_sub(1)?).ok()?;
    CALL_NAMES.get(index).copied()
}

/// Copies what `rank` publishes.
pub fn look(segment: &Segment, rank: u32) -> View {
    let record = segment.record(rank);
    // pairs with the Release of the rank, which comes after what it tells of
    let changes = record.changes.load(Acquire);
    let pid = match record.pid.load(Relaxed) {
        0 => record.child.load(Relaxed),
        pid => pid,
    };
    // A reading that is torn shows as a change the next time.
    let waiting = &record.waiting;
    let wait = match waiting.since.load(Relaxed) {
        0 => None,
        since => Some(Wait {
            time: Duration::from_nanos(monotonic().saturating_sub(since)),
            peer: waiting.peer.load(Relaxed),
            tag: waiting.tag.load(Relaxed),
            context: waiting.context.load(Relaxed),
            kind: WaitKind::of(waiting.kind.load(Relaxed)),
        }),
    };
    let call = match wait {
        Some(_) => waiting.call.load(Relaxed),
        None => record.call.load(Relaxed),
    };
    View {
        rank,
        pid,
        state: State::of(record.state.load(Relaxed)),
        call: call_name(call),
        wait,
        pulse: Pulse {
            changes,
            waiters: record.waiters.load(Relaxed),
            multiple: record.multiple.load(Relaxed) == 1,
            asleep: record.asleep.load(Relaxed),
        },
    }
}

/// Copies what all ranks publish.
pub fn look_at_all(segment: &Segment) -> Vec<View> {
    (0..segment.ranks()).map(|r| look(segment, r)).collect()
}

/// Nanoseconds of `CLOCK_MONOTONIC`, by which ranks date their waits.
fn monotonic() -> u64 {
    let now = nix::time::clock_gettime(nix::time::ClockId::CLOCK_MONOTONIC);
    now.map_or(0, |t| {
        u64::try_from(Duration::from(t).as_nanos()).unwrap_or(u64::MAX)
    })
}

/// How many ranks wait for `rank`.
pub fn waiters(views: &[View], rank: u32) -> usize {
    views
        .iter()
        .filter(|v| v.rank != rank && peer(v) == Some(rank))
        .count()
}

fn peer(view: &View) -> Option<u32> {
    u32::try_from(view.wait.as_ref()?.peer).ok()
}

/// The report: a line for each rank (or for ranks that do the same), and what is
/// certain of those that can never go on.
pub fn report(views: &[View], findings: &Findings) -> String {
    let mut lines: Vec<(String, Vec<&View>)> = Vec::new();
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    for view in views {
        let text = doing(view);
        let at = *places.entry(text.clone()).or_insert(lines.len());
        if at == lines.len() {
            lines.push((text, Vec::new()));
        }
        lines[at].1.push(view);
    }
    let mut out = String::new();
    for (text, who) in lines {
        let longest = who.iter().filter_map(|v| Some(v.wait.as_ref()?.time)).max();
        let (name, has, is) = match who[..] {
            [one] => (format!("rank {} (pid {})", one.rank, one.pid), "has", "is"),
            _ => (
                format!("ranks {}", ranges(who.iter().map(|v| v.rank))),
                "have",
                "are",
            ),
        };
        let time = longest.map_or(String::new(), |t| {
            let most = if who.len() > 1 { "up to " } else { "" };
            format!("{most}{:.1} s", t.as_secs_f64())
        });
        let text = text
            .replace("{has}", has)
            .replace("{is}", is)
            .replace("{time}", &time);
        out.push_str(&format!("  {name} {text}\n"));
    }
    for (left, waiters) in &findings.left {
        out.push_str(&format!("  {}\n", who_left(views, *left, waiters)));
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

/// That `left` is in `MPI_Finalize`, or has ended, while others wait for what it can no
/// longer do.
pub fn who_left(views: &[View], left: u32, waiters: &[u32]) -> String {
    let find = |rank: u32| views.iter().find(|v| v.rank == rank);
    let is = match find(left).and_then(|v| v.wait.as_ref()) {
        Some(wait) if wait.kind == WaitKind::Leaving => "is in MPI_Finalize",
        _ => "has ended",
    };
    let mut ways: Vec<(String, Vec<u32>)> = Vec::new();
    for view in waiters.iter().filter_map(|rank| find(*rank)) {
        let text = wanted(view);
        match ways.iter().position(|(other, _)| *other == text) {
            Some(at) => ways[at].1.push(view.rank),
            None if ways.len() < MOST_WAYS => ways.push((text, vec![view.rank])),
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

/// The most ways of waiting for one rank that are told.
const MOST_WAYS: usize = 8;

/// What a rank waits for from one that has left, which is «it».
fn wanted(view: &View) -> String {
    let call = view.call.map_or(String::new(), |c| format!(" in {c}"));
    let Some(wait) = &view.wait else {
        return format!("for it{call}");
    };
    let place = match wait.context & !1 {
        0 => "MPI_COMM_WORLD".to_owned(),
        2 => "MPI_COMM_SELF".to_owned(),
        id => format!("the communicator with context {id}"),
    };
    let message = match wait.tag {
        tag if tag >= 0 && !on_window(view) => format!("a message with tag {tag}"),
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

fn on_window(view: &View) -> bool {
    view.call
        .is_some_and(|c| c.starts_with("MPI_Win_") && !c.starts_with("MPI_Win_allocate"))
}

/// What a rank does; `{time}`, `{has}` and `{is}` are still to be filled in.
fn doing(view: &View) -> String {
    let inside = view.call.map_or(String::new(), |c| format!(" in {c}"));
    let Some(wait) = &view.wait else {
        return match (view.state, view.call) {
            (Some(State::Gone), _) => "{has} ended".to_owned(),
            (Some(State::Fresh), _) => "{has} not called MPI_Init".to_owned(),
            (Some(State::Finalized), _) => "{is} past MPI_Finalize".to_owned(),
            (_, Some(call)) => format!("{{is}} in {call}"),
            (Some(State::Claimed), None) => "{is} in MPI_Init".to_owned(),
            (Some(State::Finalizing), None) => "{is} in MPI_Finalize".to_owned(),
            (_, None) => "{is} not in an MPI call".to_owned(),
        };
    };
    if view.state == Some(State::Gone) {
        return "{has} ended".to_owned();
    }
    let sends = wait.kind == WaitKind::Send;
    let message = match wait.tag {
        _ if on_window(view) => String::new(), // the library's own
        -2 => String::new(),
        -1 => "a message with any tag".to_owned(),
        tag => format!("a message with tag {tag}"),
    };
    let what = match (wait.peer, message.as_str()) {
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
        id if on_window(view) => format!(" on the window with context {id}"),
        id => format!(" in the communicator with context {id}"),
    };
    format!("{{has}} been waiting for {{time}}{inside}{what}{place}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(rank: u32, call: &'static str, peer: i32, tag: i32) -> View {
        View {
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
            pulse: Pulse::default(),
        }
    }

    fn report(views: &[View]) -> String {
        super::report(views, &Findings::default())
    }

    #[test]
    fn one_line_says_who_waits_for_what() {
        let text = report(&[view(0, "MPI_Recv", 1, 7)]);
        assert_eq!(
            text,
            "  rank 0 (pid 12) has been waiting for 3.2 s in MPI_Recv for a message with tag 7 from rank 1\n"
        );
        let text = report(&[view(0, "MPI_Ssend", 1, 7)]);
        assert!(text.contains("for rank 1 to receive a message with tag 7"));
        let text = report(&[view(0, "MPI_Recv", -1, -1)]);
        assert!(text.contains("with any tag from any rank"));
        let text = report(&[view(0, "MPI_Barrier", -2, -2)]);
        assert!(text.ends_with("3.2 s in MPI_Barrier\n"));
        let mut on_window = view(0, "MPI_Win_lock", -2, -2);
        on_window.wait.as_mut().expect("it waits").context = 8;
        let text = report(&[on_window]);
        assert!(text.ends_with("in MPI_Win_lock on the window with context 8\n"));
    }

    #[test]
    fn ranks_that_do_the_same_share_a_line() {
        let views: Vec<View> = (1..6).map(|r| view(r, "MPI_Recv", 0, 7)).collect();
        let text = report(&views);
        assert_eq!(text.lines().count(), 1);
        assert!(text.contains("ranks 1-5 have been waiting for up to 3.2 s"));
    }

    #[test]
    fn what_is_certain_is_said() {
        let views: Vec<View> = (0..3)
            .map(|r| view(r, "MPI_Recv", [1, 2, 1][r as usize], 7))
            .collect();
        assert_eq!(waiters(&views, 1), 2);
        assert!(!report(&views).contains("deadlock"), "one look is no proof");
        let mut findings = Findings {
            stuck: vec![0, 1, 2],
            ring: Some(vec![1, 2, 1]),
            all: true,
            left: Vec::new(),
        };
        let text = super::report(&views, &findings);
        assert!(text.ends_with("a deadlock: each of these ranks waits for the next: 1 → 2 → 1\n"));
        findings.ring = None;
        let text = super::report(&views, &findings);
        assert!(
            text.ends_with("a deadlock: all ranks wait, and nothing is under way to any of them\n")
        );
    }

    #[test]
    fn who_has_left_and_who_waits_for_it() {
        let mut views = vec![
            view(0, "MPI_Barrier", 1, -2),
            view(1, "MPI_Finalize", -2, -2),
            view(2, "MPI_Barrier", 1, -2),
            view(3, "MPI_Recv", 1, 7),
            view(4, "MPI_Ssend", 1, 8),
        ];
        views[1].wait.as_mut().unwrap().kind = WaitKind::Leaving;
        assert_eq!(
            who_left(&views, 1, &[0, 2]),
            "rank 1 is in MPI_Finalize, but ranks 0, 2 wait for it in MPI_Barrier on MPI_COMM_WORLD, which it can no longer call."
        );
        views[1].wait = None;
        assert_eq!(
            who_left(&views, 1, &[3, 4]),
            "rank 1 has ended, but rank 3 waits for a message with tag 7 from it in MPI_Recv on MPI_COMM_WORLD, which it can no longer send; \
             rank 4 waits for it to receive a message with tag 8 in MPI_Ssend on MPI_COMM_WORLD, which it can no longer do."
        );
    }
}
