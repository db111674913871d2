//! The guard: faults in attached ranges become errors, all others stay what they
//! are. What needs a process of its own is a case of `in_a_process_of_its_own`.

#![cfg(all(any(target_arch = "x86_64", target_arch = "aarch64"), not(loom)))]

use btl_shm::copy::{self, Limits, copy, copy_part, copy_piece};
use btl_shm::fault::{self, Fault};
use std::ffi::{c_int, c_void};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus};
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicUsize, Ordering::SeqCst};

const PAGE: usize = 4096;

/// Pages of a file of that many, mapped.
fn file_pages(pages: usize) -> (*mut u8, c_int) {
    // SAFETY: a fresh file and a fresh mapping of the kernel's choice.
    unsafe {
        let fd = libc::memfd_create(c"fault-test".as_ptr(), libc::MFD_CLOEXEC);
        assert!(fd >= 0);
        assert_eq!(libc::ftruncate(fd, (pages * PAGE) as libc::off_t), 0);
        let open = libc::PROT_READ | libc::PROT_WRITE;
        let base = libc::mmap(ptr::null_mut(), pages * PAGE, open, libc::MAP_SHARED, fd, 0);
        assert_ne!(base, libc::MAP_FAILED);
        (base.cast(), fd)
    }
}

fn truncate(fd: c_int, pages: usize) {
    // SAFETY: the test's own file.
    let done = unsafe { libc::ftruncate(fd, (pages * PAGE) as libc::off_t) };
    assert_eq!(done, 0);
}

fn protect(start: *mut u8, pages: usize, how: c_int) {
    // SAFETY: pages of the test's own, which no reference points to.
    let done = unsafe { libc::mprotect(start.cast(), pages * PAGE, how) };
    assert_eq!(done, 0);
}

#[test]
fn a_peer_that_is_gone_is_an_error_in_every_kernel() {
    let pages = 32;
    let (base, fd) = file_pages(pages);
    let range = fault::register(base, pages * PAGE, 3, 0x7000_0000).unwrap();
    let mut mine = vec![5u8; pages * PAGE];
    // SAFETY: both are as long as is copied, and what is not there is registered.
    unsafe {
        copy(base, mine.as_mut_ptr(), pages * PAGE).unwrap();
        truncate(fd, 0);
        for vector in [16, 32, 64] {
            for (rep_min, nt_min) in [(usize::MAX, usize::MAX), (0, usize::MAX), (0, 0)] {
                copy::set_limits(Limits {
                    vector,
                    rep_min,
                    rep_max: usize::MAX,
                    nt_min,
                });
                for n in [1, 2, 3, 5, 8, 13, 16, 24, 40, 64, 65, 100, 200, 400, 600] {
                    for n in [n, n + 4000, n + 33_000, n + 70_000] {
                        let at = PAGE + 7;
                        let read = copy(base.add(at), mine.as_mut_ptr(), n).unwrap_err();
                        expect(read, base, at, n);
                        let write = copy(mine.as_ptr(), base.add(at), n).unwrap_err();
                        expect(write, base, at, n);
                        let part = copy_part(mine.as_ptr(), base.add(at), n, usize::MAX);
                        expect(part.unwrap_err(), base, at, n);
                        let piece = copy_piece(base.add(at), mine.as_mut_ptr(), n, usize::MAX - 1);
                        expect(piece.unwrap_err(), base, at, n);
                    }
                }
            }
        }
    }
    copy::set_nt_min(64 << 20);
    drop(range);
}

/// The fault is of the n bytes at `at`.
fn expect(fault: Fault, base: *mut u8, at: usize, n: usize) {
    let offset = usize::try_from(fault.addr).unwrap() - base.addr();
    assert!((at..at + n).contains(&offset), "{fault:?}, {n} bytes");
    assert_eq!(fault.peer, 3);
    assert_eq!(fault.peer_addr, 0x7000_0000 + offset as u64);
    let said = fault.to_string();
    assert!(said.contains("rank 3") && said.contains(&format!("{:#x}", fault.peer_addr)));
}

