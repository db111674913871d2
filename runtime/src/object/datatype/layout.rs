//! Where a datatype's bytes lie: the type map flattened to nested loops over
//! runs of bytes, neighbours merged, in type-map order.
//!
//! A node covers `size` bytes of the packed stream. Displacements are bytes
//! from the address that the walk starts at. Whatever a constructor makes, its
//! simplest form is found: a vector whose stride is its block is one run.

use std::sync::Arc;

/// A run of bytes among others.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Run {
    /// Bytes from the node's base.
    pub disp: isize,
    /// Bytes, at least one.
    pub len: usize,
    /// Its place in the node's packed stream.
    pub start: usize,
}

/// A child among others.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Part {
    /// Its place in the node's packed stream.
    pub start: usize,
    /// The child, not empty.
    pub node: Node,
}

/// A layout. Cloning is cheap: arrays are shared.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Node {
    /// No bytes.
    Empty,
    /// One run.
    Run {
        /// Bytes from the base.
        disp: isize,
        /// Bytes.
        len: usize,
    },
    /// Runs of one length at a constant distance.
    Strided {
        /// Bytes from the base to the first.
        disp: isize,
        /// Bytes in each.
        block: usize,
        /// Bytes from one to the next.
        stride: isize,
        /// Two or more.
        count: usize,
    },
    /// Runs of one length anywhere.
    Blocks {
        /// Bytes added to every displacement.
        disp: isize,
        /// Bytes in each.
        block: usize,
        /// Two or more.
        disps: Arc<[isize]>,
    },
    /// Runs of any length anywhere.
    Runs {
        /// Bytes added to every displacement.
        disp: isize,
        /// Two or more, by `start`.
        runs: Arc<[Run]>,
        /// Bytes in all.
        size: usize,
    },
    /// One layout many times at a constant distance.
    Loop {
        /// Bytes from the base.
        disp: isize,
        /// Two or more.
        count: usize,
        /// Bytes from one to the next.
        stride: isize,
        /// Bytes of data in one.
        size: usize,
        /// Runs in all, as many as fit the number.
        runs: usize,
        /// What is repeated.
        body: Arc<Node>,
    },
    /// Layouts one after the other.
    Sequence {
        /// Bytes added to every displacement.
        disp: isize,
        /// Two or more, by `start`.
        parts: Arc<[Part]>,
        /// Bytes in all.
        size: usize,
        /// Runs in all, as many as fit the number.
        runs: usize,
    },
}

/// A child of at most so many runs is written out among its neighbours.
const EXPAND: usize = 8;

impl Node {
    /// Bytes of data.
    #[must_use]
    pub fn size(&self) -> usize {
        match self {
            Node::Empty => 0,
            Node::Run { len, .. } => *len,
            Node::Strided { block, count, .. } => block * count,
            Node::Blocks { block, disps, .. } => block * disps.len(),
            Node::Runs { size, .. } | Node::Sequence { size, .. } => *size,
            Node::Loop { size, count, .. } => size * count,
        }
    }

    /// The number of runs, or the greatest there is. It is kept where layouts are nested:
    /// types of types may have more runs than can be counted.
    #[must_use]
    pub fn runs(&self) -> usize {
        match self {
            Node::Empty => 0,
            Node::Run { .. } => 1,
            Node::Strided { count, .. } => *count,
            Node::Blocks { disps, .. } => disps.len(),
            Node::Runs { runs, .. } => runs.len(),
            Node::Loop { runs, .. } | Node::Sequence { runs, .. } => *runs,
        }
    }

    /// The same, `by` bytes further on.
    #[must_use]
    pub fn shifted(&self, by: isize) -> Node {
        let mut node = self.clone();
        match &mut node {
            Node::Empty => {}
            Node::Run { disp, .. }
            | Node::Strided { disp, .. }
            | Node::Blocks { disp, .. }
            | Node::Runs { disp, .. }
            | Node::Loop { disp, .. }
            | Node::Sequence { disp, .. } => *disp = disp.wrapping_add(by),
        }
        node
    }

    /// The same `count` times, `stride` bytes from one to the next. The caller
    /// has checked that all displacements and sizes are representable; `stride`
    /// means nothing where `count` is one.
    #[must_use]
    pub fn repeated(&self, count: usize, stride: isize) -> Node {
        match (self, count) {
            (Node::Empty, _) | (_, 0) => return Node::Empty,
            (_, 1) => return self.clone(),
            _ => {}
        }
        match *self {
            Node::Run { disp, len } if len.cast_signed() == stride => Node::Run {
                disp,
                len: len * count,
            },
            Node::Run { disp, len } => Node::Strided {
                disp,
                block: len,
                stride,
                count,
            },
            Node::Strided {
                disp,
                block,
                stride: inner,
                count: n,
            } if inner.checked_mul(n.cast_signed()) == Some(stride) => Node::Strided {
                disp,
                block,
                stride: inner,
                count: n * count,
            },
            Node::Loop {
                disp,
                count: n,
                stride: inner,
                size,
                runs,
                ref body,
            } if inner.checked_mul(n.cast_signed()) == Some(stride) => Node::Loop {
                disp,
                count: n * count,
                stride: inner,
                size,
                runs: runs.saturating_mul(count),
                body: body.clone(),
            },
            _ if self.runs().saturating_mul(count) <= EXPAND => {
                let mut builder = Builder::default();
                for i in 0..count.cast_signed() {
                    builder.push(&self.shifted(stride.wrapping_mul(i)));
                }
                builder.finish()
            }
            _ => Node::Loop {
                disp: 0,
                count,
                stride,
                size: self.size(),
                runs: self.runs().saturating_mul(count),
                body: Arc::new(self.clone()),
            },
        }
    }

