//! What `lariat` sees of a job on several hosts: a file without a name, of the mpirun that the
//! user has started. Whoever may look at that process opens it through /proc, as the segment
//! of a job on one host.
//!
//! The nodes are asked often only while somebody looks: who does so writes, again and again,
//! until when, and mpirun writes a [`Picture`] after each round ([`super::overview`]). A
//! picture that is read while it is written is told by its sum, and read once more.

use super::frame::PROTOCOL;
use super::overview::View;
use super::seen::{get_known, get_rank, put_known, put_rank};
use crate::explain::Known;
use crate::packed::{Reader, Writer};
use crate::snapshot::RankSnapshot;
use crate::watch::Findings;
use nix::sys::memfd::{MFdFlags, memfd_create};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use wireup::profile::nanoseconds;

/// What the kernel shows of a descriptor that leads to such a file.
pub const LINK: &[u8] = b"/memfd:lariat-hosts";

/// For so long what somebody wants to see is wanted.
const WANTED: Duration = Duration::from_secs(2);

/// Where in the file is what: a word that says what it is, until when pictures are wanted, until
/// when with lines of the source, the head, and the picture.
const MAGIC_AT: u64 = 0;
const PICTURES_AT: u64 = 8;
const KNOWN_AT: u64 = 16;
const HEAD_AT: u64 = 24;
const PICTURE_AT: u64 = 64;

/// Of another version, this is another word.
const MAGIC: u64 = 0x4c61_7269_6174_0000 | PROTOCOL as u64;

/// The longest picture.
const LONGEST: u64 = 256 << 20;

/// How often a picture is read until it is taken for one that cannot be.
const TRIES: u32 = 50;

/// All ranks of a job at one moment.
#[derive(Clone, Debug, Default)]
pub struct Picture {
    /// What they run.
    pub program: String,
    /// The hosts.
    pub hosts: Vec<String>,
    /// The ranks; none: it is not known yet which rank runs where.
    pub ranks: Vec<RankSnapshot>,
    /// What is certain.
    pub findings: Findings,
    /// Ranks may turn out to be stuck in later pictures.
    pub is_open: bool,
    /// How long the ranks that are stuck have stood still.
    pub standstill: Duration,
    /// Lines of the source, and what else ranks do not show, where that was wanted.
    pub known: Option<Known>,
    /// Hosts that have not answered.
    pub silent: Vec<String>,
}

impl Picture {
    /// Of a view of the job; what the job is, is left out.
    pub(super) fn of(view: &View, silent: Vec<String>) -> Picture {
        Picture {
            ranks: view.snapshots.clone(),
            findings: view.findings.clone(),
            is_open: view.is_open,
            standstill: view.standstill,
            known: view.question.known.then(|| view.known.clone()),
            silent,
            ..Picture::default()
        }
    }

    fn write(&self) -> Vec<u8> {
        let mut to = Writer::default();
        to.text(&self.program);
        to.list(&self.hosts, |to, host| to.text(host));
        to.list(&self.ranks, |to, rank| {
            let host = rank.node.as_ref().map_or("", |node| &node.host);
            to.text(host);
            put_rank(to, rank);
        });
        put_findings(&mut to, &self.findings);
        to.number(self.is_open.into());
        to.long(u64::try_from(self.standstill.as_nanos()).unwrap_or(u64::MAX));
        to.list(&self.known, put_known);
        to.list(&self.silent, |to, host| to.text(host));
        to.0
    }

    fn read(bytes: &[u8]) -> Option<Picture> {
        let mut from = Reader(bytes);
        let picture = Picture {
            program: from.text()?,
            hosts: from.list(Reader::text)?,
            ranks: from.list(|from| {
                let host = Arc::from(from.text()?);
                get_rank(from, &host)
            })?,
            findings: get_findings(&mut from)?,
            is_open: from.number()? != 0,
            standstill: Duration::from_nanos(from.long()?),
            known: from.list(get_known)?.pop(),
            silent: from.list(Reader::text)?,
        };
        let numbered = (0..).zip(&picture.ranks).all(|(at, rank)| rank.rank == at);
        (from.0.is_empty() && numbered).then_some(picture)
    }
}

