//! Which process takes which node of a topology, when the caller lets ranks be
//! reordered (MPI 5.0, sections 8.5.1, 8.5.3, 8.5.4 and 8.5.8).
//!
//! Pure: from where each member is bound and who talks to whom to an order, the
//! same at every process that asks with the same input. What an order costs is
//! the sum over the edges of weight × levels of the hardware tree up to what both
//! ends share. Grids are cut into blocks, one for each object of the machine,
//! level by level; graphs are grown into clusters, again level by level; and
//! since neither always wins, the cheapest of the candidates is taken, which is
//! the order of ranks unless another one is really cheaper, and small ones are
//! mended by swaps.

use super::{cart, graph};
use crate::object::topology::{Cart, Graph};

/// Where a member is bound: numbers of objects, the widest first; [`ANYWHERE`]
/// where it may roam over several.
pub type Place = [u32; LEVELS];
/// Levels of the hardware tree: package, NUMA node, level-3 cache, core.
pub const LEVELS: usize = 4;
/// No one object.
pub const ANYWHERE: u32 = u32::MAX;

/// Two nodes of a topology that talk, and how much.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Edge {
    /// Where it begins.
    pub from: usize,
    /// Where it ends.
    pub to: usize,
    /// What it weighs.
    pub weight: u64,
}

/// The steps up the tree from a member at `a` to what it shares with one at `b`:
/// 0 on one core, [`LEVELS`] where they have only the machine in common.
#[must_use]
pub fn distance(a: &Place, b: &Place) -> usize {
    let shared = a
        .iter()
        .zip(b)
        .take_while(|(a, b)| a == b && **a != ANYWHERE);
    LEVELS - shared.count()
}

/// What `edges` cost when node `n` is taken by the member `order[n]`. Those from a
/// node to itself cost nothing, wherever it is.
#[must_use]
pub fn cost(edges: &[Edge], places: &[Place], order: &[usize]) -> u128 {
    let one = |edge: &Edge| {
        let steps = distance(&places[order[edge.from]], &places[order[edge.to]]);
        u128::from(edge.weight) * steps as u128
    };
    let edges = edges.iter().filter(|edge| edge.from != edge.to);
    edges.map(one).sum()
}

/// For each node of the grid the member that takes it. There are as many
/// `places` as nodes.
#[must_use]
pub fn for_cart(grid: &Cart, places: &[Place]) -> Vec<usize> {
    let edges = cart_edges(grid);
    let sorted = by_place(places);
    let mut blocks = vec![0; places.len()];
    let dims: Vec<usize> = grid.dims.iter().map(|d| size(*d)).collect();
    let whole = Region {
        origin: vec![0; dims.len()],
        dims: dims.clone(),
        rings: grid.periods.clone(),
    };
    if !places.is_empty() {
        cut(&whole, &sorted, 0, places, &dims, &mut blocks);
    }
    let clusters = grown(&edges, places, &sorted);
    cheapest(&edges, places, [blocks, sorted, clusters])
}

/// For each node of the graph of `edges` the member that takes it. There are as
/// many `places` as nodes.
#[must_use]
pub fn for_graph(edges: &[Edge], places: &[Place]) -> Vec<usize> {
    let sorted = by_place(places);
    let clusters = grown(edges, places, &sorted);
    cheapest(edges, places, [clusters, sorted])
}

/// The edges of a graph, all of one weight.
#[must_use]
pub fn graph_edges(all: &Graph) -> Vec<Edge> {
    let nodes = (0..).zip(0..all.index.len());
    let edges = nodes.flat_map(|(rank, from)| {
        let to = graph::neighbors(all, rank).unwrap_or(&[]);
        to.iter().map(move |to| Edge {
            from,
            to: size(*to),
            weight: 1,
        })
    });
    edges.collect()
}

/// The edges of a grid: from each node to the one behind it, along each dimension.
fn cart_edges(grid: &Cart) -> Vec<Edge> {
    let mut edges = Vec::new();
    for (rank, from) in (0..cart::size(grid)).zip(0..) {
        for (_, direction) in grid.dims.iter().zip(0..) {
            let Ok((_, to)) = cart::shift(grid, rank, direction, 1) else {
                continue;
            };
            if let Ok(to) = usize::try_from(to) {
                edges.push(Edge {
                    from,
                    to,
                    weight: 1,
                });
            }
        }
    }
    edges
}

