//! Ports: where a server waits for clients that were started separately (MPI 5.0, section
//! 11.9).
//!
//! A port is a listening Unix socket in the abstract namespace, which ends with the
//! process that has it open: nothing is left behind, and nobody can connect to a port that
//! is closed. Its name is random, and processes of other users are turned away. In a job that
//! has a network open it is a TCP socket ([`super::tcp`]), whose address follows in the name.

use super::socket::{self, Talk, raise, wait_for};
use super::tcp::{self, TcpPort};
use crate::comm_make::connect::{self, Wire};
use crate::comm_make::intra::only_intra;
use crate::error::{Class, Error, Result};
use crate::fail;
use crate::handle::Raw;
use crate::job;
use crate::lock::Local;
use crate::object::comm::Comm;
use crate::object::group;
use std::ffi::{CStr, CString};
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{self, UnixListener};
use std::sync::Arc;
use wireup::collective::Kind;

/// What port names begin with.
const SCHEME: &str = "lariat-port:";

static PORTS: Local<Vec<OwnPort>> = Local::new(Vec::new());

/// A number that nobody can guess.
///
/// # Errors
/// The kernel gives none.
pub(super) fn random() -> Result<u128> {
    let mut bytes = [0; 16];
    // SAFETY: fills at most as many bytes as the array has.
    let got = unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), bytes.len(), 0) };
    if got != 16 {
        let why = io::Error::last_os_error();
        fail!(OTHER, "no random name for a port: getrandom: {why}");
    }
    Ok(u128::from_le_bytes(bytes))
}

fn address(name: &str) -> io::Result<net::SocketAddr> {
    net::SocketAddr::from_abstract_name(name)
}

/// Where a port listens.
#[derive(Debug)]
enum Listener {
    /// On this host.
    Local(UnixListener),
    /// On the network.
    Network(TcpPort),
}

/// A port that is open.
#[derive(Debug)]
pub(super) struct OwnPort {
    name: CString,
    listener: Listener,
}

impl OwnPort {
    /// Opens one.
    ///
    /// # Errors
    /// The system has no more sockets.
    pub(super) fn open() -> Result<OwnPort> {
        let number = random()?;
        let mut name = format!("{SCHEME}{number:032x}");
        let table = job::current().and_then(|job| job.nodes);
        let mut listen = || match table {
            Some(table) => {
                let at = table.interface().parse().map_err(io::Error::other)?;
                let port = TcpPort::open(at, number)?;
                name = format!("{name}@{}", port.address()?);
                Ok::<_, io::Error>(Listener::Network(port))
            }
            None => {
                let listener = raise(UnixListener::bind_addr(&address(&name)?)?)?;
                listener.set_nonblocking(true)?;
                Ok(Listener::Local(listener))
            }
        };
        let listener = listen().map_err(|why| {
            Error::new(
                Class::OTHER,
                format!("no socket for a port can be made: {why}"),
            )
        })?;
        Ok(OwnPort {
            name: CString::new(name).unwrap_or_default(),
            listener,
        })
    }

    /// Its name.
    pub(super) fn name(&self) -> &CStr {
        &self.name
    }

    /// Takes the next client, if there is one.
    pub(super) fn next(&self) -> Option<Result<OwnedFd>> {
        let listener = match &self.listener {
            Listener::Local(listener) => listener,
            Listener::Network(port) => {
                let client = port.next()?;
                let client = client.map_err(|why| broken(&self.name, &why));
                return Some(client.map(OwnedFd::from));
            }
        };
        loop {
            match listener.accept() {
                Ok((stream, _)) if socket::check_user(stream.as_fd()).is_ok() => {
                    let stream = raise(OwnedFd::from(stream));
                    return Some(stream.map_err(|why| broken(&self.name, &why)));
                }
                // Somebody else's process is refused; the next one may be right.
                Ok(_) => {}
                Err(why) => match why.kind() {
                    io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted => {}
                    io::ErrorKind::WouldBlock => return None,
                    _ => return Some(Err(broken(&self.name, &why))),
                },
            }
        }
    }
}

/// `MPI_Open_port`: the name.
///
/// # Errors
/// The system has no more sockets.
pub fn open() -> Result<String> {
    let port = OwnPort::open()?;
    let name = port.name.to_string_lossy().into_owned();
    PORTS.with(|ports| ports.push(port));
    Ok(name)
}

