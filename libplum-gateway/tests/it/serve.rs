//! Asking and being answered; several gateways; start, close, restart, stop.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use libplum_gateway::model::{Restart, Transport, Writer};
use libplum_gateway::{ConfigError, Direction, Fate, Gateway, Nonce, Op, StartError};

use crate::client::{Client, ADDRESS, LONG};

#[test]
fn all_three_kinds_of_question() {
    let gateway = Gateway::builder().start().unwrap();
    let client = Client::of(&gateway);
    assert_eq!(client.ask(&ADDRESS).result(), Some(0));
    assert_eq!(client.ask(&client.announce()).op(), Op::PcpAnnounce);
    let answer = client.ask(&client.map(7, 6, 8080, 600));
    assert_eq!(answer.map().unwrap().nonce, Nonce([7; 12]));

    let rule = gateway
        .wait_for_rule(LONG, |rule| rule.internal_port == 8080)
        .unwrap();
    assert_eq!((rule.transport, rule.writer), (Transport::Tcp, Writer::Pcp));
    assert_eq!(rule.peer, Some(client.socket.local_addr().unwrap()));
    assert!(rule.remaining.unwrap() <= Duration::from_secs(600));

    let log = gateway.log();
    let kinds: Vec<_> = log.requests().iter().map(|e| (e.op(), e.fate)).collect();
    let answered = [Op::NatPmpAddress, Op::PcpAnnounce, Op::PcpMap].map(|op| (op, Fate::Answered));
    assert_eq!(kinds, answered);
    let answers = log.answers();
    assert!(answers
        .iter()
        .all(|e| e.direction == Direction::Answer && e.fate == Fate::Sent));
    assert_eq!(answers[2].request, Some(log.requests()[2].number));
    assert_eq!(log.count(Op::PcpMap), 1);
    log.clear();
    assert!(log.entries().is_empty());
}

#[test]
fn several_gateways_in_one_process() {
    let gateways: Vec<_> = (1..=8u8)
        .map(|n| {
            Gateway::builder()
                .external_ip(Ipv4Addr::new(198, 51, 100, n))
                .start()
                .unwrap()
        })
        .collect();
    for (gateway, n) in gateways.iter().zip(1..) {
        let client = Client::of(gateway);
        client.send(&ADDRESS);
        assert_eq!(client.receive().unwrap()[8..], [198, 51, 100, n]);
    }
    assert!(gateways
        .iter()
        .all(|gateway| gateway.log().count(Op::NatPmpAddress) == 1));
}

#[test]
fn other_hosts_of_the_loopback() {
    let listen = SocketAddr::from(([127, 0, 0, 9], 0));
    let gateway = Gateway::builder().listen(listen).start().unwrap();
    assert_eq!(gateway.addr().ip(), listen.ip());
    let hosts = [[127, 0, 0, 20], [127, 0, 0, 30]]
        .map(|ip| Client::connected(IpAddr::V4(ip.into()), gateway.addr()));
    let ports = hosts.each_ref().map(|host| {
        host.ask(&host.map(1, 17, 4000, 600))
            .map()
            .unwrap()
            .external_port
    });
    assert_eq!(ports, [4000, 4001]);
}

#[test]
fn ipv6() {
    let listen = SocketAddr::from((Ipv6Addr::LOCALHOST, 0));
    let refused = Gateway::builder()
        .listen(listen)
        .nat_pmp(true)
        .start()
        .unwrap_err();
    assert!(matches!(
        refused,
        StartError::Config(ConfigError::NatPmpNeedsIpv4(_))
    ));
    let gateway = match Gateway::builder().listen(listen).start() {
        Err(StartError::Bind { source, .. }) if source.kind() == ErrorKind::AddrNotAvailable => {
            return; // a host without IPv6
        }
        other => other.unwrap(),
    };
    let client = Client::connected(Ipv6Addr::LOCALHOST.into(), gateway.addr());
    let answer = client.ask(&client.map(1, 6, 8080, 600));
    assert_eq!(
        (answer.result(), answer.map().unwrap().external_port),
        (Some(0), 8080)
    );
    assert_eq!(answer.map().unwrap().external_ip, Ipv6Addr::LOCALHOST);
    let refused = gateway.set(|knobs| knobs.nat_pmp = true).unwrap_err();
    assert!(matches!(refused, ConfigError::NatPmpNeedsIpv4(_)));
}

