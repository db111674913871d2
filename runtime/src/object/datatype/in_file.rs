//! Datatypes as they lie in a file whose data representation has other sizes than memory
//! (MPI 5.0, section 14.5.1).

use super::definition::Datatype;
use super::envelope::{Combiner, Envelope};
use super::predefined::byte;
use super::{Width, form::Form};
use crate::error::Result;
use std::collections::HashMap;
use std::sync::Arc;

/// Bytes that a predefined type has in a file.
pub trait FileSizes {
    /// Of `basic`.
    ///
    /// # Errors
    /// The program's function for it failed.
    fn size_of(&mut self, basic: &Arc<Datatype>) -> Result<usize>;
}

/// A call that has made a type, with its arguments whatever its width: numbers first to
/// last, those in bytes behind the others, as the large-count calls have them.
fn numbers(envelope: &Envelope) -> Vec<isize> {
    let integers = envelope.integers.iter().map(|&value| value as isize);
    let bytes = envelope.addresses.iter().chain(&envelope.counts).copied();
    integers.chain(bytes).collect()
}

/// Type maps by their address, with the forms that were made of them.
type Forms = HashMap<*const Datatype, Arc<Datatype>>;

/// The same type with each predefined type replaced by as many bytes as `sizes` says that it
/// has in a file. Displacements and strides in elements are those of the bytes in the file;
/// those in bytes stay as they are.
///
/// # Errors
/// A type that no address space holds, or as [`FileSizes::size_of`].
pub fn in_file(datatype: &Arc<Datatype>, sizes: &mut dyn FileSizes) -> Result<Arc<Datatype>> {
    convert(datatype, sizes, &mut HashMap::new())
}

fn convert(
    datatype: &Arc<Datatype>,
    sizes: &mut dyn FileSizes,
    forms: &mut Forms,
) -> Result<Arc<Datatype>> {
    if let Some(form) = forms.get(&Arc::as_ptr(datatype)) {
        return Ok(form.clone());
    }
    let form = build(datatype, sizes, forms)?;
    forms.insert(Arc::as_ptr(datatype), form.clone());
    Ok(form)
}

fn build(
    datatype: &Arc<Datatype>,
    sizes: &mut dyn FileSizes,
    forms: &mut Forms,
) -> Result<Arc<Datatype>> {
    const WIDTH: Width = Width::Large;
    let envelope = datatype.envelope();
    if matches!(*datatype.form, Form::Basic(_)) && envelope.datatypes.is_empty() {
        let size = sizes.size_of(datatype)?.cast_signed();
        return Datatype::contiguous(size, byte(), WIDTH);
    }
    let children = envelope.datatypes.iter();
    let children = children.map(|child| convert(child, sizes, forms));
    let children = children.collect::<Result<Vec<_>>>()?;
    let numbers = numbers(envelope);
    let part = |from: usize, len: usize| &numbers[from..from + len];
    let n = numbers.first().map_or(0, |n| n.unsigned_abs());
    match (envelope.combiner, children.first()) {
        (Combiner::Struct, _) => Datatype::structure(part(1, n), part(1 + n, n), &children, WIDTH),
        (_, None) => unreachable!("only predefined types and structures have no child"),
        (Combiner::Contiguous, Some(child)) => Datatype::contiguous(numbers[0], child, WIDTH),
        (Combiner::Vector, Some(child)) => {
            Datatype::vector(numbers[0], numbers[1], numbers[2], child, WIDTH)
        }
        (Combiner::Hvector, Some(child)) => {
            Datatype::hvector(numbers[0], numbers[1], numbers[2], child, WIDTH)
        }
        (Combiner::Indexed, Some(child)) => {
            Datatype::indexed(part(1, n), part(1 + n, n), child, WIDTH)
        }
        (Combiner::Hindexed, Some(child)) => {
            Datatype::hindexed(part(1, n), part(1 + n, n), child, WIDTH)
        }
        (Combiner::IndexedBlock, Some(child)) => {
            Datatype::indexed_block(numbers[1], part(2, n), child, WIDTH)
        }
        (Combiner::HindexedBlock, Some(child)) => {
            Datatype::hindexed_block(numbers[1], part(2, n), child, WIDTH)
        }
        (Combiner::Resized, Some(child)) => Datatype::resized(child, numbers[0], numbers[1], WIDTH),
        (Combiner::Subarray, Some(child)) => {
            // large: ndims, order, arrays; small: ndims, arrays, order
            let (order, arrays) = match envelope.counts.is_empty() {
                true => (envelope.integers.last(), 1),
                false => (envelope.integers.get(1), 2),
            };
            let order = order.copied().unwrap_or(0);
            let array = |i: usize| part(arrays + i * n, n);
            Datatype::subarray(array(0), array(1), array(2), order, child, WIDTH)
        }
        (Combiner::Darray, Some(child)) => darray(envelope, child),
        (_, Some(child)) => Ok(child.clone()), // MPI_Type_dup
    }
}

