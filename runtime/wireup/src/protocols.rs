//! The table of protocols: how many messages of each size went by which protocol, and what
//! was learnt of them. Each rank publishes its rows ([`rows`], [`add`], then
//! [`crate::report::publish`]); [`table`] merges those of all ranks.
//!
//! Ranks that used the same protocols and learnt the same are one row: their messages are
//! added up, and numbers in what was learnt become ranges.

use crate::report::{Rows, in_columns, ranges};
use std::collections::HashMap;

/// What is said where nothing was learnt.
const NOTHING: &str = "nothing";

/// Rows without any messages yet, of these protocols.
#[must_use]
pub fn rows(protocols: &[&str]) -> Rows {
    let columns = ["from", "below"].iter().chain(protocols).chain(&["learnt"]);
    let columns: Vec<&str> = columns.copied().collect();
    Rows::new(&columns)
}

/// Adds the messages from `from` bytes on and `below` so many (`None`: of any length), by
/// protocol, and what was learnt of them.
pub fn add(rows: &mut Rows, from: u64, below: Option<u64>, counts: &[u64], learnt: &[String]) {
    let mut row = vec![from.to_string()];
    row.push(below.map_or_else(String::new, |below| below.to_string()));
    row.extend(counts.iter().map(u64::to_string));
    row.push(match learnt {
        [] => NOTHING.to_owned(),
        _ => learnt.join("; "),
    });
    rows.rows.push(row);
}

/// Says of the messages below `below` bytes why they are not counted.
pub fn add_uncounted(rows: &mut Rows, below: u64, why: &str) {
    let protocols = rows.columns.len().saturating_sub(3);
    add(rows, 0, Some(below), &vec![0; protocols], &[why.to_owned()]);
}

/// A row of several ranks.
struct Merged {
    from: u64,
    below: Option<u64>,
    ranks: Vec<u32>,
    counts: Vec<u64>,
    learnt: Pattern,
}

/// The rows of all ranks as one table, without a final line feed.
#[must_use]
pub fn table(ranks: &[(u32, Rows)]) -> String {
    let columns = ranks.iter().map(|r| &r.1.columns).find(|c| c.len() > 3);
    let Some([_, _, protocols @ .., learnt]) = columns.map(Vec::as_slice) else {
        return String::new();
    };
    let mut merged: Vec<Merged> = Vec::new();
    let mut places = HashMap::new();
    let all = ranks
        .iter()
        .flat_map(|(rank, rows)| rows.rows.iter().map(move |row| (*rank, row)));
    for (rank, row) in all {
        let [from, below, counts @ .., learnt] = row.as_slice() else {
            continue;
        };
        let (Ok(from), below) = (from.parse(), below.parse().ok()) else {
            continue;
        };
        let counts: Vec<u64> = counts.iter().map(|n| n.parse().unwrap_or(0)).collect();
        let learnt = Pattern::of(learnt);
        let used: Vec<bool> = counts.iter().map(|n| *n > 0).collect();
        let key = (from, below, used, learnt.words.clone());
        let place = *places.entry(key).or_insert(merged.len());
        match merged.get_mut(place) {
            Some(old) => {
                old.ranks.push(rank);
                for (sum, n) in old.counts.iter_mut().zip(counts) {
                    *sum = sum.saturating_add(n);
                }
                old.learnt.widen(&learnt);
            }
            None => merged.push(Merged {
                from,
                below,
                ranks: vec![rank],
                counts,
                learnt,
            }),
        }
    }
    merged.sort_by_key(|row| row.from); // stable: ranks keep their order
    let mut lines = vec![vec!["length".to_owned(), "ranks".to_owned()]];
    lines[0].extend(protocols.iter().cloned());
    lines[0].push(format!("what was {learnt}"));
    for row in merged {
        let mut line = vec![lengths(row.from, row.below)];
        line.push(ranges(row.ranks.into_iter()));
        let counts = (0..protocols.len()).map(|at| match row.counts.get(at) {
            None | Some(0) => "-".to_owned(),
            Some(n) => n.to_string(),
        });
        line.extend(counts);
        line.push(row.learnt.text());
        lines.push(line);
    }
    in_columns(&lines)
}

/// Lengths in words.
fn lengths(from: u64, below: Option<u64>) -> String {
    match (from, below) {
        (0, Some(below)) => format!("up to {}", size(below.saturating_sub(1))),
        (_, Some(below)) => format!("{} to {}", size(from), size(below)),
        (_, None) => format!("{} and more", size(from)),
    }
}

