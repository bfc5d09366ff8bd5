//! WANIPv6FirewallControl:1: pinholes, on the table that PCP's IPv6 mappings are in.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use super::super::table::{Filter, Held, Key, Label, Transport, Writer};
use super::super::Model;
use super::args::{self, How};
use super::code::{self, pinhole as code6};
use super::igd::Outcome;
use super::soap::Call;

/// §2.3.7: LeaseTime is 1 to 86,400 seconds.
const DAY: u32 = 86_400;

/// A pinhole by its UniqueID.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pinhole {
    id: u16,
    key: Key,
    owner: IpAddr,
}

impl Model {
    pub(super) fn firewall_action(&mut self, at: Duration, peer: IpAddr, call: &Call) -> Outcome {
        match call.action.as_str() {
            "GetFirewallStatus" => Ok(vec![
                ("FirewallEnabled", "1".to_owned()),
                ("InboundPinholeAllowed", "1".to_owned()),
            ]),
            "GetOutboundPinholeTimeout" => {
                port6(call, "RemotePort")?;
                port6(call, "InternalPort")?;
                // §2.5.2: by protocol; TCP as RFC 5382 has it, UDP as RFC 4787.
                let seconds = match protocol(call)? {
                    Transport::Tcp => 7_440,
                    Transport::Udp => 300,
                };
                Ok(vec![("OutboundPinholeTimeout", seconds.to_string())])
            }
            "AddPinhole" => self.add_pinhole(at, peer, call),
            "UpdatePinhole" => {
                let pinhole = self.pinhole(peer, call)?;
                let lease = lease(call, "NewLeaseTime")?;
                let rule = self
                    .table
                    .get_mut(pinhole.key)
                    .ok_or(code6::NO_SUCH_ENTRY)?;
                rule.expires = Some(at.saturating_add(Duration::from_secs(lease.into())));
                Ok(Vec::new())
            }
            "DeletePinhole" => {
                let pinhole = self.pinhole(peer, call)?;
                self.table.remove(pinhole.key);
                self.upnp.pinholes.retain(|p| p.id != pinhole.id);
                Ok(Vec::new())
            }
            "GetPinholePackets" => {
                self.pinhole(peer, call)?;
                Ok(vec![("PinholePackets", "0".to_owned())])
            }
            // No traffic is forwarded here, so none has come.
            "CheckPinholeWorking" => {
                self.pinhole(peer, call)?;
                Err(code6::NO_PACKET_SENT)
            }
            _ => Err(code::INVALID_ACTION),
        }
    }

    fn add_pinhole(&mut self, at: Duration, peer: IpAddr, call: &Call) -> Outcome {
        let address = |name: &str| call.arg(name).unwrap_or_default().parse::<Ipv6Addr>();
        let client = address("InternalClient").map_err(|_| code::INVALID_ARGS)?;
        let remote = match call.arg("RemoteHost").unwrap_or_default() {
            "" => None,
            _ => Some(address("RemoteHost").map_err(|_| code::INVALID_ARGS)?),
        };
        let remote_port = port6(call, "RemotePort")?;
        let internal_port = port6(call, "InternalPort")?;
        let transport = protocol(call)?;
        let lease = lease(call, "LeaseTime")?;
        if internal_port == 0 {
            return Err(code6::NO_INTERNAL_PORT_WILDCARD);
        }
        if self.knobs.upnp.secure_mode && peer != IpAddr::V6(client) {
            return Err(code::NOT_AUTHORIZED);
        }
        let key = Key::V6(transport, client, internal_port);
        let known = self.live_pinholes().find(|p| p.key == key).map(|p| p.id);
        match self.table.get(key).map(|rule| rule.writer) {
            // The same pinhole again keeps its UniqueID and is extended (§2.5.3).
            Some(Writer::Upnp) => {}
            Some(_) => return Err(code::CONFLICT),
            None => {
                let host_is_full = self.rules_of(client.into()) >= self.knobs.max_rules_per_host;
                if host_is_full || self.table.len() >= self.knobs.max_rules {
                    return Err(code6::SPACE_EXHAUSTED);
                }
            }
        }
        let mut filters = Vec::new();
        if remote.is_some() || remote_port != 0 {
            let peer = remote.unwrap_or(Ipv6Addr::UNSPECIFIED);
            filters.push(Filter {
                prefix_length: if remote.is_some() { 128 } else { 0 },
                port: remote_port,
                peer,
            });
        }
        self.table.write(Held {
            transport,
            client: client.into(),
            internal_port,
            external_port: internal_port,
            writer: Writer::Upnp,
            nonce: None,
            expires: Some(at.saturating_add(Duration::from_secs(lease.into()))),
            filters,
            peer: None,
            label: Some(Box::new(Label {
                description: String::new(),
                enabled: true,
            })),
            written: at,
            serial: 0,
        });
        let id = match known {
            Some(id) => id,
            None => {
                let live: Vec<_> = self.live_pinholes().copied().collect();
                self.upnp.pinholes = live;
                self.upnp
                    .new_pinhole(key, peer)
                    .ok_or(code6::SPACE_EXHAUSTED)?
            }
        };
        Ok(vec![("UniqueID", id.to_string())])
    }

    /// Pinholes whose rule is still there, and UPnP's.
    fn live_pinholes(&self) -> impl Iterator<Item = &Pinhole> {
        let is_live = |p: &&Pinhole| {
            self.table
                .get(p.key)
                .is_some_and(|r| r.writer == Writer::Upnp)
        };
        self.upnp.pinholes.iter().filter(is_live)
    }

    fn pinhole(&self, peer: IpAddr, call: &Call) -> Result<Pinhole, u16> {
        let id = port6(call, "UniqueID")?;
        let pinhole = *self
            .live_pinholes()
            .find(|p| p.id == id)
            .ok_or(code6::NO_SUCH_ENTRY)?;
        if self.knobs.upnp.secure_mode && pinhole.owner != peer {
            return Err(code::NOT_AUTHORIZED);
        }
        Ok(pinhole)
    }
}

impl super::State {
    fn new_pinhole(&mut self, key: Key, owner: IpAddr) -> Option<u16> {
        for _ in 0..=u16::MAX {
            self.last_pinhole = self.last_pinhole.wrapping_add(1);
            let id = self.last_pinhole;
            if self.pinholes.iter().all(|p| p.id != id) {
                self.pinholes.push(Pinhole { id, key, owner });
                return Some(id);
            }
        }
        None
    }
}

fn port6(call: &Call, name: &str) -> Result<u16, u16> {
    args::port(call, name, How::Strict)
}

fn protocol(call: &Call) -> Result<Transport, u16> {
    match port6(call, "Protocol")? {
        65_535 => Err(code6::NO_PROTOCOL_WILDCARD),
        n => u8::try_from(n)
            .ok()
            .and_then(Transport::from_number)
            .ok_or(code6::PROTOCOL_NOT_SUPPORTED),
    }
}

fn lease(call: &Call, name: &str) -> Result<u32, u16> {
    let lease = args::number(call.arg(name).ok_or(code::INVALID_ARGS)?, How::Strict)?;
    if lease == 0 || lease > DAY {
        return Err(code::INVALID_ARGS);
    }
    Ok(lease)
}
