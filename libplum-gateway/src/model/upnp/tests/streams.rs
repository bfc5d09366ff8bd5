//! HTTP: connections, framing, styles, and time.

use super::*;
use crate::model::Odds;

const GET: &str = "GET /rootDesc.xml HTTP/1.1\r\nHost: 192.168.1.1:5000\r\n\r\n";

fn status(answer: &str) -> u16 {
    answer
        .split(' ')
        .nth(1)
        .and_then(|s| s.parse().ok())
        .unwrap_or_else(|| panic!("{answer:?}"))
}

fn ask(m: &mut Model, text: &str) -> (String, bool) {
    let id = m.connect(secs(1), 0, alice()).unwrap();
    m.stream_data(secs(1), id, text.as_bytes());
    let (bytes, closed) = drain(m, secs(1), id);
    if !closed {
        m.stream_gone(secs(1), id);
    }
    (String::from_utf8(bytes).unwrap(), closed)
}

#[test]
fn documents() {
    let mut m = model(|k| k.upnp.ipv6_firewall = true);
    let (answer, closed) = ask(&mut m, GET);
    assert!(!closed, "HTTP/1.1 keeps the connection");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.contains(&format!("Content-Length: {}", body.len())));
    let document = roxmltree::Document::parse(body).unwrap();
    let mut urls = 0;
    for node in document
        .descendants()
        .filter(|n| n.tag_name().name() == "SCPDURL")
    {
        urls += 1;
        let scpd = ask(&mut m, &GET.replace("/rootDesc.xml", node.text().unwrap())).0;
        roxmltree::Document::parse(scpd.split_once("\r\n\r\n").unwrap().1).unwrap();
    }
    assert_eq!(
        urls, 4,
        "Layer3Forwarding, the interface, the connection, the IPv6 firewall"
    );
    let head_only = ask(&mut m, &GET.replace("GET", "HEAD")).0;
    assert_eq!(head_only.split_once("\r\n\r\n").unwrap(), (head, ""));
    let absolute = GET.replace("/rootDesc", "http://192.168.1.1:5000/rootDesc");
    assert_eq!(status(&ask(&mut m, &absolute).0), 200);
}

#[test]
fn statuses() {
    let mut m = model(|_| {});
    let post = request("/ctl/IPConn", IP1, "GetStatusInfo", &[]);
    let cases = [
        (GET.replace("/rootDesc.xml", "/nothing"), 404),
        (GET.replace("GET", "DELETE"), 501),
        (GET.replace("Host: 192.168.1.1:5000\r\n", ""), 400),
        (GET.replace("HTTP/1.1", "HTTP/3.0"), 505),
        (GET.replace("GET ", "GET\u{1}"), 400),
        (post.replace("/ctl/IPConn", "/nothing"), 404),
        (post.replace("/ctl/IPConn", "/rootDesc.xml"), 405),
        (post.replace("Content-Length", "Content-Size"), 411),
        (post.replace("Content-Length: ", "Content-Length: -"), 400),
        (
            post.replace("Content-Length: ", "Content-Length: 9999999999999999999999"),
            413,
        ),
        (
            post.replace("Content-Length: ", "Content-Length: 1\r\nContent-Length: "),
            400,
        ),
        (
            post.replace(
                "Content-Length: ",
                "Transfer-Encoding: chunked\r\nContent-Length: ",
            ),
            400,
        ),
        (
            post.replace("Content-Length: ", "Transfer-Encoding: gzip\r\nX: "),
            501,
        ),
        (post.replace("SOAPAction", "X-Nothing"), 400),
        (post.replace("<s:Body>", "<s:Bodi>"), 400),
        (
            format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", "A: b\r\n".repeat(64)),
            431,
        ),
        (
            format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(9_000)),
            431,
        ),
        ("nonsense\r\n\r\n".to_owned(), 400),
    ];
    for (text, expected) in cases {
        let (answer, _) = ask(&mut m, &text);
        assert_eq!(status(&answer), expected, "{text}");
    }
}

