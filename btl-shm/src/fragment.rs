//! A rank's pool of fragments: pieces of the segment through which large
//! payloads pass.
//!
//! The owner takes a fragment, fills it and names it in a cell; the reader
//! copies the bytes out and gives it back by a store into the fragment's own
//! line. The pool is made on first use and serves all peers, so that memory
//! grows with ranks and not with pairs. A pool that is empty is no error: the
//! ring's bulk area carries smaller pieces meanwhile.

use crate::sync::{AtomicU32, Ordering};
use std::collections::VecDeque;
use wireup::segment::{Scribbled, Segment, SegmentError};

/// Bytes of one fragment.
pub const FRAGMENT: usize = 16 << 10;

/// Fragments of a pool.
const FRAGMENTS: usize = 64;

/// Fragments that one peer may hold at a time, so that a peer that does not
/// look cannot keep the others from being served.
const PER_PEER: u32 = 32;

/// Bytes before a fragment's data: the line with its state.
const LINE: u64 = 64;

/// States of a fragment, in its line.
const FREE: u32 = 0;
const FULL: u32 = 1;

/// The owner's view of its pool.
#[derive(Debug, Default)]
pub struct Pool {
    made: bool,
    /// Offsets of free fragments. The first given back is taken first: what the reader
    /// has read just now is in its cache, and would have to be fetched from there to
    /// be written, while it is being asked for the next.
    free: VecDeque<u64>,
    /// Fragments out, oldest first, with the peer that reads them.
    out: VecDeque<(u64, u32)>,
    /// How many are out, by peer.
    held: std::collections::HashMap<u32, u32>,
}

impl Pool {
    /// Takes a free fragment to fill for `peer`: the offset of its data. `None`:
    /// all are out, or this peer holds its share.
    pub fn take(&mut self, segment: &Segment, peer: u32) -> Result<Option<u64>, SegmentError> {
        if !self.made {
            self.make(segment)?;
        }
        if self.free.is_empty() || self.has_share(peer) {
            self.collect(segment);
            if self.has_share(peer) {
                return Ok(None);
            }
        }
        let Some(fragment) = self.free.pop_front() else {
            return Ok(None);
        };
        state(segment, fragment).store(FULL, Ordering::Relaxed);
        self.out.push_back((fragment, peer));
        *self.held.entry(peer).or_insert(0) += 1;
        Ok(Some(fragment))
    }

    /// Whether `peer` holds as many fragments as it may.
    fn has_share(&self, peer: u32) -> bool {
        self.held.get(&peer).is_some_and(|n| *n >= PER_PEER)
    }

    fn make(&mut self, segment: &Segment) -> Result<(), SegmentError> {
        let each = LINE + FRAGMENT as u64;
        let at = segment.allocate(each * FRAGMENTS as u64)?;
        populate(segment, at, each * FRAGMENTS as u64);
        self.free = (0..FRAGMENTS as u64)
            .map(|i| at + i * each + LINE)
            .collect();
        self.made = true;
        Ok(())
    }

    /// Takes back what readers are done with.
    fn collect(&mut self, segment: &Segment) {
        let before = self.out.len();
        for _ in 0..before {
            let Some((fragment, peer)) = self.out.pop_front() else {
                return;
            };
            // pairs with the Release in `give_back`
            if state(segment, fragment).load(Ordering::Acquire) == FREE {
                self.free.push_back(fragment);
                if let Some(held) = self.held.get_mut(&peer) {
                    *held -= 1;
                }
            } else {
                self.out.push_back((fragment, peer));
            }
        }
    }
}

/// Maps the pages at once, instead of by a fault for each. An older kernel leaves it
/// at that.
fn populate(segment: &Segment, at: u64, len: u64) {
    let page = crate::region::sys::page() as u64;
    let (first, end) = (at.next_multiple_of(page), (at + len) / page * page);
    let len = usize::try_from(end.saturating_sub(first)).unwrap_or(0);
    if len == 0 {
        return;
    }
    // SAFETY: pages of a block of the segment, which stay as they are.
    unsafe {
        libc::madvise(
            segment.at(first).as_ptr().cast(),
            len,
            libc::MADV_POPULATE_WRITE,
        )
    };
}

/// Checks the offset of a fragment that a cell names, and ends the job if none can be
/// there.
#[inline]
pub fn check(segment: &Segment, fragment: u64) {
    let first = segment.constants().arena_start + LINE;
    let right = fragment >= first && fragment.is_multiple_of(LINE);
    if !right || !segment.is_mapped(fragment, FRAGMENT as u64) {
        Scribbled::new("the offset of a fragment", fragment).give_up();
    }
}

/// Gives a fragment that has been read back to its owner.
pub fn give_back(segment: &Segment, fragment: u64) {
    state(segment, fragment).store(FREE, Ordering::Release); // pairs with the Acquire in `collect`
}

fn state(segment: &Segment, fragment: u64) -> &AtomicU32 {
    let line = segment
        .at(fragment.saturating_sub(LINE))
        .cast::<AtomicU32>();
    // SAFETY: the offset lies in the mapping (`at` checks) and 64 bytes before a
    // fragment's data, which is 64-aligned; the line holds only this atomic.
    unsafe { line.as_ref() }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn fragments_go_out_and_come_back() {
        let segment = Segment::create(2, 2).unwrap();
        let mut pool = Pool::default();
        let first = pool.take(&segment, 1).unwrap().unwrap();
        let mut taken = vec![first];
        while let Some(next) = pool.take(&segment, 1).unwrap() {
            assert!(!taken.contains(&next));
            taken.push(next);
        }
        assert_eq!(
            taken.len(),
            PER_PEER as usize,
            "one peer gets its share only"
        );
        let other = pool.take(&segment, 0).unwrap().unwrap();
        assert!(!taken.contains(&other));
        give_back(&segment, first);
        assert!(
            pool.take(&segment, 1).unwrap().is_some(),
            "its share has room again"
        );
        for fragment in taken.into_iter().chain([other]) {
            give_back(&segment, fragment);
        }
        assert!(pool.take(&segment, 1).unwrap().is_some());
    }
}
