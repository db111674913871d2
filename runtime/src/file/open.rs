//! Opening, closing and deleting files (MPI 5.0, sections 14.2.1 to 14.2.3).
//!
//! All members of the communicator take part, and agree on everything:
//!
//! 1. Each checks its arguments; rank 0 takes a context id for the file's messages.
//! 2. Rank 0 opens the file, and creates it where that is asked for. So no other rank
//!    meets a file that is not there yet, or one that `MPI_MODE_EXCL` forbids.
//! 3. The others open it. All compare device and inode: they have opened one file.
//! 4. All take the size that rank 0 has seen: another program may change it meanwhile.
//!
//! Where a step fails at one rank, the call fails at all, and a file that was made goes.

use super::amode;
use super::errno::Errno;
use super::hints;
use super::size::{Stat, stat};
use super::{agree, common, pool};
use crate::error::Result;
use crate::object::comm::{Comm, ContextId};
use crate::object::errhandler::{self, FILE_DEFAULT};
use crate::object::file::view::View;
use crate::object::file::{self, Amode, File};
use crate::object::group;
use crate::object::info::Info;
use crate::{comm_make, fail};
use std::any::Any;
use std::cell::{Cell, OnceCell, RefCell};
use std::ffi::{CStr, CString};
use std::os::fd::{FromRawFd, IntoRawFd, OwnedFd};
use std::sync::{Arc, Mutex};
use wireup::collective::Kind;

/// What one member passes to the call.
#[derive(Clone, Debug)]
pub struct OpenSpec {
    /// The file name as given.
    pub name: CString,
    /// Its `amode`, not checked yet.
    pub amode: i32,
    /// Its hints.
    pub info: Info,
}

/// Names of file systems that may stand before a path, as ROMIO has it (`ufs:path`).
const PREFIXES: [&[u8]; 7] = [
    b"ufs:", b"nfs:", b"xfs:", b"panfs:", b"lustre:", b"gpfs:", b"testfs:",
];

/// The path as the kernel gets it: without the prefix of a file system.
fn path_of(name: &CStr) -> CString {
    let bytes = name.to_bytes();
    let prefix = PREFIXES.iter().find(|prefix| bytes.starts_with(prefix));
    let path = &bytes[prefix.map_or(0, |prefix| prefix.len())..];
    CString::new(path).unwrap_or_default() // part of a C string has no zero
}

/// A file that this rank has opened.
struct Opened {
    fd: OwnedFd,
    stat: Stat,
    is_readable: bool,
    /// This call has made the file.
    is_new: bool,
}

