//! What one rank does, as a phrase of a report. Pure.

use crate::say::rank_in_job;
use crate::snapshot::{RankSnapshot, Wait};
use std::collections::{BTreeMap, BTreeSet};
use wireup::collective;
use wireup::layout::{State, WaitKind, far_rank};
use wireup::report::ranges;
use wireup::waits::{Need, Wait as Shown};

/// So many ranks at least that do the same towards their neighbours are one line.
pub const FEW: usize = 4;

/// What a rank does, without who does it: «waits in MPI_Recv for rank 1, tag 7». What it
/// waits for may be a neighbour, which is a different rank for each.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Phrase {
    /// «waits», «is», «has».
    verb: Verb,
    before: String,
    peer: Peer,
    after: String,
    /// The rank's number on that communicator, where it is another one than in
    /// `MPI_COMM_WORLD`; such ranks are told one by one.
    own: Option<(i32, String)>,
}

/// The verb of a phrase.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Verb {
    Waits,
    Is,
    Has,
}

impl Verb {
    fn of(self, many: bool) -> &'static str {
        match (self, many) {
            (Verb::Waits, false) => "waits",
            (Verb::Waits, true) => "wait",
            (Verb::Is, false) => "is",
            (Verb::Is, true) => "are",
            (Verb::Has, false) => "has",
            (Verb::Has, true) => "have",
        }
    }
}

/// A peer in a phrase.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Peer {
    /// It is in the text.
    Told,
    /// The rank before (-1) or after (1) this one.
    Neighbour(i32),
    /// The rank itself.
    Itself,
}

impl Phrase {
    fn plain(verb: Verb, text: impl Into<String>) -> Phrase {
        Phrase {
            verb,
            before: text.into(),
            peer: Peer::Told,
            after: String::new(),
            own: None,
        }
    }

    /// As said of one rank.
    pub fn of_one(&self) -> String {
        let peer = match self.peer {
            Peer::Itself => "itself",
            Peer::Told | Peer::Neighbour(_) => "",
        };
        self.with(self.verb.of(false), peer)
    }

    /// As said of several ranks.
    pub fn of_many(&self) -> String {
        let (peer, each) = match self.peer {
            Peer::Told => ("", false),
            Peer::Itself => ("itself", true),
            Peer::Neighbour(step) if step < 0 => ("the rank before it", true),
            Peer::Neighbour(_) => ("the rank after it", true),
        };
        match each {
            true => format!("each {}", self.with(self.verb.of(false), peer)),
            false => self.with(self.verb.of(true), peer),
        }
    }

    fn with(&self, verb: &str, peer: &str) -> String {
        format!("{verb} {}{peer}{}", self.before, self.after)
    }
}

/// The rank that a line is about.
pub fn subject(snapshot: &RankSnapshot, phrase: &Phrase) -> String {
    let (rank, pid) = (rank_in_job(snapshot.rank), snapshot.pid);
    let node = snapshot.node.as_ref();
    let host = node.map_or(String::new(), |node| format!(" on host {}", node.host));
    match &phrase.own {
        Some((own, place)) => format!("rank {own} of {place} (world rank {rank}, pid {pid}{host})"),
        None => format!("rank {rank} (pid {pid}{host})"),
    }
}

/// The communicator or window of a wait.
pub fn place(shown: &Shown) -> String {
    match (shown.place.as_str(), shown.context & !1) {
        ("", 0) => "MPI_COMM_WORLD".to_owned(),
        ("", 2) => "MPI_COMM_SELF".to_owned(),
        ("", context) => format!("the communicator with context {context}"),
        (place, _) => place.to_owned(),
    }
}

/// Whether it is no collective that the program has called: ranks compare there what they
/// call before they do it (`mpirun --check`), or agree on something about a file.
fn has_no_name(shown: &Shown) -> bool {
    let parsed = shown.collective.and_then(collective::parse);
    parsed.is_some_and(|(kind, _)| matches!(kind, collective::Kind::CHECK | collective::Kind::FILE))
}

/// The name and the number of the collective that a wait is in.
pub fn collective(shown: &Shown) -> Option<(String, u32)> {
    let (kind, number) = collective::parse(shown.collective?)?;
    Some((kind.name(), number.wrapping_add(1)))
}

/// For each collective that ranks wait in, by context and tag, the ranks that have not
/// come to it though others need them.
pub type Absent = BTreeMap<(u32, i32), Vec<u32>>;

/// What phrases about one rank say of others.
#[derive(Debug, Default)]
pub struct Others {
    absent: Absent,
    /// The last collective that each rank is known to have called, by rank and context.
    called: BTreeMap<(u32, u32), i32>,
    /// The calls that ranks are in.
    calls: BTreeMap<u32, &'static str>,
}

