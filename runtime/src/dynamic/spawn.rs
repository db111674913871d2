//! Starting processes (MPI 5.0, section 11.8).
//!
//! A spawned job is one like any other, with an `mpirun` of its own. The root opens a port,
//! has the job started, by the `mpirun` of its own job or by itself where there is none
//! ([`wireup::spawning`]), and accepts. The children find the port in their environment, and
//! connect in `MPI_Init`.

use super::launch;
use super::port::{self, OwnPort};
use super::socket::{Talk, wait_for};
use crate::comm_make::connect::{self, Wire};
use crate::comm_make::intra::only_intra;
use crate::error::{Class, Error, Result};
use crate::fail;
use crate::handle::Raw;
use crate::lock::Local;
use crate::object::comm::{self, Comm};
use crate::object::info::Info;
use std::ffi::{CStr, CString, OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;
use wireup::collective::Kind;
use wireup::spawning::{self, Outcome};

/// One program to be started.
#[derive(Clone, Debug)]
pub struct Program {
    /// Its name or path.
    pub command: CString,
    /// Its arguments, without its own name.
    pub args: Vec<CString>,
    /// How many processes are to run it.
    pub maxprocs: i32,
    /// The reserved keys, and others, which are ignored.
    pub info: Info,
}

/// What came of it: the intercommunicator, and an error class for each process wanted.
#[derive(Debug)]
pub struct Children {
    /// The new communicator's handle.
    pub comm: Raw,
    /// By process, in the order of programs.
    pub codes: Vec<i32>,
}

/// A program as the launcher takes it.
#[derive(Clone, Debug)]
pub(super) struct Planned {
    pub(super) words: Vec<OsString>,
    pub(super) dir: Option<OsString>,
    pub(super) ranks: u32,
    /// Of `wireup::env::ERRHANDLERS`; empty: the default.
    pub(super) errhandler: &'static str,
    pub(super) host: Option<OsString>,
}

fn os(text: &CStr) -> OsString {
    OsStr::from_bytes(text.to_bytes()).to_owned()
}

/// Adds the lines `key = value` of the file that the key `file` names. Keys that are given
/// beside it win.
fn with_file(info: &Info) -> Result<Info> {
    let mut whole = info.clone();
    let Some(name) = info.get(c"file") else {
        return Ok(whole);
    };
    let path = os(name);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(why) => fail!(INFO_VALUE, "info key file: {}: {why}", path.display()),
    };
    for (n, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if line.is_empty() {
            continue;
        }
        let pair = line
            .split_once('=')
            .map(|(key, value)| [key, value].map(|w| CString::new(w.trim())));
        let Some([Ok(key), Ok(value)]) = pair else {
            fail!(
                INFO_VALUE,
                "info key file: {}, line {}: wanted KEY = VALUE",
                path.display(),
                n + 1
            );
        };
        if info.get(&key).is_none() {
            whole.set(&key, &value);
        }
    }
    Ok(whole)
}

/// The number of processes: the greatest that `soft` allows, up to `maxprocs`.
fn number_of(maxprocs: u32, soft: Option<&CStr>) -> Result<u32> {
    let Some(soft) = soft else {
        return Ok(maxprocs);
    };
    let wrong = || {
        Error::new(
            Class::INFO_VALUE,
            format!(
                "info key soft is {soft:?}: wanted numbers or FIRST:LAST:STEP, separated by commas"
            ),
        )
    };
    let text = soft.to_str().map_err(|_| wrong())?;
    let mut best = None;
    for part in text.split(',') {
        let numbers: std::result::Result<Vec<i64>, _> =
            part.split(':').map(|n| n.trim().parse::<i64>()).collect();
        let (first, last, step) = match numbers.map_err(|_| wrong())?[..] {
            [one] => (one, one, 1),
            [first, last] => (first, last, 1),
            [first, last, step] if step != 0 => (first, last, step),
            _ => return Err(wrong()),
        };
        if (last - first).signum() * step.signum() < 0 {
            continue; // it names no number
        }
        // The greatest number of the row that is at most maxprocs.
        let most = i64::from(maxprocs);
        let (low, high) = (
            first.min(first + (last - first) / step * step),
            first.max(first + (last - first) / step * step),
        );
        let top = high.min(most);
        if top < low {
            continue;
        }
        let found = low + (top - low) / step.abs() * step.abs();
        best = best.max(u32::try_from(found).ok());
    }
    match best {
        Some(n) if n > 0 => Ok(n),
        _ => fail!(
            SPAWN,
            "info key soft is {soft:?}, which allows no number of processes from 1 to {maxprocs}"
        ),
    }
}

