//! `MPI_Dims_create` (MPI 5.0, section 8.5.2): a balanced grid.

use crate::error::Result;
use crate::fail;
use std::collections::HashMap;

/// Fills the zeros of `dims` so that all multiply to `nnodes`: the largest as
/// small as it can be, then the next, in falling order.
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
    let mut search = Search::new(rest);
    let Some(found) = search.fit(rest, free, rest) else {
        return Ok(()); // no dimensions at all
    };
    let places = dims.iter_mut().filter(|dim| **dim == 0);
    for (place, dim) in places.zip(found) {
        *place = i32::try_from(dim).unwrap_or(i32::MAX);
    }
    Ok(())
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

    #[test]
    fn a_naive_search_finds_no_better() {
        for n in 1..300 {
            let mut best = [n, 1, 1];
            for a in 1..=n {
                for b in 1..=a.min(n / a) {
                    let c = n / a / b;
                    if a * b * c == n && c <= b {
                        best = best.min([a, b, c]);
                    }
                }
            }
            assert_eq!(dims(n, [0; 3]), Some(best));
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
