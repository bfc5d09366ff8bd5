//! The UPnP side of a gateway: SSDP, HTTP and the Internet Gateway Device, without sockets.
//!
//! Datagrams come in by [`Model::receive_ssdp`] and leave by [`Model::poll`]. Connections come in by
//! [`Model::connect`], [`Model::stream_data`] and [`Model::stream_end`], and what is to be written to
//! them or done with them leaves by [`Model::poll_stream`].

mod args;
pub mod code;
mod costume;
mod device;
mod event;
mod http;
mod igd;
mod knobs;
mod pinhole;
mod scpd;
mod soap;
pub(crate) mod ssdp;
mod xml;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

pub use costume::Costume;
pub use knobs::{Connections, HttpStyle, Igd, Leases, Searches, Upnp};

use super::odds::Rng;
use super::trouble::Trouble;
use super::Model;
use crate::log::{Direction, Fate};
use crate::packet::{HttpMessage, Op, Packet, Soap};
use device::{Device, Kind, Service};
use event::Subscription;
pub(super) use http::Request as HttpRequest;
use http::{Decoder, Ending, Progress, Request, Response};
use pinhole::Pinhole;
pub(super) use soap::Call;

/// A TCP connection to the gateway. Numbers are not used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(u64);

/// What is to be done with a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum StreamEvent {
    /// Write these bytes.
    Send(Vec<u8>),
    /// Close it, after what was written before.
    Close,
    /// Close it at once by a reset, whatever has been written.
    Reset,
}

/// One thing to do, from [`Model::poll_stream`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StreamTransmit {
    /// When, in model time: not after the `now` of the poll that gave it.
    pub at: Duration,
    /// With which connection.
    pub stream: StreamId,
    /// What.
    pub event: StreamEvent,
}

#[derive(Debug)]
struct Outgoing {
    stream: StreamId,
    event: StreamEvent,
    /// The log's number, for an answer.
    number: Option<u64>,
    /// The request is answered by this: the next one may come.
    frees: bool,
}

#[derive(Debug)]
struct Stream {
    door: usize,
    peer: SocketAddr,
    decoder: Decoder,
    /// A request waits, is served, or its answer is under way.
    busy: bool,
    /// The client sends nothing more.
    ended: bool,
    /// No request is read any more.
    done: bool,
    /// Since when it waits for the client.
    since: Duration,
}

#[derive(Debug)]
pub(crate) struct State {
    uuids: [String; 4],
    doors: Vec<SocketAddr>,
    started: Duration,
    boots: u32,
    streams: BTreeMap<StreamId, Stream>,
    last_stream: u64,
    out: BTreeMap<(Duration, u64), Outgoing>,
    subscriptions: Vec<Subscription>,
    subscriptions_made: u32,
    pinholes: Vec<Pinhole>,
    last_pinhole: u16,
    costume: Option<Costume>,
}

impl State {
    pub(crate) fn new(seed: u64) -> Self {
        let mut rng = Rng::stream(seed, 20);
        let uuids = std::array::from_fn(|_| {
            let (a, b) = (rng.next(), rng.next());
            // RFC 9562 §5.4: version 4, variant 10.
            let (mid, low) = ((a >> 16) & 0xffff, a & 0xfff);
            let (variant, node) = (0x8000 | ((b >> 48) & 0x3fff), b & 0xffff_ffff_ffff);
            format!(
                "{:08x}-{mid:04x}-4{low:03x}-{variant:04x}-{node:012x}",
                a >> 32
            )
        });
        Self {
            uuids,
            doors: vec![SocketAddr::from((Ipv4Addr::new(192, 168, 1, 1), 5000))],
            started: Duration::ZERO,
            boots: 1,
            streams: BTreeMap::new(),
            last_stream: 0,
            out: BTreeMap::new(),
            subscriptions: Vec::new(),
            subscriptions_made: 0,
            pinholes: Vec::new(),
            last_pinhole: 0,
            costume: None,
        }
    }

    /// The daemon has started again.
    pub(crate) fn restarted(&mut self, now: Duration) {
        self.drop_streams();
        self.subscriptions.clear();
        self.started = now;
        self.boots = self.boots.wrapping_add(1);
    }

