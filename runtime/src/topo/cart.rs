//! Cartesian grids (MPI 5.0, sections 8.5.1 and 8.5.5 to 8.5.7): arithmetic only.

use crate::error::Result;
use crate::fail;
use crate::object::group::PROC_NULL;
use crate::object::topology::Cart;

/// A grid of `dims` whose size fits an `int`. A dimension of 0 makes a grid without
/// places: nobody is in it.
///
/// # Errors
/// A dimension is negative, or the grid has more than 2³¹ - 1 processes.
pub fn grid(dims: &[i32], periods: &[i32]) -> Result<Cart> {
    let mut size: i32 = 1;
    for (i, dim) in dims.iter().enumerate() {
        if *dim < 0 {
            fail!(DIMS, "dims[{i}] is {dim}, but must not be negative");
        }
        let Some(product) = size.checked_mul(*dim) else {
            fail!(
                DIMS,
                "dims multiply to more than {} processes at dims[{i}]",
                i32::MAX
            );
        };
        size = product;
    }
    Ok(Cart {
        dims: dims.to_vec(),
        periods: periods.iter().map(|period| *period != 0).collect(),
    })
}

/// The number of processes in a grid; 1 for one of no dimensions.
#[must_use]
pub fn size(cart: &Cart) -> i32 {
    cart.dims.iter().product()
}

/// `MPI_Cart_rank`: the rank of the process at `coords`.
///
/// # Errors
/// A coordinate is outside of a dimension that is not a ring.
pub fn rank(cart: &Cart, coords: &[i32]) -> Result<i32> {
    let mut rank = 0;
    for (i, ((dim, period), at)) in cart.dims.iter().zip(&cart.periods).zip(coords).enumerate() {
        if !period && !(0..*dim).contains(at) {
            fail!(
                ARG,
                "coords[{i}] is {at}, but that dimension has 0 to {} and is not periodic",
                dim - 1
            );
        }
        rank = rank * dim + at.rem_euclid(*dim);
    }
    Ok(rank)
}

/// `MPI_Cart_coords`: the coordinates of `rank`, which the grid has.
#[must_use]
pub fn coords(cart: &Cart, rank: i32) -> Vec<i32> {
    let mut rest = rank;
    let mut coords: Vec<i32> = cart
        .dims
        .iter()
        .rev()
        .map(|dim| {
            let at = rest % dim;
            rest /= dim;
            at
        })
        .collect();
    coords.reverse();
    coords
}

/// `MPI_Cart_shift` for the process with `rank`: the ranks `disp` steps before
/// and behind it along `direction`, [`PROC_NULL`] past an edge.
///
/// # Errors
/// The grid has no such dimension.
pub fn shift(cart: &Cart, rank: i32, direction: i32, disp: i32) -> Result<(i32, i32)> {
    let ndims = cart.dims.len();
    let index = usize::try_from(direction).ok().filter(|i| *i < ndims);
    let Some(index) = index else {
        fail!(
            ARG,
            "direction is {direction}, but the grid's dimensions are 0 to {}",
            i64::try_from(ndims).unwrap_or(i64::MAX) - 1
        );
    };
    let dim = i64::from(cart.dims[index]);
    let stride: i64 = cart.dims[index + 1..]
        .iter()
        .map(|d| i64::from(*d))
        .product();
    let at = i64::from(rank) / stride % dim;
    let step = |disp: i64| {
        let to = at + disp;
        let to = if cart.periods[index] {
            to.rem_euclid(dim)
        } else if (0..dim).contains(&to) {
            to
        } else {
            return PROC_NULL;
        };
        i32::try_from(i64::from(rank) + (to - at) * stride).unwrap_or(PROC_NULL)
    };
    let disp = i64::from(disp);
    Ok((step(-disp), step(disp)))
}

/// The neighbours of the process with `rank` in the order of neighbourhood
/// collectives: along each dimension the one before, then the one behind.
#[must_use]
pub fn neighbors(cart: &Cart, rank: i32) -> Vec<i32> {
    let directions = 0..i32::try_from(cart.dims.len()).unwrap_or(0);
    directions
        .filter_map(|direction| shift(cart, rank, direction, 1).ok())
        .flat_map(|(before, behind)| [before, behind])
        .collect()
}

