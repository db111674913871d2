//! What ranks have told of their tests, and what follows for each test: it passes if it passes
//! on every rank. Pure.

use super::event::{Ended, Ending};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;
use wireup::report::ranges;

/// What becomes of a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Passed,
    Failed,
    Ignored,
    Measured,
}

/// What follows for a test from what all ranks have told.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    pub name: String,
    pub outcome: Outcome,
    /// In a word or two: why it was ignored, on which ranks it failed, what was measured.
    pub note: String,
    /// What it has printed, by rank, and what else there is to say of a rank.
    pub text: String,
    /// The time of the rank that took longest.
    pub time: Duration,
}

#[derive(Debug, Default)]
struct Test {
    name: String,
    /// When ranks have begun it.
    began: BTreeMap<u32, Duration>,
    ended: BTreeMap<u32, (Ended, Duration)>,
    is_slow: bool,
    is_judged: bool,
}

/// The tests of a job.
#[derive(Debug)]
pub struct Suite {
    ranks: u32,
    begun: BTreeSet<u32>,
    /// In the order in which they were first heard of.
    tests: Vec<Test>,
    index: HashMap<String, usize>,
    /// Ranks whose tests are all done.
    done: BTreeSet<u32>,
    filtered: u64,
}

impl Suite {
    pub fn new(ranks: u32) -> Suite {
        Suite {
            ranks,
            begun: BTreeSet::new(),
            tests: Vec::new(),
            index: HashMap::new(),
            done: BTreeSet::new(),
            filtered: 0,
        }
    }

    pub fn set_ranks(&mut self, ranks: u32) {
        self.ranks = ranks;
    }

    /// A rank begins. Returns whether it is the first.
    pub fn begin(&mut self, rank: u32) -> bool {
        self.begun.insert(rank);
        self.begun.len() == 1
    }

    fn test(&mut self, name: &str) -> &mut Test {
        let next = self.tests.len();
        let at = *self.index.entry(name.to_owned()).or_insert(next);
        if at == next {
            self.tests.push(Test {
                name: name.to_owned(),
                ..Test::default()
            });
        }
        &mut self.tests[at]
    }

    /// A rank begins a test. Returns whether it is the first.
    pub fn start(&mut self, rank: u32, name: &str, now: Duration) -> bool {
        let test = self.test(name);
        test.began.insert(rank, now);
        test.began.len() == 1 && test.ended.is_empty()
    }

    /// A test takes long. Returns whether this is news.
    pub fn slow(&mut self, name: &str) -> bool {
        !std::mem::replace(&mut self.test(name).is_slow, true)
    }

    /// A test has ended on a rank. Returns what follows, if it has on all.
    pub fn result(&mut self, rank: u32, ended: Ended, now: Duration) -> Option<Verdict> {
        let ranks = self.ranks;
        let test = self.test(&ended.name.clone());
        test.ended.insert(rank, (ended, now));
        let is_complete = test.ended.len() >= ranks as usize && !test.is_judged;
        is_complete.then(|| test.judge(ranks, now, &BTreeSet::new()))
    }

    /// The tests of a rank are all done; so many were filtered out.
    pub fn end(&mut self, rank: u32, filtered: u64) {
        self.done.insert(rank);
        self.filtered = filtered;
    }

    /// How many tests were filtered out on each rank.
    pub fn filtered(&self) -> u64 {
        self.filtered
    }

    /// Whether all ranks have told that their tests are done.
    pub fn has_ended(&self) -> bool {
        self.done.len() >= self.ranks as usize
    }

    /// Nothing comes any more: what follows for the tests that have not ended on all ranks.
    pub fn finish(&mut self, now: Duration) -> Vec<Verdict> {
        let (ranks, done) = (self.ranks, &self.done);
        let open = self.tests.iter_mut().filter(|test| !test.is_judged);
        open.map(|test| test.judge(ranks, now, done)).collect()
    }

    /// Which tests some ranks do not have, in a sentence. None: all have the same.
    pub fn differences(&self) -> Option<String> {
        let lacking = |test: &Test| -> Vec<u32> {
            let done = self.done.iter().copied();
            done.filter(|rank| test.is_unknown_to(*rank)).collect()
        };
        let found = self.tests.iter().map(|test| (&test.name, lacking(test)));
        let found = found.filter(|(_, ranks)| !ranks.is_empty());
        let found: Vec<String> = found
            .map(|(name, ranks)| format!("{name} is not on {}", on(&ranks)))
            .collect();
        match found.as_slice() {
            [] => None,
            [only] => Some(format!("ranks have different tests: {only}")),
            [first, rest @ ..] => Some(format!(
                "ranks have different tests: {first}, and so for {} more",
                rest.len()
            )),
        }
    }
}

/// Ranks, in words.
fn on(ranks: &[u32]) -> String {
    let s = if ranks.len() == 1 { "" } else { "s" };
    format!("rank{s} {}", ranges(ranks.iter().copied()))
}

impl Test {
    fn is_unknown_to(&self, rank: u32) -> bool {
        !self.ended.contains_key(&rank) && !self.began.contains_key(&rank)
    }

