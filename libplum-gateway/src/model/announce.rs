//! What a gateway sends unasked: announcements (RFC 6887 §14.1.3, RFC 6886 §3.2.1) and Mapping
//! Updates (RFC 6887 §14.2).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use super::pcp;
use super::table::{Key, Transport, Writer};
use super::Model;

/// Where IPv4 clients listen (RFC 6887 §14.1.3): all hosts, port 5350.
pub(crate) const GROUP_V4: SocketAddr =
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(224, 0, 0, 1)), 5350);

/// Where IPv6 clients listen: all nodes of the link, port 5350.
pub(crate) const GROUP_V6: SocketAddr =
    SocketAddr::new(IpAddr::V6(Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1)), 5350);

/// The group that the clients of a gateway at this address listen to.
pub(crate) fn group(gateway: SocketAddr) -> SocketAddr {
    if gateway.is_ipv4() {
        GROUP_V4
    } else {
        GROUP_V6
    }
}

/// RFC 6887 §14.1.3: "at least 250 ms" between the first two; RFC 6886 §3.2.1: 250 ms.
const FIRST_INTERVAL: Duration = Duration::from_millis(250);

/// RFC 6886 §3.2.1: ten; RFC 6887 §14.1.3: up to ten.
const REPETITIONS: u32 = 10;

/// RFC 6887 §14.2: three times, "at least 250 ms, and the third packet after a 500-ms interval".
const UPDATE_AFTER: [Duration; 3] = [
    Duration::ZERO,
    Duration::from_millis(250),
    Duration::from_millis(750),
];

/// An announcement made on command. By default: one packet of each protocol that is on, to the
/// addresses that all announcements go to, with the epoch as it is; nothing of SSDP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Announcement {
    pcp: bool,
    nat_pmp: bool,
    ssdp: Option<bool>,
    to: Option<SocketAddr>,
    epoch: Option<u32>,
}

impl Default for Announcement {
    fn default() -> Self {
        Self {
            pcp: true,
            nat_pmp: true,
            ssdp: None,
            to: None,
            epoch: None,
        }
    }
}

impl Announcement {
    /// A PCP ANNOUNCE alone.
    pub fn pcp() -> Self {
        Self {
            nat_pmp: false,
            ..Self::default()
        }
    }

    /// A NAT-PMP address announcement alone.
    pub fn nat_pmp() -> Self {
        Self {
            pcp: false,
            ..Self::default()
        }
    }

    /// SSDP's `ssdp:alive` for all that the device is, alone.
    pub fn ssdp_alive() -> Self {
        Self {
            pcp: false,
            nat_pmp: false,
            ssdp: Some(true),
            ..Self::default()
        }
    }

    /// SSDP's `ssdp:byebye` for all that the device is, alone.
    pub fn ssdp_byebye() -> Self {
        Self {
            ssdp: Some(false),
            ..Self::ssdp_alive()
        }
    }

    /// To this address alone, as a unicast announcement goes to a known client.
    #[must_use]
    pub fn to(self, addr: SocketAddr) -> Self {
        Self {
            to: Some(addr),
            ..self
        }
    }

    /// With this epoch, in seconds, instead of the gateway's.
    #[must_use]
    pub fn epoch(self, seconds: u32) -> Self {
        Self {
            epoch: Some(seconds),
            ..self
        }
    }
}

/// What an unsolicited MAP response says (RFC 6887 §14.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Update {
    /// SUCCESS, with the rule's external port and the gateway's external address as they are.
    AsItIs,
    /// SUCCESS, after the rule has moved to this external port.
    Port(u16),
    /// An error; the rule stays.
    Error(u8),
}

/// An unsolicited packet to come. It is made when it leaves, so that its epoch is right.
#[derive(Debug, Clone)]
pub(crate) struct Beacon {
    what: What,
    to: Option<SocketAddr>,
    epoch: Option<u32>,
}

#[derive(Debug, Clone, Copy)]
enum What {
    Pcp,
    NatPmp,
    Ssdp {
        alive: bool,
        /// Once more when `notify_every` has passed.
        again: bool,
    },
    Update {
        key: Key,
        decided: Duration,
        error: Option<u8>,
    },
}

impl Beacon {
    pub(crate) fn pcp(epoch: Option<u32>) -> Self {
        Self {
            what: What::Pcp,
            to: None,
            epoch,
        }
    }

    pub(crate) fn ssdp(alive: bool) -> Self {
        Self {
            what: What::Ssdp {
                alive,
                again: false,
            },
            to: None,
            epoch: None,
        }
    }

    pub(crate) fn ssdp_for_good() -> Self {
        Self {
            what: What::Ssdp {
                alive: true,
                again: true,
            },
            ..Self::ssdp(true)
        }
    }

    pub(crate) fn nat_pmp(epoch: Option<u32>) -> Self {
        Self {
            what: What::NatPmp,
            to: None,
            epoch,
        }
    }
}

