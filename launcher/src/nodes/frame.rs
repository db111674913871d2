//! What travels over control connections: frames of a kind, a length and so many bytes.

use crate::account::Part;
use crate::packed::{Reader, Writer};
use crate::spawned;
use std::ffi::{OsStr, OsString};
use std::io::{self, Read, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// The version of these frames. Both sides must have the same.
pub const PROTOCOL: u32 = 5;

/// The longest frame.
const LONGEST: u32 = 64 << 20;

/// What a frame is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Kind {
    /// Up: the agent is there. A [`Hello`].
    Hello = 1,
    /// Down: what to run. A [`Plan`].
    Plan,
    /// Up: everything is checked, and the ranks can be started.
    Ready,
    /// Down: start them.
    Go,
    /// Up: how this node's ranks are reached: rank, length, address; again and again.
    Addresses,
    /// Down: how all ranks are reached, in the same form.
    Table,
    /// Up: this node's ranks are all in `MPI_Finalize`.
    Finalizing,
    /// Down: those of all nodes are.
    Released,
    /// Up: standard output, and standard error.
    Out,
    /// See [`Kind::Out`].
    Err,
    /// Down: standard input. Empty: it has ended.
    In,
    /// Up: so many bytes of it (four bytes) were taken.
    Taken,
    /// Down: a signal for the ranks: its number, in one byte.
    Signal,
    /// Down: end the ranks; a second time: at once.
    End,
    /// Up: the node's mpirun has ended: its exit code, in one byte.
    Exit,
    /// Both: the other side is alive.
    Alive,
    /// Down: what do the ranks do? A [`super::seen::Question`].
    Look,
    /// Up: that. A [`super::seen::Seen`].
    Seen,
    /// Up: this node's part of what `--report` writes. A [`Part`].
    Account,
    /// Up: what a rank has recorded. A [`crate::profile::parts::Part`].
    Profile,
    /// Up: what a rank has told of a test: its number, in four bytes, and a line.
    Test,
    /// Up: what tests a rank has listed, in the same form.
    TestList,
    /// Up: a rank wants a job started. A number, in four bytes, and a
    /// [`wireup::spawning::Request`].
    Spawn,
    /// Down: what became of it: the number, and a [`wireup::spawning::Outcome`]; nothing behind the
    /// number: it has ended.
    Spawned,
    /// Up, of a spawned job: it cannot be started here. An [`wireup::spawning::Outcome`].
    Refused,
    /// Down, to a spawned job: what has spawned it has failed or ended.
    Orphaned,
    /// Up, of a spawned job: it has failed while it was connected to what has spawned it. Its exit
    /// code, in one byte.
    Apart,
}

impl Kind {
    fn of(byte: u8) -> Option<Kind> {
        use Kind::{
            Account, Addresses, Alive, Apart, End, Err, Exit, Finalizing, Go, Hello, In, Look,
            Orphaned, Out, Plan, Profile, Ready, Refused, Released, Seen, Signal, Spawn, Spawned,
            Table, Taken, Test, TestList,
        };
        [
            Hello, Plan, Ready, Go, Addresses, Table, Finalizing, Released, Out, Err, In, Taken,
            Signal, End, Exit, Alive, Look, Seen, Account, Profile, Test, TestList, Spawn, Spawned,
            Refused, Orphaned, Apart,
        ]
        .into_iter()
        .find(|kind| *kind as u8 == byte)
    }
}

/// A frame.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Frame {
    /// What it is.
    pub kind: Kind,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// Writes a frame in one piece.
///
/// # Errors
/// The other side does not read any more.
pub fn write(mut to: impl Write, kind: Kind, bytes: &[u8]) -> io::Result<()> {
    let len = u32::try_from(bytes.len()).map_err(io::Error::other)?;
    let mut all = Vec::with_capacity(5 + bytes.len());
    all.push(kind as u8);
    all.extend(len.to_le_bytes());
    all.extend(bytes);
    to.write_all(&all)?;
    to.flush()
}

/// Reads a frame. `None`: the other side has closed the connection, between two frames.
///
/// # Errors
/// It has done so within one, or what comes is no frame.
pub fn read(mut from: impl Read) -> io::Result<Option<Frame>> {
    let mut head = [0; 5];
    let first = loop {
        match from.read(&mut head[..1]) {
            Err(why) if why.kind() == io::ErrorKind::Interrupted => {}
            other => break other?,
        }
    };
    if first == 0 {
        return Ok(None);
    }
    from.read_exact(&mut head[1..])?;
    let len = u32::from_le_bytes([head[1], head[2], head[3], head[4]]);
    let kind = Kind::of(head[0]).filter(|_| len <= LONGEST);
    let Some(kind) = kind else {
        return Err(io::Error::other(format!(
            "{:?} was read where a frame should begin",
            String::from_utf8_lossy(&head)
        )));
    };
    let mut bytes = vec![0; len as usize];
    from.read_exact(&mut bytes)?;
    Ok(Some(Frame { kind, bytes }))
}