/// What of `arch` means this machine.
fn check_arch(arch: &CStr) -> Result<()> {
    let own = std::env::consts::ARCH;
    let text = arch.to_str().unwrap_or_default().to_lowercase();
    let same = text.contains(own) || own == "x86_64" && text.contains("amd64");
    if !same {
        fail!(
            SPAWN,
            "info key arch is {arch:?}, but this machine is {own}"
        );
    }
    Ok(())
}

/// The initial error handler that the info key asks for.
fn errhandler(text: &CStr) -> Result<&'static str> {
    wireup::env::errhandler(&text.to_string_lossy()).map_err(|wanted| {
        Error::new(
            Class::INFO_VALUE,
            format!("info key mpi_initial_errhandler is {text:?}: {wanted}"),
        )
    })
}

/// Finds `command` in the directories of the key `path`.
fn along(path: &CStr, command: &CStr) -> Option<OsString> {
    if command.to_bytes().contains(&b'/') {
        return None;
    }
    let dirs = os(path);
    let found = std::env::split_paths(&dirs).map(|dir| dir.join(os(command)));
    found.filter(|file| file.is_file()).map(Into::into).next()
}

fn plan(program: &Program) -> Result<Planned> {
    let command = &program.command;
    if command.is_empty() {
        fail!(ARG, "command is empty");
    }
    let maxprocs = match u32::try_from(program.maxprocs) {
        Ok(n) if n > 0 => n,
        _ => fail!(
            ARG,
            "maxprocs is {}, but must be at least 1",
            program.maxprocs
        ),
    };
    let info = with_file(&program.info)?;
    if let Some(arch) = info.get(c"arch") {
        check_arch(arch)?;
    }
    let found = info.get(c"path").and_then(|path| along(path, command));
    let mut words = vec![found.unwrap_or_else(|| os(command))];
    words.extend(program.args.iter().map(|arg| os(arg)));
    let errhandler = info
        .get(c"mpi_initial_errhandler")
        .map_or(Ok(""), errhandler)?;
    Ok(Planned {
        words,
        errhandler,
        dir: info.get(c"wdir").map(os),
        ranks: number_of(maxprocs, info.get(c"soft"))?,
        host: info.get(c"host").map(os),
    })
}

/// Starts the programs, and waits for their rank 0. What is wrong, with the number of the
/// program that is to blame.
fn begin(programs: &[Program]) -> std::result::Result<Box<dyn Wire>, (Option<usize>, Error)> {
    let mut planned = Vec::new();
    for (at, program) in programs.iter().enumerate() {
        planned.push(plan(program).map_err(|error| (Some(at), error))?);
    }
    let nobody = |error| (None, error);
    let port = OwnPort::open().map_err(nobody)?;
    let mut status = launch::launch(&planned, port.name()).map_err(nobody)?;
    let came = wait_for(|| {
        if let Some(client) = port.next() {
            return Some(client.map_err(nobody));
        }
        let ended = |why: String| Some(Err((None, Error::new(Class::SPAWN, why))));
        match status.look() {
            None | Some(Ok(Outcome::Started)) => None,
            Some(Ok(Outcome::Refused(program, why))) => {
                let at = program.and_then(|at| usize::try_from(at).ok());
                Some(Err((at, Error::new(Class::SPAWN, why))))
            }
            // Rank 0 may have connected before the end.
            Some(Err(why)) => match port.next() {
                Some(client) => Some(client.map_err(nobody)),
                None => ended(format!(
                    "{} ended before all its processes had called MPI_Init: {why}",
                    planned[0].words[0].display()
                )),
            },
        }
    })?;
    Ok(Box::new(Talk::new(came, Class::SPAWN)))
}

