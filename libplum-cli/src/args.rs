//! The command line.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use libplum::Transport;
use libplum_gateway::Quirk;

/// Opens ports at your router, and closes them again.
///
/// It asks the router for port mappings by PCP (RFC 6887) or NAT-PMP (RFC 6886). A mapping opens no
/// firewall on this machine.
///
/// Exit codes: 0 mapped, 1 refused or failed, 2 usage, 3 no gateway.
#[derive(Debug, Parser)]
#[command(name = "plum", version)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Args)]
pub(crate) struct Common {
    /// The gateway to ask, instead of the default route's
    #[arg(long, global = true, value_name = "ADDR[:PORT]")]
    pub(crate) gateway: Option<GatewayAddr>,
    /// The protocol to use
    #[arg(long, global = true, value_enum, default_value_t = Protocols::Any)]
    pub(crate) protocol: Protocols,
    /// How long the gateway may take before that counts as a failure [default: 10]
    #[arg(long, global = true, value_name = "SECONDS", value_parser = positive_seconds)]
    pub(crate) timeout: Option<Duration>,
    /// Tell more on standard error; twice: everything
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Opens ports and keeps them open until it is stopped
    Map(MapArgs),
    /// Closes ports that an earlier run was killed before it could close (NAT-PMP only)
    ///
    /// It asks by NAT-PMP to delete what this host has mapped for these ports. Most gateways keep one
    /// table for all protocols, so that this takes away what was mapped by PCP or UPnP too. By PCP itself
    /// nobody but the program that mapped a port can unmap it: the request must carry a number that only
    /// that program knew (its mapping ends by itself, after two hours unless it asked for another
    /// lifetime). A gateway that does not speak NAT-PMP is told apart. Mappings of other hosts, and those
    /// that were made by hand in the router, stay.
    ///
    /// That nothing was mapped is no failure: NAT-PMP does not tell the difference.
    Unmap(UnmapArgs),
    /// Tells which protocols the gateway speaks
    Probe {
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Prints the gateway's external address (NAT-PMP: PCP tells it only with a mapping)
    ExternalIp {
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Is a router: answers PCP, NAT-PMP and UPnP, for tests of clients in any language
    Gateway(GatewayArgs),
    /// Opens a port by each protocol at a gateway that it brings along: no router is needed
    Demo {
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Prints a script that completes this program's words in a shell
    Completions {
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
    /// Prints the manual page, of the program or of one command (view: plum man | man -l -)
    Man {
        /// The command whose page is wanted
        command: Option<String>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct MapArgs {
    /// What to open: the port here, the port wanted outside, the transport (tcp unless said; both:
    /// TCP and UDP on one port outside)
    #[arg(required = true, value_name = "PORT[:EXTERNAL][/tcp|udp|both]")]
    pub(crate) ports: Vec<PortSpec>,
    /// The port wanted outside; with a single PORT only
    #[arg(long, value_name = "N", value_parser = port)]
    pub(crate) external_port: Option<u16>,
    /// The lifetime to ask for; it is renewed in time [default: 7200]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) lifetime: Option<u32>,
    /// Stop so long after all are mapped; 0: at once
    #[arg(long = "for", value_name = "SECONDS", value_parser = seconds)]
    pub(crate) hold: Option<Duration>,
    /// Do not give up when mapping fails at first
    #[arg(long)]
    pub(crate) keep_trying: bool,
    /// One JSON object a line
    #[arg(long)]
    pub(crate) json: bool,
}

impl MapArgs {
    /// The ports with `--external-port` worked in; an error is a usage error.
    pub(crate) fn ports(&self) -> Result<Vec<PortSpec>, String> {
        let mut ports = self.ports.clone();
        if let Some(external) = self.external_port {
            let [only] = ports.as_mut_slice() else {
                return Err("--external-port goes with a single PORT: \
                            write PORT:EXTERNAL for each of several"
                    .into());
            };
            if only.external.is_some() {
                return Err("the external port is given twice".into());
            }
            only.external = Some(external);
        }
        Ok(ports)
    }
}

/// `plum unmap`.
#[derive(Debug, Args)]
pub(crate) struct UnmapArgs {
    /// What to close: the port here, the transport (tcp unless said)
    #[arg(required = true, value_name = "PORT[/tcp|udp|both]")]
    pub(crate) ports: Vec<PortSpec>,
    /// One JSON object a line
    #[arg(long)]
    pub(crate) json: bool,
}

/// A router in a box. It maps on paper: it answers as a router does, and forwards nothing.
///
/// It runs until Ctrl-C or SIGTERM, and prints each change of its mapping table; on a terminal it
/// shows the table itself.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct GatewayArgs {
    /// The address to listen on
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1")]
    pub(crate) listen: IpAddr,
    /// The external address to tell [default: 203.0.113.7]
    #[arg(long, value_name = "ADDR")]
    pub(crate) external: Option<Ipv4Addr>,
    /// Take any free ports, instead of 5351 and 1900, and announce nothing
    #[arg(long)]
    pub(crate) ephemeral: bool,
    /// The port of HTTP [default: any free one]
    #[arg(long, value_name = "N", value_parser = port)]
    pub(crate) http_port: Option<u16>,
    /// An oddity of real routers; may be given several times
    #[arg(long = "quirk", value_name = "NAME")]
    pub(crate) quirks: Vec<Quirk>,
    /// Explain each quirk, and end
    #[arg(long)]
    pub(crate) list_quirks: bool,
    /// Wear the documents of a captured router: a folder with desc.xml and about.json
    #[arg(long, value_name = "DIR")]
    pub(crate) like: Option<PathBuf>,
    /// With --like: HTTP on the ports that the captured router had
    #[arg(long, requires = "like", conflicts_with = "http_port")]
    pub(crate) captured_ports: bool,
    /// A protocol to leave out; may be given several times
    #[arg(long, value_name = "PROTOCOL", value_enum)]
    pub(crate) without: Vec<Spoken>,
    /// InternetGatewayDevice:1 or :2 [default: 1]
    #[arg(long, value_name = "1|2", value_parser = clap::value_parser!(u8).range(1..=2))]
    pub(crate) igd: Option<u8>,
    /// The lifetimes to grant by PCP and NAT-PMP, in seconds [default: 120-86400]
    #[arg(long, value_name = "MIN-MAX")]
    pub(crate) lifetimes: Option<Lifetimes>,
    /// Where every chance comes from
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// Write everything asked and answered to this file, one JSON object a line
    #[arg(long, value_name = "FILE")]
    pub(crate) log: Option<PathBuf>,
    /// Stop after so long
    #[arg(long = "for", value_name = "SECONDS", value_parser = seconds)]
    pub(crate) hold: Option<Duration>,
    /// One JSON object a line
    #[arg(long)]
    pub(crate) json: bool,
}

/// `--without`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Spoken {
    Pcp,
    Natpmp,
    Upnp,
}

/// `--lifetimes`: the gateway judges whether the range makes sense.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lifetimes(pub(crate) RangeInclusive<u32>);

impl FromStr for Lifetimes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| match text.parse::<u32>() {
            Ok(number) if text.bytes().all(|byte| byte.is_ascii_digit()) => Ok(number),
            _ => Err(format!("{text:?} is no number of seconds")),
        };
        let (min, max) = text.split_once('-').unwrap_or((text, text));
        Ok(Lifetimes(number(min)?..=number(max)?))
    }
}

/// `--protocol`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Protocols {
    Any,
    Pcp,
    Natpmp,
    /// Not in this build
    Upnp,
}

/// `--gateway`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct GatewayAddr {
    pub(crate) ip: IpAddr,
    /// 5351 unless given.
    pub(crate) port: Option<u16>,
}

