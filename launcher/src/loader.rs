//! Where the dynamic loader would find a library: as `ld.so(8)` describes it, for
//! what is to be known of a program before it runs.

use crate::elf::{self, Links};
use std::cell::OnceCell;
use std::path::{Path, PathBuf};

/// The loader's list of what lies in the system's folders.
const CACHE: &str = "/etc/ld.so.cache";
/// How such a list begins.
const MARK: &[u8] = b"glibc-ld.so.cache1.1";
/// Bytes of its head, and of each entry.
const HEAD: usize = 48;
const ENTRY: usize = 24;

/// Where it looks when nothing else says.
const FOLDERS: [&str; 4] = ["/lib64", "/usr/lib64", "/lib", "/usr/lib"];

/// The loader as a rank will have it.
pub struct Loader {
    /// The folders of `LD_LIBRARY_PATH`.
    library_path: Vec<PathBuf>,
    /// The contents of [`CACHE`], once they were wanted.
    cache: OnceCell<Vec<u8>>,
}

/// An image that was found.
pub struct Found {
    /// Its file.
    pub path: PathBuf,
    /// What it asks for.
    pub links: Links,
}

impl Loader {
    /// With this value of `LD_LIBRARY_PATH`.
    pub fn new(library_path: &std::ffi::OsStr) -> Loader {
        let folders = std::env::split_paths(library_path);
        Loader {
            library_path: folders.filter(|f| !f.as_os_str().is_empty()).collect(),
            cache: OnceCell::new(),
        }
    }

    /// The library `name` that `by`, a part of `program`, needs.
    pub fn find(&self, name: &str, by: &Found, program: &Found) -> Option<Found> {
        let fits = |path: PathBuf| {
            let links = elf::links(&path)?;
            let same = (links.bits, links.machine) == (by.links.bits, by.links.machine);
            same.then_some(Found { path, links })
        };
        if name.contains('/') {
            return fits(PathBuf::from(name));
        }
        let old = |image: &Found| match image.links.runpath.is_empty() {
            true => expanded(&image.links.rpath, &image.path),
            false => Vec::new(), // then an old path does not count
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
            let folders = FOLDERS.iter();
            folders.map(|f| Path::new(f).join(name)).find_map(fits)
        })
    }
}

/// Folders with `$ORIGIN` replaced, the folder that `image` lies in.
fn expanded(folders: &[String], image: &Path) -> Vec<PathBuf> {
    let image = std::fs::canonicalize(image).unwrap_or_else(|_| image.to_owned());
    let origin = image.parent().unwrap_or(Path::new("/")).to_string_lossy();
    let folders = folders.iter().filter(|f| !f.is_empty());
    folders
        .map(|f| f.replace("$ORIGIN", &origin).replace("${ORIGIN}", &origin))
        .map(PathBuf::from)
        .collect()
}

/// The paths that a cache has for a library.
fn cached(cache: &[u8], name: &str) -> Vec<PathBuf> {
    let start = cache.windows(MARK.len()).position(|w| w == MARK);
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
    let entries = 0..number(MARK.len()).unwrap_or(0);
    let path = |index: usize| {
        let at = HEAD + index * ENTRY;
        let key = text(number(at + 4)?)?;
        (key == name).then_some(PathBuf::from(text(number(at + 8)?)?))
    };
    // no more entries than there are bytes, whatever the head says
    let entries = entries.take(cache.len() / ENTRY);
    entries.filter_map(path).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn this_test() -> Found {
        let path = std::env::current_exe().unwrap();
        let links = elf::links(&path).unwrap();
        Found { path, links }
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
        let mut cache = MARK.to_vec();
        cache.extend(1_u32.to_ne_bytes());
        cache.resize(HEAD, 0);
        let texts = u32::try_from(HEAD + ENTRY).unwrap();
        for word in [3, texts, texts + 8, 0, 0, 0] {
            cache.extend(word.to_ne_bytes());
        }
        cache.extend(b"liba.so\0/x/liba.so\0");
        assert_eq!(cached(&cache, "liba.so"), [PathBuf::from("/x/liba.so")]);
        assert!(cached(&cache, "libb.so").is_empty());
        cache[MARK.len()..MARK.len() + 4].copy_from_slice(&u32::MAX.to_ne_bytes());
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
