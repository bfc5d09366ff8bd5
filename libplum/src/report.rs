//! What [`Client::probe`](crate::Client::probe) and [`Client::stats`](crate::Client::stats) tell.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::{Error, Protocol};

/// What the router says, protocol by protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// One for each protocol that was asked.
    pub answers: Vec<Answer>,
}

/// What the router says by one protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Answer {
    /// The protocol.
    pub protocol: Protocol,
    /// Why it cannot be used; `None`: it answered and works.
    pub error: Option<Error>,
    /// From the request to its answer.
    pub round_trip: Option<Duration>,
    /// How long the router has kept its state, as it says itself (RFC 6887 section 8.5); whole
    /// seconds.
    pub epoch: Option<Duration>,
    /// The router's external address, where the protocol tells it without a mapping (PCP does not).
    pub external_addr: Option<IpAddr>,
    /// Who was asked.
    pub gateway: Option<SocketAddr>,
    /// The address of this host that the router sees.
    pub local_addr: Option<IpAddr>,
}

impl Report {
    /// The best protocol that works: PCP before NAT-PMP before UPnP.
    pub fn best(&self) -> Option<Protocol> {
        self.answers
            .iter()
            .filter(|a| a.error.is_none())
            .map(|a| a.protocol)
            .min()
    }

    /// The external address that the best protocol tells.
    pub fn external_addr(&self) -> Option<IpAddr> {
        self.answers.iter().find_map(|a| a.external_addr)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, answer) in self.answers.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{}: ", answer.protocol)?;
            match &answer.error {
                Some(error) => write!(f, "{error}")?,
                None => write!(f, "works")?,
            }
            if let Some(gateway) = answer.gateway {
                write!(f, ", gateway {gateway}")?;
            }
            if let Some(round_trip) = answer.round_trip {
                write!(f, ", {} ms", round_trip.as_millis())?;
            }
            if let Some(external) = answer.external_addr {
                write!(f, ", external address {external}")?;
            }
        }
        Ok(())
    }
}

/// What a client has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Datagrams sent.
    pub sent: u64,
    /// Datagrams received.
    pub received: u64,
    /// Of those sent, how many were repetitions.
    pub retransmitted: u64,
    /// Datagrams received that were malformed or not for us.
    pub dropped: u64,
    /// Mappings for which a delete was sent.
    pub deletes_sent: u64,
    /// Of these, how many the router confirmed in time.
    pub deletes_confirmed: u64,
    /// How often the router was seen to have lost its state.
    pub resets: u64,
    /// How often the engine's thread woke up.
    pub wakeups: u64,
    /// Log lines that found no room.
    pub log_dropped: u64,
    /// Mappings that are alive, in whatever state.
    pub mappings: u64,
    /// Bytes of heap that the engine holds.
    pub heap_bytes: u64,
    /// The most it has held.
    pub heap_peak_bytes: u64,
}
