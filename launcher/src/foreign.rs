//! Recognizes programs that are built for another MPI. One in C with MPICH's ABI gets Lariat's
//! library of that ABI, unchanged. Each rank of any other would find no launcher of its own and run as a
//! job of one rank: the same work N times, and no error.
//!
//! The libraries that a program needs stand in its file and in the files of these libraries.
//! What a script, an interpreter or a debugger starts later is not known here.

use crate::elf;
use crate::loader::{ElfFile, Loader};
use crate::plan::{self, App};
use crate::program::ProgramError;
use crate::tree;
use std::collections::HashSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The library of the standard ABI. Ours replaces it, whoever has built it.
const STANDARD_ABI: &str = "libmpi_abi.so";

/// Libraries of MPICH's ABI, which Lariat's own takes the place of: that of MPICH and its relatives,
/// Debian's name for it, and the one for Fortran that Intel's mpicc links programs in C with.
const MPICH_ABI: [&str; 3] = ["libmpi.so.12", "libmpich.so.12", "libmpifort.so.12"];
/// That for Fortran. Lariat's in its place has no functions for Fortran.
const FORTRAN: &str = "libmpifort.so.12";
/// Lariat's, in `lib`.
const OWN_MPICH_ABI: &str = "libmpi.so.12";
/// The folder of links to it under the other names.
const MPICH_FOLDER: &str = "lib/lariat/mpich";