impl Others {
    /// Finds it out.
    pub fn of(snapshots: &[RankSnapshot]) -> Others {
        let calls = snapshots.iter().filter_map(|s| Some((s.rank, s.call?)));
        Others {
            absent: absent(snapshots),
            called: called(snapshots),
            calls: calls.collect(),
        }
    }
}

/// Who is absent from which collective. Those that a wait lists may be there and wait for
/// others themselves.
pub fn absent(snapshots: &[RankSnapshot]) -> Absent {
    let mut there: BTreeMap<(u32, i32), BTreeSet<i32>> = BTreeMap::new();
    let mut needed: BTreeMap<(u32, i32), BTreeSet<i32>> = BTreeMap::new();
    for snapshot in snapshots {
        for wait in &snapshot.waits {
            let shown = &wait.shown;
            if let (WaitKind::Collective, Some(tag)) = (shown.kind, shown.collective) {
                let key = (shown.context, tag);
                there
                    .entry(key)
                    .or_default()
                    .insert(snapshot.rank.cast_signed());
                needed.entry(key).or_default().extend(&shown.peers);
            }
        }
    }
    let absent = needed.into_iter().map(|(key, needed)| {
        let there = there.get(&key);
        let missing = needed.into_iter().filter(|rank| {
            let is_there = there.is_some_and(|there| there.contains(rank));
            !is_there && *rank >= 0
        });
        (key, missing.map(i32::cast_unsigned).collect())
    });
    absent.collect()
}

/// Whether who has called the collective of the first tag has called that of the second, too: it
/// is the same, or an earlier one. A persistent one is called when it is started, in any order.
pub fn is_not_before(tag: i32, other: i32) -> bool {
    if collective::parse(other).is_none_or(|(kind, _)| kind.is_persistent()) {
        return false;
    }
    let number = |tag: i32| tag.cast_unsigned() & collective::NUMBER;
    number(tag).wrapping_sub(number(other)) & collective::NUMBER <= collective::NUMBER / 2
}

/// The tag of the last collective that each rank is known to have called, by rank and context:
/// it waits in one, or it is in `MPI_Finalize`, where it shows the last one on
/// `MPI_COMM_WORLD`.
pub fn called(snapshots: &[RankSnapshot]) -> BTreeMap<(u32, u32), i32> {
    let mut called = BTreeMap::new();
    for snapshot in snapshots {
        for wait in &snapshot.waits {
            let context = match wait.shown.kind {
                WaitKind::Leaving => WORLDS_COLLECTIVES,
                _ => wait.shown.context,
            };
            if let Some(tag) = wait.shown.collective {
                called.insert((snapshot.rank, context), tag);
            }
        }
    }
    called
}

/// The context of collectives on `MPI_COMM_WORLD`.
const WORLDS_COLLECTIVES: u32 = 1;

/// What a rank does that waits for nothing; `outside`: what the kernel says of it.
pub fn without_wait(snapshot: &RankSnapshot, outside: Option<&str>) -> Phrase {
    match (snapshot.state, snapshot.call) {
        (Some(State::Gone), _) => Phrase::plain(Verb::Has, "ended"),
        (Some(State::Fresh), _) => Phrase::plain(Verb::Has, "not called MPI_Init"),
        (Some(State::Finalized), _) => Phrase::plain(Verb::Is, "past MPI_Finalize"),
        (_, Some(call)) => Phrase::plain(Verb::Is, format!("in {call}")),
        (Some(State::Claimed), None) => Phrase::plain(Verb::Is, "in MPI_Init"),
        (Some(State::Finalizing), None) => Phrase::plain(Verb::Is, "in MPI_Finalize"),
        (_, None) => {
            let does = outside.map_or(String::new(), |does| format!(": {does}"));
            let last = snapshot.last_call;
            let last = last.map_or(String::new(), |call| format!("; last call {call}"));
            Phrase::plain(Verb::Is, format!("not in an MPI call{does}{last}"))
        }
    }
}

