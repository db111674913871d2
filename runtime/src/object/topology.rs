//! What a communicator knows of its process topology (MPI 5.0, chapter 8).
//! The arithmetic on it is in `topo`.

/// A process topology. Ranks are those of the communicator it belongs to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Topology {
    /// A Cartesian grid: `MPI_CART`.
    Cart(Cart),
    /// A graph that every process knows as a whole: `MPI_GRAPH`.
    Graph(Graph),
    /// A graph of which each process knows its own edges: `MPI_DIST_GRAPH`.
    DistGraph(DistGraph),
}

/// The first of the words of a graph; that of a grid is the number of its dimensions.
const GRAPH: u32 = u32::MAX;

impl Topology {
    /// Words that are the same at all processes which give the same grid or graph.
    #[must_use]
    pub fn to_words(&self) -> Vec<u32> {
        let number = |len: usize| u32::try_from(len).unwrap_or(GRAPH - 1);
        match self {
            Topology::Cart(grid) => {
                let dims = grid.dims.iter().map(|dim| dim.cast_unsigned());
                let periods = grid.periods.iter().map(|is_ring| u32::from(*is_ring));
                let all = std::iter::once(number(grid.dims.len())).chain(dims);
                all.chain(periods).collect()
            }
            Topology::Graph(graph) => {
                let mix = |sum: u32, word: &i32| {
                    (sum.rotate_left(5) ^ word.cast_unsigned()).wrapping_mul(0x9e37_79b9)
                };
                let sum = graph.index.iter().chain(&graph.edges).fold(1, mix);
                let (nodes, edges) = (graph.index.len(), graph.edges.len());
                vec![GRAPH, number(nodes), number(edges), sum]
            }
            Topology::DistGraph(_) => Vec::new(),
        }
    }
}

/// What these words of a topology stand for.
#[must_use]
pub fn in_words(words: &[u32]) -> String {
    match words {
        [GRAPH, nodes, edges, sum] => {
            format!("a graph of {nodes} nodes and {edges} edges (checksum {sum:08x})")
        }
        [count, rest @ ..] => {
            let (dims, periods) = rest.split_at(rest.len().min(*count as usize));
            let dims: Vec<String> = dims.iter().map(u32::to_string).collect();
            let rings = (0..periods.len()).filter(|at| periods[*at] != 0);
            let rings: Vec<String> = rings.map(|at| at.to_string()).collect();
            let rings = match rings[..] {
                [] => String::new(),
                _ => format!(" (periodic in dimension {})", rings.join(", ")),
            };
            format!("a grid of {}{rings}", dims.join(" x "))
        }
        [] => "no grid".to_owned(),
    }
}

/// A grid, in row-major order: the last dimension varies fastest with the rank.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cart {
    /// Processes along each dimension, all above 0.
    pub dims: Vec<i32>,
    /// Whether each dimension is a ring.
    pub periods: Vec<bool>,
}

/// All edges of a graph.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Graph {
    /// The end of each node's edges in `edges`, as given to `MPI_Graph_create`.
    pub index: Vec<i32>,
    /// The neighbours of all nodes.
    pub edges: Vec<i32>,
}

/// One process's edges of a distributed graph.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DistGraph {
    /// Ranks with an edge to this process.
    pub sources: Vec<i32>,
    /// Ranks that this process has an edge to.
    pub destinations: Vec<i32>,
    /// The weights of `sources` and of `destinations`; `None`: unweighted.
    pub weights: Option<(Vec<i32>, Vec<i32>)>,
}

/// One edge of a process topology, as seen from a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NeighborEdge {
    /// The neighbour; `None` past the border of a Cartesian grid.
    pub peer: Option<u32>,
    /// Which of two edges between the same neighbours: in a Cartesian grid,
    /// messages that travel upwards are kept apart from those that travel
    /// downwards, for both neighbours may be the same process.
    pub upward: bool,
}

/// The edges along which a process sends and receives in neighbourhood collectives.
#[derive(Clone, Debug)]
pub struct NeighborEdges {
    /// Those along which it receives, in the order of the parts of the receive buffer.
    pub sources: Vec<NeighborEdge>,
    /// Those along which it sends.
    pub destinations: Vec<NeighborEdge>,
}
