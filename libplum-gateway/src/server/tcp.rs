//! HTTP ports and their connections: a thread accepts on each port, and a thread serves each
//! connection, reading while the model waits for the client and writing while the client waits.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use socket2::SockRef;

use super::{reachable, Core, Shared, WAKE_AGAIN};
use crate::error::StartError;
use crate::model::upnp::{StreamEvent, StreamId};

/// How long one write may wait for a client that does not read.
const WRITE: Duration = Duration::from_secs(5);

/// How long, and how much, is read from a client after its last answer, so that closing does not
/// reset what it has yet to read (RFC 9112 §9.6).
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: usize = 256 * 1024;

pub(super) struct TcpDoor {
    addr: SocketAddr,
    /// `None` while it is closed.
    listener: Option<Arc<TcpListener>>,
    /// The accepting thread holds no listener.
    parked: bool,
}

impl TcpDoor {
    pub(super) fn bind(addr: SocketAddr) -> Result<Self, StartError> {
        let failed = |source| StartError::Bind { addr, source };
        let listener = TcpListener::bind(addr).map_err(failed)?;
        let addr = listener.local_addr().map_err(failed)?;
        Ok(Self {
            addr,
            listener: Some(Arc::new(listener)),
            parked: true,
        })
    }

    /// Opens it again, on another port when it `moves`.
    pub(super) fn open(&mut self, moves: bool) -> io::Result<()> {
        if self.listener.is_some() {
            return Ok(());
        }
        let mut addr = self.addr;
        if moves {
            // While this socket holds the old port, the new one is another.
            let held = TcpListener::bind(self.addr);
            addr.set_port(0);
            let listener = TcpListener::bind(addr)?;
            drop(held);
            self.addr = listener.local_addr()?;
            self.listener = Some(Arc::new(listener));
            return Ok(());
        }
        self.listener = Some(Arc::new(TcpListener::bind(addr)?));
        Ok(())
    }

    pub(super) fn addr(&self) -> SocketAddr {
        self.addr
    }
}

/// What is to be written to a connection, in order.
pub(super) struct Mailbox {
    socket: Arc<TcpStream>,
    out: VecDeque<StreamEvent>,
    /// Its thread waits for the client.
    reading: bool,
}

impl Mailbox {
    pub(super) fn put(&mut self, event: StreamEvent) {
        self.out.push_back(event);
        if self.reading {
            // The model speaks unasked only to end: nothing more is read. An error means that the
            // client is gone already.
            let _ = self.socket.shutdown(Shutdown::Read);
        }
    }
}

impl Shared {
    /// Closes the HTTP ports and all connections, and waits until nobody holds one.
    pub(super) fn shut_tcp<'a>(&'a self, mut core: MutexGuard<'a, Core>) -> MutexGuard<'a, Core> {
        for door in &mut core.tcp {
            door.listener = None;
        }
        loop {
            let busy = core.tcp.iter().filter(|d| !d.parked).map(|d| d.addr);
            let busy: Vec<SocketAddr> = busy.collect();
            if busy.is_empty() {
                return self.end_streams(core);
            }
            drop(core);
            for addr in busy {
                if let Err(error) = TcpStream::connect_timeout(&reachable(addr), WAKE_AGAIN) {
                    ::log::debug!("gateway {addr}: cannot wake who accepts: {error}");
                }
            }
            core = self.lock();
            if core.tcp.iter().any(|d| !d.parked) {
                core = self.wait_on(&self.changed, core, Some(WAKE_AGAIN));
            }
        }
    }

