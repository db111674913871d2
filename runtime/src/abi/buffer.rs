//! Buffers for sends in buffered mode (MPI 5.0, section 3.6).

use super::outcome::{attach, detach, flush};
use super::prelude::*;
use crate::object::session;
use crate::pml::bsend::{self, Scope};

export! {
    /// Section 3.6, buffer allocation and usage.
    fn MPI_Buffer_attach, fn MPI_Buffer_attach_c(buffer: *mut c_void, size: c_int | MPI_Count) {
        attach(Scope::Process, buffer, size)
    }

    /// Section 3.6, buffer allocation and usage.
    fn MPI_Buffer_detach, fn MPI_Buffer_detach_c(
        buffer_addr: *mut c_void, size: *mut c_int | *mut MPI_Count,
    ) {
        detach(Scope::Process, buffer_addr, size)
    }

    /// Section 3.6, buffer allocation and usage.
    fn MPI_Buffer_flush() {
        bsend::flush(Scope::Process);
        Ok(())
    }

    /// Section 3.6, buffer allocation and usage.
    fn MPI_Buffer_iflush(request: *mut MPI_Request) {
        flush(Scope::Process, request)
    }

    /// Section 3.6, buffer allocation and usage.
    fn MPI_Comm_attach_buffer, fn MPI_Comm_attach_buffer_c(
        comm: MPI_Comm, buffer: *mut c_void, size: c_int | MPI_Count,
    ) on comm {
        attach(Scope::Comm(arg::comm(comm)?.context.0), buffer, size)
    }

    /// Section 3.6, buffer allocation and usage.
    fn MPI_Comm_detach_buffer, fn MPI_Comm_detach_buffer_c(
        comm: MPI_Comm, buffer_addr: *mut c_void, size: *mut c_int | *mut MPI_Count,
    ) on comm {
        detach(Scope::Comm(arg::comm(comm)?.context.0), buffer_addr, size)
    }

    /// Section 3.6, buffer allocation and usage.
    fn MPI_Comm_flush_buffer(comm: MPI_Comm) on comm {
        bsend::flush(Scope::Comm(arg::comm(comm)?.context.0));
        Ok(())
    }

    /// Section 3.6, buffer allocation and usage.
    fn MPI_Comm_iflush_buffer(comm: MPI_Comm, request: *mut MPI_Request) on comm {
        flush(Scope::Comm(arg::comm(comm)?.context.0), request)
    }

    /// Section 3.6, buffer allocation and usage.
    fn MPI_Session_attach_buffer, fn MPI_Session_attach_buffer_c(
        session: MPI_Session, buffer: *mut c_void, size: c_int | MPI_Count,
    ) on session {
        session::check(session.0)?;
        attach(Scope::Session(session.0), buffer, size)
    }

    /// Section 3.6, buffer allocation and usage.
    fn MPI_Session_detach_buffer, fn MPI_Session_detach_buffer_c(
        session: MPI_Session, buffer_addr: *mut c_void, size: *mut c_int | *mut MPI_Count,
    ) on session {
        session::check(session.0)?;
        detach(Scope::Session(session.0), buffer_addr, size)
    }

    /// Section 3.6, buffer allocation and usage.
    fn MPI_Session_flush_buffer(session: MPI_Session) on session {
        session::check(session.0)?;
        bsend::flush(Scope::Session(session.0));
        Ok(())
    }

    /// Section 3.6, buffer allocation and usage.
    fn MPI_Session_iflush_buffer(session: MPI_Session, request: *mut MPI_Request) on session {
        session::check(session.0)?;
        flush(Scope::Session(session.0), request)
    }
}
