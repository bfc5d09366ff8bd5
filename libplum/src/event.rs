//! What users match on: transports, protocols, states and changes; and the streams of changes.

use std::fmt;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use async_channel::{Receiver, Sender, TryRecvError};
use futures::Stream;

use crate::bridge::sync::{lock, Mutex};
use crate::latest::Signal;
use crate::Error;

/// What is mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Transport {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
        })
    }
}

/// How it is mapped: the protocol spoken to the router.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Protocol {
    /// The Port Control Protocol, RFC 6887.
    Pcp,
    /// The NAT Port Mapping Protocol, RFC 6886.
    NatPmp,
    /// UPnP's Internet Gateway Device.
    Upnp,
    /// None: this host has a public address itself.
    Direct,
    /// A number of the engine that this version of the crate does not know.
    Unknown(u32),
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pcp => f.pad("PCP"),
            Self::NatPmp => f.pad("NAT-PMP"),
            Self::Upnp => f.pad("UPnP"),
            Self::Direct => f.pad("direct"),
            Self::Unknown(number) => write!(f, "protocol {number}"),
        }
    }
}

/// An address family, for [`MapRequest::family`](crate::MapRequest::family).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// A mapping's number: never used twice in one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MappingId(pub(crate) i32);

impl fmt::Display for MappingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The state of a mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// The first answer is awaited.
    Pending,
    /// The port is open.
    Active(Active),
    /// The port is not open; the engine goes on trying.
    Failed(Error),
    /// It is being unmapped.
    Unmapping,
    /// It is unmapped. Nothing follows.
    Unmapped,
}

/// An open port.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Active {
    /// Where the world reaches it.
    pub external_addr: SocketAddr,
    /// Where the router sends what comes in; `None` when the engine does not know the address.
    pub local_addr: Option<SocketAddr>,
    /// The router that was asked; `None` for [`Protocol::Direct`].
    pub gateway: Option<SocketAddr>,
    /// How it is mapped.
    pub protocol: Protocol,
    /// As the router granted it (24 hours at most); `None` when it has no end.
    pub lifetime: Option<Duration>,
}

/// One change of one mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change {
    /// Which mapping.
    pub id: MappingId,
    /// What it maps.
    pub transport: Transport,
    /// The port of this host.
    pub internal_port: u16,
    /// What it is now: [`State::Active`], [`State::Failed`] or, once and last, [`State::Unmapped`].
    ///
    /// Active again with the same address means that the mapping had been lost and is back.
    pub state: State,
}

/// Changes kept for a stream that is not polled; older ones give way.
const BACKLOG: usize = 64;

/// A stream of changes, from [`Mapping::events`](crate::Mapping::events) or
/// [`Client::events`](crate::Client::events).
///
/// It begins with the first change after the call that made it and ends when nothing can follow.
/// Each stream has a queue of its own, of 64 changes: when it is not polled for so long, the oldest
/// give way. It keeps neither client nor mapping alive.
#[must_use = "a stream does nothing unless it is polled"]
pub struct Events {
    /// Boxed, because a receiver must not move and a stream should be free to.
    receiver: Box<Receiver<Change>>,
    signal: Arc<Signal>,
    key: Option<u64>,
}

impl Stream for Events {
    type Item = Change;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Change>> {
        let this = self.get_mut();
        // Wakers are kept by our own signal and not by the channel, which wakes under its lock.
        for listening in [false, true] {
            match this.receiver.try_recv() {
                Ok(change) => return Poll::Ready(Some(change)),
                Err(TryRecvError::Closed) => return Poll::Ready(None),
                Err(TryRecvError::Empty) if listening => {}
                Err(TryRecvError::Empty) => this.signal.listen(&mut this.key, cx.waker()),
            }
        }
        Poll::Pending
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.signal.forget(self.key);
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events")
            .field("queued", &self.receiver.len())
            .finish_non_exhaustive()
    }
}

/// Feeds the streams of one mapping or one client.
pub(crate) struct Broadcast(Mutex<Option<Vec<Subscriber>>>);

struct Subscriber {
    sender: Sender<Change>,
    signal: Arc<Signal>,
}

impl Broadcast {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Some(Vec::new())))
    }

    /// A stream of what follows; at its end already when nothing can.
    pub(crate) fn subscribe(&self) -> Events {
        let (sender, receiver) = async_channel::bounded(BACKLOG);
        let signal = Arc::new(Signal::new());
        if let Some(subscribers) = lock(&self.0).as_mut() {
            subscribers.retain(|s| !s.sender.is_closed());
            subscribers.push(Subscriber {
                sender,
                signal: signal.clone(),
            });
        }
        Events {
            receiver: Box::new(receiver),
            signal,
            key: None,
        }
    }

    /// Queues a change everywhere; adds the wakers to wake, once no lock is held.
    pub(crate) fn send(&self, change: &Change, wakers: &mut Vec<Waker>) {
        if let Some(subscribers) = lock(&self.0).as_mut() {
            // An error says that the stream is gone.
            subscribers.retain(|s| s.sender.force_send(change.clone()).is_ok());
            for subscriber in subscribers {
                wakers.append(&mut subscriber.signal.take());
            }
        }
    }

    /// Nothing follows.
    pub(crate) fn end(&self, wakers: &mut Vec<Waker>) {
        let subscribers = lock(&self.0).take();
        for Subscriber { sender, signal } in subscribers.into_iter().flatten() {
            drop(sender);
            wakers.append(&mut signal.take());
        }
    }
}

impl Drop for Broadcast {
    fn drop(&mut self) {
        let mut wakers = Vec::new();
        self.end(&mut wakers);
        crate::bridge::wake(wakers);
    }
}
