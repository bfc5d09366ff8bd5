//! `plum unmap`: deletes by NAT-PMP what an earlier run left.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use futures::executor::block_on;
use libplum::{Error, NoGateway, Protocol, Report, Transport};

use crate::args::{Common, Protocols, UnmapArgs};
use crate::output::{complain, milliseconds, Failed, Line, Output};
use crate::{Exit, SHUTDOWN};

const NEEDS_NATPMP: &str = "the gateway does not speak NAT-PMP, and by its other protocols only the \
                            program that mapped a port can unmap it: what is left ends with its lifetime";

/// As of `--timeout`.
const PATIENCE: Duration = Duration::from_secs(10);

/// RFC 6886 section 3.1: 250 ms until the second request, then twice as long each time, nine in all.
const FIRST_WAIT: Duration = Duration::from_millis(250);
const REQUESTS: u32 = 9;

pub(crate) fn run(common: &Common, args: &UnmapArgs) -> Exit {
    if args.ports.iter().any(|spec| spec.external.is_some()) {
        complain(&"the port outside is not asked for: write PORT[/tcp|udp|both]");
        return Exit::Usage;
    }
    if common.protocol == Protocols::Pcp {
        complain(
            &"by PCP only the program that mapped a port can unmap it: leave out --protocol pcp",
        );
        return Exit::Usage;
    }
    let start = Instant::now();
    let mut output = Output::new(args.json);
    output.wait_for("asking the gateway");
    let found = find_gateway(common);
    output.waited();
    let gateway = match found {
        Ok(gateway) => gateway,
        Err(error) => return refuse(&output, args, None, &error, start),
    };
    let patience = common.timeout.unwrap_or(PATIENCE);
    let mut exit = Exit::Done;
    for spec in &args.ports {
        for &transport in spec.transports.each() {
            let port = (transport, spec.internal);
            match delete(gateway, transport, spec.internal, patience) {
                Ok(()) => {
                    let line = Line::Cleared {
                        transport,
                        internal_port: spec.internal,
                        elapsed_ms: milliseconds(start.elapsed()),
                    };
                    if output.say(&line).is_err() {
                        return Exit::Failed;
                    }
                }
                Err(error) => exit = refuse(&output, args, Some(port), &error, start),
            }
        }
    }
    exit
}

fn refuse(
    output: &Output,
    args: &UnmapArgs,
    port: Option<(Transport, u16)>,
    error: &Error,
    start: Instant,
) -> Exit {
    let failed = Failed::new(port, error, start.elapsed());
    if args.json {
        // Nobody reads any more; the exit code tells it too.
        let _ = output.say(&Line::Failed(failed));
    } else {
        match port {
            None if *error == Error::Unsupported => complain(&NEEDS_NATPMP),
            None => complain(error),
            Some((transport, port)) => complain(&format_args!("{transport} {port}: {error}")),
        }
    }
    error.into()
}

/// The gateway, if it speaks NAT-PMP.
fn find_gateway(common: &Common) -> Result<SocketAddr, Error> {
    let client = common.client()?;
    let report = block_on(client.probe());
    client.shutdown_blocking(SHUTDOWN)?;
    speaks_natpmp(&report?)
}

fn speaks_natpmp(report: &Report) -> Result<SocketAddr, Error> {
    let natpmp = report
        .answers
        .iter()
        .find(|a| a.protocol == Protocol::NatPmp);
    let Some(answer) = natpmp else {
        return Err(Error::Unsupported);
    };
    match (&answer.error, answer.gateway) {
        (None, Some(gateway)) => Ok(gateway),
        (Some(_), _) if report.best().is_some() => Err(Error::Unsupported),
        (Some(error), _) => Err(error.clone()),
        (None, None) => Err(Error::NoGateway(NoGateway::NoRoute)),
    }
}

/// RFC 6886 section 3.4.
fn delete(
    gateway: SocketAddr,
    transport: Transport,
    port: u16,
    patience: Duration,
) -> Result<(), Error> {
    match exchange(gateway, transport, port, patience) {
        Ok(Some(0)) => Ok(()),
        Ok(Some(code)) => Err(refused(code)),
        Ok(None) => Err(Error::NoGateway(NoGateway::Silent)),
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
            Err(Error::NoGateway(NoGateway::PortsClosed))
        }
        Err(_) => Err(Error::Resources),
    }
}

