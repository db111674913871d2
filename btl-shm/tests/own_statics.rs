//! A program that contains this library, so that the library's own static data move
//! with the program's, and are replaced in a child by code that uses them.
//!
//! A program of its own, without the test harness: static data move while there is
//! one thread.

use btl_shm::recall;
use btl_shm::region::static_data::{self, StaticError};
use std::fs::File;
use std::os::fd::{AsFd, FromRawFd};
use std::os::unix::fs::FileExt;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

btl_shm::export_fork!();

const WORDS: usize = 1 << 15;
static WORD: [AtomicU64; WORDS] = [const { AtomicU64::new(0) }; WORDS];
static INITIALISED: [AtomicU64; WORDS] = [const { AtomicU64::new(7) }; WORDS];

fn main() {
    // SAFETY: the name is a NUL-terminated literal; the descriptor is new.
    let file = unsafe {
        let fd = libc::memfd_create(c"lariat-heap".as_ptr(), libc::MFD_CLOEXEC);
        assert!(fd >= 0, "memfd_create");
        File::from_raw_fd(fd)
    };
    let size: u64 = 1 << 30;
    file.set_len(size).expect("memfds are sparse");
    WORD[5].store(55, Relaxed);

    let parts = static_data::parts(4096);
    let need = static_data::needed(&parts);
    assert!(need >= 2 * 8 * WORDS as u64, "{parts:?}");
    assert!(static_data::parts(1 << 40).is_empty());
    let refused = static_data::share(&parts, file.as_fd(), 0, need - 1);
    assert!(
        matches!(refused, Err(StaticError::Room { .. })),
        "{refused:?}"
    );
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let thread = std::thread::spawn(move || wait.recv().is_ok());
    let refused = static_data::share(&parts, file.as_fd(), 0, need);
    assert!(
        matches!(refused, Err(StaticError::Threads(2))),
        "{refused:?}"
    );
    drop(go);
    thread.join().expect("it only waits");

    let moved = loop {
        // The kernel forgets a thread a little after it has been joined.
        match static_data::share(&parts, file.as_fd(), 0, need) {
            Err(StaticError::Threads(_)) => std::thread::yield_now(),
            other => break other.expect("it can move"),
        }
    };
    assert_eq!(moved.len(), parts.len());
    assert_eq!(WORD[5].load(Relaxed), 55);
    assert!(INITIALISED.iter().all(|word| word.load(Relaxed) == 7));
    // What the file has is what the program has.
    let addr = (&raw const WORD[9]).addr();
    let holds =
        |part: &&static_data::SharedPart| (part.start..part.start + part.len).contains(&addr);
    let part = moved.iter().find(holds).expect("it is static data");
    let in_file = part.at + (addr - part.start) as u64;
    WORD[9].store(99, Relaxed);
    let mut bytes = [0; 8];
    file.read_exact_at(&mut bytes, in_file)
        .expect("it is there");
    assert_eq!(u64::from_ne_bytes(bytes), 99);

    for (round, own) in (0u64..300).zip(&WORD) {
        own.store(round, Relaxed);
        // SAFETY: the child only looks at memory and ends.
        let pid = unsafe { libc::fork() };
        assert!(pid >= 0, "fork");
        if pid == 0 {
            let right = own.load(Relaxed) == round
                && recall::forked()
                && !std::fs::read_to_string("/proc/self/maps")
                    .is_ok_and(|m| m.contains("lariat-heap"))
                && INITIALISED[WORDS - 1].load(Relaxed) == 7;
            for word in WORD.iter().chain(&INITIALISED) {
                word.store(u64::MAX, Relaxed);
            }
            // SAFETY: ends the child.
            unsafe { libc::_exit(i32::from(!right)) };
        }
        own.store(1 << 40, Relaxed);
        let mut status = -1;
        // SAFETY: waits for the child, and fills a local.
        assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, 0) }, pid);
        assert_eq!(status, 0, "the child of round {round}");
        assert_eq!(own.load(Relaxed), 1 << 40);
        assert!(INITIALISED.iter().all(|word| word.load(Relaxed) == 7));
    }
    assert!(!recall::forked());
    file.write_all_at(&4u64.to_ne_bytes(), in_file)
        .expect("the file is writable");
    assert_eq!(WORD[9].load(Relaxed), 4, "still shared");
    println!(
        "static data of {} KiB moved, and 300 children had their own",
        need >> 10
    );
}
