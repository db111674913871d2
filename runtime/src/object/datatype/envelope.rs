//! How a datatype was built: its combiner and the arguments of the call
//! (MPI 5.0, section 5.1.13).

use super::definition::Datatype;
use std::sync::Arc;

/// Which constructor made a type, with the numbers of the standard ABI.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(i32)]
#[allow(
    missing_docs,
    reason = "the names are the standard's, less MPI_COMBINER_"
)]
pub enum Combiner {
    Named = 101,
    Dup = 102,
    Contiguous = 103,
    Vector = 104,
    Hvector = 105,
    Indexed = 106,
    Hindexed = 107,
    IndexedBlock = 108,
    HindexedBlock = 109,
    Struct = 110,
    Subarray = 111,
    Darray = 112,
    F90Real = 113,
    F90Complex = 114,
    F90Integer = 115,
    Resized = 116,
    ValueIndex = 117,
}

/// The arguments of the call that made a type, in the order in which
/// `MPI_Type_get_contents_c` returns them.
#[derive(Clone, Debug)]
pub struct Envelope {
    /// The constructor.
    pub combiner: Combiner,
    /// Arguments that are `int`.
    pub integers: Vec<i32>,
    /// Arguments that are `MPI_Aint`.
    pub addresses: Vec<isize>,
    /// Arguments that are `MPI_Count`: those of a large-count constructor.
    pub counts: Vec<isize>,
    /// The types it was made of.
    pub datatypes: Vec<Arc<Datatype>>,
}

impl Envelope {
    /// Of a constructor without arguments.
    #[must_use]
    pub fn new(combiner: Combiner) -> Envelope {
        Envelope {
            combiner,
            integers: Vec::new(),
            addresses: Vec::new(),
            counts: Vec::new(),
            datatypes: Vec::new(),
        }
    }

    /// With the types that the new one is made of.
    #[must_use]
    pub fn of(combiner: Combiner, datatypes: &[&Arc<Datatype>]) -> Envelope {
        Envelope {
            datatypes: datatypes.iter().map(|&child| child.clone()).collect(),
            ..Envelope::new(combiner)
        }
    }
}

/// The C interface that a constructor was called through: it decides how
/// `MPI_Type_get_contents` gives the arguments back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Width {
    /// Counts are `int`, displacements in bytes `MPI_Aint`.
    Small,
    /// The `_c` variant: both are `MPI_Count`.
    Large,
}

impl Envelope {
    /// Adds counts (or displacements in elements).
    #[must_use]
    pub(super) fn counts(mut self, width: Width, values: &[isize]) -> Envelope {
        match width {
            Width::Large => self.counts.extend(values),
            Width::Small => self.integers.extend(values.iter().map(|&value| {
                // a small constructor's arguments were `int` to begin with
                i32::try_from(value).unwrap_or(i32::MAX)
            })),
        }
        self
    }

    /// Adds displacements, strides or bounds in bytes.
    #[must_use]
    pub(super) fn bytes(mut self, width: Width, values: &[isize]) -> Envelope {
        match width {
            Width::Large => self.counts.extend(values),
            Width::Small => self.addresses.extend(values),
        }
        self
    }

    /// Adds what is `int` in both.
    #[must_use]
    pub(super) fn ints(mut self, values: &[i32]) -> Envelope {
        self.integers.extend(values);
        self
    }
}
