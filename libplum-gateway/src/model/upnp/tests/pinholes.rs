//! WANIPv6FirewallControl:1.

use super::*;

const FC1: &str = "urn:schemas-upnp-org:service:WANIPv6FirewallControl:1";

fn carol() -> SocketAddr {
    "[2001:db8::20]:40000".parse().unwrap()
}

fn firewall() -> Model {
    model(|k| k.upnp.ipv6_firewall = true)
}

fn args<'a>(
    client: &'a str,
    port: &'a str,
    protocol: &'a str,
    lease: &'a str,
) -> [(&'static str, &'a str); 6] {
    [
        ("RemoteHost", ""),
        ("RemotePort", "0"),
        ("InternalClient", client),
        ("InternalPort", port),
        ("Protocol", protocol),
        ("LeaseTime", lease),
    ]
}

#[test]
fn a_pinhole_is_made_extended_and_closed() {
    let mut m = firewall();
    let add = args("2001:db8::20", "8080", "6", "600");
    let id = value(
        &act(&mut m, secs(0), carol(), FC1, "AddPinhole", &add),
        "UniqueID",
    );
    assert_eq!(
        (m.rules()[0].internal_port, m.rules()[0].remaining),
        (8080, Some(secs(600)))
    );
    let again = act(&mut m, secs(10), carol(), FC1, "AddPinhole", &add);
    assert_eq!(
        value(&again, "UniqueID"),
        id,
        "the same pinhole keeps its number"
    );
    let unique = [("UniqueID", id.as_str())];
    let update = [unique[0], ("NewLeaseTime", "3600")];
    assert_eq!(
        act(&mut m, secs(20), carol(), FC1, "UpdatePinhole", &update),
        Ok(Vec::new())
    );
    assert_eq!(m.rules()[0].remaining, Some(secs(3600)));
    assert_eq!(
        value(
            &act(&mut m, secs(20), carol(), FC1, "GetPinholePackets", &unique),
            "PinholePackets"
        ),
        "0"
    );
    assert_eq!(
        act(
            &mut m,
            secs(20),
            carol(),
            FC1,
            "CheckPinholeWorking",
            &unique
        ),
        Err(709)
    );
    let other = "[2001:db8::30]:1".parse().unwrap();
    assert_eq!(
        act(&mut m, secs(20), other, FC1, "DeletePinhole", &unique),
        Err(606)
    );
    assert_eq!(
        act(&mut m, secs(20), carol(), FC1, "DeletePinhole", &unique),
        Ok(Vec::new())
    );
    assert_eq!(
        act(&mut m, secs(20), carol(), FC1, "DeletePinhole", &unique),
        Err(704)
    );
    assert_eq!(m.rules(), []);
}

#[test]
fn its_number_dies_with_its_lease() {
    let mut m = firewall();
    let id = value(
        &act(
            &mut m,
            secs(0),
            carol(),
            FC1,
            "AddPinhole",
            &args("2001:db8::20", "1", "17", "60"),
        ),
        "UniqueID",
    );
    let update = [("UniqueID", id.as_str()), ("NewLeaseTime", "60")];
    assert_eq!(
        act(&mut m, secs(61), carol(), FC1, "UpdatePinhole", &update),
        Err(704)
    );
    let next = value(
        &act(
            &mut m,
            secs(62),
            carol(),
            FC1,
            "AddPinhole",
            &args("2001:db8::20", "1", "17", "60"),
        ),
        "UniqueID",
    );
    assert_ne!(next, id);
}

#[test]
fn its_own_error_table() {
    let mut m = firewall();
    let mut add = |a: [(&'static str, &str); 6], peer| {
        code_of(act(&mut m, secs(1), peer, FC1, "AddPinhole", &a))
    };
    assert_eq!(add(args("2001:db8::20", "0", "6", "60"), carol()), 706);
    assert_eq!(add(args("2001:db8::20", "1", "65535", "60"), carol()), 707);
    assert_eq!(add(args("2001:db8::20", "1", "132", "60"), carol()), 705);
    assert_eq!(add(args("2001:db8::20", "1", "6", "0"), carol()), 402);
    assert_eq!(add(args("2001:db8::20", "1", "6", "86401"), carol()), 402);
    assert_eq!(add(args("192.168.1.20", "1", "6", "60"), carol()), 402);
    assert_eq!(add(args("2001:db8::21", "1", "6", "60"), carol()), 606);
    assert_eq!(add(args("2001:db8::20", "1", "6", "60"), alice()), 606);
    m.set(|k| k.max_rules = 0).unwrap();
    assert_eq!(
        code_of(act(
            &mut m,
            secs(1),
            carol(),
            FC1,
            "AddPinhole",
            &args("2001:db8::20", "1", "6", "60")
        )),
        701
    );
}

#[test]
fn it_is_there_only_when_it_is_on() {
    let mut m = model(|_| {});
    let text = request("/ctl/IP6FCtl", FC1, "GetFirewallStatus", &[]);
    assert!(exchange(&mut m, secs(1), carol(), text.as_bytes()).starts_with("HTTP/1.1 404 "));
    let mut m = firewall();
    let status = act(&mut m, secs(1), carol(), FC1, "GetFirewallStatus", &[]);
    assert_eq!(value(&status, "InboundPinholeAllowed"), "1");
}
