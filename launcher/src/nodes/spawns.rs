//! The jobs that ranks of a job on several hosts have had started (`MPI_Comm_spawn`), as its
//! coordinator has them: each has a coordinator of its own ([`super::child`]), which this one
//! starts, tells of signals, and waits for, as on one host ([`crate::children`]).

use super::coordinator::Job;
use super::frame::Kind;
use super::node::Stage;
use super::outbox::Outbox;
use super::relay::{read_request, write_answer};
use super::sites::{self, Site};
use super::spawn_plan::{OPTION, SpawnPlan};
use crate::account::Ending;
use crate::children::{ChildFailure, failure_on, program_of};
use crate::cli::{MapBy, RankBy};
use crate::spawn;
use crate::spawned::{self, Wish};
use crate::tree;
use crate::verdict::Cause;
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::unistd::Pid;
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use wireup::spawning::{self, END, HEAD, LONGEST, Outcome, Request};

/// A spawned job.
struct SpawnedJob {
    coordinator: Child,
    /// Its first program, for messages.
    program: String,
    link: UnixStream,
    /// What its mpirun is to exit with, since it has failed while it was connected.
    failed: Option<u8>,
    /// By rank: its site.
    uses: Vec<usize>,
}

/// The jobs that this one has spawned, and the hosts that they may run on.
pub(super) struct Spawns {
    /// With the ranks that they have.
    pub sites: Vec<Site>,
    jobs: Vec<SpawnedJob>,
    /// The signals that were blocked when mpirun started.
    blocked: SigSet,
}

impl Spawns {
    pub(super) fn new() -> Spawns {
        Spawns {
            sites: Vec::new(),
            jobs: Vec::new(),
            blocked: SigSet::empty(),
        }
    }

    /// The signals that were blocked when mpirun started.
    pub(super) fn set_blocked(&mut self, blocked: SigSet) {
        self.blocked = blocked;
    }

    /// Whether any spawned job has not ended.
    pub(super) fn any_alive(&self) -> bool {
        !self.jobs.is_empty()
    }

    /// Passes a signal on to all.
    pub(super) fn signal_all(&self, signal: Signal) {
        for job in &self.jobs {
            if let Ok(pid) = i32::try_from(job.coordinator.id()) {
                let _ = kill(Pid::from_raw(pid), signal);
            }
        }
    }

    /// Says that this job has failed: spawned jobs that are connected end.
    pub(super) fn tell_failure(&self) {
        for job in &self.jobs {
            let _ = (&job.link).write_all(&[END]); // one that has ended need not know
        }
    }

    /// A spawned job that has failed while it was connected, though it may not have ended.
    fn failure(&mut self) -> Option<ChildFailure> {
        self.jobs.iter_mut().for_each(SpawnedJob::hear);
        let mut failed = self.jobs.iter().filter_map(|job| Some((job, job.failed?)));
        failed.next().map(|(job, code)| ChildFailure {
            program: job.program.clone(),
            code,
        })
    }

    /// Takes those that have ended. The first that is to end this job.
    fn take_ended(&mut self) -> Option<ChildFailure> {
        let mut failure = None;
        let mut at = 0;
        while at < self.jobs.len() {
            let Ok(Some(status)) = self.jobs[at].coordinator.try_wait() else {
                at += 1;
                continue;
            };
            let mut job = self.jobs.swap_remove(at);
            for site in &job.uses {
                self.sites[*site].used -= 1;
            }
            job.hear();
            failure = failure.or(job.failure(status));
        }
        failure
    }

    /// Starts a job. `down`: the way to the rank that wants it, which knows it by `number`.
    fn start(
        &mut self,
        plan: &SpawnPlan,
        (number, down): (u32, Outbox),
        uses: Vec<usize>,
        on_deadlock: &str,
    ) -> io::Result<()> {
        let (link, far_link) = UnixStream::pair()?;
        link.set_nonblocking(true)?;
        let (status, far_status) = UnixStream::pair()?;
        let mut input = File::from(memfd_create(c"lariat-plan", MFdFlags::MFD_CLOEXEC)?);
        input.write_all(&plan.write())?;
        input.rewind()?;
        let mut command = Command::new(tree::mpirun().map_err(io::Error::other)?);
        command.arg(OPTION).stdin(Stdio::from(input));
        command.env_remove("MPIEXEC_TIMEOUT"); // this mpirun's covers all
        command
            .env(spawning::STATUS, far_status.as_raw_fd().to_string())
            .env(spawning::LINK, far_link.as_raw_fd().to_string())
            .env(spawning::ON_DEADLOCK, on_deadlock);
        let inherit = [far_status.as_raw_fd(), far_link.as_raw_fd()];
        let coordinator = spawn::start_mpirun(&mut command, self.blocked, inherit)?;
        for site in &uses {
            self.sites[*site].used += 1;
        }
        self.jobs.push(SpawnedJob {
            coordinator,
            program: program_of(&plan.request),
            link,
            failed: None,
            uses,
        });
        std::thread::spawn(move || {
            while let Some(outcome) = next_outcome(&status) {
                down.send(Kind::Spawned, &write_answer(number, Some(&outcome)));
            }
            down.send(Kind::Spawned, &write_answer(number, None));
        });
        Ok(())
    }
}

/// What a coordinator says of its job next. `None`: it has ended.
fn next_outcome(mut status: &UnixStream) -> Option<Outcome> {
    let mut head = [0; HEAD];
    status.read_exact(&mut head).ok()?;
    let len = u64::from_le_bytes(head);
    let mut body = vec![0; usize::try_from(len).ok().filter(|_| len <= LONGEST)?];
    status.read_exact(&mut body).ok()?;
    Some(Outcome::read(&body))
}

