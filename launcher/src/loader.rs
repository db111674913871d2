//! Finds libraries as the dynamic loader does (`ld.so(8)`), to know before a program runs
//! which libraries it will get.

use crate::elf::{self, Links};
use std::cell::OnceCell;
use std::path::{Path, PathBuf};

/// The loader's list of the libraries in the system's folders.
const CACHE: &str = "/etc/ld.so.cache";
/// The bytes with which the list begins.
const CACHE_MAGIC: &[u8] = b"glibc-ld.so.cache1.1";
/// Bytes of the list's head.
const CACHE_HEAD: usize = 48;
/// Bytes of an entry.
const CACHE_ENTRY: usize = 24;

/// The folders that are searched last.
const DEFAULT_FOLDERS: [&str; 4] = ["/lib64", "/usr/lib64", "/lib", "/usr/lib"];

/// The loader, as a rank will have it.
pub struct Loader {
    /// The folders of `LD_LIBRARY_PATH`.
    library_path: Vec<PathBuf>,
    /// The contents of [`CACHE`], read when they are first needed.
    cache: OnceCell<Vec<u8>>,
}

/// A program or a library.
pub struct ElfFile {
    /// Its path.
    pub path: PathBuf,
    /// What it asks of the loader.
    pub links: Links,
}

impl Loader {
    /// A loader with this value of `LD_LIBRARY_PATH`.
    pub fn new(library_path: &std::ffi::OsStr) -> Loader {
        let folders = std::env::split_paths(library_path);
        Loader {
            library_path: folders.filter(|f| !f.as_os_str().is_empty()).collect(),
            cache: OnceCell::new(),
        }
    }

    /// Finds the library `name` for `by`, the program itself or one of its libraries.
    pub fn find(&self, name: &str, by: &ElfFile, program: &ElfFile) -> Option<ElfFile> {
        let fits = |path: PathBuf| {
            let links = elf::links(&path)?;
            let same = (links.bits, links.machine) == (by.links.bits, by.links.machine);
            same.then_some(ElfFile { path, links })
        };
        if name.contains('/') {
            return fits(PathBuf::from(name));
        }
        let old = |image: &ElfFile| match image.links.runpath.is_empty() {
            true => expanded(&image.links.rpath, &image.path),
            false => Vec::new(), // DT_RUNPATH disables DT_RPATH
        };
        let before = old(by).into_iter().chain(old(program));
        let folders = before
            .chain(self.library_path.iter().cloned())
            .chain(expanded(&by.links.runpath, &by.path));
        let found = folders.map(|f| f.join(name)).find_map(fits);
        let found = found.or_else(|| {
            let read = || std::fs::read(CACHE).unwrap_or_default();
            let paths = cached(self.cache.get_or_init(read), name);
            paths.into_iter().find_map(fits)
        });
        found.or_else(|| {
            let folders = DEFAULT_FOLDERS.iter();
            folders.map(|f| Path::new(f).join(name)).find_map(fits)
        })
    }
}

/// Folders in which `$ORIGIN` is replaced by the folder of `image`.
fn expanded(folders: &[String], image: &Path) -> Vec<PathBuf> {
    let image = std::fs::canonicalize(image).unwrap_or_else(|_| image.to_owned());
    let origin = image.parent().unwrap_or(Path::new("/")).to_string_lossy();
    let folders = folders.iter().filter(|f| !f.is_empty());
    folders
        .map(|f| f.replace("$ORIGIN", &origin).replace("${ORIGIN}", &origin))
        .map(PathBuf::from)
        .collect()
}

/// The paths that the cache lists for a library.
fn cached(cache: &[u8], name: &str) -> Vec<PathBuf> {
    let start = cache
        .windows(CACHE_MAGIC.len())
        .position(|w| w == CACHE_MAGIC);
    let Some(cache) = start.map(|at| &cache[at..]) else {
        return Vec::new();
    };
    let number = |at: usize| {
        let bytes = cache.get(at..at + 4)?.try_into().ok()?;
        usize::try_from(u32::from_ne_bytes(bytes)).ok()
    };
    let text = |at: usize| {
        let rest = cache.get(at..)?;
        let end = rest.iter().position(|b| *b == 0)?;
        std::str::from_utf8(&rest[..end]).ok()
    };
    let entries = 0..number(CACHE_MAGIC.len()).unwrap_or(0);
    let path = |index: usize| {
        let at = CACHE_HEAD + index * CACHE_ENTRY;
        let key = text(number(at + 4)?)?;
        (key == name).then_some(PathBuf::from(text(number(at + 8)?)?))
    };
    // A damaged head may give any number: there are no more entries than bytes for them.
    let entries = entries.take(cache.len() / CACHE_ENTRY);
    entries.filter_map(path).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn this_test() -> ElfFile {
        let path = std::env::current_exe().unwrap();
        let links = elf::links(&path).unwrap();
        ElfFile { path, links }
    }

    #[test]
    fn the_c_library_is_found_and_what_is_nowhere_is_not() {
        let program = this_test();
        let loader = Loader::new(std::ffi::OsStr::new(""));
        let libc = loader.find("libc.so.6", &program, &program).unwrap();
        assert!(libc.path.is_absolute() && libc.links.bits == program.links.bits);
        assert!(loader.find("libnowhere.so.1", &program, &program).is_none());
    }

    #[test]
    fn a_cache_is_searched_and_a_damaged_one_has_nothing() {
        let mut cache = CACHE_MAGIC.to_vec();
        cache.extend(1_u32.to_ne_bytes());
        cache.resize(CACHE_HEAD, 0);
        let texts = u32::try_from(CACHE_HEAD + CACHE_ENTRY).unwrap();
        for word in [3, texts, texts + 8, 0, 0, 0] {
            cache.extend(word.to_ne_bytes());
        }
        cache.extend(b"liba.so\0/x/liba.so\0");
        assert_eq!(cached(&cache, "liba.so"), [PathBuf::from("/x/liba.so")]);
        assert!(cached(&cache, "libb.so").is_empty());
        cache[CACHE_MAGIC.len()..CACHE_MAGIC.len() + 4].copy_from_slice(&u32::MAX.to_ne_bytes());
        assert_eq!(cached(&cache, "liba.so").len(), 1);
        for len in 0..cache.len() {
            let _ = cached(&cache[..len], "liba.so");
        }
    }

    #[test]
    fn origin_is_the_images_own_folder() {
        let folders = ["$ORIGIN/../lib".to_owned(), String::new(), "/x".to_owned()];
        let own = std::env::current_exe().unwrap();
        let own = std::fs::canonicalize(own).unwrap();
        let wanted = own.parent().unwrap().join("../lib");
        assert_eq!(expanded(&folders, &own), [wanted, PathBuf::from("/x")]);
    }
}
