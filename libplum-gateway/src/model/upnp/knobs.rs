//! What can be turned about UPnP.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::super::odds::Odds;
use crate::error::ConfigError;

/// Which Internet Gateway Device it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Igd {
    /// InternetGatewayDevice:1 with WANIPConnection:1.
    #[default]
    V1,
    /// InternetGatewayDevice:2 with WANIPConnection:2.
    V2,
}

/// Which connection services the description lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Connections {
    /// One WANIPConnection.
    #[default]
    Ip,
    /// One WANPPPConnection:1.
    Ppp,
    /// Both in one WANConnectionDevice; the PPP one is Disconnected.
    IpAndPpp,
    /// Two WANConnectionDevices with a WANIPConnection each; the first is Disconnected.
    TwoIp,
}

/// Which searches are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Searches {
    /// Those for what the description lists, and for lower versions of it (UDA 1.0 §1.2.3).
    #[default]
    Listed,
    /// Those for exactly the versions that the description lists.
    Exact,
    /// `upnp:rootdevice` and `ssdp:all` alone, each by one answer.
    RootOnly,
    /// Any service and any version whose name an IGD could have: miniupnpd's way.
    AnyVersion,
}

/// Which lease durations are accepted, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Leases {
    /// All. With WANIPConnection:2 at most a week, which is what 0 asks for.
    #[default]
    Any,
    /// 0 alone: others give 725.
    PermanentOnly,
    /// 1 to 604,800: others, 0 included, give 402.
    WeekAtMost,
}

/// What the answers over HTTP look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct HttpStyle {
    /// The connection is closed after every answer, whatever is asked.
    pub close_always: bool,
    /// No Content-Length, and the connection stays open: the answer ends where its XML does.
    pub no_length_open: bool,
    /// Bodies come in chunks.
    pub chunked: bool,
    /// HTTP/1.0 without Content-Length; closing ends the answer.
    pub http10: bool,
    /// Header names in odd case.
    pub odd_case: bool,
    /// A failed action is a status 500 with an empty body.
    pub bare_500: bool,
}

/// The settings of the UPnP side: SSDP, HTTP and the Internet Gateway Device. Part of
/// [`super::super::Knobs`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Upnp {
    /// Whether UPnP is spoken at all. Off by default here; a [`crate::Builder`] turns it on. A
    /// [`crate::Gateway`] that was started without it has no ports for it.
    pub on: bool,
    /// Which device it is.
    pub igd: Igd,
    /// Which connection services it has.
    pub connections: Connections,
    /// Whether the description lists WANIPv6FirewallControl:1, and its actions are answered.
    pub ipv6_firewall: bool,
    /// How long a search answer waits, drawn uniformly.
    pub ssdp_delay: RangeInclusive<Duration>,
    /// Which searches are answered.
    pub searches: Searches,
    /// Search answers come from a port other than the one asked.
    pub ssdp_other_port: bool,
    /// Before each search answer, one that leads to a document that is no XML.
    pub odd_responder: bool,
    /// The host that LOCATION and URLBase name, instead of the gateway's own.
    pub named_host: Option<String>,
    /// What the answers over HTTP look like.
    pub http: HttpStyle,
    /// Only exact requests are served: quoted MAN and SOAPAction, a Host with its port, prefixed
    /// SOAP elements, "TCP" and "UDP" in capitals, no chunks, no "Microsoft" in the User-Agent,
    /// a search that ends with an empty line.
    pub strict: bool,
    /// While one request is served, connections with another are reset.
    pub one_at_a_time: bool,
    /// A client maps to itself and deletes its own rules alone.
    pub secure_mode: bool,
    /// What AddPortMapping says to a foreign InternalClient; `None`: 718 from WANIPConnection:1,
    /// 606 from WANIPConnection:2.
    pub foreign_client: Option<u16>,
    /// External ports below this one are refused by 606.
    pub lowest_port: u16,
    /// Which leases are accepted.
    pub leases: Leases,
    /// Whether lease 0 is granted as a week by WANIPConnection:1 too.
    pub lease_zero_is_a_week: bool,
    /// Writing an entry again does not extend its lease.
    pub no_extend: bool,
    /// Writing an entry again gives 718.
    pub conflict_on_renewal: bool,
    /// External and internal port must be equal, or 724.
    pub equal_ports: bool,
    /// An empty description gives 402.
    pub no_empty_description: bool,
    /// Sometimes success without effect.
    pub accepted_not_listed: Odds,
    /// What GetSpecificPortMappingEntry and GetGenericPortMappingEntry fail with, if they do.
    pub lookup_fails: Option<u16>,
    /// AddAnyPortMapping calls its result NewExternalPort.
    pub external_port_name: bool,
    /// A WAN address that is private: everything fails by 501, and the address told is empty.
    pub refuses_private_wan: bool,
    /// The HTTP port is another one after each restart.
    pub moving_port: bool,
    /// A new WAN address takes all rules away but the static ones, and the uptime starts anew.
    pub wan_change_loses_rules: bool,
    /// Small habits of miniupnpd 2.3.1: numbers are read as C's `atoi` does, missing arguments are
    /// forgiven, deleting nothing and listing nothing are successes, RemoteHost is not compared, and
    /// DeviceProtection:1 is listed (without actions).
    pub miniupnpd: bool,
    /// How long after the announcements of a start `ssdp:alive` is said again, and again; `None`:
    /// never. UDA 1.0 §1.1.2 wants it before half of the 1,800 s that they are good for have passed.
    pub notify_every: Option<Duration>,
    /// The SERVER header of all answers.
    pub server: String,
    /// How long each request over HTTP takes the daemon, beside what [`super::super::Service`] says.
    pub http_service: Duration,
    /// How many TCP connections may be open; what exceeds them is closed.
    pub max_connections: usize,
    /// How long a connection may take over one request, or be idle.
    pub patience: Duration,
}

