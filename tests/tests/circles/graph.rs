//! Circles in a directed graph.

use std::collections::{BTreeMap, VecDeque};

/// Edges from node to node, each with the line that makes it.
pub type Edges = BTreeMap<(usize, usize), usize>;

/// The sets of nodes that can all reach one another: strongly connected components of
/// two nodes or more, by Tarjan's algorithm.
pub fn circles(nodes: usize, edges: &Edges) -> Vec<Vec<usize>> {
    let mut search = Search {
        edges,
        next: 0,
        index: vec![None; nodes],
        low: vec![0; nodes],
        stack: Vec::new(),
        on_stack: vec![false; nodes],
        found: Vec::new(),
    };
    for node in 0..nodes {
        if search.index[node].is_none() {
            search.visit(node);
        }
    }
    search.found
}

struct Search<'a> {
    edges: &'a Edges,
    next: usize,
    index: Vec<Option<usize>>,
    low: Vec<usize>,
    stack: Vec<usize>,
    on_stack: Vec<bool>,
    found: Vec<Vec<usize>>,
}

impl Search<'_> {
    fn visit(&mut self, node: usize) {
        let index = self.next;
        self.next += 1;
        self.index[node] = Some(index);
        self.low[node] = index;
        self.stack.push(node);
        self.on_stack[node] = true;
        for to in targets(self.edges, node) {
            match self.index[to] {
                None => {
                    self.visit(to);
                    self.low[node] = self.low[node].min(self.low[to]);
                }
                Some(seen) if self.on_stack[to] => self.low[node] = self.low[node].min(seen),
                Some(_) => {}
            }
        }
        if self.low[node] == index {
            let from = self.stack.iter().rposition(|n| *n == node);
            let mut circle = self
                .stack
                .split_off(from.expect("the node is on the stack"));
            for member in &circle {
                self.on_stack[*member] = false;
            }
            if circle.len() > 1 {
                circle.sort_unstable();
                self.found.push(circle);
            }
        }
    }
}

fn targets(edges: &Edges, node: usize) -> impl Iterator<Item = usize> + '_ {
    edges
        .range((node, 0)..=(node, usize::MAX))
        .map(|(edge, _)| edge.1)
}

/// A way through every node of `circle` and back to its first, as few steps at a time
/// as possible.
pub fn walk(circle: &[usize], edges: &Edges) -> Vec<usize> {
    let mut way = vec![circle[0]];
    let mut left: Vec<usize> = circle[1..].to_vec();
    while !left.is_empty() {
        let here = way[way.len() - 1];
        way.extend(shortest(here, &left, circle, edges));
        left.retain(|node| !way.contains(node));
    }
    if way[way.len() - 1] != circle[0] {
        let here = way[way.len() - 1];
        way.extend(shortest(here, &circle[..1], circle, edges));
    }
    way
}

/// The nodes after `from` on a shortest way to any of `goals` inside `circle`.
fn shortest(from: usize, goals: &[usize], circle: &[usize], edges: &Edges) -> Vec<usize> {
    let mut before: BTreeMap<usize, usize> = BTreeMap::new();
    let mut queue = VecDeque::from([from]);
    while let Some(node) = queue.pop_front() {
        if node != from && goals.contains(&node) {
            let mut way = vec![node];
            while before[&way[way.len() - 1]] != from {
                way.push(before[&way[way.len() - 1]]);
            }
            way.reverse();
            return way;
        }
        for to in targets(edges, node) {
            if to != from && circle.contains(&to) && !before.contains_key(&to) {
                before.insert(to, node);
                queue.push_back(to);
            }
        }
    }
    unreachable!("every node of a circle reaches every other");
}
