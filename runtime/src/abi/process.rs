//! Sessions and process management (MPI 5.0, chapter 11).

use super::panic;
use super::prelude::*;
use crate::comm_make::{bridges, intra};
use crate::dynamic::spawn::{self, Program};
use crate::dynamic::{join, names, port};
use crate::handle;
use crate::object::comm::Comm;
use crate::object::{comm, errhandler, info, raise, session};
use crate::pml::collective;
use crate::{coll, lifecycle};
use std::cell::Cell;
use std::ffi::CString;
use wireup::collective::Kind;

/// The strings of a list that a null pointer ends; `MPI_ARGV_NULL` is an empty one.
///
/// # Safety
/// `list` is null, or such a list.
unsafe fn words(list: *mut *mut c_char, what: &str) -> Result<Vec<CString>> {
    let mut all = Vec::new();
    if list.is_null() {
        return Ok(all);
    }
    loop {
        // SAFETY: the list goes on up to a null pointer, as the caller said.
        let word = unsafe { *list.add(all.len()) };
        if word.is_null() {
            return Ok(all);
        }
        // SAFETY: an entry of the list, which is a string.
        all.push(unsafe { arg::cstr(word, what) }?.to_owned());
    }
}

/// Writes an error code for each process, unless the program gave `MPI_ERRCODES_IGNORE`.
fn put_codes(at: *mut c_int, codes: &[i32]) {
    PUT.set(codes.len());
    if !at.is_null() {
        // SAFETY: the program gave an array with an entry for each process that it asks for.
        unsafe { std::ptr::copy_nonoverlapping(codes.as_ptr(), at, codes.len()) };
    }
}

thread_local! {
    /// How many error codes the spawning of this thread has had, null array or not.
    static PUT: Cell<usize> = const { Cell::new(0) };
}

/// How many error codes this thread has been given by spawning since the last call of this.
pub(super) fn take_number_of_codes() -> usize {
    PUT.take()
}

/// The root of a call that is collective over an intracommunicator.
fn root_rank(comm: &Comm, root: c_int) -> Result<u32> {
    intra::only_intra(comm)?;
    match arg::root(comm, root)? {
        arg::Root::Rank(rank) => Ok(rank),
        arg::Root::Root | arg::Root::Null => fail!(ROOT, "root is {root}, but must be a rank"),
    }
}

