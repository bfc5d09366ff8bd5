//! UDP sockets and their receivers. A receiver blocks in `recv_from`; it is woken by a datagram from
//! the server to itself, and the one of a multicast group, which no such datagram reaches, by its
//! time-out.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::{Arc, MutexGuard};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

use super::{reachable, Core, Shared, WAKE_AGAIN};
use crate::error::StartError;
use crate::model::upnp::ssdp;

/// Longer than any request: what does not fit is too long anyway.
const BUFFER: usize = 5_000;

/// How often the receiver of a multicast group looks up.
const LOOK_UP: Duration = Duration::from_millis(100);

/// What a socket is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UdpUse {
    /// PCP and NAT-PMP.
    Service,
    /// Searches sent to the gateway itself; answers and announcements leave from here.
    Ssdp,
    /// Searches sent to the multicast group.
    Group,
}

pub(super) struct UdpDoor {
    used: UdpUse,
    /// The gateway's own address, for a group too.
    addr: SocketAddr,
    /// `None` while it is closed.
    socket: Option<Arc<UdpSocket>>,
    /// The receiver holds no socket.
    parked: bool,
}

impl UdpDoor {
    pub(super) fn bind(used: UdpUse, addr: SocketAddr) -> Result<Self, StartError> {
        let failed = |source| StartError::Bind { addr, source };
        let socket = bind_for(used, addr).map_err(failed)?;
        let port = socket.local_addr().map_err(failed)?.port();
        let mut addr = addr;
        addr.set_port(port);
        Ok(Self {
            used,
            addr,
            socket: Some(Arc::new(socket)),
            parked: true,
        })
    }

    pub(super) fn open(&mut self) -> io::Result<()> {
        if self.socket.is_none() {
            self.socket = Some(Arc::new(bind_for(self.used, self.addr)?));
        }
        Ok(())
    }

    pub(super) fn close(&mut self) {
        self.socket = None;
    }

    pub(super) fn is(&self, used: UdpUse) -> bool {
        self.used == used
    }

    pub(super) fn used(&self) -> UdpUse {
        self.used
    }

    pub(super) fn addr(&self) -> SocketAddr {
        self.addr
    }

    pub(super) fn socket(&self) -> Option<&UdpSocket> {
        self.socket.as_deref()
    }
}

impl Shared {
    /// Waits until no receiver of a closed door holds its socket.
    pub(super) fn park_receivers<'a>(
        &self,
        mut core: MutexGuard<'a, Core>,
    ) -> MutexGuard<'a, Core> {
        loop {
            let busy = core.udp.iter().filter(|d| d.socket.is_none() && !d.parked);
            let busy: Vec<SocketAddr> = busy.map(|d| d.addr).collect();
            if busy.is_empty() {
                return core;
            }
            for addr in busy {
                if let Err(error) = self.waker.send_to(&[], reachable(addr)) {
                    ::log::debug!("gateway {addr}: cannot wake the receiver: {error}");
                }
            }
            core = self.wait_on(&self.changed, core, Some(WAKE_AGAIN));
        }
    }

    pub(super) fn receive(&self, door: usize) {
        let _parked = ParkedAtLast(self, door);
        let mut buffer = [0; BUFFER];
        while let Some((socket, used)) = self.next_socket(door) {
            self.receive_from(door, &socket, used, &mut buffer);
        }
    }

    /// The socket to listen on; parks while there is none, and ends with the server.
    fn next_socket(&self, door: usize) -> Option<(Arc<UdpSocket>, UdpUse)> {
        let mut core = self.lock();
        loop {
            let stopping = core.stopping;
            let this = &mut core.udp[door];
            if let Some(socket) = &this.socket {
                let socket = Arc::clone(socket);
                this.parked = false;
                return Some((socket, this.used));
            }
            this.parked = true;
            self.changed.notify_all();
            if stopping {
                return None;
            }
            core = self.wait_on(&self.reopened, core, None);
        }
    }

    fn receive_from(&self, door: usize, socket: &Arc<UdpSocket>, used: UdpUse, buffer: &mut [u8]) {
        let mut failures = 0;
        loop {
            let received = socket.recv_from(buffer);
            let mut core = self.lock();
            let is_current = |current: &Arc<UdpSocket>| Arc::ptr_eq(current, socket);
            if !core.udp[door].socket.as_ref().is_some_and(is_current) {
                return;
            }
            match received {
                Ok((_, from)) if from == self.waker_addr => {}
                Ok((length, from)) => {
                    failures = 0;
                    let now = self.now();
                    let bytes = &buffer[..length];
                    match used {
                        UdpUse::Service => {
                            core.model.receive(now, from, bytes);
                        }
                        UdpUse::Ssdp => core.model.receive_ssdp(now, from, false, bytes),
                        UdpUse::Group => core.model.receive_ssdp(now, from, true, bytes),
                    }
                    self.settle(&mut core);
                }
                Err(error)
                    if used == UdpUse::Group
                        && matches!(
                            error.kind(),
                            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
                        ) => {}
                // Some systems report here what an earlier answer met (a reset, a time-out).
                Err(error) if failures < 100 => {
                    failures += 1;
                    ::log::debug!("gateway {}: receive: {error}", self.addr);
                }
                Err(error) => {
                    ::log::error!("gateway {} gives a port up: {error}", self.addr);
                    if used == UdpUse::Service {
                        let now = self.now();
                        core.model.close(now);
                    }
                    core.udp[door].socket = None;
                    return;
                }
            }
        }
    }
}

/// Says that the receiver is gone, also when it panicked: who waits for that must not hang.
struct ParkedAtLast<'a>(&'a Shared, usize);

impl Drop for ParkedAtLast<'_> {
    fn drop(&mut self) {
        self.0.lock().udp[self.1].parked = true;
        self.0.changed.notify_all();
    }
}

fn bind_for(used: UdpUse, addr: SocketAddr) -> io::Result<UdpSocket> {
    match used {
        UdpUse::Service | UdpUse::Ssdp => bind(addr),
        UdpUse::Group => bind_group(addr),
    }
}

/// A UDP socket whose multicasts stay on the link of its own address.
pub(super) fn bind(addr: SocketAddr) -> io::Result<UdpSocket> {
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

/// A socket that hears what is sent to SSDP's group on the link of this address.
fn bind_group(addr: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(addr), Type::DGRAM, Some(Protocol::UDP))?;
    // Other listeners of this host hear the group too.
    socket.set_reuse_address(true)?;
    let group = match addr {
        SocketAddr::V4(_) => ssdp::GROUP_V4.ip(),
        SocketAddr::V6(_) => ssdp::GROUP_V6.ip(),
    };
    match (group, addr) {
        (IpAddr::V4(group), SocketAddr::V4(own)) => {
            // Bound to the group, the socket hears nothing else; Windows cannot do so.
            let ip = if cfg!(windows) {
                Ipv4Addr::UNSPECIFIED
            } else {
                group
            };
            socket.bind(&SocketAddr::from((ip, addr.port())).into())?;
            socket.join_multicast_v4(&group, own.ip())?;
        }
        (IpAddr::V6(group), SocketAddr::V6(own)) => {
            socket.set_only_v6(true)?;
            socket.bind(&SocketAddr::from((Ipv6Addr::UNSPECIFIED, addr.port())).into())?;
            socket.join_multicast_v6(&group, own.scope_id())?;
        }
        _ => return Err(io::ErrorKind::InvalidInput.into()),
    }
    socket.set_read_timeout(Some(LOOK_UP))?;
    Ok(socket.into())
}
