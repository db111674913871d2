//! Published names (MPI 5.0, section 11.9.4): their scope is the processes of this user on
//! this machine, in one network namespace.
//!
//! A name is two sockets in the abstract namespace, which end with the process that has
//! published it, so that nothing is left behind. The first claims the name; its own name is
//! made of the user and a hash of the service's name. The name of the second says in
//! addition where the text is: a memfd of the publisher's. Who looks a name up finds that
//! socket in `/proc/net/unix`, and the text through `/proc/PID/fd`, where the kernel admits
//! the same user only. The publisher has nothing to do for it.
//!
//! Any user can bind such names. So a name that is taken is not known to be published, and
//! what a name leads to is read only if it is a memfd made here: a pipe would be emptied,
//! or waited for.

use crate::error::{Class, Error, Result};
use crate::fail;
use crate::lock::Local;
use std::ffi::{CStr, CString};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use wireup::descriptor;

/// The longest text that is read, in bytes.
const LONGEST: u64 = 1 << 16;

struct Published {
    service: CString,
    port: CString,
    _text: OwnedFd,
    _sockets: [UnixDatagram; 2],
}

static PUBLISHED: Local<Vec<Published>> = Local::new(Vec::new());

/// What the names of the sockets of a service begin with.
fn claim_of(service: &CStr) -> String {
    let mut hash: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d; // FNV-1a
    for byte in service.to_bytes() {
        hash = (hash ^ u128::from(*byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
    }
    // SAFETY: geteuid has no preconditions.
    let user = unsafe { libc::geteuid() };
    format!("lariat-name:{user}:{hash:032x}")
}

fn bind(name: &str) -> io::Result<UnixDatagram> {
    super::port::raise(UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(
        name,
    )?)?)
}

/// A memfd with the service's name, a NUL and the port's name.
fn text_of(service: &CStr, port: &CStr) -> io::Result<OwnedFd> {
    // SAFETY: the name is NUL-terminated; only a new descriptor is made.
    let raw = unsafe { libc::memfd_create(c"lariat-name".as_ptr(), libc::MFD_CLOEXEC) };
    if raw < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: memfd_create just returned this descriptor to us alone.
    let mut file = File::from(unsafe { OwnedFd::from_raw_fd(raw) });
    file.write_all(service.to_bytes_with_nul())?;
    file.write_all(port.to_bytes())?;
    descriptor::raise(file.into())
}

/// `MPI_Publish_name`.
///
/// # Errors
/// It is published already, or the system has no more sockets.
pub fn publish(service: &CStr, port: &CStr) -> Result<()> {
    if service.is_empty() {
        fail!(SERVICE, "service_name is empty");
    }
    let claim = claim_of(service);
    let other = |why: io::Error| {
        Error::new(
            Class::OTHER,
            format!("service {service:?} cannot be published: {why}"),
        )
    };
    let claimed = match bind(&claim) {
        Ok(socket) => socket,
        Err(why) if why.kind() == io::ErrorKind::AddrInUse => {
            fail!(
                SERVICE,
                "service {service:?} is published already: its name is taken on this machine"
            );
        }
        Err(why) => return Err(other(why)),
    };
    let text = text_of(service, port).map_err(other)?;
    let place = format!("{claim}:{}:{}", std::process::id(), text.as_raw_fd());
    let told = bind(&place).map_err(other)?;
    PUBLISHED.with(|all| {
        all.push(Published {
            service: service.to_owned(),
            port: port.to_owned(),
            _text: text,
            _sockets: [claimed, told],
        });
    });
    Ok(())
}

/// `MPI_Unpublish_name`.
///
/// # Errors
/// This process has not published it, or with another port.
pub fn unpublish(service: &CStr, port: &CStr) -> Result<()> {
    PUBLISHED.with(|all| {
        let Some(at) = all.iter().position(|one| *one.service == *service) else {
            fail!(
                SERVICE,
                "service {service:?} is not published by this process"
            );
        };
        if *all[at].port != *port {
            fail!(
                SERVICE,
                "service {service:?} is published with port {:?}, and not with {port:?}",
                all[at].port
            );
        }
        drop(all.swap_remove(at));
        Ok(())
    })
}

/// `MPI_Lookup_name`: the port's name.
///
/// # Errors
/// No process of this user has published it.
pub fn lookup(service: &CStr) -> Result<CString> {
    let known = std::fs::read_to_string("/proc/net/unix").map_err(|why| {
        Error::new(
            Class::NAME,
            format!("names cannot be looked up: /proc/net/unix: {why}"),
        )
    })?;
    let begin = format!("@{}:", claim_of(service));
    let places = known.lines().filter_map(|line| {
        let at = line.find(&begin)?;
        let (pid, fd) = line[at + begin.len()..].trim().split_once(':')?;
        Some((pid.parse::<u32>().ok()?, fd.parse::<u32>().ok()?))
    });
    for (pid, fd) in places {
        if let Some(port) = read(service, pid, fd) {
            return Ok(port);
        }
    }
    fail!(
        NAME,
        "service {service:?} is not published by any process of this user"
    )
}

fn read(service: &CStr, pid: u32, fd: u32) -> Option<CString> {
    let path = format!("/proc/{pid}/fd/{fd}");
    // What a link to a memfd says, whatever else there is in the file system.
    let target = std::fs::read_link(&path).ok()?;
    if target.as_os_str() != "/memfd:lariat-name (deleted)" {
        return None;
    }
    let file = File::options()
        .read(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(&path)
        .ok()?;
    // SAFETY: fcntl without an argument; what is no memfd says EINVAL.
    if unsafe { libc::fcntl(file.as_raw_fd(), libc::F_GET_SEALS) } < 0 {
        return None;
    }
    let mut text = Vec::new();
    file.take(LONGEST).read_to_end(&mut text).ok()?;
    let at = text.iter().position(|byte| *byte == 0)?;
    let (name, port) = text.split_at(at);
    (name == service.to_bytes()).then(|| CString::new(&port[1..]).ok())?
}