    /// What follows from what the ranks have told so far. `done`: ranks that tell nothing more.
    fn judge(&mut self, ranks: u32, now: Duration, done: &BTreeSet<u32>) -> Verdict {
        self.is_judged = true;
        let time = (0..ranks).filter_map(|rank| {
            let began = self.began.get(&rank)?;
            let ended = self.ended.get(&rank).map_or(now, |(_, at)| *at);
            Some(ended.saturating_sub(*began))
        });
        let time = time.max().unwrap_or_default();
        let mut failed = Vec::new();
        let mut others: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
        let mut note = String::new();
        let mut outcome = Outcome::Passed;
        let mut text = String::new();
        for rank in 0..ranks {
            let mut say = |what: &str| {
                if ranks > 1 {
                    text.push_str(&format!("rank {rank} of {ranks}:\n"));
                }
                text.push_str(what);
                if !what.ends_with('\n') {
                    text.push('\n');
                }
            };
            let Some((ended, _)) = self.ended.get(&rank) else {
                failed.push(rank);
                say(match self.began.contains_key(&rank) {
                    true => "it did not end here",
                    false if done.contains(&rank) => "there is no such test here",
                    false => "it did not begin here",
                });
                continue;
            };
            let kind = match &ended.ending {
                Ending::Passed => "passed",
                Ending::Ignored(why) => {
                    outcome = Outcome::Ignored;
                    note = why.clone().unwrap_or_default();
                    "was ignored"
                }
                Ending::Measured(figure) => {
                    outcome = Outcome::Measured;
                    note.clone_from(figure);
                    "was measured"
                }
                Ending::Failed(why) => {
                    failed.push(rank);
                    let why = why.as_ref().map(|why| format!("{why}\n"));
                    say(&format!("{}{}", ended.output, why.unwrap_or_default()));
                    continue;
                }
            };
            others.entry(kind).or_default().push(rank);
            if !ended.output.is_empty() {
                say(&ended.output);
            }
        }
        if others.len() > 1 {
            outcome = Outcome::Failed;
            let said = others
                .iter()
                .map(|(kind, ranks)| format!("it {kind} on {}\n", on(ranks)));
            text.extend(said);
        }
        if !failed.is_empty() {
            outcome = Outcome::Failed;
            note = format!("failed on {} of {ranks}", on(&failed));
        }
        Verdict {
            name: self.name.clone(),
            outcome,
            note,
            text,
            time,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(2);

    fn ended(name: &str, ending: Ending, output: &str) -> Ended {
        Ended {
            name: name.to_owned(),
            ending,
            output: output.to_owned(),
        }
    }

    #[test]
    fn a_test_passes_if_it_passes_on_every_rank() {
        let mut suite = Suite::new(2);
        assert!(suite.begin(1) && !suite.begin(0));
        assert!(suite.start(0, "a", Duration::ZERO));
        assert!(!suite.start(1, "a", Duration::from_secs(1)));
        assert_eq!(suite.result(1, ended("a", Ending::Passed, ""), NOW), None);
        let verdict = suite
            .result(0, ended("a", Ending::Passed, ""), NOW)
            .unwrap();
        assert_eq!((verdict.outcome, verdict.time), (Outcome::Passed, NOW));
        assert_eq!(suite.result(0, ended("b", Ending::Passed, ""), NOW), None);
        let failed = ended("b", Ending::Failed(None), "why");
        let verdict = suite.result(1, failed, NOW).unwrap();
        assert_eq!(verdict.outcome, Outcome::Failed);
        assert_eq!(verdict.note, "failed on rank 1 of 2");
        assert_eq!(verdict.text, "rank 1 of 2:\nwhy\n");
        suite.end(0, 3);
        assert!(!suite.has_ended());
        suite.end(1, 3);
        assert!(suite.has_ended() && suite.filtered() == 3);
        assert!(suite.finish(NOW).is_empty() && suite.differences().is_none());
    }

    #[test]
    fn what_did_not_end_or_is_not_there_has_failed() {
        let mut suite = Suite::new(3);
        suite.start(0, "a", Duration::ZERO);
        suite.result(0, ended("a", Ending::Passed, ""), NOW);
        suite.start(2, "a", Duration::ZERO);
        suite.result(0, ended("b", Ending::Ignored(None), ""), NOW);
        suite.result(1, ended("b", Ending::Passed, ""), NOW);
        suite.end(1, 0);
        let verdicts = suite.finish(NOW);
        assert_eq!(verdicts[0].note, "failed on ranks 1-2 of 3");
        assert_eq!(
            verdicts[0].text,
            "rank 1 of 3:\nthere is no such test here\nrank 2 of 3:\nit did not end here\n"
        );
        assert_eq!(verdicts[1].outcome, Outcome::Failed);
        assert!(
            verdicts[1].text.contains("it was ignored on rank 0\n"),
            "{verdicts:?}"
        );
        assert!(
            verdicts[1].text.contains("it passed on rank 1\n"),
            "{verdicts:?}"
        );
        let told = suite.differences().unwrap();
        assert_eq!(told, "ranks have different tests: a is not on rank 1");
    }
}
