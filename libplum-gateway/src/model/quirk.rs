//! Real routers' oddities by name, as `QUIRKS.md` has them.

use std::fmt;
use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use super::choice::{
    Announcements, ErrorLifetimes, Forced, LifetimeTold, NatPmpLifetimes, OptionSupport,
    VersionError,
};
use super::code::{nat_pmp, pcp};
use super::knobs::Knobs;
use super::odds::Odds;
use super::table::TableModel;
use super::trouble::Service;
use super::upnp::{self, Connections, Igd, Leases, Searches};
use crate::error::ConfigError;
use crate::packet::Op;

/// 56 to 234 ms were seen; at least 50 by its design.
const MINIUPNPD_SSDP_DELAY: RangeInclusive<Duration> =
    Duration::from_millis(50)..=Duration::from_millis(234);

/// An oddity that a gateway can play: a set of knobs under a name. They can be combined, as far as
/// one router can have them all; where two turn the same knob, the later one wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Quirk {
    /// One table for all protocols: what one deletes, the others lose.
    SingleRule,
    /// A NAT-PMP box that drops PCP's version 2 without a word.
    DropsV2,
    /// A NAT-PMP box whose version error is eight bytes long and bears opcode 0 (RFC 6886 §3.5).
    ShortVersionError,
    /// The same with opcode 128 + the request's.
    ShortVersionErrorWithResponseBit,
    /// NAT-PMP fails when port 0 is suggested. Code 4 is our guess; no source names it.
    NoPortZero,
    /// PCP and NAT-PMP lifetimes of a few seconds.
    TinyLifetime,
    /// Lifetimes of decades, because a byte order was forgotten.
    HugeLifetime,
    /// Mappings are switched off by the user: NOT_AUTHORIZED, and 606 from UPnP.
    Disabled,
    /// One request at a time, slower with every rule.
    SerialService,
    /// A PCP delete of nothing is answered by result 8.
    DeleteOfNothing,
    /// PCP and NAT-PMP answers come from another port.
    OtherPort,
    /// The external address is 0.0.0.0.
    WanZero,
    /// There is no external address: UPnP's is an empty string, and nothing can be mapped.
    WanEmpty,
    /// The external address is a private one, and UPnP refuses everything: 501, empty address.
    PrivateWan,
    /// The external address belongs to a carrier-grade NAT, 100.64/10.
    Cgnat,
    /// Every SSDP answer waits 50 to 234 ms, by unicast and multicast, whatever MX says.
    SsdpDelay,
    /// The connection is closed after every answer over HTTP, whatever is asked.
    CloseAlways,
    /// Lease 0 is granted as 604,800 s.
    LeaseZeroIsAWeek,
    /// SSDP answers come from a port other than the one asked.
    SsdpOtherPort,
    /// LOCATION and URLBase name a host that is not the gateway.
    LocationElsewhere,
    /// Only searches for upnp:rootdevice and ssdp:all are answered, by the root device.
    RootdeviceOnly,
    /// Only WANIPConnection:2 is there, and searches for :1 are not answered.
    Wanip2Only,
    /// Before each search answer comes one that leads to a document that is no XML.
    OddResponder,
    /// Two WANIPConnections, of which only the second is Connected.
    TwoWanServices,
    /// No Content-Length, and the connection is left open: the XML tells where the answer ends.
    NoLengthOpen,
    /// Answers over HTTP come in chunks.
    Chunked,
    /// Answers are HTTP/1.0 without Content-Length, ended by closing.
    Http10,
    /// Header names come in odd case, over HTTP and SSDP.
    OddCase,
    /// A failed action is HTTP status 500 without a UPnP error.
    Bare500,
    /// Only exact requests are served: quoted MAN and SOAPAction, Host with its port, prefixed SOAP elements, TCP and UDP in capitals, no chunks, a final empty line.
    Strict,
    /// AddAnyPortMapping (of an IGD:2) calls its result NewExternalPort.
    ReservedPortName,
    /// An empty description is refused by 402.
    NoEmptyDescription,
    /// While a request over HTTP is served, which takes 50 ms, a second one is reset.
    OneAtATime,
    /// Leases other than 0 are refused by 725.
    PermanentOnly,
    /// Lease 0, and more than 604,800 s, are refused by 402.
    WeekAtMost,
    /// Adding an entry again does not extend its lease.
    NoExtend,
    /// Adding an entry again is refused by 718.
    ConflictOnRenewal,
    /// External and internal port must be equal, or 724.
    EqualPorts,
    /// AddPortMapping succeeds without effect.
    AcceptedNotListed,
    /// Entries cannot be read back: 501.
    LookupFails,
    /// The HTTP port is another one after each restart.
    MovingPort,
    /// A new WAN address takes all rules away.
    WanReconnect,
    /// All of miniupnpd 2.3.1's habits at once, its slowness apart.
    Miniupnpd,
}