impl Model {
    /// Announces, once.
    pub fn announce(&mut self, now: Duration, announcement: Announcement) {
        let now = self.advance(now);
        let Announcement {
            pcp,
            nat_pmp,
            ssdp,
            to,
            epoch,
        } = announcement;
        if let Some(alive) = ssdp {
            self.beacon(
                now,
                Beacon {
                    to,
                    ..Beacon::ssdp(alive)
                },
            );
        }
        if nat_pmp {
            self.beacon(
                now,
                Beacon {
                    to,
                    ..Beacon::nat_pmp(epoch)
                },
            );
        }
        if pcp {
            self.beacon(
                now,
                Beacon {
                    to,
                    ..Beacon::pcp(epoch)
                },
            );
        }
        self.advance(now);
    }

    /// Sends the client of an IPv4 PCP rule a Mapping Update, once. `false` when there is no such
    /// rule, or when the port it should move to is taken.
    pub fn update(
        &mut self,
        now: Duration,
        transport: Transport,
        external_port: u16,
        update: Update,
    ) -> bool {
        let now = self.advance(now);
        let mut key = Key::V4(transport, external_port);
        if self
            .table
            .get(key)
            .is_none_or(|rule| rule.writer != Writer::Pcp)
        {
            return false;
        }
        let mut error = None;
        match update {
            Update::AsItIs => {}
            Update::Error(code) => error = Some(code),
            Update::Port(port) => {
                let to = Key::V4(transport, port);
                if !self.may_grant(transport, port) || self.table.get(to).is_some() {
                    return false;
                }
                let Some(mut rule) = self.table.remove(key) else {
                    return false;
                };
                rule.external_port = port;
                self.table.write(rule);
                key = to;
            }
        }
        let what = What::Update {
            key,
            decided: now,
            error,
        };
        self.beacon(
            now,
            Beacon {
                what,
                to: None,
                epoch: None,
            },
        );
        self.advance(now);
        true
    }

    pub(crate) fn beacon(&mut self, at: Duration, beacon: Beacon) {
        let order = self.next_order();
        self.beacons.insert((at, order), beacon);
    }

    pub(crate) fn announce_by_rfc(&mut self, now: Duration) {
        let mut at = now;
        for i in 0..REPETITIONS {
            self.beacon(at, Beacon::nat_pmp(None));
            self.beacon(at, Beacon::pcp(None));
            at += FIRST_INTERVAL * (1 << i);
        }
    }

    pub(crate) fn update_all(&mut self, now: Duration) {
        let keys: Vec<Key> = self
            .table
            .iter()
            .filter(|rule| rule.writer == Writer::Pcp && rule.client.is_ipv4())
            .map(|rule| rule.key())
            .collect();
        for key in keys {
            for after in UPDATE_AFTER {
                let what = What::Update {
                    key,
                    decided: now,
                    error: None,
                };
                self.beacon(
                    now + after,
                    Beacon {
                        what,
                        to: None,
                        epoch: None,
                    },
                );
            }
        }
    }

    /// Makes a beacon's packets and sends them.
    pub(crate) fn shine(&mut self, at: Duration, beacon: &Beacon) {
        if !self.open {
            return;
        }
        if let What::Ssdp { alive, again } = beacon.what {
            self.shine_ssdp(at, alive, beacon.to);
            if let Some(every) = self.knobs.upnp.notify_every.filter(|_| again) {
                self.beacon(at.saturating_add(every), beacon.clone());
            }
            return;
        }
        let epoch = beacon.epoch.unwrap_or_else(|| self.epoch(at));
        let (bytes, to) = match beacon.what {
            What::Pcp if self.knobs.pcp => (pcp::announcement(epoch), self.audience(beacon)),
            What::NatPmp if self.knobs.nat_pmp => {
                let mut to = self.audience(beacon);
                to.retain(SocketAddr::is_ipv4);
                (self.nat_pmp_address(epoch), to)
            }
            What::Pcp | What::NatPmp | What::Ssdp { .. } => return,
            What::Update {
                key,
                decided,
                error,
            } => {
                let Some(rule) = self.table.get(key) else {
                    return;
                };
                // §14.2: "Once the PCP server has received a refreshed state for that mapping, the
                // PCP server SHOULD cease those retransmissions."
                let Some(to) = rule.peer.filter(|_| rule.written <= decided) else {
                    return;
                };
                (self.mapping_update(at, rule, error), vec![to])
            }
        };
        for to in to {
            self.dispatch(at, to, bytes.clone(), None);
        }
    }

    fn shine_ssdp(&mut self, at: Duration, alive: bool, to: Option<SocketAddr>) {
        if !self.knobs.upnp.on {
            return;
        }
        let audience = to.map_or_else(|| self.notify_to.clone(), |to| vec![to]);
        for to in audience {
            for bytes in self.notifications(alive, to) {
                self.dispatch_ssdp(at, to, bytes, None);
            }
        }
    }

    fn audience(&self, beacon: &Beacon) -> Vec<SocketAddr> {
        beacon
            .to
            .map_or_else(|| self.announce_to.clone(), |to| vec![to])
    }
}
