//! The account of a job that `--report=json:FILE` and `--report=junit:FILE` write: how it ended and what was told of
//! it, for programs. docs/debugging.md describes the document.
//!
//! ```text
//! what    ranks, waits and failures as JSON
//! junit   the job, or its tests, as JUnit's XML
//! ```
//!
//! Without the option nothing is collected.

mod junit;
mod what;

use crate::cli::{ProgramOptions, ReportFile, ReportForm};
use crate::explain::Known;
use crate::json::Json;
use crate::libtest::{self, Tests};
use crate::profile::try_file;
use crate::ranks::ProcessEnd;
use crate::reap::ExitStatus;
use crate::say::{Failure, rank_in_job, say};
use crate::snapshot::{self, RankSnapshot};
use crate::verdict::RankEnd;
use crate::warnings::Warning;
use crate::watch::Findings;
use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use wireup::segment::Segment;

/// The version of the document: it rises when something in it changes its meaning or goes.
const VERSION: u32 = 1;

/// How a job ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ending {
    /// All ranks ended well.
    Success,
    /// A rank failed.
    Failure,
    /// Ranks could never go on, and `--on-deadlock=end` was given.
    Deadlock,
    /// The time of `--timeout` was over.
    Timeout,
    /// A signal to mpirun ended it.
    Signal,
    /// What it printed could not be written.
    Output,
    /// The job that has spawned this one has ended.
    Parent,
    /// It did not begin.
    NotStarted,
}

impl Ending {
    fn name(self) -> &'static str {
        match self {
            Ending::Success => "success",
            Ending::Failure => "failure",
            Ending::Deadlock => "deadlock",
            Ending::Timeout => "timeout",
            Ending::Signal => "signal",
            Ending::Output => "output",
            Ending::Parent => "parent",
            Ending::NotStarted => "not started",
        }
    }
}

/// Why a report of all ranks was made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Occasion {
    /// Ranks can never go on, or wait for others that have left.
    Stuck,
    /// The time of `--timeout` was over.
    Timeout,
    /// A signal ended the job.
    Signal,
    /// SIGQUIT asked for it.
    Asked,
}

impl Occasion {
    fn name(self) -> &'static str {
        match self {
            Occasion::Stuck => "stuck",
            Occasion::Timeout => "timeout",
            Occasion::Signal => "signal",
            Occasion::Asked => "asked",
        }
    }
}

/// What is collected while the job runs.
#[derive(Debug)]
pub struct Account {
    files: Vec<ReportFile>,
    /// The names of the job's programs.
    programs: String,
    /// The tests that its ranks tell of.
    tests: Option<Arc<Tests>>,
    /// It is one host's part of the account of a job on several.
    is_part: bool,
    began: (SystemTime, Instant),
    ending: Option<Ending>,
    /// How each rank's process ended; by rank.
    ends: Vec<Option<Json>>,
    /// What mpirun says of each, and what is told of it.
    failures: Vec<(String, Json)>,
    reports: Vec<Json>,
    /// What was said in them.
    said: Vec<String>,
    warnings: Vec<Json>,
    /// What is told of each rank at the end.
    ranks: Vec<(u32, Json)>,
    /// Why the job did not begin on some host.
    error: Option<String>,
}

/// One host's part of the account of a job on several.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// What is told of each rank, by its number in the job, as JSON.
    pub ranks: Vec<(u32, String)>,
    /// Failures, as JSON.
    pub failures: Vec<String>,
    /// Warnings, as JSON.
    pub warnings: Vec<String>,
    /// Why the job did not begin there.
    pub error: Option<String>,
}

