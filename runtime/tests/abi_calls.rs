//! `docs/calls.md` is a table of all calls, made from the sources; here it is
//! made again and compared. `LARIAT_BLESS=1 cargo test -p lariat --test abi_calls`
//! writes it anew.

mod common;

use lariat::abi::coll::{MPI_Barrier, MPI_Bcast_c, MPI_Bcast_init, MPI_Ibcast_c};
use lariat::abi::types::{MPI_Comm, MPI_Count, MPI_Datatype, MPI_Info, MPI_Request};
use std::ffi::{c_int, c_void};
use std::fmt::Write;

fn document() -> String {
    let calls = common::sources();
    let finished = calls.values().filter(|call| call.finished).count();
    let mut text = String::from(
        "# Every call of the standard ABI\n\n\
         Made from the sources by `LARIAT_BLESS=1 cargo test -p lariat --test abi_calls`; a test \
         keeps it true.\nA call that is not finished is exported and fails with \
         `MPI_ERR_UNSUPPORTED_OPERATION`\nthrough the error handler. Files are below \
         `runtime/src/abi/`. The ten functions\nthat MPI 3.0 removed are exported beside them, for \
         programs built before (`removed.rs`).\n\n",
    );
    let open = calls.len() - finished;
    writeln!(
        text,
        "{} calls: {finished} finished, {open} unsupported.\n",
        calls.len()
    )
    .unwrap();
    text.push_str("| call | file | section of MPI 5.0 | state |\n|---|---|---|---|\n");
    for call in calls.values() {
        let state = if call.finished {
            "finished"
        } else {
            "unsupported"
        };
        let (name, file, section) = (&call.name, &call.file, &call.section);
        writeln!(text, "| {name} | {file} | {section} | {state} |").unwrap();
    }
    text
}

#[test]
fn the_table_of_calls_is_true() {
    let path = common::here().join("../docs/calls.md");
    let wanted = document();
    if std::env::var_os("LARIAT_BLESS").is_some() {
        std::fs::write(&path, wanted).expect("docs is writable");
        return;
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == wanted,
        "docs/calls.md is stale: run LARIAT_BLESS=1 cargo test -p lariat --test abi_calls"
    );
}

#[test]
fn every_function_of_the_standard_stands_in_the_sources() {
    let calls = common::sources();
    let wanted = common::table("functions");
    for [name, _, _] in &wanted {
        assert!(calls.contains_key(name), "{name} is missing in src/abi");
    }
    assert_eq!(
        calls.len(),
        wanted.len(),
        "src/abi has functions that are not the standard's"
    );
    let names: Vec<&str> = calls.keys().map(String::as_str).collect();
    assert_eq!(names, wireup::calls::CALL_NAMES, "wireup's list of calls");
}

/// The Rust type of a C parameter.
fn rust(param: &str) -> Option<String> {
    let callbacks = common::table("callbacks");
    let param = param.trim();
    if param == "void" || param == "..." {
        return None;
    }
    let array = param.matches('[').count();
    let param = param.split('[').next().unwrap();
    let name = param.rfind(|c: char| !c.is_alphanumeric() && c != '_')?;
    let (c, constant) = match param[..=name].trim().strip_prefix("const ") {
        Some(c) => (c, true),
        None => (param[..=name].trim(), false),
    };
    let base = c.trim_end_matches(['*', ' ']);
    if callbacks
        .iter()
        .any(|row| row[0] == base && row[1] != "alias")
    {
        return Some(base.to_owned());
    }
    let base = match base {
        "int" => "c_int",
        "void" => "c_void",
        "char" => "c_char",
        other => other,
    };
    if array == 2 {
        return Some(format!("*mut [{base}; 3]"));
    }
    let stars = c.matches('*').count() + array;
    let first = if constant { "*const " } else { "*mut " };
    Some((0..stars).fold(base.to_owned(), |ty, i| {
        format!("{}{ty}", if i == 0 { first } else { "*mut " })
    }))
}

#[test]
fn rust_signatures_are_the_standards() {
    let calls = common::sources();
    for [name, _, params] in common::table("functions") {
        let wanted: Vec<String> = params.split(',').filter_map(rust).collect();
        assert_eq!(calls[&name].params, wanted, "{name}({params})");
    }
}

/// The sources of a collective give its parameters once, and the macro `collectives!` appends
/// to them. That this compiles shows that it appends what the tests above suppose.
#[test]
fn the_forms_of_a_collective_have_the_parameters_that_are_appended() {
    let _: unsafe extern "C" fn(MPI_Comm) -> c_int = MPI_Barrier;
    let _: unsafe extern "C" fn(*mut c_void, MPI_Count, MPI_Datatype, c_int, MPI_Comm) -> c_int =
        MPI_Bcast_c;
    let _: unsafe extern "C" fn(
        *mut c_void,
        MPI_Count,
        MPI_Datatype,
        c_int,
        MPI_Comm,
        *mut MPI_Request,
    ) -> c_int = MPI_Ibcast_c;
    let _: unsafe extern "C" fn(
        *mut c_void,
        c_int,
        MPI_Datatype,
        c_int,
        MPI_Comm,
        MPI_Info,
        *mut MPI_Request,
    ) -> c_int = MPI_Bcast_init;
}