impl Default for Upnp {
    fn default() -> Self {
        Self {
            on: false,
            igd: Igd::default(),
            connections: Connections::default(),
            ipv6_firewall: false,
            ssdp_delay: Duration::ZERO..=Duration::ZERO,
            searches: Searches::default(),
            ssdp_other_port: false,
            odd_responder: false,
            named_host: None,
            http: HttpStyle::default(),
            strict: false,
            one_at_a_time: false,
            secure_mode: true,
            foreign_client: None,
            lowest_port: 1,
            leases: Leases::default(),
            lease_zero_is_a_week: false,
            no_extend: false,
            conflict_on_renewal: false,
            equal_ports: false,
            no_empty_description: false,
            accepted_not_listed: Odds::Never,
            lookup_fails: None,
            external_port_name: false,
            refuses_private_wan: false,
            moving_port: false,
            wan_change_loses_rules: false,
            miniupnpd: false,
            notify_every: Some(Duration::from_secs(870)),
            server: "Linux/6.1 UPnP/1.1 libplum-gateway/0.1".to_owned(),
            http_service: Duration::ZERO,
            max_connections: 64,
            patience: Duration::from_secs(30),
        }
    }
}

impl Upnp {
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        if self.ssdp_delay.is_empty() {
            return Err(ConfigError::SsdpDelay(self.ssdp_delay.clone()));
        }
        if self.notify_every == Some(Duration::ZERO) {
            return Err(ConfigError::NotifyEvery);
        }
        if self.max_connections == 0 {
            return Err(ConfigError::NoConnections);
        }
        if self.lookup_fails == Some(0) || self.foreign_client == Some(0) {
            return Err(ConfigError::UpnpError(0));
        }
        if !is_field_value(&self.server) {
            return Err(ConfigError::HeaderValue(self.server.clone()));
        }
        if let Some(host) = &self.named_host {
            let is_host =
                |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
            if host.is_empty() || !host.chars().all(is_host) {
                return Err(ConfigError::HeaderValue(host.clone()));
            }
        }
        let http = &self.http;
        let endings = [
            ("chunked", http.chunked),
            ("http10", http.http10),
            ("no-length-open", http.no_length_open),
            ("close-always", http.close_always && http.no_length_open),
        ];
        let mut on = endings.iter().filter(|(_, on)| *on).map(|(name, _)| *name);
        if let (Some(one), Some(other)) = (on.next(), on.next()) {
            return Err(ConfigError::HttpStyles(one, other));
        }
        if self.leases == Leases::PermanentOnly && self.lease_zero_is_a_week {
            return Err(ConfigError::PermanentWeek);
        }
        if !self.accepted_not_listed.is_probability() {
            return Err(ConfigError::Probability("accepted_not_listed"));
        }
        Ok(())
    }
}

/// RFC 9110 §5.5, without obs-text.
fn is_field_value(text: &str) -> bool {
    text.bytes()
        .all(|b| b == b'\t' || (0x20..0x7f).contains(&b))
}
