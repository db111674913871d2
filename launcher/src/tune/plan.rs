//! What is compared with what. A threshold is found with two candidates: one that uses the
//! second method at every size, and one that never does. The times show from which size on
//! the second method is the faster one.

use super::choose::{self, Quartiles};
use super::timings::{Pattern, Timings};
use super::values::Values;
use wireup::settings::{Settings, short};

/// The value of a threshold with which its method is never used: no message is so large.
const NEVER: &str = "1024g";
/// The factor on the least gain that counts, on a quiet machine.
pub const CAUTION_QUIET: f64 = 1.0;
/// The same where other programs disturb the measurement.
pub const CAUTION_BUSY: f64 = 4.0;
/// The least gain for which another arm replaces `auto`.
const ARM_GAIN: f64 = 0.1;

/// A setting that is measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tunable {
    /// `eager_limit`: the largest message that is sent eagerly.
    EagerLimit,
    /// `direct_min`: the smallest message that is copied straight out of the sender's
    /// memory.
    DirectMin,
    /// `coop_min`: the smallest message that both sides copy.
    CoopMin,
    /// `coop_chunk`: the bytes that one side takes at a time of such a message.
    CoopChunk,
    /// `nt_min`: the smallest copy that goes around the caches.
    NtMin,
    /// `arm`.
    Arm,
}

/// All of them. Each is measured with the values that were found for those before it.
pub const ORDER: [Tunable; 6] = [
    Tunable::EagerLimit,
    Tunable::DirectMin,
    Tunable::CoopMin,
    Tunable::CoopChunk,
    Tunable::NtMin,
    Tunable::Arm,
];

impl Tunable {
    /// The setting's name.
    pub fn name(self) -> &'static str {
        match self {
            Tunable::EagerLimit => "eager_limit",
            Tunable::DirectMin => "direct_min",
            Tunable::CoopMin => "coop_min",
            Tunable::CoopChunk => "coop_chunk",
            Tunable::NtMin => "nt_min",
            Tunable::Arm => "arm",
        }
    }

    /// Whether the setting matters only if some arm maps the peers' memory.
    pub fn needs_mapped(self) -> bool {
        self == Tunable::DirectMin
    }

    /// Whether there is a candidate for each value, instead of one for each of two methods.
    fn compares_values(self) -> bool {
        matches!(self, Tunable::CoopChunk | Tunable::Arm)
    }
}

/// A value, or one of two methods, that is tried.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Its name in the table.
    pub label: String,
    /// The settings with which it is measured.
    pub values: Values,
}

/// What is to be measured for one setting.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// The setting.
    pub setting: Tunable,
    /// The candidates. The others are compared with the first one.
    pub candidates: Vec<Candidate>,
    /// Bytes of the messages, in rising order.
    pub sizes: Vec<u64>,
    /// The setting's built-in value.
    pub built_in: String,
}

/// Powers of two from `from` to `to` bytes.
fn powers(from: u64, to: u64) -> Vec<u64> {
    let doubled = std::iter::successors(Some(from.next_power_of_two()), |n| n.checked_mul(2));
    doubled.take_while(|n| *n <= to).collect()
}

/// The comparison for a setting, with `values` for the others. `works` says whether an arm
/// works here.
pub fn comparison(setting: Tunable, values: &Values, works: &impl Fn(&str) -> bool) -> Comparison {
    const K: u64 = 1 << 10;
    const M: u64 = 1 << 20;
    let mut settings = Settings::default();
    for (name, value) in values.iter() {
        let set = settings.set(name, value);
        set.expect("values are built in or were chosen here");
    }
    let with = |label: &str, changes: &[(&str, &str)]| {
        let mut values = values.clone();
        for (name, value) in changes {
            values.set(name, value);
        }
        let label = label.to_owned();
        Candidate { label, values }
    };
    let (candidates, sizes) = match setting {
        Tunable::EagerLimit => (
            vec![
                with("eager", &[("eager_limit", "1m"), ("direct_min", NEVER)]),
                with(
                    "rendezvous",
                    &[("eager_limit", "1k"), ("direct_min", NEVER)],
                ),
            ],
            powers(2 * K, M),
        ),
        Tunable::DirectMin => (
            vec![
                with("rings", &[("direct_min", NEVER)]),
                with("straight", &[("direct_min", "1k")]),
            ],
            powers(K, 256 * K),
        ),
        Tunable::CoopMin => (
            vec![
                with("receiver", &[("coop_min", NEVER)]),
                with("both", &[("coop_min", "8k")]),
            ],
            powers(8 * K, 2 * M),
        ),
        Tunable::CoopChunk => {
            let chunks = [1, 4, 16, 32, 64, 128].map(|n| short(n * K));
            let all = chunks.iter().map(|c| with(c, &[("coop_chunk", c)]));
            let from = settings.coop_min.clamp(16 * K, M);
            (all.collect(), powers(from, 4 * M))
        }
        Tunable::NtMin => (
            vec![
                with("cached", &[("nt_min", NEVER)]),
                with("around", &[("nt_min", "256k")]),
            ],
            powers(M, 64 * M),
        ),
        Tunable::Arm => {
            let arms = ["shared", "driver", "cma"].into_iter();
            let arms = arms.filter(|arm| works(arm)).chain(["copy"]);
            let all = std::iter::once("auto").chain(arms);
            let all = all.map(|arm| with(arm, &[("arm", arm)]));
            (all.collect(), powers(8 * K, 4 * M))
        }
    };
    let name = setting.name();
    let built_in = Settings::default().shown(name).unwrap_or_default();
    Comparison {
        setting,
        candidates,
        sizes,
        built_in,
    }
}

