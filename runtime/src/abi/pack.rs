//! Packing and unpacking (MPI 5.0, sections 5.2, 5.3).

use super::arg::Number;
use super::prelude::*;
use crate::object::datatype::Representation::{self, Native};

export! {
    /// Section 5.2, pack and unpack.
    fn MPI_Pack, fn MPI_Pack_c(
        inbuf: *const c_void, incount: c_int | MPI_Count, datatype: MPI_Datatype,
        outbuf: *mut c_void, outsize: c_int | MPI_Count,
        position: *mut c_int | *mut MPI_Count, comm: MPI_Comm,
    ) on comm {
        arg::comm(comm)?;
        let (datatype, n) = (arg::committed(datatype)?, arg::count(incount)?);
        let at = arg::get(position, "position")?.wide();
        let room = outsize.wide();
        let end = Native.pack(inbuf.cast(), n, datatype, outbuf.cast(), room, at)?;
        arg::put_fitting(position, "position", arg::wide(end))
    }

    /// Section 5.2, pack and unpack.
    fn MPI_Pack_size, fn MPI_Pack_size_c(
        incount: c_int | MPI_Count, datatype: MPI_Datatype, comm: MPI_Comm,
        size: *mut c_int | *mut MPI_Count,
    ) on comm {
        arg::comm(comm)?;
        let bytes = Native.size(arg::datatype(datatype)?, arg::count(incount)?);
        arg::put_count(size, "size", arg::defined(bytes))
    }

    /// Section 5.2, pack and unpack.
    fn MPI_Unpack, fn MPI_Unpack_c(
        inbuf: *const c_void, insize: c_int | MPI_Count,
        position: *mut c_int | *mut MPI_Count, outbuf: *mut c_void,
        outcount: c_int | MPI_Count, datatype: MPI_Datatype, comm: MPI_Comm,
    ) on comm {
        arg::comm(comm)?;
        let (datatype, n) = (arg::committed(datatype)?, arg::count(outcount)?);
        let at = arg::get(position, "position")?.wide();
        let room = insize.wide();
        let end = Native.unpack(inbuf.cast(), room, at, outbuf.cast(), n, datatype)?;
        arg::put_fitting(position, "position", arg::wide(end))
    }

    /// Section 5.3, canonical pack and unpack.
    fn MPI_Pack_external, fn MPI_Pack_external_c(
        datarep: *const c_char, inbuf: *const c_void, incount: c_int | MPI_Count,
        datatype: MPI_Datatype, outbuf: *mut c_void, outsize: MPI_Aint | MPI_Count,
        position: *mut MPI_Aint | *mut MPI_Count,
    ) {
        let how = Representation::named(&arg::string(datarep, "datarep")?)?;
        let (datatype, n) = (arg::committed(datatype)?, arg::count(incount)?);
        let at = arg::get(position, "position")?.wide();
        let room = outsize.wide();
        let end = how.pack(inbuf.cast(), n, datatype, outbuf.cast(), room, at)?;
        arg::put_fitting(position, "position", arg::wide(end))
    }

    /// Section 5.3, canonical pack and unpack.
    fn MPI_Pack_external_size, fn MPI_Pack_external_size_c(
        datarep: *const c_char, incount: c_int | MPI_Count, datatype: MPI_Datatype,
        size: *mut MPI_Aint | *mut MPI_Count,
    ) {
        let how = Representation::named(&arg::string(datarep, "datarep")?)?;
        let bytes = how.size(arg::datatype(datatype)?, arg::count(incount)?);
        arg::put_count(size, "size", arg::defined(bytes))
    }

    /// Section 5.3, canonical pack and unpack.
    fn MPI_Unpack_external, fn MPI_Unpack_external_c(
        datarep: *const c_char, inbuf: *const c_void, insize: MPI_Aint | MPI_Count,
        position: *mut MPI_Aint | *mut MPI_Count, outbuf: *mut c_void,
        outcount: c_int | MPI_Count, datatype: MPI_Datatype,
    ) {
        let how = Representation::named(&arg::string(datarep, "datarep")?)?;
        let (datatype, n) = (arg::committed(datatype)?, arg::count(outcount)?);
        let at = arg::get(position, "position")?.wide();
        let room = insize.wide();
        let end = how.unpack(inbuf.cast(), room, at, outbuf.cast(), n, datatype)?;
        arg::put_fitting(position, "position", arg::wide(end))
    }
}
