//! What the tests load into their C programs: a heap file of the process's own,
//! a window of it as shared memory, static data moved behind the window, and the
//! library's `fork`.

use btl_shm::recall::{self, Hooks};
use btl_shm::region::static_data;
use std::ffi::{c_char, c_int};
use std::os::fd::BorrowedFd;
use std::ptr::null_mut;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicI32, AtomicPtr, AtomicU64, AtomicUsize};

btl_shm::export_fork!();

/// Bytes of the window, and of the room for static data behind it.
const WINDOW: usize = 1 << 36;

static FILE: AtomicI32 = AtomicI32::new(-1);
static BASE: AtomicPtr<c_char> = AtomicPtr::new(null_mut());
/// Calls of the four hooks.
static CALLS: [AtomicUsize; 4] = [const { AtomicUsize::new(0) }; 4];
/// Start, length and file offset of the largest part that moved.
static STATIC: [AtomicU64; 3] = [const { AtomicU64::new(0) }; 3];

#[used]
#[unsafe(link_section = ".init_array")]
static START: extern "C" fn() = start;

extern "C" fn start() {
    // SAFETY: the name is a NUL-terminated literal.
    let fd = unsafe { libc::memfd_create(c"lariat-heap".as_ptr(), libc::MFD_CLOEXEC) };
    assert!(fd >= 0, "memfd_create");
    let size = libc::off_t::try_from(2 * WINDOW).expect("fits");
    // SAFETY: touches no memory.
    assert_eq!(unsafe { libc::ftruncate(fd, size) }, 0, "ftruncate");
    let both = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_SHARED | libc::MAP_NORESERVE;
    // SAFETY: a fresh mapping at an address of the kernel's choice.
    let base = unsafe { libc::mmap(null_mut(), WINDOW, both, flags, fd, 0) };
    assert_ne!(base, libc::MAP_FAILED, "mmap");
    recall::add(base.addr(), WINDOW, fd).expect("the window can be registered");
    recall::at_fork(Hooks {
        prepare: || called(0),
        freeze: || (),
        parent: || called(1),
        child: || called(2),
        private: || called(3),
    })
    .expect("hooks can be registered");
    FILE.store(fd, Relaxed);
    BASE.store(base.cast(), Relaxed);
    if std::env::var_os("TEST_STATIC").is_some() {
        // SAFETY: the descriptor made above, which stays open.
        let file = unsafe { BorrowedFd::borrow_raw(fd) };
        let parts = static_data::parts(16 << 10);
        let moved = static_data::share(&parts, file, WINDOW as u64, WINDOW as u64)
            .unwrap_or_else(|why| panic!("{why}"));
        assert_eq!(moved.len(), parts.len());
        if let Some(largest) = moved.iter().max_by_key(|part| part.len) {
            for (to, from) in
                STATIC
                    .iter()
                    .zip([largest.start as u64, largest.len as u64, largest.at])
            {
                to.store(from, Relaxed);
            }
        }
    }
}

fn called(hook: usize) {
    CALLS[hook].fetch_add(1, Relaxed);
}

/// First address of the window.
#[unsafe(no_mangle)]
extern "C" fn shared_base() -> *mut c_char {
    BASE.load(Relaxed)
}

/// Bytes of the window.
#[unsafe(no_mangle)]
extern "C" fn shared_len() -> usize {
    WINDOW
}

/// The heap file's descriptor.
#[unsafe(no_mangle)]
extern "C" fn shared_fd() -> c_int {
    FILE.load(Relaxed)
}

/// Whether this process was forked by one with shared memory.
#[unsafe(no_mangle)]
extern "C" fn shared_forked() -> c_int {
    c_int::from(recall::forked())
}

/// How often a hook was called: 0 prepare, 1 parent, 2 child, 3 private.
#[unsafe(no_mangle)]
extern "C" fn shared_calls(hook: usize) -> usize {
    CALLS[hook].load(Relaxed)
}

/// Of the largest part of static data that moved: 0 start, 1 length, 2 file offset.
#[unsafe(no_mangle)]
extern "C" fn shared_static(what: usize) -> u64 {
    STATIC[what].load(Relaxed)
}
