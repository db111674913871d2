//! The standard output of a rank that runs tests.

use super::Tests;
use super::event::{BEGINNING, Event};
use std::sync::Arc;

/// Bytes of an unfinished line that are held at the most, if libtest does not seem to be
/// writing it.
const LONGEST_HELD: usize = 64 << 10;

/// Takes the lines of libtest out of what a rank prints.
#[derive(Debug)]
pub struct TestLines {
    rank: u32,
    /// All that the rank prints is a list, which is compared with those of the others.
    is_list: bool,
    tests: Arc<Tests>,
    held: Vec<u8>,
}

impl TestLines {
    pub(super) fn new(rank: u32, is_list: bool, tests: Arc<Tests>) -> TestLines {
        TestLines {
            rank,
            is_list,
            tests,
            held: Vec::new(),
        }
    }

    /// Takes what was read. Returns what is none of libtest's and goes its usual way.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut others = Vec::new();
        let before = self.held.len();
        self.held.extend_from_slice(bytes);
        if self.is_list {
            return others;
        }
        let end = self.held[before..].iter().rposition(|byte| *byte == b'\n');
        if let Some(end) = end {
            let rest = self.held.split_off(before + end + 1);
            let lines = std::mem::replace(&mut self.held, rest);
            for line in lines.split_inclusive(|byte| *byte == b'\n') {
                self.line(line, &mut others);
            }
        }
        if self.held.len() > LONGEST_HELD && beginning(&self.held).is_none() {
            others.append(&mut self.held);
        }
        others
    }

    /// Nothing more comes. Returns what is left and none of libtest's.
    pub fn close(&mut self) -> Vec<u8> {
        let held = std::mem::take(&mut self.held);
        let mut others = Vec::new();
        match self.is_list {
            true => self.tests.listed(self.rank, held),
            false => self.line(&held, &mut others),
        }
        others
    }

    /// A test may have printed before on the same line.
    fn line(&self, line: &[u8], others: &mut Vec<u8>) {
        let at = beginning(line).filter(|at| Event::read(&line[*at..]).is_some());
        match at {
            Some(0) => self.tests.told(self.rank, line),
            Some(at) => {
                others.extend_from_slice(&line[..at]);
                others.push(b'\n');
                self.tests.told(self.rank, &line[at..]);
            }
            None => others.extend_from_slice(line),
        }
    }
}

/// Where libtest's part of a line begins, if it has one.
fn beginning(line: &[u8]) -> Option<usize> {
    memchr::memmem::rfind(line, BEGINNING)
}
