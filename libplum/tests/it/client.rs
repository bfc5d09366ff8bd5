//! A client as a whole: sharing, closing, a router that is not there.

use std::net::UdpSocket;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use libplum::{Client, Error, NoGateway, Protocol, Transport};
use libplum_gateway::Gateway;

use super::support::{builder, client, gateway, shut_down, start, within, BOUND};

fn block_on<F: std::future::IntoFuture>(future: F) -> F::Output {
    futures::executor::block_on(within(future))
}

#[test]
fn a_blocking_shutdown_unmaps() {
    let gateway = gateway();
    let client = client(&gateway);
    let mapping = block_on(client.map(Transport::Tcp, 8080)).expect("mapped");
    client.shutdown_blocking(BOUND).expect("closed");
    assert_eq!(gateway.rules(), []);
    assert_eq!(client.live_callbacks(), 0);
    client.shutdown_blocking(BOUND).expect("closed already");
    drop(mapping);
}

#[test]
fn a_dead_gateway_does_not_hold_the_shutdown_up() {
    let gateway = gateway();
    let limit = Duration::from_millis(400);
    let client = builder(&gateway)
        .shutdown_timeout(limit)
        .build()
        .expect("a client");
    let mappings: Vec<_> = (2000..2100)
        .map(|port| client.map(Transport::Tcp, port).start().expect("started"))
        .collect();
    for mapping in &mappings {
        block_on(mapping.ready()).expect("mapped");
    }
    gateway.stop_answering();
    let begun = Instant::now();
    block_on(client.shutdown()).expect("closed");
    let took = begun.elapsed();
    assert!(took < limit + Duration::from_secs(2), "{took:?}");
    assert_eq!(client.live_callbacks(), 0);
    let stats = client.stats();
    assert_eq!(
        (stats.deletes_sent, stats.deletes_confirmed),
        (100, 0),
        "sent is not confirmed"
    );
}

#[test]
fn a_port_where_nobody_listens_is_no_gateway() {
    // The port was ours a moment ago, so that ICMP answers for it.
    let free = UdpSocket::bind("127.0.0.1:0")
        .expect("a socket")
        .local_addr()
        .expect("bound");
    let client = Client::builder()
        .gateway_addr(free)
        .mapping_timeout(Duration::from_secs(3))
        .build()
        .expect("a client");
    let error = block_on(client.map(Transport::Tcp, 8080)).expect_err("nobody");
    assert_eq!(error, Error::NoGateway(NoGateway::PortsClosed));
    block_on(client.shutdown()).expect("closed");
    assert_eq!(client.live_callbacks(), 0);
}

#[test]
fn clones_are_one_client() {
    let gateway = gateway();
    let client = client(&gateway);
    let clone = client.clone();
    let mapping = block_on(clone.map(Transport::Tcp, 8080)).expect("mapped");
    assert_eq!(client.active_mappings(), 1);
    drop(clone);
    assert!(mapping.is_active());
    block_on(shut_down(&client, &gateway));
}

#[test]
fn two_clients_close_apart() {
    let gateway = gateway();
    let (one, two) = (client(&gateway), client(&gateway));
    let first = block_on(one.map(Transport::Tcp, 8080)).expect("mapped");
    let second = block_on(two.map(Transport::Tcp, 8081)).expect("mapped");
    block_on(one.shutdown()).expect("closed");
    assert!(!first.is_active());
    assert!(second.is_active());
    block_on(shut_down(&two, &gateway));
}

#[test]
fn protocols_can_be_chosen() {
    let gateway = gateway();
    let client = builder(&gateway)
        .protocols([Protocol::NatPmp])
        .build()
        .expect("a client");
    let mapping = block_on(client.map(Transport::Tcp, 8080)).expect("mapped");
    assert_eq!(mapping.protocol(), Some(Protocol::NatPmp));
    assert_eq!(gateway.log().count(libplum_gateway::Op::PcpMap), 0);
    block_on(shut_down(&client, &gateway));
}

#[test]
fn an_external_address_that_nobody_tells_has_its_reason() {
    let pcp_only = start(Gateway::builder().nat_pmp(false));
    let asker = client(&pcp_only);
    assert_eq!(block_on(asker.external_addr()), Err(Error::NotTold));
    let mapping = block_on(asker.map(Transport::Tcp, 8080)).expect("mapped");
    let told = mapping.external_addr().map(|address| address.ip());
    assert_eq!(
        block_on(asker.external_addr()).ok(),
        told,
        "a mapping tells it"
    );
    block_on(shut_down(&asker, &pcp_only));

    let wan_down = start(Gateway::builder().external_ip(None));
    let asker = client(&wan_down);
    let error = block_on(asker.external_addr()).expect_err("there is none");
    let Error::Refused { protocol, code, .. } = error else {
        panic!("{error:?}")
    };
    assert_eq!((protocol, code), (Protocol::NatPmp, 3));

    let nowhere = Client::builder()
        .interface("no-such-name")
        .build()
        .expect("a client");
    let error = block_on(nowhere.external_addr()).expect_err("there is no network");
    assert_eq!(error, Error::NoGateway(NoGateway::NoRoute));
}

#[test]
fn this_build_speaks_pcp_and_nat_pmp() {
    let spoken = libplum::supported_protocols();
    assert!(
        spoken.contains(&Protocol::Pcp) && spoken.contains(&Protocol::NatPmp),
        "{spoken:?}"
    );
}

#[test]
fn the_local_address_is_one_of_ours() {
    // Without a default route there is none; with one, a socket can be bound to it.
    if let Some(address) = libplum::local_addr() {
        assert!(!address.is_loopback() && !address.is_unspecified());
        UdpSocket::bind((address, 0)).expect("an address of this host");
    }
}

#[test]
fn the_shared_client_lives_as_long_as_somebody_holds_it() {
    // It would ask the default route's gateway, so nothing is mapped here.
    let one = Client::shared().expect("a client");
    let two = Client::shared().expect("a client");
    block_on(one.shutdown()).expect("closed");
    let closed = block_on(two.map(Transport::Tcp, 1));
    assert_eq!(closed.err(), Some(Error::Closed), "it is the same one");
    let three = Client::shared().expect("a new client after the close");
    assert!(block_on(three.shutdown()).is_ok());
    assert_eq!(
        one.stats().sent + three.stats().sent,
        0,
        "nobody asked for anything"
    );
}

#[test]
fn the_engine_logs_to_the_crate_log() {
    struct Catch;
    static LINES: Mutex<Vec<(log::Level, String)>> = Mutex::new(Vec::new());
    impl log::Log for Catch {
        fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
            metadata.target() == "libplum::engine"
        }

        fn log(&self, record: &log::Record<'_>) {
            if self.enabled(record.metadata()) {
                LINES
                    .lock()
                    .unwrap()
                    .push((record.level(), record.args().to_string()));
            }
        }

        fn flush(&self) {}
    }
    log::set_logger(&Catch).expect("the only logger of these tests");
    log::set_max_level(log::LevelFilter::Debug);
    let gateway = gateway();
    let client = client(&gateway);
    let mapping = block_on(client.map(Transport::Tcp, 8080)).expect("mapped");
    drop(mapping);
    block_on(shut_down(&client, &gateway));
    let lines = LINES.lock().unwrap();
    let port = gateway.addr().port().to_string();
    assert!(
        lines.iter().any(|(_, text)| text.contains(&port)),
        "the gateway is named: {lines:?}"
    );
    assert!(lines.iter().all(|(level, _)| *level <= log::Level::Debug));
}
