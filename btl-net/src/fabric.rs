//! The chain of objects that an endpoint needs: fabric, domain, address vector, completion
//! queue, endpoint.

use crate::NetError;
use crate::api::{
    API, Context, FI_AV_TABLE, FI_CONTEXT, FI_CONTEXT2, FI_CQ_FORMAT_DATA, FI_ENABLE, FI_EP_RDM,
    FI_GETWAIT, FI_MSG, FI_MULTI_RECV, FI_OPT_ENDPOINT, FI_OPT_MIN_MULTI_RECV, FI_ORDER_SAS,
    FI_PROGRESS_MANUAL, FI_RECV, FI_SOURCE, FI_THREAD_DOMAIN, FI_TRANSMIT, FI_WAIT_FD, fi_av_attr,
    fi_cq_attr, fi_cq_data_entry, fi_cq_err_entry, fi_info, fi_msg, fid, fid_av, fid_cq,
    fid_domain, fid_ep, fid_fabric,
};
use crate::library::{Library, Version, load};
use crate::sleep;
use libc::{c_int, c_void, iovec, ssize_t};
use std::cell::OnceCell;
use std::ffi::CString;
use std::net::IpAddr;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::ptr::{NonNull, null, null_mut};

/// How a network is opened.
#[derive(Clone, Debug)]
pub struct Options {
    /// The address of this host by which the others reach it. Nothing listens on another.
    pub interface: IpAddr,
    /// The number that only the processes of this job know.
    pub secret: u64,
}

/// The provider for plain TCP. Until 1.17 it is called `net`, and `tcp` means something
/// else that does not talk to it.
fn provider(version: Version) -> &'static std::ffi::CStr {
    let renamed = Version {
        major: 1,
        minor: 18,
    };
    match version < renamed {
        true => c"net",
        false => c"tcp",
    }
}

/// The objects, closed in the right order.
pub(crate) struct Fabric {
    library: &'static Library,
    info: *mut fi_info,
    fabric: *mut fid_fabric,
    domain: *mut fid_domain,
    av: *mut fid_av,
    cq: *mut fid_cq,
    ep: *mut fid_ep,
    /// What is slept on, where libfabric's own descriptor does not do.
    quiet: OnceCell<Option<OwnedFd>>,
}

/// Whether libfabric has accepted an operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Attempt {
    Accepted,
    /// Not now.
    Again,
}

impl Fabric {
    /// The version of libfabric.
    pub(crate) fn version(&self) -> Version {
        self.library.version
    }

    pub(crate) fn open(options: &Options, least_room: usize) -> Result<Fabric, NetError> {
        let library = load()?;
        let mut new = Fabric {
            library,
            info: null_mut(),
            fabric: null_mut(),
            domain: null_mut(),
            av: null_mut(),
            cq: null_mut(),
            ep: null_mut(),
            quiet: OnceCell::new(),
        };
        new.info = find(library, options)?;
        new.build(least_room)?;
        Ok(new)
    }

    fn check(&self, what: &str, code: c_int) -> Result<(), NetError> {
        match code {
            0 => Ok(()),
            _ => Err(NetError::new(format!(
                "libfabric {}: {what}: {}",
                self.library.version,
                self.library.words(code)
            ))),
        }
    }

    fn build(&mut self, least_room: usize) -> Result<(), NetError> {
        // SAFETY: what `find` returned has all its parts.
        let attr = unsafe { (*self.info).fabric_attr };
        let code = (self.library.fabric)(attr.cast(), &raw mut self.fabric, null_mut());
        self.check("fi_fabric", code)?;
        // SAFETY: an object of libfabric's begins with its tables; so below.
        let ops = unsafe { &*(*self.fabric).ops };
        let code = (ops.domain)(self.fabric, self.info, &raw mut self.domain, null_mut());
        self.check("fi_domain", code)?;
        // SAFETY: as above.
        let ops = unsafe { &*(*self.domain).ops };
        let mut attr = fi_av_attr {
            kind: FI_AV_TABLE,
            rx_ctx_bits: 0,
            count: 0,
            ep_per_node: 0,
            name: null(),
            map_addr: null_mut(),
            flags: 0,
        };
        let code = (ops.av_open)(self.domain, &raw mut attr, &raw mut self.av, null_mut());
        self.check("fi_av_open", code)?;
        let mut attr = fi_cq_attr {
            size: 1024,
            flags: 0,
            format: FI_CQ_FORMAT_DATA,
            wait_obj: FI_WAIT_FD,
            signaling_vector: 0,
            wait_cond: 0,
            wait_set: null_mut(),
        };
        let code = (ops.cq_open)(self.domain, &raw mut attr, &raw mut self.cq, null_mut());
        self.check("fi_cq_open", code)?;
        let code = (ops.endpoint)(self.domain, self.info, &raw mut self.ep, null_mut());
        self.check("fi_endpoint", code)?;
        let ep = self.ep.cast::<fid>();
        // SAFETY: as above.
        let ops = unsafe { &*(*ep).ops };
        self.check("fi_ep_bind", (ops.bind)(ep, self.av.cast(), 0))?;
        let both = FI_TRANSMIT | FI_RECV;
        self.check("fi_ep_bind", (ops.bind)(ep, self.cq.cast(), both))?;
        // SAFETY: as above.
        let options = unsafe { &*(*self.ep).ops };
        let code = (options.setopt)(
            ep,
            FI_OPT_ENDPOINT,
            FI_OPT_MIN_MULTI_RECV,
            (&raw const least_room).cast(),
            size_of::<usize>(),
        );
        self.check("FI_OPT_MIN_MULTI_RECV", code)?;
        self.check("fi_enable", (ops.control)(ep, FI_ENABLE, null_mut()))
    }

