//! Making a job: its segment, lifeline and pipes, then its processes one by one.

use crate::binding;
use crate::cgroup::Cgroups;
use crate::cli::Global;
use crate::control::{self, Job, Process};
use crate::guard::Guard;
use crate::placement::Placement;
use crate::plan::{self, App, Wiring};
use crate::report::Reports;
use crate::spawn::{self, Birth, named};
use crate::stdin::Input;
use crate::stdio::Outputs;
use crate::want::Watch;
use crate::{Stop, capacity, reap, say, stop};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signalfd::SignalFd;
use std::collections::HashSet;
use std::io::ErrorKind;
use std::os::fd::{AsRawFd, IntoRawFd, OwnedFd, RawFd};
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};
use wireup::descriptor::{self, Identity, Source};
use wireup::heap::HeapFile;
use wireup::segment::Segment;

/// A job while its ranks are being started.
pub struct Start {
    segment: Segment,
    wiring: Wiring,
    birth: Birth,
    /// The only write end: when it closes, the kernel kills the job's processes.
    lifeline: OwnedFd,
    /// Ends what the kernel does not when mpirun is killed.
    guard: Guard,
    signals: SignalFd,
    strangers: HashSet<i32>,
    input: Input,
    output: Outputs,
    began: Instant,
    ranks: Vec<Process>,
    /// Why there is no heap file, if there is none.
    no_heap: Option<String>,
    /// Variables that were set for hwloc and that ranks must not find.
    quiet: Vec<&'static str>,
    cgroups: Cgroups,
    memory: Watch,
}

impl Start {
    /// Prepares a job of `size` ranks on `processors` processors.
    ///
    /// # Errors
    /// What the system has not enough of.
    pub fn new(
        global: &Global,
        size: u32,
        processors: u32,
        quiet: Vec<&'static str>,
        cgroups: Cgroups,
    ) -> Result<Start, Stop> {
        let began = Instant::now();
        spawn::adopt_orphans();
        let mut strangers = reap::strangers();
        let heard = control::take_signals().map_err(std::io::Error::from);
        let heard = heard.map_err(named("signalfd", "to hear of signals and of ended ranks"));
        let (signals, blocked) = heard.map_err(stop)?;
        let segment = Segment::create(size, processors).map_err(stop)?;
        let made = std::io::pipe().map_err(named("pipe2", "to tie ranks to mpirun"));
        let (reader, writer) = made.map_err(stop)?;
        let own = handed(segment.fd().as_raw_fd())?;
        let line = handed(reader.as_raw_fd())?;
        // Without a heap file (`ulimit -f`) ranks have ordinary memory.
        let (heap, no_heap) = match HeapFile::create(&segment) {
            Ok(file) => (Some(handed(file.fd().as_raw_fd())?), None),
            Err(why) => (None, Some(why.to_string())),
        };
        // Not sooner: what ranks inherit lies below the limit that they have.
        let descriptors = raise_descriptors(capacity::descriptors(global, size.into()));
        let wiring = Wiring {
            size,
            segment: own,
            lifeline: line,
            heap,
        };
        let guard = Guard::start(line.number, wiring.mark());
        strangers.extend(guard.pid());
        Ok(Start {
            segment,
            wiring,
            birth: Birth {
                inherit: [Some(own), Some(line), heap]
                    .iter()
                    .flatten()
                    .map(|source| source.number)
                    .collect(),
                lifeline: line.number,
                own_group: true,
                mask: Vec::new(),
                blocked,
                descriptors,
            },
            lifeline: writer.into(),
            guard,
            signals,
            strangers,
            input: Input::new(global.stdin),
            output: Outputs::new(global, size),
            began,
            ranks: Vec::with_capacity(size as usize),
            no_heap,
            quiet,
            memory: Watch::new(cgroups.clone()),
            cgroups,
        })
    }

    /// Why the job has no heap file; `None`: it has one.
    pub fn no_heap(&self) -> Option<&str> {
        self.no_heap.as_deref()
    }

    /// Tells every rank where each is going to be bound. Once, before the first
    /// rank starts: ranks conclude from it and must conclude the same.
    pub fn publish(&self, placement: &Placement) {
        for (rank, pus) in (0..self.wiring.size).zip(placement) {
            let record = self.segment.record(rank);
            for (at, number) in record.place.iter().zip(binding::place(pus)) {
                at.store(number, Relaxed);
            }
        }
    }

