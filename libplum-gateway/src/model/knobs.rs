//! Everything that can be turned, before the start and while the gateway runs.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::ops::RangeInclusive;

use super::choice::{
    Announcements, ErrorLifetimes, Forced, LifetimeTold, NatPmpLifetimes, OptionSupport,
    PortPolicy, VersionError,
};
use super::odds::Odds;
use super::table::TableModel;
use super::trouble::{Service, Silence, Trouble};
use super::upnp::Upnp;
use crate::error::ConfigError;
use crate::packet::Op;

/// The gateway's settings. Change them by [`crate::Gateway::set`] or [`super::Model::set`], which
/// refuse an impossible combination as a whole.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Knobs {
    /// Whether PCP, version 2, is spoken (RFC 6887).
    pub pcp: bool,
    /// Whether NAT-PMP, version 0, is spoken (RFC 6886). Only IPv4 clients can use it.
    pub nat_pmp: bool,
    /// The external address. `None`: the WAN is down, and mappings fail with a network failure
    /// (PCP code 7, NAT-PMP code 3). Private addresses and 0.0.0.0 are allowed: routers have them.
    pub external_ip: Option<Ipv4Addr>,
    /// Who may change a rule.
    pub table: TableModel,
    /// Lifetimes granted, in seconds; a wish outside is clamped (RFC 6887 §15; from 120 s to 24 h).
    pub lifetimes: RangeInclusive<u32>,
    /// What of `lifetimes` holds for NAT-PMP.
    pub nat_pmp_lifetimes: NatPmpLifetimes,
    /// What the Lifetime field of a success says, whatever was really granted.
    pub lifetime_told: LifetimeTold,
    /// Which external port is granted.
    pub port_policy: PortPolicy,
    /// External ports that are not to be had, TCP and UDP: held by another host or by the gateway
    /// itself. UDP 5350 and 5351 never are (RFC 6887 §11.3).
    pub reserved_ports: BTreeSet<u16>,
    /// How many rules fit; then NO_RESOURCES (RFC 6887) or code 4 (RFC 6886).
    pub max_rules: usize,
    /// How many rules one host may have; then USER_EX_QUOTA, or code 4.
    pub max_rules_per_host: usize,
    /// What is done with PREFER_FAILURE (RFC 6887 §13.2).
    pub prefer_failure: OptionSupport,
    /// What is done with FILTER (RFC 6887 §13.3).
    pub filter: OptionSupport,
    /// How many filters one rule holds, at least 1; then EXCESSIVE_REMOTE_PEERS.
    pub max_filters: usize,
    /// The Lifetime that a PCP error carries.
    pub error_lifetimes: ErrorLifetimes,
    /// The result of an IPv4 PCP delete that finds nothing. RFC 6887 §15.1: 0; miniupnpd says 8.
    pub delete_of_nothing: u8,
    /// Whether the answer to a PCP delete names the external address. RFC 6887 §15.1 wants the
    /// suggested one copied, which is all zeros; miniupnpd names its own.
    pub delete_tells_external: bool,
    /// When a NAT-PMP delete answers 0 and leaves a PCP rule alone, in the `SingleRule` table.
    pub nat_pmp_spares_pcp: Odds,
    /// NAT-PMP mapping requests that suggest port 0 are answered by this code (`no-port-zero`).
    pub no_port_zero: Option<u16>,
    /// What a NAT-PMP-only gateway answers to another version.
    pub version_error: VersionError,
    /// Results forced on well-formed requests, by kind. See [`Knobs::force`].
    pub forced: BTreeMap<Op, Forced>,
    /// How fast the epoch runs, in seconds a second; 1 is right.
    pub epoch_rate: f64,
    /// How long the daemon works on a request. It works on one at a time.
    pub service: Service,
    /// Requests that wait for the daemon beyond this number are lost.
    pub queue: usize,
    /// Who gets no answer at all, and nothing done.
    pub silence: Silence,
    /// What goes wrong between daemon and client.
    pub trouble: Trouble,
    /// How restarts and address changes are made known.
    pub announcements: Announcements,
    /// Everything about UPnP.
    pub upnp: Upnp,
}

impl Default for Knobs {
    /// A gateway by the RFCs with miniupnpd's table, 203.0.113.7 outside, without troubles.
    fn default() -> Self {
        Self {
            pcp: true,
            nat_pmp: true,
            external_ip: Some(Ipv4Addr::new(203, 0, 113, 7)),
            table: TableModel::default(),
            // RFC 6887 §15: "the minimum value SHOULD be 120 seconds", the maximum "24 hours".
            lifetimes: 120..=86_400,
            nat_pmp_lifetimes: NatPmpLifetimes::default(),
            lifetime_told: LifetimeTold::default(),
            port_policy: PortPolicy::default(),
            reserved_ports: BTreeSet::new(),
            max_rules: 4096,
            max_rules_per_host: 4096,
            prefer_failure: OptionSupport::default(),
            filter: OptionSupport::default(),
            max_filters: 8,
            error_lifetimes: ErrorLifetimes::default(),
            delete_of_nothing: 0,
            delete_tells_external: false,
            nat_pmp_spares_pcp: Odds::Never,
            no_port_zero: None,
            version_error: VersionError::default(),
            forced: BTreeMap::new(),
            epoch_rate: 1.0,
            service: Service::default(),
            queue: 1024,
            silence: Silence::default(),
            trouble: Trouble::default(),
            announcements: Announcements::default(),
            upnp: Upnp::default(),
        }
    }
}

impl Knobs {
    /// Answers requests of this kind by `result` from now on.
    ///
    /// ```
    /// # use libplum_gateway::{model::{code, Forced, Knobs}, Op};
    /// let mut knobs = Knobs::default();
    /// knobs.force(Op::PcpMap, Forced::result(code::pcp::NO_RESOURCES).lifetime(30).times(2));
    /// ```
    pub fn force(&mut self, op: Op, result: Forced) {
        self.forced.insert(op, result);
    }

    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        if !self.pcp && !self.nat_pmp && !self.upnp.on {
            return Err(ConfigError::NoProtocol);
        }
        if self.lifetimes.is_empty() || *self.lifetimes.end() == 0 {
            return Err(ConfigError::Lifetimes(self.lifetimes.clone()));
        }
        if let Some(ip) = self
            .external_ip
            .filter(|ip| ip.is_multicast() || ip.is_broadcast())
        {
            return Err(ConfigError::ExternalAddress(ip));
        }
        if let PortPolicy::Fixed(port) = self.port_policy {
            if port == 0 || self.reserved_ports.contains(&port) {
                return Err(ConfigError::FixedPort(port));
            }
        }
        if self.max_filters == 0 {
            return Err(ConfigError::NoFilter);
        }
        if !self.epoch_rate.is_finite() || self.epoch_rate < 0.0 {
            return Err(ConfigError::EpochRate(self.epoch_rate));
        }
        for (&op, forced) in &self.forced {
            forced.check(op)?;
        }
        self.upnp.check()?;
        if self.nat_pmp_spares_pcp.is_probability() {
            self.trouble.check()
        } else {
            Err(ConfigError::Probability("nat_pmp_spares_pcp"))
        }
    }
}