impl Quirk {
    /// All of them.
    pub const ALL: [Quirk; 43] = [
        Quirk::SingleRule,
        Quirk::DropsV2,
        Quirk::ShortVersionError,
        Quirk::ShortVersionErrorWithResponseBit,
        Quirk::NoPortZero,
        Quirk::TinyLifetime,
        Quirk::HugeLifetime,
        Quirk::Disabled,
        Quirk::SerialService,
        Quirk::DeleteOfNothing,
        Quirk::OtherPort,
        Quirk::WanZero,
        Quirk::WanEmpty,
        Quirk::PrivateWan,
        Quirk::Cgnat,
        Quirk::SsdpDelay,
        Quirk::CloseAlways,
        Quirk::LeaseZeroIsAWeek,
        Quirk::SsdpOtherPort,
        Quirk::LocationElsewhere,
        Quirk::RootdeviceOnly,
        Quirk::Wanip2Only,
        Quirk::OddResponder,
        Quirk::TwoWanServices,
        Quirk::NoLengthOpen,
        Quirk::Chunked,
        Quirk::Http10,
        Quirk::OddCase,
        Quirk::Bare500,
        Quirk::Strict,
        Quirk::ReservedPortName,
        Quirk::NoEmptyDescription,
        Quirk::OneAtATime,
        Quirk::PermanentOnly,
        Quirk::WeekAtMost,
        Quirk::NoExtend,
        Quirk::ConflictOnRenewal,
        Quirk::EqualPorts,
        Quirk::AcceptedNotListed,
        Quirk::LookupFails,
        Quirk::MovingPort,
        Quirk::WanReconnect,
        Quirk::Miniupnpd,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        self.texts().0
    }

