//! The arm `shared`: a peer's memory that lies in the job's heap file is mapped
//! here too, and copied by plain loads and stores.
//!
//! What of a peer's addresses lies where in the file is in its record. Each such region
//! is mapped for good when an address in it is first asked for, a heap in parts of at most
//! 64 GiB: so a rank has as many mappings as peers that it exchanges large messages with,
//! and an address becomes a pointer by two additions. A mapping stays good whatever the
//! owner does: the pages of memory that it gave back read as zeros, and live on after its
//! end.
//!
//! Mapped is what the peer uses of a part, as far as messages have shown that; it grows
//! in place. So whoever reads all of this process's memory, or fills it (`mlockall`), finds
//! no more than that, and this process is no larger.

use crate::region::heap;
use crate::region::sys;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};
use wireup::growing::Growing;
use wireup::heap::HeapFile;
use wireup::layout::{RankRecord, RegionKind};
use wireup::segment::{Segment, SegmentError};

/// Bytes of a window that one mapping may reach.
const PART: u64 = 1 << 36;

/// Bytes of a peer's heap that are mapped at once, at the least; else an eighth of what is
/// mapped, so that a heap that grows is followed by few system calls.
const MAPPED_LEAST: u64 = 2 << 20;

/// A range of a process's addresses that lies in the heap file.
#[derive(Clone, Copy, Debug)]
struct Region {
    start: u64,
    len: u64,
    at: u64,
    kind: u32,
}

impl Region {
    /// Where in the file `len` bytes at `addr` lie, if all do.
    #[inline]
    fn offset(&self, addr: u64, len: u64) -> Option<u64> {
        let from = addr.wrapping_sub(self.start);
        (from < self.len && len <= self.len - from).then(|| self.at + from)
    }
}

/// The regions that a rank's record tells of, as far as they were read.
#[derive(Debug, Default)]
pub struct Regions(Vec<Region>);

impl Regions {
    /// Where in the heap file `len` bytes at `addr` of the rank of `record` lie;
    /// `None` if not all of them are in it.
    #[inline]
    pub fn offset(&mut self, record: &RankRecord, addr: u64, len: u64) -> Option<u64> {
        self.find(record, addr, len)?.offset(addr, len)
    }

    #[inline]
    fn find(&mut self, record: &RankRecord, addr: u64, len: u64) -> Option<Region> {
        let holds = |region: &&Region| region.offset(addr, len).is_some();
        if let Some(region) = self.0.iter().find(holds) {
            return Some(*region);
        }
        if self.learn(record) {
            return self.0.iter().find(holds).copied();
        }
        None
    }

    /// Whether peers see what is in `len` bytes at `addr` of this process, whose
    /// record is `record`, by way of the file; `None`: the record does not say that
    /// they do. It tells of the heap as a whole, and what the program has mapped over
    /// parts of that is not in the file.
    #[inline]
    pub fn is_seen(&mut self, record: &RankRecord, addr: u64, len: usize) -> Option<bool> {
        let Some(region) = self.find(record, addr, len as u64) else {
            // Peers may look for parts of it. Where one is no longer in the file, none is.
            let start = usize::try_from(addr).ok()?;
            return (!heap::expose(start, len)).then_some(false);
        };
        let whole = region.kind != RegionKind::Heap as u32;
        Some(whole || usize::try_from(addr).is_ok_and(|addr| heap::is_shared(addr, len)))
    }

    /// Reads what has been added since the last time.
    fn learn(&mut self, record: &RankRecord) -> bool {
        let before = self.0.len();
        for told in &record.shared[before..] {
            let start = told.start.load(Ordering::Acquire); // pairs with the Release of who adds it
            if start == 0 {
                break;
            }
            self.0.push(Region {
                start,
                len: told.len.load(Ordering::Relaxed),
                at: told.at.load(Ordering::Relaxed),
                kind: told.kind.load(Ordering::Relaxed),
            });
        }
        self.0.len() > before
    }

    /// Whether the rank of `record` has any memory in the file.
    pub fn any(&mut self, record: &RankRecord) -> bool {
        self.learn(record);
        !self.0.is_empty()
    }
}

/// Memory of a peer's that a program was given to use (a window of MPI's). Unlike
/// what messages are copied through, a forked child keeps it, and shares it.
#[derive(Debug)]
pub struct Shared {
    base: NonNull<u8>,
    len: usize,
    at: NonNull<u8>,
}

