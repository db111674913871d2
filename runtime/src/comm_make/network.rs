//! Bridges over the network, in jobs that have one open: those that were started for several
//! hosts. There is no memory that all members map, so each member is told of all others: how
//! they are reached, and which number the messages between them carry. Each notes for itself
//! which spaces of context ids it uses; the leader of the first side takes one that is free at
//! all members, and all begin anew if another connection of some member has taken it meanwhile.

use super::connect::{Reader, Words};
use super::me;
use super::sides::PAIRS;
use super::talk::Circle;
use crate::error::{Class, Error, Result};
use crate::job;
use crate::object::comm::{Bridge, ContextId, NetworkBridge};
use crate::object::group::{self, Identity};
use crate::pml::far::{self, FarMember};
use std::cell::Cell;
use wireup::bridge::{CONTEXTS, first_context};
use wireup::layout::SPACES;

/// What is said where a member uses the space of context ids that was chosen.
pub(super) const TAKEN: &str = "the space of context ids is taken";

/// Words of a set of spaces.
const WORDS: usize = SPACES / 64;

/// The spaces that one process or several use, a bit for each.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Spaces([u64; WORDS]);

impl Spaces {
    /// Those of a list.
    pub(super) fn of(list: impl Iterator<Item = u32>) -> Spaces {
        let mut all = Spaces([0; WORDS]);
        for space in list {
            all.0[space as usize / 64 % WORDS] |= 1 << (space % 64);
        }
        all
    }

    /// Whether a space is among them.
    pub(super) fn has(&self, space: u32) -> bool {
        self.0[space as usize / 64 % WORDS] & 1 << (space % 64) != 0
    }

    fn add(&mut self, other: &Spaces) {
        self.0
            .iter_mut()
            .zip(other.0)
            .for_each(|(own, more)| *own |= more);
    }

    /// One that is not among them, from `start` on.
    fn free(&self, start: u32) -> Option<u32> {
        let all = u32::try_from(SPACES).unwrap_or(0);
        let mut from_there = (0..all).map(|n| (start % all + n) % all);
        from_there.find(|space| !self.has(*space))
    }
}

/// A process as it is reached over the network.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Member {
    /// Its node in its job.
    node: u32,
    /// The machine that it runs on, as a number.
    machine: u64,
    address: Vec<u8>,
}

/// How the members of a side are reached, and the spaces that any of them uses.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Reached {
    members: Vec<Member>,
    used: Spaces,
}

impl Reached {
    fn put(&self, to: &mut Words) {
        to.put(self.members.len() as u64);
        for member in &self.members {
            to.put(member.node.into());
            to.put(member.machine);
            to.put(member.address.len() as u64);
            to.0.extend(&member.address);
        }
        self.used.0.iter().for_each(|word| to.put(*word));
    }

    /// As a leader tells it; 0 members: there is no network.
    pub(super) fn write(reached: Option<&Reached>, to: &mut Words) {
        match reached {
            Some(reached) => reached.put(to),
            None => to.put(0),
        }
    }

    /// What [`Reached::write`] has written.
    ///
    /// # Errors
    /// It is cut off.
    pub(super) fn read(from: &mut Reader<'_>) -> Result<Option<Reached>> {
        let mut members = Vec::new();
        for _ in 0..from.get()? {
            members.push(Member {
                node: from.get_u32()?,
                machine: from.get()?,
                address: from.get_bytes()?,
            });
        }
        if members.is_empty() {
            return Ok(None);
        }
        let mut used = Spaces([0; WORDS]);
        for word in &mut used.0 {
            *word = from.get()?;
        }
        Ok(Some(Reached { members, used }))
    }
}

/// How the members of `circle` are reached, at each of them. `None`: this job has no network.
///
/// # Errors
/// A peer was lost.
pub(super) fn gather(circle: &Circle) -> Result<Option<Reached>> {
    let table = job::current().and_then(|job| Some((job, job.nodes?)));
    let Some((job, table)) = table else {
        return Ok(None);
    };
    let own = Reached {
        members: vec![Member {
            node: table.node(),
            machine: machine(),
            address: table.address(job.rank_in_world()),
        }],
        used: super::bridges::spaces(),
    };
    let mut words = Words::default();
    own.put(&mut words);
    let mut all = Reached {
        members: Vec::new(),
        used: own.used,
    };
    for said in circle.allgather(&words.0)? {
        if let Some(one) = Reached::read(&mut Reader(&said))? {
            all.members.extend(one.members);
            all.used.add(&one.used);
        }
    }
    Ok(Some(all))
}

