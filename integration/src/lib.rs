//! Tests of libplum against real routers.
//!
//! [`lab`] builds a home network in network namespaces, with Debian's miniupnpd on nftables as its
//! gateway. The tests under `tests/` run libplum and the program `plum` in it; `first-mapping` is
//! the stop-watch. [`containers`] builds the same network of containers, and the program of that name
//! runs the cases in it. Nothing here is published.
//!
//! Everything needs Linux, root (or the capability to make network namespaces), and the Debian
//! packages that `./dev test` installs.

#[cfg(target_os = "linux")]
#[path = "../lab/mod.rs"]
pub mod lab;

#[cfg(target_os = "linux")]
#[path = "../containers/mod.rs"]
pub mod containers;

/// The code in the workspace's README, compiled.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;
