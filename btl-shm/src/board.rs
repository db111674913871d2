//! A board: a place in the segment where each member of a group posts a few
//! bytes, and every member reads what all have posted. What small collectives
//! are made of.
//!
//! A member's posts alternate between two places. In turn `t` it writes its
//! bytes, then a stamp, which names what is exchanged and is the same at all
//! members; the others wait for that stamp. A member that has finished turn `t + 1`
//! has seen everybody's post of `t + 1`, and each makes that only after it has read
//! all of turn `t`: so the place of turn `t` may be written again in turn `t + 2`
//! without asking anybody.
//!
//! A member that gives a turn up, since the others exchange something else, takes the
//! same turn again: its next post goes to the same place. After that members may count
//! turns differently, so [`Board::find`] looks for a stamp in the other place as well.
//!
//! A board also has a word for each member that says where its [bulletin](crate::bulletin) is.
//!
//! When the group is no more, each member leaves the board; whoever made it may
//! use it for another group once all have left.

use crate::departures::Departures;
use crate::prefetch::{prefetch, prefetch_to_write};
use crate::sync::{AtomicU64, Ordering};
use std::ptr::NonNull;

/// Bytes of a cache line.
const LINE: usize = 64;

/// Words of one post.
const POST_WORDS: usize = 31;

/// Bytes that one post carries.
pub const ROOM: usize = POST_WORDS * 8;

/// One post: four cache lines; bytes up to 56 are in the stamp's own.
#[repr(C, align(128))]
#[derive(Debug)]
struct Post {
    stamp: AtomicU64,
    words: [AtomicU64; POST_WORDS],
}

#[cfg(not(loom))]
const _: () = assert!(size_of::<Post>() == 256);

/// What stands before the posts.
#[repr(C, align(128))]
#[derive(Debug)]
struct Head {
    departures: Departures,
}

/// The board of a group.
#[derive(Clone, Copy, Debug)]
pub struct Board {
    head: NonNull<Head>,
    posts: NonNull<Post>,
    bulletins: NonNull<AtomicU64>,
    members: u32,
}

/// The bytes that a board of `members` members takes: as many as one of the next power of two.
pub fn board_len(members: u32) -> u64 {
    let each = 2 * size_of::<Post>() + size_of::<AtomicU64>();
    size_of::<Head>() as u64 + u64::from(members.next_power_of_two()) * each as u64
}

impl Board {
    /// The board at `base`.
    ///
    /// # Safety
    /// `base` begins [`board_len`] bytes, aligned to 128, zeroed when the board
    /// was made, that live as long as the process and are used as a board only.
    pub unsafe fn new(base: NonNull<u8>, members: u32) -> Board {
        let head = base.cast::<Head>();
        // SAFETY: the posts are behind the head, and the words behind them, in the same bytes.
        let (posts, bulletins) = unsafe {
            let posts = head.add(1).cast::<Post>();
            let room = members.next_power_of_two() as usize;
            (posts, posts.add(room * 2).cast())
        };
        Board {
            head,
            posts,
            bulletins,
            members,
        }
    }

    fn head(&self) -> &Head {
        // SAFETY: the promise of `new`; the fields are atomics.
        unsafe { self.head.as_ref() }
    }

    fn bulletin_word(&self, member: u32) -> &AtomicU64 {
        debug_assert!(member < self.members);
        // SAFETY: below the number of words, which are atomics.
        unsafe { self.bulletins.add(member as usize).as_ref() }
    }

    /// Where the bulletin of `member` is, as [`Board::set_bulletin`] has it; 0 before.
    #[inline]
    pub fn bulletin(&self, member: u32) -> u64 {
        // pairs with the Release in `set_bulletin`
        self.bulletin_word(member).load(Ordering::Acquire)
    }

    /// Says where the bulletin of `member` is.
    pub fn set_bulletin(&self, member: u32, place: u64) {
        // pairs with the Acquire in `bulletin`
        self.bulletin_word(member).store(place, Ordering::Release);
    }