impl Shared {
    /// Where the first byte is.
    pub fn at(&self) -> NonNull<u8> {
        self.at
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // SAFETY: the mapping is this value's own.
        unsafe { libc::munmap(self.base.as_ptr().cast(), self.len) };
    }
}

/// The mappings of peers' windows.
#[derive(Debug)]
pub struct Windows {
    segment: &'static Segment,
    file: HeapFile,
    peers: Vec<Window>,
    attachments: usize,
    /// The lines of all ranks, while all peers are tried.
    lines: Option<Shared>,
}

/// What is mapped of one peer's window.
#[derive(Debug, Default)]
struct Window {
    regions: Regions,
    parts: Vec<Part>,
    /// Whether it was looked whether the peer's memory is found there.
    looked: bool,
    /// Why nothing more of it is mapped.
    refused: Option<String>,
    /// The last look-up: the peer's addresses of what of a region lies in one part, and
    /// where the first of them is here. Neither changes once it is known.
    last: Option<(std::ops::Range<u64>, NonNull<u8>)>,
}

/// What of a region lies in one part of the window, mapped.
#[derive(Debug)]
struct Part {
    /// Where it begins, in bytes from the window's beginning: a whole page.
    begin: u64,
    memory: Growing,
}

impl Windows {
    /// The windows of the peers of rank `me`; none is mapped yet. Peers are told, in
    /// this rank's line of the file, the bytes that they will find in its memory.
    pub fn new(segment: &'static Segment, file: HeapFile, me: u32) -> Windows {
        let windows = Windows::far(segment, file);
        if let Ok(lines) = windows.map_lines() {
            let cookie = segment.record(me).cookie.load(Ordering::Relaxed);
            line(&lines, me).store(cookie, Ordering::Relaxed);
        }
        windows
    }

    /// The windows of the ranks of another job.
    pub fn far(segment: &'static Segment, file: HeapFile) -> Windows {
        let peers = (0..segment.ranks()).map(|_| Window::default());
        Windows {
            segment,
            file,
            peers: peers.collect(),
            attachments: 0,
            lines: None,
        }
    }

    /// Where `len` bytes at `addr` of `peer` are in this process; `None` if they
    /// are not all in one part of the peer's window, or cannot be mapped.
    #[inline]
    pub fn resolve(&mut self, peer: u32, addr: u64, len: u64) -> Option<NonNull<u8>> {
        match &self.peers[peer as usize].last {
            Some((here, first)) if here.contains(&addr) && len <= here.end - addr => {
                let within = usize::try_from(addr - here.start).ok()?;
                // SAFETY: inside of what is mapped there.
                Some(unsafe { first.add(within) })
            }
            _ => self.find(peer, addr, len),
        }
    }

    fn find(&mut self, peer: u32, addr: u64, len: u64) -> Option<NonNull<u8>> {
        let window = &mut self.peers[peer as usize];
        let region = window.regions.find(self.segment.record(peer), addr, len)?;
        let before = region.at.checked_sub(self.file.begin(peer))?; // of its first byte
        let from = before + (addr - region.start);
        let part = from / PART;
        // What of the region lies in this part.
        let start = (part * PART).max(before);
        let end = (part + 1) * PART;
        let end = end.min(before + region.len).min(self.file.window());
        if from >= end || len > end - from {
            return None;
        }
        let grows = region.kind == RegionKind::Heap as u32;
        let (base, mapped) = self.map(peer, start..end, from + len, grows)?;
        // SAFETY: both lie inside of what is mapped from `base` on, the beginning of the
        // page of `start`.
        let (first, found) = unsafe {
            let page = start / sys::page() as u64 * sys::page() as u64;
            let at = |from: u64| base.add(bytes(from - page));
            (at(start), at(from))
        };
        let here = addr - (from - start)..addr + (mapped.min(end) - from);
        self.peers[peer as usize].last = Some((here, first));
        Some(found)
    }

