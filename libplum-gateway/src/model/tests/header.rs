//! RFC 6887 §7, §8.2, §9, Appendix A; RFC 6886 §3.5.

use super::*;
use crate::log::{Dropped, Fate};

fn last_fate(model: &Model) -> Fate {
    model.log().requests().next_back().unwrap().fate
}

#[test]
fn announce_to_the_byte() {
    let mut m = model(|_| {});
    let request = Pcp::announce(alice()).bytes();
    let answer = raw(&mut m, secs(5), alice(), &request).unwrap();
    let mut expected = [0; 24];
    expected[..12].copy_from_slice(&[2, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5]);
    assert_eq!(answer, expected);
    assert!(
        m.rules().is_empty(),
        "§14.1.2: without changing the server's state"
    );
}

#[test]
fn map_to_the_byte() {
    let mut m = model(|_| {});
    let request = Pcp::map(alice(), 0xab, TCP, 8080, 8080).lifetime(7200);
    let answer = raw(&mut m, secs(9), alice(), &request.bytes()).unwrap();
    let mut expected = vec![2, 0x81, 0, 0, 0, 0, 0x1c, 0x20, 0, 0, 0, 9];
    expected.extend([0; 12]);
    expected.extend([0xab; 12]);
    expected.extend([6, 0, 0, 0, 0x1f, 0x90, 0x1f, 0x90]);
    expected.extend([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 203, 0, 113, 7]);
    assert_eq!(answer, expected);
}

#[test]
fn reserved_bits_are_ignored() {
    let mut m = model(|_| {});
    let mut request = Pcp::map(alice(), 1, TCP, 80, 80).bytes();
    request[2] = 0xff;
    request[3] = 0xff;
    request[37..40].fill(0xff);
    let answer = raw(&mut m, secs(0), alice(), &request).unwrap();
    assert_eq!((answer[2], answer[3]), (0, 0));
    assert_eq!(answer[37..40], [0, 0, 0], "sent as 0");
}

#[test]
fn what_is_dropped_without_a_word() {
    let mut m = model(|_| {});
    let mut response = Pcp::announce(alice()).bytes();
    response[1] |= 0x80;
    let cases: [(&[u8], Dropped); 6] = [
        (&[], Dropped::TooShort),
        (&[2], Dropped::TooShort),
        (&response, Dropped::Response),
        (&response[..2], Dropped::Response),
        (&[0, 128], Dropped::Response),
        (&[2; 23], Dropped::TooShort),
    ];
    for (bytes, why) in cases {
        assert_eq!(raw(&mut m, secs(1), alice(), bytes), None);
        assert_eq!(last_fate(&m), Fate::Dropped(why), "{bytes:?}");
    }
}

#[test]
fn malformed_requests_come_back_whole() {
    let mut m = model(|_| {});
    let good = Pcp::map(alice(), 1, TCP, 80, 80).option(200, &[]).bytes();
    // Too short for a MAP; not a multiple of four: padded to one.
    for length in [24, 56, 58, 59, 61, 62, 63] {
        let answer = raw(&mut m, secs(1), alice(), &good[..length]).unwrap();
        assert_eq!((answer[1], answer[3]), (0x81, 3));
        assert_eq!(answer.len(), length.next_multiple_of(4));
        assert_eq!(answer[4..8], 1800u32.to_be_bytes());
        assert_eq!(
            answer[12..length],
            good[12..length],
            "§7.2: the client's last 96 bits stay"
        );
    }
    // Too long: truncated to 1100.
    for length in [1101, 1104, 5000] {
        let mut long = good.clone();
        long.resize(length, 0x80);
        let answer = raw(&mut m, secs(1), alice(), &long).unwrap();
        assert_eq!((answer[3], answer.len()), (3, 1100));
    }
    assert!(m.rules().is_empty());
}

