//! Starting MPI and processes: arguments of the program, which are strings.

use crate::{callee, convert, handle, text};
use std::ffi::{CString, c_char, c_int};

/// Tells the library what `.true.` and `.false.` are, if nobody did.
fn say_what_logicals_are() {
    let (mut yes, mut no, mut is_set): (c_int, c_int, c_int) = (1, 0, 0);
    let (mut known_yes, mut known_no): (c_int, c_int) = (0, 0);
    // SAFETY: the places are this function's, and four bytes are a logical.
    unsafe {
        callee::PMPI_Abi_get_fortran_booleans(
            4,
            (&raw mut known_yes).cast(),
            (&raw mut known_no).cast(),
            &raw mut is_set,
        );
        if is_set == 0 {
            callee::PMPI_Abi_set_fortran_booleans(4, (&raw mut yes).cast(), (&raw mut no).cast());
        }
    }
}

/// Strings of `width` characters, `step` strings apart, up to an empty one.
///
/// # Safety
/// There is an empty one.
unsafe fn words(first: *const c_char, width: usize, step: usize) -> Vec<CString> {
    let mut found = Vec::new();
    loop {
        // SAFETY: the caller's.
        let word = unsafe { text::input(first.add(found.len() * step * width), width, false) };
        if word.is_empty() || width == 0 {
            return found;
        }
        found.push(word);
    }
}

fn places(words: &[CString]) -> Vec<*mut c_char> {
    let mut places: Vec<_> = words.iter().map(|word| word.as_ptr().cast_mut()).collect();
    places.push(std::ptr::null_mut());
    places
}

define! {
    both
    /// Section 11.2.
    fn mpi_init(ierror: *mut c_int) -> () {
        say_what_logicals_are();
        convert::put_code(ierror, callee::PMPI_Init(std::ptr::null_mut(), std::ptr::null_mut()));
    }

    both
    /// Section 11.6.
    fn mpi_init_thread(required: *const c_int, provided: *mut c_int, ierror: *mut c_int) -> () {
        say_what_logicals_are();
        let none = std::ptr::null_mut();
        let outcome = callee::PMPI_Init_thread(none, std::ptr::null_mut(), *required, provided);
        convert::put_code(ierror, outcome);
    }

    both
    /// Section 11.8.
    fn mpi_comm_spawn(
        command: *const c_char, argv: *const c_char, maxprocs: *const c_int, info: *const c_int,
        root: *const c_int, comm: *const c_int, intercomm: *mut c_int, errcodes: *mut c_int,
        ierror: *mut c_int, command_len: usize, argv_len: usize,
    ) -> () {
        let comm = handle::comm(*comm);
        // The first arguments count at the root alone.
        let (mut command_text, mut given) = (CString::default(), Vec::new());
        if is_root(comm, *root) {
            command_text = text::input(command, command_len, false);
            if !convert::is_argv_null(argv) {
                given = words(argv, argv_len, 1);
            }
        }
        let mut given = places(&given);
        let mut made = handle::UNSET;
        let outcome = callee::PMPI_Comm_spawn(
            command_text.as_ptr().cast_mut(), given.as_mut_ptr(), *maxprocs, handle::info(*info),
            *root, comm, &raw mut made, convert::errcodes(errcodes),
        );
        if made != handle::UNSET {
            *intercomm = handle::comm_int(made);
        }
        convert::put_code(ierror, outcome);
    }

    both
    /// Section 11.8.
    fn mpi_comm_spawn_multiple(
        count: *const c_int, commands: *const c_char, argvs: *const c_char,
        maxprocs: *mut c_int, infos: *const c_int, root: *const c_int, comm: *const c_int,
        intercomm: *mut c_int, errcodes: *mut c_int, ierror: *mut c_int,
        commands_len: usize, argvs_len: usize,
    ) -> () {
        let comm = handle::comm(*comm);
        let (mut names, mut given) = (Vec::new(), Vec::new());
        let mut many = 0;
        if is_root(comm, *root) {
            many = convert::length(*count);
            for place in 0..many {
                names.push(text::input(commands.add(place * commands_len), commands_len, false));
                given.push(match convert::is_argvs_null(argvs) {
                    true => Vec::new(),
                    false => words(argvs.add(place * argvs_len), argvs_len, many),
                });
            }
        }
        let mut names_at = places(&names);
        let mut lists: Vec<_> = given.iter().map(|list| places(list)).collect();
        let mut lists_at: Vec<_> = lists.iter_mut().map(|list| list.as_mut_ptr()).collect();
        let mut infos = handle::Many::new(infos, many, handle::info);
        let mut made = handle::UNSET;
        let outcome = callee::PMPI_Comm_spawn_multiple(
            *count, names_at.as_mut_ptr(), lists_at.as_mut_ptr(), maxprocs, infos.place(), *root,
            comm, &raw mut made, convert::errcodes(errcodes),
        );
        if made != handle::UNSET {
            *intercomm = handle::comm_int(made);
        }
        convert::put_code(ierror, outcome);
    }
}

/// Whether this rank is `root`. A wrong communicator is refused by the call itself.
fn is_root(comm: usize, root: c_int) -> bool {
    let mut rank = -1;
    // SAFETY: the place is this function's.
    unsafe { callee::PMPI_Comm_rank(comm, &raw mut rank) == 0 && rank == root }
}
