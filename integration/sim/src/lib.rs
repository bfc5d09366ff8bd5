//! A deterministic simulator: libplum's engine, through `src/engine/engine.h`, against the model of
//! a home router, over a network of its own, in virtual time.
//!
//! A [`Case`] is a gateway, a configuration, a seed and a script of [`Op`]s with their times. The
//! [`World`] plays it and judges after every step what must always hold; the first thing that does
//! not is a [`Broken`], with the time and what was seen. [`shrink`] drops what a failure does not
//! need.

mod case;
mod engine;
mod ffi;
mod rng;
mod rules;
mod shrink;
mod told;
mod traffic;
mod world;

pub use crate::case::{random, Case, Item, Link, Op, Style, Where};
pub use crate::engine::{
    Action, Config, Create, Engine, Event, Fail, Is, Network, Notify, OpenKind, Transport,
};
pub use crate::ffi::plum_engine_stats as Stats;
pub use crate::rng::Rng;
pub use crate::shrink::{explain, shrink};
pub use crate::world::{play, Broken, Outcome, Twist, World};

/// What `tests/abi.rs` holds against the C compiler.
#[doc(hidden)]
pub mod abi {
    pub use crate::ffi::*;
}
