//! What a program does with the crate, told once and run under every runtime.

use std::future::IntoFuture;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use futures::{FutureExt, StreamExt};
use libplum::{Error, NoGateway, Protocol, State, Transport};
use libplum_gateway::model::{code, Forced};
use libplum_gateway::{Gateway, Op, Restart};

use super::support::{
    builder, client, gateway, is, rules_of, shut_down, start, wait_until_gone, within, BOUND,
};

const EXTERNAL: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 4);

fn outside(port: u16) -> SocketAddr {
    SocketAddr::new(EXTERNAL.into(), port)
}

pub(crate) async fn maps_tcp_and_udp_and_leaves_nothing() {
    let gateway = start(Gateway::builder().external_ip(EXTERNAL));
    let client = client(&gateway);
    let tcp = within(client.map(Transport::Tcp, 8080)).await.expect("TCP");
    let udp = within(client.map(Transport::Udp, 9000).external_port(9001))
        .await
        .expect("UDP");

    assert_eq!(tcp.external_addr(), Some(outside(8080)));
    assert_eq!(udp.external_addr(), Some(outside(9001)));
    assert_eq!(tcp.protocol(), Some(Protocol::Pcp));
    assert_eq!(
        (tcp.transport(), tcp.internal_port()),
        (Transport::Tcp, 8080)
    );
    assert!(tcp.is_active() && tcp.error().is_none());
    let remaining = tcp.remaining_lifetime().expect("active");
    assert!(remaining > Duration::from_secs(7100) && remaining <= Duration::from_secs(7200));
    let State::Active(active) = tcp.state() else {
        panic!("{:?}", tcp.state())
    };
    assert_eq!(active.gateway, Some(gateway.addr()));
    assert_eq!(
        active.local_addr.map(|a| a.ip()),
        Some(Ipv4Addr::LOCALHOST.into())
    );
    assert_eq!(active.lifetime, Some(Duration::from_secs(7200)));
    assert_eq!(client.active_mappings(), 2);
    assert_eq!(client.live_callbacks(), 2);
    assert_eq!(rules_of(&gateway, Transport::Tcp, 8080).len(), 1);
    assert_eq!(
        rules_of(&gateway, Transport::Udp, 9000)[0].external_port,
        9001
    );

    within(tcp.unmap()).await;
    assert_eq!(rules_of(&gateway, Transport::Tcp, 8080), []);
    assert_eq!((client.active_mappings(), client.live_callbacks()), (1, 1));

    shut_down(&client, &gateway).await;
    assert!(!udp.is_active());
    assert_eq!(udp.external_addr(), None);
    assert_eq!(udp.state(), State::Unmapped);
    assert_eq!(udp.error(), Some(Error::Closed));
    assert_eq!(within(udp.changed()).await, Err(Error::Closed));
    assert_eq!(within(udp.ready()).await, Err(Error::Closed));
    within(udp.unmap()).await;
    assert_eq!(
        within(client.map(Transport::Tcp, 1)).await.err(),
        Some(Error::Closed)
    );
    assert_eq!(within(client.probe()).await.err(), Some(Error::Closed));
    within(client.shutdown())
        .await
        .expect("a second shutdown is none");
}

pub(crate) async fn two_handles_share_one_rule() {
    let gateway = gateway();
    let client = client(&gateway);
    let first = within(client.map(Transport::Tcp, 8080))
        .await
        .expect("first");
    let maps = gateway.log().count(Op::PcpMap);
    let second = within(client.clone().map(Transport::Tcp, 8080))
        .await
        .expect("second");
    assert_ne!(first.id(), second.id());
    assert_eq!(first.external_addr(), second.external_addr());
    assert_eq!(rules_of(&gateway, Transport::Tcp, 8080).len(), 1);
    assert_eq!(
        gateway.log().count(Op::PcpMap),
        maps,
        "the second handle costs no datagram"
    );

    within(first.unmap()).await;
    assert_eq!(
        rules_of(&gateway, Transport::Tcp, 8080).len(),
        1,
        "the second still holds it"
    );
    assert!(second.is_active());
    within(second.unmap()).await;
    assert_eq!(rules_of(&gateway, Transport::Tcp, 8080), []);
    shut_down(&client, &gateway).await;
}

pub(crate) async fn a_restart_is_a_change() {
    let gateway = gateway();
    let client = client(&gateway);
    let mapping = within(client.map(Transport::Tcp, 8080))
        .await
        .expect("mapped");
    let before = mapping.external_addr();
    assert_eq!(
        mapping.changed().now_or_never(),
        None,
        "nothing has changed yet"
    );
    gateway.restart(Restart::LoseTable).expect("restarted");
    // A restart takes the rule; the engine notices by the epoch, maps again and says so.
    let state = within(async {
        loop {
            match mapping.changed().await.expect("alive") {
                State::Active(active) => break active,
                State::Failed(_) => {}
                other => panic!("{other:?}"),
            }
        }
    })
    .await;
    assert_eq!(
        Some(state.external_addr),
        before,
        "active again, at the same address"
    );
    assert_eq!(rules_of(&gateway, Transport::Tcp, 8080).len(), 1);
    shut_down(&client, &gateway).await;
    assert!(client.stats().resets >= 1);
}

