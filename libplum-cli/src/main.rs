//! `plum`: opens ports at the router, by PCP and NAT-PMP.
#![forbid(unsafe_code)]

mod args;
mod both;
mod demo;
mod external_ip;
mod gateway;
mod logger;
mod map;
mod output;
mod probe;
mod shell;
mod stop;
mod unmap;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use libplum::{Client, Error, Protocol};

use crate::args::{Cli, Command, Common, Protocols};
use crate::output::complain;

/// What the program ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Done = 0,
    Failed = 1,
    Usage = 2,
    NoGateway = 3,
}

impl From<&Error> for Exit {
    fn from(error: &Error) -> Self {
        match error {
            Error::InvalidArgument { .. } => Exit::Usage,
            Error::NoGateway(_) => Exit::NoGateway,
            _ => Exit::Failed,
        }
    }
}

fn main() -> ExitCode {
    let Cli { common, command } = Cli::parse();
    logger::init(common.verbose);
    let exit = if common.protocol == Protocols::Upnp {
        complain(&"UPnP is not in this build");
        Exit::Usage
    } else {
        match command {
            Command::Map(args) => map::run(&common, &args),
            Command::Unmap(args) => unmap::run(&common, &args),
            Command::Probe { json } => probe::run(&common, json),
            Command::ExternalIp { json } => external_ip::run(&common, json),
            Command::Gateway(args) => gateway::run(&common, &args),
            Command::Demo { json } => demo::run(&common, json),
            Command::Completions { shell } => shell::completions(shell),
            Command::Man { command } => shell::man(command.as_deref()),
        }
    };
    ExitCode::from(exit as u8)
}

/// The engine gives the gateway two seconds to confirm; this is for a machine that is busy.
const SHUTDOWN: Duration = Duration::from_secs(10);

impl Common {
    fn client(&self) -> Result<Client, Error> {
        let mut builder = Client::builder();
        if let Some(gateway) = self.gateway {
            builder = match gateway.port {
                None => builder.gateway(gateway.ip),
                Some(port) => builder.gateway_addr((gateway.ip, port).into()),
            };
        }
        builder = match self.protocol {
            Protocols::Any | Protocols::Upnp => builder,
            Protocols::Pcp => builder.protocols([Protocol::Pcp]),
            Protocols::Natpmp => builder.protocols([Protocol::NatPmp]),
        };
        if let Some(timeout) = self.timeout {
            builder = builder.discover_timeout(timeout).mapping_timeout(timeout);
        }
        builder.build()
    }
}
