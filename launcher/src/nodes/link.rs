//! The mpirun of one node, at the other end of its agent's line: what it is told to run, and
//! what its ranks and those of other nodes tell each other before and after they talk
//! themselves (see [`wireup::nodes`]).

use super::frame::{self, Kind, Plan, read_addresses, write_addresses};
use super::interface;
use super::relay::Relay;
use super::seen::{Eyes, Question};
use crate::account;
use crate::binding::Crowd;
use crate::cli::{
    self, JobOptions, MapBy, OnDeadlock, ProgramOptions, Request, StdinReader, Universe,
};
use crate::libtest::Word;
use crate::profile;
use crate::say::{self, Failure, failure};
use crate::spawn;
use crate::spawned::{self, Spawned};
use crate::start::inheritable;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs::File;
use std::io::{PipeReader, Read, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use wireup::nodes::{
    ADDRESS, ADDRESS_IN_ENTRY, ADDRESSES, FINALIZING, LEN_IN_ENTRY, Layout, Place, READY_AT,
    RELEASED_AT, entry_at,
};
use wireup::segment::Segment;
use wireup::spawning::{END, FAILED, HEAD, Outcome};

/// The variable by which a node's mpirun finds its agent's line.
pub const LINE: &str = "LARIAT_NODE_LINE";

/// The line, and what came over it first.
pub struct NodeLink {
    line: UnixStream,
    /// The same, for whoever writes to it: a frame must not be divided by another.
    writer: Arc<Mutex<UnixStream>>,
    plan: Plan,
    files: Option<Files>,
    wants_account: bool,
    relay: Relay,
    /// Of a spawned job: the other end of the link that this mpirun's [`Spawned`] has.
    parent: Option<UnixStream>,
}

/// What a node says at the end, to be written with what others say.
#[derive(Debug)]
pub struct LastWords {
    line: Arc<Mutex<UnixStream>>,
    /// By process as this host numbers them: the rank in the job.
    in_job: Vec<u32>,
}

impl LastWords {
    fn say(&self, kind: Kind, bytes: &[u8]) {
        let to = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = frame::write(&*to, kind, bytes); // nobody is there any more
    }

    /// Says that the job cannot be started here; `program` is to blame, if one is.
    pub fn refuse(&self, program: Option<usize>, text: String) {
        let program = program.and_then(|at| u32::try_from(at).ok());
        self.say(
            Kind::Refused,
            &Outcome::Refused(program, text).write()[HEAD..],
        );
    }

    /// Says its part of the account.
    pub fn account(&self, part: &account::Part) {
        self.say(Kind::Account, &frame::write_account(part));
    }

    /// Says what a rank has told of a test.
    pub fn test(&self, rank: u32, word: Word<'_>) {
        let (kind, text) = match word {
            Word::Test(line) => (Kind::Test, line),
            Word::List(list) => (Kind::TestList, list),
        };
        self.say(kind, &frame::write_test(rank, text));
    }

    /// Says what its ranks have recorded.
    pub fn profiles(&self, parts: Vec<profile::parts::Part>) {
        for mut part in parts {
            part.renumber(&self.in_job);
            self.say(Kind::Profile, &part.write());
        }
    }
}

/// What ranks and this mpirun have in common, beside the segment.
struct Files {
    table: File,
    pipe: PipeReader,
}

/// What the ranks of a node must be told.
#[derive(Clone, Debug)]
pub struct NodePart {
    /// Where table and pipe are.
    pub place: Place,
    /// By rank of this node: the rank in the whole job.
    pub ranks: Vec<u32>,
    /// Ranks of the whole job.
    pub size: u32,
    /// By which ranks have jobs started.
    pub relay: Relay,
}

impl NodeLink {
    /// Takes over the line, and reads what to run.
    ///
    /// # Errors
    /// There is no line, or it is closed.
    pub fn take() -> Result<NodeLink, String> {
        let number = std::env::var(LINE).ok().and_then(|text| text.parse().ok());
        let line = number.and_then(spawn::adopt_stream);
        let line = line.ok_or("--node is for mpirun's own agents")?;
        let plan = match frame::read(&line).map_err(|why| why.to_string())? {
            Some(frame) if frame.kind == Kind::Plan => Plan::read(&frame.bytes),
            _ => None,
        };
        let writer = line.try_clone().map_err(|why| why.to_string())?;
        let writer = Arc::new(Mutex::new(writer));
        Ok(NodeLink {
            line,
            relay: Relay::new(writer.clone()),
            writer,
            plan: plan.ok_or("the agent has told no plan")?,
            files: None,
            wants_account: false,
            parent: None,
        })
    }

    /// What ties this part of a spawned job to what has spawned it. `None`: the job is the
    /// user's.
    ///
    /// # Errors
    /// There are no more descriptors.
    pub fn spawned(&mut self) -> std::io::Result<Option<Spawned>> {
        if !self.plan.is_spawned() {
            return Ok(None);
        }
        let (link, far) = UnixStream::pair()?;
        self.parent = Some(far);
        Spawned::of_node(link).map(Some)
    }

    /// The first program of a spawned job. `None`: the job is the user's.
    pub fn spawned_program(&self) -> Option<String> {
        let args = self.plan.args.get(1..).filter(|_| self.plan.is_spawned())?;
        let program = spawned::programs(args).ok()?.into_iter().next()?;
        let first = program.options.program.into_iter().next()?;
        Some(first.to_string_lossy().into_owned())
    }

    /// By rank here: the rank in the whole job.
    pub fn ranks(&self) -> Vec<u32> {
        let all = (0..).zip(&self.plan.ranks);
        let here = all.filter(|(_, rank)| rank.0 == self.plan.node);
        here.map(|(number, _): (u32, _)| number).collect()
    }

    /// The ranks of the job that run on this machine, on all hosts that are this machine.
    pub fn crowd(&self) -> Crowd {
        let (before, all) = self.plan.crowd;
        let own = u32::try_from(self.ranks().len()).unwrap_or(u32::MAX);
        Crowd {
            before,
            own,
            all,
            divides: self.plan.divides,
        }
    }

    /// Ranks of the whole job.
    pub fn job_size(&self) -> u32 {
        u32::try_from(self.plan.ranks.len()).unwrap_or(u32::MAX)
    }

    /// The name of this node's host.
    pub fn host(&self) -> &str {
        &self.plan.hosts[self.plan.node as usize]
    }

    /// The command line, as far as it concerns this node.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn request(&mut self) -> Result<(JobOptions, Vec<ProgramOptions>, Vec<usize>), Failure> {
        let (mut global, locals) = self.command_line()?;
        let size = Universe::Size(self.plan.universe);
        match global.usize {
            Some(Universe::Size(_)) => {}
            Some(Universe::System) | None => global.usize = Some(size),
        }
        self.wants_account = !global.report.is_empty();
        let ranks = self.ranks();
        global.host = None;
        global.hostfile = None;
        global.launch = None;
        global.perhost = None;
        global.report = Vec::new(); // told to the mpirun that the user has started
        global.top = None; // shown by it, too
        global.timeout = None; // as `MPIEXEC_TIMEOUT`, which the agent leaves out
        global.on_deadlock = Some(OnDeadlock::Off); // ranks may wait for those of other hosts
        if matches!(&global.map_by, Some(map) if matches!(map.by, MapBy::Node | MapBy::PerMachine(_)))
        {
            global.map_by = None;
        }
        global.stdin = Some(match global.stdin {
            Some(StdinReader::All) => StdinReader::All,
            Some(StdinReader::Nobody) => StdinReader::Nobody,
            Some(StdinReader::Rank(rank)) => self.reader(rank),
            None => self.reader(0),
        });
        let here = |program: usize| {
            let of = |rank: &&u32| self.plan.ranks[**rank as usize].2 as usize == program;
            u32::try_from(ranks.iter().filter(of).count()).unwrap_or(0)
        };
        let mut programs = Vec::new();
        let mut numbers = Vec::new();
        for (number, mut local) in locals.into_iter().enumerate() {
            let count = here(number);
            local.ranks = Some(count);
            if count > 0 {
                programs.push(local);
                numbers.push(number);
            }
        }
        Ok((global, programs, numbers))
    }

    fn command_line(&self) -> Result<(JobOptions, Vec<ProgramOptions>), Failure> {
        if let Some(args) = self.plan.args.get(1..).filter(|_| self.plan.is_spawned()) {
            let job = spawned::parse(args).map_err(failure)?;
            let nobody = Some(StdinReader::Nobody);
            return Ok((
                JobOptions {
                    stdin: nobody,
                    ..job.0
                },
                job.1,
            ));
        }
        match cli::parse(&self.plan.args) {
            Ok(Request::Run(global, locals)) => Ok((*global, locals)),
            _ => Err(failure("the command line cannot be read on this host")),
        }
    }

    /// Who reads standard input here, if rank `rank` of the whole job does.
    fn reader(&self, rank: u32) -> StdinReader {
        match self.plan.ranks.get(rank as usize) {
            Some((node, local, _)) if *node == self.plan.node => StdinReader::Rank(*local),
            _ => StdinReader::Nobody,
        }
    }

    /// Makes table and pipe. `crowd`: ranks of other hosts that share this one's processors.
    ///
    /// # Errors
    /// The system is short of something, or no address of this host is known.
    pub fn prepare(&mut self, crowd: u32) -> Result<NodePart, Failure> {
        let plan = &self.plan;
        let others = (0..).zip(&plan.hosts);
        let others = others.filter(|(node, _): &(u32, _)| *node != plan.node);
        let others: Vec<String> = others.map(|(_, host)| host.clone()).collect();
        let interface = interface::find(&plan.interface, self.host(), &others);
        let layout = Layout {
            secret: plan.secret,
            node: plan.node,
            hosts: plan.hosts.clone(),
            ranks: plan.ranks.iter().map(|rank| (rank.0, rank.1)).collect(),
            interface: interface.map_err(failure)?.to_string(),
            crowd,
        };
        let table = memfd_create(c"lariat-nodes", MFdFlags::MFD_CLOEXEC).map_err(failure)?;
        let table = File::from(table);
        table.write_all_at(&layout.bytes(), 0).map_err(failure)?;
        table.set_len(layout.table_len()).map_err(failure)?;
        let (pipe, writer) = std::io::pipe().map_err(failure)?;
        let place = Place {
            table: inheritable(table.as_raw_fd())?,
            pipe: inheritable(writer.as_raw_fd())?,
        };
        self.files = Some(Files { table, pipe });
        let ranks = self.ranks();
        say::set_ranks(ranks.clone());
        Ok(NodePart {
            place,
            ranks,
            size: self.job_size(),
            relay: self.relay.clone(),
        })
    }

    /// Says that all is checked, and waits until the ranks may be started.
    ///
    /// # Errors
    /// The job was given up.
    pub fn wait(&self) -> Result<(), Failure> {
        self.send(Kind::Ready, &[]).map_err(failure)?;
        match frame::read(&self.line) {
            Ok(Some(frame)) if frame.kind == Kind::Go => Ok(()),
            _ => {
                say::hush();
                Err(failure("the job was given up"))
            }
        }
    }

    /// Whether the user's mpirun writes an account of the job.
    pub fn wants_account(&self) -> bool {
        self.wants_account
    }

    /// By which this node's part of what is written at the end goes up.
    pub fn last_words(&self) -> LastWords {
        let (mut near, mut far) = (Vec::new(), Vec::new());
        for (rank, (node, ..)) in (0..).zip(&self.plan.ranks) {
            match *node == self.plan.node {
                true => near.push(rank),
                false => far.push(rank),
            }
        }
        near.append(&mut far);
        LastWords {
            line: self.writer.clone(),
            in_job: near,
        }
    }

    /// Starts the thread that passes words on, once all ranks of this segment were started.
    ///
    /// # Errors
    /// There are no more threads or descriptors.
    pub fn start(mut self, segment: &Segment) -> std::io::Result<()> {
        let Some(files) = self.files.take() else {
            return Ok(());
        };
        let file = segment.fd().try_clone_to_owned()?;
        let segment = Segment::open_to_read(file).map_err(std::io::Error::other)?;
        let looking = self.start_looking(segment, files.table.try_clone()?)?;
        std::thread::Builder::new()
            .name("node".to_owned())
            .spawn(move || self.serve(&files, &looking))?;
        Ok(())
    }

    /// Starts the thread that answers what ranks do. What takes long holds up nothing else.
    fn start_looking(&self, segment: Segment, table: File) -> std::io::Result<Sender<Question>> {
        let (questions, asked) = channel::<Question>();
        let (writer, ranks) = (self.writer.clone(), self.ranks());
        let size = (self.nodes(), self.job_size());
        let answer = move || {
            let eyes = Eyes {
                segment: &segment,
                table: &table,
                size,
                ranks: &ranks,
            };
            for question in asked {
                let seen = eyes.look(question).write();
                let to = writer.lock().unwrap_or_else(PoisonError::into_inner);
                if frame::write(&*to, Kind::Seen, &seen).is_err() {
                    return; // the other thread notices it, too
                }
            }
        };
        std::thread::Builder::new()
            .name("looks".to_owned())
            .spawn(answer)?;
        Ok(questions)
    }

    fn send(&self, kind: Kind, bytes: &[u8]) -> std::io::Result<()> {
        let to = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        frame::write(&*to, kind, bytes)
    }

    fn serve(&self, files: &Files, looking: &Sender<Question>) {
        let mut pipe = &files.pipe;
        let mut parent = self.parent.as_ref();
        loop {
            let ready = {
                let mut fds = vec![
                    PollFd::new(self.line.as_fd(), PollFlags::POLLIN),
                    PollFd::new(files.pipe.as_fd(), PollFlags::POLLIN),
                ];
                fds.extend(parent.map(|link| PollFd::new(link.as_fd(), PollFlags::POLLIN)));
                let _ = poll(&mut fds, PollTimeout::NONE);
                let ready = fds.iter().map(|fd| fd.any().unwrap_or(false));
                ready.collect::<Vec<bool>>()
            };
            if let Some(mut link) = parent.filter(|_| ready[2]) {
                let mut said = [0; 2];
                match link.read_exact(&mut said) {
                    Ok(()) if said[0] == FAILED => {
                        let _ = self.send(Kind::Apart, &said[1..]); // else this mpirun ends soon
                    }
                    Ok(()) => {}
                    Err(_) => parent = None,
                }
            }
            let mut byte = [0];
            if ready[1] && pipe.read(&mut byte).is_ok_and(|n| n == 1) {
                let said = match byte[0] {
                    ADDRESSES => match self.addresses(files) {
                        Ok(all) => self.send(Kind::Addresses, &all),
                        Err(why) => Err(why),
                    },
                    FINALIZING => self.send(Kind::Finalizing, &[]),
                    _ => Ok(()), // no rank of ours writes that
                };
                if said.is_err() {
                    return end();
                }
            }
            if ready[0] {
                match frame::read(&self.line) {
                    Ok(Some(frame)) if frame.kind == Kind::Look => {
                        if let Some(question) = Question::read(&frame.bytes) {
                            let _ = looking.send(question); // it lives as long as this thread
                        }
                    }
                    Ok(Some(frame)) => self.heed(files, frame.kind, &frame.bytes),
                    _ => return end(),
                }
            }
        }
    }

    fn heed(&self, files: &Files, kind: Kind, bytes: &[u8]) {
        let one = 1_u32.to_ne_bytes();
        match kind {
            Kind::Table => {
                let done = self.tell(files, bytes).and_then(|()| {
                    // Ranks read the addresses once they see this.
                    files.table.write_all_at(&one, READY_AT)
                });
                if done.is_err() {
                    end();
                }
            }
            Kind::Released => {
                let _ = files.table.write_all_at(&one, RELEASED_AT);
            }
            Kind::Spawned => self.relay.answered(bytes),
            Kind::Orphaned => {
                if let Some(mut link) = self.parent.as_ref() {
                    let _ = link.write_all(&[END]); // this mpirun has it until it ends
                }
            }
            Kind::End => end(),
            _ => {}
        }
    }

    fn nodes(&self) -> u32 {
        u32::try_from(self.plan.hosts.len()).unwrap_or(0)
    }

    /// What this node's ranks have written.
    fn addresses(&self, files: &Files) -> std::io::Result<Vec<u8>> {
        let mut all = Vec::new();
        for rank in self.ranks() {
            let at = entry_at(self.nodes(), rank);
            let mut len = [0; 4];
            files.table.read_exact_at(&mut len, at + LEN_IN_ENTRY)?;
            let mut bytes = vec![0; (u32::from_ne_bytes(len) as usize).min(ADDRESS)];
            files
                .table
                .read_exact_at(&mut bytes, at + ADDRESS_IN_ENTRY)?;
            all.push((rank, bytes));
        }
        Ok(write_addresses(&all))
    }

    /// Writes the addresses of all ranks.
    fn tell(&self, files: &Files, bytes: &[u8]) -> std::io::Result<()> {
        let all = read_addresses(bytes).unwrap_or_default();
        for (rank, address) in all {
            if rank as usize >= self.plan.ranks.len() || address.len() > ADDRESS {
                continue;
            }
            let at = entry_at(self.nodes(), rank);
            files.table.write_all_at(&address, at + ADDRESS_IN_ENTRY)?;
            let len = u32::try_from(address.len()).unwrap_or(0).to_ne_bytes();
            files.table.write_all_at(&len, at + LEN_IN_ENTRY)?;
        }
        Ok(())
    }
}

/// Ends this node's ranks, without a word: others have said why.
fn end() {
    say::hush();
    let _ = kill(Pid::this(), Signal::SIGTERM);
}
