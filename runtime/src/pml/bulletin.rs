//! Broadcasts among all members of a communicator, by entries on the root's bulletin instead
//! of messages.

use crate::error::{Class, Error, Result};
use crate::lock::Local;
use crate::object::bulletins::{Area, Bulletins, NO_BULLETIN, OpenBulletin, OwnBulletin};
use crate::object::collective::Tag;
use crate::object::comm::{Comm, Space};
use crate::pml::active::{ActiveBoard, ActiveBulletin};
use crate::pml::board::is_forked;
use crate::pml::engine::with_engine;
use crate::pml::progress;
use crate::pml::publish::WaitFor;
use crate::pml::transport::{Board, Bulletin, Transport};
use crate::pml::waiter::{is_oversubscribed, wake};
use std::cell::Cell;
use wireup::layout::WaitKind;

/// The most bytes that go by a bulletin.
pub const MOST: usize = 32 << 10;

/// What an area for the bytes of entries has room for: at first, and once there was too
/// little.
const AREAS: [usize; 3] = [16 << 10, 64 << 10, 4 * MOST];

/// The place of bytes for which there was no room: they go by messages.
const ELSEWHERE: u64 = 1;

/// Bytes that entries take are multiples of this: a cache line.
const LINE: usize = 64;

/// Looks for an entry before the rest of the process gets its turn.
const LOOKS: u32 = 200;

/// Bulletins that this process has left, which other members may not have.
static LEFT: Local<Vec<OwnBulletin>> = Local::new(Vec::new());

/// How many of [`LEFT`] are looked at before a new one is made.
const TRIES: usize = 8;

/// Areas that no bulletin has.
static AREAS_LEFT: Local<Vec<Area>> = Local::new(Vec::new());

fn bulletin_at(place: u64, members: u32) -> ActiveBulletin {
    with_engine(|engine| engine.core.queues.transport().bulletin(place, members))
}

fn board_of(comm: &Comm) -> ActiveBoard {
    let (place, members) = (comm.board.place.get(), comm.size());
    with_engine(|engine| engine.core.queues.transport().board(place, members))
}

/// A bulletin that nobody uses any more, or a new one. `None`: there is no room for it.
fn make(members: u32) -> Option<OwnBulletin> {
    let class = members.next_power_of_two();
    let used = LEFT.with(|left| {
        let like = (0..left.len()).filter(|at| left[*at].members.next_power_of_two() == class);
        let tried: Vec<usize> = like.take(TRIES).collect();
        let is_free = |own: &OwnBulletin| bulletin_at(own.place, own.members).reset();
        let at = tried.into_iter().find(|at| is_free(&left[*at]))?;
        Some(left.swap_remove(at))
    });
    if let Some(used) = used {
        AREAS_LEFT.with(|areas| areas.extend(used.areas));
        return Some(OwnBulletin::new(used.place, members));
    }
    let made = with_engine(|engine| engine.core.queues.transport().make_bulletin(members));
    made.map(|place| OwnBulletin::new(place, members))
}

fn make_area(len: usize) -> Option<Area> {
    let used = AREAS_LEFT.with(|areas| {
        let at = areas.iter().position(|area| area.len == len)?;
        Some(areas.swap_remove(at))
    });
    used.or_else(|| {
        let place = with_engine(|engine| engine.core.queues.transport().make_room(len))?;
        Some(Area { place, len })
    })
}

/// Leaves all of them.
fn leave(bulletins: &Bulletins) {
    if is_forked() {
        return;
    }
    let own = bulletins.own.take();
    let others = bulletins.others.take();
    let places = others.iter().map(|other| other.place);
    for place in places.chain(own.iter().map(|own| own.place)) {
        if place != NO_BULLETIN {
            bulletin_at(place, 1).leave(); // it is left alike, however many members it has
        }
    }
    if let Some(own) = own.filter(|own| own.place != NO_BULLETIN) {
        LEFT.with(|left| left.push(own));
    }
}

/// Opens this process's own bulletin, and tells the others where it is.
#[cold]
fn open(comm: &Comm) -> OwnBulletin {
    let members = comm.size();
    let own = make(members).unwrap_or_else(|| OwnBulletin::new(NO_BULLETIN, members));
    board_of(comm).set_bulletin(comm.rank, own.place);
    comm.bulletins.leave.set(Some(leave));
    wake_others(comm);
    own
}

fn wake_others(comm: &Comm) {
    let me = with_engine(|engine| engine.core.queues.me());
    for peer in comm.group.iter().filter(|peer| *peer != me) {
        wake(peer);
    }
}

