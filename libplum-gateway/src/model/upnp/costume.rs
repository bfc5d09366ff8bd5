//! The documents of a captured router, put on over this gateway's own actions.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::Path;

use super::device::{Device, Kind, Service};
use super::http::Response;
use crate::error::CostumeError;

/// No captured document is nearly as long.
const LONGEST: u64 = 1024 * 1024;

/// A captured router: its description, and where known the head of that and a search answer. A
/// folder in the format of the corpus: `desc.xml`, `about.json`, and perhaps `desc.head` and
/// `ssdp.txt`. The host of the captured network is replaced by the gateway's own, wherever it stands
/// in a URL, and captured ports by those that the gateway listens on.
#[derive(Debug, Clone)]
pub struct Costume {
    description: Vec<u8>,
    head: Option<Vec<u8>>,
    ssdp: Option<String>,
    host: String,
    path: String,
    /// The captured ports; the first is that of the description.
    ports: Vec<u16>,
    device: Device,
}

impl Costume {
    /// Reads a folder.
    ///
    /// # Errors
    ///
    /// When a file cannot be read, or says nothing that a gateway could be.
    pub fn read(dir: &Path) -> Result<Self, CostumeError> {
        let file = |name: &str| read_file(&dir.join(name));
        let optional = |name: &str| match file(name) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(CostumeError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                Ok(None)
            }
            Err(error) => Err(error),
        };
        let about = file("about.json")?;
        let ssdp = optional("ssdp.txt")?.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        Self::new(&about, file("desc.xml")?, optional("desc.head")?, ssdp)
    }

    fn new(
        about: &[u8],
        description: Vec<u8>,
        head: Option<Vec<u8>>,
        ssdp: Option<String>,
    ) -> Result<Self, CostumeError> {
        let about: serde_json::Value = serde_json::from_slice(about)
            .map_err(|error| CostumeError::About(error.to_string()))?;
        let location = about["location"].as_str().unwrap_or_default();
        let location =
            Url::parse(location).ok_or_else(|| CostumeError::Location(location.to_owned()))?;
        let connected = about["connected"].as_str();
        let text = String::from_utf8_lossy(&description);
        let document = roxmltree::Document::parse(text.trim_start_matches('\u{feff}').trim_start())
            .map_err(|error| CostumeError::Description(error.to_string()))?;
        let root = document.root_element();
        let base = child(root, "URLBase")
            .map(|n| text_of(n))
            .filter(|b| !b.is_empty());
        let base = base
            .and_then(|b| Url::parse(&b))
            .unwrap_or_else(|| location.clone());
        let mut ports = vec![location.port];
        let device = child(root, "device")
            .map(|node| read_device(node, &base, connected, &mut ports, 0))
            .ok_or_else(|| CostumeError::Description("it has no device".to_owned()))?;
        if !device
            .services()
            .any(|s| matches!(s.kind, Kind::Connection { .. }))
        {
            return Err(CostumeError::Description(
                "it has no WANIPConnection and no WANPPPConnection".to_owned(),
            ));
        }
        Ok(Self {
            description,
            head,
            ssdp,
            host: location.host,
            path: location.target,
            ports,
            device,
        })
    }

    /// The captured TCP ports that the gateway takes the place of; the first is that of the
    /// description.
    pub fn ports(&self) -> &[u16] {
        &self.ports
    }

    pub(super) fn device(&self) -> &Device {
        &self.device
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    pub(super) fn description(&self, doors: &[SocketAddr], named_host: Option<&str>) -> Response {
        let body = self.rewrite(&self.description, doors, named_host);
        let head = self.head.clone();
        let headers = vec![("Content-Type", "text/xml".to_owned())];
        Response {
            status: 200,
            headers,
            body,
            head,
            ..Response::default()
        }
    }

    /// The captured answer to a search, with another ST and the USN to it.
    pub(super) fn search_answer(&self, st: &str, doors: &[SocketAddr]) -> Option<Vec<u8>> {
        let captured = self.rewrite(self.ssdp.as_ref()?.as_bytes(), doors, None);
        let captured = String::from_utf8_lossy(&captured).into_owned();
        let mut out = String::new();
        for line in captured.split("\r\n") {
            match line.split_once(':') {
                Some((name, value)) if name.eq_ignore_ascii_case("st") => {
                    out.push_str(&format!("{name}:{}{st}", blank(value)));
                }
                Some((name, value)) if name.eq_ignore_ascii_case("usn") => {
                    let udn = value.trim().split("::").next().unwrap_or_default();
                    let suffix = if st == udn {
                        String::new()
                    } else {
                        format!("::{st}")
                    };
                    out.push_str(&format!("{name}:{}{udn}{suffix}", blank(value)));
                }
                _ => out.push_str(line),
            }
            out.push_str("\r\n");
        }
        // The pieces of a split are one more than its line ends.
        out.truncate(out.len() - 2);
        Some(out.into_bytes())
    }

    /// Replaces the captured host and ports in all URLs. Other hosts stay; of their ports those that
    /// the gateway has taken over are replaced where the device tree names its own services.
    fn rewrite(&self, bytes: &[u8], doors: &[SocketAddr], named_host: Option<&str>) -> Vec<u8> {
        const SCHEME: &[u8] = b"http://";
        const OWN: [&[u8]; 4] = [b"URLBase>", b"controlURL>", b"eventSubURL>", b"SCPDURL>"];
        let mut out = Vec::with_capacity(bytes.len() + 64);
        let mut rest = bytes;
        while let Some(start) = rest
            .windows(SCHEME.len())
            .position(|w| w.eq_ignore_ascii_case(SCHEME))
        {
            let (before, after) = rest.split_at(start + SCHEME.len());
            out.extend_from_slice(before);
            let end = after
                .iter()
                .position(|b| !(b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':')));
            let (authority, after) = after.split_at(end.unwrap_or(after.len()));
            rest = after;
            let text = String::from_utf8_lossy(authority);
            let (host, port) = match text.rsplit_once(':') {
                Some((host, port)) => (host, port.parse().ok()),
                None => (&*text, None),
            };
            let door = self
                .ports
                .iter()
                .position(|&p| p == port.unwrap_or(80))
                .and_then(|i| doors.get(i));
            let before = &before[..before.len() - SCHEME.len()];
            let is_own = OWN.iter().any(|tag| before.trim_ascii_end().ends_with(tag));
            let is_gateway = host == self.host;
            let host = match named_host {
                Some(named) if is_gateway && is_own => named.to_owned(),
                _ if is_gateway => doors[0].ip().to_string(),
                _ => host.to_owned(),
            };
            let port = match door {
                Some(door) if is_own || is_gateway => Some(door.port()),
                _ => port,
            };
            out.extend_from_slice(host.as_bytes());
            if let Some(port) = port.filter(|&p| p != 80 || text.contains(':')) {
                out.extend_from_slice(format!(":{port}").as_bytes());
            }
        }
        out.extend_from_slice(rest);
        out
    }
}

