//! The two processes and what they do to each other.
//!
//! Both walk the same list of experiments. In round `i` of one, side 0 sends to
//! side 1, which sends back; `ready = i` says that a side's message can be
//! taken. Round numbers only grow, over all experiments, so that no line ever
//! needs to be reset.

use crate::arena::{self, Side};
use crate::primitives;
use crate::report::{Limits, Row};
use nix::sched::{CpuSet, sched_setaffinity};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork, getpid, getppid};
use std::time::{Duration, Instant};

/// What is to be measured.
pub struct Plan {
    pub cores: [usize; 2],
    pub sizes: Vec<usize>,
    pub buffer_use: BufferUse,
    pub primitives: bool,
}

/// What happens to the buffers between two transfers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum BufferUse {
    LeftAlone,
    /// The sender rewrites its buffer, which is not counted.
    Rewritten,
    /// The sender rewrites its buffer, the receiver reads its own; all of it counts.
    RewrittenAndRead,
}

/// How a message gets from the sender's buffer into the receiver's.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Nothing is copied: the signal alone.
    Signal,
    /// The receiver copies out of the shared mapping.
    MappedOne,
    /// The receiver copies the first half, the sender the second.
    MappedBoth,
    /// The receiver calls `process_vm_readv`.
    Cma,
}

/// One process's view of the pair.
pub struct Player {
    pub mine: Side,
    pub other: Side,
    pub first: bool,
    peer: Pid,
    buffer_use: BufferUse,
    pub round: u64,
}

/// Batches of an experiment; the median of their means is reported.
const BATCHES: usize = 7;
/// A probe takes the fastest of so many batches of so many rounds.
const PROBE_BATCHES: usize = 5;
const PROBE_ROUNDS: u64 = 200;

/// Rounds of a batch: enough bytes to be exact, few enough that both processes are
/// likely to have their cores all the while, on a machine that others use too.
fn rounds_for(way: Way, size: usize) -> u64 {
    let limit = if way == Way::Signal { 2000 } else { 500 };
    (8_000_000 / size.max(1) as u64).clamp(2, limit)
}

/// Spins between two looks at whether the peer lives, and before a core is yielded that
/// the peer may need.
const SPINS: u32 = 1 << 16;

impl Player {
    /// The side of the first process.
    pub fn first_side(&self) -> Side {
        if self.first { self.mine } else { self.other }
    }

    /// The side of the second process.
    pub fn second_side(&self) -> Side {
        if self.first { self.other } else { self.mine }
    }

    /// Waits for the other process to come here too.
    pub fn meet(&mut self) {
        self.batch(Way::Signal, 0, 1);
        self.batch(Way::Signal, 0, 1);
    }

    /// How far apart the cores are at the moment, in seconds.
    fn probe(&mut self) -> f64 {
        let batches = (0..PROBE_BATCHES).map(|_| self.batch(Way::Signal, 0, PROBE_ROUNDS));
        batches.fold(f64::INFINITY, f64::min)
    }

    /// Spins until `condition` holds; a wait that is long yields. A dead peer ends it.
    pub fn wait_until(&self, mut condition: impl FnMut() -> bool) {
        let mut spins = 0u32;
        while !condition() {
            spins = spins.wrapping_add(1);
            if !spins.is_multiple_of(SPINS) {
                continue;
            }
            std::thread::yield_now();
            if self.first {
                let state = waitpid(self.peer, Some(WaitPidFlag::WNOHANG));
                assert_eq!(
                    state,
                    Ok(WaitStatus::StillAlive),
                    "the second process ended"
                );
            }
        }
    }

    fn send(&self, way: Way, size: usize) {
        if self.buffer_use != BufferUse::LeftAlone && way != Way::Signal {
            let start = Instant::now();
            self.mine.source.rewrite(size, self.round);
            if self.buffer_use == BufferUse::Rewritten {
                let took = nanoseconds(start.elapsed());
                self.mine.signals.add_rewriting(took);
            }
        }
        self.mine.signals.ready.set(self.round);
        if way == Way::MappedBoth {
            self.other
                .target
                .copy_from(&self.mine.source, half(size), size);
            self.mine.signals.done.set(self.round);
        }
    }

    fn receive(&self, way: Way, size: usize) {
        // Not `==`: who is done with the probe of CMA may be a round ahead.
        self.wait_until(|| self.other.signals.ready.get() >= self.round);
        match way {
            Way::Signal => {}
            Way::MappedOne => self.mine.target.copy_from(&self.other.source, 0, size),
            Way::MappedBoth => {
                self.mine
                    .target
                    .copy_from(&self.other.source, 0, half(size));
                self.wait_until(|| self.other.signals.done.get() >= self.round);
            }
            Way::Cma => {
                let address = self.other.source.address();
                let got = self.mine.target.read_from_process(self.peer, address, size);
                assert_eq!(got, Ok(size), "process_vm_readv worked when it was probed");
            }
        }
        if self.buffer_use == BufferUse::RewrittenAndRead && way != Way::Signal {
            self.mine.target.read(size);
        }
    }

