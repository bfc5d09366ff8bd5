//! The crate against a gateway on loopback.
//!
//! `scenario` holds whole stories, each run under every runtime; the other files hold what needs one
//! runtime only.

mod bad_input;
mod both;
mod bridge;
mod client;
mod first_mapping;
mod runtimes;
mod scenario;
mod support;
