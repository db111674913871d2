//! What a communicator knows of its collectives: how many began here, which the
//! last ones were, and which failed.

use crate::error::Error;
use std::cell::{Cell, RefCell};
use std::fmt;
use wireup::collective::{self, Kind, NUMBER};

/// The tag of one collective's messages: its kind and its number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tag(pub i32);

impl Tag {
    /// The kind of call.
    #[must_use]
    pub fn kind(self) -> Kind {
        collective::parse(self.0).map_or(Kind::FAILED, |(kind, _)| kind)
    }

    /// Its number, from 0.
    #[must_use]
    pub fn number(self) -> u32 {
        self.0.cast_unsigned() & NUMBER
    }

    /// Whether it is of a collective that begins after the other.
    #[must_use]
    pub fn is_after(self, other: Tag) -> bool {
        let distance = self.number().wrapping_sub(other.number()) & NUMBER;
        distance != 0 && distance <= NUMBER / 2
    }

    /// The tag of the messages of another kind that belong to the same collective.
    #[must_use]
    pub fn of_kind(self, kind: Kind) -> Tag {
        Tag(collective::tag(kind, self.number()))
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.number() + 1;
        write!(f, "{} (collective no. {number})", self.kind().name())
    }
}

/// The tags of one collective: among the peers, and within the local group of an
/// intercommunicator, which is a communicator of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tags {
    /// Among the peers.
    pub peers: Tag,
    /// Within the local group of an intercommunicator.
    pub local: Option<Tag>,
}

impl Tags {
    /// Of a collective that has begun on an intracommunicator.
    #[must_use]
    pub fn intra(peers: Tag) -> Tags {
        Tags { peers, local: None }
    }
}

/// Collectives whose kinds are remembered.
const RECENT: usize = 16;

/// Failed collectives that are remembered.
const FAILED: usize = 64;

/// The collectives of one communicator, as this process has called them.
#[derive(Debug)]
pub struct Collectives {
    /// How many began.
    started: Cell<u32>,
    /// The kinds of the last ones, each at its number.
    recent: [Cell<u8>; RECENT],
    /// Those that failed here.
    failed: RefCell<Vec<Tag>>,
    /// An error of one that is over, not yet raised.
    late: RefCell<Option<Error>>,
}

impl Default for Collectives {
    fn default() -> Self {
        Collectives {
            started: Cell::new(0),
            recent: [const { Cell::new(0) }; RECENT],
            failed: RefCell::default(),
            late: RefCell::default(),
        }
    }
}

/// What this process knows of the collective that a message belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CollectiveState {
    /// It has not begun here.
    Ahead,
    /// It began here as this kind; `passed`: and no blocking one is still inside
    /// of it, for another has begun since.
    Began {
        /// The kind.
        kind: Kind,
        /// Whether a blocking collective of that number is over.
        passed: bool,
    },
    /// It failed here.
    Failed,
    /// It began so long ago that its kind is forgotten.
    Forgotten,
}

impl Collectives {
    /// Begins a collective. Members count alike, since collectives are called in
    /// one order, so that the tag is the same at all. Called by
    /// [`Comm::begin_collective`](super::comm::Comm::begin_collective).
    #[inline]
    pub(super) fn begin(&self, kind: Kind) -> Tag {
        let number = self.started.get();
        self.started.set(number.wrapping_add(1));
        self.recent[number as usize % RECENT].set(kind.code());
        Tag(collective::tag(kind, number))
    }

    /// The tag of the collective that begins next, which stays the next.
    #[must_use]
    pub fn next(&self, kind: Kind) -> Tag {
        Tag(collective::tag(kind, self.started.get()))
    }

    /// The tag of the collective that began last, if any did.
    #[must_use]
    pub fn last(&self, kind: Kind) -> Option<Tag> {
        let number = self.started.get().checked_sub(1)?;
        Some(Tag(collective::tag(kind, number)))
    }

    /// The tag of the collective that began last, of its own kind.
    #[must_use]
    pub fn latest(&self) -> Option<i32> {
        let number = self.started.get().checked_sub(1)?;
        let kind = Kind::of_code(self.recent[number as usize % RECENT].get());
        Some(collective::tag(kind, number))
    }