    pub(crate) fn reconnected(&mut self, now: Duration) {
        self.started = now;
    }

    pub(crate) fn drop_streams(&mut self) {
        self.streams.clear();
        self.out.clear();
    }

    pub(crate) fn deadline(&self, patience: Duration) -> Option<Duration> {
        let out = self.out.keys().next().map(|&(at, _)| at);
        let waiting = self.streams.values().filter(|s| !s.busy);
        let patience = waiting.map(|s| s.since.saturating_add(patience)).min();
        out.into_iter().chain(patience).min()
    }

    fn uptime(&self, now: Duration) -> Duration {
        now.saturating_sub(self.started)
    }

    fn boot_id(&self) -> u32 {
        self.boots
    }

    fn root_udn(&self) -> String {
        format!("uuid:{}", self.uuids[0])
    }

    fn device<'a>(&'a self, knobs: &Upnp) -> Cow<'a, Device> {
        match &self.costume {
            Some(costume) => Cow::Borrowed(costume.device()),
            None => Cow::Owned(Device::ours(knobs, &self.uuids)),
        }
    }

    fn description_path(&self) -> String {
        match &self.costume {
            Some(costume) => costume.path().to_owned(),
            None => "/rootDesc.xml".to_owned(),
        }
    }

    fn costume_answer(&self, st: &str) -> Option<Vec<u8>> {
        self.costume.as_ref()?.search_answer(st, &self.doors)
    }

    /// Where LOCATION points, without the path.
    fn base_url(&self, knobs: &Upnp) -> String {
        let door = self.doors[0];
        match &knobs.named_host {
            Some(host) => format!("http://{host}:{}", door.port()),
            None => format!("http://{}", authority(door)),
        }
    }

    fn send(&mut self, at: Duration, order: u64, outgoing: Outgoing) {
        self.out.insert((at, order), outgoing);
    }
}

impl Model {
    /// The same gateway with these addresses of its HTTP ports, which its documents name. A costume
    /// wants as many as [`Costume::ports`]; otherwise there is one, 192.168.1.1:5000 by default.
    #[must_use]
    pub fn with_http(mut self, doors: Vec<SocketAddr>) -> Self {
        self.set_http(doors);
        self
    }

    /// Tells the model that its HTTP ports have other addresses now. None are no change.
    pub fn set_http(&mut self, doors: Vec<SocketAddr>) {
        if !doors.is_empty() {
            self.upnp.doors = doors;
        }
    }

    /// The addresses of its HTTP ports; the first is the one of the description.
    pub fn http_doors(&self) -> &[SocketAddr] {
        &self.upnp.doors
    }

    /// The same gateway in the documents of a captured router.
    #[must_use]
    pub fn with_costume(mut self, costume: Costume) -> Self {
        self.upnp.costume = Some(costume);
        self
    }

    /// The captured HTTP ports of its costume; none without one.
    pub fn captured_ports(&self) -> &[u16] {
        self.upnp.costume.as_ref().map_or(&[], Costume::ports)
    }

    /// The path of the description on the first HTTP port.
    pub fn description_path(&self) -> String {
        self.upnp.description_path()
    }

    /// A client connects to one of the HTTP ports. `None`: refused.
    pub fn connect(&mut self, now: Duration, door: usize, peer: SocketAddr) -> Option<StreamId> {
        let now = self.advance(now);
        let knobs = &self.knobs.upnp;
        let is_full = self.upnp.streams.len() >= knobs.max_connections;
        if !self.open || !knobs.on || is_full || door >= self.upnp.doors.len() {
            return None;
        }
        self.upnp.last_stream += 1;
        let id = StreamId(self.upnp.last_stream);
        let stream = Stream {
            door,
            peer: SocketAddr::new(peer.ip().to_canonical(), peer.port()),
            decoder: Decoder::new(!knobs.miniupnpd),
            busy: false,
            ended: false,
            done: false,
            since: now,
        };
        self.upnp.streams.insert(id, stream);
        Some(id)
    }

