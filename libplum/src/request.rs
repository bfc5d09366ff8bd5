//! What to map: [`MapRequest`] and the future it becomes.

use std::ffi::CString;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use crate::bridge::{MapConfig, OnChange};
use crate::listener::{bound, Listener};
use crate::{Change, Client, Error, Family, Mapping, State, Transport};

/// A port to be mapped, from [`Client::map`].
///
/// Two ends: [`start`](Self::start) returns the [`Mapping`] at once, still pending, and never gives
/// up; `.await` waits for the first outcome and returns the mapping or why there is none.
#[must_use = "a request does nothing until it is started or awaited"]
pub struct MapRequest {
    client: Client,
    transport: Transport,
    internal_port: u16,
    external_port: Option<u16>,
    external_ip: Option<IpAddr>,
    prefer_failure: bool,
    lifetime: Option<Duration>,
    timeout: Option<Duration>,
    family: Option<Family>,
    description: Option<String>,
    on_change: Option<OnChange>,
    /// What is wrong with the listener that it was made from.
    listener: Result<(), Error>,
}

impl MapRequest {
    pub(crate) fn new(client: Client, transport: Transport, internal_port: u16) -> Self {
        Self {
            client,
            transport,
            internal_port,
            external_port: None,
            external_ip: None,
            prefer_failure: false,
            lifetime: None,
            timeout: None,
            family: None,
            description: None,
            on_change: None,
            listener: Ok(()),
        }
    }

    pub(crate) fn from_listener(client: Client, listener: &dyn Listener) -> Self {
        let transport = listener.transport();
        match bound(listener) {
            Ok((port, family)) => Self {
                family,
                ..Self::new(client, transport, port)
            },
            Err(error) => Self {
                listener: Err(error),
                ..Self::new(client, transport, 0)
            },
        }
    }

    /// The external port that is wanted; the router may give another. Without it the engine asks
    /// for the internal port. 0 is an error.
    pub fn external_port(mut self, port: u16) -> Self {
        self.external_port = Some(port);
        self
    }

    /// The external address that is wanted, for routers that have several; a hint.
    pub fn external_ip(mut self, address: IpAddr) -> Self {
        self.external_ip = Some(address);
        self
    }

    /// The wanted [`external_port`](Self::external_port) or none at all (RFC 6887 section 13.2):
    /// another one is [`Error::PortTaken`].
    pub fn prefer_failure(mut self) -> Self {
        self.prefer_failure = true;
        self
    }