/// The value that the times speak for. `caution` is [`CAUTION_QUIET`] or [`CAUTION_BUSY`].
pub fn verdict(comparison: &Comparison, timings: &Timings, caution: f64) -> String {
    let sizes = &comparison.sizes;
    let both_patterns = |candidate: usize, at: usize| {
        let [same, dirty] = Pattern::ALL.map(|p| timings.ratio(candidate, at, p));
        same.mean_with(dirty)
    };
    if comparison.setting.compares_values() {
        let all = (0..comparison.candidates.len())
            .map(|c| (0..sizes.len()).map(|at| both_patterns(c, at)).collect())
            .collect::<Vec<Vec<Quartiles>>>();
        let gain = match comparison.setting {
            Tunable::Arm => ARM_GAIN,
            _ => choose::GAIN,
        };
        let best = choose::candidate(&all, 0, gain * caution);
        return comparison.candidates[best].label.clone();
    }
    let mut settings = Settings::default();
    let (limit, eager) = match comparison.setting {
        Tunable::EagerLimit => (settings.eager_limit + 1, true),
        Tunable::DirectMin => (settings.direct_min, false),
        Tunable::CoopMin => (settings.coop_min, false),
        _ => (settings.nt_min, false),
    };
    let now = sizes.partition_point(|size| *size < limit);
    let ratios: Vec<Quartiles> = (0..sizes.len()).map(|at| both_patterns(1, at)).collect();
    let from = choose::threshold(&ratios, now, choose::GAIN * caution);
    if from == now {
        return comparison.built_in.clone();
    }
    let value = match (eager, from) {
        (true, 0) => short(sizes[0] / 2),
        (true, n) => short(sizes[n - 1]),
        (false, n) => sizes.get(n).map_or(NEVER.to_owned(), |s| short(*s)),
    };
    let right = settings.set(comparison.setting.name(), &value);
    right.expect("powers of two are right for every threshold");
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Times that depend on the candidate and the size alone.
    fn timings(comparison: &Comparison, time: impl Fn(usize, u64) -> f64) -> Timings {
        let mut timings = Timings::new(comparison.candidates.len(), comparison.sizes.len());
        for candidate in 0..comparison.candidates.len() {
            for (at, size) in comparison.sizes.iter().enumerate() {
                for pattern in Pattern::ALL {
                    timings.add(candidate, at, pattern, time(candidate, *size));
                }
            }
        }
        timings
    }

    fn plan(setting: Tunable) -> Comparison {
        comparison(setting, &Values::built_in(), &|arm| arm != "driver")
    }

    #[test]
    fn thresholds_are_where_the_times_cross() {
        for (setting, wanted) in [
            (Tunable::EagerLimit, "16k"),
            (Tunable::DirectMin, "32k"),
            (Tunable::CoopMin, "32k"),
        ] {
            let plan = plan(setting);
            let crossing = |c, size| {
                if c == 1 && size >= 32 << 10 {
                    1.0
                } else {
                    1.5 + c as f64
                }
            };
            let found = verdict(&plan, &timings(&plan, crossing), CAUTION_QUIET);
            assert_eq!(found, wanted, "{setting:?}");
        }
    }

    #[test]
    fn a_method_that_is_never_better_is_never_used() {
        let worse = |c, _| 1.0 + c as f64;
        let better = |c, _| 2.0 - c as f64;
        for (setting, never, always) in [
            (Tunable::EagerLimit, "1m", "1k"),
            (Tunable::DirectMin, NEVER, "1k"),
            (Tunable::CoopMin, NEVER, "8k"),
            (Tunable::NtMin, NEVER, "1m"),
        ] {
            let plan = plan(setting);
            assert_eq!(
                verdict(&plan, &timings(&plan, worse), CAUTION_QUIET),
                never,
                "{setting:?}"
            );
            assert_eq!(
                verdict(&plan, &timings(&plan, better), CAUTION_QUIET),
                always,
                "{setting:?}"
            );
        }
    }

    #[test]
    fn what_is_built_in_stays_where_nothing_is_better() {
        for setting in ORDER {
            let plan = plan(setting);
            let found = verdict(&plan, &timings(&plan, |_, _| 1.0), CAUTION_QUIET);
            assert_eq!(found, plan.built_in, "{setting:?}");
            assert_eq!(
                plan.built_in,
                Settings::default().shown(setting.name()).unwrap()
            );
        }
    }

    #[test]
    fn values_are_compared_with_the_built_in_one() {
        let plan = plan(Tunable::CoopChunk);
        assert_eq!(plan.candidates[0].label, plan.built_in);
        let found = verdict(
            &plan,
            &timings(&plan, |c, _| if c == 3 { 0.8 } else { 1.0 }),
            CAUTION_QUIET,
        );
        assert_eq!(found, plan.candidates[3].label);
        let arms = super::comparison(Tunable::Arm, &Values::built_in(), &|arm| arm != "driver");
        let labels: Vec<_> = arms.candidates.iter().map(|c| c.label.as_str()).collect();
        assert_eq!(labels, ["auto", "shared", "cma", "copy"]);
        let found = verdict(
            &arms,
            &timings(&arms, |c, _| if c == 2 { 0.92 } else { 1.0 }),
            CAUTION_QUIET,
        );
        assert_eq!(found, "auto", "not enough for another arm");
        let much = timings(&arms, |c, _| if c == 2 { 0.8 } else { 1.0 });
        assert_eq!(verdict(&arms, &much, CAUTION_QUIET), "cma");
        assert_eq!(
            verdict(&arms, &much, CAUTION_BUSY),
            "auto",
            "other programs may have caused it"
        );
    }
}
