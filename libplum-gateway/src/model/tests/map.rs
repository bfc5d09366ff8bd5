//! RFC 6887 §11.3 and §15, what both table models have in common; IPv6; resources.

use super::*;
use crate::model::code::pcp;

const BOTH: [TableModel; 2] = [TableModel::SingleRule, TableModel::StrictNonce];

#[test]
fn create_renew_expire() {
    for table in BOTH {
        let mut m = model(|k| k.table = table);
        let map = Pcp::map(alice(), 1, UDP, 4000, 4000).lifetime(600);
        assert_eq!(granted(&mut m, secs(0), &map), (4000, 600));
        assert_eq!(granted(&mut m, secs(300), &map), (4000, 600));
        assert_eq!(m.rules()[0].remaining, Some(secs(600)));
        assert_eq!(m.deadline(), Some(secs(900)));
        m.advance(secs(900) - ms(1));
        assert_eq!(ports(&m), [4000]);
        m.advance(secs(900));
        assert!(
            m.rules().is_empty(),
            "at the end of its lifetime it is gone"
        );
        assert_eq!(m.deadline(), None);
    }
}

#[test]
fn a_client_may_shorten_its_mapping() {
    let mut m = model(|_| {});
    let map = Pcp::map(alice(), 1, UDP, 4000, 4000);
    granted(&mut m, secs(0), &map);
    assert_eq!(granted(&mut m, secs(1), &map.lifetime(200)), (4000, 200));
    m.advance(secs(201));
    assert!(m.rules().is_empty());
}

#[test]
fn lifetimes_are_clamped_both_ways() {
    let mut m = model(|_| {});
    let map = Pcp::map(alice(), 1, TCP, 80, 80);
    assert_eq!(granted(&mut m, secs(0), &map.clone().lifetime(10)).1, 120);
    assert_eq!(
        granted(&mut m, secs(0), &map.clone().lifetime(u32::MAX)).1,
        86_400
    );
    m.set(|k| k.lifetime_told = LifetimeTold::ByteSwapped)
        .unwrap();
    assert_eq!(granted(&mut m, secs(0), &map.lifetime(7200)).1, 0x201c_0000);
    assert_eq!(
        m.rules()[0].remaining,
        Some(secs(7200)),
        "only told, not granted"
    );
}

#[test]
fn delete_copies_what_was_suggested_and_can_be_repeated() {
    for table in BOTH {
        let mut m = model(|k| k.table = table);
        granted(&mut m, secs(0), &Pcp::map(alice(), 1, TCP, 80, 8080));
        let delete = Pcp::delete(alice(), 1, TCP, 80);
        for _ in 0..2 {
            let answer = ask(&mut m, secs(1), alice(), &delete);
            assert_eq!((answer.result, answer.lifetime), (Some(0), 0));
            let fields = answer.map.unwrap();
            assert_eq!((fields.internal_port, fields.external_port), (80, 0));
            assert_eq!(fields.external_ip, Ipv6Addr::UNSPECIFIED);
            assert!(m.rules().is_empty());
        }
    }
}

#[test]
fn delete_of_nothing_as_miniupnpd_has_it() {
    let mut m = model(|k| Quirk::Miniupnpd.apply(k));
    let answer = ask(&mut m, secs(0), alice(), &Pcp::delete(alice(), 1, TCP, 80));
    assert_eq!(
        (answer.result, answer.lifetime),
        (Some(pcp::NO_RESOURCES), 30)
    );
    assert_eq!(
        code_of(&mut m, secs(0), &Pcp::delete(carol(), 1, TCP, 80)),
        0,
        "IPv6: 0"
    );
}

#[test]
fn protocols_and_wildcards() {
    let mut m = model(|_| {});
    let cases = [
        (Pcp::map(alice(), 1, 132, 80, 80), pcp::UNSUPP_PROTOCOL),
        (Pcp::map(alice(), 1, TCP, 0, 0), pcp::UNSUPP_PROTOCOL),
        (Pcp::map(alice(), 1, 0, 0, 0), pcp::UNSUPP_PROTOCOL),
        (Pcp::map(alice(), 1, 0, 80, 80), pcp::MALFORMED_REQUEST),
        (Pcp::delete(alice(), 1, 0, 80), pcp::MALFORMED_REQUEST),
        (Pcp::delete(alice(), 1, 0, 0), pcp::SUCCESS),
        (Pcp::delete(alice(), 1, TCP, 0), pcp::SUCCESS),
        (Pcp::delete(alice(), 1, 132, 7), pcp::SUCCESS),
    ];
    granted(&mut m, secs(0), &Pcp::map(alice(), 1, TCP, 443, 443));
    for (request, code) in cases {
        assert_eq!(
            code_of(&mut m, secs(0), &request),
            code,
            "{:?}",
            request.map
        );
    }
    assert_eq!(
        ports(&m),
        [443],
        "a wildcard delete deletes only a wildcard mapping"
    );
}