    /// How long the router shall keep the mapping if this host vanishes; the engine renews it in
    /// time. Whole seconds, rounded up; the client's by default. The router may grant more or less.
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = Some(lifetime);
        self
    }

    /// A name for the router's list of mappings (UPnP only): printable ASCII.
    pub fn description(mut self, text: impl Into<String>) -> Self {
        self.description = Some(text.into());
        self
    }

    /// Maps an address of this family only. By default what there is, IPv4 first.
    pub fn family(mut self, family: Family) -> Self {
        self.family = Some(family);
        self
    }

    /// When the port is not mapped by then, the mapping fails with [`Error::TimedOut`]. Off by
    /// default; the engine keeps the time, so no runtime's timer is needed. Milliseconds, rounded
    /// up.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Calls `on_change` for each [`Change`], [`State::Unmapped`] last.
    ///
    /// It runs on the engine's thread: it must not wait for anything, or every mapping of this
    /// client waits with it. Any call of this crate but the blocking ones may be made in it, and
    /// handles may be dropped. A panic in it is caught, counted
    /// ([`caught_panics`](crate::caught_panics)) and logged. It is dropped once the mapping is
    /// unmapped.
    ///
    /// It outlives the caller, so it may borrow nothing:
    /// ```compile_fail,E0597
    /// # let client = libplum::Client::new().unwrap();
    /// let seen = std::sync::Mutex::new(0);
    /// let borrowed = &seen;
    /// let request = client.map(libplum::Transport::Tcp, 8080);
    /// let _pending = request.on_change(move |_| *borrowed.lock().unwrap() += 1).start();
    /// ```
    pub fn on_change(mut self, on_change: impl FnMut(&Change) + Send + 'static) -> Self {
        self.on_change = Some(Box::new(on_change));
        self
    }

    /// Maps the port for TCP and for UDP, both at one external port (QUIC beside HTTP, games).
    /// The request's own transport is mapped first, and returned first.
    ///
    /// A router gives ports for each transport alone. So the second is asked for with the port of
    /// the first and [`prefer_failure`](Self::prefer_failure); when it is taken, the first is given
    /// back and the other begins, from the port that the router gives it. This goes on
    /// a few times; with `prefer_failure` on the request itself, only its own port counts. Each of
    /// the two is healed by itself later: a router that has lost its state may give the first
    /// another port, and says so as a change.
    ///
    /// [`on_change`](Self::on_change) gets the changes of both, those of given-up tries included.
    ///
    /// # Errors
    /// [`Error::PortTaken`] when no common port was found; else as `.await` on the request. Nothing
    /// stays mapped then.
    ///
    /// # Cancel safety
    /// Dropping the future unmaps in the background what was begun.
    pub async fn both(self) -> Result<(Mapping, Mapping), Error> {
        let template = Template::new(self);
        let (one, other) = (
            template.request.transport,
            other(template.request.transport),
        );
        if template.request.prefer_failure {
            let first = template.of(one).await?;
            return Ok((first, template.of(other).await?));
        }
        let mut wanted = template.request.external_port;
        let (mut leader, mut follower) = (one, other);
        for _ in 0..COMMON_PORT_TRIES {
            let mut request = template.of(leader);
            request.external_port = wanted;
            let first = request.await?;
            let port = first.external_addr().map(|address| address.port());
            let mut request = template.of(follower);
            // Lost again already: the second then waits for its own outcome like any other.
            request.external_port = port.or(wanted);
            request.prefer_failure = request.external_port.is_some();
            match request.await {
                Ok(second) if leader == one => return Ok((first, second)),
                Ok(second) => return Ok((second, first)),
                Err(Error::PortTaken) => first.unmap().await,
                Err(error) => return Err(error),
            }
            wanted = port;
            (leader, follower) = (follower, leader);
        }
        Err(Error::PortTaken)
    }

    /// Begins to map and returns at once.
    ///
    /// The mapping is pending; the engine tries until the handle is dropped, through failures too
    /// (a node that boots before its router). [`Mapping::ready`] waits for the open port.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`], [`Error::Closed`] or [`Error::Resources`]: nothing was begun.
    pub fn start(self) -> Result<Mapping, Error> {
        let (client, request) = (self.client.clone(), self.check()?);
        let timeout = request.timeout_ms > 0;
        let (transport, internal_port) = (request.transport, request.internal_port);
        let handle = client.handle().map(request)?;
        Ok(Mapping::new(handle, transport, internal_port, timeout))
    }

    fn check(self) -> Result<MapConfig, Error> {
        self.listener?;
        if self.internal_port == 0 {
            return Err(Error::invalid("internal port", "0 is not a port"));
        }
        if self.transport == Transport::Udp && matches!(self.internal_port, 5350 | 5351) {
            // RFC 6887 section 11.3
            return Err(Error::invalid(
                "internal port",
                "UDP 5350 and 5351 belong to PCP itself",
            ));
        }
        if self.external_port == Some(0) {
            return Err(Error::invalid("external port", "0 is not a port"));
        }
        if self.prefer_failure && self.external_port.is_none() {
            return Err(Error::invalid(
                "prefer_failure",
                "it needs an external port",
            ));
        }
        if let Some(address) = self.external_ip {
            check_external_ip(address, self.family)?;
        }
        Ok(MapConfig {
            transport: self.transport,
            internal_port: self.internal_port,
            external_port: self.external_port.unwrap_or(0),
            external_ip: self.external_ip,
            prefer_failure: self.prefer_failure,
            lifetime_s: self.lifetime.map_or(Ok(0), |d| seconds("lifetime", d))?,
            timeout_ms: self.timeout.map_or(Ok(0), |d| millis("timeout", d))?,
            family: self.family,
            description: self
                .description
                .map(|text| plain("description", text))
                .transpose()?,
            on_change: self.on_change,
        })
    }
}

/// How often [`MapRequest::both`] looks for a port that is free for both transports.
const COMMON_PORT_TRIES: usize = 8;

fn other(transport: Transport) -> Transport {
    match transport {
        Transport::Tcp => Transport::Udp,
        Transport::Udp => Transport::Tcp,
    }
}

/// A request that is made several times; its callback is shared by all of them.
struct Template {
    request: MapRequest,
    on_change: Option<Arc<Mutex<OnChange>>>,
}

impl Template {
    fn new(mut request: MapRequest) -> Self {
        let on_change = request.on_change.take().map(|f| Arc::new(Mutex::new(f)));
        Self { request, on_change }
    }

    fn of(&self, transport: Transport) -> MapRequest {
        let request = &self.request;
        MapRequest {
            client: request.client.clone(),
            transport,
            description: request.description.clone(),
            listener: request.listener.clone(),
            // All callbacks of a client run on its one thread: nobody waits for the lock.
            on_change: self.on_change.clone().map(|shared| -> OnChange {
                Box::new(move |change| {
                    shared.lock().unwrap_or_else(PoisonError::into_inner)(change);
                })
            }),
            ..*request
        }
    }
}

fn check_external_ip(address: IpAddr, family: Option<Family>) -> Result<(), Error> {
    let agrees = match family {
        None => true,
        Some(Family::V4) => address.is_ipv4(),
        Some(Family::V6) => address.is_ipv6(),
    };
    if !agrees {
        return Err(Error::invalid(
            "external address",
            "it is of the other family",
        ));
    }
    if address.is_unspecified() || address.is_multicast() {
        return Err(Error::invalid(
            "external address",
            "it is no host's address",
        ));
    }
    Ok(())
}

