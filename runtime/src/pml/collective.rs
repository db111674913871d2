//! Collectives that cannot come to an end, since ranks differ in what they call:
//! who sees it, and how the others hear of it.
//!
//! A tag names the kind of call and its number on the communicator
//! ([`wireup::collective`]). So ranks in different calls match nothing of each
//! other, and wait. Once a wait has stalled, [`Watch::look`] compares this rank's
//! tag with those of
//!
//! - messages that have come and that nothing here will ever receive,
//! - the waits that other members have published in the job segment,
//! - what others have posted on the board.
//!
//! A rank whose call fails, for this reason or for a wrong argument, tells all other
//! members by a note ([`give_up`]), whose tag has the number of the call, so that
//! those who wait in the same collective fail too, and those who are past it drop
//! the note. A call that fails counts as a collective like any other. Where all other
//! members have refused the arguments of another call than this rank is in, none of them
//! has begun this one: this rank takes the next number ([`Verdict::Moves`]).
//!
//! What arrives for a collective that is over ([`sweep`]) is an error as well, of a
//! later call.

use crate::error::{Class, Error, Result};
use crate::handle::Raw;
use crate::lock::Local;
use crate::object::collective::{CollectiveState, Tag};
use crate::object::comm::{self, Comm, ContextId, Space};
use crate::object::errhandler::Handler;
use crate::object::raise::{self, Subject};
use crate::pml::bulletin;
use crate::pml::engine::with_engine;
use crate::pml::memory::Buffer;
use crate::pml::probe;
use crate::pml::progress;
use crate::pml::publish;
use crate::pml::request::Request;
use crate::pml::send::{Mode, isend};
use std::fmt::Write as _;
use wireup::collective::{self, Kind};
use wireup::report::ranges;

/// The longest text of a note, in bytes.
const TEXT: usize = 400;
/// What comes before it: the error's class, the call's kind, and flags.
const HEAD: usize = 6;
/// In the flags: the call had sent something before it failed.
const BEGUN: u8 = 1;
/// In the flags: it failed since ranks differ.
const MISMATCH: u8 = 2;

/// Looks after which a rank does not wait any more for others to fail as well.
const PATIENCE: u32 = 20;

/// What a look came to.
#[derive(Debug)]
pub enum Verdict {
    /// Nothing is known to be wrong.
    Fine,
    /// All others refused another call: theirs had this number.
    Moves,
    /// The collective cannot come to an end.
    Fails(Error),
}

/// Collectives that are requests, under way: context and tag.
static UNDER_WAY: Local<Vec<(ContextId, Tag)>> = Local::new(Vec::new());

/// A note on its way: its bytes, and the request that reads them.
struct SentNote(
    #[allow(dead_code, reason = "the request reads them")] Box<[u8]>,
    Request,
);

// SAFETY: reached under the library lock only (see `lock`).
unsafe impl Send for SentNote {}

static NOTES: Local<Vec<SentNote>> = Local::new(Vec::new());

fn context_of(comm: &Comm) -> ContextId {
    comm.context_of(Space::Collective)
}

/// Says that a collective is under way as a request.
pub fn enter(comm: &Comm, tag: Tag) {
    UNDER_WAY.with(|list| list.push((context_of(comm), tag)));
}

/// Says that it is no more.
pub fn leave(comm: &Comm, tag: Tag) {
    UNDER_WAY.with(|list| {
        let one = (context_of(comm), tag);
        if let Some(at) = list.iter().position(|other| *other == one) {
            list.swap_remove(at);
        }
    });
}

fn is_under_way(context: ContextId, number: u32) -> bool {
    let is = |one: &(ContextId, Tag)| one.0 == context && one.1.number() == number;
    UNDER_WAY.with(|list| list.iter().any(is))
}

/// A message of a collective that has no receive, or an entry on a bulletin that is not read.
struct Unreceived {
    context: ContextId,
    source: u32,
    tag: Tag,
    bytes: u64,
}