impl SpawnedJob {
    fn hear(&mut self) {
        self.failed = failure_on(&self.link).or(self.failed);
    }

    /// How it has failed, if that is to end the job that has spawned it.
    fn failure(self, status: ExitStatus) -> Option<ChildFailure> {
        let code = status.code().and_then(|code| u8::try_from(code).ok());
        let killed = status.signal().and_then(|n| u8::try_from(128 + n).ok());
        // A coordinator that was killed has not told whether its job was connected.
        let failed = code != Some(0) && (self.failed.is_some() || killed.is_some());
        failed.then(|| ChildFailure {
            program: self.program,
            code: code.or(killed).unwrap_or(1),
        })
    }
}

impl Job<'_> {
    /// A rank wants a job started.
    pub(super) fn spawn(&mut self, at: usize, bytes: &[u8]) {
        let Some((number, request)) = read_request(bytes) else {
            return; // no node of ours says that
        };
        let down = self.nodes[at].down.clone();
        if let Err(refused) = self.try_spawn(request, at, (number, down.clone())) {
            down.send(Kind::Spawned, &write_answer(number, Some(&refused)));
            down.send(Kind::Spawned, &write_answer(number, None));
        }
    }

    fn try_spawn(&mut self, request: Request, at: usize, to: (u32, Outbox)) -> Result<(), Outcome> {
        let refuse = |why: String| Outcome::Refused(None, why);
        if self.ending.is_some() {
            return Err(refuse("the job is being ended".to_owned()));
        }
        let words = request.args.get(1..).unwrap_or_default();
        let programs = spawned::programs(words).map_err(refuse)?;
        let wanted: Vec<(String, u32)> = programs
            .into_iter()
            .map(|program| (program.hosts, program.options.ranks.unwrap_or(0)))
            .collect();
        let by = self.global.map_by.as_ref().map(|map| &map.by);
        let by_turns = matches!(by, Some(MapBy::Node)) || self.global.rank_by == Some(RankBy::Node);
        let here = match &self.child {
            Some(child) => child.plan.hosts.get(at).map_or(at, |site| *site as usize),
            None => at,
        };
        let placed = sites::place(&self.spawns.sites, &wanted, by_turns, here);
        let placed =
            placed.map_err(|(program, why)| Outcome::Refused(u32::try_from(program).ok(), why))?;
        let uses: Vec<usize> = placed.iter().map(|(site, _)| *site).collect();
        let plan = self.plan_of(request, &placed);
        let on_deadlock = self.global.on_deadlock().name();
        self.spawns
            .start(&plan, to, uses, on_deadlock)
            .map_err(|why| refuse(format!("mpirun cannot be started: {why}")))
    }

    fn plan_of(&self, request: Request, placed: &[(usize, u32)]) -> SpawnPlan {
        let mut sites = self.spawns.sites.clone();
        let mut hosts: Vec<usize> = placed.iter().map(|(site, _)| *site).collect();
        hosts.sort_unstable();
        hosts.dedup();
        let mut next = vec![0; hosts.len()];
        let mut ranks = Vec::new();
        for (site, program) in placed {
            sites[*site].used += 1;
            let at = hosts.iter().position(|host| host == site).unwrap_or(0);
            ranks.push((u32::try_from(at).unwrap_or(0), next[at], *program));
            next[at] += 1;
        }
        let hosts = hosts
            .into_iter()
            .filter_map(|host| u32::try_from(host).ok());
        SpawnPlan {
            user: self.user_args().to_vec(),
            request,
            sites,
            hosts: hosts.collect(),
            ranks,
        }
    }

    /// Looks after spawned jobs, and what has spawned this one.
    pub(super) fn look_at_spawns(&mut self) {
        if let Some(failure) = self.spawns.take_ended()
            && self.code.is_none()
        {
            self.fail_with_spawned(&failure);
        }
        let wish = self.child.as_mut().map(|child| child.spawned.wish());
        if wish == Some(Wish::End) {
            self.is_orphan = true;
            match self.has_started {
                true => self.tell_all(Kind::Orphaned, &[]),
                false => self.fail(1, Some(spawned::ORPHANED)), // nobody waits for it any more
            }
        }
    }

    fn fail_with_spawned(&mut self, failure: &ChildFailure) {
        let cause = Cause::of_spawned_job(&failure.program, failure.code);
        self.account.end(Ending::Failure);
        self.account.cause(&cause.text);
        self.fail(cause.code, Some(&cause.text));
    }

    /// A node has ended with this code. If a spawned job has failed, that is why.
    pub(super) fn fail_with_node(&mut self, code: u8) {
        if let Some(failure) = self.spawns.failure()
            && self.code.is_none()
        {
            return self.fail_with_spawned(&failure);
        }
        let why = (self.is_orphan && code == 1).then_some(spawned::ORPHANED);
        self.fail(code, why); // else the node has said why
    }

    /// A node of this spawned job has failed while it was connected to what has spawned it.
    pub(super) fn apart(&self, bytes: &[u8]) {
        if let Some(child) = &self.child {
            child
                .spawned
                .tell_failure(bytes.first().copied().unwrap_or(1));
        }
    }

    /// This spawned job cannot be started on a host.
    pub(super) fn refused(&mut self, bytes: &[u8]) {
        if let Some(child) = self.child.as_ref().filter(|_| self.code.is_none()) {
            child.spawned.tell(&Outcome::read(bytes));
        }
        self.fail(1, None);
    }

    /// All ranks are to be started now.
    pub(super) fn started(&mut self) {
        self.has_started = self.nodes.iter().all(|node| node.stage != Stage::Ready);
        if let Some(child) = self.child.as_ref().filter(|_| self.has_started) {
            child.spawned.tell(&Outcome::Started);
        }
    }
}
