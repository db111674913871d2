//! Whether a blocking receive should send an RTR: it should where the last long
//! message from the same sender was copied by both. RTRs that were of no use are
//! followed by a pause, each time a longer one.

use crate::pml::learnt::split::Ending;

/// Receives that go without an RTR after one that was of no use, and the most after
/// several in a row.
const PAUSE: u32 = 8;
const PAUSE_MOST: u32 = 4096;

/// What was learnt of RTRs to one peer.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::pml) struct RtrHistory {
    /// Bytes of the last message from it that both copied, or should have; 0: the last
    /// long one was not. And whether calls copied it.
    shared: usize,
    by_call: bool,
    /// Receives that go without, now and the next time that an RTR is of no use.
    pause: u32,
    next_pause: u32,
}

impl RtrHistory {
    /// The likely length of the next message, in bytes, and whether calls copy it.
    /// `None`: a receive sends no RTR.
    pub(in crate::pml) fn next(&mut self) -> Option<(usize, bool)> {
        let paused = self.pause > 0;
        self.pause = self.pause.saturating_sub(1);
        (self.shared > 0 && !paused).then_some((self.shared, self.by_call))
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
        self.shared = if came { len } else { 0 };
        self.by_call = by_call;
    }

    /// A short message of `len` bytes was copied out of a dirty source, or a clean one.
    pub(in crate::pml) fn note_short(&mut self, len: usize, is_dirty: bool) {
        if is_dirty {
            (self.shared, self.by_call) = (len, false);
        } else if self.shared == len {
            self.shared = 0;
        }
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
        assert_eq!(history.next(), Some((1 << 17, true)));
    }
}