    /// Maps what of a region lies in a part, `whole`, at least up to `least`, all in bytes
    /// from the window's beginning; `grows`: as far as is likely to be used, and not all
    /// of it. Where the page of its first byte is, and the end of what is mapped.
    #[cold]
    fn map(
        &mut self,
        peer: u32,
        whole: std::ops::Range<u64>,
        least: u64,
        grows: bool,
    ) -> Option<(NonNull<u8>, u64)> {
        let page = sys::page() as u64;
        let begin = whole.start / page * page;
        let window = &mut self.peers[peer as usize];
        if let Some(part) = window.parts.iter().find(|part| part.begin == begin) {
            let more = match grows {
                true => (part.memory.mapped() / 8).max(MAPPED_LEAST),
                false => whole.end - least,
            };
            let mapped = part.memory.mapped();
            self.file.map_more(&part.memory, least - begin, more).ok()?;
            if part.memory.mapped() != mapped {
                // A forked child is no rank, and has no business with peers' memory.
                part.memory.keep_from_children();
            }
            return Some((part.memory.base(), begin + part.memory.mapped()));
        }
        if window.refused.is_some() {
            return None;
        }
        if whole.end > self.file.window() {
            window.refused = Some(format!(
                "rank {peer} tells of memory outside of its window of the heap file"
            ));
            return None;
        }
        if !window.looked {
            if !self.is_right(peer) {
                self.peers[peer as usize].refused = Some(other_bytes(peer));
                return None;
            }
            self.peers[peer as usize].looked = true;
        }
        let first = match grows {
            true => least.saturating_add(MAPPED_LEAST).min(whole.end),
            false => whole.end,
        };
        let at = self.file.begin(peer) + begin;
        let memory = match self.file.map_some(at, whole.end - begin, first - begin) {
            Ok(memory) => memory,
            Err(why) => {
                let why = format!("its window of the heap file: {why}");
                self.peers[peer as usize].refused = Some(why);
                return None;
            }
        };
        memory.keep_from_children();
        let found = (memory.base(), begin + memory.mapped());
        self.peers[peer as usize].parts.push(Part { begin, memory });
        self.attachments += 1;
        Some(found)
    }

    /// Maps `len` bytes at `addr` of `peer` by themselves; `None` if they are not all
    /// in the peer's window, or cannot be mapped.
    #[must_use]
    pub fn share(&mut self, peer: u32, addr: u64, len: u64) -> Option<Shared> {
        let at = self.place(peer, addr, len)?;
        self.map_alone(at, len).ok()
    }

    /// Where in the file `len` bytes at `addr` of `peer` are, if all are in its window.
    fn place(&mut self, peer: u32, addr: u64, len: u64) -> Option<u64> {
        let record = self.segment.record(peer);
        let at = self.peers[peer as usize]
            .regions
            .offset(record, addr, len)?;
        let from = at.checked_sub(self.file.begin(peer))?;
        (from <= self.file.window() && len <= self.file.window() - from).then_some(at)
    }

    /// Maps the pages of `len` bytes at `at` of the file.
    fn map_alone(&self, at: u64, len: u64) -> Result<Shared, SegmentError> {
        let page = sys::page() as u64;
        let within = at % page;
        let whole = (within + len).next_multiple_of(page);
        let base = self.file.map(at - within, whole)?;
        // SAFETY: `within` lies inside the mapping's first page.
        let at = unsafe { base.add(bytes(within)) };
        let len = bytes(whole);
        Ok(Shared { base, len, at })
    }

    /// Whether `peer` has told of any memory in the heap file.
    pub fn is_told(&mut self, peer: u32) -> bool {
        self.peers[peer as usize]
            .regions
            .any(self.segment.record(peer))
    }

    /// Maps the lines of all ranks, or unmaps them: while all peers are tried.
    pub fn keep_lines(&mut self, kept: bool) {
        self.lines = kept.then(|| self.map_lines().ok()).flatten();
    }

    fn map_lines(&self) -> Result<Shared, SegmentError> {
        let (at, len) = self.file.lines();
        self.map_alone(at, len)
    }

    /// Tries whether the memory of `peer` is reached, by really reading eight bytes
    /// that it has put into the file. Its window is mapped on first use, and its
    /// place there is looked at then: most ranks exchange large messages with few.
    pub fn probe(&mut self, peer: u32) -> Result<(), String> {
        let record = self.segment.record(peer);
        if !self.is_told(peer) {
            return Err(format!("rank {peer} has no memory in the heap file"));
        }
        if self.cookie_place(peer).is_none() {
            return Err(format!(
                "the bytes to try it by of rank {peer} are not in its window of the heap file"
            ));
        }
        let mapped;
        let lines = match &self.lines {
            Some(lines) => lines,
            None => {
                mapped = self
                    .map_lines()
                    .map_err(|why| format!("the heap file: {why}"))?;
                &mapped
            }
        };
        let got = line(lines, peer).load(Ordering::Relaxed);
        if got == record.cookie.load(Ordering::Relaxed) {
            Ok(())
        } else {
            Err(other_bytes(peer))
        }
    }

