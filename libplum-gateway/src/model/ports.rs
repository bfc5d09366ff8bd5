//! Which external port a client gets.

use std::net::IpAddr;

use super::choice::PortPolicy;
use super::table::{Held, Key, TableModel, Transport, Writer};
use super::Model;

/// First of the dynamic ports, the "high-numbered" ones of RFC 6886 §3.3.
const HIGH: u16 = 49_152;

/// Where the search goes on after 65535.
const UNPRIVILEGED: u16 = 1024;

impl Model {
    /// Whether anybody may have this external port. RFC 6887 §11.3: "A PCP server MUST NOT create
    /// client mappings for external UDP ports 5350 or 5351."
    pub(crate) fn may_grant(&self, transport: Transport, port: u16) -> bool {
        let of_pcp = transport == Transport::Udp && (port == 5350 || port == 5351);
        port != 0 && !of_pcp && !self.knobs.reserved_ports.contains(&port)
    }

    /// Whether this internal port can have this external port: it is free, or its own already.
    pub(crate) fn can_have(
        &self,
        client: IpAddr,
        transport: Transport,
        internal_port: u16,
        port: u16,
    ) -> bool {
        self.may_grant(transport, port)
            && match self.table.get(Key::V4(transport, port)) {
                Some(rule) => is_own(rule, client, transport, internal_port),
                None => !self.is_companion(client, transport, port),
            }
    }

    /// The port to grant, or `None` if there is none. A port held already, and suggested again,
    /// is kept under every policy.
    pub(crate) fn choose_port(
        &mut self,
        client: IpAddr,
        transport: Transport,
        internal_port: u16,
        suggested: u16,
    ) -> Option<u16> {
        if let Some(rule) = self.table.get(Key::V4(transport, suggested)) {
            if is_own(rule, client, transport, internal_port) {
                return Some(suggested);
            }
        }
        let start = match (self.knobs.port_policy, suggested) {
            (PortPolicy::Fixed(port), _) => {
                let free = self.can_have(client, transport, internal_port, port);
                return free.then_some(port);
            }
            (_, 0) => match self.knobs.table {
                TableModel::SingleRule => internal_port,
                // RFC 6886 §3.3: port 0 asks to "allocate a high-numbered port of its choosing".
                TableModel::StrictNonce => HIGH + self.port_rng.below(16_384) as u16,
            },
            (PortPolicy::NextFree, port) => port.checked_add(1).unwrap_or(UNPRIVILEGED),
            (PortPolicy::Suggested, port) => port,
        };
        (start..=u16::MAX)
            .chain(UNPRIVILEGED..start)
            .find(|&port| self.can_have(client, transport, internal_port, port))
    }

    /// RFC 6886 §3.3: while a client holds TCP port 80, another "MUST NOT be able to successfully
    /// acquire the mapping for UDP port 80". miniupnpd's table knows no such thing.
    fn is_companion(&self, client: IpAddr, transport: Transport, port: u16) -> bool {
        let other = match transport {
            Transport::Tcp => Transport::Udp,
            Transport::Udp => Transport::Tcp,
        };
        self.knobs.table == TableModel::StrictNonce
            && self
                .table
                .get(Key::V4(other, port))
                .is_some_and(|rule| rule.writer == Writer::NatPmp && rule.client != client)
    }
}

fn is_own(rule: &Held, client: IpAddr, transport: Transport, internal_port: u16) -> bool {
    rule.is_of(client, transport, internal_port) && rule.writer != Writer::Static
}
