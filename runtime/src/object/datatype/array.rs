//! Parts of arrays: `MPI_Type_create_subarray` and `MPI_Type_create_darray`
//! (MPI 5.0, sections 5.1.3 and 5.1.4).

use super::bounds::too_large;
use super::definition::Datatype;
use super::envelope::{Combiner, Envelope, Width};
use super::form::{Block, Form};
use crate::error::Result;
use crate::fail;
use std::sync::Arc;

const ORDER_C: i32 = 0xc;
const ORDER_FORTRAN: i32 = 0xf;
const DISTRIBUTE_NONE: i32 = 16;
const DISTRIBUTE_BLOCK: i32 = 17;
const DISTRIBUTE_CYCLIC: i32 = 18;
const DISTRIBUTE_DFLT_DARG: i32 = 19;

/// The dimensions, the fastest varying first.
fn fastest_first(dims: usize, order: i32) -> Result<Vec<usize>> {
    if dims == 0 {
        fail!(ARG, "ndims is 0; an array has at least one dimension");
    }
    match order {
        ORDER_C => Ok((0..dims).rev().collect()),
        ORDER_FORTRAN => Ok((0..dims).collect()),
        _ => fail!(
            ARG,
            "order is {order}; it must be MPI_ORDER_C or MPI_ORDER_FORTRAN"
        ),
    }
}

fn times(a: isize, b: isize) -> Result<isize> {
    a.checked_mul(b).ok_or_else(|| too_large("extent"))
}

fn size_of(value: isize) -> usize {
    value.max(0).cast_unsigned()
}

/// `form` as a step towards a type: nobody sees its envelope.
fn step(form: Form, bounds: Option<(i128, i128)>) -> Result<Arc<Datatype>> {
    Datatype::bounded(form, Envelope::new(Combiner::Hvector), bounds)
}

impl Datatype {
    /// The elements `starts[i] .. starts[i] + subsizes[i]` of an array of
    /// `sizes` (`MPI_Type_create_subarray`); the slices are of one length.
    ///
    /// # Errors
    /// A part that does not lie in the array, an unknown order.
    pub fn subarray(
        sizes: &[isize],
        subsizes: &[isize],
        starts: &[isize],
        order: i32,
        child: &Arc<Datatype>,
        width: Width,
    ) -> Result<Arc<Datatype>> {
        let order_of_dims = fastest_first(sizes.len(), order)?;
        for (i, ((&size, &sub), &start)) in sizes.iter().zip(subsizes).zip(starts).enumerate() {
            if size < 1 {
                fail!(ARG, "array_of_sizes[{i}] is {size}; it must be at least 1");
            }
            if sub < 1 || sub > size {
                fail!(
                    ARG,
                    "array_of_subsizes[{i}] is {sub}; it must be 1 to array_of_sizes[{i}], {size}"
                );
            }
            if start < 0 || start > size - sub {
                let most = size - sub;
                fail!(
                    ARG,
                    "array_of_starts[{i}] is {start}; it must be 0 to {most} for {sub} of {size}"
                );
            }
        }
        let ndims = i32::try_from(sizes.len()).unwrap_or(i32::MAX);
        let envelope = match width {
            Width::Small => Envelope::of(Combiner::Subarray, &[child])
                .ints(&[ndims])
                .counts(width, sizes)
                .counts(width, subsizes)
                .counts(width, starts)
                .ints(&[order]),
            Width::Large => Envelope::of(Combiner::Subarray, &[child])
                .ints(&[ndims, order])
                .counts(width, sizes)
                .counts(width, subsizes)
                .counts(width, starts),
        };
        let mut part = child.clone();
        let mut stride = child.extent();
        for &dim in &order_of_dims {
            part = step(
                Form::Loop {
                    disp: times(starts[dim], stride)?,
                    count: size_of(subsizes[dim]),
                    len: 1,
                    stride,
                    child: part,
                },
                None,
            )?;
            stride = times(stride, sizes[dim])?;
        }
        Datatype::bounded(Form::one(&part), envelope, Some((0, stride as i128)))
    }

    /// The part of process `rank` of `size` of an array spread over a grid of
    /// processes (`MPI_Type_create_darray`); the slices are of one length.
    ///
    /// # Errors
    /// A grid of other than `size` processes, an unknown or impossible
    /// distribution, an unknown order.
    #[allow(clippy::too_many_arguments, reason = "the standard's own list")]
    pub fn darray(
        size: i32,
        rank: i32,
        gsizes: &[isize],
        distribs: &[i32],
        dargs: &[i32],
        psizes: &[i32],
        order: i32,
        child: &Arc<Datatype>,
        width: Width,
    ) -> Result<Arc<Datatype>> {
        let order_of_dims = fastest_first(gsizes.len(), order)?;
        let coords = coordinates(size, rank, psizes)?;
        let ndims = i32::try_from(gsizes.len()).unwrap_or(i32::MAX);
        let envelope = Envelope::of(Combiner::Darray, &[child])
            .ints(&[size, rank, ndims])
            .counts(width, gsizes)
            .ints(distribs)
            .ints(dargs)
            .ints(psizes)
            .ints(&[order]);
        let mut part = child.clone();
        let mut stride = child.extent();
        for &dim in &order_of_dims {
            let spread = Spread {
                dim,
                size: gsizes[dim],
                distribution: distribs[dim],
                argument: dargs[dim],
                processes: psizes[dim] as isize,
                coordinate: coords[dim],
            };
            part = spread.over(&part, stride)?;
            stride = times(stride, gsizes[dim])?;
        }
        Datatype::bounded(Form::one(&part), envelope, Some((0, stride as i128)))
    }
}

