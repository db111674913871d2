//! Choice buffers of `mpi_f08`: descriptors of arrays, as Fortran 2018 defines them for C
//! (`CFI_cdesc_t`). An array section with gaps becomes, for a call
//!
//! - that returns when the buffer is free again: a copy without gaps, which is copied back;
//! - that only begins to move one piece: a datatype that has the gaps;
//! - that begins a collective: a copy that its request keeps (`stage`), and that is copied back
//!   when the collective is done;
//! - that sends or receives partitions: a datatype that has the gaps of one partition, if those of
//!   all partitions are alike; else an error, `MPI_ERR_BUFFER`.

use crate::stage::Staged;
use crate::{callee, convert};
use std::cell::RefCell;
use std::ffi::{c_int, c_void};

const ERR_BUFFER: c_int = 1;
const ERR_TYPE: c_int = 3;
const BYTE: usize = 0x247;

/// The part that compilers agree on: gfortran and LLVM's flang differ in bytes 20 to 23 only, and
/// have the rank in the first of them.
#[repr(C)]
pub struct Descriptor {
    base: *mut c_void,
    elem_len: usize,
    version: c_int,
    rank: i8,
    attributes: [i8; 3],
    dim: [Dimension; 0],
}

#[repr(C)]
#[derive(Debug, Clone, Copy)]
struct Dimension {
    lower_bound: isize,
    extent: isize,
    /// Bytes from an element to the next.
    stride: isize,
}

/// The array that a descriptor describes.
pub struct Array {
    base: *mut u8,
    element: usize,
    dims: Vec<Dimension>,
}

impl Array {
    /// # Safety
    /// The descriptor is a compiler's.
    unsafe fn new(descriptor: *const Descriptor) -> Array {
        // SAFETY: the caller's. Behind it lie as many dimensions as the rank says.
        unsafe {
            let rank = usize::try_from((*descriptor).rank).unwrap_or(0);
            let first = (&raw const (*descriptor).dim).cast::<Dimension>();
            Array {
                base: (*descriptor).base.cast(),
                element: (*descriptor).elem_len,
                dims: (0..rank).map(|d| *first.add(d)).collect(),
            }
        }
    }

    /// One of these extents and strides.
    #[cfg(test)]
    pub fn of(base: *mut u8, element: usize, dims: &[(isize, isize)]) -> Array {
        let dimension = |(extent, stride): &(isize, isize)| Dimension {
            lower_bound: 0,
            extent: *extent,
            stride: *stride,
        };
        Array {
            base,
            element,
            dims: dims.iter().map(dimension).collect(),
        }
    }

    /// Whether there are no gaps. The last extent of an assumed-size array is -1: those have none.
    fn is_contiguous(&self) -> bool {
        if self.dims.iter().any(|d| d.extent == 0) {
            return true;
        }
        let mut next = self.element.cast_signed();
        for dim in &self.dims {
            if dim.extent != 1 && dim.stride != next {
                return false;
            }
            next *= dim.extent.max(1);
        }
        true
    }

    /// How many elements it has.
    fn len(&self) -> usize {
        let extents = self
            .dims
            .iter()
            .map(|d| usize::try_from(d.extent).unwrap_or(0));
        extents.product()
    }

    /// The size of an element, in bytes.
    pub fn element(&self) -> usize {
        self.element
    }

    /// Where the elements are, in the order of Fortran's arrays.
    pub fn places(&self) -> impl Iterator<Item = *mut u8> {
        let distances = self.distances(self.len()).into_iter();
        distances.map(|distance| self.base.wrapping_offset(distance))
    }

    /// A copy without gaps.
    ///
    /// # Safety
    /// The program's array is there still, and may be read.
    pub unsafe fn copy(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.len() * self.element];
        for (from, to) in self.places().zip(bytes.chunks_exact_mut(self.element)) {
            // SAFETY: an element of the program's array.
            unsafe { std::ptr::copy_nonoverlapping(from, to.as_mut_ptr(), self.element) };
        }
        bytes
    }

    /// The distances of the first `count` elements from the first one, in bytes, in the order of
    /// Fortran's arrays.
    fn distances(&self, count: usize) -> Vec<isize> {
        let mut found = Vec::with_capacity(count);
        let mut index = vec![0_isize; self.dims.len()];
        while found.len() < count {
            let parts = index.iter().zip(&self.dims).map(|(i, dim)| i * dim.stride);
            found.push(parts.sum());
            for (i, dim) in index.iter_mut().zip(&self.dims) {
                *i += 1;
                if *i < dim.extent {
                    break;
                }
                *i = 0;
            }
        }
        found
    }
}

/// A buffer as the C function gets it.
pub struct Section {
    address: *mut c_void,
    /// A copy without gaps, and where its elements belong.
    copy: Option<(Array, RefCell<Vec<u8>>)>,
    /// A copy that a request will keep.
    staged: Option<Staged>,
    /// A datatype that has the gaps; it stands for all elements.
    datatype: Option<usize>,
}

