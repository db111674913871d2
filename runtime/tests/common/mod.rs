//! What the ABI tests share: the standard's data, the Rust sources, the library.
#![allow(dead_code, reason = "each test uses a part")]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

/// The crate's directory.
pub fn here() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The text of a file below the crate's directory.
pub fn read(path: &str) -> String {
    let path = here().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()))
}

/// The rows of one of the standard's tables, without the heading.
pub fn table(name: &str) -> Vec<[String; 3]> {
    let text = read(&format!("tests/data/{name}.tsv"));
    let row = |line: &str| {
        let mut cells = line.split('\t').map(str::to_owned);
        std::array::from_fn(|_| cells.next().expect("three cells"))
    };
    text.lines().skip(1).map(row).collect()
}

/// A function as it stands in `src/abi`.
#[derive(Debug)]
pub struct Source {
    /// `MPI_Send`.
    pub name: String,
    /// `pt2pt.rs`.
    pub file: String,
    /// The chapter that its file is about, from the file's first line.
    pub chapter: String,
    /// Section and title, from its own comment.
    pub section: String,
    /// Parameter types as Rust has them.
    pub params: Vec<String>,
    /// Whether it has a body.
    pub finished: bool,
}

/// Every exported function, large-count twins included, by name; but for those that
/// are not the standard's any more.
pub fn sources() -> BTreeMap<String, Source> {
    let mut all = BTreeMap::new();
    let dir = here().join("src/abi");
    for entry in std::fs::read_dir(&dir).expect("src/abi is there") {
        let path = entry.expect("readable").path();
        let file = path.file_name().unwrap().to_string_lossy().into_owned();
        if file == "removed.rs" {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("UTF-8");
        for source in functions(&file, &text) {
            let twice = all.insert(source.name.clone(), source);
            assert!(twice.is_none(), "two definitions: {twice:?}");
        }
    }
    all
}

fn functions(file: &str, text: &str) -> Vec<Source> {
    let title = text.lines().next().unwrap_or("");
    let chapter = title
        .trim_start_matches("//! ")
        .trim_end_matches('.')
        .to_owned();
    let mut found = Vec::new();
    let mut section = String::new();
    let mut rest = text;
    while let Some(line) = rest.lines().next() {
        let trimmed = line.trim_start();
        if let Some(said) = trimmed.strip_prefix("/// Section ") {
            section = said.trim_end_matches('.').to_owned();
        }
        if line.starts_with("    fn MPI_") {
            let end = rest.find(')').expect("parameters end");
            let (names, params) = rest[..end].split_once('(').expect("parameters begin");
            let tail = &rest[end..];
            let stop = tail.find([';', '{']).expect("a body or none");
            let finished = tail[stop..].starts_with('{');
            for (which, name) in names.split(',').enumerate() {
                found.push(Source {
                    name: name.trim().trim_start_matches("fn ").to_owned(),
                    file: file.to_owned(),
                    chapter: chapter.clone(),
                    section: section.clone(),
                    params: types(params, which == 1),
                    finished,
                });
            }
        }
        rest = &rest[(line.len() + 1).min(rest.len())..];
    }
    found
}

/// The types in a parameter list, of the `int` or of the large-count form.
fn types(params: &str, large: bool) -> Vec<String> {
    let one = |param: &str| {
        let (_, ty) = param.split_once(':')?;
        let (short, long) = ty.split_once('|').unwrap_or((ty, ty));
        Some(if large { long } else { short }.trim().to_owned())
    };
    params.split(',').filter_map(one).collect()
}

/// The shared library that cargo built beside this test.
pub fn library() -> PathBuf {
    let exe = std::env::current_exe().expect("a test knows its path");
    // Here, and not one above, where only `cargo build` puts it.
    let dir = exe.parent().expect("target/…/deps");
    let path = dir.join("liblariat.so");
    assert!(path.exists(), "{} is not built", path.display());
    path
}

/// An empty directory of this test's own, under cargo's directory for tests.
pub fn scratch(name: &str) -> PathBuf {
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&dir);
    std::fs::create_dir_all(&dir).expect("a writable target directory");
    dir
}

/// Runs a command and returns what it printed; it must succeed.
pub fn run(command: &mut Command) -> String {
    let output = command
        .output()
        .unwrap_or_else(|why| panic!("{command:?}: {why}"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(
        output.status.success(),
        "{command:?}: {}\n{out}{err}",
        output.status
    );
    out
}
