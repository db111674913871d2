//! Every prototype of `mpi.h` resolves in the shared library under both names,
//! at one address, and the header's prototypes are the standard's.

#[path = "../../tests/common/mod.rs"]
mod common;

#[test]
fn prototypes_are_the_standards_under_both_names() {
    let found = common::prototypes();
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
    assert_eq!(plain.len(), 24 + common::REMOVED.len(), "{plain:?}");
    for name in &plain {
        let twin = format!("P{name}");
        assert!(names.contains(&twin.as_str()), "{twin} is missing");
    }
    assert_eq!(names.len(), 2 * plain.len());
}

#[test]
fn every_prototype_resolves_at_one_address() {
    common::resolves_at_one_address(&common::library());
}
