//! Finding a rank's program before anything is started, so that what is wrong
//! with it is said once and in words.

use std::ffi::OsStr;
use std::fmt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Why a program cannot be run.
#[derive(Debug, PartialEq, Eq)]
pub enum Unusable {
    /// There is no such file; a hint may follow.
    NotFound(String),
    /// There is one, but it cannot be executed; why.
    NotExecutable(String),
}

impl Unusable {
    /// What a shell exits with in the same case.
    pub fn code(&self) -> u8 {
        match self {
            Unusable::NotFound(_) => 127,
            Unusable::NotExecutable(_) => 126,
        }
    }
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Unusable::NotFound(why) | Unusable::NotExecutable(why)) = self;
        f.write_str(why)
    }
}

/// Finds `program` as a shell would: a name with a slash as it stands (from
/// `dir`, where the rank will start), any other along `path` (the value of PATH).
///
/// # Errors
/// What is wrong, and what would be right.
pub fn resolve(program: &OsStr, dir: &Path, path: &OsStr) -> Result<PathBuf, Unusable> {
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
            Err(why @ Unusable::NotExecutable(_)) if refused.is_none() && !full.is_dir() => {
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
    Err(Unusable::NotFound(format!(
        "program {shown} is not found in PATH ({}){hint}",
        path.display()
    )))
}

fn check(full: &Path) -> Result<(), Unusable> {
    let shown = full.display();
    let meta = match std::fs::metadata(full) {
        Ok(meta) => meta,
        Err(why) if why.kind() == std::io::ErrorKind::PermissionDenied => {
            return Err(Unusable::NotExecutable(format!(
                "program {shown} cannot be reached: {why}"
            )));
        }
        Err(why) => {
            return Err(Unusable::NotFound(format!(
                "program {shown} is not found: {why}"
            )));
        }
    };
    if meta.is_dir() {
        return Err(Unusable::NotExecutable(format!(
            "program {shown} is a directory: a file that can be executed is wanted"
        )));
    }
    let mode = meta.permissions().mode();
    if mode & 0o111 == 0 {
        return Err(Unusable::NotExecutable(format!(
            "program {shown} is not executable (mode {:04o}); chmod +x makes it so",
            mode & 0o7777
        )));
    }
    let may = nix::unistd::access(full, nix::unistd::AccessFlags::X_OK);
    may.map_err(|why| {
        Unusable::NotExecutable(format!(
            "program {shown} is not executable for this user: {}",
            why.desc()
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::{Unusable, resolve};
    use std::ffi::OsStr;
    use std::path::Path;

    fn find(name: &str) -> Result<std::path::PathBuf, Unusable> {
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
