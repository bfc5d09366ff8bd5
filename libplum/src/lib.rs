//! Opens ports on home routers by PCP (RFC 6887) and NAT-PMP (RFC 6886) and keeps them open.
//!
//! A program behind a home router listens on a port, and nobody outside can reach it. This crate
//! asks the router to forward a port, says at which address the world finds it now, renews the
//! mapping before it runs out, notices when the router has lost it, and takes it away at the end.
//!
//! ```
//! use libplum::{Client, Error, Transport};
//!
//! # let gateway = libplum_gateway::Gateway::builder().start().unwrap();
//! # let builder = || Client::builder().gateway_addr(gateway.addr());
//! # async fn program(builder: impl Fn() -> libplum::ClientBuilder) -> Result<(), Error> {
//! let client = Client::new()?;
//! # let client = builder().build()?;
//! let mapping = client.map(Transport::Tcp, 8080).await?;
//! println!("reachable at {}", mapping.external_addr().expect("just mapped"));
//!
//! // ... serve; `mapping.changed().await` tells when the address is another one ...
//!
//! client.shutdown().await?; // unmaps
//! # Ok(())
//! # }
//! # futures::executor::block_on(program(builder)).unwrap();
//! # assert!(gateway.rules().is_empty());
//! ```
//!
//! # Which runtime
//! None, or any. The futures have no timers and spawn nothing; one thread of the engine, written in
//! C, does the waiting, and wakes whoever polls: tokio, smol, glib, `block_on`.
//!
//! # What is promised
//! - **A mapping is healed until its handle is dropped.** It is renewed, re-made after a restart of
//!   the router, after a failure tried again. A lost mapping is told as a change. The router's other
//!   mappings, of other programs and hosts, are never touched.
//! - **Failure is a state, not an end.** `.await` on a request returns the first outcome, and a
//!   failure takes the request back. [`MapRequest::start`] instead returns a pending [`Mapping`] at
//!   once, for programs that start before their router.
//! - **Nothing is left behind.** Dropping a [`Mapping`], a future or a [`Client`] at any point
//!   unmaps what it stood for, in the background and without blocking. Only the end of the process
//!   can be too early for that: see [`Client`] about [`Client::shutdown`].
//! - **What is told is the engine's own record**, read at the time of the call: a mapping is
//!   [active](Mapping::is_active) when the router granted it and has not been seen to lose it.
//! - **Panics in callbacks end there**, and no panic of this crate's callbacks reaches C.
//!
//! What it does not do: it opens no firewall of this host, relays nothing, and reaches nobody behind
//! a second NAT. An external address that is private says so: there is another router in front.
//!
//! # Following a mapping
//! ```
//! use futures::StreamExt;
//! use libplum::{Client, Error, State, Transport};
//!
//! # let gateway = libplum_gateway::Gateway::builder().start().unwrap();
//! # async fn program(client: Client) -> Result<(), Error> {
//! let mut events = client.events(); // of all mappings; a mapping has its own, too
//! let mapping = client.map(Transport::Udp, 9000).description("my game").start()?;
//! while let Some(change) = events.next().await {
//!     match change.state {
//!         State::Active(active) => {
//!             println!("{} is {}", change.internal_port, active.external_addr);
//!             break;
//!         }
//!         State::Failed(error) => println!("not yet: {error}"), // the engine goes on trying
//!         _ => {}
//!     }
//! }
//! mapping.unmap().await;
//! # client.shutdown().await
//! # }
//! # let client = Client::builder().gateway_addr(gateway.addr()).build().unwrap();
//! # futures::executor::block_on(program(client)).unwrap();
//! ```
//!
//! # Without async
//! ```
//! use std::time::Duration;
//! use libplum::{Client, Error, State, Transport};
//!
//! # let gateway = libplum_gateway::Gateway::builder().start().unwrap();
//! # let client = Client::builder().gateway_addr(gateway.addr()).build()?;
//! let (sender, receiver) = std::sync::mpsc::channel();
//! let mapping = client
//!     .map(Transport::Tcp, 8080)
//!     .on_change(move |change| {
//!         let _ = sender.send(change.state.clone()); // on the engine's thread: send and return
//!     })
//!     .start()?;
//! assert!(matches!(receiver.recv(), Ok(State::Active(_))));
//! client.shutdown_blocking(Duration::from_secs(5))?;
//! # Ok::<(), Error>(())
//! ```
//!
//! # Coming from nim-libplum
//!
//! | nim-libplum | here |
//! |---|---|
//! | `init` | [`Client::new`], [`Client::builder`] for its options; [`Client::shared`] for one per process |
//! | `cleanup` | [`Client::shutdown`], [`Client::shutdown_blocking`] |
//! | `createMapping` | [`Client::map`], then `.await` for the first outcome or [`MapRequest::start`] |
//! | `destroyMapping` | [`Mapping::unmap`], or dropping the [`Mapping`] |
//! | `hasMapping` | [`Mapping::is_active`], [`Mapping::state`] |
//! | `activeMappingCount` | [`Client::active_mappings`] |
//! | `getLocalAddress` | [`local_addr`] |
//! | `onStateChange` | [`MapRequest::on_change`], [`Mapping::changed`], [`Mapping::events`], [`Client::events`] |
//!
//! # Logs
//! The engine logs to the crate `log` under the target `libplum::engine`; what came from a router is
//! escaped.
#![deny(unsafe_code)]
#![warn(missing_docs)]

mod bridge;
mod client;
mod error;
mod event;
mod latest;
mod listener;
mod mapping;
mod report;
mod request;

pub use bridge::{caught_panics, live_callbacks};
pub use client::{Client, ClientBuilder};
pub use error::{Error, NoGateway};
pub use event::{Active, Change, Events, Family, MappingId, Protocol, State, Transport};
pub use listener::Listener;
pub use mapping::Mapping;
pub use report::{Answer, Report, Stats};
pub use request::{MapFuture, MapRequest};

/// The address of this host towards the default route, IPv4 first; `None` without one.
///
/// Needs no client and sends nothing.
pub fn local_addr() -> Option<std::net::IpAddr> {
    bridge::local_address()
}

/// The protocols that this build of the engine speaks.
pub fn supported_protocols() -> Vec<Protocol> {
    bridge::supported_protocols()
}
