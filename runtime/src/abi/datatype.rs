//! Datatypes (MPI 5.0, chapter 5).

use super::prelude::*;
use crate::object::datatype::{self as object, Datatype};

export! {
    /// Section 5.1.2, datatype constructors.
    fn MPI_Type_contiguous, fn MPI_Type_contiguous_c(
        count: c_int | MPI_Count, oldtype: MPI_Datatype, newtype: *mut MPI_Datatype,
    ) {
        let old = arg::datatype(oldtype)?;
        let new = Datatype::contiguous(arg::whole(count), old, arg::width(count))?;
        arg::put_datatype(newtype, new)
    }

    /// Section 5.1.2, datatype constructors.
    fn MPI_Type_create_hindexed, fn MPI_Type_create_hindexed_c(
        count: c_int | MPI_Count, array_of_blocklengths: *const c_int | *const MPI_Count,
        array_of_displacements: *const MPI_Aint | *const MPI_Count, oldtype: MPI_Datatype,
        newtype: *mut MPI_Datatype,
    ) {
        let old = arg::datatype(oldtype)?;
        let n = arg::count(count)?;
        let lens = arg::wholes(array_of_blocklengths, n, "array_of_blocklengths")?;
        let displs = arg::wholes(array_of_displacements, n, "array_of_displacements")?;
        arg::put_datatype(newtype, Datatype::hindexed(&lens, &displs, old, arg::width(count))?)
    }

    /// Section 5.1.2, datatype constructors.
    fn MPI_Type_create_hindexed_block, fn MPI_Type_create_hindexed_block_c(
        count: c_int | MPI_Count, blocklength: c_int | MPI_Count,
        array_of_displacements: *const MPI_Aint | *const MPI_Count, oldtype: MPI_Datatype,
        newtype: *mut MPI_Datatype,
    ) {
        let old = arg::datatype(oldtype)?;
        let (n, len) = (arg::count(count)?, arg::whole(blocklength));
        let displs = arg::wholes(array_of_displacements, n, "array_of_displacements")?;
        arg::put_datatype(newtype, Datatype::hindexed_block(len, &displs, old, arg::width(count))?)
    }

    /// Section 5.1.2, datatype constructors.
    fn MPI_Type_create_hvector, fn MPI_Type_create_hvector_c(
        count: c_int | MPI_Count, blocklength: c_int | MPI_Count,
        stride: MPI_Aint | MPI_Count, oldtype: MPI_Datatype, newtype: *mut MPI_Datatype,
    ) {
        let old = arg::datatype(oldtype)?;
        let (n, len, stride) = (arg::whole(count), arg::whole(blocklength), arg::whole(stride));
        arg::put_datatype(newtype, Datatype::hvector(n, len, stride, old, arg::width(count))?)
    }

    /// Section 5.1.2, datatype constructors.
    fn MPI_Type_create_indexed_block, fn MPI_Type_create_indexed_block_c(
        count: c_int | MPI_Count, blocklength: c_int | MPI_Count,
        array_of_displacements: *const c_int | *const MPI_Count, oldtype: MPI_Datatype,
        newtype: *mut MPI_Datatype,
    ) {
        let old = arg::datatype(oldtype)?;
        let (n, len) = (arg::count(count)?, arg::whole(blocklength));
        let displs = arg::wholes(array_of_displacements, n, "array_of_displacements")?;
        arg::put_datatype(newtype, Datatype::indexed_block(len, &displs, old, arg::width(count))?)
    }

    /// Section 5.1.2, datatype constructors.
    fn MPI_Type_create_struct, fn MPI_Type_create_struct_c(
        count: c_int | MPI_Count, array_of_blocklengths: *const c_int | *const MPI_Count,
        array_of_displacements: *const MPI_Aint | *const MPI_Count,
        array_of_types: *const MPI_Datatype, newtype: *mut MPI_Datatype,
    ) {
        let n = arg::count(count)?;
        let lens = arg::wholes(array_of_blocklengths, n, "array_of_blocklengths")?;
        let displs = arg::wholes(array_of_displacements, n, "array_of_displacements")?;
        let types = arg::datatypes(array_of_types, n, "array_of_types")?;
        arg::put_datatype(newtype, Datatype::structure(&lens, &displs, &types, arg::width(count))?)
    }

    /// Section 5.1.2, datatype constructors.
    fn MPI_Type_indexed, fn MPI_Type_indexed_c(
        count: c_int | MPI_Count, array_of_blocklengths: *const c_int | *const MPI_Count,
        array_of_displacements: *const c_int | *const MPI_Count, oldtype: MPI_Datatype,
        newtype: *mut MPI_Datatype,
    ) {
        let old = arg::datatype(oldtype)?;
        let n = arg::count(count)?;
        let lens = arg::wholes(array_of_blocklengths, n, "array_of_blocklengths")?;
        let displs = arg::wholes(array_of_displacements, n, "array_of_displacements")?;
        arg::put_datatype(newtype, Datatype::indexed(&lens, &displs, old, arg::width(count))?)
    }

    /// Section 5.1.2, datatype constructors.
    fn MPI_Type_vector, fn MPI_Type_vector_c(
        count: c_int | MPI_Count, blocklength: c_int | MPI_Count, stride: c_int | MPI_Count,
        oldtype: MPI_Datatype, newtype: *mut MPI_Datatype,
    ) {
        let old = arg::datatype(oldtype)?;
        let (n, len, stride) = (arg::whole(count), arg::whole(blocklength), arg::whole(stride));
        arg::put_datatype(newtype, Datatype::vector(n, len, stride, old, arg::width(count))?)
    }

    /// Section 5.1.3, subarray constructor.
    fn MPI_Type_create_subarray, fn MPI_Type_create_subarray_c(
        ndims: c_int, array_of_sizes: *const c_int | *const MPI_Count,
        array_of_subsizes: *const c_int | *const MPI_Count,
        array_of_starts: *const c_int | *const MPI_Count, order: c_int, oldtype: MPI_Datatype,
        newtype: *mut MPI_Datatype,
    ) {
        let old = arg::datatype(oldtype)?;
        let n = arg::number(ndims, "ndims")?;
        let width = arg::width_at(array_of_sizes);
        let sizes = arg::wholes(array_of_sizes, n, "array_of_sizes")?;
        let parts = arg::wholes(array_of_subsizes, n, "array_of_subsizes")?;
        let starts = arg::wholes(array_of_starts, n, "array_of_starts")?;
        let new = Datatype::subarray(&sizes, &parts, &starts, order, old, width)?;
        arg::put_datatype(newtype, new)
    }

    /// Section 5.1.4, distributed array constructor.
    fn MPI_Type_create_darray, fn MPI_Type_create_darray_c(
        size: c_int, rank: c_int, ndims: c_int,
        array_of_gsizes: *const c_int | *const MPI_Count, array_of_distribs: *const c_int,
        array_of_dargs: *const c_int, array_of_psizes: *const c_int, order: c_int,
        oldtype: MPI_Datatype, newtype: *mut MPI_Datatype,
    ) {
        let old = arg::datatype(oldtype)?;
        let n = arg::number(ndims, "ndims")?;
        let width = arg::width_at(array_of_gsizes);
        let whole = arg::wholes(array_of_gsizes, n, "array_of_gsizes")?;
        let how = arg::slice(array_of_distribs, n, "array_of_distribs")?;
        let dargs = arg::slice(array_of_dargs, n, "array_of_dargs")?;
        let grid = arg::slice(array_of_psizes, n, "array_of_psizes")?;
        let new = Datatype::darray(size, rank, &whole, how, dargs, grid, order, old, width)?;
        arg::put_datatype(newtype, new)
    }

    /// Section 5.1.5, address and size functions.
    fn MPI_Get_address(location: *const c_void, address: *mut MPI_Aint) {
        arg::put(address, "address", location.addr().cast_signed())
    }

    /// Section 5.1.5, address and size functions.
    fn MPI_Type_size, fn MPI_Type_size_c(datatype: MPI_Datatype, size: *mut c_int | *mut MPI_Count) {
        arg::put_count(size, "size", arg::wide(arg::datatype(datatype)?.size()))
    }

    /// Section 5.1.5, address and size functions.
    fn MPI_Type_size_x(datatype: MPI_Datatype, size: *mut MPI_Count) {
        arg::put_count(size, "size", arg::wide(arg::datatype(datatype)?.size()))
    }

    /// Section 5.1.7, extent and bounds.
    fn MPI_Type_create_resized, fn MPI_Type_create_resized_c(
        oldtype: MPI_Datatype, lb: MPI_Aint | MPI_Count, extent: MPI_Aint | MPI_Count,
        newtype: *mut MPI_Datatype,
    ) {
        let old = arg::datatype(oldtype)?;
        let width = arg::width(lb);
        let new = Datatype::resized(old, arg::whole(lb), arg::whole(extent), width)?;
        arg::put_datatype(newtype, new)
    }

    /// Section 5.1.7, extent and bounds.
    fn MPI_Type_get_extent, fn MPI_Type_get_extent_c(
        datatype: MPI_Datatype, lb: *mut MPI_Aint | *mut MPI_Count,
        extent: *mut MPI_Aint | *mut MPI_Count,
    ) {
        let datatype = arg::datatype(datatype)?;
        arg::put_count(lb, "lb", datatype.lb() as i64)?;
        arg::put_count(extent, "extent", datatype.extent() as i64)
    }

    /// Section 5.1.7, extent and bounds.
    fn MPI_Type_get_extent_x(datatype: MPI_Datatype, lb: *mut MPI_Count, extent: *mut MPI_Count) {
        let datatype = arg::datatype(datatype)?;
        arg::put_count(lb, "lb", datatype.lb() as i64)?;
        arg::put_count(extent, "extent", datatype.extent() as i64)
    }

    /// Section 5.1.8, true extent.
    fn MPI_Type_get_true_extent, fn MPI_Type_get_true_extent_c(
        datatype: MPI_Datatype, true_lb: *mut MPI_Aint | *mut MPI_Count,
        true_extent: *mut MPI_Aint | *mut MPI_Count,
    ) {
        let datatype = arg::datatype(datatype)?;
        arg::put_count(true_lb, "true_lb", datatype.true_lb() as i64)?;
        arg::put_count(true_extent, "true_extent", datatype.true_extent() as i64)
    }

    /// Section 5.1.8, true extent.
    fn MPI_Type_get_true_extent_x(
        datatype: MPI_Datatype, true_lb: *mut MPI_Count, true_extent: *mut MPI_Count,
    ) {
        let datatype = arg::datatype(datatype)?;
        arg::put_count(true_lb, "true_lb", datatype.true_lb() as i64)?;
        arg::put_count(true_extent, "true_extent", datatype.true_extent() as i64)
    }

    /// Section 5.1.9, commit and free.
    fn MPI_Type_commit(datatype: *mut MPI_Datatype) {
        object::commit(arg::get(datatype, "datatype")?.0)
    }

    /// Section 5.1.9, commit and free.
    fn MPI_Type_free(datatype: *mut MPI_Datatype) {
        object::free(arg::get(datatype, "datatype")?.0)?;
        arg::put(datatype, "datatype", MPI_DATATYPE_NULL)
    }

    /// Section 5.1.10, duplicating a datatype.
    fn MPI_Type_dup(oldtype: MPI_Datatype, newtype: *mut MPI_Datatype) {
        arg::put(newtype, "newtype", MPI_Datatype(object::duplicate(oldtype.0)?))
    }

    /// Section 5.1.13, decoding a datatype.
    fn MPI_Type_get_contents(
        datatype: MPI_Datatype, max_integers: c_int, max_addresses: c_int,
        max_datatypes: c_int, array_of_integers: *mut c_int,
        array_of_addresses: *mut MPI_Aint, array_of_datatypes: *mut MPI_Datatype,
    ) {
        let envelope = arg::decodable(datatype).and(arg::small_envelope(datatype))?;
        let integers = envelope.integers.iter().copied();
        let addresses = envelope.addresses.iter().copied();
        arg::put_all(integers, array_of_integers, max_integers, "integers")?;
        arg::put_all(addresses, array_of_addresses, max_addresses, "addresses")?;
        arg::put_datatypes(&envelope.datatypes, array_of_datatypes, max_datatypes)
    }

    /// Section 5.1.13, decoding a datatype.
    fn MPI_Type_get_contents_c(
        datatype: MPI_Datatype, max_integers: MPI_Count, max_addresses: MPI_Count,
        max_large_counts: MPI_Count, max_datatypes: MPI_Count, array_of_integers: *mut c_int,
        array_of_addresses: *mut MPI_Aint, array_of_large_counts: *mut MPI_Count,
        array_of_datatypes: *mut MPI_Datatype,
    ) {
        let envelope = arg::decodable(datatype)?;
        let counts = envelope.counts.iter().map(|&count| count as i64);
        let integers = envelope.integers.iter().copied();
        let addresses = envelope.addresses.iter().copied();
        arg::put_all(integers, array_of_integers, max_integers, "integers")?;
        arg::put_all(addresses, array_of_addresses, max_addresses, "addresses")?;
        arg::put_all(counts, array_of_large_counts, max_large_counts, "large_counts")?;
        arg::put_datatypes(&envelope.datatypes, array_of_datatypes, max_datatypes)
    }

    /// Section 5.1.13, decoding a datatype.
    fn MPI_Type_get_envelope(
        datatype: MPI_Datatype, num_integers: *mut c_int, num_addresses: *mut c_int,
        num_datatypes: *mut c_int, combiner: *mut c_int,
    ) {
        let envelope = arg::small_envelope(datatype)?;
        arg::put_len(num_integers, "num_integers", envelope.integers.len())?;
        arg::put_len(num_addresses, "num_addresses", envelope.addresses.len())?;
        arg::put_len(num_datatypes, "num_datatypes", envelope.datatypes.len())?;
        arg::put(combiner, "combiner", envelope.combiner as c_int)
    }

    /// Section 5.1.13, decoding a datatype.
    fn MPI_Type_get_envelope_c(
        datatype: MPI_Datatype, num_integers: *mut MPI_Count, num_addresses: *mut MPI_Count,
        num_large_counts: *mut MPI_Count, num_datatypes: *mut MPI_Count, combiner: *mut c_int,
    ) {
        let envelope = arg::datatype(datatype)?.envelope();
        arg::put_len(num_integers, "num_integers", envelope.integers.len())?;
        arg::put_len(num_addresses, "num_addresses", envelope.addresses.len())?;
        arg::put_len(num_large_counts, "num_large_counts", envelope.counts.len())?;
        arg::put_len(num_datatypes, "num_datatypes", envelope.datatypes.len())?;
        arg::put(combiner, "combiner", envelope.combiner as c_int)
    }

    /// Section 6.9.4, value and index pairs.
    fn MPI_Type_get_value_index(
        value_type: MPI_Datatype, index_type: MPI_Datatype, pair_type: *mut MPI_Datatype,
    ) {
        let (value, index) = (arg::datatype(value_type)?, arg::datatype(index_type)?);
        arg::put(pair_type, "pair_type", MPI_Datatype(object::value_index(value, index)?))
    }

    /// Section 19.1.9, parameterized Fortran types.
    fn MPI_Type_create_f90_complex(p: c_int, r: c_int, newtype: *mut MPI_Datatype) {
        arg::put(newtype, "newtype", MPI_Datatype(object::f90_complex(p, r)?))
    }

    /// Section 19.1.9, parameterized Fortran types.
    fn MPI_Type_create_f90_integer(r: c_int, newtype: *mut MPI_Datatype) {
        arg::put(newtype, "newtype", MPI_Datatype(object::f90_integer(r)?))
    }

    /// Section 19.1.9, parameterized Fortran types.
    fn MPI_Type_create_f90_real(p: c_int, r: c_int, newtype: *mut MPI_Datatype) {
        arg::put(newtype, "newtype", MPI_Datatype(object::f90_real(p, r)?))
    }

    /// Section 19.1.9, parameterized Fortran types.
    fn MPI_Type_match_size(typeclass: c_int, size: c_int, datatype: *mut MPI_Datatype) {
        arg::put(datatype, "datatype", MPI_Datatype(object::match_size(typeclass, size)?))
    }
}

export_value! {
    /// Section 5.1.5, address and size functions.
    fn MPI_Aint_add(base: MPI_Aint, disp: MPI_Aint) -> MPI_Aint {
        base.wrapping_add(disp)
    }

    /// Section 5.1.5, address and size functions.
    fn MPI_Aint_diff(addr1: MPI_Aint, addr2: MPI_Aint) -> MPI_Aint {
        addr1.wrapping_sub(addr2)
    }
}
