//! A home network in containers, with a real miniupnpd.
//!
//! ```text
//! client 192.168.77.2 --- 192.168.77.1 gateway 1.2.3.4 --- 1.2.3.9 outside
//! ```
//!
//! The containers have no network of the engine's: veth pairs join them, made by a short-lived
//! container that sits in the network of one and among the processes of the other. So no bridge of
//! the host's is in the way, whose firewall would drop what the gateway forwards; it needs no right
//! on the host itself; and the cables end with the containers.
//!
//! The [`lab`](crate::lab) builds the same with network namespaces. Addresses, rule sets and the
//! daemon's configuration are written there, once.

mod engine;
mod home;
mod images;
mod inside;
mod own;
pub mod stop;

pub use engine::{Engine, NoEngine};
pub use home::{Agent, Daemon, Home, Host, World};
pub use images::Images;
pub use inside::Inside;
