//! What `mpirun` and a rank must agree on, and nothing else: the names in the
//! environment ([`mod@env`]) and what a rank finds by them ([`handover`]), descriptors
//! that programs may close ([`descriptor`]), the layout of the job segment ([`layout`]), how the
//! segment is made and found ([`segment`]), how memory is mapped that is not a
//! process's own ([`foreign`], [`growing`]), how processes die with the launcher
//! ([`lifeline`]), the pages that ranks' memory can be made of ([`heap`]), what ranks
//! wait for ([`waits`]), how they die ([`death`]) and tell about themselves ([`report`]) and how their messages went ([`protocols`]), what they
//! record of their calls ([`profile`]), how such text is printed ([`plain`]), the tags of
//! collectives ([`collective`]) and rules for their algorithms ([`algorithms`]), what processes of different jobs agree on ([`bridge`]), how a rank has a job started
//! ([`spawning`]), and the settings a user may give ([`settings`]).
//!
//! The launcher writes the segment's head before any rank starts; ranks claim
//! their record, publish what they do in it, and grow the arena behind it.

pub mod algorithms;
pub mod bridge;
pub mod calls;
pub mod collective;
pub mod death;
pub mod descriptor;
pub mod env;
pub mod foreign;
pub mod growing;
pub mod handover;
pub mod heap;
pub mod layout;
pub mod lifeline;
mod memfd;
pub mod nodes;
pub mod plain;
pub mod profile;
pub mod protocols;
pub mod report;
pub mod segment;
pub mod settings;
pub mod spawning;
pub mod step;
pub mod variables;
mod verify;
pub mod waits;