impl FromStr for GatewayAddr {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(ip) = text.parse() {
            return Ok(GatewayAddr { ip, port: None });
        }
        match text.parse::<SocketAddr>() {
            Ok(addr) if addr.port() != 0 => Ok(GatewayAddr {
                ip: addr.ip(),
                port: Some(addr.port()),
            }),
            _ => Err("not a numeric address, ADDR or ADDR:PORT ([ADDR]:PORT for IPv6)".into()),
        }
    }
}

/// `tcp`, `udp` or `both`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transports {
    One(Transport),
    Both,
}

impl Transports {
    pub(crate) fn each(self) -> &'static [Transport] {
        match self {
            Transports::One(Transport::Tcp) => &[Transport::Tcp],
            Transports::One(Transport::Udp) => &[Transport::Udp],
            Transports::Both => &[Transport::Tcp, Transport::Udp],
        }
    }
}

/// `PORT[:EXTERNAL][/tcp|udp|both]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PortSpec {
    pub(crate) transports: Transports,
    pub(crate) internal: u16,
    pub(crate) external: Option<u16>,
}

impl FromStr for PortSpec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (ports, transport) = text.split_once('/').unwrap_or((text, "tcp"));
        let transports = match transport.to_ascii_lowercase().as_str() {
            "tcp" => Transports::One(Transport::Tcp),
            "udp" => Transports::One(Transport::Udp),
            "both" => Transports::Both,
            _ => return Err(format!("{transport:?} is neither tcp nor udp nor both")),
        };
        let (internal, external) = match ports.split_once(':') {
            None => (port(ports)?, None),
            Some((internal, external)) => (port(internal)?, Some(port(external)?)),
        };
        Ok(PortSpec {
            transports,
            internal,
            external,
        })
    }
}

