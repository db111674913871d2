//! The table of attached ranges, read by the signal handler.
//!
//! A slot is free when its `start` is 0. Writers take a lock, the handler none: it
//! looks at every slot, which is as fast as a fault deserves.

use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// Ranges that a process can have at once: twice the attachments that it keeps.
const SLOTS: usize = 2048;

struct Slot {
    /// The first address; 0: the slot is free. Written last, cleared first.
    start: AtomicU64,
    len: AtomicU64,
    peer: AtomicU32,
    peer_start: AtomicU64,
}

static TABLE: [Slot; SLOTS] = [const {
    Slot {
        start: AtomicU64::new(0),
        len: AtomicU64::new(0),
        peer: AtomicU32::new(0),
        peer_start: AtomicU64::new(0),
    }
}; SLOTS];

/// Held while a slot is taken into use.
static TAKING: Mutex<()> = Mutex::new(());

/// A registered range; dropping it forgets the range.
#[must_use]
pub struct Range(&'static Slot);

impl std::fmt::Debug for Range {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (start, len) = (&self.0.start, &self.0.len);
        f.debug_struct("Range")
            .field("start", start)
            .field("len", len)
            .finish_non_exhaustive()
    }
}

impl Drop for Range {
    fn drop(&mut self) {
        // A reader that saw the old start may still read the other fields: they
        // stay until the slot is used again, and then it looks at `start` twice.
        self.0.start.store(0, Ordering::Relaxed);
    }
}

/// Notes a range. Fails when the table is full.
pub fn add(start: *const u8, len: usize, peer: u32, peer_start: u64) -> io::Result<Range> {
    let _taking = TAKING.lock();
    let is_free = |slot: &&Slot| slot.start.load(Ordering::Relaxed) == 0;
    let slot = TABLE.iter().find(is_free);
    let slot = slot.ok_or_else(|| io::Error::from_raw_os_error(libc::ENOMEM))?;
    slot.len.store(len as u64, Ordering::Release); // pairs with the Acquire of `start` in `find`, should a reader see it with the slot's former start
    slot.peer.store(peer, Ordering::Release); // as above
    slot.peer_start.store(peer_start, Ordering::Release); // as above
    slot.start.store(start.addr() as u64, Ordering::Release); // pairs with the Acquire in `find`
    Ok(Range(slot))
}

/// The peer and its address for an address in a registered range. For the signal
/// handler.
#[cfg_attr(
    not(any(target_arch = "x86_64", target_arch = "aarch64")),
    expect(dead_code, reason = "there is no handler there")
)]
pub fn find(addr: u64) -> Option<(u32, u64)> {
    for slot in &TABLE {
        let start = slot.start.load(Ordering::Acquire); // pairs with the Release in `add`
        let at = addr.wrapping_sub(start);
        // Acquire, so that the second look at `start` comes after: pairs with the
        // Releases in `add`.
        if start == 0 || at >= slot.len.load(Ordering::Acquire) {
            continue;
        }
        let peer = slot.peer.load(Ordering::Acquire); // as above
        let peer_start = slot.peer_start.load(Ordering::Acquire); // as above
        if slot.start.load(Ordering::Relaxed) == start {
            return Some((peer, peer_start.wrapping_add(at)));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ptr;

    #[test]
    fn addresses_are_found_in_their_range_only() {
        // Addresses that no other test of this process has.
        let base = 0x10_0000_0000u64;
        let ranges: Vec<_> = (0..300u32)
            .map(|i| {
                let start = base + u64::from(i) * 0x2000;
                let start = ptr::without_provenance(usize::try_from(start).unwrap());
                add(start, 0x1000, i, 0x7000_0000 + u64::from(i) * 0x1000).unwrap()
            })
            .collect();
        for i in 0..300u32 {
            let start = base + u64::from(i) * 0x2000;
            let theirs = 0x7000_0000 + u64::from(i) * 0x1000;
            assert_eq!(find(start), Some((i, theirs)));
            assert_eq!(find(start + 0xfff), Some((i, theirs + 0xfff)));
            assert_eq!(find(start + 0x1000), None);
        }
        drop(ranges);
        assert_eq!(find(base), None);
        let again = add(ptr::without_provenance(0x10_0000_0000), 16, 7, 0x10).unwrap();
        assert_eq!(find(base + 15), Some((7, 0x1f)));
        assert_eq!(find(base + 16), None);
        drop(again);
    }
}
