//! Which of several candidates is best, and from which size on a second method is better.
//! Pure. All inputs are ratios of times: below 1 is better.

/// The least gain that counts: the mean logarithm of the ratios that a change affects. Less
/// is noise, or not worth a difference between machines.
pub const GAIN: f64 = 0.05;

/// The median and the quartiles of what several rounds have measured.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Quartiles {
    /// The lower quartile.
    pub low: f64,
    /// The median.
    pub median: f64,
    /// The upper quartile.
    pub high: f64,
}

impl Quartiles {
    /// The quartiles of these values; NaN if there are none.
    pub fn of(mut values: Vec<f64>) -> Quartiles {
        values.sort_by(f64::total_cmp);
        let last = values.len().saturating_sub(1);
        let at = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
        // Rounded outwards: a few values must not seem more certain than many.
        Quartiles {
            low: at(last / 4),
            median: at(last / 2),
            high: at((3 * last).div_ceil(4)),
        }
    }

    /// The geometric means of two ratios' quartiles.
    pub fn mean_with(self, other: Quartiles) -> Quartiles {
        let mean = |a: f64, b: f64| (a * b).sqrt();
        Quartiles {
            low: mean(self.low, other.low),
            median: mean(self.median, other.median),
            high: mean(self.high, other.high),
        }
    }
}

/// Whether a change gains enough: `least` on average by the medians, and still something if
/// the worse quartile is taken everywhere.
fn gains(changed: &[Quartiles], better_if_below: bool, least: f64) -> bool {
    let mean = |pick: fn(&Quartiles) -> f64| {
        changed.iter().map(|s| pick(s).ln()).sum::<f64>() / changed.len() as f64
    };
    match better_if_below {
        true => mean(|s| s.median) < -least && mean(|s| s.high) < 0.0,
        false => mean(|s| s.median) > least && mean(|s| s.low) > 0.0,
    }
}

/// The index of the size from which on the second method is used. `ratios` are its times to
/// those of the first method, at rising sizes. An index behind the last size means that the
/// second method is never used. `now` is the index without a change; it stays unless another
/// one gains `least`.
pub fn threshold(ratios: &[Quartiles], now: usize, least: f64) -> usize {
    let cost = |from: usize| {
        let taken = ratios[from.min(ratios.len())..].iter();
        taken.map(|r| r.median.ln()).sum::<f64>()
    };
    let best = (0..=ratios.len()).min_by(|a, b| cost(*a).total_cmp(&cost(*b)));
    match best {
        Some(best) if best < now && gains(&ratios[best..now], true, least) => best,
        Some(best) if best > now && gains(&ratios[now..best], false, least) => best,
        _ => now,
    }
}

/// The index of the best candidate. `ratios[c]` are the times of candidate `c` to those of
/// candidate `now`, which stays unless another one gains `least`.
pub fn candidate(ratios: &[Vec<Quartiles>], now: usize, least: f64) -> usize {
    let mean = |list: &Vec<Quartiles>| list.iter().map(|r| r.median.ln()).sum::<f64>();
    let best = (0..ratios.len())
        .filter(|c| gains(&ratios[*c], true, least))
        .min_by(|a, b| mean(&ratios[*a]).total_cmp(&mean(&ratios[*b])));
    best.unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sure(ratios: &[f64]) -> Vec<Quartiles> {
        let each = |r: &f64| Quartiles::of(vec![*r]);
        ratios.iter().map(each).collect()
    }

    fn unsure(ratios: &[f64]) -> Vec<Quartiles> {
        let each = |r: &f64| Quartiles::of(vec![r / 1.5, *r, r * 1.5]);
        ratios.iter().map(each).collect()
    }

    #[test]
    fn the_size_from_which_on_the_second_method_is_better() {
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
        // A gain that only some rounds have found does not count.
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
        let quartiles = Quartiles::of(vec![7.0, 1.0, 3.0, 2.0, 6.0, 5.0, 4.0]);
        let wanted = Quartiles {
            low: 2.0,
            median: 4.0,
            high: 6.0,
        };
        assert_eq!(quartiles, wanted);
        assert!(Quartiles::of(Vec::new()).median.is_nan());
    }
}
