//! What the documents say of files and of numbers that can be counted.

use lariat_tests::workspace;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|why| panic!("{}: {why}", path.display()))
}

/// README, changelog and so on, and all below `docs`.
fn documents() -> Vec<PathBuf> {
    let top = workspace();
    let mut all = Vec::new();
    for folder in ["", "docs", "docs/decisions"] {
        let entries = std::fs::read_dir(top.join(folder)).expect("the folder can be read");
        let paths = entries.map(|entry| entry.expect("it can be read").path());
        all.extend(paths.filter(|path| path.extension().is_some_and(|e| e == "md")));
    }
    all
}

/// The targets of the links in a text, without their anchors.
fn links(text: &str) -> Vec<&str> {
    let ends = text.split("](").skip(1);
    let targets = ends.filter_map(|rest| rest.split(')').next());
    targets
        .map(|target| target.split('#').next().unwrap_or_default())
        .filter(|target| !target.is_empty() && !target.contains(char::is_whitespace))
        .collect()
}

#[test]
fn links_lead_to_files() {
    let mut wrong = Vec::new();
    let documents = documents();
    assert!(documents.len() > 30);
    for document in documents {
        // The book's table of contents names pages that are made for it.
        let made = document.ends_with("docs/SUMMARY.md");
        let folder = document.parent().expect("a file lies in a folder");
        for link in links(&read(&document)) {
            let beside = [
                "README.md",
                "CONTRIBUTING.md",
                "CHANGELOG.md",
                "examples.md",
            ]
            .contains(&link);
            let for_book = made && (link.starts_with("reference/") || beside);
            if !link.contains("://") && !for_book && !folder.join(link).exists() {
                wrong.push(format!("{}: {link}", document.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "no such files:\n{}", wrong.join("\n"));
}

#[test]
fn the_book_has_every_page() {
    let contents = read(&workspace().join("docs/SUMMARY.md"));
    let listed = links(&contents);
    for page in std::fs::read_dir(workspace().join("docs")).expect("docs can be read") {
        let name = page.expect("it can be read").file_name();
        let name = name.to_string_lossy();
        if name.ends_with(".md") && name != "SUMMARY.md" {
            assert!(listed.contains(&&*name), "docs/SUMMARY.md lacks {name}");
        }
    }
}

#[test]
fn what_the_drop_in_pulls_in_is_counted() {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut tree = Command::new(cargo);
    tree.args("tree --offline --locked -p mpi-sys -e normal,build --prefix none".split(' '));
    let output = tree.current_dir(workspace()).output();
    let output = output.expect("cargo can be run");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    let names = text.lines().filter_map(|line| line.split(' ').next());
    let pulled: BTreeSet<&str> = names.filter(|name| !name.is_empty()).collect();

    let page = read(&workspace().join("docs/install.md"));
    let list = page
        .split("<!-- counted: tests/tests/documents.rs -->")
        .nth(1);
    let list = list.and_then(|rest| rest.split("<!-- end -->").next());
    let list = list.expect("docs/install.md has the list");
    let shown: BTreeSet<&str> = list.split('`').skip(1).step_by(2).collect();
    assert_eq!(shown, pulled, "docs/install.md lists other crates");
    let own = pulled
        .iter()
        .filter(|n| n.starts_with("lariat") || **n == "mpi-sys");
    let said = format!("is {} crates,\n{} of which", pulled.len(), own.count());
    assert!(page.contains(&said), "docs/install.md does not say: {said}");
    assert!(!pulled.contains("loom") && !pulled.contains("clap"));
}

#[test]
fn no_document_promises_the_placeholder_of_an_address() {
    let mut command = Command::new("git");
    let files = command.args(["ls-files", "*.md"]).current_dir(workspace());
    let files = files.output().expect("git runs").stdout;
    let files = String::from_utf8_lossy(&files).into_owned();
    assert!(files.lines().count() > 40, "{files}");
    for file in files.lines() {
        let text = read(&workspace().join(file));
        assert!(
            !text.contains("lariat.example"),
            "{file} names an address that does not exist"
        );
    }
}
