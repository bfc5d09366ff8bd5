//! Packets taken apart for the log: leniently, so that a broken one still tells what it was.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub(crate) use crate::message::{HttpMessage, Soap};
use crate::model::wire::Reader;
use crate::model::Nonce;

/// The kind of a request; an answer has the kind of what it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Op {
    /// PCP ANNOUNCE, opcode 0 (RFC 6887 §14.1).
    PcpAnnounce,
    /// PCP MAP, opcode 1, with a lifetime: create or renew (RFC 6887 §11).
    PcpMap,
    /// PCP MAP with lifetime 0: delete (RFC 6887 §15.1).
    PcpDelete,
    /// PCP PEER, opcode 2 (RFC 6887 §12).
    PcpPeer,
    /// NAT-PMP opcode 0: the external address (RFC 6886 §3.2).
    NatPmpAddress,
    /// NAT-PMP opcode 1 or 2 with a lifetime: create or renew (RFC 6886 §3.3).
    NatPmpMap,
    /// NAT-PMP opcode 1 or 2 with lifetime 0: delete (RFC 6886 §3.4).
    NatPmpDelete,
    /// An SSDP search (UDA 1.0 §1.2).
    SsdpSearch,
    /// An SSDP announcement (UDA 1.0 §1.1).
    SsdpNotify,
    /// A document asked for over HTTP.
    HttpGet,
    /// SUBSCRIBE or UNSUBSCRIBE (UDA 1.0 §4.1).
    Subscription,
    /// The action of this name, of WANIPConnection or WANPPPConnection.
    AddPortMapping,
    /// The action of this name (WANIPConnection:2).
    AddAnyPortMapping,
    /// The action of this name.
    DeletePortMapping,
    /// The action of this name (WANIPConnection:2).
    DeletePortMappingRange,
    /// The action of this name.
    GetSpecificPortMappingEntry,
    /// The action of this name.
    GetGenericPortMappingEntry,
    /// The action of this name (WANIPConnection:2).
    GetListOfPortMappings,
    /// The action of this name.
    GetExternalIpAddress,
    /// The action of this name.
    GetStatusInfo,
    /// The action of this name (WANIPv6FirewallControl:1).
    AddPinhole,
    /// The action of this name (WANIPv6FirewallControl:1).
    UpdatePinhole,
    /// The action of this name (WANIPv6FirewallControl:1).
    DeletePinhole,
    /// Any other action.
    OtherAction,
    /// Anything else.
    Other,
}

impl Op {
    pub(crate) fn of_action(name: &str) -> Self {
        match name {
            "AddPortMapping" => Op::AddPortMapping,
            "AddAnyPortMapping" => Op::AddAnyPortMapping,
            "DeletePortMapping" => Op::DeletePortMapping,
            "DeletePortMappingRange" => Op::DeletePortMappingRange,
            "GetSpecificPortMappingEntry" => Op::GetSpecificPortMappingEntry,
            "GetGenericPortMappingEntry" => Op::GetGenericPortMappingEntry,
            "GetListOfPortMappings" => Op::GetListOfPortMappings,
            "GetExternalIPAddress" => Op::GetExternalIpAddress,
            "GetStatusInfo" => Op::GetStatusInfo,
            "AddPinhole" => Op::AddPinhole,
            "UpdatePinhole" => Op::UpdatePinhole,
            "DeletePinhole" => Op::DeletePinhole,
            _ => Op::OtherAction,
        }
    }
}

/// A decoded packet.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Packet {
    /// Version 2.
    Pcp(PcpPacket),
    /// Version 0.
    NatPmp(NatPmpPacket),
    /// A datagram of SSDP.
    Ssdp(HttpMessage),
    /// A request or answer over HTTP.
    Http(HttpMessage),
    /// Another version, or too short to say.
    Unknown,
}

/// What a PCP packet says (RFC 6887 §7.1, §7.2).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PcpPacket {
    /// The R bit.
    pub response: bool,
    /// 0 ANNOUNCE, 1 MAP, 2 PEER.
    pub opcode: u8,
    /// The result code; `None` in a request.
    pub result: Option<u8>,
    /// Requested, assigned or error Lifetime, in seconds.
    pub lifetime: u32,
    /// Epoch Time in seconds; `None` in a request.
    pub epoch: Option<u32>,
    /// The PCP Client's IP Address; `None` in a response.
    pub client: Option<Ipv6Addr>,
    /// The MAP fields, when it is a MAP and long enough.
    pub map: Option<MapFields>,
    /// (code, data) of each option of a MAP or ANNOUNCE, as far as they can be parsed.
    pub options: Vec<(u8, Vec<u8>)>,
}

