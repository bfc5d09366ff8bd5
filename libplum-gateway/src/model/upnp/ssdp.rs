//! SSDP: searches, their answers, and announcements (UDA 1.0 and 1.1 §1).

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use super::super::announce::Beacon;
use super::super::Model;
use super::device::Device;
use super::http;
use super::knobs::Searches;
use crate::log::{Direction, Dropped, Fate};
use crate::packet::{HttpMessage, Op, Packet};

/// Where searches and announcements go (UDA 1.0 §1.1).
pub(crate) const GROUP_V4: SocketAddr =
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(239, 255, 255, 250)), 1900);

/// The link-local group of IPv6 (UDA 1.1, annex A).
pub(crate) const GROUP_V6: SocketAddr = SocketAddr::new(
    IpAddr::V6(Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0xc)),
    1900,
);

/// The group that the clients of a gateway at this address listen to.
pub(crate) fn group(gateway: SocketAddr) -> SocketAddr {
    if gateway.is_ipv4() {
        GROUP_V4
    } else {
        GROUP_V6
    }
}

/// UDA 1.0 §1.1.2 wants 1,800 s at least; routers say less.
const MAX_AGE: u32 = 1_800;

/// The longest datagram that is looked at.
const LONGEST: usize = 4_096;

/// A search or announcement, taken apart.
fn read(bytes: &[u8], strict: bool) -> Option<HttpMessage> {
    let mut fields = [httparse::EMPTY_HEADER; 32];
    let mut parsed = httparse::Request::new(&mut fields);
    // The empty line at the end is often forgotten; only a strict router minds.
    let mut text = bytes.to_vec();
    if !strict {
        text.extend_from_slice(b"\r\n\r\n");
    }
    match parsed.parse(&text) {
        Ok(httparse::Status::Complete(_)) => {}
        _ => return None,
    }
    let start = format!(
        "{} {} HTTP/1.{}",
        parsed.method?, parsed.path?, parsed.version?
    );
    let headers = parsed.headers.iter().map(|f| {
        (
            f.name.to_owned(),
            String::from_utf8_lossy(f.value).trim().to_owned(),
        )
    });
    Some(HttpMessage {
        start,
        headers: headers.collect(),
        soap: None,
    })
}

/// What a search wants, when it is one that is to be answered.
/// `lax` is miniupnpd's way: it looks at neither the version of HTTP nor MAN.
fn search(message: &HttpMessage, to_group: bool, strict: bool, lax: bool) -> Option<String> {
    if message.start != "M-SEARCH * HTTP/1.1" && !(lax && message.method() == Some("M-SEARCH")) {
        return None;
    }
    let man = message.header("man").or(lax.then_some("ssdp:discover"))?;
    let quoted = man == "\"ssdp:discover\"";
    if !quoted && (strict || man != "ssdp:discover") {
        return None;
    }
    if strict && message.header("host").is_none() {
        return None;
    }
    // UDA 1.1 §1.3.2: a multicast search without MX MUST be ignored; a unicast one has none.
    if to_group
        && !lax
        && message
            .header("mx")
            .and_then(|mx| mx.trim().parse::<u32>().ok())
            .is_none()
    {
        return None;
    }
    message
        .header("st")
        .filter(|st| !st.is_empty())
        .map(str::to_owned)
}

/// (NT or ST, USN) of everything that a device is (UDA 1.0 §1.1.2, tables 1-1 to 1-3).
fn advertisements(device: &Device) -> Vec<(String, String)> {
    let root = &device.udn;
    let mut out = vec![(
        "upnp:rootdevice".to_owned(),
        format!("{root}::upnp:rootdevice"),
    )];
    for device in device.all() {
        let udn = device.udn.trim();
        out.push((udn.to_owned(), udn.to_owned()));
        out.push((device.urn.clone(), format!("{udn}::{}", device.urn)));
        for service in &device.services {
            let pair = (service.urn.clone(), format!("{udn}::{}", service.urn));
            if !out.contains(&pair) {
                out.push(pair);
            }
        }
    }
    out
}