    /// The longest message that is sent without a completion.
    pub(crate) fn inject_size(&self) -> usize {
        // SAFETY: what `find` returned has all its parts.
        unsafe { (*(*self.info).tx_attr).inject_size }
    }

    /// The longest message.
    pub(crate) fn max_message(&self) -> usize {
        // SAFETY: as above.
        unsafe { (*(*self.info).ep_attr).max_msg_size }
    }

    /// The address by which peers reach the endpoint.
    pub(crate) fn name(&self) -> Result<Vec<u8>, NetError> {
        let mut name = vec![0; 256];
        let mut len = name.len();
        // SAFETY: as in `build`.
        let ops = unsafe { &*(*self.ep).cm };
        let code = (ops.getname)(self.ep.cast(), name.as_mut_ptr().cast(), &raw mut len);
        self.check("fi_getname", code)?;
        name.truncate(len);
        Ok(name)
    }

    /// Learns the address of a peer; the number by which libfabric knows it.
    pub(crate) fn insert(&self, address: &[u8]) -> Result<u64, NetError> {
        let mut number = 0;
        // SAFETY: as in `build`.
        let ops = unsafe { &*(*self.av).ops };
        let at = address.as_ptr().cast();
        match (ops.insert)(self.av, at, 1, &raw mut number, 0, null_mut()) {
            1 => Ok(number),
            code => Err(NetError::new(format!(
                "libfabric {}: fi_av_insert: {}",
                self.library.version,
                self.library.words(code)
            ))),
        }
    }

    fn attempt(&self, what: &str, code: ssize_t) -> Result<Attempt, NetError> {
        match code {
            0 => Ok(Attempt::Accepted),
            code if code == -crate::api::FI_EAGAIN => Ok(Attempt::Again),
            code => Err(NetError::new(format!(
                "libfabric {}: {what}: {}",
                self.library.version,
                self.library
                    .words(c_int::try_from(code).unwrap_or(c_int::MIN + 1))
            ))),
        }
    }

    /// Sends a short message; its bytes may change at once.
    pub(crate) fn inject(&self, to: u64, bytes: &[u8]) -> Result<Attempt, NetError> {
        // SAFETY: as in `build`.
        let ops = unsafe { &*(*self.ep).msg };
        let code = (ops.inject)(self.ep, bytes.as_ptr().cast(), bytes.len(), to);
        self.attempt("fi_inject", code)
    }

    /// Sends a message.
    ///
    /// # Safety
    /// The bytes and the context stay until the completion.
    pub(crate) unsafe fn send(
        &self,
        to: u64,
        bytes: &[u8],
        context: NonNull<Context>,
    ) -> Result<Attempt, NetError> {
        // SAFETY: as in `build`.
        let ops = unsafe { &*(*self.ep).msg };
        let (at, len) = (bytes.as_ptr().cast(), bytes.len());
        let code = (ops.send)(self.ep, at, len, null_mut(), to, context.as_ptr().cast());
        self.attempt("fi_send", code)
    }

    /// Posts room for messages, one behind the other.
    ///
    /// # Safety
    /// The room and the context stay until a completion says that the room is used up, or
    /// the endpoint is closed.
    pub(crate) unsafe fn receive(
        &self,
        room: NonNull<u8>,
        len: usize,
        context: NonNull<Context>,
    ) -> Result<Attempt, NetError> {
        let part = iovec {
            iov_base: room.as_ptr().cast(),
            iov_len: len,
        };
        let message = fi_msg {
            msg_iov: &raw const part,
            desc: null_mut(),
            iov_count: 1,
            addr: u64::MAX,
            context: context.as_ptr().cast(),
            data: 0,
        };
        // SAFETY: as in `build`.
        let ops = unsafe { &*(*self.ep).msg };
        let code = (ops.recvmsg)(self.ep, &raw const message, FI_MULTI_RECV);
        self.attempt("fi_recvmsg", code)
    }

