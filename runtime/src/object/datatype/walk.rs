//! Walks over a layout: from any byte of the packed stream to any other, whole
//! leaves at a time.
//!
//! Addresses are numbers here, added with wrapping, so that a type of absolute
//! addresses works from `MPI_BOTTOM`.

use super::layout::{Node, Run};

/// What a walk does with the memory that it meets, in type-map order.
pub(super) trait Visit {
    /// `len` bytes at `at`.
    fn run(&mut self, at: usize, len: usize);

    /// `count` blocks, `stride` bytes from one to the next.
    fn strided(&mut self, at: usize, block: usize, stride: isize, count: usize);

    /// Blocks at `base` and each displacement.
    fn blocks(&mut self, base: usize, block: usize, disps: &[isize]);

    /// Runs at `base` and each displacement.
    fn runs(&mut self, base: usize, runs: &[Run]) {
        for run in runs {
            self.run(base.wrapping_add_signed(run.disp), run.len);
        }
    }
}

/// All of `node` at `base`.
pub(super) fn whole(node: &Node, base: usize, visit: &mut impl Visit) {
    match node {
        Node::Empty => {}
        Node::Run { disp, len } => visit.run(base.wrapping_add_signed(*disp), *len),
        Node::Strided {
            disp,
            block,
            stride,
            count,
        } => visit.strided(base.wrapping_add_signed(*disp), *block, *stride, *count),
        Node::Blocks { disp, block, disps } => {
            visit.blocks(base.wrapping_add_signed(*disp), *block, disps);
        }
        Node::Runs { disp, runs, .. } => visit.runs(base.wrapping_add_signed(*disp), runs),
        Node::Loop {
            disp,
            count,
            stride,
            body,
            ..
        } => {
            let mut at = base.wrapping_add_signed(*disp);
            for _ in 0..*count {
                whole(body, at, visit);
                at = at.wrapping_add_signed(*stride);
            }
        }
        Node::Sequence { disp, parts, .. } => {
            let base = base.wrapping_add_signed(*disp);
            for part in parts.iter() {
                whole(&part.node, base, visit);
            }
        }
    }
}

/// The bytes `from..to` of `node`'s packed stream; `to` is at most its size.
pub(super) fn part(node: &Node, base: usize, from: usize, to: usize, visit: &mut impl Visit) {
    if from >= to {
        return;
    }
    match node {
        Node::Empty => {}
        Node::Run { disp, .. } => {
            visit.run(
                base.wrapping_add_signed(*disp).wrapping_add(from),
                to - from,
            );
        }
        Node::Strided {
            disp,
            block,
            stride,
            ..
        } => {
            let base = base.wrapping_add_signed(*disp);
            let place = |i: usize| base.wrapping_add_signed(stride.wrapping_mul(i.cast_signed()));
            let ends = Ends::of(*block, from, to);
            if let Some((i, skip, len)) = ends.head {
                visit.run(place(i).wrapping_add(skip), len);
            }
            if ends.first < ends.last {
                visit.strided(place(ends.first), *block, *stride, ends.last - ends.first);
            }
            if let Some(len) = ends.tail {
                visit.run(place(ends.last), len);
            }
        }
        Node::Blocks { disp, block, disps } => {
            let base = base.wrapping_add_signed(*disp);
            let ends = Ends::of(*block, from, to);
            if let Some((i, skip, len)) = ends.head {
                visit.run(base.wrapping_add_signed(disps[i]).wrapping_add(skip), len);
            }
            visit.blocks(base, *block, &disps[ends.first..ends.last]);
            if let Some(len) = ends.tail {
                visit.run(base.wrapping_add_signed(disps[ends.last]), len);
            }
        }
        Node::Runs { disp, runs, .. } => {
            let base = base.wrapping_add_signed(*disp);
            let first = runs.partition_point(|run| run.start + run.len <= from);
            for run in &runs[first..] {
                if run.start >= to {
                    break;
                }
                let skip = from.saturating_sub(run.start);
                let len = run.len.min(to - run.start) - skip;
                visit.run(base.wrapping_add_signed(run.disp).wrapping_add(skip), len);
            }
        }
        Node::Loop {
            disp,
            stride,
            size,
            body,
            ..
        } => repeated(
            body,
            *size,
            *stride,
            base.wrapping_add_signed(*disp),
            from,
            to,
            visit,
        ),
        Node::Sequence { disp, parts, .. } => {
            let base = base.wrapping_add_signed(*disp);
            let first = parts.partition_point(|part| part.start <= from) - 1;
            for child in &parts[first..] {
                if child.start >= to {
                    break;
                }
                let size = child.node.size();
                let (low, high) = (
                    from.saturating_sub(child.start),
                    (to - child.start).min(size),
                );
                if (low, high) == (0, size) {
                    whole(&child.node, base, visit);
                } else {
                    part(&child.node, base, low, high, visit);
                }
            }
        }
    }
}

/// The bytes `from..to` of `body` (of `size` bytes) over and over.
pub(super) fn repeated(
    body: &Node,
    size: usize,
    stride: isize,
    base: usize,
    from: usize,
    to: usize,
    visit: &mut impl Visit,
) {
    let place = |i: usize| base.wrapping_add_signed(stride.wrapping_mul(i.cast_signed()));
    let ends = Ends::of(size, from, to);
    if let Some((i, skip, len)) = ends.head {
        part(body, place(i), skip, skip + len, visit);
    }
    let mut at = place(ends.first);
    for _ in ends.first..ends.last {
        whole(body, at, visit);
        at = at.wrapping_add_signed(stride);
    }
    if let Some(len) = ends.tail {
        part(body, at, 0, len, visit);
    }
}

/// A range of bytes cut at multiples of a block's size.
struct Ends {
    /// A block whose beginning is left out: its index, the bytes left out, and
    /// the bytes taken.
    head: Option<(usize, usize, usize)>,
    /// Whole blocks from here,
    first: usize,
    /// to before here.
    last: usize,
    /// Bytes of the block `last`, where it is not taken whole.
    tail: Option<usize>,
}

impl Ends {
    #[inline]
    fn of(block: usize, from: usize, to: usize) -> Ends {
        let (i, skip) = (from / block, from % block);
        if skip != 0 {
            let len = (block - skip).min(to - from);
            if from + len == to {
                return Ends {
                    head: Some((i, skip, len)),
                    first: i + 1,
                    last: i + 1,
                    tail: None,
                };
            }
        }
        let first = if skip == 0 { i } else { i + 1 };
        let rest = to % block;
        Ends {
            head: (skip != 0).then_some((i, skip, block - skip)),
            first,
            last: to / block,
            tail: (rest != 0).then_some(rest),
        }
    }
}
