//! Where the pages of a window come from, and how peers reach them.
//!
//! | kind | the owner's memory | how a peer reaches it |
//! |---|---|---|
//! | [`MemoryKind::Alone`] | any: the window has one member | – |
//! | [`MemoryKind::Heap`] | in its shared heap | by mapping that part of the job's heap file |
//! | [`MemoryKind::File`] | a file without a name, of its own | by opening that file in `/proc` |
//! | [`MemoryKind::Segment`] | in the job segment's arena | it is mapped already |
//!
//! `File` is for ranks that have no shared heap, or a full one; `Segment` for those that
//! cannot see one another in `/proc`. The arena takes nothing back, so blocks that
//! windows have given back are kept here for the next window.
//!
//! A forked child has a private copy of what its parent owns in the shared heap; it
//! goes on sharing all else.

use crate::lock::Local;
use crate::object::group::Proc;
use crate::pml::Mapping;
use crate::{job, memory, pml};
use btl_shm::region::heap;
use std::fs::{File, OpenOptions};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::ptr::NonNull;
use std::sync::atomic::Ordering;
use wireup::descriptor::raise;
use wireup::foreign;
use wireup::segment::Segment;

/// Where the memory of a window comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum MemoryKind {
    Alone,
    Heap,
    File,
    Segment,
}

/// Where a piece is, in the words that its owner sends to its peers. For
/// [`MemoryKind::File`]: process, descriptor, the file's device and inode, and the offset
/// in the file; otherwise an address or an offset in the segment, and zeros.
pub(super) type Location = [u64; 5];

/// A piece of memory, as its owner or a peer has it. Dropping it gives it back,
/// or lets go of it.
#[derive(Debug)]
pub(super) struct Piece {
    at: NonNull<u8>,
    release: Release,
}

/// How a piece is given back.
#[derive(Debug)]
enum Release {
    Alone,
    Heap,
    Unmap {
        base: NonNull<u8>,
        len: usize,
    },
    /// By dropping the mapping.
    Shared {
        _mapping: Mapping,
    },
    Keep(ArenaBlock),
    Nothing,
}

/// A part of the arena: where in the segment, and bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct ArenaBlock {
    at: u64,
    len: u64,
}

/// Blocks of the arena that this rank has taken and no window uses.
static SPARE_BLOCKS: Local<Vec<ArenaBlock>> = Local::new(Vec::new());

impl Piece {
    /// Where it is in this process.
    pub(super) fn at(&self) -> NonNull<u8> {
        self.at
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        let at = self.at.as_ptr();
        match &self.release {
            // SAFETY: it came from `memory::allocate`, and goes with the window.
            Release::Alone => unsafe { memory::free(at.cast()) },
            Release::Heap => {
                // SAFETY: it came from `heap::alloc`; all members are through with it.
                let found = unsafe { heap::free(at) };
                debug_assert!(found, "memory of the heap");
            }
            // SAFETY: this is a mapping of our own, which goes with the window.
            Release::Unmap { base, len } => unsafe {
                libc::munmap(base.as_ptr().cast(), *len);
            },
            Release::Keep(block) => SPARE_BLOCKS.with(|spare| spare.push(*block)),
            Release::Shared { .. } | Release::Nothing => {}
        }
    }
}

/// A new piece, with what peers need to know of it.
pub(super) struct NewPiece {
    pub(super) piece: Piece,
    pub(super) location: Location,
    open: Option<File>,
}

impl NewPiece {
    /// The piece, and what is to be kept open until all peers have it too.
    pub(super) fn split(self) -> (Piece, Option<File>) {
        (self.piece, self.open)
    }
}

/// Makes `len` zero bytes at a multiple of `align`, a power of two. `None` if there
/// is no memory of this kind.
pub(super) fn make(kind: MemoryKind, len: usize, align: usize) -> Option<NewPiece> {
    let new = make_any(kind, len, align)?;
    if kind != MemoryKind::File {
        // SAFETY: the piece is `len` bytes long, and nobody knows of it yet.
        unsafe { zero(new.piece.at, len) };
    }
    Some(new)
}

fn make_any(kind: MemoryKind, len: usize, align: usize) -> Option<NewPiece> {
    let simple = |at: *mut u8, release| {
        let at = NonNull::new(at)?;
        let addr = at.as_ptr().expose_provenance() as u64;
        Some(NewPiece {
            piece: Piece { at, release },
            location: [addr, 0, 0, 0, 0],
            open: None,
        })
    };
    match kind {
        MemoryKind::Alone => simple(memory::allocate(len, align).ok()?, Release::Alone),
        MemoryKind::Heap => simple(heap::alloc(len, align), Release::Heap),
        MemoryKind::File => make_file(len, align),
        MemoryKind::Segment => make_block(len, align),
    }
}