    /// Leaves the board: this member will not look at it again.
    pub fn leave(&self) {
        self.head().departures.leave();
    }

    /// Clears the board for another group, if all members have left. `false`: not all have.
    #[must_use]
    pub fn reset(&self) -> bool {
        if !self.head().departures.reset(self.members) {
            return false;
        }
        for post in 0..self.members as usize * 2 {
            // SAFETY: below the number of posts; all fields are atomics.
            let post = unsafe { self.posts.add(post).as_ref() };
            // Relaxed: the next members hear of the board by a message.
            post.stamp.store(0, Ordering::Relaxed);
        }
        for member in 0..self.members {
            self.bulletin_word(member).store(0, Ordering::Relaxed);
        }
        true
    }

    /// The number of members.
    pub fn members(&self) -> u32 {
        self.members
    }

    #[inline]
    fn post_of(&self, member: u32, turn: u64) -> &Post {
        debug_assert!(member < self.members);
        let at = member as usize * 2 + usize::from(turn & 1 != 0);
        // SAFETY: below the number of posts; all fields are atomics.
        unsafe { self.posts.add(at).as_ref() }
    }

    /// Posts `bytes` (at most [`ROOM`]) for `member` in `turn`, under a `stamp` that
    /// is not 0 and that no turn shortly before had.
    ///
    /// # Panics
    /// If the bytes do not fit: a bug of the caller.
    #[inline]
    pub fn post(&self, member: u32, turn: u64, stamp: u64, bytes: &[u8]) {
        assert!(bytes.len() <= ROOM);
        let post = self.post_of(member, turn);
        let (whole, rest) = bytes.as_chunks::<8>();
        for (slot, word) in post.words.iter().zip(whole) {
            slot.store(u64::from_le_bytes(*word), Ordering::Relaxed);
        }
        if !rest.is_empty() {
            let mut last = [0u8; 8];
            last[..rest.len()].copy_from_slice(rest);
            post.words[whole.len()].store(u64::from_le_bytes(last), Ordering::Relaxed);
        }
        post.stamp.store(stamp, Ordering::Release); // pairs with the Acquire in `stamp`
    }

    /// The stamp of what `member` posted last at the place of `turn`.
    #[inline]
    pub fn stamp(&self, member: u32, turn: u64) -> u64 {
        // pairs with the Release in `post`
        self.post_of(member, turn).stamp.load(Ordering::Acquire)
    }

    /// The turn, `turn` or the one after, at whose place `member` has posted under
    /// `stamp`.
    pub fn find(&self, member: u32, turn: u64, stamp: u64) -> Option<u64> {
        [turn, turn + 1]
            .into_iter()
            .find(|turn| self.stamp(member, *turn) == stamp)
    }

    /// Asks for the lines behind the first of a post of `len` bytes that `member` makes in
    /// `turn`: they are under way, then, when its stamp is seen.
    #[inline]
    pub fn ask_for_lines(&self, member: u32, turn: u64, len: usize) {
        let post = std::ptr::from_ref(self.post_of(member, turn)).cast::<u8>();
        for line in (LINE..size_of::<u64>() + len).step_by(LINE) {
            prefetch(post.wrapping_add(line));
        }
    }

    /// Asks for the lines where `member` itself posts `len` bytes in `turn`, to be written:
    /// the others' caches still have them from the last post there.
    #[inline]
    pub fn own_ahead(&self, member: u32, turn: u64, len: usize) {
        let post = std::ptr::from_ref(self.post_of(member, turn)).cast::<u8>();
        for line in (0..size_of::<u64>() + len).step_by(LINE) {
            prefetch_to_write(post.wrapping_add(line));
        }
    }

