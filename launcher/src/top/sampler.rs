//! Watches a job through its segment, which it never writes: samples at random moments, and
//! now and then what the kernel knows of the processes.

use super::tally::Tally;
use crate::explain::Known;
use crate::inspect::{Look, Observer, Watched};
use crate::procfs::{self, Stat};
use crate::snapshot::{self, FarProcess, RankSnapshot};
use std::time::{Duration, Instant};
use wireup::profile::nanoseconds;

/// The mean time between samples.
const SAMPLE_INTERVAL: Duration = Duration::from_millis(20);
/// A sample may take at the most one part in so many of one processor's time.
const LEAST_PAUSE: u32 = 100;

/// The longest time that one sample stands for: this process may have been stopped.
const LONGEST: Duration = Duration::from_secs(1);

/// The processor time of one rank.
#[derive(Clone, Copy, Debug, Default)]
struct Used {
    ticks: u64,
    /// By `CLOCK_MONOTONIC` of its host, in nanoseconds.
    at: Option<u64>,
    /// What that came to.
    processors: Option<f64>,
}

/// What the kernel knows of a rank's process.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Kernel {
    /// Processors that it has used since the last time.
    pub processors: Option<f64>,
    /// It is stopped, by a signal or a debugger.
    pub stopped: bool,
    /// It runs, or could.
    pub runs: bool,
}

/// Watches one job.
#[derive(Debug)]
pub struct Sampler {
    observer: Observer,
    tally: Tally,
    last: Option<Instant>,
    next: Instant,
    used: Vec<Used>,
    /// The state of a pseudo-random sequence.
    random: u64,
}

/// What there is to show.
#[derive(Debug)]
pub struct Moment {
    /// The ranks, and what is certain of them.
    pub look: Look,
    /// By rank.
    pub kernel: Vec<Kernel>,
    /// Where time has gone so far.
    pub tally: Tally,
}

impl Default for Sampler {
    fn default() -> Sampler {
        Sampler {
            observer: Observer::default(),
            tally: Tally::default(),
            last: None,
            next: Instant::now(),
            used: Vec::new(),
            random: 0x9e37_79b9_7f4a_7c15 ^ u64::from(std::process::id()),
        }
    }
}

impl Sampler {
    /// When the next sample is due.
    pub fn due(&self) -> Instant {
        self.next
    }

    /// Takes a sample if one is due.
    ///
    /// Of several hosts, a sample is what their mpirun has asked of all of them.
    pub fn sample(&mut self, watched: &Watched) {
        let now = Instant::now();
        if now < self.next {
            return;
        }
        match watched {
            Watched::Here(segment) if now < self.observer.due() => {
                self.add(&snapshot::of_all(segment), now);
            }
            Watched::Here(_) => {
                // Keeps the history of who stands still; what is certain is asked for later.
                let look = self.observer.look(watched);
                self.add(&look.snapshots, now);
            }
            Watched::Hosts(viewer) => {
                let news = self.observer.look_for_news(viewer);
                if let Some(snapshots) = news.map(<[RankSnapshot]>::to_vec) {
                    self.add(&snapshots, now);
                }
            }
        }
        // A regular rhythm might meet that of the program.
        let mean = SAMPLE_INTERVAL.max(now.elapsed() * LEAST_PAUSE);
        let part = f64::from(u32::try_from(self.random() % 1000).unwrap_or(0)) / 1000.0;
        self.next = Instant::now() + mean.mul_f64(0.5 + part);
    }

    fn add(&mut self, snapshots: &[snapshot::RankSnapshot], now: Instant) {
        if let Some(last) = self.last.replace(now) {
            self.tally.add(snapshots, (now - last).min(LONGEST));
        }
    }

    /// A pseudo-random number (xorshift).
    fn random(&mut self) -> u64 {
        let mut x = self.random;
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        self.random = x;
        x
    }

    /// What there is to show now.
    pub fn moment(&mut self, watched: &Watched) -> Moment {
        let look = self.observer.look(watched);
        self.used.resize(look.snapshots.len(), Used::default());
        let ranks = look.snapshots.iter().zip(&mut self.used);
        let kernel = ranks.map(|(rank, used)| kernel(rank, used)).collect();
        let mut tally = self.tally.clone();
        tally
            .ranks
            .resize_with(look.snapshots.len(), Default::default);
        Moment {
            look,
            kernel,
            tally,
        }
    }

    /// Asks for what is known of ranks beside what they show, where they are on several hosts,
    /// or no more.
    pub fn want_known(&mut self, wants: bool) {
        self.observer.want_known(wants);
    }

    /// What is known of them, if that was asked for and has come.
    pub fn known(&self) -> Option<&Known> {
        self.observer.known()
    }

    /// Forgets where time has gone.
    pub fn clear(&mut self) {
        self.tally = Tally::default();
    }
}

fn kernel(rank: &RankSnapshot, used: &mut Used) -> Kernel {
    let process = match &rank.node {
        Some(node) => node.process,
        None => process(rank.pid),
    };
    let Some(FarProcess { stat, clock: now }) = process else {
        *used = Used::default();
        return Kernel::default();
    };
    let before = *used;
    if before.at != Some(now) {
        let processors = before.at.map(|at| {
            let ticks = u32::try_from(stat.used.saturating_sub(before.ticks)).unwrap_or(u32::MAX);
            let time = Duration::from_nanos(now.saturating_sub(at)).as_secs_f64();
            f64::from(ticks) / f64::from(procfs::ticks_per_second()) / time.max(1e-6)
        });
        *used = Used {
            ticks: stat.used,
            at: Some(now),
            processors,
        };
    }
    Kernel {
        processors: used.processors,
        stopped: matches!(stat.state, 'T' | 't'),
        runs: stat.state == 'R',
    }
}

/// What the kernel knows of a process of this host.
fn process(pid: u32) -> Option<FarProcess> {
    let pid = i32::try_from(pid).ok().filter(|pid| *pid > 0)?;
    Some(FarProcess {
        stat: Stat::of(pid)?,
        clock: nanoseconds(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::Ordering::Relaxed;
    use wireup::layout::State;
    use wireup::segment::Segment;

    #[test]
    fn samples_add_up() {
        let segment = Segment::create(2, 2).unwrap();
        for rank in 0..2 {
            let record = segment.record(rank);
            record.state.store(State::Running as u32, Relaxed);
            record.pid.store(std::process::id(), Relaxed);
        }
        let watched = Watched::Here(segment);
        let mut sampler = Sampler::default();
        while sampler.tally.samples < 3 {
            sampler.sample(&watched);
            std::thread::sleep(Duration::from_millis(1));
        }
        let moment = sampler.moment(&watched);
        assert!(moment.tally.watched > Duration::ZERO);
        assert_eq!(moment.tally.ranks[1].seen(), moment.tally.ranks[1].works);
        assert!(!moment.kernel[0].stopped && !moment.look.is_stuck());
        assert_eq!(moment.kernel[0].processors, None);
        let again = sampler.moment(&watched);
        assert!(again.kernel[0].processors.is_some());
        sampler.clear();
        assert_eq!(sampler.moment(&watched).tally.samples, 0);
    }
}