    /// Plays one batch; the mean seconds of one way.
    fn batch(&mut self, way: Way, size: usize, rounds: u64) -> f64 {
        let rewriting = |p: &Player| p.mine.signals.rewriting() + p.other.signals.rewriting();
        let before = rewriting(self);
        let start = Instant::now();
        for _ in 0..rounds {
            self.round += 1;
            if self.first {
                self.send(way, size);
                self.receive(way, size);
            } else {
                self.receive(way, size);
                self.send(way, size);
            }
        }
        let elapsed = nanoseconds(start.elapsed()).saturating_sub(rewriting(self) - before);
        elapsed as f64 * 1e-9 / (2.0 * rounds as f64)
    }

    /// The median seconds of one way.
    fn play(&mut self, way: Way, size: usize) -> f64 {
        let rounds = rounds_for(way, size);
        self.batch(way, size, rounds.div_ceil(4));
        median(
            (0..BATCHES)
                .map(|_| self.batch(way, size, rounds))
                .collect(),
        )
    }

    /// Median seconds of a `memcpy` by this process alone.
    fn copy_alone(&self, size: usize) -> f64 {
        let rounds = rounds_for(Way::MappedOne, size);
        let batch = |_| {
            let start = Instant::now();
            for _ in 0..rounds {
                self.mine.target.copy_from(&self.mine.source, 0, size);
            }
            nanoseconds(start.elapsed()) as f64 * 1e-9 / rounds as f64
        };
        median((0..BATCHES).map(batch).collect())
    }

    /// Whether both sides may read each other's memory by a system call. Every
    /// process asks for itself and tells the other through its next round.
    fn probe_cma(&mut self) -> bool {
        let works = self
            .mine
            .target
            .read_from_process(self.peer, self.other.source.address(), 8)
            == Ok(8);
        // The answer travels in the parity of `done`.
        self.round += 2;
        self.mine
            .signals
            .done
            .set(self.round * 2 + u64::from(works));
        self.mine.signals.ready.set(self.round);
        self.wait_until(|| self.other.signals.ready.get() >= self.round);
        let other_works = self.other.signals.done.get() == self.round * 2 + 1;
        // Neither may write `done` again before the other has read it.
        self.batch(Way::Signal, 0, 1);
        works && other_works
    }

    /// One size, the cores probed before and after.
    fn row(&mut self, size: usize, cma: bool) -> Row {
        let before = self.probe();
        let mapped_one = self.play(Way::MappedOne, size);
        let mapped_both = self.play(Way::MappedBoth, size);
        let cma = cma.then(|| self.play(Way::Cma, size));
        let probes = [before, self.probe()];
        let copy = if self.first {
            self.copy_alone(size)
        } else {
            0.0
        };
        Row {
            size,
            mapped_one,
            mapped_both,
            cma,
            copy,
            probes,
        }
    }

    /// The whole list, walked by both processes alike.
    fn walk(&mut self, plan: &Plan) -> nix::Result<Limits> {
        let ping_pong = self.play(Way::Signal, 0);
        let primitives = plan
            .primitives
            .then(|| primitives::measure(self, plan.cores))
            .transpose()?;
        let cma = self.probe_cma();
        let rows = plan.sizes.iter().map(|&size| self.row(size, cma)).collect();
        let ping_pong_after = self.play(Way::Signal, 0);
        Ok(Limits {
            cores: plan.cores,
            buffer_use: plan.buffer_use,
            ping_pong,
            ping_pong_after,
            primitives,
            rows,
        })
    }
}

fn half(size: usize) -> usize {
    (size / 2).next_multiple_of(64).min(size)
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// The middle one, the upper of two.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Binds this process to a core.
pub fn pin(core: usize) -> nix::Result<()> {
    let mut set = CpuSet::new();
    set.set(core)?;
    sched_setaffinity(Pid::from_raw(0), &set)
}

/// Forks the second process, measures, and ends it.
pub fn measure(plan: &Plan) -> nix::Result<Limits> {
    let [first, second] = arena::new(plan.sizes.last().copied().unwrap_or(1))?;
    let player = |mine, other, first, peer| Player {
        mine,
        other,
        first,
        peer,
        buffer_use: plan.buffer_use,
        round: 0,
    };
    let parent = getpid();
    // SAFETY: this program has one thread, so the child may do anything.
    match unsafe { fork() }? {
        ForkResult::Child => {
            let ready = set_pdeathsig(Signal::SIGKILL).and_then(|()| pin(plan.cores[1]));
            if ready.is_err() || getppid() != parent {
                std::process::exit(1);
            }
            let walked = player(second, first, false, parent).walk(plan);
            std::process::exit(i32::from(walked.is_err()));
        }
        ForkResult::Parent { child } => {
            pin(plan.cores[0])?;
            let mut limits = player(first, second, true, child).walk(plan)?;
            waitpid(child, None)?;
            if let Some(primitives) = &mut limits.primitives {
                primitives.starts = primitives::starts().map_err(|_| nix::Error::ENOENT)?;
            }
            Ok(limits)
        }
    }
}
