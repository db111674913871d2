//! The allocator and the mapping calls over a window, against naive models.

use btl_shm::region::alloc::{ALIGN, Allocator};
use btl_shm::region::extents::{Extents, State};
use btl_shm::region::mappings;
use btl_shm::region::sys::{RW, page};
use btl_shm::region::window::{Refusal, Window, static_part};
use std::collections::BTreeMap;
use std::sync::Mutex;
use wireup::heap::HeapFile;
use wireup::layout::RegionKind;
use wireup::segment::Segment;

/// A small deterministic generator (xorshift).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() % n as u64).unwrap()
    }

    /// Lengths spread over the powers of two from 4 KiB to 2 MiB, odd ones too.
    fn len(&mut self) -> usize {
        let base = 4096usize << self.below(9);
        base + self.below(base)
    }
}

struct Job {
    segment: Segment,
    file: HeapFile,
}

impl Job {
    fn new(ranks: u32) -> Job {
        let segment = Segment::create(ranks, 2).unwrap();
        let file = HeapFile::create(&segment).unwrap();
        Job { segment, file }
    }

    fn heap(&self, rank: u32) -> Allocator {
        Allocator::new(Window::claim(&self.segment, rank, &self.file).unwrap()).unwrap()
    }

    /// Bytes of the file's pages that exist.
    fn resident(&self) -> u64 {
        use std::os::fd::AsRawFd;
        let mut stat = std::mem::MaybeUninit::<libc::stat>::uninit();
        // SAFETY: fstat fills the structure when it returns 0.
        let done = unsafe { libc::fstat(self.file.fd().as_raw_fd(), stat.as_mut_ptr()) };
        assert_eq!(done, 0);
        // SAFETY: it was filled.
        u64::try_from(unsafe { stat.assume_init() }.st_blocks).unwrap() * 512
    }
}

fn at(addr: usize) -> *mut u8 {
    std::ptr::with_exposed_provenance_mut(addr)
}

/// Writes a word that tells of the block into every 512 bytes of it, and the last.
fn mark(start: usize, len: usize, id: u64) {
    for place in (0..len).step_by(512).chain([len - 8]) {
        // SAFETY: inside the block, which is ours.
        unsafe { at(start + place).cast::<u64>().write_unaligned(id) };
    }
}

fn check(start: usize, len: usize, id: u64) {
    let whole = (0..len).step_by(512).filter(|place| place + 8 <= len);
    for place in whole {
        // The mark at the end may lie over this one.
        if place + 16 > len {
            continue;
        }
        // SAFETY: inside the block, which is ours.
        let got = unsafe { at(start + place).cast::<u64>().read_unaligned() };
        assert_eq!(got, id, "block at {start:#x}, {len} bytes, byte {place}");
    }
}

#[test]
fn blocks_keep_what_is_in_them_and_never_overlap() {
    let job = Job::new(1);
    let heap = job.heap(0);
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut blocks: BTreeMap<usize, (usize, u64)> = BTreeMap::new();
    let insert = |blocks: &mut BTreeMap<usize, (usize, u64)>, start: usize, len: usize, id| {
        let before = blocks.range(..start + len).next_back();
        if let Some((other, (other_len, _))) = before {
            assert!(
                other + other_len <= start,
                "{start:#x}+{len} over {other:#x}"
            );
        }
        assert!(heap.contains(start) && heap.contains(start + len - 1));
        mark(start, len, id);
        blocks.insert(start, (len, id));
    };
    for id in 1..12_000u64 {
        let key = blocks
            .keys()
            .nth(random.below(blocks.len().max(1)))
            .copied();
        match (random.below(8), key) {
            (0..=2, _) if blocks.len() < 64 => {
                let len = random.len();
                let align = [1, 64, 4096, 1 << 16, 2 << 20][random.below(5)];
                let (start, zeroed) = heap.alloc(len, align).unwrap();
                assert!(start.is_multiple_of(align.max(ALIGN)));
                assert!(heap.usable(start).unwrap() >= len);
                if zeroed {
                    assert_zero(start, len);
                }
                insert(&mut blocks, start, len, id);
            }
            (3, _) if blocks.len() < 64 => {
                let len = random.len();
                let start = heap.alloc_zeroed(len, 1).unwrap();
                assert_zero(start, len);
                insert(&mut blocks, start, len, id);
            }
            (4 | 5, Some(start)) => {
                let (len, old) = blocks[&start];
                check(start, len, old);
                let new = random.len();
                // SAFETY: the block is ours.
                if unsafe { heap.resize(start, new) } {
                    check(start, len.min(new), old);
                    assert!(heap.usable(start).unwrap() >= new);
                    blocks.remove(&start);
                    insert(&mut blocks, start, new, id);
                }
            }
            (_, Some(start)) => {
                let (len, old) = blocks.remove(&start).unwrap();
                check(start, len, old);
                // SAFETY: the block is ours, and nobody uses it any more.
                assert!(unsafe { heap.free(start) });
                assert_eq!(heap.usable(start), None);
                // SAFETY: it is refused.
                assert!(!unsafe { heap.free(start) }, "freed twice");
            }
            _ => {}
        }
    }
    assert!(
        blocks.len() > 8,
        "the test has to hold blocks: {}",
        blocks.len()
    );
    for (start, (len, id)) in blocks {
        check(start, len, id);
        // SAFETY: as above.
        assert!(unsafe { heap.free(start) });
    }
}