/// Maps the piece of `owner` at `location`, `len` bytes long. `None` if it cannot be
/// reached.
pub(super) fn reach(
    kind: MemoryKind,
    owner: Proc,
    location: &Location,
    len: usize,
) -> Option<Piece> {
    match kind {
        MemoryKind::Alone => None,
        MemoryKind::Heap => {
            let (at, mapping) = pml::map(owner, location[0], len)?;
            let release = Release::Shared { _mapping: mapping };
            Some(Piece { at, release })
        }
        MemoryKind::File => reach_file(location, len),
        MemoryKind::Segment => Some(Piece {
            at: inside(job::current()?.segment, location[0], len as u64)?,
            release: Release::Nothing,
        }),
    }
}

/// From how many bytes on pages are given back rather than written.
const GIVE_BACK: usize = 64 << 10;

/// Makes memory zero that held other things before. (The standard does not ask for
/// it; but programs are used to it, and pages that are given back are placed anew,
/// near to who touches them first.)
///
/// # Safety
/// There are `len` bytes, which nobody uses.
unsafe fn zero(at: NonNull<u8>, len: usize) {
    let (begin, end) = (at.as_ptr().addr(), at.as_ptr().addr() + len);
    let from = begin.next_multiple_of(page());
    let to = end - end % page();
    let mut rest = [(begin, end), (end, end)];
    if to.saturating_sub(from) >= GIVE_BACK {
        let pages = at.as_ptr().wrapping_add(from - begin).cast();
        // SAFETY: whole pages of memory that nobody uses. Where it is not shared,
        // the call fails and does nothing.
        if unsafe { libc::madvise(pages, to - from, libc::MADV_REMOVE) } == 0 {
            rest = [(begin, from), (to, end)];
        }
    }
    for (from, to) in rest {
        // SAFETY: inside of the caller's memory.
        unsafe { at.add(from - begin).write_bytes(0, to - from) };
    }
}

fn make_file(len: usize, align: usize) -> Option<NewPiece> {
    let page = page();
    // Mappings begin at pages; what is to begin at a multiple of more has room.
    let room = if align > page { align } else { 0 };
    let whole = len.checked_add(room)?.checked_next_multiple_of(page)?;
    if whole as u64 > physical_memory() {
        return None; // the file would take it, and fail when it is written
    }
    let size = libc::off_t::try_from(whole).ok()?;
    // SAFETY: the name is a NUL-terminated literal.
    let fd = unsafe { libc::memfd_create(c"lariat-window".as_ptr(), libc::MFD_CLOEXEC) };
    if fd < 0 {
        return None;
    }
    // SAFETY: memfd_create just returned this descriptor to us alone.
    let file = File::from(raise(unsafe { OwnedFd::from_raw_fd(fd) }).ok()?);
    let fd = file.as_raw_fd();
    // Beyond the limit of file sizes the kernel would send SIGXFSZ.
    if limit_of_files() < whole as u64 {
        return None;
    }
    // SAFETY: ftruncate touches no memory of ours.
    if unsafe { libc::ftruncate(fd, size) } < 0 {
        return None;
    }
    let about = file.metadata().ok()?;
    let base = map(&file, whole)?;
    let shift = base.as_ptr().addr().next_multiple_of(align.max(1)) - base.as_ptr().addr();
    let location = [
        u64::from(std::process::id()),
        u64::from(fd.unsigned_abs()),
        about.dev(),
        about.ino(),
        shift as u64,
    ];
    // SAFETY: `shift` is at most `room`, which the mapping has beyond `len`.
    let at = unsafe { base.add(shift) };
    let piece = Piece {
        at,
        release: Release::Unmap { base, len: whole },
    };
    Some(NewPiece {
        piece,
        location,
        open: Some(file),
    })
}

fn reach_file(location: &Location, len: usize) -> Option<Piece> {
    let [process, descriptor, device, number, shift] = *location;
    let path = format!("/proc/{process}/fd/{descriptor}");
    let mut options = OpenOptions::new();
    options
        .read(true)
        .write(true)
        .custom_flags(libc::O_CLOEXEC | libc::O_NONBLOCK);
    let file = options.open(path).ok()?;
    let about = file.metadata().ok()?;
    let shift = usize::try_from(shift).ok()?;
    let whole = shift.checked_add(len)?.checked_next_multiple_of(page())?;
    // The number may mean another process where ranks see different ones.
    if about.dev() != device || about.ino() != number || about.len() < whole as u64 {
        return None;
    }
    let base = foreign::map(file.as_raw_fd(), 0, whole as u64).ok()?;
    Some(Piece {
        // SAFETY: `shift` and the piece lie inside the mapping.
        at: unsafe { base.add(shift) },
        release: Release::Unmap { base, len: whole },
    })
}

