//! What is in front of a message's bytes in a datagram.

use crate::object::comm::ContextId;
use crate::object::group::Proc;
use crate::pml::transport::{Header, Words};

/// Bytes in front of each message: four of the sender, twenty of the header, and the
/// numbers.
pub(super) const HEAD: usize = 64;

/// Begins a frame.
pub(super) fn put_head(frame: &mut Vec<u8>, from: Proc, header: &Header, words: &Words) {
    frame.clear();
    frame.extend(from.0.to_ne_bytes());
    frame.extend([header.kind, header.flags, 0, 0]);
    let numbers = [
        header.context.0,
        header.tag.cast_unsigned(),
        header.source,
        header.aux,
    ];
    frame.extend(numbers.iter().flat_map(|n| n.to_ne_bytes()));
    frame.extend(words.iter().flat_map(|n| n.to_ne_bytes()));
}

/// The sender, the header and the numbers of a frame. `None`: it is too short, and from
/// nobody of this job.
pub(super) fn head_of(frame: &[u8]) -> Option<(Proc, Header, Words)> {
    let head = frame.first_chunk::<HEAD>()?;
    let number = |at| u32::from_ne_bytes(std::array::from_fn(|i| head[at + i]));
    let word = |at| u64::from_ne_bytes(std::array::from_fn(|i| head[24 + 8 * at + i]));
    let header = Header {
        kind: head[4],
        flags: head[5],
        context: ContextId(number(8)),
        tag: number(12).cast_signed(),
        source: number(16),
        aux: number(20),
    };
    Some((Proc(number(0)), header, std::array::from_fn(word)))
}
