//! Everything that can be turned, before the start and while the gateway runs.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::odds::Odds;
use super::table::TableModel;
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
    /// Whether a NAT-PMP wish is raised to the minimum too. RFC 6886 §3.3 says it SHOULD NOT.
    pub nat_pmp_minimum: bool,
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
            nat_pmp_minimum: false,
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
        if !self.pcp && !self.nat_pmp {
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
        if self.nat_pmp_spares_pcp.is_probability() {
            self.trouble.check()
        } else {
            Err(ConfigError::Probability("nat_pmp_spares_pcp"))
        }
    }
}

/// Which external port is granted to a client that has none yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum PortPolicy {
    /// The suggested one if it can be had, else the next free one above.
    #[default]
    Suggested,
    /// Never the suggested one: the next free one above it.
    NextFree,
    /// This one or none (VPN providers do so).
    Fixed(u16),
}

/// What a gateway does with an option that it may leave unimplemented.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OptionSupport {
    /// Does what the option says.
    #[default]
    Honoured,
    /// Answers UNSUPP_OPTION (RFC 6887 §7.3).
    Refused,
    /// Ignores it, against §7.3: miniupnpd answers a taken port with SUCCESS and another port.
    Ignored,
}

/// The Lifetime of a PCP error (RFC 6887 §7.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum ErrorLifetimes {
    /// 30 s or 30 min by the code; where another rule is in the way, what that rule has left.
    #[default]
    Rfc,
    /// 30 s with code 8, 0 with every other.
    Miniupnpd,
    /// Always this many seconds.
    Fixed(u32),
}

/// What the Lifetime field of a success says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum LifetimeTold {
    /// The lifetime that was granted.
    #[default]
    Granted,
    /// Always this many seconds.
    Fixed(u32),
    /// The granted one with its bytes in the wrong order: seconds become decades.
    ByteSwapped,
}

/// What a NAT-PMP-only gateway does with a version other than 0 (RFC 6886 §3.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum VersionError {
    /// Eight bytes: version 0, opcode 0 with the top bit clear, result 1.
    #[default]
    Rfc,
    /// The same with opcode 128 + the opcode of the request.
    ResponseBit,
    /// Nothing (`drops-v2`).
    Silent,
}

/// A result that is not the outcome of anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forced {
    code: u16,
    lifetime: Option<u32>,
    left: Option<u32>,
}

impl Forced {
    /// This code for every request, with the Lifetime that [`ErrorLifetimes`] gives it.
    pub fn result(code: impl Into<u16>) -> Self {
        Self {
            code: code.into(),
            lifetime: None,
            left: None,
        }
    }

    /// The Lifetime of the error, in seconds. NAT-PMP errors carry none.
    pub fn lifetime(self, seconds: u32) -> Self {
        Self {
            lifetime: Some(seconds),
            ..self
        }
    }

    /// Only for the next so many requests.
    pub fn times(self, n: u32) -> Self {
        Self {
            left: Some(n),
            ..self
        }
    }

    /// The code and Lifetime to answer now; `None` when it is used up.
    pub(crate) fn take(&mut self) -> Option<(u16, Option<u32>)> {
        match &mut self.left {
            Some(0) => return None,
            Some(n) => *n -= 1,
            None => {}
        }
        Some((self.code, self.lifetime))
    }

    fn check(&self, op: Op) -> Result<(), ConfigError> {
        let fits = match op {
            Op::PcpAnnounce | Op::PcpMap | Op::PcpDelete | Op::PcpPeer => self.code <= 255,
            Op::NatPmpAddress | Op::NatPmpMap | Op::NatPmpDelete => true,
            Op::Other => false,
        };
        if self.code == 0 || !fits {
            return Err(ConfigError::Forced {
                op,
                code: self.code,
            });
        }
        Ok(())
    }
}

/// How long the daemon works on one request. All zero: no time at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Service {
    /// For a request that writes nothing.
    pub read: Duration,
    /// For a request that creates or renews a rule.
    pub write: Duration,
    /// The same, in addition for each rule in the table.
    pub write_per_rule: Duration,
    /// For a delete.
    pub delete: Duration,
}

