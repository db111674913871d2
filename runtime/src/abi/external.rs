//! External interfaces (MPI 5.0, chapter 13).

use super::prelude::*;

export! {
    /// Section 13.2, generalized requests.
    fn MPI_Grequest_complete(request: MPI_Request);

    /// Section 13.2, generalized requests.
    fn MPI_Grequest_start(
        query_fn: MPI_Grequest_query_function, free_fn: MPI_Grequest_free_function,
        cancel_fn: MPI_Grequest_cancel_function, extra_state: *mut c_void,
        request: *mut MPI_Request,
    );
}
