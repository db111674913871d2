//! The constructors (MPI 5.0, sections 5.1.2 to 5.1.9), but for arrays and
//! Fortran kinds.
//!
//! Counts, block lengths and displacements come as the caller gave them; those
//! that must not be negative are checked here. `width` says through which C
//! interface the call came, for its envelope.

use super::bounds::too_large;
use super::definition::Datatype;
use super::envelope::{Combiner, Envelope, Width};
use super::form::{Block, Form};
use crate::error::Result;
use crate::fail;
use std::sync::Arc;

fn count_of(value: isize, what: &str) -> Result<usize> {
    match usize::try_from(value) {
        Ok(value) => Ok(value),
        Err(_) => fail!(COUNT, "{what} is {value}; it must not be negative"),
    }
}

/// `count` extents of `child`, in bytes.
fn extents(count: isize, child: &Datatype) -> Result<isize> {
    count
        .checked_mul(child.extent())
        .ok_or_else(|| too_large("displacement"))
}

fn same_len(displs: &[isize], lens: &[isize]) {
    debug_assert_eq!(
        displs.len(),
        lens.len(),
        "the caller took both by one count"
    );
}

impl Datatype {
    fn share(form: Form, envelope: Envelope) -> Result<Arc<Datatype>> {
        Ok(Arc::new(Datatype::assemble(form, envelope, None)?))
    }

    /// `count` elements of `child` one after the other (`MPI_Type_contiguous`).
    ///
    /// # Errors
    /// A negative count, or a type too large for 64 bits.
    pub fn contiguous(count: isize, child: &Arc<Datatype>, width: Width) -> Result<Arc<Datatype>> {
        let envelope = Envelope::of(Combiner::Contiguous, &[child]).counts(width, &[count]);
        Datatype::share(Form::times(count_of(count, "count")?, child), envelope)
    }

    /// `count` blocks of `len` elements, `stride` elements from one to the next
    /// (`MPI_Type_vector`).
    ///
    /// # Errors
    /// As [`Datatype::contiguous`].
    pub fn vector(
        count: isize,
        len: isize,
        stride: isize,
        child: &Arc<Datatype>,
        width: Width,
    ) -> Result<Arc<Datatype>> {
        let envelope =
            Envelope::of(Combiner::Vector, &[child]).counts(width, &[count, len, stride]);
        // a single block has no use for a stride, however far it leads
        let stride = if count <= 1 {
            0
        } else {
            extents(stride, child)?
        };
        let form = Datatype::blocks(count, len, stride, child)?;
        Datatype::share(form, envelope)
    }

    /// As [`Datatype::vector`], `stride` in bytes (`MPI_Type_create_hvector`).
    ///
    /// # Errors
    /// As [`Datatype::contiguous`].
    pub fn hvector(
        count: isize,
        len: isize,
        stride: isize,
        child: &Arc<Datatype>,
        width: Width,
    ) -> Result<Arc<Datatype>> {
        let envelope = Envelope::of(Combiner::Hvector, &[child])
            .counts(width, &[count, len])
            .bytes(width, &[stride]);
        let form = Datatype::blocks(count, len, stride, child)?;
        Datatype::share(form, envelope)
    }

    fn blocks(count: isize, len: isize, stride: isize, child: &Arc<Datatype>) -> Result<Form> {
        Ok(Form::Loop {
            disp: 0,
            count: count_of(count, "count")?,
            len: count_of(len, "blocklength")?,
            stride,
            child: child.clone(),
        })
    }

    fn places(lens: &[isize], displs: &[isize], scale: Option<&Datatype>) -> Result<Box<[Block]>> {
        same_len(displs, lens);
        lens.iter()
            .zip(displs)
            .enumerate()
            .map(|(i, (&len, &disp))| {
                let disp = match scale {
                    // an empty block is nowhere
                    Some(child) if len != 0 => extents(disp, child)?,
                    _ => disp,
                };
                let Ok(len) = usize::try_from(len) else {
                    fail!(
                        COUNT,
                        "array_of_blocklengths[{i}] is {len}; it must not be negative"
                    );
                };
                Ok(Block { disp, len })
            })
            .collect()
    }

    /// Blocks of `lens[i]` elements at `displs[i]` elements
    /// (`MPI_Type_indexed`).
    ///
    /// # Errors
    /// As [`Datatype::contiguous`].
    pub fn indexed(
        lens: &[isize],
        displs: &[isize],
        child: &Arc<Datatype>,
        width: Width,
    ) -> Result<Arc<Datatype>> {
        let envelope = Envelope::of(Combiner::Indexed, &[child])
            .counts(width, &[lens.len().cast_signed()])
            .counts(width, lens)
            .counts(width, displs);
        let form = Form::Indexed {
            blocks: Datatype::places(lens, displs, Some(child))?,
            child: child.clone(),
        };
        Datatype::share(form, envelope)
    }

