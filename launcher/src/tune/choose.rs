//! Which of several candidates is best, and from which size on another way is.
//! Pure: works on ratios of times, below 1 is better.

/// A change must gain so much, on average over what it changes: less is noise, or
/// not worth a difference between machines.
pub const GAIN: f64 = 0.05;

/// The middle one; of an even number the lower of the two.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len().saturating_sub(1) / 2;
    values.get(middle).copied().unwrap_or(f64::NAN)
}

/// The index from which on the new way is taken: `ratios` are its times to the old
/// way's, at rising sizes; the number of sizes says «never». `now` is what holds
/// without a change, and stays unless a change gains.
pub fn threshold(ratios: &[f64], now: usize) -> usize {
    let logs: Vec<f64> = ratios.iter().map(|r| r.ln()).collect();
    let cost = |from: usize| logs[from.min(logs.len())..].iter().sum::<f64>();
    let best = (0..=logs.len()).min_by(|a, b| cost(*a).total_cmp(&cost(*b)));
    let best = best.unwrap_or(now);
    let changed = best.abs_diff(now);
    if changed == 0 {
        return now;
    }
    let gained = (cost(now) - cost(best)) / changed as f64;
    match gained > GAIN {
        true => best,
        false => now,
    }
}

/// The index of the best candidate. `ratios[c]` are the times of candidate `c` to
/// those of the candidate `now`, which stays unless another gains `gain`.
pub fn candidate(ratios: &[Vec<f64>], now: usize, gain: f64) -> usize {
    let mean = |list: &Vec<f64>| list.iter().map(|r| r.ln()).sum::<f64>() / list.len() as f64;
    let means: Vec<f64> = ratios.iter().map(mean).collect();
    let best = (0..means.len()).min_by(|a, b| means[*a].total_cmp(&means[*b]));
    match best {
        Some(best) if means[best] < -gain => best,
        _ => now,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_from_which_on_the_new_way_is_better() {
        let ratios = [1.8, 1.3, 1.02, 0.8, 0.7, 0.6];
        for now in [0, 3, 6] {
            assert_eq!(threshold(&ratios, now), 3, "{now}");
        }
        assert_eq!(threshold(&[0.5; 4], 2), 0, "always");
        assert_eq!(threshold(&[1.5; 4], 2), 4, "never");
        assert_eq!(threshold(&[], 0), 0);
    }

    #[test]
    fn one_odd_figure_does_not_move_it() {
        let ratios = [1.8, 0.9, 1.6, 0.7, 1.1, 0.6, 0.5];
        assert_eq!(threshold(&ratios, 0), 3);
    }

    #[test]
    fn noise_changes_nothing() {
        assert_eq!(threshold(&[1.02, 0.97, 0.99, 1.01], 3), 3);
        assert_eq!(threshold(&[0.96, 0.97, 0.98, 0.96], 4), 4);
        let ratios = [vec![1.0, 1.0], vec![0.97, 0.98], vec![1.2, 0.9]];
        assert_eq!(candidate(&ratios, 0, GAIN), 0);
    }

    #[test]
    fn the_best_candidate() {
        let ratios = [
            vec![1.3, 1.1],
            vec![1.0, 1.0],
            vec![0.9, 0.8],
            vec![0.5, 1.9],
        ];
        assert_eq!(candidate(&ratios, 1, GAIN), 2);
        assert_eq!(candidate(&ratios, 1, 0.5), 1);
    }

    #[test]
    fn medians() {
        assert!((median(vec![3.0, 1.0, 2.0]) - 2.0).abs() < 1e-12);
        assert!((median(vec![4.0, 1.0]) - 1.0).abs() < 1e-12);
        assert!(median(Vec::new()).is_nan());
    }
}
