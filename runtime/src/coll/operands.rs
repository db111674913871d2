//! The arguments of a call as blocks of a plan.

use super::args::{Parts, Reduction, Shape};
use super::block::{Block, Type};
use super::plan::Plan;
use crate::pml::Buffer;

/// A buffer as a block.
pub(super) fn block_of(plan: &mut Plan, buffer: &Buffer<'_>) -> Block {
    match buffer.datatype {
        Some(datatype) => {
            let ty = plan.type_of(datatype);
            Block::part(buffer.addr, ty, 0, buffer.count)
        }
        None => Block::bytes(buffer.addr, buffer.count),
    }
}

/// The contribution to a reduction and its result, `count` elements each. Binds the
/// operation to the plan.
pub(super) fn operands_of(
    plan: &mut Plan,
    reduction: &Reduction<'_>,
    count: usize,
) -> (Block, Block) {
    let ty = plan.type_of(reduction.datatype);
    plan.reducer = Some(reduction.reducer.clone());
    plan.combines = reduction.reducer.is_own();
    let send = reduction.send.unwrap_or(reduction.receive);
    (
        Block::part(send, ty, 0, count),
        Block::part(reduction.receive, ty, 0, count),
    )
}

/// The parts of a buffer, with their types made known to a plan.
pub(super) struct PlannedParts<'a> {
    addr: *mut u8,
    shape: Shape<'a>,
    types: Vec<Type>,
}

impl<'a> PlannedParts<'a> {
    /// Makes the types of `parts` known to `plan`.
    pub(super) fn new(plan: &mut Plan, parts: &Parts<'a>) -> PlannedParts<'a> {
        let types = match parts.shape {
            Shape::Equal(_, datatype) | Shape::Varying(_, _, datatype) => {
                vec![plan.type_of(datatype)]
            }
            Shape::Typed(_, _, datatypes) => plan.types_of(datatypes),
        };
        PlannedParts {
            addr: parts.addr,
            shape: parts.shape,
            types,
        }
    }

    /// The part of rank (or neighbour) `i`.
    pub(super) fn part(&self, i: usize) -> Block {
        match self.shape {
            Shape::Equal(each, _) => self.run(each).slice(i * each, each),
            Shape::Varying(counts, displs, _) => {
                Block::part(self.addr, self.types[0], displs.get(i), counts.count(i))
            }
            Shape::Typed(counts, displs, _) => {
                let addr = self.addr.wrapping_offset(displs.get(i));
                Block::part(addr, self.types[i], 0, counts.count(i))
            }
        }
    }

    /// As [`PlannedParts::part`], for a rank.
    pub(super) fn of(&self, rank: u32) -> Block {
        self.part(rank as usize)
    }

    /// For equal parts: `count` elements from the beginning.
    pub(super) fn run(&self, count: usize) -> Block {
        Block::part(self.addr, self.types[0], 0, count)
    }
}