#[test]
fn an_address_that_cannot_be_had() {
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap();
    match Gateway::builder().listen(addr).start() {
        Err(StartError::Bind {
            addr: named,
            source,
        }) => {
            assert_eq!((named, source.kind()), (addr, ErrorKind::AddrInUse));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_closed_port_is_refused_by_the_system() {
    let gateway = Gateway::builder().start().unwrap();
    let client = Client::of(&gateway);
    client.ask(&client.map(1, 6, 80, 600));
    for _ in 0..3 {
        gateway.close_port();
        client.send(&ADDRESS);
        assert_eq!(
            client.receive().unwrap_err().kind(),
            ErrorKind::ConnectionRefused
        );
        gateway.open_port().unwrap();
        assert_eq!(client.ask(&ADDRESS).result(), Some(0));
    }
    gateway.close_port();
    gateway.close_port();
    gateway.restart(Restart::LoseTable).unwrap();
    assert_eq!(client.ask(&ADDRESS).epoch(), Some(0));
    assert!(gateway.rules().is_empty());
}

#[test]
fn an_open_port_restarts_too() {
    let gateway = Gateway::builder().start().unwrap();
    let client = Client::of(&gateway);
    client.ask(&client.map(1, 6, 80, 600));
    gateway.set_epoch(5000);
    gateway.restart(Restart::KeepTable).unwrap();
    assert_eq!(gateway.rules().len(), 1);
    assert!(client.ask(&ADDRESS).epoch().unwrap() >= 5000);
    gateway.restart(Restart::LoseTable).unwrap();
    assert!(client.ask(&ADDRESS).epoch().unwrap() < 5000);
    assert!(gateway.forget_rule(Transport::Tcp, 80).is_none());
}

#[test]
fn dropping_it_frees_the_port_and_joins_its_threads() {
    let mut gateway = Gateway::builder().start().unwrap();
    let addr = gateway.addr();
    let begin = Instant::now();
    for round in 0..50 {
        if round % 2 == 0 {
            gateway.close_port();
        }
        drop(gateway);
        gateway = Gateway::builder()
            .listen(addr)
            .start()
            .expect("the port is free at once");
    }
    drop(gateway);
    assert_eq!(UdpSocket::bind(addr).unwrap().local_addr().unwrap(), addr);
    assert!(begin.elapsed() < LONG);
}

#[test]
fn waiting_in_another_thread() {
    let gateway = Gateway::builder().start().unwrap();
    let client = Client::of(&gateway);
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| {
            let rule = gateway.wait_for_rule(LONG, |rule| rule.external_port == 9000);
            let entry = gateway.log().wait_for(LONG, |e| e.op() == Op::PcpAnnounce);
            (
                rule,
                entry,
                gateway.log().wait_for_count(LONG, Op::NatPmpAddress, 2),
            )
        });
        client.ask(&client.map(1, 6, 9000, 600));
        client.ask(&client.announce());
        client.ask(&ADDRESS);
        client.ask(&ADDRESS);
        let (rule, entry, counted) = waiter.join().unwrap();
        assert!(rule.is_some() && entry.is_some() && counted);
    });
    assert!(gateway.wait_for_rule(Duration::ZERO, |_| false).is_none());
}

#[test]
fn a_rule_that_runs_out_wakes_who_waits_for_it() {
    let gateway = Gateway::builder().lifetimes(1..=1).start().unwrap();
    let client = Client::of(&gateway);
    client.ask(&client.map(1, 6, 80, 600));
    assert!(gateway.wait_until(LONG, |model| model.rules().is_empty()));
    let asked = gateway.log().requests()[0].at;
    assert!(gateway.now() >= asked + Duration::from_secs(1));
}

#[test]
fn any_rubbish_is_survived() {
    let gateway = Gateway::builder().log_capacity(16).start().unwrap();
    let client = Client::of(&gateway);
    for length in [0, 1, 2, 23, 24, 60, 1100, 1101, 2048, 2049, 60_000] {
        for first in [0, 1, 2, 255] {
            client.send(&vec![first; length]);
            client.send(&client.announce());
            while client.receive().unwrap()[..4] != [2, 0x80, 0, 0] {}
        }
    }
    assert_eq!(gateway.log().entries().len(), 16);
    assert_eq!(
        gateway.log().dropped(),
        gateway.with(|m, _| m.log().total()) - 16
    );
    assert!(gateway.rules().is_empty());
}
