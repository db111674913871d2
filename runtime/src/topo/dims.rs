//! `MPI_Dims_create` (MPI 5.0, section 8.5.2): a balanced grid.
//!
//! The standard wants dimensions «as close to each other as possible». Here that
//! means: the difference between the largest and the smallest is as small as it can
//! be; of the grids with that difference the one of the least sum is taken, whose
//! dimensions are nearest to their geometric mean, and then the one whose largest is
//! the smallest. 7488 nodes in three dimensions are 26 x 18 x 16, not 24 x 24 x 13.
//!
//! All grids are looked at that can be better than the best one so far. The first is
//! the one whose largest dimension is as small as it can be, then the second: rarely
//! far from the best, so that few others come into question.

use crate::error::Result;
use crate::fail;
use std::collections::HashMap;

/// Fills the zeros of `dims` so that all multiply to `nnodes`: in falling order, and
/// as close to each other as possible.
///
/// # Errors
/// `nnodes` is not above 0, a dimension is negative, or those given do not
/// divide `nnodes`.
pub fn create(nnodes: i32, dims: &mut [i32]) -> Result<()> {
    if nnodes < 1 {
        fail!(ARG, "nnodes is {nnodes}, but must be above 0");
    }
    let mut given: i64 = 1;
    for (i, dim) in dims.iter().enumerate() {
        if *dim < 0 {
            fail!(DIMS, "dims[{i}] is {dim}, but must be 0 (free) or above");
        }
        if *dim > 0 {
            given = given.saturating_mul(i64::from(*dim));
        }
    }
    let free = dims.iter().filter(|dim| **dim == 0).count();
    if i64::from(nnodes) % given != 0 {
        fail!(
            DIMS,
            "the dims that are given multiply to {given}, which does not divide nnodes {nnodes}"
        );
    }
    let rest = i64::from(nnodes) / given;
    if free == 0 && rest != 1 && !dims.is_empty() {
        fail!(
            DIMS,
            "all dims are given and multiply to {given}, not to nnodes {nnodes}"
        );
    }
    let places = dims.iter_mut().filter(|dim| **dim == 0);
    for (place, dim) in places.zip(balanced(rest, free)) {
        *place = i32::try_from(dim).unwrap_or(i32::MAX);
    }
    Ok(())
}

/// `n` as so many falling factors that are as close to each other as possible.
fn balanced(n: i64, factors: usize) -> Vec<i64> {
    let mut primes = primes(n);
    if primes.len() <= factors {
        // None can be split, and each of the others can only be 1: a grid with a
        // product of two of them has one more 1, and the same or a larger largest.
        primes.resize(factors, 1);
        return primes;
    }
    let mut search = Search::new(n);
    let Some(first) = search.fit(n, factors, n) else {
        return primes; // no dimensions at all
    };
    let mut best = Grid::of(&first);
    search.improve(&mut Vec::new(), n, factors, &mut best);
    best.dims
}

/// The prime factors of `n`, falling.
fn primes(mut n: i64) -> Vec<i64> {
    let mut found = Vec::new();
    let mut prime = 2;
    while prime * prime <= n {
        while n % prime == 0 {
            found.push(prime);
            n /= prime;
        }
        prime += 1;
    }
    if n > 1 {
        found.push(n);
    }
    found.reverse();
    found
}

/// A grid, and how far from balanced it is.
struct Grid {
    dims: Vec<i64>,
    spread: i64,
    sum: i64,
}

impl Grid {
    /// The grid of falling `dims`, of which there is one at least.
    fn of(dims: &[i64]) -> Grid {
        let (first, last) = (dims.first(), dims.last());
        Grid {
            dims: dims.to_vec(),
            spread: first.unwrap_or(&1) - last.unwrap_or(&1),
            sum: dims.iter().sum(),
        }
    }

    fn is_better_than(&self, other: &Grid) -> bool {
        (self.spread, self.sum) < (other.spread, other.sum)
    }
}

struct Search {
    /// All divisors of the whole, rising.
    divisors: Vec<i64>,
    /// What could not be done: rest, factors, largest allowed.
    hopeless: HashMap<(i64, usize), i64>,
}