    /// Where in the file the bytes are that `peer` has put into its memory.
    fn cookie_place(&mut self, peer: u32) -> Option<u64> {
        let addr = self
            .segment
            .record(peer)
            .cookie_addr
            .load(Ordering::Relaxed);
        self.place(peer, addr, 8)
    }

    /// Whether the bytes that `peer` has put into its memory are found where it says that
    /// they are, or something else is.
    fn is_right(&mut self, peer: u32) -> bool {
        let Some(at) = self.cookie_place(peer) else {
            return true;
        };
        let Ok(mapped) = self.map_alone(at, 8) else {
            return true; // what is asked for next is not mapped either
        };
        // SAFETY: eight bytes that are mapped, aligned as an atomic of the peer's is.
        let got = unsafe { mapped.at().cast::<u64>().read_volatile() };
        got == self.segment.record(peer).cookie.load(Ordering::Relaxed)
    }

    /// Unmaps all: nobody uses an address of them any more.
    ///
    /// # Safety
    /// That is so.
    pub unsafe fn unmap(&mut self) {
        for peer in &mut self.peers {
            *peer = Window::default(); // drops the mappings
        }
    }

    /// Mappings made so far.
    pub fn attachments(&self) -> usize {
        self.attachments
    }
}

/// The word of a rank in the lines of all.
fn line(lines: &Shared, rank: u32) -> &AtomicU64 {
    // SAFETY: there is a line for each rank, aligned, for atomic words alone.
    unsafe { lines.at().add(bytes(HeapFile::line(rank))).cast().as_ref() }
}

fn other_bytes(peer: u32) -> String {
    format!("rank {peer} left other bytes there than it told")
}

/// The length of a mapping that was made: it fits an address.
fn bytes(len: u64) -> usize {
    usize::try_from(len).unwrap_or(usize::MAX)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::os::fd::AsRawFd;

    fn publish(record: &RankRecord, entry: usize, start: u64, len: u64, at: u64) {
        record.shared[entry].len.store(len, Ordering::Relaxed);
        record.shared[entry].at.store(at, Ordering::Relaxed);
        record.shared[entry].start.store(start, Ordering::Release); // pairs with the Acquire in `learn`
    }

    #[test]
    fn a_peers_address_becomes_a_pointer() {
        let segment: &'static Segment = Box::leak(Box::new(Segment::create(3, 2).unwrap()));
        let file = HeapFile::create(segment).unwrap();
        let theirs = HeapFile::open(segment, file.fd().as_raw_fd()).unwrap();
        let begin = theirs.begin(1);
        let memory = theirs.map(begin + 8192, 65536).unwrap();
        let addr = memory.as_ptr().expose_provenance() as u64;
        let mut windows = Windows::new(segment, file, 0);
        assert!(windows.resolve(1, addr, 8).is_none(), "nothing was told");
        assert!(windows.probe(1).is_err());
        publish(segment.record(1), 0, addr, 65536, begin + 8192);
        // SAFETY: inside the fresh mapping.
        unsafe { memory.add(100).write(42) };
        let here = windows.resolve(1, addr + 100, 1000).unwrap();
        // SAFETY: mapped, by the line above.
        assert_eq!(unsafe { here.read() }, 42);
        assert!(windows.resolve(1, addr + 65000, 1000).is_none());
        assert!(windows.resolve(1, addr - 1, 2).is_none());
        assert!(windows.resolve(1, u64::MAX - 3, 8).is_none());
        assert!(windows.resolve(2, addr + 100, 8).is_none());
        assert_eq!(windows.attachments(), 1);
        let own = windows.share(1, addr + 100, 1000).unwrap();
        assert_ne!(own.at(), here);
        // SAFETY: both have 1000 bytes, of the same file.
        unsafe {
            own.at().add(999).write(43);
            assert_eq!(here.add(999).read(), 43);
        }
        drop(own);
        assert!(windows.share(1, addr + 65000, 1000).is_none());
        assert!(windows.share(2, addr, 8).is_none());
        assert_eq!(windows.attachments(), 1);
        publish(segment.record(1), 1, 4096, 4096, begin + theirs.window());
        assert!(
            windows.resolve(1, 4096, 8).is_none(),
            "outside of the peer's window"
        );
    }
}
