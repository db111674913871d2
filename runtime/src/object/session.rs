//! Sessions and process sets (MPI 5.0, section 11.3).
//!
//! A session is a handle with an error handler and hints; groups made from its
//! process sets become communicators by `MPI_Comm_create_from_group`.

use crate::error::Result;
use crate::fail;
use crate::handle::{Kind, Raw, Table};
use crate::lock::Local;
use crate::object::errhandler::{Handler, Slot};
use crate::object::group::{self, Group};
use crate::object::info::{self, Info};
use std::ffi::{CStr, CString};

/// `MPI_SESSION_NULL`.
pub const NULL: Raw = 0x120;

/// The names of the process sets of every session, in the order of their numbers.
pub const PSETS: [&CStr; 2] = [c"mpi://WORLD", c"mpi://SELF"];

/// The number of process sets.
#[must_use]
pub fn num_psets() -> i32 {
    i32::try_from(PSETS.len()).unwrap_or(i32::MAX)
}

#[derive(Debug)]
struct Session {
    errhandler: Slot,
    info: Info,
}

static TABLE: Local<Table<Session>> = Local::new(Table::new(Kind::Session));

/// The levels of thread support, by their numbers and names.
const LEVELS: [(i32, &CStr); 4] = [
    (0, c"MPI_THREAD_SINGLE"),
    (1024, c"MPI_THREAD_FUNNELED"),
    (2048, c"MPI_THREAD_SERIALIZED"),
    (4096, c"MPI_THREAD_MULTIPLE"),
];

/// The level that the hints of `MPI_Session_init` ask for under `thread_level`, if
/// they say.
///
/// # Errors
/// They ask for none of the levels.
pub fn thread_level(hints: &Info) -> Result<Option<i32>> {
    let Some(wanted) = hints.get(c"thread_level") else {
        return Ok(None);
    };
    match LEVELS.iter().find(|level| level.1 == wanted) {
        Some(level) => Ok(Some(level.0)),
        None => fail!(
            INFO_VALUE,
            "info key thread_level is {wanted:?}, which is none of the MPI_THREAD_ names"
        ),
    }
}

/// `MPI_Session_init`, once the job is joined at a thread level.
///
/// # Errors
/// No more handles.
pub fn create(handler: Handler, level: i32) -> Result<Raw> {
    let mut info = Info::default();
    if let Some(level) = LEVELS.iter().find(|known| known.0 == level) {
        info.set(c"thread_level", level.1);
    }
    let errhandler = Slot::new(handler);
    TABLE.with(|table| table.insert(Session { errhandler, info }))
}

fn with<R>(raw: Raw, f: impl FnOnce(&Session) -> R) -> Result<R> {
    match TABLE.with(|table| table.find(raw).map(f)) {
        Some(result) => Ok(result),
        None if raw == NULL => fail!(SESSION, "session is MPI_SESSION_NULL"),
        None => fail!(
            SESSION,
            "session {raw:#x} is not a handle of a session, or was finalized"
        ),
    }
}

/// Whether `raw` names a session.
///
/// # Errors
/// It does not.
pub fn check(raw: Raw) -> Result<()> {
    with(raw, |_| ())
}

/// `MPI_Session_finalize`'s last step.
///
/// # Errors
/// `raw` is null, stale, or no session.
pub fn remove(raw: Raw) -> Result<()> {
    check(raw)?;
    TABLE.with(|table| table.remove(raw));
    Ok(())
}

/// The number of sessions that are not finalized.
#[must_use]
pub fn count() -> usize {
    TABLE.with(|table| table.len())
}

/// The error handler of a session, if `raw` names one.
#[must_use]
pub fn errhandler(raw: Raw) -> Option<Handler> {
    with(raw, |session| session.errhandler.handler()).ok()
}

/// `MPI_Session_set_errhandler`.
///
/// # Errors
/// No such session, or `handler` is not for sessions.
pub fn set_errhandler(raw: Raw, handler: Raw) -> Result<()> {
    let handler = super::errhandler::for_kind(Kind::Session, handler)?;
    with(raw, |session| session.errhandler.replace(handler))
}

/// `MPI_Session_get_errhandler`.
///
/// # Errors
/// No such session, or no more handles.
pub fn get_errhandler(raw: Raw) -> Result<Raw> {
    with(raw, |session| session.errhandler.get())?
}

/// `MPI_Session_get_info`.
///
/// # Errors
/// No such session.
pub fn info(raw: Raw) -> Result<Info> {
    let mut info = with(raw, |session| session.info.clone())?;
    info::tell_memory_kinds(&mut info);
    Ok(info)
}

/// The name of the process set with number `n`.
///
/// # Errors
/// There is none.
pub fn nth_pset(n: i32) -> Result<&'static CStr> {
    let name = usize::try_from(n).ok().and_then(|n| PSETS.get(n));
    match name {
        Some(name) => Ok(name),
        None => fail!(
            ARG,
            "n is {n}, and there are {} process sets, numbered from 0",
            PSETS.len()
        ),
    }
}

/// The processes of the set called `name`. Names beginning in `mpi://` do not
/// distinguish case.
///
/// # Errors
/// There is no such set, or the job is not joined.
pub fn pset(name: &CStr) -> Result<Group> {
    let Some((me, size)) = group::here() else {
        fail!(OTHER, "no session is initialized");
    };
    let is = |known: &CStr| name.to_bytes().eq_ignore_ascii_case(known.to_bytes());
    match PSETS.iter().position(|known| is(known)) {
        Some(0) => Ok(group::of_the_world(size)),
        Some(_) => Ok(Group::of(vec![me])),
        None => fail!(
            ARG,
            "pset_name {name:?} is not a process set: there are mpi://WORLD and mpi://SELF"
        ),
    }
}

/// `MPI_Session_get_pset_info`: its size under `mpi_size`.
///
/// # Errors
/// As [`pset`].
pub fn pset_info(name: &CStr) -> Result<Info> {
    let size = pset(name)?.size().to_string();
    let mut info = Info::default();
    if let Ok(size) = CString::new(size) {
        info.set(c"mpi_size", &size);
    }
    Ok(info)
}

/// The whole handle that the low 32 bits of one name.
#[must_use]
pub fn from_low(low: u32) -> Option<Raw> {
    TABLE.with(|table| table.from_low(low))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn process_sets_are_found_by_name() {
        let _inside = crate::lock::inside();
        group::set_here(2, 5);
        assert_eq!(pset(c"mpi://WORLD").unwrap().size(), 5);
        assert_eq!(pset(c"MPI://world").unwrap(), Group::world(5));
        assert_eq!(pset(c"mpi://SELF").unwrap().proc(0).map(|p| p.0), Some(2));
        assert!(pset(c"mpi://host").is_err());
        assert_eq!(
            pset_info(c"mpi://SELF").unwrap().get(c"mpi_size"),
            Some(c"1")
        );
        assert!(nth_pset(1).is_ok() && nth_pset(2).is_err() && nth_pset(-1).is_err());
    }

    #[test]
    fn a_finalized_session_is_stale() {
        let _inside = crate::lock::inside();
        let raw = create(Handler::Return, 0).unwrap();
        assert!(errhandler(raw).is_some());
        assert_eq!(info(raw).unwrap().len(), 2);
        remove(raw).unwrap();
        assert!(remove(raw).is_err() && errhandler(raw).is_none());
    }
}
