//! Every prototype of `mpi.h` resolves in the shared library under both names,
//! at one address, and the header's prototypes are the standard's.

mod common;

use std::collections::BTreeMap;
use std::ffi::CString;

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
    for name in names.keys().filter(|name| name.starts_with("MPI_")) {
        assert_eq!(address(name), address(&format!("P{name}")), "{name}");
    }
}