/// A port, in digits only: `parse` alone would take "+80".
fn port(text: &str) -> Result<u16, String> {
    match text.parse() {
        Ok(number @ 1..) if text.bytes().all(|byte| byte.is_ascii_digit()) => Ok(number),
        _ => Err(format!("{text:?} is no port from 1 to 65535")),
    }
}

/// The engine counts milliseconds in 31 bits.
const LONGEST: Duration = Duration::from_millis(i32::MAX as u64);

fn seconds(text: &str) -> Result<Duration, String> {
    let number: f64 = text
        .parse()
        .map_err(|_| "not a number of seconds".to_owned())?;
    match Duration::try_from_secs_f64(number) {
        Ok(duration) if duration <= LONGEST => Ok(duration),
        _ => Err(format!("not between 0 and {}", LONGEST.as_secs())),
    }
}

fn positive_seconds(text: &str) -> Result<Duration, String> {
    match seconds(text)? {
        duration if duration >= Duration::from_millis(1) => Ok(duration),
        _ => Err("a thousandth of a second is the least".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn spec(transport: Transport, internal: u16, external: Option<u16>) -> PortSpec {
        PortSpec {
            transports: Transports::One(transport),
            internal,
            external,
        }
    }

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn ports_are_read_in_every_form() {
        assert_eq!("8080".parse(), Ok(spec(Transport::Tcp, 8080, None)));
        assert_eq!("9000/udp".parse(), Ok(spec(Transport::Udp, 9000, None)));
        assert_eq!(
            "7000:7001/tcp".parse(),
            Ok(spec(Transport::Tcp, 7000, Some(7001)))
        );
        assert_eq!(
            "65535:1/UDP".parse(),
            Ok(spec(Transport::Udp, 65535, Some(1)))
        );
        let both: PortSpec = "443/both".parse().unwrap();
        assert_eq!(both.transports, Transports::Both);
        assert_eq!(both.transports.each(), [Transport::Tcp, Transport::Udp]);
    }

    #[test]
    fn what_is_no_port_is_refused() {
        for text in [
            "", "0", "65536", "-1", "+80", " 80", "80:", ":80", "80:0", "80/", "80/sctp", "80:1:2",
        ] {
            assert!(text.parse::<PortSpec>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn gateways_are_read_with_and_without_a_port() {
        let read = |text: &str| text.parse::<GatewayAddr>();
        let v4 = "192.168.1.1".parse().unwrap();
        assert_eq!(read("192.168.1.1"), Ok(GatewayAddr { ip: v4, port: None }));
        assert_eq!(
            read("192.168.1.1:99"),
            Ok(GatewayAddr {
                ip: v4,
                port: Some(99)
            })
        );
        let v6 = "fe80::1".parse().unwrap();
        assert_eq!(read("fe80::1"), Ok(GatewayAddr { ip: v6, port: None }));
        assert_eq!(
            read("[fe80::1]:99"),
            Ok(GatewayAddr {
                ip: v6,
                port: Some(99)
            })
        );
        for text in ["", "router.local", "192.168.1.1:0", "192.168.1.1:", "1.2.3"] {
            assert!(read(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn seconds_are_bounded() {
        assert_eq!(seconds("0"), Ok(Duration::ZERO));
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        for text in ["-1", "NaN", "inf", "1e99", "", "ten"] {
            assert!(seconds(text).is_err(), "{text:?}");
        }
        assert!(positive_seconds("0").is_err());
    }

    #[test]
    fn one_external_port_goes_with_one_port() {
        let args = |words: &[&str]| match Cli::try_parse_from(words).unwrap().command {
            Command::Map(map) => map.ports(),
            other => panic!("{other:?}"),
        };
        assert_eq!(
            args(&["plum", "map", "80", "--external-port", "81"]),
            Ok(vec![spec(Transport::Tcp, 80, Some(81))])
        );
        assert!(args(&["plum", "map", "80", "90", "--external-port", "81"]).is_err());
        assert!(args(&["plum", "map", "80:82", "--external-port", "81"]).is_err());
    }
}