fn make_block(len: usize, align: usize) -> Option<NewPiece> {
    let segment = job::current()?.segment;
    let room = if align > page() { align } else { page() };
    let whole = (len as u64).checked_add(room as u64)?;
    let block = take_spare(whole).or_else(|| {
        // Half of the arena is left to the rings, which a job cannot do without.
        let taken = segment.head().arena_next.load(Ordering::Relaxed);
        if taken.checked_add(whole)? > segment.constants().arena_limit / 2 {
            return None;
        }
        let at = segment.allocate(whole).ok()?;
        Some(ArenaBlock { at, len: whole })
    })?;
    // Dropped on an early return, the block becomes a spare one.
    let mut piece = Piece {
        at: NonNull::dangling(),
        release: Release::Keep(block),
    };
    let base = inside(segment, block.at, whole)?.as_ptr().addr();
    let shift = base.next_multiple_of(align) - base;
    let at = block.at + shift as u64;
    piece.at = inside(segment, at, len as u64)?;
    // The program's own data, which belong into core dumps; the segment does not.
    let first = piece.at.as_ptr().addr() / page() * page();
    let bytes = piece.at.as_ptr().addr() + len - first;
    // SAFETY: advice on pages that are mapped; a refusal leaves them out.
    unsafe {
        libc::madvise(
            std::ptr::with_exposed_provenance_mut(first),
            bytes,
            libc::MADV_DODUMP,
        )
    };
    Some(NewPiece {
        piece,
        location: [at, 0, 0, 0, 0],
        open: None,
    })
}

/// The smallest spare block that is long enough, unless most of it would be wasted.
fn take_spare(len: u64) -> Option<ArenaBlock> {
    SPARE_BLOCKS.with(|spare| {
        let fits = |block: &ArenaBlock| block.len >= len && block.len / 2 <= len;
        let found = spare.iter().enumerate().filter(|entry| fits(entry.1));
        let best = found.min_by_key(|entry| entry.1.len)?.0;
        Some(spare.swap_remove(best))
    })
}

/// Where `len` bytes of the segment are, if all of them are mapped.
fn inside(segment: &Segment, at: u64, len: u64) -> Option<NonNull<u8>> {
    segment.is_mapped(at, len).then(|| segment.at(at))
}

fn map(file: &File, len: usize) -> Option<NonNull<u8>> {
    // SAFETY: a fresh shared mapping at an address of the kernel's choice.
    let base = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            len,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_SHARED | libc::MAP_NORESERVE,
            file.as_raw_fd(),
            0,
        )
    };
    if base == libc::MAP_FAILED {
        return None;
    }
    NonNull::new(base.cast())
}

/// Bytes of a page.
pub(super) fn page() -> usize {
    // SAFETY: sysconf has no preconditions.
    usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096)
}

fn physical_memory() -> u64 {
    // SAFETY: sysconf has no preconditions.
    let pages = unsafe { libc::sysconf(libc::_SC_PHYS_PAGES) };
    u64::try_from(pages).map_or(u64::MAX, |pages| pages.saturating_mul(page() as u64))
}

fn limit_of_files() -> u64 {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: getrlimit fills the structure.
    match unsafe { libc::getrlimit(libc::RLIMIT_FSIZE, &raw mut limit) } {
        0 => limit.rlim_cur,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_reached_by_its_location() {
        for align in [64, 1 << 20] {
            let new = make(MemoryKind::File, 10_000, align).unwrap();
            assert!(new.piece.at().as_ptr().addr().is_multiple_of(align));
            let seen = reach(MemoryKind::File, Proc(0), &new.location, 10_000).unwrap();
            assert_ne!(seen.at(), new.piece.at());
            // SAFETY: both have 10000 bytes.
            unsafe {
                new.piece.at().add(9_999).write(7);
                assert_eq!(seen.at().add(9_999).read(), 7);
            }
            let mut other = new.location;
            other[3] += 1;
            assert!(reach(MemoryKind::File, Proc(0), &other, 10_000).is_none());
            other = new.location;
            other[1] = 2;
            assert!(reach(MemoryKind::File, Proc(0), &other, 10_000).is_none());
            let much = 10_000 + align + (1 << 20);
            assert!(reach(MemoryKind::File, Proc(0), &new.location, much).is_none());
        }
        assert!(make(MemoryKind::File, usize::MAX - 5, 64).is_none());
        assert!(make(MemoryKind::File, 1 << 60, 64).is_none());
    }
}
