//! Makes this library's exported functions from the standard's tables and the numbers of
//! MPICH's ABI. Those of which types and roles do not say enough are written by hand, in
//! `src/by_hand`; the rest is made here. It also gives the library its name.

mod families;
mod functions;
mod handles;
mod tables;

use functions::Roles;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn main() {
    let here = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets it"));
    let standard = here.join("../tests/data");
    let own = here.join("data");
    println!("cargo:rerun-if-changed=build");

    let constants = tables::constants(&standard.join("constants.tsv"), &own.join("constants.tsv"));
    let all = tables::functions(&standard.join("functions.tsv"));
    let by_hand = by_hand(&here.join("src/by_hand"));
    let (written, made): (Vec<_>, Vec<_>) = all
        .iter()
        .cloned()
        .partition(|function| by_hand.contains(&function.name));
    assert!(
        written.len() > 10,
        "the functions that are written by hand were not found"
    );
    let roles = Roles(tables::rows(&own.join("roles.tsv")));

    let write = |name: &str, text: String| {
        let path = out.join(name);
        std::fs::write(&path, text).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
    };
    write("number.rs", families::source(&constants));
    write("predefined.rs", handles::source(&constants));
    write("callee.rs", functions::callees(&all));
    write("exports.rs", functions::exports(&made, &roles));

    println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libmpi.so.12");
    println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
}

/// The names of the functions that are written by hand.
fn by_hand(folder: &Path) -> BTreeSet<String> {
    println!("cargo:rerun-if-changed={}", folder.display());
    let mut names = BTreeSet::new();
    for entry in std::fs::read_dir(folder).expect("the folder is there") {
        let text = std::fs::read_to_string(entry.expect("readable").path()).expect("UTF-8");
        let starts = text.lines().filter_map(|line| {
            let name = line.trim_start().strip_prefix("fn MPI_")?;
            name.split('(').next()
        });
        names.extend(starts.map(|name| format!("MPI_{name}")));
    }
    names
}
