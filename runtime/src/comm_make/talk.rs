//! How the members of a communicator to be agree: bytes sent up and down a
//! binomial tree, over the collective context of a communicator that exists.
//!
//! A message is a head of [`HEAD`] bytes, which begins with the length, and a
//! second part with what does not fit. Tags below zero keep the talk of groups
//! apart from collectives, whose tags are not negative.

use crate::error::Result;
use crate::object::collective::Tag;
use crate::object::comm::{Comm, Space};
use crate::object::group::Group;
use crate::pml::collective::{self, Verdict, Watch};
use crate::pml::{self, Buffer, Mode, Request};
use std::sync::Arc;
use wireup::collective::{Kind, agreement};

const HEAD: usize = 64;
const LEN: usize = 8;

/// Who talks by group, not on behalf of a whole communicator.
#[derive(Clone, Copy, Debug)]
#[repr(i32)]
pub(super) enum Topic {
    /// `MPI_Comm_create_group`.
    Group = 0,
    /// The leaders in `MPI_Intercomm_create`.
    Leaders = 1,
    /// `MPI_Comm_create_from_group`.
    FromGroup = 2,
    /// The leaders in `MPI_Intercomm_create_from_groups`.
    FromGroupLeaders = 3,
}

/// The tag of `topic`, kept apart by `number` from others that are under way.
pub(super) fn tag(topic: Topic, number: i32) -> i32 {
    agreement(topic as i32, number)
}

