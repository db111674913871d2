//! External interfaces (MPI 5.0, chapter 13).

use super::outcome::UserFunctions;
use super::prelude::*;
use crate::request::{self, grequest::Grequest};

export! {
    /// Section 13.2, generalized requests.
    fn MPI_Grequest_complete(request: MPI_Request) {
        request::grequest_complete(request.0)
    }

    /// Section 13.2, generalized requests.
    fn MPI_Grequest_start(
        query_fn: MPI_Grequest_query_function, free_fn: MPI_Grequest_free_function,
        cancel_fn: MPI_Grequest_cancel_function, extra_state: *mut c_void,
        request: *mut MPI_Request,
    ) {
        let functions = UserFunctions::new(query_fn, free_fn, cancel_fn, extra_state);
        let raw = request::insert(Box::new(Grequest::new(Box::new(functions))), false)?;
        arg::put(request, "request", MPI_Request(raw))
    }
}