impl Section {
    fn plain(address: *mut c_void) -> Section {
        Section {
            address: convert::buffer(address),
            copy: None,
            staged: None,
            datatype: None,
        }
    }

    /// Memory that the call keeps: the address counts, gaps do not.
    ///
    /// # Safety
    /// The descriptor is a compiler's, also below.
    pub unsafe fn memory(descriptor: *const Descriptor) -> Result<Section, c_int> {
        // SAFETY: the caller's.
        Ok(Section::plain(unsafe { (*descriptor).base }))
    }

    /// The array, if it has gaps.
    unsafe fn gaps(descriptor: *const Descriptor) -> Option<Array> {
        // SAFETY: the caller's. Scalars, most of all, cost no more than this look.
        unsafe {
            if (*descriptor).rank == 0 || (*descriptor).base.is_null() {
                return None;
            }
            let array = Array::new(descriptor);
            (!array.is_contiguous()).then_some(array)
        }
    }

    /// A buffer that is free again when the call returns.
    ///
    /// # Safety
    /// As [`Section::memory`].
    pub unsafe fn copied(descriptor: *const Descriptor) -> Result<Section, c_int> {
        // SAFETY: the caller's.
        let Some(array) = (unsafe { Section::gaps(descriptor) }) else {
            // SAFETY: the caller's.
            return unsafe { Section::memory(descriptor) };
        };
        // SAFETY: the program's array.
        let mut bytes = unsafe { array.copy() };
        Ok(Section {
            address: bytes.as_mut_ptr().cast(),
            copy: Some((array, RefCell::new(bytes))),
            staged: None,
            datatype: None,
        })
    }

    /// A buffer of a collective that stays in use after the call. `written`: it receives there.
    ///
    /// # Safety
    /// As [`Section::memory`].
    pub unsafe fn kept(descriptor: *const Descriptor, written: bool) -> Result<Section, c_int> {
        // SAFETY: the caller's.
        let Some(array) = (unsafe { Section::gaps(descriptor) }) else {
            // SAFETY: the caller's.
            return unsafe { Section::memory(descriptor) };
        };
        // SAFETY: the program's array.
        let mut staged = unsafe { Staged::new(array, written) };
        Ok(Section {
            address: staged.address().cast(),
            copy: None,
            staged: Some(staged),
            datatype: None,
        })
    }

    /// A buffer of `count` elements of `datatype` that stays in use after the call.
    ///
    /// # Safety
    /// As [`Section::memory`].
    pub unsafe fn described(
        descriptor: *const Descriptor,
        count: i64,
        datatype: usize,
    ) -> Result<Section, c_int> {
        // SAFETY: the caller's.
        unsafe { Section::partitioned(descriptor, 1, count, datatype) }
    }

    /// A buffer of so many `partitions`, each of `count` elements of `datatype`.
    ///
    /// # Safety
    /// As [`Section::memory`].
    pub unsafe fn partitioned(
        descriptor: *const Descriptor,
        partitions: c_int,
        count: i64,
        datatype: usize,
    ) -> Result<Section, c_int> {
        // SAFETY: the caller's.
        let array = unsafe { Section::gaps(descriptor) };
        // The C function tells of a negative number.
        let (Some(array), Ok(partitions @ 1..)) = (array, usize::try_from(partitions)) else {
            // SAFETY: the caller's.
            return unsafe { Section::memory(descriptor) };
        };
        let (mut size, mut lower, mut extent) = (0, 0, 0);
        // SAFETY: the places are this function's.
        let outcome = unsafe {
            callee::PMPI_Type_size_c(datatype, &raw mut size);
            callee::PMPI_Type_get_extent_c(datatype, &raw mut lower, &raw mut extent)
        };
        if outcome != 0 || lower != 0 || size != extent || size <= 0 || count < 0 {
            return Err(ERR_TYPE);
        }
        let element = i64::try_from(array.element).map_err(|_| ERR_BUFFER)?;
        // What an element of the array is made of.
        let (of, each) = match element % size {
            0 => (datatype, element / size),
            _ => (BYTE, element),
        };
        let all = count.checked_mul(size).ok_or(ERR_BUFFER)?;
        let whole = usize::try_from(all / element).map_err(|_| ERR_BUFFER)?;
        let total = whole.checked_mul(partitions).ok_or(ERR_BUFFER)?;
        if all % element != 0 || total > array.len() {
            return Err(ERR_BUFFER);
        }
        let mut places: Vec<i64> = array
            .distances(total)
            .into_iter()
            .map(|d| d as i64)
            .collect();
        let apart = evenly_apart(&places, whole).ok_or(ERR_BUFFER)?;
        let mut made = 0;
        // SAFETY: the arrays are as long as the call is told.
        let outcome = unsafe {
            callee::PMPI_Type_create_hindexed_block_c(
                all / element,
                each,
                places.as_mut_ptr(),
                of,
                &raw mut made,
            )
        };
        if outcome != 0 {
            return Err(outcome);
        }
        if partitions > 1 {
            let mut one = std::mem::take(&mut made);
            // SAFETY: the places are this function's; the datatype that is made keeps the first.
            let outcome = unsafe {
                let outcome = callee::PMPI_Type_create_resized_c(one, 0, apart, &raw mut made);
                callee::PMPI_Type_free(&raw mut one);
                outcome
            };
            if outcome != 0 {
                return Err(outcome);
            }
        }
        // SAFETY: the place is this function's.
        unsafe { callee::PMPI_Type_commit(&raw mut made) };
        Ok(Section {
            address: array.base.cast(),
            copy: None,
            staged: None,
            datatype: Some(made),
        })
    }

