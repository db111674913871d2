//! Programs that are built for another MPI. Each of their ranks would find no
//! launcher of its own and run as a job of one: the same work N times, and no error.
//!
//! What a program needs stands in its file, and in those of the libraries that it is
//! linked with. What a script, an interpreter or a debugger goes on to start cannot
//! be seen from here.

use crate::elf;
use crate::loader::{Found, Loader};
use crate::plan::App;
use crate::program::Unusable;
use std::collections::HashSet;
use std::ffi::OsStr;

/// Our own, and any other library with the standard ABI, which ours replaces.
const STANDARD: &str = "libmpi_abi.so";

/// Beginnings of libraries' names, and whose they are.
const OTHERS: [(&str, &str); 16] = [
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

/// Libraries of every system, which need no MPI.
const SYSTEM: [&str; 9] = [
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

/// Libraries that are looked into at the most.
const MOST: usize = 1000;

/// Another MPI's library that a program needs.
#[derive(Debug, PartialEq, Eq)]
struct Foreign {
    /// Its name.
    library: String,
    /// Whose it is.
    whose: &'static str,
    /// The library that needs it; none: the program itself.
    by: Option<String>,
}

/// Refuses a program that is built for another MPI. `inherit`: it finds mpirun's
/// environment too.
///
/// # Errors
/// Which MPI, how that is known, and what would be right.
pub fn check(app: &App, inherit: bool) -> Result<(), Unusable> {
    let variable = "LD_LIBRARY_PATH";
    let set = app.vars.get(OsStr::new(variable)).cloned();
    let inherited = inherit.then(|| std::env::var_os(variable)).flatten();
    let path = set.or(inherited).unwrap_or_default();
    let Some(links) = elf::links(&app.file) else {
        return Ok(());
    };
    let program = Found {
        path: app.file.clone(),
        links,
    };
    let Some(foreign) = look(&program, &Loader::new(&path)) else {
        return Ok(());
    };
    let by = foreign
        .by
        .map_or("it".to_owned(), |by| format!("its library {by}"));
    Err(Unusable::NotExecutable(format!(
        "program {} is built for {}: {by} needs {}. Its ranks would not find each other here, \
         each would run alone. Build it with the mpicc beside this mpirun, or start it with \
         the mpirun of its own MPI (--allow-other-mpi runs it all the same)",
        app.name.display(),
        foreign.whose,
        foreign.library
    )))
}

/// Another MPI's library in what a program needs, unless it has the standard ABI's
/// too: then the other one is a layer over it.
fn look(program: &Found, loader: &Loader) -> Option<Foreign> {
    let mut first = None;
    let mut seen = HashSet::new();
    let mut ahead: Vec<Found> = Vec::new();
    let mut image = None;
    for _ in 0..MOST {
        let at = image.as_ref().unwrap_or(program);
        let standard = |n: &String| base(n).starts_with(STANDARD);
        if at.links.needed.iter().any(standard) {
            return None;
        }
        for name in &at.links.needed {
            let base = base(name);
            if SYSTEM.iter().any(|s| base.starts_with(s)) || !seen.insert(name.clone()) {
                continue;
            }
            if let Some(whose) = whose(base) {
                first.get_or_insert_with(|| Foreign {
                    library: name.clone(),
                    whose,
                    by: image.as_ref().map(|i| i.path.display().to_string()),
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

/// Whose MPI a library of this name is.
fn whose(base: &str) -> Option<&'static str> {
    let found = OTHERS.iter().find(|(start, _)| base.starts_with(start));
    found.map(|(_, whose)| *whose)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_of_other_mpis_are_known() {
        assert_eq!(whose("libmpi.so.40"), Some("Open MPI"));
        assert_eq!(whose("libmpi.so.40.30.1"), Some("Open MPI"));
        assert!(whose("libmpi.so.12").unwrap().contains("Intel MPI"));
        assert_eq!(whose("libmpi.so"), Some("another MPI"));
        assert_eq!(whose("libmpich.so.10"), Some("MPICH"));
        for other in [
            "libmpi_abi.so.1",
            "libmpi_rs.so",
            "libmpc.so.3",
            "libc.so.6",
        ] {
            assert_eq!(whose(other), None, "{other}");
        }
    }

    #[test]
    fn this_test_needs_no_mpi() {
        let path = std::env::current_exe().unwrap();
        let links = elf::links(&path).unwrap();
        let loader = Loader::new(OsStr::new(""));
        assert_eq!(look(&Found { path, links }, &loader), None);
    }
}
