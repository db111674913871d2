//! Memory of rank 0 that all members of a group have mapped, without a window: for other
//! parts of the library.

use super::create::obtain;
use super::memory::{self, Piece};
use crate::error::{Class, Error, Result};
use crate::object::collective::Tag;
use crate::object::comm::Comm;
use std::ptr::NonNull;
use std::sync::Arc;

/// Such memory, as one member has it. Dropping it lets go of it: at rank 0, once no other
/// member uses it any more.
#[derive(Debug)]
pub struct CommonMemory {
    piece: Piece,
    len: usize,
}

// SAFETY: the piece is memory that any thread of the process may reach; it is made and
// dropped under the library lock.
unsafe impl Send for CommonMemory {}
// SAFETY: as above.
unsafe impl Sync for CommonMemory {}

impl CommonMemory {
    /// `len` zero bytes, above 0: a collective call among the members of `comm`.
    ///
    /// # Errors
    /// There is no memory that all of them reach, as on several hosts, or a peer was lost.
    pub fn new(comm: &Arc<Comm>, tag: Tag, len: usize) -> Result<CommonMemory> {
        if comm.spans_hosts() {
            return Err(Error::new(
                Class::NO_MEM,
                "members on several hosts have no memory in common",
            ));
        }
        let mut lens = vec![0; comm.size() as usize];
        lens[0] = len;
        let mut pieces = obtain(comm, tag, &lens, memory::page())?;
        match pieces.first_mut().and_then(Option::take) {
            Some(piece) => Ok(CommonMemory { piece, len }),
            None => Err(Error::new(Class::NO_MEM, "there is no memory")),
        }
    }

    /// Where it begins in this process: at a multiple of a page.
    #[must_use]
    pub fn at(&self) -> NonNull<u8> {
        self.piece.at()
    }

    /// Bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}
