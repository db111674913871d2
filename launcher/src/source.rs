//! Where in the source ranks wait: the return addresses that they have published, turned
//! into the file and line of the program's own frame.

use crate::procfs;
use crate::snapshot::RankSnapshot;
use addr2line::Loader;
use cpp_demangle::DemangleOptions;
use object::{Object, ObjectSegment, ReadCache};
use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};

/// Places by rank and by the number of its wait.
#[derive(Clone, Debug, Default)]
pub struct Lines(HashMap<(u32, usize), Place>);

impl Lines {
    /// Looks the frames of these ranks' waits up, in the files that their processes have
    /// mapped now.
    pub fn find(snapshots: &[RankSnapshot]) -> Lines {
        let mut symbols = Symbols::default();
        let mut lines = HashMap::new();
        for snapshot in snapshots {
            let waits = snapshot.waits.iter().enumerate();
            let mut waits = waits
                .filter(|(_, wait)| !wait.shown.frames.is_empty())
                .peekable();
            if waits.peek().is_none() {
                continue;
            }
            let maps = maps(snapshot.pid);
            for (slot, wait) in waits {
                if let Some(place) = symbols.place(&maps, &wait.shown.frames) {
                    lines.insert((snapshot.rank, slot), place);
                }
            }
        }
        Lines(lines)
    }

    /// Says where the first wait of a rank that runs Python is. None: it is not known in which
    /// line of Python. A line of an extension in C still tells something then, and the name of
    /// a function, such as one that calls into C, does not.
    pub fn set(&mut self, rank: u32, line: Option<String>) {
        let at = (rank, 0);
        if let Some(line) = line {
            self.0.insert(at, Place::Line(line, false));
        } else if matches!(self.0.get(&at), Some(Place::Function(_))) {
            self.0.remove(&at);
        }
    }

    /// All of them as text, by rank and the number of the wait.
    pub fn texts(&self) -> impl Iterator<Item = ((u32, usize), String)> {
        let text = |(at, place): (&(u32, usize), &Place)| Some((*at, place.clone().text()?));
        self.0.iter().filter_map(text)
    }

    /// Adds one that was told as text.
    pub fn add_text(&mut self, at: (u32, usize), text: String) {
        self.0.insert(at, Place::Line(text, false));
    }

    /// Where that wait is.
    pub fn of(&self, rank: u32, slot: usize) -> Option<String> {
        self.0.get(&(rank, slot)).cloned().and_then(Place::text)
    }
}

/// A part of a file that a process has mapped to run it.
#[derive(Debug, PartialEq, Eq)]
struct Mapping {
    start: u64,
    end: u64,
    /// Where in the file it begins.
    offset: u64,
    path: PathBuf,
}

/// The code that a process has mapped. Empty if it has ended, or may not be looked at.
fn maps(pid: u32) -> Vec<Mapping> {
    let pid = i32::try_from(pid).unwrap_or(0);
    let text = procfs::file(pid, "maps").unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    text.lines().filter_map(mapping).collect()
}

fn mapping(line: &str) -> Option<Mapping> {
    let mut words = line.splitn(6, ' ');
    let (start, end) = words.next()?.split_once('-')?;
    let runs = words.next()?.contains('x');
    let offset = words.next()?;
    let path = words.nth(2)?.trim_start();
    let number = |hex| u64::from_str_radix(hex, 16).ok();
    let found = Mapping {
        start: number(start)?,
        end: number(end)?,
        offset: number(offset)?,
        path: PathBuf::from(path),
    };
    (runs && path.starts_with('/')).then_some(found)
}

/// A file with code.
struct Image {
    loader: Loader,
    /// Its loadable parts: where each begins in the file, how long it is, and its address.
    segments: Vec<(u64, u64, u64)>,
}

impl Image {
    fn open(path: &Path) -> Option<Image> {
        let data = ReadCache::new(File::open(path).ok()?);
        let file = object::File::parse(&data).ok()?;
        let segments = file.segments().map(|segment| {
            let (start, len) = segment.file_range();
            (start, len, segment.address())
        });
        let segments = segments.collect();
        let loader = Loader::new(path).ok()?;
        Some(Image { loader, segments })
    }

