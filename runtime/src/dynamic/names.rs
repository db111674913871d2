//! Published names (MPI 5.0, section 11.9.4): their scope is the processes of this user on
//! this machine, in one network namespace.
//!
//! A name is two sockets in the abstract namespace, which end with the process that has
//! published it, so that nothing is left behind. The name of the first, the *place*, says
//! where the text is: a memfd of the publisher's. Who looks a name up finds that socket in
//! `/proc/net/unix`, and the text through `/proc/PID/fd`, where the kernel admits the same
//! user only. The publisher has nothing to do for it. The second, the *claim*, decides
//! between processes that publish one name at the same time: only one of them can bind it.
//! A place is bound before the claim, and its text says whether the claim was won.
//!
//! Any user can bind such names. So a claim that is taken, and for which no process of this
//! user has a place, is passed over for the next one. What a place leads to is read only if
//! it is a memfd that a process of this user has made here: a pipe would be emptied, or
//! waited for, and root may read everybody's.

use crate::error::{Class, Error, Result};
use crate::fail;
use crate::lock::Local;
use std::ffi::{CStr, CString};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::os::unix::net::{SocketAddr, UnixDatagram};
use wireup::descriptor;

/// The longest text that is read, in bytes.
const LONGEST: u64 = 1 << 16;

/// Claims that are tried: another user may hold some.
const CLAIMS: usize = 64;

struct Published {
    service: CString,
    port: CString,
    _text: OwnedFd,
    /// The place, then the claim: who finds neither place nor claim may publish.
    _sockets: [UnixDatagram; 2],
}

static PUBLISHED: Local<Vec<Published>> = Local::new(Vec::new());

