//! Tests of the model in plain time numbers. The client here is written for the tests alone.

mod announce;
mod header;
mod hostile;
mod map;
mod natpmp;
mod option;
mod single_rule;
mod strict_nonce;
mod trouble;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use super::*;
use crate::packet::{MapFields, Packet, PcpPacket};

const TCP: u8 = 6;
const UDP: u8 = 17;

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn alice() -> SocketAddr {
    "192.168.1.20:40000".parse().unwrap()
}

fn bob() -> SocketAddr {
    "192.168.1.30:50000".parse().unwrap()
}

fn carol() -> SocketAddr {
    "[2001:db8::20]:40000".parse().unwrap()
}

/// A PCP request in the making (RFC 6887 §7.1 and §11.1).
#[derive(Clone)]
struct Pcp {
    opcode: u8,
    lifetime: u32,
    client: Ipv6Addr,
    map: Option<(Nonce, u8, u16, u16, Ipv6Addr)>,
    options: Vec<u8>,
}

impl Pcp {
    fn announce(from: SocketAddr) -> Self {
        let client = match from.ip() {
            IpAddr::V4(ip) => ip.to_ipv6_mapped(),
            IpAddr::V6(ip) => ip,
        };
        Self {
            opcode: 0,
            lifetime: 0,
            client,
            map: None,
            options: Vec::new(),
        }
    }

    fn map(from: SocketAddr, nonce: u8, protocol: u8, internal: u16, suggested: u16) -> Self {
        let any = if from.is_ipv4() { "::ffff:0:0" } else { "::" };
        let map = (
            Nonce([nonce; 12]),
            protocol,
            internal,
            suggested,
            any.parse().unwrap(),
        );
        Self {
            opcode: 1,
            lifetime: 3600,
            map: Some(map),
            ..Self::announce(from)
        }
    }

    fn delete(from: SocketAddr, nonce: u8, protocol: u8, internal: u16) -> Self {
        let mut request = Self::map(from, nonce, protocol, internal, 0).lifetime(0);
        if let Some(map) = &mut request.map {
            map.4 = Ipv6Addr::UNSPECIFIED; // §15.1: all zeros
        }
        request
    }

    fn lifetime(self, lifetime: u32) -> Self {
        Self { lifetime, ..self }
    }

    fn wants(mut self, ip: &str) -> Self {
        self.map.as_mut().unwrap().4 = ip.parse().unwrap();
        self
    }

    fn option(mut self, code: u8, data: &[u8]) -> Self {
        self.options.extend([code, 0]);
        self.options.extend((data.len() as u16).to_be_bytes());
        self.options.extend(data);
        let padded = self.options.len().next_multiple_of(4);
        self.options.resize(padded, 0);
        self
    }

    fn prefer_failure(self) -> Self {
        self.option(2, &[])
    }

    fn bytes(&self) -> Vec<u8> {
        let mut out = vec![2, self.opcode, 0, 0];
        out.extend(self.lifetime.to_be_bytes());
        out.extend(self.client.octets());
        if let Some((nonce, protocol, internal, external, ip)) = self.map {
            out.extend(nonce.0);
            out.extend([protocol, 0, 0, 0]);
            out.extend(internal.to_be_bytes());
            out.extend(external.to_be_bytes());
            out.extend(ip.octets());
        }
        out.extend(&self.options);
        out
    }
}

/// A NAT-PMP mapping request (RFC 6886 §3.3).
fn nat_pmp_map(opcode: u8, internal: u16, external: u16, lifetime: u32) -> Vec<u8> {
    let mut out = vec![0, opcode, 0, 0];
    out.extend(internal.to_be_bytes());
    out.extend(external.to_be_bytes());
    out.extend(lifetime.to_be_bytes());
    out
}

fn model(change: impl FnOnce(&mut Knobs)) -> Model {
    let mut knobs = Knobs::default();
    change(&mut knobs);
    Model::new(knobs, 1).unwrap()
}

/// Everything that leaves by `now`.
fn drain(model: &mut Model, now: Duration) -> Vec<Transmit> {
    std::iter::from_fn(|| model.poll(now)).collect()
}

/// What a gateway without troubles answers at once.
fn raw(model: &mut Model, now: Duration, from: SocketAddr, bytes: &[u8]) -> Option<Vec<u8>> {
    assert_eq!(model.receive(now, from, bytes), Arrival::Taken);
    let mut answers = drain(model, now);
    assert!(answers.len() <= 1);
    let answer = answers.pop()?;
    assert_eq!(
        (answer.to, answer.source, answer.at),
        (from, Source::Service, now)
    );
    Some(answer.bytes)
}

fn ask(model: &mut Model, now: Duration, from: SocketAddr, request: &Pcp) -> PcpPacket {
    let bytes = raw(model, now, from, &request.bytes()).expect("an answer");
    match Packet::decode(&bytes) {
        Packet::Pcp(answer) if answer.response => answer,
        other => panic!("{other:?}"),
    }
}

/// The result code of a request, from Alice or whoever its client address names.
fn code_of(model: &mut Model, now: Duration, request: &Pcp) -> u8 {
    let ip = IpAddr::V6(request.client).to_canonical();
    ask(model, now, SocketAddr::new(ip, 40_000), request)
        .result
        .unwrap()
}

/// A MAP that must succeed: the assigned port and lifetime.
fn granted(model: &mut Model, now: Duration, request: &Pcp) -> (u16, u32) {
    let ip = IpAddr::V6(request.client).to_canonical();
    let answer = ask(model, now, SocketAddr::new(ip, 40_000), request);
    assert_eq!(answer.result, Some(0), "{answer:?}");
    let fields: MapFields = answer.map.unwrap();
    (fields.external_port, answer.lifetime)
}

fn ports(model: &Model) -> Vec<u16> {
    model
        .rules()
        .iter()
        .map(|rule| rule.external_port)
        .collect()
}
