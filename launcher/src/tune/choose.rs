//! Which of several candidates is best, and from which size on another way is.
//! Pure: works on ratios of times, below 1 is better.

/// A change must gain so much, in logarithms, on average over what it changes: less is noise, or
/// not worth a difference between machines.
pub const GAIN: f64 = 0.05;

/// What several rounds found: the middle one and the quartiles around it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Spread {
    /// The lower quartile.
    pub low: f64,
    /// The median.
    pub middle: f64,
    /// The upper quartile.
    pub high: f64,
}

impl Spread {
    /// Of these values; NaN if there are none.
    pub fn of(mut values: Vec<f64>) -> Spread {
        values.sort_by(f64::total_cmp);
        let last = values.len().saturating_sub(1);
        let at = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
        // Of few values the outer ones count, so that few rounds are not surer than many.
        Spread {
            low: at(last / 4),
            middle: at(last / 2),
            high: at((3 * last).div_ceil(4)),
        }
    }

    /// Of two ratios, what both together say: their geometric mean.
    pub fn with(self, other: Spread) -> Spread {
        let mean = |a: f64, b: f64| (a * b).sqrt();
        Spread {
            low: mean(self.low, other.low),
            middle: mean(self.middle, other.middle),
            high: mean(self.high, other.high),
        }
    }
}

/// Whether what a change gains is worth it: `least` on average by the medians, and
/// still something where every figure is taken from its worse side.
fn gains(changed: &[Spread], better_if_below: bool, least: f64) -> bool {
    let mean = |pick: fn(&Spread) -> f64| {
        changed.iter().map(|s| pick(s).ln()).sum::<f64>() / changed.len() as f64
    };
    match better_if_below {
        true => mean(|s| s.middle) < -least && mean(|s| s.high) < 0.0,
        false => mean(|s| s.middle) > least && mean(|s| s.low) > 0.0,
    }
}

/// The index from which on the new way is taken: `ratios` are its times to the old
/// way's, at rising sizes; the number of sizes says «never». `now` is what holds
/// without a change, and stays unless a change gains `least`.
pub fn threshold(ratios: &[Spread], now: usize, least: f64) -> usize {
    let cost = |from: usize| {
        let taken = ratios[from.min(ratios.len())..].iter();
        taken.map(|r| r.middle.ln()).sum::<f64>()
    };
    let best = (0..=ratios.len()).min_by(|a, b| cost(*a).total_cmp(&cost(*b)));
    match best {
        Some(best) if best < now && gains(&ratios[best..now], true, least) => best,
        Some(best) if best > now && gains(&ratios[now..best], false, least) => best,
        _ => now,
    }
}

/// The index of the best candidate. `ratios[c]` are the times of candidate `c` to
/// those of the candidate `now`, which stays unless another gains `least`.
pub fn candidate(ratios: &[Vec<Spread>], now: usize, least: f64) -> usize {
    let mean = |list: &Vec<Spread>| list.iter().map(|r| r.middle.ln()).sum::<f64>();
    let best = (0..ratios.len())
        .filter(|c| gains(&ratios[*c], true, least))
        .min_by(|a, b| mean(&ratios[*a]).total_cmp(&mean(&ratios[*b])));
    best.unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sure(ratios: &[f64]) -> Vec<Spread> {
        let each = |r: &f64| Spread::of(vec![*r]);
        ratios.iter().map(each).collect()
    }

    fn unsure(ratios: &[f64]) -> Vec<Spread> {
        let each = |r: &f64| Spread::of(vec![r / 1.5, *r, r * 1.5]);
        ratios.iter().map(each).collect()
    }

    #[test]
    fn the_size_from_which_on_the_new_way_is_better() {
        let ratios = sure(&[1.8, 1.3, 1.02, 0.8, 0.7, 0.6]);
        for now in [0, 3, 6] {
            assert_eq!(threshold(&ratios, now, GAIN), 3, "{now}");
        }
        assert_eq!(threshold(&sure(&[0.5; 4]), 2, GAIN), 0, "always");
        assert_eq!(threshold(&sure(&[1.5; 4]), 2, GAIN), 4, "never");
        assert_eq!(threshold(&[], 0, GAIN), 0);
    }

    #[test]
    fn one_odd_figure_does_not_move_it() {
        let ratios = sure(&[1.8, 0.9, 1.6, 0.7, 1.1, 0.6, 0.5]);
        assert_eq!(threshold(&ratios, 0, GAIN), 3);
    }

    #[test]
    fn noise_changes_nothing() {
        assert_eq!(threshold(&sure(&[1.02, 0.97, 0.99, 1.01]), 3, GAIN), 3);
        assert_eq!(threshold(&sure(&[0.96, 0.97, 0.98, 0.96]), 4, GAIN), 4);
        let ratios = [&[1.0, 1.0], &[0.97, 0.98], &[1.2, 0.9]].map(|r| sure(r));
        assert_eq!(candidate(&ratios, 0, GAIN), 0);
        // A gain that some rounds had and others had not is none.
        assert_eq!(threshold(&unsure(&[0.8; 4]), 4, GAIN), 4);
        assert_eq!(threshold(&unsure(&[1.2; 4]), 0, GAIN), 0);
        assert_eq!(threshold(&unsure(&[0.5; 4]), 4, GAIN), 0);
        let ratios = [sure(&[1.0]), unsure(&[0.8]), sure(&[0.9])];
        assert_eq!(candidate(&ratios, 0, GAIN), 2);
    }

    #[test]
    fn caution_asks_for_more() {
        let ratios = sure(&[0.8; 4]);
        assert_eq!(threshold(&ratios, 4, GAIN), 0);
        assert_eq!(threshold(&ratios, 4, 6.0 * GAIN), 4);
    }

    #[test]
    fn the_best_candidate() {
        let ratios = [&[1.3, 1.1], &[1.0, 1.0], &[0.9, 0.8], &[0.5, 1.9]].map(|r| sure(r));
        assert_eq!(candidate(&ratios, 1, GAIN), 2);
        assert_eq!(candidate(&ratios, 1, 0.5), 1);
    }

    #[test]
    fn medians_and_quartiles() {
        let spread = Spread::of(vec![7.0, 1.0, 3.0, 2.0, 6.0, 5.0, 4.0]);
        let wanted = Spread {
            low: 2.0,
            middle: 4.0,
            high: 6.0,
        };
        assert_eq!(spread, wanted);
        assert!(Spread::of(Vec::new()).middle.is_nan());
    }
}
