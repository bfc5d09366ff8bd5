//! The engine, the gateway, the road between them, and the clock.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, VecDeque};
use std::hash::{Hash, Hasher};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use libplum_gateway::model::{
    Announcement, Arrival, Model, Odds, Restart, Silence, Source, Transport as RuleTransport,
    Update,
};

use crate::case::{force, wan, Case, Item, Link, Op, Style, Where};
use crate::engine::{
    Action, Create, Engine, Event, Fail, Network, OpenKind, Transport, MULTICAST, NEVER, NO_MEMORY,
    TRUNCATED,
};
use crate::rng::Rng;
use crate::rules::{self, Table, GATEWAY, HOST, MOVED, OTHER};
use crate::told::{Book, State};
use crate::traffic::{Request, Traffic};

/// The engine's clock is not the gateway's.
const CLOCK: u64 = 1_000_000_007;

/// The gateway has been up for long when the run starts, so that a restart shows.
const UPTIME: u32 = 5_000_000;

/// The loop's buffer.
const BUFFER: usize = 1280;

/// What must hold is looked at so often, in milliseconds, when nothing happens.
const HEARTBEAT: u64 = 10_000;

/// RFC 6887 section 15.
const DAY: u64 = 86_400_000;

/// What did not hold, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Broken {
    pub at: u64,
    pub what: String,
}

/// What a run was, when everything held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Outcome {
    /// Of all that came out of the engine, and when.
    pub hash: u64,
    pub steps: u64,
    pub sends: u64,
    pub maps: u64,
    pub deliveries: u64,
    pub allocations: u64,
    pub successes: u64,
}

/// What is done besides the script.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Twist {
    /// Nothing.
    #[default]
    None,
    /// With each datagram come others that must not count.
    Noise,
    /// The datagram of this number comes twice.
    Twice(u64),
    /// The run is shut down after this step.
    StopAfter(u64),
}

#[derive(Debug)]
struct Socket {
    what: OpenKind,
    port: u16,
    opened: bool,
    local: IpAddr,
}

#[derive(Debug, Clone)]
enum Packet {
    ToGateway {
        from: SocketAddr,
        sock: u32,
        bytes: Vec<u8>,
    },
    ToUs {
        to: SocketAddr,
        from: SocketAddr,
        bytes: Vec<u8>,
    },
    Icmp(u32),
}

/// A run under way.
pub struct World {
    case: Case,
    twist: Twist,
    engine: Engine,
    model: Model,
    now: u64,
    steps: u64,
    next: usize,
    rng: Rng,
    road: Link,
    dark: bool,
    place: Where,
    no_sockets: bool,
    trouble: u32,
    forced: bool,
    flight: BTreeMap<(u64, u64), Packet>,
    order: u64,
    sockets: BTreeMap<u32, Socket>,
    /// Events that actions caused, handed in after the drain.
    inbox: VecDeque<(u32, Option<(Fail, bool)>)>,
    last_sock: u32,
    last_port: u16,
    book: Book,
    table: Table,
    traffic: Traffic,
    calm_since: Option<u64>,
    /// Errors that were delivered hold until then.
    errors_until: u64,
    /// Answers were damaged on the road: what they made us believe holds until then.
    lies_until: u64,
    resets: Vec<u64>,
    changed_network: u64,
    asks: BTreeMap<u32, u64>,
    /// The road was lossy at some time.
    is_lossy: bool,
    /// (when to look, since when all must have been well, port) of what was destroyed.
    orphans: VecDeque<(u64, u64, Transport, u16)>,
    stop: Option<u64>,
    stopped: bool,
    hasher: DefaultHasher,
    deliveries: u64,
    successes: u64,
    broken: Option<Broken>,
    trace: Option<Vec<String>>,
}

/// Plays a case to its end.
///
/// # Errors
///
/// The first thing that did not hold.
pub fn play(case: &Case, twist: Twist) -> Result<Outcome, Broken> {
    match World::new(case, twist, false) {
        Some(world) => world.run().0,
        // No engine without memory.
        None => Ok(Outcome {
            hash: 0,
            steps: 0,
            sends: 0,
            maps: 0,
            deliveries: 0,
            allocations: case.fail_at.unwrap_or(0),
            successes: 0,
        }),
    }
}

