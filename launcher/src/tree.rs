//! The installed tree that mpirun lies in, and names of it that the dynamic loader accepts.

use std::ffi::OsStr;
use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// mpirun's own file.
///
/// # Errors
/// It cannot be found.
pub fn mpirun() -> Result<PathBuf, String> {
    std::env::current_exe().map_err(|why| format!("mpirun cannot find its own file: {why}"))
}

/// A path in the tree: `inside` is relative to the folder that holds mpirun's `bin`.
///
/// # Errors
/// mpirun cannot find its own file.
pub fn path(inside: &str) -> Result<PathBuf, String> {
    let exe = mpirun()?;
    let top = exe.parent().and_then(Path::parent).unwrap_or(&exe);
    Ok(top.join(inside))
}

/// The directory of the libraries.
///
/// # Errors
/// mpirun cannot find its own file.
pub fn lib() -> Result<PathBuf, String> {
    path("lib")
}

/// The same directory in a form that can stand in `LD_LIBRARY_PATH`, and with a file's name
/// behind it in `LD_PRELOAD`.
///
/// The loader ends a name at spaces, colons and semicolons, replaces words that begin with
/// `$`, and knows no way to quote these. A tree with such a path is named through a
/// descriptor of mpirun's, which stays open as long as the job runs; a rank could close a
/// descriptor of its own.
///
/// # Errors
/// There is no such form; the text says why.
pub fn lib_in_lists() -> Result<PathBuf, String> {
    static HELD: OnceLock<File> = OnceLock::new();
    let lib = lib()?;
    if is_plain(lib.as_os_str()) {
        return Ok(lib);
    }
    let fail = |why: &dyn std::fmt::Display| {
        let shown = lib.display();
        format!("{shown}: a path with a space or one of :;$ needs /proc: {why}")
    };
    if HELD.get().is_none() {
        let dir = File::open(&lib).map_err(|why| fail(&why))?;
        let _ = HELD.set(dir); // mpirun has one thread here
    }
    let held = HELD.get().expect("it was set above").as_raw_fd();
    let name = PathBuf::from(format!("/proc/{}/fd/{held}", std::process::id()));
    match std::fs::metadata(&name) {
        Ok(_) => Ok(name),
        Err(why) => Err(fail(&why)),
    }
}

/// Whether the loader takes this path as it is, in any list.
fn is_plain(path: &OsStr) -> bool {
    let cut = |b: &u8| b":;$".contains(b) || b.is_ascii_whitespace();
    !path.as_bytes().iter().any(cut)
}

#[cfg(test)]
mod tests {
    use super::is_plain;
    use std::ffi::OsStr;

    #[test]
    fn what_the_loader_cuts_or_replaces_is_not_plain() {
        for path in ["/a b/lib", "/a:b/lib", "/a;b/lib", "/a\tb", "/$LIB/lib"] {
            assert!(!is_plain(OsStr::new(path)), "{path}");
        }
        assert!(is_plain(OsStr::new("/opt/l-1.0_x,y+z/lib'\"")));
    }
}
