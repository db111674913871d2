//! What is compared with what. A threshold is found by two candidates: one that
//! takes the new way at every size, and one that never does; the sizes tell where
//! one begins to beat the other.

use super::Values;
use super::bench::{Figures, Pattern};
use super::choose::{self, Spread};
use wireup::settings::{Settings, short};

/// A size that no message has, as a value of a threshold: the way is never taken.
const NEVER: &str = "1024g";
/// How many times a gain must be what it has to be at the least: on a quiet machine,
pub const QUIET: f64 = 1.0;
/// and where other programs disturb what is measured.
pub const BUSY: f64 = 4.0;
/// `auto` is left for another arm only where that gains this much.
const ARM_GAIN: f64 = 0.1;

/// One setting's comparison.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// The largest message that is sent at once.
    EagerLimit,
    /// The smallest that is copied out of the sender's memory.
    DirectMin,
    /// The smallest that both sides copy.
    CoopMin,
    /// Bytes of one side's turn.
    CoopChunk,
    /// The smallest copy around the caches.
    NtMin,
    /// Which arm.
    Arm,
}

/// All of them; each is measured with what was found by those before it.
pub const ORDER: [Kind; 6] = [
    Kind::EagerLimit,
    Kind::DirectMin,
    Kind::CoopMin,
    Kind::CoopChunk,
    Kind::NtMin,
    Kind::Arm,
];

impl Kind {
    /// The setting's name.
    pub fn setting(self) -> &'static str {
        match self {
            Kind::EagerLimit => "eager_limit",
            Kind::DirectMin => "direct_min",
            Kind::CoopMin => "coop_min",
            Kind::CoopChunk => "coop_chunk",
            Kind::NtMin => "nt_min",
            Kind::Arm => "arm",
        }
    }

    /// Whether it matters only where an arm maps the peers' memory.
    pub fn needs_mapped(self) -> bool {
        self == Kind::DirectMin
    }

    /// Whether there is one candidate for each value, and not an old and a new way.
    fn of_values(self) -> bool {
        matches!(self, Kind::CoopChunk | Kind::Arm)
    }
}

/// A value that is tried.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Its name in the table.
    pub label: String,
    /// The settings to measure it with.
    pub values: Values,
}

/// What is to be measured for one setting.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// Which setting.
    pub kind: Kind,
    /// The candidates; the first one is what the others are held against.
    pub candidates: Vec<Candidate>,
    /// Bytes of the messages, rising.
    pub sizes: Vec<u64>,
    /// The setting's built-in value.
    pub built_in: String,
}

/// Puts a value in the place of that setting's.
pub fn set(values: &mut Values, name: &str, value: &str) {
    for (_, old) in values.iter_mut().filter(|v| v.0 == name) {
        value.clone_into(old);
    }
}

/// Powers of two from `from` to `to` bytes.
fn powers(from: u64, to: u64) -> Vec<u64> {
    let doubled = std::iter::successors(Some(from.next_power_of_two()), |n| n.checked_mul(2));
    doubled.take_while(|n| *n <= to).collect()
}