fn put_findings(to: &mut Writer, findings: &Findings) {
    let numbers = |to: &mut Writer, all: &Vec<u32>| to.list(all, |to, rank| to.number(*rank));
    numbers(to, &findings.stuck);
    to.list(&findings.ring, numbers);
    to.number(findings.all.into());
    to.list(&findings.left, |to, (left, waiters)| {
        to.number(*left);
        numbers(to, waiters);
    });
}

fn get_findings(from: &mut Reader<'_>) -> Option<Findings> {
    Some(Findings {
        stuck: from.list(Reader::number)?,
        ring: from.list(|from| from.list(Reader::number))?.pop(),
        all: from.number()? != 0,
        left: from.list(|from| Some((from.number()?, from.list(Reader::number)?)))?,
    })
}

/// The file, as mpirun has it.
#[derive(Debug)]
pub struct Board {
    file: File,
    program: String,
    hosts: Vec<String>,
    number: u64,
}

impl Board {
    /// Makes it, with a picture without ranks.
    ///
    /// # Errors
    /// The system is short of memory or descriptors.
    pub fn new(program: String, hosts: Vec<String>) -> io::Result<Board> {
        let file = File::from(memfd_create(c"lariat-hosts", MFdFlags::MFD_CLOEXEC)?);
        let mut board = Board {
            file,
            program,
            hosts,
            number: 0,
        };
        board.publish(Picture::default())?;
        board.file.write_all_at(&MAGIC.to_ne_bytes(), MAGIC_AT)?;
        Ok(board)
    }

    fn is_wanted(&self, at: u64) -> bool {
        word(&self.file, at).is_ok_and(|until| until > nanoseconds())
    }

    /// Whether somebody looks at the job.
    pub fn is_watched(&self) -> bool {
        self.is_wanted(PICTURES_AT)
    }

    /// Whether somebody also wants lines of the source.
    pub fn wants_known(&self) -> bool {
        self.is_wanted(KNOWN_AT)
    }

    /// Shows a picture.
    ///
    /// # Errors
    /// There is no memory for it.
    pub fn publish(&mut self, mut picture: Picture) -> io::Result<()> {
        picture.program.clone_from(&self.program);
        picture.hosts.clone_from(&self.hosts);
        let bytes = picture.write();
        self.number += 1;
        let head = [self.number, bytes.len() as u64, sum(&bytes)];
        let head: Vec<u8> = head.into_iter().flat_map(u64::to_ne_bytes).collect();
        self.file.write_all_at(&bytes, PICTURE_AT)?;
        self.file.write_all_at(&head, HEAD_AT)
    }

    /// For a view in this process.
    ///
    /// # Errors
    /// There are no more descriptors.
    pub fn viewer(&self) -> io::Result<Viewer> {
        Viewer::open(Path::new(&format!(
            "/proc/self/fd/{}",
            self.file.as_raw_fd()
        )))
    }
}

/// The file, as one has it who looks at the job.
#[derive(Debug)]
pub struct Viewer {
    read: File,
    /// Not the same: who has the file open for both is its mpirun.
    write: File,
}

impl Viewer {
    /// Opens it.
    ///
    /// # Errors
    /// That is not allowed, or it is of another version.
    pub fn open(path: &Path) -> io::Result<Viewer> {
        // Whatever it is by now, opening it does not wait.
        let mut options = OpenOptions::new();
        options.custom_flags(libc::O_NONBLOCK);
        let read = options.clone().read(true).open(path)?;
        let write = options.write(true).open(path)?;
        match word(&read, MAGIC_AT)? {
            MAGIC => Ok(Viewer { read, write }),
            _ => Err(io::Error::other("its mpirun is of another version")),
        }
    }

    /// Says that somebody looks, and for a while will. `known`: also at lines of the source.
    pub fn want(&self, known: bool) {
        let until = nanoseconds() + u64::try_from(WANTED.as_nanos()).unwrap_or(0);
        let _ = self.write.write_all_at(&until.to_ne_bytes(), PICTURES_AT); // as mpirun's end
        if known {
            let _ = self.write.write_all_at(&until.to_ne_bytes(), KNOWN_AT);
        }
    }