    /// The address for the C function.
    pub fn address(&self) -> *mut c_void {
        self.address
    }

    /// How many elements the C function is told of.
    pub fn count<T: From<u8>>(&self, asked: T) -> T {
        match self.datatype {
            Some(_) => T::from(1),
            None => asked,
        }
    }

    /// Their datatype.
    pub fn datatype(&self, asked: c_int) -> usize {
        self.datatype
            .unwrap_or_else(|| crate::handle::datatype(asked))
    }

    /// Copies what was received to where it belongs.
    pub fn put_back(&self) {
        let Some((array, bytes)) = &self.copy else {
            return;
        };
        let bytes = bytes.borrow();
        for (to, from) in array.places().zip(bytes.chunks_exact(array.element)) {
            // SAFETY: an element of the program's array.
            unsafe { std::ptr::copy_nonoverlapping(from.as_ptr(), to, array.element) };
        }
    }

    /// Gives the copy away that a request is to keep, if there is one.
    pub fn staged(mut self) -> Option<Staged> {
        self.staged.take()
    }
}

impl Drop for Section {
    fn drop(&mut self) {
        if let Some(datatype) = &mut self.datatype {
            // SAFETY: it was made here; what is under way keeps it.
            unsafe { callee::PMPI_Type_free(datatype) };
        }
    }
}

/// How far each group of `each` places is from the one before it, in bytes, if all are alike.
fn evenly_apart(places: &[i64], each: usize) -> Option<i64> {
    if places.len() <= each {
        return Some(0);
    }
    let apart = places[each] - places[0];
    let mut pairs = places.iter().zip(&places[each..]);
    pairs.all(|(a, b)| b - a == apart).then_some(apart)
}

/// Says why a section is refused, and calls the error handler for errors about no object.
#[cold]
pub fn refused(call: &str, code: c_int) -> c_int {
    const SELF: usize = 0x102;
    let why = match code {
        ERR_TYPE => "an array section with gaps needs a datatype without gaps",
        _ => {
            "this array section has gaps, which the call cannot take (too few elements, parts of \
             elements, or partitions whose gaps differ): pass a contiguous array"
        }
    };
    eprintln!("{call}: {why}");
    // SAFETY: the handle is predefined.
    unsafe { callee::PMPI_Comm_call_errhandler(SELF, code) };
    code
}

#[cfg(test)]
mod tests {
    use super::*;

    fn array(element: usize, dims: &[(isize, isize)]) -> Array {
        Array::of(std::ptr::null_mut(), element, dims)
    }

    #[test]
    fn gaps_are_seen() {
        assert!(array(4, &[(3, 4), (5, 12)]).is_contiguous());
        assert!(array(4, &[(3, 4), (-1, 12)]).is_contiguous());
        assert!(array(4, &[(1, 99), (5, 4)]).is_contiguous());
        assert!(array(4, &[(0, 8)]).is_contiguous());
        assert!(!array(4, &[(3, 8)]).is_contiguous());
        assert!(!array(4, &[(3, 4), (5, 16)]).is_contiguous());
        assert!(!array(4, &[(3, -4)]).is_contiguous());
    }

    #[test]
    fn elements_follow_as_in_fortran() {
        let section = array(4, &[(2, 8), (2, 100)]);
        assert_eq!(section.distances(4), [0, 8, 100, 108]);
        assert_eq!(section.distances(3), [0, 8, 100]);
        assert_eq!(array(4, &[(3, -4)]).distances(3), [0, -4, -8]);
    }

    #[test]
    fn partitions_are_alike_or_not() {
        assert_eq!(evenly_apart(&[0, 8, 16, 24], 2), Some(16));
        assert_eq!(evenly_apart(&[0, -8, -16, -24, -32, -40], 2), Some(-16));
        assert_eq!(evenly_apart(&[0, 4, 8, 100, 104, 108], 3), Some(100));
        assert_eq!(evenly_apart(&[0, 4, 8, 100, 104, 108], 2), None);
        assert_eq!(evenly_apart(&[0, 8, 16], 3), Some(0));
    }
}
