//! Message sizes as the benchmarks take them: `[MIN:]MAX`, doubling.

use std::str::FromStr;

/// A range of sizes in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    min: usize,
    max: usize,
}

impl Sizes {
    /// From the smallest by doubling up to the largest.
    pub fn list(&self) -> Vec<usize> {
        std::iter::successors(Some(self.min), |size| size.checked_mul(2))
            .take_while(|&size| size <= self.max)
            .collect()
    }
}

fn bytes(text: &str) -> Result<usize, String> {
    let (digits, shift) = match text.as_bytes().last() {
        Some(b'K') => (&text[..text.len() - 1], 10),
        Some(b'M') => (&text[..text.len() - 1], 20),
        Some(b'G') => (&text[..text.len() - 1], 30),
        _ => (text, 0),
    };
    digits
        .parse::<usize>()
        .ok()
        .and_then(|number| number.checked_mul(1 << shift))
        .filter(|&size| size > 0)
        .ok_or_else(|| format!("'{text}' is not a size in bytes of at least 1"))
}

impl FromStr for Sizes {
    type Err = String;

    fn from_str(text: &str) -> Result<Sizes, String> {
        let (min, max) = text.split_once(':').unwrap_or(("1", text));
        let sizes = Sizes {
            min: bytes(min)?,
            max: bytes(max)?,
        };
        if sizes.min > sizes.max {
            return Err(format!(
                "the smallest size, {min}, is above the largest, {max}"
            ));
        }
        Ok(sizes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_from_min_to_max() {
        let sizes: Sizes = "3:1K".parse().unwrap();
        assert_eq!(sizes.list(), [3, 6, 12, 24, 48, 96, 192, 384, 768]);
        assert_eq!("4".parse::<Sizes>().unwrap().list(), [1, 2, 4]);
    }

    #[test]
    fn refuses_nonsense() {
        for text in ["", "x", "8:4", "0", "99999999999999999999", "4:"] {
            assert!(text.parse::<Sizes>().is_err(), "{text}");
        }
    }
}
