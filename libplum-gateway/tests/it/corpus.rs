//! Every captured router of the corpus starts and is mapped on. The corpus is no part of this
//! project: `LIBPLUM_CORPUS` names its folder.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use libplum_gateway::Gateway;
use serde_json::Value;

use crate::plain::{add_args, field, get, receive, search, soap};

fn folders() -> Option<Vec<PathBuf>> {
    let Some(corpus) = std::env::var_os("LIBPLUM_CORPUS") else {
        println!("LIBPLUM_CORPUS is not set: no captured routers to test with");
        return None;
    };
    let mut found: Vec<PathBuf> = fs::read_dir(&corpus)
        .unwrap_or_else(|error| panic!("LIBPLUM_CORPUS is {corpus:?}: {error}"))
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("about.json").exists())
        .collect();
    found.sort();
    Some(found)
}

fn about(dir: &Path) -> Value {
    serde_json::from_slice(&fs::read(dir.join("about.json")).unwrap()).unwrap()
}

#[test]
fn every_captured_router_starts_and_is_mapped_on() {
    let Some(folders) = folders() else { return };
    assert!(folders.len() >= 37, "{} folders", folders.len());
    for dir in folders {
        let name = dir.file_name().unwrap().to_string_lossy().into_owned();
        let about = about(&dir);
        let gateway = Gateway::builder()
            .like(&dir)
            .start()
            .unwrap_or_else(|e| panic!("{name}: {e}"));

        // A search leads to the description.
        let answer = receive(&search(&gateway, "upnp:rootdevice"));
        assert_eq!(
            field(&answer, "st").as_deref(),
            Some("upnp:rootdevice"),
            "{name}"
        );
        assert!(
            field(&answer, "usn")
                .unwrap()
                .ends_with("::upnp:rootdevice"),
            "{name}"
        );
        let location = field(&answer, "location").unwrap();
        assert_eq!(
            Some(&location),
            gateway.description_url().as_ref(),
            "{name}"
        );
        let http = gateway.http_addr().unwrap();
        let path = location.strip_prefix(&format!("http://{http}")).unwrap();
        assert!(
            about["location"].as_str().unwrap().ends_with(path),
            "{name}"
        );

        // The description is the captured one, but for its hosts and ports.
        let served = get(http, path);
        let captured = fs::read(dir.join("desc.xml")).unwrap();
        let captured = String::from_utf8_lossy(&captured).into_owned();
        assert_eq!(served.status, 200, "{name}");
        assert_eq!(masked(&served.body), masked(&captured), "{name}");
        let host = about["location"]
            .as_str()
            .unwrap()
            .split(['/', ':'])
            .nth(3)
            .unwrap()
            .to_owned();
        for end in ["/", ":", "<"] {
            assert!(
                !served.body.contains(&format!("http://{host}{end}")),
                "{name} still names {host}"
            );
        }
        if let Ok(head) = fs::read_to_string(dir.join("desc.head")) {
            assert_eq!(served.head.lines().next(), head.lines().next(), "{name}");
        }

        // Each connection service that the folder expects is found by what is served, and maps, or
        // says that it is down.
        let mut up = 0;
        for expect in about["expect"].as_array().unwrap() {
            let control = expect["control"].as_str().unwrap();
            let urn = expect["service"].as_str().unwrap();
            let (port, path) = controls(&served.body, &location, urn)
                .into_iter()
                .find(|(_, path)| path == control)
                .unwrap_or_else(|| panic!("{name}: {control} is not served"));
            let addr = SocketAddr::new(http.ip(), port);
            let is_up = about["connected"]
                .as_str()
                .is_none_or(|path| path == control);
            let call = |action: &str, args: &[(&str, &str)]| soap(addr, &path, urn, action, args);
            let status = call("GetStatusInfo", &[]);
            let expected = if is_up { "Connected" } else { "Disconnected" };
            assert_eq!(
                status.element("NewConnectionStatus").as_deref(),
                Some(expected),
                "{name} {control}: {status:?}"
            );
            let code = call("AddPortMapping", &add_args("8080", "80", "0")).code();
            assert_eq!(code, if is_up { 0 } else { 501 }, "{name} {control}");
            if is_up {
                up += 1;
                assert_eq!(gateway.rules().len(), 1, "{name}");
                assert_eq!(
                    call("GetExternalIPAddress", &[])
                        .element("NewExternalIPAddress")
                        .unwrap(),
                    "203.0.113.7"
                );
                let key = [
                    ("NewRemoteHost", ""),
                    ("NewExternalPort", "8080"),
                    ("NewProtocol", "TCP"),
                ];
                assert_eq!(call("DeletePortMapping", &key).code(), 0, "{name}");
            }
        }
        assert!(up > 0, "{name}: nothing to map on");
    }
}

/// A document without the hosts and ports of its URLs.
fn masked(text: &str) -> String {
    let mut parts = text.split("http://");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out.push_str("http://");
        out.push_str(
            part.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || ".-:".contains(c)),
        );
    }
    out
}

/// Port and path of each control URL of this service type, as a client reads them: URLBase first,
/// hosts ignored.
fn controls(document: &str, location: &str, urn: &str) -> Vec<(u16, String)> {
    let text = document.trim_start_matches('\u{feff}').trim_start();
    let document = roxmltree::Document::parse(text).unwrap();
    let text_of = |node: roxmltree::Node<'_, '_>, name: &str| {
        let found = node.children().find(|n| n.tag_name().name() == name);
        found
            .and_then(|n| n.text())
            .unwrap_or_default()
            .trim()
            .to_owned()
    };
    let base = text_of(document.root_element(), "URLBase");
    let base = if base.is_empty() { location } else { &base };
    let split = |url: &str| -> Option<(u16, String)> {
        let rest = url.strip_prefix("http://")?;
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let port = authority
            .split_once(':')
            .map_or(80, |(_, port)| port.parse().unwrap());
        Some((port, format!("/{path}")))
    };
    let services = document
        .descendants()
        .filter(|n| n.tag_name().name() == "service");
    services
        .filter(|n| text_of(*n, "serviceType") == urn)
        .map(|n| {
            let control = text_of(n, "controlURL");
            let absolute = split(&control);
            absolute.unwrap_or_else(|| {
                (
                    split(base).unwrap().0,
                    format!("/{}", control.trim_start_matches('/')),
                )
            })
        })
        .collect()
}
