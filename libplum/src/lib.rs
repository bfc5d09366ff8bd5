//! lib
#![deny(unsafe_code)]
#![warn(missing_docs)]

mod bridge;
mod client;
mod error;
mod event;
mod latest;
mod mapping;
mod report;
mod request;

pub use bridge::{caught_panics, live_callbacks};
pub use client::{Client, ClientBuilder};
pub use error::{Error, NoGateway};
pub use event::{Active, Change, Events, Family, MappingId, Protocol, State, Transport};
pub use mapping::Mapping;
pub use report::{Answer, Report, Stats};
pub use request::{MapFuture, MapRequest};

/// local
pub fn local_addr() -> Option<std::net::IpAddr> {
    bridge::local_address()
}

/// supported
pub fn supported_protocols() -> Vec<Protocol> {
    bridge::supported_protocols()
}
