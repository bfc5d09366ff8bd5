//! Other people's clients, unchanged, on `plum gateway` as the router of a home in namespaces: they
//! find it by the default route and by multicast, on the real ports.
//!
//! Where namespaces may not be made, the tests say so in one line and pass; under CI they fail.
#![cfg(target_os = "linux")]

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write as _};
use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use libplum_integration::lab::*;
use rustix::process::Signal;
use serde_json::{json, Value};

/// What can be asked of a client; one that has no such command leaves it out.
const ACTIONS: [&str; 7] = [
    "probe", "address", "map", "map any", "list", "renew", "delete",
];

/// One row of the table: who, by which protocol, and what it did.
struct Row {
    client: &'static str,
    protocol: &'static str,
    done: Vec<&'static str>,
}

/// A client that is about to act.
struct Actor<'a> {
    home: &'a Home,
    router: &'a Boxed,
    port: u16,
    row: Row,
}

type Play = fn(&mut Actor<'_>);

#[test]
fn every_client_maps_lists_renews_and_deletes() {
    let cast: &[(&'static str, &'static str, Play)] = &[
        ("natpmpc", "NAT-PMP", natpmpc),
        ("upnpc", "UPnP, IGD:1", upnpc),
        ("crab_nat", "PCP", crate_client),
        ("crab_nat", "NAT-PMP", crate_client),
        ("igd-next", "UPnP, IGD:1", crate_client),
        ("portmapper", "PCP", crate_client),
        ("portmapper", "NAT-PMP", crate_client),
        ("portmapper", "UPnP, IGD:1", crate_client),
    ];
    play_all(&[], cast);
}

#[test]
fn every_upnp_client_does_so_on_an_igd_2() {
    let cast: &[(&'static str, &'static str, Play)] = &[
        ("upnpc", "UPnP, IGD:2", upnpc),
        ("igd-next", "UPnP, IGD:2", crate_client),
        ("portmapper", "UPnP, IGD:2", crate_client),
    ];
    play_all(&["--igd", "2"], cast);
}

/// All at once, each on a port of its own; what the router saw is the judge.
fn play_all(options: &[&str], cast: &[(&'static str, &'static str, Play)]) {
    let needed = [("upnpc", "miniupnpc"), ("natpmpc", "natpmpc")];
    if lab_is_missing(&needed) {
        return;
    }
    let home = Home::new();
    let router = Boxed::start(&home.gw, options);
    assert_eq!(router.listening()["addr"], format!("{ROUTER}:5351"));
    assert_eq!(router.listening()["ssdp_addr"], format!("{ROUTER}:1900"));
    let rows: Vec<Row> = thread::scope(|scope| {
        let playing: Vec<_> = (40_001..)
            .zip(cast)
            .map(|(port, &(client, protocol, play))| {
                let (home, router) = (&home, &router);
                scope.spawn(move || {
                    let row = Row {
                        client,
                        protocol,
                        done: Vec::new(),
                    };
                    let mut actor = Actor {
                        home,
                        router,
                        port,
                        row,
                    };
                    play(&mut actor);
                    actor.row
                })
            })
            .collect();
        let ended = playing.into_iter().map(|actor| actor.join());
        ended
            .map(|row| row.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    });
    println!("{}", table(&rows));
    for row in &rows {
        for action in ["map", "renew", "delete"] {
            assert!(row.done.contains(&action), "{} has no {action}", row.client);
        }
    }
    let (status, left) = router.stop(Signal::TERM);
    assert_eq!(status.code(), Some(0));
    assert_eq!(
        left,
        [json!({ "event": "stopped" })],
        "nothing that nobody expected"
    );
}

fn table(rows: &[Row]) -> String {
    let mut out = format!("| client | protocol | {} |\n", ACTIONS.join(" | "));
    let _ = writeln!(out, "|---|---|{}", "---|".repeat(ACTIONS.len()));
    for row in rows {
        let _ = write!(out, "| {} | {} |", row.client, row.protocol);
        for action in ACTIONS {
            let done = if row.done.contains(&action) {
                " yes |"
            } else {
                " |"
            };
            out.push_str(done);
        }
        out.push('\n');
    }
    out
}

impl Actor<'_> {
    fn done(&mut self, action: &'static str) {
        assert!(ACTIONS.contains(&action), "{action}");
        self.row.done.push(action);
    }

    /// What a program of Debian printed.
    fn run(&self, program: &str, args: &[&str]) -> String {
        self.home.lan.output(Command::new(program).args(args))
    }

    /// The line of the router about our port.
    fn sees(&self, event: &str) -> Value {
        self.router.expect(event, self.port)
    }

    fn mapped_to_us(&self, line: &Value, by: &str, lifetime: u64) {
        assert_eq!(line["internal_addr"], format!("{CLIENT}:{}", self.port));
        assert_eq!(line["by"], by, "{line}");
        let told = line["lifetime_s"].as_u64().expect("it has an end");
        assert!((lifetime - 2..=lifetime).contains(&told), "{line}");
    }
}

fn contains(text: &str, what: &str) {
    assert!(text.contains(what), "{what:?} is not in:\n{text}");
}

// --- Debian's programs ---------------------------------------------------------------------------

fn natpmpc(actor: &mut Actor<'_>) {
    let port = actor.port.to_string();
    let map = |lifetime| ["-a", &port, &port, "tcp", lifetime].map(str::to_owned);
    let run = |actor: &Actor<'_>, args: [String; 5]| {
        actor.run("natpmpc", &args.each_ref().map(String::as_str))
    };

    contains(
        &actor.run("natpmpc", &[]),
        &format!("Public IP address : {EXTERNAL}"),
    );
    actor.done("address");

    let said = run(actor, map("600"));
    contains(
        &said,
        &format!("Mapped public port {port} protocol TCP to local port {port}"),
    );
    let line = actor.sees("mapped");
    actor.mapped_to_us(&line, "natpmp", 600);
    assert_eq!(line["external_port"], actor.port);
    actor.done("map");

    run(actor, map("1200"));
    actor.mapped_to_us(&actor.sees("renewed"), "natpmp", 1200);
    actor.done("renew");

    contains(&run(actor, map("0")), "liftime 0");
    actor.sees("unmapped");
    actor.done("delete");
}

