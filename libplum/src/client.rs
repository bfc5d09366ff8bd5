//! A client and its builder.

use std::ffi::CString;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use crate::bridge::{question, AskHandle, ClientConfig, ClientHandle};
use crate::request::{millis, millis_or_zero, plain, seconds};
use crate::{Error, Events, Listener, MapRequest, NoGateway, Protocol, Report, Stats, Transport};

/// The one that [`Client::shared`] hands out, for as long as somebody holds it.
static SHARED: Mutex<Weak<ClientHandle>> = Mutex::new(Weak::new());

/// Maps ports on the router. Cheap to clone: all clones are one engine with one thread.
///
/// # Dropping
/// When the last of a client's clones and mappings is dropped, the client begins to close by itself:
/// everything is unmapped, on the engine's thread, and the drop neither blocks nor waits (it may
/// well happen inside a waker on that very thread). So a program that is about to end wants
/// [`shutdown`](Self::shutdown) or [`shutdown_blocking`](Self::shutdown_blocking): a process that
/// returns from `main` right after the drop takes the engine's thread with it before the router has
/// heard anything, and the mappings stay there until their lifetime is over.
#[derive(Clone)]
pub struct Client(Arc<ClientHandle>);

impl Client {
    /// A client with the defaults: the default route's router, all protocols.
    ///
    /// # Errors
    /// As [`ClientBuilder::build`].
    pub fn new() -> Result<Self, Error> {
        Self::builder().build()
    }

    /// A client with other time-outs, protocols, another router.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::default()
    }

    /// The client, with the defaults, that all libraries of a process share, so that two of them
    /// that want the same port share one mapping instead of stealing it from each other.
    ///
    /// It lives as long as somebody holds it; after that, or after its shutdown, the next call makes
    /// a new one. Shutting it down closes it for everybody.
    ///
    /// # Errors
    /// As [`ClientBuilder::build`].
    pub fn shared() -> Result<Self, Error> {
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = shared.upgrade().filter(|client| !client.is_closing()) {
            return Ok(Self(client));
        }
        let client = Self::new()?;
        *shared = Arc::downgrade(&client.0);
        Ok(client)
    }

    pub(crate) fn handle(&self) -> &Arc<ClientHandle> {
        &self.0
    }

    /// Asks for `internal_port` of this host to be reachable from outside.
    ///
    /// Nothing is sent before the request is awaited or [started](MapRequest::start).
    pub fn map(&self, transport: Transport, internal_port: u16) -> MapRequest {
        MapRequest::new(self.clone(), transport, internal_port)
    }

    /// As [`map`](Self::map), for what a bound socket listens on: its transport, its port, and the
    /// family of its address (any for `[::]`).
    ///
    /// ```no_run
    /// # async fn serve(client: libplum::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// let listener = std::net::TcpListener::bind("0.0.0.0:0")?;
    /// let mapping = client.map_listener(&listener).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// One that is bound to the loopback, which no router reaches, is refused with that reason when
    /// the request is started: [`Error::InvalidArgument`].
    pub fn map_listener(&self, listener: &dyn Listener) -> MapRequest {
        MapRequest::from_listener(self.clone(), listener)
    }

    /// The router's external address: from a mapping that is open, or by NAT-PMP's question for it.
    /// PCP has none.
    ///
    /// # Errors
    /// [`Error::NotTold`] when there is no open mapping and the router speaks PCP only; otherwise why
    /// no protocol tells it: [`Error::NoGateway`], [`Error::Refused`]; [`Error::Closed`].
    ///
    /// # Cancel safety
    /// Dropping the future cancels the question.
    pub async fn external_addr(&self) -> Result<IpAddr, Error> {
        let asked: AskHandle = self.0.ask(question::EXTERNAL_ADDRESS)?;
        let answers = asked.answers().await?;
        if let Some(address) = answers.iter().find_map(|answer| answer.external_addr) {
            return Ok(address);
        }
        if answers.is_empty() {
            return Err(Error::NoGateway(NoGateway::NoRoute));
        }
        let works = answers.iter().any(|answer| answer.error.is_none());
        let mut errors: Vec<Error> = answers.into_iter().filter_map(|a| a.error).collect();
        let refusal = errors
            .iter()
            .position(|error| matches!(error, Error::Refused { .. }));
        Err(match refusal {
            Some(index) => errors.swap_remove(index),
            None if works => Error::NotTold,
            None => errors.into_iter().next().unwrap_or(Error::NotTold),
        })
    }

    /// Asks the router which protocols it speaks. Changes nothing there.
    ///
    /// # Errors
    /// [`Error::NoGateway`] when there is nobody to ask; [`Error::Closed`]. A router that answers no
    /// protocol gives a report that says so.
    ///
    /// # Cancel safety
    /// Dropping the future cancels the question.
    pub async fn probe(&self) -> Result<Report, Error> {
        let asked: AskHandle = self.0.ask(question::PROBE)?;
        let answers = asked.answers().await?;
        if answers.is_empty() {
            return Err(Error::NoGateway(NoGateway::NoRoute));
        }
        Ok(Report { answers })
    }

    /// How many mappings whose handle is held are open now.
    pub fn active_mappings(&self) -> usize {
        self.0.active_mappings()
    }

    /// The changes of all mappings of this client from now on; ends when the client has ended.
    pub fn events(&self) -> Events {
        self.0.events()
    }

    /// What the engine has done so far.
    pub fn stats(&self) -> Stats {
        self.0.stats()
    }

    /// Callbacks of this client for which the engine holds a reference; 0 after
    /// [`shutdown`](Self::shutdown). See [`live_callbacks`](crate::live_callbacks).
    pub fn live_callbacks(&self) -> usize {
        self.0.live_callbacks()
    }

    /// Unmaps everything, and waits until each mapping has had its end and the client its last
    /// callback: at most the shutdown time-out (2 s by default) and the callbacks' own time.
    ///
    /// All clones are closed with it. May be called again, also while it is under way.
    ///
    /// # Errors
    /// [`Error::Closed`] in a process that was forked off: the engine's thread is not in it.
    ///
    /// # Cancel safety
    /// Once polled, the close goes on by itself when the future is dropped.
    pub async fn shutdown(&self) -> Result<(), Error> {
        self.0.close()?;
        self.0.closed().await;
        Ok(())
    }

    /// As [`shutdown`](Self::shutdown), for a `main` that is about to return: blocks until the
    /// engine's thread has ended, `timeout` at most.
    ///
    /// # Errors
    /// [`Error::TimedOut`]: the close goes on; [`Error::EngineThread`] when called in a callback or
    /// a waker there (the close goes on); [`Error::InvalidArgument`] for `Duration::ZERO`.
    pub fn shutdown_blocking(&self, timeout: Duration) -> Result<(), Error> {
        let timeout = millis("timeout", timeout)?;
        self.0.close()?;
        self.0.join(timeout)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("active_mappings", &self.active_mappings())
            .finish_non_exhaustive()
    }
}