    /// Reads completions; how many. `Err`: one is an error.
    pub(crate) fn completions(
        &self,
        to: &mut [fi_cq_data_entry],
    ) -> Result<usize, Box<fi_cq_err_entry>> {
        // SAFETY: as in `build`.
        let ops = unsafe { &*(*self.cq).ops };
        let code = (ops.read)(self.cq, to.as_mut_ptr().cast(), to.len());
        if let Ok(count) = usize::try_from(code) {
            return Ok(count);
        }
        if code != -crate::api::FI_EAVAIL {
            return Ok(0);
        }
        // SAFETY: numbers and pointers, of which zero is one.
        let mut error: Box<fi_cq_err_entry> = Box::new(unsafe { std::mem::zeroed() });
        match (ops.readerr)(self.cq, &raw mut *error, 0) {
            1 => Err(error),
            _ => Ok(0),
        }
    }

    /// The words for an error completion.
    pub(crate) fn words(&self, error: &fi_cq_err_entry) -> String {
        self.library.words(error.err)
    }

    /// A descriptor that is readable when there may be something to do.
    pub(crate) fn sleeper(&self) -> Result<RawFd, NetError> {
        let mut fd: RawFd = -1;
        let cq = self.cq.cast::<fid>();
        // SAFETY: as in `build`.
        let ops = unsafe { &*(*cq).ops };
        let code = (ops.control)(cq, FI_GETWAIT, (&raw mut fd).cast());
        self.check("FI_GETWAIT", code)?;
        if !sleep::is_noisy(self.library.version) {
            return Ok(fd);
        }
        let quiet = self.quiet.get_or_init(|| sleep::without_signals(fd));
        Ok(quiet.as_ref().map_or(fd, AsRawFd::as_raw_fd))
    }

    /// Whether the descriptor will tell of what comes from now on.
    pub(crate) fn may_sleep(&self) -> bool {
        let mut cq = self.cq.cast::<fid>();
        // SAFETY: as in `build`.
        let ops = unsafe { &*(*self.fabric).ops };
        (ops.trywait)(self.fabric, &raw mut cq, 1) == 0
    }
}

impl Drop for Fabric {
    fn drop(&mut self) {
        let objects: [*mut fid; 5] = [
            self.ep.cast(),
            self.cq.cast(),
            self.av.cast(),
            self.domain.cast(),
            self.fabric.cast(),
        ];
        for object in objects.into_iter().filter(|object| !object.is_null()) {
            // SAFETY: an object of libfabric's that nobody uses any more. One that cannot
            // be closed now is left to the end of the process.
            unsafe { ((*(*object).ops).close)(object) };
        }
        if !self.info.is_null() {
            (self.library.freeinfo)(self.info);
        }
    }
}

/// What libfabric has for plain TCP by this interface.
fn find(library: &Library, options: &Options) -> Result<*mut fi_info, NetError> {
    let hints = (library.dupinfo)(null());
    if hints.is_null() {
        return Err(NetError::new("libfabric: there is no memory"));
    }
    // SAFETY: fi_dupinfo makes all parts of it, and nobody else knows them. The name is
    // freed with the rest.
    unsafe {
        (*hints).caps = FI_MSG | FI_MULTI_RECV;
        (*hints).mode = FI_CONTEXT | FI_CONTEXT2;
        (*(*hints).ep_attr).kind = FI_EP_RDM;
        (*(*hints).domain_attr).threading = FI_THREAD_DOMAIN;
        (*(*hints).domain_attr).control_progress = FI_PROGRESS_MANUAL;
        (*(*hints).domain_attr).data_progress = FI_PROGRESS_MANUAL;
        (*(*hints).domain_attr).av_type = FI_AV_TABLE;
        (*(*hints).tx_attr).msg_order = FI_ORDER_SAS;
        (*(*hints).rx_attr).msg_order = FI_ORDER_SAS;
        (*(*hints).fabric_attr).prov_name = libc::strdup(provider(library.version).as_ptr());
    }
    let node = CString::new(options.interface.to_string()).unwrap_or_default();
    let mut found = null_mut();
    let code = (library.getinfo)(API, node.as_ptr(), null(), FI_SOURCE, hints, &raw mut found);
    (library.freeinfo)(hints);
    match code {
        0 if !found.is_null() => Ok(found),
        _ => Err(NetError::new(format!(
            "libfabric {} has nothing for TCP (provider {}) at {}: {}; is FI_PROVIDER set?",
            library.version,
            provider(library.version).to_string_lossy(),
            options.interface,
            library.words(code)
        ))),
    }
}

/// A completion that does not mean anything yet.
pub(crate) const EMPTY: fi_cq_data_entry = fi_cq_data_entry {
    op_context: null_mut::<c_void>(),
    flags: 0,
    len: 0,
    buf: null_mut::<c_void>(),
    data: 0,
};
