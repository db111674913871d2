//! Graphs (MPI 5.0, sections 8.5.3 to 8.5.5): checks and look-ups only.

use crate::error::Result;
use crate::fail;
use crate::object::topology::Graph;

/// A graph of `index.len()` nodes, numbered as ranks.
///
/// # Errors
/// The indices fall, are negative, or do not end at the number of edges; or an
/// edge leads to a node that is not there.
pub fn graph(index: &[i32], edges: &[i32]) -> Result<Graph> {
    let nodes = index.len();
    let mut before = 0;
    for (i, end) in index.iter().enumerate() {
        if *end < before {
            fail!(ARG, "indx[{i}] is {end}, but must be at least {before}");
        }
        before = *end;
    }
    for (i, to) in edges.iter().enumerate() {
        if usize::try_from(*to).map_or(true, |to| to >= nodes) {
            fail!(
                ARG,
                "edges[{i}] is {to}, but the graph has nodes 0 to {}",
                nodes.saturating_sub(1)
            );
        }
    }
    Ok(Graph {
        index: index.to_vec(),
        edges: edges.to_vec(),
    })
}

/// The neighbours of the node `rank`, in the order given; `None`: no such node.
#[must_use]
pub fn neighbors(graph: &Graph, rank: i32) -> Option<&[i32]> {
    let rank = usize::try_from(rank).ok()?;
    let end = usize::try_from(*graph.index.get(rank)?).ok()?;
    let start = match rank {
        0 => 0,
        _ => usize::try_from(graph.index[rank - 1]).ok()?,
    };
    graph.edges.get(start..end)
}

#[cfg(test)]
mod tests {
    use super::{graph, neighbors};

    #[test]
    fn the_standards_example() {
        let four = graph(&[2, 3, 4, 6], &[1, 3, 0, 3, 0, 2]).unwrap();
        assert_eq!(neighbors(&four, 0), Some(&[1, 3][..]));
        assert_eq!(neighbors(&four, 1), Some(&[0][..]));
        assert_eq!(neighbors(&four, 3), Some(&[0, 2][..]));
        assert_eq!(neighbors(&four, 4), None);
        assert_eq!(neighbors(&four, -1), None);
    }

    #[test]
    fn bad_graphs_are_refused() {
        assert!(graph(&[2, 1], &[0, 1]).is_err());
        assert!(graph(&[-1], &[]).is_err());
        assert!(graph(&[1, 2], &[1, 2]).is_err());
        assert!(graph(&[0, 0], &[]).is_ok());
    }
}
