//! Small exchanges among all members of a communicator, through a board
//! instead of messages.

use crate::error::{Error, Result};
use crate::lock::Local;
use crate::object::comm::{Comm, Space};
use crate::pml::active::ActiveBoard;
use crate::pml::engine::with_engine;
use crate::pml::progress;
use crate::pml::publish::WaitFor;
use crate::pml::transport::{Board, Transport};
use crate::pml::waiter::{is_oversubscribed, wake};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use wireup::layout::WaitKind;

/// Bytes that a post carries.
pub const ROOM: usize = ActiveBoard::ROOM;

/// Whether this process is a forked child, whose boards are its parent's.
static FORKED: AtomicBool = AtomicBool::new(false);

/// Says that this process is a forked child.
pub fn set_forked() {
    FORKED.store(true, Ordering::Relaxed);
}

/// Whether it does.
pub(super) fn is_forked() -> bool {
    FORKED.load(Ordering::Relaxed)
}

/// Looks at the others' posts before the rest of the process gets its turn.
const LOOKS: u32 = 200;

/// A board that this process has made, for a group of so many members.
#[derive(Clone, Copy, Debug)]
struct OwnBoard {
    place: u64,
    members: u32,
}

impl OwnBoard {
    /// Which group sizes have boards of one size: up to the same power of two.
    fn class(members: u32) -> usize {
        members.next_power_of_two().trailing_zeros() as usize
    }

    fn board(&self) -> ActiveBoard {
        board_at(self.place, self.members)
    }
}

fn board_at(place: u64, members: u32) -> ActiveBoard {
    with_engine(|engine| engine.core.queues.transport().board(place, members))
}

/// Those that this process looks at.
static IN_USE: Local<Vec<OwnBoard>> = Local::new(Vec::new());

/// Those that it has left, by class. Other members may not have yet.
static LEFT: Local<[VecDeque<OwnBoard>; 32]> = Local::new([const { VecDeque::new() }; 32]);

/// How many of [`LEFT`] are looked at before a new one is made.
const TRIES: usize = 8;

/// Makes a board for `members` members, of one that all others have left if there is
/// one: where it is, never 0. `None`: there is no room for it, or there are no boards.
#[must_use]
pub fn make(members: u32) -> Option<u64> {
    let place = reuse(members)
        .or_else(|| with_engine(|engine| engine.core.queues.transport().make_board(members)))?;
    IN_USE.with(|boards| boards.push(OwnBoard { place, members }));
    Some(place)
}

fn reuse(members: u32) -> Option<u64> {
    LEFT.with(|left| {
        let left = left.get_mut(OwnBoard::class(members))?;
        for _ in 0..TRIES.min(left.len()) {
            let made = left.pop_front()?;
            if made.board().reset() {
                return Some(made.place);
            }
            left.push_back(made);
        }
        None
    })
}

/// Leaves the board at `place`.
pub fn leave(place: u64) {
    if is_forked() {
        return;
    }
    let made = IN_USE.with(|boards| {
        let at = boards.iter().position(|made| made.place == place)?;
        Some(boards.swap_remove(at))
    });
    // Somebody else's board is left alike, however many members it has.
    let any = made.unwrap_or(OwnBoard { place, members: 1 });
    any.board().leave();
    if let Some(made) = made {
        LEFT.with(|left| {
            if let Some(left) = left.get_mut(OwnBoard::class(made.members)) {
                left.push_back(made);
            }
        });
    }
}

/// What a look at the posts of those who have not taken part yet finds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OtherPost {
    /// Who posted.
    pub rank: u32,
    /// Its last stamp.
    pub stamp: u64,
}

