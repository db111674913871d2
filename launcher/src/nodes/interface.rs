//! The address by which the other hosts reach this one. A wrong one is worse than none:
//! bridges of containers have one address on every host.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, ToSocketAddrs, UdpSocket};

/// The address for the host called `own`, which is reached from `others`. `wanted`: what
/// `--interface` says, a name or an address.
///
/// # Errors
/// A sentence: there is none.
pub fn find(wanted: &str, own: &str, others: &[String]) -> Result<IpAddr, String> {
    if !wanted.is_empty() {
        return given(wanted);
    }
    let ways = [
        addresses(own).into_iter().find(|at| is_ours(*at)),
        others.iter().find_map(|other| towards(other)),
        by_login(),
        addresses(&host_name()).into_iter().find(|at| is_ours(*at)),
    ];
    ways.into_iter().flatten().next().ok_or_else(|| {
        format!(
            "no address is known by which the other hosts reach this one: neither {own} nor its \
             own name is one of its interfaces; give it by --interface NAME or --interface ADDRESS"
        )
    })
}

fn host_name() -> String {
    let name = nix::unistd::gethostname().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// An address that was given, or that of the interface that was named.
fn given(wanted: &str) -> Result<IpAddr, String> {
    if let Ok(address) = wanted.parse::<IpAddr>() {
        return match UdpSocket::bind((address, 0)) {
            Ok(_) => Ok(address),
            Err(why) => Err(format!("--interface {wanted}: {why}")),
        };
    }
    let all = nix::ifaddrs::getifaddrs().map_err(|why| format!("--interface {wanted}: {why}"))?;
    let own: Vec<_> = all.filter(|one| one.interface_name == wanted).collect();
    let address = own.iter().find_map(|one| {
        let at = one.address.as_ref()?;
        at.as_sockaddr_in().map(|at| IpAddr::V4(at.ip()))
    });
    let six = || {
        own.iter().find_map(|one| {
            let at = one.address.as_ref()?.as_sockaddr_in6()?;
            Some(IpAddr::V6(at.ip()))
        })
    };
    address
        .or_else(six)
        .ok_or_else(|| format!("--interface {wanted}: no interface of this name has an address"))
}

/// The addresses that a name stands for. One of an `user@` in front is cut off.
fn addresses(name: &str) -> Vec<IpAddr> {
    let name = name.rsplit('@').next().unwrap_or(name);
    let name = name.trim_start_matches('[').trim_end_matches(']');
    let found = (name, 0).to_socket_addrs();
    let mut all: Vec<IpAddr> = found
        .map(|all| all.map(|at| at.ip()).collect())
        .unwrap_or_default();
    all.sort_by_key(IpAddr::is_ipv6);
    all
}

/// Whether others may reach this host by an address: it is one of its own, and no loopback.
fn is_ours(address: IpAddr) -> bool {
    !address.is_loopback() && !address.is_unspecified() && UdpSocket::bind((address, 0)).is_ok()
}

/// The address from which packets to another host would come. Nothing is sent.
fn towards(other: &str) -> Option<IpAddr> {
    let to = addresses(other).into_iter().find(|at| !at.is_loopback())?;
    let any: IpAddr = match to {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect((to, 9)).ok()?; // the discard port: only a route is asked for
    let own = socket.local_addr().ok()?.ip();
    is_ours(own).then_some(own)
}

/// The address by which ssh has come.
fn by_login() -> Option<IpAddr> {
    let words = std::env::var("SSH_CONNECTION").ok()?;
    let own: IpAddr = words.split_whitespace().nth(2)?.parse().ok()?;
    is_ours(own).then_some(own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_given_must_be_here() {
        assert_eq!(
            find("127.0.0.1", "", &[]),
            Ok(IpAddr::V4(Ipv4Addr::LOCALHOST))
        );
        assert_eq!(find("lo", "", &[]), Ok(IpAddr::V4(Ipv4Addr::LOCALHOST)));
        for wrong in ["192.0.2.7", "no-such-interface"] {
            let said = find(wrong, "", &[]).unwrap_err();
            assert!(said.contains(wrong), "{said}");
        }
    }

    #[test]
    fn a_loopback_is_found_by_nobody() {
        if let Ok(found) = find("", "localhost", &["localhost".to_owned()]) {
            assert!(!found.is_loopback());
        }
    }
}