    /// The address of a byte of the file, as its symbols count.
    fn address(&self, offset: u64) -> Option<u64> {
        let inside = |(start, len, _): &&(u64, u64, u64)| (*start..start + len).contains(&offset);
        let (start, _, address) = self.segments.iter().find(inside)?;
        Some(address + (offset - start))
    }
}

/// A function that was being called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Its name.
    pub function: String,
    /// The file of its source, or where the line is not known, that of its code. Without
    /// folders.
    pub file: String,
    /// The line in the source.
    pub line: Option<u32>,
}

impl Frame {
    /// «solve at crash.c:4», or «solve in program».
    fn text(&self) -> String {
        let Frame { function, file, .. } = self;
        match self.line {
            Some(line) => format!("{function} at {file}:{line}"),
            None => format!("{function} in {file}"),
        }
    }
}

/// Where a frame is in the source.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    /// In code of the library's, of a standard library or of an interpreter.
    Inner,
    /// In a line; whether that is in code which others wrote.
    Line(String, bool),
    /// In a function without lines.
    Function(String),
}

impl Place {
    fn text(self) -> Option<String> {
        match self {
            Place::Inner => None,
            Place::Line(text, _) | Place::Function(text) => Some(text),
        }
    }
}

/// Of the places of frames, from the innermost, the one to tell of.
fn chosen(places: impl Iterator<Item = Place>) -> Option<Place> {
    let mut second = None;
    let mut function = None;
    for place in places {
        match &place {
            Place::Line(_, false) => return Some(place),
            Place::Line(_, true) => second = second.or(Some(place)),
            Place::Function(_) => function = function.or(Some(place)),
            Place::Inner => {}
        }
    }
    second.or(function)
}

#[derive(Default)]
struct Symbols {
    images: HashMap<PathBuf, Option<Image>>,
}

impl Symbols {
    /// The place of the innermost frame that is the program's own: of lines in its own
    /// source, else in that of a package, else of a function.
    fn place(&mut self, maps: &[Mapping], frames: &[u64]) -> Option<Place> {
        chosen(frames.iter().filter_map(|frame| {
            let address = frame.checked_sub(1)?; // inside of the call, not behind it
            let inside = |map: &&Mapping| (map.start..map.end).contains(&address);
            let map = maps.iter().find(inside)?;
            self.look(&map.path, address - map.start + map.offset)
        }))
    }

    /// The functions at a place of a file, innermost first, with their lines; none of the
    /// library's inside, and of system libraries none.
    fn functions(&mut self, path: &Path, offset: u64) -> Vec<Frame> {
        if is_system(path) {
            return Vec::new();
        }
        let image = self.images.entry(path.to_path_buf());
        let Some(image) = image.or_insert_with(|| Image::open(path)).as_ref() else {
            return Vec::new();
        };
        let Some(address) = image.address(offset) else {
            return Vec::new();
        };
        let symbol = image.loader.find_symbol(address).map(plain_name);
        if symbol
            .as_deref()
            .is_some_and(|name| is_inner(name) || name == "_start")
        {
            return Vec::new();
        }
        let mut found = Vec::new();
        if let Ok(mut frames) = image.loader.find_frames(address) {
            while let Ok(Some(frame)) = frames.next() {
                let name = frame.function.as_ref().and_then(|f| f.raw_name().ok());
                let name = name.map(plain_name).or_else(|| symbol.clone());
                let Some(location) = &frame.location else {
                    continue;
                };
                if let (Some(name), Some(file), Some(line)) = (name, location.file, location.line)
                    && !is_inner(&name)
                {
                    let file = Path::new(file).file_name().unwrap_or_default();
                    found.push(Frame {
                        function: name,
                        file: file.to_string_lossy().into_owned(),
                        line: Some(line),
                    });
                }
            }
        }
        if found.is_empty()
            && let Some(symbol) = symbol
        {
            let file = path.file_name().unwrap_or_default().to_string_lossy();
            found.push(Frame {
                function: symbol,
                file: file.into_owned(),
                line: None,
            });
        }
        found
    }

