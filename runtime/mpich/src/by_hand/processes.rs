//! Spawning (MPI 5.0, section 11.8), and what has no result to convert.

use crate::convert::{change, code, length};
use crate::{callee, handle, load, number};
use std::ffi::{c_char, c_int};

/// Whether the process that calls is the root, whose arguments alone count.
unsafe fn is_root(comm: usize, root: c_int) -> bool {
    let mut rank = -1;
    // SAFETY: a place of our own.
    let asked = unsafe { callee::MPI_Comm_rank(comm, &raw mut rank) };
    asked == 0 && rank == root
}

/// Forgets error codes of earlier calls.
unsafe fn forget_codes() {
    // SAFETY: the library's own function.
    unsafe { load::take_number_of_codes()() };
}

/// Converts the error codes that the call below has written. How many these are, the arguments
/// say at the root only.
unsafe fn change_codes(codes: *mut c_int) {
    // SAFETY: the library's own function.
    let len = length(unsafe { load::take_number_of_codes()() });
    if codes.is_null() {
        return; // MPI_ERRCODES_IGNORE
    }
    for index in 0..len {
        // SAFETY: the caller's array, in which the library has written so many.
        unsafe { change(codes.add(index), number::error_out) };
    }
}

define! {
    /// Section 11.8.2, starting processes.
    fn MPI_Comm_spawn(
        command: *const c_char, argv: *mut *mut c_char, maxprocs: c_int, info: c_int, root: c_int,
        comm: c_int, intercomm: *mut c_int, codes: *mut c_int,
    ) -> c_int {
        let comm = handle::raw::<handle::Comm>(comm);
        let mut raw = handle::UNSET;
        forget_codes();
        let result = callee::MPI_Comm_spawn(
            command, argv, maxprocs, handle::raw::<handle::Info>(info), root, comm,
            handle::place(intercomm, &mut raw), codes,
        );
        handle::put::<handle::Comm>(intercomm, handle::UNSET, raw);
        change_codes(codes);
        code(result)
    }

    /// Section 11.8.3, starting several programs.
    fn MPI_Comm_spawn_multiple(
        count: c_int, commands: *mut *mut c_char, argvs: *mut *mut *mut c_char,
        maxprocs: *const c_int, infos: *const c_int, root: c_int, comm: c_int,
        intercomm: *mut c_int, codes: *mut c_int,
    ) -> c_int {
        let comm = handle::raw::<handle::Comm>(comm);
        let len = if is_root(comm, root) { length(count) } else { 0 };
        let mut room = handle::room();
        let mut infos = handle::Many::<handle::Info>::new(&mut room, infos, len);
        let mut raw = handle::UNSET;
        forget_codes();
        let result = callee::MPI_Comm_spawn_multiple(
            count, commands, argvs, maxprocs, infos.place(), root, comm,
            handle::place(intercomm, &mut raw), codes,
        );
        handle::put::<handle::Comm>(intercomm, handle::UNSET, raw);
        change_codes(codes);
        code(result)
    }

    /// Section 20.2: this is not the library of the standard ABI.
    fn MPI_Abi_get_version(abi_major: *mut c_int, abi_minor: *mut c_int) -> c_int {
        let result = callee::MPI_Abi_get_version(abi_major, abi_minor);
        if result == 0 {
            *abi_major = -1;
            *abi_minor = -1;
        }
        code(result)
    }
}
