//! Recognizes programs that are built for another MPI. Each rank of such a program would find
//! no launcher of its own and run as a job of one rank: the same work N times, and no error.
//!
//! The libraries that a program needs stand in its file and in the files of these libraries.
//! What a script, an interpreter or a debugger starts later is not known here.

use crate::elf;
use crate::loader::{ElfFile, Loader};
use crate::plan::App;
use crate::program::ProgramError;
use std::collections::HashSet;

/// The library of the standard ABI. Ours replaces it, whoever has built it.
const STANDARD_ABI: &str = "libmpi_abi.so";

/// Prefixes of libraries' names, and the MPI that they belong to.
const OTHER_MPIS: [(&str, &str); 16] = [
    ("libmpi.so.40", "Open MPI"),
    ("libmpi.so.20", "Open MPI"),
    (
        "libmpi.so.12",
        "MPICH, Intel MPI or another with MPICH's ABI",
    ),
    ("libmpi.so", "another MPI"),
    ("libmpi_mpifh.so", "Open MPI"),
    ("libmpi_usempi", "Open MPI"),
    ("libmpi_cxx.so", "Open MPI"),
    ("libmpich", "MPICH"),
    (
        "libmpifort.so",
        "MPICH, Intel MPI or another with MPICH's ABI",
    ),
    (
        "libmpicxx.so",
        "MPICH, Intel MPI or another with MPICH's ABI",
    ),
    ("libmpi_cray", "Cray MPICH"),
    ("libmpi_gnu", "Cray MPICH"),
    ("libmpi_intel", "Cray MPICH"),
    ("libmpi_nvidia", "Cray MPICH"),
    ("libmpi_mt.so", "another MPI"),
    ("libmpi++", "another MPI"),
];

/// Prefixes of the names of system libraries, which need no MPI.
const SYSTEM_LIBRARIES: [&str; 9] = [
    "libc.so",
    "libm.so",
    "libdl.so",
    "librt.so",
    "libpthread.so",
    "libgcc_s.so",
    "libstdc++.so",
    "ld-linux",
    "linux-vdso",
];

/// Libraries that are read at the most.
const MAX_LIBRARIES: usize = 1000;

/// Another MPI's library that a program needs.
#[derive(Debug, PartialEq, Eq)]
struct ForeignLibrary {
    /// Its name.
    name: String,
    /// The MPI that it belongs to.
    mpi: &'static str,
    /// The library that needs it. None: the program itself does.
    needed_by: Option<String>,
}

/// Refuses a program that is built for another MPI. `inherit`: the program inherits mpirun's
/// environment.
///
/// # Errors
/// Which MPI it is, how that is known, and what would be right.
pub fn check(app: &App, inherit: bool) -> Result<(), ProgramError> {
    let path = app.variable("LD_LIBRARY_PATH", inherit);
    let Some(links) = elf::links(&app.file) else {
        return Ok(());
    };
    let program = ElfFile {
        path: app.file.clone(),
        links,
    };
    let Some(foreign) = find(&program, &Loader::new(&path.unwrap_or_default())) else {
        return Ok(());
    };
    let by = foreign
        .needed_by
        .map_or("it".to_owned(), |by| format!("its library {by}"));
    Err(ProgramError::NotExecutable(format!(
        "program {} is built for {}: {by} needs {}. Its ranks would not find each other here: \
         each would run alone. Build it with the mpicc beside this mpirun, or start it with \
         the mpirun of its own MPI (--allow-other-mpi runs it anyway)",
        app.name.display(),
        foreign.mpi,
        foreign.name
    )))
}

/// The first library of another MPI that a program needs. None if it also needs the standard
/// ABI's library: then the other one is a layer above it.
fn find(program: &ElfFile, loader: &Loader) -> Option<ForeignLibrary> {
    let mut first = None;
    let mut seen = HashSet::new();
    let mut ahead: Vec<ElfFile> = Vec::new();
    let mut image = None;
    for _ in 0..MAX_LIBRARIES {
        let at = image.as_ref().unwrap_or(program);
        let standard = |n: &String| base(n).starts_with(STANDARD_ABI);
        if at.links.needed.iter().any(standard) {
            return None;
        }
        for name in &at.links.needed {
            let base = base(name);
            if SYSTEM_LIBRARIES.iter().any(|s| base.starts_with(s)) || !seen.insert(name.clone()) {
                continue;
            }
            if let Some(mpi) = mpi_of(base) {
                first.get_or_insert_with(|| ForeignLibrary {
                    name: name.clone(),
                    mpi,
                    needed_by: image.as_ref().map(|i| i.path.display().to_string()),
                });
            }
            ahead.extend(loader.find(name, at, program));
        }
        image = ahead.pop();
        if image.is_none() {
            break;
        }
    }
    first
}

/// A library's name without its folder.
fn base(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// The other MPI that a library of this name belongs to, if any.
fn mpi_of(base: &str) -> Option<&'static str> {
    let found = OTHER_MPIS.iter().find(|(start, _)| base.starts_with(start));
    found.map(|(_, mpi)| *mpi)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_of_other_mpis_are_known() {
        assert_eq!(mpi_of("libmpi.so.40"), Some("Open MPI"));
        assert_eq!(mpi_of("libmpi.so.40.30.1"), Some("Open MPI"));
        assert!(mpi_of("libmpi.so.12").unwrap().contains("Intel MPI"));
        assert_eq!(mpi_of("libmpi.so"), Some("another MPI"));
        assert_eq!(mpi_of("libmpich.so.10"), Some("MPICH"));
        for other in [
            "libmpi_abi.so.1",
            "libmpi_rs.so",
            "libmpc.so.3",
            "libc.so.6",
        ] {
            assert_eq!(mpi_of(other), None, "{other}");
        }
    }

    #[test]
    fn this_test_needs_no_mpi() {
        let path = std::env::current_exe().unwrap();
        let links = elf::links(&path).unwrap();
        let loader = Loader::new("".as_ref());
        assert_eq!(find(&ElfFile { path, links }, &loader), None);
    }
}