/// Publishes `len` bytes, at most [`MOST`], for the collective with this tag: `fill` writes them
/// to where it is told. `false`: there is no room for a bulletin or for the bytes, which readers
/// learn; the communicator has a board. `stalled` is called when readers have kept it waiting for
/// long, and ends that with an error.
///
/// # Errors
/// That one; another thread is in this function with the same communicator.
#[inline]
pub fn publish(
    comm: &Comm,
    tag: Tag,
    len: usize,
    fill: impl FnOnce(*mut u8),
    stalled: impl FnMut() -> Option<Error>,
) -> Result<bool> {
    let Ok(mut own) = comm.bulletins.own.try_borrow_mut() else {
        return Err(two_threads(comm));
    };
    let own = own.get_or_insert_with(|| open(comm));
    if own.place == NO_BULLETIN {
        return Ok(false);
    }
    let bulletin = bulletin_at(own.place, own.members);
    let (number, content) = (own.published + 1, content(tag, len));
    if len <= ActiveBulletin::ROOM {
        if number > own.finished + ActiveBulletin::ENTRIES {
            await_readers(comm, own, &bulletin, tag, 0, stalled)?;
        }
        let mut bytes = [0u8; ActiveBulletin::ROOM];
        fill(bytes.as_mut_ptr());
        bulletin.publish(number, content, 0, &bytes[..len]);
    } else {
        let len = len.next_multiple_of(LINE);
        let has_entry = number <= own.finished + ActiveBulletin::ENTRIES;
        let room = own.room_for(len).filter(|_| has_entry);
        let from = match room {
            Some(from) => from,
            None => await_readers(comm, own, &bulletin, tag, len, stalled)?,
        };
        let Some(area) = own.areas.last().filter(|area| area.len >= len) else {
            bulletin.publish(number, content, ELSEWHERE, &[]);
            own.published = number;
            wake_others(comm);
            return Ok(false);
        };
        let place = area.place + from % area.len as u64;
        fill(with_engine(|engine| {
            engine.core.queues.transport().room(place, len)
        }));
        own.taken = from + len as u64;
        own.pending.push_back((number, own.taken));
        bulletin.publish(number, content, place, &[]);
    }
    own.published = number;
    wake_others(comm);
    Ok(true)
}

#[cold]
fn two_threads(comm: &Comm) -> Error {
    let name = comm.label();
    let text = format!("two threads are in collectives on {name} at the same time");
    Error::new(Class::OTHER, text)
}

/// Waits until there is room for one more entry, and for `len` bytes of it in the area.
/// Where these would be.
#[cold]
fn await_readers(
    comm: &Comm,
    own: &mut OwnBulletin,
    bulletin: &ActiveBulletin,
    tag: Tag,
    len: usize,
    mut stalled: impl FnMut() -> Option<Error>,
) -> Result<u64> {
    let me = comm.rank;
    own.note_finished(bulletin.slowest(me));
    let number = own.published + 1;
    let has_room = |own: &OwnBulletin| {
        let has_entry = number <= own.finished + ActiveBulletin::ENTRIES;
        let room = match own.areas.last() {
            Some(area) if (1..=area.len).contains(&len) => own.room_for(len),
            _ => Some(0), // no bytes, or no area for them
        };
        room.filter(|_| has_entry)
    };
    if len > 0 && own.room_for(len).is_none() {
        grow(own, len);
    }
    if let Some(from) = has_room(own) {
        return Ok(from);
    }
    let mut failed = None;
    bulletin.set_waits(true);
    let (finished, waiting) = (Cell::new(own.finished), std::cell::RefCell::new(own));
    progress::wait_or(
        || {
            let behind = |rank: &u32| *rank != me && bulletin.finished(*rank) <= finished.get();
            let context = comm.context_of(Space::Collective);
            let part = |rank| WaitFor::peer(WaitKind::Collective, comm.peer(rank), tag.0, context);
            WaitFor::all_of((0..comm.size()).filter(behind).map(part))
        },
        || {
            let mut own = waiting.borrow_mut();
            own.note_finished(bulletin.slowest(me));
            finished.set(own.finished);
            has_room(&own).is_some()
        },
        || {
            failed = stalled();
            failed.is_some()
        },
    );
    bulletin.set_waits(false);
    match failed {
        Some(error) => Err(error),
        None => Ok(has_room(waiting.into_inner()).unwrap_or_default()),
    }
}

/// Takes a larger area where this one is too small, or is the first. There may be no memory
/// for it.
fn grow(own: &mut OwnBulletin, len: usize) {
    let has = own.areas.last().map_or(0, |area| area.len);
    let wanted = AREAS.into_iter().filter(|size| *size > has && *size >= len);
    if let Some(area) = wanted.min().and_then(make_area) {
        own.add_area(area);
    }
}

/// What a reader finds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Found {
    /// An entry with this content, which [`take`] copies out.
    Entry(u64),
    /// An entry with this content, whose bytes come in messages.
    Announced(u64),
    /// The writer has no bulletin.
    NoBulletin,
}

