//! The packet log: everything that was asked and answered, and what became of it.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use crate::packet::{Op, Packet};

/// Which way a packet went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From a client to the gateway.
    Request,
    /// From the gateway, because it was asked.
    Answer,
    /// From the gateway, unasked: an announcement or a Mapping Update (RFC 6887 §14).
    Unsolicited,
}

/// What was done with a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fate {
    /// A request that waits for its turn, or an answer that is still on its way.
    Waiting,
    /// A request that was processed and answered.
    Answered,
    /// A request that the standards say to drop, with the reason.
    Dropped(Dropped),
    /// A request that reached a gateway told to be silent.
    Silent,
    /// A request that found the port closed.
    Refused,
    /// A request that waited when the gateway restarted or closed its port.
    Forgotten,
    /// A request that found the gateway's queue full, or an answer too many under way.
    Overflow,
    /// Lost by the network, either way.
    Lost,
    /// An answer that was sent.
    Sent,
    /// An answer that the socket refused to send.
    SendFailed,
}

/// Why a request gets no answer although nothing is wrong with the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Dropped {
    /// Under 2 octets, or under 24 for PCP (RFC 6887 §8.2), or under 12 for a NAT-PMP mapping.
    TooShort,
    /// A response, not a request (RFC 6887 §8.2, RFC 6886 §3.5).
    Response,
    /// A version that this gateway drops without a word (`drops-v2`).
    Version,
    /// A search for what is not here or of a wrong form (UDA 1.0 §1.2.3), or a protocol that is off.
    NotForUs,
}

/// One packet in the log.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Entry {
    /// Counts all entries since the start, those dropped from the log included.
    pub number: u64,
    /// Model time: since the gateway started. An answer's is the time it left, once it has.
    pub at: Duration,
    /// Which way it went.
    pub direction: Direction,
    /// The client, or where an announcement went.
    pub peer: SocketAddr,
    /// What became of it.
    pub fate: Fate,
    /// For an answer: the `number` of its request.
    pub request: Option<u64>,
    /// For an answer: whether it came from a port other than the one asked.
    pub wrong_source: bool,
    op: Op,
    /// The packet, decoded.
    pub packet: Packet,
    /// The packet, raw; at most [`Entry::RAW`] bytes of it. Of what goes over HTTP, the body.
    pub raw: Vec<u8>,
    /// How long the packet, or the body, really was, in bytes.
    pub length: usize,
}

impl Entry {
    /// How many bytes of a packet are kept: a little more than PCP's 1100.
    pub const RAW: usize = 1152;

    /// The kind of the request, or of the request that this answers (an error to a delete tells it
    /// from a MAP only so).
    pub fn op(&self) -> Op {
        self.op
    }

    /// Whether a client sent it.
    pub fn is_request(&self) -> bool {
        self.direction == Direction::Request
    }
}

/// A bounded list of entries, oldest first. When it is full the oldest are dropped, and counted.
#[derive(Debug)]
pub struct Log {
    entries: VecDeque<Entry>,
    capacity: usize,
    next: u64,
}

impl Log {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            entries: VecDeque::new(),
            capacity,
            next: 0,
        }
    }

    /// All entries that are still there, oldest first.
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = &Entry> + ExactSizeIterator {
        self.entries.iter()
    }

    /// The requests among them.
    pub fn requests(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.entries().filter(|e| e.is_request())
    }

    /// The answers and unsolicited packets among them, lost ones included.
    pub fn answers(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.entries().filter(|e| !e.is_request())
    }

    /// How many requests of a kind there are.
    pub fn count(&self, op: Op) -> usize {
        self.requests().filter(|e| e.op() == op).count()
    }

    /// The entry with this number, if it is still there.
    pub fn get(&self, number: u64) -> Option<&Entry> {
        let index = number.checked_sub(self.dropped())?;
        self.entries.get(usize::try_from(index).ok()?)
    }

    /// How many entries have been dropped for lack of room.
    pub fn dropped(&self) -> u64 {
        self.next - self.entries.len() as u64
    }

    /// How many packets have been logged in all.
    pub fn total(&self) -> u64 {
        self.next
    }

    pub(crate) fn push(&mut self, mut entry: Entry) -> u64 {
        entry.number = self.next;
        self.next += 1;
        if self.entries.len() == self.capacity {
            self.entries.pop_front();
        }
        self.entries.push_back(entry);
        self.next - 1
    }

    pub(crate) fn record(
        &mut self,
        at: Duration,
        direction: Direction,
        peer: SocketAddr,
        fate: Fate,
        bytes: &[u8],
    ) -> u64 {
        let packet = Packet::decode(&bytes[..bytes.len().min(Entry::RAW)]);
        self.record_as(at, direction, peer, fate, packet.op(), packet, bytes)
    }

    /// The same for what has been taken apart already.
    #[allow(clippy::too_many_arguments)] // an entry has so many parts
    pub(crate) fn record_as(
        &mut self,
        at: Duration,
        direction: Direction,
        peer: SocketAddr,
        fate: Fate,
        op: Op,
        packet: Packet,
        bytes: &[u8],
    ) -> u64 {
        self.push(Entry {
            number: 0,
            at,
            direction,
            peer,
            fate,
            request: None,
            wrong_source: false,
            op,
            packet,
            raw: bytes[..bytes.len().min(Entry::RAW)].to_vec(),
            length: bytes.len(),
        })
    }

    pub(crate) fn set_fate(&mut self, number: u64, fate: Fate) {
        if let Some(entry) = self.get_mut(number) {
            entry.fate = fate;
        }
    }

    /// Notes what a packet answers, and from where.
    pub(crate) fn link(&mut self, number: u64, request: Option<(u64, Op)>, wrong_source: bool) {
        if let Some(entry) = self.get_mut(number) {
            if let Some((request, op)) = request {
                entry.request = Some(request);
                entry.op = op;
            }
            entry.wrong_source = wrong_source;
        }
    }

    /// Notes that a packet has left.
    pub(crate) fn sent(&mut self, number: u64, at: Duration) {
        if let Some(entry) = self.get_mut(number) {
            entry.fate = Fate::Sent;
            entry.at = at;
        }
    }

    fn get_mut(&mut self, number: u64) -> Option<&mut Entry> {
        let index = number.checked_sub(self.dropped())?;
        self.entries.get_mut(usize::try_from(index).ok()?)
    }

    pub(crate) fn clear(&mut self) {
        self.entries.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_bounded_and_counts_what_it_dropped() {
        let mut log = Log::new(3);
        let peer = "127.0.0.1:1".parse().unwrap();
        for i in 0..5u64 {
            let at = Duration::from_secs(i);
            let number = log.record(at, Direction::Request, peer, Fate::Waiting, &[0, 0]);
            assert_eq!(number, i);
        }
        assert_eq!((log.entries().len(), log.dropped(), log.total()), (3, 2, 5));
        log.set_fate(1, Fate::Lost); // gone: nothing happens
        log.set_fate(2, Fate::Lost);
        assert_eq!(log.get(2).unwrap().fate, Fate::Lost);
        assert!(log.get(1).is_none() && log.get(5).is_none());
        assert_eq!(log.count(Op::NatPmpAddress), 3);
    }

    #[test]
    fn a_long_packet_is_kept_in_part() {
        let mut log = Log::new(1);
        let peer = "127.0.0.1:1".parse().unwrap();
        log.record(
            Duration::ZERO,
            Direction::Request,
            peer,
            Fate::Waiting,
            &[0; 5000],
        );
        let entry = log.get(0).unwrap();
        assert_eq!((entry.length, entry.raw.len()), (5000, Entry::RAW));
    }
}
