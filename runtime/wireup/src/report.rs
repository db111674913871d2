//! Reports of ranks about themselves: rows of a table (of regions, of arms, of
//! protocols), which the launcher prints as one table for all ranks.
//!
//! A rank calls [`publish`], again if its rows have changed; the launcher calls
//! [`read`] for each rank and [`table`] for all. Without a launcher the rank does both.
//!
//! A report lies in a block of the arena. The block is written once, before its offset
//! is stored in the rank's record, and never again. The launcher trusts none of it, since
//! any rank may have overwritten it: sizes are bounded, and control characters are
//! escaped before anything is printed.

use crate::layout::RankRecord;
use crate::plain;
use crate::segment::{Segment, SegmentError};
use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

/// The longest text that a rank may publish, in bytes.
const LONGEST: u64 = 16 << 20;
/// The most rows and columns of a rank's table that are read; a process has fewer
/// mappings than that.
const MOST_ROWS: usize = 1 << 16;
const MOST_COLUMNS: usize = 16;
/// The widest column to which cells are padded; longer cells stick out.
const WIDEST: usize = 64;

/// The tables there are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Report {
    /// The regions of a rank's memory and how peers reach them.
    Regions = 0,
    /// Whether each arm works between two ranks, and why not.
    Arms = 1,
    /// How messages went; see [`crate::protocols`].
    Protocols = 2,
    /// What the rank has warned of: topics and texts.
    Warnings = 3,
    /// Which algorithm each collective takes, by bytes.
    Collectives = 4,
}

impl Report {
    /// Where the offset of such a report of a rank lies.
    fn slot(self, record: &RankRecord) -> &AtomicU64 {
        record.reports.get(self as usize).unwrap_or(&record.choices)
    }
}

/// A rank's rows of a table.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Rows {
    /// The names of the columns; the same at every rank. The rank's number, which
    /// comes first, is not among them.
    pub columns: Vec<String>,
    /// The rows, each with a cell for every column.
    pub rows: Vec<Vec<String>>,
}

impl Rows {
    /// An empty table with these columns.
    #[must_use]
    pub fn new(columns: &[&str]) -> Rows {
        Rows {
            columns: columns.iter().map(|&c| c.to_owned()).collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row.
    pub fn add<S: Into<String>>(&mut self, row: impl IntoIterator<Item = S>) {
        self.rows.push(row.into_iter().map(Into::into).collect());
    }

    /// As text: a line for the columns and one for each row, cells kept apart by
    /// tabs.
    fn written(&self) -> String {
        let line = |cells: &Vec<String>| {
            let plain = |c: &String| c.replace(['\t', '\n'], " ");
            cells.iter().map(plain).collect::<Vec<_>>().join("\t")
        };
        let lines = std::iter::once(&self.columns).chain(&self.rows);
        lines.map(line).collect::<Vec<_>>().join("\n")
    }

    fn of(text: &[u8]) -> Rows {
        let cells = |line: &[u8]| {
            let cells = line.split(|b| *b == b'\t').take(MOST_COLUMNS);
            cells.map(plain::line).collect()
        };
        let text = text.strip_suffix(b"\n").unwrap_or(text);
        let mut lines = text.split(|b| *b == b'\n').take(1 + MOST_ROWS).map(cells);
        let columns: Vec<String> = lines.next().unwrap_or_default();
        Rows {
            columns: if columns == [""] { Vec::new() } else { columns },
            rows: lines.collect(),
        }
    }
}

/// Publishes a rank's rows, in the place of those it published before.
///
/// # Errors
/// There is no room in the segment; what was published before stays.
///
/// # Panics
/// If there is no such rank: a bug of the caller.
pub fn publish(
    segment: &Segment,
    rank: u32,
    report: Report,
    rows: &Rows,
) -> Result<(), SegmentError> {
    let text = rows.written();
    let len = text.len() as u64;
    if len > LONGEST {
        return Err(SegmentError::Full(LONGEST));
    }
    let at = segment.allocate(8 + len.next_multiple_of(8))?;
    let words = words(segment, at);
    words(0).store(len, Relaxed);
    for (bytes, index) in text.as_bytes().chunks(8).zip(1..) {
        let mut eight = [0; 8];
        eight[..bytes.len()].copy_from_slice(bytes);
        words(index).store(u64::from_le_bytes(eight), Relaxed);
    }
    // pairs with the Acquire in `read`
    report.slot(segment.record(rank)).store(at, Release);
    Ok(())
}

/// Whether a rank has published a report.
///
/// # Panics
/// If there is no such rank: a bug of the caller.
#[must_use]
pub fn is_there(segment: &Segment, rank: u32, report: Report) -> bool {
    report.slot(segment.record(rank)).load(Relaxed) != 0
}

/// The report of a rank. `None` if it has published none, or what is there is not one.
///
/// # Panics
/// If there is no such rank: a bug of the caller.
#[must_use]
pub fn read(segment: &Segment, rank: u32, report: Report) -> Option<Rows> {
    // pairs with the Release in `publish`
    let at = report.slot(segment.record(rank)).load(Acquire);
    let backed = segment.backed().ok()?;
    let inside = |at: u64, len: u64| at.checked_add(len).is_some_and(|end| end <= backed);
    if at == 0 || !at.is_multiple_of(8) || !inside(at, 8) {
        return None;
    }
    let words = words(segment, at);
    let len = words(0).load(Relaxed);
    let count = len.div_ceil(8);
    if len > LONGEST || !inside(at, 8 + 8 * count) {
        return None;
    }
    let bytes = (1..=count).flat_map(|index| words(index).load(Relaxed).to_le_bytes());
    let mut bytes: Vec<u8> = bytes.collect();
    bytes.truncate(usize::try_from(len).ok()?);
    Some(Rows::of(&bytes))
}

/// The words of the block at `at`, by their index; the block must lie in the
/// allocated part of the segment, and `at` be a multiple of 8.
fn words<'a>(segment: &'a Segment, at: u64) -> impl Fn(u64) -> &'a AtomicU64 {
    move |index| {
        // SAFETY: `at` panics outside of the mapping; both callers keep to the
        // part that has pages, which is aligned with `at` and only ever reached through
        // atomics here.
        unsafe { segment.at(at + 8 * index).cast::<AtomicU64>().as_ref() }
    }
}

