//! `plum demo`: the whole loop without a router, against a gateway that the program brings along.

use std::fmt;
use std::future::IntoFuture;
use std::io;
use std::net::SocketAddr;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use futures::executor::block_on;
use libplum::{Client, Error, Protocol, Transport};
use libplum_gateway::{Entry, Gateway, Op, StartError};

use crate::args::{Common, Protocols};
use crate::output::{complain, milliseconds, Line, Mapped, Output};
use crate::{Exit, SHUTDOWN};

/// The port that is mapped; nothing has to listen on it.
const PORT: u16 = 8080;

/// On the loopback an answer takes less than a millisecond; this is for a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) fn run(common: &Common, json: bool) -> Exit {
    match demo(common, &Output::new(json)) {
        Ok(()) => Exit::Done,
        Err(Trouble::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Done,
        Err(trouble) => {
            complain(&trouble);
            Exit::Failed
        }
    }
}

fn demo(common: &Common, output: &Output) -> Result<(), Trouble> {
    let gateway = Gateway::builder().start()?;
    let addr = gateway.addr();
    output.remark(format_args!("A gateway of our own listens on {addr}."))?;
    let protocols: &[Protocol] = match common.protocol {
        Protocols::Pcp => &[Protocol::Pcp],
        Protocols::Natpmp => &[Protocol::NatPmp],
        Protocols::Any | Protocols::Upnp => &[Protocol::Pcp, Protocol::NatPmp],
    };
    for &protocol in protocols {
        output.remark(format_args!("\n{protocol}"))?;
        once(&gateway, addr, protocol, output)?;
    }
    output.remark(format_args!("\nThat was all, and nothing is left open."))?;
    Ok(())
}

/// Maps and unmaps by one protocol.
fn once(
    gateway: &Gateway,
    addr: SocketAddr,
    protocol: Protocol,
    output: &Output,
) -> Result<(), Trouble> {
    gateway.log().clear();
    let start = Instant::now();
    let client = Client::builder()
        .gateway_addr(addr)
        .protocols([protocol])
        .build()?;
    let (sender, changes) = channel();
    let mapping = block_on(
        client
            .map(Transport::Tcp, PORT)
            .on_change(move |change| {
                // Nobody listens any more once the port is unmapped.
                let _ = sender.send((change.clone(), Instant::now()));
            })
            .into_future(),
    )?;
    let open = changes.recv().map_or_else(|_| Instant::now(), |(_, at)| at);
    let external_addr = mapping.external_addr().ok_or(Error::Destroyed)?;
    output.say(&Line::Mapped(Mapped {
        transport: Transport::Tcp,
        internal_port: PORT,
        external_addr,
        protocol,
        lifetime_s: mapping
            .remaining_lifetime()
            .map(|lifetime| lifetime.as_secs()),
        elapsed_ms: milliseconds(open - start),
    }))?;
    for packet in gateway.log().entries() {
        output.remark(format_args!("  {}", told(&packet)))?;
    }
    for rule in gateway.rules() {
        output.remark(format_args!(
            "  in the gateway's table: {}:{} goes to {}:{}",
            external_addr.ip(),
            rule.external_port,
            rule.client,
            rule.internal_port
        ))?;
    }
    let closing = Instant::now();
    block_on(mapping.unmap());
    output.say(&Line::Unmapped {
        transport: Transport::Tcp,
        internal_port: PORT,
        elapsed_ms: milliseconds(start.elapsed()),
    })?;
    let took = milliseconds(closing.elapsed());
    if !gateway.wait_until(PATIENCE, |model| model.rules().is_empty()) {
        return Err(Trouble::RuleLeft);
    }
    output.remark(format_args!(
        "  after {took} ms, and the gateway's table is empty"
    ))?;
    client.shutdown_blocking(SHUTDOWN)?;
    Ok(())
}

/// A datagram in words.
fn told(packet: &Entry) -> String {
    let kind = match packet.op() {
        Op::PcpMap => "PCP MAP",
        Op::NatPmpAddress => "NAT-PMP, external address",
        Op::NatPmpMap => "NAT-PMP, map",
        _ => "something else",
    };
    let bytes = packet.length;
    match (packet.is_request(), packet.packet.result()) {
        (true, _) => format!("to the gateway:   {kind}, {bytes} bytes"),
        (false, Some(0)) => format!("from the gateway: {kind}, {bytes} bytes, success"),
        (false, result) => format!("from the gateway: {kind}, {bytes} bytes, result {result:?}"),
    }
}

/// What can go wrong in a demonstration.
enum Trouble {
    Client(Error),
    Gateway(StartError),
    Output(io::Error),
    RuleLeft,
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Trouble::Client(error)
    }
}

impl From<StartError> for Trouble {
    fn from(error: StartError) -> Self {
        Trouble::Gateway(error)
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Trouble::Output(error)
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trouble::Client(error) => write!(f, "{error}"),
            Trouble::Gateway(error) => write!(f, "the gateway does not start: {error}"),
            Trouble::Output(error) => write!(f, "standard output: {error}"),
            Trouble::RuleLeft => f.write_str("the gateway still has a rule"),
        }
    }
}