    /// Bytes from a client. Whatever they are, this neither fails nor takes long.
    pub fn stream_data(&mut self, now: Duration, id: StreamId, bytes: &[u8]) {
        let now = self.advance(now);
        if let Some(stream) = self.upnp.streams.get_mut(&id).filter(|s| !s.done) {
            stream.decoder.feed(bytes);
            self.read_stream(now, id);
            self.advance(now);
        }
    }

    /// The client sends nothing more; it may still read.
    pub fn stream_end(&mut self, now: Duration, id: StreamId) {
        let now = self.advance(now);
        let Some(stream) = self.upnp.streams.get_mut(&id) else {
            return;
        };
        stream.ended = true;
        if !stream.busy && !stream.done {
            self.hang_up(now, id, StreamEvent::Close);
        }
    }

    /// The connection is gone: what is under way to it is lost.
    pub fn stream_gone(&mut self, now: Duration, id: StreamId) {
        self.advance(now);
        self.upnp.streams.remove(&id);
    }

    /// Whether the model still knows this connection.
    pub fn has_stream(&self, id: StreamId) -> bool {
        self.upnp.streams.contains_key(&id)
    }

    /// Whether a request of this connection waits for its answer.
    pub fn stream_is_busy(&self, id: StreamId) -> bool {
        self.upnp.streams.get(&id).is_some_and(|s| s.busy || s.done)
    }

    /// The next thing to do with a connection by `now`.
    pub fn poll_stream(&mut self, now: Duration) -> Option<StreamTransmit> {
        let now = self.advance(now);
        loop {
            let due = self.upnp.out.first_entry().filter(|e| e.key().0 <= now)?;
            let ((at, _), out) = due.remove_entry();
            if !self.upnp.streams.contains_key(&out.stream) {
                if let Some(number) = out.number {
                    self.log.set_fate(number, Fate::SendFailed);
                }
                continue;
            }
            if let Some(number) = out.number {
                self.log.sent(number, at);
            }
            if out.event != StreamEvent::Close && out.event != StreamEvent::Reset {
                if let Some(stream) = self.upnp.streams.get_mut(&out.stream).filter(|_| out.frees) {
                    stream.busy = false;
                    stream.since = now;
                    if stream.ended {
                        self.hang_up(now, out.stream, StreamEvent::Close);
                    } else {
                        self.read_stream(now, out.stream); // a request that was sent ahead
                    }
                }
            } else {
                self.upnp.streams.remove(&out.stream);
            }
            return Some(StreamTransmit {
                at,
                stream: out.stream,
                event: out.event,
            });
        }
    }

    /// Ends connections whose clients have taken too long.
    pub(crate) fn expire_streams(&mut self, now: Duration) {
        let patience = self.knobs.upnp.patience;
        let late = |s: &&Stream| !s.busy && s.since.saturating_add(patience) <= now;
        if !self.upnp.streams.values().any(|s| late(&s)) {
            return;
        }
        let late: Vec<(StreamId, bool)> = self
            .upnp
            .streams
            .iter()
            .filter(|(_, s)| late(s))
            .map(|(&id, s)| (id, s.decoder.has_begun() && !s.done))
            .collect();
        for (id, has_begun) in late {
            if has_begun {
                self.refuse(now, id, 408, None); // RFC 9110 §15.5.9
            } else {
                self.hang_up(now, id, StreamEvent::Close);
            }
        }
    }

    fn hang_up(&mut self, now: Duration, id: StreamId, event: StreamEvent) {
        if let Some(stream) = self.upnp.streams.get_mut(&id) {
            stream.done = true;
            stream.busy = true; // its time is over: nobody waits for the client
            let order = self.next_order();
            self.upnp.send(
                now,
                order,
                Outgoing {
                    stream: id,
                    event,
                    number: None,
                    frees: false,
                },
            );
        }
    }

