//! Large blocking reductions, by loads and stores in the buffers of all ranks.
//!
//! The ranks tell each other on the board where their buffers are. Where all can map all of
//! them, each folds its part of the elements straight from the contributions, in the order
//! of ranks, and puts the result where it belongs: into every rank's buffer, or the root's.
//! A second turn on the board says that all are through. A message of which every rank can
//! fold the whole in less time than that takes to hand on is not cut into parts.
//!
//! A rank may fail to map what its owner said can be mapped, if its address space is limited.
//! It tells so in the second turn, and those that could fold its part, too.
//!
//! A part is folded in blocks that stay in the cache. Where a contribution is in the result
//! buffer ([`IN_PLACE`]), only the rank whose part it is reads a part of it, and only that
//! rank writes it, once it has read all contributions to a block.

use super::args::Reduction;
use super::board::{self, FINISHED, MAPPED, PostContent};
use crate::error::{Class, Error, Result};
use crate::job;
use crate::object::collective::Tag;
use crate::object::comm::Comm;
use crate::pml::remote;
use std::mem::MaybeUninit;
use std::ops::Range;
use std::sync::Arc;
use wireup::settings::Arm;

/// The most ranks that have a board, and those for which tables are kept short.
const MOST: usize = 64;
const FEW: usize = 8;

/// Bytes of each contribution that are folded at a time.
const BLOCK: usize = 8 << 10;

/// The most bytes that every rank folds for itself, times the other ranks.
const WHOLE_MOST: usize = 4 << 10;

/// Parts begin and end on cache lines, as far as elements do.
const LINE: usize = 64;

/// What a rank tells of its buffers.
#[derive(Clone, Copy, Default)]
struct Place {
    send: u64,
    receive: u64,
    len: u64,
    flags: u64,
}

/// All peers can map the buffers.
const MAPPABLE: u64 = 1;
/// The contribution is in the result buffer.
const IN_PLACE: u64 = 2;

