//! The regions of this process, as they are now: found in `/proc/self/maps` and in
//! the loader's list of objects. They grow; ask again.

use super::lines::{self, Line};
use super::{objects, sys};
use crate::recall::ranges;
use std::io;

pub use wireup::layout::RegionKind;

/// Bytes of the smallest anonymous mapping that counts as heap: what allocators
/// take from the system for themselves or for a large allocation.
pub const LARGE: usize = 128 << 10;

/// What a region is that lies in the heap file and is out of peers' reach there.
pub const FROZEN: &str = "heap file, private by a fork";

/// Name of the job segment's mapping.
const SEGMENT: &[u8] = b"/memfd:lariat-job";

/// A part of this process's address space.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Region {
    /// Which of the six it belongs to.
    pub kind: RegionKind,
    /// First address.
    pub start: usize,
    /// Bytes.
    pub len: usize,
    /// What it is: the name of a program or library, or of a mapping.
    pub what: String,
}

impl Region {
    /// The address past the last byte.
    pub fn end(&self) -> usize {
        self.start + self.len
    }
}

/// The regions of this process, by kind and then by address:
///
/// * internal buffers: the mappings of the job segment;
/// * static data: writable segments of the program and of every library loaded;
/// * stack: the main thread's, as far as it has grown;
/// * heap: the `brk` heap, the part of the job's heap file that this process makes
///   its memory of, and anonymous private memory from [`LARGE`] bytes on (stacks of
///   threads are such memory too);
/// * text: the segments of program and libraries that are not writable;
/// * the whole address space: one region from the lowest to the highest address
///   that a program can have, which covers everything else.
///
/// Regions other than the whole do not overlap. `told` says of a range whether the
/// rank's record tells of it as memory in the heap file: the heap may be another
/// copy's of this library.
pub fn regions<F: Fn(std::ops::Range<usize>) -> bool>(told: F) -> io::Result<Vec<Region>> {
    let mut found = objects();
    let mut anonymous = Vec::new();
    lines::each(c"/proc/self/maps", &mut |line| {
        if let Some(kind) = kind_of(line, &told) {
            anonymous.push(Region {
                kind,
                start: line.start,
                len: line.len(),
                what: name_of(line, kind),
            });
        }
    })?;
    // What belongs to an object (a .bss that is large and anonymous, static data
    // that moved to the heap file) is that object's.
    for region in anonymous {
        push_rest(region, &mut found);
    }
    found.push(whole());
    found.sort_by_key(|r| (r.kind as u32, r.start));
    Ok(merged(found))
}

/// Adds what of `region` is in none of `found`.
fn push_rest(region: Region, found: &mut Vec<Region>) {
    let over = |r: &&Region| region.start < r.end() && r.start < region.end();
    let mut taken: Vec<_> = found
        .iter()
        .filter(over)
        .map(|r| (r.start, r.end()))
        .collect();
    taken.sort_unstable();
    taken.push((region.end(), region.end()));
    let mut from = region.start;
    for (start, end) in taken {
        if from < start {
            found.push(Region {
                start: from,
                len: start - from,
                ..region.clone()
            });
        }
        from = from.max(end);
    }
}

/// Joins neighbours of one kind and name: the kernel keeps a mapping in pieces
/// where protections or flags differ.
fn merged(sorted: Vec<Region>) -> Vec<Region> {
    let mut out: Vec<Region> = Vec::with_capacity(sorted.len());
    for region in sorted {
        match out.last_mut() {
            Some(last)
                if (last.kind, last.end()) == (region.kind, region.start)
                    && last.what == region.what =>
            {
                last.len += region.len;
            }
            _ => out.push(region),
        }
    }
    out
}

/// Segments of the program and of all libraries.
fn objects() -> Vec<Region> {
    let page = sys::page();
    let mut found = Vec::new();
    let mut first = true;
    objects::each(&mut |info| {
        let name = match std::mem::take(&mut first) {
            true => "program".to_owned(),
            false => String::from_utf8_lossy(objects::name(info)).into_owned(),
        };
        for header in objects::headers(info) {
            if header.p_type != libc::PT_LOAD {
                continue;
            }
            let at = info.dlpi_addr.wrapping_add(header.p_vaddr);
            let start = usize::try_from(at).unwrap_or(0);
            let end = start + usize::try_from(header.p_memsz).unwrap_or(0);
            let start = start - start % page;
            let writable = header.p_flags & libc::PF_W != 0;
            found.push(Region {
                kind: if writable {
                    RegionKind::Static
                } else {
                    RegionKind::Text
                },
                start,
                len: end.next_multiple_of(page) - start,
                what: name.clone(),
            });
        }
    });
    found
}

/// The region that a mapping belongs to, objects' aside. `None`: only to the whole.
fn kind_of(line: &Line<'_>, told: &impl Fn(std::ops::Range<usize>) -> bool) -> Option<RegionKind> {
    let in_file = |line: &Line<'_>| registered(line) || told(line.start..line.end);
    let writable = line.protection & libc::PROT_WRITE != 0;
    if line.path.starts_with(SEGMENT) {
        Some(RegionKind::Internal)
    } else if line.path == b"[stack]" {
        Some(RegionKind::Stack)
    } else if line.path == b"[heap]" || (is_in_memfd(line) && writable && in_file(line)) {
        Some(RegionKind::Heap)
    } else {
        let large = line.file.1 == 0 && !line.shared && writable && line.len() >= LARGE;
        let named = line.path.starts_with(b"[") && !line.path.starts_with(b"[anon");
        (large && !named).then_some(RegionKind::Heap)
    }
}

/// Whether a mapping is shared, or what a fork has made private of the heap file.
fn is_in_memfd(line: &Line<'_>) -> bool {
    line.shared || line.path.starts_with(b"/memfd:")
}

/// Whether a mapping is one of the heap file's own, and not one of a peer's memory.
fn registered(line: &Line<'_>) -> bool {
    ranges::all()
        .any(|range| line.file == range.file && range.start < line.end && line.start < range.end())
}

fn name_of(line: &Line<'_>, kind: RegionKind) -> String {
    match kind {
        RegionKind::Heap if line.shared => "heap file".to_owned(),
        RegionKind::Heap if is_in_memfd(line) => FROZEN.to_owned(),
        _ if line.path.is_empty() => "anonymous".to_owned(),
        _ => String::from_utf8_lossy(line.path)
            .trim_start_matches("/memfd:")
            .trim_end_matches(" (deleted)")
            .to_owned(),
    }
}

/// Every address that a program can have.
fn whole() -> Region {
    let start = std::fs::read_to_string("/proc/sys/vm/mmap_min_addr");
    let start = start.ok().and_then(|text| text.trim().parse().ok());
    let start = start.unwrap_or_else(sys::page);
    let end = if cfg!(target_arch = "aarch64") {
        1 << 48
    } else {
        (1 << 47) - 4096
    };
    Region {
        kind: RegionKind::Whole,
        start,
        len: end - start,
        what: "address space".to_owned(),
    }
}