fn assert_zero(start: usize, len: usize) {
    for place in (0..len / 8).step_by(61) {
        // SAFETY: inside the block, which is ours.
        let word = unsafe { at(start + place * 8).cast::<u64>().read_unaligned() };
        assert_eq!(word, 0, "block at {start:#x}, word {place} of {len} bytes");
    }
}

#[test]
fn threads_share_it() {
    let job = Job::new(1);
    let heap = job.heap(0);
    // What one thread allocates another may free.
    let handed = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for thread in 1..=8u64 {
            let (heap, handed) = (&heap, &handed);
            scope.spawn(move || {
                let mut random = Random(thread * 77_777);
                for n in 0..1000 {
                    let len = 4096 + random.below(200 << 10);
                    let id = thread << 32 | n;
                    let (start, _) = heap.alloc(len, 1).unwrap();
                    mark(start, len, id);
                    handed.lock().unwrap().push((start, len, id));
                    let mut all = handed.lock().unwrap();
                    if all.len() > 40 {
                        let number = random.below(all.len());
                        let (start, len, id) = all.swap_remove(number);
                        drop(all);
                        check(start, len, id);
                        // SAFETY: taken out of the list, so that we alone have it.
                        assert!(unsafe { heap.free(start) });
                    }
                }
            });
        }
    });
}

#[test]
fn freed_memory_goes_back_to_the_system() {
    let job = Job::new(1);
    let heap = job.heap(0);
    let mut blocks = Vec::new();
    for n in 0..300usize {
        let len = (1 << 20) + n * 256;
        let (start, _) = heap.alloc(len, 1).unwrap();
        // SAFETY: the block is ours.
        unsafe { at(start).write_bytes(1, len) };
        blocks.push(start);
    }
    assert!(job.resident() >= 300 << 20);
    for start in blocks {
        // SAFETY: ours, and not used any more.
        assert!(unsafe { heap.free(start) });
    }
    let left = job.resident();
    assert!(left <= 66 << 20, "{left} bytes are left of 300 MiB");
    // A block that is longer than what stays warm takes all of it along.
    let (start, _) = heap.alloc(100 << 20, 1).unwrap();
    // SAFETY: ours.
    unsafe { at(start).write_bytes(1, 100 << 20) };
    // SAFETY: ours, and not used any more.
    assert!(unsafe { heap.free(start) });
    assert!(job.resident() <= 66 << 20);
}

