//! The road from the daemon to its clients, and what goes wrong on it.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::odds::{Odds, Rng};
use super::trouble::Trouble;
use super::Model;
use crate::log::{Direction, Fate, Log};
use crate::packet::{HttpMessage, Op, Packet};

/// Which socket of the gateway a packet comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Source {
    /// The port that requests go to.
    Service,
    /// Another port of the same address.
    Other,
    /// The SSDP port.
    Ssdp,
}

/// A packet on its way out.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Transmit {
    /// When it leaves, in model time: not after the `now` of the poll that gave it.
    pub at: Duration,
    /// Where it goes.
    pub to: SocketAddr,
    /// Which of the gateway's ports it comes from.
    pub source: Source,
    /// The datagram's payload.
    pub bytes: Vec<u8>,
    /// Its number in the log.
    pub number: u64,
}

/// So many packets can be under way; what exceeds them is lost. It takes a long delay and a flood.
const OUTBOX: usize = 65_536;

#[derive(Debug)]
pub(crate) struct Parcel {
    pub(crate) to: SocketAddr,
    pub(crate) source: Source,
    pub(crate) bytes: Vec<u8>,
    pub(crate) number: u64,
}

/// A stream of chance for each trouble, so that turning one on does not shift the others.
#[derive(Debug)]
pub(crate) struct Dice {
    lose_request: Rng,
    lose_answer: Rng,
    jitter: Rng,
    duplicate: Rng,
    reorder: Rng,
    wrong_nonce: Rng,
    wrong_source: Rng,
    truncate: Rng,
    oversize: Rng,
    corrupt: Rng,
    spares_pcp: Rng,
    ssdp_delay: Rng,
    swallow: Rng,
}

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            lose_request: Rng::stream(seed, 1),
            lose_answer: Rng::stream(seed, 2),
            jitter: Rng::stream(seed, 3),
            duplicate: Rng::stream(seed, 4),
            reorder: Rng::stream(seed, 5),
            wrong_nonce: Rng::stream(seed, 6),
            wrong_source: Rng::stream(seed, 7),
            truncate: Rng::stream(seed, 8),
            oversize: Rng::stream(seed, 9),
            corrupt: Rng::stream(seed, 10),
            spares_pcp: Rng::stream(seed, 11),
            ssdp_delay: Rng::stream(seed, 12),
            swallow: Rng::stream(seed, 13),
        }
    }

    pub(crate) fn lose_request(&mut self, trouble: &mut Trouble, op: Op) -> bool {
        trouble.meets(op) && trouble.lose_request.strikes(&mut self.lose_request)
    }

    pub(crate) fn spares_pcp(&mut self, odds: &mut Odds) -> bool {
        odds.strikes(&mut self.spares_pcp)
    }

    /// How long a search answer waits.
    pub(crate) fn ssdp_wait(&mut self, range: &RangeInclusive<Duration>) -> Duration {
        let span = range.end().saturating_sub(*range.start());
        range
            .start()
            .saturating_add(span.mul_f64(self.ssdp_delay.unit()))
    }

    pub(crate) fn swallows(&mut self, odds: &mut Odds) -> bool {
        odds.strikes(&mut self.swallow)
    }

    pub(crate) fn lose_answer(&mut self, trouble: &mut Trouble) -> bool {
        trouble.lose_answer.strikes(&mut self.lose_answer)
    }

    /// Cuts or corrupts an answer in a stream; `true` when it was cut. What concerns datagrams
    /// alone (duplicates, order, nonces, ports, length) does not apply.
    pub(crate) fn damage_stream(&mut self, trouble: &mut Trouble, bytes: &mut Vec<u8>) -> bool {
        let cut = trouble.truncate.strikes(&mut self.truncate);
        if cut {
            let length = match trouble.truncate_to {
                Some(length) => length,
                None => self.truncate.below(bytes.len() as u64) as usize,
            };
            bytes.truncate(length);
        }
        if !bytes.is_empty() && trouble.corrupt.strikes(&mut self.corrupt) {
            let byte = self.corrupt.below(bytes.len() as u64) as usize;
            bytes[byte] ^= 1 << self.corrupt.below(8);
        }
        cut
    }

    /// Damages an answer as the trouble has it.
    fn damage(&mut self, trouble: &mut Trouble, bytes: &mut Vec<u8>) {
        let is_map = matches!(bytes[..], [2, 0x81, ..]) && bytes.len() >= 60;
        if is_map && trouble.wrong_nonce.strikes(&mut self.wrong_nonce) {
            let byte = self.wrong_nonce.below(12) as usize;
            bytes[24 + byte] ^= 1 << self.wrong_nonce.below(8);
        }
        if trouble.truncate.strikes(&mut self.truncate) {
            let length = match trouble.truncate_to {
                Some(length) => length,
                None => self.truncate.below(bytes.len() as u64) as usize,
            };
            bytes.truncate(length);
        }
        if trouble.oversize.strikes(&mut self.oversize) && bytes.len() < trouble.oversize_to {
            bytes.resize(trouble.oversize_to, 0);
        }
        if !bytes.is_empty() && trouble.corrupt.strikes(&mut self.corrupt) {
            let byte = self.corrupt.below(bytes.len() as u64) as usize;
            bytes[byte] ^= 1 << self.corrupt.below(8);
        }
    }

    /// How long a packet takes on its way.
    pub(crate) fn road(&mut self, trouble: &mut Trouble) -> Duration {
        let jitter = trouble.jitter.mul_f64(self.jitter.unit());
        let mut time = trouble.delay.saturating_add(jitter);
        if trouble.reorder.strikes(&mut self.reorder) {
            time = time.saturating_add(trouble.reorder_by);
        }
        time
    }
}