fn upnpc(actor: &mut Actor<'_>) {
    let port = actor.port.to_string();
    let client = CLIENT.to_string();
    let said = actor.run("upnpc", &["-s"]);
    contains(&said, &format!("ExternalIPAddress = {EXTERNAL}"));
    contains(&said, "Status : Connected");
    actor.done("probe");
    actor.done("address");

    let said = actor.run(
        "upnpc",
        &["-e", "one", "-a", &client, &port, &port, "TCP", "600"],
    );
    contains(
        &said,
        &format!("external {EXTERNAL}:{port} TCP is redirected to internal {client}:{port}"),
    );
    let line = actor.sees("mapped");
    actor.mapped_to_us(&line, "upnp", 600);
    assert_eq!(line["description"], "one");
    actor.done("map");

    let entry = format!("TCP {port:>5}->{client}:{port}");
    // The others on this gateway move entries about while it reads: then once more.
    let is_listed = (0..5).any(|_| actor.run("upnpc", &["-l"]).contains(&entry));
    assert!(is_listed, "{entry}");
    let is_2 = actor.row.protocol.ends_with('2');
    if is_2 {
        contains(&actor.run("upnpc", &["-L"]), &entry);
    }
    actor.done("list");

    actor.run(
        "upnpc",
        &["-e", "one", "-a", &client, &port, &port, "TCP", "1200"],
    );
    actor.mapped_to_us(&actor.sees("renewed"), "upnp", 1200);
    actor.done("renew");

    contains(
        &actor.run("upnpc", &["-d", &port, "TCP"]),
        "UPNP_DeletePortMapping() returned : 0",
    );
    actor.sees("unmapped");
    actor.done("delete");

    if is_2 {
        let any = ["-n", &client, &port, &port, "TCP", "600"];
        contains(&actor.run("upnpc", &any), "is redirected to internal");
        actor.mapped_to_us(&actor.sees("mapped"), "upnp", 600);
        actor.done("map any");
        actor.run("upnpc", &["-N", &port, &port, "TCP"]);
        actor.sees("unmapped");
    }
}

