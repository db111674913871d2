//! In which order the data of a type map lies: what file views ask of filetypes (MPI 5.0,
//! section 14.3).

use super::layout::Node;
use std::collections::HashMap;
use std::sync::Arc;

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
    pub(super) fn repeated(self, count: usize, stride: isize) -> Order {
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
}

/// Orders of arrays that nodes share, by address: a layout may have the same part in many
/// places. For blocks, with the length of one.
#[derive(Default)]
struct Known(HashMap<(usize, usize), Option<Order>>);

impl Known {
    /// What `find` says, called once for each array.
    fn once<T: ?Sized>(
        &mut self,
        array: &Arc<T>,
        block: usize,
        find: impl FnOnce(&mut Known) -> Option<Order>,
    ) -> Option<Order> {
        let key = (Arc::as_ptr(array).addr(), block);
        if let Some(known) = self.0.get(&key) {
            return *known;
        }
        let order = find(self);
        self.0.insert(key, order);
        order
    }

    fn order(&mut self, node: &Node) -> Option<Order> {
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
                let order = self.once(disps, *block, |_| {
                    let runs = disps.iter().map(|at| Order::run(*at, *block));
                    runs.reduce(Order::then)
                });
                Some(order?.shifted(*disp))
            }
            Node::Runs { disp, runs, .. } => {
                let order = self.once(runs, 0, |_| {
                    let runs = runs.iter().map(|run| Order::run(run.disp, run.len));
                    runs.reduce(Order::then)
                });
                Some(order?.shifted(*disp))
            }
            Node::Loop {
                disp,
                count,
                stride,
                body,
                ..
            } => {
                let body = self.once(body, 0, |known| known.order(body));
                Some(body?.repeated(*count, *stride).shifted(*disp))
            }
            Node::Sequence { disp, parts, .. } => {
                let order = self.once(parts, 0, |known| {
                    let parts = parts.iter().filter_map(|part| known.order(&part.node));
                    parts.reduce(Order::then)
                });
                Some(order?.shifted(*disp))
            }
        }
    }
}

impl Order {
    pub(super) fn of(node: &Node) -> Option<Order> {
        Known::default().order(node)
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

    /// A part that stands in several places of a type is in order in each or in none.
    #[test]
    fn order_is_that_of_each_place_of_a_shared_part() {
        let long = 12; // more runs than are written out among their neighbours
        let disps: Vec<isize> = (0..long).map(|i| i * i).map(|at| 8 * at).collect();
        let part = Datatype::hindexed(&vec![1; disps.len()], &disps, known(0x209), Width::Small);
        let mut part = part.unwrap();
        let mut span = part.extent();
        for _ in 0..5 {
            let three = [part.clone(), part.clone(), part.clone()];
            let of = |places: [isize; 3]| {
                let whole = Datatype::structure(&[1; 3], &places, &three, Width::Small).unwrap();
                (whole.order().unwrap(), whole)
            };
            let (order, whole) = of([4, 2 * span, 5 * span]);
            assert!(order.is_monotone && order.is_disjoint);
            assert_eq!((order.first, order.end), (whole.true_lb(), 6 * span));
            assert_eq!(whole.order(), Some(order), "what is kept");
            assert!(!of([2 * span, 0, 5 * span]).0.is_monotone);
            let (overlapping, _) = of([0, 0, 5 * span]);
            assert!(!overlapping.is_disjoint);
            (part, span) = (whole, 6 * span);
        }
    }
}