#[test]
fn one_connection_serves_many_requests_in_order() {
    let mut m = model(|_| {});
    let id = m.connect(secs(1), 0, alice()).unwrap();
    let three = format!(
        "{GET}{}{}",
        GET.replace("/rootDesc.xml", "/x"),
        request("/ctl/IPConn", IP1, "GetStatusInfo", &[])
    );
    m.stream_data(secs(1), id, three.as_bytes());
    let (bytes, closed) = drain(&mut m, secs(1), id);
    let text = String::from_utf8(bytes).unwrap();
    let lines: Vec<_> = text
        .match_indices("HTTP/1.1 ")
        .map(|(i, _)| &text[i + 9..i + 12])
        .collect();
    assert_eq!((lines, closed), (vec!["200", "404", "200"], false));
    m.stream_data(
        secs(2),
        id,
        GET.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n")
            .as_bytes(),
    );
    assert!(drain(&mut m, secs(2), id).1, "closed as asked");
    assert!(!m.has_stream(id));
}

#[test]
fn bodies_in_chunks_and_after_100() {
    let mut m = model(|_| {});
    let post = request("/ctl/IPConn", IP1, "GetStatusInfo", &[]);
    let (head, body) = post.split_once("\r\n\r\n").unwrap();
    let head: String = head
        .split("\r\n")
        .filter(|l| !l.starts_with("Content-Length"))
        .map(|l| format!("{l}\r\n"))
        .collect();
    let (a, b) = body.split_at(33);
    let chunks = format!(
        "21;x=y\r\n{a}\r\n{:x}\r\n{b}\r\n0\r\nTrailer: t\r\n\r\n",
        b.len()
    );
    assert_eq!(
        status(
            &ask(
                &mut m,
                &format!("{head}Transfer-Encoding: chunked\r\n\r\n{chunks}")
            )
            .0
        ),
        200
    );
    for (bad, expected) in [
        ("zz\r\n", 400),
        ("fffffff\r\n", 413),
        ("1\r\nabc", 400),
        ("-1\r\n", 400),
    ] {
        let text = format!("{head}Transfer-Encoding: chunked\r\n\r\n{bad}");
        assert_eq!(status(&ask(&mut m, &text).0), expected, "{bad}");
    }
    let id = m.connect(secs(1), 0, alice()).unwrap();
    let waiting = format!(
        "{head}Expect: 100-continue\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    m.stream_data(secs(1), id, waiting.as_bytes());
    assert_eq!(
        drain(&mut m, secs(1), id).0,
        b"HTTP/1.1 100 Continue\r\n\r\n"
    );
    m.stream_data(secs(1), id, body.as_bytes());
    assert!(drain(&mut m, secs(1), id)
        .0
        .starts_with(b"HTTP/1.1 200 OK\r\n"));
}

#[test]
fn a_request_may_come_byte_by_byte() {
    let mut m = model(|_| {});
    let id = m.connect(secs(1), 0, alice()).unwrap();
    let post = request("/ctl/IPConn", IP1, "AddPortMapping", &ADD.args());
    for byte in post.as_bytes() {
        assert_eq!(drain(&mut m, secs(1), id).0, b"");
        m.stream_data(secs(1), id, &[*byte]);
    }
    assert!(drain(&mut m, secs(1), id)
        .0
        .starts_with(b"HTTP/1.1 200 OK\r\n"));
    assert_eq!(m.rules().len(), 1);
}

#[test]
fn styles() {
    let all = |quirk: Quirk| ask(&mut quirky(&[quirk]), GET);
    let (text, closed) = all(Quirk::CloseAlways);
    assert!(closed && text.contains("\r\nConnection: close\r\n"));
    let (text, closed) = all(Quirk::Http10);
    assert!(closed && text.starts_with("HTTP/1.0 200 OK\r\n") && !text.contains("Content-Length"));
    let (text, closed) = all(Quirk::NoLengthOpen);
    assert!(!closed && !text.contains("Content-Length") && text.trim_end().ends_with("</root>"));
    let (text, closed) = all(Quirk::Chunked);
    assert!(!closed && text.contains("Transfer-Encoding: chunked") && text.ends_with("0\r\n\r\n"));
    let (text, _) = all(Quirk::OddCase);
    assert!(text.contains("\r\ncONTENT-lENGTH: "), "{text}");
    let mut m = quirky(&[Quirk::Bare500]);
    let post = request("/ctl/IPConn", IP1, "DeletePortMapping", &key("1"));
    let (text, _) = ask(&mut m, &post);
    assert_eq!(
        (status(&text), text.split_once("\r\n\r\n").unwrap().1),
        (500, "")
    );
    let log: Vec<_> = m.log().answers().map(|e| e.packet.result()).collect();
    assert_eq!(log, [Some(714)], "the log knows better");
}

#[test]
fn a_strict_server_wants_it_exact() {
    let mut m = quirky(&[Quirk::Strict]);
    let right = request("/ctl/IPConn", IP1, "AddPortMapping", &ADD.args());
    assert_eq!(status(&ask(&mut m, &right).0), 200);
    assert_eq!(status(&ask(&mut m, GET).0), 200);
    let action = format!("SOAPAction: \"{IP1}#AddPortMapping\"");
    let wrong = [
        right.replace("SOAPAction", "SOAPACTION"),
        right.replace(&action, &action.replace('"', "")),
        right.replace("Host: 192.168.1.1:5000", "Host: 192.168.1.1"),
        right.replace("Content-Type: text/xml", "Content-Type: application/xml"),
        right.replace("Host:", "User-Agent: Microsoft something\r\nHost:"),
        GET.replace(":5000", ""),
    ];
    for text in wrong {
        assert_eq!(status(&ask(&mut m, &text).0), 400, "{text}");
    }
    // Lengths change with these.
    let unprefixed =
        "<Envelope xmlns=\"http://schemas.xmlsoap.org/soap/envelope/\"><Body/></Envelope>";
    let head = right.split_once("\r\n\r\n").unwrap().0;
    let head: String = head
        .split("\r\n")
        .filter(|l| !l.starts_with("Content-Length"))
        .map(|l| format!("{l}\r\n"))
        .collect();
    let text = format!(
        "{head}Content-Length: {}\r\n\r\n{unprefixed}",
        unprefixed.len()
    );
    assert_eq!(status(&ask(&mut m, &text).0), 400);
    assert_eq!(
        Add {
            protocol: "tcp",
            ..ADD
        }
        .to(&mut m, secs(1), alice(), IP1),
        402
    );
}

#[test]
fn one_request_at_a_time() {
    let mut m = quirky(&[Quirk::OneAtATime]);
    let (a, b) = (
        m.connect(secs(1), 0, alice()).unwrap(),
        m.connect(secs(1), 0, bob()).unwrap(),
    );
    m.stream_data(secs(1), a, GET.as_bytes());
    m.stream_data(secs(1), b, GET.as_bytes());
    let reset = m.poll_stream(secs(1)).unwrap();
    assert_eq!((reset.stream, reset.event), (b, StreamEvent::Reset));
    assert!(m.poll_stream(secs(1)).is_none());
    assert!(drain(&mut m, secs(1) + ms(50), a)
        .0
        .starts_with(b"HTTP/1.1 200"));
    let c = m.connect(secs(2), 0, bob()).unwrap();
    m.stream_data(secs(2), c, GET.as_bytes());
    assert!(
        drain(&mut m, secs(3), c).0.starts_with(b"HTTP/1.1 200"),
        "one after the other"
    );
}

#[test]
fn service_is_serial_across_protocols() {
    let mut m = model(|k| {
        k.service.write = ms(100);
        k.service.read = ms(10);
    });
    let id = m.connect(secs(1), 0, alice()).unwrap();
    m.stream_data(
        secs(1),
        id,
        request("/ctl/IPConn", IP1, "AddPortMapping", &ADD.args()).as_bytes(),
    );
    m.receive(secs(1), bob(), &[0, 0]);
    assert!(m.poll(secs(1) + ms(109)).is_none());
    assert!(
        m.poll(secs(1) + ms(110)).is_some(),
        "NAT-PMP waited for UPnP"
    );
    assert!(drain(&mut m, secs(2), id).0.starts_with(b"HTTP/1.1 200"));
}

#[test]
fn clients_that_take_too_long() {
    let mut m = model(|k| k.upnp.patience = secs(5));
    let idle = m.connect(secs(1), 0, alice()).unwrap();
    assert_eq!(m.deadline(), Some(secs(6)));
    assert_eq!(drain(&mut m, ms(5_999), idle), (Vec::new(), false));
    assert_eq!(
        drain(&mut m, secs(6), idle),
        (Vec::new(), true),
        "an idle one is closed"
    );
    let slow = m.connect(secs(10), 0, alice()).unwrap();
    for i in 0..9 {
        m.stream_data(secs(10) + ms(500 * i), slow, b"G");
    }
    let (bytes, closed) = drain(&mut m, secs(15), slow);
    assert!(
        bytes.starts_with(b"HTTP/1.1 408 ") && closed,
        "bytes that trickle do not help"
    );
    assert_eq!(m.deadline(), None);
}

#[test]
fn troubles_on_a_stream() {
    let with = |change: fn(&mut Knobs)| {
        let mut m = model(change);
        let id = m.connect(secs(1), 0, alice()).unwrap();
        m.stream_data(secs(1), id, GET.as_bytes());
        (
            drain(&mut m, secs(1), id),
            drain(&mut m, secs(3), id),
            drain(&mut m, secs(40), id),
        )
    };
    let (now, later, _) = with(|k| k.trouble.delay = secs(2));
    assert!(now.0.is_empty() && later.0.starts_with(b"HTTP/1.1 200"));
    for change in [
        |k: &mut Knobs| k.trouble.lose_answer = Odds::Always,
        |k: &mut Knobs| k.trouble.lose_request = Odds::Always,
        |k: &mut Knobs| k.silence.http = true,
        |k: &mut Knobs| k.silence.all = true,
    ] {
        let (now, later, end) = with(change);
        assert!(now.0.is_empty() && later.0.is_empty() && end == (Vec::new(), true));
    }
    let (cut, ..) =
        with(|k| (k.trouble.truncate, k.trouble.truncate_to) = (Odds::Always, Some(20)));
    assert_eq!((cut.0.len(), cut.1), (20, true));
    let (bent, ..) = with(|k| k.trouble.corrupt = Odds::Always);
    let (right, ..) = with(|_| {});
    assert_eq!(
        bent.0.iter().zip(&right.0).filter(|(a, b)| a != b).count(),
        1
    );
}

#[test]
fn connections_are_counted_and_end_with_the_daemon() {
    let mut m = model(|k| k.upnp.max_connections = 2);
    let a = m.connect(secs(1), 0, alice()).unwrap();
    assert!(m.connect(secs(1), 0, alice()).is_some());
    assert_eq!(m.connect(secs(1), 0, alice()), None);
    m.stream_end(secs(1), a);
    assert_eq!(m.poll_stream(secs(1)).unwrap().event, StreamEvent::Close);
    let c = m.connect(secs(1), 0, alice()).unwrap();
    assert_eq!(m.connect(secs(1), 7, alice()), None, "no such port");
    m.restart(secs(2), crate::Restart::KeepTable);
    assert!(!m.has_stream(c));
    m.close(secs(3));
    assert_eq!(m.connect(secs(3), 0, alice()), None);
}

#[test]
fn a_client_that_left_gets_its_mapping_all_the_same() {
    let mut m = model(|k| k.service.write = secs(1));
    let id = m.connect(secs(1), 0, alice()).unwrap();
    m.stream_data(
        secs(1),
        id,
        request("/ctl/IPConn", IP1, "AddPortMapping", &ADD.args()).as_bytes(),
    );
    m.stream_gone(secs(1), id);
    m.advance(secs(2));
    assert_eq!(m.rules().len(), 1);
    let last = m.log().answers().last().unwrap();
    assert_eq!(
        (last.fate, last.op()),
        (Fate::SendFailed, Op::AddPortMapping)
    );
}

#[test]
fn more_ahead_than_fits_ends_the_connection() {
    let mut m = model(|k| k.service.read = secs(1));
    let id = m.connect(secs(1), 0, alice()).unwrap();
    m.stream_data(secs(1), id, GET.as_bytes());
    for _ in 0..100 {
        m.stream_data(secs(1), id, GET.repeat(100).as_bytes());
    }
    let mut text = Vec::new();
    let mut closed = false;
    let mut at = 2;
    while !closed {
        let (bytes, end) = drain(&mut m, secs(at), id);
        text.extend(bytes);
        closed = end;
        at += 1;
        assert!(at < 5_000);
    }
    let last = String::from_utf8_lossy(&text);
    assert!(
        last.starts_with("HTTP/1.1 200 OK") && last.contains("HTTP/1.1 413 "),
        "said, not silently lost"
    );
}
