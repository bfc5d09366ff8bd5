//! A live mapping.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use crate::bridge::MappingHandle;
use crate::{Active, Error, Events, MappingId, Protocol, State, Transport};

/// A port that is mapped, or that the engine goes on trying to map; from
/// [`MapRequest`](crate::MapRequest).
///
/// One transport, one family, one local address. What it tells is read from the engine's published
/// record at the time of the call. It keeps its client's engine alive.
///
/// # Dropping
/// Dropping it unmaps the port in the background, without blocking. Mappings of one client with the
/// same transport and internal port share what is on the router; the last one takes it away.
#[must_use = "dropping a mapping unmaps the port at once"]
pub struct Mapping {
    handle: MappingHandle,
    transport: Transport,
    internal_port: u16,
    /// `MapRequest::timeout` was set.
    has_timeout: bool,
}

impl Mapping {
    pub(crate) fn new(
        handle: MappingHandle,
        transport: Transport,
        internal_port: u16,
        has_timeout: bool,
    ) -> Self {
        Self {
            handle,
            transport,
            internal_port,
            has_timeout,
        }
    }

    pub(crate) fn handle(&self) -> &MappingHandle {
        &self.handle
    }

    /// Its number, as in [`Change::id`](crate::Change::id).
    pub fn id(&self) -> MappingId {
        MappingId(self.handle.id())
    }

    /// What is mapped.
    pub fn transport(&self) -> Transport {
        self.transport
    }

    /// The port of this host.
    pub fn internal_port(&self) -> u16 {
        self.internal_port
    }

    /// Its state now.
    pub fn state(&self) -> State {
        self.handle.state()
    }

    fn active(&self) -> Option<Active> {
        match self.state() {
            State::Active(active) => Some(active),
            _ => None,
        }
    }

    /// Whether the port is open now.
    pub fn is_active(&self) -> bool {
        self.active().is_some()
    }

    /// Where the world reaches the port; `None` unless it is open.
    pub fn external_addr(&self) -> Option<SocketAddr> {
        self.active().map(|active| active.external_addr)
    }

    /// How it is mapped; `None` unless it is open.
    pub fn protocol(&self) -> Option<Protocol> {
        self.active().map(|active| active.protocol)
    }

    /// Why it is not open; `None` when it is, or while nobody has said anything.
    pub fn error(&self) -> Option<Error> {
        match self.state() {
            State::Failed(error) => Some(error),
            State::Unmapping | State::Unmapped => Some(self.handle.end_error()),
            _ => None,
        }
    }

    /// How long the router keeps the mapping if it is not renewed (the engine renews it in time), on
    /// a clock that counts suspend; whole seconds. `None` unless the port is open, `Duration::MAX`
    /// when it has no end ([`Protocol::Direct`]).
    pub fn remaining_lifetime(&self) -> Option<Duration> {
        self.handle.remaining()
    }

    /// Waits until the port is open. At once if it is.
    ///
    /// Failures on the way are waited out, the engine goes on trying.
    ///
    /// # Errors
    /// [`Error::TimedOut`] when the request's own [`timeout`](crate::MapRequest::timeout) ran out
    /// (the mapping lives on and may be waited for again); [`Error::Closed`] when its client is shut
    /// down.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn ready(&self) -> Result<SocketAddr, Error> {
        let look = || match self.handle.state() {
            State::Active(active) => Some(Ok(active.external_addr)),
            State::Failed(Error::TimedOut) if self.has_timeout => Some(Err(Error::TimedOut)),
            State::Unmapping | State::Unmapped => Some(Err(self.handle.end_error())),
            State::Pending | State::Failed(_) => None,
        };
        self.handle.wait(look).await
    }

    /// Waits for the next change and returns the state after it.
    ///
    /// This is a watch: several changes between two calls are one, and the newest state is
    /// returned. A change that came before the first call counts, unless `.await` on the request has
    /// told it. [`State::Active`] again with the same address means that the mapping had been lost
    /// and is back.
    ///
    /// # Errors
    /// [`Error::Closed`] when its client is shut down: nothing follows.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing: a change that was not returned is returned by the next
    /// call.
    pub async fn changed(&self) -> Result<State, Error> {
        self.handle
            .changed()
            .await
            .ok_or_else(|| self.handle.end_error())
    }

    /// Every change from now on, [`State::Unmapped`] last.
    ///
    /// Read [`state`](Self::state) after this call for what was before.
    pub fn events(&self) -> Events {
        self.handle.events()
    }

    /// Unmaps the port and waits until that is done: the router has confirmed it, or the client's
    /// shutdown time-out (2 s by default) is over.
    ///
    /// # Cancel safety
    /// Dropping the future lets the unmapping go on in the background.
    pub async fn unmap(self) {
        self.handle.unmap();
        self.handle
            .wait(|| self.handle.has_ended().then_some(()))
            .await;
    }
}

impl fmt::Debug for Mapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mapping")
            .field("id", &self.id())
            .field("transport", &self.transport)
            .field("internal_port", &self.internal_port)
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}
