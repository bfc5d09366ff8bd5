//! What a real miniupnpd answered, asked again: the `miniupnpd` quirk answers the same bytes.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use libplum_gateway::model::Model;
use libplum_gateway::{Gateway, Quirk};

const DIALOGUE: &str = include_str!("../recorded/miniupnpd-2.3.1.txt");

#[test]
fn the_model_answers_as_miniupnpd_did() {
    let mut model = Gateway::builder()
        .quirk(Quirk::Miniupnpd)
        .external_ip(Ipv4Addr::new(1, 2, 3, 4))
        .build_model()
        .unwrap();
    let mut now = Duration::ZERO;
    let mut heading = "";
    let mut asked = Vec::new();
    let mut compared = 0;
    for line in DIALOGUE.lines() {
        if let Some(name) = line.strip_prefix("# ") {
            heading = name;
        } else if let Some(answer) = line.strip_prefix("< ") {
            assert_eq!(hex(&asked), answer, "{heading}, exchange {compared}");
            compared += 1;
        } else if let Some((host, request)) = line.split_once("> ") {
            let from = SocketAddr::from(([192, 168, 77, host.parse().unwrap()], 40_000));
            now += Duration::from_millis(10);
            asked = ask(&mut model, now, from, &bytes(request));
        }
    }
    assert_eq!(compared, 90, "the whole dialogue");
    assert!(model.rules().is_empty(), "it ends with everything deleted");
}

fn ask(model: &mut Model, now: Duration, from: SocketAddr, request: &[u8]) -> Vec<u8> {
    model.receive(now, from, request);
    let answer = model.poll(now).expect("an answer");
    assert_eq!((answer.to, model.poll(now)), (from, None));
    let mut bytes = answer.bytes;
    let epoch = if bytes[0] == 2 { 8..12 } else { 4..8 };
    bytes[epoch].fill(0);
    bytes
}

fn bytes(hex: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(digit).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
