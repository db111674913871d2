//! From which length on a copy is made how.

use std::fmt;

/// From which length on what is used, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a vector: 16, 32 or 64; 0: the C library copies.
    pub vector: usize,
    /// The least length for `rep movsb`; `usize::MAX`: never.
    pub rep_min: usize,
    /// The least length for which vectors are used again.
    pub rep_max: usize,
    /// The least length for non-temporal stores; 32 KiB at least.
    pub nt_min: usize,
}

impl fmt::Display for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.vector == 0 {
            return write!(f, "the C library's, unguarded");
        }
        write!(f, "{}-byte vectors", self.vector)?;
        if self.rep_min < self.rep_max {
            write!(f, ", rep movsb from {} bytes", self.rep_min)?;
        }
        if self.rep_max != usize::MAX {
            write!(f, " to {}", self.rep_max)?;
        }
        if self.nt_min != usize::MAX {
            write!(f, ", around the caches from {} bytes", self.nt_min)?;
        }
        Ok(())
    }
}
