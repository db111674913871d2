//! Random numbers that are the same for the same seed, on every machine and
//! with every version of everything: a seed in a report stays good.

/// The generator: Steele, Lea and Flood's `SplitMix64`.
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// The numbers of one case of one storm.
    #[must_use]
    pub fn new(storm: &str, seed: u64) -> Rng {
        let mut rng = Rng(seed);
        for byte in storm.bytes() {
            rng.0 = rng.number() ^ u64::from(byte);
        }
        rng
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `n`, which is above 0.
    pub fn below(&mut self, n: u64) -> u64 {
        self.number() % n
    }

    /// A number from `low` to `high`, both included.
    pub fn from_to(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high - low + 1)
    }

    /// True once in `n` times.
    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// One of these.
    ///
    /// # Panics
    /// If there are none.
    pub fn one_of<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.index(of.len())]
    }

    /// An index into `len` things.
    pub fn index(&mut self, len: usize) -> usize {
        usize::try_from(self.below(len as u64)).expect("it is below a usize")
    }

    /// Small numbers as often as large ones: from 1 to `high`, each doubling
    /// as likely as the one before.
    pub fn of_any_size(&mut self, high: u64) -> u64 {
        let bits = self.from_to(0, u64::from(63 - high.max(1).leading_zeros()));
        self.from_to(1 << bits, (2 << bits) - 1).min(high)
    }

    /// As [`Rng::of_any_size`], for lengths.
    pub fn len(&mut self, high: usize) -> usize {
        usize::try_from(self.of_any_size(high as u64)).expect("it is at most a usize")
    }

    /// Bytes of any value.
    pub fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.number().to_le_bytes()[0]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Rng;

    #[test]
    fn a_seed_stands_for_its_numbers() {
        let mut rng = Rng(0);
        assert_eq!(rng.number(), 0xe220_a839_7b1d_cdaf); // of the authors' own program
        let (mut a, mut b) = (Rng::new("kills", 1), Rng::new("kills", 2));
        assert_ne!(a.number(), b.number());
        for _ in 0..1000 {
            assert!((3..=7).contains(&a.from_to(3, 7)));
            assert!((1..=100).contains(&a.of_any_size(100)));
        }
    }
}