/// One table of the rows of all ranks, in columns, without a final line feed.
/// Rows that several ranks have in common are written once.
#[must_use]
pub fn table(ranks: &[(u32, Rows)]) -> String {
    let columns = ranks.iter().map(|r| &r.1.columns).find(|c| !c.is_empty());
    let Some(columns) = columns else {
        return String::new();
    };
    let mut merged: Vec<(Vec<u32>, &Vec<String>)> = Vec::new();
    let mut places: HashMap<&Vec<String>, usize> = HashMap::new();
    for (rank, rows) in ranks {
        for row in &rows.rows {
            let place = *places.entry(row).or_insert(merged.len());
            match merged.get_mut(place) {
                Some((who, _)) => who.push(*rank),
                None => merged.push((vec![*rank], row)),
            }
        }
    }
    merged.sort_by_key(|(who, _)| who[0]); // stable: rows keep their order within a rank
    let mut lines = vec![vec!["rank".to_owned()]];
    lines[0].extend(columns.iter().cloned());
    for (who, row) in merged {
        let mut line = vec![ranges(who.into_iter())];
        line.extend(row.iter().cloned());
        lines.push(line);
    }
    in_columns(&lines)
}

/// Units that may follow a number in a column of numbers.
const UNITS: [&str; 6] = ["", "B", "KiB", "MiB", "GiB", "TiB"];

/// Lines whose columns are aligned; numbers to the right, but for the first column,
/// which names the line. The first line names the columns.
#[must_use]
pub fn in_columns(lines: &[Vec<String>]) -> String {
    let cell = |line: &Vec<String>, column: usize| line.get(column).cloned().unwrap_or_default();
    let count = lines.iter().map(Vec::len).max().unwrap_or(0);
    let wide = |column: usize| lines.iter().map(|l| cell(l, column).chars().count()).max();
    let width = |column| wide(column).unwrap_or(0).min(WIDEST);
    let widths: Vec<usize> = (0..count).map(width).collect();
    let number = |text: &str| {
        let (digits, unit) = text.split_once(' ').unwrap_or((text, ""));
        let amount = digits.parse::<f64>().is_ok() && UNITS.contains(&unit);
        amount || text.is_empty() || text == "-"
    };
    let right: Vec<bool> = (0..count)
        .map(|c| c > 0 && lines.iter().skip(1).all(|l| number(&cell(l, c))))
        .collect();
    let mut out = String::new();
    for line in lines {
        let mut text = String::new();
        for (column, width) in widths.iter().enumerate() {
            let (cell, gap) = (cell(line, column), if column > 0 { "  " } else { "" });
            let _ = match right[column] {
                true => write!(text, "{gap}{cell:>width$}"),
                false => write!(text, "{gap}{cell:<width$}"),
            };
        }
        out.push_str(text.trim_end());
        out.push('\n');
    }
    out.truncate(out.trim_end().len());
    out
}