fn darray(envelope: &Envelope, child: &Arc<Datatype>) -> Result<Arc<Datatype>> {
    let integers = &envelope.integers;
    let n = usize::try_from(integers[2]).unwrap_or(0);
    // large: size, rank, ndims, three arrays, order, and the sizes as counts; small: the
    // sizes as the first of four arrays
    let (gsizes, rest) = match envelope.counts.is_empty() {
        true => {
            let sizes = integers[3..3 + n].iter().map(|&size| size as isize);
            (sizes.collect(), &integers[3 + n..])
        }
        false => (envelope.counts.clone(), &integers[3..]),
    };
    let array = |i: usize| &rest[i * n..(i + 1) * n];
    Datatype::darray(
        integers[0],
        integers[1],
        &gsizes,
        array(0),
        array(1),
        array(2),
        rest[3 * n],
        child,
        Width::Large,
    )
}

/// As [`in_file`] with the sizes of [`External32`]; found once for each type.
///
/// # Errors
/// A type that no address space holds.
pub fn in_external32(datatype: &Arc<Datatype>) -> Result<Arc<Datatype>> {
    if let Some(form) = datatype.external.get() {
        return Ok(form.clone());
    }
    let form = in_file(datatype, &mut External32)?;
    Ok(datatype.external.get_or_init(|| form).clone())
}

/// Of the representation "external32".
#[derive(Clone, Copy, Debug)]
pub struct External32;

impl FileSizes for External32 {
    fn size_of(&mut self, basic: &Arc<Datatype>) -> Result<usize> {
        Ok(basic.external_size().unwrap_or(0)) // a predefined type has a size
    }
}

#[cfg(test)]
mod tests {
    use super::super::known;
    use super::*;

    fn external(datatype: &Arc<Datatype>) -> (usize, isize) {
        let form = in_external32(datatype).unwrap();
        assert!(Arc::ptr_eq(&form, &in_external32(datatype).unwrap()));
        assert_eq!(form.size(), datatype.external_size().unwrap());
        (form.size(), form.extent())
    }

    #[test]
    fn elements_are_of_the_size_in_the_file_in_every_constructor() {
        let long = known(0x20a);
        for width in [Width::Small, Width::Large] {
            assert_eq!(external(long), (4, 4));
            let child = Datatype::contiguous(3, long, width).unwrap();
            assert_eq!(external(&child), (12, 12));
            let holes = Datatype::vector(2, 1, 3, long, width).unwrap();
            assert_eq!(external(&holes), (8, 16));
            let bytes = Datatype::hvector(2, 1, 24, long, width).unwrap();
            assert_eq!(external(&bytes), (8, 28));
            let indexed = Datatype::indexed(&[1, 2], &[0, 5], long, width).unwrap();
            assert_eq!(external(&indexed), (12, 28));
            let indexed = Datatype::hindexed(&[1, 2], &[0, 40], long, width).unwrap();
            assert_eq!(external(&indexed), (12, 48));
            let block = Datatype::indexed_block(2, &[0, 5], long, width).unwrap();
            assert_eq!(external(&block), (16, 28));
            let block = Datatype::hindexed_block(2, &[0, 40], long, width).unwrap();
            assert_eq!(external(&block), (16, 48));
            let children = [long.clone(), known(0x209).clone()];
            let both = Datatype::structure(&[1, 1], &[0, 8], &children, width).unwrap();
            assert_eq!(external(&both), (8, 12));
            let wide = Datatype::resized(long, 0, 32, width).unwrap();
            assert_eq!(external(&wide), (4, 32));
            let part = Datatype::subarray(&[4, 6], &[2, 3], &[1, 1], 12, long, width).unwrap();
            let form = in_file(&part, &mut External32).unwrap();
            assert_eq!(form.size(), 24);
            assert_eq!(form.extent() * 2, part.extent());
            assert_eq!(form.true_lb() * 2, part.true_lb());
            assert_eq!(external(&Datatype::duplicate(&part)).0, 24);
            let (spread, grid) = ([17, 18], [2, 2]);
            let args = [19, 1];
            let part = Datatype::darray(4, 3, &[8, 8], &spread, &args, &grid, 12, long, width);
            let part = part.unwrap();
            let form = in_file(&part, &mut External32).unwrap();
            let in_memory = (part.size(), part.extent());
            assert_eq!((form.size() * 2, form.extent() * 2), in_memory);
        }
    }
}
