//! The one scale of sizes by which everything is learnt: a class for each doubling.

/// The upper end of the first class, in bytes.
const FIRST: usize = 2 << 10;

/// Classes: the last one has everything from 4 GiB on.
pub(in crate::pml) const CLASSES: usize = 22;

/// Messages of about one size.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::pml) struct SizeClass(usize);

impl SizeClass {
    /// The class of a message of `len` bytes.
    pub(in crate::pml) fn of(len: usize) -> SizeClass {
        let doublings = (len / (FIRST / 2)).max(1).ilog2() as usize;
        SizeClass(doublings.min(CLASSES - 1))
    }

    /// All of them, the smallest first.
    pub(in crate::pml) fn all() -> impl Iterator<Item = SizeClass> {
        (0..CLASSES).map(SizeClass)
    }

    /// The one in this place among all.
    pub(in crate::pml) fn at(index: usize) -> SizeClass {
        SizeClass(index.min(CLASSES - 1))
    }

    /// Its place among all.
    pub(in crate::pml) fn index(self) -> usize {
        self.0
    }

    /// The shortest message in it, in bytes.
    pub(in crate::pml) fn least(self) -> usize {
        match self.0 {
            0 => 0,
            doublings => (FIRST / 2) << doublings,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_doubling_is_a_class() {
        let of = |len| SizeClass::of(len).index();
        assert_eq!([of(0), of(2047), of(2048), of(4095)], [0, 0, 1, 1]);
        assert_eq!([of(64 << 10), of(usize::MAX)], [6, CLASSES - 1]);
        for class in SizeClass::all() {
            assert_eq!(SizeClass::of(class.least()), class);
        }
    }
}
