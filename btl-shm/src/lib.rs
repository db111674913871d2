//! Bytes between two processes of one machine.