#[test]
fn tcp_and_udp_are_two_mappings() {
    let mut m = model(|_| {});
    granted(&mut m, secs(0), &Pcp::map(alice(), 1, TCP, 80, 80));
    granted(&mut m, secs(0), &Pcp::map(alice(), 1, UDP, 80, 80));
    assert_eq!(ports(&m), [80, 80]);
    assert_eq!(
        code_of(&mut m, secs(0), &Pcp::delete(alice(), 1, TCP, 80)),
        0
    );
    assert_eq!(m.rules()[0].transport, Transport::Udp);
}

#[test]
fn a_poor_suggestion_is_no_penalty() {
    let mut m = model(|k| k.reserved_ports = [80, 81].into());
    granted(&mut m, secs(0), &Pcp::map(bob(), 9, TCP, 82, 82));
    let map = Pcp::map(alice(), 1, TCP, 8080, 80).wants("::ffff:127.0.0.1");
    assert_eq!(granted(&mut m, secs(0), &map).0, 83);
    // §11.3: never 5350 and 5351 on UDP.
    assert_eq!(
        granted(&mut m, secs(0), &Pcp::map(alice(), 1, UDP, 5350, 5350)).0,
        5352
    );
    assert_eq!(
        granted(&mut m, secs(0), &Pcp::map(alice(), 1, TCP, 5350, 5350)).0,
        5350
    );
    // At the upper end the search goes on above the privileged ports.
    granted(&mut m, secs(0), &Pcp::map(bob(), 9, TCP, 65535, 65535));
    assert_eq!(
        granted(&mut m, secs(0), &Pcp::map(alice(), 1, TCP, 65535, 65535)).0,
        1024
    );
}

#[test]
fn port_policies() {
    for table in BOTH {
        let mut m = model(|k| {
            k.table = table;
            k.port_policy = PortPolicy::NextFree;
        });
        let map = Pcp::map(alice(), 1, TCP, 80, 80);
        assert_eq!(granted(&mut m, secs(0), &map).0, 81);
        assert_eq!(
            granted(&mut m, secs(0), &map).0,
            81,
            "a retransmission changes nothing"
        );
        let renewal = Pcp::map(alice(), 1, TCP, 80, 81);
        assert_eq!(
            granted(&mut m, secs(0), &renewal).0,
            81,
            "a renewal keeps its port"
        );
        m.set(|k| k.port_policy = PortPolicy::Fixed(60_000))
            .unwrap();
        assert_eq!(
            granted(&mut m, secs(0), &Pcp::map(bob(), 2, TCP, 80, 80)).0,
            60_000
        );
        let third = Pcp::map(bob(), 2, TCP, 90, 90);
        assert_eq!(code_of(&mut m, secs(0), &third), pcp::NO_RESOURCES);
    }
}

#[test]
fn a_full_table_and_a_host_that_has_enough() {
    let mut m = model(|k| {
        k.max_rules = 3;
        k.max_rules_per_host = 2;
    });
    let map = |n: u16| Pcp::map(alice(), 1, TCP, n, n);
    granted(&mut m, secs(0), &map(1));
    granted(&mut m, secs(0), &map(2));
    let answer = ask(&mut m, secs(0), alice(), &map(3));
    assert_eq!(
        (answer.result, answer.lifetime),
        (Some(pcp::USER_EX_QUOTA), 30)
    );
    granted(&mut m, secs(0), &Pcp::map(bob(), 2, TCP, 7, 7));
    let answer = ask(&mut m, secs(0), bob(), &Pcp::map(bob(), 2, TCP, 8, 8));
    assert_eq!(
        (answer.result, answer.lifetime),
        (Some(pcp::NO_RESOURCES), 30)
    );
    granted(&mut m, secs(0), &map(2)); // a renewal needs no room
    assert_eq!(ports(&m), [1, 2, 7]);
}

#[test]
fn a_wan_that_is_down_or_changes() {
    let mut m = model(|k| k.external_ip = None);
    let map = Pcp::map(alice(), 1, TCP, 80, 80);
    let answer = ask(&mut m, secs(0), alice(), &map);
    assert_eq!(
        (answer.result, answer.lifetime),
        (Some(pcp::NETWORK_FAILURE), 30)
    );
    let cgnat = Ipv4Addr::new(100, 64, 0, 9);
    m.change_external_ip(secs(1), Some(cgnat)).unwrap();
    drain(&mut m, secs(200));
    let fields = ask(&mut m, secs(200), alice(), &map).map.unwrap();
    assert_eq!(fields.external_addr(), IpAddr::V4(cgnat));
}