/// What a rank waits for, in a job of `size` ranks; 0: its neighbours are named by numbers.
pub fn of_wait(snapshot: &RankSnapshot, wait: &Wait, size: usize, others: &Others) -> Phrase {
    let shown = &wait.shown;
    let call = wait.call.map_or(String::new(), |call| format!("in {call}"));
    if shown.kind == WaitKind::Leaving {
        return Phrase::plain(Verb::Is, call);
    }
    let (open, total) = shown.open;
    let requests = match total {
        0 | 1 => String::new(),
        _ => format!(", {open} of {total} requests open: "),
    };
    let place = place(shown);
    let on_world = place == "MPI_COMM_WORLD" || shown.place.is_empty() && shown.context & !1 == 0;
    let is_own = shown.rank >= 0 && shown.rank != snapshot.rank.cast_signed();
    let own = (is_own && !on_world).then(|| (shown.rank, place.clone()));
    let told = Phrase::plain(Verb::Waits, "");
    let mut phrase = match shown.kind {
        WaitKind::Receive | WaitKind::Send => {
            message(snapshot, shown, size, (&call, &requests, &place))
        }
        WaitKind::Fence => Phrase {
            before: format!("{call} on {place}; not there yet: {}", peers(shown)),
            ..told
        },
        WaitKind::LockExclusive | WaitKind::LockShared => Phrase {
            before: format!("{call}{}", lock(shown, others, &place)),
            ..told
        },
        WaitKind::Collective => Phrase {
            before: format!(
                "{call}{requests}{}",
                in_collective(shown, wait, others, &place)
            ),
            ..told
        },
        _ => Phrase {
            before: format!("{call}{}{}", requests, otherwise(shown, &place)),
            ..told
        },
    };
    phrase.own = own;
    phrase
}

/// A peer, with its rank on the communicator first.
fn peer(shown: &Shown) -> String {
    let world = shown.peers.first().copied();
    match (shown.need, world, shown.peer_rank) {
        (Need::OneOf, _, _) if shown.peers.len() > 1 => {
            let peers = shown
                .peers
                .iter()
                .filter_map(|peer| u32::try_from(*peer).ok());
            format!("one of ranks {}", ranges(peers))
        }
        (_, Some(world), _) if let Some(rank) = far_rank(world) => {
            format!("rank {rank} of the job, on another host")
        }
        (_, Some(world), own) if own >= 0 && own != world => {
            format!("rank {own} (world rank {world})")
        }
        (_, Some(world), _) => format!("rank {world}"),
        (_, None, _) => "any rank".to_owned(),
    }
}

fn message(
    snapshot: &RankSnapshot,
    shown: &Shown,
    size: usize,
    (call, requests, place): (&str, &str, &str),
) -> Phrase {
    let amount = match shown.is_partitioned {
        true => Some("a partitioned message".to_owned()),
        false => shown.bytes.map(|bytes| amount(bytes, shown)),
    };
    let room = match (shown.is_partitioned, &amount) {
        (true, _) => ", partitioned".to_owned(),
        (false, Some(amount)) => format!(", room for {amount}"),
        (false, None) => String::new(),
    };
    let tag = match shown.tag {
        -2 => String::new(),
        -1 => ", any tag".to_owned(),
        tag => format!(", tag {tag}"),
    };
    let sends = shown.kind == WaitKind::Send;
    let several = !requests.is_empty();
    let (head, tail) = match (sends, several) {
        (false, false) => (format!("{call} for "), room),
        (false, true) => (format!("{call}{requests}receive from "), room),
        (true, false) => (
            format!("{call} for "),
            amount.map_or(" to receive".to_owned(), |amount| {
                format!(" to receive {amount}")
            }),
        ),
        (true, true) => (
            format!("{call}{requests}send to "),
            amount.map_or(String::new(), |amount| format!(", {amount}")),
        ),
    };
    let after = match sends {
        true => format!("{tail}{tag}, on {place}"),
        false => format!("{tag}, on {place}{tail}"),
    };
    let step = neighbour(snapshot, shown, size);
    let is_itself = shown.need == Need::AllOf && shown.peers == [snapshot.rank.cast_signed()];
    let told = match step {
        Some(_) => String::new(),
        None if is_itself => String::new(),
        None => format!("{}{}", peer(shown), notice(call)),
    };
    Phrase {
        verb: Verb::Waits,
        before: format!("{head}{told}"),
        peer: match step {
            Some(step) => Peer::Neighbour(step),
            None if is_itself => Peer::Itself,
            None => Peer::Told,
        },
        after,
        own: None,
    }
}

/// What a peer has to call, where that is not plain from the call that waits for it.
fn notice(call: &str) -> &'static str {
    match call.trim_start_matches("in ") {
        "MPI_Win_start" => " to call MPI_Win_post",
        "MPI_Win_wait" => " to call MPI_Win_complete",
        _ => "",
    }
}

/// Whether the peer is the rank before (-1) or after (1) this one in `MPI_COMM_WORLD`.
fn neighbour(snapshot: &RankSnapshot, shown: &Shown, size: usize) -> Option<i32> {
    let size = i32::try_from(size).ok()?;
    let [peer] = shown.peers.as_slice() else {
        return None;
    };
    if size < i32::try_from(FEW).ok()? || shown.context & !1 != 0 || *peer < 0 {
        return None;
    }
    let own = snapshot.rank.cast_signed();
    [-1, 1]
        .into_iter()
        .find(|step| (own + step).rem_euclid(size) == *peer)
}

