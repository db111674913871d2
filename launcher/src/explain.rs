//! The report of who waits for whom, in plain words. Pure: from what the ranks published
//! and what was found to be certain.

use crate::outside::Outside;
use crate::phrase::{self, Others, Phrase};
use crate::python;
use crate::snapshot::{RankSnapshot, Wait};
use crate::source::Lines;
use crate::threads;
use crate::unreceived::unreceived;
use crate::watch::Findings;
use std::collections::BTreeMap;
use wireup::collective;
use wireup::layout::{State, WaitKind};
use wireup::report::ranges;
use wireup::waits;

/// What is known of ranks beside what they show.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// Where in the source they wait.
    pub lines: Lines,
    /// What they do outside of MPI.
    pub outside: Outside,
    /// Of ranks whose threads may all call MPI: how many threads do not wait in it.
    pub threads: BTreeMap<u32, usize>,
}

impl Known {
    /// Finds it out.
    pub fn of(snapshots: &[RankSnapshot]) -> Known {
        let mut lines = Lines::find(snapshots);
        for (rank, line) in python::lines(snapshots) {
            lines.set(rank, line);
        }
        Known {
            lines,
            outside: Outside::find(snapshots),
            threads: snapshots.iter().filter_map(other_threads).collect(),
        }
    }
}

/// How many threads of a rank do not wait in MPI, though they might.
fn other_threads(snapshot: &RankSnapshot) -> Option<(u32, usize)> {
    if !snapshot.counters.multiple {
        return None;
    }
    let threads = threads::of_the_program(snapshot.pid)?;
    let others = threads.checked_sub(snapshot.waits.len())?;
    (others > 0).then_some((snapshot.rank, others))
}

/// Which ranks were waiting for `rank` and for what, as a sentence; empty if none was.
pub fn waiters(snapshots: &[RankSnapshot], rank: u32) -> String {
    let mut ways: BTreeMap<String, Vec<u32>> = BTreeMap::new();
    for (snapshot, wait) in waits_for(snapshots, rank) {
        let call = wait
            .call
            .map_or(String::new(), |call| format!(" in {call}"));
        let place = phrase::place(&wait.shown);
        ways.entry(format!("{call} on {place}"))
            .or_default()
            .push(snapshot.rank);
    }
    let more = ways.len().saturating_sub(MAX_WAYS);
    let ways = ways.iter().take(MAX_WAYS).map(|(way, who)| match who[..] {
        [one] => format!("rank {one} was waiting for it{way}"),
        _ => format!(
            "ranks {} were waiting for it{way}",
            ranges(who.iter().copied())
        ),
    });
    let mut ways: Vec<String> = ways.collect();
    if more > 0 {
        ways.push("others as well".to_owned());
    }
    ways.join("; ")
}

/// The first wait for `rank` of each other rank that has one.
pub fn waits_for(
    snapshots: &[RankSnapshot],
    rank: u32,
) -> impl Iterator<Item = (&RankSnapshot, &Wait)> {
    let others = snapshots.iter().filter(move |s| s.rank != rank);
    others.filter_map(move |snapshot| {
        let wait = snapshot.waits.iter().find(|wait| is_for(wait, rank))?;
        Some((snapshot, wait))
    })
}

fn is_for(wait: &Wait, rank: u32) -> bool {
    wait.shown.peers.contains(&rank.cast_signed())
}

/// The report: a line for each rank, or for several that do the same; then the messages that
/// nobody has received; then what is certain. `what` is known beside what they show.
pub fn report(snapshots: &[RankSnapshot], findings: &Findings, what: &Known) -> String {
    let mut out = activities(snapshots, what, |_| true);
    out.push_str(&unreceived(snapshots, findings));
    for (left, waiters) in &findings.left {
        out.push_str(&format!("  {}\n", left_behind(snapshots, *left, waiters)));
    }
    out.push_str(&certain(findings));
    out
}

/// That a host has not answered.
pub fn silent(host: &str) -> String {
    format!("  host {host} does not answer: what is told of its ranks may be old")
}

/// What one rank does, and the messages that it has not received.
pub fn of_rank(snapshots: &[RankSnapshot], rank: u32, what: &Known) -> String {
    let mut out = activities(snapshots, what, |other| other == rank);
    let own = snapshots.get(rank as usize).map(std::slice::from_ref);
    out.push_str(&unreceived(own.unwrap_or_default(), &Findings::default()));
    out
}

