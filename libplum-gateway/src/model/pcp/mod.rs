//! PCP, section by section of RFC 6887: the headers here, [`option`] §7.3 and §13, [`map`] §11.

mod map;
mod option;

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use super::choice::ErrorLifetimes;
use super::code::pcp as code;
use super::table::Held;
use super::wire::Reader;
use super::{Model, Reply};
use crate::log::Dropped;
use crate::packet::{read_map, MapFields, Op};
use option::Options;

/// §7: "a maximum UDP payload length of 1100 octets".
pub(crate) const MAX_LENGTH: usize = 1100;

/// §7.1, §7.2: both headers.
const HEADER: usize = 24;

/// §11.1: the header and the MAP's own fields.
const MAP_LENGTH: usize = HEADER + 36;

const VERSION: u8 = 2;
const ANNOUNCE: u8 = 0;
const MAP: u8 = 1;
const PEER: u8 = 2;
const RESPONSE: u8 = 0x80;

/// §7.4: "short lifetime errors use a 30-second lifetime and long lifetime errors [...] 30-minute".
const SHORT_ERROR: u32 = 30;
const LONG_ERROR: u32 = 1800;

/// An error to answer, with the Lifetime that its reason gives it, if one does.
struct Refusal {
    code: u8,
    lifetime: Option<u32>,
    /// The Lifetime was chosen by the test and stands under every [`ErrorLifetimes`].
    forced: bool,
}

impl Refusal {
    fn lasting(code: u8, seconds: u32) -> Self {
        Self {
            code,
            lifetime: Some(seconds),
            forced: false,
        }
    }
}

impl From<u8> for Refusal {
    fn from(code: u8) -> Self {
        Self {
            code,
            lifetime: None,
            forced: false,
        }
    }
}

/// A request that passed the checks of §8.2.
struct Header {
    opcode: u8,
    lifetime: u32,
}

impl Model {
    /// A request of version 2 without the R bit.
    pub(super) fn pcp(&mut self, at: Duration, from: SocketAddr, bytes: &[u8]) -> Reply {
        if bytes.len() < HEADER {
            return Reply::Drop(Dropped::TooShort);
        }
        Reply::Answer(match self.pcp_response(at, from, bytes) {
            Ok(response) => response,
            Err(refusal) => self.pcp_error(at, bytes, &refusal),
        })
    }

    /// §9: the answer to any version but 2. Its form is such that a NAT-PMP client reads result 1
    /// in it (Appendix A).
    pub(super) fn pcp_version_error(&mut self, at: Duration, bytes: &[u8]) -> Reply {
        Reply::Answer(self.pcp_error(at, bytes, &code::UNSUPP_VERSION.into()))
    }

    fn pcp_response(
        &mut self,
        at: Duration,
        from: SocketAddr,
        bytes: &[u8],
    ) -> Result<Vec<u8>, Refusal> {
        let header = check_header(from.ip(), bytes)?;
        let mut r = Reader::new(&bytes[HEADER..]);
        let fields = (header.opcode == MAP).then(|| read_map(&mut r)).flatten();
        if let Some(refusal) = self.forced_refusal(&header) {
            return Err(refusal);
        }
        match (header.opcode, fields) {
            (MAP, Some(fields)) => {
                let options = self.read_options(&mut r, from.ip(), header.opcode)?;
                self.map_response(at, from, header.lifetime, &fields, &options)
            }
            (ANNOUNCE, _) => {
                self.read_options(&mut r, from.ip(), header.opcode)?;
                // §14.1.2: "it generates SUCCESS response with an assigned lifetime of zero".
                Ok(success_header(ANNOUNCE, 0, self.epoch(at)))
            }
            _ => Err(code::UNSUPP_OPCODE.into()),
        }
    }

    fn map_response(
        &mut self,
        at: Duration,
        from: SocketAddr,
        lifetime: u32,
        fields: &MapFields,
        options: &Options,
    ) -> Result<Vec<u8>, Refusal> {
        let granted = self.map(at, from, lifetime, fields, options)?;
        let mut out = success_header(MAP, granted.told, self.epoch(at));
        let assigned = MapFields {
            external_port: granted.port,
            external_ip: granted.ip,
            ..*fields
        };
        write_map(&mut out, &assigned);
        // §7.3: "In success responses, all processed options are included and unprocessed options
        // are not included."
        out.extend(&options.processed);
        Ok(out)
    }

    fn forced_refusal(&mut self, header: &Header) -> Option<Refusal> {
        let op = match header.opcode {
            ANNOUNCE => Op::PcpAnnounce,
            MAP if header.lifetime == 0 => Op::PcpDelete,
            MAP => Op::PcpMap,
            PEER => Op::PcpPeer,
            _ => return None,
        };
        let (code, lifetime) = self.forced(op)?;
        let code = u8::try_from(code).ok()?;
        Some(Refusal {
            code,
            lifetime,
            forced: lifetime.is_some(),
        })
    }