/// All of these.
fn unreceived() -> Vec<Unreceived> {
    let mut found: Vec<Unreceived> = with_engine(|engine| {
        let queues = engine.core.matching.all();
        let queues = queues.filter(|(context, _)| context.0 % 2 == 1);
        let all = queues.flat_map(|(context, queues)| {
            let messages = queues.unexpected.messages();
            messages.map(move |(source, tag, message)| (context, source, tag, message.len as u64))
        });
        let of_collectives = all.filter(|(.., tag, _)| *tag >= 0);
        of_collectives
            .map(|(context, source, tag, bytes)| Unreceived {
                context,
                source,
                tag: Tag(tag),
                bytes,
            })
            .collect()
    });
    comm::for_each(|comm| {
        bulletin::unread(comm, |source, content| {
            let (tag, bytes) = bulletin::parts(content);
            let context = context_of(comm);
            found.push(Unreceived {
                context,
                source,
                tag,
                bytes,
            });
        });
    });
    found
}

/// What a note says.
struct Note {
    source: u32,
    class: Class,
    kind: Kind,
    /// Whether the call sent anything before it failed.
    begun: bool,
    /// Whether it failed since ranks differ.
    is_mismatch: bool,
    text: String,
}

/// Takes a note out of the messages that have come.
fn take_note(comm: &Comm, source: u32, tag: Tag) -> Option<Note> {
    let matched = probe::improbe(comm, Space::Collective, Some(source), Some(tag.0))?;
    let mut bytes = vec![0u8; HEAD + TEXT];
    let buffer = Buffer::bytes(bytes.as_mut_ptr(), bytes.len());
    // SAFETY: the bytes are not touched until the request is done; if it is not done
    // at once, they are never given back.
    let request = unsafe { probe::imrecv(matched, &buffer) };
    if !request.is_done() {
        std::mem::forget(bytes);
        return Some(Note {
            source,
            class: Class::OTHER,
            kind: tag.kind(),
            begun: true,
            is_mismatch: false,
            text: "its call failed".to_owned(),
        });
    }
    let len = usize::try_from(request.finish().len).unwrap_or(0);
    let (head, text) = bytes.get(..len)?.split_at_checked(HEAD)?;
    let (class, kind) = head.split_first_chunk::<4>()?;
    let flags = *kind.get(1)?;
    Some(Note {
        source,
        class: Class(i32::from_le_bytes(*class)),
        kind: Kind::of_code(*kind.first()?),
        begun: flags & BEGUN != 0,
        is_mismatch: flags & MISMATCH != 0,
        text: String::from_utf8_lossy(text).into_owned(),
    })
}

/// What the looks at one collective have found so far.
#[derive(Debug, Default)]
pub struct Watch {
    looks: u32,
    /// Notes of members who failed in another call before they began, by rank.
    elsewhere: Vec<(u32, Kind, String)>,
}

impl Watch {
    /// Looks whether the collective on `comm` with this tag can still come to an end.
    /// `known`: what some members are seen to do; `expects`: whether a message of it
    /// from a rank may still be received here.
    #[cold]
    pub fn look(
        &mut self,
        comm: &Comm,
        tag: Tag,
        known: &[(u32, Tag)],
        expects: impl Fn(u32) -> bool,
    ) -> Verdict {
        self.looks += 1;
        let (context, number) = (context_of(comm), tag.number());
        let mut seen = known.to_vec();
        let mut stranger = None;
        let here =
            |message: &Unreceived| message.context == context && message.tag.number() == number;
        for message in unreceived().into_iter().filter(here) {
            let (source, other) = (message.source, message.tag);
            match other.kind() {
                Kind::FAILED => {
                    let Some(note) = take_note(comm, source, other) else {
                        continue;
                    };
                    if note.kind == tag.kind() || note.kind == Kind::FAILED {
                        comm.collectives.note_failed(tag);
                        return Verdict::Fails(note.error(tag));
                    }
                    if note.begun {
                        return Verdict::Fails(elsewhere(tag, note.source, note.kind, &note.text));
                    }
                    self.elsewhere.push((note.source, note.kind, note.text));
                }
                Kind::CHECK | Kind::BOARD => {}
                kind if kind == tag.kind() && !expects(source) && !may_be_early(comm, kind) => {
                    stranger = Some((source, message.bytes));
                }
                _ => seen.push((source, other)),
            }
        }
        for (rank, proc) in (0u32..).zip(comm.peers().iter()) {
            if let Some((place, other)) = publish::waits_in(proc)
                && place == context
                && other >= 0
                && Tag(other).number() == number
                && !matches!(Tag(other).kind(), Kind::CHECK | Kind::BOARD)
            {
                seen.push((rank, Tag(other)));
            }
        }
        let is_other = |other: &Tag| other.kind() != tag.kind() || other.number() != number;
        if seen.iter().any(|(_, other)| is_other(other)) {
            return Verdict::Fails(differ(comm, tag, &seen));
        }
        if let Some(message) = stranger {
            return Verdict::Fails(unexpected(comm, tag, message));
        }
        self.others_failed(comm, tag, &seen)
    }

