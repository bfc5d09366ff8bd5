//! A request, asked of the router of this namespace.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use libplum_integration::lab::{CLIENT, ROUTER};
use socket2::{Domain, Socket, Type};

use crate::fields::{self, add, Fields};

/// How long any one answer may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// Search answers come within 234 ms; so long after the last one there is none.
const QUIET: Duration = Duration::from_millis(450);
/// A connection without an answer for so long is one that was left open.
const OPEN: Duration = Duration::from_secs(4);
/// Port 5351 answers at once, or never.
const SILENT: Duration = Duration::from_millis(1500);

/// Who asks.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Host {
    /// [`CLIENT`].
    Two,
    /// The address after it.
    Three,
}

impl Host {
    pub(crate) fn ip(self) -> Ipv4Addr {
        match self {
            Host::Two => CLIENT,
            Host::Three => Ipv4Addr::new(192, 168, 77, 3),
        }
    }
}

/// One request.
#[derive(Debug)]
pub(crate) enum Ask {
    /// A datagram to SSDP; to the multicast group or to the router alone.
    Search { group: bool, text: String },
    /// What goes over one connection. `{host}` is the router's address and HTTP port.
    Http { from: Host, text: String },
    /// A datagram to port 5351.
    Packet { from: Host, bytes: Vec<u8> },
}

/// Where the router of this namespace serves HTTP.
pub(crate) struct Router {
    http: SocketAddrV4,
    /// The description, for the paths that each router chooses for itself.
    description: String,
}

impl Router {
    pub(crate) fn find() -> Self {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let found = search(true, &crate::script::search("upnp:rootdevice"));
            let location = found.iter().find_map(|text| {
                let line = text
                    .lines()
                    .find(|l| l.to_ascii_lowercase().starts_with("location:"))?;
                line.split_once("http://")?
                    .1
                    .split('/')
                    .next()?
                    .parse()
                    .ok()
            });
            if let Some(http) = location {
                let mut router = Router {
                    http,
                    description: String::new(),
                };
                let get = "GET /rootDesc.xml HTTP/1.0\r\n\r\n";
                router.description = router.http(Host::Two, get).0;
                return router;
            }
            assert!(Instant::now() < deadline, "no router: {found:?}");
        }
    }

    pub(crate) fn ask(&self, ask: &Ask) -> Fields {
        let mut out = Fields::new();
        match ask {
            Ask::Search { group, text } => {
                let mut answers = search(*group, &self.filled(text));
                // They come in any order.
                answers.sort_by_key(|text| {
                    let of = |name: &str| {
                        text.lines()
                            .find(|l| l.starts_with(name))
                            .map(str::to_owned)
                    };
                    (of("ST:"), of("USN:"))
                });
                add(&mut out, "answers", &answers.len().to_string());
                for text in answers {
                    fields::head(&mut out, &self.masked(&text));
                }
            }
            Ask::Http { from, text } => {
                let (answer, is_open) = self.http(*from, &self.filled(text));
                if is_open {
                    add(&mut out, "connection", "left open");
                }
                let answer = self.masked(&answer);
                let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
                fields::head(&mut out, head);
                fields::body(&mut out, body);
            }
            Ask::Packet { from, bytes } => match packet(*from, bytes) {
                Some(answer) => add(&mut out, "packet", &hex(&answer)),
                None => add(&mut out, "packet", "no answer"),
            },
        }
        out
    }

    /// `{scpd:ID}` is where the service with this serviceId is described.
    fn filled(&self, text: &str) -> String {
        let text = text.replace("{host}", &self.http.to_string());
        let Some((before, rest)) = text.split_once("{scpd:") else {
            return text;
        };
        let (id, after) = rest.split_once('}').expect("it ends");
        let service = self
            .description
            .split("<service>")
            .find(|s| s.contains(&format!(":{id}<")));
        let path = service
            .and_then(|s| s.split_once("<SCPDURL>")?.1.split_once('<'))
            .map(|(path, _)| path)
            .expect("the description names it");
        format!("{before}{path}{after}")
    }

    /// Each router has a port and a UUID of its own.
    fn masked(&self, text: &str) -> String {
        let mut text = text.replace(&self.http.to_string(), "{host}");
        let mut from = 0;
        while let Some(at) = text[from..].find("uuid:").map(|at| from + at + 5) {
            let length = text[at..]
                .bytes()
                .take_while(|b| b.is_ascii_hexdigit() || *b == b'-')
                .count();
            text.replace_range(at..at + length, "U");
            from = at;
        }
        text
    }

    /// What comes over the connection until its end, or until it has been silent for long.
    fn http(&self, from: Host, request: &str) -> (String, bool) {
        let text = |answer| String::from_utf8(answer).expect("the router sends text");
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket
            .bind(&SocketAddr::from((from.ip(), 0)).into())
            .expect("our address");
        let to = SocketAddr::from(self.http).into();
        socket
            .connect_timeout(&to, PATIENCE)
            .expect("the router takes connections");
        let mut stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(OPEN)).expect("a time-out");
        stream.write_all(request.as_bytes()).expect("it is sent");
        let mut answer = Vec::new();
        match stream.read_to_end(&mut answer) {
            Ok(_) => {}
            // Closing with something unread resets the connection.
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return (text(answer), true),
            Err(error) => panic!("{request}: {error}, after {answer:?}"),
        }
        (text(answer), false)
    }
}

fn search(group: bool, text: &str) -> Vec<String> {
    let socket = UdpSocket::bind((CLIENT, 0)).expect("our address");
    let to = if group {
        Ipv4Addr::new(239, 255, 255, 250)
    } else {
        ROUTER
    };
    socket
        .send_to(text.as_bytes(), (to, 1900))
        .expect("it is sent");
    socket.set_read_timeout(Some(QUIET)).expect("a time-out");
    let mut answers = Vec::new();
    let mut buffer = [0; 2048];
    while let Ok((length, from)) = socket.recv_from(&mut buffer) {
        assert_eq!(from, (ROUTER, 1900).into());
        answers.push(String::from_utf8_lossy(&buffer[..length]).into_owned());
    }
    answers
}

/// The answer, its epoch masked (RFC 6887 §8.5; RFC 6886 §3.2: SSSoE).
fn packet(from: Host, bytes: &[u8]) -> Option<Vec<u8>> {
    let socket = UdpSocket::bind((from.ip(), 0)).expect("our address");
    socket.connect((ROUTER, 5351)).expect("a route");
    socket.set_read_timeout(Some(SILENT)).expect("a time-out");
    socket.send(bytes).expect("it is sent");
    let mut buffer = [0; 2048];
    let length = socket.recv(&mut buffer).ok()?;
    let mut answer = buffer[..length].to_vec();
    let epoch = if answer[0] == 2 { 8..12 } else { 4..8 };
    if let Some(epoch) = answer.get_mut(epoch) {
        epoch.fill(0);
    }
    Some(answer)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
