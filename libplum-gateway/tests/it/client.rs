//! A client by hand: one UDP socket and the bytes of the RFCs.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use libplum_gateway::{Gateway, Packet};

/// Long enough that only a failure waits so long.
pub(crate) const LONG: Duration = Duration::from_secs(20);

/// A host behind the gateway.
pub(crate) struct Client {
    pub(crate) socket: UdpSocket,
}

impl Client {
    /// From this local address, connected: only the gateway's port is heard.
    pub(crate) fn connected(ip: IpAddr, gateway: SocketAddr) -> Self {
        let socket = UdpSocket::bind((ip, 0)).unwrap();
        socket.set_read_timeout(Some(LONG)).unwrap();
        socket.connect(gateway).unwrap();
        Self { socket }
    }

    pub(crate) fn of(gateway: &Gateway) -> Self {
        Self::connected(Ipv4Addr::LOCALHOST.into(), gateway.addr())
    }

    pub(crate) fn send(&self, bytes: &[u8]) {
        self.socket.send(bytes).unwrap();
    }

    pub(crate) fn receive(&self) -> io::Result<Vec<u8>> {
        let mut buffer = [0; 2048];
        let length = self.socket.recv(&mut buffer)?;
        Ok(buffer[..length].to_vec())
    }

    pub(crate) fn ask(&self, bytes: &[u8]) -> Packet {
        self.send(bytes);
        Packet::decode(&self.receive().unwrap())
    }

    /// A PCP MAP with the address of this socket (RFC 6887 §11.1).
    pub(crate) fn map(&self, nonce: u8, protocol: u8, port: u16, lifetime: u32) -> Vec<u8> {
        let mut out = self.announce();
        out[1] = 1;
        out[4..8].copy_from_slice(&lifetime.to_be_bytes());
        out.extend([nonce; 12]);
        out.extend([protocol, 0, 0, 0]);
        out.extend(port.to_be_bytes());
        out.extend(port.to_be_bytes());
        out.extend([0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        let any_v4 = self.socket.local_addr().unwrap().is_ipv4();
        out.extend(if any_v4 { [0xff, 0xff] } else { [0, 0] });
        out.extend([0, 0, 0, 0]);
        out
    }

    /// A PCP ANNOUNCE (RFC 6887 §14.1).
    pub(crate) fn announce(&self) -> Vec<u8> {
        let mut out = vec![2, 0, 0, 0, 0, 0, 0, 0];
        out.extend(match self.socket.local_addr().unwrap().ip() {
            IpAddr::V4(ip) => ip.to_ipv6_mapped().octets(),
            IpAddr::V6(ip) => ip.octets(),
        });
        out
    }
}

/// NAT-PMP opcode 0 (RFC 6886 §3.2).
pub(crate) const ADDRESS: [u8; 2] = [0, 0];