/// The name and version of a URN.
fn split(urn: &str) -> Option<(&str, u32)> {
    let (name, version) = urn.rsplit_once(':')?;
    Some((name, version.parse().ok()?))
}

/// The answers to a search: (ST, USN).
fn matches(device: &Device, st: &str, searches: Searches) -> Vec<(String, String)> {
    let all = advertisements(device);
    if searches == Searches::RootOnly {
        let root = all.into_iter().take(1);
        return root
            .filter(|_| st == "ssdp:all" || st == "upnp:rootdevice")
            .collect();
    }
    if st == "ssdp:all" {
        return all;
    }
    if let Some(found) = all.iter().find(|(nt, _)| nt == st) {
        return vec![found.clone()];
    }
    let Some((name, version)) = split(st) else {
        return Vec::new();
    };
    let answered = |usn: &str| {
        let udn = usn.split("::").next().unwrap_or_default();
        vec![(st.to_owned(), format!("{udn}::{st}"))]
    };
    let of_name = all
        .iter()
        .find(|(nt, _)| split(nt).is_some_and(|(n, _)| n == name));
    match (searches, of_name) {
        // A newer device answers as the older one that was searched for.
        (Searches::Listed, Some((nt, usn))) => {
            let newer = split(nt).is_some_and(|(_, offered)| offered >= version);
            if newer {
                answered(usn)
            } else {
                Vec::new()
            }
        }
        (Searches::AnyVersion, Some((_, usn))) => answered(usn),
        (Searches::AnyVersion, None) if is_of_some_igd(name) => answered(&device.udn),
        _ => Vec::new(),
    }
}

fn is_of_some_igd(name: &str) -> bool {
    let known = [
        "WANIPConnection",
        "WANPPPConnection",
        "WANIPv6FirewallControl",
        "DeviceProtection",
    ];
    name.strip_prefix("urn:schemas-upnp-org:service:")
        .is_some_and(|n| known.contains(&n))
}

impl Model {
    /// Takes in one SSDP datagram: `to_group` when it was sent to the multicast group, not to the
    /// gateway's own address. Whatever it contains, this neither fails nor takes long.
    pub fn receive_ssdp(&mut self, now: Duration, from: SocketAddr, to_group: bool, bytes: &[u8]) {
        let now = self.advance(now);
        let from = SocketAddr::new(from.ip().to_canonical(), from.port());
        let strict = self.knobs.upnp.strict;
        let message = if bytes.len() > LONGEST {
            None
        } else {
            read(bytes, strict)
        };
        let lax = self.knobs.upnp.miniupnpd && !strict;
        let wanted = message
            .as_ref()
            .and_then(|m| search(m, to_group, strict, lax));
        let op = match &message {
            Some(m) if m.method() == Some("M-SEARCH") => Op::SsdpSearch,
            Some(m) if m.method() == Some("NOTIFY") => Op::SsdpNotify,
            _ => Op::Other,
        };
        let packet = message.map_or(Packet::Unknown, Packet::Ssdp);
        let number = self.log.record_as(
            now,
            Direction::Request,
            from,
            Fate::Waiting,
            op,
            packet,
            bytes,
        );
        let miniupnpd = self.knobs.upnp.miniupnpd;
        let answers = wanted.map(|st| {
            let device = self.upnp.device(&self.knobs.upnp).into_owned();
            {
                let mut found = matches(&device, &st, self.knobs.upnp.searches);
                if miniupnpd && st == "ssdp:all" {
                    // It says so, whatever its description has.
                    let ppp = "urn:schemas-upnp-org:service:WANPPPConnection:1";
                    found.push((ppp.to_owned(), format!("{}::{ppp}", device.udn)));
                }
                (found, device)
            }
        });
        let fate = if !self.open || !self.knobs.upnp.on {
            Fate::Refused
        } else if self.dice.lose_request(&mut self.knobs.trouble, op) {
            Fate::Lost
        } else if self.knobs.silence.all || self.knobs.silence.ssdp {
            Fate::Silent
        } else {
            match answers {
                Some((answers, device)) if !answers.is_empty() => {
                    self.answer_search(now, from, number, &answers, &device);
                    Fate::Answered
                }
                _ => Fate::Dropped(Dropped::NotForUs),
            }
        };
        self.log.set_fate(number, fate);
        self.advance(now);
    }

