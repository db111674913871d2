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
    /// The hosts, if there are several.
    hosts: Option<Vec<String>>,
    /// Of which job this is one host's part: the host of its mpirun, and the process.
    part_of: Option<(String, i32)>,
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
            .map(|(job, observer)| observer.look(&job.watched))
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
            ranks: job.watched.ranks(),
            age: job.age(),
            state: match (look.is_stuck(), all_wait(&look.snapshots)) {
                (true, _) => State::Stuck,
                (false, true) => State::Waits,
                (false, false) => State::Running,
            },
            stuck: look.findings.stuck,
            program: job.program(),
            hosts: job.watched.hosts(),
            part_of: job.part_of.clone(),
        });
        return rows.collect();
    }
}

fn all_wait(snapshots: &[RankSnapshot]) -> bool {
    let waits = |snapshot: &RankSnapshot| snapshot.counters.waiters != 0;
    !snapshots.is_empty() && snapshots.iter().all(waits)
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
            row.program.clone() + &place(row),
        ]
    }));
    columns::align(&lines, &[true, true, true, false, false])
}

/// Where a job runs, if not on this host alone.
fn place(row: &Row) -> String {
    match (&row.part_of, &row.hosts) {
        (Some((host, job)), _) => format!(" (this host's part of job {job} of host {host})"),
        (None, Some(hosts)) => format!(" ({})", columns::hosts(hosts.len())),
        (None, None) => String::new(),
    }
}

/// The same as members of a JSON object.
fn place_in_json(row: &Row) -> String {
    let mut text = String::new();
    if let Some(hosts) = &row.hosts {
        let hosts: Vec<String> = hosts.iter().map(|host| quoted(host)).collect();
        text.push_str(&format!(", \"hosts\": [{}]", hosts.join(", ")));
    }
    if let Some((host, job)) = &row.part_of {
        let host = quoted(host);
        text.push_str(&format!(
            ", \"part_of\": {{\"job\": {job}, \"host\": {host}}}"
        ));
    }
    text
}

/// The jobs as a JSON array.
pub fn json(rows: &[Row]) -> String {
    let rows = rows.iter().map(|row| {
        let stuck: Vec<String> = row.stuck.iter().map(u32::to_string).collect();
        format!(
            "  {{\"job\": {}, \"ranks\": {}, \"seconds\": {:.2}, \"state\": \"{}\", \
             \"stuck_ranks\": [{}], \"program\": {}{}}}",
            row.pid,
            row.ranks,
            row.age.as_secs_f64(),
            row.state.word(),
            stuck.join(", "),
            quoted(&row.program),
            place_in_json(row)
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
            hosts: None,
            part_of: None,
        }
    }

    #[test]
    fn jobs_on_several_hosts_say_so() {
        let mut row = row();
        row.hosts = Some(vec!["a".to_owned(), "b".to_owned()]);
        assert!(table(&[row.clone()]).ends_with("\" (2 hosts)\n"));
        assert!(json(&[row.clone()]).contains(", \"hosts\": [\"a\", \"b\"]}\n"));
        row.hosts = None;
        row.part_of = Some(("a".to_owned(), 77));
        assert!(table(&[row.clone()]).ends_with(" (this host's part of job 77 of host a)\n"));
        assert!(json(&[row]).contains(", \"part_of\": {\"job\": 77, \"host\": \"a\"}}\n"));
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
