//! libfabric's structures and tables of functions as they lie in memory, from version 1.17
//! on: `fabric.h`, `fi_domain.h`, `fi_endpoint.h`, `fi_cm.h`, `fi_eq.h`. What nobody here
//! looks at is a word of the right size. None is allocated here: libfabric does that.

#![allow(non_camel_case_types, reason = "libfabric's names")]

use libc::{c_char, c_int, c_void, iovec, size_t, ssize_t};

/// A pointer that nobody here looks behind, or a function that nobody calls.
pub(crate) type Unused = *const c_void;

/// The version of the interface that is asked for: 1.17.
pub(crate) const API: u32 = 1 << 16 | 17;

pub(crate) const FI_MSG: u64 = 1 << 1;
pub(crate) const FI_RECV: u64 = 1 << 10;
pub(crate) const FI_TRANSMIT: u64 = 1 << 11;
pub(crate) const FI_MULTI_RECV: u64 = 1 << 16;
pub(crate) const FI_SOURCE: u64 = 1 << 57;
pub(crate) const FI_CONTEXT: u64 = 1 << 59;
pub(crate) const FI_CONTEXT2: u64 = 1 << 52;
pub(crate) const FI_ORDER_SAS: u64 = 1 << 8;
pub(crate) const FI_EP_RDM: c_int = 3;
pub(crate) const FI_THREAD_DOMAIN: c_int = 3;
pub(crate) const FI_PROGRESS_MANUAL: c_int = 2;
pub(crate) const FI_AV_TABLE: c_int = 2;
pub(crate) const FI_CQ_FORMAT_DATA: c_int = 3;
pub(crate) const FI_WAIT_FD: c_int = 3;
pub(crate) const FI_GETWAIT: c_int = 5;
pub(crate) const FI_ENABLE: c_int = 6;
pub(crate) const FI_OPT_ENDPOINT: c_int = 0;
pub(crate) const FI_OPT_MIN_MULTI_RECV: c_int = 0;
pub(crate) const FI_EAVAIL: ssize_t = 259;
pub(crate) const FI_EAGAIN: ssize_t = libc::EAGAIN as ssize_t;

#[repr(C)]
pub(crate) struct fi_tx_attr {
    pub(crate) caps: u64,
    pub(crate) mode: u64,
    pub(crate) op_flags: u64,
    pub(crate) msg_order: u64,
    pub(crate) comp_order: u64,
    pub(crate) inject_size: size_t,
}

#[repr(C)]
pub(crate) struct fi_rx_attr {
    pub(crate) caps: u64,
    pub(crate) mode: u64,
    pub(crate) op_flags: u64,
    pub(crate) msg_order: u64,
}

#[repr(C)]
pub(crate) struct fi_ep_attr {
    pub(crate) kind: c_int,
    pub(crate) protocol: u32,
    pub(crate) protocol_version: u32,
    pub(crate) max_msg_size: size_t,
}

#[repr(C)]
pub(crate) struct fi_domain_attr {
    pub(crate) domain: Unused,
    pub(crate) name: *mut c_char,
    pub(crate) threading: c_int,
    pub(crate) control_progress: c_int,
    pub(crate) data_progress: c_int,
    pub(crate) resource_mgmt: c_int,
    pub(crate) av_type: c_int,
    pub(crate) mr_mode: c_int,
}

#[repr(C)]
pub(crate) struct fi_fabric_attr {
    pub(crate) fabric: Unused,
    pub(crate) name: *mut c_char,
    pub(crate) prov_name: *mut c_char,
}