/// The Opcode-specific information of a MAP (RFC 6887 §11.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct MapFields {
    /// The Mapping Nonce.
    pub nonce: Nonce,
    /// The IANA protocol number.
    pub protocol: u8,
    /// The internal port.
    pub internal_port: u16,
    /// The suggested (request) or assigned (response) external port.
    pub external_port: u16,
    /// The suggested or assigned external address, as it stands in the packet.
    pub external_ip: Ipv6Addr,
}

impl MapFields {
    /// The external address, an IPv4-mapped one as IPv4.
    pub fn external_addr(&self) -> IpAddr {
        IpAddr::V6(self.external_ip).to_canonical()
    }
}

/// What a NAT-PMP packet says (RFC 6886 §3).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NatPmpPacket {
    /// The whole opcode byte, 128 and above in answers.
    pub opcode: u8,
    /// The result code; `None` in a request.
    pub result: Option<u16>,
    /// Seconds Since Start of Epoch; `None` in a request.
    pub epoch: Option<u32>,
    /// The external address of an answer to opcode 0.
    pub external_ip: Option<Ipv4Addr>,
    /// The internal port of opcodes 1 and 2.
    pub internal_port: Option<u16>,
    /// The suggested or mapped external port of opcodes 1 and 2.
    pub external_port: Option<u16>,
    /// The lifetime of opcodes 1 and 2, in seconds.
    pub lifetime: Option<u32>,
}

impl Packet {
    /// Takes a packet apart. Never fails: what cannot be read is left out.
    pub fn decode(bytes: &[u8]) -> Self {
        match bytes {
            [2, _, ..] if bytes.len() >= 24 => Packet::Pcp(decode_pcp(bytes)),
            [0, _, ..] => Packet::NatPmp(decode_nat_pmp(bytes)),
            _ => Packet::Unknown,
        }
    }

    /// Which kind of request it is, or answers.
    pub fn op(&self) -> Op {
        match self {
            Packet::Pcp(p) => match p.opcode {
                0 => Op::PcpAnnounce,
                1 if p.map.is_none() => Op::Other,
                1 if p.lifetime == 0 && p.result.unwrap_or(0) == 0 => Op::PcpDelete,
                1 => Op::PcpMap,
                2 => Op::PcpPeer,
                _ => Op::Other,
            },
            Packet::NatPmp(p) => match (p.opcode & 0x7f, p.lifetime) {
                (0, _) => Op::NatPmpAddress,
                (1 | 2, Some(0)) => Op::NatPmpDelete,
                (1 | 2, Some(_)) => Op::NatPmpMap,
                _ => Op::Other,
            },
            Packet::Ssdp(m) => match m.method() {
                Some("M-SEARCH") => Op::SsdpSearch,
                Some("NOTIFY") => Op::SsdpNotify,
                _ => Op::Other,
            },
            Packet::Http(m) => match (&m.soap, m.method()) {
                (Some(soap), _) => Op::of_action(&soap.action),
                (None, Some("GET" | "HEAD")) => Op::HttpGet,
                (None, Some("SUBSCRIBE" | "UNSUBSCRIBE")) => Op::Subscription,
                _ => Op::Other,
            },
            Packet::Unknown => Op::Other,
        }
    }

    /// The MAP fields, if it is a PCP MAP.
    pub fn map(&self) -> Option<&MapFields> {
        match self {
            Packet::Pcp(p) => p.map.as_ref(),
            _ => None,
        }
    }

    /// The message of SSDP or HTTP, if it is one.
    pub fn http(&self) -> Option<&HttpMessage> {
        match self {
            Packet::Ssdp(m) | Packet::Http(m) => Some(m),
            _ => None,
        }
    }

    /// The control message of UPnP, if it is one.
    pub fn soap(&self) -> Option<&Soap> {
        self.http()?.soap.as_ref()
    }

    /// The result code of an answer, whatever its protocol. For UPnP: 0, the error code, or where
    /// there is none the HTTP status.
    pub fn result(&self) -> Option<u16> {
        match self {
            Packet::Pcp(p) => p.result.map(u16::from),
            Packet::NatPmp(p) => p.result,
            // 0 for a success, the UPnP error of a failure, else the status.
            Packet::Http(m) => match (&m.soap, m.status()) {
                (_, None) => None,
                (Some(soap), _) => Some(soap.error.unwrap_or(0)),
                (None, Some(200)) => Some(0),
                (None, status) => status,
            },
            Packet::Ssdp(_) | Packet::Unknown => None,
        }
    }

    /// The epoch of an answer of either protocol, in seconds.
    pub fn epoch(&self) -> Option<u32> {
        match self {
            Packet::Pcp(p) => p.epoch,
            Packet::NatPmp(p) => p.epoch,
            Packet::Ssdp(_) | Packet::Http(_) | Packet::Unknown => None,
        }
    }
}