/// `MPI_File_open`: opens a file at all members of `comm`, and says its handle. `spec` is
/// an error where this rank's arguments are wrong, which the others learn here.
///
/// # Errors
/// `comm` is an intercommunicator; any of the arguments, or the file system's answer, at
/// any of the ranks.
pub fn open(comm: &Arc<Comm>, spec: Result<OpenSpec>) -> Result<usize> {
    let comm = comm.clone();
    comm_make::intra::only_intra(&comm)?;
    let tag = comm.begin_collective(Kind::FILE_OPEN).peers;
    let checked = spec.and_then(|spec| Ok((amode::check(spec.amode)?, spec)));
    let words = checked.as_ref().map(|(amode, _)| amode.0.cast_unsigned());
    let terms = match words {
        Ok(amode) => match comm.rank {
            0 => comm_make::take_context_for(&comm)
                .map(|context| [u64::from(amode), u64::from(context.0)]),
            _ => Ok([u64::from(amode), 0]),
        },
        Err(error) => Err(error.copy()),
    };
    let terms = agree::all_or_none(&comm, tag, terms)?;
    let (amode, spec) = checked?;
    let [first, context] = terms[0];
    if let Some(rank) = terms.iter().position(|[amode, _]| *amode != first) {
        let other = terms[rank][0];
        fail!(
            NOT_SAME,
            "amode is {first} at rank 0, but {other} at rank {rank}"
        );
    }

    let path = path_of(&spec.name);
    let mut opened = None;
    if comm.rank == 0 {
        opened = Some(open_here(
            &path,
            amode,
            Some(hints::permissions(&spec.info)),
        ));
    }
    let [is_there] = [opened.as_ref().map_or(Ok(()), as_agreed)];
    agree::all_succeed(&comm, tag, is_there)?;
    let opened = opened.unwrap_or_else(|| open_here(&path, amode, None));
    let identity = match &opened {
        Ok(opened) => Ok([opened.stat.device, opened.stat.inode, opened.stat.size]),
        Err(error) => Err(error.copy()),
    };
    let agreed = agree::all_or_none(&comm, tag, identity)
        .and_then(|all| one_file(&comm, &all, &path))
        .and_then(|size| Ok((size, common::make(&comm, tag)?)));
    let (size, common) = match agreed {
        Ok(agreed) => agreed,
        Err(error) => {
            if opened.is_ok_and(|opened| opened.is_new) {
                let _ = remove_path(&path); // the error that counts is the other
            }
            // Nobody sees the file after this call has failed.
            agree::exchange(&comm, tag, &[0])?;
            return Err(error);
        }
    };
    let opened = opened?;

    let context = ContextId(u32::try_from(context).unwrap_or(u32::MAX)); // as rank 0 took it
    let own = Comm::new(context, comm.rank, comm.group.clone(), None).beside(&comm);
    let mut position = 0;
    if amode.has(Amode::APPEND) {
        position = size.cast_signed();
        let set = common.set_pointer(comm.rank, position);
        agree::all_succeed(&comm, tag, set)?;
    }
    let common: Box<dyn Any> = Box::new(common);
    file::insert(File {
        comm: Arc::new(own),
        path,
        amode,
        fd: Arc::new(opened.fd),
        is_readable: opened.is_readable,
        view: RefCell::new(Arc::new(View::of_bytes())),
        position: Cell::new(position),
        is_atomic: Cell::new(false),
        common: OnceCell::from(common),
        turn: Mutex::new(()),
        split: RefCell::default(),
        handle: Cell::new(file::NULL),
        errhandler: errhandler::Slot::new(FILE_DEFAULT.with(|slot| slot.handler())),
        info: RefCell::new(hints::taken(&spec.info)),
    })
}

/// The outcome of rank 0, for the others.
fn as_agreed(opened: &Result<Opened>) -> Result<()> {
    match opened {
        Ok(_) => Ok(()),
        Err(error) => Err(error.copy()),
    }
}

/// The size that rank 0 has seen, where all have opened one file. `identities`: its device,
/// inode and size, by rank. Hosts number devices differently: on another one than rank 0's the
/// inode says it.
fn one_file(comm: &Comm, identities: &[[u64; 3]], path: &CStr) -> Result<u64> {
    let [device, inode, size] = identities[0];
    let places: Vec<(u64, u32)> = comm.group.iter().map(group::place_of).collect();
    let is_other = |(other, place): (&[u64; 3], &(u64, u32))| {
        other[1] != inode || (*place == places[0] && other[0] != device)
    };
    match identities.iter().zip(&places).position(is_other) {
        None => Ok(size),
        Some(rank) => fail!(
            NOT_SAME,
            "rank 0 and rank {rank} have opened different files; here it is {:?}",
            path.to_string_lossy()
        ),
    }
}

/// Opens the file at this rank; with permissions for a new file, as the rank that may create
/// it.
fn open_here(path: &CStr, amode: Amode, permissions: Option<u32>) -> Result<Opened> {
    let failed = |what: &str, errno: Errno| Err(errno.error(what, path));
    if let Ok(there) = stat_path(path)
        && let Some(kind) = unseekable(there.mode)
    {
        // Opening a FIFO would wait for its other end.
        fail!(
            BAD_FILE,
            "{:?} is {kind}, not a file",
            path.to_string_lossy()
        );
    }
    let create = permissions.is_some() && amode.has(Amode::CREATE);
    let permissions = permissions.unwrap_or(0);
    let made = match create {
        true => open_with(path, amode, libc::O_CREAT | libc::O_EXCL, permissions),
        false => Err(Errno(libc::EEXIST)),
    };
    let is_new = made.is_ok();
    let opened = match made {
        Err(Errno(libc::EEXIST)) if !(create && amode.has(Amode::EXCL)) => {
            // Another program may remove it in between: then it is made after all.
            open_with(
                path,
                amode,
                if create { libc::O_CREAT } else { 0 },
                permissions,
            )
        }
        made => made,
    };
    let (fd, is_readable) = match opened {
        Ok(opened) => opened,
        Err(errno) => return failed(if create { "create" } else { "open" }, errno),
    };
    let stat = match stat(&fd) {
        Ok(stat) => stat,
        Err(errno) => return failed("look at", errno),
    };
    Ok(Opened {
        fd,
        stat,
        is_readable,
        is_new,
    })
}