    /// The number of the latest picture.
    pub fn number(&self) -> u64 {
        word(&self.read, HEAD_AT).unwrap_or(0)
    }

    /// The latest picture. None: it cannot be read.
    pub fn picture(&self) -> Option<Picture> {
        (0..TRIES).find_map(|attempt| {
            if attempt > 0 {
                std::thread::sleep(Duration::from_millis(1));
            }
            let [len, expected] = [HEAD_AT + 8, HEAD_AT + 16].map(|at| word(&self.read, at));
            let (len, expected) = (len.ok().filter(|len| *len <= LONGEST)?, expected.ok()?);
            let mut bytes = vec![0; usize::try_from(len).ok()?];
            self.read.read_exact_at(&mut bytes, PICTURE_AT).ok()?;
            (sum(&bytes) == expected).then(|| Picture::read(&bytes))?
        })
    }
}

fn word(file: &File, at: u64) -> io::Result<u64> {
    let mut bytes = [0; 8];
    file.read_exact_at(&mut bytes, at)?;
    Ok(u64::from_ne_bytes(bytes))
}

/// A sum by which a torn picture is told (FNV-1a).
fn sum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |sum, byte| {
        (sum ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::{Counters, NodeView};
    use wireup::layout::State;

    fn rank(rank: u32, host: &str) -> RankSnapshot {
        RankSnapshot {
            rank,
            pid: 7,
            state: Some(State::Running),
            call: None,
            last_call: Some("MPI_Send"),
            waits: Vec::new(),
            unreceived: Vec::new(),
            unreceived_count: 0,
            counters: Counters::default(),
            node: Some(NodeView {
                host: Arc::from(host),
                threads: None,
                process: None,
            }),
        }
    }

    fn picture() -> Picture {
        let mut known = Known::default();
        known.outside.add(1, "at work".to_owned());
        Picture {
            ranks: vec![rank(0, "a"), rank(1, "b")],
            findings: Findings {
                stuck: vec![0],
                ring: Some(vec![0, 1, 0]),
                all: true,
                left: vec![(1, vec![0])],
            },
            is_open: true,
            standstill: Duration::from_millis(7),
            known: Some(known),
            silent: vec!["b".to_owned()],
            ..Picture::default()
        }
    }

    #[test]
    fn who_looks_sees_the_latest_picture_and_is_noticed() {
        let hosts = vec!["a".to_owned(), "b".to_owned()];
        let mut board = Board::new("solve".to_owned(), hosts.clone()).unwrap();
        let viewer = board.viewer().unwrap();
        assert!(!board.is_watched() && !board.wants_known());
        viewer.want(false);
        assert!(board.is_watched() && !board.wants_known());
        viewer.want(true);
        assert!(board.wants_known());
        let first = viewer.picture().unwrap();
        assert!(first.ranks.is_empty() && first.known.is_none());
        assert_eq!((first.program.as_str(), first.hosts), ("solve", hosts));
        board.publish(picture()).unwrap();
        assert_eq!(viewer.number(), 2);
        let (seen, told) = (viewer.picture().unwrap(), picture());
        assert_eq!((seen.ranks, seen.findings), (told.ranks, told.findings));
        assert!(seen.is_open && seen.standstill == told.standstill);
        assert_eq!(seen.known.unwrap().outside.of(1), Some("at work"));
        assert_eq!(seen.silent, ["b"]);
    }

    #[test]
    fn what_is_torn_or_of_another_version_is_not_taken() {
        let mut board = Board::new("solve".to_owned(), Vec::new()).unwrap();
        board.publish(picture()).unwrap();
        let viewer = board.viewer().unwrap();
        board.file.write_all_at(b"?", PICTURE_AT + 9).unwrap();
        assert!(viewer.picture().is_none());
        board.publish(picture()).unwrap();
        assert!(viewer.picture().is_some());
        board.file.write_all_at(&[0; 8], MAGIC_AT).unwrap();
        assert!(board.viewer().is_err());
        let bytes = picture().write();
        assert!((0..bytes.len()).all(|cut| Picture::read(&bytes[..cut]).is_none()));
    }
}