/// Which ranks can never go on, as a sentence.
pub fn who_is_stuck(findings: &Findings) -> String {
    if findings.all {
        return "no rank can move any more".to_owned();
    }
    match findings.stuck.as_slice() {
        [one] => format!("rank {one} can never move again, whatever the others do"),
        all => format!(
            "ranks {} can never move again, whatever the others do",
            ranges(all.iter().copied())
        ),
    }
}

/// The report of ranks that are stuck.
pub fn stuck(snapshots: &[RankSnapshot], findings: &Findings, what: &Known) -> String {
    let shown = |rank: u32| findings.all || findings.stuck.contains(&rank);
    let mut out = activities(snapshots, what, shown);
    for rank in &findings.stuck {
        // That they sleep so is proven, else the rank were not stuck.
        let line = match what.threads.get(rank) {
            None => continue,
            Some(1) => {
                "another thread, which sleeps until a thread of this rank wakes it".to_owned()
            }
            Some(n) => {
                format!("{n} other threads, which sleep until a thread of this rank wakes them")
            }
        };
        out.push_str(&format!(
            "  rank {rank} has {line} (pthread_join, a lock)\n"
        ));
    }
    out.push_str(&unlike(snapshots, findings));
    out.push_str(&unreceived(snapshots, findings));
    if let Some(ring) = &findings.ring {
        out.push_str(&format!("  each waits for the next: {}\n", arrows(ring)));
    }
    out
}

/// The collectives to which all have come that are needed, and in which they are stuck all the
/// same.
fn unlike(snapshots: &[RankSnapshot], findings: &Findings) -> String {
    let is_stuck = |s: &&RankSnapshot| findings.all || findings.stuck.contains(&s.rank);
    let waits = snapshots.iter().filter(is_stuck).flat_map(|s| &s.waits);
    let there = waits.filter_map(|wait| {
        let (shown, tag) = (&wait.shown, wait.shown.collective?);
        let is_named = collective::parse(tag).is_some_and(|(kind, _)| {
            !matches!(kind, collective::Kind::CHECK | collective::Kind::FILE)
        });
        let is_known = shown.peers.len() < waits::PEERS && !shown.is_elsewhere();
        let key = (shown.context, tag);
        (is_named && shown.kind == WaitKind::Collective).then_some((key, shown, is_known))
    });
    let mut all = BTreeMap::new();
    for (key, shown, is_known) in there {
        let entry = all.entry(key).or_insert((shown, true));
        entry.1 &= is_known;
    }
    let absent = phrase::absent(snapshots);
    let told = all.into_iter().filter_map(|(key, (shown, is_known))| {
        let nobody = absent.get(&key).is_some_and(Vec::is_empty);
        let (name, number) = phrase::collective(shown).filter(|_| nobody && is_known)?;
        let place = phrase::place(shown);
        Some(format!(
            "  nobody is missing in {name} on {place} (collective no. {number}): the calls are not alike, in root, count or datatype (mpirun --check tells in which)\n"
        ))
    });
    told.collect()
}

fn arrows(ring: &[u32]) -> String {
    /// Links of a ring that are listed.
    const MOST: usize = 16;
    let names: Vec<String> = ring.iter().map(u32::to_string).collect();
    match names.split_at_checked(MOST) {
        Some((first, rest)) if rest.len() > 1 => {
            let last = rest.last().map_or("", String::as_str);
            format!("{} → … → {last}", first.join(" → "))
        }
        _ => names.join(" → "),
    }
}

fn certain(findings: &Findings) -> String {
    if let Some(ring) = &findings.ring {
        return format!(
            "  a deadlock: each of these ranks waits for the next: {}\n",
            arrows(ring)
        );
    }
    match findings.all && findings.left.is_empty() {
        true => {
            "  a deadlock: all ranks wait, and nothing is under way to any of them\n".to_owned()
        }
        false => String::new(),
    }
}

/// One line of the report.
struct Line<'a> {
    phrase: Phrase,
    place: Option<String>,
    ranks: Vec<&'a RankSnapshot>,
    longest: Option<std::time::Duration>,
}