/// The result code of the answer; `None`: none came.
fn exchange(
    gateway: SocketAddr,
    transport: Transport,
    port: u16,
    patience: Duration,
) -> io::Result<Option<u16>> {
    let any = match gateway {
        SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    let socket = UdpSocket::bind((any, 0))?;
    socket.connect(gateway)?;
    let request = request(transport, port);
    let end = Instant::now() + patience;
    let mut wait = FIRST_WAIT;
    let mut answer = [0; 64];
    for _ in 0..REQUESTS {
        socket.send(&request)?;
        let again = end.min(Instant::now() + wait);
        wait *= 2;
        loop {
            let left = again.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            socket.set_read_timeout(Some(left))?;
            match socket.recv(&mut answer) {
                Ok(size) => {
                    if let Some(code) = result(&answer[..size], &request) {
                        return Ok(Some(code));
                    }
                }
                Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => break,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        if Instant::now() >= end {
            break;
        }
    }
    Ok(None)
}

/// Version 0, opcode, internal port; external port and lifetime are 0.
fn request(transport: Transport, port: u16) -> [u8; 12] {
    let mut request = [0; 12];
    request[1] = match transport {
        Transport::Udp => 1,
        Transport::Tcp => 2,
    };
    request[4..6].copy_from_slice(&port.to_be_bytes());
    request
}

/// The result code, if this is the answer to the request.
fn result(answer: &[u8], request: &[u8; 12]) -> Option<u16> {
    let code = u16::from_be_bytes([*answer.get(2)?, *answer.get(3)?]);
    if answer[0] != 0 || answer[1] != 128 + request[1] {
        return None;
    }
    // An error may come without the rest (RFC 6886 section 3.5); a late answer to a request that
    // mapped the port has an external port, and is not ours.
    match answer.get(8..16) {
        Some(rest) => {
            (rest[..2] == request[4..6] && (code != 0 || rest[2..] == [0; 6])).then_some(code)
        }
        None => (code != 0).then_some(code),
    }
}

/// RFC 6886 sections 3.4 and 3.5.
fn refused(code: u16) -> Error {
    let (meaning, advice) = match code {
        2 => (
            "not authorized: the mapping was made by hand, or port mapping is off",
            "look into the router's settings",
        ),
        3 => ("network failure", "check the router's internet connection"),
        4 => ("out of resources", "try again later"),
        _ => (
            "it does not delete",
            "the mapping ends by itself with its lifetime",
        ),
    };
    Error::Refused {
        protocol: Protocol::NatPmp,
        code: code.into(),
        meaning,
        advice,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: [u8; 16] = [0, 130, 0, 0, 0, 0, 0, 9, 0x1f, 0x90, 0, 0, 0, 0, 0, 0];

    fn with(index: usize, byte: u8) -> [u8; 16] {
        let mut answer = ANSWER;
        answer[index] = byte;
        answer
    }

    #[test]
    fn the_request_is_that_of_rfc_6886_section_3_4() {
        assert_eq!(
            request(Transport::Tcp, 8080),
            [0, 2, 0, 0, 0x1f, 0x90, 0, 0, 0, 0, 0, 0]
        );
        assert_eq!(request(Transport::Udp, 1)[1], 1);
    }

    #[test]
    fn only_the_answer_to_this_delete_counts() {
        let request = request(Transport::Tcp, 8080);
        assert_eq!(result(&ANSWER, &request), Some(0));
        assert_eq!(result(&with(3, 2), &request), Some(2));
        assert_eq!(result(&with(3, 2)[..8], &request), Some(2));
        for (what, other) in [
            ("version", with(0, 2)),
            ("opcode", with(1, 129)),
            ("a request", with(1, 2)),
            ("internal port", with(9, 0x91)),
            ("external port", with(11, 1)),
            ("lifetime", with(15, 1)),
        ] {
            assert_eq!(result(&other, &request), None, "{what}");
        }
        for size in 0..16 {
            assert_eq!(result(&ANSWER[..size], &request), None, "{size}");
        }
    }
}