/// Rising numbers as `0-3, 7`.
pub fn ranges(numbers: impl Iterator<Item = u32>) -> String {
    let mut out: Vec<(u32, u32)> = Vec::new();
    for n in numbers {
        match out.last_mut() {
            Some((_, to)) if *to + 1 == n => *to = n,
            Some((_, to)) if *to == n => {}
            _ => out.push((n, n)),
        }
    }
    let text: Vec<String> = out
        .into_iter()
        .map(|(from, to)| match to - from {
            0 => from.to_string(),
            _ => format!("{from}-{to}"),
        })
        .collect();
    text.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_published_is_read_and_the_newest_counts() {
        let segment = Segment::create(2, 2).unwrap();
        assert_eq!(read(&segment, 1, Report::Arms), None);
        let mut rows = Rows::new(&["peer", "arm"]);
        rows.add(["0", "cma"]);
        publish(&segment, 1, Report::Arms, &rows).unwrap();
        rows.add(["1", "a\tb\nc, größer"]);
        publish(&segment, 1, Report::Arms, &rows).unwrap();
        let found = read(&segment, 1, Report::Arms).unwrap();
        assert_eq!(found.columns, ["peer", "arm"]);
        assert_eq!(found.rows[1], ["1", "a b c, größer"]);
        assert_eq!(read(&segment, 1, Report::Regions), None);
    }

    #[test]
    fn nonsense_is_not_read() {
        let segment = Segment::create(1, 1).unwrap();
        let block = segment.allocate(64).unwrap();
        let offset = &segment.record(0).reports[Report::Regions as usize];
        for (at, len) in [
            (block + 1, 8),
            (u64::MAX - 7, 8),
            (block, u64::MAX),
            (block, 15 << 20),
        ] {
            words(&segment, block)(0).store(len, Relaxed);
            offset.store(at, Relaxed);
            assert_eq!(read(&segment, 0, Report::Regions), None, "{at} {len}");
        }
    }

    #[test]
    fn what_was_overwritten_stays_small_and_plain() {
        let tabs = [b"\t".repeat(1000), b"\n".repeat(1 << 17)].concat();
        let rows = Rows::of(&tabs);
        assert_eq!(rows.columns.len(), MOST_COLUMNS);
        assert_eq!(rows.rows.len(), MOST_ROWS);
        let rows = Rows::of(b"a\x1b]0;\tb\n\xff\x9b2J\t");
        assert_eq!(rows.columns, ["a\\u{1b}]0;", "b"]);
        assert_eq!(rows.rows, [["\\xff\\x9b2J", ""]]);
        assert!(Rows::of(b"").columns.is_empty());
        let mut rows = Rows::new(&["what"]);
        rows.add(["x".repeat(100_000)]);
        (0..1000).for_each(|i| rows.add([i.to_string()]));
        assert!(
            table(&[(0, rows)]).len() < 300_000,
            "nothing is padded to the longest"
        );
    }

    #[test]
    fn rows_in_common_are_written_once() {
        let rows = |start: &str| {
            let mut rows = Rows::new(&["region", "bytes", "arm"]);
            rows.add(["text", "4096", "cma"]);
            rows.add(["heap", start, "shared"]);
            rows
        };
        let all = [(0, rows("1")), (1, rows("22")), (2, rows("1"))];
        let text = "rank  region  bytes  arm\n\
                    0-2   text     4096  cma\n\
                    0, 2  heap        1  shared\n\
                    1     heap       22  shared";
        assert_eq!(table(&all), text);
        assert_eq!(table(&[(0, Rows::default())]), "");
    }

    #[test]
    fn numbers_are_joined() {
        assert_eq!(ranges([0, 1, 1, 2, 5, 7, 8].into_iter()), "0-2, 5, 7-8");
    }
}
