//! Process topologies.
