//! Watches a job through its segment, which it never writes: samples at random moments, and
//! now and then what the kernel knows of the processes.

use super::tally::Tally;
use crate::inspect::{Look, Observer};
use crate::procfs::{self, Stat};
use crate::snapshot;
use std::time::{Duration, Instant};
use wireup::segment::Segment;

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
    at: Option<Instant>,
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
    pub fn sample(&mut self, segment: &Segment) {
        let now = Instant::now();
        if now < self.next {
            return;
        }
        if now >= self.observer.due() {
            // Keeps the history of who stands still; what is certain is asked for later.
            let look = self.observer.look(segment);
            self.add(&look.snapshots, now);
        } else {
            self.add(&snapshot::of_all(segment), now);
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
    pub fn moment(&mut self, segment: &Segment) -> Moment {
        let look = self.observer.look(segment);
        self.used.resize(look.snapshots.len(), Used::default());
        let ranks = look.snapshots.iter().zip(&mut self.used);
        let kernel = ranks.map(|(rank, used)| kernel(rank.pid, used)).collect();
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

    /// Forgets where time has gone.
    pub fn clear(&mut self) {
        self.tally = Tally::default();
    }
}

fn kernel(pid: u32, used: &mut Used) -> Kernel {
    let Some(stat) = i32::try_from(pid)
        .ok()
        .filter(|pid| *pid > 0)
        .and_then(Stat::of)
    else {
        *used = Used::default();
        return Kernel::default();
    };
    let now = Instant::now();
    let before = *used;
    *used = Used {
        ticks: stat.used,
        at: Some(now),
    };
    let processors = before.at.map(|at| {
        let ticks = u32::try_from(stat.used.saturating_sub(before.ticks)).unwrap_or(u32::MAX);
        f64::from(ticks)
            / f64::from(procfs::ticks_per_second())
            / (now - at).as_secs_f64().max(1e-6)
    });
    Kernel {
        processors,
        stopped: matches!(stat.state, 'T' | 't'),
        runs: stat.state == 'R',
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::Ordering::Relaxed;
    use wireup::layout::State;

    #[test]
    fn samples_add_up() {
        let segment = Segment::create(2, 2).unwrap();
        for rank in 0..2 {
            let record = segment.record(rank);
            record.state.store(State::Running as u32, Relaxed);
            record.pid.store(std::process::id(), Relaxed);
        }
        let mut sampler = Sampler::default();
        while sampler.tally.samples < 3 {
            sampler.sample(&segment);
            std::thread::sleep(Duration::from_millis(1));
        }
        let moment = sampler.moment(&segment);
        assert!(moment.tally.watched > Duration::ZERO);
        assert_eq!(moment.tally.ranks[1].seen(), moment.tally.ranks[1].works);
        assert!(!moment.kernel[0].stopped && !moment.look.is_stuck());
        assert_eq!(moment.kernel[0].processors, None);
        let again = sampler.moment(&segment);
        assert!(again.kernel[0].processors.is_some());
        sampler.clear();
        assert_eq!(sampler.moment(&segment).tally.samples, 0);
    }
}
