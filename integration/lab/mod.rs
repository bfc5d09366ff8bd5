//! A home network in network namespaces: a client, its router and a host on the WAN.
//!
//! ```text
//! lan 192.168.77.2 --- 192.168.77.1 gw 1.2.3.4 --- 1.2.3.9 wan
//! ```
//!
//! The names of the namespaces carry the process id, so that runs beside each other do not meet;
//! dropping a [`Home`] or an [`Alone`] takes everything down again, after a panic too. What a run
//! that was killed left behind, the next run takes down.

mod ability;
mod bare;
mod boxed;
mod daemon;
mod home;
mod lines;
mod namespace;
mod natpmp_only;
mod programs;
mod sources;
mod stopwatch;

pub use ability::{find_program, missing, missing_program, say_once, under_ci};
pub use bare::{bare_announce, bare_epoch, bare_map};
pub use boxed::Boxed;
pub use daemon::{Daemon, DaemonOptions};
pub use home::{made_rules, Alone, Home, ALONE, CLIENT, EXTERNAL, ROUTER, WAN};
pub use lines::Lines;
pub use namespace::{run, Namespace};
pub use natpmp_only::natpmp_only_daemon;
pub use programs::program;
pub use stopwatch::{first_mapping, FirstMapping};

pub(crate) use daemon::{configuration, LISTENS, START};
pub(crate) use home::{alone_rules, home_rules, FLUSH};
pub(crate) use natpmp_only::target_folder;