#[repr(C)]
pub(crate) struct fi_info {
    pub(crate) next: *mut fi_info,
    pub(crate) caps: u64,
    pub(crate) mode: u64,
    pub(crate) addr_format: u32,
    pub(crate) src_addrlen: size_t,
    pub(crate) dest_addrlen: size_t,
    pub(crate) src_addr: *mut c_void,
    pub(crate) dest_addr: *mut c_void,
    pub(crate) handle: Unused,
    pub(crate) tx_attr: *mut fi_tx_attr,
    pub(crate) rx_attr: *mut fi_rx_attr,
    pub(crate) ep_attr: *mut fi_ep_attr,
    pub(crate) domain_attr: *mut fi_domain_attr,
    pub(crate) fabric_attr: *mut fi_fabric_attr,
}

#[repr(C)]
pub(crate) struct fi_ops {
    pub(crate) size: size_t,
    pub(crate) close: extern "C" fn(*mut fid) -> c_int,
    pub(crate) bind: extern "C" fn(*mut fid, *mut fid, u64) -> c_int,
    pub(crate) control: extern "C" fn(*mut fid, c_int, *mut c_void) -> c_int,
}

/// What every object begins with.
#[repr(C)]
pub(crate) struct fid {
    pub(crate) fclass: size_t,
    pub(crate) context: *mut c_void,
    pub(crate) ops: *const fi_ops,
}

#[repr(C)]
pub(crate) struct fi_ops_fabric {
    pub(crate) size: size_t,
    pub(crate) domain:
        extern "C" fn(*mut fid_fabric, *mut fi_info, *mut *mut fid_domain, *mut c_void) -> c_int,
    pub(crate) passive_ep: Unused,
    pub(crate) eq_open: Unused,
    pub(crate) wait_open: Unused,
    pub(crate) trywait: extern "C" fn(*mut fid_fabric, *mut *mut fid, c_int) -> c_int,
}

#[repr(C)]
pub(crate) struct fid_fabric {
    pub(crate) fid: fid,
    pub(crate) ops: *const fi_ops_fabric,
}

#[repr(C)]
pub(crate) struct fi_av_attr {
    pub(crate) kind: c_int,
    pub(crate) rx_ctx_bits: c_int,
    pub(crate) count: size_t,
    pub(crate) ep_per_node: size_t,
    pub(crate) name: *const c_char,
    pub(crate) map_addr: *mut c_void,
    pub(crate) flags: u64,
}

#[repr(C)]
pub(crate) struct fi_cq_attr {
    pub(crate) size: size_t,
    pub(crate) flags: u64,
    pub(crate) format: c_int,
    pub(crate) wait_obj: c_int,
    pub(crate) signaling_vector: c_int,
    pub(crate) wait_cond: c_int,
    pub(crate) wait_set: *mut c_void,
}

#[repr(C)]
pub(crate) struct fi_ops_domain {
    pub(crate) size: size_t,
    pub(crate) av_open:
        extern "C" fn(*mut fid_domain, *mut fi_av_attr, *mut *mut fid_av, *mut c_void) -> c_int,
    pub(crate) cq_open:
        extern "C" fn(*mut fid_domain, *mut fi_cq_attr, *mut *mut fid_cq, *mut c_void) -> c_int,
    pub(crate) endpoint:
        extern "C" fn(*mut fid_domain, *mut fi_info, *mut *mut fid_ep, *mut c_void) -> c_int,
}

#[repr(C)]
pub(crate) struct fid_domain {
    pub(crate) fid: fid,
    pub(crate) ops: *const fi_ops_domain,
    pub(crate) mr: Unused,
}

#[repr(C)]
pub(crate) struct fi_ops_av {
    pub(crate) size: size_t,
    pub(crate) insert:
        extern "C" fn(*mut fid_av, *const c_void, size_t, *mut u64, u64, *mut c_void) -> c_int,
}

#[repr(C)]
pub(crate) struct fid_av {
    pub(crate) fid: fid,
    pub(crate) ops: *const fi_ops_av,
}

#[repr(C)]
pub(crate) struct fi_ops_ep {
    pub(crate) size: size_t,
    pub(crate) cancel: Unused,
    pub(crate) getopt: Unused,
    pub(crate) setopt: extern "C" fn(*mut fid, c_int, c_int, *const c_void, size_t) -> c_int,
}

