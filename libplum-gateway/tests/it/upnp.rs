//! The Internet Gateway Device over loopback sockets.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use libplum_gateway::model::upnp::Igd;
use libplum_gateway::model::Announcement;
use libplum_gateway::{CostumeError, Gateway, Op, Quirk, Restart, Transport, Writer};
use socket2::{Domain, Socket, Type};

use crate::plain::{connect, field, get, receive, search, soap, Point, PATIENCE};

const IGD1: &str = "urn:schemas-upnp-org:device:InternetGatewayDevice:1";

#[test]
fn from_a_search_to_a_mapping() {
    let gateway = Gateway::builder().start().unwrap();
    let answer = receive(&search(&gateway, IGD1));
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert_eq!(field(&answer, "st").unwrap(), IGD1);
    let location = field(&answer, "location").unwrap();
    assert_eq!(Some(&location), gateway.description_url().as_ref());

    let http = gateway.http_addr().unwrap();
    let path = location.strip_prefix(&format!("http://{http}")).unwrap();
    let description = get(http, path);
    assert_eq!(description.status, 200);
    assert_eq!(description.element("controlURL").unwrap(), "/ctl/L3F");
    assert!(description
        .body
        .contains("<controlURL>/ctl/IPConn</controlURL>"));

    let point = Point::v1(&gateway);
    assert_eq!(
        point
            .call("GetExternalIPAddress", &[])
            .element("NewExternalIPAddress")
            .unwrap(),
        "203.0.113.7"
    );
    assert_eq!(
        point
            .call("GetStatusInfo", &[])
            .element("NewConnectionStatus")
            .unwrap(),
        "Connected"
    );
    assert_eq!(point.add("8080", "80", "3600"), 0);
    let rule = gateway.rules().remove(0);
    assert_eq!(
        (rule.external_port, rule.internal_port, rule.writer),
        (8080, 80, Writer::Upnp)
    );
    assert_eq!(
        (rule.transport, rule.description.as_str()),
        (Transport::Tcp, "test")
    );
    assert!(rule.remaining.unwrap() > Duration::from_secs(3590));

    let entry = point.lookup("8080");
    assert_eq!(entry.element("NewInternalPort").unwrap(), "80");
    assert_eq!(entry.element("NewInternalClient").unwrap(), "127.0.0.1");
    let first = point.call(
        "GetGenericPortMappingEntry",
        &[("NewPortMappingIndex", "0")],
    );
    assert_eq!(first.element("NewExternalPort").unwrap(), "8080");
    assert_eq!(
        point
            .call(
                "GetGenericPortMappingEntry",
                &[("NewPortMappingIndex", "1")]
            )
            .code(),
        713
    );
    assert_eq!(point.delete("8080"), 0);
    assert_eq!(point.delete("8080"), 714);
    assert_eq!(gateway.rules(), []);

    // What was asked can be told afterwards.
    let log = gateway.log();
    assert_eq!(
        (
            log.count(Op::SsdpSearch),
            log.count(Op::HttpGet),
            log.count(Op::AddPortMapping)
        ),
        (1, 1, 1)
    );
    let quoted = |e: &libplum_gateway::Entry| {
        e.packet
            .http()
            .is_none_or(|m| m.soap.is_none() || m.soap_action_is_quoted())
    };
    assert!(log.requests().iter().all(quoted));
}

#[test]
fn any_port_mapping_of_version_2() {
    let gateway = Gateway::builder().igd(Igd::V2).start().unwrap();
    let point = Point::v2(&gateway);
    assert_eq!(point.add("4000", "4000", "0"), 0);
    let left = point.lookup("4000").element("NewLeaseDuration").unwrap();
    assert!(["604800", "604799"].contains(&left.as_str()), "{left}");
    let any = point.call(
        "AddAnyPortMapping",
        &crate::plain::add_args("4000", "4001", "60"),
    );
    assert_eq!(any.element("NewReservedPort").unwrap(), "4001");
}

