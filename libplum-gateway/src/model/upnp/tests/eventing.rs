//! Subscriptions (UDA 1.0 §4.1).

use super::*;

fn ask(m: &mut Model, at: u64, method: &str, path: &str, headers: &str) -> (u16, String) {
    let text = format!("{method} {path} HTTP/1.1\r\nHost: 192.168.1.1:5000\r\n{headers}\r\n");
    let answer = exchange(m, secs(at), alice(), text.as_bytes());
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    let sid = answer
        .split("\r\n")
        .find_map(|l| l.strip_prefix("SID: "))
        .unwrap_or_default();
    (status, sid.to_owned())
}

const NEW: &str =
    "CALLBACK: <http://192.168.1.20:4000/>\r\nNT: upnp:event\r\nTIMEOUT: Second-300\r\n";

#[test]
fn a_subscription_is_made_renewed_and_ended() {
    let mut m = model(|_| {});
    let (status, sid) = ask(&mut m, 0, "SUBSCRIBE", "/evt/IPConn", NEW);
    assert_eq!(status, 200);
    assert!(sid.starts_with("uuid:"));
    let renew = format!("SID: {sid}\r\nTIMEOUT: Second-300\r\n");
    assert_eq!(
        ask(&mut m, 299, "SUBSCRIBE", "/evt/IPConn", &renew),
        (200, sid.clone())
    );
    assert_eq!(ask(&mut m, 598, "SUBSCRIBE", "/evt/IPConn", &renew).0, 200);
    assert_eq!(
        ask(&mut m, 598, "UNSUBSCRIBE", "/evt/IPConn", &renew).0,
        200
    );
    assert_eq!(
        ask(&mut m, 598, "UNSUBSCRIBE", "/evt/IPConn", &renew).0,
        412
    );
    assert_eq!(m.log().count(Op::Subscription), 5);
}

#[test]
fn what_is_no_subscription() {
    let mut m = model(|_| {});
    let (_, sid) = ask(&mut m, 0, "SUBSCRIBE", "/evt/IPConn", NEW);
    let status = |m: &mut Model, at, method: &str, path: &str, headers: &str| {
        ask(m, at, method, path, headers).0
    };
    assert_eq!(status(&mut m, 1, "SUBSCRIBE", "/evt/IPConn", ""), 412);
    assert_eq!(
        status(
            &mut m,
            1,
            "SUBSCRIBE",
            "/evt/IPConn",
            "NT: upnp:event\r\nCALLBACK: ftp://x\r\n"
        ),
        412
    );
    assert_eq!(
        status(
            &mut m,
            1,
            "SUBSCRIBE",
            "/evt/IPConn",
            &format!("{NEW}SID: {sid}\r\n")
        ),
        400
    );
    assert_eq!(
        status(
            &mut m,
            1,
            "SUBSCRIBE",
            "/evt/L3F",
            &format!("SID: {sid}\r\n")
        ),
        412,
        "another service"
    );
    assert_eq!(
        status(
            &mut m,
            301,
            "SUBSCRIBE",
            "/evt/IPConn",
            &format!("SID: {sid}\r\n")
        ),
        412,
        "it has run out"
    );
    assert_eq!(status(&mut m, 301, "SUBSCRIBE", "/nowhere", NEW), 404);
    assert_eq!(
        status(
            &mut m,
            301,
            "UNSUBSCRIBE",
            "/evt/IPConn",
            &format!("SID: {sid}\r\nNT: upnp:event\r\n")
        ),
        400
    );
}

#[test]
fn there_is_a_limit() {
    let mut m = model(|_| {});
    let made: Vec<u16> = (0..40)
        .map(|_| ask(&mut m, 1, "SUBSCRIBE", "/evt/IPConn", NEW).0)
        .collect();
    assert_eq!(made.iter().filter(|&&s| s == 200).count(), 32);
    assert_eq!(made.last(), Some(&503));
    assert_eq!(
        ask(&mut m, 302, "SUBSCRIBE", "/evt/IPConn", NEW).0,
        200,
        "room again"
    );
}