    /// Starts the next rank, which runs `app`, program number `index`.
    ///
    /// # Errors
    /// It cannot be started; those that were are ended then.
    pub fn rank(
        &mut self,
        global: &Global,
        app: &App,
        index: usize,
        placement: &Placement,
    ) -> Result<(), Stop> {
        let rank = u32::try_from(self.ranks.len()).map_err(stop)?;
        let mut command = plan::command(app, index, rank, self.wiring, !global.genvnone);
        for name in &self.quiet {
            command.env_remove(name);
        }
        let connected = self.input.connect(&mut command, rank).and_then(|terminal| {
            self.output.connect(&mut command, rank, terminal)?;
            Ok(terminal)
        });
        let terminal = match connected {
            Ok(terminal) => terminal,
            Err(why) => return Err(self.failed(rank, stop(format!("rank {rank}: {why}")))),
        };
        let pus = &placement[rank as usize];
        self.birth.own_group = !terminal && spawn::can_group();
        self.birth.mask = binding::mask(pus);
        let record = self.segment.record(rank);
        // Nobody reads these before the rank is started, which orders enough.
        let processor = binding::processor(pus).unwrap_or(u32::MAX);
        record.processor.store(processor, Relaxed);
        match spawn::start(&mut command, &self.birth) {
            Ok(child) => {
                record.child.store(child.id(), Relaxed);
                let pid = i32::try_from(child.id()).map_err(stop)?;
                self.ranks.push(Process::new(pid, self.birth.own_group));
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
                    "rank {rank} cannot be started: {file}: {why}{}",
                    hint(&why, &self.cgroups)
                );
                Err(self.failed(rank, Stop { code, text }))
            }
        }
    }

    /// Ends the ranks below `rank`, which could not be started.
    fn failed(&mut self, rank: u32, stop: Stop) -> Stop {
        if rank > 0 {
            for process in &self.ranks {
                process.kill();
            }
            reap::leftovers(&self.strangers);
        }
        stop
    }

    /// Runs the job to its end. Returns what mpirun exits with.
    ///
    /// # Errors
    /// The threads that forward cannot be started.
    pub fn run(self, global: &Global, timeout: Option<f64>, reports: Reports) -> Result<u8, Stop> {
        let Start { input, output, .. } = self;
        let output = match input.start().and_then(|()| output.start()) {
            Ok(output) => output,
            Err(why) => {
                for process in &self.ranks {
                    process.kill();
                }
                reap::leftovers(&self.strangers);
                return Err(stop(format!(
                    "what ranks print and read cannot be forwarded: {why}{}",
                    hint(&why, &self.cgroups)
                )));
            }
        };
        let deadline = timeout.map(|s| {
            let limit = Duration::try_from_secs_f64(s).unwrap_or(Duration::MAX);
            let far = Duration::from_secs(1 << 30);
            (self.began + limit.min(far), s)
        });
        let (segment, strangers) = (self.segment, self.strangers);
        let ranks = self.ranks;
        let mut job = Job::new(
            segment,
            ranks,
            strangers,
            output,
            deadline,
            reports,
            self.memory,
        );
        let code = job.run(&self.signals);
        if global.report_segment {
            say(&format!(
                "the job segment of {} ranks holds {} bytes",
                self.wiring.size,
                job.segment.backed().unwrap_or(0)
            ));
        }
        drop(self.guard); // nothing is left for it
        drop(self.lifeline); // not sooner: it keeps the ranks alive
        Ok(code)
    }
}

/// What to do about an error of starting a process or a thread.
fn hint(why: &std::io::Error, cgroups: &Cgroups) -> String {
    match (why.raw_os_error(), why.kind()) {
        (Some(libc::ENOENT), _) => " (its interpreter or loader is missing)".to_owned(),
        (_, ErrorKind::WouldBlock) => match capacity::nearest_of_processes(cgroups) {
            Some(limit) => format!(" ({limit})"),
            None => " (the limit of processes, ulimit -u)".to_owned(),
        },
        (Some(libc::EMFILE), _) => " (the limit of open files, ulimit -n)".to_owned(),
        (Some(libc::ENFILE), _) => " (the machine's limit of open files, fs.file-max)".to_owned(),
        _ => String::new(),
    }
}

/// Copies a descriptor of what ranks inherit to a number out of programs' way. It stays
/// open until mpirun ends: ranks that were left without theirs come to this one.
fn handed(fd: RawFd) -> Result<Source, Stop> {
    let file = Identity::of(fd).map_err(stop)?;
    let number = descriptor::duplicate(fd).map_err(stop)?.into_raw_fd();
    let launcher = std::process::id();
    Ok(Source {
        number,
        launcher,
        file,
    })
}

/// Makes room for `needed` descriptors and for some with high numbers, as far as
/// the hard limit goes. Returns the limits that ranks must get back.
fn raise_descriptors(needed: u64) -> Option<(u64, u64)> {
    let wanted = needed + 300;
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).ok()?;
    if soft >= wanted {
        return None;
    }
    setrlimit(Resource::RLIMIT_NOFILE, wanted.min(hard).max(soft), hard).ok()?;
    Some((soft, hard))
}