#[test]
fn a_window_is_one_processs() {
    let job = Job::new(2);
    let first = job.heap(1);
    let record = job.segment.record(1);
    let told = &record.shared[0];
    let load = std::sync::atomic::Ordering::Acquire;
    assert_eq!(told.start.load(load), first.window().base() as u64);
    assert_eq!(told.at.load(load), job.file.begin(1));
    assert_eq!(told.kind.load(load), RegionKind::Heap as u32);
    let len = static_part(job.file.window()).start;
    assert_eq!(told.len.load(load), len);
    // A second copy of the code in this process must not have it as well.
    let refused = Window::claim(&job.segment, 1, &job.file).unwrap_err();
    assert_eq!(refused, Refusal::Taken(std::process::id()));
    // What a process wrote is not there for the next.
    let (start, _) = first.alloc(1 << 20, 1).unwrap();
    // SAFETY: ours.
    unsafe { at(start).write_bytes(7, 1 << 20) };
    assert!(job.resident() >= 1 << 20);
    drop(first);
    let second = job.heap(1);
    assert_eq!(job.resident(), 0);
    // Peers see the same bytes at the offset that was told.
    let (start, _) = second.alloc(64 << 10, 1).unwrap();
    mark(start, 64 << 10, 0xabcd);
    let place = (start - second.window().base()) as u64;
    let theirs = job.file.map(job.file.begin(1) + place, 64 << 10).unwrap();
    check(theirs.as_ptr().expose_provenance(), 64 << 10, 0xabcd);
}

#[test]
fn mappings_do_what_the_kernels_do() {
    let job = Job::new(1);
    let heap = job.heap(0);
    let mut random = Random(0xdead_beef_cafe_f00d);
    // Mapped pages by number.
    let mut model: BTreeMap<usize, u64> = BTreeMap::new();
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    let mut blocks = Vec::new();
    for id in 1..3000u64 {
        let all: Vec<usize> = model.keys().copied().collect();
        let some = (!all.is_empty()).then(|| all[random.below(all.len().max(1))]);
        match (random.below(9), some) {
            (0 | 1, _) if model.len() < 4000 => {
                let len = mappings::LEAST_MAPPING + random.below(1 << 20);
                // SAFETY: a fresh mapping.
                let start = unsafe { mappings::mmap(&heap, 0, len, RW, flags, -1, 0) }.unwrap();
                assert!(heap.contains(start));
                for number in start / page()..(start + len).div_ceil(page()) {
                    assert_eq!(model.insert(number, 0), None, "mapped twice");
                    assert_eq!(word(number), 0);
                }
            }
            (2 | 3, Some(number)) => {
                for number in number..number + random.below(64) {
                    if let Some(holds) = model.get_mut(&number) {
                        // SAFETY: the model says that the page is mapped.
                        unsafe { at(number * page()).cast::<u64>().write(id) };
                        *holds = id;
                    }
                }
            }
            (4, Some(number)) => {
                let count = 1 + random.below(200);
                // SAFETY: pages of ours, or holes; blocks stay as they are.
                unsafe { mappings::munmap(&heap, number * page(), count * page()) }.unwrap();
                model.retain(|page, _| !(number..number + count).contains(page));
            }
            (5, Some(number)) => {
                let count = run(&model, number).min(1 + random.below(100));
                let advice = [libc::MADV_DONTNEED, libc::MADV_FREE][random.below(2)];
                // SAFETY: pages of ours.
                unsafe { mappings::madvise(&heap, number * page(), count * page(), advice) }
                    .unwrap();
                for page in number..number + count {
                    model.insert(page, 0);
                }
            }
            (6, Some(number)) => {
                let have = run(&model, number).min(1 + random.below(300));
                let want = 1 + random.below(600);
                let (old, len) = (number * page(), want * page());
                let flags = libc::MREMAP_MAYMOVE;
                // SAFETY: pages of ours.
                let new = unsafe { mappings::mremap(&heap, old, have * page(), len, flags, 0) };
                let new = new.unwrap() / page();
                let held: Vec<u64> = (number..number + have).map(|at| model[&at]).collect();
                model.retain(|page, _| !(number..number + have).contains(page));
                for place in 0..want {
                    let holds = held.get(place).copied().unwrap_or(0);
                    assert_eq!(model.insert(new + place, holds), None, "mapped twice");
                    assert_eq!(word(new + place), holds, "page {place} of {want}");
                }
            }
            (7, Some(number)) => {
                // New pages over old ones, as the kernel's MAP_FIXED.
                let count = run(&model, number).min(1 + random.below(50));
                let (start, len) = (number * page(), count * page());
                let flags = flags | libc::MAP_FIXED;
                // SAFETY: pages of ours.
                let got = unsafe { mappings::mmap(&heap, start, len, RW, flags, -1, 0) }.unwrap();
                assert_eq!(got, start);
                assert!(heap.is_shared(start, len));
                for page in number..number + count {
                    model.insert(page, 0);
                }
            }
            _ => {
                let len = random.len();
                let (start, _) = heap.alloc(len, 1).unwrap();
                mark(start, len, id);
                blocks.push((start, len, id));
                if blocks.len() > 10 {
                    let (start, len, id) = blocks.swap_remove(random.below(10));
                    check(start, len, id);
                    // SAFETY: ours, and not used any more.
                    assert!(unsafe { heap.free(start) });
                }
            }
        }
        if id.is_multiple_of(100) {
            for (number, holds) in &model {
                assert_eq!(word(*number), *holds);
            }
        }
    }
    for (start, len, id) in &blocks {
        check(*start, *len, *id);
        // SAFETY: ours, and not used any more.
        assert!(unsafe { heap.free(*start) });
    }
    for number in model.into_keys() {
        // SAFETY: ours.
        unsafe { mappings::munmap(&heap, number * page(), page()) }.unwrap();
    }
    assert!(job.resident() <= 66 << 20, "pages leak: {}", job.resident());
}

