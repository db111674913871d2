//! Access modes (MPI 5.0, section 14.2.1): which go together, and what they allow.

use crate::error::Result;
use crate::fail;
use crate::object::file::{Amode, File};

const NAMES: [(i32, &str); 9] = [
    (Amode::APPEND, "MPI_MODE_APPEND"),
    (Amode::CREATE, "MPI_MODE_CREATE"),
    (Amode::DELETE_ON_CLOSE, "MPI_MODE_DELETE_ON_CLOSE"),
    (Amode::EXCL, "MPI_MODE_EXCL"),
    (Amode::RDONLY, "MPI_MODE_RDONLY"),
    (Amode::RDWR, "MPI_MODE_RDWR"),
    (Amode::SEQUENTIAL, "MPI_MODE_SEQUENTIAL"),
    (Amode::UNIQUE_OPEN, "MPI_MODE_UNIQUE_OPEN"),
    (Amode::WRONLY, "MPI_MODE_WRONLY"),
];

/// The constants in `amode`, and what is left of it.
fn named(amode: i32) -> String {
    let there = NAMES.iter().filter(|(mode, _)| amode & mode != 0);
    let mut names: Vec<String> = there.map(|(_, name)| (*name).to_owned()).collect();
    let rest = NAMES.iter().fold(amode, |rest, (mode, _)| rest & !mode);
    if rest != 0 || amode == 0 {
        names.push(format!("{rest:#x}"));
    }
    names.join(" | ")
}

/// Checks the access mode of `MPI_File_open`.
///
/// # Errors
/// Class AMODE.
pub fn check(amode: i32) -> Result<Amode> {
    let mode = Amode(amode);
    let known = NAMES.iter().fold(0, |all, (mode, _)| all | mode);
    let accesses = amode & (Amode::RDONLY | Amode::RDWR | Amode::WRONLY);
    let why = if amode & !known != 0 {
        "has bits that no MPI_MODE_ constant of files has"
    } else if accesses.count_ones() != 1 {
        "must have exactly one of MPI_MODE_RDONLY, MPI_MODE_RDWR and MPI_MODE_WRONLY"
    } else if mode.has(Amode::RDONLY) && mode.has(Amode::CREATE | Amode::EXCL) {
        "has MPI_MODE_RDONLY, with which neither MPI_MODE_CREATE nor MPI_MODE_EXCL goes"
    } else if mode.has(Amode::RDWR) && mode.has(Amode::SEQUENTIAL) {
        "has MPI_MODE_RDWR, with which MPI_MODE_SEQUENTIAL does not go"
    } else {
        return Ok(mode);
    };
    fail!(AMODE, "amode is {} ({amode}), which {why}", named(amode));
}

impl File {
    /// Whether the program may read.
    ///
    /// # Errors
    /// Class ACCESS: it was opened for writing only.
    pub fn may_read(&self) -> Result<()> {
        if self.amode.has(Amode::WRONLY) {
            fail!(ACCESS, "{} was opened with MPI_MODE_WRONLY", self.label());
        }
        Ok(())
    }

    /// Whether the program may write.
    ///
    /// # Errors
    /// Class READ_ONLY: it was opened for reading only.
    pub fn may_write(&self) -> Result<()> {
        if self.amode.has(Amode::RDONLY) {
            fail!(
                READ_ONLY,
                "{} was opened with MPI_MODE_RDONLY",
                self.label()
            );
        }
        Ok(())
    }

    /// Whether calls may say where in the file they mean.
    ///
    /// # Errors
    /// Class UNSUPPORTED_OPERATION: it was opened with `MPI_MODE_SEQUENTIAL`.
    pub fn may_choose_place(&self) -> Result<()> {
        if self.amode.has(Amode::SEQUENTIAL) {
            fail!(
                UNSUPPORTED_OPERATION,
                "{} was opened with MPI_MODE_SEQUENTIAL, with which only the shared file pointer \
                 can be used",
                self.label()
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Class;

    #[test]
    fn exactly_one_access_and_no_contradiction() {
        for good in [2 | 256, 16, 32 | 2 | 8 | 4 | 128 | 1, 16 | 64, 256 | 64 | 2] {
            assert!(check(good).is_ok(), "{good}");
        }
        for bad in [
            0,
            2,
            16 | 32,
            16 | 256,
            32 | 256,
            16 | 2,
            16 | 8,
            32 | 64,
            16 | 512,
            -1,
        ] {
            assert_eq!(check(bad).unwrap_err().class(), Class::AMODE, "{bad}");
        }
        let text = check(2 | 512).unwrap_err();
        assert!(
            text.text().contains("MPI_MODE_CREATE | 0x200 (514)"),
            "{text}"
        );
    }
}