    /// What follows from notes of another call.
    fn others_failed(&self, comm: &Comm, tag: Tag, seen: &[(u32, Tag)]) -> Verdict {
        let Some((rank, kind, text)) = self.elsewhere.first() else {
            return Verdict::Fine;
        };
        let me = comm.inter.is_none().then_some(comm.rank);
        let others = comm.peers().size() - u32::from(me.is_some());
        if self.elsewhere.len() == others as usize {
            return Verdict::Moves;
        }
        let is_called = seen.iter().any(|(rank, _)| Some(*rank) != me);
        if !is_called && self.looks < PATIENCE {
            return Verdict::Fine;
        }
        Verdict::Fails(elsewhere(tag, *rank, *kind, text))
    }
}

/// Whether a message of a call of this kind that is not expected may be one of its next step.
/// Calls of the library's own parts exchange several times under one tag; between ranks of
/// several hosts or jobs by messages, and a rank that has heard of all others goes on while one
/// of them still waits for another.
fn may_be_early(comm: &Comm, kind: Kind) -> bool {
    comm.is_foreign
        && matches!(
            kind,
            Kind::WIN_CREATE
                | Kind::WIN_ALLOCATE
                | Kind::WIN_ALLOCATE_SHARED
                | Kind::WIN_CREATE_DYNAMIC
                | Kind::FILE_OPEN
                | Kind::FILE
                | Kind::FILE_CLOSE
                | Kind::FILE_SET_VIEW
                | Kind::FILE_SET_SIZE
                | Kind::FILE_PREALLOCATE
                | Kind::FILE_SYNC
        )
}

/// The error of a rank whose collective another never came to, which failed in another.
fn elsewhere(tag: Tag, rank: u32, kind: Kind, text: &str) -> Error {
    let number = tag.number() + 1;
    let (theirs, mine) = (kind.name(), tag.kind().name());
    Error::mismatch(
        Class::OTHER,
        format_args!(
            "collective no. {number}: this rank is in {mine}, rank {rank} called {theirs}, which failed there: {text}"
        ),
    )
}

impl Note {
    /// The error of a rank that fails since another has.
    fn error(&self, tag: Tag) -> Error {
        let (source, text) = (self.source, &self.text);
        let text = format!("rank {source} failed in {tag}: {text}");
        match self.is_mismatch {
            true => Error::new(self.class, text).of_mismatch(),
            false => Error::new(self.class, text),
        }
    }
}

/// The error of a message that no receive is for.
fn unexpected(comm: &Comm, tag: Tag, (source, bytes): (u32, u64)) -> Error {
    let rank = comm.rank;
    let (class, what) = if tag.kind().is_rooted() {
        (Class::ROOT, "the same root and the same length")
    } else {
        (Class::COUNT, "the same length")
    };
    Error::mismatch(
        class,
        format_args!(
            "{tag}: rank {source} sent {bytes} bytes to rank {rank}, which does not expect them; all must give {what}"
        ),
    )
}

/// The error of ranks that are in different calls.
fn differ(comm: &Comm, tag: Tag, seen: &[(u32, Tag)]) -> Error {
    let mut calls: Vec<(u32, Tag)> = seen.to_vec();
    if comm.inter.is_none() {
        calls.retain(|(rank, _)| *rank != comm.rank);
        calls.push((comm.rank, tag));
    }
    let number = tag.number() + 1;
    let mut text = format!("collective no. {number}: ");
    let unseen = (0..comm.size()).filter(|rank| !calls.iter().any(|(other, _)| other == rank));
    let unseen = match comm.inter {
        None => ranges(unseen),
        Some(_) => String::new(),
    };
    text.push_str(&by_call(calls, tag.number(), comm.size()));
    if !unseen.is_empty() {
        let word = if unseen.contains([',', '-']) {
            "ranks"
        } else {
            "rank"
        };
        let _ = write!(text, "; not seen: {word} {unseen}");
    }
    if comm.inter.is_some() {
        let _ = write!(text, "; this rank: {}", tag.kind().name());
    }
    Error::mismatch(Class::OTHER, text)
}