/// The machine that this process runs on, as a number: that of one start of one kernel.
fn machine() -> u64 {
    let text = std::fs::read("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let fnv = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    text.iter().fold(0xcbf2_9ce4_8422_2325, fnv)
}

/// A number for a new bridge, and a space that no member of either side uses.
///
/// # Errors
/// All are in use, or the kernel gives no random numbers.
pub(super) fn choose(sides: [&Reached; 2]) -> Result<(u64, u32)> {
    let mut used = sides[0].used.clone();
    used.add(&sides[1].used);
    let mut bytes = [0; 12];
    // SAFETY: fills at most as many bytes as the array has.
    let got = unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), bytes.len(), 0) };
    if usize::try_from(got) != Ok(bytes.len()) {
        let why = std::io::Error::last_os_error();
        crate::fail!(OTHER, "no random number for a connection: getrandom: {why}");
    }
    let number = u64::from_le_bytes(std::array::from_fn(|at| bytes[at]));
    let start = u32::from_le_bytes(std::array::from_fn(|at| bytes[8 + at]));
    match used.free(start) {
        Some(space) => Ok((number, space)),
        None => crate::fail!(
            NO_MEM,
            "too many connections between jobs are open: disconnect some"
        ),
    }
}

/// Opens such a bridge at a member. `members`: those of both sides, in the order of `reached`.
///
/// # Errors
/// This process uses the space ([`TAKEN`]), or is no member, or an address is none.
pub(super) fn cross(
    members: &[Identity],
    reached: [&Reached; 2],
    (number, space): (u64, u32),
) -> Result<Bridge> {
    let fail = |why: String| Error::new(Class::OTHER, why);
    if super::bridges::spaces().has(space) {
        return Err(fail(TAKEN.to_owned()));
    }
    let myself = group::identity(me()?);
    let at = members.iter().position(|member| *member == myself);
    let at = at.and_then(|at| u32::try_from(at).ok());
    let at = at.ok_or_else(|| fail("this process is not on the bridge".to_owned()))?;
    let ways = reached.iter().flat_map(|side| &side.members);
    let all: Vec<FarMember> = members
        .iter()
        .zip(ways.clone())
        .map(|(identity, way)| FarMember {
            identity: *identity,
            node: way.node,
            address: way.address.clone(),
        })
        .collect();
    let here = machine();
    let others = members.iter().zip(ways);
    let sharing = others.filter(|(one, way)| one.job != myself.job && way.machine == here);
    let sharing = u32::try_from(sharing.count()).unwrap_or(0);
    let first = far::open_network(number, at, &all, sharing).map_err(fail)?;
    let count = u32::try_from(all.len()).unwrap_or(u32::MAX);
    super::bridges::note_network(first, (count, at), space, sharing);
    Ok(Bridge {
        first,
        members: count,
        me: at,
        space,
        network: Some(NetworkBridge {
            number,
            contexts: Cell::new(share(space, count, at)),
        }),
    })
}

/// The context ids of a space that its member `me` of `members` may give out, behind those of the
/// first communicator: each has as many, so that none has to ask another.
fn share(space: u32, members: u32, me: u32) -> (u32, u32) {
    let begin = 2 * PAIRS;
    let each = (CONTEXTS - begin) / members.max(1) / 2 * 2;
    let first = first_context(space) + begin + each * me;
    (first, first + each)
}

/// The context id of the first communicator over a bridge with this space.
pub(super) fn first(space: u32) -> ContextId {
    ContextId(first_context(space))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_space_is_free_at_all_members() {
        let used = Spaces::of([0, 5, 4095].into_iter());
        assert!(used.has(5) && used.has(4095) && !used.has(6));
        assert_eq!(used.free(5), Some(6));
        assert_eq!(used.free(4095), Some(1));
        let all = Spaces::of(0..4096);
        assert_eq!(all.free(7), None);
        let side = |used: &Spaces| Reached {
            members: Vec::new(),
            used: used.clone(),
        };
        let but_nine = Spaces::of((0..4096).filter(|space| *space != 9));
        assert_eq!(choose([&side(&used), &side(&but_nine)]).unwrap().1, 9);
        assert!(choose([&side(&used), &side(&all)]).is_err());
    }

    #[test]
    fn shares_of_members_are_apart_and_in_the_space() {
        for members in [1, 2, 7, 1000] {
            let shares: Vec<_> = (0..members).map(|me| share(3, members, me)).collect();
            assert!(shares[0].0 >= first_context(3) + 2 * PAIRS);
            assert!(
                shares
                    .iter()
                    .all(|one| one.0 % 2 == 0 && one.0 + 200 < one.1)
            );
            assert!(shares.windows(2).all(|two| two[0].1 <= two[1].0));
            assert!(shares[members as usize - 1].1 <= first_context(4));
        }
    }

    #[test]
    fn what_a_leader_tells_comes_back() {
        let reached = Reached {
            members: vec![Member {
                node: 2,
                machine: 77,
                address: vec![1, 2, 3],
            }],
            used: Spaces::of([9].into_iter()),
        };
        for told in [Some(reached), None] {
            let mut words = Words::default();
            Reached::write(told.as_ref(), &mut words);
            assert_eq!(Reached::read(&mut Reader(&words.0)).unwrap(), told);
        }
    }
}