/// Checks the form of a port's name. The name without the address, and that.
fn check(name: &CStr) -> Result<(&str, Option<SocketAddr>)> {
    let text = name.to_str().unwrap_or_default();
    let Some(number) = text.strip_prefix(SCHEME) else {
        fail!(
            PORT,
            "port_name is {name:?}, which MPI_Open_port has not made: it would begin with {SCHEME}"
        );
    };
    let (number, at) = match number.split_once('@') {
        Some((number, at)) => (number, Some(at.parse::<SocketAddr>().ok())),
        None => (number, None),
    };
    let is_number = number.len() == 32 && number.bytes().all(|b| b.is_ascii_hexdigit());
    match at {
        None if is_number => Ok((text, None)),
        Some(Some(at)) if is_number => Ok((&text[..SCHEME.len() + 32], Some(at))),
        _ => fail!(PORT, "port_name is {name:?}, of which a part is missing"),
    }
}

/// `MPI_Close_port`.
///
/// # Errors
/// This process has no such port open.
pub fn close(name: &CStr) -> Result<()> {
    check(name)?;
    let closed = PORTS.with(|ports| {
        let at = ports.iter().position(|port| *port.name == *name)?;
        Some(ports.swap_remove(at))
    });
    match closed {
        Some(_) => Ok(()),
        None => Err(not_open(name)),
    }
}

fn not_open(name: &CStr) -> Error {
    Error::new(
        Class::PORT,
        format!("port {name:?} is not open in this process"),
    )
}

/// Takes the next client of a port, once there is one.
fn next_client(name: &CStr) -> Result<OwnedFd> {
    check(name)?;
    wait_for(|| {
        PORTS.with(
            |ports| match ports.iter().find(|port| *port.name == *name) {
                Some(port) => port.next(),
                None => Some(Err(not_open(name))),
            },
        )
    })
}

fn broken(name: &CStr, why: &io::Error) -> Error {
    Error::new(Class::PORT, format!("port {name:?} cannot be used: {why}"))
}

/// Connects to the server that has a port open.
pub(super) fn reach(name: &CStr) -> Result<OwnedFd> {
    let (text, at) = check(name)?;
    if at.is_some() != group::has_network() {
        return Err(connect::no_network(at.is_none()));
    }
    let failed = |why: io::Error| match why.kind() {
        io::ErrorKind::ConnectionRefused => Error::new(
            Class::PORT,
            format!(
                "nobody has port {name:?} open: it was closed, or its process has ended, or runs in another network namespace"
            ),
        ),
        _ => broken(name, &why),
    };
    if let Some(at) = at {
        let number = u128::from_str_radix(&text[SCHEME.len()..], 16).unwrap_or(0);
        return tcp::reach(at, number).map(OwnedFd::from).map_err(failed);
    }
    let stream = socket::connect(text.as_bytes()).map_err(failed)?;
    socket::check_user(stream.as_fd())?;
    Ok(stream.into())
}

/// The clients of a port: talks to the first that keeps to the protocol. One that ends while
/// it waits for its turn is passed over, and so is a process that is no client.
struct Clients<'a> {
    name: &'a CStr,
    talk: Talk<OwnedFd>,
    has_begun: bool,
}

impl<'a> Clients<'a> {
    fn wait(name: &'a CStr) -> Result<Clients<'a>> {
        Ok(Clients {
            name,
            talk: Talk::new(next_client(name)?, Class::PORT).watched(),
            has_begun: false,
        })
    }
}

impl Wire for Clients<'_> {
    fn watched(&self) -> Option<OwnedFd> {
        Wire::watched(&self.talk)
    }

    fn exchange(&mut self, bytes: &[u8]) -> Result<Vec<u8>> {
        // Nothing is agreed before the end of the first exchange.
        loop {
            match self.talk.exchange(bytes) {
                Err(_) if !self.has_begun => *self = Clients::wait(self.name)?,
                result => {
                    self.has_begun = true;
                    return result;
                }
            }
        }
    }
}

/// `MPI_Comm_accept`. `name` counts at the root only.
///
/// # Errors
/// The root has no such port, a client breaks off after the first words, or the two sides cannot be connected.
pub fn accept(
    comm: &Arc<Comm>,
    root: u32,
    name: impl FnOnce() -> Result<&'static CStr>,
) -> Result<Raw> {
    only_intra(comm)?;
    connect::meet_at(comm, Kind::COMM_ACCEPT, root, || {
        Ok(Box::new(Clients::wait(name()?)?) as Box<dyn Wire>)
    })
}

/// `MPI_Comm_connect`. `name` counts at the root only.
///
/// # Errors
/// Nobody has the port open, or the two sides cannot be connected.
pub fn connect(
    comm: &Arc<Comm>,
    root: u32,
    name: impl FnOnce() -> Result<&'static CStr>,
) -> Result<Raw> {
    only_intra(comm)?;
    connect::meet_at(comm, Kind::COMM_CONNECT, root, || {
        let stream = reach(name()?)?;
        Ok(Box::new(Talk::new(stream, Class::PORT).watched()) as Box<dyn Wire>)
    })
}