/// What the names of the sockets of a service begin with.
fn prefix_of(service: &CStr) -> String {
    let mut hash: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d; // FNV-1a
    for byte in service.to_bytes() {
        hash = (hash ^ u128::from(*byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
    }
    format!("lariat-name:{}:{hash:032x}", user())
}

fn claim_of(service: &CStr, n: usize) -> String {
    format!("{}#{n}", prefix_of(service))
}

fn user() -> u32 {
    // SAFETY: geteuid has no preconditions.
    unsafe { libc::geteuid() }
}

fn bind(name: &str) -> io::Result<UnixDatagram> {
    super::socket::raise(UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(
        name,
    )?)?)
}

/// A memfd with a byte that says whether the claim was won, the service's name, a NUL and
/// the port's name.
fn text_of(service: &CStr, port: &CStr) -> io::Result<File> {
    // SAFETY: the name is NUL-terminated; only a new descriptor is made.
    let raw = unsafe { libc::memfd_create(c"lariat-name".as_ptr(), libc::MFD_CLOEXEC) };
    if raw < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: memfd_create just returned this descriptor to us alone.
    let mut file = File::from(unsafe { OwnedFd::from_raw_fd(raw) });
    file.write_all(&[PENDING])?;
    file.write_all(service.to_bytes_with_nul())?;
    file.write_all(port.to_bytes())?;
    descriptor::raise(file.into()).map(File::from)
}

/// The claim was not won yet.
const PENDING: u8 = 0;
/// The name is published.
const SETTLED: u8 = 1;

fn place_of(service: &CStr, text: &File) -> Result<String> {
    let (pid, fd) = (std::process::id(), text.as_raw_fd());
    let number = super::port::random()?; // so that nobody binds it beforehand
    Ok(format!("{}:{pid}:{fd}:{number:032x}", prefix_of(service)))
}

/// Wins a claim. `text`: of the place that this process has bound.
fn claim(service: &CStr, text: &File) -> Result<UnixDatagram> {
    let own = (std::process::id(), text.as_raw_fd().cast_unsigned());
    for n in 0..CLAIMS {
        let bound = bind(&claim_of(service, n));
        let is_taken = bound.is_err();
        let mut others = found(service)?.into_iter().filter(|one| one.at != own);
        // One that is pending fails where the claim is this process's.
        if others.any(|other| is_taken || other.is_settled) {
            fail!(
                SERVICE,
                "service {service:?} is published already by a process of this user"
            );
        }
        match bound {
            Ok(socket) => return Ok(socket),
            Err(why) if why.kind() == io::ErrorKind::AddrInUse => {}
            Err(why) => return Err(unpublishable(service, &why)),
        }
    }
    fail!(
        SERVICE,
        "service {service:?} cannot be published: another user's processes hold all {CLAIMS} sockets with its name"
    )
}

fn unpublishable(service: &CStr, why: &io::Error) -> Error {
    Error::new(
        Class::OTHER,
        format!("service {service:?} cannot be published: {why}"),
    )
}

/// `MPI_Publish_name`.
///
/// # Errors
/// It is published already, or the system has no more sockets.
pub fn publish(service: &CStr, port: &CStr) -> Result<()> {
    if service.is_empty() {
        fail!(SERVICE, "service_name is empty");
    }
    let other = |why: io::Error| unpublishable(service, &why);
    let text = text_of(service, port).map_err(other)?;
    let place = bind(&place_of(service, &text)?).map_err(other)?;
    let claimed = claim(service, &text)?;
    text.write_all_at(&[SETTLED], 0).map_err(other)?;
    PUBLISHED.with(|all| {
        all.push(Published {
            service: service.to_owned(),
            port: port.to_owned(),
            _text: text.into(),
            _sockets: [place, claimed],
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
    let found = found(service)?;
    if let Some(name) = found.into_iter().find(|name| name.is_settled) {
        return Ok(name.port);
    }
    fail!(
        NAME,
        "service {service:?} is not published by any process of this user"
    )
}

/// A name that a process of this user has published, or is about to publish.
struct FoundName {
    /// Process and descriptor of its text.
    at: (u32, u32),
    is_settled: bool,
    port: CString,
}

fn found(service: &CStr) -> Result<Vec<FoundName>> {
    let known = std::fs::read_to_string("/proc/net/unix").map_err(|why| {
        Error::new(
            Class::NAME,
            format!("names cannot be looked up: /proc/net/unix: {why}"),
        )
    })?;
    let begin = format!("@{}:", prefix_of(service));
    let places = known.lines().filter_map(|line| {
        let at = line.find(&begin)?;
        let mut parts = line[at + begin.len()..].trim().split(':');
        Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
    });
    Ok(places.filter_map(|at| read(service, at)).collect())
}

fn read(service: &CStr, at: (u32, u32)) -> Option<FoundName> {
    let path = format!("/proc/{}/fd/{}", at.0, at.1);
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
    if file.metadata().ok()?.uid() != user() {
        return None; // root may read it, and is not to believe it
    }
    // SAFETY: fcntl without an argument; what is no memfd says EINVAL.
    if unsafe { libc::fcntl(file.as_raw_fd(), libc::F_GET_SEALS) } < 0 {
        return None;
    }
    let mut text = Vec::new();
    file.take(LONGEST).read_to_end(&mut text).ok()?;
    let (state, text) = text.split_first()?;
    let nul = text.iter().position(|byte| *byte == 0)?;
    let (name, port) = text.split_at(nul);
    (name == service.to_bytes()).then_some(FoundName {
        at,
        is_settled: *state == SETTLED,
        port: CString::new(&port[1..]).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lock;

    fn service(name: &str) -> CString {
        CString::new(format!("{name}-{}", std::process::id())).unwrap()
    }

    #[test]
    fn a_name_is_published_once_until_it_is_taken_back() {
        let _inside = lock::inside();
        let name = service("once");
        assert_eq!(lookup(&name).unwrap_err().class(), Class::NAME);
        publish(&name, c"a").unwrap();
        let again = publish(&name, c"b").unwrap_err();
        assert_eq!(again.class(), Class::SERVICE);
        assert_eq!(lookup(&name).unwrap().as_c_str(), c"a");
        unpublish(&name, c"a").unwrap();
        publish(&name, c"b").unwrap();
        assert_eq!(lookup(&name).unwrap().as_c_str(), c"b");
        unpublish(&name, c"b").unwrap();
    }

    #[test]
    fn a_claim_that_somebody_holds_without_publishing_is_passed_over() {
        let _inside = lock::inside();
        let name = service("squatted");
        let _held = [0, 1].map(|n| bind(&claim_of(&name, n)).unwrap());
        publish(&name, c"a").unwrap();
        assert_eq!(lookup(&name).unwrap().as_c_str(), c"a");
        assert_eq!(publish(&name, c"b").unwrap_err().class(), Class::SERVICE);
        unpublish(&name, c"a").unwrap();
    }

    #[test]
    fn the_text_of_another_user_is_not_believed() {
        let _inside = lock::inside();
        let name = service("forged");
        let text = text_of(&name, c"a").unwrap();
        text.write_all_at(&[SETTLED], 0).unwrap();
        let _place = bind(&place_of(&name, &text).unwrap()).unwrap();
        assert_eq!(lookup(&name).unwrap().as_c_str(), c"a");
        // SAFETY: changes the owner of a file of this test's, if this user may.
        if unsafe { libc::fchown(text.as_raw_fd(), 65534, 65534) } == 0 {
            assert_eq!(lookup(&name).unwrap_err().class(), Class::NAME);
        }
    }

    #[test]
    fn what_is_not_published_yet_is_not_found() {
        let _inside = lock::inside();
        let name = service("pending");
        let text = text_of(&name, c"a").unwrap();
        let _place = bind(&place_of(&name, &text).unwrap()).unwrap();
        assert_eq!(lookup(&name).unwrap_err().class(), Class::NAME);
    }
}
