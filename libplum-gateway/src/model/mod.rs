//! The gateway without sockets, clock or threads: a pure function of its seed and of the calls.
//!
//! Time is a [`Duration`] since the model's own start, given with each call; it never goes back (a
//! smaller one counts as the largest seen). The caller's loop is:
//!
//! 1. [`Model::receive`] each datagram that a client sent;
//! 2. [`Model::poll`] until it gives `None`, and deliver what it gives;
//! 3. come back at [`Model::deadline`], or with the next datagram.
//!
//! ```
//! use std::time::Duration;
//! use libplum_gateway::model::{Knobs, Model};
//!
//! let mut gateway = Model::new(Knobs::default(), 7)?;
//! let client = "192.168.1.20:40000".parse().unwrap();
//! let now = Duration::from_secs(3);
//! gateway.receive(now, client, &[0, 0]); // NAT-PMP: the external address, please
//! let answer = gateway.poll(now).unwrap();
//! assert_eq!(answer.bytes, [0, 128, 0, 0, 0, 0, 0, 3, 203, 0, 113, 7]);
//! # Ok::<(), libplum_gateway::ConfigError>(())
//! ```

mod announce;
mod choice;
pub mod code;
mod daemon;
mod epoch;
mod faults;
mod knobs;
mod natpmp;
mod odds;
mod pcp;
mod ports;
mod quirk;
mod restart;
mod table;
mod trouble;
pub mod upnp;
pub(crate) mod wire;

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

pub(crate) use announce::group;
pub use announce::{Announcement, Update};
pub use choice::{
    Announcements, ErrorLifetimes, Forced, LifetimeTold, NatPmpLifetimes, OptionSupport,
    PortPolicy, VersionError,
};
pub use faults::{Source, Transmit};
pub use knobs::Knobs;
pub use odds::Odds;
pub use quirk::Quirk;
pub use restart::Restart;
pub use table::{Filter, Nonce, Rule, TableModel, Transport, Writer};
pub use trouble::{Service, Silence, Trouble};

use crate::error::ConfigError;
use crate::log::{Direction, Entry, Fate, Log};
use crate::packet::Op;
use announce::Beacon;
use daemon::{Reply, Request, What};
use epoch::Epoch;
use faults::{Dice, Parcel};
use odds::Rng;
use table::{Held, Key, Table};

/// A home router's port-mapping daemon. See the [module](self) for how to drive it.
#[derive(Debug)]
pub struct Model {
    now: Duration,
    knobs: Knobs,
    open: bool,
    table: Table,
    epoch: Epoch,
    port_rng: Rng,
    dice: Dice,
    /// Requests that wait for the daemon, which takes them one by one.
    waiting: VecDeque<Request>,
    /// When the first of them will be done; `None` while nobody has begun with it.
    done_at: Option<Duration>,
    busy_until: Duration,
    /// Unsolicited packets to come, by time and order.
    beacons: BTreeMap<(Duration, u64), Beacon>,
    /// Packets under way, by time of departure and order.
    outbox: BTreeMap<(Duration, u64), Parcel>,
    order: u64,
    announce_to: Vec<SocketAddr>,
    notify_to: Vec<SocketAddr>,
    log: Log,
    upnp: upnp::State,
}

/// What met a datagram at the gateway's door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Arrival {
    /// It was taken in, or lost without a trace.
    Taken,
    /// The port is closed: the sender sees an ICMP port unreachable.
    Refused,
}

impl Model {
    /// How many packets the log holds unless told otherwise.
    pub const LOG_CAPACITY: usize = 16_384;

    /// A gateway that has just started, at time zero, with an empty table and epoch 0.
    ///
    /// # Errors
    ///
    /// When the knobs contradict each other.
    pub fn new(knobs: Knobs, seed: u64) -> Result<Self, ConfigError> {
        knobs.check()?;
        Ok(Self {
            now: Duration::ZERO,
            knobs,
            open: true,
            table: Table::default(),
            epoch: Epoch::starting(Duration::ZERO, 0),
            port_rng: Rng::stream(seed, 0),
            dice: Dice::new(seed),
            waiting: VecDeque::new(),
            done_at: None,
            busy_until: Duration::ZERO,
            beacons: BTreeMap::new(),
            outbox: BTreeMap::new(),
            order: 0,
            announce_to: vec![announce::GROUP_V4],
            notify_to: vec![upnp::ssdp::GROUP_V4],
            log: Log::new(Self::LOG_CAPACITY),
            upnp: upnp::State::new(seed),
        })
    }