/// Options of a [`Client`], from [`Client::builder`].
///
/// Durations are in milliseconds, rounded up; `Duration::ZERO` is an error, except where noted.
#[derive(Clone, Debug, Default)]
#[must_use = "a builder does nothing until it builds"]
pub struct ClientBuilder {
    gateway: Option<SocketAddr>,
    gateway_has_port: bool,
    interface: Option<String>,
    protocols: Option<Vec<Protocol>>,
    lifetime: Option<Duration>,
    discover_timeout: Option<Duration>,
    mapping_timeout: Option<Duration>,
    recheck_period: Option<Duration>,
    shutdown_timeout: Option<Duration>,
    restart_jitter: Option<Duration>,
}

impl ClientBuilder {
    /// The router to ask, instead of the default route's.
    pub fn gateway(mut self, address: IpAddr) -> Self {
        self.gateway = Some(SocketAddr::new(address, 0));
        self.gateway_has_port = false;
        self
    }

    /// The router to ask, on another port than 5351: for tests, with a link-local address's scope.
    pub fn gateway_addr(mut self, address: SocketAddr) -> Self {
        self.gateway = Some(address);
        self.gateway_has_port = true;
        self
    }

    /// Only the default routes of this interface count.
    pub fn interface(mut self, name: impl Into<String>) -> Self {
        self.interface = Some(name.into());
        self
    }

    /// Only these protocols are spoken: [`Protocol::Pcp`], [`Protocol::NatPmp`],
    /// [`Protocol::Upnp`]. See [`supported_protocols`](crate::supported_protocols) for what this
    /// build speaks.
    pub fn protocols(mut self, protocols: impl IntoIterator<Item = Protocol>) -> Self {
        self.protocols = Some(protocols.into_iter().collect());
        self
    }

