//! This mpirun as the one of a spawned job (`MPI_Comm_spawn`): what it is to start, and how it
//! is tied to what has spawned it.
//!
//! `mpirun --spawned COUNT { HOST RANKS DIR ERRHANDLER WORDS word… }…` is not for users: a program or
//! another mpirun gives it with the descriptors of [`wireup::spawning`].

use crate::cli::{JobOptions, OnDeadlock, ProgramOptions};
use crate::say::Failure;
use crate::spawn;
use std::ffi::OsString;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use wireup::spawning::{END, FAILED, LINK, ON_DEADLOCK, Outcome, STATUS, TOLD};

/// The option that begins such a command line.
pub const OPTION: &str = "--spawned";
/// As [`OPTION`], of a program that no mpirun started: this one leaves the program's
/// process tree.
pub const OPTION_ALONE: &str = "--spawned-alone";

/// Why a spawned job is ended whose parent is gone.
pub const ORPHANED: &str = "the job that has spawned this one has failed or ended while they were connected: ending the job";

/// What ties this mpirun to what has spawned its job.
#[derive(Debug)]
pub struct Spawned {
    /// Where the root is told what became of the job. It sees by its end that the job has
    /// ended.
    status: UnixStream,
    link: UnixStream,
    /// Whether the other end of the link has closed.
    closed: bool,
    /// What it has said that nobody has asked for so far.
    wish: Wish,
    told: bool,
}

/// What the spawning side wants.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wish {
    /// Nothing new.
    Nothing,
    /// It has failed or ended: a job that is connected to it is to end.
    End,
}

impl Spawned {
    /// Takes the descriptors that the environment names.
    ///
    /// # Errors
    /// They are not there: a user has given the option.
    pub fn take() -> Result<Spawned, String> {
        let take = |name: &str| {
            let number = std::env::var(name).ok().and_then(|text| text.parse().ok());
            let stream = number.and_then(spawn::adopt_stream);
            stream.ok_or_else(|| {
                format!("{OPTION} is for MPI_Comm_spawn, and not for users ({name})")
            })
        };
        let spawned = Spawned {
            status: take(STATUS)?,
            link: take(LINK)?,
            closed: false,
            wish: Wish::Nothing,
            told: false,
        };
        let set = spawned.link.set_nonblocking(true);
        set.map_err(|why| why.to_string())?;
        Ok(spawned)
    }

    /// Of a node's part of such a job, whose mpirun is told by `link` alone.
    ///
    /// # Errors
    /// There are no more descriptors.
    pub fn of_node(link: UnixStream) -> std::io::Result<Spawned> {
        link.set_nonblocking(true)?;
        let (status, _) = UnixStream::pair()?;
        Ok(Spawned {
            status,
            link,
            closed: false,
            wish: Wish::Nothing,
            told: false,
        })
    }

    /// A second value for the same descriptors, to tell of a failure by; `None`: there is no
    /// room for more.
    pub fn try_clone(&self) -> Option<Spawned> {
        Some(Spawned {
            status: self.status.try_clone().ok()?,
            link: self.link.try_clone().ok()?,
            closed: self.closed,
            wish: self.wish,
            told: self.told,
        })
    }

    /// Tells the root what became of the job. If it has ended, nobody needs to know.
    pub fn tell(&self, outcome: &Outcome) {
        let _ = (&self.status).write_all(&outcome.write());
    }

    /// Says that the job has failed while it was connected, and what this mpirun will exit with.
    pub fn tell_failure(&self, code: u8) {
        let _ = (&self.link).write_all(&[FAILED, code]);
    }

    /// The link, to be polled; `None` once it is closed.
    pub fn link(&self) -> Option<&UnixStream> {
        (!self.closed).then_some(&self.link)
    }

    /// What the spawning side wants now.
    pub fn wish(&mut self) -> Wish {
        self.hear();
        std::mem::replace(&mut self.wish, Wish::Nothing)
    }

    /// Whether the spawning side has told why this job is ended.
    pub fn was_told(&mut self) -> bool {
        self.hear();
        self.told
    }

