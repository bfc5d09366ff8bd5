//! miniupnpd's table: what was measured on it (DESIGN §3, QUIRKS "Facts of miniupnpd").

use super::*;

fn m() -> Model {
    model(|k| k.table = TableModel::SingleRule)
}

#[test]
fn another_nonce_with_the_same_suggestion_takes_the_rule_over() {
    let mut m = m();
    granted(&mut m, secs(0), &Pcp::map(alice(), 1, TCP, 80, 80));
    assert_eq!(
        granted(&mut m, secs(0), &Pcp::map(alice(), 2, TCP, 80, 80)).0,
        80
    );
    assert_eq!(ports(&m), [80]);
    assert_eq!(m.rules()[0].nonce, Some(Nonce([2; 12])));
    assert_eq!(
        code_of(&mut m, secs(0), &Pcp::delete(alice(), 1, TCP, 80)),
        2
    );
    assert_eq!(
        code_of(&mut m, secs(0), &Pcp::delete(alice(), 2, TCP, 80)),
        0
    );
}

#[test]
fn another_nonce_with_another_suggestion_makes_a_second_rule() {
    let mut m = m();
    granted(&mut m, secs(0), &Pcp::map(alice(), 1, TCP, 80, 80));
    assert_eq!(
        granted(&mut m, secs(0), &Pcp::map(alice(), 2, TCP, 80, 8080)).0,
        8080
    );
    assert_eq!(ports(&m), [80, 8080]);
    let first = Pcp::delete(alice(), 1, TCP, 80);
    assert_eq!(
        code_of(&mut m, secs(0), &first),
        2,
        "while the second lives"
    );
    assert_eq!(
        code_of(&mut m, secs(0), &Pcp::delete(alice(), 2, TCP, 80)),
        0
    );
    assert_eq!(ports(&m), [80]);
    assert_eq!(code_of(&mut m, secs(0), &first), 0);
    assert!(m.rules().is_empty());
}

#[test]
fn one_nonce_with_two_suggestions_orphans_a_rule() {
    let mut m = m();
    granted(&mut m, secs(0), &Pcp::map(alice(), 1, TCP, 80, 80));
    granted(&mut m, secs(0), &Pcp::map(alice(), 1, TCP, 80, 8080));
    assert_eq!(
        code_of(&mut m, secs(0), &Pcp::delete(alice(), 1, TCP, 80)),
        0
    );
    assert_eq!(ports(&m), [80]);
}

#[test]
fn nat_pmp_steals_the_pcp_rule() {
    let mut m = m();
    granted(&mut m, secs(0), &Pcp::map(alice(), 1, TCP, 80, 80));
    let answer = raw(&mut m, secs(0), alice(), &nat_pmp_map(2, 80, 80, 600)).unwrap();
    assert_eq!(answer[10..12], 80u16.to_be_bytes());
    let rules = m.rules();
    assert_eq!(
        (rules.len(), rules[0].writer, rules[0].nonce),
        (1, Writer::NatPmp, None)
    );
    assert_eq!(
        code_of(&mut m, secs(0), &Pcp::delete(alice(), 1, TCP, 80)),
        2
    );
}

#[test]
fn pcp_takes_the_nat_pmp_rule_over() {
    let mut m = m();
    raw(&mut m, secs(0), alice(), &nat_pmp_map(2, 80, 80, 600));
    assert_eq!(
        granted(&mut m, secs(0), &Pcp::map(alice(), 1, TCP, 80, 80)).0,
        80
    );
    let rules = m.rules();
    assert_eq!((rules.len(), rules[0].writer), (1, Writer::Pcp));
}

#[test]
fn a_nat_pmp_delete_over_a_pcp_rule_answers_success_and_may_spare_it() {
    let mut m = m();
    granted(&mut m, secs(0), &Pcp::map(alice(), 1, TCP, 80, 80));
    m.set(|k| k.nat_pmp_spares_pcp = Odds::Next(1)).unwrap();
    for left in [1, 0] {
        let answer = raw(&mut m, secs(0), alice(), &nat_pmp_map(2, 80, 0, 0)).unwrap();
        assert_eq!(answer[2..4], [0, 0]);
        assert_eq!(m.rules().len(), left);
    }
}

#[test]
fn another_hosts_port_is_never_given() {
    let mut m = m();
    granted(&mut m, secs(0), &Pcp::map(bob(), 1, TCP, 80, 80));
    assert_eq!(
        granted(&mut m, secs(0), &Pcp::map(alice(), 1, TCP, 80, 80)).0,
        81
    );
    // With miniupnpd's PREFER_FAILURE too: SUCCESS and another port.
    m.set(|k| k.prefer_failure = OptionSupport::Ignored)
        .unwrap();
    let insisting = Pcp::map(alice(), 1, TCP, 90, 80).prefer_failure();
    let answer = ask(&mut m, secs(0), alice(), &insisting);
    assert_eq!(answer.map.unwrap().external_port, 82);
    assert_eq!(answer.options, [(2, vec![])], "returned all the same");
}
