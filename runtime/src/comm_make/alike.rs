//! What members have to give alike to a call that makes a communicator.

use super::talk::{self, Circle};
use crate::error::{Class, Error, Result};
use crate::job;
use wireup::report::ranges;

/// Ranks of a group that are told to others, so that errors can list them.
const TOLD: usize = 8;

/// Whether all that members give is compared before they go on (`mpirun --check`).
pub(super) fn is_checked() -> bool {
    job::current().is_some_and(|job| job.settings.check)
}

/// A group in a few words: its size, a number that differs where another one's ranks do, and the
/// first ranks.
pub(super) fn group_words(ranks: &[u32]) -> Vec<u32> {
    let mut number = 0x811c_9dc5_u32; // FNV-1a
    for byte in ranks.iter().flat_map(|rank| rank.to_le_bytes()) {
        number = (number ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    }
    let size = u32::try_from(ranks.len()).unwrap_or(u32::MAX);
    let first = ranks.iter().copied().take(TOLD);
    [size, number].into_iter().chain(first).collect()
}

/// What [`group_words`] has made, in words of a person.
fn group_in_words(words: &[u32]) -> String {
    let [size, _, first @ ..] = words else {
        return "nothing that is known".to_owned();
    };
    let listed = ranges(first.iter().copied());
    match (*size as usize).saturating_sub(first.len()) {
        0 if first.len() == 1 => format!("rank {listed}"),
        0 => format!("ranks {listed}"),
        more => format!("ranks {listed} and {more} more"),
    }
}

/// An error if the group that member 0 gives to `call` is not this member's.
///
/// # Errors
/// It is not.
pub(super) fn same_group(call: &str, mine: &[u32], theirs: &[u32], rank: u32) -> Result<()> {
    match mine == theirs {
        true => Ok(()),
        false => Err(unlike_groups(call, mine, theirs, rank)),
    }
}

fn unlike_groups(call: &str, mine: &[u32], theirs: &[u32], rank: u32) -> Error {
    let (mine, theirs) = (group_in_words(mine), group_in_words(theirs));
    Error::mismatch(
        Class::GROUP,
        format_args!(
            "{call}: group has {mine} at this rank, but {theirs} at rank {rank}: all that are in it must give the same group, in the same order"
        ),
    )
}

/// Compares the groups that all members of `circle`, a whole communicator, give to `call`.
/// Groups without a member in common may differ.
///
/// # Errors
/// One that has this process, or that this process's has, is another one; or a peer was lost.
pub(super) fn compare_groups(circle: &Circle, call: &str, mine: &[u32]) -> Result<()> {
    let everybodys = circle.allgather(&talk::bytes_of(mine))?;
    let (me, own) = (circle.me(), group_words(mine));
    for (rank, theirs) in (0..).zip(&everybodys) {
        let theirs = talk::words_of(theirs);
        let is_common = mine.contains(&rank) || theirs.contains(&me);
        if is_common && theirs != mine {
            return Err(unlike_groups(call, &own, &group_words(&theirs), rank));
        }
    }
    Ok(())
}

/// Compares the local leaders that all members of `circle` give to `MPI_Intercomm_create`.
///
/// # Errors
/// They differ, or a peer was lost.
pub(super) fn compare_leaders(circle: &Circle, leader: u32) -> Result<()> {
    let everybodys = circle.allgather(&talk::bytes_of(&[leader]))?;
    for (rank, theirs) in (0..).zip(&everybodys) {
        if let [theirs] = talk::words_of(theirs)[..]
            && theirs != leader
        {
            return Err(Error::mismatch(
                Class::ARG,
                format_args!(
                    "MPI_Intercomm_create: local_leader is {leader} at this rank, but {theirs} at rank {rank} of the local communicator"
                ),
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_told_apart_by_order_and_by_what_is_not_listed() {
        let many: Vec<u32> = (0..20).collect();
        let mut turned = many.clone();
        turned.swap(15, 16);
        assert_ne!(group_words(&many), group_words(&turned));
        assert_eq!(group_in_words(&group_words(&many)), "ranks 0-7 and 12 more");
        assert_eq!(group_in_words(&group_words(&[2, 0, 1])), "ranks 2, 0-1");
        assert_eq!(group_in_words(&group_words(&[4])), "rank 4");
        assert!(same_group("a call", &group_words(&[0, 1]), &group_words(&[0, 1]), 0).is_ok());
        let error = same_group("a call", &group_words(&[0, 1]), &group_words(&[1, 0]), 0);
        assert!(error.is_err());
    }
}
