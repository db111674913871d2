//! The command line: OSU's letters, and the long options of our own.

use crate::{Family, Program};
use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches, Parser};
use std::path::PathBuf;
use std::str::FromStr;

/// All options; a program refuses those that mean nothing to it.
#[derive(Parser, Clone, Debug)]
pub struct Options {
    /// Sizes in bytes, powers of two; K, M and G work.
    #[arg(
        short = 'm',
        long = "message-size",
        value_name = "[MIN:]MAX",
        default_value = "1:4M"
    )]
    pub sizes: Sizes,
    /// Timed rounds per size (fewer above 8 KiB by default).
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub iterations: Option<u64>,
    /// Untimed rounds before them.
    #[arg(short = 'x', long, value_name = "N")]
    pub warmup: Option<u64>,
    /// Messages in flight (64).
    #[arg(short = 'W', long = "window-size", value_name = "N", value_parser = positive)]
    pub window: Option<usize>,
    /// Pairs that run at once (half the ranks).
    #[arg(short, long, value_name = "N", value_parser = positive)]
    pub pairs: Option<usize>,
    /// Minimum and maximum over the ranks too.
    #[arg(short, long)]
    pub full: bool,
    /// Check the data first, in rounds that are not timed.
    #[arg(short = 'c', long = "validation")]
    pub validate: bool,
    /// How many such rounds per size.
    #[arg(
        short = 'u',
        long = "validation-warmup",
        value_name = "N",
        default_value_t = 5
    )]
    pub checked_rounds: u64,
    /// Rewrite a buffer before it is sent, untimed.
    #[arg(long)]
    pub dirty: bool,
    /// Rewrite what is sent, read what is received, all timed.
    #[arg(long, conflicts_with = "dirty")]
    pub read: bool,
    /// Results as JSON, to stdout instead of the columns.
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    pub json: Option<Option<PathBuf>>,
    /// Draw the results as SVG.
    #[arg(long, value_name = "FILE.svg")]
    pub plot: Option<PathBuf>,
}

impl Options {
    /// Messages in flight.
    pub fn window(&self) -> usize {
        self.window.unwrap_or(64)
    }

    /// Whether buffers are rewritten before they are sent.
    pub fn rewrites(&self) -> bool {
        self.dirty || self.read
    }
}

fn positive(text: &str) -> Result<usize, String> {
    text.parse()
        .ok()
        .filter(|&number| number > 0)
        .ok_or_else(|| "a whole number from 1 up is needed".into())
}

/// Message sizes `[MIN:]MAX` in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    min: usize,
    max: usize,
}

impl Sizes {
    /// The largest size.
    pub fn max(&self) -> usize {
        self.max
    }

    /// From the smallest by doubling; 0 is followed by 1.
    pub fn list(&self) -> impl Iterator<Item = usize> + use<> {
        let max = self.max;
        std::iter::successors(Some(self.min), |&size| {
            if size == 0 {
                Some(1)
            } else {
                size.checked_mul(2)
            }
        })
        .take_while(move |&size| size <= max)
    }
}

/// The largest count that MPI's `int` arguments hold.
const MOST: usize = i32::MAX as usize;

fn bytes(text: &str) -> Result<usize, String> {
    let digits = text.trim_end_matches(['K', 'M', 'G']);
    let unit = match &text[digits.len()..] {
        "" => Some(1),
        "K" => Some(1 << 10),
        "M" => Some(1 << 20),
        "G" => Some(1 << 30),
        _ => None,
    };
    digits
        .parse::<usize>()
        .ok()
        .zip(unit)
        .and_then(|(number, unit)| number.checked_mul(unit))
        .filter(|&size| size <= MOST)
        .ok_or_else(|| format!("'{text}' is not a size in bytes from 0 to {MOST}"))
}

impl FromStr for Sizes {
    type Err = String;

    fn from_str(text: &str) -> Result<Sizes, String> {
        let (min, max) = text.split_once(':').unwrap_or(("1", text));
        let or = |part, default| bytes(if str::is_empty(part) { default } else { part });
        let sizes = Sizes {
            min: or(min, "1")?,
            max: or(max, "4M")?,
        };
        if sizes.min > sizes.max {
            return Err(format!(
                "the smallest size, {}, is above the largest, {}",
                sizes.min, sizes.max
            ));
        }
        Ok(sizes)
    }
}

/// Reads the command line of `program`.
pub fn read(program: &Program) -> Result<Options, clap::Error> {
    let mut command = Options::command().name(program.name).about(program.title);
    if program.family == Family::Collective {
        command = command.mut_arg("sizes", |argument| argument.default_value("1:1M"));
    }
    let sized = !program.sizeless && program.family != Family::Startup;
    let taken = [
        ("sizes", sized),
        ("iterations", program.family != Family::Startup),
        ("warmup", program.family != Family::Startup),
        ("window", program.family == Family::Bandwidth),
        ("pairs", program.many_pairs),
        ("full", program.family == Family::Collective),
        ("validate", sized),
        ("checked_rounds", sized),
        ("dirty", sized),
        ("read", sized && program.family != Family::Collective),
        ("plot", sized),
    ];
    for (name, _) in taken.iter().filter(|(_, taken)| !taken) {
        command = command.mut_arg(name, |argument| argument.hide(true));
    }
    let matches = command.clone().try_get_matches()?;
    let given = |name| matches.value_source(name) == Some(clap::parser::ValueSource::CommandLine);
    if let Some((name, _)) = taken.iter().find(|(name, taken)| !taken && given(name)) {
        let message = format!("{} does not take --{name}", program.name);
        return Err(command.error(ErrorKind::UnknownArgument, message));
    }
    Options::from_arg_matches(&matches)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_two_optional_ends() {
        let list = |text: &str| text.parse::<Sizes>().unwrap().list().collect::<Vec<_>>();
        assert_eq!(list("0:4"), [0, 1, 2, 4]);
        assert_eq!(list("2K:4K"), [2048, 4096]);
        assert_eq!(list("2M:"), [2 << 20, 4 << 20]);
        assert!("8:4".parse::<Sizes>().is_err());
        assert!("4KK".parse::<Sizes>().is_err());
        assert!("3G".parse::<Sizes>().is_err());
    }
}
