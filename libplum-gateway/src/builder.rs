//! From settings to a running gateway.

use std::net::{Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::error::{ConfigError, StartError};
use crate::gateway::Gateway;
use crate::model::{self, Knobs, Model, Quirk, TableModel};
use crate::server::Server;

/// Settings of a gateway before it starts. See [`Gateway::builder`].
#[derive(Debug, Clone)]
#[must_use]
pub struct Builder {
    listen: SocketAddr,
    knobs: Knobs,
    nat_pmp: Option<bool>,
    seed: u64,
    log_capacity: usize,
    announce_to: Option<Vec<SocketAddr>>,
    announce_start: bool,
}

impl Builder {
    pub(crate) fn new() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            knobs: Knobs::default(),
            nat_pmp: None,
            seed: 0,
            log_capacity: Model::LOG_CAPACITY,
            announce_to: None,
            announce_start: false,
        }
    }

    /// Where to listen. By default 127.0.0.1 and a port of the system's choice; port 0 asks for
    /// such a port on another address. The real one is 5351 (RFC 6887 §19.1).
    pub fn listen(self, addr: SocketAddr) -> Self {
        Self {
            listen: addr,
            ..self
        }
    }

    /// Whether PCP is spoken. On by default.
    pub fn pcp(mut self, on: bool) -> Self {
        self.knobs.pcp = on;
        self
    }

    /// Whether NAT-PMP is spoken. On by default when the gateway listens on an IPv4 address.
    pub fn nat_pmp(self, on: bool) -> Self {
        Self {
            nat_pmp: Some(on),
            ..self
        }
    }

    /// The external address, or `None` for a WAN that is down. 203.0.113.7 by default.
    pub fn external_ip(mut self, ip: impl Into<Option<Ipv4Addr>>) -> Self {
        self.knobs.external_ip = ip.into();
        self
    }

    /// The lifetimes granted, in seconds. 120 to 86,400 by default (RFC 6887 §15).
    pub fn lifetimes(mut self, seconds: RangeInclusive<u32>) -> Self {
        self.knobs.lifetimes = seconds;
        self
    }

    /// Who may change a rule.
    pub fn table(mut self, table: TableModel) -> Self {
        self.knobs.table = table;
        self
    }

    /// Every answer takes this long on its way.
    pub fn delay(mut self, delay: Duration) -> Self {
        self.knobs.trouble.delay = delay;
        self
    }

    /// An oddity of real routers.
    pub fn quirk(mut self, quirk: Quirk) -> Self {
        quirk.apply(&mut self.knobs);
        self.nat_pmp = Some(self.knobs.nat_pmp)
            .filter(|_| !self.knobs.pcp)
            .or(self.nat_pmp);
        self
    }

    /// Any other setting.
    pub fn set(mut self, change: impl FnOnce(&mut Knobs)) -> Self {
        let before = self.knobs.nat_pmp;
        change(&mut self.knobs);
        if self.knobs.nat_pmp != before {
            self.nat_pmp = Some(self.knobs.nat_pmp);
        }
        self
    }

    /// Where every chance and every free choice comes from. 0 by default.
    pub fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// How many packets the log holds.
    pub fn log_capacity(self, packets: usize) -> Self {
        Self {
            log_capacity: packets,
            ..self
        }
    }

    /// Where announcements go, instead of 224.0.0.1:5350 or `[ff02::1]:5350` (RFC 6887 §14.1.3).
    /// On IPv4 they leave by the interface of the address listened on, so they stay on the loopback;
    /// on IPv6 the system chooses, unless the address given here has a scope.
    pub fn announce_to(self, addrs: impl Into<Vec<SocketAddr>>) -> Self {
        Self {
            announce_to: Some(addrs.into()),
            ..self
        }
    }

    /// Whether the first start is announced as a restart is. Off by default.
    pub fn announce_start(self, on: bool) -> Self {
        Self {
            announce_start: on,
            ..self
        }
    }

    /// The model alone, to be driven without sockets.
    ///
    /// # Errors
    ///
    /// When the settings contradict each other.
    pub fn build_model(mut self) -> Result<Model, ConfigError> {
        self.knobs.nat_pmp = self.nat_pmp.unwrap_or(self.listen.is_ipv4());
        if self.knobs.nat_pmp && !self.listen.is_ipv4() {
            return Err(ConfigError::NatPmpNeedsIpv4(self.listen));
        }
        let groups = self
            .announce_to
            .unwrap_or_else(|| vec![model::group(self.listen)]);
        let model = Model::new(self.knobs, self.seed)?;
        Ok(model
            .with_log_capacity(self.log_capacity)?
            .with_announcements_to(groups))
    }

    /// Starts the gateway: when this returns, its port is open.
    ///
    /// # Errors
    ///
    /// When the settings contradict each other, or the system gives no socket or thread.
    pub fn start(self) -> Result<Gateway, StartError> {
        let (listen, announce) = (self.listen, self.announce_start);
        let gateway = Gateway::new(Server::start(self.build_model()?, listen)?);
        if announce {
            gateway.announce_start();
        }
        Ok(gateway)
    }
}