impl Place {
    fn to_bytes(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        let words = [self.send, self.receive, self.len, self.flags];
        for (bytes, word) in bytes.chunks_exact_mut(8).zip(words) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    fn of(bytes: &[u8]) -> Place {
        let word = |at: usize| {
            let word = bytes.get(at * 8..).and_then(|bytes| bytes.first_chunk());
            word.map_or(0, |word| u64::from_le_bytes(*word))
        };
        Place {
            send: word(0),
            receive: word(1),
            len: word(2),
            flags: word(3),
        }
    }
}

/// Whether the ranks of this job map each other's memory at all. The same at all of them.
fn may_map() -> bool {
    job::current()
        .is_some_and(|job| job.settings.heap && matches!(job.settings.arm, Arm::Auto | Arm::Shared))
}

/// For all ranks. `None`: it goes by messages.
///
/// # Safety
/// The buffers of the reduction are good, `len` bytes each from their address.
pub(super) unsafe fn allreduce(
    comm: &Arc<Comm>,
    tag: Tag,
    reduction: &Reduction<'_>,
    len: usize,
) -> Option<Result<()>> {
    // SAFETY: the caller's promise.
    unsafe { among(comm, tag, reduction, len, None) }
}

/// For the root. `None`: it goes by messages.
///
/// # Safety
/// As [`allreduce`]; the result buffer is the root's.
pub(super) unsafe fn reduce(
    comm: &Arc<Comm>,
    tag: Tag,
    reduction: &Reduction<'_>,
    len: usize,
    root: u32,
) -> Option<Result<()>> {
    // SAFETY: the caller's promise.
    unsafe { among(comm, tag, reduction, len, Some(root)) }
}

/// # Safety
/// As [`run`].
unsafe fn among(
    comm: &Arc<Comm>,
    tag: Tag,
    reduction: &Reduction<'_>,
    len: usize,
    root: Option<u32>,
) -> Option<Result<()>> {
    // SAFETY: the caller's promise.
    unsafe {
        match comm.size() as usize {
            ..=FEW => run::<FEW>(comm, tag, reduction, len, root),
            _ => run::<MOST>(comm, tag, reduction, len, root),
        }
    }
}

/// For up to `N` ranks.
///
/// # Safety
/// As [`allreduce`], or with a root as [`reduce`].
unsafe fn run<const N: usize>(
    comm: &Arc<Comm>,
    tag: Tag,
    reduction: &Reduction<'_>,
    len: usize,
    root: Option<u32>,
) -> Option<Result<()>> {
    let element = reduction.datatype.element()?;
    if len == 0 || !reduction.reducer.is_own() || !may_map() {
        return None;
    }
    match board::is_there(comm, tag) {
        Ok(true) => {}
        Ok(false) => return None,
        Err(error) => return Some(Err(error)),
    }
    let has_result = root.is_none_or(|root| root == comm.rank);
    let send = reduction.send.unwrap_or(reduction.receive);
    let mappable = |addr: *mut u8| remote::is_mappable(addr.expose_provenance() as u64, len);
    let all_mappable =
        mappable(send) && (!has_result || reduction.send.is_none() || mappable(reduction.receive));
    let mine = Place {
        send: send.expose_provenance() as u64,
        receive: reduction.receive.expose_provenance() as u64,
        len: len as u64,
        flags: u64::from(all_mappable) * MAPPABLE + u64::from(reduction.send.is_none()) * IN_PLACE,
    };
    let content = PostContent {
        len: 32,
        count: usize::from(reduction.reducer.number()),
        class: element.class(),
        operation: MAPPED,
        root: root.unwrap_or(0),
    };
    let mut places = [Place::default(); N];
    let told = board::exchange(comm, tag, content, &mine.to_bytes(), |rank, bytes| {
        places[rank as usize] = Place::of(bytes);
    });
    if let Err(error) = told {
        return Some(Err(error));
    }
    let places = &places[..comm.size() as usize];
    if let Some((rank, other)) = (0..).zip(places).find(|(_, other)| other.len != mine.len) {
        let (rank, theirs): (u32, u64) = (rank, other.len);
        let text = format!("{tag}: it is of {len} bytes here, but of {theirs} at rank {rank}");
        return Some(Err(Error::mismatch(Class::COUNT, text)));
    }
    if places.iter().any(|place| place.flags & MAPPABLE == 0) {
        return None;
    }
    // SAFETY: the caller's promise; all other ranks have told of their buffers, and leave
    // them alone until all are through.
    unsafe { fold_all::<N>(comm, tag, content, reduction, len, places, root) }
}

/// Folds this rank's part, tells the others that it is done, and waits for them. `None`: it
/// goes by messages, and no contribution has changed.
///
/// # Safety
/// As [`run`]; `places` are where all ranks' buffers are, of `len` bytes each, and their
/// owners leave them alone.
unsafe fn fold_all<const N: usize>(
    comm: &Comm,
    tag: Tag,
    content: PostContent,
    reduction: &Reduction<'_>,
    len: usize,
    places: &[Place],
    root: Option<u32>,
) -> Option<Result<()>> {
    let ranks = places.len();
    let in_place = places
        .iter()
        .any(|place| place.flags & IN_PLACE != 0 || place.send == place.receive);
    let whole = root.is_none() && !in_place && len.saturating_mul(ranks - 1) <= WHOLE_MOST;
    let buffers = reach::<N>(comm, len, places, root);
    let size = len / reduction.count;
    let fold_part = |buffers: &Buffers<N>, rank: usize| {
        let part = part_of(reduction.count, size, ranks, rank);
        let (sends, results) = (&buffers.sends[..ranks], &buffers.results[..buffers.number]);
        // SAFETY: the caller's promise.
        unsafe { fold_blocks(reduction, size, sends, results, in_place, part) };
    };
    match &buffers {
        Some(buffers) if whole => {
            let sends = &buffers.sends[..ranks];
            // SAFETY: the caller's promise.
            unsafe { fold_blocks(reduction, size, sends, &[reduction.receive], false, 0..len) };
        }
        Some(buffers) => fold_part(buffers, comm.rank as usize),
        None => {}
    }
    let content = PostContent {
        len: 1,
        operation: FINISHED,
        ..content
    };
    let (mut able, mut unable) = (0u64, 0u64);
    let mine = [u8::from(buffers.is_some())];
    let told = board::exchange(comm, tag, content, &mine, |rank, bytes| match bytes {
        [0] => unable |= 1 << rank,
        _ => able |= 1 << rank,
    });
    if told.is_err() || unable == 0 {
        return Some(told);
    }
    if whole || able == 0 {
        return None;
    }
    // The parts of those that could not, one after the other to each of those that could.
    if let Some(buffers) = &buffers {
        let turn = (able & ((1 << comm.rank) - 1)).count_ones();
        let missing = (0..ranks).filter(|rank| unable & (1 << rank) != 0);
        for part in missing
            .skip(turn as usize)
            .step_by(able.count_ones() as usize)
        {
            fold_part(buffers, part);
        }
    }
    let content = PostContent { len: 0, ..content };
    Some(board::exchange(comm, tag, content, &[], |_, _| {}))
}

/// Where the buffers are in this process.
struct Buffers<const N: usize> {
    sends: [*const u8; N],
    /// Those that get the result.
    results: [*mut u8; N],
    number: usize,
}

/// `None`: a buffer cannot be mapped.
fn reach<const N: usize>(
    comm: &Comm,
    len: usize,
    places: &[Place],
    root: Option<u32>,
) -> Option<Buffers<N>> {
    let mut buffers = Buffers {
        sends: [std::ptr::null(); N],
        results: [std::ptr::null_mut(); N],
        number: 0,
    };
    let map = |rank: u32, addr: u64| {
        if rank == comm.rank {
            let addr = usize::try_from(addr).ok()?;
            return Some(std::ptr::with_exposed_provenance_mut(addr));
        }
        let at = remote::mapped(comm.peer(rank)?, addr, len)?;
        Some(at.as_ptr())
    };
    for (rank, place) in (0u32..).zip(places) {
        buffers.sends[rank as usize] = map(rank, place.send)?.cast_const();
        if root.is_none_or(|root| root == rank) {
            buffers.results[buffers.number] = map(rank, place.receive)?;
            buffers.number += 1;
        }
    }
    // This rank's own buffer first: the others get copies of it.
    let own = root.is_none_or(|root| root == comm.rank);
    if own && let Some(own) = places.get(comm.rank as usize) {
        let results = &mut buffers.results[..buffers.number];
        let is_own = |at: &*mut u8| at.expose_provenance() as u64 == own.receive;
        if let Some(at) = results.iter().position(is_own) {
            results.swap(0, at);
        }
    }
    Some(buffers)
}

/// Bytes on the stack that stay in the cache, aligned for every type.
#[repr(C, align(64))]
struct Scratch(MaybeUninit<[u8; BLOCK]>);

/// The bytes of `count` elements of `size` that this rank folds, of so many `ranks`.
fn part_of(count: usize, size: usize, ranks: usize, rank: usize) -> Range<usize> {
    let unit = (LINE / size.max(1)).max(1);
    let each = count.div_ceil(ranks).next_multiple_of(unit);
    let bound = |rank: usize| each.saturating_mul(rank).min(count) * size;
    bound(rank)..bound(rank + 1)
}

/// Folds the bytes `range` of all `sends` into all `results`. `aside`: the results of a block
/// go into a room of their own before any is written where contributions are.
///
/// # Safety
/// Elements of `size` bytes are readable there in `sends`, and writable in `results`, which
/// are memory of their own, or with `aside` may be among `sends`.
unsafe fn fold_blocks(
    reduction: &Reduction<'_>,
    size: usize,
    sends: &[*const u8],
    results: &[*mut u8],
    aside: bool,
    range: Range<usize>,
) {
    let Some((first, others)) = results.split_first() else {
        return;
    };
    let mut scratch = Scratch(MaybeUninit::uninit());
    let is_alone = sends.len() == 2 && others.is_empty() && !aside;
    let block = match is_alone {
        true => range.len().max(1),
        false => (BLOCK / size).max(1) * size,
    };
    // An element that is larger than the room has no loop of the library's own.
    debug_assert!(is_alone || block <= BLOCK);
    let mut at = range.start;
    while at < range.end {
        let len = block.min(range.end - at);
        let count = len / size;
        let target = first.wrapping_add(at);
        let acc = match aside {
            true => scratch.0.as_mut_ptr().cast::<u8>(),
            false => target,
        };
        // SAFETY: the caller's promise; `acc` has room for a block, and is an operand itself
        // or apart from all.
        unsafe {
            reduction.reducer.combine(
                sends[0].wrapping_add(at),
                sends[1].wrapping_add(at),
                acc,
                count,
            );
            for send in &sends[2..] {
                reduction
                    .reducer
                    .combine(acc, send.wrapping_add(at), acc, count);
            }
            if aside {
                std::ptr::copy_nonoverlapping(acc, target, len);
            }
            for other in others {
                std::ptr::copy_nonoverlapping(acc, other.wrapping_add(at), len);
            }
        }
        at += len;
    }
}

#[cfg(test)]
mod tests {
    use super::part_of;

    #[test]
    fn parts_are_all_and_do_not_overlap() {
        for (count, size, ranks) in [
            (1, 8, 3),
            (7, 16, 2),
            (1000, 4, 9),
            (65, 1, 64),
            (12, 200, 5),
        ] {
            let mut end = 0;
            for rank in 0..ranks {
                let part = part_of(count, size, ranks, rank);
                assert_eq!(part.start, end);
                assert_eq!(part.start % size, 0);
                end = part.end;
            }
            assert_eq!(end, count * size);
        }
    }
}