    fn look(&mut self, path: &Path, offset: u64) -> Option<Place> {
        let image = self.images.entry(path.to_path_buf());
        let image = image.or_insert_with(|| Image::open(path)).as_ref()?;
        let address = image.address(offset)?;
        let symbol = image.loader.find_symbol(address).map(plain_name);
        let is_inner_symbol = symbol.as_deref().is_some_and(is_inner);
        if is_inner_symbol || is_system(path) || is_interpreter(path) {
            return Some(Place::Inner);
        }
        let mut frames = image.loader.find_frames(address).ok()?;
        while let Ok(Some(frame)) = frames.next() {
            let name = frame.function.as_ref().and_then(|f| f.raw_name().ok());
            if name.is_some_and(|name| is_inner(&plain_name(&name))) {
                continue;
            }
            let Some(location) = &frame.location else {
                continue;
            };
            if let (Some(file), Some(line)) = (location.file, location.line) {
                let name = Path::new(file).file_name()?.to_string_lossy();
                let place = format!("{name}:{line}");
                let is_foreign = file.contains("/.cargo/") || file.starts_with("/rustc/");
                return Some(Place::Line(place, is_foreign));
            }
        }
        let file = path.file_name()?.to_string_lossy().into_owned();
        symbol.map(|symbol| Place::Function(format!("{symbol} in {file}")))
    }
}

/// Finds the lines of recorded frames, and keeps the files that it has opened.
#[derive(Default)]
pub struct Finder(Symbols);

impl Finder {
    /// The line of the innermost frame that is the program's own, among these: each a file
    /// and a place in it. As [`Lines`] chooses.
    pub fn own_line(&mut self, frames: &[(String, u64)]) -> Option<String> {
        let frames = frames.iter();
        let places = frames.filter_map(|(path, offset)| self.0.look(Path::new(path), *offset));
        chosen(places).and_then(Place::text)
    }
}

/// Frames that a line of the report has at the most.
const TOLD: usize = 6;

/// The program's own frames among these, each a file and a place in it, from the innermost:
/// «solve at crash.c:4, main at crash.c:9». Empty if none is known.
pub fn trace(frames: &[(String, u64)]) -> String {
    told(functions(frames))
}

/// As [`trace`], without functions of which no line is known.
pub fn lines(frames: &[(String, u64)]) -> String {
    let mut all = functions(frames);
    all.retain(|function| function.contains(" at "));
    told(all)
}

fn functions(frames: &[(String, u64)]) -> Vec<String> {
    self::frames(frames).iter().map(Frame::text).collect()
}

/// The program's own frames among these, each a file and a place in it, from the innermost.
pub fn frames(frames: &[(String, u64)]) -> Vec<Frame> {
    let mut symbols = Symbols::default();
    let mut all = Vec::new();
    for (at, (path, offset)) in frames.iter().enumerate() {
        // The first is the instruction itself; the others are where calls return to.
        let offset = if at == 0 {
            *offset
        } else {
            offset.saturating_sub(1)
        };
        all.extend(symbols.functions(Path::new(path), offset));
    }
    all
}

fn told(all: Vec<String>) -> String {
    let mut told = Vec::new();
    for same in all.chunk_by(|a, b| a == b) {
        told.push(match same.len() {
            1 => same[0].clone(),
            times => format!("{} ({times} times)", same[0]),
        });
    }
    let more = told.len().saturating_sub(TOLD);
    told.truncate(TOLD);
    if more > 0 {
        told.push("…".to_owned());
    }
    told.join(", ")
}

/// A symbol without the mangling of Rust's and C++'s names, as far as it takes to know whose
/// it is: C++'s without parameters.
fn plain_name(symbol: impl AsRef<str>) -> String {
    let symbol = symbol.as_ref();
    let without = DemangleOptions::new().no_params().no_return_type();
    let of_cpp = || {
        let symbol = Some(symbol).filter(|name| name.starts_with("_Z"))?; // else "f" is a float
        let symbol = cpp_demangle::Symbol::new(symbol).ok()?;
        symbol.demangle_with_options(&without).ok()
    };
    match rustc_demangle::try_demangle(symbol) {
        Ok(name) => format!("{name:#}"),
        Err(_) => of_cpp().unwrap_or_else(|| symbol.to_owned()),
    }
}

