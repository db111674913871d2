//! Circles of imports: files that cannot be understood without one another. A path in
//! the code of a file leads to the file that defines what it names; unit tests do not
//! count, nor do comments and `mod` declarations.

mod graph;
mod source;

use graph::{circles, walk};
use lariat_tests::workspace;
use source::Crate;
use std::path::Path;
use std::sync::LazyLock;

/// The most files that a circle may have.
const LARGEST: usize = 3;

static RUNTIME: LazyLock<Crate> = LazyLock::new(|| load("runtime/src/lib.rs"));

fn load(root: &str) -> Crate {
    let read = |path: &Path| std::fs::read_to_string(workspace().join(path)).ok();
    Crate::load(Path::new(root), &read)
}

/// Each circle of the crate, as its files and a text that shows it.
fn circles_of(krate: &Crate) -> Vec<(Vec<String>, String)> {
    let edges = krate.edges();
    let name = |file: usize| krate.files[file].display().to_string();
    let mut all: Vec<(Vec<String>, String)> = Vec::new();
    for circle in circles(krate.files.len(), &edges) {
        let files: Vec<String> = circle.iter().map(|file| name(*file)).collect();
        let mut text = format!("a circle of {} files:\n", files.len());
        for step in walk(&circle, &edges).windows(2) {
            let line = edges[&(step[0], step[1])];
            text += &format!("  {}:{line} names {}\n", name(step[0]), name(step[1]));
        }
        all.push((files, text));
    }
    all
}

fn no_circle_is_large(krate: &Crate) {
    let large: String = circles_of(krate)
        .into_iter()
        .filter(|(files, _)| files.len() > LARGEST)
        .map(|(_, text)| text)
        .collect();
    assert!(
        large.is_empty(),
        "circles of more than {LARGEST} files:\n{large}"
    );
}

#[test]
fn no_circle_of_the_runtime_is_large() {
    no_circle_is_large(&RUNTIME);
}

#[test]
fn no_circle_of_the_wireup_is_large() {
    no_circle_is_large(&load("runtime/wireup/src/lib.rs"));
}

#[test]
fn no_circle_of_btl_shm_is_large() {
    no_circle_is_large(&load("btl-shm/src/lib.rs"));
}

#[test]
fn no_circle_of_the_launcher_is_large() {
    no_circle_is_large(&load("launcher/src/main.rs"));
    no_circle_is_large(&load("launcher/mpicc/src/main.rs"));
}

#[test]
fn no_file_of_the_pml_is_in_a_circle() {
    let mut wrong = String::new();
    for (files, text) in circles_of(&RUNTIME) {
        if files
            .iter()
            .any(|file| file.starts_with("runtime/src/pml/"))
        {
            wrong += &text;
        }
    }
    assert!(wrong.is_empty(), "circles in the pml:\n{wrong}");
}

#[test]
fn only_the_transport_of_the_pml_names_btl_shm() {
    let pml = RUNTIME.mentions().filter(|(file, mention)| {
        file.starts_with("runtime/src/pml") && mention.path[0] == "btl_shm"
    });
    let (transport, others): (Vec<_>, Vec<_>) = pml.partition(|(file, _)| {
        file.ends_with("pml/shm.rs") || file.starts_with("runtime/src/pml/shm")
    });
    let others: String = others
        .iter()
        .map(|(file, mention)| {
            format!(
                "{}:{}: {}\n",
                file.display(),
                mention.line,
                mention.path.join("::")
            )
        })
        .collect();
    assert!(
        others.is_empty(),
        "only pml/shm.rs and what is below it may name btl_shm:\n{others}"
    );
    assert!(
        !transport.is_empty(),
        "pml/shm.rs does not name btl_shm: has it moved?"
    );
}

/// The edges of a crate whose files are in `files`, as "file:line file".
fn edges_of(files: &[(&str, &str)]) -> Vec<String> {
    let read = |path: &Path| {
        let file = files.iter().find(|(name, _)| Path::new(name) == path);
        file.map(|(_, text)| (*text).to_owned())
    };
    let krate = Crate::load(Path::new(files[0].0), &read);
    let name = |file: usize| krate.files[file].display().to_string();
    let edges = krate.edges();
    let show = |((from, to), line): (&(usize, usize), &usize)| {
        format!("{}:{line} {}", name(*from), name(*to))
    };
    let mut all: Vec<String> = edges.iter().map(show).collect();
    all.sort();
    all
}

