//! How much of the time of its processors other programs take from mpirun.

use crate::topology;
use nix::sys::resource::{UsageWho, getrusage};
use nix::unistd::{SysconfVar, sysconf};

/// Clock ticks since the machine started, of the processors that mpirun may use.
#[derive(Clone, Copy, Debug)]
pub struct CpuTimes {
    busy: f64,
    all: f64,
    /// Ticks that mpirun and its children that have ended took.
    own: f64,
}

impl CpuTimes {
    /// The times now. None if /proc does not show them.
    pub fn now() -> Option<CpuTimes> {
        let text = std::fs::read_to_string("/proc/stat").ok()?;
        let (busy, all) = ticks(&text, &topology::allowed())?;
        let per_second = sysconf(SysconfVar::CLK_TCK).ok()?? as f64;
        let usage = |who| {
            let usage = getrusage(who).ok()?;
            let seconds = |t: nix::sys::time::TimeVal| t.tv_sec() as f64 + t.tv_usec() as f64 / 1e6;
            Some(seconds(usage.user_time()) + seconds(usage.system_time()))
        };
        let own = usage(UsageWho::RUSAGE_SELF)? + usage(UsageWho::RUSAGE_CHILDREN)?;
        Some(CpuTimes {
            busy,
            all,
            own: own * per_second,
        })
    }

    /// The part of the time since then that other programs took.
    pub fn others(self) -> Option<f64> {
        Some(self.share(CpuTimes::now()?))
    }

    fn share(self, now: CpuTimes) -> f64 {
        let all = now.all - self.all;
        let others = (now.busy - self.busy) - (now.own - self.own);
        if all > 0.0 {
            (others / all).clamp(0.0, 1.0)
        } else {
            0.0
        }
    }
}

/// The ticks of some processors in the text of /proc/stat: busy, and all.
fn ticks(text: &str, processors: &[u32]) -> Option<(f64, f64)> {
    let (mut busy, mut all, mut found) = (0.0, 0.0, false);
    for line in text.lines() {
        let mut words = line.split_whitespace();
        let number = words.next().and_then(|w| w.strip_prefix("cpu"));
        let number = number.and_then(|n| n.parse::<u32>().ok());
        if !number.is_some_and(|n| processors.contains(&n)) {
            continue;
        }
        // user nice system idle iowait irq softirq steal; the rest is contained in user
        let ticks: Vec<f64> = words.take(8).filter_map(|n| n.parse().ok()).collect();
        let sum: f64 = ticks.iter().sum();
        all += sum;
        busy += sum - ticks.get(3)? - ticks.get(4)?;
        found = true;
    }
    found.then_some((busy, all))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_processors_that_may_be_used_count() {
        let text = "cpu  9 9 9 9 9 9 9 9 0 0\n\
                    cpu0 10 0 5 80 5 0 0 0 0 0\n\
                    cpu1 0 0 0 100 0 0 0 0 0 0\n\
                    cpu11 50 0 0 50 0 0 0 0 0 0\nintr 5\n";
        assert_eq!(ticks(text, &[0, 1]), Some((15.0, 200.0)));
        assert_eq!(ticks(text, &[11]), Some((50.0, 100.0)));
        assert_eq!(ticks(text, &[7]), None);
    }

    #[test]
    fn what_mpirun_itself_took_is_not_the_others() {
        let times = |busy, all, own| CpuTimes { busy, all, own };
        let share = times(10.0, 100.0, 5.0).share(times(90.0, 200.0, 75.0));
        assert!((share - 0.1).abs() < 1e-9);
        assert!(times(0.0, 0.0, 0.0).share(times(5.0, 10.0, 9.0)) == 0.0);
        assert!(CpuTimes::now().is_some());
    }
}
