//! The actions of WANIPConnection and WANPPPConnection, on the table that all protocols share.
//!
//! Section numbers are those of WANIPConnection:1 (version 1.01) and, where said, of :2.

use std::cmp::Reverse;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use super::super::table::{Filter, Held, Key, Label, TableModel, Transport, Writer};
use super::super::Model;
use super::args::{self, How};
use super::code;
use super::device::{Kind, Service};
use super::knobs::Leases;
use super::scpd;
use super::soap::Call;
use super::xml::escape;

/// What an action gives back, or its error code.
pub(crate) type Outcome = Result<Vec<(&'static str, String)>, u16>;

/// WANIPConnection:2 §2.3.19: the longest lease.
pub(crate) const WEEK: u32 = 604_800;

/// The longest description kept; longer ones are 605, String Argument Too Long.
const DESCRIPTION: usize = 255;

/// So many entries are listed at once.
const LISTING: usize = 1_000;

/// What AddPortMapping and AddAnyPortMapping ask for.
struct Wish {
    client: Ipv4Addr,
    transport: Transport,
    internal_port: u16,
    external_port: u16,
    /// `None` for ever.
    lease: Option<u32>,
    filters: Vec<Filter>,
    label: Label,
}

impl Model {
    pub(super) fn connection_action(
        &mut self,
        at: Duration,
        peer: IpAddr,
        service: &Service,
        call: &Call,
    ) -> Outcome {
        let Kind::Connection { version, .. } = service.kind else {
            return Err(code::INVALID_ACTION);
        };
        let up = service.up && self.knobs.external_ip.is_some();
        match call.action.as_str() {
            "GetExternalIPAddress" => {
                Ok(vec![("NewExternalIPAddress", self.external_text(service))])
            }
            "GetStatusInfo" => Ok(vec![
                (
                    "NewConnectionStatus",
                    if up { "Connected" } else { "Disconnected" }.to_owned(),
                ),
                ("NewLastConnectionError", "ERROR_NONE".to_owned()),
                (
                    "NewUptime",
                    if up {
                        self.upnp.uptime(at).as_secs()
                    } else {
                        0
                    }
                    .to_string(),
                ),
            ]),
            "GetConnectionTypeInfo" => Ok(vec![
                ("NewConnectionType", "IP_Routed".to_owned()),
                ("NewPossibleConnectionTypes", "IP_Routed".to_owned()),
            ]),
            "GetNATRSIPStatus" => Ok(vec![
                ("NewRSIPAvailable", "0".to_owned()),
                ("NewNATEnabled", "1".to_owned()),
            ]),
            "GetLinkLayerMaxBitRates" => Ok(vec![
                ("NewUpstreamMaxBitRate", "50000000".to_owned()),
                ("NewDownstreamMaxBitRate", "100000000".to_owned()),
            ]),
            "SetConnectionType" if self.how() == How::Miniupnpd => Err(731), // ReadOnly
            "SetConnectionType" => match call.arg("NewConnectionType") {
                Some("IP_Routed") if !up => Ok(Vec::new()),
                // "InactiveConnectionStateRequired": it cannot be changed while it is up.
                Some("IP_Routed") => Err(code::INACTIVE_STATE_REQUIRED),
                _ => Err(code::INVALID_ARGS),
            },
            "RequestConnection" if self.how() == How::Miniupnpd => Err(code::NOT_AUTHORIZED),
            "RequestConnection" if up => Ok(Vec::new()),
            "RequestConnection" => Err(704), // ConnectionSetupFailed
            "ForceTermination" if up => Err(code::NOT_AUTHORIZED), // no program hangs up for the house
            "ForceTermination" => Err(711),                        // ConnectionAlreadyTerminated
            "AddPortMapping" => self.add_port_mapping(at, peer, service, version, call),
            "AddAnyPortMapping" => self.add_any_port_mapping(at, peer, service, version, call),
            "DeletePortMapping" => self.delete_port_mapping(peer, call),
            "DeletePortMappingRange" => self.delete_port_mapping_range(peer, call),
            "GetSpecificPortMappingEntry" => self.specific_entry(call),
            "GetGenericPortMappingEntry" => self.generic_entry(call),
            "GetListOfPortMappings" => self.list_of_port_mappings(peer, call),
            _ => Err(code::INVALID_ACTION),
        }
    }

    fn external_text(&self, service: &Service) -> String {
        match self.knobs.external_ip {
            Some(ip) if service.up && !(self.knobs.upnp.refuses_private_wan && is_private(ip)) => {
                ip.to_string()
            }
            _ => String::new(),
        }
    }

    /// Whether this service can map at all.
    fn check_wan(&self, service: &Service) -> Result<(), u16> {
        let ip = self
            .knobs
            .external_ip
            .filter(|_| service.up)
            .ok_or(code::ACTION_FAILED)?;
        if self.knobs.upnp.refuses_private_wan && is_private(ip) {
            return Err(code::ACTION_FAILED);
        }
        Ok(())
    }

    fn read_wish(
        &self,
        peer: IpAddr,
        service: &Service,
        version: u32,
        call: &Call,
    ) -> Result<Wish, u16> {
        let knobs = &self.knobs.upnp;
        let any = call.action == "AddAnyPortMapping";
        let how = self.how();
        let external_port = args::port(call, "NewExternalPort", how)?;
        let internal_port = args::port(call, "NewInternalPort", how)?;
        let transport = self.transport(call)?;
        let lease = match call.arg("NewLeaseDuration") {
            Some(text) => args::number(text, how)?,
            None => 0,
        };
        let enabled = call
            .arg("NewEnabled")
            .map_or(Ok(true), |text| args::boolean(text, how))?;
        let description = call.arg("NewPortMappingDescription").unwrap_or_default();
        let client: Ipv4Addr = match call.arg("NewInternalClient").unwrap_or_default() {
            "" if how == How::Miniupnpd => return Err(code::ACTION_FAILED),
            text => text.parse().map_err(|_| code::INVALID_ARGS)?,
        };
        let filters = match call.arg("NewRemoteHost").unwrap_or_default() {
            "" => Vec::new(),
            // Whatever it is, it is taken for none.
            host if how == How::Miniupnpd && host.parse::<Ipv4Addr>().is_err() => Vec::new(),
            host => {
                let host: Ipv4Addr = host.parse().map_err(|_| code::INVALID_ARGS)?;
                vec![Filter {
                    prefix_length: 128,
                    port: 0,
                    peer: host.to_ipv6_mapped(),
                }]
            }
        };
        if description.len() > DESCRIPTION {
            return Err(605);
        }
        if knobs.no_empty_description && description.is_empty() {
            return Err(code::INVALID_ARGS);
        }
        self.check_wan(service)?;
        if external_port == 0 && !any {
            return Err(code::NO_WILDCARD_IN_EXTERNAL_PORT);
        }
        if internal_port == 0 && (any || how == How::Strict) {
            let version = if how == How::Strict { version } else { 1 };
            return Err(if version >= 2 {
                code::NO_WILDCARD_IN_INTERNAL_PORT
            } else {
                code::INVALID_ARGS
            });
        }
        if knobs.secure_mode && peer != IpAddr::V4(client) {
            let by_version = if version >= 2 {
                code::NOT_AUTHORIZED
            } else {
                code::CONFLICT
            };
            return Err(if any {
                code::NOT_AUTHORIZED
            } else {
                knobs.foreign_client.unwrap_or(by_version)
            });
        }
        if external_port < knobs.lowest_port && !any {
            return Err(code::NOT_AUTHORIZED);
        }
        if knobs.equal_ports && external_port != internal_port {
            return Err(code::SAME_PORTS_REQUIRED);
        }
        let label = Label {
            description: description.to_owned(),
            enabled,
        };
        let lease = self.lease(version, lease)?;
        Ok(Wish {
            client,
            transport,
            internal_port,
            external_port,
            lease,
            filters,
            label,
        })
    }

    fn lease(&self, version: u32, asked: u32) -> Result<Option<u32>, u16> {
        let knobs = &self.knobs.upnp;
        match knobs.leases {
            Leases::PermanentOnly if asked != 0 => Err(code::ONLY_PERMANENT_LEASES),
            Leases::PermanentOnly => Ok(None),
            Leases::WeekAtMost if asked == 0 || asked > WEEK => Err(code::INVALID_ARGS),
            Leases::WeekAtMost => Ok(Some(asked)),
            Leases::Any if knobs.miniupnpd && asked > WEEK => Ok(Some(WEEK)),
            // WANIPConnection:2 §2.3.19: from 1 to 604,800; 0 is taken for 604,800.
            Leases::Any if asked == 0 && (version >= 2 || knobs.lease_zero_is_a_week) => {
                Ok(Some(WEEK))
            }
            Leases::Any if asked == 0 => Ok(None),
            Leases::Any if version >= 2 && asked > WEEK => Err(601),
            Leases::Any => Ok(Some(asked)),
        }
    }

    fn add_port_mapping(
        &mut self,
        at: Duration,
        peer: IpAddr,
        service: &Service,
        version: u32,
        call: &Call,
    ) -> Outcome {
        let mut wish = self.read_wish(peer, service, version, call)?;
        let key = Key::V4(wish.transport, wish.external_port);
        let is_reserved = match self.how() {
            How::Strict => !self.may_grant(wish.transport, wish.external_port),
            How::Miniupnpd => self.knobs.reserved_ports.contains(&wish.external_port),
        };
        if is_reserved {
            return Err(code::CONFLICT);
        }
        let mut kept = None;
        match self.table.get(key) {
            None => self.check_room(wish.client, version)?,
            Some(rule) => {
                let same_port = rule.internal_port == wish.internal_port;
                let foreign =
                    rule.client != IpAddr::V4(wish.client) || rule.writer == Writer::Static;
                // §2.4.16: an entry of the same client is overwritten, of another client a conflict.
                if foreign || (self.knobs.upnp.conflict_on_renewal && same_port) {
                    return Err(code::CONFLICT);
                }
                if self.knobs.table == TableModel::StrictNonce && rule.writer == Writer::Pcp {
                    return Err(if version >= 2 {
                        code::OTHER_MECHANISMS
                    } else {
                        code::CONFLICT
                    });
                }
                if call.arg("NewPortMappingDescription").is_none() {
                    wish.label.description = rule.description().into_owned();
                }
                if self.knobs.upnp.no_extend && same_port {
                    kept = Some(rule.expires);
                }
                if self.how() == How::Miniupnpd && same_port && kept.is_none() {
                    // It notes the new end alone: name and owner stay, a PCP nonce too.
                    let expires = wish
                        .lease
                        .map(|s| at.saturating_add(Duration::from_secs(s.into())));
                    if let Some(rule) = self.table.get_mut(key) {
                        rule.expires = expires;
                    }
                    return Ok(Vec::new());
                }
            }
        }
        self.write_upnp_rule(at, wish, kept);
        Ok(Vec::new())
    }

    /// WANIPConnection:2 §2.5.20: another port where the wanted one is taken.
    fn add_any_port_mapping(
        &mut self,
        at: Duration,
        peer: IpAddr,
        service: &Service,
        version: u32,
        call: &Call,
    ) -> Outcome {
        let mut wish = self.read_wish(peer, service, version, call)?;
        let (client, lowest) = (IpAddr::V4(wish.client), self.knobs.upnp.lowest_port);
        let wanted = match wish.external_port {
            0 => 0,
            port => port.max(lowest),
        };
        let held = self.table.get(Key::V4(wish.transport, wanted));
        let is_own = held.is_some_and(|r| r.client == client && r.writer != Writer::Static);
        let chosen = match self.how() {
            How::Miniupnpd if is_own => Some(wanted),
            How::Miniupnpd if wanted == 0 => {
                let any = 1024 + self.port_rng.below(64_512) as u16;
                self.choose_port(client, wish.transport, wish.internal_port, any)
            }
            _ => self.choose_port(client, wish.transport, wish.internal_port, wanted),
        };
        wish.external_port = chosen.filter(|&p| p >= lowest).ok_or(code::NO_PORT_MAPS)?;
        if self
            .table
            .get(Key::V4(wish.transport, wish.external_port))
            .is_none()
        {
            self.check_room(wish.client, version)?;
        }
        let name = if self.knobs.upnp.external_port_name {
            "NewExternalPort"
        } else {
            "NewReservedPort"
        };
        let port = wish.external_port.to_string();
        self.write_upnp_rule(at, wish, None);
        Ok(vec![(name, port)])
    }

    fn check_room(&self, client: Ipv4Addr, version: u32) -> Result<(), u16> {
        let host_is_full = self.rules_of(client.into()) >= self.knobs.max_rules_per_host;
        if host_is_full || self.table.len() >= self.knobs.max_rules {
            return Err(if version >= 2 {
                code::NO_PORT_MAPS
            } else {
                code::ACTION_FAILED
            });
        }
        Ok(())
    }

    /// Enters the rule; `kept` is the expiry of an entry that is not extended.
    fn write_upnp_rule(&mut self, at: Duration, wish: Wish, kept: Option<Option<Duration>>) {
        if self.dice.swallows(&mut self.knobs.upnp.accepted_not_listed) {
            return;
        }
        let expires = wish
            .lease
            .map(|s| at.saturating_add(Duration::from_secs(s.into())));
        self.table.write(Held {
            transport: wish.transport,
            client: wish.client.into(),
            internal_port: wish.internal_port,
            external_port: wish.external_port,
            writer: Writer::Upnp,
            nonce: None,
            expires: kept.unwrap_or(expires),
            filters: wish.filters,
            peer: None,
            label: Some(Box::new(wish.label)),
            written: at,
            serial: 0,
        });
    }

    /// §2.4.17.
    fn delete_port_mapping(&mut self, peer: IpAddr, call: &Call) -> Outcome {
        let key = Key::V4(
            self.transport(call)?,
            args::entry_port(call, "NewExternalPort", self.how())?,
        );
        let rule = match self.table.get(key) {
            Some(rule) => rule,
            None if self.how() == How::Miniupnpd => return Ok(Vec::new()),
            None => return Err(code::NO_SUCH_ENTRY),
        };
        self.check_remote_host(rule, call)?;
        if !self.may_delete(rule, peer) {
            return Err(code::NOT_AUTHORIZED);
        }
        self.table.remove(key);
        Ok(Vec::new())
    }

    /// WANIPConnection:2 §2.5.18. NewManage is 1 for a client that has the right to others' entries,
    /// which nobody has in secure mode.
    fn delete_port_mapping_range(&mut self, peer: IpAddr, call: &Call) -> Outcome {
        let how = self.how();
        let start = args::port(call, "NewStartPort", how)?;
        let end = args::port(call, "NewEndPort", how)?;
        let transport = self.transport(call)?;
        let manage = call
            .arg("NewManage")
            .map_or(Ok(false), |text| args::boolean(text, How::Strict))?;
        if start > end {
            return Err(code::INCONSISTENT_PARAMETERS);
        }
        let mut meant = Vec::new();
        let mut refused = false;
        for rule in self
            .table
            .iter()
            .filter(|r| is_within(r, transport, start, end))
        {
            // miniupnpd's secure mode does not reach this action.
            let anyones = how == How::Miniupnpd && rule.writer != Writer::Static;
            if anyones || self.may_delete(rule, peer) && (manage || rule.client == peer) {
                meant.push(rule.key());
            } else {
                refused = true;
            }
        }
        if meant.is_empty() {
            return Err(if refused {
                code::NOT_AUTHORIZED
            } else {
                code::PORT_MAPPING_NOT_FOUND
            });
        }
        for key in meant {
            self.table.remove(key);
        }
        Ok(Vec::new())
    }

    fn may_delete(&self, rule: &Held, peer: IpAddr) -> bool {
        let own = rule.client == peer || !self.knobs.upnp.secure_mode;
        let of_pcp = rule.writer == Writer::Pcp && self.knobs.table == TableModel::StrictNonce;
        own && !of_pcp && rule.writer != Writer::Static
    }

    /// An entry's key is RemoteHost, ExternalPort and Protocol (§2.4.14).
    fn check_remote_host(&self, rule: &Held, call: &Call) -> Result<(), u16> {
        let asked = call.arg("NewRemoteHost").unwrap_or_default();
        if self.knobs.upnp.miniupnpd || asked == remote_host(rule) {
            return Ok(());
        }
        Err(code::NO_SUCH_ENTRY)
    }

    fn specific_entry(&mut self, call: &Call) -> Outcome {
        let key = Key::V4(
            self.transport(call)?,
            args::entry_port(call, "NewExternalPort", self.how())?,
        );
        if let Some(code) = self.knobs.upnp.lookup_fails {
            return Err(code);
        }
        let rule = self.table.get(key).ok_or(code::NO_SUCH_ENTRY)?;
        self.check_remote_host(rule, call)?;
        Ok(entry(rule, self.now))
    }

    fn generic_entry(&mut self, call: &Call) -> Outcome {
        let index = args::index(call, "NewPortMappingIndex", self.how())?;
        if let Some(code) = self.knobs.upnp.lookup_fails {
            return Err(code);
        }
        let mut rules = self.table.iter().filter(|rule| rule.client.is_ipv4());
        let rule = rules.nth(index.into()).ok_or(code::INDEX_INVALID)?;
        let mut out = vec![
            ("NewRemoteHost", remote_host(rule)),
            ("NewExternalPort", rule.external_port.to_string()),
            ("NewProtocol", rule.transport.to_string()),
        ];
        out.extend(entry(rule, self.now));
        Ok(out)
    }

    /// WANIPConnection:2 §2.5.21.
    fn list_of_port_mappings(&mut self, peer: IpAddr, call: &Call) -> Outcome {
        let how = self.how();
        let start = args::port(call, "NewStartPort", how)?;
        let end = args::port(call, "NewEndPort", how)?;
        let transport = self.transport(call)?;
        let manage = call
            .arg("NewManage")
            .map_or(Ok(false), |text| args::boolean(text, How::Strict))?;
        let most = call.arg("NewNumberOfPorts").ok_or(code::INVALID_ARGS)?;
        let most = args::number(most, how)?;
        if start > end {
            return Err(code::INCONSISTENT_PARAMETERS);
        }
        // "If the control point sets NewNumberOfPorts to 0, then the gateway MUST return all".
        let most = usize::try_from(most)
            .ok()
            .filter(|&n| n != 0)
            .map_or(LISTING, |n| n.min(LISTING));
        let mut listing = String::from(
            "<p:PortMappingList xmlns:p=\"urn:schemas-upnp-org:gw:WANIPConnection\" \
             xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
             xsi:schemaLocation=\"urn:schemas-upnp-org:gw:WANIPConnection \
             http://www.upnp.org/schemas/gw/WANIPConnection-v2.xsd\">",
        );
        let mut count = 0;
        let all = manage || self.knobs.upnp.miniupnpd;
        let within = self
            .table
            .iter()
            .filter(|r| is_within(r, transport, start, end));
        let mut rules: Vec<&Held> = within.filter(|r| all || r.client == peer).collect();
        if self.how() == How::Miniupnpd {
            rules.sort_by_key(|r| Reverse(r.serial)); // the newest first
        }
        for rule in rules.into_iter().take(most) {
            count += 1;
            let _ = write!(
                listing,
                "<p:PortMappingEntry><p:NewRemoteHost>{}</p:NewRemoteHost><p:NewExternalPort>{}</p:NewExternalPort>\
                 <p:NewProtocol>{}</p:NewProtocol><p:NewInternalPort>{}</p:NewInternalPort>\
                 <p:NewInternalClient>{}</p:NewInternalClient><p:NewEnabled>{}</p:NewEnabled>\
                 <p:NewDescription>{}</p:NewDescription><p:NewLeaseTime>{}</p:NewLeaseTime></p:PortMappingEntry>",
                if how == How::Miniupnpd { String::new() } else { remote_host(rule) },
                rule.external_port,
                rule.transport,
                rule.internal_port,
                rule.client,
                u8::from(rule.enabled()),
                escape(&rule.description()),
                lease_left(rule, self.now),
            );
        }
        if count == 0 && !self.knobs.upnp.miniupnpd {
            return Err(code::PORT_MAPPING_NOT_FOUND);
        }
        listing.push_str("</p:PortMappingList>");
        Ok(vec![("NewPortListing", listing)])
    }

    fn how(&self) -> How {
        if self.knobs.upnp.miniupnpd && !self.knobs.upnp.strict {
            How::Miniupnpd
        } else {
            How::Strict
        }
    }

    fn transport(&self, call: &Call) -> Result<Transport, u16> {
        let text = call.arg("NewProtocol").ok_or(code::INVALID_ARGS)?;
        match text {
            "TCP" => Ok(Transport::Tcp),
            "UDP" => Ok(Transport::Udp),
            _ if self.knobs.upnp.strict => Err(code::INVALID_ARGS),
            _ if text.eq_ignore_ascii_case("TCP") => Ok(Transport::Tcp),
            _ if text.eq_ignore_ascii_case("UDP") => Ok(Transport::Udp),
            // What is not UDP is TCP.
            _ if self.how() == How::Miniupnpd => Ok(Transport::Tcp),
            _ => Err(code::INVALID_ARGS),
        }
    }

    /// UDA 1.0 §3.2.3: 402 when there are "not enough in args". miniupnpd forgives most.
    pub(super) fn check_args(&self, service: &Service, call: &Call) -> Result<(), u16> {
        const FORGIVEN: [&str; 6] = [
            "NewRemoteHost",
            "NewInternalClient", // 501 later
            "NewEnabled",
            "NewPortMappingDescription",
            "NewLeaseDuration",
            "NewConnectionType",
        ];
        let forgives = self.how() == How::Miniupnpd;
        let missing = scpd::inputs(service.kind, &call.action)
            .into_iter()
            .any(|name| call.arg(name).is_none() && !(forgives && FORGIVEN.contains(&name)));
        if missing {
            return Err(code::INVALID_ARGS);
        }
        Ok(())
    }
}

/// The part of an entry that both lookups give.
fn entry(rule: &Held, now: Duration) -> Vec<(&'static str, String)> {
    vec![
        ("NewInternalPort", rule.internal_port.to_string()),
        ("NewInternalClient", rule.client.to_string()),
        ("NewEnabled", u8::from(rule.enabled()).to_string()),
        ("NewPortMappingDescription", rule.description().into_owned()),
        ("NewLeaseDuration", lease_left(rule, now).to_string()),
    ]
}

/// What is left of a lease; 0 means for ever.
fn lease_left(rule: &Held, now: Duration) -> u32 {
    match rule.expires {
        Some(_) => rule.remaining_seconds(now),
        None => 0,
    }
}

fn remote_host(rule: &Held) -> String {
    let single = rule
        .filters
        .first()
        .filter(|f| rule.writer == Writer::Upnp && f.prefix_length == 128);
    single
        .map(|f| f.peer.to_canonical().to_string())
        .unwrap_or_default()
}

fn is_within(rule: &Held, transport: Transport, start: u16, end: u16) -> bool {
    rule.client.is_ipv4()
        && rule.transport == transport
        && (start..=end).contains(&rule.external_port)
}

/// RFC 1918 and RFC 6598: what is not the outside.
fn is_private(ip: Ipv4Addr) -> bool {
    let [a, b, ..] = ip.octets();
    ip.is_private()
        || ip.is_unspecified()
        || ip.is_loopback()
        || ip.is_link_local()
        || (a == 100 && b & 0xc0 == 64)
}