#[test]
fn a_path_leads_to_the_file_that_it_names() {
    let edges = edges_of(&[
        ("lib.rs", "mod a;\nmod b;\npub mod deep;\n"),
        (
            "a.rs",
            "fn f(x: &crate::b::B) { x.super_(); }\nuse std::io;\n",
        ),
        (
            "b.rs",
            "pub struct B;\nfn g() {\n  vec![super::deep::inner::C::new()];\n}\n",
        ),
        ("deep/mod.rs", "mod inner;\nfn h() { inner::C::new(); }\n"),
        (
            "deep/inner.rs",
            "pub(super) struct C;\npub(in crate::deep) fn d() {}\n",
        ),
    ]);
    assert_eq!(
        edges,
        [
            "a.rs:1 b.rs",
            "b.rs:3 deep/inner.rs",
            "deep/mod.rs:2 deep/inner.rs"
        ]
    );
}

#[test]
fn a_file_that_lies_elsewhere_has_its_modules_beside_it() {
    let edges = edges_of(&[
        ("lib.rs", "#[path = \"far/x.rs\"]\nmod x;\n"),
        ("far/x.rs", "mod y;\nuse y::Y;\n"),
        ("far/y.rs", "pub struct Y;\n"),
    ]);
    assert_eq!(edges, ["far/x.rs:2 far/y.rs"]);
}

#[test]
fn a_re_export_is_followed_and_counts_itself() {
    let edges = edges_of(&[
        ("lib.rs", "mod user;\nmod deep;\n"),
        (
            "user.rs",
            "use crate::deep::{\n  self,\n  Renamed as Other,\n};\nfn f() { deep::call(); }",
        ),
        (
            "deep/mod.rs",
            "mod x;\nmod y;\npub use x::X as Renamed;\npub use y::*;\n",
        ),
        ("deep/x.rs", "pub struct X;\nuse super::call;"),
        ("deep/y.rs", "pub fn call() {}\n"),
    ]);
    let expected = [
        "deep/mod.rs:3 deep/x.rs",
        "deep/mod.rs:4 deep/y.rs",
        "deep/x.rs:2 deep/y.rs",
        "user.rs:2 deep/mod.rs",
        "user.rs:3 deep/x.rs",
        "user.rs:5 deep/y.rs",
    ];
    assert_eq!(edges, expected);
}

#[test]
fn what_a_glob_or_a_macro_brings_counts() {
    let edges = edges_of(&[
        (
            "lib.rs",
            "#[macro_use]\nmod mac;\nmod all;\nmod user;\nmod kinds;",
        ),
        (
            "mac.rs",
            "#[macro_export]\nmacro_rules! fail { () => { $crate::kinds::Kind } }",
        ),
        ("all.rs", "pub use crate::kinds::*;\n"),
        ("kinds.rs", "make! { Kind }\npub fn made() {}"),
        (
            "user.rs",
            "use super::all::*;\nfn f() {\n crate::fail!();\n made();\n}\n",
        ),
    ]);
    let expected = [
        "all.rs:1 kinds.rs",
        "mac.rs:2 kinds.rs",
        "user.rs:1 all.rs",
        "user.rs:3 mac.rs",
        "user.rs:4 kinds.rs",
    ];
    assert_eq!(edges, expected);
}

#[test]
fn tests_comments_and_strings_do_not_count() {
    let edges = edges_of(&[
        ("lib.rs", "mod a;\nmod b;\n#[cfg(test)]\nmod tests;"),
        (
            "a.rs",
            "//! [`crate::b`]\n/// super::b::B\nconst A: &str = \"crate::b::B\";\n\
             /// Docs.\n#[inline]\n#[cfg(test)]\nuse crate::b::{B, C};\n\
             #[cfg(all(test, not(loom)))]\nmod tests { use super::super::b::B; }\n",
        ),
        ("b.rs", "#[cfg(not(test))]\nuse crate::a::A;\npub struct B;"),
    ]);
    assert_eq!(edges, ["b.rs:2 a.rs"]);
}

#[test]
fn a_circle_is_shown_through_all_its_files() {
    let edges = graph::Edges::from([
        ((0, 1), 1),
        ((1, 2), 1),
        ((2, 0), 1),
        ((2, 3), 1),
        ((3, 2), 1),
        ((4, 0), 1),
    ]);
    let found = circles(5, &edges);
    assert_eq!(found, [vec![0, 1, 2, 3]]);
    assert_eq!(walk(&found[0], &edges), [0, 1, 2, 3, 2, 0]);
}