/// Prefixes of libraries' names, and the MPI that they belong to.
const OTHER_MPIS: [(&str, &str); 15] = [
    ("libmpi.so.40", "Open MPI"),
    ("libmpi.so.20", "Open MPI"),
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

/// What a program needs of MPIs.
#[derive(Debug, PartialEq, Eq)]
enum Need {
    /// None, or the standard ABI's library.
    Nothing,
    /// A library of MPICH's ABI. True: the loader would take another file than Lariat's.
    MpichAbi(bool),
    /// A library of MPICH's ABI for Fortran.
    Fortran(FortranCall),
    /// Another MPI's library.
    Foreign(ForeignLibrary),
}

/// A function of MPI's binding for Fortran that a program calls, and no library here has.
#[derive(Debug, PartialEq, Eq)]
struct FortranCall {
    /// Its name, as in the file.
    function: String,
    /// The library that calls it. None: the program itself does.
    needed_by: Option<String>,
}

/// Gives a program with MPICH's ABI Lariat's library of it, and refuses a program that is built for
/// any other MPI. Returns a line for
/// `--verbose`, if there is anything to say.
///
/// # Errors
/// Which MPI it is, how that is known, and what would be right.
pub fn check(app: &mut App) -> Result<Option<String>, ProgramError> {
    let Some(links) = elf::links(&app.file) else {
        return Ok(None);
    };
    let program = ElfFile {
        path: app.file.clone(),
        links,
    };
    let own = tree::lib_in_lists().map(|lib| lib.join(OWN_MPICH_ABI));
    let own = own.ok().filter(|own| own.exists());
    let given = |app: &App| app.variable("LD_LIBRARY_PATH").unwrap_or_default();
    let mut path = given(app);
    if let Some(folder) = &mpich_folder() {
        plan::prepend(&mut path, folder);
    }
    match find(&program, &Loader::new(&path), own.as_deref()) {
        Need::Nothing => Ok(None),
        Need::MpichAbi(is_other_first) => {
            app.vars.insert("LD_LIBRARY_PATH".into(), path);
            let own = own.expect("the need says that it is there");
            let name = app.name.display().to_string();
            if is_other_first {
                // DT_RPATH, or a path in place of a name: only what is preloaded comes first.
                preload(app, &own);
            }
            Ok(Some(format!(
                "{name} is built for MPICH's ABI and gets {}",
                own.display()
            )))
        }
        Need::Fortran(call) => Err(refusal_of_fortran(app, call)),
        Need::Foreign(foreign) => Err(refusal(app, foreign)),
    }
}

/// The program itself, or one of its libraries, as the subject of a sentence.
fn subject(library: Option<String>) -> String {
    library.map_or("it".to_owned(), |library| format!("its library {library}"))
}

fn refusal_of_fortran(app: &App, call: FortranCall) -> ProgramError {
    ProgramError::NotExecutable(format!(
        "program {} is built for MPICH's ABI and calls MPI from Fortran: {} needs {}. Lariat has \
         that ABI for C only, and no {FORTRAN} with functions for Fortran. Start it with the \
         mpirun of its own MPI (--allow-other-mpi runs it anyway, each rank alone)",
        app.name.display(),
        subject(call.needed_by),
        call.function
    ))
}

fn refusal(app: &App, foreign: ForeignLibrary) -> ProgramError {
    let by = subject(foreign.needed_by);
    ProgramError::NotExecutable(format!(
        "program {} is built for {}: {by} needs {}. Its ranks would not find each other here: \
         each would run alone. Build it with the mpicc beside this mpirun, or start it with \
         the mpirun of its own MPI (--allow-other-mpi runs it anyway)",
        app.name.display(),
        foreign.mpi,
        foreign.name
    ))
}

/// The folder of links to Lariat's library of MPICH's ABI, in a form that can stand in a list.
fn mpich_folder() -> Option<PathBuf> {
    // Where the tree's own path cannot stand in a list, `lib` can, through a descriptor.
    let lib = tree::lib_in_lists().ok()?;
    let inside = Path::new(MPICH_FOLDER).strip_prefix("lib").ok()?;
    Some(lib.join(inside)).filter(|folder| folder.exists())
}

/// Adds a library to what is preloaded into a program, behind the user's own ones: a tool of
/// the user's still sees every call.
fn preload(app: &mut App, library: &Path) {
    let mut list: OsString = app.variable("LD_PRELOAD").unwrap_or_default();
    if !list.is_empty() {
        list.push(":");
    }
    list.push(library);
    app.vars.insert("LD_PRELOAD".into(), list);
}

/// What a program needs of MPIs. It needs nothing foreign if it also needs the standard ABI's
/// library: then the other one is a layer above it. `own`: Lariat's library of MPICH's ABI.
fn find(program: &ElfFile, loader: &Loader, own: Option<&Path>) -> Need {
    let own_file = own.and_then(|own| std::fs::canonicalize(own).ok());
    let is_own = |found: Option<&ElfFile>| {
        let found = found.and_then(|found| std::fs::canonicalize(&found.path).ok());
        found.is_some() && found == own_file
    };
    let mut first = None;
    let mut mpich = None;
    let mut seen = HashSet::new();
    let mut ahead: Vec<ElfFile> = Vec::new();
    let mut image = None;
    let mut read = Vec::new();
    for _ in 0..MAX_LIBRARIES {
        let at = image.as_ref().unwrap_or(program);
        read.push(at.path.clone());
        let standard = |n: &String| base(n).starts_with(STANDARD_ABI);
        if at.links.needed.iter().any(standard) {
            return Need::Nothing;
        }
        for name in &at.links.needed {
            let base = base(name);
            if SYSTEM_LIBRARIES.iter().any(|s| base.starts_with(s)) || !seen.insert(name.clone()) {
                continue;
            }
            let found = loader.find(name, at, program);
            if own_file.is_some() && MPICH_ABI.contains(&base) {
                // A layer above the standard ABI that goes by this name is no MPI of its own.
                let layer = found
                    .as_ref()
                    .filter(|f| f.links.needed.iter().any(standard));
                if layer.is_some() {
                    return Need::Nothing;
                }
                let other = !is_own(found.as_ref());
                mpich = Some(other || mpich.unwrap_or(false));
                continue;
            }
            if let Some(mpi) = mpi_of(base) {
                first.get_or_insert_with(|| ForeignLibrary {
                    name: name.clone(),
                    mpi,
                    needed_by: image.as_ref().map(|i| i.path.display().to_string()),
                });
            }
            ahead.extend(found);
        }
        image = ahead.pop();
        if image.is_none() {
            break;
        }
    }
    match (mpich, first) {
        (None, None) => Need::Nothing,
        (_, Some(foreign)) if !(mpich.is_some() && is_layer(&foreign.name)) => {
            Need::Foreign(foreign)
        }
        (other, _) => match seen.contains(FORTRAN).then(|| fortran_call(&read)) {
            Some(Some(call)) => Need::Fortran(call),
            _ => Need::MpichAbi(other == Some(true)),
        },
    }
}

/// A function for Fortran that one of these images calls and none has, if there is any. The
/// first image is the program. Compilers for C link with the library for Fortran too, so that
/// the need of that library alone tells nothing.
fn fortran_call(images: &[PathBuf]) -> Option<FortranCall> {
    let functions = images.iter().map(|path| elf::fortran_functions(path));
    let functions: Vec<_> = functions.map(Option::unwrap_or_default).collect();
    let defined: HashSet<&String> = functions.iter().flat_map(|f| &f.defined).collect();
    let calls = functions.iter().enumerate();
    let mut missing = calls.flat_map(|(at, f)| f.called.iter().map(move |name| (at, name)));
    let (at, function) = missing.find(|(_, name)| !defined.contains(name))?;
    Some(FortranCall {
        function: function.clone(),
        needed_by: (at > 0).then(|| images[at].display().to_string()),
    })
}

/// Whether a library of MPICH's lies above its library of C and calls little but what an ABI
/// describes: Debian's bindings of Fortran and C++. `libmpicxx.so.12` of Intel's cannot be loaded
/// without functions inside of Intel's library.
fn is_layer(name: &str) -> bool {
    ["libmpichfort.so.12", "libmpichcxx.so.12"].contains(&base(name))
}

/// A library's name without its folder.
fn base(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// The other MPI that a library of this name belongs to, if any.
fn mpi_of(base: &str) -> Option<&'static str> {
    if MPICH_ABI.contains(&base) {
        return Some("MPICH, Intel MPI or another with MPICH's ABI"); // this tree lacks its own
    }
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
        assert!(mpi_of("libmpicxx.so.12").unwrap().contains("Intel MPI"));
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
        assert_eq!(find(&ElfFile { path, links }, &loader, None), Need::Nothing);
    }
}
