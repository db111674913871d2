//! The modules `mpi` and `mpi_f08`. Each version of a Fortran compiler has module files of its own
//! form, so they are made by the compiler that is to read them: once for each, by the first run of
//! the wrapper that can write into the tree, or into the user's cache where it cannot.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The module that is made last.
const LAST: &str = "mpi_f08.mod";

/// The directory of the modules for a compiler; they are made if they are not there.
///
/// # Errors
/// A sentence: the compiler cannot be run, or cannot compile the modules.
pub fn modules(root: &Path, compiler: &[OsString]) -> Result<PathBuf, String> {
    let source = root.join("share/lariat/fortran/mpi.f90");
    let name = name_of(&version(compiler)?);
    let places = places(root, &source, &name);
    if let Some(found) = places.iter().find(|place| place.join(LAST).is_file()) {
        return Ok(found.clone());
    }
    let mut first_failure = None;
    for place in &places {
        match make(place, &source, compiler) {
            Ok(()) => return Ok(place.clone()),
            Err(why) => first_failure = first_failure.or(Some(why)),
        }
    }
    Err(first_failure.unwrap_or_else(|| "there is no place for the modules".to_owned()))
}

/// Where the modules may be: in the tree, or in the user's cache, under a name that changes when
/// their source does.
fn places(root: &Path, source: &Path, name: &str) -> Vec<PathBuf> {
    let mut places = vec![root.join("include/lariat").join(name)];
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let cache = set("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(set("HOME")?).join(".cache")));
    let text = std::fs::read(source).unwrap_or_default();
    if let Some(cache) = cache {
        let name = format!("{name}-{:016x}", hash(&text));
        places.push(cache.join("lariat/fortran").join(name));
    }
    places
}

/// Flags that old programs need: with `mpif.h`, a procedure gets a buffer of another type with each
/// call, which gfortran refuses from its version 10 on.
pub fn flags(compiler: &[OsString]) -> Vec<OsString> {
    let version = version(compiler).unwrap_or_default();
    match major_of_gnu(&version) {
        Some(10..) => vec![OsString::from("-fallow-argument-mismatch")],
        _ => Vec::new(),
    }
}

/// The major version, if it is GNU's compiler.
fn major_of_gnu(version: &str) -> Option<u32> {
    let number = version
        .strip_prefix("GNU Fortran")?
        .split_whitespace()
        .last()?;
    number.split('.').next()?.parse().ok()
}

/// FNV-1a of 64 bits.
fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)
    })
}

/// The first line of what the compiler says of its version.
fn version(compiler: &[OsString]) -> Result<String, String> {
    let (program, options) = compiler
        .split_first()
        .ok_or("the compiler's name is empty")?;
    let output = Command::new(program)
        .args(options)
        .arg("--version")
        .output();
    let output = output.map_err(|why| format!("{} cannot be run: {why}", program.display()))?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    match said.lines().find(|line| !line.trim().is_empty()) {
        Some(line) => Ok(line.to_owned()),
        None => Err(format!("{} --version says nothing", program.display())),
    }
}

/// A directory's name that tells compilers and their versions apart.
fn name_of(version: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || ".+_~".contains(c);
    let words = version.split(|c| !plain(c)).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-")
}

/// Makes the modules in a directory of its own, which then gets its name: another wrapper that
/// does the same at this moment sees all or nothing.
fn make(place: &Path, source: &Path, compiler: &[OsString]) -> Result<(), String> {
    let (program, options) = compiler
        .split_first()
        .ok_or("the compiler's name is empty")?;
    if !source.is_file() {
        return Err(format!("{} is not there", source.display()));
    }
    let above = place.parent().ok_or("the directory has no name")?;
    let own = above.join(format!(".{}", std::process::id()));
    let made = std::fs::create_dir_all(&own);
    made.map_err(|why| format!("{}: {why}", own.display()))?;
    let mut command = Command::new(program);
    // No code is made from modules that only declare; the object is thrown away.
    command
        .args(options)
        .arg("-c")
        .arg(source)
        .args(["-o", "mpi.o"]);
    let outcome = command.current_dir(&own).output();
    let result = match outcome {
        Ok(output) if own.join(LAST).is_file() && output.status.success() => {
            let _ = std::fs::remove_file(own.join("mpi.o"));
            match std::fs::rename(&own, place) {
                _ if place.join(LAST).is_file() => Ok(()),
                Ok(()) => Ok(()),
                Err(why) => Err(format!("{}: {why}", place.display())),
            }
        }
        Ok(output) => Err(format!(
            "{} cannot compile {}:\n{}",
            program.display(),
            source.display(),
            String::from_utf8_lossy(&output.stderr)
                .lines()
                .take(12)
                .collect::<Vec<_>>()
                .join("\n")
        )),
        Err(why) => Err(format!("{} cannot be run: {why}", program.display())),
    };
    let _ = std::fs::remove_dir_all(&own);
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_become_names() {
        assert_eq!(
            name_of("GNU Fortran (Debian 12.2.0-14+deb12u1) 12.2.0"),
            "GNU-Fortran-Debian-12.2.0-14+deb12u1-12.2.0"
        );
        assert_eq!(name_of("../x y"), "..-x-y");
        assert_eq!(major_of_gnu("GNU Fortran (GCC) 9.4.0"), Some(9));
        assert_eq!(major_of_gnu("flang version 19.1.0"), None);
    }

    #[test]
    fn a_compiler_that_is_not_there_is_named() {
        let why = modules(Path::new("/nowhere"), &[OsString::from("/no/such/fc")]);
        assert!(why.unwrap_err().contains("/no/such/fc"));
        let why = make(
            Path::new("/nowhere/m"),
            Path::new("/no/mpi.f90"),
            &["true".into()],
        );
        assert!(why.unwrap_err().contains("/no/mpi.f90"));
    }
}
