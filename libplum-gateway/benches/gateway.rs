//! What a gateway costs: requests a second on the loopback for each protocol, memory for 10,000
//! mappings, and the time from nothing to the first answer.
//!
//! `cargo bench -p libplum-gateway`

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use libplum_gateway::model::{Knobs, Model};
use libplum_gateway::Gateway;

/// Counts the bytes that are allocated and not yet freed.
struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is passed on to the system's allocator with the caller's own layout; counting
// touches no memory that is given out.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `GlobalAlloc::alloc` (a layout of size above 0).
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller gives back a pointer from `alloc` above, which is the system's.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const WINDOW: Duration = Duration::from_millis(500);
const SERVICE: &str = "urn:schemas-upnp-org:service:WANIPConnection:1";

fn main() {
    if !std::env::args().any(|arg| arg == "--bench") {
        return; // `cargo test` only wants to know that it builds
    }
    println!("requests a second, one client, one in flight");
    let gateway = Gateway::builder().log_capacity(1024).start().unwrap();
    rate(
        "NAT-PMP external address",
        udp(gateway.addr(), |_| vec![0, 0]),
    );
    rate(
        "NAT-PMP map, renewed",
        udp(gateway.addr(), |_| nat_pmp_map(8080)),
    );
    rate(
        "PCP MAP, renewed",
        udp(gateway.addr(), |_| pcp_map(8080, [127, 0, 0, 1])),
    );
    let ssdp = gateway.ssdp_addr().unwrap();
    rate("SSDP search", udp(ssdp, |_| search(ssdp)));
    let http = gateway.http_addr().unwrap();
    rate(
        "HTTP description, a connection each",
        closing(http, get(http, "close")),
    );
    rate(
        "HTTP description, one connection",
        keeping(http, get(http, "keep-alive")),
    );
    let status = soap(http, "GetStatusInfo", "", "close");
    rate(
        "SOAP GetStatusInfo, a connection each",
        closing(http, status),
    );
    rate(
        "SOAP AddPortMapping, a connection each",
        closing(http, add(http, 8080, "close")),
    );
    rate(
        "SOAP AddPortMapping, one connection",
        keeping(http, add(http, 8080, "keep-alive")),
    );

    println!("\nmemory for 10,000 mappings, in the model");
    memory("PCP", |m, i| {
        m.receive(
            Duration::ZERO,
            client(i),
            &pcp_map(port(i), [192, 168, 1, host(i)]),
        );
        while m.poll(Duration::ZERO).is_some() {}
    });
    memory("UPnP", |m, i| {
        let id = m.connect(Duration::ZERO, 0, client(i)).unwrap();
        m.stream_data(
            Duration::ZERO,
            id,
            add(client(i), port(i), "close").as_bytes(),
        );
        while m.poll_stream(Duration::ZERO).is_some() {}
    });

    println!("\nfrom nothing to the first answer, median of 200");
    first("NAT-PMP external address", |gateway| {
        udp(gateway.addr(), |_| vec![0, 0])();
    });
    first("SSDP, description, AddPortMapping", |gateway| {
        let (ssdp, http) = (gateway.ssdp_addr().unwrap(), gateway.http_addr().unwrap());
        udp(ssdp, |_| search(ssdp))();
        closing(http, get(http, "close"))();
        closing(http, add(http, 8080, "close"))();
    });
}

fn rate(name: &str, mut ask: impl FnMut()) {
    ask();
    let begin = Instant::now();
    let mut count = 0u32;
    while begin.elapsed() < WINDOW {
        ask();
        count += 1;
    }
    println!(
        "  {name:40} {:>8.0}",
        f64::from(count) / begin.elapsed().as_secs_f64()
    );
}

fn memory(name: &str, map: impl Fn(&mut Model, u32)) {
    let mut knobs = Knobs::default();
    knobs.upnp.on = true;
    (knobs.max_rules, knobs.max_rules_per_host) = (10_000, 10_000);
    let model = Model::new(knobs, 1).unwrap();
    let mut model = model.with_log_capacity(1).unwrap();
    map(&mut model, 0);
    let before = LIVE.load(Ordering::Relaxed);
    for i in 1..10_000 {
        map(&mut model, i);
    }
    let after = LIVE.load(Ordering::Relaxed);
    assert_eq!(model.rules().len(), 10_000);
    let bytes = after.saturating_sub(before);
    println!(
        "  {name:40} {:>8} KiB, {} bytes each",
        bytes / 1024,
        bytes / 9_999
    );
}