    /// As [`Datatype::indexed`], displacements in bytes
    /// (`MPI_Type_create_hindexed`).
    ///
    /// # Errors
    /// As [`Datatype::contiguous`].
    pub fn hindexed(
        lens: &[isize],
        displs: &[isize],
        child: &Arc<Datatype>,
        width: Width,
    ) -> Result<Arc<Datatype>> {
        let envelope = Envelope::of(Combiner::Hindexed, &[child])
            .counts(width, &[lens.len().cast_signed()])
            .counts(width, lens)
            .bytes(width, displs);
        let form = Form::Indexed {
            blocks: Datatype::places(lens, displs, None)?,
            child: child.clone(),
        };
        Datatype::share(form, envelope)
    }

    /// Blocks of `len` elements at each displacement in elements
    /// (`MPI_Type_create_indexed_block`).
    ///
    /// # Errors
    /// As [`Datatype::contiguous`].
    pub fn indexed_block(
        len: isize,
        displs: &[isize],
        child: &Arc<Datatype>,
        width: Width,
    ) -> Result<Arc<Datatype>> {
        let envelope = Envelope::of(Combiner::IndexedBlock, &[child])
            .counts(width, &[displs.len().cast_signed(), len])
            .counts(width, displs);
        let form = Datatype::same_blocks(len, displs, child, true)?;
        Datatype::share(form, envelope)
    }

    /// As [`Datatype::indexed_block`], displacements in bytes
    /// (`MPI_Type_create_hindexed_block`).
    ///
    /// # Errors
    /// As [`Datatype::contiguous`].
    pub fn hindexed_block(
        len: isize,
        displs: &[isize],
        child: &Arc<Datatype>,
        width: Width,
    ) -> Result<Arc<Datatype>> {
        let envelope = Envelope::of(Combiner::HindexedBlock, &[child])
            .counts(width, &[displs.len().cast_signed(), len])
            .bytes(width, displs);
        let form = Datatype::same_blocks(len, displs, child, false)?;
        Datatype::share(form, envelope)
    }

    fn same_blocks(
        len: isize,
        displs: &[isize],
        child: &Arc<Datatype>,
        elements: bool,
    ) -> Result<Form> {
        let len = count_of(len, "blocklength")?;
        let blocks = displs
            .iter()
            .map(|&disp| {
                let disp = if elements && len != 0 {
                    extents(disp, child)?
                } else {
                    disp
                };
                Ok(Block { disp, len })
            })
            .collect::<Result<_>>()?;
        Ok(Form::Indexed {
            blocks,
            child: child.clone(),
        })
    }

    /// Blocks of `lens[i]` elements of `children[i]` at `displs[i]` bytes
    /// (`MPI_Type_create_struct`).
    ///
    /// # Errors
    /// As [`Datatype::contiguous`].
    pub fn structure(
        lens: &[isize],
        displs: &[isize],
        children: &[Arc<Datatype>],
        width: Width,
    ) -> Result<Arc<Datatype>> {
        let mut envelope = Envelope::new(Combiner::Struct)
            .counts(width, &[lens.len().cast_signed()])
            .counts(width, lens)
            .bytes(width, displs);
        envelope.datatypes = children.to_vec();
        let form = Form::Struct {
            blocks: Datatype::places(lens, displs, None)?,
            children: children.into(),
        };
        Datatype::share(form, envelope)
    }

    /// The same data with another lower bound and extent
    /// (`MPI_Type_create_resized`).
    ///
    /// # Errors
    /// An upper bound too large for 64 bits.
    pub fn resized(
        child: &Arc<Datatype>,
        lb: isize,
        extent: isize,
        width: Width,
    ) -> Result<Arc<Datatype>> {
        let envelope = Envelope::of(Combiner::Resized, &[child]).bytes(width, &[lb, extent]);
        let marks = Some((lb as i128, lb as i128 + extent as i128));
        let datatype = Datatype::assemble(Form::one(child), envelope, marks)?;
        Ok(Arc::new(datatype))
    }

    /// A copy under another handle, committed if `child` is (`MPI_Type_dup`).
    #[must_use]
    pub fn duplicate(child: &Arc<Datatype>) -> Arc<Datatype> {
        let envelope = Envelope::of(Combiner::Dup, &[child]);
        let mut copy = child.twin(Arc::new(envelope));
        // a duplicate of a predefined type is a derived one
        copy.form = Arc::new(Form::one(child));
        Arc::new(copy)
    }

    /// For constructors made of several steps: `form` between the bounds
    /// `lb..ub`.
    pub(super) fn bounded(
        form: Form,
        envelope: Envelope,
        bounds: Option<(i128, i128)>,
    ) -> Result<Arc<Datatype>> {
        Ok(Arc::new(Datatype::assemble(form, envelope, bounds)?))
    }
}