/// What a file is that has no bytes to address, if it is one.
fn unseekable(mode: libc::mode_t) -> Option<&'static str> {
    match mode & libc::S_IFMT {
        libc::S_IFIFO => Some("a FIFO"),
        libc::S_IFDIR => Some("a directory"),
        libc::S_IFSOCK => Some("a socket"),
        _ => None,
    }
}

fn stat_path(path: &CStr) -> std::result::Result<Stat, Errno> {
    Stat::of(|at| {
        // SAFETY: the path is a C string, and `at` is good for a `stat`.
        unsafe { libc::stat(path.as_ptr(), at) }
    })
}

/// The descriptor, and whether it can be read.
fn open_with(
    path: &CStr,
    amode: Amode,
    flags: i32,
    permissions: u32,
) -> std::result::Result<(OwnedFd, bool), Errno> {
    let access = if amode.has(Amode::RDONLY) {
        libc::O_RDONLY
    } else {
        libc::O_RDWR
    };
    match open_once(path, access | flags, permissions) {
        // What may only be written still is a file for MPI_MODE_WRONLY.
        Err(Errno(libc::EACCES)) if amode.has(Amode::WRONLY) => {
            Ok((open_once(path, libc::O_WRONLY | flags, permissions)?, false))
        }
        opened => Ok((opened?, true)),
    }
}

fn open_once(path: &CStr, flags: i32, permissions: u32) -> std::result::Result<OwnedFd, Errno> {
    // A terminal that is opened as a file must not become that of the job.
    let flags = flags | libc::O_CLOEXEC | libc::O_NOCTTY;
    loop {
        // SAFETY: the path is a C string.
        let fd = unsafe { libc::open(path.as_ptr(), flags, permissions) };
        if fd >= 0 {
            // SAFETY: the descriptor is new, and nobody else's.
            return Ok(unsafe { OwnedFd::from_raw_fd(fd) });
        }
        match Errno::last() {
            Errno(libc::EINTR) => {}
            failed => return Err(failed),
        }
    }
}

/// `MPI_File_close`: waits for all members, then lets go of the file.
///
/// # Errors
/// A split collective access is under way, the file could not be deleted, or `raw` is no
/// file.
pub fn close(raw: usize) -> Result<()> {
    let file = file::get(raw)?;
    if file.split.borrow().is_some() {
        fail!(
            REQUEST,
            "{} cannot be closed: a split collective access has begun and not ended",
            file.label()
        );
    }
    pool::drain(&file);
    let tag = agree::begin_as(&file, Kind::FILE_CLOSE);
    let all_here = agree::all_succeed(&file.comm, tag, Ok(()));
    file::remove(raw)?;
    let (comm, path, amode) = (file.comm.clone(), file.path.clone(), file.amode);
    let closed = let_go(file, &path);
    all_here?;
    let mut own = closed;
    if amode.has(Amode::DELETE_ON_CLOSE) && comm.rank == 0 {
        own = own.and(remove_path(&path));
    }
    agree::all_succeed(&comm, tag, own)
}

/// Closes the descriptor, unless an access is under way that still needs it.
fn let_go(file: Arc<File>, path: &CStr) -> Result<()> {
    let Some(fd) = Arc::into_inner(file).and_then(|file| Arc::into_inner(file.fd)) else {
        return Ok(());
    };
    // SAFETY: the descriptor is ours alone, and not used after this.
    if unsafe { libc::close(fd.into_raw_fd()) } != 0 {
        let errno = Errno::last();
        if errno != Errno(libc::EINTR) {
            return Err(errno.error("close", path));
        }
    }
    Ok(())
}

fn remove_path(path: &CStr) -> Result<()> {
    // SAFETY: the path is a C string.
    match unsafe { libc::unlink(path.as_ptr()) } {
        0 => Ok(()),
        _ => Err(Errno::last().error("delete", path)),
    }
}

/// `MPI_File_delete`.
///
/// # Errors
/// The file system's answer.
pub fn delete(name: &CStr) -> Result<()> {
    remove_path(&path_of(name))
}
