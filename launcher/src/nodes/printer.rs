//! The way of what ranks print from their nodes to the user: a queue, and a thread that writes
//! whole lines. Whoever reads the user's end slowly holds up the threads that hear the
//! agents, and so in the end the ranks; never the one that heeds signals, deaths and times.

use nix::errno::Errno;
use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a part of a line is held back for the rest of it.
const PART: Duration = Duration::from_millis(100);
/// Bytes that may wait to be written.
const ROOM: usize = 1 << 20;

/// Which of the two streams of a node, by the node's number.
type Source = (usize, Stream);

/// A stream of a rank, and of mpirun.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// Prints what nodes send.
#[derive(Clone)]
pub(super) struct Printer(Arc<Queue>);

struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    pieces: VecDeque<(Source, Vec<u8>)>,
    bytes: usize,
    /// The beginning of a line of each source, and since when it is held.
    parts: BTreeMap<Source, (Vec<u8>, Instant)>,
    /// Since when the thread is writing the same bytes, if it is.
    writing: Option<Instant>,
    /// Parts of lines are to be written now.
    hurries: bool,
    /// Nothing is written any more.
    discards: bool,
    /// Why standard output cannot be written.
    broken: Option<Errno>,
}

impl Printer {
    pub(super) fn new() -> Printer {
        Printer(Arc::new(Queue {
            state: Mutex::new(State::default()),
            changed: Condvar::new(),
        }))
    }

    /// Starts the thread that writes to these two.
    ///
    /// # Errors
    /// There are no more descriptors or threads.
    pub(super) fn start(&self, out: impl AsFd, err: impl AsFd) -> io::Result<()> {
        let own = self.clone();
        let [out, err] = [
            out.as_fd().try_clone_to_owned()?,
            err.as_fd().try_clone_to_owned()?,
        ];
        let (mut out, mut err) = (File::from(out), File::from(err));
        std::thread::Builder::new()
            .name("prints".to_owned())
            .spawn(move || {
                loop {
                    let (stream, bytes) = own.next();
                    let written = match stream {
                        Stream::Out => out.write_all(&bytes),
                        Stream::Err => err.write_all(&bytes),
                    };
                    own.written(stream, written);
                }
            })?;
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        let state = self.0.state.lock();
        state.unwrap_or_else(PoisonError::into_inner)
    }

