//! The UPnP side, without sockets. The client here is written for the tests alone.

mod actions;
mod eventing;
mod hostile;
mod pinholes;
mod search;
mod shared_table;
mod streams;

use std::net::SocketAddr;
use std::time::Duration;

use super::*;
use crate::model::{Knobs, Quirk};

const IP1: &str = "urn:schemas-upnp-org:service:WANIPConnection:1";
const IP2: &str = "urn:schemas-upnp-org:service:WANIPConnection:2";

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn alice() -> SocketAddr {
    "192.168.1.20:40000".parse().unwrap()
}

fn bob() -> SocketAddr {
    "192.168.1.30:50000".parse().unwrap()
}

fn model(change: impl FnOnce(&mut Knobs)) -> Model {
    let mut knobs = Knobs::default();
    knobs.upnp.on = true;
    change(&mut knobs);
    Model::new(knobs, 7).unwrap()
}

fn quirky(quirks: &[Quirk]) -> Model {
    model(|k| quirks.iter().for_each(|quirk| quirk.apply(k)))
}

/// What is sent to a connection by `now`, and whether it is closed then.
fn drain(m: &mut Model, now: Duration, id: StreamId) -> (Vec<u8>, bool) {
    let mut bytes = Vec::new();
    let mut closed = false;
    while let Some(transmit) = m.poll_stream(now) {
        assert_eq!(transmit.stream, id);
        assert!(!closed, "nothing after the end");
        match transmit.event {
            StreamEvent::Send(more) => bytes.extend(more),
            StreamEvent::Close | StreamEvent::Reset => closed = true,
        }
    }
    (bytes, closed)
}

/// One request on a connection of its own.
fn exchange(m: &mut Model, now: Duration, peer: SocketAddr, request: &[u8]) -> String {
    let id = m.connect(now, 0, peer).unwrap();
    m.stream_data(now, id, request);
    let (bytes, closed) = drain(m, now, id);
    if !closed {
        m.stream_gone(now, id);
    }
    String::from_utf8(bytes).unwrap()
}

fn request(path: &str, urn: &str, action: &str, args: &[(&str, &str)]) -> String {
    let args: String = args
        .iter()
        .map(|(n, v)| format!("<{n}>{}</{n}>", xml::escape(v)))
        .collect();
    let body = format!(
        "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body>\
         <u:{action} xmlns:u=\"{urn}\">{args}</u:{action}></s:Body></s:Envelope>"
    );
    format!(
        "POST {path} HTTP/1.1\r\nHost: 192.168.1.1:5000\r\nSOAPAction: \"{urn}#{action}\"\r\n\
         Content-Type: text/xml\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// The results of an action, or its error code.
fn act(
    m: &mut Model,
    now: Duration,
    peer: SocketAddr,
    urn: &str,
    action: &str,
    args: &[(&str, &str)],
) -> Result<Vec<(String, String)>, u16> {
    let path = if urn.contains("IPv6Firewall") {
        "/ctl/IP6FCtl"
    } else {
        "/ctl/IPConn"
    };
    act_at(m, now, peer, path, urn, action, args)
}

fn act_at(
    m: &mut Model,
    now: Duration,
    peer: SocketAddr,
    path: &str,
    urn: &str,
    action: &str,
    args: &[(&str, &str)],
) -> Result<Vec<(String, String)>, u16> {
    let answer = exchange(m, now, peer, request(path, urn, action, args).as_bytes());
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status: u16 = head.split(' ').nth(1).unwrap().parse().unwrap();
    if status == 200 {
        let call = Call::parse(body.as_bytes()).unwrap();
        assert_eq!(
            (call.service.as_str(), call.action),
            (urn, format!("{action}Response"))
        );
        return Ok(call.args);
    }
    assert_eq!(status, 500, "{answer}");
    let start = body.find("<errorCode>").unwrap() + 11;
    Err(body[start..start + 3].parse().unwrap())
}

/// The eight arguments of AddPortMapping.
struct Add<'a> {
    remote: &'a str,
    external: &'a str,
    protocol: &'a str,
    internal: &'a str,
    client: &'a str,
    enabled: &'a str,
    description: &'a str,
    lease: &'a str,
}

const ADD: Add<'static> = Add {
    remote: "",
    external: "8080",
    protocol: "TCP",
    internal: "80",
    client: "192.168.1.20",
    enabled: "1",
    description: "a program",
    lease: "3600",
};

impl<'a> Add<'a> {
    fn args(&self) -> [(&'static str, &'a str); 8] {
        [
            ("NewRemoteHost", self.remote),
            ("NewExternalPort", self.external),
            ("NewProtocol", self.protocol),
            ("NewInternalPort", self.internal),
            ("NewInternalClient", self.client),
            ("NewEnabled", self.enabled),
            ("NewPortMappingDescription", self.description),
            ("NewLeaseDuration", self.lease),
        ]
    }

    fn to(&self, m: &mut Model, now: Duration, peer: SocketAddr, urn: &str) -> u16 {
        code_of(act(m, now, peer, urn, "AddPortMapping", &self.args()))
    }
}

fn code_of(outcome: Result<Vec<(String, String)>, u16>) -> u16 {
    outcome.err().unwrap_or(0)
}

fn key(external: &str) -> [(&'static str, &str); 3] {
    [
        ("NewRemoteHost", ""),
        ("NewExternalPort", external),
        ("NewProtocol", "TCP"),
    ]
}

fn delete(m: &mut Model, now: Duration, peer: SocketAddr, urn: &str, external: &str) -> u16 {
    code_of(act(m, now, peer, urn, "DeletePortMapping", &key(external)))
}

fn value(outcome: &Result<Vec<(String, String)>, u16>, name: &str) -> String {
    let found = outcome.as_ref().unwrap().iter().find(|(n, _)| n == name);
    found.unwrap_or_else(|| panic!("no {name}")).1.clone()
}
