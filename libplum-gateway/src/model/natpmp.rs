//! NAT-PMP, section by section of RFC 6886.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::choice::{NatPmpLifetimes, VersionError};
use super::code::nat_pmp as code;
use super::table::{Held, TableModel, Transport, Writer};
use super::wire::Reader;
use super::{Model, Reply};
use crate::log::Dropped;
use crate::packet::Op;

/// A mapping request (§3.3), without version, opcode and reserved bytes.
struct Wish {
    client: IpAddr,
    peer: SocketAddr,
    transport: Transport,
    internal_port: u16,
    external_port: u16,
    lifetime: u32,
}

impl Model {
    /// A request of version 0 whose opcode is below 128.
    pub(super) fn nat_pmp(&mut self, at: Duration, from: SocketAddr, bytes: &[u8]) -> Reply {
        let epoch = self.epoch(at);
        match bytes[1] {
            0 => Reply::Answer(self.nat_pmp_solicited_address(epoch)),
            opcode @ (1 | 2) => {
                let mut r = Reader::new(&bytes[2..]);
                r.u16(); // reserved: MUST be ignored on reception
                let wish = Wish {
                    client: from.ip(),
                    peer: from,
                    transport: if opcode == 1 {
                        Transport::Udp
                    } else {
                        Transport::Tcp
                    },
                    internal_port: r.u16(),
                    external_port: r.u16(),
                    lifetime: r.u32(),
                };
                if r.failed() {
                    return Reply::Drop(Dropped::TooShort);
                }
                let outcome = self.nat_pmp_mapping(at, &wish);
                let (result, port, lifetime) = match outcome {
                    Ok((port, lifetime)) => (code::SUCCESS, port, lifetime),
                    // §3.5: "zero if no successful port mapping was created".
                    Err(result) => (result, 0, 0),
                };
                let mut out = vec![0, 128 + opcode];
                out.extend(result.to_be_bytes());
                out.extend(epoch.to_be_bytes());
                out.extend(wish.internal_port.to_be_bytes());
                out.extend(port.to_be_bytes());
                out.extend(lifetime.to_be_bytes());
                Reply::Answer(out)
            }
            _ => Reply::Answer(unsupported_opcode(bytes)),
        }
    }

    /// §3.5: the answer of a server without PCP to any version but 0.
    pub(super) fn nat_pmp_version_error(&mut self, at: Duration, opcode: u8) -> Reply {
        let opcode = match self.knobs.version_error {
            VersionError::Rfc => 0,
            VersionError::ResponseBit => 128 | opcode,
            VersionError::Silent => return Reply::Drop(Dropped::Version),
        };
        let mut out = vec![0, opcode];
        out.extend(code::UNSUPPORTED_VERSION.to_be_bytes());
        out.extend(self.epoch(at).to_be_bytes());
        Reply::Answer(out)
    }

    /// §3.2: the answer to opcode 0, and §3.2.1: the same unasked.
    pub(super) fn nat_pmp_address(&self, epoch: u32) -> Vec<u8> {
        match self.knobs.external_ip {
            Some(ip) => address_response(code::SUCCESS, epoch, ip.octets()),
            // "If the result code is non-zero, the value [...] MUST be set to zero."
            None => address_response(code::NETWORK_FAILURE, epoch, [0; 4]),
        }
    }

    fn nat_pmp_solicited_address(&mut self, epoch: u32) -> Vec<u8> {
        match self.forced(Op::NatPmpAddress) {
            Some((result, _)) => address_response(result, epoch, [0; 4]),
            None => self.nat_pmp_address(epoch),
        }
    }

    /// §3.3 and §3.4. The external port and lifetime to answer, or a result code.
    fn nat_pmp_mapping(&mut self, at: Duration, wish: &Wish) -> Result<(u16, u32), u16> {
        let op = if wish.lifetime == 0 {
            Op::NatPmpDelete
        } else {
            Op::NatPmpMap
        };
        if let Some((result, _)) = self.forced(op) {
            return Err(result);
        }
        match op {
            Op::NatPmpDelete => self.nat_pmp_delete(wish),
            _ => self.nat_pmp_create(at, wish),
        }
    }

