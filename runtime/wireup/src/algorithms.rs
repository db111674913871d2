//! Rules that say which algorithm a collective takes: what the setting `collectives` holds,
//! and the names of operations and algorithms.
//!
//! ```text
//! collectives = bcast:16:0=flat,bcast:3:1m=chain
//! ```
//!
//! Each rule is for at least so many ranks and bytes. The last one of an operation that fits
//! counts; where none fits, the built-in tables choose.

use crate::settings::short;
use std::fmt;

/// The operations that can be done in several ways, each with the names of its algorithms.
pub const OPERATIONS: [(&str, &[&str]); 9] = [
    ("barrier", &["dissemination", "central"]),
    ("bcast", &["flat", "binomial", "scatter_allgather", "chain"]),
    ("gather", &["linear", "binomial"]),
    ("allgather", &["direct", "doubling", "ring"]),
    ("alltoall", &["pairwise", "bruck"]),
    ("reduce", &["flat", "gathered", "pieces", "chain"]),
    ("allreduce", &["central", "gathered", "pieces", "chain"]),
    ("reduce_scatter", &["allreduce", "pairwise"]),
    ("scan", &["chain", "gathered"]),
];

/// One rule.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rule {
    /// The operation, by its place in [`OPERATIONS`].
    pub operation: usize,
    /// It is for at least so many ranks.
    pub ranks: u32,
    /// It is for at least so many bytes.
    pub bytes: u64,
    /// The algorithm, by its place among those of the operation.
    pub algorithm: usize,
}

impl Rule {
    /// `None`: it is none.
    fn parse(text: &str) -> Option<Rule> {
        let (place, algorithm) = text.split_once('=')?;
        let mut parts = place.trim().split(':');
        let (name, ranks, bytes) = (parts.next()?, parts.next()?, parts.next()?);
        let operation = OPERATIONS.iter().position(|(known, _)| *known == name)?;
        let algorithms = OPERATIONS[operation].1;
        let algorithm = algorithm.trim();
        let algorithm = algorithms.iter().position(|known| *known == algorithm)?;
        let is_whole = parts.next().is_none();
        is_whole.then_some(Rule {
            operation,
            ranks: ranks.parse().ok()?,
            bytes: crate::settings::bytes(bytes).ok()?,
            algorithm,
        })
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (operation, algorithms) = OPERATIONS[self.operation];
        let (ranks, bytes) = (self.ranks, short(self.bytes));
        let algorithm = algorithms[self.algorithm];
        write!(f, "{operation}:{ranks}:{bytes}={algorithm}")
    }
}

/// All rules, in order.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Rules(Vec<Rule>);

impl Rules {
    /// What a value must be.
    pub const WANTED: &str = "auto, or rules OPERATION:RANKS:BYTES=ALGORITHM by commas, such as \
                              bcast:3:1m=chain, with the names that docs/tuning.md lists";

    /// Reads them. `None`: they are not right.
    #[must_use]
    pub fn parse(text: &str) -> Option<Rules> {
        if text == "auto" {
            return Some(Rules::default());
        }
        text.split(',')
            .map(Rule::parse)
            .collect::<Option<_>>()
            .map(Rules)
    }

    /// The algorithm of an operation, both by their places in [`OPERATIONS`]. `None`: no rule
    /// says.
    #[must_use]
    pub fn pick(&self, operation: usize, ranks: u32, bytes: u64) -> Option<usize> {
        let fits = |rule: &&Rule| {
            rule.operation == operation && ranks >= rule.ranks && bytes >= rule.bytes
        };
        self.0.iter().rev().find(fits).map(|rule| rule.algorithm)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether there is a rule for an operation of so many ranks.
    #[must_use]
    pub fn is_for(&self, operation: usize, ranks: u32) -> bool {
        let of = |rule: &Rule| rule.operation == operation && ranks >= rule.ranks;
        self.0.iter().any(of)
    }

    /// The sizes in bytes at which the rules of an operation begin to hold.
    pub fn borders(&self, operation: usize) -> impl Iterator<Item = u64> {
        let of = self
            .0
            .iter()
            .filter(move |rule| rule.operation == operation);
        of.map(|rule| rule.bytes)
    }
}

impl fmt::Display for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("auto");
        }
        let rules: Vec<_> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&rules.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::{OPERATIONS, Rules};

    #[test]
    fn the_last_rule_that_fits_counts() {
        let rules = Rules::parse("bcast:3:0=flat, bcast:3:1m=chain,scan:0:0=gathered").unwrap();
        let bcast = OPERATIONS
            .iter()
            .position(|(name, _)| *name == "bcast")
            .unwrap();
        assert_eq!(rules.pick(bcast, 2, 0), None);
        assert_eq!(rules.pick(bcast, 3, 0), Some(0));
        assert_eq!(rules.pick(bcast, 9, (1 << 20) - 1), Some(0));
        assert_eq!(rules.pick(bcast, 9, 1 << 20), Some(3));
        assert_eq!(rules.pick(bcast + 1, 9, 1 << 20), None);
        assert_eq!(
            rules.to_string(),
            "bcast:3:0=flat,bcast:3:1m=chain,scan:0:0=gathered"
        );
        assert_eq!(Rules::parse(&rules.to_string()), Some(rules));
        assert_eq!(Rules::default().to_string(), "auto");
    }

    #[test]
    fn the_table_in_the_docs_is_true() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/tuning.md");
        let text = std::fs::read_to_string(path).unwrap();
        for (operation, algorithms) in OPERATIONS {
            let head = format!("| `{operation}`");
            let names: Vec<_> = algorithms.iter().map(|name| format!("`{name}`")).collect();
            let tail = format!("| {} |", names.join(", "));
            let row = text.lines().find(|line| line.starts_with(&head));
            assert!(row.is_some_and(|row| row.ends_with(&tail)), "{operation}");
        }
    }

    #[test]
    fn what_is_no_rule_is_refused() {
        for wrong in [
            "",
            "bcast",
            "bcast=chain",
            "bcast:3=chain",
            "bcast:3:1m=ring",
            "cast:3:1m=chain",
            "bcast:-1:0=flat",
            "bcast:1:1x=flat",
            "bcast:1:1:1=flat",
            "bcast:3:0=flat,",
        ] {
            assert_eq!(Rules::parse(wrong), None, "{wrong}");
        }
    }
}
