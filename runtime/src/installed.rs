//! Where what belongs to this library is installed.

use std::ffi::{CStr, OsStr};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// The `mpirun` of this installation: beside the library's folder, else the one in `PATH` if
/// a library lies beside that.
///
/// # Errors
/// There is none.
pub fn mpirun() -> io::Result<PathBuf> {
    let beside = library().and_then(|library| Some(library.parent()?.parent()?.join("bin/mpirun")));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let named = std::env::split_paths(&path)
        .map(|dir| dir.join("mpirun"))
        .filter(|file| {
            let real = file.canonicalize().unwrap_or_default();
            let top = real.parent().and_then(|bin| bin.parent());
            top.is_some_and(|top| top.join("lib/libmpi_abi.so.1").exists())
        });
    let mut all = beside.into_iter().chain(named);
    all.find(|file| file.is_file()).ok_or_else(|| {
        io::Error::other(
            "Lariat's mpirun is neither beside the library nor in PATH: start the program by it, or add its folder to PATH",
        )
    })
}

/// The file that this library was loaded from.
fn library() -> Option<PathBuf> {
    let mut found = std::mem::MaybeUninit::<libc::Dl_info>::zeroed();
    let here = (library as *const ()).cast::<libc::c_void>();
    // SAFETY: looks up an address of this library, and fills a local.
    let got = unsafe { libc::dladdr(here, found.as_mut_ptr()) };
    // SAFETY: zeroed, or filled by dladdr.
    let name = unsafe { found.assume_init() }.dli_fname;
    if got == 0 || name.is_null() {
        return None;
    }
    // SAFETY: the loader's own string, which lives as long as this library.
    let name = unsafe { CStr::from_ptr(name) };
    std::fs::canonicalize(OsStr::from_bytes(name.to_bytes())).ok()
}
