//! Starts a job: creates its segment, lifeline and pipes, then its processes one by one.

use crate::account::Account;
use crate::binding;
use crate::capacity;
use crate::cgroup::Cgroups;
use crate::children::ChildJobs;
use crate::cli::JobOptions;
use crate::control::{Job, OtherJobs};
use crate::deadline::Deadline;
use crate::guard::Guard;
use crate::libtest::Tests;
use crate::mpir;
use crate::nodes::link::NodePart;
use crate::oom::OomWatch;
use crate::placement::Placement;
use crate::plan::{self, App, WireUp};
use crate::process::RankProcess;
use crate::profile::Profiles;
use crate::ranks::Ranks;
use crate::reap;
use crate::report::Reports;
use crate::say::{Failure, failure, say};
use crate::signals;
use crate::spawn::{self, SpawnAttributes, named};
use crate::spawned::Spawned;
use crate::stdin::StandardInput;
use crate::stdio::OutputPipes;
use crate::tool::Tool;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signalfd::SignalFd;
use std::io::ErrorKind;
use std::os::fd::{AsRawFd, IntoRawFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::Ordering::{Relaxed, Release};
use std::time::Instant;
use wireup::descriptor::{self, Identity, Source};
use wireup::heap::HeapFile;
use wireup::segment::Segment;
use wireup::spawning::Outcome;

/// A job while its ranks are being started.
pub struct JobBuilder {
    segment: Segment,
    /// The program of each rank that was started.
    programs: Vec<String>,
    wire_up: WireUp,
    attributes: SpawnAttributes,
    /// The only write end of the lifeline: when it closes, the kernel kills the job's
    /// processes.
    lifeline: OwnedFd,
    /// If mpirun is killed, ends what the kernel does not.
    guard: Guard,
    signals: SignalFd,
    input: StandardInput,
    output: OutputPipes,
    began: Instant,
    ranks: Ranks,
    /// Why there is no heap file, if there is none.
    no_heap: Option<String>,
    /// Variables that mpirun has set for hwloc, and that ranks must not find.
    hwloc_variables: Vec<&'static str>,
    cgroups: Cgroups,
    oom: OomWatch,
    spawned: Option<Spawned>,
    children: ChildJobs,
    /// What ranks are told of other hosts.
    node: Option<NodePart>,
}

impl JobBuilder {
    /// Prepares a job of `size` ranks on `processors` processors.
    ///
    /// # Errors
    /// The system is short of something, or forbids it.
    pub fn new(
        global: &JobOptions,
        (size, processors): (u32, u32),
        hwloc_variables: Vec<&'static str>,
        cgroups: Cgroups,
        spawned: Option<Spawned>,
        node: Option<NodePart>,
    ) -> Result<JobBuilder, Failure> {
        let began = Instant::now();
        spawn::adopt_orphans();
        let mut strangers = reap::strangers();
        let taken = signals::take(global.forward_signals.as_ref()).map_err(std::io::Error::from);
        let taken = taken.map_err(named("signalfd", "to hear of signals and of ended ranks"));
        let (signals, blocked) = taken.map_err(failure)?;
        let segment = Segment::create(size, processors).map_err(failure)?;
        let pipe = std::io::pipe().map_err(named("pipe2", "to tie ranks to mpirun"));
        let (reader, writer) = pipe.map_err(failure)?;
        let own = inheritable(segment.fd().as_raw_fd())?;
        let line = inheritable(reader.as_raw_fd())?;
        // Without a heap file (`ulimit -f`) ranks have ordinary memory.
        let (heap, no_heap) = match HeapFile::create(&segment) {
            Ok(file) => (Some(inheritable(file.fd().as_raw_fd())?), None),
            Err(why) => (None, Some(why.to_string())),
        };
        // Not earlier: what ranks inherit must lie below the limit that they have.
        let descriptors = raise_descriptors(capacity::descriptors(global, size.into()));
        let wire_up = WireUp {
            size,
            segment: own,
            lifeline: line,
            heap,
            is_spawned: spawned.is_some(),
            nodes: node.as_ref().map(|node| node.place),
        };
        let guard = Guard::start(line.number, wire_up.mark());
        strangers.extend(guard.pid());
        let children = ChildJobs::new(
            segment.constants().job,
            blocked,
            hwloc_variables.clone(),
            global.on_deadlock(),
            node.as_ref().map(|node| node.relay.clone()),
        );
        if node.is_some() {
            // Ranks of other hosts may end any wait: nothing is certain from here alone.
            segment.head().connections.store(1, Relaxed);
        }
        // Relaxed: no rank has been started.
        let hold = u32::from(mpir::is_debugged());
        segment.head().hold.store(hold, Relaxed);
        Ok(JobBuilder {
            segment,
            programs: Vec::new(),
            wire_up,
            attributes: SpawnAttributes {
                inherit: [Some(own), Some(line), heap]
                    .iter()
                    .flatten()
                    .chain(
                        node.iter()
                            .flat_map(|node| [&node.place.table, &node.place.pipe]),
                    )
                    .map(|source| source.number)
                    .collect(),
                lifeline: line.number,
                own_group: true,
                memory: binding::memory_policy(global.membind.as_ref()).map_err(failure)?,
                mask: Vec::new(),
                blocked,
                descriptors,
            },
            lifeline: writer.into(),
            guard,
            signals,
            input: StandardInput::new(global.stdin),
            output: OutputPipes::new(global, node.as_ref().map_or(size, |node| node.size)),
            began,
            ranks: Ranks::new(strangers),
            no_heap,
            hwloc_variables,
            oom: OomWatch::new(cgroups.clone()),
            cgroups,
            spawned,
            children,
            node,
        })
    }

    /// The job's segment.
    pub fn segment(&self) -> &Segment {
        &self.segment
    }

    /// Why the job has no heap file. None if it has one.
    pub fn no_heap(&self) -> Option<&str> {
        self.no_heap.as_deref()
    }

    /// Publishes in the segment where each rank is bound. Once, before the first rank starts:
    /// all ranks draw conclusions from it, which must be the same.
    pub fn publish(&self, placement: &Placement) {
        for (rank, pus) in (0..self.wire_up.size).zip(placement) {
            let record = self.segment.record(rank);
            for (at, number) in record.place.iter().zip(binding::common_objects(pus)) {
                at.store(number, Relaxed);
            }
        }
    }

    /// Takes what ranks tell of tests out of what they print. Before the first rank starts.
    pub fn tell_tests(&mut self, tests: Arc<Tests>) {
        self.output.tell_tests(tests);
    }

    /// Starts the next rank, which runs `app`, program number `index`.
    ///
    /// # Errors
    /// It cannot be started. The ranks that were started are ended.
    pub fn rank(
        &mut self,
        app: &App,
        index: usize,
        (placement, tool): (&Placement, &Tool),
    ) -> Result<(), Failure> {
        let rank = u32::try_from(self.ranks.started()).map_err(failure)?;
        let in_job = match &self.node {
            Some(node) => (
                node.ranks.get(rank as usize).copied().unwrap_or(rank),
                node.size,
            ),
            None => (rank, self.wire_up.size),
        };
        let ranks = (rank, in_job);
        let mut command = plan::command(app, index, ranks, self.wire_up, tool);
        self.programs.push(app.file.display().to_string());
        for name in &self.hwloc_variables {
            command.env_remove(name);
        }
        let connected = self.input.connect(&mut command, rank).and_then(|terminal| {
            self.output.connect(&mut command, in_job.0, terminal)?;
            Ok(terminal)
        });
        let terminal = match connected {
            Ok(terminal) => terminal,
            Err(why) => {
                self.ranks.abandon();
                return Err(failure(format!("rank {}: {why}", in_job.0)));
            }
        };
        let pus = &placement[rank as usize];
        self.attributes.own_group = !terminal && spawn::can_group();
        self.attributes.mask = binding::mask(pus);
        let record = self.segment.record(rank);
        // Relaxed is enough: nobody reads the record before the rank has been started.
        let processor = binding::processor(pus).unwrap_or(u32::MAX);
        record.processor.store(processor, Relaxed);
        match spawn::start(&mut command, &self.attributes) {
            Ok(child) => {
                record.child.store(child.id(), Relaxed);
                let pid = i32::try_from(child.id()).map_err(failure)?;
                self.ranks
                    .push(RankProcess::new(pid, self.attributes.own_group));
                Ok(())
            }
            Err(why) => {
                let code = match why.kind() {
                    ErrorKind::NotFound => 127,
                    ErrorKind::PermissionDenied => 126,
                    _ if why.raw_os_error() == Some(libc::ENOEXEC) => 126,
                    _ => 1,
                };
                let file = app.file.display();
                let text = format!(
                    "rank {} cannot be started: {file}: {why}{}",
                    in_job.0,
                    hint(&why, &self.cgroups)
                );
                self.ranks.abandon();
                Err(Failure { code, text })
            }
        }
    }

    /// Runs the job to its end. Returns what mpirun exits with.
    ///
    /// # Errors
    /// The threads that forward cannot be started.
    pub fn run(
        self,
        global: &JobOptions,
        timeout: Option<f64>,
        (reports, profiles, account): (Reports, Profiles, &mut Account),
    ) -> Result<u8, Failure> {
        let JobBuilder { input, output, .. } = self;
        let output = match input.start().and_then(|()| output.start()) {
            Ok(output) => output,
            Err(why) => {
                self.ranks.abandon();
                return Err(failure(format!(
                    "the ranks' input and output cannot be forwarded: {why}{}",
                    hint(&why, &self.cgroups)
                )));
            }
        };
        if let Some(spawned) = &self.spawned {
            spawned.tell(&Outcome::Started);
        }
        let pids = self.ranks.pids();
        let programs = self.programs;
        mpir::publish(&programs.iter().cloned().zip(pids).collect::<Vec<_>>());
        self.segment.head().hold.store(0, Release); // pairs with the Acquire of ranks in MPI_Init
        let deadline = timeout.map(|seconds| Deadline::new(self.began, seconds));
        let mut job = Job::new(
            self.segment,
            self.ranks,
            output,
            (deadline, global),
            (reports, profiles, account),
            self.oom,
            OtherJobs {
                children: self.children,
                spawned: self.spawned,
            },
        );
        let code = job.run(&self.signals, &programs);
        if global.report_segment {
            say(&format!(
                "the job segment of {} ranks holds {} bytes",
                self.wire_up.size,
                job.segment_bytes()
            ));
        }
        drop(self.guard); // nothing is left for it
        drop(self.lifeline); // not earlier: the kernel kills the ranks when it closes
        Ok(code)
    }
}

/// The likely reason for an error of starting a process or a thread, in parentheses.
fn hint(why: &std::io::Error, cgroups: &Cgroups) -> String {
    match (why.raw_os_error(), why.kind()) {
        (Some(libc::ENOENT), _) => " (its interpreter or loader is missing)".to_owned(),
        (_, ErrorKind::WouldBlock) => match capacity::nearest_process_limit(cgroups) {
            Some(limit) => format!(" ({limit})"),
            None => " (the limit of processes, ulimit -u)".to_owned(),
        },
        (Some(libc::EMFILE), _) => " (the limit of open files, ulimit -n)".to_owned(),
        (Some(libc::ENFILE), _) => " (the machine's limit of open files, fs.file-max)".to_owned(),
        _ => String::new(),
    }
}

/// Copies a descriptor that ranks are to inherit to a number that programs do not use. The
/// copy stays open until mpirun ends: a rank whose own copy was closed opens this one.
pub fn inheritable(fd: RawFd) -> Result<Source, Failure> {
    let file = Identity::of(fd).map_err(failure)?;
    let number = descriptor::duplicate(fd).map_err(failure)?.into_raw_fd();
    let launcher = std::process::id();
    Ok(Source {
        number,
        launcher,
        file,
    })
}

/// Raises mpirun's own limit so that it can open `needed` descriptors, and some with high
/// numbers, as far as the hard limit allows. Returns the limits that ranks are given back.
fn raise_descriptors(needed: u64) -> Option<(u64, u64)> {
    let wanted = needed + 300;
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).ok()?;
    if soft >= wanted {
        return None;
    }
    setrlimit(Resource::RLIMIT_NOFILE, wanted.min(hard).max(soft), hard).ok()?;
    Some((soft, hard))
}
