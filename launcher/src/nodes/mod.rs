//! Jobs on several hosts.
//!
//! The mpirun that the user has started runs no ranks then: it starts an *agent* on each
//! host, over `ssh` or another command whose standard input and output are the control
//! connection, and listens nowhere. The agent is mpirun as well; it starts the *node's
//! mpirun*, which runs that host's ranks as a job of one host, and passes on what goes up and
//! down. So each host has a job segment, an mpirun with all that belongs to it, and ranks
//! that find those of other hosts in a table ([`wireup::nodes`]).
//!
//! ```text
//! frame        what travels over control connections
//! layout       which rank runs on which host
//! launch       the command that starts an agent
//! coordinator  the mpirun that the user has started
//! node         a node, as it has it
//! input        standard input
//! outbox       its way down to an agent, which never makes it wait
//! agent        mpirun --agent, on each host
//! interface    the address by which a host is reached
//! link         the node's mpirun, at the other end of its agent's line
//! origin       of which job a node's mpirun runs a part
//! seen         what a node sees of its ranks, as it travels
//! overview     what is known of the ranks of all nodes, and what is certain
//! reports      when mpirun tells of it
//! board        the same for those who look at the job from outside
//! printer      what ranks print, on its way to the user
//! relay        a rank's request to have a job started, on its way up
//! spawns       the jobs that ranks have had started, as the coordinator has them
//! child        this mpirun as the coordinator of such a job
//! spawn_plan   what that is told
//! sites        on which hosts its ranks are to run
//! ```

pub mod agent;
pub mod board;
pub mod child;
pub mod coordinator;
mod frame;
mod input;
mod interface;
mod launch;
mod layout;
pub mod link;
mod node;
pub mod origin;
mod outbox;
mod overview;
mod printer;
pub mod relay;
mod reports;
mod seen;
mod sites;
pub mod spawn_plan;
mod spawns;

use crate::allocation;
use crate::cli::JobOptions;
use crate::hosts::{self, Host};

/// The first word of an agent's command line.
pub const AGENT: &str = "--agent";
/// The first word of the command line of a node's mpirun.
pub const NODE: &str = "--node";

/// The hosts, if the job is one of several, or is started by a command that was given.
///
/// # Errors
/// The options contradict each other, or a file cannot be read.
pub fn wanted(global: &JobOptions) -> Result<Option<Vec<Host>>, String> {
    let list = hosts::list(global)?;
    if list.is_empty() {
        let allocated = allocation::hosts(global.rmk, |name| std::env::var(name).ok())?;
        let allocated = allocated.unwrap_or_default();
        if allocated.len() > 1 || allocated.iter().any(|host| !host.is_local()) {
            return Ok(Some(allocated));
        }
        if global.launch.is_some() {
            return Err("--launch needs hosts: give them by --host or --hostfile".to_owned());
        }
        return Ok(None);
    }
    let is_far = global.launch.is_some() || list.iter().any(|host| !host.is_local());
    Ok(is_far.then_some(list))
}