fn size(bytes: u64) -> String {
    let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
    let unit = units.iter().find(|(shift, _)| bytes >> shift > 0);
    unit.map_or_else(
        || format!("{bytes} B"),
        |(shift, unit)| format!("{} {unit}", bytes >> shift),
    )
}

/// A text whose numbers (`7`, or `7-9` for a range) stand apart.
#[derive(Debug)]
struct Pattern {
    /// What is between the numbers: one piece more than there are.
    words: Vec<String>,
    numbers: Vec<(u64, u64)>,
}

impl Pattern {
    fn of(text: &str) -> Pattern {
        let mut pattern = Pattern {
            words: vec![String::new()],
            numbers: Vec::new(),
        };
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            if let Some((low, after)) = number(rest) {
                let range = after.strip_prefix('-').and_then(number);
                let (high, after) = range.unwrap_or((low, after));
                pattern.numbers.push((low, high));
                pattern.words.push(String::new());
                rest = after;
            } else {
                let last = pattern.words.len() - 1;
                pattern.words[last].push(first);
                rest = &rest[first.len_utf8()..];
            }
        }
        pattern
    }

    /// Makes ranges of numbers that differ in a text of the same words.
    fn widen(&mut self, other: &Pattern) {
        for (own, theirs) in self.numbers.iter_mut().zip(&other.numbers) {
            *own = (own.0.min(theirs.0), own.1.max(theirs.1));
        }
    }

    fn text(&self) -> String {
        let numbers = self.numbers.iter().map(|(low, high)| match low == high {
            true => low.to_string(),
            false => format!("{low}-{high}"),
        });
        let numbers = numbers.chain([String::new()]);
        self.words
            .iter()
            .zip(numbers)
            .flat_map(|(word, number)| [word.clone(), number])
            .collect()
    }
}

/// A number at the beginning of a text, and what follows it.
fn number(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit());
    let (digits, rest) = text.split_at(end.unwrap_or(text.len()));
    Some((digits.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_rank(counts: [u64; 2], learnt: &str) -> Rows {
        let mut all = rows(&["eager", "get"]);
        add_uncounted(&mut all, 41, "not counted");
        add(&mut all, 41, Some(2048), &[counts[0], 0], &[]);
        add(
            &mut all,
            65536,
            Some(131_072),
            &counts,
            &[learnt.to_owned()],
        );
        add(
            &mut all,
            4 << 30,
            None,
            &[0, 1],
            &["a".to_owned(), "b".to_owned()],
        );
        all
    }

    #[test]
    fn ranks_that_say_the_same_are_one_row() {
        let ranks = [
            (0, of_rank([10, 5], "arm: calls 90 ns/KiB, 50-56 %")),
            (1, of_rank([11, 6], "arm: calls 105 ns/KiB, 48 %")),
            (2, of_rank([12, 0], "arm: calls 90 ns/KiB, 50 %")),
            (3, of_rank([13, 7], "arm: pieces")),
        ];
        let wanted = "\
length             ranks  eager  get  what was learnt
up to 40 B         0-3        -    -  not counted
41 B to 2 KiB      0-3       46    -  nothing
64 KiB to 128 KiB  0-1       21   11  arm: calls 90-105 ns/KiB, 48-56 %
64 KiB to 128 KiB  2         12    -  arm: calls 90 ns/KiB, 50 %
64 KiB to 128 KiB  3         13    7  arm: pieces
4 GiB and more     0-3        -    4  a; b";
        assert_eq!(table(&ranks), wanted);
        assert_eq!(table(&[]), "");
    }

    #[test]
    fn what_makes_no_sense_is_passed_over() {
        let mut odd = rows(&["eager"]);
        odd.add(["", "", ""]);
        odd.add(["x", "y", "z", "7-"]);
        odd.add(["5", "y"]);
        odd.add([
            "5",
            "",
            "18446744073709551615",
            "9-99999999999999999999999 1-2-3",
        ]);
        odd.add(["5", "", "2", "9-99999999999999999999999 0-7-3"]);
        let wanted = "\
length        ranks                 eager  what was learnt
5 B and more  0      18446744073709551615  9-99999999999999999999999 0-7-3";
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(words(&table(&[(0, odd)])), words(wanted));
        assert_eq!(table(&[(0, Rows::new(&["a"]))]), "");
    }
}
