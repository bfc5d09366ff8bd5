//! The loopback server: two threads that own nothing but the road between sockets and the model.
//!
//! The receiver blocks in `recv_from`; it is woken by a datagram from the server to itself. The
//! sender sleeps on a condition until the model's deadline, which is finer than a socket time-out.
//! Both drain the model's outbox under the one lock, so packets leave in the model's order.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, Type};

use crate::error::StartError;
use crate::model::{Model, Source};

/// Longer than any PCP or NAT-PMP request: what does not fit is too long anyway.
const BUFFER: usize = 2048;

/// How long to wait for the receiver before it is woken once more: its queue may have been full.
const WAKE_AGAIN: Duration = Duration::from_millis(50);

pub(crate) struct Server {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

pub(crate) struct Shared {
    core: Mutex<Core>,
    /// Something happened: waiters look again.
    changed: Condvar,
    /// The deadline moved: the sender looks again.
    moved: Condvar,
    /// The socket is there again, or never will be: the receiver looks again.
    reopened: Condvar,
    start: Instant,
    addr: SocketAddr,
    waker: UdpSocket,
    waker_addr: SocketAddr,
}

pub(crate) struct Core {
    pub(crate) model: Model,
    /// `None` while the port is closed.
    socket: Option<Arc<UdpSocket>>,
    /// Where answers from a wrong port come from.
    other: UdpSocket,
    /// The receiver holds no socket.
    parked: bool,
    stopping: bool,
}

impl Server {
    pub(crate) fn start(model: Model, listen: SocketAddr) -> Result<Self, StartError> {
        let bind_error = |source| StartError::Bind {
            addr: listen,
            source,
        };
        let socket = bind(listen).map_err(bind_error)?;
        let addr = socket.local_addr().map_err(bind_error)?;
        let other = bind(SocketAddr::new(listen.ip(), 0)).map_err(bind_error)?;
        let waker = bind(SocketAddr::new(reachable(addr).ip(), 0)).map_err(bind_error)?;
        let waker_addr = waker.local_addr().map_err(bind_error)?;
        let core = Core {
            model,
            socket: Some(Arc::new(socket)),
            other,
            parked: true,
            stopping: false,
        };
        let shared = Arc::new(Shared {
            core: Mutex::new(core),
            changed: Condvar::new(),
            moved: Condvar::new(),
            reopened: Condvar::new(),
            start: Instant::now(),
            addr,
            waker,
            waker_addr,
        });
        let mut server = Self {
            shared,
            threads: Vec::new(),
        };
        server.spawn("gateway-receive", Shared::receive)?;
        server.spawn("gateway-send", Shared::send)?;
        Ok(server)
    }

    fn spawn(&mut self, name: &str, body: fn(&Shared)) -> Result<(), StartError> {
        let shared = Arc::clone(&self.shared);
        let builder = thread::Builder::new().name(name.to_owned());
        let thread = builder
            .spawn(move || body(&shared))
            .map_err(StartError::Thread)?;
        self.threads.push(thread);
        Ok(())
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let mut core = self.shared.lock();
        core.stopping = true;
        core.socket = None;
        self.shared.moved.notify_all();
        self.shared.reopened.notify_all();
        drop(self.shared.park_receiver(core));
        for thread in self.threads.drain(..) {
            // A thread that panicked has said so on stderr; there is nobody to tell here.
            let _ = thread.join();
        }
    }
}

impl Shared {
    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    pub(crate) fn start_instant(&self) -> Instant {
        self.start
    }

    pub(crate) fn now(&self) -> Duration {
        self.start.elapsed()
    }

    /// The model, brought to the present.
    pub(crate) fn with<T>(&self, act: impl FnOnce(&mut Model, Duration) -> T) -> T {
        let mut core = self.lock();
        let now = self.now();
        core.model.advance(now);
        let outcome = act(&mut core.model, now);
        self.settle(&mut core);
        outcome
    }

    /// Waits until `found` gives something, or returns `None` after `timeout`.
    pub(crate) fn wait<T>(
        &self,
        timeout: Duration,
        mut found: impl FnMut(&Model) -> Option<T>,
    ) -> Option<T> {
        let end = Instant::now() + timeout;
        let mut core = self.lock();
        loop {
            core.model.advance(self.now());
            if let Some(it) = found(&core.model) {
                return Some(it);
            }
            let left = end.checked_duration_since(Instant::now())?;
            core = self.wait_on(&self.changed, core, Some(left));
        }
    }

    /// Gives the port back to the system, which refuses what comes for it from then on.
    pub(crate) fn close(&self) {
        let mut core = self.lock();
        let now = self.now();
        core.model.close(now);
        core.socket = None;
        self.settle(&mut core);
        drop(self.park_receiver(core));
    }

    /// Takes the port again, and brings the daemon back by `act`.
    pub(crate) fn open(&self, act: impl FnOnce(&mut Model, Duration)) -> io::Result<()> {
        let mut core = self.lock();
        if core.socket.is_none() {
            core.socket = Some(Arc::new(bind(self.addr)?));
            self.reopened.notify_all();
        }
        let now = self.now();
        act(&mut core.model, now);
        self.settle(&mut core);
        Ok(())
    }