/// The first word of a page.
fn word(number: usize) -> u64 {
    // SAFETY: the model says that the page is mapped.
    unsafe { at(number * page()).cast::<u64>().read() }
}

/// Mapped pages from this one on.
fn run(model: &BTreeMap<usize, u64>, number: usize) -> usize {
    (number..).take_while(|at| model.contains_key(at)).count()
}

#[test]
fn errors_are_the_kernels() {
    let job = Job::new(1);
    let heap = job.heap(0);
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    let code = |done: std::io::Result<usize>| done.unwrap_err().raw_os_error().unwrap();
    let len = 1 << 20;
    // SAFETY: all of these work on a fresh mapping of ours, or are refused.
    unsafe {
        let start = mappings::mmap(&heap, 0, len, RW, flags, -1, 0).unwrap();
        let unmap = |at, len| mappings::munmap(&heap, at, len).map(|()| 0);
        assert_eq!(code(unmap(start + 1, 4096)), libc::EINVAL);
        assert_eq!(code(unmap(start, 0)), libc::EINVAL);
        assert_eq!(code(unmap(start, usize::MAX - 100)), libc::EINVAL);
        assert_eq!(
            code(mappings::mmap(&heap, 0, 0, RW, flags, -1, 0)),
            libc::EINVAL
        );
        let advise = |at, len| mappings::madvise(&heap, at, len, libc::MADV_DONTNEED).map(|()| 0);
        assert_eq!(code(advise(start + 8, 4096)), libc::EINVAL);
        let remap = |old, have, want, flags| mappings::mremap(&heap, old, have, want, flags, 0);
        assert_eq!(code(remap(start + 8, len, 2 * len, 0)), libc::EINVAL);
        assert_eq!(
            code(remap(start, len, 0, libc::MREMAP_MAYMOVE)),
            libc::EINVAL
        );
        let behind = mappings::mmap(&heap, 0, len, RW, flags, -1, 0).unwrap();
        assert_eq!(behind, start + len, "best fit puts them side by side");
        assert_eq!(code(remap(start, len, 2 * len, 0)), libc::ENOMEM);
        let fixed = flags | libc::MAP_FIXED_NOREPLACE;
        assert_eq!(
            code(mappings::mmap(&heap, start, len, RW, fixed, -1, 0)),
            libc::EEXIST
        );
        unmap(start, len).unwrap();
        assert_eq!(code(advise(start, len)), libc::ENOMEM);
        assert_eq!(
            mappings::mmap(&heap, start, len, RW, fixed, -1, 0).unwrap(),
            start
        );
    }
}