/// Ranks and their calls: `ranks 0-2: MPI_Allreduce; rank 3: MPI_Gather`, of a communicator
/// of `size`. The largest group comes first; one rank that differs from all others is marked.
fn by_call(mut calls: Vec<(u32, Tag)>, number: u32, size: u32) -> String {
    calls.sort_unstable_by_key(|(rank, tag)| (*rank, tag.number() != number, tag.0));
    calls.dedup_by_key(|(rank, _)| *rank);
    let mut groups: Vec<(Tag, Vec<u32>)> = Vec::new();
    for (rank, tag) in calls {
        match groups.iter_mut().find(|group| group.0 == tag) {
            Some(group) => group.1.push(rank),
            None => groups.push((tag, vec![rank])),
        }
    }
    groups.sort_by_key(|group| std::cmp::Reverse(group.1.len())); // equal ones stay in order
    let alone = match groups.as_slice() {
        [many, one] if one.1.len() == 1 && many.1.len() + 1 == size as usize && size > 2 => {
            " <- alone"
        }
        _ => "",
    };
    let one = |(tag, ranks): &(Tag, Vec<u32>)| {
        let plural = if ranks.len() == 1 { "" } else { "s" };
        let ranks = ranges(ranks.iter().copied());
        let name = tag.kind().name();
        match tag.number() == number {
            true => format!("rank{plural} {ranks}: {name}"),
            false => format!("rank{plural} {ranks}: past it, in {tag}"),
        }
    };
    let text = groups.iter().map(one).collect::<Vec<_>>().join("; ");
    text + alone
}

/// The class of what a call returns that is to be made once more, under the next
/// number ([`Verdict::Moves`]). It never leaves the library.
const MOVED: Class = Class(-1);

/// That error.
#[must_use]
pub fn moved() -> Error {
    Error::new(MOVED, "the call takes the next number")
}

/// Whether it is that error.
#[must_use]
pub fn is_moved(error: &Error) -> bool {
    error.class() == MOVED
}

/// That error as one that the program may see, of a call that cannot be made once more.
#[must_use]
pub fn not_moved(error: Error) -> Error {
    match is_moved(&error) {
        true => Error::new(
            Class::OTHER,
            "all other ranks called something else, which failed",
        ),
        false => error,
    }
}

/// Carries out a call that begins collectives of `kind` on `comm`. If it fails, the
/// others are told.
///
/// # Errors
/// That of `body`.
pub fn settle<R>(comm: &Comm, kind: Kind, body: impl FnOnce() -> Result<R>) -> Result<R> {
    let before = comm.collectives.next(kind);
    let result = body().map_err(not_moved);
    if let Err(error) = &result {
        if comm.collectives.next(kind) == before {
            refuse(comm, kind, error);
        } else {
            let inter = comm.inter.as_ref();
            let local = inter.and_then(|inter| inter.local.collectives.last(kind));
            if let Some(last) = comm.collectives.last(kind) {
                give_up(comm, last, local, error);
            }
        }
    }
    result
}

/// Tells all other members that this rank failed in the collective with these tags
/// (on an intercommunicator, and on that of its local group), unless they know, or the
/// job ends by this error.
#[cold]
pub fn give_up(comm: &Comm, tag: Tag, local: Option<Tag>, error: &Error) {
    tell_all(comm, (tag, local), true, error);
}

fn tell_all(comm: &Comm, (tag, local): (Tag, Option<Tag>), begun: bool, error: &Error) {
    let is_new = comm.collectives.note_failed(tag);
    if !is_new || matches!(comm.errhandler.handler(), Handler::Fatal | Handler::Abort) {
        return;
    }
    sweep();
    tell(comm, tag, begun, error);
    if let (Some(inter), Some(tag)) = (&comm.inter, local) {
        inter.local.collectives.note_failed(tag);
        tell(&inter.local, tag, begun, error);
    }
    NOTES.with(|notes| notes.retain(|note| !note.1.is_done()));
}