    /// Waits until the receiver has let go of its socket.
    fn park_receiver<'a>(&self, mut core: MutexGuard<'a, Core>) -> MutexGuard<'a, Core> {
        while !core.parked {
            if let Err(error) = self.waker.send_to(&[], reachable(self.addr)) {
                ::log::debug!("gateway {}: cannot wake the receiver: {error}", self.addr);
            }
            core = self.wait_on(&self.changed, core, Some(WAKE_AGAIN));
        }
        core
    }

    fn receive(&self) {
        let _parked = ParkedAtLast(self);
        let mut buffer = [0; BUFFER];
        while let Some(socket) = self.next_socket() {
            self.receive_from(&socket, &mut buffer);
        }
    }

    /// The socket to listen on; parks while there is none, and ends with the server.
    fn next_socket(&self) -> Option<Arc<UdpSocket>> {
        let mut core = self.lock();
        loop {
            if let Some(socket) = &core.socket {
                let socket = Arc::clone(socket);
                core.parked = false;
                return Some(socket);
            }
            core.parked = true;
            self.changed.notify_all();
            if core.stopping {
                return None;
            }
            core = self.wait_on(&self.reopened, core, None);
        }
    }

    fn receive_from(&self, socket: &Arc<UdpSocket>, buffer: &mut [u8]) {
        let mut failures = 0;
        loop {
            let received = socket.recv_from(buffer);
            let mut core = self.lock();
            if !core
                .socket
                .as_ref()
                .is_some_and(|current| Arc::ptr_eq(current, socket))
            {
                return;
            }
            match received {
                Ok((_, from)) if from == self.waker_addr => {}
                Ok((length, from)) => {
                    failures = 0;
                    let now = self.now();
                    core.model.receive(now, from, &buffer[..length]);
                    self.settle(&mut core);
                }
                // Some systems report here what an earlier answer met (a reset, a time-out).
                Err(error) if failures < 100 => {
                    failures += 1;
                    ::log::debug!("gateway {}: receive: {error}", self.addr);
                }
                Err(error) => {
                    ::log::error!("gateway {} gives its port up: {error}", self.addr);
                    let now = self.now();
                    core.model.close(now);
                    core.socket = None;
                    return;
                }
            }
        }
    }

    fn send(&self) {
        let mut core = self.lock();
        while !core.stopping {
            self.drain(&mut core);
            self.changed.notify_all();
            let now = self.now();
            let wait = core.model.deadline().map(|at| at.saturating_sub(now));
            if wait != Some(Duration::ZERO) {
                core = self.wait_on(&self.moved, core, wait);
            }
        }
    }

    /// After anything happened: sends what is due, and tells everybody who waits.
    fn settle(&self, core: &mut Core) {
        self.drain(core);
        self.moved.notify_all();
        self.changed.notify_all();
    }

    fn drain(&self, core: &mut Core) {
        while let Some(packet) = core.model.poll(self.now()) {
            let socket = match packet.source {
                Source::Service => core.socket.as_deref(),
                Source::Other => Some(&core.other),
            };
            let sent = match socket {
                Some(socket) => socket.send_to(&packet.bytes, packet.to).map(drop),
                None => Err(io::ErrorKind::NotConnected.into()),
            };
            if let Err(error) = sent {
                ::log::debug!("gateway {}: to {}: {error}", self.addr, packet.to);
                core.model.send_failed(&packet);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Core> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_on<'a>(
        &self,
        condition: &Condvar,
        core: MutexGuard<'a, Core>,
        timeout: Option<Duration>,
    ) -> MutexGuard<'a, Core> {
        match timeout {
            None => condition.wait(core).unwrap_or_else(PoisonError::into_inner),
            Some(timeout) => {
                let woken = condition.wait_timeout(core, timeout);
                woken.unwrap_or_else(PoisonError::into_inner).0
            }
        }
    }
}

/// Says that the receiver is gone, also when it panicked: who waits for that must not hang.
struct ParkedAtLast<'a>(&'a Shared);

impl Drop for ParkedAtLast<'_> {
    fn drop(&mut self) {
        self.0.lock().parked = true;
        self.0.changed.notify_all();
    }
}

/// A UDP socket whose multicasts stay on the link of its own address.
fn bind(addr: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(addr), Type::DGRAM, Some(Protocol::UDP))?;
    match addr.ip() {
        IpAddr::V4(ip) => {
            if !ip.is_unspecified() {
                socket.set_multicast_if_v4(&ip)?;
            }
            socket.set_multicast_ttl_v4(1)?;
        }
        IpAddr::V6(_) => {
            socket.set_only_v6(true)?;
            socket.set_multicast_hops_v6(1)?;
        }
    }
    socket.bind(&addr.into())?;
    Ok(socket.into())
}

/// Where a datagram to this server can be sent from this host.
fn reachable(addr: SocketAddr) -> SocketAddr {
    let ip = match addr.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, addr.port())
}