    fn answer_search(
        &mut self,
        now: Duration,
        to: SocketAddr,
        number: u64,
        answers: &[(String, String)],
        device: &Device,
    ) {
        let wait = self.dice.ssdp_wait(&self.knobs.upnp.ssdp_delay);
        let at = now.saturating_add(wait);
        let request = Some((number, Op::SsdpSearch));
        for (st, usn) in answers {
            if self.knobs.upnp.odd_responder {
                let udn = device.udn.replace(':', "-");
                let odd = self.search_answer(st, &format!("uuid:odd-{udn}"), "/odd.xml");
                self.dispatch_ssdp(at, to, odd, request);
            }
            let bytes = match self.upnp.costume_answer(st) {
                Some(bytes) => bytes,
                None => self.search_answer(st, usn, &self.upnp.description_path()),
            };
            self.dispatch_ssdp(at, to, bytes, request);
        }
    }

    /// UDA 1.0 §1.2.3, with the fields that UDA 1.1 adds. DATE is left out: the model has no clock.
    fn search_answer(&self, st: &str, usn: &str, path: &str) -> Vec<u8> {
        let upnp = &self.knobs.upnp;
        let max_age = if upnp.miniupnpd { 120 } else { MAX_AGE };
        let mut out = String::from("HTTP/1.1 200 OK\r\n");
        let _ = write!(
            out,
            "CACHE-CONTROL: max-age={max_age}\r\nST: {st}\r\nUSN: {usn}\r\nEXT:\r\nSERVER: {}\r\n\
             LOCATION: {}{path}\r\nBOOTID.UPNP.ORG: {}\r\nCONFIGID.UPNP.ORG: 1\r\n\r\n",
            upnp.server,
            self.upnp.base_url(upnp),
            self.upnp.boot_id(),
        );
        let mut out = out.into_bytes();
        if upnp.http.odd_case {
            out = odd_names(&out);
        }
        out
    }

    /// NOTIFY for everything that the device is (UDA 1.0 §1.1.2, §1.1.3).
    pub(crate) fn notifications(&self, alive: bool, to: SocketAddr) -> Vec<Vec<u8>> {
        let upnp = &self.knobs.upnp;
        let host = if to.is_ipv4() {
            "239.255.255.250:1900"
        } else {
            "[FF02::C]:1900"
        };
        let mut out = Vec::new();
        for (nt, usn) in advertisements(&self.upnp.device(upnp)) {
            let mut text = format!("NOTIFY * HTTP/1.1\r\nHOST: {host}\r\n");
            if alive {
                let _ = write!(
                    text,
                    "CACHE-CONTROL: max-age={MAX_AGE}\r\nLOCATION: {}{}\r\nSERVER: {}\r\n",
                    self.upnp.base_url(upnp),
                    self.upnp.description_path(),
                    upnp.server,
                );
            }
            let nts = if alive { "ssdp:alive" } else { "ssdp:byebye" };
            let _ = write!(
                text,
                "NT: {nt}\r\nUSN: {usn}\r\nNTS: {nts}\r\nBOOTID.UPNP.ORG: {}\r\nCONFIGID.UPNP.ORG: 1\r\n\r\n",
                self.upnp.boot_id(),
            );
            out.push(text.into_bytes());
        }
        out
    }

    /// Says that the device is there, or leaves, once and at once.
    pub fn notify(&mut self, now: Duration, alive: bool) {
        let now = self.advance(now);
        self.beacon(now, Beacon::ssdp(alive));
        self.advance(now);
    }
}

fn odd_names(bytes: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(bytes);
    let lines = text.split("\r\n").map(|line| match line.split_once(':') {
        Some((name, value)) if !line.starts_with("HTTP/") => {
            format!("{}:{value}", http::odd_case(name))
        }
        _ => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\r\n").into_bytes()
}