    /// The same gateway with a log for this many packets.
    ///
    /// # Errors
    ///
    /// When `packets` is 0.
    pub fn with_log_capacity(mut self, packets: usize) -> Result<Self, ConfigError> {
        if packets == 0 {
            return Err(ConfigError::LogCapacity);
        }
        self.log = Log::new(packets);
        Ok(self)
    }

    /// The same gateway announcing to these addresses instead of 224.0.0.1:5350. NAT-PMP
    /// announcements go to the IPv4 ones alone.
    #[must_use]
    pub fn with_announcements_to(mut self, addrs: Vec<SocketAddr>) -> Self {
        self.announce_to = addrs;
        self
    }

    /// The same gateway with its SSDP announcements to these addresses instead of
    /// 239.255.255.250:1900.
    #[must_use]
    pub fn with_notifications_to(mut self, addrs: Vec<SocketAddr>) -> Self {
        self.notify_to = addrs;
        self
    }

    /// Takes in one datagram. Whatever it contains, this neither fails nor takes long.
    pub fn receive(&mut self, now: Duration, from: SocketAddr, bytes: &[u8]) -> Arrival {
        let now = self.advance(now);
        let from = SocketAddr::new(from.ip().to_canonical(), from.port());
        let number = self
            .log
            .record(now, Direction::Request, from, Fate::Waiting, bytes);
        let op = self.log.get(number).map_or(Op::Other, Entry::op);
        let fate = if !self.open {
            Fate::Refused
        } else if self.dice.lose_request(&mut self.knobs.trouble, op) {
            Fate::Lost
        } else if self.is_silent_to(bytes) {
            Fate::Silent
        } else if self.waiting.len() > self.knobs.queue {
            Fate::Overflow
        } else {
            // What lies beyond 1100 octets is never looked at (RFC 6887 §8.2); one word more is
            // kept, so that the request still counts as too long.
            let bytes = bytes[..bytes.len().min(pcp::MAX_LENGTH + 4)].to_vec();
            self.wait_for_service(number, now, op, What::Datagram { from, bytes });
            self.advance(now);
            return Arrival::Taken;
        };
        self.log.set_fate(number, fate);
        if fate == Fate::Refused {
            Arrival::Refused
        } else {
            Arrival::Taken
        }
    }

    /// The next packet that leaves the gateway by `now`, in order of departure.
    pub fn poll(&mut self, now: Duration) -> Option<Transmit> {
        let now = self.advance(now);
        let due = self
            .outbox
            .first_entry()
            .filter(|entry| entry.key().0 <= now)?;
        let ((at, _), parcel) = due.remove_entry();
        self.log.sent(parcel.number, at);
        Some(Transmit {
            at,
            to: parcel.to,
            source: parcel.source,
            bytes: parcel.bytes,
            number: parcel.number,
        })
    }

    /// When something happens by itself: a packet leaves, a request is done, a rule expires.
    pub fn deadline(&self) -> Option<Duration> {
        let packet = self.outbox.keys().next().map(|&(at, _)| at);
        let beacon = self.beacons.keys().next().map(|&(at, _)| at);
        let upnp = self.upnp.deadline(self.knobs.upnp.patience);
        [packet, beacon, self.done_at, self.table.next_expiry(), upnp]
            .into_iter()
            .flatten()
            .min()
    }

    /// The settings as they are now.
    pub fn knobs(&self) -> &Knobs {
        &self.knobs
    }

    /// Changes settings, all or none.
    ///
    /// # Errors
    ///
    /// When the outcome is impossible; then nothing has changed.
    pub fn set(&mut self, change: impl FnOnce(&mut Knobs)) -> Result<(), ConfigError> {
        let mut knobs = self.knobs.clone();
        change(&mut knobs);
        knobs.check()?;
        self.knobs = knobs;
        Ok(())
    }

