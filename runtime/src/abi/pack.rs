//! Packing and unpacking (MPI 5.0, sections 5.2, 5.3).

use super::prelude::*;

export! {
    /// Section 5.2, pack and unpack.
    fn MPI_Pack, fn MPI_Pack_c(
        inbuf: *const c_void, incount: c_int | MPI_Count, datatype: MPI_Datatype,
        outbuf: *mut c_void, outsize: c_int | MPI_Count,
        position: *mut c_int | *mut MPI_Count, comm: MPI_Comm,
    ) on comm;

    /// Section 5.2, pack and unpack.
    fn MPI_Pack_size, fn MPI_Pack_size_c(
        incount: c_int | MPI_Count, datatype: MPI_Datatype, comm: MPI_Comm,
        size: *mut c_int | *mut MPI_Count,
    ) on comm;

    /// Section 5.2, pack and unpack.
    fn MPI_Unpack, fn MPI_Unpack_c(
        inbuf: *const c_void, insize: c_int | MPI_Count,
        position: *mut c_int | *mut MPI_Count, outbuf: *mut c_void,
        outcount: c_int | MPI_Count, datatype: MPI_Datatype, comm: MPI_Comm,
    ) on comm;

    /// Section 5.3, canonical pack and unpack.
    fn MPI_Pack_external, fn MPI_Pack_external_c(
        datarep: *const c_char, inbuf: *const c_void, incount: c_int | MPI_Count,
        datatype: MPI_Datatype, outbuf: *mut c_void, outsize: MPI_Aint | MPI_Count,
        position: *mut MPI_Aint | *mut MPI_Count,
    );

    /// Section 5.3, canonical pack and unpack.
    fn MPI_Pack_external_size, fn MPI_Pack_external_size_c(
        datarep: *const c_char, incount: c_int | MPI_Count, datatype: MPI_Datatype,
        size: *mut MPI_Aint | *mut MPI_Count,
    );

    /// Section 5.3, canonical pack and unpack.
    fn MPI_Unpack_external, fn MPI_Unpack_external_c(
        datarep: *const c_char, inbuf: *const c_void, insize: MPI_Aint | MPI_Count,
        position: *mut MPI_Aint | *mut MPI_Count, outbuf: *mut c_void,
        outcount: c_int | MPI_Count, datatype: MPI_Datatype,
    );
}
