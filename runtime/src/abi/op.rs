//! Reduction operations (MPI 5.0, section 6.9).

use super::prelude::*;

export! {
    /// Section 6.9.5, user-defined reductions.
    fn MPI_Op_commutative(op: MPI_Op, commute: *mut c_int);

    /// Section 6.9.5, user-defined reductions.
    fn MPI_Op_create, fn MPI_Op_create_c(
        user_fn: MPI_User_function | *mut MPI_User_function_c, commute: c_int,
        op: *mut MPI_Op,
    );

    /// Section 6.9.5, user-defined reductions.
    fn MPI_Op_free(op: *mut MPI_Op);

    /// Section 6.9.7, process-local reduction.
    fn MPI_Reduce_local, fn MPI_Reduce_local_c(
        inbuf: *const c_void, inoutbuf: *mut c_void, count: c_int | MPI_Count,
        datatype: MPI_Datatype, op: MPI_Op,
    );
}
