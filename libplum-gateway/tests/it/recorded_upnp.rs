//! The control requests that a real miniupnpd answered, asked again: the `miniupnpd` quirk says the
//! same, with PCP and NAT-PMP in between.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use libplum_gateway::model::upnp::StreamEvent;
use libplum_gateway::model::Model;
use libplum_gateway::{Gateway, Quirk};
use serde_json::Value;

const DIALOGUE: &str = include_str!("../recorded/miniupnpd-2.3.1-upnp.txt");

/// The real one takes its time, and leases and uptimes run.
const SLACK: i64 = 30;

type Told = BTreeMap<String, String>;

#[test]
fn the_model_answers_control_requests_as_miniupnpd_did() {
    let mut model = Gateway::builder()
        .quirk(Quirk::Miniupnpd)
        .external_ip(Ipv4Addr::new(1, 2, 3, 4))
        .build_model()
        .unwrap()
        .with_http(vec!["192.168.77.1:5000".parse().unwrap()]);
    let mut now = Duration::ZERO;
    let (mut heading, mut asked, mut compared) = ("", Told::new(), 0);
    for line in DIALOGUE.lines() {
        if let Some(name) = line.strip_prefix("# ") {
            heading = name;
        } else if let Some(answer) = line.strip_prefix("< ") {
            let answer = told(answer);
            let names = |told: &Told| told.keys().cloned().collect::<Vec<_>>();
            assert_eq!(names(&asked), names(&answer), "{heading}");
            for (name, value) in &answer {
                assert!(
                    is_alike(name, &asked[name], value),
                    "{heading}: {name} is {} and was {value}",
                    asked[name]
                );
            }
            compared += 1;
        } else if let Some((host, request)) = line.split_once("> ") {
            let from = SocketAddr::from(([192, 168, 77, host.parse().unwrap()], 40_000));
            now += Duration::from_millis(50);
            asked = match serde_json::from_str(request) {
                Ok(request) => control(&mut model, now, from, &request),
                Err(_) => packet(&mut model, now, from, request),
            };
        }
    }
    assert_eq!(compared, 109, "the whole dialogue");
}

fn told(answer: &str) -> Told {
    match serde_json::from_str::<Vec<(String, String)>>(answer) {
        Ok(fields) => fields.into_iter().collect(),
        Err(_) => [("packet".to_owned(), answer.to_owned())].into(),
    }
}

fn is_alike(name: &str, a: &str, b: &str) -> bool {
    let runs = name.starts_with("NewLease") || name == "NewUptime";
    match (a.parse::<i64>(), b.parse::<i64>()) {
        (Ok(a), Ok(b)) if runs => (a - b).abs() <= SLACK,
        _ => a == b,
    }
}

/// `[path, service, action, [[name, value], ...]]`, asked over a connection of its own.
fn control(model: &mut Model, now: Duration, from: SocketAddr, request: &Value) -> Told {
    let part = |i: usize| request[i].as_str().unwrap();
    let (path, service, action) = (part(0), part(1), part(2));
    let args: String = request[3]
        .as_array()
        .unwrap()
        .iter()
        .map(|arg| {
            let (name, value) = (arg[0].as_str().unwrap(), arg[1].as_str().unwrap());
            let value = value.replace('&', "&amp;").replace('<', "&lt;");
            format!("<{name}>{value}</{name}>")
        })
        .collect();
    let body = format!(
        "<?xml version=\"1.0\"?><s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\">\
         <s:Body><u:{action} xmlns:u=\"{service}\">{args}</u:{action}></s:Body></s:Envelope>"
    );
    let text = format!(
        "POST {path} HTTP/1.1\r\nHost: 192.168.77.1:5000\r\nContent-Type: text/xml\r\n\
         SOAPAction: \"{service}#{action}\"\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let stream = model.connect(now, 0, from).expect("it takes connections");
    model.stream_data(now, stream, text.as_bytes());
    let mut answer = Vec::new();
    while let Some(transmit) = model.poll_stream(now) {
        assert_eq!(transmit.stream, stream);
        if let StreamEvent::Send(bytes) = transmit.event {
            answer.extend(bytes);
        }
    }
    if model.has_stream(stream) {
        model.stream_gone(now, stream);
    }
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").expect("an answer");
    let mut out = Told::new();
    out.insert("status".into(), head.split(' ').nth(1).unwrap().into());
    let document = roxmltree::Document::parse(body).unwrap();
    for node in document.descendants().filter(|n| n.is_element()) {
        let name = node.tag_name().name();
        if (name.starts_with("New") && name != "NewPortListing") || name == "errorCode" {
            // As it was recorded: without blanks around it.
            let text = node.text().unwrap_or_default().trim().to_owned();
            assert!(out.insert(name.into(), text).is_none(), "{name} twice");
        }
    }
    out
}

fn packet(model: &mut Model, now: Duration, from: SocketAddr, hex: &str) -> Told {
    let digit = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    let bytes: Vec<u8> = (0..hex.len()).step_by(2).map(digit).collect();
    model.receive(now, from, &bytes);
    let mut answer = model.poll(now).expect("an answer").bytes;
    let epoch = if answer[0] == 2 { 8..12 } else { 4..8 };
    answer[epoch].fill(0);
    let hex = answer.iter().map(|byte| format!("{byte:02x}")).collect();
    [("packet".to_owned(), hex)].into()
}