    /// The next whole lines, or a part of one that was held for long enough.
    fn next(&self) -> (Stream, Vec<u8>) {
        let mut state = self.state();
        loop {
            while let Some(((node, stream), piece)) = state.pieces.pop_front() {
                state.bytes -= piece.len();
                self.0.changed.notify_all();
                if let Some(lines) = state.lines((node, stream), &piece) {
                    state.writing = Some(Instant::now());
                    return (stream, lines);
                }
            }
            if let Some((stream, part)) = state.old_part() {
                state.writing = Some(Instant::now());
                return (stream, part);
            }
            state.hurries = false;
            self.0.changed.notify_all();
            let waited = self.0.changed.wait_timeout(state, PART / 4);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn written(&self, stream: Stream, written: io::Result<()>) {
        let mut state = self.state();
        state.writing = None;
        if let (Stream::Out, Err(why)) = (stream, written) {
            let why = why.raw_os_error().map_or(Errno::EIO, Errno::from_raw);
            state.broken.get_or_insert(why);
        }
        self.0.changed.notify_all();
    }

    /// Adds what a node has sent; waits while there is no room.
    pub(super) fn put(&self, node: usize, stream: Stream, bytes: Vec<u8>) {
        let is_full = |state: &mut State| state.bytes >= ROOM && !state.discards;
        let state = self.0.changed.wait_while(self.state(), is_full);
        let mut state = state.unwrap_or_else(PoisonError::into_inner);
        if !state.discards {
            state.bytes += bytes.len();
            state.pieces.push_back(((node, stream), bytes));
            self.0.changed.notify_all();
        }
    }

    /// Waits until all that was added is written, parts of lines as well, or for `limit`.
    pub(super) fn catch_up(&self, limit: Duration) {
        let mut state = self.state();
        state.hurries = true;
        self.0.changed.notify_all();
        let is_behind = |state: &mut State| !state.is_through();
        drop(self.0.changed.wait_timeout_while(state, limit, is_behind));
    }

    /// Whether all that was added is written.
    pub(super) fn is_through(&self) -> bool {
        self.state().is_through()
    }

    /// For how long nobody has read.
    pub(super) fn unread(&self) -> Duration {
        let since = self.state().writing;
        since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// Drops what is not written, and what still comes.
    pub(super) fn discard(&self) {
        let mut state = self.state();
        state.discards = true;
        state.pieces.clear();
        state.parts.clear();
        state.bytes = 0;
        self.0.changed.notify_all();
    }

    /// Why standard output cannot be written, if so.
    pub(super) fn broken(&self) -> Option<Errno> {
        self.state().broken
    }
}

impl State {
    fn is_through(&self) -> bool {
        let is_empty = self.pieces.is_empty() && self.parts.is_empty();
        self.discards || is_empty && self.writing.is_none()
    }

    /// What of a source can be written once `piece` has come: whole lines.
    fn lines(&mut self, source: Source, piece: &[u8]) -> Option<Vec<u8>> {
        let held = self.parts.remove(&source);
        let (mut lines, since) = held.unwrap_or_else(|| (Vec::new(), Instant::now()));
        lines.extend(piece);
        let end = lines.iter().rposition(|byte| *byte == b'\n');
        let part = lines.split_off(end.map_or(0, |end| end + 1));
        if !part.is_empty() {
            let since = if end.is_some() { Instant::now() } else { since };
            self.parts.insert(source, (part, since));
        }
        (!lines.is_empty()).then_some(lines)
    }

    fn old_part(&mut self) -> Option<(Stream, Vec<u8>)> {
        let hurries = self.hurries;
        let is_old = |part: &(Vec<u8>, Instant)| hurries || part.1.elapsed() >= PART;
        let source = self.parts.iter().find(|(_, part)| is_old(part));
        let source = *source?.0;
        let (part, _) = self.parts.remove(&source)?;
        Some((source.1, part))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    const FOREVER: Duration = Duration::from_secs(60);

    #[test]
    fn lines_of_several_nodes_stay_whole() {
        let (mut out, to_out) = io::pipe().unwrap();
        let (mut err, to_err) = io::pipe().unwrap();
        let printer = Printer::new();
        printer.start(to_out, to_err).unwrap();
        printer.put(0, Stream::Out, b"a\nbe".to_vec());
        printer.put(1, Stream::Out, b"c\n".to_vec());
        printer.put(1, Stream::Err, b"e\n".to_vec());
        printer.put(0, Stream::Out, b"gin\nend".to_vec());
        printer.catch_up(FOREVER);
        assert!(printer.is_through());
        let mut text = [0; 13];
        out.read_exact(&mut text).unwrap();
        assert_eq!(&text, b"a\nc\nbegin\nend");
        let mut text = [0; 2];
        err.read_exact(&mut text).unwrap();
        assert_eq!(&text, b"e\n");
    }

    #[test]
    fn who_does_not_read_holds_up_nodes_and_nobody_else() {
        let (out, to_out) = io::pipe().unwrap();
        let printer = Printer::new();
        printer.start(&to_out, &to_out).unwrap();
        let own = printer.clone();
        let node = std::thread::spawn(move || {
            (0..64).for_each(|_| own.put(0, Stream::Out, vec![b'\n'; 64 << 10]));
        });
        while printer.unread() < Duration::from_millis(50) {
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(!node.is_finished() && !printer.is_through());
        printer.catch_up(Duration::from_millis(10));
        printer.discard();
        node.join().unwrap();
        drop(out);
        while printer.broken().is_none() {
            std::thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(printer.broken(), Some(Errno::EPIPE));
    }
}
