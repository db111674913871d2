//! A plan: what one rank does in a collective operation, as a list of steps.
//!
//! The files of this folder that are named after operations write plans, and
//! know neither messages nor requests; [`super::schedule`] carries a plan out,
//! and in tests a simulator carries out the plans of many ranks in one thread.
//!
//! Sends and receives start as they are met and go on side by side; nothing
//! after a [`Step::Wait`] begins before everything before it has completed.
//! Between two ranks messages match in the order of the plan, so that both
//! sides must list them alike. Messages without bytes are left out (both sides
//! know: signatures are equal), except for signals.

use super::check::Check;
use super::memory::Temp;
use crate::error::{Class, Error, Result};
use crate::object::datatype::Datatype;
use crate::object::op::Reducer;
use std::sync::Arc;

/// A datatype as steps use it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Type {
    /// Into [`Plan::types`]; [`BYTES`] for plain bytes.
    index: u32,
    /// Bytes of data in an element.
    size: usize,
    /// Bytes from an element to the next.
    extent: isize,
    /// Elements follow one another without holes, in order.
    dense: bool,
    /// Where an element's data begin and end, from its address.
    true_lb: isize,
    true_extent: isize,
}

const BYTES: u32 = u32::MAX;

impl Type {
    /// Plain bytes.
    pub(super) const BYTE: Type = Type {
        index: BYTES,
        size: 1,
        extent: 1,
        dense: true,
        true_lb: 0,
        true_extent: 1,
    };
}

/// Elements of one type, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Block {
    /// Where the first element is.
    pub(super) addr: *mut u8,
    /// How many there are.
    pub(super) count: usize,
    /// What they are.
    pub(super) ty: Type,
}

impl Block {
    /// Plain bytes.
    pub(super) fn bytes(addr: *mut u8, len: usize) -> Block {
        Block {
            addr,
            count: len,
            ty: Type::BYTE,
        }
    }

    /// No elements.
    pub(super) fn empty() -> Block {
        Block::bytes(std::ptr::null_mut(), 0)
    }

    /// `count` elements of `ty`, `displ` elements from `addr` on.
    pub(super) fn part(addr: *mut u8, ty: Type, displ: isize, count: usize) -> Block {
        let addr = addr.wrapping_offset(ty.extent.wrapping_mul(displ));
        Block { addr, count, ty }
    }

    /// Bytes of data, holes not counted.
    pub(super) fn len(&self) -> usize {
        self.count.saturating_mul(self.ty.size)
    }

    /// Whether there are no data.
    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// `count` elements from element `first` on.
    pub(super) fn slice(&self, first: usize, count: usize) -> Block {
        Block::part(self.addr, self.ty, first.cast_signed(), count)
    }

    /// Where the data begin, if they are `len()` bytes in a row.
    pub(super) fn dense(&self) -> Option<*mut u8> {
        (self.ty.dense || self.is_empty()).then(|| self.addr.wrapping_offset(self.ty.true_lb))
    }

    /// The datatype; `None` for bytes.
    pub(super) fn datatype<'a>(&self, types: &'a [Arc<Datatype>]) -> Option<&'a Arc<Datatype>> {
        types.get(self.ty.index as usize)
    }
}

/// One thing to do.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    /// Start to send `block` to rank `to`.
    Send { to: u32, block: Block, way: Way },
    /// Start to receive `block` from rank `from`.
    Receive { from: u32, block: Block, way: Way },
    /// Let everything above complete.
    Wait,
    /// Copy between layouts.
    Copy { from: Block, to: Block },
    /// `inout = input ∘ inout`, elementwise, with the plan's operation.
    Reduce { input: Block, inout: Block },
    /// See what the plan's check comes to.
    Compare,
}

/// What a message travels in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Way {
    /// Among the local group of an intercommunicator.
    pub(super) local: bool,
    /// Apart from the other messages between the two ranks (which of two edges
    /// between the same neighbours it is).
    pub(super) second: bool,
    /// What ranks compare before the collective begins.
    pub(super) check: bool,
}