/// Posts `mine` (at most [`ROOM`] bytes) under `stamp` on the board of `comm`,
/// waits until every member has posted under the same stamp, and shows what each
/// has posted, in the order of ranks, as many bytes as `mine` has. `waiting` is called
/// where posts are missing, and comes down to [`await_all`].
///
/// # Errors
/// That of `waiting`.
///
/// # Panics
/// If MPI is not up, or `comm` has no board: bugs of the caller.
#[inline]
pub fn exchange(
    comm: &Comm,
    stamp: u64,
    mine: &[u8],
    mut each: impl FnMut(u32, &[u8]),
    waiting: impl FnOnce(PendingExchange<'_>) -> Result<Vec<u32>>,
) -> Result<()> {
    let members = comm.size();
    let (board, me) = with_engine(|engine| {
        let queues = &mut engine.core.queues;
        let me = queues.me();
        let place = comm.board.place.get();
        (queues.transport().board(place, members), me)
    });
    let turn = comm.board.turn.get() + 1;
    board.post(comm.rank, turn, stamp, mine);
    for peer in comm.group.iter().filter(|peer| *peer != me) {
        wake(peer);
    }
    let mut next = 0;
    while next < members && board.stamp(next, turn) == stamp {
        next += 1;
    }
    if next < members {
        let elsewhere = waiting(PendingExchange {
            comm,
            board: &board,
            turn,
            stamp,
            next,
            len: mine.len(),
        })?;
        if !elsewhere.is_empty() {
            read_all(&board, members, (turn, &elsewhere), mine.len(), each);
            comm.board.turn.set(turn);
            return Ok(());
        }
    }
    comm.board.turn.set(turn);
    if mine.is_empty() {
        (0..members).for_each(|rank| each(rank, &[]));
        return Ok(());
    }
    let mut bytes = [0u8; ROOM];
    for rank in 0..members {
        let bytes = &mut bytes[..mine.len()];
        board.read(rank, turn, bytes);
        each(rank, bytes);
    }
    board.own_ahead(comm.rank, turn + 1, mine.len());
    Ok(())
}

/// Shows what each has posted, where some members count turns differently.
#[cold]
fn read_all(
    board: &ActiveBoard,
    members: u32,
    (turn, elsewhere): (u64, &[u32]),
    len: usize,
    mut each: impl FnMut(u32, &[u8]),
) {
    let mut bytes = [0u8; ROOM];
    for rank in 0..members {
        let turn = turn + u64::from(elsewhere.contains(&rank));
        board.read(rank, turn, &mut bytes[..len]);
        each(rank, &bytes[..len]);
    }
}

/// An exchange in which the posts of some members are missing.
#[derive(Debug)]
pub struct PendingExchange<'a> {
    comm: &'a Comm,
    board: &'a ActiveBoard,
    turn: u64,
    stamp: u64,
    /// The first member whose post is missing.
    next: u32,
    /// The bytes of a post.
    len: usize,
}

/// Waits for the posts that are missing. When that has taken long, `stalled` is told
/// which stamps there are of those who are missing; the exchange is given up with the
/// error that it returns. What comes back are the members who count turns differently.
///
/// # Errors
/// That, if it was given up.
pub fn await_all(
    waiting: &PendingExchange<'_>,
    tag: i32,
    mut stalled: impl FnMut(&[OtherPost]) -> Option<Error>,
) -> Result<Vec<u32>> {
    let PendingExchange {
        comm,
        board,
        turn,
        stamp,
        next,
        len,
    } = *waiting;
    let members = comm.size();
    let next = Cell::new(next);
    let has_posted = |rank| board.stamp(rank, turn) == stamp;
    let all = |elsewhere: &[u32]| {
        while next.get() < members && (has_posted(next.get()) || elsewhere.contains(&next.get())) {
            next.set(next.get() + 1);
        }
        next.get() == members
    };
    if !is_oversubscribed() {
        for _ in 0..LOOKS {
            if all(&[]) {
                return Ok(Vec::new());
            }
            board.ask_for_lines(next.get(), turn, len);
        }
    }
    let elsewhere = RefCell::new(Vec::new());
    let mut failed = None;
    // What this rank has posted one turn ago, which has the same place as the next. A
    // collective may exchange several times: who has posted just that is late, and differs
    // in nothing.
    let own_before = board.stamp(comm.rank, turn + 1);
    let is_late = |post: &OtherPost| post.stamp == own_before;
    progress::wait_or(
        || {
            let missing = (0..members).filter(|rank| !has_posted(*rank));
            waits_for(comm, tag, missing)
        },
        || all(&elsewhere.borrow()),
        || {
            let (mut others, mut is_complete) = (Vec::new(), true);
            for rank in 0..members {
                match board.find(rank, turn, stamp) {
                    Some(found) if found == turn => {}
                    Some(_) => elsewhere.borrow_mut().push(rank),
                    None => {
                        is_complete = false;
                        others.extend(
                            [turn, turn + 1]
                                .map(|turn| board.stamp(rank, turn))
                                .map(|stamp| OtherPost { rank, stamp })
                                .into_iter()
                                .filter(|post| !is_late(post)),
                        );
                    }
                }
            }
            if !is_complete {
                failed = stalled(&others);
            }
            failed.is_some()
        },
    );
    match failed {
        Some(error) => Err(error),
        None => Ok(elsewhere.into_inner()),
    }
}

/// What is waited for while these members have not posted.
fn waits_for(comm: &Comm, tag: i32, missing: impl Iterator<Item = u32>) -> WaitFor {
    let context = comm.context_of(Space::Collective);
    let part = |rank| WaitFor::peer(WaitKind::Collective, comm.peer(rank), tag, context);
    WaitFor::all_of(missing.map(part))
}
