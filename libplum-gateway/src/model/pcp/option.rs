//! Options: their form (RFC 6887 §7.3) and the three that the RFC defines (§13).

use std::net::{IpAddr, Ipv6Addr};

use super::{as_v6, code, Refusal, ANNOUNCE};
use crate::model::choice::OptionSupport;
use crate::model::table::Filter;
use crate::model::wire::Reader;
use crate::model::Model;
use crate::packet::read_option;

const THIRD_PARTY: u8 = 1;
const PREFER_FAILURE: u8 = 2;
const FILTER: u8 = 3;

/// §7.3: "Its most significant bit indicates if this option is mandatory (0) or optional (1)".
const OPTIONAL: u8 = 0x80;

/// §5: the IPv4 address of no preference, ::ffff:0:0.
pub(super) const ANY_V4: Ipv6Addr = Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0);

/// The options of a request that are to be heeded.
#[derive(Default)]
pub(super) struct Options {
    /// PREFER_FAILURE is there and to be heeded.
    pub(super) prefer_failure: bool,
    /// PREFER_FAILURE is there, heeded or not.
    pub(super) has_prefer_failure: bool,
    /// §13.3, in the order received.
    pub(super) filters: Vec<Filter>,
    /// The wire form of those to return in a success response.
    pub(super) processed: Vec<u8>,
    /// PREFER_FAILURE or FILTER is present, heeded or not: neither goes with a delete.
    pub(super) any_for_creating: bool,
}

impl Model {
    /// Reads all options. The structure of the whole comes first: where it "cannot successfully be
    /// parsed (e.g., a nonsensical option length)" the result is MALFORMED_OPTION (§7.3).
    pub(super) fn read_options(
        &self,
        r: &mut Reader<'_>,
        client: IpAddr,
        opcode: u8,
    ) -> Result<Options, Refusal> {
        let mut parts = Vec::new();
        while !r.is_empty() {
            parts.push(read_option(r).ok_or(code::MALFORMED_OPTION)?);
        }
        let mut options = Options::default();
        let mut preferences = 0;
        for (number, data) in parts {
            match number {
                _ if number & OPTIONAL != 0 => {}
                THIRD_PARTY | PREFER_FAILURE | FILTER if opcode == ANNOUNCE => {
                    return Err(code::MALFORMED_OPTION.into()); // not legal for this Opcode
                }
                THIRD_PARTY => return Err(refuse_third_party(data, client)),
                PREFER_FAILURE => {
                    preferences += 1;
                    if !data.is_empty() || preferences > 1 {
                        return Err(code::MALFORMED_OPTION.into());
                    }
                    options.any_for_creating = true;
                    options.has_prefer_failure = true;
                    options.prefer_failure = heeds(self.knobs.prefer_failure)?;
                    options.processed.extend([PREFER_FAILURE, 0, 0, 0]);
                }
                FILTER => {
                    let filter = read_filter(data).ok_or(code::MALFORMED_OPTION)?;
                    options.any_for_creating = true;
                    if heeds(self.knobs.filter)? {
                        options.filters.push(filter);
                    }
                    write_filter(&mut options.processed, &filter);
                }
                _ => return Err(code::UNSUPP_OPTION.into()),
            }
        }
        Ok(options)
    }
}

fn heeds(support: OptionSupport) -> Result<bool, Refusal> {
    match support {
        OptionSupport::Honoured => Ok(true),
        OptionSupport::Ignored => Ok(false),
        OptionSupport::Refused => Err(code::UNSUPP_OPTION.into()),
    }
}

/// §13.1: prohibited here, as RECOMMENDED for customer premises equipment.
fn refuse_third_party(data: &[u8], client: IpAddr) -> Refusal {
    match <[u8; 16]>::try_from(data) {
        Err(_) => code::MALFORMED_OPTION.into(),
        // "A PCP server receiving a THIRD_PARTY option specifying the same address as the source
        // address of the packet MUST return a MALFORMED_REQUEST result code."
        Ok(ip) if Ipv6Addr::from(ip) == as_v6(client) => code::MALFORMED_REQUEST.into(),
        Ok(_) => code::UNSUPP_OPTION.into(),
    }
}

/// §13.3, Figure 15. For IPv4 "valid prefix lengths are between 96 and 128 bits", for IPv6 0 to
/// 128; 0 removes all filters.
fn read_filter(data: &[u8]) -> Option<Filter> {
    if data.len() != 20 {
        return None;
    }
    let mut r = Reader::new(data);
    r.u8();
    let filter = Filter {
        prefix_length: r.u8(),
        port: r.u16(),
        peer: Ipv6Addr::from(r.array::<16>()),
    };
    let shortest = if filter.peer.to_ipv4_mapped().is_some() {
        96
    } else {
        0
    };
    let length = filter.prefix_length;
    (length == 0 || (shortest..=128).contains(&length)).then_some(filter)
}

pub(super) fn write_filter(out: &mut Vec<u8>, filter: &Filter) {
    out.extend([FILTER, 0, 0, 20, 0, filter.prefix_length]);
    out.extend(filter.port.to_be_bytes());
    out.extend(filter.peer.octets());
}
