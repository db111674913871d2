//! The shared heap for programs that were not built with it: a library is preloaded into
//! ranks, so that `malloc` returns memory in the job's heap file, which peers can map.
//!
//! The library is left out where it would do harm or is useless. Then the program keeps its
//! own heap, its messages take another arm, and `--verbose` says why.

use crate::elf::{self, Image};
use crate::plan::App;
use crate::tree;
use std::ffi::{OsStr, OsString};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The library, in the `lib` of the installed tree.
const HEAP_LIBRARY: &str = "liblariat_heap.so";
const LD_PRELOAD: &str = "LD_PRELOAD";

/// Prefixes of the names of libraries that replace `malloc`. If there were two of them, each
/// would be asked to free memory of the other one's.
const ALLOCATORS: [&str; 8] = [
    "libjemalloc",
    "libtcmalloc",
    "libmimalloc",
    "libtbbmalloc",
    "libhoard",
    "libsnmalloc",
    "librpmalloc",
    "libscudo",
];

/// Prefixes of the names of sanitizers' runtimes, which check every access to memory. They
/// replace `malloc` too, and some stop if they are not the first library.
const SANITIZERS: [&str; 8] = [
    "libasan",
    "libtsan",
    "liblsan",
    "libhwasan",
    "libclang_rt.asan",
    "libclang_rt.tsan",
    "libclang_rt.hwasan",
    "libclang_rt.msan",
];

/// Why a program keeps its own heap.
#[derive(Debug, PartialEq, Eq, Clone)]
struct Obstacle {
    /// The reason, as a clause to follow the program's name and a colon.
    text: String,
    /// A sanitizer or checker watches the program's memory, so that it should have no shared
    /// memory of any kind.
    checker: bool,
}

fn obstacle(text: impl Into<String>) -> Obstacle {
    Obstacle {
        text: text.into(),
        checker: false,
    }
}

/// What the user asks for.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub enum HeapMode {
    /// The shared heap for each program that can have it.
    Auto,
    /// The shared heap, or an error that says why a program cannot have it.
    Forced,
    /// No shared heap (`--no-shared-heap`, `heap=0`).
    Off,
}

/// Adds the shared heap to the environment of each program that can have it. `mode` says
/// what the user asks for, `ranks` is the number of the job's ranks, and `no_file` the
/// reason if there is no heap file.
/// Returns a line for each program, for `--verbose`.
///
/// # Errors
/// The mode is [`HeapMode::Forced`] and a program cannot have the shared heap.
pub fn apply(
    apps: &mut [App],
    mode: impl Fn(&App) -> HeapMode,
    ranks: u32,
    no_file: Option<&str>,
) -> Result<Vec<String>, String> {
    let mut notes = Vec::new();
    let mut library = None;
    for app in apps {
        let name = app.name.display().to_string();
        let mode = mode(app);
        let why = if mode == HeapMode::Off {
            obstacle("as requested")
        } else if ranks == 1 && mode == HeapMode::Auto {
            obstacle("a job of one rank has nobody to share it with")
        } else if let Some(why) = no_file {
            obstacle(format!("this job has no heap file: {why}"))
        } else {
            match library.get_or_insert_with(installed) {
                Err(why) => obstacle(why.clone()),
                Ok((path, like)) => match add(app, path, like) {
                    Ok(()) => {
                        let shown = tree::lib().map_or(path.clone(), |lib| lib.join(HEAP_LIBRARY));
                        notes.push(format!("{name} gets the shared heap {}", shown.display()));
                        continue;
                    }
                    Err(why) => why,
                },
            }
        };
        if mode == HeapMode::Forced {
            return Err(format!(
                "--shared-heap: {name} cannot have it: {}",
                why.text
            ));
        }
        if why.checker {
            app.vars.insert("LARIAT_HEAP".into(), "0".into());
        }
        notes.push(format!("{name} keeps its own heap: {}", why.text));
    }
    Ok(notes)
}

/// The library's path, in a form that `LD_PRELOAD` can hold, and its image.
fn installed() -> Result<(PathBuf, Image), String> {
    let path = tree::lib_in_lists()?.join(HEAP_LIBRARY);
    let shown = path.display();
    if !path.exists() {
        return Err(format!("there is no {shown}"));
    }
    match elf::read(&path) {
        Ok(Some(image)) => Ok((path, image)),
        Ok(None) => Err(format!("{shown} is not a library")),
        Err(why) => Err(format!("{shown} {why}")),
    }
}

/// Adds the library to what is preloaded into `app`, behind the user's own libraries: one
/// that wraps `malloc` still sees every call.
fn add(app: &mut App, library: &Path, like: &Image) -> Result<(), Obstacle> {
    check_file(&app.file, like)?;
    let old = app.variable(LD_PRELOAD).unwrap_or_default();
    for name in preloaded(&old) {
        if name == HEAP_LIBRARY {
            return Ok(());
        }
        if let Some(why) = conflict(&name, "is preloaded") {
            return Err(why);
        }
    }
    let mut list = old;
    if !list.is_empty() {
        list.push(":");
    }
    list.push(library);
    app.vars.insert(OsString::from(LD_PRELOAD), list);
    Ok(())
}

