//! Processes of other jobs, as messaging knows them: numbered after the ranks of this job,
//! a run of numbers for each bridge.

use crate::object::group::{self, Identity, Proc};
use crate::pml::engine::{Engine, with_engine};
use crate::pml::transport::{BridgeOpening, JobPlace, NetworkOpening, Transport};
use crate::pml::{publish, waiter};
use std::ops::RangeInclusive;
use wireup::layout::{RankRecord, State};
use wireup::segment::Segment;

/// A bridge to be opened: its segment, the record of this process, who each record
/// stands for, and where their jobs are.
#[derive(Debug)]
pub struct NewBridge {
    /// The bridge.
    pub segment: Segment,
    /// The record of this process.
    pub me: u32,
    /// By record: which process of which job.
    pub members: Vec<Identity>,
    /// Where their jobs are, but for this process's own.
    pub jobs: Vec<JobPlace>,
}

/// Opens a bridge. The process that record 0 stands for; the others follow.
///
/// # Errors
/// A sentence: the transport has no bridges, or a segment cannot be mapped.
pub fn open_bridge(bridge: NewBridge) -> Result<Proc, String> {
    let NewBridge {
        segment,
        me,
        members,
        jobs,
    } = bridge;
    let records = u32::try_from(members.len()).unwrap_or(u32::MAX);
    let others = processes_of_others(&members);
    let first = group::next_foreign();
    with_engine(|engine| {
        let Engine { inbox, core } = engine;
        let opening = BridgeOpening {
            segment,
            me,
            first,
            members: members.clone(),
            jobs,
        };
        core.queues.transport().open_bridge(inbox, opening)?;
        core.grow(first.0 + records);
        Ok::<(), String>(())
    })?;
    group::register(members.into_iter().map(|member| (member, None)));
    waiter::add_processes(others);
    Ok(first)
}

/// A process that is to be met over the network.
#[derive(Clone, Debug)]
pub struct FarMember {
    /// Which process of which job.
    pub identity: Identity,
    /// Its node there.
    pub node: u32,
    /// How it is reached.
    pub address: Vec<u8>,
}

/// Meets processes over the network, of which this one is number `me`. `secret`: what their
/// messages carry. The process that the first of them is here; the others follow. `sharing`: how
/// many of them, of other jobs, share this one's processors.
///
/// # Errors
/// A sentence: there is no network, or an address is none.
pub fn open_network(
    secret: u64,
    me: u32,
    members: &[FarMember],
    sharing: u32,
) -> Result<Proc, String> {
    let own = group::job();
    let records = u32::try_from(members.len()).unwrap_or(u32::MAX);
    let first = group::next_foreign();
    let address = |member: &FarMember| (member.identity.job != own).then(|| member.address.clone());
    let opening = NetworkOpening {
        secret,
        me,
        first,
        addresses: members.iter().map(address).collect(),
    };
    with_engine(|engine| {
        engine.core.queues.transport().open_network(&opening)?;
        engine.core.grow(first.0 + records);
        Ok::<(), String>(())
    })?;
    group::register(
        members
            .iter()
            .map(|member| (member.identity, Some(member.node))),
    );
    waiter::add_processes(sharing.cast_signed());
    publish::note_networks(1);
    Ok(first)
}

/// Parts from `count` processes from `first` on, with which nothing is under way. `sharing`: as for
/// [`open_network`].
pub fn close_network(first: Proc, count: u32, sharing: u32) {
    waiter::add_processes(-sharing.cast_signed());
    publish::note_networks(-1);
    with_engine(|engine| {
        let transport = engine.core.queues.transport();
        transport.close_network(first, count);
    });
}

/// Tells a process that was met over the network how far this one is, behind all messages.
/// `false`: there is no room now.
pub fn tell_state(peer: Proc, state: State) -> bool {
    with_engine(|engine| engine.core.queues.transport().tell_state(peer, state))
}

/// How far a process that was met over the network has said to be.
#[must_use]
pub fn told_state(peer: Proc) -> Option<State> {
    with_engine(|engine| engine.core.queues.transport().told_state(peer))
}

/// Whether what was told is still on its way out of this process.
#[must_use]
pub fn is_telling() -> bool {
    with_engine(|engine| engine.core.queues.transport().is_telling())
}

/// How many of these processes belong to other jobs.
fn processes_of_others(members: &[Identity]) -> i32 {
    let own = group::job();
    let others = members.iter().filter(|member| member.job != own).count();
    i32::try_from(others).unwrap_or(i32::MAX)
}

/// Runs `f` on the segment of a bridge, if it is open.
pub fn with_bridge<R>(first: Proc, f: impl FnOnce(&Segment) -> R) -> Option<R> {
    with_engine(|engine| engine.core.queues.transport().bridge(first).map(f))
}

/// Runs `f` on the record that a process of another job has there, if a bridge to it is
/// open.
pub fn with_far_record<R>(peer: Proc, f: impl FnOnce(&RankRecord) -> R) -> Option<R> {
    with_engine(|engine| engine.core.queues.transport().far_record(peer).map(f))
}

/// Where this job is to be found.
///
/// # Errors
/// A sentence: it cannot be found from outside.
pub fn own_job() -> Result<JobPlace, String> {
    with_engine(|engine| engine.core.queues.transport().own_job())
}

/// Where the other jobs that a bridge leads to are to be found.
#[must_use]
pub fn far_jobs(first: Proc) -> Vec<JobPlace> {
    with_engine(|engine| engine.core.queues.transport().far_jobs(first))
}

/// Whether anything is under way to or from the `count` processes from `first` on, or is
/// posted in `contexts`.
#[must_use]
pub fn is_engaged(first: Proc, count: u32, contexts: RangeInclusive<u32>) -> bool {
    let range = first.0..first.0 + count;
    with_engine(|engine| {
        let core = &engine.core;
        core.transfers.is_engaged(&range)
            || core.queues.is_engaged(&range)
            || core.matching.any_posted(&contexts)
    })
}

/// Closes a bridge to `count` processes from `first` on, over which nothing is under way.
pub fn close_bridge(first: Proc, count: u32) {
    let members = (first.0..first.0 + count).map(|number| group::identity(Proc(number)));
    waiter::add_processes(-processes_of_others(&members.collect::<Vec<_>>()));
    with_engine(|engine| {
        let Engine { inbox, core } = engine;
        core.queues.transport().close_bridge(inbox, first);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processes_of_this_job_are_not_counted_again() {
        let own = group::job();
        let member = |job, rank| Identity { job, rank };
        let members = [
            member(own, 0),
            member(own + 1, 0),
            member(own, 3),
            member(own + 2, 3),
        ];
        assert_eq!(processes_of_others(&members), 2);
        assert_eq!(processes_of_others(&members[..1]), 0);
    }
}