/// A line for each wait of each rank for which `shown` says so, or for several ranks that
/// do the same.
fn activities(snapshots: &[RankSnapshot], what: &Known, shown: impl Fn(u32) -> bool) -> String {
    let size = snapshots.len();
    let mut all: Vec<Line<'_>> = Vec::new();
    let mut line_of: BTreeMap<(Phrase, Option<String>), usize> = BTreeMap::new();
    let others = Others::of(snapshots);
    // A neighbour is named by its number where few ranks do the same.
    let mut alike: BTreeMap<Phrase, usize> = BTreeMap::new();
    for snapshot in snapshots.iter().filter(|s| shown(s.rank)) {
        for wait in &snapshot.waits {
            *alike
                .entry(phrase::of_wait(snapshot, wait, size, &others))
                .or_default() += 1;
        }
    }
    let mut add = |snapshot, phrase: Phrase, place: Option<String>, time| {
        let at = *line_of
            .entry((phrase.clone(), place.clone()))
            .or_insert(all.len());
        if at == all.len() {
            all.push(Line {
                phrase,
                place,
                ranks: Vec::new(),
                longest: None,
            });
        }
        all[at].ranks.push(snapshot);
        all[at].longest = all[at].longest.max(time);
    };
    for snapshot in snapshots.iter().filter(|s| shown(s.rank)) {
        if snapshot.state == Some(State::Gone) || snapshot.waits.is_empty() {
            add(
                snapshot,
                phrase::without_wait(snapshot, what.outside.of(snapshot.rank)),
                None,
                None,
            );
            continue;
        }
        for (slot, wait) in snapshot.waits.iter().enumerate() {
            let relative = phrase::of_wait(snapshot, wait, size, &others);
            let phrase = match alike.get(&relative) {
                Some(count) if *count >= phrase::FEW => relative,
                _ => phrase::of_wait(snapshot, wait, 0, &others),
            };
            let place = what.lines.of(snapshot.rank, slot);
            add(snapshot, phrase, place, Some(wait.time));
        }
    }
    let written = all.iter().map(written);
    written.collect()
}

fn written(line: &Line<'_>) -> String {
    let (subject, text) = match line.ranks[..] {
        [one] => (phrase::subject(one, &line.phrase), line.phrase.of_one()),
        _ => (
            format!(
                "ranks {}{}",
                ranges(line.ranks.iter().map(|s| s.rank)),
                on_hosts(&line.ranks)
            ),
            line.phrase.of_many(),
        ),
    };
    let colon = if text.starts_with("each ") { ":" } else { "" };
    let time = line.longest.map_or(String::new(), |time| {
        let most = if line.ranks.len() > 1 { "up to " } else { "" };
        format!(" ({most}{:.1} s)", time.as_secs_f64())
    });
    let place = line.place.as_ref();
    let place = place.map_or(String::new(), |place| format!("    at {place}"));
    format!("  {subject}{colon} {text}{time}{place}\n")
}

/// The hosts of these ranks, in a job on several.
fn on_hosts(ranks: &[&RankSnapshot]) -> String {
    /// Hosts that are named.
    const MOST: usize = 4;
    let nodes = ranks.iter().filter_map(|rank| rank.node.as_ref());
    let mut hosts: Vec<&str> = Vec::new();
    for node in nodes {
        if !hosts.contains(&&*node.host) {
            hosts.push(&node.host);
        }
    }
    match hosts[..] {
        [] => String::new(),
        [one] => format!(" on host {one}"),
        _ if hosts.len() <= MOST => format!(" on hosts {}", hosts.join(", ")),
        _ => format!(" on {} hosts", hosts.len()),
    }
}

/// What the ranks do that can never go on since others have left, a line each; and what has
/// come to them that nobody has received.
pub fn bereft(snapshots: &[RankSnapshot], findings: &Findings, what: &Known) -> String {
    let mut out = activities(snapshots, what, |rank| findings.stuck.contains(&rank));
    out.push_str(&unreceived(snapshots, findings));
    out
}

