//! The C types (MPI 5.0, sections 2.5 and 20). Handles are newtypes around the
//! value that C sees as a pointer to an incomplete struct: same size, same way
//! of passing.

use super::consts::{MPI_ANY_SOURCE, MPI_ANY_TAG};
use crate::handle::Raw;
use crate::pml::Completion;
use std::ffi::c_int;

/// An address, or a difference of two.
pub type MPI_Aint = isize;
/// An offset in a file.
pub type MPI_Offset = i64;
/// A number of elements, large enough for any other count.
pub type MPI_Count = i64;
/// Fortran's default integer.
pub type MPI_Fint = c_int;

macro_rules! handles {
    ($($(#[$m:meta])* $name:ident)*) => {$(
        $(#[$m])*
        #[repr(transparent)]
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub struct $name(pub Raw);
    )*};
}

handles! {
    /// A communicator (section 7.4).
    MPI_Comm
    /// A group (section 7.3).
    MPI_Group
    /// A datatype (chapter 5).
    MPI_Datatype
    /// A reduction operation (section 6.9).
    MPI_Op
    /// A request (section 3.7).
    MPI_Request
    /// An error handler (section 9.3).
    MPI_Errhandler
    /// An info object (chapter 10).
    MPI_Info
    /// A window (chapter 12).
    MPI_Win
    /// A file (chapter 14).
    MPI_File
    /// A session (section 11.3).
    MPI_Session
    /// A matched message (section 3.8.2).
    MPI_Message
    /// An enumeration of the tool interface (section 15.3.5).
    MPI_T_enum
    /// A handle of a control variable (section 15.3.6).
    MPI_T_cvar_handle
    /// A session of performance variables (section 15.3.7).
    MPI_T_pvar_session
    /// A handle of a performance variable (section 15.3.7).
    MPI_T_pvar_handle
    /// A registration for an event (section 15.3.8).
    MPI_T_event_registration
    /// An event that has happened (section 15.3.8).
    MPI_T_event_instance
}

/// How safe a callback of the tool interface must be; an enum in C (section 15.3.8).
pub type MPI_T_cb_safety = c_int;
/// Whether a source's events come in order; an enum in C (section 15.3.8).
pub type MPI_T_source_order = c_int;

/// What is known of a message that was received (section 3.2.5).
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[allow(non_snake_case, reason = "the fields' names are the standard's")]
pub struct MPI_Status {
    /// The sender's rank.
    pub MPI_SOURCE: c_int,
    /// The message's tag.
    pub MPI_TAG: c_int,
    /// An error code, set only by calls that complete several requests.
    pub MPI_ERROR: c_int,
    /// The library's own: bytes received (low and high half), then 1 if cancelled.
    pub MPI_internal: [c_int; 5],
}

const _: () = assert!(size_of::<MPI_Status>() == 32);
const _: () = assert!(size_of::<MPI_Comm>() == size_of::<*mut u8>());

impl MPI_Status {
    /// The status of a completed operation.
    #[inline]
    #[must_use]
    pub fn of(completion: &Completion) -> MPI_Status {
        let mut status = MPI_Status {
            MPI_SOURCE: completion.source,
            MPI_TAG: completion.tag,
            MPI_ERROR: completion.error.as_ref().map_or(0, |error| error.class().0),
            MPI_internal: [0; 5],
        };
        status.set_len(completion.len);
        status.set_cancelled(completion.cancelled);
        status
    }

    /// Bytes received, of packed data.
    #[inline]
    #[must_use]
    pub fn len(&self) -> u64 {
        let [low, high, ..] = self
            .MPI_internal
            .map(|word| u64::from(word.cast_unsigned()));
        high << 32 | low
    }

    /// Whether nothing was received.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether it may be the empty status: no message has these two.
    #[inline]
    #[must_use]
    pub fn is_empty_status(&self) -> bool {
        self.MPI_SOURCE == MPI_ANY_SOURCE && self.MPI_TAG == MPI_ANY_TAG
    }

    /// Sets the bytes received.
    #[inline]
    #[allow(clippy::cast_possible_truncation, reason = "the two halves")]
    pub fn set_len(&mut self, len: u64) {
        self.MPI_internal[0] = (len as u32).cast_signed();
        self.MPI_internal[1] = ((len >> 32) as u32).cast_signed();
    }

    /// Whether the operation was cancelled.
    #[inline]
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.MPI_internal[2] & 1 != 0
    }

    /// Says whether the operation was cancelled.
    #[inline]
    pub fn set_cancelled(&mut self, cancelled: bool) {
        self.MPI_internal[2] = c_int::from(cancelled);
    }
}

#[cfg(test)]
mod tests {
    use super::MPI_Status;

    #[test]
    fn a_status_keeps_long_lengths() {
        let mut status = MPI_Status::default();
        for len in [0, 1, u64::from(u32::MAX), 1 << 40 | 5, u64::MAX] {
            status.set_len(len);
            status.set_cancelled(true);
            assert_eq!((status.len(), status.is_cancelled()), (len, true));
        }
        status.set_cancelled(false);
        assert!(!status.is_cancelled());
    }
}
