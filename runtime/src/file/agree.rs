//! What members of a file exchange, so that a collective call fails at all of them or at
//! none.

use crate::coll;
use crate::error::{Class, Error, Result};
use crate::object::collective::Tag;
use crate::object::comm::Comm;
use crate::object::file::File;
use std::sync::Arc;
use wireup::collective::Kind;

/// Begins a collective call on a file.
pub fn begin(file: &File) -> Tag {
    begin_as(file, Kind::FILE)
}

/// Begins this collective call on a file, which no other call matches.
pub fn begin_as(file: &File, kind: Kind) -> Tag {
    file.comm.begin_collective(kind).peers
}

/// Sends `mine` to all members of `comm`, and returns what each has sent, by rank.
///
/// # Errors
/// A peer was lost.
pub fn exchange<const N: usize>(
    comm: &Arc<Comm>,
    tag: Tag,
    mine: &[u64; N],
) -> Result<Vec<[u64; N]>> {
    let bytes = mine.map(u64::to_ne_bytes).concat();
    let mut all = vec![0; comm.size() as usize * N * 8];
    coll::allgather_bytes(comm, tag, &bytes, &mut all)?;
    let (words, _) = all.as_chunks::<8>();
    let words: Vec<u64> = words.iter().map(|word| u64::from_ne_bytes(*word)).collect();
    Ok(words.as_chunks::<N>().0.to_vec())
}

/// Bytes of an error's text that other members get to see.
const TEXT: usize = 480;

/// Tells all members of `comm` whether this one has succeeded. Where one has not, each fails:
/// with its own error if it has one, with the class and text of the first rank's otherwise.
///
/// # Errors
/// That, or a peer was lost.
pub fn all_succeed(comm: &Arc<Comm>, tag: Tag, own: Result<()>) -> Result<()> {
    let class = own.as_ref().map_or_else(|error| error.class().0, |()| 0);
    let classes = exchange(comm, tag, &[u64::from(class.cast_unsigned())])?;
    let Some(first) = classes.iter().position(|[class]| *class != 0) else {
        return Ok(());
    };
    let text = own.as_ref().err().map_or("", Error::text);
    let mut text = text.as_bytes().to_vec();
    text.resize(TEXT, 0);
    let mut texts = vec![0; classes.len() * TEXT];
    coll::allgather_bytes(comm, tag, &text, &mut texts)?;
    own?;
    let [class] = classes[first];
    let text = String::from_utf8_lossy(&texts[first * TEXT..][..TEXT]).into_owned();
    let text = text.trim_end_matches('\0');
    let class = Class(i32::try_from(class).unwrap_or(Class::OTHER.0));
    Err(Error::new(
        class,
        format!("rank {first} of the file's group failed: {text}"),
    ))
}

/// As [`all_succeed`]; returns the words that each has sent, by rank, where all have succeeded.
///
/// # Errors
/// As there.
pub fn all_or_none<const N: usize>(
    comm: &Arc<Comm>,
    tag: Tag,
    own: Result<[u64; N]>,
) -> Result<Vec<[u64; N]>> {
    let (words, own) = match own {
        Ok(words) => (words, Ok(())),
        Err(error) => ([0; N], Err(error)),
    };
    all_succeed(comm, tag, own)?;
    exchange(comm, tag, &words)
}

/// As [`all_or_none`], where all members must have passed the same value for `what`.
///
/// # Errors
/// As there, or class NOT_SAME.
pub fn all_same(comm: &Arc<Comm>, tag: Tag, what: &str, own: Result<i64>) -> Result<i64> {
    let values = all_or_none(comm, tag, own.map(|own| [own.cast_unsigned()]))?;
    let [first] = values[0];
    match values.iter().position(|[value]| *value != first) {
        None => Ok(first.cast_signed()),
        Some(rank) => crate::fail!(
            NOT_SAME,
            "{what} is {} at rank 0, but {} at rank {rank}",
            first.cast_signed(),
            values[rank][0].cast_signed()
        ),
    }
}
