//! Collective operations and their arguments, as `abi` has checked them.

use crate::object::datatype::Datatype;
use crate::object::op::Reducer;
use crate::pml::Buffer;
use std::sync::Arc;

/// Integers of one of C's types, an element for each rank.
#[derive(Clone, Copy, Debug)]
pub enum Ints<'a> {
    /// `int`.
    Int(&'a [i32]),
    /// `MPI_Count`.
    Count(&'a [i64]),
    /// `MPI_Aint`.
    Aint(&'a [isize]),
}

impl Ints<'_> {
    /// The one at `i`.
    #[inline]
    #[must_use]
    pub fn get(&self, i: usize) -> isize {
        match self {
            Ints::Int(list) => list[i] as isize,
            // An address has as many bits as a count where we run.
            Ints::Count(list) => isize::try_from(list[i]).unwrap_or(isize::MAX),
            Ints::Aint(list) => list[i],
        }
    }

    /// The one at `i`, which is a count and not negative.
    #[inline]
    #[must_use]
    pub fn count(&self, i: usize) -> usize {
        self.get(i).unsigned_abs()
    }

    /// How many there are.
    #[must_use]
    pub(crate) fn len(&self) -> usize {
        match self {
            Ints::Int(list) => list.len(),
            Ints::Count(list) => list.len(),
            Ints::Aint(list) => list.len(),
        }
    }
}

/// A buffer with a part for each rank (or neighbour).
#[derive(Clone, Copy, Debug)]
pub struct Parts<'a> {
    /// Where it begins.
    pub addr: *mut u8,
    /// How long the parts are and where they lie.
    pub shape: Shape<'a>,
}

/// How the parts of a buffer lie.
#[derive(Clone, Copy, Debug)]
pub enum Shape<'a> {
    /// So many elements each, side by side.
    Equal(usize, &'a Arc<Datatype>),
    /// Counts, displacements in elements, one type: the v-forms.
    Varying(Ints<'a>, Ints<'a>, &'a Arc<Datatype>),
    /// Counts, displacements in bytes, types: the w-forms.
    Typed(Ints<'a>, Ints<'a>, &'a [&'a Arc<Datatype>]),
}

/// The root of a rooted collective (MPI 5.0, section 6.2.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Root {
    /// A rank of the group, or of the remote group of an intercommunicator.
    Rank(u32),
    /// This process, for the remote group of an intercommunicator: `MPI_ROOT`.
    Here,
    /// Another process of this group, for the remote one: `MPI_PROC_NULL`.
    Beside,
}

/// The buffers of a reduction, with the operation bound to their type.
#[derive(Clone, Debug)]
pub struct Reduction<'a> {
    /// This rank's contribution; `None`: it is where the result will be.
    pub send: Option<*mut u8>,
    /// Where the result goes.
    pub receive: *mut u8,
    /// Elements (of the result of one rank, in `ReduceScatterBlock`).
    pub count: usize,
    /// Their type.
    pub datatype: &'a Arc<Datatype>,
    /// The operation.
    pub reducer: Reducer,
}

/// A collective operation with its arguments. `None` for a buffer to send or to
/// receive is `MPI_IN_PLACE`, or a buffer that is not significant here.
#[derive(Clone, Debug)]
pub enum Call<'a> {
    /// Section 6.3.
    Barrier,
    /// Section 6.4.
    Bcast(Buffer<'a>, Root),
    /// Section 6.5, equal parts.
    Gather(Option<Buffer<'a>>, Option<Parts<'a>>, Root),
    /// Section 6.5, varying parts.
    Gatherv(Option<Buffer<'a>>, Option<Parts<'a>>, Root),
    /// Section 6.6, equal parts.
    Scatter(Option<Parts<'a>>, Option<Buffer<'a>>, Root),
    /// Section 6.6, varying parts.
    Scatterv(Option<Parts<'a>>, Option<Buffer<'a>>, Root),
    /// Section 6.7, both forms.
    Allgather(Option<Buffer<'a>>, Parts<'a>),
    /// Section 6.8, all three forms.
    Alltoall(Option<Parts<'a>>, Parts<'a>),
    /// Section 6.9.1.
    Reduce(Reduction<'a>, Root),
    /// Section 6.9.6.
    Allreduce(Reduction<'a>),
    /// Section 6.10.1.
    ReduceScatterBlock(Reduction<'a>),
    /// Section 6.10.2: `count` of the reduction is the sum of the counts here.
    ReduceScatter(Reduction<'a>, Ints<'a>),
    /// Section 6.11.1.
    Scan(Reduction<'a>),
    /// Section 6.11.2.
    Exscan(Reduction<'a>),
    /// Section 8.6.1, both forms.
    NeighborAllgather(Buffer<'a>, Parts<'a>),
    /// Section 8.6.2, all three forms.
    NeighborAlltoall(Parts<'a>, Parts<'a>),
}
