//! Message sizes as the benchmarks take them: `[MIN:]MAX`, doubling, or `A,B,C`.

use std::str::FromStr;

/// Sizes in bytes, in ascending order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sizes(Vec<usize>);

impl Sizes {
    /// All of them.
    pub fn list(&self) -> &[usize] {
        &self.0
    }

    fn doubling(min: usize, max: usize) -> Sizes {
        let sizes = std::iter::successors(Some(min), |size| size.checked_mul(2));
        Sizes(sizes.take_while(|&size| size <= max).collect())
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
        if text.contains(',') {
            let sizes: Vec<usize> = text.split(',').map(bytes).collect::<Result<_, _>>()?;
            return match sizes.is_sorted_by(|a, b| a < b) {
                true => Ok(Sizes(sizes)),
                false => Err(format!("'{text}': sizes in ascending order are needed")),
            };
        }
        let (min, max) = text.split_once(':').unwrap_or(("1", text));
        match (bytes(min)?, bytes(max)?) {
            (low, high) if low <= high => Ok(Sizes::doubling(low, high)),
            _ => Err(format!(
                "the smallest size, {min}, is above the largest, {max}"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_from_min_to_max() {
        let sizes: Sizes = "3:1K".parse().unwrap();
        assert_eq!(sizes.list(), [3, 6, 12, 24, 48, 96, 192, 384, 768]);
        assert_eq!("8,1K".parse::<Sizes>().unwrap().list(), [8, 1024]);
        assert_eq!("4".parse::<Sizes>().unwrap().list(), [1, 2, 4]);
    }

    #[test]
    fn refuses_nonsense() {
        for text in [
            "",
            "x",
            "8:4",
            "0",
            "99999999999999999999",
            "4:",
            "8,4",
            "8,8",
            "8,",
        ] {
            assert!(text.parse::<Sizes>().is_err(), "{text}");
        }
    }
}