    /// Copies out what `member` has posted in `turn`, whose [`Board::stamp`] has
    /// been seen.
    #[inline]
    pub fn read(&self, member: u32, turn: u64, to: &mut [u8]) {
        let post = self.post_of(member, turn);
        for (bytes, slot) in to.chunks_mut(8).zip(&post.words) {
            let word = slot.load(Ordering::Relaxed).to_le_bytes();
            bytes.copy_from_slice(&word[..bytes.len()]);
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[derive(Clone, Copy)]
    struct Shared(Board);
    // SAFETY: a board is reached by atomics only.
    unsafe impl Send for Shared {}

    const MEMBERS: u32 = 3;

    fn board() -> Board {
        let len = usize::try_from(board_len(MEMBERS)).unwrap();
        let block = Box::leak(vec![0u128; len / 16 + 8].into_boxed_slice());
        let at = block.as_mut_ptr().cast::<u8>();
        let at = NonNull::new(at.wrapping_add(at.align_offset(128))).unwrap();
        // SAFETY: leaked, zeroed, aligned and large enough.
        unsafe { Board::new(at, MEMBERS) }
    }

    #[test]
    fn a_board_is_as_new_once_all_have_left() {
        let board = board();
        board.post(1, 1, 77, &[5]);
        assert_eq!((board.stamp(1, 1), board.stamp(1, 2)), (77, 0));
        assert_eq!(board.find(1, 2, 77), Some(3));
        assert_eq!(board.find(1, 2, 78), None);
        board.set_bulletin(2, 4711);
        assert_eq!((board.bulletin(2), board.bulletin(1)), (4711, 0));
        board.leave();
        board.leave();
        assert!(!board.reset());
        board.leave();
        assert!(board.reset() && !board.reset());
        assert_eq!((board.stamp(1, 1), board.bulletin(2)), (0, 0));
    }

    #[test]
    fn everybody_sees_everybody_in_every_turn() {
        let board = Shared(board());
        let threads = (0..MEMBERS).map(|me| {
            std::thread::spawn(move || {
                let Shared(board) = { board };
                for turn in 1..=2000u64 {
                    let len = usize::try_from(turn % 249).unwrap();
                    let fill = |who: u32| (turn * 7 + u64::from(who)).to_le_bytes()[0];
                    board.post(me, turn, turn * 3, &vec![fill(me); len]);
                    for other in 0..MEMBERS {
                        while board.stamp(other, turn) != turn * 3 {
                            std::thread::yield_now();
                        }
                        let mut got = vec![0; len];
                        board.read(other, turn, &mut got);
                        assert!(got.iter().all(|b| *b == fill(other)));
                    }
                }
            })
        });
        threads
            .collect::<Vec<_>>()
            .into_iter()
            .for_each(|t| t.join().unwrap());
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use super::*;

    #[repr(C)]
    struct Both(Head, [Post; 4], [AtomicU64; 2]);

    #[derive(Clone, Copy)]
    struct Half(Board);
    // SAFETY: a board is reached by atomics only.
    unsafe impl Send for Half {}

    fn post() -> Post {
        Post {
            stamp: AtomicU64::new(0),
            words: std::array::from_fn(|_| AtomicU64::new(0)),
        }
    }

    fn turns(board: Board, me: u32) {
        for turn in 1..=3u64 {
            board.post(me, turn, turn, &(turn * 2 + u64::from(me)).to_le_bytes());
            while board.stamp(1 - me, turn) != turn {
                loom::thread::yield_now();
            }
            let mut got = [0; 8];
            board.read(1 - me, turn, &mut got);
            assert_eq!(u64::from_le_bytes(got), turn * 2 + u64::from(1 - me));
        }
    }

    #[test]
    fn a_post_is_never_overwritten_before_it_is_read() {
        loom::model(|| {
            let both = loom::sync::Arc::new(Both(
                Head {
                    departures: Departures::new(),
                },
                [post(), post(), post(), post()],
                [AtomicU64::new(0), AtomicU64::new(0)],
            ));
            // SAFETY: the posts live in the Arc that both threads hold.
            let board = Half(unsafe { Board::new(NonNull::from(&*both).cast(), 2) });
            let keep = both.clone();
            let thread = loom::thread::spawn(move || {
                let (Half(board), _keep) = ({ board }, keep);
                turns(board, 1);
            });
            turns(board.0, 0);
            thread.join().unwrap();
        });
    }
}
