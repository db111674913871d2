//! The bulletins of a communicator's members, as far as this process has opened them.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

/// Where a bulletin is of a member that has none, since there is no room for it.
pub const NO_BULLETIN: u64 = 1;

/// This process's own bulletin and those that it reads. Its members leave them when the
/// communicator goes.
#[derive(Debug, Default)]
pub struct Bulletins {
    /// Its own, once it was a root.
    pub own: RefCell<Option<OwnBulletin>>,
    /// Those of other members.
    pub others: RefCell<Vec<OpenBulletin>>,
    /// How this process leaves them, once there is one.
    pub leave: Cell<Option<fn(&Bulletins)>>,
}

impl Drop for Bulletins {
    fn drop(&mut self) {
        if let Some(leave) = self.leave.get() {
            leave(self);
        }
    }
}

/// A bulletin that this process reads.
#[derive(Clone, Copy, Debug)]
pub struct OpenBulletin {
    /// Its writer's rank in the communicator.
    pub writer: u32,
    /// In the job segment, or [`NO_BULLETIN`].
    pub place: u64,
    /// The last entry that this process is through with.
    pub finished: u64,
}

/// A bulletin that this process writes.
#[derive(Debug)]
pub struct OwnBulletin {
    /// In the job segment, or [`NO_BULLETIN`].
    pub place: u64,
    /// Its readers and this process.
    pub members: u32,
    /// The last entry.
    pub published: u64,
    /// The last entry that all readers were through with when that was looked at.
    pub finished: u64,
    /// Where the bytes of longer entries are: the one in use, and those that it has taken
    /// the place of.
    pub areas: Vec<Area>,
    /// Bytes that were taken of the area in use, since it is in use.
    pub taken: u64,
    /// Bytes of these that readers are through with.
    pub given: u64,
    /// Entries with bytes there: the number, and what was taken with it.
    pub pending: VecDeque<(u64, u64)>,
}

/// Memory in the job segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Area {
    /// Where.
    pub place: u64,
    /// Bytes.
    pub len: usize,
}

impl OwnBulletin {
    /// A bulletin at `place` without entries.
    #[must_use]
    pub fn new(place: u64, members: u32) -> OwnBulletin {
        OwnBulletin {
            place,
            members,
            published: 0,
            finished: 0,
            areas: Vec::new(),
            taken: 0,
            given: 0,
            pending: VecDeque::new(),
        }
    }

    /// Notes that readers are through with the entries up to `finished`.
    pub fn note_finished(&mut self, finished: u64) {
        self.finished = finished;
        while let Some((number, taken)) = self.pending.front()
            && *number <= finished
        {
            self.given = *taken;
            self.pending.pop_front();
        }
    }

    /// Where `len` bytes would be in the area in use, counted as [`OwnBulletin::taken`] is,
    /// if there is room for them now. They are side by side.
    #[must_use]
    pub fn room_for(&self, len: usize) -> Option<u64> {
        let area = self.areas.last()?.len as u64;
        let at = self.taken % area;
        let from = match at + len as u64 <= area {
            true => self.taken,
            false => self.taken + (area - at),
        };
        (from + len as u64 - self.given <= area).then_some(from)
    }

    /// Puts a new area to use.
    pub fn add_area(&mut self, area: Area) {
        self.areas.push(area);
        (self.taken, self.given) = (0, 0);
        self.pending.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_side_by_side_and_comes_back_in_order() {
        let mut own = OwnBulletin::new(128, 3);
        assert_eq!(own.room_for(10), None);
        own.add_area(Area {
            place: 256,
            len: 100,
        });
        let take = |own: &mut OwnBulletin, number: u64, len: usize| {
            let from = own.room_for(len)?;
            own.taken = from + len as u64;
            own.pending.push_back((number, own.taken));
            Some(from)
        };
        assert_eq!(take(&mut own, 1, 60), Some(0));
        assert_eq!(take(&mut own, 2, 60), None);
        assert_eq!(take(&mut own, 2, 40), Some(60));
        assert_eq!(take(&mut own, 4, 1), None);
        own.note_finished(1);
        assert_eq!(take(&mut own, 4, 50), Some(100));
        own.note_finished(3);
        assert_eq!(take(&mut own, 5, 60), None, "50 and 10 lie apart");
        assert_eq!(take(&mut own, 5, 50), Some(150));
        own.note_finished(5);
        assert_eq!(take(&mut own, 6, 70), Some(200));
    }
}
