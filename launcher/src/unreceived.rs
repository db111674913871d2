//! Messages that came and that nobody has asked for, as reports tell of them. Pure, as
//! [`crate::explain`].

use crate::snapshot::{RankSnapshot, Wait};
use crate::watch::Findings;
use wireup::collective;
use wireup::layout::WaitKind;
use wireup::waits::Unreceived;

/// Rows of messages without a receive that a report has at the most.
const MAX_ROWS: usize = 12;

/// The messages that came and that nobody has asked for, each with what is asked for in
/// its place if that is nearly the same.
pub fn unreceived(snapshots: &[RankSnapshot], findings: &Findings) -> String {
    let mut rows = Vec::new();
    let mut left_out = 0;
    for snapshot in snapshots {
        let verb = match findings.all || findings.stuck.contains(&snapshot.rank) {
            true => "never received",
            false => "not received so far",
        };
        left_out += (snapshot.unreceived_count as usize).saturating_sub(snapshot.unreceived.len());
        for message in &snapshot.unreceived {
            let place = match message.place.as_str() {
                "" => format!("a communicator that is freed (context {})", message.context),
                place => place.to_owned(),
            };
            let guess = guess(snapshot, message)
                .or_else(|| meant_for(snapshots, snapshot, message))
                .map_or(String::new(), |why| format!(": {why}"));
            let (tag, what) = match collective::parse_agreement(message.tag) {
                Some((call, tag)) => (tag, format!("of {call}")),
                None if message.is_partitioned => {
                    (message.tag, format!("{} bytes, partitioned", message.bytes))
                }
                None => (message.tag, format!("{} bytes", message.bytes)),
            };
            let row = format!(
                "  {verb}: at rank {}, from rank {}, tag {tag}, on {place}, {what}{guess}\n",
                snapshot.rank, message.source
            );
            // A call says more than one thing.
            if message.tag >= 0 || !rows.contains(&row) {
                rows.push(row);
            }
        }
    }
    left_out += rows.len().saturating_sub(MAX_ROWS);
    rows.truncate(MAX_ROWS);
    if left_out > 0 {
        rows.push(format!(
            "  and {left_out} messages more that nobody has received\n"
        ));
    }
    rows.concat()
}

/// Why this message is not what a receive of the rank asks for, where it nearly is.
pub fn guess(snapshot: &RankSnapshot, message: &Unreceived) -> Option<String> {
    if let Some((call, tag)) = collective::parse_agreement(message.tag) {
        return guess_of_call(snapshot, message, call, tag);
    }
    let receives = snapshot.waits.iter().map(|wait| &wait.shown);
    let receives = receives.filter(|wait| wait.kind == WaitKind::Receive && wait.tag != -2);
    for wanted in receives {
        let source = u32::try_from(wanted.peer_rank).ok();
        let same_source = source.is_none_or(|source| source == message.source);
        let same_tag = wanted.tag == -1 || wanted.tag == message.tag;
        let same_place = wanted.context == message.context;
        if wanted.is_partitioned != message.is_partitioned {
            if (same_place, same_source, same_tag) == (true, true, true) {
                let (came, wanted) = match wanted.is_partitioned {
                    true => ("a plain", "a partitioned"),
                    false => ("a partitioned", "a plain"),
                };
                return Some(format!(
                    "{came} message came, {wanted} one is wanted: they never match"
                ));
            }
            continue;
        }
        return Some(match (same_place, same_source, same_tag) {
            (true, true, false) => {
                format!("tag {} came, tag {} is wanted", message.tag, wanted.tag)
            }
            (true, false, true) => format!(
                "it came from rank {}, rank {} is waited for",
                message.source, wanted.peer_rank
            ),
            (false, true, true) => {
                format!(
                    "it came on {}, {} is waited for",
                    message.place, wanted.place
                )
            }
            (false, true, false) if source.is_some() => format!(
                "tag {} on {} came, tag {} on {} is wanted",
                message.tag, message.place, wanted.tag, wanted.place
            ),
            _ => continue,
        });
    }
    None
}

/// The same of a message of a call with a tag of the program's: the rank is in such a call, too.
fn guess_of_call(
    snapshot: &RankSnapshot,
    message: &Unreceived,
    call: &str,
    tag: i32,
) -> Option<String> {
    let mut waits = snapshot.waits.iter();
    let wanted = waits.find(|wait| {
        let is_there = wait.shown.context & !1 == message.context;
        is_there && wait.call == Some(call) && wait.shown.tag >= 0
    });
    let Some(wanted) = wanted else {
        let rank = snapshot.rank;
        return Some(format!(
            "rank {rank} has not called it, or with other arguments"
        ));
    };
    let wanted = &wanted.shown;
    let same_source = wanted.peer_rank == message.source.cast_signed();
    match (same_source, wanted.tag == tag) {
        (true, false) => Some(format!("tag {tag} came, tag {} is wanted", wanted.tag)),
        (false, true) => Some(format!(
            "it came from rank {}, rank {} is waited for",
            message.source, wanted.peer_rank
        )),
        _ => None,
    }
}

/// Which other rank waits for exactly such a message, if `at` has come to the wrong one.
fn meant_for(
    snapshots: &[RankSnapshot],
    at: &RankSnapshot,
    message: &Unreceived,
) -> Option<String> {
    let source = i32::try_from(message.source).ok()?;
    let is_such = |wait: &Wait| {
        let wanted = &wait.shown;
        wanted.kind == WaitKind::Receive
            && (wanted.context, wanted.peer_rank, wanted.tag)
                == (message.context, source, message.tag)
            && wanted.is_partitioned == message.is_partitioned
    };
    let others = snapshots.iter().filter(|other| other.rank != at.rank);
    let mut who = others.filter(|other| other.waits.iter().any(is_such));
    let rank = who.next()?.rank;
    who.next()
        .is_none()
        .then(|| format!("rank {rank} waits for such a message"))
}
