//! The way of a rank's request to have a job started (`MPI_Comm_spawn`), on a node: to the mpirun
//! that the user has started, and of what comes of it back.

use super::frame::{self, Kind};
use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, PoisonError};
use wireup::spawning::{HEAD, Outcome, Request};

/// Passes requests up, and answers down.
#[derive(Clone, Debug)]
pub struct Relay {
    line: Arc<Mutex<UnixStream>>,
    callers: Arc<Mutex<Callers>>,
}

/// Ranks that wait for what becomes of their jobs, by number.
#[derive(Debug, Default)]
struct Callers {
    last: u32,
    waiting: BTreeMap<u32, UnixStream>,
}

impl Relay {
    /// Of the node with this line.
    pub(super) fn new(line: Arc<Mutex<UnixStream>>) -> Relay {
        Relay {
            line,
            callers: Arc::default(),
        }
    }

    /// Passes a request up. `status`: where the rank is told what becomes of it.
    pub fn ask(&self, request: &Request, status: UnixStream) {
        let number = {
            let mut callers = self.callers.lock().unwrap_or_else(PoisonError::into_inner);
            callers.last = callers.last.wrapping_add(1);
            let number = callers.last;
            callers.waiting.insert(number, status);
            number
        };
        let bytes = [&number.to_le_bytes(), &request.write()[HEAD..]].concat();
        let line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = frame::write(&*line, Kind::Spawn, &bytes); // else this mpirun ends soon
    }

    /// Passes an answer down: the request's number, and what the rank is to read; nothing there:
    /// the job has ended.
    pub(super) fn answered(&self, bytes: &[u8]) {
        let Some((number, words)) = bytes.split_first_chunk() else {
            return;
        };
        let number = u32::from_le_bytes(*number);
        let mut callers = self.callers.lock().unwrap_or_else(PoisonError::into_inner);
        if words.is_empty() {
            callers.waiting.remove(&number);
        } else if let Some(mut status) = callers.waiting.get(&number) {
            let _ = status.write_all(words); // a rank that has ended need not know
        }
    }
}

/// A request as it has come up: its number, and what it wants.
pub(super) fn read_request(bytes: &[u8]) -> Option<(u32, Request)> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((u32::from_le_bytes(*number), Request::read(rest)?))
}

/// An answer as it goes down. `None`: the job has ended.
pub(super) fn write_answer(number: u32, outcome: Option<&Outcome>) -> Vec<u8> {
    let words = outcome.map(Outcome::write).unwrap_or_default();
    [&number.to_le_bytes()[..], &words].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn requests_go_up_and_answers_come_to_who_has_asked() {
        let (near, far) = UnixStream::pair().unwrap();
        let relay = Relay::new(Arc::new(Mutex::new(near)));
        let request = |dir: &str| Request {
            dir: dir.into(),
            ..Request::default()
        };
        let mut ranks = Vec::new();
        for dir in ["/a", "/b"] {
            let (status, rank) = UnixStream::pair().unwrap();
            relay.ask(&request(dir), status);
            let frame = frame::read(&far).unwrap().unwrap();
            assert_eq!(frame.kind, Kind::Spawn);
            let (number, read) = read_request(&frame.bytes).unwrap();
            assert_eq!(read, request(dir));
            ranks.push((number, rank));
        }
        let refused = Outcome::Refused(Some(1), "no".to_owned());
        let (number, second) = &mut ranks[1];
        relay.answered(&write_answer(*number, Some(&refused)));
        relay.answered(&write_answer(*number, None));
        let mut told = Vec::new();
        second.read_to_end(&mut told).unwrap();
        assert_eq!(Outcome::read(&told[HEAD..]), refused);
        ranks[0].1.set_nonblocking(true).unwrap();
        assert!(ranks[0].1.read(&mut [0]).is_err(), "it still waits");
    }
}
