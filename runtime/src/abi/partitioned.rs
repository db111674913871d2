//! Partitioned communication (MPI 5.0, chapter 4).
//!
//! The standard has one form of `MPI_Psend_init` and `MPI_Precv_init`, whose count is
//! an `MPI_Count`. The `_c` names are those of the ABI's reference header, which has
//! both forms.

use super::prelude::*;

export! {
    /// Section 4.2.1, partitioned initialization and starting.
    fn MPI_Precv_init, fn MPI_Precv_init_c(
        buf: *mut c_void, partitions: c_int, count: MPI_Count, datatype: MPI_Datatype,
        dest: c_int, tag: c_int, comm: MPI_Comm, info: MPI_Info, request: *mut MPI_Request,
    ) on comm;

    /// Section 4.2.1, partitioned initialization and starting.
    fn MPI_Psend_init, fn MPI_Psend_init_c(
        buf: *const c_void, partitions: c_int, count: MPI_Count,
        datatype: MPI_Datatype, dest: c_int, tag: c_int, comm: MPI_Comm, info: MPI_Info,
        request: *mut MPI_Request,
    ) on comm;

    /// Section 4.2.2, partitioned completion.
    fn MPI_Parrived(request: MPI_Request, partition: c_int, flag: *mut c_int);

    /// Section 4.2.2, partitioned completion.
    fn MPI_Pready(partition: c_int, request: MPI_Request);

    /// Section 4.2.2, partitioned completion.
    fn MPI_Pready_list(length: c_int, array_of_partitions: *const c_int, request: MPI_Request);

    /// Section 4.2.2, partitioned completion.
    fn MPI_Pready_range(partition_low: c_int, partition_high: c_int, request: MPI_Request);
}