#[test]
fn what_is_mapped_over_the_window_is_foreign() {
    let job = Job::new(1);
    let heap = job.heap(0);
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    let len = 1 << 20;
    // SAFETY: works on fresh mappings of ours.
    unsafe {
        let start = mappings::mmap(&heap, 0, len, RW, flags, -1, 0).unwrap();
        at(start).write_bytes(5, len);
        let middle = start + len / 4;
        let file = libc::memfd_create(c"test".as_ptr(), libc::MFD_CLOEXEC);
        assert!(file >= 0 && libc::ftruncate(file, len as i64) == 0);
        let over = libc::MAP_SHARED | libc::MAP_FIXED;
        mappings::mmap(&heap, middle, len / 4, RW, over, file, 0).unwrap();
        assert_eq!(at(middle).read(), 0);
        at(middle).write_bytes(9, len / 4);
        assert!(!heap.is_shared(start, len));
        assert!(!heap.is_shared(middle, 1));
        assert!(heap.is_shared(start, len / 4));
        // Letting go of ours leaves the file's alone.
        mappings::madvise(&heap, start, len, libc::MADV_DONTNEED).unwrap();
        assert_eq!(at(start).read(), 0);
        assert_eq!(at(middle).read(), 9);
        assert_eq!(job.resident(), u64::try_from(page()).unwrap());
        mappings::munmap(&heap, start, len).unwrap();
        assert_eq!(job.resident(), 0);
        // The addresses in the middle are never used again, those around are.
        for _ in 0..8 {
            let again = mappings::mmap(&heap, 0, len / 4, RW, flags, -1, 0).unwrap();
            assert!(again + len / 4 <= middle || again >= middle + len / 4);
        }
        libc::close(file);
    }
}

#[test]
fn extents_are_what_a_list_of_bytes_says() {
    const UNITS: usize = 400;
    let mut random = Random(42);
    let mut extents = Extents::default();
    let mut model = [None::<State>; UNITS];
    let states = [State::Dirty, State::Clean, State::Sealed, State::Mapped];
    for _ in 0..30_000 {
        let start = 1 + random.below(UNITS - 40);
        let end = start + 1 + random.below(30);
        match random.below(3) {
            0 => {
                let state = states[random.below(4)];
                extents.free_of(start, end);
                extents.insert(start, end, state);
                model[start..end].fill(Some(state));
            }
            1 => {
                extents.free_of(start, end);
                model[start..end].fill(None);
            }
            _ => {
                let state = states[random.below(3)];
                let (len, align) = (1 + random.below(12), 1 << random.below(4));
                let runs = runs(&model).into_iter().filter(|run| run.2 == state);
                let fits =
                    |run: &(usize, usize, State)| run.0.next_multiple_of(align) + len <= run.1;
                match extents.take(len, align, state) {
                    Some(at) => {
                        assert!(at.is_multiple_of(align));
                        assert!(model[at..at + len].iter().all(|one| *one == Some(state)));
                        model[at..at + len].fill(None);
                    }
                    // Among more than 16 candidates, one that just fits may be missed.
                    None => assert!(
                        runs.clone().filter(fits).count() == 0 || runs.count() > 16,
                        "{len} bytes at {align} were there"
                    ),
                }
            }
        }
        let listed: Vec<_> = extents.iter().collect();
        assert_eq!(listed, runs(&model));
        for state in states {
            let bytes = model.iter().filter(|one| **one == Some(state)).count();
            assert_eq!(extents.bytes(state), bytes);
        }
        let want = (start..end).find(|at| model[*at].is_some());
        assert_eq!(extents.first_in(start, end).map(|one| one.0), want);
    }
}

/// The longest runs of one state.
fn runs(model: &[Option<State>]) -> Vec<(usize, usize, State)> {
    let mut found: Vec<(usize, usize, State)> = Vec::new();
    for (at, state) in model.iter().enumerate() {
        let Some(state) = *state else { continue };
        match found.last_mut() {
            Some(last) if last.1 == at && last.2 == state => last.1 = at + 1,
            _ => found.push((at, at + 1, state)),
        }
    }
    found
}
