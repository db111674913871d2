//! Finding libfabric, and its few functions. All others are reached through the objects
//! that these make.

use crate::NetError;
use crate::api::{fi_info, fid_fabric};
use libc::{c_char, c_int, c_void};
use std::ffi::{CStr, CString};
use std::sync::OnceLock;

/// `fi_getinfo`.
type GetInfo = extern "C" fn(
    u32,
    *const c_char,
    *const c_char,
    u64,
    *const fi_info,
    *mut *mut fi_info,
) -> c_int;

/// `dlopen`.
#[cfg(target_env = "gnu")]
type OpenLibrary = unsafe extern "C" fn(*const c_char, c_int) -> *mut c_void;

/// libfabric's functions.
pub(crate) struct Library {
    pub(crate) version: Version,
    pub(crate) getinfo: GetInfo,
    pub(crate) dupinfo: extern "C" fn(*const fi_info) -> *mut fi_info,
    pub(crate) freeinfo: extern "C" fn(*mut fi_info),
    pub(crate) fabric: extern "C" fn(*mut c_void, *mut *mut fid_fabric, *mut c_void) -> c_int,
    pub(crate) strerror: extern "C" fn(c_int) -> *const c_char,
}

/// A version of libfabric.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Version {
    /// The first number.
    pub major: u32,
    /// The second.
    pub minor: u32,
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// The oldest version whose providers are known here.
const OLDEST: Version = Version {
    major: 1,
    minor: 17,
};

/// Variables that keep libfabric from patching the C library for its cache of
/// registrations, which the shared heap and the hooks of this library would meet. What the
/// user has set stays.
const QUIET: [(&CStr, &CStr); 1] = [(c"FI_MR_CACHE_MONITOR", c"disabled")];

/// The version of libfabric that is found here.
///
/// # Errors
/// There is none, or it is too old.
pub fn version() -> Result<Version, NetError> {
    load().map(|library| library.version)
}

/// Loads libfabric, once.
pub(crate) fn load() -> Result<&'static Library, NetError> {
    static LIBRARY: OnceLock<Result<Library, NetError>> = OnceLock::new();
    LIBRARY.get_or_init(find).as_ref().map_err(Clone::clone)
}

/// Other C libraries know no versions of symbols, and their static programs load nothing.
#[cfg(not(target_env = "gnu"))]
fn find() -> Result<Library, NetError> {
    Err(NetError::new(
        "a job on several hosts loads libfabric, for which the program has to be linked with \
         glibc",
    ))
}

#[cfg(target_env = "gnu")]
fn find() -> Result<Library, NetError> {
    for (name, value) in QUIET {
        // SAFETY: two strings; a variable that is there stays. No other thread changes the
        // environment: this runs inside MPI_Init.
        unsafe { libc::setenv(name.as_ptr(), value.as_ptr(), 0) };
    }
    let given = std::env::var_os("LARIAT_LIBFABRIC").filter(|name| !name.is_empty());
    let name = given.map_or_else(
        || CString::from(c"libfabric.so.1"),
        |name| CString::new(name.into_encoded_bytes()).unwrap_or_default(),
    );
    // By its name: a static program that refers to it is linked with a warning, and has none.
    // SAFETY: looks up a NUL-terminated name.
    let dlopen = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"dlopen".as_ptr()) };
    if dlopen.is_null() {
        return Err(NetError::new(
            "a job on several hosts loads libfabric, which a program that is linked statically \
             cannot do",
        ));
    }
    // SAFETY: the C library's function has this type.
    let dlopen = unsafe { std::mem::transmute::<*mut c_void, OpenLibrary>(dlopen) };
    // SAFETY: a string. The constructors of a library are its own business.
    let handle = unsafe { dlopen(name.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
    if handle.is_null() {
        return Err(NetError::new(format!(
            "a job on several hosts needs libfabric 1.17 or newer on each of them (Debian: \
             libfabric1; or LARIAT_LIBFABRIC=/path/of/libfabric.so.1), but {}",
            last_error()
        )));
    }
    let symbol = |name: &CStr, version: &CStr| {
        // SAFETY: an open library and two strings.
        let found = unsafe { libc::dlvsym(handle, name.as_ptr(), version.as_ptr()) };
        match found.is_null() {
            true => Err(NetError::new(format!(
                "libfabric is older than 1.17, or no libfabric: {}",
                last_error()
            ))),
            false => Ok(found),
        }
    };
    // The versions of the symbols say which layout their structures have.
    let version = symbol(c"fi_version", c"FABRIC_1.0")?;
    // SAFETY: fi_version of every libfabric takes nothing and returns a number.
    let version: extern "C" fn() -> u32 = unsafe { std::mem::transmute(version) };
    let number = version();
    let version = Version {
        major: number >> 16,
        minor: number & 0xffff,
    };
    if version < OLDEST {
        return Err(NetError::new(format!(
            "libfabric is version {version}, but a job on several hosts needs {OLDEST} or newer"
        )));
    }
    let getinfo = symbol(c"fi_getinfo", c"FABRIC_1.3")?;
    let dupinfo = symbol(c"fi_dupinfo", c"FABRIC_1.3")?;
    let freeinfo = symbol(c"fi_freeinfo", c"FABRIC_1.3")?;
    let fabric = symbol(c"fi_fabric", c"FABRIC_1.1")?;
    let strerror = symbol(c"fi_strerror", c"FABRIC_1.0")?;
    // SAFETY: functions of libfabric's with these arguments, under these names and
    // versions, in all versions.
    unsafe {
        Ok(Library {
            version,
            getinfo: std::mem::transmute::<*mut c_void, GetInfo>(getinfo),
            dupinfo: std::mem::transmute::<
                *mut c_void,
                extern "C" fn(*const fi_info) -> *mut fi_info,
            >(dupinfo),
            freeinfo: std::mem::transmute::<*mut c_void, extern "C" fn(*mut fi_info)>(freeinfo),
            fabric: std::mem::transmute::<
                *mut c_void,
                extern "C" fn(*mut c_void, *mut *mut fid_fabric, *mut c_void) -> c_int,
            >(fabric),
            strerror: std::mem::transmute::<*mut c_void, extern "C" fn(c_int) -> *const c_char>(
                strerror,
            ),
        })
    }
}

/// What the loader said last.
fn last_error() -> String {
    // SAFETY: has no preconditions; the text is copied at once.
    let text = unsafe { libc::dlerror() };
    match text.is_null() {
        true => "nothing is known of why".to_owned(),
        // SAFETY: a string of the loader's.
        false => unsafe { CStr::from_ptr(text) }
            .to_string_lossy()
            .into_owned(),
    }
}

impl Library {
    /// An error number of libfabric's in words.
    pub(crate) fn words(&self, error: c_int) -> String {
        let text = (self.strerror)(error.abs());
        match text.is_null() {
            true => format!("error {error}"),
            // SAFETY: a constant string of libfabric's.
            false => unsafe { CStr::from_ptr(text) }
                .to_string_lossy()
                .into_owned(),
        }
    }
}