/// The place of `rank` in the grid, the last dimension varying fastest whatever
/// the array's order.
fn coordinates(size: i32, rank: i32, psizes: &[i32]) -> Result<Vec<isize>> {
    if size < 1 {
        fail!(ARG, "size is {size}; it must be at least 1");
    }
    if rank < 0 || rank >= size {
        fail!(
            ARG,
            "rank is {rank}; it must be 0 to {}, one less than size",
            size - 1
        );
    }
    let mut grid = 1i64;
    for (i, &processes) in psizes.iter().enumerate() {
        if processes < 1 {
            fail!(
                ARG,
                "array_of_psizes[{i}] is {processes}; it must be at least 1"
            );
        }
        grid = grid.saturating_mul(i64::from(processes));
    }
    if grid != i64::from(size) {
        fail!(
            ARG,
            "array_of_psizes multiplies to {grid}; it must be size, {size}"
        );
    }
    let mut left = rank as isize;
    let mut coords = vec![0; psizes.len()];
    for (coord, &processes) in coords.iter_mut().zip(psizes).rev() {
        *coord = left % processes as isize;
        left /= processes as isize;
    }
    Ok(coords)
}

/// How one dimension is spread.
struct Spread {
    dim: usize,
    size: isize,
    distribution: i32,
    argument: i32,
    processes: isize,
    coordinate: isize,
}

impl Spread {
    /// The length of the blocks dealt out in turn; all distributions come down
    /// to that.
    fn block(&self) -> Result<isize> {
        let Spread {
            dim,
            size,
            processes,
            ..
        } = *self;
        if size < 1 {
            fail!(
                ARG,
                "array_of_gsizes[{dim}] is {size}; it must be at least 1"
            );
        }
        let argument = self.argument as isize;
        let default = self.argument == DISTRIBUTE_DFLT_DARG;
        if self.distribution != DISTRIBUTE_NONE && !default && argument < 1 {
            fail!(
                ARG,
                "array_of_dargs[{dim}] is {argument}; it must be MPI_DISTRIBUTE_DFLT_DARG or at \
                 least 1"
            );
        }
        match self.distribution {
            DISTRIBUTE_NONE if processes == 1 => Ok(size),
            DISTRIBUTE_NONE => fail!(
                ARG,
                "array_of_psizes[{dim}] is {processes}; it must be 1 with MPI_DISTRIBUTE_NONE"
            ),
            DISTRIBUTE_BLOCK if default => Ok(size
                .cast_unsigned()
                .div_ceil(size_of(processes))
                .cast_signed()),
            DISTRIBUTE_BLOCK if argument.saturating_mul(processes) < size => fail!(
                ARG,
                "array_of_dargs[{dim}] is {argument}: {processes} blocks of it do not hold \
                 array_of_gsizes[{dim}], {size}"
            ),
            DISTRIBUTE_CYCLIC if default => Ok(1),
            DISTRIBUTE_BLOCK | DISTRIBUTE_CYCLIC => Ok(argument),
            other => fail!(
                ARG,
                "array_of_distribs[{dim}] is {other}; it must be MPI_DISTRIBUTE_BLOCK, _CYCLIC \
                 or _NONE"
            ),
        }
    }

    /// This process's slices of the dimension, each `part`, `stride` bytes from
    /// one to the next.
    fn over(&self, part: &Arc<Datatype>, stride: isize) -> Result<Arc<Datatype>> {
        let block = self.block()?;
        let slice = step(Form::one(part), Some((0, stride as i128)))?;
        let first = block.saturating_mul(self.coordinate);
        let period = block.saturating_mul(self.processes);
        let full = match self.size.checked_sub(first) {
            Some(room) if room >= block => (room - block) / period + 1,
            _ => 0,
        };
        let start = first.saturating_add(full.saturating_mul(period));
        let rest = self.size.saturating_sub(start).clamp(0, block);
        let run = |at: isize, count: isize, len: isize| {
            let stride_of_blocks = if count > 1 { times(period, stride)? } else { 0 };
            let disp = if count * len > 0 {
                times(at, stride)?
            } else {
                0
            };
            step(
                Form::Loop {
                    disp,
                    count: size_of(count),
                    len: size_of(len),
                    stride: stride_of_blocks,
                    child: slice.clone(),
                },
                None,
            )
        };
        let (whole, last) = (run(first, full, block)?, run(start, 1, rest)?);
        if rest == 0 {
            return Ok(whole);
        }
        let blocks = [Block { disp: 0, len: 1 }, Block { disp: 0, len: 1 }];
        step(
            Form::Struct {
                blocks: blocks.into(),
                children: [whole, last].into(),
            },
            None,
        )
    }
}