    /// What it does, in a sentence.
    pub fn sentence(self) -> &'static str {
        self.texts().1
    }

    /// Where it was seen: routers, projects and their issues.
    pub fn seen(self) -> &'static str {
        self.texts().2
    }

    /// All names, each with its sentence and where it was seen, one to a line.
    pub fn list() -> String {
        let width = Quirk::ALL.map(|quirk| quirk.name().len()).into_iter().max();
        let width = width.unwrap_or_default();
        let mut out = String::new();
        for quirk in Quirk::ALL {
            let (name, sentence, seen) = quirk.texts();
            // A String takes everything.
            let _ = writeln!(out, "{name:width$}  {sentence} [{seen}]");
        }
        out
    }

    fn texts(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Quirk::SingleRule => (
                "single-rule",
                "One table for all protocols: what one deletes, the others lose.",
                "miniupnpd 2.3.1, measured; the default here",
            ),
            Quirk::DropsV2 => (
                "drops-v2",
                "A NAT-PMP box that drops PCP's version 2 without a word.",
                "NAT-PMP boxes older than PCP",
            ),
            Quirk::ShortVersionError => (
                "short-version-error",
                "A NAT-PMP box whose version error is eight bytes long and bears opcode 0 (RFC 6886 §3.5).",
                "miniupnpd 2.3.1, measured",
            ),
            Quirk::ShortVersionErrorWithResponseBit => (
                "short-version-error-128",
                "The same with opcode 128 + the request's.",
                "boxes that send 128 + opcode",
            ),
            Quirk::NoPortZero => (
                "no-port-zero",
                "NAT-PMP fails when port 0 is suggested. Code 4 is our guess; no source names it.",
                "MikroTik; tailscale 11403",
            ),
            Quirk::TinyLifetime => (
                "tiny-lifetime",
                "PCP and NAT-PMP lifetimes of a few seconds.",
                "class of servers with a tiny maximum",
            ),
            Quirk::HugeLifetime => (
                "huge-lifetime",
                "Lifetimes of decades, because a byte order was forgotten.",
                "the upstream C library forgot htonl",
            ),
            Quirk::Disabled => (
                "disabled",
                "Mappings are switched off by the user: NOT_AUTHORIZED, and 606 from UPnP.",
                "FRITZ!Box; tailscale 13145, 810",
            ),
            Quirk::SerialService => (
                "serial-service",
                "One request at a time, slower with every rule.",
                "miniupnpd 2.3.1 on nftables, measured",
            ),
            Quirk::DeleteOfNothing => (
                "delete-of-nothing",
                "A PCP delete of nothing is answered by result 8.",
                "miniupnpd 2.3.1 on IPv4, measured",
            ),
            Quirk::OtherPort => (
                "other-port",
                "PCP and NAT-PMP answers come from another port.",
                "boxes that RFC 6887 §8.3 tells clients to ignore",
            ),
            Quirk::WanZero => (
                "wan-zero",
                "The external address is 0.0.0.0.",
                "routers without a WAN address",
            ),
            Quirk::WanEmpty => (
                "wan-empty",
                "There is no external address: UPnP's is an empty string, and nothing can be mapped.",
                "routers whose WAN is down",
            ),
            Quirk::PrivateWan => (
                "private-wan",
                "The external address is a private one, and UPnP refuses everything: 501, empty address.",
                "miniupnpd behind another NAT, measured",
            ),
            Quirk::Cgnat => (
                "cgnat",
                "The external address belongs to a carrier-grade NAT, 100.64/10.",
                "carriers' networks (RFC 6598)",
            ),
            Quirk::SsdpDelay => (
                "ssdp-delay",
                "Every SSDP answer waits 50 to 234 ms, by unicast and multicast, whatever MX says.",
                "miniupnpd 2.3.1, measured",
            ),
            Quirk::CloseAlways => (
                "close-always",
                "The connection is closed after every answer over HTTP, whatever is asked.",
                "miniupnpd 2.3.1, measured",
            ),
            Quirk::LeaseZeroIsAWeek => (
                "lease-zero-is-a-week",
                "Lease 0 is granted as 604,800 s.",
                "miniupnpd 2.3.1, measured; WANIPConnection:2",
            ),
            Quirk::SsdpOtherPort => (
                "ssdp-other-port",
                "SSDP answers come from a port other than the one asked.",
                "tailscale 7377, 10771, 5502",
            ),
            Quirk::LocationElsewhere => (
                "location-elsewhere",
                "LOCATION and URLBase name a host that is not the gateway.",
                "tailscale, syncthing, MikroTik's sample",
            ),
            Quirk::RootdeviceOnly => (
                "rootdevice-only",
                "Only searches for upnp:rootdevice and ssdp:all are answered, by the root device.",
                "tailscale 3557, go-libp2p",
            ),
            Quirk::Wanip2Only => (
                "wanip2-only",
                "Only WANIPConnection:2 is there, and searches for :1 are not answered.",
                "libplum PR 20",
            ),
            Quirk::OddResponder => (
                "odd-responder",
                "Before each search answer comes one that leads to a document that is no XML.",
                "rust-libp2p 5506",
            ),
            Quirk::TwoWanServices => (
                "two-wan-services",
                "Two WANIPConnections, of which only the second is Connected.",
                "tailscale, MikroTik's sample",
            ),
            Quirk::NoLengthOpen => (
                "no-length-open",
                "No Content-Length, and the connection is left open: the XML tells where the answer ends.",
                "Mono.Nat",
            ),
            Quirk::Chunked => (
                "chunked",
                "Answers over HTTP come in chunks.",
                "routers on HTTP/1.1 libraries",
            ),
            Quirk::Http10 => (
                "http10",
                "Answers are HTTP/1.0 without Content-Length, ended by closing.",
                "Actiontec, DD-WRT, Technicolor captures",
            ),
            Quirk::OddCase => (
                "odd-case",
                "Header names come in odd case, over HTTP and SSDP.",
                "libupnp and others",
            ),
            Quirk::Bare500 => (
                "bare-500",
                "A failed action is HTTP status 500 without a UPnP error.",
                "routers of several vendors",
            ),
            Quirk::Strict => (
                "strict",
                "Only exact requests are served: quoted MAN and SOAPAction, Host with its port, prefixed SOAP elements, TCP and UDP in capitals, no chunks, a final empty line.",
                "syncthing 1696, libplum 46 and PR 54, tailscale 7377",
            ),
            Quirk::ReservedPortName => (
                "reserved-port-name",
                "AddAnyPortMapping (of an IGD:2) calls its result NewExternalPort.",
                "go-libp2p PR 3094",
            ),
            Quirk::NoEmptyDescription => (
                "no-empty-description",
                "An empty description is refused by 402.",
                "rust-igd 1",
            ),
            Quirk::OneAtATime => (
                "one-at-a-time",
                "While a request over HTTP is served, which takes 50 ms, a second one is reset.",
                "go-ethereum 21390",
            ),
            Quirk::PermanentOnly => (
                "permanent-only",
                "Leases other than 0 are refused by 725.",
                "many IGD:1 routers",
            ),
            Quirk::WeekAtMost => (
                "week-at-most",
                "Lease 0, and more than 604,800 s, are refused by 402.",
                "net-tools 52",
            ),
            Quirk::NoExtend => (
                "no-extend",
                "Adding an entry again does not extend its lease.",
                "Pi-Star PR 46",
            ),
            Quirk::ConflictOnRenewal => (
                "conflict-on-renewal",
                "Adding an entry again is refused by 718.",
                "Open.NAT 14",
            ),
            Quirk::EqualPorts => (
                "equal-ports",
                "External and internal port must be equal, or 724.",
                "libtorrent, Moonlight",
            ),
            Quirk::AcceptedNotListed => (
                "accepted-not-listed",
                "AddPortMapping succeeds without effect.",
                "weupnp 12, Moonlight",
            ),
            Quirk::LookupFails => (
                "lookup-fails",
                "Entries cannot be read back: 501.",
                "routers that answer 402, 501 or 606 to the read",
            ),
            Quirk::MovingPort => (
                "moving-port",
                "The HTTP port is another one after each restart.",
                "go-libp2p 3224",
            ),
            Quirk::WanReconnect => (
                "wan-reconnect",
                "A new WAN address takes all rules away.",
                "lnd PR 2014",
            ),
            Quirk::Miniupnpd => (
                "miniupnpd",
                "All of miniupnpd 2.3.1's habits at once, its slowness apart.",
                "miniupnpd 2.3.1 with nftables, measured",
            ),
        }
    }

    /// Turns the knobs that make it.
    pub fn apply(self, knobs: &mut Knobs) {
        match self {
            Quirk::SingleRule => knobs.table = TableModel::SingleRule,
            Quirk::DropsV2 => nat_pmp_only(knobs, VersionError::Silent),
            Quirk::ShortVersionError => nat_pmp_only(knobs, VersionError::Rfc),
            Quirk::ShortVersionErrorWithResponseBit => {
                nat_pmp_only(knobs, VersionError::ResponseBit)
            }
            Quirk::NoPortZero => knobs.no_port_zero = Some(nat_pmp::OUT_OF_RESOURCES),
            Quirk::TinyLifetime => knobs.lifetimes = 1..=2,
            Quirk::HugeLifetime => knobs.lifetime_told = LifetimeTold::ByteSwapped,
            Quirk::Disabled => {
                for op in [Op::PcpMap, Op::PcpDelete] {
                    knobs.force(op, Forced::result(pcp::NOT_AUTHORIZED));
                }
                for op in [Op::NatPmpAddress, Op::NatPmpMap, Op::NatPmpDelete] {
                    knobs.force(op, Forced::result(nat_pmp::NOT_AUTHORIZED));
                }
                for op in [
                    Op::AddPortMapping,
                    Op::AddAnyPortMapping,
                    Op::DeletePortMapping,
                    Op::DeletePortMappingRange,
                    Op::AddPinhole,
                ] {
                    knobs.force(op, Forced::result(upnp::code::NOT_AUTHORIZED));
                }
            }
            Quirk::SerialService => knobs.service = Service::MINIUPNPD,
            Quirk::DeleteOfNothing => knobs.delete_of_nothing = pcp::NO_RESOURCES,
            Quirk::OtherPort => knobs.trouble.wrong_source = Odds::Always,
            Quirk::WanZero => knobs.external_ip = Some(Ipv4Addr::UNSPECIFIED),
            Quirk::WanEmpty => knobs.external_ip = None,
            Quirk::PrivateWan => {
                knobs.external_ip = Some(Ipv4Addr::new(192, 168, 100, 2));
                knobs.upnp.refuses_private_wan = true;
            }
            Quirk::Cgnat => knobs.external_ip = Some(Ipv4Addr::new(100, 64, 1, 2)),
            Quirk::SsdpDelay => knobs.upnp.ssdp_delay = MINIUPNPD_SSDP_DELAY,
            Quirk::CloseAlways => knobs.upnp.http.close_always = true,
            Quirk::LeaseZeroIsAWeek => knobs.upnp.lease_zero_is_a_week = true,
            Quirk::SsdpOtherPort => knobs.upnp.ssdp_other_port = true,
            Quirk::LocationElsewhere => {
                // A private address of the router's other side.
                knobs.upnp.named_host = Some("10.255.255.1".to_owned());
            }
            Quirk::RootdeviceOnly => knobs.upnp.searches = Searches::RootOnly,
            Quirk::Wanip2Only => {
                knobs.upnp.igd = Igd::V2;
                knobs.upnp.searches = Searches::Exact;
            }
            Quirk::OddResponder => knobs.upnp.odd_responder = true,
            Quirk::TwoWanServices => knobs.upnp.connections = Connections::TwoIp,
            Quirk::NoLengthOpen => knobs.upnp.http.no_length_open = true,
            Quirk::Chunked => knobs.upnp.http.chunked = true,
            Quirk::Http10 => knobs.upnp.http.http10 = true,
            Quirk::OddCase => knobs.upnp.http.odd_case = true,
            Quirk::Bare500 => knobs.upnp.http.bare_500 = true,
            Quirk::Strict => knobs.upnp.strict = true,
            Quirk::ReservedPortName => {
                knobs.upnp.igd = Igd::V2;
                knobs.upnp.external_port_name = true;
            }
            Quirk::NoEmptyDescription => knobs.upnp.no_empty_description = true,
            Quirk::OneAtATime => {
                knobs.upnp.one_at_a_time = true;
                knobs.upnp.http_service = Duration::from_millis(50);
            }
            Quirk::PermanentOnly => knobs.upnp.leases = Leases::PermanentOnly,
            Quirk::WeekAtMost => knobs.upnp.leases = Leases::WeekAtMost,
            Quirk::NoExtend => knobs.upnp.no_extend = true,
            Quirk::ConflictOnRenewal => knobs.upnp.conflict_on_renewal = true,
            Quirk::EqualPorts => knobs.upnp.equal_ports = true,
            Quirk::AcceptedNotListed => knobs.upnp.accepted_not_listed = Odds::Always,
            Quirk::LookupFails => knobs.upnp.lookup_fails = Some(upnp::code::ACTION_FAILED),
            Quirk::MovingPort => knobs.upnp.moving_port = true,
            Quirk::WanReconnect => knobs.upnp.wan_change_loses_rules = true,
            Quirk::Miniupnpd => {
                knobs.table = TableModel::SingleRule;
                knobs.lifetimes = 120..=86_400;
                knobs.delete_of_nothing = pcp::NO_RESOURCES;
                knobs.delete_tells_external = true;
                knobs.nat_pmp_lifetimes = NatPmpLifetimes::AsAsked;
                knobs.error_lifetimes = ErrorLifetimes::Miniupnpd;
                knobs.prefer_failure = OptionSupport::Ignored;
                knobs.announcements = Announcements::Miniupnpd;
                knobs.nat_pmp_spares_pcp = Odds::Chance(0.5);
                knobs.upnp.miniupnpd = true;
                knobs.upnp.server = "Debian/6.1 UPnP/1.1 MiniUPnPd/2.3.1".to_owned();
                knobs.upnp.igd = Igd::V2;
                knobs.upnp.ipv6_firewall = true;
                knobs.upnp.searches = Searches::AnyVersion;
                knobs.upnp.ssdp_delay = MINIUPNPD_SSDP_DELAY;
                knobs.upnp.http.close_always = true;
                knobs.upnp.lease_zero_is_a_week = true;
                // "InternalClient is not you", up to 2.3.4.
                knobs.upnp.foreign_client = Some(upnp::code::CONFLICT);
                knobs.upnp.refuses_private_wan = true;
            }
        }
    }
}

