//! The floor: one request and its answer by hand, with nothing of libplum in between.

use std::io;
use std::net::{Ipv4Addr, UdpSocket};
use std::time::{Duration, Instant};

/// RFC 6887 §19.
const PCP_PORT: u16 = 5351;

/// Maps TCP `port` by one bare PCP MAP (RFC 6887 §11) and deletes it again. Returns the time from
/// the first request to its answer.
///
/// # Errors
///
/// What the socket says, or `InvalidData` when the answer is no success.
pub fn bare_map(gateway: Ipv4Addr, port: u16, nonce: [u8; 12]) -> io::Result<Duration> {
    let socket = socket_to(gateway)?;
    let client = match socket.local_addr()?.ip() {
        std::net::IpAddr::V4(ip) => ip.to_ipv6_mapped().octets(),
        std::net::IpAddr::V6(ip) => ip.octets(),
    };
    let request = |lifetime: u32| {
        let mut bytes = Vec::with_capacity(60);
        bytes.extend([2, 1, 0, 0]); // version 2, MAP
        bytes.extend(lifetime.to_be_bytes());
        bytes.extend(client);
        bytes.extend(nonce);
        bytes.extend([6, 0, 0, 0]); // TCP
        bytes.extend(port.to_be_bytes());
        bytes.extend(if lifetime == 0 { 0 } else { port }.to_be_bytes());
        bytes.extend(Ipv4Addr::UNSPECIFIED.to_ipv6_mapped().octets());
        bytes
    };
    let mut answer = [0; 1100];
    let start = Instant::now();
    socket.send(&request(7200))?;
    let length = socket.recv(&mut answer)?;
    let elapsed = start.elapsed();
    if length < 60 || answer[..2] != [2, 0x81] || answer[3] != 0 {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("{:?}", &answer[..length]),
        ));
    }
    socket.send(&request(0))?;
    socket.recv(&mut answer)?;
    Ok(elapsed)
}

/// What a gateway says to a PCP ANNOUNCE (RFC 6887 §14.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Announced {
    /// 2, or 0 from a gateway that speaks NAT-PMP only.
    pub version: u8,
    /// Of that version; 0 is SUCCESS.
    pub result: u8,
    /// Seconds since the gateway's state began; `None` unless it answered in PCP.
    pub epoch: Option<u32>,
}

/// Asks by one bare PCP ANNOUNCE.
///
/// # Errors
///
/// What the socket says.
pub fn bare_announce(gateway: Ipv4Addr) -> io::Result<Announced> {
    let socket = socket_to(gateway)?;
    let mut request = [0; 24];
    request[0] = 2;
    if let std::net::IpAddr::V4(ip) = socket.local_addr()?.ip() {
        request[8..].copy_from_slice(&ip.to_ipv6_mapped().octets());
    }
    let mut answer = [0; 1100];
    socket.send(&request)?;
    let length = socket.recv(&mut answer)?;
    let answer = &answer[..length];
    match *answer {
        [2, 0x80, _, result, _, _, _, _, a, b, c, d, ..] => Ok(Announced {
            version: 2,
            result,
            epoch: Some(u32::from_be_bytes([a, b, c, d])),
        }),
        [version, _, _, result, ..] => Ok(Announced {
            version,
            result,
            epoch: None,
        }),
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("{answer:?}"),
        )),
    }
}

fn socket_to(gateway: Ipv4Addr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    socket.set_read_timeout(Some(Duration::from_secs(5)))?;
    socket.connect((gateway, PCP_PORT))?;
    Ok(socket)
}