/// A rank's part in a collective operation.
#[derive(Debug)]
pub(super) struct Plan {
    /// This process's rank in the (local) group, and its size.
    pub(super) rank: u32,
    pub(super) size: u32,
    /// The size of the group that sends and receives name ranks of.
    pub(super) remote: u32,
    pub(super) steps: Vec<Step>,
    pub(super) types: Vec<Arc<Datatype>>,
    pub(super) reducer: Option<Reducer>,
    pub(super) check: Option<Box<Check>>,
    temps: Vec<Temp>,
    way: Way,
}

impl Plan {
    /// An empty plan of `rank` among `size`, whose messages go to `remote` ranks
    /// (`size` again, but for intercommunicators).
    pub(super) fn new(rank: u32, size: u32, remote: u32) -> Plan {
        Plan {
            rank,
            size,
            remote,
            steps: Vec::new(),
            types: Vec::new(),
            reducer: None,
            check: None,
            temps: Vec::new(),
            way: Way {
                local: false,
                second: false,
                check: false,
            },
        }
    }

    /// Makes a type known to the plan.
    pub(super) fn type_of(&mut self, datatype: &Arc<Datatype>) -> Type {
        match self.types.iter().position(|t| Arc::ptr_eq(t, datatype)) {
            Some(index) => type_at(index, datatype),
            None => self.add(datatype),
        }
    }

    fn add(&mut self, datatype: &Arc<Datatype>) -> Type {
        self.types.push(Arc::clone(datatype));
        type_at(self.types.len() - 1, datatype)
    }

    /// Makes known a list of types that need not differ much.
    pub(super) fn types_of(&mut self, datatypes: &[&Arc<Datatype>]) -> Vec<Type> {
        let mut last: Option<(*const Datatype, Type)> = None;
        let mut types = Vec::with_capacity(datatypes.len());
        for datatype in datatypes {
            let ty = match last {
                Some((at, ty)) if at == Arc::as_ptr(datatype) => ty,
                _ => self.add(datatype),
            };
            last = Some((Arc::as_ptr(datatype), ty));
            types.push(ty);
        }
        types
    }

    /// Forgets the steps and frees the temporaries: the plan is carried out.
    pub(super) fn clear(&mut self) {
        self.steps = Vec::new();
        self.types = Vec::new();
        self.temps = Vec::new();
        self.reducer = None;
    }

    /// What `f` adds goes among the local group of an intercommunicator.
    pub(super) fn locally<R>(&mut self, f: impl FnOnce(&mut Plan) -> R) -> R {
        self.way.local = true;
        let result = f(self);
        self.way.local = false;
        result
    }

    /// Messages from here on go by the first or the second way between the same
    /// two ranks.
    pub(super) fn by(&mut self, second: bool) {
        self.way.second = second;
    }

    /// Sends `block` to `to`, if there is anything in it.
    pub(super) fn send(&mut self, to: u32, block: Block) {
        if !block.is_empty() {
            self.signal_to(to, block);
        }
    }

    /// Receives `block` from `from`, if there is anything in it.
    pub(super) fn receive(&mut self, from: u32, block: Block) {
        if !block.is_empty() {
            self.signal_from(from, block);
        }
    }

    /// Sends `block`, even when it is empty.
    pub(super) fn signal_to(&mut self, to: u32, block: Block) {
        let way = self.way;
        self.steps.push(Step::Send { to, block, way });
    }

    /// Receives `block`, even when it is empty.
    pub(super) fn signal_from(&mut self, from: u32, block: Block) {
        let way = self.way;
        self.steps.push(Step::Receive { from, block, way });
    }

    /// Says to a peer what it is to compare, and hears the same of it.
    pub(super) fn compare(&mut self, peer: u32, said: Block, heard: Block) {
        self.way.check = true;
        self.signal_from(peer, heard);
        self.signal_to(peer, said);
        self.way.check = false;
    }

    /// Everything is heard and compared, and found right, before more begins.
    pub(super) fn end_compare(&mut self, check: Box<Check>) {
        self.wait();
        self.steps.push(Step::Compare);
        self.check = Some(check);
    }

    /// Everything so far completes before anything more begins.
    pub(super) fn wait(&mut self) {
        if !matches!(self.steps.last(), None | Some(Step::Wait)) {
            self.steps.push(Step::Wait);
        }
    }

