//! Who may import whom: reads the `use` lines and paths of the sources against
//! the tables in docs/architecture.md, and fails on an upward import.

use lariat_tests::workspace;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

const OURS: [&str; 6] = [
    "wireup",
    "compilers",
    "btl_shm",
    "btl_net",
    "lariat",
    "mpi_sys",
];

/// The rows of the table in docs/architecture.md whose first column is headed
/// `what`: a name, and what it may name.
fn table(what: &str) -> Vec<(String, Vec<String>)> {
    let text = std::fs::read_to_string(workspace().join("docs/architecture.md"));
    let text = text.expect("docs/architecture.md can be read");
    let head = format!("| {what} |");
    let rows = text
        .lines()
        .skip_while(|line| !line.starts_with(&head))
        .skip(2);
    let rows: Vec<_> = rows
        .take_while(|line| line.starts_with('|'))
        .filter_map(|line| {
            let mut names = line.split('`').skip(1).step_by(2).map(str::to_owned);
            Some((names.next()?, names.collect()))
        })
        .collect();
    assert!(
        !rows.is_empty(),
        "no table of every {what} in docs/architecture.md"
    );
    rows
}

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
    let modules = table("module");
    let mut wrong = Vec::new();
    let mut used = HashSet::new();
    for path in sources(&top) {
        let inside = path.strip_prefix(&top).expect("found below it");
        let first = inside.components().next().expect("a file has a name");
        let module = first.as_os_str().to_string_lossy().replace(".rs", "");
        if module == "lib" {
            continue;
        }
        let Some((_, may)) = modules.iter().find(|(name, _)| *name == module) else {
            wrong.push(format!("{}: no row for it in the table", path.display()));
            continue;
        };
        let text = std::fs::read_to_string(&path).expect("a source can be read");
        // Unit tests may look where they like.
        let text = text.split("#[cfg(test)]").next().unwrap_or_default();
        for (line, name) in named_after(text, "crate::") {
            // Macros are named like modules; only modules count.
            let known = modules.iter().any(|(other, _)| *other == name);
            if known && name != module && !may.contains(&name) {
                wrong.push(format!(
                    "{}:{line}: {module} imports {name}",
                    path.display()
                ));
            }
            used.insert((module.clone(), name));
        }
    }
    for (module, may) in modules {
        for name in may {
            if !used.contains(&(module.clone(), name.clone())) {
                wrong.push(format!("{module} may name {name}, and does not"));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "the sources and docs/architecture.md differ:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn crates_import_only_those_below() {
    let mut wrong = Vec::new();
    for (folder, may) in table("crate") {
        for path in sources(&workspace().join(folder).join("src")) {
            let text = std::fs::read_to_string(&path).expect("a source can be read");
            let forbidden = OURS
                .iter()
                .filter(|other| !may.contains(&(**other).to_owned()));
            for other in forbidden {
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
    for folder in [
        "runtime", "btl-shm", "btl-net", "launcher", "tests", "examples",
    ] {
        let folder = workspace().join(folder);
        if !folder.exists() {
            continue;
        }
        for path in sources(&folder) {
            if path.ends_with("tests.rs") {
                continue;
            }
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