    /// Ends all connections and waits for their threads.
    pub(super) fn end_streams<'a>(
        &'a self,
        mut core: MutexGuard<'a, Core>,
    ) -> MutexGuard<'a, Core> {
        // Those that come meanwhile, through a port that stays open, are none of ours.
        let mut ids: Vec<StreamId> = core.streams.keys().copied().collect();
        loop {
            ids.retain(|id| core.streams.contains_key(id));
            if ids.is_empty() {
                return core;
            }
            let now = self.now();
            for &id in &ids {
                core.model.stream_gone(now, id);
                if let Some(mailbox) = core.streams.get_mut(&id) {
                    mailbox.out.clear();
                    // An error means that it is closed already.
                    let _ = mailbox.socket.shutdown(Shutdown::Both);
                }
            }
            self.changed.notify_all();
            core = self.wait_on(&self.changed, core, Some(WAKE_AGAIN));
        }
    }

    /// Hangs up on whom the model has forgotten.
    pub(super) fn end_forgotten(core: &Core) {
        for (&id, mailbox) in &core.streams {
            if !core.model.has_stream(id) && mailbox.out.is_empty() {
                // An error means that it is closed already.
                let _ = mailbox.socket.shutdown(Shutdown::Both);
            }
        }
    }

    pub(super) fn accept(this: &Arc<Self>, door: usize) {
        let _parked = ParkedAtLast(this, door);
        while let Some(listener) = this.next_listener(door) {
            loop {
                let accepted = listener.accept();
                let core = this.lock();
                let is_current = |current: &Arc<TcpListener>| Arc::ptr_eq(current, &listener);
                if !core.tcp[door].listener.as_ref().is_some_and(is_current) {
                    break;
                }
                match accepted {
                    Ok((socket, peer)) => Self::welcome(this, core, door, socket, peer),
                    Err(error) => {
                        // Out of descriptors, or a client that left while it waited.
                        ::log::debug!("gateway {}: accept: {error}", this.addr);
                        drop(this.wait_on(&this.changed, core, Some(WAKE_AGAIN)));
                    }
                }
            }
        }
    }

    fn next_listener(&self, door: usize) -> Option<Arc<TcpListener>> {
        let mut core = self.lock();
        loop {
            let stopping = core.stopping;
            let this = &mut core.tcp[door];
            if let Some(listener) = &this.listener {
                let listener = Arc::clone(listener);
                this.parked = false;
                return Some(listener);
            }
            this.parked = true;
            self.changed.notify_all();
            if stopping {
                return None;
            }
            core = self.wait_on(&self.reopened, core, None);
        }
    }

    /// Gives a connection to a thread of its own, or closes it.
    fn welcome(
        this: &Arc<Self>,
        mut core: MutexGuard<'_, Core>,
        door: usize,
        socket: TcpStream,
        peer: SocketAddr,
    ) {
        let now = this.now();
        // Connections that linger are none of the model's any more, but they are threads.
        let most = 2 * core.model.knobs().upnp.max_connections;
        if core.streams.len() >= most {
            return;
        }
        let Some(id) = core.model.connect(now, door, peer) else {
            return;
        };
        let socket = Arc::new(socket);
        let mailbox = Mailbox {
            socket: Arc::clone(&socket),
            out: VecDeque::new(),
            reading: false,
        };
        core.streams.insert(id, mailbox);
        let shared = Arc::clone(this);
        let thread = thread::Builder::new().name("gateway-http".to_owned());
        let spawned = thread.spawn(move || {
            let _gone = GoneAtLast(&shared, id);
            if let Err(error) = shared.serve_stream(id, &socket) {
                ::log::debug!("gateway {}: connection from {peer}: {error}", shared.addr);
            }
        });
        if let Err(error) = spawned {
            ::log::error!("gateway {}: no thread for a connection: {error}", this.addr);
            core.model.stream_gone(now, id);
            core.streams.remove(&id);
        }
        this.settle(&mut core);
    }

    fn serve_stream(&self, id: StreamId, socket: &TcpStream) -> io::Result<()> {
        socket.set_nodelay(true)?;
        socket.set_write_timeout(Some(WRITE))?;
        let mut buffer = [0; 4096];
        let mut ended = false;
        loop {
            let mut core = self.lock();
            let Some(mailbox) = core.streams.get_mut(&id) else {
                return Ok(());
            };
            if let Some(event) = mailbox.out.pop_front() {
                drop(core);
                match event {
                    StreamEvent::Send(bytes) => (&mut &*socket).write_all(&bytes)?,
                    StreamEvent::Close => return linger(socket),
                    StreamEvent::Reset => {
                        return SockRef::from(socket).set_linger(Some(Duration::ZERO))
                    }
                }
                continue;
            }
            if !core.model.has_stream(id) {
                return Ok(());
            }
            if ended || core.model.stream_is_busy(id) {
                drop(self.wait_on(&self.changed, core, None));
                continue;
            }
            if let Some(mailbox) = core.streams.get_mut(&id) {
                mailbox.reading = true;
            }
            drop(core);
            let read = (&mut &*socket).read(&mut buffer);
            let mut core = self.lock();
            let now = self.now();
            let Some(mailbox) = core.streams.get_mut(&id) else {
                return Ok(());
            };
            mailbox.reading = false;
            match read {
                Ok(0) if !mailbox.out.is_empty() => {} // woken to write
                Ok(0) => {
                    ended = true;
                    core.model.stream_end(now, id);
                }
                Ok(length) => core.model.stream_data(now, id, &buffer[..length]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            self.settle(&mut core);
        }
    }
}

/// Closes after the client has read everything: our side first, and the rest when the client does.
fn linger(socket: &TcpStream) -> io::Result<()> {
    socket.shutdown(Shutdown::Write)?;
    let end = Instant::now() + LINGER;
    let mut buffer = [0; 4096];
    let mut total = 0;
    while total < LINGER_BYTES {
        let Some(left) = end
            .checked_duration_since(Instant::now())
            .filter(|d| !d.is_zero())
        else {
            break;
        };
        socket.set_read_timeout(Some(left))?;
        match (&mut &*socket).read(&mut buffer) {
            Ok(0) | Err(_) => break,
            Ok(length) => total += length,
        }
    }
    Ok(())
}

/// Says that who accepts is gone, also when it panicked: who waits for that must not hang.
struct ParkedAtLast<'a>(&'a Shared, usize);

impl Drop for ParkedAtLast<'_> {
    fn drop(&mut self) {
        self.0.lock().tcp[self.1].parked = true;
        self.0.changed.notify_all();
    }
}

/// Takes a connection out of the books when its thread ends.
struct GoneAtLast<'a>(&'a Shared, StreamId);

impl Drop for GoneAtLast<'_> {
    fn drop(&mut self) {
        let mut core = self.0.lock();
        let now = self.0.now();
        core.model.stream_gone(now, self.1);
        core.streams.remove(&self.1);
        self.0.settle(&mut core);
    }
}