    fn nat_pmp_create(&mut self, at: Duration, wish: &Wish) -> Result<(u16, u32), u16> {
        if let Some(result) = self.knobs.no_port_zero.filter(|_| wish.external_port == 0) {
            return Err(result);
        }
        if self.knobs.external_ip.is_none() {
            return Err(code::NETWORK_FAILURE);
        }
        if wish.internal_port == 0 {
            return Err(code::NOT_AUTHORIZED); // the RFC is silent; nothing can be mapped
        }
        let granted = match self.knobs.nat_pmp_lifetimes {
            NatPmpLifetimes::NeverLonger => self.grant(wish.lifetime).min(wish.lifetime),
            NatPmpLifetimes::Clamped => self.grant(wish.lifetime),
            NatPmpLifetimes::AsAsked => wish.lifetime,
        };
        let told = self.told(granted);
        let expires = at.saturating_add(Duration::from_secs(granted.into()));
        let existing = self
            .table
            .newest(wish.client, wish.transport, wish.internal_port);
        if let Some(rule) = existing {
            let (key, port) = (rule.key(), rule.external_port);
            let strict = self.knobs.table == TableModel::StrictNonce;
            match rule.writer {
                Writer::Static => return Ok((port, told)),
                // §3.3: an existing mapping, "whether [...] explicitly using NAT-PMP, implicitly
                // [...] or manually", gives its external port whatever was suggested. A PCP
                // mapping keeps its nonce and never gets a shorter life from us.
                Writer::Pcp | Writer::NatPmp | Writer::Upnp if strict => {
                    if let Some(rule) = self.table.get_mut(key) {
                        let keep = rule.expires.filter(|_| rule.writer == Writer::Pcp);
                        rule.expires = Some(keep.map_or(expires, |old| old.max(expires)));
                    }
                    return Ok((port, told));
                }
                Writer::Pcp | Writer::NatPmp | Writer::Upnp => {}
            }
        }
        let port = self
            .choose_port(
                wish.client,
                wish.transport,
                wish.internal_port,
                wish.external_port,
            )
            .ok_or(code::OUT_OF_RESOURCES)?;
        let rule = Held {
            transport: wish.transport,
            client: wish.client,
            internal_port: wish.internal_port,
            external_port: port,
            writer: Writer::NatPmp,
            nonce: None,
            expires: Some(expires),
            filters: Vec::new(),
            peer: Some(wish.peer),
            label: None,
            written: at,
            serial: 0,
        };
        let is_new = self.table.get(rule.key()).is_none();
        let host_is_full = self.rules_of(wish.client) >= self.knobs.max_rules_per_host;
        if is_new && (host_is_full || self.table.len() >= self.knobs.max_rules) {
            return Err(code::OUT_OF_RESOURCES);
        }
        self.table.write(rule);
        Ok((port, told))
    }

    /// §3.4. Internal port 0 means all of this host's mappings of this transport; the external
    /// port "MUST be ignored by the gateway on reception".
    fn nat_pmp_delete(&mut self, wish: &Wish) -> Result<(u16, u32), u16> {
        let strict = self.knobs.table == TableModel::StrictNonce;
        let spares_pcp = self.dice.spares_pcp(&mut self.knobs.nat_pmp_spares_pcp);
        let mut refused = false;
        self.table.retain(|rule| {
            let meant = rule.client == wish.client
                && rule.transport == wish.transport
                && (wish.internal_port == 0 || rule.internal_port == wish.internal_port);
            let protected = match rule.writer {
                Writer::NatPmp | Writer::Upnp => false,
                // "If the client attempts to delete a port mapping that was manually assigned
                // [...] the NAT gateway MUST respond with a "Not Authorized" error."
                Writer::Static => true,
                // The nonce protects it (RFC 6887 §11.3).
                Writer::Pcp => strict,
            };
            refused |= meant && protected;
            !meant || protected || (rule.writer == Writer::Pcp && spares_pcp)
        });
        if refused {
            return Err(code::NOT_AUTHORIZED);
        }
        // "MUST respond to a request to destroy a mapping that does not exist as if the request
        // were successful."
        Ok((0, 0))
    }
}

fn address_response(result: u16, epoch: u32, ip: [u8; 4]) -> Vec<u8> {
    let mut out = vec![0, 128];
    out.extend(result.to_be_bytes());
    out.extend(epoch.to_be_bytes());
    out.extend(ip);
    out
}

/// §3.5: "the entire request MUST be returned to the sender, with the top bit of the opcode set
/// [...] and the result code set to 5". A request without room for a result gets it.
fn unsupported_opcode(request: &[u8]) -> Vec<u8> {
    let mut out = request[..request.len().min(super::pcp::MAX_LENGTH)].to_vec();
    out.resize(out.len().max(4), 0);
    out[1] |= 0x80;
    out[2..4].copy_from_slice(&code::UNSUPPORTED_OPCODE.to_be_bytes());
    out
}