fn first(name: &str, ask: impl Fn(&Gateway)) {
    let mut times: Vec<Duration> = (0..200)
        .map(|_| {
            let begin = Instant::now();
            let gateway = Gateway::builder().start().unwrap();
            ask(&gateway);
            begin.elapsed()
        })
        .collect();
    times.sort();
    let (middle, late) = (times[100], times[190]);
    println!("  {name:40} {middle:>8.2?}, 95 % within {late:.2?}");
}

fn client(i: u32) -> SocketAddr {
    SocketAddr::from(([192, 168, 1, host(i)], 40_000))
}

fn host(i: u32) -> u8 {
    10 + (i % 100) as u8
}

fn port(i: u32) -> u16 {
    10_000 + i as u16
}

fn udp(to: SocketAddr, request: impl Fn(u32) -> Vec<u8>) -> impl FnMut() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(to).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(5)))
        .unwrap();
    let mut n = 0;
    move || {
        n += 1;
        socket.send(&request(n)).unwrap();
        socket.recv(&mut [0; 2048]).unwrap();
    }
}

fn closing(to: SocketAddr, request: String) -> impl FnMut() {
    move || {
        let mut stream = TcpStream::connect(to).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 200"));
    }
}

fn keeping(to: SocketAddr, request: String) -> impl FnMut() {
    let mut stream = TcpStream::connect(to).unwrap();
    stream.set_nodelay(true).unwrap();
    move || {
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        let mut buffer = [0; 8192];
        loop {
            let length = stream.read(&mut buffer).unwrap();
            assert!(length > 0);
            answer.extend_from_slice(&buffer[..length]);
            let text = String::from_utf8_lossy(&answer);
            let Some((head, body)) = text.split_once("\r\n\r\n") else {
                continue;
            };
            let wanted = head
                .split("\r\n")
                .find_map(|l| l.strip_prefix("Content-Length: "))
                .unwrap();
            if body.len() == wanted.parse::<usize>().unwrap() {
                assert!(head.starts_with("HTTP/1.1 200"));
                return;
            }
        }
    }
}

fn nat_pmp_map(port: u16) -> Vec<u8> {
    let [a, b] = port.to_be_bytes();
    vec![0, 2, 0, 0, a, b, a, b, 0, 0, 14, 16]
}

fn pcp_map(port: u16, client: [u8; 4]) -> Vec<u8> {
    let mut out = vec![2, 1, 0, 0, 0, 0, 14, 16];
    out.extend([0; 10]);
    out.extend([0xff, 0xff]);
    out.extend(client);
    out.extend([7; 12]);
    out.extend([6, 0, 0, 0]);
    out.extend(port.to_be_bytes());
    out.extend(port.to_be_bytes());
    out.extend([0; 10]);
    out.extend([0xff, 0xff, 0, 0, 0, 0]);
    out
}

fn search(to: SocketAddr) -> Vec<u8> {
    let text = format!(
        "M-SEARCH * HTTP/1.1\r\nHOST: {to}\r\nMAN: \"ssdp:discover\"\r\nMX: 1\r\nST: upnp:rootdevice\r\n\r\n"
    );
    text.into_bytes()
}

fn get(to: SocketAddr, connection: &str) -> String {
    format!("GET /rootDesc.xml HTTP/1.1\r\nHost: {to}\r\nConnection: {connection}\r\n\r\n")
}

fn add(client: SocketAddr, port: u16, connection: &str) -> String {
    let args = format!(
        "<NewRemoteHost/><NewExternalPort>{port}</NewExternalPort><NewProtocol>UDP</NewProtocol>\
         <NewInternalPort>{port}</NewInternalPort><NewInternalClient>{}</NewInternalClient>\
         <NewEnabled>1</NewEnabled><NewPortMappingDescription>a program</NewPortMappingDescription>\
         <NewLeaseDuration>3600</NewLeaseDuration>",
        client.ip()
    );
    soap(client, "AddPortMapping", &args, connection)
}

fn soap(to: SocketAddr, action: &str, args: &str, connection: &str) -> String {
    let body = format!(
        "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body>\
         <u:{action} xmlns:u=\"{SERVICE}\">{args}</u:{action}></s:Body></s:Envelope>"
    );
    format!(
        "POST /ctl/IPConn HTTP/1.1\r\nHost: {to}\r\nContent-Type: text/xml\r\nSOAPAction: \"{SERVICE}#{action}\"\r\n\
         Content-Length: {}\r\nConnection: {connection}\r\n\r\n{body}",
        body.len()
    )
}
