//! A real router: Debian's miniupnpd on nftables, in namespaces that each test makes for itself.
//!
//! Where namespaces may not be made, the tests say so in one line and pass; under CI they fail.
#![cfg(target_os = "linux")]

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{channel, Receiver};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use libplum::{Change, Client, Mapping, Protocol, State, Transport};
use libplum_integration::lab::*;
use rustix::process::{kill_process, Pid, Signal};
use serde_json::Value;

/// How long any single step may take on a machine under load.
const PATIENCE: Duration = Duration::from_secs(60);

/// Whether the lab cannot be built here; says so.
fn lab_is_missing() -> bool {
    // LAB_LOG=debug shows what the engines say. Their threads' lines pass the harness's capture.
    static LOGGER: Logger = Logger;
    let level = std::env::var("LAB_LOG")
        .ok()
        .and_then(|level| level.parse().ok());
    if log::set_logger(&LOGGER).is_ok() {
        log::set_max_level(level.unwrap_or(log::LevelFilter::Off));
    }
    match missing() {
        Some(reason) => {
            say_once(&format!(
                "dev: the tests with a real router did not run: {reason}"
            ));
            true
        }
        None => false,
    }
}

// --- the program in the home ---------------------------------------------------------------------

#[test]
fn plum_opens_ports_by_pcp_and_the_wan_gets_through() {
    if lab_is_missing() {
        return;
    }
    let home = Home::new();
    let _daemon = home.daemon(&DaemonOptions::default());
    plum_opens_ports(&home, "pcp");
}

#[test]
fn plum_opens_ports_by_natpmp_where_there_is_no_pcp() {
    if lab_is_missing() {
        return;
    }
    let Some(options) = natpmp_only() else {
        return;
    };
    let home = Home::new();
    let _daemon = home.daemon(&options);
    let answer = home.lan.run(|| bare_announce(ROUTER)).unwrap();
    assert_eq!(answer, (0, 1), "unsupported version: no PCP here");
    plum_opens_ports(&home, "natpmp");
}

/// The whole way: map, bytes through the mapping, unmap, refused.
fn plum_opens_ports(home: &Home, protocol: &str) {
    let mut plum = Plum::start(&home.lan, &["map", "8080", "9000/udp", "--json"]);
    let mut open = [plum.next(), plum.next()];
    open.sort_by_key(|line| line["internal_port"].as_u64());
    for (line, (transport, port)) in open.iter().zip([("tcp", 8080), ("udp", 9000)]) {
        assert_eq!(line["event"], "mapped", "{line}");
        assert_eq!(line["transport"], transport, "{line}");
        assert_eq!(line["internal_port"], port, "{line}");
        assert_eq!(
            line["external_addr"],
            format!("{EXTERNAL}:{port}"),
            "{line}"
        );
        assert_eq!(line["protocol"], protocol, "{line}");
    }
    let (tcp, udp) = (Tcp::listen(home, 8080), Udp::listen(home, 9000));
    tcp.assert_reached(home, 8080);
    udp.assert_reached(home, 9000);

    plum.signal(Signal::TERM);
    for _ in 0..2 {
        assert_eq!(plum.next()["event"], "unmapped");
    }
    assert_eq!(plum.end().code(), Some(0));
    wait_for_no_rule(&home.gw);
    assert_refused(home, 8080, 9000);
}

#[test]
fn plum_without_a_default_route_ends_with_3() {
    if lab_is_missing() {
        return;
    }
    let home = Home::new();
    home.lan.ip(&["route", "del", "default"]);
    let mut plum = Plum::start(&home.lan, &["map", "8080", "--json", "--timeout", "1"]);
    let line = plum.next();
    assert_eq!(
        (&line["event"], &line["reason"]),
        (&"failed".into(), &"no_gateway".into())
    );
    assert_eq!(plum.end().code(), Some(3));
}

// --- the library in the home ---------------------------------------------------------------------

#[test]
fn a_restart_is_a_change_and_the_mapping_is_back_by_pcp() {
    if lab_is_missing() {
        return;
    }
    a_restart_is_a_change(&DaemonOptions::default(), Protocol::Pcp);
}

#[test]
fn a_restart_is_a_change_and_the_mapping_is_back_by_natpmp() {
    if lab_is_missing() {
        return;
    }
    if let Some(options) = natpmp_only() {
        a_restart_is_a_change(&options, Protocol::NatPmp);
    }
}

