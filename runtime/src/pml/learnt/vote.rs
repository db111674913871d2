//! The one way in which a choice of two is learnt: each message votes, and the choice
//! changes when one side is ahead by enough.

/// Votes for and against.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::pml) struct Vote(i8);

impl Vote {
    /// Counts a vote. Returns the side that is ahead by `needed` now, and begins anew.
    pub(in crate::pml) fn cast(&mut self, is_for: bool, needed: i8) -> Option<bool> {
        self.0 += if is_for { 1 } else { -1 };
        if self.0.abs() < needed {
            return None;
        }
        self.0 = 0;
        Some(is_for)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_side_wins_that_is_ahead_by_enough() {
        let mut vote = Vote::default();
        let mut cast = |side| vote.cast(side, 3);
        assert_eq!([cast(true), cast(true), cast(false)], [None; 3]);
        assert_eq!([cast(true), cast(true)], [None, Some(true)]);
        assert_eq!(
            [cast(false), cast(false), cast(false)],
            [None, None, Some(false)]
        );
    }
}
