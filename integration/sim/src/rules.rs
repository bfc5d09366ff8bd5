//! The gateway's table: what is not ours must not change, and what is believed must be there.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use libplum_gateway::model::{Model, Rule, Transport as RuleTransport, Writer};

use crate::engine::Transport;

/// Our host.
pub(crate) const HOST: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 20);
/// Our host after a move.
pub(crate) const MOVED: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 21);
/// The other host.
pub(crate) const OTHER: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 30);
/// The gateway.
pub(crate) const GATEWAY: SocketAddr =
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 168, 1, 1)), 5351);

/// TCP, of another program on our host.
pub(crate) const NEIGHBOUR_PORT: u16 = 6000;
/// TCP, of our host, by the administrator's hand.
pub(crate) const STATIC_PORT: u16 = 7000;

#[derive(Debug, Clone, PartialEq, Eq)]
struct Foreign {
    transport: RuleTransport,
    client: IpAddr,
    internal: u16,
    external: u16,
    writer: Writer,
    nonce: Option<[u8; 12]>,
    expires: Option<Duration>,
}

#[derive(Debug, Default)]
pub(crate) struct Table {
    foreign: Vec<Foreign>,
    /// (transport, client, internal, external) of all rules.
    now: HashSet<(u8, IpAddr, u16, u16)>,
    host: Option<IpAddr>,
}

fn is_foreign(rule: &Rule) -> bool {
    rule.client == IpAddr::V4(OTHER)
        || rule.writer == Writer::Static
        || rule.internal_port == NEIGHBOUR_PORT
        || rule.internal_port == NEIGHBOUR_PORT + 1
}

fn number(transport: RuleTransport) -> u8 {
    match transport {
        RuleTransport::Tcp => 0,
        RuleTransport::Udp => 1,
    }
}

fn foreign(model: &Model, now: Duration) -> Vec<Foreign> {
    let rules = model.rules();
    let foreign = rules.iter().filter(|rule| is_foreign(rule));
    foreign
        .map(|rule| Foreign {
            transport: rule.transport,
            client: rule.client,
            internal: rule.internal_port,
            external: rule.external_port,
            writer: rule.writer,
            nonce: rule.nonce.map(|nonce| nonce.0),
            expires: rule.remaining.map(|left| now + left),
        })
        .collect()
}

impl Table {
    /// What others hold from now on.
    pub(crate) fn remember(&mut self, model: &Model, now: Duration) {
        self.foreign = foreign(model, now);
    }

    /// Enters the rules that others hold at the start.
    pub(crate) fn populate(model: &mut Model) {
        let mut map = |from: Ipv4Addr, port: u16, transport: u8| {
            let from_addr = SocketAddr::new(from.into(), 55_000);
            let mut bytes = vec![2, 1, 0, 0, 0, 1, 0x51, 0x80];
            bytes.extend(from.to_ipv6_mapped().octets());
            bytes.extend([0xEE; 12]);
            bytes.extend([transport, 0, 0, 0]);
            bytes.extend(port.to_be_bytes());
            bytes.extend(port.to_be_bytes());
            bytes.extend(Ipv4Addr::UNSPECIFIED.to_ipv6_mapped().octets());
            model.receive(Duration::ZERO, from_addr, &bytes);
            let opcode = if transport == 6 { 2 } else { 1 };
            let mut bytes = vec![0, opcode, 0, 0];
            bytes.extend((port + 1).to_be_bytes());
            bytes.extend((port + 1).to_be_bytes());
            bytes.extend(86_400u32.to_be_bytes());
            model.receive(Duration::ZERO, from_addr, &bytes);
        };
        map(OTHER, 9000, 6);
        map(OTHER, 9100, 17);
        map(HOST, NEIGHBOUR_PORT, 6);
        let tcp = RuleTransport::Tcp;
        model.insert_static(Duration::ZERO, tcp, OTHER.into(), 22, 2222);
        model.insert_static(Duration::ZERO, tcp, HOST.into(), STATIC_PORT, STATIC_PORT);
    }

    /// Looks at the table, and whether anything of another has changed.
    pub(crate) fn check(
        &mut self,
        model: &Model,
        now: Duration,
        host: Option<IpAddr>,
    ) -> Result<(), String> {
        self.host = host;
        let rules = model.rules();
        self.now = rules
            .iter()
            .map(|r| {
                (
                    number(r.transport),
                    r.client,
                    r.internal_port,
                    r.external_port,
                )
            })
            .collect();
        self.foreign
            .retain(|rule| rule.expires.is_none_or(|at| at > now));
        let is = foreign(model, now);
        for rule in &self.foreign {
            if !is.contains(rule) {
                return Err(format!(
                    "harm done: {rule:?} is not there any more, but {is:?}"
                ));
            }
        }
        Ok(())
    }

    /// Whether this port is forwarded to this host.
    pub(crate) fn forwards(
        &self,
        transport: Transport,
        client: IpAddr,
        internal: u16,
        external: u16,
    ) -> bool {
        self.now
            .contains(&(transport as u8, client, internal, external))
    }

    /// External ports of our rules, at our present address, for an internal port, static ones apart.
    pub(crate) fn of(&self, transport: Transport, internal: u16) -> Vec<u16> {
        let mut ports: Vec<u16> = self
            .now
            .iter()
            .filter(|r| r.0 == transport as u8 && Some(r.1) == self.host && r.2 == internal)
            .map(|r| r.3)
            .filter(|&port| internal != STATIC_PORT || port != STATIC_PORT)
            .collect();
        ports.sort_unstable();
        ports
    }
}
