//! MatchedMessage messages: what `MPI_Message` handles name (MPI 5.0, section 3.8.2).

use crate::error::Result;
use crate::fail;
use crate::handle::{Kind, Raw, Table};
use crate::lock::Local;
use crate::pml::probe::MatchedMessage;

/// `MPI_MESSAGE_NULL`.
pub const NULL: Raw = 0x128;
/// `MPI_MESSAGE_NO_PROC`: from `MPI_PROC_NULL`.
pub const NO_PROC: Raw = 0x129;

/// A message, and the handle of the communicator it came in.
#[derive(Debug)]
pub struct Kept {
    /// The message.
    pub matched: MatchedMessage,
    /// The communicator.
    pub comm: Raw,
}

// SAFETY: reached under the library lock only.
unsafe impl Send for Kept {}

static MESSAGES: Local<Table<Kept>> = Local::new(Table::new(Kind::Message));

/// Names a message.
///
/// # Errors
/// No more handles.
pub fn insert(matched: MatchedMessage, comm: Raw) -> Result<Raw> {
    MESSAGES.with(|table| table.insert(Kept { matched, comm }))
}

/// Takes a message to receive it; its handle is stale from now on.
///
/// # Errors
/// The handle names no message.
pub fn take(raw: Raw) -> Result<Kept> {
    match MESSAGES.with(|table| table.remove(raw)) {
        Some(kept) => Ok(kept),
        None => fail!(
            REQUEST,
            "message {raw:#x} is not a handle of a matched message, or was received already"
        ),
    }
}

/// The whole handle behind the low 32 bits of one.
#[must_use]
pub fn from_low(low: u32) -> Option<Raw> {
    MESSAGES.with(|table| table.from_low(low))
}

/// How many there are that the program has a handle of.
#[must_use]
pub fn count() -> usize {
    MESSAGES.with(|table| table.len())
}
