//! Generalized requests (MPI 5.0, section 13.2): operations of the user's own.

use super::Operation;
use crate::error::{Class, Error, Result};
use crate::lock;
use crate::pml::Completion;

/// The user's functions, wrapped by `abi` so that they speak of completions.
pub trait Functions {
    /// `query_fn`: fills the status.
    ///
    /// # Errors
    /// The error code that the function returned, as an error of that class.
    fn query(&mut self) -> (Completion, i32);
    /// `free_fn`.
    fn free(&mut self) -> i32;
    /// `cancel_fn`, told whether the request is complete.
    fn cancel(&mut self, complete: bool) -> i32;
}

/// A generalized request.
pub struct Grequest {
    functions: Box<dyn Functions>,
    complete: bool,
    freed: bool,
}

impl Grequest {
    /// A request that is complete once `MPI_Grequest_complete` says so.
    #[must_use]
    pub fn new(functions: Box<dyn Functions>) -> Grequest {
        Grequest {
            functions,
            complete: false,
            freed: false,
        }
    }
}

fn said(what: &str, code: i32) -> Option<Error> {
    let text = || format!("{what} of the generalized request returned error {code}");
    (code != 0).then(|| Error::new(Class(code), text()))
}

impl Operation for Grequest {
    fn is_done(&self) -> bool {
        self.complete
    }

    fn finish(&mut self) -> Completion {
        let (mut completion, queried) = lock::released(|| self.functions.query());
        let freed = lock::released(|| self.functions.free());
        completion.error = said("query_fn", queried).or_else(|| said("free_fn", freed));
        completion
    }

    fn start(&mut self) -> Result<()> {
        Ok(())
    }

    fn cancel(&mut self) -> Result<()> {
        let complete = self.complete;
        let code = lock::released(|| self.functions.cancel(complete));
        said("cancel_fn", code).map_or(Ok(()), Err)
    }

    fn cancel_done(&mut self) -> Result<()> {
        self.cancel() // the user's function is told
    }

    fn peek(&mut self) -> Completion {
        let (mut completion, code) = lock::released(|| self.functions.query());
        completion.error = said("query_fn", code);
        completion
    }

    fn grequest_complete(&mut self) -> Result<bool> {
        self.complete = true;
        Ok(self.freed)
    }

    fn free(&mut self) -> bool {
        self.freed = true;
        !self.complete
    }

    fn release(&mut self) -> Result<()> {
        let code = lock::released(|| self.functions.free());
        said("free_fn", code).map_or(Ok(()), Err)
    }
}
