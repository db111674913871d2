//! The way down to an agent: a queue of frames, and a thread that writes them.
//!
//! Who sends never waits for an agent to read, so that mpirun heeds signals, deaths and times
//! whatever an agent does. Standard input alone is bounded: its bytes wait for credit, which
//! the agent returns as its node's ranks read. Only the thread that copies it waits.

use super::agent::BEAT;
use super::frame::{self, Kind};
use std::collections::VecDeque;
use std::io::Write;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The most bytes of standard input that are under way to a node.
const CREDIT: usize = 256 << 10;

/// The way down to one agent.
#[derive(Clone)]
pub(super) struct Outbox(Arc<Queue>);

struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    frames: VecDeque<(Kind, Vec<u8>)>,
    /// Since when the thread is writing a frame, if it is.
    writing: Option<Instant>,
    /// Nothing is taken any more. What is queued is still written.
    is_closed: bool,
    /// Whether it is not to be said that this mpirun is alive.
    is_silent: bool,
    /// Bytes of standard input that may still be queued.
    credit: usize,
}

impl Outbox {
    pub(super) fn new() -> Outbox {
        let state = State {
            frames: VecDeque::new(),
            writing: None,
            is_closed: false,
            is_silent: false,
            credit: CREDIT,
        };
        Outbox(Arc::new(Queue {
            state: Mutex::new(state),
            changed: Condvar::new(),
        }))
    }

    /// Starts the thread that writes to `pipe`. While there is nothing to write it says that
    /// this mpirun is alive. It ends, and closes the pipe, once the outbox is closed and
    /// empty; if nobody reads, it waits without end, and nobody waits for it.
    pub(super) fn start(&self, mut pipe: impl Write + Send + 'static) {
        let own = self.clone();
        std::thread::spawn(move || {
            while let Some((kind, bytes)) = own.next() {
                if frame::write(&mut pipe, kind, &bytes).is_err() {
                    own.discard(); // who does not read has ended, which is seen
                }
            }
        });
    }

    fn state(&self) -> MutexGuard<'_, State> {
        let state = self.0.state.lock();
        state.unwrap_or_else(PoisonError::into_inner)
    }

    /// The next frame to be written. `None`: there will be no more.
    fn next(&self) -> Option<(Kind, Vec<u8>)> {
        let mut state = self.state();
        state.writing = None;
        self.0.changed.notify_all();
        let next = loop {
            let idle = |state: &mut State| state.frames.is_empty() && !state.is_closed;
            let waited = self.0.changed.wait_timeout_while(state, BEAT, idle);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            match state.frames.pop_front() {
                Some(next) => break next,
                None if state.is_closed => return None,
                None if state.is_silent => {}
                None => break (Kind::Alive, Vec::new()),
            }
        };
        state.writing = Some(Instant::now());
        Some(next)
    }

    /// Whether it is not to be said that this mpirun is alive: it is going to stop, which
    /// agents are told.
    pub(super) fn set_silent(&self, is_silent: bool) {
        self.state().is_silent = is_silent;
    }

    /// Sends a frame, unless the outbox is closed.
    pub(super) fn send(&self, kind: Kind, bytes: &[u8]) {
        let mut state = self.state();
        if !state.is_closed {
            state.frames.push_back((kind, bytes.to_vec()));
            self.0.changed.notify_all();
        }
    }

    /// Sends standard input, of which an empty piece is the end; waits for credit, or until
    /// the outbox is closed.
    pub(super) fn send_input(&self, bytes: &[u8]) {
        let lacks = |state: &mut State| state.credit < bytes.len() && !state.is_closed;
        let state = self.0.changed.wait_while(self.state(), lacks);
        let mut state = state.unwrap_or_else(PoisonError::into_inner);
        state.credit = state.credit.saturating_sub(bytes.len());
        drop(state);
        self.send(Kind::In, bytes);
    }

    /// Takes credit back: so many bytes of standard input were read.
    pub(super) fn give(&self, bytes: usize) {
        let mut state = self.state();
        state.credit = state.credit.saturating_add(bytes);
        self.0.changed.notify_all();
    }

    /// Closes the connection after what is queued.
    pub(super) fn close(&self) {
        self.state().is_closed = true;
        self.0.changed.notify_all();
    }

    /// Closes it, and drops what is queued.
    pub(super) fn discard(&self) {
        let mut state = self.state();
        state.frames.clear();
        state.is_closed = true;
        self.0.changed.notify_all();
    }

    /// For how long the agent has not read what is written to it.
    pub(super) fn unread(&self) -> Duration {
        let since = self.state().writing;
        since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// Waits until all is written, but not longer than `limit`.
    pub(super) fn flush(&self, limit: Duration) {
        let busy = |state: &mut State| state.writing.is_some() || !state.frames.is_empty();
        drop(self.0.changed.wait_timeout_while(self.state(), limit, busy));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixStream;

    fn next(from: &UnixStream) -> Option<(Kind, Vec<u8>)> {
        loop {
            let frame = frame::read(from).unwrap()?;
            if frame.kind != Kind::Alive {
                return Some((frame.kind, frame.bytes));
            }
        }
    }

    #[test]
    fn frames_come_in_order_before_the_end() {
        let (near, far) = UnixStream::pair().unwrap();
        let outbox = Outbox::new();
        outbox.send(Kind::Go, b"early");
        outbox.start(near);
        outbox.send_input(b"in");
        outbox.close();
        outbox.send(Kind::End, b"late");
        assert_eq!(next(&far), Some((Kind::Go, b"early".to_vec())));
        assert_eq!(next(&far), Some((Kind::In, b"in".to_vec())));
        assert_eq!(next(&far), None);
    }

    #[test]
    fn an_idle_outbox_says_that_it_is_alive() {
        let (near, far) = UnixStream::pair().unwrap();
        let outbox = Outbox::new();
        outbox.start(near);
        let said = frame::read(&far).unwrap().unwrap();
        assert_eq!(said.kind, Kind::Alive);
        outbox.set_silent(true);
        outbox.send(Kind::Signal, &[20]);
        assert_eq!(next(&far), Some((Kind::Signal, vec![20])));
        far.set_read_timeout(Some(2 * BEAT)).unwrap();
        assert!(frame::read(&far).is_err(), "a silent outbox says nothing");
        outbox.discard();
    }

    /// Nobody reads: input waits for credit, all else for nothing.
    #[test]
    fn who_does_not_read_holds_up_input_alone() {
        let (near, far) = UnixStream::pair().unwrap();
        let outbox = Outbox::new();
        outbox.start(near);
        let input = outbox.clone();
        let piece = vec![b'x'; 32 << 10];
        let len = piece.len();
        let copying = std::thread::spawn(move || {
            (0..2 * CREDIT / len).for_each(|_| input.send_input(&piece));
        });
        while outbox.state().credit > 0 {
            std::thread::yield_now();
        }
        for _ in 0..10_000 {
            outbox.send(Kind::Signal, &[1]);
        }
        assert!(!copying.is_finished());
        outbox.give(len);
        while outbox.state().credit > 0 {
            std::thread::yield_now();
        }
        assert!(!copying.is_finished());
        outbox.discard();
        copying.join().unwrap();
        drop(far);
    }
}
