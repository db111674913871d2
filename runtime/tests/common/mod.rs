//! What the ABI tests share: the standard's data, the Rust sources, the library.
#![allow(dead_code, reason = "each test uses a part")]

use std::collections::BTreeMap;
use std::ffi::CString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The runtime's directory. The tests of the shared library, whose package lies
/// in it, use this file too.
pub fn here() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    let parent = own.parent().filter(|_| own.ends_with("library"));
    parent.unwrap_or(own).to_owned()
}

/// The text of a file below the runtime's directory.
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
    // Lines of names that share the next parameter list: one, or a collective's three forms.
    let mut heads: Vec<(&str, String)> = Vec::new();
    let mut rest = text;
    while let Some(line) = rest.lines().next() {
        let trimmed = line.trim_start();
        if let Some(said) = trimmed.strip_prefix("/// Section ") {
            section = said.trim_end_matches('.').to_owned();
        }
        if line.starts_with("    fn MPI_") {
            let names = trimmed.split('(').next().expect("names");
            heads.push((names, section.clone()));
        }
        if !heads.is_empty() && !trimmed.starts_with("///") && line.contains('(') {
            let (params, tail) = rest.split_once(')').expect("parameters end");
            let (_, params) = params.split_once('(').expect("parameters begin");
            let stop = tail.find([';', '{']).expect("a body or none");
            let finished = tail[stop..].starts_with('{');
            for (form, (names, section)) in heads.drain(..).enumerate() {
                for (which, name) in names.split(',').enumerate() {
                    let mut params = types(params, which == 1);
                    params.extend(FORMS[form].iter().map(|ty| (*ty).to_owned()));
                    found.push(Source {
                        name: name.trim().trim_start_matches("fn ").to_owned(),
                        file: file.to_owned(),
                        chapter: chapter.clone(),
                        section: section.clone(),
                        params,
                        finished,
                    });
                }
            }
        }
        rest = &rest[(line.len() + 1).min(rest.len())..];
    }
    found
}

/// What the macro `collectives!` appends to the parameters of the blocking, the
/// nonblocking and the persistent form of a collective.
const FORMS: [&[&str]; 3] = [
    &[],
    &["*mut MPI_Request"],
    &["MPI_Info", "*mut MPI_Request"],
];

/// The types in a parameter list, of the `int` or of the large-count form.
fn types(params: &str, large: bool) -> Vec<String> {
    let one = |param: &str| {
        let (_, ty) = param.split_once(':')?;
        let (short, long) = ty.split_once('|').unwrap_or((ty, ty));
        Some(if large { long } else { short }.trim().to_owned())
    };
    params.split(',').filter_map(one).collect()
}

/// The shared library, which cargo does not build for a test by itself, linked
/// as usual.
pub fn library() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| link(&[])).clone()
}

/// Links the shared library with these arguments to rustc, in the profile and
/// the target directory of this test. The next call puts another in its place.
pub fn link(flags: &[&str]) -> PathBuf {
    let exe = std::env::current_exe().expect("a test knows its path");
    let mut above = exe.ancestors().skip(2); // target/PROFILE/deps/TEST
    let folder = above.next().expect("cargo's directory of the profile");
    let target = above.next().expect("cargo's target directory");
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(here().join("library"));
    cargo.args(["rustc", "--quiet", "--lib", "--target-dir"]);
    cargo.arg(target);
    if folder.ends_with("release") {
        cargo.arg("--release");
    }
    run(cargo.arg("--").args(flags));
    folder.join("libmpi_abi.so")
}

/// The prototypes of `mpi.h`: `name → "return type(parameters)"`, spaces evened out.
pub fn prototypes() -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    // What is indented is the body of an inline function.
    let header = read("include/mpi.h");
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

/// What MPI 3.0 removed (MPI 5.0, section 17.1): in the library for old programs.
pub const REMOVED: [&str; 10] = [
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

/// Loads a build of the library, and looks up both names of every prototype.
pub fn resolves_at_one_address(library: &Path) {
    let path = CString::new(library.as_os_str().as_encoded_bytes()).unwrap();
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
