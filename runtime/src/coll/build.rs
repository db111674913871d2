//! From a call to a plan: among neighbours, between two groups, or within one.

use super::args::Call;
use super::neighbor;
use super::plan::Plan;
use super::{inter, intra};
use crate::error::Result;
use crate::object::topology::NeighborEdges;

/// The plan of this rank for `call`.
///
/// # Errors
/// No memory for temporaries.
#[cfg(test)]
pub(super) fn plan(
    rank: u32,
    size: u32,
    remote: Option<u32>,
    edges: Option<&NeighborEdges>,
    call: &Call<'_>,
) -> Result<Plan> {
    let mut plan = Plan::new(rank, size, remote.unwrap_or(size));
    fill(&mut plan, remote.is_some(), edges, call)?;
    Ok(plan)
}

/// Appends the steps of this rank for `call`, which is between two groups if `inter`.
///
/// # Errors
/// No memory for temporaries.
pub(super) fn fill(
    plan: &mut Plan,
    inter: bool,
    edges: Option<&NeighborEdges>,
    call: &Call<'_>,
) -> Result<()> {
    if let Some(edges) = edges {
        neighbor::plan(plan, edges, call);
    } else if inter {
        inter::plan(plan, call)?;
    } else {
        intra::plan(plan, call)?;
    }
    plan.wait();
    Ok(())
}
