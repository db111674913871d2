//! The MPIR process acquisition interface, version 1.0, by which debuggers (TotalView, DDT,
//! gdb-based tools) find the ranks of a job: variables and a function of mpirun with names
//! that they look for in its symbols.
//!
//! A debugger that starts mpirun sets `MPIR_being_debugged` first. Then ranks stay in
//! `MPI_Init` until `MPIR_Breakpoint` has returned, at which it stops to attach to them. One
//! that attaches to a running mpirun reads the table, which is always there.

#![allow(unsafe_code)] // symbols with names of their own
#![allow(non_upper_case_globals, non_snake_case)] // the interface's names

use std::ffi::{CString, c_char, c_int};
use std::hint::black_box;
use std::ptr;
use std::sync::atomic::{AtomicI32, AtomicPtr, Ordering};

/// `MPIR_PROCDESC`: a process of the job.
#[repr(C)]
#[derive(Debug)]
pub struct ProcDesc {
    host_name: *mut c_char,
    executable_name: *mut c_char,
    pid: c_int,
}

/// `MPIR_DEBUG_SPAWNED`: the table is there.
const SPAWNED: i32 = 1;
/// `MPIR_DEBUG_ABORTING`: the job ends.
const ABORTING: i32 = 2;

/// Set by the debugger: it has started mpirun.
#[used]
#[unsafe(no_mangle)]
pub static MPIR_being_debugged: AtomicI32 = AtomicI32::new(0);
/// What has happened when `MPIR_Breakpoint` is called.
#[used]
#[unsafe(no_mangle)]
pub static MPIR_debug_state: AtomicI32 = AtomicI32::new(0);
/// The table: rank by rank.
#[used]
#[unsafe(no_mangle)]
pub static MPIR_proctable: AtomicPtr<ProcDesc> = AtomicPtr::new(ptr::null_mut());
/// Its entries.
#[used]
#[unsafe(no_mangle)]
pub static MPIR_proctable_size: AtomicI32 = AtomicI32::new(0);
/// Why the job ends.
#[used]
#[unsafe(no_mangle)]
pub static MPIR_debug_abort_string: AtomicPtr<c_char> = AtomicPtr::new(ptr::null_mut());
/// It is there: this process is not a rank itself.
#[used]
#[unsafe(no_mangle)]
pub static MPIR_i_am_starter: AtomicI32 = AtomicI32::new(1);
/// It is there: not every rank has to be attached to.
#[used]
#[unsafe(no_mangle)]
pub static MPIR_partial_attach_ok: AtomicI32 = AtomicI32::new(1);

/// Where the debugger stops mpirun.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn MPIR_Breakpoint() {
    black_box(MPIR_debug_state.load(Ordering::Relaxed));
}

/// Whether a debugger has started mpirun.
pub fn is_debugged() -> bool {
    MPIR_being_debugged.load(Ordering::Relaxed) != 0
}

/// Fills the table with the job's ranks, each a program and a process, and tells the
/// debugger. Once.
pub fn publish(ranks: &[(String, i32)]) {
    let text = |text: &str| CString::new(text).unwrap_or_default().into_raw(); // read for as long as mpirun lives
    let host = nix::unistd::gethostname().unwrap_or_default();
    let host = text(&host.to_string_lossy());
    let table: Vec<ProcDesc> = ranks
        .iter()
        .map(|(program, pid)| ProcDesc {
            host_name: host,
            executable_name: text(program),
            pid: *pid,
        })
        .collect();
    let table = Box::leak(table.into_boxed_slice());
    MPIR_proctable.store(table.as_mut_ptr(), Ordering::Relaxed);
    let size = i32::try_from(table.len()).unwrap_or(i32::MAX);
    // The debugger looks while this process stands still.
    MPIR_proctable_size.store(size, Ordering::Relaxed);
    MPIR_debug_state.store(SPAWNED, Ordering::Relaxed);
    MPIR_Breakpoint();
}

/// Tells the debugger why the job ends.
pub fn abort(why: &str) {
    if !is_debugged() {
        return;
    }
    let why = CString::new(why).unwrap_or_default().into_raw(); // as above
    MPIR_debug_abort_string.store(why, Ordering::Relaxed);
    MPIR_debug_state.store(ABORTING, Ordering::Relaxed);
    MPIR_Breakpoint();
}
