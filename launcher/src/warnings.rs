//! What ranks warn of (`--check`): told as they do, with the line of the source.

use crate::source::Finder;
use std::sync::atomic::Ordering::Relaxed;
use wireup::report::{self, Report};
use wireup::segment::Segment;

/// A warning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The rank that warns.
    pub rank: u32,
    /// What it is about: «buffer», «type», «left».
    pub topic: String,
    /// What the rank says.
    pub text: String,
    /// Where in the source it was.
    pub at: Option<String>,
}

/// What was told so far.
#[derive(Default)]
pub struct Warnings {
    /// Of each rank, where in the segment its warnings stood, and how many were told.
    ranks: Vec<(u64, usize)>,
    finder: Finder,
}

impl Warnings {
    /// Those that have come since the last look.
    pub fn news(&mut self, segment: &Segment) -> Vec<Warning> {
        let mut news = Vec::new();
        self.ranks.resize(segment.ranks() as usize, (0, 0));
        for (rank, (place, told)) in (0..).zip(&mut self.ranks) {
            // What is read is checked, and at a later look it is there at the latest.
            let at = segment.record(rank).reports[Report::Warnings as usize].load(Relaxed);
            if at == *place {
                continue;
            }
            *place = at;
            let rows = report::read(segment, rank, Report::Warnings);
            let rows = rows.map_or(Vec::new(), |rows| rows.rows);
            for row in rows.iter().skip(*told) {
                if let [topic, text, frames] = row.as_slice() {
                    news.push(Warning {
                        rank,
                        topic: topic.clone(),
                        text: text.clone(),
                        at: self.finder.own_line(&parsed(frames)),
                    });
                }
            }
            *told = rows.len().max(*told);
        }
        news
    }
}

impl Warning {
    /// As mpirun says it.
    pub fn told(&self) -> String {
        let at = self.at.as_ref();
        let at = at.map_or(String::new(), |at| format!("    at {at}"));
        format!("{}{at}", self.text)
    }
}

/// Frames as a rank writes them: «1a2b /path|3c /path».
fn parsed(frames: &str) -> Vec<(String, u64)> {
    let frames = frames.split('|').filter_map(|frame| {
        let (offset, path) = frame.split_once(' ')?;
        Some((path.to_owned(), u64::from_str_radix(offset, 16).ok()?))
    });
    frames.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use wireup::report::Rows;

    #[test]
    fn each_is_told_once() {
        let segment = Segment::create(2, 2).unwrap();
        let mut warnings = Warnings::default();
        assert!(warnings.news(&segment).is_empty());
        let mut rows = Rows::new(&["topic", "text", "frames"]);
        rows.add(["left", "a", ""]);
        report::publish(&segment, 1, Report::Warnings, &rows).unwrap();
        let news = warnings.news(&segment);
        assert_eq!((news[0].rank, news[0].told().as_str()), (1, "a"));
        assert!(warnings.news(&segment).is_empty());
        rows.add(["buffer", "b", "1a /no/such file"]);
        report::publish(&segment, 1, Report::Warnings, &rows).unwrap();
        let news = warnings.news(&segment);
        assert_eq!((news.len(), news[0].text.as_str()), (1, "b"));
    }

    #[test]
    fn frames_are_read() {
        let found = parsed("1a /a b|zz /c|3 /d");
        assert_eq!(found, [("/a b".to_owned(), 0x1a), ("/d".to_owned(), 3)]);
    }
}
