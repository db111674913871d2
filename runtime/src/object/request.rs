//! Requests: what `MPI_Request` handles name (MPI 5.0, section 3.7).

use crate::error::Result;
use crate::handle::Raw;
use crate::pml::Completion;

/// An operation that a request stands for, other than a plain send or receive:
/// a nonblocking or persistent collective, a persistent send, a generalized
/// request.
pub trait Operation {
    /// Whether it has completed (for a persistent one: since its last start).
    /// Does not make progress.
    fn is_done(&self) -> bool;

    /// How it ended; called once per completion.
    fn finish(&mut self) -> Completion;

    /// Starts a persistent operation. Those that are not never see this.
    ///
    /// # Errors
    /// It cannot be started.
    fn start(&mut self) -> Result<()>;

    /// Asks for it to be cancelled.
    ///
    /// # Errors
    /// It is of a kind that cannot be.
    fn cancel(&mut self) -> Result<()>;
}

/// Makes a request of `operation` and names it. A persistent one is inactive
/// until started, and lives on when it completes.
///
/// # Errors
/// No more handles.
pub fn insert(_operation: Box<dyn Operation>, _persistent: bool) -> Result<Raw> {
    unimplemented!()
}
