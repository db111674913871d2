//! Datatypes whose description has constants in it, and what is read of a description.

use crate::convert::{code, length};
use crate::handle::{Few, Room};
use crate::{callee, handle, number};
use std::ffi::c_int;

/// Combiners of the standard ABI.
const SUBARRAY: c_int = 111;
const DARRAY: c_int = 112;

/// Numbers of the program's in an array, converted.
unsafe fn numbers(
    room: &mut Room<c_int>,
    at: *const c_int,
    len: usize,
    convert: fn(c_int) -> c_int,
) -> Few<'_, c_int> {
    let len = if at.is_null() { 0 } else { len };
    // SAFETY: the caller's array, which has so many.
    Few::new(room, len, |index| convert(unsafe { *at.add(index) }))
}

/// Where converted numbers are, or null if the program gave none.
fn given(at: *const c_int, local: &mut Few<'_, c_int>) -> *const c_int {
    match at.is_null() {
        true => at,
        false => local.all().as_ptr(),
    }
}

macro_rules! darray {
    (
        $callee:ident $size:ident $rank:ident $ndims:ident $gsizes:ident $distribs:ident
        $dargs:ident $psizes:ident $order:ident $old:ident $new:ident
    ) => {{
        let len = length($ndims);
        let (mut of_kinds, mut of_arguments) = (handle::room(), handle::room());
        let mut kinds = numbers(&mut of_kinds, $distribs, len, number::distribution_in);
        let mut arguments = numbers(
            &mut of_arguments,
            $dargs,
            len,
            number::distribution_argument_in,
        );
        let mut raw = handle::UNSET;
        let result = callee::$callee(
            $size,
            $rank,
            $ndims,
            $gsizes,
            given($distribs, &mut kinds),
            given($dargs, &mut arguments),
            $psizes,
            number::order_in($order),
            handle::raw::<handle::Datatype>($old),
            handle::place($new, &mut raw),
        );
        handle::put::<handle::Datatype>($new, handle::UNSET, raw);
        code(result)
    }};
}

/// Converts the constants among the integers that describe a datatype.
///
/// # Safety
/// `integers` has those of a datatype with this combiner.
unsafe fn convert_integers(combiner: c_int, integers: *mut c_int, len: usize) {
    if integers.is_null() || len == 0 {
        return;
    }
    // SAFETY: as the caller said.
    let integers = unsafe { std::slice::from_raw_parts_mut(integers, len) };
    let Some((order, rest)) = integers.split_last_mut() else {
        return;
    };
    if !matches!(combiner, SUBARRAY | DARRAY) {
        return;
    }
    *order = number::order_out(*order);
    if combiner == DARRAY && rest.len() > 3 {
        // size, rank, ndims; then the sizes, unless they are large counts; the distributions,
        // their arguments and the sizes of the grid.
        let dims = length(rest[2]);
        let Some(start) = rest.len().checked_sub(3 * dims) else {
            return;
        };
        for one in &mut rest[start..start + dims] {
            *one = number::distribution_out(*one);
        }
        for one in &mut rest[start + dims..start + 2 * dims] {
            *one = number::distribution_argument_out(*one);
        }
    }
}

/// Gives the program the handles in an array that the library has written.
unsafe fn put_handles(at: *mut c_int, raw: &[usize]) {
    for (index, raw) in raw.iter().enumerate() {
        // SAFETY: the caller's array, which has so many.
        unsafe { handle::put::<handle::Datatype>(at.wrapping_add(index), handle::UNSET, *raw) };
    }
}

define! {
    /// Section 5.1.4, distributed array datatype constructor.
    fn MPI_Type_create_darray(
        size: c_int, rank: c_int, ndims: c_int, gsizes: *const c_int, distribs: *const c_int,
        dargs: *const c_int, psizes: *const c_int, order: c_int, oldtype: c_int,
        newtype: *mut c_int,
    ) -> c_int {
        darray!(
            MPI_Type_create_darray size rank ndims gsizes distribs dargs psizes order oldtype newtype
        )
    }

    /// Section 5.1.4, distributed array datatype constructor.
    fn MPI_Type_create_darray_c(
        size: c_int, rank: c_int, ndims: c_int, gsizes: *const i64, distribs: *const c_int,
        dargs: *const c_int, psizes: *const c_int, order: c_int, oldtype: c_int,
        newtype: *mut c_int,
    ) -> c_int {
        darray!(
            MPI_Type_create_darray_c size rank ndims gsizes distribs dargs psizes order oldtype
            newtype
        )
    }

    /// Section 5.1.13, decoding a datatype.
    fn MPI_Type_get_contents(
        datatype: c_int, max_integers: c_int, max_addresses: c_int, max_datatypes: c_int,
        integers: *mut c_int, addresses: *mut isize, datatypes: *mut c_int,
    ) -> c_int {
        let raw = handle::raw::<handle::Datatype>(datatype);
        let len = if datatypes.is_null() { 0 } else { length(max_datatypes) };
        let mut inner = vec![handle::UNSET; len];
        let place = if datatypes.is_null() { std::ptr::null_mut() } else { inner.as_mut_ptr() };
        let result = callee::MPI_Type_get_contents(
            raw, max_integers, max_addresses, max_datatypes, integers, addresses, place,
        );
        put_handles(datatypes, &inner);
        let (mut counts, mut combiner) = ([0; 3], 0);
        let [a, b, c] = &mut counts;
        if result == 0 && callee::MPI_Type_get_envelope(raw, a, b, c, &raw mut combiner) == 0 {
            convert_integers(combiner, integers, length(counts[0]));
        }
        code(result)
    }

    /// Section 5.1.13, decoding a datatype.
    fn MPI_Type_get_contents_c(
        datatype: c_int, max_integers: i64, max_addresses: i64, max_large_counts: i64,
        max_datatypes: i64, integers: *mut c_int, addresses: *mut isize, large_counts: *mut i64,
        datatypes: *mut c_int,
    ) -> c_int {
        let raw = handle::raw::<handle::Datatype>(datatype);
        let len = if datatypes.is_null() { 0 } else { length(max_datatypes) };
        let mut inner = vec![handle::UNSET; len];
        let place = if datatypes.is_null() { std::ptr::null_mut() } else { inner.as_mut_ptr() };
        let result = callee::MPI_Type_get_contents_c(
            raw, max_integers, max_addresses, max_large_counts, max_datatypes, integers, addresses,
            large_counts, place,
        );
        put_handles(datatypes, &inner);
        let (mut counts, mut combiner) = ([0; 4], 0);
        let [a, b, c, d] = &mut counts;
        if result == 0 && callee::MPI_Type_get_envelope_c(raw, a, b, c, d, &raw mut combiner) == 0 {
            convert_integers(combiner, integers, length(counts[0]));
        }
        code(result)
    }
}
