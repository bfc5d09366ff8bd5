//! Any bytes, any order: no panic, no growth, answers of the right form, one seed one outcome.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// Bytes that look like a request often enough to get past the first checks.
fn packet() -> impl Strategy<Value = Vec<u8>> {
    let port = prop_oneof![0u16..4, Just(5351u16), any::<u16>()];
    let lifetime = prop_oneof![Just(0u32), 1u32..300, any::<u32>()];
    let map = (
        0u8..3,
        prop_oneof![Just(TCP), Just(UDP), any::<u8>()],
        port.clone(),
        port.clone(),
    );
    let options = vec((any::<u8>(), vec(any::<u8>(), 0..24)), 0..4);
    let six = any::<bool>();
    let pcp = (map, lifetime.clone(), options, six).prop_map(|(map, lifetime, options, six)| {
        let (nonce, protocol, internal, external) = map;
        let from = if six { carol() } else { alice() };
        let mut p = Pcp::map(from, nonce, protocol, internal, external).lifetime(lifetime);
        for (code, data) in options {
            p = p.option((code % 6) | (code & 0x80), &data);
        }
        p.bytes()
    });
    let nat_pmp =
        (0u8..4, port.clone(), port, lifetime).prop_map(|(opcode, internal, external, life)| {
            nat_pmp_map(opcode, internal, external, life)
        });
    let clean = prop_oneof![
        pcp,
        nat_pmp,
        vec(any::<u8>(), 0..80),
        vec(any::<u8>(), 1090..1200)
    ];
    // One byte wrong and a cut, now and then.
    (clean, any::<prop::sample::Index>(), any::<u8>(), 0usize..10).prop_map(
        |(mut bytes, at, value, how)| {
            if !bytes.is_empty() {
                let at = at.index(bytes.len());
                match how {
                    0 => bytes[at] = value,
                    1 => bytes.truncate(at),
                    _ => {}
                }
            }
            bytes
        },
    )
}

fn knobs() -> impl Strategy<Value = Knobs> {
    let odds = || prop_oneof![Just(Odds::Never), (0.0..0.5).prop_map(Odds::Chance)];
    let troubles = (odds(), odds(), odds(), odds(), odds(), odds());
    (troubles, any::<[bool; 4]>(), 0u64..50).prop_map(|(t, flags, delay)| {
        let mut k = Knobs {
            max_rules: 6,
            queue: 3,
            ..Knobs::default()
        };
        (k.pcp, k.nat_pmp) = (flags[0], flags[1] || !flags[0]);
        if flags[2] {
            k.table = TableModel::StrictNonce;
        }
        if flags[3] {
            k.service = Service::MINIUPNPD;
        }
        k.trouble.lose_answer = t.0;
        k.trouble.duplicate = t.1;
        k.trouble.truncate = t.2;
        k.trouble.oversize = t.3;
        k.trouble.corrupt = t.4;
        k.trouble.reorder = t.5;
        k.trouble.delay = ms(delay);
        k
    })
}

fn run(knobs: &Knobs, seed: u64, packets: &[Vec<u8>]) -> (Vec<Transmit>, Vec<Rule>) {
    let mut m = Model::new(knobs.clone(), seed)
        .unwrap()
        .with_log_capacity(8)
        .unwrap();
    let mut out = Vec::new();
    for (i, bytes) in packets.iter().enumerate() {
        let from = [alice(), carol(), bob()][i % 3];
        m.receive(ms(i as u64 * 37), from, bytes);
        out.extend(drain(&mut m, ms(i as u64 * 37 + 20)));
        assert!(m.rules().len() <= 6 && m.log().entries().len() <= 8 && m.waiting.len() <= 4);
    }
    out.extend(drain(&mut m, secs(60)));
    (out, m.rules())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_breaks_it_and_it_repeats_itself(
        knobs in knobs(),
        seed in any::<u64>(),
        packets in vec(packet(), 0..40),
    ) {
        prop_assert_eq!(run(&knobs, seed, &packets), run(&knobs, seed, &packets));
    }

    #[test]
    fn every_answer_is_well_formed(packets in vec(packet(), 1..20)) {
        let mut m = model(|k| k.max_rules = 8);
        for (i, bytes) in packets.iter().enumerate() {
            let from = [alice(), carol()][i % 2];
            let before = m.rules();
            let Some(answer) = raw(&mut m, secs(1), from, bytes) else { continue };
            match answer[0] {
                2 => {
                    prop_assert!(answer.len() >= 24 && answer.len() <= 1100);
                    prop_assert_eq!(answer.len() % 4, 0);
                    prop_assert_eq!(answer[1], bytes[1] | 0x80, "the same Opcode, the R bit set");
                    if answer[3] != 0 {
                        prop_assert_eq!(&before, &m.rules(), "an error changes nothing");
                    } else if answer[1] == 0x81 {
                        // §11.1: nonce, protocol and internal port are copied.
                        prop_assert_eq!(&answer[24..37], &bytes[24..37]);
                        prop_assert_eq!(&answer[40..42], &bytes[40..42]);
                    }
                }
                0 => {
                    prop_assert!(answer.len() >= 4);
                    prop_assert_eq!(answer[1], bytes[1] | 0x80);
                }
                other => prop_assert!(false, "version {other}"),
            }
        }
    }

    #[test]
    fn decoding_never_panics(bytes in vec(any::<u8>(), 0..1300)) {
        let packet = Packet::decode(&bytes);
        let _ = (packet.op(), packet.result(), packet.epoch(), packet.map().is_some());
    }

    /// RFC 6887 §11.3: after a granted MAP the table has it, for as long as was said.
    #[test]
    fn what_is_granted_is_in_the_table(
        internal in 1u16.., suggested: u16, lifetime in 1u32.., strict: bool,
    ) {
        let mut m = model(|k| if strict { k.table = TableModel::StrictNonce });
        let map = Pcp::map(alice(), 5, UDP, internal, suggested).lifetime(lifetime);
        let (port, told) = granted(&mut m, secs(3), &map);
        let rules = m.rules();
        prop_assert_eq!(rules.len(), 1);
        prop_assert_eq!((rules[0].internal_port, rules[0].external_port), (internal, port));
        prop_assert_eq!(rules[0].remaining, Some(secs(told.into())));
        prop_assert!(port != 0 && port != 5350 && port != 5351);
    }
}
