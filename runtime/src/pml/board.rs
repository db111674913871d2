//! Small exchanges among all members of a communicator, through a board in the
//! job segment instead of messages.

use crate::job;
use crate::object::comm::{Comm, Space};
use crate::pml::progress::{self, WaitFor};
use btl_shm::board::{Board, board_len};
use std::cell::Cell;
use std::sync::atomic::Ordering;
use wireup::layout::WaitKind;

pub use btl_shm::board::ROOM;

/// Looks at the others' posts before the rest of the process gets its turn.
const LOOKS: u32 = 200;

/// Makes a board for `members` members: where it is in the segment, never 0.
/// `None`: the segment has no room. Boards are never given back, so half of the
/// segment is left to the rings, which a job cannot do without.
#[must_use]
pub fn make(members: u32) -> Option<u64> {
    let segment = job::current()?.segment;
    let taken = segment.head().arena_next.load(Ordering::Relaxed);
    if taken > segment.constants().arena_limit / 2 {
        return None;
    }
    segment.allocate(board_len(members)).ok()
}

/// Posts `mine` (at most [`ROOM`] bytes) on the board at `place`, waits until
/// every member has posted in this turn, and shows what each has posted, in the
/// order of ranks, as many bytes as `mine` has.
///
/// # Panics
/// If MPI is not up, or there is no board at `place`: bugs of the caller.
#[inline]
pub fn exchange(comm: &Comm, place: u64, turn: u64, mine: &[u8], mut each: impl FnMut(u32, &[u8])) {
    let job = job::current().expect("boards are made while MPI is initialized");
    let members = comm.size();
    // SAFETY: `make` allocated the board there, for this many members; it is
    // never given back.
    let board = unsafe { Board::new(job.segment.at(place), members) };
    board.post(comm.rank, turn, mine);
    for peer in comm.group.iter().filter(|peer| peer.0 != job.rank) {
        progress::wake(peer.0);
    }
    let next = Cell::new(0);
    let all = || {
        while next.get() < members && board.has_posted(next.get(), turn) {
            next.set(next.get() + 1);
        }
        next.get() == members
    };
    let mut here = all();
    if !here && !job::is_crowded() {
        for _ in 0..LOOKS {
            here = all();
            if here {
                break;
            }
        }
    }
    if !here {
        progress::wait(|| waits_for(comm, next.get()), all);
    }
    let mut bytes = [0u8; ROOM];
    for rank in 0..members {
        let bytes = &mut bytes[..mine.len()];
        if !bytes.is_empty() {
            board.read(rank, turn, bytes);
        }
        each(rank, bytes);
    }
}

/// What is waited for while the member `next` has not posted.
fn waits_for(comm: &Comm, next: u32) -> WaitFor {
    WaitFor {
        kind: WaitKind::Collective,
        peer: comm.peer(next).map_or(-2, |proc| proc.0.cast_signed()),
        tag: -2,
        context: comm.context_of(Space::Collective).0,
    }
}
