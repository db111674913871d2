//! Who may import whom: reads the `use` lines and paths of the sources against
//! the table in docs/architecture.md, and fails on an upward import.

use lariat_tests::workspace;
use std::path::{Path, PathBuf};

/// Inside `runtime/src`: a module and those of ours that it may name.
const RUNTIME: [(&str, &[&str]); 14] = [
    ("error", &[]),
    ("lock", &[]),
    ("handle", &["error"]),
    ("job", &["error", "lock", "handle", "object"]),
    (
        "object",
        &["error", "lock", "handle", "job", "pml", "abi_types"],
    ),
    ("pml", &["error", "lock", "handle", "job", "object"]),
    ("coll", BELOW_ABI),
    ("topo", BELOW_ABI),
    ("rma", BELOW_ABI),
    ("io", BELOW_ABI),
    ("tool", BELOW_ABI),
    ("explain", BELOW_ABI),
    ("init", BELOW_ABI),
    ("process", BELOW_ABI),
];

const BELOW_ABI: &[&str] = &[
    "error", "lock", "handle", "job", "object", "pml", "coll", "topo", "rma", "io", "tool",
];

/// Crates of ours, where their sources are, and those of ours that they may name.
const CRATES: [(&str, &[&str]); 4] = [
    ("runtime/wireup/src", &[]),
    ("btl-shm/src", &["wireup"]),
    ("runtime/src", &["wireup", "btl_shm"]),
    ("launcher/src", &["wireup"]),
];

const OURS: [&str; 4] = ["wireup", "btl_shm", "lariat", "mpi_sys"];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let entries =
        std::fs::read_dir(folder).unwrap_or_else(|why| panic!("{}: {why}", folder.display()));
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
    found
}

/// The names that follow `prefix` anywhere in the code of a file, comments not
/// counted, with their line numbers.
fn named_after(text: &str, prefix: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut open = String::new();
    for (line, number) in text.lines().zip(1..) {
        // A `use` over several lines counts as one, at its last line.
        open += line.split("//").next().unwrap_or_default().trim();
        if open.contains("use ") && open.contains('{') && !open.contains(';') {
            continue;
        }
        let code = std::mem::take(&mut open);
        for (at, _) in code.match_indices(prefix) {
            let before = code[..at].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
                continue;
            }
            let rest = &code[at + prefix.len()..];
            if let Some(group) = rest.strip_prefix('{') {
                for part in group.trim_end_matches(['}', ';']).split(',') {
                    found.push((number, first_name(part)));
                }
            } else {
                found.push((number, first_name(rest)));
            }
        }
    }
    found.retain(|(_, name)| !name.is_empty());
    found
}

fn first_name(text: &str) -> String {
    let text = text.trim_start();
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_');
    text[..end.unwrap_or(text.len())].to_owned()
}

#[test]
fn nothing_in_the_runtime_imports_upward() {
    let top = workspace().join("runtime/src");
    let mut wrong = Vec::new();
    for path in sources(&top) {
        let inside = path.strip_prefix(&top).expect("found below it");
        let first = inside.components().next().expect("a file has a name");
        let module = first.as_os_str().to_string_lossy().replace(".rs", "");
        if module == "lib" || module == "abi" {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("a source can be read");
        // Unit tests may look where they like.
        let text = text.split("#[cfg(test)]").next().unwrap_or_default();
        let row = RUNTIME.iter().find(|(name, _)| *name == module);
        for (line, name) in named_after(text, "crate::") {
            let known = name == "abi" || RUNTIME.iter().any(|(other, _)| *other == name);
            let allowed =
                name == module || row.is_some_and(|(_, may)| may.contains(&name.as_str()));
            if known && !allowed {
                wrong.push(format!(
                    "{}:{line}: {module} imports {name}",
                    path.display()
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "upward imports:\n{}", wrong.join("\n"));
}

#[test]
fn crates_import_only_those_below() {
    let mut wrong = Vec::new();
    for (folder, may) in CRATES {
        for path in sources(&workspace().join(folder)) {
            let text = std::fs::read_to_string(&path).expect("a source can be read");
            for other in OURS.iter().filter(|other| !may.contains(other)) {
                for (line, _) in named_after(&text, &format!("{other}::")) {
                    wrong.push(format!("{}:{line}: names {other}", path.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "upward imports:\n{}", wrong.join("\n"));
}

#[test]
fn no_source_file_is_too_long() {
    let mut long = Vec::new();
    for folder in ["runtime", "btl-shm", "launcher", "tests", "examples"] {
        let folder = workspace().join(folder);
        if !folder.exists() {
            continue;
        }
        for path in sources(&folder) {
            let text = std::fs::read_to_string(&path).expect("a source can be read");
            let lines = text
                .split("#[cfg(test)]")
                .next()
                .map_or(0, |t| t.lines().count());
            if lines > 800 {
                long.push(format!("{}: {lines} lines", path.display()));
            }
        }
    }
    assert!(long.is_empty(), "split these: {}", long.join(", "));
}

#[test]
fn names_after_a_prefix_are_found() {
    let text = "use crate::{error::Class, pml};\nlet x = crate::coll::choose();\n// crate::abi\nmycrate::io();\nuse crate::{\n    topo::x,\n    rma,\n};";
    let names: Vec<String> = named_after(text, "crate::")
        .into_iter()
        .map(|n| n.1)
        .collect();
    assert_eq!(names, ["error", "pml", "coll", "topo", "rma"]);
}
