//! Reduction operations (MPI 5.0, section 6.9).

use super::callback::UserFunction as _;
use super::coll_check;
use super::prelude::*;
use crate::object::op;

export! {
    /// Section 6.9.5, user-defined reductions.
    fn MPI_Op_commutative(op: MPI_Op, commute: *mut c_int) {
        arg::put_flag(commute, "commute", op::get(op.0)?.commutes())
    }

    /// Section 6.9.5, user-defined reductions.
    fn MPI_Op_create, fn MPI_Op_create_c(
        user_fn: MPI_User_function | MPI_User_function_c, commute: c_int,
        op: *mut MPI_Op,
    ) {
        let Some(function) = user_fn.function() else {
            fail!(ARG, "user_fn is a null pointer");
        };
        arg::put(op, "op", MPI_Op(op::NULL))?;
        arg::put(op, "op", MPI_Op(op::create(function, commute != 0)?))
    }

    /// Section 6.9.5, user-defined reductions.
    fn MPI_Op_free(op: *mut MPI_Op) {
        op::free(arg::get(op, "op")?.0)?;
        arg::put(op, "op", MPI_Op(op::NULL))
    }

    /// Section 6.9.7, process-local reduction.
    fn MPI_Reduce_local, fn MPI_Reduce_local_c(
        inbuf: *const c_void, inoutbuf: *mut c_void, count: c_int | MPI_Count,
        datatype: MPI_Datatype, op: MPI_Op,
    ) {
        let memory = coll_check::local(inbuf, inoutbuf, count, datatype)?;
        let reducer = op::get(op.0)?.reducer(memory.datatype, datatype.0)?;
        reducer.apply(inbuf.cast(), inoutbuf.cast(), memory.count);
        Ok(())
    }
}
