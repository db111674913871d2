//! Arguments and results of file calls. Re-exported by `arg`.

use super::arg;
use super::callback::{
    ExtentForm, LargeForm, MPI_Datarep_conversion_function, MPI_Datarep_conversion_function_c,
    MPI_Datarep_extent_function, SmallForm,
};
use super::number::Number;
use super::types::{MPI_Datatype, MPI_File, MPI_Status};
use crate::error::Result;
use crate::fail;
use crate::file::access::Outcome;
use crate::file::memory::Memory;
use crate::object::file::datarep::{Conversion, ExtentFunction, LargeConversion, SmallConversion};
use crate::object::file::{self, File};
use std::ffi::c_void;
use std::sync::Arc;

/// The open file that a handle names.
///
/// # Errors
/// `MPI_ERR_FILE`.
pub fn file(fh: MPI_File) -> Result<Arc<File>> {
    file::get(fh.0)
}

/// The user's memory of an access.
///
/// # Safety
/// `buf` is good for `count` elements of the datatype until the access is over.
///
/// # Errors
/// A negative count, a datatype that is none or not committed.
pub unsafe fn memory(buf: *const c_void, n: impl Number, datatype: MPI_Datatype) -> Result<Memory> {
    // SAFETY: the reference ends here.
    let datatype = unsafe { arg::committed(datatype) }?.clone();
    Ok(Memory {
        addr: buf.cast_mut().cast(),
        count: arg::count(n)?,
        datatype,
    })
}

/// Writes what an access has moved, also where it has failed.
///
/// # Safety
/// `status` is `MPI_STATUS_IGNORE` or may be written.
///
/// # Errors
/// Why the access has failed.
pub unsafe fn finish(outcome: Outcome, status: *mut MPI_Status) -> Result<()> {
    // SAFETY: as the caller said.
    unsafe { arg::put_status(status, &outcome.completion()) };
    match outcome.failed {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

/// Somewhere to put a result, before it is made.
///
/// # Errors
/// `MPI_ERR_ARG`: a null pointer.
pub fn present<T>(at: *mut T, what: &str) -> Result<()> {
    if at.is_null() {
        fail!(ARG, "{what} is a null pointer");
    }
    Ok(())
}

/// Either form of a conversion function.
pub trait ConversionFunction {
    /// The function; `None`: `MPI_CONVERSION_FN_NULL`.
    fn conversion(self) -> Option<Conversion>;
}

impl ConversionFunction for MPI_Datarep_conversion_function {
    fn conversion(self) -> Option<Conversion> {
        let function = self?;
        // SAFETY: `MPI_Datatype` is a transparent wrapper of what the other type has in its place.
        let function = unsafe { std::mem::transmute::<SmallForm, SmallConversion>(function) };
        Some(Conversion::Small(function))
    }
}

impl ConversionFunction for MPI_Datarep_conversion_function_c {
    fn conversion(self) -> Option<Conversion> {
        let function = self?;
        // SAFETY: as above.
        let function = unsafe { std::mem::transmute::<LargeForm, LargeConversion>(function) };
        Some(Conversion::Large(function))
    }
}

/// The function that says what types take in a file.
///
/// # Errors
/// `MPI_ERR_ARG`: a null pointer.
pub fn extent_function(function: MPI_Datarep_extent_function) -> Result<ExtentFunction> {
    let Some(function) = function else {
        fail!(ARG, "dtype_file_extent_fn is a null pointer");
    };
    // SAFETY: as above.
    Ok(unsafe { std::mem::transmute::<ExtentForm, ExtentFunction>(function) })
}
