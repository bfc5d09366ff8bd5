//! RFC 6886 §3.

use super::*;

fn m() -> Model {
    model(|_| {})
}

#[test]
fn the_external_address_to_the_byte() {
    let mut m = m();
    let answer = raw(&mut m, secs(258), alice(), &[0, 0]).unwrap();
    assert_eq!(answer, [0, 128, 0, 0, 0, 0, 1, 2, 203, 0, 113, 7]);
    m.set(|k| k.external_ip = None).unwrap();
    let answer = raw(&mut m, secs(258), alice(), &[0, 0]).unwrap();
    assert_eq!(answer, [0, 128, 0, 3, 0, 0, 1, 2, 0, 0, 0, 0]);
    m.set(|k| k.force(Op::NatPmpAddress, Forced::result(2u16).times(1)))
        .unwrap();
    let answer = raw(&mut m, secs(258), alice(), &[0, 0]).unwrap();
    assert_eq!(answer, [0, 128, 0, 2, 0, 0, 1, 2, 0, 0, 0, 0]);
}

#[test]
fn a_mapping_to_the_byte() {
    let mut m = m();
    let mut request = nat_pmp_map(1, 4000, 4001, 7200);
    request[2] = 0xff; // reserved: ignored
    let answer = raw(&mut m, secs(7), alice(), &request).unwrap();
    assert_eq!(
        answer,
        [0, 129, 0, 0, 0, 0, 0, 7, 0x0f, 0xa0, 0x0f, 0xa1, 0, 0, 0x1c, 0x20]
    );
    let rule = &m.rules()[0];
    assert_eq!(
        (rule.transport, rule.client),
        (Transport::Udp, alice().ip())
    );
    assert_eq!(
        (rule.writer, rule.remaining),
        (Writer::NatPmp, Some(secs(7200)))
    );
    m.advance(secs(7207));
    assert!(m.rules().is_empty());
}

#[test]
fn no_lifetime_is_longer_than_asked_unless_told_so() {
    let mut m = m();
    let lifetime = |m: &mut Model, asked| {
        let answer = raw(m, secs(0), alice(), &nat_pmp_map(1, 4000, 4000, asked)).unwrap();
        u32::from_be_bytes(answer[12..16].try_into().unwrap())
    };
    assert_eq!(lifetime(&mut m, 10), 10);
    assert_eq!(lifetime(&mut m, u32::MAX), 86_400);
    m.set(|k| k.nat_pmp_lifetimes = NatPmpLifetimes::Clamped)
        .unwrap();
    assert_eq!(lifetime(&mut m, 10), 120);
    m.set(|k| k.nat_pmp_lifetimes = NatPmpLifetimes::AsAsked)
        .unwrap();
    assert_eq!(lifetime(&mut m, u32::MAX), u32::MAX);
    m.set(|k| k.nat_pmp_lifetimes = NatPmpLifetimes::NeverLonger)
        .unwrap();
    m.set(|k| Quirk::TinyLifetime.apply(k)).unwrap();
    assert_eq!(lifetime(&mut m, 7200), 2);
}

#[test]
fn another_hosts_port_is_replaced() {
    let mut m = m();
    raw(&mut m, secs(0), bob(), &nat_pmp_map(2, 80, 80, 600));
    let answer = raw(&mut m, secs(0), alice(), &nat_pmp_map(2, 80, 80, 600)).unwrap();
    assert_eq!(answer[8..12], [0, 80, 0, 81]);
}

#[test]
fn deleting_one_and_deleting_what_is_not_there() {
    let mut m = m();
    raw(&mut m, secs(0), alice(), &nat_pmp_map(2, 80, 8080, 600));
    raw(&mut m, secs(0), alice(), &nat_pmp_map(1, 80, 8080, 600));
    for _ in 0..2 {
        // The suggested external port is ignored.
        let answer = raw(&mut m, secs(1), alice(), &nat_pmp_map(2, 80, 9, 0)).unwrap();
        assert_eq!(answer, [0, 130, 0, 0, 0, 0, 0, 1, 0, 80, 0, 0, 0, 0, 0, 0]);
        assert_eq!(m.rules().len(), 1);
    }
}

#[test]
fn port_zero_deletes_all_of_this_host_and_this_transport() {
    let mut m = m();
    for port in [80, 81] {
        raw(&mut m, secs(0), alice(), &nat_pmp_map(2, port, port, 600));
    }
    raw(&mut m, secs(0), alice(), &nat_pmp_map(1, 80, 80, 600));
    raw(&mut m, secs(0), bob(), &nat_pmp_map(2, 90, 90, 600));
    m.insert_static(secs(0), Transport::Tcp, alice().ip(), 22, 22);
    let answer = raw(&mut m, secs(0), alice(), &nat_pmp_map(2, 0, 0, 0)).unwrap();
    assert_eq!(answer[2..4], [0, 2], "the static one could not be deleted");
    assert_eq!(answer[8..12], [0; 4]);
    let left: Vec<_> = m
        .rules()
        .iter()
        .map(|r| (r.client, r.transport, r.internal_port))
        .collect();
    let (a, b) = (alice().ip(), bob().ip());
    let tcp = Transport::Tcp;
    assert_eq!(left, [(a, tcp, 22), (b, tcp, 90), (a, Transport::Udp, 80)]);
}

#[test]
fn unsupported_opcodes_come_back_whole() {
    let mut m = m();
    let answer = raw(&mut m, secs(0), alice(), &[0, 3, 9, 9, 1, 2, 3]).unwrap();
    assert_eq!(answer, [0, 131, 0, 5, 1, 2, 3]);
    assert_eq!(
        raw(&mut m, secs(0), alice(), &[0, 127]).unwrap(),
        [0, 255, 0, 5]
    );
}

#[test]
fn short_mapping_requests_get_nothing() {
    let mut m = m();
    let request = nat_pmp_map(2, 80, 80, 600);
    for length in 2..request.len() {
        assert_eq!(raw(&mut m, secs(0), alice(), &request[..length]), None);
    }
    assert!(m.rules().is_empty());
}

#[test]
fn results_of_failures() {
    let mut m = m();
    let mut result = |change: fn(&mut Knobs), internal, external| {
        let mut knobs = Knobs::default();
        change(&mut knobs);
        m.set(|k| *k = knobs).unwrap();
        let request = nat_pmp_map(2, internal, external, 600);
        let answer = raw(&mut m, secs(0), alice(), &request).unwrap();
        assert_eq!(
            answer[8..10],
            u16::to_be_bytes(internal),
            "identifies the request"
        );
        if answer[3] != 0 {
            assert_eq!(answer[10..16], [0; 6]);
        }
        answer[3]
    };
    assert_eq!(result(|k| k.external_ip = None, 80, 80), 3);
    assert_eq!(result(|k| k.max_rules = 0, 80, 80), 4);
    assert_eq!(result(|k| k.max_rules_per_host = 0, 80, 80), 4);
    assert_eq!(
        result(|k| k.port_policy = PortPolicy::Fixed(5351), 80, 80),
        0
    );
    assert_eq!(result(|k| Quirk::Disabled.apply(k), 80, 80), 2);
    assert_eq!(result(|k| Quirk::NoPortZero.apply(k), 80, 0), 4);
    assert_eq!(result(|k| Quirk::NoPortZero.apply(k), 80, 80), 0);
    assert_eq!(result(|_| {}, 0, 80), 2);
}