/// `MPI_Cart_sub` for the process with `rank`: the grid of the dimensions that
/// remain, which of the parallel grids the process is in, and its rank there.
#[must_use]
pub fn sub(cart: &Cart, rank: i32, remain: &[bool]) -> (Cart, i32, i32) {
    let mut grid = Cart {
        dims: Vec::new(),
        periods: Vec::new(),
    };
    let (mut color, mut key) = (0, 0);
    let place = coords(cart, rank);
    for (i, remains) in remain.iter().enumerate() {
        let (dim, at) = (cart.dims[i], place[i]);
        if *remains {
            grid.dims.push(dim);
            grid.periods.push(cart.periods[i]);
            key = key * dim + at;
        } else {
            color = color * dim + at;
        }
    }
    (grid, color, key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cart(dims: &[i32], periods: &[i32]) -> Cart {
        grid(dims, periods).unwrap()
    }

    #[test]
    fn ranks_and_coordinates_are_inverse() {
        for dims in [&[3, 4, 2][..], &[7], &[1, 5, 1], &[]] {
            let cart = cart(dims, &vec![0; dims.len()]);
            for r in 0..size(&cart) {
                assert_eq!(rank(&cart, &coords(&cart, r)).unwrap(), r);
            }
        }
        let two = cart(&[2, 3], &[1, 0]);
        assert_eq!(coords(&two, 4), [1, 1], "the last dimension varies fastest");
        assert_eq!(rank(&two, &[-1, 2]).unwrap(), 5);
        assert_eq!(rank(&two, &[4, 2]).unwrap(), 2);
        assert!(rank(&two, &[0, 3]).is_err() && rank(&two, &[0, -1]).is_err());
    }

    #[test]
    fn shifts_follow_coordinates() {
        for periods in [[0, 0, 0], [1, 0, 1], [1, 1, 1]] {
            let cart = cart(&[3, 4, 2], &periods);
            for r in 0..24 {
                for (index, direction) in (0..3).enumerate() {
                    for disp in -5..6 {
                        let to = |sign: i32| {
                            let mut place = coords(&cart, r);
                            place[index] += sign * disp;
                            rank(&cart, &place).unwrap_or(PROC_NULL)
                        };
                        let want = (to(-1), to(1));
                        assert_eq!(shift(&cart, r, direction, disp).unwrap(), want);
                    }
                }
            }
            assert!(shift(&cart, 0, 3, 1).is_err() && shift(&cart, 0, -1, 1).is_err());
        }
        let line = cart(&[3], &[0]);
        assert_eq!(
            shift(&line, 0, 0, i32::MIN).unwrap(),
            (PROC_NULL, PROC_NULL)
        );
        assert_eq!(neighbors(&line, 0), [PROC_NULL, 1]);
        assert_eq!(neighbors(&cart(&[2, 1], &[1, 1]), 0), [1, 1, 0, 0]);
    }

    #[test]
    fn slices_keep_their_order() {
        let cart = cart(&[2, 3, 4], &[0, 1, 0]);
        let (grid, color, key) = sub(&cart, 17, &[true, false, true]);
        assert_eq!(coords(&cart, 17), [1, 1, 1]);
        assert_eq!((grid.dims, grid.periods), (vec![2, 4], vec![false, false]));
        assert_eq!((color, key), (1, 5));
        let (grid, color, key) = sub(&cart, 17, &[false; 3]);
        assert_eq!((size(&grid), color, key), (1, 17, 0));
    }

    #[test]
    fn bad_dimensions_are_named() {
        assert!(
            grid(&[2, -1], &[0, 0])
                .unwrap_err()
                .text()
                .contains("dims[1] is -1")
        );
        assert!(grid(&[1 << 16, 1 << 15], &[0, 0]).is_err());
        assert_eq!(size(&grid(&[2, 0], &[0, 0]).unwrap()), 0);
    }
}