    /// How many collectives began after that with this number; `None`: itself did
    /// not.
    fn age(&self, number: u32) -> Option<u32> {
        let age = self.started.get().wrapping_sub(1).wrapping_sub(number) & NUMBER;
        (age <= NUMBER / 2 && self.started.get() != 0).then_some(age)
    }

    /// What is known of the collective with this number.
    #[must_use]
    pub fn state(&self, number: u32) -> CollectiveState {
        let Some(age) = self.age(number) else {
            return CollectiveState::Ahead;
        };
        let is = |tag: &Tag| tag.number() == number;
        if self.failed.borrow().iter().any(is) {
            return CollectiveState::Failed;
        }
        if age as usize >= RECENT {
            return CollectiveState::Forgotten;
        }
        let last = self.started.get().wrapping_sub(1);
        let kind = |age: u32| {
            let number = last.wrapping_sub(age);
            Kind::of_code(self.recent[number as usize % RECENT].get())
        };
        let passed = (0..age).any(|later| kind(later).is_blocking());
        let kind = kind(age);
        CollectiveState::Began { kind, passed }
    }

    /// Remembers that a collective failed here. `false`: that was known.
    pub fn note_failed(&self, tag: Tag) -> bool {
        let mut failed = self.failed.borrow_mut();
        if failed.contains(&tag) {
            return false;
        }
        if failed.len() >= FAILED {
            failed.remove(0);
        }
        failed.push(tag);
        true
    }

    /// Keeps an error of a collective that is over until another call on the
    /// communicator can return it.
    pub fn keep(&self, error: Error) {
        self.late.borrow_mut().get_or_insert(error);
    }

    /// Takes what [`Collectives::keep`] has kept.
    #[must_use]
    pub fn take_late(&self) -> Option<Error> {
        self.late.borrow_mut().take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_began_is_known_by_its_number() {
        let all = Collectives::default();
        assert_eq!(all.state(0), CollectiveState::Ahead);
        let first = all.begin(Kind::BCAST);
        let second = all.begin(Kind::BARRIER.nonblocking());
        assert_eq!((first.number(), second.number()), (0, 1));
        let began = |kind, passed| CollectiveState::Began { kind, passed };
        assert_eq!(all.state(0), began(Kind::BCAST, false));
        assert_eq!(all.state(2), CollectiveState::Ahead);
        all.begin(Kind::REDUCE);
        assert_eq!(all.state(0), began(Kind::BCAST, true));
        assert_eq!(all.state(2), began(Kind::REDUCE, false));
        assert!(all.note_failed(second) && !all.note_failed(second));
        assert_eq!(all.state(1), CollectiveState::Failed);
        for _ in 0..RECENT {
            all.begin(Kind::BARRIER);
        }
        assert_eq!(all.state(0), CollectiveState::Forgotten);
        assert_eq!(all.next(Kind::SCAN).number(), 3 + 16);
    }

    #[test]
    fn numbers_begin_anew() {
        let all = Collectives::default();
        all.started.set(NUMBER);
        assert_eq!(all.begin(Kind::SCAN).number(), NUMBER);
        assert_eq!(all.begin(Kind::SCAN).number(), 0);
        assert_eq!(all.state(1), CollectiveState::Ahead);
        let scan = |passed| CollectiveState::Began {
            kind: Kind::SCAN,
            passed,
        };
        assert_eq!(all.state(NUMBER), scan(true));
        assert_eq!(all.state(0), scan(false));
    }

    #[test]
    fn a_tag_says_what_it_is_of() {
        let tag = Collectives::default().begin(Kind::GATHER.nonblocking());
        assert_eq!(tag.to_string(), "MPI_Igather (collective no. 1)");
        assert_eq!(tag.of_kind(Kind::FAILED).number(), tag.number());
        let last = Tag(collective::tag(Kind::BARRIER, NUMBER));
        assert!(tag.is_after(last) && !last.is_after(tag) && !tag.is_after(tag));
    }
}