#[test]
fn a_search_to_the_multicast_group_is_heard() {
    // The port must be free, not the standard's: other programs of this host may use that.
    let free = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let gateway = Gateway::builder()
        .ssdp_port(port)
        .ssdp_multicast(true)
        .start()
        .unwrap();
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, None).unwrap();
    socket.set_multicast_if_v4(&Ipv4Addr::LOCALHOST).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
        .bind(&"127.0.0.1:0".parse::<SocketAddr>().unwrap().into())
        .unwrap();
    let socket = UdpSocket::from(socket);
    let request = format!(
        "M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: \"ssdp:discover\"\r\nMX: 1\r\nST: {IGD1}\r\n\r\n"
    );
    socket
        .send_to(request.as_bytes(), ("239.255.255.250", port))
        .unwrap();
    let mut buffer = [0; 2048];
    let (length, from) = socket.recv_from(&mut buffer).unwrap();
    assert!(buffer[..length].starts_with(b"HTTP/1.1 200 OK\r\n"));
    assert_eq!(
        Some(from),
        gateway.ssdp_addr(),
        "from its own address and port"
    );
}

#[test]
fn announcements_over_a_socket() {
    let ear = UdpSocket::bind("127.0.0.1:0").unwrap();
    ear.set_read_timeout(Some(PATIENCE)).unwrap();
    let gateway = Gateway::builder()
        .pcp(false)
        .nat_pmp(false)
        .notify_to([ear.local_addr().unwrap()])
        .announce_start(true)
        .start()
        .unwrap();
    let mut buffer = [0; 2048];
    let (length, from) = ear.recv_from(&mut buffer).unwrap();
    let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
    assert_eq!(
        (field(&text, "nts").as_deref(), Some(from)),
        (Some("ssdp:alive"), gateway.ssdp_addr())
    );
    gateway.announce(Announcement::ssdp_byebye());
    loop {
        if field(&receive(&ear), "nts").as_deref() == Some("ssdp:byebye") {
            break;
        }
    }
}

#[test]
fn upnp_alone_leaves_5351_closed_and_without_it_there_is_no_ssdp() {
    let gateway = Gateway::builder()
        .pcp(false)
        .nat_pmp(false)
        .start()
        .unwrap();
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client.connect(gateway.addr()).unwrap();
    client.send(&[0, 0]).unwrap();
    let refused = client.recv(&mut [0; 16]).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    assert_eq!(Point::v1(&gateway).add("1", "1", "0"), 0);
    let gateway = Gateway::builder().upnp(false).start().unwrap();
    assert_eq!(
        (
            gateway.ssdp_addr(),
            gateway.http_addr(),
            gateway.description_url()
        ),
        (None, None, None)
    );
}

#[test]
fn closed_ports_are_refused_and_open_again() {
    let gateway = Gateway::builder().start().unwrap();
    let http = gateway.http_addr().unwrap();
    let mut kept = connect(http);
    gateway.close_port();
    assert_eq!(
        TcpStream::connect(http).unwrap_err().kind(),
        ErrorKind::ConnectionRefused
    );
    assert!(
        matches!(kept.read(&mut [0; 1]), Ok(0) | Err(_)),
        "and what was open is closed"
    );
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(gateway.ssdp_addr().unwrap()).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.send(b"M-SEARCH").unwrap();
    assert_eq!(
        socket.recv(&mut [0; 16]).unwrap_err().kind(),
        ErrorKind::ConnectionRefused
    );
    gateway.open_port().unwrap();
    assert_eq!(gateway.http_addr(), Some(http));
    assert_eq!(Point::v1(&gateway).add("1", "1", "0"), 0);
    drop(gateway);
    assert_eq!(
        TcpStream::connect(http).unwrap_err().kind(),
        ErrorKind::ConnectionRefused
    );
}

#[test]
fn a_restart_keeps_the_port_or_moves_it() {
    let gateway = Gateway::builder().start().unwrap();
    let before = gateway.http_addr().unwrap();
    Point::v1(&gateway).add("8080", "80", "0");
    gateway.restart(Restart::LoseTable).unwrap();
    assert_eq!(gateway.http_addr(), Some(before));
    assert_eq!(Point::v1(&gateway).delete("8080"), 714);
    gateway.set(|k| Quirk::MovingPort.apply(k)).unwrap();
    for _ in 0..3 {
        let before = gateway.http_addr().unwrap();
        gateway.restart(Restart::KeepTable).unwrap();
        assert_ne!(gateway.http_addr(), Some(before));
        assert_eq!(
            TcpStream::connect(before).unwrap_err().kind(),
            ErrorKind::ConnectionRefused
        );
        let location = field(&receive(&search(&gateway, IGD1)), "location");
        assert_eq!(location, gateway.description_url());
        assert_eq!(Point::v1(&gateway).add("8080", "80", "0"), 0);
    }
}

