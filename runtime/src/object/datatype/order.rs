//! In which order the data of a type map lies: what file views ask of filetypes (MPI 5.0,
//! section 14.3).

use super::definition::Datatype;
use super::layout::Node;

/// How the runs of a layout follow one another, in type-map order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Order {
    /// Where the first run begins, in bytes.
    pub first: isize,
    /// The least beginning of a run.
    pub least: isize,
    /// Where the last run begins.
    pub last: isize,
    /// The byte behind the farthest run.
    pub end: isize,
    /// No run begins before the one that precedes it.
    pub is_monotone: bool,
    /// No two runs have a byte in common. Only known to be right where `is_monotone`.
    pub is_disjoint: bool,
}

impl Order {
    fn run(disp: isize, len: usize) -> Order {
        Order {
            first: disp,
            least: disp,
            last: disp,
            end: disp.wrapping_add(len.cast_signed()),
            is_monotone: true,
            is_disjoint: true,
        }
    }

    fn shifted(self, by: isize) -> Order {
        Order {
            first: self.first.wrapping_add(by),
            least: self.least.wrapping_add(by),
            last: self.last.wrapping_add(by),
            end: self.end.wrapping_add(by),
            ..self
        }
    }

    fn then(self, next: Order) -> Order {
        Order {
            first: self.first,
            least: self.least.min(next.least),
            last: next.last,
            end: self.end.max(next.end),
            is_monotone: self.is_monotone && next.is_monotone && self.last <= next.first,
            is_disjoint: self.is_disjoint && next.is_disjoint && self.end <= next.least,
        }
    }

    /// The same `count` times, `stride` bytes from one to the next.
    fn repeated(self, count: usize, stride: isize) -> Order {
        match count {
            0 | 1 => self,
            _ => {
                let far = stride.wrapping_mul((count - 1).cast_signed());
                let pair = self.then(self.shifted(stride));
                let ends = self.then(self.shifted(far));
                Order {
                    is_monotone: pair.is_monotone,
                    is_disjoint: pair.is_disjoint,
                    ..ends
                }
            }
        }
    }

    fn of(node: &Node) -> Option<Order> {
        match node {
            Node::Empty => None,
            Node::Run { disp, len } => Some(Order::run(*disp, *len)),
            Node::Strided {
                disp,
                block,
                stride,
                count,
            } => Some(Order::run(*disp, *block).repeated(*count, *stride)),
            Node::Blocks { disp, block, disps } => {
                let runs = disps.iter().map(|at| Order::run(*at, *block));
                Some(runs.reduce(Order::then)?.shifted(*disp))
            }
            Node::Runs { disp, runs, .. } => {
                let runs = runs.iter().map(|run| Order::run(run.disp, run.len));
                Some(runs.reduce(Order::then)?.shifted(*disp))
            }
            Node::Loop {
                disp,
                count,
                stride,
                body,
                ..
            } => Some(Order::of(body)?.repeated(*count, *stride).shifted(*disp)),
            Node::Sequence { disp, parts, .. } => {
                let parts = parts.iter().filter_map(|part| Order::of(&part.node));
                Some(parts.reduce(Order::then)?.shifted(*disp))
            }
        }
    }
}

impl Datatype {
    /// The order of the data of one element; `None`: there is none.
    #[must_use]
    pub fn order(&self) -> Option<Order> {
        Order::of(self.layout())
    }

    /// The order of the data of many elements.
    #[must_use]
    pub fn order_of_many(&self) -> Option<Order> {
        Some(self.order()?.repeated(2, self.extent()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Datatype, Width, known};

    #[test]
    fn order_is_seen_through_every_constructor() {
        let int = known(0x209);
        let vector = |blocks, stride| Datatype::vector(3, blocks, stride, int, Width::Small);
        let holes = vector(1, 2).unwrap().order().unwrap();
        assert!(holes.is_monotone && holes.is_disjoint);
        assert_eq!((holes.first, holes.last, holes.end), (0, 16, 20));
        let backward = vector(1, -2).unwrap().order().unwrap();
        assert!(!backward.is_monotone);
        assert_eq!((backward.first, backward.least), (0, -16));
        let overlapping = vector(3, 2).unwrap().order().unwrap();
        assert!(overlapping.is_monotone && !overlapping.is_disjoint);
        let columns = Datatype::resized(&vector(1, 4).unwrap(), 0, 4, Width::Small).unwrap();
        assert!(columns.order().unwrap().is_monotone);
        assert!(!columns.order_of_many().unwrap().is_monotone);
        let ring = Datatype::hindexed(&[1, 1, 1], &[0, 8, 4], int, Width::Small).unwrap();
        assert!(!ring.order().unwrap().is_monotone);
    }
}
