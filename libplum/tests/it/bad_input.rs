//! Arguments that cannot be right: a typed error that names them, and not one datagram.

use std::net::IpAddr;
use std::time::Duration;

use libplum::{Client, Error, Family, MapRequest, Protocol, Transport};
use libplum_gateway::Gateway;

use super::support::{client, gateway, within};

fn refused(request: MapRequest) -> &'static str {
    match request.start() {
        Err(Error::InvalidArgument { argument, why }) => {
            assert!(!why.is_empty());
            argument
        }
        other => panic!("{other:?}"),
    }
}

fn nothing_was_sent(client: &Client, gateway: &Gateway) {
    assert_eq!(client.stats().mappings, 0);
    assert_eq!(client.live_callbacks(), 0);
    assert!(gateway.log().entries().is_empty());
}

#[test]
fn a_request_names_what_is_wrong_with_it() {
    let gateway = gateway();
    let client = client(&gateway);
    let tcp = |port| client.map(Transport::Tcp, port);
    let v4: IpAddr = "198.51.100.1".parse().expect("an address");
    let v6: IpAddr = "2001:db8::1".parse().expect("an address");
    let too_long = Duration::from_secs(1 << 32);

    assert_eq!(refused(tcp(0)), "internal port");
    assert_eq!(refused(client.map(Transport::Udp, 5350)), "internal port");
    assert_eq!(refused(client.map(Transport::Udp, 5351)), "internal port");
    assert_eq!(refused(tcp(80).external_port(0)), "external port");
    assert_eq!(refused(tcp(80).prefer_failure()), "prefer_failure");
    assert_eq!(refused(tcp(80).lifetime(Duration::ZERO)), "lifetime");
    assert_eq!(refused(tcp(80).lifetime(too_long)), "lifetime");
    assert_eq!(refused(tcp(80).timeout(Duration::ZERO)), "timeout");
    assert_eq!(refused(tcp(80).timeout(Duration::MAX)), "timeout");
    assert_eq!(refused(tcp(80).description("")), "description");
    assert_eq!(refused(tcp(80).description("a\0b")), "description");
    assert_eq!(refused(tcp(80).description("a\x1b[2Jb")), "description");
    assert_eq!(refused(tcp(80).description("Käse")), "description");
    assert_eq!(
        refused(tcp(80).external_ip(v6).family(Family::V4)),
        "external address"
    );
    assert_eq!(
        refused(tcp(80).external_ip(v4).family(Family::V6)),
        "external address"
    );
    assert_eq!(
        refused(tcp(80).external_ip("0.0.0.0".parse().unwrap())),
        "external address"
    );
    nothing_was_sent(&client, &gateway);
    assert!(client.shutdown_blocking(Duration::ZERO).is_err());
    assert!(
        client.map(Transport::Tcp, 5351).start().is_ok(),
        "still open; TCP may have that port"
    );
}

#[test]
fn an_awaited_request_fails_the_same_way() {
    let gateway = gateway();
    let client = client(&gateway);
    let error = futures::executor::block_on(within(client.map(Transport::Tcp, 0)));
    assert!(matches!(
        error,
        Err(Error::InvalidArgument {
            argument: "internal port",
            ..
        })
    ));
    nothing_was_sent(&client, &gateway);
}

#[test]
fn a_builder_names_what_is_wrong_with_it() {
    let bad = [
        Client::builder().lifetime(Duration::ZERO),
        Client::builder().mapping_timeout(Duration::ZERO),
        Client::builder().protocols([]),
        Client::builder().protocols([Protocol::Direct]),
        Client::builder().gateway_addr("127.0.0.1:0".parse().expect("an address")),
        Client::builder().interface("a\0b"),
    ];
    for builder in bad {
        let shown = format!("{builder:?}");
        assert!(
            matches!(builder.build(), Err(Error::InvalidArgument { .. })),
            "{shown}"
        );
    }
}

#[test]
fn a_protocol_that_is_not_in_this_build_is_said_so() {
    if libplum::supported_protocols().contains(&Protocol::Upnp) {
        return;
    }
    let gateway = gateway();
    let client = Client::builder()
        .gateway_addr(gateway.addr())
        .protocols([Protocol::Upnp])
        .build()
        .expect("a client");
    let error = futures::executor::block_on(within(client.map(Transport::Tcp, 80)));
    assert_eq!(error.err(), Some(Error::Unsupported));
    assert!(gateway.log().entries().is_empty());
}