    /// Takes the next request out of a stream, if it is its turn.
    fn read_stream(&mut self, now: Duration, id: StreamId) {
        let Some(stream) = self
            .upnp
            .streams
            .get_mut(&id)
            .filter(|s| !s.busy && !s.done)
        else {
            return;
        };
        match stream.decoder.next() {
            Progress::More => {}
            Progress::Continue => {
                let event = StreamEvent::Send(b"HTTP/1.1 100 Continue\r\n\r\n".to_vec());
                let order = self.next_order();
                self.upnp.send(
                    now,
                    order,
                    Outgoing {
                        stream: id,
                        event,
                        number: None,
                        frees: false,
                    },
                );
            }
            Progress::Done(request) => self.take_request(now, id, request),
            Progress::Bad(status, head) => self.refuse(now, id, status, head),
        }
    }

    fn take_request(&mut self, now: Duration, id: StreamId, request: Request) {
        let Some(stream) = self.upnp.streams.get_mut(&id) else {
            return;
        };
        stream.busy = true;
        let peer = stream.peer;
        let call = self.read_call(&request);
        let op = op_of(&request, call.as_ref());
        let number = self.log_request(now, peer, op, &request, call.as_ref());
        let fate = if self.dice.lose_request(&mut self.knobs.trouble, op) {
            Fate::Lost
        } else if self.knobs.silence.all || self.knobs.silence.http {
            Fate::Silent
        } else if self.waiting.len() > self.knobs.queue {
            Fate::Overflow
        } else if self.knobs.upnp.one_at_a_time
            && self.upnp.streams.iter().any(|(&i, s)| i != id && s.busy)
        {
            self.log.set_fate(number, Fate::Refused);
            self.hang_up(now, id, StreamEvent::Reset);
            return;
        } else {
            self.wait_for_service(
                number,
                now,
                op,
                super::daemon::What::Http {
                    stream: id,
                    request,
                    call,
                },
            );
            return;
        };
        self.log.set_fate(number, fate);
        // Nothing more comes; the connection ends with the client's patience or ours.
        if let Some(stream) = self.upnp.streams.get_mut(&id) {
            stream.busy = false;
            stream.done = true;
            stream.since = now;
        }
    }

    /// The control message of a POST. miniupnpd looks at SOAPAction first, and at the body only for
    /// arguments.
    fn read_call(&self, request: &Request) -> Option<Call> {
        if request.method != "POST" {
            return None;
        }
        if let Ok(call) = Call::parse(&request.body) {
            return Some(call);
        }
        let (service, action) = request
            .header("soapaction")
            .filter(|_| self.knobs.upnp.miniupnpd)?
            .trim_matches('"')
            .split_once('#')?;
        Some(Call {
            service: service.to_owned(),
            action: action.to_owned(),
            args: Vec::new(),
            prefixed: false,
        })
    }

    /// Serves a request whose turn has come. The connection may be gone; what was asked is done.
    pub(super) fn finish_http(
        &mut self,
        at: Duration,
        (number, op): (u64, Op),
        id: StreamId,
        request: &Request,
        call: Option<&Call>,
    ) {
        self.log.set_fate(number, Fate::Answered);
        let (door, peer) = match self.upnp.streams.get(&id) {
            Some(stream) => (stream.door, stream.peer),
            None => match self.log.get(number) {
                Some(entry) => (0, entry.peer),
                None => return,
            },
        };
        let (mut response, soap) = self.respond(at, door, peer.ip(), op, request, call);
        response.in_1_0 = self.knobs.upnp.miniupnpd && request.minor == 0;
        self.reply(
            at,
            id,
            Some((number, op)),
            peer,
            &response,
            Some(request),
            soap,
        );
    }

    /// Answers what is no request by a status alone, and closes.
    fn refuse(&mut self, now: Duration, id: StreamId, status: u16, head: Option<Box<Request>>) {
        let Some(stream) = self.upnp.streams.get_mut(&id) else {
            return;
        };
        let peer = stream.peer;
        let request = head.map(|head| *head).unwrap_or(Request {
            method: String::new(),
            target: String::new(),
            minor: 1,
            headers: Vec::new(),
            body: Vec::new(),
            chunked: false,
        });
        stream.busy = true;
        stream.done = true;
        let number = self.log_request(now, peer, Op::Other, &request, None);
        self.log.set_fate(number, Fate::Answered);
        let response = Response {
            close: true,
            ..Response::status(status)
        };
        self.reply(
            now,
            id,
            Some((number, Op::Other)),
            peer,
            &response,
            None,
            None,
        );
    }

