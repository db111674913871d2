//! Whether a blocking receive should send an RTR: it should where the last long
//! message from the same sender was copied by both. RTRs that were of no use are
//! followed by a pause, each time a longer one.

use crate::pml::learnt::size::SizeClass;
use crate::pml::learnt::split::Ending;

/// Receives that go without an RTR after one that was of no use, and the most after
/// several in a row.
const PAUSE: u32 = 8;
const PAUSE_MOST: u32 = 4096;

/// Receives for which short messages count as slow, once they were.
const SLOW_FOR: u32 = 1000;

/// The message that the next one will most likely be like.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(in crate::pml) struct Likely {
    /// Its bytes.
    pub(in crate::pml) len: usize,
    /// Whether calls copied it.
    pub(in crate::pml) by_call: bool,
    /// Whether it is worth sharing although it is short, since its copy takes long.
    pub(in crate::pml) is_slow: bool,
}

/// What was learnt of RTRs to one peer.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::pml) struct RtrHistory {
    /// The last message from it that both copied, or should have; `None`: the last long
    /// one was not.
    shared: Option<Likely>,
    /// Receives that go without, now and the next time that an RTR is of no use.
    pause: u32,
    next_pause: u32,
    /// Receives until short messages are timed again.
    slow_left: u32,
}

impl RtrHistory {
    /// What the next message is like. `None`: a receive sends no RTR.
    pub(in crate::pml) fn next(&mut self) -> Option<Likely> {
        let paused = self.pause > 0;
        self.pause = self.pause.saturating_sub(1);
        if self.slow_left > 0 {
            self.slow_left -= 1;
        } else if self.shared.is_some_and(|last| last.is_slow) {
            self.shared = None;
        }
        self.shared.filter(|_| !paused)
    }

    /// Whether the next receive of a message of this class would send an RTR.
    pub(in crate::pml) fn is_for(&self, class: SizeClass) -> bool {
        let is_like = |last: Likely| SizeClass::of(last.len) == class;
        self.pause == 0 && self.shared.is_some_and(is_like)
    }

    /// An RTR was of no use.
    pub(in crate::pml) fn failed(&mut self) {
        self.pause = (2 * self.next_pause).clamp(PAUSE, PAUSE_MOST);
        self.next_pause = self.pause;
    }

    /// A message of `len` bytes is copied that the two sides could share, after an RTR
    /// or without.
    pub(in crate::pml) fn learn(
        &mut self,
        len: usize,
        by_call: bool,
        ending: Ending,
        after_rtr: bool,
    ) {
        let came = ending != Ending::SenderAbsent;
        match (came, after_rtr) {
            (true, true) => self.next_pause = 0,
            (false, true) => return self.failed(),
            (_, false) => {}
        }
        let is_slow = self.slow_left > 0;
        self.shared = came.then_some(Likely {
            len,
            by_call,
            is_slow,
        });
    }

    /// Copies of messages of `len` bytes, which are short, take long.
    pub(in crate::pml) fn note_slow(&mut self, len: usize) {
        self.slow_left = SLOW_FOR;
        self.shared = Some(Likely {
            len,
            by_call: false,
            is_slow: true,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Receives until the next one that would send an RTR.
    fn wait(history: &mut RtrHistory) -> usize {
        (0..100_000)
            .take_while(|_| history.next().is_none())
            .count()
    }

    #[test]
    fn what_is_of_no_use_is_done_less_and_less() {
        let mut history = RtrHistory::default();
        assert!(history.next().is_none());
        history.learn(1 << 16, false, Ending::ReceiverFirst, false);
        assert!(history.next().is_some());
        history.failed();
        assert_eq!(wait(&mut history), PAUSE as usize);
        history.learn(1 << 16, false, Ending::SenderAbsent, true);
        assert_eq!(wait(&mut history), 2 * PAUSE as usize);
        for _ in 0..20 {
            history.failed();
        }
        assert_eq!(wait(&mut history), PAUSE_MOST as usize);
        history.learn(1 << 16, false, Ending::SenderFirst, true);
        history.failed();
        assert_eq!(wait(&mut history), PAUSE as usize);
    }

    #[test]
    fn a_sender_that_did_not_come_gets_no_rtr() {
        let mut history = RtrHistory::default();
        history.learn(1 << 16, false, Ending::SenderFirst, false);
        history.learn(1 << 16, false, Ending::SenderAbsent, false);
        assert!(history.next().is_none());
        history.learn(1 << 17, true, Ending::SenderFirst, false);
        let next = history.next().unwrap();
        assert_eq!((next.len, next.by_call), (1 << 17, true));
    }
}