/// The order of ranks, or the first of the cheapest `candidates` if that costs
/// less.
fn cheapest<const N: usize>(
    edges: &[Edge],
    places: &[Place],
    candidates: [Vec<usize>; N],
) -> Vec<usize> {
    let mut best: Vec<usize> = (0..places.len()).collect();
    let mut least = cost(edges, places, &best);
    for candidate in candidates {
        let cost = cost(edges, places, &candidate);
        if cost < least {
            (best, least) = (candidate, cost);
        }
    }
    if places.len() <= SWAPPED {
        swap(edges, places, &mut best);
    }
    best
}

/// The most nodes among which single swaps are tried: it takes time by the square
/// of their number, at every process.
const SWAPPED: usize = 256;

/// Lets pairs of nodes swap their members as long as that makes `order` cheaper,
/// which mends what blocks and clusters leave where they do not come out even.
fn swap(edges: &[Edge], places: &[Place], order: &mut [usize]) {
    let links = links(edges, order.len());
    // What the edges of `node` cost if `member` takes it, but for those to `but`.
    let around = |node: usize, member: usize, but: usize, order: &[usize]| -> u128 {
        let others = links[node].iter().filter(|link| link.0 != but);
        let one = |link: &(usize, u64)| {
            let steps = distance(&places[member], &places[order[link.0]]);
            u128::from(link.1) * steps as u128
        };
        others.map(one).sum()
    };
    let mut gained = true;
    while gained {
        gained = false;
        for a in 0..order.len() {
            for b in 0..a {
                let (here, there) = (order[a], order[b]);
                if places[here] == places[there] {
                    continue;
                }
                let now = around(a, here, b, order) + around(b, there, a, order);
                let then = around(a, there, b, order) + around(b, here, a, order);
                if then < now {
                    order.swap(a, b);
                    gained = true;
                }
            }
        }
    }
}

/// By node, the nodes at the other ends of its edges, and their weights.
fn links(edges: &[Edge], nodes: usize) -> Vec<Vec<(usize, u64)>> {
    let mut links = vec![Vec::new(); nodes];
    for edge in edges.iter().filter(|edge| edge.from != edge.to) {
        links[edge.from].push((edge.to, edge.weight));
        links[edge.to].push((edge.from, edge.weight));
    }
    links
}

/// The members sorted by where they are, those of one place by rank.
fn by_place(places: &[Place]) -> Vec<usize> {
    let mut members: Vec<usize> = (0..places.len()).collect();
    members.sort_by_key(|m| places[*m]);
    members
}

/// The parts of `members`, which are sorted by place, that are in one object of
/// `level` each. Who is in no one object is a part of its own.
fn objects<'a>(members: &'a [usize], level: usize, places: &[Place]) -> Vec<&'a [usize]> {
    let together = |a: &usize, b: &usize| {
        let (a, b) = (places[*a][level], places[*b][level]);
        a == b && a != ANYWHERE
    };
    members.chunk_by(together).collect()
}

/// A part of a grid.
struct Region {
    /// Its least coordinates.
    origin: Vec<usize>,
    /// How far it goes.
    dims: Vec<usize>,
    /// Along which dimensions its ends are neighbours.
    rings: Vec<bool>,
}

/// Gives the nodes of `region` to as many `members`, which are sorted by place
/// and equal above `level`.
fn cut(
    region: &Region,
    members: &[usize],
    level: usize,
    places: &[Place],
    grid: &[usize],
    order: &mut [usize],
) {
    if level < LEVELS {
        let parts = objects(members, level, places);
        if let [_] = parts[..] {
            return cut(region, members, level + 1, places, grid, order);
        }
        let each = parts[0].len();
        let even = each > 1 && parts.iter().all(|part| part.len() == each);
        if let Some(block) = even.then(|| block(region, each)).flatten() {
            let counts: Vec<usize> = region.dims.iter().zip(&block).map(|(d, b)| d / b).collect();
            for (nth, part) in parts.into_iter().enumerate() {
                let at = unravel(nth, &counts);
                let from = |i: usize| region.origin[i] + at[i] * block[i];
                let inner = Region {
                    origin: (0..at.len()).map(from).collect(),
                    dims: block.clone(),
                    rings: (0..at.len())
                        .map(|i| region.rings[i] && counts[i] == 1)
                        .collect(),
                };
                cut(&inner, part, level + 1, places, grid, order);
            }
            return;
        }
    }
    for (nth, member) in members.iter().enumerate() {
        let at = unravel(nth, &region.dims);
        let coords = at
            .iter()
            .zip(&region.origin)
            .map(|(at, origin)| at + origin);
        let node = coords.zip(grid).fold(0, |node, (at, dim)| node * dim + at);
        order[node] = *member;
    }
}

