//! Partitioned sends and receives as requests (MPI 5.0, chapter 4).

use super::{Operation, insert_on};
use crate::error::Result;
use crate::handle::Raw;
use crate::object::comm::Comm;
use crate::pml::partitioned::{
    PartitionedReceive, PartitionedSend, Side, Which, no_cancel, receive_init, send_init,
};
use crate::pml::{Completion, WaitFor};

pub use crate::pml::partitioned::{arrived, ready};

impl Operation for PartitionedSend {
    fn is_done(&self) -> bool {
        PartitionedSend::is_done(self)
    }

    fn waits_for(&self) -> WaitFor {
        PartitionedSend::waits_for(self)
    }

    fn noun(&self) -> Option<&'static str> {
        Some("partitioned send")
    }

    fn finish(&mut self) -> Completion {
        PartitionedSend::finish(self)
    }

    fn peek(&mut self) -> Completion {
        PartitionedSend::peek(self)
    }

    fn start(&mut self) -> Result<()> {
        PartitionedSend::start(self);
        Ok(())
    }

    fn cancel(&mut self) -> Result<()> {
        Err(no_cancel())
    }

    fn cancel_done(&mut self) -> Result<()> {
        Err(no_cancel())
    }
}

impl Operation for PartitionedReceive {
    fn is_done(&self) -> bool {
        PartitionedReceive::is_done(self)
    }

    fn waits_for(&self) -> WaitFor {
        PartitionedReceive::waits_for(self)
    }

    fn noun(&self) -> Option<&'static str> {
        Some("partitioned receive")
    }

    fn finish(&mut self) -> Completion {
        PartitionedReceive::finish(self)
    }

    fn start(&mut self) -> Result<()> {
        PartitionedReceive::start(self);
        Ok(())
    }

    fn cancel(&mut self) -> Result<()> {
        Err(no_cancel())
    }

    fn cancel_done(&mut self) -> Result<()> {
        Err(no_cancel())
    }

    fn peek(&mut self) -> Completion {
        PartitionedReceive::peek(self)
    }
}

/// Makes a partitioned send and names it (section 4.2.1).
///
/// # Errors
/// There are too many bytes, or no more handles.
pub fn init_send(comm: (&Comm, Raw), side: &Side<'_>, which: Which) -> Result<Raw> {
    let send = send_init(comm.0, side, which)?;
    let unnamed = send.unnamed();
    let raw = insert_on(Box::new(send), true, Some(comm.1))?;
    unnamed.name(raw);
    Ok(raw)
}

/// Makes a partitioned receive and names it (section 4.2.1).
///
/// # Errors
/// As for [`init_send`].
pub fn init_receive(comm: (&Comm, Raw), side: &Side<'_>, which: Which) -> Result<Raw> {
    let receive = receive_init(comm.0, side, which)?;
    let unnamed = receive.unnamed();
    let raw = insert_on(Box::new(receive), true, Some(comm.1))?;
    unnamed.name(raw);
    Ok(raw)
}
