//! What an accumulation makes of packed elements: for memory that is not mapped here,
//! whose bytes are fetched, changed and stored again while nobody else accumulates there.

use super::elements::{Elements, Scratch, copy};
use crate::error::Result;
use crate::object::datatype::{self, Datatype};
use crate::object::op::{Op, Predefined, Reducer};
use std::sync::Arc;

/// How elements change. The operand is as long as they are, packed, but for
/// [`Update::CompareAndSwap`]: one new element, and behind it the one to compare with.
pub(super) enum Update {
    /// They stay (`MPI_NO_OP`).
    Nothing,
    Replace,
    Reduce {
        reducer: Reducer,
        plain: Arc<Datatype>,
    },
    CompareAndSwap,
}

impl Update {
    /// That of operation `op` on elements of the predefined type `plain`.
    ///
    /// # Errors
    /// Class OP: it is not defined for the type.
    pub(super) fn new(op: Predefined, plain: &Arc<Datatype>) -> Result<Update> {
        Ok(match op {
            Predefined::NoOp => Update::Nothing,
            Predefined::Replace => Update::Replace,
            _ => Update::Reduce {
                reducer: Op::Predefined(op).accumulator(plain, 0)?,
                plain: plain.clone(),
            },
        })
    }

    /// Changes `there`, whole elements. Whether they are to be stored.
    ///
    /// # Errors
    /// There is no memory.
    pub(super) fn apply(&self, there: &mut [u8], operand: &[u8]) -> Result<bool> {
        match self {
            Update::Nothing => return Ok(false),
            Update::Replace => there.copy_from_slice(operand),
            Update::CompareAndSwap => {
                let (new, compare) = operand.split_at(there.len());
                if there != compare {
                    return Ok(false);
                }
                there.copy_from_slice(new);
            }
            Update::Reduce { reducer, plain } => {
                let count = there.len() / plain.size().max(1);
                let mut rooms = [Scratch::new(plain, count)?, Scratch::new(plain, count)?];
                let [input, inout] = rooms.each_mut().map(|room| room.elements(plain, count));
                // SAFETY: as many packed elements of the type as there is room for.
                unsafe {
                    copy(&packed(operand.as_ptr(), operand.len()), &input);
                    copy(&packed(there.as_mut_ptr(), there.len()), &inout);
                    reducer.apply(input.addr, inout.addr, count);
                    copy(&inout, &packed(there.as_mut_ptr(), there.len()));
                }
            }
        }
        Ok(true)
    }
}

fn packed(addr: *const u8, len: usize) -> Elements<'static> {
    Elements {
        addr: addr.cast_mut(),
        count: len,
        datatype: datatype::byte(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(numbers: &[i32]) -> Vec<u8> {
        numbers.iter().flat_map(|n| n.to_ne_bytes()).collect()
    }

    #[test]
    fn packed_elements_are_changed() {
        let int = datatype::known(0x209); // MPI_INT
        assert_eq!(int.size(), 4);
        let mut there = bytes(&[1, 2, 3]);
        let operand = bytes(&[10, 20, 30]);
        let sum = Update::new(Predefined::Sum, int).unwrap();
        assert!(sum.apply(&mut there, &operand).unwrap());
        assert_eq!(there, bytes(&[11, 22, 33]));
        assert!(!Update::Nothing.apply(&mut there, &[]).unwrap());
        assert!(Update::Replace.apply(&mut there, &operand).unwrap());
        assert_eq!(there, operand);
        let mut one = bytes(&[5]);
        let swap = Update::CompareAndSwap;
        assert!(!swap.apply(&mut one, &bytes(&[7, 6])).unwrap());
        assert!(swap.apply(&mut one, &bytes(&[7, 5])).unwrap());
        assert_eq!(one, bytes(&[7]));
    }
}
