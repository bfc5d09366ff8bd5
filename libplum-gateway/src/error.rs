//! What can be wrong with a gateway before it starts.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;

use thiserror::Error;

use crate::packet::Op;

/// A combination of settings that no gateway can have.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Neither PCP nor NAT-PMP.
    #[error("neither PCP nor NAT-PMP is on: a gateway that speaks nothing has no port; close it instead")]
    NoProtocol,
    /// NAT-PMP has no IPv6 form (RFC 6886 §3).
    #[error("NAT-PMP is for IPv4 alone, and {0} is not an IPv4 address")]
    NatPmpNeedsIpv4(SocketAddr),
    /// The range is empty, or ends at 0: a success with lifetime 0 would read as a delete.
    #[error("no lifetime can be granted from {} to {} seconds", .0.start(), .0.end())]
    Lifetimes(RangeInclusive<u32>),
    /// Multicast or broadcast.
    #[error("{0} cannot be an external address")]
    ExternalAddress(Ipv4Addr),
    /// Port 0, or a port that is reserved.
    #[error("external port {0} is the only one to grant and can never be granted")]
    FixedPort(u16),
    /// "All PCP servers MUST support at least one filter per MAP mapping" (RFC 6887 §13.3).
    #[error("max_filters is 0; refuse the FILTER option instead")]
    NoFilter,
    /// Negative, infinite or not a number.
    #[error("an epoch cannot run at {0} seconds a second")]
    EpochRate(f64),
    /// Result 0, a code too large for the protocol, or a kind of request that has no result.
    #[error("result {code} cannot be forced on {op:?}")]
    Forced {
        /// The kind of request.
        op: Op,
        /// The result.
        code: u16,
    },
    /// Not between 0 and 1.
    #[error("the probability of `{0}` is not between 0 and 1")]
    Probability(&'static str),
    /// More than a datagram carries.
    #[error("a datagram cannot be {0} bytes long")]
    Oversize(usize),
    /// The log must hold something.
    #[error("the packet log needs room for at least one packet")]
    LogCapacity,
    /// No quirk is called so.
    #[error("no quirk of PCP or NAT-PMP is called `{0}`")]
    UnknownQuirk(String),
}

/// Why a gateway did not start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StartError {
    /// The settings contradict each other.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The address could not be bound.
    #[error("cannot listen on {addr}")]
    Bind {
        /// The address that was asked for.
        addr: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A thread could not be started.
    #[error("cannot start a thread")]
    Thread(#[source] io::Error),
}
