//! Finds a program before anything is started, so that an error is reported once and not by
//! every rank.

use std::ffi::OsStr;
use std::fmt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Why a program cannot be run.
#[derive(Debug, PartialEq, Eq)]
pub enum ProgramError {
    /// There is no such file.
    NotFound(String),
    /// There is one, but it cannot be executed.
    NotExecutable(String),
}

impl ProgramError {
    /// The code that a shell exits with in the same case.
    pub fn code(&self) -> u8 {
        match self {
            ProgramError::NotFound(_) => 127,
            ProgramError::NotExecutable(_) => 126,
        }
    }
}

impl fmt::Display for ProgramError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (ProgramError::NotFound(why) | ProgramError::NotExecutable(why)) = self;
        f.write_str(why)
    }
}

/// Finds `program` as a shell would. A name with a slash is a path, relative to `dir`, the
/// directory in which the rank will start. Any other name is looked for along `path`, the
/// value of PATH.
///
/// # Errors
/// What is wrong, and what would be right.
pub fn resolve(program: &OsStr, dir: &Path, path: &OsStr) -> Result<PathBuf, ProgramError> {
    let shown = program.display();
    if program.as_encoded_bytes().contains(&b'/') {
        let full = dir.join(program);
        return check(&full).map(|()| full);
    }
    let mut refused = None;
    for place in std::env::split_paths(path) {
        let full = dir.join(place).join(program);
        match check(&full) {
            Ok(()) => return Ok(full),
            Err(why @ ProgramError::NotExecutable(_)) if refused.is_none() && !full.is_dir() => {
                refused = Some(why);
            }
            Err(_) => {}
        }
    }
    if let Some(why) = refused {
        return Err(why);
    }
    let here = dir.join(program);
    let hint = match here.is_file() {
        true => format!("; {} exists: write ./{shown}", here.display()),
        false => String::new(),
    };
    Err(ProgramError::NotFound(format!(
        "program {shown} is not found in PATH ({}){hint}",
        path.display()
    )))
}

/// Checks that this file can be executed.
fn check(full: &Path) -> Result<(), ProgramError> {
    let shown = full.display();
    let meta = match std::fs::metadata(full) {
        Ok(meta) => meta,
        Err(why) if why.kind() == std::io::ErrorKind::PermissionDenied => {
            return Err(ProgramError::NotExecutable(format!(
                "program {shown} cannot be reached: {why}"
            )));
        }
        Err(why) => {
            return Err(ProgramError::NotFound(format!(
                "program {shown} is not found: {why}"
            )));
        }
    };
    if meta.is_dir() {
        return Err(ProgramError::NotExecutable(format!(
            "program {shown} is a directory, not an executable file"
        )));
    }
    let mode = meta.permissions().mode();
    if mode & 0o111 == 0 {
        return Err(ProgramError::NotExecutable(format!(
            "program {shown} is not executable (mode {:04o}); chmod +x makes it so",
            mode & 0o7777
        )));
    }
    let access = nix::unistd::access(full, nix::unistd::AccessFlags::X_OK);
    access.map_err(|why| {
        ProgramError::NotExecutable(format!(
            "program {shown} is not executable for this user: {}",
            why.desc()
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::{ProgramError, resolve};
    use std::ffi::OsStr;
    use std::path::Path;

    fn find(name: &str) -> Result<std::path::PathBuf, ProgramError> {
        resolve(
            OsStr::new(name),
            Path::new(env!("CARGO_MANIFEST_DIR")),
            OsStr::new("/nowhere:/usr/bin:/bin"),
        )
    }

    #[test]
    fn names_go_along_the_path() {
        assert!(find("sh").unwrap().ends_with("bin/sh"));
        assert!(find("/bin/sh").is_ok());
    }

    #[test]
    fn what_is_wrong_is_said() {
        let said = find("no-such-program").unwrap_err();
        assert_eq!(said.code(), 127);
        assert!(said.to_string().contains("/nowhere"), "{said}");
        let said = find("./Cargo.toml").unwrap_err();
        assert_eq!(said.code(), 126);
        assert!(said.to_string().contains("chmod"), "{said}");
        assert_eq!(find("./src").unwrap_err().code(), 126);
        let said = find("Cargo.toml").unwrap_err();
        assert!(said.to_string().contains("./Cargo.toml"), "{said}");
    }
}
