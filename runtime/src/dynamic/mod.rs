//! Processes that meet while they run (MPI 5.0, sections 11.7 to 11.10).
//!
//! Two sides always meet over a socket: in [`port`] those that were started separately, in
//! [`join`] those whose program has a socket already, and in [`spawn`] a program and the
//! job that it starts. The roots talk over it ([`socket`]) and find each other's jobs;
//! how they come to an intercommunicator is told in [`crate::comm_make::connect`].
//! [`names`] publishes ports.

pub mod join;
mod launch;
pub mod names;
pub mod port;
mod socket;
pub mod spawn;
mod tcp;