    /// The lifetime that is asked for; 2 hours by default (RFC 6886 section 3.3). Whole seconds,
    /// rounded up.
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = Some(lifetime);
        self
    }

    /// When there is no router by then, a mapping fails (and is tried again); 10 s by default.
    pub fn discover_timeout(mut self, timeout: Duration) -> Self {
        self.discover_timeout = Some(timeout);
        self
    }

    /// When there is a router and it has not mapped by then, a mapping fails (and is tried again);
    /// 10 s by default.
    pub fn mapping_timeout(mut self, timeout: Duration) -> Self {
        self.mapping_timeout = Some(timeout);
        self
    }

    /// How often a silent router is checked for a restart, and the longest pause between two tries;
    /// 5 minutes by default.
    pub fn recheck_period(mut self, period: Duration) -> Self {
        self.recheck_period = Some(period);
        self
    }

    /// The bound of an unmap and of a shutdown; 2 s by default.
    pub fn shutdown_timeout(mut self, timeout: Duration) -> Self {
        self.shutdown_timeout = Some(timeout);
        self
    }

    /// After a router's restart, which every host hears at once, each waits a random time up to
    /// this (RFC 6887 section 14.1.3); 5 s by default. `Duration::ZERO` is allowed: no wait.
    pub fn restart_jitter(mut self, jitter: Duration) -> Self {
        self.restart_jitter = Some(jitter);
        self
    }

    /// Starts the client.
    ///
    /// What the engine logs goes to the crate `log`, target `libplum::engine`; the level is
    /// [`log::max_level`] at the time of this call.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`]; [`Error::Resources`] when the system gives no thread, memory or
    /// randomness.
    pub fn build(self) -> Result<Client, Error> {
        ClientHandle::new(&self.check()?).map(Client)
    }

    fn check(self) -> Result<ClientConfig, Error> {
        if let Some(gateway) = self.gateway {
            if gateway.ip().is_unspecified() || gateway.ip().is_multicast() {
                return Err(Error::invalid("gateway", "it is no host's address"));
            }
            if self.gateway_has_port && gateway.port() == 0 {
                return Err(Error::invalid("gateway", "0 is not a port"));
            }
        }
        if let Some(protocols) = &self.protocols {
            if protocols.is_empty() {
                return Err(Error::invalid("protocols", "none is allowed"));
            }
            let spoken = |p: &Protocol| !matches!(p, Protocol::Direct | Protocol::Unknown(_));
            if !protocols.iter().all(spoken) {
                return Err(Error::invalid(
                    "protocols",
                    "not a protocol that routers speak",
                ));
            }
        }
        let ms = |argument, value: Option<Duration>| value.map(|d| millis(argument, d)).transpose();
        Ok(ClientConfig {
            gateway: self.gateway.map(numeric),
            gateway_port: self
                .gateway
                .filter(|_| self.gateway_has_port)
                .map(|a| a.port()),
            interface: self
                .interface
                .map(|name| plain("interface", name))
                .transpose()?,
            protocols: self.protocols,
            lifetime_s: self.lifetime.map(|d| seconds("lifetime", d)).transpose()?,
            discover_timeout_ms: ms("discover_timeout", self.discover_timeout)?,
            mapping_timeout_ms: ms("mapping_timeout", self.mapping_timeout)?,
            recheck_period_ms: ms("recheck_period", self.recheck_period)?,
            shutdown_timeout_ms: ms("shutdown_timeout", self.shutdown_timeout)?,
            restart_jitter_ms: self
                .restart_jitter
                .map(|d| millis_or_zero("restart_jitter", d))
                .transpose()?,
        })
    }
}

/// The address as C reads it: numeric, with a numeric scope.
fn numeric(address: SocketAddr) -> CString {
    let text = match address {
        SocketAddr::V6(v6) if v6.scope_id() != 0 => format!("{}%{}", v6.ip(), v6.scope_id()),
        other => other.ip().to_string(),
    };
    CString::new(text).expect("digits, dots, colons and a percent sign")
}

#[cfg(all(test, not(plum_loom)))]
mod tests {
    use super::*;

    fn refused(builder: ClientBuilder) -> &'static str {
        match builder.check() {
            Err(Error::InvalidArgument { argument, .. }) => argument,
            Err(other) => panic!("{other}"),
            Ok(_) => panic!("accepted"),
        }
    }

    #[test]
    fn bad_options_are_named() {
        let builder = Client::builder;
        let zero = Duration::ZERO;
        assert_eq!(
            refused(builder().gateway("0.0.0.0".parse().unwrap())),
            "gateway"
        );
        assert_eq!(
            refused(builder().gateway("ff02::1".parse().unwrap())),
            "gateway"
        );
        assert_eq!(
            refused(builder().gateway_addr("127.0.0.1:0".parse().unwrap())),
            "gateway"
        );
        assert_eq!(refused(builder().interface("")), "interface");
        assert_eq!(refused(builder().interface("eth\0")), "interface");
        assert_eq!(refused(builder().protocols([])), "protocols");
        assert_eq!(
            refused(builder().protocols([Protocol::Direct])),
            "protocols"
        );
        assert_eq!(refused(builder().lifetime(zero)), "lifetime");
        assert_eq!(refused(builder().lifetime(Duration::MAX)), "lifetime");
        assert_eq!(
            refused(builder().discover_timeout(zero)),
            "discover_timeout"
        );
        assert_eq!(refused(builder().mapping_timeout(zero)), "mapping_timeout");
        assert_eq!(refused(builder().recheck_period(zero)), "recheck_period");
        assert_eq!(
            refused(builder().shutdown_timeout(zero)),
            "shutdown_timeout"
        );
        assert_eq!(
            refused(builder().restart_jitter(Duration::MAX)),
            "restart_jitter"
        );
        assert!(builder().restart_jitter(zero).check().is_ok());
    }

    #[test]
    fn a_gateway_is_written_as_c_reads_it() {
        assert_eq!(
            numeric("192.0.2.1:5351".parse().unwrap()).to_bytes(),
            b"192.0.2.1"
        );
        assert_eq!(
            numeric("[fe80::1%7]:5351".parse().unwrap()).to_bytes(),
            b"fe80::1%7"
        );
        assert_eq!(
            numeric("[2001:db8::1]:1".parse().unwrap()).to_bytes(),
            b"2001:db8::1"
        );
    }
}