/// The oldest entry of `writer` that this process is not through with, if there is one.
#[inline]
pub fn look(comm: &Comm, writer: u32) -> Option<Found> {
    let mut others = comm.bulletins.others.borrow_mut();
    let known = others.iter().find(|other| other.writer == writer).copied();
    let other = match known {
        Some(other) => other,
        None => {
            let place = board_of(comm).bulletin(writer);
            if place == 0 {
                return None;
            }
            let other = OpenBulletin {
                writer,
                place,
                finished: 0,
            };
            others.push(other);
            comm.bulletins.leave.set(Some(leave));
            other
        }
    };
    if other.place == NO_BULLETIN {
        return Some(Found::NoBulletin);
    }
    let bulletin = bulletin_at(other.place, comm.size());
    let (content, place) = bulletin.look(other.finished + 1)?;
    Some(match place {
        ELSEWHERE => Found::Announced(content),
        _ => Found::Entry(content),
    })
}

/// Waits for an entry of `writer`. `stalled` is called when that has taken long, and ends it
/// with an error.
///
/// # Errors
/// That one.
#[inline]
pub fn await_entry(
    comm: &Comm,
    writer: u32,
    tag: Tag,
    mut stalled: impl FnMut() -> Option<Error>,
) -> Result<Found> {
    let looks = if is_oversubscribed() { 1 } else { LOOKS };
    for _ in 0..looks {
        if let Some(found) = look(comm, writer) {
            return Ok(found);
        }
    }
    let (mut found, mut failed) = (None, None);
    progress::wait_or(
        || {
            let context = comm.context_of(Space::Collective);
            WaitFor::peer(WaitKind::Collective, comm.peer(writer), tag.0, context)
        },
        || {
            found = look(comm, writer);
            found.is_some()
        },
        || {
            failed = stalled();
            failed.is_some()
        },
    );
    match (failed, found) {
        (Some(error), _) => Err(error),
        (None, Some(found)) => Ok(found),
        (None, None) => unreachable!("a wait ends with what it was for, or is given up"),
    }
}

/// Is through with the entry of `writer` that [`look`] has shown: has `copy` take its `len`
/// bytes from where it is told, unless it is passed over.
#[inline]
pub fn take(comm: &Comm, writer: u32, len: usize, copy: Option<impl FnOnce(*const u8)>) {
    let mut others = comm.bulletins.others.borrow_mut();
    let Some(other) = others.iter_mut().find(|other| other.writer == writer) else {
        return;
    };
    let bulletin = bulletin_at(other.place, comm.size());
    let number = other.finished + 1;
    if let Some(copy) = copy {
        if len <= ActiveBulletin::ROOM {
            let mut bytes = [0u8; ActiveBulletin::ROOM];
            bulletin.read(number, &mut bytes[..len]);
            copy(bytes.as_ptr());
        } else if let Some((_, place)) = bulletin.look(number) {
            let from = with_engine(|engine| engine.core.queues.transport().room(place, len));
            copy(from);
        }
    }
    other.finished = number;
    if bulletin.finish(comm.rank, number)
        && let Some(writer) = comm.peer(writer)
    {
        wake(writer);
    }
}

/// The content of an entry: which collective, and how many bytes.
#[must_use]
pub fn content(tag: Tag, len: usize) -> u64 {
    let len = u64::from(u32::try_from(len).unwrap_or(u32::MAX)); // at most `MOST`
    u64::from(tag.0.cast_unsigned()) << 32 | len
}

/// The two parts of a content.
#[must_use]
pub fn parts(content: u64) -> (Tag, u64) {
    let tag = u32::try_from(content >> 32).unwrap_or(0);
    (Tag(tag.cast_signed()), content & u64::from(u32::MAX))
}

/// The oldest entry on each bulletin of the communicator that this process is not through
/// with: the writer and the content.
pub(super) fn unread(comm: &Comm, mut each: impl FnMut(u32, u64)) {
    if comm.board.leave.get().is_none() {
        return; // there is no board
    }
    let board = board_of(comm);
    let writers = (0..comm.size()).filter(|writer| *writer != comm.rank);
    for writer in writers.filter(|writer| board.bulletin(*writer) != 0) {
        if let Some(Found::Entry(content) | Found::Announced(content)) = look(comm, writer) {
            each(writer, content);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wireup::collective::{Kind, tag};

    #[test]
    fn an_entry_says_which_broadcast_it_is_of() {
        let first = Tag(tag(Kind::BCAST, 0));
        let next = Tag(tag(Kind::BCAST, 1));
        let entry = content(first, MOST);
        assert_eq!(parts(entry), (first, MOST as u64));
        assert_ne!(entry, content(next, MOST));
        assert_ne!(entry, content(first, 8));
    }
}
