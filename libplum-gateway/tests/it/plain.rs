//! A UPnP client of plain sockets, which does what the test says and nothing by itself.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use libplum_gateway::Gateway;

/// Longer than any answer takes; no test waits so long unless it fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) const IP1: &str = "urn:schemas-upnp-org:service:WANIPConnection:1";
pub(crate) const IP2: &str = "urn:schemas-upnp-org:service:WANIPConnection:2";

/// An answer over HTTP, with its body as the framing has it.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    /// The text of the first element of this name.
    pub(crate) fn element(&self, name: &str) -> Option<String> {
        let start = self.body.find(&format!("<{name}>"))? + name.len() + 2;
        let end = self.body[start..].find(&format!("</{name}>"))?;
        Some(self.body[start..start + end].to_owned())
    }

    /// 0 for a success, else the UPnP error.
    pub(crate) fn code(&self) -> u16 {
        match self.element("errorCode") {
            Some(code) => code.parse().unwrap(),
            None if self.status == 200 => 0,
            None => panic!("{self:?}"),
        }
    }
}

pub(crate) fn connect(addr: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(addr).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Sends bytes and reads until the gateway closes.
pub(crate) fn exchange(addr: SocketAddr, request: &[u8]) -> Vec<u8> {
    let mut stream = connect(addr);
    stream.write_all(request).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    answer
}

pub(crate) fn parse(bytes: &[u8]) -> Answer {
    let text = String::from_utf8_lossy(bytes);
    let (head, body) = text
        .split_once("\r\n\r\n")
        .unwrap_or_else(|| panic!("no head in {text:?}"));
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let body = if head
        .to_ascii_lowercase()
        .contains("transfer-encoding: chunked")
    {
        unchunk(body)
    } else {
        body.to_owned()
    };
    Answer {
        status,
        head: head.to_owned(),
        body,
    }
}

fn unchunk(mut rest: &str) -> String {
    let mut out = String::new();
    loop {
        let (size, after) = rest.split_once("\r\n").unwrap();
        let size = usize::from_str_radix(size.split(';').next().unwrap(), 16).unwrap();
        if size == 0 {
            return out;
        }
        out.push_str(&after[..size]);
        rest = &after[size + 2..];
    }
}

pub(crate) fn get(addr: SocketAddr, path: &str) -> Answer {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\n\r\n");
    parse(&exchange(addr, request.as_bytes()))
}

/// The bytes of a control request.
pub(crate) fn soap_request(
    addr: SocketAddr,
    path: &str,
    urn: &str,
    action: &str,
    args: &[(&str, &str)],
) -> String {
    let args: String = args
        .iter()
        .map(|(name, value)| format!("<{name}>{value}</{name}>"))
        .collect();
    let body = format!(
        "<?xml version=\"1.0\"?>\r\n<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" \
         s:encodingStyle=\"http://schemas.xmlsoap.org/soap/encoding/\"><s:Body>\
         <u:{action} xmlns:u=\"{urn}\">{args}</u:{action}></s:Body></s:Envelope>"
    );
    format!(
        "POST {path} HTTP/1.1\r\nHost: {addr}\r\nContent-Length: {}\r\nContent-Type: text/xml; charset=\"utf-8\"\r\n\
         SOAPAction: \"{urn}#{action}\"\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

pub(crate) fn soap(
    addr: SocketAddr,
    path: &str,
    urn: &str,
    action: &str,
    args: &[(&str, &str)],
) -> Answer {
    parse(&exchange(
        addr,
        soap_request(addr, path, urn, action, args).as_bytes(),
    ))
}

/// The eight arguments of AddPortMapping for a mapping to this host.
pub(crate) fn add_args<'a>(
    external: &'a str,
    internal: &'a str,
    lease: &'a str,
) -> [(&'static str, &'a str); 8] {
    [
        ("NewRemoteHost", ""),
        ("NewExternalPort", external),
        ("NewProtocol", "TCP"),
        ("NewInternalPort", internal),
        ("NewInternalClient", "127.0.0.1"),
        ("NewEnabled", "1"),
        ("NewPortMappingDescription", "test"),
        ("NewLeaseDuration", lease),
    ]
}

/// A control point of one gateway's first connection service.
pub(crate) struct Point<'a> {
    pub(crate) gateway: &'a Gateway,
    pub(crate) path: &'static str,
    pub(crate) urn: &'static str,
}

impl<'a> Point<'a> {
    pub(crate) fn v1(gateway: &'a Gateway) -> Self {
        Self {
            gateway,
            path: "/ctl/IPConn",
            urn: IP1,
        }
    }

    pub(crate) fn v2(gateway: &'a Gateway) -> Self {
        Self {
            gateway,
            path: "/ctl/IPConn",
            urn: IP2,
        }
    }

    pub(crate) fn call(&self, action: &str, args: &[(&str, &str)]) -> Answer {
        soap(
            self.gateway.http_addr().unwrap(),
            self.path,
            self.urn,
            action,
            args,
        )
    }

    pub(crate) fn add(&self, external: &str, internal: &str, lease: &str) -> u16 {
        self.call("AddPortMapping", &add_args(external, internal, lease))
            .code()
    }

    pub(crate) fn delete(&self, external: &str) -> u16 {
        let args = [
            ("NewRemoteHost", ""),
            ("NewExternalPort", external),
            ("NewProtocol", "TCP"),
        ];
        self.call("DeletePortMapping", &args).code()
    }

    pub(crate) fn lookup(&self, external: &str) -> Answer {
        let args = [
            ("NewRemoteHost", ""),
            ("NewExternalPort", external),
            ("NewProtocol", "TCP"),
        ];
        self.call("GetSpecificPortMappingEntry", &args)
    }
}

/// A socket that has sent one search to the gateway by unicast.
pub(crate) fn search(gateway: &Gateway, st: &str) -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let addr = gateway.ssdp_addr().unwrap();
    let request = format!(
        "M-SEARCH * HTTP/1.1\r\nHOST: {addr}\r\nMAN: \"ssdp:discover\"\r\nMX: 1\r\nST: {st}\r\n\r\n"
    );
    socket.send_to(request.as_bytes(), addr).unwrap();
    socket
}

pub(crate) fn receive(socket: &UdpSocket) -> String {
    let mut buffer = [0; 4096];
    let length = socket.recv(&mut buffer).unwrap();
    String::from_utf8(buffer[..length].to_vec()).unwrap()
}

/// The value of a header field, in any case.
pub(crate) fn field(text: &str, name: &str) -> Option<String> {
    text.split("\r\n").find_map(|line| {
        let (n, value) = line.split_once(':')?;
        n.eq_ignore_ascii_case(name)
            .then(|| value.trim().to_owned())
    })
}