/// What a rank has told of tests, after its number.
pub fn write_test(rank: u32, text: &[u8]) -> Vec<u8> {
    [&rank.to_le_bytes(), text].concat()
}

/// Takes them apart again.
pub fn read_test(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (rank, text) = bytes.split_first_chunk()?;
    Some((u32::from_le_bytes(*rank), text))
}

/// What an agent says first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hello {
    /// [`PROTOCOL`].
    pub protocol: u32,
    /// The version of its mpirun.
    pub version: String,
    /// What the host calls itself.
    pub host: String,
    /// Its cores.
    pub cores: u32,
    /// Which start of which kernel it runs on: that of all hosts that are one machine.
    pub machine: String,
    /// The processors that its ranks may use.
    pub processors: Vec<u32>,
}

/// What a node is to run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Plan {
    /// The command line that the user gave, without mpirun's own name; or that of a spawned job
    /// ([`crate::spawned`]).
    pub args: Vec<OsString>,
    /// The environment of the mpirun that the user has started.
    pub env: Vec<(OsString, OsString)>,
    /// The directory in which it was started.
    pub dir: OsString,
    /// By host: its name, as the user gave it.
    pub hosts: Vec<String>,
    /// Which of them this is.
    pub node: u32,
    /// By rank: its host, its rank there, and its program.
    pub ranks: Vec<(u32, u32, u32)>,
    /// Ranks of hosts before this one, and of all hosts, that share this one's processors.
    pub crowd: (u32, u32),
    /// Whether these hosts have the same processors, which can be divided among them.
    pub divides: bool,
    /// What only processes of this job know.
    pub secret: u64,
    /// Which interface the user wants. Empty: the one that is found.
    pub interface: String,
    /// What the host calls itself on which the user has started the job, and the process id of
    /// the mpirun there.
    pub origin: (String, u32),
    /// What `MPI_UNIVERSE_SIZE` is, unless the user has said it.
    pub universe: u32,
}

impl Hello {
    /// As it travels.
    pub fn write(&self) -> Vec<u8> {
        let mut to = Writer::default();
        to.number(self.protocol);
        to.bytes(self.version.as_ref());
        to.bytes(self.host.as_ref());
        to.number(self.cores);
        to.text(&self.machine);
        to.list(&self.processors, |to, number| to.number(*number));
        to.0
    }

    /// What [`Hello::write`] has made. Of another protocol, only the beginning counts.
    pub fn read(bytes: &[u8]) -> Option<Hello> {
        let mut from = Reader(bytes);
        let protocol = from.number()?;
        let version = from.text()?;
        let host = from.text().unwrap_or_default();
        let cores = from.number().unwrap_or(1);
        let machine = from.text().unwrap_or_default();
        let processors = from.list(Reader::number).unwrap_or_default();
        Some(Hello {
            protocol,
            version,
            host,
            cores,
            machine,
            processors,
        })
    }
}

impl Plan {
    /// Whether a program has started the job.
    pub fn is_spawned(&self) -> bool {
        self.args
            .first()
            .is_some_and(|word| word == spawned::OPTION)
    }

    /// As it travels.
    pub fn write(&self) -> Vec<u8> {
        let mut to = Writer::default();
        to.count(self.args.len());
        self.args.iter().for_each(|word| to.bytes(word));
        to.count(self.env.len());
        for (name, value) in &self.env {
            to.bytes(name);
            to.bytes(value);
        }
        to.bytes(&self.dir);
        to.count(self.hosts.len());
        self.hosts.iter().for_each(|host| to.bytes(host.as_ref()));
        to.number(self.node);
        to.count(self.ranks.len());
        for (host, local, program) in &self.ranks {
            [*host, *local, *program]
                .into_iter()
                .for_each(|number| to.number(number));
        }
        to.number(self.crowd.0);
        to.number(self.crowd.1);
        to.number(self.divides.into());
        to.long(self.secret);
        to.bytes(self.interface.as_ref());
        to.text(&self.origin.0);
        to.number(self.origin.1);
        to.number(self.universe);
        to.0
    }

