//! Memory of this process that a window lets others access.
//!
//! With the setting `window_move`, what peers do not map already is moved to where they do,
//! if that can be, for as long as the window has it. Otherwise they copy it, perhaps at any
//! moment; so nothing that shares a page with it is moved either.

use super::memory;
use super::table::own_reach;
use crate::job;
use crate::lock::Local;
use crate::object::win::PartReach;
use crate::pml::remote;

/// First address and end of what peers may copy into, if memory may move.
static COPIED: Local<Vec<(u64, u64)>> = Local::new(Vec::new());

/// Memory that others access. Dropping it ends that.
#[derive(Debug)]
pub(super) struct Exposure {
    start: u64,
    end: u64,
    /// How peers reach it.
    pub(super) reach: PartReach,
    /// The address at which peers map its first byte, where they do.
    pub(super) found: u64,
    state: State,
}

/// What was done with memory that others access.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// Nothing.
    Untouched,
    /// It is in [`COPIED`].
    Copied,
    Moved,
}

impl Exposure {
    /// Exposes `len` bytes at `start`, which lie inside an address space.
    pub(super) fn new(start: u64, len: usize) -> Exposure {
        let reach = own_reach(start, len);
        let end = start.saturating_add(len as u64);
        let mut exposure = Exposure {
            start,
            end,
            reach,
            found: start,
            state: State::Untouched,
        };
        let is_wanted = job::current().is_some_and(|job| job.settings.window_move);
        if !is_wanted || len == 0 || reach == PartReach::Remote && remote::is_exported(start, len) {
            return exposure;
        }
        let page = memory::page() as u64;
        let near = |range: &(u64, u64)| {
            range.0 / page <= end.saturating_sub(1) / page
                && start / page <= range.1.saturating_sub(1) / page
        };
        let may_move = reach == PartReach::Remote && !COPIED.with(|all| all.iter().any(near));
        match may_move.then(|| remote::adopt(start, len)).flatten() {
            Some(found) => {
                exposure.found = found;
                exposure.state = State::Moved;
            }
            None => {
                COPIED.with(|copied| copied.push((start, end)));
                exposure.state = State::Copied;
            }
        }
        exposure
    }
}

impl Drop for Exposure {
    fn drop(&mut self) {
        let this = (self.start, self.end);
        match self.state {
            State::Untouched => {}
            State::Moved => remote::release(self.start),
            State::Copied => COPIED.with(|copied| {
                if let Some(at) = copied.iter().rposition(|range| *range == this) {
                    copied.swap_remove(at);
                }
            }),
        }
    }
}
