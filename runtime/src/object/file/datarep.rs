//! Data representations (MPI 5.0, section 14.5): those that every MPI has, and those that
//! the program registers.

use crate::error::{Class, Error, Result};
use crate::fail;
use crate::handle::Raw;
use crate::lock::{self, Local};
use crate::object::datatype::{self, Datatype, FileSizes};
use std::ffi::{c_int, c_void};
use std::sync::Arc;

/// `MPI_MAX_DATAREP_STRING`.
pub const MAX_NAME: usize = 128;

/// `MPI_Datarep_conversion_function`: the user's memory, its datatype, the number of basic
/// elements, their bytes in the file, the number of basic elements before them, extra state.
pub type SmallConversion =
    unsafe extern "C" fn(*mut c_void, Raw, c_int, *mut c_void, i64, *mut c_void) -> c_int;
/// `MPI_Datarep_conversion_function_c`.
pub type LargeConversion =
    unsafe extern "C" fn(*mut c_void, Raw, i64, *mut c_void, i64, *mut c_void) -> c_int;
/// `MPI_Datarep_extent_function`.
pub type ExtentFunction = unsafe extern "C" fn(Raw, *mut isize, *mut c_void) -> c_int;

/// A function that converts between memory and file.
#[derive(Clone, Copy, Debug)]
pub enum Conversion {
    /// As registered by `MPI_Register_datarep`.
    Small(SmallConversion),
    /// As registered by `MPI_Register_datarep_c`.
    Large(LargeConversion),
}

/// A representation that the program has registered.
#[derive(Debug)]
pub struct UserDatarep {
    /// Its name.
    pub name: String,
    /// From the file to memory; `None`: `MPI_CONVERSION_FN_NULL`.
    pub read: Option<Conversion>,
    /// From memory to the file; `None`: `MPI_CONVERSION_FN_NULL`.
    pub write: Option<Conversion>,
    /// Bytes of a predefined type in the file.
    pub extent: ExtentFunction,
    /// Passed to all functions.
    pub extra_state: *mut c_void,
}

// SAFETY: the pointer is passed on, and never followed here.
unsafe impl Send for UserDatarep {}
// SAFETY: as above.
unsafe impl Sync for UserDatarep {}

/// A data representation.
#[derive(Clone, Debug)]
pub enum Datarep {
    /// "native" and "internal": as in memory.
    Native {
        /// The name given.
        internal: bool,
    },
    /// "external32".
    External32,
    /// One that the program has registered.
    User(Arc<UserDatarep>),
}

impl Datarep {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Datarep::Native { internal: false } => "native",
            Datarep::Native { internal: true } => "internal",
            Datarep::External32 => "external32",
            Datarep::User(user) => &user.name,
        }
    }

    /// Whether data lies in the file as it does in memory.
    #[must_use]
    pub fn is_native(&self) -> bool {
        matches!(self, Datarep::Native { .. })
    }

    /// The representation with this name.
    ///
    /// # Errors
    /// There is none (`MPI_ERR_UNSUPPORTED_DATAREP`).
    pub fn named(name: &str) -> Result<Datarep> {
        match name {
            "native" => return Ok(Datarep::Native { internal: false }),
            "internal" => return Ok(Datarep::Native { internal: true }),
            "external32" => return Ok(Datarep::External32),
            _ => {}
        }
        let found = REGISTERED.with(|all| all.iter().find(|user| user.name == name).cloned());
        match found {
            Some(user) => Ok(Datarep::User(user)),
            None => fail!(
                UNSUPPORTED_DATAREP,
                "datarep is \"{name}\", which is none of \"native\", \"internal\", \"external32\" \
                 and what MPI_Register_datarep has registered"
            ),
        }
    }

    /// `datatype` as it lies in a file. Calls the program's function, with the library lock
    /// released, where the representation is the program's.
    ///
    /// # Errors
    /// The program's function failed, or no address space holds the type.
    pub fn in_file(&self, datatype: &Arc<Datatype>) -> Result<Arc<Datatype>> {
        match self {
            Datarep::Native { .. } => Ok(datatype.clone()),
            Datarep::External32 => datatype::in_external32(datatype),
            Datarep::User(user) => datatype::in_file(datatype, &mut UserSizes(user)),
        }
    }
}