#[repr(C)]
pub(crate) struct fi_ops_cm {
    pub(crate) size: size_t,
    pub(crate) setname: Unused,
    pub(crate) getname: extern "C" fn(*mut fid, *mut c_void, *mut size_t) -> c_int,
}

#[repr(C)]
pub(crate) struct fi_msg {
    pub(crate) msg_iov: *const iovec,
    pub(crate) desc: *mut *mut c_void,
    pub(crate) iov_count: size_t,
    pub(crate) addr: u64,
    pub(crate) context: *mut c_void,
    pub(crate) data: u64,
}

#[repr(C)]
pub(crate) struct fi_ops_msg {
    pub(crate) size: size_t,
    pub(crate) recv: Unused,
    pub(crate) recvv: Unused,
    pub(crate) recvmsg: extern "C" fn(*mut fid_ep, *const fi_msg, u64) -> ssize_t,
    pub(crate) send:
        extern "C" fn(*mut fid_ep, *const c_void, size_t, *mut c_void, u64, *mut c_void) -> ssize_t,
    pub(crate) sendv: Unused,
    pub(crate) sendmsg: Unused,
    pub(crate) inject: extern "C" fn(*mut fid_ep, *const c_void, size_t, u64) -> ssize_t,
}

#[repr(C)]
pub(crate) struct fid_ep {
    pub(crate) fid: fid,
    pub(crate) ops: *const fi_ops_ep,
    pub(crate) cm: *const fi_ops_cm,
    pub(crate) msg: *const fi_ops_msg,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct fi_cq_data_entry {
    pub(crate) op_context: *mut c_void,
    pub(crate) flags: u64,
    pub(crate) len: size_t,
    pub(crate) buf: *mut c_void,
    pub(crate) data: u64,
}

#[repr(C)]
pub(crate) struct fi_cq_err_entry {
    pub(crate) op_context: *mut c_void,
    pub(crate) flags: u64,
    pub(crate) len: size_t,
    pub(crate) buf: *mut c_void,
    pub(crate) data: u64,
    pub(crate) tag: u64,
    pub(crate) olen: size_t,
    pub(crate) err: c_int,
    pub(crate) prov_errno: c_int,
    pub(crate) err_data: *mut c_void,
    pub(crate) err_data_size: size_t,
    /// Newer versions have one field more.
    pub(crate) more: u64,
}

#[repr(C)]
pub(crate) struct fi_ops_cq {
    pub(crate) size: size_t,
    pub(crate) read: extern "C" fn(*mut fid_cq, *mut c_void, size_t) -> ssize_t,
    pub(crate) readfrom: Unused,
    pub(crate) readerr: extern "C" fn(*mut fid_cq, *mut fi_cq_err_entry, u64) -> ssize_t,
}

#[repr(C)]
pub(crate) struct fid_cq {
    pub(crate) fid: fid,
    pub(crate) ops: *const fi_ops_cq,
}

/// What an operation owns until it is completed: libfabric keeps its own notes in the
/// first words.
#[repr(C)]
pub(crate) struct Context {
    internal: [*mut c_void; 8],
    /// Which buffer it is of.
    pub(crate) buffer: usize,
    /// Whether that is one for sending.
    pub(crate) sends: bool,
}

impl Context {
    pub(crate) fn new(buffer: usize, sends: bool) -> Context {
        Context {
            internal: [std::ptr::null_mut(); 8],
            buffer,
            sends,
        }
    }
}

// The layout of a 64-bit machine, as libfabric's headers have it.
const _: () = assert!(size_of::<fi_info>() == 14 * 8);
const _: () = assert!(std::mem::offset_of!(fi_domain_attr, mr_mode) == 36);
const _: () = assert!(std::mem::offset_of!(fi_tx_attr, inject_size) == 40);
const _: () = assert!(std::mem::offset_of!(fi_cq_err_entry, err) == 56);