/// A sentence for a rank that is in `MPI_Finalize`, or has ended, while others wait for
/// something that it can no longer do.
pub fn left_behind(snapshots: &[RankSnapshot], left: u32, waiters: &[u32]) -> String {
    let find = |rank: u32| snapshots.iter().find(|s| s.rank == rank);
    let is_leaving = |s: &RankSnapshot| s.waits.iter().any(|w| w.shown.kind == WaitKind::Leaving);
    let is = match find(left).is_some_and(is_leaving) {
        true => "is in MPI_Finalize",
        false => "has ended",
    };
    let mut ways: Vec<(String, Vec<u32>)> = Vec::new();
    let called = phrase::called(snapshots);
    for snapshot in waiters.iter().filter_map(|rank| find(*rank)) {
        let text = match took_part(&called, snapshot, left) {
            Some(text) => text,
            None => missing(snapshot),
        };
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

/// Whether this is so: all of `waiters` wait for `left` in collectives that it has called.
pub fn has_called(snapshots: &[RankSnapshot], left: u32, waiters: &[u32]) -> bool {
    let called = phrase::called(snapshots);
    let mut waiters = snapshots.iter().filter(|s| waiters.contains(&s.rank));
    waiters.all(|snapshot| took_part(&called, snapshot, left).is_some())
}

/// What a rank waits for from one that has left, if that is a collective that this one has
/// called: then they do not agree on it. The text calls that one «it».
fn took_part(
    called: &BTreeMap<(u32, u32), i32>,
    snapshot: &RankSnapshot,
    left: u32,
) -> Option<String> {
    let shown = &snapshot.waits.first()?.shown;
    let tag = shown.collective?;
    let last = called.get(&(left, shown.context))?;
    let (_, number) = phrase::collective(shown)?;
    phrase::is_not_before(*last, tag).then(|| {
        let call = snapshot.call.map_or(String::new(), |c| format!(" in {c}"));
        let place = phrase::place(shown);
        format!(
            "for it{call} on {place} (no. {number}), which it has called already, but not alike: \
             root, count or datatype differ (mpirun --check tells which)"
        )
    })
}

/// Ways of waiting for one rank that the sentence lists at the most.
const MAX_WAYS: usize = 8;

/// What a rank waits for from one that has left. The text calls that one «it».
fn missing(snapshot: &RankSnapshot) -> String {
    let call = snapshot.call.map_or(String::new(), |c| format!(" in {c}"));
    let Some(wait) = snapshot.waits.first() else {
        return format!("for it{call}");
    };
    let shown = &wait.shown;
    let place = phrase::place(shown);
    let message = match shown.tag {
        tag if tag >= 0 => format!("a message with tag {tag}"),
        _ => "a message".to_owned(),
    };
    match shown.kind {
        WaitKind::Receive => {
            format!("for {message} from it{call} on {place}, which it can no longer send")
        }
        WaitKind::Send => {
            format!("for it to receive {message}{call} on {place}, which it can no longer do")
        }
        WaitKind::Collective => match phrase::collective(shown) {
            Some((_, number)) => {
                format!("for it{call} on {place} (no. {number}), which it can no longer call")
            }
            None => format!("for it{call} on {place}, which it can no longer call"),
        },
        _ => format!("for it{call} on {place}, which it can no longer call"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::Counters;
    use std::time::Duration;
    use wireup::collective::{Kind, tag};
    use wireup::waits::Unreceived;
    use wireup::waits::{Need, Wait as Shown};

    fn waiting(rank: u32, call: &'static str, peer: i32, tag: i32) -> RankSnapshot {
        let kind = match (peer, call) {
            (-2, _) => WaitKind::Other,
            (_, "MPI_Ssend") => WaitKind::Send,
            (_, "MPI_Barrier") => WaitKind::Collective,
            _ => WaitKind::Receive,
        };
        let shown = Shown {
            kind,
            need: if peer < 0 { Need::Anybody } else { Need::AllOf },
            peers: Some(peer).filter(|peer| *peer >= 0).into_iter().collect(),
            peer_rank: peer,
            rank: rank.cast_signed(),
            tag,
            bytes: (kind != WaitKind::Collective).then_some(24),
            ..Shown::default()
        };
        RankSnapshot {
            rank,
            pid: 12 + rank,
            state: Some(State::Running),
            call: Some(call),
            last_call: None,
            waits: vec![Wait {
                time: Duration::from_millis(3200),
                call: Some(call),
                shown,
            }],
            unreceived: Vec::new(),
            unreceived_count: 0,
            counters: Counters::default(),
            node: None,
        }
    }

    fn report(snapshots: &[RankSnapshot]) -> String {
        super::report(snapshots, &Findings::default(), &Known::default())
    }

    #[test]
    fn one_line_says_who_waits_for_what() {
        let mut receive = waiting(0, "MPI_Recv", 1, 7);
        let text = |snapshot: &RankSnapshot| report(std::slice::from_ref(snapshot));
        assert_eq!(
            text(&receive),
            "  rank 0 (pid 12) waits in MPI_Recv for rank 1, tag 7, on MPI_COMM_WORLD, room for 24 bytes (3.2 s)\n"
        );
        receive.waits[0].shown.datatype = "MPI_DOUBLE".to_owned();
        receive.waits[0].shown.element = 8;
        assert!(text(&receive).contains("room for 3 MPI_DOUBLE"));
        assert!(text(&waiting(0, "MPI_Ssend", 1, 7)).contains(
            "waits in MPI_Ssend for rank 1 to receive 24 bytes, tag 7, on MPI_COMM_WORLD ("
        ));
        let any = text(&waiting(0, "MPI_Recv", -1, -1));
        assert!(
            any.contains("for any rank, any tag, on MPI_COMM_WORLD"),
            "{any}"
        );
        assert!(
            text(&waiting(0, "MPI_Barrier", -2, -2)).ends_with("waits in MPI_Barrier (3.2 s)\n")
        );
        let mut on_window = waiting(0, "MPI_Win_lock", -2, -2);
        on_window.waits[0].shown.context = 8;
        on_window.waits[0].shown.place = "window \"table\"".to_owned();
        assert!(text(&on_window).ends_with("waits in MPI_Win_lock on window \"table\" (3.2 s)\n"));
        let shown = &mut on_window.waits[0].shown;
        (shown.kind, shown.tag) = (WaitKind::LockExclusive, 2);
        let lock = "waits in MPI_Win_lock (exclusive) at rank 2 of window \"table\"; ";
        assert!(text(&on_window).contains(&format!("{lock}who holds it is not known")));
        on_window.waits[0].shown.peers = vec![1];
        assert!(text(&on_window).contains(&format!("{lock}held by rank 1 (")));
        let both = report(&[waiting(1, "MPI_Barrier", -2, -2), on_window.clone()]);
        assert!(
            both.contains("held by rank 1, which is in MPI_Barrier ("),
            "{both}"
        );
        let shown = &mut on_window.waits[0].shown;
        (shown.kind, shown.peers) = (WaitKind::Fence, vec![1, 2]);
        assert!(text(&on_window).contains("on window \"table\"; not there yet: ranks 1-2 ("));
    }

    #[test]
    fn requests_and_ranks_of_a_communicator_are_named() {
        let mut snapshot = waiting(3, "MPI_Waitall", 5, 7);
        let shown = &mut snapshot.waits[0].shown;
        shown.open = (1, 2);
        shown.place = "\"odd\"".to_owned();
        shown.context = 8;
        (shown.rank, shown.peer_rank) = (1, 2);
        assert_eq!(
            report(&[snapshot]),
            "  rank 1 of \"odd\" (world rank 3, pid 15) waits in MPI_Waitall, 1 of 2 requests open: \
             receive from rank 2 (world rank 5), tag 7, on \"odd\", room for 24 bytes (3.2 s)\n"
        );
    }

    #[test]
    fn a_collective_names_who_is_missing() {
        let mut all: Vec<RankSnapshot> = (0..4).map(|r| waiting(r, "MPI_Barrier", 3, -2)).collect();
        for snapshot in &mut all[..3] {
            let shown = &mut snapshot.waits[0].shown;
            shown.collective = Some(tag(Kind::BARRIER, 0));
            shown.context = 1;
            shown.peers = vec![0, 3];
        }
        all[3].waits.clear();
        all[3].call = None;
        assert_eq!(
            report(&all),
            "  ranks 0-2 wait in MPI_Barrier on MPI_COMM_WORLD (collective no. 1); not there yet: rank 3 (up to 3.2 s)\n  \
             rank 3 (pid 15) is not in an MPI call\n"
        );
    }

    #[test]
    fn ranks_that_do_the_same_share_a_line() {
        let snapshots: Vec<RankSnapshot> = (1..6).map(|r| waiting(r, "MPI_Recv", 0, 7)).collect();
        let text = report(&snapshots);
        assert!(
            text.contains("ranks 1-5 wait in MPI_Recv for rank 0, tag 7"),
            "{text}"
        );
        let ring = |count: u32| -> Vec<RankSnapshot> {
            let before = |rank: u32| ((rank + count - 1) % count).cast_signed();
            (0..count)
                .map(|r| waiting(r, "MPI_Recv", before(r), 7))
                .collect()
        };
        let text = report(&ring(64));
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(
            text.contains("ranks 0-63: each waits in MPI_Recv for the rank before it, tag 7"),
            "{text}"
        );
        assert_eq!(report(&ring(3)).lines().count(), 3);
    }

    #[test]
    fn what_lies_unreceived_is_told_with_what_is_wanted() {
        let message = |source, tag, context| Unreceived {
            source,
            tag,
            context,
            bytes: 4,
            is_partitioned: false,
            place: if context == 0 {
                "MPI_COMM_WORLD"
            } else {
                "\"halo\""
            }
            .to_owned(),
        };
        let mut snapshot = waiting(0, "MPI_Recv", 1, 8);
        snapshot.waits[0].shown.place = "MPI_COMM_WORLD".to_owned();
        let text = |message: Unreceived| {
            let mut snapshot = snapshot.clone();
            snapshot.unreceived = vec![message];
            let findings = Findings {
                stuck: vec![0],
                ..Findings::default()
            };
            super::stuck(&[snapshot], &findings, &Known::default())
        };
        for (message, end) in [
            (
                message(1, 7, 0),
                "tag 7, on MPI_COMM_WORLD, 4 bytes: tag 7 came, tag 8 is wanted\n",
            ),
            (
                message(2, 8, 0),
                "4 bytes: it came from rank 2, rank 1 is waited for\n",
            ),
            (
                message(1, 8, 6),
                "it came on \"halo\", MPI_COMM_WORLD is waited for\n",
            ),
            (message(2, 3, 6), "tag 3, on \"halo\", 4 bytes\n"),
            (
                Unreceived {
                    is_partitioned: true,
                    ..message(1, 8, 0)
                },
                "4 bytes, partitioned: a partitioned message came, a plain one is wanted: they never match\n",
            ),
        ] {
            let text = text(message);
            assert!(
                text.contains("  never received: at rank 0, from rank "),
                "{text}"
            );
            assert!(text.ends_with(end), "{text}");
        }
    }

    #[test]
    fn what_is_certain_is_said() {
        let snapshots: Vec<RankSnapshot> = (0..3)
            .map(|r| waiting(r, "MPI_Recv", [1, 2, 1][r as usize], 7))
            .collect();
        assert_eq!(
            waiters(&snapshots, 1),
            "ranks 0, 2 were waiting for it in MPI_Recv on MPI_COMM_WORLD"
        );
        assert_eq!(waiters(&snapshots, 0), "");
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
        let text = super::report(&snapshots, &findings, &Known::default());
        assert!(text.ends_with("a deadlock: each of these ranks waits for the next: 1 → 2 → 1\n"));
        findings.ring = None;
        let text = super::report(&snapshots, &findings, &Known::default());
        assert!(
            text.ends_with("a deadlock: all ranks wait, and nothing is under way to any of them\n")
        );
        assert_eq!(who_is_stuck(&findings), "no rank can move any more");
        findings.all = false;
        assert!(who_is_stuck(&findings).starts_with("ranks 0-2 can never move again"));
        assert!(arrows(&(0..40).collect::<Vec<_>>()).ends_with("15 → … → 39"));
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
        snapshots[1].waits[0].shown.kind = WaitKind::Leaving;
        assert_eq!(
            left_behind(&snapshots, 1, &[0, 2]),
            "rank 1 is in MPI_Finalize, but ranks 0, 2 wait for it in MPI_Barrier on MPI_COMM_WORLD, which it can no longer call."
        );
        snapshots[0].waits[0].shown.collective = Some(tag(Kind::BARRIER, 4));
        assert!(left_behind(&snapshots, 1, &[0]).contains("on MPI_COMM_WORLD (no. 5), which"));
        snapshots[1].waits.clear();
        assert_eq!(
            left_behind(&snapshots, 1, &[3, 4]),
            "rank 1 has ended, but rank 3 waits for a message with tag 7 from it in MPI_Recv on MPI_COMM_WORLD, which it can no longer send; \
             rank 4 waits for it to receive a message with tag 8 in MPI_Ssend on MPI_COMM_WORLD, which it can no longer do."
        );
    }
}