#[test]
fn every_quirk_over_sockets() {
    for quirk in Quirk::ALL {
        let gateway = Gateway::builder().quirk(quirk).start().unwrap();
        let urn = format!(
            "urn:schemas-upnp-org:device:InternetGatewayDevice:{}",
            version(&gateway)
        );
        let st = if quirk == Quirk::RootdeviceOnly {
            "upnp:rootdevice"
        } else {
            urn.as_str()
        };
        let socket = search(&gateway, st);
        let mut buffer = [0; 2048];
        let (_, from) = socket.recv_from(&mut buffer).unwrap();
        let elsewhere = [Quirk::SsdpOtherPort, Quirk::OtherPort].contains(&quirk);
        assert_eq!(Some(from) != gateway.ssdp_addr(), elsewhere, "{quirk}");
        let http = gateway.http_addr().unwrap();
        // An answer without an end is read no further than its last element.
        let mut stream = connect(http);
        write!(
            stream,
            "GET /rootDesc.xml HTTP/1.1\r\nHost: {http}\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        let mut text = Vec::new();
        while !String::from_utf8_lossy(&text).contains("</root>") {
            let mut buffer = [0; 4096];
            let length = stream.read(&mut buffer).unwrap();
            assert!(length > 0, "{quirk}");
            text.extend_from_slice(&buffer[..length]);
        }
        assert!(
            text.starts_with(if quirk == Quirk::Http10 {
                b"HTTP/1.0 200"
            } else {
                b"HTTP/1.1 200"
            }),
            "{quirk}"
        );
    }
}

fn version(gateway: &Gateway) -> u32 {
    gateway.with(|model, _| match model.knobs().upnp.igd {
        Igd::V1 => 1,
        Igd::V2 => 2,
    })
}

#[test]
fn ipv6_has_pinholes_from_their_own_address() {
    let started = Gateway::builder()
        .listen("[::1]:0".parse().unwrap())
        .upnp(true)
        .set(|k| k.upnp.ipv6_firewall = true)
        .start();
    let Ok(gateway) = started else {
        println!("this host has no IPv6");
        return;
    };
    let urn = "urn:schemas-upnp-org:service:WANIPv6FirewallControl:1";
    let args = [
        ("RemoteHost", ""),
        ("RemotePort", "0"),
        ("InternalClient", "::1"),
        ("InternalPort", "8080"),
        ("Protocol", "6"),
        ("LeaseTime", "600"),
    ];
    let answer = soap(
        gateway.http_addr().unwrap(),
        "/ctl/IP6FCtl",
        urn,
        "AddPinhole",
        &args,
    );
    assert_eq!(answer.code(), 0);
    assert_eq!(gateway.rules()[0].client, IpAddr::from(Ipv6Addr::LOCALHOST));
    let url = gateway.description_url().unwrap();
    assert!(url.starts_with("http://[::1]:"), "{url}");
}

#[test]
fn many_clients_at_once() {
    let gateway = Gateway::builder().start().unwrap();
    std::thread::scope(|scope| {
        for client in 0..8 {
            let gateway = &gateway;
            scope.spawn(move || {
                for i in 0..25 {
                    let port = (1000 * (client + 1) + i).to_string();
                    assert_eq!(Point::v1(gateway).add(&port, &port, "600"), 0);
                }
            });
        }
    });
    assert_eq!(gateway.rules().len(), 200);
    assert_eq!(gateway.log().count(Op::AddPortMapping), 200);
}

#[test]
fn hostile_clients_do_not_keep_others_out() {
    let gateway = Gateway::builder().start().unwrap();
    let http = gateway.http_addr().unwrap();
    // Some say nothing, one never ends, one leaves in the middle.
    let silent: Vec<_> = (0..20).map(|_| connect(http)).collect();
    let mut endless = connect(http);
    write!(endless, "GET / HTTP/1.1\r\n").unwrap();
    let endless = std::thread::spawn(move || {
        let line = b"A: b\r\n".repeat(100);
        let mut sent = 0;
        while endless.write_all(&line).is_ok() {
            sent += line.len();
            assert!(sent < 64 << 20, "it takes everything");
        }
    });
    let mut leaver = connect(http);
    write!(
        leaver,
        "POST /ctl/IPConn HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n<s:Env"
    )
    .unwrap();
    drop(leaver);
    assert_eq!(Point::v1(&gateway).add("8080", "80", "0"), 0);
    endless.join().unwrap();
    drop(gateway); // and they do not keep it from stopping
    drop(silent);
}

#[test]
fn an_exchange_as_json() {
    let gateway = Gateway::builder().start().unwrap();
    assert_eq!(Point::v1(&gateway).add("8080", "80", "3600"), 0);
    let mut next = 0;
    let mut lines = Vec::new();
    while lines.len() < 2 {
        let entries = gateway.log().follow(&mut next, PATIENCE);
        assert!(!entries.is_empty());
        lines.extend(
            entries
                .iter()
                .map(|e| serde_json::from_str::<serde_json::Value>(&e.to_json()).unwrap()),
        );
    }
    let [request, answer] = &lines[..] else {
        panic!("{lines:?}")
    };
    assert_eq!(
        (&request["op"], &request["fate"]),
        (&"AddPortMapping".into(), &"Answered".into())
    );
    assert_eq!(request["args"]["NewExternalPort"], "8080");
    assert_eq!(request["start"], "POST /ctl/IPConn HTTP/1.1");
    assert_eq!(
        (&answer["request"], &answer["action"]),
        (&request["number"], &"AddPortMapping".into())
    );
    assert!(answer["error"].is_null());
    assert_eq!(gateway.log().follow(&mut next, Duration::ZERO).len(), 0);
}

#[test]
fn impossible_gateways_are_refused_with_a_reason() {
    use libplum_gateway::{ConfigError as E, StartError};
    let refused = |builder: libplum_gateway::Builder| match builder.start() {
        Err(StartError::Config(error)) => {
            assert!(error.to_string().len() > 20, "{error}");
            error
        }
        other => panic!("{other:?}"),
    };
    let new = Gateway::builder;
    let all = refused(new().listen("0.0.0.0:0".parse().unwrap()).upnp(true));
    assert!(matches!(all, E::UpnpNeedsAddress(_)));
    assert!(
        new().listen("0.0.0.0:0".parse().unwrap()).start().is_ok(),
        "without UPnP it can"
    );
    assert_eq!(
        refused(new().pcp(false).nat_pmp(false).upnp(false)),
        E::NoProtocol
    );
    let both = refused(new().quirk(Quirk::Chunked).quirk(Quirk::Http10));
    assert_eq!(both, E::HttpStyles("chunked", "http10"));
    let week = refused(
        new()
            .quirk(Quirk::PermanentOnly)
            .quirk(Quirk::LeaseZeroIsAWeek),
    );
    assert_eq!(week, E::PermanentWeek);
    assert_eq!(
        refused(new().set(|k| k.upnp.max_connections = 0)),
        E::NoConnections
    );
    assert_eq!(
        refused(new().set(|k| k.upnp.lookup_fails = Some(0))),
        E::UpnpError(0)
    );
    let header = refused(new().set(|k| k.upnp.server = "a\r\nb".to_owned()));
    assert!(matches!(header, E::HeaderValue(_)));
    let host = refused(new().set(|k| k.upnp.named_host = Some("a/b".to_owned())));
    assert!(matches!(host, E::HeaderValue(_)));
    let folder = refused(new().like("/nowhere/at/all"));
    assert!(matches!(folder, E::Costume(CostumeError::Read { .. })));
}

#[test]
fn a_client_that_says_no_more_is_let_go() {
    let gateway = Gateway::builder().start().unwrap();
    let mut stream = connect(gateway.http_addr().unwrap());
    stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(stream.read(&mut [0; 1]).unwrap(), 0);
    // And one that asks first gets its answer first.
    let mut stream = connect(gateway.http_addr().unwrap());
    write!(stream, "GET /rootDesc.xml HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert!(text.starts_with("HTTP/1.1 200 OK"), "{text}");
}

#[test]
fn a_second_request_at_once_is_reset() {
    let gateway = Gateway::builder()
        .quirk(Quirk::OneAtATime)
        .set(|k| k.upnp.http_service = Duration::from_secs(2))
        .start()
        .unwrap();
    let http = gateway.http_addr().unwrap();
    let (mut first, mut second) = (connect(http), connect(http));
    write!(first, "GET / HTTP/1.0\r\n\r\n").unwrap();
    assert!(gateway.log().wait_for_count(PATIENCE, Op::HttpGet, 1));
    write!(second, "GET / HTTP/1.0\r\n\r\n").unwrap();
    let error = second.read(&mut [0; 1]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    let mut text = String::new();
    first.read_to_string(&mut text).unwrap();
    assert!(text.starts_with("HTTP/1.1 200 OK"), "{text}");
}
