//! What a window keeps for memory that is not mapped everywhere: accesses that go by
//! messages, at both of their ends, and what dynamic windows have attached.

use super::pending::Outstanding;
use super::serve::Service;
use super::slot::Patience;
use super::table::{CachedTables, OwnTable};
use crate::object::win::Win;
use std::cell::RefCell;

/// The state of one window.
#[derive(Default)]
pub(super) struct Remote {
    /// Accesses of this process by messages.
    pub(super) outstanding: Outstanding,
    /// What others have asked of this process.
    pub(super) service: RefCell<Service>,
    /// What this process has attached.
    pub(super) own: RefCell<OwnTable>,
    /// What others had attached when this process looked last.
    pub(super) tables: RefCell<CachedTables>,
    /// Whether targets have served small accesses at once.
    pub(super) patience: Patience,
}

impl Remote {
    /// That of a window; `None`: all of its memory is mapped.
    pub(super) fn of(win: &Win) -> Option<&Remote> {
        win.remote.as_ref()?.downcast_ref()
    }

    /// Whether `target` has not answered everything yet. What is asked of it now must
    /// not overtake that.
    pub(super) fn is_pending(&self, target: u32) -> bool {
        self.outstanding.has(target)
    }
}
