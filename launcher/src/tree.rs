//! The installed tree that mpirun lies in, as the loader of ranks can be told of it.

use std::ffi::OsStr;
use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// The directory of the libraries: `lib` beside the `bin` that mpirun lies in.
///
/// # Errors
/// mpirun cannot find itself.
pub fn lib() -> Result<PathBuf, String> {
    let exe = std::env::current_exe().map_err(|why| format!("mpirun cannot find itself: {why}"))?;
    let prefix = exe.parent().and_then(Path::parent).unwrap_or(&exe);
    Ok(prefix.join("lib"))
}

/// That directory under a name that can stand in `LD_LIBRARY_PATH` and, with a
/// file behind it, in `LD_PRELOAD`.
///
/// The loader ends a name at spaces, colons and semicolons, puts other text in
/// for some that begin with `$`, and knows no way to write these. A tree with
/// such a path is named by a descriptor of mpirun, which lives as long as all
/// processes of the job: a descriptor of their own they might close.
///
/// # Errors
/// Why there is no such name.
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
        let _ = HELD.set(dir); // mpirun plans with one thread
    }
    let held = HELD.get().expect("it was set above").as_raw_fd();
    let name = PathBuf::from(format!("/proc/{}/fd/{held}", std::process::id()));
    match std::fs::metadata(&name) {
        Ok(_) => Ok(name),
        Err(why) => Err(fail(&why)),
    }
}

/// Whether the loader takes this path as it is, wherever it stands in a list.
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