#[test]
fn what_is_there_is_copied_until_the_hole() {
    let (base, fd) = file_pages(2);
    let range = fault::register(base, 2 * PAGE, 1, 0x1000).unwrap();
    truncate(fd, 1);
    let mut mine = vec![0u8; 2 * PAGE];
    // SAFETY: as above.
    let fault = unsafe { copy(base, mine.as_mut_ptr(), 2 * PAGE) }.unwrap_err();
    assert!(fault.addr >= base.addr() as u64 + PAGE as u64);
    // SAFETY: as above; the first page is there.
    unsafe { copy(base, mine.as_mut_ptr(), PAGE) }.unwrap();
    truncate(fd, 2);
    // SAFETY: as above; all is there again.
    unsafe { copy(base, mine.as_mut_ptr(), 2 * PAGE) }.unwrap();
    drop(range);
}

#[test]
fn threads_fault_at_once_and_each_has_its_own_error() {
    let threads: Vec<_> = (0..8u32)
        .map(|peer| {
            std::thread::spawn(move || {
                let (base, _fd) = file_pages(1);
                protect(base, 1, libc::PROT_NONE);
                let start = 0x10_0000 * u64::from(peer + 1);
                let range = fault::register(base, PAGE, peer, start).unwrap();
                let mut mine = [0u8; 256];
                for i in 0..5_000usize {
                    let at = (i * 8) % (PAGE - 256);
                    // SAFETY: registered, and a local of 256 bytes.
                    let fault =
                        unsafe { copy(base.add(at), mine.as_mut_ptr(), 1 + i % 256) }.unwrap_err();
                    assert_eq!(fault.peer, peer);
                    assert_eq!(fault.peer_addr - start, fault.addr - base.addr() as u64);
                }
                drop(range);
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
}

/// The page that `open_page` opens.
static CLOSED: AtomicPtr<u8> = AtomicPtr::new(ptr::null_mut());
static CALLED: AtomicU32 = AtomicU32::new(0);
/// Whether SIGUSR1 and the signal itself were blocked when it was called.
static MASK: [AtomicU32; 2] = [AtomicU32::new(9), AtomicU32::new(9)];
/// The action that `pass_on` found.
static FOUND: AtomicUsize = AtomicUsize::new(0);

/// A program's handler: makes the page accessible.
extern "C" fn open_page(signal: c_int, info: *mut libc::siginfo_t, _context: *mut c_void) {
    let page = CLOSED.load(SeqCst);
    // SAFETY: the kernel's siginfo, and a local set.
    unsafe {
        assert_eq!(
            (*info).si_addr().addr() & !(PAGE - 1),
            page.addr(),
            "the fault's own siginfo"
        );
        let mut mask: libc::sigset_t = std::mem::zeroed();
        libc::pthread_sigmask(libc::SIG_BLOCK, ptr::null(), &raw mut mask);
        for (seen, which) in MASK.iter().zip([libc::SIGUSR1, signal]) {
            let blocked = libc::sigismember(&raw const mask, which);
            seen.store(u32::try_from(blocked).unwrap(), SeqCst);
        }
    }
    CALLED.fetch_add(1, SeqCst);
    protect(page, 1, libc::PROT_READ | libc::PROT_WRITE);
}

extern "C" fn open_page_plainly(_signal: c_int) {
    CALLED.fetch_add(1, SeqCst);
    protect(CLOSED.load(SeqCst), 1, libc::PROT_READ | libc::PROT_WRITE);
}

/// A program's handler that knows nothing and passes the signal on.
extern "C" fn pass_on(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    assert!(
        CALLED.fetch_add(100, SeqCst) < 1000,
        "passed on in a circle"
    );
    type Handler = extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void);
    // SAFETY: what it found had SA_SIGINFO.
    let next = unsafe { std::mem::transmute::<usize, Handler>(FOUND.load(SeqCst)) };
    next(signal, info, context);
}

fn set(signal: c_int, handler: usize, flags: c_int) -> usize {
    // SAFETY: actions of the test's, with handlers of the right type.
    unsafe {
        let mut new: libc::sigaction = std::mem::zeroed();
        let mut old: libc::sigaction = std::mem::zeroed();
        new.sa_sigaction = handler;
        new.sa_flags = flags;
        libc::sigaddset(&raw mut new.sa_mask, libc::SIGUSR1);
        assert_eq!(libc::sigaction(signal, &raw const new, &raw mut old), 0);
        old.sa_sigaction
    }
}

/// A page that is not registered and cannot be touched.
fn closed_page() -> *mut u8 {
    let (page, _fd) = file_pages(1);
    protect(page, 1, libc::PROT_NONE);
    CLOSED.store(page, SeqCst);
    page
}

/// Both by a kernel and by other code.
fn touch(page: *mut u8) {
    let mut mine = [0u8; 300];
    // SAFETY: a page of the test's, and a local.
    unsafe { copy(page, mine.as_mut_ptr(), 300) }.unwrap();
    protect(page, 1, libc::PROT_NONE);
    // SAFETY: as above.
    unsafe { page.write_volatile(1) };
}

/// An attached page that is gone: the guard works.
fn assert_guarded() {
    let (base, fd) = file_pages(1);
    let range = fault::register(base, PAGE, 1, 0).unwrap();
    truncate(fd, 0);
    let mut mine = [0u8; 8];
    // SAFETY: registered, and a local.
    assert!(unsafe { copy(base, mine.as_mut_ptr(), 8) }.is_err());
    protect(base, 1, libc::PROT_NONE);
    // SAFETY: as above.
    assert!(unsafe { copy(base, mine.as_mut_ptr(), 8) }.is_err());
    drop(range);
}

fn case(name: &str) {
    let handler = open_page as *const () as usize;
    match name {
        "default" => {
            set(libc::SIGSEGV, libc::SIG_DFL, 0);
            assert_guarded();
            touch(closed_page());
        }
        "rust" => {
            assert_guarded();
            touch(closed_page());
        }
        "default bus" => {
            set(libc::SIGBUS, libc::SIG_DFL, 0);
            assert_guarded();
            let (base, fd) = file_pages(1);
            truncate(fd, 0);
            let mut mine = [0u8; 300];
            // SAFETY: a mapping of the test's without pages behind it, and a local.
            unsafe { copy(base, mine.as_mut_ptr(), 300) }.unwrap();
        }
        "attached, but not by a copy" => {
            set(libc::SIGBUS, libc::SIG_DFL, 0);
            let (base, fd) = file_pages(1);
            let _range = fault::register(base, PAGE, 1, 0).unwrap();
            truncate(fd, 0);
            // SAFETY: as above.
            unsafe { base.write_volatile(1) };
        }
        "ignored" => {
            set(libc::SIGSEGV, libc::SIG_IGN, 0);
            assert_guarded();
            // SAFETY: a signal to this process, which ignores it.
            unsafe { libc::raise(libc::SIGSEGV) };
            println!("still here");
            touch(closed_page());
        }
        "sent" => {
            set(libc::SIGSEGV, libc::SIG_DFL, 0);
            assert_guarded();
            // SAFETY: a signal to this process.
            unsafe { libc::kill(libc::getpid(), libc::SIGSEGV) };
            // It may be another thread that takes it.
            std::thread::sleep(std::time::Duration::from_secs(60));
        }
        "handler before" => {
            set(libc::SIGSEGV, handler, libc::SA_SIGINFO);
            assert_guarded();
            touch(closed_page());
            assert_eq!(CALLED.load(SeqCst), 2);
            assert_eq!([MASK[0].load(SeqCst), MASK[1].load(SeqCst)], [1, 1]);
        }
        "handler before, not deferred, plain" => {
            let flags = libc::SA_SIGINFO | libc::SA_NODEFER;
            set(libc::SIGSEGV, handler, flags);
            assert_guarded();
            touch(closed_page());
            assert_eq!([MASK[0].load(SeqCst), MASK[1].load(SeqCst)], [1, 0]);
            set(libc::SIGSEGV, open_page_plainly as *const () as usize, 0);
            assert_guarded();
            touch(closed_page());
            assert_eq!(CALLED.load(SeqCst), 4);
        }
        "handler once" => {
            let flags = libc::SA_SIGINFO | libc::SA_RESETHAND;
            set(libc::SIGSEGV, handler, flags);
            assert_guarded();
            let page = closed_page();
            // SAFETY: a page of the test's, which the handler opens.
            unsafe { page.write_volatile(1) };
            println!("still here");
            touch(closed_page());
        }
        "handler after" => {
            assert_guarded();
            set(libc::SIGSEGV, handler, libc::SA_SIGINFO);
            touch(closed_page()); // theirs alone
            assert_guarded(); // ours in front again
            touch(closed_page());
            assert_eq!(CALLED.load(SeqCst), 4);
        }
        "handler after, passing on" => {
            set(libc::SIGSEGV, handler, libc::SA_SIGINFO);
            assert_guarded();
            let pass_on = pass_on as *const () as usize;
            FOUND.store(set(libc::SIGSEGV, pass_on, libc::SA_SIGINFO), SeqCst);
            touch(closed_page());
            assert_eq!(CALLED.swap(0, SeqCst), 202);
            assert_guarded();
            assert_eq!(CALLED.load(SeqCst), 0);
            touch(closed_page());
            assert_eq!(CALLED.load(SeqCst), 202);
        }
        "unmapped" => {
            let (base, _fd) = file_pages(4);
            let range = fault::register(base, 4 * PAGE, 3, 0x7000_0000).unwrap();
            // SAFETY: the test's own mapping; this process has one thread more,
            // which waits.
            assert_eq!(unsafe { libc::munmap(base.cast(), 4 * PAGE) }, 0);
            let mut mine = [0u8; 100];
            // SAFETY: registered, and a local.
            let fault = unsafe { copy(base.add(PAGE), mine.as_mut_ptr(), 100) }.unwrap_err();
            expect(fault, base, PAGE, 100);
            drop(range);
        }
        "small signal stack" => {
            // The least that a program written long ago gives.
            let room = Box::leak(Box::new([0u64; 2048 / 8]));
            let stack = libc::stack_t {
                ss_sp: ptr::from_mut(room).cast(),
                ss_flags: 0,
                ss_size: 2048,
            };
            // SAFETY: memory that stays; the kernel may find it too small.
            let taken = unsafe { libc::sigaltstack(&raw const stack, ptr::null_mut()) } == 0;
            println!("taken: {taken}");
            set(libc::SIGSEGV, libc::SIG_DFL, 0);
            set(libc::SIGBUS, libc::SIG_DFL, 0);
            assert_guarded();
        }
        "blocked" => {
            // SAFETY: a local set.
            unsafe {
                let mut all: libc::sigset_t = std::mem::zeroed();
                libc::sigfillset(&raw mut all);
                libc::pthread_sigmask(libc::SIG_SETMASK, &raw const all, ptr::null_mut());
            }
            assert_guarded();
        }
        _ => panic!("no case {name:?}"),
    }
    std::process::exit(0);
}

#[test]
#[ignore = "a case of another test, in a process of its own"]
fn in_a_process_of_its_own() {
    let none = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: a limit of this process's, which is there for this case only.
    unsafe { libc::setrlimit(libc::RLIMIT_CORE, &raw const none) };
    case(&std::env::var("LARIAT_TEST_CASE").expect("run by the other tests"));
}

fn run(name: &str) -> (ExitStatus, String) {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["in_a_process_of_its_own", "--exact", "--ignored"])
        .args(["--nocapture", "--test-threads=1"])
        .env("LARIAT_TEST_CASE", name)
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status, String::from_utf8_lossy(&said).into_owned())
}

fn dies_of(signal: c_int, name: &str) -> String {
    let (status, said) = run(name);
    assert_eq!(status.signal(), Some(signal), "{name}: {status}\n{said}");
    said
}

fn lives(name: &str) {
    let (status, said) = run(name);
    assert_eq!(status.code(), Some(0), "{name}: {status}\n{said}");
}

#[test]
fn other_faults_end_the_process_as_they_would_have() {
    dies_of(libc::SIGSEGV, "default");
    dies_of(libc::SIGSEGV, "rust");
    dies_of(libc::SIGBUS, "default bus");
    dies_of(libc::SIGBUS, "attached, but not by a copy");
    dies_of(libc::SIGSEGV, "sent");
    assert!(dies_of(libc::SIGSEGV, "ignored").contains("still here"));
    assert!(dies_of(libc::SIGSEGV, "handler once").contains("still here"));
}

#[test]
fn the_programs_handlers_go_on_working() {
    lives("handler before");
    lives("handler before, not deferred, plain");
    lives("handler after");
    lives("handler after, passing on");
}

#[test]
fn unmapped_memory_blocked_signals_and_small_stacks_are_no_death() {
    lives("unmapped");
    lives("blocked");
    lives("small signal stack");
}