    /// Calls `each` with displacement and length of every run, in order.
    fn for_each(&self, base: isize, each: &mut impl FnMut(isize, usize)) {
        match self {
            Node::Empty => {}
            Node::Run { disp, len } => each(base.wrapping_add(*disp), *len),
            Node::Strided {
                disp,
                block,
                stride,
                count,
            } => {
                for i in 0..count.cast_signed() {
                    let at = base.wrapping_add(*disp);
                    each(at.wrapping_add(stride.wrapping_mul(i)), *block);
                }
            }
            Node::Blocks { disp, block, disps } => {
                for at in disps.iter() {
                    each(base.wrapping_add(*disp).wrapping_add(*at), *block);
                }
            }
            Node::Runs { disp, runs, .. } => {
                for run in runs.iter() {
                    each(base.wrapping_add(*disp).wrapping_add(run.disp), run.len);
                }
            }
            Node::Loop {
                disp,
                count,
                stride,
                body,
                ..
            } => {
                for i in 0..count.cast_signed() {
                    let at = base.wrapping_add(*disp);
                    body.for_each(at.wrapping_add(stride.wrapping_mul(i)), each);
                }
            }
            Node::Sequence { disp, parts, .. } => {
                for part in parts.iter() {
                    part.node.for_each(base.wrapping_add(*disp), each);
                }
            }
        }
    }
}

/// Puts layouts one after the other.
#[derive(Debug, Default)]
pub struct Builder {
    /// Runs not yet in a part; their `start` counts from the first of them.
    runs: Vec<Run>,
    parts: Vec<Part>,
    size: usize,
}

impl Builder {
    /// Appends `node`.
    pub fn push(&mut self, node: &Node) {
        if node.runs() <= EXPAND {
            node.for_each(0, &mut |disp, len| self.run(disp, len));
        } else {
            self.flush();
            self.parts.push(Part {
                start: self.size,
                node: node.clone(),
            });
            self.size += node.size();
        }
    }

    fn run(&mut self, disp: isize, len: usize) {
        let start = match self.runs.last_mut() {
            Some(last) if last.disp.wrapping_add_unsigned(last.len) == disp => {
                last.len += len;
                return;
            }
            Some(last) => last.start + last.len,
            None => 0,
        };
        self.runs.push(Run { disp, len, start });
    }

    fn flush(&mut self) {
        let node = simplest(std::mem::take(&mut self.runs));
        if node != Node::Empty {
            let start = self.size;
            self.size += node.size();
            self.parts.push(Part { start, node });
        }
    }

    /// The whole.
    #[must_use]
    pub fn finish(mut self) -> Node {
        if self.parts.is_empty() {
            return simplest(self.runs);
        }
        self.flush();
        match &self.parts[..] {
            [one] => one.node.clone(),
            _ => Node::Sequence {
                disp: 0,
                size: self.size,
                runs: self
                    .parts
                    .iter()
                    .fold(0, |sum, part| part.node.runs().saturating_add(sum)),
                parts: self.parts.into(),
            },
        }
    }
}

/// The simplest node of these runs.
fn simplest(runs: Vec<Run>) -> Node {
    let (first, last) = match (runs.first(), runs.last()) {
        (Some(first), Some(last)) => (*first, *last),
        _ => return Node::Empty,
    };
    if runs.len() == 1 {
        return Node::Run {
            disp: first.disp,
            len: first.len,
        };
    }
    if runs.iter().any(|run| run.len != first.len) {
        return Node::Runs {
            disp: 0,
            size: last.start + last.len,
            runs: runs.into(),
        };
    }
    let stride = runs[1].disp.wrapping_sub(first.disp);
    if runs
        .windows(2)
        .all(|two| two[1].disp.wrapping_sub(two[0].disp) == stride)
    {
        return Node::Strided {
            disp: first.disp,
            block: first.len,
            stride,
            count: runs.len(),
        };
    }
    Node::Blocks {
        disp: 0,
        block: first.len,
        disps: runs.iter().map(|run| run.disp).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Builder, Node};

    fn run(disp: isize, len: usize) -> Node {
        Node::Run { disp, len }
    }

    #[test]
    fn contiguous_in_disguise_is_one_run() {
        assert_eq!(run(0, 8).repeated(4, 8), run(0, 32));
        assert_eq!(run(0, 8).repeated(4, 8).repeated(3, 32), run(0, 96));
        let mut builder = Builder::default();
        for i in 0..100 {
            builder.push(&run(4 * i, 4));
        }
        assert_eq!(builder.finish(), run(0, 400));
    }

    /// Each level has two copies of the one below: 2^60 pieces in the end.
    #[test]
    fn towers_of_layouts_are_made_at_once() {
        let mut node = run(0, 1).repeated(9, 2);
        for level in 1..=60 {
            let mut builder = Builder::default();
            builder.push(&node);
            builder.push(&node.shifted(1 << level));
            node = builder.finish();
            assert_eq!(node.runs(), 9 << level);
        }
        let rows = run(0, 8)
            .repeated(1_000_000, 16)
            .repeated(1_000_000, 16_000_008);
        assert_eq!(rows.runs(), 1_000_000_000_000);
    }

    #[test]
    fn regular_runs_become_a_stride() {
        let mut builder = Builder::default();
        for i in 0..100 {
            builder.push(&run(16 * i, 8));
        }
        let strided = run(0, 8).repeated(100, 16);
        assert_eq!(builder.finish(), strided);
        assert_eq!(strided.repeated(2, 1600), run(0, 8).repeated(200, 16));
    }
}
