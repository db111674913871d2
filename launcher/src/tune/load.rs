//! What other programs take of the processors that mpirun may use.

use crate::topology;
use nix::sys::resource::{UsageWho, getrusage};
use nix::unistd::{SysconfVar, sysconf};

/// Clock ticks of these processors since the machine started.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    busy: f64,
    all: f64,
    /// What mpirun and its children that have ended took.
    own: f64,
}

impl Times {
    /// As they are now; `None`: /proc does not tell.
    pub fn now() -> Option<Times> {
        let text = std::fs::read_to_string("/proc/stat").ok()?;
        let (busy, all) = ticks(&text, &topology::allowed())?;
        let per_second = sysconf(SysconfVar::CLK_TCK).ok()?? as f64;
        let usage = |who| {
            let usage = getrusage(who).ok()?;
            let seconds = |t: nix::sys::time::TimeVal| t.tv_sec() as f64 + t.tv_usec() as f64 / 1e6;
            Some(seconds(usage.user_time()) + seconds(usage.system_time()))
        };
        let own = usage(UsageWho::RUSAGE_SELF)? + usage(UsageWho::RUSAGE_CHILDREN)?;
        Some(Times {
            busy,
            all,
            own: own * per_second,
        })
    }

    /// The part of the time since then that others took.
    pub fn others(self) -> Option<f64> {
        Some(self.share(Times::now()?))
    }

    fn share(self, now: Times) -> f64 {
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
        // user nice system idle iowait irq softirq steal; guests are in user already
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
        let times = |busy, all, own| Times { busy, all, own };
        let share = times(10.0, 100.0, 5.0).share(times(90.0, 200.0, 75.0));
        assert!((share - 0.1).abs() < 1e-9);
        assert!(times(0.0, 0.0, 0.0).share(times(5.0, 10.0, 9.0)) == 0.0);
        assert!(Times::now().is_some());
    }
}
