//! Bridges between jobs: what processes of different jobs must agree on to talk.
//!
//! A *bridge* is a further segment ([`crate::segment`]) in which each process of both
//! sides has a record of its own, so that rings between them can lie in it. Processes of
//! different jobs use one when they are connected (MPI 5.0, sections 11.8 to 11.10).
//!
//! Communicators over a bridge draw their context ids from a *space* of the bridge's own.
//! A space is a number that no other bridge of any process involved uses: it is claimed
//! in the heads of all jobs that take part ([`JobHead::spaces`]). Contexts of a job's own
//! communicators are below [`FIRST_CONTEXT`].

use crate::layout::{JobHead, SPACES};
use std::ops::RangeInclusive;
use std::sync::atomic::Ordering::{AcqRel, Relaxed};

/// The first context id of a bridge.
pub const FIRST_CONTEXT: u32 = 1 << 31;

/// Context ids of one space.
pub const CONTEXTS: u32 = {
    assert!(SPACES == 4096);
    FIRST_CONTEXT / 4096
};

/// The first context id of `space`.
#[must_use]
pub fn first_context(space: u32) -> u32 {
    FIRST_CONTEXT + space * CONTEXTS
}

/// The context ids of `space`.
#[must_use]
pub fn contexts(space: u32) -> RangeInclusive<u32> {
    let first = first_context(space);
    first..=first + (CONTEXTS - 1)
}

/// Claims a space in the jobs of these heads, which must differ. `None`: all are in use.
#[must_use]
pub fn claim(heads: &[&JobHead]) -> Option<u32> {
    (0..u32::try_from(SPACES).unwrap_or(0)).find(|space| claim_one(heads, *space))
}

fn claim_one(heads: &[&JobHead], space: u32) -> bool {
    for (at, head) in heads.iter().enumerate() {
        let (word, bit) = place(head, space);
        // pairs with the AcqRel in `release`: whoever used it before has left
        if word.load(Relaxed) & bit != 0 || word.fetch_or(bit, AcqRel) & bit != 0 {
            heads[..at].iter().for_each(|head| release(head, space));
            return false;
        }
    }
    true
}

/// Gives a space back in the job of this head: no process of it uses the space any more.
pub fn release(head: &JobHead, space: u32) {
    let (word, bit) = place(head, space);
    word.fetch_and(!bit, AcqRel); // pairs with the AcqRel in `claim_one`
}

fn place(head: &JobHead, space: u32) -> (&std::sync::atomic::AtomicU64, u64) {
    let word = &head.spaces[space as usize / 64 % head.spaces.len()];
    (word, 1 << (space % 64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::Segment;

    #[test]
    fn a_space_is_free_in_all_jobs_and_comes_back() {
        let jobs = [(); 3].map(|()| Segment::create(1, 1).unwrap());
        let [a, b, c] = jobs.each_ref().map(Segment::head);
        assert_eq!(claim(&[a, b]), Some(0));
        assert_eq!(claim(&[b, c]), Some(1));
        assert_eq!(claim(&[c]), Some(0));
        assert_eq!(claim(&[a, c]), Some(2));
        release(a, 0);
        release(b, 0);
        assert_eq!(
            claim(&[a, b]),
            Some(0),
            "a refused claim leaves nothing behind"
        );
    }

    #[test]
    fn spaces_fill_the_upper_half_of_context_ids() {
        let last = first_context(u32::try_from(SPACES).unwrap() - 1);
        assert_eq!(last + (CONTEXTS - 1), u32::MAX);
        assert!(CONTEXTS > 100_000 && CONTEXTS.is_multiple_of(2));
    }

    #[test]
    fn all_spaces_can_be_in_use() {
        let job = Segment::create(1, 1).unwrap();
        for space in 0..u32::try_from(SPACES).unwrap() {
            assert_eq!(claim(&[job.head()]), Some(space));
        }
        assert_eq!(claim(&[job.head()]), None);
    }
}