/// Of a representation that the program has registered.
struct UserSizes<'a>(&'a UserDatarep);

impl FileSizes for UserSizes<'_> {
    fn size_of(&mut self, basic: &Arc<Datatype>) -> Result<usize> {
        let raw = datatype::handle_of(basic)?;
        let mut extent = 0isize;
        let UserDatarep {
            extent: function,
            extra_state,
            ref name,
            ..
        } = *self.0;
        // SAFETY: the program gave this function for this; the pointer is to a variable of ours.
        let code = lock::released(|| unsafe { function(raw, &raw mut extent, extra_state) });
        let basic = String::from_utf8_lossy(&basic.name()).into_owned();
        if code != 0 {
            fail!(
                CONVERSION,
                "dtype_file_extent_fn of datarep \"{name}\" returned {code} for {basic}"
            );
        }
        match usize::try_from(extent) {
            Ok(extent) if extent > 0 => Ok(extent),
            _ => fail!(
                CONVERSION,
                "dtype_file_extent_fn of datarep \"{name}\" says that {basic} has {extent} bytes"
            ),
        }
    }
}

static REGISTERED: Local<Vec<Arc<UserDatarep>>> = Local::new(Vec::new());

/// `MPI_Register_datarep`.
///
/// # Errors
/// A name that there is already (`MPI_ERR_DUP_DATAREP`), or one that is empty or too long.
pub fn register(new: UserDatarep) -> Result<()> {
    let name = &new.name;
    if name.is_empty() || name.len() >= MAX_NAME {
        fail!(
            ARG,
            "datarep \"{name}\" has {} bytes, but must have 1 to {}",
            name.len(),
            MAX_NAME - 1
        );
    }
    if Datarep::named(name).is_ok() {
        fail!(
            DUP_DATAREP,
            "there is a data representation \"{name}\" already"
        );
    }
    REGISTERED.with(|all| all.push(Arc::new(new)));
    Ok(())
}

impl UserDatarep {
    /// Calls one of its functions for `count` basic elements of `datatype`, `position` of them
    /// further on than `memory`; `file` holds or gets their bytes. Takes the library lock for
    /// the handle that the function gets, and calls it without.
    ///
    /// # Safety
    /// Both memories are good for what the function does with them, and this thread is not in
    /// the library, or has released it.
    ///
    /// # Errors
    /// The function failed (`MPI_ERR_CONVERSION`).
    pub unsafe fn convert(
        &self,
        conversion: Conversion,
        memory: *mut u8,
        datatype: &Arc<Datatype>,
        count: usize,
        file: *mut u8,
        position: usize,
    ) -> Result<()> {
        let count = count as i64;
        let raw = {
            let _inside = lock::enter();
            datatype::handle_of(datatype)?
        };
        let (memory, file) = (memory.cast(), file.cast());
        let (position, state) = (position as i64, self.extra_state);
        // SAFETY: the program gave the function for this; the rest as the caller said.
        let code = unsafe {
            match conversion {
                Conversion::Large(function) => {
                    Some(function(memory, raw, count, file, position, state))
                }
                Conversion::Small(function) => c_int::try_from(count)
                    .ok()
                    .map(|count| function(memory, raw, count, file, position, state)),
            }
        };
        if !datatype.is_permanent() {
            let _inside = lock::enter();
            datatype::free(raw)?;
        }
        let name = &self.name;
        match code {
            Some(0) => Ok(()),
            Some(code) => fail!(
                CONVERSION,
                "the conversion function of datarep \"{name}\" returned {code}"
            ),
            None => Err(Error::new(
                Class::COUNT,
                format!(
                    "{count} basic elements are more than the conversion function of datarep \
                     \"{name}\" can be told; MPI_Register_datarep_c takes one that can"
                ),
            )),
        }
    }
}
