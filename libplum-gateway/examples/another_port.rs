//! A test against a router that grants another port than the one asked for, by UPnP: the port is
//! another host's, so AddPortMapping fails by 718 and the program has to try the next.

use std::error::Error;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};

use libplum_gateway::{Gateway, Op, Transport};

const SERVICE: &str = "urn:schemas-upnp-org:service:WANIPConnection:1";

/// The program under test: maps the first port from `wanted` on that is free.
fn map(router: SocketAddr, wanted: u16) -> io::Result<u16> {
    for port in wanted..=wanted.saturating_add(10) {
        let answer = add_port_mapping(router, port)?;
        if answer.starts_with("HTTP/1.1 200") {
            return Ok(port);
        }
        if !answer.contains("<errorCode>718</errorCode>") {
            break;
        }
    }
    Err(io::Error::other("the router does not map"))
}

fn add_port_mapping(router: SocketAddr, port: u16) -> io::Result<String> {
    let body = format!(
        "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body>\
         <u:AddPortMapping xmlns:u=\"{SERVICE}\"><NewRemoteHost/>\
         <NewExternalPort>{port}</NewExternalPort><NewProtocol>TCP</NewProtocol>\
         <NewInternalPort>8080</NewInternalPort><NewInternalClient>127.0.0.1</NewInternalClient>\
         <NewEnabled>1</NewEnabled><NewPortMappingDescription>demo</NewPortMappingDescription>\
         <NewLeaseDuration>3600</NewLeaseDuration></u:AddPortMapping></s:Body></s:Envelope>"
    );
    let mut stream = TcpStream::connect(router)?;
    write!(
        stream,
        "POST /ctl/IPConn HTTP/1.1\r\nHost: {router}\r\nContent-Type: text/xml; charset=\"utf-8\"\r\n\
         SOAPAction: \"{SERVICE}#AddPortMapping\"\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

fn main() -> Result<(), Box<dyn Error>> {
    let router = Gateway::builder().start()?;
    // Another host of this home has the port.
    router.insert_static(Transport::Tcp, "192.168.1.50".parse()?, 8080, 8080);

    let http = router.http_addr().ok_or("UPnP is off")?;
    let port = map(http, 8080)?;
    assert_eq!(port, 8081);
    assert_eq!(router.log().count(Op::AddPortMapping), 2, "two tries");
    println!("mapped to port {port}");
    Ok(())
}
