//! `lariat jobs`: the jobs of this machine as a table or as JSON.

use super::find::Job;
use super::proof::{Observer, PATIENCE};
use crate::snapshot::RankSnapshot;
use crate::top::columns;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

/// A job as it is listed.
#[derive(Clone, Debug)]
pub struct Row {
    pid: i32,
    ranks: u32,
    age: Duration,
    state: State,
    stuck: Vec<u32>,
    program: String,
}

/// How a job gets on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// At least one rank does something.
    Running,
    /// All ranks wait at this moment.
    Waits,
    /// It is certain that some ranks can never go on.
    Stuck,
}

impl State {
    fn word(self) -> &'static str {
        match self {
            State::Running => "running",
            State::Waits => "waits",
            State::Stuck => "stuck",
        }
    }
}

/// Looks at all jobs at once, as long as it takes to be certain of each.
pub fn look(everybody: bool) -> Vec<Row> {
    let deadline = Instant::now() + PATIENCE;
    let mut jobs: Vec<(Job, Observer)> = Job::all(everybody)
        .into_iter()
        .map(|job| (job, Observer::default()))
        .collect();
    loop {
        let looks = jobs.iter_mut();
        let looks: Vec<_> = looks
            .map(|(job, observer)| observer.look(&job.segment))
            .collect();
        let next = jobs.iter().map(|(_, observer)| observer.due()).max();
        let next = next.filter(|next| *next <= deadline && looks.iter().any(|look| look.is_open));
        if let Some(next) = next {
            std::thread::sleep(next.saturating_duration_since(Instant::now()));
            continue;
        }
        let rows = jobs.iter().zip(looks).filter(|((job, _), _)| job.runs());
        let rows = rows.map(|((job, _), look)| Row {
            pid: job.pid,
            ranks: job.segment.ranks(),
            age: job.age(),
            state: match (look.is_stuck(), look.snapshots.iter().all(waits)) {
                (true, _) => State::Stuck,
                (false, true) => State::Waits,
                (false, false) => State::Running,
            },
            stuck: look.findings.stuck,
            program: job.program(),
        });
        return rows.collect();
    }
}

fn waits(snapshot: &RankSnapshot) -> bool {
    snapshot.counters.waiters != 0
}

/// The jobs as a table with a head; without jobs, the head alone.
pub fn table(rows: &[Row]) -> String {
    let head = ["JOB", "RANKS", "TIME", "STATE", "PROGRAM"].map(str::to_owned);
    let mut lines = vec![head];
    lines.extend(rows.iter().map(|row| {
        [
            row.pid.to_string(),
            row.ranks.to_string(),
            columns::time(row.age),
            row.state.word().to_owned(),
            row.program.clone(),
        ]
    }));
    columns::align(&lines, &[true, true, true, false, false])
}

/// The jobs as a JSON array.
pub fn json(rows: &[Row]) -> String {
    let rows = rows.iter().map(|row| {
        let stuck: Vec<String> = row.stuck.iter().map(u32::to_string).collect();
        format!(
            "  {{\"job\": {}, \"ranks\": {}, \"seconds\": {:.2}, \"state\": \"{}\", \
             \"stuck_ranks\": [{}], \"program\": {}}}",
            row.pid,
            row.ranks,
            row.age.as_secs_f64(),
            row.state.word(),
            stuck.join(", "),
            quoted(&row.program)
        )
    });
    let rows: Vec<String> = rows.collect();
    match rows.is_empty() {
        true => "[]\n".to_owned(),
        false => format!("[\n{}\n]\n", rows.join(",\n")),
    }
}

/// A JSON string.
fn quoted(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c < ' ' => {
                let _ = write!(out, "\\u{:04x}", u32::from(c)); // into a string: it cannot fail
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> Row {
        Row {
            pid: 4242,
            ranks: 16,
            age: Duration::from_millis(61_500),
            state: State::Stuck,
            stuck: vec![0, 3],
            program: "solve \"a\\b\"".to_owned(),
        }
    }

    #[test]
    fn a_job_is_a_line() {
        assert_eq!(table(&[]), "JOB  RANKS  TIME  STATE  PROGRAM\n");
        assert_eq!(
            table(&[row()]),
            " JOB  RANKS  TIME  STATE  PROGRAM\n4242     16  1:01  stuck  solve \"a\\b\"\n"
        );
    }

    #[test]
    fn a_job_is_an_object() {
        assert_eq!(json(&[]), "[]\n");
        assert_eq!(
            json(&[row()]),
            "[\n  {\"job\": 4242, \"ranks\": 16, \"seconds\": 61.50, \"state\": \"stuck\", \
             \"stuck_ranks\": [0, 3], \"program\": \"solve \\\"a\\\\b\\\"\"}\n]\n"
        );
        assert_eq!(quoted("\u{1}"), "\"\\u0001\"");
    }
}
