//! The regions of this very process: every kind of address is found in the region
//! that it belongs to, and nowhere else.

use btl_shm::recall;
use btl_shm::region::lines::{self, Line};
use btl_shm::region::maps::{self, LARGE, Region, RegionKind};
use btl_shm::region::report;
use std::fs::File;
use std::io::Write;
use std::os::fd::{AsRawFd, FromRawFd};
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;
use wireup::segment::Segment;

static INITIALISED: AtomicU64 = AtomicU64::new(7);
static ZERO: AtomicU64 = AtomicU64::new(0);
/// Tests that map and unmap would disturb one another's view.
static ALONE: Mutex<()> = Mutex::new(());

/// The region below the whole that an address lies in; regions do not overlap.
fn kind_at(regions: &[Region], addr: usize) -> Option<(RegionKind, &str)> {
    let holds = |r: &&Region| r.kind != RegionKind::Whole && (r.start..r.end()).contains(&addr);
    let mut found = regions.iter().filter(holds);
    let first = found.next().map(|r| (r.kind, r.what.as_str()));
    assert_eq!(found.next(), None, "{addr:#x} lies in two regions");
    first
}

fn addr_of<T>(value: &T) -> usize {
    (&raw const *value).addr()
}

#[test]
fn addresses_are_found_in_their_regions() {
    let _alone = ALONE.lock();
    let segment = Segment::create(2, 2).unwrap();
    let small = Box::new(1u64);
    let large = vec![1u8; 1 << 20];
    let mut path = std::env::temp_dir();
    path.push(format!("lariat-regions-{}", std::process::id()));
    File::create(&path).unwrap().write_all(&[1; 8192]).unwrap();
    let file = File::open(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    // SAFETY: a fresh private mapping of a file that is 8 KiB long.
    let mapped = unsafe {
        let (both, private) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE);
        libc::mmap(
            std::ptr::null_mut(),
            8192,
            both,
            private,
            file.as_raw_fd(),
            0,
        )
    };
    assert_ne!(mapped, libc::MAP_FAILED);

    let regions = maps::regions(|_| false).unwrap();
    let at = |addr| kind_at(&regions, addr);
    let program = |kind| Some((kind, "program"));
    assert_eq!(at(addr_of(&INITIALISED)), program(RegionKind::Static));
    assert_eq!(at(addr_of(&ZERO)), program(RegionKind::Static));
    assert_eq!(
        at(maps::regions::<fn(std::ops::Range<usize>) -> bool> as *const () as usize),
        program(RegionKind::Text)
    );
    assert_eq!(
        at(libc::puts as *const () as usize),
        Some((RegionKind::Text, "libc.so.6"))
    );
    // SAFETY: looks a name up in the C library.
    let stdout = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"_IO_2_1_stdout_".as_ptr()) };
    assert_eq!(at(stdout.addr()), Some((RegionKind::Static, "libc.so.6")));
    // The kernel puts this on the main thread's stack.
    // SAFETY: reads the auxiliary vector.
    let random = unsafe { libc::getauxval(libc::AT_RANDOM) };
    assert_eq!(
        at(usize::try_from(random).unwrap()),
        Some((RegionKind::Stack, "[stack]"))
    );
    assert_eq!(at(addr_of(&*small)).map(|r| r.0), Some(RegionKind::Heap));
    assert_eq!(
        at(large.as_ptr().addr()),
        Some((RegionKind::Heap, "anonymous"))
    );
    let head = addr_of(segment.head());
    assert_eq!(at(head), Some((RegionKind::Internal, "lariat-job")));
    assert_eq!(at(mapped.addr()), None, "a file is only in the whole");

    let whole: Vec<_> = regions
        .iter()
        .filter(|r| r.kind == RegionKind::Whole)
        .collect();
    assert_eq!(whole.len(), 1);
    assert!(regions.iter().all(|r| r.len > 0));
    assert!(
        regions
            .iter()
            .all(|r| whole[0].start <= r.start && r.end() <= whole[0].end())
    );
    assert!(regions.is_sorted_by_key(|r| (r.kind as u32, r.start)));
    // SAFETY: the mapping made above.
    unsafe { libc::munmap(mapped, 8192) };
}

#[test]
fn they_are_followed_as_they_grow() {
    let _alone = ALONE.lock();
    let heap = |regions: &[Region]| -> usize {
        let heap = regions.iter().filter(|r| r.kind == RegionKind::Heap);
        heap.map(|r| r.len).sum()
    };
    let before = heap(&maps::regions(|_| false).unwrap());
    let large = vec![1u8; 64 << 20];
    let grown = maps::regions(|_| false).unwrap();
    assert!(heap(&grown) >= before + (64 << 20));
    assert_eq!(
        kind_at(&grown, addr_of(&large[32 << 20])).unwrap().0,
        RegionKind::Heap
    );
    drop(large);
    assert!(heap(&maps::regions(|_| false).unwrap()) < before + (64 << 20));
}