    fn log_request(
        &mut self,
        now: Duration,
        peer: SocketAddr,
        op: Op,
        request: &Request,
        call: Option<&Call>,
    ) -> u64 {
        let soap = call.map(|call| Soap::new(&call.service, &call.action, &call.args, None));
        let message = HttpMessage {
            start: request.start_line(),
            headers: request.headers.clone(),
            soap,
        };
        let packet = Packet::Http(message.bounded());
        self.log.record_as(
            now,
            Direction::Request,
            peer,
            Fate::Waiting,
            op,
            packet,
            &request.body,
        )
    }

    #[allow(clippy::too_many_arguments)] // all that an answer hangs on; used twice
    fn reply(
        &mut self,
        at: Duration,
        id: StreamId,
        asked: Option<(u64, Op)>,
        peer: SocketAddr,
        response: &Response,
        request: Option<&Request>,
        soap: Option<Soap>,
    ) {
        let op = asked.map_or(Op::Other, |(_, op)| op);
        let style = self.knobs.upnp.http;
        let (mut bytes, mut ending) =
            http::write(response, request, &style, &self.knobs.upnp.server);
        let head = bytes
            .windows(4)
            .position(|w| w == b"\r\n\r\n")
            .map_or(bytes.len(), |i| i + 2);
        let message = HttpMessage::read(&bytes[..head], soap).bounded();
        let mut calm = Trouble::default();
        let trouble = if self.knobs.trouble.meets(op) {
            &mut self.knobs.trouble
        } else {
            &mut calm
        };
        if self.dice.damage_stream(trouble, &mut bytes) {
            ending = Ending::Close; // cut short
        }
        let lost = self.dice.lose_answer(trouble);
        let leaves = at.saturating_add(self.dice.road(trouble));
        let fate = if lost { Fate::Lost } else { Fate::Waiting };
        let packet = Packet::Http(message);
        let number = self.log.record_as(
            at,
            Direction::Answer,
            peer,
            fate,
            op,
            packet,
            &response.body,
        );
        self.log.link(number, asked, false);
        let Some(stream) = self.upnp.streams.get_mut(&id) else {
            self.log.set_fate(number, Fate::SendFailed);
            return;
        };
        if lost {
            stream.busy = false;
            stream.done = true;
            stream.since = at;
            return;
        }
        let keep = ending == Ending::Keep;
        let event = StreamEvent::Send(bytes);
        let order = self.next_order();
        self.upnp.send(
            leaves,
            order,
            Outgoing {
                stream: id,
                event,
                number: Some(number),
                frees: keep,
            },
        );
        if !keep {
            let order = self.next_order();
            let event = StreamEvent::Close;
            self.upnp.send(
                leaves,
                order,
                Outgoing {
                    stream: id,
                    event,
                    number: None,
                    frees: false,
                },
            );
        }
    }

    fn respond(
        &mut self,
        at: Duration,
        door: usize,
        peer: IpAddr,
        op: Op,
        request: &Request,
        call: Option<&Call>,
    ) -> (Response, Option<Soap>) {
        if self.knobs.upnp.strict && !self.is_exact(door, request, call) {
            return (
                Response {
                    close: true,
                    ..Response::status(400)
                },
                None,
            );
        }
        let path = path_of(&request.target);
        let device = self.upnp.device(&self.knobs.upnp);
        let by_control = device
            .services()
            .find(|s| s.control == path && s.door == door)
            .cloned();
        let miniupnpd = self.knobs.upnp.miniupnpd;
        let known = match request.method.as_str() {
            "HEAD" if miniupnpd => return (Response::status(501), None),
            "GET" | "HEAD" => return (self.document(door, path), None),
            "POST" => match by_control {
                Some(service) => return self.control(at, peer, op, &service, request, call),
                None => false,
            },
            "SUBSCRIBE" | "UNSUBSCRIBE" if device.services().any(|s| s.event == path) => {
                let response = if request.method == "SUBSCRIBE" {
                    self.upnp.subscribe(at, request, path)
                } else {
                    self.upnp.unsubscribe(at, request, path)
                };
                return (response, None);
            }
            "SUBSCRIBE" | "UNSUBSCRIBE" => false,
            _ if miniupnpd => return (Response::status(404), None),
            _ => return (Response::status(501), None),
        };
        let is_document = self.document(door, path).status == 200;
        let is_control = device_has(&self.upnp.device(&self.knobs.upnp), path);
        let status = if known || is_document || is_control {
            405
        } else {
            404
        };
        (Response::status(status), None)
    }