/// Whole seconds, rounded up, 1 to 2^32 - 1.
pub(crate) fn seconds(argument: &'static str, duration: Duration) -> Result<u32, Error> {
    not_zero(argument, duration)?;
    let whole = duration
        .as_secs()
        .saturating_add(u64::from(duration.subsec_nanos() > 0));
    u32::try_from(whole).map_err(|_| Error::invalid(argument, "more than 2^32 - 1 seconds"))
}

/// Whole milliseconds, rounded up, 1 to 2^31 - 1.
pub(crate) fn millis(argument: &'static str, duration: Duration) -> Result<i32, Error> {
    not_zero(argument, duration)?;
    millis_or_zero(argument, duration)
}

pub(crate) fn millis_or_zero(argument: &'static str, duration: Duration) -> Result<i32, Error> {
    let whole = duration.as_nanos().div_ceil(1_000_000);
    i32::try_from(whole).map_err(|_| Error::invalid(argument, "more than 2^31 - 1 milliseconds"))
}

fn not_zero(argument: &'static str, duration: Duration) -> Result<(), Error> {
    if duration.is_zero() {
        return Err(Error::invalid(
            argument,
            "zero; leave it out for the default",
        ));
    }
    Ok(())
}

/// Printable ASCII, not empty, for C.
pub(crate) fn plain(argument: &'static str, text: String) -> Result<CString, Error> {
    if text.is_empty() {
        return Err(Error::invalid(
            argument,
            "empty; leave it out for the default",
        ));
    }
    if text.bytes().any(|byte| byte.is_ascii_control()) {
        return Err(Error::invalid(argument, "it contains a control character"));
    }
    if !text.is_ascii() {
        return Err(Error::invalid(argument, "it is not ASCII"));
    }
    CString::new(text).map_err(|_| Error::invalid(argument, "it contains a NUL"))
}

impl fmt::Debug for MapRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MapRequest")
            .field("transport", &self.transport)
            .field("internal_port", &self.internal_port)
            .field("external_port", &self.external_port)
            .field("external_ip", &self.external_ip)
            .field("prefer_failure", &self.prefer_failure)
            .field("lifetime", &self.lifetime)
            .field("timeout", &self.timeout)
            .field("family", &self.family)
            .field("description", &self.description)
            .finish_non_exhaustive()
    }
}

impl IntoFuture for MapRequest {
    type Output = Result<Mapping, Error>;
    type IntoFuture = MapFuture;

    fn into_future(self) -> MapFuture {
        MapFuture(Box::pin(async move {
            let mapping = self.start()?;
            match mapping.handle().first().await {
                State::Failed(error) => Err(error),
                State::Unmapped | State::Unmapping => Err(mapping.handle().end_error()),
                State::Active(_) | State::Pending => Ok(mapping),
            }
        }))
    }
}

/// The future of `client.map(..).await`: [`MapRequest::start`], then the first outcome.
///
/// The mapping, or, when the first outcome is a failure, its reason; the mapping is destroyed then
/// and nothing is left on the router.
///
/// # Cancel safety
/// Dropping it at any point unmaps in the background what was begun, and leaks nothing.
#[must_use = "futures do nothing unless they are polled"]
pub struct MapFuture(Pin<Box<dyn Future<Output = Result<Mapping, Error>> + Send>>);

impl Future for MapFuture {
    type Output = Result<Mapping, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl fmt::Debug for MapFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MapFuture").finish_non_exhaustive()
    }
}

#[cfg(all(test, not(plum_loom)))]
mod tests {
    use super::*;

    #[test]
    fn durations_are_rounded_up_and_bounded() {
        assert_eq!(seconds("lifetime", Duration::from_millis(1)), Ok(1));
        assert_eq!(
            seconds("lifetime", Duration::from_secs(u32::MAX.into())),
            Ok(u32::MAX)
        );
        assert!(seconds("lifetime", Duration::from_secs(1 << 32)).is_err());
        assert!(seconds("lifetime", Duration::MAX).is_err());
        assert!(seconds("lifetime", Duration::ZERO).is_err());
        assert_eq!(millis("timeout", Duration::from_nanos(1)), Ok(1));
        assert_eq!(
            millis("timeout", Duration::from_millis(i32::MAX as u64)),
            Ok(i32::MAX)
        );
        assert!(millis("timeout", Duration::MAX).is_err());
        assert!(millis("timeout", Duration::ZERO).is_err());
        assert_eq!(millis_or_zero("jitter", Duration::ZERO), Ok(0));
    }

    #[test]
    fn texts_for_c_are_printable_ascii() {
        assert!(plain("description", "my game".into()).is_ok());
        for bad in ["", "a\0b", "a\nb", "a\x7fb", "Käse"] {
            assert!(plain("description", bad.into()).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_external_address_fits_the_family_and_is_a_hosts() {
        let v4: IpAddr = "198.51.100.1".parse().unwrap();
        assert!(check_external_ip(v4, None).is_ok());
        assert!(check_external_ip(v4, Some(Family::V4)).is_ok());
        assert!(check_external_ip(v4, Some(Family::V6)).is_err());
        for bad in ["0.0.0.0", "::", "224.0.0.1", "ff02::1"] {
            assert!(
                check_external_ip(bad.parse().unwrap(), None).is_err(),
                "{bad}"
            );
        }
    }
}