pub(crate) async fn a_failure_is_tried_again() {
    let gateway = gateway();
    gateway
        .set(|knobs| {
            let busy = Forced::result(code::pcp::NETWORK_FAILURE).lifetime(1);
            knobs.force(Op::PcpMap, busy.times(1));
        })
        .expect("knobs");
    let client = builder(&gateway)
        .protocols([Protocol::Pcp])
        .build()
        .expect("a client");
    let mapping = client.map(Transport::Udp, 9000).start().expect("started");
    let first = within(mapping.changed()).await.expect("alive");
    let State::Failed(Error::Refused { protocol, code, .. }) = first else {
        panic!("{first:?}")
    };
    assert_eq!((protocol, code), (Protocol::Pcp, 7));
    assert!(!mapping.is_active());

    let address = within(mapping.ready()).await.expect("mapped in the end");
    assert_eq!(mapping.external_addr(), Some(address));
    assert_eq!(rules_of(&gateway, Transport::Udp, 9000).len(), 1);
    shut_down(&client, &gateway).await;
}

pub(crate) async fn a_refusal_is_typed_and_leaves_nothing() {
    let gateway = gateway();
    gateway
        .set(|knobs| {
            knobs.force(Op::PcpMap, Forced::result(code::pcp::NOT_AUTHORIZED));
            knobs.force(Op::NatPmpMap, Forced::result(code::nat_pmp::NOT_AUTHORIZED));
        })
        .expect("knobs");
    let client = client(&gateway);
    let refused = within(client.map(Transport::Tcp, 8080))
        .await
        .expect_err("refused");
    let Error::Refused {
        code,
        meaning,
        advice,
        ..
    } = &refused
    else {
        panic!("{refused:?}")
    };
    assert_eq!(*code, 2);
    assert!(!meaning.is_empty() && !advice.is_empty());
    assert_eq!(gateway.rules(), []);
    assert_eq!(client.active_mappings(), 0);
    shut_down(&client, &gateway).await;
    assert_eq!(client.stats().mappings, 0);
}

pub(crate) async fn dropping_unmaps() {
    let gateway = gateway();
    let client = client(&gateway);
    let mapping = within(client.map(Transport::Tcp, 8080))
        .await
        .expect("mapped");
    drop(mapping);
    assert_eq!(
        client.active_mappings(),
        0,
        "at once, as far as anybody can see"
    );
    wait_until_gone(&gateway, Transport::Tcp, 8080);

    // The last handle of the client: the close goes on by itself.
    let mapping = within(client.map(Transport::Udp, 9000))
        .await
        .expect("mapped");
    drop(client);
    assert!(mapping.is_active(), "a mapping keeps its client alive");
    drop(mapping);
    wait_until_gone(&gateway, Transport::Udp, 9000);
}

pub(crate) async fn a_dropped_future_leaves_nothing() {
    let gateway = gateway();
    let client = client(&gateway);
    // Never polled.
    drop(client.map(Transport::Tcp, 8080).into_future());
    assert_eq!(gateway.log().count(Op::PcpMap), 0);
    // Polled once: the request is under way or answered.
    assert!(client
        .map(Transport::Tcp, 8080)
        .into_future()
        .now_or_never()
        .is_none());
    // In the middle, with the answer held back.
    gateway.stop_answering();
    let mut future = client.map(Transport::Tcp, 8081).into_future();
    assert!((&mut future).now_or_never().is_none());
    let asked = gateway.log().wait_for(BOUND, |entry| {
        entry
            .packet
            .map()
            .is_some_and(|map| map.internal_port == 8081)
    });
    assert!(asked.is_some(), "the request has arrived");
    drop(future);
    gateway.answer_again();
    assert_eq!(client.active_mappings(), 0);
    shut_down(&client, &gateway).await;
}

pub(crate) async fn asks_the_gateway() {
    let gateway = start(Gateway::builder().external_ip(EXTERNAL));
    let client = client(&gateway);
    assert_eq!(
        within(client.external_addr()).await,
        Ok(IpAddr::V4(EXTERNAL))
    );
    let report = within(client.probe()).await.expect("a report");
    assert_eq!(report.best(), Some(Protocol::Pcp));
    assert_eq!(report.external_addr(), Some(IpAddr::V4(EXTERNAL)));
    let natpmp = report
        .answers
        .iter()
        .find(|a| a.protocol == Protocol::NatPmp)
        .expect("asked");
    assert_eq!(natpmp.error, None);
    assert_eq!(natpmp.gateway, Some(gateway.addr()));
    assert!(natpmp.round_trip.is_some());
    assert!(report.to_string().contains("PCP: works"), "{report}");
    assert_eq!(gateway.rules(), [], "a question writes nothing");
    assert_eq!(
        gateway.log().count(Op::PcpMap) + gateway.log().count(Op::NatPmpMap),
        0
    );

    // Given up half-way.
    gateway.stop_answering();
    assert!(client.probe().now_or_never().is_none());
    gateway.answer_again();

    // A gateway that is gone.
    gateway.close_port();
    let report = within(client.probe()).await.expect("a report");
    assert_eq!(report.best(), None);
    assert!(
        report
            .answers
            .iter()
            .all(|a| matches!(a.error, Some(Error::NoGateway(_)))),
        "{report}"
    );
    let nobody = within(client.external_addr()).await;
    assert!(matches!(nobody, Err(Error::NoGateway(_))), "{nobody:?}");
    within(client.shutdown()).await.expect("closed");
    assert_eq!(client.live_callbacks(), 0);
}

