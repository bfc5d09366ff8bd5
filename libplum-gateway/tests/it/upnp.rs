//! The Internet Gateway Device over loopback sockets.

use std::time::Duration;

use libplum_gateway::model::upnp::Igd;
use libplum_gateway::{Gateway, Op, Transport, Writer};

use crate::plain::{field, get, receive, search, Point};

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
