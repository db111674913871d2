//! What ranks tell about their memory (`--report-regions`, `--report-arms`):
//! printed as one table once all ranks have told it, and again at the end of the
//! job where they told something new since.

use crate::say;
use std::time::Duration;
use wireup::report::{self, Report, Rows};
use wireup::segment::Segment;

/// How long the launcher sleeps at the most while a table is due.
const TICK: Duration = Duration::from_millis(20);
/// The same where what ranks have told makes no sense: it is much to read.
const LONG_TICK: Duration = Duration::from_secs(1);

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
pub struct Reports {
    asked: Vec<Asked>,
    tick: Duration,
}

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
        Reports {
            asked: wanted.collect(),
            tick: TICK,
        }
    }

    /// When to look again; `None`: no table has still to be printed.
    pub fn due(&self) -> Option<Duration> {
        let due = self.asked.iter().any(|a| a.printed.is_none());
        due.then_some(self.tick)
    }

    /// Prints the tables that all ranks have told by now.
    pub fn look(&mut self, segment: &Segment) {
        let ranks = 0..segment.ranks();
        for asked in self.asked.iter_mut().filter(|a| a.printed.is_none()) {
            let is_there = |rank| report::is_there(segment, rank, asked.report);
            if !ranks.clone().all(is_there) {
                continue;
            }
            let told = told(segment, asked.report);
            if told.len() < ranks.len() {
                self.tick = (self.tick * 2).min(LONG_TICK);
            } else {
                say(&format!("{}:\n{}", asked.title, report::table(&told)));
                asked.printed = Some(told);
            }
        }
    }

    /// Prints, at the end of the job, what is new or was never complete.
    pub fn last(&mut self, segment: &Segment) {
        let ranks = segment.ranks();
        for asked in &mut self.asked {
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
        let mut reports = Reports::new(false, true);
        report::publish(&segment, 1, Report::Arms, &Rows::default()).unwrap();
        let mut rows = Rows::new(&["peer", "arm"]);
        rows.add(["1", "copy"]);
        report::publish(&segment, 0, Report::Arms, &rows).unwrap();
        reports.look(&segment);
        assert!(reports.due().is_some());
        report::publish(&segment, 1, Report::Arms, &rows).unwrap();
        reports.look(&segment);
        assert!(reports.due().is_none());
        assert!(Reports::new(false, false).due().is_none());
    }
}
