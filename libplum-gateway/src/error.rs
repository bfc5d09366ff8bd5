//! What can be wrong with a gateway before it starts.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

use crate::packet::Op;

/// A combination of settings that no gateway can have.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Neither PCP nor NAT-PMP nor UPnP.
    #[error("neither PCP nor NAT-PMP nor UPnP is on: a gateway that speaks nothing has no port; close it instead")]
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
    #[error("no quirk is called `{0}`")]
    UnknownQuirk(String),
    /// The shortest delay is longer than the longest.
    #[error("a search answer cannot wait from {:?} to {:?}", .0.start(), .0.end())]
    SsdpDelay(RangeInclusive<Duration>),
    /// Announcements without a pause.
    #[error("notify_every is zero: announcements cannot follow each other without a pause")]
    NotifyEvery,
    /// A server that takes no connection.
    #[error("max_connections is 0: turn UPnP off instead")]
    NoConnections,
    /// 0 is no error.
    #[error("{0} is no UPnP error code")]
    UpnpError(u16),
    /// A header, or a host in a URL, cannot carry this.
    #[error("{0:?} cannot stand in a header field or URL")]
    HeaderValue(String),
    /// An answer ends in one way.
    #[error("an answer over HTTP cannot be `{0}` and `{1}` at once")]
    HttpStyles(&'static str, &'static str),
    /// Permanent and a week long.
    #[error("a gateway that grants permanent leases alone cannot grant a week for lease 0")]
    PermanentWeek,
    /// LOCATION and URLs must name an address.
    #[error(
        "UPnP names its own address in its documents, and {0} is none that a client can reach"
    )]
    UpnpNeedsAddress(SocketAddr),
    /// A costume without UPnP.
    #[error("the documents of a captured router are worn over UPnP, and UPnP is off")]
    CostumeWithoutUpnp,
    /// A folder of a captured router is of no use.
    #[error(transparent)]
    Costume(#[from] CostumeError),
}

/// Why a folder of a captured router cannot be worn.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CostumeError {
    /// A file could not be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// `about.json` is no JSON.
    #[error("about.json: {0}")]
    About(String),
    /// `location` in `about.json` is no `http` URL.
    #[error("about.json: the location {0:?} is no http URL")]
    Location(String),
    /// `desc.xml` does not describe a gateway.
    #[error("desc.xml: {0}")]
    Description(String),
}

impl PartialEq for CostumeError {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Read { path, source }, Self::Read { path: p, source: s }) => {
                path == p && source.kind() == s.kind()
            }
            (Self::About(a), Self::About(b))
            | (Self::Location(a), Self::Location(b))
            | (Self::Description(a), Self::Description(b)) => a == b,
            _ => false,
        }
    }
}

impl Clone for CostumeError {
    fn clone(&self) -> Self {
        match self {
            Self::Read { path, source } => Self::Read {
                path: path.clone(),
                source: source.kind().into(),
            },
            Self::About(text) => Self::About(text.clone()),
            Self::Location(text) => Self::Location(text.clone()),
            Self::Description(text) => Self::Description(text.clone()),
        }
    }
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
