//! Broadcasts by entries on the root's bulletin: the root writes its data once, and every
//! other rank copies it out.
//!
//! Only the root's entry is waited for. The root itself waits only where readers are far
//! behind, so it may be some broadcasts ahead of them, as with messages.

use super::board::{self, Data};
use super::choose;
use crate::error::{Class, Error, Result};
use crate::object::collective::Tag;
use crate::object::comm::Comm;
use crate::pml::Buffer;
use crate::pml::bulletin::{self, Found};
use crate::pml::collective::{self, Verdict, Watch};
use std::sync::Arc;

/// Broadcasts the buffer. `None`: not in this way.
///
/// # Safety
/// The buffer is readable at the root and writable elsewhere.
#[inline]
pub(super) unsafe fn bcast(
    comm: &Arc<Comm>,
    tag: Tag,
    buffer: &Buffer<'_>,
    root: u32,
) -> Option<Result<()>> {
    let data = Data::of(buffer);
    if data.len == 0 || !choose::publishes_bcast(comm.size(), data.len) {
        return None;
    }
    match board::is_there(comm, tag) {
        Ok(true) => {}
        Ok(false) => return None,
        Err(error) => return Some(Err(error)),
    }
    let done = if comm.rank == root {
        // SAFETY: the caller's promise.
        unsafe { publish(comm, tag, &data) }
    } else {
        // SAFETY: as above.
        unsafe { receive(comm, tag, &data, root) }
    };
    match done {
        Ok(true) => Some(Ok(())),
        Ok(false) => None,
        Err(error) => Some(Err(error)),
    }
}

/// # Safety
/// The data are readable.
unsafe fn publish(comm: &Comm, tag: Tag, data: &Data<'_>) -> Result<bool> {
    let mut watch = Watch::default();
    let mut has_stalled = false;
    // SAFETY: the caller's promise; there is room for all of it.
    let fill = |to| unsafe { data.pack_to(to) };
    let done = bulletin::publish(comm, tag, data.len, fill, || {
        has_stalled = true;
        look(comm, &mut watch, tag, &[])
    })?;
    late(comm, has_stalled)?;
    Ok(done)
}

/// # Safety
/// The data are writable.
unsafe fn receive(comm: &Comm, tag: Tag, data: &Data<'_>, root: u32) -> Result<bool> {
    let expected = bulletin::content(tag, data.len);
    let mut watch = Watch::default();
    let mut has_stalled = false;
    loop {
        let found = bulletin::await_entry(comm, root, tag, || {
            has_stalled = true;
            look(comm, &mut watch, tag, &[])
        })?;
        match found {
            Found::NoBulletin => return Ok(false),
            Found::Announced(found) if found == expected => {
                bulletin::take(comm, root, 0, None::<fn(*const u8)>);
                return Ok(false);
            }
            Found::Entry(found) if found == expected => break,
            Found::Entry(found) | Found::Announced(found) => {
                pass_over(comm, &mut watch, tag, root, (data.len, found))?
            }
        }
    }
    // SAFETY: the caller's promise; so many bytes were published.
    let copy = |from| unsafe { data.unpack_from(from) };
    bulletin::take(comm, root, data.len, Some(copy));
    late(comm, has_stalled)?;
    Ok(true)
}

/// An error of an earlier collective that was found while this one waited.
#[inline]
fn late(comm: &Comm, has_stalled: bool) -> Result<()> {
    match has_stalled.then(|| comm.collectives.take_late()).flatten() {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

/// Deals with an entry that is not what this rank expects of the root: one of an earlier
/// broadcast, which this rank did not take part in, is passed over.
#[cold]
fn pass_over(
    comm: &Comm,
    watch: &mut Watch,
    tag: Tag,
    root: u32,
    (len, found): (usize, u64),
) -> Result<()> {
    let (theirs, their_len) = bulletin::parts(found);
    if theirs == tag {
        bulletin::take(comm, root, 0, None::<fn(*const u8)>);
        let text = format!(
            "{tag}: it is of {len} bytes here, but of {their_len} at the root, rank {root}"
        );
        return Err(Error::mismatch(Class::COUNT, text));
    }
    if theirs.is_after(tag) {
        let error = look(comm, watch, tag, &[(root, theirs)]);
        return Err(error.unwrap_or_else(collective::moved));
    }
    collective::sweep();
    bulletin::take(comm, root, 0, None::<fn(*const u8)>);
    Ok(())
}

/// Looks whether the broadcast can still come to an end.
#[cold]
fn look(comm: &Comm, watch: &mut Watch, tag: Tag, known: &[(u32, Tag)]) -> Option<Error> {
    match watch.look(comm, tag, known, |_| false) {
        Verdict::Fine => None,
        Verdict::Moves => Some(collective::moved()),
        Verdict::Fails(error) => Some(error),
    }
}