    fn document(&self, door: usize, path: &str) -> Response {
        let knobs = &self.knobs.upnp;
        if door == 0 && path == self.upnp.description_path() {
            return match &self.upnp.costume {
                Some(costume) => costume.description(&self.upnp.doors, knobs.named_host.as_deref()),
                None => {
                    let base = self.upnp.base_url(knobs);
                    let named = knobs.named_host.is_some().then_some(base.as_str());
                    Response::xml(200, self.upnp.device(knobs).description(named, "/"))
                }
            };
        }
        if knobs.odd_responder && path == "/odd.xml" {
            return Response::xml(200, "<root><device><this is no XML".to_owned());
        }
        let device = self.upnp.device(knobs);
        let found = device.services().find(|s| s.scpd == path);
        match found {
            Some(service) => Response::xml(200, service.scpd_document()),
            None if path == "/" => Response {
                status: 200,
                headers: vec![("Content-Type", "text/html".to_owned())],
                body: b"<html><body>A home router in a box.</body></html>\r\n".to_vec(),
                ..Response::default()
            },
            None => Response::status(404),
        }
    }

    fn control(
        &mut self,
        at: Duration,
        peer: IpAddr,
        op: Op,
        service: &Service,
        request: &Request,
        call: Option<&Call>,
    ) -> (Response, Option<Soap>) {
        let header = request.header("soapaction");
        let (Some(call), Some(header)) = (call, header) else {
            return (
                Response {
                    close: true,
                    ..Response::status(400)
                },
                None,
            );
        };
        let header = header.trim_matches('"');
        let (urn, action) = header.split_once('#').unwrap_or((header, ""));
        let is_known = action == call.action && fits(service, urn) && fits(service, &call.service);
        let outcome = if !is_known || !scpd::has_action(service.kind, &call.action) {
            Err(code::INVALID_ACTION)
        } else if let Some((code, _)) = self.forced(op) {
            Err(code)
        } else {
            self.check_args(service, call)
                .and_then(|()| self.act(at, peer, service, call))
        };
        match outcome {
            Ok(args) => {
                let body = soap::answer(&call.service, &call.action, &args);
                let logged: Vec<_> = args.into_iter().map(|(n, v)| (n.to_owned(), v)).collect();
                let soap = Soap::new(&call.service, &call.action, &logged, None);
                (Response::xml(200, body), Some(soap))
            }
            Err(code) => {
                let soap = Soap::new(&call.service, &call.action, &[], Some(code));
                let bare = self.knobs.upnp.http.bare_500;
                let response = if bare {
                    Response::status(500)
                } else {
                    Response::xml(
                        500,
                        soap::fault(code, code::describe(code, self.knobs.upnp.miniupnpd)),
                    )
                };
                (response, Some(soap))
            }
        }
    }

