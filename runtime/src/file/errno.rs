//! From `errno` to an error class of files (MPI 5.0, section 14.7), with the path in the
//! text.

use crate::error::{Class, Error};
use std::ffi::CStr;
use std::io;

/// What the kernel answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Errno(pub i32);

impl Errno {
    /// Of the last call that failed.
    #[must_use]
    pub fn last() -> Errno {
        Errno(io::Error::last_os_error().raw_os_error().unwrap_or(0))
    }

    /// The class that says what it means for a file.
    #[must_use]
    pub fn class(self) -> Class {
        match self.0 {
            libc::ENOENT => Class::NO_SUCH_FILE,
            libc::EEXIST => Class::FILE_EXISTS,
            libc::ENOTDIR
            | libc::EISDIR
            | libc::ENAMETOOLONG
            | libc::ELOOP
            | libc::ENXIO
            | libc::ENODEV
            | libc::ESPIPE => Class::BAD_FILE,
            libc::EACCES | libc::EPERM => Class::ACCESS,
            libc::EROFS => Class::READ_ONLY,
            libc::ENOSPC => Class::NO_SPACE,
            libc::EDQUOT => Class::QUOTA,
            libc::EBUSY | libc::ETXTBSY => Class::FILE_IN_USE,
            libc::ENOMEM => Class::NO_MEM,
            libc::EMFILE | libc::ENFILE => Class::OTHER,
            _ => Class::IO,
        }
    }

    /// An error that says what could not be done (`open`) with which file.
    #[must_use]
    pub fn error(self, what: &str, path: &CStr) -> Error {
        let reason = io::Error::from_raw_os_error(self.0);
        let path = path.to_string_lossy();
        Error::new(self.class(), format!("cannot {what} {path:?}: {reason}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_name_the_path_and_the_reason() {
        let error = Errno(libc::ENOENT).error("open", c"/no/such");
        assert_eq!(error.class(), Class::NO_SUCH_FILE);
        assert!(
            error
                .text()
                .starts_with("cannot open \"/no/such\": No such file")
        );
        assert_eq!(Errno(libc::EIO).class(), Class::IO);
    }
}
