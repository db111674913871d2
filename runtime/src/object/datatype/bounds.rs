//! Lower and upper bounds, extents, and the rules by which constructors pass
//! them on (MPI 5.0, sections 5.1 and 5.1.7).

use crate::error::{Class, Error, Result};

/// The bounds of a type map, exact: 128 bits hold what one constructor can make
/// of bounds that fit an address.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Bounds {
    /// The first byte of the entries, and the byte after the last, if any.
    pub entries: Option<(i128, i128)>,
    /// The least lb_marker and the greatest ub_marker, if any
    /// (`MPI_Type_create_resized`): they overrule the entries.
    pub marks: Option<(i128, i128)>,
    /// The strictest alignment of an entry, 1 if there is none.
    pub align: usize,
}

fn hull(a: Option<(i128, i128)>, b: Option<(i128, i128)>) -> Option<(i128, i128)> {
    match (a, b) {
        (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
        (a, b) => a.or(b),
    }
}

impl Bounds {
    /// Of an empty type map.
    pub const EMPTY: Bounds = Bounds {
        entries: None,
        marks: None,
        align: 1,
    };

    /// `disp` bytes further on.
    pub fn shifted(self, disp: i128) -> Bounds {
        let shift = |(low, high): (i128, i128)| (low + disp, high + disp);
        Bounds {
            entries: self.entries.map(shift),
            marks: self.marks.map(shift),
            align: self.align,
        }
    }

    /// Of the entries of both.
    pub fn joined(self, other: Bounds) -> Bounds {
        Bounds {
            entries: hull(self.entries, other.entries),
            marks: hull(self.marks, other.marks),
            align: self.align.max(other.align),
        }
    }

    /// `count` times, `stride` bytes from one to the next.
    pub fn repeated(self, count: usize, stride: i128) -> Result<Bounds> {
        let Some(last) = count.checked_sub(1) else {
            return Ok(Bounds::EMPTY);
        };
        let far = i128::try_from(last)
            .ok()
            .and_then(|n| n.checked_mul(stride));
        match far {
            Some(far) => {
                let bounds = self.joined(self.shifted(far));
                bounds.finish()?;
                Ok(bounds)
            }
            None => Err(too_large("extent")),
        }
    }

    /// Lower and upper bound, then the true ones.
    pub fn finish(&self) -> Result<FinalBounds> {
        let (true_lb, true_ub) = self.entries.unwrap_or((0, 0));
        let (lb, ub) = self.marks.unwrap_or_else(|| {
            let span = (true_ub - true_lb).cast_unsigned();
            let padded = span.next_multiple_of(self.align as u128);
            (true_lb, true_lb + padded.cast_signed())
        });
        let fit = |value: i128, what| isize::try_from(value).map_err(|_| too_large(what));
        fit(ub, "upper bound")?;
        fit(true_ub, "true upper bound")?;
        Ok(FinalBounds {
            lb: fit(lb, "lower bound")?,
            extent: fit(ub - lb, "extent")?,
            true_lb: fit(true_lb, "true lower bound")?,
            true_extent: fit(true_ub - true_lb, "true extent")?,
        })
    }
}

/// Bounds as the calls that ask for them answer; all in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct FinalBounds {
    pub lb: isize,
    pub extent: isize,
    pub true_lb: isize,
    pub true_extent: isize,
}

/// The error for a type that no address space holds.
#[cold]
pub(super) fn too_large(what: &str) -> Error {
    Error::new(
        Class::VALUE_TOO_LARGE,
        format!("the {what} of the new datatype does not fit in 64 bits"),
    )
}