fn a_restart_is_a_change(options: &DaemonOptions, protocol: Protocol) {
    let home = Home::new();
    let daemon = home.daemon(options);
    let client = home.lan.run(|| {
        Client::builder()
            .recheck_period(Duration::from_millis(500))
            .build()
            .unwrap()
    });
    let (mapping, changes) = map(&client, Transport::Tcp, 8080);
    assert_eq!(next_address(&changes).port(), 8080);
    let tcp = Tcp::listen(&home, 8080);
    tcp.assert_reached(&home, 8080);

    // A daemon that has run for two seconds or less restarts unnoticed: its epoch is no younger
    // than the rules allow (RFC 6887 section 8.5, RFC 6886 section 3.6).
    wait_for("an epoch to lose", || {
        home.lan
            .run(|| bare_epoch(ROUTER))
            .is_ok_and(|epoch| epoch >= 5)
    });
    // A reboot of the router: the daemon and its rules are gone at once.
    daemon.kill();
    home.flush_rules();
    assert_eq!(rules(&home.gw), "");
    let _daemon = home.daemon(options);
    let started = Instant::now();
    let address = next_address(&changes);
    let took = started.elapsed();
    assert!(took < Duration::from_secs(10), "{took:?}");
    assert_eq!(address.port(), 8080, "the port is kept");
    assert_eq!(mapping.protocol(), Some(protocol));
    tcp.assert_reached(&home, 8080);
    println!("re-established {took:?} after the daemon's start");

    drop(mapping);
    client.shutdown_blocking(PATIENCE).unwrap();
    wait_for_no_rule(&home.gw);
}

#[test]
fn a_shutdown_with_live_mappings_leaves_no_rule() {
    if lab_is_missing() {
        return;
    }
    let home = Home::new();
    let _daemon = home.daemon(&DaemonOptions::default());
    let client = home.lan.run(|| Client::builder().build().unwrap());
    let ports: Vec<u16> = (20_000..20_008).collect();
    let mappings: Vec<_> = ports
        .iter()
        .flat_map(|&port| [(Transport::Tcp, port), (Transport::Udp, port)])
        .map(|(transport, port)| map(&client, transport, port))
        .collect();
    for (_, changes) in &mappings {
        next_address(changes);
    }
    let listed = rules(&home.gw);
    for port in ports {
        assert_eq!(
            listed
                .matches(&format!("dnat ip to {CLIENT}:{port}\n"))
                .count(),
            2,
            "{port} in\n{listed}"
        );
    }
    // The handles are still alive: it is the shutdown that unmaps.
    client.shutdown_blocking(PATIENCE).unwrap();
    wait_for_no_rule(&home.gw);
    drop(mappings);
}

// --- the smallest set-up -------------------------------------------------------------------------

#[test]
fn the_daemon_beside_the_client_on_one_address_maps() {
    if lab_is_missing() {
        return;
    }
    let alone = Alone::new();
    let _daemon = alone.daemon(&DaemonOptions::default());
    let client = alone.host.run(|| Client::builder().build().unwrap());
    let (mapping, changes) = map(&client, Transport::Tcp, 8080);
    let address = next_address(&changes);
    assert_eq!(address, (EXTERNAL, 8080).into());
    assert_eq!(mapping.protocol(), Some(Protocol::Pcp));
    assert!(rules(&alone.host).contains("dport 8080 "));
    drop(mapping);
    client.shutdown_blocking(PATIENCE).unwrap();
    wait_for_no_rule(&alone.host);
}

// --- helpers -------------------------------------------------------------------------------------

/// A router without PCP, or a line that says why there is none.
fn natpmp_only() -> Option<DaemonOptions> {
    match natpmp_only_daemon() {
        Ok(program) => Some(DaemonOptions {
            program: Some(program),
            ..DaemonOptions::default()
        }),
        Err(reason) => {
            say_once(&format!("dev: {reason}"));
            None
        }
    }
}

/// Starts a mapping whose changes arrive in a channel. The engine's thread was made in the client's
/// namespace, so this may be called from anywhere.
fn map(client: &Client, transport: Transport, port: u16) -> (Mapping, Receiver<Change>) {
    let (sender, changes) = channel();
    let mapping = client
        .map(transport, port)
        .on_change(move |change| {
            // The test may have failed and gone.
            let _ = sender.send(change.clone());
        })
        .start()
        .unwrap();
    (mapping, changes)
}

/// The address of the next SUCCESS; a failure in between is not the end.
fn next_address(changes: &Receiver<Change>) -> std::net::SocketAddr {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let change = changes
            .recv_timeout(left)
            .expect("the mapping becomes active in time");
        match change.state {
            State::Active(active) => return active.external_addr,
            State::Failed(error) => println!("meanwhile: {error}"),
            other => panic!("{other:?}"),
        }
    }
}

/// The rules that a daemon made.
fn rules(router: &Namespace) -> String {
    made_rules(&router.ruleset())
}