export! {
    /// Section 11.3.1, session creation and destruction.
    fn MPI_Session_finalize(session: *mut MPI_Session) on session at ANY_TIME {
        session::remove(arg::get(session, "session")?.0)?;
        lifecycle::leave_session();
        arg::put(session, "session", MPI_Session(session::NULL))
    }

    /// Section 11.3.1, session creation and destruction.
    fn MPI_Session_init(
        info: MPI_Info, errhandler: MPI_Errhandler, session: *mut MPI_Session,
    ) at ANY_TIME {
        panic::install();
        let handler = errhandler::for_kind(handle::Kind::Session, errhandler.0)?;
        let start = || {
            let wanted = session::thread_level(&arg::hints(info)?)?;
            arg::put(session, "session", MPI_Session(session::NULL))?;
            let level = lifecycle::enter_session(wanted)?;
            coll::start_looking();
            arg::put(session, "session", MPI_Session(session::create(handler.clone(), level)?))?;
            Ok(level)
        };
        raise::under(handler.clone(), start()).map(lifecycle::use_threads)
    }

    /// Section 11.3.2, process sets.
    fn MPI_Session_get_info(session: MPI_Session, info_used: *mut MPI_Info) on session {
        let used = info::insert(session::info(session.0)?)?;
        arg::put(info_used, "info_used", MPI_Info(used))
    }

    /// Section 11.3.2, process sets.
    fn MPI_Session_get_nth_pset(
        session: MPI_Session, info: MPI_Info, n: c_int, pset_len: *mut c_int,
        pset_name: *mut c_char,
    ) on session {
        session::check(session.0)?;
        let _ = arg::hints(info)?;
        let name = session::nth_pset(n)?;
        let room = arg::number(arg::get(pset_len, "pset_len")?, "pset_len")?;
        arg::put_cstr(pset_name, room, "pset_name", name)?;
        arg::put_fitting(pset_len, "pset_len", name.count_bytes() as i64 + 1)
    }

    /// Section 11.3.2, process sets.
    fn MPI_Session_get_num_psets(
        session: MPI_Session, info: MPI_Info, npset_names: *mut c_int,
    ) on session {
        session::check(session.0)?;
        let _ = arg::hints(info)?;
        arg::put(npset_names, "npset_names", session::num_psets())
    }

    /// Section 11.3.2, process sets.
    fn MPI_Session_get_pset_info(
        session: MPI_Session, pset_name: *const c_char, info: *mut MPI_Info,
    ) on session {
        session::check(session.0)?;
        let told = session::pset_info(arg::cstr(pset_name, "pset_name")?)?;
        arg::put(info, "info", MPI_Info(info::insert(told)?))
    }

    /// Section 11.8.2, starting processes.
    fn MPI_Comm_get_parent(parent: *mut MPI_Comm) {
        arg::put(parent, "parent", MPI_Comm(spawn::parent()))
    }

    /// Section 11.8.2, starting processes.
    fn MPI_Comm_spawn(
        command: *const c_char, argv: *mut *mut c_char, maxprocs: c_int, info: MPI_Info,
        root: c_int, comm: MPI_Comm, intercomm: *mut MPI_Comm, array_of_errcodes: *mut c_int,
    ) on comm {
        let comm = arg::comm(comm)?;
        let root = root_rank(comm, root)?;
        let program = || {
            Ok(vec![Program {
                command: arg::cstr(command, "command")?.to_owned(),
                args: words(argv, "argv")?,
                maxprocs,
                info: arg::hints(info)?,
            }])
        };
        arg::put(intercomm, "intercomm", MPI_Comm(comm::NULL))?;
        let tell = |codes: &[i32]| put_codes(array_of_errcodes, codes);
        let new = collective::settle(comm, Kind::COMM_SPAWN, || {
            spawn::spawn(comm, Kind::COMM_SPAWN, root, program, tell)
        })?;
        arg::put(intercomm, "intercomm", MPI_Comm(new))
    }

    /// Section 11.8.3, starting several programs.
    fn MPI_Comm_spawn_multiple(
        count: c_int, array_of_commands: *mut *mut c_char,
        array_of_argv: *mut *mut *mut c_char, array_of_maxprocs: *const c_int,
        array_of_info: *const MPI_Info, root: c_int, comm: MPI_Comm, intercomm: *mut MPI_Comm,
        array_of_errcodes: *mut c_int,
    ) on comm {
        let comm = arg::comm(comm)?;
        let root = root_rank(comm, root)?;
        let programs = || {
            let count = match arg::number(count, "count")? {
                0 => fail!(ARG, "count is 0, but must be at least 1"),
                count => count,
            };
            let commands = arg::slice(array_of_commands.cast_const(), count, "array_of_commands")?;
            let most = arg::slice(array_of_maxprocs, count, "array_of_maxprocs")?;
            let infos = arg::slice(array_of_info, count, "array_of_info")?;
            let lists = match array_of_argv.is_null() {
                true => None,
                false => Some(arg::slice(array_of_argv.cast_const(), count, "array_of_argv")?),
            };
            (0..count)
                .map(|at| {
                    Ok(Program {
                        command: arg::cstr(commands[at], "array_of_commands")?.to_owned(),
                        args: lists.map_or(Ok(Vec::new()), |lists| words(lists[at], "array_of_argv"))?,
                        maxprocs: most[at],
                        info: arg::hints(infos[at])?,
                    })
                })
                .collect()
        };
        arg::put(intercomm, "intercomm", MPI_Comm(comm::NULL))?;
        let tell = |codes: &[i32]| put_codes(array_of_errcodes, codes);
        let new = collective::settle(comm, Kind::COMM_SPAWN_MULTIPLE, || {
            spawn::spawn(comm, Kind::COMM_SPAWN_MULTIPLE, root, programs, tell)
        })?;
        arg::put(intercomm, "intercomm", MPI_Comm(new))
    }

    /// Section 11.9.2, server routines.
    fn MPI_Close_port(port_name: *const c_char) {
        port::close(arg::cstr(port_name, "port_name")?)
    }

    /// Section 11.9.2, server routines.
    fn MPI_Comm_accept(
        port_name: *const c_char, info: MPI_Info, root: c_int, comm: MPI_Comm,
        newcomm: *mut MPI_Comm,
    ) on comm {
        let comm = arg::comm(comm)?;
        let root = root_rank(comm, root)?;
        let _ = arg::hints(info)?;
        arg::put(newcomm, "newcomm", MPI_Comm(comm::NULL))?;
        let new = collective::settle(comm, Kind::COMM_ACCEPT, || {
            port::accept(comm, root, || arg::cstr(port_name, "port_name"))
        })?;
        arg::put(newcomm, "newcomm", MPI_Comm(new))
    }

    /// Section 11.9.2, server routines.
    fn MPI_Open_port(info: MPI_Info, port_name: *mut c_char) {
        let _ = arg::hints(info)?;
        let room = arg::number(MPI_MAX_PORT_NAME, "MPI_MAX_PORT_NAME")?;
        arg::put_string(port_name, room, "port_name", &port::open()?).map(drop)
    }

    /// Section 11.9.3, client routines.
    fn MPI_Comm_connect(
        port_name: *const c_char, info: MPI_Info, root: c_int, comm: MPI_Comm,
        newcomm: *mut MPI_Comm,
    ) on comm {
        let comm = arg::comm(comm)?;
        let root = root_rank(comm, root)?;
        let _ = arg::hints(info)?;
        arg::put(newcomm, "newcomm", MPI_Comm(comm::NULL))?;
        let new = collective::settle(comm, Kind::COMM_CONNECT, || {
            port::connect(comm, root, || arg::cstr(port_name, "port_name"))
        })?;
        arg::put(newcomm, "newcomm", MPI_Comm(new))
    }

    /// Section 11.9.4, name publishing.
    fn MPI_Lookup_name(service_name: *const c_char, info: MPI_Info, port_name: *mut c_char) {
        let service = arg::cstr(service_name, "service_name")?;
        let _ = arg::hints(info)?;
        let room = arg::number(MPI_MAX_PORT_NAME, "MPI_MAX_PORT_NAME")?;
        arg::put_cstr(port_name, room, "port_name", &names::lookup(service)?)
    }

    /// Section 11.9.4, name publishing.
    fn MPI_Publish_name(
        service_name: *const c_char, info: MPI_Info, port_name: *const c_char,
    ) {
        let service = arg::cstr(service_name, "service_name")?;
        let _ = arg::hints(info)?;
        names::publish(service, arg::cstr(port_name, "port_name")?)
    }

    /// Section 11.9.4, name publishing.
    fn MPI_Unpublish_name(
        service_name: *const c_char, info: MPI_Info, port_name: *const c_char,
    ) {
        let service = arg::cstr(service_name, "service_name")?;
        let _ = arg::hints(info)?;
        names::unpublish(service, arg::cstr(port_name, "port_name")?)
    }

    /// Section 11.10.4, releasing connections.
    fn MPI_Comm_disconnect(comm: *mut MPI_Comm) on comm {
        let raw = arg::get(comm, "comm")?.0;
        let bridge = arg::comm(MPI_Comm(raw))?.bridge.as_ref().map(|bridge| bridge.first);
        collective::before_free(raw)?;
        comm::free(raw)?;
        if let Some(first) = bridge {
            bridges::settle_one(first);
        }
        arg::put(comm, "comm", MPI_Comm(comm::NULL))
    }

    /// Section 11.10.5, another way to connect.
    fn MPI_Comm_join(fd: c_int, intercomm: *mut MPI_Comm) {
        arg::put(intercomm, "intercomm", MPI_Comm(comm::NULL))?;
        arg::put(intercomm, "intercomm", MPI_Comm(join::join(fd)?))
    }
}
