//! Delay, loss, damage, silence and the serial daemon.

use super::*;
use crate::log::Fate;

fn troubled(change: impl FnOnce(&mut Trouble)) -> Model {
    model(|k| change(&mut k.trouble))
}

fn fates(m: &Model) -> Vec<Fate> {
    m.log().entries().map(|e| e.fate).collect()
}

const ADDRESS: [u8; 2] = [0, 0];

#[test]
fn a_delayed_answer_leaves_on_time() {
    let mut m = troubled(|t| t.delay = ms(70));
    m.receive(ms(10), alice(), &ADDRESS);
    assert_eq!((m.poll(ms(79)), m.deadline()), (None, Some(ms(80))));
    assert_eq!(fates(&m), [Fate::Answered, Fate::Waiting]);
    assert_eq!(m.poll(ms(200)).unwrap().at, ms(80));
    let answer = m.log().answers().next().unwrap();
    assert_eq!(
        (answer.fate, answer.at, answer.request),
        (Fate::Sent, ms(80), Some(0))
    );
}

#[test]
fn jitter_is_seeded_and_bounded() {
    let run = |seed| {
        let knobs = Knobs {
            trouble: Trouble {
                delay: ms(10),
                jitter: ms(40),
                ..Trouble::default()
            },
            ..Knobs::default()
        };
        let mut m = Model::new(knobs, seed).unwrap();
        for _ in 0..50 {
            m.receive(secs(0), alice(), &ADDRESS);
        }
        drain(&mut m, secs(1))
            .iter()
            .map(|p| p.at)
            .collect::<Vec<_>>()
    };
    assert!(run(1).iter().all(|&at| at >= ms(10) && at < ms(50)));
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

#[test]
fn lost_requests_do_nothing_and_lost_answers_did() {
    let mut m = troubled(|t| t.lose_request = Odds::Next(1));
    let map = Pcp::map(alice(), 1, TCP, 80, 80).bytes();
    assert_eq!(raw(&mut m, secs(0), alice(), &map), None);
    assert!(m.rules().is_empty());
    m.set(|k| k.trouble.lose_answer = Odds::Next(1)).unwrap();
    assert_eq!(raw(&mut m, secs(0), alice(), &map), None);
    assert_eq!(ports(&m), [80]);
    assert!(raw(&mut m, secs(0), alice(), &map).is_some());
    let expected = [
        Fate::Lost,
        Fate::Answered,
        Fate::Lost,
        Fate::Answered,
        Fate::Sent,
    ];
    assert_eq!(fates(&m), expected);
}

#[test]
fn duplicates_and_reordering() {
    let mut m = troubled(|t| {
        t.duplicate = Odds::Next(1);
        t.reorder = Odds::OnceAfter(2);
        t.reorder_by = ms(30);
    });
    for second in 1..4 {
        m.receive(
            ms(second),
            alice(),
            &Pcp::map(alice(), second as u8, TCP, 80, 80).bytes(),
        );
    }
    let nonces: Vec<u8> = drain(&mut m, secs(1)).iter().map(|p| p.bytes[24]).collect();
    assert_eq!(nonces, [1, 1, 3, 2]);
}

#[test]
fn damaged_answers() {
    let mut m = troubled(|t| t.wrong_nonce = Odds::Next(1));
    assert_eq!(raw(&mut m, secs(0), alice(), &ADDRESS).unwrap().len(), 12);
    let answer = ask(&mut m, secs(0), alice(), &Pcp::map(alice(), 1, TCP, 80, 80));
    let wrong = answer.map.unwrap().nonce;
    assert_ne!(
        wrong,
        Nonce([1; 12]),
        "the NAT-PMP answer has not used it up"
    );

    m.set(|k| {
        k.trouble.truncate = Odds::Next(1);
        k.trouble.truncate_to = Some(23);
        k.trouble.oversize = Odds::OnceAfter(1);
    })
    .unwrap();
    assert_eq!(
        raw(&mut m, secs(0), alice(), &Pcp::announce(alice()).bytes())
            .unwrap()
            .len(),
        23
    );
    assert_eq!(raw(&mut m, secs(0), alice(), &ADDRESS).unwrap().len(), 1104);

    m.set(|k| k.trouble.corrupt = Odds::Next(1)).unwrap();
    let bad = raw(&mut m, secs(0), alice(), &ADDRESS).unwrap();
    let good = raw(&mut m, secs(0), alice(), &ADDRESS).unwrap();
    let bits: u32 = bad
        .iter()
        .zip(&good)
        .map(|(a, b)| (a ^ b).count_ones())
        .sum();
    assert_eq!(bits, 1);

    m.set(|k| k.trouble.wrong_source = Odds::Next(1)).unwrap();
    m.receive(secs(0), alice(), &ADDRESS);
    assert_eq!(m.poll(secs(0)).unwrap().source, Source::Other);
    assert!(m.log().answers().next_back().unwrap().wrong_source);
}

#[test]
fn silence_is_per_protocol_or_complete() {
    let mut m = model(|k| k.silence.pcp = true);
    let announce = Pcp::announce(alice()).bytes();
    assert_eq!(raw(&mut m, secs(0), alice(), &announce), None);
    assert!(raw(&mut m, secs(0), alice(), &ADDRESS).is_some());
    m.set(|k| {
        k.silence = Silence {
            nat_pmp: true,
            ..Silence::default()
        }
    })
    .unwrap();
    assert!(raw(&mut m, secs(0), alice(), &announce).is_some());
    assert_eq!(raw(&mut m, secs(0), alice(), &ADDRESS), None);
    m.set(|k| k.silence.all = true).unwrap();
    assert_eq!(raw(&mut m, secs(0), alice(), &announce), None);
    assert_eq!(
        m.log().entries().filter(|e| e.fate == Fate::Silent).count(),
        3
    );
}

#[test]
fn a_serial_daemon_takes_one_at_a_time_and_slows_with_its_table() {
    let mut m = model(|k| Quirk::SerialService.apply(k));
    for port in 1..=100 {
        m.receive(
            secs(0),
            alice(),
            &Pcp::map(alice(), 1, TCP, port, port).bytes(),
        );
    }
    let leave: Vec<Duration> = drain(&mut m, secs(100)).iter().map(|p| p.at).collect();
    let gap = |n: usize| (leave[n] - leave[n - 1]).as_millis();
    assert_eq!(leave[0], ms(12));
    assert_eq!(gap(50), 214, "measured: 215 ms at 50 rules");
    assert_eq!(gap(99), 412, "measured: 416 ms at 100 rules");
    assert_eq!(leave.len(), 100);
}

#[test]
fn what_waits_changes_nothing_yet_and_the_queue_is_bounded() {
    let mut m = model(|k| {
        k.service.write = secs(1);
        k.queue = 1;
    });
    for port in 1..=3 {
        m.receive(
            secs(0),
            alice(),
            &Pcp::map(alice(), 1, TCP, port, port).bytes(),
        );
    }
    assert_eq!(fates(&m), [Fate::Waiting, Fate::Waiting, Fate::Overflow]);
    m.advance(ms(999));
    assert!(m.rules().is_empty());
    m.advance(ms(1000));
    assert_eq!(ports(&m), [1]);
    m.restart(ms(1500), Restart::KeepTable);
    m.advance(secs(9));
    assert_eq!(ports(&m), [1], "the second was forgotten by the restart");
}

#[test]
fn impossible_settings_are_refused_as_a_whole() {
    use crate::ConfigError as E;
    let mut m = model(|_| {});
    let mut refused = |change: fn(&mut Knobs)| {
        let error = m
            .set(|k| {
                k.max_rules = 1;
                change(k);
            })
            .unwrap_err();
        assert_eq!(m.knobs().max_rules, 4096, "nothing has changed");
        assert!(!error.to_string().is_empty());
        error
    };
    assert_eq!(
        refused(|k| (k.pcp, k.nat_pmp) = (false, false)),
        E::NoProtocol
    );
    #[allow(clippy::reversed_empty_ranges)]
    let empty = refused(|k| k.lifetimes = 10..=5);
    assert!(matches!(empty, E::Lifetimes(_)));
    assert!(matches!(refused(|k| k.lifetimes = 0..=0), E::Lifetimes(_)));
    let group = Ipv4Addr::new(224, 0, 0, 1);
    assert_eq!(
        refused(|k| k.external_ip = Some(Ipv4Addr::new(224, 0, 0, 1))),
        E::ExternalAddress(group)
    );
    assert_eq!(
        refused(|k| k.port_policy = PortPolicy::Fixed(0)),
        E::FixedPort(0)
    );
    assert_eq!(refused(|k| k.max_filters = 0), E::NoFilter);
    assert_eq!(refused(|k| k.epoch_rate = -1.0), E::EpochRate(-1.0));
    assert_eq!(
        refused(|k| k.trouble.corrupt = Odds::Chance(1.5)),
        E::Probability("corrupt")
    );
    assert_eq!(
        refused(|k| k.trouble.corrupt = Odds::Chance(f64::NAN)),
        E::Probability("corrupt")
    );
    assert_eq!(
        refused(|k| k.trouble.oversize_to = 70_000),
        E::Oversize(70_000)
    );
    let forced = refused(|k| k.force(Op::PcpMap, Forced::result(256u16)));
    assert_eq!(
        forced,
        E::Forced {
            op: Op::PcpMap,
            code: 256
        }
    );
    let forced = refused(|k| k.force(Op::NatPmpMap, Forced::result(0u16)));
    assert_eq!(
        forced,
        E::Forced {
            op: Op::NatPmpMap,
            code: 0
        }
    );
    assert_eq!(
        model(|_| {}).with_log_capacity(0).unwrap_err(),
        E::LogCapacity
    );
}

#[test]
fn trouble_for_one_kind_alone() {
    let mut m = troubled(|t| {
        t.only = Some(Op::PcpDelete);
        t.lose_answer = Odds::Next(1);
        t.delay = ms(50);
    });
    let map = Pcp::map(alice(), 1, TCP, 80, 80).bytes();
    assert!(
        raw(&mut m, secs(0), alice(), &map).is_some(),
        "not lost, not late"
    );
    let wrong = Pcp::delete(alice(), 2, TCP, 80).bytes();
    assert_eq!(raw(&mut m, secs(0), alice(), &wrong), None);
    let lost = m.log().answers().next_back().unwrap();
    assert_eq!(
        (lost.fate, lost.op(), lost.packet.result()),
        (Fate::Lost, Op::PcpDelete, Some(2))
    );
    m.receive(secs(0), alice(), &Pcp::delete(alice(), 1, TCP, 80).bytes());
    assert_eq!(m.deadline(), Some(ms(50)));
}
