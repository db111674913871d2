//! Every prototype of `mpi.h` resolves in the shared library under both names,
//! at one address, and the header's prototypes are the standard's.

mod common;

use std::collections::BTreeMap;
use std::ffi::CString;

/// What MPI 3.0 removed (MPI 5.0, section 17.1): in the library for old programs.
const REMOVED: [&str; 10] = [
    "MPI_Address",
    "MPI_Errhandler_create",
    "MPI_Errhandler_get",
    "MPI_Errhandler_set",
    "MPI_Type_extent",
    "MPI_Type_hindexed",
    "MPI_Type_hvector",
    "MPI_Type_lb",
    "MPI_Type_struct",
    "MPI_Type_ub",
];

/// `name → "return type(parameters)"`, spaces evened out.
fn prototypes() -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    // What is indented is the body of an inline function.
    let header = common::read("include/mpi.h");
    for line in header.lines().filter(|line| !line.starts_with(' ')) {
        let Some((head, params)) = line.strip_suffix(");").and_then(|l| l.split_once('(')) else {
            continue;
        };
        let Some((returns, name)) = head.rsplit_once(' ') else {
            continue;
        };
        if name.starts_with("MPI_") || name.starts_with("PMPI_") {
            found.insert(name.to_owned(), format!("{returns}({params})"));
        }
    }
    found.retain(|_, what| !what.starts_with("typedef"));
    found
}

#[test]
fn prototypes_are_the_standards_under_both_names() {
    let found = prototypes();
    let wanted = common::table("functions");
    assert_eq!(found.len(), 2 * wanted.len());
    for [name, returns, params] in wanted {
        // The same type; written as arrays, gcc warns of MPI_UNWEIGHTED, which is none.
        let params = ["weights", "sourceweights", "destweights"]
            .iter()
            .fold(params, |params, name| {
                params.replace(&format!("int {name}[]"), &format!("int *{name}"))
            });
        let prototype = format!("{returns}({params})");
        assert_eq!(found[&name], prototype, "{name}");
        assert_eq!(found[&format!("P{name}")], prototype, "P{name}");
    }
}

/// Every inline function of `mpi.h` has its profiled twin.
#[test]
fn inline_functions_stand_under_both_names() {
    let header = common::read("include/mpi.h");
    let mut inline = header.lines().filter_map(|line| {
        let line = line
            .strip_prefix("LARIAT_")
            .filter(|line| line.contains('{'))?;
        line.split(['(', ' ']).find(|word| {
            word.trim_start_matches('P').starts_with("MPI_") && line.contains(&format!(" {word}("))
        })
    });
    let mut names: Vec<&str> = inline.by_ref().collect();
    names.sort_unstable();
    let plain: Vec<&str> = names
        .iter()
        .copied()
        .filter(|name| name.starts_with("MPI_"))
        .collect();
    assert_eq!(plain.len(), 24 + REMOVED.len(), "{plain:?}");
    for name in &plain {
        let twin = format!("P{name}");
        assert!(names.contains(&twin.as_str()), "{twin} is missing");
    }
    assert_eq!(names.len(), 2 * plain.len());
}

#[test]
fn every_prototype_resolves_at_one_address() {
    let path = CString::new(common::library().into_os_string().into_encoded_bytes()).unwrap();
    // SAFETY: the library runs no code when it is loaded.
    let library = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
    assert!(!library.is_null(), "dlopen fails");
    let address = |name: &str| {
        let symbol = CString::new(name).unwrap();
        // SAFETY: the handle was returned by dlopen and is never closed.
        let at = unsafe { libc::dlsym(library, symbol.as_ptr()) };
        assert!(!at.is_null(), "{name} is not exported");
        at
    };
    let names = prototypes();
    assert!(!names.is_empty());
    let removed = REMOVED.map(str::to_owned);
    for name in &removed {
        assert!(!names.contains_key(name), "{name} is a prototype of mpi.h");
    }
    for name in names
        .keys()
        .chain(&removed)
        .filter(|name| name.starts_with("MPI_"))
    {
        assert_eq!(address(name), address(&format!("P{name}")), "{name}");
    }
}
