//! A board: a place in the segment where each member of a group posts a few
//! bytes, and every member reads what all have posted. What small collectives
//! are made of.
//!
//! A member's posts alternate between two places. In turn `t` it writes its
//! bytes, then the stamp `t`; the others wait for that stamp. Who has finished
//! turn `t + 1` has seen everybody's post of `t + 1`, which each makes only after
//! it has read all of turn `t`: so the place of turn `t` may be written again in
//! turn `t + 2`, and no consent is needed.

use crate::sync::{AtomicU64, Ordering};
use std::ptr::NonNull;

/// Words of one post.
const WORDS: usize = 15;

/// Bytes that one post carries.
pub const ROOM: usize = WORDS * 8;

/// One post: two cache lines; bytes up to 56 are in the stamp's own.
#[repr(C, align(128))]
#[derive(Debug)]
struct Post {
    stamp: AtomicU64,
    words: [AtomicU64; WORDS],
}

#[cfg(not(loom))]
const _: () = assert!(size_of::<Post>() == 128);

/// The posts of a group.
#[derive(Clone, Copy, Debug)]
pub struct Board {
    posts: NonNull<Post>,
    members: u32,
}

/// The bytes that a board of `members` members takes.
#[must_use]
pub fn board_len(members: u32) -> u64 {
    u64::from(members) * 2 * size_of::<Post>() as u64
}

impl Board {
    /// The board at `base`.
    ///
    /// # Safety
    /// `base` begins [`board_len`] bytes, aligned to 128, zeroed when the board
    /// was made, that live as long as the process and are used as a board only.
    #[must_use]
    pub unsafe fn new(base: NonNull<u8>, members: u32) -> Board {
        Board {
            posts: base.cast(),
            members,
        }
    }

    #[inline]
    fn post_of(&self, member: u32, turn: u64) -> &Post {
        debug_assert!(member < self.members);
        let at = member as usize * 2 + usize::from(turn & 1 != 0);
        // SAFETY: below the number of posts; all fields are atomics.
        unsafe { self.posts.add(at).as_ref() }
    }

    /// Posts `bytes` (at most [`ROOM`]) for `member` in `turn`, which begins at 1
    /// and rises by one.
    ///
    /// # Panics
    /// If the bytes do not fit: a bug of the caller.
    #[inline]
    pub fn post(&self, member: u32, turn: u64, bytes: &[u8]) {
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
        post.stamp.store(turn, Ordering::Release); // pairs with the Acquire in `has_posted`
    }

    /// Whether `member` has posted in `turn`.
    #[inline]
    #[must_use]
    pub fn has_posted(&self, member: u32, turn: u64) -> bool {
        // pairs with the Release in `post`
        self.post_of(member, turn).stamp.load(Ordering::Acquire) == turn
    }

    /// Copies out what `member` has posted in `turn`, once [`Board::has_posted`].
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

    #[test]
    fn everybody_sees_everybody_in_every_turn() {
        const MEMBERS: u32 = 3;
        let len = usize::try_from(board_len(MEMBERS)).unwrap();
        let block = Box::leak(vec![0u128; len / 16 + 8].into_boxed_slice());
        let at = block.as_mut_ptr().cast::<u8>();
        let at = NonNull::new(at.wrapping_add(at.align_offset(128))).unwrap();
        // SAFETY: leaked, zeroed, aligned and large enough.
        let board = Shared(unsafe { Board::new(at, MEMBERS) });
        let threads = (0..MEMBERS).map(|me| {
            std::thread::spawn(move || {
                let Shared(board) = { board };
                for turn in 1..=2000u64 {
                    let len = usize::try_from(turn % 121).unwrap();
                    let fill = |who: u32| (turn * 7 + u64::from(who)).to_le_bytes()[0];
                    board.post(me, turn, &vec![fill(me); len]);
                    for other in 0..MEMBERS {
                        while !board.has_posted(other, turn) {
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

    struct Both([Post; 4]);

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
            board.post(me, turn, &(turn * 2 + u64::from(me)).to_le_bytes());
            while !board.has_posted(1 - me, turn) {
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
            let both = loom::sync::Arc::new(Both([post(), post(), post(), post()]));
            // SAFETY: the posts live in the Arc that both threads hold.
            let board = Half(unsafe { Board::new(NonNull::from(&both.0[0]).cast(), 2) });
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
