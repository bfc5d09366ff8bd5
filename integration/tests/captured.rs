//! Every captured router of the corpus, worn by the gateway in a box, is mapped on by `upnpc`; where
//! `upnpc` fails on the router as it was, by a plain request. The corpus is no part of this project:
//! `LIBPLUM_CORPUS` names its folder.
#![cfg(target_os = "linux")]

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use libplum_gateway::{Gateway, Rule, Transport, Writer};
use libplum_integration::lab::*;
use rustix::process::Signal;
use serde_json::Value;

/// Routers that `upnpc` does not map on, and why.
const BEYOND_UPNPC: [(&str, &str); 4] = [
    ("huawei-hg531", "its types begin with urn:dslforum-org"),
    ("linksys-wrt120n", "the first of its services is down"),
    ("mikrotik-chr", "the first of its services is down"),
    ("zyxel-c1100z", "a line break within serviceType"),
];

/// How long anything may take on a machine under load.
const PATIENCE: Duration = Duration::from_secs(60);

fn folders() -> Option<Vec<PathBuf>> {
    let Some(corpus) = std::env::var_os("LIBPLUM_CORPUS") else {
        say_once("dev: LIBPLUM_CORPUS is not set: no captured routers to map on");
        return None;
    };
    if let Some(reason) = missing_program(&[("upnpc", "miniupnpc")]) {
        say_once(&format!(
            "dev: captured routers were not mapped on: {reason}"
        ));
        return None;
    }
    let entries = fs::read_dir(&corpus).expect("LIBPLUM_CORPUS is a folder");
    let mut found: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("about.json").exists())
        .collect();
    found.sort();
    assert!(found.len() >= 37, "{} folders", found.len());
    Some(found)
}

fn name(dir: &Path) -> String {
    dir.file_name().unwrap().to_string_lossy().into_owned()
}

#[test]
fn upnpc_maps_on_every_captured_router_that_it_can_read() {
    let Some(folders) = folders() else { return };
    // Four at a time.
    let next = AtomicUsize::new(0);
    let by_upnpc = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(dir) = folders.get(next.fetch_add(1, Ordering::Relaxed)) {
                    by_upnpc.fetch_add(usize::from(map_on(dir)), Ordering::Relaxed);
                }
            });
        }
    });
    let (all, by_upnpc) = (folders.len(), by_upnpc.into_inner());
    println!(
        "{all} captured routers: {by_upnpc} by upnpc, {} by a plain request",
        all - by_upnpc
    );
}

