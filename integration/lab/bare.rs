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

/// The version and the result code of the answer to one bare PCP ANNOUNCE (RFC 6887 §14.1).
///
/// # Errors
///
/// What the socket says.
pub fn bare_announce(gateway: Ipv4Addr) -> io::Result<(u8, u8)> {
    let socket = socket_to(gateway)?;
    let mut request = [0; 24];
    request[0] = 2;
    if let std::net::IpAddr::V4(ip) = socket.local_addr()?.ip() {
        request[8..].copy_from_slice(&ip.to_ipv6_mapped().octets());
    }
    match ask(&socket, &request)?.as_slice() {
        [version, _, _, result, ..] => Ok((*version, *result)),
        other => Err(nonsense(other)),
    }
}

/// How long the gateway's state is old, in seconds, by one bare NAT-PMP request for its address
/// (RFC 6886 §3.2): gateways with and without PCP answer it.
///
/// # Errors
///
/// What the socket says.
pub fn bare_epoch(gateway: Ipv4Addr) -> io::Result<u32> {
    match ask(&socket_to(gateway)?, &[0, 0])?.as_slice() {
        [0, 128, 0, 0, a, b, c, d, ..] => Ok(u32::from_be_bytes([*a, *b, *c, *d])),
        other => Err(nonsense(other)),
    }
}

fn ask(socket: &UdpSocket, request: &[u8]) -> io::Result<Vec<u8>> {
    let mut answer = vec![0; 1100];
    socket.send(request)?;
    let length = socket.recv(&mut answer)?;
    answer.truncate(length);
    Ok(answer)
}

fn nonsense(answer: &[u8]) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{answer:?}"))
}

fn socket_to(gateway: Ipv4Addr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    socket.set_read_timeout(Some(Duration::from_secs(5)))?;
    socket.connect((gateway, PCP_PORT))?;
    Ok(socket)
}