#[test]
fn a_nat_on_the_way_is_seen() {
    let mut m = model(|_| {});
    let answer = ask(&mut m, secs(1), alice(), &Pcp::map(bob(), 1, TCP, 80, 80));
    assert_eq!(
        (answer.result, answer.lifetime),
        (Some(code::pcp::ADDRESS_MISMATCH), 1800)
    );
    // The suggested port and address are copied back (§11.1).
    assert_eq!(answer.map.unwrap().external_port, 80);
    let bytes = Pcp::map(bob(), 1, TCP, 80, 80).bytes();
    let answer = raw(&mut m, secs(1), alice(), &bytes).unwrap();
    assert_eq!(
        answer[12..24],
        [0; 12],
        "§7.2: it was parsed, so they are reserved"
    );
    // An IPv6 address that ends like Alice's is not Alice's: all 128 bits count.
    let mut request = Pcp::announce(alice());
    request.client = "2001:db8::c0a8:114".parse().unwrap();
    assert_eq!(ask(&mut m, secs(1), alice(), &request).result, Some(12));
}

#[test]
fn the_length_is_judged_before_the_address() {
    let mut m = model(|_| {});
    let mut bytes = Pcp::map(bob(), 1, TCP, 80, 80).bytes();
    bytes.pop();
    assert_eq!(raw(&mut m, secs(1), alice(), &bytes).unwrap()[3], 3);
}

#[test]
fn unknown_opcodes_and_peer() {
    let mut m = model(|_| {});
    for opcode in [2, 3, 127] {
        let request = Pcp {
            opcode,
            ..Pcp::map(alice(), 1, TCP, 80, 80)
        };
        let answer = raw(&mut m, secs(1), alice(), &request.bytes()).unwrap();
        assert_eq!((answer[1], answer[3]), (0x80 | opcode, 4));
        assert_eq!(
            answer[12..],
            request.bytes()[12..],
            "§8.2: the payload as it is"
        );
    }
}

#[test]
fn version_negotiation_of_a_pcp_only_server() {
    let mut m = model(|k| k.nat_pmp = false);
    // A NAT-PMP client reads opcode 128 and result 1 in it (Appendix A).
    let answer = raw(&mut m, secs(3), alice(), &[0, 0]).unwrap();
    assert_eq!(answer.len(), 24);
    assert_eq!(answer[..12], [2, 0x80, 0, 1, 0, 0, 7, 8, 0, 0, 0, 3]);
    let answer = raw(&mut m, secs(3), alice(), &nat_pmp_map(2, 80, 80, 60)).unwrap();
    assert_eq!(answer[..4], [2, 0x82, 0, 1]);
    for version in [1, 3, 255] {
        let mut request = Pcp::announce(alice()).bytes();
        request[0] = version;
        let answer = raw(&mut m, secs(3), alice(), &request).unwrap();
        assert_eq!(
            (answer[0], answer[3]),
            (2, 1),
            "the version comes before everything"
        );
    }
}

#[test]
fn version_negotiation_of_a_server_of_both() {
    let mut m = model(|_| {});
    assert_eq!(
        raw(&mut m, secs(3), alice(), &[0, 0]).unwrap()[..2],
        [0, 128]
    );
    assert_eq!(
        raw(&mut m, secs(3), alice(), &[1, 0]).unwrap()[..4],
        [2, 128, 0, 1]
    );
    // NAT-PMP has no IPv6 form.
    assert_eq!(
        raw(&mut m, secs(3), carol(), &[0, 0]).unwrap()[..4],
        [2, 128, 0, 1]
    );
}

#[test]
fn version_error_of_a_nat_pmp_only_server() {
    let request = Pcp::map(alice(), 1, TCP, 80, 80).bytes();
    let mut m = model(|k| Quirk::ShortVersionError.apply(k));
    let answer = raw(&mut m, secs(6), alice(), &request).unwrap();
    assert_eq!(answer, [0, 0, 0, 1, 0, 0, 0, 6], "RFC 6886 §3.5");
    let mut m = model(|k| Quirk::ShortVersionErrorWithResponseBit.apply(k));
    let answer = raw(&mut m, secs(6), alice(), &request).unwrap();
    assert_eq!(answer, [0, 129, 0, 1, 0, 0, 0, 6]);
    let mut m = model(|k| Quirk::DropsV2.apply(k));
    assert_eq!(raw(&mut m, secs(6), alice(), &request), None);
    assert_eq!(last_fate(&m), Fate::Dropped(Dropped::Version));
}
