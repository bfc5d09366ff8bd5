//! RFC 6887 §11.3 as it reads.

use super::*;
use crate::model::code::pcp;

fn m() -> Model {
    model(|k| k.table = TableModel::StrictNonce)
}

#[test]
fn another_nonce_is_not_authorized_as_long_as_the_mapping_lives() {
    let mut m = m();
    granted(&mut m, secs(0), &Pcp::map(alice(), 1, TCP, 80, 80));
    for request in [
        Pcp::map(alice(), 2, TCP, 80, 80),
        Pcp::map(alice(), 2, TCP, 80, 8080),
        Pcp::delete(alice(), 2, TCP, 80),
        // §11.3's order: the nonce before an option that makes no sense.
        Pcp::delete(alice(), 2, TCP, 80).prefer_failure(),
    ] {
        let answer = ask(&mut m, secs(600), alice(), &request);
        assert_eq!(
            (answer.result, answer.lifetime),
            (Some(pcp::NOT_AUTHORIZED), 3000)
        );
    }
    let map = Pcp::map(alice(), 2, TCP, 80, 80);
    assert_eq!(
        granted(&mut m, secs(3600), &map),
        (80, 3600),
        "it has expired"
    );
}

#[test]
fn an_existing_mapping_keeps_its_port_whatever_is_suggested() {
    let mut m = m();
    granted(&mut m, secs(0), &Pcp::map(alice(), 1, TCP, 80, 80));
    assert_eq!(
        granted(&mut m, secs(9), &Pcp::map(alice(), 1, TCP, 80, 8080)),
        (80, 3600)
    );
    let insisting = Pcp::map(alice(), 1, TCP, 80, 8080).prefer_failure();
    assert_eq!(
        code_of(&mut m, secs(9), &insisting),
        pcp::CANNOT_PROVIDE_EXTERNAL
    );
    assert_eq!(ports(&m), [80]);
}

#[test]
fn no_suggestion_gets_a_high_port_from_the_seed() {
    let assigned = |seed| {
        let knobs = Knobs {
            table: TableModel::StrictNonce,
            ..Knobs::default()
        };
        let mut m = Model::new(knobs, seed).unwrap();
        granted(&mut m, secs(0), &Pcp::map(alice(), 1, TCP, 80, 0)).0
    };
    assert!(assigned(1) >= 49_152);
    assert_eq!(assigned(1), assigned(1));
    assert_ne!(assigned(1), assigned(2));
}

#[test]
fn nat_pmp_beside_pcp() {
    let mut m = m();
    granted(&mut m, secs(0), &Pcp::map(alice(), 1, TCP, 80, 8080));
    // RFC 6886 §3.3: the already-assigned port; the lifetime is not shortened for PCP's client.
    let answer = raw(&mut m, secs(0), alice(), &nat_pmp_map(2, 80, 80, 600)).unwrap();
    assert_eq!(answer[10..12], 8080u16.to_be_bytes());
    let rule = &m.rules()[0];
    assert_eq!(
        (rule.writer, rule.remaining),
        (Writer::Pcp, Some(secs(3600)))
    );
    // The nonce protects it from a NAT-PMP delete.
    let answer = raw(&mut m, secs(0), alice(), &nat_pmp_map(2, 80, 0, 0)).unwrap();
    assert_eq!(answer[2..4], [0, 2]);
    assert_eq!(ports(&m), [8080]);
}

#[test]
fn pcp_beside_nat_pmp() {
    let mut m = m();
    raw(&mut m, secs(0), alice(), &nat_pmp_map(2, 80, 8080, 600));
    let delete = Pcp::delete(alice(), 1, TCP, 80);
    assert_eq!(
        code_of(&mut m, secs(0), &delete),
        pcp::NOT_AUTHORIZED,
        "§15.1: not MAP-created"
    );
    assert_eq!(
        granted(&mut m, secs(0), &Pcp::map(alice(), 1, TCP, 80, 80)).0,
        8080
    );
    assert_eq!(code_of(&mut m, secs(0), &delete), 0);
}

#[test]
fn nat_pmp_reserves_the_companion_port() {
    let mut m = m();
    raw(&mut m, secs(0), alice(), &nat_pmp_map(2, 80, 80, 600));
    let answer = raw(&mut m, secs(0), bob(), &nat_pmp_map(1, 80, 80, 600)).unwrap();
    assert_eq!(
        answer[10..12],
        81u16.to_be_bytes(),
        "UDP 80 is kept for Alice"
    );
    let answer = raw(&mut m, secs(0), alice(), &nat_pmp_map(1, 80, 80, 600)).unwrap();
    assert_eq!(answer[10..12], 80u16.to_be_bytes());
}
