//! What ranks tell about their memory (`--report-regions`, `--report-arms`):
//! printed as one table once all ranks have told it, and again at the end of the
//! job where they told something new since.

use crate::say;
use std::time::Duration;
use wireup::report::{self, Report, Rows};
use wireup::segment::Segment;

/// How long the launcher sleeps at the most while a table is due.
pub const TICK: Duration = Duration::from_millis(20);

/// A table that was asked for.
#[derive(Debug)]
struct Asked {
    report: Report,
    /// What it shows.
    title: &'static str,
    /// What was printed; `None`: nothing yet.
    printed: Option<Vec<(u32, Rows)>>,
}

/// The tables that were asked for.
#[derive(Debug)]
pub struct Reports(Vec<Asked>);

impl Reports {
    /// Those that are wanted.
    pub fn new(regions: bool, arms: bool) -> Reports {
        let all = [
            (regions, Report::Regions, "memory regions"),
            (arms, Report::Arms, "arms between ranks"),
        ];
        let wanted = all.into_iter().filter(|a| a.0);
        let wanted = wanted.map(|(_, report, title)| Asked {
            report,
            title,
            printed: None,
        });
        Reports(wanted.collect())
    }

    /// Whether a table has still to be printed.
    pub fn due(&self) -> bool {
        self.0.iter().any(|a| a.printed.is_none())
    }

    /// Prints the tables that all ranks have told by now.
    pub fn look(&mut self, segment: &Segment) {
        let ranks = segment.head().ranks as usize;
        for asked in self.0.iter_mut().filter(|a| a.printed.is_none()) {
            let told = told(segment, asked.report);
            if told.len() == ranks {
                say(&format!("{}:\n{}", asked.title, report::table(&told)));
                asked.printed = Some(told);
            }
        }
    }

    /// Prints, at the end of the job, what is new or was never complete.
    pub fn last(&mut self, segment: &Segment) {
        let ranks = segment.head().ranks;
        for asked in &mut self.0 {
            let told = told(segment, asked.report);
            let title = match &asked.printed {
                Some(old) if *old == told => continue,
                Some(_) => format!("{} at the end", asked.title),
                None => asked.title.to_owned(),
            };
            let silent = (0..ranks).filter(|r| told.iter().all(|t| t.0 != *r));
            let silent: Vec<u32> = silent.collect();
            let missing = match (silent.len(), told.len()) {
                (0, _) => String::new(),
                (_, 0) => "\nno rank has told any (they do in MPI_Init)".to_owned(),
                _ => format!("\nnot told by: {}", report::ranges(silent.into_iter())),
            };
            let table = report::table(&told);
            let table = if table.is_empty() {
                table
            } else {
                format!("\n{table}")
            };
            say(&format!("{title}:{table}{missing}"));
            asked.printed = Some(told);
        }
    }
}

/// What the ranks have told, in the order of their numbers. A table without
/// columns is none yet.
fn told(segment: &Segment, report: Report) -> Vec<(u32, Rows)> {
    (0..segment.head().ranks)
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
        let mut reports = Reports::new(false, true);
        report::publish(&segment, 1, Report::Arms, &Rows::default()).unwrap();
        let mut rows = Rows::new(&["peer", "arm"]);
        rows.add(["1", "copy"]);
        report::publish(&segment, 0, Report::Arms, &rows).unwrap();
        reports.look(&segment);
        assert!(reports.due());
        report::publish(&segment, 1, Report::Arms, &rows).unwrap();
        reports.look(&segment);
        assert!(!reports.due());
        assert!(!Reports::new(false, false).due());
    }
}