    fn act(&mut self, at: Duration, peer: IpAddr, service: &Service, call: &Call) -> igd::Outcome {
        match service.kind {
            Kind::Connection { .. } => self.connection_action(at, peer, service, call),
            Kind::Ipv6Firewall if self.knobs.upnp.ipv6_firewall => {
                self.firewall_action(at, peer, call)
            }
            Kind::CommonInterface => {
                let up = if self.knobs.external_ip.is_some() {
                    "Up"
                } else {
                    "Down"
                };
                let access = if self.knobs.upnp.miniupnpd {
                    "Cable"
                } else {
                    "Ethernet"
                };
                match call.action.as_str() {
                    "GetCommonLinkProperties" => Ok(vec![
                        ("NewWANAccessType", access.to_owned()),
                        ("NewLayer1UpstreamMaxBitRate", "50000000".to_owned()),
                        ("NewLayer1DownstreamMaxBitRate", "100000000".to_owned()),
                        ("NewPhysicalLinkStatus", up.to_owned()),
                    ]),
                    "GetTotalBytesSent" => Ok(vec![("NewTotalBytesSent", "0".to_owned())]),
                    "GetTotalBytesReceived" => Ok(vec![("NewTotalBytesReceived", "0".to_owned())]),
                    "GetTotalPacketsSent" => Ok(vec![("NewTotalPacketsSent", "0".to_owned())]),
                    "GetTotalPacketsReceived" => {
                        Ok(vec![("NewTotalPacketsReceived", "0".to_owned())])
                    }
                    _ => Err(code::INVALID_ACTION),
                }
            }
            Kind::Layer3Forwarding => match call.action.as_str() {
                "GetDefaultConnectionService" => {
                    let device = self.upnp.device(&self.knobs.upnp);
                    let all = device.all();
                    let is_up = |s: &&Service| matches!(s.kind, Kind::Connection { .. }) && s.up;
                    let text = all.iter().find_map(|d| {
                        let service = d.services.iter().find(is_up)?;
                        let mut type_ = d.urn.rsplitn(3, ':');
                        let (version, name) = (type_.next()?, type_.next()?);
                        Some(format!("{}:{name}:{version},{}", d.udn.trim(), service.id))
                    });
                    Ok(vec![(
                        "NewDefaultConnectionService",
                        text.unwrap_or_default(),
                    )])
                }
                _ => Err(code::NOT_AUTHORIZED),
            },
            _ => Err(code::INVALID_ACTION),
        }
    }

    /// What the `strict` servers of the field want of a request.
    fn is_exact(&self, door: usize, request: &Request, call: Option<&Call>) -> bool {
        let host = self.upnp.doors.get(door).copied().map(authority);
        let exact_case = request
            .headers
            .iter()
            .find(|(name, _)| name == "SOAPAction")
            .map(|(_, v)| v);
        let quoted =
            exact_case.is_some_and(|v| v.len() > 2 && v.starts_with('"') && v.ends_with('"'));
        let is_post = request.method == "POST";
        request.header("host") == host.as_deref()
            && !request.chunked
            && !request
                .header("user-agent")
                .unwrap_or_default()
                .contains("Microsoft")
            && (!is_post || (quoted && call.is_some_and(|c| c.prefixed)))
            && (!is_post
                || request
                    .header("content-type")
                    .is_some_and(|c| c.starts_with("text/xml")))
    }
}

/// An address as a URL has it: without a scope.
fn authority(addr: SocketAddr) -> String {
    match addr.ip() {
        IpAddr::V4(ip) => format!("{ip}:{}", addr.port()),
        IpAddr::V6(ip) => format!("[{ip}]:{}", addr.port()),
    }
}

fn device_has(device: &Device, path: &str) -> bool {
    device
        .services()
        .any(|s| s.control == path || s.event == path || s.scpd == path)
}

/// Whether a service type in a call means this service: its own, or a lower version of it.
fn fits(service: &Service, urn: &str) -> bool {
    if urn == service.urn {
        return true;
    }
    match (urn.rsplit_once(':'), service.urn.rsplit_once(':')) {
        (Some((name, asked)), Some((own, offered))) => {
            let version = |text: &str| text.parse::<u32>().ok();
            name == own
                && version(asked)
                    .zip(version(offered))
                    .is_some_and(|(a, o)| (1..=o).contains(&a))
        }
        _ => false,
    }
}

/// The path and query of a request target, which may be in absolute form (RFC 9112 §3.2.2).
fn path_of(target: &str) -> &str {
    match target.strip_prefix("http://") {
        Some(rest) => rest.find('/').map_or("/", |slash| &rest[slash..]),
        None => target,
    }
}

fn op_of(request: &Request, call: Option<&Call>) -> Op {
    match (request.method.as_str(), call) {
        ("GET" | "HEAD", _) => Op::HttpGet,
        ("SUBSCRIBE" | "UNSUBSCRIBE", _) => Op::Subscription,
        ("POST", Some(call)) => Op::of_action(&call.action),
        _ => Op::Other,
    }
}

#[cfg(test)]
mod tests;