/// Maps and unmaps; whether `upnpc` did.
fn map_on(dir: &Path) -> bool {
    let name = name(dir);
    let gateway = Gateway::builder()
        .like(dir)
        .start()
        .unwrap_or_else(|error| panic!("{name}: {error}"));
    let url = gateway.description_url().expect("it has a description");
    let upnpc = |args: &[&str]| {
        let output = Command::new("upnpc")
            .args(["-u", &url])
            .args(args)
            .stdin(Stdio::null())
            .output()
            .expect("upnpc runs");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let said = upnpc(&["-a", "127.0.0.1", "8080", "8081", "TCP", "0"]);
    let maps = said.contains("is redirected to internal 127.0.0.1:8080");
    match BEYOND_UPNPC.iter().find(|(router, _)| *router == name) {
        None => assert!(maps, "{name}: {said}"),
        Some((_, why)) => {
            assert!(!maps, "{name}: upnpc copes although {why}");
            plainly(dir, &url);
        }
    }
    let is_ours = |rule: &Rule| {
        (
            rule.transport,
            rule.external_port,
            rule.internal_port,
            rule.writer,
        ) == (Transport::Tcp, 8081, 8080, Writer::Upnp)
    };
    assert!(gateway.wait_for_rule(PATIENCE, is_ours).is_some(), "{name}");
    if maps {
        let said = upnpc(&["-d", "8081", "TCP"]);
        assert!(
            said.contains("UPNP_DeletePortMapping() returned : 0"),
            "{name}: {said}"
        );
        assert!(gateway.rules().is_empty(), "{name}");
    }
    maps
}

/// AddPortMapping on the service that `about.json` says is up.
fn plainly(dir: &Path, url: &str) {
    let name = name(dir);
    let about = fs::read(dir.join("about.json")).unwrap();
    let about: Value = serde_json::from_slice(&about).unwrap();
    let mut expect = about["expect"].as_array().expect("services").iter();
    let service = expect
        .find(|s| about["connected"].is_null() || about["connected"] == s["control"])
        .expect("one is up");
    let (urn, control) = (
        service["service"].as_str().unwrap(),
        service["control"].as_str().unwrap(),
    );
    // Where the document, whose hosts and ports are rewritten, says that it is.
    let rest = url.strip_prefix("http://").expect("http");
    let (own, path) = rest.split_once('/').expect("a path");
    let document = http(own, &format!("GET /{path} HTTP/1.0\r\nHost: {own}\r\n\r\n"));
    let authority = |tag: &str, end: &str| {
        let tag = format!("<{tag}>http://");
        let mut urls = document.split(&tag).skip(1);
        let found = urls.find(|rest| {
            rest.split_once("</")
                .is_some_and(|(u, _)| u.trim().ends_with(end))
        });
        found.map(|rest| rest.split('/').next().unwrap_or_default().trim().to_owned())
    };
    let to = authority("controlURL", control)
        .or_else(|| authority("URLBase", ""))
        .unwrap_or_else(|| own.to_owned());
    let to = to.split('<').next().unwrap_or_default().to_owned();
    let body = format!(
        "<?xml version=\"1.0\"?><s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" \
         s:encodingStyle=\"http://schemas.xmlsoap.org/soap/encoding/\"><s:Body>\
         <u:AddPortMapping xmlns:u=\"{urn}\"><NewRemoteHost></NewRemoteHost>\
         <NewExternalPort>8081</NewExternalPort><NewProtocol>TCP</NewProtocol>\
         <NewInternalPort>8080</NewInternalPort><NewInternalClient>127.0.0.1</NewInternalClient>\
         <NewEnabled>1</NewEnabled><NewPortMappingDescription>a test</NewPortMappingDescription>\
         <NewLeaseDuration>0</NewLeaseDuration></u:AddPortMapping></s:Body></s:Envelope>"
    );
    let answer = http(
        &to,
        &format!(
            "POST {control} HTTP/1.1\r\nHost: {to}\r\nContent-Type: text/xml; charset=\"utf-8\"\r\n\
             SOAPAction: \"{urn}#AddPortMapping\"\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ),
    );
    assert!(answer.contains(" 200 "), "{name}: {answer}");
}

fn http(to: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(to).unwrap_or_else(|error| panic!("{to}: {error}"));
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

/// The program wears them too, and is found in them.
#[test]
fn upnpc_finds_a_captured_router_by_itself() {
    let Some(folders) = folders() else { return };
    if let Some(reason) = missing() {
        say_once(&format!("dev: no captured router was looked for: {reason}"));
        return;
    }
    let home = Home::new();
    let dir = folders
        .iter()
        .find(|dir| name(dir).starts_with("avm-"))
        .expect("a FRITZ!Box");
    let router = Boxed::start(
        &home.gw,
        &[
            "--like",
            dir.to_str().expect("it is text"),
            "--captured-ports",
        ],
    );
    let client = CLIENT.to_string();
    let said = home
        .lan
        .output(Command::new("upnpc").args(["-a", &client, "8080", "8081", "UDP", "0"]));
    assert!(
        said.contains("is redirected to internal 192.168.77.2:8080"),
        "{said}"
    );
    let line = router.expect("mapped", 8080);
    assert_eq!(
        (&line["external_port"], &line["lifetime_s"]),
        (&8081.into(), &Value::Null)
    );
    assert_eq!(router.stop(Signal::INT).0.code(), Some(0));
}
