//! Hostile input: nothing panics, hangs or grows.

use proptest::collection::vec;
use proptest::prelude::*;

use super::super::http::{Decoder, Progress, BODY, HEAD};
use super::*;

/// What a decoder makes of bytes that come in these pieces.
fn decode<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Vec<Progress> {
    let mut decoder = Decoder::new(true);
    let mut out = Vec::new();
    for piece in pieces {
        decoder.feed(piece);
        loop {
            match decoder.next() {
                Progress::More => break,
                Progress::Continue => {}
                end @ Progress::Bad(..) => {
                    out.push(end);
                    return out;
                }
                done @ Progress::Done(_) => out.push(done),
            }
        }
    }
    out
}

/// Text that looks like HTTP often enough to get deep into a parser.
fn httpish() -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![
        Just("POST /ctl/IPConn HTTP/1.1\r\n".to_owned()),
        Just("GET / HTTP/1.0\r\n".to_owned()),
        Just("M-SEARCH * HTTP/1.1\r\n".to_owned()),
        Just("Host: 192.168.1.1:5000\r\n".to_owned()),
        Just("MAN: \"ssdp:discover\"\r\n".to_owned()),
        Just("ST: ssdp:all\r\n".to_owned()),
        Just("MX: 1\r\n".to_owned()),
        Just("Transfer-Encoding: chunked\r\n".to_owned()),
        Just("Expect: 100-continue\r\n".to_owned()),
        (0u64..200).prop_map(|n| format!("Content-Length: {n}\r\n")),
        (0u64..40).prop_map(|n| format!("{n:x}\r\n")),
        Just(format!("SOAPAction: \"{IP1}#AddPortMapping\"\r\n")),
        Just("\r\n".to_owned()),
        Just("\n".to_owned()),
        Just("<s:Envelope xmlns:s=\"x\"><s:Body>".to_owned()),
        Just("</s:Body></s:Envelope>".to_owned()),
        Just("0\r\n\r\n".to_owned()),
        "[ -~]{0,20}",
    ];
    vec(word, 0..24).prop_map(|words| words.concat().into_bytes())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_stream_means_the_same_whole_and_byte_by_byte(bytes in httpish()) {
        prop_assert_eq!(decode(std::iter::once(&bytes[..])), decode(bytes.chunks(1)));
    }

    #[test]
    fn any_bytes_are_decoded(bytes in vec(any::<u8>(), 0..2_000), size in 1usize..100) {
        decode(bytes.chunks(size));
    }

    #[test]
    fn any_request_is_survived(requests in vec(prop_oneof![httpish(), vec(any::<u8>(), 0..300)], 1..6), seed: u64) {
        let mut knobs = Knobs::default();
        knobs.upnp.on = true;
        let mut m = Model::new(knobs, seed).unwrap();
        for (i, bytes) in requests.iter().enumerate() {
            let now = secs(i as u64);
            let id = m.connect(now, 0, alice()).unwrap();
            m.stream_data(now, id, bytes);
            m.receive_ssdp(now, alice(), i % 2 == 0, bytes);
            while m.poll_stream(now).is_some() || m.poll(now).is_some() {}
            for entry in m.log().entries() {
                let line = entry.to_json();
                prop_assert!(!line.contains('\n') && serde_json::from_str::<serde_json::Value>(&line).is_ok());
            }
        }
        m.advance(secs(1_000));
        while m.poll_stream(secs(1_000)).is_some() {}
        prop_assert_eq!(m.deadline(), None, "all connections have ended");
    }

    #[test]
    fn any_text_is_a_control_message_or_none(text in "(<[a-zA-Z:/!?\\[\\]]{0,8}>|&[a-z#0-9]{0,5};|[ -~]{0,8}){0,40}") {
        let _ = Call::parse(text.as_bytes());
    }

    #[test]
    fn any_argument_gets_a_result_or_a_code(values in vec("\\PC{0,12}", 8), any: bool) {
        let mut m = model(|k| k.upnp.igd = Igd::V2);
        let args: Vec<_> = ADD.args().iter().zip(&values).map(|((n, _), v)| (*n, v.as_str())).collect();
        let action = if any { "AddAnyPortMapping" } else { "AddPortMapping" };
        let code = code_of(act(&mut m, secs(1), alice(), IP2, action, &args));
        prop_assert!(code == 0 || (400..800).contains(&code));
    }

    #[test]
    fn any_description_comes_back_as_it_went(text in "[\\PC&<>'\"]{0,60}") {
        let mut m = model(|_| {});
        let text = text.trim().to_owned();
        prop_assert_eq!(Add { description: &text, ..ADD }.to(&mut m, secs(1), alice(), IP1), 0);
        let entry = act(&mut m, secs(1), alice(), IP1, "GetSpecificPortMappingEntry", &key("8080"));
        prop_assert_eq!(value(&entry, "NewPortMappingDescription"), text);
    }
}

/// What a connection of the model holds is bounded, whatever is poured into it.
#[test]
fn endless_requests_end() {
    let endless: [(&str, &[u8]); 6] = [
        ("", b"a"),
        ("GET / HTTP/1.1\r\n", b"A: b\r\n"),
        ("GET / HTTP/1.1\r\nX: ", b"y"),
        (
            "POST /ctl/IPConn HTTP/1.1\r\nHost: x\r\nContent-Length: 65537\r\n\r\n",
            b"z",
        ),
        (
            "POST /ctl/IPConn HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"1\r\na\r\n",
        ),
        (
            "POST /ctl/IPConn HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
            b"T: t\r\n",
        ),
    ];
    for (begin, more) in endless {
        let mut m = model(|_| {});
        let id = m.connect(secs(1), 0, alice()).unwrap();
        m.stream_data(secs(1), id, begin.as_bytes());
        let mut poured = 0;
        let (answer, closed) = loop {
            m.stream_data(secs(1), id, &more.repeat(100));
            poured += more.len() * 100;
            let (answer, closed) = drain(&mut m, secs(1), id);
            if closed {
                break (answer, closed);
            }
            assert!(poured < 8 * (HEAD + BODY), "{begin} never ends");
        };
        assert!(closed && answer.starts_with(b"HTTP/1.1 4"), "{begin}");
        assert!(!m.has_stream(id));
    }
}

#[test]
fn a_flood_of_connections_and_searches_is_bounded() {
    let mut m = model(|_| {});
    for i in 0..10_000u16 {
        let peer = SocketAddr::new(alice().ip(), i.wrapping_add(1));
        if let Some(id) = m.connect(secs(1), 0, peer) {
            m.stream_data(
                secs(1),
                id,
                b"POST /ctl/IPConn HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n",
            );
        }
    }
    assert_eq!(m.upnp.streams.len(), m.knobs().upnp.max_connections);
    m.advance(secs(100));
    while m.poll_stream(secs(100)).is_some() {}
    assert_eq!(m.upnp.streams.len(), 0);
}