fn read_file(path: &Path) -> Result<Vec<u8>, CostumeError> {
    let failed = |source| CostumeError::Read {
        path: path.to_owned(),
        source,
    };
    if fs::metadata(path).map_err(failed)?.len() > LONGEST {
        return Err(failed(io::ErrorKind::FileTooLarge.into()));
    }
    fs::read(path).map_err(failed)
}

/// The white space that a captured header has behind its colon.
fn blank(value: &str) -> &str {
    &value[..value.len() - value.trim_start().len()]
}

/// Devices within devices within devices: no router has more.
const DEPTH: usize = 8;

fn read_device(
    node: roxmltree::Node<'_, '_>,
    base: &Url,
    connected: Option<&str>,
    ports: &mut Vec<u16>,
    depth: usize,
) -> Device {
    let text = |node, name| child(node, name).map(|n| text_of(n)).unwrap_or_default();
    let mut device = Device {
        urn: text(node, "deviceType"),
        udn: text(node, "UDN"),
        ..Device::default()
    };
    let services = child(node, "serviceList")
        .into_iter()
        .flat_map(|list| list.children());
    for service in services.filter(|n| n.tag_name().name() == "service") {
        let url = |name| base.join(&text(service, name));
        let control = url("controlURL");
        let urn = text(service, "serviceType");
        for own in [&control, &url("eventSubURL"), &url("SCPDURL")] {
            if !ports.contains(&own.port) {
                ports.push(own.port);
            }
        }
        let up = connected.is_none_or(|path| path == control.target);
        device.services.push(Service {
            kind: Service::kind_of(&urn),
            urn,
            id: text(service, "serviceId"),
            scpd: url("SCPDURL").target,
            event: url("eventSubURL").target,
            door: ports.iter().position(|&p| p == control.port).unwrap_or(0),
            control: control.target,
            up,
        });
    }
    if depth < DEPTH {
        let devices = child(node, "deviceList")
            .into_iter()
            .flat_map(|list| list.children());
        for inner in devices.filter(|n| n.tag_name().name() == "device") {
            device
                .devices
                .push(read_device(inner, base, connected, ports, depth + 1));
        }
    }
    device
}