fn nat_pmp_only(knobs: &mut Knobs, version_error: VersionError) {
    knobs.pcp = false;
    knobs.nat_pmp = true;
    knobs.version_error = version_error;
}

impl fmt::Display for Quirk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Quirk {
    type Err = ConfigError;

    fn from_str(name: &str) -> Result<Self, ConfigError> {
        let found = Quirk::ALL.into_iter().find(|quirk| quirk.name() == name);
        found.ok_or_else(|| ConfigError::UnknownQuirk(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every name that `QUIRKS.md` prints in `code`.
    const NAMED: &str = "single-rule ssdp-delay close-always lease-zero-is-a-week short-version-error \
        serial-service private-wan ssdp-other-port location-elsewhere rootdevice-only wanip2-only \
        odd-responder two-wan-services no-length-open chunked http10 odd-case bare-500 strict \
        reserved-port-name no-empty-description one-at-a-time permanent-only week-at-most no-extend \
        conflict-on-renewal equal-ports accepted-not-listed lookup-fails moving-port wan-reconnect \
        wan-empty wan-zero cgnat no-port-zero disabled drops-v2 tiny-lifetime";

    #[test]
    fn every_quirk_has_its_own_name_and_makes_a_possible_gateway() {
        for quirk in Quirk::ALL {
            assert_eq!(quirk.name().parse(), Ok(quirk));
            let mut knobs = Knobs::default();
            quirk.apply(&mut knobs);
            knobs.check().unwrap();
        }
        assert!("no-such-quirk".parse::<Quirk>().is_err());
    }

    #[test]
    fn all_that_have_a_name_can_be_played() {
        let known: Vec<Quirk> = NAMED
            .split_whitespace()
            .map(|n| n.parse().unwrap())
            .collect();
        assert_eq!(known.len(), 38);
    }

    #[test]
    fn the_list_explains_each_in_a_sentence() {
        let list = Quirk::list();
        assert_eq!(list.lines().count(), Quirk::ALL.len());
        for quirk in Quirk::ALL {
            assert!(quirk.sentence().ends_with('.') && !quirk.seen().is_empty());
            assert!(list.contains(quirk.sentence()));
        }
    }

    /// Two that fit into one router are both there, in either order.
    #[test]
    fn quirks_combine() {
        for a in Quirk::ALL {
            for b in Quirk::ALL {
                let mut knobs = Knobs::default();
                a.apply(&mut knobs);
                b.apply(&mut knobs);
                match knobs.check() {
                    Ok(()) => {}
                    Err(ConfigError::HttpStyles(..) | ConfigError::PermanentWeek) => {}
                    Err(error) => panic!("{a} and {b}: {error}"),
                }
            }
        }
    }
}