/// The coordinates of the `nth` place, the last dimension varying fastest.
fn unravel(nth: usize, dims: &[usize]) -> Vec<usize> {
    let mut rest = nth;
    let mut at: Vec<usize> = dims
        .iter()
        .rev()
        .map(|dim| {
            let here = rest % dim;
            rest /= dim;
            here
        })
        .collect();
    at.reverse();
    at
}

/// The block of `each` nodes that tiles `region` with the fewest edges cut, if
/// any tiles it.
fn block(region: &Region, each: usize) -> Option<Vec<usize>> {
    let mut best: Option<(usize, Vec<usize>)> = None;
    let mut block = Vec::with_capacity(region.dims.len());
    tilings(&region.dims, each, &mut block, &mut |block| {
        let total: usize = region.dims.iter().product();
        let sides = region.dims.iter().zip(block).zip(&region.rings);
        let edges = sides.map(|((dim, side), ring)| {
            let blocks = dim / side;
            let planes = blocks - 1 + usize::from(*ring && blocks > 1);
            planes * (total / dim)
        });
        let edges = edges.sum();
        if best.as_ref().is_none_or(|(least, _)| edges < *least) {
            best = Some((edges, block.to_vec()));
        }
    });
    best.map(|(_, block)| block)
}

/// Every block of `rest` nodes whose sides divide `dims`, those first that are
/// long along the last dimensions: what lies together in the order of ranks.
fn tilings(dims: &[usize], rest: usize, block: &mut Vec<usize>, found: &mut impl FnMut(&[usize])) {
    let Some(dim) = dims.get(block.len()) else {
        if rest == 1 {
            found(block);
        }
        return;
    };
    for side in 1..=*dim {
        if dim.is_multiple_of(side) && rest.is_multiple_of(side) {
            block.push(side);
            tilings(dims, rest / side, block, found);
            block.pop();
        }
    }
}

/// An order by clusters: for each object in turn, as many nodes as it has
/// members, each the one that talks most to those chosen before.
fn grown(edges: &[Edge], places: &[Place], sorted: &[usize]) -> Vec<usize> {
    let links = links(edges, places.len());
    let mut order: Vec<usize> = (0..places.len()).collect();
    let nodes = order.clone();
    grow(&links, nodes, sorted, 0, places, &mut order);
    order
}

/// Gives `nodes`, which rise, to as many `members`, which are sorted by place and
/// equal above `level`.
fn grow(
    links: &[Vec<(usize, u64)>],
    mut nodes: Vec<usize>,
    members: &[usize],
    level: usize,
    places: &[Place],
    order: &mut [usize],
) {
    if level == LEVELS || nodes.len() < 2 {
        for (node, member) in nodes.iter().zip(members) {
            order[*node] = *member;
        }
        return;
    }
    let parts = objects(members, level, places);
    let last = parts.len() - 1;
    for (nth, part) in parts.into_iter().enumerate() {
        let own = match nth == last {
            true => std::mem::take(&mut nodes),
            false => cluster(links, &mut nodes, part.len()),
        };
        grow(links, own, part, level + 1, places, order);
    }
}

/// Takes `count` of `nodes` that talk much to each other and little to the rest.
/// Begins at an end: where least goes to the others.
fn cluster(links: &[Vec<(usize, u64)>], nodes: &mut Vec<usize>, count: usize) -> Vec<usize> {
    let mut free = vec![false; links.len()];
    for node in nodes.iter() {
        free[*node] = true;
    }
    // For each node, what it sends to the cluster and to the others still free.
    let mut inward = vec![0_u128; links.len()];
    let mut outward = vec![0_u128; links.len()];
    for node in nodes.iter() {
        let near = links[*node].iter().filter(|link| free[link.0]);
        outward[*node] = near.map(|link| u128::from(link.1)).sum();
    }
    let mut own = Vec::with_capacity(count);
    for _ in 0..count {
        let left = nodes.iter().copied().filter(|node| free[*node]);
        let next = left.min_by_key(|n| (std::cmp::Reverse(inward[*n]), outward[*n], *n));
        let Some(next) = next else { break };
        free[next] = false;
        own.push(next);
        for (to, weight) in &links[next] {
            inward[*to] += u128::from(*weight);
            outward[*to] = outward[*to].saturating_sub(u128::from(*weight));
        }
    }
    nodes.retain(|node| free[*node]);
    own.sort_unstable();
    own
}

fn size(n: i32) -> usize {
    usize::try_from(n).unwrap_or(0)
}

#[cfg(test)]
mod tests;