// --- crates --------------------------------------------------------------------------------------

/// Runs a crate in a process of its own on the client: some of them read `/proc/net`, which is that
/// of the process. It does one action after the other, each when the router has seen the one before.
fn crate_client(actor: &mut Actor<'_>) {
    let this = std::env::current_exe().expect("a test knows its program");
    let part = json!({
        "client": actor.row.client, "protocol": actor.row.protocol, "port": actor.port,
    });
    let mut command = Command::new(this);
    command
        .args(["--exact", "a_crate_on_the_client", "--nocapture"])
        .env(PART, part.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut child = actor.home.lan.spawn(&mut command).expect("it starts");
    let mut stdin = child.stdin.take().expect("it is piped");
    let stdout = BufReader::new(child.stdout.take().expect("it is piped"));
    let by = match actor.row.protocol {
        "PCP" => "pcp",
        "NAT-PMP" => "natpmp",
        _ => "upnp",
    };
    for line in stdout.lines() {
        let line = line.expect("it is text");
        let Some((_, line)) = line.split_once(MARK) else {
            continue; // the test harness
        };
        let line: Value = serde_json::from_str(line).expect("it is JSON");
        let action = line["action"].as_str().expect("an action");
        let action = ACTIONS
            .into_iter()
            .find(|a| *a == action)
            .expect("one of ours");
        match action {
            "map" | "map any" => {
                let seen = actor.sees("mapped");
                actor.mapped_to_us(&seen, by, line["lifetime"].as_u64().expect("a lifetime"));
            }
            "renew" => {
                // portmapper renews by PCP under a new nonce, and gets the rule by its port.
                let new_nonce = (actor.row.client, by) == ("portmapper", "pcp");
                let seen = actor.sees(if new_nonce { "changed" } else { "renewed" });
                actor.mapped_to_us(&seen, by, line["lifetime"].as_u64().expect("a lifetime"));
            }
            "delete" => drop(actor.sees("unmapped")),
            _ => {}
        }
        actor.done(action);
        writeln!(stdin, "go on").expect("it waits");
    }
    let status = child.wait().expect("it ends");
    assert!(
        status.success(),
        "{}, {}: {status}",
        actor.row.client,
        actor.row.protocol
    );
}

const PART: &str = "PLUMLAB_PART";
const MARK: &str = "did: ";

/// No test by itself: what [`crate_client`] runs.
#[test]
fn a_crate_on_the_client() {
    let Ok(part) = std::env::var(PART) else {
        return;
    };
    let part: Value = serde_json::from_str(&part).unwrap();
    let port = u16::try_from(part["port"].as_u64().unwrap()).unwrap();
    let port = NonZeroU16::new(port).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let protocol = part["protocol"].as_str().unwrap();
    match part["client"].as_str().unwrap() {
        "crab_nat" => runtime.block_on(crab_nat(protocol, port)),
        "igd-next" => igd_next(port.get()),
        "portmapper" => runtime.block_on(portmapper(protocol, port)),
        other => panic!("{other}"),
    }
}

/// Tells what was done, and waits until the router has seen it.
fn did(action: &str, lifetime: u32) {
    println!(
        "{MARK}{}",
        json!({ "action": action, "lifetime": lifetime })
    );
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
    assert_eq!(line, "go on\n");
}

async fn crab_nat(protocol: &str, port: NonZeroU16) {
    use crab_nat::{natpmp, pcp, InternetProtocol, PortMappingOptions};
    let options = PortMappingOptions {
        external_port: Some(port),
        lifetime_seconds: Some(600),
        timeout_config: None,
    };
    let mut mapping = if protocol == "PCP" {
        let request =
            pcp::BaseMapRequest::new(ROUTER.into(), CLIENT.into(), InternetProtocol::Tcp, port);
        pcp::port_mapping(request, None, None, options)
            .await
            .unwrap()
    } else {
        let address = natpmp::external_address(ROUTER.into(), None).await.unwrap();
        assert_eq!(address, EXTERNAL);
        did("address", 0);
        natpmp::port_mapping(ROUTER.into(), InternetProtocol::Tcp, port, options)
            .await
            .unwrap()
    };
    assert_eq!((mapping.external_port(), mapping.lifetime()), (port, 600));
    did("map", 600);
    mapping.renew().await.unwrap();
    did("renew", 600);
    mapping.try_drop().await.map_err(|(why, _)| why).unwrap();
    did("delete", 0);
}

fn igd_next(port: u16) {
    use igd_next::{search_gateway, PortMappingProtocol::TCP};
    let gateway = search_gateway(Default::default()).unwrap();
    did("probe", 0);
    assert_eq!(gateway.get_external_ip().unwrap(), EXTERNAL);
    did("address", 0);
    let local = SocketAddr::from((CLIENT, port));
    gateway.add_port(TCP, port, local, 600, "one").unwrap();
    did("map", 600);
    // The others on this gateway move entries about while we read: then once more.
    let is_listed = || {
        let listed = (0..).map_while(|i| gateway.get_generic_port_mapping_entry(i).ok());
        let mut ours = listed.filter(|entry| entry.internal_port == port);
        ours.any(|entry| entry.port_mapping_description == "one")
    };
    assert!((0..10).any(|_| is_listed()), "it is not listed");
    did("list", 0);
    gateway.add_port(TCP, port, local, 1200, "one").unwrap();
    did("renew", 1200);
    gateway.remove_port(TCP, port).unwrap();
    did("delete", 0);
    let any = gateway.add_any_port(TCP, local, 600, "one").unwrap();
    did("map any", 600);
    gateway.remove_port(TCP, any).unwrap();
    did("delete", 0);
}

async fn portmapper(protocol: &str, port: NonZeroU16) {
    use portmapper::{Client, Config, Protocol};
    let (pcp, nat_pmp) = (protocol == "PCP", protocol == "NAT-PMP");
    let client = Client::new(Config {
        enable_pcp: pcp,
        enable_nat_pmp: nat_pmp,
        enable_upnp: !pcp && !nat_pmp,
        // By NAT-PMP it deletes UDP mappings, whatever it mapped.
        protocol: Protocol::Udp,
    });
    let probe = client.probe().await.unwrap().unwrap();
    assert_eq!(
        (probe.pcp, probe.nat_pmp, probe.upnp),
        (pcp, nat_pmp, !pcp && !nat_pmp)
    );
    let on_time = |action, lifetime| async move {
        // The crate's own task goes on meanwhile.
        tokio::task::spawn_blocking(move || did(action, lifetime))
            .await
            .unwrap();
    };
    on_time("probe", 0).await;

    let mut external = client.watch_external_address();
    client.update_local_port(port);
    let found = external.wait_for(Option::is_some).await.unwrap().unwrap();
    assert_eq!(*found.ip(), EXTERNAL);
    // What it asks for, and when it renews: after one half, on its own clock.
    let lifetime = if pcp { 3600 } else { 7200 };
    on_time("map", lifetime).await;
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs((lifetime / 2 + 1).into())).await;
    tokio::time::resume();
    on_time("renew", lifetime).await;
    // It tells nobody when it has taken the answer in, and would release the mapping before. One
    // more round trip comes after that.
    client.probe().await.unwrap().unwrap();
    client.deactivate();
    on_time("delete", 0).await;
}

/// Whether the lab cannot be built here; says so.
fn lab_is_missing(needed: &[(&str, &str)]) -> bool {
    let reason = missing().or_else(|| missing_program(needed));
    if let Some(reason) = &reason {
        say_once(&format!(
            "dev: the tests with other people's clients did not run: {reason}"
        ));
    }
    reason.is_some()
}