/// So many options of a packet are kept: a flood of empty ones must not fill the log.
const OPTIONS: usize = 64;

fn decode_pcp(bytes: &[u8]) -> PcpPacket {
    let mut r = Reader::new(bytes);
    r.u8();
    let opcode = r.u8();
    r.u8();
    let code = r.u8();
    let lifetime = r.u32();
    let response = opcode & 0x80 != 0;
    let (epoch, client) = if response {
        let epoch = r.u32();
        r.array::<12>();
        (Some(epoch), None)
    } else {
        (None, Some(Ipv6Addr::from(r.array::<16>())))
    };
    let opcode = opcode & 0x7f;
    let map = if opcode == 1 { read_map(&mut r) } else { None };
    let mut options = Vec::new();
    while opcode <= 1 && !r.is_empty() && !r.failed() && options.len() < OPTIONS {
        if let Some((code, data)) = read_option(&mut r) {
            options.push((code, data.to_vec()));
        }
    }
    PcpPacket {
        response,
        opcode,
        result: response.then_some(code),
        lifetime,
        epoch,
        client,
        map,
        options,
    }
}

/// RFC 6887 §11.1, Figures 9 and 10: requests and responses have one layout.
pub(crate) fn read_map(r: &mut Reader<'_>) -> Option<MapFields> {
    let fields = MapFields {
        nonce: Nonce(r.array()),
        protocol: r.u8(),
        internal_port: {
            r.array::<3>(); // reserved: ignored when received
            r.u16()
        },
        external_port: r.u16(),
        external_ip: Ipv6Addr::from(r.array::<16>()),
    };
    (!r.failed()).then_some(fields)
}

/// RFC 6887 §7.3, Figure 4: code, reserved, length, data, padded to a multiple of four.
pub(crate) fn read_option<'a>(r: &mut Reader<'a>) -> Option<(u8, &'a [u8])> {
    let code = r.u8();
    r.u8();
    let length = usize::from(r.u16());
    let data = r.take(length);
    r.take(length.next_multiple_of(4) - length);
    (!r.failed()).then_some((code, data))
}

fn decode_nat_pmp(bytes: &[u8]) -> NatPmpPacket {
    let mut r = Reader::new(bytes);
    r.u8();
    let opcode = r.u8();
    // RFC 6886 §3.5: the 8-byte version error has the top bit clear and is an answer all the same.
    let version_error = opcode < 128 && bytes.len() == 8 && bytes[2..4] == [0, 1];
    let answer = opcode >= 128 || version_error;
    let result = r.u16();
    let result = (answer && !r.failed()).then_some(result);
    let epoch = answer.then(|| r.u32());
    let epoch = epoch.filter(|_| !r.failed());
    let mut packet = NatPmpPacket {
        opcode,
        result,
        epoch,
        external_ip: None,
        internal_port: None,
        external_port: None,
        lifetime: None,
    };
    match opcode & 0x7f {
        0 if answer => {
            let ip = Ipv4Addr::from(r.array::<4>());
            packet.external_ip = (!r.failed()).then_some(ip);
        }
        1 | 2 => {
            let (internal, external, lifetime) = (r.u16(), r.u16(), r.u32());
            if !r.failed() {
                packet.internal_port = Some(internal);
                packet.external_port = Some(external);
                packet.lifetime = Some(lifetime);
            }
        }
        _ => {}
    }
    packet
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nat_pmp_map_answer() {
        let p = Packet::decode(&[
            0, 130, 0, 0, 0, 0, 0, 9, 0x1f, 0x90, 0x1f, 0x91, 0, 0, 0x1c, 0x20,
        ]);
        let Packet::NatPmp(p) = p else {
            panic!("{p:?}")
        };
        assert_eq!((p.result, p.epoch), (Some(0), Some(9)));
        assert_eq!((p.internal_port, p.external_port), (Some(8080), Some(8081)));
        assert_eq!(p.lifetime, Some(7200));
    }

    #[test]
    fn the_version_error_is_an_answer_although_its_top_bit_is_clear() {
        let p = Packet::decode(&[0, 0, 0, 1, 0, 0, 0, 5]);
        assert_eq!((p.result(), p.epoch()), (Some(1), Some(5)));
        let p = Packet::decode(&[0, 129, 0, 1, 0, 0, 0, 5]);
        assert_eq!(
            (p.result(), p.epoch(), p.op()),
            (Some(1), Some(5), Op::Other)
        );
    }

    #[test]
    fn short_ones_are_unknown() {
        for bytes in [&[][..], &[2], &[2, 1, 0, 0], &[3; 60]] {
            assert_eq!(Packet::decode(bytes), Packet::Unknown);
        }
        assert_eq!(Packet::decode(&[0, 0]).op(), Op::NatPmpAddress);
    }
}