impl Service {
    /// What miniupnpd 2.3.1 with nftables was measured at: 12 ms for the first rule, 215 at 50,
    /// 416 at 100; 470 ms a delete (`serial-service`).
    pub const MINIUPNPD: Self = Self {
        read: Duration::from_micros(300),
        write: Duration::from_millis(12),
        write_per_rule: Duration::from_micros(4_050),
        delete: Duration::from_millis(470),
    };

    pub(crate) fn time(&self, op: Op, rules: usize) -> Duration {
        match op {
            Op::PcpMap | Op::NatPmpMap => {
                let rules = u32::try_from(rules).unwrap_or(u32::MAX);
                self.write
                    .saturating_add(self.write_per_rule.saturating_mul(rules))
            }
            Op::PcpDelete | Op::NatPmpDelete => self.delete,
            _ => self.read,
        }
    }
}

/// Who gets no answer, and nothing done for him.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Silence {
    /// Everybody.
    pub all: bool,
    /// Version 2 packets.
    pub pcp: bool,
    /// Version 0 packets.
    pub nat_pmp: bool,
}

/// What goes wrong between the daemon and its clients. Every chance is drawn from the seed.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Trouble {
    /// Every answer takes this long on its way.
    pub delay: Duration,
    /// And up to this much more, uniformly.
    pub jitter: Duration,
    /// A request is lost on its way in: nothing is done.
    pub lose_request: Odds,
    /// An answer is lost on its way out: it was done.
    pub lose_answer: Odds,
    /// An answer comes twice.
    pub duplicate: Odds,
    /// An answer is held back by `reorder_by`, so that later ones overtake it.
    pub reorder: Odds,
    /// How long a reordered answer is held back.
    pub reorder_by: Duration,
    /// A MAP answer bears another nonce.
    pub wrong_nonce: Odds,
    /// An answer comes from another port of the gateway (RFC 6887 §8.3: to be dropped).
    pub wrong_source: Odds,
    /// An answer is cut short.
    pub truncate: Odds,
    /// To this many bytes; `None`: to any length below its own.
    pub truncate_to: Option<usize>,
    /// An answer is filled up with zeros.
    pub oversize: Odds,
    /// To this many bytes; more than PCP's 1100 by default.
    pub oversize_to: usize,
    /// One bit of an answer is wrong.
    pub corrupt: Odds,
}

impl Default for Trouble {
    fn default() -> Self {
        Self {
            delay: Duration::ZERO,
            jitter: Duration::ZERO,
            lose_request: Odds::Never,
            lose_answer: Odds::Never,
            duplicate: Odds::Never,
            reorder: Odds::Never,
            reorder_by: Duration::from_millis(20),
            wrong_nonce: Odds::Never,
            wrong_source: Odds::Never,
            truncate: Odds::Never,
            truncate_to: None,
            oversize: Odds::Never,
            oversize_to: 1104,
            corrupt: Odds::Never,
        }
    }
}

impl Trouble {
    fn check(&self) -> Result<(), ConfigError> {
        let odds = [
            ("lose_request", self.lose_request),
            ("lose_answer", self.lose_answer),
            ("duplicate", self.duplicate),
            ("reorder", self.reorder),
            ("wrong_nonce", self.wrong_nonce),
            ("wrong_source", self.wrong_source),
            ("truncate", self.truncate),
            ("oversize", self.oversize),
            ("corrupt", self.corrupt),
        ];
        if let Some((name, _)) = odds.iter().find(|(_, odds)| !odds.is_probability()) {
            return Err(ConfigError::Probability(name));
        }
        // 65,507 bytes are the most that one UDP datagram carries over IPv4.
        if self.oversize_to > 65_507 {
            return Err(ConfigError::Oversize(self.oversize_to));
        }
        Ok(())
    }
}

/// How restarts and address changes are made known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Announcements {
    /// By the RFCs: ten NAT-PMP announcements (RFC 6886 §3.2.1) and ten PCP ANNOUNCEs (RFC 6887
    /// §14.1.3), 250 ms apart at first and then twice as far each time; after an address change
    /// three Mapping Updates for each PCP rule (§14.2).
    #[default]
    Rfc,
    /// miniupnpd's: on start one PCP ANNOUNCE; on an address change one NAT-PMP announcement with
    /// the old epoch and the new address, then one PCP ANNOUNCE with epoch 0.
    Miniupnpd,
    /// Not at all.
    Never,
}
