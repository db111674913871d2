//! Copies are right at every length and alignment, and touch nothing else.

#![cfg(not(loom))]

use btl_shm::copy::{self, Limits};
use std::ptr;

const NEVER: usize = usize::MAX;

/// Every kernel: each vector, alone, with `rep movsb`, and around the caches.
fn all_limits() -> Vec<Limits> {
    let mut all = Vec::new();
    for vector in [16, 32, 64] {
        for (rep_min, rep_max, nt_min) in [
            (NEVER, NEVER, NEVER),
            (0, NEVER, NEVER),
            (0, 100_000, 300_000),
            (300_000, NEVER, 100_000),
            (NEVER, NEVER, 0),
        ] {
            all.push(Limits {
                vector,
                rep_min,
                rep_max,
                nt_min,
            });
        }
    }
    all
}

/// What a destination is filled with before.
static UNTOUCHED: [u8; LARGE] = [0xee; LARGE];

/// The larger of the areas.
const LARGE: usize = 1 << 20;

/// `len` bytes between two pages that cannot be touched. Never unmapped.
fn fenced(len: usize) -> *mut u8 {
    let room = len.next_multiple_of(4096);
    // SAFETY: a fresh mapping of the kernel's choice, whose ends are then closed.
    unsafe {
        let base = libc::mmap(
            ptr::null_mut(),
            room + 8192,
            libc::PROT_NONE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        );
        assert_ne!(base, libc::MAP_FAILED);
        let base = base.cast::<u8>().add(4096);
        let open = libc::PROT_READ | libc::PROT_WRITE;
        assert_eq!(libc::mprotect(base.cast(), room, open), 0);
        base
    }
}

fn pattern(i: usize, salt: usize) -> u8 {
    let mixed = (i + 1).wrapping_mul(0x9e37_79b9).wrapping_add(salt * 77);
    (mixed >> 13).to_le_bytes()[0]
}

/// Copies `n` bytes between two places of two areas of `area` bytes and looks at
/// all bytes of the destination.
///
/// # Safety
/// Both areas are there.
unsafe fn check(from: *mut u8, from_at: usize, to: *mut u8, to_at: usize, n: usize, area: usize) {
    // SAFETY: the test's own areas, which no reference points to.
    unsafe {
        ptr::write_bytes(to, 0xee, area);
        copy::copy(from.add(from_at), to.add(to_at), n).unwrap();
        same(from, from_at, to, to_at, n, area);
    }
}

/// Looks at all bytes of the destination.
///
/// # Safety
/// As for `check`.
unsafe fn same(from: *mut u8, from_at: usize, to: *mut u8, to_at: usize, n: usize, area: usize) {
    // SAFETY: as there.
    unsafe {
        let (got, source) = (
            std::slice::from_raw_parts(to, area),
            std::slice::from_raw_parts(from.add(from_at), n),
        );
        // Comparing slices is fast in debug builds too.
        assert!(
            got[..to_at] == UNTOUCHED[..to_at] && got[to_at + n..] == UNTOUCHED[to_at + n..area],
            "{n} bytes from {from_at} to {to_at}: written outside"
        );
        assert!(
            &got[to_at..to_at + n] == source,
            "{n} bytes from {from_at} to {to_at}: wrong"
        );
    }
}

// One test, for the limits are the process's.
#[test]
fn every_kernel_copies_what_it_should_and_nothing_else() {
    let area = 4096;
    let (from, to) = (fenced(area), fenced(area));
    let large = LARGE;
    let (large_from, large_to) = (fenced(large), fenced(large));
    // SAFETY: both areas are this test's.
    unsafe {
        for i in 0..area {
            from.add(i).write(pattern(i, 1));
        }
        for i in 0..large {
            large_from.add(i).write(pattern(i, 2));
        }
    }
    let mut random = 0x1234_5678_9abc_def1_u64;
    let mut below = |n: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        usize::try_from(random % n as u64).unwrap()
    };
    for wanted in all_limits() {
        let set = copy::set_limits(wanted);
        println!("{set}");
        for n in 0..=700 {
            // Against both ends of the area: a byte too far is a fault.
            // SAFETY: all in the areas.
            unsafe {
                check(from, 0, to, 0, n, area);
                check(from, area - n, to, area - n, n, area);
                check(from, 0, to, area - n, n, area);
                check(from, area - n, to, 0, n, area);
            }
            for _ in 0..40 {
                let (a, b) = (below(area - n + 1), below(area - n + 1));
                // SAFETY: both places have room for n bytes.
                unsafe { check(from, a, to, b, n, area) };
            }
        }
        for (a, b) in (0..64).flat_map(|a| (0..64).map(move |b| (a, b))) {
            let n = 65 + below(1500);
            // SAFETY: 63 + 1565 is in the area.
            unsafe { check(from, a, to, b, n, area) };
        }
        for _ in 0..60 {
            let n = 700 + below(large - 700);
            let (a, b) = (below(large - n + 1), below(large - n + 1));
            // SAFETY: both places have room for n bytes.
            unsafe {
                check(large_from, a, large_to, b, n, large);
                check(large_from, large - n, large_to, large - n, n, large);
                // As a part of something larger.
                ptr::write_bytes(large_to, 0xee, large);
                copy::copy_part(large_from.add(a), large_to.add(b), n, NEVER).unwrap();
                same(large_from, a, large_to, b, n, large);
                ptr::write_bytes(large_to, 0xee, large);
                copy::copy_piece(large_from.add(a), large_to.add(b), n, NEVER - 1).unwrap();
                same(large_from, a, large_to, b, n, large);
            }
        }
        for n in [16_384, 32_768, 65_536, large] {
            for n in n - 3..=(n + 3).min(large) {
                // SAFETY: both places have room for n bytes.
                unsafe { check(large_from, 0, large_to, large - n, n, large) };
            }
        }
    }
}

#[test]
fn limits_are_told_and_kept_possible() {
    let limits = copy::limits(1 << 26);
    assert!(copy::GUARDED == (limits.vector != 0));
    if copy::GUARDED {
        assert!([16, 32, 64].contains(&limits.vector));
    }
    let told = limits.to_string().contains("67108864 bytes");
    assert_eq!(told, cfg!(target_arch = "x86_64"), "{limits}");
}
