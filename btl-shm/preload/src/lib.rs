//! `liblariat_heap.so`: a malloc family, and `mmap` and its like, for programs that
//! run with it in `LD_PRELOAD`. In a rank of a job large memory comes from the
//! shared heap (`btl_shm::region`), so that peers can map it; small memory, and all
//! memory of every other program, comes from the C library as if this were not here.
//!
//! ```text
//! lib.rs     when it is active; what the runtime calls
//! malloc.rs  malloc, free and their kin
//! mmap.rs    mmap, munmap, mremap, madvise, mprotect, mlockall, munlockall
//! wait.rs    wait, waitpid and their kin
//! watch.rs   tells the runtime of memory that is given back (mpirun --check)
//! system.rs  the C library's malloc, by names that nobody hides
//! ```
//!
//! `fork` and its kin are exported as well (`btl_shm::recall::interpose`).
//!
//! Active from the start in a program that is linked with MPI, else (Python, a
//! program with the runtime linked statically) from `MPI_Init` on: the shells and
//! wrappers between `mpirun` and the program never take the rank's window.
//!
//! For glibc: the names in `system.rs` are its.

btl_shm::export_fork!();

mod malloc;
mod mmap;
mod system;
mod wait;
mod watch;

use btl_shm::region::adopt;
use btl_shm::region::heap::{self, Heap, Preloaded};
use btl_shm::region::objects;
use btl_shm::region::window::VisibleRange;
use std::ffi::{CString, c_char, c_int, c_void};
use std::ptr::{null, null_mut};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

/// What this library itself allocates is small and the system's, always.
#[global_allocator]
static OWN: system::Malloc = system::Malloc;

/// Bytes from which on allocations come from the heap; none before it is started.
static LEAST: AtomicUsize = AtomicUsize::new(usize::MAX);
/// The heap, once it is started.
static HEAP: AtomicPtr<Heap> = AtomicPtr::new(null_mut());

/// The heap, if it is started.
#[inline]
fn heap() -> Option<&'static Heap> {
    let heap = HEAP.load(Ordering::Acquire); // pairs with the Release in `start`
    // SAFETY: null, or the reference that `start` stored, which stays.
    unsafe { heap.as_ref() }
}

/// The heap, if an allocation of `len` bytes is to come from it.
#[inline]
fn heap_for(len: usize) -> Option<&'static Heap> {
    if len < LEAST.load(Ordering::Relaxed) {
        return None;
    }
    heap()
}

/// The heap, if `ptr` lies in it.
#[inline]
fn heap_of(ptr: *const c_void) -> Option<&'static Heap> {
    heap().filter(|heap| heap.allocator().contains(ptr.addr()))
}

/// What the runtime calls.
#[unsafe(no_mangle)]
#[allow(non_upper_case_globals, reason = "the name of a symbol")]
pub static lariat_heap_4: Preloaded = Preloaded {
    start: start_late,
    refusal,
    alloc,
    free: malloc::free,
    expose,
    shared,
    visible,
    adopt,
    release,
};

extern "C" fn start_late() -> c_int {
    start(false)
}

fn start(early: bool) -> c_int {
    if heap::start_here(heap::getenv, early).is_err() {
        return -1;
    }
    let Some(heap) = heap::here() else {
        return -1;
    };
    HEAP.store((&raw const *heap).cast_mut(), Ordering::Release); // pairs with the Acquire in `heap`
    LEAST.store(heap.least(), Ordering::Relaxed);
    0
}

extern "C" fn refusal() -> *const c_char {
    static TEXT: OnceLock<CString> = OnceLock::new();
    match heap::outcome() {
        Some(Err(why)) => {
            let text = TEXT.get_or_init(|| CString::new(why.to_string()).unwrap_or_default());
            text.as_ptr()
        }
        _ => null(),
    }
}

extern "C" fn alloc(len: usize, align: usize) -> *mut c_void {
    let found = heap().filter(|_| align.is_power_of_two());
    let found = found.and_then(|heap| heap.allocator().alloc_exposed(len, align));
    found.map_or(null_mut(), |(start, _)| pointer(start))
}

extern "C" fn expose(start: usize, len: usize) -> c_int {
    c_int::from(heap().is_none_or(|heap| heap.allocator().expose(start, len)))
}

extern "C" fn shared(start: usize, len: usize) -> c_int {
    c_int::from(heap().is_some_and(|heap| heap.allocator().is_shared(start, len)))
}

extern "C" fn visible() -> *const VisibleRange {
    heap().map_or(null(), |heap| heap.allocator().visible())
}

extern "C" fn adopt(start: usize, len: usize) -> usize {
    let moved = heap().and_then(|heap| adopt::adopt(heap, start, len));
    moved.unwrap_or(0)
}

extern "C" fn release(start: usize) {
    if let Some(heap) = heap() {
        adopt::release(heap, start);
    }
}

fn pointer(addr: usize) -> *mut c_void {
    std::ptr::with_exposed_provenance_mut(addr)
}

/// Runs when the library is loaded, before the program and its libraries start.
extern "C" fn at_load() {
    system::find();
    wait::find();
    let alone = heap::getenv(heap::ALONE).is_some_and(|value| value == "1");
    if alone || is_linked_with_mpi() {
        start(true);
    }
}

// SAFETY: a function in this section is called when the library is loaded, with
// arguments that it may ignore.
#[used]
#[unsafe(link_section = ".init_array")]
static AT_LOAD: extern "C" fn() = at_load;

/// Whether the library of MPI is loaded with the program.
fn is_linked_with_mpi() -> bool {
    let mut found = false;
    objects::each(&mut |info| found |= objects::name(info).starts_with(b"libmpi_abi.so"));
    found
}
