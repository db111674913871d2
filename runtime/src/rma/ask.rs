//! What an origin asks a target for by a message, and the answer.
//!
//! A request is [`HEAD`] numbers, then the runs of memory that it is about, each an
//! address and a length, then bytes. Its answer is a class of error, 0 if there is none,
//! and then bytes: what was fetched, or the error's text.

use super::runs::{self, Run};
use crate::error::{Class, Error, Result};
use crate::object::win::Win;

/// The tag of requests. Answers have tags from 16 on, notices those below.
pub(super) const REQUEST: i32 = 8;

/// Numbers in front of a request: what is asked for, two numbers of that, the answer's
/// tag, how many runs.
const HEAD: usize = 5;

/// Bytes of the longest text of an error.
const TEXT: usize = 400;

/// What an origin asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Ask {
    /// To store the bytes in the runs.
    Put,
    /// The bytes of the runs.
    Get,
    /// To change elements by an operation, with the bytes as its operand, and to answer
    /// with what was there if `fetch`. The handles of operation and predefined type.
    Accumulate {
        op: usize,
        datatype: usize,
        fetch: bool,
    },
    /// To compare and swap an element of so many bytes.
    CompareAndSwap(usize),
    /// The target's lock, answered when the origin has it. Whether it is exclusive.
    Lock(bool),
    /// To let that lock go.
    Unlock(bool),
}

impl Ask {
    pub(super) fn words(self) -> [u64; 3] {
        match self {
            Ask::Put => [1, 0, 0],
            Ask::Get => [2, 0, 0],
            Ask::Accumulate {
                op,
                datatype,
                fetch,
            } => [3 + u64::from(fetch), op as u64, datatype as u64],
            Ask::CompareAndSwap(len) => [5, len as u64, 0],
            Ask::Lock(exclusive) => [6, u64::from(exclusive), 0],
            Ask::Unlock(exclusive) => [7, u64::from(exclusive), 0],
        }
    }

    pub(super) fn of([kind, first, second]: [u64; 3]) -> Option<Ask> {
        let size = |word: u64| usize::try_from(word).ok();
        Some(match kind {
            1 => Ask::Put,
            2 => Ask::Get,
            3 | 4 => Ask::Accumulate {
                op: size(first)?,
                datatype: size(second)?,
                fetch: kind == 4,
            },
            5 => Ask::CompareAndSwap(size(first)?),
            6 => Ask::Lock(first != 0),
            7 => Ask::Unlock(first != 0),
            _ => return None,
        })
    }
}

/// A request, as it was received.
pub(super) struct Request<'a> {
    pub(super) what: Ask,
    pub(super) tag: i32,
    pub(super) runs: Vec<Run>,
    pub(super) data: &'a [u8],
}

impl Request<'_> {
    /// The message that asks for `what`.
    pub(super) fn write(what: Ask, tag: i32, runs: &[Run], data: &[&[u8]]) -> Result<Vec<u8>> {
        let bytes: usize = data.iter().map(|part| part.len()).sum();
        let mut message = runs::room((HEAD + 2 * runs.len()) * 8 + bytes)?;
        message.clear();
        let [kind, first, second] = what.words();
        let head = [
            kind,
            first,
            second,
            u64::from(tag.cast_unsigned()),
            runs.len() as u64,
        ];
        let words = head
            .into_iter()
            .chain(runs.iter().flat_map(|run| [run.0, run.1 as u64]));
        words.for_each(|word| message.extend(word.to_ne_bytes()));
        data.iter().for_each(|part| message.extend(*part));
        Ok(message)
    }

    pub(super) fn read(message: &[u8]) -> Option<Request<'_>> {
        let (words, _) = message.as_chunks::<8>();
        let word = |at: usize| words.get(at).map(|word| u64::from_ne_bytes(*word));
        let count = usize::try_from(word(4)?).ok()?;
        let end = HEAD.checked_add(count.checked_mul(2)?)?;
        let runs = words.get(HEAD..end)?.as_chunks::<2>().0.iter();
        let runs = runs.map(|[addr, len]| {
            let [addr, len] = [addr, len].map(|word| u64::from_ne_bytes(*word));
            Some((addr, usize::try_from(len).ok()?))
        });
        Some(Request {
            what: Ask::of([word(0)?, word(1)?, word(2)?])?,
            tag: i32::try_from(word(3)?).ok()?,
            runs: runs.collect::<Option<_>>()?,
            data: &message[end * 8..],
        })
    }
}

/// An answer.
pub(super) struct Answer;

impl Answer {
    /// Bytes for an answer that has `len` bytes, or an error's text.
    pub(super) fn room(len: usize) -> usize {
        len.max(TEXT).saturating_add(8)
    }

    pub(super) fn write(outcome: Result<Vec<u8>>) -> Vec<u8> {
        let mut message = Vec::new();
        match outcome {
            Ok(bytes) => {
                message.extend(0u64.to_ne_bytes());
                message.extend(bytes);
            }
            Err(error) => {
                message.extend(u64::from(error.class().0.cast_unsigned()).to_ne_bytes());
                let text = error.text().as_bytes();
                message.extend(&text[..text.len().min(TEXT)]);
            }
        }
        message
    }

    /// The bytes of an answer.
    ///
    /// # Errors
    /// What the target said.
    pub(super) fn read(message: &[u8]) -> Result<&[u8]> {
        let Some((class, bytes)) = message.split_first_chunk::<8>() else {
            return Err(malformed("an answer"));
        };
        match i32::try_from(u64::from_ne_bytes(*class)).unwrap_or(-1) {
            0 => Ok(bytes),
            class => Err(Error::new(
                Class(class),
                String::from_utf8_lossy(bytes).into_owned(),
            )),
        }
    }
}

#[cold]
pub(super) fn malformed(what: &str) -> Error {
    Error::new(Class::INTERN, format!("{what} of a window is malformed"))
}

/// The error of a target's memory that cannot be had.
#[cold]
pub(super) fn absent(win: &Win, target: u32, (addr, len): Run, why: &str) -> Error {
    let text = format!(
        "{len} bytes at {addr:#x} of rank {target} of {} cannot be accessed: {why}",
        win.label()
    );
    Error::new(Class::RMA_RANGE, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_and_answers_are_read_as_they_were_written() {
        let what = Ask::Accumulate {
            op: 0x21,
            datatype: 0x209,
            fetch: true,
        };
        let message = Request::write(what, 77, &[(4096, 8), (9000, 4)], &[b"abcd", b"efgh"]);
        let message = message.unwrap();
        let read = Request::read(&message).unwrap();
        assert_eq!((read.what, read.tag), (what, 77));
        assert_eq!(read.runs, [(4096, 8), (9000, 4)]);
        assert_eq!(read.data, b"abcdefgh");
        for short in 0..message.len() - 8 {
            assert!(Request::read(&message[..short]).is_none(), "{short}");
        }
        for what in [
            Ask::Put,
            Ask::Get,
            Ask::CompareAndSwap(8),
            Ask::Lock(true),
            Ask::Unlock(false),
        ] {
            assert_eq!(Ask::of(what.words()), Some(what));
        }
        assert_eq!(Ask::of([9, 0, 0]), None);
        assert_eq!(
            Answer::read(&Answer::write(Ok(vec![1, 2]))).unwrap(),
            [1, 2]
        );
        let error = Error::new(Class::RMA_RANGE, "nothing there".to_owned());
        let error = Answer::read(&Answer::write(Err(error))).unwrap_err();
        assert_eq!(error.class(), Class::RMA_RANGE);
        assert!(Answer::read(&[0; 7]).is_err());
    }
}
