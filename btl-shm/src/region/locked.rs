//! `mlockall` for a rank: it locks the program's memory, and not what is only mapped in
//! it: the job segment, peers' memory, and the unused part of the own window.

use super::alloc::Allocator;
use super::extents::State;
use super::{lines, sys};
use std::io;

/// Names of mappings of which parts are other ranks'.
const HEAP_FILE: &[u8] = b"/memfd:lariat-heap";
const SEGMENT: &[u8] = b"/memfd:lariat-job";

/// `mlockall`.
pub fn lock_all(heap: &Allocator, flags: i32) -> io::Result<()> {
    // Before, so that what is opened meanwhile is locked at any rate.
    let future = flags & libc::MCL_FUTURE != 0;
    let space = heap.space();
    heap.window().lock_future(future);
    drop(space);
    let done = sys::lock_all(flags);
    if flags & libc::MCL_CURRENT != 0 && done.is_ok() {
        unlock_foreign(heap);
    }
    done
}

/// `munlockall`, as far as it concerns the heap.
pub fn unlock_all(heap: &Allocator) {
    let _space = heap.space();
    heap.window().lock_future(false);
}

/// Unlocks what is not the program's memory. What cannot be unlocked stays locked, which
/// costs memory and nothing else.
fn unlock_foreign(heap: &Allocator) {
    let window = heap.window();
    let own = window.offsets();
    // Without /proc it all stays locked.
    let _ = lines::each(c"/proc/self/maps", &mut |line| {
        let of_peer = line.path.starts_with(HEAP_FILE) && !own.contains(&line.offset);
        if of_peer || line.path.starts_with(SEGMENT) {
            drop(sys::unlock(line.start, line.len()));
        }
    });
    let space = heap.space();
    for (start, end, _) in space.extents.all(State::Sealed) {
        drop(sys::unlock(start, end - start));
    }
}
