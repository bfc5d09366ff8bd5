//! A home router in a box: a PCP (RFC 6887), NAT-PMP (RFC 6886) and UPnP Internet Gateway Device
//! server with programmable troubles, to test port-mapping clients against.
//!
//! It is written from the RFCs and the UPnP standards and shares nothing with any client, so that
//! agreement means something. It maps on paper: it keeps the table and speaks the protocols, and
//! forwards no data.
//!
//! - [`Gateway`] listens on sockets, of the loopback by default; any number of them live in one
//!   process.
//! - [`model::Model`] is the same gateway without sockets, clock or threads: a pure function of its
//!   seed and of the calls, for simulators.
//!
//! Everything that can go wrong is a knob ([`model::Knobs`]), to be turned before the start or
//! while the gateway runs; the oddities of real routers have names ([`model::Quirk`]). Whatever
//! was asked and answered is in the log, and tests wait for it instead of sleeping.
//!
//! ```
//! use std::net::UdpSocket;
//! use libplum_gateway::{model::Writer, Gateway, Op};
//!
//! let gateway = Gateway::builder().external_ip(std::net::Ipv4Addr::new(198, 51, 100, 4)).seed(7).start()?;
//!
//! // A client: NAT-PMP, map UDP port 8080 for two hours.
//! let client = UdpSocket::bind("127.0.0.1:0")?;
//! client.connect(gateway.addr())?;
//! client.send(&[0, 1, 0, 0, 0x1f, 0x90, 0x1f, 0x90, 0, 0, 0x1c, 0x20])?;
//! let mut answer = [0; 64];
//! assert_eq!(client.recv(&mut answer)?, 16);
//! assert_eq!(answer[..4], [0, 129, 0, 0]);
//!
//! let rules = gateway.rules();
//! assert_eq!((rules[0].external_port, rules[0].writer), (8080, Writer::NatPmp));
//! assert_eq!(gateway.log().count(Op::NatPmpMap), 1);
//!
//! // From now on every other answer is lost, and the gateway refuses to map.
//! use libplum_gateway::model::{code, Forced, Odds};
//! gateway.set(|knobs| {
//!     knobs.trouble.lose_answer = Odds::Chance(0.5);
//!     knobs.force(Op::NatPmpMap, Forced::result(code::nat_pmp::OUT_OF_RESOURCES));
//! })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # UPnP
//!
//! A search, by unicast to [`Gateway::ssdp_addr`], leads to the description, and that to the control
//! URL of a `WANIPConnection`. What it maps is in the table that PCP and NAT-PMP write too.
//!
//! ```
//! use std::net::UdpSocket;
//! use libplum_gateway::{Gateway, Op, Quirk};
//!
//! // A router that answers late, moves its HTTP port on each restart, and knows no leases.
//! let gateway = Gateway::builder()
//!     .quirk(Quirk::SsdpDelay)
//!     .quirk(Quirk::MovingPort)
//!     .quirk("permanent-only".parse()?)
//!     .start()?;
//! let client = UdpSocket::bind("127.0.0.1:0")?;
//! client.send_to(
//!     b"M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: \"ssdp:discover\"\r\nMX: 1\r\n\
//!       ST: urn:schemas-upnp-org:device:InternetGatewayDevice:1\r\n\r\n",
//!     gateway.ssdp_addr().unwrap(),
//! )?;
//! let mut answer = [0; 2048];
//! let length = client.recv(&mut answer)?;
//! let answer = String::from_utf8_lossy(&answer[..length]);
//! assert!(answer.contains(&gateway.description_url().unwrap()));
//!
//! // What was asked, and what was answered.
//! assert_eq!(gateway.log().count(Op::SsdpSearch), 1);
//! println!("{}", gateway.log().entries()[0].to_json());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # An application's test: its mapping survives a restart of the router
//!
//! ```
#![doc = include_str!("../examples/survives_restart.rs")]
//! ```
//!
//! # A test against a router that grants another port
//!
//! ```
#![doc = include_str!("../examples/another_port.rs")]
//! ```
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod builder;
mod error;
mod gateway;
mod json;
mod log;
mod message;
pub mod model;
mod packet;
mod server;

pub use crate::builder::Builder;
pub use crate::error::{ConfigError, CostumeError, StartError};
pub use crate::gateway::{Gateway, LogReader};
pub use crate::log::{Direction, Dropped, Entry, Fate, Log};
pub use crate::message::{HttpMessage, Soap};
pub use crate::model::{Knobs, Nonce, Odds, Quirk, Restart, Rule, TableModel, Transport, Writer};
pub use crate::packet::{MapFields, NatPmpPacket, Op, Packet, PcpPacket};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeExamples;
