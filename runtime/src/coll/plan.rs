//! A plan: what one rank does in a collective operation, as a list of steps.
//!
//! The files of this folder that are named after operations write plans. They
//! know neither messages nor requests: [`super::execution`] carries a plan out,
//! and in tests a simulator carries out the plans of many ranks in one thread.
//!
//! Sends and receives start in the order of the steps and go on side by side. Nothing
//! after a [`Step::Wait`] begins before everything before it has completed.
//! Messages between two ranks match in the order of the plan, so both sides must list
//! them in the same order. Messages without bytes are left out, except for signals; both
//! sides know which these are, since signatures are equal.

use super::block::{Block, Type};
use super::memory::Temp;
use crate::error::{Class, Error, Result};
use crate::object::datatype::Datatype;
use crate::object::hosts::Hosts;
use crate::object::op::Reducer;
use std::sync::Arc;

/// Steps that a plan has room for from the start: as many as two ranks take for most
/// collectives, and few enough that the allocator has such a piece at hand.
const FEW_STEPS: usize = 6;

/// One thing to do.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    /// Start to send `block` to rank `to`.
    Send {
        to: u32,
        block: Block,
        channel: Channel,
    },
    /// Start to receive `block` from rank `from`.
    Receive {
        from: u32,
        block: Block,
        channel: Channel,
    },
    /// Let everything above complete.
    Wait,
    /// Copy between layouts.
    Copy { from: Block, to: Block },
    /// `inout = input ∘ inout`, elementwise, with the plan's operation.
    Reduce { input: Block, inout: Block },
    /// `out = left ∘ right`, elementwise, with an operation that is the library's own. `out` may
    /// be one of the two, which are addresses of as many elements of its type.
    Combine {
        left: *const u8,
        right: *const u8,
        out: Block,
    },
    /// Compare what the ranks have said of their calls, and go on only if they agree.
    Compare,
}

/// Which messages between two ranks a message is matched among.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Channel {
    /// Those within the local group of an intercommunicator.
    pub(super) local: bool,
    /// Those along the second of two edges between the same neighbours.
    pub(super) second: bool,
    /// Those that ranks compare before the collective begins.
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
    /// Whether the reducer is the library's own, which can write its result elsewhere.
    pub(super) combines: bool,
    /// Which ranks are on which host, where there are several and some have more than one.
    pub(super) hosts: Option<Arc<Hosts>>,
    /// The ranks that those of the steps now stand for; none: themselves.
    members: Option<Vec<u32>>,
    temps: Vec<Temp>,
    channel: Channel,
}

impl Plan {
    /// An empty plan of `rank` among `size`, whose messages go to `remote` ranks
    /// (`size` again, but for intercommunicators).
    pub(super) fn new(rank: u32, size: u32, remote: u32) -> Plan {
        Plan {
            rank,
            size,
            remote,
            steps: Vec::with_capacity(FEW_STEPS),
            types: Vec::new(),
            reducer: None,
            combines: false,
            hosts: None,
            members: None,
            temps: Vec::new(),
            channel: Channel {
                local: false,
                second: false,
                check: false,
            },
        }
    }

    /// Adds a type to the plan, unless it is there.
    pub(super) fn type_of(&mut self, datatype: &Arc<Datatype>) -> Type {
        match self.types.iter().position(|t| Arc::ptr_eq(t, datatype)) {
            Some(index) => Type::new(index, datatype),
            None => self.add(datatype),
        }
    }

    fn add(&mut self, datatype: &Arc<Datatype>) -> Type {
        self.types.push(Arc::clone(datatype));
        Type::new(self.types.len() - 1, datatype)
    }

    /// Adds a list of types, in which neighbours are often the same.
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

    /// Drops the steps and frees the temporaries of a plan that was carried out.
    pub(super) fn clear(&mut self) {
        self.steps = Vec::new();
        self.types = Vec::new();
        self.temps = Vec::new();
        self.reducer = None;
    }

    /// Runs `f`, whose messages are within the local group of an intercommunicator.
    pub(super) fn locally<R>(&mut self, f: impl FnOnce(&mut Plan) -> R) -> R {
        self.channel.local = true;
        let result = f(self);
        self.channel.local = false;
        result
    }

    /// Runs `f` as among these ranks alone, which are counted from 0 in it. `None`: this rank
    /// is not one of them.
    pub(super) fn among<R>(
        &mut self,
        members: Vec<u32>,
        f: impl FnOnce(&mut Plan) -> R,
    ) -> Option<R> {
        debug_assert!(self.members.is_none(), "not within one another");
        let place = members.iter().position(|rank| *rank == self.rank)?;
        let all = (self.rank, self.size, self.remote);
        let size = u32::try_from(members.len()).unwrap_or(u32::MAX);
        self.rank = u32::try_from(place).unwrap_or(u32::MAX);
        (self.size, self.remote) = (size, size);
        self.members = Some(members);
        let hosts = self.hosts.take();
        let result = f(self);
        (self.rank, self.size, self.remote) = all;
        (self.members, self.hosts) = (None, hosts);
        Some(result)
    }

    /// The rank that `rank` stands for.
    fn member(&self, rank: u32) -> u32 {
        match &self.members {
            None => rank,
            Some(members) => members.get(rank as usize).copied().unwrap_or(rank),
        }
    }

    /// Messages from here on are of the first or the second edge between the same two
    /// ranks.
    pub(super) fn by(&mut self, second: bool) {
        self.channel.second = second;
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
        let (to, channel) = (self.member(to), self.channel);
        self.steps.push(Step::Send { to, block, channel });
    }

    /// Receives `block`, even when it is empty.
    pub(super) fn signal_from(&mut self, from: u32, block: Block) {
        let (from, channel) = (self.member(from), self.channel);
        self.steps.push(Step::Receive {
            from,
            block,
            channel,
        });
    }

    /// Exchanges with a peer what the two are to compare.
    pub(super) fn exchange_to_compare(&mut self, peer: u32, mine: Block, theirs: Block) {
        self.channel.check = true;
        self.signal_from(peer, theirs);
        self.signal_to(peer, mine);
        self.channel.check = false;
    }

    /// Compares, once all that it takes has come, and goes on only if all is right.
    pub(super) fn compare(&mut self) {
        self.wait();
        self.steps.push(Step::Compare);
    }

    /// Adds a wait: everything so far completes before anything more begins.
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

    /// `parts[0] ∘ parts[1] ∘ …`, from left to right, in the last part. All but the first
    /// are overwritten.
    pub(super) fn fold(&mut self, parts: &[Block]) {
        for pair in parts.windows(2) {
            self.reduce(pair[0], pair[1]);
        }
    }

    /// `out = left ∘ right`, where the plan [combines](Plan::combines).
    pub(super) fn combine(&mut self, left: Block, right: Block, out: Block) {
        debug_assert!(left.count == out.count && right.count == out.count);
        if out.count > 0 {
            let (left, right) = (left.addr.cast_const(), right.addr.cast_const());
            self.steps.push(Step::Combine { left, right, out });
        }
    }

    /// A temporary of `len` bytes.
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

    /// A temporary for `count` elements laid out as those of `ty`.
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
