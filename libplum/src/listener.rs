//! Mapping what a bound socket listens on.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};

use crate::{Error, Family, Transport};

/// A bound socket, for [`Client::map_listener`](crate::Client::map_listener).
///
/// Sockets of a runtime need a wrapper of two lines, or
/// [`Client::map`](crate::Client::map) with their port.
pub trait Listener {
    /// What it listens for.
    fn transport(&self) -> Transport;

    /// The address that it is bound to.
    ///
    /// # Errors
    /// The system's.
    fn local_addr(&self) -> io::Result<SocketAddr>;
}

impl Listener for TcpListener {
    fn transport(&self) -> Transport {
        Transport::Tcp
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.local_addr()
    }
}

impl Listener for UdpSocket {
    fn transport(&self) -> Transport {
        Transport::Udp
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.local_addr()
    }
}

/// The port, and the family that is to be mapped: any where the socket takes both.
pub(crate) fn bound(listener: &dyn Listener) -> Result<(u16, Option<Family>), Error> {
    let address = listener
        .local_addr()
        .map_err(|_| Error::invalid("listener", "the system does not tell its address"))?;
    if address.port() == 0 {
        return Err(Error::invalid("listener", "it is bound to no port"));
    }
    let ip = address.ip().to_canonical();
    if ip.is_loopback() {
        return Err(Error::invalid(
            "listener",
            "it is bound to the loopback, which the router does not reach: bind it to 0.0.0.0 or [::]",
        ));
    }
    let family = match ip {
        IpAddr::V4(_) => Some(Family::V4),
        // Most systems hand IPv4 to such a socket too.
        IpAddr::V6(ip) if ip.is_unspecified() => None,
        IpAddr::V6(ip) if ip.is_unicast_link_local() => {
            return Err(Error::invalid(
                "listener",
                "it is bound to a link-local address, which nobody outside reaches",
            ));
        }
        IpAddr::V6(_) => Some(Family::V6),
    };
    Ok((address.port(), family))
}

#[cfg(all(test, not(plum_loom)))]
mod tests {
    use super::*;

    struct At(&'static str);

    impl Listener for At {
        fn transport(&self) -> Transport {
            Transport::Udp
        }

        fn local_addr(&self) -> io::Result<SocketAddr> {
            self.0.parse().map_err(io::Error::other)
        }
    }

    #[test]
    fn the_family_is_that_of_the_address() {
        assert_eq!(bound(&At("0.0.0.0:80")), Ok((80, Some(Family::V4))));
        assert_eq!(bound(&At("192.168.1.7:80")), Ok((80, Some(Family::V4))));
        assert_eq!(
            bound(&At("[::ffff:192.168.1.7]:80")),
            Ok((80, Some(Family::V4)))
        );
        assert_eq!(bound(&At("[2001:db8::7]:80")), Ok((80, Some(Family::V6))));
        assert_eq!(bound(&At("[::]:80")), Ok((80, None)));
    }

    #[test]
    fn what_nobody_outside_reaches_is_refused_with_the_reason() {
        for (address, reason) in [
            ("127.0.0.1:80", "loopback"),
            ("127.9.9.9:80", "loopback"),
            ("[::1]:80", "loopback"),
            ("[::ffff:127.0.0.1]:80", "loopback"),
            ("[fe80::1]:80", "link-local"),
            ("0.0.0.0:0", "no port"),
            ("nowhere", "does not tell"),
        ] {
            match bound(&At(address)) {
                Err(Error::InvalidArgument { argument, why }) => {
                    assert_eq!(argument, "listener");
                    assert!(why.contains(reason), "{address}: {why}");
                }
                other => panic!("{address}: {other:?}"),
            }
        }
    }
}