    /// What [`Plan::write`] has made.
    pub fn read(bytes: &[u8]) -> Option<Plan> {
        let mut from = Reader(bytes);
        let args = from.list(Reader::bytes)?;
        let env = from.list(|from| Some((from.bytes()?, from.bytes()?)))?;
        let dir = from.bytes()?;
        let hosts = from.list(Reader::text)?;
        let node = from.number()?;
        let ranks = from.list(|from| Some((from.number()?, from.number()?, from.number()?)))?;
        let crowd = (from.number()?, from.number()?);
        let divides = from.number()? != 0;
        let secret = from.long()?;
        let interface = from.text()?;
        let origin = (from.text()?, from.number()?);
        let universe = from.number()?;
        let is_whole = from.0.is_empty() && (node as usize) < hosts.len();
        is_whole.then_some(Plan {
            args,
            env,
            dir,
            hosts,
            node,
            ranks,
            crowd,
            divides,
            secret,
            interface,
            origin,
            universe,
        })
    }
}

/// A node's part of an account, as it travels.
pub fn write_account(part: &Part) -> Vec<u8> {
    let mut to = Writer::default();
    to.list(&part.ranks, |to, (rank, text)| {
        to.number(*rank);
        to.text(text);
    });
    to.list(&part.failures, |to, text| to.text(text));
    to.list(&part.warnings, |to, text| to.text(text));
    to.list(&part.error, |to, text| to.text(text));
    to.0
}

/// What [`write_account`] has made.
pub fn read_account(bytes: &[u8]) -> Option<Part> {
    let mut from = Reader(bytes);
    Some(Part {
        ranks: from.list(|from| Some((from.number()?, from.text()?)))?,
        failures: from.list(Reader::text)?,
        warnings: from.list(Reader::text)?,
        error: from.list(Reader::text)?.pop(),
    })
}

/// Addresses of ranks, as they travel.
pub fn write_addresses(addresses: &[(u32, Vec<u8>)]) -> Vec<u8> {
    let mut to = Writer::default();
    for (rank, address) in addresses {
        to.number(*rank);
        to.bytes(OsStr::from_bytes(address));
    }
    to.0
}

/// What [`write_addresses`] has made.
pub fn read_addresses(bytes: &[u8]) -> Option<Vec<(u32, Vec<u8>)>> {
    let mut from = Reader(bytes);
    let mut addresses = Vec::new();
    while !from.0.is_empty() {
        addresses.push((from.number()?, from.bytes()?.into_vec()));
    }
    Some(addresses)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> Plan {
        Plan {
            args: vec!["-n".into(), OsString::from_vec(vec![0xff, b'x'])],
            env: vec![("A".into(), "b=c".into())],
            dir: "/tmp".into(),
            hosts: vec!["a".to_owned(), "b".to_owned()],
            node: 1,
            ranks: vec![(0, 0, 0), (1, 0, 3)],
            crowd: (1, 4),
            divides: true,
            secret: 0x0102_0304_0506_0708,
            interface: "eth0".to_owned(),
            origin: ("a".to_owned(), 77),
            universe: 8,
        }
    }

    #[test]
    fn frames_come_as_they_went() {
        let mut bytes = Vec::new();
        write(&mut bytes, Kind::Plan, &plan().write()).unwrap();
        write(&mut bytes, Kind::Alive, &[]).unwrap();
        let mut from = bytes.as_slice();
        let first = read(&mut from).unwrap().unwrap();
        assert_eq!(first.kind, Kind::Plan);
        assert_eq!(Plan::read(&first.bytes), Some(plan()));
        assert_eq!(read(&mut from).unwrap().unwrap().kind, Kind::Alive);
        assert_eq!(read(&mut from).unwrap(), None);
        let hello = Hello {
            protocol: 7,
            version: "1.2".to_owned(),
            host: "h".to_owned(),
            cores: 3,
            machine: "kernel".to_owned(),
            processors: vec![0, 5],
        };
        assert_eq!(Hello::read(&hello.write()), Some(hello));
        let part = Part {
            ranks: vec![(3, "{}".to_owned())],
            failures: vec!["a".to_owned(), "b".to_owned()],
            warnings: Vec::new(),
            error: Some("none".to_owned()),
        };
        assert_eq!(read_account(&write_account(&part)), Some(part));
        let addresses = vec![(3, vec![1, 2]), (9, Vec::new())];
        assert_eq!(
            read_addresses(&write_addresses(&addresses)),
            Some(addresses)
        );
    }

    #[test]
    fn what_is_cut_or_no_frame_is_an_error() {
        let mut bytes = Vec::new();
        write(&mut bytes, Kind::Out, b"text").unwrap();
        for cut in 1..bytes.len() {
            assert!(read(&bytes[..cut]).is_err(), "{cut}");
        }
        let said = read(&b"Last login: today"[..]).unwrap_err().to_string();
        assert!(said.contains("Last "), "{said}");
        assert!(read(&[Kind::Out as u8, 255, 255, 255, 255][..]).is_err());
        let whole = plan().write();
        for cut in 0..whole.len() {
            assert_eq!(Plan::read(&whole[..cut]), None);
        }
        assert_eq!(read_addresses(&[1, 0, 0]), None);
    }
}
