//! The two sides of an intercommunicator.

use super::me;
use crate::error::Result;
use crate::object::comm::{Bridge, Comm, ContextId, Inter};
use crate::object::group::{Group, identity};
use std::sync::Arc;

/// Pairs of context ids in one intercommunicator.
pub(super) const PAIRS: u32 = 3;

/// Whether the side of `local` is the first.
pub(super) fn is_first(local: &Group, remote: &Group) -> bool {
    local.proc(0).map(identity) < remote.proc(0).map(identity)
}

/// An intercommunicator of these groups whose context ids begin at `base`.
pub(super) fn build(
    base: ContextId,
    local: Group,
    remote: Group,
    bridge: Option<Arc<Bridge>>,
) -> Result<Comm> {
    let me = me()?;
    let rank = local.rank_of(me).unwrap_or(0);
    let own = if is_first(&local, &remote) { 2 } else { 4 };
    let mut inside = Comm::new(ContextId(base.0 + own), rank, local.clone(), None);
    inside.bridge.clone_from(&bridge);
    let inter = Inter {
        remote,
        local: Arc::new(inside),
    };
    let mut new = Comm::new(base, rank, local, Some(inter));
    new.bridge = bridge;
    Ok(new)
}
