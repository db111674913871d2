//! Point-to-point communication (MPI 5.0, chapter 3).

use super::message::{self, wanted};
use super::prelude::*;
use crate::object::comm::Space;
use crate::pml::{self, Completion, Mode, probe};
use crate::request::persistent::{From, FromNull, Kept, Pair, Persistent, Receive};
use crate::request::{self, message as matched};

export! {
    /// Section 3.2.1, blocking send.
    fn MPI_Send, fn MPI_Send_c(
        buf: *const c_void, count: c_int | MPI_Count, datatype: MPI_Datatype, dest: c_int,
        tag: c_int, comm: MPI_Comm,
    ) on comm {
        message::send(buf, count, datatype, dest, tag, comm, Mode::Standard)
    }

    /// Section 3.2.4, blocking receive.
    fn MPI_Recv, fn MPI_Recv_c(
        buf: *mut c_void, count: c_int | MPI_Count, datatype: MPI_Datatype, source: c_int,
        tag: c_int, comm: MPI_Comm, status: *mut MPI_Status,
    ) on comm {
        message::recv(buf, count, datatype, source, tag, comm, status)
    }

    /// Section 3.4, communication modes.
    fn MPI_Bsend, fn MPI_Bsend_c(
        buf: *const c_void, count: c_int | MPI_Count, datatype: MPI_Datatype, dest: c_int,
        tag: c_int, comm: MPI_Comm,
    ) on comm {
        message::send(buf, count, datatype, dest, tag, comm, Mode::Buffered)
    }

    /// Section 3.4, communication modes.
    fn MPI_Rsend, fn MPI_Rsend_c(
        buf: *const c_void, count: c_int | MPI_Count, datatype: MPI_Datatype, dest: c_int,
        tag: c_int, comm: MPI_Comm,
    ) on comm {
        message::send(buf, count, datatype, dest, tag, comm, Mode::Ready)
    }

    /// Section 3.4, communication modes.
    fn MPI_Ssend, fn MPI_Ssend_c(
        buf: *const c_void, count: c_int | MPI_Count, datatype: MPI_Datatype, dest: c_int,
        tag: c_int, comm: MPI_Comm,
    ) on comm {
        message::send(buf, count, datatype, dest, tag, comm, Mode::Synchronous)
    }

    /// Section 3.7.2, nonblocking sends and receives.
    fn MPI_Ibsend, fn MPI_Ibsend_c(
        buf: *const c_void, count: c_int | MPI_Count, datatype: MPI_Datatype, dest: c_int,
        tag: c_int, comm: MPI_Comm, request: *mut MPI_Request,
    ) on comm {
        message::isend(buf, count, datatype, dest, tag, comm, request, Mode::Buffered)
    }

    /// Section 3.7.2, nonblocking sends and receives.
    fn MPI_Irecv, fn MPI_Irecv_c(
        buf: *mut c_void, count: c_int | MPI_Count, datatype: MPI_Datatype, source: c_int,
        tag: c_int, comm: MPI_Comm, request: *mut MPI_Request,
    ) on comm {
        message::irecv(buf, count, datatype, source, tag, comm, request)
    }

    /// Section 3.7.2, nonblocking sends and receives.
    fn MPI_Irsend, fn MPI_Irsend_c(
        buf: *const c_void, count: c_int | MPI_Count, datatype: MPI_Datatype, dest: c_int,
        tag: c_int, comm: MPI_Comm, request: *mut MPI_Request,
    ) on comm {
        message::isend(buf, count, datatype, dest, tag, comm, request, Mode::Ready)
    }

    /// Section 3.7.2, nonblocking sends and receives.
    fn MPI_Isend, fn MPI_Isend_c(
        buf: *const c_void, count: c_int | MPI_Count, datatype: MPI_Datatype, dest: c_int,
        tag: c_int, comm: MPI_Comm, request: *mut MPI_Request,
    ) on comm {
        message::isend(buf, count, datatype, dest, tag, comm, request, Mode::Standard)
    }

    /// Section 3.7.2, nonblocking sends and receives.
    fn MPI_Issend, fn MPI_Issend_c(
        buf: *const c_void, count: c_int | MPI_Count, datatype: MPI_Datatype, dest: c_int,
        tag: c_int, comm: MPI_Comm, request: *mut MPI_Request,
    ) on comm {
        message::isend(buf, count, datatype, dest, tag, comm, request, Mode::Synchronous)
    }

    /// Section 3.8.1, probe.
    fn MPI_Iprobe(
        source: c_int, tag: c_int, comm: MPI_Comm, flag: *mut c_int, status: *mut MPI_Status,
    ) on comm {
        let comm = arg::comm(comm)?;
        let from = wanted(comm, source, tag)?;
        let found = match from.source {
            None => Some(Completion::proc_null()),
            Some(source) => {
                probe::iprobe(comm, Space::PointToPoint, source, from.tag).map(Completion::of)
            }
        };
        arg::put_flag(flag, "flag", found.is_some())?;
        if let Some(completion) = found {
            arg::put_status(status, &completion);
        }
        Ok(())
    }

    /// Section 3.8.1, probe.
    fn MPI_Probe(source: c_int, tag: c_int, comm: MPI_Comm, status: *mut MPI_Status) on comm {
        let comm = arg::comm(comm)?;
        let from = wanted(comm, source, tag)?;
        let completion = match from.source {
            None => Completion::proc_null(),
            Some(source) => {
                Completion::of(probe::probe(comm, Space::PointToPoint, source, from.tag))
            }
        };
        message::received(status, completion)
    }

    /// Section 3.8.2, matching probe.
    fn MPI_Improbe(
        source: c_int, tag: c_int, comm: MPI_Comm, flag: *mut c_int,
        message: *mut MPI_Message, status: *mut MPI_Status,
    ) on comm {
        let handle = comm;
        let comm = arg::comm(comm)?;
        let from = wanted(comm, source, tag)?;
        let (raw, completion) = match from.source {
            None => (matched::NO_PROC, Completion::proc_null()),
            Some(source) => {
                match probe::improbe(comm, Space::PointToPoint, source, from.tag) {
                    None => return arg::put_flag(flag, "flag", false),
                    Some(found) => {
                        let completion = Completion::of(found.seen);
                        (matched::insert(found, handle.0)?, completion)
                    }
                }
            }
        };
        arg::put_flag(flag, "flag", true)?;
        arg::put(message, "message", MPI_Message(raw))?;
        message::received(status, completion)
    }

    /// Section 3.8.2, matching probe.
    fn MPI_Mprobe(
        source: c_int, tag: c_int, comm: MPI_Comm, message: *mut MPI_Message,
        status: *mut MPI_Status,
    ) on comm {
        let handle = comm;
        let comm = arg::comm(comm)?;
        let from = wanted(comm, source, tag)?;
        let (raw, completion) = match from.source {
            None => (matched::NO_PROC, Completion::proc_null()),
            Some(source) => {
                let found = probe::mprobe(comm, Space::PointToPoint, source, from.tag);
                let completion = Completion::of(found.seen);
                (matched::insert(found, handle.0)?, completion)
            }
        };
        arg::put(message, "message", MPI_Message(raw))?;
        message::received(status, completion)
    }

    /// Section 3.8.3, matched receives.
    fn MPI_Imrecv, fn MPI_Imrecv_c(
        buf: *mut c_void, count: c_int | MPI_Count, datatype: MPI_Datatype,
        message: *mut MPI_Message, request: *mut MPI_Request,
    ) {
        let raw = arg::get(message, "message")?.0;
        let buffer = message::message(buf, count, datatype)?;
        let started = match raw {
            matched::NO_PROC => request::insert(Box::new(FromNull), false)?,
            raw => {
                let kept = matched::take(raw)?;
                request::insert_pml(probe::imrecv(kept.matched, &buffer), kept.comm)?
            }
        };
        arg::put(message, "message", MPI_MESSAGE_NULL)?;
        arg::put(request, "request", MPI_Request(started))
    }

    /// Section 3.8.3, matched receives.
    fn MPI_Mrecv, fn MPI_Mrecv_c(
        buf: *mut c_void, count: c_int | MPI_Count, datatype: MPI_Datatype,
        message: *mut MPI_Message, status: *mut MPI_Status,
    ) {
        let raw = arg::get(message, "message")?.0;
        let buffer = message::message(buf, count, datatype)?;
        let completion = match raw {
            matched::NO_PROC => Completion::proc_null(),
            raw => {
                let kept = matched::take(raw)?;
                pml::complete(probe::imrecv(kept.matched, &buffer)).about(Some(kept.comm))
            }
        };
        arg::put(message, "message", MPI_MESSAGE_NULL)?;
        message::received(status, completion)
    }

    /// Section 3.9, persistent requests.
    fn MPI_Bsend_init, fn MPI_Bsend_init_c(
        buf: *const c_void, count: c_int | MPI_Count, datatype: MPI_Datatype, dest: c_int,
        tag: c_int, comm: MPI_Comm, request: *mut MPI_Request,
    ) on comm {
        message::send_init(buf, count, datatype, dest, tag, comm, request, Mode::Buffered)
    }

    /// Section 3.9, persistent requests.
    fn MPI_Recv_init, fn MPI_Recv_init_c(
        buf: *mut c_void, count: c_int | MPI_Count, datatype: MPI_Datatype, source: c_int,
        tag: c_int, comm: MPI_Comm, request: *mut MPI_Request,
    ) on comm {
        let handle = comm;
        let comm = arg::comm(comm)?.clone();
        let from = wanted(&comm, source, tag)?;
        let memory = Kept::of(&message::message(buf, count, datatype)?);
        let source = from.source.map_or(From::Null, From::Peer);
        let receive = Receive { comm, source, tag: from.tag, memory, running: None };
        let raw = request::insert_persistent(Persistent::Receive(receive), handle.0)?;
        arg::put(request, "request", MPI_Request(raw))
    }

    /// Section 3.9, persistent requests.
    fn MPI_Rsend_init, fn MPI_Rsend_init_c(
        buf: *const c_void, count: c_int | MPI_Count, datatype: MPI_Datatype, dest: c_int,
        tag: c_int, comm: MPI_Comm, request: *mut MPI_Request,
    ) on comm {
        message::send_init(buf, count, datatype, dest, tag, comm, request, Mode::Ready)
    }

    /// Section 3.9, persistent requests.
    fn MPI_Send_init, fn MPI_Send_init_c(
        buf: *const c_void, count: c_int | MPI_Count, datatype: MPI_Datatype, dest: c_int,
        tag: c_int, comm: MPI_Comm, request: *mut MPI_Request,
    ) on comm {
        message::send_init(buf, count, datatype, dest, tag, comm, request, Mode::Standard)
    }

    /// Section 3.9, persistent requests.
    fn MPI_Ssend_init, fn MPI_Ssend_init_c(
        buf: *const c_void, count: c_int | MPI_Count, datatype: MPI_Datatype, dest: c_int,
        tag: c_int, comm: MPI_Comm, request: *mut MPI_Request,
    ) on comm {
        message::send_init(buf, count, datatype, dest, tag, comm, request, Mode::Synchronous)
    }

    /// Section 3.10, send-receive.
    fn MPI_Isendrecv, fn MPI_Isendrecv_c(
        sendbuf: *const c_void, sendcount: c_int | MPI_Count, sendtype: MPI_Datatype,
        dest: c_int, sendtag: c_int, recvbuf: *mut c_void, recvcount: c_int | MPI_Count,
        recvtype: MPI_Datatype, source: c_int, recvtag: c_int, comm: MPI_Comm,
        request: *mut MPI_Request,
    ) on comm {
        let handle = comm;
        let comm = arg::comm(comm)?;
        let from = wanted(comm, source, recvtag)?;
        let dest = arg::dest(comm, dest)?;
        let tag = arg::tag(sendtag)?;
        let outgoing = message::message(sendbuf, sendcount, sendtype)?;
        let incoming = message::message(recvbuf, recvcount, recvtype)?;
        let pair = Pair::start(comm, dest, tag, &outgoing, from.source, from.tag, &incoming)?;
        let raw = request::insert_on(Box::new(pair), false, Some(handle.0))?;
        arg::put(request, "request", MPI_Request(raw))
    }

    /// Section 3.10, send-receive.
    fn MPI_Isendrecv_replace, fn MPI_Isendrecv_replace_c(
        buf: *mut c_void, count: c_int | MPI_Count, datatype: MPI_Datatype, dest: c_int,
        sendtag: c_int, source: c_int, recvtag: c_int, comm: MPI_Comm,
        request: *mut MPI_Request,
    ) on comm {
        let handle = comm;
        let comm = arg::comm(comm)?;
        let from = wanted(comm, source, recvtag)?;
        let dest = arg::dest(comm, dest)?;
        let tag = arg::tag(sendtag)?;
        let buffer = message::message(buf, count, datatype)?;
        let pair = Pair::replace(comm, dest, tag, from.source, from.tag, &buffer)?;
        let raw = request::insert_on(Box::new(pair), false, Some(handle.0))?;
        arg::put(request, "request", MPI_Request(raw))
    }

    /// Section 3.10, send-receive.
    fn MPI_Sendrecv, fn MPI_Sendrecv_c(
        sendbuf: *const c_void, sendcount: c_int | MPI_Count, sendtype: MPI_Datatype,
        dest: c_int, sendtag: c_int, recvbuf: *mut c_void, recvcount: c_int | MPI_Count,
        recvtype: MPI_Datatype, source: c_int, recvtag: c_int, comm: MPI_Comm,
        status: *mut MPI_Status,
    ) on comm {
        let comm = arg::comm(comm)?;
        let from = wanted(comm, source, recvtag)?;
        let dest = arg::dest(comm, dest)?;
        let tag = arg::tag(sendtag)?;
        let outgoing = message::message(sendbuf, sendcount, sendtype)?;
        let incoming = message::message(recvbuf, recvcount, recvtype)?;
        let mut pair = Pair::start(comm, dest, tag, &outgoing, from.source, from.tag, &incoming)?;
        message::received(status, pair.wait())
    }

    /// Section 3.10, send-receive.
    fn MPI_Sendrecv_replace, fn MPI_Sendrecv_replace_c(
        buf: *mut c_void, count: c_int | MPI_Count, datatype: MPI_Datatype, dest: c_int,
        sendtag: c_int, source: c_int, recvtag: c_int, comm: MPI_Comm,
        status: *mut MPI_Status,
    ) on comm {
        let comm = arg::comm(comm)?;
        let from = wanted(comm, source, recvtag)?;
        let dest = arg::dest(comm, dest)?;
        let tag = arg::tag(sendtag)?;
        let buffer = message::message(buf, count, datatype)?;
        let mut pair = Pair::replace(comm, dest, tag, from.source, from.tag, &buffer)?;
        message::received(status, pair.wait())
    }
}