fn ms(now: u64) -> Duration {
    Duration::from_millis(now)
}

fn ms_after(at: Duration) -> u64 {
    at.as_nanos().div_ceil(1_000_000) as u64
}

impl World {
    /// A world at time zero. `None` when the engine did not start for want of memory.
    pub fn new(case: &Case, twist: Twist, trace: bool) -> Option<Self> {
        let engine = Engine::new(&case.config, case.seed, CLOCK, case.fail_at, trace)?;
        let mut model = Model::new(case.style.knobs(), case.seed).expect("a possible gateway");
        model.set_epoch(Duration::ZERO, UPTIME);
        Table::populate(&mut model);
        while model.poll(ms(60_000)).is_some() {}
        let mut table = Table::default();
        table.remember(&model, ms(60_000));
        Some(Self {
            case: case.clone(),
            twist,
            engine,
            model,
            now: 60_000,
            steps: 0,
            next: 0,
            rng: Rng::new(case.seed ^ 0xB0AD),
            road: Link::GOOD,
            dark: false,
            place: Where::Away,
            no_sockets: false,
            trouble: 0,
            forced: false,
            flight: BTreeMap::new(),
            order: 0,
            sockets: BTreeMap::new(),
            inbox: VecDeque::new(),
            last_sock: 0,
            last_port: 40_000,
            book: Book::default(),
            table,
            traffic: Traffic::default(),
            calm_since: None,
            errors_until: 0,
            // It says decades and forgets within hours: nobody can know.
            lies_until: if case.style == Style::Huge { NEVER } else { 0 },
            resets: Vec::new(),
            changed_network: 0,
            asks: BTreeMap::new(),
            is_lossy: false,
            orphans: VecDeque::new(),
            stop: None,
            stopped: false,
            hasher: DefaultHasher::new(),
            deliveries: 0,
            successes: 0,
            broken: None,
            trace: trace.then(Vec::new),
        })
    }

    /// Plays to the end; also what was seen, if it was traced.
    pub fn run(mut self) -> (Result<Outcome, Broken>, Vec<String>) {
        let start = self.now;
        let end = start + self.case.end;
        while self.broken.is_none() && self.now <= end && !(self.stopped && self.is_over()) {
            self.step(start, end);
            if self.steps > 5_000_000 {
                self.fail("the run does not end".into());
            }
        }
        let trace = self.trace.take().unwrap_or_default();
        if let Some(mut broken) = self.broken {
            broken.at -= start;
            return (Err(broken), trace);
        }
        let outcome = Outcome {
            hash: self.hasher.finish(),
            steps: self.steps,
            sends: self.traffic.sends,
            maps: self.traffic.maps,
            deliveries: self.deliveries,
            allocations: self.engine.allocations(),
            successes: self.successes,
        };
        if self.engine.end() {
            (Ok(outcome), trace)
        } else {
            let what = "memory did not come back".into();
            (
                Err(Broken {
                    at: end - start,
                    what,
                }),
                trace,
            )
        }
    }

    fn is_over(&self) -> bool {
        self.next >= self.case.script.len()
    }

    fn fail(&mut self, what: String) {
        let at = self.now;
        self.note(|| format!("BROKEN: {what}"));
        self.broken.get_or_insert(Broken { at, what });
    }

    fn judge<T>(&mut self, result: Result<T, String>) -> Option<T> {
        result.map_err(|what| self.fail(what)).ok()
    }