impl Search {
    fn new(whole: i64) -> Search {
        let small: Vec<i64> = (1..)
            .take_while(|d| d * d <= whole)
            .filter(|d| whole % d == 0)
            .collect();
        let large = small.iter().rev().map(|d| whole / d);
        let mut divisors: Vec<i64> = small.iter().copied().chain(large).collect();
        divisors.dedup();
        Search {
            divisors,
            hopeless: HashMap::new(),
        }
    }

    /// Goes through what is left of the grids that begin with `begun`: `n` as
    /// `factors` falling factors, none above the last one begun. Keeps the best.
    fn improve(&self, begun: &mut Vec<i64>, n: i64, factors: usize, best: &mut Grid) {
        let most = begun.last().copied().unwrap_or(n);
        if factors == 1 {
            if n <= most {
                begun.push(n);
                let grid = Grid::of(begun);
                if grid.is_better_than(best) {
                    *best = grid;
                }
                begun.pop();
            }
            return;
        }
        let start = self.divisors.partition_point(|d| !reaches(*d, factors, n));
        for &next in &self.divisors[start..] {
            let largest = begun.first().copied().unwrap_or(next);
            let smallest = largest - best.spread; // others are no better
            if next > most || begun.is_empty() && smallest > 1 && exceeds(smallest, factors, n) {
                break;
            }
            if n % next != 0 || smallest > 1 && exceeds(smallest, factors - 1, n / next) {
                continue;
            }
            begun.push(next);
            self.improve(begun, n / next, factors - 1, best);
            begun.pop();
        }
    }

    /// `n` as `factors` falling factors of at most `most`, the first as small as
    /// it can be, then the second, and so on.
    fn fit(&mut self, n: i64, factors: usize, most: i64) -> Option<Vec<i64>> {
        if factors == 0 {
            return (n == 1).then(Vec::new);
        }
        if n == 1 {
            return Some(vec![1; factors]);
        }
        if self
            .hopeless
            .get(&(n, factors))
            .is_some_and(|tried| most <= *tried)
        {
            return None;
        }
        for i in 0..self.divisors.len() {
            let first = self.divisors[i];
            if first > most {
                break;
            }
            if n % first != 0 || !reaches(first, factors, n) {
                continue;
            }
            if let Some(mut rest) = self.fit(n / first, factors - 1, first) {
                rest.insert(0, first);
                return Some(rest);
            }
        }
        self.hopeless.insert((n, factors), most);
        None
    }
}

/// Whether `factors` factors of at most `base` can multiply to `n`.
fn reaches(base: i64, factors: usize, n: i64) -> bool {
    let mut product: i64 = 1;
    for _ in 0..factors {
        product = product.saturating_mul(base);
        if product >= n {
            return true;
        }
        if base == 1 {
            return false;
        }
    }
    false
}

/// Whether `factors` factors of at least `base` multiply to more than `n`.
fn exceeds(base: i64, factors: usize, n: i64) -> bool {
    (0..factors)
        .try_fold(1i64, |product, _| {
            Some(product.saturating_mul(base)).filter(|product| *product <= n)
        })
        .is_none()
}

#[cfg(test)]
mod tests {
    use super::create;

    fn dims<const N: usize>(nnodes: i32, mut dims: [i32; N]) -> Option<[i32; N]> {
        create(nnodes, &mut dims).ok().map(|()| dims)
    }

    #[test]
    fn the_standards_examples() {
        assert_eq!(dims(6, [0, 0]), Some([3, 2]));
        assert_eq!(dims(7, [0, 0]), Some([7, 1]));
        assert_eq!(dims(6, [0, 3, 0]), Some([2, 3, 1]));
        assert_eq!(dims(7, [0, 3, 0]), None);
    }