    /// Copies, if there is anything to copy and it is not there already.
    pub(super) fn copy(&mut self, from: Block, to: Block) {
        if !from.is_empty() && !to.is_empty() && from != to {
            self.steps.push(Step::Copy { from, to });
        }
    }

    /// `inout = input ∘ inout`.
    pub(super) fn reduce(&mut self, input: Block, inout: Block) {
        if inout.count > 0 {
            self.steps.push(Step::Reduce { input, inout });
        }
    }

    /// Whether operands must keep their order.
    pub(super) fn ordered(&self) -> bool {
        self.reducer.as_ref().is_some_and(|r| !r.commutes())
    }

    /// `acc ∘ right`, where `right` may be overwritten: where the result is, and
    /// where there is room now.
    pub(super) fn fold_right(&mut self, acc: Block, right: Block) -> (Block, Block) {
        if self.ordered() {
            self.reduce(acc, right);
            (right, acc)
        } else {
            self.reduce(right, acc);
            (acc, right)
        }
    }

    /// `len` bytes of the plan's own.
    ///
    /// # Errors
    /// No memory.
    pub(super) fn temp(&mut self, len: usize) -> Result<Block> {
        if len == 0 {
            return Ok(Block::empty());
        }
        let temp = Temp::new(len)?;
        let block = Block::bytes(temp.addr(), len);
        self.temps.push(temp);
        Ok(block)
    }

    /// Room for `count` elements laid out as those of `ty`.
    ///
    /// # Errors
    /// No memory.
    pub(super) fn temp_like(&mut self, ty: Type, count: usize) -> Result<Block> {
        if count == 0 || ty.size == 0 {
            return Ok(Block {
                count,
                ..Block::empty()
            }
            .of(ty));
        }
        let too_large = || {
            let extent = ty.extent;
            Error::new(
                Class::NO_MEM,
                format!("no memory for {count} elements of {extent} bytes"),
            )
        };
        // With a negative extent the last element lies lowest.
        let far = ty
            .extent
            .checked_mul((count - 1).cast_signed())
            .ok_or_else(too_large)?;
        let len = far
            .checked_abs()
            .and_then(|far| far.checked_add(ty.true_extent))
            .ok_or_else(too_large)?;
        let temp = Temp::new(len.unsigned_abs())?;
        let lowest = ty.true_lb + far.min(0);
        let addr = temp.addr().wrapping_offset(-lowest);
        self.temps.push(temp);
        Ok(Block { addr, count, ty })
    }

    /// The data of `block` as bytes in a row: itself, or packed into a temporary
    /// first.
    ///
    /// # Errors
    /// No memory.
    pub(super) fn packed(&mut self, block: Block) -> Result<Block> {
        if let Some(addr) = block.dense() {
            return Ok(Block::bytes(addr, block.len()));
        }
        let packed = self.temp(block.len())?;
        self.copy(block, packed);
        Ok(packed)
    }

    /// Room for the data of `block` as bytes in a row: itself, or a temporary
    /// that is to be copied there afterwards (see [`Plan::unpack`]).
    ///
    /// # Errors
    /// No memory.
    pub(super) fn room_for(&mut self, block: Block) -> Result<Block> {
        match block.dense() {
            Some(addr) => Ok(Block::bytes(addr, block.len())),
            None => self.temp(block.len()),
        }
    }

    /// Copies the bytes of [`Plan::room_for`] to where they belong.
    pub(super) fn unpack(&mut self, packed: Block, block: Block) {
        if block.dense() != Some(packed.addr) {
            self.copy(packed, block);
        }
    }
}

fn type_at(index: usize, datatype: &Datatype) -> Type {
    Type {
        index: u32::try_from(index).unwrap_or(BYTES),
        size: datatype.size(),
        extent: datatype.extent(),
        dense: datatype.is_contiguous(),
        true_lb: datatype.true_lb(),
        true_extent: datatype.true_extent(),
    }
}

impl Block {
    /// The same address and count, of another type.
    pub(super) fn of(self, ty: Type) -> Block {
        Block { ty, ..self }
    }
}