impl Account {
    /// An account of a job of these programs that is written to these files.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn new(files: &[ReportFile], locals: &[ProgramOptions]) -> Result<Account, String> {
        let words = locals.iter().filter_map(|local| local.program.first());
        let names = words.map(|word| Path::new(word).file_name().unwrap_or(word));
        let names: Vec<_> = names.map(|name| name.to_string_lossy()).collect();
        let mut files = files.to_vec();
        for file in &mut files {
            let (before, end) = match file.form {
                ReportForm::Json => ("json:", "json"),
                ReportForm::Junit => ("junit:", "xml"),
            };
            if file.is_folder {
                let shown = file.path.display().to_string();
                std::fs::create_dir_all(&file.path)
                    .map_err(|why| format!("--report={before}{shown}: {why}"))?;
                file.path.push(format!("{}.{end}", names.join("+")));
            }
            try_file("--report", before, &file.path)?;
        }
        let names: Vec<&str> = names.iter().map(|name| junit::plain_name(name)).collect();
        Ok(Account {
            files,
            programs: names.join(" : "),
            tests: None,
            said: Vec::new(),
            is_part: false,
            began: (SystemTime::now(), Instant::now()),
            ending: None,
            ends: Vec::new(),
            failures: Vec::new(),
            reports: Vec::new(),
            warnings: Vec::new(),
            ranks: Vec::new(),
            error: None,
        })
    }

    /// Collects one host's part, which is not written here.
    pub fn be_part(&mut self) {
        self.is_part = true;
    }

    fn is_wanted(&self) -> bool {
        !self.files.is_empty() || self.is_part
    }

    /// Its ranks tell of these tests.
    pub fn of_tests(&mut self, tests: Option<Arc<Tests>>) {
        self.tests = tests;
    }

    /// The tests that ranks tell of, if they do.
    pub fn tests(&self) -> Option<&Tests> {
        self.tests.as_deref()
    }

    /// What mpirun exits with, if nothing but tests can have failed.
    pub fn code_of_tests(&self) -> u8 {
        let have_failed = self.tests().is_some_and(Tests::have_failed);
        if have_failed { libtest::FAILED } else { 0 }
    }

    /// This host's part of the account of a job that has ended so. None: none is wanted.
    pub fn part(&self, outcome: &Result<u8, Failure>) -> Option<Part> {
        let text = |json: &Json| json.to_string();
        let ranks = self.ranks.iter().map(|(rank, json)| (*rank, text(json)));
        let failures = self.failures.iter().map(|(_, json)| text(json));
        self.is_part.then(|| Part {
            ranks: ranks.collect(),
            failures: failures.collect(),
            warnings: self.warnings.iter().map(text).collect(),
            error: outcome.as_ref().err().map(|why| why.text.clone()),
        })
    }

    /// Adds a host's part.
    pub fn add(&mut self, part: Part) {
        let written = |text: String| Json::Written(text);
        let ranks = part.ranks.into_iter();
        self.ranks
            .extend(ranks.map(|(rank, text)| (rank, written(text))));
        let failures = part.failures.into_iter();
        self.failures
            .extend(failures.map(|text| (said_in(&text), written(text))));
        self.warnings.extend(part.warnings.into_iter().map(written));
        if self.error.is_none() {
            self.error = part.error;
        }
    }

    /// Adds ranks of which no host has told.
    pub fn fill(&mut self, snapshots: &[RankSnapshot]) {
        if !self.is_wanted() {
            return;
        }
        let known: HashSet<u32> = self.ranks.iter().map(|(rank, _)| *rank).collect();
        let absent = snapshots.iter().filter(|s| !known.contains(&s.rank));
        let absent = absent.map(|s| (s.rank, what::rank(s, None, Json::Null)));
        self.ranks.extend(absent.collect::<Vec<_>>());
    }

    fn seconds(&self) -> Json {
        Json::Real(what::rounded(self.began.1.elapsed()))
    }

    /// The job ends, and for this reason. The first counts.
    pub fn end(&mut self, ending: Ending) {
        self.ending.get_or_insert(ending);
    }

    /// A rank's process has ended. `by_mpirun`: it was asked to.
    pub fn rank_ended(&mut self, end: ProcessEnd, status: ExitStatus, by_mpirun: bool) {
        if !self.is_wanted() {
            return;
        }
        let at = end.rank as usize;
        if self.ends.len() <= at {
            self.ends.resize(at + 1, None);
        }
        let mut fields = what::end(end.pid, status);
        fields.push(("ended_by_mpirun", by_mpirun.into()));
        fields.push(("seconds", self.seconds()));
        self.ends[at] = Some(Json::Object(fields));
    }

    /// A rank has failed, of which mpirun may say this.
    pub fn failed(&mut self, end: &RankEnd, snapshots: &[RankSnapshot], text: &str) {
        if self.is_wanted() {
            let seconds = self.seconds();
            let told = what::failure(end, snapshots, text, seconds);
            self.failures.push((text.to_owned(), told));
        }
    }

    /// A rank has ended the job: with an error or by `MPI_Abort`.
    pub fn aborted(
        &mut self,
        abort: &snapshot::Abort,
        snapshots: &[RankSnapshot],
        frames: &[(String, u64)],
        text: &str,
    ) {
        if self.is_wanted() {
            let seconds = self.seconds();
            let told = what::abort(abort, snapshots, frames, (text, seconds));
            self.failures.push((text.to_owned(), told));
        }
    }

    /// The failure for which the job ends, by what mpirun says of it. It comes first.
    pub fn cause(&mut self, text: &str) {
        let is_it = |failure: &(String, Json)| text.starts_with(&failure.0);
        if let Some(at) = self.failures.iter().position(is_it) {
            self.failures[..=at].rotate_right(1);
        }
    }

    /// What all ranks do was told, in these words.
    pub fn report(
        &mut self,
        occasion: Occasion,
        snapshots: &[RankSnapshot],
        findings: &Findings,
        known: &Known,
        text: &str,
    ) {
        if self.is_wanted() {
            let fields = [
                ("occasion", occasion.name().into()),
                ("seconds", self.seconds()),
            ];
            self.reports
                .push(what::report(fields, snapshots, findings, known, text));
            self.said.push(text.to_owned());
        }
    }

    /// Ranks have warned of this.
    pub fn warned(&mut self, warnings: Vec<Warning>) {
        if !self.is_wanted() {
            return;
        }
        let seconds = self.seconds();
        let all = warnings.into_iter().map(|warning| {
            Json::Object(vec![
                ("rank", rank_in_job(warning.rank).into()),
                ("topic", warning.topic.into()),
                ("text", warning.text.into()),
                ("at", warning.at.into()),
                ("seconds", seconds.clone()),
            ])
        });
        self.warnings.extend(all);
    }

    /// Takes what stands in the segment when all ranks have ended.
    pub fn close(&mut self, segment: &Segment, programs: &[String]) {
        if !self.is_wanted() {
            return;
        }
        for snapshot in snapshot::of_all(segment) {
            let end = self.ends.get(snapshot.rank as usize).cloned().flatten();
            let program = programs.get(snapshot.rank as usize);
            let told = what::rank(
                &snapshot,
                program.map(String::as_str),
                end.unwrap_or(Json::Null),
            );
            self.ranks.push((rank_in_job(snapshot.rank), told));
        }
    }

    /// Writes the account of a job that has ended so.
    pub fn write(mut self, outcome: &Result<u8, Failure>) {
        if self.files.is_empty() || self.tests().is_some_and(Tests::are_listed) {
            return;
        }
        let (code, error) = match outcome {
            Ok(code) => (*code, self.error.as_deref()),
            Err(why) => (why.code, Some(why.text.as_str())),
        };
        let otherwise = match code {
            0 => Ending::Success,
            _ => Ending::Failure,
        };
        let ending = match error {
            Some(_) => Ending::NotStarted,
            None => self.ending.unwrap_or(otherwise),
        };
        let junit = self.junit(ending, error);
        let seconds = self.seconds();
        self.ranks.sort_by_key(|(rank, _)| *rank);
        let ranks = self.ranks.into_iter().map(|(_, json)| json);
        let failures = self.failures.into_iter().map(|failure| failure.1);
        let began = self.began.0.duration_since(UNIX_EPOCH);
        let began = began.unwrap_or(Duration::ZERO);
        let words = std::env::args_os().map(|word| word.to_string_lossy().into_owned());
        let document = Json::Object(vec![
            ("version", VERSION.into()),
            (
                "mpirun",
                concat!("Lariat ", env!("CARGO_PKG_VERSION")).into(),
            ),
            ("command", Json::list(words)),
            ("began", began.as_secs().into()),
            ("seconds", seconds),
            ("exit_code", u32::from(code).into()),
            ("ending", ending.name().into()),
            ("error", error.into()),
            ("ranks", Json::List(ranks.collect())),
            ("failures", Json::List(failures.collect())),
            ("reports", Json::List(self.reports)),
            ("warnings", Json::List(self.warnings)),
        ]);
        for ReportFile { form, path, .. } in self.files {
            let (form, written) = match form {
                ReportForm::Json => ("json", std::fs::write(&path, format!("{document}\n"))),
                ReportForm::Junit => {
                    let text = junit
                        .as_ref()
                        .map_err(|why| std::io::Error::other(why.clone()));
                    ("junit", text.and_then(|text| std::fs::write(&path, text)))
                }
            };
            if let Err(why) = written {
                say(&format!("--report={form}:{}: {why}", path.display()));
            }
        }
    }

    /// JUnit's XML of a job that has ended so.
    fn junit(&self, ending: Ending, error: Option<&str>) -> Result<String, String> {
        let failures = self.failures.iter().map(|failure| failure.0.as_str());
        let said = error.into_iter().chain(failures);
        let said: Vec<&str> = said.chain(self.said.iter().map(String::as_str)).collect();
        let course = junit::Course {
            programs: &self.programs,
            time: self.began.1.elapsed(),
            ending: (ending != Ending::Success).then(|| ending.name()),
            is_error: ending == Ending::NotStarted,
            said: said.join("\n"),
            tests: self.tests().and_then(Tests::verdicts),
        };
        course.document().map_err(|why| why.to_string())
    }
}

/// What mpirun says of a failure, which another host has told of.
fn said_in(failure: &str) -> String {
    let value: Option<serde_json::Value> = serde_json::from_str(failure).ok();
    let text = value.as_ref().and_then(|value| value.get("text")?.as_str());
    text.unwrap_or_default().to_owned()
}