    fn note(&mut self, text: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            trace.push(format!("{:>9} {}", self.now - 60_000, text()));
        }
    }

    fn engine_now(&self) -> u64 {
        CLOCK + self.now
    }

    // ---- time ----

    fn step(&mut self, start: u64, end: u64) {
        self.steps += 1;
        let tick = match self.engine.deadline() {
            NEVER => u64::MAX,
            at => at - CLOCK,
        };
        let packet = self.flight.keys().next().map_or(u64::MAX, |key| key.0);
        let gateway = self.model.deadline().map_or(u64::MAX, ms_after);
        let script = self.case.script.get(self.next).map(|item| start + item.at);
        let next = tick
            .min(packet)
            .min(gateway)
            .min(script.unwrap_or(u64::MAX))
            .min(end + 1)
            .min(self.now + HEARTBEAT);
        self.now = self.now.max(next);
        if self.now > end {
            return;
        }
        if tick <= self.now {
            self.feed(Event::Tick);
        } else if packet <= self.now {
            if let Some((_, packet)) = self.flight.pop_first() {
                self.arrive(packet);
            }
        } else if script.is_some_and(|at| at <= self.now) {
            let op = self.case.script[self.next].op;
            self.next += 1;
            self.note(|| format!("== {op:?}"));
            self.happen(op);
        }
        self.collect();
        self.judge_calm();
        self.look();
        if self.twist == Twist::StopAfter(self.steps) && self.stop.is_none() {
            self.happen(Op::Shutdown(2_000));
            self.look();
        }
    }

    // ---- the engine ----

    fn feed(&mut self, event: Event<'_>) -> i32 {
        let result = self.engine.handle(self.engine_now(), event);
        self.drain();
        while let Some((sock, failure)) = self.inbox.pop_front() {
            let event = match failure {
                Some((what, dead)) => Event::Fail(sock, what, dead),
                None => {
                    let Some(socket) = self.sockets.get_mut(&sock) else {
                        continue;
                    };
                    socket.opened = true;
                    Event::Opened(sock, SocketAddr::new(socket.local, socket.port))
                }
            };
            self.engine.handle(self.engine_now(), event);
            self.drain();
        }
        let deadline = self.engine.deadline();
        if deadline <= self.engine_now() {
            self.fail(format!("a deadline in the past: {deadline}"));
        }
        result
    }

    fn drain(&mut self) {
        let mut count = 0;
        while let Some(action) = self.engine.poll() {
            count += 1;
            if count > 10_000 {
                self.fail("the drain does not end".into());
                return;
            }
            if !matches!(action, Action::Log(_)) {
                (self.now, &action).hash(&mut self.hasher);
            }
            self.act(action);
        }
    }

    fn act(&mut self, action: Action) {
        self.note(|| match &action {
            Action::Send { bytes, .. } => format!("send {}", hex(bytes)),
            other => format!("{other:?}"),
        });
        if self.stopped && !matches!(action, Action::Log(_)) {
            self.fail(format!("after STOPPED: {action:?}"));
        }
        match action {
            Action::Open {
                sock,
                what,
                local,
                remote,
            } => self.open(sock, what, local, remote),
            Action::Send { sock, to, bytes } => self.send(sock, to, &bytes),
            Action::Close(sock) => {
                if self.sockets.remove(&sock).is_none() {
                    self.fail(format!("socket {sock} is closed, which is not open"));
                }
            }
            Action::Notify(news) => {
                let now = self.engine_now();
                let told = self.book.notify(now, &news);
                self.judge(told);
                if news.external.is_some() {
                    self.successes += 1;
                }
                if news.is == crate::engine::Is::Destroyed {
                    self.destroyed(news.id);
                }
            }
            Action::Answer { request, what, .. } => {
                let known = self.asks.contains_key(&request);
                if !known {
                    self.fail(format!(
                        "an answer to question {request}, which is not open"
                    ));
                }
                if what != 1 {
                    self.asks.remove(&request);
                }
            }
            Action::Stopped => self.stopped(),
            Action::Log(_) => {}
            Action::Other(kind) => self.fail(format!("an action of kind {kind}")),
        }
    }

    fn open(
        &mut self,
        sock: u32,
        what: OpenKind,
        local: Option<IpAddr>,
        remote: Option<SocketAddr>,
    ) {
        if sock <= self.last_sock {
            self.fail(format!("socket number {sock} again"));
        }
        self.last_sock = sock;
        let Some(local) = local else {
            return self.fail("a socket without a local address".into());
        };
        if remote != Some(GATEWAY) {
            return self.fail(format!("a socket to {remote:?}"));
        }
        self.last_port = self.last_port.checked_add(1).unwrap_or(40_000);
        let port = match what {
            OpenKind::Announce => 5350,
            _ => self.last_port,
        };
        let socket = Socket {
            what,
            port,
            opened: false,
            local,
        };
        self.sockets.insert(sock, socket);
        let failure = if self.no_sockets {
            Some((Fail::NoFds, true))
        } else if self.address() != Some(local) {
            Some((Fail::Unreachable, true))
        } else {
            None
        };
        self.inbox.push_back((sock, failure));
    }

    fn send(&mut self, sock: u32, to: Option<SocketAddr>, bytes: &[u8]) {
        let Some(socket) = self.sockets.get(&sock) else {
            return self.fail(format!("a datagram on socket {sock}, which is not open"));
        };
        if !socket.opened || socket.what != OpenKind::Udp || to != Some(GATEWAY) {
            return self.fail(format!("a datagram to {to:?} on {socket:?}"));
        }
        let from = SocketAddr::new(socket.local, socket.port);
        let request = self.traffic.check(self.now, from.ip(), bytes, &self.book);
        let Some(_request): Option<Request> = self.judge(request) else {
            return;
        };
        if self.address() != Some(from.ip()) {
            self.inbox
                .push_back((sock, Some((Fail::Unreachable, false))));
            return;
        }
        let bytes = bytes.to_vec();
        self.launch(Packet::ToGateway { from, sock, bytes });
    }

    fn address(&self) -> Option<IpAddr> {
        match self.place {
            Where::Home => Some(HOST.into()),
            Where::Moved => Some(MOVED.into()),
            Where::Away => None,
        }
    }

    fn stopped(&mut self) {
        self.stopped = true;
        if !self.sockets.is_empty() {
            self.fail(format!("STOPPED with open sockets: {:?}", self.sockets));
        }
        if self.stop.is_none() {
            self.fail("STOPPED, which nobody asked for".into());
        }
        let left: Vec<_> = self
            .book
            .ids
            .iter()
            .filter(|(_, t)| t.state != State::Destroyed)
            .collect();
        if !left.is_empty() {
            let left = format!("STOPPED before DESTROYED: {left:?}");
            self.fail(left);
        }
        if !self.asks.is_empty() {
            self.fail(format!("STOPPED with open questions: {:?}", self.asks));
        }
    }

    /// The last of a port was told that it is over: nothing may be left of it where everything went
    /// well since it was asked for.
    fn destroyed(&mut self, id: u32) {
        let told = &self.book.ids[&id];
        let Create {
            transport, port, ..
        } = told.create;
        if !self.book.is_over(transport as u8, port) {
            return;
        }
        self.traffic.over(transport as u8, port);
        let all = self.book.ids.values();
        let lives = all.filter(|t| (t.create.transport, t.create.port) == (transport, port));
        let first = lives.filter_map(|t| t.leaving).min();
        let since = first.unwrap_or(0).saturating_sub(5_000);
        let road = 4 * (self.road.delay + self.road.jitter);
        let late = (self.now, since, transport, port);
        // What an address had when the host moved away from it, and what was written in a protocol
        // that the gateway has given up, is there for a lease.
        let is_stranded = |item: &Item| matches!(item.op, Op::Be(Where::Moved) | Op::Speak { .. });
        let stranded = self.case.script.iter().any(is_stranded);
        if self.case.style != Style::Slow && road < 400 && !stranded {
            self.orphans
                .push_back((late.0 + 100 + road, late.1, late.2, late.3));
        }
    }

    fn look_for_orphans(&mut self) {
        while let Some(&(at, since, transport, port)) = self.orphans.front() {
            if at > self.now {
                return;
            }
            self.orphans.pop_front();
            let was_calm = self.calm_since.is_some_and(|calm| calm <= since);
            let wanted = !self.book.is_over(transport as u8, port);
            let left = self.table.of(transport, port);
            if was_calm && !wanted && !left.is_empty() {
                self.fail(format!(
                    "{transport:?} {port} was destroyed, and {left:?} is left"
                ));
            }
        }
    }

    // ---- the road ----

    fn launch(&mut self, packet: Packet) {
        if self.dark || self.rng.percent(self.road.loss) {
            self.note(|| "  lost".into());
            return;
        }
        let times = 1 + u64::from(self.rng.percent(self.road.twice));
        for _ in 0..times {
            let mut packet = packet.clone();
            if let Packet::ToUs { bytes, .. } = &mut packet {
                if !bytes.is_empty() && self.rng.percent(self.road.corrupt) {
                    let at = self.rng.below(bytes.len() as u64) as usize;
                    bytes[at] ^= 1 << self.rng.below(8);
                    self.lies_until = self.now + 2 * DAY;
                }
            }
            let jitter = self.rng.below(self.road.jitter + 1);
            let at = self.now + self.road.delay + jitter;
            self.order += 1;
            self.flight.insert((at, self.order), packet);
        }
    }

    fn arrive(&mut self, packet: Packet) {
        match packet {
            Packet::ToGateway { from, sock, bytes } => {
                if self.model.receive(ms(self.now), from, &bytes) == Arrival::Refused {
                    self.launch(Packet::Icmp(sock));
                }
            }
            Packet::Icmp(sock) => {
                if self.sockets.contains_key(&sock) {
                    self.feed(Event::Fail(sock, Fail::Refused, false));
                }
            }
            Packet::ToUs { to, from, bytes } => self.deliver(to, from, &bytes),
        }
    }

    fn deliver(&mut self, to: SocketAddr, from: SocketAddr, bytes: &[u8]) {
        let is_group = to.ip().is_multicast();
        let found = self.sockets.iter().find(|(_, s)| match s.what {
            OpenKind::Announce => is_group && s.opened,
            _ => s.opened && SocketAddr::new(s.local, s.port) == to,
        });
        let Some((&sock, _)) = found else {
            return;
        };
        if self.address().is_none() || (!is_group && self.address() != Some(to.ip())) {
            return;
        }
        // The system's own filter: a connected socket hears nobody else.
        let flags = if is_group { MULTICAST } else { 0 };
        let (bytes, cut) = (&bytes[..bytes.len().min(BUFFER)], bytes.len() > BUFFER);
        let flags = if cut { flags | TRUNCATED } else { flags };
        self.deliveries += 1;
        if let [2, op, _, code @ 2..=255, l0, l1, l2, l3, ..] = *bytes {
            let lifetime = match (u32::from_be_bytes([l0, l1, l2, l3]), code) {
                (0, 7 | 8 | 10) => 30,
                (0, _) => 1800,
                (n, _) => n,
            };
            if op & 0x7f == 1 {
                let until = self.now + (u64::from(lifetime) * 1000).min(DAY);
                self.errors_until = self.errors_until.max(until);
            }
        }
        let times = match self.twist {
            Twist::Twice(n) if n == self.deliveries => 2,
            _ => 1,
        };
        for _ in 0..times {
            self.note(|| format!("{from} says {}", hex(bytes)));
            self.feed(Event::Data {
                sock,
                from,
                bytes,
                flags,
            });
        }
        if self.twist == Twist::Noise {
            self.make_noise(sock, bytes, is_group);
        }
    }

    /// Datagrams that must not count: nothing comes of them.
    fn make_noise(&mut self, sock: u32, like: &[u8], is_group: bool) {
        let stranger = SocketAddr::new(OTHER.into(), 5351);
        let other_port = SocketAddr::new(GATEWAY.ip(), 5352);
        let mut reset = like.to_vec();
        for byte in reset.iter_mut().skip(4).take(8) {
            *byte = 0;
        }
        let mut noise: Vec<(u32, SocketAddr, &[u8], u32)> = vec![
            (sock, stranger, like, 0),
            (sock, other_port, like, 0),
            (sock, stranger, &reset, 0),
            (sock, other_port, &reset, 0),
            (sock, stranger, &[], 0),
            (self.last_sock + 77, GATEWAY, like, 0),
        ];
        // From the right place, but wrong in what tells whose it is: the nonce, the protocol, the
        // internal port. By several bits, for the model's own wrong nonces have one.
        let mut alien = Vec::new();
        if matches!(like, [2, 0x81, ..]) && like.len() >= 60 {
            for at in [24, 35, 36, 40, 41] {
                let mut bytes = like.to_vec();
                bytes[at] ^= 0x55;
                alien.push(bytes);
            }
        }
        for bytes in &alien {
            noise.push((sock, GATEWAY, bytes, 0));
        }
        if !is_group {
            noise.push((sock, GATEWAY, like, TRUNCATED));
            noise.push((sock, GATEWAY, like, MULTICAST));
            noise.push((sock, GATEWAY, &[], 0));
            noise.push((sock, GATEWAY, &[2], 0));
            noise.push((sock, GATEWAY, &[0, 128], 0));
            noise.push((sock, GATEWAY, &[9, 129, 0, 0, 0, 0, 0, 0], 0));
        }
        for (sock, from, bytes, flags) in noise {
            let before = self.engine.deadline();
            let event = Event::Data {
                sock,
                from,
                bytes,
                flags,
            };
            self.engine.handle(self.engine_now(), event);
            while let Some(action) = self.engine.poll() {
                if !matches!(action, Action::Log(_)) {
                    self.fail(format!("{action:?} because of a datagram from {from}"));
                }
            }
            if self.engine.deadline() != before {
                self.fail(format!("a timer moved because of a datagram from {from}"));
            }
        }
    }

    fn collect(&mut self) {
        while let Some(packet) = self.model.poll(ms(self.now)) {
            let port = match packet.source {
                Source::Service => GATEWAY.port(),
                _ => GATEWAY.port() + 1,
            };
            let from = SocketAddr::new(GATEWAY.ip(), port);
            self.launch(Packet::ToUs {
                to: packet.to,
                from,
                bytes: packet.bytes,
            });
        }
    }

    // ---- the script ----

    fn happen(&mut self, op: Op) {
        let now = ms(self.now);
        let transport = |t: Transport| match t {
            Transport::Tcp => RuleTransport::Tcp,
            Transport::Udp => RuleTransport::Udp,
        };
        match op {
            Op::Map {
                id,
                transport,
                port,
                suggested,
                prefer_failure,
                lifetime,
                timeout,
            } => self.map(
                id,
                Create {
                    transport,
                    port,
                    suggested,
                    lifetime,
                    timeout,
                    prefer_failure: prefer_failure && suggested != 0,
                },
            ),
            Op::Unmap(id) => {
                if self.book.ids.contains_key(&id) {
                    self.book.leave(self.now, id);
                    self.feed(Event::Destroy(id));
                }
            }
            Op::Ask(request, what) => {
                self.asks.insert(request, self.now);
                if self.feed(Event::Ask(request, what)) != 0 {
                    self.asks.remove(&request);
                }
            }
            Op::Shutdown(within) => {
                let ids: Vec<u32> = self.book.ids.keys().copied().collect();
                for id in ids {
                    self.book.leave(self.now, id);
                }
                self.stop.get_or_insert(self.now + within);
                self.feed(Event::Shutdown(self.engine_now() + within));
            }
            Op::Restart(keeps) => {
                let restart = if keeps {
                    Restart::KeepTable
                } else {
                    Restart::LoseTable
                };
                self.model.restart(now, restart);
                if !keeps {
                    self.table.remember(&self.model, now);
                    self.resets.push(self.now);
                }
            }
            Op::Close => self.model.close(now),
            Op::Open => self.model.open(now),
            Op::Dark(dark) => self.dark = dark,
            Op::Silence { pcp, nat_pmp } => self.set(|knobs| {
                knobs.silence = Silence {
                    pcp,
                    nat_pmp,
                    ..Silence::default()
                }
            }),
            Op::Be(place) => self.be(place),
            Op::Wan(last) => {
                self.model
                    .change_external_ip(now, wan(last))
                    .expect("a unicast address");
                self.resets.push(self.now);
            }
            Op::Road(link) => {
                self.is_lossy |= !link.is_faithful();
                self.road = link;
            }
            Op::WrongNonce(on) => self.spoil(1, on),
            Op::WrongSource(on) => self.spoil(2, on),
            Op::Truncate(on) => self.spoil(4, on),
            Op::Oversize(on) => self.spoil(8, on),
            Op::Force(kind, code, lifetime, times) => {
                self.forced = true;
                self.set(|knobs| force(knobs, kind, code, lifetime, times));
            }
            Op::Unforce => {
                self.forced = false;
                let style = self.case.style;
                self.set(|knobs| knobs.forced = style.knobs().forced);
            }
            Op::Speak { pcp, nat_pmp } => self.set(|knobs| {
                knobs.pcp = pcp;
                knobs.nat_pmp = nat_pmp;
            }),
            Op::Forget(t, internal) => {
                for port in self.table.of(t, internal) {
                    self.model.forget_rule(now, transport(t), port);
                }
                for told in self.book.ids.values_mut() {
                    if let State::Success { expires, .. } = told.state {
                        told.excused_until = told.excused_until.max(expires - CLOCK);
                    }
                }
            }
            Op::NoSockets(on) => self.no_sockets = on,
            Op::Slow(on) => {
                let slow = libplum_gateway::model::Service::MINIUPNPD;
                let usual = self.case.style.knobs().service;
                self.set(|knobs| knobs.service = if on { slow } else { usual });
            }
            Op::Cry(pcp) => {
                let what = if pcp {
                    Announcement::pcp()
                } else {
                    Announcement::nat_pmp()
                };
                self.model.announce(now, what.epoch(1));
            }
            Op::Move(t, internal, to) => {
                if let [from, ..] = self.table.of(t, internal)[..] {
                    self.model.update(now, transport(t), from, Update::Port(to));
                }
            }
        }
        if !matches!(
            op,
            Op::Map { .. } | Op::Unmap(_) | Op::Ask(..) | Op::Shutdown(_)
        ) {
            self.calm_since = None;
        }
    }

    fn set(&mut self, change: impl FnOnce(&mut libplum_gateway::Knobs)) {
        self.model.set(change).expect("possible settings");
    }

    fn spoil(&mut self, bit: u32, on: bool) {
        self.trouble = if on {
            self.trouble | bit
        } else {
            self.trouble & !bit
        };
        let trouble = self.trouble;
        let odds = |bit: u32| {
            if trouble & bit != 0 {
                Odds::Always
            } else {
                Odds::Never
            }
        };
        self.set(|knobs| {
            knobs.trouble.wrong_nonce = odds(1);
            knobs.trouble.wrong_source = odds(2);
            knobs.trouble.truncate = odds(4);
            knobs.trouble.oversize = odds(8);
        });
    }

    fn map(&mut self, id: u32, create: Create) {
        // Its news may come before the call returns, as far as we are concerned.
        self.book.create(self.now, id, create);
        let result = self.feed(Event::Create(id, create));
        let refused = self.stop.is_some() || (result == NO_MEMORY && self.case.fail_at.is_some());
        if result != 0 {
            self.book.ids.remove(&id);
            if !refused {
                self.fail(format!("CREATE {id} gives {result}"));
            }
        }
    }

    fn be(&mut self, place: Where) {
        if place != self.place {
            self.changed_network = self.now;
        }
        self.place = place;
        let network = self.address().map(|local| Network {
            number: 1,
            local,
            gateway: GATEWAY,
        });
        self.feed(Event::Networks(network.as_slice()));
    }

    // ---- what must hold ----

    fn is_calm(&self) -> bool {
        let knobs = self.model.knobs();
        self.place != Where::Away
            && !self.dark
            && self.road.is_faithful()
            && !self.no_sockets
            && self.trouble == 0
            && !self.forced
            && self.model.is_open()
            && knobs.silence == Silence::default()
            && knobs.external_ip.is_some()
            && self.can_speak()
    }

    fn can_speak(&self) -> bool {
        let knobs = self.model.knobs();
        let allow = self.case.config.allow;
        (knobs.pcp && allow & 1 != 0) || (knobs.nat_pmp && allow & 2 != 0)
    }

    fn judge_calm(&mut self) {
        if !self.is_calm() {
            self.calm_since = None;
        } else if self.calm_since.is_none() {
            self.calm_since = Some(self.now);
        }
    }

    /// A loss that epochs cannot show: two resets so close that RFC 6887 section 8.5 calls what is
    /// heard after the second one valid.
    fn is_hidden(&self) -> bool {
        let window = 6_000 + self.case.config.recheck_period / 8;
        self.resets
            .windows(2)
            .any(|pair| pair[1] - pair[0] < u64::from(window))
    }

    fn look(&mut self) {
        let (now, at) = (self.now, ms(self.now));
        self.model.advance(at);
        let harm = self.table.check(&self.model, at, self.address());
        self.judge(harm);
        self.look_for_orphans();
        if let Some(stop) = self.stop {
            if !self.stopped && now > stop + 1 {
                self.fail("SHUTDOWN has not ended by its deadline".into());
            }
        }
        for (&request, &asked) in &self.asks {
            if now > asked + 2_200 {
                return self.fail(format!("question {request} has no end"));
            }
        }
        let config = self.case.config;
        let recheck = u64::from(config.recheck_period);
        let slow = 40_000 + 4 * self.road.delay + 2 * self.road.jitter;
        let notice = recheck + u64::from(config.restart_jitter) + slow;
        let heal = 3 * recheck + 130_000 + u64::from(config.restart_jitter) + slow;
        // Who waits behind others at a gateway that is seldom heard is told by its own request.
        let turns = if self.is_lossy { 3 } else { 1 };
        let slowest = config.discover_timeout.max(config.mapping_timeout);
        let patience = u64::from(slowest) * turns + 2_200;
        let hidden = self.is_hidden();
        let external_ip = self.model.knobs().external_ip.map(IpAddr::V4);
        let local = self.address();
        let mut broken = None;
        for (&id, told) in &mut self.book.ids {
            if told.state == State::Destroyed {
                continue;
            }
            if let Some(leaving) = told.leaving {
                if now > leaving + u64::from(config.shutdown_timeout) + 2 {
                    broken = Some(format!("id {id}: not DESTROYED in time"));
                }
                continue;
            }
            let since = told.waits_since.max(self.changed_network);
            if told.state == State::Pending && now > since + patience {
                broken = Some(format!("id {id}: nothing was told for {} ms", now - since));
            }
            let State::Success { external, expires } = told.state else {
                told.wrong_since = None;
                let from = [
                    told.well_at,
                    self.calm_since.unwrap_or(NEVER),
                    self.errors_until,
                    self.lies_until,
                ];
                let from = from.into_iter().max().unwrap_or(NEVER);
                if now > from.saturating_add(heal) && !told.create.prefer_failure {
                    let text = format!("id {id}: not mapped, {} ms after all was well", now - from);
                    broken = Some(text);
                }
                continue;
            };
            told.well_at = now;
            // Who moves is given the time in which a new network is found silent.
            if CLOCK + now > expires + 1 && now > self.changed_network + 2_500 {
                broken = Some(format!("id {id}: SUCCESS beyond its expiry"));
            }
            let is_so = Some(external.ip()) == external_ip
                && local.is_some_and(|local| {
                    let Create {
                        transport, port, ..
                    } = told.create;
                    self.table.forwards(transport, local, port, external.port())
                });
            if is_so {
                told.wrong_since = None;
                continue;
            }
            let since = *told.wrong_since.get_or_insert(now);
            if hidden {
                told.excused_until = told.excused_until.max(expires - CLOCK);
            }
            let from = since
                .max(self.calm_since.unwrap_or(NEVER))
                .max(told.excused_until)
                .max(self.lies_until);
            if now > from.saturating_add(notice) {
                let text = format!(
                    "id {id}: {external} is believed, and has not been so for {} ms",
                    now - since
                );
                broken = Some(text);
            }
        }
        if let Some(what) = broken {
            self.fail(what);
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut out = String::new();
    for (i, byte) in bytes.iter().take(68).enumerate() {
        let gap = matches!(i, 4 | 8 | 12 | 24 | 36 | 40 | 42 | 44 | 60);
        write!(out, "{}{byte:02x}", if gap { " " } else { "" }).expect("a String has room");
    }
    if bytes.len() > 68 {
        write!(out, ".. {} bytes", bytes.len()).expect("a String has room");
    }
    out
}

// The static rule's port is a constant that only the table needs.
const _: u16 = rules::STATIC_PORT;