/// So many elements of a datatype, or bytes.
fn amount(bytes: u64, shown: &Shown) -> String {
    let element = u64::from(shown.element);
    match shown.datatype.as_str() {
        name if !name.is_empty() && element > 0 => format!("{} {name}", bytes / element),
        _ => format!("{bytes} bytes"),
    }
}

/// A peer that is of another job.
fn elsewhere(shown: &Shown) -> String {
    let far = shown.peers.first().and_then(|peer| far_rank(*peer));
    let peer = match shown.peer_rank {
        _ if let Some(rank) = far => format!(" for rank {rank} of the job, on another host"),
        rank if rank >= 0 => format!(" for rank {rank} of another job"),
        _ => " for a process of another job".to_owned(),
    };
    let is_message = shown.context & 1 == 0;
    match shown.tag {
        tag if is_message && tag >= 0 => format!("{peer}, tag {tag},"),
        _ => peer,
    }
}

/// The peers that a wait lists.
fn peers(shown: &Shown) -> String {
    let near = shown
        .peers
        .iter()
        .filter_map(|peer| u32::try_from(*peer).ok());
    let near: Vec<u32> = near.collect();
    let far: Vec<u32> = shown
        .peers
        .iter()
        .filter_map(|peer| far_rank(*peer))
        .collect();
    let list = |ranks: &[u32], what: &str| match ranks {
        [] => None,
        [one] => Some(format!("rank {one}{what}")),
        _ => Some(format!("ranks {}{what}", ranges(ranks.iter().copied()))),
    };
    let all = [list(&near, ""), list(&far, " of the job, on other hosts")];
    let all: Vec<String> = all.into_iter().flatten().collect();
    match all.is_empty() {
        true => "nobody knows who".to_owned(),
        false => all.join(" and "),
    }
}

/// A window's lock that is waited for, and who holds it.
fn lock(shown: &Shown, others: &Others, place: &str) -> String {
    let how = match shown.kind {
        WaitKind::LockShared => "shared",
        _ => "exclusive",
    };
    let holder = shown
        .peers
        .first()
        .and_then(|rank| u32::try_from(*rank).ok());
    let holder = match (holder, holder.and_then(|rank| others.calls.get(&rank))) {
        (Some(rank), Some(call)) => format!("held by rank {rank}, which is in {call}"),
        (Some(rank), None) => format!("held by rank {rank}"),
        (None, _) => "who holds it is not known".to_owned(),
    };
    format!(" ({how}) at rank {} of {place}; {holder}", shown.tag)
}

fn in_collective(shown: &Shown, wait: &Wait, others: &Others, place: &str) -> String {
    let Some((name, number)) = collective(shown) else {
        return match shown.tag {
            tag if tag >= 0 => format!(" for {}, tag {tag}, on {place}", peer(shown)),
            _ => format!(" on {place}"),
        };
    };
    let kind = match wait.call {
        Some(call) if call == name => String::new(),
        Some(_) if has_no_name(shown) => String::new(),
        _ => format!(" for {name}"),
    };
    let tag = shown.collective.unwrap_or(-1);
    let missing = others.absent.get(&(shown.context, tag));
    let missing = missing.map_or(&[][..], Vec::as_slice);
    let is_past = |rank: &u32| {
        let last = others.called.get(&(*rank, shown.context));
        last.is_some_and(|last| is_not_before(*last, tag))
    };
    let (past, absent): (Vec<u32>, Vec<u32>) = missing.iter().copied().partition(is_past);
    let listed = |what: &str, who: &[u32]| match who {
        [] => String::new(),
        [one] => format!("; {what}: rank {one}"),
        _ => format!("; {what}: ranks {}", ranges(who.iter().copied())),
    };
    let (absent, past) = (
        listed("not there yet", &absent),
        listed("past it already", &past),
    );
    format!("{kind} on {place} (collective no. {number}){absent}{past}")
}

fn otherwise(shown: &Shown, place: &str) -> String {
    let what = match (shown.is_elsewhere(), shown.need, shown.tag) {
        (true, ..) => elsewhere(shown),
        (_, Need::AllOf | Need::OneOf, _) => format!(" for {}", peer(shown)),
        _ => String::new(),
    };
    match shown.place.as_str() {
        "" => what,
        _ if shown.context & !1 == 0 => what,
        _ => format!("{what} on {place}"),
    }
}
