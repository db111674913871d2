//! What is known of a Fortran compiler (MPI 5.0, section 20.2): its logicals, and
//! the sizes of its default types. The library is built without one, so that it
//! knows nothing until a program, or a Fortran binding in it, says so, once.

use crate::error::Result;
use crate::fail;
use crate::lock::Local;
use crate::object::datatype::predefined;
use crate::object::info::Info;
use std::ffi::CStr;

/// The bytes of `.TRUE.` and of `.FALSE.`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Logicals {
    /// `.TRUE.`
    pub yes: Vec<u8>,
    /// `.FALSE.`
    pub no: Vec<u8>,
}

static LOGICALS: Local<Option<Logicals>> = Local::new(None);
static INFO: Local<Option<Info>> = Local::new(None);

/// Keys that give the size of a type in bytes, with the type's handle.
const SIZES: [(&CStr, usize); 4] = [
    (c"mpi_logical_size", 0x218),
    (c"mpi_integer_size", 0x219),
    (c"mpi_real_size", 0x21a),
    (c"mpi_double_precision_size", 0x21c),
];

/// `MPI_Abi_set_fortran_booleans`.
///
/// # Errors
/// `MPI_ERR_ABI`: they were set before. `MPI_ERR_ARG`: the size is none that a
/// logical has.
pub fn set_logicals(logicals: Logicals) -> Result<()> {
    check_size(logicals.yes.len())?;
    LOGICALS.with(|known| match known {
        Some(_) => fail!(ABI, "Fortran's logical values were set before"),
        None => {
            *known = Some(logicals);
            Ok(())
        }
    })
}

/// `MPI_Abi_get_fortran_booleans`, for logicals of `size` bytes.
///
/// # Errors
/// `MPI_ERR_ARG`: they were set with another size, or no logical has this one.
pub fn logicals(size: usize) -> Result<Option<Logicals>> {
    check_size(size)?;
    let known = LOGICALS.with(|known| known.clone());
    if let Some(known) = &known
        && known.yes.len() != size
    {
        let have = known.yes.len();
        fail!(
            ARG,
            "logical_size is {size}, but the values were set with {have} bytes"
        );
    }
    Ok(known)
}

fn check_size(size: usize) -> Result<()> {
    if !matches!(size, 1 | 2 | 4 | 8 | 16) {
        fail!(ARG, "logical_size is {size}, but must be 1, 2, 4, 8 or 16");
    }
    Ok(())
}

/// `MPI_Abi_set_fortran_info`.
///
/// # Errors
/// `MPI_ERR_ABI`: it was set before, or gives a type another size than the
/// library's type of that name has.
pub fn set_info(info: Info) -> Result<()> {
    for (key, raw) in SIZES {
        let Some(said) = info.text(key) else { continue };
        let have = predefined(raw).map_or(0, |datatype| datatype.size());
        if said.trim().parse() != Ok(have) {
            let key = key.to_string_lossy();
            fail!(
                ABI,
                "{key} is {said:?}, but this library's type has {have} bytes"
            );
        }
    }
    INFO.with(|known| match known {
        Some(_) => fail!(ABI, "what the Fortran compiler does was set before"),
        None => {
            *known = Some(info);
            Ok(())
        }
    })
}

/// `MPI_Abi_get_fortran_info`: nothing until it was set.
#[must_use]
pub fn info() -> Option<Info> {
    INFO.with(|known| known.clone())
}

/// `MPI_Abi_get_info`: the sizes of the ABI's integers.
#[must_use]
pub fn abi_info() -> Info {
    let mut info = Info::default();
    for key in [c"mpi_aint_size", c"mpi_count_size", c"mpi_offset_size"] {
        info.set(key, c"8");
    }
    info
}

const _: () = assert!(size_of::<isize>() == 8);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Class;
    use crate::lock;

    #[test]
    fn what_is_said_of_fortran_must_fit_and_is_said_once() {
        let _inside = lock::inside();
        let mut wrong = Info::default();
        wrong.set(c"mpi_integer_size", c"8");
        assert_eq!(set_info(wrong).unwrap_err().class(), Class::ABI);
        assert!(info().is_none());
        let mut right = Info::default();
        right.set(c"mpi_integer_size", c"4");
        set_info(right.clone()).unwrap();
        assert_eq!(set_info(right).unwrap_err().class(), Class::ABI);
        assert!(info().is_some());

        assert!(logicals(3).is_err() && logicals(4).unwrap().is_none());
        let said = Logicals {
            yes: vec![1, 0, 0, 0],
            no: vec![0; 4],
        };
        set_logicals(said.clone()).unwrap();
        assert_eq!(logicals(4).unwrap(), Some(said));
        assert!(logicals(8).is_err());
    }
}
