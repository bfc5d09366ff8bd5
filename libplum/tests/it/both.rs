//! TCP and UDP on one external port, and what a bound socket listens on.

use std::net::{TcpListener, UdpSocket};
use std::sync::{Arc, Mutex};

use futures::executor::block_on;
use libplum::{Error, State, Transport};
use libplum_gateway::{Gateway, Transport as T};

use super::support::{client, gateway, rules_of, shut_down, within};

/// Somebody else's mapping of an external port.
fn occupy(gateway: &Gateway, transport: T, port: u16) {
    gateway.insert_static(
        transport,
        "192.0.2.99".parse().expect("an address"),
        port,
        port,
    );
}

fn port(mapping: &libplum::Mapping) -> u16 {
    mapping.external_addr().expect("active").port()
}

#[test]
fn both_transports_get_one_port() {
    block_on(async {
        let gateway = gateway();
        let client = client(&gateway);
        let (udp, tcp) = within(client.map(Transport::Udp, 8080).external_port(9090).both())
            .await
            .expect("mapped");
        assert_eq!(
            (udp.transport(), tcp.transport()),
            (Transport::Udp, Transport::Tcp)
        );
        assert_eq!((port(&udp), port(&tcp)), (9090, 9090));
        drop(tcp);
        assert!(udp.is_active(), "each is a mapping of its own");
        shut_down(&client, &gateway).await;
    });
}

#[test]
fn a_port_that_is_taken_for_one_of_them_is_left_alone() {
    for taken in [T::Tcp, T::Udp] {
        block_on(async {
            let gateway = gateway();
            occupy(&gateway, taken, 8080);
            let client = client(&gateway);
            let seen = Arc::new(Mutex::new(Vec::new()));
            let request = client.map(Transport::Tcp, 8080).on_change({
                let seen = seen.clone();
                move |change| {
                    seen.lock()
                        .unwrap()
                        .push((change.transport, change.state.clone()))
                }
            });
            let (tcp, udp) = within(request.both()).await.expect("mapped");
            assert_eq!(port(&tcp), port(&udp));
            assert_ne!(port(&tcp), 8080);
            assert_eq!(
                rules_of(&gateway, Transport::Tcp, 8080).len(),
                1 + usize::from(taken == T::Tcp)
            );
            assert_eq!(
                rules_of(&gateway, Transport::Udp, 8080).len(),
                1 + usize::from(taken == T::Udp)
            );
            gateway.forget_rule(taken, 8080).expect("not touched");
            shut_down(&client, &gateway).await;
            let seen = seen.lock().unwrap();
            for transport in [Transport::Tcp, Transport::Udp] {
                let last = seen.iter().rev().find(|(of, _)| *of == transport);
                assert_eq!(last.expect("told").1, State::Unmapped);
            }
        });
    }
}

#[test]
fn who_insists_on_a_port_gets_that_or_nothing() {
    block_on(async {
        let gateway = gateway();
        occupy(&gateway, T::Udp, 8080);
        let client = client(&gateway);
        let request = client.map(Transport::Tcp, 8080).external_port(8080);
        let error = within(request.prefer_failure().both()).await.err();
        assert_eq!(error, Some(Error::PortTaken));
        gateway.forget_rule(T::Udp, 8080).expect("not touched");
        shut_down(&client, &gateway).await;
    });
}

#[test]
fn without_a_common_port_nothing_stays() {
    block_on(async {
        let gateway = gateway();
        let client = client(&gateway);
        // TCP has two ports to choose from, UDP none.
        gateway
            .set(|knobs| {
                knobs.reserved_ports = (1..=u16::MAX)
                    .filter(|port| !matches!(port, 8080 | 8081))
                    .collect();
            })
            .expect("knobs");
        occupy(&gateway, T::Udp, 8080);
        occupy(&gateway, T::Udp, 8081);
        let error = within(client.map(Transport::Tcp, 8080).both()).await.err();
        assert!(
            matches!(error, Some(Error::PortTaken | Error::Refused { .. })),
            "{error:?}"
        );
        within(client.shutdown()).await.expect("closed");
        assert_eq!(rules_of(&gateway, Transport::Tcp, 8080).len(), 0);
        assert_eq!(client.live_callbacks(), 0);
    });
}

#[test]
fn a_future_of_both_may_cross_threads() {
    let gateway = gateway();
    let client = client(&gateway);
    let future = client.map(Transport::Tcp, 8080).both();
    let (tcp, _udp) = std::thread::spawn(|| block_on(within(future)))
        .join()
        .expect("no panic")
        .expect("mapped");
    assert_eq!(port(&tcp), 8080);
    block_on(shut_down(&client, &gateway));
}

#[test]
fn a_listener_is_mapped_as_it_is_bound() {
    block_on(async {
        let gateway = gateway();
        let client = client(&gateway);
        let tcp = TcpListener::bind("0.0.0.0:0").expect("bound");
        let udp = UdpSocket::bind("0.0.0.0:0").expect("bound");
        let mapped_tcp = within(client.map_listener(&tcp)).await.expect("mapped");
        let mapped_udp = within(client.map_listener(&udp)).await.expect("mapped");
        assert_eq!(mapped_tcp.transport(), Transport::Tcp);
        assert_eq!(mapped_udp.transport(), Transport::Udp);
        let bound = |address: std::io::Result<std::net::SocketAddr>| address.expect("bound").port();
        assert_eq!(mapped_tcp.internal_port(), bound(tcp.local_addr()));
        assert_eq!(mapped_udp.internal_port(), bound(udp.local_addr()));
        shut_down(&client, &gateway).await;
    });
}

#[test]
fn a_listener_on_the_loopback_is_refused_with_the_reason() {
    let gateway = gateway();
    let client = client(&gateway);
    let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
    for refused in [
        client.map_listener(&listener).start().err(),
        block_on(within(client.map_listener(&listener))).err(),
        block_on(within(client.map_listener(&listener).both())).err(),
    ] {
        let Some(Error::InvalidArgument { argument, why }) = refused else {
            panic!("{refused:?}");
        };
        assert_eq!(argument, "listener");
        assert!(why.contains("loopback"), "{why}");
    }
    assert!(gateway.log().entries().is_empty());
    block_on(shut_down(&client, &gateway));
}
