//! From settings to a running gateway.

use std::net::{Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use crate::error::{ConfigError, StartError};
use crate::gateway::Gateway;
use crate::model::upnp::{Costume, Igd};
use crate::model::{self, Knobs, Model, Quirk, TableModel};
use crate::server::{Listen, Server};

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
    upnp: Option<bool>,
    ssdp_port: u16,
    http_port: u16,
    multicast: Option<bool>,
    notify_to: Option<Vec<SocketAddr>>,
    like: Option<PathBuf>,
    captured_ports: bool,
}

/// SSDP's own port (UDA 1.0 §1.1).
const SSDP_PORT: u16 = 1900;

impl Builder {
    pub(crate) fn new() -> Self {
        let mut knobs = Knobs::default();
        knobs.upnp.on = true;
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            knobs,
            nat_pmp: None,
            seed: 0,
            log_capacity: Model::LOG_CAPACITY,
            announce_to: None,
            announce_start: false,
            upnp: None,
            ssdp_port: 0,
            http_port: 0,
            multicast: None,
            notify_to: None,
            like: None,
            captured_ports: false,
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

    /// Whether UPnP is spoken: SSDP, and over HTTP the Internet Gateway Device. On by default when
    /// the gateway listens on one IPv4 address.
    pub fn upnp(self, on: bool) -> Self {
        Self {
            upnp: Some(on),
            ..self
        }
    }

    /// The UDP port of SSDP, on the address of [`Builder::listen`]. Any free one by default, told by
    /// [`Gateway::ssdp_addr`]; the real one is 1900.
    pub fn ssdp_port(self, port: u16) -> Self {
        Self {
            ssdp_port: port,
            ..self
        }
    }

    /// Whether searches sent to SSDP's multicast group, on the link of [`Builder::listen`]'s address,
    /// are heard. By default when [`Builder::ssdp_port`] is 1900.
    pub fn ssdp_multicast(self, on: bool) -> Self {
        Self {
            multicast: Some(on),
            ..self
        }
    }

    /// The TCP port of HTTP, on the address of [`Builder::listen`]. Any free one by default.
    pub fn http_port(self, port: u16) -> Self {
        Self {
            http_port: port,
            ..self
        }
    }

    /// Which Internet Gateway Device it is.
    pub fn igd(mut self, igd: Igd) -> Self {
        self.knobs.upnp.igd = igd;
        self
    }

    /// Wears the documents of a captured router: a folder with `desc.xml` and `about.json`, and
    /// perhaps `desc.head` and `ssdp.txt`. See [`model::upnp::Costume`].
    pub fn like(self, dir: impl Into<PathBuf>) -> Self {
        Self {
            like: Some(dir.into()),
            ..self
        }
    }

    /// Whether a captured router's HTTP ports are taken as they were; by default free ones are, and
    /// its documents name those.
    pub fn captured_ports(self, on: bool) -> Self {
        Self {
            captured_ports: on,
            ..self
        }
    }

    /// Where SSDP announcements go, instead of 239.255.255.250:1900 or `[ff02::c]:1900`.
    pub fn notify_to(self, addrs: impl Into<Vec<SocketAddr>>) -> Self {
        Self {
            notify_to: Some(addrs.into()),
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
        let (nat_pmp, upnp) = (self.knobs.nat_pmp, self.knobs.upnp.on);
        change(&mut self.knobs);
        if self.knobs.nat_pmp != nat_pmp {
            self.nat_pmp = Some(self.knobs.nat_pmp);
        }
        if self.knobs.upnp.on != upnp {
            self.upnp = Some(self.knobs.upnp.on);
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
        let names_itself = !self.listen.ip().is_unspecified();
        let worn = self.like.is_some();
        self.knobs.upnp.on = self
            .upnp
            .unwrap_or(names_itself && (worn || self.listen.is_ipv4()));
        if self.knobs.upnp.on && !names_itself {
            return Err(ConfigError::UpnpNeedsAddress(self.listen));
        }
        let costume = self.like.as_deref().map(Costume::read).transpose()?;
        if worn && !self.knobs.upnp.on {
            return Err(ConfigError::CostumeWithoutUpnp);
        }
        let groups = self
            .announce_to
            .unwrap_or_else(|| vec![model::group(self.listen)]);
        let notify_to = self.notify_to.unwrap_or_else(|| {
            let own = SocketAddr::new(self.listen.ip(), 0);
            vec![model::upnp::ssdp::group(own)]
        });
        let mut model = Model::new(self.knobs, self.seed)?
            .with_log_capacity(self.log_capacity)?
            .with_announcements_to(groups)
            .with_notifications_to(notify_to);
        if let Some(costume) = costume {
            model = model.with_costume(costume);
        }
        Ok(model)
    }

    /// Starts the gateway: when this returns, its ports are open.
    ///
    /// # Errors
    ///
    /// When the settings contradict each other, or the system gives no socket or thread.
    pub fn start(self) -> Result<Gateway, StartError> {
        let announce = self.announce_start;
        let at = |port| {
            let mut addr = self.listen;
            addr.set_port(port);
            addr
        };
        let ssdp = at(self.ssdp_port);
        let joins = self.multicast.unwrap_or(self.ssdp_port == SSDP_PORT);
        let (service, http, captured_ports) =
            (self.listen, at(self.http_port), self.captured_ports);
        let model = self.build_model()?;
        let is_on = model.knobs().upnp.on;
        let mut listen = Listen {
            service,
            ssdp: is_on.then_some((ssdp, joins)),
            http: Vec::new(),
        };
        if is_on {
            listen.http.push(http);
            for (i, &port) in model.captured_ports().iter().enumerate() {
                let mut addr = http;
                if captured_ports {
                    addr.set_port(port);
                } else if i > 0 {
                    addr.set_port(0);
                }
                match listen.http.get_mut(i) {
                    Some(first) => *first = addr,
                    None => listen.http.push(addr),
                }
            }
        }
        let gateway = Gateway::new(Server::start(model, &listen)?);
        if announce {
            gateway.announce_start();
        }
        Ok(gateway)
    }
}
