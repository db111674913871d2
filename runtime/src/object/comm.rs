//! Communicators (MPI 5.0, chapter 7): a group, a context, and what hangs on them.

use crate::object::group::{Group, Proc};
use std::cell::Cell;
use std::sync::Arc;

/// A context id: separates the messages of communicators. A communicator owns
/// an even number for point-to-point and the odd one after it for collectives.
/// Unique in the job, and the same at every member.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct ContextId(pub u32);

/// Which of a communicator's two contexts a message travels in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Space {
    /// Messages of the user.
    PointToPoint = 0,
    /// Messages of collective operations.
    Collective = 1,
}

/// Context ids of the predefined communicators.
pub const WORLD_CONTEXT: ContextId = ContextId(0);
/// The context of `MPI_COMM_SELF`.
pub const SELF_CONTEXT: ContextId = ContextId(2);

/// A communicator. Shared (`Arc`) by its handle and by the operations that are
/// under way on it, so that freeing the handle lets them finish.
#[derive(Debug)]
pub struct Comm {
    /// Its context ids begin here.
    pub context: ContextId,
    /// This process's rank in `group`.
    pub rank: u32,
    /// The local group.
    pub group: Group,
    /// For an intercommunicator: the remote group, and an intracommunicator over
    /// the local group for the library's own use.
    pub inter: Option<Inter>,
    /// Collectives started so far: members count alike, since collectives are
    /// called in one order, so the number makes a tag.
    pub started: Cell<u32>,
}

/// The half of an intercommunicator that an intracommunicator lacks.
#[derive(Debug)]
pub struct Inter {
    /// The other group: what ranks in sends and receives mean.
    pub remote: Group,
    /// The local group as an intracommunicator of its own context.
    pub local: Arc<Comm>,
}

// SAFETY: communicators are reached under the library lock (see `lock`), which
// orders all uses of the cells inside.
unsafe impl Send for Comm {}
// SAFETY: as above.
unsafe impl Sync for Comm {}

impl Comm {
    /// The number of processes in the local group.
    #[inline]
    #[must_use]
    pub fn size(&self) -> u32 {
        self.group.size()
    }

    /// The group that ranks of peers count in: the remote one of an
    /// intercommunicator, else the only one.
    #[inline]
    #[must_use]
    pub fn peers(&self) -> &Group {
        self.inter
            .as_ref()
            .map_or(&self.group, |inter| &inter.remote)
    }

    /// The process that `rank` means as a destination or source.
    #[inline]
    #[must_use]
    pub fn peer(&self, rank: u32) -> Option<Proc> {
        self.peers().proc(rank)
    }

    /// The context id for messages of `space`.
    #[inline]
    #[must_use]
    pub fn context_of(&self, space: Space) -> ContextId {
        ContextId(self.context.0 + space as u32)
    }

    /// A number that is the same at every member for the collective that starts
    /// now, and differs from those around it. Never negative.
    #[must_use]
    pub fn next_collective(&self) -> i32 {
        let n = self.started.get();
        self.started.set(n.wrapping_add(1));
        i32::try_from(n & 0x3fff_ffff).unwrap_or(0)
    }
}
