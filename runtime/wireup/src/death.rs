//! What a rank notes of its own end by a signal: which one, at what address, and where in
//! the program. Written by a signal handler, so that everything is stored in place, and
//! nothing is allocated; read by the launcher when the rank has ended.

use crate::plain;
use crate::segment::Segment;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicU32, AtomicU64};

/// Frames that are noted, from the innermost.
pub const FRAMES: usize = 24;
/// Files whose code they are in.
const FILES: usize = 8;
/// Words of a file's path.
const PATH_WORDS: usize = 30;

/// How far the record is.
const WRITING: u32 = 1;
const WRITTEN: u32 = 2;

#[repr(C)]
#[derive(Debug)]
struct Frame {
    /// Where its code is in the file.
    offset: AtomicU64,
    /// The file's number in the record.
    file: AtomicU32,
    _pad: u32,
}

/// A rank's record of its death.
#[repr(C, align(128))]
#[derive(Debug)]
pub struct DeathRecord {
    state: AtomicU32,
    signal: AtomicU32,
    /// 1: somebody has sent the signal; 0: the program's own instruction has caused it.
    sent: AtomicU32,
    frames_used: AtomicU32,
    files_used: AtomicU32,
    _pad: u32,
    address: AtomicU64,
    time: AtomicU64,
    frames: [Frame; FRAMES],
    files: [[AtomicU64; PATH_WORDS]; FILES],
}

/// A death as it was noted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Death {
    /// The signal's number; 0: it has ended the job for an error.
    pub signal: i32,
    /// What was accessed; of a signal that was sent: nothing.
    pub address: Option<u64>,
    /// `CLOCK_MONOTONIC` nanoseconds.
    pub time: u64,
    /// Files and places in them, from the innermost frame.
    pub frames: Vec<(String, u64)>,
}

impl DeathRecord {
    /// Begins the record. `false`: another thread has begun it before.
    #[must_use]
    pub fn begin(&self, signal: i32, address: Option<u64>, time: u64) -> bool {
        let begun = self
            .state
            .compare_exchange(0, WRITING, AcqRel, Relaxed) // nothing is read that others wrote
            .is_ok();
        if begun {
            self.signal.store(signal.cast_unsigned(), Relaxed);
            self.sent.store(u32::from(address.is_none()), Relaxed);
            self.address.store(address.unwrap_or(0), Relaxed);
            self.time.store(time, Relaxed);
        }
        begun
    }

    /// Adds a frame in code at `offset` of the file at `path`. More frames or files than
    /// there is room for are left out, and the end of a path that is too long.
    pub fn add(&self, path: &[u8], offset: u64) {
        let Some(file) = self.file(path) else { return };
        let at = self.frames_used.load(Relaxed);
        let Some(frame) = self.frames.get(at as usize) else {
            return;
        };
        frame.offset.store(offset, Relaxed);
        frame.file.store(file, Relaxed);
        self.frames_used.store(at + 1, Relaxed);
    }

    fn file(&self, path: &[u8]) -> Option<u32> {
        let used = self.files_used.load(Relaxed);
        let is = |file: &[AtomicU64; PATH_WORDS]| {
            let words = (0..PATH_WORDS).map(|word| word_of(path, word));
            file.iter()
                .zip(words)
                .all(|(have, want)| have.load(Relaxed) == want)
        };
        let known = self.files.iter().take(used as usize).position(is);
        if let Some(known) = known {
            return u32::try_from(known).ok();
        }
        let file = self.files.get(used as usize)?;
        for (at, word) in file.iter().enumerate() {
            word.store(word_of(path, at), Relaxed);
        }
        self.files_used.store(used + 1, Relaxed);
        Some(used)
    }

    /// Ends the record.
    pub fn end(&self) {
        self.state.store(WRITTEN, Release); // pairs with the Acquire in `read`
    }