/// The comparison for a setting, on top of `values`. `works` tells of each arm.
pub fn comparison(kind: Kind, values: &Values, works: &impl Fn(&str) -> bool) -> Comparison {
    const K: u64 = 1 << 10;
    const M: u64 = 1 << 20;
    let mut settings = Settings::default();
    for (name, value) in values {
        let set = settings.set(name, value);
        set.expect("values are built in or were chosen here");
    }
    let with = |label: &str, changes: &[(&str, &str)]| {
        let mut values = values.clone();
        for (name, value) in changes {
            set(&mut values, name, value);
        }
        let label = label.to_owned();
        Candidate { label, values }
    };
    let (candidates, sizes) = match kind {
        Kind::EagerLimit => (
            vec![
                with("at once", &[("eager_limit", "1m"), ("direct_min", NEVER)]),
                with("announced", &[("eager_limit", "1k"), ("direct_min", NEVER)]),
            ],
            powers(2 * K, M),
        ),
        Kind::DirectMin => (
            vec![
                with("rings", &[("direct_min", NEVER)]),
                with("straight", &[("direct_min", "1k")]),
            ],
            powers(K, 256 * K),
        ),
        Kind::CoopMin => (
            vec![
                with("receiver", &[("coop_min", NEVER)]),
                with("both", &[("coop_min", "8k")]),
            ],
            powers(8 * K, 2 * M),
        ),
        Kind::CoopChunk => {
            let chunks = [1, 4, 16, 32, 64, 128].map(|n| short(n * K));
            let all = chunks.iter().map(|c| with(c, &[("coop_chunk", c)]));
            let from = settings.coop_min.clamp(16 * K, M);
            (all.collect(), powers(from, 4 * M))
        }
        Kind::NtMin => (
            vec![
                with("cached", &[("nt_min", NEVER)]),
                with("around", &[("nt_min", "256k")]),
            ],
            powers(M, 64 * M),
        ),
        Kind::Arm => {
            let arms = ["shared", "driver", "cma"].into_iter();
            let arms = arms.filter(|arm| works(arm)).chain(["copy"]);
            let all = std::iter::once("auto").chain(arms);
            let all = all.map(|arm| with(arm, &[("arm", arm)]));
            (all.collect(), powers(8 * K, 4 * M))
        }
    };
    let name = kind.setting();
    let built_in = Settings::default().shown(name).unwrap_or_default();
    Comparison {
        kind,
        candidates,
        sizes,
        built_in,
    }
}

/// The value that the figures speak for. `caution`: [`QUIET`] or [`BUSY`].
pub fn verdict(comparison: &Comparison, figures: &Figures, caution: f64) -> String {
    let sizes = &comparison.sizes;
    let both = |candidate: usize, at: usize| {
        let [same, dirty] = Pattern::ALL.map(|p| figures.ratio(candidate, at, p));
        same.with(dirty)
    };
    if comparison.kind.of_values() {
        let all = (0..comparison.candidates.len())
            .map(|c| (0..sizes.len()).map(|at| both(c, at)).collect())
            .collect::<Vec<Vec<Spread>>>();
        let gain = match comparison.kind {
            Kind::Arm => ARM_GAIN,
            _ => choose::GAIN,
        };
        let best = choose::candidate(&all, 0, gain * caution);
        return comparison.candidates[best].label.clone();
    }
    let mut settings = Settings::default();
    let (limit, eager) = match comparison.kind {
        Kind::EagerLimit => (settings.eager_limit + 1, true),
        Kind::DirectMin => (settings.direct_min, false),
        Kind::CoopMin => (settings.coop_min, false),
        _ => (settings.nt_min, false),
    };
    let now = sizes.partition_point(|size| *size < limit);
    let ratios: Vec<Spread> = (0..sizes.len()).map(|at| both(1, at)).collect();
    let from = choose::threshold(&ratios, now, choose::GAIN * caution);
    if from == now {
        return comparison.built_in.clone();
    }
    let value = match (eager, from) {
        (true, 0) => short(sizes[0] / 2),
        (true, n) => short(sizes[n - 1]),
        (false, n) => sizes.get(n).map_or(NEVER.to_owned(), |s| short(*s)),
    };
    let right = settings.set(comparison.kind.setting(), &value);
    right.expect("powers of two are right for every threshold");
    value
}

