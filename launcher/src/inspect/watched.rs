//! A job as views see it: through its segment, or, if it runs on several hosts, through what its
//! mpirun shows of it.

use super::find::programs;
use crate::nodes::board::Viewer;
use wireup::segment::Segment;

/// Where a job is looked at.
#[derive(Debug)]
pub enum Watched {
    /// On the host that it runs on.
    Here(Segment),
    /// At its mpirun, which asks its hosts.
    Hosts(Viewer),
}

impl Watched {
    /// Its ranks; 0: it is not known yet how many.
    pub fn ranks(&self) -> u32 {
        match self {
            Watched::Here(segment) => segment.ranks(),
            Watched::Hosts(viewer) => {
                let ranks = viewer.picture().map_or(0, |picture| picture.ranks.len());
                u32::try_from(ranks).unwrap_or(u32::MAX)
            }
        }
    }

    /// What they run.
    pub fn program(&self) -> String {
        match self {
            Watched::Here(segment) => programs(segment),
            Watched::Hosts(viewer) => viewer.picture().unwrap_or_default().program,
        }
    }

    /// Its hosts. None: it runs on this one alone.
    pub fn hosts(&self) -> Option<Vec<String>> {
        match self {
            Watched::Here(_) => None,
            Watched::Hosts(viewer) => Some(viewer.picture().unwrap_or_default().hosts),
        }
    }
}