/// Whether a function is MPI's, of the library's inside, or of Rust's standard library.
fn is_inner(name: &str) -> bool {
    const INNER: [&str; 10] = [
        "MPI_", "PMPI_", "lariat", "btl_shm", "wireup", "core::", "std::", "alloc::", "_Unwind_",
        "mpi_sys",
    ];
    let name = name.trim_start_matches(['<', '&']);
    INNER.iter().any(|inner| name.starts_with(inner))
}

/// Whether a file is a library of C or C++ or the loader, in whose code nobody looks for his
/// own.
fn is_system(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy());
    let name = name.unwrap_or_default();
    [
        "libc.so",
        "ld-linux",
        "libpthread",
        "libmpi_abi.so",
        "libmpi.so.12",
        "libgcc_s",
        "libstdc++.so",
        "liblariat_heap.so",
    ]
    .iter()
    .any(|system| name.starts_with(system))
}

/// Whether a file is that of Python, or of the module by which it calls into MPI: lines of theirs
/// tell nobody where his program is.
fn is_interpreter(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy());
    let name = name.unwrap_or_default();
    let is_mpi4py = path
        .parent()
        .is_some_and(|folder| folder.ends_with("mpi4py"));
    let version = |c: char| c.is_ascii_digit() || c == '.';
    let is_python = name
        .strip_prefix("python")
        .is_some_and(|rest| rest.chars().all(version));
    is_mpi4py || is_python || name.starts_with("libpython")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_python_program_lines_of_extensions_stay_and_functions_go() {
        let line = Place::Line("fast.c:7".to_owned(), false);
        let function = Place::Function("ffi_call in libffi.so.8".to_owned());
        let mut lines = Lines(HashMap::from([((0, 0), line), ((1, 0), function)]));
        for rank in 0..3 {
            lines.set(rank, None);
        }
        assert_eq!(lines.of(0, 0).as_deref(), Some("fast.c:7"));
        assert_eq!((lines.of(1, 0), lines.of(2, 0)), (None, None));
        lines.set(0, Some("solve.py:3".to_owned()));
        assert_eq!(lines.of(0, 0).as_deref(), Some("solve.py:3"));
        let interpreter = [
            "/usr/bin/python3.11",
            "/lib/libpython3.11.so.1.0",
            "/x/mpi4py/MPI.abi3.so",
        ];
        assert!(interpreter.iter().all(|path| is_interpreter(path.as_ref())));
        assert!(!is_interpreter("/x/python_solver".as_ref()));
        assert!(!is_interpreter(
            "/x/fast.cpython-311-x86_64-linux-gnu.so".as_ref()
        ));
    }

    #[test]
    fn names_are_plain() {
        assert_eq!(plain_name("_ZN4grid5solveEiPd"), "grid::solve");
        assert_eq!(
            plain_name("_ZN4core6option13unwrap_failed17h0123456789abcdefE"),
            "core::option::unwrap_failed"
        );
        assert_eq!(plain_name("f"), "f");
    }

    #[test]
    fn code_in_maps_is_found() {
        let line = "55d0-55d9 r-xp 00001000 08:01 1234       /usr/bin/a program";
        let found = mapping(line).unwrap();
        assert_eq!(
            (found.start, found.end, found.offset),
            (0x55d0, 0x55d9, 0x1000)
        );
        assert_eq!(found.path, Path::new("/usr/bin/a program"));
        assert_eq!(
            mapping("55d0-55d9 rw-p 00001000 08:01 1234  /usr/bin/a"),
            None
        );
        assert_eq!(mapping("7f00-7f10 r-xp 00000000 00:00 0     [vdso]"), None);
    }

    #[test]
    fn own_functions_and_others() {
        let inner = [
            "MPI_Recv",
            "lariat_start",
            "<lariat as core::Y>::z",
            "std::rt::f",
        ];
        assert!(inner.into_iter().all(is_inner));
        assert!(
            !["main", "solve", "mpi::point_to_point::recv"]
                .into_iter()
                .any(is_inner)
        );
    }

    #[test]
    fn a_frame_of_this_test_has_a_line() {
        let here = a_frame_of_this_test_has_a_line as fn() as usize as u64;
        let maps = maps(std::process::id());
        let place = Symbols::default().place(&maps, &[here + 5]);
        let place = place.and_then(Place::text).unwrap();
        assert!(place.starts_with("source.rs:"), "{place}");
    }
}