    /// §8.2: "Any error response has a non-zero result code, and is created by copying the entire
    /// UDP payload, or 1100 octets, whichever is less, and zero-padding [...] to a multiple of 4".
    fn pcp_error(&self, at: Duration, request: &[u8], refusal: &Refusal) -> Vec<u8> {
        let mut out = request[..request.len().min(MAX_LENGTH)].to_vec();
        out.resize(out.len().next_multiple_of(4).max(HEADER), 0);
        out[0] = VERSION;
        out[1] |= RESPONSE;
        out[2] = 0;
        out[3] = refusal.code;
        out[4..8].copy_from_slice(&self.error_lifetime(refusal).to_be_bytes());
        out[8..12].copy_from_slice(&self.epoch(at).to_be_bytes());
        // §7.2: the last 96 bits of the client's address stay "for requests that were not
        // successfully parsed", and for others the reserved bits MUST be 0.
        let unparsed = [
            code::UNSUPP_VERSION,
            code::MALFORMED_REQUEST,
            code::UNSUPP_OPCODE,
            code::MALFORMED_OPTION,
        ];
        if !unparsed.contains(&refusal.code) {
            out[12..HEADER].fill(0);
        }
        if self.knobs.delete_tells_external {
            self.tell_external_on_failed_delete(&mut out, request);
        }
        out
    }

    /// miniupnpd writes its external address before it knows whether the delete succeeds; §11.1
    /// wants the suggested one copied.
    fn tell_external_on_failed_delete(&self, out: &mut [u8], request: &[u8]) {
        let judged = matches!(out[3], code::NOT_AUTHORIZED | code::NO_RESOURCES);
        let is_delete = request.len() >= MAP_LENGTH && request[1] == MAP && request[4..8] == [0; 4];
        let mut r = Reader::new(request.get(8..).unwrap_or_default());
        let client = IpAddr::V6(Ipv6Addr::from(r.array::<16>())).to_canonical();
        if judged && is_delete && client.is_ipv4() {
            let address = self.external_for(client).octets();
            out[MAP_LENGTH - address.len()..MAP_LENGTH].copy_from_slice(&address);
        }
    }

    fn error_lifetime(&self, refusal: &Refusal) -> u32 {
        let by_code = if code::is_short(refusal.code) {
            SHORT_ERROR
        } else {
            LONG_ERROR
        };
        let by_reason = refusal.lifetime.unwrap_or(by_code);
        match self.knobs.error_lifetimes {
            _ if refusal.forced => by_reason,
            ErrorLifetimes::Rfc => by_reason,
            ErrorLifetimes::Miniupnpd if refusal.code == code::NO_RESOURCES => SHORT_ERROR,
            ErrorLifetimes::Miniupnpd => 0,
            ErrorLifetimes::Fixed(seconds) => seconds,
        }
    }

    /// §14.2: "identical to the MAP [...] responses normally returned".
    pub(super) fn mapping_update(&self, at: Duration, rule: &Held, error: Option<u8>) -> Vec<u8> {
        let lifetime = match error {
            None => rule.remaining_seconds(at),
            Some(code) => self.error_lifetime(&code.into()),
        };
        let mut out = success_header(MAP, lifetime, self.epoch(at));
        out[3] = error.unwrap_or(code::SUCCESS);
        let fields = MapFields {
            nonce: rule.nonce.unwrap_or_default(),
            protocol: rule.transport.number(),
            internal_port: rule.internal_port,
            external_port: rule.external_port,
            external_ip: self.external_for(rule.client),
        };
        write_map(&mut out, &fields);
        // "The FILTER option is sent in the Mapping Update response."
        for filter in &rule.filters {
            option::write_filter(&mut out, filter);
        }
        out
    }

    /// The external address that a client gets: on IPv6, its own.
    fn external_for(&self, client: IpAddr) -> Ipv6Addr {
        match client {
            IpAddr::V4(_) => self
                .knobs
                .external_ip
                .map_or(option::ANY_V4, |ip| ip.to_ipv6_mapped()),
            IpAddr::V6(ip) => ip,
        }
    }
}

/// §8.2, in the order of its paragraphs, from the length on.
fn check_header(client: IpAddr, bytes: &[u8]) -> Result<Header, Refusal> {
    let mut r = Reader::new(bytes);
    r.u8();
    let opcode = r.u8();
    r.u16(); // reserved: MUST be ignored on reception
    let lifetime = r.u32();
    let address = Ipv6Addr::from(r.array::<16>());
    let shortest = if opcode == MAP { MAP_LENGTH } else { HEADER };
    if bytes.len() > MAX_LENGTH || bytes.len() % 4 != 0 || bytes.len() < shortest {
        return Err(code::MALFORMED_REQUEST.into());
    }
    if address != as_v6(client) {
        return Err(code::ADDRESS_MISMATCH.into());
    }
    Ok(Header { opcode, lifetime })
}

/// §5: IPv4 addresses travel as IPv4-mapped IPv6 addresses.
fn as_v6(ip: IpAddr) -> Ipv6Addr {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    }
}

/// §14.1.3: an unsolicited ANNOUNCE has no payload and result 0.
pub(super) fn announcement(epoch: u32) -> Vec<u8> {
    success_header(ANNOUNCE, 0, epoch)
}

/// §7.2, with all reserved bits 0.
fn success_header(opcode: u8, lifetime: u32, epoch: u32) -> Vec<u8> {
    let mut out = vec![VERSION, RESPONSE | opcode, 0, code::SUCCESS];
    out.extend(lifetime.to_be_bytes());
    out.extend(epoch.to_be_bytes());
    out.resize(HEADER, 0);
    out
}

/// §11.1, Figure 10.
fn write_map(out: &mut Vec<u8>, fields: &MapFields) {
    out.extend(fields.nonce.0);
    out.extend([fields.protocol, 0, 0, 0]);
    out.extend(fields.internal_port.to_be_bytes());
    out.extend(fields.external_port.to_be_bytes());
    out.extend(fields.external_ip.octets());
}