    fn hear(&mut self) {
        let mut bytes = [0; 16];
        match (&self.link).read(&mut bytes) {
            Ok(0) if !self.closed => {
                self.closed = true;
                self.wish = Wish::End;
            }
            Ok(n) => {
                self.told |= bytes[..n].contains(&TOLD);
                if bytes[..n].contains(&END) {
                    self.wish = Wish::End;
                }
            }
            Err(_) => {}
        }
    }
}

/// A program of a spawned job.
#[derive(Debug)]
pub struct SpawnedProgram {
    /// On which hosts it is to run, as the info key `host` says; empty: on any.
    pub hosts: String,
    /// All else.
    pub options: ProgramOptions,
}

/// Reads the command line of a spawned job, without the option.
///
/// # Errors
/// It is not what a library of this version writes.
pub fn programs(args: &[OsString]) -> Result<Vec<SpawnedProgram>, String> {
    let mut rest = args.iter();
    let read = || {
        let number = |text: &OsString| text.to_str()?.parse::<u32>().ok();
        let mut programs = Vec::new();
        for _ in 0..number(rest.next()?)? {
            let hosts = rest.next()?.to_string_lossy().into_owned();
            let ranks = number(rest.next()?)?;
            let dir = rest.next()?.clone();
            let errhandler = rest.next()?.to_string_lossy();
            let errhandler = wireup::env::errhandler(&errhandler).ok();
            let words = number(rest.next()?)?;
            let mut program = Vec::new();
            for _ in 0..words {
                program.push(rest.next()?.clone());
            }
            let options = ProgramOptions {
                ranks: Some(ranks),
                wdir: (!dir.is_empty()).then(|| dir.into()),
                initial_errhandler: errhandler,
                program,
                ..ProgramOptions::default()
            };
            programs.push(SpawnedProgram { hosts, options });
        }
        Some(programs)
    };
    match { read }() {
        Some(all) if all.iter().all(|one| !one.options.program.is_empty()) => Ok(all),
        _ => Err("the command line of a spawned job cannot be read".to_owned()),
    }
}

/// The same, as the options of a job on one host.
///
/// # Errors
/// As [`programs`].
pub fn parse(args: &[OsString]) -> Result<(JobOptions, Vec<ProgramOptions>), String> {
    let programs = programs(args)?;
    let host = programs.iter().find(|program| !program.hosts.is_empty());
    let job = JobOptions {
        host: host.map(|program| program.hosts.clone()),
        on_deadlock: Some(on_deadlock()),
        ..JobOptions::default()
    };
    Ok((job, programs.into_iter().map(|one| one.options).collect()))
}

/// What the job that has spawned this one does about deadlocks: that counts here, too.
fn on_deadlock() -> OnDeadlock {
    let name = std::env::var(ON_DEADLOCK).ok();
    name.and_then(|name| OnDeadlock::of(&name))
        .unwrap_or_default()
}

/// A failure that is told instead of said; `program` is to blame for it.
pub fn refuse(spawned: &Spawned, program: Option<usize>, failure: &Failure) {
    let program = program.and_then(|at| u32::try_from(at).ok());
    spawned.tell(&Outcome::Refused(program, failure.text.clone()));
}

#[cfg(test)]
mod tests {
    use super::parse;
    use std::ffi::OsString;

    #[test]
    fn programs_are_read_whatever_their_words_are() {
        let words = [
            "2",
            "",
            "3",
            "/tmp",
            "mpi_errors_return",
            "3",
            "a",
            ":",
            "--",
            "b:2",
            "1",
            "",
            "",
            "1",
            "b",
        ];
        let words: Vec<OsString> = words.iter().map(OsString::from).collect();
        let (job, programs) = parse(&words).unwrap();
        assert_eq!(job.host.as_deref(), Some("b:2"));
        assert_eq!(programs[0].ranks, Some(3));
        assert_eq!(programs[0].program, ["a", ":", "--"]);
        assert_eq!(programs[0].initial_errhandler, Some("mpi_errors_return"));
        assert_eq!(programs[1].initial_errhandler, None);
        assert_eq!(programs[1].program, ["b"]);
        assert_eq!(programs[1].wdir, None);
        for cut in 0..words.len() {
            assert!(parse(&words[..cut]).is_err(), "{cut}");
        }
    }
}
