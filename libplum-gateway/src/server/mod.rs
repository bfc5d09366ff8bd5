//! The loopback server: threads that own nothing but the road between sockets and the model.
//!
//! One thread receives on each UDP socket, one accepts on each HTTP port, one serves each
//! connection; the sender sleeps on a condition until the model's deadline, which is finer than a
//! socket time-out. All drain the model's outbox under the one lock, so packets leave in the model's
//! order. Nobody writes to a TCP connection under the lock: what is to be written waits in a mailbox
//! for the connection's own thread.

mod tcp;
mod udp;

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::error::StartError;
use crate::model::upnp::StreamId;
use crate::model::{Model, Source};
use tcp::{Mailbox, TcpDoor};
use udp::{UdpDoor, UdpUse};

/// How long to wait for a receiver before it is woken once more: its queue may have been full.
const WAKE_AGAIN: Duration = Duration::from_millis(50);

/// Which addresses a gateway listens on; port 0 means any.
#[derive(Debug, Clone)]
pub(crate) struct Listen {
    pub(crate) service: SocketAddr,
    /// SSDP's own address, and whether its multicast group is joined.
    pub(crate) ssdp: Option<(SocketAddr, bool)>,
    pub(crate) http: Vec<SocketAddr>,
}

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
    /// A socket is there again, or never will be: receivers look again.
    reopened: Condvar,
    start: Instant,
    addr: SocketAddr,
    ssdp: Option<SocketAddr>,
    waker: UdpSocket,
    waker_addr: SocketAddr,
}

pub(crate) struct Core {
    pub(crate) model: Model,
    udp: Vec<UdpDoor>,
    tcp: Vec<TcpDoor>,
    streams: HashMap<StreamId, Mailbox>,
    /// Where answers from a wrong port come from.
    other: UdpSocket,
    stopping: bool,
}

impl Server {
    pub(crate) fn start(model: Model, listen: &Listen) -> Result<Self, StartError> {
        let bind_error = |addr| move |source| StartError::Bind { addr, source };
        let service = UdpDoor::bind(UdpUse::Service, listen.service)?;
        let addr = service.addr();
        let mut udp = vec![service];
        if let Some((ssdp, joins)) = listen.ssdp {
            let door = UdpDoor::bind(UdpUse::Ssdp, ssdp)?;
            let ssdp = door.addr();
            udp.push(door);
            if joins {
                udp.push(UdpDoor::bind(UdpUse::Group, ssdp)?);
            }
        }
        let tcp = listen
            .http
            .iter()
            .map(|&addr| TcpDoor::bind(addr))
            .collect::<Result<Vec<_>, _>>()?;
        let any = SocketAddr::new(listen.service.ip(), 0);
        let other = udp::bind(any).map_err(bind_error(any))?;
        let any = SocketAddr::new(reachable(addr).ip(), 0);
        let waker = udp::bind(any).map_err(bind_error(any))?;
        let waker_addr = waker.local_addr().map_err(bind_error(any))?;
        let (udp_doors, tcp_doors) = (udp.len(), tcp.len());
        let ssdp = udp.iter().find(|d| d.is(UdpUse::Ssdp)).map(UdpDoor::addr);
        let mut core = Core {
            model,
            udp,
            tcp,
            streams: HashMap::new(),
            other,
            stopping: false,
        };
        if !core.wants(UdpUse::Service) {
            core.udp[0].close(); // a gateway that speaks UPnP alone
        }
        core.tell_http();
        let shared = Arc::new(Shared {
            core: Mutex::new(core),
            changed: Condvar::new(),
            moved: Condvar::new(),
            reopened: Condvar::new(),
            start: Instant::now(),
            addr,
            ssdp,
            waker,
            waker_addr,
        });
        let mut server = Self {
            shared,
            threads: Vec::new(),
        };
        for door in 0..udp_doors {
            server.spawn("gateway-receive", move |shared| shared.receive(door))?;
        }
        for door in 0..tcp_doors {
            server.spawn("gateway-accept", move |shared| Shared::accept(shared, door))?;
        }
        server.spawn("gateway-send", |shared| shared.send())?;
        Ok(server)
    }

    fn spawn(
        &mut self,
        name: &str,
        body: impl FnOnce(&Arc<Shared>) + Send + 'static,
    ) -> Result<(), StartError> {
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
        self.shared.moved.notify_all();
        core = self.shared.shut(core);
        self.shared.reopened.notify_all();
        drop(core);
        for thread in self.threads.drain(..) {
            // A thread that panicked has said so on stderr; there is nobody to tell here.
            let _ = thread.join();
        }
    }
}

impl Core {
    /// Whether the present settings have a use for this socket.
    fn wants(&self, used: UdpUse) -> bool {
        let knobs = self.model.knobs();
        match used {
            UdpUse::Service => knobs.pcp || knobs.nat_pmp,
            UdpUse::Ssdp | UdpUse::Group => knobs.upnp.on,
        }
    }

    fn tell_http(&mut self) {
        let doors = self.tcp.iter().map(TcpDoor::addr).collect();
        self.model.set_http(doors);
    }

    fn socket_of(&self, used: UdpUse) -> Option<&UdpSocket> {
        self.udp.iter().find(|d| d.is(used))?.socket()
    }
}

impl Shared {
    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    pub(crate) fn ssdp_addr(&self) -> Option<SocketAddr> {
        self.ssdp
    }

    pub(crate) fn http_addrs(&self) -> Vec<SocketAddr> {
        self.lock().tcp.iter().map(TcpDoor::addr).collect()
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

    /// Gives all ports back to the system, which refuses what comes for them from then on.
    pub(crate) fn close(&self) {
        let mut core = self.lock();
        let now = self.now();
        core.model.close(now);
        self.settle(&mut core);
        drop(self.shut(core));
    }

    /// Takes the ports again, and brings the daemon back by `act`. `restarts` ends all connections.
    pub(crate) fn open(
        &self,
        restarts: bool,
        act: impl FnOnce(&mut Model, Duration),
    ) -> io::Result<()> {
        let mut core = self.lock();
        let moves = restarts && core.model.knobs().upnp.moving_port;
        if moves {
            core = self.shut_tcp(core);
        } else if restarts {
            core = self.end_streams(core);
        }
        for i in 0..core.udp.len() {
            if core.wants(core.udp[i].used()) {
                core.udp[i].open()?;
            }
        }
        if core.model.knobs().upnp.on {
            for door in &mut core.tcp {
                door.open(moves)?;
            }
        }
        core.tell_http();
        self.reopened.notify_all();
        let now = self.now();
        act(&mut core.model, now);
        Self::end_forgotten(&core);
        self.settle(&mut core);
        Ok(())
    }

    /// Closes all sockets and waits until nobody holds one.
    fn shut<'a>(&'a self, mut core: MutexGuard<'a, Core>) -> MutexGuard<'a, Core> {
        for door in &mut core.udp {
            door.close();
        }
        core = self.park_receivers(core);
        self.shut_tcp(core)
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
            } else {
                core.model.advance(now);
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
                Source::Service => core.socket_of(UdpUse::Service),
                Source::Ssdp => core.socket_of(UdpUse::Ssdp),
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
        while let Some(transmit) = core.model.poll_stream(self.now()) {
            if let Some(mailbox) = core.streams.get_mut(&transmit.stream) {
                mailbox.put(transmit.event);
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

/// Where this server can be reached from this host.
fn reachable(addr: SocketAddr) -> SocketAddr {
    let ip = match addr.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        _ => return addr,
    };
    SocketAddr::new(ip, addr.port())
}