/// miniupnpd takes its time over a delete, and a shutdown does not wait for ever.
fn wait_for_no_rule(router: &Namespace) {
    wait_for("no rule left", || {
        let left = rules(router);
        println!("rules: {left:?}");
        left.is_empty()
    });
}

/// Looks again and again until `condition` holds.
fn wait_for(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain for: {what}");
        thread::park_timeout(Duration::from_millis(20));
    }
}

/// A listener on the client.
struct Tcp(TcpListener);

impl Tcp {
    fn listen(home: &Home, port: u16) -> Self {
        Tcp(home.lan.run(|| TcpListener::bind((CLIENT, port)).unwrap()))
    }

    /// Connects from the WAN and sends something both ways.
    fn assert_reached(&self, home: &Home, port: u16) {
        let mut outside = connect(home, port).expect("the WAN host reaches the mapping");
        let (mut inside, from) = self.0.accept().unwrap();
        assert_eq!(from.ip(), WAN);
        let mut bytes = [0; 12];
        outside.write_all(b"from the WAN").unwrap();
        inside.read_exact(&mut bytes).unwrap();
        assert_eq!(&bytes, b"from the WAN");
        inside.write_all(b"and back").unwrap();
        outside.read_exact(&mut bytes[..8]).unwrap();
        assert_eq!(&bytes[..8], b"and back");
    }
}

/// A socket on the client.
struct Udp(UdpSocket);

impl Udp {
    fn listen(home: &Home, port: u16) -> Self {
        let socket = home.lan.run(|| UdpSocket::bind((CLIENT, port)).unwrap());
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Udp(socket)
    }

    fn assert_reached(&self, home: &Home, port: u16) {
        let outside = udp_to(home, port);
        outside.send(b"from the WAN").unwrap();
        let mut bytes = [0; 64];
        let (length, from) = self.0.recv_from(&mut bytes).unwrap();
        assert_eq!(
            (&bytes[..length], from.ip()),
            (&b"from the WAN"[..], WAN.into())
        );
        self.0.send_to(b"and back", from).unwrap();
        let length = outside.recv(&mut bytes).unwrap();
        assert_eq!(&bytes[..length], b"and back");
    }
}

/// Nothing is mapped any more: the router itself answers, and refuses.
fn assert_refused(home: &Home, tcp: u16, udp: u16) {
    let error = connect(home, tcp).expect_err("TCP is closed");
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused, "{error}");
    // A new source port: the router still translates for the flow that it knows.
    let socket = udp_to(home, udp);
    socket.send(b"from the WAN").unwrap();
    let error = socket.recv(&mut [0; 64]).expect_err("UDP is closed");
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused, "{error}");
}

fn connect(home: &Home, port: u16) -> std::io::Result<TcpStream> {
    let stream = home
        .wan
        .run(|| TcpStream::connect_timeout(&(EXTERNAL, port).into(), PATIENCE))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}

fn udp_to(home: &Home, port: u16) -> UdpSocket {
    home.wan.run(|| {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
        socket.connect((EXTERNAL, port)).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket
    })
}

struct Logger;

impl log::Log for Logger {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        let since_boot = std::fs::read_to_string("/proc/uptime").unwrap_or_default();
        let seconds = since_boot.split(' ').next().unwrap_or_default();
        println!(
            "{seconds} {} {}: {}",
            record.level(),
            record.target(),
            record.args()
        );
    }

    fn flush(&self) {}
}

/// The program `plum`, built now if it is not, running in a namespace.
struct Plum {
    child: Child,
    lines: Receiver<String>,
}

impl Plum {
    fn start(host: &Namespace, args: &[&str]) -> Self {
        let mut command = Command::new(plum());
        command
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        let mut child = host.spawn(&mut command).unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Plum { child, lines }
    }

    fn next(&mut self) -> Value {
        let line = self.lines.recv_timeout(PATIENCE).expect("one more line");
        println!("plum: {line}");
        serde_json::from_str(&line).unwrap()
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id().try_into().unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Its end, which the end of its output announces.
    fn end(mut self) -> ExitStatus {
        let more = self.lines.recv_timeout(PATIENCE);
        assert_eq!(more, Err(std::sync::mpsc::RecvTimeoutError::Disconnected));
        self.child.wait().unwrap()
    }
}

impl Drop for Plum {
    fn drop(&mut self) {
        // Both fail only when it has ended and was waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn plum() -> PathBuf {
    static PLUM: OnceLock<PathBuf> = OnceLock::new();
    PLUM.get_or_init(|| program("libplum-cli", "plum", "dev"))
        .clone()
}
