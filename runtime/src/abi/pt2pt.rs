//! Point-to-point communication (MPI 5.0, chapter 3).

use super::prelude::*;

export! {
    /// Section 3.2.1, blocking send.
    fn MPI_Send, fn MPI_Send_c(
        buf: *const c_void, count: c_int | MPI_Count, datatype: MPI_Datatype, dest: c_int,
        tag: c_int, comm: MPI_Comm,
    ) on comm;

    /// Section 3.2.4, blocking receive.
    fn MPI_Recv, fn MPI_Recv_c(
        buf: *mut c_void, count: c_int | MPI_Count, datatype: MPI_Datatype, source: c_int,
        tag: c_int, comm: MPI_Comm, status: *mut MPI_Status,
    ) on comm;

    /// Section 3.4, communication modes.
    fn MPI_Bsend, fn MPI_Bsend_c(
        buf: *const c_void, count: c_int | MPI_Count, datatype: MPI_Datatype, dest: c_int,
        tag: c_int, comm: MPI_Comm,
    ) on comm;

    /// Section 3.4, communication modes.
    fn MPI_Rsend, fn MPI_Rsend_c(
        buf: *const c_void, count: c_int | MPI_Count, datatype: MPI_Datatype, dest: c_int,
        tag: c_int, comm: MPI_Comm,
    ) on comm;

    /// Section 3.4, communication modes.
    fn MPI_Ssend, fn MPI_Ssend_c(
        buf: *const c_void, count: c_int | MPI_Count, datatype: MPI_Datatype, dest: c_int,
        tag: c_int, comm: MPI_Comm,
    ) on comm;

    /// Section 3.7.2, nonblocking sends and receives.
    fn MPI_Ibsend, fn MPI_Ibsend_c(
        buf: *const c_void, count: c_int | MPI_Count, datatype: MPI_Datatype, dest: c_int,
        tag: c_int, comm: MPI_Comm, request: *mut MPI_Request,
    ) on comm;

    /// Section 3.7.2, nonblocking sends and receives.
    fn MPI_Irecv, fn MPI_Irecv_c(
        buf: *mut c_void, count: c_int | MPI_Count, datatype: MPI_Datatype, source: c_int,
        tag: c_int, comm: MPI_Comm, request: *mut MPI_Request,
    ) on comm;

    /// Section 3.7.2, nonblocking sends and receives.
    fn MPI_Irsend, fn MPI_Irsend_c(
        buf: *const c_void, count: c_int | MPI_Count, datatype: MPI_Datatype, dest: c_int,
        tag: c_int, comm: MPI_Comm, request: *mut MPI_Request,
    ) on comm;

    /// Section 3.7.2, nonblocking sends and receives.
    fn MPI_Isend, fn MPI_Isend_c(
        buf: *const c_void, count: c_int | MPI_Count, datatype: MPI_Datatype, dest: c_int,
        tag: c_int, comm: MPI_Comm, request: *mut MPI_Request,
    ) on comm;

    /// Section 3.7.2, nonblocking sends and receives.
    fn MPI_Issend, fn MPI_Issend_c(
        buf: *const c_void, count: c_int | MPI_Count, datatype: MPI_Datatype, dest: c_int,
        tag: c_int, comm: MPI_Comm, request: *mut MPI_Request,
    ) on comm;

    /// Section 3.8.1, probe.
    fn MPI_Iprobe(
        source: c_int, tag: c_int, comm: MPI_Comm, flag: *mut c_int, status: *mut MPI_Status,
    ) on comm;

    /// Section 3.8.1, probe.
    fn MPI_Probe(source: c_int, tag: c_int, comm: MPI_Comm, status: *mut MPI_Status) on comm;

    /// Section 3.8.2, matching probe.
    fn MPI_Improbe(
        source: c_int, tag: c_int, comm: MPI_Comm, flag: *mut c_int,
        message: *mut MPI_Message, status: *mut MPI_Status,
    ) on comm;

    /// Section 3.8.2, matching probe.
    fn MPI_Mprobe(
        source: c_int, tag: c_int, comm: MPI_Comm, message: *mut MPI_Message,
        status: *mut MPI_Status,
    ) on comm;

    /// Section 3.8.3, matched receives.
    fn MPI_Imrecv, fn MPI_Imrecv_c(
        buf: *mut c_void, count: c_int | MPI_Count, datatype: MPI_Datatype,
        message: *mut MPI_Message, request: *mut MPI_Request,
    );

    /// Section 3.8.3, matched receives.
    fn MPI_Mrecv, fn MPI_Mrecv_c(
        buf: *mut c_void, count: c_int | MPI_Count, datatype: MPI_Datatype,
        message: *mut MPI_Message, status: *mut MPI_Status,
    );

    /// Section 3.9, persistent requests.
    fn MPI_Bsend_init, fn MPI_Bsend_init_c(
        buf: *const c_void, count: c_int | MPI_Count, datatype: MPI_Datatype, dest: c_int,
        tag: c_int, comm: MPI_Comm, request: *mut MPI_Request,
    ) on comm;

    /// Section 3.9, persistent requests.
    fn MPI_Recv_init, fn MPI_Recv_init_c(
        buf: *mut c_void, count: c_int | MPI_Count, datatype: MPI_Datatype, source: c_int,
        tag: c_int, comm: MPI_Comm, request: *mut MPI_Request,
    ) on comm;

    /// Section 3.9, persistent requests.
    fn MPI_Rsend_init, fn MPI_Rsend_init_c(
        buf: *const c_void, count: c_int | MPI_Count, datatype: MPI_Datatype, dest: c_int,
        tag: c_int, comm: MPI_Comm, request: *mut MPI_Request,
    ) on comm;

    /// Section 3.9, persistent requests.
    fn MPI_Send_init, fn MPI_Send_init_c(
        buf: *const c_void, count: c_int | MPI_Count, datatype: MPI_Datatype, dest: c_int,
        tag: c_int, comm: MPI_Comm, request: *mut MPI_Request,
    ) on comm;

    /// Section 3.9, persistent requests.
    fn MPI_Ssend_init, fn MPI_Ssend_init_c(
        buf: *const c_void, count: c_int | MPI_Count, datatype: MPI_Datatype, dest: c_int,
        tag: c_int, comm: MPI_Comm, request: *mut MPI_Request,
    ) on comm;

    /// Section 3.10, send-receive.
    fn MPI_Isendrecv, fn MPI_Isendrecv_c(
        sendbuf: *const c_void, sendcount: c_int | MPI_Count, sendtype: MPI_Datatype,
        dest: c_int, sendtag: c_int, recvbuf: *mut c_void, recvcount: c_int | MPI_Count,
        recvtype: MPI_Datatype, source: c_int, recvtag: c_int, comm: MPI_Comm,
        request: *mut MPI_Request,
    ) on comm;

    /// Section 3.10, send-receive.
    fn MPI_Isendrecv_replace, fn MPI_Isendrecv_replace_c(
        buf: *mut c_void, count: c_int | MPI_Count, datatype: MPI_Datatype, dest: c_int,
        sendtag: c_int, source: c_int, recvtag: c_int, comm: MPI_Comm,
        request: *mut MPI_Request,
    ) on comm;

    /// Section 3.10, send-receive.
    fn MPI_Sendrecv, fn MPI_Sendrecv_c(
        sendbuf: *const c_void, sendcount: c_int | MPI_Count, sendtype: MPI_Datatype,
        dest: c_int, sendtag: c_int, recvbuf: *mut c_void, recvcount: c_int | MPI_Count,
        recvtype: MPI_Datatype, source: c_int, recvtag: c_int, comm: MPI_Comm,
        status: *mut MPI_Status,
    ) on comm;

    /// Section 3.10, send-receive.
    fn MPI_Sendrecv_replace, fn MPI_Sendrecv_replace_c(
        buf: *mut c_void, count: c_int | MPI_Count, datatype: MPI_Datatype, dest: c_int,
        sendtag: c_int, source: c_int, recvtag: c_int, comm: MPI_Comm,
        status: *mut MPI_Status,
    ) on comm;
}
