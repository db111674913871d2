//! Tables of what ranks publish about themselves (`--report-regions`, `--report-arms`,
//! `--report-protocols`). A table is printed once all ranks have published their part, and
//! again at the end of the job if it has changed; that of protocols at the end only.

use crate::say::say;
use std::time::Duration;
use wireup::protocols;
use wireup::report::{self, Report, Rows};
use wireup::segment::Segment;

/// How often to look while a table is due.
const TABLE_INTERVAL: Duration = Duration::from_millis(20);
/// The same at the most while what ranks have published makes no sense: reading it takes
/// long.
const MAX_TABLE_INTERVAL: Duration = Duration::from_secs(1);

/// A table that is to be printed.
#[derive(Debug)]
struct Table {
    report: Report,
    /// What it shows.
    title: &'static str,
    /// The call in which ranks publish their part.
    call: &'static str,
    /// What was printed last, if anything.
    printed: Option<Vec<(u32, Rows)>>,
}

impl Table {
    /// Whether it is printed as soon as all ranks have published their part, and was not.
    fn is_due(&self) -> bool {
        self.printed.is_none() && !matches!(self.report, Report::Protocols | Report::Collectives)
    }

    fn text(&self, rows: &[(u32, Rows)]) -> String {
        match self.report {
            Report::Protocols => protocols::table(rows),
            _ => report::table(rows),
        }
    }
}

/// The tables that are to be printed.
#[derive(Debug)]
pub struct Reports {
    tables: Vec<Table>,
    interval: Duration,
}

impl Reports {
    /// The tables of the settings that are on.
    pub fn new(is_on: impl Fn(&str) -> bool) -> Reports {
        let all = [
            ("report_regions", Report::Regions, "memory regions"),
            ("report_arms", Report::Arms, "arms between ranks"),
            (
                "report_protocols",
                Report::Protocols,
                "protocols of messages",
            ),
            (
                "report_protocols",
                Report::Collectives,
                "algorithms of collectives of all ranks",
            ),
        ];
        let wanted = all.into_iter().filter(|(setting, ..)| is_on(setting));
        let wanted = wanted.map(|(_, report, title)| Table {
            report,
            title,
            call: match report {
                Report::Protocols | Report::Collectives => "MPI_Finalize",
                Report::Regions | Report::Arms | Report::Warnings => "MPI_Init",
            },
            printed: None,
        });
        Reports {
            tables: wanted.collect(),
            interval: TABLE_INTERVAL,
        }
    }

    /// The time after which to look again. None if all tables were printed.
    pub fn due(&self) -> Option<Duration> {
        let due = self.tables.iter().any(Table::is_due);
        due.then_some(self.interval)
    }

    /// Prints the tables that are complete by now and were not printed before.
    pub fn look(&mut self, segment: &Segment) {
        let ranks = 0..segment.ranks();
        for table in self.tables.iter_mut().filter(|table| table.is_due()) {
            let is_there = |rank| report::is_there(segment, rank, table.report);
            if !ranks.clone().all(is_there) {
                continue;
            }
            let rows = published(segment, table.report);
            if rows.len() < ranks.len() {
                self.interval = (self.interval * 2).min(MAX_TABLE_INTERVAL);
            } else {
                say(&format!("{}:\n{}", table.title, table.text(&rows)));
                table.printed = Some(rows);
            }
        }
    }

    /// Prints, at the end of the job, the tables that have changed or were never complete.
    pub fn last(&mut self, segment: &Segment) {
        let ranks = segment.ranks();
        for table in &mut self.tables {
            let rows = published(segment, table.report);
            let title = match &table.printed {
                Some(old) if *old == rows => continue,
                Some(_) => format!("{} at the end", table.title),
                None => table.title.to_owned(),
            };
            let silent = (0..ranks).filter(|rank| rows.iter().all(|row| row.0 != *rank));
            let silent: Vec<u32> = silent.collect();
            let missing = match (silent.len(), rows.len()) {
                (0, _) => String::new(),
                (_, 0) => format!(
                    "\nno rank has published any (ranks do so in {})",
                    table.call
                ),
                _ => format!("\nnot published by: {}", report::ranges(silent.into_iter())),
            };
            let text = table.text(&rows);
            let text = match text.is_empty() {
                true => text,
                false => format!("\n{text}"),
            };
            say(&format!("{title}:{text}{missing}"));
            table.printed = Some(rows);
        }
    }
}

/// What the ranks have published so far, in the order of their numbers. Rows without columns
/// are not finished yet.
fn published(segment: &Segment, report: Report) -> Vec<(u32, Rows)> {
    (0..segment.ranks())
        .filter_map(|rank| Some((rank, report::read(segment, rank, report)?)))
        .filter(|(_, rows)| !rows.columns.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_due_until_all_ranks_have_told() {
        let segment = Segment::create(2, 2).unwrap();
        let mut reports = Reports::new(|setting| setting == "report_arms");
        report::publish(&segment, 1, Report::Arms, &Rows::default()).unwrap();
        let mut rows = Rows::new(&["peer", "arm"]);
        rows.add(["1", "copy"]);
        report::publish(&segment, 0, Report::Arms, &rows).unwrap();
        reports.look(&segment);
        assert!(reports.due().is_some());
        report::publish(&segment, 1, Report::Arms, &rows).unwrap();
        reports.look(&segment);
        assert!(reports.due().is_none());
        assert!(Reports::new(|_| false).due().is_none());
        let at_the_end = Reports::new(|setting| setting == "report_protocols");
        assert!(at_the_end.due().is_none());
    }
}
