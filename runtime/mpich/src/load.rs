//! Loads `libmpi_abi.so.1` when this library is loaded.

use crate::abi::over;
use crate::callee;
use std::ffi::{CStr, CString, OsStr, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::ptr::null_mut;
use std::sync::atomic::AtomicPtr;
use std::sync::atomic::Ordering::Relaxed;

const LIBRARY: &str = "libmpi_abi.so.1";

static OP_CREATE: AtomicPtr<c_void> = AtomicPtr::new(null_mut());
static TAKE_NUMBER_OF_CODES: AtomicPtr<c_void> = AtomicPtr::new(null_mut());
static ERRHANDLER_CREATE: AtomicPtr<c_void> = AtomicPtr::new(null_mut());

/// `lariat_op_create` of the library below.
pub fn op_create() -> over::OpCreate {
    // SAFETY: `load` put a function of this type there, or ended the process.
    unsafe { std::mem::transmute::<*mut c_void, over::OpCreate>(OP_CREATE.load(Relaxed)) }
}

/// `lariat_errhandler_create` of the library below.
pub fn errhandler_create() -> over::ErrhandlerCreate {
    let at = ERRHANDLER_CREATE.load(Relaxed);
    // SAFETY: as above.
    unsafe { std::mem::transmute::<*mut c_void, over::ErrhandlerCreate>(at) }
}

/// `lariat_take_number_of_codes` of the library below.
pub fn take_number_of_codes() -> over::TakeNumberOfCodes {
    let at = TAKE_NUMBER_OF_CODES.load(Relaxed);
    // SAFETY: as above.
    unsafe { std::mem::transmute::<*mut c_void, over::TakeNumberOfCodes>(at) }
}

/// The loader calls it before the program's own code.
#[cfg_attr(not(test), used)]
#[cfg_attr(not(test), unsafe(link_section = ".init_array"))]
#[cfg_attr(test, allow(dead_code, reason = "unit tests need no library below"))]
static AT_LOAD: extern "C" fn() = load;

/// Fills the table of functions. The process ends if there is nothing to fill it with: the
/// program cannot run a single call.
extern "C" fn load() {
    let library = open().unwrap_or_else(|why| give_up(&why));
    let find = |name: &CStr| {
        // SAFETY: a library that is never closed; a C string.
        let at = unsafe { libc::dlsym(library, name.as_ptr()) };
        if at.is_null() {
            let name = name.to_string_lossy();
            give_up(&format!(
                "{LIBRARY} is of another version: it has no {name}"
            ));
        }
        at
    };
    for (place, name) in callee::TABLE.iter().zip(callee::NAMES) {
        place.store(find(name), Relaxed);
    }
    OP_CREATE.store(find(c"lariat_op_create"), Relaxed);
    ERRHANDLER_CREATE.store(find(c"lariat_errhandler_create"), Relaxed);
    TAKE_NUMBER_OF_CODES.store(find(c"lariat_take_number_of_codes"), Relaxed);
    let lies_over = find(c"lariat_lies_over");
    // SAFETY: the library's function of this type.
    let lies_over = unsafe { std::mem::transmute::<*mut c_void, over::LiesOver>(lies_over) };
    // SAFETY: an address in this library, which is never unloaded.
    unsafe { lies_over(load as *const c_void) }
}

/// Opens the library that lies beside this one, or else the one that the loader finds.
fn open() -> Result<*mut c_void, String> {
    let beside = own_folder().map(|folder| folder.join(LIBRARY));
    let beside = beside.filter(|path| path.exists());
    let path = beside.unwrap_or_else(|| PathBuf::from(LIBRARY));
    let text = CString::new(path.as_os_str().as_bytes()).map_err(|why| why.to_string())?;
    // SAFETY: a C string; the library's own constructors need nothing.
    let library = unsafe { libc::dlopen(text.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
    if !library.is_null() {
        return Ok(library);
    }
    // SAFETY: a string of the loader's, or null.
    let why = unsafe { libc::dlerror() };
    let why = match why.is_null() {
        true => "no reason is given".into(),
        // SAFETY: as above; it stays until the next call of the loader's.
        false => unsafe { CStr::from_ptr(why) }.to_string_lossy(),
    };
    Err(format!("{} cannot be loaded: {why}", path.display()))
}

/// The folder that this library's file is in, links followed.
fn own_folder() -> Option<PathBuf> {
    // SAFETY: zero is a value of each field.
    let mut info: libc::Dl_info = unsafe { std::mem::zeroed() };
    let here = load as *const c_void;
    // SAFETY: any address may be asked for; fills a local of the right type.
    let known = unsafe { libc::dladdr(here, &raw mut info) };
    if known == 0 || info.dli_fname.is_null() {
        return None;
    }
    // SAFETY: a string of the loader's.
    let name = unsafe { CStr::from_ptr(info.dli_fname) };
    let path = std::fs::canonicalize(OsStr::from_bytes(name.to_bytes())).ok()?;
    Some(path.parent()?.to_owned())
}

fn give_up(why: &str) -> ! {
    eprintln!("lariat: libmpi.so.12: {why}");
    // SAFETY: ends the process without the exit functions of libraries that were not
    // initialized.
    unsafe { libc::_exit(127) }
}