    #[test]
    fn balanced_and_falling() {
        assert_eq!(dims(16, [0; 3]), Some([4, 2, 2]));
        assert_eq!(dims(36, [0; 3]), Some([4, 3, 3]));
        assert_eq!(dims(210, [0; 3]), Some([7, 6, 5]));
        assert_eq!(dims(1, [0; 4]), Some([1; 4]));
        assert_eq!(dims(64, [0; 6]), Some([2; 6]));
        assert_eq!(dims(2_147_483_647, [0, 0]), Some([2_147_483_647, 1]));
        for n in 1..500 {
            let made = dims(n, [0; 4]).unwrap();
            assert_eq!(made.iter().product::<i32>(), n);
            assert!(made.is_sorted_by(|a, b| a >= b), "{n}: {made:?}");
        }
    }

    /// Every falling sequence of so many numbers above 0 whose product is not above
    /// `most`, built from products up, as the other search goes from divisors down.
    fn every_grid(most: usize, grid: &mut Vec<usize>, left: usize, see: &mut impl FnMut(&[usize])) {
        if left == 0 {
            return see(grid);
        }
        let product: usize = grid.iter().product();
        let last = grid.last().copied().unwrap_or(most);
        for next in 1..=last.min(most / product) {
            grid.push(next);
            every_grid(most, grid, left - 1, see);
            grid.pop();
        }
    }

    #[test]
    fn no_grid_of_10000_nodes_in_2_to_5_dimensions_is_better_balanced() {
        const MOST: usize = 10_000;
        for count in 2..=5 {
            let mut best = vec![(usize::MAX, usize::MAX); MOST + 1];
            every_grid(MOST, &mut Vec::new(), count, &mut |grid| {
                let score = (grid[0] - grid[count - 1], grid.iter().sum());
                let at = &mut best[grid.iter().product::<usize>()];
                *at = score.min(*at);
            });
            for (n, best) in best.iter().enumerate().skip(1) {
                let mut dims = vec![0; count];
                create(i32::try_from(n).unwrap(), &mut dims).unwrap();
                let grid: Vec<usize> = dims.iter().map(|d| usize::try_from(*d).unwrap()).collect();
                assert_eq!(grid.iter().product::<usize>(), n);
                assert!(grid.is_sorted_by(|a, b| a >= b), "{n}: {grid:?}");
                let score = (grid[0] - grid[count - 1], grid.iter().sum());
                assert_eq!(score, *best, "{n}: {grid:?}");
            }
        }
    }

    #[test]
    fn the_largest_is_not_the_smallest_where_that_unbalances_the_rest() {
        assert_eq!(dims(7488, [0; 3]), Some([26, 18, 16]));
        assert_eq!(dims(7488 * 5, [0, 5, 0, 0]), Some([26, 5, 18, 16]));
        assert_eq!(dims(7488, [0; 2]), Some([96, 78]));
    }

    /// Numbers with as many divisors as there are below 2^31, with large prime factors
    /// beside many small ones, and without any.
    #[test]
    fn large_counts_are_quick() {
        for n in [
            2_095_133_040,
            2_147_483_646,
            2_147_483_647,
            2_147_483_629,
            1 << 30,
            1_102_701_600,
            1_396_755_360,
            735_134_400 * 2,
            746_496 * 2039,
            1_441_440 * 1009,
            720_720 * 2017,
            55_440 * 32_771,
            46_337 * 46_337,
            3_i32.pow(19),
            223_092_870,
        ] {
            for count in 1..=31 {
                let mut many = vec![0; count];
                create(n, &mut many).unwrap();
                assert_eq!(
                    many.iter().map(|d| i64::from(*d)).product::<i64>(),
                    n.into()
                );
                assert!(many.is_sorted_by(|a, b| a >= b), "{n}: {many:?}");
            }
        }
    }

    #[test]
    fn many_dimensions_of_a_rich_number_are_quick() {
        let mut many = [0; 24];
        create(1_102_701_600, &mut many).unwrap();
        assert_eq!(
            many.iter().map(|d| i64::from(*d)).product::<i64>(),
            1_102_701_600
        );
    }

    #[test]
    fn bad_arguments() {
        assert_eq!(dims(0, [0]), None);
        assert_eq!(dims(4, [-1, 0]), None);
        assert_eq!(dims(6, [3]), None);
        assert_eq!(dims(6, []), Some([]));
        assert_eq!(dims(6, [3, 2]), Some([3, 2]));
    }
}
