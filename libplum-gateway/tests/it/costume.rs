//! The documents of a router that this test makes up, in the format of the corpus.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use libplum_gateway::{ConfigError, CostumeError, Gateway, StartError};

use crate::plain::{add_args, field, get, receive, search, soap, IP1};

/// A folder of its own for each test.
fn folder(name: &str) -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&dir).unwrap();
    dir
}

/// A router with the description on one port and its actions on another, which URLBase and the
/// control URL name in different ways.
fn write(dir: &Path, description_port: u16, control_port: u16) {
    let service = |urn: &str, control: &str| {
        format!(
            "<service><serviceType>\n\t{urn}\n</serviceType><serviceId>x</serviceId>\
             <SCPDURL>s.xml</SCPDURL><controlURL>{control}</controlURL><eventSubURL/></service>"
        )
    };
    let ip = service(IP1, &format!("http://192.168.99.1:{control_port}/c?ip"));
    let ppp = service(
        "urn:schemas-upnp-org:service:WANPPPConnection:1",
        "down/ppp",
    );
    let description = format!(
        "\u{feff}<?xml version=\"1.0\"?>\r\n<root><URLBase>http://127.0.0.2:{description_port}/a/</URLBase>\
         <device><deviceType>urn:schemas-upnp-org:device:InternetGatewayDevice:1</deviceType>\
         <UDN>uuid:root</UDN><!-- <controlURL>http://255.255.255.255:65535/x</controlURL> -->\
         <presentationURL>http://192.168.99.1/</presentationURL>\
         <manufacturerURL>http://192.168.99.10/</manufacturerURL>\
         <serviceList>{ip}{ppp}</serviceList></device></root>"
    );
    fs::write(dir.join("desc.xml"), description).unwrap();
    let about = format!(
        "{{\"location\":\"http://192.168.99.1:{description_port}/d/desc.xml?q\",\"connected\":\"/c?ip\"}}"
    );
    fs::write(dir.join("about.json"), about).unwrap();
    let head = "HTTP/1.1 200 Fine\r\nCONTENT-LENGTH: 5 \r\nX-Router: yes\r\n\r\n";
    fs::write(dir.join("desc.head"), head).unwrap();
    let ssdp = format!(
        "HTTP/1.1 200 OK\r\nSt:urn:x:y:1\r\nUSN: uuid:root::urn:x:y:1\r\n\
         Location:http://192.168.99.1:{description_port}/d/desc.xml?q\r\nServer: st:no\r\n\r\n"
    );
    fs::write(dir.join("ssdp.txt"), ssdp).unwrap();
}

fn check(gateway: &Gateway) {
    let doors = gateway.with(|model, _| model.http_doors().to_vec());
    let answer = receive(&search(gateway, "upnp:rootdevice"));
    assert!(
        answer.contains("\r\nSt:upnp:rootdevice\r\nUSN: uuid:root::upnp:rootdevice\r\n"),
        "{answer}"
    );
    assert!(answer.ends_with("\r\nServer: st:no\r\n\r\n"));
    assert_eq!(field(&answer, "location"), gateway.description_url());
    let own = receive(&search(gateway, "uuid:root"));
    assert_eq!(field(&own, "usn").as_deref(), Some("uuid:root"));

    let served = get(doors[0], "/d/desc.xml?q");
    assert!(
        served.head.starts_with("HTTP/1.1 200 Fine\r\n")
            && served.head.contains("\r\nX-Router: yes")
    );
    assert_eq!(
        field(&served.head, "content-length"),
        Some(served.body.len().to_string())
    );
    let base = format!("<URLBase>http://127.0.0.2:{}/a/</URLBase>", doors[0].port());
    assert!(
        served.body.contains(&base),
        "another host stays, the port does not: {}",
        served.body
    );
    assert!(
        served
            .body
            .contains(&format!("<controlURL>http://{}/c?ip<", doors[1])),
        "{}",
        served.body
    );
    assert!(
        served.body.contains("<presentationURL>http://127.0.0.1/<"),
        "{}",
        served.body
    );
    assert!(
        served.body.contains("http://192.168.99.10/"),
        "a host that only begins alike"
    );
    assert!(
        served.body.contains("http://255.255.255.255:65535/x"),
        "and a comment"
    );

    assert_eq!(
        soap(
            doors[1],
            "/c?ip",
            IP1,
            "AddPortMapping",
            &add_args("8080", "80", "0")
        )
        .code(),
        0
    );
    let ppp = "urn:schemas-upnp-org:service:WANPPPConnection:1";
    let down = soap(
        doors[0],
        "/a/down/ppp",
        ppp,
        "AddPortMapping",
        &add_args("8081", "80", "0"),
    );
    assert_eq!(down.code(), 501, "it is not the connected one");
    let wrong = crate::plain::parse(&crate::plain::exchange(
        doors[0],
        crate::plain::soap_request(doors[0], "/c?ip", IP1, "GetStatusInfo", &[]).as_bytes(),
    ));
    assert_eq!(wrong.status, 405, "its actions are on the other port");
}

#[test]
fn a_costume_on_free_ports() {
    let dir = folder("free-ports");
    write(&dir, 8000, 4444);
    check(&Gateway::builder().like(&dir).start().unwrap());
}

#[test]
fn a_costume_on_the_ports_it_had() {
    let free = || TcpListener::bind("127.0.0.1:0").unwrap();
    let (a, b) = (free(), free());
    let ports = (
        a.local_addr().unwrap().port(),
        b.local_addr().unwrap().port(),
    );
    drop((a, b));
    let dir = folder("own-ports");
    write(&dir, ports.0, ports.1);
    let gateway = Gateway::builder()
        .like(&dir)
        .captured_ports(true)
        .start()
        .unwrap();
    let doors = gateway.with(|model, _| model.http_doors().to_vec());
    assert_eq!((doors[0].port(), doors[1].port()), ports);
    check(&gateway);
}

#[test]
fn folders_that_are_no_router() {
    let refused = |dir: &Path| match Gateway::builder().like(dir).start() {
        Err(StartError::Config(ConfigError::Costume(error))) => error,
        other => panic!("{other:?}"),
    };
    let dir = folder("no-router");
    fs::write(dir.join("about.json"), "{}").unwrap();
    let _ = fs::remove_file(dir.join("desc.xml"));
    assert!(matches!(refused(&dir), CostumeError::Read { .. }));
    fs::write(dir.join("desc.xml"), "<root/>").unwrap();
    assert!(matches!(refused(&dir), CostumeError::Location(_)));
    fs::write(
        dir.join("about.json"),
        "{\"location\":\"http://192.168.1.1/d\"}",
    )
    .unwrap();
    assert!(matches!(refused(&dir), CostumeError::Description(_)));
    write(&dir, 80, 81);
    let off = Gateway::builder().like(&dir).upnp(false).start();
    assert!(matches!(
        off,
        Err(StartError::Config(ConfigError::CostumeWithoutUpnp))
    ));
}