pub(crate) async fn falls_back_to_nat_pmp() {
    let gateway = start(Gateway::builder().pcp(false));
    let client = client(&gateway);
    let mapping = within(client.map(Transport::Tcp, 8080))
        .await
        .expect("mapped");
    assert_eq!(mapping.protocol(), Some(Protocol::NatPmp));
    assert_eq!(rules_of(&gateway, Transport::Tcp, 8080).len(), 1);
    shut_down(&client, &gateway).await;
}

pub(crate) async fn insists_on_a_port() {
    let gateway = gateway();
    gateway
        .set(|knobs| {
            knobs.reserved_ports.insert(8080);
        })
        .expect("knobs");
    let client = client(&gateway);
    let request = client
        .map(Transport::Tcp, 8080)
        .external_port(8080)
        .prefer_failure();
    assert_eq!(within(request).await.err(), Some(Error::PortTaken));
    wait_until_gone(&gateway, Transport::Tcp, 8080);

    let other = within(client.map(Transport::Tcp, 8080).external_port(8080))
        .await
        .expect("other");
    assert_ne!(other.external_addr().expect("active").port(), 8080);
    let free = client
        .map(Transport::Tcp, 8082)
        .external_port(8083)
        .prefer_failure();
    let free = within(free).await.expect("free");
    assert_eq!(free.external_addr().expect("active").port(), 8083);
    shut_down(&client, &gateway).await;
}

pub(crate) async fn times_out() {
    let gateway = gateway();
    gateway.stop_answering();
    let client = builder(&gateway)
        .mapping_timeout(Duration::from_secs(60))
        .discover_timeout(Duration::from_secs(60))
        .build()
        .expect("a client");
    let short = Duration::from_millis(60);
    let late = within(client.map(Transport::Tcp, 8080).timeout(short)).await;
    assert_eq!(late.err(), Some(Error::TimedOut));

    // The handle lives on, and is ready once the gateway speaks.
    let mapping = client
        .map(Transport::Udp, 9000)
        .timeout(short)
        .start()
        .expect("started");
    assert_eq!(within(mapping.ready()).await, Err(Error::TimedOut));
    assert_eq!(mapping.error(), Some(Error::TimedOut));
    gateway.answer_again();
    let found = gateway.wait_for_rule(BOUND, |rule| is(rule, Transport::Udp, 9000));
    assert!(found.is_some());
    let state = within(mapping.changed()).await;
    assert!(state.is_ok(), "{state:?}");
    drop(mapping);

    // A silent gateway is no gateway.
    gateway.stop_answering();
    let silent = builder(&gateway).build().expect("a client");
    let error = within(silent.map(Transport::Tcp, 8080))
        .await
        .expect_err("silence");
    assert_eq!(error, Error::NoGateway(NoGateway::Silent));
    gateway.answer_again();
    within(silent.shutdown()).await.expect("closed");
    within(client.shutdown()).await.expect("closed");
    assert_eq!((silent.live_callbacks(), client.live_callbacks()), (0, 0));
}

pub(crate) async fn streams_tell_everything() {
    let gateway = gateway();
    let client = client(&gateway);
    let all = client.events();
    let (calls, called) = std::sync::mpsc::channel();
    let request = client.map(Transport::Tcp, 8080).on_change(move |change| {
        calls.send(change.clone()).expect("the test still listens");
    });
    let mapping = request.start().expect("started");
    let own = mapping.events();
    let id = mapping.id();
    within(mapping.ready()).await.expect("mapped");
    within(mapping.unmap()).await;

    let own: Vec<_> = within(own.collect::<Vec<_>>()).await;
    let last = own.last().expect("at least the end");
    assert_eq!(last.state, State::Unmapped);
    within(client.shutdown()).await.expect("closed");
    let all: Vec<_> = within(all.collect::<Vec<_>>()).await;
    assert!(all
        .iter()
        .all(|c| (c.id, c.transport, c.internal_port) == (id, Transport::Tcp, 8080)));
    assert!(matches!(all[0].state, State::Active(_)), "{all:?}");
    assert_eq!(all.last().map(|c| &c.state), Some(&State::Unmapped));
    assert!(all.ends_with(&own));
    let called: Vec<_> = called.iter().collect();
    assert_eq!(called, all, "the callback heard the same and is gone");
    assert_eq!(gateway.rules(), []);
}
