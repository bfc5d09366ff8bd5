//! RFC 6887 §7.3 and §13.

use super::*;
use crate::model::code::pcp;

fn filter(prefix_length: u8, port: u16, peer: &str) -> Vec<u8> {
    let mut out = vec![0xff, prefix_length]; // the reserved byte is ignored
    out.extend(port.to_be_bytes());
    out.extend(peer.parse::<Ipv6Addr>().unwrap().octets());
    out
}

fn map() -> Pcp {
    Pcp::map(alice(), 1, TCP, 80, 80)
}

#[test]
fn codes_of_bad_options() {
    let mut m = model(|_| {});
    let mut endless = map().option(200, &[0; 4]);
    endless.options[3] = 200; // longer than the packet
    let me = alice().ip();
    let IpAddr::V4(me) = me else { unreachable!() };
    let cases = [
        (map().option(4, &[]), pcp::UNSUPP_OPTION),
        (map().option(0, &[]), pcp::UNSUPP_OPTION),
        (map().option(127, &[1, 2, 3]), pcp::UNSUPP_OPTION),
        (endless, pcp::MALFORMED_OPTION),
        (map().option(2, &[0; 4]), pcp::MALFORMED_OPTION),
        (
            map().prefer_failure().prefer_failure(),
            pcp::MALFORMED_OPTION,
        ),
        (
            Pcp::map(alice(), 1, TCP, 80, 0).prefer_failure(),
            pcp::MALFORMED_OPTION,
        ),
        (
            Pcp::delete(alice(), 1, TCP, 80).prefer_failure(),
            pcp::MALFORMED_OPTION,
        ),
        (map().option(1, &[0; 16]), pcp::UNSUPP_OPTION),
        (map().option(1, &[0; 12]), pcp::MALFORMED_OPTION),
        (
            map().option(1, &me.to_ipv6_mapped().octets()),
            pcp::MALFORMED_REQUEST,
        ),
        (map().option(3, &[0; 16]), pcp::MALFORMED_OPTION),
        (
            map().option(3, &filter(95, 0, "::ffff:198.51.100.1")),
            pcp::MALFORMED_OPTION,
        ),
        (
            map().option(3, &filter(129, 0, "2001:db8::")),
            pcp::MALFORMED_OPTION,
        ),
        (
            Pcp::delete(alice(), 1, TCP, 80).option(3, &filter(0, 0, "::")),
            pcp::MALFORMED_OPTION,
        ),
        (Pcp::announce(alice()).option(99, &[]), pcp::UNSUPP_OPTION),
        (
            Pcp::announce(alice()).prefer_failure(),
            pcp::MALFORMED_OPTION,
        ),
    ];
    for (request, expected) in cases {
        let bytes = request.bytes();
        let answer = raw(&mut m, secs(0), alice(), &bytes).unwrap();
        assert_eq!(answer[3], expected, "{:?}", request.options);
        assert_eq!(
            answer[24..],
            bytes[24..],
            "in error responses all options are returned"
        );
    }
    assert!(m.rules().is_empty(), "an error changes nothing");
}

#[test]
fn optional_options_are_ignored_and_not_returned() {
    let mut m = model(|_| {});
    let answer = ask(
        &mut m,
        secs(0),
        alice(),
        &map().option(128, &[7; 5]).option(255, &[]),
    );
    assert_eq!((answer.result, answer.options.len()), (Some(0), 0));
    assert_eq!(
        code_of(&mut m, secs(0), &Pcp::announce(alice()).option(200, &[])),
        0
    );
}

#[test]
fn prefer_failure_gets_its_port_or_none() {
    let mut m = model(|_| {});
    let answer = ask(&mut m, secs(0), alice(), &map().prefer_failure());
    assert_eq!(
        (answer.result, answer.options),
        (Some(0), vec![(2, vec![])])
    );
    granted(&mut m, secs(0), &Pcp::map(bob(), 2, TCP, 81, 81));
    let taken = Pcp::map(alice(), 1, TCP, 99, 81).prefer_failure();
    let answer = ask(&mut m, secs(1000), alice(), &taken);
    assert_eq!(answer.result, Some(pcp::CANNOT_PROVIDE_EXTERNAL));
    assert_eq!(
        answer.lifetime,
        2600 + 240,
        "§13.2: what is left of the conflict, + TIME_WAIT"
    );
    let reserved = Pcp::map(alice(), 1, UDP, 99, 5351).prefer_failure();
    assert_eq!(
        code_of(&mut m, secs(1000), &reserved),
        pcp::CANNOT_PROVIDE_EXTERNAL
    );
    assert_eq!(ports(&m), [80, 81]);
}

#[test]
fn prefer_failure_means_the_address_too() {
    let mut m = model(|_| {});
    let right = map().wants("::ffff:203.0.113.7").prefer_failure();
    granted(&mut m, secs(0), &right);
    let stale = map().wants("::ffff:203.0.113.8").prefer_failure();
    assert_eq!(
        code_of(&mut m, secs(0), &stale),
        pcp::CANNOT_PROVIDE_EXTERNAL
    );
    let nat46 = map().wants("::").prefer_failure();
    assert_eq!(
        code_of(&mut m, secs(0), &nat46),
        pcp::CANNOT_PROVIDE_EXTERNAL
    );
    granted(&mut m, secs(0), &map().wants("::"));
}

#[test]
fn options_can_be_refused() {
    let mut m = model(|k| {
        k.prefer_failure = OptionSupport::Refused;
        k.filter = OptionSupport::Refused;
    });
    assert_eq!(
        code_of(&mut m, secs(0), &map().prefer_failure()),
        pcp::UNSUPP_OPTION
    );
    let filtered = map().option(3, &filter(128, 0, "::ffff:198.51.100.1"));
    assert_eq!(code_of(&mut m, secs(0), &filtered), pcp::UNSUPP_OPTION);
}

#[test]
fn filters_add_up_and_are_cleared_by_prefix_zero() {
    let mut m = model(|k| k.max_filters = 2);
    let one = filter(128, 443, "::ffff:198.51.100.1");
    let two = filter(120, 0, "::ffff:198.51.100.0");
    let three = filter(96, 0, "::ffff:0:0");
    let answer = ask(&mut m, secs(0), alice(), &map().option(3, &one));
    assert_eq!(answer.options.len(), 1, "a processed option is returned");
    granted(&mut m, secs(0), &map().option(3, &two));
    let rule = &m.rules()[0];
    assert_eq!(
        rule.filters
            .iter()
            .map(|f| f.prefix_length)
            .collect::<Vec<_>>(),
        [128, 120]
    );
    assert_eq!((rule.filters[0].port, rule.filters[1].port), (443, 0));
    let answer = ask(
        &mut m,
        secs(0),
        alice(),
        &map().lifetime(200).option(3, &three),
    );
    assert_eq!(answer.result, Some(pcp::EXCESSIVE_REMOTE_PEERS));
    assert_eq!(m.rules()[0].remaining, Some(secs(3600)), "unchanged");
    let change = map().option(3, &filter(0, 0, "::")).option(3, &three);
    granted(&mut m, secs(0), &change);
    assert_eq!(m.rules()[0].filters.len(), 1);
    granted(&mut m, secs(0), &map());
    assert_eq!(
        m.rules()[0].filters.len(),
        1,
        "a renewal without FILTER keeps them"
    );
}
