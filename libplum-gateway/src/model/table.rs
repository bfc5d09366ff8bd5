//! The mapping table: one rule for each (transport, external port), whoever wrote it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::time::Duration;

/// What is mapped: the upper-layer protocol of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// TCP, IANA protocol 6; NAT-PMP opcode 2.
    Tcp,
    /// UDP, IANA protocol 17; NAT-PMP opcode 1.
    Udp,
}

impl fmt::Display for Transport {
    /// "TCP" or "UDP".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Transport::Tcp => "TCP",
            Transport::Udp => "UDP",
        })
    }
}

impl Transport {
    /// The IANA protocol number that PCP carries (RFC 6887 §11.1).
    pub fn number(self) -> u8 {
        match self {
            Transport::Tcp => 6,
            Transport::Udp => 17,
        }
    }

    /// The transport of an IANA protocol number, if this gateway maps it.
    pub fn from_number(number: u8) -> Option<Self> {
        match number {
            6 => Some(Transport::Tcp),
            17 => Some(Transport::Udp),
            _ => None,
        }
    }
}

/// A PCP Mapping Nonce: 96 bits chosen by the client (RFC 6887 §11.1).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Nonce(pub [u8; 12]);

impl fmt::Debug for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Nonce(")?;
        for byte in self.0 {
            write!(f, "{byte:02x}")?;
        }
        f.write_str(")")
    }
}

/// Who may change a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum TableModel {
    /// miniupnpd's table. A rule belongs to its (transport, external port); an IPv4 MAP never
    /// checks the nonce, so a second client program on the same internal port takes the rule over
    /// when it suggests the same external port and gets a second rule when it suggests another.
    /// A delete looks at the newest rule of the internal port and needs its nonce.
    #[default]
    SingleRule,
    /// RFC 6887 §11.3 as it reads: one mapping for each internal address, protocol and port,
    /// which only its nonce can change.
    StrictNonce,
}

/// Which hand wrote a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Writer {
    /// A PCP MAP.
    Pcp,
    /// A NAT-PMP mapping request.
    NatPmp,
    /// An AddPortMapping, AddAnyPortMapping or AddPinhole of UPnP.
    Upnp,
    /// The administrator: it never expires and no protocol deletes it.
    Static,
}

/// One permitted remote peer (the FILTER option, RFC 6887 §13.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Filter {
    /// How many of the 128 bits of `peer` count; an IPv4 prefix has 96 added.
    pub prefix_length: u8,
    /// The remote port, 0 for all.
    pub port: u16,
    /// The remote address; IPv4 as an IPv4-mapped address.
    pub peer: Ipv6Addr,
}

/// A live rule, as it stood when it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rule {
    /// TCP or UDP.
    pub transport: Transport,
    /// The internal host.
    pub client: IpAddr,
    /// The port on the internal host.
    pub internal_port: u16,
    /// The port on the gateway's external side (on IPv6: the internal port again).
    pub external_port: u16,
    /// Who wrote it last.
    pub writer: Writer,
    /// The nonce of the last PCP MAP; `None` for NAT-PMP and static rules.
    pub nonce: Option<Nonce>,
    /// What is left of its lifetime; `None` for static rules and UPnP's permanent leases.
    pub remaining: Option<Duration>,
    /// Permitted remote peers; none means everybody. UPnP's RemoteHost is one with 128 bits.
    pub filters: Vec<Filter>,
    /// Where its last request came from: Mapping Updates go there (RFC 6887 §14.2).
    pub peer: Option<SocketAddr>,
    /// NewPortMappingDescription of UPnP; for others what a UPnP listing shows.
    pub description: String,
    /// NewEnabled of UPnP; `true` for all others.
    pub enabled: bool,
}

/// What UPnP keeps with a rule.
#[derive(Debug, Clone)]
pub(crate) struct Label {
    pub(crate) description: String,
    pub(crate) enabled: bool,
}

/// The key of a rule: the external side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Key {
    V4(Transport, u16),
    /// On IPv6 nothing is translated: the external side is the internal side.
    V6(Transport, Ipv6Addr, u16),
}

/// A rule as the table holds it. Times are model time.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    pub(crate) transport: Transport,
    pub(crate) client: IpAddr,
    pub(crate) internal_port: u16,
    pub(crate) external_port: u16,
    pub(crate) writer: Writer,
    pub(crate) nonce: Option<Nonce>,
    pub(crate) expires: Option<Duration>,
    pub(crate) filters: Vec<Filter>,
    pub(crate) peer: Option<SocketAddr>,
    pub(crate) label: Option<Box<Label>>,
    /// When a request last wrote it: ends Mapping Update retransmissions (§14.2).
    pub(crate) written: Duration,
    /// Order of creation; the newest rule of an internal port is the one a delete looks at.
    pub(crate) serial: u64,
}

