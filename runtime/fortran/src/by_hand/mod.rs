//! The procedures of which the tables do not say enough.

mod attributes;
mod callbacks;
mod infos;
mod memory;
mod old;
mod operators;
mod processes;
mod sizes;
mod statuses;
