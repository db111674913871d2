//! Jobs of Rust test programs (`cargo test` with mpirun as its runner): each test is told once,
//! although every rank runs it.
//!
//! The harness in such a program, libtest, tells what becomes of its tests in lines of JSON
//! when it is asked to. Ranks are asked; mpirun takes these lines out of their standard output,
//! and prints for each test what follows from them, in the form that the user wanted of libtest.
//! What ranks print besides goes its usual way. A test passes if it passes on every rank.
//!
//! ```text
//! args     which arguments ranks get instead of the user's, and what form is wanted
//! event    a line of a rank
//! lines    a rank's standard output: such lines, and all else
//! suite    what the ranks have said of each test, and what follows
//! show     the words in which that is told
//! ```
//!
//! docs/decisions/0105-tests-told-once.md says why it is done so.

pub mod args;
mod event;
mod lines;
mod show;
mod suite;

pub use lines::TestLines;
pub use suite::{Outcome, Verdict};

use args::Words;
use event::Event;
use show::Show;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use suite::Suite;

/// What libtest exits with when a test has failed.
pub const FAILED: u8 = 101;

/// Whether ranks run tests, or print something that is the same on all of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Work {
    /// They run tests.
    Run,
    /// They list them.
    List,
}

/// What is to be told of a rank.
#[derive(Clone, Copy, Debug)]
pub enum Word<'a> {
    /// This line of libtest's.
    Test(&'a [u8]),
    /// This list.
    List(&'a [u8]),
}

/// Takes what there is to tell of a rank.
pub struct Recipient(pub Box<dyn Fn(u32, Word<'_>) + Send + Sync>);

impl std::fmt::Debug for Recipient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Recipient")
    }
}

/// The tests of a job, as the ranks tell of them.
#[derive(Debug)]
pub struct Tests {
    work: Work,
    state: Mutex<State>,
    /// In a node: the way to the mpirun that the user has started.
    up: Option<Recipient>,
    began: Instant,
}

#[derive(Debug)]
struct State {
    suite: Suite,
    show: Show,
    /// What ranks have listed.
    lists: BTreeMap<u32, Vec<u8>>,
    /// Ranks whose tests are all done.
    done: BTreeSet<u32>,
    /// What is to be printed.
    text: Vec<u8>,
    verdicts: Vec<Verdict>,
    /// Why the ranks cannot be told of as one.
    error: Option<String>,
    /// Something was told by a rank.
    is_used: bool,
    is_finished: bool,
}

impl Tests {
    /// What the mpirun that the user has started has of a job on several hosts: their nodes
    /// find out what the programs are. `args`: of the first program.
    pub fn of_nodes(args: &[OsString]) -> Tests {
        let lists = args::lists(args);
        let words = args::Replaced::of(args).map_or_else(|_| Words::default(), |own| own.words);
        let work = if lists { Work::List } else { Work::Run };
        Tests::new(work, words, 0, None)
    }

    /// Tests of so many ranks. `up`: in a node, the way to the mpirun that the user has started.
    pub fn new(work: Work, words: Words, ranks: u32, up: Option<Recipient>) -> Tests {
        Tests {
            work,
            state: Mutex::new(State {
                suite: Suite::new(ranks),
                show: Show::new(words, ranks),
                lists: BTreeMap::new(),
                done: BTreeSet::new(),
                text: Vec::new(),
                verdicts: Vec::new(),
                error: None,
                is_used: false,
                is_finished: false,
            }),
            up,
            began: Instant::now(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of ranks, where it was not known in the beginning.
    pub fn set_ranks(&self, ranks: u32) {
        let mut state = self.state();
        state.suite.set_ranks(ranks);
        state.show.set_ranks(ranks);
    }

    /// What takes a rank's standard output apart.
    pub fn lines(self: &Arc<Tests>, rank: u32) -> TestLines {
        TestLines::new(rank, self.work == Work::List, Arc::clone(self))
    }

    /// A rank has told something of a test: this line.
    pub fn told(&self, rank: u32, line: &[u8]) {
        let Some(event) = Event::read(line) else {
            return;
        };
        if let Some(up) = &self.up {
            (up.0)(rank, Word::Test(line));
        }
        let mut state = self.state();
        let State {
            suite,
            show,
            verdicts,
            done,
            ..
        } = &mut *state;
        let text = match event {
            Event::Begun(count) => suite.begin(rank).then(|| show.begun(count)),
            Event::Started(name) => {
                let is_first = suite.start(rank, &name, self.began.elapsed());
                is_first.then(|| show.started(&name))
            }
            Event::Slow(name) => suite.slow(&name).then(|| show.slow(&name)),
            Event::Result(result) => {
                let verdict = suite.result(rank, result, self.began.elapsed());
                verdict.map(|verdict| {
                    let text = show.verdict(&verdict);
                    verdicts.push(verdict);
                    text
                })
            }
            Event::Ended(filtered) => {
                suite.end(rank, filtered);
                done.insert(rank);
                None
            }
        };
        state.is_used = true;
        state
            .text
            .extend_from_slice(text.unwrap_or_default().as_bytes());
    }

    /// All that a rank has printed, where that is a list.
    pub fn listed(&self, rank: u32, list: Vec<u8>) {
        if let Some(up) = &self.up {
            (up.0)(rank, Word::List(&list));
        }
        let mut state = self.state();
        state.is_used = true;
        state.lists.insert(rank, list);
    }

    /// Whether a rank has told that its tests are all done. However it ends then, nothing has
    /// failed that was not told.
    pub fn has_done(&self, rank: u32) -> bool {
        self.state().done.contains(&rank)
    }

    /// What is to be printed now to standard output. Nothing in a node.
    pub fn take_text(&self) -> Vec<u8> {
        match self.up {
            Some(_) => Vec::new(),
            None => std::mem::take(&mut self.state().text),
        }
    }

    /// Whether a rank has told of tests so far.
    pub fn is_used(&self) -> bool {
        self.state().is_used
    }

    /// Nothing comes any more. What is told then is to be printed; an error is for standard
    /// error.
    pub fn finish(&self) -> Option<String> {
        let mut state = self.state();
        if self.up.is_some() || state.is_finished || !state.is_used {
            return None;
        }
        state.is_finished = true;
        match self.work {
            Work::List => state.compare_lists(),
            Work::Run => state.finish(self.began.elapsed()),
        }
        state.error.clone()
    }

    /// Whether a test has failed, or ranks have different ones.
    pub fn have_failed(&self) -> bool {
        let state = self.state();
        let has_failed = |verdict: &Verdict| verdict.outcome == Outcome::Failed;
        state.error.is_some() || state.verdicts.iter().any(has_failed)
    }

    /// What became of the tests. None if they were listed only, or no rank told of any.
    pub fn verdicts(&self) -> Option<Vec<Verdict>> {
        let state = self.state();
        (self.work == Work::Run && state.is_used).then(|| state.verdicts.clone())
    }

    /// Whether the tests are listed only.
    pub fn are_listed(&self) -> bool {
        self.work == Work::List && self.is_used()
    }
}

impl State {
    fn finish(&mut self, now: std::time::Duration) {
        for verdict in self.suite.finish(now) {
            let text = self.show.verdict(&verdict);
            self.text.extend_from_slice(text.as_bytes());
            self.verdicts.push(verdict);
        }
        self.error = self.suite.differences();
        let has_ended = self.suite.has_ended();
        let text = self
            .show
            .end(&self.verdicts, self.suite.filtered(), has_ended, now);
        self.text.extend_from_slice(text.as_bytes());
    }

    fn compare_lists(&mut self) {
        let Some((first, list)) = self.lists.iter().next() else {
            return;
        };
        let differs = |(_, other): &(&u32, &Vec<u8>)| *other != list;
        if let Some((other, found)) = self.lists.iter().find(differs) {
            let only = |of: &[u8], not_of: &[u8]| {
                let there: BTreeSet<&[u8]> = not_of.split(|b| *b == b'\n').collect();
                let line = of.split(|b| *b == b'\n').find(|line| !there.contains(line));
                line.map(|line| String::from_utf8_lossy(line).into_owned())
            };
            let which = match (only(list, found), only(found, list)) {
                (Some(line), _) => format!("only rank {first} prints: {line}"),
                (None, Some(line)) => format!("only rank {other} prints: {line}"),
                (None, None) => "in another order".to_owned(),
            };
            self.error = Some(format!(
                "ranks {first} and {other} list different tests: {which}"
            ));
        }
        self.text.extend_from_slice(list);
    }
}