fn child<'a, 'input>(
    node: roxmltree::Node<'a, 'input>,
    name: &str,
) -> Option<roxmltree::Node<'a, 'input>> {
    node.children().find(|n| n.tag_name().name() == name)
}

fn text_of(node: roxmltree::Node<'_, '_>) -> String {
    let text: String = node
        .children()
        .filter(|n| n.is_text())
        .filter_map(|n| n.text())
        .collect();
    text.trim().to_owned()
}

/// As much of a URL as matters here.
#[derive(Debug, Clone)]
struct Url {
    host: String,
    port: u16,
    /// Path and query.
    target: String,
}

impl Url {
    fn parse(text: &str) -> Option<Self> {
        let rest = text.trim().strip_prefix("http://")?;
        let (authority, target) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) => (host, port.parse().ok()?),
            None => (authority, 80),
        };
        let target = if target.is_empty() { "/" } else { target };
        Some(Self {
            host: host.to_owned(),
            port,
            target: target.to_owned(),
        })
    }

    /// RFC 3986 §5.2, for the references that descriptions hold.
    fn join(&self, reference: &str) -> Self {
        if let Some(url) = Self::parse(reference) {
            return url;
        }
        let target = if reference.starts_with('/') {
            reference.to_owned()
        } else {
            let path = self.target.split('?').next().unwrap_or_default();
            let folder = &path[..path.rfind('/').map_or(0, |slash| slash + 1)];
            format!("{folder}{reference}")
        };
        Self {
            target,
            ..self.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references() {
        let base = Url::parse("http://10.0.0.1:2828/a/b.xml?c").unwrap();
        let to = |reference| {
            let url = base.join(reference);
            (url.port, url.target)
        };
        assert_eq!(to("/x"), (2828, "/x".to_owned()));
        assert_eq!(to("x?y"), (2828, "/a/x?y".to_owned()));
        assert_eq!(to("http://h/x"), (80, "/x".to_owned()));
        assert!(Url::parse("https://h/").is_none() && Url::parse("http://h:99999/").is_none());
    }

    #[test]
    fn what_is_no_router_is_refused() {
        let new = |about: &str, desc: &str| {
            Costume::new(about.as_bytes(), desc.as_bytes().to_vec(), None, None)
        };
        let about = "{\"location\":\"http://192.168.1.1:80/d.xml\"}";
        assert!(matches!(new("{", "<root/>"), Err(CostumeError::About(_))));
        assert!(matches!(
            new("{}", "<root/>"),
            Err(CostumeError::Location(_))
        ));
        assert!(matches!(
            new(about, "<root"),
            Err(CostumeError::Description(_))
        ));
        assert!(matches!(
            new(about, "<root><device/></root>"),
            Err(CostumeError::Description(_))
        ));
    }
}