impl Held {
    pub(crate) fn key(&self) -> Key {
        match self.client {
            IpAddr::V4(_) => Key::V4(self.transport, self.external_port),
            IpAddr::V6(ip) => Key::V6(self.transport, ip, self.external_port),
        }
    }

    pub(crate) fn is_of(&self, client: IpAddr, transport: Transport, internal_port: u16) -> bool {
        self.client == client && self.transport == transport && self.internal_port == internal_port
    }

    pub(crate) fn enabled(&self) -> bool {
        self.label.as_ref().is_none_or(|label| label.enabled)
    }

    pub(crate) fn description(&self) -> Cow<'_, str> {
        match (&self.label, self.writer) {
            (Some(label), _) => Cow::Borrowed(&label.description),
            (None, Writer::Pcp) => {
                let mut text = String::from("PCP MAP ");
                for byte in self.nonce.unwrap_or_default().0 {
                    // A String takes everything.
                    let _ = write!(text, "{byte:02x}");
                }
                Cow::Owned(text)
            }
            (None, Writer::NatPmp) => {
                let transport = match self.transport {
                    Transport::Tcp => "tcp",
                    Transport::Udp => "udp",
                };
                Cow::Owned(format!("NAT-PMP {} {transport}", self.external_port))
            }
            (None, Writer::Static | Writer::Upnp) => Cow::Borrowed(""),
        }
    }

    /// Whole seconds until it expires, rounded up; 2^32−1 for a static rule.
    pub(crate) fn remaining_seconds(&self, now: Duration) -> u32 {
        match self.expires {
            None => u32::MAX,
            Some(at) => {
                let left = at.saturating_sub(now);
                let up = left.as_secs() + u64::from(left.subsec_nanos() > 0);
                u32::try_from(up).unwrap_or(u32::MAX)
            }
        }
    }

    pub(crate) fn snapshot(&self, now: Duration) -> Rule {
        Rule {
            transport: self.transport,
            client: self.client,
            internal_port: self.internal_port,
            external_port: self.external_port,
            writer: self.writer,
            nonce: self.nonce,
            remaining: self.expires.map(|at| at.saturating_sub(now)),
            filters: self.filters.clone(),
            peer: self.peer,
            description: self.description().into_owned(),
            enabled: self.enabled(),
        }
    }
}

/// All rules. Its size is bounded by its user (`Knobs::max_rules`).
#[derive(Debug, Default)]
pub(crate) struct Table {
    rules: BTreeMap<Key, Held>,
    serial: u64,
}

impl Table {
    pub(crate) fn len(&self) -> usize {
        self.rules.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Held> {
        self.rules.values()
    }

    pub(crate) fn get(&self, key: Key) -> Option<&Held> {
        self.rules.get(&key)
    }

    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut Held> {
        self.rules.get_mut(&key)
    }

    /// The newest rule of an internal port.
    pub(crate) fn newest(&self, client: IpAddr, transport: Transport, port: u16) -> Option<&Held> {
        self.iter()
            .filter(|r| r.is_of(client, transport, port))
            .max_by_key(|r| r.serial)
    }

    /// Writes a rule; one that was there under the same key keeps its place in the order.
    pub(crate) fn write(&mut self, mut rule: Held) {
        let key = rule.key();
        rule.serial = match self.rules.get(&key) {
            Some(old) => old.serial,
            None => {
                self.serial += 1;
                self.serial
            }
        };
        self.rules.insert(key, rule);
    }

    pub(crate) fn remove(&mut self, key: Key) -> Option<Held> {
        self.rules.remove(&key)
    }

    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&Held) -> bool) {
        self.rules.retain(|_, rule| keep(rule));
    }

    /// "At the time its lifetime expires, the mapping MUST be automatically deleted"
    /// (RFC 6886 §3.4).
    pub(crate) fn expire(&mut self, now: Duration) {
        self.rules
            .retain(|_, rule| rule.expires.is_none_or(|at| at > now));
    }

    pub(crate) fn next_expiry(&self) -> Option<Duration> {
        self.iter().filter_map(|rule| rule.expires).min()
    }
}
