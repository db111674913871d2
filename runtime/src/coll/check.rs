//! The check of collectives (`LARIAT_CHECK=1`): before a blocking one begins, all
//! ranks say what they are about to do, and each compares. Without it, ranks that
//! disagree hang or get wrong results.

use super::args::{Call, Reduction, Root};
use crate::error::{Class, Error, Result};
use crate::object::comm::Comm;
use crate::pml::Buffer;
use std::sync::Arc;

/// What must be the same at all ranks of an intracommunicator.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Said {
    /// Which collective: an index of [`NAMES`].
    what: u64,
    /// The root's rank, or [`NO_ROOT`].
    root: u64,
    /// Bytes, where all ranks have the same; else 0.
    len: u64,
}

const NO_ROOT: u64 = u64::MAX;

const NAMES: [&str; 16] = [
    "MPI_Barrier",
    "MPI_Bcast",
    "MPI_Gather",
    "MPI_Gatherv",
    "MPI_Scatter",
    "MPI_Scatterv",
    "MPI_Allgather or MPI_Allgatherv",
    "MPI_Alltoall, MPI_Alltoallv or MPI_Alltoallw",
    "MPI_Reduce",
    "MPI_Allreduce",
    "MPI_Reduce_scatter_block",
    "MPI_Reduce_scatter",
    "MPI_Scan",
    "MPI_Exscan",
    "MPI_Neighbor_allgather or MPI_Neighbor_allgatherv",
    "MPI_Neighbor_alltoall, MPI_Neighbor_alltoallv or MPI_Neighbor_alltoallw",
];

fn rooted(root: &Root) -> u64 {
    match root {
        Root::Rank(rank) => u64::from(*rank),
        Root::Here | Root::Beside => NO_ROOT,
    }
}

fn bytes(buffer: &Buffer<'_>) -> u64 {
    let each = buffer.datatype.map_or(1, |datatype| datatype.size());
    each.saturating_mul(buffer.count) as u64
}

fn operand(reduction: &Reduction<'_>) -> u64 {
    reduction.datatype.size().saturating_mul(reduction.count) as u64
}

fn say(call: &Call<'_>) -> Said {
    let (what, root, len) = match call {
        Call::Barrier => (0, NO_ROOT, 0),
        Call::Bcast(buffer, root) => (1, rooted(root), bytes(buffer)),
        Call::Gather(_, _, root) => (2, rooted(root), 0),
        Call::Gatherv(_, _, root) => (3, rooted(root), 0),
        Call::Scatter(_, _, root) => (4, rooted(root), 0),
        Call::Scatterv(_, _, root) => (5, rooted(root), 0),
        Call::Allgather(..) => (6, NO_ROOT, 0),
        Call::Alltoall(..) => (7, NO_ROOT, 0),
        Call::Reduce(reduction, root) => (8, rooted(root), operand(reduction)),
        Call::Allreduce(reduction) => (9, NO_ROOT, operand(reduction)),
        Call::ReduceScatterBlock(reduction) => (10, NO_ROOT, operand(reduction)),
        Call::ReduceScatter(reduction, _) => (11, NO_ROOT, operand(reduction)),
        Call::Scan(reduction) => (12, NO_ROOT, operand(reduction)),
        Call::Exscan(reduction) => (13, NO_ROOT, operand(reduction)),
        Call::NeighborAllgather(..) => (14, NO_ROOT, 0),
        Call::NeighborAlltoall(..) => (15, NO_ROOT, 0),
    };
    Said { what, root, len }
}

impl Said {
    fn to_bytes(self) -> [u8; 24] {
        let mut bytes = [0; 24];
        for (to, word) in bytes.chunks_mut(8).zip([self.what, self.root, self.len]) {
            to.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Said {
        let (words, _) = bytes.as_chunks::<8>();
        let word = |i: usize| words.get(i).map_or(0, |bytes| u64::from_le_bytes(*bytes));
        Said {
            what: word(0),
            root: word(1),
            len: word(2),
        }
    }

    fn name(self) -> &'static str {
        usize::try_from(self.what)
            .ok()
            .and_then(|i| NAMES.get(i))
            .unwrap_or(&"another call")
    }
}

/// Compares what all ranks are about to do.
///
/// # Errors
/// They are not about to do the same: each rank gets the first difference from
/// rank 0, in the class of what differs.
pub(super) fn agree(comm: &Arc<Comm>, call: &Call<'_>) -> Result<()> {
    if comm.inter.is_some() || comm.size() == 1 {
        return Ok(());
    }
    let mine = say(call).to_bytes();
    let mut all = vec![0; mine.len() * comm.size() as usize];
    super::allgather_bytes(comm, &mine, &mut all)?;
    let said: Vec<Said> = all.chunks(mine.len()).map(Said::from_bytes).collect();
    let first = said[0];
    let other = said.iter().zip(0u32..).find(|(said, _)| **said != first);
    other.map_or(Ok(()), |(said, rank)| Err(differs(first, *said, rank)))
}

fn differs(first: Said, other: Said, rank: u32) -> Error {
    if first.what != other.what {
        let text = format!(
            "rank {rank} is in {} while rank 0 is in {}",
            other.name(),
            first.name()
        );
        return Error::new(Class::OTHER, text);
    }
    let name = first.name();
    if first.root != other.root {
        let text = format!(
            "root is {} at rank {rank}, but {} at rank 0",
            other.root, first.root
        );
        return Error::new(Class::ROOT, text);
    }
    let (mine, theirs) = (other.len, first.len);
    let text = format!("{name} is of {mine} bytes at rank {rank}, but of {theirs} at rank 0");
    Error::new(Class::COUNT, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_difference_is_named() {
        let said = |what, root, len| Said { what, root, len };
        let text = |a, b| differs(a, b, 3).text().to_owned();
        assert!(text(said(0, NO_ROOT, 0), said(1, 0, 4)).contains("rank 3 is in MPI_Bcast"));
        assert!(text(said(1, 0, 4), said(1, 2, 4)).contains("root is 2 at rank 3"));
        assert!(text(said(9, NO_ROOT, 8), said(9, NO_ROOT, 4)).contains("4 bytes at rank 3"));
        let one = said(8, 5, 77);
        assert_eq!(Said::from_bytes(&one.to_bytes()), one);
    }
}