/// A number made of a string tag (FNV-1a).
pub(super) fn number(text: &std::ffi::CStr) -> i32 {
    let mut hash: u32 = 0x811c_9dc5;
    for byte in text.to_bytes() {
        hash = (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
    }
    hash.cast_signed() & i32::MAX
}

/// A send under way, with the memory it reads.
struct Outgoing {
    _parts: [Vec<u8>; 2],
    requests: Vec<Request>,
}

fn send(comm: &Comm, to: u32, tag: i32, bytes: &[u8]) -> Result<Outgoing> {
    let (begin, rest) = bytes.split_at(bytes.len().min(HEAD - LEN));
    let mut head = Vec::with_capacity(HEAD);
    head.extend((bytes.len() as u64).to_le_bytes());
    head.extend(begin);
    head.resize(HEAD, 0);
    let parts = [head, rest.to_vec()];
    let mut requests = Vec::new();
    for part in parts.iter().filter(|part| !part.is_empty()) {
        let buffer = Buffer::bytes(part.as_ptr(), part.len());
        // SAFETY: `Outgoing` keeps the memory, unmoved and unchanged, and its
        // owners wait for the requests before they drop it.
        let request =
            unsafe { pml::isend(comm, Space::Collective, to, tag, &buffer, Mode::Standard) };
        requests.push(request?);
    }
    Ok(Outgoing {
        _parts: parts,
        requests,
    })
}

impl Outgoing {
    fn wait(self, comm: &Comm, tag: i32) -> Result<()> {
        let mut result = Ok(());
        for request in self.requests {
            result = result.and(wait(comm, tag, request));
        }
        result
    }
}

fn recv(comm: &Comm, from: u32, tag: i32) -> Result<Vec<u8>> {
    let mut head = [0u8; HEAD];
    recv_into(comm, from, tag, &mut head)?;
    let (len, begin) = head.split_at(LEN);
    let len = len.try_into().map_or(0, u64::from_le_bytes);
    let len = usize::try_from(len).unwrap_or(0);
    let mut bytes = begin[..len.min(HEAD - LEN)].to_vec();
    if len > HEAD - LEN {
        bytes.resize(len, 0);
        recv_into(comm, from, tag, &mut bytes[HEAD - LEN..])?;
    }
    Ok(bytes)
}

fn recv_into(comm: &Comm, from: u32, tag: i32, bytes: &mut [u8]) -> Result<()> {
    let buffer = Buffer::bytes(bytes.as_mut_ptr(), bytes.len());
    // SAFETY: the memory is borrowed by this call, which waits for the request.
    let request = unsafe { pml::irecv(comm, Space::Collective, Some(from), Some(tag), &buffer) };
    wait(comm, tag, request?)
}

fn wait(comm: &Comm, tag: i32, request: Request) -> Result<()> {
    let mut watch = Watch::default();
    let mut failed = None;
    let stall = || {
        if tag >= 0 && failed.is_none() {
            failed = match watch.look(comm, Tag(tag), &[], |_| true) {
                Verdict::Fine => return false,
                Verdict::Moves => Some(collective::moved()),
                Verdict::Fails(error) => Some(error),
            };
            pml::cancel(&request);
        }
        false
    };
    pml::wait_or(|| request.waits_for(), || request.is_done(), stall);
    match request.finish().error.or(failed) {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

/// Sends `bytes` to rank `peer` of `comm`, and receives as much from it as it
/// sends.
pub(super) fn exchange(comm: &Comm, peer: u32, tag: i32, bytes: &[u8]) -> Result<Vec<u8>> {
    let sending = send(comm, peer, tag, bytes)?;
    let received = recv(comm, peer, tag);
    sending.wait(comm, tag)?;
    received
}

/// Processes that agree with one another: all of an intracommunicator, or a part
/// of it. Members are numbered from 0.
#[derive(Debug)]
pub(super) struct Circle {
    comm: Arc<Comm>,
    /// The ranks of the members in `comm`; `None`: everybody, in order.
    ranks: Option<Vec<u32>>,
    me: u32,
    tag: i32,
}

impl Circle {
    /// All members of `comm`; of an intercommunicator, of its local group. Every
    /// member calls this in the same order as other collectives.
    pub(super) fn whole(comm: &Arc<Comm>, kind: Kind) -> Circle {
        let local = comm.inter.as_ref().map_or(comm, |inter| &inter.local);
        Circle::all(local, local.begin_collective(kind).peers)
    }

    /// All members of the intracommunicator `comm`, in a collective that has begun.
    pub(super) fn all(comm: &Arc<Comm>, tag: Tag) -> Circle {
        Circle {
            comm: comm.clone(),
            ranks: None,
            me: comm.rank,
            tag: tag.0,
        }
    }

    /// Those members of the intracommunicator `comm` that are in `group`, if
    /// this process is.
    pub(super) fn part(comm: &Arc<Comm>, group: &Group, tag: i32) -> Option<Circle> {
        let me = group.rank_of(comm.group.proc(comm.rank)?)?;
        let ranks = group.iter().map(|proc| comm.group.rank_of(proc));
        Some(Circle {
            comm: comm.clone(),
            ranks: Some(ranks.collect::<Option<Vec<u32>>>()?),
            me,
            tag,
        })
    }

    /// The communicator that its members talk over.
    pub(super) fn comm(&self) -> &Comm {
        &self.comm
    }

    /// This process's number.
    pub(super) fn me(&self) -> u32 {
        self.me
    }

    /// The number of members.
    pub(super) fn size(&self) -> u32 {
        match &self.ranks {
            None => self.comm.size(),
            Some(ranks) => u32::try_from(ranks.len()).unwrap_or(u32::MAX),
        }
    }

    pub(super) fn rank(&self, member: u32) -> u32 {
        match &self.ranks {
            None => member,
            Some(ranks) => ranks[member as usize],
        }
    }

    /// The ranks of all members in the communicator that they talk over.
    pub(super) fn ranks(&self) -> Vec<u32> {
        (0..self.size()).map(|member| self.rank(member)).collect()
    }

    fn send(&self, to: u32, bytes: &[u8]) -> Result<()> {
        let to = self.rank(to);
        send(&self.comm, to, self.tag, bytes)?.wait(&self.comm, self.tag)
    }

    fn recv(&self, from: u32) -> Result<Vec<u8>> {
        recv(&self.comm, self.rank(from), self.tag)
    }

    /// The bytes that member `root` gives, at every member.
    pub(super) fn bcast(&self, root: u32, bytes: Vec<u8>) -> Result<Vec<u8>> {
        let size = self.size();
        let place = (self.me + size - root) % size;
        let member = |place: u32| (place + root) % size;
        let mut bytes = bytes;
        if let Some(parent) = parent(place) {
            bytes = self.recv(member(parent))?;
        }
        for child in children(place, size) {
            self.send(member(child), &bytes)?;
        }
        Ok(bytes)
    }

    /// Every member's bytes, at member 0; elsewhere nothing.
    pub(super) fn gather(&self, bytes: &[u8]) -> Result<Vec<Vec<u8>>> {
        let mut blocks = vec![bytes.to_vec()];
        // The nearest child first: its subtree's members come next in order.
        let mut nearest: Vec<u32> = children(self.me, self.size()).collect();
        nearest.reverse();
        for child in nearest {
            blocks.extend(unpack(&self.recv(child)?));
        }
        match parent(self.me) {
            None => Ok(blocks),
            Some(parent) => self.send(parent, &pack(&blocks)).map(|()| Vec::new()),
        }
    }

    /// Every member's bytes, at every member.
    pub(super) fn allgather(&self, bytes: &[u8]) -> Result<Vec<Vec<u8>>> {
        let blocks = pack(&self.gather(bytes)?);
        Ok(unpack(&self.bcast(0, blocks)?))
    }
}

/// The parent of `place` in a binomial tree rooted at 0.
pub(super) fn parent(place: u32) -> Option<u32> {
    (place != 0).then(|| place & (place - 1))
}

/// The children of `place` in a binomial tree of `size`, the farthest (who has
/// the most to pass on) first.
pub(super) fn children(place: u32, size: u32) -> impl Iterator<Item = u32> {
    let bits = if place == 0 {
        32
    } else {
        place.trailing_zeros()
    };
    let steps = (0..bits).rev().map(move |bit| place.checked_add(1 << bit));
    steps.flatten().filter(move |child| *child < size)
}

fn pack(blocks: &[Vec<u8>]) -> Vec<u8> {
    let mut packed = Vec::new();
    for block in blocks {
        packed.extend((block.len() as u64).to_le_bytes());
        packed.extend(block);
    }
    packed
}

fn unpack(packed: &[u8]) -> Vec<Vec<u8>> {
    let mut blocks = Vec::new();
    let mut rest = packed;
    while let Some((len, after)) = rest.split_first_chunk::<LEN>() {
        let len = usize::try_from(u64::from_le_bytes(*len)).unwrap_or(usize::MAX);
        let (block, next) = after.split_at(len.min(after.len()));
        blocks.push(block.to_vec());
        rest = next;
    }
    blocks
}

/// Words as bytes.
pub(super) fn bytes_of(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// Bytes as words.
pub(super) fn words_of(bytes: &[u8]) -> Vec<u32> {
    let (words, _) = bytes.as_chunks::<4>();
    words.iter().map(|word| u32::from_le_bytes(*word)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_reaches_everybody_once() {
        for size in 1..70 {
            let mut seen = vec![0; size as usize];
            seen[0] = 1;
            for place in 0..size {
                for child in children(place, size) {
                    assert_eq!(parent(child), Some(place));
                    assert!(child > place);
                    seen[child as usize] += 1;
                }
            }
            assert!(seen.iter().all(|n| *n == 1), "{size}: {seen:?}");
        }
    }

    #[test]
    fn blocks_and_words_come_back() {
        let blocks = vec![vec![], vec![1, 2, 3], vec![9; 1000]];
        assert_eq!(unpack(&pack(&blocks)), blocks);
        assert_eq!(words_of(&bytes_of(&[7, u32::MAX])), [7, u32::MAX]);
    }

    #[test]
    fn topics_do_not_meet() {
        let tags = [Topic::Group, Topic::Leaders, Topic::FromGroup].map(|t| tag(t, i32::MAX));
        assert!(tags.iter().all(|t| *t < 0));
        assert!(tags[0] != tags[1] && tags[1] != tags[2]);
        assert_ne!(number(c"a"), number(c"b"));
    }
}