impl Model {
    /// Sends a packet on its way: to be damaged, lost, delayed or doubled. Unsolicited packets
    /// (those without a request) are lost, delayed and doubled, but not damaged.
    pub(crate) fn dispatch(
        &mut self,
        at: Duration,
        to: SocketAddr,
        bytes: Vec<u8>,
        request: Option<(u64, Op)>,
    ) {
        let op = request.map_or_else(|| Packet::decode(&bytes).op(), |(_, op)| op);
        self.send_off(at, to, bytes, request, op, Source::Service);
    }

    /// The same for what SSDP says.
    pub(crate) fn dispatch_ssdp(
        &mut self,
        at: Duration,
        to: SocketAddr,
        bytes: Vec<u8>,
        request: Option<(u64, Op)>,
    ) {
        let op = request.map_or(Op::SsdpNotify, |(_, op)| op);
        let other = request.is_some() && self.knobs.upnp.ssdp_other_port;
        let source = if other { Source::Other } else { Source::Ssdp };
        self.send_off(at, to, bytes, request, op, source);
    }

    fn send_off(
        &mut self,
        at: Duration,
        to: SocketAddr,
        mut bytes: Vec<u8>,
        request: Option<(u64, Op)>,
        op: Op,
        mut source: Source,
    ) {
        let mut calm = Trouble::default();
        let trouble = if self.knobs.trouble.meets(op) {
            &mut self.knobs.trouble
        } else {
            &mut calm
        };
        let is_ssdp = source != Source::Service;
        let mut direction = Direction::Unsolicited;
        if request.is_some() {
            direction = Direction::Answer;
            self.dice.damage(trouble, &mut bytes);
            if trouble.wrong_source.strikes(&mut self.dice.wrong_source) {
                source = Source::Other;
            }
        }
        if self.outbox.len() >= OUTBOX {
            let number = log_sent(
                &mut self.log,
                at,
                direction,
                to,
                Fate::Overflow,
                &bytes,
                is_ssdp,
            );
            self.log.link(number, request, false);
            return;
        }
        let lost = trouble.lose_answer.strikes(&mut self.dice.lose_answer);
        let twice = !lost && trouble.duplicate.strikes(&mut self.dice.duplicate);
        for _ in 0..=usize::from(twice) {
            let fate = if lost { Fate::Lost } else { Fate::Waiting };
            let number = log_sent(&mut self.log, at, direction, to, fate, &bytes, is_ssdp);
            self.log.link(number, request, source == Source::Other);
            if !lost {
                let leaves = at.saturating_add(self.dice.road(trouble));
                self.order += 1;
                let parcel = Parcel {
                    to,
                    source,
                    bytes: bytes.clone(),
                    number,
                };
                self.outbox.insert((leaves, self.order), parcel);
            }
        }
    }
}

#[allow(clippy::too_many_arguments)] // an entry has so many parts
fn log_sent(
    log: &mut Log,
    at: Duration,
    direction: Direction,
    to: SocketAddr,
    fate: Fate,
    bytes: &[u8],
    is_ssdp: bool,
) -> u64 {
    if !is_ssdp {
        return log.record(at, direction, to, fate, bytes);
    }
    let packet = Packet::Ssdp(HttpMessage::read(bytes, None).bounded());
    log.record_as(at, direction, to, fate, Op::SsdpNotify, packet, bytes)
}