#[test]
fn memory_of_the_heap_file_is_heap_and_a_peers_is_not() {
    let _alone = ALONE.lock();
    const LEN: usize = 4 << 20;
    // SAFETY: the name is a NUL-terminated literal; the descriptor is new.
    let file = unsafe {
        let fd = libc::memfd_create(c"lariat-heap".as_ptr(), libc::MFD_CLOEXEC);
        assert!(fd >= 0);
        File::from_raw_fd(fd)
    };
    file.set_len(2 * LEN as u64).unwrap();
    let map = |at: usize| {
        let both = libc::PROT_READ | libc::PROT_WRITE;
        let (null, at) = (std::ptr::null_mut(), libc::off_t::try_from(at).unwrap());
        // SAFETY: a fresh mapping of the file, which is long enough.
        let map = unsafe { libc::mmap(null, LEN, both, libc::MAP_SHARED, file.as_raw_fd(), at) };
        assert_ne!(map, libc::MAP_FAILED);
        map
    };
    let (own, peers) = (map(0), map(LEN));
    recall::add(own.addr(), LEN, file.as_raw_fd()).unwrap();
    assert!(
        recall::add(own.addr(), LEN, file.as_raw_fd()).is_err(),
        "it is there already"
    );
    assert!(
        recall::add(own.addr() + 1, LEN, file.as_raw_fd()).is_err(),
        "no whole pages"
    );
    let regions = maps::regions(|_| false).unwrap();
    assert_eq!(
        kind_at(&regions, own.addr()),
        Some((RegionKind::Heap, "heap file"))
    );
    assert_eq!(
        kind_at(&regions, own.addr() + LEN - 1),
        Some((RegionKind::Heap, "heap file"))
    );
    assert_eq!(kind_at(&regions, peers.addr() + LEN / 2), None);
    let exact = regions.iter().find(|r| r.what == "heap file").unwrap();
    assert_eq!((exact.start, exact.len), (own.addr(), LEN));
    assert!(recall::remove(own.addr()) && !recall::remove(own.addr()));
    assert_eq!(
        kind_at(&maps::regions(|_| false).unwrap(), own.addr()),
        None
    );
    for map in [own, peers] {
        // SAFETY: the mappings made above.
        unsafe { libc::munmap(map, LEN) };
    }
}

/// What a line of the kernel's must be, judged by the line alone; `None`: several
/// answers are right.
fn judged(line: &Line<'_>) -> Option<Option<RegionKind>> {
    let file = line.path.starts_with(b"/");
    let object = line.path.ends_with(b".so.6") || line.path.ends_with(b".so.1");
    let writable = line.protection & libc::PROT_WRITE != 0;
    if line.path == b"[stack]" {
        Some(Some(RegionKind::Stack))
    } else if line.path == b"[heap]" {
        Some(Some(RegionKind::Heap))
    } else if object && line.protection & libc::PROT_EXEC != 0 {
        Some(Some(RegionKind::Text))
    } else if object && writable {
        Some(Some(RegionKind::Static))
    } else if line.protection == 0 && !file {
        Some(None) // guards, and what allocators keep in reserve
    } else if line.path.is_empty() && writable && line.len() >= LARGE && line.file.1 == 0 {
        Some(Some(RegionKind::Heap))
    } else {
        None
    }
}

/// The mappings of this process of which the kernel's line alone says what they are.
fn judged_mappings() -> Vec<(usize, usize, Option<RegionKind>, String)> {
    let mut found = Vec::new();
    lines::each(c"/proc/self/maps", &mut |line| {
        if let Some(kind) = judged(line) {
            let path = String::from_utf8_lossy(line.path).into_owned();
            found.push((line.start, line.end, kind, path));
        }
    })
    .unwrap();
    found
}

#[test]
fn every_mapping_is_where_it_belongs() {
    let _alone = ALONE.lock();
    // The other tests' threads come and go meanwhile, with their stacks: what is the same
    // before and after was there in between.
    let before = judged_mappings();
    let regions = maps::regions(|_| false).unwrap();
    let mut mappings = judged_mappings();
    mappings.retain(|mapping| before.contains(mapping));
    assert!(mappings.len() > 5);
    for (start, end, kind, path) in mappings {
        for addr in [start, start + (end - start) / 2, end - 1] {
            let found = kind_at(&regions, addr).map(|r| r.0);
            assert_eq!(found, kind, "{addr:#x} in {start:#x}-{end:#x} {path}");
        }
    }
}

#[test]
fn the_table_tells_what_is_in_memory() {
    let _alone = ALONE.lock();
    let large = vec![1u8; 32 << 20];
    let mut regions = maps::regions(|_| false).unwrap();
    regions.retain(|r| r.kind != RegionKind::Whole);
    let resident = report::resident(&regions).unwrap();
    for (region, bytes) in regions.iter().zip(&resident) {
        assert!(*bytes <= region.len, "{region:?}: {bytes} bytes in memory");
        if (region.start..region.end()).contains(&large.as_ptr().addr()) {
            assert!(*bytes >= 32 << 20, "{region:?}: {bytes} bytes in memory");
        }
    }
    let text = report::table(0, &regions, Some(&resident), |_| "cma".to_owned());
    assert_eq!(text.lines().count(), 1 + regions.len());
    for name in ["static data", "stack", "heap", "text"] {
        assert!(text.contains(name), "{text}");
    }
}
