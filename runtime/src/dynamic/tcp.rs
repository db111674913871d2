//! Ports of jobs with a network open: TCP sockets on the interface by which the job's hosts
//! reach each other. Whoever connects first sends the port's number, which only those know who
//! know the port's name; all others are turned away.

use super::socket::{raise, wait_for};
use std::cell::RefCell;
use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::time::{Duration, Instant};

/// How long a client may take to send the number.
const PATIENCE: Duration = Duration::from_secs(10);

/// Bytes of a port's number.
const NUMBER: usize = 16;

/// A client that has not sent all of the number.
#[derive(Debug)]
struct Newcomer {
    stream: TcpStream,
    sent: Vec<u8>,
    since: Instant,
}

/// A listening socket, and the number of its port.
#[derive(Debug)]
pub(super) struct TcpPort {
    listener: TcpListener,
    number: u128,
    newcomers: RefCell<Vec<Newcomer>>,
}

impl TcpPort {
    /// Listens at this address, where the system chooses.
    ///
    /// # Errors
    /// The system has no more sockets, or there is no such address.
    pub(super) fn open(at: IpAddr, number: u128) -> io::Result<TcpPort> {
        let listener = raise(TcpListener::bind((at, 0))?)?;
        listener.set_nonblocking(true)?;
        Ok(TcpPort {
            listener,
            number,
            newcomers: RefCell::default(),
        })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// None that can happen: it is bound.
    pub(super) fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Takes the next client that has sent the number, if there is one.
    pub(super) fn next(&self) -> Option<io::Result<TcpStream>> {
        loop {
            match self.listener.accept() {
                Ok((stream, _)) => {
                    let ready = raise(stream).and_then(|stream| {
                        stream.set_nonblocking(true)?;
                        stream.set_nodelay(true)?;
                        Ok(stream)
                    });
                    match ready {
                        Ok(stream) => self.newcomers.borrow_mut().push(Newcomer {
                            stream,
                            sent: Vec::new(),
                            since: Instant::now(),
                        }),
                        Err(why) => return Some(Err(why)),
                    }
                }
                Err(why) => match why.kind() {
                    io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted => {}
                    io::ErrorKind::WouldBlock => break,
                    _ => return Some(Err(why)),
                },
            }
        }
        let mut newcomers = self.newcomers.borrow_mut();
        newcomers.retain_mut(|one| one.hear().is_ok() && one.since.elapsed() < PATIENCE);
        // Only whole numbers are compared, and wholly: who guesses learns of no byte by itself.
        newcomers.retain(|one| one.sent.len() < NUMBER || one.knows(self.number));
        let at = newcomers.iter().position(|one| one.sent.len() == NUMBER)?;
        Some(Ok(newcomers.swap_remove(at).stream))
    }
}

impl Newcomer {
    /// Whether it has sent this number.
    fn knows(&self, number: u128) -> bool {
        let sent: Result<[u8; NUMBER], _> = self.sent.as_slice().try_into();
        sent.is_ok_and(|sent| u128::from_le_bytes(sent) ^ number == 0)
    }

    /// Reads what is there of the number, and nothing behind it.
    fn hear(&mut self) -> io::Result<()> {
        let mut bytes = [0; NUMBER];
        while self.sent.len() < NUMBER {
            match self.stream.read(&mut bytes[self.sent.len()..]) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(n) => {
                    let from = self.sent.len();
                    self.sent.extend_from_slice(&bytes[from..from + n]);
                }
                Err(why) if why.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(why) if why.kind() == io::ErrorKind::Interrupted => {}
                Err(why) => return Err(why),
            }
        }
        Ok(())
    }
}

/// Connects to such a port, and makes progress meanwhile.
///
/// # Errors
/// What the kernel says.
pub(super) fn reach(at: SocketAddr, number: u128) -> io::Result<TcpStream> {
    let family = match at {
        SocketAddr::V4(_) => libc::AF_INET,
        SocketAddr::V6(_) => libc::AF_INET6,
    };
    let kind = libc::SOCK_STREAM | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    // SAFETY: makes a descriptor only.
    let fd = unsafe { libc::socket(family, kind, 0) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: socket just returned this descriptor to us alone.
    let socket = raise(unsafe { OwnedFd::from_raw_fd(fd) })?;
    let begun = match at {
        SocketAddr::V4(at) => {
            // SAFETY: all zero is an address.
            let mut to: libc::sockaddr_in = unsafe { std::mem::zeroed() };
            to.sin_family = libc::sa_family_t::try_from(family).map_err(io::Error::other)?;
            to.sin_port = at.port().to_be();
            to.sin_addr.s_addr = u32::from_ne_bytes(at.ip().octets());
            connect(&socket, &to)
        }
        SocketAddr::V6(at) => {
            // SAFETY: as above.
            let mut to: libc::sockaddr_in6 = unsafe { std::mem::zeroed() };
            to.sin6_family = libc::sa_family_t::try_from(family).map_err(io::Error::other)?;
            to.sin6_port = at.port().to_be();
            to.sin6_addr.s6_addr = at.ip().octets();
            to.sin6_scope_id = at.scope_id();
            connect(&socket, &to)
        }
    };
    match begun {
        Err(why) if why.raw_os_error() != Some(libc::EINPROGRESS) => return Err(why),
        _ => {}
    }
    let stream = TcpStream::from(socket);
    wait_for(|| {
        let mut fd = libc::pollfd {
            fd: stream.as_raw_fd(),
            events: libc::POLLOUT,
            revents: 0,
        };
        // SAFETY: one descriptor in a local, without a wait.
        let ready = unsafe { libc::poll(&raw mut fd, 1, 0) };
        (ready > 0).then_some(())
    });
    if let Some(why) = stream.take_error()? {
        return Err(why);
    }
    stream.set_nodelay(true)?;
    (&stream).write_all(&number.to_le_bytes())?; // the first bytes of a connection find room
    Ok(stream)
}

fn connect<A>(socket: &OwnedFd, to: &A) -> io::Result<()> {
    let len = libc::socklen_t::try_from(size_of::<A>()).map_err(io::Error::other)?;
    let to = std::ptr::from_ref(to).cast();
    // SAFETY: reads the address, which has so many bytes.
    match unsafe { libc::connect(socket.as_raw_fd(), to, len) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn next(port: &TcpPort) -> TcpStream {
        loop {
            if let Some(client) = port.next() {
                return client.unwrap();
            }
            std::thread::yield_now();
        }
    }

    #[test]
    fn who_does_not_know_the_number_is_turned_away() {
        let port = TcpPort::open(Ipv4Addr::LOCALHOST.into(), 7).unwrap();
        let at = port.address().unwrap();
        let connected = || TcpStream::connect(at).unwrap();
        let _silent = connected();
        let mut wrong = connected();
        wrong.write_all(&8_u128.to_le_bytes()).unwrap();
        let mut right = connected();
        right.write_all(&7_u128.to_le_bytes()).unwrap();
        right.write_all(b"behind").unwrap();
        let mut client = next(&port);
        client.set_nonblocking(false).unwrap();
        let mut behind = [0; 6];
        client.read_exact(&mut behind).unwrap();
        assert_eq!(&behind, b"behind");
        assert!(port.next().is_none());
        assert_eq!(wrong.read(&mut behind).unwrap_or(0), 0, "it was closed");
    }
}