#[test]
fn static_rules_answer_and_stay() {
    for table in BOTH {
        let mut m = model(|k| k.table = table);
        m.insert_static(secs(0), Transport::Tcp, alice().ip(), 80, 8000);
        let map = Pcp::map(alice(), 1, TCP, 80, 80);
        assert_eq!(granted(&mut m, secs(0), &map), (8000, u32::MAX));
        let delete = Pcp::delete(alice(), 1, TCP, 80);
        assert_eq!(code_of(&mut m, secs(0), &delete), pcp::NOT_AUTHORIZED);
        assert_eq!(
            granted(&mut m, secs(0), &Pcp::map(bob(), 2, TCP, 8000, 8000)).0,
            8001
        );
        m.restart(secs(1), Restart::LoseTable);
        let rules = m.rules();
        assert_eq!((rules.len(), rules[0].writer), (1, Writer::Static));
    }
}

#[test]
fn pinholes_on_ipv6() {
    for table in BOTH {
        let mut m = model(|k| k.table = table);
        let map = Pcp::map(carol(), 1, TCP, 80, 9999);
        let fields = ask(&mut m, secs(0), carol(), &map).map.unwrap();
        assert_eq!((fields.external_port, fields.external_ip), (80, map.client));
        let rule = &m.rules()[0];
        assert_eq!((rule.client, rule.external_port), (carol().ip(), 80));
        // The same port on IPv4 is another rule.
        granted(&mut m, secs(0), &Pcp::map(alice(), 1, TCP, 80, 80));
        assert_eq!(m.rules().len(), 2);
        // The nonce always counts.
        let other = Pcp::map(carol(), 2, TCP, 80, 80);
        let answer = ask(&mut m, secs(600), carol(), &other);
        assert_eq!(
            (answer.result, answer.lifetime),
            (Some(pcp::NOT_AUTHORIZED), 3000)
        );
        let insisting = map.clone().prefer_failure();
        assert_eq!(
            code_of(&mut m, secs(600), &insisting),
            pcp::CANNOT_PROVIDE_EXTERNAL
        );
        let insisting = Pcp::map(carol(), 1, TCP, 80, 80).prefer_failure();
        assert_eq!(granted(&mut m, secs(600), &insisting).0, 80);
        assert_eq!(
            code_of(&mut m, secs(600), &Pcp::delete(carol(), 2, TCP, 80)),
            2
        );
        assert_eq!(
            code_of(&mut m, secs(600), &Pcp::delete(carol(), 1, TCP, 80)),
            0
        );
        assert_eq!(m.rules().len(), 1);
    }
}

#[test]
fn forced_results() {
    let mut m = model(|k| {
        k.force(
            Op::PcpMap,
            Forced::result(pcp::NO_RESOURCES).lifetime(7).times(2),
        );
        k.force(Op::PcpAnnounce, Forced::result(pcp::NOT_AUTHORIZED));
    });
    let map = Pcp::map(alice(), 1, TCP, 80, 80);
    for _ in 0..2 {
        let answer = ask(&mut m, secs(0), alice(), &map);
        assert_eq!((answer.result, answer.lifetime), (Some(8), 7));
        assert_eq!(answer.map.unwrap().nonce, Nonce([1; 12]));
    }
    granted(&mut m, secs(0), &map);
    for _ in 0..3 {
        let answer = ask(&mut m, secs(0), alice(), &Pcp::announce(alice()));
        assert_eq!((answer.result, answer.lifetime), (Some(2), 1800));
    }
    m.set(|k| k.forced.clear()).unwrap();
    assert_eq!(code_of(&mut m, secs(0), &Pcp::announce(alice())), 0);
}

#[test]
fn error_lifetimes() {
    let mut m = model(|k| k.error_lifetimes = ErrorLifetimes::Miniupnpd);
    let sctp = Pcp::map(alice(), 1, 132, 80, 80);
    assert_eq!(ask(&mut m, secs(0), alice(), &sctp).lifetime, 0);
    m.set(|k| k.error_lifetimes = ErrorLifetimes::Fixed(5))
        .unwrap();
    assert_eq!(ask(&mut m, secs(0), alice(), &sctp).lifetime, 5);
    m.set(|k| k.force(Op::PcpMap, Forced::result(pcp::NO_RESOURCES).lifetime(77)))
        .unwrap();
    let map = Pcp::map(alice(), 1, TCP, 80, 80);
    assert_eq!(
        ask(&mut m, secs(0), alice(), &map).lifetime,
        77,
        "the test's own word counts"
    );
}