/// `MPI_Comm_spawn` and `MPI_Comm_spawn_multiple`. `programs` is asked at the root only.
/// What is said of single processes is said also where the call fails.
///
/// # Errors
/// A program cannot be started, or ends before it calls `MPI_Init`.
pub fn spawn(
    comm: &Arc<Comm>,
    kind: Kind,
    root: u32,
    programs: impl FnOnce() -> Result<Vec<Program>>,
    tell: impl FnOnce(&[i32]),
) -> Result<Raw> {
    only_intra(comm)?;
    let mut wanted = None;
    let mut listed = Vec::new();
    if comm.rank == root {
        let got = programs();
        if let Ok(programs) = &got {
            listed = programs
                .iter()
                .map(|p| p.maxprocs.max(0).cast_unsigned())
                .collect();
        }
        wanted = Some(got);
    }
    let listed = connect::tell_all(comm, kind, root, &listed)?;
    let mut blamed = None;
    let result = connect::meet_at(comm, kind, root, || {
        let programs = match wanted {
            Some(programs) => programs?,
            None => fail!(INTERN, "only the root knows the programs"),
        };
        begin(&programs).map_err(|(at, error)| {
            blamed = at;
            error
        })
    });
    let total: usize = listed.iter().map(|n| *n as usize).sum();
    let failed = |error: &Error| match error.class() {
        Class::SPAWN => Class::SPAWN.0,
        class => class.0,
    };
    let mut codes = vec![0; total];
    match &result {
        Err(error) => {
            let mut at = 0;
            for (program, n) in listed.iter().enumerate() {
                let n = *n as usize;
                if blamed.is_none_or(|blamed| blamed == program) {
                    codes[at..at + n].fill(failed(error));
                } else {
                    codes[at..at + n].fill(Class::SPAWN.0);
                }
                at += n;
            }
        }
        Ok(raw) => {
            // Fewer than maxprocs, where `soft` allows it: the last ones are missing.
            let started = comm::get(*raw)?.peers().size() as usize;
            if let Some(missing) = codes.get_mut(started..) {
                missing.fill(Class::SPAWN.0);
            }
        }
    }
    tell(&codes);
    result
}

/// The intercommunicator with what has spawned this process's job.
static PARENT: Local<Raw> = Local::new(comm::NULL);

/// Connects with what has spawned this job, if something has: in `MPI_Init`, at all ranks.
///
/// # Errors
/// The processes that spawned have ended.
pub fn connect_parent() -> Result<()> {
    let Some(port) = wireup::env::get(spawning::PARENT) else {
        return Ok(());
    };
    let world = comm::get(comm::WORLD)?.clone();
    let name = CString::new(port).unwrap_or_default();
    let raw = connect::meet_at(&world, Kind::COMM_CONNECT, 0, || {
        let stream = port::reach(&name)?;
        Ok(Box::new(Talk::new(stream, Class::PORT)) as Box<dyn Wire>)
    })?;
    *comm::get(raw)?.name.borrow_mut() = "MPI_COMM_PARENT".to_owned();
    PARENT.with(|parent| *parent = raw);
    Ok(())
}

/// `MPI_Comm_get_parent`: [`comm::NULL`] in a job that nothing has spawned, and once the
/// communicator was freed.
#[must_use]
pub fn parent() -> Raw {
    let raw = PARENT.with(|parent| *parent);
    match comm::find(raw) {
        Some(_) => raw,
        None => comm::NULL,
    }
}

#[cfg(test)]
mod tests {
    use super::number_of;
    use std::ffi::CString;

    #[test]
    fn soft_means_the_greatest_number_that_is_allowed() {
        let n = |most, soft: &str| number_of(most, Some(&CString::new(soft).unwrap())).ok();
        assert_eq!(number_of(7, None).unwrap(), 7);
        assert_eq!(n(7, "1:10"), Some(7));
        assert_eq!(n(7, "2:10:2"), Some(6));
        assert_eq!(n(7, "10:2:-4"), Some(6));
        assert_eq!(n(7, "1,2,5"), Some(5));
        assert_eq!(n(7, "8:10"), None);
        assert_eq!(n(7, "0"), None);
        for wrong in ["", "x", "1:2:0", "1:2:3:4"] {
            assert_eq!(n(7, wrong), None, "{wrong}");
        }
    }
}