/// The file names in a value of `LD_PRELOAD`.
fn preloaded(list: &OsStr) -> Vec<String> {
    let list = list.to_string_lossy();
    let paths = list.split([':', ' ', '\t', '\n']);
    paths
        .filter_map(|path| Some(Path::new(path).file_name()?.to_str()?.to_owned()))
        .collect()
}

/// Why a library of this name and ours cannot be in one program, if so. `how` says how the
/// library gets into the program.
fn conflict(name: &str, how: &str) -> Option<Obstacle> {
    let is = |list: &[&str]| {
        list.iter()
            .any(|l| name.strip_prefix(l).is_some_and(ends_name))
    };
    if is(&SANITIZERS) {
        return Some(Obstacle {
            text: format!("{name} {how}, which checks memory itself"),
            checker: true,
        });
    }
    is(&ALLOCATORS).then(|| obstacle(format!("{name} {how}, which is an allocator too")))
}

/// Whether this may follow such a prefix: `.so.8`, `-x86_64.so`, `_minimal.so.4`.
fn ends_name(rest: &str) -> bool {
    rest.starts_with(['.', '-', '_']) || rest.starts_with("shim")
}

/// Checks that a library that is built like `like` can be preloaded into this program.
fn check_file(file: &Path, like: &Image) -> Result<(), Obstacle> {
    if file.file_name() == Some(OsStr::new("valgrind")) {
        return Err(Obstacle {
            text: "it checks memory itself".to_owned(),
            checker: true,
        });
    }
    if let Ok(meta) = std::fs::metadata(file) {
        let user = nix::unistd::geteuid().as_raw() != meta.uid() && meta.mode() & 0o4000 != 0;
        let group = nix::unistd::getegid().as_raw() != meta.gid() && meta.mode() & 0o2000 != 0;
        if user || group {
            return Err(obstacle("nothing is preloaded into setuid programs"));
        }
    }
    match elf::read(file) {
        Ok(Some(image)) => check(&image, like),
        Ok(None) => Ok(()), // a script: its interpreter passes the variable on
        Err(why) => Err(obstacle(format!("it {why}"))),
    }
}

/// Checks that a library that is built like `like` can be preloaded into `image`.
fn check(image: &Image, like: &Image) -> Result<(), Obstacle> {
    if (image.bits, image.machine) != (like.bits, like.machine) {
        return Err(obstacle(format!(
            "it is built for another machine ({} bits, ELF machine {}; the library: {} bits, {})",
            image.bits, image.machine, like.bits, like.machine
        )));
    }
    let Some(loader) = &image.loader else {
        return Err(obstacle("it is linked statically"));
    };
    let base = loader.rsplit('/').next().unwrap_or(loader);
    if !["ld-linux", "ld64.", "ld.so"]
        .iter()
        .any(|l| base.starts_with(l))
    {
        return Err(obstacle(format!("its loader {loader} is not glibc's")));
    }
    for name in &image.needed {
        if let Some(why) = conflict(name, "is linked") {
            return Err(why);
        }
    }
    if let Some(init) = image.defines.iter().find(|d| d.starts_with("__")) {
        return Err(Obstacle {
            text: format!("it defines {init}, which checks memory itself"),
            checker: true,
        });
    }
    match image.defines.contains(&"malloc") {
        true => Err(obstacle("it has a malloc of its own")),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image() -> Image {
        Image {
            bits: 64,
            machine: 62,
            loader: Some("/lib64/ld-linux-x86-64.so.2".to_owned()),
            needed: vec!["libm.so.6".to_owned(), "libc.so.6".to_owned()],
            defines: Vec::new(),
        }
    }

    #[test]
    fn only_programs_that_can_bear_it_get_it() {
        let like = Image {
            loader: None,
            ..image()
        };
        assert_eq!(check(&image(), &like), Ok(()));
        let why = |change: fn(&mut Image)| {
            let mut other = image();
            change(&mut other);
            check(&other, &like).unwrap_err()
        };
        assert!(why(|i| i.bits = 32).text.contains("another machine"));
        assert!(why(|i| i.loader = None).text.contains("statically"));
        let musl = |i: &mut Image| i.loader = Some("/lib/ld-musl-x86_64.so.1".to_owned());
        assert!(why(musl).text.contains("ld-musl"));
        let asan = why(|i| i.needed.insert(0, "libasan.so.8".to_owned()));
        assert!(asan.checker && asan.text.contains("libasan.so.8"));
        let tsan = why(|i| i.defines = vec!["malloc", "__tsan_init"]);
        assert!(tsan.checker, "{tsan:?}");
        let own = why(|i| i.defines = vec!["malloc"]);
        assert!(!own.checker && own.text.contains("of its own"));
        let other = why(|i| i.needed.push("libtcmalloc_minimal.so.4".to_owned()));
        assert!(other.text.contains("libtcmalloc_minimal.so.4"));
    }

    #[test]
    fn names_are_cut_as_the_loader_cuts_them() {
        let names = preloaded(OsStr::new("/a/libjemalloc.so.2: libx.so\t/b/c.so:"));
        assert_eq!(names, ["libjemalloc.so.2", "libx.so", "c.so"]);
        assert!(conflict("libjemalloc.so.2", "is linked").is_some());
        assert!(conflict("libclang_rt.asan-x86_64.so", "is linked").is_some());
        assert!(conflict("libasangria.so", "is linked").is_none());
    }
}