    fn read(&self) -> Option<Death> {
        // Also of a record that is not complete: the process may have died over it.
        // Pairs with the Release in `end`.
        if self.state.load(Acquire) == 0 {
            return None;
        }
        let files = self.files.each_ref().map(|file| {
            let bytes = file
                .iter()
                .flat_map(|word| word.load(Relaxed).to_le_bytes());
            let bytes: Vec<u8> = bytes.take_while(|byte| *byte != 0).collect();
            plain::line(&bytes)
        });
        let frames = self
            .frames
            .iter()
            .take(self.frames_used.load(Relaxed) as usize);
        let frames = frames.filter_map(|frame| {
            let file = files.get(frame.file.load(Relaxed) as usize)?;
            Some((file.clone(), frame.offset.load(Relaxed)))
        });
        let sent = self.sent.load(Relaxed) != 0;
        Some(Death {
            signal: self.signal.load(Relaxed).cast_signed(),
            address: (!sent).then(|| self.address.load(Relaxed)),
            time: self.time.load(Relaxed),
            frames: frames.collect(),
        })
    }
}

/// The word of this number of a path, padded with zeros.
fn word_of(path: &[u8], word: usize) -> u64 {
    let mut bytes = [0u8; 8];
    let rest = path.get(word * 8..).unwrap_or_default();
    for (byte, have) in bytes.iter_mut().zip(rest) {
        *byte = *have;
    }
    u64::from_le_bytes(bytes)
}

/// Makes the record of this process, which is `rank`, unless there is one. `None`: there is
/// no room in the segment.
///
/// # Panics
/// If there is no such rank: a bug of the caller.
#[must_use]
pub fn make(segment: &Segment, rank: u32) -> Option<&DeathRecord> {
    let record = segment.record(rank);
    let mut place = record.death.load(Relaxed);
    if place == 0 {
        place = segment.allocate(size_of::<DeathRecord>() as u64).ok()?;
        record.death.store(place, Release); // pairs with the Acquire in `of`
    }
    at(segment, place)
}

/// How `rank` has noted its death, if it has.
///
/// # Panics
/// If there is no such rank: a bug of the caller.
#[must_use]
pub fn of(segment: &Segment, rank: u32) -> Option<Death> {
    let place = segment.record(rank).death.load(Acquire); // pairs with the Release in `make`
    at(segment, place)?.read()
}

fn at(segment: &Segment, place: u64) -> Option<&DeathRecord> {
    // SAFETY: all fields are atomics.
    unsafe { segment.block(place) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Box<DeathRecord> {
        // SAFETY: all fields are atomics, for which zero is a value.
        unsafe { Box::new(std::mem::zeroed()) }
    }

    #[test]
    fn what_is_noted_is_read() {
        let record = record();
        assert_eq!(record.read(), None);
        assert!(record.begin(11, Some(0x10), 7));
        record.add(b"/bin/solve", 0x40);
        record.add(b"/lib/libc.so.6", 0x50);
        record.add(b"/bin/solve", 0x60);
        record.end();
        let frames = [
            ("/bin/solve", 0x40),
            ("/lib/libc.so.6", 0x50),
            ("/bin/solve", 0x60),
        ];
        let frames = frames.map(|(path, at)| (path.to_owned(), at));
        let wanted = Death {
            signal: 11,
            address: Some(0x10),
            time: 7,
            frames: frames.to_vec(),
        };
        assert_eq!(record.read(), Some(wanted));
        assert!(!record.begin(6, None, 8), "the first death counts");
    }

    #[test]
    fn what_does_not_fit_is_left_out() {
        let record = record();
        assert!(record.begin(6, None, 1));
        let long = vec![b'x'; 1000];
        for at in 0..40 {
            record.add(&long, at);
        }
        for file in 0..20u8 {
            record.add(&[b'a' + file], 0);
        }
        let death = record.read().unwrap();
        assert_eq!((death.frames.len(), death.address), (FRAMES, None));
        assert_eq!(death.frames[0].0.len(), PATH_WORDS * 8);
    }
}