fn tell(comm: &Comm, tag: Tag, begun: bool, error: &Error) {
    let mut bytes = error.class().0.to_le_bytes().to_vec();
    let begun = if begun { BEGUN } else { 0 };
    let mismatch = if error.is_mismatch() { MISMATCH } else { 0 };
    bytes.extend([tag.kind().code(), begun | mismatch]);
    let text = error.text().as_bytes();
    bytes.extend(&text[..text.len().min(TEXT)]);
    let note = tag.of_kind(Kind::FAILED);
    let me = comm.inter.is_none().then_some(comm.rank);
    for rank in (0..comm.peers().size()).filter(|rank| Some(*rank) != me) {
        let bytes = bytes.clone().into_boxed_slice();
        let buffer = Buffer::bytes(bytes.as_ptr(), bytes.len());
        // SAFETY: `NOTES` keeps the bytes until the request is done.
        let sent = unsafe {
            isend(
                comm,
                Space::Collective,
                rank,
                note.0,
                &buffer,
                Mode::Standard,
            )
        };
        if let Ok(request) = sent {
            NOTES.with(|notes| notes.push(SentNote(bytes, request)));
        }
    }
}

/// Begins and ends a collective that fails for a wrong argument.
#[cold]
pub fn refuse(comm: &Comm, kind: Kind, error: &Error) {
    let tags = comm.begin_collective(kind);
    tell_all(comm, (tags.peers, tags.local), false, error);
}

/// Looks through what has come for collectives that are over. Whether it raised an
/// error.
pub fn sweep() -> bool {
    let mut any = false;
    for message in unreceived() {
        let Unreceived {
            context,
            source,
            tag,
            bytes,
        } = message;
        let Some(comm) = comm::of_collectives(context.0) else {
            continue;
        };
        let number = tag.number();
        let state = comm.collectives.state(number);
        let under_way = is_under_way(context, number);
        if tag.kind() == Kind::FAILED {
            let is_over = match state {
                CollectiveState::Ahead => false,
                CollectiveState::Began { kind, passed } => {
                    !kind.is_persistent() && !under_way && (passed || !kind.is_blocking())
                }
                CollectiveState::Failed | CollectiveState::Forgotten => !under_way,
            };
            if is_over {
                drop(take_note(&comm, source, tag));
            }
            continue;
        }
        if let CollectiveState::Began { kind, passed } = state
            && !under_way
        {
            let mine = Tag(collective::tag(kind, number));
            let is_left = !kind.is_persistent() && (passed || !kind.is_blocking());
            let error = match tag.kind() {
                Kind::CHECK | Kind::BOARD => continue,
                other if other != kind => differ(&comm, mine, &[(source, tag)]),
                _ if is_left => unexpected(&comm, mine, (source, bytes)),
                _ => continue,
            };
            any = true;
            raise(&comm, mine, error);
        }
    }
    any
}

/// Before a communicator is freed: what has come for collectives that are over here is
/// an error now, or never. The communicator is as it was then.
///
/// # Errors
/// That of such a collective.
pub fn before_free(raw: Raw) -> Result<()> {
    if let Some(comm) = comm::find(raw) {
        progress::progress();
        sweep();
        if let Some(error) = comm.collectives.take_late() {
            return Err(error);
        }
    }
    Ok(())
}

/// Deals with an error of a collective that is over here.
fn raise(comm: &Comm, tag: Tag, error: Error) {
    if matches!(comm.errhandler.handler(), Handler::Fatal | Handler::Abort) {
        raise::raise(Subject::Comm(comm.handle.get()), &tag.kind().name(), &error);
    }
    give_up(comm, tag, None, &error);
    comm.collectives.keep(error);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_grouped_by_their_calls() {
        let tag = |kind, number| Tag(collective::tag(kind, number));
        let calls = vec![
            (5, tag(Kind::BARRIER, 11)),
            (3, tag(Kind::GATHER, 10)),
            (0, tag(Kind::ALLREDUCE, 10)),
            (2, tag(Kind::ALLREDUCE, 10)),
            (1, tag(Kind::ALLREDUCE, 10)),
            (1, tag(Kind::ALLREDUCE, 10)),
        ];
        assert_eq!(
            by_call(calls, 10, 6),
            "ranks 0-2: MPI_Allreduce; rank 3: MPI_Gather; rank 5: past it, in MPI_Barrier (collective no. 12)"
        );
        let calls = vec![
            (0, tag(Kind::BCAST, 0)),
            (1, tag(Kind::BARRIER, 0)),
            (2, tag(Kind::BARRIER, 0)),
        ];
        let text = "ranks 1-2: MPI_Barrier; rank 0: MPI_Bcast";
        assert_eq!(by_call(calls.clone(), 0, 3), format!("{text} <- alone"));
        assert_eq!(by_call(calls, 0, 4), text, "one rank is not known");
    }
}