/// How many seconds all of it is going to take, about, and how many comparisons
/// there are.
pub fn estimate(rounds: u32, mapped: bool) -> (u64, usize) {
    let values = super::built_in();
    let kinds = ORDER.iter().filter(|k| mapped || !k.needs_mapped());
    let plans: Vec<Comparison> = kinds
        .map(|k| comparison(*k, &values, &|_| mapped))
        .collect();
    let seconds: f64 = plans
        .iter()
        .map(|c| c.candidates.len() as f64 * super::bench::seconds(&c.sizes))
        .sum();
    let seconds = seconds * f64::from(rounds);
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a few minutes at the most"
    )]
    let seconds = seconds.ceil() as u64;
    (seconds, plans.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tune::built_in;

    /// Figures in which candidate 1 takes `ratio` of candidate 0's time.
    fn figures(comparison: &Comparison, time: impl Fn(usize, u64) -> f64) -> Figures {
        let mut figures = Figures::new(comparison);
        for candidate in 0..comparison.candidates.len() {
            for (at, size) in comparison.sizes.iter().enumerate() {
                for pattern in Pattern::ALL {
                    figures.add(candidate, at, pattern, time(candidate, *size));
                }
            }
        }
        figures
    }

    fn plan(kind: Kind) -> Comparison {
        comparison(kind, &built_in(), &|arm| arm != "driver")
    }

    #[test]
    fn thresholds_are_where_the_ways_cross() {
        for (kind, wanted) in [
            (Kind::EagerLimit, "16k"),
            (Kind::DirectMin, "32k"),
            (Kind::CoopMin, "32k"),
        ] {
            let plan = plan(kind);
            let crossing = |c, size| {
                if c == 1 && size >= 32 << 10 {
                    1.0
                } else {
                    1.5 + c as f64
                }
            };
            let found = verdict(&plan, &figures(&plan, crossing), QUIET);
            assert_eq!(found, wanted, "{kind:?}");
        }
    }

    #[test]
    fn a_way_that_is_never_better_is_never_taken() {
        let worse = |c, _| 1.0 + c as f64;
        let better = |c, _| 2.0 - c as f64;
        for (kind, never, always) in [
            (Kind::EagerLimit, "1m", "1k"),
            (Kind::DirectMin, NEVER, "1k"),
            (Kind::CoopMin, NEVER, "8k"),
            (Kind::NtMin, NEVER, "1m"),
        ] {
            let plan = plan(kind);
            assert_eq!(
                verdict(&plan, &figures(&plan, worse), QUIET),
                never,
                "{kind:?}"
            );
            assert_eq!(
                verdict(&plan, &figures(&plan, better), QUIET),
                always,
                "{kind:?}"
            );
        }
    }

    #[test]
    fn what_is_built_in_stays_where_nothing_is_better() {
        for kind in ORDER {
            let plan = plan(kind);
            let found = verdict(&plan, &figures(&plan, |_, _| 1.0), QUIET);
            assert_eq!(found, plan.built_in, "{kind:?}");
            assert_eq!(
                plan.built_in,
                Settings::default().shown(kind.setting()).unwrap()
            );
        }
    }

    #[test]
    fn values_are_compared_with_the_built_in_one() {
        let plan = plan(Kind::CoopChunk);
        assert_eq!(plan.candidates[0].label, plan.built_in);
        let found = verdict(
            &plan,
            &figures(&plan, |c, _| if c == 3 { 0.8 } else { 1.0 }),
            QUIET,
        );
        assert_eq!(found, plan.candidates[3].label);
        let arms = super::comparison(Kind::Arm, &built_in(), &|arm| arm != "driver");
        let labels: Vec<_> = arms.candidates.iter().map(|c| c.label.as_str()).collect();
        assert_eq!(labels, ["auto", "shared", "cma", "copy"]);
        let found = verdict(
            &arms,
            &figures(&arms, |c, _| if c == 2 { 0.92 } else { 1.0 }),
            QUIET,
        );
        assert_eq!(found, "auto", "not enough for another arm");
        let much = figures(&arms, |c, _| if c == 2 { 0.8 } else { 1.0 });
        assert_eq!(verdict(&arms, &much, QUIET), "cma");
        assert_eq!(
            verdict(&arms, &much, BUSY),
            "auto",
            "others may have made it so"
        );
    }
}
