//! The account of a job as JUnit's XML, which CI servers read.

use crate::libtest::{Outcome, Verdict};
use quick_junit::{NonSuccessKind, Report, SerializeError, TestCase, TestCaseStatus, TestSuite};
use std::time::Duration;

/// How a job went.
pub struct Course<'a> {
    /// Its programs.
    pub programs: &'a str,
    pub time: Duration,
    /// How it ended, in a word. None: well.
    pub ending: Option<&'static str>,
    /// It did not begin.
    pub is_error: bool,
    /// What mpirun has said of failures, and of ranks that were stuck.
    pub said: String,
    /// What became of its tests, if its programs are such as tell.
    pub tests: Option<Vec<Verdict>>,
}

impl Course<'_> {
    /// The document: a case for each test, or one for the job.
    ///
    /// # Errors
    /// The library cannot write it.
    pub fn document(&self) -> Result<String, SerializeError> {
        let mut suite = TestSuite::new(self.programs);
        suite.set_time(self.time);
        let tests = self.tests.as_deref().unwrap_or_default();
        for verdict in tests {
            suite.add_test_case(self.test(verdict));
        }
        let is_told = tests.iter().any(|one| one.outcome == Outcome::Failed);
        match (self.tests.is_some(), self.ending) {
            (false, _) => {
                suite.add_test_case(self.job(self.programs));
            }
            // A test that did not end because of it is told, too.
            (true, Some(_)) if is_told => {
                if !self.said.is_empty() {
                    suite.set_system_err(&self.said);
                }
            }
            (true, Some(_)) => {
                suite.add_test_case(self.job("(the job)"));
            }
            (true, None) => {}
        }
        let mut report = Report::new("mpirun");
        report.set_time(self.time).add_test_suite(suite);
        report.to_string()
    }

    fn test(&self, verdict: &Verdict) -> TestCase {
        let status = match verdict.outcome {
            Outcome::Passed | Outcome::Measured => TestCaseStatus::success(),
            Outcome::Ignored => {
                let mut skipped = TestCaseStatus::skipped();
                if !verdict.note.is_empty() {
                    skipped.set_message(&verdict.note);
                }
                skipped
            }
            Outcome::Failed => {
                let mut failed = TestCaseStatus::non_success(NonSuccessKind::Failure);
                failed
                    .set_type("test failure")
                    .set_message(&verdict.note)
                    .set_description(&verdict.text);
                failed
            }
        };
        let mut case = TestCase::new(&verdict.name, status);
        case.set_classname(self.programs).set_time(verdict.time);
        if verdict.outcome == Outcome::Passed && !verdict.text.is_empty() {
            case.set_system_out(&verdict.text);
        }
        case
    }

    fn job(&self, name: &str) -> TestCase {
        let status = match self.ending {
            None => TestCaseStatus::success(),
            Some(ending) => {
                let mut failed = TestCaseStatus::non_success(match self.is_error {
                    true => NonSuccessKind::Error,
                    false => NonSuccessKind::Failure,
                });
                let first = self.said.lines().next().unwrap_or(ending);
                failed
                    .set_type(ending)
                    .set_message(first)
                    .set_description(&self.said);
                failed
            }
        };
        let mut case = TestCase::new(name, status);
        case.set_classname("mpirun").set_time(self.time);
        case
    }
}

/// The name of a program without the number that cargo has put behind it.
pub fn plain_name(name: &str) -> &str {
    match name.rsplit_once('-') {
        Some((plain, hash)) if hash.len() == 16 && hash.bytes().all(|b| b.is_ascii_hexdigit()) => {
            plain
        }
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_cargo_are_left_out() {
        assert_eq!(plain_name("halo-0123456789abcdef"), "halo");
        assert_eq!(plain_name("halo-exchange"), "halo-exchange");
    }
}