    /// The live rules, in order of their external side, as of the last call that named a time.
    pub fn rules(&self) -> Vec<Rule> {
        self.table
            .iter()
            .map(|rule| rule.snapshot(self.now))
            .collect()
    }

    /// Takes a rule of the IPv4 side away without a word.
    pub fn forget_rule(&mut self, now: Duration, transport: Transport, port: u16) -> Option<Rule> {
        let now = self.advance(now);
        self.table
            .remove(Key::V4(transport, port))
            .map(|rule| rule.snapshot(now))
    }

    /// Enters a rule by the administrator's hand: it never expires, outlives restarts, and no
    /// protocol deletes it (RFC 6887 §11.3, RFC 6886 §3.4). It replaces whoever held the port.
    pub fn insert_static(
        &mut self,
        now: Duration,
        transport: Transport,
        client: IpAddr,
        internal_port: u16,
        external_port: u16,
    ) {
        let now = self.advance(now);
        self.table.write(Held {
            transport,
            client: client.to_canonical(),
            internal_port,
            external_port,
            writer: Writer::Static,
            nonce: None,
            expires: None,
            filters: Vec::new(),
            peer: None,
            label: None,
            written: now,
            serial: 0,
        });
    }

    /// Everything that was asked and answered.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// Forgets the log's entries; they count as dropped.
    pub fn clear_log(&mut self) {
        self.log.clear();
    }

    /// The Epoch Time at `now`, in seconds (RFC 6887 §8.5), SSSoE for NAT-PMP.
    pub fn epoch(&self, now: Duration) -> u32 {
        self.epoch.at(now.max(self.now), self.knobs.epoch_rate)
    }

    /// Sets the epoch, forwards or backwards; it runs on from there.
    pub fn set_epoch(&mut self, now: Duration, seconds: u32) {
        let now = self.advance(now);
        self.epoch = Epoch::starting(now, seconds);
    }

    /// Whether the port is open.
    pub fn is_open(&self) -> bool {
        self.open
    }

    /// Notes that a packet from [`Model::poll`] could not be sent.
    pub fn send_failed(&mut self, packet: &Transmit) {
        self.log.set_fate(packet.number, Fate::SendFailed);
    }

    /// Lets everything happen that is due by `now`, each at its own time, and returns the model's
    /// time. Every call that names a time does this first.
    pub fn advance(&mut self, now: Duration) -> Duration {
        let now = now.max(self.now);
        loop {
            self.begin_service();
            let beacon = self.beacons.keys().next().map(|&(at, _)| at);
            let Some(at) = [self.done_at, beacon].into_iter().flatten().min() else {
                break;
            };
            if at > now {
                break;
            }
            self.now = self.now.max(at);
            self.table.expire(self.now);
            if self.done_at == Some(at) {
                self.finish_service(at);
            } else if let Some((_, beacon)) = self.beacons.pop_first() {
                self.shine(at, &beacon);
            }
        }
        self.now = now;
        self.table.expire(now);
        self.expire_streams(now);
        now
    }

    /// A result forced on this kind of request, if there is one left.
    fn forced(&mut self, op: Op) -> Option<(u16, Option<u32>)> {
        self.knobs.forced.get_mut(&op)?.take()
    }

    fn next_order(&mut self) -> u64 {
        self.order += 1;
        self.order
    }

    fn rules_of(&self, client: IpAddr) -> usize {
        self.table
            .iter()
            .filter(|rule| rule.client == client)
            .count()
    }

    /// A wish clamped to the lifetimes granted here (RFC 6887 §15), in seconds.
    fn grant(&self, wish: u32) -> u32 {
        let lifetimes = &self.knobs.lifetimes;
        wish.clamp(*lifetimes.start(), *lifetimes.end()).max(1)
    }

    fn told(&self, granted: u32) -> u32 {
        match self.knobs.lifetime_told {
            LifetimeTold::Granted => granted,
            LifetimeTold::Fixed(seconds) => seconds,
            LifetimeTold::ByteSwapped => granted.swap_bytes(),
        }
    }
}

#[cfg(test)]
mod tests;
